//! Data sets: LLaVA's JSON with a folder of pictures, looked at row by row, checked and split.

use crate::{DatasetId, PictureInfo};

words! {
    /// Who speaks in a row.
    Speaker {
        /// The question.
        Human,
        /// The answer.
        Gpt,
        /// Instructions.
        System,
    }

    /// What can be wrong with a row. The interface has words for each, and what to do about it.
    RowFault {
        /// It is not of the form of a row.
        Form,
        /// It has no conversation.
        NoConversation,
        /// Somebody else than `human` and `gpt` speaks.
        Role,
        /// Question and answer do not take turns.
        Order,
        /// An answer without text.
        EmptyAnswer,
        /// The picture is not there.
        MissingPicture,
        /// The picture cannot be read.
        DamagedPicture,
        /// The picture's name leads out of the image folder.
        OutsideFolder,
        /// Pictures and their marks in the text do not match.
        ImageMarks,
        /// Nothing in it can be learned.
        NothingToLearn,
        /// Something else.
        Other,
    }

    /// How bad a finding is.
    Severity {
        /// The row cannot be trained on.
        Fatal,
        /// It can, but probably should not.
        Warning,
        /// Worth knowing.
        Note,
    }
}

request! {
    /// Puts a data set on the list; its files stay where they are.
    AddDataset {
        /// A LLaVA JSON or JSONL file.
        pub json: String,
        /// The folder its picture names start from; that of the file if absent.
        pub image_folder: Option<String>,
        /// A name to show; the file's if absent.
        pub name: Option<String>,
    }

    /// An empty data set in the library, to file rows into.
    CreateDataset {
        /// Its name.
        pub name: String,
    }

    /// Draws a data set into the library.
    MakeDemoDataset {
        /// Its name.
        pub name: String,
        /// How many pictures; 1,000 if absent, at most 100,000.
        pub rows: Option<u32>,
    }

    /// Which data set.
    DatasetRef {
        /// Its id.
        pub dataset: DatasetId,
    }

    /// A new name.
    RenameDataset {
        /// Which.
        pub dataset: DatasetId,
        /// The name.
        pub name: String,
    }

    /// Another folder for a data set's pictures.
    SetImageFolder {
        /// Which.
        pub dataset: DatasetId,
        /// Where its picture names start from.
        pub image_folder: String,
    }

    /// A page of rows.
    ListRows {
        /// The data set.
        pub dataset: DatasetId,
        /// The first row.
        pub offset: u64,
        /// At most this many, up to 200.
        pub limit: u32,
        /// Words that must occur in the row.
        pub search: Option<String>,
        /// Only rows with findings.
        pub problems_only: Option<bool>,
        /// Only rows of this finding, as the last check noted them: the first hundred.
        pub finding: Option<RowFault>,
    }

    /// Corrects a row.
    EditRow {
        /// The data set.
        pub dataset: DatasetId,
        /// The row's number.
        pub row: u64,
        /// The row's `version`, which the file must still have; otherwise the answer is `conflict`.
        pub version: String,
        /// What is said, one text for each turn.
        pub texts: Vec<String>,
    }

    /// Takes a row out.
    DeleteRow {
        /// The data set.
        pub dataset: DatasetId,
        /// The row's number.
        pub row: u64,
        /// The row's `version`, which the file must still have; otherwise the answer is `conflict`.
        pub version: String,
    }

    /// Takes a data set off the list.
    DeleteDataset {
        /// Which.
        pub dataset: DatasetId,
        /// Also its files, which is done only inside the library folder.
        pub files: bool,
    }

    /// Looks for rows that training would fail on.
    CheckDataset {
        /// Which.
        pub dataset: DatasetId,
        /// Open every picture too, not only look whether it is there.
        pub open_pictures: Option<bool>,
    }

    /// Writes two new data sets into the library.
    SplitDataset {
        /// Which.
        pub dataset: DatasetId,
        /// Share of rows for validation, above 0 and at most 0.5.
        pub validation: f64,
        /// Decides which rows.
        pub seed: u32,
    }
}

reply! {
    /// A row of the list of data sets.
    DatasetSummary {
        /// Its id.
        pub id: DatasetId,
        /// Its name.
        pub name: String,
        /// The file of its rows.
        pub json: String,
        /// The folder of its pictures.
        pub image_folder: String,
        /// Rows; absent until it was read once.
        pub rows: Option<u64>,
        /// Whether its files are in the library folder.
        pub in_library: bool,
        /// Questions about pictures that no row shows; only where Eyewright drew it.
        pub held_out: Vec<HeldOutQuestion>,
        /// When it was added or last changed, in milliseconds since 1970.
        pub changed: u64,
        /// The doctor's last findings in numbers.
        pub health: Option<DatasetHealth>,
        /// Why it cannot be read.
        pub fault: Option<String>,
    }

    /// A question about a picture that no row shows: what before and after are compared with.
    HeldOutQuestion {
        /// The picture's file.
        pub picture: String,
        /// What is asked.
        pub question: String,
    }

    /// The doctor's verdict in numbers.
    DatasetHealth {
        /// Rows looked at.
        pub rows: u64,
        /// Rows that cannot be trained on.
        pub fatal: u64,
        /// Rows with warnings.
        pub warnings: u64,
        /// Whether pictures were opened.
        pub opened_pictures: bool,
        /// When, in milliseconds since 1970.
        pub checked: u64,
    }

    /// What the doctor found.
    DoctorReport {
        /// In numbers.
        pub health: DatasetHealth,
        /// Kinds of findings, the gravest first.
        pub findings: Vec<DoctorFinding>,
        /// Rows with pictures.
        pub rows_with_pictures: u64,
        /// Different pictures.
        pub pictures: u64,
        /// Questions and answers.
        pub turns: u64,
    }

    /// One kind of finding.
    DoctorFinding {
        /// What is wrong.
        pub problem: RowFault,
        /// How bad.
        pub severity: Severity,
        /// The first row's fault in words; empty once that row has changed.
        pub message: String,
        /// How many rows.
        pub count: u64,
        /// The first rows, at most 100.
        pub rows: Vec<u64>,
    }

    /// A page of rows.
    RowPage {
        /// The rows.
        pub rows: Vec<DatasetRow>,
        /// Rows that match in all; absent when the search was cut short.
        pub total: Option<u64>,
        /// Changes of this session that can be taken back.
        pub changes: u32,
    }

    /// What a change left.
    ChangedRows {
        /// The data set as it is now.
        pub dataset: DatasetSummary,
        /// The row that was changed, taken out or brought back.
        pub row: u64,
        /// Changes of this session that can be taken back.
        pub changes: u32,
    }

    /// A row.
    DatasetRow {
        /// Its number in the file, from 0.
        pub number: u64,
        /// What the file contained when the row was read.
        pub version: String,
        /// Its `id`.
        pub id: Option<String>,
        /// Its pictures.
        pub pictures: Vec<PictureInfo>,
        /// The conversation.
        pub turns: Vec<RowTurn>,
        /// What is wrong with it.
        pub problems: Vec<RowProblem>,
    }

    /// One turn of a row.
    RowTurn {
        /// Who speaks.
        pub speaker: Speaker,
        /// What is said; `<image>` stands for a picture.
        pub text: String,
    }

    /// What is wrong with a row.
    RowProblem {
        /// What it is.
        pub problem: RowFault,
        /// How bad.
        pub severity: Severity,
        /// In words.
        pub message: String,
    }

    /// What a split made.
    SplitResult {
        /// Rows to train on.
        pub train: DatasetSummary,
        /// Rows to measure on.
        pub validation: DatasetSummary,
    }
}
