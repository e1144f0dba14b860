//! Three pods of one app behind an nginx, replaced, killed and evicted under load, as a cluster does it by
//! what `gear manifest` prints. What is missing of a cluster is played here: who starts pods, asks whether they
//! are ready, takes them from those that get requests, and tells them to end.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{run, wait};
use cart_test::{CLIENTS, Load, Rate, Tally, WebSocket, own_ip, try_get};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cartridge::{self, assembled, example, fixture};
use crate::containers::{self, Image, PORT, podman, unique};
use crate::lost::pass;
use crate::way;

mod front;

use front::{AfterLoss, Front};

/// How long a build may take, the packages included.
const BUILD: Duration = Duration::from_secs(900);
/// How long others may go on sending requests to a pod that was told to end: each node of a cluster hears of
/// it by itself.
const HEARSAY: Duration = Duration::from_secs(1);
/// As many as the app is to have.
const PODS: usize = 3;
/// The close code of a WebSocket whose server ends to be replaced (RFC 6455, registry of close codes).
const SERVICE_RESTART: u16 = 1012;
/// Seconds that requests and WebSockets have to end in.
const DRAIN: &str = "5";

/// What is done to the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One after the other is replaced by a new one, of which there is one more meanwhile.
    Rollout,
    /// One is killed, and started again.
    Kill,
    /// Two of them are evicted from their node, as a budget for disruptions lets that be.
    Drain,
}

/// All of them.
pub const CHANGES: [Change; 3] = [Change::Rollout, Change::Kill, Change::Drain];

/// What clients got.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub change: Change,
    /// How long it took.
    pub took: Duration,
    /// What became of the requests.
    pub tally: Tally,
    /// With which codes the WebSockets were closed that ended meanwhile; nothing for one that was cut.
    pub closed: Vec<Option<u16>>,
}

impl Outcome {
    /// Whether clients noticed no more than they may: nothing of what is planned, but that a WebSocket is told to
    /// come again; of a kill, what was in the pod's hands, if it may not be asked twice.
    #[must_use]
    pub fn kept(&self) -> bool {
        match self.change {
            Change::Rollout | Change::Drain => {
                let told = self.closed.iter().all(|code| *code == Some(SERVICE_RESTART));
                self.tally.lost() == 0 && told && !self.closed.is_empty()
            }
            Change::Kill => self.tally.lost() <= CLIENTS && self.tally.lost_gets() == 0,
        }
    }

    /// The result in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { change, took, tally, closed } = self;
        let closed: Vec<_> =
            closed.iter().map(|code| code.map_or("cut".to_owned(), |c| c.to_string())).collect();
        let closed = closed.join(" ");
        let (sent, lost) = (tally.sent, tally.lost());
        format!(
            "{change:?}: {sent} requests, {lost} lost, {:.1} s; WebSockets closed: {closed} {}",
            took.as_secs_f64(),
            tally.losses()
        )
    }
}

/// The pods, and the nginx before them.
#[derive(Debug)]
pub struct Pods {
    place: Utf8PathBuf,
    manifest: Manifest,
    pods: Vec<Pod>,
    front: Front,
    image: Image,
    _place: TempDir,
}

#[derive(Debug)]
struct Pod {
    name: String,
    address: SocketAddr,
}

/// What is printed of the app for a cluster.
#[derive(Debug)]
struct Manifest {
    config: Value,
    template: Value,
}

impl Manifest {
    fn container(&self) -> &Value {
        &self.template["spec"]["containers"][0]
    }

    fn seconds(&self, value: &Value) -> Duration {
        Duration::from_secs(value.as_u64().expect("it is printed"))
    }

    fn ready(&self) -> &str {
        let path = &self.container()["readinessProbe"]["httpGet"]["path"];
        path.as_str().expect("it is printed")
    }

    /// How long a start may take by its probe.
    fn start(&self) -> Duration {
        let probe = &self.container()["startupProbe"];
        let tries = probe["failureThreshold"].as_u64().and_then(|tries| u32::try_from(tries).ok());
        self.seconds(&probe["periodSeconds"]) * tries.expect("it is printed")
    }

    fn grace(&self) -> Duration {
        self.seconds(&self.template["spec"]["terminationGracePeriodSeconds"])
    }

    /// A pod of this template that podman takes: on this machine's own network, where each has another address, and
    /// with probes left to us.
    fn pod(&self, name: &str, address: SocketAddr, image: &str) -> String {
        // This podman lets pods share what an emptyDir of one name is.
        let spec = self.template["spec"].to_string().replace("\"tmp\"", &format!("\"{name}\""));
        let mut spec: Value = serde_json::from_str(&spec).expect("it was one");
        spec["hostNetwork"] = json!(true);
        let container = &mut spec["containers"][0];
        container["image"] = json!(image);
        container["imagePullPolicy"] = json!("Never");
        container["args"] = json!(["--listen", address.to_string()]);
        let others = ["ports", "startupProbe", "readinessProbe", "livenessProbe"];
        let container = container.as_object_mut().expect("it is an object");
        others.iter().for_each(|other| drop(container.remove(*other)));
        let spec = spec.as_object_mut().expect("it is an object");
        spec.remove("topologySpreadConstraints");
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": self.template["metadata"]["labels"]},
            "spec": spec,
        });
        format!("{}\n---\n{pod}\n", self.config)
    }
}

impl Pods {
    /// An image of an app that gives numbers back, and three pods of it that are ready.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn start() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        let app = place.join("app");
        std::fs::create_dir(&app).unwrap();
        for file in [fixture("sequence").join("app.py"), example("welcome").join("echo_socket.py")]
        {
            std::fs::copy(&file, app.join(file.file_name().unwrap())).unwrap();
        }
        let way = way::by_name("uvicorn").unwrap();
        way.bring_to(&app);
        let image = Image::named("pods");
        let set = format!("--env=OPENSHIFT_PYTHON_DRAIN_TIMEOUT={DRAIN}");
        let mut shared = vec![
            "--cartridge".to_owned(),
            assembled().to_string(),
            "--name=sequence".to_owned(),
            format!("--server={}", way.server),
        ];
        shared.extend(way.variables.iter().map(|(name, value)| format!("--env={name}={value}")));
        let gear = |words: &[&str]| {
            let program = cartridge::gear(&assembled());
            let command = containers::command(program.as_str(), words).args(shared.clone());
            run::checked(&command, BUILD).unwrap_or_else(|error| panic!("{error}")).stdout_text()
        };
        let base = containers::base();
        gear(&["image", app.as_str(), "--tag", image.name(), "--base", base.as_str()]);
        let replicas = PODS.to_string();
        let printed = gear(&[
            "manifest",
            app.as_str(),
            "--image",
            image.name(),
            "--replicas",
            &replicas,
            &set,
        ]);
        let manifest = read(&printed);
        let mut pods: Vec<Pod> =
            (0..PODS).map(|_| begin(&place, &manifest, image.name())).collect();
        pods.iter_mut().for_each(|pod| wait_until_ready(pod, &manifest));
        let front = Front::start(&place, &addresses(&pods));
        Self { place, manifest, pods, front, image, _place: guard }
    }

    /// Plays a change under load, which goes on until it is done and so many requests were answered.
    ///
    /// # Panics
    /// When a pod does not do what it should.
    #[must_use]
    pub fn play(&mut self, change: Change, rate: Rate, at_least: u64) -> Outcome {
        // Whoever sends requests may try another pod where one is gone, but a planned end must need no such help.
        let after_loss = match change {
            Change::Kill => AfterLoss::AskAnother,
            Change::Rollout | Change::Drain => AfterLoss::TellTheClient,
        };
        self.front.set(&addresses(&self.pods), after_loss);
        let sockets: Vec<_> = (0..PODS).map(|_| watch_socket(self.front.address())).collect();
        let load = Load::start(self.front.address(), rate);
        pass(Duration::from_secs(1));
        let begin = Instant::now();
        match change {
            Change::Rollout => self.roll_out(),
            Change::Kill => self.kill_one(),
            Change::Drain => self.drain(),
        }
        let took = begin.elapsed();
        // What follows an end counts, too.
        pass(Duration::from_secs(2));
        while load.answered() < at_least {
            pass(Duration::from_secs(1));
        }
        let tally = load.finish();
        let ended = sockets.into_iter().filter(JoinHandle::is_finished);
        let closed = ended.map(|socket| socket.join().unwrap()).collect();
        Outcome { change, took, tally, closed }
    }

    /// As a Deployment with `maxSurge: 1` and `maxUnavailable: 0`.
    fn roll_out(&mut self) {
        for _ in 0..PODS {
            self.add();
            self.retire();
        }
    }

    /// As a node that is drained, which has two of the pods: as many may be missing as the budget says, one.
    fn drain(&mut self) {
        for _ in 0..PODS - 1 {
            self.retire();
            self.add();
        }
    }

    /// A container that is killed is started again in its pod, with the volume that it had.
    fn kill_one(&mut self) {
        let pod = self.pods.remove(0);
        podman(&["kill", "--signal=KILL", &pod.container()]);
        pass(HEARSAY);
        self.front.set(&addresses(&self.pods), AfterLoss::AskAnother);
        podman(&["start", &pod.container()]);
        wait_until_ready(&pod, &self.manifest);
        self.pods.push(pod);
        self.front.set(&addresses(&self.pods), AfterLoss::AskAnother);
    }

    /// One pod more; it gets requests when it is ready.
    fn add(&mut self) {
        let pod = begin(&self.place, &self.manifest, self.image.name());
        wait_until_ready(&pod, &self.manifest);
        self.pods.push(pod);
        self.front.set(&addresses(&self.pods), AfterLoss::TellTheClient);
    }

    /// The oldest pod is told to end, and gets no more requests when that is known everywhere.
    fn retire(&mut self) {
        let pod = self.pods.remove(0);
        let grace = self.manifest.grace();
        let stopping = std::thread::spawn(move || pod.end(grace));
        pass(HEARSAY);
        self.front.set(&addresses(&self.pods), AfterLoss::TellTheClient);
        stopping.join().expect("it ends in the time that it was given");
    }
}

impl Pod {
    fn container(&self) -> String {
        format!("{}-app", self.name)
    }

    /// Tells it to end, and demands that it does so by itself, in time.
    fn end(&self, grace: Duration) {
        let seconds = grace.as_secs();
        podman(&["stop", &format!("--time={seconds}"), &self.container()]);
        let code = podman(&["inspect", "--format={{.State.ExitCode}}", &self.container()]);
        assert_eq!(code, "0", "{}", self.log());
    }

    fn log(&self) -> String {
        let command = containers::command("podman", &["logs", &self.container()]);
        run::output(&command, BUILD).map_or_else(|e| e.to_string(), |said| said.stdout_text())
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        for words in [["pod", "rm", "--force", "--time=0"], ["volume", "rm", "--force", "--time=0"]]
        {
            let words = [&words[..], &[&self.name]].concat();
            let _ = run::output(&containers::command("podman", &words), BUILD);
        }
    }
}

/// The ConfigMap and the Deployment's template of what was printed.
fn read(printed: &str) -> Manifest {
    let objects = printed.split("\n---\n").map(|text| {
        serde_saphyr::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    });
    let objects: Vec<Value> = objects.collect();
    let of = |kind: &str| objects.iter().find(|it| it["kind"] == kind).expect("it is printed");
    let template = of("Deployment")["spec"]["template"].clone();
    Manifest { config: of("ConfigMap").clone(), template }
}

/// Begins a pod, on an address that nobody has.
fn begin(place: &Utf8Path, manifest: &Manifest, image: &str) -> Pod {
    let address = (own_ip(), PORT).into();
    let name = unique("pod");
    let file = place.join(format!("{name}.yaml"));
    let text = manifest.pod(&name, address, image);
    cart_core::files::write_atomic(&file, text.as_bytes(), 0o600).unwrap();
    podman(&["kube", "play", file.as_str()]);
    Pod { name, address }
}

/// As a kubelet asks.
fn wait_until_ready(pod: &Pod, manifest: &Manifest) {
    let is_ready = || {
        let answer = try_get(pod.address, manifest.ready()).ok()?;
        (answer.status == 200).then_some(())
    };
    assert!(wait::until(manifest.start(), is_ready).is_some(), "not ready: {}", pod.log());
}

/// A WebSocket, with the code that it was closed with when that is done; none when it was cut.
fn watch_socket(address: SocketAddr) -> JoinHandle<Option<u16>> {
    let mut socket = WebSocket::open(address, "/ws");
    assert_eq!(socket.exchange("here"), "here");
    std::thread::spawn(move || socket.try_closed_with().ok())
}

fn addresses(pods: &[Pod]) -> Vec<SocketAddr> {
    pods.iter().map(|pod| pod.address).collect()
}
