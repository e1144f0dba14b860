//! A base for kustomize, and two overlays that show what one is for.

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::layout::error::GearError;
use crate::serve::kubernetes::deployable::{Deployable, Entrance, Scaler};
use crate::serve::kubernetes::directory::{self, File};
use crate::serve::kubernetes::objects::{file, yaml};

impl Deployable {
    /// Writes `base`, a file for each object, and `overlays`.
    ///
    /// # Errors
    /// [`GearError`] when `directory` is not empty or cannot be written; all is as it was.
    pub fn kustomize(&self, directory: &Utf8Path) -> Result<(), GearError> {
        directory::put(directory, &self.kustomize_files()?, Some("base/secret.yaml"))
    }

    pub(super) fn kustomize_files(&self) -> Result<Vec<File>, GearError> {
        let objects = self.objects();
        let resources: Vec<String> = objects.iter().map(file).collect();
        let mut files = Vec::new();
        let mut add = |path: &str, value: &Value| -> Result<(), GearError> {
            files.push((path.to_owned(), yaml(value)?));
            Ok(())
        };
        for object in &objects {
            add(&format!("base/{}", file(object)), object)?;
        }
        add("base/kustomization.yaml", &kustomization(json!({"resources": resources})))?;
        let least = self.wanted.replicas;
        add("overlays/staging/kustomization.yaml", &self.overlay("staging", 1))?;
        add("overlays/production/kustomization.yaml", &self.overlay("production", least))?;
        Ok(files)
    }

    /// Another namespace, another number of pods, the image by its own line, and for all but production
    /// another host.
    fn overlay(&self, stage: &str, replicas: u32) -> Value {
        let image = &self.wanted.image;
        let version = match (&image.digest, &image.tag) {
            (Some(digest), _) => json!({"name": image.name, "digest": digest}),
            (None, tag) => {
                json!({"name": image.name, "newTag": tag.as_deref().unwrap_or("latest")})
            }
        };
        let mut patches = Vec::new();
        let mut patch = |kind: &str, path: &str, value: Value| {
            let operation = json!([{"op": "replace", "path": path, "value": value}]);
            // A patch is text in itself; JSON is YAML.
            let target = json!({"kind": kind, "name": self.name});
            patches.push(json!({"target": target, "patch": operation.to_string()}));
        };
        match &self.scaler {
            Scaler::Nobody => patch("Deployment", "/spec/replicas", json!(replicas)),
            Scaler::Cluster => {
                patch("HorizontalPodAutoscaler", "/spec/minReplicas", json!(replicas));
            }
            Scaler::Keda(_) => patch("ScaledObject", "/spec/minReplicaCount", json!(replicas)),
        }
        if stage != "production" {
            let host = |host: &str| json!(format!("{stage}.{host}"));
            match &self.entrance {
                Entrance::Ingress(it) => patch("Ingress", "/spec/rules/0/host", host(it)),
                Entrance::Route(Some(it)) => patch("Route", "/spec/host", host(it)),
                Entrance::Route(None) | Entrance::Closed => {}
            }
        }
        kustomization(json!({
            "resources": ["../../base"],
            "namespace": format!("{}-{stage}", self.name),
            "images": [version],
            "patches": patches,
        }))
    }
}

fn kustomization(mut value: Value) -> Value {
    value["apiVersion"] = json!("kustomize.config.k8s.io/v1beta1");
    value["kind"] = json!("Kustomization");
    value
}
