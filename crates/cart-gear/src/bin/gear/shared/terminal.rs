//! What the person at the terminal sees. The one place of this program that prints: the URL, or
//! the answer to a question, on standard output, all else on standard error; where logs are collected as
//! JSON, all of it on standard output, an object in each line.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime};

use cart_core::LogFormat;
use cart_gear::{Caller, Line, Progress, Said};
use indicatif::{ProgressBar, ProgressStyle};

use crate::shared::json;

/// How many lines of a script that failed are shown, of those that were not shown as they came.
const KEPT: usize = 20;

/// A step that took less is not worth a line of its own.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// An answer that was asked for, on standard output. Somebody who has stopped listening is no error.
pub(crate) fn answer(text: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// What is not the answer itself, on standard error.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "gear: {text}");
}

/// A question, on standard error; the answer follows on the same line.
pub(crate) fn ask(text: &str) {
    let _ = write!(std::io::stderr(), "{text}");
}

pub(crate) struct Terminal {
    app: String,
    format: LogFormat,
    /// There while something is waited for on a terminal.
    spinner: Option<ProgressBar>,
    on_terminal: bool,
    /// What is being done, and since when.
    step: Option<(String, Instant)>,
    caller: Caller,
    /// Lines of the current script that were not shown.
    hidden: VecDeque<String>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self {
            app: String::new(),
            format: LogFormat::Text,
            spinner: None,
            on_terminal: std::io::stderr().is_terminal(),
            step: None,
            caller: Caller::Setup,
            hidden: VecDeque::new(),
        }
    }

    /// An app is going to be served that the person called `app`, and all that is said of it is shown
    /// in `format`.
    pub(crate) fn serves(&mut self, app: &str, format: LogFormat) {
        app.clone_into(&mut self.app);
        self.format = format;
        // Nobody watches a collector of logs.
        self.on_terminal &= format == LogFormat::Text;
    }

    /// The end of what may have taken a while.
    pub(crate) fn done(&mut self) {
        self.end_step();
        self.end_spinner();
        self.hidden.clear();
    }

    /// The end: what is wrong, after whatever the last script printed and nobody saw.
    pub(crate) fn failed(&mut self, message: &str) {
        self.end_spinner();
        for line in std::mem::take(&mut self.hidden) {
            self.pass_on("info", &line);
        }
        self.say("error", message);
    }

    /// Words of this program.
    fn say(&self, level: &str, text: &str) {
        match self.format {
            LogFormat::Text => self.show(&format!("gear: {text}")),
            LogFormat::Json => answer(&json::own(level, text)),
        }
    }

    /// Words of a script that this program runs.
    fn pass_on(&self, level: &str, text: &str) {
        match self.format {
            LogFormat::Text => self.show(text),
            LogFormat::Json => answer(&json::own(level, text)),
        }
    }

    /// Somebody who stopped listening must not stop the gear.
    fn show(&self, text: &str) {
        let write = || {
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match &self.spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }

    fn hide(&mut self, text: &str) {
        if self.hidden.len() == KEPT {
            self.hidden.pop_front();
        }
        self.hidden.push_back(text.to_owned());
    }

    /// What took a while is said once it is done.
    fn end_step(&mut self) {
        if let Some((name, since)) = self.step.take()
            && since.elapsed() >= WORTH_A_LINE
        {
            self.say("info", &format!("{name}: {:.1} s", since.elapsed().as_secs_f64()));
        }
    }

    /// The step, the seconds that it has taken so far, and what is done just now.
    fn spin(&mut self, now: &str) {
        let Some((name, _)) = &self.step else { return };
        let message = if now.is_empty() { name.clone() } else { format!("{name}: {now}") };
        self.spinner.get_or_insert_with(new_spinner).set_message(message);
    }

    fn end_spinner(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

fn new_spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

impl Progress for Terminal {
    fn step(&mut self, name: &str, caller: Caller) {
        self.end_step();
        self.hidden.clear();
        self.step = Some((name.to_owned(), Instant::now()));
        self.caller = caller;
        if self.on_terminal {
            // A spinner of its own, for it counts the time.
            self.end_spinner();
            self.spin("");
        } else {
            self.say("info", name);
        }
    }

    fn heard(&mut self, line: &Line) {
        match (line.said, self.caller) {
            (Said::Result | Said::Message | Said::Error, _) | (Said::Plain, Caller::UserHook) => {
                if line.said == Said::Error && self.caller == Caller::Control {
                    // It gives the reason itself: what an installer printed on the way, say, would
                    // only bury that.
                    self.hidden.clear();
                }
                self.pass_on(if line.said == Said::Error { "error" } else { "info" }, &line.text);
            }
            (Said::Plain, _) => {
                self.hide(&line.text);
                if self.on_terminal {
                    self.spin(line.text.trim());
                }
            }
            (Said::Debug | Said::ForBroker, _) => {}
        }
    }

    fn notice(&mut self, text: &str) {
        self.say("info", text);
    }

    fn serving(&mut self, url: &str) {
        self.done();
        let text = format!("Serving {} at {url} (Ctrl-C stops it)", self.app);
        match self.format {
            LogFormat::Text => answer(&text),
            LogFormat::Json => answer(&json::own("info", &text)),
        }
    }

    fn logged(&mut self, file: &str, line: &str) {
        match self.format {
            LogFormat::Text => self.show(&format!("{file}: {line}")),
            LogFormat::Json => answer(&json::line(SystemTime::now(), file, line)),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.end_spinner();
    }
}

/// Lines with columns as wide as what is in them.
pub(crate) fn in_columns<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Vec<String> {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
