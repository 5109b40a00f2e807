//! Pictures: from bytes and files to numbers, thumbnails and what a model sees.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine;
use eyewright_data::image::{DecodeLimits, Picture, SquareMode, decode, open};
use eyewright_protocol::{
    AddPictureBytes, AddPictureFiles, AddedPictures, ErrorBody, ErrorCode, Nothing, PictureId, PictureInfo,
    PictureRef, PictureView, RefusedPicture, ViewPicture,
};

use super::{bad_request, not_found};
use crate::library::{make_folder, replace};
use crate::studio::{Inner, Pasted, Reply, body, io_fault, lock};
use crate::{AppError, open::eyes_of};

/// Pictures one drop may bring.
const MOST: usize = 500;
/// Bytes of thumbnails that are kept.
const KEPT_BYTES: usize = 64 << 20;
/// Sides that thumbnails come in.
const SIDES: [u32; 5] = [96, 192, 384, 768, 1536];
/// Endings of files that a folder is searched for; what is inside decides in the end.
const ENDINGS: &[&str] = &["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"];

/// Every picture this session has a number for.
#[derive(Default)]
pub(crate) struct PictureRoom {
    table: Mutex<Table>,
    thumbnails: Mutex<Thumbnails>,
}

#[derive(Default)]
struct Table {
    by_id: BTreeMap<PictureId, Entry>,
    by_path: HashMap<PathBuf, PictureId>,
}

#[derive(Clone)]
struct Entry {
    info: PictureInfo,
    path: PathBuf,
}

type Encoded = Arc<(Vec<u8>, &'static str)>;

#[derive(Default)]
struct Thumbnails {
    order: VecDeque<(PictureId, u32)>,
    made: HashMap<(PictureId, u32), Encoded>,
    bytes: usize,
}

impl PictureRoom {
    /// A number for a file; the same file keeps its number.
    fn number(&self, path: PathBuf, mut info: PictureInfo) -> PictureInfo {
        let mut table = lock(&self.table);
        if let Some(id) = table.by_path.get(&path).copied() {
            info.id = id;
            if let Some(entry) = table.by_id.get_mut(&id) {
                if info.width == 0 {
                    // What was learnt by opening it is not forgotten by naming it again.
                    info = PictureInfo { name: info.name, ..entry.info.clone() };
                }
                entry.info = info.clone();
            }
            return info;
        }
        let id = table.by_id.last_key_value().map_or(1, |(id, _)| id + 1);
        info.id = id;
        table.by_path.insert(path.clone(), id);
        table.by_id.insert(id, Entry { info: info.clone(), path });
        info
    }

    fn entry(&self, id: PictureId) -> Reply<Entry> {
        let entry = lock(&self.table).by_id.get(&id).cloned();
        entry.ok_or_else(|| not_found(format!("picture {id} is not known in this session")))
    }

    /// A number for a file that is not opened now; it is looked at when its thumbnail is asked for.
    pub(crate) fn unopened(&self, path: &Path, name: &str) -> PictureInfo {
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_file);
        let info = PictureInfo {
            id: 0,
            name: name.to_owned(),
            width: 0,
            height: 0,
            bytes: found.as_ref().map_or(0, fs::Metadata::len),
            format: String::new(),
            hash: String::new(),
            fault: found.is_none().then(|| format!("`{}` is not there", path.display())),
        };
        self.number(path.to_owned(), info)
    }

    /// A number for a file of the library, with its sides.
    pub(crate) fn opened(&self, path: &Path, name: &str) -> PictureInfo {
        let known = lock(&self.table).by_path.get(path).copied();
        if let Some(entry) = known.and_then(|id| self.entry(id).ok())
            && entry.info.width > 0
        {
            return PictureInfo { name: name.to_owned(), ..entry.info };
        }
        match fs::read(path)
            .map_err(|error| io_fault("read", path, &error))
            .and_then(|bytes| described(name, &bytes).map(|(info, _)| info))
        {
            Ok(info) => self.number(path.to_owned(), info),
            Err(error) => PictureInfo { fault: Some(error.message), ..self.unopened(path, name) },
        }
    }

    /// File and name of a picture.
    pub(crate) fn file(&self, id: PictureId) -> Reply<(PathBuf, PictureInfo)> {
        self.entry(id).map(|entry| (entry.path, entry.info))
    }
}

/// Opens a picture to see what it is.
fn described(name: &str, bytes: &[u8]) -> Reply<(PictureInfo, Picture)> {
    let picture = decode(bytes, &DecodeLimits::default())
        .map_err(|error| ErrorBody::new(ErrorCode::Damaged, format!("`{name}`: {error}")))?;
    let info = PictureInfo {
        id: 0,
        name: name.to_owned(),
        width: picture.width,
        height: picture.height,
        bytes: bytes.len() as u64,
        format: picture.format.map(|format| format.to_string()).unwrap_or_default(),
        hash: blake3::hash(bytes).to_hex()[..32].to_owned(),
        fault: None,
    };
    Ok((info, picture))
}

/// The last part of a path or name from elsewhere, without control letters.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|char| !char.is_control()).take(120).collect();
    if clean.is_empty() { "picture".to_owned() } else { clean }
}

impl Inner {
    /// Puts bytes into the inbox of the library and gives them a number.
    pub(crate) fn add_picture(&self, name: &str, bytes: &[u8]) -> Reply<PictureInfo> {
        let name = plain_name(name);
        let (info, _) = described(&name, bytes)?;
        let inbox = self.library()?.folder().join("inbox");
        make_folder(&inbox)?;
        let file = inbox.join(format!("{}.{}", info.hash, info.format.to_lowercase()));
        if !file.exists() {
            replace(&file, bytes)?;
        }
        Ok(self.pictures.number(file, info))
    }

    pub(crate) fn add_picture_bytes(&self, request: AddPictureBytes) -> Reply<PictureInfo> {
        // A data URI is what a page has at hand.
        let text = request.base64.split_once("base64,").map_or(request.base64.as_str(), |(_, rest)| rest);
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text.trim())
            .map_err(|error| bad_request(format!("the picture is not base64: {error}")))?;
        self.add_picture(&request.name, &bytes)
    }

    pub(crate) fn add_picture_files(&self, request: AddPictureFiles) -> Reply<AddedPictures> {
        let paths: Vec<PathBuf> = request.paths.iter().map(PathBuf::from).collect();
        if let Some(relative) = paths.iter().find(|path| !path.is_absolute()) {
            return Err(bad_request(format!("`{}` must be a full path", relative.display())));
        }
        Ok(self.add_files(&paths))
    }

    /// Files and folders, as far as they are pictures.
    pub(crate) fn add_files(&self, paths: &[PathBuf]) -> AddedPictures {
        let mut added = AddedPictures { pictures: Vec::new(), refused: Vec::new() };
        let mut files = Vec::new();
        for path in paths {
            match refused_address(path) {
                Some(refused) => added.refused.push(refused),
                None => gather(path, 0, &mut files),
            }
        }
        let over = files.len().saturating_sub(MOST);
        files.truncate(MOST);
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let limit = DecodeLimits::default().max_bytes;
            let read = match fs::metadata(&file) {
                Ok(found) if !found.is_file() => Err(bad_request(format!("`{name}` is not a file"))),
                Ok(found) if found.len() > limit => {
                    Err(bad_request(format!("`{name}` has {} bytes, at most {limit} are read", found.len())))
                }
                Ok(_) => fs::read(&file).map_err(|error| io_fault("read", &file, &error)),
                Err(error) => Err(io_fault("read", &file, &error)),
            };
            match read.and_then(|bytes| self.add_picture(&name, &bytes)) {
                Ok(picture) => added.pictures.push(picture),
                Err(error) => added.refused.push(RefusedPicture { name, error }),
            }
        }
        if over > 0 {
            let error =
                bad_request(format!("at most {MOST} pictures are taken at once; {over} were left out"))
                    .hint("Make a data set of them instead.");
            added.refused.push(RefusedPicture { name: String::new(), error });
        }
        added
    }

    pub(crate) fn get_picture(&self, request: PictureRef) -> Reply<PictureInfo> {
        let entry = self.pictures.entry(request.picture)?;
        Ok(self.pictures.opened(&entry.path, &entry.info.name))
    }

    pub(crate) fn paste_pictures(&self, _: Nothing) -> Reply<AddedPictures> {
        let nothing = AddedPictures { pictures: Vec::new(), refused: Vec::new() };
        let bytes = match self.host.paste()? {
            Pasted::Nothing => return Ok(nothing),
            Pasted::Files(files) => return Ok(self.add_files(&files)),
            Pasted::Bytes(bytes) => bytes,
            Pasted::Pixels(width, height, rgba) => {
                let (pixels, _) = rgba.as_chunks::<4>();
                let rgb = pixels.iter().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
                let picture = Picture::from_rgb(width, height, rgb).and_then(|picture| picture.encode_png());
                picture.map_err(|error| body(&AppError::from(error)))?
            }
        };
        let picture = self.add_picture("pasted picture", &bytes)?;
        Ok(AddedPictures { pictures: vec![picture], ..nothing })
    }

    pub(crate) fn view_picture(&self, request: ViewPicture) -> Reply<PictureView> {
        let entry = self.pictures.entry(request.picture)?;
        let model = self.model_task(&request.choice)?;
        let eyes = eyes_of(&crate::worker::stack_paths(&model.paths)).map_err(|error| body(&error))?;
        let Some((processor, square, tokens)) = eyes else {
            return Err(ErrorBody::new(ErrorCode::NoEyes, format!("`{}` has no eyes", model.name))
                .hint("Choose a model with a vision tower and a projector."));
        };
        let picture =
            open(&entry.path, &DecodeLimits::default()).map_err(|error| body(&AppError::from(error)))?;
        let seen = processor.preview(&picture, square);
        let bytes = seen.encode_png().map_err(|error| body(&AppError::from(error)))?;
        let (long, short) = (picture.width.max(picture.height), picture.width.min(picture.height));
        let (word, cut, reduced) = match square {
            SquareMode::Pad => ("pad", 0.0, long),
            SquareMode::CentreCrop => ("crop", 1.0 - f64::from(short) / f64::from(long), short),
        };
        Ok(PictureView {
            seen: self.add_picture(&format!("{} as seen", entry.info.name), &bytes)?,
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            square: word.to_owned(),
            side: processor.side(),
            cut,
            reduction: f64::from(reduced) / f64::from(processor.side()),
        })
    }

    /// A picture no larger than the next of [`SIDES`], re-encoded.
    pub(crate) fn thumbnail(&self, id: PictureId, side: u32) -> Reply<(Vec<u8>, &'static str)> {
        let entry = self.pictures.entry(id)?;
        let side = SIDES.into_iter().find(|known| *known >= side).unwrap_or(SIDES[4]);
        if let Some(made) = lock(&self.pictures.thumbnails).made.get(&(id, side)) {
            return Ok((made.0.clone(), made.1));
        }
        let fault = |error| body(&AppError::from(error));
        let picture = open(&entry.path, &DecodeLimits::default()).map_err(fault)?;
        if entry.info.width == 0 {
            let info = PictureInfo { width: picture.width, height: picture.height, ..entry.info };
            self.pictures.number(entry.path, info);
        }
        let small = picture.thumbnail(side);
        // Photographs are many times smaller as JPEG; drawings of few pixels stay exact.
        let (bytes, kind) = if small.width.max(small.height) <= 96 {
            (small.encode_png().map_err(fault)?, "image/png")
        } else {
            (small.encode_jpeg(88).map_err(fault)?, "image/jpeg")
        };
        lock(&self.pictures.thumbnails).keep((id, side), &bytes, kind);
        Ok((bytes, kind))
    }
}

impl Thumbnails {
    fn keep(&mut self, key: (PictureId, u32), bytes: &[u8], kind: &'static str) {
        self.bytes += bytes.len();
        self.order.push_back(key);
        self.made.insert(key, Arc::new((bytes.to_vec(), kind)));
        while self.bytes > KEPT_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(gone) = self.made.remove(&oldest) {
                self.bytes -= gone.0.len();
            }
        }
    }
}

/// A drag from a web page may bring its address as if it were a path.
fn refused_address(path: &Path) -> Option<RefusedPicture> {
    let name = path.to_str().filter(|path| path.starts_with("http:/") || path.starts_with("https:/"))?;
    let error = ErrorBody::new(ErrorCode::OnlyAnAddress, "this is an address, and no web pages are read")
        .hint("Save the picture and drop its file, or copy the picture and paste it.");
    Some(RefusedPicture { name: name.to_owned(), error })
}

/// Files below a path, by name; folders at most eight deep, links to folders not followed.
fn gather(path: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let folder = fs::symlink_metadata(path).is_ok_and(|kind| kind.is_dir());
    if !folder {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if depth == 0 || ENDINGS.contains(&ending.as_str()) {
            files.push(path.to_owned());
        }
        return;
    }
    if depth > 8 || files.len() > 20 * MOST {
        return;
    }
    let mut inside: Vec<PathBuf> =
        fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect();
    inside.sort();
    for entry in inside {
        gather(&entry, depth + 1, files);
    }
}
