//! The load: wrk, from the distribution, and WebSockets of our own.

pub(crate) mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv, files, programs};

/// Clients that keep their connections.
pub(crate) const CONNECTIONS: u32 = 64;
/// How much longer than it should wrk may take.
const GRACE: Duration = Duration::from_secs(30);
/// No answer takes longer; wrk counts one that does as an error.
const LONGEST_ANSWER: &str = "10s";

const REPORT: &str = include_str!("load/report.lua");
const PICK: &str = include_str!("load/pick.lua");

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// One path.
    Path(&'static str),
    /// Those in a file, a line each, at random.
    AnyOf(Utf8PathBuf),
    /// That a WebSocket at this path says back what it is told.
    Echo(&'static str),
}

impl Asked {
    /// What is counted.
    #[must_use]
    pub fn counted(&self) -> &'static str {
        match self {
            Self::Path(_) | Self::AnyOf(_) => "requests",
            Self::Echo(_) => "messages",
        }
    }

    /// One of the paths.
    ///
    /// # Panics
    /// When the file cannot be read, or has none.
    #[must_use]
    pub fn first(&self) -> String {
        match self {
            Self::Path(path) | Self::Echo(path) => (*path).to_owned(),
            Self::AnyOf(list) => {
                let paths = String::from_utf8(files::read(list).unwrap()).unwrap();
                paths.lines().next().unwrap().to_owned()
            }
        }
    }
}

/// wrk, ready to run.
#[derive(Debug)]
pub struct Wrk {
    program: Utf8PathBuf,
    setsid: Utf8PathBuf,
    /// Where its scripts are.
    scripts: Utf8PathBuf,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answers {
    /// How many were answered, with whatever status.
    pub count: u64,
    /// How long the run took.
    pub took: Duration,
    /// Half of the answers took no longer.
    pub p50: Duration,
    /// 99 of 100 answers took no longer.
    pub p99: Duration,
    /// Connections that failed, answers that came not in time, and those with a status above 399.
    pub errors: u64,
}

impl Wrk {
    /// Finds it, and puts its scripts into a directory.
    ///
    /// # Panics
    /// When it is not installed, or `setsid` is not.
    #[must_use]
    pub fn new(scripts: &Utf8Path) -> Self {
        let found = |name, package| {
            let program = programs::find(name, &GearEnv::from_process(), &["/usr/bin"]);
            program.unwrap_or_else(|e| panic!("{e}: install the package {package}"))
        };
        let (program, setsid) = (found("wrk", "wrk"), found("setsid", "util-linux"));
        let write = |name, text: &str| {
            files::write_unsynced(&scripts.join(name), text.as_bytes(), 0o644).unwrap();
        };
        write("path.lua", REPORT);
        write("any.lua", &[PICK, REPORT].join("\n"));
        Self { program, setsid, scripts: scripts.to_owned() }
    }

    /// Asks for as long as this, as fast as answers come.
    ///
    /// It is pinned to no processor: a server's processes and its clients share those of the machine as
    /// they do in life, and a server with as many workers as processors would not be itself on what a
    /// pinned client leaves. With one thread for two processors it cannot take more than half.
    ///
    /// It has a session of its own, as our gears have: a Linux with `sched_autogroup` divides the processors
    /// among sessions first, so that a server in the client's would get less than one beside it.
    ///
    /// # Errors
    /// When it does not run to its end.
    ///
    /// # Panics
    /// When it does not say what came of it.
    pub fn run(
        &self,
        address: SocketAddr,
        asked: &Asked,
        length: Duration,
    ) -> Result<Answers, RunError> {
        let threads = std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1));
        let (script, path) = match asked {
            Asked::Path(path) | Asked::Echo(path) => ("path.lua", *path),
            Asked::AnyOf(_) => ("any.lua", "/"),
        };
        let mut command = CommandSpec::new(&self.setsid, &GearEnv::new())
            .args(["--wait", self.program.as_str()])
            .args(["--threads".to_owned(), threads.to_string()])
            .args(["--connections".to_owned(), CONNECTIONS.to_string()])
            .args(["--duration".to_owned(), format!("{}s", length.as_secs().max(1))])
            .args(["--timeout", LONGEST_ANSWER])
            .args(["--script", self.scripts.join(script).as_str()])
            .arg(format!("http://{address}{path}"));
        if let Asked::AnyOf(list) = asked {
            command = command.arg(list.as_str());
        }
        let text = run::checked(&command, length + GRACE)?.stdout_text();
        Ok(parse(&text).unwrap_or_else(|| panic!("wrk did not say what came of it:\n{text}")))
    }
}

/// Reads what our script has wrk print, which is the last line.
fn parse(printed: &str) -> Option<Answers> {
    let told: serde_json::Value = serde_json::from_str(printed.lines().last()?).ok()?;
    let number = |name: &str| told.get(name)?.as_u64();
    let time = |name: &str| number(name).map(Duration::from_micros);
    Some(Answers {
        count: number("requests")?,
        took: time("microseconds")?,
        p50: time("p50")?,
        p99: time("p99")?,
        errors: number("errors")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_in_the_end_is_read() {
        let printed = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n\
                       Requests/sec:   9000.00\n\
                       {\"requests\":9001,\"microseconds\":1000100,\"p50\":4100,\"p99\":9300,\"errors\":2}";
        let answers = parse(printed).unwrap();
        assert_eq!((answers.count, answers.errors), (9001, 2));
        assert_eq!(answers.took, Duration::from_micros(1_000_100));
        assert_eq!([answers.p50, answers.p99].map(|time| time.as_micros()), [4100, 9300]);
        assert_eq!(parse("unable to connect to 127.0.0.1:1 Connection refused"), None);
        assert_eq!(parse("{\"requests\":1}"), None);
    }
}
