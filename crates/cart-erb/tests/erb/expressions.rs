//! Every line of `tests/expressions`: an expression, and what it gives (`!` and a class for an
//! exception). Checked here without Ruby, and the lines themselves against Ruby.

use std::fmt::Write;

use cart_erb::{Context, RealFiles, render};

use crate::support::{real_erb, run, small_environment, tests_folder, write};

struct Expression {
    /// `FILE:LINE`
    place: String,
    code: String,
    result: String,
}

fn expressions() -> Vec<Expression> {
    let mut all = Vec::new();
    let folder = std::fs::read_dir(tests_folder().join("expressions")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        for (index, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            let place = format!("{}:{}", file.file_name().unwrap().display(), index + 1);
            let (code, result) = line.rsplit_once("  #=> ").expect(&place);
            all.push(Expression { place, code: code.to_owned(), result: result.to_owned() });
        }
    }
    assert!(all.len() > 1_000, "the expressions are there");
    all
}

/// A tag that prints the result; a block gives it variables of its own.
fn tag(code: &str) -> String {
    format!(
        "<%= [0].map {{ begin; ({code}).inspect; rescue => e; \"!#{{e.class}}\"; end }}.first %>"
    )
}

#[test]
fn expressions_give_what_is_written_down() {
    let context = Context::new(small_environment(), RealFiles);
    let mut differences = String::new();
    for Expression { place, code, result } in expressions() {
        let given = match render(tag(&code).as_bytes(), "t", &context) {
            Ok(rendered) => String::from_utf8_lossy(&rendered.bytes).into_owned(),
            Err(error) => error.to_string(),
        };
        if given != result {
            let _ = writeln!(differences, "{place}: {code} gives {given}, not {result}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn what_is_written_down_is_what_a_real_erb_gives() {
    let expressions = expressions();
    let folder = tempfile::tempdir().unwrap();
    let template: String =
        expressions.iter().map(|expression| tag(&expression.code) + "\0\n").collect();
    let path = folder.path().join("all.erb");
    write(&path, &template);
    let output = run(&real_erb(), &["all.erb"], folder.path(), &small_environment());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let given: Vec<&str> = text.split("\0\n").collect();
    let mut differences = String::new();
    for (Expression { place, code, result }, given) in expressions.iter().zip(given) {
        if given != result {
            let _ = writeln!(differences, "{place}: {code} gives {given}, not {result}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
