//! What is too large when the system says "Argument list too long": it does not tell.

use std::ffi::OsStr;

use crate::processes::command::CommandSpec;

/// Linux gives a program no string of more than 32 pages, its end included (`MAX_ARG_STRLEN`).
const PAGES: usize = 32;

/// Why `command` is too large to be started, with the largest of what it would get.
pub(super) fn words(command: &CommandSpec) -> String {
    let longest = PAGES * rustix::param::page_size() - 1;
    let size = |(name, value): (&OsStr, &OsStr)| name.len() + "=".len() + value.len();
    let variable = command.env.iter().max_by_key(|variable| size(*variable));
    let argument = command.args.iter().map(String::len).max().unwrap_or(0);
    let (what, bytes, remedy) = match variable {
        Some((name, value)) if size((name, value)) >= argument => (
            format!("the variable {}", name.to_string_lossy()),
            size((name, value)),
            "Make it smaller, or put its value into a file and that file's name into the variable",
        ),
        _ => ("one of its arguments".to_owned(), argument, "Make it smaller"),
    };
    if bytes > longest {
        return format!(
            "{what} is too large: it has {bytes} bytes, and the system gives a program none of more than {longest}. {remedy}"
        );
    }
    let arguments: usize = command.args.iter().map(|argument| argument.len() + 1).sum();
    let all = command.env.iter().map(|variable| size(variable) + 1).sum::<usize>() + arguments;
    format!(
        "its variables and arguments are too large: they have {all} bytes, more than the system gives a program. The largest is {what} with {bytes} bytes. {remedy}"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::given::env::GearEnv;
    use crate::processes::run;

    const LIMIT: Duration = Duration::from_secs(20);

    fn failure(env: &GearEnv, argument: &str) -> String {
        let command = CommandSpec::new("/bin/true", env).arg(argument);
        let failure = run::output(&command, LIMIT).unwrap_err().to_string();
        failure.rsplit_once("`: ").unwrap().1.to_owned()
    }

    #[test]
    fn what_is_too_large_is_named_with_its_size() {
        let large = "x".repeat(PAGES * rustix::param::page_size());
        let env = GearEnv::new().with("SMALL", "1").with("LARGE", &large);
        let said = failure(&env, "");
        let bytes = "LARGE=".len() + large.len();
        assert!(said.starts_with("the variable LARGE is too large: it has "), "{said}");
        assert!(said.contains(&format!(" {bytes} bytes")), "{said}");
        let said = failure(&GearEnv::new().with("A", "b"), &large);
        assert!(said.starts_with("one of its arguments is too large"), "{said}");
    }

    #[test]
    fn many_that_are_too_large_together_are_told_with_the_largest() {
        let mut env = GearEnv::new().with("LARGEST", "x".repeat(110_000));
        for n in 0..100 {
            env.set(format!("LARGE_{n}"), "x".repeat(100_000));
        }
        let said = failure(&env, "");
        assert!(said.starts_with("its variables and arguments are too large: they"), "{said}");
        assert!(said.contains("The largest is the variable LARGEST with 110008 bytes"), "{said}");
    }
}
