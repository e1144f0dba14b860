//! Functions: what a template calls without a receiver.

use crate::evaluate::format;
use crate::evaluate::names;
use crate::evaluate::walk::Evaluator;
use crate::values::flow::{Raised, Stop, Why, argument_error, inherits, raise, refuse, type_error};
use crate::values::inspect;
use crate::values::limits::{DEEPEST_VALUE, ITEM, ITEMS_PER_STEP};
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::Call;
use crate::values::conversion::{to_float, to_int};

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
            "Integer" | "Float" => return number(self, call),
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

/// `Integer(value)` or `Float(value)`; with `exception: false` what is no number is nil.
fn number(ev: &Evaluator<'_>, call: &Call<'_, '_>) -> Outcome {
    let exception = call.keyword("exception", &ev.budget);
    if let Value::Str(text) = call.arg(0) {
        ev.charge(text.borrow().len() / ITEMS_PER_STEP)?;
    }
    let converted = if call.name == "Float" {
        call.arity(1, if exception.is_some() { 2 } else { 1 })?;
        to_float(call.arg(0)).map(Value::Float)
    } else {
        let base = match call.args.get(1) {
            Some(Value::Int(base)) => match u32::try_from(*base) {
                Ok(base @ 2..=36) => Some(base),
                _ => return argument_error(format!("invalid radix {base}")),
            },
            _ => None,
        };
        to_int(call.arg(0), base, f64::trunc).map(Value::Int)
    };
    let quiet = matches!(exception, Some(Value::Bool(false)));
    match converted {
        Err(stop) if quiet && matches!(stop.why, Why::Raise(_)) => Ok(Value::Nil),
        converted => converted,
    }
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
