//! The commands of pages, pasted in their order as a person would: each ends well, and says what the page shows.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv, run};

use super::page;
use crate::cartridge::{self, assembled};

const LIMIT: Duration = Duration::from_secs(300);

/// What the test has done before in its own way, and what would change the machine.
const LEFT_OUT: [&str; 5] = ["cargo xtask ", "export PATH=", "sudo ", "gear boot ", "loginctl "];

/// Where the pages' gear is.
const ADDRESS: &str = "127.96.3.1:8080";

/// A command, and the lines that it shows.
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) shown: Vec<String>,
}

pub(crate) fn steps(page: &str) -> Vec<Step> {
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut steps: Vec<Step> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.into(), shown: Vec::new() }),
            (None, Some(step)) if line != "..." => step.shown.push(line.to_owned()),
            _ => {}
        }
    }
    steps.retain(|step| !LEFT_OUT.iter().any(|start| step.command.starts_with(start)));
    steps
}

/// A line without what differs from machine to machine and from day to day: numbers and their
/// units, times, hashes, addresses.
fn alike(line: &str) -> String {
    let differs = |word: &str| {
        let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let hash = core.len() >= 7 && core.bytes().all(|byte| byte.is_ascii_hexdigit());
        let unit = ["ms", "s"].contains(&core);
        let figure = unit || core.starts_with(|c: char| c.is_ascii_digit());
        hash || figure || word.starts_with("http://")
    };
    let words = line.split_whitespace().map(|word| if differs(word) { "#" } else { word });
    let mut words: Vec<&str> = words.collect();
    words.dedup_by(|one, other| one == other && *one == "#");
    words.join(" ")
}

/// A person with `gear` and the cartridge beside it on the PATH, at home in a directory of their own.
pub(crate) struct Person {
    home: tempfile::TempDir,
    pub(crate) env: GearEnv,
}

impl Person {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir_in("/tmp").unwrap();
        let opt = Utf8Path::from_path(home.path()).unwrap().join("opt");
        std::fs::create_dir(&opt).unwrap();
        let cartridge = assembled();
        let gear = cartridge::gear(&cartridge);
        std::os::unix::fs::symlink(&cartridge, opt.join("advanced-python")).unwrap();
        std::fs::copy(&gear, opt.join("gear")).unwrap();
        let env = GearEnv::from_process();
        let path = format!("{opt}:{}", env.get("PATH").unwrap().to_str().unwrap());
        let env = env.with("PATH", path).with("HOME", opt.parent().unwrap().as_str());
        Self { home, env }
    }

    /// Where this person is at home.
    pub(crate) fn home(&self) -> &Utf8Path {
        Utf8Path::from_path(self.home.path()).unwrap()
    }

    /// Does one step after the other, in one shell, in this repository; a page's address is that of `at`.
    fn does(&self, steps: &[Step], at: &str) -> String {
        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        self.does_in(root, steps, |script| script.replace(ADDRESS, at))
    }

    /// Does one step after the other, in one shell, in a directory, with other words than the page's where these
    /// are of one machine.
    pub(crate) fn does_in(
        &self,
        directory: &Utf8Path,
        steps: &[Step],
        here: impl FnOnce(String) -> String,
    ) -> String {
        const DONE: &str = "-- done";
        let commands = steps.iter().map(|step| format!("{}\necho '{DONE}'\n", step.command));
        let script = format!("exec 2>&1\nset -e\n{}", commands.collect::<String>());
        let shell = CommandSpec::new("/bin/bash", &self.env).dir(directory);
        let output = run::output(&shell.args(["-c", &here(script)]), LIMIT).unwrap();
        let said = output.stdout_text();
        let parts: Vec<&str> = said.split(DONE).collect();
        let failed = steps.get(parts.len() - 1).map(|step| &step.command);
        assert!(failed.is_none(), "{failed:?} failed:\n{said}");
        for (step, part) in steps.iter().zip(parts) {
            let said: Vec<String> = part.lines().map(alike).collect();
            for line in &step.shown {
                assert!(said.contains(&alike(line)), "{} says no {line:?}:\n{part}", step.command);
            }
        }
        said.to_owned()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        for gear in ["blog", "shop"] {
            let command = CommandSpec::new(self.home().join("opt/gear"), &self.env);
            run::output(&command.args(["destroy", gear, "--yes"]), LIMIT).unwrap();
        }
    }
}

#[test]
fn the_commands_of_the_pages_on_gears_can_be_pasted() {
    let mut first = steps(&page("docs/gear.md"));
    let all = first.len();
    let rest = first.split_off(1);
    assert!(first[0].command.starts_with("gear create blog") && all > 14, "{all}");
    let person = Person::new();
    let said = person.does(&first, ADDRESS);
    let url = said.lines().find_map(|line| line.strip_prefix("blog is at http://")).unwrap();
    let at = url.trim_end_matches('/');
    person.does(&rest, at);
    person.does(&steps(&page("docs/metrics.md")), at);
}

#[test]
fn lines_are_alike_but_for_figures() {
    let ours = "84 MB; generation 3; up 2h 5m; 1a2b3c4 at http://127.96.3.1:8080/";
    assert_eq!(alike(ours), "# MB; generation # up # at #");
    assert_ne!(alike("9f8e7d6c  active"), alike("9f8e7d6c"));
}
