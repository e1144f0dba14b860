//! Calling a block: how its parameters get values, and how it is left.

use lib_ruby_parser::Node;

use crate::evaluate::call::Call;
use crate::values::flow::{Why, refuse};
use crate::values::limits::ITEM;
use crate::values::value::{Outcome, Value};

use super::Evaluator;
use super::block::{Block, packed};

/// The names of `_1` and its like.
const NUMBERED: [&str; 9] = ["_1", "_2", "_3", "_4", "_5", "_6", "_7", "_8", "_9"];

impl<'a> Evaluator<'a> {
    /// Calls a block. `next` leaves it with a value; `break` passes through.
    pub(crate) fn yield_to(&mut self, block: &Block<'a>, mut args: Vec<Value>) -> Outcome {
        self.charge(1)?;
        match block {
            Block::Code { params, numbered, body } => {
                let at = self.at;
                let result = self.in_scope(|this| {
                    this.bind(*params, *numbered, args)?;
                    this.eval_maybe(*body)
                });
                self.at = at;
                match result {
                    Err(stop) => match stop.why {
                        Why::Next => Ok(self.left_with()),
                        _ => Err(stop),
                    },
                    result => result,
                }
            }
            Block::Method(name) => {
                if args.is_empty() {
                    return crate::values::flow::argument_error("no receiver given");
                }
                let receiver = args.remove(0);
                self.call(&receiver, &Call::new(name, &args))
            }
            Block::Indexed { inner, next } => {
                self.budget.make_objects(1, args.len() * ITEM)?;
                let index = next.replace(next.get().saturating_add(1));
                self.yield_to(inner, vec![packed(args), Value::Int(index)])
            }
            Block::With { inner, object } => {
                self.budget.make_objects(1, args.len() * ITEM)?;
                self.yield_to(inner, vec![packed(args), object.clone()])
            }
            Block::Collect(items) => {
                self.budget.make_objects(1, ITEM)?;
                items.borrow_mut().push(packed(args));
                Ok(Value::Nil)
            }
        }
    }

    /// Calls a block with each of some values.
    pub(crate) fn yield_each(
        &mut self,
        block: &Block<'a>,
        items: impl IntoIterator<Item = Value>,
    ) -> Outcome<()> {
        items.into_iter().try_for_each(|item| self.yield_to(block, vec![item]).map(drop))
    }

    fn bind(&mut self, params: Option<&'a Node>, numbered: u8, args: Vec<Value>) -> Outcome<()> {
        if numbered > 0 {
            self.budget.make_objects(1, args.len() * ITEM)?;
            let values = if numbered > 1 { self.spread_args(args)? } else { vec![packed(args)] };
            let mut values = values.into_iter();
            for name in &NUMBERED[..usize::from(numbered).min(NUMBERED.len())] {
                self.define_local(name, values.next().unwrap_or(Value::Nil));
            }
            return Ok(());
        }
        let Some(Node::Args(params)) = params else { return Ok(()) };
        let (shadows, params): (Vec<&Node>, Vec<&Node>) =
            params.args.iter().partition(|param| matches!(param, Node::Shadowarg(_)));
        let args = match params.as_slice() {
            [Node::Procarg0(_) | Node::Restarg(_) | Node::Optarg(_)] | [] => args,
            _ => self.spread_args(args)?,
        };
        self.bind_each(&params, args)?;
        for shadow in shadows {
            if let Node::Shadowarg(shadow) = shadow {
                self.define_local(&shadow.name, Value::Nil);
            }
        }
        Ok(())
    }

    /// Several parameters take a single array apart.
    fn spread_args(&mut self, mut args: Vec<Value>) -> Outcome<Vec<Value>> {
        if args.len() == 1 && matches!(args[0], Value::List(_)) {
            return self.spread(args.remove(0));
        }
        Ok(args)
    }

    /// Required parameters first take their values from both ends, then optional ones, then `*`.
    fn bind_each(&mut self, params: &[&'a Node], args: Vec<Value>) -> Outcome<()> {
        let required =
            |param: &&Node| matches!(param, Node::Arg(_) | Node::Mlhs(_) | Node::Procarg0(_));
        let mut spare =
            args.len().saturating_sub(params.iter().copied().filter(|p| required(p)).count());
        let mut after = params.iter().rev().take_while(|param| required(param)).count();
        let mut args = args.into_iter();
        for (at, param) in params.iter().enumerate() {
            match param {
                Node::Arg(_) | Node::Mlhs(_) | Node::Procarg0(_) => {
                    after = after.min(params.len() - at);
                    let value = args.next().unwrap_or(Value::Nil);
                    self.assign(param, value)?;
                }
                Node::Optarg(optional) => {
                    let given = if spare > 0 { args.next() } else { None };
                    spare = spare.saturating_sub(1);
                    let value = match given {
                        Some(value) => value,
                        None => self.eval(&optional.default)?,
                    };
                    self.define_local(&optional.name, value);
                }
                Node::Restarg(_) => {
                    let count = args.len().saturating_sub(after);
                    self.budget.make_objects(1, count * ITEM)?;
                    let rest = args.by_ref().take(count).collect();
                    self.assign(param, Value::list(rest))?;
                }
                other => return refuse(format!("the block parameter `{}`", other.str_type())),
            }
        }
        Ok(())
    }
}
