//! A checked configuration, and its three files as text. No file is touched here.

use std::collections::BTreeSet;

use askama::Template;
use camino::Utf8Path;
use cart_core::LogFormat;

use crate::config::health;
use crate::config::upstream::{self, APPSERVER, CheckedUpstream};
use crate::config::user_config::UserConfig;
use crate::machine::build::Build;
use crate::machine::descriptors::Descriptors;
use crate::machine::feature::{self, Feature};
use crate::machine::run_as::RunAs;
use crate::text::layout::{self, Rendered};
use crate::text::quoted::Quoted;
use crate::text::statement;
use crate::text::unfit::ModelError;
use crate::traffic;
use crate::wanted::folder::{self, CheckedFolder, Folder, FolderPath, Mount};
use crate::wanted::forwarded::{self, Said};
use crate::wanted::network::{self, Network};
use crate::wanted::settings::NginxSettings;
use crate::wanted::site::Site;

mod files;

/// Bytes of an answer's head that are not the app's: the status line, and what servers add.
const SERVERS_OWN_HEAD: u64 = 1024;

/// The directives whose sizes must go together.
const RESPONSE_BUFFERS: [&str; 3] =
    ["proxy_buffer_size", "proxy_buffers", "proxy_busy_buffers_size"];

/// A configuration in which every value has been checked for the place where it will stand.
#[derive(Clone, Debug)]
pub struct Model {
    build: Build,
    settings: NginxSettings,
    descriptors: Descriptors,
    networks: Vec<Network>,
    /// Who may see figures.
    near: Vec<Network>,
    /// Who may see whether everything serves.
    within: Vec<Network>,
    /// There while it does.
    ready: Quoted,
    /// There when something of that is not started again.
    given_up: Quoted,
    figures: Option<CheckedFigures>,
    run_as: Option<RunAs>,
    listen: String,
    host: String,
    mounts: Vec<Mount>,
    folders: Vec<CheckedFolder>,
    /// Their files, compressed already.
    precompressed: Quoted,
    fallback: Option<CheckedFallback>,
    /// The app's servers; none where only files are served.
    upstreams: Vec<CheckedUpstream>,
    place: OriginalPlaces,
}

/// Where figures are told, and by whom.
#[derive(Clone, Debug)]
struct CheckedFigures {
    path: String,
    socket: Quoted,
}

/// What is sent for a page that neither a file nor the app knows.
#[derive(Clone, Debug)]
struct CheckedFallback {
    directory: Quoted,
    path: String,
}

/// Where the app's server was in the cartridge that `nginx.conf.erb` may have been written for:
/// this socket, or for wsgiref port 15000 of the gear's address.
#[derive(Clone, Debug)]
struct OriginalPlaces {
    socket: String,
    port: String,
}

impl Model {
    /// Checks `site` for an nginx with this build.
    ///
    /// # Errors
    /// [`ModelError`] naming the variable that a value comes from which no configuration can hold.
    pub fn new(site: &Site, build: &Build) -> Result<Self, ModelError> {
        check_directory(site)?;
        let ipv6 = feature::has(build, Feature::Ipv6);
        let readable = |n: &Network| ipv6 || n.addr().is_ipv4();
        let networks = site.settings.trusted_proxies.iter().copied();
        let near = network::near(site.listen.ip(), &site.settings.trusted_proxies).into_iter();
        // Where only files are served, they are there or will be.
        let public =
            || vec![Folder { at: FolderPath::root(), directory: site.repo.join("public") }];
        let only_files = site.upstream.is_none() && site.folders.is_empty();
        let (mounts, folders) =
            if only_files { folder::checked(&public())? } else { folder::checked(&site.folders)? };
        Ok(Self {
            build: build.clone(),
            settings: site.settings.clone(),
            descriptors: Descriptors::share(site.settings.worker_connections, site.file_limit),
            networks: networks.filter(readable).collect(),
            near: near.filter(readable).collect(),
            within: network::within(site.listen.ip(), &site.settings.trusted_proxies)
                .into_iter()
                .filter(readable)
                .collect(),
            ready: in_directory(site, &site.dir.ready_file())?,
            given_up: in_directory(site, &site.dir.given_up_file())?,
            figures: figures(site)?,
            run_as: site.run_as.clone(),
            listen: site.listen.to_string(),
            host: host(site)?,
            mounts,
            fallback: fallback(site, &folders),
            folders,
            precompressed: in_directory(site, &site.precompressed)?,
            upstreams: upstream::checked(site, build)?,
            place: OriginalPlaces {
                socket: format!("unix:{}/run/appserver.sock", site.dir.path()),
                port: format!("{}:15000", site.listen.ip()),
            },
        })
    }

    /// The three files; with `user`, the app's own configuration in the place of our server block.
    #[must_use]
    pub fn render(&self, user: Option<&UserConfig>) -> Rendered {
        let (server, own_upstream) = match user {
            None => (text(&ServerFile { m: self }).into_bytes(), false),
            Some(user) => {
                let (settled, own) = self.with_upstream_settled(user.text());
                let settled = health::completed(&settled, &text(&HealthFile { m: self }));
                if self.has_app() {
                    (forwarded::completed(&settled, &self.forwarded(), user.included()), own)
                } else {
                    (settled, own)
                }
            }
        };
        let defaults = text(&Defaults { m: self });
        let set_by_user = user.map(set_by).unwrap_or_default();
        let defaults = without(defaults.trim_end(), &set_by_user);
        let main = MainFile { m: self, defaults, has_own: user.is_some() };
        let appserver = AppserverFile { m: self, own_upstream };
        Rendered {
            main: text(&main).into_bytes(),
            appserver: text(&appserver).into_bytes(),
            server,
        }
    }

    fn has(&self, feature: Feature) -> bool {
        feature::has(&self.build, feature)
    }

    /// Whether the access log is JSON.
    fn logs_json(&self) -> bool {
        self.settings.log_format == LogFormat::Json && self.has(Feature::JsonLog)
    }

    /// What the app hears of its client.
    fn forwarded(&self) -> Vec<Said> {
        forwarded::all(&self.settings.trusted_headers)
    }

    fn has_app(&self) -> bool {
        !self.upstreams.is_empty()
    }

    /// Whether any connection to the app is used again.
    fn pooled(&self) -> bool {
        self.upstreams.iter().any(|upstream| upstream.pooled)
    }

    /// How many of nginx's buffers hold a head of the promised size. Two that follow each other hold
    /// more than one buffer's bytes, else the second would not have been begun.
    fn head_buffers(&self) -> u64 {
        2 * self.settings.max_head_size.div_ceil(self.settings.max_line_size)
    }

    /// Bytes of the buffer for an answer's status and headers.
    fn response_head_buffer(&self) -> u64 {
        self.settings.max_response_head_size + SERVERS_OWN_HEAD
    }

    /// How many buffers of 16k an answer gets: nginx wants twice the one for its headers in them, and
    /// one more.
    fn response_buffers(&self) -> u64 {
        (2 * self.response_head_buffer()).div_ceil(16 * 1024).max(6) + 2
    }

    /// The app's own text, and whether it defines `upstream appserver` itself. A definition that
    /// only repeats where the original cartridge's server was gives way to ours (each byte of it
    /// becomes a space, so that lines stay where they are): the server is not there any more, or
    /// is there twice and pooled. Any other is the app's decision.
    fn with_upstream_settled(&self, user_text: &[u8]) -> (Vec<u8>, bool) {
        let mut kept = user_text.to_vec();
        let mut own = false;
        for statement in statement::statements(user_text) {
            if statement.word(0) != Some("upstream") || statement.word(1) != Some("appserver") {
                continue;
            }
            let block = statement.block.map(|block| &user_text[block]);
            if self.has_app() && self.repeats_the_original(block.unwrap_or_default()) {
                for byte in &mut kept[statement.range] {
                    if *byte != b'\n' {
                        *byte = b' ';
                    }
                }
            } else {
                own = true;
            }
        }
        (kept, own)
    }

    fn repeats_the_original(&self, block: &[u8]) -> bool {
        statement::statements(block).iter().all(|statement| {
            let place = statement.word(1).unwrap_or_default().replace("//", "/");
            statement.word(0) == Some("server")
                && (place == self.place.socket || place == self.place.port)
        })
    }
}

/// What of the defaults gives way to `user`: whatever it sets at its top level, and the buffers for
/// answers wherever it sets one of them, because nginx refuses sizes that do not go together.
fn set_by(user: &UserConfig) -> BTreeSet<String> {
    let mut set = user.directives();
    if statement::mention(user.text(), &RESPONSE_BUFFERS) {
        set.extend(RESPONSE_BUFFERS.map(str::to_owned));
    }
    set
}

/// `defaults` without the directives that the app's own configuration sets at its top level:
/// nginx refuses most directives that stand twice. A log format counts by its name.
fn without(defaults: &str, set_by_user: &BTreeSet<String>) -> String {
    let mut kept = defaults.to_owned();
    for statement in statement::statements(defaults.as_bytes()).iter().rev() {
        if set_by_user.contains(&statement::key(statement)) {
            let line_end = kept[statement.range.end..].find('\n').unwrap_or(0);
            let line_start = kept[..statement.range.start].rfind('\n').unwrap_or(0);
            kept.replace_range(line_start..statement.range.end + line_end, "");
        }
    }
    kept
}

fn text(template: &impl Template) -> String {
    let mut text = template
        .render()
        .expect("a template without fallible filters, written to a String, cannot fail");
    // The engine drops the newline at a template's end.
    text.push('\n');
    text
}

#[derive(Template)]
#[template(path = "nginx.conf")]
struct MainFile<'m> {
    m: &'m Model,
    defaults: String,
    /// Whether the app has patterns of its own.
    has_own: bool,
}

#[derive(Template)]
#[template(path = "nginx.defaults.conf")]
struct Defaults<'m> {
    m: &'m Model,
}

#[derive(Template)]
#[template(path = "nginx.appserver.conf")]
struct AppserverFile<'m> {
    m: &'m Model,
    own_upstream: bool,
}

impl AppserverFile<'_> {
    /// Whether the app's own configuration says where this one's requests go.
    fn is_theirs(&self, upstream: &CheckedUpstream) -> bool {
        self.own_upstream && upstream.name == APPSERVER
    }
}

#[derive(Template)]
#[template(path = "nginx.health.conf")]
struct HealthFile<'m> {
    m: &'m Model,
}

#[derive(Template)]
#[template(path = "nginx.server.conf")]
struct ServerFile<'m> {
    m: &'m Model,
}

/// A path of the cartridge's own.
fn in_directory(site: &Site, path: &Utf8Path) -> Result<Quoted, ModelError> {
    Quoted::without_variables(path.as_str()).map_err(|problem| ModelError::Path {
        path: path.to_owned(),
        variable: site.dir_variable(),
        problem,
    })
}

/// nginx takes an included name with these characters for a pattern, which matches something else
/// or nothing, without a word.
fn check_directory(site: &Site) -> Result<(), ModelError> {
    let path = site.dir.path();
    match path.as_str().chars().find(|c| "*?[".contains(*c)) {
        Some(found) => {
            Err(ModelError::Pattern { path: path.to_owned(), variable: site.dir_variable(), found })
        }
        None => Ok(()),
    }
}

fn host(site: &Site) -> Result<String, ModelError> {
    let Some(dns) = &site.host else {
        return Ok(if site.listen.ip().is_unspecified() {
            format!("localhost:{}", site.listen.port())
        } else {
            site.listen.to_string()
        });
    };
    let in_names = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if dns.is_empty() || !dns.chars().all(in_names) {
        return Err(ModelError::Host { value: dns.clone() });
    }
    Ok(dns.clone())
}

/// The fallback, from the folder of the whole site that has it, or would.
fn fallback(site: &Site, folders: &[CheckedFolder]) -> Option<CheckedFallback> {
    let path = site.settings.fallback.clone()?;
    let root = folders.iter().filter(|folder| folder.is_root()).nth(site.fallback_in)?;
    Some(CheckedFallback { directory: root.directory.clone(), path })
}

fn figures(site: &Site) -> Result<Option<CheckedFigures>, ModelError> {
    let socket = || upstream::socket(site, &layout::metrics_socket(&site.dir));
    let path = site.settings.metrics_path.clone();
    path.map(|path| Ok(CheckedFigures { path, socket: socket()? })).transpose()
}

#[cfg(test)]
mod tests;
