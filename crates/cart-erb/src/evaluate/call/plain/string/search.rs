//! Finding in strings and taking them apart.

use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
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
                return crate::values::flow::type_error(
                    "wrong argument type String (expected Regexp)",
                );
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
            let parts: Vec<Value> = parts.into_iter().map(Value::str).collect();
            let Some(block) = call.block else { return Ok(Some(Value::list(parts))) };
            for part in parts {
                ev.yield_to(block, vec![part])?;
            }
            this()
        }
        "lines" | "each_line" => lines(ev, bytes, call)?,
        "each_char" | "each_byte" => {
            let block = call.need_block()?;
            if call.name == "each_char" {
                for char in text::chars(bytes) {
                    ev.budget.make_objects(1, char.len())?;
                    ev.yield_to(block, vec![Value::str(char)])?;
                }
            } else {
                for byte in bytes.iter() {
                    ev.yield_to(block, vec![Value::Int(i64::from(*byte))])?;
                }
            }
            this()
        }
        "scan" => scan(ev, bytes, call)?,
        "partition" | "rpartition" => partition(ev, bytes, call)?,
        "upto" => {
            let last = call.text(0)?;
            for text in super::upto(ev, bytes, &last, call.arg(1).truthy())? {
                ev.yield_to(call.need_block()?, vec![text])?;
            }
            this()
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn index<'a>(ev: &mut Evaluator<'a>, bytes: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Outcome {
    let length = text::char_count(bytes);
    let last = call.name == "rindex";
    let start = match call.args.get(1) {
        Some(_) => position(call.int(1)?, length),
        None => Some(if last { length } else { 0 }),
    };
    let Some(start) = start.filter(|start| last || *start <= length) else {
        return Ok(Value::Nil);
    };
    let from = text::char_offset(bytes, start);
    let found = match Needle::of(call.arg(0))? {
        Needle::Text(needle) if last => text::rfind(bytes, &needle, from),
        Needle::Text(needle) => text::find(bytes, &needle, from),
        Needle::Pattern(pattern) => {
            text::valid(bytes)?;
            let found = if last {
                last_match(ev, &pattern, bytes, from)?
            } else {
                ev.find(&pattern, bytes, from)?
            };
            let at = found.as_ref().map(|found| found.span().start);
            ev.last_match = found.map(Rc::new);
            at
        }
    };
    Ok(char_value(bytes, found))
}

/// The match that starts last, at or before `from`.
fn last_match(
    ev: &mut Evaluator<'_>,
    pattern: &Rc<Pattern>,
    hay: &Rc<Vec<u8>>,
    from: usize,
) -> Outcome<Option<Match>> {
    text::valid(hay)?;
    for start in (0..=from).rev() {
        if let Some(found) =
            ev.find(pattern, hay, start)?.filter(|found| found.span().start == start)
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
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
    if limit == 1 {
        return Ok(vec![bytes.to_vec()]);
    }
    let most = usize::try_from(limit).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
    let mut parts = match call.arg(0) {
        Value::Nil => words(ev, bytes, most)?,
        Value::Str(text) if *text.borrow() == b" " => words(ev, bytes, most)?,
        separator => match Needle::of(separator)? {
            Needle::Text(separator) if separator.is_empty() => characters(ev, bytes, most)?,
            Needle::Text(separator) => by_text(ev, bytes, &separator, most)?,
            Needle::Pattern(pattern) => by_pattern(ev, bytes, &pattern, most)?,
        },
    };
    if limit == 0 {
        while parts.last().is_some_and(Vec::is_empty) {
            parts.pop();
        }
    }
    Ok(parts)
}

/// Adds a part of a string, if there is memory for one more.
fn add(ev: &Evaluator<'_>, parts: &mut Vec<Vec<u8>>, part: &[u8]) -> Outcome<()> {
    ev.budget.make_objects(1, ITEM + part.len())?;
    parts.push(part.to_vec());
    Ok(())
}

/// Split at white space, which may also stand in front.
fn words(ev: &Evaluator<'_>, bytes: &[u8], most: usize) -> Outcome<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    loop {
        let start = rest.iter().position(|byte| !text::is_space(*byte)).unwrap_or(rest.len());
        rest = &rest[start..];
        let end = rest.iter().position(|byte| text::is_space(*byte));
        match end {
            Some(end) if parts.len() + 1 < most => {
                add(ev, &mut parts, &rest[..end])?;
                rest = &rest[end..];
            }
            _ => {
                add(ev, &mut parts, rest)?;
                return Ok(parts);
            }
        }
    }
}

fn characters(ev: &Evaluator<'_>, bytes: &[u8], most: usize) -> Outcome<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && parts.len() + 1 < most {
        let (char, after) = rest.split_at(text::char_len(rest));
        add(ev, &mut parts, char)?;
        rest = after;
    }
    add(ev, &mut parts, rest)?;
    Ok(parts)
}

fn by_text(
    ev: &Evaluator<'_>,
    bytes: &[u8],
    separator: &[u8],
    most: usize,
) -> Outcome<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while parts.len() + 1 < most {
        let Some(at) = text::find(bytes, separator, start) else { break };
        add(ev, &mut parts, &bytes[start..at])?;
        start = at + separator.len();
    }
    add(ev, &mut parts, &bytes[start..])?;
    Ok(parts)
}

/// Splits at matches; their groups are parts too, and empty matches split characters.
fn by_pattern(
    ev: &Evaluator<'_>,
    bytes: &Rc<Vec<u8>>,
    pattern: &Rc<Pattern>,
    most: usize,
) -> Outcome<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    let mut splits = 1;
    // The part that is open starts at `start`; matches are searched from `from` on.
    let (mut start, mut from) = (0, 0);
    while from <= bytes.len() {
        let Some(mut found) = ev.find(pattern, bytes, from)? else { break };
        if found.span() == (start..start) {
            // An empty match in front of a part: look again behind the part's first character.
            from = start + bytes.get(start..).map_or(0, text::char_len).max(1);
            if from > bytes.len() {
                break;
            }
            let Some(again) = ev.find(pattern, bytes, from)? else { break };
            found = again;
        }
        add(ev, &mut parts, &bytes[start..found.span().start])?;
        for group in (1..found.len()).filter_map(|index| found.group(index)) {
            add(ev, &mut parts, group)?;
        }
        start = found.span().end;
        from = start;
        splits += 1;
        if splits >= most {
            break;
        }
    }
    add(ev, &mut parts, &bytes[start..])?;
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
    let Some(block) = call.block else { return Ok(Value::list(lines)) };
    for line in lines {
        ev.yield_to(block, vec![line])?;
    }
    Ok(Value::str_bytes(bytes.clone()))
}

fn scan<'a>(ev: &mut Evaluator<'a>, hay: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Outcome {
    let needle = Needle::of(call.arg(0))?;
    let mut results = Vec::new();
    let mut from = 0;
    let mut last = None;
    while from <= hay.len() {
        let Some(found) = needle.find(ev, hay, from)? else { break };
        let span = found.span();
        let groups = (0..found.len()).filter_map(|index| found.group(index));
        ev.budget.make_objects(1 + found.len(), groups.map(<[u8]>::len).sum())?;
        from = if span.is_empty() { span.end + text::char_len(&hay[span.end..]) } else { span.end };
        let result = if found.len() == 1 {
            Value::str(found.whole())
        } else {
            let group = |index| found.group(index).map_or(Value::Nil, Value::str);
            Value::list((1..found.len()).map(group).collect())
        };
        let found = Rc::new(found);
        last = Some(found.clone());
        match call.block {
            Some(block) => {
                ev.last_match = Some(found);
                ev.yield_to(block, vec![result])?;
            }
            None => results.push(result),
        }
    }
    ev.last_match = last;
    Ok(if call.block.is_some() { Value::str_bytes(hay.clone()) } else { Value::list(results) })
}

fn partition<'a>(ev: &mut Evaluator<'a>, bytes: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Outcome {
    let last = call.name == "rpartition";
    let span = match Needle::of(call.arg(0))? {
        Needle::Text(needle) => {
            let at = match last {
                true => text::rfind(bytes, &needle, bytes.len()),
                false => text::find(bytes, &needle, 0),
            };
            at.map(|at| at..at + needle.len())
        }
        Needle::Pattern(pattern) => {
            let found = match last {
                true => last_match(ev, &pattern, bytes, bytes.len())?,
                false => ev.find(&pattern, bytes, 0)?,
            };
            let span = found.as_ref().map(|found| found.span());
            ev.last_match = found.map(Rc::new);
            span
        }
    };
    let parts: [&[u8]; 3] = match span {
        Some(span) => [&bytes[..span.start], &bytes[span.clone()], &bytes[span.end..]],
        None if last => [b"", b"", bytes],
        None => [bytes, b"", b""],
    };
    ev.budget.make_objects(3, bytes.len())?;
    Ok(Value::list(parts.into_iter().map(Value::str).collect()))
}
