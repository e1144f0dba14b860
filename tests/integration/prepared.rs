//! `gear prepare` and `gear serve --prepared`, on the machine itself; in containers they are elsewhere.

use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::run::{self, Output};
use cart_core::{CommandSpec, GearEnv, files, tree, wait};
use cart_test::{get, own_ip, try_get};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::cartridge::{self, assembled, fixture};

const LIMIT: Duration = Duration::from_secs(60);
/// A build installs packages.
const BUILD: Duration = Duration::from_secs(300);

/// A directory for one app, and for all that is prepared and served of it.
struct Place {
    directory: Utf8PathBuf,
    _guard: TempDir,
}

impl Place {
    fn new() -> Self {
        // Sockets are below it, and their paths are short.
        let guard = tempfile::Builder::new().prefix("p").tempdir_in("/tmp").unwrap();
        let directory = Utf8Path::from_path(guard.path()).unwrap().canonicalize_utf8().unwrap();
        Self { directory, _guard: guard }
    }

    fn to(&self) -> Utf8PathBuf {
        self.directory.join("app")
    }

    fn gear(&self, words: &[&str]) -> CommandSpec {
        let path = GearEnv::from_process().get("PATH").unwrap().to_owned();
        let env = GearEnv::new().with("PATH", path).with("TMPDIR", self.directory.as_str());
        let gear = cartridge::gear(&assembled());
        CommandSpec::new(gear, &env)
            .args(words.iter().copied())
            .args(["--cartridge", assembled().as_str()])
    }

    fn prepare(&self, app: &Utf8Path) -> Output {
        run::output(&self.gear(&["prepare", app.as_str(), self.to().as_str()]), BUILD).unwrap()
    }

    fn serve(&self, variables: &[(&str, &str)]) -> Serving {
        self.serve_with(&[], variables)
    }

    fn serve_with(&self, more: &[&str], variables: &[(&str, &str)]) -> Serving {
        let from = self.to();
        let words = ["serve", "--prepared", from.as_str(), "--listen", &format!("{}:0", own_ip())];
        let command = self.gear(&words).args(more.iter().copied());
        let command = variables.iter().fold(command, |c, (name, value)| c.env(name, *value));
        let mut gear = run::piped(&command).unwrap();
        let mut line = String::new();
        BufReader::new(gear.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.split(' ').find_map(|word| word.strip_prefix("http://")).unwrap();
        Serving { address: url.trim_end().trim_end_matches('/').parse().unwrap(), gear }
    }
}

struct Serving {
    gear: Child,
    address: std::net::SocketAddr,
}

impl Serving {
    fn signal(&self, signal: Signal) {
        ProcessId::of(self.gear.id()).unwrap().signal(signal);
    }

    fn end(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        wait::until(LIMIT, || self.gear.try_wait().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.gear.try_wait().unwrap().or_else(|| self.end());
    }
}

/// An app that shows a variable of its environment.
fn app(place: &Place) -> Utf8PathBuf {
    let app = place.directory.join("source");
    tree::copy(&fixture("mirror"), &app, |_| false).unwrap();
    let code = "import os\n\ndef application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [os.environ.get('DATABASE_URL', 'none').encode()]\n";
    files::write_atomic(&app.join("app.py"), code.as_bytes(), 0o644).unwrap();
    app
}

#[test]
fn what_is_prepared_is_served_with_the_whole_environment_and_leaves_nothing() {
    let place = Place::new();
    assert!(place.prepare(&app(&place)).status.success());
    let mut serving = place.serve(&[("DATABASE_URL", "postgres://all"), ("HOME", "/nowhere")]);
    assert_eq!(get(serving.address, "/").body, "postgres://all");
    assert_eq!(serving.end().unwrap().code(), Some(0));
    assert!(try_get(serving.address, "/").is_err());
    let left = files::list(&place.directory).unwrap();
    let mut left: Vec<_> = left.iter().filter_map(|path| path.file_name()).collect();
    left.sort_unstable();
    assert_eq!(left, ["app", "source"]);
}

/// As when a container is killed and its volume stays.
#[test]
fn what_a_kill_has_left_goes_with_the_next_start_and_no_two_are_at_once() {
    let place = Place::new();
    assert!(place.prepare(&app(&place)).status.success());
    let mut first = place.serve(&[]);
    let refused = place.prepare(&place.directory.join("source"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr_text().contains("another `gear` prepares or serves"));
    first.signal(Signal::KILL);
    assert!(wait::until(LIMIT, || first.gear.try_wait().unwrap()).is_some());
    let second = place.serve(&[]);
    assert_eq!(get(second.address, "/").body, "none");
    let gone = || try_get(first.address, "/").is_err().then_some(());
    assert!(first.address == second.address || wait::until(LIMIT, gone).is_some());
}

/// As in a container with a volume, and in one without.
#[test]
fn data_outlive_the_gear_where_there_is_a_directory_for_them() {
    const CODE: &str = "import os, pathlib\n\ndef application(environ, start_response):\n    kept = pathlib.Path(os.environ['OPENSHIFT_DATA_DIR'], 'kept')\n    if environ['PATH_INFO'] == '/keep':\n        kept.write_text('kept')\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [(kept.read_text() if kept.exists() else 'none').encode()]\n";
    let place = Place::new();
    let source = app(&place);
    files::write_atomic(&source.join("app.py"), CODE.as_bytes(), 0o644).unwrap();
    assert!(place.prepare(&source).status.success());
    let data = place.directory.join("data");
    let served = |path: &str| {
        let mut serving = place.serve_with(&["--data", data.as_str()], &[]);
        let body = get(serving.address, path).body;
        assert_eq!(serving.end().unwrap().code(), Some(0));
        body
    };
    assert_eq!((served("/keep").as_str(), served("/").as_str()), ("kept", "none"));
    assert!(!data.exists());
    std::fs::create_dir(&data).unwrap();
    assert_eq!((served("/keep").as_str(), served("/").as_str()), ("kept", "kept"));
    assert_eq!(files::read(&data.join("kept")).unwrap(), b"kept");
}

#[test]
fn what_is_as_it_was_is_not_built_again_and_what_is_not_from_nothing() {
    let place = Place::new();
    let app = app(&place);
    let requirements = app.join("requirements.txt");
    files::write_atomic(&requirements, b"six\n", 0o644).unwrap();
    let first = place.prepare(&app);
    assert!(first.stderr_text().contains("The environment is ready"), "{}", first.stderr_text());
    let second = place.prepare(&app);
    assert!(second.status.success());
    assert!(!second.stderr_text().contains("The environment is ready"));
    files::write_atomic(&requirements, b"idna\n", 0o644).unwrap();
    let third = place.prepare(&app);
    assert!(third.stderr_text().contains("from nothing"), "{}", third.stderr_text());
    let text = files::read(&place.to().join("prepared.json")).unwrap();
    let prepared: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let packages = prepared["packages"].as_array().unwrap().iter();
    let names: Vec<_> = packages.filter_map(|package| package["name"].as_str()).collect();
    assert!(names.contains(&"idna") && names.contains(&"python"), "{names:?}");
    assert!(!names.contains(&"six"), "{names:?}");
}

#[test]
fn mistakes_are_told_and_change_nothing() {
    let place = Place::new();
    let source = app(&place);
    let full = place.directory.join("full");
    std::fs::create_dir(&full).unwrap();
    files::write_atomic(&full.join("mine"), b"", 0o644).unwrap();
    let refused = |words: &[&str], says: &str| {
        let output = run::output(&place.gear(words), BUILD).unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", output.stderr_text());
        assert!(output.stderr_text().contains(says), "{}", output.stderr_text());
    };
    refused(&["prepare", source.as_str(), full.as_str()], "holds something else");
    assert!(full.join("mine").is_file() && files::list(&full).unwrap().len() == 1);
    // Somebody's checkout, which has names that ours have.
    std::fs::rename(full.join("mine"), full.join("repo")).unwrap();
    refused(&["prepare", source.as_str(), full.as_str()], "holds something else");
    assert!(full.join("repo").is_file());
    let inside = source.join("build");
    refused(&["prepare", source.as_str(), inside.as_str()], "neither may be inside the other");
    assert!(!inside.exists());
    refused(&["serve", "--prepared", full.as_str()], "holds no app that was prepared");
    // One that cannot be built is not there.
    files::write_atomic(&source.join("requirements.txt"), b"no-such-package==0.0.1\n", 0o644)
        .unwrap();
    assert_eq!(place.prepare(&source).status.code(), Some(1));
    assert!(place.to().symlink_metadata().is_err());
    // What was moved names its former place.
    std::fs::remove_file(source.join("requirements.txt")).unwrap();
    assert!(place.prepare(&source).status.success());
    let moved = place.directory.join("moved");
    std::fs::rename(place.to(), &moved).unwrap();
    refused(&["serve", "--prepared", moved.as_str()], "was prepared as");
}
