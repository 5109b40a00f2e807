//! Models: what is here, what it is, whether its parts fit, and what can be had.

use crate::{ErrorBody, ModelId, RunId};

words! {
    /// What a folder holds.
    ModelKind {
        /// A language model without eyes.
        LanguageModel,
        /// A CLIP vision tower.
        VisionTower,
        /// A projector, with or without adapters, as stage 1 or 2 of a training leaves it.
        Projector,
        /// A complete model with eyes, in one folder or put together from parts.
        Stack,
    }

    /// The dtype weights are kept in.
    DtypeWord {
        /// What suits the device.
        Auto,
        /// 32 bits.
        F32,
        /// 16-bit IEEE.
        F16,
        /// 16-bit brain float.
        Bf16,
    }
}

request! {
    /// Where a model's parts are: a complete folder, or a language model with a tower and a projector.
    ModelPaths {
        /// Folder of a language model or of a complete model.
        pub model: String,
        /// Folder of a vision tower.
        pub visual_encoder: Option<String>,
        /// Folder or `.pth` file of a projector and adapters.
        pub llava: Option<String>,
    }

    /// Puts a model on the list; its files stay where they are.
    AddModel {
        /// Where it is.
        pub paths: ModelPaths,
        /// A name to show; the folder's if absent.
        pub name: Option<String>,
    }

    /// Looks at files before they are on the list.
    InspectPaths {
        /// Where they are.
        pub paths: ModelPaths,
    }

    /// Which model.
    ModelRef {
        /// Its id.
        pub model: ModelId,
    }

    /// Takes a model off the list.
    DeleteModel {
        /// Which.
        pub model: ModelId,
        /// Also its files, which is done only inside the library folder.
        pub files: bool,
    }

    /// Fetches a model from the hub set in the settings.
    DownloadModel {
        /// Such as `openai/clip-vit-large-patch14-336`.
        pub repository: String,
        /// A branch, tag or commit; `main` if absent.
        pub revision: Option<String>,
    }

    /// One who can answer: a model, or a model with what a run made of it.
    ModelChoice {
        /// The model; the run's own base where a run is named.
        pub model: ModelId,
        /// A checkpoint of a run on top of it.
        pub checkpoint: Option<CheckpointRef>,
    }

    /// A checkpoint of a run.
    CheckpointRef {
        /// The run.
        pub run: RunId,
        /// Its step; the newest if absent.
        pub step: Option<u64>,
    }

    /// Loads a model before it is needed.
    LoadModel {
        /// Which.
        pub choice: ModelChoice,
    }
}

impl Eq for ModelChoice {}
impl Eq for CheckpointRef {}

happenings! {
    /// Architecture and sizes of a part.
    PartSizes {
        /// A decoder.
        LanguageModel {
            /// The family, such as `internlm2`.
            family: String,
            /// Blocks.
            layers: u32,
            /// Numbers for a token between blocks.
            width: u32,
            /// Heads of attention.
            heads: u32,
            /// Heads of keys and values.
            kv_heads: u32,
            /// Tokens it knows.
            vocabulary: u32,
        },
        /// A CLIP tower.
        VisionTower {
            /// Blocks that are run.
            layers_used: u32,
            /// Blocks in its checkpoint.
            layers: u32,
            /// Numbers for a patch between blocks.
            width: u32,
            /// Side of the square it reads, in pixels.
            picture_side: u32,
            /// Side of a patch, in pixels.
            patch_side: u32,
        },
        /// A projector.
        Projector {
            /// The tower's width.
            vision_width: u32,
            /// The language model's width.
            text_width: u32,
            /// Linear layers.
            depth: u32,
        },
    }
}

reply! {
    /// A row of the list of models.
    ModelSummary {
        /// Its id.
        pub id: ModelId,
        /// Its name.
        pub name: String,
        /// What it is.
        pub kind: ModelKind,
        /// Where it is.
        pub paths: ModelPaths,
        /// Bytes on disk.
        pub bytes: u64,
        /// Whether it came with Eyewright.
        pub bundled: bool,
        /// Whether its files are in the library folder, so that deleting it can delete them.
        pub in_library: bool,
        /// Whether the memory of the device is enough to chat with it; unknown without a device's memory.
        pub fits: Option<bool>,
        /// The family, such as `internlm2`.
        pub architecture: String,
        /// Why it cannot be used.
        pub fault: Option<ErrorBody>,
    }

    /// One part of a model.
    ModelPart {
        /// `language model`, `vision tower` or `projector`.
        pub part: String,
        /// Architecture and sizes; absent for a part that is only known by its name.
        pub sizes: Option<PartSizes>,
        /// Whose names its tensors have.
        pub layout: String,
        /// Numbers in it.
        pub parameters: u64,
    }

    /// The inspection card.
    ModelCard {
        /// What it is.
        pub kind: ModelKind,
        /// Its parts.
        pub parts: Vec<ModelPart>,
        /// Whether they fit together; `false` comes with the reason in `problem`.
        pub fits_together: bool,
        /// Why they do not.
        pub problem: Option<ErrorBody>,
        /// The chat template that will be used.
        pub template: Option<String>,
        /// Longest text in tokens.
        pub context: u64,
        /// Tokens of one picture.
        pub picture_tokens: Option<u32>,
        /// Side of the square the tower reads, in pixels.
        pub picture_side: Option<u32>,
        /// Bytes of all weights in f32.
        pub bytes_f32: u64,
        /// Bytes of all weights in f16 or bf16.
        pub bytes_half: u64,
        /// Bytes with the language model in 4 bits.
        pub bytes_nf4: u64,
    }

    /// A network that Eyewright knows how to train, and where its parts come from.
    PresetCard {
        /// Its name.
        pub name: String,
        /// One line about it.
        pub summary: String,
        /// Licence of the weights.
        pub licence: String,
        /// Where they come from.
        pub sources: Vec<String>,
        /// The language model's repository or folder.
        pub llm: String,
        /// The tower's repository or folder.
        pub tower: String,
        /// The chat template.
        pub template: String,
        /// Whether the language model is in the library.
        pub llm_here: bool,
        /// Whether the tower is in the library.
        pub tower_here: bool,
        /// Numbers in the language model.
        pub llm_parameters: u64,
    }

    /// The model that is in the device's memory.
    LoadedModel {
        /// Which.
        pub choice: ModelChoice,
        /// Its name.
        pub name: String,
        /// Where it computes, such as `cuda:0`.
        pub device: String,
        /// The device's own name.
        pub device_name: String,
        /// Why there.
        pub device_reason: String,
        /// Name of the chat template.
        pub template: String,
        /// Why this template.
        pub template_reason: String,
        /// Whether it sees.
        pub eyes: bool,
        /// Longest text in tokens.
        pub context: u64,
    }
}
