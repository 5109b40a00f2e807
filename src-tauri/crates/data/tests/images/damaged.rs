//! Files that are no pictures, cut ones, bent ones, and ones that ask for too much.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use eyewright_data::image::{DecodeLimits, ImageFault, open};

use super::{fixture, read, rows};

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0]);
    let crc = bytes[12..].iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    });
    bytes.extend((!crc).to_be_bytes());
    bytes.extend(b"\0\0\0\x02IDAT\x78\x9c");
    bytes
}

/// A little-endian TIFF whose only directory holds these entries of type LONG.
fn tiff_with(entries: &[(u16, u32)]) -> Vec<u8> {
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for &(tag, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend([4, 0, 1, 0, 0, 0]);
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

fn with_bytes(mut bytes: Vec<u8>, at: usize, replacement: &[u8]) -> Vec<u8> {
    bytes[at..at + replacement.len()].copy_from_slice(replacement);
    bytes
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

/// JPEG with the sides in its frame header replaced.
fn jpeg_with_sides(name: &str, width: u16, height: u16) -> Vec<u8> {
    let bytes = fixture(name);
    let frame = find(&bytes, &[0xFF, 0xC0, 0, 17]);
    let sides = [height.to_be_bytes(), width.to_be_bytes()].concat();
    with_bytes(bytes, frame + 5, &sides)
}

fn gif_with_frames(count: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a\x02\0\x01\0\x80\0\0\x10\x20\x30\xff\xff\xff".to_vec();
    for _ in 0..count {
        bytes.extend(b"\x2c\0\0\0\0\x02\0\x01\0\0\x02\x02\x44\x0a\0");
    }
    bytes.push(0x3B);
    bytes
}

/// What the refusal must say.
type Verdict = fn(&ImageFault) -> bool;
type BadFile = (&'static str, Vec<u8>, Verdict);

fn unsupported(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::NotSupported { .. })
}

fn unknown(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::Unknown { .. })
}

fn large(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::TooManyPixels { .. })
}

fn truncated(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::Truncated { .. })
}

fn variety(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::Variety { .. })
}

fn broken(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::Damaged { .. }) || truncated(fault)
}

fn without_pixels(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::NoPixels { .. })
}

fn refused(fault: &ImageFault) -> bool {
    matches!(fault, ImageFault::TooMuchMemory { .. }) || broken(fault) || variety(fault)
}

fn half(name: &str) -> Vec<u8> {
    let bytes = fixture(name);
    bytes[..bytes.len() / 2].to_vec()
}

fn not_pictures() -> Vec<BadFile> {
    let ftyp = |brand: &[u8]| [b"\0\0\0\x18ftyp", brand, b"\0\0\0\0mif1"].concat();
    vec![
        ("zero bytes", vec![], |fault| matches!(fault, ImageFault::Empty)),
        ("one byte", vec![0xFF], unknown),
        (
            "random bytes",
            (1..200_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
            unknown,
        ),
        ("text", b"This is not a picture.\n".to_vec(), unsupported),
        ("json", br#"{"error": "rate limited"}"#.to_vec(), unsupported),
        ("html", b"<!DOCTYPE html><html><body>404</body></html>".to_vec(), unsupported),
        ("svg", b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), unsupported),
        (
            "git lfs pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n".to_vec(),
            unsupported,
        ),
        ("heic", ftyp(b"heic"), unsupported),
        ("avif", ftyp(b"avif"), unsupported),
        ("mp4", ftyp(b"isom"), unsupported),
        ("jpeg xl", b"\xff\x0a\x00\x00".to_vec(), unsupported),
        ("jpeg 2000", b"\0\0\0\x0cjP  \r\n\x87\n".to_vec(), unsupported),
        ("pdf", b"%PDF-1.7\n".to_vec(), unsupported),
        ("photoshop", b"8BPS\0\x01".to_vec(), unsupported),
        ("icon", b"\0\0\x01\0\x01\0".to_vec(), unsupported),
        ("zip", b"PK\x03\x04".to_vec(), unsupported),
    ]
}

fn bad_png_and_jpeg() -> Vec<BadFile> {
    vec![
        ("png bomb 60000x60000", png_header(60_000, 60_000), large),
        ("png 2 billion wide", png_header(u32::MAX >> 1, 1), large),
        ("png 1 x 40000", png_header(1, 40_000), large),
        ("png without pixels", png_header(8, 8), broken),
        ("png with zero width", png_header(0, 8), without_pixels),
        ("png signature only", b"\x89PNG\r\n\x1a\n".to_vec(), broken),
        ("png half", half("wide.png"), broken),
        ("png flipped byte", with_bytes(fixture("wide.png"), 300, b"\0\0\0\0"), broken),
        ("jpeg signature only", b"\xff\xd8\xff".to_vec(), truncated),
        ("jpeg half", half("chroma_420.jpg"), truncated),
        (
            "jpeg without its last two bytes",
            fixture("grey.jpg").split_last_chunk::<2>().unwrap().0.to_vec(),
            truncated,
        ),
        ("progressive jpeg half", half("progressive.jpg"), truncated),
        ("jpeg header then end", b"\xff\xd8\xff\xe0\0\x02\xff\xd9".to_vec(), truncated),
        ("jpeg 40000x100", jpeg_with_sides("plain_444.jpg", 40_000, 100), large),
        ("jpeg 10000x10000 in a few bytes", jpeg_with_sides("plain_444.jpg", 10_000, 10_000), truncated),
        ("jpeg with zero width", jpeg_with_sides("plain_444.jpg", 0, 80), broken),
    ]
}

fn bad_gif_webp_and_bmp() -> Vec<BadFile> {
    vec![
        ("gif half", fixture("animated.gif")[..200].to_vec(), broken),
        ("gif without frames", b"GIF89a\x02\0\x01\0\0\0\0\x3b".to_vec(), broken),
        ("gif signature only", b"GIF89a".to_vec(), broken),
        ("gif 65535x65535", with_bytes(gif_with_frames(1), 6, &[255; 4]), large),
        (
            "webp 16000x16000",
            b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x7f\xfe\x9f\x0f\0\0\0\0\0".to_vec(),
            large,
        ),
        ("webp half", half("lossy.webp"), broken),
        ("lossless webp half", half("lossless.webp"), broken),
        ("webp signature only", b"RIFF\x10\0\0\0WEBP".to_vec(), broken),
        ("bmp half", half("plain.bmp"), broken),
        ("bmp 2 billion wide", with_bytes(fixture("plain.bmp"), 18, &[255, 255, 255, 127]), large),
        ("bmp with zero height", with_bytes(fixture("plain.bmp"), 22, &[0; 4]), without_pixels),
    ]
}

fn bad_tiff() -> Vec<BadFile> {
    let huge_strip =
        [(256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (279, u32::MAX - 1)];
    let far_strip =
        [(256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (273, u32::MAX), (277, 1), (279, 4096)];
    let huge_sides = [(256, 60_000), (257, 60_000), (258, 8), (262, 1), (273, 8), (277, 1), (279, 4096)];
    let float = [(256, 2), (257, 2), (258, 32), (259, 1), (262, 1), (273, 8), (277, 1), (279, 16), (339, 3)];
    vec![
        ("tiff signature only", b"II\x2a\0".to_vec(), broken),
        ("tiff half", half("plain.tiff"), broken),
        ("tiff 4 GB strip", tiff_with(&huge_strip), refused),
        ("tiff strip beyond the end", tiff_with(&far_strip), refused),
        ("tiff directory in a circle", b"II\x2a\0\x08\0\0\0\0\0\x08\0\0\0".to_vec(), refused),
        ("tiff 60000x60000", tiff_with(&huge_sides), large),
        ("tiff of floats", tiff_with(&float), refused),
        ("tiff with a palette", fixture("refused_palette.tiff"), variety),
        ("tiff of grey and alpha", fixture("refused_grey_alpha.tiff"), variety),
        ("tiff of float grey", fixture("refused_float.tiff"), variety),
    ]
}

#[test]
fn bad_files_are_named_and_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, verdict) in
        [not_pictures(), bad_png_and_jpeg(), bad_gif_webp_and_bmp(), bad_tiff()].concat()
    {
        let path = folder.path().join("picture.jpg");
        fs::write(&path, &bytes).unwrap();
        let start = Instant::now();
        let error = open(&path, &DecodeLimits::default()).map(|p| (p.width, p.height)).expect_err(name);
        let spent = start.elapsed();
        println!("{name:34} {spent:>9.1?} {}", error.fault);
        assert!(verdict(&error.fault), "{name}: {:?}", error.fault);
        assert!(error.to_string().contains("picture.jpg"), "{name}: {error}");
        assert!(spent < Duration::from_millis(500), "{name} took {spent:?}");
    }
}

#[test]
fn paths_that_are_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let limits = DecodeLimits { max_bytes: 10, ..DecodeLimits::default() };
    let large = folder.path().join("large.png");
    fs::write(&large, fixture("wide.png")).unwrap();
    let fault = |path: &Path| open(path, &limits).expect_err("refused").fault;
    assert!(matches!(fault(folder.path()), ImageFault::NotAFile { .. }));
    assert!(matches!(fault(&folder.path().join("absent.png")), ImageFault::Read(_)));
    assert!(matches!(fault(&large), ImageFault::TooManyBytes { allowed: 10, .. }));
    #[cfg(unix)]
    assert!(matches!(fault(Path::new("/dev/zero")), ImageFault::NotAFile { .. }));
}

#[test]
fn ten_thousand_frames_cost_as_much_as_one() {
    let start = Instant::now();
    let picture = read(&gif_with_frames(10_000)).unwrap();
    assert_eq!((picture.width, picture.height), (2, 1));
    assert!(start.elapsed() < Duration::from_millis(200));
}

#[test]
fn a_cut_file_is_complete_or_refused() {
    for row in rows() {
        let bytes = fixture(&row.file);
        let whole = read(&bytes).unwrap();
        for cut in (0..bytes.len()).step_by(bytes.len() / 60 + 1) {
            // Only the tail may be missing without harm (a closing marker, metadata, later frames).
            if let Ok(picture) = read(&bytes[..cut]) {
                assert!(picture.rgb == whole.rgb, "{} cut at {cut} of {}", row.file, bytes.len());
            }
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for row in rows().into_iter().filter(|row| row.side < 336) {
        let bytes = fixture(&row.file);
        for _ in 0..20 {
            let mut damaged = bytes.clone();
            for _ in 0..1 + next() % 6 {
                let at = next() % damaged.len();
                damaged[at] = next() as u8;
            }
            if let Ok(picture) = read(&damaged) {
                assert_eq!(picture.rgb.len(), (picture.width * picture.height * 3) as usize);
            }
        }
    }
}
