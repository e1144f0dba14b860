//! Methods of arrays that leave them as they are. Those that change them stand in `array_change`.

use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::{argument_error, raise, type_error};
use crate::values::inspect;
use crate::values::limits::{DEEPEST_VALUE, ITEM, ITEMS_PER_STEP, check_list};
use crate::values::value::{List, Outcome, Span, Value};

use crate::evaluate::call::collections::array_change;
use crate::evaluate::call::collections::enumerable;
use crate::evaluate::call::{Answer, Call, amount, position};
use crate::values::conversion::{int_of, noun};

pub(in crate::evaluate::call) fn call<'a>(
    ev: &mut Evaluator<'a>,
    list: &Rc<List>,
    call: &Call<'_, 'a>,
) -> Answer {
    if let Some(value) = array_change::call(ev, list, call)? {
        return Ok(Some(value));
    }
    let this = Value::List(list.clone());
    let value = match call.name {
        "each" => {
            let block = call.need_block()?;
            ev.each(&this, &mut |ev, item| ev.yield_to(block, vec![item]).map(|_| ()))?;
            this
        }
        "each_index" => {
            let block = call.need_block()?;
            let length = list.0.borrow().len();
            for index in 0..length {
                ev.yield_to(block, vec![Value::count(index)])?;
            }
            this
        }
        "[]" | "slice" => index(&list.0.borrow(), call)?,
        "join" => {
            let separator = if call.arg(0).is_nil() { Rc::default() } else { call.text(0)? };
            let mut out = Vec::new();
            join(ev, &list.0.borrow(), &separator, &mut out, 0)?;
            Value::str(out)
        }
        "length" | "size" => Value::count(list.0.borrow().len()),
        "empty?" => Value::Bool(list.0.borrow().is_empty()),
        "to_a" | "to_ary" => this,
        "first" | "last" => ends(&list.0.borrow(), call)?,
        "fetch" => fetch(ev, list, call)?,
        "+" | "-" | "*" | "&" | "|" | "union" | "difference" => operators(ev, list, call)?,
        _ => return parts(ev, list, call),
    };
    Ok(Some(value))
}

fn parts<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Answer {
    let items = list.0.borrow().clone();
    let value = match call.name {
        "reverse" => Value::list(items.into_iter().rev().collect()),
        "rotate" => {
            let by = if call.args.is_empty() { 1 } else { call.int(0)? };
            let mut items = items;
            if let Ok(length @ 1..) = i64::try_from(items.len()) {
                items.rotate_left(usize::try_from(by.rem_euclid(length)).unwrap_or(0));
            }
            Value::list(items)
        }
        "flatten" => {
            let levels = if call.arg(0).is_nil() { -1 } else { call.int(0)? };
            let mut flat = Vec::new();
            flatten(ev, &items, levels, 0, &mut flat)?;
            Value::list(flat)
        }
        "index" | "find_index" | "rindex" => find_index(ev, &items, call)?,
        "values_at" => {
            let mut values = Vec::new();
            for arg in call.args {
                let at = position(int_of(arg)?, items.len());
                values.push(at.and_then(|at| items.get(at).cloned()).unwrap_or(Value::Nil));
            }
            Value::list(values)
        }
        "dig" => return dig(ev, &Value::List(list.clone()), call).map(Some),
        "assoc" => {
            let key = call.arg(0);
            let is_pair = |item: &&Value| match item {
                Value::List(pair) => {
                    let pair = pair.0.borrow();
                    pair.first().is_some_and(|known| known.equals(key, &ev.budget))
                }
                _ => false,
            };
            items.iter().find(is_pair).cloned().unwrap_or(Value::Nil)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn int_len(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn fetch<'a>(ev: &mut Evaluator<'a>, list: &List, call: &Call<'_, 'a>) -> Outcome {
    let wanted = call.int(0)?;
    let length = list.0.borrow().len();
    let found = position(wanted, length).and_then(|at| list.0.borrow().get(at).cloned());
    match (found, call.block, call.args.get(1)) {
        (Some(item), ..) => Ok(item),
        (None, Some(block), _) => ev.yield_to(block, vec![call.arg(0).clone()]),
        (None, None, Some(default)) => Ok(default.clone()),
        (None, None, None) => {
            let least = -int_len(length);
            let message = format!("index {wanted} outside of array bounds: {least}...{length}");
            raise("IndexError", message)
        }
    }
}

fn ends(items: &[Value], call: &Call<'_, '_>) -> Outcome {
    let first = call.name == "first";
    if call.args.is_empty() {
        let end = if first { items.first() } else { items.last() };
        return Ok(end.cloned().unwrap_or(Value::Nil));
    }
    let count = amount(call.arg(0), "negative array size")?.min(items.len());
    let part = if first { &items[..count] } else { &items[items.len() - count..] };
    Ok(Value::list(part.to_vec()))
}

fn find_index<'a>(ev: &mut Evaluator<'a>, items: &[Value], call: &Call<'_, 'a>) -> Outcome {
    let backwards = call.name == "rindex";
    for step in 0..items.len() {
        let at = if backwards { items.len() - 1 - step } else { step };
        let found = match call.args.first() {
            Some(wanted) => items[at].equals(wanted, &ev.budget),
            None => ev.yield_to(call.need_block()?, vec![items[at].clone()])?.truthy(),
        };
        if found {
            return Ok(Value::count(at));
        }
    }
    Ok(Value::Nil)
}

/// `dig` of arrays and hashes.
pub(in crate::evaluate::call) fn dig<'a>(
    ev: &mut Evaluator<'a>,
    from: &Value,
    call: &Call<'_, 'a>,
) -> Outcome {
    let mut value = from.clone();
    for arg in call.args {
        value = match &value {
            Value::Nil => return Ok(Value::Nil),
            Value::List(_) | Value::Map(_) => {
                ev.call(&value, &Call::new("[]", std::slice::from_ref(arg)))?
            }
            other => return type_error(format!("{} does not have #dig method", other.class())),
        };
    }
    Ok(value)
}

fn flatten(
    ev: &mut Evaluator<'_>,
    items: &[Value],
    levels: i64,
    depth: usize,
    flat: &mut Vec<Value>,
) -> Outcome<()> {
    if depth > DEEPEST_VALUE {
        return argument_error("tried to flatten recursive array");
    }
    for item in items {
        match item {
            Value::List(inner) if levels != 0 => {
                ev.charge(1)?;
                flatten(ev, &inner.0.borrow(), levels - 1, depth + 1, flat)?;
            }
            other => {
                // A vector that grows has up to twice the room.
                ev.budget.make(2 * ITEM)?;
                flat.push(other.clone());
            }
        }
    }
    Ok(())
}

fn join(
    ev: &Evaluator<'_>,
    items: &[Value],
    separator: &[u8],
    out: &mut Vec<u8>,
    depth: usize,
) -> Outcome<()> {
    if depth > DEEPEST_VALUE {
        return argument_error("recursive array join");
    }
    for (at, item) in items.iter().enumerate() {
        let before = if at > 0 { separator } else { b"" };
        let text = match item {
            Value::List(_) => Rc::default(),
            other => inspect::to_s(other, &ev.budget)?,
        };
        ev.charge(1)?;
        ev.budget.read(before.len() + text.len())?;
        ev.budget.string(out.len() + before.len() + text.len())?;
        out.extend_from_slice(before);
        out.extend_from_slice(&text);
        if let Value::List(inner) = item {
            join(ev, &inner.0.borrow(), separator, out, depth + 1)?;
        }
    }
    Ok(())
}

/// `[index]`, `[start, length]` or `[range]`.
fn index(items: &[Value], call: &Call<'_, '_>) -> Outcome {
    let bounds = match (call.arg(0), call.args.get(1)) {
        (Value::Span(span), None) => span_bounds(span, items.len())?,
        (first, None) => {
            let at = position(int_of(first)?, items.len());
            return Ok(at.and_then(|at| items.get(at).cloned()).unwrap_or(Value::Nil));
        }
        (first, Some(length)) => start_bounds(int_of(first)?, int_of(length)?, items.len()),
    };
    Ok(bounds.map_or(Value::Nil, |(start, end)| Value::list(items[start..end].to_vec())))
}

/// The bounds of a start and a length; `None` where they are outside.
pub(in crate::evaluate::call) fn start_bounds(
    start: i64,
    length: i64,
    all: usize,
) -> Option<(usize, usize)> {
    let start = position(start, all).filter(|start| *start <= all)?;
    let length = usize::try_from(length).ok()?;
    Some((start, start.saturating_add(length).min(all)))
}

/// The bounds of a range of indexes; `None` where they are outside.
pub(in crate::evaluate::call) fn span_bounds(
    span: &Span,
    all: usize,
) -> Outcome<Option<(usize, usize)>> {
    let first = if span.first.is_nil() { 0 } else { int_of(&span.first)? };
    let last = if span.last.is_nil() { -1 } else { int_of(&span.last)? };
    let exclusive = span.exclusive && !span.last.is_nil();
    let Some(start) = position(first, all).filter(|start| *start <= all) else { return Ok(None) };
    let length = int_len(all);
    let last = if last < 0 { last + length } else { last };
    let end = last.saturating_add(i64::from(!exclusive)).clamp(0, length);
    let end = usize::try_from(end).unwrap_or(0).max(start);
    Ok(Some((start, end)))
}

/// True if one of the items is the value. Looking costs steps; see [`Value::eql`] for when there are
/// none left.
pub(in crate::evaluate::call) fn contains(
    ev: &Evaluator<'_>,
    items: &[Value],
    value: &Value,
) -> bool {
    ev.budget.spend(items.len() / ITEMS_PER_STEP)
        && items.iter().any(|known| known.eql(value, &ev.budget))
}

fn operators<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Outcome {
    let mut items = list.0.borrow().clone();
    if call.name == "*" {
        if let Value::Str(_) = call.arg(0) {
            return ev.call(&Value::List(list.clone()), &Call::new("join", call.args));
        }
        let times = amount(call.arg(0), "argument must be non-negative")?;
        let length = items.len().saturating_mul(times);
        check_list(length)?;
        ev.budget.read(length * ITEM)?;
        ev.budget.afford(length * ITEM)?;
        return Ok(Value::list(std::iter::repeat_n(items, times).flatten().collect()));
    }
    for arg in call.args {
        let Value::List(other) = arg else {
            return type_error(format!("no implicit conversion of {} into Array", noun(arg)));
        };
        let other = other.0.borrow();
        let in_other = |item: &Value| contains(ev, &other, item);
        match call.name {
            "-" | "difference" => items.retain(|item| !in_other(item)),
            "&" => items.retain(in_other),
            _ => items.extend(other.iter().cloned()),
        }
    }
    if matches!(call.name, "&" | "|" | "union") {
        return enumerable::uniq(ev, items, &Call::new("uniq", &[]));
    }
    Ok(Value::list(items))
}
