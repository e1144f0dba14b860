//! Methods of hashes. `ENV` borrows those that change nothing.

use std::rc::Rc;

use crate::evaluate::names;
use crate::evaluate::walk::Evaluator;
use crate::values::flow::{raise, refuse};
use crate::values::inspect;
use crate::values::limits::ITEM;
use crate::values::text::lossy;
use crate::values::value::{Map, Outcome, Pairs, Value};

use crate::evaluate::call::collections::array;
use crate::evaluate::call::{Answer, Call, fetched};
use crate::values::conversion::pairs_of;

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Answer {
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
        "keys" => Value::list(keys(map)),
        "values" => Value::list(values(map)),
        "values_at" => {
            let map = map.0.borrow();
            Value::list(call.args.iter().map(|key| map.index(key, &ev.budget)).collect())
        }
        "length" | "size" => Value::count(map.0.borrow().pairs.len()),
        "empty?" => Value::Bool(map.0.borrow().pairs.is_empty()),
        "each_key" | "each_value" => {
            let _copies = ev.budget.hold(map.0.borrow().pairs.len() * ITEM)?;
            let items = if call.name == "each_key" { keys(map) } else { values(map) };
            ev.yield_each(call.need_block()?, items)?;
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
        name if names::is_method("Object", name) => return Ok(None),
        _ => return chosen(ev, map, call),
    };
    Ok(Some(value))
}

fn fetch<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Outcome {
    let found = map.0.borrow().get(call.arg(0), &ev.budget).cloned();
    fetched(ev, found, call, |ev| {
        let key = lossy(&inspect::inspect(call.arg(0), &ev.budget)?);
        raise("KeyError", format!("key not found: {key}"))
    })
}

fn keys(map: &Map) -> Vec<Value> {
    map.0.borrow().pairs.iter().map(|(key, _)| key.clone()).collect()
}

fn values(map: &Map) -> Vec<Value> {
    map.0.borrow().pairs.iter().map(|(_, value)| value.clone()).collect()
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
            let pairs = pairs_of(call.arg(0))?;
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

fn merge<'a>(ev: &mut Evaluator<'a>, map: &Rc<Map>, call: &Call<'_, 'a>) -> Outcome<()> {
    for arg in call.args {
        let other = match arg {
            Value::Env => return refuse("merging `ENV`"),
            other => pairs_of(other)?,
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
        "slice" | "except" => {
            let wanted = call.name == "slice";
            let chosen = |key: &Value| array::contains(ev, call.args, key) == wanted;
            kept.pairs = pairs.into_iter().filter(|(key, _)| chosen(key)).collect();
        }
        "transform_values" => {
            for (key, value) in pairs {
                let value = ev.yield_to(call.need_block()?, vec![value])?;
                kept.pairs.push((key, value));
            }
        }
        "transform_keys" => {
            for (key, value) in pairs {
                let key = ev.yield_to(call.need_block()?, vec![key])?;
                kept.set(key, value, &ev.budget)?;
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(Value::map(kept)))
}
