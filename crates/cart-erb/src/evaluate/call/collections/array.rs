//! Methods of arrays that leave them as they are. Those that change them stand in `array_change`.

use std::ops::Range;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::{argument_error, raise, type_error};
use crate::values::inspect;
use crate::values::limits::{DEEPEST_VALUE, ITEM, ITEMS_PER_STEP, check_list};
use crate::values::value::{List, Outcome, Span, Value};

use crate::evaluate::call::collections::array_change;
use crate::evaluate::call::collections::enumerable;
use crate::evaluate::call::collections::enumerable_find::first_match;
use crate::evaluate::call::{Answer, Call, amount, fetched, position};
use crate::values::conversion::{int_of, items_of};

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Answer {
    if let Some(value) = array_change::call(ev, list, call)? {
        return Ok(Some(value));
    }
    let this = Value::List(list.clone());
    let value = match call.name {
        "each_index" => {
            let length = list.0.borrow().len();
            ev.yield_each(call.need_block()?, (0..length).map(Value::count))?;
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
        "reverse" | "rotate" | "flatten" | "index" | "rindex" | "values_at" | "dig" | "assoc" => {
            parts(ev, list, call)?
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn parts<'a>(ev: &mut Evaluator<'a>, list: &Rc<List>, call: &Call<'_, 'a>) -> Outcome {
    let items = list.0.borrow().clone();
    Ok(match call.name {
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
        "index" | "rindex" => {
            let places = 0..items.len();
            let found = match call.name {
                "index" => first_match(ev, &items, places, call)?,
                _ => first_match(ev, &items, places.rev(), call)?,
            };
            found.map_or(Value::Nil, Value::count)
        }
        "values_at" => {
            let mut values = Vec::new();
            for arg in call.args {
                let at = position(int_of(arg)?, items.len());
                values.push(at.and_then(|at| items.get(at).cloned()).unwrap_or(Value::Nil));
            }
            Value::list(values)
        }
        "dig" => dig(ev, &Value::List(list.clone()), call)?,
        _ => {
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
    })
}

fn int_len(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn fetch<'a>(ev: &mut Evaluator<'a>, list: &List, call: &Call<'_, 'a>) -> Outcome {
    let wanted = call.int(0)?;
    let length = list.0.borrow().len();
    let found = position(wanted, length).and_then(|at| list.0.borrow().get(at).cloned());
    fetched(ev, found, call, |_| {
        let least = -int_len(length);
        raise("IndexError", format!("index {wanted} outside of array bounds: {least}...{length}"))
    })
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

/// `dig` of arrays and hashes.
pub(crate) fn dig<'a>(ev: &mut Evaluator<'a>, from: &Value, call: &Call<'_, 'a>) -> Outcome {
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
    let Some(range) = bounds(call.args, items.len())? else { return Ok(Value::Nil) };
    Ok(match call.args {
        [Value::Span(_)] | [_, _, ..] => Value::list(items[range].to_vec()),
        _ => items[range.start].clone(),
    })
}

/// What the arguments of `[]` mean of so many; `None` where it is outside.
pub(crate) fn bounds(args: &[Value], all: usize) -> Outcome<Option<Range<usize>>> {
    let (start, length) = match args {
        [Value::Span(span)] => return span_bounds(span, all),
        [start, length, ..] => (int_of(start)?, int_of(length)?),
        _ => {
            let at = position(int_of(args.first().unwrap_or(&Value::Nil))?, all);
            return Ok(at.filter(|at| *at < all).map(|at| at..at + 1));
        }
    };
    let Some(start) = position(start, all).filter(|start| *start <= all) else { return Ok(None) };
    Ok(usize::try_from(length).ok().map(|length| start..start.saturating_add(length).min(all)))
}

fn span_bounds(span: &Span, all: usize) -> Outcome<Option<Range<usize>>> {
    let first = if span.first.is_nil() { 0 } else { int_of(&span.first)? };
    let last = if span.last.is_nil() { -1 } else { int_of(&span.last)? };
    let exclusive = span.exclusive && !span.last.is_nil();
    let Some(start) = position(first, all).filter(|start| *start <= all) else { return Ok(None) };
    let length = int_len(all);
    let last = if last < 0 { last + length } else { last };
    let end = last.saturating_add(i64::from(!exclusive)).clamp(0, length);
    Ok(Some(start..usize::try_from(end).unwrap_or(0).max(start)))
}

/// True if one of the items is the value. Looking costs steps; see [`Value::eql`] for when there are
/// none left.
pub(crate) fn contains(ev: &Evaluator<'_>, items: &[Value], value: &Value) -> bool {
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
        let other = items_of(arg)?;
        match call.name {
            "-" | "difference" => items.retain(|item| !contains(ev, &other, item)),
            "&" => items.retain(|item| contains(ev, &other, item)),
            _ => items.extend(other),
        }
    }
    if matches!(call.name, "&" | "|" | "union") {
        return enumerable::uniq(ev, items, &Call::new("uniq", &[]));
    }
    Ok(Value::list(items))
}
