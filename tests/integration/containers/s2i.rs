//! What `s2i build` does with our builder image, step by step, as it is done by `podman`: the app's directory and
//! what an earlier build saved go in as an archive, `assemble` runs, and what it leaves is the app's image.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, run};
use cart_test::Answer;
use tempfile::TempDir;
use tests::containers::{Container, Image, base, command, environment, installs, podman, unique};

use crate::cartridge::{example, target};

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
        let target = target();
        let place =
            target.as_str().bytes().fold(7_u64, |sum, b| sum.wrapping_mul(31) + u64::from(b));
        let image = Image::called(&format!("localhost/gear-test-builder-{place:x}:latest"));
        let made = CommandSpec::new(target.join("debug/xtask"), &environment()).args([
            "image",
            "--assembled",
            "--tag",
            image.name(),
            "--base",
            base().as_str(),
        ]);
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
            let save =
                format!("podman run --rm {BUILDS} {} {SCRIPTS}/save-artifacts", former.name());
            shell(&format!("mkdir {place}/artifacts && {save} | tar -C {place}/artifacts -xf -"));
            parts = "src artifacts";
        }
        let name = unique("build");
        let variables = set.iter().map(|it| format!("'--env={it}'")).collect::<Vec<_>>().join(" ");
        let said = shell(&format!(
            "tar -C {place} -cf - {parts} | podman run --interactive --name {name} {BUILDS} {variables} {} {} \
             /bin/sh -c 'tar -C /tmp -xf - && exec {SCRIPTS}/assemble' 2>&1",
            installs().join(" "),
            self.image.name(),
        ));
        let quoted =
            |it: &String| it.split_once('=').map(|(name, value)| format!("{name}=\"{value}\""));
        let changes =
            set.iter().filter_map(quoted).map(|variable| format!("--change=ENV {variable}"));
        let changes: Vec<String> =
            changes.chain([format!("--change=CMD [\"{SCRIPTS}/run\"]")]).collect();
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

const READY: &str = "The environment is ready";
const ANEW: &str = "Something else is installed";

fn page(container: &Container, path: &str) -> Answer {
    let answer = container.get(path);
    assert_eq!(answer.status, 200, "{path}: {answer:?}: {}", container.log());
    answer
}

#[test]
fn flask_twice_with_variables_that_are_seen_at_assemble_and_at_run() {
    const HOOK: &str =
        "#!/bin/sh\nprintf %s \"$GREETING\" >\"$OPENSHIFT_REPO_DIR/public/built.txt\"\n";
    const ROUTE: &str = "

@application.route('/greeting')
def greeting():
    import os
    return os.environ['GREETING'] + os.environ['OPENSHIFT_PYTHON_WORKERS']
";
    let builder = Builder::new();
    let (_keep, source) = app(
        "flask",
        &[
            (".s2i/environment", "GREETING=good day\nOPENSHIFT_PYTHON_WORKERS=1\n"),
            (".openshift/action_hooks/build", HOOK),
            ("public/old.txt", "old"),
        ],
    );
    let code = std::fs::read_to_string(source.join("app.py")).unwrap() + ROUTE;
    write(&source, "app.py", &code);
    let first = Image::named("flask");
    let said = builder.build(&source, None, &first);
    assert!(said.contains(READY), "{said}");
    {
        let container = Container::start(first.name(), &[], &[]);
        assert_eq!(page(&container, "/greeting").body, "good day1");
        assert_eq!(page(&container, "/built.txt").body, "good day");
        assert_eq!(page(&container, "/old.txt").body, "old");
        assert_eq!(container.end(), 0, "{}", container.log());
    }

    write(&source, "app.py", &code.replace("return os", "return 'again, ' + os"));
    std::fs::remove_file(source.join("public/old.txt")).unwrap();
    let second = Image::named("flask");
    let said = builder.build(&source, Some(&first), &second);
    assert!(!said.contains(READY) && !said.contains(ANEW), "packages are installed again: {said}");
    let port = "--env=PORT=8090";
    let container = Container::start_at(second.name(), 8090, &[port], &[]);
    assert_eq!(page(&container, "/greeting").body, "again, good day1");
    assert_eq!(container.get("/old.txt").status, 404);
}

#[test]
fn fastapi_and_its_packages_and_another_package_later() {
    let builder = Builder::new();
    let (_keep, source) = app("fastapi", &[(".s2i/environment", "KEEP_DOWNLOADS=1\n")]);
    let first = Image::named("fastapi");
    let said = builder.build(&source, None, &first);
    assert!(said.contains(READY), "{said}");
    // It takes more than a small one.
    let memory = ["--memory=128m"];
    {
        let container = Container::start(first.name(), &memory, &[]);
        assert!(page(&container, "/items/7?q=x").body.contains(r#""item_id":7"#));
    }
    let second = Image::named("fastapi");
    let said = builder.build(&source, Some(&first), &second);
    assert!(!said.contains(READY) && !said.contains(ANEW), "packages are installed again: {said}");

    write(&source, "requirements.txt", "fastapi\nblinker\n");
    let third = Image::named("fastapi");
    let said = builder.build(&source, Some(&second), &third);
    assert!(said.contains(ANEW), "{said}");
    let find = "ls -d /opt/app/dependencies/virtenv/lib/*/site-packages/blinker && \
                find /opt/downloads -type f | grep -q .";
    podman(&["run", "--rm", third.name(), "sh", "-c", find]);
    let container = Container::start(third.name(), &memory, &[]);
    assert!(page(&container, "/").body.contains("World"));
}

#[test]
fn the_builder_says_what_it_is_for_and_where_its_scripts_are() {
    let builder = Builder::new();
    let usage = podman(&["run", "--rm", "--network=none", builder.image.name()]);
    assert!(usage.contains("s2i build APP_DIR"), "{usage}");
    let label = "{{index .Config.Labels \"io.openshift.s2i.scripts-url\"}} {{.Config.User}}";
    let told = podman(&["inspect", "--format", label, builder.image.name()]);
    assert_eq!(told, format!("image://{SCRIPTS} 1001"));
    // What the owner may, the group may, too; but what serves the app belongs to nobody who runs it.
    for look in [
        "find /opt/app /opt/downloads ! -type l \\( -perm -200 ! -perm -020 -o -perm -100 ! -perm -010 -o ! -group 0 \\)",
        "find /opt/gear ! -type l \\( ! -user 0 -o -perm /022 -o ! -perm -004 \\)",
    ] {
        let words = ["run", "--rm", "--network=none", builder.image.name(), "sh", "-c", look];
        assert_eq!(podman(&words), "", "{look}");
    }
}
