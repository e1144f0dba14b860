//! Every limit of this crate, and the account that a rendering keeps.
//!
//! **Parsing** is bounded by the size of what is parsed, and by counts of what the parser handles in
//! quadratic time or memory: a megabyte of plain tags takes it a second and 200 MB, and no template
//! much more than three times that. Deep nesting needs no limit before parsing: the parser gets a
//! stack that is proportional to the code.
//!
//! **Rendering** is bounded by one account, the [`Budget`], which is asked before the work is done:
//!
//! - A *step* is a node of the program, a call, [`BYTES_PER_STEP`] bytes or [`ITEMS_PER_STEP`] items
//!   touched. [`MOST_STEPS`] take some seconds.
//! - *Memory* is every byte of every string, array, hash and compiled regular expression that the
//!   template makes, whether it is dropped later or not, and the copies that a call works on, for as
//!   long as it runs. What was made is never subtracted: that needs no bookkeeping in values, can
//!   only be too strict, and a megabyte of tags makes less than a fifth of
//!   [`MOST_MEMORY`].
//!
//! Unit tests, which run unoptimised, and fuzzing reach smaller limits.

use std::cell::Cell;
use std::rc::Rc;

use crate::values::flow::{Outcome, limit};

const SMALL: bool = cfg!(any(test, fuzzing));

/// The most bytes of a template, text included.
pub(crate) const MOST_TEMPLATE: usize = 16 * 1024 * 1024;
/// The most bytes of tags in a template: code and comments with their marks, text not counted.
pub(crate) const MOST_TAGS: usize = 1024 * 1024;
/// The most pairs of hashes and keyword arguments in the code of a template. The parser compares
/// each with each, and remembers those that are alike.
pub(crate) const MOST_PAIRS: usize = 1_000;
/// The most clauses (`when`, `in`, `rescue`) in the code of a template. The parser copies them all
/// for each.
pub(crate) const MOST_CLAUSES: usize = 5_000;
/// The most blocks times names in the code of a template. The parser copies all variables for each
/// block.
pub(crate) const MOST_BLOCK_NAMES: usize = 2_000_000;
/// The most carriage returns without a newline in the code of a template. The parser takes them for
/// names that grow.
pub(crate) const MOST_RETURNS: usize = 100;
/// How deeply a parsed program may nest. Evaluation has its own, smaller limit.
pub(crate) const DEEPEST_TREE: usize = 1_000;

/// The most steps of a rendering.
pub(crate) const MOST_STEPS: u64 = if SMALL { 200_000 } else { 10_000_000 };
/// Bytes that are read, compared or copied in one step.
pub(crate) const BYTES_PER_STEP: usize = 16;
/// Items of an array or a hash that are looked at, compared or copied in one step.
pub(crate) const ITEMS_PER_STEP: usize = 8;
/// The most bytes that a rendering makes.
pub(crate) const MOST_MEMORY: u64 = if SMALL { 8 } else { 128 } * 1024 * 1024;
/// The most bytes of one string, and of the output.
pub(crate) const LONGEST_STRING: usize = if SMALL { 1 } else { 16 } * 1024 * 1024;
/// The most items of an array that is made by a number.
pub(crate) const LONGEST_LIST: usize = 1_000_000;
/// The most characters of a set for `tr` and its like, ranges spelt out.
pub(crate) const MOST_CHARS: usize = 10_000;
/// The widest field of a format, in characters.
pub(crate) const WIDEST_FIELD: usize = 1_000_000;
/// How deeply evaluation may nest, in nodes and calls. A test checks that this fits the stack of a
/// test's thread.
pub(crate) const DEEPEST: usize = 200;
/// How deeply values may be nested where they are compared, printed or flattened.
pub(crate) const DEEPEST_VALUE: usize = 100;
/// The most bytes of a regular expression.
pub(crate) const LONGEST_PATTERN: usize = 16 * 1024;
/// How deeply the character classes of a regular expression may nest.
pub(crate) const DEEPEST_CLASS: usize = 50;

/// Bytes of a string, array, hash or other object without its content, as allocated.
pub(crate) const OBJECT: usize = 80;
/// Bytes of a value in an array.
pub(crate) const ITEM: usize = 24;

/// What a rendering has used of its steps and its memory.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    steps: Cell<u64>,
    /// Bytes made, and those of copies that are held.
    bytes: Cell<u64>,
}

/// Bytes of copies, which count until this is dropped.
pub(crate) struct Held {
    budget: Rc<Budget>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = &self.budget.bytes;
        bytes.set(bytes.get().saturating_sub(self.bytes));
    }
}

impl Budget {
    /// Takes steps; false when there are no more. What cannot be stopped by an error may go on with
    /// anything then: whoever asks next is refused.
    pub(crate) fn spend(&self, steps: usize) -> bool {
        self.steps.set(self.steps.get().saturating_add(steps as u64));
        self.steps.get() <= MOST_STEPS
    }

    /// Takes steps.
    pub(crate) fn charge(&self, steps: usize) -> Outcome<()> {
        if self.spend(steps) {
            return Ok(());
        }
        limit(format!(
            "rendering takes more than {MOST_STEPS} steps (one is an expression, a call, or \
             {BYTES_PER_STEP} bytes touched); loop less, or over less"
        ))
    }

    /// Gives steps back that were taken for work that turned out to be less.
    pub(crate) fn refund(&self, steps: usize) {
        self.steps.set(self.steps.get().saturating_sub(steps as u64));
    }

    /// Takes the steps of reading this many bytes.
    pub(crate) fn read(&self, bytes: usize) -> Outcome<()> {
        self.charge(bytes / BYTES_PER_STEP)
    }

    /// Makes sure that this many bytes could be made, before they are.
    pub(crate) fn afford(&self, bytes: usize) -> Outcome<()> {
        if self.bytes.get().saturating_add(bytes as u64) > MOST_MEMORY {
            return limit(format!(
                "rendering makes more than {MOST_MEMORY} bytes of strings, arrays and hashes \
                 (dropped ones are counted, too); make fewer or smaller ones"
            ));
        }
        self.charge(0)
    }

    /// Takes memory.
    pub(crate) fn take(&self, bytes: usize) -> Outcome<()> {
        self.afford(bytes)?;
        self.bytes.set(self.bytes.get().saturating_add(bytes as u64));
        Ok(())
    }

    /// Takes the memory of this many bytes that are about to be made, and the steps to fill them.
    pub(crate) fn make(&self, bytes: usize) -> Outcome<()> {
        self.take(bytes)?;
        self.read(bytes)
    }

    /// Takes the memory of this many objects with this many bytes of content in all, a step for
    /// each, and the steps to fill them.
    pub(crate) fn make_objects(&self, count: usize, bytes: usize) -> Outcome<()> {
        self.take(count.saturating_mul(OBJECT + ITEM))?;
        self.charge(count)?;
        self.make(bytes)
    }

    /// Takes the memory of a copy for as long as the result lives, and the steps to make it.
    pub(crate) fn hold(self: &Rc<Self>, bytes: usize) -> Outcome<Held> {
        self.make(bytes)?;
        Ok(Held { budget: self.clone(), bytes: bytes as u64 })
    }

    /// Makes sure that a string or an output may have this many bytes, before it has.
    pub(crate) fn string(&self, bytes: usize) -> Outcome<()> {
        check_string(bytes)?;
        self.afford(bytes)
    }
}

/// Refuses a string or an output of so many bytes.
pub(crate) fn check_string(bytes: usize) -> Outcome<()> {
    if bytes > LONGEST_STRING {
        return limit(format!("a string longer than {LONGEST_STRING} bytes; make several of it"));
    }
    Ok(())
}

/// Refuses an array of more items than a number may ask for.
pub(crate) fn check_list(items: usize) -> Outcome<()> {
    if items > LONGEST_LIST {
        return limit(format!("an array of more than {LONGEST_LIST} items; make several of it"));
    }
    Ok(())
}
