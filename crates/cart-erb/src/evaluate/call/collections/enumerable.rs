//! What everything with items can do: arrays, hashes, ranges, enumerators, `ENV`.

use crate::evaluate::walk::Evaluator;
use crate::values::flow::raise;
use crate::values::limits::{ITEM, ITEMS_PER_STEP, OBJECT};
use crate::values::value::{Outcome, Pairs, Value};

use crate::evaluate::call::collections::enumerable_find;
use crate::evaluate::call::collections::sort;
use crate::evaluate::call::{Answer, Call, amount};

pub(crate) fn call<'a>(
    ev: &mut Evaluator<'a>,
    this: &Value,
    items: Vec<Value>,
    call: &Call<'_, 'a>,
) -> Answer {
    let value = match call.name {
        "map" | "collect" => Value::list(map(ev, items, call)?),
        "flat_map" | "collect_concat" => flat_map(ev, items, call)?,
        "filter_map" => Value::list(
            map(ev, items, call)?.into_iter().filter(|mapped| mapped.truthy()).collect(),
        ),
        "select" | "filter" | "find_all" => Value::list(halves(ev, items, call)?.0),
        "reject" => Value::list(halves(ev, items, call)?.1),
        "partition" => {
            let (met, unmet) = halves(ev, items, call)?;
            Value::pair(Value::list(met), Value::list(unmet))
        }
        "each_with_index" => {
            let block = call.need_block()?;
            for (index, item) in items.into_iter().enumerate() {
                ev.yield_to(block, vec![item, Value::count(index)])?;
            }
            this.clone()
        }
        "each_with_object" => {
            let block = call.need_block()?;
            for item in items {
                ev.yield_to(block, vec![item, call.arg(0).clone()])?;
            }
            call.arg(0).clone()
        }
        "each_entry" | "reverse_each" => {
            let block = call.need_block()?;
            let mut items = items;
            if call.name == "reverse_each" {
                items.reverse();
            }
            ev.yield_each(block, items)?;
            this.clone()
        }
        "sort" | "sort_by" | "min" | "max" | "minmax" | "min_by" | "max_by" => {
            sort::call(ev, items, call)?
        }
        "inject" | "reduce" => inject(ev, items, call)?,
        "sum" => sum(ev, items, call)?,
        "group_by" => group_by(ev, items, call)?,
        "compact" => Value::list(items.into_iter().filter(|item| !item.is_nil()).collect()),
        "tally" => tally(ev, items)?,
        "to_h" => to_h(ev, this, items, call)?,
        _ => return slices(ev, items, call),
    };
    Ok(Some(value))
}

/// What gives parts of the items, in their order.
fn slices<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Answer {
    let value = match call.name {
        "to_a" | "entries" => Value::list(items),
        "first" if call.args.is_empty() => items.first().cloned().unwrap_or(Value::Nil),
        "first" | "take" => {
            let count = amount(call.arg(0), "attempt to take negative size")?;
            Value::list(items.into_iter().take(count).collect())
        }
        "drop" => {
            let count = amount(call.arg(0), "attempt to drop negative size")?;
            Value::list(items.into_iter().skip(count).collect())
        }
        "take_while" | "drop_while" => {
            let block = call.need_block()?;
            let mut end = 0;
            while end < items.len() && ev.yield_to(block, vec![items[end].clone()])?.truthy() {
                end += 1;
            }
            let part = if call.name == "take_while" { &items[..end] } else { &items[end..] };
            Value::list(part.to_vec())
        }
        "each_slice" | "each_cons" => {
            let size = amount(call.arg(0), "invalid slice size")?;
            if size == 0 {
                return crate::values::flow::argument_error("invalid slice size");
            }
            let block = call.need_block()?;
            let parts: &mut dyn Iterator<Item = &[Value]> = match call.name {
                "each_slice" => &mut items.chunks(size),
                _ => &mut items.windows(size),
            };
            for part in parts {
                ev.budget.make_objects(1, part.len() * ITEM)?;
                ev.yield_to(block, vec![Value::list(part.to_vec())])?;
            }
            Value::Nil
        }
        "zip" => zip(ev, &items, call)?,
        "uniq" => uniq(ev, items, call)?,
        _ => return enumerable_find::call(ev, items, call),
    };
    Ok(Some(value))
}

/// What the block makes of each item.
fn map<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome<Vec<Value>> {
    let block = call.need_block()?;
    items.into_iter().map(|item| ev.yield_to(block, vec![item])).collect()
}

fn flat_map<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome {
    let mut flat = Vec::new();
    for mapped in map(ev, items, call)? {
        match mapped {
            Value::List(list) => {
                ev.budget.make(2 * list.0.borrow().len() * ITEM)?;
                flat.extend(list.0.borrow().iter().cloned());
            }
            other => flat.push(other),
        }
    }
    Ok(Value::list(flat))
}

/// The items for which the block is true, and the others.
fn halves<'a>(
    ev: &mut Evaluator<'a>,
    items: Vec<Value>,
    call: &Call<'_, 'a>,
) -> Outcome<(Vec<Value>, Vec<Value>)> {
    let block = call.need_block()?;
    let (mut met, mut unmet) = (Vec::new(), Vec::new());
    for item in items {
        let is_met = ev.yield_to(block, vec![item.clone()])?.truthy();
        if is_met { &mut met } else { &mut unmet }.push(item);
    }
    Ok((met, unmet))
}

/// `inject { }`, `inject(start) { }`, `inject(:+)` or `inject(start, :+)`.
fn inject<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome {
    let operator = match (call.block, call.args.last()) {
        (None, Some(Value::Symbol(name))) => Some(crate::values::text::lossy(name)),
        (None, Some(Value::Str(name))) => Some(crate::values::text::lossy(&name.borrow())),
        _ => None,
    };
    let starts = call.args.len() - usize::from(operator.is_some());
    let mut items = items.into_iter();
    let mut memo = match if starts > 0 { Some(call.arg(0).clone()) } else { items.next() } {
        Some(memo) => memo,
        None => return Ok(Value::Nil),
    };
    for item in items {
        memo = match &operator {
            Some(operator) => ev.call(&memo, &Call::new(operator, &[item]))?,
            None => ev.yield_to(call.need_block()?, vec![memo, item])?,
        };
    }
    Ok(memo)
}

fn sum<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome {
    let mut sum = call.args.first().cloned().unwrap_or(Value::Int(0));
    // Ruby adds floats with a correction of the error (Kahan-Babuska).
    let mut error = 0.0;
    for item in items {
        let item = match call.block {
            Some(block) => ev.yield_to(block, vec![item])?,
            None => item,
        };
        sum = match (&sum, &item) {
            (Value::Float(a), Value::Float(_) | Value::Int(_)) => {
                let b = match item {
                    Value::Int(int) => int as f64,
                    Value::Float(float) => float,
                    _ => 0.0,
                };
                let total = a + b;
                error += if a.abs() >= b.abs() { (a - total) + b } else { (b - total) + a };
                Value::Float(total)
            }
            _ => ev.call(&sum, &Call::new("+", &[item]))?,
        };
    }
    Ok(match sum {
        Value::Float(total) if error != 0.0 && error.is_finite() => Value::Float(total + error),
        sum => sum,
    })
}

fn group_by<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome {
    let block = call.need_block()?;
    let mut groups = Pairs::default();
    for item in items {
        let key = ev.yield_to(block, vec![item.clone()])?;
        ev.budget.make(2 * ITEM)?;
        if let Some(Value::List(group)) = groups.get(&key, &ev.budget) {
            group.0.borrow_mut().push(item);
        } else {
            ev.budget.make(OBJECT)?;
            groups.set(key, Value::list(vec![item]), &ev.budget)?;
        }
    }
    Ok(Value::map(groups))
}

fn tally(ev: &Evaluator<'_>, items: Vec<Value>) -> Outcome {
    let mut counts = Pairs::default();
    for item in items {
        let count = match counts.get(&item, &ev.budget) {
            Some(Value::Int(count)) => count + 1,
            _ => 1,
        };
        counts.set(item, Value::Int(count), &ev.budget)?;
    }
    Ok(Value::map(counts))
}

fn to_h<'a>(
    ev: &mut Evaluator<'a>,
    this: &Value,
    items: Vec<Value>,
    call: &Call<'_, 'a>,
) -> Outcome {
    let has_pairs = matches!(this, Value::Map(_) | Value::Env);
    let mut pairs = Pairs::default();
    for item in items {
        let pair = match call.block {
            // Those of a hash are two values for a block, not one.
            Some(block) => {
                let args = if has_pairs { ev.splat(&item)? } else { vec![item] };
                ev.yield_to(block, args)?
            }
            None => item,
        };
        let Value::List(pair) = &pair else {
            let class = pair.class();
            return raise("TypeError", format!("wrong element type {class} (expected array)"));
        };
        let pair = pair.0.borrow();
        let [key, value] = pair.as_slice() else {
            return crate::values::flow::argument_error(
                "element has wrong array length (expected 2)",
            );
        };
        pairs.set(key.clone(), value.clone(), &ev.budget)?;
    }
    Ok(Value::map(pairs))
}

fn zip<'a>(ev: &mut Evaluator<'a>, items: &[Value], call: &Call<'_, 'a>) -> Outcome {
    let mut others = Vec::new();
    for arg in call.args {
        others.push(ev.items(arg)?);
    }
    ev.budget.make_objects(items.len(), items.len() * (1 + others.len()) * ITEM)?;
    let rows = items.iter().enumerate().map(|(index, item)| {
        let at = |other: &Vec<Value>| other.get(index).cloned().unwrap_or(Value::Nil);
        Value::list(std::iter::once(item.clone()).chain(others.iter().map(at)).collect())
    });
    let rows: Vec<Value> = rows.collect();
    let Some(block) = call.block else { return Ok(Value::list(rows)) };
    ev.yield_each(block, rows)?;
    Ok(Value::Nil)
}

pub(crate) fn uniq<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome {
    let _copies = ev.budget.hold(4 * items.len() * ITEM)?;
    let keyed = match call.block {
        Some(block) => sort::keyed(ev, items, block)?,
        None => items.into_iter().map(|item| (item.clone(), item)).collect(),
    };
    let mut kept: Vec<(Value, Value)> = Vec::new();
    for (key, item) in keyed {
        ev.charge(kept.len() / ITEMS_PER_STEP)?;
        if !kept.iter().any(|(known, _)| known.eql(&key, &ev.budget)) {
            kept.push((key, item));
        }
    }
    Ok(Value::list(kept.into_iter().map(|(_, item)| item).collect()))
}
