//! Where each entry of a torch zip lies, with every field checked against the others.
//!
//! Only what torch writes is taken: stored entries, no comment, nothing before or after the archive.
//! Record layouts: APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16.

use std::collections::BTreeMap;

use super::super::error::{WeightsError, quoted};
use super::super::open_file::OpenFile;
use super::super::problem::ZipProblem;

/// Most entries; a training checkpoint of the largest models here has some thousands of storages.
const MAX_ENTRIES: u64 = 20_000;
/// Longest entry name.
const MAX_NAME_BYTES: usize = 1024;
/// Longest directory: all entries with the longest names and extra fields.
const MAX_DIRECTORY_BYTES: u64 = 64 * 1024 * 1024;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DIRECTORY_ENTRY: u32 = 0x0201_4b50;
const DIRECTORY_END: u32 = 0x0605_4b50;
const DIRECTORY_END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const DIRECTORY_END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const DIRECTORY_END_64_BYTES: u64 = 56;
const LOCAL_HEADER_BYTES: u64 = 30;
/// Sizes follow the data instead of standing in the local header.
const FLAG_SIZES_FOLLOW: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;

/// One stored entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct ZipEntry {
    /// First byte of its data in the file.
    pub(super) offset: u64,
    /// Bytes of its data.
    pub(super) length: u64,
    /// CRC-32 of its data.
    pub(super) checksum: u32,
}

/// Reads the directory of a zip and checks it against the local headers.
pub(super) fn read_directory(file: &OpenFile) -> Result<BTreeMap<String, ZipEntry>, WeightsError> {
    let end = find_directory(file)?;
    let bytes = file.read(end.offset, end.length, || "zip directory".to_owned())?;
    let mut fields = Fields::new(&bytes, end.offset);
    let mut entries = BTreeMap::new();
    let mut extents = Vec::new();
    for number in 0..end.entries {
        let place = || format!("zip directory, entry {number}");
        let listed = read_listed(&mut fields, number).map_err(at(file, place))?;
        let entry = locate(file, &listed)?;
        extents.push((listed.header_offset, entry.offset + entry.length, listed.name.clone()));
        let place = format!("zip entry {}", quoted(&listed.name));
        if entries.insert(listed.name, entry).is_some() {
            return Err(at(file, || place.clone())(ZipProblem::Duplicate));
        }
    }
    let directory = || "zip directory".to_owned();
    expect("length of the zip directory", end.length, fields.position as u64).map_err(at(file, directory))?;
    extents.sort_unstable();
    let nexts = extents.iter().skip(1).map(|(begin, _, name)| (*begin, name.clone()));
    let nexts = nexts.chain([(end.offset, directory())]);
    for ((_, entry_end, name), (next, other)) in extents.iter().zip(nexts) {
        if *entry_end > next {
            let problem = ZipProblem::Overlap { end: *entry_end, next, other };
            return Err(at(file, || format!("zip entry {}", quoted(name)))(problem));
        }
    }
    Ok(entries)
}

/// Adds file and place to a problem.
fn at(file: &OpenFile, place: impl Fn() -> String) -> impl FnOnce(ZipProblem) -> WeightsError {
    move |problem| WeightsError::Zip { file: file.path().to_owned(), place: place(), problem }
}

fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), ZipProblem> {
    if found == expected { Ok(()) } else { Err(ZipProblem::Disagrees { field, found, expected }) }
}

struct DirectoryPlace {
    offset: u64,
    length: u64,
    entries: u64,
}

/// Reads the records at the end of the file: the old one, and the 64-bit one if its locator is there.
fn find_directory(file: &OpenFile) -> Result<DirectoryPlace, WeightsError> {
    let place = || "end of the zip".to_owned();
    let cut_short = || WeightsError::CutShort {
        file: file.path().to_owned(),
        place: place(),
        end: DIRECTORY_END_BYTES,
        length: file.length(),
    };
    let end_offset = file.length().checked_sub(DIRECTORY_END_BYTES).ok_or_else(cut_short)?;
    let end = file.read(end_offset, DIRECTORY_END_BYTES, place)?;
    let locator_offset = end_offset.saturating_sub(LOCATOR_BYTES);
    let locator = file.read(locator_offset, end_offset - locator_offset, place)?;
    let narrow = read_end(&end, end_offset).map_err(at(file, place))?;
    let (found, records_begin) = match read_locator(&locator, locator_offset).map_err(at(file, place))? {
        None => (narrow, end_offset),
        Some(offset) => {
            let bytes = file.read(offset, DIRECTORY_END_64_BYTES, place)?;
            let wide = read_end_64(&bytes, offset, locator_offset).map_err(at(file, place))?;
            check_narrow(&narrow, &wide).map_err(at(file, place))?;
            (wide, offset)
        }
    };
    if found.entries > MAX_ENTRIES {
        return Err(at(file, place)(ZipProblem::TooManyEntries { found: found.entries, limit: MAX_ENTRIES }));
    }
    if found.length > MAX_DIRECTORY_BYTES {
        let problem = ZipProblem::TooLong { found: found.length, limit: MAX_DIRECTORY_BYTES };
        return Err(at(file, || "zip directory".to_owned())(problem));
    }
    let directory_end = found.offset.saturating_add(found.length);
    expect("end of the zip directory", records_begin, directory_end).map_err(at(file, place))?;
    Ok(found)
}

fn read_end(bytes: &[u8], position: u64) -> Result<DirectoryPlace, ZipProblem> {
    let mut fields = Fields::new(bytes, position);
    fields.signature(DIRECTORY_END)?;
    expect("number of this disk", 0, fields.u16()?.into())?;
    expect("disk of the directory", 0, fields.u16()?.into())?;
    let entries_here = fields.u16()?;
    let entries = fields.u16()?;
    expect("number of entries on this disk", entries.into(), entries_here.into())?;
    let (length, offset) = (fields.u32()?, fields.u32()?);
    expect("length of the comment", 0, fields.u16()?.into())?;
    Ok(DirectoryPlace { offset: offset.into(), length: length.into(), entries: entries.into() })
}

/// The position of the 64-bit record; `None` when there is no locator.
fn read_locator(bytes: &[u8], position: u64) -> Result<Option<u64>, ZipProblem> {
    let mut fields = Fields::new(bytes, position);
    if !bytes.starts_with(&LOCATOR_64.to_le_bytes()) {
        return Ok(None);
    }
    fields.signature(LOCATOR_64)?;
    expect("disk of the 64-bit record", 0, fields.u32()?.into())?;
    let offset = fields.u64()?;
    expect("number of disks", 1, fields.u32()?.into())?;
    Ok(Some(offset))
}

fn read_end_64(bytes: &[u8], position: u64, locator: u64) -> Result<DirectoryPlace, ZipProblem> {
    let mut fields = Fields::new(bytes, position);
    fields.signature(DIRECTORY_END_64)?;
    expect("length of the 64-bit record", DIRECTORY_END_64_BYTES - 12, fields.u64()?)?;
    expect("end of the 64-bit record", locator, position.saturating_add(DIRECTORY_END_64_BYTES))?;
    fields.skip(4)?; // versions
    expect("number of this disk", 0, fields.u32()?.into())?;
    expect("disk of the directory", 0, fields.u32()?.into())?;
    let entries_here = fields.u64()?;
    let entries = fields.u64()?;
    expect("number of entries on this disk", entries, entries_here)?;
    let (length, offset) = (fields.u64()?, fields.u64()?);
    Ok(DirectoryPlace { offset, length, entries })
}

/// The old record repeats the 64-bit one, or says with its largest value that it cannot.
fn check_narrow(narrow: &DirectoryPlace, wide: &DirectoryPlace) -> Result<(), ZipProblem> {
    let rows = [
        ("number of entries", narrow.entries, wide.entries, u64::from(u16::MAX)),
        ("length of the zip directory", narrow.length, wide.length, u64::from(u32::MAX)),
        ("offset of the zip directory", narrow.offset, wide.offset, u64::from(u32::MAX)),
    ];
    rows.into_iter().filter(|row| row.1 != row.3).try_for_each(|row| expect(row.0, row.2, row.1))
}

/// One row of the directory.
struct Listed {
    name: String,
    flags: u16,
    length: u64,
    checksum: u32,
    header_offset: u64,
}

fn read_listed(fields: &mut Fields<'_>, number: u64) -> Result<Listed, ZipProblem> {
    fields.signature(DIRECTORY_ENTRY)?;
    fields.skip(4)?; // versions
    let flags = fields.u16()?;
    if flags & !(FLAG_SIZES_FOLLOW | FLAG_UTF8) != 0 {
        return Err(ZipProblem::Flags { flags });
    }
    let method = fields.u16()?;
    if method != 0 {
        return Err(ZipProblem::Compressed { method });
    }
    fields.skip(4)?; // time and date
    let checksum = fields.u32()?;
    let (packed, length) = (fields.u32()?, fields.u32()?);
    let name_length = usize::from(fields.u16()?);
    let extra_length = usize::from(fields.u16()?);
    let comment_length = usize::from(fields.u16()?);
    let disk = fields.u16()?;
    fields.skip(6)?; // attributes
    let header_offset = fields.u32()?;
    let name = std::str::from_utf8(fields.take(name_length)?).ok();
    let name = name.filter(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES);
    let name = name.ok_or(ZipProblem::Name { entry: number })?.to_owned();
    let extra = fields.take(extra_length)?;
    expect("length of the comment", 0, comment_length as u64)?;
    expect("number of this disk", 0, disk.into())?;
    let [length, packed, header_offset] = widen(extra, [length, packed, header_offset])?;
    expect("packed length", length, packed)?;
    Ok(Listed { name, flags, length, checksum, header_offset })
}

/// Replaces each field of largest value by the 64-bit one in the extra field, in the order given.
fn widen(extra: &[u8], narrow: [u32; 3]) -> Result<[u64; 3], ZipProblem> {
    const WIDE_FIELD: u16 = 1;
    let mut wide = Fields::new(&[], 0);
    let mut fields = Fields::new(extra, 0);
    while fields.position < extra.len() {
        let id = fields.u16()?;
        let length = usize::from(fields.u16()?);
        let content = fields.take(length)?;
        if id == WIDE_FIELD {
            wide = Fields::new(content, 0);
        }
    }
    let mut widened = [0; 3];
    for (wider, &value) in widened.iter_mut().zip(&narrow) {
        *wider = if value == u32::MAX { wide.u64()? } else { value.into() };
    }
    Ok(widened)
}

/// Checks an entry's local header against the directory and finds its data.
fn locate(file: &OpenFile, listed: &Listed) -> Result<ZipEntry, WeightsError> {
    let place = || format!("zip entry {}", quoted(&listed.name));
    let header = file.read(listed.header_offset, LOCAL_HEADER_BYTES, place)?;
    let (name_length, extra_length) = check_local(&header, listed).map_err(at(file, place))?;
    let name_offset = listed.header_offset + LOCAL_HEADER_BYTES;
    let name = file.read(name_offset, name_length, place)?;
    if name != listed.name.as_bytes() {
        return Err(at(file, place)(ZipProblem::LocalName));
    }
    let offset = name_offset + name_length + extra_length;
    let end = offset.saturating_add(listed.length);
    if end > file.length() {
        let (file, length) = (file.path().to_owned(), file.length());
        return Err(WeightsError::CutShort { file, place: place(), end, length });
    }
    Ok(ZipEntry { offset, length: listed.length, checksum: listed.checksum })
}

/// Lengths of name and extra field, once everything else in the header agrees with the directory.
fn check_local(header: &[u8], listed: &Listed) -> Result<(u64, u64), ZipProblem> {
    let mut fields = Fields::new(header, listed.header_offset);
    fields.signature(LOCAL_HEADER)?;
    fields.skip(2)?; // version
    expect("flags in the local header", listed.flags.into(), fields.u16()?.into())?;
    expect("method in the local header", 0, fields.u16()?.into())?;
    fields.skip(4)?; // time and date
    let follows = listed.flags & FLAG_SIZES_FOLLOW != 0;
    let checksum = fields.u32()?;
    if !(follows && checksum == 0) {
        expect("checksum in the local header", listed.checksum.into(), checksum.into())?;
    }
    for field in ["packed length in the local header", "length in the local header"] {
        let length = fields.u32()?;
        if length != u32::MAX && !(follows && length == 0) {
            expect(field, listed.length, length.into())?;
        }
    }
    let name_length = fields.u16()?;
    expect("length of the name in the local header", listed.name.len() as u64, name_length.into())?;
    Ok((name_length.into(), fields.u16()?.into()))
}

/// Reads little-endian fields one after the other, never past the end.
struct Fields<'a> {
    bytes: &'a [u8],
    position: usize,
    file_offset: u64,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8], file_offset: u64) -> Self {
        Self { bytes, position: 0, file_offset }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ZipProblem> {
        let taken = self.bytes.get(self.position..).and_then(|rest| rest.get(..length));
        let taken = taken.ok_or(ZipProblem::FieldTooLong)?;
        self.position += length;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> Result<(), ZipProblem> {
        self.take(length).map(|_| ())
    }

    fn number(&mut self, length: usize) -> Result<u64, ZipProblem> {
        Ok(self.take(length)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn u16(&mut self) -> Result<u16, ZipProblem> {
        self.number(2).map(|value| value as u16)
    }

    fn u32(&mut self) -> Result<u32, ZipProblem> {
        self.number(4).map(|value| value as u32)
    }

    fn u64(&mut self) -> Result<u64, ZipProblem> {
        self.number(8)
    }

    fn signature(&mut self, expected: u32) -> Result<(), ZipProblem> {
        let at = self.file_offset + self.position as u64;
        let found = self.u32()?;
        if found == expected { Ok(()) } else { Err(ZipProblem::Signature { at, found, expected }) }
    }
}
