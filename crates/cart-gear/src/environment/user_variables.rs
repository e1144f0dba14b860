//! Variables that the gear's user sets, with the limits of the node (node-contract.md,
//! Environment).

use std::ffi::OsString;

use camino::Utf8Path;
use cart_core::files::{self, FileError};

use crate::environment::sources;
use crate::layout::error::GearError;
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
/// [`GearError`] saying which rule of the node the variable breaks.
pub fn set(layout: &Layout, name: &str, value: &str) -> Result<(), GearError> {
    set_all(layout, &[(name.to_owned(), value.to_owned())])
}

/// Sets several variables, or none of them: all are checked before the first is written. Of two of
/// the same name the later one wins.
///
/// # Errors
/// [`GearError`] saying which rule of the node which variable breaks; everything is as it
/// was.
pub fn set_all(layout: &Layout, variables: &[(String, String)]) -> Result<(), GearError> {
    let before = list(layout.home())?;
    let is_set = |name: &str| before.iter().any(|(set, _)| set == name);
    let mut new: Vec<&str> = Vec::new();
    for (name, value) in variables {
        check(layout, name, value)?;
        if !is_set(name) && !new.contains(&name.as_str()) {
            new.push(name);
        }
    }
    if !new.is_empty() && before.len() + new.len() > MOST {
        return Err(GearError::wrong(format!(
            "a gear has at most {MOST} variables of its user's: unset one first"
        )));
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

/// The variables that are set on the gear with this home, be it whole or not, sorted by name; bytes that are not text are shown as U+FFFD.
///
/// # Errors
/// [`FileError`] naming what cannot be read.
pub fn list(home: &Utf8Path) -> Result<Vec<(String, String)>, FileError> {
    let text = |value: OsString| value.to_string_lossy().into_owned();
    let variables = sources::variables(&Layout::new(home.to_owned(), "").user_vars())?;
    Ok(variables.into_iter().map(|(name, value)| (text(name), text(value))).collect())
}

/// Unsets a variable; one that is not set is unset already.
///
/// # Errors
/// [`GearError`] when the name can be no variable's, or its file cannot be removed.
pub fn unset(layout: &Layout, name: &str) -> Result<(), GearError> {
    check_name(name)?;
    Ok(files::remove_if_exists(&layout.user_vars().join(name))?)
}

fn write(layout: &Layout, name: &str, value: &str) -> Result<(), FileError> {
    files::write_atomic(&layout.user_vars().join(name), value.as_bytes(), 0o660)
}

fn check(layout: &Layout, name: &str, value: &str) -> Result<(), GearError> {
    check_name(name)?;
    if value.len() > LONGEST_VALUE || value.contains('\0') {
        let length = value.len();
        return Err(GearError::wrong(format!(
            "the value of {name} has {length} bytes: a gear takes at most {LONGEST_VALUE}, and no NUL among them"
        )));
    }
    // The node would keep it and never use it; better to say so now.
    if name != "OPENSHIFT_SECRET_TOKEN" && layout.env().join(name).exists() {
        return Err(GearError::wrong(format!(
            "{name} is set by the gear itself and cannot be set by its user"
        )));
    }
    Ok(())
}

pub(crate) fn check_name(name: &str) -> Result<(), GearError> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts_well && plain && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(GearError::wrong(format!(
        "{name:?} cannot be a variable: a name has letters, digits and underscores, no digit first, and at most {LONGEST_NAME} of them"
    )))
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
            let error = set(&layout, name, "v").unwrap_err().to_string();
            assert!(error.contains("cannot be a variable"), "{name}: {error}");
        }
        let long = "v".repeat(513);
        let long = set(&layout, "A", &long).unwrap_err().to_string();
        assert!(long.contains("has 513 bytes"), "{long}");
        let reserved = set(&layout, "OPENSHIFT_HOMEDIR", "/x").unwrap_err().to_string();
        assert!(reserved.contains("set by the gear itself"), "{reserved}");
        set(&layout, &"N".repeat(128), &"v".repeat(512)).unwrap();
    }

    #[test]
    fn the_fifty_first_is_refused_but_a_set_one_can_be_changed() {
        let (_keep, layout) = layout();
        for number in 0..MOST {
            set(&layout, &format!("V{number}"), "1").unwrap();
        }
        let one_more = set(&layout, "MORE", "1").unwrap_err().to_string();
        assert!(one_more.contains("at most 50"), "{one_more}");
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
        assert!(error.to_string().contains("cannot be a variable"), "{error}");
        let many: Vec<_> = (0..MOST).map(|n| pair(&format!("V{n}"), "1")).collect();
        let error = set_all(&layout, &many).unwrap_err();
        assert!(error.to_string().contains("at most 50"), "{error}");
        assert_eq!(list(layout.home()).unwrap(), [pair("OLD", "1")]);
        // A directory in the place of the second keeps it from being written.
        std::fs::create_dir(layout.user_vars().join("B")).unwrap();
        let error = set_all(&layout, &[pair("A", "1"), pair("OLD", "2"), pair("B", "1")]);
        assert!(matches!(error, Err(GearError::File(_))));
        assert_eq!(list(layout.home()).unwrap(), [pair("OLD", "1")]);
        set_all(&layout, &[pair("A", "1"), pair("A", "2"), pair("OLD", "3")]).unwrap();
        assert_eq!(list(layout.home()).unwrap(), [pair("A", "2"), pair("OLD", "3")]);
    }
}
