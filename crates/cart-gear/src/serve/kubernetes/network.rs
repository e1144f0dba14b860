//! How pods are reached: the Service, the way in from outside, and who may come.

use serde_json::{Value, json};

use crate::serve::image::PORT;
use crate::serve::kubernetes::deployable::{Deployable, Entrance};

pub(super) fn service(it: &Deployable) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": it.metadata(),
        "spec": {
            "selector": it.selector(),
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    })
}

pub(super) fn entrance(it: &Deployable) -> Option<Value> {
    match &it.entrance {
        Entrance::Closed => None,
        Entrance::Ingress(host) => Some(ingress(it, host)),
        Entrance::Route(host) => Some(route(it, host.as_deref())),
    }
}

fn ingress(it: &Deployable, host: &str) -> Value {
    let backend = json!({"service": {"name": it.name, "port": {"name": "http"}}});
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": it.metadata(),
        "spec": {"rules": [{
            "host": host,
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]},
    })
}

fn route(it: &Deployable, host: Option<&str>) -> Value {
    let mut spec = json!({
        "port": {"targetPort": "http"},
        // With the router's own certificate, which every cluster has.
        "tls": {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"},
        "to": {"kind": "Service", "name": it.name, "weight": 100},
    });
    if let Some(host) = host {
        spec["host"] = json!(host);
    }
    json!({
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": it.metadata(),
        "spec": spec,
    })
}

/// Whoever may reach the pods may reach that port and no other; where the app goes itself is its own
/// business: nobody here knows its database.
pub(super) fn policy(it: &Deployable) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": it.metadata(),
        "spec": {
            "podSelector": {"matchLabels": it.selector()},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}]}],
        },
    })
}
