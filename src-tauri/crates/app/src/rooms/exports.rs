//! Exports: which formats a source can become, and the job that writes one.

use eyewright_protocol::{ErrorBody, ErrorCode, ExportCard, JobInfo, ListExportFormats, StartExport};

use crate::studio::{Inner, Reply};

impl Inner {
    pub(crate) fn list_export_formats(&self, _: ListExportFormats) -> Reply<Vec<ExportCard>> {
        Ok(Vec::new())
    }

    pub(crate) fn start_export(&self, _: StartExport) -> Reply<JobInfo> {
        Err(ErrorBody::new(ErrorCode::Unsupported, "this build exports from the terminal only"))
    }
}
