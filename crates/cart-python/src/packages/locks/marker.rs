//! Environment markers: conditions such as `sys_platform == 'win32' and python_version < '3.12'`.
//!
//! What is done with them here is to join and to print them; only the installer knows the
//! environment. A marker is kept as alternatives of conditions, so that joining along many ways
//! through a lock does not grow without end: what says the same twice is kept once.

use std::collections::BTreeSet;
use std::fmt;

/// More alternatives than this are nobody's wish.
const MOST: usize = 2000;
/// How deep parentheses may go.
const DEEPEST: usize = 50;

type Clause = BTreeSet<String>;

/// A condition on the environment that a package is installed into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker(BTreeSet<Clause>);

impl Marker {
    /// The condition that always holds.
    pub(crate) fn always() -> Self {
        Self(BTreeSet::from([Clause::new()]))
    }

    /// The condition that never does.
    pub(crate) fn never() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether it holds whatever the environment is.
    pub(crate) fn is_always(&self) -> bool {
        self.0.contains(&Clause::new())
    }

    /// Whether it holds nowhere.
    pub(crate) fn is_never(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads one. `groups` are the groups of dependencies that are installed. No extra is, so that
    /// a condition on one is decided here, as are those on groups, which not every installer knows.
    pub(crate) fn parse(text: &str, groups: &[String]) -> Result<Self, MarkerError> {
        let tokens = tokens(text).ok_or_else(|| MarkerError::Malformed(text.to_owned()))?;
        let mut parser = Parser { tokens: &tokens, groups, depth: 0 };
        let marker = parser.alternatives()?;
        match parser.tokens {
            [] => Ok(marker),
            _ => Err(MarkerError::Malformed(text.to_owned())),
        }
    }

    /// Holds where both hold.
    ///
    /// # Errors
    /// [`MarkerError::TooLong`].
    pub(crate) fn and(&self, other: &Self) -> Result<Self, MarkerError> {
        if self.0.len().saturating_mul(other.0.len()) > MOST {
            return Err(MarkerError::TooLong);
        }
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| a | b));
        Ok(Self(shortest(pairs.collect())))
    }

    /// Holds where one of them does.
    ///
    /// # Errors
    /// [`MarkerError::TooLong`].
    pub(crate) fn or(&self, other: &Self) -> Result<Self, MarkerError> {
        let all = shortest(&self.0 | &other.0);
        if all.len() > MOST { Err(MarkerError::TooLong) } else { Ok(Self(all)) }
    }
}

/// Without the alternatives that hold only where a shorter one holds anyway.
fn shortest(all: BTreeSet<Clause>) -> BTreeSet<Clause> {
    let mut by_length: Vec<Clause> = all.into_iter().collect();
    by_length.sort_by_key(Clause::len);
    let mut kept: Vec<Clause> = Vec::new();
    for clause in by_length {
        if !kept.iter().any(|shorter| shorter.is_subset(&clause)) {
            kept.push(clause);
        }
    }
    kept.into_iter().collect()
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = self.0.len() > 1;
        for (number, clause) in self.0.iter().enumerate() {
            let atoms: Vec<&str> = clause.iter().map(String::as_str).collect();
            let joined = atoms.join(" and ");
            f.write_str(if number > 0 { " or " } else { "" })?;
            if several && atoms.len() > 1 {
                write!(f, "({joined})")?;
            } else {
                f.write_str(&joined)?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    /// `==` and the like, `in`, `not in`.
    Operator(String),
    And,
    Or,
    Name(String),
    /// With its quotes.
    Text(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let take = |holds: fn(char) -> bool| rest.find(|c| !holds(c)).unwrap_or(rest.len());
        let length = match first {
            '(' | ')' => {
                found.push(if first == '(' { Token::Open } else { Token::Close });
                1
            }
            '\'' | '"' => {
                let length = rest[1..].find(first)? + 2;
                if rest[..length].contains(char::is_control) {
                    return None;
                }
                found.push(Token::Text(rest[..length].to_owned()));
                length
            }
            '=' | '<' | '>' | '!' | '~' => {
                let length = take(|c| "=<>!~".contains(c));
                found.push(Token::Operator(rest[..length].to_owned()));
                length
            }
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let length = take(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
                let token = match &rest[..length] {
                    "and" => Token::And,
                    "or" => Token::Or,
                    "in" if found
                        .pop_if(|last| *last == Token::Name("not".to_owned()))
                        .is_some() =>
                    {
                        Token::Operator("not in".to_owned())
                    }
                    "in" => Token::Operator("in".to_owned()),
                    name => Token::Name(name.to_owned()),
                };
                found.push(token);
                length
            }
            _ => return None,
        };
        rest = rest[length..].trim_start();
    }
    Some(found)
}

struct Parser<'a> {
    tokens: &'a [Token],
    groups: &'a [String],
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, token: &Token) -> bool {
        let is_next = self.tokens.first() == Some(token);
        if is_next {
            self.tokens = &self.tokens[1..];
        }
        is_next
    }

    fn alternatives(&mut self) -> Result<Marker, MarkerError> {
        let mut marker = self.conditions()?;
        while self.take(&Token::Or) {
            marker = marker.or(&self.conditions()?)?;
        }
        Ok(marker)
    }

    fn conditions(&mut self) -> Result<Marker, MarkerError> {
        let mut marker = self.condition()?;
        while self.take(&Token::And) {
            marker = marker.and(&self.condition()?)?;
        }
        Ok(marker)
    }

    fn condition(&mut self) -> Result<Marker, MarkerError> {
        if self.take(&Token::Open) {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(MarkerError::TooLong);
            }
            let marker = self.alternatives()?;
            self.depth -= 1;
            return match self.take(&Token::Close) {
                true => Ok(marker),
                false => Err(MarkerError::Malformed("a parenthesis is left open".to_owned())),
            };
        }
        match self.tokens {
            [left, Token::Operator(operator), right, rest @ ..] => {
                self.tokens = rest;
                atom(left, operator, right, self.groups)
            }
            _ => Err(MarkerError::Malformed("a comparison is not complete".to_owned())),
        }
    }
}

fn atom(
    left: &Token,
    operator: &str,
    right: &Token,
    groups: &[String],
) -> Result<Marker, MarkerError> {
    let decided = |holds: bool| Ok(if holds { Marker::always() } else { Marker::never() });
    match (left, right) {
        (Token::Text(group), Token::Name(of)) if of == "dependency_groups" => {
            let group = group.trim_matches(['\'', '"']);
            decided(groups.iter().any(|g| g == group) == (operator == "in"))
        }
        (Token::Text(_), Token::Name(of)) if of == "extras" => decided(operator == "not in"),
        (Token::Text(_), Token::Name(of)) | (Token::Name(of), Token::Text(_)) if of == "extra" => {
            decided(operator == "!=")
        }
        (Token::Text(a), Token::Name(b)) | (Token::Name(a), Token::Text(b)) => {
            Ok(Marker(BTreeSet::from([Clause::from([format!("{a} {operator} {b}")])])))
        }
        _ => Err(MarkerError::Malformed("two of the same kind are compared".to_owned())),
    }
}

/// A marker that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// It is none.
    #[error("the marker cannot be read: {0}")]
    Malformed(String),
    /// It has more alternatives than anybody would write.
    #[error("a marker has more than {MOST} alternatives")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(text: &str) -> Marker {
        Marker::parse(text, &["default".to_owned()]).unwrap()
    }

    #[test]
    fn a_marker_is_printed_as_it_was_meant() {
        for (text, printed) in [
            ("python_version<'3.12'", "python_version < '3.12'"),
            ("'x' not in platform_version", "'x' not in platform_version"),
            (
                "a == '1' and (b == '2' or c == '3')",
                "(a == '1' and b == '2') or (a == '1' and c == '3')",
            ),
            ("a == '1' or b == '2'", "a == '1' or b == '2'"),
            ("a == '1' or a == '1' and b == '2'", "a == '1'"),
        ] {
            assert_eq!(marker(text).to_string(), printed, "{text}");
        }
        for wrong in ["", "a", "a ==", "a == 'b", "(a == 'b'", "a == 'b' c", "a == b", "a == 'b\n'"]
        {
            assert!(Marker::parse(wrong, &[]).is_err(), "{wrong}");
        }
        assert!(Marker::parse(&"(".repeat(10_000), &[]).is_err());
    }

    #[test]
    fn extras_and_groups_are_decided_here() {
        assert!(marker("extra == 'x'").is_never());
        assert!(marker("extra != 'x' or a == '1'").is_always());
        assert!(marker("'x' in extras").is_never());
        assert!(marker("'default' in dependency_groups").is_always());
        assert!(marker("'dev' in dependency_groups and a == '1'").is_never());
        assert_eq!(marker("'dev' in dependency_groups or a == '1'").to_string(), "a == '1'");
    }

    #[test]
    fn a_marker_without_an_end_is_refused() {
        let pairs: Vec<String> = (0..20).map(|n| format!("(a == '{n}' or b == '{n}')")).collect();
        assert_eq!(Marker::parse(&pairs.join(" and "), &[]), Err(MarkerError::TooLong));
    }
}
