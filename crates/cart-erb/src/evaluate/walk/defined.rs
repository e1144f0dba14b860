//! `defined?`

use lib_ruby_parser::Node;

use crate::evaluate::names;
use crate::values::flow::Why;
use crate::values::value::{Outcome, Value};

use super::Evaluator;

impl<'a> Evaluator<'a> {
    /// What `defined?(node)` gives: a description, or nil.
    pub(super) fn eval_defined(&mut self, node: &'a Node) -> Outcome {
        self.deeper(|this| this.describe(node))
    }

    fn describe(&mut self, node: &'a Node) -> Outcome {
        let description = match node {
            Node::Begin(begin) => match begin.statements.as_slice() {
                [] => "nil",
                [only] => return self.eval_defined(only),
                _ => "expression",
            },
            Node::Nil(_) => "nil",
            Node::Lvar(_) => "local-variable",
            Node::Gvar(gvar) if self.globals.contains_key(gvar.name.as_str()) => "global-variable",
            Node::Gvar(_) => return Ok(Value::Nil),
            Node::Const(_) => match self.eval_quietly(node)? {
                Some(_) => "constant",
                None => return Ok(Value::Nil),
            },
            Node::Lvasgn(_)
            | Node::Gvasgn(_)
            | Node::IndexAsgn(_)
            | Node::Masgn(_)
            | Node::OpAsgn(_)
            | Node::OrAsgn(_)
            | Node::AndAsgn(_) => "assignment",
            Node::Self_(_) => "self",
            Node::True(_) => "true",
            Node::False(_) => "false",
            Node::Send(_) | Node::Index(_) => return self.defined_call(node),
            Node::Yield(_) => return Ok(Value::Nil),
            Node::NthRef(_) | Node::BackRef(_) => match self.eval(node)? {
                Value::Nil => return Ok(Value::Nil),
                _ => "global-variable",
            },
            Node::Ivar(_) | Node::Cvar(_) | Node::ZSuper(_) | Node::Super(_) => {
                return self.eval(node);
            }
            _ => "expression",
        };
        self.budget.make_objects(1, 0)?;
        Ok(Value::str(description))
    }

    /// `defined?(a.b)` evaluates `a`, and asks whether it has `b`.
    fn defined_call(&mut self, node: &'a Node) -> Outcome {
        let (receiver, method, args): (_, &str, &'a [Node]) = match node {
            Node::Send(send) => (send.recv.as_deref(), &send.method_name, &send.args),
            Node::Index(index) => (Some(&*index.recv), "[]", &index.indexes),
            _ => return Ok(Value::Nil),
        };
        let known = match receiver {
            None => self.named_groups.contains_key(method) || names::is_function(method),
            Some(receiver) => {
                if self.eval_defined(receiver)?.is_nil() {
                    return Ok(Value::Nil);
                }
                match self.eval_quietly(receiver)? {
                    Some(value) => crate::evaluate::call::responds(&value, method),
                    None => false,
                }
            }
        };
        if !known {
            return Ok(Value::Nil);
        }
        for arg in args {
            if self.eval_defined(arg)?.is_nil() {
                return Ok(Value::Nil);
            }
        }
        self.budget.make_objects(1, 0)?;
        let variable = receiver.is_none() && self.named_groups.contains_key(method);
        Ok(Value::str(if variable { "local-variable" } else { "method" }))
    }

    /// A value, or `None` if getting it raises an exception.
    fn eval_quietly(&mut self, node: &'a Node) -> Outcome<Option<Value>> {
        match self.eval(node) {
            Ok(value) => Ok(Some(value)),
            Err(stop) if matches!(stop.why, Why::Raise(_)) => Ok(None),
            Err(stop) => Err(stop),
        }
    }
}
