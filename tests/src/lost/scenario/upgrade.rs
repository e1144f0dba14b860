//! A newer cartridge under a running app.

use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;

use super::done;
use crate::lost::Stage;
use crate::processes::supervisor;

/// The cartridge's programs are new files, and the next hook brings the supervisor of them.
pub(super) fn upgrade(stage: &Stage) -> Result<(), String> {
    let cartridge = stage.gear.cartridge();
    let (usr, next) = (cartridge.join("usr"), cartridge.join("usr.next"));
    std::fs::create_dir(&next).unwrap();
    for entry in usr.read_dir_utf8().unwrap().flatten() {
        let target = entry.path().canonicalize_utf8().unwrap();
        let place = next.join(entry.file_name());
        if entry.file_name() != "bin" {
            std::os::unix::fs::symlink(target, place).unwrap();
            continue;
        }
        std::fs::create_dir(&place).unwrap();
        for program in target.read_dir_utf8().unwrap().flatten() {
            std::fs::copy(program.path(), place.join(program.file_name())).unwrap();
        }
    }
    std::fs::rename(&usr, cartridge.join(format!("usr.{}", inode(&usr)))).unwrap();
    std::fs::rename(&next, &usr).unwrap();
    let before = supervisor(&stage.gear);
    done(&stage.gear.control("start"))?;
    let after = supervisor(&stage.gear);
    let runs = inode(format!("/proc/{}/exe", after.pid).as_str().into());
    match (before == after, runs == inode(&usr.join("bin/advanced-python"))) {
        (true, true) => Ok(()),
        (false, _) => Err("the supervisor is another process".to_owned()),
        (_, false) => Err("the supervisor runs from the old file".to_owned()),
    }
}

fn inode(path: &Utf8Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}
