//! Static files as a deploy leaves them, seen by a browser that takes every coding, and by REDbot.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv, files, run, wait};
use cart_test::{TestGear, raw};
use serde_json::Value;
use tempfile::TempDir;

use crate::cartridge::{empty_gear, example, fixture, running};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);
const STYLE: &str = "a { color: red }\n";

/// An app with the files of a small frontend, and what it asks for.
fn app(requirements: &str) -> TempDir {
    let keep = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(keep.path()).unwrap();
    let write = |path: &str, text: &str| {
        let path = app.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_unsynced(&path, text.as_bytes(), 0o644).unwrap();
    };
    std::fs::copy(fixture("bench").join("app.py"), app.join("app.py")).unwrap();
    write("requirements.txt", requirements);
    write("public/style.css", &STYLE.repeat(100));
    write("public/app.5f3a9c1d.js", &"let a = 1;\n".repeat(200));
    write("public/small.js", &"let a = 1;\n".repeat(60));
    write("public/index.html", &format!("<!doctype html>{}", "<p>page\n".repeat(200)));
    // Larger than the part that REDbot asks for.
    let picture = format!("GIF89a\x01\0\x01\0\0\0\0;{}", "\0".repeat(500));
    write("public/picture.gif", &picture);
    keep
}

/// The head and the body of what a browser gets.
fn as_browser(gear: &TestGear, path: &str, accepts: &str) -> (String, String) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {accepts}\r\nConnection: close\r\n\r\n"
    );
    let answer = raw(gear.address(), request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

fn coding(gear: &TestGear, path: &str) -> Option<String> {
    let (head, _) = as_browser(gear, path, "br");
    let coding = head.lines().find_map(|line| line.strip_prefix("content-encoding: "));
    coding.map(str::to_owned)
}

#[test]
fn text_is_compressed_by_a_deploy_and_never_sent_for_a_file_that_has_changed() {
    let app = app("");
    let mut gear = empty_gear(&[]);
    gear.deploy(Utf8Path::from_path(app.path()).unwrap()).done();
    for path in ["/style.css", "/app.5f3a9c1d.js", "/"] {
        assert_eq!(coding(&gear, path).as_deref(), Some("br"), "{path}");
    }
    assert_eq!(coding(&gear, "/small.js"), None);

    // Files that the app changed while it runs. What was sent is known for a second.
    gear.write("public/style.css", &"b { color: blue }\n".repeat(100));
    gear.write("public/small.js", "let b = 2;\n");
    for (path, beginning) in [("/style.css", "b {"), ("/small.js", "let b")] {
        let plain = || as_browser(&gear, path, "br").1.starts_with(beginning).then_some(());
        assert!(wait::until(LIMIT, plain).is_some(), "{path}");
        assert_eq!(coding(&gear, path), None);
    }
    // One that changed while nobody looked, and a start that deploys nothing.
    gear.control("stop").done();
    gear.write("public/app.5f3a9c1d.js", &"let b = 1;\n".repeat(200));
    gear.control("start").done();
    assert!(as_browser(&gear, "/app.5f3a9c1d.js", "br").1.starts_with("let b"));
    assert_eq!(coding(&gear, "/").as_deref(), Some("br"));

    // The next deploy compresses it, and leaves the rest as it is.
    let said = gear.control("deploy").done().text.clone();
    assert!(said.contains("3 static files are compressed for visitors: "), "{said}");
    // So is that there was none.
    let again = || (coding(&gear, "/style.css").as_deref() == Some("br")).then_some(());
    assert!(wait::until(LIMIT, again).is_some());

    // A deploy while it runs compresses nothing that is as it was.
    let said = gear.deploy_hot().done().text.clone();
    assert!(!said.contains("compressed for visitors"), "{said}");
    assert_eq!(coding(&gear, "/style.css").as_deref(), Some("br"));
    gear.write("public/style.css", &"i { color: green }\n".repeat(100));
    let plain = || as_browser(&gear, "/style.css", "br").1.starts_with("i {").then_some(());
    assert!(wait::until(LIMIT, plain).is_some());

    gear.set("OPENSHIFT_NGINX_PRECOMPRESS", "no");
    gear.control("restart").done();
    let plain = || coding(&gear, "/").is_none().then_some(());
    assert!(wait::until(LIMIT, plain).is_some());
    assert!(!gear.cartridge().join("precompressed").exists());
}

#[test]
fn what_django_collects_is_compressed_where_it_is_on_the_site() {
    let keep = tempfile::tempdir().unwrap();
    let app = Utf8Path::from_path(keep.path()).unwrap().join("app");
    let copied = run::checked(
        &CommandSpec::new("/bin/cp", &GearEnv::new()).args([
            "-r",
            example("django").as_str(),
            app.as_str(),
        ]),
        LIMIT,
    );
    copied.unwrap();
    let style = walk(&app, "first.css");
    files::write_unsynced(&style, STYLE.repeat(100).as_bytes(), 0o644).unwrap();
    let gear = running(&app, &[]);
    assert_eq!(coding(&gear, "/static/first.css").as_deref(), Some("br"));
    assert_eq!(as_browser(&gear, "/static/first.css", "identity").1, STYLE.repeat(100));
    // The last good generation gives each of these files one name more, which is no change of it.
    for _ in 0..2 {
        gear.control("restart").done();
        assert!(gear.cartridge().join("precompressed/br/static/first.css").exists());
    }
}

/// The one file of this name below a directory.
fn walk(directory: &Utf8Path, name: &str) -> camino::Utf8PathBuf {
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_name() == name {
                return entry.into_path();
            }
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.into_path());
            }
        }
    }
    panic!("no {name} in {directory}");
}

#[test]
fn redbot_has_no_complaint() {
    let app = app("redbot\n");
    let gear = running(Utf8Path::from_path(app.path()).unwrap(), &[]);
    let redbot = gear.cartridge().join("virtenv/bin/redbot");
    for path in ["/style.css", "/app.5f3a9c1d.js", "/small.js", "/", "/picture.gif"] {
        let url = format!("http://{}{path}", gear.address());
        let command = CommandSpec::new(redbot.as_path(), &GearEnv::new()).args([
            "--output-format",
            "har",
            url.as_str(),
        ]);
        let told = run::checked(&command, LIMIT).unwrap().stdout_text();
        let told: Value = serde_json::from_str(&told).unwrap();
        let notes = told["log"]["entries"][0]["_red_messages"].as_array().unwrap();
        assert!(notes.iter().any(|note| note["note_id"] == "INM_304"), "{path}: {notes:?}");
        let complaints: Vec<_> =
            notes.iter().filter(|n| n["level"] != "GOOD" && n["level"] != "INFO").collect();
        assert!(complaints.is_empty(), "{path}: {complaints:?}");
    }
}
