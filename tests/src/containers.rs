//! Containers, as a cluster runs them: a base to build on, podman and buildah, and a container that may what
//! OpenShift lets it, and no more.
//!
//! Tests that need it are in `integration/containers/`: `cargo xtask test` leaves those out where the machine runs
//! no containers, and says why.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::lock::HookLock;
use cart_core::run::{self, Output};
use cart_core::{CommandSpec, GearEnv, programs, tree, wait};
use cart_test::{Answer, get, try_get};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cartridge::target;

/// A base is downloaded, an app's packages too.
const LIMIT: Duration = Duration::from_secs(900);
/// How long an app may take until it answers, with half a processor on a busy machine.
const START: Duration = Duration::from_secs(180);
/// Where those who are not root have programs like debootstrap not on their PATH.
const SYSTEM: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The port that images of ours serve at.
pub const PORT: u16 = 8080;
/// A user whom nobody knows, in the group of root, as OpenShift gives one to each project.
pub const USER: &str = "1000670000:0";
/// What a strict cluster grants a container, as options of `podman run`.
pub const STRICT: [&str; 13] = [
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=64m",
    "--cpus=0.5",
    "--user=1000670000:0",
    "--pull=never",
    // An image need not say whom its app believes.
    "--env=OPENSHIFT_NGINX_TRUSTED_PROXIES=none",
    // What this machine has for itself is not for a container.
    "--http-proxy=false",
    "--no-hosts",
    "--hostname=pod",
    "--detach",
];

/// What is in the base beside a minimal Debian.
const PACKAGES: &str = "--include=python3,python3-venv,nginx-light,ca-certificates";
/// Debian 12, with Python 3.11.
const RELEASE: &str = "bookworm";

/// The directory of a Debian with Python and nginx, `containers/base` in the target directory; the first who
/// asks has it made.
///
/// # Panics
/// When debootstrap does not make it.
#[must_use]
pub fn base() -> Utf8PathBuf {
    let place = place();
    std::fs::create_dir_all(&place).unwrap();
    let _alone = HookLock::acquire(&place.join("base.lock"), "a test", LIMIT).unwrap();
    let base = place.join("base");
    if !base.is_dir() {
        let new = place.join("base.new");
        tree::remove(&new).unwrap();
        tool("debootstrap", &["--variant=minbase", PACKAGES, RELEASE, new.as_str()]);
        // Archives of packages are a fifth of it.
        tool("chroot", &[new.as_str(), "apt-get", "clean"]);
        std::fs::rename(&new, &base).unwrap();
    }
    base
}

/// Where the tests of containers have what is made once.
fn place() -> Utf8PathBuf {
    target().join("containers")
}

/// The environment for whatever runs podman or buildah, `gear image` for instance: this process's own, with a
/// configuration that is right on any machine, and one place for what builds keep: the base is compressed once.
#[must_use]
pub fn environment() -> GearEnv {
    const NAME: &str = "CONTAINERS_CONF";
    let cache = place().join("cache");
    let env = GearEnv::from_process().with("XDG_CACHE_HOME", cache.as_str());
    let ours =
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/containers/containers.conf");
    if env.get(NAME).is_some() { env } else { env.with(NAME, ours.as_str()) }
}

/// A command of `podman`, `buildah` or another program, not yet run.
///
/// # Panics
/// When the program is not there.
#[must_use]
pub fn command(program: &str, words: &[&str]) -> CommandSpec {
    let env = environment();
    let program = programs::find(program, &env, &SYSTEM).unwrap();
    CommandSpec::new(program, &env).args(words.iter().copied())
}

/// Runs podman, and answers what it printed.
///
/// # Panics
/// When it fails.
#[expect(clippy::must_use_candidate, reason = "it is also run for what it does")]
pub fn podman(words: &[&str]) -> String {
    tool("podman", words)
}

/// As [`podman`].
///
/// # Panics
/// When it fails.
#[expect(clippy::must_use_candidate, reason = "it is also run for what it does")]
pub fn buildah(words: &[&str]) -> String {
    tool("buildah", words)
}

fn tool(program: &str, words: &[&str]) -> String {
    let output = run::checked(&command(program, words), LIMIT);
    output.unwrap_or_else(|error| panic!("{error}")).stdout_text()
}

/// What an installer in a container needs to reach the index of packages that this machine uses, as options of
/// `podman run`: variables, and the files that they name.
#[must_use]
pub fn installs() -> Vec<String> {
    const OTHERS: [&str; 4] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "https_proxy", "HTTPS_PROXY"];
    let mut options = vec!["--network=host".to_owned()];
    for (name, value) in GearEnv::from_process().iter() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        if !name.starts_with("PIP_") && !OTHERS.contains(&name) {
            continue;
        }
        options.push(format!("--env={name}={value}"));
        for path in value.split_whitespace().filter(|it| it.starts_with('/')) {
            let volume = format!("--volume={path}:{path}:ro");
            if Utf8Path::new(path).exists() && !options.contains(&volume) {
                options.push(volume);
            }
        }
    }
    options
}

/// Commands of a page, one in a line, as they are on this machine: what is published at port 8080 is served there at
/// `ip` alone; `shown` is the page's name of the image, `image` ours.
#[must_use]
pub fn pasted(script: &str, shown: &str, image: &str, ip: Ipv4Addr) -> String {
    let conf = environment().get("CONTAINERS_CONF").map(|it| it.to_string_lossy().into_owned());
    let mut lines = vec![format!("export CONTAINERS_CONF={}", conf.unwrap_or_default())];
    lines.extend(script.lines().map(|line| {
        let line = line
            .replace("--publish 8080:8080", "--network host --pull never")
            .replace("127.0.0.1:8080", &format!("{ip}:8080"))
            .replace(shown, image);
        let is_run = line.starts_with("podman run ") && line.ends_with(image);
        if is_run { format!("{line} --listen {ip}:8080") } else { line }
    }));
    lines.join("\n")
}

/// A name of an image or a container that nobody else has.
#[must_use]
pub fn unique(what: &str) -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    format!("gear-test-{}-{number}-{what}", std::process::id())
}

/// The name of an image, which is gone when this is dropped, if it was made.
#[derive(Debug)]
pub struct Image(String);

impl Image {
    /// A name for one that is yet to be made.
    #[must_use]
    pub fn named(what: &str) -> Self {
        Self(format!("localhost/{}:latest", unique(what)))
    }

    /// One that may be there already, and is gone afterwards, too.
    #[must_use]
    pub fn called(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // What is not there need not be removed.
        let _ = run::output(&command("podman", &["rmi", "--force", &self.0]), LIMIT);
    }
}

/// A container, which is gone when this is dropped.
#[derive(Debug)]
pub struct Container {
    name: String,
    address: SocketAddr,
    /// Its network, unless it has this machine's.
    network: Option<File>,
}

impl Container {
    /// Runs an image under [`STRICT`] conditions, with a network of its own that leads nowhere, and waits until it
    /// answers at [`PORT`]. `more` are options of `podman run`; of an option that is there twice the last one
    /// counts.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start(image: &str, more: &[&str], words: &[&str]) -> Self {
        Self::start_at(image, PORT, more, words)
    }

    /// As [`start`](Self::start), at another port, which `more` or `words` tell it.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start_at(image: &str, port: u16, more: &[&str], words: &[&str]) -> Self {
        let more = [&["--network=none"], more].concat();
        let container = Self::begin(image, port, &more, words);
        container.wait();
        container
    }

    /// As [`start`](Self::start), on this machine's own network, so that others reach it at 127.0.0.1 and `port`.
    /// `more` or `words` tell it that port.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start_on_this_machine(image: &str, port: u16, more: &[&str], words: &[&str]) -> Self {
        let more = [&["--network=host"], more].concat();
        let container = Self::begin(image, port, &more, words);
        container.wait();
        container
    }

    fn begin(image: &str, port: u16, more: &[&str], words: &[&str]) -> Self {
        let name = unique("container");
        let named = format!("--name={name}");
        let options = [&["run", &named], &STRICT[..], more, &[image], words].concat();
        let mut container =
            Self { name, address: (Ipv4Addr::LOCALHOST, port).into(), network: None };
        podman(&options);
        if more.contains(&"--network=none") {
            // It may have ended already; who waits for its answer then says why.
            container.network = File::open(format!("/proc/{}/ns/net", container.pid())).ok();
        }
        container
    }

    fn wait(&self) {
        let answers = || match self.inside(|| try_get(self.address, "/")) {
            Ok(_) => Some(true),
            Err(_) => (self.told("{{.State.Running}}") != "true").then_some(false),
        };
        let answers = wait::until(START, answers);
        assert_eq!(answers, Some(true), "it does not answer: {}", self.log());
    }

    /// What it answers at `path`.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.inside(|| get(self.address, path))
    }

    /// Where it answers, for those who are [`inside`](Self::inside) its network.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does something in its network.
    ///
    /// # Panics
    /// When that cannot be entered, which needs root, or what is done panics.
    pub fn inside<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        let Some(network) = &self.network else { return what() };
        // A thread of its own, which is nowhere else afterwards.
        let entered = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(network.as_fd(), kind).expect("this needs root");
            what()
        };
        std::thread::scope(|scope| scope.spawn(entered).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Its name, for podman.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its first process, as this machine counts; 0 when it has ended.
    ///
    /// # Panics
    /// When podman does not know it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.told("{{.State.Pid}}").parse().unwrap()
    }

    /// What podman knows of it, by a template as `podman inspect --format` takes it.
    ///
    /// # Panics
    /// When podman does not know it.
    #[must_use]
    pub fn told(&self, template: &str) -> String {
        podman(&["inspect", "--format", template, &self.name])
    }

    /// What it printed, on standard output and standard error.
    #[must_use]
    pub fn log(&self) -> String {
        let output = self.run(&["logs"]);
        [output.stdout_text(), output.stderr_text()].join("\n")
    }

    /// Tells it to end, and answers its exit code.
    ///
    /// # Panics
    /// When podman does not know it.
    #[must_use]
    pub fn end(&self) -> i32 {
        // Until `gear` has had an answer itself, it is told to give up.
        let serves = || self.log().contains("Serving ").then_some(());
        assert!(wait::until(START, serves).is_some(), "{}", self.log());
        podman(&["stop", "--time=120", &self.name]);
        self.told("{{.State.ExitCode}}").parse().unwrap()
    }

    fn run(&self, words: &[&str]) -> Output {
        run::output(&command("podman", &[words, &[&self.name]].concat()), LIMIT).unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.run(&["rm", "--force", "--time=0"]);
    }
}
