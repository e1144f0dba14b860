//! Methods of symbols: most are those of the string of the same text.

use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::value::Value;

use crate::evaluate::call::world::object;
use crate::evaluate::call::{Answer, Call};

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, name: &Rc<[u8]>, call: &Call<'_, 'a>) -> Answer {
    ev.budget.read(name.len())?;
    let text = || Value::str(&**name);
    let value = match call.name {
        "to_s" | "id2name" | "name" => text(),
        "to_sym" => Value::Symbol(name.clone()),
        "length" | "size" | "empty?" | "start_with?" | "end_with?" | "[]" | "slice" | "=~" => {
            ev.call(&text(), call)?
        }
        "upcase" | "downcase" | "capitalize" | "swapcase" | "succ" | "next" => {
            match ev.call(&text(), call)? {
                Value::Str(text) => Value::symbol(&text.borrow()),
                other => other,
            }
        }
        _ => return object::comparable(ev, &Value::Symbol(name.clone()), call),
    };
    Ok(Some(value))
}
