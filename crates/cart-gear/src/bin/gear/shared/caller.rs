//! What the caller's machine and environment give to a gear: little, and each with its reason.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{GearEnv, LogFormat, SettingError};
use cart_gear::{
    App, Conditions, Elsewhere, GearOptions, Interrupts, Listen, Prepared, ServeOptions, app_name,
};

use crate::args::{
    AppArguments, CartridgeArguments, CreateArguments, ManifestArguments, ServeArguments,
};
use crate::shared::beside;

/// Without these an install cannot reach a package index from here: proxies, pip's own settings,
/// certificates of an authority that only this machine knows.
const FOR_INSTALLS: [&str; 14] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "UV_CACHE_DIR",
];

/// Variables that people set for a cartridge are the same ones whether they are set on the gear or
/// in front of the command: those that begin so, and the one for logs.
const FOR_CARTRIDGES: [&str; 3] = ["OPENSHIFT_PYTHON_", "OPENSHIFT_NGINX_", "OPENSHIFT_PYPI_"];

/// That of a container, if this is it: a machine's own runs no gears.
const FIRST_PROCESS: u32 = 1;
/// What platforms set beside PORT where another process may be the first: Heroku, Knative and Cloud Run, and
/// Kubernetes, whose pods may share one namespace of processes.
const PLATFORMS: [&str; 3] = ["DYNO", "K_SERVICE", "KUBERNETES_SERVICE_HOST"];

/// Where gears are made if the caller's own directory for temporary files has too long a path for
/// sockets below it.
const SHORT_TMP: &str = "/tmp";
const LONGEST_TMP: usize = 32;

/// The one variable of a gear that its maker may bring along: pods that share it share what it signs.
const SECRET_TOKEN: &str = "OPENSHIFT_SECRET_TOKEN";

/// What a process has of its own, in whatever environment it runs.
const ONLY_OF_THE_CALLER: [&str; 10] =
    ["HOME", "PATH", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_", "USER", "LOGNAME", "SHELL"];

/// All that `gear serve` is asked for.
pub(crate) fn serve_options(
    arguments: &ServeArguments,
    env: &GearEnv,
    interrupts: Interrupts,
) -> Result<ServeOptions, String> {
    let cartridge = &arguments.cartridge;
    let mut options = match &arguments.prepared {
        None => {
            let directory = arguments.app_dir.clone().unwrap_or_default();
            of_directory(&directory, cartridge, env, interrupts)?
        }
        Some(directory) => of_prepared(directory, cartridge, env, interrupts)?,
    };
    let listen = match arguments.listen {
        Some(listen) => Some(listen),
        None => by_port(env, std::process::id())?,
    };
    options.gear.listen = listen.map_or(Listen::Anywhere, Listen::At);
    options.data.clone_from(&arguments.data);
    options.linger = Duration::from_secs(arguments.linger.into());
    Ok(options)
}

/// Where the variable PORT says to listen. Who sets it for us wants the app to be reached from outside; on a
/// developer's machine it is of something else, and must open the app to nobody.
fn by_port(env: &GearEnv, pid: u32) -> Result<Option<SocketAddr>, String> {
    let is_set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    if pid != FIRST_PROCESS && !PLATFORMS.iter().any(|name| is_set(name)) {
        return Ok(None);
    }
    let Some(value) = env.get("PORT").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let port = value.to_str().and_then(|text| text.parse().ok()).filter(|port| *port > 0);
    let port: u16 = port.ok_or_else(|| {
        format!(
            "PORT is {value:?}, but must be a port number, 1 to 65535: correct the variable, or say \
             --listen IP:PORT"
        )
    })?;
    Ok(Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
}

/// What is to become of the app in a directory.
pub(crate) fn app_options(
    arguments: &AppArguments,
    env: &GearEnv,
    interrupts: Interrupts,
) -> Result<ServeOptions, String> {
    of_directory(&arguments.app_dir, &arguments.cartridge, env, interrupts)
}

fn of_directory(
    directory: &Utf8Path,
    cartridge: &CartridgeArguments,
    env: &GearEnv,
    interrupts: Interrupts,
) -> Result<ServeOptions, String> {
    let app = App {
        directory: Some(directory.to_owned()),
        version: cartridge.cartridge_version.clone(),
        variables: user_variables(cartridge, env),
        ..App::default()
    };
    let gear = gear_options(&app_name(directory), cartridge, None, env, interrupts)?;
    Ok(options(app, gear, env))
}

/// What was set when an app was prepared is set still, unless it is set otherwise now. Whoever made the
/// environment of this process made it for the app, so all of it is the app's; it is written nowhere.
fn of_prepared(
    directory: &Utf8Path,
    cartridge: &CartridgeArguments,
    env: &GearEnv,
    interrupts: Interrupts,
) -> Result<ServeOptions, String> {
    let prepared = Prepared::read(directory).map_err(|error| error.to_string())?;
    let now = user_variables(cartridge, env);
    let mut gear = gear_options(&prepared.name, cartridge, None, env, interrupts)?;
    gear.conditions.node = all_variables(env, &now);
    // The new gear's own would replace that of the environment, but not a user's.
    let token = env.get(SECRET_TOKEN).and_then(OsStr::to_str).filter(|token| !token.is_empty());
    let token = token.map(|token| (SECRET_TOKEN.to_owned(), token.to_owned()));
    let app = App {
        is_built: true,
        version: Some(cartridge.cartridge_version.clone().unwrap_or(prepared.version)),
        variables: prepared.variables.into_iter().chain(token).chain(now).collect(),
        ..App::default()
    };
    Ok(ServeOptions { prepared: Some(directory.to_owned()), ..options(app, gear, env) })
}

fn options(app: App, gear: GearOptions, env: &GearEnv) -> ServeOptions {
    let parent = parent(env);
    ServeOptions { app, parent, gear, prepared: None, data: None, linger: Duration::ZERO }
}

/// What the environment of this process has for an app that has `set`, where all of it was made for the app.
pub(crate) fn all_variables(env: &GearEnv, set: &[(String, String)]) -> GearEnv {
    let given = env.iter().filter(|(name, _)| {
        let is_set = set.iter().any(|(set, _)| *name == set.as_str());
        !is_set && !ONLY_OF_THE_CALLER.iter().any(|own| *name == *own)
    });
    given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The gear on which `gear manifest` asks the cartridge. What the caller's environment says of the app is
/// this machine's business, and no cluster's.
pub(crate) fn manifest_options(
    arguments: &ManifestArguments,
    env: &GearEnv,
    interrupts: Interrupts,
) -> Result<ServeOptions, String> {
    let mut options = app_options(&arguments.app, env, interrupts)?;
    options.app.variables = given(&arguments.app.cartridge).collect();
    Ok(options)
}

/// The gear and the app that `gear create` is asked for.
pub(crate) fn create_options(
    arguments: &CreateArguments,
    env: &GearEnv,
    interrupts: Interrupts,
) -> Result<(GearOptions, App), String> {
    let app = App {
        directory: arguments.from.clone(),
        elsewhere: arguments.git.as_ref().map(|url| elsewhere(url, env)),
        is_built: false,
        version: arguments.cartridge.cartridge_version.clone(),
        variables: user_variables(&arguments.cartridge, env),
    };
    let name = &arguments.gear.name;
    let mut gear = gear_options(name, &arguments.cartridge, arguments.listen, env, interrupts)?;
    gear.keep_deployments = arguments.keep_deployments;
    gear.program = Some(this_program()?);
    Ok((gear, app))
}

/// `URL`, or `URL#BRANCH`, as OpenShift's own client takes it.
fn elsewhere(text: &str, env: &GearEnv) -> Elsewhere {
    let (url, what) = match text.rsplit_once('#') {
        Some((url, what)) if !what.is_empty() => (url, Some(what.to_owned())),
        _ => (text, None),
    };
    Elsewhere { url: url.to_owned(), what, caller: env.clone() }
}

/// What the hooks of a gear's repository call.
pub(crate) fn this_program() -> Result<Utf8PathBuf, String> {
    let path = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
    Utf8PathBuf::from_path_buf(path)
        .map_err(|path| format!("the path of this program is not UTF-8: {}", path.display()))
}

/// What the caller brings along to a gear that has `user` as its user's variables.
pub(crate) fn conditions(
    env: &GearEnv,
    user: &[(String, String)],
    interrupts: Interrupts,
) -> Conditions {
    Conditions { node: for_installs(env, user), interrupts, ..Conditions::default() }
}

fn gear_options(
    name: &str,
    arguments: &CartridgeArguments,
    listen: Option<SocketAddr>,
    env: &GearEnv,
    interrupts: Interrupts,
) -> Result<GearOptions, String> {
    let cartridge = match &arguments.cartridge {
        Some(directory) => directory.clone(),
        None => beside::this_program()?,
    };
    let mut gear = GearOptions::new(cartridge, name);
    gear.listen = listen.map_or(Listen::Anywhere, Listen::At);
    gear.more_path = more_path(env);
    gear.conditions = conditions(env, &user_variables(arguments, env), interrupts);
    Ok(gear)
}

/// Later ones win: the caller's environment, `--env-file`, `--server`, `--env`.
pub(crate) fn user_variables(
    arguments: &CartridgeArguments,
    env: &GearEnv,
) -> Vec<(String, String)> {
    let text = |(name, value): (&OsStr, &OsStr)| {
        Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
    };
    let for_cartridges = |name: &str| {
        name == LogFormat::SETTING.name || FOR_CARTRIDGES.iter().any(|p| name.starts_with(p))
    };
    let from_caller = env
        .iter()
        .filter_map(text)
        .filter(|(name, value)| for_cartridges(name) && !value.is_empty());
    from_caller.chain(given(arguments)).collect()
}

/// What the command line says: files of variables, `--server`, then `--env`.
fn given(arguments: &CartridgeArguments) -> impl Iterator<Item = (String, String)> {
    let server = arguments
        .server
        .iter()
        .map(|server| ("OPENSHIFT_PYTHON_SERVER".to_owned(), server.clone()));
    let files = arguments.env_files.iter().flat_map(|file| file.0.iter().cloned());
    files.chain(server).chain(arguments.env.iter().cloned())
}

/// How the logs of a gear with these variables are to be shown; of two of a name the later one counts.
pub(crate) fn log_format(user: &[(String, String)]) -> Result<LogFormat, SettingError> {
    LogFormat::read(&user.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect())
}

/// A user's variable would not replace one that the machine gives, so those of the same name go.
pub(crate) fn for_installs(env: &GearEnv, user: &[(String, String)]) -> GearEnv {
    let wanted = |name: &str| {
        FOR_INSTALLS.contains(&name) || name.starts_with("PIP_") || name.ends_with("_CERT")
    };
    env.iter()
        .filter(|(name, _)| name.to_str().is_some_and(wanted))
        .filter(|(name, _)| !user.iter().any(|(set, _)| *name == set.as_str()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The caller's PATH, so that the Python that the person uses is found; directories that depend on
/// where the caller stands are left out.
pub(crate) fn more_path(env: &GearEnv) -> Option<OsString> {
    let mut directories: Vec<_> = std::env::split_paths(env.get("PATH")?).collect();
    // The gear remembers it as text.
    directories.retain(|directory| directory.is_absolute() && directory.to_str().is_some());
    std::env::join_paths(directories).ok().filter(|path| !path.is_empty())
}

fn parent(env: &GearEnv) -> Utf8PathBuf {
    match env.directory("TMPDIR") {
        Ok(directory) if directory.as_str().len() <= LONGEST_TMP && directory.is_dir() => directory,
        _ => SHORT_TMP.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(env: &[(&str, &str)], server: Option<&str>) -> CartridgeArguments {
        CartridgeArguments {
            server: server.map(str::to_owned),
            env: env.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            env_files: Vec::new(),
            cartridge: Some("/c".into()),
            cartridge_version: None,
        }
    }

    #[test]
    fn options_beat_the_callers_environment_and_the_rest_of_it_stays_out() {
        let env = GearEnv::new()
            .with("OPENSHIFT_PYTHON_SERVER", "gevent")
            .with("OPENSHIFT_PYTHON_WORKERS", "")
            .with("OPENSHIFT_LOG_FORMAT", "json")
            .with("OPENSHIFT_LOG_DIR", "/x")
            .with("AWS_SECRET", "x");
        let found = user_variables(&arguments(&[("A", "1")], Some("gunicorn")), &env);
        let expected = [
            ("OPENSHIFT_PYTHON_SERVER", "gevent"),
            ("OPENSHIFT_LOG_FORMAT", "json"),
            ("OPENSHIFT_PYTHON_SERVER", "gunicorn"),
            ("A", "1"),
        ];
        assert_eq!(found, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(log_format(&found), Ok(LogFormat::Json));
        let twice = [found, vec![("OPENSHIFT_LOG_FORMAT".to_owned(), "text".to_owned())]].concat();
        assert_eq!(log_format(&twice), Ok(LogFormat::Text));
    }

    #[test]
    fn only_what_an_install_needs_is_taken_from_the_machine() {
        let env = GearEnv::new()
            .with("HOME", "/root")
            .with("https_proxy", "p")
            .with("PIP_INDEX_URL", "i")
            .with("NODE_CERT", "c")
            .with("PIP_CERT", "c");
        let user = [("PIP_INDEX_URL".to_owned(), "mine".to_owned())];
        let taken = for_installs(&env, &user);
        let names: Vec<_> = taken.iter().map(|(n, _)| n.to_str().unwrap()).collect();
        assert_eq!(names, ["https_proxy", "NODE_CERT", "PIP_CERT"]);
    }

    #[test]
    fn a_prepared_app_has_the_token_of_its_environment() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let text = r#"{"format":1,"name":"a","directory":"/a","home":"/h","version":"3","variables":[["OPENSHIFT_SECRET_TOKEN","old"]]}"#;
        cart_core::files::write_atomic(&dir.join("prepared.json"), text.as_bytes(), 0o644).unwrap();
        let last = |token: &str, set: &[(&str, &str)]| {
            let env = GearEnv::new().with(SECRET_TOKEN, token);
            let found = of_prepared(dir, &arguments(set, None), &env, Interrupts::default());
            found.unwrap().app.variables.pop().unwrap().1
        };
        assert_eq!([last("", &[]), last("all", &[])], ["old", "all"]);
        assert_eq!(last("all", &[(SECRET_TOKEN, "mine")]), "mine");
    }

    #[test]
    fn relative_directories_leave_the_path() {
        let env = GearEnv::new().with("PATH", "/a:.:b::/c");
        assert_eq!(more_path(&env).unwrap(), "/a:/c");
        assert_eq!(more_path(&GearEnv::new()), None);
    }

    #[test]
    fn a_port_counts_where_a_platform_or_a_container_has_set_it() {
        let env = |port: &str| GearEnv::new().with("PORT", port);
        let at = |port| Some(SocketAddr::from(([0, 0, 0, 0], port)));
        assert_eq!(by_port(&env("8080"), 1), Ok(at(8080)));
        assert_eq!(by_port(&env(""), 1), Ok(None));
        assert_eq!(by_port(&GearEnv::new(), 1), Ok(None));
        for stray in ["8080", "0", "none"] {
            assert_eq!(by_port(&env(stray), 7), Ok(None));
        }
        for platform in PLATFORMS {
            assert_eq!(by_port(&env("65535").with(platform, "web.1"), 7), Ok(at(65535)));
            assert_eq!(by_port(&env("1").with(platform, ""), 7), Ok(None));
        }
        for bad in ["0", "65536", "-1", "http", "80 80"] {
            let error = by_port(&env(bad), 1).unwrap_err();
            assert!(error.starts_with(&format!("PORT is {bad:?}, but must be")), "{error}");
        }
    }

    #[test]
    fn a_long_tmpdir_is_not_used() {
        let long = GearEnv::new().with("TMPDIR", format!("/tmp/{}", "x".repeat(40)));
        assert_eq!(parent(&long), "/tmp");
        assert_eq!(parent(&GearEnv::new().with("TMPDIR", "/")), "/");
    }
}
