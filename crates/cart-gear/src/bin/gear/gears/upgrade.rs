//! `gear upgrade`.

use cart_gear::upgrade::{SameVersion, Upgraded, upgrade};

use crate::args::UpgradeArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::remark;

pub(crate) fn run(arguments: &UpgradeArguments, context: &mut Context) -> Result<(), Failure> {
    let name = &arguments.gear.name;
    let (mut gear, _lock) = context.work_on(&arguments.gear, "upgrade")?;
    let gears = context.gears()?;
    let cartridge = match &arguments.cartridge {
        Some(directory) => directory.clone(),
        None => gears.find(name)?.record.cartridge,
    };
    if !cartridge.is_dir() {
        return Err(Failure::usage(format!(
            "{cartridge} is not there: name the newer cartridge's directory with --cartridge DIR"
        )));
    }
    let same = if arguments.force { SameVersion::Refresh } else { SameVersion::Leave };
    let done = upgrade(&gears, &mut gear, &cartridge, same, context.terminal)?;
    context.terminal.done();
    remark(&match done {
        Upgraded::Already { version } => {
            format!(
                "{name} has version {version} of its cartridge already (--force puts it on again)"
            )
        }
        Upgraded::Compatible { from, to } => {
            format!("{name}: cartridge {from} is now {to}; what ran was not touched")
        }
        Upgraded::Incompatible { from, to, runs: true } => {
            format!("{name}: cartridge {from} is now {to}, and it runs again")
        }
        Upgraded::Incompatible { from, to, runs: false } => {
            format!("{name}: cartridge {from} is now {to}; it is {}, as before", gear.state())
        }
    });
    Ok(())
}
