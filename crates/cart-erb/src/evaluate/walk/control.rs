//! Conditions, loops and exceptions.

use lib_ruby_parser::{Node, nodes};

use crate::evaluate::call::Call;
use crate::values::flow::{Raised, Stop, Why, inherits, refuse};
use crate::values::value::{Outcome, Value};

use super::Evaluator;

impl<'a> Evaluator<'a> {
    pub(super) fn eval_control(&mut self, node: &'a Node) -> Outcome {
        match node {
            Node::And(and) => {
                let lhs = self.eval(&and.lhs)?;
                if lhs.truthy() { self.eval(&and.rhs) } else { Ok(lhs) }
            }
            Node::Or(or) => {
                let lhs = self.eval(&or.lhs)?;
                if lhs.truthy() { Ok(lhs) } else { self.eval(&or.rhs) }
            }
            Node::If(_) => self.eval_if(node),
            Node::IfMod(it) => {
                let met = self.eval(&it.cond)?.truthy();
                self.eval_maybe(if met { it.if_true.as_deref() } else { it.if_false.as_deref() })
            }
            Node::IfTernary(it) => {
                let met = self.eval(&it.cond)?.truthy();
                self.eval(if met { &it.if_true } else { &it.if_false })
            }
            Node::Case(case) => self.eval_case(case),
            Node::While(it) => self.eval_loop(&it.cond, it.body.as_deref(), true, false),
            Node::Until(it) => self.eval_loop(&it.cond, it.body.as_deref(), false, false),
            Node::WhilePost(it) => self.eval_loop(&it.cond, Some(&it.body), true, true),
            Node::UntilPost(it) => self.eval_loop(&it.cond, Some(&it.body), false, true),
            Node::For(it) => self.eval_for(it),
            Node::Next(it) => self.leave(&it.args, Why::Next),
            Node::Break(it) => self.leave(&it.args, Why::Break),
            Node::Rescue(it) => self.eval_rescue(it),
            Node::Ensure(it) => {
                let result = self.eval_maybe(it.body.as_deref());
                // What is done at last may have loops of its own.
                let left_with = self.left_with();
                self.eval_maybe(it.ensure.as_deref())?;
                self.left_with = left_with;
                result
            }
            _ => self.eval_literal(node),
        }
    }

    /// `if`, with its `elsif`s in a loop, because each is nested in the one before.
    fn eval_if(&mut self, mut node: &'a Node) -> Outcome {
        while let Node::If(it) = node {
            if self.eval(&it.cond)?.truthy() {
                return self.eval_maybe(it.if_true.as_deref());
            }
            match it.if_false.as_deref() {
                Some(otherwise) => node = otherwise,
                None => return Ok(Value::Nil),
            }
        }
        self.eval(node)
    }

    fn eval_case(&mut self, case: &'a nodes::Case) -> Outcome {
        let subject = case.expr.as_deref().map(|node| self.eval(node)).transpose()?;
        for when in &case.when_bodies {
            let Node::When(when) = when else { return refuse("`case`") };
            for pattern in &when.patterns {
                if self.when_applies(pattern, subject.as_ref())? {
                    return self.eval_maybe(when.body.as_deref());
                }
            }
        }
        self.eval_maybe(case.else_body.as_deref())
    }

    fn when_applies(&mut self, pattern: &'a Node, subject: Option<&Value>) -> Outcome<bool> {
        let patterns = match pattern {
            Node::Splat(splat) => {
                let list = self.eval_maybe(splat.value.as_deref())?;
                self.splat(&list)?
            }
            pattern => vec![self.eval(pattern)?],
        };
        for pattern in patterns {
            let applies = match subject {
                None => pattern.truthy(),
                Some(subject) => {
                    let args = [subject.clone()];
                    self.call(&pattern, &Call::new("===", &args))?.truthy()
                }
            };
            if applies {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `while` and `until`; with `body_first`, of the form `begin ... end while`.
    fn eval_loop(
        &mut self,
        cond: &'a Node,
        body: Option<&'a Node>,
        wanted: bool,
        mut body_first: bool,
    ) -> Outcome {
        while body_first || self.eval(cond)?.truthy() == wanted {
            body_first = false;
            match self.eval_maybe(body) {
                Ok(_) => {}
                Err(stop) => match stop.why {
                    Why::Next => {}
                    Why::Break => return Ok(self.left_with()),
                    _ => return Err(stop),
                },
            }
        }
        Ok(Value::Nil)
    }

    fn eval_for(&mut self, node: &'a nodes::For) -> Outcome {
        let iteratee = self.eval(&node.iteratee)?;
        let result = self.each(&iteratee, &mut |this, item| {
            this.assign(&node.iterator, item)?;
            match this.eval_maybe(node.body.as_deref()) {
                Err(stop) if matches!(stop.why, Why::Next) => Ok(()),
                result => result.map(|_| ()),
            }
        });
        match result {
            Ok(()) => Ok(iteratee),
            Err(stop) => match stop.why {
                Why::Break => Ok(self.left_with()),
                _ => Err(stop),
            },
        }
    }

    fn leave(&mut self, args: &'a [Node], why: Why) -> Outcome {
        let mut values = self.eval_list(args)?;
        let value =
            if values.len() > 1 { Value::list(values) } else { values.pop().unwrap_or(Value::Nil) };
        self.left_with = value;
        Err(Stop::new(why))
    }

    fn eval_rescue(&mut self, node: &'a nodes::Rescue) -> Outcome {
        let (scopes, depth) = (self.scopes.len(), self.depth);
        let stop = match self.eval_maybe(node.body.as_deref()) {
            Ok(value) => {
                return match node.else_.as_deref() {
                    Some(otherwise) => self.eval(otherwise),
                    None => Ok(value),
                };
            }
            Err(stop) => stop,
        };
        debug_assert_eq!((scopes, depth), (self.scopes.len(), self.depth), "left as entered");
        let Why::Raise(raised) = &stop.why else { return Err(stop) };
        for body in &node.rescue_bodies {
            let Node::RescueBody(body) = body else { return refuse("`rescue`") };
            if self.rescues(body, raised)? {
                if let Some(variable) = body.exc_var.as_deref() {
                    self.assign(variable, Value::Error(raised.clone().into()))?;
                }
                return self.eval_maybe(body.body.as_deref());
            }
        }
        Err(stop)
    }

    fn rescues(&mut self, body: &'a nodes::RescueBody, raised: &Raised) -> Outcome<bool> {
        let Some(classes) = body.exc_list.as_deref() else {
            return Ok(inherits(&raised.class, "StandardError"));
        };
        let Node::Array(classes) = classes else { return refuse("`rescue`") };
        for class in self.eval_list(&classes.elements)? {
            let Value::Class(class) = class else { return refuse("`rescue`") };
            if inherits(&raised.class, class) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
