//! The list of a cartridge's variables, `metadata/variables.json`: for programs and people that know
//! no cartridge. A cartridge makes it of its [`Setting`]s, which its hooks check.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::disk::files::{self, FileError};
use crate::given::setting::Setting;

/// Where the list is in a cartridge's directory.
pub const FILE: &str = "metadata/variables.json";

/// One variable that people set. Of all but its name, a list may say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it is for, in one line.
    pub meaning: String,
    /// What holds when it is unset or empty, as a person would say it.
    pub default: String,
    /// What may be written, as a person would say it.
    pub allowed: String,
    /// From which version of the cartridge on there is one.
    pub since: String,
    /// Which part of the cartridge reads it.
    pub read_by: String,
}

impl Variable {
    /// A setting, as the part `read_by` of a cartridge reads it.
    #[must_use]
    pub fn of(setting: &Setting, read_by: &str) -> Self {
        let Setting { name, meaning, default, allowed, since } = *setting;
        let [name, meaning, default, allowed, since, read_by] =
            [name, meaning, default, allowed, since, read_by].map(str::to_owned);
        Self { name, meaning, default, allowed, since, read_by }
    }
}

/// The list of the cartridge in `directory`; none where it brings none.
///
/// # Errors
/// [`FileError`] when there is one that cannot be read or understood.
pub fn read(directory: &Utf8Path) -> Result<Option<Vec<Variable>>, FileError> {
    let path = directory.join(FILE);
    let understood = |json: Vec<u8>| {
        serde_json::from_slice(&json).map_err(|e| FileError::new("understand", &path, e.into()))
    };
    files::read_if_exists(&path)?.map(understood).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_a_wrong_one_is_named() {
        let keep = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(keep.path()).unwrap();
        assert_eq!(read(directory).unwrap(), None);
        std::fs::create_dir(directory.join("metadata")).unwrap();
        let setting = Setting {
            name: "PARTS",
            meaning: "how many",
            default: "3",
            allowed: "1 to 9",
            since: "0.1.0",
        };
        let list = vec![Variable::of(&setting, "nginx")];
        let json = serde_json::to_vec(&list).unwrap();
        files::write_atomic(&directory.join(FILE), &json, 0o644).unwrap();
        assert_eq!(read(directory).unwrap(), Some(list));
        files::write_atomic(&directory.join(FILE), b"{}", 0o644).unwrap();
        assert!(read(directory).unwrap_err().to_string().contains(FILE));
    }
}
