//! `control tidy`: gives back space without taking anything from what runs.

use camino::Utf8Path;
use cart_core::cartridge::Context;
use cart_core::files::FileError;

use crate::error::Error;
use crate::messages;

/// Empties the logs. They are emptied in place: a server that has one open goes on writing at its
/// new end, which the original cartridge, removing the files, did not manage.
pub(crate) fn tidy(ctx: &mut Context<'_>) -> Result<(), Error> {
    let mut freed = 0;
    let logs = ctx.dir.logs();
    let entries = logs.read_dir_utf8().map_err(|e| FileError::new("list", &logs, e))?;
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            freed += empty(entry.path())?;
        }
    }
    ctx.result(&messages::tidied(freed));
    Ok(())
}

fn empty(log: &Utf8Path) -> Result<u64, FileError> {
    let failed = |e| FileError::new("empty", log, e);
    let file = std::fs::File::options().write(true).open(log).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    file.set_len(0).map_err(failed)?;
    Ok(size)
}
