use super::*;

fn repo(files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let repo = Utf8Path::from_path(dir.path()).unwrap().to_owned();
    for (name, content) in files {
        let path = repo.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
    }
    (dir, repo)
}

fn read(files: &[(&str, &str)]) -> Requirements {
    let (_keep, repo) = repo(files);
    Requirements::read(&repo, None).unwrap().unwrap()
}

fn names(found: &Requirements) -> Vec<&str> {
    found.packages.iter().map(|p| p.name.as_str()).collect()
}

#[test]
fn names_in_every_spelling() {
    let found = read(&[(
        "requirements.txt",
        "# comment\n\
         Flask==3.0  # why\n\
         zope.Interface[test]>=5 ; python_version < '3.9'\n\
         my__Odd.-name\n\
         private @ https://example.com/private.whl\n\
         git+https://example.com/x.git#egg=From_Git\n\
         https://example.com/unnamed.tar.gz\n\
         requests \\\n  >=2 \\\n  --hash=sha256:00\n\
         --index-url https://example.com/simple\n",
    )]);
    assert_eq!(
        names(&found),
        ["flask", "zope-interface", "my-odd-name", "private", "from-git", "requests"]
    );
    assert!(found.names("My_Odd.Name") && !found.names("gunicorn"));
    assert_eq!(found.place_of("requests").unwrap().line, 8);
}

#[test]
fn included_files_count_wherever_they_are_and_however_often() {
    let found = read(&[
        ("requirements.txt", "-r deps/base.txt\n-cdeps/pins.txt\n--requirement=deps/base.txt\n"),
        ("deps/base.txt", "flask\n-r ../requirements.txt\n--constraint pins.txt\n"),
        ("deps/pins.txt", "flask==3\n"),
    ]);
    let files: Vec<_> = found.files.iter().filter_map(|(f, _)| f.file_name()).collect();
    assert_eq!(files[..2], ["requirements.txt", "base.txt"]);
    assert!(found.files.iter().any(|(f, _)| f.ends_with("deps/pins.txt")));
    assert!(found.names("flask"));
}

#[test]
fn local_packages_are_told_from_named_ones() {
    let found = read(&[(
        "requirements.txt",
        "./libs/one\n-e ./libs/two[extra]\nwheels/three-1.0-py3-none-any.whl\nfile:libs/four\n.\n",
    )]);
    let local: Vec<_> =
        found.local.iter().map(|l| (l.path.file_name().unwrap_or_default(), l.editable)).collect();
    assert_eq!(
        local[..4],
        [("one", false), ("two", true), ("three-1.0-py3-none-any.whl", false), ("four", false)]
    );
    assert_eq!(local.len(), 5);
    assert!(found.packages.is_empty());
}

#[test]
fn a_file_of_comments_and_options_asks_for_nothing() {
    let found = read(&[("requirements.txt", "\u{feff}# nothing\n\n-i https://example.com\n")]);
    assert!(!found.asks_for_something);
}

#[test]
fn only_a_missing_file_that_was_named_is_an_error() {
    let (_keep, repo) = repo(&[]);
    assert_eq!(Requirements::read(&repo, None).unwrap(), None);
    let error = Requirements::read(&repo, Some("live.txt".into())).unwrap_err();
    insta::assert_snapshot!(
        error.to_string().replace(repo.as_str(), "REPO"),
        @"the requirements file REPO/live.txt is missing: add it, or correct OPENSHIFT_PYTHON_REQUIREMENTS_PATH"
    );
}

#[test]
fn a_missing_included_file_is_told_with_its_line() {
    let (_keep, repo) = repo(&[("requirements.txt", "flask\n-r base.txt\n")]);
    let error = Requirements::read(&repo, None).unwrap_err();
    insta::assert_snapshot!(
        error.to_string().replace(repo.as_str(), "REPO"),
        @"REPO/requirements.txt, line 2, includes REPO/base.txt, which is missing: add it, or remove the line"
    );
}
