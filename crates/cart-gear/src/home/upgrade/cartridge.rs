//! A newer version of its cartridge on a gear, in the node's order (node-contract.md, Lifecycle,
//! upgrade). Each step may be run again.

mod checks;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self};
use cart_core::{glob, tree};

use crate::environment::endpoint::Endpoints;
use crate::gear::on_disk::GearOnDisk;
use crate::home::gears::GearHome;
use crate::home::record::Record;
use crate::home::upgrade::added_endpoints;
use crate::home::upgrade::overlay::overlay;
use crate::layout::error::GearError;
use crate::layout::installed::{Installed, Source, no_ident};
use crate::layout::managed;
use crate::layout::state::State;
use crate::scripts::answer;
use crate::scripts::progress::Progress;

/// What is done when the gear has the version already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameVersion {
    /// Nothing, unless an upgrade to it was not brought to its end.
    Leave,
    /// It is put on the gear again.
    Refresh,
}

/// What came of an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgraded {
    /// The gear had the version already.
    Already {
        /// The version.
        version: String,
    },
    /// From one version to another; what ran was not touched.
    Compatible {
        /// The old version.
        from: String,
        /// The new one.
        to: String,
    },
    /// From one version to another, through a stop.
    Incompatible {
        /// The old version.
        from: String,
        /// The new one.
        to: String,
        /// Whether the gear runs again: it ran before.
        runs: bool,
    },
}

/// How long an app that was started again may take to answer before its cartridge is asked.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Puts the cartridge in the directory `cartridge`, a newer version of the gear's own, on `gear`,
/// which is one of `gears`.
///
/// # Errors
/// [`GearError`]. Where it says that nothing was changed, so it is; else the same call may be
/// made again.
pub fn upgrade(
    gears: &GearHome,
    gear: &mut GearOnDisk,
    cartridge: &Utf8Path,
    same: SameVersion,
    progress: &mut dyn Progress,
) -> Result<Upgraded, GearError> {
    gear.recover(progress)?;
    let (source, installed) = checks::checked(gear, cartridge)?;
    let upgrade = Upgrade {
        from: cartridge_version(&installed)?,
        to: source.manifest.cartridge_version.clone(),
        software: installed.version.clone(),
        directory: installed.directory.clone(),
        source,
    };
    let unfinished = preupgrade_state(gear).exists();
    if upgrade.from == upgrade.to && same == SameVersion::Leave && !unfinished {
        return Ok(Upgraded::Already { version: upgrade.to });
    }
    let runs = if upgrade.from == upgrade.to && same == SameVersion::Leave {
        // All of it is there, only the start or the answer was missing.
        gear.finish_upgrade(progress)?
    } else if upgrade.is_compatible() && !unfinished {
        upgrade.compatible(gear, progress)?;
        upgrade.note(gear, None)?;
        return Ok(Upgraded::Compatible { from: upgrade.from, to: upgrade.to });
    } else {
        let added = added_endpoints::choose(gears, gear, &upgrade.source.manifest)?;
        upgrade.incompatible(gear, &added, progress)?;
        upgrade.note(gear, Some(&added))?;
        gear.finish_upgrade(progress)?
    };
    Ok(Upgraded::Incompatible { from: upgrade.from, to: upgrade.to, runs })
}

/// The version that was put on the gear last: the manifest may be of one that was not brought to
/// its end.
fn cartridge_version(installed: &Installed) -> Result<String, GearError> {
    let path = ident(installed);
    let ident = String::from_utf8_lossy(&files::read(&path)?).trim().to_owned();
    match ident.split(':').nth(3) {
        Some(version) => Ok(version.to_owned()),
        None => Err(no_ident(&path)),
    }
}

fn ident(installed: &Installed) -> Utf8PathBuf {
    installed.directory.join("env").join(installed.manifest.variable("IDENT"))
}

/// As it was before an incompatible upgrade began, until that is done.
fn preupgrade_state(gear: &GearOnDisk) -> Utf8PathBuf {
    gear.layout().runtime().join(".preupgrade_state")
}

struct Upgrade {
    /// Versions of the cartridge.
    from: String,
    to: String,
    /// The version of its software, which stays.
    software: String,
    /// The cartridge on the gear.
    directory: Utf8PathBuf,
    source: Source,
}

impl Upgrade {
    fn is_compatible(&self) -> bool {
        self.source.manifest.compatible_versions.contains(&self.from)
    }

    fn compatible(
        &self,
        gear: &mut GearOnDisk,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        self.lay_over(gear)?;
        for template in self.templates(gear) {
            files::remove_if_exists(&template)?;
        }
        self.run_script(gear, progress)
    }

    fn incompatible(
        &self,
        gear: &mut GearOnDisk,
        added: &Endpoints,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        self.bring_down(gear, progress)?;
        self.remove_rewritten(gear)?;
        self.lay_over(gear)?;
        self.run_script(gear, progress)?;
        let installed = Installed::open(&self.directory)?;
        if installed.script("setup").symlink_metadata().is_ok() {
            gear.render(&installed, &["env/*.erb".to_owned()], progress)?;
        }
        gear.setup_script("setup", &["--version", &self.software], progress)?;
        gear.render(&installed, &installed.managed.processed_templates, progress)?;
        gear.add_endpoints(added)?;
        Ok(())
    }

    /// Stops the gear, asks nobody twice, and remembers what it was.
    fn bring_down(&self, gear: &GearOnDisk, progress: &mut dyn Progress) -> Result<(), GearError> {
        let remembered = preupgrade_state(gear);
        if !remembered.exists() {
            files::write_atomic(&remembered, format!("{}\n", gear.state()).as_bytes(), 0o640)?;
        }
        State::Stopped.write(gear.layout())?;
        if let Err(error) = gear.control("stop", progress) {
            progress.notice(&format!("It did not stop by itself: {}", error.summary()));
        }
        GearError::unless_gone(&gear.processes().end_all(Duration::ZERO), "the gear")
    }

    /// What `setup` is to write anew, as the version on the gear lists it.
    fn remove_rewritten(&self, gear: &GearOnDisk) -> Result<(), GearError> {
        let installed = Installed::open(&self.directory)?;
        for entry in &installed.managed.setup_rewritten {
            let Some(path) = managed::place(gear.layout(), &self.directory, entry) else {
                continue;
            };
            let found = match entry.contains('*') {
                true => glob::entries(Utf8Path::new(""), path.as_str()),
                false => vec![Utf8PathBuf::from(path.as_str().trim_end_matches('/'))],
            };
            found
                .iter()
                .filter(|path| !is_nodes_own(path, &installed))
                .try_for_each(|p| tree::remove(p))?;
        }
        Ok(())
    }

    fn lay_over(&self, gear: &mut GearOnDisk) -> Result<(), GearError> {
        overlay(&self.source.directory, &self.directory)?;
        let installed = Installed::open(&self.directory)?;
        managed::make_locked_files(gear.layout(), &self.directory, &installed.managed)?;
        managed::link_dependencies(gear.layout(), &self.directory, &installed.managed)?;
        gear.primary = Some(installed);
        Ok(())
    }

    fn templates(&self, gear: &GearOnDisk) -> Vec<Utf8PathBuf> {
        let entries = self.source.managed.processed_templates.iter().map(String::as_str);
        entries
            .chain(["env/*.erb"])
            .flat_map(|entry| managed::expand(gear.layout(), &self.directory, entry))
            .collect()
    }

    fn run_script(&self, gear: &GearOnDisk, progress: &mut dyn Progress) -> Result<(), GearError> {
        gear.setup_script("upgrade", &[&self.software, &self.from, &self.to], progress)?;
        Ok(())
    }

    /// Notes what the gear has now; before that, the upgrade begins anew each time.
    fn note(&self, gear: &GearOnDisk, added: Option<&Endpoints>) -> Result<(), GearError> {
        let installed = Installed::open(&self.directory)?;
        let home = gear.layout().home();
        if let Some(mut record) = Record::read(home)? {
            record.cartridge.clone_from(&self.source.directory);
            record.addresses.extend(added.iter().flat_map(|e| e.bound.iter().map(|b| b.address)));
            record.addresses.sort_unstable();
            record.addresses.dedup();
            record.write(home)?;
        }
        // What was written did not wait for the disk, file by file.
        files::sync_all(home)?;
        let value = self.source.manifest.ident(&self.software);
        Ok(files::write_atomic(&ident(&installed), value.as_bytes(), 0o644)?)
    }
}

/// The node keeps four files of a cartridge out of all lists (node-contract.md, managed_files.yml).
fn is_nodes_own(path: &Utf8Path, installed: &Installed) -> bool {
    let env = |suffix| format!("env/{}", installed.manifest.variable(suffix));
    let own = ["metadata/manifest.yml".to_owned(), "metadata/managed_files.yml".to_owned()];
    own.into_iter().chain([env("IDENT"), env("DIR")]).any(|f| installed.directory.join(f) == path)
}

impl GearOnDisk {
    /// Starts the gear if it ran before the upgrade, and asks its cartridge how it is. Answers
    /// whether it runs.
    fn finish_upgrade(&self, progress: &mut dyn Progress) -> Result<bool, GearError> {
        let remembered = preupgrade_state(self);
        let before = files::read_if_exists(&remembered)?.unwrap_or_default();
        let before = String::from_utf8_lossy(&before).trim().to_owned();
        let runs = [State::Started, State::Building, State::Deploying]
            .iter()
            .any(|state| state.to_string() == before)
            && !self.layout().stop_lock().exists();
        if runs {
            self.resume(progress)?;
            self.ask(progress)?;
        } else {
            State::named(&before).write(self.layout())?;
        }
        files::remove_if_exists(&remembered)?;
        Ok(runs)
    }

    fn ask(&self, progress: &mut dyn Progress) -> Result<(), GearError> {
        if let Some(address) = self.visit() {
            // Its cartridge has the last word, and it is asked next.
            let _ = answer::wait_for(address, FIRST_ANSWER, &self.runner.interrupts);
        }
        let said = self.health(progress)?.said;
        let text: Vec<&str> = said.lines.iter().map(|line| line.text.as_str()).collect();
        let text = text.join("\n");
        let lower = text.to_lowercase();
        if lower.contains("running") || lower.contains("enabled") {
            return Ok(());
        }
        Err(GearError::failed(format!(
            "the upgrade is done, but `control status` says neither \"running\" nor \"enabled\":\n{text}"
        )))
    }
}
