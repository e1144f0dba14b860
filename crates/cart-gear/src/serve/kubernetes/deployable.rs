//! What is to be deployed: what was asked for, and what the cartridge says of it.

use crate::layout::error::GearError;
use crate::serve::image::PORT;
use crate::serve::kubernetes::facts::Told;
use crate::serve::kubernetes::given::{Cpu, DnsName, Image, Label, Size};
use crate::serve::kubernetes::settings::Settings;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What the objects are called.
    pub name: Label,
    /// What runs.
    pub image: Image,
    /// How visitors come in.
    pub entrance: Entrance,
    /// How many pods there are at least.
    pub replicas: u32,
    /// How many there may be; as many as `replicas` is without an autoscaler.
    pub most_replicas: u32,
    /// How many requests a pod may be at before there should be more pods.
    pub busy: u32,
    /// Where Prometheus answers, if KEDA scales.
    pub keda: Option<String>,
    /// What a pod may use.
    pub memory: Size,
    /// How big the volume for the app's data is, if there is one. It is one node's, so there is one pod.
    pub data: Option<Size>,
    /// What a pod asks for.
    pub cpu: Cpu,
    /// Secrets that are there already, whose values become variables.
    pub secrets: Vec<DnsName>,
    /// Variables for the app and the cartridge, later ones of the same name winning.
    pub variables: Vec<(String, String)>,
}

impl Wanted {
    /// Whether it is right in itself, so that the cartridge is not asked in vain.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn check(&self) -> Result<(), GearError> {
        let is_alone = (self.replicas, self.most_replicas) == (1, 1) && self.keda.is_none();
        if self.data.is_some() && !is_alone {
            return Err(GearError::wrong(
                "a volume for data is one pod's, because two on two nodes could not both have it: leave out \
                 --replicas, --max-replicas and --keda, or --data",
            ));
        }
        if self.most_replicas < self.replicas {
            return Err(GearError::wrong(format!(
                "at most {} pods are fewer than {} at least: mend --max-replicas or --replicas",
                self.most_replicas, self.replicas
            )));
        }
        let port = self.variables.iter().rev().find(|(name, _)| name == "PORT");
        match port {
            Some((_, port)) if *port != PORT.to_string() => Err(GearError::wrong(format!(
                "PORT={port} would have the container listen where no Service looks: leave PORT out, it is {PORT}"
            ))),
            _ => Ok(()),
        }
    }
}

/// How visitors come in from outside of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// They do not.
    Closed,
    /// By an Ingress for this host.
    Ingress(String),
    /// By a Route of OpenShift; without a host OpenShift makes one up.
    Route(Option<String>),
}

/// Who changes the number of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scaler {
    Nobody,
    /// A HorizontalPodAutoscaler.
    Cluster,
    /// KEDA, which asks Prometheus at this URL.
    Keda(String),
}

/// What is to be deployed, whole.
#[derive(Clone, Debug)]
pub struct Deployable {
    /// As it stands in the objects.
    pub(super) name: String,
    pub(super) image: String,
    pub(super) entrance: Entrance,
    pub(super) scaler: Scaler,
    pub(super) settings: Settings,
    pub(super) wanted: Wanted,
    pub(super) told: Told,
}

impl Deployable {
    /// Puts together what was asked for and what was told.
    ///
    /// # Errors
    /// [`GearError`] when the one does not fit the other.
    pub fn new(wanted: Wanted, told: Told) -> Result<Self, GearError> {
        wanted.check()?;
        let settings = Settings::of(&wanted.variables);
        let name = wanted.name.as_str();
        if !settings.secret.is_empty() && wanted.secrets.iter().any(|it| it.as_str() == name) {
            return Err(GearError::wrong(format!(
                "the Secret {name} is to be there already, and to be made of {}: name it otherwise, or \
                 leave these to it",
                names(&settings)
            )));
        }
        let scaler = match (told.metrics(), &wanted.keda) {
            (None, Some(_)) => {
                return Err(GearError::wrong(format!(
                    "KEDA would have no figures to go by: the cartridge {} names no path for them \
                     (docs/kubernetes.md says which variable does that)",
                    told.cartridge
                )));
            }
            (None, None) => Scaler::Nobody,
            _ if wanted.most_replicas == wanted.replicas => Scaler::Nobody,
            (Some(_), Some(prometheus)) => Scaler::Keda(prometheus.clone()),
            (Some(_), None) => Scaler::Cluster,
        };
        Ok(Self {
            name: name.to_owned(),
            image: wanted.image.to_string(),
            entrance: wanted.entrance.clone(),
            scaler,
            settings,
            told,
            wanted,
        })
    }

    /// What a person should know of it, in sentences.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let cartridge = &self.told.cartridge;
        let mut notices = Vec::new();
        let mut say = |text: String| notices.push(text);
        match &self.told.facts {
            None => say(format!(
                "The cartridge {cartridge} says nothing to `control container`: probes only look whether \
                 port {PORT} is open, a start and an end may take {} seconds each, and nobody scales",
                self.told.start_seconds()
            )),
            Some(facts) => {
                if let Some(command) = &facts.release {
                    say(format!(
                        "Each new pod runs `{command}` when it starts: it must bear to be run again, and \
                         beside itself"
                    ));
                }
                if facts.metrics.is_none() && self.wanted.data.is_none() {
                    say(format!(
                        "There is no autoscaler, for the cartridge {cartridge} names no path for figures \
                         (docs/kubernetes.md says which variable does that)"
                    ));
                }
            }
        }
        let image = &self.wanted.image;
        if image.digest.is_none() && image.tag.as_deref().is_none_or(|tag| tag == "latest") {
            say(format!(
                "{image} may be another image tomorrow, and a cluster would not see it: name a tag of its \
                 own, or a digest"
            ));
        }
        if self.wanted.data.is_some() {
            say(format!(
                "There is one pod, and each rollout ends it before the next one starts, because the volume {} \
                 is one node's. It has what the app wrote: `kubectl delete -f` of all this deletes that, too",
                self.name
            ));
        }
        if !self.settings.secret.is_empty() {
            say(format!(
                "The Secret holds {} as readable text: keep it out of repositories, or make it elsewhere \
                 and name it with --secret",
                names(&self.settings)
            ));
        }
        notices
    }
}

fn names(settings: &Settings) -> String {
    settings.secret.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
