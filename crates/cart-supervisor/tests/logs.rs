//! What services print: whole in the log, however it is written and moved on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, LogLimits, files, wait};
use cart_supervisor::{Change, ClientError, Failure, Logging, ServiceSpec};
use place::{LIMIT, Place, SERVER};
use rustix::process::Signal;

/// As `SERVER`, but first it prints as many numbered lines as its third argument says, in pieces
/// that do not end with lines.
fn counting(place: &Place, lines: usize) -> ServiceSpec {
    let count = "
import os, sys
text = ''.join('line %d\\n' % n for n in range(int(sys.argv[3]))).encode()
for at in range(0, len(text), 777):
    os.write(1, text[at:at + 777])
";
    place.service(&["-c", &format!("{count}\n{SERVER}"), "x", "200", &lines.to_string()])
}

/// What a log and its predecessors hold, the oldest first.
fn whole(log: &Utf8Path) -> String {
    let numbered = |n: usize| Utf8PathBuf::from(format!("{log}.{n}"));
    let count = (1..).take_while(|n| numbered(*n).exists()).count();
    let files = (1..=count).rev().map(numbered).chain([log.to_owned()]);
    files.map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect()
}

fn lines_up_to(count: usize) -> String {
    (0..count).map(|n| format!("line {n}\n")).collect()
}

fn writer(place: &Place) -> ProcessId {
    let is_writer =
        |pid: &u32| process::command_line(*pid).is_some_and(|words| words.contains("write-log"));
    let find = || {
        process::children(place.supervisor_process().pid)
            .into_iter()
            .find(is_writer)
            .and_then(ProcessId::of)
    };
    wait::until(LIMIT, find).unwrap()
}

/// Waits until a log holds `text`, and only that.
#[track_caller]
fn assert_log(log: &Utf8Path, text: &str) {
    let same = wait::until(LIMIT, || (whole(log) == text).then_some(()));
    if same.is_none() {
        let held = whole(log);
        let at = held.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        panic!("{log} holds {} bytes and not {}; they differ at {at}", held.len(), text.len());
    }
}

#[test]
fn output_is_whole_and_in_order_behind_many_rotations() {
    let place = Place::new();
    let limits = LogLimits { size: 10_000, files: 1000 };
    let spec = ServiceSpec { logging: place.collected(limits), ..counting(&place, 50_000) };
    place.client().ensure(spec, false).unwrap();
    assert_log(&place.log(), &lines_up_to(50_000));
    for entry in place.dir.join("logs").read_dir_utf8().unwrap().flatten() {
        let metadata = entry.metadata().unwrap();
        assert!(metadata.len() <= 10_000 + 65_536, "{}", entry.path());
        assert_eq!(metadata.permissions().mode() & 0o137, 0, "{}", entry.path());
        if entry.file_name().starts_with("app.log.") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(text.ends_with('\n') && text.starts_with("line "), "{}", entry.path());
        }
    }
    let pipe = std::fs::metadata(place.dir.join("run/app.fifo")).unwrap();
    assert!(pipe.file_type().is_fifo());
    assert_eq!(pipe.permissions().mode() & 0o777, 0o600);
}

#[test]
fn only_so_many_files_are_kept() {
    let place = Place::new();
    let limits = LogLimits { size: 10_000, files: 3 };
    let spec = ServiceSpec { logging: place.collected(limits), ..counting(&place, 20_000) };
    place.client().ensure(spec, false).unwrap();
    let ends = || whole(&place.log()).ends_with("line 19999\n").then_some(());
    assert!(wait::until(LIMIT, ends).is_some());
    let logs = place.dir.join("logs").read_dir_utf8().unwrap().flatten();
    let logs = logs.filter(|e| e.file_name().starts_with("app.log")).count();
    assert_eq!(logs, 3);
}

#[test]
fn a_killed_writer_loses_nothing() {
    let place = Place::new();
    let client = place.client();
    let spec = counting(&place, 300_000);
    std::thread::scope(|scope| {
        let started = scope.spawn(|| client.ensure(spec, false));
        for _ in 0..5 {
            let writer = writer(&place);
            writer.signal(Signal::KILL);
            assert!(writer.wait_gone(LIMIT));
        }
        started.join().unwrap().unwrap();
    });
    let ends = || whole(&place.log()).ends_with("line 299999\n").then_some(());
    assert!(wait::until(LIMIT, ends).is_some());
    // A piece may be there twice: then the numbers go back once, and none is left out.
    let text = whole(&place.log());
    let mut next = 0;
    for number in text.lines().filter_map(|l| l.strip_prefix("line ")?.parse::<usize>().ok()) {
        assert!(number <= next, "lines {next} to {number} are lost");
        next = number + 1;
    }
    assert_eq!(next, 300_000);
}

#[test]
fn what_is_printed_while_no_supervisor_lives_is_written_and_the_next_one_goes_on() {
    let place = Place::new();
    let chatty = SERVER.replace("    c.recv(65536)", "    print(c.recv(65536), flush=True)");
    let spec = place.service(&["-c", &chatty, "x", "200"]);
    place.client().ensure(spec.clone(), false).unwrap();
    let first = writer(&place);
    let supervisor = place.supervisor_process();
    supervisor.signal(Signal::KILL);
    assert!(supervisor.wait_gone(LIMIT));
    let said = |count: usize| {
        let log = place.log();
        wait::until(LIMIT, || (whole(&log).matches("GET / ").count() == count).then_some(()))
    };
    assert_eq!(place.ask(), "x");
    assert!(said(2).is_some(), "{}", whole(&place.log()));
    first.signal(Signal::KILL);
    assert!(first.wait_gone(LIMIT));
    assert_eq!(place.ask(), "x");
    assert_eq!(place.client().ensure(spec, false).unwrap(), Change::Unchanged);
    assert!(said(3).is_some(), "{}", whole(&place.log()));
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_the_service_and_says_what_is_missing() {
    let place = Place::new();
    // A directory in the log's place is as bad as a full disk.
    files::create_dir(&place.log(), 0o755).unwrap();
    let client = place.client();
    let spec = ServiceSpec { start_limit: 60, ..counting(&place, 1_000_000) };
    assert_eq!(client.ensure(spec, false).unwrap(), Change::Started);
    assert_eq!(place.ask(), "x");
    std::fs::remove_dir(place.log()).unwrap();
    let ends = || whole(&place.log()).ends_with("line 999999\n").then_some(());
    assert!(wait::until(LIMIT, ends).is_some());
    let text = whole(&place.log());
    let (note, rest) = text.split_once('\n').unwrap();
    assert!(note.contains("bytes of output (") && note.contains("were dropped here"), "{note}");
    // The note counts what is missing, to the byte.
    let missing: usize = note.split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(missing + rest.len(), lines_up_to(1_000_000).len());
}

#[test]
fn a_writer_that_does_not_start_does_not_stop_the_service() {
    let place = Place::new();
    let writer = CommandSpec::new("/nonexistent/writer", &GearEnv::new());
    let spec =
        ServiceSpec { logging: Logging::Collected { writer }, ..counting(&place, 1_000_000) };
    let client = place.client();
    client.ensure(spec.clone(), false).unwrap();
    assert_eq!(place.ask(), "x");
    let log = std::fs::read_to_string(place.dir.join("logs/supervisor.log")).unwrap();
    assert!(log.contains("could not start `/nonexistent/writer`"), "{log}");
    // Another writer takes over what is left, and no server is replaced for it.
    let spec = ServiceSpec { logging: place.collected(LogLimits::default()), ..spec };
    assert_eq!(client.ensure(spec, false).unwrap(), Change::Unchanged);
    let ends = || whole(&place.log()).ends_with("line 999999\n").then_some(());
    assert!(wait::until(LIMIT, ends).is_some());
}

#[test]
fn other_limits_replace_the_writer_and_not_the_service() {
    let place = Place::new();
    let client = place.client();
    client.ensure(place.answering("x"), false).unwrap();
    let (server, first) = (place.process(), writer(&place));
    let limits = LogLimits { size: 1 << 16, files: 2 };
    let spec = ServiceSpec { logging: place.collected(limits), ..place.answering("x") };
    assert_eq!(client.ensure(spec, false).unwrap(), Change::Unchanged);
    assert!(first.wait_gone(LIMIT));
    assert_eq!(place.process(), server);
    let words = process::command_line(writer(&place).pid).unwrap();
    assert!(words.contains(" 65536 2 "), "{words}");
}

#[test]
fn the_last_lines_of_a_failed_start_are_waited_for_and_found_behind_a_rotation() {
    let place = Place::new();
    let limits = LogLimits { size: 1000, files: 5 };
    let print = "import sys\nfor n in range(30_000): print('line', n)\nsys.exit('the end')";
    for _ in 0..5 {
        let spec = place.service(&["-c", print]);
        let spec = ServiceSpec { logging: place.collected(limits), ..spec };
        let failure = match place.client().ensure(spec, false) {
            Err(ClientError::Failed(Failure::Ended { last_lines, .. })) => last_lines,
            other => panic!("{other:?}"),
        };
        assert_eq!(failure.len(), 20, "{failure:?}");
        assert_eq!(failure.last().unwrap(), "the end");
        assert_eq!(failure[0], "line 29981");
    }
}

#[test]
fn ending_waits_until_everything_is_written() {
    let place = Place::new();
    let last_words = "
import signal, sys
def end(*_):
    sys.stdout.write(''.join('line %d\\n' % n for n in range(50_000)))
    sys.exit()
signal.signal(signal.SIGTERM, end)
";
    let spec = place.service(&["-c", &format!("{last_words}\n{SERVER}"), "x", "200"]);
    place.client().ensure(spec, false).unwrap();
    let writer = writer(&place);
    place.client().end(&[], LIMIT).unwrap();
    assert!(!writer.is_alive());
    assert_eq!(whole(&place.log()), lines_up_to(50_000));
    assert!(!place.dir.join("run/app.fifo").exists());
}

#[test]
fn a_service_that_reopens_its_logs_is_told_when_they_were_moved_on() {
    let place = Place::new();
    let own = place.dir.join("logs/own.log");
    let reopening = format!(
        "
import signal, sys
log = open(sys.argv[3], 'ab', buffering=0)
def reopen(*_):
    global log
    log = open(sys.argv[3], 'ab', buffering=0)
signal.signal(signal.SIGUSR1, reopen)
{}",
        SERVER.replace("    c.recv(65536)", "    log.write(c.recv(65536) * 100)")
    );
    let limits = LogLimits { size: 4096, files: 3 };
    let spec = ServiceSpec {
        logging: Logging::Own { files: vec![own.clone()], limits },
        ..place.service(&["-c", &reopening, "x", "200", own.as_str()])
    };
    place.client().ensure(spec, false).unwrap();
    let server = place.process();
    let mut asked = 1;
    for rotations in 1..=3 {
        let moved = wait::until(Duration::from_secs(60), || {
            assert_eq!(place.ask(), "x");
            asked += 1;
            let small = std::fs::metadata(&own).is_ok_and(|m| m.len() < 4096);
            (small && Utf8PathBuf::from(format!("{own}.1")).exists()).then_some(())
        });
        assert!(moved.is_some(), "rotation {rotations}");
        if rotations < 3 {
            let text = whole(&own);
            // The probe is asked in other words.
            let requests = text.matches("GET / HTTP/1.0\r\n").count();
            assert_eq!(requests, asked * 100, "rotation {rotations}");
        }
        let grown = wait::until(LIMIT, || {
            assert_eq!(place.ask(), "x");
            asked += 1;
            (std::fs::metadata(&own).unwrap().len() > 4096).then_some(())
        });
        assert!(grown.is_some());
    }
    assert!(!Utf8PathBuf::from(format!("{own}.3")).exists());
    assert_eq!(place.process(), server);
}

#[test]
fn the_supervisors_own_log_is_bounded() {
    let place = Place::new();
    let log = place.dir.join("logs/supervisor.log");
    let mut file = files::open_log(&log).unwrap();
    file.write_all(&b"an old line\n".repeat(100_000)).unwrap();
    place.client().ensure(place.answering("x"), false).unwrap();
    assert!(Utf8PathBuf::from(format!("{log}.1")).exists());
    assert!(std::fs::read_to_string(&log).unwrap().contains("serves as pid"));
}

#[test]
fn a_failure_is_told_whole_when_somebody_else_writes_the_log() {
    let place = Place::new();
    // Takes everything at once, and then has it for a while.
    let slow = "
import os, sys, time
while True:
    text = os.read(0, 65536)
    if not text: break
    for line in text.splitlines(True):
        time.sleep(0.2)
        with open(sys.argv[1], 'ab') as log: log.write(line)
";
    let python = cart_core::programs::find("python3", &place.env, &[]).unwrap();
    let writer = CommandSpec::new(python, &place.env).args(["-c", slow, place.log().as_str()]);
    let code = "import sys; sys.exit('\\n'.join('line %d' % n for n in range(8)))";
    let spec =
        ServiceSpec { logging: Logging::Collected { writer }, ..place.service(&["-c", code]) };
    let Err(ClientError::Failed(Failure::Ended { last_lines, .. })) =
        place.client().ensure(spec, false)
    else {
        panic!("it cannot have started");
    };
    assert_eq!(last_lines.join("\n") + "\n", lines_up_to(8));
}
