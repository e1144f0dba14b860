//! Methods that change an array.

use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::raise;
use crate::values::limits::{ITEM, check_list};
use crate::values::value::{List, Outcome, Value};

use crate::evaluate::call::{Answer, Call, amount, position};
use crate::values::conversion::items_of;

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Answer {
    let this = Value::List(list.clone());
    let value = match call.name {
        "<<" | "push" | "append" => {
            grow(ev, call.args.len())?;
            list.0.borrow_mut().extend(call.args.iter().cloned());
            this
        }
        "unshift" | "prepend" => {
            grow(ev, call.args.len())?;
            list.0.borrow_mut().splice(0..0, call.args.iter().cloned());
            this
        }
        "concat" => {
            for arg in call.args {
                let other = items_of(arg)?;
                grow(ev, other.len())?;
                list.0.borrow_mut().extend(other);
            }
            this
        }
        "pop" | "shift" => take_end(list, call)?,
        "[]=" if call.args.len() == 2 && matches!(call.arg(0), Value::Int(_)) => {
            set(ev, list, call.int(0)?, call.arg(1).clone())?;
            call.arg(1).clone()
        }
        "insert" => {
            insert(ev, list, call.int(0)?, &call.args[1..])?;
            this
        }
        "delete" => {
            // The array may be one of its own items.
            let (mut kept, mut found) = (Vec::new(), Value::Nil);
            for item in list.0.borrow().iter() {
                match item.equals(call.arg(0), &ev.budget) {
                    true => found = item.clone(),
                    false => kept.push(item.clone()),
                }
            }
            *list.0.borrow_mut() = kept;
            found
        }
        "delete_at" => {
            let mut items = list.0.borrow_mut();
            ev.budget.read(items.len() * ITEM)?;
            match position(call.int(0)?, items.len()).filter(|at| *at < items.len()) {
                Some(at) => items.remove(at),
                None => Value::Nil,
            }
        }
        "clear" => {
            list.0.borrow_mut().clear();
            this
        }
        "replace" => {
            let items = items_of(call.arg(0))?;
            grow(ev, items.len())?;
            *list.0.borrow_mut() = items;
            this
        }
        "delete_if" | "keep_if" => {
            let instead = if call.name == "delete_if" { "reject!" } else { "select!" };
            let change = Call { name: instead, args: call.args, block: call.block };
            in_place(ev, list, &change)?;
            this
        }
        name if name.ends_with('!') && name != "!" => return in_place(ev, list, call),
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// Takes the memory of items that are added to an array.
fn grow(ev: &Evaluator<'_>, added: usize) -> Outcome<()> {
    // A vector that grows has up to twice the room.
    ev.budget.make(2 * added * ITEM)
}

fn take_end(list: &Rc<List>, call: &Call<'_, '_>) -> Outcome {
    let mut items = list.0.borrow_mut();
    let pop = call.name == "pop";
    if call.args.is_empty() {
        let taken = match pop {
            true => items.pop(),
            false if items.is_empty() => None,
            false => Some(items.remove(0)),
        };
        return Ok(taken.unwrap_or(Value::Nil));
    }
    let count = amount(call.arg(0), "negative array size")?.min(items.len());
    let range = if pop { items.len() - count..items.len() } else { 0..count };
    Ok(Value::list(items.drain(range).collect()))
}

fn set(ev: &Evaluator<'_>, list: &Rc<List>, index: i64, value: Value) -> Outcome<()> {
    let mut items = list.0.borrow_mut();
    let Some(at) = position(index, items.len()) else {
        let least = -i64::try_from(items.len()).unwrap_or(i64::MAX);
        let message = format!("index {index} too small for array; minimum: {least}");
        return raise("IndexError", message);
    };
    check_list(at)?;
    if at >= items.len() {
        grow(ev, at + 1 - items.len())?;
        items.resize(at + 1, Value::Nil);
    }
    items[at] = value;
    Ok(())
}

fn insert(ev: &Evaluator<'_>, list: &Rc<List>, index: i64, values: &[Value]) -> Outcome<()> {
    let mut items = list.0.borrow_mut();
    let length = items.len();
    // Counted from the end, it is inserted behind the item.
    let at = if index < 0 { position(index, length + 1) } else { position(index, length) };
    let Some(at) = at else { return raise("IndexError", format!("index {index} too small")) };
    check_list(at)?;
    grow(ev, at.saturating_sub(length) + values.len())?;
    if at > length {
        items.resize(at, Value::Nil);
    }
    items.splice(at..at, values.iter().cloned());
    Ok(())
}

/// `map!` and its like: what the method without `!` gives becomes the array.
fn in_place<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Answer {
    const ALWAYS_SELF: [&str; 6] = ["map", "collect", "reverse", "sort", "sort_by", "rotate"];
    let plain = call.name.trim_end_matches('!');
    let always_self = ALWAYS_SELF.contains(&plain);
    let this = Value::List(list.clone());
    let before = list.0.borrow().clone();
    let changed = ev.call(&this, &Call { name: plain, args: call.args, block: call.block })?;
    let Value::List(changed) = changed else { return Ok(None) };
    let items = changed.0.borrow().clone();
    let same = plain != "flatten" && before.len() == items.len()
        || plain == "flatten" && !before.iter().any(|item| matches!(item, Value::List(_)));
    *list.0.borrow_mut() = items;
    Ok(Some(if same && !always_self { Value::Nil } else { this }))
}
