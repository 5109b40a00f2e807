//! Which code does an error get, and what is the next step?

use std::io;
use std::path::Path;

use eyewright_infer::ChatError;
use eyewright_model::stack::StackError;
use eyewright_protocol::{ErrorBody, ErrorCode};

use crate::AppError;

/// A use case's error as the interface sees it. Messages carry file, place and next step already.
pub(crate) fn body(error: &AppError) -> ErrorBody {
    let code = match error {
        AppError::Device(_) | AppError::Dtype { .. } => ErrorCode::Device,
        AppError::DtypeName { .. }
        | AppError::Plan(_)
        | AppError::NoRecipe { .. }
        | AppError::NoModel { .. } => ErrorCode::BadRequest,
        AppError::NoModelFolder { .. } | AppError::NotARun { .. } => ErrorCode::NotFound,
        AppError::FolderTaken { .. } => ErrorCode::AlreadyExists,
        AppError::Write { .. } => ErrorCode::File,
        AppError::Stack(StackError::NotFound { .. } | StackError::NoPart { .. }) => ErrorCode::NotFound,
        AppError::Stack(StackError::Load(_) | StackError::Adapter(_)) | AppError::PictureSide { .. } => {
            ErrorCode::DoesNotFit
        }
        AppError::Chat(ChatError::NoEye) => ErrorCode::NoEyes,
        AppError::Chat(ChatError::ContextFull { .. }) => ErrorCode::ContextFull,
        AppError::Chat(ChatError::Setting { .. }) | AppError::Conversation(_) => ErrorCode::BadRequest,
        _ => ErrorCode::Damaged,
    };
    ErrorBody::new(code, error.to_string())
}

/// A refusal of the file system, with the file and what was tried.
pub(crate) fn io_fault(what: &str, path: &Path, error: &io::Error) -> ErrorBody {
    let (code, hint) = match error.kind() {
        io::ErrorKind::NotFound => (ErrorCode::NotFound, "Was it moved or deleted?"),
        io::ErrorKind::PermissionDenied => (ErrorCode::File, "Check who may read and write there."),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorCode::DiskFull, "Free some space, or choose another library folder in the settings.")
        }
        io::ErrorKind::AlreadyExists => (ErrorCode::AlreadyExists, "Choose another name."),
        _ => (ErrorCode::File, "Check that the disk is connected and try again."),
    };
    ErrorBody::new(code, format!("cannot {what} `{}`: {error}", path.display())).hint(hint)
}
