//! Values as text: `to_s` and `inspect`.

use std::rc::Rc;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::values::flow::{limit, refuse};
use crate::values::limits::{Budget, DEEPEST_VALUE};
use crate::values::number;
use crate::values::text;
use crate::values::value::{Outcome, Value};

/// `to_s`
pub(crate) fn to_s(value: &Value, budget: &Budget) -> Outcome<Rc<Vec<u8>>> {
    let copied = |bytes: &[u8]| {
        budget.read(bytes.len())?;
        budget.afford(bytes.len())?;
        Ok(Rc::new(bytes.to_vec()))
    };
    match value {
        Value::Nil => copied(b""),
        Value::Str(text) => Ok(text.bytes()),
        Value::Symbol(name) => copied(name),
        Value::Match(found) => copied(found.whole()),
        Value::Pattern(pattern) => copied(&pattern.to_s()),
        Value::Error(error) => copied(error.message.as_bytes()),
        Value::Env => copied(b"ENV"),
        Value::Span(span) => {
            let dots: &[u8] = if span.exclusive { b"..." } else { b".." };
            let (first, last) = (to_s(&span.first, budget)?, to_s(&span.last, budget)?);
            budget.string(first.len() + dots.len() + last.len())?;
            copied(&[&first, dots, &last].concat())
        }
        _ => inspect(value, budget).map(Rc::new),
    }
}

/// `inspect`, in the form that Ruby had before 3.4.
pub(crate) fn inspect(value: &Value, budget: &Budget) -> Outcome<Vec<u8>> {
    let mut writer = Writer { out: Vec::new(), open: Vec::new(), budget };
    writer.write(value)?;
    Ok(writer.out)
}

struct Writer<'b> {
    out: Vec<u8>,
    /// The containers that are being written: one inside itself is `[...]`.
    open: Vec<*const ()>,
    budget: &'b Budget,
}

impl Writer<'_> {
    /// Takes a step, and makes sure that there is room for so many bytes more.
    fn reserve(&self, bytes: usize) -> Outcome<()> {
        self.budget.charge(1)?;
        self.budget.read(bytes)?;
        self.budget.string(self.out.len() + bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.reserve(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn write(&mut self, value: &Value) -> Outcome<()> {
        match value {
            Value::Nil => self.put(b"nil"),
            Value::Bool(bool) => self.put(bool.to_string().as_bytes()),
            Value::Int(int) => self.put(int.to_string().as_bytes()),
            Value::Float(float) => self.put(number::float_to_s(*float).as_bytes()),
            Value::Str(text) => {
                let bytes = text.bytes();
                self.reserve(bytes.len())?;
                self.budget.afford(MOST_ESCAPED * bytes.len())?;
                write_string(&bytes, &mut self.out);
                self.budget.string(self.out.len())
            }
            Value::Symbol(name) => {
                self.reserve(name.len())?;
                self.budget.afford(MOST_ESCAPED * name.len())?;
                write_symbol(name, &mut self.out);
                self.budget.string(self.out.len())
            }
            Value::Pattern(pattern) => self.put(&pattern.inspect()),
            Value::Class(name) => self.put(name.as_bytes()),
            Value::Main => self.put(b"main"),
            Value::Error(error) => {
                self.reserve(error.message.len())?;
                self.put(format!("#<{}: {}>", error.class, error.message).as_bytes())
            }
            Value::Span(span) => {
                if !span.first.is_nil() || span.last.is_nil() {
                    self.write(&span.first)?;
                }
                self.put(if span.exclusive { b"..." } else { b".." })?;
                if span.first.is_nil() || !span.last.is_nil() {
                    self.write(&span.last)?;
                }
                Ok(())
            }
            Value::List(list) => {
                let write = |this: &mut Self, item: &Value| this.write(item);
                self.nested(Rc::as_ptr(list).cast(), [b"[", b"]"], &list.0.borrow(), write)
            }
            Value::Map(map) => {
                let write = |this: &mut Self, (key, value): &(Value, Value)| {
                    this.write(key)?;
                    this.out.extend_from_slice(b"=>");
                    this.write(value)
                };
                self.nested(Rc::as_ptr(map).cast(), [b"{", b"}"], &map.0.borrow().pairs, write)
            }
            Value::Match(_) | Value::Enumerator(_) | Value::Env => {
                refuse(format!("{}#inspect", value.class()))
            }
        }
    }

    fn nested<T>(
        &mut self,
        address: *const (),
        [open, close]: [&[u8]; 2],
        items: &[T],
        write: impl Fn(&mut Self, &T) -> Outcome<()>,
    ) -> Outcome<()> {
        if self.open.contains(&address) {
            return self.put(&[open, b"...", close].concat());
        }
        if self.open.len() > DEEPEST_VALUE {
            return limit(format!("values nested more than {DEEPEST_VALUE} levels deep"));
        }
        self.open.push(address);
        self.put(open)?;
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.extend_from_slice(b", ");
            }
            write(self, item)?;
        }
        self.open.pop();
        self.put(close)
    }
}

/// The most bytes that the form of one byte has: `\u0001`.
const MOST_ESCAPED: usize = 6;

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut at = 0;
    for char in text::chars(bytes) {
        at += char.len();
        match char {
            b"\"" | b"\\" => out.extend_from_slice(&[b'\\', char[0]]),
            b"#" if matches!(bytes.get(at), Some(b'{' | b'$' | b'@')) => {
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
    use crate::values::value::Pairs;

    fn inspected(bytes: &[u8]) -> String {
        String::from_utf8(inspect(&Value::str(bytes), &Budget::default()).unwrap()).unwrap()
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
        let (budget, mut pairs) = (Budget::default(), Pairs::default());
        pairs.set(Value::symbol(b"a"), Value::Nil, &budget).unwrap();
        pairs.set(Value::str("b"), Value::Float(1.0), &budget).unwrap();
        let value = Value::list(vec![Value::map(pairs), Value::symbol(b"a b"), Value::Bool(true)]);
        assert_eq!(inspect(&value, &budget).unwrap(), br#"[{:a=>nil, "b"=>1.0}, :"a b", true]"#);
    }

    #[test]
    fn a_list_inside_itself_is_written_once() {
        let list = Rc::new(crate::values::value::List::default());
        list.0.borrow_mut().push(Value::List(list.clone()));
        assert_eq!(inspect(&Value::List(list.clone()), &Budget::default()).unwrap(), b"[[...]]");
        list.0.borrow_mut().clear();
    }

    #[test]
    fn a_value_nested_very_deeply_is_a_limit_and_is_dropped_without_recursion() {
        let mut value = Value::list(Vec::new());
        for _ in 0..200_000 {
            value = Value::list(vec![value]);
        }
        let budget = Budget::default();
        assert!(inspect(&value, &budget).is_err());
        assert!(!value.equals(&Value::Nil, &budget));
    }
}
