//! Methods that change a string.

use std::rc::Rc;

use crate::eval::Evaluator;
use crate::flow::{Outcome, raise, refuse};
use crate::text;
use crate::value::{LONGEST_STRING, Text, Value};

use super::super::{Answer, Call, position, text_of};
use super::trim;

/// Those with `!` that are not in `trim`.
const OTHERS: [&str; 9] =
    ["sub", "gsub", "tr", "tr_s", "delete", "squeeze", "succ", "next", "slice"];

pub(super) fn call<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Answer {
    let this = Value::Str(text.clone());
    match call.name {
        "<<" | "concat" => {
            if call.name == "<<" {
                call.arity(1, 1)?;
            }
            append(ev, text, call)?;
        }
        "prepend" => {
            let parts = call.args.iter().map(text_of).collect::<Outcome<Vec<_>>>()?.concat();
            let length = text.borrow().len() + parts.len();
            ev.charge_bytes(length)?;
            text.change(|bytes| bytes.splice(0..0, parts).for_each(drop))?;
        }
        "insert" => {
            call.arity(2, 2)?;
            insert(text, call.int(0)?, &call.text(1)?)?;
        }
        "replace" | "initialize_copy" => {
            call.arity(1, 1)?;
            let other = call.text(0)?;
            text.change(|bytes| *bytes = other)?;
        }
        "clear" => text.change(Vec::clear)?,
        "[]=" => return assign(ev, text, call).map(Some),
        "slice!" => return slice(ev, text, call).map(Some),
        "+@" if !text.is_frozen() => {}
        "+@" => return Ok(Some(Value::str(text.to_vec()))),
        "-@" if text.is_frozen() => {}
        "-@" => return Ok(Some(Value::frozen(text.to_vec()))),
        name if name.ends_with('!') => return in_place(ev, text, call),
        _ => return Ok(None),
    }
    Ok(Some(this))
}

/// `<<` and `concat`; an integer is a character's code.
fn append<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Outcome<()> {
    let mut added = Vec::new();
    for arg in call.args {
        match arg {
            Value::Int(code) => match u32::try_from(*code).ok().and_then(char::from_u32) {
                Some(char) => added.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                None => return raise("RangeError", format!("{code} out of char range")),
            },
            other => added.extend(text_of(other)?),
        }
    }
    if text.borrow().len() + added.len() > LONGEST_STRING {
        return crate::flow::limit(format!("a string longer than {LONGEST_STRING} bytes"));
    }
    ev.charge_bytes(added.len())?;
    text.change(|bytes| bytes.extend(added))
}

fn insert(text: &Rc<Text>, index: i64, added: &[u8]) -> Outcome<()> {
    let bytes = text.to_vec();
    let chars = text::chars(&bytes);
    // Counted from the end, it is inserted behind the character.
    let at =
        if index < 0 { position(index, chars.len() + 1) } else { position(index, chars.len()) };
    match at.filter(|at| *at <= chars.len()) {
        Some(at) => {
            let changed = [&chars[..at].concat(), added, &chars[at..].concat()].concat();
            text.change(|bytes| *bytes = changed)
        }
        None => raise("IndexError", format!("index {index} out of string")),
    }
}

/// `text[part] = other`: the part must be there.
fn assign<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Outcome {
    call.arity(2, 3)?;
    let Some((value, part)) = call.args.split_last() else { return Ok(Value::Nil) };
    let bytes = text.to_vec();
    let added = text_of(value)?;
    match super::slice::bounds(ev, &bytes, part)? {
        Some(range) => {
            ev.charge_bytes(bytes.len() + added.len())?;
            text.change(|bytes| bytes.splice(range, added).for_each(drop))?;
            Ok(value.clone())
        }
        None => raise("IndexError", "index out of string, or text not in it"),
    }
}

fn slice<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Outcome {
    call.arity(1, 2)?;
    let bytes = text.to_vec();
    match super::slice::bounds(ev, &bytes, call.args)? {
        Some(range) => {
            let part = bytes[range.clone()].to_vec();
            text.change(|bytes| bytes.drain(range).for_each(drop))?;
            Ok(Value::str(part))
        }
        None => Ok(Value::Nil),
    }
}

/// `upcase!` and its like: what the method without `!` gives becomes the string.
fn in_place<'a>(ev: &mut Evaluator<'a>, text: &Rc<Text>, call: &Call<'_, 'a>) -> Answer {
    let plain = call.name.trim_end_matches('!');
    if !trim::METHODS.contains(&plain) && !OTHERS.contains(&plain) && plain != "reverse" {
        return Ok(None);
    }
    if text.is_frozen() {
        return raise("FrozenError", "can't modify frozen String");
    }
    let this = Value::Str(text.clone());
    let changed = ev.call(&this, &Call { name: plain, args: call.args, block: call.block })?;
    let Value::Str(changed) = changed else { return refuse(format!("`String#{}`", call.name)) };
    let changed = changed.to_vec();
    let same = changed == *text.borrow();
    let always_self = matches!(plain, "reverse" | "succ" | "next" | "scrub");
    // `sub!` and `gsub!` give nil only if nothing matched; a replacement may be equal.
    let matched = matches!(plain, "sub" | "gsub") && ev.last_match.is_some();
    text.change(|bytes| *bytes = changed)?;
    Ok(Some(if same && !always_self && !matched { Value::Nil } else { this }))
}
