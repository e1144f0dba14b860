//! On locks as their tools write them.

mod fixtures;

use cart_core::files::write_atomic;

use self::fixtures::{PDM, PDMS_WISHES, PIPFILE_LOCK, POETRY, POETRYS_WISHES, PYLOCK, UV};
use super::*;

/// A repository with these files, and what one of them comes to.
struct Repo(tempfile::TempDir);

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            write_atomic(&repo.path().join(name), text.as_bytes(), 0o644).unwrap();
        }
        repo
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    fn read(&self, name: &str) -> Result<Requirements, String> {
        let file = self.path().join(name);
        let format = Format::of(&file).unwrap();
        let read = read(self.path(), &file, format, &GearEnv::new());
        read.map_err(|error| error.to_string().replace(self.path().as_str(), "REPO"))
    }

    /// Both lists, a line between them, and what is said.
    fn lists(&self, name: &str) -> (String, Vec<String>) {
        let converted = self.read(name).unwrap().converted.unwrap();
        let text = format!("{}--\n{}", converted.hashed, converted.others);
        (text.replace(self.path().as_str(), "REPO"), converted.said)
    }
}

#[test]
fn a_uv_lock_is_walked_from_the_app_to_what_it_needs() {
    let (lists, said) = Repo::new(&[("uv.lock", UV)]).lists("uv.lock");
    insta::assert_snapshot!(lists, @r"
    alpha==1.0 --hash=sha256:aa
    beta==1.0 --hash=sha256:b0 --hash=sha256:bb
    web @ https://example.com/web-3-py3-none-any.whl --hash=sha256:33
    --
    fast==1.0 ; os_name == 'posix'
    fork==1.0 ; python_full_version < '3.12'
    fork==2.0 ; python_full_version >= '3.12'
    fromgit @ git+https://example.com/me/fromgit@0123abc#subdirectory=py
    -e file://REPO/lib
    onlywin==1.0 ; python_full_version < '3.12' and sys_platform == 'win32'
    win==1.0 ; sys_platform == 'win32'
    ");
    assert_eq!(
        said,
        [
            "fast was locked from https://gpu.example.com/simple, which no setting names: if it is not \
          found, set PIP_EXTRA_INDEX_URL to that index"
        ]
    );
}

#[test]
fn a_workspace_without_an_app_at_its_top_is_all_its_members() {
    let lock = "version = 1\n[manifest]\nmembers = ['one', 'two']\n\
        [[package]]\nname = 'one'\nversion = '1'\nsource = { editable = 'one' }\ndependencies = [{ name = 'x' }]\n\
        [[package]]\nname = 'two'\nversion = '1'\nsource = { virtual = 'two' }\ndependencies = [{ name = 'one' }]\n\
        [[package]]\nname = 'x'\nversion = '3'\nsource = { registry = 'https://example.com/simple' }\n";
    let (lists, _) = Repo::new(&[("uv.lock", lock)]).lists("uv.lock");
    assert_eq!(lists, "--\n-e file://REPO/one\nx==3\n");
}

#[test]
fn a_pylock_is_a_list_of_which_default_groups_and_no_extras_count() {
    for name in ["pylock.toml", "pylock.live.toml"] {
        let (lists, said) = Repo::new(&[(name, PYLOCK)]).lists(name);
        insta::allow_duplicates! { insta::assert_snapshot!(lists, @r"
        alpha==1.0 --hash=sha256:aa
        web @ https://example.com/web-3.tar.gz --hash=sha512:33
        --
        win==1.0 ; sys_platform == 'win32'
        -e file://REPO/lib
        fromgit @ git+https://example.com/me/fromgit@0123abc
        ") }
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn a_poetry_lock_of_every_age_comes_to_the_same() {
    let without_groups: String = POETRY
        .split_inclusive('\n')
        .filter(|l| !l.starts_with("groups") && !l.starts_with("markers ="))
        .collect();
    let of_1_8 = without_groups.replace("lock-version = \"2.1\"", "lock-version = \"2.0\"");
    // Hashes apart, as before 1.3.
    let of_1_1: String =
        of_1_8.split_inclusive('\n').filter(|l| !l.starts_with("    {file")).collect();
    let of_1_1 = of_1_1.replace("lock-version = \"2.0\"", "lock-version = \"1.1\"")
        + "[metadata.files]\nalpha = [{file = 'a', hash = 'sha256:aa'}]\nBeta = [{file = 'b', hash = 'sha256:bb'}]\n\
           fast = [{file = 'f', hash = 'sha256:fa'}]\n";
    for lock in [POETRY, &of_1_8, &of_1_1] {
        let repo = Repo::new(&[("poetry.lock", lock), ("pyproject.toml", POETRYS_WISHES)]);
        let (lists, said) = repo.lists("poetry.lock");
        let lists = lists.replace('"', "'");
        insta::allow_duplicates! { insta::assert_snapshot!(lists, @r"
        alpha==1.0 --hash=sha256:aa
        beta==1.0 --hash=sha256:bb
        fast==1.0 --hash=sha256:fa
        --
        fork==1.0 ; python_version < '3.12'
        fork==2.0 ; python_version >= '3.12'
        -e file://REPO/lib
        win==1.0 ; sys_platform == 'win32'
        ") }
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn a_pdm_lock_comes_to_the_same_with_and_without_inherited_metadata() {
    let bare: String = PDM
        .split_inclusive('\n')
        .enumerate()
        .filter(|(n, line)| *n < 5 || !(line.starts_with("groups") || line.starts_with("marker")))
        .map(|(_, line)| line)
        .collect();
    assert!(
        bare.contains("groups = [\"default\", \"dev\"]")
            && !bare.contains("groups = [\"default\"]")
    );
    for lock in [PDM, &bare] {
        let repo = Repo::new(&[("pdm.lock", lock), ("pyproject.toml", PDMS_WISHES)]);
        let (lists, said) = repo.lists("pdm.lock");
        let lists = lists.replace('"', "'");
        insta::allow_duplicates! { insta::assert_snapshot!(lists, @r"
        alpha==1.0 --hash=sha256:aa
        beta==1.0 --hash=sha256:bb
        fast==1.0 --hash=sha256:fa
        win==1.0 ; sys_platform == 'win32' --hash=sha256:00
        --
        ") }
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn a_pipfile_lock_is_its_default_part_and_shows_no_password() {
    let repo =
        Repo::new(&[("Pipfile.lock", PIPFILE_LOCK), ("Pipfile", "[packages]\nnew_one = '*'\n")]);
    let (lists, said) = repo.lists("Pipfile.lock");
    insta::assert_snapshot!(lists, @r"
    alpha==1.0 --hash=sha256:aa
    beta==1.0 --hash=sha256:bb
    --
    fast==1.0 ; python_version < '3.12'
    fromgit @ git+https://example.com/me/fromgit.git@0123abc
    -e file://REPO/lib
    ");
    insta::assert_snapshot!(said.join("\n"), @r"
    Pipfile.lock is older than Pipfile: it has no new_one, which is not installed. Lock again
    fast was locked from https://gpu.example.com/simple, which no setting names: if it is not found, set PIP_EXTRA_INDEX_URL to that index
    ");
    let place = repo.read("Pipfile.lock").unwrap().place_of("beta").unwrap().line;
    assert_eq!(PIPFILE_LOCK.lines().nth(place - 1).unwrap().trim(), "\"beta\": {");
}

#[test]
fn what_pipenv_did_not_want_itself_is_locked_without_a_version() {
    let lock = r#"{"_meta": {"pipfile-spec": 6}, "default": {
        "a": {"markers": "python_version < '3.11'", "version": "*"},
        "b": {"markers": "os_name == 'nt'", "version": ">=1, <2"}}}"#;
    let (lists, _) = Repo::new(&[("Pipfile.lock", lock)]).lists("Pipfile.lock");
    assert_eq!(lists, "--\na ; python_version < '3.11'\nb>=1,<2 ; os_name == 'nt'\n");
}

#[test]
fn a_pipfile_without_a_lock_is_its_packages() {
    let pipfile = "[[source]]\nname = 'x'\nurl = 'https://example.com/simple'\n[packages]\nflask = '*'\n\
        a = '>=1, <2'\n\"b\" = {version = '==1', extras = ['x'], sys_platform = \"== 'win32'\"}\n\
        c = {git = 'https://example.com/c.git', ref = 'main', editable = true}\n\
        d = {path = '.', editable = true}\ne = {file = 'https://example.com/e.zip'}\n\
        [dev-packages]\ndevtool = '*'\n";
    let repo = Repo::new(&[("Pipfile", pipfile)]);
    let (lists, said) = repo.lists("Pipfile");
    insta::assert_snapshot!(said.join("\n"), @"Pipfile names the package index https://example.com/simple, which is not asked: set PIP_EXTRA_INDEX_URL to it, or PIP_INDEX_URL where no other is to be asked");
    insta::assert_snapshot!(lists, @r"
    --
    a>=1, <2
    b[x]==1 ; sys_platform == 'win32'
    c @ git+https://example.com/c.git@main
    e @ https://example.com/e.zip
    flask
    ");
    let requirements = repo.read("Pipfile").unwrap();
    assert_eq!(requirements.place_of("b").unwrap().line, 7);
    assert!(!requirements.converted.unwrap().complete);
}

#[test]
fn a_lock_that_nobody_knows_is_told_with_key_and_remedy() {
    for (name, text, error) in [
        (
            "uv.lock",
            "version = 2\n",
            "REPO/uv.lock: `version` is `2`, and only 1 is known here. Write the file with a version of `uv lock` that writes that, or name another file by OPENSHIFT_PYTHON_REQUIREMENTS_PATH",
        ),
        (
            "pylock.toml",
            "",
            "REPO/pylock.toml: `lock-version` is missing, and only 1.0 is known here.",
        ),
        (
            "poetry.lock",
            "[metadata]\nlock-version = '3.0'\n",
            "REPO/poetry.lock: `lock-version` is `3.0`",
        ),
        ("pdm.lock", "[metadata]\nlock_version = '5'\n", "REPO/pdm.lock: `lock_version` is `5`"),
        (
            "Pipfile.lock",
            "{\"_meta\": {\"pipfile-spec\": 7}}",
            "REPO/Pipfile.lock: `pipfile-spec` is `7`",
        ),
        ("uv.lock", "version = 1\n\n[[package]\n", "REPO/uv.lock, line 3: "),
        ("Pipfile.lock", "{\n\n]", "REPO/Pipfile.lock, line 3: "),
        (
            "uv.lock",
            "version = 1\n[[package]]\nname = 'app'\nsource = { virtual = '.' }\ndependencies = [{ name = 'gone' }]\n",
            "REPO/uv.lock, line 3: `gone` is asked for here, and the lock does not have it",
        ),
        (
            "pylock.toml",
            "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1'\nmarker = 'x =='\n",
            "REPO/pylock.toml, line 3: the marker cannot be read",
        ),
        (
            "pylock.toml",
            "lock-version = '1.0'\n[[packages]]\nname = 'a'\n",
            "REPO/pylock.toml, line 3: `a` has neither a version nor another source",
        ),
        (
            "pylock.toml",
            "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = \"1\\n--index-url=x\"\n",
            "REPO/pylock.toml, line 3: the name, version, source or a hash of `a` is none",
        ),
        (
            "pylock.toml",
            "lock-version = '1.0'\n[[packages]]\nname = 'a b'\nversion = '1'\n",
            "REPO/pylock.toml, line 3: ",
        ),
    ] {
        let found = Repo::new(&[(name, text)]).read(name).unwrap_err();
        assert!(found.starts_with(error), "{found}");
    }
    let repo = Repo::new(&[("uv.lock", "")]);
    std::fs::File::options()
        .write(true)
        .open(repo.path().join("uv.lock"))
        .unwrap()
        .set_len(LONGEST + 1)
        .unwrap();
    let found = repo.read("uv.lock").unwrap_err();
    assert_eq!(found, "REPO/uv.lock cannot be read: it must be a file of at most 16 MiB");
}

#[test]
fn a_lock_that_is_older_than_its_wishes_is_said_to_be() {
    let wishes =
        "[project]\ndependencies = ['Beta[speed]>=1', 'brand-new>=2', 'x; extra == \"no\"']\n";
    let repo = Repo::new(&[("uv.lock", UV), ("pyproject.toml", wishes)]);
    let (_, said) = repo.lists("uv.lock");
    assert_eq!(
        said[0],
        "uv.lock is older than pyproject.toml: it has no brand-new, which is not installed. Lock again"
    );
}

#[test]
fn another_index_that_a_setting_may_name_is_not_spoken_of() {
    let repo = Repo::new(&[("uv.lock", UV)]);
    let env = GearEnv::new().with("PIP_EXTRA_INDEX_URL", "https://gpu.example.com/simple");
    let read = read(repo.path(), &repo.path().join("uv.lock"), Format::Uv, &env).unwrap();
    assert!(read.converted.unwrap().said.is_empty());
}
