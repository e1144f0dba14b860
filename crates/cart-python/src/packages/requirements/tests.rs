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
    Requirements::read(&repo, None, &GearEnv::new()).unwrap().unwrap()
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
        (
            "requirements.txt",
            "-r deps/base.txt\n-cdeps/pins.txt\n--requirement=deps/base.txt\n-r file:deps/url.txt\n\
             flask -r deps/none.txt\n",
        ),
        ("deps/base.txt", "flask\n--constraint pins.txt\n"),
        ("deps/pins.txt", "flask==3\n"),
        ("deps/url.txt", "-r base.txt\nsix\n"),
    ]);
    let files: Vec<_> = found.files.iter().filter_map(|(f, _)| f.file_name()).collect();
    assert_eq!(files, ["requirements.txt", "base.txt", "pins.txt", "url.txt"]);
    assert!(found.names("flask") && found.names("six"));
}

#[test]
fn a_file_that_bounds_asks_for_nothing_unless_it_includes_one_that_does() {
    let bounds = ("bounds.txt", "flask<3\n");
    assert!(!read(&[("requirements.txt", "-c bounds.txt\n"), bounds]).asks_for_something);
    for text in ["-c bounds.txt\n-r bounds.txt\n", "-r bounds.txt\n-c bounds.txt\n", "-r 'open\n"] {
        assert!(read(&[("requirements.txt", text), bounds]).asks_for_something, "{text}");
    }
    let through = read(&[
        ("requirements.txt", "-c pins.txt\n"),
        ("pins.txt", "-r asked.txt\n"),
        ("asked.txt", "flask\n"),
    ]);
    assert!(through.asks_for_something);
}

#[test]
fn variables_lead_to_other_files_and_only_those_that_are_set_count() {
    let (_keep, repo) = repo(&[
        ("requirements.txt", "-r requirements/${STAGE}.txt\nsix=${NONE}\n# ${HOME}\n"),
        ("requirements/prod.txt", "flask\n"),
    ]);
    let read = |env: &GearEnv| Requirements::read(&repo, None, env);
    let env = GearEnv::new().with("HOME", "/h").with("STAGE", "prod");
    let found = read(&env).unwrap().unwrap();
    assert!(found.names("flask"));
    assert_eq!(found.variables.keys().collect::<Vec<_>>(), ["STAGE"]);
    insta::assert_snapshot!(
        read(&GearEnv::new()).unwrap_err().to_string().replace(repo.as_str(), "REPO"),
        @"REPO/requirements.txt, line 1, includes REPO/requirements/${STAGE}.txt, which is missing: set the variable STAGE, add it, or remove the line"
    );
}

#[test]
fn files_in_any_encoding_with_any_line_ends_are_read() {
    let (_keep, repo) = repo(&[("more.txt", "# deps\rsix==1.16.0")]);
    let utf_16: Vec<u8> =
        "\u{feff}-r more.txt\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    files::write_atomic(&repo.join("requirements.txt"), &utf_16, 0o644).unwrap();
    let found = Requirements::read(&repo, None, &GearEnv::new()).unwrap().unwrap();
    assert_eq!(names(&found), ["six"]);
    assert_eq!(found.place_of("six").unwrap().line, 2);
    assert_eq!(found.unreadable, None);
    files::write_atomic(&repo.join("more.txt"), b"# \xfc\nsix", 0o644).unwrap();
    let found = Requirements::read(&repo, None, &GearEnv::new()).unwrap().unwrap();
    assert_eq!(names(&found), ["six"]);
    assert_eq!(found.unreadable, Some(repo.join("more.txt")));
}

#[test]
fn what_never_ends_is_refused_with_the_line_that_leads_there() {
    let refused = |files: &[(&str, &str)]| {
        let (_keep, repo) = repo(files);
        std::fs::create_dir(repo.join("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, repo.join("fifo").as_str(), 0o600.into()).unwrap();
        let error = Requirements::read(&repo, None, &GearEnv::new()).unwrap_err();
        error.to_string().replace(repo.as_str(), "REPO")
    };
    insta::assert_snapshot!(
        refused(&[("requirements.txt", "six\n-r x/../requirements.txt\n"), ("x/y", "")]),
        @"REPO/requirements.txt, line 2, includes REPO/x/../requirements.txt, which is being read already: pip would go in that circle for ever. Remove the line"
    );
    insta::assert_snapshot!(
        refused(&[("requirements.txt", "-c a.txt\n"), ("a.txt", "-r b.txt"), ("b.txt", "\n-c a.txt")]),
        @"REPO/b.txt, line 2, includes REPO/a.txt, which is being read already: pip would go in that circle for ever. Remove the line"
    );
    for odd in ["/dev/zero", "fifo", "folder"] {
        let said = refused(&[("requirements.txt", &format!("-r {odd}\n"))]);
        assert!(said.starts_with("REPO/requirements.txt, line 1, includes "), "{said}");
        assert!(
            said.ends_with("cannot be read as requirements: it must be a file of at most 4 MiB")
        );
    }
    let names: Vec<String> = (0..200).map(|n| format!("{n}.txt")).collect();
    let texts: Vec<String> = (1..201).map(|n| format!("-r {n}.txt")).collect();
    let mut chain: Vec<(&str, &str)> = vec![("requirements.txt", "-r 0.txt")];
    chain.extend(names.iter().zip(&texts).map(|(n, t)| (n.as_str(), t.as_str())));
    insta::assert_snapshot!(
        refused(&chain),
        @"REPO/99.txt, line 1, includes one more file, and more than 100 include each other: put them into fewer"
    );
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
    assert_eq!(Requirements::read(&repo, None, &GearEnv::new()).unwrap(), None);
    let error = Requirements::read(&repo, Some("live.txt".into()), &GearEnv::new()).unwrap_err();
    insta::assert_snapshot!(
        error.to_string().replace(repo.as_str(), "REPO"),
        @"the requirements file REPO/live.txt is missing: add it, or correct OPENSHIFT_PYTHON_REQUIREMENTS_PATH"
    );
}

#[test]
fn a_missing_included_file_is_told_with_its_line() {
    let (_keep, repo) = repo(&[("requirements.txt", "flask\n-r base.txt\n")]);
    let error = Requirements::read(&repo, None, &GearEnv::new()).unwrap_err();
    insta::assert_snapshot!(
        error.to_string().replace(repo.as_str(), "REPO"),
        @"REPO/requirements.txt, line 2, includes REPO/base.txt, which is missing: add it, or remove the line"
    );
}
