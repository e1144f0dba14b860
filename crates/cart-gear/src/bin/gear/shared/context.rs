//! What the commands on kept gears share: the directory of gears, the terminal, the lock.

use std::io::IsTerminal;
use std::time::Duration;

use cart_core::GearEnv;
use cart_gear::{Conditions, GearHome, GearLock, GearOnDisk, Interrupts, Progress, user_variables};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::OnGear;
use crate::shared::caller;
use crate::shared::failure::Failure;
use crate::shared::terminal::Terminal;

/// One call of `gear`.
pub(crate) struct Context<'a> {
    /// The caller's environment.
    pub(crate) env: &'a GearEnv,
    pub(crate) interrupts: Interrupts,
    pub(crate) terminal: &'a mut Terminal,
}

impl Context<'_> {
    /// Where gears live.
    pub(crate) fn gears(&self) -> Result<GearHome, Failure> {
        Ok(GearHome::from_env(self.env)?)
    }

    /// A gear that is to be looked at. Nobody is kept waiting for that.
    pub(crate) fn look_at(&self, name: &str) -> Result<GearOnDisk, Failure> {
        let gears = self.gears()?;
        Ok(gears.open(name, self.conditions(&gears, name)?)?)
    }

    /// A gear that is to be changed by `what`, and its lock.
    pub(crate) fn work_on(
        &mut self,
        on: &OnGear,
        what: &str,
    ) -> Result<(GearOnDisk, GearLock), Failure> {
        let gears = self.gears()?;
        gears.open(&on.name, Conditions::default())?;
        self.listen_to_signals()?;
        let lock = self.lock(&gears, on, what)?;
        let opened = self
            .conditions(&gears, &on.name)
            .and_then(|conditions| Ok(gears.open(&on.name, conditions)?));
        match opened {
            Ok(mut gear) => {
                gear.recover(self.terminal)?;
                Ok((gear, lock))
            }
            // Gone while we waited: then so is its lock.
            Err(error) => {
                if gears.find(&on.name).is_err() {
                    lock.remove()?;
                }
                Err(error)
            }
        }
    }

    /// The lock of a gear, be the gear there or not.
    pub(crate) fn lock(
        &mut self,
        gears: &GearHome,
        on: &OnGear,
        what: &str,
    ) -> Result<GearLock, Failure> {
        let terminal = &mut self.terminal;
        let mut waiting = |holder: &str| {
            terminal.notice(&format!("waiting for {holder}, which works on {}", on.name));
        };
        let limit = Duration::from_secs(on.wait);
        let what = format!("gear {what}");
        Ok(gears.lock(&on.name, &what, limit, &self.interrupts, &mut waiting)?)
    }

    /// What this call brings along to a gear.
    pub(crate) fn conditions(&self, gears: &GearHome, name: &str) -> Result<Conditions, Failure> {
        let home = gears.home_of(name);
        let user = user_variables::list(&home)?;
        Ok(caller::conditions(self.env, &user, self.interrupts.clone()))
    }

    /// Each Ctrl-C, SIGTERM or loss of the terminal asks for one end from now on (see
    /// [`Interrupts`]).
    pub(crate) fn listen_to_signals(&self) -> Result<(), Failure> {
        self.on_signals(|interrupts, _| interrupts.raise())
    }

    /// As [`listen_to_signals`](Self::listen_to_signals), but SIGTERM can wait, and where there is no
    /// terminal to lose, in a container say, SIGHUP asks for a reload, as of other servers.
    pub(crate) fn listen_as_service(&self) -> Result<(), Failure> {
        self.on_signals(|interrupts, signal| match signal {
            SIGTERM => interrupts.raise_patiently(),
            SIGHUP if !std::io::stdin().is_terminal() => interrupts.ask_for_reload(),
            _ => interrupts.raise(),
        })
    }

    fn on_signals(&self, react: fn(&Interrupts, i32)) -> Result<(), Failure> {
        let failed = |error| Failure::new(format!("signals cannot be handled: {error}"));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
        let interrupts = self.interrupts.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || signals.forever().for_each(|signal| react(&interrupts, signal)))
            .map_err(failed)?;
        Ok(())
    }
}
