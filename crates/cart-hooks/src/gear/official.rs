//! What apps, hooks and templates that were written for OpenShift's own Python cartridge find: its
//! variables, and its environment by the name that it had there.

use std::os::unix::fs::symlink;

use camino::Utf8PathBuf;
use cart_core::GearEnv;
use cart_core::cartridge::Context;
use cart_core::files::{self, FileError};
use cart_python::Places;
use cart_python::stamp::Stamp;
use semver::Version;

use crate::names::SHORT_NAME;

/// As the other cartridge is called, and its directory in a gear's home.
const NAME: &str = "python";

/// Its variables.
const NAMES: [&str; 5] = [
    "OPENSHIFT_PYTHON_DIR",
    "OPENSHIFT_PYTHON_IP",
    "OPENSHIFT_PYTHON_PORT",
    "OPENSHIFT_PYTHON_VERSION",
    "OPENSHIFT_PYTHON_LOG_DIR",
];

/// Where requests reach the app. Heroku's apps ask for it in order to listen there; here nginx does.
const PORT: &str = "PORT";

/// Its variables with their values here: the same directory, address and logs, with the slash at the
/// end that directories had. Those that somebody else gives to the gear are left out: the other
/// cartridge itself, were it on the gear, the node, or its user. `python` is the version of the app's
/// Python, where the environment does not tell it yet.
pub(crate) fn variables(
    ctx: &Context<'_>,
    python: Option<&Version>,
) -> Vec<(&'static str, String)> {
    let ours = |name: &str| {
        let variable = format!("OPENSHIFT_{}_{name}", SHORT_NAME);
        ctx.env.text(&variable).ok().flatten().map(str::to_owned)
    };
    let stamp = || Stamp::read(&Places::on_gear(ctx.gear, ctx.dir).environment);
    let python = python.cloned().or_else(|| Some(stamp()?.python.version));
    let values = [
        Some(format!("{}/", ctx.dir.path())),
        ours("IP"),
        ours("PORT"),
        python.map(|v| format!("{}.{}", v.major, v.minor)),
        Some(format!("{}/", ctx.dir.logs())),
    ];
    let known = NAMES.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
    known.filter(|(name, _)| !is_given_elsewhere(ctx, name)).collect()
}

/// The gear's environment with [`variables`], and with `PORT` unless somebody set one.
pub(crate) fn completed(ctx: &Context<'_>) -> GearEnv {
    let mut env = ctx.env.clone();
    variables(ctx, None).into_iter().for_each(|(name, value)| env.set(name, value));
    let port = format!("OPENSHIFT_{}_PORT", SHORT_NAME);
    if let (Ok(None), Some(port)) = (env.text(PORT), ctx.env.get(&port)) {
        env.set(PORT, port);
    }
    env
}

/// Gives [`variables`] to sessions and to people's hooks, and takes back what somebody else gives
/// now. A node refuses a cartridge whose `env/` holds a name of `~/.env/` (node-contract.md,
/// Environment).
///
/// # Errors
/// [`FileError`] naming the file.
pub(crate) fn write_variables(
    ctx: &Context<'_>,
    python: Option<&Version>,
) -> Result<(), FileError> {
    for (name, value) in variables(ctx, python) {
        files::write_if_changed(&ctx.dir.env().join(name), value.as_bytes(), 0o644)?;
    }
    let mut others = NAMES.into_iter().filter(|name| is_given_elsewhere(ctx, name));
    others.try_for_each(|name| files::remove_if_exists(&ctx.dir.env().join(name)))
}

/// Whether the node, another cartridge or the user gives this variable to the gear (node-contract.md,
/// Environment).
fn is_given_elsewhere(ctx: &Context<'_>, name: &str) -> bool {
    let home = &ctx.gear.home;
    let node = home.join(".env");
    let own = ctx.dir.env();
    let cartridges = home.read_dir_utf8().into_iter().flatten().flatten();
    let cartridges = cartridges.map(|entry| entry.path().join("env")).filter(|env| *env != own);
    let mut places = [node.join("user_vars"), node].into_iter().chain(cartridges);
    places.any(|place| place.join(name).is_file())
}

/// Makes the environment reachable as `~/python/virtenv`, where nothing else is. On a node that
/// cannot be: the home is not the gear's to write, and a new name in it would be refused
/// (node-contract.md, Gear layout and Lifecycle).
pub(crate) fn link_environment(ctx: &Context<'_>) {
    let place = ctx.gear.home.join(NAME);
    let is_beside = ctx.dir.path().parent() == Some(&ctx.gear.home);
    if let Some(name) = ctx.dir.path().file_name().filter(|_| is_beside)
        && std::fs::create_dir(&place).is_ok()
    {
        let target = Utf8PathBuf::from("..").join(name).join("virtenv");
        // Without it, the same is found by OPENSHIFT_PYTHON_DIR.
        let _ = symlink(target, place.join("virtenv"));
    }
}

#[cfg(test)]
mod tests {
    use cart_core::{CartridgeDir, Gear};

    use super::*;

    /// A gear in a directory of its own, with a `python` cartridge beside if `files` say so.
    fn on_gear<T>(files: &[(&str, &str)], look: impl FnOnce(&Context<'_>) -> T) -> T {
        let keep = tempfile::tempdir().unwrap();
        let home = camino::Utf8Path::from_path(keep.path()).unwrap();
        let dir = CartridgeDir::new(home.join("advanced-python"));
        std::fs::create_dir(dir.path()).unwrap();
        dir.create_all().unwrap();
        for (file, value) in files {
            let path = home.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            files::write_atomic(&path, value.as_bytes(), 0o644).unwrap();
        }
        let env = GearEnv::new()
            .with("OPENSHIFT_HOMEDIR", format!("{home}/"))
            .with("OPENSHIFT_ADVANCED_PYTHON_IP", "127.3.4.5")
            .with("OPENSHIFT_ADVANCED_PYTHON_PORT", "8080");
        let gear = Gear::from_env(&env).unwrap();
        look(&Context::new(&env, &gear, &dir, &mut Vec::new()))
    }

    #[test]
    fn the_official_cartridges_variables_have_their_values_here() {
        on_gear(&[], |ctx| {
            let home = &ctx.gear.home;
            let found = variables(ctx, Some(&Version::new(3, 11, 2)));
            let expected = [
                ("OPENSHIFT_PYTHON_DIR", format!("{home}/advanced-python/")),
                ("OPENSHIFT_PYTHON_IP", "127.3.4.5".to_owned()),
                ("OPENSHIFT_PYTHON_PORT", "8080".to_owned()),
                ("OPENSHIFT_PYTHON_VERSION", "3.11".to_owned()),
                ("OPENSHIFT_PYTHON_LOG_DIR", format!("{home}/advanced-python/logs/")),
            ];
            assert_eq!(found, expected);
            assert_eq!(completed(ctx).get("PORT").unwrap(), "8080");
        });
    }

    #[test]
    fn what_the_node_another_cartridge_or_the_user_gives_is_left_to_them() {
        let files = [
            (".env/OPENSHIFT_PYTHON_IP", "127.9.9.9"),
            ("python/env/OPENSHIFT_PYTHON_DIR", "/elsewhere/"),
            (".env/user_vars/OPENSHIFT_PYTHON_LOG_DIR", "/my/logs/"),
        ];
        on_gear(&files, |ctx| {
            let former = ctx.dir.env().join("OPENSHIFT_PYTHON_DIR");
            files::write_atomic(&former, b"/ours/", 0o644).unwrap();
            let names: Vec<_> = variables(ctx, None).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["OPENSHIFT_PYTHON_PORT"]);
            write_variables(ctx, None).unwrap();
            let written = files::list(&ctx.dir.env()).unwrap();
            assert_eq!(written, [ctx.dir.env().join("OPENSHIFT_PYTHON_PORT")]);
            link_environment(ctx);
            assert!(!ctx.gear.home.join("python/virtenv").exists(), "it is another's directory");
        });
    }

    #[test]
    fn what_was_written_once_is_no_reason_not_to_write_it_again() {
        on_gear(&[], |ctx| {
            for minor in [11, 13] {
                write_variables(ctx, Some(&Version::new(3, minor, 0))).unwrap();
                let version = files::read(&ctx.dir.env().join("OPENSHIFT_PYTHON_VERSION")).unwrap();
                assert_eq!(version, format!("3.{minor}").as_bytes());
            }
        });
    }

    #[test]
    fn the_environment_is_found_by_the_official_path() {
        on_gear(&[("advanced-python/virtenv/bin/activate", "#")], |ctx| {
            link_environment(ctx);
            link_environment(ctx);
            assert!(ctx.gear.home.join("python/virtenv/bin/activate").is_file());
        });
    }
}
