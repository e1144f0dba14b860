//! A YAML document as a tree that knows the line of every key and value.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

/// A value and where it stands.
#[derive(Debug)]
pub(in crate::validate) struct Node {
    /// Counted from 1.
    pub(in crate::validate) line: usize,
    /// A scalar as it was written.
    pub(in crate::validate) written: String,
    pub(in crate::validate) value: Value,
    /// Where that stands in the text, in bytes.
    place: Range<usize>,
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
        let why = match error.without_snippet() {
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
        Self { line, message: format!("is no YAML that a node reads: {why}") }
    }
}

impl Node {
    /// Parses one document.
    pub(in crate::validate) fn parse(text: &str) -> Result<Self, Malformed> {
        let options = serde_saphyr::options! {
            with_snippet: false,
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
        };
        let mut node: Self =
            serde_saphyr::from_str_with_options(text, options).map_err(|e| Malformed::of(&e))?;
        node.find_written(text);
        Ok(node)
    }

    /// Fills in what was written, here and below: the parser knows only where.
    fn find_written(&mut self, text: &str) {
        self.written = text.get(self.place.clone()).unwrap_or_default().trim().to_owned();
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.find_written(text)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key.find_written(text);
                entry.value.find_written(text);
            }),
            _ => {}
        }
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

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, defined } = Spanned::deserialize(deserializer)?;
        let number = |number: u64| usize::try_from(number).ok();
        let from = defined.span().byte_offset().and_then(number).unwrap_or(0);
        let length = defined.span().byte_len().and_then(number).unwrap_or(0);
        let line = number(referenced.line()).unwrap_or(1);
        Ok(Self { line, written: String::new(), value, place: from..from + length })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry()? {
            map.push(Entry { key, value });
        }
        Ok(Value::Map(map))
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
