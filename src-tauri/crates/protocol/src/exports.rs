//! Exports: a run's product in other people's formats, written and read back.

use crate::{CheckpointRef, ModelChoice};

words! {
    /// Which format.
    ExportFormat {
        /// Projector and adapters as XTuner writes them for Hugging Face.
        Xtuner,
        /// Adapters as PEFT writes them, with the projector.
        Peft,
        /// One merged llava-hf folder.
        LlavaHf,
        /// The files of LLaVA's own repository.
        Llava,
        /// GGUF of the language model and mmproj.
        Gguf,
        /// A checkpoint of Eyewright's own, with all that it needs.
        Eyewright,
    }
}

request! {
    /// What is to be exported.
    ExportSource {
        /// A run's checkpoint.
        pub checkpoint: Option<CheckpointRef>,
        /// Or a model of the library.
        pub choice: Option<ModelChoice>,
    }

    /// Starts an export.
    StartExport {
        /// What.
        pub source: ExportSource,
        /// As what.
        pub format: ExportFormat,
        /// A new folder; one in the library's `exports/` if absent.
        pub folder: Option<String>,
        /// The type of its numbers, one of the card's; the format's own if absent.
        pub dtype: Option<String>,
    }
}

reply! {
    /// A format and whether the source can become it.
    ExportCard {
        /// Which.
        pub format: ExportFormat,
        /// Its name.
        pub name: String,
        /// Who reads it.
        pub about: String,
        /// Whether it can be written from this source.
        pub available: bool,
        /// Why not.
        pub reason: Option<String>,
        /// Types that its numbers can be written in.
        pub dtypes: Vec<String>,
        /// Bytes it will take, about.
        pub bytes: Option<u64>,
    }

    /// What an export made, and how it was checked.
    ExportReport {
        /// The format.
        pub format: ExportFormat,
        /// The folder.
        pub folder: String,
        /// Its files.
        pub files: Vec<ExportedFile>,
        /// What was compared after reading it back.
        pub checks: Vec<ExportCheck>,
        /// Whether all comparisons held.
        pub verified: bool,
        /// Lines that load it.
        pub snippet: String,
    }

    /// A file of an export.
    ExportedFile {
        /// Its name inside the folder.
        pub name: String,
        /// Its size.
        pub bytes: u64,
    }

    /// One comparison.
    ExportCheck {
        /// What was compared.
        pub what: String,
        /// Whether it held.
        pub passed: bool,
        /// The result in words.
        pub detail: String,
        /// Whether answers were compared, and not the tensors of a file.
        pub answers: bool,
        /// How many of them are equal.
        pub equal: u64,
        /// Of how many.
        pub all: u64,
    }
}
