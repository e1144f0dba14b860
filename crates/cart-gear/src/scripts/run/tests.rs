//! Scripts that print, fail, hang, and leave daemons behind.

use super::*;
use crate::layout::error::GearError;
use crate::layout::output::Said;
use crate::scripts::progress::Silent;
use cart_core::GearEnv;

fn runner() -> Runner {
    let home = Utf8PathBuf::from("/nonexistent");
    Runner {
        note: None,
        limit: Duration::from_secs(30),
        interrupts: Interrupts::default(),
        processes: Processes::new(home, "none"),
    }
}

fn shell(text: &str) -> Script {
    let env = GearEnv::new().with("PATH", "/bin:/usr/bin").with("ONLY", "this");
    Script {
        name: "bin/try".into(),
        caller: Caller::Setup,
        command: CommandSpec::new("/bin/sh", &env).args(["-c", text]),
    }
}

#[derive(Default)]
struct Heard(Vec<(Stream, String)>, Vec<String>);

impl Progress for Heard {
    fn heard(&mut self, line: &Line) {
        self.0.push((line.stream, line.text.clone()));
    }

    fn notice(&mut self, text: &str) {
        self.1.push(text.to_owned());
    }
}

#[test]
fn lines_of_both_streams_are_heard_and_kept_the_last_without_a_newline_too() {
    let mut heard = Heard::default();
    let script = shell("echo CLIENT_RESULT: one; echo two >&2; printf 'three'");
    let output = runner().run(&script, &mut heard).unwrap();
    for expected in [(Stream::Out, "one"), (Stream::Err, "two"), (Stream::Out, "three")] {
        let expected = (expected.0, expected.1.to_owned());
        assert!(heard.0.contains(&expected), "{:?}", heard.0);
    }
    assert_eq!(output.lines.len(), 3);
    assert_eq!(output.text(Said::Result), "one");
    assert!(!output.held_open);
}

#[test]
fn a_script_has_the_nodes_umask_no_input_and_only_its_environment() {
    let script = shell("umask; wc -c; env | grep -v ^PWD= | sort");
    let output = runner().run(&script, &mut Silent).unwrap();
    assert_eq!(output.text(Said::Plain), "0022\n0\nONLY=this\nPATH=/bin:/usr/bin");
}

#[test]
fn a_failure_tells_the_code_and_the_scripts_own_words() {
    let script = shell("echo noise; echo CLIENT_ERROR: no luck >&2; exit 7");
    let error = runner().run(&script, &mut Silent).unwrap_err();
    assert_eq!(error.to_string(), "bin/try ended with exit code 7:\nno luck");
    assert_eq!(error.summary(), "bin/try ended with exit code 7");
    assert_eq!(error.code(), Some(7));
}

#[test]
fn a_file_that_is_not_executable_is_named() {
    let mut script = shell("true");
    script.command.program = "/etc/passwd".into();
    let error = runner().run(&script, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("/etc/passwd"), "{error}");
    assert_eq!(error.code(), Some(126));
}

#[test]
fn a_daemon_that_keeps_the_pipe_does_not_hold_us_up() {
    let mut heard = Heard::default();
    let started = Instant::now();
    let script = shell("sleep 60 & echo CLIENT_RESULT: $!");
    let output = runner().run(&script, &mut heard).unwrap();
    let daemon = output.text(Said::Result).parse().unwrap();
    ProcessId::of(daemon).unwrap().signal(Signal::KILL);
    assert!(output.held_open);
    assert!(started.elapsed() < Duration::from_secs(15));
    assert!(heard.1[0].contains("bin/try"), "{:?}", heard.1);
}

#[test]
fn a_script_that_hangs_is_ended_with_what_it_started() {
    let hanging = Runner { limit: Duration::from_millis(300), ..runner() };
    let script = shell("sleep 60 & echo $!; wait");
    let error = hanging.run(&script, &mut Silent).unwrap_err();
    let GearError::TimedOut { output, .. } = error else { panic!("{error}") };
    let started: u32 = output.text(Said::Plain).parse().unwrap();
    let gone = ProcessId::of(started).is_none_or(|p| p.wait_gone(Duration::from_secs(10)));
    assert!(gone);
}

#[test]
fn an_interrupt_ends_the_script_that_runs() {
    let runner = runner();
    runner.interrupts.raise();
    let error = runner.run(&shell("sleep 60"), &mut Silent).unwrap_err();
    assert!(error.is_interrupt(), "{error}");
    runner.run(&shell("true"), &mut Silent).unwrap();
}

#[test]
fn a_script_is_noted_while_it_runs_and_not_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let note = Utf8PathBuf::from_path_buf(dir.path().join("note")).unwrap();
    let runner = Runner { note: Some(note.clone()), ..runner() };
    let look = format!("while ! cat {note} 2>/dev/null; do sleep 0.05; done");
    let output = runner.run(&shell(&look), &mut Silent).unwrap();
    assert!(output.text(Said::Plain).contains("\"pid\""), "{output:?}");
    assert!(!note.exists(), "what it started would be ended with it");
}

#[test]
fn lines_that_end_as_on_windows_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap().join("control");
    files::write_atomic(&path, b"#!/bin/sh\r\nexit 0\r\n", 0o755).unwrap();
    let script = Script { command: CommandSpec::new(&path, &GearEnv::new()), ..shell("") };
    let error = runner().run(&script, &mut Silent).unwrap_err();
    assert_eq!(error.code(), Some(127), "as a shell has it");
    insta::assert_snapshot!(
        error.to_string().replace(path.as_str(), "PATH"),
        @r"bin/try cannot be run: the first line of PATH ends in a carriage return, as lines do on Windows. Write it with plain line feeds (`sed -i 's/\r$//' FILE`; for git, `*.sh text eol=lf` in .gitattributes)"
    );
}
