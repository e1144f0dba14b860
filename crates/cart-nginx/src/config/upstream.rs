//! The app's servers, as nginx is told of them.

use camino::{Utf8Path, Utf8PathBuf};

use crate::machine::build::Build;
use crate::machine::feature::{self, Feature};
use crate::text::quoted::Quoted;
use crate::text::unfit::{LONGEST_SOCKET_PATH, ModelError};
use crate::wanted::site::{Connections, Site, Upstream};

/// The upstream of the app.
pub(crate) const APPSERVER: &str = "appserver";
/// The upstream of its second server.
pub(crate) const WEBSOCKETSERVER: &str = "websocketserver";

/// An upstream, checked.
#[derive(Clone, Debug)]
pub(crate) struct CheckedUpstream {
    pub(crate) name: &'static str,
    /// One, or several of which each client has one.
    pub(crate) members: Vec<Member>,
    /// Whether connections to it are used again.
    pub(crate) pooled: bool,
    /// What of the site it gets, as a regular expression; without one all that no other gets.
    pub(crate) pattern: Option<String>,
}

/// A socket.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) socket: Quoted,
    /// The same socket, each time spelled differently: nginx takes them for other servers, whose
    /// pooled connections are not those of the first one.
    pub(crate) again: [Again; 3],
}

/// Where a request goes when it died with the server.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    pub(crate) socket: Quoted,
    /// So much larger than that of the next one that this one comes before it.
    pub(crate) weight: u32,
}

/// The app's servers, the one that gets the most first; none where only files are served.
pub(crate) fn checked(site: &Site, build: &Build) -> Result<Vec<CheckedUpstream>, ModelError> {
    let app = site.upstream.iter().map(|upstream| (APPSERVER, None, upstream));
    let second = site.websocketserver.iter().map(|second| {
        let pattern = format!("^{}(/|$)", second.at.pattern());
        (WEBSOCKETSERVER, Some(pattern), &second.upstream)
    });
    let checked = |(name, pattern, upstream): (_, _, &Upstream)| {
        let members: Vec<Member> =
            upstream.sockets.iter().map(|path| member(site, path)).collect::<Result<_, _>>()?;
        if members.len() > 1 && !feature::has(build, Feature::Hash) {
            return Err(ModelError::NoHash { version: build.version.clone() });
        }
        let pooled = upstream.connections == Connections::Pooled
            && feature::has(build, Feature::BoundedPool);
        Ok(CheckedUpstream { name, members, pooled, pattern })
    };
    app.chain(second).map(checked).collect()
}

fn member(site: &Site, path: &Utf8Path) -> Result<Member, ModelError> {
    if path.as_str().len() > LONGEST_SOCKET_PATH {
        return Err(ModelError::SocketPath {
            path: path.to_owned(),
            variable: site.dir_variable(),
            length: path.as_str().len(),
        });
    }
    let again = |nth: usize, weight: u32| {
        Ok(Again { socket: socket(site, &spelled_again(path, nth))?, weight })
    };
    Ok(Member {
        socket: socket(site, path)?,
        again: [again(1, 1_000_000_000)?, again(2, 1_000)?, again(3, 1)?],
    })
}

pub(crate) fn socket(site: &Site, path: &Utf8Path) -> Result<Quoted, ModelError> {
    Quoted::literal(&format!("unix:{path}")).map_err(|problem| ModelError::Path {
        path: path.to_owned(),
        variable: site.dir_variable(),
        problem,
    })
}

/// `/a//b` for `/a/b`, with one slash more for each `nth`.
fn spelled_again(path: &Utf8Path, nth: usize) -> Utf8PathBuf {
    let directory = path.parent().unwrap_or(path);
    let slashes = "/".repeat(nth);
    Utf8PathBuf::from(format!("{directory}{slashes}/{}", path.file_name().unwrap_or_default()))
}
