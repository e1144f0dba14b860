//! What several tests need: a gear-like tree, and packages that are installed without a network.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run;
use cart_core::{CommandSpec, GearEnv, files};

use crate::app::dependencies::{self, DependencyError, Ensured, Wish};
use crate::environment::installer::Choice;
use crate::environment::interpreter::{self, Wanted};
use crate::environment::python_wish::PythonWish;
use crate::environment::stamp::Stamp;
use crate::environment::virtualenv::stage::copy_tree;
use crate::repository::inputs::Inputs;
use crate::serving::server::Requirement;

/// Writes a wheel of a package that consists of its version and a program of its name.
const WHEEL: &str = r#"
import sys, zipfile
# Words that begin with a slash are further files of the package, others are packages that it needs.
folder, name, version, *more = sys.argv[1:]
info = "%s-%s.dist-info/" % (name, version)
with zipfile.ZipFile("%s/%s-%s-py3-none-any.whl" % (folder, name, version), "w") as wheel:
    wheel.writestr(name + ".py", "version = %r\ndef main(): print(version)\n" % version)
    for file in more:
        if file.startswith("/"):
            wheel.writestr(file[1:], "by = %r\n" % [name, version])
    needs = "".join("Requires-Dist: %s\n" % need for need in more if not need.startswith("/"))
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version) + needs)
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "entry_points.txt", "[console_scripts]\n%s = %s:main\n" % (name, name))
    wheel.writestr(info + "RECORD", "")
"#;

/// Writes the source of a package that cannot be built.
const SOURCE: &str = r#"
import io, sys, tarfile
folder, name, version = sys.argv[1:]
with tarfile.open("%s/%s-%s.tar.gz" % (folder, name, version), "w:gz") as archive:
    def add(file, text):
        member = tarfile.TarInfo("%s-%s/%s" % (name, version, file))
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    add("PKG-INFO", "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version))
    add("pyproject.toml", '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    add("backend.py", "def build_wheel(*args, **kwargs):\n    raise SystemExit('x.c:1:1: error: no such thing')\n")
"#;

/// A tree with a repository, a place for an environment and a shelf of packages.
pub(crate) struct Site {
    dir: tempfile::TempDir,
    installer: Choice,
    _model: Option<Arc<Site>>,
}

/// Environments without packages, made with pip and with uv, that others are copied from, because
/// making one takes up to three seconds. Each lives as long as a test uses it.
static MODELS: [Mutex<Weak<Site>>; 2] = [Mutex::new(Weak::new()), Mutex::new(Weak::new())];

/// Where `cargo xtask test` puts a uv, beside what cargo builds.
pub(crate) fn uv() -> Utf8PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = Utf8Path::from_path(program.ancestors().nth(3).unwrap()).unwrap();
    let uv = target.join("tools/uv/bin/uv");
    assert!(uv.is_file(), "{uv} is missing: run `cargo xtask dist --debug --with-uv`");
    uv
}

impl Site {
    pub(crate) fn new(installer: Choice) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap(), installer, _model: None };
        for name in ["gear/repo", "gear/cart", "gear/tmp", "shelf"] {
            std::fs::create_dir_all(site.path(name)).unwrap();
        }
        site
    }

    /// A tree where an environment is in place already.
    pub(crate) fn ready(installer: Choice) -> Self {
        let model = Self::model(installer);
        let mut site = Self::new(installer);
        copy_tree(&model.place(), &site.place()).unwrap();
        Stamp::read(&model.place()).unwrap().write(&site.place()).unwrap();
        assert!(site.ensured(&[]).0, "it was moved here");
        site._model = Some(model);
        site
    }

    fn model(installer: Choice) -> Arc<Self> {
        let model = &MODELS[usize::from(installer == Choice::Pip)];
        let mut shared = model.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let model = Arc::new(Self::new(installer));
            model.ensured(&[]);
            *shared = Arc::downgrade(&model);
            model
        })
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(name)
    }

    pub(crate) fn repo(&self) -> Utf8PathBuf {
        self.path("gear/repo")
    }

    pub(crate) fn place(&self) -> Utf8PathBuf {
        self.path("gear/cart/virtenv")
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.repo().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
    }

    /// The environment of a gear whose packages come from the shelf alone, and whose home does not
    /// exist.
    pub(crate) fn env(&self) -> GearEnv {
        let path = GearEnv::from_process().get("PATH").unwrap().to_owned();
        GearEnv::new()
            .with("PATH", path)
            .with("HOME", self.path("home").as_str())
            .with("PIP_CONFIG_FILE", "/dev/null")
            .with("PIP_NO_INDEX", "1")
            .with("PIP_FIND_LINKS", self.path("shelf").as_str())
    }

    /// Puts a package on the shelf.
    pub(crate) fn offer(&self, name: &str, version: &str) {
        self.make(WHEEL, name, version, &[]);
    }

    /// Puts a package on the shelf that brings another file, too.
    pub(crate) fn offer_sharing(&self, name: &str, version: &str, file: &str) {
        self.make(WHEEL, name, version, &[&format!("/{file}")]);
    }

    /// Puts a package on the shelf that depends on others.
    pub(crate) fn offer_with(&self, name: &str, version: &str, requires: &[&str]) {
        self.make(WHEEL, name, version, requires);
    }

    /// Puts the source of a package on the shelf that cannot be built.
    pub(crate) fn offer_unbuildable(&self, name: &str, version: &str) {
        self.make(SOURCE, name, version, &[]);
    }

    fn make(&self, script: &str, name: &str, version: &str, more: &[&str]) {
        let python = interpreter::find(&Wanted::Any, &self.env()).unwrap();
        let shelf = self.path("shelf");
        let command = CommandSpec::new(&python.executable, &GearEnv::new())
            .args(["-c", script, shelf.as_str(), name, version])
            .args(more.iter().copied());
        run::checked(&command, Duration::from_secs(60)).unwrap();
    }

    /// Runs a program of the environment and answers what it prints.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> String {
        let command = CommandSpec::new(self.place().join("bin").join(program), &self.env())
            .args(args.iter().copied());
        run::checked(&command, Duration::from_secs(60)).unwrap().stdout_text()
    }

    /// What the environment is to be, as things are now.
    pub(crate) fn wish(&self, server: &[Requirement]) -> Wish {
        Wish { server: server.to_vec(), ..self.wish_in("gear", &[]) }
    }

    /// The same without a server, when the gear has another name and more variables.
    pub(crate) fn wish_in(&self, gear: &str, variables: &[(&str, &str)]) -> Wish {
        let gear = self.path(gear);
        let repo = gear.join("repo");
        let env = variables.iter().fold(self.env(), |env, (name, value)| env.with(*name, *value));
        Wish {
            place: gear.join("cart/virtenv"),
            inputs: Inputs::read(&repo, None, &env).unwrap(),
            python: PythonWish::read(Wanted::Any, &repo, &env).unwrap(),
            repo,
            server: Vec::new(),
            env,
            cache: gear.join("tmp"),
            installer: self.installer,
            own_uv: if self.installer == Choice::Pip { "/nonexistent".into() } else { uv() },
            mirror: None,
            clean: false,
        }
    }

    /// Ensures, and answers what was told on the way.
    pub(crate) fn ensure(
        &self,
        server: &'static [Requirement],
    ) -> (Result<Ensured, DependencyError>, String) {
        let mut told = String::new();
        let mut progress = |line: &str| {
            told.push_str(line);
            told.push('\n');
        };
        let result = dependencies::ensure(&self.wish(server), &mut progress);
        (result, told)
    }

    /// Ensures and demands success; answers whether anything changed, and what was told.
    pub(crate) fn ensured(&self, server: &'static [Requirement]) -> (bool, String) {
        let (result, told) = self.ensure(server);
        (result.unwrap().changed, told)
    }
}

/// A package index with what is on a shelf, on a port of its own, for as long as the test runs.
pub(crate) fn serve_index(shelf: Utf8PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let mut head = BufReader::new(connection.try_clone().unwrap()).lines();
            let request = head.next().and_then(Result::ok).unwrap_or_default();
            // A client that is still sending would lose the answer.
            head.take_while(|line| line.as_ref().is_ok_and(|l| !l.is_empty())).count();
            let path = request.split(' ').nth(1).unwrap_or_default().trim_end_matches('/');
            let name = path.rsplit('/').next().unwrap_or_default();
            let wheel = files::read_if_exists(&shelf.join(name)).ok().flatten();
            let is_file = wheel.is_some();
            let body = wheel.unwrap_or_else(|| {
                let entries = shelf.read_dir_utf8().unwrap().map(|e| e.unwrap());
                let names = entries.map(|entry| entry.file_name().to_owned());
                let of_package = names.filter(|file| file.starts_with(&format!("{name}-")));
                let links = of_package.map(|file| format!("<a href='/{file}'>{file}</a>"));
                links.collect::<String>().into_bytes()
            });
            let kind = if is_file { "application/octet-stream" } else { "text/html" };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n"
            );
            let _ = connection.write_all(&[head.into_bytes(), body].concat());
        }
    });
    address
}
