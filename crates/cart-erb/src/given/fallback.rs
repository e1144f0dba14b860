//! What to run when cart-erb refuses a template: a real `erb`, as data.
//!
//! Real `erb` runs whatever the template says, so whether to delegate is the caller's choice. The
//! library runs nothing; it says what to look for, in which order, and with which arguments. `-S`
//! (a safe level, which `oo-erb` took) is never among them: Ruby 3 rejects it.

use camino::Utf8Path;

/// A command line that renders a template to standard output with the environment it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackCommand {
    /// The program's name, to be found on the search path.
    pub program: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
}

/// The commands that can render `file`, best first: the node's own `oo-erb`, then Ruby's `erb`.
pub fn commands(file: &Utf8Path) -> [FallbackCommand; 2] {
    ["oo-erb", "erb"].map(|program| FallbackCommand { program, args: vec![file_argument(file)] })
}

/// A name that `erb` cannot take for a switch or for an assignment (`a=b`).
fn file_argument(file: &Utf8Path) -> String {
    let misread = file != "-" && (file.as_str().starts_with('-') || file.as_str().contains('='));
    if misread && file.is_relative() { format!("./{file}") } else { file.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oo_erb_comes_first_and_no_safe_level_is_passed() {
        let commands = commands("/app/x.erb".into());
        let lines =
            commands.map(|command| format!("{} {}", command.program, command.args.join(" ")));
        assert_eq!(lines, ["oo-erb /app/x.erb", "erb /app/x.erb"]);
    }

    #[test]
    fn names_that_look_like_switches_are_files() {
        assert_eq!(commands("-x".into())[1].args, ["./-x"]);
        assert_eq!(commands("a=b.erb".into())[1].args, ["./a=b.erb"]);
        assert_eq!(commands("-".into())[1].args, ["-"]);
    }
}
