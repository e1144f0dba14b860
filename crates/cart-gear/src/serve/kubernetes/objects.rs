//! All objects, in the order in which they are told, and their text.

use serde_json::{Value, json};

use crate::layout::error::GearError;
use crate::serve::kubernetes::deployable::Deployable;
use crate::serve::kubernetes::{network, scaling, workload};

impl Deployable {
    /// All objects as documents of YAML, one after the other.
    ///
    /// # Errors
    /// [`GearError`] when they cannot be written as YAML.
    pub fn yaml(&self) -> Result<String, GearError> {
        let texts: Vec<String> = self.objects().iter().map(yaml).collect::<Result<_, _>>()?;
        Ok(texts.join("---\n"))
    }

    pub(super) fn objects(&self) -> Vec<Value> {
        let secret = (!self.settings.secret.is_empty()).then(|| workload::secret(self));
        let objects = [
            Some(workload::config_map(self)),
            secret,
            self.wanted.data.as_ref().map(|size| workload::claim(self, size)),
            Some(workload::deployment(self)),
            Some(network::service(self)),
            network::entrance(self),
            scaling::scaler(self),
            Some(scaling::budget(self)),
            Some(network::policy(self)),
        ];
        objects.into_iter().flatten().collect()
    }

    /// What pods are found by; never changes, for a Deployment's cannot be changed.
    pub(super) fn selector(&self) -> Value {
        json!({"app.kubernetes.io/name": self.wanted.name.as_str(), "app.kubernetes.io/instance": self.name})
    }

    pub(super) fn labels(&self) -> Value {
        let mut labels = self.selector();
        labels["app.kubernetes.io/managed-by"] = json!("gear");
        labels
    }

    pub(super) fn metadata(&self) -> Value {
        json!({"name": self.name, "labels": self.labels()})
    }
}

/// The file of an object, by its kind.
pub(super) fn file(object: &Value) -> String {
    format!("{}.yaml", kind(object).to_lowercase())
}

pub(super) fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

/// One document, with quotes where a reader of YAML 1.1 or 1.2 would not see a text; lines in a value are
/// escaped, not blocks, whose ends and indents readers differ on.
pub(super) fn yaml(value: &Value) -> Result<String, GearError> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| GearError::failed(format!("this cannot be written as YAML: {error}")))
}
