//! Locks as their tools write them, shortened; the index in them is a placeholder.

pub(super) const UV: &str = r#"version = 1
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

pub(super) const PYLOCK: &str = r#"lock-version = "1.0"
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
pub(super) const POETRY: &str = r#"[[package]]
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

pub(super) const POETRYS_WISHES: &str = r#"[tool.poetry.dependencies]
python = "^3.9"
beta = { version = "^1.0", extras = ["speed"] }
fork = [{ version = "<2", python = "<3.12" }, { version = ">=2", python = ">=3.12" }]
opt = { version = "*", optional = true }
lib = { path = "lib", develop = true }
[tool.poetry.group.dev.dependencies]
devtool = "*"
"#;

pub(super) const PDM: &str = r#"[metadata]
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

pub(super) const PDMS_WISHES: &str = "[project]\nname = 'app'\ndependencies = ['beta[speed]']\n\
                           [dependency-groups]\ndev = ['devtool']\n";

pub(super) const PIPFILE_LOCK: &str = r#"{
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
