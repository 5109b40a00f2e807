//! From the bytes of a picture file to the pixels the vision network sees.
//!
//! Two steps, both pure functions: [`decode`] turns untrusted bytes into a [`Picture`], and
//! [`ImageProcessor`] turns a picture into the square the network expects. Preview, training and
//! inference all go through the same two functions, so they see the same pixels.
//!
//! The reference is transformers' `CLIPImageProcessor` over Pillow's `Image.open(file).convert("RGB")`,
//! with two stated differences: EXIF orientation is applied, and 16-bit grey keeps its high byte
//! (Pillow clips it to white). As in the reference, transparency is dropped without compositing, colour
//! profiles and gamma are ignored, and of an animation or a multi-page file the first picture is taken.

mod config;
mod decode;
mod error;
mod format;
mod gif;
mod jpeg;
mod picture;
mod preprocess;
mod resample;

pub use config::{ImageConfigError, ImageProcessorConfig, Resample};
pub use decode::{DecodeLimits, decode, open};
pub use error::{ImageError, ImageFault};
pub use format::PictureFormat;
pub use picture::Picture;
pub use preprocess::{ImageProcessor, SquareMode};
