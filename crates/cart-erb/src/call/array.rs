//! Methods of arrays that leave them as they are. Those that change them stand in `array_change`.

use std::rc::Rc;

use crate::eval::Evaluator;
use crate::flow::{Outcome, argument_error, limit, raise, type_error};
use crate::inspect;
use crate::value::{DEEPEST_VALUE, List, Span, Value};

use super::class::LONGEST_LIST;
use super::{Answer, Call, amount, array_change, enumerable, int_of, noun, position};

pub(super) fn call<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Answer {
    if let Some(value) = array_change::call(ev, list, call)? {
        return Ok(Some(value));
    }
    let this = Value::List(list.clone());
    let items = || list.0.borrow().clone();
    let value = match call.name {
        "each" => {
            let block = call.need_block()?;
            ev.each(&this, &mut |ev, item| ev.yield_to(block, vec![item]).map(|_| ()))?;
            this
        }
        "each_index" => {
            let block = call.need_block()?;
            for index in 0..items().len() {
                ev.yield_to(block, vec![Value::count(index)])?;
            }
            this
        }
        "each_with_index" | "reverse_each" | "each_entry" => {
            enumerable::call(ev, items(), call)?;
            this
        }
        "[]" | "slice" => {
            call.arity(1, 2)?;
            index(&items(), call)?
        }
        "join" => {
            call.arity(0, 1)?;
            let separator = if call.arg(0).is_nil() { Vec::new() } else { call.text(0)? };
            let mut out = Vec::new();
            join(&items(), &separator, &mut out, 0)?;
            Value::str(out)
        }
        "length" | "size" | "empty?" | "to_a" | "to_ary" | "entries" => return plain(list, call),
        "compact" | "reverse" | "rotate" | "flatten" | "values_at" | "dig" | "fetch" | "index"
        | "rindex" | "find_index" | "first" | "last" | "assoc" | "min" | "max" => {
            return parts(ev, list, call);
        }
        "+" | "-" | "*" | "&" | "|" | "<=>" | "union" | "difference" => {
            return operators(ev, list, call);
        }
        "frozen?" => Value::Bool(false),
        name if crate::names::is_method("Object", name) => return Ok(None),
        _ => return enumerable::call(ev, items(), call),
    };
    Ok(Some(value))
}

fn plain(list: &Rc<List>, call: &Call<'_, '_>) -> Answer {
    call.no_args()?;
    let length = list.0.borrow().len();
    Ok(Some(match call.name {
        "length" | "size" => Value::count(length),
        "empty?" => Value::Bool(length == 0),
        "entries" => Value::list(list.0.borrow().clone()),
        _ => Value::List(list.clone()),
    }))
}

fn parts<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Answer {
    let items = list.0.borrow().clone();
    let value = match call.name {
        "compact" => Value::list(items.into_iter().filter(|item| !item.is_nil()).collect()),
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
            call.arity(0, 1)?;
            let levels = if call.arg(0).is_nil() { -1 } else { call.int(0)? };
            let mut flat = Vec::new();
            flatten(ev, &items, levels, 0, &mut flat)?;
            Value::list(flat)
        }
        "first" | "last" => {
            call.arity(0, 1)?;
            ends(&items, call)?
        }
        "fetch" => {
            call.arity(1, 2)?;
            let wanted = call.int(0)?;
            let found = position(wanted, items.len()).and_then(|at| items.get(at).cloned());
            match (found, call.block, call.args.get(1)) {
                (Some(item), ..) => item,
                (None, Some(block), _) => ev.yield_to(block, vec![call.arg(0).clone()])?,
                (None, None, Some(default)) => default.clone(),
                (None, None, None) => {
                    let length = items.len();
                    return raise(
                        "IndexError",
                        format!(
                            "index {wanted} outside of array bounds: {}...{length}",
                            -int_len(length)
                        ),
                    );
                }
            }
        }
        "index" | "find_index" | "rindex" => {
            call.arity(0, 1)?;
            find_index(ev, &items, call)?
        }
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
                Value::List(pair) => pair.0.borrow().first().is_some_and(|known| known.equals(key)),
                _ => false,
            };
            items.iter().find(is_pair).cloned().unwrap_or(Value::Nil)
        }
        "min" | "max" => return enumerable::call(ev, items, call),
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn int_len(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
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
    let mut order: Vec<usize> = (0..items.len()).collect();
    if call.name == "rindex" {
        order.reverse();
    }
    for at in order {
        let found = match call.args.first() {
            Some(wanted) => items[at].equals(wanted),
            None => ev.yield_to(call.need_block()?, vec![items[at].clone()])?.truthy(),
        };
        if found {
            return Ok(Value::count(at));
        }
    }
    Ok(Value::Nil)
}

/// `dig` of arrays and hashes.
pub(super) fn dig<'a>(ev: &mut Evaluator<'a>, from: &Value, call: &Call<'_, 'a>) -> Outcome {
    call.arity(1, usize::MAX)?;
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
        ev.charge(1)?;
        match item {
            Value::List(inner) if levels != 0 => {
                let inner = inner.0.borrow().clone();
                flatten(ev, &inner, levels - 1, depth + 1, flat)?;
            }
            other => flat.push(other.clone()),
        }
    }
    Ok(())
}

fn join(items: &[Value], separator: &[u8], out: &mut Vec<u8>, depth: usize) -> Outcome<()> {
    if depth > DEEPEST_VALUE {
        return argument_error("recursive array join");
    }
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        match item {
            Value::List(inner) => join(&inner.0.borrow(), separator, out, depth + 1)?,
            other => out.extend(inspect::to_s(other)?),
        }
        if out.len() > crate::value::LONGEST_STRING {
            return limit("a joined string that is too long");
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
pub(super) fn start_bounds(start: i64, length: i64, all: usize) -> Option<(usize, usize)> {
    let start = position(start, all).filter(|start| *start <= all)?;
    let length = usize::try_from(length).ok()?;
    Some((start, start.saturating_add(length).min(all)))
}

/// The bounds of a range of indexes; `None` where they are outside.
pub(super) fn span_bounds(span: &Span, all: usize) -> Outcome<Option<(usize, usize)>> {
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

fn operators<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Answer {
    let mut items = list.0.borrow().clone();
    if call.name == "<=>" {
        return Ok(None);
    }
    if call.name == "*" {
        call.arity(1, 1)?;
        if let Value::Str(_) = call.arg(0) {
            return ev.call(&Value::List(list.clone()), &Call::new("join", call.args)).map(Some);
        }
        let times = amount(call.arg(0), "argument must be non-negative")?;
        if items.len().saturating_mul(times) > LONGEST_LIST {
            return limit(format!("an array of more than {LONGEST_LIST} items"));
        }
        return Ok(Some(Value::list(std::iter::repeat_n(items, times).flatten().collect())));
    }
    for arg in call.args {
        let Value::List(other) = arg else {
            return type_error(format!("no implicit conversion of {} into Array", noun(arg)));
        };
        let other = other.0.borrow();
        let in_other = |item: &Value| other.iter().any(|known| known.eql(item));
        ev.charge(items.len() * other.len() / 64)?;
        match call.name {
            "-" | "difference" => items.retain(|item| !in_other(item)),
            "&" => items.retain(in_other),
            _ => items.extend(other.iter().cloned()),
        }
    }
    if matches!(call.name, "&" | "|" | "union") {
        return enumerable::uniq(ev, items, &Call::new("uniq", &[])).map(Some);
    }
    Ok(Some(Value::list(items)))
}
