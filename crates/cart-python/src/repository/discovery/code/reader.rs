//! Files of the repository, read by the app's own Python as syntax trees.
//!
//! A file is known by what stands in it, so what was told of it once holds as long as it, the script
//! and the Python are the same; then no program is run.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, run};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::facts::{Facts, Failure, Unread};
use crate::environment::stamp::BasePython;

/// Runs under Python 3.6 and newer.
const SCRIPT: &str = include_str!("../../../../python/read_source.py");

/// What was told, beside the launchers.
const FILE: &str = "found.json";

/// No source that a person wrote is longer, in bytes. The script has the same limit.
const LONGEST: u64 = 512 * 1024;

/// No more files are read; an app is found in the first few.
const MOST: usize = 300;

/// Parsing takes milliseconds.
const LIMIT: Duration = Duration::from_secs(10);

/// How many files may end the parser before it is asked no more.
const CRASHES: usize = 3;

/// Reads each file at most once.
pub(crate) struct Reader<'a> {
    repo: &'a Utf8Path,
    top: Option<Utf8PathBuf>,
    python: &'a BasePython,
    env: &'a GearEnv,
    place: &'a Utf8Path,
    files: RefCell<HashMap<Utf8PathBuf, Rc<Facts>>>,
    known: RefCell<Known>,
    crashes: Cell<usize>,
    changed: Cell<bool>,
}

/// What is kept between two runs.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    /// Of the script and the Python.
    reader: String,
    /// What was decided last, as it was told.
    decided: String,
    /// By the digest of what was read.
    files: BTreeMap<String, Facts>,
}

impl<'a> Reader<'a> {
    /// Of the repository `repo`; `place` is a directory of the cartridge's.
    pub(crate) fn new(
        repo: &'a Utf8Path,
        python: &'a BasePython,
        env: &'a GearEnv,
        place: &'a Utf8Path,
    ) -> Self {
        let reader = digest(format!("{SCRIPT}{python:?}").as_bytes());
        let kept = std::fs::read(place.join(FILE)).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Known>(&bytes).ok());
        let known = match kept {
            Some(known) if known.reader == reader => known,
            other => {
                let decided = other.map(|known| known.decided).unwrap_or_default();
                Known { reader, decided, files: BTreeMap::new() }
            }
        };
        Self {
            repo,
            top: repo.canonicalize_utf8().ok(),
            python,
            env,
            place,
            files: RefCell::default(),
            known: RefCell::new(known),
            crashes: Cell::new(0),
            changed: Cell::new(false),
        }
    }

    /// The repository.
    pub(crate) fn repo(&self) -> &'a Utf8Path {
        self.repo
    }

    /// The gear's environment.
    pub(crate) fn env(&self) -> &'a GearEnv {
        self.env
    }

    /// The version of the Python that reads.
    pub(crate) fn python(&self) -> String {
        self.python.version.to_string()
    }

    /// Whether there is such a file, in the repository itself.
    pub(crate) fn has(&self, path: &Utf8Path) -> bool {
        let real = self.repo.join(path).canonicalize_utf8();
        let inside =
            |real: &Utf8PathBuf| self.top.as_ref().is_some_and(|top| real.starts_with(top));
        real.is_ok_and(|real| inside(&real) && real.is_file())
    }

    /// What stands in a file, relative to the repository.
    pub(crate) fn facts(&self, path: &Utf8Path) -> Rc<Facts> {
        self.prepare(std::slice::from_ref(&path.to_owned()));
        self.files.borrow().get(path).cloned().unwrap_or_default()
    }

    /// Reads several files at once.
    pub(crate) fn prepare(&self, paths: &[Utf8PathBuf]) {
        let mut wanted = Vec::new();
        for path in paths {
            let count = self.files.borrow().len() + wanted.len();
            if self.files.borrow().contains_key(path) || count >= MOST || !self.has(path) {
                continue;
            }
            let known =
                self.digest_of(path).and_then(|d| self.known.borrow().files.get(&d).cloned());
            match known {
                Some(facts) => self.keep(path, facts),
                None => wanted.push(path.clone()),
            }
        }
        while !wanted.is_empty() {
            let told = self.ask(&wanted);
            let rest = wanted.split_off(told.len());
            for (path, facts) in wanted.iter().zip(told) {
                self.remember(&facts);
                self.keep(path, facts);
            }
            wanted = rest;
            // The first one that is not told of has ended the parser.
            if !wanted.is_empty() {
                let path = wanted.remove(0);
                self.crashes.set(self.crashes.get() + 1);
                let failure = Failure { what: Unread::Parser, line: 0, text: String::new() };
                let digest = self.digest_of(&path).unwrap_or_default();
                let facts = Facts { digest, failure: Some(failure), ..Facts::default() };
                self.remember(&facts);
                self.keep(&path, facts);
            }
        }
    }

    /// Whether `decided` is another decision than the last one. It is remembered, with what was
    /// read, for the next time.
    pub(crate) fn settle(&self, decided: &str) -> bool {
        let mut known = self.known.borrow_mut();
        let is_new = known.decided != decided;
        if is_new || self.changed.get() {
            decided.clone_into(&mut known.decided);
            let read = self.files.borrow();
            let used = |digest: &str| read.values().any(|facts| facts.digest == digest);
            known.files.retain(|digest, _| used(digest));
            // Without it, the files are read again the next time.
            if let Ok(json) = serde_json::to_vec(&*known) {
                let _ = files::create_dir(self.place, 0o755)
                    .and_then(|()| files::write_unsynced(&self.place.join(FILE), &json, 0o644));
            }
        }
        is_new
    }

    fn keep(&self, path: &Utf8Path, facts: Facts) {
        self.files.borrow_mut().insert(path.to_owned(), Rc::new(facts));
    }

    fn remember(&self, facts: &Facts) {
        if !facts.digest.is_empty() {
            self.changed.set(true);
            self.known.borrow_mut().files.insert(facts.digest.clone(), facts.clone());
        }
    }

    fn digest_of(&self, path: &Utf8Path) -> Option<String> {
        let path = self.repo.join(path);
        let short = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= LONGEST);
        short.then(|| std::fs::read(&path).ok()).flatten().map(|content| digest(&content))
    }

    /// What the script tells, one for each file, until one that ended it.
    fn ask(&self, paths: &[Utf8PathBuf]) -> Vec<Facts> {
        if self.crashes.get() >= CRASHES {
            return Vec::new();
        }
        // Isolated: no variable, no package and no file of the app's changes what is imported.
        let command = CommandSpec::new(&self.python.executable, &self.env.for_service())
            .args(["-I", "-S", "-c", SCRIPT])
            .args(paths.iter().map(|path| self.repo.join(path).into_string()));
        let Ok(output) = run::output(&command, LIMIT) else {
            return Vec::new();
        };
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map_while(|line| serde_json::from_slice(line).ok()).take(paths.len()).collect()
    }
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
