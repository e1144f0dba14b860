//! Questions about items: which, whether, how many.

use crate::evaluate::walk::{Block, Evaluator};
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::{Answer, Call};

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Answer {
    let block = call.block.map(|block| &**block);
    let value = match call.name {
        "find" | "detect" => {
            let index = first_match(ev, &items, 0..items.len(), call)?;
            index.map_or(Value::Nil, |index| items[index].clone())
        }
        "find_index" => {
            first_match(ev, &items, 0..items.len(), call)?.map_or(Value::Nil, Value::count)
        }
        "all?" | "any?" | "none?" | "one?" => quantifier(ev, &items, call)?,
        "count" => {
            let count = match (call.args.first(), block) {
                (Some(wanted), _) => {
                    items.iter().filter(|item| item.equals(wanted, &ev.budget)).count()
                }
                (None, None) => items.len(),
                (None, Some(_)) => {
                    let mut count = 0;
                    for item in &items {
                        count += usize::from(test(ev, block, None, item)?);
                    }
                    count
                }
            };
            Value::count(count)
        }
        "include?" | "member?" => {
            Value::Bool(items.iter().any(|item| item.equals(call.arg(0), &ev.budget)))
        }
        "grep" | "grep_v" => grep(ev, items, call)?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// The first of the places where there is what the argument or the block wants.
pub(crate) fn first_match<'a>(
    ev: &mut Evaluator<'a>,
    items: &[Value],
    places: impl Iterator<Item = usize>,
    call: &Call<'_, 'a>,
) -> Outcome<Option<usize>> {
    for place in places {
        let found = match call.args.first() {
            Some(wanted) => items[place].equals(wanted, &ev.budget),
            None => ev.yield_to(call.need_block()?, vec![items[place].clone()])?.truthy(),
        };
        if found {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn quantifier<'a>(ev: &mut Evaluator<'a>, items: &[Value], call: &Call<'_, 'a>) -> Outcome {
    let block = call.block.map(|block| &**block);
    let mut met = 0;
    for item in items {
        let this = test(ev, block, call.args.first(), item)?;
        met += usize::from(this);
        match call.name {
            "all?" if !this => return Ok(Value::Bool(false)),
            "any?" if this => return Ok(Value::Bool(true)),
            "none?" if this => return Ok(Value::Bool(false)),
            "one?" if met > 1 => return Ok(Value::Bool(false)),
            _ => {}
        }
    }
    Ok(Value::Bool(match call.name {
        "any?" => false,
        "one?" => met == 1,
        _ => true,
    }))
}

fn grep<'a>(ev: &mut Evaluator<'a>, items: Vec<Value>, call: &Call<'_, 'a>) -> Outcome {
    let wanted = call.name == "grep";
    let mut found = Vec::new();
    for item in items {
        if test(ev, None, Some(call.arg(0)), &item)? == wanted {
            found.push(match call.block {
                Some(block) => ev.yield_to(block, vec![item])?,
                None => item,
            });
        }
    }
    Ok(Value::list(found))
}

/// A block as a test of items.
pub(crate) fn test<'a>(
    ev: &mut Evaluator<'a>,
    block: Option<&Block<'a>>,
    pattern: Option<&Value>,
    item: &Value,
) -> Outcome<bool> {
    match (block, pattern) {
        (_, Some(pattern)) => {
            Ok(ev.call(pattern, &Call::new("===", std::slice::from_ref(item)))?.truthy())
        }
        (Some(block), None) => Ok(ev.yield_to(block, vec![item.clone()])?.truthy()),
        (None, None) => Ok(item.truthy()),
    }
}
