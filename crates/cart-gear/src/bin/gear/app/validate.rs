//! `gear validate`: what is wrong with a cartridge, in words or as JSON.

use camino::Utf8PathBuf;
use cart_core::validate::Level;
use cart_gear::validate;

use crate::args::ValidateArguments;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

/// Fails when there is an error.
pub(crate) fn run(arguments: &ValidateArguments) -> Result<(), Failure> {
    let directory = &arguments.cartridge;
    let mut findings = validate(directory).map_err(Failure::new)?;
    for finding in &mut findings {
        // As the caller can open it.
        finding.file = [directory, &finding.file].iter().collect::<Utf8PathBuf>();
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    let warnings = findings.len() - errors;
    let counted = format!("{directory}: errors: {errors}, warnings: {warnings}");
    if arguments.json {
        answer(&serde_json::to_string_pretty(&findings)?);
        return if errors == 0 { Ok(()) } else { Err(Failure::silent()) };
    }
    findings.iter().for_each(|finding| answer(&finding.to_string()));
    match (errors, warnings) {
        (0, 0) => remark(&format!("{directory}: nothing is wrong")),
        (0, _) => remark(&counted),
        _ => return Err(Failure::new(counted)),
    }
    Ok(())
}
