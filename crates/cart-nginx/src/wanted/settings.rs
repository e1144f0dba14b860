//! The variables that people set for nginx, checked at the door.

use std::fmt;

use cart_core::{GearEnv, LogFormat, LogLimits, Setting, SettingError, log_limits, setting};

use crate::wanted::folder::{self, Folder};
use crate::wanted::forwarded::{self, TrustedHeader};
use crate::wanted::network::{self, Network};

const MAX_BODY_SIZE: Setting = Setting {
    name: "OPENSHIFT_NGINX_MAX_BODY_SIZE",
    meaning: "the largest request body that is accepted; a larger one gets 413",
    default: "100m",
    allowed: "a whole number of bytes, or with k, m or g behind it (20m); 0 for no limit",
    since: "0.1.0",
};
const MAX_LINE_SIZE: Setting = Setting {
    name: "OPENSHIFT_NGINX_MAX_LINE_SIZE",
    meaning: "the longest request line (with the URL) and the longest header that are accepted; longer ones get 414 and 400",
    default: "8k",
    allowed: "a whole number of bytes, or with k or m behind it (16k); 1k to 1m",
    since: "0.1.0",
};
const MAX_HEAD_SIZE: Setting = Setting {
    name: "OPENSHIFT_NGINX_MAX_HEAD_SIZE",
    meaning: "how much a request's line and headers may have together; up to twice as much may pass, more gets 400",
    default: "32k",
    allowed: "a whole number of bytes, or with k or m behind it (64k); 1k to 1m",
    since: "0.1.0",
};
const MAX_HEADERS: Setting = Setting {
    name: "OPENSHIFT_NGINX_MAX_HEADERS",
    meaning: "how many headers a request may have, more get 400; an nginx without the directive max_headers takes as many as fit",
    default: "1000",
    allowed: "10 to 10000",
    since: "0.1.0",
};
/// What an answer's headers may have. The app's server is told, so that it can say in its log why
/// nginx will not have an answer.
pub const MAX_RESPONSE_HEAD_SIZE: Setting = Setting {
    name: "OPENSHIFT_NGINX_MAX_RESPONSE_HEAD_SIZE",
    meaning: "how much the headers of an answer of the app may have together; more becomes 502, and the app's log says so",
    default: "32k",
    allowed: "a whole number of bytes, or with k or m behind it (64k); 4k to 1m",
    since: "0.1.0",
};
/// How long the app may be silent. The app's server is told: it must have at least as much patience.
pub const READ_TIMEOUT: Setting = Setting {
    name: "OPENSHIFT_NGINX_READ_TIMEOUT",
    meaning: "how many seconds the app may be silent, in a request or a WebSocket, before it gets 504",
    default: "3600",
    allowed: "a whole number of seconds, 1 to 86400",
    since: "0.1.0",
};
const CLIENT_TIMEOUT: Setting = Setting {
    name: "OPENSHIFT_NGINX_CLIENT_TIMEOUT",
    meaning: "how many seconds a client may be silent in the middle of a request or an answer",
    default: "60",
    allowed: "a whole number of seconds, 1 to 86400",
    since: "0.1.0",
};
/// How long clients may take to finish. Who knows how long the app behind may take gives them longer than that,
/// unless this is set.
pub const SHUTDOWN_TIMEOUT: Setting = Setting {
    name: "OPENSHIFT_NGINX_SHUTDOWN_TIMEOUT",
    meaning: "how many seconds clients may take to finish after a reload or a stop (nginx 1.11.11 or newer)",
    default: "50, or 20 more than the app's drain time if that is more",
    allowed: "a whole number of seconds, 1 to 86400",
    since: "0.1.0",
};
const WORKERS: Setting = Setting {
    name: "OPENSHIFT_NGINX_WORKERS",
    meaning: "nginx's worker processes; one keeps two cores of Python busy",
    default: "1",
    allowed: "1 to 64",
    since: "0.1.0",
};
const WORKER_CONNECTIONS: Setting = Setting {
    name: "OPENSHIFT_NGINX_WORKER_CONNECTIONS",
    meaning: "connections per worker, clients' and the app's together: a WebSocket takes two; the limit on open files may allow fewer",
    default: "8192",
    allowed: "64 to 131072",
    since: "0.1.0",
};
const ACCESS_LOG: Setting = Setting {
    name: "OPENSHIFT_NGINX_ACCESS_LOG",
    meaning: "whether requests are logged in logs/nginx-access.log",
    default: "on",
    allowed: "on or off",
    since: "0.1.0",
};
const STATIC: Setting = Setting {
    name: "OPENSHIFT_NGINX_STATIC",
    meaning: "further folders of files that nginx serves, as public/ at /",
    default: "none",
    allowed: "paths of the site and folders of the repository, or others by their whole path, such as `/=dist /media/=uploads`; five at most",
    since: "0.1.0",
};
const FALLBACK: Setting = Setting {
    name: "OPENSHIFT_NGINX_FALLBACK",
    meaning: "the file of public/ that a browser gets for a page that the app answers with 404, as apps of one page want it",
    default: "none",
    allowed: "a path such as /index.html, in letters, digits and /._-",
    since: "0.1.0",
};
const PRECOMPRESS: Setting = Setting {
    name: "OPENSHIFT_NGINX_PRECOMPRESS",
    meaning: "whether the text among the static files is compressed when the app is deployed",
    default: "yes",
    allowed: "yes or no",
    since: "0.1.0",
};
const METRICS_PATH: Setting = Setting {
    name: "OPENSHIFT_NGINX_METRICS_PATH",
    meaning: "path at which the machine itself and the trusted proxies, asking for themselves, get figures for Prometheus (docs/metrics.md); others get 404",
    default: "none",
    allowed: "a path such as /metrics, in letters, digits and /._-",
    since: "0.1.0",
};
const TRUSTED_PROXIES: Setting = Setting {
    name: "OPENSHIFT_NGINX_TRUSTED_PROXIES",
    meaning: "proxies in front whose X-Forwarded-For, -Proto and -Host, and X-Request-ID, are believed",
    default: "loopback and private addresses",
    allowed: "addresses and networks (10.1.2.3 192.168.0.0/16 fd00::/8), separated by spaces or commas, or none; whoever means everybody writes all: half of all addresses or more are refused",
    since: "0.1.0",
};
const TRUSTED_HEADERS: Setting = Setting {
    name: "OPENSHIFT_NGINX_TRUSTED_HEADERS",
    meaning: "what else those proxies may say; from everybody else the app never gets these headers, and others of the kind (Forwarded, X-Script-Name, X-Client-IP, Remote-User ...) from nobody",
    default: "X-Forwarded-Port X-Forwarded-Prefix",
    allowed: "names of headers such as X-Forwarded-User that nginx does not set itself, in letters, digits and hyphens, separated by spaces or commas, or none",
    since: "0.1.0",
};
const ERB_FALLBACK: Setting = Setting {
    name: "OPENSHIFT_NGINX_ERB_FALLBACK",
    meaning: "whether Ruby's own erb may render an nginx.conf.erb that needs more Ruby than the cartridge knows; it runs whatever the template says",
    default: "no",
    allowed: "yes or no",
    since: "0.1.0",
};
const LOG_SIZE: Setting = Setting {
    name: "OPENSHIFT_NGINX_LOG_SIZE",
    meaning: "size after which each of nginx's two logs is moved on (nginx-access.log.1, .2, ...) and begun anew",
    default: log_limits::DEFAULT_SIZE,
    allowed: log_limits::SIZES,
    since: "0.1.0",
};
const LOG_FILES: Setting = Setting {
    name: "OPENSHIFT_NGINX_LOG_FILES",
    meaning: "how many files of each of nginx's two logs are kept, the newest included",
    default: log_limits::DEFAULT_FILES,
    allowed: log_limits::FILES,
    since: "0.1.0",
};

/// Every variable for nginx, in the order of the table in `docs/variables.md`.
pub const SETTINGS: &[Setting] = &[
    MAX_BODY_SIZE,
    MAX_LINE_SIZE,
    MAX_HEAD_SIZE,
    MAX_HEADERS,
    MAX_RESPONSE_HEAD_SIZE,
    READ_TIMEOUT,
    CLIENT_TIMEOUT,
    SHUTDOWN_TIMEOUT,
    WORKERS,
    WORKER_CONNECTIONS,
    ACCESS_LOG,
    LogFormat::SETTING,
    LOG_SIZE,
    LOG_FILES,
    STATIC,
    FALLBACK,
    PRECOMPRESS,
    METRICS_PATH,
    TRUSTED_PROXIES,
    TRUSTED_HEADERS,
    ERB_FALLBACK,
];

/// The checked values of [`SETTINGS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxSettings {
    /// `client_max_body_size`.
    pub max_body_size: BodySize,
    /// Bytes of a request line or of one header, its line break included.
    pub max_line_size: u64,
    /// Bytes of a request's line and headers together.
    pub max_head_size: u64,
    /// Headers of a request.
    pub max_headers: u64,
    /// Bytes of the headers of an answer, those that the app's server adds not counted.
    pub max_response_head_size: u64,
    /// Seconds of the app's silence. An hour by default: nginx cannot tell a silent WebSocket, a
    /// long poll or a stream of events from an app that hangs, and cutting the first three at
    /// nginx's own 60 seconds is the greater evil.
    pub read_timeout: u64,
    /// Seconds of a client's silence.
    pub client_timeout: u64,
    /// Seconds that workers which were replaced may take.
    pub shutdown_timeout: u64,
    /// Worker processes.
    pub workers: u64,
    /// Connections per worker that are wanted; how many are possible, the limit on open files says.
    pub worker_connections: u64,
    /// Whether requests are logged.
    pub access_log: bool,
    /// What a line of that log is.
    pub log_format: LogFormat,
    /// How much of each log is kept.
    pub log_limits: LogLimits,
    /// Folders that people set, most of them relative to the repository.
    pub folders: Vec<Folder>,
    /// The file for pages that nobody knows, as a path of the site.
    pub fallback: Option<String>,
    /// Whether files are compressed when the app is deployed.
    pub precompress: bool,
    /// Where figures are told, if anywhere.
    pub metrics_path: Option<String>,
    /// Whom `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Whether nobody said whom: then every private address is.
    pub trusted_by_default: bool,
    /// What else they may say.
    pub trusted_headers: Vec<TrustedHeader>,
    /// Whether a real `erb` may be asked.
    pub erb_fallback: bool,
}

impl NginxSettings {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// [`SettingError`] naming the first variable that is wrong, its value and what is allowed.
    pub fn from_env(env: &GearEnv) -> Result<Self, SettingError> {
        const DAY: u64 = 86_400;
        const K: u64 = 1024;
        const M: u64 = 1024 * K;
        let proxies = TRUSTED_PROXIES.read(env, network::parse_list)?;
        Ok(Self {
            max_body_size: MAX_BODY_SIZE
                .read(env, BodySize::parse)?
                .unwrap_or(BodySize("100m".to_owned())),
            max_line_size: MAX_LINE_SIZE.size(env, K..=M, 8 * K)?,
            max_head_size: MAX_HEAD_SIZE.size(env, K..=M, 32 * K)?,
            max_headers: MAX_HEADERS.number(env, 10..=10_000, 1000)?,
            max_response_head_size: MAX_RESPONSE_HEAD_SIZE.size(env, 4 * K..=M, 32 * K)?,
            read_timeout: READ_TIMEOUT.number(env, 1..=DAY, 3600)?,
            client_timeout: CLIENT_TIMEOUT.number(env, 1..=DAY, 60)?,
            shutdown_timeout: SHUTDOWN_TIMEOUT.number(env, 1..=DAY, 50)?,
            workers: WORKERS.number(env, 1..=64, 1)?,
            worker_connections: WORKER_CONNECTIONS.number(env, 64..=131_072, 8192)?,
            access_log: ACCESS_LOG.read(env, |text| switch(text, "on", "off"))?.unwrap_or(true),
            log_format: LogFormat::read(env)?,
            log_limits: LogLimits::read(env, &LOG_SIZE, &LOG_FILES)?,
            folders: STATIC.read(env, folder::parse_list)?.unwrap_or_default(),
            fallback: FALLBACK.read(env, path)?,
            precompress: PRECOMPRESS.read(env, |text| switch(text, "yes", "no"))?.unwrap_or(true),
            metrics_path: METRICS_PATH.read(env, path)?,
            trusted_by_default: proxies.is_none(),
            trusted_proxies: proxies.unwrap_or_else(network::loopback_and_private),
            trusted_headers: TRUSTED_HEADERS
                .read(env, forwarded::parse_list)?
                .unwrap_or_else(forwarded::port_and_prefix),
            erb_fallback: ERB_FALLBACK
                .read(env, |text| switch(text, "yes", "no"))?
                .unwrap_or(false),
        })
    }
}

/// A path that stands in a configuration as it is.
fn path(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    (text.starts_with('/') && text.len() > 1 && text.chars().all(plain)).then(|| text.to_owned())
}

fn switch(text: &str, yes: &str, no: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case(yes) {
        Some(true)
    } else if text.eq_ignore_ascii_case(no) {
        Some(false)
    } else {
        None
    }
}

/// A size as nginx writes it: digits, and perhaps `k`, `m` or `g`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodySize(String);

impl BodySize {
    /// A size that nginx can hold (63 bits of bytes), or `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let fits = |bytes: &u64| i64::try_from(*bytes).is_ok();
        setting::bytes(&text).filter(fits).map(|_| Self(text))
    }
}

impl fmt::Display for BodySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_means_the_defaults_of_the_table() {
        let settings = NginxSettings::from_env(&GearEnv::new()).unwrap();
        assert_eq!(settings.max_body_size.to_string(), MAX_BODY_SIZE.default);
        let kilobytes = |bytes: u64| format!("{}k", bytes / 1024);
        assert_eq!(kilobytes(settings.max_line_size), MAX_LINE_SIZE.default);
        assert_eq!(kilobytes(settings.max_head_size), MAX_HEAD_SIZE.default);
        assert_eq!(settings.max_headers.to_string(), MAX_HEADERS.default);
        assert_eq!(kilobytes(settings.max_response_head_size), MAX_RESPONSE_HEAD_SIZE.default);
        assert_eq!(settings.read_timeout.to_string(), READ_TIMEOUT.default);
        assert_eq!(settings.client_timeout.to_string(), CLIENT_TIMEOUT.default);
        assert!(SHUTDOWN_TIMEOUT.default.starts_with(&settings.shutdown_timeout.to_string()));
        assert_eq!(settings.workers.to_string(), WORKERS.default);
        assert_eq!(settings.worker_connections.to_string(), WORKER_CONNECTIONS.default);
        assert!(settings.access_log && settings.precompress && !settings.erb_fallback);
        assert_eq!(settings.log_format, LogFormat::Text);
        assert!(settings.folders.is_empty() && settings.fallback.is_none());
        assert_eq!(settings.trusted_proxies, network::loopback_and_private());
    }

    #[test]
    fn what_is_set_counts() {
        let env: GearEnv = [
            ("OPENSHIFT_NGINX_MAX_BODY_SIZE", "2G"),
            ("OPENSHIFT_NGINX_ACCESS_LOG", "OFF"),
            ("OPENSHIFT_NGINX_TRUSTED_PROXIES", "none"),
            ("OPENSHIFT_NGINX_ERB_FALLBACK", "yes"),
        ]
        .into_iter()
        .collect();
        let settings = NginxSettings::from_env(&env).unwrap();
        assert_eq!(settings.max_body_size.to_string(), "2g");
        assert!(!settings.access_log && settings.erb_fallback);
        assert!(settings.trusted_proxies.is_empty() && !settings.trusted_by_default);
    }

    #[test]
    fn sizes_are_digits_and_a_unit_that_fit() {
        for good in ["0", "20m", "1024", "1K", " 5g "] {
            assert!(BodySize::parse(good).is_some(), "{good}");
        }
        for bad in ["", "m", "-1", "+1", "1 m", "1mb", "10%", "1m; daemon on", "99999999999g"] {
            assert!(BodySize::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn every_variable_is_checked_and_its_error_says_what_is_allowed() {
        let errors: Vec<String> = SETTINGS
            .iter()
            .map(|setting| {
                let env = GearEnv::new().with(setting.name, "};x");
                NginxSettings::from_env(&env).unwrap_err().to_string()
            })
            .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
