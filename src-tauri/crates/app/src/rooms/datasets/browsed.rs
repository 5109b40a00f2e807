//! The index of the data set that is looked at, kept for as long as its file stays as it is: a page of rows must not
//! cost a reading of the whole file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use eyewright_data::dataset::{DatasetError, DatasetIndex};

use crate::{library::FileStamp, studio::lock};

/// The last one of all data sets.
#[derive(Default)]
pub(super) struct Browsed(Mutex<Option<(PathBuf, FileStamp, Arc<DatasetIndex>)>>);

impl Browsed {
    pub(super) fn index(&self, json: &Path) -> Result<Arc<DatasetIndex>, DatasetError> {
        // Taken before the file is read: what changes meanwhile is read again the next time.
        let stamp = FileStamp::of(json);
        if let Some((path, of, index)) = &*lock(&self.0)
            && path == json
            && stamp == Some(*of)
        {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(DatasetIndex::open(json, &mut |_, _| {})?);
        *lock(&self.0) = stamp.map(|stamp| (json.to_owned(), stamp, Arc::clone(&index)));
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_index_is_kept_until_its_file_changes() {
        let home = tempfile::tempdir().unwrap();
        let json = home.path().join("rows.json");
        let row = r#"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}"#;
        fs::write(&json, format!("[{row}]")).unwrap();
        let browsed = Browsed::default();
        let first = browsed.index(&json).unwrap();
        assert!(Arc::ptr_eq(&first, &browsed.index(&json).unwrap()));
        fs::write(&json, format!("[{row},{row}]")).unwrap();
        assert_eq!(browsed.index(&json).unwrap().len(), 2);
        fs::remove_file(&json).unwrap();
        assert!(browsed.index(&json).is_err());
    }
}
