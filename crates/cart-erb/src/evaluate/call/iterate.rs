//! Going over the items of a value, one by one.

use std::rc::Rc;

use crate::evaluate::walk::{Block, Evaluator};
use crate::values::flow::{raise, refuse, type_error};
use crate::values::limits::ITEM;
use crate::values::value::{Outcome, Span, Value};

use super::Call;
use super::plain::string;

/// What is done with each item.
pub(crate) type Visit<'v, 'a> = &'v mut dyn FnMut(&mut Evaluator<'a>, Value) -> Outcome<()>;

impl<'a> Evaluator<'a> {
    /// Visits the items of an array, hash, range, enumerator or `ENV`.
    pub(crate) fn each(&mut self, value: &Value, visit: Visit<'_, 'a>) -> Outcome<()> {
        match value {
            Value::List(list) => {
                let mut index = 0;
                loop {
                    let item = list.0.borrow().get(index).cloned();
                    let Some(item) = item else { return Ok(()) };
                    index += 1;
                    self.charge(1)?;
                    visit(self, item)?;
                }
            }
            Value::Map(map) => {
                let _copies = self.budget.hold(2 * map.0.borrow().pairs.len() * ITEM)?;
                let pairs = map.0.borrow().pairs.clone();
                for (key, value) in pairs {
                    self.budget.make_objects(1, 2 * ITEM)?;
                    visit(self, Value::pair(key, value))?;
                }
                Ok(())
            }
            Value::Env => {
                for (name, value) in self.env.clone() {
                    let pair = super::world::env::pair(self, &name, &value)?;
                    visit(self, pair)?;
                }
                Ok(())
            }
            Value::Span(span) => self.each_in_span(span, visit),
            Value::Enumerator(_) => {
                for item in self.items(value)? {
                    visit(self, item)?;
                }
                Ok(())
            }
            other => {
                raise("NoMethodError", format!("undefined method `each' for {}", other.described()))
            }
        }
    }

    fn each_in_span(&mut self, span: &Span, visit: Visit<'_, 'a>) -> Outcome<()> {
        match (&span.first, &span.last) {
            (Value::Int(first), last) => {
                let last = match last {
                    Value::Int(last) => *last,
                    Value::Float(last) if last.is_infinite() && *last > 0.0 => i64::MAX,
                    Value::Float(last) => crate::values::number::float_to_int(last.floor())?,
                    Value::Nil => i64::MAX,
                    _ => return type_error("can't iterate"),
                };
                let exclusive = span.exclusive && span.last.equals(&Value::Int(last), &self.budget);
                let mut next = *first;
                while next < last || (next == last && !exclusive) {
                    self.charge(1)?;
                    visit(self, Value::Int(next))?;
                    next = match next.checked_add(1) {
                        Some(next) => next,
                        None => return crate::values::number::too_big(),
                    };
                }
                Ok(())
            }
            (Value::Str(first), Value::Str(last)) => {
                let (first, last) = (first.bytes(), last.bytes());
                for text in string::upto(self, &first, &last, span.exclusive)? {
                    visit(self, text)?;
                }
                Ok(())
            }
            (Value::Str(_), _) => refuse("an endless range of strings"),
            (first, _) => type_error(format!("can't iterate from {}", first.class())),
        }
    }

    /// The items of a value, all at once.
    pub(crate) fn items(&mut self, value: &Value) -> Outcome<Vec<Value>> {
        if let Value::Enumerator(waiting) = value {
            let block = Rc::new(Block::Collect(Default::default()));
            let call = Call { name: &waiting.method, args: &waiting.args, block: Some(&block) };
            self.call(&waiting.receiver, &call)?;
            let Block::Collect(items) = &*block else { return Ok(Vec::new()) };
            return Ok(items.take());
        }
        let mut items = Vec::new();
        self.each(value, &mut |this, item| {
            // A vector that grows has up to twice the room.
            this.budget.make(2 * ITEM)?;
            items.push(item);
            Ok(())
        })?;
        Ok(items)
    }
}
