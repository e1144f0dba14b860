use cart_core::files;

use super::*;

/// A repository with these files, and what it says to a cartridge of this version.
fn read(software: &str, files: &[(&str, &str)]) -> Result<PythonWish, String> {
    let dir = tempfile::tempdir().unwrap();
    let repo = Utf8Path::from_path(dir.path()).unwrap();
    for (name, content) in files {
        files::write_atomic(&repo.join(name), content.as_bytes(), 0o644).unwrap();
    }
    let software = Wanted::of_software(software).unwrap();
    // A PATH without any Python.
    PythonWish::read(software, repo, &GearEnv::new()).map_err(|error| error.to_string())
}

fn wish(software: &str, files: &[(&str, &str)]) -> PythonWish {
    read(software, files).unwrap_or_else(|error| panic!("{error}"))
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// The sentence, where a file decided, and the remarks for a Python of this version.
fn told(wish: &PythonWish, python: &str) -> String {
    let python = version(python);
    let sentence = wish.decided_by(&python).map(|_| wish.sentence(&python));
    let lines = sentence.into_iter().chain(wish.remarks(&python));
    lines.map(|line| format!("{line}\n")).collect()
}

const PROJECT: (&str, &str) =
    ("pyproject.toml", "[project]\nname = 'x'\nrequires-python = '>=3.10,<3.13'\n");

#[test]
fn nothing_said_is_any_python_and_nothing_is_told() {
    let wish = wish("3", &[]);
    assert!(wish.fits(&version("3.6.0")) && !wish.fits(&version("3.5.1")));
    assert_eq!(told(&wish, "3.11.2"), "");
    assert_eq!(wish.sentence(&version("3.11.2")), "Python 3.11.2: no file asks for another");
    assert_eq!(wish.decided_by(&version("3.11.2")), None);
}

#[test]
fn a_version_file_goes_before_a_project() {
    let wish = wish("3", &[PROJECT, (".python-version", "3.11\n")]);
    assert!(wish.fits(&version("3.11.2")) && !wish.fits(&version("3.12.1")));
    assert_eq!(told(&wish, "3.11.2"), "Python 3.11.2, by .python-version (3.11)\n");
    assert_eq!(wish.decided_by(&version("3.11.2")).unwrap().line, 1);
}

#[test]
fn a_project_that_excludes_the_python_of_the_version_file_is_named() {
    let wish = wish("3", &[PROJECT, (".python-version", "3.13.0\n")]);
    insta::assert_snapshot!(told(&wish, "3.13.0"), @r"
    Python 3.13.0, by .python-version
    pyproject.toml, line 3, asks for Python >=3.10,<3.13, which 3.13.0 is not: .python-version goes before it
    ");
}

#[test]
fn any_of_several_versions_will_do() {
    let wish = wish("3", &[(".python-version", "2.7.18\n3.12.4\n3.10\n")]);
    for fits in ["3.12.4", "3.12.1", "3.10.13"] {
        assert!(wish.fits(&version(fits)), "{fits}");
    }
    assert!(!wish.fits(&version("3.11.2")));
    insta::assert_snapshot!(told(&wish, "3.12.1"), @r"
    Python 3.12.1, by .python-version (3.12.4)
    .python-version, line 2, asks for 3.12.4: 3.12.1 is taken, of the same minor version
    ");
}

#[test]
fn names_that_are_no_version_are_told_and_the_next_file_decides() {
    let wish = wish("3", &[PROJECT, (".python-version", "my-project\npypy3.10\n")]);
    insta::assert_snapshot!(told(&wish, "3.12.1"), @r#"
    Python 3.12.1, by pyproject.toml (>=3.10,<3.13)
    .python-version, line 1: "my-project" names no Python that is looked for here
    .python-version, line 2: "pypy3.10" names no Python that is looked for here
    "#);
}

#[test]
fn a_version_of_the_gears_holds_and_what_excludes_it_is_told() {
    let wish = wish("3.9", &[PROJECT, ("runtime.txt", "python-2.7.18\n")]);
    assert!(wish.fits(&version("3.9.18")) && !wish.fits(&version("3.12.1")));
    insta::assert_snapshot!(told(&wish, "3.9.18"), @r"
    runtime.txt, line 1, asks for python-2.7.18, which 3.9.18 is not: the gear is one for Python 3.9
    pyproject.toml, line 3, asks for Python >=3.10,<3.13, which 3.9.18 is not: the gear is one for Python 3.9
    ");
    let sentence = wish.sentence(&version("3.9.18"));
    assert_eq!(sentence, "Python 3.9.18, by the cartridge's version 3.9");
}

#[test]
fn pythons_that_are_served_no_more_are_refused_with_their_line() {
    let refused = |file: (&str, &str)| read("3", &[file]).unwrap_err();
    insta::assert_snapshot!(refused(("runtime.txt", "python-2.7.18\n")), @r"
    runtime.txt, line 1, asks for python-2.7.18: Python 2 is not served
    Change that line to 3.6 or newer
    ");
    insta::assert_snapshot!(refused(("Pipfile", "[requires]\npython_version = '3.5'\n")), @r"
    Pipfile, line 2, asks for Python 3.5: one older than 3.6 is not served
    Change that line to 3.6 or newer
    ");
}

#[test]
fn what_is_not_on_the_machine_is_named_with_its_line_and_the_remedy() {
    let missing = |file: (&str, &str)| {
        let error = wish("3", &[file]).find(&GearEnv::new().with("PATH", "/nonexistent"));
        match error.unwrap_err() {
            // What there is depends on the machine.
            PythonWishError::NotThere { place, asked, remedy, .. } => {
                let there = "3.9.18, 3.11.2".to_owned();
                PythonWishError::NotThere { place, asked, remedy, there }.to_string()
            }
            other => panic!("{other}"),
        }
    };
    insta::assert_snapshot!(missing((".python-version", "# ours\n3.29.1\n3.28\n")), @r"
    .python-version, line 2, asks for Python 3.29.1 or 3.28, which is not on this machine; there is 3.9.18, 3.11.2
    Install it (`apt-get install python3.29 python3.29-venv` or `dnf install python3.29`), or change that line
    ");
    insta::assert_snapshot!(missing(("pyproject.toml", "[project]\nrequires-python = '>=3.29'\n")), @r"
    pyproject.toml, line 2, asks for Python >=3.29, which is not on this machine; there is 3.9.18, 3.11.2
    Install one that is, or change that line
    ");
}
