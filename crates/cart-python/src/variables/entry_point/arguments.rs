//! What an app's factory is called with: Python literals, and nothing that would run.

use crate::variables::worker_class::is_name;

/// How deep lists in lists go.
const DEEPEST: u32 = 4;

/// Nothing longer is taken, in bytes.
const LONGEST: usize = 1000;

/// Whether `text` may stand between the parentheses of a call: literals, some of them named.
/// Strings have no backslash, so that they mean the same wherever they are written.
pub(super) fn are_literal(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_control() || c == '\\');
    plain && text.len() <= LONGEST && all_of(&mut Rest(text), None, DEEPEST).is_some()
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Skips spaces, and `wanted` behind them if it is there.
    fn skip(&mut self, wanted: &str) -> bool {
        self.0 = self.0.trim_start();
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !fits(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }
}

/// Values and commas until `end`, which is the text's end for a call: there, values may be named.
fn all_of(rest: &mut Rest<'_>, end: Option<&str>, depth: u32) -> Option<()> {
    loop {
        if end.map_or_else(|| rest.0.trim().is_empty(), |end| rest.skip(end)) {
            return Some(());
        }
        let before = rest.0;
        let name = rest.word(|c| c.is_alphanumeric() || c == '_' || c == ' ');
        let named = end.is_none() && is_name(name.trim()) && rest.skip("=");
        if !named {
            rest.0 = before;
        }
        value(rest, depth.checked_sub(1)?)?;
        if end == Some("}") && rest.skip(":") {
            value(rest, depth - 1)?;
        }
        if !rest.skip(",") {
            let ended = end.map_or_else(|| rest.0.trim().is_empty(), |end| rest.skip(end));
            return ended.then_some(());
        }
    }
}

fn value(rest: &mut Rest<'_>, depth: u32) -> Option<()> {
    for (begin, end) in [("[", "]"), ("(", ")"), ("{", "}")] {
        if rest.skip(begin) {
            return all_of(rest, Some(end), depth);
        }
    }
    for quote in ["\"", "'"] {
        if rest.skip(quote) {
            let (_, behind) = rest.0.split_once(quote)?;
            rest.0 = behind;
            return Some(());
        }
    }
    let word = rest.word(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let number = word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'))
        && word.parse::<f64>().is_ok();
    let leading_zero = word.trim_start_matches('-').strip_prefix('0');
    let sound = leading_zero.is_none_or(|more| more.is_empty() || more.starts_with('.'));
    (matches!(word, "True" | "False" | "None") || (number && sound)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_pass_and_nothing_that_runs_does() {
        for good in [
            "",
            "'prod'",
            "\"prod\", debug=False",
            "1, -2.5, None, True",
            "config={'a': [1, (2, 3)], \"b\": {}}",
            "a = 1 ,",
        ] {
            assert!(are_literal(good), "{good}");
        }
        for bad in [
            "os.environ",
            "f()",
            "'a' 'b'",
            "'a",
            "1 +",
            "a.b=1",
            "[1",
            "'\\n'",
            "[[[[[[1]]]]]]",
            "1)(2",
            "010",
            ",",
            "x",
        ] {
            assert!(!are_literal(bad), "{bad}");
        }
        assert!(!are_literal(&format!("'{}'", "x".repeat(LONGEST))));
    }
}
