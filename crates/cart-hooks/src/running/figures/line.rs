//! Figures in a line, for people.

use std::time::Duration;

use super::Figures;
use crate::names::APPSERVER;

/// `status`: what the app is at, how long it takes, what it weighs, since when it runs.
pub(crate) fn line(figures: &Figures) -> String {
    let of_app = |kind| figures.get(kind, Some(APPSERVER));
    let mut said = Vec::new();
    if let (Some(busy), Some(queued)) = (of_app("busy"), of_app("queued")) {
        said.push(format!("{busy} in work, {queued} queued{}", workers(of_app("workers"))));
    }
    if let Some(requests) = figures.get("requests", None) {
        said.push(format!("{requests} requests"));
    }
    if let (Some(p50), Some(p99)) = (figures.time("latency.p50"), figures.time("latency.p99")) {
        said.push(format!("{} (half) to {} (99 %)", seconds(p50), seconds(p99)));
    }
    said.push(format!("{} MB", figures.sum("memory").div_ceil(1_000_000)));
    if let Some(generation) = of_app("generation") {
        said.push(format!("generation {generation}"));
    }
    if let Some(uptime) = of_app("uptime") {
        said.push(format!("up {}", humantime::format_duration(coarse(uptime))));
    }
    said.push(match figures.sum("crashes") {
        0 => "no crash".to_owned(),
        1 => "1 crash".to_owned(),
        crashes => format!("{crashes} crashes"),
    });
    said.join("; ")
}

fn workers(count: Option<u64>) -> String {
    match count {
        None => String::new(),
        Some(1) => " (1 worker)".to_owned(),
        Some(count) => format!(" ({count} workers)"),
    }
}

fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    format!("{:.1} s", time.as_secs_f64())
}

/// Two units are enough.
fn coarse(seconds: u64) -> Duration {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let unit = match seconds {
        0..HOUR => 1,
        HOUR..DAY => MINUTE,
        DAY.. => HOUR,
    };
    Duration::from_secs(seconds / unit * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let shown = |s| humantime::format_duration(coarse(s)).to_string();
        assert_eq!([shown(59), shown(7322), shown(90_000)], ["59s", "2h 2m", "1day 1h"]);
        let ms = Duration::from_millis;
        assert_eq!(
            [seconds(ms(0)), seconds(ms(999)), seconds(ms(1549))],
            ["0 ms", "999 ms", "1.5 s"]
        );
    }
}
