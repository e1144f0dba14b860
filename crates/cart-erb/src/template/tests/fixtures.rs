//! Every template and every line of `tests/fixtures`, and what a real Ruby has said of it
//! (`cargo xtask erb`).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::evaluate::names::tests::{Calls, evaluated};
use crate::{Context, ErbError, ErbErrorKind, RealFiles, Rendered, render};

/// All files of the fixtures, sorted.
fn files() -> Vec<PathBuf> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")];
    let mut files = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    files.into_iter().collect()
}

fn with_extension(extension: &str) -> Vec<PathBuf> {
    files().into_iter().filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

fn named(name: &str) -> String {
    let path = files().into_iter().find(|path| path.ends_with(name)).unwrap();
    std::fs::read_to_string(path).unwrap()
}

fn context() -> Context {
    let text = named("environment");
    let pairs = text.lines().map(|line| line.split_once('=').unwrap());
    Context::new(pairs.map(|(name, value)| (name, value.replace("\\n", "\n"))), RealFiles)
}

fn rendered(path: &Path) -> Result<Rendered, ErbError> {
    let name = path.file_name().unwrap().to_str().unwrap();
    render(&std::fs::read(path).unwrap(), name, &context())
}

/// What is wrong with how a template was rendered.
fn difference(path: &Path) -> Option<String> {
    let result = rendered(path);
    let Ok(output) = std::fs::read(path.with_extension("out")) else {
        let said = std::fs::read_to_string(path.with_extension("err")).unwrap();
        return match result {
            Ok(_) => Some(format!("rendered, for {said}")),
            Err(error) => (!is_same(&error, &said)).then(|| format!("{error} for {said}")),
        };
    };
    let text = String::from_utf8_lossy(&output);
    match result {
        Ok(rendered) if rendered.bytes == output => None,
        Ok(rendered) => {
            let given = String::from_utf8_lossy(&rendered.bytes).into_owned();
            let unlike = given.lines().zip(text.lines()).find(|(given, wanted)| given != wanted);
            Some(unlike.map_or(given.clone(), |(given, wanted)| format!("{given} for {wanted}")))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// True if an error has the line and the class of Ruby's.
fn is_same(error: &ErbError, said: &str) -> bool {
    let class = match &error.kind {
        ErbErrorKind::Syntax { .. } => "SyntaxError",
        ErbErrorKind::Raised { class, .. } => class,
        _ => return false,
    };
    let place = format!("{}:{}:", error.file, error.line);
    said.starts_with(&place) && said.trim_end().ends_with(&format!("({class})"))
}

#[test]
fn templates_give_what_a_real_ruby_gives() {
    let templates = with_extension("erb");
    assert!(templates.len() > 100, "the templates are there");
    let differences: Vec<String> = templates
        .iter()
        .filter_map(|path| Some(format!("{}: {}", path.display(), difference(path)?)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// `FILE:LINE`, code and result of every expression.
fn expressions() -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for file in with_extension("txt") {
        for (index, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            let place = format!("{}:{}", file.display(), index + 1);
            let (code, result) = line.split_once("  #=> ").expect(&place);
            all.push((place, code.to_owned(), result.to_owned()));
        }
    }
    assert!(all.len() > 1_000, "the expressions are there");
    all
}

/// What an expression gives, as the lines have it: `!` and a class is an exception.
fn result(tag: &str, code: &str, context: &Context) -> String {
    match render(tag.trim_end().replace("CODE", code).as_bytes(), "t", context) {
        Ok(rendered) => String::from_utf8_lossy(&rendered.bytes).into_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn expressions_give_what_a_real_ruby_gives() {
    let (tag, context) = (named("expression"), context());
    let mut differences = String::new();
    for (place, code, wanted) in expressions() {
        let given = result(&tag, &code, &context);
        if given != wanted {
            let _ = writeln!(differences, "{place}: {code} gives {given}, not {wanted}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn each_template_has_one_thing_that_is_expected_and_nothing_is_expected_of_none() {
    for path in files() {
        let is = |extension| path.with_extension(extension).is_file();
        let whole = match path.extension().and_then(|extension| extension.to_str()) {
            Some("erb") => is("out") != is("err"),
            Some("out" | "err") => is("erb"),
            Some("txt") => !std::fs::read_to_string(&path).unwrap().is_empty(),
            _ => path.ends_with("fixtures/environment") || path.ends_with("fixtures/expression"),
        };
        assert!(whole, "{}: `cargo xtask erb` makes what is expected", path.display());
    }
}

#[test]
fn each_method_is_shown() {
    let (tag, context, calls) = (named("expression"), context(), Calls::new());
    for path in with_extension("erb") {
        let _ = rendered(&path);
    }
    for (_, code, _) in expressions() {
        result(&tag, &code, &context);
    }
    let shown = calls.made();
    let missing: Vec<String> = evaluated()
        .filter(|(class, name)| !shown.contains(&(class.to_string(), name.to_string())))
        .map(|(class, name)| format!("{class}#{name}"))
        .collect();
    assert!(missing.is_empty(), "no line of tests/fixtures shows {}", missing.join(" "));
}
