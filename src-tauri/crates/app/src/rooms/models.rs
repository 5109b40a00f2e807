//! Models: the list, the card, and who answers.

use std::path::{Path, PathBuf};

use eyewright_infer::SamplingConfig;
use eyewright_model::stack::{StackFiles, StackKind};
use eyewright_protocol::{
    AddModel, DeleteModel, ErrorBody, ErrorCode, InspectPaths, JobInfo, JobKind, JobOutcome, ListName,
    LoadModel, LoadedModel, ModelCard, ModelChoice, ModelId, ModelKind, ModelPart, ModelPaths, ModelRef,
    ModelSummary, Nothing, PresetCard, SamplingSettings,
};
use eyewright_train::plan::Preset;

use super::{bad_request, files_elsewhere, not_found};
use crate::inspect;
use crate::library::{ModelEntry, ModelList, folder_bytes, free_title, names_in, remove_folder};
use crate::studio::{Inner, Reply, body};
use crate::worker::{ModelTask, Task, TaskEvent, stack_paths};

/// Sampling as the generator takes it; `seed` stands in where the user fixed none.
pub(crate) fn sampling_config(settings: &SamplingSettings, seed: u64) -> SamplingConfig {
    #[allow(clippy::cast_possible_truncation, reason = "probabilities and temperatures are small")]
    SamplingConfig {
        temperature: settings.temperature as f32,
        top_k: settings.top_k as usize,
        top_p: settings.top_p as f32,
        min_p: settings.min_p as f32,
        repetition_penalty: settings.repetition_penalty as f32,
        seed: settings.seed.map_or(seed, u64::from),
    }
}

/// What a folder holds, told by its files without reading a tensor.
fn look(paths: &ModelPaths) -> Result<(ModelKind, String), ErrorBody> {
    let folder = Path::new(&paths.model);
    if paths.visual_encoder.is_none() && paths.llava.is_none() {
        if folder.extension().is_some_and(|ending| ending == "pth") || folder.join("projector").is_dir() {
            return Ok((ModelKind::Projector, "projector".to_owned()));
        }
        let config = folder.join("config.json");
        if let Ok(json) = crate::library::read_json::<serde_json::Value>(&config) {
            let kind = json.get("model_type").and_then(serde_json::Value::as_str).unwrap_or_default();
            if kind == "projector" {
                return Ok((ModelKind::Projector, kind.to_owned()));
            }
            if kind.starts_with("clip") {
                return Ok((ModelKind::VisionTower, kind.to_owned()));
            }
        }
    }
    let files = StackFiles::find(&stack_paths(paths)).map_err(|error| body(&error.into()))?;
    let kind = match files.kind {
        StackKind::LanguageModel => ModelKind::LanguageModel,
        StackKind::LlavaHf | StackKind::Parts => ModelKind::Stack,
    };
    Ok((kind, files.llm.config.model_type.clone()))
}

impl Inner {
    /// The folder of models that came with Eyewright.
    fn bundled_folder(&self) -> Option<&PathBuf> {
        self.config.bundled.iter().find(|folder| folder.is_dir())
    }

    /// The list with what is found by itself: bundled models and folders in `models/`.
    pub(crate) fn model_entries(&self) -> Reply<Vec<(ModelEntry, bool)>> {
        let library = self.library()?;
        let mut entries = Vec::new();
        if let Some(folder) = self.bundled_folder() {
            entries.extend(bundled(folder).into_iter().map(|entry| (entry, true)));
        }
        let listed = ModelList::read(&library)?.models;
        for name in names_in(&library.models()) {
            let paths = plain(&library.models().join(&name));
            if listed.iter().any(|entry| entry.paths == paths)
                || !["config.json", eyewright_hub::ORIGIN]
                    .iter()
                    .any(|file| Path::new(&paths.model).join(file).is_file())
            {
                continue;
            }
            if let Ok(id) = ModelId::try_from(name.clone()) {
                entries.push((ModelEntry { id, name, paths }, false));
            }
        }
        entries.extend(listed.into_iter().map(|entry| (entry, false)));
        Ok(entries)
    }

    fn model_entry(&self, id: &ModelId) -> Reply<(ModelEntry, bool)> {
        let found = self.model_entries()?.into_iter().find(|(entry, _)| entry.id == *id);
        found.ok_or_else(|| {
            not_found(format!("there is no model `{id}` in the library"))
                .hint("Choose another one, or add it again.")
        })
    }

    pub(crate) fn list_models(&self, _: Nothing) -> Reply<Vec<ModelSummary>> {
        Ok(self.model_entries()?.into_iter().map(|(entry, bundled)| self.summary(entry, bundled)).collect())
    }

    pub(super) fn summary(&self, entry: ModelEntry, bundled: bool) -> ModelSummary {
        let (kind, architecture, fault) = match look(&entry.paths) {
            Ok((kind, architecture)) => (kind, architecture, None),
            Err(error) => (ModelKind::LanguageModel, String::new(), Some(error)),
        };
        let parts =
            [Some(&entry.paths.model), entry.paths.visual_encoder.as_ref(), entry.paths.llava.as_ref()];
        let bytes = parts.into_iter().flatten().map(|path| folder_bytes(Path::new(path))).sum();
        let in_library =
            !bundled && self.library().is_ok_and(|library| library.holds(Path::new(&entry.paths.model)));
        ModelSummary {
            id: entry.id,
            name: entry.name,
            kind,
            paths: entry.paths,
            bytes,
            bundled,
            in_library,
            fits: self.fits(bytes),
            architecture,
            fault,
        }
    }

    /// Whether weights of this size leave room for a conversation on the device that will be used.
    fn fits(&self, bytes: u64) -> Option<bool> {
        let memory = self.machine.known_memory()?;
        Some(bytes.saturating_add(bytes / 8) < memory)
    }

    pub(crate) fn add_model(&self, request: AddModel) -> Reply<ModelSummary> {
        let paths = checked(request.paths)?;
        look(&paths)?;
        let library = self.library()?;
        let mut list = ModelList::read(&library)?;
        if let Some((entry, bundled)) =
            self.model_entries()?.into_iter().find(|(entry, _)| entry.paths == paths)
        {
            return Ok(self.summary(entry, bundled));
        }
        let last = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
        let name = request.name.filter(|name| !name.trim().is_empty());
        let name = name.or_else(|| last(&paths.model)).unwrap_or_else(|| "model".to_owned());
        let name: String = name.trim().chars().filter(|char| !char.is_control()).take(100).collect();
        let others = self.model_entries()?;
        let name = free_title(&name, |name| others.iter().any(|(entry, _)| entry.name == name));
        let entry = ModelEntry { id: self.free_model_id(&list, &name)?, name, paths };
        list.models.push(entry.clone());
        list.write(&library)?;
        self.changed(ListName::Models);
        Ok(self.summary(entry, false))
    }

    fn free_model_id(&self, list: &ModelList, name: &str) -> Reply<ModelId> {
        let mut with_all = list.clone();
        with_all.models.extend(self.model_entries()?.into_iter().map(|(entry, _)| entry));
        with_all.free_id(name)
    }

    pub(crate) fn inspect_model(&self, request: ModelRef) -> Reply<ModelCard> {
        let (entry, _) = self.model_entry(&request.model)?;
        card(&entry.paths)
    }

    pub(crate) fn inspect_paths(&self, request: InspectPaths) -> Reply<ModelCard> {
        card(&checked(request.paths)?)
    }

    pub(crate) fn delete_model(&self, request: DeleteModel) -> Reply<Nothing> {
        let (entry, bundled) = self.model_entry(&request.model)?;
        if bundled {
            return Err(bad_request(format!("`{}` came with Eyewright and stays", entry.name)));
        }
        let library = self.library()?;
        let folder = Path::new(&entry.paths.model);
        if request.files && !library.holds(folder) {
            return Err(files_elsewhere(&entry.name));
        }
        if request.files {
            let message = format!("a run trains `{}`, or waits to", entry.name);
            self.check_unread(folder, message, "Stop it first, or take the model off the list alone.")?;
        }
        let mut list = ModelList::read(&library)?;
        list.models.retain(|other| other.id != entry.id);
        list.write(&library)?;
        if request.files {
            remove_folder(folder)?;
        }
        self.changed(ListName::Models);
        Ok(Nothing {})
    }

    pub(crate) fn list_presets(&self, _: Nothing) -> Reply<Vec<PresetCard>> {
        let entries = self.model_entries()?;
        let here = |source: &str| {
            let name = source.rsplit('/').next().unwrap_or(source).to_lowercase();
            let named = |entry: &ModelEntry| {
                Path::new(&entry.paths.model)
                    .file_name()
                    .is_some_and(|last| last.to_string_lossy().to_lowercase() == name)
            };
            Path::new(source).is_dir() || entries.iter().any(|(entry, _)| named(entry))
        };
        let users = self.library()?.folder().join("presets");
        let names = Preset::names(Some(&users));
        let cards = names.iter().filter_map(|name| Preset::find(name, Some(&users)).ok()).map(|preset| {
            let (llm, tower) =
                (preset.llm_source().unwrap_or_default(), preset.tower_source().unwrap_or_default());
            PresetCard {
                llm_here: here(&llm),
                tower_here: here(&tower),
                template: template_of(&preset.name, &users).unwrap_or_default(),
                llm_parameters: preset.llm.parameters(),
                name: preset.name,
                summary: preset.summary,
                licence: preset.licence,
                sources: preset.sources,
                llm,
                tower,
            }
        });
        Ok(cards.collect())
    }

    /// Everything the worker needs to open this.
    pub(crate) fn model_task(&self, choice: &ModelChoice) -> Reply<ModelTask> {
        let (entry, _) = self.model_entry(&choice.model)?;
        let settings = self.settings.get();
        let mut task = ModelTask {
            choice: choice.clone(),
            name: entry.name,
            paths: entry.paths,
            checkpoint: None,
            device: settings.device,
            dtype: settings.dtype,
        };
        if let Some(checkpoint) = &choice.checkpoint {
            self.put_on_top(&mut task, checkpoint)?;
        }
        Ok(task)
    }

    /// The model a new chat begins with: the chosen one, or the first that sees, or the first that speaks.
    pub(crate) fn usual_choice(&self) -> Reply<ModelChoice> {
        let chosen = self.settings.get().choice;
        if let Some(choice) = chosen.filter(|choice| self.model_entry(&choice.model).is_ok()) {
            return Ok(choice);
        }
        let entries = self.model_entries()?;
        let kinds: Vec<_> =
            entries.iter().filter_map(|(entry, _)| Some((look(&entry.paths).ok()?.0, &entry.id))).collect();
        let of = |wanted| kinds.iter().find(|(kind, _)| *kind == wanted);
        let found = of(ModelKind::Stack).or_else(|| of(ModelKind::LanguageModel));
        let (_, id) = found.ok_or_else(|| {
            ErrorBody::new(ErrorCode::NotReady, "there is no model in the library yet")
                .hint("Add the folder of one in Models.")
        })?;
        Ok(ModelChoice { model: (*id).clone(), checkpoint: None })
    }

    pub(crate) fn load_model(&self, request: LoadModel) -> Reply<JobInfo> {
        self.device_is_free()?;
        let task = self.model_task(&request.choice)?;
        let (title, subject) = (task.name.clone(), Some(task.choice.model.to_string()));
        let (worker, loaded) = (self.worker.clone(), self.machine.clone());
        Ok(self.jobs.spawn(JobKind::Load, title, subject, move |job| {
            let mut found = None;
            worker.run(Task::Load(task), Some(job), &mut |event| match event {
                TaskEvent::Progress { done, total, unit } => job.progress(done, total, &unit),
                TaskEvent::Loaded(model) => found = Some(model),
                _ => {}
            })?;
            loaded.loaded(found.clone());
            found.map(|model| JobOutcome::Loaded { model }).ok_or_else(|| {
                ErrorBody::new(ErrorCode::Internal, "the model was loaded, but nothing is known about it")
            })
        }))
    }

    pub(crate) fn unload_model(&self, _: Nothing) -> Reply<Nothing> {
        if self.loaded_model(Nothing {})?.is_some() {
            self.worker.run(Task::Unload, None, &mut |_| {})?;
            self.machine.loaded(None);
        }
        Ok(Nothing {})
    }

    pub(crate) fn loaded_model(&self, _: Nothing) -> Reply<Option<LoadedModel>> {
        // What a process held is gone with it.
        Ok(self.machine.loaded_in(self.worker.is_there()))
    }
}

/// The chat template a preset names.
fn template_of(preset: &str, users: &Path) -> Option<String> {
    let table: toml::Table = Preset::text(preset, Some(users)).ok()?.parse().ok()?;
    Some(table.get("values")?.get("data")?.get("template")?.as_str()?.to_owned())
}

/// Every path full and there, so that it means the same for the process that computes.
fn checked(mut paths: ModelPaths) -> Reply<ModelPaths> {
    for path in
        [Some(&mut paths.model), paths.visual_encoder.as_mut(), paths.llava.as_mut()].into_iter().flatten()
    {
        *path = path.trim().to_owned();
        let given = Path::new(path.as_str());
        if !given.is_absolute() {
            return Err(bad_request(format!("`{path}` must be a full path")));
        }
        if !given.exists() {
            return Err(not_found(format!("`{path}` is not there")).hint("Was it moved or deleted?"));
        }
    }
    Ok(paths)
}

fn plain(folder: &Path) -> ModelPaths {
    ModelPaths { model: folder.display().to_string(), visual_encoder: None, llava: None }
}

/// Bundled models: `demo/` is a complete model, or holds one part in each folder.
fn bundled(folder: &Path) -> Vec<ModelEntry> {
    let demo = folder.join("demo");
    let part = |names: &[&str]| {
        names
            .iter()
            .map(|name| demo.join(name))
            .find(|path| path.is_dir())
            .map(|path| path.display().to_string())
    };
    let entry = |id: &str, name: &str, paths: ModelPaths| {
        ModelId::try_from(id.to_owned()).ok().map(|id| ModelEntry { id, name: name.to_owned(), paths })
    };
    let mut entries = Vec::new();
    if demo.join("config.json").is_file() {
        entries.extend(entry("demo", "Demo", plain(&demo)));
        return entries;
    }
    let (llm, tower, llava) = (
        part(&["llm", "language", "language-model"]),
        part(&["tower", "vision", "visual-encoder"]),
        part(&["llava", "finetuned", "pretrained", "projector"]),
    );
    if let Some(model) = llm {
        let stack = ModelPaths { model: model.clone(), visual_encoder: tower.clone(), llava };
        if stack.visual_encoder.is_some() && stack.llava.is_some() {
            entries.extend(entry("demo", "Demo", stack));
        }
        entries.extend(entry("demo-llm", "Demo language model", plain(Path::new(&model))));
    }
    if let Some(tower) = tower {
        entries.extend(entry("demo-tower", "Demo vision tower", plain(Path::new(&tower))));
    }
    entries
}

/// The inspection card; parts that do not fit are an answer, not a failure.
fn card(paths: &ModelPaths) -> Reply<ModelCard> {
    let (kind, architecture) = match look(paths) {
        Ok(found) => found,
        Err(error) => return Ok(empty_card(ModelKind::Stack, Some(error))),
    };
    if matches!(kind, ModelKind::VisionTower | ModelKind::Projector) {
        let bytes = folder_bytes(Path::new(&paths.model));
        let part = ModelPart { part: architecture, sizes: None, layout: String::new(), parameters: 0 };
        return Ok(ModelCard { parts: vec![part], bytes_half: bytes, ..empty_card(kind, None) });
    }
    let report = match inspect(&stack_paths(paths)) {
        Ok(report) => report,
        Err(error) => return Ok(empty_card(kind, Some(body(&error)))),
    };
    let side =
        crate::open::eyes_of(&stack_paths(paths)).ok().flatten().map(|(processor, ..)| processor.side());
    let llm = report.parts.first().map_or(0, |part| part.parameters);
    Ok(ModelCard {
        kind,
        // Of a 4-bit model about nine tenths of the language model are in 4 bits; 4.5 with their scales.
        bytes_nf4: report.bytes_half - llm * 2 + (llm / 10) * 2 + llm / 10 * 9 * 9 / 16,
        parts: report
            .parts
            .into_iter()
            .map(|part| ModelPart {
                part: part.part.to_owned(),
                sizes: Some(part.sizes),
                layout: part.layout.to_owned(),
                parameters: part.parameters,
            })
            .collect(),
        fits_together: true,
        problem: None,
        template: report.template,
        context: report.context as u64,
        picture_tokens: report.picture_tokens.and_then(|tokens| u32::try_from(tokens).ok()),
        picture_side: side,
        bytes_f32: report.bytes_f32,
        bytes_half: report.bytes_half,
    })
}

fn empty_card(kind: ModelKind, problem: Option<ErrorBody>) -> ModelCard {
    ModelCard {
        kind,
        parts: Vec::new(),
        fits_together: problem.is_none(),
        problem,
        template: None,
        context: 0,
        picture_tokens: None,
        picture_side: None,
        bytes_f32: 0,
        bytes_half: 0,
        bytes_nf4: 0,
    }
}
