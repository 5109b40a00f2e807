//! Jobs: every piece of work that takes longer than a moment.

use crate::{
    DatasetSummary, DoctorReport, ErrorBody, ExportReport, JobId, LoadedModel, RunEstimate, SplitResult,
};

words! {
    /// What a job does.
    JobKind {
        /// Loads a model.
        Load,
        /// Answers a question.
        Chat,
        /// Trains.
        Train,
        /// Makes two steps to measure them.
        Estimate,
        /// Exports.
        Export,
        /// Downloads.
        Download,
        /// Checks a data set.
        Check,
        /// Splits a data set.
        Split,
        /// Draws a data set.
        Draw,
    }

    /// How far a job is.
    JobState {
        /// Waiting for the device.
        Waiting,
        /// At work.
        Running,
        /// Done.
        Finished,
        /// Stopped on request.
        Cancelled,
        /// Failed.
        Failed,
    }
}

request! {
    /// Which job.
    JobRef {
        /// Its number.
        pub job: JobId,
    }
}

reply! {
    /// A job.
    JobInfo {
        /// Its number.
        pub id: JobId,
        /// What it does.
        pub kind: JobKind,
        /// What it is about, such as a model's name.
        pub title: String,
        /// How far it is.
        pub state: JobState,
        /// Done of `total`, in `unit`.
        pub done: u64,
        /// 0 while unknown.
        pub total: u64,
        /// `bytes`, `rows`, `tokens`, `steps` or `files`.
        pub unit: String,
        /// When it was started, in milliseconds since 1970.
        pub started: u64,
        /// What it made.
        pub outcome: Option<JobOutcome>,
        /// Why it failed.
        pub error: Option<ErrorBody>,
        /// What it is about: id of the chat, run, model or data set; the revision of a download.
        pub subject: Option<String>,
    }
}

happenings! {
    /// What a finished job made.
    JobOutcome {
        /// A model is in memory.
        Loaded {
            /// Which.
            model: LoadedModel,
        },
        /// A download is in the library.
        Downloaded {
            /// The new model.
            model: crate::ModelSummary,
        },
        /// An export was written.
        Exported {
            /// What and how it was checked.
            report: ExportReport,
        },
        /// A dry run measured.
        Estimated {
            /// The numbers.
            estimate: RunEstimate,
        },
        /// A data set was checked.
        Checked {
            /// The findings.
            report: DoctorReport,
        },
        /// A data set was split.
        Split {
            /// The two new ones.
            result: SplitResult,
        },
        /// A data set was drawn.
        Drawn {
            /// The new one.
            dataset: DatasetSummary,
        },
        /// Nothing more to tell.
        Done,
    }
}
