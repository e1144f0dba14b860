//! Calls as a node makes them, and what comes of them.

use super::*;
use crate::processes::wait;

fn parse(words: &[&str]) -> Result<Entry, UsageError> {
    Entry::parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
}

#[test]
fn the_name_it_was_called_by_picks_the_hook() {
    assert_eq!(parse(&["/g/c/bin/setup", "--version", "3"]), Ok(Entry::Setup("3".into())));
    assert_eq!(parse(&["control", "start"]), Ok(Entry::Control("start".into(), None)));
    assert_eq!(parse(&["teardown"]), Ok(Entry::Teardown));
    assert_eq!(parse(&["install"]), Err(UsageError::NoVersion { hook: "install".into() }));
    assert_eq!(parse(&["control"]), Err(UsageError::NoAction));
    assert_eq!(
        parse(&["bin/upgrade", "3", "0.1.0", "0.2.0"]),
        Ok(Entry::Upgrade(Upgrade::new("3", "0.1.0", "0.2.0")))
    );
    assert_eq!(parse(&["upgrade", "3"]), Err(UsageError::NoVersions));
    assert_eq!(parse(&["/g/c/bin/metrics"]), Ok(Entry::Metrics));
    assert_eq!(parse(&["hooks/setup"]), Ok(Entry::Connection("setup".into(), Vec::new())));
    assert_eq!(parse(&["frobnicate"]), Err(UsageError::NoHook { name: "frobnicate".into() }));
}

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

/// Starts well, stops badly, answers status by what its data directory holds.
struct Tiny;

impl Cartridge for Tiny {
    const SHORT_NAME: &'static str = "TINY";
    const VERSION: &'static str = "1.2";
    const CONNECTION_HOOKS: &'static [&'static str] = &["set-env"];
    type Error = NoLuck;

    fn start(&self, ctx: &mut Context<'_>) -> Result<(), NoLuck> {
        ctx.result("started");
        Ok(())
    }

    fn stop(&self, _: &mut Context<'_>) -> Result<(), NoLuck> {
        Err(NoLuck)
    }

    fn status(&self, _: &mut Context<'_>) -> Result<Status, NoLuck> {
        Ok(Status::Stopped("nothing runs".into()))
    }

    fn upgrade(&self, ctx: &mut Context<'_>, upgrade: &Upgrade) -> Result<(), NoLuck> {
        ctx.result(&format!("from {} to {}", upgrade.from, upgrade.to));
        Ok(())
    }

    fn metrics(&self, ctx: &mut Context<'_>) -> Result<(), NoLuck> {
        ctx.metric("directory", ctx.dir.path().file_name().unwrap_or_default().len());
        ctx.metric("too.long", "x".repeat(2000));
        ctx.metric("two.lines", "1\nCLIENT_ERROR: 2");
        Ok(())
    }

    fn connection(&self, ctx: &mut Context<'_>, _: &str, args: &[String]) -> Result<(), NoLuck> {
        ctx.message(&args.join("|"));
        Ok(())
    }
}

fn call(words: &[&str]) -> (u8, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().to_str().unwrap();
    let env = GearEnv::new().with("OPENSHIFT_HOMEDIR", home).with("OPENSHIFT_TINY_DIR", home);
    let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&Tiny, &words, &env, &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn results_errors_and_codes_are_what_a_node_reads() {
    assert_eq!(call(&["control", "start"]), (0, "CLIENT_RESULT: started\n".into(), String::new()));
    assert_eq!(call(&["control", "stop"]), (1, String::new(), "CLIENT_ERROR: no luck\n".into()));
    assert_eq!(
        call(&["control", "status"]),
        (3, "CLIENT_RESULT: nothing runs\n".into(), String::new())
    );
}

#[test]
fn the_program_itself_says_its_version_and_needs_no_gear_for_it() {
    let said = |called: &str| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let words = [called.to_owned(), "--version".to_owned()];
        let code = run(&Tiny, &words, &GearEnv::new(), &mut out, &mut err);
        (code, String::from_utf8(out).unwrap())
    };
    assert_eq!(said("usr/bin/tiny"), (DONE, "tiny 1.2\n".to_owned()));
    assert_eq!(said("bin/setup"), (USAGE, String::new()));
}

#[test]
fn an_upgrade_needs_nothing_but_the_gears_variables() {
    let said = call(&["bin/upgrade", "3", "0.1.0", "0.2.0"]);
    assert_eq!(said, (0, "CLIENT_RESULT: from 0.1.0 to 0.2.0\n".into(), String::new()));
}

#[test]
fn a_connections_hook_gets_its_arguments_and_an_unknown_one_is_refused() {
    let words = ["/g/c/hooks/set-env", "app", "domain", "'u'='A=1; B=2'"];
    assert_eq!(call(&words).1, "CLIENT_MESSAGE: app|domain|'u'='A=1; B=2'\n");
    let (code, _, said) = call(&["hooks/set-db", "app", "domain", "u"]);
    assert_eq!(code, USAGE);
    assert_eq!(
        said,
        "CLIENT_ERROR: the cartridge has no connection hook \"set-db\"; it has set-env\n"
    );
}

#[test]
fn metrics_find_the_gear_by_their_own_path_and_every_line_is_short() {
    let dir = tempfile::tempdir().unwrap();
    let called = format!("{}/cart/bin/metrics", dir.path().to_str().unwrap());
    std::fs::create_dir(dir.path().join("cart")).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&Tiny, &[called], &GearEnv::new(), &mut out, &mut err);
    assert_eq!((code, String::from_utf8(out).unwrap()), (DONE, "directory=4\n".to_owned()));
}

#[test]
fn unknown_actions_are_done_already() {
    assert_eq!(call(&["control", "no-such-action"]), (0, String::new(), String::new()));
}

#[test]
fn a_script_outside_a_gear_says_which_variable_is_missing() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = ["control".to_owned(), "start".to_owned()];
    let code = run(&Tiny, &words, &GearEnv::new(), &mut out, &mut err);
    assert_eq!(code, CONFIGURATION);
    assert!(String::from_utf8(err).unwrap().contains("OPENSHIFT_HOMEDIR"));
}

#[test]
fn waiting_asks_at_least_once() {
    assert_eq!(wait::until(Duration::ZERO, || Some(7)), Some(7));
    assert_eq!(wait::until(Duration::ZERO, || None::<()>), None);
}
