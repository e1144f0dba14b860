//! Comparing values: `==`, `eql?`, `equal?` and `<=>`.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::values::limits::{BYTES_PER_STEP, Budget, DEEPEST_VALUE, ITEMS_PER_STEP};
use crate::values::value::Value;

impl Value {
    /// `==`
    pub(crate) fn equals(&self, other: &Value, budget: &Budget) -> bool {
        self.same(other, 0, true, budget)
    }

    /// `eql?`: as `==`, but `1` is not `1.0`. What hashes compare keys with.
    pub(crate) fn eql(&self, other: &Value, budget: &Budget) -> bool {
        self.same(other, 0, false, budget)
    }

    /// Takes the steps of what it looks at. Without any left the answer is false, whatever is true:
    /// nobody will get to see it.
    pub(crate) fn same(&self, other: &Value, depth: usize, loose: bool, budget: &Budget) -> bool {
        if depth > DEEPEST_VALUE {
            return false;
        }
        match (self, other) {
            (Value::Nil, Value::Nil) | (Value::Env, Value::Env) | (Value::Main, Value::Main) => {
                true
            }
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) if loose => {
                self.compare(other, budget) == Some(Ordering::Equal)
            }
            (Value::Str(a), Value::Str(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                a.len() == b.len() && budget.spend(a.len() / BYTES_PER_STEP) && *a == *b
            }
            (Value::Symbol(a), Value::Symbol(b)) => {
                a.len() == b.len() && budget.spend(a.len() / BYTES_PER_STEP) && a == b
            }
            (Value::Class(a), Value::Class(b)) => a == b,
            (Value::Pattern(a), Value::Pattern(b)) => {
                budget.spend(a.source().len() / BYTES_PER_STEP) && a == b
            }
            (Value::Span(a), Value::Span(b)) => {
                a.exclusive == b.exclusive
                    && a.first.same(&b.first, depth + 1, loose, budget)
                    && a.last.same(&b.last, depth + 1, loose, budget)
            }
            // As in Ruby, what is in an array does not matter where it is the same array.
            (Value::List(a), Value::List(b)) if Rc::ptr_eq(a, b) => true,
            (Value::Map(a), Value::Map(b)) if Rc::ptr_eq(a, b) => true,
            (Value::List(a), Value::List(b)) => {
                let (a, b) = (a.0.borrow(), b.0.borrow());
                a.len() == b.len()
                    && budget.spend(1 + a.len() / ITEMS_PER_STEP)
                    && a.iter().zip(b.iter()).all(|(a, b)| a.same(b, depth + 1, loose, budget))
            }
            (Value::Map(a), Value::Map(b)) => {
                let (a, b) = (a.0.borrow(), b.0.borrow());
                let in_b = |key: &Value, value: &Value| {
                    b.find(key, depth + 1, budget)
                        .is_some_and(|at| value.same(&b.pairs[at].1, depth + 1, loose, budget))
                };
                a.pairs.len() == b.pairs.len()
                    && budget.spend(1 + a.pairs.len())
                    && a.pairs.iter().all(|(key, value)| in_b(key, value))
            }
            (Value::Match(a), Value::Match(b)) => Rc::ptr_eq(a, b),
            (Value::Enumerator(a), Value::Enumerator(b)) => Rc::ptr_eq(a, b),
            (Value::Error(a), Value::Error(b)) => {
                budget.spend(a.message.len() / BYTES_PER_STEP) && a == b
            }
            _ => false,
        }
    }

    /// `equal?`: the same object.
    pub(crate) fn identical(&self, other: &Value, budget: &Budget) -> bool {
        match (self, other) {
            (Value::Str(a), Value::Str(b)) => Rc::ptr_eq(a, b),
            (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b),
            (Value::Map(a), Value::Map(b)) => Rc::ptr_eq(a, b),
            (Value::Span(a), Value::Span(b)) => Rc::ptr_eq(a, b),
            (Value::Pattern(a), Value::Pattern(b)) => Rc::ptr_eq(a, b),
            _ => self.eql(other, budget),
        }
    }

    /// `<=>`, where the two can be compared.
    pub(crate) fn compare(&self, other: &Value, budget: &Budget) -> Option<Ordering> {
        self.ordering(other, 0, budget)
    }

    fn ordering(&self, other: &Value, depth: usize, budget: &Budget) -> Option<Ordering> {
        let enough = |bytes: usize| budget.spend(bytes / BYTES_PER_STEP);
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Float(b)) => crate::values::number::compare(*a, *b),
            (Value::Float(a), Value::Int(b)) => {
                crate::values::number::compare(*b, *a).map(Ordering::reverse)
            }
            (Value::Str(a), Value::Str(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                enough(a.len().min(b.len())).then(|| a.cmp(&b))
            }
            (Value::Symbol(a), Value::Symbol(b)) => enough(a.len().min(b.len())).then(|| a.cmp(b)),
            (Value::List(a), Value::List(b)) if Rc::ptr_eq(a, b) => Some(Ordering::Equal),
            (Value::List(a), Value::List(b)) if depth < DEEPEST_VALUE => {
                let (a, b) = (a.0.borrow(), b.0.borrow());
                for (a, b) in a.iter().zip(b.iter()) {
                    if !budget.spend(1) {
                        return None;
                    }
                    match a.ordering(b, depth + 1, budget)? {
                        Ordering::Equal => {}
                        unequal => return Some(unequal),
                    }
                }
                Some(a.len().cmp(&b.len()))
            }
            _ => self.equals(other, budget).then_some(Ordering::Equal),
        }
    }
}
