//! Plans: recipe × preset × what the user changed, seen before anything starts.

use std::collections::BTreeMap;

words! {
    /// One of LLaVA's two stages.
    StageWord {
        /// The projector learns to speak to the language model.
        Pretrain,
        /// The model learns to follow instructions about pictures.
        Finetune,
    }

    /// Who decided a value.
    SourceWord {
        /// The recipe.
        Recipe,
        /// The preset.
        Preset,
        /// The user.
        User,
        /// It follows from other values.
        Derived,
    }

    /// What can be wrong with a draft, or worth knowing.
    ProblemWord {
        /// A value that its key cannot take; `detail` says why.
        NoSuchValue,
        /// The plan cannot be resolved; `detail` says why.
        Unresolved,
        /// A key without which nothing runs is empty.
        NotChosen,
        /// The forecast is larger than the device's memory.
        TooLarge,
        /// Another run uses the device.
        RunGoingOn,
        /// A model is not on this machine.
        ModelNotHere,
        /// Without a tower text alone is trained.
        NoTower,
        /// A file or folder is not there.
        PathNotThere,
        /// A finetune that starts from a random projector.
        RandomProjector,
        /// The data set has no rows.
        NoRows,
        /// The data set cannot be read; `detail` says why.
        UnreadableData,
        /// What is chosen cannot be used for this run; `detail` says why.
        Unusable,
        /// Some of the first rows cannot be trained on; `name` is how many, `detail` the first of them.
        BadRows,
        /// None of the rows can be trained on; `detail` is what is wrong with the first.
        NoGoodRows,
    }

    /// A way to make a plan smaller.
    FixWord {
        /// Activations are computed again instead of kept.
        RecomputeActivations,
        /// The language model is stored in 4 bits.
        FourBits,
        /// Adapters are trained instead of all numbers.
        Adapters,
        /// Smaller batches, more of them for a step.
        SmallerBatches,
    }
}

request! {
    /// A run as the wizard holds it.
    RunDraft {
        /// The recipe.
        pub recipe: String,
        /// The preset.
        pub preset: String,
        /// What the user changed: key of the plan to value, as `--set` takes it.
        pub values: BTreeMap<String, String>,
        /// A name for the run; made from recipe and data if absent.
        pub name: Option<String>,
        /// Where to compute, such as `auto` or `cuda:0`; that of the settings if absent.
        pub device: Option<String>,
    }

    /// A draft to look at.
    PreviewRun {
        /// The draft.
        pub draft: RunDraft,
        /// An earlier draft that runs first and whose projector this one starts from.
        pub after: Option<RunDraft>,
    }

    /// TOML text of a plan or of overrides.
    ReadDraft {
        /// The text.
        pub toml: String,
    }
}

happenings! {
    /// What may stand behind a key of a plan.
    FieldKind {
        /// Yes or no.
        Flag,
        /// A whole number within bounds; a bound is absent where there is none worth showing.
        Integer {
            /// Smallest.
            min: Option<f64>,
            /// Largest.
            max: Option<f64>,
        },
        /// A number within bounds.
        Number {
            /// Smallest.
            min: Option<f64>,
            /// Largest.
            max: Option<f64>,
        },
        /// Text.
        Text,
        /// A path or a repository.
        Path,
        /// One of these words.
        Choice {
            /// The words.
            words: Vec<String>,
        },
        /// Several texts, written as a TOML list.
        List,
    }
}

reply! {
    /// What a stage does.
    RecipeCard {
        /// Its name.
        pub name: String,
        /// One line about it.
        pub summary: String,
        /// Its stage.
        pub stage: StageWord,
    }

    /// One key of a plan.
    PlanRow {
        /// The key, such as `lr.projector`.
        pub key: String,
        /// The flag that means the same, without dashes; empty if there is none.
        pub flag: String,
        /// What may stand here.
        pub kind: FieldKind,
        /// The value, as `values` of a draft would give it.
        pub value: String,
        /// The value without the user's change.
        pub recommended: String,
        /// Who decided.
        pub source: SourceWord,
        /// What it does, in one line.
        pub advice: String,
    }

    /// Something about a draft that matters before Start.
    PlanProblem {
        /// Whether it prevents Start.
        pub blocks: bool,
        /// The key it is about.
        pub key: Option<String>,
        /// What it is.
        pub problem: ProblemWord,
        /// What it names: a path, a model, a run; empty if nothing.
        pub name: String,
        /// The core's own words, where there is more to say than the word does.
        pub detail: Option<String>,
    }

    /// Memory of one part in bytes.
    MemoryPart {
        /// `language model`, `tower`, `projector`, `logits` or `workspace`.
        pub part: String,
        /// Stored numbers.
        pub weights: u64,
        /// The optimiser's moments.
        pub optimiser: u64,
        /// Gradients.
        pub gradients: u64,
        /// What the backward pass needs.
        pub activations: u64,
    }

    /// The forecast beside the device.
    MemoryBar {
        /// Part by part.
        pub parts: Vec<MemoryPart>,
        /// In all.
        pub total: u64,
        /// What the device has; absent where it does not tell.
        pub device_memory: Option<u64>,
        /// The device's name.
        pub device_name: String,
        /// Whether it fits; unknown without the device's memory.
        pub fits: Option<bool>,
    }

    /// One click that makes a plan smaller.
    PlanFix {
        /// What it does.
        pub way: FixWord,
        /// Values to put into the draft.
        pub values: BTreeMap<String, String>,
        /// The forecast with them.
        pub total: u64,
    }

    /// A draft, resolved.
    RunPreview {
        /// Every key; empty when it cannot be resolved, and `problems` says why.
        pub rows: Vec<PlanRow>,
        /// Its stage.
        pub stage: Option<StageWord>,
        /// The equal command line; empty as long as something is not chosen or no plan follows.
        pub command: String,
        /// The plan as TOML.
        pub toml: String,
        /// Memory.
        pub memory: Option<MemoryBar>,
        /// One-click ways to fit, when it does not.
        pub fixes: Vec<PlanFix>,
        /// Steps of the run, when the data set's rows are known.
        pub steps: Option<u64>,
        /// Rows it trains on.
        pub rows_total: Option<u64>,
        /// Numbers that are trained.
        pub trained_parameters: Option<u64>,
        /// What is wrong or worth knowing.
        pub problems: Vec<PlanProblem>,
        /// Whether Start may be pressed.
        pub ready: bool,
    }
}
