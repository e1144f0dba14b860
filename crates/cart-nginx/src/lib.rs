#![doc = include_str!("../README.md")]

// From the ground up: a folder imports from those above it in this list, never from one below.
mod text;

mod machine;

pub mod precompressed;

pub mod traffic;

mod wanted;

mod config;

mod running;

pub use text::layout::{self, FILE_NAME, Rendered};
pub use text::unfit::ModelError;

pub use machine::binary::{Binary, BinaryError};
pub use machine::build::Build;
pub use machine::feature;
pub use machine::run_as::{RunAs, RunAsError};

pub use wanted::folder::{Folder, FolderPath};
pub use wanted::forwarded;
pub use wanted::network::{self, Network};
pub use wanted::settings::{
    MAX_RESPONSE_HEAD_SIZE, NginxSettings, READ_TIMEOUT, SETTINGS, SHUTDOWN_TIMEOUT,
};
pub use wanted::site::{Connections, NotServed, Site, SiteError, Upstream, WebsocketServer};

pub use config::health;
pub use config::model::Model;
pub use config::user_config::{UserConfig, UserConfigError};

pub use running::nginx::{ConfigError, Nginx};
pub use running::service::ServiceError;
pub use running::stage::{Change, Stage};
pub use running::test_error::TestError;
