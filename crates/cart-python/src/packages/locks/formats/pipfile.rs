//! A Pipfile that nobody locked: its `[packages]`.

use serde::Deserialize;
use toml::Table;

use crate::packages::locks::Fault;
use crate::packages::locks::asked::Asked;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    packages: Table,
}

/// Reads one.
pub(crate) fn read(text: &str) -> Result<Vec<Asked>, Fault> {
    let file: File = toml::from_str(text)?;
    let mut asked = Vec::new();
    for (name, value) in &file.packages {
        let at = crate::packages::locks::text::place_of(name, text);
        asked.push(Asked::of_pipfile(name, value).map_err(|error| Fault::from(error).at(at))?);
    }
    Ok(asked)
}
