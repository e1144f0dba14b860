//! `gear boot`: all gears on or off, and the systemd unit that calls it.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{CommandSpec, programs, run};
use cart_gear::boot::systemd::{self, Systemd};
use cart_gear::boot::{
    Outcome, SYSTEM_DIRECTORY, Turn, Turned, Unit, Whose, turn_all, user_directory,
};
use cart_gear::{Conditions, GearError, GearHome, user_variables};

use crate::args::BootArguments;
use crate::shared::caller;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

pub(crate) fn run(arguments: &BootArguments, context: &mut Context) -> Result<(), Failure> {
    if arguments.system && !(arguments.install || arguments.uninstall || arguments.print) {
        return Err(Failure::usage("--system goes with --install, --uninstall or --print"));
    }
    let gears = context.gears()?;
    if arguments.print {
        answer(writable(unit(&gears, arguments.system, context)?)?.text().trim_end());
        return Ok(());
    }
    if arguments.install {
        return install(&writable(unit(&gears, arguments.system, context)?)?, context);
    }
    if arguments.uninstall {
        return uninstall(&unit(&gears, arguments.system, context)?, context);
    }
    turn(&gears, if arguments.stop { Turn::Off } else { Turn::On }, context)
}

fn turn(gears: &GearHome, turn: Turn, context: &Context) -> Result<(), Failure> {
    context.listen_to_signals()?;
    let (env, interrupts) = (context.env, &context.interrupts);
    let conditions = |name: &str| -> Conditions {
        // Variables that cannot be read fail the gear when its scripts are to get them.
        let user = user_variables::list(&gears.home_of(name)).unwrap_or_default();
        caller::conditions(env, &user, interrupts.clone())
    };
    let all = turn_all(gears, turn, &conditions, &mut |turned| answer(&line(turned)))?;
    let failed: Vec<&GearError> =
        all.iter().filter_map(|turned| turned.outcome.as_ref().err()).collect();
    // Each has been told.
    if failed.iter().any(|error| error.is_interrupt()) {
        return Err(Failure::interrupted(""));
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::silent()) }
}

fn line(turned: &Turned) -> String {
    let what = match &turned.outcome {
        Ok(Outcome::Started { url: Some(url) }) => format!("started at {url}"),
        Ok(Outcome::Started { url: None }) => "started".to_owned(),
        Ok(Outcome::Stopped) => "stopped".to_owned(),
        Ok(Outcome::LeftAlone { because }) => format!("left alone ({because})"),
        Err(error) => {
            let text = error.to_string();
            let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
            format!("failed: {}", lines.join(" "))
        }
    };
    format!("{}: {what}", turned.name)
}

fn unit(gears: &GearHome, system: bool, context: &Context) -> Result<Unit, Failure> {
    let program = std::env::current_exe().map_err(Failure::new)?;
    let program = Utf8PathBuf::from_path_buf(program)
        .map_err(|path| Failure::new(format!("{} is not UTF-8", path.display())))?;
    let whose = match system {
        true => Whose::System(owner(gears.directory(), context)?),
        false => Whose::User,
    };
    let path = caller::more_path(context.env).unwrap_or_default();
    let path = path.into_string().unwrap_or_default();
    Ok(Unit { whose, program, gears: gears.directory().to_owned(), path })
}

fn writable(unit: Unit) -> Result<Unit, Failure> {
    unit.check().map_err(Failure::usage)?;
    Ok(unit)
}

/// The name of the owner of a directory, or the number of one that has no name.
fn owner(directory: &Utf8Path, context: &Context) -> Result<String, Failure> {
    let found = directory.metadata().map_err(|e| FileError::new("read", directory, e))?;
    let uid = found.uid().to_string();
    let named = programs::find("id", context.env, &[]).ok().and_then(|id| {
        let command = CommandSpec::new(id, context.env).args(["-nu", &uid]);
        run::checked(&command, Duration::from_secs(30)).ok()
    });
    Ok(named.map_or(uid, |output| output.stdout_text().trim().to_owned()))
}

fn install(unit: &Unit, context: &Context) -> Result<(), Failure> {
    let path = systemd::write(unit, &directory(unit, context)?)?;
    remark(&format!("{path} is written"));
    let by_hand = format!("{} enable --now {}", systemctl(unit), short(unit));
    match Systemd::running(context.env, &unit.whose) {
        Some(systemd) => {
            systemd.enable(unit)?;
            remark("the gears that should run are started now and whenever the machine starts");
        }
        None => answer(&by_hand),
    }
    if unit.whose == Whose::User {
        remark("a user's services begin at the login, unless this has been said once:");
        answer("loginctl enable-linger");
    }
    Ok(())
}

fn uninstall(unit: &Unit, context: &Context) -> Result<(), Failure> {
    let path = directory(unit, context)?.join(unit.name());
    if !path.exists() {
        remark(&format!("there is no {path}"));
        return Ok(());
    }
    let systemd = Systemd::running(context.env, &unit.whose);
    match &systemd {
        Some(systemd) => systemd.disable(unit)?,
        None => answer(&format!("{} disable {}", systemctl(unit), short(unit))),
    }
    files::remove_if_exists(&path)?;
    if let Some(systemd) = systemd {
        systemd.reload()?;
    }
    remark(&format!("{path} is removed"));
    Ok(())
}

fn systemctl(unit: &Unit) -> &'static str {
    if unit.whose == Whose::User { "systemctl --user" } else { "systemctl" }
}

fn short(unit: &Unit) -> String {
    unit.name().trim_end_matches(".service").to_owned()
}

fn directory(unit: &Unit, context: &Context) -> Result<Utf8PathBuf, Failure> {
    if unit.whose != Whose::User {
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::usage(
                "the machine's units are root's: run it with sudo and GEAR_HOME set, or write what --print shows",
            ));
        }
        return Ok(SYSTEM_DIRECTORY.into());
    }
    let config = match context.env.directory("XDG_CONFIG_HOME") {
        Ok(config) => config,
        Err(_) => context.env.directory("HOME").map_err(Failure::new)?.join(".config"),
    };
    Ok(user_directory(&config))
}
