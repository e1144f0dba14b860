//! A snapshot of a gear, in the node's order: stop, `pre-snapshot`, the archive, `post-snapshot`,
//! start (node-contract.md, Snapshot, restore).

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use cart_core::files::FileError;

use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::installed::Installed;
use crate::layout::state::State;
use crate::scripts::progress::{Caller, OnlyErrors, Progress};
use crate::snapshot::archive;
use crate::snapshot::exclusions::Exclusions;

impl GearOnDisk {
    /// Writes a snapshot of the gear to `out` as `.tar.gz`. The gear is stopped meanwhile, as on a
    /// node, and runs again afterwards if it ran before, whatever failed; after a kill, with the next
    /// command on it. It gets no stop lock.
    ///
    /// # Errors
    /// [`GearError`]; what was written is of no use then.
    pub fn snapshot(
        &mut self,
        out: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        self.recover(progress)?;
        let mut unfinished = Unfinished::of(&self.layout);
        let ran = unfinished.state == State::Started && !self.layout.stop_lock().exists();
        self.begin_pause_if_room(&mut unfinished, progress)?;
        let outcome = self.snapshot_of_stopped(ran, out, progress);
        self.end_of(progress);
        outcome
    }

    fn snapshot_of_stopped(
        &self,
        ran: bool,
        out: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        let outcome = self.quiesce(ran, progress).and_then(|()| self.pack(out, progress));
        if !ran {
            return outcome;
        }
        let again = self.resume(progress);
        match (outcome, again) {
            (Ok(()), Ok(())) => Ok(()),
            (Ok(()), Err(error)) => Err(error.saying(format!(
                "the snapshot was made, and then the gear did not start again: {error}"
            ))),
            (Err(error), Ok(())) => Err(error),
            (Err(error), Err(start)) => {
                progress.notice(&format!("It could not be started again: {}", start.summary()));
                Err(error)
            }
        }
    }

    /// As [`snapshot`](Self::snapshot), into the file `path`: written beside it and renamed, so
    /// that `path` is a whole snapshot or what it was. Only its owner may read it.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot), and when the file cannot be made.
    pub fn snapshot_to(
        &mut self,
        path: &Utf8Path,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        let failed = |source| FileError::new("write", path, source);
        let directory = match path.parent() {
            Some(parent) if !parent.as_str().is_empty() => parent,
            _ => Utf8Path::new("."),
        };
        let real = directory.canonicalize_utf8().map_err(failed)?;
        if real.starts_with(self.layout().home()) {
            return Err(GearError::failed(format!(
                "{path} is in the gear itself: choose a place outside of it"
            )));
        }
        if path.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()).into());
        }
        let mut file = tempfile::Builder::new()
            .prefix(&format!(".{}.", path.file_name().unwrap_or("snapshot")))
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(&real)
            .map_err(failed)?;
        self.snapshot(file.as_file_mut(), progress)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|e| failed(e.error))?;
        Ok(())
    }

    /// Stops the gear for a while, without the mark that its user stopped it.
    pub(crate) fn quiesce(&self, ran: bool, progress: &mut dyn Progress) -> Result<(), GearError> {
        if ran {
            State::Stopped.write(self.layout())?;
        }
        self.control("stop", progress).map(|_| ())
    }

    /// Starts a gear again that was stopped for a while, or that a boot is to start. A stop lock
    /// stays what it is.
    pub(crate) fn resume(&self, progress: &mut dyn Progress) -> Result<(), GearError> {
        State::Started.write(self.layout())?;
        self.control("start", progress).map(|_| ())
    }

    fn pack(&self, out: &mut dyn Write, progress: &mut dyn Progress) -> Result<(), GearError> {
        self.control_alone("pre-snapshot", &mut OnlyErrors(progress))?;
        progress.step("writing the archive", Caller::Control);
        let written = self.write_archive(out, progress);
        // What pre-snapshot laid out is cleaned up, whatever became of the archive.
        let cleaned = self.control_alone("post-snapshot", &mut OnlyErrors(progress));
        written?;
        cleaned?;
        Ok(())
    }

    fn write_archive(
        &self,
        out: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        let layout = self.layout();
        let of = |c: &Installed| Exclusions::of(layout, &c.directory, &c.managed);
        let (exclusions, remarks) = self.cartridge().map(of).unwrap_or_default();
        remarks.iter().for_each(|remark| progress.notice(remark));
        let interrupts = &self.runner.interrupts;
        let remarks = archive::write(out, layout.home(), layout.uuid(), &exclusions, interrupts)?;
        remarks.iter().for_each(|remark| progress.notice(remark));
        Ok(())
    }
}
