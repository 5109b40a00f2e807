//! Who answers the test questions of a run? The model itself, as it is at that step.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device};
use eyewright_data::{
    conversation::BosMode,
    image::{DecodeLimits, ImageProcessor, Picture, SquareMode, open},
    template::ChatTemplate,
    tokenizer::Tokenizer,
};
use eyewright_infer::{CancelToken, ChatModel, ChatSession, GenerationConfig, SamplingConfig};
use eyewright_model::llava::Llava;
use eyewright_train::run::{Sample, SampleFault, Sampler};

/// Fixed questions about fixed pictures.
pub(super) struct Questions {
    pub(super) asked: Vec<(Option<PathBuf>, String)>,
    pub(super) system: String,
    pub(super) max_new_tokens: usize,
    /// Lent to the model while it answers.
    pub(super) tokenizer: Option<Tokenizer>,
    pub(super) template: ChatTemplate,
    pub(super) processor: Option<ImageProcessor>,
    pub(super) square: SquareMode,
    pub(super) device: Device,
    pub(super) dtype: DType,
}

impl Sampler for Questions {
    fn answer(&mut self, model: &Llava) -> Result<Vec<Sample>, SampleFault> {
        let tokenizer = self.tokenizer.take().ok_or("the tokenizer is gone")?;
        // Tensors are shared with the model in training, not copied.
        let chat = ChatModel {
            llava: model.clone(),
            tokenizer,
            template: self.template.clone(),
            processor: self.processor.clone(),
            square: self.square,
            bos: BosMode::Always,
            device: self.device.clone(),
            dtype: self.dtype,
        };
        let samples = self.asked.iter().map(|(image, prompt)| self.ask(&chat, image.as_deref(), prompt));
        let samples: Result<Vec<Sample>, SampleFault> = samples.collect();
        self.tokenizer = Some(chat.tokenizer);
        samples
    }
}

impl Questions {
    fn ask(&self, chat: &ChatModel, image: Option<&Path>, prompt: &str) -> Result<Sample, SampleFault> {
        let pictures: Vec<Picture> = match image {
            Some(file) => vec![open(file, &DecodeLimits::default())?],
            None => Vec::new(),
        };
        let config = GenerationConfig {
            // The best token each time: answers of two steps differ only where the model does.
            sampling: SamplingConfig { temperature: 0.0, ..SamplingConfig::default() },
            max_new_tokens: self.max_new_tokens,
            ..GenerationConfig::default()
        };
        let mut session = ChatSession::new(chat);
        session.set_system(Some(self.system.clone()));
        let answer = session.ask(prompt, &pictures, &config, &CancelToken::default(), &mut |_| {})?;
        Ok(Sample {
            image: image.map(Path::to_owned),
            prompt: prompt.to_owned(),
            answer: answer.text,
            tokens: answer.ids.len(),
        })
    }
}
