//! What does `preprocessor_config.json` ask for, and can it be done exactly?
//!
//! Only the steps of `CLIPImageProcessor` that are reproduced byte for byte are accepted; anything else is
//! refused with the field that asks for it, because a picture prepared differently gives a worse model silently.

use serde::Deserialize;
use serde_json::Value;

use super::preprocess::ImageProcessor;

const CLIP_MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];
const MAX_SIDE: u32 = 4096;

/// The filter used for scaling, named and numbered as in Pillow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resample {
    /// 2: triangle.
    Bilinear,
    /// 3: Keys' cubic with a = -0.5.
    Bicubic,
}

/// How pictures become network input: resize the shortest edge, crop the centre, rescale, normalise.
///
/// Reference: transformers `CLIPImageProcessor` (PIL backend). Read from `preprocessor_config.json` with
/// [`ImageProcessorConfig::from_json`] or serde, or made with [`ImageProcessorConfig::clip`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Stored")]
pub struct ImageProcessorConfig {
    pub(super) side: u32,
    pub(super) shortest_edge: u32,
    pub(super) resample: Resample,
    pub(super) rescale_factor: f64,
    pub(super) mean: [f64; 3],
    pub(super) std: [f64; 3],
}

/// A preprocessor configuration that cannot be followed exactly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageConfigError {
    /// Not the JSON object expected.
    #[error("the image preprocessor configuration cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A field with a value that is not supported.
    #[error("image preprocessor field `{field}` is {found}; supported is {expected}")]
    Field {
        /// Name in the file.
        field: &'static str,
        /// Its value, as JSON.
        found: Value,
        /// What can be done exactly.
        expected: &'static str,
    },
    /// Neither `size` nor `crop_size` is given.
    #[error("the image preprocessor configuration has neither `size` nor `crop_size`")]
    NoSize,
    /// The crop would be larger than the picture it is cut from.
    #[error(
        "image preprocessor crops {crop} pixels from a picture resized to {size}; `crop_size` must not exceed `size`"
    )]
    CropExceedsSize {
        /// `crop_size`.
        crop: u32,
        /// `size`.
        size: u32,
    },
}

/// The file as it is written by various versions; every field may be missing.
#[derive(Deserialize)]
struct Stored {
    size: Option<Value>,
    crop_size: Option<Value>,
    resample: Option<Value>,
    image_mean: Option<Value>,
    image_std: Option<Value>,
    rescale_factor: Option<Value>,
    do_resize: Option<Value>,
    do_center_crop: Option<Value>,
    do_rescale: Option<Value>,
    do_normalize: Option<Value>,
    do_pad: Option<Value>,
}

impl ImageProcessorConfig {
    /// CLIP's own preprocessing for a square of `side` pixels: bicubic, CLIP mean and deviation.
    ///
    /// # Errors
    /// When `side` is 0 or above 4096.
    pub fn clip(side: u32) -> Result<Self, ImageConfigError> {
        let side = side_of("size", &Value::from(side), "shortest_edge")?;
        Ok(Self {
            side,
            shortest_edge: side,
            resample: Resample::Bicubic,
            rescale_factor: 1.0 / 255.0,
            mean: CLIP_MEAN,
            std: CLIP_STD,
        })
    }

    /// Reads the text of a `preprocessor_config.json`.
    ///
    /// # Errors
    /// [`ImageConfigError`] naming the field that cannot be followed.
    pub fn from_json(text: &str) -> Result<Self, ImageConfigError> {
        Self::try_from(serde_json::from_str::<Stored>(text)?)
    }

    /// Side of the square the network sees, in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.side
    }

    /// Builds the processor: normalisation becomes one table look-up per sample.
    #[must_use]
    pub fn init(&self) -> ImageProcessor {
        ImageProcessor::new(self.clone())
    }
}

impl TryFrom<Stored> for ImageProcessorConfig {
    type Error = ImageConfigError;

    fn try_from(stored: Stored) -> Result<Self, ImageConfigError> {
        let steps = [
            ("do_resize", &stored.do_resize, true),
            ("do_center_crop", &stored.do_center_crop, true),
            ("do_rescale", &stored.do_rescale, true),
            ("do_normalize", &stored.do_normalize, true),
        ];
        // Padding happens before these steps, and who opens a model decides about it; both values can be followed.
        if let Some(value) = stored.do_pad.filter(|value| !value.is_boolean() && !value.is_null()) {
            return Err(ImageConfigError::Field { field: "do_pad", found: value, expected: "true or false" });
        }
        for (field, value, wanted) in steps {
            match value {
                None | Some(Value::Null) => {}
                Some(Value::Bool(found)) if *found == wanted => {}
                Some(found) => {
                    let expected = if wanted { "true" } else { "false" };
                    return Err(ImageConfigError::Field { field, found: found.clone(), expected });
                }
            }
        }
        let size = stored.size.map(|value| side_of("size", &value, "shortest_edge")).transpose()?;
        let crop = stored.crop_size.map(|value| side_of("crop_size", &value, "height")).transpose()?;
        let shortest_edge = size.or(crop).ok_or(ImageConfigError::NoSize)?;
        let side = crop.unwrap_or(shortest_edge);
        if side > shortest_edge {
            return Err(ImageConfigError::CropExceedsSize { crop: side, size: shortest_edge });
        }
        let resample = match stored.resample {
            None | Some(Value::Null) => Resample::Bicubic,
            Some(value) => match value.as_u64() {
                Some(2) => Resample::Bilinear,
                Some(3) => Resample::Bicubic,
                _ => {
                    let expected = "3 (bicubic) or 2 (bilinear)";
                    return Err(ImageConfigError::Field { field: "resample", found: value, expected });
                }
            },
        };
        let rescale_factor = match stored.rescale_factor {
            None | Some(Value::Null) => 1.0 / 255.0,
            Some(value) => value.as_f64().filter(|factor| *factor > 0.0 && *factor <= 1.0).ok_or(
                ImageConfigError::Field {
                    field: "rescale_factor",
                    found: value,
                    expected: "a number in (0, 1]",
                },
            )?,
        };
        let mean = triple("image_mean", stored.image_mean, CLIP_MEAN, |mean| (0.0..=1.0).contains(&mean))?;
        let std = triple("image_std", stored.image_std, CLIP_STD, |std| std > 1e-6 && std <= 1e6)?;
        Ok(Self { side, shortest_edge, resample, rescale_factor, mean, std })
    }
}

/// A side given as a number, as `{"shortest_edge": n}`, or for the crop as equal `height` and `width`.
fn side_of(field: &'static str, value: &Value, key: &str) -> Result<u32, ImageConfigError> {
    let expected = "a side of 1 to 4096 as a number, {\"shortest_edge\": n} (size) or equal height and width (crop_size)";
    let refused = || ImageConfigError::Field { field, found: value.clone(), expected };
    let number = match value {
        Value::Number(_) => value,
        Value::Object(sides) if sides.len() == 1 && key == "shortest_edge" => {
            sides.get(key).ok_or_else(refused)?
        }
        Value::Object(sides)
            if sides.len() == 2 && key == "height" && sides.get("height") == sides.get("width") =>
        {
            sides.get(key).ok_or_else(refused)?
        }
        _ => return Err(refused()),
    };
    let side = number.as_u64().and_then(|side| u32::try_from(side).ok());
    side.filter(|side| (1..=MAX_SIDE).contains(side)).ok_or_else(refused)
}

fn triple(
    field: &'static str,
    value: Option<Value>,
    default: [f64; 3],
    accept: impl Fn(f64) -> bool,
) -> Result<[f64; 3], ImageConfigError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(default) };
    let numbers: Option<Vec<f64>> = value
        .as_array()
        .and_then(|list| list.iter().map(|item| item.as_f64().filter(|&n| accept(n))).collect());
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or(ImageConfigError::Field {
        field,
        found: value,
        expected: "three numbers, one per colour (mean within 0 to 1, deviation above 0)",
    })
}
