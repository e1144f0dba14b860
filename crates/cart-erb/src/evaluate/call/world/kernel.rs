//! Functions: what a template calls without a receiver.

use crate::evaluate::format;
use crate::evaluate::names;
use crate::evaluate::walk::Evaluator;
use crate::values::flow::{Raised, Stop, Why, argument_error, inherits, raise, refuse, type_error};
use crate::values::inspect;
use crate::values::limits::{DEEPEST_VALUE, ITEM, ITEMS_PER_STEP};
use crate::values::number;
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::Call;
use crate::values::conversion::noun;

impl<'a> Evaluator<'a> {
    /// Calls a function, or a method of `self`.
    pub(crate) fn function(&mut self, call: &Call<'_, 'a>) -> Outcome {
        self.charge(1)?;
        if let Some(takes) = names::method("Kernel", call.name).flatten() {
            call.arity(takes.least, takes.most)?;
            #[cfg(test)]
            names::tests::note("Kernel", call.name);
        }
        match call.name {
            "puts" => self.puts(call.args, 0)?,
            "print" => {
                for arg in call.args {
                    let text = inspect::to_s(arg, &self.budget)?;
                    self.write(&text)?;
                }
            }
            "p" => return self.inspect_args(call.args),
            "printf" if call.args.is_empty() => {}
            "printf" => {
                let text = format::format(&call.text(0)?, &call.args[1..], &self.budget)?;
                self.write(&text)?;
            }
            "format" | "sprintf" => {
                let text = format::format(&call.text(0)?, &call.args[1..], &self.budget)?;
                self.budget.make_objects(1, text.len())?;
                return Ok(Value::str(text));
            }
            "Integer" => return integer(self, call),
            "Float" => return float(self, call),
            "String" => {
                self.budget.make_objects(1, 0)?;
                return inspect::to_s(call.arg(0), &self.budget).map(Value::str_bytes);
            }
            "Array" => {
                let arg = call.arg(0);
                return match arg {
                    Value::List(_) => Ok(arg.clone()),
                    Value::Env => Ok(Value::list(vec![arg.clone()])),
                    _ => {
                        self.budget.make_objects(1, ITEM)?;
                        self.splat(arg).map(Value::list)
                    }
                };
            }
            "raise" | "fail" => return raise_args(self, call),
            "loop" => return self.forever(call),
            "block_given?" => return Ok(Value::Bool(false)),
            "to_s" | "inspect" => return Ok(Value::str("main")),
            name => return self.unknown_function(name, call),
        }
        Ok(Value::Nil)
    }

    fn unknown_function(&mut self, name: &str, call: &Call<'_, 'a>) -> Outcome {
        if names::is_function(name) {
            return refuse(format!("`{name}`"));
        }
        if names::is_method("Object", name) {
            return self.call(&Value::Main, call);
        }
        raise("NoMethodError", format!("undefined method `{name}' for main"))
    }

    /// `puts`: each on a line of its own, arrays item by item.
    fn puts(&mut self, args: &[Value], depth: usize) -> Outcome<()> {
        if depth > DEEPEST_VALUE {
            return crate::values::flow::limit("an array nested too deeply for `puts`");
        }
        if args.is_empty() {
            return self.write(b"\n");
        }
        for arg in args {
            match arg {
                Value::List(list) if list.0.borrow().is_empty() => {}
                Value::List(list) => {
                    self.charge(1)?;
                    self.puts(&list.0.borrow(), depth + 1)?;
                }
                other => {
                    let line = inspect::to_s(other, &self.budget)?;
                    self.write(&line)?;
                    if !line.ends_with(b"\n") {
                        self.write(b"\n")?;
                    }
                }
            }
        }
        Ok(())
    }

    fn inspect_args(&mut self, args: &[Value]) -> Outcome {
        for arg in args {
            let mut line = inspect::inspect(arg, &self.budget)?;
            line.push(b'\n');
            self.write(&line)?;
        }
        Ok(match args {
            [] => Value::Nil,
            [only] => only.clone(),
            all => Value::list(all.to_vec()),
        })
    }

    fn forever(&mut self, call: &Call<'_, 'a>) -> Outcome {
        let Some(block) = call.block else { return refuse("an enumerator of `loop`") };
        loop {
            match self.yield_to(block, Vec::new()) {
                Err(stop) if is_stop_iteration(&stop) => return Ok(Value::Nil),
                result => result?,
            };
        }
    }
}

fn is_stop_iteration(stop: &Stop) -> bool {
    matches!(&stop.why, Why::Raise(raised) if raised.class == "StopIteration")
}

/// Takes the steps of reading a number off a text.
fn charge_digits(ev: &Evaluator<'_>, call: &Call<'_, '_>) -> Outcome<()> {
    match call.arg(0) {
        Value::Str(text) => ev.charge(text.borrow().len() / ITEMS_PER_STEP),
        _ => Ok(()),
    }
}

/// `Integer(value)`
fn integer(ev: &Evaluator<'_>, call: &Call<'_, '_>) -> Outcome {
    let quiet = matches!(call.keyword("exception", &ev.budget), Some(Value::Bool(false)));
    charge_digits(ev, call)?;
    let base = match call.args.get(1) {
        Some(Value::Int(base)) => match u32::try_from(*base) {
            Ok(base @ 2..=36) => Some(base),
            _ => return argument_error(format!("invalid radix {base}")),
        },
        _ => None,
    };
    let problem = match call.arg(0) {
        Value::Int(_) | Value::Float(_) if base.is_some() => {
            argument_error("base specified for non string value")
        }
        Value::Int(int) => return Ok(Value::Int(*int)),
        Value::Float(float) if float.is_finite() => {
            return number::float_to_int(*float).map(Value::Int);
        }
        Value::Float(float) => raise("FloatDomainError", number::float_to_s(*float)),
        Value::Str(text) => match number::strict_int(&text.borrow(), base)? {
            Some(int) => return Ok(Value::Int(int)),
            None => argument_error("invalid value for Integer()"),
        },
        other => type_error(format!("can't convert {} into Integer", noun(other))),
    };
    if quiet { Ok(Value::Nil) } else { problem }
}

/// `Float(value)`
fn float(ev: &Evaluator<'_>, call: &Call<'_, '_>) -> Outcome {
    let quiet = matches!(call.keyword("exception", &ev.budget), Some(Value::Bool(false)));
    charge_digits(ev, call)?;
    call.arity(1, if call.keyword("exception", &ev.budget).is_some() { 2 } else { 1 })?;
    let problem = match call.arg(0) {
        Value::Int(int) => return Ok(Value::Float(*int as f64)),
        Value::Float(float) => return Ok(Value::Float(*float)),
        Value::Str(text) => match number::strict_float(&text.borrow()) {
            Some(float) => return Ok(Value::Float(float)),
            None => argument_error("invalid value for Float()"),
        },
        other => type_error(format!("can't convert {} into Float", noun(other))),
    };
    if quiet { Ok(Value::Nil) } else { problem }
}

/// `raise 'message'`, `raise Class` or `raise Class, 'message'`
fn raise_args(ev: &Evaluator<'_>, call: &Call<'_, '_>) -> Outcome {
    let length = match call.args.last() {
        Some(Value::Str(message)) => message.borrow().len(),
        Some(Value::Error(error)) => error.message.len(),
        _ => 0,
    };
    // It is copied for whoever raises it and for whoever rescues it.
    ev.budget.make_objects(2, 4 * length)?;
    let raised = match call.args {
        [] => {
            Raised { class: "RuntimeError".to_owned(), message: "unhandled exception".to_owned() }
        }
        [Value::Str(message)] => Raised {
            class: "RuntimeError".to_owned(),
            message: crate::values::text::lossy(&message.borrow()),
        },
        [Value::Error(error)] => (**error).clone(),
        [Value::Class(class), message @ ..]
            if inherits(class, "Exception") && is_exception(class) =>
        {
            let message = match message {
                [] => (*class).to_owned(),
                [message, ..] => crate::values::text::lossy(&inspect::to_s(message, &ev.budget)?),
            };
            Raised { class: (*class).to_owned(), message }
        }
        _ => return type_error("exception class/object expected"),
    };
    Err(Stop::new(Why::Raise(raised)))
}

fn is_exception(class: &str) -> bool {
    class.ends_with("Error") || matches!(class, "Exception" | "StopIteration")
}
