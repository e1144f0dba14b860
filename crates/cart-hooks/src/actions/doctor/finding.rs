//! What the doctor found, in words and as JSON.

use std::fmt;

use serde::Serialize;

/// One thing that a start decides, or would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) topic: Topic,
    pub(crate) verdict: Verdict,
    /// What was decided, or why it is refused.
    pub(crate) text: String,
    /// The variable or the file that decided it, `FILE:LINE` where the line is known; none where
    /// that is nobody, or the text names it.
    pub(crate) decided_by: Option<String>,
    /// What to do.
    pub(crate) remedy: Option<String>,
}

/// What a finding is about, in the order in which a start comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Topic {
    Settings,
    Python,
    Packages,
    App,
    Server,
    Beside,
    Files,
    Release,
    Nginx,
}

/// What a start would make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It is right.
    Ok,
    /// It goes on, and this is worth knowing.
    Note,
    /// It fails.
    Refused,
}

impl Finding {
    pub(crate) fn new(topic: Topic, verdict: Verdict, text: impl Into<String>) -> Self {
        let (decided_by, remedy) = (None, None);
        Self { topic, verdict, text: text.into(), decided_by, remedy }
    }

    pub(crate) fn ok(topic: Topic, text: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Ok, text)
    }

    pub(crate) fn note(topic: Topic, text: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Note, text)
    }

    /// What a start would say: the reason is its first line, the remedy what follows.
    pub(crate) fn refused(topic: Topic, explanation: &str) -> Self {
        let (text, remedy) = explanation.split_once('\n').unwrap_or((explanation, ""));
        let remedy = remedy.trim_end();
        Self {
            remedy: (!remedy.is_empty()).then(|| remedy.to_owned()),
            ..Self::new(topic, Verdict::Refused, text)
        }
    }

    pub(crate) fn by(self, decided_by: Option<String>) -> Self {
        Self { decided_by, ..self }
    }
}

/// A line, and one more for each of the remedy's.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, verdict, text, decided_by, remedy } = self;
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Refused => "REFUSED",
        };
        let topic = format!("{topic:?}").to_lowercase();
        write!(f, "{verdict:7}  {topic:8}  {text}")?;
        if let Some(decided_by) = decided_by {
            write!(f, " [{decided_by}]")?;
        }
        let remedy = remedy.iter().flat_map(|remedy| remedy.lines());
        remedy.into_iter().try_for_each(|line| write!(f, "\n{:19}{line}", ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_a_remedy_below_it() {
        let place = Some(".python-version:1".to_owned());
        let refused = Finding::refused(Topic::Python, "no 3.29\nInstall it\nor not").by(place);
        let ok = Finding::ok(Topic::Settings, "3 variables are set");
        insta::assert_snapshot!(format!("{ok}\n{refused}"), @r"
        ok       settings  3 variables are set
        REFUSED  python    no 3.29 [.python-version:1]
                           Install it
                           or not
        ");
        let json = serde_json::to_string(&refused).unwrap();
        insta::assert_snapshot!(json, @r#"{"topic":"python","verdict":"refused","text":"no 3.29","decided_by":".python-version:1","remedy":"Install it\nor not"}"#);
    }
}
