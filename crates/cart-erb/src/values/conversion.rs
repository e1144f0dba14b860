//! Values that must be of a kind, and how Ruby names those that are not.

use std::rc::Rc;

use crate::values::flow::{argument_error, type_error};
use crate::values::number;
use crate::values::value::{Outcome, Pairs, Value};

/// A value that must be a string.
pub(crate) fn text_of(value: &Value) -> Outcome<Rc<Vec<u8>>> {
    match value {
        Value::Str(text) => Ok(text.bytes()),
        other => type_error(format!("no implicit conversion of {} into String", noun(other))),
    }
}

/// A value that must be a name: a symbol or a string.
pub(crate) fn name_of(value: &Value) -> Outcome<Rc<Vec<u8>>> {
    match value {
        Value::Symbol(name) => Ok(Rc::new(name.to_vec())),
        other => text_of(other),
    }
}

/// A value that must be a number, as an integer.
pub(crate) fn int_of(value: &Value) -> Outcome<i64> {
    match value {
        Value::Int(int) => Ok(*int),
        Value::Float(float) => number::float_to_int(*float),
        Value::Nil => type_error("no implicit conversion from nil to integer"),
        other => type_error(format!("no implicit conversion of {} into Integer", noun(other))),
    }
}

/// The items of a value that must be an array.
pub(crate) fn items_of(value: &Value) -> Outcome<Vec<Value>> {
    match value {
        Value::List(list) => Ok(list.0.borrow().clone()),
        other => type_error(format!("no implicit conversion of {} into Array", noun(other))),
    }
}

/// The pairs of a value that must be a hash.
pub(crate) fn pairs_of(value: &Value) -> Outcome<Pairs> {
    match value {
        Value::Map(map) => Ok(map.0.borrow().clone()),
        other => type_error(format!("no implicit conversion of {} into Hash", noun(other))),
    }
}

/// A float of a number or of a text that is one: `Float(value)`.
pub(crate) fn to_float(value: &Value) -> Outcome<f64> {
    match value {
        Value::Int(int) => Ok(*int as f64),
        Value::Float(float) => Ok(*float),
        Value::Str(text) => match number::strict_float(&text.borrow()) {
            Some(float) => Ok(float),
            None => argument_error("invalid value for Float()"),
        },
        other => type_error(format!("can't convert {} into Float", noun(other))),
    }
}

/// An integer of a number, where `cut` makes it of a float, or of a text that is one to a base:
/// `Integer(value)`.
pub(crate) fn to_int(
    value: &Value,
    base: Option<u32>,
    cut: impl FnOnce(f64) -> f64,
) -> Outcome<i64> {
    match value {
        Value::Int(_) | Value::Float(_) if base.is_some() => {
            argument_error("base specified for non string value")
        }
        Value::Int(int) => Ok(*int),
        Value::Float(float) => number::float_to_int(cut(*float)),
        Value::Str(text) => match number::strict_int(&text.borrow(), base)? {
            Some(int) => Ok(int),
            None => argument_error("invalid value for Integer()"),
        },
        other => type_error(format!("can't convert {} into Integer", noun(other))),
    }
}

/// How Ruby's conversion errors name a value: `nil`, or its class.
pub(crate) fn noun(value: &Value) -> String {
    match value {
        Value::Nil | Value::Bool(_) => value.described(),
        other => other.class().to_owned(),
    }
}
