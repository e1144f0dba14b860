//! What nginx has seen: requests, by its own count, and how long they took, by its access log.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use cart_core::CartridgeDir;

use crate::text::layout;

/// The host by which nginx is asked for its counts, on the gear's own address. Nobody has such a name
/// (RFC 2606).
pub(crate) const HOST: &str = "cartridge-figures.invalid";

/// How long ago a request may have ended that [`Latency`] is about.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How much of the access log is read for it, from its end: the last 5,000 requests or more, 3,000 where they
/// are JSON.
const MOST_LOG: u64 = 1024 * 1024;

/// nginx's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// Since nginx was started, those for files and probes included; a reload does not begin anew.
    pub taken: u64,
    /// That it has read and not answered wholly: the app is at it, or will be, or the client is slow.
    pub in_hand: u64,
}

impl Requests {
    /// Asks the nginx on `address` that runs with the configuration in `dir`; `None` when it is not
    /// configured to tell (no `stub_status` in it), or does not within `limit`.
    #[must_use]
    pub fn ask(dir: &CartridgeDir, address: SocketAddr, limit: Duration) -> Option<Self> {
        // The app would get the question otherwise.
        std::fs::read_to_string(layout::main_file(dir)).ok().filter(|text| text.contains(HOST))?;
        let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        stream.set_write_timeout(Some(limit)).ok()?;
        write!(stream, "GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer).ok()?;
        Self::parse(&answer)
    }

    /// The third number of the line of numbers, and the one after `Writing:`, in which the question
    /// itself is counted.
    fn parse(answer: &str) -> Option<Self> {
        let (_, counts) = answer.split_once("handled requests")?;
        let mut words = counts.split_ascii_whitespace();
        let taken = words.nth(2)?.parse().ok()?;
        let writing: u64 = words.skip_while(|word| *word != "Writing:").nth(1)?.parse().ok()?;
        Some(Self { taken, in_hand: writing.saturating_sub(1) })
    }
}

/// How long requests took, from their first byte to the last one of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// How many requests it is about.
    pub requests: usize,
    /// Half of them took no longer.
    pub p50: Duration,
    /// Nineteen of twenty.
    pub p95: Duration,
    /// Ninety-nine of a hundred.
    pub p99: Duration,
}

impl Latency {
    /// Of the requests that ended within [`WINDOW`] before `now`, by the access log of the cartridge in
    /// `dir`, of which the last megabyte is read: at more than some 5,000 requests in the window (3,000
    /// of JSON), only the last of them count. WebSockets do not count. `None` without such a request, or
    /// without a log in the cartridge's own formats, of which there may be both.
    #[must_use]
    pub fn of(dir: &CartridgeDir, now: SystemTime) -> Option<Self> {
        let log = layout::access_log(dir);
        let since = now.checked_sub(WINDOW)?.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        let mut text = end_of(&log, MOST_LOG);
        // One that was moved on just now.
        if let Some(room) = MOST_LOG.checked_sub(text.len() as u64 + 1) {
            let mut before = end_of(Utf8Path::new(&format!("{log}.1")), room);
            before.append(&mut text);
            text = before;
        }
        Self::of_lines(&String::from_utf8_lossy(&text), since)
    }

    fn of_lines(text: &str, since: u64) -> Option<Self> {
        let mut took: Vec<Duration> =
            text.lines().filter_map(|line| duration(line, since)).collect();
        took.sort_unstable();
        let at = |share: usize| took.get((took.len() * share).div_ceil(100).max(1) - 1).copied();
        Some(Self { requests: took.len(), p50: at(50)?, p95: at(95)?, p99: at(99)? })
    }
}

/// The last bytes of a file; nothing when it cannot be read.
fn end_of(path: &Utf8Path, most: u64) -> Vec<u8> {
    let read = || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let begin = length.saturating_sub(most);
        let mut bytes = vec![0; usize::try_from(length - begin).unwrap_or_default()];
        let count = file.read_at(&mut bytes, begin)?;
        bytes.truncate(count);
        std::io::Result::Ok(bytes)
    };
    read().unwrap_or_default()
}

/// How long the request took that a line of the access log tells of, if that counts: the two formats are
/// in `nginx.defaults.conf`.
fn duration(line: &str, since: u64) -> Option<Duration> {
    let (ended, status, took) = if line.starts_with('{') { of_json(line)? } else { of_text(line)? };
    let took = Duration::try_from_secs_f64(took.parse().ok()?).ok()?;
    (status != "101" && ended >= since).then_some(took)
}

/// When a request ended, its status, and the seconds that it took. nginx writes no quote of a client's
/// into the line.
fn of_text(line: &str) -> Option<(u64, &str, &str)> {
    let (before, _) = line.split_once('"')?;
    let (_, time) = before.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let (_, after) = line.rsplit_once('"')?;
    let status = line.split('"').nth(2)?.split_ascii_whitespace().next()?;
    Some((seconds(time)?, status, after.trim()))
}

/// The same of a line of JSON. A client's quote has a backslash before it there, and what is looked for
/// stands before all that clients say.
fn of_json(line: &str) -> Option<(u64, &str, &str)> {
    let value = |name: &str| {
        let (_, value) = line.split_once(name)?;
        Some(value.split([',', '}']).next()?.trim_matches('"'))
    };
    Some((seconds_iso(value("\"time\":")?)?, value("\"status\":")?, value("\"seconds\":")?))
}

/// Seconds since 1970, of a time such as `2026-11-26T12:36:33.123+01:00`.
fn seconds_iso(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let (clock, zone) = time.split_at(time.rfind(['+', '-'])?);
    let mut numbers = date.split('-').chain(clock.split([':', '.'])).map(str::parse);
    let mut number = || numbers.next()?.ok();
    let date = (number()?, number()?, number()?);
    since_1970(date, (number()?, number()?, number()?), &zone.replace(':', ""))
}

/// Seconds since 1970, of a time such as `26/Nov/2026:12:36:33 +0100`.
fn seconds(text: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (date, zone) = text.split_once(' ')?;
    let mut parts = date.split(['/', ':']);
    let day: i64 = parts.next()?.parse().ok()?;
    let name = parts.next().filter(|name| name.len() == 3)?;
    let month = i64::try_from(MONTHS.find(name)? / 3 + 1).ok()?;
    let mut number = || parts.next()?.parse::<i64>().ok();
    let year = number()?;
    since_1970((year, month, day), (number()?, number()?, number()?), zone)
}

/// Of a date, a time of the day, and its zone as `+0100`.
fn since_1970(
    (year, month, day): (i64, i64, i64),
    (hours, minutes, seconds): (i64, i64, i64),
    zone: &str,
) -> Option<u64> {
    let zone: i64 = zone.parse().ok()?;
    let east = zone / 100 * 60 + zone % 100;
    // Years that begin in March end with the day that may be missing.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let since = (days - 719_468) * 86_400 + hours * 3600 + (minutes - east) * 60 + seconds;
    u64::try_from(since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, status: u16, took: &str) -> String {
        format!(
            "192.0.2.1 - [me] [26/Nov/2026:12:36:{second:02} +0100] \"GET /?a=[1] HTTP/1.1\" {status} 5 \
             \"-\" \"\\x22] curl\" \"-\" {took}\n"
        )
    }

    #[test]
    fn times_of_the_log_are_read() {
        assert_eq!(seconds("26/Nov/2026:12:36:33 +0000"), Some(1_795_696_593));
        assert_eq!(seconds("26/Nov/2026:13:36:33 +0100"), Some(1_795_696_593));
        assert_eq!(seconds("26/Nov/2026:09:06:33 -0330"), Some(1_795_696_593));
        assert_eq!(seconds("29/Feb/2000:00:00:00 +0000"), Some(951_782_400));
        assert_eq!(seconds("01/Jan/1970:00:00:00 +0000"), Some(0));
        for bad in ["", "1/Foo/2026:1:1:1 +0000", "26/Nov/2026 +0000", "an/Feb/1:1:1:1 +0000"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        assert_eq!(seconds_iso("2026-11-26T13:36:33.999+01:00"), Some(1_795_696_593));
        assert_eq!(seconds_iso("2026-11-26T09:06:33.000-03:30"), Some(1_795_696_593));
        for bad in ["", "2026-11-26", "T+00:00", "2026-11-26T09:06+01:00", "a-1-1T1:1:1.1+00:00"] {
            assert_eq!(seconds_iso(bad), None, "{bad}");
        }
    }

    #[test]
    fn quantiles_are_of_the_window_and_without_websockets() {
        let since = seconds("26/Nov/2026:12:36:10 +0100").unwrap();
        let mut text = "cut off at its beginning\" 200 1 \"-\" \"-\" \"-\" 9.000\n".to_owned();
        text += &line(9, 200, "5.000");
        text += &line(30, 101, "50.000");
        text += "a line of another format 0.001\n";
        for took in 1..=100 {
            text += &line(10 + took % 50, 200, &format!("0.{took:03}"));
        }
        let millis = |ms| Duration::from_millis(ms);
        let latency = Latency::of_lines(&text, since).unwrap();
        let expected = Latency { requests: 100, p50: millis(50), p95: millis(95), p99: millis(99) };
        assert_eq!(latency, expected);
        let one = Latency::of_lines(&line(20, 404, "0.007"), since).unwrap();
        assert_eq!((one.requests, one.p50, one.p99), (1, millis(7), millis(7)));
        assert_eq!(Latency::of_lines("", since), None);
    }

    /// As nginx wrote it, but for the numbers.
    fn json_line(second: u32, status: u16, took: &str) -> String {
        format!(
            r#"{{"time":"2026-11-26T12:36:{second:02}.500+01:00","log":"nginx-access","status":{status},"bytes":5,"seconds":{took},"request_id":"","peer":"192.0.2.1","method":"GET","path":"/?\"status\":101,\"seconds\":9","for":"","agent":"\"time\":\"","referer":""}}"#
        ) + "\n"
    }

    #[test]
    fn a_log_may_begin_as_text_and_go_on_as_json() {
        let since = seconds("26/Nov/2026:12:36:10 +0100").unwrap();
        let mut text = r#"at its beginning","status":200,"seconds":9.000}"#.to_owned() + "\n";
        text += r#"{"a line":"of another format","seconds":0.001}"#;
        text += "\n";
        text += &json_line(9, 200, "5.000");
        text += &json_line(30, 101, "50.000");
        for took in (1..=100).rev() {
            let line = if took > 50 { line } else { json_line };
            text += &line(10 + took % 50, 200, &format!("0.{took:03}"));
        }
        let millis = |ms| Duration::from_millis(ms);
        let expected = Latency { requests: 100, p50: millis(50), p95: millis(95), p99: millis(99) };
        assert_eq!(Latency::of_lines(&text, since), Some(expected));
    }

    #[test]
    fn a_log_that_was_moved_on_counts_too() {
        let dir = tempfile::tempdir().unwrap();
        let dir = CartridgeDir::new(Utf8Path::from_path(dir.path()).unwrap().to_owned());
        let now = SystemTime::UNIX_EPOCH
            + Duration::from_secs(seconds("26/Nov/2026:12:36:59 +0100").unwrap());
        assert_eq!(Latency::of(&dir, now), None);
        std::fs::create_dir(dir.logs()).unwrap();
        let log = layout::access_log(&dir);
        cart_core::files::write_atomic(&log, line(58, 200, "0.100").as_bytes(), 0o600).unwrap();
        let before = Utf8Path::new(&format!("{log}.1")).to_owned();
        cart_core::files::write_atomic(&before, line(57, 200, "0.300").as_bytes(), 0o600).unwrap();
        assert_eq!(Latency::of(&dir, now).unwrap().requests, 2);
    }

    #[test]
    fn nginxs_counts_are_read() {
        let answer = "HTTP/1.1 200 OK\r\n\r\nActive connections: 291 \n\
            server accepts handled requests\n 16630948 16630947 31070465 \n\
            Reading: 6 Writing: 179 Waiting: 106 \n";
        assert_eq!(Requests::parse(answer), Some(Requests { taken: 31_070_465, in_hand: 178 }));
        assert_eq!(Requests::parse("HTTP/1.1 404 Not Found\r\n\r\n"), None);
    }
}
