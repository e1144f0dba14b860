//! What one line of a requirements file asks for, in pip's reading.

use camino::Utf8PathBuf;

use crate::packages::spelling::name_in;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// `-r`: another requirements file.
    Include(String),
    /// `-c`: a file that bounds versions.
    Constrain(String),
    /// A package.
    Requirement { text: String, editable: bool },
    /// It changes how packages are looked for.
    Option,
    /// pip will complain of it.
    Unreadable,
}

/// Options that a value follows, besides the three that matter here. What else begins with `-` has
/// none.
const WITH_VALUE: &[&str] = &[
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--use-feature",
    "--global-option",
    "--config-settings",
    "--hash",
];
/// The letters of `--index-url`, `--find-links` and `--config-settings`.
const SHORT_WITH_VALUE: &[char] = &['i', 'f', 'C'];

impl Line {
    /// Reads a line without comment.
    pub(super) fn parse(line: &str) -> Self {
        // Up to the first word that begins with `-`, it is a requirement; options behind it say how
        // that is installed.
        let words: Vec<&str> = line.split(' ').take_while(|word| !word.starts_with('-')).collect();
        let text = words.join(" ");
        if !text.is_empty() {
            return Self::Requirement { text, editable: false };
        }
        let Some(words) = shell_words(line) else { return Self::Unreadable };
        let found = |short, long| option_value(&words, short, long);
        if let Some(text) = found('e', "--editable") {
            Self::Requirement { text, editable: true }
        } else if let Some(path) = found('r', "--requirement") {
            Self::Include(path)
        } else if let Some(path) = found('c', "--constraint") {
            Self::Constrain(path)
        } else {
            Self::Option
        }
    }
}

/// The first value of an option in any of pip's spellings: `-r x`, `-rx`, `--long x`, `--long=x`,
/// and `--lon x`, as long as no other option begins so.
fn option_value(words: &[String], short: char, long: &str) -> Option<String> {
    const OURS: [&str; 3] = ["--editable", "--requirement", "--constraint"];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            return None;
        }
        if word.starts_with("--") {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let known = || OURS.iter().chain(WITH_VALUE).chain(&["--require-hashes"]);
            let mut begin_so = known().filter(|option| option.starts_with(name));
            let whole = known().find(|option| **option == name);
            let Some(option) = whole.or(begin_so.next().filter(|_| begin_so.next().is_none()))
            else {
                continue;
            };
            let value = if *option == "--require-hashes" { continue } else { value };
            let value = value.or_else(|| words.next().cloned());
            if *option == long {
                return value;
            }
        } else if let Some(rest) = word.strip_prefix('-') {
            let mut letters = rest.chars();
            let Some(letter) = letters.next() else { continue };
            let takes_value = SHORT_WITH_VALUE.contains(&letter) || "erc".contains(letter);
            let rest = letters.as_str();
            let value = match rest.is_empty() {
                true if takes_value => words.next().cloned(),
                true => None,
                false => Some(rest.to_owned()),
            };
            if letter == short {
                return value;
            }
        }
    }
    None
}

/// The words of a line, quoted as Python's shlex has it, by which pip reads them; `None` when a quote is left
/// open. A shell's rules differ: there a backslash before `$` in double quotes would go, and `#` begin a comment.
pub(super) fn shell_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => {
                let next = chars.next()?;
                let word = word.get_or_insert_default();
                word.extend((!matches!(next, '"' | '\\')).then_some('\\'));
                word.push(next);
            }
            (None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_ascii_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Where an included file is.
pub(super) enum Included {
    /// A path, relative to the including file unless it is absolute.
    Path(Utf8PathBuf),
    /// As `Path`, but relative to the working directory: of a `file:` URL.
    FileUrl(Utf8PathBuf),
    /// Elsewhere: only pip fetches it.
    Web,
}

impl Included {
    pub(super) fn of(text: &str) -> Self {
        let scheme = |name: &str| {
            let begin = text.get(..name.len())?;
            begin.eq_ignore_ascii_case(name).then(|| &text[name.len()..])
        };
        if scheme("http:").or_else(|| scheme("https:")).is_some() {
            return Self::Web;
        }
        let Some(rest) = scheme("file:") else { return Self::Path(text.into()) };
        Self::FileUrl(url_path(rest).into())
    }
}

/// The path behind `file:`: host away, `%20` and the like as what they stand for.
fn url_path(url: &str) -> String {
    let path = match url.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => url,
    };
    let path = path.split(['#', '?']).next().unwrap_or(path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let coded = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let coded =
            coded.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(coded.unwrap_or(*first));
        rest = if coded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path of a requirement that is a folder or an archive: `./lib`, `/x/y.whl`, `.[extra]`,
/// `file:lib`, `file:///x`.
pub(super) fn local_path(text: &str) -> Option<Utf8PathBuf> {
    let text = text.split(" ;").next().unwrap_or(text).trim();
    if let Some(url) = text.strip_prefix("file:") {
        return Some(url_path(url.split('[').next().unwrap_or(url)).trim().into());
    }
    if is_url(text) || text.contains(" @ ") {
        return None;
    }
    let path = text.split(['#', '[']).next().unwrap_or(text).trim();
    let is_path = path.starts_with(['.', '/']) || path.contains('/');
    let is_archive = [".whl", ".zip", ".tar.gz"].iter().any(|e| path.ends_with(e));
    (is_path || is_archive).then(|| path.into())
}

fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// The name in `name[extra]>=1; marker`, `name @ url` or `git+https://...#egg=name`.
pub(super) fn package_name(text: &str) -> Option<String> {
    let text = match text.split_once("#egg=") {
        Some((_, egg)) => egg,
        None if is_url(text.split(" @ ").next().unwrap_or(text)) => return None,
        None => text,
    };
    let name = name_in(text);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_included_file_in_every_spelling() {
        for line in [
            "-r a b.txt",
            "-r 'a b.txt'",
            "-r \"a b.txt\"",
            "-ra\\ b.txt",
            "--requirement='a b.txt'",
            "--requirement \"a b.txt\"",
            "--requirem=\"a b.txt\"",
            "-i https://x/simple --pre -r 'a b.txt'",
            "-r\t'a b.txt'",
        ] {
            let path = if line == "-r a b.txt" { "a" } else { "a b.txt" };
            assert_eq!(Line::parse(line), Line::Include(path.to_owned()), "{line}");
        }
        assert_eq!(Line::parse("--const=x"), Line::Constrain("x".to_owned()));
        for other in ["-i -r", "--pre", "--require-hashes", "--find-links=-r", "-- -r x"] {
            assert_eq!(Line::parse(other), Line::Option, "{other}");
        }
        assert_eq!(Line::parse("-r 'open"), Line::Unreadable);
    }

    #[test]
    fn options_behind_a_requirement_are_none_of_its_text() {
        let text = "six ==1; python_version > '3'".to_owned();
        let line = format!("{text} --hash=sha256:00 -r x.txt");
        assert_eq!(Line::parse(&line), Line::Requirement { text, editable: false });
    }

    #[test]
    fn urls_of_files_are_paths() {
        for (url, path) in [
            ("file:///a%20b/c.txt", "/a b/c.txt"),
            ("FILE://localhost/x%2", "/x%2"),
            ("file:rel.txt", "rel.txt"),
        ] {
            assert!(matches!(Included::of(url), Included::FileUrl(p) if p == path), "{url}");
        }
        assert!(matches!(Included::of("HTTPS://x/y"), Included::Web));
        assert!(matches!(Included::of("file.txt"), Included::Path(_)));
    }
}
