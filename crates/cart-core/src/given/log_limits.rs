//! How much of its logs a service keeps: a size for each file, and a number of files.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::given::env::GearEnv;
use crate::given::setting::{Setting, SettingError};

/// The bounds of one log: `appserver.log`, and behind it `appserver.log.1`, `.2` and so on, the
/// oldest with the highest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLimits {
    /// Bytes after which a file is moved on and a new one begun.
    pub size: u64,
    /// Files that are kept, the one being written included.
    pub files: u32,
}

/// What a size may be, for [`Setting::allowed`].
pub const SIZES: &str = "a whole number of bytes, or with k, m or g behind it (20m); 64k to 1024g";
/// How many files may be kept, for [`Setting::allowed`].
pub const FILES: &str = "1 to 1000";
/// [`LogLimits::default`], for [`Setting::default`].
pub const DEFAULT_SIZE: &str = "10m";
/// As [`DEFAULT_SIZE`].
pub const DEFAULT_FILES: &str = "10";

const SMALLEST: u64 = 64 << 10;
const LARGEST: u64 = 1024 << 30;

impl LogLimits {
    /// What two variables say.
    ///
    /// # Errors
    /// [`SettingError`] naming the one that is wrong.
    pub fn read(env: &GearEnv, size: &Setting, files: &Setting) -> Result<Self, SettingError> {
        let default = Self::default();
        Ok(Self {
            size: size.size(env, SMALLEST..=LARGEST, default.size)?,
            files: files
                .read(env, |text| text.trim().parse().ok().filter(|n| (1..=1000).contains(n)))?
                .unwrap_or(default.files),
        })
    }
}

/// As the node bounds its logs itself (node-contract.md, Logs).
impl Default for LogLimits {
    fn default() -> Self {
        Self { size: 10 << 20, files: 10 }
    }
}

/// For messages: `10485760 bytes in each of 10 files`.
impl fmt::Display for LogLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in each of {} files", self.size, self.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Setting = Setting {
        name: "SIZE",
        meaning: "",
        default: DEFAULT_SIZE,
        allowed: SIZES,
        since: "0.1.0",
    };
    const COUNT: Setting = Setting {
        name: "FILES",
        meaning: "",
        default: DEFAULT_FILES,
        allowed: FILES,
        since: "0.1.0",
    };

    fn read(size: &str, files: &str) -> Result<LogLimits, String> {
        let env = GearEnv::new().with("SIZE", size).with("FILES", files);
        LogLimits::read(&env, &SIZE, &COUNT).map_err(|e| e.variable)
    }

    #[test]
    fn unset_means_the_defaults_that_are_documented() {
        assert_eq!(read("", ""), Ok(LogLimits::default()));
        assert_eq!(read(DEFAULT_SIZE, DEFAULT_FILES), Ok(LogLimits::default()));
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(read("64K", "1"), Ok(LogLimits { size: 65_536, files: 1 }));
        assert_eq!(read(" 70000 ", "1000").map(|l| l.size), Ok(70_000));
        for wrong in ["0", "63k", "1025g", "10 m", "m", "-1", "+70000", "1.5m", "99999999999g"] {
            assert_eq!(read(wrong, "2"), Err("SIZE".to_owned()), "{wrong}");
        }
        for wrong in ["0", "1001", "ten", "-1"] {
            assert_eq!(read("1m", wrong), Err("FILES".to_owned()), "{wrong}");
        }
    }
}
