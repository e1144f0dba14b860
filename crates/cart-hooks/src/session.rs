//! What people find in a session on the gear, and their hooks: `python` and `pip` of the app.

use cart_core::Cartridge;
use cart_core::cartridge::Context;
use cart_core::files;
use cart_python::Places;

use crate::advanced_python::AdvancedPython;
use crate::error::Error;

/// Writes the variable by which a node puts the environment's programs on the gear's PATH
/// (node-contract.md, Environment). Not a template: after a compatible upgrade none is rendered.
pub(crate) fn write_path_element(ctx: &Context<'_>) -> Result<(), Error> {
    let variable = format!("OPENSHIFT_{}_PATH_ELEMENT", AdvancedPython::SHORT_NAME);
    let programs = Places::on_gear(ctx.gear, ctx.dir).environment.join("bin");
    files::write_if_changed(&ctx.dir.env().join(variable), programs.as_str().as_bytes(), 0o644)?;
    Ok(())
}
