//! The values of a template's code.

use std::cell::{Cell, Ref, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;

use crate::flow::{Outcome, Raised, raise};
use crate::regex::{Match, Pattern};

/// A Ruby value. Containers are shared, as in Ruby.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<Text>),
    Symbol(Rc<[u8]>),
    List(Rc<List>),
    Map(Rc<Map>),
    Span(Rc<Span>),
    Pattern(Rc<Pattern>),
    Match(Rc<Match>),
    Enumerator(Rc<Enumerator>),
    Error(Rc<Raised>),
    /// A class or module that templates call methods of, such as `File`.
    Class(&'static str),
    Env,
    /// `self` of a template.
    Main,
}

/// A string.
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: RefCell<Vec<u8>>,
    frozen: Cell<bool>,
}

impl Text {
    pub(crate) fn borrow(&self) -> Ref<'_, Vec<u8>> {
        self.bytes.borrow()
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    pub(crate) fn freeze(&self) {
        self.frozen.set(true);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.get()
    }

    /// Changes the string, unless it is frozen.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> Outcome<T> {
        if self.is_frozen() {
            return raise("FrozenError", "can't modify frozen String");
        }
        Ok(change(&mut self.bytes.borrow_mut()))
    }
}

/// An array.
#[derive(Debug, Default)]
pub(crate) struct List(pub(crate) RefCell<Vec<Value>>);

/// A hash, which keeps the order of insertion.
#[derive(Debug, Default)]
pub(crate) struct Map(pub(crate) RefCell<Pairs>);

/// The content of a hash.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pairs {
    pub(crate) pairs: Vec<(Value, Value)>,
    pub(crate) default: Option<Value>,
}

impl Pairs {
    pub(crate) fn get(&self, key: &Value) -> Option<&Value> {
        self.pairs.iter().find(|(known, _)| known.eql(key)).map(|(_, value)| value)
    }

    /// What `hash[key]` gives.
    pub(crate) fn index(&self, key: &Value) -> Value {
        self.get(key).or(self.default.as_ref()).cloned().unwrap_or(Value::Nil)
    }

    /// Sets a value; a string key is copied, as Ruby does.
    pub(crate) fn set(&mut self, key: Value, value: Value) {
        if let Some(pair) = self.pairs.iter_mut().find(|(known, _)| known.eql(&key)) {
            pair.1 = value;
            return;
        }
        let key = match key {
            Value::Str(text) if !text.is_frozen() => Value::frozen(text.to_vec()),
            key => key,
        };
        self.pairs.push((key, value));
    }

    pub(crate) fn remove(&mut self, key: &Value) -> Option<Value> {
        let at = self.pairs.iter().position(|(known, _)| known.eql(key))?;
        Some(self.pairs.remove(at).1)
    }
}

/// A range; its ends are integers, floats, strings or nil.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) first: Value,
    pub(crate) last: Value,
    pub(crate) exclusive: bool,
}

/// A call that waits for its block, such as `each_with_index` in `x.each_with_index.map { }`.
#[derive(Debug)]
pub(crate) struct Enumerator {
    pub(crate) receiver: Value,
    pub(crate) method: String,
    pub(crate) args: Vec<Value>,
}

// Values nested a million levels deep must not overflow the stack when they go, so containers
// are emptied in a loop.
impl Drop for List {
    fn drop(&mut self) {
        dismantle(std::mem::take(self.0.get_mut()));
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let pairs = std::mem::take(&mut self.0.get_mut().pairs);
        dismantle(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect());
    }
}

fn dismantle(mut open: Vec<Value>) {
    while let Some(value) = open.pop() {
        match value {
            Value::List(list) => {
                if let Some(list) = Rc::into_inner(list) {
                    open.append(&mut list.0.borrow_mut());
                }
            }
            Value::Map(map) => {
                if let Some(map) = Rc::into_inner(map) {
                    let pairs = std::mem::take(&mut map.0.borrow_mut().pairs);
                    open.extend(pairs.into_iter().flat_map(|(key, value)| [key, value]));
                }
            }
            _ => {}
        }
    }
}

impl Value {
    pub(crate) fn str(bytes: impl Into<Vec<u8>>) -> Value {
        Value::Str(Rc::new(Text { bytes: RefCell::new(bytes.into()), frozen: Cell::new(false) }))
    }

    pub(crate) fn frozen(bytes: impl Into<Vec<u8>>) -> Value {
        Value::Str(Rc::new(Text { bytes: RefCell::new(bytes.into()), frozen: Cell::new(true) }))
    }

    pub(crate) fn symbol(name: &[u8]) -> Value {
        Value::Symbol(name.into())
    }

    pub(crate) fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(List(RefCell::new(items))))
    }

    pub(crate) fn map(pairs: Pairs) -> Value {
        Value::Map(Rc::new(Map(RefCell::new(pairs))))
    }

    pub(crate) fn pair(key: Value, value: Value) -> Value {
        Value::list(vec![key, value])
    }

    /// A count, such as a length.
    pub(crate) fn count(count: usize) -> Value {
        Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(crate) fn truthy(&self) -> bool {
        !matches!(self, Value::Nil | Value::Bool(false))
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// The name of the value's class.
    pub(crate) fn class(&self) -> &str {
        match self {
            Value::Nil => "NilClass",
            Value::Bool(true) => "TrueClass",
            Value::Bool(false) => "FalseClass",
            Value::Int(_) => "Integer",
            Value::Float(_) => "Float",
            Value::Str(_) => "String",
            Value::Symbol(_) => "Symbol",
            Value::List(_) => "Array",
            Value::Map(_) => "Hash",
            Value::Span(_) => "Range",
            Value::Pattern(_) => "Regexp",
            Value::Match(_) => "MatchData",
            Value::Enumerator(_) => "Enumerator",
            Value::Error(error) => &error.class,
            Value::Class("Math" | "Kernel" | "Comparable" | "Enumerable") => "Module",
            Value::Class(_) => "Class",
            Value::Env | Value::Main => "Object",
        }
    }

    /// How messages name a value: `nil`, `true`, or its class. Never its content, which may be a
    /// secret of the environment.
    pub(crate) fn described(&self) -> String {
        match self {
            Value::Nil => "nil".to_owned(),
            Value::Bool(bool) => bool.to_string(),
            Value::Env => "ENV".to_owned(),
            Value::Main => "main".to_owned(),
            Value::Class(name) => (*name).to_owned(),
            _ => format!("a value of class {}", self.class()),
        }
    }

    /// `==`
    pub(crate) fn equals(&self, other: &Value) -> bool {
        self.same(other, 0, true, &Cell::new(MOST_COMPARISONS))
    }

    /// `eql?`: as `==`, but `1` is not `1.0`. What hashes compare keys with.
    pub(crate) fn eql(&self, other: &Value) -> bool {
        self.same(other, 0, false, &Cell::new(MOST_COMPARISONS))
    }

    fn same(&self, other: &Value, depth: usize, loose: bool, left: &Cell<usize>) -> bool {
        if depth > DEEPEST_VALUE || left.get() == 0 {
            return false;
        }
        left.set(left.get() - 1);
        match (self, other) {
            (Value::Nil, Value::Nil) | (Value::Env, Value::Env) | (Value::Main, Value::Main) => {
                true
            }
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) if loose => {
                self.compare(other) == Some(Ordering::Equal)
            }
            (Value::Str(a), Value::Str(b)) => *a.borrow() == *b.borrow(),
            (Value::Symbol(a), Value::Symbol(b)) => a == b,
            (Value::Class(a), Value::Class(b)) => a == b,
            (Value::Pattern(a), Value::Pattern(b)) => a == b,
            (Value::Span(a), Value::Span(b)) => {
                a.exclusive == b.exclusive
                    && a.first.same(&b.first, depth + 1, loose, left)
                    && a.last.same(&b.last, depth + 1, loose, left)
            }
            (Value::List(a), Value::List(b)) => {
                let (a, b) = (a.0.borrow(), b.0.borrow());
                a.len() == b.len()
                    && a.iter().zip(b.iter()).all(|(a, b)| a.same(b, depth + 1, loose, left))
            }
            (Value::Map(a), Value::Map(b)) => {
                let (a, b) = (a.0.borrow(), b.0.borrow());
                let in_b = |key: &Value, value: &Value| {
                    b.get(key).is_some_and(|other| value.same(other, depth + 1, loose, left))
                };
                a.pairs.len() == b.pairs.len() && a.pairs.iter().all(|(k, v)| in_b(k, v))
            }
            (Value::Match(a), Value::Match(b)) => Rc::ptr_eq(a, b),
            (Value::Enumerator(a), Value::Enumerator(b)) => Rc::ptr_eq(a, b),
            (Value::Error(a), Value::Error(b)) => a == b,
            _ => false,
        }
    }

    /// `equal?`: the same object.
    pub(crate) fn identical(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Str(a), Value::Str(b)) => Rc::ptr_eq(a, b),
            (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b),
            (Value::Map(a), Value::Map(b)) => Rc::ptr_eq(a, b),
            (Value::Span(a), Value::Span(b)) => Rc::ptr_eq(a, b),
            (Value::Pattern(a), Value::Pattern(b)) => Rc::ptr_eq(a, b),
            _ => self.eql(other),
        }
    }

    /// `<=>`, where the two can be compared.
    pub(crate) fn compare(&self, other: &Value) -> Option<Ordering> {
        self.ordering(other, 0, &Cell::new(MOST_COMPARISONS))
    }

    fn ordering(&self, other: &Value, depth: usize, left: &Cell<usize>) -> Option<Ordering> {
        left.set(left.get().checked_sub(1)?);
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Float(b)) => crate::number::compare(*a, *b),
            (Value::Float(a), Value::Int(b)) => {
                crate::number::compare(*b, *a).map(Ordering::reverse)
            }
            (Value::Str(a), Value::Str(b)) => Some(a.borrow().cmp(&b.borrow())),
            (Value::Symbol(a), Value::Symbol(b)) => Some(a.cmp(b)),
            (Value::List(a), Value::List(b)) if depth < DEEPEST_VALUE => {
                let (a, b) = (a.0.borrow(), b.0.borrow());
                for (a, b) in a.iter().zip(b.iter()) {
                    match a.ordering(b, depth + 1, left)? {
                        Ordering::Equal => {}
                        unequal => return Some(unequal),
                    }
                }
                Some(a.len().cmp(&b.len()))
            }
            _ => self.equals(other).then_some(Ordering::Equal),
        }
    }
}

/// How deeply values may be nested where they are compared, printed or flattened.
pub(crate) const DEEPEST_VALUE: usize = 100;
/// How many values one comparison may look at, shared ones counted each time.
const MOST_COMPARISONS: usize = 1_000_000;
/// The most bytes of one string. Unit tests reach it often, in an unoptimised build.
pub(crate) const LONGEST_STRING: usize = if cfg!(test) { 1024 * 1024 } else { 64 * 1024 * 1024 };
