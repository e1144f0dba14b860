//! `gear env`: the variables of a gear's user.

use std::collections::BTreeMap;

use cart_core::variables;
use cart_gear::{GearOnDisk, State, names, user_variables};

use crate::args::EnvCommand;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

pub(crate) fn run(command: &EnvCommand, context: &mut Context) -> Result<(), Failure> {
    match command {
        EnvCommand::Set { gear, variables } => {
            let (gear, _lock) = context.work_on(gear, "env set")?;
            user_variables::set_all(gear.layout(), variables)?;
            tell_slips(&gear, variables);
            tell_restart(&gear);
        }
        EnvCommand::Unset { gear, names } => {
            let (gear, _lock) = context.work_on(gear, "env unset")?;
            unset(&gear, names)?;
            tell_restart(&gear);
        }
        EnvCommand::List(arguments) => {
            let gear = context.look_at(&arguments.name)?;
            let variables = user_variables::list(gear.layout().home())?;
            if arguments.json {
                let object: BTreeMap<String, String> = variables.into_iter().collect();
                answer(&serde_json::to_string_pretty(&object)?);
            } else {
                variables.iter().for_each(|(name, value)| answer(&format!("{name}={value}")));
            }
        }
    }
    Ok(())
}

/// A name that is not set is more likely a slip than a wish come true.
fn unset(gear: &GearOnDisk, wanted: &[String]) -> Result<(), Failure> {
    let set = user_variables::list(gear.layout().home())?;
    let known = || set.iter().map(|(name, _)| name.as_str());
    if let Some(wrong) = wanted.iter().find(|name| !known().any(|known| known == *name)) {
        let meant = names::did_you_mean(names::nearest(wrong, known()).as_deref());
        return Err(Failure::usage(format!("{wrong} is not set on {}{meant}", gear.name())));
    }
    for name in wanted {
        gear.unset_user_variable(name)?;
    }
    Ok(())
}

/// What is nearly a variable of the cartridge's, or begins as they do and is none of them, has no effect:
/// that is told with the name that was probably meant. A list that cannot be read tells nothing.
fn tell_slips(gear: &GearOnDisk, set: &[(String, String)]) {
    let Some(cartridge) = gear.cartridge() else { return };
    let known = match variables::read(&cartridge.directory) {
        Ok(known) => known.unwrap_or_default(),
        Err(error) => return remark(&error.to_string()),
    };
    let names = || known.iter().map(|variable| variable.name.as_str());
    let is_theirs =
        |name: &str| family(name).is_some_and(|of| names().any(|known| family(known) == Some(of)));
    for (name, _) in set.iter().filter(|(name, _)| !names().any(|known| known == name)) {
        let slip = names::slip_of(name, names());
        if slip.is_some() || is_theirs(name) {
            let meant = slip.map(str::to_owned).or_else(|| names::nearest(name, names()));
            let meant = names::did_you_mean(meant.as_deref());
            remark(&format!("{name} is none of the cartridge's variables{meant}"));
        }
    }
}

/// What the cartridge's own variables begin with: `OPENSHIFT_PYTHON` of `OPENSHIFT_PYTHON_SERVER`.
fn family(name: &str) -> Option<&str> {
    let second = name.match_indices('_').nth(1)?.0;
    name.get(..second).filter(|family| family.starts_with("OPENSHIFT_"))
}

fn tell_restart(gear: &GearOnDisk) {
    if gear.state() == State::Started {
        remark(&format!("a restart puts it into effect: gear restart {}", gear.name()));
    }
}
