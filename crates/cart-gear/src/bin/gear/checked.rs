//! `gear validate`: what is wrong with a cartridge, in words or as JSON.

use camino::Utf8PathBuf;
use cart_core::validate::{Finding, Level};
use cart_gear::validate;

use crate::FAILED;
use crate::args::ValidateArguments;
use crate::terminal::{answer, remark};

/// Answers the exit code: 0 when there is no error.
pub(crate) fn run(arguments: &ValidateArguments) -> u8 {
    let directory = &arguments.cartridge;
    let mut findings = match validate(directory) {
        Ok(findings) => findings,
        Err(error) => {
            remark(&error.to_string());
            return FAILED;
        }
    };
    for finding in &mut findings {
        // As the caller can open it.
        finding.file = [directory, &finding.file].iter().collect::<Utf8PathBuf>();
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    if arguments.json {
        match serde_json::to_string_pretty(&findings) {
            Ok(json) => answer(&json),
            Err(error) => {
                remark(&error.to_string());
                return FAILED;
            }
        }
    } else {
        in_words(&findings, errors, arguments);
    }
    if errors == 0 { 0 } else { FAILED }
}

fn in_words(findings: &[Finding], errors: usize, arguments: &ValidateArguments) {
    for finding in findings {
        answer(&finding.to_string());
    }
    let directory = &arguments.cartridge;
    let warnings = findings.len() - errors;
    match (errors, warnings) {
        (0, 0) => remark(&format!("{directory}: nothing is wrong")),
        _ => remark(&format!("{directory}: errors: {errors}, warnings: {warnings}")),
    }
}
