//! Old and new places of what is kept, and everything that names them moved along.

use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_nginx::Rendered;
use cart_python::virtualenv::relocate::replace_path;
use cart_supervisor::ServiceSpec;

use super::{Bytes, Config, Environment, FORMAT, Good, Place};
use crate::names::{LAST_GOOD, unlabelled};
use crate::start::ready::Ready;
use crate::start::wanted::Wanted;

/// Old and new places of everything that is kept.
#[derive(Debug)]
pub(super) struct Moves(pub(super) Vec<(Utf8PathBuf, Utf8PathBuf)>);

impl Moves {
    pub(super) fn of(ready: &Ready, place: &Place, has_code: bool) -> Self {
        let mut moves = Self::of_repo(ready, place, has_code);
        let places = &ready.app.places;
        moves.add(&places.environment, &place.virtenv());
        moves.add(&places.launchers, &place.launchers());
        moves.add(&ready.site.precompressed, &place.precompressed());
        moves
    }

    /// The repository, by every name that it has on a gear (node-contract.md, Gear layout).
    pub(super) fn of_repo(ready: &Ready, place: &Place, has_code: bool) -> Self {
        let mut moves = Self(Vec::new());
        if has_code {
            let repo = &ready.app.places.repo;
            moves.add(repo, &place.code());
            let short = ready.home.join("app-root/repo");
            if short.canonicalize_utf8().ok() == repo.canonicalize_utf8().ok() {
                moves.add(&short, &place.code());
            }
        }
        moves
    }

    pub(super) fn add(&mut self, old: &Utf8Path, new: &Utf8Path) {
        let real = old.canonicalize_utf8().ok();
        for old in std::iter::once(old.to_owned()).chain(real) {
            if !self.0.iter().any(|(known, _)| *known == old) {
                self.0.push((old, new.to_owned()));
            }
        }
    }

    pub(super) fn pairs(&self) -> Vec<(&Utf8Path, &Utf8Path)> {
        self.0.iter().map(|(old, new)| (old.as_path(), new.as_path())).collect()
    }

    pub(super) fn good(
        &self,
        ready: &Ready,
        wanted: &Wanted,
        number: u64,
        environment: Environment,
        config: Rendered,
    ) -> Good {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let (server, _) = unlabelled(&wanted.appserver.label);
        let mut appserver = self.spec(&wanted.appserver);
        appserver.label = format!("{server}{LAST_GOOD}");
        Good {
            format: FORMAT,
            number,
            since: now.unwrap_or_default().as_secs(),
            server: server.to_owned(),
            python: ready.prepared.python.clone(),
            repo: ready.app.places.repo.clone(),
            has_code: self.0.iter().any(|(old, _)| *old == ready.app.places.repo),
            environment,
            appserver,
            websocketserver: wanted.websocketserver.as_ref().map(|spec| self.spec(spec)),
            background: wanted.background.iter().map(|spec| self.spec(spec)).collect(),
            metrics: wanted.metrics.clone(),
            nginx: wanted.nginx.clone(),
            config: Config {
                main: self.bytes(config.main),
                appserver: self.bytes(config.appserver),
                server: self.bytes(config.server),
            },
        }
    }

    /// The same service from the new places. Variables move, too: `OPENSHIFT_REPO_DIR`, and those
    /// that people set to a path of the repository, such as `PYTHONPATH`.
    pub(super) fn spec(&self, spec: &ServiceSpec) -> ServiceSpec {
        let mut spec = spec.clone();
        let command = &mut spec.command;
        command.program = self.text(command.program.as_str()).into();
        command.dir = self.text(command.dir.as_str()).into();
        for arg in &mut command.args {
            *arg = self.text(arg);
        }
        let moved = command.env.iter().map(|(name, value)| match value.to_str() {
            Some(text) => (name.to_owned(), self.text(text).into()),
            None => (name.to_owned(), value.to_owned()),
        });
        command.env = moved.collect::<GearEnv>();
        spec
    }

    fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (old, new)| {
            replace_path(&text, old.as_str(), new.as_str())
        })
    }

    fn bytes(&self, bytes: Vec<u8>) -> Bytes {
        match String::from_utf8(bytes) {
            Ok(text) => Bytes::Text(self.text(&text)),
            Err(other) => Bytes::Other(other.into_bytes()),
        }
    }
}
