//! `gear image`: what is in an image, that the same comes of the same, and what one serves.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, files, run, tree};
use serde_json::Value;
use std::time::Duration;
use tempfile::TempDir;
use tests::containers::{self, Container, Image, base, podman};

use crate::cartridge::{self, assembled, example};

const BUILD: Duration = Duration::from_secs(900);

/// An app, and a directory for images.
struct Place {
    directory: Utf8PathBuf,
    app: Utf8PathBuf,
    _guard: TempDir,
}

impl Place {
    fn new(name: &str) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        let app = directory.join("shop");
        tree::copy(&example(name), &app, |_| false).unwrap();
        Self { directory, app, _guard: guard }
    }

    fn gear(&self, words: &[&str]) -> CommandSpec {
        let program = cartridge::gear(&assembled());
        containers::command(program.as_str(), words)
    }

    /// Answers the digest.
    fn image(&self, more: &[&str]) -> String {
        self.image_by(more, |gear| gear)
    }

    fn image_by(&self, more: &[&str], but: impl FnOnce(CommandSpec) -> CommandSpec) -> String {
        let (base, assembled) = (base(), assembled());
        let words = ["image", self.app.as_str(), "--base", base.as_str()];
        let cartridge = ["--cartridge", assembled.as_str()];
        let gear = but(self.gear(&[&words[..], &cartridge, more].concat()));
        let output = run::output(&gear, BUILD).unwrap();
        assert!(output.status.success(), "{}", output.stderr_text());
        output.stdout_text()
    }

    /// The digests of the layers of the image in a layout, the lowest first.
    fn layers(&self, layout: &str) -> Vec<String> {
        let read = |path: &str| -> Value {
            serde_json::from_slice(&files::read(&self.directory.join(layout).join(path)).unwrap())
                .unwrap()
        };
        let digest = |value: &Value| value["digest"].as_str().unwrap().to_owned();
        let index = read("index.json");
        let manifest = digest(&index["manifests"][0]).replace("sha256:", "blobs/sha256/");
        read(&manifest)["layers"].as_array().unwrap().iter().map(digest).collect()
    }
}

#[test]
fn the_same_app_is_the_same_image_and_an_edit_one_layer() {
    let place = Place::new("flask");
    let layout = |name: &str| format!("--output=oci:{}", place.directory.join(name));
    let first = place.image(&["--tag", "shop:1", &layout("first")]);
    // Nothing of the first build is known to the second.
    let other = place.directory.join("other-cache");
    let second = place.image_by(&["--tag", "shop:1", &layout("second")], |gear| {
        gear.env("XDG_CACHE_HOME", other.as_str())
    });
    assert_eq!(first, second);
    assert!(first.starts_with("sha256:"), "{first}");
    let before = place.layers("first");
    let page = place.app.join("README.md");
    files::write_atomic(&page, b"edited\n", 0o644).unwrap();
    let edited = place.image(&["--tag", "shop:1", &layout("first")]);
    assert_ne!(edited, first);
    let after = place.layers("first");
    let changed: Vec<_> = (0..after.len()).filter(|at| before[*at] != after[*at]).collect();
    assert_eq!(changed, [after.len() - 1], "{before:?} {after:?}");
}

#[test]
fn an_image_serves_as_any_user_on_a_read_only_root_beside_a_build_and_ends_in_order() {
    let place = Place::new("flask");
    let image = Image::named("image");
    place.image(&["--tag", image.name(), "--env", "GREETING=baked"]);
    let told = |what: &str| podman(&["image", "inspect", "--format", what, image.name()]);
    assert_eq!(told("{{.Config.User}}"), "1001:0");
    assert_eq!(told("{{.Config.StopSignal}}"), "SIGTERM");
    assert_eq!(told("{{range $port, $_ := .Config.ExposedPorts}}{{$port}}{{end}}"), "8080/tcp");
    let label = "{{index .Config.Labels \"io.openshift.expose-services\"}}";
    assert_eq!(told(label), "8080:http");
    let container = Container::start(image.name(), &["--env=OPENSHIFT_LOG_FORMAT=json"], &[]);
    assert_eq!(container.get("/").status, 200);
    assert_eq!(container.get("/.well-known/cartridge/ready").body, "ready\n");
    let read = |path: &str| podman(&["exec", container.name(), "cat", path]);
    let bill: Value = serde_json::from_str(&read("/opt/app/sbom.cdx.json")).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().unwrap();
    assert!(components.iter().any(|it| it["name"] == "flask"), "{bill}");
    let programs = podman(&["exec", container.name(), "ls", "/opt/gear/advanced-python/usr/bin"]);
    let has = |name: &str| programs.lines().any(|line| line == name);
    assert!(has("advanced-python") && !has("uv"), "what only builds need: {programs}");
    // A build in a base sees the processes of the machine, which have other files by the same names.
    let neighbour = Container::start(image.name(), &["--user=1001:0"], &[]);
    // By their ids: nginx writes its names over the words it was started with, and pads them at first. Others may
    // come and go: a worker that is still to start, a script that has done its work.
    let services = || -> Vec<String> {
        let table = podman(&["top", neighbour.name(), "hpid", "args"]);
        let ours = ["supervise", "nginx: ", "/conf/python/serve"];
        let lines = table.lines().filter(|line| ours.iter().any(|it| line.contains(it)));
        lines.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
    };
    let before = services();
    assert!(before.len() >= 4, "{before:?}");
    place.image(&["--tag", image.name(), "--env", "GREETING=baked"]);
    let after = services();
    assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
    assert_eq!(neighbour.get("/").status, 200);
    assert_eq!(container.end(), 0);
    let log = container.log();
    let lines: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.iter().any(|line| line.contains("serving on for 5 seconds")), "{log}");
    for line in lines {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(object["time"].is_string() && object["log"].is_string(), "{line}");
    }
}

#[test]
fn an_archive_for_docker_and_mistakes() {
    let place = Place::new("hello");
    let archive = place.directory.join("shop.tar");
    let output = format!("--output=docker-archive:{archive}");
    place.image(&["--tag", "localhost/shop:1", &output]);
    let loaded = Image::called("localhost/shop:1");
    podman(&["load", "--input", archive.as_str()]);
    assert_eq!(podman(&["image", "inspect", "--format", "{{.Os}}", loaded.name()]), "linux");
    let refused = |words: &[&str], code: i32, says: &str| {
        let gear = place.gear(&[&["image", place.app.as_str(), "--tag=x"], words].concat());
        let output = run::output(&gear, BUILD).unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", output.stderr_text());
        assert!(output.stderr_text().contains(says), "{}", output.stderr_text());
    };
    let cartridge = format!("--cartridge={}", assembled());
    refused(&["--base=/nowhere", &cartridge], 2, "neither a directory nor the name of an image");
    refused(&["--output=tar", &cartridge], 2, "write oci:DIR, docker-archive:FILE");
    files::write_atomic(&place.app.join("app.py"), b"application = (\n", 0o644).unwrap();
    let base = format!("--base={}", base());
    refused(&[&base, &cartridge], 1, "the app could not be prepared in the base");
}
