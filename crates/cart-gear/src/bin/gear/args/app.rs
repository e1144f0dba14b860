//! Commands on an app or a cartridge in a directory.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use cart_gear::{Base, Output};
use clap::{Args, ValueHint};

use crate::args::shared::CartridgeArguments;

#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// The directory that holds the app; it is copied, never written to
    #[arg(value_name = "APP_DIR", value_hint = ValueHint::DirPath, required_unless_present = "prepared")]
    pub(crate) app_dir: Option<Utf8PathBuf>,

    /// Serve what `gear prepare` has built into DIR, which may be read-only. The app sees all
    /// variables that this command has
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "app_dir")]
    pub(crate) prepared: Option<Utf8PathBuf>,

    /// Where to listen; port 0 is a free one [default: 127.0.0.1 and the cartridge's port, or the
    /// next free one; as a container's first process, on Heroku, Knative and Kubernetes: 0.0.0.0
    /// and the variable PORT, if it is set]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// Where the app's data are kept; without it, or if it is not there, they are gone with the gear
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<Utf8PathBuf>,

    /// How long to serve on after a SIGTERM, not ready any more, until those who send requests have
    /// heard of it; a second SIGTERM, or a Ctrl-C, ends that
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) linger: u32,

    #[command(flatten)]
    pub(crate) cartridge: CartridgeArguments,
}

/// An app, and how it would be served.
#[derive(Args, Debug)]
pub(crate) struct AppArguments {
    /// The directory that holds the app; it is copied, never written to
    #[arg(value_name = "APP_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) app_dir: Utf8PathBuf,

    #[command(flatten)]
    pub(crate) cartridge: CartridgeArguments,
}

#[derive(Args, Debug)]
pub(crate) struct PrepareArguments {
    #[command(flatten)]
    pub(crate) app: AppArguments,

    /// The directory to build it into: one that is not there, that is empty, or that holds what was
    /// prepared before, of which what is still right is not built again
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) to: Utf8PathBuf,

    /// The app's name [default: that of its directory]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Let the app's own build steps see all variables that this command has, as `gear serve --prepared`
    /// lets the app; they are not kept
    #[arg(long)]
    pub(crate) all_variables: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ImageArguments {
    #[command(flatten)]
    pub(crate) app: AppArguments,

    /// What the image is to be called
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: String,

    /// What is below the app: an image, as `buildah from` takes it, or the directory of a system;
    /// with Python, and with nginx unless the cartridge brings one
    #[arg(long, value_name = "REF|DIR", default_value = "python:3.13-slim")]
    pub(crate) base: Base,

    /// Where the image is put: oci:DIR, docker-archive:FILE or containers-storage, where podman has
    /// its images
    #[arg(long, value_name = "WHERE", default_value = "containers-storage")]
    pub(crate) output: Output,

    /// The app's name [default: that of its directory]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) app: AppArguments,

    /// Print an object in each line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ValidateArguments {
    /// The cartridge's directory, as it is delivered
    #[arg(value_name = "CARTRIDGE_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cartridge: Utf8PathBuf,

    /// Print a list of objects with file, line, level and message
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VariablesArguments {
    /// The cartridge's directory [default: the only one beside this program]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cartridge: Option<Utf8PathBuf>,

    /// Print a list of objects
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct GenerateArguments {
    /// The directory that holds `man`, such as /usr/local/share
    #[arg(value_name = "SHARE_DIR")]
    pub(crate) share: Utf8PathBuf,
}
