//! The words a plan may choose from, each an enum.

/// An enum whose variants have a word each; the words are what files and flags say.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All words, in the order of the variants.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of this choice.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The choice a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    )+};
}
pub(crate) use choices;

choices! {
    /// Which of LLaVA's two stages a run is.
    Stage {
        /// The projector learns to speak to a language model that stays as it is.
        Pretrain = "pretrain",
        /// The model learns to follow instructions about pictures.
        Finetune = "finetune",
    }

    /// How a picture becomes a square.
    Square {
        /// Borders in the tower's mean colour are added; nothing is lost.
        Pad = "pad",
        /// The shorter side fits, the rest of the longer one is cut off.
        Crop = "crop",
    }

    /// How a part of the network takes part in training, as written in files.
    TuneMode {
        /// It does not change.
        Frozen = "frozen",
        /// Every number of it changes.
        Full = "full",
        /// Low-rank adapters beside its linear layers change.
        Lora = "lora",
    }

    /// How the frozen base of the language model is stored.
    Quantisation {
        /// In the plan's dtype.
        None = "none",
        /// 4-bit NormalFloat, one f32 scale for 64 numbers (QLoRA, Dettmers et al. 2023).
        Nf4 = "nf4",
        /// The same with scales in 8 bits, 256 of them to a second scale.
        Nf4Double = "nf4-double",
    }

    /// The type of the base's numbers and of its arithmetic. What is trained is always kept in f32.
    Precision {
        /// bf16 on CUDA, f16 with wgpu, f32 on the CPU.
        Auto = "auto",
        /// bfloat16.
        Bf16 = "bf16",
        /// IEEE binary16, with a dynamic loss scale.
        F16 = "f16",
        /// IEEE binary32.
        F32 = "f32",
    }

    /// What the learning rate does after the warm-up, as written in files.
    DecayWord {
        /// Stays.
        Constant = "constant",
        /// Falls in a straight line to 0.
        Linear = "linear",
        /// Falls along half a cosine to 0.
        Cosine = "cosine",
    }

    /// Which layer of a plan a value comes from.
    Source {
        /// The recipe: what a stage does.
        Recipe = "recipe",
        /// The preset: what the network is.
        Preset = "preset",
        /// A flag, `--set` or a file of the user's, and not the value that would be there without it.
        User = "user",
        /// Computed from other values.
        Derived = "derived",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_their_choice() {
        for word in Quantisation::WORDS {
            assert_eq!(Quantisation::from_word(word).map(Quantisation::word), Some(*word));
        }
        assert_eq!(Quantisation::from_word("NF4"), None);
        assert_eq!(format!("{:>7}|", Source::User), "   user|");
    }
}
