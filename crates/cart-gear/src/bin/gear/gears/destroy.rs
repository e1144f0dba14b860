//! `gear destroy`.

use std::io::{BufRead, IsTerminal};

use crate::args::DestroyArguments;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{ask, remark};

pub(crate) fn destroy(arguments: &DestroyArguments, context: &mut Context) -> Result<(), Failure> {
    let name = &arguments.gear.name;
    let gears = context.gears()?;
    gears.find(name)?;
    if !arguments.yes && !confirmed(name)? {
        remark(&format!("{name} is left as it is"));
        return Err(Failure::new("not destroyed"));
    }
    context.listen_to_signals()?;
    let lock = context.lock(&gears, &arguments.gear, "destroy")?;
    let Ok(listed) = gears.find(name) else {
        // Somebody else destroyed it while we waited.
        lock.remove()?;
        return Ok(());
    };
    let conditions = context.conditions(&gears, name)?;
    gears.destroy(&listed, conditions, lock, context.terminal)?;
    context.terminal.done();
    remark(&format!("{name} is gone"));
    Ok(())
}

fn confirmed(name: &str) -> Result<bool, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::usage(format!(
            "this removes {name} with its app and its data: confirm it with --yes"
        )));
    }
    ask(&format!("Remove {name} with its app and its data? Write its name to confirm: "));
    let mut line = String::new();
    input.lock().read_line(&mut line).map_err(Failure::new)?;
    Ok(line.trim() == name)
}
