//! nginx as others configure it, in front of a server or of files.

use std::fmt::Write;
use std::net::SocketAddr;

use camino::Utf8Path;
use cart_core::{CommandSpec, GearEnv, files};

use super::Peer;
use super::server::Protocol;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// One that is tuned by hand for speed, and for nothing else.
    Tuned,
    /// That of the cartridge which ours is to replace.
    Original,
}

/// What is behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behind<'a> {
    /// A server on a unix socket.
    Server(&'a Utf8Path, Protocol),
    /// Files below a directory.
    Files(&'a Utf8Path),
}

/// What uWSGI is told of a request.
const PARAMETERS: &[(&str, &str)] = &[
    ("QUERY_STRING", "$query_string"),
    ("REQUEST_METHOD", "$request_method"),
    ("CONTENT_TYPE", "$content_type"),
    ("CONTENT_LENGTH", "$content_length"),
    ("REQUEST_URI", "$request_uri"),
    ("PATH_INFO", "$document_uri"),
    ("DOCUMENT_ROOT", "$document_root"),
    ("SERVER_PROTOCOL", "$server_protocol"),
    ("REQUEST_SCHEME", "$scheme"),
    ("HTTPS", "$https if_not_empty"),
    ("REMOTE_ADDR", "$remote_addr"),
    ("REMOTE_PORT", "$remote_port"),
    ("SERVER_PORT", "$server_port"),
    ("SERVER_NAME", "$server_name"),
];

/// Starts `program` with a configuration that is written into `directory`.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub(crate) fn start(
    program: &Utf8Path,
    front: Front,
    listen: SocketAddr,
    behind: Behind<'_>,
    directory: &Utf8Path,
) -> Peer {
    let file = directory.join("nginx.conf");
    files::write_unsynced(&file, configuration(front, listen, behind).as_bytes(), 0o644).unwrap();
    let command = CommandSpec::new(program, &GearEnv::new()).args([
        "-p",
        directory.as_str(),
        "-c",
        file.as_str(),
    ]);
    Peer::start(command, directory)
}

/// The whole file; paths in it are from the prefix.
fn configuration(front: Front, listen: SocketAddr, behind: Behind<'_>) -> String {
    // Root's workers are nobody, who may not see a temporary directory; for others it means nothing.
    let main = "user root;\n\
                daemon off;\n\
                worker_processes 1;\n\
                worker_rlimit_nofile 16384;\n\
                pid nginx.pid;\n\
                error_log error.log;\n";
    let mut text = main.to_owned();
    match front {
        Front::Tuned => text.push_str(TUNED),
        Front::Original => text.push_str(ORIGINAL),
    }
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    paths.iter().for_each(|path| line(&mut text, format_args!("    {path}_temp_path {path};")));
    // In the original there is always an app behind; where files are asked for, nobody comes to it.
    let (socket, protocol) = match behind {
        Behind::Server(socket, protocol) => (socket, protocol),
        Behind::Files(_) => (Utf8Path::new("nobody.sock"), Protocol::Http),
    };
    let (member, pool) = match front {
        Front::Tuned => ("", " keepalive 64; keepalive_requests 100000;"),
        Front::Original => (" fail_timeout=0", ""),
    };
    // A connection in uWSGI's protocol is good for one request.
    let pool = if protocol == Protocol::Http { pool } else { "" };
    line(&mut text, format_args!("    upstream app {{ server unix:{socket}{member};{pool} }}"));
    let app = match protocol {
        Protocol::Http => PROXY.to_owned(),
        Protocol::Uwsgi => PARAMETERS.iter().fold("uwsgi_pass app;".to_owned(), |all, (n, v)| {
            format!("{all}\n            uwsgi_param {n} {v};")
        }),
    };
    let root = match behind {
        Behind::Files(root) => root,
        Behind::Server(..) => Utf8Path::new("public"),
    };
    let server = match (front, behind) {
        (Front::Tuned, Behind::Files(_)) => {
            format!("listen {listen} reuseport backlog=4096;\n        root {root};")
        }
        (Front::Tuned, Behind::Server(..)) => {
            format!("listen {listen} reuseport backlog=4096;\n        location / {{ {app} }}")
        }
        (Front::Original, _) => format!(
            "listen {listen};\n        keepalive_timeout 5;\n        root {root};\n        \
             location / {{ try_files $uri @proxy; }}\n        location @proxy {{ {app} }}"
        ),
    };
    line(&mut text, format_args!("    server {{\n        {server}\n    }}\n}}"));
    text
}

const TUNED: &str = "\
events { worker_connections 8192; multi_accept on; accept_mutex off; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 100000;
    open_file_cache max=8000 inactive=60s;
    open_file_cache_valid 5s;
    open_file_cache_errors on;
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
";

const ORIGINAL: &str = "\
events { worker_connections 1024; accept_mutex off; }
http {
    log_format main '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" \"$http_x_forwarded_for\"';
    access_log access.log main;
    sendfile on;
    gzip on;
    keepalive_timeout 65;
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
";

const PROXY: &str = "
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_redirect off;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
       ";

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_makes_it_what_it_is_and_closes_what_it_opens() {
        let socket = Utf8Path::new("/run/app.sock");
        let behind = [
            Behind::Server(socket, Protocol::Http),
            Behind::Server(socket, Protocol::Uwsgi),
            Behind::Files("/srv/files".into()),
        ];
        for behind in behind {
            let text = |front| configuration(front, ([127, 0, 0, 1], 81).into(), behind);
            let (tuned, original) = (text(Front::Tuned), text(Front::Original));
            for text in [&tuned, &original] {
                assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
                assert_eq!(text.contains("uwsgi_pass"), text.contains("uwsgi_param"), "{text}");
                assert_eq!(
                    text.contains("root /srv/files;"),
                    matches!(behind, Behind::Files(_)),
                    "{text}"
                );
            }
            assert!(tuned.contains("access_log off;") && !tuned.contains("try_files"), "{tuned}");
            assert!(original.contains("access_log access.log main;"), "{original}");
            assert!(original.contains("try_files $uri @proxy;"), "{original}");
            let pooled = matches!(behind, Behind::Server(_, Protocol::Http) | Behind::Files(_));
            assert_eq!(tuned.contains("keepalive 64;"), pooled, "{tuned}");
        }
    }
}
