//! On locks as their tools write them, shortened; the index in them is a placeholder.

use super::*;
use cart_core::files::write_atomic;

const UV: &str = r#"version = 1
revision = 5
requires-python = ">=3.9"
resolution-markers = [
    "python_full_version >= '3.12'",
    "python_full_version < '3.12'",
]

[[package]]
name = "alpha"
version = "1.0"
source = { registry = "https://example.com/simple" }
wheels = [
    { url = "https://example.com/alpha-1.0-py3-none-any.whl", hash = "sha256:aa" },
]

[[package]]
name = "app"
version = "1.0"
source = { virtual = "." }
dependencies = [
    { name = "beta", extra = ["speed"] },
    { name = "fork", version = "1.0", source = { registry = "https://example.com/simple" }, marker = "python_full_version < '3.12'" },
    { name = "fork", version = "2.0", source = { registry = "https://example.com/simple" }, marker = "python_full_version >= '3.12'" },
    { name = "lib" },
    { name = "fromgit" },
    { name = "web" },
]

[package.optional-dependencies]
more = [
    { name = "opt" },
]

[package.dev-dependencies]
dev = [
    { name = "devtool" },
]

[[package]]
name = "beta"
version = "1.0"
source = { registry = "https://example.com/simple" }
dependencies = [
    { name = "alpha" },
    { name = "win", marker = "sys_platform == 'win32'" },
]
sdist = { url = "https://example.com/beta-1.0.tar.gz", hash = "sha256:b0" }
wheels = [
    { url = "https://example.com/beta-1.0-py3-none-any.whl", hash = "sha256:bb" },
]

[package.optional-dependencies]
speed = [
    { name = "fast", marker = "os_name == 'posix'" },
]

[[package]]
name = "devtool"
version = "1.0"
source = { registry = "https://example.com/simple" }
dependencies = [
    { name = "alpha" },
]

[[package]]
name = "fast"
version = "1.0"
source = { registry = "https://gpu.example.com/simple" }
dependencies = [
    { name = "beta" },
]

[[package]]
name = "fork"
version = "1.0"
source = { registry = "https://example.com/simple" }
resolution-markers = [
    "python_full_version < '3.12'",
]

[[package]]
name = "fork"
version = "2.0"
source = { registry = "https://example.com/simple" }
resolution-markers = [
    "python_full_version >= '3.12'",
]

[[package]]
name = "fromgit"
version = "0.1"
source = { git = "https://example.com/me/fromgit?subdirectory=py&rev=main#0123abc" }

[[package]]
name = "lib"
version = "0.1"
source = { editable = "lib" }
dependencies = [
    { name = "alpha" },
]

[[package]]
name = "onlywin"
version = "1.0"
source = { registry = "https://example.com/simple" }

[[package]]
name = "opt"
version = "1.0"
source = { registry = "https://example.com/simple" }

[[package]]
name = "web"
version = "3"
source = { url = "https://example.com/web-3-py3-none-any.whl" }
wheels = [
    { url = "https://example.com/web-3-py3-none-any.whl", hash = "sha256:33" },
]

[[package]]
name = "win"
version = "1.0"
source = { registry = "https://example.com/simple" }
dependencies = [
    { name = "onlywin", marker = "python_full_version < '3.12'" },
]
"#;

const PYLOCK: &str = r#"lock-version = "1.0"
requires-python = ">=3.9"
environments = ["python_version >= \"3.9\""]
extras = ["more"]
dependency-groups = ["default", "dev"]
default-groups = ["default"]
created-by = "pdm"

[[packages]]
name = "alpha"
version = "1.0"
index = "https://example.com/simple"
wheels = [
    {name = "alpha-1.0-py3-none-any.whl",url = "https://example.com/alpha-1.0-py3-none-any.whl",hashes = {sha256 = "aa", md5 = "00"}},
]
marker = "\"default\" in dependency_groups or \"dev\" in dependency_groups"

[[packages]]
name = "devtool"
version = "1.0"
marker = "\"dev\" in dependency_groups"

[[packages]]
name = "win"
version = "1.0"
marker = "sys_platform == 'win32' and 'default' in dependency_groups"

[[packages]]
name = "opt"
version = "1.0"
marker = "'more' in extras"

[[packages]]
name = "lib"
directory = { path = "lib", editable = true }

[[packages]]
name = "fromgit"
vcs = { type = "git", url = "https://example.com/me/fromgit", requested-revision = "main", commit-id = "0123abc" }

[[packages]]
name = "web"
archive = { url = "https://example.com/web-3.tar.gz", hashes = { sha512 = "33" } }
"#;

/// As Poetry 2 writes it; without the lines that name groups, and of lock version 2.0, as 1.8 does.
const POETRY: &str = r#"[[package]]
name = "alpha"
version = "1.0"
description = ""
optional = false
python-versions = "*"
groups = ["main", "dev"]
files = [
    {file = "alpha-1.0-py3-none-any.whl", hash = "sha256:aa"},
]

[[package]]
name = "beta"
version = "1.0"
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = [
    {file = "beta-1.0-py3-none-any.whl", hash = "sha256:bb"},
]

[package.dependencies]
alpha = "<2"
fast = {version = "*", optional = true, markers = "extra == \"speed\""}
win = {version = "*", markers = "sys_platform == \"win32\""}

[package.extras]
speed = ["fast"]

[[package]]
name = "devtool"
version = "1.0"
optional = false
python-versions = "*"
groups = ["dev"]
files = []

[package.dependencies]
alpha = "*"

[[package]]
name = "fast"
version = "1.0"
optional = false
python-versions = "*"
groups = ["main"]
files = [
    {file = "fast-1.0-py3-none-any.whl", hash = "sha256:fa"},
]

[package.source]
type = "legacy"
url = "https://gpu.example.com/simple"
reference = "gpu"

[[package]]
name = "fork"
version = "1.0"
optional = false
python-versions = "*"
groups = ["main"]
markers = "python_version < \"3.12\""
files = []

[[package]]
name = "fork"
version = "2.0"
optional = false
python-versions = "*"
groups = ["main"]
markers = "python_version >= \"3.12\""
files = []

[[package]]
name = "lib"
version = "0.1"
optional = false
python-versions = "*"
groups = ["main"]
files = []
develop = true

[package.dependencies]
alpha = "*"

[package.source]
type = "directory"
url = "lib"

[[package]]
name = "opt"
version = "1.0"
optional = true
python-versions = "*"
groups = ["main"]
markers = "extra == \"more\""
files = []

[[package]]
name = "win"
version = "1.0"
optional = false
python-versions = "*"
groups = ["main"]
markers = "sys_platform == \"win32\""
files = []

[extras]
more = ["opt"]

[metadata]
lock-version = "2.1"
python-versions = "^3.9"
content-hash = "00"
"#;

const POETRYS_WISHES: &str = r#"[tool.poetry.dependencies]
python = "^3.9"
beta = { version = "^1.0", extras = ["speed"] }
fork = [{ version = "<2", python = "<3.12" }, { version = ">=2", python = ">=3.12" }]
opt = { version = "*", optional = true }
lib = { path = "lib", develop = true }
[tool.poetry.group.dev.dependencies]
devtool = "*"
"#;

const PDM: &str = r#"[metadata]
groups = ["default", "dev"]
strategy = ["inherit_metadata"]
lock_version = "4.5.1"
content_hash = "sha256:00"

[[metadata.targets]]
requires_python = ">=3.9"

[[package]]
name = "alpha"
version = "1.0"
summary = ""
groups = ["default", "dev"]
files = [
    {file = "alpha-1.0-py3-none-any.whl", hash = "sha256:aa"},
]

[[package]]
name = "beta"
version = "1.0"
groups = ["default"]
dependencies = [
    "alpha<2",
    "win; sys_platform == \"win32\"",
]
files = [
    {file = "beta-1.0-py3-none-any.whl", hash = "sha256:bb"},
]

[[package]]
name = "beta"
version = "1.0"
extras = ["speed"]
groups = ["default"]
dependencies = [
    "beta==1.0",
    "fast",
]
files = [
    {file = "beta-1.0-py3-none-any.whl", hash = "sha256:bb"},
]

[[package]]
name = "devtool"
version = "1.0"
groups = ["dev"]
dependencies = [
    "alpha",
]
files = []

[[package]]
name = "fast"
version = "1.0"
groups = ["default"]
files = [
    {file = "fast-1.0-py3-none-any.whl", hash = "sha256:fa"},
]

[[package]]
name = "win"
version = "1.0"
groups = ["default"]
marker = "sys_platform == \"win32\""
files = [
    {file = "win-1.0-py3-none-any.whl", hash = "sha256:00"},
]
"#;

const PDMS_WISHES: &str = "[project]\nname = 'app'\ndependencies = ['beta[speed]']\n\
                           [dependency-groups]\ndev = ['devtool']\n";

const PIPFILE_LOCK: &str = r#"{
    "_meta": {
        "hash": { "sha256": "00" },
        "pipfile-spec": 6,
        "requires": { "python_version": "3.11" },
        "sources": [
            { "name": "here", "url": "https://me:secret@example.com/simple", "verify_ssl": true },
            { "name": "gpu", "url": "https://me:secret@gpu.example.com/simple", "verify_ssl": true }
        ]
    },
    "default": {
        "alpha": {
            "hashes": [
                "sha256:aa"
            ],
            "version": "==1.0"
        },
        "beta": {
            "extras": [
                "speed"
            ],
            "hashes": [
                "sha256:bb"
            ],
            "index": "here",
            "version": "==1.0"
        },
        "fast": {
            "index": "gpu",
            "markers": "python_version < '3.12'",
            "version": "==1.0"
        },
        "fromgit": {
            "git": "https://example.com/me/fromgit.git",
            "ref": "0123abc"
        },
        "lib": {
            "editable": true,
            "path": "./lib"
        }
    },
    "develop": {
        "devtool": {
            "version": "==1.0"
        }
    }
}
"#;

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
fn a_pipfile_without_a_lock_is_its_packages() {
    let pipfile = "[[source]]\nname = 'x'\nurl = 'https://example.com/simple'\n[packages]\nflask = '*'\n\
        a = '>=1, <2'\n\"b\" = {version = '==1', extras = ['x'], sys_platform = \"== 'win32'\"}\n\
        c = {git = 'https://example.com/c.git', ref = 'main', editable = true}\n\
        d = {path = '.', editable = true}\ne = {file = 'https://example.com/e.zip'}\n\
        [dev-packages]\ndevtool = '*'\n";
    let repo = Repo::new(&[("Pipfile", pipfile)]);
    let (lists, _) = repo.lists("Pipfile");
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
