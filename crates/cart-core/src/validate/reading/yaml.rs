//! A YAML document as a tree that knows the line of every key and value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

/// A value and where it stands.
#[derive(Debug)]
pub(in crate::validate) struct Node {
    /// Counted from 1.
    pub(in crate::validate) line: usize,
    /// A scalar as it was written; empty for lists and maps.
    pub(in crate::validate) written: String,
    pub(in crate::validate) value: Value,
}

#[derive(Debug)]
pub(in crate::validate) enum Value {
    Null,
    Bool,
    Integer(i128),
    Float,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(in crate::validate) struct Entry {
    pub(in crate::validate) key: Node,
    pub(in crate::validate) value: Node,
}

/// Where the text is no YAML, and why.
#[derive(Debug)]
pub(in crate::validate) struct Malformed {
    pub(in crate::validate) line: usize,
    pub(in crate::validate) message: String,
}

impl Malformed {
    fn of(error: &serde_saphyr::Error) -> Self {
        let line = error.location().map_or(1, |l| usize::try_from(l.line()).unwrap_or(1));
        let message = match error.without_snippet() {
            serde_saphyr::Error::MultipleDocuments { .. } => {
                "a second document begins here, and a node reads one".to_owned()
            }
            // The line is told already, and columns are of little use in YAML.
            other => {
                let text = other.to_string();
                let text = text.lines().next().unwrap_or_default();
                text.split(" at line ").next().unwrap_or_default().to_owned()
            }
        };
        Self { line, message }
    }
}

impl Node {
    /// Parses one document.
    pub(in crate::validate) fn parse(text: &str) -> Result<Self, Malformed> {
        let options = serde_saphyr::options! {
            with_snippet: false,
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
        };
        let raw: Spanned<Raw> =
            serde_saphyr::from_str_with_options(text, options).map_err(|e| Malformed::of(&e))?;
        Ok(Self::of(raw, text))
    }

    fn of(raw: Spanned<Raw>, text: &str) -> Self {
        let line = usize::try_from(raw.referenced.line()).unwrap_or(1);
        let written = written(&raw, text);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool => Value::Bool,
            Raw::Integer(number) => Value::Integer(number),
            Raw::Float => Value::Float,
            Raw::Text(text) => Value::Text(text),
            Raw::List(items) => Value::List(items.into_iter().map(|i| Self::of(i, text)).collect()),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(k, v)| Entry { key: Self::of(k, text), value: Self::of(v, text) })
                    .collect(),
            ),
        };
        Self { line, written, value }
    }

    /// The entries of a map; none if it is something else.
    pub(in crate::validate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none if it is something else.
    pub(in crate::validate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entry of a map that counts: the last one of its name.
    pub(in crate::validate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| entry.key.scalar() == Some(name))
    }

    /// A text, if it is one.
    pub(in crate::validate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar as text: what it says, or for numbers how it was written. `None` for null, lists
    /// and maps.
    pub(in crate::validate) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Bool | Value::Integer(_) | Value::Float => Some(&self.written),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(in crate::validate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(in crate::validate) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    pub(in crate::validate) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }
}

/// Keys that stand in a map twice, from the second one on.
pub(in crate::validate) fn repeated(map: &Node) -> impl Iterator<Item = (&str, usize)> {
    let mut seen = std::collections::BTreeSet::new();
    map.entries()
        .iter()
        .filter_map(|entry| Some((entry.key.scalar()?, entry.key.line)))
        .filter(move |(name, _)| !seen.insert(*name))
}

fn written(raw: &Spanned<Raw>, text: &str) -> String {
    if matches!(raw.value, Raw::List(_) | Raw::Map(_)) {
        return String::new();
    }
    let span = raw.defined.span();
    let bounds = span.byte_offset().zip(span.byte_len()).and_then(|(from, length)| {
        let from = usize::try_from(from).ok()?;
        text.get(from..from + usize::try_from(length).ok()?)
    });
    bounds.unwrap_or_default().trim().to_owned()
}

/// What the parser hands over; the places are around it.
enum Raw {
    Null,
    Bool,
    Integer(i128),
    Float,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Integer(number.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Float)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_as_written_and_everything_has_its_line() {
        let node = Node::parse("---\na: 3.10\nb:\n- '1'\n- 2: x\nb: |\n  text\n").unwrap();
        let a = node.get("a").unwrap();
        assert!(matches!(a.value.value, Value::Float));
        assert_eq!((a.key.line, a.value.line, a.value.written.as_str()), (2, 2, "3.10"));
        let list = node.entries()[1].value.items();
        assert_eq!((list[0].line, list[0].text()), (4, Some("1")));
        let inner = &list[1].entries()[0];
        assert!(matches!(inner.key.value, Value::Integer(2)));
        assert_eq!((inner.key.line, inner.key.scalar()), (5, Some("2")));
        assert_eq!(node.get("b").unwrap().value.text(), Some("text\n"), "the last one counts");
        assert_eq!(repeated(&node).collect::<Vec<_>>(), [("b", 6)]);
    }

    #[test]
    fn what_is_no_yaml_has_a_line() {
        let error = Node::parse("a: 1\nb: [1\nc: 2\n").unwrap_err();
        assert!(error.line >= 2, "{error:?}");
        let error = Node::parse("a: 1\n---\na: 2\n").unwrap_err();
        assert!(!error.message.is_empty());
        assert!(Node::parse("").unwrap().is_null());
    }
}
