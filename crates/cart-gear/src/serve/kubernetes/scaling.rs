//! How many pods there are: the autoscaler, by the Cluster itself or by KEDA, and how many may be taken
//! away at once.
//!
//! What the app is at, and what waits, tell when there should be more: a blocking server can be full with
//! its CPU idle.

use serde_json::{Value, json};

use crate::serve::kubernetes::deployable::{Deployable, Scaler};

/// How many requests may wait for a pod, on the average, before there should be more.
const QUEUED: u32 = 1;

pub(super) fn scaler(it: &Deployable) -> Option<Value> {
    match &it.scaler {
        Scaler::Nobody => None,
        Scaler::Cluster => Some(autoscaler(it)),
        Scaler::Keda(prometheus) => Some(scaled_object(it, prometheus)),
    }
}

/// The figures, each with what a pod may have of it.
fn measures(it: &Deployable) -> [(String, String); 2] {
    let measure = |name, most: u32| (it.told.figure(name), most.to_string());
    [measure("busy", it.wanted.busy), measure("queued", QUEUED)]
}

fn autoscaler(it: &Deployable) -> Value {
    let metrics = measures(it).map(|(figure, most)| {
        let target = json!({"type": "AverageValue", "averageValue": most});
        json!({"type": "Pods", "pods": {"metric": {"name": figure}, "target": target}})
    });
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": it.metadata(),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": it.name},
            "minReplicas": it.wanted.replicas,
            "maxReplicas": it.wanted.most_replicas,
            "metrics": metrics,
        },
    })
}

fn scaled_object(it: &Deployable, prometheus: &str) -> Value {
    let triggers = measures(it).map(|(figure, most)| {
        // The pods of this Deployment, and not of one whose name begins alike.
        let query = format!("sum({figure}{{pod=~\"{}-[a-z0-9]+-[a-z0-9]+\"}})", it.name);
        let metadata = json!({"serverAddress": prometheus, "query": query, "threshold": most});
        json!({"type": "prometheus", "metricType": "AverageValue", "metadata": metadata})
    });
    json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": it.metadata(),
        "spec": {
            "scaleTargetRef": {"name": it.name},
            "minReplicaCount": it.wanted.replicas,
            "maxReplicaCount": it.wanted.most_replicas,
            "triggers": triggers,
        },
    })
}

/// One pod less is always borne, also of one: a node that cannot be emptied is worse.
pub(super) fn budget(it: &Deployable) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": it.metadata(),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": it.selector()}},
    })
}
