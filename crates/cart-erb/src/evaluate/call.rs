//! Methods: finds the function for a call by the class of its receiver.

use std::rc::Rc;

use crate::evaluate::names;
use crate::evaluate::walk::{Block, Evaluator};
use crate::values::conversion::{int_of, text_of};
use crate::values::flow::{argument_error, raise, refuse};
use crate::values::limits::{Budget, Held, ITEM};
use crate::values::text;
use crate::values::value::{Enumerator, Outcome, Value};

mod collections;
mod iterate;
mod plain;
mod world;

use collections::{array, enumerable, enumerator, hash, range};
use plain::{number, regexp, string, symbol};
use world::{class, env, file, object};

/// A call: the method's name, the arguments, and the block.
pub(crate) struct Call<'c, 'a> {
    pub(crate) name: &'c str,
    pub(crate) args: &'c [Value],
    pub(crate) block: Option<&'c Rc<Block<'a>>>,
}

/// What a class says to a call: a value, or `None` if it has no such method.
pub(crate) type Answer = Outcome<Option<Value>>;

impl<'c, 'a> Call<'c, 'a> {
    /// A call without a block.
    pub(crate) fn new(name: &'c str, args: &'c [Value]) -> Call<'c, 'a> {
        Call { name, args, block: None }
    }

    /// Checks the number of arguments.
    pub(crate) fn arity(&self, least: usize, most: usize) -> Outcome<()> {
        let given = self.args.len();
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let expected = match most {
            usize::MAX => format!("{least}+"),
            _ if least == most => least.to_string(),
            _ => format!("{least}..{most}"),
        };
        argument_error(format!("wrong number of arguments (given {given}, expected {expected})"))
    }

    pub(crate) fn arg(&self, index: usize) -> &Value {
        self.args.get(index).unwrap_or(&Value::Nil)
    }

    /// An argument that must be a string.
    pub(crate) fn text(&self, index: usize) -> Outcome<Rc<Vec<u8>>> {
        text_of(self.arg(index))
    }

    /// An argument that must be a number, as an integer.
    pub(crate) fn int(&self, index: usize) -> Outcome<i64> {
        int_of(self.arg(index))
    }

    /// The value of a keyword such as `chomp: true`, which is given in a hash at the end.
    pub(crate) fn keyword(&self, name: &str, budget: &Budget) -> Option<Value> {
        let name = Value::symbol(name.as_bytes());
        match self.args.last() {
            Some(Value::Map(map)) => map.0.borrow().get(&name, budget).cloned(),
            _ => None,
        }
    }

    pub(crate) fn need_block(&self) -> Outcome<&'c Rc<Block<'a>>> {
        match self.block {
            Some(block) => Ok(block),
            None => raise("LocalJumpError", "no block given (yield)"),
        }
    }
}

/// The class by which a value's methods are looked up.
fn class_of(value: &Value) -> &str {
    match value {
        Value::Env => "ENV",
        Value::Class("File" | "Dir" | "FileTest") => "File",
        other => other.class(),
    }
}

/// True if a value has a method, whether it is evaluated here or not.
pub(crate) fn responds(value: &Value, name: &str) -> bool {
    let own = matches!(value, Value::Class("Regexp"))
        && matches!(name, "escape" | "quote" | "union" | "compile");
    own || names::is_method(class_of(value), name)
}

impl<'a> Evaluator<'a> {
    /// Calls a method of a value.
    pub(crate) fn call(&mut self, receiver: &Value, call: &Call<'_, 'a>) -> Outcome {
        self.deeper(|this| this.call_method(receiver, call))
    }

    fn call_method(&mut self, receiver: &Value, call: &Call<'_, 'a>) -> Outcome {
        match names::method(class_of(receiver), call.name).flatten() {
            Some(takes) => {
                call.arity(takes.least, takes.most)?;
                #[cfg(test)]
                names::tests::note(class_of(receiver), call.name);
                if takes.waits && call.block.is_none() {
                    self.budget.make_objects(1 + call.args.len(), 0)?;
                    return Ok(Value::Enumerator(Rc::new(Enumerator {
                        receiver: receiver.clone(),
                        method: call.name.to_owned(),
                        args: call.args.to_vec(),
                    })));
                }
            }
            // Classes have methods of their own beside those of all classes.
            None if matches!(receiver, Value::Class(_)) => {}
            None => return missing(receiver, call.name),
        }
        let _copies = self.charge_touched(receiver, call)?;
        let value = match self.answer(receiver, call)? {
            Some(value) => value,
            None => return missing(receiver, call.name),
        };
        self.charge_made(&value)?;
        Ok(value)
    }

    fn answer(&mut self, receiver: &Value, call: &Call<'_, 'a>) -> Answer {
        let answer = match receiver {
            Value::Nil => object::nil(call)?,
            Value::Bool(bool) => object::bool(*bool, call)?,
            Value::Int(_) | Value::Float(_) => number::call(self, receiver, call)?,
            Value::Str(text) => string::call(self, text, call)?,
            Value::Symbol(name) => symbol::call(self, name, call)?,
            Value::List(list) => array::call(self, list, call)?,
            Value::Map(map) => hash::call(self, map, call)?,
            Value::Span(span) => range::call(self, span, call)?,
            Value::Pattern(pattern) => regexp::call(self, pattern, call)?,
            Value::Match(found) => regexp::match_data(self, found, call)?,
            Value::Enumerator(waiting) => enumerator::call(self, waiting, call)?,
            Value::Error(error) => object::error(error, call)?,
            Value::Env => env::call(self, call)?,
            Value::Class("File" | "FileTest" | "Dir") => file::call(self, receiver, call)?,
            Value::Class(name) => class::call(self, name, call)?,
            Value::Main => None,
        };
        if answer.is_some() {
            return Ok(answer);
        }
        let answer = object::call(self, receiver, call)?;
        if answer.is_some() {
            return Ok(answer);
        }
        if let ("each" | "each_pair", Some(block)) = (call.name, call.block) {
            self.each(receiver, &mut |this, item| this.yield_to(block, vec![item]).map(drop))?;
            return Ok(Some(receiver.clone()));
        }
        let items = match receiver {
            Value::List(list) => list.0.borrow().clone(),
            Value::Span(span) => range::finite(self, span)?,
            Value::Map(_) | Value::Enumerator(_) | Value::Env => self.items(receiver)?,
            _ => return Ok(None),
        };
        enumerable::call(self, receiver, items, call)
    }

    /// Takes what a call looks at and copies, before it does: the bytes of strings, and the items
    /// of arrays and hashes, one level deep. Methods that do more take the rest themselves.
    fn charge_touched(&mut self, receiver: &Value, call: &Call<'_, 'a>) -> Outcome<Option<Held>> {
        if in_one_place(call.name) {
            return Ok(None);
        }
        let (mut bytes, mut items) = (0, 0);
        for value in std::iter::once(receiver).chain(call.args) {
            match value {
                Value::Str(text) => bytes += text.borrow().len(),
                Value::Symbol(name) => bytes += name.len(),
                Value::Match(found) => bytes += found.hay().len(),
                Value::Pattern(pattern) => bytes += pattern.source().len(),
                Value::List(list) => items += list.0.borrow().len(),
                Value::Map(map) => items += 2 * map.0.borrow().pairs.len(),
                _ => {}
            }
        }
        self.budget.read(bytes)?;
        self.budget.hold(items * ITEM).map(Some)
    }

    /// Takes the memory of a value that only its caller has: a new one. Methods that make other
    /// values inside it, or one of another order of size than what they are given, have taken or
    /// looked for that before.
    fn charge_made(&mut self, value: &Value) -> Outcome<()> {
        match value {
            Value::Str(text) if Rc::strong_count(text) == 1 => {
                self.budget.make_objects(1, text.borrow().len())
            }
            Value::List(list) if Rc::strong_count(list) == 1 => {
                self.budget.make_objects(1, list.0.borrow().len() * ITEM)
            }
            Value::Map(map) if Rc::strong_count(map) == 1 => {
                self.budget.make_objects(1, map.0.borrow().pairs.len() * 2 * ITEM)
            }
            _ => self.charge(0),
        }
    }
}

/// Methods that look at one place only, or take what they touch themselves.
fn in_one_place(name: &str) -> bool {
    matches!(
        name,
        "!" | "!="
            | "<"
            | "<<"
            | "<="
            | "<=>"
            | "=="
            | "==="
            | ">"
            | ">="
            | "[]"
            | "[]="
            | "append"
            | "class"
            | "clear"
            | "concat"
            | "delete_at"
            | "each"
            | "empty?"
            | "eql?"
            | "equal?"
            | "fetch"
            | "first"
            | "freeze"
            | "frozen?"
            | "is_a?"
            | "itself"
            | "key?"
            | "last"
            | "length"
            | "nil?"
            | "pop"
            | "push"
            | "size"
            | "store"
            | "then"
    )
}

/// What `fetch` gives: what was found, or what the block or the second argument says, or an error.
fn fetched<'a>(
    ev: &mut Evaluator<'a>,
    found: Option<Value>,
    call: &Call<'_, 'a>,
    error: impl FnOnce(&Evaluator<'a>) -> Outcome,
) -> Outcome {
    match (found, call.block, call.args.get(1)) {
        (Some(value), ..) => Ok(value),
        (None, Some(block), _) => ev.yield_to(block, vec![call.arg(0).clone()]),
        (None, None, Some(default)) => Ok(default.clone()),
        (None, None, None) => error(ev),
    }
}

/// What to say to a method that nothing here knows.
fn missing(receiver: &Value, name: &str) -> Outcome {
    if responds(receiver, name) {
        return refuse(match receiver {
            Value::Env => format!("`ENV.{name}`"),
            Value::Class(class) => format!("`{class}.{name}`"),
            other => format!("`{}#{name}`", other.class()),
        });
    }
    if let Value::Class(class) = receiver
        && !names::is_method("Class", name)
        && matches!(
            name,
            "new" | "now" | "pwd" | "glob" | "sqrt" | "entries" | "mktmpdir" | "last_match"
        )
    {
        return refuse(format!("`{class}.{name}`"));
    }
    if names::is_function(name) {
        let message = format!("private method `{name}' called for {}", receiver.described());
        return raise("NoMethodError", message);
    }
    raise("NoMethodError", format!("undefined method `{name}' for {}", receiver.described()))
}

/// A byte offset and a length as positions in a string that counts characters.
pub(crate) fn char_value(bytes: &[u8], offset: Option<usize>) -> Value {
    offset.map_or(Value::Nil, |offset| Value::count(text::char_index(bytes, offset)))
}

/// An index that may count from the end; `None` if it is before the start.
pub(crate) fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { index.checked_add(length)? } else { index };
    usize::try_from(index).ok()
}

/// A number of items, which must not be negative.
pub(crate) fn amount(value: &Value, what: &str) -> Outcome<usize> {
    match usize::try_from(int_of(value)?) {
        Ok(amount) => Ok(amount),
        Err(_) => argument_error(what),
    }
}
