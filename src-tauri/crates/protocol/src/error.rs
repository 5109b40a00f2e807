//! What can go wrong, as the user interface sees it.

words! {
    /// What the interface may act on. A new code is added only when it does something different with it.
    ErrorCode {
        /// The request is not of the command's form, or a value is out of range.
        BadRequest,
        /// There is no such command.
        UnknownCommand,
        /// What was named is not there (any more).
        NotFound,
        /// The name is taken.
        AlreadyExists,
        /// What is to be changed is no longer what was read: somebody else changed it meanwhile.
        Conflict,
        /// A file cannot be read or written.
        File,
        /// A file's content is damaged, or not what it should be.
        Damaged,
        /// What was written is not what was meant; nothing of it was kept.
        Different,
        /// Parts of a model do not fit together.
        DoesNotFit,
        /// The model has no eyes and was given a picture.
        NoEyes,
        /// Of a picture on a web page only the address came.
        OnlyAnAddress,
        /// The conversation is longer than the model can read.
        ContextFull,
        /// A computing device is missing or failed.
        Device,
        /// Memory ran out.
        OutOfMemory,
        /// The disk is full.
        DiskFull,
        /// Training came to numbers that are none.
        NotFinite,
        /// The network or a server did not answer as expected.
        Network,
        /// Other work must end first.
        Busy,
        /// It was stopped on request.
        Cancelled,
        /// The process that computes ended; the work can be started again.
        WorkerStopped,
        /// This door cannot do it (a browser has no native dialogs, say).
        NotHere,
        /// This build cannot do it.
        Unsupported,
        /// Something is missing before this can start.
        NotReady,
        /// A fault of Eyewright.
        Internal,
    }
}

reply! {
    /// Why a command failed.
    ErrorBody {
        /// What kind of failure it is.
        pub code: ErrorCode,
        /// What happened, with the file and the place.
        pub message: String,
        /// What to do about it.
        pub hint: Option<String>,
    }
}

impl ErrorBody {
    /// An error without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// The same with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ". {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ErrorBody {}
