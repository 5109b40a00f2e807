//! Pictures that are none, shown to a model through the program's own door.

use std::{fs, time::Instant};

use eyewright_app::{DecodeLimits, open_picture};
use eyewright_tests::golden::picture;

#[test]
fn pictures_that_are_none() {
    let half = |name: &str| {
        let bytes = fs::read(picture(name)).unwrap();
        bytes[..bytes.len() / 2].to_vec()
    };
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.jpg", Vec::new(), "empty"),
        ("text.png", b"This is not a picture.\n".to_vec(), "not a picture format"),
        ("page.jpg", b"<!DOCTYPE html><html>404</html>".to_vec(), "not a picture format"),
        (
            "pointer.jpg",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
            "not a picture format",
        ),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1".to_vec(), "not a picture format"),
        ("half.jpg", half("chroma_420.jpg"), "ends before the picture is complete"),
        ("half.png", half("wide.png"), "PNG"),
        ("half.webp", half("lossy.webp"), "WebP"),
        ("half.bmp", half("plain.bmp"), "BMP"),
        ("half.tiff", half("plain.tiff"), "TIFF"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, says) in rows {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let start = Instant::now();
        let told = open_picture(&path, &DecodeLimits::default()).unwrap_err().to_string();
        assert!(told.contains(name) && told.contains(says), "{name}: `{told}` does not say `{says}`");
        assert!(start.elapsed().as_millis() < 500, "{name}: {:?}", start.elapsed());
    }
}
