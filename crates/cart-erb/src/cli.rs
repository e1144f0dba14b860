//! The program: reads the file, renders it, delegates what the library refuses.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use cart_erb::{Context, ErbError, RealFiles, fallback};

/// Renders an ERB template with this process's environment to standard output.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Never run a real `erb`: refuse what cart-erb does not evaluate itself.
    #[arg(long)]
    pub(crate) no_fallback: bool,
    /// The template; `-` is standard input.
    pub(crate) file: Utf8PathBuf,
}

/// Why nothing was rendered.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{file}: cannot be read: {source}")]
    Read { file: Utf8PathBuf, source: io::Error },
    #[error("{0}")]
    Template(#[from] ErbError),
    #[error("{error} (delegating failed: `{program}` could not be started: {source})")]
    Start { error: ErbError, program: String, source: io::Error },
    /// A real `erb` has said on its standard error what is wrong.
    #[error("{message}")]
    Erb { message: String },
    #[error("cannot write to standard output: {0}")]
    Write(io::Error),
}

/// Runs the program. On an error the exit code is 1, and standard output stays empty.
pub(crate) fn run(
    options: &Options,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> ExitCode {
    let result = rendered(options, env, stdin).and_then(|bytes| {
        stdout.write_all(&bytes).and_then(|()| stdout.flush()).map_err(CliError::Write)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error cannot be written to.
            let _ = writeln!(stderr, "{error}");
            ExitCode::FAILURE
        }
    }
}

fn rendered(
    options: &Options,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    stdin: &mut dyn Read,
) -> Result<Vec<u8>, CliError> {
    let file = &options.file;
    let source =
        read(file, stdin).map_err(|source| CliError::Read { file: file.clone(), source })?;
    let context = Context::new(env, RealFiles);
    match cart_erb::render(&source, file.as_str(), &context) {
        Ok(rendered) => Ok(rendered.bytes),
        Err(error) if error.is_unsupported() && !options.no_fallback => {
            delegate(file, source, &context, error)
        }
        Err(error) => Err(error.into()),
    }
}

fn read(file: &Utf8Path, stdin: &mut dyn Read) -> io::Result<Vec<u8>> {
    if file == "-" {
        let mut source = Vec::new();
        stdin.read_to_end(&mut source)?;
        return Ok(source);
    }
    std::fs::read(file)
}

/// Lets a real `erb` render the file; without one, the library's refusal stands. It inherits the
/// environment, because a copy would lose its order.
fn delegate(
    file: &Utf8Path,
    source: Vec<u8>,
    context: &Context,
    error: ErbError,
) -> Result<Vec<u8>, CliError> {
    let path = context.var(b"PATH").map(|path| OsString::from_vec(path.to_vec()));
    let found = fallback::commands(file).into_iter().find_map(|command| {
        let program = which::which_in_global(command.program, path.clone()).ok()?.next()?;
        Some((program, command.args))
    });
    let Some((program, args)) = found else { return Err(error.into()) };
    let run = duct::cmd(&program, args)
        .stdin_bytes(source)
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run();
    let output = match run {
        Ok(output) => output,
        Err(source) => {
            let program = program.display().to_string();
            return Err(CliError::Start { error, program, source });
        }
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let message = match said.trim_end() {
        "" => format!("{}: ended with {}", program.display(), output.status),
        said => said.to_owned(),
    };
    Err(CliError::Erb { message })
}
