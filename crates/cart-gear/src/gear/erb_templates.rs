//! Rendering a cartridge's templates: `x.erb` becomes `x` (node-contract.md, Lifecycle,
//! configure).

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use camino::Utf8Path;
use cart_core::files::{self};
use cart_core::run::{self};
use cart_core::{CommandSpec, GearEnv, programs};
use cart_erb::{Context, ErbError, FileTest, FileTests, RealFiles};

use crate::layout::error::GearError;

/// How long a real `erb` may take for one template.
const LIMIT: Duration = Duration::from_secs(60);

/// Renders `template`, whose name ends in `.erb`, with the environment `env`, as if from the
/// directory `home`. On success the template is removed; on failure an empty file and the template
/// remain, as on a node.
///
/// What cart-erb does not evaluate is left to a real `erb` where one is on the PATH of `env`: the
/// template comes from the cartridge, whose scripts run here anyway.
///
/// # Errors
/// [`GearError`] naming the template, and the line where it is wrong.
pub(crate) fn render(template: &Utf8Path, env: &GearEnv, home: &Utf8Path) -> Result<(), GearError> {
    if template.extension() != Some("erb") {
        return Err(GearError::failed(format!(
            "{template} is listed as a template, but its name does not end in .erb"
        )));
    }
    let target = template.with_extension("");
    match bytes(template, env, home) {
        Ok(rendered) => {
            files::write_unsynced(&target, &rendered, 0o644)?;
            Ok(files::remove_if_exists(template)?)
        }
        Err(error) => {
            files::write_unsynced(&target, b"", 0o644)?;
            Err(error)
        }
    }
}

fn bytes(template: &Utf8Path, env: &GearEnv, home: &Utf8Path) -> Result<Vec<u8>, GearError> {
    let source = files::read(template)?;
    let pairs =
        env.iter().map(|(name, value)| (name.to_owned().into_vec(), value.to_owned().into_vec()));
    let context = Context::new(pairs, files_from(home));
    match cart_erb::render(&source, template.as_str(), &context) {
        Ok(rendered) => Ok(rendered.bytes),
        Err(error) if error.is_unsupported() => delegated(template, env, home, error),
        Err(error) => Err(GearError::failed(error)),
    }
}

/// Relative paths in a template start at the gear's home, not at the directory of this process.
fn files_from(home: &Utf8Path) -> impl FileTests + 'static {
    let home = home.as_std_path().to_owned();
    move |test: FileTest, path: &[u8]| {
        let path = home.join(std::ffi::OsStr::from_bytes(path));
        RealFiles.test(test, path.as_os_str().as_bytes())
    }
}

fn delegated(
    template: &Utf8Path,
    env: &GearEnv,
    home: &Utf8Path,
    refused: ErbError,
) -> Result<Vec<u8>, GearError> {
    let found = cart_erb::fallback::commands(template)
        .into_iter()
        .find_map(|command| Some((programs::find(command.program, env, &[]).ok()?, command.args)));
    let Some((program, args)) = found else {
        return Err(GearError::failed(refused));
    };
    let command = CommandSpec::new(program, env).args(args).dir(home);
    Ok(run::checked(&command, LIMIT)?.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &[u8]) -> (Result<(), GearError>, Vec<u8>, bool) {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap();
        let template = home.join("V.erb");
        files::write_atomic(&template, source, 0o644).unwrap();
        files::write_atomic(&home.join("here"), b"", 0o644).unwrap();
        let env = GearEnv::new().with("NAME", "value");
        let result = render(&template, &env, home);
        (result, std::fs::read(home.join("V")).unwrap(), template.exists())
    }

    #[test]
    fn a_rendered_template_is_removed() {
        let (result, bytes, kept) =
            rendered(b"<%= ENV['NAME'] %> <%= File.exist?('here') ? 'yes' : 'no' %>\n");
        result.unwrap();
        assert_eq!((bytes.as_slice(), kept), (&b"value yes\n"[..], false));
    }

    #[test]
    fn a_wrong_one_stays_beside_an_empty_result() {
        let (result, bytes, kept) = rendered(b"one\n<%= nil + 'x' %>\n");
        let error = result.unwrap_err().to_string();
        assert!(error.contains("V.erb:2: "), "{error}");
        assert_eq!((bytes.as_slice(), kept), (&b""[..], true));
    }

    #[test]
    fn what_needs_ruby_and_finds_none_is_refused_with_its_line() {
        let (result, ..) = rendered(b"<%= `date` %>\n");
        let error = result.unwrap_err().to_string();
        assert!(error.contains("V.erb:1: "), "{error}");
    }
}
