//! Calls: receiver, arguments and block are evaluated here, and the method is found elsewhere.

use std::rc::Rc;

use lib_ruby_parser::{Loc, Node};

use crate::evaluate::call::Call;
use crate::evaluate::names;
use crate::given::rendered::Mark;
use crate::parse::program::BUFFER;
use crate::values::flow::{Why, raise, refuse};
use crate::values::regex::Pattern;
use crate::values::value::{Outcome, Value};

use super::{Block, Evaluator, place};

/// The parts of a call, whatever its form.
struct Parts<'a> {
    receiver: Option<&'a Node>,
    method: &'a str,
    args: &'a [Node],
    /// `a&.b`: nil has every method, and they all give nil.
    nil_safe: bool,
    /// `x`, which may be a variable that only exists when the code has run.
    bare_word: bool,
}

fn parts(node: &Node) -> Option<Parts<'_>> {
    let bare = |begin: &Option<Loc>| begin.is_none();
    Some(match node {
        Node::Send(send) => Parts {
            receiver: send.recv.as_deref(),
            method: &send.method_name,
            args: &send.args,
            nil_safe: false,
            bare_word: send.recv.is_none() && send.args.is_empty() && bare(&send.begin_l),
        },
        Node::CSend(send) => Parts {
            receiver: Some(&send.recv),
            method: &send.method_name,
            args: &send.args,
            nil_safe: true,
            bare_word: false,
        },
        Node::Index(index) => Parts {
            receiver: Some(&index.recv),
            method: "[]",
            args: &index.indexes,
            nil_safe: false,
            bare_word: false,
        },
        _ => return None,
    })
}

impl<'a> Evaluator<'a> {
    /// `call { block }`
    pub(super) fn eval_block_call(&mut self, node: &'a Node) -> Outcome {
        let (call, block) = match node {
            Node::Block(it) => {
                let (params, body) = (it.args.as_deref(), it.body.as_deref());
                (&*it.call, Block::Code { params, numbered: 0, body })
            }
            Node::Numblock(it) => {
                let body = Some(&*it.body);
                (&*it.call, Block::Code { params: None, numbered: it.numargs, body })
            }
            other => return self.eval_literal(other),
        };
        match call {
            Node::Lambda(_) => refuse("a lambda"),
            call => self.eval_send(call, Some(Rc::new(block))),
        }
    }

    /// A call, with the block that is written behind it.
    pub(super) fn eval_send(&mut self, node: &'a Node, block: Option<Rc<Block<'a>>>) -> Outcome {
        let Some(parts) = parts(node) else { return self.eval_literal(node) };
        let receiver = match parts.receiver {
            Some(receiver) => Some(self.eval(receiver)?),
            None => None,
        };
        if parts.nil_safe && receiver.as_ref().is_some_and(Value::is_nil) {
            return Ok(Value::Nil);
        }
        let (args, passed) = self.eval_args(parts.args)?;
        let block = block.or(passed);
        let call = Call { name: parts.method, args: &args, block: block.as_ref() };
        self.at = place(node);
        let result = match &receiver {
            Some(receiver) => {
                self.mark_output(node, &parts, receiver)?;
                self.call_on(receiver, &call, &parts)
            }
            None if parts.bare_word && block.is_none() => self.bare_word(parts.method),
            None => self.function(&call),
        };
        match result {
            Err(stop) if block.is_some() => match stop.why {
                Why::Break => Ok(self.left_with()),
                _ => Err(stop),
            },
            result => result,
        }
    }

    fn call_on(&mut self, receiver: &Value, call: &Call<'_, 'a>, parts: &Parts<'a>) -> Outcome {
        // `self.puts` may call functions; no other receiver has them.
        if matches!(parts.receiver, Some(Node::Self_(_))) {
            return self.function(call);
        }
        let result = self.call(receiver, call)?;
        if call.name == "=~"
            && let (Some(Node::Regexp(_)), Value::Pattern(pattern)) = (parts.receiver, receiver)
        {
            self.assign_named_groups(parts.receiver, pattern)?;
        }
        Ok(result)
    }

    /// `/(?<name>...)/ =~ text` sets local variables; the parser has not seen their names.
    fn assign_named_groups(&mut self, regexp: Option<&'a Node>, pattern: &Pattern) -> Outcome<()> {
        let Some(Node::Regexp(regexp)) = regexp else { return Ok(()) };
        let [Node::Str(_)] = regexp.parts.as_slice() else { return Ok(()) };
        for name in pattern.names() {
            let found = self.last_match.as_ref();
            let group = found.and_then(|found| found.group(found.index_of(name.as_bytes())?));
            self.budget.make_objects(1, name.len() + group.map_or(0, <[u8]>::len))?;
            let value = group.map_or(Value::Nil, Value::str);
            self.named_groups.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn bare_word(&mut self, name: &'a str) -> Outcome {
        if let Some(value) = self.named_groups.get(name) {
            return Ok(value.clone());
        }
        if !names::is_function(name) && !names::is_method("Object", name) {
            // `x?` and `x!` can only be methods.
            if name.ends_with(['?', '!']) {
                return raise("NoMethodError", format!("undefined method `{name}' for main"));
            }
            let message = format!("undefined local variable or method `{name}'");
            return raise("NameError", message);
        }
        self.function(&Call::new(name, &[]))
    }

    /// The arguments of a call, and the block in `&block`.
    fn eval_args(&mut self, nodes: &'a [Node]) -> Outcome<(Vec<Value>, Option<Rc<Block<'a>>>)> {
        let Some((Node::BlockPass(pass), nodes)) = nodes.split_last() else {
            return Ok((self.eval_list(nodes)?, None));
        };
        let args = self.eval_list(nodes)?;
        let block = match pass.value.as_deref() {
            Some(value) => match self.eval(value)? {
                Value::Symbol(name) => {
                    Some(Rc::new(Block::Method(crate::values::text::lossy(&name))))
                }
                Value::Nil => None,
                other => return refuse(format!("`&` of {}", other.described())),
            },
            None => return refuse("an anonymous block"),
        };
        Ok((args, block))
    }

    /// Remembers where in the body the text or value comes from that is appended now.
    fn mark_output(&mut self, node: &'a Node, parts: &Parts<'a>, receiver: &Value) -> Outcome<()> {
        let is_buffer = matches!(parts.receiver, Some(Node::Lvar(name)) if name.name == BUFFER);
        let (true, "<<", Value::Str(buffer)) = (is_buffer, parts.method, receiver) else {
            return Ok(());
        };
        let text = matches!(parts.args, [Node::Send(send)]
            if send.method_name == "freeze" && matches!(send.recv.as_deref(), Some(Node::Str(_))));
        let offset = buffer.borrow().len();
        // A template that empties the buffer starts again.
        let kept = self.body_marks.partition_point(|mark| mark.offset <= offset);
        self.body_marks.truncate(kept);
        self.budget.take(2 * size_of::<Mark>())?;
        let line = self.program.line_at(node.expression().begin);
        self.body_marks.push(Mark { offset, line, text });
        Ok(())
    }
}
