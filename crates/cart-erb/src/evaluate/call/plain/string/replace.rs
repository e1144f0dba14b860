//! `sub`, `gsub`, and what works on sets of characters: `tr`, `delete`, `squeeze`, `count`.

use std::collections::HashMap;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::{argument_error, limit, refuse};
use crate::values::inspect;
use crate::values::limits::{ITEMS_PER_STEP, MOST_CHARS};
use crate::values::regex::Match;
use crate::values::text;
use crate::values::value::{Outcome, Value};

use super::Needle;
use crate::evaluate::call::{Answer, Call};

/// `sub` and `gsub`.
pub(super) fn substitute<'a>(
    ev: &mut Evaluator<'a>,
    bytes: &Rc<Vec<u8>>,
    call: &Call<'_, 'a>,
) -> Outcome<Vec<u8>> {
    if call.name == "gsub" && call.args.len() == 1 && call.block.is_none() {
        return refuse("an enumerator of `gsub`");
    }
    call.arity(if call.block.is_some() { 1 } else { 2 }, 2)?;
    let needle = Needle::of(call.arg(0))?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut copied = 0;
    needle.each(ev, bytes, &mut |ev, found| {
        let span = found.span();
        out.extend_from_slice(&bytes[copied..span.start]);
        replacement(ev, found, call, &mut out)?;
        copied = span.end;
        Ok(call.name == "gsub")
    })?;
    out.extend_from_slice(&bytes[copied..]);
    Ok(out)
}

fn replacement<'a>(
    ev: &mut Evaluator<'a>,
    found: &Rc<Match>,
    call: &Call<'_, 'a>,
    out: &mut Vec<u8>,
) -> Outcome<()> {
    match (call.args.get(1), call.block) {
        (Some(Value::Map(map)), _) => {
            let value = map.0.borrow().index(&Value::str(found.whole()), &ev.budget);
            let text = inspect::to_s(&value, &ev.budget)?;
            put(ev, out, &text)?;
        }
        (Some(_), _) => expand(ev, &call.text(1)?, found, out)?,
        (None, Some(block)) => {
            ev.last_match = Some(found.clone());
            ev.budget.make_objects(1 + found.len(), found.whole().len())?;
            let value = ev.yield_to(block, vec![Value::str(found.whole())])?;
            let text = inspect::to_s(&value, &ev.budget)?;
            put(ev, out, &text)?;
        }
        (None, None) => {}
    }
    Ok(())
}

/// Appends to what is being made, if there is room.
fn put(ev: &Evaluator<'_>, out: &mut Vec<u8>, bytes: &[u8]) -> Outcome<()> {
    ev.budget.string(out.len() + bytes.len())?;
    ev.budget.read(bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// The replacement with its `\1`, `\0`, `\k<name>` and their like filled in.
fn expand(ev: &Evaluator<'_>, replacement: &[u8], found: &Match, out: &mut Vec<u8>) -> Outcome<()> {
    ev.charge(replacement.len() / ITEMS_PER_STEP)?;
    ev.budget.string(out.len() + replacement.len())?;
    let mut rest = replacement;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let Some((letter, after)) = after.split_first().filter(|_| *byte == b'\\') else {
            out.push(*byte);
            continue;
        };
        rest = after;
        match letter {
            b'0'..=b'9' => {
                let group = found.group(usize::from(letter - b'0')).unwrap_or_default();
                put(ev, out, group)?;
            }
            b'&' => put(ev, out, found.whole())?,
            b'`' => put(ev, out, found.before())?,
            b'\'' => put(ev, out, found.after())?,
            b'\\' => out.push(b'\\'),
            b'k' if after.starts_with(b"<") && after.contains(&b'>') => {
                ev.budget.read(after.len())?;
                let end = after.iter().position(|byte| *byte == b'>').unwrap_or(0);
                let index = found.index_of(&after[1..end]);
                let group = index.and_then(|index| found.group(index));
                put(ev, out, group.unwrap_or_default())?;
                rest = &after[end + 1..];
            }
            _ => out.extend_from_slice(&[b'\\', *letter]),
        }
    }
    Ok(())
}

/// `tr`, `tr_s`, `delete`, `squeeze` and `count`.
pub(super) fn sets(ev: &Evaluator<'_>, bytes: &[u8], call: &Call<'_, '_>) -> Answer {
    let text = text::valid(bytes)?;
    // Each character is looked for in each set.
    let sets = call.args.len().max(1);
    ev.charge(bytes.len().saturating_mul(sets) / ITEMS_PER_STEP)?;
    let value = match call.name {
        "tr" | "tr_s" => Value::str(translate(text, call)?),
        "squeeze" => {
            let sets = all_sets(call)?;
            let mut out = String::with_capacity(text.len());
            for char in text.chars() {
                let repeated = out.ends_with(char);
                if !(repeated && sets.iter().all(|set| set.has(char))) {
                    out.push(char);
                }
            }
            Value::str(out)
        }
        _ => {
            let sets = all_sets(call)?;
            let chosen = |char: &char| sets.iter().all(|set| set.has(*char));
            match call.name {
                "count" => Value::count(text.chars().filter(chosen).count()),
                _ => Value::str(text.chars().filter(|char| !chosen(char)).collect::<String>()),
            }
        }
    };
    Ok(Some(value))
}

fn translate(text: &str, call: &Call<'_, '_>) -> Outcome<String> {
    let (from, to) = (Set::of(&call.text(0)?)?, Set::of_range(&call.text(1)?)?);
    let mut out = String::with_capacity(text.len());
    let mut last_put = None;
    for char in text.chars() {
        if !from.has(char) {
            out.push(char);
            last_put = None;
            continue;
        }
        let index = if from.negated { usize::MAX } else { from.index(char) };
        let put = to.get(index).or(to.last()).copied();
        if call.name == "tr" || put != last_put {
            out.extend(put);
        }
        last_put = put;
    }
    Ok(out)
}

fn all_sets(call: &Call<'_, '_>) -> Outcome<Vec<Set>> {
    (0..call.args.len()).map(|index| Set::of(&call.text(index)?)).collect()
}

/// A set of characters as `tr` writes it: `a-z`, `^a-z`.
struct Set {
    negated: bool,
    /// Each character with its place; the last one counts where it stands twice.
    places: HashMap<char, usize>,
}

impl Set {
    fn of(bytes: &[u8]) -> Outcome<Set> {
        let text = text::valid(bytes)?;
        let negated = text.starts_with('^') && text.chars().nth(1).is_some();
        let chars = Set::of_range(if negated { &bytes[1..] } else { bytes })?;
        let places = chars.into_iter().enumerate().map(|(at, char)| (char, at)).collect();
        Ok(Set { negated, places })
    }

    /// The characters of a set in their order, ranges spelt out.
    fn of_range(bytes: &[u8]) -> Outcome<Vec<char>> {
        let source: Vec<char> = text::valid(bytes)?.chars().collect();
        let mut chars = Vec::new();
        let mut at = 0;
        while let Some(mut first) = source.get(at).copied() {
            at += 1;
            if first == '\\' && at < source.len() {
                first = source[at];
                at += 1;
            }
            match (source.get(at), source.get(at + 1)) {
                (Some('-'), Some(last)) => {
                    if *last < first {
                        let range = format!("{first}-{last}");
                        return argument_error(format!(
                            "invalid range \"{range}\" in string transliteration"
                        ));
                    }
                    chars.extend(first..=*last);
                    if chars.len() > MOST_CHARS {
                        return limit(format!("a set of more than {MOST_CHARS} characters"));
                    }
                    at += 2;
                }
                _ => chars.push(first),
            }
        }
        Ok(chars)
    }

    fn has(&self, char: char) -> bool {
        self.places.contains_key(&char) != self.negated
    }

    /// The place of a character.
    fn index(&self, char: char) -> usize {
        self.places.get(&char).copied().unwrap_or(usize::MAX)
    }
}
