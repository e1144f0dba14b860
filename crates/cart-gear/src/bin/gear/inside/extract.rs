//! `gear extract`.

use std::path::Path;

use camino::Utf8Path;

use crate::args::ExtractArguments;
use crate::inside::restore::open;
use crate::shared::context::Context;
use crate::shared::failure::Failure;
use crate::shared::terminal::{answer, remark};

/// Where a node's cron cartridge finds jobs in an app's code.
const CRON: &str = ".openshift/cron";

pub(crate) fn extract(arguments: &ExtractArguments, context: &mut Context) -> Result<(), Failure> {
    context.listen_to_signals()?;
    let mut archive = open(&arguments.file)?;
    let to = &arguments.to;
    let interrupts = context.interrupts.clone();
    let found = cart_gear::extract(&mut archive, to, context.env, &interrupts, context.terminal)?;
    context.terminal.done();
    let (app, data, file) = (to.join("app"), to.join("data"), to.join("variables.env"));
    let variables = match found.variables.as_slice() {
        [] => "no variables of the app's user".to_owned(),
        names => names.join(", "),
    };
    answer(&format!("{app}            {}", found.code));
    answer(&format!("{data}           what the app kept in OPENSHIFT_DATA_DIR"));
    answer(&format!("{file}  {variables}"));
    if found.variables.is_empty() {
        remark(
            "if there were some, `rhc env list`, or `gear env list`, prints them where the gear is",
        );
    }
    if found.cartridges.len() > 1 {
        remark(&format!(
            "of its cartridges ({}) nothing is taken: a database is dumped by its own tools",
            found.cartridges.join(", ")
        ));
    }
    if has_jobs(&app.join(CRON)) {
        remark(&format!("nobody runs the jobs in {app}/{CRON} by themselves any more"));
    }
    let name = to.file_name().unwrap_or("app");
    remark(&format!("try it: gear serve {app} --env-file {file} --data {data}"));
    remark(&format!(
        "make an image of it: gear image {app} --name {name} --tag localhost/{name}:1"
    ));
    remark(&format!(
        "tell a cluster: gear manifest {app} --name {name} --image REF --env-file {file} --data 1Gi"
    ));
    Ok(())
}

/// Whether there is a program in one of its directories.
fn has_jobs(cron: &Utf8Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let entries = |path: &Path| path.read_dir().into_iter().flatten().flatten();
    entries(cron.as_std_path()).flat_map(|frequency| entries(&frequency.path())).any(|entry| {
        entry.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    })
}
