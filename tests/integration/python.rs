//! Which Python an app gets: what its files ask for, among those that this machine has.

use camino::Utf8Path;
use cart_core::exit_code::CONFIGURATION;
use cart_core::{GearEnv, files};
use cart_python::interpreter::specifiers::Specifiers;
use cart_python::interpreter::{self, Interpreter, Wanted};
use cart_test::{TestGear, get};
use tempfile::TempDir;

use crate::cartridge::{assembled, empty_gear};

const APP: &str = "import sys

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%d.%d' % sys.version_info[:2]).encode()]
";

/// An app that tells which Python it runs on, with one more file.
fn app(file: &str, content: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap();
    files::write_atomic(&path.join("app.py"), APP.as_bytes(), 0o644).unwrap();
    files::write_atomic(&path.join(file), content.as_bytes(), 0o644).unwrap();
    dir
}

fn path(dir: &TempDir) -> &Utf8Path {
    Utf8Path::from_path(dir.path()).unwrap()
}

/// The `python3` of this machine, and one of another version where there is one.
fn pythons() -> (Interpreter, Option<Interpreter>) {
    let env = GearEnv::from_process();
    let usual = interpreter::find(&Wanted::Any, &env).unwrap();
    let others = Specifiers::parse(&format!("!={}.*", minor(&usual))).unwrap();
    let other = interpreter::find(&Wanted::Newest(others), &env).ok();
    (usual, other)
}

/// What a restart says that remembers nothing of what was decided before.
fn told_anew(gear: &TestGear) -> String {
    std::fs::remove_file(gear.cartridge().join("run/found.json")).unwrap();
    gear.control("restart").done().text.clone()
}

fn minor(python: &Interpreter) -> String {
    format!("3.{}", python.version.minor)
}

#[test]
fn an_app_runs_on_the_python_that_its_version_file_asks_for_and_a_change_counts() {
    let (usual, other) = pythons();
    let first = minor(other.as_ref().unwrap_or(&usual));
    let mut gear = empty_gear(&[]);
    gear.deploy(path(&app(".python-version", &format!("{first}\n")))).done();
    assert_eq!(get(gear.address(), "/").body, first);
    let said = format!("by .python-version ({first})");
    let told = told_anew(&gear);
    assert!(told.contains(&said) && !told.contains("Making a virtual environment"), "{told}");
    let again = gear.control("restart");
    assert!(!again.done().text.contains(&said), "{}", again.text);

    gear.write(".python-version", "3.29\n");
    let refused = gear.control("restart");
    refused.failed_saying(&[".python-version, line 1", "3.29", "not on this machine", &first]);
    assert_eq!(refused.code, i32::from(CONFIGURATION), "{}", refused.text);
    assert_eq!(get(gear.address(), "/").body, first, "what ran runs on");

    let second = minor(&usual);
    gear.write(".python-version", &format!("# as everybody\n3.29\n{second}\n"));
    let changed = gear.control("restart");
    let said = format!("by .python-version ({second})");
    assert!(changed.done().text.contains(&said), "{}", changed.text);
    assert_eq!(get(gear.address(), "/").body, second);
}

#[test]
fn the_newest_python_that_a_project_allows_is_taken_on_a_new_gear() {
    let (usual, other) = pythons();
    let newest = other.iter().map(|o| o.version.minor).fold(usual.version.minor, u64::max);
    let project = format!("[project]\nname = 'x'\nrequires-python = '>=3.6,<3.{}'\n", newest + 1);
    let mut gear = empty_gear(&[]);
    gear.deploy(path(&app("pyproject.toml", &project))).done();
    assert_eq!(get(gear.address(), "/").body, format!("3.{newest}"));
}

#[test]
fn python_2_is_refused_by_its_name_and_on_a_gear_of_one_version_a_wish_is_only_told() {
    let old = app("runtime.txt", "python-2.7.18\n");
    let mut gear = empty_gear(&[]);
    let refused = gear.deploy(path(&old));
    refused.failed_saying(&["runtime.txt, line 1", "Python 2 is not served", "there is 3."]);
    assert_eq!(refused.code, i32::from(CONFIGURATION), "{}", refused.text);

    let (usual, _) = pythons();
    let mut gear = TestGear::new(&assembled(), &minor(&usual), &[]);
    gear.deploy(path(&old)).done();
    assert_eq!(get(gear.address(), "/").body, minor(&usual));
    let told = told_anew(&gear);
    assert!(told.contains("runtime.txt, line 1, asks for python-2.7.18"), "{told}");
    assert!(told.contains(&format!("the gear is one for Python {}", minor(&usual))), "{told}");
}
