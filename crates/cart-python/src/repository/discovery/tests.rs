use std::sync::LazyLock;

use super::*;
use crate::environment::interpreter::{self, Wanted};
use crate::variables::names::WSGI_APPLICATION;

mod nothing;
mod said;
mod seen;

static PYTHON: LazyLock<BasePython> = LazyLock::new(|| {
    let interpreter = interpreter::find(&Wanted::Any, &GearEnv::from_process()).unwrap();
    BasePython::of(&interpreter).unwrap()
});

/// A repository with some files.
struct Repo {
    dir: tempfile::TempDir,
    env: GearEnv,
}

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap(), env: GearEnv::from_process() };
        for (name, content) in files {
            repo.write(name, content);
        }
        repo
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join("repo")
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        cart_core::files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
    }

    fn find_with(&self, set: Option<&str>, python: &BasePython) -> Result<Found, DiscoveryError> {
        self.find_beside(None, set, python)
    }

    fn find_beside(
        &self,
        beside: Option<&str>,
        set: Option<&str>,
        python: &BasePython,
    ) -> Result<Found, DiscoveryError> {
        let set = set.map(|text| (WSGI_APPLICATION.name, EntryPoint::parse(text).unwrap()));
        std::fs::create_dir_all(self.path()).unwrap();
        find(&Search {
            repo: &self.path(),
            set: set.as_ref(),
            program: None,
            beside,
            python,
            env: &self.env,
            place: &self.path().with_file_name("launchers"),
        })
    }

    fn found(&self) -> Found {
        self.find_with(None, &PYTHON).unwrap()
    }

    fn refused(&self) -> String {
        self.shown(self.find_with(None, &PYTHON).unwrap_err())
    }

    fn shown(&self, error: DiscoveryError) -> String {
        let version = PYTHON.version.to_string();
        error.to_string().replace(self.path().as_str(), "REPO").replace(&version, "3.X")
    }
}

/// The sentence and the interface.
fn told(files: &[(&str, &str)]) -> String {
    let found = Repo::new(files).found();
    let interface = found.interface.map_or("?".to_owned(), |interface| interface.to_string());
    let because = found.because.strip_prefix("the app is ").unwrap();
    format!("{interface} {because}")
}

fn refused(files: &[(&str, &str)]) -> String {
    Repo::new(files).refused()
}

const FLASK: &str = "from flask import Flask\napp = Flask(__name__)\n";
const FASTAPI: &str = "from fastapi import FastAPI\napp = FastAPI()\n";
const WSGI: &str = "def application(environ, start_response):\n    pass\n";
