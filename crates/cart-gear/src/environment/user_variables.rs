//! Variables that the gear's user sets, with the limits of the node (node-contract.md,
//! Environment).

use std::ffi::OsString;

use camino::Utf8Path;
use cart_core::files::{self, FileError};

use crate::environment::sources;
use crate::layout::paths::Layout;

/// How many a gear may have.
pub const MOST: usize = 50;
/// How many bytes a name may have.
pub const LONGEST_NAME: usize = 128;
/// How many bytes a value may have.
pub const LONGEST_VALUE: usize = 512;

/// Sets a variable for all scripts that run from now on; one that is set already is replaced.
///
/// # Errors
/// [`UserVariableError`] saying which rule of the node the variable breaks.
pub fn set(layout: &Layout, name: &str, value: &str) -> Result<(), UserVariableError> {
    set_all(layout, &[(name.to_owned(), value.to_owned())])
}

/// Sets several variables, or none of them: all are checked before the first is written. Of two of
/// the same name the later one wins.
///
/// # Errors
/// [`UserVariableError`] saying which rule of the node which variable breaks; everything is as it
/// was.
pub fn set_all(layout: &Layout, variables: &[(String, String)]) -> Result<(), UserVariableError> {
    let before = list(layout)?;
    let is_set = |name: &str| before.iter().any(|(set, _)| set == name);
    let mut new: Vec<&str> = Vec::new();
    for (name, value) in variables {
        check(layout, name, value)?;
        if !is_set(name) && !new.contains(&name.as_str()) {
            new.push(name);
        }
    }
    if !new.is_empty() && before.len() + new.len() > MOST {
        return Err(UserVariableError::TooMany);
    }
    let written = variables.iter().try_for_each(|(name, value)| write(layout, name, value));
    if written.is_err() {
        for (name, _) in variables {
            // What cannot be put back is no worse than what made us try.
            let _ = match before.iter().find(|(set, _)| set == name) {
                Some((name, value)) => write(layout, name, value),
                None => files::remove_if_exists(&layout.user_vars().join(name)),
            };
        }
    }
    Ok(written?)
}

/// The variables that are set, sorted by name; bytes that are not text are shown as U+FFFD.
///
/// # Errors
/// [`FileError`] naming what cannot be read.
pub fn list(layout: &Layout) -> Result<Vec<(String, String)>, FileError> {
    list_in(layout.home())
}

/// As [`list`], for the gear with this home, be it whole or not.
///
/// # Errors
/// As [`list`].
pub fn list_in(home: &Utf8Path) -> Result<Vec<(String, String)>, FileError> {
    let text = |value: OsString| value.to_string_lossy().into_owned();
    let variables = sources::variables(&Layout::new(home.to_owned(), "").user_vars())?;
    Ok(variables.into_iter().map(|(name, value)| (text(name), text(value))).collect())
}

/// Unsets a variable; one that is not set is unset already.
///
/// # Errors
/// [`UserVariableError`] when the name can be no variable's, or its file cannot be removed.
pub fn unset(layout: &Layout, name: &str) -> Result<(), UserVariableError> {
    check_name(name)?;
    Ok(files::remove_if_exists(&layout.user_vars().join(name))?)
}

fn write(layout: &Layout, name: &str, value: &str) -> Result<(), FileError> {
    files::write_atomic(&layout.user_vars().join(name), value.as_bytes(), 0o660)
}

fn check(layout: &Layout, name: &str, value: &str) -> Result<(), UserVariableError> {
    check_name(name)?;
    if value.len() > LONGEST_VALUE || value.contains('\0') {
        return Err(UserVariableError::Value { name: name.to_owned(), length: value.len() });
    }
    // The node would keep it and never use it; better to say so now.
    if name != "OPENSHIFT_SECRET_TOKEN" && layout.env().join(name).exists() {
        return Err(UserVariableError::Reserved { name: name.to_owned() });
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), UserVariableError> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts_well && plain && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(UserVariableError::Name { name: name.to_owned() })
}

/// A variable that a node would not take.
#[derive(Debug, thiserror::Error)]
pub enum UserVariableError {
    /// The name.
    #[error(
        "{name:?} cannot be a variable: a name has letters, digits and underscores, no digit first, and at most {LONGEST_NAME} of them"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The value.
    #[error(
        "the value of {name} has {length} bytes: a gear takes at most {LONGEST_VALUE}, and no NUL among them"
    )]
    Value {
        /// The name.
        name: String,
        /// How long the value is.
        length: usize,
    },
    /// The gear sets it itself.
    #[error("{name} is set by the gear itself and cannot be set by its user")]
    Reserved {
        /// The name.
        name: String,
    },
    /// One too many.
    #[error("a gear has at most {MOST} variables of its user's: unset one first")]
    TooMany,
    /// Its file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let layout = Layout::new(home, "u");
        layout.create().unwrap();
        (dir, layout)
    }

    #[test]
    fn names_values_and_reserved_names_are_checked() {
        let (_keep, layout) = layout();
        files::write_atomic(&layout.env().join("OPENSHIFT_HOMEDIR"), b"/", 0o644).unwrap();
        for name in ["", "1A", "A-B", "../up", "A=B", &"N".repeat(129)] {
            let error = set(&layout, name, "v").unwrap_err();
            assert!(matches!(error, UserVariableError::Name { .. }), "{name}: {error}");
        }
        let long = "v".repeat(513);
        assert!(matches!(set(&layout, "A", &long), Err(UserVariableError::Value { .. })));
        let reserved = set(&layout, "OPENSHIFT_HOMEDIR", "/x");
        assert!(matches!(reserved, Err(UserVariableError::Reserved { .. })));
        set(&layout, &"N".repeat(128), &"v".repeat(512)).unwrap();
    }

    #[test]
    fn the_fifty_first_is_refused_but_a_set_one_can_be_changed() {
        let (_keep, layout) = layout();
        for number in 0..MOST {
            set(&layout, &format!("V{number}"), "1").unwrap();
        }
        assert!(matches!(set(&layout, "MORE", "1"), Err(UserVariableError::TooMany)));
        set(&layout, "V7", "2").unwrap();
        unset(&layout, "V8").unwrap();
        unset(&layout, "V8").unwrap();
        set(&layout, "MORE", "1").unwrap();
    }

    #[test]
    fn several_are_set_or_none() {
        let (_keep, layout) = layout();
        set(&layout, "OLD", "1").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let error = set_all(&layout, &[pair("OLD", "2"), pair("1", "x")]).unwrap_err();
        assert!(matches!(error, UserVariableError::Name { .. }), "{error}");
        let many: Vec<_> = (0..MOST).map(|n| pair(&format!("V{n}"), "1")).collect();
        assert!(matches!(set_all(&layout, &many), Err(UserVariableError::TooMany)));
        assert_eq!(list(&layout).unwrap(), [pair("OLD", "1")]);
        // A directory in the place of the second keeps it from being written.
        std::fs::create_dir(layout.user_vars().join("B")).unwrap();
        let error = set_all(&layout, &[pair("A", "1"), pair("OLD", "2"), pair("B", "1")]);
        assert!(matches!(error, Err(UserVariableError::File(_))));
        assert_eq!(list(&layout).unwrap(), [pair("OLD", "1")]);
        set_all(&layout, &[pair("A", "1"), pair("A", "2"), pair("OLD", "3")]).unwrap();
        assert_eq!(list(&layout).unwrap(), [pair("A", "2"), pair("OLD", "3")]);
    }
}
