//! What a frozen tower sees in a picture, kept on disk so that it is computed once.
//!
//! Pictures are encoded one at a time, so that a feature does not depend on what stood beside it in a batch, and
//! kept in the type they were computed in: with the cache or without, later epochs see the same bits.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use burn::tensor::{DType, Device, Tensor, TensorData};
use eyewright_model::llava::VisionEye;

use super::RunError;
use crate::checkpoint::{LocalDisk, replace_file};

/// Features by picture file.
#[derive(Clone, Debug)]
pub struct FeatureCache {
    folder: PathBuf,
    key: String,
    dtype: DType,
    tokens: usize,
    width: usize,
}

impl FeatureCache {
    /// A cache below `folder` for the tower and preprocessing that `key` names.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path, key: &str, eye: &VisionEye, dtype: DType) -> Result<Self, RunError> {
        let (tokens, width) = (eye.tower.config().tokens(), eye.tower.config().clip.hidden);
        let key = blake3::hash(format!("{key} {dtype:?} {tokens} {width}").as_bytes()).to_hex().to_string();
        let folder = folder.join(key.get(..16).unwrap_or(&key));
        fs::create_dir_all(&folder).map_err(RunError::disk("create", &folder))?;
        Ok(Self { folder, key, dtype, tokens, width })
    }

    /// Whether a picture's features are there. A picture that was changed since is another one.
    pub fn has(&self, picture: &Path) -> bool {
        self.file(picture).is_file()
    }

    /// `[1, tokens, width]`, if they are there and whole.
    pub(super) fn load(&self, picture: &Path, device: &Device) -> Option<Tensor<3>> {
        let bytes = fs::read(self.file(picture)).ok()?;
        let shape = [1, self.tokens, self.width];
        if bytes.len() != shape.iter().product::<usize>() * self.dtype.size() {
            return None;
        }
        let data = TensorData::from_bytes_vec(bytes, shape, self.dtype);
        Some(Tensor::from_data(data, (device, self.dtype)))
    }

    /// Encodes a picture and keeps its features.
    pub(super) fn compute(
        &self,
        picture: &Path,
        pixels: &[f32],
        eye: &VisionEye,
        device: &Device,
    ) -> Result<Tensor<3>, RunError> {
        let side = eye.tower.config().clip.image_side;
        let data = TensorData::new(pixels.to_vec(), [1, 3, side, side]);
        let pixels = Tensor::<4>::from_data(data, (device, DType::F32));
        let features = eye.tower.forward(eyewright_ops::to_dtype(pixels, self.dtype));
        let bytes = features.to_data().into_bytes();
        replace_file(&LocalDisk, &self.file(picture), &bytes)?;
        Ok(features)
    }

    fn file(&self, picture: &Path) -> PathBuf {
        let about = fs::metadata(picture).ok();
        let changed = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let name = format!(
            "{} {} {:?} {:?}",
            self.key,
            picture.display(),
            about.map(|about| about.len()),
            changed.map(|changed| changed.as_nanos())
        );
        let hash = blake3::hash(name.as_bytes()).to_hex();
        self.folder.join(format!("{}.features", hash.get(..40).unwrap_or("x")))
    }
}
