//! Formats, orientations, written pictures, and preprocessor files.

use std::fs;

use eyewright_data::image::{DecodeLimits, ImageProcessorConfig, Picture, PictureFormat, open};

use super::{fixture, read};

#[test]
fn the_format_comes_from_the_content() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [
        ("plain_444.jpg", PictureFormat::Jpeg),
        ("wide.png", PictureFormat::Png),
        ("lossy.webp", PictureFormat::WebP),
        ("animated.gif", PictureFormat::Gif),
        ("plain.bmp", PictureFormat::Bmp),
        ("lzw.tiff", PictureFormat::Tiff),
    ] {
        let wrong = folder.path().join(format!("{name}.txt"));
        fs::write(&wrong, fixture(name)).unwrap();
        assert_eq!(open(&wrong, &DecodeLimits::default()).unwrap().format, Some(format), "{name}");
    }
}

#[test]
fn orientations_agree_with_each_other() {
    // The eight files hold the same stored pixels, so every one is a symmetry of the first.
    let upright = read(&fixture("orientation_1.jpg")).unwrap();
    assert!(!upright.orientation_applied);
    let pixel = |picture: &Picture, x: u32, y: u32| {
        let at = ((y * picture.width + x) * 3) as usize;
        picture.rgb[at..at + 3].to_vec()
    };
    let (right, bottom) = (upright.width - 1, upright.height - 1);
    // Where the stored top left pixel ends up (EXIF 2.32, tag 274).
    for (value, corner) in [
        (2, (right, 0)),
        (3, (right, bottom)),
        (4, (0, bottom)),
        (5, (0, 0)),
        (6, (bottom, 0)),
        (7, (bottom, right)),
        (8, (0, right)),
    ] {
        let turned = read(&fixture(&format!("orientation_{value}.jpg"))).unwrap();
        assert!(turned.orientation_applied);
        assert_eq!(pixel(&turned, corner.0, corner.1), pixel(&upright, 0, 0), "orientation {value}");
    }
}

#[test]
fn encoded_pictures_can_be_read_again() {
    let picture = read(&fixture("wide.png")).unwrap();
    let png = read(&picture.encode_png().unwrap()).unwrap();
    assert_eq!((png.format, &png.rgb), (Some(PictureFormat::Png), &picture.rgb));
    let jpeg = read(&picture.encode_jpeg(90).unwrap()).unwrap();
    assert_eq!((jpeg.format, jpeg.width, jpeg.height), (Some(PictureFormat::Jpeg), 90, 31));
    let thumbnail = picture.thumbnail(30);
    assert_eq!((thumbnail.width, thumbnail.height), (30, 10));
}

#[test]
fn preprocessor_files() {
    let clip = ImageProcessorConfig::clip(336).unwrap();
    for same in [
        r#"{"size": 336, "crop_size": 336}"#,
        r#"{"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}, "resample": 3}"#,
        r#"{"crop_size": 336, "do_resize": true, "do_center_crop": true, "do_normalize": true,
            "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 336,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711], "rescale_factor": 0.00392156862745098}"#,
    ] {
        assert_eq!(ImageProcessorConfig::from_json(same).unwrap(), clip, "{same}");
        assert_eq!(serde_json::from_str::<ImageProcessorConfig>(same).unwrap().side(), 336);
    }
    for (refused, field) in [
        ("[]", "read"),
        ("{}", "crop_size"),
        (r#"{"size": 0}"#, "size"),
        (r#"{"size": 5000}"#, "size"),
        (r#"{"size": -1}"#, "size"),
        (r#"{"size": "336"}"#, "size"),
        (r#"{"size": {"height": 336, "width": 336}}"#, "size"),
        (r#"{"size": 336, "crop_size": {"height": 336, "width": 224}}"#, "crop_size"),
        (r#"{"size": 224, "crop_size": 336}"#, "crop_size"),
        (r#"{"size": 336, "resample": 0}"#, "resample"),
        (r#"{"size": 336, "do_resize": false}"#, "do_resize"),
        (r#"{"size": 336, "do_center_crop": 1}"#, "do_center_crop"),
        (r#"{"size": 336, "do_pad": 3}"#, "do_pad"),
        (r#"{"size": 336, "image_mean": [0.5, 0.5]}"#, "image_mean"),
        (r#"{"size": 336, "image_mean": [0.5, 0.5, 7]}"#, "image_mean"),
        (r#"{"size": 336, "image_std": [0.5, 0, 0.5]}"#, "image_std"),
        (r#"{"size": 336, "rescale_factor": -1}"#, "rescale_factor"),
    ] {
        let error = ImageProcessorConfig::from_json(refused).expect_err(refused).to_string();
        assert!(error.contains(field), "{refused}: {error}");
    }
}
