//! What is a trained model, whoever trained it: parts with tensors by canonical name, and adapters beside them?
//!
//! A stack of folders, a `.pth`, a llava-hf folder and a run of our own all look the same from here. Tensors are
//! read one at a time as 32-bit floats; with their adapters multiplied in, if asked for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::{Device, Tensor, TensorData};
use eyewright_data::{
    template::{ChatTemplate, GuessHints},
    tokenizer::Tokenizer,
};
use eyewright_model::{
    adapter::Adapter,
    config::ConfigFile,
    stack::{EyeFiles, StackFiles, StackKind, StackPaths},
    weights::{Checkpoint, KeyMap, StoredDtype},
};

use crate::{InteropError, names, names::Expected};

/// A part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The language model.
    Llm,
    /// The vision tower.
    Tower,
    /// The projector.
    Projector,
}

/// Rows of a matrix, in the order in which they are wanted.
pub type Rows = std::ops::Range<usize>;

/// A tensor as 32-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// Elements.
    pub values: Vec<f32>,
}

/// What a `.pth` does not say about itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alphas {
    /// Strength of the language model's adapters, in place of XTuner's 256.
    pub llm: Option<f64>,
    /// Strength of the tower's adapters, in place of XTuner's 16.
    pub tower: Option<f64>,
}

impl Alphas {
    /// The same model, its adapters as strong as this says, or as XTuner's configurations say for their rank. Adapters
    /// whose files say it stay as they are.
    ///
    /// # Errors
    /// If nobody says it.
    pub fn given_to(self, mut files: StackFiles) -> Result<StackFiles, InteropError> {
        let stronger = |adapter: Option<Adapter>, alpha: Option<f64>| match (adapter, alpha) {
            (Some(adapter), Some(alpha)) if adapter.config().assumed_rank().is_some() => {
                Some(adapter.with_alpha(alpha))
            }
            (adapter, _) => adapter,
        };
        files.llm_adapter = stronger(files.llm_adapter, self.llm);
        files.tower_adapter = stronger(files.tower_adapter, self.tower);
        check_strength(&files)?;
        Ok(files)
    }
}

/// A model with everything that is needed to write it in another form.
#[derive(Debug)]
pub struct Source {
    /// Where the parts are; a run of our own is resolved to its base and its checkpoint.
    pub paths: StackPaths,
    /// The parts.
    pub files: StackFiles,
    /// The chat template it was trained with, or the one that fits its files.
    pub template: ChatTemplate,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Pictures are padded to squares; else squares are cut out.
    pub pads: bool,
    /// Where the tensors are that a run's checkpoint lacks because they change nothing.
    behind: Option<(Arc<Checkpoint>, KeyMap)>,
}

impl Source {
    /// Opens a model; no tensor is read, but every name and shape is compared.
    ///
    /// # Errors
    /// Whatever is missing, damaged or does not fit, with its file.
    pub fn open(paths: &StackPaths, alphas: Alphas) -> Result<Self, InteropError> {
        let (resolved, trained) = paths.resolved()?;
        let files = alphas.given_to(StackFiles::find(paths)?)?;
        let tokenizer = Tokenizer::open(&resolved.model)?;
        let template = match &trained {
            Some(run) => ChatTemplate::named(&run.template)?.clone(),
            None => guess_template(&resolved.model, &tokenizer)?,
        };
        let pads = match (&trained, files.kind) {
            (Some(run), _) => run.square != "crop",
            (None, StackKind::LlavaHf) => pads(&resolved.model),
            (None, _) => true,
        };
        let behind = match trained.as_ref().and_then(|run| run.tower.as_ref()) {
            None => None,
            Some(folder) => {
                let checkpoint = Checkpoint::open(folder)?;
                KeyMap::of_tower(&checkpoint).map(|keys| (Arc::new(checkpoint), keys))
            }
        };
        let source = Self { paths: resolved, files, template, tokenizer, pads, behind };
        source.check()?;
        Ok(source)
    }

    /// Tower and projector.
    ///
    /// # Errors
    /// If the model cannot see.
    pub fn eye(&self, format: &'static str) -> Result<&EyeFiles, InteropError> {
        self.files.eye.as_ref().ok_or(InteropError::NoEye { format })
    }

    /// Names and shapes of a part; none for a part that is not there.
    pub fn expected(&self, part: Part) -> Vec<Expected> {
        match (part, &self.files.eye) {
            (Part::Llm, _) => names::of_decoder(&self.files.llm.config),
            (Part::Tower, Some(eye)) => names::of_tower(&eye.tower.config.clip),
            (Part::Projector, Some(eye)) => names::of_projector(&eye.projector.config),
            (_, None) => Vec::new(),
        }
    }

    /// The adapters beside a part.
    pub fn adapter(&self, part: Part) -> Option<&Adapter> {
        match part {
            Part::Llm => self.files.llm_adapter.as_ref(),
            Part::Tower => self.files.tower_adapter.as_ref(),
            Part::Projector => None,
        }
    }

    /// The linear maps of a part, `[out, in]`.
    pub fn maps(&self, part: Part) -> BTreeMap<String, [usize; 2]> {
        let map = |tensor: Expected| match (tensor.name.strip_suffix(".weight"), tensor.shape.as_slice()) {
            (Some(name), &[out, width]) if !name.contains("embed") => Some((name.to_owned(), [out, width])),
            _ => None,
        };
        let mut maps: BTreeMap<_, _> = self.expected(part).into_iter().filter_map(map).collect();
        if part == Part::Llm && self.files.llm.config.tied_head {
            let config = &self.files.llm.config;
            let head = names::embeddings(config.layout).1.trim_end_matches(".weight");
            maps.insert(head.to_owned(), [config.vocab, config.hidden]);
        }
        maps
    }

    /// The type a tensor is stored in.
    pub fn dtype(&self, part: Part, name: &str) -> StoredDtype {
        let found = self.find(part, name).and_then(|(file, name)| file.get(&name).map(|info| info.dtype));
        found.unwrap_or(StoredDtype::F32)
    }

    /// A tensor; its adapters are multiplied in where `merged`.
    ///
    /// # Errors
    /// If a file is damaged or has changed.
    pub fn read(&self, part: Part, name: &str, merged: bool) -> Result<Values, InteropError> {
        self.read_rows(part, name, None, merged)
    }

    /// Rows of a tensor, in the order of `rows`; all of them if absent.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_rows(
        &self,
        part: Part,
        name: &str,
        rows: Option<&[Rows]>,
        merged: bool,
    ) -> Result<Values, InteropError> {
        let Some((file, in_file)) = self.find(part, name) else {
            let path = self.checkpoint(part).map(|file| file.path().to_owned()).unwrap_or_default();
            return Err(InteropError::Incomplete { path, part: part.words(), names: vec![name.to_owned()] });
        };
        let tensor = file.read(&in_file)?;
        let mut whole =
            Values { shape: tensor.shape.clone(), values: floats(tensor.in_dtype(StoredDtype::F32)) };
        if let Some(rows) = rows {
            whole = take_rows(&whole, rows);
        }
        let adapter = self.adapter(part).filter(|_| merged);
        if let (Some(adapter), Some(layer)) = (adapter, name.strip_suffix(".weight"))
            && let Some(&shape) = self.maps(part).get(layer)
            && let Some(pair) = adapter.pair(layer, shape)?
        {
            let a = Values { shape: pair.a.shape.clone(), values: floats(pair.a.in_dtype(StoredDtype::F32)) };
            let mut b =
                Values { shape: pair.b.shape.clone(), values: floats(pair.b.in_dtype(StoredDtype::F32)) };
            if let Some(rows) = rows {
                b = take_rows(&b, rows);
            }
            add_product(&mut whole, &a, &b, pair.scale);
        }
        Ok(whole)
    }

    /// Bytes that all parts take in `bytes_each` bytes per number.
    pub fn bytes(&self, bytes_each: u64) -> u64 {
        let parts = [Part::Llm, Part::Tower, Part::Projector];
        let numbers = parts.iter().flat_map(|part| self.expected(*part));
        numbers.map(|tensor| tensor.shape.iter().product::<usize>() as u64 * bytes_each).sum()
    }

    fn checkpoint(&self, part: Part) -> Option<&Checkpoint> {
        match (part, &self.files.eye) {
            (Part::Llm, _) => Some(&self.files.llm.checkpoint),
            (Part::Tower, Some(eye)) => Some(&eye.tower.checkpoint),
            (Part::Projector, Some(eye)) => Some(&eye.projector.checkpoint),
            (_, None) => None,
        }
    }

    /// The file a tensor is in, and its name there.
    fn find(&self, part: Part, name: &str) -> Option<(&Checkpoint, String)> {
        let keys = match (part, &self.files.eye) {
            (Part::Llm, _) => self.files.llm.keys,
            (Part::Tower, Some(eye)) => eye.tower.keys,
            (Part::Projector, Some(eye)) => eye.projector.keys,
            (_, None) => return None,
        };
        let file = self.checkpoint(part)?;
        let in_file = keys.in_file(name);
        if file.get(&in_file).is_some() {
            return Some((file, in_file));
        }
        let (file, keys) = self.behind.as_ref().filter(|_| part == Part::Tower)?;
        let in_file = keys.in_file(name);
        file.get(&in_file).is_some().then(|| (file.as_ref(), in_file))
    }

    /// Every tensor there, in its shape; every adapter with a place.
    fn check(&self) -> Result<(), InteropError> {
        for part in [Part::Llm, Part::Tower, Part::Projector] {
            let mut wrong = Vec::new();
            for tensor in self.expected(part) {
                match self.find(part, &tensor.name).and_then(|(file, name)| file.get(&name)) {
                    None => wrong.push(format!("`{}` is missing", tensor.name)),
                    Some(info) if info.shape != tensor.shape => wrong
                        .push(format!("`{}` is {:?}, expected {:?}", tensor.name, info.shape, tensor.shape)),
                    Some(_) => {}
                }
            }
            if let (false, Some(file)) = (wrong.is_empty(), self.checkpoint(part)) {
                let (path, part) = (file.path().to_owned(), part.words());
                return Err(InteropError::Incomplete { path, part, names: wrong });
            }
            if let Some(adapter) = self.adapter(part) {
                adapter.check(&self.maps(part))?;
            }
        }
        Ok(())
    }

    /// Whether a part was trained in full, by a run of ours or by XTuner.
    pub fn is_retrained(&self, part: Part) -> bool {
        let eye = self.files.eye.as_ref();
        match part {
            Part::Llm => self.files.llm.keys == KeyMap::TRAINED_LLM,
            Part::Tower => {
                let own =
                    self.paths.llava.as_ref().is_some_and(|llava| llava.join("visual_encoder").is_dir());
                own || eye.is_some_and(|eye| eye.tower.keys == KeyMap::TRAINED_TOWER)
            }
            Part::Projector => true,
        }
    }

    /// What was taken for granted because the files do not say it.
    pub fn assumptions(&self) -> Vec<String> {
        assumptions(&self.files)
    }

    /// The folder with the tower's configuration and preprocessor.
    pub fn tower_folder(&self) -> Option<&Path> {
        self.files.eye.as_ref().map(|eye| eye.preprocessor.as_path())
    }

    /// What an adapter's configuration calls the model it belongs to.
    pub fn base_name(&self, part: Part) -> String {
        let folder = match part {
            Part::Llm | Part::Projector => Some(self.paths.model.as_path()),
            Part::Tower => self.tower_folder(),
        };
        let folder: PathBuf = folder.map(Path::to_owned).unwrap_or_default();
        std::path::absolute(&folder).unwrap_or(folder).to_string_lossy().into_owned()
    }
}

impl Part {
    /// Its name for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Llm => "language model",
            Self::Tower => "vision tower",
            Self::Projector => "projector",
        }
    }
}

/// A guessed strength has to belong to the rank that is there.
/// What is taken for granted because a model's files do not say it.
pub fn assumptions(files: &StackFiles) -> Vec<String> {
    let parts = [(Part::Llm, &files.llm_adapter), (Part::Tower, &files.tower_adapter)];
    let assumed = parts.into_iter().filter_map(|(part, adapter)| {
        let config = adapter.as_ref()?.config();
        let rank = config.assumed_rank()?;
        let (part, alpha) = (part.words(), config.alpha_of(""));
        Some(format!("{part}: alpha {alpha}, as XTuner's configurations have with rank {rank}"))
    });
    assumed.collect()
}

fn check_strength(files: &StackFiles) -> Result<(), InteropError> {
    let (mut ranks, mut options) = (Vec::new(), Vec::new());
    let rows = [
        (&files.llm_adapter, Part::Llm, "`--llm-alpha F`"),
        (&files.tower_adapter, Part::Tower, "`--tower-alpha F`"),
    ];
    for (adapter, part, option) in rows {
        if let Some(rank) = adapter.as_ref().and_then(Adapter::unusual_rank) {
            ranks.push(format!("rank {rank} of the {}", part.words()));
            options.push(option);
        }
    }
    match &files.eye {
        Some(eye) if !options.is_empty() => {
            let path = eye.projector.checkpoint.path().to_owned();
            Err(InteropError::Strength { path, ranks, options })
        }
        _ => Ok(()),
    }
}

fn guess_template(folder: &Path, tokenizer: &Tokenizer) -> Result<ChatTemplate, InteropError> {
    let json = ConfigFile::read(&folder.join("config.json"))?;
    let text = json.object("text_config")?;
    let hints = GuessHints {
        model_type: text.as_ref().unwrap_or(&json).text("model_type")?,
        has_token: &|token| tokenizer.id(token).is_some(),
        chat_template: tokenizer.chat_template(),
        folder_name: folder.file_name().and_then(|name| name.to_str()),
    };
    Ok(ChatTemplate::guess(&hints).0.clone())
}

/// Whether the preprocessor of a llava-hf folder pads pictures to squares.
pub fn pads(folder: &Path) -> bool {
    let own = folder.join("preprocessor_config.json");
    ConfigFile::read(&own).is_ok_and(|json| json.flag("do_pad", false).unwrap_or(false))
}

pub(crate) fn floats(bytes: Vec<u8>) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn take_rows(from: &Values, rows: &[Rows]) -> Values {
    let width: usize = from.shape.iter().skip(1).product();
    let mut values = Vec::with_capacity(rows.iter().map(|rows| rows.len() * width).sum());
    for rows in rows {
        let range = rows.start * width..rows.end * width;
        values.extend_from_slice(from.values.get(range).unwrap_or_default());
    }
    let mut shape = from.shape.clone();
    if let Some(first) = shape.first_mut() {
        *first = rows.iter().map(Rows::len).sum();
    }
    Values { shape, values }
}

/// `w += scale · b·a`, in 32-bit floats, a few thousand rows at a time.
fn add_product(w: &mut Values, a: &Values, b: &Values, scale: f64) {
    const ROWS: usize = 4096;
    let (&[rank, width], &[out, _]) = (a.shape.as_slice(), b.shape.as_slice()) else { return };
    let device = Device::flex();
    let right: Tensor<2> = Tensor::from_data(TensorData::new(a.values.clone(), [rank, width]), &device);
    for start in (0..out).step_by(ROWS) {
        let rows = ROWS.min(out - start);
        let slice = b.values.get(start * rank..(start + rows) * rank).unwrap_or_default().to_vec();
        let left: Tensor<2> = Tensor::from_data(TensorData::new(slice, [rows, rank]), &device);
        let delta = left.matmul(right.clone()) * scale;
        let delta: Vec<f32> = delta.into_data().try_to_vec().unwrap_or_default();
        let target = w.values.get_mut(start * width..(start + rows) * width).unwrap_or_default();
        for (w, delta) in target.iter_mut().zip(delta) {
            *w += delta;
        }
    }
}
