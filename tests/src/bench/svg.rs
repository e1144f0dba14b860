//! Figures as a picture: a bar for each candidate's ratio, a line across it from the least to the most
//! round, and a line down where the one is that all are compared with.

use std::fmt::Write;

use super::candidate::{OURS, OURS_BY_DEFAULT};
use super::figures::{Figures, median};
use super::parts::Outcome;
use super::rounds::Contest;
use super::table::rounded;

/// Sizes in units of the picture: the names, a bar's height, the room between contests, and the longest
/// bar that is drawn.
const LEFT: f64 = 190.0;
const BAR: f64 = 18.0;
const GAP: f64 = 30.0;
const WIDEST: f64 = 420.0;
/// What the figures behind a bar take.
const RIGHT: f64 = 170.0;
/// The bar of the one that all are compared with; what is more than twice as fast ends in the margin.
const ONE: f64 = WIDEST / 2.0;

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }\n\
.name { font-weight: 600 }\n\
.ours { fill: #0969da }\n\
.peer { fill: #818b98 }\n\
.line { stroke: #1f2328; stroke-width: 1 }\n\
@media (prefers-color-scheme: dark) {\n\
  text { fill: #f0f6fc }\n\
  .ours { fill: #4493f8 }\n\
  .line { stroke: #f0f6fc }\n\
}";

/// Bars of requests per second beside those that all are compared with, contest by contest; and of figures
/// that several have, each beside the largest.
#[must_use]
pub fn svg(parts: &[(&str, Vec<Outcome>)]) -> String {
    let mut picture = Picture { bars: String::new(), y: 10.0 };
    for (part, outcome) in parts.iter().flat_map(|(part, all)| all.iter().map(move |o| (part, o))) {
        match outcome {
            Outcome::Contest(contest) => picture.contest(part, contest),
            Outcome::Figures(figures) => picture.figures(part, figures),
        }
    }
    let (width, height) = (LEFT + WIDEST + RIGHT, picture.y + 10.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>Ours beside its peers</title>\n\
         <style>\n{STYLE}\n</style>\n{}</svg>\n",
        picture.bars
    )
}

/// What is drawn already, and where it goes on.
struct Picture {
    bars: String,
    y: f64,
}

impl Picture {
    fn contest(&mut self, part: &str, contest: &Contest) {
        self.title(&format!("{part}: {}", contest.name));
        let top = self.y;
        for row in &contest.rows {
            let Some(ratio) = contest.ratio(row) else { continue };
            let width = |ratio: f64| (ratio * ONE).min(WIDEST);
            let rate = row.median(|run| run.rate);
            let middle = self.y + BAR / 2.0;
            let (from, to) = (LEFT + width(ratio.least), LEFT + width(ratio.most));
            let text = format!("{:.2} ({rate:.0}/s)", ratio.median);
            let end = width(ratio.median.max(ratio.most));
            let is_ours = [OURS, OURS_BY_DEFAULT].contains(&row.name);
            self.bar(row.name, is_ours, width(ratio.median), end, &text);
            if row.name != contest.base {
                line(
                    &mut self.bars,
                    format_args!("<path class=\"line\" d=\"M{from:.1} {middle:.1}H{to:.1}\"/>"),
                );
            }
        }
        let (one, y) = (LEFT + ONE, self.y);
        line(
            &mut self.bars,
            format_args!("<path class=\"line\" d=\"M{one} {top}V{y}\" opacity=\"0.4\"/>"),
        );
    }

    /// Nothing of those of which there is only one: there is nothing to compare.
    fn figures(&mut self, part: &str, figures: &Figures) {
        for row in &figures.rows {
            let seen: Vec<(&String, f64)> = figures
                .columns
                .iter()
                .zip(&row.cells)
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(column, cell)| (column, median(cell)))
                .collect();
            let most = seen.iter().map(|(_, figure)| *figure).fold(0.0, f64::max);
            if seen.len() < 2 || most <= 0.0 {
                continue;
            }
            self.title(&format!("{part}: {}, {}", figures.name, row.name));
            for (column, figure) in seen {
                let width = (figure / most).max(0.0) * WIDEST;
                let text = format!("{} {}", rounded(figure), row.unit);
                self.bar(column, true, width, width, &text);
            }
        }
    }

    fn title(&mut self, text: &str) {
        self.y += GAP;
        let y = self.y - 10.0;
        line(&mut self.bars, format_args!("<text class=\"name\" x=\"6\" y=\"{y}\">{text}</text>"));
    }

    /// One bar with its name before it, and a text behind what ends at `end`.
    fn bar(&mut self, name: &str, is_ours: bool, width: f64, end: f64, told: &str) {
        let class = if is_ours { "ours" } else { "peer" };
        let (text, top) = (self.y + 13.0, self.y + 2.0);
        line(&mut self.bars, format_args!("<text x=\"6\" y=\"{text}\">{name}</text>"));
        line(
            &mut self.bars,
            format_args!(
                "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{}\" rx=\"2\"/>",
                BAR - 4.0
            ),
        );
        let x = LEFT + end + 6.0;
        line(&mut self.bars, format_args!("<text x=\"{x:.1}\" y=\"{text}\">{told}</text>"));
        self.y += BAR;
    }
}

fn line(picture: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(picture, "{text}");
}

#[cfg(test)]
mod tests {
    use super::super::candidate::TUNED;
    use super::super::figures::Line;
    use super::super::rounds::{Row, Run};
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_ratio_and_never_leaves_the_picture() {
        let run =
            |rate| Run { rate, p50: 1.0, p99: 1.0, nginx: 1.0, rest: 1.0, memory: 1.0, errors: 0 };
        let row = |name, rate| Row { name, runs: vec![run(rate)] };
        let rows = vec![row("bare", 9000.0), row(TUNED, 1000.0), row(OURS, 500.0)];
        let contest = Contest {
            name: "gunicorn".to_owned(),
            about: String::new(),
            counted: "requests",
            base: TUNED,
            rows,
            played: 1,
            others: vec![0.0],
        };
        let picture = svg(&[("app", vec![Outcome::Contest(contest)])]);
        assert!(
            picture.contains("class=\"peer\" x=\"190\" y=\"42.0\" width=\"420.0\""),
            "{picture}"
        );
        assert!(
            picture.contains("class=\"ours\" x=\"190\" y=\"78.0\" width=\"105.0\""),
            "{picture}"
        );
        assert!(picture.contains("app: gunicorn") && picture.contains("0.50 (500/s)"), "{picture}");
    }

    #[test]
    fn a_figure_of_one_alone_is_not_drawn() {
        let row = |name, cells: [&[f64]; 2]| Line {
            name,
            unit: "ms",
            cells: cells.map(<[f64]>::to_vec).to_vec(),
        };
        let figures = Figures {
            name: "life".to_owned(),
            about: String::new(),
            columns: vec!["gunicorn".to_owned(), "uvicorn".to_owned()],
            rows: vec![row("start", [&[100.0], &[50.0]]), row("push", [&[7.0], &[]])],
            played: 1,
            others: vec![0.0],
        };
        let picture = svg(&[("hooks", vec![Outcome::Figures(figures)])]);
        assert!(picture.contains("width=\"420.0\"") && picture.contains("width=\"210.0\""));
        assert!(picture.contains("hooks: life, start") && !picture.contains("push"), "{picture}");
    }
}
