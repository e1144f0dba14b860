//! What a name of a file stands for, as far as the code says it: followed through the repository.

use std::cell::Cell;

use camino::{Utf8Path, Utf8PathBuf};

use super::facts::{Binding, Class, Facts, Function, Value};
use super::known::{self, Maker};
use super::modules;
use super::reader::Reader;
use crate::variables::interface::Interface;

/// How far a name is followed.
const DEEPEST: u32 = 12;

/// How many values are looked at for one name.
const MOST: u32 = 2000;

/// An app, as far as the code says what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct App {
    /// For people, behind "the app is x,": `an instance of FastAPI`.
    pub(crate) what: String,
    /// The framework, if it is of one that is known.
    pub(crate) framework: Option<&'static str>,
    /// `None` where that is not certain.
    pub(crate) interface: Option<Interface>,
    /// The file and line that makes it: two names for the same are one app.
    pub(crate) origin: (Utf8PathBuf, usize),
    /// Whether something stands around what `origin` made.
    pub(crate) is_wrapped: bool,
}

impl App {
    /// One of which no more is known.
    pub(crate) fn new(what: impl Into<String>, origin: (Utf8PathBuf, usize)) -> Self {
        Self { what: what.into(), framework: None, interface: None, origin, is_wrapped: false }
    }

    /// One that `maker` makes.
    pub(crate) fn by(maker: Maker, what: String, origin: (Utf8PathBuf, usize)) -> Self {
        let Maker { framework, interface } = maker;
        Self { framework: Some(framework), interface, ..Self::new(what, origin) }
    }
}

/// Names that an app has as a rule, the usual ones first.
pub(crate) const USUAL_NAMES: &[&str] = &["application", "app"];

/// Names by which something unknown around an app is taken for the app.
const NAMES: &[&str] = &["application", "app", "wsgi", "asgi", "wsgi_app", "asgi_app"];

/// Follows names.
pub(crate) struct Sight<'r> {
    pub(crate) reader: &'r Reader<'r>,
    /// The variable that names another app for a second server.
    pub(crate) beside: Option<&'r str>,
    steps: Cell<u32>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a Utf8Path,
    /// The folder that the file's modules are imported from, relative to the repository.
    root: &'a Utf8Path,
    facts: &'a Facts,
    binding: &'a Binding,
    /// Which binding of the file it is.
    index: usize,
    depth: u32,
}

impl<'r> Sight<'r> {
    pub(crate) fn new(reader: &'r Reader<'r>, beside: Option<&'r str>) -> Self {
        Self { reader, beside, steps: Cell::new(0) }
    }

    /// The app that `name` of a file is.
    pub(crate) fn of(&self, file: &Utf8Path, root: &Utf8Path, name: &str) -> Option<App> {
        self.steps.set(0);
        self.named(file, root, name, usize::MAX, 0)
    }

    /// The app that a function answers, or that instances of a class are.
    pub(crate) fn made_by(&self, file: &Utf8Path, root: &Utf8Path, name: &str) -> Option<App> {
        self.steps.set(0);
        let facts = self.reader.facts(file);
        let binding = facts.last(name)?;
        let place = Place { file, root, facts: &facts, binding, index: usize::MAX, depth: 0 };
        self.instance(&format!(":{name}"), &[], place)
    }

    /// The function that `name` of a file is, with where it stands.
    pub(crate) fn function(
        &self,
        file: &Utf8Path,
        root: &Utf8Path,
        name: &str,
    ) -> Option<(Function, Utf8PathBuf, usize)> {
        self.steps.set(0);
        match self.definition(file, root, &format!(":{name}"), 0)? {
            (Value::Function(function), file, line) => Some((function, file, line)),
            _ => None,
        }
    }

    /// What is bound before the binding `before`; the last that is an app, because branches may
    /// bind it several times.
    fn named(
        &self,
        file: &Utf8Path,
        root: &Utf8Path,
        name: &str,
        before: usize,
        depth: u32,
    ) -> Option<App> {
        if !self.may_go_on(depth) {
            return None;
        }
        let facts = self.reader.facts(file);
        let bound = facts.bindings.iter().enumerate().take(before).rev();
        for (index, binding) in bound.filter(|(_, b)| !b.guarded && b.name == name) {
            let place = Place { file, root, facts: &facts, binding, index, depth: depth + 1 };
            if let Some(app) = self.value(&binding.value, place) {
                return Some(app);
            }
            if let Some(annotation) = &binding.annotation
                && let Some(maker) = known::maker(annotation)
            {
                return Some(made(maker, annotation, place));
            }
        }
        if facts.binds(name) {
            return None;
        }
        facts.stars.iter().find_map(|module| {
            let (file, name) = self.target(file, root, &format!("{module}.{name}"))?;
            self.named(&file, root, &name, usize::MAX, depth + 1)
        })
    }

    fn value(&self, value: &Value, place: Place<'_>) -> Option<App> {
        if !self.may_go_on(place.depth) {
            return None;
        }
        let place = Place { depth: place.depth + 1, ..place };
        match value {
            Value::Call { of, given } => self.called(of, given, place),
            Value::Name { of } => self.dotted(of, place),
            Value::Either { of } => of.iter().find_map(|value| self.value(value, place)),
            Value::Function(function) => {
                let interface = by_parameters(function, 0, &place.binding.name)?;
                Some(shaped(interface, "function", place))
            }
            Value::Class(class) => {
                let init = class.init.as_ref().filter(|_| class.iterates)?;
                let interface = by_parameters(init, 1, &place.binding.name)?;
                Some(shaped(interface, "class", place))
            }
            Value::Text { .. } | Value::Literal | Value::Other => None,
        }
    }

    fn called(&self, of: &str, given: &[Value], place: Place<'_>) -> Option<App> {
        let whole = self.expanded(of, place);
        if let Some(interface) = known::wrapper(&whole)
            && let Some(inner) = given.iter().find_map(|value| self.value(value, place))
        {
            return Some(wrapped(inner, interface, &whole));
        }
        let maker = known::maker(&whole)
            .or_else(|| known::attribute(&whole))
            .or_else(|| by_star(&whole, place));
        if let Some(maker) = maker {
            return Some(made(maker, &whole, place));
        }
        if let Some(app) = self.instance(&whole, given, place) {
            return Some(app);
        }
        if known::held_by(&whole).is_some() {
            return None;
        }
        // What is made of an app and bound to its name is a wrapper of it.
        let again = |value: &Value| matches!(value, Value::Name { of } if of.strip_prefix(':') == Some(&place.binding.name));
        let fits = NAMES.contains(&place.binding.name.as_str()) || given.iter().any(again);
        let mut inner = given.iter().take(2).filter_map(|value| self.value(value, place));
        fits.then(|| inner.next()).flatten().map(|inner| wrapped(inner, None, &whole))
    }

    /// The app that a call of a function or class of the repository makes.
    fn instance(&self, of: &str, given: &[Value], place: Place<'_>) -> Option<App> {
        if !self.may_go_on(place.depth) {
            return None;
        }
        let (value, file, _) = self.definition(place.file, place.root, of, place.depth)?;
        let name = last(of);
        let facts = self.reader.facts(&file);
        let depth = place.depth + 1;
        let there = Place { file: &file, facts: &facts, index: usize::MAX, depth, ..place };
        Some(match &value {
            Value::Function(function) => {
                let app = function.returns.iter().find_map(|value| self.value(value, there))?;
                let what = match app.framework {
                    None if place.binding.name != name => {
                        format!("{}, made by {name}()", app.what)
                    }
                    _ => app.what,
                };
                // Each call makes another one, unless the function only hands one out.
                let origin = match app.origin.0 == file && app.origin.1 == place.binding.line {
                    true => here(place),
                    false => app.origin,
                };
                App { what, origin, ..app }
            }
            Value::Class(class) => {
                let inner = given.iter().take(2).find_map(|value| self.value(value, place));
                let itself = self.instance_of(class, name, there, 0)?;
                let itself = App { origin: here(place), ..itself };
                match inner {
                    Some(inner) if itself.framework.is_none() => {
                        App { interface: itself.interface, ..wrapped(inner, None, name) }
                    }
                    _ => itself,
                }
            }
            _ => return None,
        })
    }

    fn instance_of(&self, class: &Class, name: &str, place: Place<'_>, depth: u32) -> Option<App> {
        if !self.may_go_on(depth) {
            return None;
        }
        for base in &class.bases {
            if let Some(maker) = known::maker(base) {
                return Some(made(maker, base, place));
            }
            let there = self.definition(place.file, place.root, base, place.depth);
            if let Some((Value::Class(class), file, _)) = there {
                let facts = self.reader.facts(&file);
                let there = Place { file: &file, facts: &facts, ..place };
                if let Some(app) = self.instance_of(&class, name, there, depth + 1) {
                    return Some(app);
                }
            }
        }
        let interface = by_parameters(class.call.as_ref()?, 1, "application")?;
        let what = format!("an instance of {name}, which is called as {interface}");
        Some(App { interface: Some(interface), ..App::new(what, here(place)) })
    }

    fn dotted(&self, of: &str, place: Place<'_>) -> Option<App> {
        let own = of.strip_prefix(':').map(|name| name.split_once('.').unwrap_or((name, "")));
        match own {
            Some((name, "" | "wsgi_app" | "asgi_app")) if !name.contains('(') => {
                let before = if name == place.binding.name { place.index } else { usize::MAX };
                self.named(place.file, place.root, name, before, place.depth)
            }
            _ => {
                let whole = self.expanded(of, place);
                let maker = || known::maker(&whole).or_else(|| by_star(&whole, place));
                if let Some(maker) = whole.contains("()").then(maker).flatten() {
                    return Some(made(maker, &whole, place));
                }
                let whole = whole.strip_suffix(".wsgi_app").unwrap_or(&whole);
                let (file, name) = self.target(place.file, place.root, whole)?;
                self.named(&file, place.root, &name, usize::MAX, place.depth)
            }
        }
    }

    /// `:app.server` where `app = Dash()`: `dash.Dash().server`.
    fn expanded(&self, of: &str, place: Place<'_>) -> String {
        let mut of = of.to_owned();
        for _ in 0..3 {
            let Some((name, rest)) = of.strip_prefix(':').and_then(|own| own.split_once('.'))
            else {
                break;
            };
            of = match place.facts.last(name).map(|binding| &binding.value) {
                Some(Value::Call { of: made, .. }) => format!("{made}().{rest}"),
                Some(Value::Name { of: other }) => format!("{other}.{rest}"),
                _ => break,
            };
        }
        of
    }

    /// The function or class that a dotted name is, in the repository, with where it stands.
    fn definition(
        &self,
        file: &Utf8Path,
        root: &Utf8Path,
        of: &str,
        depth: u32,
    ) -> Option<(Value, Utf8PathBuf, usize)> {
        if !self.may_go_on(depth) || of.contains('(') {
            return None;
        }
        let (file, name) = self.target(file, root, of)?;
        let facts = self.reader.facts(&file);
        let Some(binding) = facts.last(&name) else {
            let mut stars = facts.stars.iter();
            return stars.find_map(|module| {
                self.definition(&file, root, &format!("{module}.{name}"), depth + 1)
            });
        };
        match &binding.value {
            Value::Name { of } => self.definition(&file, root, of, depth + 1),
            Value::Function(_) | Value::Class(_) => {
                Some((binding.value.clone(), file, binding.line))
            }
            _ => None,
        }
    }

    /// The file of the repository that a dotted name leads to, and the name in it.
    fn target(&self, file: &Utf8Path, root: &Utf8Path, of: &str) -> Option<(Utf8PathBuf, String)> {
        if let Some(name) = of.strip_prefix(':') {
            return (!name.contains('.')).then(|| (file.to_owned(), name.to_owned()));
        }
        modules::target(self.reader, file, root, of)
    }

    fn may_go_on(&self, depth: u32) -> bool {
        self.steps.set(self.steps.get() + 1);
        depth < DEEPEST && self.steps.get() < MOST
    }
}

/// What makes the app, where its name comes from a module of which all names are imported.
fn by_star(of: &str, place: Place<'_>) -> Option<Maker> {
    let name = of.strip_prefix(':')?;
    place.facts.stars.iter().find_map(|module| known::maker(&format!("{module}.{name}")))
}

/// How a function is called as an app, by its parameters; `own` of them are `self`.
fn by_parameters(function: &Function, own: usize, name: &str) -> Option<Interface> {
    if function.decorators.iter().any(|decorator| known::makes_wsgi(decorator)) {
        return Some(Interface::Wsgi);
    }
    let names: Vec<_> = function.names.iter().skip(own).map(String::as_str).collect();
    if function.named > 0 || function.required.checked_sub(own)? > names.len() {
        return None;
    }
    match names[..] {
        [scope, receive, send] => {
            let usual = scope == "scope" || (receive == "receive" && send == "send");
            (function.coroutine || usual).then_some(Interface::Asgi)
        }
        [environ, start] if !function.coroutine => {
            let usual = environ.starts_with("env") || start.starts_with("start");
            (usual || name == "application").then_some(Interface::Wsgi)
        }
        _ => None,
    }
}

/// Something of the repository that is called so, by its shape.
fn shaped(interface: Interface, kind: &str, place: Place<'_>) -> App {
    let article = if interface == Interface::Asgi { "an" } else { "a" };
    let what = format!("{article} {interface} {kind}");
    App { interface: Some(interface), ..App::new(what, here(place)) }
}

fn here(place: Place<'_>) -> (Utf8PathBuf, usize) {
    (place.file.to_owned(), place.binding.line)
}

fn made(maker: Maker, dotted: &str, place: Place<'_>) -> App {
    let name = last(dotted);
    let is_class = name.starts_with(char::is_uppercase) && !dotted.ends_with(']');
    let what = match is_class && name == maker.framework {
        true => format!("an instance of {name}"),
        false if is_class => {
            let s = if maker.framework.ends_with('s') { "" } else { "s" };
            format!("an instance of {}'{s} {name}", maker.framework)
        }
        false => format!("an app of {}", maker.framework),
    };
    App::by(maker, what, here(place))
}

fn wrapped(inner: App, interface: Option<Interface>, by: &str) -> App {
    App {
        what: format!("{} in {}", inner.what, last(by)),
        interface: interface.or(inner.interface),
        is_wrapped: true,
        ..inner
    }
}

/// The last word of a dotted name.
fn last(dotted: &str) -> &str {
    let name = dotted.trim_end_matches("()");
    name.rsplit(['.', ':']).next().unwrap_or(name)
}
