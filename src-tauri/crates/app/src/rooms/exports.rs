//! Exports: which formats a source can become, and the job that writes one and reads it back.

use std::path::PathBuf;

use eyewright_interop::{InteropError, source::Source};
use eyewright_protocol::{
    CheckpointRef, ErrorBody, ErrorCode, ExportCard, ExportFormat, ExportSource, JobInfo, JobKind,
    JobOutcome, ListExportFormats, StartExport,
};

use super::bad_request;
use crate::export::{Alphas, ExportSettings, Format};
use crate::library::free_name;
use crate::studio::{Inner, Reply};
use crate::worker::{ExportTask, ModelTask, Task, TaskEvent, form};

/// All formats: name and who reads it.
const FORMATS: &[(ExportFormat, &str, &str)] = &[
    (ExportFormat::Xtuner, "XTuner", "Projector and adapters as `xtuner convert pth_to_hf` writes them."),
    (ExportFormat::Peft, "PEFT", "Adapters for Hugging Face's peft."),
    (ExportFormat::LlavaHf, "llava-hf", "One merged folder for transformers, vLLM and others."),
    (ExportFormat::Llava, "LLaVA", "Merged, in the layout of LLaVA's own repository."),
    (ExportFormat::Gguf, "GGUF", "Language model and mmproj for llama.cpp, Ollama and LM Studio."),
    (
        ExportFormat::Eyewright,
        "Eyewright",
        "A checkpoint of Eyewright's own, for another machine with the same base models.",
    ),
];

fn refused(error: InteropError) -> ErrorBody {
    bad_request(error.to_string())
}

impl Inner {
    /// The model of a source, and the run it is from.
    fn exported(&self, source: &ExportSource) -> Reply<ModelTask> {
        match (&source.checkpoint, &source.choice) {
            (Some(checkpoint), None) => self.task_of_checkpoint(checkpoint),
            (None, Some(choice)) => self.model_task(choice),
            _ => Err(bad_request("either a checkpoint or a model is exported")),
        }
    }

    fn task_of_checkpoint(&self, checkpoint: &CheckpointRef) -> Reply<ModelTask> {
        let settings = self.settings.get();
        let mut task = ModelTask {
            choice: eyewright_protocol::ModelChoice {
                model: checkpoint.run.as_str().to_owned().try_into().map_err(bad_request)?,
                checkpoint: Some(checkpoint.clone()),
            },
            name: String::new(),
            paths: eyewright_protocol::ModelPaths { model: String::new(), visual_encoder: None, llava: None },
            checkpoint: None,
            device: settings.device,
            dtype: settings.dtype,
        };
        self.put_on_top(&mut task, checkpoint)?;
        Ok(task)
    }

    pub(crate) fn list_export_formats(&self, request: ListExportFormats) -> Reply<Vec<ExportCard>> {
        let task = self.exported(&request.source)?;
        let paths = crate::worker::stack_paths(&task.paths);
        // What keeps one form from being written keeps them all.
        let source = Source::open(&paths, Alphas::default());
        let reason = match &source {
            Err(error) => Some(error.to_string()),
            Ok(source) => source.files.eye.is_none().then(|| "the model has no eyes".to_owned()),
        };
        // What is merged has the size of the whole model; adapters alone are whatever their ranks make them.
        let bytes = |format| match format {
            Format::LlavaHf | Format::Llava | Format::Gguf => {
                Some(format.bytes(source.as_ref().ok()?, &ExportSettings::default()))
            }
            Format::Xtuner | Format::Peft | Format::Eyewright => None,
        };
        Ok(FORMATS
            .iter()
            .map(|(format, name, about)| {
                let own = source.as_ref().ok().and_then(|source| form(*format).refuses(source));
                let reason = reason.clone().or(own.map(str::to_owned));
                ExportCard {
                    format: *format,
                    name: (*name).to_owned(),
                    about: (*about).to_owned(),
                    available: reason.is_none(),
                    reason,
                    dtypes: form(*format).dtypes().iter().map(|&name| name.to_owned()).collect(),
                    bytes: bytes(form(*format)),
                }
            })
            .collect())
    }

    pub(crate) fn start_export(&self, request: StartExport) -> Reply<JobInfo> {
        self.device_is_free()?;
        let settings = ExportSettings::default();
        let dtype = request.dtype.filter(|name| !name.is_empty());
        if let Some(name) = &dtype {
            settings.with_dtype(form(request.format), name).map_err(refused)?;
        }
        let model = self.exported(&request.source)?;
        let word = form(request.format).name();
        let library = self.library()?;
        let folder = match request.folder.filter(|folder| !folder.trim().is_empty()) {
            Some(folder) => {
                let folder = PathBuf::from(folder.trim());
                if !folder.is_absolute() {
                    return Err(bad_request(format!("`{}` must be a full path", folder.display())));
                }
                // A folder that has something in it is where the new one goes.
                let full = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
                if full {
                    folder.join(free_name(&folder, &format!("{}-{word}", model.name), "export"))
                } else {
                    folder
                }
            }
            None => {
                let exports = library.exports();
                exports.join(free_name(&exports, &format!("{}-{word}", model.name), "export"))
            }
        };
        if let Some(parent) = folder.parent() {
            crate::library::make_folder(parent)?;
        }
        let (worker, machine, subject) =
            (self.worker.clone(), self.machine.clone(), request.source.checkpoint);
        let subject = subject.map(|checkpoint| checkpoint.run.to_string());
        let title = format!("{} → {word}", model.name);
        Ok(self.jobs.spawn(JobKind::Export, title, subject, move |job| {
            machine.loaded(None);
            let task = Task::Export(ExportTask { model, format: request.format, folder, dtype });
            let last = worker.run(task, Some(job), &mut |event| {
                if let TaskEvent::Progress { done, total, unit } = event {
                    job.progress(done, total, &unit);
                }
            })?;
            match last {
                TaskEvent::Exported(report) => Ok(JobOutcome::Exported { report }),
                _ => Err(ErrorBody::new(ErrorCode::Internal, "the export ended in an unexpected way")),
            }
        }))
    }
}
