//! Files with variables, by the rules of docker and podman: a line is `NAME=VALUE`, and the value is all that
//! comes behind the `=`, quotes and blanks among it; a line that begins with `#` is a comment.

/// The variables of a file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvFile(pub(crate) Vec<(String, String)>);

/// Reads the file. Errors name lines and never quote a value, which may be a secret.
pub(super) fn read(path: &str) -> Result<EnvFile, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())?;
    parse(&text)
}

fn parse(text: &str) -> Result<EnvFile, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| format!("line {number} {what}");
        // docker would take the value from the caller's environment.
        let (name, value) = line.split_once('=').ok_or_else(|| {
            wrong("has no `=`: write NAME=VALUE; nothing is taken from your shell")
        })?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(wrong(
                "is not NAME=VALUE: no `export`, and no blanks before the `=`; quotes would be a part of the value",
            ));
        }
        if value.contains('\0') {
            return Err(wrong("holds a NUL, which no variable can"));
        }
        variables.push((name.to_owned(), value.to_owned()));
    }
    Ok(EnvFile(variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().0
    }

    #[test]
    fn a_value_is_all_that_comes_behind_the_equals_sign() {
        for (line, value) in [
            ("A=1", "1"),
            ("A=", ""),
            ("A=\"x\"", "\"x\""),
            ("A='x'", "'x'"),
            ("A=x # y", "x # y"),
            ("A= x ", " x "),
            ("  \tA=x", "x"),
            ("A=b=c", "b=c"),
            ("A=$HOME\\n", "$HOME\\n"),
            ("A=x\r", "x"),
            ("\u{feff}A=ü", "ü"),
        ] {
            assert_eq!(pairs(line), [("A".to_owned(), value.to_owned())], "{line:?}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_none_and_the_order_stays() {
        let found = pairs("# A=0\n\nA=1\r\n   # more\n \t\nB=2\nA=3");
        let expected = [("A", "1"), ("B", "2"), ("A", "3")];
        assert_eq!(found, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(pairs(""), []);
    }

    #[test]
    fn what_is_no_variable_is_told_by_its_line_and_not_quoted() {
        for (line, says) in [
            ("s3cret", "has no `=`"),
            ("export A=s3cret", "no `export`"),
            ("A =s3cret", "no blanks"),
            ("=s3cret", "is not NAME=VALUE"),
            ("A=s3cret\0", "a NUL"),
        ] {
            let error = parse(&format!("# first\n{line}")).unwrap_err();
            assert!(error.starts_with("line 2 ") && error.contains(says), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
