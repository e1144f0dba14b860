//! What runs beside the web server from the same release: the further lines of a Procfile, such as
//! `worker:` and `clock:`, each in a number that people may set.

use std::fmt;

use camino::Utf8Path;
use cart_core::SettingError;
use cart_core::files::FileError;

use crate::repository::procfile::{self, FILE, Process};
use crate::variables::names::{PROCESSES, WORKERS};

/// So many processes together, at most: each is a whole Python in memory, with a log and its writer.
pub const MOST: u32 = 32;

/// A name stands in names of files; a longer one is none.
pub const LONGEST_NAME: usize = 32;

/// What these lines run is started otherwise.
const ELSEWHERE: [&str; 2] = ["web", "release"];

/// How many processes of each line there are to be: `worker=2,clock=0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(Vec<(String, u32)>);

impl Counts {
    /// Names and numbers, separated by commas or spaces; no name twice, and no number above [`MOST`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut counts: Vec<(String, u32)> = Vec::new();
        let separators = |c: char| c == ',' || c.is_whitespace();
        for part in text.split(separators).filter(|part| !part.is_empty()) {
            let (name, count) = part.split_once('=')?;
            let count = count.parse().ok().filter(|count| *count <= MOST)?;
            if !is_name(name) || counts.iter().any(|(known, _)| known == name) {
                return None;
            }
            counts.push((name.to_owned(), count));
        }
        (!counts.is_empty()).then_some(Self(counts))
    }

    fn of(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    }
}

/// As people write it.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(name, n)| format!("{name}={n}")).collect();
        f.write_str(&parts.join(","))
    }
}

/// The further lines of a Procfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Background {
    /// Those that run, and in how many processes; 0 where somebody said so.
    pub lines: Vec<(Process, u32)>,
    /// Those that do not, because of their names.
    pub misnamed: Vec<Process>,
}

impl Background {
    /// What is to run from the code in `repo`; one process of each line of which `counts` says
    /// nothing.
    ///
    /// # Errors
    /// [`FileError`] when the Procfile cannot be read.
    pub fn read(repo: &Utf8Path, counts: &Counts) -> Result<Self, FileError> {
        let mut background = Self::default();
        for line in procfile::read(repo)? {
            let known = background.lines.iter().any(|(known, _)| known.name == line.name);
            if ELSEWHERE.contains(&&*line.name) || known {
                continue;
            }
            if is_name(&line.name) {
                let count = counts.of(&line.name).unwrap_or(1);
                background.lines.push((line, count));
            } else {
                background.misnamed.push(line);
            }
        }
        Ok(background)
    }

    /// Each process: its name, such as `worker.1`, and the line that it runs.
    pub fn processes(&self) -> impl Iterator<Item = (String, &Process)> {
        self.lines.iter().flat_map(|(line, count)| {
            (1..=*count).map(move |number| (format!("{}.{number}", line.name), line))
        })
    }

    /// Whether the numbers fit the Procfile.
    ///
    /// # Errors
    /// [`SettingError`] when `counts` names a line that is not there, or there would be more than [`MOST`].
    pub fn check(&self, counts: &Counts) -> Result<(), SettingError> {
        let wrong =
            |allowed: String| Err(SettingError { allowed, ..PROCESSES.wrong(&counts.to_string()) });
        let has = |name: &str| self.lines.iter().any(|(line, _)| line.name == name);
        if let Some((name, _)) = counts.0.iter().find(|(name, _)| !has(name)) {
            let names: Vec<&str> = self.lines.iter().map(|(line, _)| line.name.as_str()).collect();
            let there = match names.as_slice() {
                [] => format!("nothing, for there is no further line in a {FILE}"),
                names => format!("a number for each of {}", names.join(", ")),
            };
            return match name.as_str() {
                "web" => wrong(format!("{there}; how many web workers, {} says", WORKERS.name)),
                name => wrong(format!("{there}; the {FILE} has no line `{name}:` that runs so")),
            };
        }
        let all: u32 = self.lines.iter().map(|(_, count)| count).sum();
        if all > MOST {
            return wrong(format!("{MOST} processes together, and these are {all}"));
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCFILE: &str =
        "web: gunicorn a\nrelease: ./r\nworker: ./w\nclock: ./c --x\nworker: no\n";

    fn read(procfile: &str, counts: &str) -> Result<Background, String> {
        let dir = tempfile::tempdir().unwrap();
        let repo = Utf8Path::from_path(dir.path()).unwrap();
        cart_core::files::write_atomic(&repo.join(FILE), procfile.as_bytes(), 0o644).unwrap();
        let counts =
            if counts.is_empty() { Counts::default() } else { Counts::parse(counts).unwrap() };
        Background::read(repo, &counts).map_err(|error| error.to_string())
    }

    fn names(procfile: &str, counts: &str) -> Vec<String> {
        read(procfile, counts).unwrap().processes().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_further_line_runs_once_unless_somebody_says_how_often() {
        assert_eq!(names(PROCFILE, ""), ["worker.1", "clock.1"]);
        assert_eq!(names(PROCFILE, "worker=3, clock=0"), ["worker.1", "worker.2", "worker.3"]);
        assert_eq!(names("web: x\n", ""), [""; 0]);
        let lines = read(PROCFILE, "").unwrap().lines;
        assert_eq!((lines[0].0.command.as_str(), lines[0].0.line), ("./w", 3));
    }

    #[test]
    fn a_name_that_could_be_no_log_is_told_and_does_not_run() {
        let long = "x".repeat(LONGEST_NAME + 1);
        let background = read(&format!("Worker: a\n{long}: b\na_b-1: c\n"), "").unwrap();
        assert_eq!(background.misnamed.len(), 2);
        assert_eq!(background.lines.len(), 1);
    }

    #[test]
    fn numbers_are_pairs_of_a_name_and_a_small_number() {
        assert_eq!(Counts::parse("a=1 b=2,c=0").unwrap().to_string(), "a=1,b=2,c=0");
        for wrong in ["", ",", "a", "a=", "a=-1", "a=33", "A=1", "a=1,a=2", "../a=1", "a.1=1", "=1"]
        {
            assert_eq!(Counts::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_allowed_says_how_many_at_most() {
        assert!(PROCESSES.allowed.contains(&format!("; {MOST} processes together")));
    }

    #[test]
    fn numbers_for_what_is_not_there_and_too_many_are_refused_with_what_there_is() {
        let error = |procfile: &str, counts: &str| {
            let background = read(procfile, counts).unwrap();
            background.check(&Counts::parse(counts).unwrap()).unwrap_err()
        };
        insta::assert_snapshot!(error(PROCFILE, "wroker=2"), @r#"OPENSHIFT_PYTHON_PROCESSES is "wroker=2", but allowed is: a number for each of worker, clock; the Procfile has no line `wroker:` that runs so"#);
        insta::assert_snapshot!(error(PROCFILE, "web=2"), @r#"OPENSHIFT_PYTHON_PROCESSES is "web=2", but allowed is: a number for each of worker, clock; how many web workers, OPENSHIFT_PYTHON_WORKERS says"#);
        insta::assert_snapshot!(error("", "worker=1"), @r#"OPENSHIFT_PYTHON_PROCESSES is "worker=1", but allowed is: nothing, for there is no further line in a Procfile; the Procfile has no line `worker:` that runs so"#);
        insta::assert_snapshot!(error(PROCFILE, "worker=32"), @r#"OPENSHIFT_PYTHON_PROCESSES is "worker=32", but allowed is: 32 processes together, and these are 33"#);
    }
}
