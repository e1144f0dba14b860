//! Sorting where a comparison may raise, and finding the least and the greatest.

use std::cmp::Ordering;

use crate::evaluate::walk::{Block, Evaluator};
use crate::values::flow::refuse;
use crate::values::limits::ITEM;
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::Call;
use crate::evaluate::call::world::object::incomparable;

/// Compares two items, by `<=>` or by the call's block.
pub(crate) fn compare<'a>(
    ev: &mut Evaluator<'a>,
    block: Option<&Block<'a>>,
    a: &Value,
    b: &Value,
) -> Outcome<Ordering> {
    ev.charge(1)?;
    let order = match block {
        None => a.compare(b, &ev.budget),
        Some(block) => match ev.yield_to(block, vec![a.clone(), b.clone()])? {
            Value::Int(order) => Some(order.cmp(&0)),
            Value::Float(order) => order.partial_cmp(&0.0),
            Value::Nil => None,
            _ => return refuse("a block of `sort` that gives no number"),
        },
    };
    match order {
        Some(order) => Ok(order),
        None => incomparable(ev, a, b),
    }
}

/// A stable merge sort (the standard library's may panic when a block contradicts itself).
pub(crate) fn sorted<T: Clone>(
    items: &[T],
    order: &mut dyn FnMut(&T, &T) -> Outcome<Ordering>,
) -> Outcome<Vec<T>> {
    if items.len() < 2 {
        return Ok(items.to_vec());
    }
    let (left, right) = items.split_at(items.len() / 2);
    let (left, right) = (sorted(left, order)?, sorted(right, order)?);
    let mut merged = Vec::with_capacity(items.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if order(a, b)? == Ordering::Greater { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

/// `sort_by`, `min_by` and `max_by` compare what the block makes of each item.
pub(crate) fn keyed<'a>(
    ev: &mut Evaluator<'a>,
    items: Vec<Value>,
    block: &Block<'a>,
) -> Outcome<Vec<(Value, Value)>> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((ev.yield_to(block, vec![item.clone()])?, item));
    }
    Ok(keyed)
}

/// `sort`, `sort_by`, `min`, `max`, `minmax`, `min_by` and `max_by`.
pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome {
    // Each item is paired with its key, and merged from one list to another.
    let _copies = ev.budget.hold(6 * items.len() * ITEM)?;
    let by_key = call.name.ends_with("_by");
    let keyed = if by_key {
        keyed(ev, items, call.need_block()?)?
    } else {
        items.into_iter().map(|item| (item.clone(), item)).collect()
    };
    let block = if by_key { None } else { call.block.map(|block| &**block) };
    let greatest_first = call.name.starts_with("max");
    let sorted = sorted(&keyed, &mut |(a, _), (b, _)| {
        let order = compare(ev, block, a, b)?;
        Ok(if greatest_first { order.reverse() } else { order })
    })?;
    let mut sorted: Vec<Value> = sorted.into_iter().map(|(_, item)| item).collect();
    Ok(match call.name {
        "sort" | "sort_by" => Value::list(sorted),
        "minmax" => {
            let ends = [sorted.first(), sorted.last()];
            Value::list(ends.map(|end| end.cloned().unwrap_or(Value::Nil)).to_vec())
        }
        _ if call.arg(0).is_nil() => sorted.first().cloned().unwrap_or(Value::Nil),
        _ => {
            sorted.truncate(crate::evaluate::call::amount(call.arg(0), "negative size")?);
            Value::list(sorted)
        }
    })
}
