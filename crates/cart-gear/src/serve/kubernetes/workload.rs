//! What runs: the variables, and the Deployment of the pods.

use serde_json::{Map, Value, json};

use crate::serve::image::{DATA, LINGER, PORT};
use crate::serve::kubernetes::deployable::{Deployable, Entrance, Scaler};
use crate::serve::kubernetes::given::Size;

/// Seconds between two looks at a pod that starts: a start is seen soon, and nobody waits for it in vain.
const STARTUP_PERIOD: u64 = 2;
/// The group that a volume for data is given to. Any that is not root's will do.
const DATA_GROUP: u32 = 1001;
/// Seconds beyond what an app needs for its end, for all that runs beside it.
const END_RESERVE: u64 = 5;
/// Seconds after which a rollout is told to have failed, unless starts take longer: Kubernetes' own.
const PROGRESS_DEADLINE: u64 = 600;

pub(super) fn config_map(it: &Deployable) -> Value {
    let metadata = it.metadata();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": it.settings.plain})
}

pub(super) fn secret(it: &Deployable) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": it.metadata(),
        "type": "Opaque",
        "stringData": it.settings.secret,
    })
}

/// One node may mount it: what every cluster has.
pub(super) fn claim(it: &Deployable, size: &Size) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": it.metadata(),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size.as_str()}},
        },
    })
}

pub(super) fn deployment(it: &Deployable) -> Value {
    let deadline = PROGRESS_DEADLINE.max(it.told.start_seconds() + 60);
    let mut spec = json!({
        "progressDeadlineSeconds": deadline,
        "selector": {"matchLabels": it.selector()},
        "strategy": strategy(it),
        "template": {
            "metadata": {"labels": it.labels(), "annotations": annotations(it)},
            "spec": pod(it),
        },
    });
    // An autoscaler's number would be undone by each `kubectl apply`.
    if it.scaler == Scaler::Nobody {
        spec["replicas"] = json!(it.wanted.replicas);
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": it.metadata(), "spec": spec})
}

/// A new pod proves itself before an old one goes, unless they cannot both have the data.
fn strategy(it: &Deployable) -> Value {
    match it.wanted.data {
        Some(_) => json!({"type": "Recreate"}),
        None => {
            let rolling = json!({"maxUnavailable": 0, "maxSurge": 1});
            json!({"type": "RollingUpdate", "rollingUpdate": rolling})
        }
    }
}

fn annotations(it: &Deployable) -> Value {
    let mut annotations = json!({"checksum/config": it.settings.checksum()});
    if let Some(path) = it.told.metrics() {
        annotations["prometheus.io/scrape"] = json!("true");
        annotations["prometheus.io/port"] = json!(PORT.to_string());
        annotations["prometheus.io/path"] = json!(path);
    }
    annotations
}

/// No user: that is the image's, or OpenShift's choice.
fn pod(it: &Deployable) -> Value {
    let mut volumes = vec![json!({"name": "tmp", "emptyDir": {}})];
    if it.wanted.data.is_some() {
        volumes.push(json!({"name": "data", "persistentVolumeClaim": {"claimName": it.name}}));
    }
    json!({
        "automountServiceAccountToken": false,
        "containers": [container(it)],
        // Else each Service of the namespace would be variables of the app.
        "enableServiceLinks": false,
        "securityContext": security(it),
        "terminationGracePeriodSeconds": u64::from(LINGER) + it.told.end_seconds() + END_RESERVE,
        "topologySpreadConstraints": [{
            "labelSelector": {"matchLabels": it.selector()},
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
        }],
        "volumes": volumes,
    })
}

/// A new volume is root's, unless a group is named that it is given to. OpenShift chooses one by itself, and
/// refuses others.
fn security(it: &Deployable) -> Value {
    let mut security = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    if it.wanted.data.is_some() && !matches!(it.wanted.entrance, Entrance::Route(_)) {
        security["fsGroup"] = json!(DATA_GROUP);
        security["fsGroupChangePolicy"] = json!("OnRootMismatch");
    }
    security
}

/// No command: that is the image's.
fn container(it: &Deployable) -> Value {
    let mut mounts = vec![json!({"name": "tmp", "mountPath": "/tmp"})];
    if it.wanted.data.is_some() {
        mounts.push(json!({"name": "data", "mountPath": DATA}));
    }
    let looks = it.told.start_seconds().div_ceil(STARTUP_PERIOD) + 1;
    let (live, ready) = match &it.told.facts {
        Some(facts) => (http(&facts.live), http(&facts.ready)),
        None => (open(), open()),
    };
    json!({
        "name": "app",
        "image": it.image,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "envFrom": variables_from(it),
        "startupProbe": probe(&ready, STARTUP_PERIOD, 2, looks),
        "readinessProbe": probe(&ready, 5, 2, 2),
        // A minute: what is killed inside is started again by the container itself.
        "livenessProbe": probe(&live, 10, 5, 6),
        "resources": {
            "requests": {"cpu": it.wanted.cpu.as_str(), "memory": it.wanted.memory.half()},
            "limits": {"memory": it.wanted.memory.as_str()},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        },
        "volumeMounts": mounts,
    })
}

fn variables_from(it: &Deployable) -> Vec<Value> {
    let own = (!it.settings.secret.is_empty()).then_some(it.name.as_str());
    let there = it.wanted.secrets.iter().map(|secret| secret.as_str());
    let secrets = own.into_iter().chain(there).map(|name| json!({"secretRef": {"name": name}}));
    std::iter::once(json!({"configMapRef": {"name": it.name}})).chain(secrets).collect()
}

fn http(path: &str) -> Map<String, Value> {
    one("httpGet", json!({"path": path, "port": "http"}))
}

fn open() -> Map<String, Value> {
    one("tcpSocket", json!({"port": "http"}))
}

fn one(key: &str, value: Value) -> Map<String, Value> {
    std::iter::once((key.to_owned(), value)).collect()
}

fn probe(how: &Map<String, Value>, period: u64, timeout: u64, failures: u64) -> Value {
    let mut probe = how.clone();
    for (key, number) in
        [("periodSeconds", period), ("timeoutSeconds", timeout), ("failureThreshold", failures)]
    {
        probe.insert(key.to_owned(), number.into());
    }
    Value::Object(probe)
}
