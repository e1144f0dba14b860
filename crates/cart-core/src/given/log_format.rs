//! How logs are written: for people, or for programs that collect them.

use crate::given::env::GearEnv;
use crate::given::setting::{Setting, SettingError};

/// What each line of a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text, as its writer writes it.
    #[default]
    Text,
    /// An object of JSON, of one schema for all logs (`docs/logs.md`).
    Json,
}

impl LogFormat {
    /// The variable by which people choose. It is a cartridge's, and of whoever shows its logs.
    pub const SETTING: Setting = Setting {
        name: "OPENSHIFT_LOG_FORMAT",
        meaning: "what each line of nginx's access log is, and of all that gear serve and gear tail show: text, or an object of JSON (docs/logs.md)",
        default: "text",
        allowed: "json or text",
        since: "0.1.0",
    };

    /// What the variable says.
    ///
    /// # Errors
    /// [`SettingError`] when it is neither.
    pub fn read(env: &GearEnv) -> Result<Self, SettingError> {
        let parse = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        };
        Ok(Self::SETTING.read(env, parse)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_unless_json_is_wanted() {
        let read = |value| LogFormat::read(&GearEnv::new().with(LogFormat::SETTING.name, value));
        assert_eq!(LogFormat::read(&GearEnv::new()), Ok(LogFormat::Text));
        assert_eq!(read(""), Ok(LogFormat::Text));
        assert_eq!(read(" JSON "), Ok(LogFormat::Json));
        assert_eq!(read("text"), Ok(LogFormat::Text));
        let error = read("xml").unwrap_err().to_string();
        assert_eq!(error, "OPENSHIFT_LOG_FORMAT is \"xml\", but allowed is: json or text");
    }
}
