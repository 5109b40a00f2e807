//! Pictures: how they come in, and how they are shown. A path never goes out; a number does.

use crate::{ErrorBody, ModelChoice, PictureId};

reply! {
    /// A picture the interface may show: `thumb/<id>/<size>` in a browser, `thumb://localhost/<id>/<size>` in the
    /// window; sizes are 96, 192, 384, 768 and 1536 pixels of the longer side.
    PictureInfo {
        /// The number to ask for it by; it lasts as long as the program runs.
        pub id: PictureId,
        /// The file's name.
        pub name: String,
        /// Width in pixels as shown (turned as its camera says).
        pub width: u32,
        /// Height in pixels.
        pub height: u32,
        /// Size of the file.
        pub bytes: u64,
        /// Such as `JPEG`; empty if it could not be read.
        pub format: String,
        /// Equal for equal files.
        pub hash: String,
        /// Why it cannot be shown.
        pub fault: Option<String>,
    }

    /// A file that is no picture Eyewright can read.
    RefusedPicture {
        /// The file's name.
        pub name: String,
        /// Why.
        pub error: ErrorBody,
    }

    /// What came of adding files and folders.
    AddedPictures {
        /// The pictures, in the order given; folders sorted by name.
        pub pictures: Vec<PictureInfo>,
        /// What was left out.
        pub refused: Vec<RefusedPicture>,
    }

    /// A picture as a model is given it.
    PictureView {
        /// The padded or cut square, as a picture of its own.
        pub seen: PictureInfo,
        /// Tokens it takes in the conversation.
        pub tokens: u32,
        /// `pad` or `crop`.
        pub square: String,
        /// Side of the square in pixels.
        pub side: u32,
        /// Shares of the original that are cut off, 0 to 1.
        pub cut: f64,
        /// By how much the original is made smaller; above about 4, small writing cannot be read.
        pub reduction: f64,
    }
}

request! {
    /// A picture's bytes, from a paste or a drop in a browser. At most 64 MiB.
    AddPictureBytes {
        /// A name to show.
        pub name: String,
        /// The file's bytes in base64.
        pub base64: String,
    }

    /// Files and folders on the machine Eyewright runs on.
    AddPictureFiles {
        /// Absolute paths.
        pub paths: Vec<String>,
    }

    /// Which picture.
    PictureRef {
        /// Its number.
        pub picture: PictureId,
    }

    /// A picture through a model's eyes.
    ViewPicture {
        /// The picture.
        pub picture: PictureId,
        /// The model.
        pub choice: ModelChoice,
    }
}
