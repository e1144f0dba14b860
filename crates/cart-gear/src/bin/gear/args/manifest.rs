//! What `gear manifest` is asked for.

use camino::Utf8PathBuf;
use cart_gear::kubernetes::{Cpu, DnsName, Image, Label, Size};
use clap::{Args, ValueHint};

use crate::args::app::AppArguments;

#[derive(Args, Debug)]
pub(crate) struct ManifestArguments {
    #[command(flatten)]
    pub(crate) app: AppArguments,

    /// The image that runs, as the cluster gets it
    #[arg(long, value_name = "REF")]
    pub(crate) image: Image,

    /// What the objects are called [default: by the directory]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Label>,

    /// The host by which visitors come in; without one and without --route they cannot
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<DnsName>,

    /// Let visitors in by an Ingress, as with --host alone
    #[arg(long, requires = "host")]
    pub(crate) ingress: bool,

    /// Let visitors in by a Route of OpenShift
    #[arg(long, conflicts_with = "ingress")]
    pub(crate) route: bool,

    /// How many pods there are at least [default: 2; with --data 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) replicas: Option<u32>,

    /// How many pods there may be; as many as --replicas: no autoscaler [default: five times as many; with --data 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_replicas: Option<u32>,

    /// How many requests a pod may be at, on the average, before there should be more pods
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) busy: u32,

    /// Have KEDA scale instead of a HorizontalPodAutoscaler
    #[arg(long)]
    pub(crate) keda: bool,

    /// Where KEDA asks Prometheus
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, value_parser = url, requires = "keda",
          default_value = "http://prometheus-operated.monitoring.svc:9090")]
    pub(crate) prometheus: String,

    /// How much memory a pod may use; it asks for half of it
    #[arg(long, value_name = "SIZE", default_value = "256Mi")]
    pub(crate) memory: Size,

    /// How big a volume to claim for what the app keeps in its directory for data; there is one pod then
    #[arg(long, value_name = "SIZE")]
    pub(crate) data: Option<Size>,

    /// How much of a CPU a pod asks for; it may use more
    #[arg(long, value_name = "CPUS", default_value = "100m")]
    pub(crate) cpu: Cpu,

    /// A Secret that is there already, whose values become variables; may be given more than once
    #[arg(long = "secret", value_name = "NAME")]
    pub(crate) secrets: Vec<DnsName>,

    /// Write a base and overlays for kustomize into a new directory instead of printing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) kustomize: Option<Utf8PathBuf>,

    /// Write a chart for Helm into a new directory instead of printing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "kustomize")]
    pub(crate) helm: Option<Utf8PathBuf>,
}

fn url(text: &str) -> Result<String, String> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) if !rest.is_empty() && !text.contains(char::is_whitespace) => {
            Ok(text.to_owned())
        }
        _ => Err("write a URL with http:// or https://".to_owned()),
    }
}
