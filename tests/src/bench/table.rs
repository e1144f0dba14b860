//! The figures as text and as JSON.

use serde_json::{Value, json};

use super::candidate::TUNED;
use super::figures::Ratio;
use super::rounds::{Contest, Row, Run};

/// How wide a candidate's name may be.
const NAME: usize = 17;

/// The machine, in one line.
#[must_use]
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} x {}, Linux {}", model.map_or("CPU", |(_, name)| name), kernel.trim())
}

/// A table: a line for each candidate, and how quiet it was.
#[must_use]
pub fn text(contest: &Contest) -> String {
    let mut lines = vec![
        format!("{}: {}", contest.name, contest.about),
        format!(
            "  {:<NAME$} {:>10}  {:<17}  {:>6} {:>7}  {:>8} {:<8}  {:>7} {:>6}",
            "",
            "requests/s",
            "to tuned",
            "p50 ms",
            "p99 ms",
            "nginx us",
            "to tuned",
            "rest us",
            "MB"
        ),
    ];
    lines.extend(contest.rows.iter().map(|row| line(contest, row)));
    lines.push(format!("  {}", noise(contest)));
    lines.join("\n") + "\n"
}

fn line(contest: &Contest, row: &Row) -> String {
    let nginx = row.median(|run| run.nginx);
    // It would be 1, and where there is no nginx, 0.
    let rate = contest.ratio(row).filter(|_| row.name != TUNED);
    let of_nginx = contest.nginx_ratio(row).filter(|_| row.name != TUNED && nginx > 0.0);
    let rate = rate.map_or_else(String::new, |ratio| {
        format!("{:.2} ({:.2}..{:.2})", ratio.median, ratio.least, ratio.most)
    });
    let of_nginx = of_nginx.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median));
    let marked = match row.errors() {
        0 => String::new(),
        errors => format!("  {errors} ERRORS"),
    };
    format!(
        "  {:<NAME$} {:>10.0}  {rate:<17}  {:>6.2} {:>7.2}  {nginx:>8.1} {of_nginx:<8}  {:>7.1} {:>6.1}{marked}",
        row.name,
        row.median(|run| run.rate),
        row.median(|run| run.p50),
        row.median(|run| run.p99),
        row.median(|run| run.rest),
        row.median(|run| run.memory),
    )
}

/// How quiet the machine was.
fn noise(contest: &Contest) -> String {
    let count = contest.others.len();
    let most = contest.others.iter().copied().fold(0.0, f64::max) * 100.0;
    let disturbed = match contest.disturbed() {
        0 => "none that counts".to_owned(),
        disturbed => format!("{disturbed} OF THOSE THAT COUNT"),
    };
    format!(
        "rounds: {count}, repeated: {}, disturbed: {disturbed}; others had at most {most:.1} % of the machine",
        contest.played - count
    )
}

/// For programs: `machine`, and in `parts` by name the contests with every round's figures.
#[must_use]
pub fn json(parts: &[(&str, Vec<Contest>)]) -> Value {
    let parts: serde_json::Map<String, Value> = parts
        .iter()
        .map(|(name, contests)| ((*name).to_owned(), contests.iter().map(of_contest).collect()))
        .collect();
    json!({ "machine": machine(), "parts": parts })
}

fn of_contest(contest: &Contest) -> Value {
    let candidates: Vec<Value> = contest.rows.iter().map(|row| of_row(contest, row)).collect();
    json!({
        "name": contest.name,
        "about": contest.about,
        "rounds_played": contest.played,
        "others_share": contest.others,
        "rounds_disturbed": contest.disturbed(),
        "candidates": candidates,
    })
}

fn of_row(contest: &Contest, row: &Row) -> Value {
    let run = |run: &Run| {
        json!({
            "requests_per_second": run.rate,
            "p50_milliseconds": run.p50,
            "p99_milliseconds": run.p99,
            "nginx_microseconds": run.nginx,
            "rest_microseconds": run.rest,
            "megabytes": run.memory,
            "errors": run.errors,
        })
    };
    let ratio = |r: Ratio| json!({ "median": r.median, "least": r.least, "most": r.most });
    json!({
        "name": row.name,
        "requests_per_second": row.median(|run| run.rate),
        "to_tuned": contest.ratio(row).map(ratio),
        "nginx_to_tuned": contest.nginx_ratio(row).map(ratio),
        "rounds": row.runs.iter().map(run).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::candidate::OURS;
    use super::*;

    fn contest() -> Contest {
        let run = |rate| Run {
            rate,
            p50: 4.5,
            p99: 9.0,
            nginx: 20.25,
            rest: 100.0,
            memory: 56.0,
            errors: 0,
        };
        let mut ours = vec![run(9000.0), run(7000.0), run(9900.0)];
        ours[1].errors = 2;
        ours.iter_mut().for_each(|run| run.nginx = 24.3);
        Contest {
            name: "gunicorn".to_owned(),
            about: "GET /".to_owned(),
            rows: vec![
                Row { name: TUNED, runs: vec![run(10_000.0); 3] },
                Row { name: OURS, runs: ours },
            ],
            played: 5,
            others: vec![0.01, 0.0, 0.2],
        }
    }

    #[test]
    fn a_row_has_its_ratio_with_the_spread_and_errors_are_marked() {
        let text = text(&contest());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[3],
            "  ours                    9000  0.90 (0.70..0.99)    4.50    9.00      24.3 1.20        100.0   56.0  2 ERRORS"
        );
        assert!(!lines[2].contains("1.00 ") && !lines[2].contains("ERRORS"), "{}", lines[2]);
        assert_eq!(
            lines[4],
            "  rounds: 3, repeated: 2, disturbed: 1 OF THOSE THAT COUNT; others had at most 20.0 % of the \
             machine"
        );
    }

    #[test]
    fn a_program_finds_every_round() {
        let all = json(&[("app", vec![contest()])]);
        let contest = &all["parts"]["app"][0];
        assert_eq!(
            (&contest["rounds_played"], &contest["rounds_disturbed"]),
            (&json!(5), &json!(1))
        );
        assert_eq!(contest["candidates"][1]["to_tuned"]["least"], json!(0.7));
        assert_eq!(contest["candidates"][1]["rounds"][1]["errors"], json!(2));
        assert!(all["machine"].as_str().unwrap().contains("Linux"));
    }
}
