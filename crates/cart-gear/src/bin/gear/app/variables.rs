//! `gear variables`: what people may set, by the list that a cartridge brings along.

use camino::Utf8Path;
use cart_core::variables::{self, FILE, Variable};

use crate::args::VariablesArguments;
use crate::shared::beside;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

pub(crate) fn run(arguments: &VariablesArguments) -> Result<(), Failure> {
    let directory = match &arguments.cartridge {
        Some(directory) => directory.clone(),
        None => beside::this_program().map_err(Failure::usage)?,
    };
    let known = of(&directory)?;
    if arguments.json {
        answer(&serde_json::to_string_pretty(&known)?);
        return Ok(());
    }
    if known.is_empty() {
        remark(&format!("{directory} brings no list of its variables ({FILE})"));
    }
    known.iter().for_each(|variable| answer(&in_words(variable)));
    Ok(())
}

fn of(directory: &Utf8Path) -> Result<Vec<Variable>, Failure> {
    if !directory.is_dir() {
        return Err(Failure::usage(format!(
            "{directory} is not a directory: name the cartridge's, which holds metadata/"
        )));
    }
    Ok(variables::read(directory)?.unwrap_or_default())
}

fn in_words(variable: &Variable) -> String {
    let Variable { name, meaning, default, allowed, since, read_by } = variable;
    format!(
        "{name}\n    {meaning}\n    default: {default}\n    allowed: {allowed}\n    read by {read_by}, since {since}"
    )
}
