//! Where nginx finds the Python servers.

use cart_core::CartridgeDir;
use cart_nginx::{Connections, FolderPath, Upstream, WebsocketServer};

/// Where nginx finds a server: on one socket, or on one for each worker.
pub(crate) fn upstream(dir: &CartridgeDir, service: &str, sockets: u32) -> Upstream {
    let socket = |nth| match nth {
        1 => dir.run().join(format!("{service}.sock")),
        nth => dir.run().join(format!("{service}-{nth}.sock")),
    };
    Upstream { sockets: (1..=sockets).map(socket).collect(), connections: Connections::Pooled }
}

/// The second server as nginx knows it, which gets what is at and below `path`, a path such as
/// [`websocket::PATH`] allows.
pub(crate) fn websocketserver(path: &str, upstream: Upstream) -> Option<WebsocketServer> {
    let at = FolderPath::parse(&format!("{path}/"))?;
    Some(WebsocketServer { at, upstream })
}
