//! Which code does an error get, and what is the next step?

use std::error::Error;
use std::io;
use std::path::Path;

use eyewright_hub::HubError;
use eyewright_infer::ChatError;
use eyewright_interop::InteropError;
use eyewright_model::{stack::StackError, weights::WeightsError};
use eyewright_protocol::{ErrorBody, ErrorCode};
use eyewright_train::{checkpoint::CheckpointError, run::RunError};

use crate::AppError;

/// A use case's error as the interface sees it. Messages carry file, place and next step already.
pub(crate) fn body(error: &AppError) -> ErrorBody {
    ErrorBody::new(code(error), error.to_string())
}

fn code(error: &AppError) -> ErrorCode {
    match error {
        AppError::Device(_) | AppError::Dtype { .. } | AppError::DeviceFailed { .. } => ErrorCode::Device,
        AppError::DtypeName { .. }
        | AppError::Plan(_)
        | AppError::Tune(_)
        | AppError::NoRecipe { .. }
        | AppError::NoModel { .. }
        | AppError::NoPictures { .. }
        | AppError::Interop(InteropError::Unknown { .. } | InteropError::Dtype { .. }) => {
            ErrorCode::BadRequest
        }
        AppError::NoModelFolder { .. } | AppError::NotARun { .. } => ErrorCode::NotFound,
        AppError::FolderTaken { .. } | AppError::Interop(InteropError::Taken { .. }) => {
            ErrorCode::AlreadyExists
        }
        AppError::Stack(StackError::NotFound { .. } | StackError::NoPart { .. }) => ErrorCode::NotFound,
        AppError::Stack(StackError::NoProjector { .. }) => ErrorCode::NotReady,
        AppError::Stack(
            StackError::Load(_)
            | StackError::Adapter(_)
            | StackError::TowerWidth { .. }
            | StackError::TextWidth { .. }
            | StackError::FeatureLayer { .. }
            | StackError::ProjectorDepth { .. },
        )
        | AppError::PictureSide { .. } => ErrorCode::DoesNotFit,
        AppError::Chat(ChatError::NoEye) | AppError::Interop(InteropError::NoEye { .. }) => ErrorCode::NoEyes,
        AppError::Chat(ChatError::ContextFull { .. }) => ErrorCode::ContextFull,
        AppError::Chat(ChatError::Setting { .. }) | AppError::Conversation(_) => ErrorCode::BadRequest,
        // Not the program lacks something, but the form or the file.
        AppError::Interop(InteropError::Unsupported { .. } | InteropError::Strength { .. }) => {
            ErrorCode::BadRequest
        }
        AppError::Interop(InteropError::NoRoom { .. }) => ErrorCode::DiskFull,
        AppError::Interop(InteropError::Different { .. }) => ErrorCode::Different,
        AppError::Run(error) => run(error),
        AppError::Weights(WeightsError::NoMemory { .. })
        | AppError::Stack(StackError::Weights(WeightsError::NoMemory { .. })) => ErrorCode::OutOfMemory,
        _ => refused(error).unwrap_or(ErrorCode::Damaged),
    }
}

fn run(error: &RunError) -> ErrorCode {
    match error {
        RunError::Taken { .. } => ErrorCode::AlreadyExists,
        RunError::NoRun { .. } => ErrorCode::NotFound,
        RunError::Locked { .. } => ErrorCode::Busy,
        RunError::OtherPlan { .. } | RunError::OtherDtype { .. } => ErrorCode::BadRequest,
        RunError::OtherData { .. } | RunError::OtherTokenizer { .. } => ErrorCode::Conflict,
        RunError::NotFinite { .. } | RunError::Checkpoint(CheckpointError::NotFinite { .. }) => {
            ErrorCode::NotFinite
        }
        RunError::Checkpoint(CheckpointError::DiskFull { .. }) => ErrorCode::DiskFull,
        _ => refused(error).unwrap_or(ErrorCode::Damaged),
    }
}

/// What the file system refused, if that is behind an error; a content that ends too early is damaged.
fn refused(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    let mut chain = std::iter::successors(Some(error), |error| (*error).source());
    let kind = chain.find_map(|error| error.downcast_ref::<io::Error>())?.kind();
    let content = matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData);
    (!content).then(|| of_kind(kind).0)
}

/// A download that did not come to its end.
pub(crate) fn hub_fault(error: &HubError) -> ErrorBody {
    let told = |code, hint| ErrorBody::new(code, error.to_string()).hint(hint);
    match error {
        HubError::Address { .. } => {
            told(ErrorCode::BadRequest, "Change the download address in the settings.")
        }
        HubError::Token => told(ErrorCode::BadRequest, "Set it in the settings under Keys."),
        HubError::Name { .. } | HubError::Revision { .. } => {
            ErrorBody::new(ErrorCode::BadRequest, error.to_string())
        }
        HubError::Connection { .. } => told(
            ErrorCode::Network,
            "Check the connection, or choose another download address in the settings. What came is kept: the same \
             download goes on from there.",
        ),
        HubError::Refused { .. } => told(ErrorCode::NotReady, "Keys are set in the settings."),
        HubError::Tls { .. } => ErrorBody::new(ErrorCode::Network, error.to_string()),
        HubError::Missing { .. } => told(ErrorCode::NotFound, "Check the name and the revision."),
        HubError::Status { .. } => told(ErrorCode::Network, "Try again later; what came is kept."),
        HubError::Answer { .. } | HubError::Redirect { .. } => {
            told(ErrorCode::Network, "Check the download address in the settings.")
        }
        HubError::UnsafeName { .. } => told(ErrorCode::Damaged, "Take the model from somebody else."),
        HubError::NothingToRead { .. } => {
            told(ErrorCode::Unsupported, "Look for the same model in Hugging Face form, not as GGUF.")
        }
        HubError::Space { .. } => {
            told(ErrorCode::DiskFull, "Free some space, or choose another library folder in the settings.")
        }
        HubError::File { action, path, source } => io_fault(action, path, source),
        HubError::Changed { .. } => told(ErrorCode::Damaged, "Start the download again."),
        HubError::Checksum { .. } => told(
            ErrorCode::Damaged,
            "Start the download again; if that does not help, choose another download address.",
        ),
        HubError::Busy { .. } => told(ErrorCode::Busy, "Wait for the other download, or stop it."),
        HubError::Cancelled => ErrorBody::new(ErrorCode::Cancelled, error.to_string()),
    }
}

fn of_kind(kind: io::ErrorKind) -> (ErrorCode, &'static str) {
    match kind {
        io::ErrorKind::NotFound => (ErrorCode::NotFound, "Was it moved or deleted?"),
        io::ErrorKind::PermissionDenied => (ErrorCode::File, "Check who may read and write there."),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorCode::DiskFull, "Free some space, or choose another library folder in the settings.")
        }
        io::ErrorKind::AlreadyExists => (ErrorCode::AlreadyExists, "Choose another name."),
        _ => (ErrorCode::File, "Check that the disk is connected and try again."),
    }
}

/// A refusal of the file system, with the file and what was tried.
pub(crate) fn io_fault(what: &str, path: &Path, error: &io::Error) -> ErrorBody {
    let (code, hint) = of_kind(error.kind());
    ErrorBody::new(code, format!("cannot {what} `{}`: {error}", path.display())).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eyewright_data::dataset::DatasetError;

    #[test]
    fn the_code_says_what_is_behind_an_error() {
        let read = |kind: io::ErrorKind| {
            AppError::Dataset(DatasetError::Read { file: "rows.json".into(), source: kind.into() })
        };
        let disk = |kind: io::ErrorKind| {
            AppError::Run(RunError::Disk { action: "write", path: "runs".into(), source: kind.into() })
        };
        let rows = [
            (read(io::ErrorKind::NotFound), ErrorCode::NotFound),
            (read(io::ErrorKind::PermissionDenied), ErrorCode::File),
            (read(io::ErrorKind::UnexpectedEof), ErrorCode::Damaged),
            (disk(io::ErrorKind::StorageFull), ErrorCode::DiskFull),
            (AppError::Dataset(DatasetError::Empty { file: "rows.json".into() }), ErrorCode::Damaged),
            (AppError::Run(RunError::Locked { folder: "runs".into() }), ErrorCode::Busy),
            (AppError::Run(RunError::OtherData { file: "rows.json".into() }), ErrorCode::Conflict),
            (AppError::FolderTaken { folder: "x".into() }, ErrorCode::AlreadyExists),
        ];
        for (error, expected) in rows {
            assert_eq!(body(&error).code, expected, "{error}");
        }
    }
}
