use std::os::unix::fs::symlink;

use super::*;

/// A folder of programs that pretend to be Pythons.
struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn script(self, name: &str, text: &str) -> Self {
        let text = format!("#!/bin/sh\n{text}\n");
        let path = self.path().join(name);
        cart_core::files::write_atomic(&path, text.as_bytes(), 0o755).unwrap();
        self
    }

    fn python(self, name: &str, version: &str) -> Self {
        let answer = format!("printf '{version}\\n/py/{version}\\nyes\\nyes\\n'");
        self.script(name, &answer)
    }

    fn without_venv(self, name: &str, version: &str) -> Self {
        let answer = format!("printf '{version}\\n/py/{version}\\nyes\\nno\\n'");
        self.script(name, &answer)
    }

    /// Looks in this folder alone.
    fn find(&self, wanted: &str) -> Result<String, InterpreterError> {
        self.find_wanted(&Wanted::of_software(wanted).unwrap())
    }

    fn newest(&self, allowed: &str) -> Result<String, InterpreterError> {
        self.find_wanted(&Wanted::Newest(Specifiers::parse(allowed).unwrap()))
    }

    fn find_wanted(&self, wanted: &Wanted) -> Result<String, InterpreterError> {
        let env = GearEnv::new().with("PATH", self.path().as_str());
        let more = Vec::new();
        let search = search::Search { env: &env, more };
        Ok(search.find(wanted)?.version.to_string())
    }

    fn message(&self, wanted: &str) -> String {
        let text = self.find(wanted).unwrap_err().to_string();
        text.replace(self.path().as_str(), "BIN")
    }
}

#[test]
fn software_versions_are_3_and_3_n() {
    for good in ["3", "3.6", "3.13"] {
        assert_eq!(Wanted::of_software(good).unwrap().to_string(), good);
    }
    for bad in ["", "2.7", "3.", "3.5", "3.11.2", "4", "three"] {
        assert!(Wanted::of_software(bad).is_err(), "{bad}");
    }
}

#[test]
fn version_3_is_the_python3_of_the_path_even_if_a_newer_one_is_there() {
    let folder = Folder::new().python("python3", "3.11.2").python("python3.13", "3.13.0");
    assert_eq!(folder.find("3").unwrap(), "3.11.2");
}

#[test]
fn version_3_without_a_working_python3_is_the_newest() {
    let folder = Folder::new()
        .script("python3", "echo 'no version is set' >&2; exit 127")
        .python("python3.9", "3.9.18")
        .python("python3.12", "3.12.1");
    assert_eq!(folder.find("3").unwrap(), "3.12.1");
}

#[test]
fn version_3_n_may_hide_behind_python3_or_python() {
    let folder = Folder::new().python("python", "3.8.1").python("python3", "3.10.0");
    assert_eq!(folder.find("3.8").unwrap(), "3.8.1");
    assert_eq!(folder.find("3.10").unwrap(), "3.10.0");
}

#[test]
fn the_newest_is_the_newest_that_is_allowed_whatever_python3_is() {
    let folder = Folder::new()
        .python("python3", "3.9.18")
        .python("python3.9", "3.9.18")
        .python("python3.11", "3.11.7")
        .python("python3.12", "3.12.1");
    assert_eq!(folder.newest(">=3.8").unwrap(), "3.12.1");
    assert_eq!(folder.newest(">=3.8,<3.12").unwrap(), "3.11.7");
    assert_eq!(folder.newest("!=3.11.*,<3.12.1").unwrap(), "3.9.18");
    let refused = folder.newest(">=3.13").unwrap_err().to_string();
    assert!(refused.starts_with("Python >=3.13 was not found in "), "{refused}");
}

#[test]
fn one_that_is_not_finished_or_not_ordinary_is_taken_only_where_nothing_else_fits() {
    let folder = Folder::new()
        .python("python3.15", "3.15.0-a1")
        .python("python3.14", "3.14.0+free-threaded")
        .python("python3.13", "3.13.1")
        .python("python3.11", "3.11.7+pypy");
    assert_eq!(folder.newest(">=3.8").unwrap(), "3.13.1");
    assert_eq!(folder.newest(">=3.14").unwrap(), "3.15.0-a1");
    assert_eq!(folder.find("3.14").unwrap(), "3.14.0+free-threaded");
    assert_eq!(folder.newest("<3.13").unwrap(), "3.11.7+pypy");
}

#[test]
fn the_very_release_is_preferred_and_another_of_its_minor_version_will_do() {
    let folder = Folder::new().python("python3.12", "3.12.9").python("python3", "3.12.4");
    let wanted = |patch| Wanted::Version { minor: 12, patch: Some(patch) };
    assert_eq!(folder.find_wanted(&wanted(4)).unwrap(), "3.12.4");
    assert_eq!(folder.find_wanted(&wanted(9)).unwrap(), "3.12.9");
    assert_eq!(folder.find_wanted(&wanted(1)).unwrap(), "3.12.9");
}

#[test]
fn a_real_python_tells_whether_it_is_ordinary() {
    let env = GearEnv::from_process();
    let found = find(&Wanted::Any, &env).unwrap();
    let script = "import sys, sysconfig\n\
                  print(sys.version_info[3] == 'final' and sys.implementation.name == 'cpython' \
                  and not sysconfig.get_config_var('Py_GIL_DISABLED'))";
    let command = CommandSpec::new(&found.executable, &env).args(["-c", script]);
    let is_ordinary = run::checked(&command, Duration::from_secs(60)).unwrap().stdout_text();
    let best = Wanted::Version { minor: found.version.minor, patch: None };
    assert_eq!(best.is_best(&found.version), is_ordinary.trim() == "True", "{found:?}");
}

#[test]
fn a_name_that_lies_about_its_version_is_not_believed() {
    let folder = Folder::new().python("python3.12", "3.11.2");
    assert!(folder.find("3.12").is_err());
}

#[test]
fn one_that_makes_environments_is_preferred() {
    let folder = Folder::new().without_venv("python3", "3.11.2").python("python3.9", "3.9.18");
    assert_eq!(folder.find("3").unwrap(), "3.9.18");
}

#[test]
fn nothing_found_tells_where_and_the_remedy() {
    insta::assert_snapshot!(Folder::new().message("3"), @"Python 3 was not found in BIN. Install it: `apt-get install python3 python3-venv` or `dnf install python3`");
    let folder = Folder::new().python("python3", "3.11.2").python("python3.9", "3.9.18");
    insta::assert_snapshot!(folder.message("3.12"), @"Python 3.12 was not found in BIN; there is 3.9.18 (/py/3.9.18), 3.11.2 (/py/3.11.2). Install it: `apt-get install python3.12 python3.12-venv` or `dnf install python3.12`");
}

#[test]
fn too_old_and_without_venv_are_told_apart() {
    let old = Folder::new().python("python", "2.7.18").python("python3", "3.4.10");
    insta::assert_snapshot!(old.message("3"), @"Python 3.4.10 (/py/3.4.10) is too old: 3.6 or newer is needed. Install it: `apt-get install python3 python3-venv` or `dnf install python3`");
    let bare = Folder::new().without_venv("python3", "3.11.2");
    insta::assert_snapshot!(bare.message("3"), @"Python 3.11.2 (/py/3.11.2) cannot make virtual environments: its modules `venv` and `ensurepip` are not installed. Install them: `apt-get install python3-venv` (or `python3.11-venv`), or `dnf install python3-pip`");
}

#[test]
fn a_version_manager_offers_versions_that_its_shims_do_not() {
    let manager = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(manager.path()).unwrap();
    std::fs::create_dir_all(root.join("versions/3.12.1/bin")).unwrap();
    std::fs::create_dir_all(root.join("versions/3.12.10/bin")).unwrap();
    std::fs::create_dir_all(root.join("versions/3.9.18/bin")).unwrap();
    let env = GearEnv::new().with("PATH", format!("/bin:{root}/shims"));
    let more = search::Search::of_gear(&env).more;
    let offered: Vec<_> = more.iter().filter_map(|d| d.strip_prefix(root.as_str())).collect();
    // The newest first.
    assert_eq!(offered, ["3.12.10", "3.12.1", "3.9.18"].map(|v| format!("/versions/{v}/bin")));
}

#[test]
fn an_active_virtualenv_is_looked_through() {
    let env = GearEnv::from_process();
    let real = find(&Wanted::Any, &env).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let venv = Utf8Path::from_path(dir.path()).unwrap().join("venv");
    let make = CommandSpec::new(&real.executable, &env).args([
        "-m",
        "venv",
        "--without-pip",
        venv.as_str(),
    ]);
    run::checked(&make, Duration::from_secs(60)).unwrap();
    let seen = ask(&venv.join("bin/python"), &env).unwrap();
    assert_eq!(seen, real);
}

#[test]
fn a_link_to_a_python_is_resolved() {
    let env = GearEnv::from_process();
    let real = find(&Wanted::Any, &env).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let link = Utf8Path::from_path(dir.path()).unwrap().join("python3");
    symlink(&real.executable, &link).unwrap();
    assert_eq!(ask(&link, &env).unwrap().executable, real.executable);
}

#[test]
fn what_is_no_python_is_no_interpreter() {
    assert_eq!(ask(Utf8Path::new("/bin/true"), &GearEnv::new()), None);
    assert_eq!(ask(Utf8Path::new("/nonexistent"), &GearEnv::new()), None);
}

#[test]
fn an_unknown_version_is_told_with_those_that_there_are() {
    let folder = Folder::new().python("python3", "3.11.7").python("python3.5", "3.5.1");
    let env = GearEnv::new().with("PATH", folder.path().as_str());
    let message = |version: &str| {
        let error = Wanted::of_software(version).unwrap_err();
        error.naming_what_is_there(&env).to_string()
    };
    let said = message("3.x");
    assert!(
        said.starts_with(
            "the software version \"3.x\" is unknown: it is `3`, or `3.6` or newer; there is Python"
        ),
        "{said}"
    );
    assert!(said.contains("3.11.7 (/py/3.11.7)") && !said.contains("3.5.1"), "{said}");
    assert!(message("2.7").contains("not supported, Python 2 is served no more"));
}
