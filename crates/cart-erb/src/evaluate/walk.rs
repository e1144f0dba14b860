//! Walks a program's tree.

use std::collections::HashMap;
use std::rc::Rc;

use lib_ruby_parser::Node;

use crate::Context;
use crate::given::context::FileTests;
use crate::given::error::ErbError;
use crate::given::rendered::{Mark, Rendered};
use crate::parse::program::Program;
use crate::values::flow::limit;
use crate::values::inspect;
use crate::values::limits::{Budget, DEEPEST};
use crate::values::pattern::Options;
use crate::values::regex::{Match, Pattern};
use crate::values::value::{Outcome, Value};

mod assign;
pub(crate) mod block;
mod control;
mod defined;
pub(crate) mod literal;
mod scope;
mod send;
mod yielding;

pub(crate) use block::Block;

/// Renders a program.
pub(crate) fn render(
    program: &Program,
    name: &str,
    context: &Context,
) -> Result<Rendered, ErbError> {
    let mut evaluator = Evaluator::new(program, name, context);
    evaluator.render().map_err(|stop| ErbError {
        file: name.to_owned(),
        line: program.line_at(stop.at.unwrap_or(0)),
        kind: stop.into_kind(),
    })
}

/// A variable of the environment: name and value.
type Variable = (Rc<[u8]>, Rc<[u8]>);

/// The state of a rendering.
pub(crate) struct Evaluator<'a> {
    program: &'a Program,
    name: &'a str,
    pub(crate) files: &'a dyn FileTests,
    /// The environment as this template sees it: it may change its own copy.
    pub(crate) env: Vec<Variable>,
    scopes: Vec<scope::Scope<'a>>,
    globals: HashMap<&'a str, Value>,
    /// The local variables that the groups of a regular expression became.
    named_groups: HashMap<String, Value>,
    /// What a `break` or a `next` on its way leaves a block or a loop with.
    left_with: Value,
    /// `$~`
    pub(crate) last_match: Option<Rc<Match>>,
    /// The regular expressions so far: each is compiled once, wherever it stands.
    pub(crate) patterns: HashMap<(Vec<u8>, Options), Rc<Pattern>>,
    /// What `puts` and `print` wrote.
    written: Output,
    /// Where the pieces of the body begin; the body itself is a variable of the program.
    body_marks: Vec<Mark>,
    pub(crate) budget: Rc<Budget>,
    depth: usize,
    /// The place of the call that is being made.
    at: usize,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

impl<'a> Evaluator<'a> {
    fn new(program: &'a Program, name: &'a str, context: &'a Context) -> Evaluator<'a> {
        let shared = |bytes: &Vec<u8>| Rc::<[u8]>::from(bytes.as_slice());
        Evaluator {
            program,
            name,
            files: context.files(),
            env: context.env().iter().map(|(name, value)| (shared(name), shared(value))).collect(),
            scopes: vec![scope::Scope::default()],
            globals: HashMap::new(),
            named_groups: HashMap::new(),
            left_with: Value::Nil,
            last_match: None,
            patterns: HashMap::new(),
            written: Output::default(),
            body_marks: Vec::new(),
            budget: Rc::default(),
            depth: 0,
            at: 0,
        }
    }

    fn render(&mut self) -> Outcome<Rendered> {
        let Some(tree) = self.program.tree() else { return Ok(Rendered::default()) };
        let body = self.eval(tree)?;
        let body = inspect::to_s(&body, &self.budget)?;
        let Output { mut bytes, mut marks } = std::mem::take(&mut self.written);
        let before = bytes.len();
        self.budget.string(before + body.len())?;
        bytes.extend_from_slice(&body);
        marks.extend(
            self.body_marks.iter().map(|mark| Mark { offset: before + mark.offset, ..*mark }),
        );
        Ok(Rendered::new(bytes, marks))
    }

    /// What the block or the loop is left with that a `break` or a `next` has come to.
    fn left_with(&mut self) -> Value {
        std::mem::replace(&mut self.left_with, Value::Nil)
    }

    /// Evaluates a node. What stops it is located at the innermost node.
    pub(crate) fn eval(&mut self, node: &'a Node) -> Outcome {
        self.deeper(|this| this.eval_node(node)).map_err(|stop| stop.located(place(node)))
    }

    /// Takes a step, one level deeper.
    pub(crate) fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.charge(1)?;
        if self.depth == DEEPEST {
            return limit(format!(
                "expressions and calls nested more than {DEEPEST} levels deep; take them apart"
            ));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    /// Evaluates a node that may be missing; that is nil.
    fn eval_maybe(&mut self, node: Option<&'a Node>) -> Outcome {
        node.map_or(Ok(Value::Nil), |node| self.eval(node))
    }

    /// Evaluates statements; the last one's value counts.
    fn eval_all(&mut self, statements: &'a [Node]) -> Outcome {
        let mut value = Value::Nil;
        for statement in statements {
            value = self.eval(statement)?;
        }
        Ok(value)
    }

    fn eval_node(&mut self, node: &'a Node) -> Outcome {
        match node {
            Node::Begin(begin) => self.eval_all(&begin.statements),
            Node::KwBegin(begin) => self.eval_all(&begin.statements),
            Node::Nil(_) | Node::EmptyElse(_) => Ok(Value::Nil),
            Node::True(_) => Ok(Value::Bool(true)),
            Node::False(_) => Ok(Value::Bool(false)),
            Node::Self_(_) => Ok(Value::Main),
            Node::Send(_) | Node::CSend(_) | Node::Index(_) => self.eval_send(node, None),
            Node::Block(_) | Node::Numblock(_) => self.eval_block_call(node),
            Node::Lvar(lvar) => Ok(self.local(&lvar.name).unwrap_or(Value::Nil)),
            Node::Gvar(gvar) => self.eval_global(&gvar.name),
            Node::Defined(defined) => self.eval_defined(&defined.value),
            _ => self.eval_assignment(node),
        }
    }

    /// Takes steps off the budget.
    pub(crate) fn charge(&self, steps: usize) -> Outcome<()> {
        self.budget.charge(steps)
    }

    /// Appends to what comes before the body.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        let offset = self.written.bytes.len();
        self.budget.string(offset + bytes.len())?;
        // A vector that grows has up to twice the room.
        self.budget.make(2 * bytes.len())?;
        self.budget.take(2 * size_of::<Mark>())?;
        self.written.marks.push(Mark { offset, line: self.line(), text: false });
        self.written.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The template's line of the call that is being made.
    pub(crate) fn line(&self) -> usize {
        self.program.line_at(self.at)
    }
}

/// Where Ruby says a node is: a call at its method's name, an index at its receiver.
fn place(node: &Node) -> usize {
    match node {
        Node::Send(send) => send.selector_l.unwrap_or(send.expression_l).begin,
        Node::CSend(send) => send.selector_l.unwrap_or(send.expression_l).begin,
        Node::Index(index) => place(&index.recv),
        Node::IndexAsgn(index) => place(&index.recv),
        Node::Block(block) => place(&block.call),
        Node::Numblock(block) => place(&block.call),
        other => other.expression().begin,
    }
}
