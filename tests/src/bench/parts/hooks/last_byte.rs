//! When git had sent all of a push, as it tells itself (`GIT_TRACE2_EVENT`).

use std::time::Duration;

use serde_json::Value;

/// What a day has, in microseconds.
const DAY: u64 = 24 * 3600 * 1_000_000;

/// How long after the start of a push its last byte was sent: `git pack-objects`, which writes into the
/// connection, had ended.
pub(super) fn of_push(trace: &str) -> Option<Duration> {
    let events: Vec<Value> =
        trace.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is = |event: &Value, name: &str| event.get("event").is_some_and(|event| event == name);
    let packs = |event: &&Value| {
        let words = event.get("argv").and_then(Value::as_array);
        is(event, "child_start") && words.is_some_and(|w| w.iter().any(|w| w == "pack-objects"))
    };
    let packing = events.iter().find(packs)?;
    let same = |event: &Value, key| event.get(key) == packing.get(key);
    let began = events.iter().find(|event| is(event, "start") && same(event, "sid"))?;
    let is_end =
        |event: &&Value| is(event, "child_exit") && same(event, "sid") && same(event, "child_id");
    let ended = events.iter().find(is_end)?;
    // The day may have ended meanwhile.
    let took = (time_of_day(ended)? + DAY - time_of_day(began)?) % DAY;
    let before = began.get("t_abs").and_then(Value::as_f64)?;
    Some(Duration::from_micros(took) + Duration::try_from_secs_f64(before).ok()?)
}

/// Microseconds since midnight, from `2026-01-31T20:36:33.275352Z`.
fn time_of_day(event: &Value) -> Option<u64> {
    let (_, time) = event.get("time")?.as_str()?.strip_suffix('Z')?.split_once('T')?;
    let mut parts = time.split([':', '.']).map(|part| part.parse::<u64>().ok());
    let mut next = || parts.next().flatten();
    let (hours, minutes, seconds, micros) = (next()?, next()?, next()?, next()?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_end_of_the_program_that_packs() {
        let trace = r#"{"event":"start","sid":"a","time":"2026-01-31T23:59:59.990000Z","t_abs":0.0025}
{"event":"child_start","sid":"a","child_id":0,"argv":["git-receive-pack '/tmp/x'"]}
{"event":"start","sid":"a/b","time":"2026-01-31T23:59:59.991000Z","t_abs":0.0005}
{"event":"child_start","sid":"a","child_id":1,"argv":["git","pack-objects","--all-progress"]}
{"event":"child_exit","sid":"a/b","child_id":1,"time":"2026-02-01T00:00:00.900000Z"}
{"event":"child_exit","sid":"a","child_id":1,"time":"2026-02-01T00:00:00.000000Z","t_rel":0.004}
{"event":"child_exit","sid":"a","child_id":0,"time":"2026-02-01T00:00:01.000000Z"}
"#;
        assert_eq!(of_push(trace), Some(Duration::from_micros(12_500)));
        assert_eq!(of_push("{}\nnothing"), None);
    }
}
