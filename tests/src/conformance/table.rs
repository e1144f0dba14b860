//! The table as text and as JSON.

use serde_json::{Value, json};

use super::{Check, Row, Verdict};

/// How wide the table may be, the names of the checks not counted.
const WIDTH: usize = 100;

/// A line for each check, a column for each way; several tables where one would be too wide.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let checks = checks(rows);
    let first = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let mut tables = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let mut width = 0;
        let fits = rest.iter().take_while(|row| {
            width += row.way.name.len() + 2;
            width <= WIDTH
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        rest = later;
        let line = |name: &str, cells: Vec<&str>| {
            let cells = now.iter().zip(cells);
            let cells = cells.map(|(row, cell)| format!("  {cell:<0$}", row.way.name.len()));
            format!("{name:<first$}{}", cells.collect::<String>()).trim_end().to_owned()
        };
        let mut lines = vec![line("", now.iter().map(|row| row.way.name).collect())];
        for check in &checks {
            let cells = now.iter().map(|row| verdict(row, check).map_or("", mark)).collect();
            lines.push(line(check.name, cells));
        }
        tables.push(lines.join("\n"));
    }
    let reasons = reasons(rows)
        .into_iter()
        .map(|(check, ways, why)| format!("{check} is impossible on {}: {why}", ways.join(", ")));
    let reasons = Some(reasons.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty());
    tables.into_iter().chain(reasons).collect::<Vec<_>>().join("\n\n")
}

/// For programs: `servers` by name, in each the checks by name with `verdict` (passed, failed or
/// impossible), `why` where there is a reason, and `milliseconds`.
#[must_use]
pub fn json(rows: &[Row]) -> Value {
    let of_row = |row: &Row| {
        let cells = row.cells.iter().map(|(check, verdict, took)| {
            let (name, why) = match verdict {
                Verdict::Passed => ("passed", None),
                Verdict::Failed(why) => ("failed", Some(why)),
                Verdict::Impossible(why) => ("impossible", Some(why)),
            };
            let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let cell =
                json!({ "about": check.about, "verdict": name, "why": why, "milliseconds": took });
            (check.name.to_owned(), cell)
        });
        let checks: serde_json::Map<String, Value> = cells.collect();
        (row.way.name.to_owned(), json!({ "server": row.way.server, "checks": checks }))
    };
    let servers: serde_json::Map<String, Value> = rows.iter().map(of_row).collect();
    json!({ "servers": servers })
}

/// The checks that were played, in their order.
pub(super) fn checks(rows: &[Row]) -> Vec<&'static Check> {
    rows.first().map(|row| row.cells.iter().map(|cell| cell.0).collect()).unwrap_or_default()
}

pub(super) fn verdict<'a>(row: &'a Row, check: &Check) -> Option<&'a Verdict> {
    row.cells.iter().find(|cell| cell.0.name == check.name).map(|cell| &cell.1)
}

fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed(_) => "FAILED",
        Verdict::Impossible(_) => "-",
    }
}

/// Each reason for which a check is impossible, with the ways that have it.
pub(super) fn reasons(rows: &[Row]) -> Vec<(&'static str, Vec<&'static str>, &str)> {
    let mut found: Vec<(&'static str, Vec<&'static str>, &str)> = Vec::new();
    for check in checks(rows) {
        for row in rows {
            let Some(Verdict::Impossible(why)) = verdict(row, check) else { continue };
            match found.iter_mut().find(|(name, _, other)| *name == check.name && other == why) {
                Some((_, ways, _)) => ways.push(row.way.name),
                None => found.push((check.name, vec![row.way.name], why)),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conformance::{by_name, svg};
    use crate::way;

    fn rows() -> Vec<Row> {
        let row = |way: &str, verdicts: [Verdict; 3]| Row {
            way: way::by_name(way).unwrap(),
            cells: ["start", "workers", "stop"]
                .into_iter()
                .zip(verdicts)
                .map(|(name, verdict)| (by_name(name).unwrap(), verdict, Duration::from_millis(7)))
                .collect(),
        };
        let failed = Verdict::Failed("1 < 2 & \"3\"".to_owned());
        vec![
            row("wsgiref", [Verdict::Passed, Verdict::Impossible("one process".into()), failed]),
            row(
                "gevent",
                [Verdict::Passed, Verdict::Impossible("one process".into()), Verdict::Passed],
            ),
        ]
    }

    #[test]
    fn a_table_has_a_line_for_each_check_and_says_why() {
        let expected = "         wsgiref  gevent
start    ok       ok
workers  -        -
stop     FAILED   ok

workers is impossible on wsgiref, gevent: one process";
        assert_eq!(text(&rows()), expected);
    }

    #[test]
    fn json_names_every_cell() {
        let json = json(&rows());
        let cell = &json["servers"]["wsgiref"]["checks"]["stop"];
        assert_eq!(
            (cell["verdict"].as_str(), cell["milliseconds"].as_u64()),
            (Some("failed"), Some(7))
        );
        assert_eq!(json["servers"]["gevent"]["checks"]["workers"]["why"], "one process");
    }

    #[test]
    fn a_picture_has_every_cell_and_no_markup_of_others() {
        let picture = svg(&rows());
        assert_eq!(picture.matches("class=\"passed\"").count(), 3);
        assert_eq!(picture.matches("class=\"impossible\"").count(), 2);
        assert!(picture.contains("1 &lt; 2 &amp; &quot;3&quot;"), "{picture}");
    }
}
