//! A chart for Helm: the same objects, with what people change in `values.yaml`.

use std::sync::LazyLock;

use camino::Utf8Path;
use regex::{Captures, Regex};
use serde_json::{Value, json};

use crate::layout::error::GearError;
use crate::serve::kubernetes::deployable::{Deployable, Entrance, Scaler};
use crate::serve::kubernetes::directory::{self, File};
use crate::serve::kubernetes::objects::{file, kind, yaml};

impl Deployable {
    /// Writes `Chart.yaml`, `values.yaml` and `templates`.
    ///
    /// # Errors
    /// [`GearError`] when `directory` is not empty or cannot be written; all is as it was.
    pub fn helm(&self, directory: &Utf8Path) -> Result<(), GearError> {
        let private = (!self.settings.secret.is_empty()).then_some("values.yaml");
        directory::put(directory, &self.helm_files()?, private)
    }

    pub(super) fn helm_files(&self) -> Result<Vec<File>, GearError> {
        let values = self.values();
        let mut files = vec![
            ("Chart.yaml".to_owned(), yaml(&self.chart())?),
            ("values.yaml".to_owned(), yaml(&values)?),
        ];
        for mut object in self.template().objects() {
            insert_values(&mut object);
            let text = as_template(&yaml(&object)?);
            let text = match kind(&object) {
                "Secret" => only_if("secretEnv", &text),
                "Ingress" => only_if("host", &text),
                _ => text,
            };
            files.push((format!("templates/{}", file(&object)), text));
        }
        Ok(files)
    }

    fn chart(&self) -> Value {
        let image = &self.wanted.image;
        json!({
            "apiVersion": "v2",
            "name": self.name,
            "description": format!("{}, as `gear manifest` made it", self.name),
            "type": "application",
            "version": "0.1.0",
            "appVersion": image.tag.as_deref().or(image.digest.as_deref()).unwrap_or("latest"),
        })
    }

    fn values(&self) -> Value {
        let mut values = json!({
            "image": self.image,
            "env": self.settings.plain,
            "secretEnv": self.settings.secret,
            "replicas": self.wanted.replicas,
            "resources": {
                "requests": {"cpu": self.wanted.cpu.as_str(), "memory": self.wanted.memory.half()},
                "limits": {"memory": self.wanted.memory.as_str()},
            },
        });
        match &self.entrance {
            Entrance::Closed => values["host"] = json!(""),
            Entrance::Ingress(host) => values["host"] = json!(host),
            Entrance::Route(host) => values["host"] = json!(host.as_deref().unwrap_or_default()),
        }
        if self.scaler != Scaler::Nobody {
            values["maxReplicas"] = json!(self.wanted.most_replicas);
            values["busy"] = json!(self.wanted.busy);
        }
        if let Some(size) = &self.wanted.data {
            values["dataSize"] = json!(size.as_str());
        }
        if let Scaler::Keda(prometheus) = &self.scaler {
            values["prometheus"] = json!(prometheus);
        }
        values
    }

    /// The same with words for Helm in place of what is the release's, or a value's. Every chart has an
    /// entrance and a Secret, for who installs it may wish for them.
    fn template(&self) -> Self {
        let mut it = self.clone();
        it.name = "{{ .Release.Name }}".to_owned();
        it.image = "{{ .Values.image }}".to_owned();
        let host = "{{ .Values.host }}".to_owned();
        it.entrance = match &self.entrance {
            Entrance::Route(_) => Entrance::Route(Some(host)),
            Entrance::Ingress(_) | Entrance::Closed => Entrance::Ingress(host),
        };
        if let Scaler::Keda(prometheus) = &mut it.scaler {
            *prometheus = "{{ .Values.prometheus }}".to_owned();
        }
        // So that there is one; what is in it comes from the values.
        it.settings.secret = std::iter::once((String::new(), String::new())).collect();
        it
    }
}

/// What is not text, or no text alone: `<<...>>` is taken out of its quotes afterwards.
fn insert_values(object: &mut Value) {
    const CONTAINER: &str = "/spec/template/spec/containers/0";
    let own_secret = format!("{CONTAINER}/envFrom/1/secretRef");
    let resources = format!("{CONTAINER}/resources");
    let words = [
        ("ConfigMap", "/data", "<<toYaml .Values.env>>"),
        ("Secret", "/stringData", "<<toYaml .Values.secretEnv>>"),
        ("Deployment", "/spec/replicas", "<<.Values.replicas>>"),
        ("PersistentVolumeClaim", "/spec/resources/requests/storage", "{{ .Values.dataSize }}"),
        ("Deployment", resources.as_str(), "<<toYaml .Values.resources>>"),
        (
            "Deployment",
            "/spec/template/metadata/annotations/checksum~1config",
            "{{ toJson (list .Values.env .Values.secretEnv) | sha256sum }}",
        ),
        ("HorizontalPodAutoscaler", "/spec/minReplicas", "<<.Values.replicas>>"),
        ("HorizontalPodAutoscaler", "/spec/maxReplicas", "<<.Values.maxReplicas>>"),
        (
            "HorizontalPodAutoscaler",
            "/spec/metrics/0/pods/target/averageValue",
            "{{ .Values.busy }}",
        ),
        ("ScaledObject", "/spec/minReplicaCount", "<<.Values.replicas>>"),
        ("ScaledObject", "/spec/maxReplicaCount", "<<.Values.maxReplicas>>"),
        ("ScaledObject", "/spec/triggers/0/metadata/threshold", "{{ .Values.busy }}"),
    ];
    let its_kind = kind(object).to_owned();
    for (_, place, text) in words.iter().filter(|(kind, _, _)| *kind == its_kind) {
        if let Some(value) = object.pointer_mut(place) {
            *value = json!(text);
        }
    }
    if its_kind == "PersistentVolumeClaim" {
        // Data outlive the release.
        object["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    }
    if let Some(Value::Object(own)) = object.pointer_mut(&own_secret) {
        own.insert("optional".to_owned(), json!(true));
    }
    for place in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let Some(labels) = object.pointer_mut(place) {
            labels["app.kubernetes.io/managed-by"] = json!("{{ .Release.Service }}");
        }
    }
}

static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^( *(?:- )?)([\w./-]+): ["']?<<(toYaml )?([\w. ]+)>>["']?$"#)
        .expect("it is fixed")
});

fn as_template(text: &str) -> String {
    let written = |found: &Captures<'_>| {
        let (indent, key, value) = (&found[1], &found[2], &found[4]);
        match found.get(3) {
            Some(_) => {
                let deeper = indent.len() + 2;
                format!("{indent}{key}: {{{{- toYaml {value} | nindent {deeper} }}}}")
            }
            None => format!("{indent}{key}: {{{{ {value} }}}}"),
        }
    };
    PLACE.replace_all(text, written).into_owned()
}

fn only_if(value: &str, text: &str) -> String {
    format!("{{{{- if .Values.{value} }}}}\n{text}{{{{- end }}}}\n")
}
