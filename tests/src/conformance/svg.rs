//! The table as a picture, in colours that can be read on light and on dark paper; the shape of a mark
//! says the same as its colour.

use std::fmt::Write;

use super::table::{checks, reasons, verdict};
use super::{Row, Verdict};

/// The size of a cell, in units of the picture.
const CELL: usize = 22;
/// The width of the names of checks.
const LEFT: usize = 140;
/// The height of a line of text, and the most that a letter is wide.
const LINE: usize = 18;
const LETTER: usize = 7;

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }\n\
.band { fill: #818b981f }\n\
.passed { fill: #1a7f37 }\n\
.failed { fill: #cf222e }\n\
.impossible { fill: #818b98 }\n\
@media (prefers-color-scheme: dark) {\n\
  text { fill: #f0f6fc }\n\
  .passed { fill: #3fb950 }\n\
  .failed { fill: #f85149 }\n\
}";

/// A grid: ways across, checks down. A mark says why when it is pointed at.
#[must_use]
pub fn svg(rows: &[Row]) -> String {
    let checks = checks(rows);
    let reasons: Vec<String> =
        reasons(rows).iter().map(|(check, _, why)| format!("{check}: {why}")).collect();
    // The names of ways are written aslant.
    let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0) * LETTER;
    let names = longest(&mut rows.iter().map(|row| row.way.name.len()));
    let top = names * 3 / 4 + 20;
    let grid = LEFT + rows.len() * CELL;
    let below = top + checks.len() * CELL + LINE;
    let width = (grid + names * 2 / 3).max(longest(&mut reasons.iter().map(String::len)) + 20);
    let width = width.max(300);
    let height = below + (reasons.len() + 1) * LINE;
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>What each server was seen to do</title>\n<style>\n{STYLE}\n</style>\n"
    );
    for (nth, row) in rows.iter().enumerate() {
        let (x, y) = (LEFT + nth * CELL + CELL / 2 + 4, top - 8);
        line(
            &mut picture,
            format_args!(
                "<text transform=\"translate({x} {y}) rotate(-50)\">{}</text>",
                escaped(row.way.name)
            ),
        );
    }
    for (nth, check) in checks.iter().enumerate() {
        let top = top + nth * CELL;
        if nth % 2 == 0 {
            line(
                &mut picture,
                format_args!(
                    "<rect class=\"band\" y=\"{top}\" width=\"{grid}\" height=\"{CELL}\" rx=\"3\"/>"
                ),
            );
        }
        line(
            &mut picture,
            format_args!(
                "<text x=\"6\" y=\"{}\">{}<title>{}</title></text>",
                top + 15,
                escaped(check.name),
                escaped(check.about)
            ),
        );
        for (column, row) in rows.iter().enumerate() {
            let Some(verdict) = verdict(row, check) else { continue };
            let (x, y) = (LEFT + column * CELL + CELL / 2, top + CELL / 2);
            line(&mut picture, format_args!("{}", mark(verdict, x, y)));
        }
    }
    let legend = [
        (Verdict::Passed, "seen"),
        (Verdict::Failed(String::new()), "not so"),
        (Verdict::Impossible(String::new()), "impossible there"),
    ];
    for (nth, (verdict, word)) in legend.iter().enumerate() {
        let x = 14 + nth * 74;
        let mark = mark(verdict, x, below - 4).replace("class=\"", "class=\"legend ");
        line(
            &mut picture,
            format_args!("{mark}<text x=\"{}\" y=\"{below}\">{word}</text>", x + 12),
        );
    }
    for (nth, reason) in reasons.iter().enumerate() {
        let y = below + (nth + 1) * LINE;
        line(&mut picture, format_args!("<text x=\"6\" y=\"{y}\">{}</text>", escaped(reason)));
    }
    picture + "</svg>\n"
}

fn mark(verdict: &Verdict, x: usize, y: usize) -> String {
    let (class, path, why) = match verdict {
        Verdict::Passed => ("passed", "m-6 0 2-2 3 3 5-6 2 2-7 8z", None),
        Verdict::Failed(why) => {
            ("failed", "m-5-3 2-2 3 3 3-3 2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3z", Some(why))
        }
        Verdict::Impossible(why) => ("impossible", "m-4-1h8v2h-8z", Some(why)),
    };
    let why = why.filter(|why| !why.is_empty()).map(|why| escaped(why));
    let title = why.map(|why| format!("<title>{why}</title>")).unwrap_or_default();
    format!("<path class=\"{class}\" d=\"M{x} {y}{path}\">{title}</path>")
}

fn line(picture: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(picture, "{text}");
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}
