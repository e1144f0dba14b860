//! The nginx that sends requests to pods, as an ingress does.

use std::net::SocketAddr;
use std::process::Child;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, files, programs, run, wait};
use cart_test::{own_ip, try_get};
use rustix::process::Signal;

use crate::cartridge::assembled;
use crate::containers::PORT;

const LIMIT: Duration = Duration::from_secs(30);

/// What it does when a pod does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterLoss {
    /// It asks another, where that does no harm: nginx's own rule.
    AskAnother,
    /// Nothing.
    TellTheClient,
}

/// A running nginx.
#[derive(Debug)]
pub(super) struct Front {
    configuration: Utf8PathBuf,
    address: SocketAddr,
    nginx: Child,
    is_new: bool,
}

impl Front {
    /// Starts it; it asks in turn who listens there.
    pub(super) fn start(place: &Utf8Path, pods: &[SocketAddr]) -> Self {
        let address = (own_ip(), PORT).into();
        let env = GearEnv::from_process();
        // That of the cartridge, if it has one: of an older one's kept connections some are lost at a reload.
        let own = assembled().join("usr/nginx/sbin/nginx");
        let is_new = own.is_file();
        let nginx =
            if is_new { own } else { programs::find("nginx", &env, &["/usr/sbin"]).unwrap() };
        let configuration = place.join("front.conf");
        write(&configuration, address, pods, AfterLoss::TellTheClient, is_new);
        let log = place.join("front.log");
        let command = CommandSpec::new(nginx, &env).args([
            "-e",
            log.as_str(),
            "-p",
            place.as_str(),
            "-c",
            configuration.as_str(),
        ]);
        let nginx = run::service(&command, Vec::new(), &files::open_log(&log).unwrap()).unwrap();
        let answers = || try_get(address, "/").ok().map(drop);
        let said = || files::last_lines(&log, 0, 20).join("\n");
        assert!(wait::until(LIMIT, answers).is_some(), "the front does not answer: {}", said());
        Self { configuration, address, nginx, is_new }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets it ask those, and waits until it does.
    pub(super) fn set(&self, pods: &[SocketAddr], after_loss: AfterLoss) {
        write(&self.configuration, self.address, pods, after_loss, self.is_new);
        let master = self.nginx.id();
        let before = process::children(master);
        ProcessId::of(master).unwrap().signal(Signal::HUP);
        let new =
            || process::children(master).iter().any(|pid| !before.contains(pid)).then_some(());
        assert!(wait::until(LIMIT, new).is_some(), "the front was not reloaded");
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(master) = ProcessId::of(self.nginx.id()) {
            master.signal(Signal::TERM);
        }
        let _ = self.nginx.wait();
    }
}

fn write(
    path: &Utf8Path,
    address: SocketAddr,
    pods: &[SocketAddr],
    after_loss: AfterLoss,
    is_new: bool,
) {
    let servers: String = pods.iter().map(|pod| format!("server {pod} max_fails=0;\n")).collect();
    let another = match after_loss {
        AfterLoss::AskAnother => "",
        AfterLoss::TellTheClient => "proxy_next_upstream off;",
    };
    let kept = if is_new { "keepalive_min_timeout 1s;" } else { "keepalive_timeout 0;" };
    let text = format!(
        "daemon off;
pid front.pid;
user root;
worker_processes 1;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    {kept}
    map $http_upgrade $hop {{ default upgrade; '' ''; }}
    upstream pods {{
{servers}    }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://pods;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $hop;
            proxy_read_timeout 120s;
            {another}
        }}
    }}
}}
"
    );
    files::write_atomic(path, text.as_bytes(), 0o644).unwrap();
}
