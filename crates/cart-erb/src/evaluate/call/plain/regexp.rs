//! Methods of regular expressions and of matches.

use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::raise;
use crate::values::limits::ITEM;
use crate::values::pattern::Options;
use crate::values::regex::{Match, Pattern, escape};
use crate::values::text;
use crate::values::value::{Outcome, Pairs, Value};

use crate::evaluate::call::{Answer, Call, position};
use crate::values::conversion::{name_of, text_of};

pub(crate) fn call<'a>(
    ev: &mut Evaluator<'a>,
    pattern: &Rc<Pattern>,
    call: &Call<'_, 'a>,
) -> Answer {
    let value = match call.name {
        "=~" | "match" | "match?" | "===" => {
            let hay = match call.arg(0) {
                Value::Nil => None,
                Value::Symbol(_) | Value::Str(_) => Some(name_of(call.arg(0))?),
                _ if call.name == "===" => None,
                other => Some(text_of(other)?),
            };
            search(ev, pattern, hay, call)?
        }
        "source" => Value::str(pattern.source()),
        "to_s" => Value::str(pattern.to_s()),
        "names" => names(ev, pattern.names())?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn names<'n>(ev: &Evaluator<'_>, names: impl Iterator<Item = &'n str>) -> Outcome {
    let names: Vec<&str> = names.collect();
    ev.budget.make_objects(names.len(), names.iter().map(|name| name.len()).sum())?;
    Ok(Value::list(names.into_iter().map(Value::str).collect()))
}

/// Matches a pattern as the call's name says. All but `match?` set `$~`.
pub(crate) fn search<'a>(
    ev: &mut Evaluator<'a>,
    pattern: &Rc<Pattern>,
    hay: Option<Rc<Vec<u8>>>,
    call: &Call<'_, 'a>,
) -> Outcome {
    let found = match hay {
        Some(hay) => ev.find(pattern, &hay, 0)?.map(Rc::new),
        None => None,
    };
    if let Some(found) = &found {
        ev.budget.make_objects(1, found.len() * ITEM)?;
    }
    if call.name == "match?" {
        return Ok(Value::Bool(found.is_some()));
    }
    ev.last_match = found.clone();
    Ok(match (call.name, found) {
        ("===", found) => Value::Bool(found.is_some()),
        (_, None) => Value::Nil,
        ("match", Some(found)) => match call.block {
            Some(block) => ev.yield_to(block, vec![Value::Match(found)])?,
            None => Value::Match(found),
        },
        (_, Some(found)) => Value::count(text::char_index(found.hay(), found.span().start)),
    })
}

pub(crate) fn match_data(ev: &mut Evaluator<'_>, found: &Rc<Match>, call: &Call<'_, '_>) -> Answer {
    if matches!(call.name, "to_a" | "captures" | "named_captures") {
        let groups = (0..found.len()).filter_map(|index| found.group(index));
        ev.budget.make_objects(2 * found.len(), groups.map(<[u8]>::len).sum())?;
    }
    let group = |index: usize| found.group(index).map_or(Value::Nil, Value::str);
    let value = match call.name {
        "[]" => group_index(found, call.arg(0))?.map_or(Value::Nil, group),
        "begin" | "end" => {
            let index = group_index(found, call.arg(0))?;
            match index.and_then(|index| found.group_span(index)) {
                None => Value::Nil,
                Some(span) => {
                    let offset = if call.name == "begin" { span.start } else { span.end };
                    Value::count(text::char_index(found.hay(), offset))
                }
            }
        }
        "to_a" => Value::list((0..found.len()).map(group).collect()),
        "captures" => Value::list((1..found.len()).map(group).collect()),
        "pre_match" => Value::str(found.before()),
        "post_match" => Value::str(found.after()),
        "string" => Value::frozen_bytes(found.hay().clone()),
        "regexp" => match found.pattern() {
            Some(pattern) => Value::Pattern(pattern.clone()),
            None => Value::Pattern(ev.pattern(escape(found.whole()), Options::default())?),
        },
        "size" | "length" => Value::count(found.len()),
        "names" => names(ev, found.names())?,
        "named_captures" => {
            let mut pairs = Pairs::default();
            for name in found.names() {
                let index = found.index_of(name.as_bytes());
                pairs.set(Value::str(name), index.map_or(Value::Nil, group), &ev.budget)?;
            }
            Value::map(pairs)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// The group that a number or a name means; `None` for a number that is none.
pub(crate) fn group_index(found: &Match, wanted: &Value) -> Outcome<Option<usize>> {
    let name = match wanted {
        Value::Int(index) => return Ok(position(*index, found.len())),
        other => name_of(other)?,
    };
    match found.index_of(&name) {
        Some(index) => Ok(Some(index)),
        None => {
            raise("IndexError", format!("undefined group name reference: {}", text::lossy(&name)))
        }
    }
}
