//! Calls that wait for a block: `each_with_index.map { }`, `map.with_index(1) { }`.

use std::cell::Cell;
use std::rc::Rc;

use crate::evaluate::walk::{Block, Evaluator};
use crate::values::value::{Enumerator, Value};

use crate::evaluate::call::{Answer, Call};

pub(crate) fn call<'a>(
    ev: &mut Evaluator<'a>,
    waiting: &Rc<Enumerator>,
    call: &Call<'_, 'a>,
) -> Answer {
    let block = match (call.name, call.block) {
        ("with_index" | "each_with_index", Some(inner)) => {
            let first = if call.args.is_empty() { 0 } else { call.int(0)? };
            Block::Indexed { inner: inner.clone(), next: Cell::new(first) }
        }
        ("with_object" | "each_with_object", Some(inner)) => {
            let object = call.arg(0).clone();
            let block = Block::With { inner: inner.clone(), object: object.clone() };
            resume(ev, waiting, &Rc::new(block))?;
            return Ok(Some(object));
        }
        ("each", Some(inner)) => return resume(ev, waiting, inner).map(Some),
        ("size", None) => {
            let count = ev.items(&Value::Enumerator(waiting.clone()))?.len();
            return Ok(Some(Value::count(count)));
        }
        _ => return Ok(None),
    };
    resume(ev, waiting, &Rc::new(block)).map(Some)
}

fn resume<'a>(
    ev: &mut Evaluator<'a>,
    waiting: &Enumerator,
    block: &Rc<Block<'a>>,
) -> crate::values::value::Outcome {
    let call = Call { name: &waiting.method, args: &waiting.args, block: Some(block) };
    ev.call(&waiting.receiver, &call)
}
