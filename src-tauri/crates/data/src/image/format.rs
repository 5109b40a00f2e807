//! Which kind of file is this, judged by its content alone? Extensions are never asked.

use std::fmt;

use super::error::ImageFault;

/// The picture formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureFormat {
    /// JPEG (baseline and progressive Huffman).
    Jpeg,
    /// PNG, and the default picture of an animated PNG.
    Png,
    /// WebP, lossy and lossless.
    WebP,
    /// GIF, first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// TIFF, first page.
    Tiff,
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
        })
    }
}

const CONVERT: &str = "save it as PNG or JPEG";
const EXPORT: &str = "export it as PNG first";
const DOWNLOAD: &str = "the download probably failed, fetch the picture again";

/// Signatures at the start of the file: bytes, name, next step.
const REFUSED: &[(&[u8], &str, &str)] = &[
    (b"version https://git-lfs", "a Git LFS pointer", "run `git lfs pull` in the data set's folder"),
    (b"\xFF\x0A", "JPEG XL", CONVERT),
    (b"\0\0\0\x0CJXL \r\n\x87\n", "JPEG XL", CONVERT),
    (b"\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000", CONVERT),
    (b"\xFF\x4F\xFF\x51", "JPEG 2000", CONVERT),
    (b"8BPS", "a Photoshop document", EXPORT),
    (b"gimp xcf", "a GIMP document", EXPORT),
    (b"%PDF", "a PDF document", EXPORT),
    (b"%!PS", "a PostScript document", EXPORT),
    (b"\0\0\x01\0", "a Windows icon", CONVERT),
    (b"\x76\x2F\x31\x01", "OpenEXR", CONVERT),
    (b"#?RADIANCE", "Radiance HDR", CONVERT),
    (b"DDS ", "a DirectDraw surface", CONVERT),
    (b"qoif", "QOI", CONVERT),
    (b"PK\x03\x04", "a ZIP archive", "unpack it first"),
    (b"\x1F\x8B", "a gzip archive", "unpack it first"),
    (b"FORM", "an IFF picture", CONVERT),
];

/// Names the format, or says what the file is instead.
pub(super) fn sniff(bytes: &[u8]) -> Result<PictureFormat, ImageFault> {
    if bytes.is_empty() {
        return Err(ImageFault::Empty);
    }
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let bitmap = bytes.starts_with(b"BM") && bytes.len() >= 26;
    let tiff = [&b"II\x2A\0"[..], b"MM\0\x2A", b"II\x2B\0", b"MM\0\x2B"];
    match () {
        () if bytes.starts_with(b"\xFF\xD8\xFF") => Ok(PictureFormat::Jpeg),
        () if bytes.starts_with(b"\x89PNG\r\n\x1A\n") => Ok(PictureFormat::Png),
        () if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => Ok(PictureFormat::Gif),
        () if webp => Ok(PictureFormat::WebP),
        () if bitmap => Ok(PictureFormat::Bmp),
        () if tiff.iter().any(|signature| bytes.starts_with(signature)) => Ok(PictureFormat::Tiff),
        () => Err(name_refused(bytes)),
    }
}

fn name_refused(bytes: &[u8]) -> ImageFault {
    if let Some((_, what, hint)) = REFUSED.iter().find(|(signature, _, _)| bytes.starts_with(signature)) {
        return ImageFault::NotSupported { what, hint };
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        let (what, hint) = match bytes.get(8..12) {
            Some(b"avif" | b"avis") => ("AVIF", CONVERT),
            Some(b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
                ("HEIC", "save it as JPEG (a phone can be set to take \"most compatible\" pictures)")
            }
            _ => ("a video", "save one of its frames as PNG or JPEG"),
        };
        return ImageFault::NotSupported { what, hint };
    }
    let start = &bytes[..bytes.len().min(512)];
    // A character may be cut at the end of the window; anything else that is not UTF-8 is no text.
    let utf8 = std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    let control = |&byte: &u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C);
    if !utf8 || start.iter().any(control) {
        return ImageFault::Unknown { start: start[..start.len().min(12)].to_vec() };
    }
    let lower = start.to_ascii_lowercase();
    let contains = |needle: &[u8]| lower.windows(needle.len()).any(|window| window == needle);
    let (what, hint) = match () {
        () if contains(b"<svg") => ("an SVG drawing", EXPORT),
        () if contains(b"<html") || contains(b"<!doctype html") => ("a web page", DOWNLOAD),
        () if contains(b"<?xml") => ("an XML document", DOWNLOAD),
        () => ("text", DOWNLOAD),
    };
    ImageFault::NotSupported { what, hint }
}
