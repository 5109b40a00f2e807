//! How does a trained model leave in someone else's form, and is what left the same model?
//!
//! Written beside its place, read back tensor by tensor, asked the same questions as its source, and only then
//! given its name.

use std::path::{Path, PathBuf};

use eyewright_interop::{
    InteropError,
    card::{self, Facts},
    source::{Part, Source},
    staging::Staging,
};
use eyewright_model::{
    adapter::Adapter,
    stack::{StackError, StackPaths, TrainedModel},
};
use eyewright_ops::{DeviceChoice, OpenDevice, open_device};
use eyewright_train::plan::RunPlan;
use serde::Serialize;

pub use eyewright_interop::{
    format::Format, gguf::Quantisation, source::Alphas, written::Settings as ExportSettings,
};
pub use eyewright_model::weights::StoredDtype;

use crate::AppError;

mod answers;

use answers::Likeness;

/// What is to be written, where, and how.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The model: folders, a `.pth`, a run or one of its checkpoints.
    pub paths: StackPaths,
    /// The form.
    pub format: Format,
    /// The new folder.
    pub folder: PathBuf,
    /// Choices of the form.
    pub settings: ExportSettings,
    /// What a `.pth` does not say.
    pub alphas: Alphas,
    /// Read everything back and compare.
    pub verify: bool,
    /// Where the answers that are compared are computed, if a model in 32 bits has room there; else on the CPU.
    pub device: DeviceChoice,
}

/// What was written and how it was checked.
#[derive(Clone, Debug, Serialize)]
pub struct ExportReport {
    /// The form.
    pub format: &'static str,
    /// The folder.
    pub folder: PathBuf,
    /// Names and sizes of its files.
    pub files: Vec<(String, u64)>,
    /// What was compared.
    pub checks: Vec<Check>,
    /// Whether anything was compared; a comparison that fails is an error.
    pub verified: bool,
    /// What was taken for granted because the source does not say it.
    pub assumed: Vec<String>,
    /// Lines that load it.
    pub snippet: String,
}

/// A comparison that held.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// A file, or `answers`.
    pub what: String,
    /// The result in words.
    pub result: String,
    /// Tensors or answers that are equal.
    pub equal: usize,
    /// Tensors or answers in all. Rounding may change an answer.
    pub all: usize,
}

impl Check {
    /// [`Check::what`] of the answers.
    pub const ANSWERS: &str = "answers";

    fn of_tensors((file, count): (String, usize)) -> Self {
        Self { what: file, result: format!("all {count} tensors are equal"), equal: count, all: count }
    }

    fn of_answers(likeness: &Likeness, remark: &str) -> Self {
        let (equal, all) = (likeness.equal, likeness.all);
        Self { what: Self::ANSWERS.to_owned(), result: format!("{likeness}{remark}"), equal, all }
    }
}

/// Writes a model in another form. `progress` is told what is done, and bytes as they go by.
///
/// # Errors
/// If the model does not fit the form, anything cannot be read or written, or what was written is not what was
/// meant. Nothing is left under the folder's name then.
pub fn export(
    request: &ExportRequest,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<ExportReport, AppError> {
    let source = Source::open(&request.paths, request.alphas)?;
    // A device that does not work is better known before anything is written.
    let device = request.verify.then(|| open_device(request.device)).transpose()?;
    let format = request.format;
    let staging = Staging::begin(&request.folder, format.bytes(&source, &request.settings))?;
    let written =
        format.write(&source, &staging, &request.settings, &mut |bytes| progress("writing", bytes))?;
    let mut checks = Vec::new();
    if let Some(device) = device {
        let equal = written.verify(staging.folder(), &mut |bytes| progress("comparing", bytes))?;
        checks.extend(equal.into_iter().map(Check::of_tensors));
        checks.extend(compare_answers(&source, request, staging.folder(), &device, progress)?);
    }
    let folder = staging.target().to_string_lossy().into_owned();
    let files = staging.files()?;
    let assumed = source.assumptions();
    let mut known = training(&request.paths);
    known.extend(assumed.iter().map(|line| ("assumed strength of adapters".to_owned(), line.clone())));
    let compared = checks.iter().map(|check| (check.what.clone(), check.result.clone())).collect();
    let facts = Facts { training: known, checks: compared };
    staging.write("README.md", card::text(&source, format, &facts, &folder, &files).as_bytes())?;
    let snippet = card::snippet(&source, format, &folder, &files);
    let files = staging.files()?;
    let folder = staging.finish()?;
    Ok(ExportReport {
        format: format.name(),
        folder,
        files,
        checks,
        verified: request.verify,
        assumed,
        snippet,
    })
}

/// Asks the source and the export, and says how their answers compare; nothing for forms that Eyewright does not compute
/// with.
fn compare_answers(
    source: &Source,
    request: &ExportRequest,
    folder: &Path,
    device: &OpenDevice,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<Option<Check>, AppError> {
    progress("asking", 0);
    let Some(again) = opened_again(source, request, folder)? else { return Ok(None) };
    let written = request.settings.dtype.unwrap_or_else(|| match request.format {
        // What is merged is in the language model's type; what stands beside it is not rounded at all.
        Format::LlavaHf => again.dtype(Part::Llm, "model.norm.weight"),
        Format::Llava if !request.settings.keep_adapters => again.dtype(Part::Llm, "model.norm.weight"),
        _ => StoredDtype::F32,
    });
    let likeness = answers::compare(source, &again, written, device)?;
    if likeness.holds() {
        return Ok(Some(Check::of_answers(&likeness, "")));
    }
    if written == StoredDtype::F32 || !likeness.may_be_rounding() {
        return Err(likeness.fault(folder));
    }
    drop(again);
    let remark = match in_32_bits(source, request, device, progress) {
        Ok(exact) if exact.holds() => {
            let far = exact.most;
            format!(": that is rounding to {written}; written in 32 bits they differ by {far:.1e}")
        }
        Ok(exact) => return Err(exact.fault(folder)),
        // What was written stays: its numbers have been compared one by one.
        Err(AppError::Interop(InteropError::NoRoom { .. })) => format!(
            ": more than usual for {written}; there was no room on the disk for a copy in 32 bits, which would tell \
             whether that is rounding"
        ),
        Err(error) => return Err(error),
    };
    Ok(Some(Check::of_answers(&likeness, &remark)))
}

/// Is it a wrong layout or rounding that moves scores? Writes the same form in 32 bits beside it, asks that, and throws it
/// away.
fn in_32_bits(
    source: &Source,
    request: &ExportRequest,
    device: &OpenDevice,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<Likeness, AppError> {
    let mut exact = request.clone();
    exact.settings.dtype = Some(StoredDtype::F32);
    exact.folder.as_mut_os_string().push("-in-32-bits");
    let staging = Staging::begin(&exact.folder, exact.format.bytes(source, &exact.settings))?;
    let mut written = |bytes| progress("writing in 32 bits", bytes);
    exact.format.write(source, &staging, &exact.settings, &mut written)?;
    progress("asking", 0);
    let again = opened_again(source, &exact, staging.folder())?;
    let again = again.ok_or_else(|| InteropError::Unsupported {
        format: exact.format.name(),
        reason: "Eyewright does not compute with this form".to_owned(),
    })?;
    answers::compare(source, &again, StoredDtype::F32, device)
}

/// The export, opened again as a model; `None` for forms that Eyewright does not compute with.
fn opened_again(source: &Source, request: &ExportRequest, folder: &Path) -> Result<Option<Source>, AppError> {
    if request.format == Format::Peft && !request.settings.with_projector {
        // Adapters alone: the source's base with the adapters that were written.
        let mut again = Source::open(&request.paths, request.alphas)?;
        let adapters = [
            ("llm_adapter", &mut again.files.llm_adapter),
            ("visual_encoder_adapter", &mut again.files.tower_adapter),
        ];
        for (name, adapter) in adapters {
            if adapter.is_some() {
                *adapter = Some(Adapter::open(&folder.join(name)).map_err(StackError::from)?);
            }
        }
        return Ok(Some(again));
    }
    let paths = paths_again(source, request, folder);
    Ok(paths.map(|paths| Source::open(&paths, Alphas::default())).transpose()?)
}

/// Where the parts of the export are.
fn paths_again(source: &Source, request: &ExportRequest, folder: &Path) -> Option<StackPaths> {
    let folder = folder.to_owned();
    let select = source.files.eye.as_ref().map(|eye| eye.tower.config.feature_layer);
    match request.format {
        // The tower is in the folder, merged; the language model is not.
        Format::Llava if request.settings.keep_adapters => Some(StackPaths {
            model: source.paths.model.clone(),
            visual_encoder: Some(folder.join("clip-vision-tower")),
            llava: Some(folder),
            visual_select_layer: select,
        }),
        Format::LlavaHf | Format::Llava | Format::Eyewright => {
            Some(StackPaths { model: folder, ..StackPaths::default() })
        }
        Format::Xtuner => Some(StackPaths {
            model: if source.is_retrained(Part::Llm) { folder.clone() } else { source.paths.model.clone() },
            visual_encoder: source
                .tower_folder()
                .filter(|_| !source.is_retrained(Part::Tower))
                .map(Path::to_owned),
            llava: Some(folder),
            visual_select_layer: select,
        }),
        Format::Peft | Format::Gguf => None,
    }
}

/// What a run says about how its model came to be.
fn training(paths: &StackPaths) -> Vec<(String, String)> {
    let found = [Some(&paths.model), paths.llava.as_ref()].into_iter().flatten();
    let run = found.filter_map(|path| TrainedModel::find(path).ok().flatten()).next();
    let Some((_, checkpoint)) = run else { return Vec::new() };
    let mut rows = Vec::new();
    let manifest = std::fs::read(checkpoint.join("MANIFEST.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
    if let Some(identity) = manifest.get("identity") {
        for (key, words) in
            [("step", "steps"), ("validation_loss", "validation loss"), ("dtype", "computed in")]
        {
            let value = identity.get(key).filter(|value| !value.is_null());
            let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            rows.extend(text.map(|text| (words.to_owned(), text)));
        }
    }
    let plan = checkpoint.parent().and_then(Path::parent).map(|run| run.join("plan.toml"));
    let Some(plan) = plan.and_then(|file| RunPlan::read(&file).ok()) else { return rows };
    let data = plan.data.json.to_string_lossy();
    let told = [("data set", &*data), ("recipe", plan.recipe()), ("preset", plan.preset())];
    let told = told.into_iter().filter(|(_, value)| !value.is_empty());
    rows.extend(told.map(|(words, value)| (words.to_owned(), value.to_owned())));
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed step of a test is a failed test
mod tests {
    use super::*;

    /// The tiny model with adapters, in another form.
    fn request(format: Format, folder: PathBuf, dtype: Option<StoredDtype>) -> ExportRequest {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden/models/llava_xtuner");
        ExportRequest {
            paths: StackPaths {
                model: golden.join("llm"),
                visual_encoder: Some(golden.join("clip")),
                llava: Some(golden.join("llava")),
                visual_select_layer: None,
            },
            format,
            folder,
            settings: ExportSettings { dtype, ..ExportSettings::default() },
            alphas: Alphas::default(),
            verify: true,
            device: DeviceChoice::Cpu,
        }
    }

    #[test]
    fn a_copy_in_32_bits_tells_rounding_from_a_wrong_layout_and_is_thrown_away() {
        let home = tempfile::tempdir().unwrap();
        let mut request = request(Format::LlavaHf, home.path().join("rounded"), Some(StoredDtype::BF16));
        let source = Source::open(&request.paths, request.alphas).unwrap();
        let device = open_device(DeviceChoice::Cpu).unwrap();
        let exact = in_32_bits(&source, &request, &device, &mut |_, _| {}).unwrap();
        assert!(exact.holds() && exact.most <= 1e-4, "{exact}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);

        // A tower read one layer earlier is the kind of fault that must not pass for rounding.
        request.paths.visual_select_layer = Some(-3);
        let other = Source::open(&request.paths, request.alphas).unwrap();
        let wrong = answers::compare(&source, &other, StoredDtype::F32, &device).unwrap();
        assert!(!wrong.holds() && wrong.most > 1e-2, "{wrong}");
        let folder = home.path().join("exact");
        request.settings.dtype = Some(StoredDtype::F32);
        request.folder = folder.clone();
        export(&request, &mut |_, _| {}).unwrap();
        let error = compare_answers(&source, &request, &folder, &device, &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("its scores differ from the source's"), "{error}");
    }

    #[test]
    fn a_model_that_was_taught_on_squares_cut_out_is_asked_so_in_every_form() {
        let home = tempfile::tempdir().unwrap();
        let request = request(Format::Xtuner, home.path().join("folder"), None);
        export(&request, &mut |_, _| {}).unwrap();
        // XTuner's folders do not say how pictures become squares; read by themselves they are padded.
        let mut source = Source::open(&request.paths, request.alphas).unwrap();
        source.pads = false;
        let device = open_device(DeviceChoice::Cpu).unwrap();
        let said = compare_answers(&source, &request, &request.folder, &device, &mut |_, _| {}).unwrap();
        assert!(said.unwrap().result.starts_with("3 of 3 answers are equal"));
    }
}
