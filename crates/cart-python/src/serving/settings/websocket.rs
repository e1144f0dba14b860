//! A second server beside the first, with an upstream of its own, for what is below one path of the
//! site: WebSockets, as a rule, of a framework that needs another server than the app.

use cart_core::{GearEnv, Setting, SettingError};

use super::values::{count, server_of};
use crate::serving::server::WsgiServer;
use crate::variables::entry_point::EntryPoint;
use crate::variables::names;

/// Which server it is.
pub const SERVER: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WEBSOCKET_SERVER",
    meaning: "a second server beside the first, from the same release, which gets what is below \
              OPENSHIFT_PYTHON_WEBSOCKET_PATH",
    default: "none; with OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION uvicorn for an ASGI app, wsgiref for WSGI",
    allowed: "wsgiref, gevent, gunicorn, uvicorn, hypercorn, granian, waitress, cheroot, tornado or uwsgi",
    since: "0.1.0",
};

/// What it serves.
pub const APPLICATION: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION",
    meaning: "the app that the second server runs",
    default: "the same app",
    allowed: names::APPLICATION.allowed,
    since: "0.1.0",
};

/// What of the site it gets.
pub const PATH: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WEBSOCKET_PATH",
    meaning: "the path of the site that the second server gets, with all that is below it",
    default: "/ws",
    allowed: "a path such as /ws or /chat/ws, in letters, digits and -_.~, where a second server is named",
    since: "0.1.0",
};

/// How many processes.
pub const WORKERS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WEBSOCKET_WORKERS",
    meaning: "worker processes of the second server",
    default: "1",
    allowed: "1 to 1000, where a second server is named",
    since: "0.1.0",
};

/// What was set about it, checked.
#[derive(Clone, Debug)]
pub struct WebsocketSettings {
    /// The server, if somebody chose one.
    pub server: Option<&'static dyn WsgiServer>,
    /// What it serves, if that is not what the first one serves, and the variable that says so.
    pub application: Option<(&'static str, EntryPoint)>,
    /// The path, without a slash at its end.
    pub path: String,
    /// Worker processes, if somebody said how many.
    pub workers: Option<u32>,
}

impl WebsocketSettings {
    /// Reads and checks the variables; `None` where nobody wants a second server.
    ///
    /// # Errors
    /// The first one whose value is not allowed; also one that says something of a second server
    /// where none is named.
    pub(crate) fn from_env(env: &GearEnv) -> Result<Option<Self>, SettingError> {
        let server = server_of(SERVER, env)?;
        if let Some(server) = server.filter(|server| server.program().is_some()) {
            // The app's program serves the app, and does not know which of two it would be.
            return Err(SERVER.wrong(server.name()));
        }
        let application = APPLICATION.read(env, EntryPoint::parse)?;
        let path = PATH.read(env, path)?;
        let workers = count(WORKERS, env)?;
        if server.is_none() && application.is_none() {
            let said = [(PATH, path), (WORKERS, workers.map(|count| count.to_string()))];
            let lonely = said.into_iter().find_map(|(setting, value)| Some((setting, value?)));
            return lonely.map_or(Ok(None), |(setting, value)| Err(alone(setting, &value)));
        }
        Ok(Some(Self {
            server,
            application: application.map(|entry_point| (APPLICATION.name, entry_point)),
            path: path.unwrap_or_else(|| PATH.default.to_owned()),
            workers,
        }))
    }
}

fn alone(setting: Setting, value: &str) -> SettingError {
    let mut error = setting.wrong(value);
    error.allowed =
        format!("a value only where {} or {} names a second server", SERVER.name, APPLICATION.name);
    error
}

fn path(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = text.strip_prefix('/')?;
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    let is_name =
        |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(sound);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    inner.split('/').all(is_name).then(|| format!("/{inner}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<WebsocketSettings>, String> {
        let env =
            variables.iter().fold(GearEnv::new(), |env, (name, value)| env.with(*name, *value));
        WebsocketSettings::from_env(&env).map_err(|e| e.to_string())
    }

    #[test]
    fn there_is_none_unless_somebody_names_a_server_or_an_app() {
        assert!(read(&[]).unwrap().is_none());
        let chosen = read(&[(SERVER.name, "uvicorn")]).unwrap().unwrap();
        assert_eq!((chosen.path.as_str(), chosen.workers), ("/ws", None));
        let named = [(APPLICATION.name, "asgi:app"), (PATH.name, "/chat/ws/"), (WORKERS.name, "2")];
        let chosen = read(&named).unwrap().unwrap();
        assert_eq!((chosen.path.as_str(), chosen.workers), ("/chat/ws", Some(2)));
        assert!(chosen.server.is_none());
    }

    #[test]
    fn what_cannot_be_is_said() {
        let wrong = |variables: &[(&str, &str)]| read(variables).unwrap_err();
        insta::assert_snapshot!(wrong(&[(SERVER.name, "uvicron")]), @r#"OPENSHIFT_PYTHON_WEBSOCKET_SERVER is "uvicron", but allowed is: wsgiref, gevent, gunicorn, uvicorn, hypercorn, granian, waitress, cheroot, tornado or uwsgi; did you mean `uvicorn`?"#);
        insta::assert_snapshot!(wrong(&[(SERVER.name, "custom")]), @r#"OPENSHIFT_PYTHON_WEBSOCKET_SERVER is "custom", but allowed is: wsgiref, gevent, gunicorn, uvicorn, hypercorn, granian, waitress, cheroot, tornado or uwsgi"#);
        insta::assert_snapshot!(wrong(&[(PATH.name, "/ws")]), @r#"OPENSHIFT_PYTHON_WEBSOCKET_PATH is "/ws", but allowed is: a value only where OPENSHIFT_PYTHON_WEBSOCKET_SERVER or OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION names a second server"#);
        insta::assert_snapshot!(wrong(&[(WORKERS.name, "2")]), @r#"OPENSHIFT_PYTHON_WEBSOCKET_WORKERS is "2", but allowed is: a value only where OPENSHIFT_PYTHON_WEBSOCKET_SERVER or OPENSHIFT_PYTHON_WEBSOCKET_APPLICATION names a second server"#);
        for path in ["", "/", "ws", "/a//b", "/../x", "/a b", "/.x", "/x$y", "/x;y"] {
            let read = read(&[(SERVER.name, "uvicorn"), (PATH.name, path)]);
            assert_eq!(read.is_err(), !path.is_empty(), "{path}");
        }
    }
}
