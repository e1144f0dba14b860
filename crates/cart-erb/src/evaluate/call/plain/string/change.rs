//! Methods that change a string.

use std::ops::Range;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::flow::{raise, refuse};
use crate::values::text;
use crate::values::value::{Outcome, Text, Value};

use crate::evaluate::call::{Answer, Call, position};
use crate::values::conversion::text_of;

pub(super) fn call<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Answer {
    let this = Value::Str(text.clone());
    match call.name {
        "<<" | "concat" => append(ev, text, call)?,
        "prepend" => {
            for arg in call.args.iter().rev() {
                let part = text_of(arg)?;
                grow(ev, text, part.len())?;
                text.change(&ev.budget, |bytes| splice(bytes, 0..0, &part))?;
            }
        }
        "insert" => {
            insert(ev, text, call.int(0)?, &call.text(1)?)?;
        }
        "replace" | "initialize_copy" => {
            let other = call.text(0)?;
            ev.budget.make(other.len())?;
            text.change(&ev.budget, |bytes| other.as_slice().clone_into(bytes))?;
        }
        "clear" => text.change(&ev.budget, Vec::clear)?,
        "[]=" => return assign(ev, text, call).map(Some),
        "slice!" => return slice(ev, text, call).map(Some),
        "+@" if !text.is_frozen() => {}
        "+@" => return Ok(Some(Value::str_bytes(text.bytes()))),
        "-@" if text.is_frozen() => {}
        "-@" => return Ok(Some(Value::frozen_bytes(text.bytes()))),
        name if name.ends_with('!') && name != "!" => return in_place(ev, text, call),
        _ => return Ok(None),
    }
    Ok(Some(this))
}

/// `<<` and `concat`; an integer is a character's code.
fn append<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Outcome<()> {
    // What is appended is what the arguments are before: one may be the string itself.
    let mut parts = Vec::with_capacity(call.args.len());
    for arg in call.args {
        parts.push(match arg {
            Value::Int(code) => match u32::try_from(*code).ok().and_then(char::from_u32) {
                Some(char) => Rc::new(char.to_string().into_bytes()),
                None => return raise("RangeError", format!("{code} out of char range")),
            },
            other => text_of(other)?,
        });
    }
    for part in parts {
        grow(ev, text, part.len())?;
        text.change(&ev.budget, |bytes| bytes.extend_from_slice(&part))?;
    }
    Ok(())
}

/// Takes the memory of bytes that are added to a string.
fn grow(ev: &Evaluator<'_>, text: &Text, added: usize) -> Outcome<()> {
    ev.budget.string(text.borrow().len() + added)?;
    // A vector that grows has up to twice the room.
    ev.budget.make(2 * added)
}

fn splice(bytes: &mut Vec<u8>, range: Range<usize>, added: &[u8]) {
    bytes.splice(range, added.iter().copied()).for_each(drop);
}

fn insert(ev: &Evaluator<'_>, text: &Rc<Text>, index: i64, added: &[u8]) -> Outcome<()> {
    let length = text::char_count(&text.borrow());
    // Counted from the end, it is inserted behind the character.
    let at = if index < 0 { position(index, length + 1) } else { position(index, length) };
    match at.filter(|at| *at <= length) {
        Some(at) => {
            let at = text::char_offset(&text.borrow(), at);
            grow(ev, text, added.len())?;
            text.change(&ev.budget, |bytes| splice(bytes, at..at, added))
        }
        None => raise("IndexError", format!("index {index} out of string")),
    }
}

/// `text[part] = other`: the part must be there.
fn assign<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Outcome {
    let Some((value, part)) = call.args.split_last() else { return Ok(Value::Nil) };
    let bytes = text.bytes();
    let added = text_of(value)?;
    ev.budget.read(bytes.len())?;
    let range = super::slice::bounds(ev, &bytes, part)?;
    drop(bytes);
    match range {
        Some(range) => {
            grow(ev, text, added.len())?;
            text.change(&ev.budget, |bytes| splice(bytes, range, &added))?;
            Ok(value.clone())
        }
        None => raise("IndexError", "index out of string, or text not in it"),
    }
}

fn slice<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Outcome {
    let bytes = text.bytes();
    let range = super::slice::bounds(ev, &bytes, call.args)?;
    drop(bytes);
    match range {
        Some(range) => {
            let part = text.borrow()[range.clone()].to_vec();
            text.change(&ev.budget, |bytes| bytes.drain(range).for_each(drop))?;
            Ok(Value::str(part))
        }
        None => Ok(Value::Nil),
    }
}

/// `upcase!` and its like: what the method without `!` gives becomes the string.
fn in_place<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Answer {
    let plain = call.name.trim_end_matches('!');
    if text.is_frozen() {
        return raise("FrozenError", "can't modify frozen String");
    }
    let this = Value::Str(text.clone());
    let changed = ev.call(&this, &Call { name: plain, args: call.args, block: call.block })?;
    let Value::Str(changed) = changed else { return refuse(format!("`String#{}`", call.name)) };
    let changed = changed.bytes();
    let same = *changed == *text.borrow();
    let always_self = matches!(plain, "reverse" | "succ" | "next" | "scrub");
    // `sub!` and `gsub!` give nil only if nothing matched; a replacement may be equal.
    let matched = matches!(plain, "sub" | "gsub") && ev.last_match.is_some();
    text.change(&ev.budget, |bytes| changed.as_slice().clone_into(bytes))?;
    Ok(Some(if same && !always_self && !matched { Value::Nil } else { this }))
}
