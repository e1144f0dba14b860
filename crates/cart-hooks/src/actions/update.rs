//! `control update`: which nginx runs, which one would be used now, and the change from one to the
//! other.

use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use cart_core::cartridge::Context;
use cart_core::process;
use cart_supervisor::Change;

use crate::error::Error;
use crate::messages;
use crate::names::NGINX;
use crate::running::supervisor::supervisor;
use crate::start::front;
use crate::start::outcome::Renew;
use crate::start::ready;
use crate::start::wanted;

/// Takes over another nginx than the one that runs: one of another path, or one that lies in its
/// place since a package was updated. The supervisor holds the port meanwhile.
pub(crate) fn update(ctx: &mut Context<'_>) -> Result<(), Error> {
    let nginx = ready::nginx(ctx)?;
    let wanted = format!("nginx {} ({})", nginx.binary().build.version, nginx.binary().path);
    let Some(client) = supervisor(ctx.dir).find_or_take_over()? else {
        ctx.result(&messages::nginx_when_started(&wanted));
        return Ok(());
    };
    let state = crate::running::state::State::ask(ctx)?;
    let (service, master) = state.process(NGINX, ctx)?;
    let path = process::executable(master.pid);
    let running = match &path {
        Some(path) => format!("{} ({path})", service.label),
        None => service.label.clone(),
    };
    if is_executable_of(master.pid, &nginx.binary().path) {
        ctx.result(&messages::nginx_is_current(&running));
        return Ok(());
    }
    ctx.message(&messages::nginx_is_another(&running, &wanted));
    let site = state.in_front(ready::site(ctx)?);
    let stage = nginx.prepare(&site)?;
    let spec = wanted::nginx(ctx, &nginx, &site);
    let (change, _) = front::put_in_front(ctx, spec, &nginx, stage, Renew::Always, &client)?;
    ctx.result(&match change {
        Change::Unchanged => messages::nginx_holds_its_port(&running),
        Change::Started | Change::Replaced => messages::nginx_was_replaced(&wanted),
    });
    Ok(())
}

/// Whether a process runs the very file that lies at `path` now, whatever links lead to it.
fn is_executable_of(pid: u32, path: &Utf8Path) -> bool {
    let identity = |path: &str| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    let runs = identity(&format!("/proc/{pid}/exe"));
    runs.is_some() && runs == identity(path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_program_is_another_program() {
        let me = std::env::current_exe().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy");
        std::fs::copy(&me, &copy).unwrap();
        let pid = std::process::id();
        assert!(is_executable_of(pid, Utf8Path::from_path(&me).unwrap()));
        assert!(!is_executable_of(pid, Utf8Path::from_path(&copy).unwrap()));
        assert!(!is_executable_of(pid, "/nonexistent".into()));
    }
}
