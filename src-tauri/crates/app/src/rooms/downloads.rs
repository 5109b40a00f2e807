//! Downloads: what a hub has becomes a model of the library.

use std::ops::ControlFlow;
use std::path::Path;

use eyewright_protocol::{DownloadModel, JobInfo, JobKind, JobOutcome, ListName, ModelSummary};

use crate::download::download_config;
use crate::studio::{Inner, Reply, hub_fault};

impl Inner {
    pub(crate) fn download_model(&self, request: DownloadModel) -> Reply<JobInfo> {
        let (library, hub) = (self.library()?, self.settings.get().hub);
        let (key, revision) = (self.keys.get("hub"), request.revision.as_deref());
        let config = download_config(&library, &hub, key, &request.repository, revision)?;
        let title = config.repository.to_string();
        let here = self.here()?;
        Ok(self.jobs.spawn(JobKind::Download, title, request.revision, move |job| {
            let mut told = |progress: &eyewright_hub::Progress| {
                job.progress(progress.done, progress.total, "bytes");
                if job.cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let done = config.download(&mut told).map_err(|error| hub_fault(&error))?;
            here.changed(ListName::Models);
            Ok(JobOutcome::Downloaded { model: here.model_in(&done.folder)? })
        }))
    }

    /// The library's model that lies in a folder.
    fn model_in(&self, folder: &Path) -> Reply<ModelSummary> {
        let found =
            self.model_entries()?.into_iter().find(|(entry, _)| Path::new(&entry.paths.model) == folder);
        let (entry, bundled) = found
            .ok_or_else(|| super::not_found(format!("`{}` is complete and gone again", folder.display())))?;
        Ok(self.summary(entry, bundled))
    }
}
