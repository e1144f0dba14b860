//! Methods of strings.

use std::rc::Rc;

use crate::evaluate::format;
use crate::evaluate::walk::Evaluator;
use crate::values::flow::{argument_error, raise};
use crate::values::limits::{Budget, ITEM};
use crate::values::number;
use crate::values::regex::Match;
use crate::values::text;
use crate::values::value::{Outcome, Text, Value};

use crate::evaluate::call::world::object;
use crate::evaluate::call::{Answer, Call, amount};
use crate::values::conversion::{noun, text_of};

mod change;
mod replace;
mod search;
mod slice;
mod succ;
mod trim;

pub(crate) use succ::upto;

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Answer {
    if let Some(value) = change::call(ev, text, call)? {
        return Ok(Some(value));
    }
    let bytes = text.bytes();
    if let Some(changed) = trim::call(&bytes, call)? {
        return Ok(Some(Value::str(changed)));
    }
    let value = match call.name {
        "+" => {
            let other = call.text(0)?;
            ev.budget.string(bytes.len() + other.len())?;
            Value::str([bytes.as_slice(), &other].concat())
        }
        "*" => {
            let times = amount(call.arg(0), "argument must be non-negative")?;
            ev.budget.string(bytes.len().saturating_mul(times))?;
            Value::str(bytes.repeat(times))
        }
        "%" => {
            let args = match call.arg(0) {
                Value::List(list) => list.0.borrow().clone(),
                other => vec![other.clone()],
            };
            Value::str(format::format(&bytes, &args, &ev.budget)?)
        }
        "to_s" | "to_str" => Value::Str(text.clone()),
        "to_i" => {
            let base = if call.args.is_empty() { 10 } else { call.int(0)? };
            match u32::try_from(base) {
                Ok(base @ 2..=36) => Value::Int(number::to_i(&bytes, base)?),
                _ => return argument_error(format!("invalid radix {base}")),
            }
        }
        "hex" => Value::Int(number::to_i(&bytes, 16)?),
        "oct" => Value::Int(octal(&bytes)?),
        "to_f" => Value::Float(number::to_f(&bytes)),
        "to_sym" | "intern" => Value::symbol(&bytes),
        "ljust" | "rjust" | "center" => Value::str(justify(&bytes, call, &ev.budget)?),
        "sub" | "gsub" => Value::str(replace::substitute(ev, &bytes, call)?),
        "tr" | "tr_s" | "delete" | "squeeze" | "count" => return replace::sets(ev, &bytes, call),
        "[]" | "slice" | "byteslice" => return slice::index(ev, &bytes, call).map(Some),
        _ => return questions(ev, &bytes, call),
    };
    Ok(Some(value))
}

/// What can be asked about a string.
fn questions<'a>(ev: &mut Evaluator<'a>, bytes: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Answer {
    let value = match call.name {
        "length" | "size" => {
            ev.budget.read(bytes.len())?;
            Value::count(text::char_count(bytes))
        }
        "bytesize" => Value::count(bytes.len()),
        "empty?" => Value::Bool(bytes.is_empty()),
        "ascii_only?" => Value::Bool(bytes.is_ascii()),
        "valid_encoding?" => Value::Bool(std::str::from_utf8(bytes).is_ok()),
        "ord" => match std::str::from_utf8(bytes).map(|text| text.chars().next()) {
            Ok(Some(char)) => Value::Int(u32::from(char).into()),
            Ok(None) => return argument_error("empty string"),
            Err(_) => return argument_error("invalid byte sequence in UTF-8"),
        },
        "chr" => Value::str(text::chars(bytes).next().unwrap_or_default()),
        "include?" => Value::Bool(text::find(bytes, &call.text(0)?, 0).is_some()),
        "start_with?" | "end_with?" => Value::Bool(has_end(ev, bytes, call)?),
        "casecmp" | "casecmp?" => {
            let Value::Str(other) = call.arg(0) else {
                text_of(call.arg(0))?;
                return Ok(None);
            };
            casecmp(bytes, &other.borrow(), call.name)?
        }
        "<" | "<=" | ">" | ">=" | "between?" | "clamp" => {
            return object::comparable(ev, &Value::str_bytes(bytes.clone()), call);
        }
        "chars" => {
            ev.budget.make_objects(text::char_count(bytes), bytes.len())?;
            Value::list(text::chars(bytes).map(Value::str).collect())
        }
        "bytes" => {
            ev.budget.afford(bytes.len() * ITEM)?;
            Value::list(bytes.iter().map(|byte| Value::Int(i64::from(*byte))).collect())
        }
        "succ" | "next" => Value::str(succ::succ(bytes)?),
        _ => return search::call(ev, bytes, call),
    };
    Ok(Some(value))
}

fn octal(bytes: &[u8]) -> Outcome<i64> {
    let digits = bytes.trim_ascii_start();
    let unsigned = digits.strip_prefix(b"-").or(digits.strip_prefix(b"+")).unwrap_or(digits);
    let base = match unsigned {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'b' | b'B', ..] => 2,
        [b'0', b'd' | b'D', ..] => 10,
        _ => 8,
    };
    number::to_i(bytes, base)
}

fn justify(bytes: &[u8], call: &Call<'_, '_>, budget: &Budget) -> Outcome<Vec<u8>> {
    let width = usize::try_from(call.int(0)?).unwrap_or(0);
    let pad = if call.args.len() > 1 { call.text(1)? } else { Rc::new(b" ".to_vec()) };
    if pad.is_empty() {
        return argument_error("zero width padding");
    }
    let missing = width.saturating_sub(text::char_count(bytes));
    // A character has four bytes at most.
    budget.string(bytes.len().saturating_add(missing.saturating_mul(pad.len().min(4))))?;
    budget.charge(missing)?;
    let pad: Vec<&[u8]> = text::chars(&pad).take(missing).collect();
    let fill = |count: usize| {
        let mut fill = Vec::new();
        pad.iter().cycle().take(count).for_each(|char| fill.extend_from_slice(char));
        fill
    };
    let left = match call.name {
        "ljust" => 0,
        "rjust" => missing,
        _ => missing / 2,
    };
    Ok([&fill(left), bytes, &fill(missing - left)].concat())
}

fn has_end<'a>(ev: &mut Evaluator<'a>, bytes: &Rc<Vec<u8>>, call: &Call<'_, 'a>) -> Outcome<bool> {
    for arg in call.args {
        let met = match (call.name, arg) {
            ("start_with?", Value::Pattern(pattern)) => {
                let found = ev.find(pattern, bytes, 0)?.filter(|found| found.span().start == 0);
                let met = found.is_some();
                ev.last_match = found.map(Rc::new);
                met
            }
            ("start_with?", arg) => bytes.starts_with(&text_of(arg)?),
            (_, arg) => bytes.ends_with(&text_of(arg)?),
        };
        if met {
            return Ok(true);
        }
    }
    Ok(false)
}

fn casecmp(a: &[u8], b: &[u8], name: &str) -> Outcome {
    if name == "casecmp" {
        let order = a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
        return Ok(Value::Int(order as i64));
    }
    let fold = |bytes: &[u8]| text::map_chars(bytes, |_, char| char.to_lowercase());
    Ok(Value::Bool(fold(a)? == fold(b)?))
}

/// A pattern argument: a regular expression, or a text that stands for itself.
enum Needle {
    Pattern(Rc<crate::values::regex::Pattern>),
    Text(Rc<Vec<u8>>),
}

impl Needle {
    fn of(value: &Value) -> Outcome<Needle> {
        match value {
            Value::Pattern(pattern) => Ok(Needle::Pattern(pattern.clone())),
            Value::Str(text) => Ok(Needle::Text(text.bytes())),
            other => {
                raise("TypeError", format!("wrong argument type {} (expected Regexp)", noun(other)))
            }
        }
    }

    /// The first match at or after an offset.
    fn find<'a>(
        &self,
        ev: &mut Evaluator<'a>,
        hay: &Rc<Vec<u8>>,
        from: usize,
    ) -> Outcome<Option<Match>> {
        match self {
            Needle::Pattern(pattern) => ev.find(pattern, hay, from),
            Needle::Text(text) => {
                let found = text::find(hay, text, from).map(|at| at..at + text.len());
                let end = found.as_ref().map_or(hay.len(), |found| found.end);
                ev.budget.charge(1)?;
                ev.budget.read(end - from)?;
                Ok(found.map(|span| Match::plain(hay, span)))
            }
        }
    }
    /// Visits each match in turn, until `visit` says that it has enough. The last one is `$~` then.
    fn each<'a>(
        &self,
        ev: &mut Evaluator<'a>,
        hay: &Rc<Vec<u8>>,
        visit: &mut dyn FnMut(&mut Evaluator<'a>, &Rc<Match>) -> Outcome<bool>,
    ) -> Outcome<()> {
        let (mut from, mut last, mut more) = (0, None, true);
        while more && from <= hay.len() {
            let Some(found) = self.find(ev, hay, from)?.map(Rc::new) else { break };
            let span = found.span();
            // After an empty match the next one is searched behind the next character.
            let step = if span.is_empty() { text::char_len(&hay[span.end..]).max(1) } else { 0 };
            from = span.end + step;
            more = visit(ev, &found)?;
            last = Some(found);
        }
        ev.last_match = last;
        Ok(())
    }
}
