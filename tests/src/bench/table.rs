//! The figures as text and as JSON.

use serde_json::{Value, json};

use super::figures::{Figures, Line, Ratio, disturbed, median};
use super::parts::Outcome;
use super::rounds::{Contest, Row, Run};

/// How wide a name is at least.
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

/// A table, and how quiet it was.
#[must_use]
pub fn text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Contest(contest) => text_of_contest(contest),
        Outcome::Figures(figures) => text_of_figures(figures),
    }
}

fn text_of_contest(contest: &Contest) -> String {
    let name = contest.rows.iter().map(|row| row.name.len()).fold(NAME, usize::max);
    let to_base = format!("to {}", contest.base.split(' ').next().unwrap_or_default());
    let mut lines = vec![
        format!("{}: {}", contest.name, contest.about),
        format!(
            "  {:<name$} {:>10}  {to_base:<17}  {:>6} {:>7}  {:>8} {to_base:<8}  {:>7} {:>6}",
            "",
            format!("{}/s", contest.counted),
            "p50 ms",
            "p99 ms",
            "nginx us",
            "rest us",
            "MB"
        ),
    ];
    lines.extend(contest.rows.iter().map(|row| line(contest, row, name)));
    lines.push(format!("  {}", noise(&contest.others, contest.played)));
    lines.join("\n") + "\n"
}

fn text_of_figures(figures: &Figures) -> String {
    let name = figures.rows.iter().map(|row| row.name.chars().count()).fold(NAME, usize::max);
    let told: Vec<Vec<String>> =
        figures.rows.iter().map(|row| row.cells.iter().map(|cell| told(cell)).collect()).collect();
    let width = |nth: usize| {
        let head = figures.columns.get(nth).map_or(0, String::len);
        told.iter().filter_map(|row| row.get(nth)).map(String::len).fold(head, usize::max)
    };
    let padded = |cells: &[String]| -> String {
        cells.iter().enumerate().map(|(nth, cell)| format!("  {cell:<0$}", width(nth))).collect()
    };
    let line = |(row, cells): (&Line, &Vec<String>)| {
        format!("  {:<name$} {:>4}{}", row.name, row.unit, padded(cells)).trim_end().to_owned()
    };
    let head = format!("  {:<name$} {:>4}{}", "", "", padded(&figures.columns));
    let mut lines =
        vec![format!("{}: {}", figures.name, figures.about), head.trim_end().to_owned()];
    lines.extend(figures.rows.iter().zip(&told).map(line));
    if !figures.others.is_empty() {
        lines.push(format!("  {}", noise(&figures.others, figures.played)));
    }
    lines.join("\n") + "\n"
}

/// The median of what was seen, with the least and the most where it was looked at more than once.
fn told(seen: &[f64]) -> String {
    let least = seen.iter().copied().fold(f64::INFINITY, f64::min);
    let most = seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match seen {
        [] => String::new(),
        [one] => rounded(*one),
        _ => format!("{} ({}..{})", rounded(median(seen)), rounded(least), rounded(most)),
    }
}

/// Three digits, as far as they are behind the point.
pub(super) fn rounded(figure: f64) -> String {
    let digits = match figure.abs() {
        // What is nothing needs no digits that say so.
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{figure:.digits$}")
}

fn line(contest: &Contest, row: &Row, name: usize) -> String {
    let nginx = row.median(|run| run.nginx);
    // It would be 1, and where there is no nginx, 0.
    let rate = contest.ratio(row).filter(|_| row.name != contest.base);
    let of_nginx = contest.nginx_ratio(row).filter(|_| row.name != contest.base && nginx > 0.0);
    let rate = rate.map_or_else(String::new, |ratio| {
        format!("{:.2} ({:.2}..{:.2})", ratio.median, ratio.least, ratio.most)
    });
    let of_nginx = of_nginx.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median));
    let marked = match row.errors() {
        0 => String::new(),
        errors => format!("  {errors} ERRORS"),
    };
    format!(
        "  {:<name$} {:>10.0}  {rate:<17}  {:>6.2} {:>7.2}  {nginx:>8.1} {of_nginx:<8}  {:>7.1} {:>6.1}{marked}",
        row.name,
        row.median(|run| run.rate),
        row.median(|run| run.p50),
        row.median(|run| run.p99),
        row.median(|run| run.rest),
        row.median(|run| run.memory),
    )
}

/// How quiet the machine was.
fn noise(others: &[f64], played: usize) -> String {
    let count = others.len();
    let most = others.iter().copied().fold(0.0, f64::max) * 100.0;
    let disturbed = match disturbed(others) {
        0 => "none that counts".to_owned(),
        disturbed => format!("{disturbed} OF THOSE THAT COUNT"),
    };
    format!(
        "rounds: {count}, repeated: {}, disturbed: {disturbed}; others had at most {most:.1} % of the machine",
        played.saturating_sub(count)
    )
}

/// For programs: `machine`, and in `parts` by name what came of each with every round's figures.
#[must_use]
pub fn json(parts: &[(&str, Vec<Outcome>)]) -> Value {
    let of = |outcome: &Outcome| match outcome {
        Outcome::Contest(contest) => of_contest(contest),
        Outcome::Figures(figures) => of_figures(figures),
    };
    let parts: serde_json::Map<String, Value> = parts
        .iter()
        .map(|(name, outcomes)| ((*name).to_owned(), outcomes.iter().map(of).collect()))
        .collect();
    json!({ "machine": machine(), "parts": parts })
}

fn of_contest(contest: &Contest) -> Value {
    let candidates: Vec<Value> = contest.rows.iter().map(|row| of_row(contest, row)).collect();
    json!({
        "name": contest.name,
        "about": contest.about,
        "counted": contest.counted,
        "compared_with": contest.base,
        "rounds_played": contest.played,
        "others_share": contest.others,
        "rounds_disturbed": contest.disturbed(),
        "candidates": candidates,
    })
}

fn of_figures(figures: &Figures) -> Value {
    let cells = |line: &Line| -> Vec<Value> {
        let named = figures.columns.iter().zip(&line.cells).filter(|(_, seen)| !seen.is_empty());
        named
            .map(|(name, seen)| json!({ "of": name, "median": median(seen), "rounds": seen }))
            .collect()
    };
    let line =
        |line: &Line| json!({ "name": line.name, "unit": line.unit, "figures": cells(line) });
    json!({
        "name": figures.name,
        "about": figures.about,
        "rounds_played": figures.played,
        "others_share": figures.others,
        "rounds_disturbed": disturbed(&figures.others),
        "rows": figures.rows.iter().map(line).collect::<Vec<_>>(),
    })
}

fn of_row(contest: &Contest, row: &Row) -> Value {
    let run = |run: &Run| {
        json!({
            "per_second": run.rate,
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
        "per_second": row.median(|run| run.rate),
        "ratio": contest.ratio(row).map(ratio),
        "nginx_ratio": contest.nginx_ratio(row).map(ratio),
        "rounds": row.runs.iter().map(run).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::candidate::{OURS, TUNED};
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
            counted: "requests",
            base: TUNED,
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
        let text = text(&Outcome::Contest(contest()));
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
        let all = json(&[("app", vec![Outcome::Contest(contest()), Outcome::Figures(figures())])]);
        let contest = &all["parts"]["app"][0];
        assert_eq!(
            (&contest["rounds_played"], &contest["rounds_disturbed"]),
            (&json!(5), &json!(1))
        );
        assert_eq!(contest["candidates"][1]["ratio"]["least"], json!(0.7));
        assert_eq!(contest["candidates"][1]["rounds"][1]["errors"], json!(2));
        assert!(all["machine"].as_str().unwrap().contains("Linux"));
        let started = &all["parts"]["app"][1]["rows"][0];
        assert_eq!(started["figures"][0]["rounds"], json!([150.0, 9.0, 201.25]));
        assert_eq!(started["figures"][1], Value::Null, "nobody looked");
    }

    fn figures() -> Figures {
        let line = |name, unit, cells: [&[f64]; 2]| Line {
            name,
            unit,
            cells: cells.map(<[f64]>::to_vec).to_vec(),
        };
        Figures {
            name: "life".to_owned(),
            about: "of hello".to_owned(),
            columns: vec!["gunicorn".to_owned(), "uvicorn".to_owned()],
            rows: vec![
                line("started", "ms", [&[150.0, 9.0, 201.25], &[]]),
                line("memory", "MB", [&[31.25], &[0.0]]),
            ],
            played: 4,
            others: vec![0.0, 0.01, 0.0],
        }
    }

    #[test]
    fn figures_stand_in_columns_with_the_spread_where_there_is_one() {
        assert_eq!(
            text(&Outcome::Figures(figures())),
            "life: of hello\n\
             \x20                         gunicorn         uvicorn\n\
             \x20 started             ms  150 (9.00..201)\n\
             \x20 memory              MB  31.2             0\n\
             \x20 rounds: 3, repeated: 1, disturbed: none that counts; others had at most 1.0 % of the \
             machine\n"
        );
    }
}
