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
        /// When it was added or last changed, in milliseconds since 1970.
        pub changed: u64,
        /// The doctor's last findings in numbers.
        pub health: Option<DatasetHealth>,
        /// Why it cannot be read.
        pub fault: Option<String>,
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
        /// Its name, such as `missing_picture`.
        pub problem: String,
        /// How bad.
        pub severity: Severity,
        /// In words.
        pub message: String,
        /// What to do.
        pub fix: String,
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
    }

    /// A row.
    DatasetRow {
        /// Its number in the file, from 0.
        pub number: u64,
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
        /// Its name.
        pub problem: String,
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
