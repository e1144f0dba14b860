//! Each mistake in a small cartridge of its own, and all that is said of it.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const MANIFEST: &str = "\
Name: tiny
Cartridge-Short-Name: TINY
Cartridge-Vendor: us
Cartridge-Version: '0.1'
Version: '1.10'
Versions: ['1.10', '2']
Categories: [web_framework]
Provides: [tiny]
Endpoints:
- Private-IP-Name: IP
  Private-Port-Name: PORT
  Private-Port: 8080
  Mappings:
  - Frontend: ''
    Backend: ''
";

/// A cartridge without a mistake, to put one in.
struct Fixture {
    _keep: tempfile::TempDir,
    directory: camino::Utf8PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(keep.path()).unwrap().join("tiny");
        let fixture = Self { _keep: keep, directory };
        fixture.file(facts::FILE, MANIFEST);
        for script in ["setup", "install", "control", "teardown"] {
            fixture.script(&format!("bin/{script}"));
        }
        fixture
    }

    /// Writes a file of mode 0644, with its directories (0755).
    fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.directory.join(name);
        let mut missing: Vec<_> = path.ancestors().skip(1).take_while(|d| !d.exists()).collect();
        while let Some(directory) = missing.pop() {
            files::create_dir(directory, 0o755).unwrap();
        }
        files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
        self
    }

    fn script(&self, name: &str) -> &Self {
        self.file(name, "#!/bin/sh\n").mode(name, 0o755)
    }

    fn mode(&self, name: &str, mode: u32) -> &Self {
        fs::set_permissions(self.directory.join(name), Permissions::from_mode(mode)).unwrap();
        self
    }

    fn link(&self, name: &str, target: &str) -> &Self {
        symlink(target, self.directory.join(name)).unwrap();
        self
    }

    fn remove(&self, name: &str) -> &Self {
        files::remove_if_exists(&self.directory.join(name)).unwrap();
        self
    }

    /// Appends to the manifest.
    fn more(&self, text: &str) -> &Self {
        self.file(facts::FILE, &format!("{MANIFEST}{text}"))
    }

    /// Replaces a part of the manifest.
    fn instead(&self, old: &str, new: &str) -> &Self {
        assert!(MANIFEST.contains(old), "{old}");
        self.file(facts::FILE, &MANIFEST.replace(old, new))
    }

    fn managed(&self, text: &str) -> &Self {
        self.file("metadata/managed_files.yml", text)
    }
}

type Mistake = (&'static str, fn(&Fixture) -> &Fixture);

/// What is said of each mistake, under its name.
fn said(mistakes: &[Mistake]) -> String {
    let mut text = String::new();
    for (name, make) in mistakes {
        let fixture = Fixture::new();
        make(&fixture);
        writeln!(text, "{name}").unwrap();
        let findings = validate(&fixture.directory).unwrap().sorted();
        assert!(!findings.is_empty(), "nobody noticed: {name}");
        for finding in findings {
            writeln!(text, "    {finding}").unwrap();
        }
    }
    text
}

#[test]
fn a_cartridge_without_a_mistake_is_accepted() {
    let fixture = Fixture::new();
    assert_eq!(validate(&fixture.directory).unwrap().sorted(), []);
    fixture
        .more("Subscribes:\n  set-env:\n    Type: ENV:*\nMetrics:\n- x\nVersion-Overrides:\n  '2':\n    Display-Name: Two\n")
        .managed(":locked_files:\n- conf/\n- ~/.tinyrc\n- ~/app-root/data/x\nprocessed_templates:\n- conf/*.erb\ndependency_dirs:\n- lib\n- ~/.m2: maven\nsnapshot_exclusions:\n- run\nimage_exclusions:\n- usr/build\nrestore_transforms: [s|a|b|]\n")
        .file("conf/x.erb", "<%= 1 %>")
        .file("env/OPENSHIFT_TINY_GREETING.erb", "x")
        .script("bin/metrics")
        .script("usr/bin/program")
        .link("bin/post_install", "../usr/bin/program")
        .file("usr/template/view.erb", "x");
    assert_eq!(validate(&fixture.directory).unwrap().sorted(), []);
}

#[test]
fn what_is_no_directory_is_an_error() {
    let error = validate(Utf8Path::new("/nonexistent/cartridge")).unwrap_err().to_string();
    assert!(error.starts_with("cannot list /nonexistent/cartridge: "), "{error}");
}

#[test]
fn mistakes_in_the_elements_of_a_manifest() {
    let all = said(&[
        ("no manifest", |f| f.remove(facts::FILE)),
        ("manifest is a list", |f| f.file(facts::FILE, "- Name: tiny\n")),
        ("manifest is no YAML", |f| f.more("Scaling: [1\nMetrics: x\n")),
        ("manifest of two documents", |f| f.more("---\nName: x\n")),
        ("nothing mandatory is there", |f| {
            f.file(facts::FILE, "Categories: [service]\nProvides: [x]\n")
        }),
        ("empty Name", |f| f.instead("Name: tiny\n", "Name:\n")),
        ("short name with a hyphen", |f| {
            f.instead("Cartridge-Short-Name: TINY", "Cartridge-Short-Name: TI-NY")
        }),
        ("short name with a dot", |f| {
            f.instead("Cartridge-Short-Name: TINY", "Cartridge-Short-Name: TI.NY")
        }),
        ("Name in capitals", |f| f.instead("Name: tiny\n", "Name: Tiny\n")),
        ("long Name", |f| f.instead("Name: tiny\n", "Name: a-cartridge-with-a-very-long-name\n")),
        ("reserved Name", |f| f.instead("Name: tiny\n", "Name: git\n")),
        ("vendor with a hyphen", |f| f.instead("Vendor: us", "Vendor: the-us")),
        ("vendor redhat", |f| f.instead("Vendor: us", "Vendor: redhat")),
        ("downloadable, vendor redhat", |f| {
            f.instead("Vendor: us", "Vendor: redhat\nSource-Url: https://x.org/tiny.zip")
        }),
        ("element twice", |f| f.more("Name: other\n")),
        ("misspelt element", |f| f.more("Website-Url: x\nScalling: {Min: 1}\n")),
        ("no category of the broker's", |f| {
            f.instead("Categories: [web_framework]", "Categories: [ruby]")
        }),
        ("Categories is a text", |f| {
            f.instead("Categories: [web_framework]", "Categories: web_framework")
        }),
        ("contradictory categories", |f| {
            f.instead("Categories: [web_framework]", "Categories: [web_framework, external]")
        }),
        ("nothing provided", |f| f.instead("Provides: [tiny]\n", "Provides: []\n")),
        ("scaling to nothing", |f| f.more("Scaling:\n  Min: 0\n  Max: many\n  Most: 1\n")),
        ("scaling upside down", |f| f.more("Scaling:\n  Min: 3\n  Max: 2\n")),
        ("relative Source-Url", |f| f.more("Source-Url: tiny.zip\n")),
        ("Source-Url of a page", |f| f.more("Source-Url: https://x.org/tiny\n")),
        ("checksum of a repository", |f| {
            f.more("Source-Url: https://x.org/tiny.git\nSource-Md5: x\n")
        }),
        ("long downloadable manifest", |f| {
            f.more(&format!("Source-Url: file:///x\nDescription: {}\n", "x".repeat(20480)))
        }),
        ("initial build wanted in words", |f| f.more("Install-Build-Required: never\n")),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn mistakes_in_versions() {
    let all = said(&[
        ("Version is a float", |f| f.instead("Version: '1.10'\n", "Version: 1.10\n")),
        ("Cartridge-Version is a float", |f| {
            f.instead("Cartridge-Version: '0.1'", "Cartridge-Version: 0.1")
        }),
        ("Cartridge-Version with a word", |f| {
            f.instead("Cartridge-Version: '0.1'", "Cartridge-Version: 0.1-beta")
        }),
        ("Versions is a text", |f| f.instead("['1.10', '2']", "'1.10'")),
        ("Versions without quotes", |f| f.instead("['1.10', '2']", "['1.10', 2.0, 3, x]")),
        ("Compatible-Versions is a text", |f| f.more("Compatible-Versions: '0.0.9'\n")),
        ("overrides of an unquoted version", |f| {
            f.more("Version-Overrides:\n  1.10:\n    Display-Name: One\n")
        }),
        ("overrides of an unknown version", |f| {
            f.more("Version-Overrides:\n  '3':\n    Display-Name: Three\n")
        }),
        ("overrides of unknown elements", |f| {
            f.more("Version-Overrides:\n  '2':\n    Display-Nam: Two\n")
        }),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn mistakes_in_endpoints() {
    let all = said(&[
        ("no port", |f| f.instead("  Private-Port: 8080\n", "")),
        ("port in quotes", |f| f.instead("Private-Port: 8080", "Private-Port: '8080'")),
        ("privileged port", |f| f.instead("Private-Port: 8080", "Private-Port: 80")),
        ("endpoint is a text", |f| {
            f.instead("- Private-IP-Name: IP\n", "- PORT\n- Private-IP-Name: IP\n")
        }),
        ("same port twice", |f| {
            f.more("- Private-IP-Name: IP\n  Private-Port-Name: PORT\n  Private-Port: 8080\n")
        }),
        ("name with a hyphen", |f| {
            f.instead("Private-Port: 8080", "Private-Port: 8080\n  Public-Port-Name: PROXY-PORT")
        }),
        ("unknown option of a mapping", |f| {
            f.more("    Options:\n      websockets: true\n      quick: true\n")
        }),
        ("unknown option of an endpoint", |f| f.more("  Options: {secondary: true}\n")),
        ("mapping without Frontend", |f| f.instead("  - Frontend: ''\n    B", "  - B")),
        ("mapping without quotes", |f| f.instead("Backend: ''", "Backend:")),
        ("mappings without http", |f| f.more("  Protocols: [ws]\n")),
        ("the whole site for a database", |f| f.instead("web_framework", "service")),
        ("port of WebSockets without a name", |f| f.more("  WebSocket-Port: 8443\n")),
        ("misspelt element", |f| f.more("  Public-Port: PROXY_PORT\n")),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn mistakes_in_connections() {
    let all = said(&[
        ("no Type", |f| f.more("Publishes:\n  publish-it:\n    Required: false\n")),
        ("missing hooks", |f| {
            f.more(
                "Publishes:\n  publish-env:\n    Type: ENV:NET_TCP:x\n  publish-http-url:\n    Type: NET_TCP:x\nSubscribes:\n  set-it:\n    Type: NET_TCP:x\n",
            )
        }),
        ("missing hooks of a component, not required", |f| {
            f.more(
                "Components:\n  x:\n    Subscribes:\n      set-it:\n        Type: NET_TCP:x\n        Required: false\n",
            )
        }),
        ("hook that is not executable", |f| {
            f.more("Subscribes:\n  set-it:\n    Type: NET_TCP:x\n").file("hooks/set-it", "x")
        }),
        ("hook that nobody names", |f| f.script("hooks/set-it")),
        ("hook of the platform", |f| f.script("hooks/publish-gear-endpoint")),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn mistakes_in_managed_files() {
    let all = said(&[
        ("empty", |f| f.managed("")),
        ("no YAML", |f| f.managed("locked_files:\n- a\n b: [\n")),
        ("misspelt list", |f| f.managed("locked_file:\n- conf/\n")),
        ("a text for a list", |f| f.managed("locked_files: conf/\n")),
        ("a map for a file", |f| f.managed("locked_files:\n- conf: x\n")),
        ("absolute", |f| f.managed("locked_files:\n- /etc/passwd\n")),
        ("out of the home", |f| f.managed("locked_files:\n- a\n- ../../x\n- ~/../x\n")),
        ("a pattern without star", |f| f.managed("setup_rewritten:\n- conf/[ab]\n")),
        ("the manifest", |f| f.managed("setup_rewritten:\n- metadata/manifest.yml\n")),
        ("locking what is the node's", |f| {
            f.managed("locked_files:\n- ~/.ssh/config\n- ~/.envision\n- ~/visible\n- ../git/x\n")
        }),
        ("template is missing", |f| {
            f.remove("bin/setup").managed("processed_templates:\n- conf/a.erb\n- conf/*.erb\n")
        }),
        ("template that setup would have to make", |f| {
            f.managed("processed_templates:\n- conf/a.erb\n- conf/*.erb\n")
        }),
        ("template without .erb", |f| {
            f.managed("processed_templates:\n- conf/a\n").file("conf/a", "x")
        }),
        ("template in usr", |f| {
            f.managed("processed_templates:\n- usr/a.erb\n").file("usr/a.erb", "x")
        }),
        ("directory at the place of a link", |f| {
            f.managed("dependency_dirs:\n- lib\n- x: ../../y\n").file("lib/a", "x")
        }),
        ("visible link in the home", |f| f.managed("build_dependency_dirs:\n- ~/m2\n")),
        ("exclusion with a slash", |f| f.managed("snapshot_exclusions:\n- run/\n")),
        ("exclusions from images", |f| {
            f.managed("image_exclusions:\n- usr/\n- ~/usr/x\n- usr/*\n")
        }),
        ("own directory in an entry", |f| f.managed("snapshot_exclusions:\n- tiny/run\n")),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn mistakes_in_files() {
    let all = said(&[
        ("no bin", |f| {
            fs::remove_dir_all(f.directory.join("bin")).unwrap();
            f
        }),
        ("no control", |f| f.remove("bin/control")),
        ("scripts that are not executable", |f| {
            for name in ["bin/control", "bin/setup", "bin/install", "bin/teardown"] {
                f.mode(name, 0o644);
            }
            f
        }),
        ("metrics that nobody runs", |f| f.script("bin/metrics")),
        ("metrics that are missing", |f| f.more("Metrics: [x]\n")),
        ("world-writable", |f| f.file("conf/x", "").mode("conf/x", 0o666)),
        ("unreadable", |f| {
            f.file("conf/x", "").mode("conf/x", 0o200);
            f.file("usr/private/x", "").mode("usr/private/x", 0o640).mode("usr/private", 0o700);
            f.script("usr/program").mode("usr/program", 0o754)
        }),
        ("links that lead away", |f| {
            f.link("bin/upgrade", "/usr/bin/true");
            f.link("bin/tidy", "../../elsewhere").link("bin/status", "nothing")
        }),
        ("script from Windows", |f| {
            f.file("bin/control", "#!/bin/sh\r\nexit\r\n").mode("bin/control", 0o755)
        }),
        ("template in usr", |f| f.file("usr/conf/x.erb", "")),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn mistakes_in_names_of_variables() {
    let all = said(&[
        ("variables that are never rendered", |f| {
            f.remove("bin/setup").file("env/OPENSHIFT_TINY_X.erb", "")
        }),
        ("a variable of the gear", |f| f.file("env/OPENSHIFT_DATA_DIR.erb", "")),
        ("a variable of an endpoint", |f| f.file("env/OPENSHIFT_TINY_PORT", "")),
        ("a variable of the node", |f| f.file("env/OPENSHIFT_TINY_DIR", "")),
        ("no variable", |f| f.file("env/READ.ME", "")),
        ("PATH", |f| f.file("env/PATH", "")),
        ("twice", |f| f.file("env/X", "").file("env/X.erb", "")),
        ("path element of another name", |f| {
            f.file("env/OPENSHIFT_LITTLE_PATH_ELEMENT", "");
            f.file("env/OPENSHIFT_TINY_LD_LIBRARY_PATH_ELEMENT", "")
        }),
    ]);
    insta::assert_snapshot!(all);
}
