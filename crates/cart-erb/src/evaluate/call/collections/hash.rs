//! Methods of hashes. `ENV` borrows those that change nothing.

use std::rc::Rc;

use crate::evaluate::walk::{Block, Evaluator};
use crate::values::flow::{raise, refuse, type_error};
use crate::values::inspect;
use crate::values::limits::ITEM;
use crate::values::value::{Map, Outcome, Pairs, Value};

use crate::evaluate::call::collections::array;
use crate::evaluate::call::{Answer, Call};
use crate::values::conversion::noun;

pub(in crate::evaluate::call) fn call<'a>(
    ev: &mut Evaluator<'a>,
    map: &Rc<Map>,
    call: &Call<'_, 'a>,
) -> Answer {
    let this = Value::Map(map.clone());
    let value = match call.name {
        "[]" => map.0.borrow().index(call.arg(0), &ev.budget),
        "[]=" | "store" => {
            let (key, value) = (call.arg(0).clone(), call.arg(1).clone());
            map.set(key, value, &ev.budget)?;
            call.arg(1).clone()
        }
        "fetch" => fetch(ev, map, call)?,
        "dig" => array::dig(ev, &this, call)?,
        "key?" | "has_key?" | "include?" | "member?" => {
            Value::Bool(map.0.borrow().get(call.arg(0), &ev.budget).is_some())
        }
        "value?" | "has_value?" => {
            let wanted = |value: &Value| value.equals(call.arg(0), &ev.budget);
            Value::Bool(map.0.borrow().pairs.iter().any(|(_, value)| wanted(value)))
        }
        "key" => {
            let map = map.0.borrow();
            let wanted = |value: &Value| value.equals(call.arg(0), &ev.budget);
            let found = map.pairs.iter().find(|(_, value)| wanted(value));
            found.map_or(Value::Nil, |(key, _)| key.clone())
        }
        "keys" => Value::list(map.0.borrow().pairs.iter().map(|(key, _)| key.clone()).collect()),
        "values" => {
            Value::list(map.0.borrow().pairs.iter().map(|(_, value)| value.clone()).collect())
        }
        "values_at" => {
            let map = map.0.borrow();
            Value::list(call.args.iter().map(|key| map.index(key, &ev.budget)).collect())
        }
        "length" | "size" => Value::count(map.0.borrow().pairs.len()),
        "empty?" => Value::Bool(map.0.borrow().pairs.is_empty()),
        "each" | "each_pair" | "each_key" | "each_value" => {
            each(ev, map, call)?;
            this
        }
        "delete" | "clear" | "shift" | "replace" | "default=" | "merge!" | "update" => {
            return change(ev, map, call);
        }
        "merge" => {
            let copy = Rc::new(Map(map.0.borrow().clone().into()));
            merge(ev, &copy, call)?;
            Value::Map(copy)
        }
        "default" => map.0.borrow().default.clone().unwrap_or(Value::Nil),
        "to_hash" => this,
        "to_h" if call.block.is_none() => this,
        "to_s" | "inspect" => Value::str(inspect::inspect(&this, &ev.budget)?),
        _ => return chosen(ev, map, call),
    };
    Ok(Some(value))
}

fn fetch<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Outcome {
    let found = map.0.borrow().get(call.arg(0), &ev.budget).cloned();
    match (found, call.block, call.args.get(1)) {
        (Some(value), ..) => Ok(value),
        (None, Some(block), _) => ev.yield_to(block, vec![call.arg(0).clone()]),
        (None, None, Some(default)) => Ok(default.clone()),
        (None, None, None) => {
            let key = crate::values::text::lossy(&inspect::inspect(call.arg(0), &ev.budget)?);
            raise("KeyError", format!("key not found: {key}"))
        }
    }
}

fn each<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Outcome<()> {
    let block = call.need_block()?;
    let _copies = ev.budget.hold(2 * map.0.borrow().pairs.len() * ITEM)?;
    let pairs = map.0.borrow().pairs.clone();
    for (key, value) in pairs {
        let given = match call.name {
            "each_key" => key,
            "each_value" => value,
            _ => {
                ev.budget.make_objects(1, 2 * ITEM)?;
                Value::pair(key, value)
            }
        };
        ev.yield_to(block, vec![given])?;
    }
    Ok(())
}

fn change<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Answer {
    let value = match call.name {
        "delete" => {
            let removed = map.remove(call.arg(0), &ev.budget);
            match (removed, call.block) {
                (Some(value), _) => value,
                (None, Some(block)) => ev.yield_to(block, vec![call.arg(0).clone()])?,
                (None, None) => Value::Nil,
            }
        }
        "clear" => {
            map.0.borrow_mut().pairs.clear();
            Value::Map(map.clone())
        }
        "shift" => {
            let mut map = map.0.borrow_mut();
            if map.pairs.is_empty() {
                return refuse("`Hash#shift` of an empty hash");
            }
            let (key, value) = map.pairs.remove(0);
            Value::pair(key, value)
        }
        "replace" => {
            let pairs = as_pairs(call.arg(0))?;
            ev.budget.make(2 * pairs.pairs.len() * ITEM)?;
            map.0.borrow_mut().pairs = pairs.pairs;
            Value::Map(map.clone())
        }
        "default=" => {
            map.0.borrow_mut().default = Some(call.arg(0).clone());
            call.arg(0).clone()
        }
        _ => {
            merge(ev, map, call)?;
            Value::Map(map.clone())
        }
    };
    Ok(Some(value))
}

fn as_pairs(value: &Value) -> Outcome<Pairs> {
    match value {
        Value::Map(map) => Ok(map.0.borrow().clone()),
        other => type_error(format!("no implicit conversion of {} into Hash", noun(other))),
    }
}

fn merge<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Outcome<()> {
    for arg in call.args {
        let other = match arg {
            Value::Env => return refuse("merging `ENV`"),
            other => as_pairs(other)?,
        };
        for (key, value) in other.pairs {
            let old = map.0.borrow().get(&key, &ev.budget).cloned();
            let value = match (old, call.block) {
                (Some(old), Some(block)) => ev.yield_to(block, vec![key.clone(), old, value])?,
                _ => value,
            };
            map.set(key, value, &ev.budget)?;
        }
    }
    Ok(())
}

/// What a block chooses or changes, pair by pair.
fn chosen<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Answer {
    let _copies = ev.budget.hold(2 * map.0.borrow().pairs.len() * ITEM)?;
    let pairs = map.0.borrow().pairs.clone();
    let mut kept = Pairs::default();
    match call.name {
        "select" | "filter" | "reject" | "select!" | "filter!" | "reject!" | "delete_if"
        | "keep_if" => {
            let wanted = !matches!(call.name, "reject" | "reject!" | "delete_if");
            let block = call.need_block()?;
            for (key, value) in &pairs {
                if ev.yield_to(block, vec![key.clone(), value.clone()])?.truthy() == wanted {
                    kept.pairs.push((key.clone(), value.clone()));
                }
            }
            if matches!(call.name, "select" | "filter" | "reject") {
                return Ok(Some(Value::map(kept)));
            }
            let same = kept.pairs.len() == pairs.len();
            map.0.borrow_mut().pairs = kept.pairs;
            let nil = same && call.name.ends_with('!');
            return Ok(Some(if nil { Value::Nil } else { Value::Map(map.clone()) }));
        }
        "compact" => kept.pairs = pairs.into_iter().filter(|(_, value)| !value.is_nil()).collect(),
        "invert" => {
            for (key, value) in pairs {
                kept.set(value, key, &ev.budget)?;
            }
        }
        "slice" => kept.pairs = only(ev, pairs, call.args, true),
        "except" => kept.pairs = only(ev, pairs, call.args, false),
        "transform_values" | "transform_keys" => {
            transform(ev, pairs, call, &mut kept)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(Value::map(kept)))
}

fn only(
    ev: &Evaluator<'_>,
    pairs: Vec<(Value, Value)>,
    keys: &[Value],
    wanted: bool,
) -> Vec<(Value, Value)> {
    let named = |key: &Value| array::contains(ev, keys, key);
    pairs.into_iter().filter(|(key, _)| named(key) == wanted).collect()
}

fn transform<'a>(
    ev: &mut Evaluator<'a>,
    pairs: Vec<(Value, Value)>,
    call: &Call<'_, 'a>,
    kept: &mut Pairs,
) -> Outcome<()> {
    let block: &Block<'a> = call.need_block()?;
    for (key, value) in pairs {
        if call.name == "transform_values" {
            let value = ev.yield_to(block, vec![value])?;
            kept.pairs.push((key, value));
        } else {
            let key = ev.yield_to(block, vec![key])?;
            kept.set(key, value, &ev.budget)?;
        }
    }
    Ok(())
}
