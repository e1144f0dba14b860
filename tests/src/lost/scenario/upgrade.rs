//! A newer cartridge under a running app.

use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv, run};

use super::done;
use crate::lost::{LIMIT, Stage};
use crate::processes::supervisor;

/// The cartridge's programs are new files, and the next hook brings the supervisor of them.
pub(super) fn upgrade(stage: &Stage) -> Result<(), String> {
    let cartridge = stage.gear.cartridge();
    let (usr, next) = (cartridge.join("usr"), cartridge.join("usr.next"));
    let copy = CommandSpec::new("/bin/cp", &GearEnv::new()).arg("-a");
    run::checked(&copy.args([usr.join("."), next.clone()]), LIMIT).unwrap();
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
