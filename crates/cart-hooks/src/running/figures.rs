//! Figures of what runs, the same for every server: told to people, to a node and to Prometheus.

pub(crate) mod line;

use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

use cart_core::CartridgeDir;
use cart_core::process::tree::{self, Memory};
use cart_core::process::{self, ProcessId};
use cart_core::unix_sockets::connections;
use cart_nginx::traffic::{Latency, Requests};
use cart_python::server;
use cart_supervisor::{Probe, ServiceStatus};

use crate::names::NGINX;
use crate::running::state::{self, State};

/// How long nginx may take to tell its counts: a node waits one second for everything.
const NGINX_LIMIT: Duration = Duration::from_millis(200);

/// What a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name in `bin/metrics` and in JSON; for a figure of each service, what follows the service's
    /// name and a dot.
    pub name: &'static str,
    /// Whether each service has it.
    pub of_service: bool,
    /// Its name for Prometheus, without labels.
    pub metric: &'static str,
    /// What it means, with its unit.
    pub meaning: &'static str,
}

/// All of them, in the order in which they are told.
pub const KINDS: &[Kind] = &[
    UP, SUPERVISED, REQUESTS, P50, P95, P99, RUNNING, GENERATION, CRASHES, QUEUED, BUSY, PROCESSES,
    WORKERS, UPTIME, MEMORY, LARGEST, RSS, PSS,
];

const fn of_all(name: &'static str, metric: &'static str, meaning: &'static str) -> Kind {
    Kind { name, of_service: false, metric, meaning }
}

const fn of_service(name: &'static str, metric: &'static str, meaning: &'static str) -> Kind {
    Kind { name, of_service: true, metric, meaning }
}

const UP: Kind =
    of_all("up", "advanced_python_up", "1 when everything runs that is to run, else 0");
const SUPERVISED: Kind = of_all(
    "supervised",
    "advanced_python_supervised",
    "1 when a supervisor looks after what runs, 0 when it was lost",
);
const REQUESTS: Kind = of_all(
    "requests",
    "advanced_python_requests_total",
    "requests that nginx has taken since it was started, those for files, probes and figures included",
);
const SECONDS: &str = "advanced_python_request_seconds";
const P50: Kind = of_all(
    "latency.p50",
    SECONDS,
    "seconds that half of the last minute's requests took at most, from their first byte to the last \
     one of the answer",
);
const P95: Kind = of_all("latency.p95", SECONDS, "the same of nineteen in twenty");
const P99: Kind = of_all("latency.p99", SECONDS, "the same of ninety-nine in a hundred");
const RUNNING: Kind =
    of_service("running", "advanced_python_running", "1 when the service runs, else 0");
const GENERATION: Kind = of_service(
    "generation",
    "advanced_python_generation",
    "a number that grows with every swap, of whatever service",
);
const CRASHES: Kind = of_service(
    "crashes",
    "advanced_python_crashes_total",
    "how often this generation crashed and was started again",
);
const QUEUED: Kind = of_service(
    "queued",
    "advanced_python_queued",
    "requests in the accept queue of its socket: nobody has taken them yet",
);
const BUSY: Kind = of_service(
    "busy",
    "advanced_python_busy",
    "requests and WebSockets that the Python server is at",
);
const PROCESSES: Kind = of_service(
    "processes",
    "advanced_python_processes",
    "its processes, with all that those have started",
);
const WORKERS: Kind = of_service(
    "workers",
    "advanced_python_workers",
    "those of them that serve, on servers with worker processes",
);
const UPTIME: Kind = of_service(
    "uptime",
    "advanced_python_uptime_seconds",
    "seconds since its main process was started",
);
const MEMORY: Kind = of_service(
    "memory",
    "advanced_python_memory_bytes",
    "bytes of memory of all its processes, what they share counted once (PSS) where the system says \
     it, else RSS",
);
const LARGEST: Kind = of_service(
    "largest",
    "advanced_python_largest_bytes",
    "bytes of resident memory of its largest process, of which OPENSHIFT_PYTHON_MAX_MEMORY speaks",
);
const RSS: Kind = of_service(
    "rss",
    "advanced_python_rss_bytes",
    "bytes of memory, what processes share counted in each",
);
const PSS: Kind = of_service(
    "pss",
    "advanced_python_pss_bytes",
    "bytes of memory, what processes share counted once; none before Linux 4.14",
);

/// One figure.
#[derive(Clone, Debug, PartialEq)]
struct Figure {
    kind: Kind,
    /// Of which service.
    service: Option<String>,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Number(u64),
    Time(Duration),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => write!(f, "{:.3}", time.as_secs_f64()),
        }
    }
}

/// All that is known now; what cannot be found out is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Those of the cartridge in `dir`, in which `state` is what runs.
    pub(crate) fn gather(state: &State, dir: &CartridgeDir) -> Self {
        let mut figures = Self::default();
        if state.is_unsupervised() {
            figures.number(SUPERVISED, None, 0);
            return figures;
        }
        figures.number(UP, None, state.is_up().into());
        if !state.runs() {
            return figures;
        }
        figures.number(SUPERVISED, None, 1);
        let nginx = state.processes().find(|(service, _)| service.name == NGINX);
        let address = nginx.and_then(|(service, _)| state::port(service));
        let requests = address.and_then(|address| Requests::ask(dir, address, NGINX_LIMIT));
        if let Some(requests) = requests {
            figures.number(REQUESTS, None, requests.taken);
        }
        if let Some(latency) = Latency::of(dir, SystemTime::now()) {
            for (kind, took) in [(P50, latency.p50), (P95, latency.p95), (P99, latency.p99)] {
                figures.0.push(Figure { kind, service: None, value: Value::Time(took) });
            }
        }
        for (service, process) in state.processes() {
            figures.of_service(service, process, requests);
        }
        figures
    }

    fn of_service(
        &mut self,
        service: &ServiceStatus,
        process: Option<ProcessId>,
        requests: Option<Requests>,
    ) {
        let name = Some(service.name.as_str());
        self.number(RUNNING, name, process.is_some().into());
        self.number(GENERATION, name, service.generation);
        self.number(CRASHES, name, service.crashes.into());
        // Those that visitors are passed on to.
        if matches!(service.probe, Probe::Http { .. })
            && let Ok(connections) = connections(&service.socket_names())
        {
            self.number(QUEUED, name, connections.waiting);
            self.number(BUSY, name, busy(connections, requests));
        }
        let Some(main) = process else { return };
        let processes = tree::with_descendants(main);
        self.number(PROCESSES, name, processes.len() as u64);
        if server::by_name(&service.label).is_some_and(|server| server.has_workers()) {
            // One worker need not be a process of its own.
            let workers = process::children(main.pid).len().max(1);
            self.number(WORKERS, name, workers as u64);
        }
        if let Some(age) = tree::age(main) {
            self.number(UPTIME, name, age.as_secs());
        }
        let each: Vec<Memory> =
            processes.iter().filter_map(|process| Memory::of(process.pid)).collect();
        let largest = each.iter().map(|memory| memory.resident).max();
        let memory = Memory::sum(each);
        self.number(MEMORY, name, memory.fair_share.unwrap_or(memory.resident));
        self.number(LARGEST, name, largest.unwrap_or_default());
        self.number(RSS, name, memory.resident);
        if let Some(bytes) = memory.fair_share {
            self.number(PSS, name, bytes);
        }
    }

    fn number(&mut self, kind: Kind, service: Option<&str>, value: u64) {
        let service = service.map(str::to_owned);
        self.0.push(Figure { kind, service, value: Value::Number(value) });
    }

    /// As a node reads them: a name and a value each.
    pub(crate) fn named(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|Figure { kind, service, value }| {
            let name = match service {
                Some(service) => format!("{service}.{}", kind.name),
                None => kind.name.to_owned(),
            };
            (name, value.to_string())
        })
    }

    /// As Prometheus reads them (text format 0.0.4).
    pub(crate) fn for_prometheus(&self) -> String {
        let mut text = String::new();
        let mut told = None;
        for kind in KINDS {
            for figure in self.0.iter().filter(|figure| figure.kind == *kind) {
                let metric = kind.metric;
                if told != Some(metric) {
                    let sort = if metric.ends_with("_total") { "counter" } else { "gauge" };
                    let meaning = kind.meaning;
                    // Writing to a String cannot fail.
                    let _ = write!(text, "# HELP {metric} {meaning}\n# TYPE {metric} {sort}\n");
                    told = Some(metric);
                }
                let _ = writeln!(text, "{metric}{} {}", labels(figure), figure.value);
            }
        }
        text
    }

    /// The number of a kind, of a service or of all.
    pub(crate) fn get(&self, kind: &str, service: Option<&str>) -> Option<u64> {
        let is_it = |f: &&Figure| f.kind.name == kind && f.service.as_deref() == service;
        match self.0.iter().find(is_it)?.value {
            Value::Number(number) => Some(number),
            Value::Time(_) => None,
        }
    }

    /// The time of a kind.
    pub(crate) fn time(&self, kind: &str) -> Option<Duration> {
        match self.0.iter().find(|figure| figure.kind.name == kind)?.value {
            Value::Time(time) => Some(time),
            Value::Number(_) => None,
        }
    }

    /// What all services have of a kind together.
    pub(crate) fn sum(&self, kind: &str) -> u64 {
        let numbers = self.0.iter().filter(|figure| figure.kind.name == kind);
        numbers.fold(0, |sum, figure| match figure.value {
            Value::Number(number) => sum + number,
            Value::Time(_) => sum,
        })
    }
}

/// What the server is at is no more than the connections that it has accepted, and no more than nginx
/// has in hand beside those that still wait. Each alone counts too much: the first, connections that
/// nginx keeps for the next request; the second, files and slow clients.
fn busy(connections: cart_core::unix_sockets::Connections, requests: Option<Requests>) -> u64 {
    let in_hand = requests.map(|requests| requests.in_hand.saturating_sub(connections.waiting));
    in_hand.map_or(connections.accepted, |in_hand| in_hand.min(connections.accepted))
}

fn labels(figure: &Figure) -> String {
    let quantile = match figure.kind.name {
        "latency.p50" => Some("0.5"),
        "latency.p95" => Some("0.95"),
        "latency.p99" => Some("0.99"),
        _ => None,
    };
    match (quantile, &figure.service) {
        (Some(quantile), _) => format!("{{quantile=\"{quantile}\"}}"),
        // A service's name is in letters, digits, hyphens and underscores.
        (None, Some(service)) => format!("{{service=\"{service}\"}}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests;
