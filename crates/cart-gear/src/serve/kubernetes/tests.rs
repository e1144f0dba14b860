use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use serde_json::{Value, json};

use super::directory::put;
use super::objects::yaml;
use super::settings::Settings;
use super::*;
use crate::layout::error::Kind;

fn wanted(variables: &[(&str, &str)]) -> Wanted {
    Wanted {
        name: "blog".parse().unwrap(),
        image: "registry.example.org:5000/team/blog:1.2".parse().unwrap(),
        entrance: Entrance::Ingress("blog.example.org".to_owned()),
        replicas: 2,
        most_replicas: 10,
        busy: 4,
        keda: None,
        memory: "256Mi".parse().unwrap(),
        data: None,
        cpu: "100m".parse().unwrap(),
        secrets: vec!["blog-database".parse().unwrap()],
        variables: variables.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
    }
}

fn told() -> Told {
    let facts = Facts {
        live: "/.well-known/live".to_owned(),
        ready: "/.well-known/ready".to_owned(),
        metrics: Some("/metrics".to_owned()),
        start_seconds: 61,
        end_seconds: 35,
        release: Some("python manage.py migrate".to_owned()),
    };
    Told { cartridge: "advanced-python".to_owned(), facts: Some(facts) }
}

fn blog() -> Deployable {
    Deployable::new(wanted(&[("GREETING", "hello"), ("API_KEY", "s3cret")]), told()).unwrap()
}

fn object(app: &Deployable, kind: &str) -> Option<Value> {
    app.objects().into_iter().find(|object| object["kind"] == kind)
}

fn together(files: Vec<(String, String)>) -> String {
    files.into_iter().map(|(path, text)| format!("# {path}\n{text}")).collect()
}

#[test]
fn all_objects_of_an_app_with_an_ingress() {
    insta::assert_snapshot!(blog().yaml().unwrap());
}

#[test]
fn a_base_for_kustomize_has_a_file_for_each_object() {
    let files = blog().kustomize_files().unwrap();
    let mine = |(path, _): &(String, String)| path.ends_with("kustomization.yaml");
    let (lists, objects): (Vec<_>, Vec<_>) = files.into_iter().partition(mine);
    let texts: Vec<String> = objects.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts.join("---\n"), blog().yaml().unwrap());
    insta::assert_snapshot!(together(lists));
}

#[test]
fn a_chart_has_values_for_what_people_change() {
    insta::assert_snapshot!(together(blog().helm_files().unwrap()));
}

#[test]
fn probes_and_the_end_have_the_time_that_the_app_needs() {
    let deployment = object(&blog(), "Deployment").unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 5 + 35 + 5);
    let startup = &pod["containers"][0]["startupProbe"];
    let number = |key: &str| startup[key].as_u64().unwrap();
    assert!(number("periodSeconds") * number("failureThreshold") >= 61, "{startup}");
    assert_eq!(deployment["spec"]["progressDeadlineSeconds"], 600);
    let mut slow = told();
    slow.facts.as_mut().unwrap().start_seconds = 900;
    let slow = Deployable::new(wanted(&[]), slow).unwrap();
    assert_eq!(object(&slow, "Deployment").unwrap()["spec"]["progressDeadlineSeconds"], 960);
}

#[test]
fn the_number_of_pods_is_said_by_one_alone() {
    let app = blog();
    let replicas =
        |app: &Deployable| object(app, "Deployment").unwrap()["spec"]["replicas"].clone();
    assert_eq!(replicas(&app), Value::Null);
    assert!(object(&app, "HorizontalPodAutoscaler").is_some());

    let fixed = Wanted { most_replicas: 2, ..wanted(&[]) };
    let fixed = Deployable::new(fixed, told()).unwrap();
    assert_eq!(replicas(&fixed), 2);
    assert!(object(&fixed, "HorizontalPodAutoscaler").is_none());

    let keda = Wanted { keda: Some("http://prometheus:9090".to_owned()), ..wanted(&[]) };
    let keda = Deployable::new(keda, told()).unwrap();
    assert_eq!(replicas(&keda), Value::Null);
    assert!(object(&keda, "HorizontalPodAutoscaler").is_none());
    let trigger = &object(&keda, "ScaledObject").unwrap()["spec"]["triggers"][1];
    let expected = "sum(advanced_python_queued{pod=~\"blog-[a-z0-9]+-[a-z0-9]+\"})";
    assert_eq!(trigger["metadata"]["query"], expected);

    let fewer = Wanted { most_replicas: 1, ..wanted(&[]) };
    let error = Deployable::new(fewer, told()).unwrap_err();
    assert_eq!(error.kind(), Kind::Wrong);
    assert!(error.to_string().contains("--max-replicas"), "{error}");
}

#[test]
fn data_are_in_a_volume_of_one_pod_that_is_told_so() {
    let alone =
        Wanted { data: Some("1Gi".parse().unwrap()), replicas: 1, most_replicas: 1, ..wanted(&[]) };
    let app = Deployable::new(alone.clone(), told()).unwrap();
    let claim = object(&app, "PersistentVolumeClaim").unwrap();
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Gi");
    let deployment = object(&app, "Deployment").unwrap();
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(deployment["spec"]["replicas"], 1);
    let pod = &deployment["spec"]["template"]["spec"];
    let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "blog"}});
    assert_eq!(pod["volumes"][1], volume);
    let mount = json!({"name": "data", "mountPath": "/data"});
    assert_eq!(pod["containers"][0]["volumeMounts"][1], mount);
    assert_eq!(pod["securityContext"]["fsGroup"], 1001);
    let notices = app.notices().join("\n");
    assert!(notices.contains("There is one pod") && notices.contains("deletes"), "{notices}");

    // OpenShift would refuse a group that is not its own.
    let route = Wanted { entrance: Entrance::Route(None), ..alone.clone() };
    let deployment = object(&Deployable::new(route, told()).unwrap(), "Deployment").unwrap();
    let security = &deployment["spec"]["template"]["spec"]["securityContext"];
    assert_eq!(security["fsGroup"], Value::Null);

    let error = Deployable::new(Wanted { most_replicas: 2, ..alone }, told()).unwrap_err();
    assert_eq!(error.kind(), Kind::Wrong);
    assert!(error.to_string().contains("one pod's"), "{error}");
}

#[test]
fn without_figures_nobody_scales_and_keda_is_refused() {
    let mut silent = told();
    silent.facts.as_mut().unwrap().metrics = None;
    let app = Deployable::new(wanted(&[]), silent.clone()).unwrap();
    assert!(object(&app, "HorizontalPodAutoscaler").is_none());
    let deployment = object(&app, "Deployment").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2);
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/scrape"], Value::Null);
    assert!(app.notices().iter().any(|it| it.contains("There is no autoscaler")));
    let keda = Wanted { keda: Some("http://prometheus:9090".to_owned()), ..wanted(&[]) };
    let error = Deployable::new(keda, silent).unwrap_err();
    assert_eq!(error.kind(), Kind::Wrong);
}

#[test]
fn a_cartridge_that_says_nothing_has_its_port_looked_at() {
    let nothing = Told { cartridge: "tiny".to_owned(), facts: None };
    let app = Deployable::new(wanted(&[]), nothing).unwrap();
    let deployment = object(&app, "Deployment").unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &pod["containers"][0][probe];
        assert_eq!(probe["tcpSocket"], json!({"port": "http"}));
        assert_eq!(probe["httpGet"], Value::Null);
    }
    assert_eq!(pod["terminationGracePeriodSeconds"], 40);
    let notices = app.notices().join("\n");
    assert!(notices.contains("tiny says nothing to `control container`"), "{notices}");
}

#[test]
fn what_a_person_should_know_is_said() {
    let mut latest = wanted(&[("API_KEY", "s3cret")]);
    latest.image = "blog".parse().unwrap();
    let notices = Deployable::new(latest, told()).unwrap().notices();
    let expected = ["`python manage.py migrate`", "blog may be another image", "holds API_KEY"];
    assert_eq!(notices.len(), expected.len(), "{notices:?}");
    for (notice, words) in notices.iter().zip(expected) {
        assert!(notice.contains(words) && !notice.contains("s3cret"), "{notice}");
    }
    let quiet = Deployable::new(wanted(&[]), Told { facts: None, ..told() }).unwrap().notices();
    assert_eq!(quiet.len(), 1, "{quiet:?}");
}

#[test]
fn a_variable_is_a_secret_by_its_name_or_by_a_password_in_a_url() {
    let pairs = [
        ("DB_PASSWORD", "x", true),
        ("secret_sauce", "x", true),
        ("GITHUB_TOKEN", "x", true),
        ("API_KEY", "x", true),
        ("KEYS", "x", false),
        ("KEY_LENGTH", "16", false),
        ("DATABASE_URL", "sqlite:///tmp/x", true),
        ("REDIS", "redis://:pw@cache:6379/0", true),
        ("BROKERS", "amqp://a:b@one,amqp://a:b@two", true),
        ("SITE", "https://example.org:8080/@me", false),
        ("PROXY", "http://user@proxy:3128", false),
        ("GREETING", "hello", false),
    ];
    let variables: Vec<_> =
        pairs.iter().map(|(name, value, _)| ((*name).into(), (*value).into())).collect();
    let settings = Settings::of(&variables);
    for (name, _, secret) in pairs {
        assert_eq!(settings.secret.contains_key(name), secret, "{name}");
        assert_eq!(settings.plain.contains_key(name), !secret, "{name}");
    }
}

#[test]
fn logs_are_json_unless_it_is_said_otherwise_and_every_change_rolls() {
    let of = |variables: &[(&str, &str)]| Settings::of(&wanted(variables).variables);
    assert_eq!(of(&[]).plain["OPENSHIFT_LOG_FORMAT"], "json");
    assert_eq!(of(&[("OPENSHIFT_LOG_FORMAT", "text")]).plain["OPENSHIFT_LOG_FORMAT"], "text");
    assert_eq!(of(&[("A", "1"), ("A", "2")]).plain["A"], "2");
    let sums = [of(&[]), of(&[("A", "1")]), of(&[("A", "2")]), of(&[("A_KEY", "1")])];
    let sums: std::collections::BTreeSet<_> = sums.iter().map(Settings::checksum).collect();
    assert_eq!(sums.len(), 4);
}

#[test]
fn a_secret_that_is_there_and_one_that_is_made_have_two_names() {
    let mut both = wanted(&[("API_KEY", "s3cret")]);
    both.secrets = vec!["blog".parse().unwrap()];
    let error = Deployable::new(both.clone(), told()).unwrap_err();
    assert_eq!(error.kind(), Kind::Wrong);
    assert!(error.to_string().contains("API_KEY"), "{error}");
    both.variables.clear();
    let app = Deployable::new(both, told()).unwrap();
    assert!(object(&app, "Secret").is_none());
    let deployment = object(&app, "Deployment").unwrap();
    let from = &deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"];
    let expected = json!([{"configMapRef": {"name": "blog"}}, {"secretRef": {"name": "blog"}}]);
    assert_eq!(*from, expected);
}

/// Texts that some reader of YAML takes for something else.
const TRAPS: [&str; 27] = [
    "yes",
    "No",
    "on",
    "y",
    "true",
    "null",
    "~",
    "",
    "0123",
    "0o17",
    "0x1F",
    "1e3",
    "1_000",
    "12:30:45",
    ".inf",
    "2001-01-01",
    "=",
    "<<",
    " padded ",
    "a: b",
    "a #b",
    "- a",
    "'\"",
    "@at",
    "{{ x }}",
    "[a",
    "%x",
];

#[test]
fn values_are_texts_to_every_reader_of_yaml() {
    let mut values: Vec<String> = TRAPS.map(str::to_owned).to_vec();
    for text in [
        "one\ntwo",
        "one\n\n two \n",
        "\n",
        "tab\there",
        "r\r\n",
        "\u{7f}\u{85}\u{2028}\u{feff}",
        "ü✓",
        "a\\nb",
        "---",
        "...",
    ] {
        values.push(text.to_owned());
    }
    values.push("long ".repeat(100));
    let data: BTreeMap<String, String> = values
        .into_iter()
        .enumerate()
        .map(|(number, value)| (format!("V{number}"), value))
        .collect();
    let text = yaml(&json!({"data": data})).unwrap();
    let read: BTreeMap<String, BTreeMap<String, String>> = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read["data"], data, "{text}");
    // Our own reader was told to expect texts; whoever is not must see quotes.
    for (name, trap) in TRAPS.iter().enumerate().map(|(n, trap)| (format!("V{n}"), trap)) {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name}:")));
        let value = line.unwrap().split_once(": ").unwrap().1;
        assert!(value.starts_with(['"', '\'']), "{trap:?} is not quoted: {value}");
    }
    // And a number in a name is none of its value.
    assert_eq!(yaml(&json!({"on": "x", "1": "z"})).unwrap(), "\"1\": z\n\"on\": x\n");
}

#[test]
fn references_of_images_are_read_as_registries_do() {
    for good in [
        "blog",
        "blog:1.2",
        "team/blog",
        "registry.example.org/team/blog:v1",
        "localhost:5000/a__b/c-d:latest",
        "Registry.example.org/blog",
        &format!("blog:1@sha256:{}", "0a".repeat(32)),
    ] {
        assert_eq!(good.parse::<Image>().unwrap().to_string(), good);
    }
    let ported: Image = "host:5000/blog".parse().unwrap();
    assert_eq!((ported.name.as_str(), ported.tag), ("host:5000/blog", None));
    for bad in
        ["", "Blog", "blog:", "blog:a b", "a//b", "https://x/blog", "-blog", "blog@sha256:12"]
    {
        let error = bad.parse::<Image>().unwrap_err();
        assert_eq!(error.kind(), Kind::Wrong);
        assert!(error.to_string().contains("[REGISTRY[:PORT]/]NAME"), "{bad}: {error}");
    }
}

#[test]
fn names_and_quantities_are_those_of_kubernetes() {
    assert_eq!(Label::of_directory("My_Blog.v2").unwrap().as_str(), "my-blog-v2");
    for none in ["", "__", "2048", "ü"] {
        assert!(Label::of_directory(none).unwrap_err().to_string().contains("--name"), "{none}");
    }
    for bad in ["", "-a", "a-", "A", "1a", "a.b", &"a".repeat(53)] {
        assert!(bad.parse::<Label>().is_err(), "{bad}");
    }
    for bad in ["", "a..b", ".a", "a.", "A.b", "https://a", "a:80", "a/b", "*.a", &"a".repeat(64)] {
        assert!(bad.parse::<DnsName>().is_err(), "{bad}");
    }
    assert!("1.blog.example.org".parse::<DnsName>().is_ok());
    for (whole, half) in
        [("256Mi", "128Mi"), ("1Gi", "512Mi"), ("3G", "1500M"), ("65Ki", "33Ki"), ("1k", "1k")]
    {
        assert_eq!(whole.parse::<Size>().unwrap().half(), half);
    }
    for bad in ["", "0Mi", "256", "-1Mi", "+1Mi", "1.5Gi", "256mb", "99999999999Gi"] {
        assert!(bad.parse::<Size>().is_err(), "{bad}");
    }
    for good in ["100m", "2", "0.5", "0.001"] {
        assert_eq!(good.parse::<Cpu>().unwrap().as_str(), good);
    }
    for bad in ["", "0", "0m", "0.0", "m", "1.5m", "half"] {
        assert!(bad.parse::<Cpu>().is_err(), "{bad}");
    }
}

#[test]
fn a_directory_is_written_whole_or_not_at_all() {
    let place = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let entries = |at: &Utf8Path| at.read_dir_utf8().unwrap().count();
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = [file("base/a", "1"), file("base/secret", "2")];
    let mode = |at: &Utf8Path| at.metadata().unwrap().permissions().mode() & 0o777;

    let new = place.join("new");
    put(&new, &files, Some("base/secret")).unwrap();
    assert_eq!((mode(&new.join("base/a")), mode(&new.join("base/secret"))), (0o644, 0o600));
    assert_eq!(mode(&new), 0o755);
    let error = put(&new, &files, None).unwrap_err();
    assert_eq!(error.kind(), Kind::Wrong);
    assert!(error.to_string().contains("not an empty directory"), "{error}");

    let empty = place.join("empty");
    std::fs::create_dir(&empty).unwrap();
    put(&empty, &files, None).unwrap();
    assert_eq!(std::fs::read_to_string(empty.join("base/a")).unwrap(), "1");

    // A file where a folder should be: nothing stays behind.
    let before = entries(place);
    let broken = [file("base", "1"), file("base/a", "2")];
    put(&place.join("broken"), &broken, None).unwrap_err();
    put(&place.join("no/parent"), &files, None).unwrap_err();
    assert_eq!(entries(place), before);
    assert_eq!(put(".".into(), &files, None).unwrap_err().kind(), Kind::Wrong);
}
