//! Do pictures reach the network with the pixels the reference would give it, and do bad files stay harmless?
//!
//! Expectations come from `tests/reference/images.py`; nothing here needs Python or a network.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test file; the measured differences are printed"
)]

mod damaged;
mod files;
mod pixels;

use std::{
    fs,
    path::{Path, PathBuf},
};

use eyewright_data::image::{DecodeLimits, ImageError, Picture, decode};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) file: String,
    pub(crate) side: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) f32: bool,
}

pub(crate) fn project(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests").join(folder).join("images")
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(project("fixtures").join(name)).unwrap()
}

pub(crate) fn rows() -> Vec<Row> {
    serde_json::from_slice(&fs::read(project("golden").join("rows.json")).unwrap()).unwrap()
}

pub(crate) fn read(bytes: &[u8]) -> Result<Picture, ImageError> {
    decode(bytes, &DecodeLimits::default())
}
