//! What messages about failures are made of: what an installer says, and where a package is asked for.

use crate::packages::requirements::Requirements;
use crate::packages::spelling::name_in;

/// What stands behind `words`, where they are said first.
pub(super) fn after(lines: &[String], words: &str) -> Option<String> {
    let rest = lines.iter().find_map(|line| line.split_once(words))?.1;
    Some(rest.trim().to_owned())
}

/// `requirements.txt, line 3`, where a requirement's package is asked for.
pub(super) fn place(requirements: &Requirements, requirement: &str) -> Option<String> {
    let package = requirements.place_of(name_in(requirement))?;
    let file = package.file.file_name().unwrap_or("requirements.txt");
    Some(format!("{file}, line {}", package.line))
}

/// ` (requirements.txt, line 3)`
pub(super) fn shown(place: &Option<String>) -> String {
    place.as_ref().map(|p| format!(" ({p})")).unwrap_or_default()
}
