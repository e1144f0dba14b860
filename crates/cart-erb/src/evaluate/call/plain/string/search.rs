//! Finding in strings and taking them apart.

use std::ops::Range;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::type_error;
use crate::values::limits::ITEM;
use crate::values::regex::{Match, Pattern};
use crate::values::text;
use crate::values::value::{Outcome, Value};

use super::Needle;
use crate::evaluate::call::plain::regexp;
use crate::evaluate::call::{Answer, Call, char_value, position};
use crate::values::conversion::text_of;

pub(super) fn call<'a>(ev: &mut Evaluator<'a>, bytes: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Answer {
    let this = || Value::str_bytes(bytes.clone());
    let value = match call.name {
        "=~" => match call.arg(0) {
            Value::Pattern(pattern) => regexp::search(ev, pattern, Some(bytes.clone()), call)?,
            Value::Str(_) => {
                return type_error("wrong argument type String (expected Regexp)");
            }
            other => {
                let this = [this()];
                ev.call(other, &Call::new("=~", &this))?
            }
        },
        "match" | "match?" => {
            let pattern = match Needle::of(call.arg(0))? {
                Needle::Pattern(pattern) => pattern,
                Needle::Text(source) => ev.pattern(source.to_vec(), Default::default())?,
            };
            regexp::search(ev, &pattern, Some(bytes.clone()), call)?
        }
        "index" | "rindex" => index(ev, bytes, call)?,
        "split" => {
            let parts = split(ev, bytes, call)?;
            given(ev, bytes, parts.into_iter().map(Value::str).collect(), call)?
        }
        "lines" | "each_line" => lines(ev, bytes, call)?,
        "each_char" => {
            ev.budget.make_objects(text::char_count(bytes), bytes.len())?;
            given(ev, bytes, text::chars(bytes).map(Value::str).collect(), call)?
        }
        "each_byte" => {
            let bytes = bytes.iter().map(|byte| Value::Int(i64::from(*byte)));
            ev.yield_each(call.need_block()?, bytes)?;
            this()
        }
        "scan" => scan(ev, bytes, call)?,
        "partition" | "rpartition" => partition(ev, bytes, call)?,
        "upto" => {
            let last = call.text(0)?;
            let texts = super::upto(ev, bytes, &last, call.arg(1).truthy())?;
            given(ev, bytes, texts, call)?
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// Parts of a string: a list, or, with a block, the block gets each.
fn given<'a>(
    ev: &mut Evaluator<'a>,
    bytes: &Rc<Vec<u8>>,
    parts: Vec<Value>,
    call: &Call<'_, 'a>,
) -> Outcome {
    let Some(block) = call.block else { return Ok(Value::list(parts)) };
    ev.yield_each(block, parts)?;
    Ok(Value::str_bytes(bytes.clone()))
}

fn index(ev: &mut Evaluator<'_>, bytes: &Rc<Vec<u8>>, call: &Call<'_, '_>) -> Outcome {
    let length = text::char_count(bytes);
    let last = call.name == "rindex";
    let start = match call.args.get(1) {
        Some(_) => position(call.int(1)?, length),
        None => Some(if last { length } else { 0 }),
    };
    let Some(start) = start.filter(|start| last || *start <= length) else {
        return Ok(Value::Nil);
    };
    let found = place(ev, bytes, text::char_offset(bytes, start), last, call.arg(0))?;
    Ok(char_value(bytes, found.map(|found| found.start)))
}

/// Where a text or a pattern stands: first at or after an offset, or last at or before it.
fn place(
    ev: &mut Evaluator<'_>,
    bytes: &Rc<Vec<u8>>,
    from: usize,
    last: bool,
    wanted: &Value,
) -> Outcome<Option<Range<usize>>> {
    let pattern = match Needle::of(wanted)? {
        Needle::Text(needle) => {
            let find = if last { text::rfind } else { text::find };
            return Ok(find(bytes, &needle, from).map(|at| at..at + needle.len()));
        }
        Needle::Pattern(pattern) => pattern,
    };
    text::valid(bytes)?;
    let found = match last {
        true => last_match(ev, &pattern, bytes, from)?,
        false => ev.find(&pattern, bytes, from)?,
    };
    let span = found.as_ref().map(Match::span);
    ev.last_match = found.map(Rc::new);
    Ok(span)
}

/// The match that starts last, at or before `from`.
fn last_match(
    ev: &mut Evaluator<'_>,
    pattern: &Rc<Pattern>,
    hay: &Rc<Vec<u8>>,
    from: usize,
) -> Outcome<Option<Match>> {
    for start in (0..=from).rev() {
        if let Some(found) =
            ev.find(pattern, hay, start)?.filter(|found| found.span().start == start)
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What a string is split at.
enum Separator {
    /// White space, which may also stand in front.
    Space,
    /// Nothing: between characters.
    Nothing,
    Text(Rc<Vec<u8>>),
    Pattern(Rc<Pattern>),
}

impl Separator {
    fn of(value: &Value) -> Outcome<Separator> {
        match value {
            Value::Nil => Ok(Separator::Space),
            Value::Str(text) if *text.borrow() == b" " => Ok(Separator::Space),
            other => Ok(match Needle::of(other)? {
                Needle::Text(text) if text.is_empty() => Separator::Nothing,
                Needle::Text(text) => Separator::Text(text),
                Needle::Pattern(pattern) => Separator::Pattern(pattern),
            }),
        }
    }

    /// The first one behind a part that starts at `start`, and what is found in it.
    fn find(
        &self,
        ev: &Evaluator<'_>,
        bytes: &Rc<Vec<u8>>,
        start: usize,
    ) -> Outcome<Option<(Range<usize>, Option<Match>)>> {
        let rest = &bytes[start..];
        let span = match self {
            Separator::Space => {
                let space = rest.iter().position(|byte| text::is_space(*byte));
                space.map(|at| start + at..after_space(bytes, start + at))
            }
            Separator::Nothing => {
                let end = start + text::char_len(rest);
                (!rest.is_empty()).then_some(end..end)
            }
            Separator::Text(text) => text::find(bytes, text, start).map(|at| at..at + text.len()),
            Separator::Pattern(pattern) => {
                let mut found = ev.find(pattern, bytes, start)?;
                if found.as_ref().is_some_and(|found| found.span() == (start..start)) {
                    // An empty match in front of a part: look again behind its first character.
                    let from = start + text::char_len(rest);
                    found = if rest.is_empty() { None } else { ev.find(pattern, bytes, from)? };
                }
                return Ok(found.map(|found| (found.span(), Some(found))));
            }
        };
        Ok(span.map(|span| (span, None)))
    }
}

fn after_space(bytes: &[u8], start: usize) -> usize {
    let space = bytes[start..].iter().position(|byte| !text::is_space(*byte));
    space.map_or(bytes.len(), |length| start + length)
}

fn split<'a>(
    ev: &mut Evaluator<'a>,
    bytes: &Rc<Vec<u8>>,
    call: &Call<'_, 'a>,
) -> Outcome<Vec<Vec<u8>>> {
    let limit = if call.args.len() > 1 { call.int(1)? } else { 0 };
    text::valid(bytes)?;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let separator = if limit == 1 { None } else { Some(Separator::of(call.arg(0))?) };
    let most = usize::try_from(limit).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
    let leading = matches!(separator, Some(Separator::Space));
    let mut start = if leading { after_space(bytes, 0) } else { 0 };
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut add = |ev: &Evaluator<'a>, part: &[u8]| -> Outcome<()> {
        ev.budget.make_objects(1, ITEM + part.len())?;
        parts.push(part.to_vec());
        Ok(())
    };
    for _ in 1..most {
        let Some(separator) = &separator else { break };
        let Some((span, found)) = separator.find(ev, bytes, start)? else { break };
        add(ev, &bytes[start..span.start])?;
        // The groups of a match are parts, too.
        for found in found.iter() {
            for group in (1..found.len()).filter_map(|index| found.group(index)) {
                add(ev, group)?;
            }
        }
        start = span.end;
    }
    add(ev, &bytes[start..])?;
    while limit == 0 && parts.last().is_some_and(Vec::is_empty) {
        parts.pop();
    }
    Ok(parts)
}

fn lines<'a>(ev: &mut Evaluator<'a>, bytes: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Outcome {
    let chomp = call.keyword("chomp", &ev.budget).is_some_and(|chomp| chomp.truthy());
    let separator = match call.args.first() {
        None | Some(Value::Map(_)) => Rc::new(b"\n".to_vec()),
        Some(Value::Nil) => return Ok(Value::list(vec![Value::str_bytes(bytes.clone())])),
        Some(other) => text_of(other)?,
    };
    let mut lines = Vec::new();
    for line in text::lines(bytes, &separator) {
        let line = match chomp {
            true if *separator == b"\n" => text::chomp(line),
            true => line.strip_suffix(separator.as_slice()).unwrap_or(line),
            false => line,
        };
        ev.budget.make_objects(1, ITEM + line.len())?;
        lines.push(Value::str(line));
    }
    given(ev, bytes, lines, call)
}

fn scan<'a>(ev: &mut Evaluator<'a>, hay: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Outcome {
    let mut results = Vec::new();
    Needle::of(call.arg(0))?.each(ev, hay, &mut |ev, found| {
        let groups = (0..found.len()).filter_map(|index| found.group(index));
        ev.budget.make_objects(1 + found.len(), groups.map(<[u8]>::len).sum())?;
        let group = |index| found.group(index).map_or(Value::Nil, Value::str);
        let result = match found.len() {
            1 => group(0),
            count => Value::list((1..count).map(group).collect()),
        };
        match call.block {
            Some(block) => {
                ev.last_match = Some(found.clone());
                ev.yield_to(block, vec![result])?;
            }
            None => results.push(result),
        }
        Ok(true)
    })?;
    Ok(if call.block.is_some() { Value::str_bytes(hay.clone()) } else { Value::list(results) })
}

fn partition(ev: &mut Evaluator<'_>, bytes: &Rc<Vec<u8>>, call: &Call<'_, '_>) -> Outcome {
    let last = call.name == "rpartition";
    let span = place(ev, bytes, if last { bytes.len() } else { 0 }, last, call.arg(0))?;
    let parts: [&[u8]; 3] = match span {
        Some(span) => [&bytes[..span.start], &bytes[span.clone()], &bytes[span.end..]],
        None if last => [b"", b"", bytes],
        None => [bytes, b"", b""],
    };
    ev.budget.make_objects(3, bytes.len())?;
    Ok(Value::list(parts.into_iter().map(Value::str).collect()))
}
