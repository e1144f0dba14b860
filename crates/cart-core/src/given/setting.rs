//! Variables that people set: each with a name, a meaning, a default, and a check at the door.

use crate::given::env::GearEnv;

/// One variable that people set, as it stands in the table of variables (`docs/variables.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// What it is for, in one line.
    pub meaning: &'static str,
    /// What holds when it is unset or empty, as a person would say it.
    pub default: &'static str,
    /// What may be written, as a person would say it: `1 to 1000`, `wsgiref, gevent or gunicorn`.
    pub allowed: &'static str,
    /// From which version of the cartridge on there is one.
    pub since: &'static str,
}

impl Setting {
    /// The checked value, or `None` when the variable is unset or empty.
    ///
    /// # Errors
    /// [`SettingError`] when `parse` answers `None` or the value is not text.
    pub fn read<T>(
        &self,
        env: &GearEnv,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingError> {
        match env.text(self.name) {
            Ok(None) => Ok(None),
            Ok(Some(text)) => parse(text).map(Some).ok_or_else(|| self.wrong(text)),
            Err(_) => Err(self.wrong("(bytes that are not UTF-8)")),
        }
    }

    /// A whole number within `range`, or `default` when unset.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn number(
        &self,
        env: &GearEnv,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, SettingError> {
        let parse = |text: &str| text.trim().parse().ok().filter(|n| range.contains(n));
        Ok(self.read(env, parse)?.unwrap_or(default))
    }

    /// A number of bytes within `range`, or `default` when unset: digits, and perhaps `k`, `m` or
    /// `g` behind them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn size(
        &self,
        env: &GearEnv,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, SettingError> {
        let parse = |text: &str| bytes(text).filter(|n| range.contains(n));
        Ok(self.read(env, parse)?.unwrap_or(default))
    }

    /// The error for a value that this setting does not allow.
    #[must_use]
    pub fn wrong(&self, value: &str) -> SettingError {
        SettingError {
            variable: self.name.to_owned(),
            value: value.to_owned(),
            allowed: self.allowed.to_owned(),
        }
    }
}

/// A number of bytes: digits, and perhaps `k`, `m` or `g` behind them, in any case of letters.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let (digits, shift) = match text.char_indices().last()? {
        (at, 'k') => (&text[..at], 10),
        (at, 'm') => (&text[..at], 20),
        (at, 'g') => (&text[..at], 30),
        _ => (text.as_str(), 0),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Every one of `settings` that `read` refuses, each looked at as if it were the only one that is
/// set: `read` itself stops at the first.
pub fn all_wrong<T>(
    settings: &[Setting],
    env: &GearEnv,
    read: impl Fn(&GearEnv) -> Result<T, SettingError>,
) -> Vec<SettingError> {
    let set = settings.iter().filter_map(|setting| Some((setting.name, env.get(setting.name)?)));
    set.filter_map(|(name, value)| read(&GearEnv::new().with(name, value)).err()).collect()
}

/// A variable whose value is not allowed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} is {value:?}, but allowed is: {allowed}")]
pub struct SettingError {
    /// The variable's name.
    pub variable: String,
    /// What it holds.
    pub value: String,
    /// What it may hold.
    pub allowed: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: Setting = Setting {
        name: "PARTS",
        meaning: "how many",
        default: "3",
        allowed: "1 to 9",
        since: "0.1.0",
    };

    #[test]
    fn unset_and_empty_give_the_default() {
        assert_eq!(PARTS.number(&GearEnv::new(), 1..=9, 3), Ok(3));
        assert_eq!(PARTS.number(&GearEnv::new().with("PARTS", ""), 1..=9, 3), Ok(3));
    }

    #[test]
    fn all_wrong_ones_are_found_where_reading_stops_at_the_first() {
        const SIZE: Setting = Setting { name: "SIZE", ..PARTS };
        let read = |env: &GearEnv| {
            PARTS.number(env, 1..=9, 3)?;
            SIZE.number(env, 1..=9, 3)
        };
        let env = GearEnv::new().with("PARTS", "many").with("SIZE", "0").with("OTHER", "x");
        let wrong = all_wrong(&[PARTS, SIZE], &env, read);
        let names: Vec<_> = wrong.iter().map(|error| error.variable.as_str()).collect();
        assert_eq!(names, ["PARTS", "SIZE"]);
        assert!(
            all_wrong(&[PARTS, SIZE], &env.with("SIZE", "9").with("PARTS", ""), read).is_empty()
        );
    }

    #[test]
    fn an_error_names_variable_value_and_what_is_allowed() {
        for value in ["0", "10", "-1", "two", "1.5"] {
            let error = PARTS.number(&GearEnv::new().with("PARTS", value), 1..=9, 3).unwrap_err();
            assert_eq!(error.to_string(), format!("PARTS is {value:?}, but allowed is: 1 to 9"));
        }
    }
}
