//! The app's own `nginx.conf.erb`, rendered with the gear's environment.
//!
//! Rendering it runs nothing and opens no file for writing; only where its owner said so may a
//! real `erb`, which runs whatever the template says, do what the evaluator refuses.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{CommandSpec, GearEnv, programs, run};
use cart_erb::{Context, ErbError, RealFiles, Rendered, fallback};

use crate::text::layout::FILE_NAME;
use crate::text::statement;
use crate::wanted::forwarded::{self, Included};

/// No configuration is longer; a file that is was meant for something else.
const LONGEST: u64 = 1024 * 1024;

/// How long a real `erb` may take: it starts in a tenth of a second.
const ERB_LIMIT: Duration = Duration::from_secs(20);

/// A rendered `nginx.conf.erb`. It stands inside `http {}` in the place of our server block, and
/// finds `upstream appserver`, `$connection_upgrade` and the log format `main` there, as in the
/// original cartridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConfig {
    template: Utf8PathBuf,
    source: Vec<u8>,
    text: Vec<u8>,
    /// Which line is which in the template; a real `erb` does not tell.
    lines: Option<Rendered>,
    included: Included,
}

/// A line of an app's configuration, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    /// The template.
    pub file: Utf8PathBuf,
    /// The line in it, counted from 1, with what it says; `None` when a real `erb` rendered it.
    pub line: Option<(usize, String)>,
    /// The line in the rendered text.
    pub rendered: usize,
}

impl UserConfig {
    /// Renders `nginx.conf.erb` of the repository; `None` when there is none. Relative paths in
    /// its questions about files start at this process's working directory.
    ///
    /// # Errors
    /// [`UserConfigError`], naming the file and, where there is one, the line.
    pub fn load(
        repo: &Utf8Path,
        env: &GearEnv,
        erb_fallback: bool,
    ) -> Result<Option<Self>, UserConfigError> {
        let template = repo.join(FILE_NAME);
        let Some(source) = read(&template)? else {
            return Ok(None);
        };
        let pairs = env.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let context = Context::new(pairs, RealFiles);
        let (text, lines) = match cart_erb::render(&source, template.as_str(), &context) {
            Ok(rendered) => (rendered.bytes.clone(), Some(rendered)),
            Err(error) if error.is_unsupported() => {
                (by_real_erb(&template, env, erb_fallback, error)?, None)
            }
            Err(error) => return Err(UserConfigError::Erb(error)),
        };
        let included = included(&text);
        Ok(Some(Self { template, source, text, lines, included }))
    }

    /// The template's path.
    #[must_use]
    pub fn template(&self) -> &Utf8Path {
        &self.template
    }

    /// The rendered text.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where a line of the rendered text (counted from 1) comes from.
    #[must_use]
    pub fn line(&self, rendered: usize) -> UserLine {
        let known = self.lines.as_ref().map(|lines| lines.template_line(rendered));
        UserLine {
            file: self.template.clone(),
            line: known.map(|line| (line, self.source_line(line))),
            rendered,
        }
    }

    /// Where the rendered text first mentions something.
    pub(crate) fn line_with(&self, text: &str) -> Option<UserLine> {
        let mut lines = self.text.split(|byte| *byte == b'\n');
        let found = lines.position(|line| String::from_utf8_lossy(line).contains(text))?;
        Some(self.line(found + 1))
    }

    /// Which files that it includes set headers for the app.
    pub(crate) fn included(&self) -> &Included {
        &self.included
    }

    /// What it sets at its top level, as [`statement::key`] has it.
    pub(crate) fn directives(&self) -> BTreeSet<String> {
        statement::statements(&self.text).iter().map(statement::key).collect()
    }

    fn source_line(&self, line: usize) -> String {
        let bytes = self.source.split(|byte| *byte == b'\n').nth(line.saturating_sub(1));
        String::from_utf8_lossy(bytes.unwrap_or_default()).trim().to_owned()
    }
}

/// Of the files that `text` includes by a whole path, which set headers for the app, and which
/// (`/etc/nginx/proxy_params` of Debian does). nginx says what is wrong with those that cannot be read.
fn included(text: &[u8]) -> Included {
    let files = forwarded::includes(text).into_iter().filter(|path| path.starts_with('/'));
    let set = files.filter_map(|path| {
        let content = read(Utf8Path::new(&path)).ok()??;
        Some((path, forwarded::set_in(&content)))
    });
    set.collect()
}

fn read(template: &Utf8Path) -> Result<Option<Vec<u8>>, UserConfigError> {
    match std::fs::metadata(template) {
        Ok(metadata) if !metadata.is_file() || metadata.len() > LONGEST => {
            Err(UserConfigError::NoTemplate { file: template.to_owned() })
        }
        // Missing, or unreadable for a reason that reading tells.
        Ok(_) | Err(_) => Ok(files::read_if_exists(template)?),
    }
}

fn by_real_erb(
    template: &Utf8Path,
    env: &GearEnv,
    allowed: bool,
    refused: ErbError,
) -> Result<Vec<u8>, UserConfigError> {
    if !allowed {
        return Err(UserConfigError::Unsupported(refused));
    }
    // The app's developer may run what they like as the gear's user, but not as root.
    if rustix::process::geteuid().is_root() {
        return Err(UserConfigError::AsRoot(refused));
    }
    let repo = template.parent().unwrap_or(template);
    let found = fallback::commands(template).into_iter().find_map(|command| {
        let program = programs::find(command.program, env, &[]).ok()?;
        Some(CommandSpec::new(program, env).args(command.args).dir(repo))
    });
    let command = found.ok_or(UserConfigError::NoErb(refused))?;
    let output = run::checked(&command, ERB_LIMIT)
        .map_err(|source| UserConfigError::RealErb { file: template.to_owned(), source })?;
    Ok(output.stdout)
}

pub(crate) fn place_in_template(at: &UserLine) -> String {
    match &at.line {
        Some((line, _)) => format!("{}:{line}", at.file),
        None => format!("{} (line {} as Ruby's erb rendered it)", at.file, at.rendered),
    }
}

pub(crate) fn shown(at: &UserLine) -> String {
    match &at.line {
        Some((_, text)) if !text.is_empty() => format!("\n    {text}"),
        _ => String::new(),
    }
}

/// An app's configuration that cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum UserConfigError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is a directory, a device, or far too long.
    #[error("{file} is no template: it must be a file of at most 1 MiB")]
    NoTemplate {
        /// The template.
        file: Utf8PathBuf,
    },
    /// Its Ruby is wrong.
    #[error("{0}")]
    Erb(ErbError),
    /// It needs Ruby, and nobody said that it may have it.
    #[error("{0}.\nIf Ruby is there, OPENSHIFT_NGINX_ERB_FALLBACK=yes lets it render this file")]
    Unsupported(ErbError),
    /// It needs Ruby, and this is root.
    #[error(
        "{0}.\nOPENSHIFT_NGINX_ERB_FALLBACK does not count here: as root, nothing of an app is run"
    )]
    AsRoot(ErbError),
    /// It needs Ruby, and there is none.
    #[error("{0}.\nThere is neither oo-erb nor erb on the gear's PATH")]
    NoErb(ErbError),
    /// Ruby did not render it either.
    #[error("{file} cannot be rendered: {source}")]
    RealErb {
        /// The template.
        file: Utf8PathBuf,
        /// What happened.
        #[source]
        source: run::RunError,
    },
}

#[cfg(test)]
mod tests;
