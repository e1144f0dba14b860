//! Pushing an app with git while clients ask for it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, files, run, wait};
use cart_test::{Load, Rate, TestGear, get};
use tests::processes::settled;

use crate::cartridge::{SERVER, assembled, fixture, gear};

const LIMIT: Duration = Duration::from_secs(120);

/// A name that is not UTF-8, as old archives have them.
const ODD: &[u8] = b"na\xefve.txt";

/// The app that gives numbers back, as a person edits it.
struct App {
    _keep: tempfile::TempDir,
    directory: Utf8PathBuf,
}

impl App {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        let app = Self { _keep: keep, directory };
        let code = std::fs::read_to_string(fixture("sequence").join("app.py")).unwrap();
        // Apps read files by relative paths, also while others are put in place.
        let reading = "    open(\"app.py\").close()\n    path = environ[";
        let code = code.replace("    path = environ[", reading);
        app.write("app.py", &code.replace("import echo_socket", "echo_socket = None"));
        app.write("public/note.txt", "first");
        let odd = app.directory.join("public").into_std_path_buf().join(OsStr::from_bytes(ODD));
        std::fs::copy(app.directory.join("public/note.txt"), odd).unwrap();
        app
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.directory.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
    }

    fn edit(&self, from: &str, to: &str) {
        let code = std::fs::read_to_string(self.directory.join("app.py")).unwrap();
        assert!(code.contains(from));
        self.write("app.py", &code.replace(from, to));
        self.write("public/note.txt", to.trim_matches('"'));
    }
}

/// Waits until `version` is served; connections of nginx's may go to the old server for a while, and
/// files are known for a second.
fn serves(gear: &TestGear, version: &str) {
    let seen = || ["/", "/note.txt"].map(|path| get(gear.address(), path).body);
    let new = || (seen() == [version, version]).then_some(());
    assert!(wait::until(LIMIT, new).is_some(), "{version} is not served: {:?}", seen());
}

/// Waits for the end of the server that was replaced: what is lost then counts, too.
fn replaced(gear: &TestGear) {
    assert!(settled(gear, LIMIT), "the old one still runs");
}

#[test]
fn a_push_loses_no_request_a_broken_one_is_refused_and_a_roll_back_loses_none() {
    let cartridge = assembled();
    let program = gear(&cartridge);
    let app = App::new();
    let variables = [(SERVER, "gunicorn")];
    let gear = TestGear::kept(&cartridge, "3", &variables, &app.directory, &program);
    let load = Load::start(gear.address(), Rate::PerSecond(200));

    app.edit("\"first\"", "\"second\"");
    let said = gear.push(&app.directory).done().text.clone();
    assert!(said.contains("remote: gear: control restart"), "{said}");
    assert!(said.contains(" at http://"), "{said}");
    serves(&gear, "second");
    assert_eq!(get(gear.address(), "/na%EFve.txt").body, "first");
    replaced(&gear);

    app.edit("import time\n", "import time\nimport no_such_module\n");
    app.write("public/note.txt", "broken");
    let broken = gear.push(&app.directory);
    broken.failed_saying(&["the push is refused, and test is as it was", "no_such_module"]);
    serves(&gear, "second");
    gear.control("status").done();
    gear.control("restart").done();
    serves(&gear, "second");
    replaced(&gear);

    activate_previous(&gear, &program);
    serves(&gear, "first");
    replaced(&gear);
    let tally = load.finish();
    assert!(tally.answered > 500, "{tally:?}");
    assert_eq!(tally.lost(), 0, "{tally:?}");
}

/// Puts the deployment before the current one in place.
pub(crate) fn activate_previous(test: &TestGear, program: &Utf8Path) {
    let path = GearEnv::from_process().get("PATH").unwrap().to_owned();
    let env =
        GearEnv::new().with("PATH", path).with("GEAR_HOME", test.gear_home().unwrap().as_str());
    let activate = CommandSpec::new(program, &env).args(["activate", "test", "previous"]);
    run::checked(&activate, LIMIT).unwrap();
}
