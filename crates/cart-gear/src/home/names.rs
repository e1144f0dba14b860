//! Names of gears, and the one that a person probably meant.

use crate::layout::error::GearError;

/// How many letters and digits a name may have.
pub const LONGEST: usize = 32;

/// Whether `name` can be a gear's: letters and digits, as a node wants an application's name.
///
/// # Errors
/// [`GearError`] saying which rule it breaks.
pub fn check(name: &str) -> Result<(), GearError> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if plain && name.len() <= LONGEST {
        return Ok(());
    }
    Err(GearError::wrong(format!(
        "{name:?} cannot be the name of a gear: it has 1 to {LONGEST} letters and digits, nothing else"
    )))
}

/// What a person probably meant who wrote `wrong`, if one of `known` is near enough.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const NEAR: f64 = 0.75;
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

/// What a person meant whose `wrong` is one of `known` but for a letter or two.
#[must_use]
pub fn slip_of<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const MOST: usize = 2;
    let distances = known.into_iter().map(|name| (strsim::osa_distance(wrong, name), name));
    distances.filter(|(distance, _)| *distance <= MOST).min().map(|(_, name)| name)
}

/// `; did you mean X?`, or nothing.
#[must_use]
pub fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_up_to_32_of_them() {
        assert!(check("blog2").is_ok() && check(&"n".repeat(LONGEST)).is_ok());
        for wrong in ["", "my-blog", ".locks", "../up", "a b", "ä", &"n".repeat(LONGEST + 1)] {
            let error = check(wrong).unwrap_err();
            assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
        }
    }

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        let known = ["blog", "shop"];
        assert_eq!(nearest("bolg", known).as_deref(), Some("blog"));
        assert_eq!(nearest("Shop", known).as_deref(), Some("shop"));
        assert_eq!(nearest("wiki", known), None);
    }
}
