//! Where does the window read its interface? In the same place as the browser's door: one copy in the program.

use std::borrow::Cow;

use eyewright_server::{NOT_BUILT, interface_file};
use tauri::utils::assets::{AssetKey, AssetsIter, CspHash};
use tauri::{Assets, Runtime};

/// The files of the interface; a page that says how to build them where they are missing.
pub(crate) struct Pages;

impl<R: Runtime> Assets<R> for Pages {
    fn get(&self, key: &AssetKey) -> Option<Cow<'_, [u8]>> {
        let path = key.as_ref();
        let missing = || path.ends_with("index.html").then_some(Cow::Borrowed(NOT_BUILT.as_bytes()));
        interface_file(path).map(|(bytes, _)| bytes).or_else(missing)
    }

    fn iter(&self) -> Box<AssetsIter<'_>> {
        Box::new(std::iter::empty())
    }

    /// None: the policy knows `'self'` and nothing written inside a page.
    fn csp_hashes(&self, _page: &AssetKey) -> Box<dyn Iterator<Item = CspHash<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}
