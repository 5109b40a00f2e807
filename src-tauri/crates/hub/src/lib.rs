//! Models from a hub that speaks as Hugging Face does, or from a mirror of it, into a folder.
//!
//! The only crate that opens connections to other machines, and only when [`DownloadConfig::download`] is called. It knows names of
//! files and no networks: what a model is, is seen when the folder is opened.

mod address;
mod checksum;
mod choose;
mod download;
mod error;
mod fetch;
mod http;
mod listing;
mod meter;

pub use address::{Address, Repository};
pub use checksum::Checksum;
pub use download::{DownloadConfig, Downloaded, ORIGIN, downloaded_from};
pub use error::HubError;
pub use meter::Progress;
