//! What can be wrong with a picture file, in words its owner can act on.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::format::PictureFormat;

/// A picture that could not be used: which one (when it came from a file) and why.
#[derive(Debug)]
pub struct ImageError {
    /// The file, when there is one.
    pub path: Option<PathBuf>,
    /// What is wrong with it.
    pub fault: ImageFault,
}

impl ImageError {
    /// Names the file the fault was found in.
    pub(super) fn in_file(path: &Path, fault: ImageFault) -> Self {
        Self { path: Some(path.to_path_buf()), fault }
    }
}

impl From<ImageFault> for ImageError {
    fn from(fault: ImageFault) -> Self {
        Self { path: None, fault }
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "picture `{}`: {}", path.display(), self.fault),
            None => write!(f, "picture: {}", self.fault),
        }
    }
}

impl Error for ImageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.source()
    }
}

/// The reasons a picture is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageFault {
    /// The file system refused.
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    /// A folder, pipe or device.
    #[error("is {found}, not a regular file")]
    NotAFile {
        /// What was found instead.
        found: &'static str,
    },
    /// Zero bytes.
    #[error("is empty (0 bytes); copy or download it again")]
    Empty,
    /// The file is larger than allowed, found before reading it.
    #[error("has {found} bytes, at most {allowed} are read")]
    TooManyBytes {
        /// Size of the file.
        found: u64,
        /// The limit.
        allowed: u64,
    },
    /// The header announces a picture larger than allowed, found before decoding it.
    #[error(
        "is {width}x{height} pixels; at most {max_pixels} pixels and {max_side} a side are decoded, make it smaller first"
    )]
    TooManyPixels {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// The limit on width times height.
        max_pixels: u64,
        /// The limit on either side.
        max_side: u32,
    },
    /// A header with a zero side.
    #[error("has no pixels ({width}x{height})")]
    NoPixels {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
    },
    /// Decoding would need more memory than allowed.
    #[error("{format}: needs more than {allowed} bytes of memory to decode")]
    TooMuchMemory {
        /// Format found in the content.
        format: PictureFormat,
        /// The limit.
        allowed: u64,
    },
    /// A known kind of file that is no picture, or a picture format that is not read.
    #[error("is {what}, which is not a picture format read here; {hint}")]
    NotSupported {
        /// The kind of file, from its content.
        what: &'static str,
        /// The next step.
        hint: &'static str,
    },
    /// The content matches no known kind of file.
    #[error(
        "is of unknown kind (starts with {}); JPEG, PNG, WebP, GIF, BMP and TIFF are read",
        start.escape_ascii()
    )]
    Unknown {
        /// The first bytes of the content.
        start: Vec<u8>,
    },
    /// A supported format in a variety that cannot be read exactly.
    #[error("{format}: this variety is not read ({detail}); save it as PNG or JPEG")]
    Variety {
        /// Format found in the content.
        format: PictureFormat,
        /// Which variety, in the decoder's words.
        detail: String,
    },
    /// The file ends too early.
    #[error("{format}: ends before the picture is complete; copy or download it again")]
    Truncated {
        /// Format found in the content.
        format: PictureFormat,
    },
    /// The content contradicts its own format.
    #[error("{format}: damaged ({source})")]
    Damaged {
        /// Format found in the content.
        format: PictureFormat,
        /// The decoder's reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The decoder gave up in a way it should not; the program goes on.
    #[error("{format}: damaged in a way its decoder did not expect")]
    DecoderPanic {
        /// Format found in the content.
        format: PictureFormat,
    },
    /// The sides do not fit the number of bytes.
    #[error("{width}x{height} pixels need {expected} bytes of RGB, {found} were given")]
    SizeMismatch {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
        /// `width * height * 3`.
        expected: u64,
        /// Bytes given.
        found: usize,
    },
    /// A picture could not be written as PNG or JPEG.
    #[error("cannot be written as {format}: {source}")]
    Encode {
        /// Format asked for.
        format: PictureFormat,
        /// The encoder's reason.
        source: Box<dyn Error + Send + Sync>,
    },
}
