//! What every value answers to, and the few methods of nil, true, false and exceptions.

use crate::evaluate::names;
use crate::evaluate::walk::Evaluator;
use crate::values::flow::{Raised, argument_error, inherits};
use crate::values::inspect;
use crate::values::text::lossy;
use crate::values::value::{Outcome, Pairs, Value};

use crate::evaluate::call::{Answer, Call, responds};
use crate::values::conversion::{name_of, noun};

pub(crate) fn nil(call: &Call<'_, '_>) -> Answer {
    Ok(Some(match call.name {
        "to_i" => Value::Int(0),
        "to_f" => Value::Float(0.0),
        "to_a" => Value::list(Vec::new()),
        "to_h" => Value::map(Pairs::default()),
        "&" => Value::Bool(false),
        "|" => Value::Bool(call.arg(0).truthy()),
        _ => return Ok(None),
    }))
}

pub(crate) fn bool(bool: bool, call: &Call<'_, '_>) -> Answer {
    let other = call.arg(0).truthy();
    Ok(Some(Value::Bool(match call.name {
        "&" => bool && other,
        "|" => bool || other,
        "^" => bool != other,
        _ => return Ok(None),
    })))
}

pub(crate) fn error(error: &Raised, call: &Call<'_, '_>) -> Answer {
    match call.name {
        "message" => Ok(Some(Value::str(error.message.as_str()))),
        _ => Ok(None),
    }
}

/// Methods of every object.
pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, receiver: &Value, call: &Call<'_, 'a>) -> Answer {
    let value = match call.name {
        "==" | "===" | "equal?" | "eql?" | "!=" | "=~" | "!~" | "<=>" => {
            compare(ev, receiver, call)?
        }
        "is_a?" | "kind_of?" | "instance_of?" => class_test(receiver, call)?,
        "respond_to?" => Value::Bool(responds(receiver, &lossy(&name_of(call.arg(0))?))),
        "send" | "public_send" | "__send__" => {
            let name = lossy(&name_of(call.arg(0))?);
            if names::is_function(&name) {
                return Ok(None);
            }
            let call = Call { name: &name, args: &call.args[1..], block: call.block };
            return ev.call(receiver, &call).map(Some);
        }
        "tap" => {
            ev.yield_to(call.need_block()?, vec![receiver.clone()])?;
            receiver.clone()
        }
        "then" | "yield_self" if call.block.is_some() => {
            return ev.yield_to(call.need_block()?, vec![receiver.clone()]).map(Some);
        }
        _ => return simple(ev, receiver, call),
    };
    Ok(Some(value))
}

/// Methods without arguments.
fn simple(ev: &Evaluator<'_>, receiver: &Value, call: &Call<'_, '_>) -> Answer {
    let value = match call.name {
        "!" => Value::Bool(!receiver.truthy()),
        "nil?" => Value::Bool(receiver.is_nil()),
        "to_s" => Value::str_bytes(inspect::to_s(receiver, &ev.budget)?),
        "inspect" => Value::str(inspect::inspect(receiver, &ev.budget)?),
        "class" => return class_of(receiver),
        "itself" => receiver.clone(),
        "freeze" => {
            if let Value::Str(text) = receiver {
                text.freeze();
            }
            receiver.clone()
        }
        "frozen?" => Value::Bool(match receiver {
            Value::Str(text) => text.is_frozen(),
            Value::List(_) | Value::Map(_) | Value::Env | Value::Main => false,
            Value::Class(_) | Value::Match(_) => false,
            _ => true,
        }),
        "dup" | "clone" => match receiver {
            Value::Str(text) if call.name == "clone" && text.is_frozen() => receiver.clone(),
            Value::Str(text) => Value::str_bytes(text.bytes()),
            Value::List(list) => Value::list(list.0.borrow().clone()),
            Value::Map(map) => Value::map(map.0.borrow().clone()),
            other => other.clone(),
        },
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn class_of(receiver: &Value) -> Answer {
    Ok(match receiver {
        Value::Env | Value::Main => Some(Value::Class("Object")),
        other => names::class(other.class()).map(Value::Class),
    })
}

fn compare<'a>(ev: &mut Evaluator<'a>, receiver: &Value, call: &Call<'_, 'a>) -> Outcome {
    let other = call.arg(0);
    Ok(match call.name {
        "==" => Value::Bool(receiver.equals(other, &ev.budget)),
        "!=" => {
            let equal = ev.call(receiver, &Call::new("==", call.args))?;
            Value::Bool(!equal.truthy())
        }
        "equal?" => Value::Bool(receiver.identical(other, &ev.budget)),
        "eql?" => Value::Bool(receiver.eql(other, &ev.budget)),
        "=~" => Value::Nil,
        "!~" => {
            let matched = ev.call(receiver, &Call::new("=~", call.args))?;
            Value::Bool(!matched.truthy())
        }
        "<=>" => {
            let order = receiver.compare(other, &ev.budget);
            order.map_or(Value::Nil, |order| Value::Int(order as i64))
        }
        _ => match receiver {
            Value::Class(class) => Value::Bool(is_a(other, class)),
            _ => Value::Bool(receiver.equals(other, &ev.budget)),
        },
    })
}

fn class_test(receiver: &Value, call: &Call<'_, '_>) -> Outcome {
    let Value::Class(class) = call.arg(0) else {
        return crate::values::flow::type_error("class or module required");
    };
    Ok(Value::Bool(match call.name {
        "instance_of?" => receiver.class() == *class,
        _ => is_a(receiver, class),
    }))
}

/// True if a value is of a class or of one that inherits from it.
fn is_a(value: &Value, class: &str) -> bool {
    if matches!(class, "Object" | "BasicObject" | "Kernel") || value.class() == class {
        return true;
    }
    match class {
        "Numeric" => matches!(value, Value::Int(_) | Value::Float(_)),
        "Comparable" => {
            matches!(value, Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Symbol(_))
        }
        "Enumerable" => {
            matches!(value, Value::List(_) | Value::Map(_) | Value::Span(_) | Value::Enumerator(_))
        }
        "Module" => matches!(value, Value::Class(_)),
        _ => matches!(value, Value::Error(error) if inherits(&error.class, class)),
    }
}

/// What is said of two values that `<=>` has no answer for.
pub(crate) fn incomparable<T>(ev: &Evaluator<'_>, a: &Value, b: &Value) -> Outcome<T> {
    let b = match b {
        Value::Int(_) | Value::Float(_) => lossy(&inspect::inspect(b, &ev.budget)?),
        other => noun(other),
    };
    argument_error(format!("comparison of {} with {b} failed", a.class()))
}

/// `<`, `<=`, `>`, `>=`, `between?` and `clamp`, from what `<=>` says.
pub(crate) fn comparable(ev: &Evaluator<'_>, receiver: &Value, call: &Call<'_, '_>) -> Answer {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = |other: &Value| match receiver.compare(other, &ev.budget) {
        Some(order) => Ok(order),
        None => incomparable(ev, receiver, other),
    };
    let value = match call.name {
        "<" | "<=" | ">" | ">=" => {
            let order = order(call.arg(0))?;
            Value::Bool(match call.name {
                "<" => order == Less,
                "<=" => order != Greater,
                ">" => order == Greater,
                _ => order != Less,
            })
        }
        "between?" => Value::Bool(order(call.arg(0))? != Less && order(call.arg(1))? != Greater),
        "clamp" if call.args.len() == 2 => match (order(call.arg(0))?, order(call.arg(1))?) {
            (Less | Equal, _) => call.arg(0).clone(),
            (_, Greater) => call.arg(1).clone(),
            _ => receiver.clone(),
        },
        _ => return Ok(None),
    };
    Ok(Some(value))
}
