//! What is to be served, and where: the facts that a configuration is made from.

use std::net::{IpAddr, SocketAddr};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::env::EnvError;
use cart_core::{CartridgeDir, Gear, GearEnv};

use crate::machine::run_as::RunAs;
use crate::precompressed::Source;
use crate::text::layout;
use crate::text::layout::FILE_NAME;
use crate::wanted::folder::{self, Folder, FolderPath};
use crate::wanted::settings::NginxSettings;

/// One server block: an address, a directory of files, and perhaps an app behind.
#[derive(Clone, Debug)]
pub struct Site {
    /// The cartridge's directory.
    pub dir: CartridgeDir,
    /// The cartridge's short name, so that messages can name its variables.
    pub short_name: String,
    /// The address to listen on, `OPENSHIFT_<SHORT>_IP` and `_PORT`.
    pub listen: SocketAddr,
    /// The app's repository; its `nginx.conf.erb` counts.
    pub repo: Utf8PathBuf,
    /// The folders of files, see [`serve`](Self::serve).
    pub folders: Vec<Folder>,
    /// The same files, compressed already.
    pub precompressed: Utf8PathBuf,
    /// Which of the folders of the whole site has the page that people set as the fallback.
    pub fallback_in: usize,
    /// The app's host name, `OPENSHIFT_APP_DNS`, for requests that name none.
    pub host: Option<String>,
    /// The app's server; without one only files are served.
    pub upstream: Option<Upstream>,
    /// A second server of the app's, for a part of the site.
    pub websocketserver: Option<WebsocketServer>,
    /// The user of the workers, when the master is root.
    pub run_as: Option<RunAs>,
    /// The most files that a worker may have open.
    pub file_limit: u64,
    /// What people set.
    pub settings: NginxSettings,
}

/// A server for all that is at and below one path. Its upstream is `websocketserver`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebsocketServer {
    /// The path, such as `/ws/`; what it has no slash for (`/ws`) is meant, too.
    pub at: FolderPath,
    /// Where it listens.
    pub upstream: Upstream,
}

/// Where the app's server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its unix sockets: one, or several of which each client gets one, told by its address.
    pub sockets: Vec<Utf8PathBuf>,
    /// How nginx may use it.
    pub connections: Connections,
}

/// How many requests a connection to the app's server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// Many, where nginx can bound the pool's life (1.19.10 or newer). The server must keep idle
    /// connections for longer than the 2 seconds that nginx does, and must go on for 5 seconds
    /// after its socket was replaced.
    Pooled,
    /// One each: for a server that a waiting connection would keep from others.
    OneEach,
}

impl Site {
    /// The site of a gear: its address from the variables of the cartridge with this short name, the
    /// folders that its repository and people name, `run/appserver.sock` behind, everything else as the
    /// environment and this process's user say.
    ///
    /// # Errors
    /// [`SiteError`] naming the variable that is missing or wrong.
    pub fn from_gear(
        gear: &Gear,
        dir: &CartridgeDir,
        env: &GearEnv,
        short_name: &str,
    ) -> Result<Self, SiteError> {
        let mut site = Self {
            dir: dir.clone(),
            short_name: short_name.to_owned(),
            listen: Self::address(env, short_name)?,
            repo: gear.repo.clone(),
            folders: Vec::new(),
            precompressed: layout::precompressed(dir),
            fallback_in: 0,
            host: gear.dns.clone(),
            upstream: Some(Upstream {
                sockets: vec![dir.run().join("appserver.sock")],
                connections: Connections::Pooled,
            }),
            websocketserver: None,
            run_as: RunAs::needed_for(&gear.home)?,
            file_limit: crate::machine::descriptors::enough()?,
            settings: NginxSettings::from_env(env)?,
        };
        site.serve(Vec::new());
        Ok(site)
    }

    /// Serves the files of `public/` and of the folders that people set, and after those of `more`, as far
    /// as they are there, and no links to somebody else's. A folder that is made later counts
    /// with the next start.
    pub fn serve(&mut self, more: Vec<Folder>) {
        let public = Folder { at: FolderPath::root(), directory: self.repo.join("public") };
        let set = self.settings.folders.iter().map(|folder| Folder {
            directory: self.repo.join(&folder.directory),
            at: folder.at.clone(),
        });
        let all = [public].into_iter().chain(set).chain(more);
        self.folders = all.filter(|folder| folder::is_there(&folder.directory)).collect();
        folder::sort(&mut self.folders);
        let fallback = self.settings.fallback.as_deref().unwrap_or_default();
        self.fallback_in = self.root_with(fallback).unwrap_or_default();
    }

    /// Which of the folders of the whole site has a file of this path.
    fn root_with(&self, path: &str) -> Option<usize> {
        let mut roots = self.folders.iter().filter(|folder| folder.at.is_root());
        roots.position(|root| root.directory.join(path.trim_start_matches('/')).is_file())
    }

    /// Whether the app has an nginx configuration of its own, which says itself what is served.
    #[must_use]
    pub fn has_own_configuration(&self) -> bool {
        self.repo.join(FILE_NAME).exists()
    }

    /// Where the files are that are compressed beforehand: those of the app's release, in its repository or
    /// where its build has `built` them. All else may change while the app runs.
    #[must_use]
    pub fn sources(&self, built: &Utf8Path) -> Vec<Source> {
        let real = |path: &Utf8Path| path.canonicalize_utf8().ok();
        let place = |place| Some((place, real(place)?));
        let places: Vec<_> = [&*self.repo, built].into_iter().filter_map(place).collect();
        let source = |folder: &Folder| {
            let directory = real(&folder.directory)?;
            // A link on the way there might lead elsewhere at any time.
            let leads_there = |(place, within): &&(&Utf8Path, Utf8PathBuf)| {
                let rest = folder.directory.strip_prefix(place);
                rest.is_ok_and(|rest| within.join(rest) == directory)
            };
            let within = places.iter().find(leads_there)?.1.clone();
            Some(Source { at: folder.at.to_string(), directory, within: Some(within) })
        };
        self.folders.iter().filter_map(source).collect()
    }

    /// What people set and is not served: it is not there, or an own configuration is.
    #[must_use]
    pub fn not_served(&self) -> Vec<NotServed> {
        let (folders, fallback) = (&self.settings.folders, &self.settings.fallback);
        if self.has_own_configuration() {
            let set = [("STATIC", !folders.is_empty()), ("FALLBACK", fallback.is_some())];
            let set = set.into_iter().filter(|(_, is_set)| *is_set);
            return set.map(|(name, _)| NotServed::OwnConfiguration(name)).collect();
        }
        let has = |directory: &Utf8PathBuf| self.folders.iter().any(|f| f.directory == *directory);
        let set = self.settings.folders.iter().map(|folder| self.repo.join(&folder.directory));
        let folders = set.filter(|directory| !has(directory)).map(NotServed::Folder);
        let page = fallback.clone().filter(|path| self.root_with(path).is_none());
        folders.chain(page.map(NotServed::Fallback)).collect()
    }

    /// The address that the variables of the cartridge with this short name say.
    ///
    /// # Errors
    /// [`SiteError`] naming the variable that is missing or wrong.
    pub fn address(env: &GearEnv, short_name: &str) -> Result<SocketAddr, SiteError> {
        let (ip, port) =
            (format!("OPENSHIFT_{short_name}_IP"), format!("OPENSHIFT_{short_name}_PORT"));
        let wrong = |variable: &str, value: &str, allowed| SiteError::Address {
            variable: variable.to_owned(),
            value: value.to_owned(),
            allowed,
        };
        let text = env.required(&ip)?;
        let address: IpAddr = text.parse().map_err(|_| wrong(&ip, text, "an IP address"))?;
        let text = env.required(&port)?;
        let number = text.parse().ok().filter(|n: &u16| *n > 0);
        let number = number.ok_or_else(|| wrong(&port, text, "a port number, 1 to 65535"))?;
        Ok(SocketAddr::new(address, number))
    }

    /// Whether other machines reach the address, and any of them with a private one is believed what
    /// it says of its clients, because nobody said who is.
    #[must_use]
    pub fn believes_neighbours_unasked(&self) -> bool {
        !self.listen.ip().to_canonical().is_loopback() && self.settings.trusted_by_default
    }

    /// By which variable people know the cartridge's directory.
    pub(crate) fn dir_variable(&self) -> String {
        format!("OPENSHIFT_{}_DIR", self.short_name)
    }
}

/// Something that people set for nginx, and that is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// A folder.
    #[error(
        "OPENSHIFT_NGINX_STATIC names {0}, which is no directory, or a link to somebody else's: it is not served until it is there at a start"
    )]
    Folder(Utf8PathBuf),
    /// One of our variables, of which this is the end of the name.
    #[error(
        "OPENSHIFT_NGINX_{0} has no effect beside {FILE_NAME}, which stands in the place of the usual server block: say it there"
    )]
    OwnConfiguration(&'static str),
    /// The page.
    #[error(
        "OPENSHIFT_NGINX_FALLBACK is {0}, and neither public/ nor another folder of the whole site has that file: pages that nobody knows get 404"
    )]
    Fallback(String),
}

/// A gear that does not say what a site needs.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A variable of the node is missing.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// A variable that people set is wrong.
    #[error(transparent)]
    Setting(#[from] cart_core::SettingError),
    /// The address is none.
    #[error("{variable} is {value:?}, but must be {allowed}")]
    Address {
        /// The variable.
        variable: String,
        /// What it holds.
        value: String,
        /// What it must hold.
        allowed: &'static str,
    },
    /// The limit on open files is too low.
    #[error(transparent)]
    Files(#[from] crate::machine::descriptors::TooFewFiles),
    /// The owner of the gear cannot be told to nginx.
    #[error(transparent)]
    RunAs(#[from] crate::machine::run_as::RunAsError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ip: &str, port: &str) -> Result<SocketAddr, String> {
        let env = GearEnv::new().with("OPENSHIFT_X_IP", ip).with("OPENSHIFT_X_PORT", port);
        Site::address(&env, "X").map_err(|e| e.to_string())
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        assert_eq!(read("127.3.4.5", "8080").unwrap().to_string(), "127.3.4.5:8080");
        assert_eq!(read("::1", "80").unwrap().to_string(), "[::1]:80");
    }

    #[test]
    fn neighbours_are_believed_unasked_only_where_there_are_some() {
        let believes = |ip: &str, proxies: &str| {
            let (_keep, home) = home();
            let env = GearEnv::new()
                .with("OPENSHIFT_HOMEDIR", home.as_str())
                .with("OPENSHIFT_X_IP", ip)
                .with("OPENSHIFT_X_PORT", "8080")
                .with("OPENSHIFT_NGINX_TRUSTED_PROXIES", proxies);
            let gear = Gear::from_env(&env).unwrap();
            let dir = CartridgeDir::new(home.join("x"));
            Site::from_gear(&gear, &dir, &env, "X").unwrap().believes_neighbours_unasked()
        };
        for reached in ["0.0.0.0", "::", "10.1.2.3", "192.0.2.1", "fd00::1"] {
            assert!(believes(reached, ""), "{reached}");
            for chosen in ["none", "10.1.2.3", "all"] {
                assert!(!believes(reached, chosen), "{reached} {chosen}");
            }
        }
        for own in ["127.0.0.1", "127.3.4.5", "::1", "::ffff:127.0.0.1"] {
            assert!(!believes(own, ""), "{own}");
        }
    }

    /// A gear's home of this process's user.
    fn home() -> (tempfile::TempDir, Utf8PathBuf) {
        let keep = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        (keep, path)
    }

    #[test]
    fn what_is_no_address_is_named() {
        assert_eq!(
            read("127.0.0.1; }", "80").unwrap_err(),
            "OPENSHIFT_X_IP is \"127.0.0.1; }\", but must be an IP address"
        );
        for port in ["0", "65536", "80;", "-1"] {
            assert_eq!(
                read("127.0.0.1", port).unwrap_err(),
                format!("OPENSHIFT_X_PORT is {port:?}, but must be a port number, 1 to 65535")
            );
        }
        assert!(read("", "80").unwrap_err().contains("OPENSHIFT_X_IP is not set"));
    }
}
