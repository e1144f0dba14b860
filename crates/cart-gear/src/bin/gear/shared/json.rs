//! Lines of logs as objects of JSON, of one schema whoever wrote them (docs/logs.md).

use std::collections::HashMap;
use std::time::SystemTime;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// What this program says itself is in a log of this name.
const OWN_LOG: &str = "gear";

/// In so many first characters of a line writers of logs say how bad it is: behind a time, a process, a thread.
const HEAD: usize = 80;

/// A line of the log `file`. What is an object already stays as it is, and is told where and when it was
/// found if it does not say that itself; anything else is the message of one, and so is what says that it is of
/// another log: an app may print what a visitor sent.
pub(crate) fn line(found: SystemTime, file: &str, text: &str) -> String {
    let log = log_of(file);
    let Some(object) = Object::of(text).filter(|object| object.may_be_of(log)) else {
        return message(found, log, level(text), text);
    };
    let time = json!(humantime::format_rfc3339_millis(found).to_string());
    let missing = [("time", time), ("log", json!(log))]
        .into_iter()
        .filter(|(name, _)| !object.fields.contains_key(*name))
        .map(|(name, value)| format!("\"{name}\":{value}"));
    let parts: Vec<String> = missing.chain(object.inside()).collect();
    format!("{{{}}}", parts.join(","))
}

/// What this program says, and how bad that is.
pub(crate) fn own(level: &str, text: &str) -> String {
    message(SystemTime::now(), OWN_LOG, Some(level), text)
}

fn message(time: SystemTime, log: &str, level: Option<&str>, text: &str) -> String {
    let mut parts = vec![
        format!("\"time\":\"{}\"", humantime::format_rfc3339_millis(time)),
        format!("\"log\":{}", Value::from(log)),
    ];
    parts.extend(level.map(|level| format!("\"level\":{}", Value::from(level))));
    parts.push(format!("\"message\":{}", Value::from(text)));
    format!("{{{}}}", parts.join(","))
}

/// `appserver` of `appserver.log`, and of `appserver.log.1`, whose last lines are read late.
fn log_of(file: &str) -> &str {
    let moved_on = |rest: &str| rest.is_empty() || rest.starts_with(['.', '-']);
    match file.rsplit_once(".log") {
        Some((name, rest)) if !name.is_empty() && moved_on(rest) => name,
        _ => file,
    }
}

/// A line that is an object.
struct Object<'l> {
    text: &'l str,
    fields: HashMap<String, IgnoredAny>,
}

impl<'l> Object<'l> {
    fn of(text: &'l str) -> Option<Self> {
        let text = text.trim();
        let fields = text.starts_with('{').then(|| serde_json::from_str(text).ok())??;
        Some(Self { text, fields })
    }

    /// Whether it does not say that it is of another log.
    fn may_be_of(&self, log: &str) -> bool {
        let said = || serde_json::from_str::<Value>(self.text).is_ok_and(|it| it["log"] == log);
        !self.fields.contains_key("log") || said()
    }

    /// What is between its braces, if anything is.
    fn inside(&self) -> Option<String> {
        let inside = self.text.strip_prefix('{')?.strip_suffix('}')?.trim();
        (!inside.is_empty()).then(|| inside.to_owned())
    }
}

/// How bad a line is, where it says that at its beginning: `... [error] ...` as nginx and gunicorn do,
/// `ERROR:root:...` as Python's logging does.
fn level(text: &str) -> Option<&'static str> {
    let head = text.char_indices().nth(HEAD).map_or(text, |(end, _)| &text[..end]);
    let first = head.split_once(':').map(|(word, _)| word);
    let in_brackets = head.split('[').skip(1).filter_map(|rest| Some(rest.split_once(']')?.0));
    first.into_iter().chain(in_brackets).find_map(known)
}

fn known(word: &str) -> Option<&'static str> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "debug" => "debug",
        "info" | "notice" => "info",
        "warn" | "warning" => "warning",
        "error" => "error",
        "crit" | "critical" | "alert" | "emerg" | "fatal" => "critical",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const AT: &str = r#""time":"2026-11-26T12:36:33.123Z""#;

    fn shown(file: &str, text: &str) -> String {
        let found = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_696_593_123);
        let line = line(found, file, text);
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert!(!parsed["time"].is_null() && parsed["log"].is_string(), "{line}");
        assert!(!line.contains('\n'), "{line}");
        line
    }

    #[test]
    fn text_is_the_message_of_an_object() {
        let app = |text: &str| shown("appserver.log", text);
        let wrapped = |rest: &str| format!("{{{AT},\"log\":\"appserver\",{rest}}}");
        assert_eq!(app("printed"), wrapped(r#""message":"printed""#));
        assert_eq!(app(""), wrapped(r#""message":"""#));
        assert_eq!(app("\"\\\u{1}\u{fffd}ü"), wrapped("\"message\":\"\\\"\\\\\\u0001\u{fffd}ü\""));
        // What only looks like an object, or is cut off.
        for text in ["{", "{}}", "{\"a\": NaN}", "{'a': 1}", "[1]", "{\"a\":1} {\"b\":2}", "1"] {
            assert_eq!(app(text), wrapped(&format!("\"message\":{}", Value::from(text))));
        }
    }

    #[test]
    fn an_object_keeps_what_it_says() {
        let app = |text: &str| shown("appserver.log", text);
        let more = |rest: &str| format!("{{{AT},\"log\":\"appserver\"{rest}}}");
        assert_eq!(app("{}"), more(""));
        assert_eq!(app(" { \"event\" : 1.0e5 } "), more(r#","event" : 1.0e5"#));
        assert_eq!(
            app(r#"{"level":"info","time":1,"x":{"log":2}}"#),
            r#"{"log":"appserver","level":"info","time":1,"x":{"log":2}}"#
        );
        let whole = r#"{"time":"t","log":"nginx-access","status":200}"#;
        assert_eq!(shown("nginx-access.log", whole), whole);
        // Whoever prints this is not nginx.
        assert_eq!(app(whole), more(&format!(",\"message\":{}", Value::from(whole))));
    }

    #[test]
    fn a_log_has_the_name_of_its_file() {
        for (file, name) in [
            ("nginx-error.log", "nginx-error"),
            ("nginx-access.log.1", "nginx-access"),
            ("advanced_python.log-20260101", "advanced_python"),
            ("worker.1.log", "worker.1"),
            ("my.logger", "my.logger"),
            ("notes", "notes"),
            (".log", ".log"),
        ] {
            assert_eq!(log_of(file), name);
        }
    }

    #[test]
    fn how_bad_it_is_is_read_where_it_is_said() {
        for (text, expected) in [
            ("2026/11/26 12:36:33 [error] 7#7: *1 open() failed", Some("error")),
            ("2026/11/26 12:36:33 [emerg] 7#7: no", Some("critical")),
            ("[2026-11-26 12:36:33 +0100] [7] [INFO] Booting worker with pid: 8", Some("info")),
            ("WARNING:root:low", Some("warning")),
            ("INFO:     Started server process [7]", Some("info")),
            ("an error: [7]", None),
            ("Error", None),
            ("", None),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
        assert_eq!(level(&format!("{}[error]", "ü".repeat(HEAD))), None);
    }
}
