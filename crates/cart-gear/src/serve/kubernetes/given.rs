//! What people write for a cluster, checked: names, images, quantities.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;

use crate::layout::error::GearError;

/// The reference of an image, as the distribution project's grammar has it: `registry/name:tag@digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What comes before tag and digest.
    pub name: String,
    /// Such as `1.2`.
    pub tag: Option<String>,
    /// `sha256:` and 64 digits.
    pub digest: Option<String>,
}

static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    let host = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
    let part = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*";
    let name = format!(r"(?:{host}(?:\.{host})*(?::[0-9]+)?/)?{part}(?:/{part})*");
    let tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
    let whole = format!("^({name})(?::({tag}))?(?:@(sha256:[0-9a-f]{{64}}))?$");
    Regex::new(&whole).expect("the grammar is fixed")
});

impl FromStr for Image {
    type Err = GearError;

    fn from_str(text: &str) -> Result<Self, GearError> {
        let found = IMAGE.captures(text).filter(|found| found[1].len() <= 255).ok_or_else(|| {
            GearError::wrong(
                "this is no reference of an image: write [REGISTRY[:PORT]/]NAME[:TAG][@sha256:DIGEST], the \
                 name in lower case, such as registry.example.org/team/blog:1.2",
            )
        })?;
        let part = |number| found.get(number).map(|it| it.as_str().to_owned());
        Ok(Self { name: part(1).unwrap_or_default(), tag: part(2), digest: part(3) })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// The name of the objects: a DNS label that begins with a letter, as a Service wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

/// What leaves room for `-production` in the 63 characters of a label.
const LONGEST_LABEL: usize = 52;

impl Label {
    /// From the name of a directory: what cannot be in a label becomes a dash.
    ///
    /// # Errors
    /// [`GearError`] when nothing is left that could be one.
    pub fn of_directory(name: &str) -> Result<Self, GearError> {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let text: String = name.chars().map(plain).take(LONGEST_LABEL).collect();
        let words: Vec<&str> = text.split('-').filter(|word| !word.is_empty()).collect();
        words.join("-").parse().map_err(|_| {
            GearError::wrong(format!(
                "no name can be made of the directory's ({name:?}): give one with --name"
            ))
        })
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let dash_outside = text.starts_with('-') || text.ends_with('-');
    (1..=63).contains(&text.len()) && text.chars().all(plain) && !dash_outside
}

impl FromStr for Label {
    type Err = GearError;

    fn from_str(text: &str) -> Result<Self, GearError> {
        let letter_first = text.starts_with(|c: char| c.is_ascii_lowercase());
        if is_label(text) && letter_first && text.len() <= LONGEST_LABEL {
            return Ok(Self(text.to_owned()));
        }
        Err(GearError::wrong(format!(
            "a name is a DNS label: small letters, digits and dashes, a letter first, no dash last, at \
             most {LONGEST_LABEL} of them"
        )))
    }
}

/// The name of a host, or of a Secret: DNS labels with dots between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsName(String);

impl DnsName {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DnsName {
    type Err = GearError;

    fn from_str(text: &str) -> Result<Self, GearError> {
        if text.len() <= 253 && text.split('.').all(is_label) {
            return Ok(Self(text.to_owned()));
        }
        Err(GearError::wrong(
            "this is no name in DNS: labels of small letters, digits and dashes with dots between them, \
             without a scheme, a port or a path, such as blog.example.org",
        ))
    }
}

/// How much memory a pod may use, or how much room its data have, as Kubernetes writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    text: String,
    number: u64,
    unit: &'static str,
}

/// The units, and each but the least with how many of which smaller one it is.
const UNITS: [(&str, Option<(u64, &str)>); 6] = [
    ("Gi", Some((1024, "Mi"))),
    ("Mi", Some((1024, "Ki"))),
    ("Ki", None),
    ("G", Some((1000, "M"))),
    ("M", Some((1000, "k"))),
    ("k", None),
];

impl Size {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Half of it, which a pod asks for.
    #[must_use]
    pub fn half(&self) -> String {
        let smaller = UNITS.iter().find(|(unit, _)| *unit == self.unit).and_then(|(_, it)| *it);
        match smaller {
            Some((many, unit)) if self.number % 2 == 1 => {
                format!("{}{unit}", self.number * many / 2)
            }
            _ => format!("{}{}", self.number.div_ceil(2), self.unit),
        }
    }
}

impl FromStr for Size {
    type Err = GearError;

    fn from_str(text: &str) -> Result<Self, GearError> {
        let read = |(unit, _): &(&'static str, _)| {
            let digits = text.strip_suffix(unit)?;
            let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
            // No machine has more, and what is below counts with it.
            let number: u32 = digits.parse().ok().filter(|it| all_digits && *it > 0)?;
            Some(Self { text: text.to_owned(), number: number.into(), unit })
        };
        UNITS.iter().find_map(read).ok_or_else(|| {
            GearError::wrong("a size is a whole number with Ki, Mi, Gi, k, M or G, such as 256Mi")
        })
    }
}

/// How much of a CPU a pod asks for, as Kubernetes writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu(String);

impl Cpu {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

static CPU: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:[1-9][0-9]{0,6}m|[1-9][0-9]{0,3}|[0-9]{1,3}\.[0-9]{1,3})$")
        .expect("the grammar is fixed")
});

impl FromStr for Cpu {
    type Err = GearError;

    fn from_str(text: &str) -> Result<Self, GearError> {
        let more_than_none = text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        if CPU.is_match(text) && more_than_none {
            return Ok(Self(text.to_owned()));
        }
        Err(GearError::wrong("CPUs are a number such as 2 or 0.5, or thousandths such as 100m"))
    }
}
