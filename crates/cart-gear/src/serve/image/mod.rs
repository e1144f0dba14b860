//! An image of an app, as the Open Container Initiative describes images: from an app's directory and a base
//! to layers and their description, without a daemon.
//!
//! Of the work on what others have made, `buildah` does all: it fetches the base, unpacks it, runs the build in
//! it, and hands the image on. The layers that are ours are written here, because they must be the same whenever they
//! are made of the same, and because the time of a file is more than a fact about its making: nginx tells by it
//! whether a visitor's copy is right.

mod buildah;
mod contents;
mod facts;
mod layer;
mod layout;
mod made;
mod place;
mod sbom;

pub use contents::{Contents, Image, ask_base};
pub use facts::{Base, ImageOptions, Output};
pub(crate) use facts::{DATA, LINGER, PORT};
pub use layer::Part;
pub use made::image;
