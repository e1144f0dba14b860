//! Blocks: what a call may be given to call back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use lib_ruby_parser::Node;

use crate::values::value::Value;

/// What a call may be given to call back.
#[derive(Debug)]
pub(crate) enum Block<'a> {
    /// `{ |params| body }` or `do ... end`
    Code { params: Option<&'a Node>, numbered: u8, body: Option<&'a Node> },
    /// `&:name`
    Method(String),
    /// Another block, given an index as well (`with_index`).
    Indexed { inner: Rc<Block<'a>>, next: Cell<i64> },
    /// Another block, given an object as well (`with_object`).
    With { inner: Rc<Block<'a>>, object: Value },
    /// Remembers what it is given (`to_a` of an enumerator).
    Collect(RefCell<Vec<Value>>),
}

/// One value of the values that a block was given.
pub(crate) fn packed(mut args: Vec<Value>) -> Value {
    match args.len() {
        1 => args.remove(0),
        0 => Value::Nil,
        _ => Value::list(args),
    }
}
