//! The Python stacks of a running server, whatever it is and however it hangs.
//!
//! Our launchers make every process of a server answer two signals by writing to the server's log
//! (`cartridge_stacks.py`, which says why two). One process is asked after the other, so that
//! nothing is mixed up, and what it wrote is read from the log as others would read it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use cart_core::process::{ProcessId, signals, tree};
use cart_core::tail::Tail;
use cart_core::{process, wait};
use rustix::process::Signal;

/// Shows stacks from Python. By default ignored, so it harms nobody who does not know it.
const SHOW: Signal = Signal::URG;
/// Shows stacks from C. Only for processes that catch it: others would be ended.
const DUMP: Signal = Signal::STKFLT;

/// The signals by which a process is asked, the one to begin with first.
pub const SIGNALS: [i32; 2] = [SHOW.as_raw(), DUMP.as_raw()];

/// What a process that was asked wrote because its app is still being imported, and where it stands:
/// the end of a sentence.
#[must_use]
pub fn endless_import(lines: &[String]) -> Option<String> {
    let told = lines.iter().find(|line| line.contains(" is still being imported; it stands at "));
    if let Some(line) = told {
        return Some(line.clone());
    }
    // From C: below the function of the launchers that imports the app.
    let is_import =
        |line: &String| line.contains("cartridge_wsgi.py\"") && line.contains(" in _import_");
    let below = &lines[..lines.iter().position(is_import)?];
    let begin = below.iter().rposition(|line| line.ends_with("(most recent call first):"));
    let frame = below.get(begin? + 1)?.trim();
    Some(format!("the app is still being imported; it stands at {frame}"))
}

/// How long the main thread may take to come to run Python code; gevent's hub looks for signals
/// three times a second.
const PYTHON_LIMIT: Duration = Duration::from_millis(1500);
/// How long what has begun to come may go on coming: many threads take a while.
const WRITING_LIMIT: Duration = Duration::from_secs(20);
/// How long a handler in C may take.
const DUMP_LIMIT: Duration = Duration::from_secs(5);
/// A dump from C has no last line to wait for. This long after its handler has returned, whoever
/// carries the lines from the process to the log has carried them.
const QUIET: Duration = Duration::from_millis(300);
/// A process younger than this may be one that is about to become another program, which knows
/// none of the signals: a program that the app starts.
const SETTLED: Duration = Duration::from_secs(1);

/// The stacks of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStacks {
    /// Its pid.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// What it answered.
    pub answer: Answer,
}

/// What a process did when it was asked for its stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It showed all its threads, and greenlets where it has them.
    Shown(String),
    /// Its main thread runs no Python code; this is what could be seen from outside.
    Dumped(String),
    /// It was asked and wrote nothing in time; it may be stopped.
    Silent,
    /// It was not asked any more: the others had taken all the time.
    TooLate,
    /// It is no Python process of a launcher of ours, or not one yet, and was left alone.
    NotAsked,
}

/// Asks a server, `main` and everything below it, for its stacks, and reads them from its `log`.
/// After `limit` no further process is asked. Answers nothing when the server has ended.
#[must_use]
pub fn of_server(main: ProcessId, log: &Utf8Path, limit: Duration) -> Vec<ProcessStacks> {
    let deadline = Instant::now() + limit;
    let mut reader = Reader { tail: Tail::at_end(log), bytes: Vec::new() };
    let mut stacks = Vec::new();
    for process in tree::with_descendants(main) {
        let Some(command) = process::command_line(process.pid) else { continue };
        let in_time = Instant::now() < deadline;
        let answer = if in_time { reader.ask(process) } else { Answer::TooLate };
        if process.is_alive() {
            stacks.push(ProcessStacks { pid: process.pid, command, answer });
        }
    }
    stacks
}

/// Reads answers as the log gets them.
struct Reader {
    tail: Tail,
    /// What the log got since the process was asked whose answer is awaited.
    bytes: Vec<u8>,
}

impl Reader {
    fn ask(&mut self, process: ProcessId) -> Answer {
        let young = || tree::age(process).is_some_and(|age| age < SETTLED).then_some(());
        let _ = wait::until(SETTLED * 2, || young().is_none().then_some(()));
        if !(signals::is_caught(process, SHOW) && signals::is_caught(process, DUMP)) {
            return Answer::NotAsked;
        }
        self.show(process).unwrap_or_else(|| self.dump(process))
    }

    /// Lets Python show the stacks; `None` when it does not come to that.
    fn show(&mut self, process: ProcessId) -> Option<Answer> {
        let begin = format!("--- stacks of process {} ---", process.pid);
        let end = format!("--- end of stacks of process {} ---", process.pid);
        self.forget();
        process.signal(SHOW);
        self.wait_for(process, PYTHON_LIMIT, |text| text.contains(&begin).then_some(()))?;
        self.wait_for(process, WRITING_LIMIT, |text| {
            let after = text.split_once(&*begin)?.1;
            let (shown, _) = after.split_once(&*end)?;
            Some(Answer::Shown(shown.trim_matches('\n').to_owned()))
        })
    }

    /// Lets C code dump them.
    fn dump(&mut self, process: ProcessId) -> Answer {
        self.forget();
        let outside: HashSet<u32> = signals::blocking_threads(process, DUMP).into_iter().collect();
        if !signals::is_caught(process, DUMP) {
            return Answer::NotAsked;
        }
        process.signal(DUMP);
        let handled = wait::until(DUMP_LIMIT, || {
            let runs = || signals::blocking_threads(process, DUMP);
            let pending = signals::is_pending(process, DUMP);
            (!pending && runs().iter().all(|thread| outside.contains(thread))).then_some(())
        });
        // Not handled: it may have written a part all the same.
        self.wait_until_quiet(if handled.is_some() { DUMP_LIMIT } else { QUIET });
        let text = String::from_utf8_lossy(&self.bytes);
        match dumped(&text) {
            Some(dump) => Answer::Dumped(dump),
            None => Answer::Silent,
        }
    }

    fn forget(&mut self) {
        while self.tail.read(&mut self.bytes) {}
        self.bytes.clear();
    }

    fn wait_for<T>(
        &mut self,
        process: ProcessId,
        limit: Duration,
        mut found: impl FnMut(&str) -> Option<T>,
    ) -> Option<T> {
        let look = || {
            let any = self.tail.read(&mut self.bytes);
            match found(&String::from_utf8_lossy(&self.bytes)) {
                Some(answer) => Some(Some(answer)),
                // What it wrote before it ended has been read by now.
                None if !any && !process.is_alive() => Some(None),
                None => None,
            }
        };
        wait::until(limit, look).flatten()
    }

    /// Reads until a dump is there and nothing more has come for a while.
    fn wait_until_quiet(&mut self, limit: Duration) {
        let mut heard = Instant::now();
        let _ = wait::until(limit, || {
            if self.tail.read(&mut self.bytes) {
                heard = Instant::now();
            }
            let there = dumped(&String::from_utf8_lossy(&self.bytes)).is_some();
            (there && heard.elapsed() >= QUIET).then_some(())
        });
    }
}

/// The lines of a dump by faulthandler, between whatever else the log got.
fn dumped(text: &str) -> Option<String> {
    let is_thread = |line: &str| {
        line.ends_with("(most recent call first):")
            && (line.starts_with("Thread 0x") || line.starts_with("Current thread 0x"))
    };
    let of_dump = |line: &&str| {
        is_thread(line)
            || line.starts_with("  File \"")
            || matches!(line.trim(), "..." | "")
            || line.starts_with("  <")
    };
    let mut lines = text.lines().skip_while(|line| !is_thread(line)).peekable();
    lines.peek()?;
    let dump: Vec<&str> = lines.filter(of_dump).collect();
    Some(dump.join("\n").trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use cart_core::{CommandSpec, GearEnv, files, run};

    use super::*;
    use crate::environment::interpreter;
    use crate::environment::interpreter::Wanted;

    #[test]
    fn a_dump_is_told_from_what_else_a_log_gets() {
        let text = "GET /\nThread 0x00007f (most recent call first):\n  File \"app.py\", line 3 in f\n\
                    worker timeout\n\nCurrent thread 0x00007e [gunicorn] (most recent call first):\n  \
                    <no Python frame>\n";
        assert_eq!(
            dumped(text).unwrap(),
            "Thread 0x00007f (most recent call first):\n  File \"app.py\", line 3 in f\n\n\
             Current thread 0x00007e [gunicorn] (most recent call first):\n  <no Python frame>"
        );
        assert_eq!(dumped("worker timeout\n"), None);
    }

    #[test]
    fn an_import_that_hangs_is_read_from_either_answer() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let told = "app.py is still being imported; it stands at /r/app.py, line 3: wait()";
        assert_eq!(endless_import(&lines(&format!("--- end ---\n{told}"))).unwrap(), told);
        let dump = "Thread 0x7f (most recent call first):\n  File \"/r/other.py\", line 9 in f\n\n\
                    Current thread 0x7e (most recent call first):\n  \
                    File \"/r/app.py\", line 3 in <module>\n  \
                    File \"<frozen importlib._bootstrap>\", line 241 in _call\n  \
                    File \"/c/cartridge_wsgi.py\", line 88 in _import_module";
        assert_eq!(
            endless_import(&lines(dump)).unwrap(),
            "the app is still being imported; it stands at File \"/r/app.py\", line 3 in <module>"
        );
        assert_eq!(endless_import(&lines("Traceback\nnothing")), None);
    }

    /// Python whose output goes through another process to the log.
    fn behind_a_pipe(dir: &Utf8Path, hang: &str) -> (std::process::Child, ProcessId) {
        let env = GearEnv::new().with("PATH", "/usr/local/bin:/usr/bin:/bin");
        let python = interpreter::find(&Wanted::Any, &env).unwrap();
        crate::runtime::support::write(&dir.join("python")).unwrap();
        let code = format!(
            "import sys; sys.path.insert(0, '{dir}/python')\n\
             import cartridge_stacks, collections, itertools, time\n\
             cartridge_stacks.answer_signals()\n\
             open('{dir}/ready', 'w').close()\n\
             def hangs():\n  {hang}\nhangs()\n"
        );
        let line = "\"$0\" -c \"$1\" 2>&1 | cat >> \"$2\"";
        let command = CommandSpec::new("/bin/sh", &env)
            .args(["-c", line, python.executable.as_str(), &code, dir.join("log").as_str()])
            .dir(dir);
        let log = files::open_log(&dir.join("log")).unwrap();
        let child = run::service(&command, Vec::new(), &log).unwrap();
        let main = ProcessId::of(child.id()).unwrap();
        let ready = || dir.join("ready").exists().then_some(());
        assert!(wait::until(Duration::from_secs(30), ready).is_some());
        (child, main)
    }

    #[test]
    fn a_log_that_somebody_else_writes_shows_the_stacks_as_well() {
        for (hang, from_python) in
            [("time.sleep(600)", true), ("collections.deque(itertools.repeat(0), maxlen=0)", false)]
        {
            let dir = tempfile::tempdir().unwrap();
            let dir = Utf8Path::from_path(dir.path()).unwrap();
            let (mut child, main) = behind_a_pipe(dir, hang);
            let stacks = of_server(main, &dir.join("log"), Duration::from_secs(30));
            main.signal_group(Signal::KILL);
            child.wait().unwrap();
            let answers: Vec<&Answer> = stacks.iter().map(|process| &process.answer).collect();
            let [Answer::NotAsked, python, Answer::NotAsked] = &*answers else {
                panic!("{stacks:?}");
            };
            let stack = match python {
                Answer::Shown(stack) if from_python => stack,
                Answer::Dumped(stack) if !from_python => stack,
                other => panic!("{other:?}"),
            };
            assert!(stack.contains("in hangs"), "{stack}");
        }
    }

    #[test]
    fn a_process_that_does_not_know_the_signals_is_left_alone() {
        let me = ProcessId::of(std::process::id()).unwrap();
        let log = Utf8Path::new("/nonexistent/log");
        let late = of_server(me, log, Duration::ZERO);
        assert_eq!(late.first().map(|s| &s.answer), Some(&Answer::TooLate));
        let stacks = of_server(me, log, Duration::from_secs(30));
        assert_eq!(stacks.first().map(|s| (s.pid, &s.answer)), Some((me.pid, &Answer::NotAsked)));
    }

    #[test]
    fn the_launchers_answer_the_signals_that_are_sent() {
        let launcher = include_str!("../../python/library/cartridge_stacks.py");
        assert!(launcher.contains(&format!("\nSHOW = {}\n", SHOW.as_raw())));
        assert!(launcher.contains(&format!("\nDUMP = {}\n", DUMP.as_raw())));
    }
}
