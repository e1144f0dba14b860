//! Values as text: `to_s` and `inspect`.

use std::rc::Rc;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::flow::{Outcome, limit, refuse};
use crate::number;
use crate::text;
use crate::value::{DEEPEST_VALUE, LONGEST_STRING, Pairs, Value};

/// `to_s`
pub(crate) fn to_s(value: &Value) -> Outcome<Vec<u8>> {
    Ok(match value {
        Value::Nil => Vec::new(),
        Value::Str(text) => text.to_vec(),
        Value::Symbol(name) => name.to_vec(),
        Value::Match(found) => found.whole().to_vec(),
        Value::Pattern(pattern) => pattern.to_s(),
        Value::Error(error) => error.message.clone().into_bytes(),
        Value::Env => b"ENV".to_vec(),
        Value::Span(span) => {
            let mut out = to_s(&span.first)?;
            out.extend_from_slice(if span.exclusive { b"..." } else { b".." });
            out.extend(to_s(&span.last)?);
            out
        }
        _ => inspect(value)?,
    })
}

/// `inspect`, in the form that Ruby had before 3.4.
pub(crate) fn inspect(value: &Value) -> Outcome<Vec<u8>> {
    let mut out = Vec::new();
    write(value, &mut out, &mut Vec::new())?;
    Ok(out)
}

/// `open` holds the containers that are being written: one inside itself is `[...]`.
fn write(value: &Value, out: &mut Vec<u8>, open: &mut Vec<*const ()>) -> Outcome<()> {
    if out.len() > LONGEST_STRING {
        return limit(format!("a string longer than {LONGEST_STRING} bytes"));
    }
    match value {
        Value::Nil => out.extend_from_slice(b"nil"),
        Value::Bool(bool) => out.extend_from_slice(bool.to_string().as_bytes()),
        Value::Int(int) => out.extend_from_slice(int.to_string().as_bytes()),
        Value::Float(float) => out.extend_from_slice(number::float_to_s(*float).as_bytes()),
        Value::Str(text) => write_string(&text.borrow(), out),
        Value::Symbol(name) => write_symbol(name, out),
        Value::Pattern(pattern) => out.extend(pattern.inspect()),
        Value::Class(name) => out.extend_from_slice(name.as_bytes()),
        Value::Main => out.extend_from_slice(b"main"),
        Value::Error(error) => {
            out.extend_from_slice(format!("#<{}: {}>", error.class, error.message).as_bytes());
        }
        Value::Span(span) => {
            if !span.first.is_nil() || span.last.is_nil() {
                out.extend(inspect(&span.first)?);
            }
            out.extend_from_slice(if span.exclusive { b"..." } else { b".." });
            if span.first.is_nil() || !span.last.is_nil() {
                out.extend(inspect(&span.last)?);
            }
        }
        Value::List(list) => {
            let address = Rc::as_ptr(list).cast();
            nested(address, b"[...]", out, open, |out, open| {
                write_list(&list.0.borrow(), out, open)
            })?;
        }
        Value::Map(map) => {
            let address = Rc::as_ptr(map).cast();
            nested(address, b"{...}", out, open, |out, open| {
                write_map(&map.0.borrow(), out, open)
            })?;
        }
        Value::Match(_) | Value::Enumerator(_) | Value::Env => {
            return refuse(format!("{}#inspect", value.class()));
        }
    }
    Ok(())
}

fn nested(
    address: *const (),
    again: &[u8],
    out: &mut Vec<u8>,
    open: &mut Vec<*const ()>,
    write: impl FnOnce(&mut Vec<u8>, &mut Vec<*const ()>) -> Outcome<()>,
) -> Outcome<()> {
    if open.contains(&address) {
        out.extend_from_slice(again);
        return Ok(());
    }
    if open.len() > DEEPEST_VALUE {
        return limit(format!("values nested more than {DEEPEST_VALUE} levels deep"));
    }
    open.push(address);
    write(out, open)?;
    open.pop();
    Ok(())
}

fn write_list(items: &[Value], out: &mut Vec<u8>, open: &mut Vec<*const ()>) -> Outcome<()> {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        write(item, out, open)?;
    }
    out.push(b']');
    Ok(())
}

fn write_map(pairs: &Pairs, out: &mut Vec<u8>, open: &mut Vec<*const ()>) -> Outcome<()> {
    out.push(b'{');
    for (at, (key, value)) in pairs.pairs.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        write(key, out, open)?;
        out.extend_from_slice(b"=>");
        write(value, out, open)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let chars = text::chars(bytes);
    for (at, char) in chars.iter().enumerate() {
        match *char {
            b"\"" | b"\\" => out.extend_from_slice(&[b'\\', char[0]]),
            b"#" if matches!(chars.get(at + 1), Some(&(b"{" | b"$" | b"@"))) => {
                out.extend_from_slice(b"\\#");
            }
            _ => write_char(char, out),
        }
    }
    out.push(b'"');
}

/// The characters that Ruby writes as escapes.
static UNPRINTABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[\p{Cc}\p{Cn}\p{Zl}\p{Zp}--\u{85}]").expect("the pattern is constant and valid")
});

fn write_char(char: &[u8], out: &mut Vec<u8>) {
    const NAMED: [(u8, &[u8]); 8] = [
        (b'\n', b"\\n"),
        (b'\t', b"\\t"),
        (b'\r', b"\\r"),
        (0x1B, b"\\e"),
        (0x07, b"\\a"),
        (0x08, b"\\b"),
        (0x0B, b"\\v"),
        (0x0C, b"\\f"),
    ];
    match std::str::from_utf8(char).ok().and_then(|char| char.chars().next()) {
        None => out.extend_from_slice(format!("\\x{:02X}", char[0]).as_bytes()),
        Some(code) => match NAMED.iter().find(|(byte, _)| *byte == char[0]) {
            Some((_, name)) => out.extend_from_slice(name),
            None if !UNPRINTABLE.is_match(char) => out.extend_from_slice(char),
            None if u32::from(code) > 0xFFFF => {
                out.extend_from_slice(format!("\\u{{{:X}}}", u32::from(code)).as_bytes());
            }
            None => out.extend_from_slice(format!("\\u{:04X}", u32::from(code)).as_bytes()),
        },
    }
}

fn write_symbol(name: &[u8], out: &mut Vec<u8>) {
    out.push(b':');
    if is_plain_symbol(name) {
        out.extend_from_slice(name);
    } else {
        write_string(name, out);
    }
}

/// True for a symbol that Ruby writes without quotes.
fn is_plain_symbol(name: &[u8]) -> bool {
    const OPERATORS: [&[u8]; 26] = [
        b"+", b"-", b"*", b"/", b"%", b"**", b"==", b"!=", b"<", b"<=", b">", b">=", b"<=>",
        b"===", b"=~", b"!~", b"[]", b"[]=", b"<<", b">>", b"!", b"&", b"|", b"^", b"+@", b"-@",
    ];
    if OPERATORS.contains(&name) {
        return true;
    }
    let name = name.strip_prefix(b"$").or(name.strip_prefix(b"@")).unwrap_or(name);
    let name = match name {
        [word @ .., b'?' | b'!' | b'='] => word,
        word => word,
    };
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    !name.is_empty() && !name[0].is_ascii_digit() && name.iter().all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(bytes: &[u8]) -> String {
        String::from_utf8(inspect(&Value::str(bytes)).unwrap()).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_ruby_does() {
        assert_eq!(
            inspected(b"a\"\\\n\x01\xFF#{x} # \x7F"),
            r##""a\"\\\n\u0001\xFF\#{x} # \u007F""##
        );
        assert_eq!(inspected("é\u{80}\u{e0fff}".as_bytes()), r#""é\u0080\u{E0FFF}""#);
    }

    #[test]
    fn containers_and_symbols() {
        let mut pairs = Pairs::default();
        pairs.set(Value::symbol(b"a"), Value::Nil);
        pairs.set(Value::str("b"), Value::Float(1.0));
        let value = Value::list(vec![Value::map(pairs), Value::symbol(b"a b"), Value::Bool(true)]);
        assert_eq!(inspect(&value).unwrap(), br#"[{:a=>nil, "b"=>1.0}, :"a b", true]"#);
    }

    #[test]
    fn a_list_inside_itself_is_written_once() {
        let list = Rc::new(crate::value::List::default());
        list.0.borrow_mut().push(Value::List(list.clone()));
        assert_eq!(inspect(&Value::List(list.clone())).unwrap(), b"[[...]]");
        list.0.borrow_mut().clear();
    }

    #[test]
    fn a_value_nested_very_deeply_is_a_limit_and_is_dropped_without_recursion() {
        let mut value = Value::list(Vec::new());
        for _ in 0..200_000 {
            value = Value::list(vec![value]);
        }
        assert!(inspect(&value).is_err());
        assert!(!value.equals(&Value::Nil));
    }
}
