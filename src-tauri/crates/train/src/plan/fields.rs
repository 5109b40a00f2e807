//! Every key of a plan: its kind, its flag and a line of advice.
//!
//! This table is the only list of keys. `--set`, TOML files, the printed plan, the command line and the wizard are
//! all read from it; [`super::parts`] gives the values their types.

use super::choices::{DecayWord, Precision, Quantisation, Square, Stage, TuneMode};
use super::value::Kind;

/// One key of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// The key, such as `lr.projector`: a table and a name in TOML files.
    pub key: &'static str,
    /// The flag that means the same, without its dashes; empty when `--set` is the only way.
    pub flag: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// Whether a resumed run must have the same value, because training would go another way otherwise.
    pub decides_training: bool,
    /// What it does, in one line. A recipe may say something more to the point.
    pub advice: &'static str,
}

impl Field {
    /// The row of a key.
    pub fn of(key: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.key == key)
    }

    /// The row of a flag, without its dashes.
    pub fn of_flag(flag: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| !flag.is_empty() && field.flag == flag)
    }
}

/// Keys that stand for several: `--lr 1e-4` sets all three rates.
pub const ALIASES: &[(&str, &[&str])] = &[("lr", &["lr.projector", "lr.llm", "lr.tower"])];

const fn decides(key: &'static str, flag: &'static str, kind: Kind, advice: &'static str) -> Field {
    Field { key, flag, kind, decides_training: true, advice }
}

/// A key that may change from one start of the run to the next.
const fn free(key: &'static str, flag: &'static str, kind: Kind, advice: &'static str) -> Field {
    Field { key, flag, kind, decides_training: false, advice }
}

const COUNT: Kind = Kind::Integer(0, i64::MAX);
const POSITIVE: Kind = Kind::Integer(1, i64::MAX);
const RATE: Kind = Kind::Number(0.0, 1.0);
const MODE: Kind = Kind::Choice(TuneMode::WORDS);
/// Beta may not be 1: the moment would never see a gradient.
const BETA: Kind = Kind::Number(0.0, 0.999_999_9);

/// All keys, in the order in which a plan is printed.
pub const FIELDS: &[Field] = &[
    decides(
        "stage",
        "",
        Kind::Choice(Stage::WORDS),
        "Which of the two stages this is; pretrain shows captions, finetune answers.",
    ),
    decides(
        "seed",
        "seed",
        COUNT,
        "Fixes the order of the rows, the start values and the dropout; the same seed gives the same run.",
    ),
    // Data.
    decides("data.json", "data", Kind::Path, "Conversations in LLaVA's JSON or JSONL form."),
    decides(
        "data.image_folder",
        "images",
        Kind::Path,
        "The folder that the rows' picture names start from; without it, the folder of the data file.",
    ),
    decides(
        "data.template",
        "template",
        Kind::Text,
        "The chat template; it must be the one the language model was trained with.",
    ),
    decides(
        "data.system",
        "system",
        Kind::Text,
        "A system text in front of every conversation; XTuner uses none.",
    ),
    decides(
        "data.window",
        "window",
        Kind::Integer(8, 1 << 20),
        "Positions that a row with one picture may take in the language model.",
    ),
    decides(
        "data.max_length",
        "max-length",
        Kind::Integer(1, 1 << 20),
        "Tokens of text a row may have; by default the window less the patches of one picture.",
    ),
    decides(
        "data.square",
        "square",
        Kind::Choice(Square::WORDS),
        "pad keeps the whole picture, crop loses the ends of long ones; use the same later in chat.",
    ),
    decides(
        "data.group_by_length",
        "",
        Kind::Flag,
        "Puts rows of similar length into one batch: less padding, the same rows.",
    ),
    decides(
        "data.validation_fraction",
        "validation-fraction",
        Kind::Number(0.0, 0.5),
        "The share of rows that is not trained on but measured; 0 for none.",
    ),
    decides(
        "data.validation_file",
        "validation",
        Kind::Path,
        "A file of rows to measure on, instead of a share of the data; empty for none.",
    ),
    decides(
        "data.skip_bad_rows",
        "skip-bad-rows",
        Kind::Flag,
        "Leaves out rows that cannot be trained on, and says which; otherwise they stop the run before it starts.",
    ),
    free(
        "data.workers",
        "workers",
        Kind::Integer(0, 256),
        "Threads that decode pictures ahead of time; 0 decodes in the training thread.",
    ),
    free(
        "data.cache_features",
        "cache-features",
        Kind::Flag,
        "Keeps what a frozen tower sees on disk, so that later epochs and runs skip the tower.",
    ),
    // The network and its storage.
    decides(
        "model.llm",
        "llm",
        Kind::Path,
        "The language model: a folder, or the name of a repository that has been downloaded.",
    ),
    decides(
        "model.tower",
        "tower",
        Kind::Path,
        "The vision tower: a folder, or the name of a repository that has been downloaded; empty to train on text alone.",
    ),
    decides(
        "model.pretrained",
        "pretrained",
        Kind::Path,
        "A projector to start from (the product of pretrain); empty starts from random numbers.",
    ),
    decides(
        "model.projector_depth",
        "",
        Kind::Integer(1, 8),
        "Linear layers of the projector; LLaVA 1.5 has 2.",
    ),
    decides(
        "model.select_layer",
        "",
        Kind::Integer(-64, 64),
        "The tower's hidden state that is read, counted from the end when negative; LLaVA reads -2.",
    ),
    decides(
        "model.precision",
        "dtype",
        Kind::Choice(Precision::WORDS),
        "The type of the base's numbers; auto takes what the device does best.",
    ),
    decides(
        "model.quantisation",
        "quantise",
        Kind::Choice(Quantisation::WORDS),
        "4-bit storage of the language model's frozen base: a quarter of the memory, a little slower.",
    ),
    // What is trained.
    decides(
        "tune.projector.mode",
        "tune-projector",
        Kind::Choice(&["frozen", "full"]),
        "The projector is trained in both of LLaVA's stages.",
    ),
    decides(
        "tune.llm.mode",
        "tune-llm",
        MODE,
        "frozen keeps the language model, lora adapts it cheaply, full changes every number of it.",
    ),
    decides(
        "tune.llm.rank",
        "rank",
        Kind::Integer(1, 4096),
        "Width of the adapters; more learns more and needs more memory.",
    ),
    decides(
        "tune.llm.alpha",
        "alpha",
        Kind::Number(0.0, 65536.0),
        "The adapter's output is scaled by alpha / rank.",
    ),
    decides(
        "tune.llm.dropout",
        "",
        Kind::Number(0.0, 0.99),
        "The share of the adapter's input that is dropped in training.",
    ),
    decides(
        "tune.llm.targets",
        "",
        Kind::List,
        "Linear layers that get an adapter, by the last part of their name; [\"all\"] for each in every block.",
    ),
    decides(
        "tune.llm.head",
        "",
        Kind::Flag,
        "An adapter on the output head too; XTuner has one on InternLM2, whose head it does not recognise, and on no other.",
    ),
    decides(
        "tune.tower.mode",
        "tune-tower",
        MODE,
        "XTuner's QLoRA recipe adapts the tower, LLaVA's own recipes keep it frozen.",
    ),
    decides("tune.tower.rank", "", Kind::Integer(1, 4096), "Width of the tower's adapters."),
    decides(
        "tune.tower.alpha",
        "",
        Kind::Number(0.0, 65536.0),
        "The adapter's output is scaled by alpha / rank.",
    ),
    decides(
        "tune.tower.dropout",
        "",
        Kind::Number(0.0, 0.99),
        "The share of the adapter's input that is dropped in training.",
    ),
    decides(
        "tune.tower.targets",
        "",
        Kind::List,
        "Linear layers of the tower that get an adapter; [\"all\"] for each in every block.",
    ),
    // Learning rates and the optimiser.
    decides("lr.projector", "lr-projector", RATE, "Highest learning rate of the projector."),
    decides("lr.llm", "lr-llm", RATE, "Highest learning rate of the language model or its adapters."),
    decides("lr.tower", "lr-tower", RATE, "Highest learning rate of the tower or its adapters."),
    decides(
        "schedule.warmup_ratio",
        "warmup-ratio",
        Kind::Number(0.0, 1.0),
        "The share of the run in which the rate rises; under two batches there is none.",
    ),
    decides(
        "schedule.decay",
        "schedule",
        Kind::Choice(DecayWord::WORDS),
        "What the rate does after the warm-up.",
    ),
    decides("optimiser.beta1", "", BETA, "AdamW: memory of the mean gradient."),
    decides("optimiser.beta2", "", BETA, "AdamW: memory of the mean square gradient."),
    decides(
        "optimiser.eps",
        "",
        Kind::Number(1e-30, 1.0),
        "AdamW: keeps tiny gradients from being blown up.",
    ),
    decides(
        "optimiser.weight_decay",
        "weight-decay",
        Kind::Number(0.0, 1.0),
        "AdamW: pulls weights to 0, apart from the gradient; LLaVA uses none.",
    ),
    decides(
        "optimiser.max_grad_norm",
        "max-grad-norm",
        Kind::Number(0.0, f64::MAX),
        "Longest gradient, over all that is trained, that is applied as it is; longer ones are shortened. 0 for no limit.",
    ),
    // The run.
    decides(
        "train.batch",
        "batch",
        Kind::Integer(1, 65536),
        "Rows in one forward pass; halve it and double the accumulation when memory runs out.",
    ),
    decides(
        "train.accumulation",
        "accumulation",
        Kind::Integer(1, 65536),
        "Batches whose gradients make one step; the effective batch is the product.",
    ),
    decides("train.epochs", "epochs", Kind::Number(1e-6, 1e6), "How often each row is seen."),
    decides(
        "train.max_steps",
        "max-steps",
        COUNT,
        "Ends the run after this many steps, whatever the epochs say; 0 counts epochs.",
    ),
    decides(
        "train.activation_checkpointing",
        "",
        Kind::Flag,
        "Computes the inside of each block again in the backward pass instead of keeping it: far less memory, about a third slower.",
    ),
    free(
        "checkpoint.every",
        "save-every",
        POSITIVE,
        "Steps between checkpoints; the last step has one always.",
    ),
    free(
        "checkpoint.every_minutes",
        "",
        COUNT,
        "A checkpoint after so many minutes even when no step is due; 0 for never.",
    ),
    free("checkpoint.keep_last", "keep-last", COUNT, "Newest checkpoints that stay on disk; 0 keeps all."),
    free("checkpoint.keep_best", "", Kind::Flag, "The checkpoint with the lowest validation loss stays too."),
    free(
        "evaluation.every",
        "evaluate-every",
        COUNT,
        "Steps between test answers and validation losses; 0 for the start and the end only.",
    ),
    free(
        "evaluation.images",
        "",
        Kind::List,
        "Pictures for the test answers: one for all questions, or one each; without any, the first picture of the data.",
    ),
    free("evaluation.prompts", "", Kind::List, "Questions that are asked before, while and after training."),
    free("evaluation.max_new_tokens", "", Kind::Integer(1, 65536), "Longest test answer, in tokens."),
    free(
        "early_stopping.patience",
        "patience",
        COUNT,
        "Validation losses without progress before the run ends early, at its best checkpoint; 0 for never.",
    ),
    free(
        "early_stopping.min_delta",
        "",
        Kind::Number(0.0, f64::MAX),
        "By how much the validation loss must fall to count as progress.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_and_flags_are_unique_and_have_advice() {
        let keys: BTreeSet<_> = FIELDS.iter().map(|field| field.key).collect();
        let flags: Vec<_> = FIELDS.iter().map(|field| field.flag).filter(|flag| !flag.is_empty()).collect();
        assert_eq!(keys.len(), FIELDS.len());
        assert_eq!(flags.iter().collect::<BTreeSet<_>>().len(), flags.len());
        for field in FIELDS {
            assert!(field.advice.ends_with('.') && !field.advice.contains('\n'), "{}", field.key);
            // A key that is also a table of others could not be written as TOML.
            assert!(!keys.iter().any(|key| key.starts_with(&format!("{}.", field.key))), "{}", field.key);
        }
        for (alias, members) in ALIASES {
            assert!(Field::of(alias).is_none() && Field::of_flag(alias).is_none());
            assert!(members.iter().all(|key| Field::of(key).is_some()));
        }
        assert!(Field::of_flag("").is_none());
    }
}
