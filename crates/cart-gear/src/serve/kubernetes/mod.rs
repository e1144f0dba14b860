//! What a cluster is told of an app: the objects of Kubernetes by which an image of it runs, as YAML, a
//! base for kustomize or a chart for Helm.
//!
//! In: what was asked for, and what the cartridge says of the app in a container. Out: text. Nothing here
//! speaks with a cluster. docs/kubernetes.md says what each object is for.

mod deployable;
mod directory;
mod facts;
mod given;
mod helm;
mod kustomize;
mod network;
mod objects;
mod scaling;
mod settings;
#[cfg(test)]
mod tests;
mod workload;

pub use deployable::{Deployable, Entrance, Wanted};
pub use facts::{Facts, Told, facts};
pub use given::{Cpu, DnsName, Image, Label, Size};
