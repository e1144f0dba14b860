//! What a configuration includes that nginx cannot survive: of itself it reads until it crashes, at a
//! named pipe it waits for ever. All else `nginx -t` tells.

use std::borrow::Cow;
use std::os::unix::fs::FileTypeExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CartridgeDir, glob};

use crate::config::user_config::UserConfig;
use crate::running::test_error::TestError;
use crate::text::layout::{self, MAIN_FILE, SERVER_FILE};
use crate::text::statement::blocks;

/// No file is longer that is looked into.
const LONGEST: u64 = 1024 * 1024;
/// How many files may include each other in a row, and how many are looked into.
const DEEPEST: usize = 50;
const MOST: usize = 1000;

/// Looks at everything that an app's configuration includes.
///
/// # Errors
/// [`TestError`] with the first that nginx must not be shown.
pub(crate) fn check(user: &UserConfig, dir: &CartridgeDir) -> Result<(), TestError> {
    let mut search = Search { user, dir, open: Vec::new(), seen: 0 };
    search.look(user.text(), None)
}

struct Search<'a> {
    user: &'a UserConfig,
    dir: &'a CartridgeDir,
    /// The included files that are being looked into, by their real paths.
    open: Vec<Utf8PathBuf>,
    seen: usize,
}

impl Search<'_> {
    /// Looks at the text of the app's configuration, or of the `file` that it includes.
    fn look(&mut self, text: &[u8], file: Option<&Utf8Path>) -> Result<(), TestError> {
        for statement in blocks(text).into_iter().flatten() {
            let Some(path) = statement.included() else { continue };
            let before = &text[..statement.range.start];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            for path in self.meant(path) {
                self.enter(&path, file, line)?;
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        path: &Utf8Path,
        by: Option<&Utf8Path>,
        line: usize,
    ) -> Result<(), TestError> {
        let Ok(metadata) = path.metadata() else { return Ok(()) };
        let real = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
        let odd = if metadata.file_type().is_fifo() {
            Some(Odd::Pipe)
        } else if metadata.is_dir() {
            Some(Odd::Directory)
        } else if self.open.contains(&real) {
            Some(Odd::Itself)
        } else {
            self.ours(&real)
        };
        if let Some(odd) = odd {
            let (what, remedy) = odd.words(path);
            let words = format!("it includes {path}, {what}");
            return Err(match by.map(Utf8Path::to_owned) {
                Some(file) => TestError::InIncluded { file, line, words, remedy },
                None => TestError::InUserConfig { at: self.user.line(line), words, remedy },
            });
        }
        self.seen += 1;
        let small = metadata.is_file() && metadata.len() <= LONGEST;
        if small && self.open.len() < DEEPEST && self.seen < MOST
            // What cannot be read, nginx says.
            && let Ok(text) = std::fs::read(path)
        {
            self.open.push(real);
            self.look(&text, Some(path))?;
            self.open.pop();
        }
        Ok(())
    }

    /// Which of the files it is that the app's configuration is a part of.
    fn ours(&self, real: &Utf8Path) -> Option<Odd> {
        let is = |path: Utf8PathBuf| path.canonicalize_utf8().is_ok_and(|path| path == *real);
        let in_either =
            |name: &str| is(layout::stage(self.dir).join(name)) || is(self.dir.conf().join(name));
        if is(self.user.template().to_owned()) {
            Some(Odd::Template)
        } else if in_either(SERVER_FILE) {
            Some(Odd::Itself)
        } else {
            in_either(MAIN_FILE).then_some(Odd::Main)
        }
    }

    /// The files that an `include` means: nginx starts from the folder of its main file.
    fn meant(&self, path: &str) -> Vec<Utf8PathBuf> {
        let path = layout::stage(self.dir).join(path);
        if !path.as_str().contains('*') {
            return vec![path];
        }
        let pattern = path.as_str().trim_start_matches('/').replace("**", "*");
        let mut found = glob::entries("/".into(), &pattern);
        found.retain(|path| !path.file_name().is_some_and(|name| name.starts_with('.')));
        found
    }
}

/// What is included that nginx must not be shown.
enum Odd {
    /// The file in which the `include` stands, or one that includes that.
    Itself,
    /// `nginx.conf.erb`, not rendered.
    Template,
    /// nginx's main file.
    Main,
    /// A named pipe.
    Pipe,
    /// A directory.
    Directory,
}

impl Odd {
    /// What is wrong with it, and what to write instead.
    fn words(&self, path: &Utf8Path) -> (&'static str, Cow<'static, str>) {
        const REMOVE: &str = "Remove the line; what two places need belongs into a file of its own, which both include";
        match self {
            Self::Itself => ("and that is included by itself, without an end", REMOVE.into()),
            Self::Template => (
                "which is this template as it stands in the repository, and no nginx configuration before it is rendered",
                REMOVE.into(),
            ),
            Self::Main => (
                "in which this file stands: nginx would read it without an end",
                "Remove the line: what the cartridge sets there holds for this file anyway".into(),
            ),
            Self::Pipe => (
                "a named pipe: nginx would wait for ever for what somebody writes there",
                "Include a regular file, written before the start".into(),
            ),
            Self::Directory => {
                ("a directory", format!("Name its files: include {path}/*.conf;").into())
            }
        }
    }
}
