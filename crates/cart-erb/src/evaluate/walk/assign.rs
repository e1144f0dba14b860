//! Assignments: plain, multiple and compound.

use lib_ruby_parser::{Node, nodes};

use crate::evaluate::call::Call;
use crate::values::flow::refuse;
use crate::values::limits::ITEM;
use crate::values::value::{Outcome, Value};

use super::Evaluator;

/// What a compound assignment reads and writes; its receiver and indexes are evaluated once.
enum Target<'a> {
    Local(&'a str),
    Global(&'a str),
    Index(Value, Vec<Value>),
}

impl<'a> Evaluator<'a> {
    pub(super) fn eval_assignment(&mut self, node: &'a Node) -> Outcome {
        match node {
            Node::Lvasgn(asgn) => self.assign_one(node, asgn.value.as_deref()),
            Node::Gvasgn(asgn) => self.assign_one(node, asgn.value.as_deref()),
            Node::IndexAsgn(asgn) => self.assign_one(node, asgn.value.as_deref()),
            Node::Masgn(asgn) => self.assign_many(asgn),
            Node::OpAsgn(asgn) => {
                let target = self.target(&asgn.recv)?;
                let current = self.read(&target)?;
                let value = self.eval(&asgn.value)?;
                let args = [value];
                self.at = asgn.operator_l.begin;
                let value = self.call(&current, &Call::new(&asgn.operator, &args))?;
                self.write_target(target, value)
            }
            Node::OrAsgn(asgn) => self.assign_unless(&asgn.recv, &asgn.value, Value::truthy),
            Node::AndAsgn(asgn) => {
                self.assign_unless(&asgn.recv, &asgn.value, |current| !current.truthy())
            }
            _ => self.eval_control(node),
        }
    }

    fn assign_one(&mut self, target: &'a Node, value: Option<&'a Node>) -> Outcome {
        let place = super::place(target);
        let target = self.target(target)?;
        let value = self.eval_maybe(value)?;
        self.at = place;
        self.write_target(target, value)
    }

    fn assign_many(&mut self, asgn: &'a nodes::Masgn) -> Outcome {
        let value = self.eval(&asgn.rhs)?;
        let values = self.spread(value.clone())?;
        match &*asgn.lhs {
            Node::Mlhs(mlhs) => self.assign_each(&mlhs.items, values)?,
            target => self.assign(target, value.clone())?,
        }
        Ok(value)
    }

    /// Assigns a list of values to a list of targets, of which one may be a splat.
    pub(super) fn assign_each(
        &mut self,
        targets: &'a [Node],
        mut values: Vec<Value>,
    ) -> Outcome<()> {
        let is_splat = |node: &Node| matches!(node, Node::Splat(_) | Node::Restarg(_));
        let Some(splat) = targets.iter().position(is_splat) else {
            let mut values = values.into_iter();
            for target in targets {
                self.assign(target, values.next().unwrap_or(Value::Nil))?;
            }
            return Ok(());
        };
        let after = targets.len() - splat - 1;
        let end = values.len().saturating_sub(after).max(splat);
        values.resize(values.len().max(end + after), Value::Nil);
        self.budget.make_objects(1, (end - splat) * ITEM)?;
        let rest = values[splat..end].to_vec();
        for (target, value) in targets[..splat].iter().zip(&values) {
            self.assign(target, value.clone())?;
        }
        self.assign(&targets[splat], Value::list(rest))?;
        for (target, value) in targets[splat + 1..].iter().zip(&values[end..]) {
            self.assign(target, value.clone())?;
        }
        Ok(())
    }

    /// Assigns a value to a variable, a parameter, an element, or a list of these.
    pub(super) fn assign(&mut self, target: &'a Node, value: Value) -> Outcome<()> {
        match target {
            Node::Lvasgn(_) | Node::Gvasgn(_) | Node::IndexAsgn(_) => {
                let target = self.target(target)?;
                self.write_target(target, value)?;
            }
            Node::Arg(arg) => self.define_local(&arg.name, value),
            Node::Restarg(rest) => {
                if let Some(name) = &rest.name {
                    self.define_local(name, value);
                }
            }
            Node::Splat(splat) => {
                if let Some(target) = splat.value.as_deref() {
                    self.assign(target, value)?;
                }
            }
            Node::Procarg0(procarg) => self.assign_procarg(&procarg.args, value)?,
            Node::Mlhs(mlhs) => {
                let values = self.spread(value)?;
                self.assign_each(&mlhs.items, values)?;
            }
            _ => return refuse(format!("assigning to `{}`", target.str_type())),
        }
        Ok(())
    }

    fn assign_procarg(&mut self, args: &'a [Node], value: Value) -> Outcome<()> {
        if let [Node::Arg(arg)] = args {
            self.define_local(&arg.name, value);
            return Ok(());
        }
        let values = self.spread(value)?;
        self.assign_each(args, values)
    }

    /// The values that a list of targets gets of one value.
    pub(super) fn spread(&mut self, value: Value) -> Outcome<Vec<Value>> {
        match &value {
            Value::List(_) => self.splat(&value),
            _ => Ok(vec![value]),
        }
    }

    fn assign_unless(
        &mut self,
        target: &'a Node,
        value: &'a Node,
        keep: impl Fn(&Value) -> bool,
    ) -> Outcome {
        let target = self.target(target)?;
        let current = self.read(&target)?;
        if keep(&current) {
            return Ok(current);
        }
        let value = self.eval(value)?;
        self.write_target(target, value)
    }

    fn target(&mut self, node: &'a Node) -> Outcome<Target<'a>> {
        match node {
            Node::Lvasgn(asgn) => Ok(Target::Local(&asgn.name)),
            Node::Gvasgn(asgn) => Ok(Target::Global(&asgn.name)),
            Node::IndexAsgn(asgn) => {
                let receiver = self.eval(&asgn.recv)?;
                Ok(Target::Index(receiver, self.eval_list(&asgn.indexes)?))
            }
            Node::Ivasgn(_) => refuse("an instance variable"),
            _ => refuse(format!("assigning to `{}`", node.str_type())),
        }
    }

    fn read(&mut self, target: &Target<'a>) -> Outcome {
        match target {
            Target::Local(name) => Ok(self.local(name).unwrap_or(Value::Nil)),
            Target::Global(name) => self.eval_global(name),
            Target::Index(receiver, indexes) => self.call(receiver, &Call::new("[]", indexes)),
        }
    }

    fn write_target(&mut self, target: Target<'a>, value: Value) -> Outcome {
        match target {
            Target::Local(name) => self.set_local(name, value.clone()),
            Target::Global(name) => self.set_global(name, value.clone())?,
            Target::Index(receiver, mut indexes) => {
                indexes.push(value.clone());
                self.call(&receiver, &Call::new("[]=", &indexes))?;
            }
        }
        Ok(value)
    }
}
