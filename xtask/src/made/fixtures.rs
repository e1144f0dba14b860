//! What the templates of cart-erb's tests give, made by a real Ruby and committed, so that the tests need
//! none.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::programs::{self, ProgramError};
use cart_core::run::{self, Output, RunError};
use cart_core::{CommandSpec, GearEnv};

use crate::say::say;
use crate::workspace::Workspace;

/// How long `erb` may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes all of it anew, or, with `check`, only says what differs from what is there; that is an error.
///
/// Beside a template `x.erb` stands `x.out`, which is what `erb x.erb` prints, or `x.err`, the line in
/// which it complains. In an `x.txt` each line is `code  #=> result`.
pub(crate) fn made_anew(workspace: &Workspace, check: bool) -> Result<(), FixturesError> {
    let folder = workspace.root.join("crates/cart-erb/tests/fixtures");
    let erb = Erb {
        program: programs::find("erb", &workspace.env, &[])?,
        env: environment(&text(&folder.join("environment"))?),
    };
    let mut made = BTreeMap::new();
    let mut lines: Vec<(Utf8PathBuf, String)> = Vec::new();
    let mut there = Vec::new();
    for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
        let entry = entry.map_err(|e| FileError::new("read", &folder, e.into()))?;
        let Ok(path) = Utf8PathBuf::try_from(entry.into_path()) else { continue };
        match path.extension() {
            Some("erb") => {
                let (extension, content) = expected(&path, &erb.render(&path)?);
                made.insert(path.with_extension(extension), content);
            }
            Some("txt") => {
                let code = |line: &str| line.split("  #=> ").next().unwrap_or(line).to_owned();
                lines.extend(text(&path)?.lines().map(|line| (path.clone(), code(line))));
            }
            Some("out" | "err") => there.push(path),
            _ => {}
        }
    }
    let expression = text(&folder.join("expression"))?;
    let tag = |code: &str| expression.trim_end().replace("CODE", code) + "\0\n";
    let all = workspace.target.join("expressions.erb");
    let template: String = lines.iter().map(|(_, code)| tag(code)).collect();
    files::write_atomic(&all, template.as_bytes(), 0o644)?;
    let output = erb.render(&all)?;
    if !output.status.success() {
        return Err(FixturesError::Expressions(output.stderr_text()));
    }
    let results = String::from_utf8_lossy(&output.stdout).into_owned();
    for ((path, code), result) in lines.into_iter().zip(results.split("\0\n")) {
        if result.contains('\n') {
            return Err(FixturesError::Prints(code));
        }
        let file: &mut Vec<u8> = made.entry(path).or_default();
        file.extend_from_slice(format!("{code}  #=> {result}\n").as_bytes());
    }
    let stale = there.into_iter().filter(|path| !made.contains_key(path)).collect::<Vec<_>>();
    let mut different = 0;
    for (path, content) in &made {
        if files::read(path).is_ok_and(|old| old == *content) {
            continue;
        }
        different += 1;
        say(&format!("{} {}", if check { "differs:" } else { "made" }, workspace.shown(path)));
        if !check {
            files::write_atomic(path, content, 0o644)?;
        }
    }
    for path in &stale {
        different += 1;
        say(&format!(
            "{} {}",
            if check { "of nothing:" } else { "removed" },
            workspace.shown(path)
        ));
        if !check {
            files::remove_if_exists(path)?;
        }
    }
    if check && different > 0 {
        return Err(FixturesError::Different(different));
    }
    say(&format!("{} files say what a real erb gives, {different} did not", made.len()));
    Ok(())
}

fn text(path: &Utf8Path) -> Result<String, FileError> {
    Ok(String::from_utf8_lossy(&files::read(path)?).into_owned())
}

/// `NAME=value` in each line; `\n` is a newline.
fn environment(text: &str) -> GearEnv {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name, value.replace("\\n", "\n"))).collect()
}

struct Erb {
    program: Utf8PathBuf,
    env: GearEnv,
}

impl Erb {
    fn render(&self, path: &Utf8Path) -> Result<Output, RunError> {
        let folder = path.parent().unwrap_or(path);
        let name = path.file_name().unwrap_or_default();
        run::output(&CommandSpec::new(&self.program, &self.env).arg(name).dir(folder), LIMIT)
    }
}

/// The extension of what is expected of a template, and its content. Of a complaint it is the line that
/// names the template, from there on: what is before names files of the Ruby.
fn expected(path: &Utf8Path, output: &Output) -> (&'static str, Vec<u8>) {
    if output.status.success() {
        return ("out", output.stdout.clone());
    }
    let name = format!("{}:", path.file_name().unwrap_or_default());
    let said = output.stderr_text();
    let with_line = |(at, _): &(usize, &str)| {
        said[at + name.len()..].starts_with(|char: char| char.is_ascii_digit())
    };
    let place = said.match_indices(&name).find(with_line).map_or("", |(at, _)| &said[at..]);
    ("err", format!("{}\n", place.lines().next().unwrap_or_default()).into_bytes())
}

/// Expected outputs that were not made, or that are others.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FixturesError {
    #[error(transparent)]
    NoErb(#[from] ProgramError),
    #[error(transparent)]
    Erb(#[from] RunError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the expressions, all in one template, are no Ruby: {0}")]
    Expressions(String),
    #[error("an expression prints, in or before `{0}`: put it into a template")]
    Prints(String),
    #[error(
        "{0} files are not what a real erb gives: `cargo xtask erb` makes them anew; look at the \
         difference"
    )]
    Different(usize),
}
