use cart_core::unix_sockets::Connections;

use super::*;

fn some() -> Figures {
    let mut figures = Figures::default();
    figures.number(UP, None, 1);
    figures.number(REQUESTS, None, 12);
    for (kind, millis) in [(P50, 4), (P95, 80), (P99, 1500)] {
        let value = Value::Time(Duration::from_millis(millis));
        figures.0.push(Figure { kind, service: None, value });
    }
    figures.number(RUNNING, Some("appserver"), 1);
    figures.number(QUEUED, Some("appserver"), 3);
    figures.number(MEMORY, Some("appserver"), 1000);
    figures.number(RUNNING, Some("nginx"), 1);
    figures.number(MEMORY, Some("nginx"), 20);
    figures
}

#[test]
fn prometheus_gets_each_metric_together_with_its_meaning_once() {
    insta::assert_snapshot!(some().for_prometheus());
}

#[test]
fn a_node_gets_one_line_for_each() {
    let lines: Vec<String> =
        some().named().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        lines,
        [
            "up=1",
            "requests=12",
            "latency.p50=0.004",
            "latency.p95=0.080",
            "latency.p99=1.500",
            "appserver.running=1",
            "appserver.queued=3",
            "appserver.memory=1000",
            "nginx.running=1",
            "nginx.memory=20",
        ]
    );
    assert_eq!(some().sum("memory"), 1020);
}

#[test]
fn busy_is_neither_a_kept_connection_nor_a_slow_client() {
    let requests = |in_hand| Some(Requests { taken: 9, in_hand });
    let connections = |waiting, accepted| Connections { waiting, accepted, limit: 0 };
    assert_eq!(busy(connections(0, 7), requests(2)), 2);
    assert_eq!(busy(connections(5, 4), requests(9)), 4);
    assert_eq!(busy(connections(5, 4), requests(7)), 2);
    assert_eq!(busy(connections(0, 1), requests(30)), 1);
    assert_eq!(busy(connections(3, 2), requests(1)), 0);
    assert_eq!(busy(connections(0, 3), None), 3);
}

#[test]
fn each_kind_has_names_of_its_own() {
    for (at, kind) in KINDS.iter().enumerate() {
        assert!(kind.metric.starts_with("advanced_python_"), "{kind:?}");
        assert!(KINDS[..at].iter().all(|other| other.name != kind.name), "{kind:?}");
        assert!(!kind.meaning.contains(['\n', '|', '\\']), "{kind:?}");
    }
}
