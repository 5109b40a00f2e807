//! What happens by itself, told to every open interface: one enum for each kind of work.

use crate::{
    AddedPictures, AnswerStats, ApiRequest, ApiServerStatus, ChatId, CurveFinding, ErrorBody, Finish, JobId,
    JobInfo, MessageId, MetricRow, RunId, RunProgress, RunSummary, SampleRow, Settings, WorkerStatus,
};

reply! {
    /// An event with its place in the sequence. A gap means that events were lost and lists should be read again.
    Envelope {
        /// Counts up from 1.
        pub seq: u64,
        /// What happened.
        pub event: Event,
    }
}

happenings! {
    /// Anything that happens.
    Event {
        /// While an answer is written.
        Chat {
            /// The chat.
            chat: ChatId,
            /// What.
            event: ChatEvent,
        },
        /// While a run is trained.
        Train {
            /// The run.
            run: RunId,
            /// What.
            event: TrainEvent,
        },
        /// A job began, went on or ended. Comes at most ten times a second for one job.
        Job {
            /// As it is now.
            job: JobInfo,
        },
        /// A list changed and should be read again.
        Changed {
            /// Which.
            list: ListName,
        },
        /// The settings changed.
        Settings {
            /// As they are now.
            settings: Settings,
        },
        /// The process that computes changed its state.
        Worker {
            /// As it is now.
            status: WorkerStatus,
        },
        /// The API server started or stopped.
        ApiServer {
            /// As it is now.
            status: ApiServerStatus,
        },
        /// The API server answered a request.
        ApiRequest {
            /// Which.
            request: ApiRequest,
        },
        /// Files are dragged over, dropped on or pasted into the window.
        Drop {
            /// What.
            event: DropEvent,
        },
        /// The window is to be closed while work goes on: ask, then `answer_close`.
        CloseAsked {
            /// The run.
            run: Option<RunId>,
        },
        /// Another start of the program was sent here with these files.
        Opened {
            /// The pictures.
            pictures: AddedPictures,
        },
    }

    /// While an answer is written.
    ChatEvent {
        /// The model is being loaded, or waits for its turn.
        Waiting {
            /// The work.
            job: JobId,
            /// In words.
            reason: String,
        },
        /// The prompt is being read.
        Started {
            /// The answer.
            message: MessageId,
            /// The model's name.
            model_name: String,
        },
        /// More text; append it.
        Text {
            /// The answer.
            message: MessageId,
            /// The new part.
            text: String,
        },
        /// It is complete.
        Finished {
            /// The answer.
            message: MessageId,
            /// Why it ended.
            finish: Finish,
            /// How fast it was.
            stats: AnswerStats,
        },
        /// It failed.
        Failed {
            /// The answer.
            message: MessageId,
            /// Why.
            error: ErrorBody,
        },
        /// The title was made from the first question.
        Titled {
            /// The title.
            title: String,
        },
    }

    /// While a run is trained.
    TrainEvent {
        /// The run's row changed: its state, or the step.
        Summary {
            /// As it is now.
            summary: RunSummary,
        },
        /// Where it is.
        Progress {
            /// As it is now.
            progress: RunProgress,
        },
        /// New measurements; at most ten times a second.
        Metrics {
            /// The rows, oldest first.
            rows: Vec<MetricRow>,
        },
        /// A checkpoint is complete.
        CheckpointSaved {
            /// Its step.
            step: u64,
        },
        /// The evaluation questions were answered.
        Sampled {
            /// The step.
            step: u64,
            /// Every row with this step's answer alone.
            rows: Vec<SampleRow>,
        },
        /// The curve says something new.
        Finding {
            /// What.
            finding: CurveFinding,
        },
        /// A line of the log.
        Log {
            /// The line.
            line: String,
        },
        /// It is complete.
        Finished,
        /// It was stopped.
        Stopped {
            /// The step of the newest checkpoint.
            saved_step: Option<u64>,
        },
        /// It failed.
        Failed {
            /// Why.
            error: ErrorBody,
            /// Whether a checkpoint is there to resume from.
            resumable: bool,
        },
    }

    /// Files over the window.
    DropEvent {
        /// They are above it; show where they may go.
        Over {
            /// How many.
            count: u32,
        },
        /// They went away.
        Left,
        /// They were dropped or pasted.
        Added {
            /// What came of it.
            pictures: AddedPictures,
        },
    }
}

words! {
    /// Lists that can change by themselves.
    ListName {
        /// Chats.
        Chats,
        /// Data sets.
        Datasets,
        /// Models.
        Models,
        /// Runs and the queue.
        Runs,
    }
}
