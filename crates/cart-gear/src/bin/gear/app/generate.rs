//! `gear generate`: man pages from the command line as it is, and for each shell the few lines by which
//! it asks `gear` what may come next. For packages.

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use clap::{Command, CommandFactory};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use clap_mangen::Man;

use crate::args::{Arguments, GenerateArguments};
use crate::shared::failure::Failure;

/// The variable by which a shell asks.
pub(crate) const COMPLETE: &str = "GEAR_COMPLETE";

/// Where each shell looks for what it completes, below a `share`.
const COMPLETIONS: [(&dyn EnvCompleter, &str); 3] = [
    (&Bash, "bash-completion/completions/gear"),
    (&Zsh, "zsh/site-functions/_gear"),
    (&Fish, "fish/vendor_completions.d/gear.fish"),
];

pub(crate) fn run(arguments: &GenerateArguments) -> Result<(), Failure> {
    let share = &arguments.share;
    for (shell, below) in COMPLETIONS {
        let (path, mut text) = (share.join(below), Vec::new());
        let made = shell.write_registration(COMPLETE, "gear", "gear", "gear", &mut text);
        made.map_err(|error| FileError::new("make", &path, error))?;
        write(&path, &text)?;
    }
    let mut command = shown();
    command.build();
    pages(&command, share)
}

/// The command line without what is hidden from people, and without words for help.
fn shown() -> Command {
    let whole = Arguments::command();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let shown: Vec<Command> = shown.map(|it| it.disable_help_subcommand(true)).collect();
    let command = Command::new("gear").about(whole.get_about().cloned().unwrap_or_default());
    let command = command.version(env!("CARGO_PKG_VERSION")).disable_help_subcommand(true);
    command.subcommands(shown).subcommand_required(true)
}

/// A page for a command, and for each of those below it.
fn pages(command: &Command, share: &Utf8Path) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let mut text = Vec::new();
    let page = share.join(format!("man/man1/{name}.1"));
    let made = Man::new(command.clone()).render(&mut text);
    made.map_err(|error| FileError::new("make", &page, error))?;
    write(&page, &text)?;
    command.get_subcommands().try_for_each(|command| pages(command, share))
}

fn write(path: &Utf8Path, text: &[u8]) -> Result<(), FileError> {
    if let Some(directory) = path.parent() {
        let made = std::fs::create_dir_all(directory);
        made.map_err(|error| FileError::new("make", directory, error))?;
    }
    files::write_unsynced(path, text, 0o644)
}
