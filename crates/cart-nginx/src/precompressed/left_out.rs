//! Files that are not compressed, and why.

use std::collections::BTreeMap;
use std::fmt;

/// Why a file is not compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Smaller than [`Limits::smallest`](super::Limits::smallest).
    TooSmall,
    /// Larger than [`Limits::largest`](super::Limits::largest).
    TooLarge,
    /// Compressed, it would have more than 95 % of its size.
    Worthless,
    /// Its name is not UTF-8.
    Name,
    /// A link to nothing, or to what belongs to somebody else: nginx does not follow it.
    Link,
    /// A link leads out of [`Source::within`](super::Source::within).
    Outside,
    /// A link leads back to a directory that it is in.
    Loop,
    /// In more directories than [`Limits::depth`](super::Limits::depth), or its path is longer than 2,000
    /// bytes.
    TooDeep,
    /// More than [`Limits::entries`](super::Limits::entries) were to be looked at; nothing from here on was.
    TooMany,
    /// It cannot be read.
    Unreadable,
    /// It changed while it was read.
    Changing,
    /// Another source has a directory of this path, or a file of a path above.
    Clash,
    /// The time was over before its turn came. The next build goes on.
    Late,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "too small to be worth it",
            Self::TooLarge => "too large",
            Self::Worthless => "compression gains less than 5 %",
            Self::Name => "the name is not UTF-8",
            Self::Link => "a link to nothing, or to what belongs to another user",
            Self::Outside => "a link to where files may change while they are served",
            Self::Loop => "a link back to a directory that it is in",
            Self::TooDeep => "in too many directories",
            Self::TooMany => "too many files",
            Self::Unreadable => "cannot be read",
            Self::Changing => "changed while it was read",
            Self::Clash => "another source has a directory of this name, or a file above",
            Self::Late => "no time was left; the next build goes on",
        })
    }
}

/// How many were left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// How many: files, or whole directories.
    pub count: usize,
    /// The path on the site of the first, without the slash at the beginning.
    pub first: String,
}

/// What was left out, by the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<Reason, Left>);

impl LeftOut {
    /// What was left out for this reason.
    #[must_use]
    pub fn of(&self, reason: Reason) -> Option<&Left> {
        self.0.get(&reason)
    }

    /// All of it.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, &Left)> {
        self.0.iter().map(|(reason, left)| (*reason, left))
    }

    pub(super) fn note(&mut self, reason: Reason, path: &str) {
        self.0.entry(reason).or_insert_with(|| Left { count: 0, first: path.to_owned() }).count +=
            1;
    }
}
