//! The values of a template's code.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use crate::values::flow::{self, Raised, raise};
use crate::values::limits::{Budget, ITEM, ITEMS_PER_STEP};
use crate::values::regex::{Match, Pattern};

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

/// A result of evaluation.
pub(crate) type Outcome<T = Value> = flow::Outcome<T>;

// What is made is counted before it is.
const _: () = assert!(size_of::<Value>() <= ITEM);

/// A string. Its bytes are shared until they change, so that a call may keep them for nothing.
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: RefCell<Rc<Vec<u8>>>,
    frozen: Cell<bool>,
}

impl Text {
    pub(crate) fn borrow(&self) -> Ref<'_, Vec<u8>> {
        Ref::map(self.bytes.borrow(), |bytes| &**bytes)
    }

    /// The bytes as they are now.
    pub(crate) fn bytes(&self) -> Rc<Vec<u8>> {
        self.bytes.borrow().clone()
    }

    pub(crate) fn freeze(&self) {
        self.frozen.set(true);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.get()
    }

    /// Changes the string, unless it is frozen. Bytes that somebody keeps are copied.
    pub(crate) fn change<T>(
        &self,
        budget: &Budget,
        change: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> Outcome<T> {
        if self.is_frozen() {
            return raise("FrozenError", "can't modify frozen String");
        }
        let mut bytes = self.bytes.borrow_mut();
        if Rc::strong_count(&bytes) > 1 {
            budget.make(bytes.len())?;
        }
        Ok(change(Rc::make_mut(&mut bytes)))
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
    pub(crate) fn get(&self, key: &Value, budget: &Budget) -> Option<&Value> {
        self.find(key, 0, budget).map(|at| &self.pairs[at].1)
    }

    /// Where a key is, `depth` levels deep in a comparison.
    pub(crate) fn find(&self, key: &Value, depth: usize, budget: &Budget) -> Option<usize> {
        budget.spend(self.pairs.len() / ITEMS_PER_STEP);
        self.pairs.iter().position(|(known, _)| known.same(key, depth, false, budget))
    }

    /// What `hash[key]` gives.
    pub(crate) fn index(&self, key: &Value, budget: &Budget) -> Value {
        self.get(key, budget).or(self.default.as_ref()).cloned().unwrap_or(Value::Nil)
    }

    /// Sets a value; a string key is copied, as Ruby does.
    pub(crate) fn set(&mut self, key: Value, value: Value, budget: &Budget) -> Outcome<()> {
        let at = self.find(&key, 0, budget);
        self.put(at, key, value, budget)
    }

    fn put(&mut self, at: Option<usize>, key: Value, value: Value, budget: &Budget) -> Outcome<()> {
        if let Some(at) = at {
            self.pairs[at].1 = value;
            return Ok(());
        }
        // A vector that grows has up to twice the room.
        budget.make(4 * ITEM)?;
        let key = match key {
            Value::Str(text) if !text.is_frozen() => {
                budget.make_objects(1, 0)?;
                Value::frozen_bytes(text.bytes())
            }
            key => key,
        };
        self.pairs.push((key, value));
        Ok(())
    }
}

// A hash may be a key of its own: it must not be borrowed for a change while keys are compared.
impl Map {
    pub(crate) fn set(&self, key: Value, value: Value, budget: &Budget) -> Outcome<()> {
        let at = self.0.borrow().find(&key, 0, budget);
        self.0.borrow_mut().put(at, key, value, budget)
    }

    pub(crate) fn remove(&self, key: &Value, budget: &Budget) -> Option<Value> {
        let at = self.0.borrow().find(key, 0, budget)?;
        Some(self.0.borrow_mut().pairs.remove(at).1)
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

// Values nested a million levels deep must not overflow the stack when they go, so what holds
// values is emptied in a loop.
impl Drop for List {
    fn drop(&mut self) {
        dismantle(std::mem::take(self.0.get_mut()));
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        dismantle(take_pairs(self.0.get_mut()));
    }
}

impl Drop for Enumerator {
    fn drop(&mut self) {
        dismantle(self.take_values());
    }
}

impl Enumerator {
    fn take_values(&mut self) -> Vec<Value> {
        let mut values = std::mem::take(&mut self.args);
        values.push(std::mem::replace(&mut self.receiver, Value::Nil));
        values
    }
}

fn take_pairs(pairs: &mut Pairs) -> Vec<Value> {
    let Pairs { pairs, default } = std::mem::take(pairs);
    pairs.into_iter().flat_map(|(key, value)| [key, value]).chain(default).collect()
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
                    open.append(&mut take_pairs(&mut map.0.borrow_mut()));
                }
            }
            Value::Enumerator(waiting) => {
                if let Some(mut waiting) = Rc::into_inner(waiting) {
                    open.append(&mut waiting.take_values());
                }
            }
            _ => {}
        }
    }
}

impl Value {
    pub(crate) fn str(bytes: impl Into<Vec<u8>>) -> Value {
        Value::text(Rc::new(bytes.into()), false)
    }

    pub(crate) fn frozen(bytes: impl Into<Vec<u8>>) -> Value {
        Value::text(Rc::new(bytes.into()), true)
    }

    /// A string of bytes that may be shared.
    pub(crate) fn str_bytes(bytes: Rc<Vec<u8>>) -> Value {
        Value::text(bytes, false)
    }

    /// A frozen string of bytes that may be shared.
    pub(crate) fn frozen_bytes(bytes: Rc<Vec<u8>>) -> Value {
        Value::text(bytes, true)
    }

    fn text(bytes: Rc<Vec<u8>>, frozen: bool) -> Value {
        Value::Str(Rc::new(Text { bytes: RefCell::new(bytes), frozen: Cell::new(frozen) }))
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
}
