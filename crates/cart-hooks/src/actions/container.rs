//! `control container`: what somebody who writes manifests for containers must know of this app, asked before
//! anything of it is built: an object of JSON in one line.

use cart_core::cartridge::Context;
use cart_nginx::health;
use cart_python::procfile;
use serde::Serialize;

use crate::error::Error;
use crate::running::supervisor::STOP_LIMIT;
use crate::start::ready;
use crate::start::wanted::{APPSERVER_GRACE, FILES_LIMIT, METRICS_LIMIT, NGINX_GRACE};

/// The object. Names and units stay; others may be added.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Facts {
    /// The path that answers 200 as long as nginx does.
    live: &'static str,
    /// The path that answers 200 while everything serves, else 503.
    ready: &'static str,
    /// The path of the figures for Prometheus, if they are told.
    metrics: Option<String>,
    /// Seconds that the app's servers may take to their first answers, one after the other.
    start_seconds: u64,
    /// Seconds that an end may take after it was asked for: what is left then is killed.
    end_seconds: u64,
    /// The command of the Procfile's `release:` line.
    release: Option<String>,
    /// Directories whose content must outlive a container, from the gear's home.
    kept: Vec<String>,
}

/// Tells it.
///
/// # Errors
/// As those of a start, for variables that are wrong.
pub(crate) fn container(ctx: &mut Context<'_>) -> Result<(), Error> {
    let facts = facts(ctx)?;
    ctx.result(&serde_json::to_string(&facts).unwrap_or_default());
    Ok(())
}

fn facts(ctx: &Context<'_>) -> Result<Facts, Error> {
    let app = ready::app(ctx)?;
    let site = ready::site_of(ctx, &app.settings)?;
    let second = app.for_websockets();
    let servers = || std::iter::once(&app).chain(&second).map(|app| &app.settings);
    let is_beside = app.background()?.processes().next().is_some();
    // The servers ten seconds after nginx, if that has not ended by itself; then what is beside them.
    let drain = app.settings.drain_timeout.as_secs() + APPSERVER_GRACE;
    let end = site.settings.shutdown_timeout
        + NGINX_GRACE
        + servers().map(|it| it.drain_timeout.as_secs() + APPSERVER_GRACE).sum::<u64>()
        + if is_beside { drain } else { FILES_LIMIT }
        + if site.settings.metrics_path.is_some() { METRICS_LIMIT } else { 0 };
    let release = procfile::process_named(&ctx.gear.repo, "release")?;
    let data = ctx.gear.data.strip_prefix(&ctx.gear.home).unwrap_or(&ctx.gear.data);
    Ok(Facts {
        live: health::LIVE,
        ready: health::READY,
        metrics: site.settings.metrics_path,
        start_seconds: servers().map(|it| it.start_timeout.as_secs()).sum(),
        end_seconds: end.min(STOP_LIMIT.as_secs()),
        release: release.map(|line| line.command),
        kept: vec![data.to_string()],
    })
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use cart_core::{CartridgeDir, Gear, GearEnv, files};

    use super::*;

    fn told(variables: &[(&str, &str)], procfile: &str) -> Result<String, Error> {
        let keep = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(keep.path()).unwrap();
        let dir = CartridgeDir::new(home.join("advanced-python"));
        std::fs::create_dir_all(home.join("app-root/runtime/repo")).unwrap();
        files::write_atomic(
            &home.join("app-root/runtime/repo/Procfile"),
            procfile.as_bytes(),
            0o644,
        )
        .unwrap();
        let env = GearEnv::new()
            .with("OPENSHIFT_HOMEDIR", format!("{home}/"))
            .with("OPENSHIFT_ADVANCED_PYTHON_IP", "127.3.4.5")
            .with("OPENSHIFT_ADVANCED_PYTHON_PORT", "8080");
        let env = variables.iter().fold(env, |env, (name, value)| env.with(name, *value));
        let gear = Gear::from_env(&env).unwrap();
        let mut said = Vec::new();
        container(&mut Context::new(&env, &gear, &dir, &mut said))?;
        Ok(String::from_utf8(said).unwrap())
    }

    #[test]
    fn an_app_that_says_nothing_has_what_is_usual() {
        insta::assert_snapshot!(told(&[], "").unwrap(), @r#"CLIENT_RESULT: {"live":"/.well-known/cartridge/live","ready":"/.well-known/cartridge/ready","metrics":null,"start_seconds":60,"end_seconds":89,"release":null,"kept":["app-root/data"]}"#);
    }

    #[test]
    fn variables_and_the_procfile_count() {
        let variables = [
            ("OPENSHIFT_NGINX_METRICS_PATH", "/figures"),
            ("OPENSHIFT_NGINX_SHUTDOWN_TIMEOUT", "7"),
            ("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "9"),
            ("OPENSHIFT_PYTHON_START_TIMEOUT", "11"),
            ("OPENSHIFT_PYTHON_WEBSOCKET_SERVER", "uvicorn"),
            ("OPENSHIFT_PYTHON_WEBSOCKET_PATH", "/ws"),
            ("OPENSHIFT_DATA_DIR", "/elsewhere/data"),
        ];
        let procfile = "release: ./migrate --now\nworker: ./work\n";
        insta::assert_snapshot!(told(&variables, procfile).unwrap(), @r#"CLIENT_RESULT: {"live":"/.well-known/cartridge/live","ready":"/.well-known/cartridge/ready","metrics":"/figures","start_seconds":22,"end_seconds":55,"release":"./migrate --now","kept":["/elsewhere/data"]}"#);
        // nginx cuts nobody to whom the app is still to answer.
        let drained = told(&[("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", "40")], "").unwrap();
        assert!(drained.contains("\"end_seconds\":109,"), "{drained}");
        // No longer than a stop takes at most.
        let patient = told(&[("OPENSHIFT_NGINX_SHUTDOWN_TIMEOUT", "3600")], "").unwrap();
        assert!(patient.contains("\"end_seconds\":180,"), "{patient}");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for name in ["OPENSHIFT_PYTHON_START_TIMEOUT", "OPENSHIFT_NGINX_SHUTDOWN_TIMEOUT"] {
            let error = told(&[(name, "soon")], "").unwrap_err();
            assert_eq!(error.exit_code(), cart_core::exit_code::CONFIGURATION);
            assert!(crate::messages::explain(&error).contains(name), "{error}");
        }
    }
}
