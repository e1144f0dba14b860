//! Variables, divided: what everybody may see, and what nobody should.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use sha1::{Digest, Sha1};

/// Logs as a cluster's collectors read them, unless something else is wished for.
const LOG_FORMAT: (&str, &str) = ("OPENSHIFT_LOG_FORMAT", "json");

/// Words in the name of a variable that is nobody's business.
const SECRET_WORDS: [&str; 4] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN"];

/// The variables of an app in a cluster; of two of the same name the later one has won.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// Those of the ConfigMap.
    pub(super) plain: BTreeMap<String, String>,
    /// Those of the Secret.
    pub(super) secret: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn of(variables: &[(String, String)]) -> Self {
        let (name, value) = LOG_FORMAT;
        let usual = (name.to_owned(), value.to_owned());
        let all: BTreeMap<_, _> = std::iter::once(usual).chain(variables.iter().cloned()).collect();
        let (secret, plain) = all.into_iter().partition(|(name, value)| is_secret(name, value));
        Self { plain, secret }
    }

    /// Another one whenever a variable has another value: in the pod's template it makes a change roll.
    pub(super) fn checksum(&self) -> String {
        let mut sum = Sha1::new();
        for (name, value) in self.plain.iter().chain(&self.secret) {
            // Neither can hold a NUL.
            sum.update(format!("{name}\0{value}\0"));
        }
        sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A URL with a password in it.
static WITH_PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s]*:[^/?#@\s]+@").expect("it is fixed")
});

/// Whether a variable belongs into a Secret: by a word in its name, `_KEY` at its end, or a URL with a
/// password as its value; `DATABASE_URL` in any case. docs/kubernetes.md has the rule.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
        || name.ends_with("_KEY")
        || name == "DATABASE_URL"
        || WITH_PASSWORD.is_match(value)
}
