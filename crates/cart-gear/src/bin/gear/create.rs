//! `gear create` and `gear destroy`.

use std::io::{BufRead, IsTerminal};

use cart_gear::CreateError;
use cart_gear::Stage;
use cart_gear::push_command;
use cart_gear::{keep, names};

use crate::args::{CreateArguments, DestroyArguments};
use crate::caller;
use crate::context::Context;
use crate::failure::Failure;
use crate::terminal::{answer, ask, remark};

pub(crate) fn create(arguments: &CreateArguments, context: &mut Context) -> Result<(), Failure> {
    let name = &arguments.gear.name;
    names::check(name).map_err(Failure::usage)?;
    let (options, app) = caller::create_options(arguments, context.env, context.interrupts.clone())
        .map_err(Failure::usage)?;
    let gears = context.gears()?;
    if gears.find(name).is_ok_and(|listed| listed.record.stage == Stage::Kept) {
        // No need to wait for whoever works on it.
        return Err(Failure::new(CreateError::Exists { name: name.clone() }));
    }
    context.listen_to_signals()?;
    let lock = context.lock(&gears, &arguments.gear, "create")?;
    let visit = keep(&gears, options, &app, lock, context.terminal)?;
    context.terminal.done();
    answer(&match visit {
        Some(address) => format!("{name} is at http://{address}/"),
        None => format!("{name} is made"),
    });
    let repository = gears.home_of(name).join(format!("git/{name}.git"));
    remark(&format!("`{}` deploys another commit", push_command(&repository, "master")));
    Ok(())
}

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
