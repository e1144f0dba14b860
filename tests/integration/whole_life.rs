//! The life of gears that stay, from their creation to their end, through the program `gear` and real
//! git, as a user who is not root: with our cartridge, and with a few lines of shell.

use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, files, run, wait};
use cart_test::{own_ip, try_get};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::cartridge::{self, assembled};

const LIMIT: Duration = Duration::from_secs(120);
/// Somebody who owns nothing else.
const NOBODY: &str = "65534";

#[test]
fn our_cartridge_from_creation_to_destruction() {
    live(&Person::with(&assembled()), "advanced-python", 8080);
}

#[test]
fn a_shell_cartridge_from_creation_to_destruction() {
    let tiny = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cartridges/tiny");
    live(&Person::with(&tiny), "tiny", 8081);
}

/// The address is given: gears of different users know nothing of each other, and one that is idle for
/// a moment keeps nobody from its address.
fn live(person: &Person, name: &str, port: u16) {
    person.write_app("one");
    let create = ["create", "blog", "--cartridge", "cartridge", "--from", "app"];
    // As where a cartridge brings no uv, which all other tests have.
    let create = [&create[..], &["--env", "OPENSHIFT_PYTHON_INSTALLER=pip"]].concat();
    person.gear(&[&create[..], &["--listen", &format!("{}:{port}", own_ip())]].concat());
    let status = person.status();
    assert!(status["name"] == "blog" && status["state"] == "started", "{status}");
    assert_eq!(status["cartridges"][0]["name"], name);
    let url = status["url"].as_str().unwrap();
    let site = Site(url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap());
    site.serves("one");

    person.git(&["clone", "--quiet", "gears/blog/git/blog.git", "clone"]);
    pushes(person, &site);
    roll_back(person, &site);
    snapshot_and_restore(person, &site);
    upgrades(person, &site, name);
    idle_and_reboot(person, &site);

    person.gear(&["destroy", "blog", "--yes"]);
    assert!(try_get(site.0, "/version.txt").is_err(), "somebody still serves");
    assert!(!person.place().join("gears/blog").exists());
    assert_eq!(person.processes(), [], "processes are left");
}

fn pushes(person: &Person, site: &Site) {
    person.push("second");
    site.serves("second");

    person.mark("hot_deploy", true);
    person.push("the third");
    site.serves("the third");
    person.mark("hot_deploy", false);

    person.mark("force_clean_build", true);
    person.push("the fourth one");
    site.serves("the fourth one");
    person.mark("force_clean_build", false);

    let hooks = person.place().join("clone/.openshift/action_hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let build = hooks.join("build");
    files::write_atomic(&build, b"#!/bin/sh\necho no compiler here\nexit 3\n", 0o755).unwrap();
    let refused = person.try_push("broken");
    assert!(refused.contains("no compiler here"), "{refused}");
    site.serves("the fourth one");
    assert_eq!(person.status()["state"], "started");
    std::fs::remove_file(build).unwrap();
    person.push("mended again");
    site.serves("mended again");
}

fn roll_back(person: &Person, site: &Site) {
    let kept: serde_json::Value =
        serde_json::from_str(&person.gear(&["deployments", "blog", "--json"])).unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 3, "{kept}");
    person.gear(&["activate", "blog", "previous"]);
    site.serves("the fourth one");
}

fn snapshot_and_restore(person: &Person, site: &Site) {
    person.gear(&["run", "blog", "--", "sh", "-c", "echo kept >$OPENSHIFT_DATA_DIR/notes"]);
    person.gear(&["snapshot", "blog", "blog.tar.gz"]);
    person.gear(&["run", "blog", "--", "sh", "-c", "echo lost >$OPENSHIFT_DATA_DIR/notes"]);
    person.push("after the snapshot");
    site.serves("after the snapshot");
    person.gear(&["restore", "blog", "blog.tar.gz"]);
    site.serves("the fourth one");
    let notes = person.gear(&["run", "blog", "--", "sh", "-c", "cat $OPENSHIFT_DATA_DIR/notes"]);
    assert_eq!(notes, "kept");
}

/// A compatible one while it runs, then one that is not.
fn upgrades(person: &Person, site: &Site, name: &str) {
    let own = || person.gear(&["list", "--json"]);
    for (version, from, compatible) in [("0.2.0", "0.1.0", true), ("0.3.0", "0.2.0", false)] {
        let before = person.processes();
        person.newer_cartridge(version, compatible.then_some(from));
        person.gear(&["upgrade", "blog", "--cartridge", "cartridge"]);
        assert!(own().contains(version), "{}", own());
        let untouched = before.iter().all(|process| process.is_alive());
        assert_eq!(untouched, compatible, "{name} {version}");
        site.serves("the fourth one");
        person.gear(&["restart", "blog"]);
        site.serves("the fourth one");
    }
}

fn idle_and_reboot(person: &Person, site: &Site) {
    person.gear(&["idle", "blog"]);
    assert_eq!(person.status()["state"], "idle");
    assert!(try_get(site.0, "/version.txt").is_err());
    person.gear(&["unidle", "blog"]);
    site.serves("the fourth one");

    for process in person.processes() {
        process.signal(Signal::KILL);
        // A reboot leaves nothing that still has its number.
        let entry = Utf8PathBuf::from(format!("/proc/{}", process.pid));
        assert!(wait::until(LIMIT, || (!entry.exists()).then_some(())).is_some());
    }
    person.gear(&["boot"]);
    site.serves("the fourth one");
}

/// Where the app is visited.
struct Site(SocketAddr);

impl Site {
    /// Waits for this version; a replaced server may get a few requests still.
    fn serves(&self, version: &str) {
        let seen = || {
            let answer = try_get(self.0, "/version.txt").ok()?;
            (answer.status == 200 && answer.body == version).then_some(())
        };
        let last = || try_get(self.0, "/version.txt");
        assert!(wait::until(LIMIT, seen).is_some(), "{version:?} is not served: {:?}", last());
    }
}

/// A user with a home of their own, in which are the programs, the cartridge, an app, and the gears.
struct Person {
    home: TempDir,
    env: GearEnv,
    switch: Vec<String>,
}

impl Person {
    fn with(cartridge: &Utf8Path) -> Self {
        let home = TempDir::with_prefix_in("person-", "/tmp").unwrap();
        let place = Utf8Path::from_path(home.path()).unwrap();
        let program = cartridge::gear(&assembled());
        for (from, to) in [(cartridge, "cartridge"), (&program, "gear")] {
            let copy = CommandSpec::new("/bin/cp", &GearEnv::new()).args(["-a", from.as_str()]);
            run::checked(&copy.arg(place.join(to)), LIMIT).unwrap();
        }
        let path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin";
        let mut env = GearEnv::new().with("PATH", path).with("HOME", place.as_str());
        env.set("GEAR_HOME", place.join("gears").as_str());
        for name in ["AUTHOR", "COMMITTER"] {
            env.set(format!("GIT_{name}_NAME"), "A Person");
            env.set(format!("GIT_{name}_EMAIL"), "person@example.com");
        }
        let mut switch = Vec::new();
        if rustix::process::geteuid().is_root() {
            let words = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
            switch.extend(words.map(str::to_owned));
        }
        let person = Self { env, switch, home };
        person.own_everything();
        person
    }

    fn place(&self) -> &Utf8Path {
        Utf8Path::from_path(self.home.path()).unwrap()
    }

    /// What the test, as root maybe, wrote into the home is the person's.
    fn own_everything(&self) {
        if !self.switch.is_empty() {
            let all = ["-R", "--no-dereference", "65534:65534", self.place().as_str()];
            run::checked(&CommandSpec::new("/bin/chown", &self.env).args(all), LIMIT).unwrap();
        }
    }

    fn command(&self, program: &str, args: &[&str], directory: &Utf8Path) -> CommandSpec {
        CommandSpec::new("/usr/bin/env", &self.env)
            .args(self.switch.iter().cloned())
            .arg(program)
            .args(args.iter().copied())
            .dir(directory)
    }

    fn gear(&self, args: &[&str]) -> String {
        let gear = self.place().join("gear");
        let output = run::checked(&self.command(gear.as_str(), args, self.place()), LIMIT);
        output.unwrap_or_else(|e| panic!("{e}")).stdout_text()
    }

    fn git(&self, args: &[&str]) {
        run::checked(&self.command("git", args, self.place()), LIMIT).unwrap();
    }

    fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.gear(&["status", "blog", "--json"])).unwrap()
    }

    /// The app: what our cartridge serves from `public/`, and its code, both of this version.
    fn write_app(&self, version: &str) {
        let places = ["app", "clone"].map(|name| self.place().join(name));
        let app = places.iter().rfind(|place| place.is_dir()).unwrap_or(&places[0]);
        std::fs::create_dir_all(app.join("public")).unwrap();
        let code = format!(
            "def application(environ, start_response):\n    \
             start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
             return [b'{version}']\n"
        );
        files::write_atomic(&app.join("app.py"), code.as_bytes(), 0o644).unwrap();
        let page = app.join("public/version.txt");
        files::write_atomic(&page, version.as_bytes(), 0o644).unwrap();
        self.own_everything();
    }

    fn mark(&self, marker: &str, on: bool) {
        let markers = self.place().join("clone/.openshift/markers");
        std::fs::create_dir_all(&markers).unwrap();
        match on {
            true => files::write_atomic(&markers.join(marker), b"", 0o644).unwrap(),
            false => std::fs::remove_file(markers.join(marker)).unwrap(),
        }
    }

    fn push(&self, version: &str) {
        let (output, text) = self.pushed(version);
        assert!(output, "{text}");
    }

    /// A push that is refused; what was said of it.
    fn try_push(&self, version: &str) -> String {
        let (output, text) = self.pushed(version);
        assert!(!output, "it was not refused: {text}");
        text
    }

    fn pushed(&self, version: &str) -> (bool, String) {
        self.write_app(version);
        let clone = self.place().join("clone");
        let git = |args: &[&str]| run::output(&self.command("git", args, &clone), LIMIT).unwrap();
        git(&["add", "--all"]);
        assert!(git(&["commit", "--quiet", "--message", version]).status.success());
        let output = git(&["push", "origin", "HEAD"]);
        (output.status.success(), output.stderr_text() + &output.stdout_text())
    }

    /// Makes the cartridge one of another version.
    fn newer_cartridge(&self, version: &str, compatible: Option<&str>) {
        let manifest = self.place().join("cartridge/metadata/manifest.yml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let compatible = compatible.map(|from| format!("'{from}'")).unwrap_or_default();
        let lines = text.lines().map(|line| match line.split_once(':') {
            Some(("Cartridge-Version", _)) => format!("Cartridge-Version: '{version}'\n"),
            Some(("Compatible-Versions", _)) => format!("Compatible-Versions: [{compatible}]\n"),
            _ => format!("{line}\n"),
        });
        let text: String = lines.collect();
        files::write_atomic(&manifest, text.as_bytes(), 0o644).unwrap();
        // Root may have written it.
        self.own_everything();
    }

    /// What runs for the gears: told by where it works or by its environment.
    fn processes(&self) -> Vec<ProcessId> {
        let gears = self.place().join("gears");
        let mentions = |path: String| {
            let bytes = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(gears.as_str())
        };
        let works_there = |pid: u32| {
            let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
            let directory = directory.and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
            directory.is_some_and(|directory| directory.starts_with(&gears))
        };
        let of_gears = |pid: &u32| works_there(*pid) || mentions(format!("/proc/{pid}/environ"));
        process::all().into_iter().filter(of_gears).filter_map(ProcessId::of).collect()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.processes().iter().for_each(|process| process.signal(Signal::KILL));
    }
}
