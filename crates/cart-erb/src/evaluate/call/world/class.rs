//! Methods of classes, other than those of `File`.

use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::limits::{ITEM, check_list};
use crate::values::pattern::Options;
use crate::values::regex;
use crate::values::value::{Pairs, Value};

use crate::evaluate::call::{Answer, Call, amount};

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, class: &str, call: &Call<'_, 'a>) -> Answer {
    let value = match (class, call.name) {
        (_, "name" | "to_s" | "inspect") => Value::str(class),
        ("Kernel", name) if crate::evaluate::names::is_function(name) => {
            return ev.function(call).map(Some);
        }
        ("Regexp", "escape" | "quote") => {
            call.arity(1, 1)?;
            Value::str(regex::escape(&call.text(0)?))
        }
        ("Regexp", "new" | "compile") => {
            call.arity(1, 2)?;
            return regexp(ev, call);
        }
        ("String", "new") => {
            call.arity(0, 1)?;
            Value::str_bytes(if call.args.is_empty() { Rc::default() } else { call.text(0)? })
        }
        ("Array", "new") => return array(ev, call),
        ("Hash", "new") if call.block.is_none() => {
            call.arity(0, 1)?;
            Value::map(Pairs { pairs: Vec::new(), default: call.args.first().cloned() })
        }
        ("Math", "sqrt") => {
            call.arity(1, 1)?;
            match call.arg(0) {
                Value::Int(int) if *int >= 0 => Value::Float((*int as f64).sqrt()),
                Value::Float(float) if *float >= 0.0 => Value::Float(float.sqrt()),
                _ => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn regexp(ev: &mut Evaluator<'_>, call: &Call<'_, '_>) -> Answer {
    let options = match call.arg(1) {
        Value::Nil | Value::Bool(false) => Options::default(),
        Value::Int(bits) => Options {
            ignore_case: bits & 1 != 0,
            extended: bits & 2 != 0,
            multi_line: bits & 4 != 0,
        },
        _ => Options { ignore_case: true, ..Options::default() },
    };
    match call.arg(0) {
        Value::Pattern(pattern) => Ok(Some(Value::Pattern(pattern.clone()))),
        _ => Ok(Some(Value::Pattern(ev.pattern(call.text(0)?.to_vec(), options)?))),
    }
}

fn array<'a>(ev: &mut Evaluator<'a>, call: &Call<'_, 'a>) -> Answer {
    call.arity(0, 2)?;
    if let [Value::List(list)] = call.args {
        return Ok(Some(Value::list(list.0.borrow().clone())));
    }
    let size = if call.args.is_empty() { 0 } else { amount(call.arg(0), "negative array size")? };
    check_list(size)?;
    ev.budget.read(size * ITEM)?;
    ev.budget.afford(size * ITEM)?;
    let mut items = Vec::new();
    for index in 0..size {
        items.push(match call.block {
            Some(block) => ev.yield_to(block, vec![Value::count(index)])?,
            None => call.arg(1).clone(),
        });
    }
    Ok(Some(Value::list(items)))
}
