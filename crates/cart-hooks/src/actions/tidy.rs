//! `control tidy`: gives back space without taking anything from what runs.

use camino::Utf8Path;
use cart_core::cartridge::Context;
use cart_core::files::{self, FileError};

use crate::error::Error;
use crate::messages;
use crate::running::logs;

/// Empties the logs and removes those that were moved on (`appserver.log.1`). Those that are
/// written are emptied in place: who has one open goes on writing at its new end, which the
/// original cartridge, removing the files, did not manage.
pub(crate) fn tidy(ctx: &mut Context<'_>) -> Result<(), Error> {
    let mut freed = 0;
    let logs = ctx.dir.logs();
    let entries = logs.read_dir_utf8().map_err(|e| FileError::new("list", &logs, e))?;
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            freed += if was_moved_on(entry.file_name()) {
                remove(entry.path())?
            } else {
                empty(entry.path())?
            };
        }
    }
    let elsewhere = logs::logshifter_logs(ctx).read_dir_utf8();
    for entry in elsewhere.into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && logs::is_logshifter_log(entry.file_name()) {
            freed += empty(entry.path())?;
        } else if is_file && was_moved_on_by_logshifter(entry.file_name()) {
            freed += remove(entry.path())?;
        }
    }
    ctx.result(&messages::tidied(freed));
    Ok(())
}

/// `x.log.1`, `x.log.2` and so on.
fn was_moved_on(name: &str) -> bool {
    name.rsplit_once(".log.").is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

/// `x.log-20261126103000` beside `x.log`: logshifter's names (its `rm_roller.go`).
fn was_moved_on_by_logshifter(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(log, date)| {
        let is_date = !date.is_empty() && date.bytes().all(|b| b.is_ascii_digit());
        is_date && logs::is_logshifter_log(log)
    })
}

/// The writer may move it on at this very moment: then it goes the next time.
fn remove(log: &Utf8Path) -> Result<u64, FileError> {
    let size = std::fs::metadata(log).map_or(0, |metadata| metadata.len());
    files::remove_if_exists(log).map(|()| size)
}

fn empty(log: &Utf8Path) -> Result<u64, FileError> {
    let failed = |e| FileError::new("empty", log, e);
    let file = std::fs::File::options().write(true).open(log).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    file.set_len(0).map_err(failed)?;
    Ok(size)
}
