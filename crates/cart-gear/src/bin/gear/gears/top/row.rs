//! A gear's figures in the words of a table.

use std::collections::VecDeque;

use cart_gear::Figures;

use super::Seen;

/// How many rates are remembered: as many as are shown.
const COURSE: usize = 20;

pub(super) const HEAD: [&str; 11] =
    ["NAME", "STATE", "REQUESTS", "P50", "P99", "BUSY", "QUEUED", "MEMORY", "CRASHES", "GEN", "UP"];

/// What is remembered of a gear between two looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    last: Option<Seen>,
    /// Requests per second, the newest last.
    rates: VecDeque<f64>,
}

impl Course {
    /// Takes note of a look. A count that has become smaller began anew.
    pub(super) fn note(&mut self, seen: &Seen) {
        if let Some(last) = &self.last
            && let (Some(before), Some(now)) =
                (last.figures.get("requests"), seen.figures.get("requests"))
        {
            let passed = seen.at.saturating_duration_since(last.at).as_secs_f64();
            let more = if now >= before { now - before } else { now };
            self.rates.push_back(if passed > 0.0 { more / passed } else { 0.0 });
            while self.rates.len() > COURSE {
                self.rates.pop_front();
            }
        }
        self.last = Some(seen.clone());
    }

    /// Requests per second between the last two looks.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rates.back().copied()
    }

    /// The rates as bars, the newest at the right, the highest as high as can be.
    pub(super) fn sparkline(&self) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.rates.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let bar = |rate: &f64| {
            let reached = |(_, nth): &(_, u8)| f64::from(*nth) * most <= rate * 7.0;
            BARS.iter().zip(0..8).rfind(reached).map_or(' ', |(bar, _)| *bar)
        };
        let bars: String = self.rates.iter().map(bar).collect();
        format!("{bars:>COURSE$}")
    }
}

/// What is shown of a gear; with its course, requests per second instead of all that there were.
pub(super) fn cells(seen: &Seen, course: Option<&Course>) -> [String; 11] {
    let figures = &seen.figures;
    let shown = |value: Option<f64>, words: fn(f64) -> String| value.map_or("-".to_owned(), words);
    let sum = |name| total(figures, name);
    let requests = match course {
        Some(course) => shown(course.rate(), |rate| format!("{rate:.1}/s")),
        None => shown(figures.get("requests"), count),
    };
    let busy = shown(sum("busy"), count);
    let busy = match sum("workers") {
        Some(workers) if busy != "-" => format!("{busy}/{}", count(workers)),
        _ => busy,
    };
    let state = match figures.get("up") {
        Some(0.0) if seen.state == "started" => "down".to_owned(),
        _ => seen.state.clone(),
    };
    [
        seen.name.clone(),
        state,
        requests,
        shown(figures.get("latency.p50"), seconds),
        shown(figures.get("latency.p99"), seconds),
        busy,
        shown(sum("queued"), count),
        shown(sum("memory"), bytes),
        shown(sum("crashes"), count),
        shown(figures.of_services("generation").reduce(f64::max), count),
        shown(figures.of_services("uptime").reduce(f64::min), since),
    ]
}

fn total(figures: &Figures, name: &str) -> Option<f64> {
    figures.of_services(name).reduce(|a, b| a + b)
}

fn count(number: f64) -> String {
    format!("{number:.0}")
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0}ms", seconds * 1000.0) } else { format!("{seconds:.1}s") }
}

fn bytes(bytes: f64) -> String {
    const MEGABYTE: f64 = 1e6;
    if bytes < 1000.0 * MEGABYTE {
        format!("{:.0}MB", bytes / MEGABYTE)
    } else {
        format!("{:.1}GB", bytes / (1000.0 * MEGABYTE))
    }
}

fn since(seconds: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "d"), (3600.0, "h"), (60.0, "m")];
    let unit = UNITS.iter().find(|(unit, _)| seconds >= *unit);
    unit.map_or_else(
        || format!("{seconds:.0}s"),
        |(unit, name)| format!("{:.0}{name}", (seconds / unit).floor()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn seen(text: &str, at: Instant) -> Seen {
        Seen { name: "blog".into(), state: "started".into(), figures: Figures::parse(text), at }
    }

    #[test]
    fn figures_become_words() {
        let text = "up=1\nrequests=1204\nlatency.p50=0.0042\nlatency.p99=1.26\na.busy=2\na.queued=0\n\
            a.workers=4\na.memory=84000000\nb.memory=1916000000\na.crashes=1\nb.crashes=0\n\
            a.generation=3\nb.generation=1\na.uptime=7300\nb.uptime=90000";
        let cells = cells(&seen(text, Instant::now()), None);
        assert_eq!(
            cells,
            ["blog", "started", "1204", "4ms", "1.3s", "2/4", "0", "2.0GB", "1", "3", "2h"]
        );
        let down = super::cells(&seen("up=0", Instant::now()), None);
        assert_eq!(down[1..4], ["down", "-", "-"]);
        assert_eq!([since(59.0), since(60.0), since(90_000.0)], ["59s", "1m", "1d"]);
    }

    #[test]
    fn rates_are_of_the_time_between_two_looks_and_draw_a_line() {
        let begin = Instant::now();
        let mut course = Course::default();
        for (second, requests) in [(0, 10), (2, 10), (4, 24), (6, 31), (8, 7)] {
            let at = begin + Duration::from_secs(second);
            course.note(&seen(&format!("requests={requests}"), at));
        }
        assert_eq!(course.rates, [0.0, 7.0, 3.5, 3.5]);
        assert_eq!(course.sparkline().trim_start(), "▁█▄▄");
        assert_eq!(cells(&seen("", begin), Some(&course))[2], "3.5/s");
        for second in 10..100 {
            course.note(&seen("requests=9", begin + Duration::from_secs(second)));
        }
        assert_eq!(course.sparkline().chars().count(), COURSE);
    }
}
