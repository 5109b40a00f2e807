//! Which forms can a model be written in?

use std::str::FromStr;

use crate::{
    InteropError, gguf, llava, llava_hf, own, peft,
    source::{Part, Source},
    staging::Staging,
    written::{Settings, Written},
    xtuner,
};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What `xtuner convert pth_to_hf` writes.
    Xtuner,
    /// Adapters alone.
    Peft,
    /// Merged `LlavaForConditionalGeneration`.
    LlavaHf,
    /// The layout of LLaVA's own repository.
    Llava,
    /// For llama.cpp and what is built on it.
    Gguf,
    /// Our own checkpoint.
    Eyewright,
}

impl Format {
    /// All names.
    pub const NAMES: &'static [&'static str] = &["xtuner", "peft", "llava-hf", "llava", "gguf", "eyewright"];

    const ALL: [Self; 6] =
        [Self::Xtuner, Self::Peft, Self::LlavaHf, Self::Llava, Self::Gguf, Self::Eyewright];

    /// Its name.
    pub fn name(self) -> &'static str {
        let index = Self::ALL.iter().position(|format| *format == self).unwrap_or(0);
        Self::NAMES.get(index).copied().unwrap_or("")
    }

    /// Types that its numbers can be written in.
    pub fn dtypes(self) -> &'static [&'static str] {
        match self {
            Self::Gguf => gguf::Quantisation::ALL,
            _ => &["f32", "f16", "bf16"],
        }
    }

    /// Why a source cannot become this form, as far as that is known before anything is written.
    pub fn refuses(self, source: &Source) -> Option<&'static str> {
        let adapted = |part| source.adapter(part).is_some();
        let none = !adapted(Part::Llm) && !adapted(Part::Tower);
        (self == Self::Peft && none).then_some(peft::NO_ADAPTERS)
    }

    /// Bytes the export takes, about.
    pub fn bytes(self, source: &Source, settings: &Settings) -> u64 {
        let each = settings.dtype.map_or(4, |dtype| dtype.size_in_bytes() as u64);
        let retrained = source.is_retrained(Part::Llm);
        match self {
            Self::Gguf => match settings.quantisation {
                gguf::Quantisation::F32 => source.bytes(4),
                gguf::Quantisation::F16 | gguf::Quantisation::Bf16 => source.bytes(2),
                // The picture side stays in 16 bits, embeddings and head of 4 bits in 8.
                gguf::Quantisation::Q8_0 => source.bytes(1) * 5 / 4,
                gguf::Quantisation::Q4_0 | gguf::Quantisation::Q4KM => source.bytes(1),
            },
            Self::LlavaHf if settings.dtype.is_none() => source.bytes(2),
            Self::Llava if settings.dtype.is_none() => {
                source.bytes(source.dtype(Part::Llm, "model.norm.weight").size_in_bytes() as u64)
            }
            Self::LlavaHf | Self::Llava => source.bytes(each),
            // Adapters are a fraction of the model; the file system's own check catches the rest.
            Self::Xtuner if retrained => source.bytes(each),
            Self::Xtuner | Self::Peft | Self::Eyewright => source.bytes(each) / 8,
        }
    }

    /// Writes the model into a staged folder.
    ///
    /// # Errors
    /// If the model does not fit the form, a source is damaged, or the disk refuses.
    pub fn write<'s>(
        self,
        source: &'s Source,
        staging: &Staging,
        settings: &Settings,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Written<'s>, InteropError> {
        match self {
            Self::Xtuner => xtuner::write(source, staging, settings, progress),
            Self::Peft => peft::write(source, staging, settings, progress),
            Self::LlavaHf => llava_hf::write(source, staging, settings, progress),
            Self::Gguf => {
                let name = staging.target().file_name().map(|name| name.to_string_lossy().into_owned());
                gguf::write(source, staging, settings, &name.unwrap_or_default(), progress)
            }
            Self::Llava => llava::write(source, staging, settings, progress),
            Self::Eyewright => own::write(source, staging, settings, progress),
        }
    }
}

impl FromStr for Format {
    type Err = InteropError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| InteropError::Unknown {
            what: "format",
            found: name.to_owned(),
            known: Self::NAMES,
        })
    }
}
