//! Commands that make, show, move and end gears.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use clap::{Args, ValueHint};

use crate::args::shared::{CartridgeArguments, OnGear};

#[derive(Args, Debug)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The directory that holds the app; it is copied [default: the cartridge's own template]
    #[arg(long, value_name = "APP_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) from: Option<Utf8PathBuf>,

    /// A git repository that holds the app, with #BRANCH or #TAG if it is not the one that is HEAD
    /// there
    #[arg(long, value_name = "URL", conflicts_with = "from")]
    pub(crate) git: Option<String>,

    /// How many deployments to keep, the current one included
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep_deployments: u32,

    /// Where to listen, for the gear's whole life [default: an address of its own and the
    /// cartridge's port]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) cartridge: CartridgeArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    /// Print a list of objects
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TopArguments {
    /// Print a table and end, as is done where there is no terminal
    #[arg(long)]
    pub(crate) once: bool,

    /// How many seconds lie between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: u64,
}

#[derive(Args, Debug)]
pub(crate) struct DestroyArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BootArguments {
    /// Stop the gears that run; the next `gear boot` starts them again
    #[arg(long, conflicts_with_all = ["install", "uninstall", "print"])]
    pub(crate) stop: bool,

    /// Have systemd run `gear boot` at each start of the machine
    #[arg(long, conflicts_with_all = ["uninstall"])]
    pub(crate) install: bool,

    /// Undo --install; what runs goes on
    #[arg(long)]
    pub(crate) uninstall: bool,

    /// With --install or --uninstall: the machine's systemd, not the user's; needs root, and is for
    /// the owner of GEAR_HOME
    #[arg(long)]
    pub(crate) system: bool,

    /// Print the systemd unit, and write nothing
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UpgradeArguments {
    #[command(flatten)]
    pub(crate) gear: OnGear,

    /// The directory of the newer cartridge [default: where the gear's cartridge was taken from]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cartridge: Option<Utf8PathBuf>,

    /// Put the cartridge on the gear again even if the gear has this version of it
    #[arg(long)]
    pub(crate) force: bool,
}
