#![doc = include_str!("../README.md")]

// What is asked for.
pub mod folder;
pub mod forwarded;
pub mod network;
pub mod precompressed;
pub mod settings;
pub mod site;

// What there is.
pub mod binary;
pub mod build;
pub mod descriptors;
pub mod feature;
pub mod run_as;

// From facts to text.
pub mod model;
pub mod quoted;
mod statement;
mod unfit;
mod upstream;
pub mod user_config;

// From text to a running nginx.
pub mod complaint;
pub mod includes;
mod known;
pub mod layout;
mod reach;
pub mod service;
pub mod stage;

// What nginx has seen.
pub mod traffic;

pub mod nginx;

pub use binary::{Binary, BinaryError};
pub use folder::{Folder, FolderPath};
pub use layout::Rendered;
pub use model::Model;
pub use nginx::{ConfigError, Nginx};
pub use service::ServiceError;
pub use settings::{NginxSettings, SETTINGS};
pub use site::{Connections, NotServed, Site, SiteError, Upstream, WebsocketServer};
pub use stage::{Change, Stage, TestError};
pub use unfit::ModelError;
pub use user_config::{UserConfig, UserConfigError};
