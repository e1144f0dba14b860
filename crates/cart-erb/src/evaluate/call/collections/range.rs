//! Methods of ranges.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::{argument_error, raise, refuse};
use crate::values::limits::ITEM;
use crate::values::number::too_big;
use crate::values::value::{Outcome, Span, Value};

use crate::evaluate::call::plain::number::count;
use crate::evaluate::call::{Answer, Call};

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, span: &Rc<Span>, call: &Call<'_, 'a>) -> Answer {
    let this = Value::Span(span.clone());
    let value = match call.name {
        "begin" => span.first.clone(),
        "end" => span.last.clone(),
        "first" if call.args.is_empty() && span.first.is_nil() => {
            return raise("RangeError", "cannot get the first element of beginless range");
        }
        "last" if call.args.is_empty() && span.last.is_nil() => {
            return raise("RangeError", "cannot get the last element of endless range");
        }
        "first" if call.args.is_empty() => span.first.clone(),
        "last" if call.args.is_empty() => span.last.clone(),
        "first" | "take" => take(ev, &this, call)?,
        "last" => {
            let items = Value::list(finite(ev, span)?);
            ev.call(&items, call)?
        }
        "exclude_end?" => Value::Bool(span.exclusive),
        "cover?" | "include?" | "member?" | "===" => Value::Bool(covers(ev, span, call.arg(0))),
        "size" => size(ev, span, call.name)?,
        "count" if call.args.is_empty() && call.block.is_none() => size(ev, span, call.name)?,
        "min" | "max" if call.args.is_empty() && call.block.is_none() => end(ev, span, call)?,
        "sum" if call.args.is_empty() && call.block.is_none() => sum(ev, span, call)?,
        "step" | "%" => step(ev, span, call)?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// The items, unless there is no end to them.
pub(crate) fn finite(ev: &mut Evaluator<'_>, span: &Rc<Span>) -> Outcome<Vec<Value>> {
    match span.last {
        Value::Nil => raise("RangeError", "cannot convert endless range to an array"),
        _ => ev.items(&Value::Span(span.clone())),
    }
}

fn take<'a>(ev: &mut Evaluator<'a>, this: &Value, call: &Call<'_, 'a>) -> Outcome {
    let count =
        crate::evaluate::call::amount(call.arg(0), "negative array size (or size too big)")?;
    let mut taken = Vec::new();
    let Value::Span(span) = this else { return Ok(Value::Nil) };
    let mut next = match (&span.first, count) {
        (_, 0) => return Ok(Value::list(taken)),
        (Value::Int(first), _) => *first,
        _ => {
            let items = finite(ev, span)?;
            return Ok(Value::list(items.into_iter().take(count).collect()));
        }
    };
    while taken.len() < count && covers(ev, span, &Value::Int(next)) {
        ev.budget.make(2 * ITEM)?;
        taken.push(Value::Int(next));
        next = match next.checked_add(1) {
            Some(next) => next,
            None => break,
        };
    }
    Ok(Value::list(taken))
}

/// `===`: between the ends.
fn covers(ev: &Evaluator<'_>, span: &Span, value: &Value) -> bool {
    let after_first = span.first.is_nil()
        || matches!(span.first.compare(value, &ev.budget), Some(Ordering::Less | Ordering::Equal));
    let before_last = span.last.is_nil()
        || match value.compare(&span.last, &ev.budget) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => !span.exclusive,
            _ => false,
        };
    after_first && before_last && !value.is_nil()
}

fn size(ev: &mut Evaluator<'_>, span: &Rc<Span>, name: &str) -> Outcome {
    match (&span.first, &span.last) {
        (Value::Int(first), Value::Int(last)) => {
            let past = i128::from(*last) + i128::from(!span.exclusive);
            let size = (past - i128::from(*first)).max(0);
            i64::try_from(size).map(Value::Int).or_else(|_| too_big())
        }
        (Value::Int(_), Value::Nil) => Ok(Value::Float(f64::INFINITY)),
        (Value::Str(_), _) if name == "size" => Ok(Value::Nil),
        (Value::Str(_), _) => finite(ev, span).map(|items| Value::count(items.len())),
        _ => refuse(format!("`Range#{name}` of floats")),
    }
}

fn end<'a>(ev: &mut Evaluator<'a>, span: &Rc<Span>, call: &Call<'_, 'a>) -> Outcome {
    let items = match (&span.first, &span.last) {
        (Value::Int(first), Value::Int(last)) => {
            let last = last.saturating_sub(i64::from(span.exclusive));
            let chosen = if call.name == "min" { *first } else { last };
            return Ok(if *first > last { Value::Nil } else { Value::Int(chosen) });
        }
        (Value::Float(_), _) | (_, Value::Float(_)) => return refuse("the ends of a float range"),
        _ => finite(ev, span)?,
    };
    crate::evaluate::call::collections::sort::call(ev, items, call)
}

fn sum<'a>(ev: &mut Evaluator<'a>, span: &Rc<Span>, call: &Call<'_, 'a>) -> Outcome {
    if let (Value::Int(first), Value::Int(last)) = (&span.first, &span.last) {
        let last = i128::from(*last) - i128::from(span.exclusive);
        let first = i128::from(*first);
        let sum = if last < first { 0 } else { (last - first + 1) * (first + last) / 2 };
        return i64::try_from(sum).map(Value::Int).or_else(|_| too_big());
    }
    let items = finite(ev, span)?;
    ev.call(&Value::list(items), call)
}

fn step<'a>(ev: &mut Evaluator<'a>, span: &Rc<Span>, call: &Call<'_, 'a>) -> Outcome {
    let (Value::Int(first), Value::Int(last)) = (&span.first, &span.last) else {
        return refuse("`Range#step` of other than integers");
    };
    let step = if call.args.is_empty() { 1 } else { call.int(0)? };
    match step.cmp(&0) {
        Ordering::Less => return argument_error("step can't be negative"),
        Ordering::Equal => return argument_error("step can't be 0"),
        Ordering::Greater => {}
    }
    if call.block.is_none() {
        return refuse("`Range#%`");
    }
    // An exclusive range that ends with the least integer is empty, whatever it starts with.
    if let Some(last) = last.checked_sub(i64::from(span.exclusive)) {
        count(ev, *first, last, step, call)?;
    }
    Ok(Value::Span(span.clone()))
}
