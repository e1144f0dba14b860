//! Whether Kubernetes takes what `gear manifest` makes: by its own schemas, strictly, of an old and of a new
//! version. Schemas of OpenShift's Route and of KEDA's ScaledObject are in no package: their fields are
//! looked at one by one. No cluster, no kustomize and no Helm is asked.

use std::sync::LazyLock;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run::RunError;
use cart_core::{CommandSpec, GearEnv, files, run, tree};
use serde_json::{Value, json};
use tests::pypi::Installed;

use crate::cartridge::{assembled, gear};

const LIMIT: Duration = Duration::from_secs(120);

static SCHEMAS: LazyLock<Installed> =
    LazyLock::new(|| Installed::of("kubernetes-validate==1.37.0", &[]));

/// Answered by the tiny cartridge here.
const FACTS: &str = r#"container) echo 'CLIENT_RESULT: {"live": "/l", "ready": "/r", "metrics": "/m",
"start_seconds": 60, "end_seconds": 35, "release": null}' | tr '\n' ' ' ;;
start) start ;;"#;

/// A cartridge, an app, and room for what is made.
struct Place {
    keep: tempfile::TempDir,
}

impl Place {
    /// `facts` is whether the cartridge knows the question.
    fn new(facts: bool) -> Self {
        let place = Self { keep: tempfile::tempdir_in("/tmp").unwrap() };
        let tiny = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cartridges/tiny");
        tree::copy(&tiny, &place.at("tiny"), |_| false).unwrap();
        files::create_dir(&place.at("blog"), 0o755).unwrap();
        if facts {
            let control = place.at("tiny/bin/control");
            let script = std::fs::read_to_string(&control).unwrap();
            let script = script.replace("start) start ;;", FACTS);
            files::write_atomic(&control, script.as_bytes(), 0o755).unwrap();
        }
        place
    }

    fn at(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.keep.path()).unwrap().join(name)
    }

    fn manifest(&self, args: &[&str]) -> String {
        let path = GearEnv::from_process().get("PATH").unwrap().to_owned();
        let env = GearEnv::new().with("PATH", path);
        let command = CommandSpec::new(gear(&assembled()), &env)
            .args(["manifest", self.at("blog").as_str(), "--cartridge", self.at("tiny").as_str()])
            .args(["--image", "registry.example.org/team/blog:1.2"])
            .args(args.iter().copied());
        run::checked(&command, LIMIT).unwrap_or_else(|e| panic!("{args:?}: {e}")).stdout_text()
    }

    /// What is printed, as a reader of YAML 1.1 sees it, and valid.
    fn printed(&self, args: &[&str]) -> Vec<Value> {
        let file = self.at("printed.yaml");
        files::write_atomic(&file, self.manifest(args).as_bytes(), 0o644).unwrap();
        validated(&["files", file.as_str()])
    }
}

/// The documents, after each was found valid.
fn validated(args: &[&str]) -> Vec<Value> {
    check(args).unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

fn check(args: &[&str]) -> Result<Vec<Value>, RunError> {
    let script = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kubernetes/check.py");
    let command = SCHEMAS.command("python").arg(script.as_str()).args(args.iter().copied());
    let output = run::checked(&command, LIMIT)?;
    Ok(serde_json::from_str(&output.stdout_text()).unwrap())
}

fn kinds(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|document| document["kind"].as_str().unwrap()).collect()
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let found = documents.iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} among {:?}", kinds(documents)))
}

#[test]
fn what_a_schema_refuses_is_refused_here() {
    let place = Place::new(false);
    let text = place.manifest(&[]);
    let wrong = text.replace("  strategy:", "  strategi:");
    assert_ne!(text, wrong);
    let file = place.at("wrong.yaml");
    files::write_atomic(&file, wrong.as_bytes(), 0o644).unwrap();
    let refused = check(&["files", file.as_str()]).unwrap_err().to_string();
    assert!(refused.contains("Deployment, spec (Kubernetes 1.25)"), "{refused}");
    assert!(refused.contains("'strategi' was unexpected"), "{refused}");
}

#[test]
fn kubernetes_takes_what_is_printed_in_every_variant() {
    const CLOSED: [&str; 5] =
        ["ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"];
    let silent = Place::new(false);
    assert_eq!(kinds(&silent.printed(&[])), CLOSED);

    let place = Place::new(true);
    let variables = ["--host", "blog.example.org", "--env", "API_KEY=s3cret", "--secret", "other"];
    let all = place.printed(&variables);
    let expected = [
        "ConfigMap",
        "Secret",
        "Deployment",
        "Service",
        "Ingress",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
    ];
    assert_eq!(kinds(&all), expected);
    assert_eq!(kinds(&place.printed(&["--max-replicas", "2"])), CLOSED);
    let sized = place.printed(&["--memory", "1Gi", "--cpu", "0.5", "--replicas", "3"]);
    let container = &of_kind(&sized, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    let expected =
        json!({"limits": {"memory": "1Gi"}, "requests": {"cpu": "0.5", "memory": "512Mi"}});
    assert_eq!(container["resources"], expected);

    let data = place.printed(&["--data", "10Gi"]);
    let expected = [&CLOSED[..1], &["PersistentVolumeClaim"], &CLOSED[1..]].concat();
    assert_eq!(kinds(&data), expected);
    let claims = of_kind(&data, "Deployment").pointer("/spec/template/spec/volumes/1").unwrap();
    let name = &of_kind(&data, "PersistentVolumeClaim")["metadata"]["name"];
    assert_eq!(claims["persistentVolumeClaim"]["claimName"], *name);

    // No schemas of these: what OpenShift and KEDA ask for, by their references.
    let open = place.printed(&["--route", "--keda", "--prometheus", "https://prometheus:9091"]);
    let expected = json!({
        "port": {"targetPort": "http"},
        "tls": {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"},
        "to": {"kind": "Service", "name": "blog", "weight": 100},
    });
    let route = of_kind(&open, "Route");
    assert_eq!(
        (&route["apiVersion"], &route["spec"]),
        (&json!("route.openshift.io/v1"), &expected)
    );
    let scaled = of_kind(&open, "ScaledObject");
    let trigger = |figure: &str, most: &str| {
        let query = format!("sum(tiny_{figure}{{pod=~\"blog-[a-z0-9]+-[a-z0-9]+\"}})");
        let server = "https://prometheus:9091";
        let metadata = json!({"serverAddress": server, "query": query, "threshold": most});
        json!({"type": "prometheus", "metricType": "AverageValue", "metadata": metadata})
    };
    let expected = json!({
        "scaleTargetRef": {"name": "blog"},
        "minReplicaCount": 2,
        "maxReplicaCount": 10,
        "triggers": [trigger("busy", "4"), trigger("queued", "1")],
    });
    assert_eq!((&scaled["apiVersion"], &scaled["spec"]), (&json!("keda.sh/v1alpha1"), &expected));
}

#[test]
fn what_refers_to_another_object_finds_it() {
    let place = Place::new(true);
    let all = place.printed(&["--host", "blog.example.org", "--env", "API_KEY=s3cret"]);
    let deployment = of_kind(&all, "Deployment");
    let pods = &deployment["spec"]["template"]["metadata"]["labels"];
    let finds = |selector: &Value| {
        let selector = selector.as_object().unwrap();
        !selector.is_empty() && selector.iter().all(|(key, value)| pods[key] == *value)
    };
    for (kind, place) in [
        ("Deployment", "/spec/selector/matchLabels"),
        ("Service", "/spec/selector"),
        ("PodDisruptionBudget", "/spec/selector/matchLabels"),
        ("NetworkPolicy", "/spec/podSelector/matchLabels"),
    ] {
        assert!(finds(of_kind(&all, kind).pointer(place).unwrap()), "{kind}");
    }
    let service = of_kind(&all, "Service");
    let backend = "/spec/rules/0/http/paths/0/backend/service";
    let backend = of_kind(&all, "Ingress").pointer(backend).unwrap();
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
    for (place, kind) in [("0/configMapRef", "ConfigMap"), ("1/secretRef", "Secret")] {
        let from = container["envFrom"].pointer(&format!("/{place}/name")).unwrap();
        assert_eq!(*from, of_kind(&all, kind)["metadata"]["name"]);
    }
    let scaled = &of_kind(&all, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"];
    assert_eq!(scaled["name"], deployment["metadata"]["name"]);
}

#[test]
fn a_readers_yaml_leaves_every_value_as_it_was_given() {
    let place = Place::new(false);
    let values = [
        "yes",
        "off",
        "y",
        "null",
        "~",
        "",
        "0123",
        "1e3",
        "1_000",
        "12:30:45",
        "2001-01-01",
        "=",
        " padded ",
        "a: b # c",
        "one\ntwo\n\n",
        "\n",
        "tab\there",
        "r\r\n",
        "\u{85}\u{2028}\u{feff}",
        "ü✓",
        "{{ .Values.x }}",
        "'\"\\n",
        "$(HOME)",
    ];
    let given: Vec<String> =
        values.iter().enumerate().map(|(number, value)| format!("V{number}={value}")).collect();
    let args: Vec<&str> = given.iter().flat_map(|pair| ["--env", pair.as_str()]).collect();
    let chart = place.at("chart");
    let charted: Vec<&str> = [&args[..], &["--helm", chart.as_str()]].concat();
    place.manifest(&charted);
    for documents in [place.printed(&args), validated(&["chart", chart.as_str()])] {
        let data = &of_kind(&documents, "ConfigMap")["data"];
        for (number, value) in values.iter().enumerate() {
            assert_eq!(data[format!("V{number}")], *value);
        }
    }
}

#[test]
fn a_base_and_its_overlays_name_files_and_places_that_there_are() {
    let place = Place::new(true);
    let directory = place.at("k8s");
    let args = ["--host", "blog.example.org", "--env", "API_KEY=s3cret"];
    place.manifest(&[&args[..], &["--kustomize", directory.as_str()]].concat());
    let read = |path: &Utf8Path| validated(&["files", path.as_str()]).remove(0);
    let base = read(&directory.join("base/kustomization.yaml"));
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let resources = names(&base["resources"]);
    let paths: Vec<String> =
        resources.iter().map(|file| directory.join("base").join(file).into_string()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let objects = validated(&[&["files"], &paths[..]].concat());
    assert_eq!(objects, place.printed(&args));
    assert_eq!(files::list(&directory.join("base")).unwrap().len(), resources.len() + 1);
    for stage in ["staging", "production"] {
        let overlay = read(&directory.join(format!("overlays/{stage}/kustomization.yaml")));
        assert_eq!(names(&overlay["resources"]), ["../../base"]);
        assert_eq!(overlay["namespace"], format!("blog-{stage}"));
        let image = json!({"name": "registry.example.org/team/blog", "newTag": "1.2"});
        assert_eq!(overlay["images"], json!([image]));
        for patch in overlay["patches"].as_array().unwrap() {
            let target = of_kind(&objects, patch["target"]["kind"].as_str().unwrap());
            assert_eq!(patch["target"]["name"], target["metadata"]["name"]);
            let operations: Value = serde_json::from_str(patch["patch"].as_str().unwrap()).unwrap();
            for operation in operations.as_array().unwrap() {
                assert_eq!(operation["op"], "replace");
                let replaced = target.pointer(operation["path"].as_str().unwrap());
                assert!(replaced.is_some(), "nothing to replace at {operation}");
            }
        }
    }
}

#[test]
fn a_chart_becomes_what_is_printed_and_its_values_change_it() {
    let place = Place::new(true);
    let variants: [&[&str]; 5] = [
        &["--host", "blog.example.org", "--env", "API_KEY=s3cret", "--name", "rel"],
        &["--name", "rel", "--max-replicas", "2"],
        &["--name", "rel", "--route", "--host", "blog.example.org", "--keda"],
        &["--name", "rel", "--secret", "other", "--memory", "1Gi"],
        &["--name", "rel", "--data", "10Gi"],
    ];
    for (number, args) in variants.iter().enumerate() {
        let chart = place.at(&format!("chart{number}"));
        place.manifest(&[args, &["--helm", chart.as_str()][..]].concat());
        let documents = validated(&["chart", chart.as_str()]);
        let printed = place.printed(args);
        assert_eq!(documents.len(), printed.len(), "{args:?}: {:?}", kinds(&documents));
        for expected in printed {
            let mut made = of_kind(&documents, expected["kind"].as_str().unwrap()).clone();
            alike(&mut made, &expected);
            assert_eq!(made, expected, "{args:?}");
        }
    }
    let (chart, image) = (place.at("chart1"), "other.example.org/blog:2");
    let changes =
        ["host=a.example.org", "replicas=5", "secretEnv={A: b}", &format!("image={image}")];
    let changed = validated(&[&["chart", chart.as_str()][..], &changes].concat());
    assert_eq!(of_kind(&changed, "Ingress")["spec"]["rules"][0]["host"], "a.example.org");
    assert_eq!(of_kind(&changed, "Secret")["stringData"], json!({"A": "b"}));
    let spec = &of_kind(&changed, "Deployment")["spec"];
    assert_eq!(spec["replicas"], 5);
    assert_eq!(spec["template"]["spec"]["containers"][0]["image"], image);
}

/// The commands of docs/kubernetes.md that need no cluster, pasted in their order; what they make is valid.
#[test]
fn the_commands_of_the_page_can_be_pasted() {
    let place = Place::new(true);
    // With the one cartridge beside it.
    std::fs::copy(gear(&assembled()), place.at("gear")).unwrap();
    let path = GearEnv::from_process().get("PATH").unwrap().to_str().unwrap().to_owned();
    let env = GearEnv::new().with("PATH", format!("{}:{path}", place.at("")));
    let page = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kubernetes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let commands = page.lines().filter_map(|line| line.strip_prefix("$ gear manifest "));
    let mut count = 0;
    for command in commands {
        count += 1;
        let command = format!("gear manifest {command}");
        let shell = CommandSpec::new("/bin/sh", &env).args(["-c", &command]).dir(place.at(""));
        run::checked(&shell, LIMIT).unwrap_or_else(|e| panic!("{command}: {e}"));
        if command.ends_with(">blog.yaml") {
            assert!(validated(&["files", place.at("blog.yaml").as_str()]).len() > 4, "{command}");
        }
    }
    assert!(count > 5, "{count}");
    assert!(place.at("k8s/overlays/staging/kustomization.yaml").exists());
    assert!(!validated(&["chart", place.at("chart").as_str()]).is_empty());
}

/// Takes from what a chart became what it has on purpose otherwise: who manages it, another checksum, a
/// Secret of its own that need not be there, and that data outlive it.
fn alike(made: &mut Value, expected: &Value) {
    if made["kind"] == "PersistentVolumeClaim" {
        let keep = made["metadata"].as_object_mut().unwrap().remove("annotations");
        assert_eq!(keep, Some(json!({"helm.sh/resource-policy": "keep"})));
    }
    const LABEL: &str = "app.kubernetes.io/managed-by";
    for place in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let Some(labels) = made.pointer_mut(place) {
            assert_eq!(labels[LABEL], "Helm");
            labels[LABEL] = json!("gear");
        }
    }
    const SUM: &str = "/spec/template/metadata/annotations/checksum~1config";
    if let Some(sum) = made.pointer_mut(SUM) {
        assert_eq!(sum.as_str().unwrap().len(), 64);
        *sum = expected.pointer(SUM).unwrap().clone();
    }
    if let Some(Value::Array(from)) = made.pointer_mut("/spec/template/spec/containers/0/envFrom") {
        let own = from.iter().position(|it| it["secretRef"]["optional"] == true).unwrap();
        if expected.to_string().contains("\"secretRef\":{\"name\":\"rel\"}") {
            from[own]["secretRef"].as_object_mut().unwrap().remove("optional");
        } else {
            from.remove(own);
        }
    }
}
