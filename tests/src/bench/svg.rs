//! The ratios as a picture: a bar for each candidate, a line across it from the least to the most round,
//! and a line down where the tuned one is.

use std::fmt::Write;

use super::candidate::{OURS, OURS_BY_DEFAULT, TUNED};
use super::rounds::Contest;

/// Sizes in units of the picture: the names, a bar's height, the room between contests, and the longest
/// bar that is drawn.
const LEFT: f64 = 130.0;
const BAR: f64 = 18.0;
const GAP: f64 = 30.0;
const WIDEST: f64 = 420.0;
/// What the figures behind a bar take.
const RIGHT: f64 = 170.0;
/// The tuned one's bar; what is more than twice as fast ends in the margin.
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

/// Bars of requests per second beside the tuned one's, contest by contest.
#[must_use]
pub fn svg(parts: &[(&str, Vec<Contest>)]) -> String {
    let mut bars = String::new();
    let mut y = 10.0;
    for (part, contest) in parts.iter().flat_map(|(part, all)| all.iter().map(move |c| (part, c))) {
        y += GAP;
        let title = format!("{part}: {}", contest.name);
        line(
            &mut bars,
            format_args!("<text class=\"name\" x=\"6\" y=\"{}\">{title}</text>", y - 10.0),
        );
        let top = y;
        for row in &contest.rows {
            let Some(ratio) = contest.ratio(row) else { continue };
            let is_ours = [OURS, OURS_BY_DEFAULT].contains(&row.name);
            let class = if is_ours { "ours" } else { "peer" };
            let width = |ratio: f64| (ratio * ONE).min(WIDEST);
            let (text, middle) = (y + 13.0, y + BAR / 2.0);
            let (from, to) = (LEFT + width(ratio.least), LEFT + width(ratio.most));
            let rate = row.median(|run| run.rate);
            line(&mut bars, format_args!("<text x=\"6\" y=\"{text}\">{}</text>", row.name));
            line(
                &mut bars,
                format_args!(
                    "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{}\" rx=\"2\"/>",
                    y + 2.0,
                    width(ratio.median),
                    BAR - 4.0
                ),
            );
            if row.name != TUNED {
                line(
                    &mut bars,
                    format_args!("<path class=\"line\" d=\"M{from:.1} {middle:.1}H{to:.1}\"/>"),
                );
            }
            line(
                &mut bars,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{text}\">{:.2} ({rate:.0}/s)</text>",
                    LEFT + width(ratio.median.max(ratio.most)) + 6.0,
                    ratio.median
                ),
            );
            y += BAR;
        }
        let one = LEFT + ONE;
        line(
            &mut bars,
            format_args!("<path class=\"line\" d=\"M{one} {top}V{y}\" opacity=\"0.4\"/>"),
        );
    }
    let (width, height) = (LEFT + WIDEST + RIGHT, y + 10.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>Requests per second beside those of an nginx tuned by hand</title>\n\
         <style>\n{STYLE}\n</style>\n{bars}</svg>\n"
    )
}

fn line(picture: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(picture, "{text}");
}

#[cfg(test)]
mod tests {
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
            rows,
            played: 1,
            others: vec![0.0],
        };
        let picture = svg(&[("app", vec![contest])]);
        assert!(
            picture.contains("class=\"peer\" x=\"130\" y=\"42.0\" width=\"420.0\""),
            "{picture}"
        );
        assert!(
            picture.contains("class=\"ours\" x=\"130\" y=\"78.0\" width=\"105.0\""),
            "{picture}"
        );
        assert!(picture.contains("app: gunicorn") && picture.contains("0.50 (500/s)"), "{picture}");
    }
}
