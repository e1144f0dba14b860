//! Which Python the app is to run on, and who says so.
//!
//! A software version `3.N` of the cartridge holds whatever the repository says: on a node, people
//! chose it with the gear. With `3` the first file of the repository that names a Python holds:
//! `.python-version`, `runtime.txt`, `.tool-versions`, `pyproject.toml`, `Pipfile`, and what locks
//! took over from them. What other files say is compared with the Python that was taken.

mod declared;

use std::fmt;

use camino::Utf8Path;
use cart_core::GearEnv;
use cart_core::files::FileError;
use semver::Version;

pub use declared::Place;
use declared::{Asked, Declared, Said};

use crate::environment::interpreter::{self, Interpreter, InterpreterError, OLDEST_MINOR, Wanted};
use crate::environment::stamp::Stamp;

/// What the app's Python is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonWish {
    software: Wanted,
    /// What the file that decides names, the best first; nothing where none does.
    deciding: Vec<(Wanted, Said)>,
    /// What other files name.
    others: Vec<Declared>,
    /// What names no Python that could be looked for.
    passed_over: Vec<Said>,
    /// Whether there is no app yet that could have said something.
    pub(crate) provisional: bool,
}

impl PythonWish {
    /// Reads what is said in `repo`, unless `software` leaves nothing open. Runs nothing, but for an
    /// error, which names the Pythons that the gear with `env` has.
    ///
    /// # Errors
    /// [`PythonWishError::NotServed`] when what decides names nothing but Pythons that are served no
    /// more, and [`PythonWishError::File`].
    pub fn read(software: Wanted, repo: &Utf8Path, env: &GearEnv) -> Result<Self, PythonWishError> {
        let is_open = software == Wanted::Any;
        let mut wish = Self::from(software);
        for declared in declared::read(repo)? {
            if is_open && wish.deciding.is_empty() {
                wish.decide_by(declared, env)?;
            } else {
                wish.others.push(declared);
            }
        }
        Ok(wish)
    }

    fn decide_by(&mut self, declared: Declared, env: &GearEnv) -> Result<(), PythonWishError> {
        let mut not_served = None;
        for said in declared.said {
            match &said.asked {
                Asked::Python(wanted) => self.deciding.push((wanted.clone(), said)),
                Asked::Python2 | Asked::TooOld => {
                    not_served.get_or_insert(said);
                }
                Asked::Unknown => self.passed_over.push(said),
            }
        }
        match not_served {
            Some(said) if self.deciding.is_empty() => Err(PythonWishError::NotServed {
                is_2: said.asked == Asked::Python2,
                place: said.place,
                text: said.text,
                there: versions(env),
            }),
            _ => Ok(()),
        }
    }

    /// Whether a Python of this version will do.
    #[must_use]
    pub fn fits(&self, version: &Version) -> bool {
        self.deciding_for(version).is_some()
            || (self.deciding.is_empty() && self.software.matches(version))
    }

    /// The wish for an environment that is made before there is an app.
    #[must_use]
    pub fn before_the_app(self) -> Self {
        Self { provisional: true, ..self }
    }

    /// Whether an environment with this stamp, whose Python [fits](Self::fits), is kept. One that was
    /// made before there was an app fits by chance only: what the app would have got without it, it
    /// gets now.
    #[must_use]
    pub fn keeps(&self, stamp: &Stamp) -> bool {
        self.provisional || !(stamp.provisional && self.is_the_apps())
    }

    /// Whether a file of the repository decides.
    #[must_use]
    pub fn is_the_apps(&self) -> bool {
        !self.deciding.is_empty()
    }

    /// Finds it, as the gear with `env` sees the machine.
    ///
    /// # Errors
    /// [`PythonWishError::NotThere`] for what a file names, else [`PythonWishError::Interpreter`].
    pub fn find(&self, env: &GearEnv) -> Result<Interpreter, PythonWishError> {
        let Some((first, said)) = self.deciding.first() else {
            return Ok(interpreter::find(&self.software, env)?);
        };
        for (wanted, _) in &self.deciding {
            match interpreter::find(wanted, env) {
                Err(InterpreterError::NotFound { .. } | InterpreterError::TooOld { .. }) => {}
                other => return Ok(other?),
            }
        }
        let asked: Vec<_> = self.deciding.iter().map(|(_, said)| said.text.as_str()).collect();
        Err(PythonWishError::NotThere {
            place: said.place.clone(),
            asked: asked.join(" or "),
            there: versions(env),
            remedy: install(first),
        })
    }

    /// Where the Python of this version was asked for; `None` where no file decides.
    #[must_use]
    pub fn decided_by(&self, version: &Version) -> Option<&Place> {
        self.deciding_for(version).map(|said| &said.place)
    }

    /// One sentence: which Python, and by whose word.
    #[must_use]
    pub fn sentence(&self, version: &Version) -> String {
        match (self.deciding_for(version), &self.software) {
            (Some(said), _) if said.text == version.to_string() => {
                format!("Python {version}, by {}", said.place.file)
            }
            (Some(said), _) => format!("Python {version}, by {} ({})", said.place.file, said.text),
            (None, Wanted::Any) => format!("Python {version}: no file asks for another"),
            (None, wanted) => format!("Python {version}, by the cartridge's version {wanted}"),
        }
    }

    /// What else is worth knowing when the Python of this version was taken, a line each: another
    /// release than the one that was asked for, words that were not understood, files that say
    /// something else.
    #[must_use]
    pub fn remarks(&self, version: &Version) -> Vec<String> {
        let mut remarks: Vec<_> = self
            .passed_over
            .iter()
            .map(|Said { place, text, .. }| {
                format!("{place}: {text:?} names no Python that is looked for here")
            })
            .collect();
        let deciding = self.deciding.iter().find(|(wanted, _)| wanted.matches(version));
        if let Some((Wanted::Version { patch: Some(patch), .. }, said)) = deciding
            && *patch != version.patch
        {
            let Said { place, text, .. } = said;
            remarks.push(format!(
                "{place}, asks for {text}: {version} is taken, of the same minor version"
            ));
        }
        let holds = match deciding {
            Some((_, said)) => format!("{} goes before it", said.place.file),
            None => format!("the gear is one for Python {}", self.software),
        };
        let excluding = self.others.iter().filter_map(|declared| declared.excluding(version));
        remarks.extend(excluding.map(|Said { place, text, .. }| {
            format!("{place}, asks for {}, which {version} is not: {holds}", python(text))
        }));
        remarks
    }

    fn deciding_for(&self, version: &Version) -> Option<&Said> {
        self.deciding.iter().find(|(wanted, _)| wanted.matches(version)).map(|(_, said)| said)
    }
}

impl PythonWishError {
    /// Where it is asked for, in a file of the repository.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::NotServed { place, .. } | Self::NotThere { place, .. } => Some(place),
            Self::Interpreter(_) | Self::File(_) => None,
        }
    }
}

impl Declared {
    /// What it says, if the Python of this version is none that it names.
    fn excluding(&self, version: &Version) -> Option<&Said> {
        let understood = || self.said.iter().filter(|said| said.asked != Asked::Unknown);
        let allows = |said: &Said| match &said.asked {
            Asked::Python(wanted) => wanted.matches(version),
            Asked::Python2 | Asked::TooOld | Asked::Unknown => false,
        };
        understood().next().filter(|_| !understood().any(allows))
    }
}

/// What a software version alone asks for.
impl From<Wanted> for PythonWish {
    fn from(software: Wanted) -> Self {
        let (deciding, others, passed_over) = (Vec::new(), Vec::new(), Vec::new());
        Self { software, deciding, others, passed_over, provisional: false }
    }
}

/// As the end of a sentence: `3.12 (.python-version, line 1)`.
impl fmt::Display for PythonWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deciding.first() {
            Some((_, Said { place, text, .. })) => write!(f, "{text} ({place})"),
            None => write!(f, "{}", self.software),
        }
    }
}

/// How to get what is wanted.
fn install(wanted: &Wanted) -> String {
    let (debian, red_hat) =
        (interpreter::debian_packages(wanted), interpreter::program_name(wanted));
    match wanted {
        // No package is known to be new, or old, enough.
        Wanted::Newest(_) => "Install one that is".to_owned(),
        Wanted::Any | Wanted::Version { .. } => {
            format!("Install it (`apt-get install {debian}` or `dnf install {red_hat}`)")
        }
    }
}

/// A Python that the app cannot have.
#[derive(Debug, thiserror::Error)]
pub enum PythonWishError {
    /// A file names one that is too old for the launchers and for the packages of servers.
    #[error(
        "{place}, asks for {}: {}\nChange that line to 3.{OLDEST_MINOR} or newer{}",
        python(.text),
        if *.is_2 { "Python 2 is not served".to_owned() }
        else { format!("one older than 3.{OLDEST_MINOR} is not served") },
        among(.there)
    )]
    NotServed {
        /// Where.
        place: Place,
        /// What is written there.
        text: String,
        /// Whether it is Python 2.
        is_2: bool,
        /// Which Pythons there are, as people read it; empty when there is none.
        there: String,
    },
    /// A file names one that is not on the machine.
    #[error(
        "{place}, asks for {}, which is not on this machine{}\n{remedy}, or change that \
         line",
        python(.asked),
        among(.there)
    )]
    NotThere {
        /// Where.
        place: Place,
        /// What is written there.
        asked: String,
        /// Which Pythons there are, as people read it; empty when there is none.
        there: String,
        /// How to get it.
        remedy: String,
    },
    /// No file names one, and none was found.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// A file that may name one cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

fn versions(env: &GearEnv) -> String {
    let mut versions: Vec<_> = interpreter::there(env).into_iter().map(|(v, _)| v).collect();
    versions.dedup();
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}

/// What is asked for, as people name it: `Python 3.12`, but `python-3.12.4`.
fn python(text: &str) -> String {
    match text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => text.to_owned(),
        false => format!("Python {text}"),
    }
}

fn among(there: &str) -> String {
    if there.is_empty() { String::new() } else { format!("; there is {there}") }
}

#[cfg(test)]
mod tests;
