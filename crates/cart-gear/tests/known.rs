//! What `gear` knows of itself and of a cartridge's variables, and tells people and their shells.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::variables::{FILE, Variable};
use cart_core::{CommandSpec, Setting, files, run};
use common::gears::{Gears, LIMIT};

const WORKERS: Setting = Setting {
    name: "OPENSHIFT_RECORDER_WORKERS",
    meaning: "how many workers",
    default: "1",
    allowed: "1 to 9",
    since: "0.1.0",
};

/// The recording cartridge with a list of its one variable.
fn gears_with_a_list() -> Gears {
    let gears = Gears::new();
    let json = serde_json::to_vec(&[Variable::of(&WORKERS, "the recorder")]).unwrap();
    files::write_atomic(&gears.place.cartridge.join(FILE), &json, 0o644).unwrap();
    gears
}

#[test]
fn the_list_is_told_in_words_and_as_json() {
    let gears = gears_with_a_list();
    let args = ["variables", "--cartridge", gears.place.cartridge.as_str()];
    insta::assert_snapshot!(gears.gear(&args).done(), @r"
    OPENSHIFT_RECORDER_WORKERS
        how many workers
        default: 1
        allowed: 1 to 9
        read by the recorder, since 0.1.0
    ");
    let json = gears.json(&[&args[..], &["--json"]].concat());
    assert_eq!(json[0]["allowed"], "1 to 9");
    std::fs::remove_file(gears.place.cartridge.join(FILE)).unwrap();
    let none = gears.gear(&args);
    assert_eq!(none.done(), "");
    assert!(none.err().contains("brings no list"), "{}", none.err());
    let wrong = gears.gear(&["variables", "--cartridge", "/nowhere"]).failed(2);
    assert!(wrong.contains("/nowhere is not a directory"), "{wrong}");
}

#[test]
fn a_slip_in_a_variables_name_is_told_and_others_are_peoples_own() {
    let gears = gears_with_a_list();
    gears.create("blog");
    let said = |variable: &str| gears.gear(&["env", "set", "blog", variable]).err();
    let slip = said("OPENSHIFT_RECORDER_WROKERS=2");
    let told = "OPENSHIFT_RECORDER_WROKERS is none of the cartridge's variables; did you mean OPENSHIFT_RECORDER_WORKERS?";
    assert!(slip.contains(told), "{slip}");
    let slip = said("OPENSHIFT_RECRODER_WORKERS=2");
    assert!(slip.contains("did you mean OPENSHIFT_RECORDER_WORKERS?"), "{slip}");
    for own in ["OPENSHIFT_RECORDER_WORKERS=2", "OPENSHIFT_OTHER_WORKERS=2", "WORKERS=2"] {
        assert!(!said(own).contains("none of the cartridge's"), "{own}");
    }
}

/// What each command has: a page, and a place among what a shell completes.
#[test]
fn each_command_has_a_page_and_is_completed() {
    let gears = gears_with_a_list();
    let share = gears.share();
    let text = |below: &str| std::fs::read_to_string(share.join(below)).unwrap();
    assert!(text("man/man1/gear.1").contains("any cartridge, any app, no node"));
    let help = gears.gear(&["--help"]).done();
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    // What goes on in the next line is farther in.
    let names =
        commands.filter_map(|l| l.strip_prefix("  ")?.split(' ').next()).filter(|n| !n.is_empty());
    let completed = gears.completed(&["gear", ""]);
    let mut count = 0;
    for name in names.filter(|name| *name != "help") {
        assert!(text(&format!("man/man1/gear-{name}.1")).contains("SYNOPSIS"), "{name}");
        assert!(completed.iter().any(|it| it == name), "{name} is not among {completed:?}");
        count += 1;
    }
    assert!(count > 20, "{help}");
    for hidden in ["prereceive", "settle-push", "generate"] {
        assert!(!share.join(format!("man/man1/gear-{hidden}.1")).exists(), "{hidden}");
        assert!(completed.iter().all(|it| it != hidden), "{completed:?}");
    }
    let page = text("man/man1/gear.1");
    assert!(page.contains("gear\\-variables(1)") && !page.contains("gear\\-help(1)"), "{page}");
    for below in ["zsh/site-functions/_gear", "fish/vendor_completions.d/gear.fish"] {
        assert!(text(below).contains("GEAR_COMPLETE="), "{below}");
    }
}

#[test]
fn a_shell_completes_gears_variables_and_directories() {
    let mut gears = gears_with_a_list();
    let home = gears.env.clone();
    gears.env.set("GEAR_HOME", gears.place.gears.with_file_name("absent").as_str());
    assert!(!gears.completed(&["gear", "restart", ""]).contains(&"blog".to_owned()));
    assert!(!gears.place.gears.with_file_name("absent").exists(), "nobody asked for a directory");
    gears.env = home;
    gears.create("blog");
    gears.create("shop");
    assert_eq!(gears.completed(&["gear", "restart", ""])[..2], ["blog", "shop"]);
    assert_eq!(gears.completed(&["gear", "env", "set", "s"]), ["shop"]);
    let set = ["gear", "env", "set", "blog", "OPENSHIFT_R"];
    assert_eq!(gears.completed(&set), ["OPENSHIFT_RECORDER_WORKERS="]);
    let unset = ["gear", "env", "unset", "blog", "OPENSHIFT_R"];
    assert_eq!(gears.completed(&unset), ["OPENSHIFT_RECORDER_WORKERS"]);
    let directory = gears.place.app.parent().unwrap().join("");
    let below = gears.completed(&["gear", "serve", directory.as_str()]);
    assert!(below.iter().any(|it| *it == gears.place.app.join("").as_str()), "{below:?}");
}

impl Gears {
    /// What `gear generate` writes.
    fn share(&self) -> Utf8PathBuf {
        let share = self.place.gears.with_file_name("share");
        self.gear(&["generate", share.as_str()]).done();
        share
    }

    /// What a bash that has read ours completes where somebody wrote `words`, and pressed Tab.
    fn completed(&self, words: &[&str]) -> Vec<String> {
        let program = Utf8Path::new(env!("CARGO_BIN_EXE_gear")).parent().unwrap();
        let path = format!("{program}:{}", self.env.get("PATH").unwrap().to_str().unwrap());
        let script = r#"source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9
            _clap_complete_gear gear "${!#}"; printf '%s\n' "${COMPREPLY[@]}""#;
        let ours = self.share().join("bash-completion/completions/gear");
        let command = CommandSpec::new("/bin/bash", &self.env.clone().with("PATH", path));
        let command = command.args(["-c", script, ours.as_str()]).args(words.iter().copied());
        let output = run::checked(&command, LIMIT).unwrap();
        output.stdout_text().lines().map(str::to_owned).collect()
    }
}
