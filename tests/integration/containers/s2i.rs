//! What `s2i build` does with our builder image, step by step, as it is done by `podman`: the app's directory and
//! what an earlier build saved go in as an archive, `assemble` runs, and what it leaves is the app's image.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, run};
use cart_test::Answer;
use tempfile::TempDir;
use tests::containers::{
    self, Container, Image, base, command, environment, installs, podman, unique,
};

use crate::cartridge::{assembled, example};

const LIMIT: Duration = Duration::from_secs(900);
const SCRIPTS: &str = "/usr/libexec/s2i";
/// Another user than the one who serves: a project's builds and its pods need not be of one.
const BUILDS: &str = "--user=1000690000:0";

/// The builder image, made once for all tests; they take turns, because each app takes what it can get of the
/// machine.
struct Builder {
    image: Image,
    _alone: MutexGuard<'static, ()>,
}

impl Builder {
    fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // One name for this checkout: what its layers were made of is remembered.
        let target = assembled().ancestors().nth(2).unwrap().to_owned();
        let place = target.as_str().bytes().fold(7_u64, |sum, b| sum.wrapping_mul(31) + u64::from(b));
        let image = Image::called(&format!("localhost/gear-test-builder-{place:x}:latest"));
        let made = CommandSpec::new(target.join("debug/xtask"), &environment())
            .args(["image", "--assembled", "--tag", image.name(), "--base", base().as_str()]);
        run::checked(&made, LIMIT).expect("`cargo xtask dist --debug` comes first");
        Self { image, _alone: alone }
    }

    /// `s2i build`: makes `image` of `source`; with what `former` saved, if it is to be incremental. Answers what
    /// was said.
    fn build(&self, source: &Utf8Path, former: Option<&Image>, image: &Image) -> String {
        let upload = TempDir::new().unwrap();
        let place = Utf8Path::from_path(upload.path()).unwrap();
        // s2i reads the file with the app's variables itself.
        let file = std::fs::read_to_string(source.join(".s2i/environment")).unwrap_or_default();
        let set: Vec<String> = file.lines().map(str::to_owned).collect();
        shell(&format!("cp -R {source} {place}/src"));
        let mut parts = "src";
        if let Some(former) = former {
            let save = format!("podman run --rm {BUILDS} {} {SCRIPTS}/save-artifacts", former.name());
            shell(&format!("mkdir {place}/artifacts && {save} | tar -C {place}/artifacts -xf -"));
            parts = "src artifacts";
        }
        let name = unique("build");
        let variables = set.iter().map(|it| format!("--env={it}")).collect::<Vec<_>>().join(" ");
        let said = shell(&format!(
            "tar -C {place} -cf - {parts} | podman run --interactive --name {name} {BUILDS} {variables} {} {} \
             /bin/sh -c 'tar -C /tmp -xf - && exec {SCRIPTS}/assemble' 2>&1",
            installs().join(" "),
            self.image.name(),
        ));
        let changes = set.iter().map(|it| format!("--change=ENV {it}"));
        let changes: Vec<String> =
            changes.chain([format!("--change=CMD {SCRIPTS}/run")]).collect();
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        podman(&[&["commit", "--quiet"], &changes[..], &[&*name, image.name()]].concat());
        podman(&["rm", &name]);
        said
    }
}

/// Runs a line of a shell, and answers what it printed.
fn shell(line: &str) -> String {
    let said = run::output(&command("sh", &["-ec", line]), LIMIT).unwrap();
    let text = [said.stdout_text(), said.stderr_text()].concat();
    assert!(said.status.success(), "{line}: {text}");
    text
}

/// A copy of an example with more files in it.
fn app(name: &str, files: &[(&str, &str)]) -> (TempDir, Utf8PathBuf) {
    let keep = TempDir::new().unwrap();
    let copy = Utf8Path::from_path(keep.path()).unwrap().join("app");
    shell(&format!("cp -R {} {copy}", example(name)));
    for (file, text) in files {
        write(&copy, file, text);
    }
    (keep, copy)
}

fn write(app: &Utf8Path, file: &str, text: &str) {
    let path = app.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    cart_core::files::write_atomic(&path, text.as_bytes(), 0o755).unwrap();
}
