//! The list of all commands. `app` makes the dispatch from it, so a missing handler does not compile; the bindings
//! are made from it too.

/// Hands the list to a macro: rows of `name(Request) -> Reply`, each with its documentation.
#[macro_export]
macro_rules! for_each_command {
    ($callback:ident) => {
        $callback! {
            // The program and the machine.
            /// Version, door, library folder.
            app_info(Nothing) -> AppInfo,
            /// Devices, memory, and what will be used and why. Takes seconds the first time.
            hardware(Nothing) -> HardwareReport,
            /// The process that computes.
            worker_status(Nothing) -> WorkerStatus,
            /// Ends the process that computes and starts another one; running work fails with `worker_stopped`.
            restart_worker(Nothing) -> WorkerStatus,
            /// Work of this session, newest first.
            list_jobs(Nothing) -> Vec<JobInfo>,
            /// One piece of work.
            get_job(JobRef) -> JobInfo,
            /// Asks it to stop; it has stopped when its event says so.
            cancel_job(JobRef) -> JobInfo,

            // Settings.
            /// All settings.
            get_settings(Nothing) -> Settings,
            /// Changes what is given.
            change_settings(ChangeSettings) -> Settings,
            /// Keys that are kept, without their text.
            list_keys(Nothing) -> Vec<KeyInfo>,
            /// Whether keys are kept in the system's keyring.
            keyring(Nothing) -> KeyringStatus,
            /// Keeps a key in the system's keyring, or in memory where there is none.
            set_key(SetKey) -> KeyInfo,
            /// Forgets a key.
            forget_key(KeyRef) -> KeyInfo,
            /// The local API server: address, key, newest requests.
            api_server(Nothing) -> ApiServerStatus,
            /// Gives the API server a new key; the old one stops working.
            new_api_key(Nothing) -> ApiServerStatus,
            /// Writes a file for a report of a fault, free of secrets.
            write_diagnostics(WriteDiagnostics) -> WrittenFile,

            // What a door can do.
            /// The system's dialog (window only).
            pick_files(PickFiles) -> PickedFiles,
            /// A folder of the machine Eyewright runs on.
            list_folder(ListFolder) -> FolderListing,
            /// Shows a folder in the file manager (window only).
            show_folder(ShowFolder) -> Nothing,
            /// Opens a page in the user's browser (window only).
            open_link(OpenLink) -> Nothing,
            /// Saves a text under a name the user picks (window only; a browser downloads it itself).
            save_text(SaveText) -> PickedFiles,
            /// Reads pictures from the system's clipboard (window only).
            paste_pictures(Nothing) -> AddedPictures,
            /// Answers the event `close_asked` (window only).
            answer_close(AnswerClose) -> Nothing,

            // Pictures.
            /// From bytes.
            add_picture_bytes(AddPictureBytes) -> PictureInfo,
            /// From files and folders.
            add_picture_files(AddPictureFiles) -> AddedPictures,
            /// One picture.
            get_picture(PictureRef) -> PictureInfo,
            /// What a model sees of it.
            view_picture(ViewPicture) -> PictureView,

            // Chats.
            /// Newest first, or those in which words occur.
            list_chats(ListChats) -> ChatPage,
            /// An empty chat.
            create_chat(CreateChat) -> Chat,
            /// A whole chat, with the text written so far.
            get_chat(ChatRef) -> Chat,
            /// Title, models, instructions, sampling.
            change_chat(ChangeChat) -> Chat,
            /// Deletes it with its pictures.
            delete_chat(ChatRef) -> Nothing,
            /// As Markdown or JSON.
            export_chat(ExportChat) -> WrittenText,
            /// Asks.
            send_message(SendMessage) -> SentMessage,
            /// Answers again, as a new branch.
            regenerate(Regenerate) -> SentMessage,
            /// Asks a changed question, as a new branch.
            edit_message(EditMessage) -> SentMessage,
            /// Shows the branch of this message.
            show_branch(MessageRef) -> Chat,
            /// Deletes a message and all that follows it.
            delete_message(MessageRef) -> Chat,
            /// Files a corrected answer into a data set.
            correct_answer(CorrectAnswer) -> FiledCorrection,

            // Models.
            /// All models of the library.
            list_models(Nothing) -> Vec<ModelSummary>,
            /// Puts one on the list.
            add_model(AddModel) -> ModelSummary,
            /// The inspection card.
            inspect_model(ModelRef) -> ModelCard,
            /// The same before it is on the list: do these parts fit together?
            inspect_paths(InspectPaths) -> ModelCard,
            /// Takes one off the list.
            delete_model(DeleteModel) -> Nothing,
            /// Networks Eyewright can train, with licence and size.
            list_presets(Nothing) -> Vec<PresetCard>,
            /// Downloads one; a job of kind `download`.
            download_model(DownloadModel) -> JobInfo,
            /// Loads one ahead of the first question; a job of kind `load`.
            load_model(LoadModel) -> JobInfo,
            /// Frees the device's memory.
            unload_model(Nothing) -> Nothing,
            /// What is loaded.
            loaded_model(Nothing) -> Option<LoadedModel>,

            // Data sets.
            /// All data sets of the library.
            list_datasets(Nothing) -> Vec<DatasetSummary>,
            /// Puts one on the list.
            add_dataset(AddDataset) -> DatasetSummary,
            /// An empty one.
            create_dataset(CreateDataset) -> DatasetSummary,
            /// Draws a data set of everyday things to train the demo on; a job of kind `draw`.
            make_demo_dataset(MakeDemoDataset) -> JobInfo,
            /// One data set.
            get_dataset(DatasetRef) -> DatasetSummary,
            /// A new name.
            rename_dataset(RenameDataset) -> DatasetSummary,
            /// Says where a data set's pictures are.
            set_image_folder(SetImageFolder) -> DatasetSummary,
            /// Takes one off the list.
            delete_dataset(DeleteDataset) -> Nothing,
            /// A page of rows with their pictures.
            list_rows(ListRows) -> RowPage,
            /// Corrects what is said in a row, in the data set's own file.
            edit_row(EditRow) -> ChangedRows,
            /// Takes a row out of the data set's own file.
            delete_row(DeleteRow) -> ChangedRows,
            /// Takes the newest of this session's changes to a data set back.
            undo_row_change(DatasetRef) -> ChangedRows,
            /// Checks every row; a job of kind `check`.
            check_dataset(CheckDataset) -> JobInfo,
            /// What the last check found.
            dataset_report(DatasetRef) -> Option<DoctorReport>,
            /// Splits rows for validation off; a job of kind `split`.
            split_dataset(SplitDataset) -> JobInfo,

            // Training.
            /// What stages there are.
            list_recipes(Nothing) -> Vec<RecipeCard>,
            /// Resolves a draft: values, memory, steps, problems, the equal command.
            preview_run(PreviewRun) -> RunPreview,
            /// Makes a draft of TOML text.
            read_draft(ReadDraft) -> RunDraft,
            /// Two steps to measure them; a job of kind `estimate`.
            estimate_run(RunDraft) -> JobInfo,
            /// Starts, or waits in the queue.
            start_run(StartRun) -> Vec<RunSummary>,
            /// Stops, with or without a checkpoint; a waiting run leaves the queue.
            stop_run(StopRun) -> RunSummary,
            /// Goes on from the newest checkpoint.
            resume_run(RunRef) -> RunSummary,
            /// Answers the evaluation questions after the current step.
            sample_now(RunRef) -> Nothing,
            /// Saves a checkpoint after the current step.
            save_now(RunRef) -> Nothing,
            /// Changes a waiting run's place.
            move_queued(MoveQueued) -> Vec<RunSummary>,

            // Runs.
            /// Newest first.
            list_runs(Nothing) -> Vec<RunSummary>,
            /// A run's page.
            get_run(RunRef) -> RunDetail,
            /// Measurements from a place on.
            read_metrics(ReadMetrics) -> MetricsPage,
            /// The same as CSV.
            export_metrics(RunRef) -> WrittenText,
            /// The before/after grid.
            list_samples(RunRef) -> SampleGrid,
            /// The end of the log.
            read_log(ReadLog) -> LogText,
            /// A new name.
            rename_run(RenameRun) -> RunSummary,
            /// Deletes it.
            delete_run(DeleteRun) -> Nothing,
            /// A draft with the same values.
            duplicate_run(RunRef) -> RunDraft,

            // Export.
            /// What a source can become.
            list_export_formats(ListExportFormats) -> Vec<ExportCard>,
            /// Writes and verifies; a job of kind `export`.
            start_export(StartExport) -> JobInfo,
        }
    };
}

macro_rules! list_names {
    ($($(#[$doc:meta])* $name:ident($request:ty) -> $reply:ty,)+) => {
        /// The names of all commands.
        pub const COMMANDS: &[&str] = &[$(stringify!($name)),+];
    };
}

for_each_command!(list_names);

#[cfg(test)]
mod tests {
    use super::COMMANDS;

    #[test]
    fn every_command_has_one_name() {
        let mut names = COMMANDS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len());
    }
}
