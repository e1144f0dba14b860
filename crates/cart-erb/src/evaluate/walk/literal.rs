//! Values that are written down in the program.

use std::rc::Rc;

use lib_ruby_parser::{Node, nodes};

use crate::evaluate::names;
use crate::values::conversion::pairs_of;
use crate::values::flow::{argument_error, raise, refuse};
use crate::values::inspect;
use crate::values::limits::ITEM;
use crate::values::number;
use crate::values::pattern::Options;
use crate::values::regex::{Match, Pattern};
use crate::values::value::{Outcome, Pairs, Span, Value};

use super::Evaluator;

impl<'a> Evaluator<'a> {
    /// Literals and constants; anything that no other function knows is refused here, by name.
    pub(super) fn eval_literal(&mut self, node: &'a Node) -> Outcome {
        match node {
            Node::Str(str) => {
                self.budget.make_objects(1, str.value.raw.len())?;
                Ok(Value::str(str.value.raw.as_slice()))
            }
            Node::Sym(sym) => {
                self.budget.make(sym.name.raw.len())?;
                Ok(Value::symbol(&sym.name.raw))
            }
            Node::Dstr(dstr) => self.interpolate(&dstr.parts).map(Value::str),
            Node::Dsym(dsym) => self.interpolate(&dsym.parts).map(|name| Value::symbol(&name)),
            Node::Int(int) => integer(&int.value),
            Node::Float(float) => Ok(Value::Float(number::to_f(float.value.as_bytes()))),
            Node::Array(array) => {
                let items = self.eval_list(&array.elements)?;
                self.budget.make_objects(1, items.len() * ITEM)?;
                Ok(Value::list(items))
            }
            Node::Hash(hash) => self.eval_pairs(&hash.pairs),
            Node::Kwargs(kwargs) => self.eval_pairs(&kwargs.pairs),
            Node::Irange(range) => self.range(range.left.as_deref(), range.right.as_deref(), false),
            Node::Erange(range) => self.range(range.left.as_deref(), range.right.as_deref(), true),
            Node::Regexp(regexp) => self.regexp(regexp).map(Value::Pattern),
            Node::NthRef(reference) => self.nth_match(reference.name.parse().ok()),
            Node::BackRef(reference) => self.back_reference(&reference.name),
            Node::Const(constant) => self.constant(constant),
            Node::Line(line) => Ok(Value::count(self.program.line_at(line.expression_l.begin))),
            Node::File(_) => self.part(self.name.as_bytes()),
            _ => refuse(construct(node)),
        }
    }

    /// The text of a string with `#{}` in it.
    pub(super) fn interpolate(&mut self, parts: &'a [Node]) -> Outcome<Vec<u8>> {
        let mut text = Vec::new();
        for part in parts {
            match part {
                Node::Str(str) => self.append(&mut text, &str.value.raw)?,
                Node::Dstr(dstr) => {
                    let part = self.deeper(|this| this.interpolate(&dstr.parts))?;
                    self.append(&mut text, &part)?;
                }
                _ => {
                    let value = self.eval(part)?;
                    let part = inspect::to_s(&value, &self.budget)?;
                    self.append(&mut text, &part)?;
                }
            }
        }
        self.budget.make_objects(1, 0)?;
        Ok(text)
    }

    /// Appends to a string that is being made.
    fn append(&self, text: &mut Vec<u8>, part: &[u8]) -> Outcome<()> {
        self.budget.string(text.len() + part.len())?;
        // A vector that grows has up to twice the room.
        self.budget.make(2 * part.len())?;
        text.extend_from_slice(part);
        Ok(())
    }

    /// The elements of an array or of a list of arguments, splats included.
    pub(super) fn eval_list(&mut self, elements: &'a [Node]) -> Outcome<Vec<Value>> {
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            match element {
                Node::Splat(splat) => {
                    let value = self.eval_maybe(splat.value.as_deref())?;
                    values.extend(self.splat(&value)?);
                }
                _ => values.push(self.eval(element)?),
            }
        }
        Ok(values)
    }

    /// The values that `*value` stands for.
    pub(crate) fn splat(&mut self, value: &Value) -> Outcome<Vec<Value>> {
        match value {
            Value::List(list) => {
                let items = list.0.borrow();
                self.budget.make(items.len() * ITEM)?;
                Ok(items.clone())
            }
            Value::Nil => Ok(Vec::new()),
            Value::Map(_) | Value::Span(_) | Value::Env | Value::Enumerator(_) => self.items(value),
            other => Ok(vec![other.clone()]),
        }
    }

    fn eval_pairs(&mut self, nodes: &'a [Node]) -> Outcome {
        let mut pairs = Pairs::default();
        for node in nodes {
            match node {
                Node::Pair(pair) => {
                    let key = self.eval(&pair.key)?;
                    let value = self.eval(&pair.value)?;
                    pairs.set(key, value, &self.budget)?;
                }
                Node::Kwsplat(splat) => {
                    let more = self.eval(&splat.value)?;
                    for (key, value) in pairs_of(&more)?.pairs {
                        pairs.set(key, value, &self.budget)?;
                    }
                }
                _ => return refuse(construct(node)),
            }
        }
        self.budget.make_objects(1, 0)?;
        Ok(Value::map(pairs))
    }

    fn range(
        &mut self,
        first: Option<&'a Node>,
        last: Option<&'a Node>,
        exclusive: bool,
    ) -> Outcome {
        let first = self.eval_maybe(first)?;
        let last = self.eval_maybe(last)?;
        let allowed = |value: &Value| {
            matches!(value, Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Nil)
        };
        if !first.is_nil() && !last.is_nil() && first.compare(&last, &self.budget).is_none() {
            return argument_error("bad value for range");
        }
        if !allowed(&first) || !allowed(&last) {
            return refuse(format!("a range of {}", first.class()));
        }
        self.budget.make_objects(1, 0)?;
        Ok(Value::Span(Rc::new(Span { first, last, exclusive })))
    }

    /// A regular expression. One that is put in another keeps its options there.
    pub(super) fn regexp(&mut self, node: &'a nodes::Regexp) -> Outcome<Rc<Pattern>> {
        let source = self.interpolate(&node.parts)?;
        let options = regexp_options(node.options.as_deref())?;
        self.pattern(source, options)
    }

    /// A compiled regular expression; each is compiled once.
    pub(crate) fn pattern(&mut self, source: Vec<u8>, options: Options) -> Outcome<Rc<Pattern>> {
        self.budget.read(source.len())?;
        let key = (source, options);
        if let Some(known) = self.patterns.get(&key) {
            return Ok(known.clone());
        }
        let pattern = Rc::new(Pattern::new(&key.0, options, &self.budget)?);
        self.patterns.insert(key, pattern.clone());
        Ok(pattern)
    }

    /// The first match of a regular expression at or after an offset.
    pub(crate) fn find(
        &self,
        pattern: &Rc<Pattern>,
        hay: &Rc<Vec<u8>>,
        from: usize,
    ) -> Outcome<Option<Match>> {
        pattern.find(hay, from, &self.budget)
    }

    /// `$1` and its like.
    fn nth_match(&self, index: Option<usize>) -> Outcome {
        let group = self.last_match.as_ref().and_then(|found| found.group(index?));
        group.map_or(Ok(Value::Nil), |group| self.part(group))
    }

    /// A part of a string as a string of its own.
    fn part(&self, bytes: &[u8]) -> Outcome {
        self.budget.make_objects(1, bytes.len())?;
        Ok(Value::str(bytes))
    }

    fn back_reference(&self, name: &str) -> Outcome {
        let Some(found) = &self.last_match else { return Ok(Value::Nil) };
        match name {
            "$&" => self.part(found.whole()),
            "$`" => self.part(found.before()),
            "$'" => self.part(found.after()),
            "$+" => self.nth_match((1..found.len()).rev().find(|at| found.group(*at).is_some())),
            _ => refuse(format!("the global variable `{name}`")),
        }
    }

    fn constant(&mut self, node: &'a nodes::Const) -> Outcome {
        let scope = match node.scope.as_deref() {
            None | Some(Node::Cbase(_)) => None,
            Some(scope) => Some(self.eval(scope)?),
        };
        let name = node.name.as_str();
        let Some(scope) = scope else {
            if name == "ENV" {
                return Ok(Value::Env);
            }
            return match names::class(name) {
                Some(class) => Ok(Value::Class(class)),
                None if names::is_constant(name) => refuse(format!("`{name}`")),
                None => raise("NameError", format!("uninitialized constant {name}")),
            };
        };
        match (&scope, name) {
            (Value::Class("File"), "SEPARATOR" | "Separator") => Ok(Value::frozen("/")),
            (Value::Class("File"), "PATH_SEPARATOR") => Ok(Value::frozen(":")),
            (Value::Class("File"), "ALT_SEPARATOR") => Ok(Value::Nil),
            (Value::Class("Float"), "INFINITY") => Ok(Value::Float(f64::INFINITY)),
            (Value::Class("Float"), "NAN") => Ok(Value::Float(f64::NAN)),
            (Value::Class("Float"), "EPSILON") => Ok(Value::Float(f64::EPSILON)),
            (Value::Class("Float"), "MAX") => Ok(Value::Float(f64::MAX)),
            (Value::Class("Float"), "MIN") => Ok(Value::Float(f64::MIN_POSITIVE)),
            (Value::Class(_), _) => refuse(format!("`{}::{name}`", scope.described())),
            _ => raise("TypeError", format!("{} is not a class/module", scope.described())),
        }
    }
}

/// The options behind a regular expression's last slash.
fn regexp_options(node: Option<&Node>) -> Outcome<Options> {
    let mut options = Options::default();
    let letters = match node {
        Some(Node::RegOpt(letters)) => letters.options.as_deref().unwrap_or_default(),
        _ => "",
    };
    for letter in letters.chars() {
        match letter {
            'i' => options.ignore_case = true,
            'm' => options.multi_line = true,
            'x' => options.extended = true,
            'o' | 'u' => {}
            _ => return refuse(format!("the regular expression option `{letter}`")),
        }
    }
    Ok(options)
}

fn integer(digits: &str) -> Outcome {
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits),
    };
    match number::strict_int(digits.as_bytes(), None)? {
        Some(int) => Ok(Value::Int(if negative { -int } else { int })),
        None => refuse(format!("the number `{digits}`")),
    }
}

/// What to call a node that is not evaluated.
fn construct(node: &Node) -> String {
    match node {
        Node::Xstr(_) | Node::XHeredoc(_) => "backticks",
        Node::Heredoc(_) => "a heredoc",
        Node::Def(_) | Node::Defs(_) => "`def`",
        Node::Class(_) | Node::SClass(_) => "`class`",
        Node::Module(_) => "`module`",
        Node::Lambda(_) => "a lambda",
        Node::Ivar(_) | Node::Ivasgn(_) => "an instance variable",
        Node::Cvar(_) | Node::Cvasgn(_) => "a class variable",
        Node::Casgn(_) => "assigning to a constant",
        Node::IFlipFlop(_) | Node::EFlipFlop(_) => "a flip-flop",
        Node::MatchCurrentLine(_) => "a regular expression as a condition",
        Node::CaseMatch(_) | Node::MatchPattern(_) | Node::MatchPatternP(_) => "pattern matching",
        Node::Rational(_) | Node::Complex(_) => "a rational or complex number",
        Node::Encoding(_) => "`__ENCODING__`",
        Node::Alias(_) | Node::Undef(_) => "`alias` or `undef`",
        Node::Preexe(_) | Node::Postexe(_) => "`BEGIN` or `END`",
        other => return format!("`{}`", other.str_type()),
    }
    .to_owned()
}
