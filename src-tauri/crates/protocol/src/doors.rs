//! What only a door can do: dialogs, the clipboard, the file manager, closing.

use crate::{ExportSource, RunId};

words! {
    /// What a dialog is for.
    PickFor {
        /// Picture files.
        Pictures,
        /// One folder.
        Folder,
        /// A JSON or JSONL file of rows.
        Dataset,
        /// A projector file (`.pth`, `.safetensors`).
        Weights,
        /// A TOML file.
        Plan,
    }

    /// What to do with work that is going on when the window is closed.
    CloseChoice {
        /// Hide the window and go on, with a sign in the tray.
        KeepRunning,
        /// Save a checkpoint, then end.
        StopAndSave,
        /// Do not close.
        Stay,
    }
}

request! {
    /// Nothing.
    Nothing {}

    /// Opens the system's dialog.
    PickFiles {
        /// For what.
        pub purpose: PickFor,
    }

    /// Lists a folder of the machine Eyewright runs on, for a browser that has no dialog.
    ListFolder {
        /// Absolute path; the home folder if absent.
        pub path: Option<String>,
    }

    /// Shows a folder in the file manager.
    ShowFolder {
        /// A run's folder.
        pub run: Option<RunId>,
        /// An export's folder, as its report says.
        pub folder: Option<String>,
        /// The library, if neither is given.
        pub library: Option<bool>,
    }

    /// Opens a page of the internet in the user's browser; only hosts that Eyewright names itself.
    OpenLink {
        /// An `https` address.
        pub url: String,
    }

    /// Saves a text under a name the user picks.
    SaveText {
        /// A suggested name.
        pub name: String,
        /// The text.
        pub text: String,
    }

    /// Answers the question at closing.
    AnswerClose {
        /// The answer.
        pub choice: CloseChoice,
    }

    /// Gathers what a report of a fault needs, with keys and folders of the user made unreadable.
    WriteDiagnostics {
        /// A folder; the library's `diagnostics/` if absent.
        pub folder: Option<String>,
    }

    /// What can be exported from this.
    ListExportFormats {
        /// What.
        pub source: ExportSource,
    }
}

reply! {
    /// What was picked; empty when the dialog was closed.
    PickedFiles {
        /// Absolute paths.
        pub paths: Vec<String>,
    }

    /// A folder's content.
    FolderListing {
        /// The folder.
        pub path: String,
        /// The folder above.
        pub parent: Option<String>,
        /// Folders first, then files, by name; at most 2,000.
        pub entries: Vec<FolderEntry>,
        /// Whether there are more.
        pub cut: bool,
    }

    /// One entry.
    FolderEntry {
        /// Its name.
        pub name: String,
        /// Whether it is a folder.
        pub folder: bool,
        /// Its size.
        pub bytes: u64,
    }
}
