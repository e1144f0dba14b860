//! Values that must be of a kind, and how Ruby names those that are not.

use std::rc::Rc;

use crate::values::flow::type_error;
use crate::values::number;
use crate::values::value::{Outcome, Value};

/// A value that must be a string.
pub(crate) fn text_of(value: &Value) -> Outcome<Rc<Vec<u8>>> {
    match value {
        Value::Str(text) => Ok(text.bytes()),
        other => type_error(format!("no implicit conversion of {} into String", noun(other))),
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

/// How Ruby's conversion errors name a value: `nil`, or its class.
pub(crate) fn noun(value: &Value) -> String {
    match value {
        Value::Nil | Value::Bool(_) => value.described(),
        other => other.class().to_owned(),
    }
}
