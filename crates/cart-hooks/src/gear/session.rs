//! What people find in a session on the gear, and their hooks: `python` and `pip` of the app, a locale
//! in which those read and print UTF-8, and what they know from OpenShift's own Python cartridge.

use cart_core::cartridge::Context;
use cart_core::files;
use cart_python::{Places, locale};
use semver::Version;

use crate::error::Error;
use crate::gear::official;
use crate::names::SHORT_NAME;

/// Writes what a session needs of variables; `python` as in [`official::variables`].
pub(crate) fn write_variables(ctx: &Context<'_>, python: Option<&Version>) -> Result<(), Error> {
    write_path_element(ctx)?;
    official::write_variables(ctx, python)?;
    write_locale(ctx)
}

/// Writes the variable by which a node puts the environment's programs on the gear's PATH
/// (node-contract.md, Environment). Not a template: after a compatible upgrade none is rendered.
fn write_path_element(ctx: &Context<'_>) -> Result<(), Error> {
    let variable = format!("OPENSHIFT_{}_PATH_ELEMENT", SHORT_NAME);
    let programs = Places::on_gear(ctx.gear, ctx.dir).environment.join("bin");
    files::write_if_changed(&ctx.dir.env().join(variable), programs.as_str().as_bytes(), 0o644)?;
    Ok(())
}

/// Writes the variable that chooses a locale, if neither the node nor the user has. A user's own
/// wins over it, whenever that is set.
fn write_locale(ctx: &Context<'_>) -> Result<(), Error> {
    if let Some((name, value)) = locale::missing_from(ctx.env) {
        files::write_if_changed(&ctx.dir.env().join(name), value.as_bytes(), 0o644)?;
    }
    Ok(())
}
