//! Local and global variables.
//!
//! Without methods and procs the scopes that are open are exactly those that Ruby would look in, so
//! they are a stack: a block opens one for each of its calls.

use std::collections::HashMap;

use crate::values::flow::refuse;
use crate::values::value::{Outcome, Value};

use super::Evaluator;

/// The variables of the template, or of one call of a block.
#[derive(Default)]
pub(super) struct Scope<'a> {
    names: HashMap<&'a str, Value>,
}

impl<'a> Evaluator<'a> {
    /// A local variable, or `None` if nothing was assigned to it yet.
    pub(super) fn local(&self, name: &str) -> Option<Value> {
        self.scopes.iter().rev().find_map(|scope| scope.names.get(name)).cloned()
    }

    /// Assigns to a local variable where it is known, else makes one in the innermost scope.
    pub(super) fn set_local(&mut self, name: &'a str, value: Value) {
        match self.scopes.iter_mut().rev().find_map(|scope| scope.names.get_mut(name)) {
            Some(variable) => *variable = value,
            None => self.define_local(name, value),
        }
    }

    /// Makes a variable of the innermost scope, such as a block's parameter.
    pub(super) fn define_local(&mut self, name: &'a str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.insert(name, value);
        }
    }

    /// Runs `inside` with a scope of its own.
    pub(super) fn in_scope<T>(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        self.scopes.push(Scope::default());
        let result = inside(self);
        self.scopes.pop();
        result
    }

    /// Reads a global variable. One that nobody set is nil, and so is `$SAFE`.
    pub(super) fn eval_global(&mut self, name: &str) -> Outcome {
        match name {
            "$~" => Ok(self.last_match.clone().map_or(Value::Nil, Value::Match)),
            _ if is_special(name) => refuse(format!("the global variable `{name}`")),
            _ => Ok(self.globals.get(name).cloned().unwrap_or(Value::Nil)),
        }
    }

    pub(super) fn set_global(&mut self, name: &'a str, value: Value) -> Outcome<()> {
        if name == "$~" || is_special(name) {
            return refuse(format!("assigning to the global variable `{name}`"));
        }
        self.globals.insert(name, value);
        Ok(())
    }
}

/// Variables with a meaning of their own in Ruby.
fn is_special(name: &str) -> bool {
    let word = matches!(
        name,
        "$stdout"
            | "$stderr"
            | "$stdin"
            | "$LOAD_PATH"
            | "$LOADED_FEATURES"
            | "$PROGRAM_NAME"
            | "$FILENAME"
            | "$DEBUG"
            | "$VERBOSE"
            | "$KCODE"
            | "$-w"
            | "$-v"
            | "$-0"
            | "$-I"
    );
    let sigil = name.len() == 2 && !name.ends_with(|char: char| char.is_ascii_alphabetic());
    word || (sigil && name != "$_")
}
