//! Under which names do different checkpoints keep the same tensor?
//!
//! Inside Eyewright a part's tensors have one canonical name: those of the Hugging Face language model,
//! CLIP's `vision_model.…`, and XTuner's projector `model.{0,2}.…`. Every row below is one checkpoint
//! family's spelling: canonical prefix, file's prefix.

use super::Checkpoint;

/// A translation from canonical names to a checkpoint's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMap {
    /// Whose spelling this is, for messages.
    pub layout: &'static str,
    rows: &'static [(&'static str, &'static str)],
}

impl KeyMap {
    /// Names as they are.
    pub const CANONICAL: Self = Self { layout: "Hugging Face", rows: &[] };

    /// A language model trained in full, in XTuner's `.pth` or in a run of our own.
    pub const TRAINED_LLM: Self = Self { layout: "XTuner .pth", rows: &[("", "llm.")] };

    /// A tower trained in full, there.
    pub const TRAINED_TOWER: Self = Self { layout: "XTuner .pth", rows: &[("", "visual_encoder.")] };

    /// The checkpoint's name for a canonical one. The first row whose prefix fits decides.
    pub fn in_file(&self, canonical: &str) -> String {
        for (ours, theirs) in self.rows {
            if let Some(rest) = canonical.strip_prefix(ours) {
                return format!("{theirs}{rest}");
            }
        }
        canonical.to_owned()
    }

    /// The spelling of the language model in `checkpoint`, or `None` if there is none in it.
    pub fn of_language_model(checkpoint: &Checkpoint) -> Option<Self> {
        find(checkpoint, LANGUAGE_MODEL, &["model.norm.weight"])
    }

    /// The spelling of the vision tower in `checkpoint`, or `None` if there is none in it.
    pub fn of_tower(checkpoint: &Checkpoint) -> Option<Self> {
        find(checkpoint, TOWER, &["vision_model.embeddings.patch_embedding.weight"])
    }

    /// The spelling of the projector in `checkpoint`, or `None` if there is none in it.
    pub fn of_projector(checkpoint: &Checkpoint) -> Option<Self> {
        find(checkpoint, PROJECTOR, &["model.0.weight"])
    }
}

fn find(checkpoint: &Checkpoint, maps: &[KeyMap], probes: &[&str]) -> Option<KeyMap> {
    let has = |map: &&KeyMap| probes.iter().all(|probe| checkpoint.get(&map.in_file(probe)).is_some());
    maps.iter().find(has).copied()
}

const LANGUAGE_MODEL: &[KeyMap] = &[
    KeyMap::CANONICAL,
    KeyMap {
        layout: "llava-hf",
        rows: &[("model.", "language_model.model."), ("lm_head.", "language_model.lm_head.")],
    },
    // transformers 4.52 and later
    KeyMap { layout: "llava-hf (new names)", rows: &[("model.", "model.language_model.")] },
    KeyMap::TRAINED_LLM,
];

const TOWER: &[KeyMap] = &[
    KeyMap::CANONICAL,
    KeyMap { layout: "llava-hf", rows: &[("", "vision_tower.")] },
    KeyMap { layout: "llava-hf (new names)", rows: &[("", "model.vision_tower.")] },
    // transformers 5 drops the inner prefix when it saves a bare vision model
    KeyMap { layout: "CLIP vision model (new names)", rows: &[("vision_model.", "")] },
    KeyMap { layout: "llava-hf (newest names)", rows: &[("vision_model.", "model.vision_tower.")] },
    // what transformers 5 saves: old names outside, no inner prefix
    KeyMap { layout: "llava-hf (transformers 5)", rows: &[("vision_model.", "vision_tower.")] },
    KeyMap { layout: "LLaVA", rows: &[("", "model.vision_tower.vision_tower.")] },
    KeyMap::TRAINED_TOWER,
];

const PROJECTOR: &[KeyMap] = &[
    KeyMap::CANONICAL,
    KeyMap { layout: "XTuner .pth", rows: &[("", "projector.")] },
    KeyMap {
        layout: "llava-hf",
        rows: &[
            ("model.0.", "multi_modal_projector.linear_1."),
            ("model.2.", "multi_modal_projector.linear_2."),
        ],
    },
    KeyMap {
        layout: "llava-hf (new names)",
        rows: &[
            ("model.0.", "model.multi_modal_projector.linear_1."),
            ("model.2.", "model.multi_modal_projector.linear_2."),
        ],
    },
    KeyMap { layout: "LLaVA mm_projector", rows: &[("model.", "model.mm_projector.")] },
    KeyMap { layout: "LLaVA mm_projector", rows: &[("model.", "mm_projector.")] },
    KeyMap {
        layout: "LLaVA non_lora_trainables",
        rows: &[("model.", "base_model.model.model.mm_projector.")],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_translate_into_each_spelling() {
        let rows = [
            (
                LANGUAGE_MODEL[1],
                "model.layers.3.mlp.up_proj.weight",
                "language_model.model.layers.3.mlp.up_proj.weight",
            ),
            (LANGUAGE_MODEL[1], "lm_head.weight", "language_model.lm_head.weight"),
            (LANGUAGE_MODEL[2], "lm_head.weight", "lm_head.weight"),
            (TOWER[1], "vision_model.pre_layrnorm.bias", "vision_tower.vision_model.pre_layrnorm.bias"),
            (TOWER[4], "vision_model.pre_layrnorm.bias", "model.vision_tower.pre_layrnorm.bias"),
            (TOWER[5], "vision_model.pre_layrnorm.bias", "vision_tower.pre_layrnorm.bias"),
            (PROJECTOR[2], "model.2.bias", "multi_modal_projector.linear_2.bias"),
            (PROJECTOR[4], "model.0.weight", "model.mm_projector.0.weight"),
            (KeyMap::CANONICAL, "output.weight", "output.weight"),
        ];
        for (map, canonical, file) in rows {
            assert_eq!(map.in_file(canonical), file, "{}", map.layout);
        }
    }
}
