//! `ENV`: the environment of the rendering. A template may change its own copy of it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::{argument_error, raise, type_error};
use crate::values::inspect;
use crate::values::limits::ITEMS_PER_STEP;
use crate::values::text::lossy;
use crate::values::value::{Map, Outcome, Pairs, Value};

use crate::evaluate::call::collections::hash;
use crate::evaluate::call::{Answer, Call, fetched};
use crate::values::conversion::{noun, text_of};

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, call: &Call<'_, 'a>) -> Answer {
    ev.charge(ev.env.len() / ITEMS_PER_STEP)?;
    let value = match call.name {
        "[]" => lookup(ev, &name(call)?)?.unwrap_or(Value::Nil),
        "fetch" => {
            let name = name(call)?;
            let found = lookup(ev, &name)?;
            fetched(ev, found, call, |_| {
                raise("KeyError", format!("key not found: \"{}\"", lossy(&name)))
            })?
        }
        "has_key?" | "key?" | "include?" | "member?" => {
            Value::Bool(lookup(ev, &name(call)?)?.is_some())
        }
        "[]=" | "store" => {
            set(ev, &name(call)?, call.arg(1))?;
            call.arg(1).clone()
        }
        "delete" => {
            let name = name(call)?;
            let value = lookup(ev, &name)?.unwrap_or(Value::Nil);
            ev.env.retain(|(known, _)| **known != **name);
            value
        }
        "to_hash" | "to_h" if call.block.is_none() => Value::Map(as_map(ev)?),
        "inspect" => Value::str(inspect::inspect(&Value::Map(as_map(ev)?), &ev.budget)?),
        "each" | "each_pair" => return Ok(None),
        // An array of pairs, unlike that of a hash.
        "compact" => return Ok(None),
        "dup" => return type_error("Cannot dup ENV, use ENV.to_h to get a copy of ENV as a hash"),
        "freeze" => return type_error("cannot freeze ENV"),
        "to_s" => Value::str("ENV"),
        _ => {
            let map = as_map(ev)?;
            return hash::call(ev, &map, call);
        }
    };
    Ok(Some(value))
}

fn name(call: &Call<'_, '_>) -> Outcome<Rc<Vec<u8>>> {
    let name = text_of(call.arg(0))?;
    if name.contains(&0) {
        return argument_error("bad environment variable name: contains null byte");
    }
    Ok(name)
}

fn lookup(ev: &Evaluator<'_>, name: &[u8]) -> Outcome<Option<Value>> {
    let Some((_, value)) = ev.env.iter().find(|(known, _)| **known == *name) else {
        return Ok(None);
    };
    ev.budget.make_objects(1, value.len())?;
    Ok(Some(Value::frozen(&**value)))
}

fn set(ev: &mut Evaluator<'_>, name: &[u8], value: &Value) -> Outcome<()> {
    if name.is_empty() || name.contains(&b'=') {
        let name = lossy(name);
        return raise("Errno::EINVAL", format!("Invalid argument - setenv({name})"));
    }
    match value {
        Value::Nil => ev.env.retain(|(known, _)| **known != *name),
        Value::Str(text) => {
            ev.budget.make_objects(2, name.len() + text.borrow().len())?;
            let text: Rc<[u8]> = text.borrow().as_slice().into();
            if text.contains(&0) {
                return argument_error("bad environment variable value: contains null byte");
            }
            match ev.env.iter_mut().find(|(known, _)| **known == *name) {
                Some(pair) => pair.1 = text,
                None => ev.env.push((name.into(), text)),
            }
        }
        other => {
            return type_error(format!("no implicit conversion of {} into String", noun(other)));
        }
    }
    Ok(())
}

/// The environment as a hash.
fn as_map(ev: &Evaluator<'_>) -> Outcome<Rc<Map>> {
    let bytes = ev.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    ev.budget.make_objects(1 + 2 * ev.env.len(), bytes)?;
    let pairs =
        ev.env.iter().map(|(name, value)| (Value::frozen(&**name), Value::frozen(&**value)));
    Ok(Rc::new(Map(RefCell::new(Pairs { pairs: pairs.collect(), default: None }))))
}

pub(crate) fn pair(ev: &Evaluator<'_>, name: &[u8], value: &[u8]) -> Outcome {
    ev.budget.make_objects(3, name.len() + value.len())?;
    Ok(Value::pair(Value::frozen(name), Value::frozen(value)))
}
