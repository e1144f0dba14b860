//! Finding in strings and taking them apart.

use std::rc::Rc;

use crate::eval::Evaluator;
use crate::flow::Outcome;
use crate::regex::{Match, Pattern};
use crate::text;
use crate::value::Value;

use super::super::{Answer, Call, char_value, position, regexp, text_of};
use super::Needle;

pub(super) fn call<'a>(ev: &mut Evaluator<'a>, bytes: &[u8], call: &Call<'_, 'a>) -> Answer {
    let value = match call.name {
        "=~" => {
            call.arity(1, 1)?;
            match call.arg(0) {
                Value::Pattern(pattern) => regexp::search(ev, pattern, Some(bytes.to_vec()), call)?,
                Value::Str(_) => {
                    return crate::flow::type_error("wrong argument type String (expected Regexp)");
                }
                other => {
                    let this = [Value::str(bytes)];
                    ev.call(other, &Call::new("=~", &this))?
                }
            }
        }
        "match" | "match?" => {
            call.arity(1, 1)?;
            let pattern = match Needle::of(call.arg(0))? {
                Needle::Pattern(pattern) => pattern,
                Needle::Text(source) => Rc::new(Pattern::new(&source, Default::default())?),
            };
            regexp::search(ev, &pattern, Some(bytes.to_vec()), call)?
        }
        "index" | "rindex" => {
            call.arity(1, 2)?;
            index(ev, bytes, call)?
        }
        "split" => {
            call.arity(0, 2)?;
            let parts = split(ev, bytes, call)?;
            let parts: Vec<Value> = parts.into_iter().map(Value::str).collect();
            let Some(block) = call.block else { return Ok(Some(Value::list(parts))) };
            for part in parts {
                ev.yield_to(block, vec![part])?;
            }
            Value::str(bytes)
        }
        "lines" | "each_line" => lines(ev, bytes, call)?,
        "each_char" | "each_byte" => {
            let block = call.need_block()?;
            let items: Vec<Value> = match call.name {
                "each_char" => text::chars(bytes).into_iter().map(Value::str).collect(),
                _ => bytes.iter().map(|byte| Value::Int(i64::from(*byte))).collect(),
            };
            for item in items {
                ev.yield_to(block, vec![item])?;
            }
            Value::str(bytes)
        }
        "scan" => {
            call.arity(1, 1)?;
            scan(ev, bytes, call)?
        }
        "partition" | "rpartition" => {
            call.arity(1, 1)?;
            partition(ev, bytes, call)?
        }
        "upto" => {
            let last = call.text(0)?;
            for text in super::upto(ev, bytes, &last, call.arg(1).truthy())? {
                ev.yield_to(call.need_block()?, vec![text])?;
            }
            Value::str(bytes)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn index<'a>(ev: &mut Evaluator<'a>, bytes: &[u8], call: &Call<'_, 'a>) -> Outcome {
    let chars = text::chars(bytes);
    let last = call.name == "rindex";
    let start = match call.args.get(1) {
        Some(_) => position(call.int(1)?, chars.len()),
        None => Some(if last { chars.len() } else { 0 }),
    };
    let Some(start) = start.filter(|start| last || *start <= chars.len()) else {
        return Ok(Value::Nil);
    };
    let from = chars[..start.min(chars.len())].iter().map(|char| char.len()).sum();
    let found = match Needle::of(call.arg(0))? {
        Needle::Text(needle) if last => text::rfind(bytes, &needle, from),
        Needle::Text(needle) => text::find(bytes, &needle, from),
        Needle::Pattern(pattern) => {
            let hay: Rc<[u8]> = bytes.into();
            let found = if last {
                last_match(ev, &pattern, &hay, from)?
            } else {
                pattern.find(&hay, from)?
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
    hay: &Rc<[u8]>,
    from: usize,
) -> Outcome<Option<Match>> {
    for start in (0..=from).rev() {
        ev.charge(1 + (hay.len() - start) / 16)?;
        if let Some(found) = pattern.find(hay, start)?.filter(|found| found.span().start == start) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn split<'a>(ev: &mut Evaluator<'a>, bytes: &[u8], call: &Call<'_, 'a>) -> Outcome<Vec<Vec<u8>>> {
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
        Value::Nil => words(bytes, most),
        Value::Str(text) if *text.borrow() == b" " => words(bytes, most),
        separator => match Needle::of(separator)? {
            Needle::Text(separator) if separator.is_empty() => characters(bytes, most),
            Needle::Text(separator) => by_text(bytes, &separator, most),
            Needle::Pattern(pattern) => by_pattern(bytes, &pattern, most)?,
        },
    };
    ev.charge(parts.len())?;
    if limit == 0 {
        while parts.last().is_some_and(Vec::is_empty) {
            parts.pop();
        }
    }
    Ok(parts)
}

/// Split at white space, which may also stand in front.
fn words(bytes: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    loop {
        let start = rest.iter().position(|byte| !text::is_space(*byte)).unwrap_or(rest.len());
        rest = &rest[start..];
        let end = rest.iter().position(|byte| text::is_space(*byte));
        match end {
            Some(end) if parts.len() + 1 < most => {
                parts.push(rest[..end].to_vec());
                rest = &rest[end..];
            }
            _ => {
                parts.push(rest.to_vec());
                return parts;
            }
        }
    }
}

fn characters(bytes: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && parts.len() + 1 < most {
        let (char, after) = rest.split_at(text::char_len(rest));
        parts.push(char.to_vec());
        rest = after;
    }
    parts.push(rest.to_vec());
    parts
}

fn by_text(bytes: &[u8], separator: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while parts.len() + 1 < most {
        let Some(at) = text::find(bytes, separator, start) else { break };
        parts.push(bytes[start..at].to_vec());
        start = at + separator.len();
    }
    parts.push(bytes[start..].to_vec());
    parts
}

/// Splits at matches; their groups are parts too, and empty matches split characters.
fn by_pattern(bytes: &[u8], pattern: &Rc<Pattern>, most: usize) -> Outcome<Vec<Vec<u8>>> {
    let hay: Rc<[u8]> = bytes.into();
    let mut parts = Vec::new();
    let mut splits = 1;
    // The part that is open starts at `start`; matches are searched from `from` on.
    let (mut start, mut from) = (0, 0);
    while from <= bytes.len() {
        let Some(mut found) = pattern.find(&hay, from)? else { break };
        if found.span() == (start..start) {
            // An empty match in front of a part: look again behind the part's first character.
            from = start + bytes.get(start..).map_or(0, text::char_len).max(1);
            if from > bytes.len() {
                break;
            }
            let Some(again) = pattern.find(&hay, from)? else { break };
            found = again;
        }
        parts.push(bytes[start..found.span().start].to_vec());
        let groups = (1..found.len()).filter_map(|index| found.group(index));
        parts.extend(groups.map(<[u8]>::to_vec));
        start = found.span().end;
        from = start;
        splits += 1;
        if splits >= most {
            break;
        }
    }
    parts.push(bytes[start..].to_vec());
    Ok(parts)
}

fn lines<'a>(ev: &mut Evaluator<'a>, bytes: &[u8], call: &Call<'_, 'a>) -> Outcome {
    let chomp = call.keyword("chomp").is_some_and(|chomp| chomp.truthy());
    let separator = match call.args.first() {
        Some(Value::Str(text)) => text.to_vec(),
        None | Some(Value::Map(_)) => b"\n".to_vec(),
        Some(Value::Nil) => return Ok(Value::list(vec![Value::str(bytes)])),
        Some(other) => text_of(other)?,
    };
    let lines = text::lines(bytes, &separator).into_iter().map(|line| match chomp {
        true if separator == b"\n" => text::chomp(line),
        true => line.strip_suffix(separator.as_slice()).unwrap_or(line),
        false => line,
    });
    let lines: Vec<Value> = lines.map(Value::str).collect();
    let Some(block) = call.block else { return Ok(Value::list(lines)) };
    for line in lines {
        ev.yield_to(block, vec![line])?;
    }
    Ok(Value::str(bytes))
}

fn scan<'a>(ev: &mut Evaluator<'a>, bytes: &[u8], call: &Call<'_, 'a>) -> Outcome {
    let pattern = match Needle::of(call.arg(0))? {
        Needle::Pattern(pattern) => pattern,
        Needle::Text(text) => Rc::new(Pattern::literal(&text)?),
    };
    let hay: Rc<[u8]> = bytes.into();
    let mut results = Vec::new();
    let mut from = 0;
    let mut last = None;
    while from <= hay.len() {
        ev.charge(1)?;
        let Some(found) = pattern.find(&hay, from)? else { break };
        let span = found.span();
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
    Ok(if call.block.is_some() { Value::str(bytes) } else { Value::list(results) })
}

fn partition<'a>(ev: &mut Evaluator<'a>, bytes: &[u8], call: &Call<'_, 'a>) -> Outcome {
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
            let hay: Rc<[u8]> = bytes.into();
            let found = match last {
                true => last_match(ev, &pattern, &hay, bytes.len())?,
                false => pattern.find(&hay, 0)?,
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
    Ok(Value::list(parts.into_iter().map(Value::str).collect()))
}
