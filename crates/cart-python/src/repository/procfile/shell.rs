//! A line as a shell is given it so that it becomes the program that the line is about.

use super::Process;
use super::web::assignment;

/// What a shell does itself: there is no program of that name, or another one.
const BUILT_IN: &[&str] = &[
    "!", ".", ":", "[", "alias", "break", "cd", "command", "continue", "eval", "exec", "exit",
    "export", "getopts", "hash", "local", "read", "readonly", "return", "set", "shift", "source",
    "times", "trap", "type", "ulimit", "umask", "unalias", "unset", "wait",
];

impl Process {
    /// The command with `exec` before its last program, so that signals reach that and no shell
    /// stands between. Not every shell does so by itself: dash 0.5.12 does not. A line that is more than
    /// commands joined by `&&` (pipes, groups, several lines, quotes that would have to be understood)
    /// is left as it is.
    #[must_use]
    pub fn command_to_become(&self) -> String {
        let command = self.command.as_str();
        becoming(command).unwrap_or_else(|| command.to_owned())
    }
}

fn becoming(command: &str) -> Option<String> {
    let quotes = ['\'', '"', '\\'];
    let joined = command.rfind("&&");
    let without = command.replace("&&", "").replace(">&", "");
    if without.contains([';', '|', '&', '(', ')', '`', '#', '\n'])
        || (joined.is_some() && command.contains(quotes))
    {
        return None;
    }
    let mut at = joined.map_or(0, |at| at + "&&".len());
    loop {
        let rest = &command[at..];
        at += rest.len() - rest.trim_start().len();
        let word = command[at..].split_whitespace().next()?;
        if assignment(word).is_none() {
            return (!BUILT_IN.contains(&word) && !word.starts_with(['<', '>']))
                .then(|| format!("{}exec {}", &command[..at], &command[at..]));
        }
        if word.contains(quotes) {
            return None;
        }
        at += word.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_program_takes_the_place_of_the_shell() {
        for (line, expected) in [
            ("python worker.py", "exec python worker.py"),
            (
                "celery -A x worker -n \"w@%h\" -c ${N:-2}",
                "exec celery -A x worker -n \"w@%h\" -c ${N:-2}",
            ),
            (
                "cd src && A=1 B=$C python w.py >>w.log 2>&1",
                "cd src && A=1 B=$C exec python w.py >>w.log 2>&1",
            ),
            ("./migrate && ./run", "./migrate && exec ./run"),
            ("python -c 'x = 1'", "exec python -c 'x = 1'"),
        ] {
            assert_eq!(becoming(line).unwrap(), expected);
        }
    }

    #[test]
    fn what_would_have_to_be_understood_stays_as_it_is() {
        for line in [
            "exec python w.py",
            "a | b",
            "a & b",
            "a; b",
            "python -c 'a; b'",
            "python -c 'a && b'",
            "A='b c' python w.py",
            "(cd x && y)",
            "a && exit 3",
            "A=1",
            "x $(y)",
            "! x",
            ">x y",
        ] {
            assert_eq!(becoming(line), None, "{line}");
        }
    }

    #[test]
    fn a_real_shell_becomes_the_program_with_its_variables() {
        for line in ["A=1 B=2 sh -c 'echo $$ $A$B'", "cd / && A=12 sh x"] {
            let dir = tempfile::tempdir().unwrap();
            let dir = camino::Utf8Path::from_path(dir.path()).unwrap();
            cart_core::files::write_atomic(&dir.join("x"), b"echo $$ $A", 0o644).unwrap();
            let line = line.replace("cd /", &format!("cd {dir}"));
            let process = Process { name: "worker".to_owned(), command: line, line: 1 };
            // The shell says its own number first; the program that it becomes has the same.
            let command = format!("echo $$; {}", process.command_to_become());
            let env = cart_core::GearEnv::from_process();
            let shell = cart_core::CommandSpec::new("/bin/sh", &env).args(["-c", &command]);
            let said = cart_core::run::checked(&shell, std::time::Duration::from_secs(20)).unwrap();
            let said = said.stdout_text();
            let (shell, program) = said.split_once('\n').unwrap();
            assert_eq!(program, format!("{shell} 12"));
        }
    }
}
