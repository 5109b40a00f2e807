//! Torch files whose zip is cut, bent or hostile.

use super::super::forge::{Entry, entry, zip};
use super::{check, good_entries, row};

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row, one damaged file")]
fn zip_containers() {
    let good = zip(&good_entries());
    let cut = |length: usize| good[..length].to_vec();
    let flipped = |position: usize| {
        let mut bytes = good.clone();
        bytes[position] ^= 0x10;
        bytes
    };
    let bent = |number: usize, bend: fn(&mut Entry)| {
        let mut entries = good_entries();
        bend(&mut entries[number]);
        zip(&entries)
    };
    let patched = |from_end: usize, value: u8| {
        let mut bytes = good.clone();
        let position = bytes.len() - from_end;
        bytes[position] = value;
        bytes
    };
    let payload = good.windows(16).position(|window| window == [7; 16]).unwrap();
    let with = |extra: Entry| zip(&[&good_entries()[..], &[extra]].concat());
    let many: Vec<Entry> = (0..20_001).map(|number| entry(&number.to_string(), b"")).collect();
    check(
        "model.bin",
        vec![
            row("empty", cut(0), "not a torch file"),
            row("one byte", cut(1), "not a torch file: it begins with bytes [50]"),
            row("seven bytes", cut(7), "end of the zip"),
            row("eight bytes", cut(8), "end of the zip"),
            row("nine bytes", cut(9), "end of the zip"),
            row("in the payload", cut(payload + 3), "end of the zip: signature"),
            row("after the payload", cut(payload + 16), "end of the zip: signature"),
            row("less one", cut(good.len() - 1), "end of the zip: signature"),
            row("one more", [good.clone(), vec![0]].concat(), "end of the zip: signature"),
            row("something else", b"<!DOCTYPE html>".to_vec(), "[3c, 21, 44, 4f]"),
            row("flipped in the payload", flipped(payload + 5), "zip entry \"a/data/0\": checksum"),
            row("flipped in the pickle", flipped(60), "zip entry \"a/data.pkl\": checksum"),
            row("wrong checksum", bent(1, |e| e.checksum = Some(1)), "expected 00000001"),
            row("compressed", bent(1, |e| e.method = 8), "entry 1: compressed (method 8)"),
            row("encrypted", bent(1, |e| e.flags = 1), "unsupported flags 0x0001"),
            row("packed length", bent(1, |e| e.packed_length = Some(3)), "packed length is 3, expected 16"),
            row(
                "longer than the file",
                bent(1, |e| e.listed_length = Some(1 << 30)),
                "cut short: zip entry \"a/data/0\"",
            ),
            row("into the directory", bent(1, |e| e.listed_length = Some(17)), "already begins"),
            row(
                "overlapping entries",
                bent(0, |e| e.listed_length = Some(e.data.len() as u32 + 9)),
                "where \"a/data/0\" already begins",
            ),
            row("shared header", bent(1, |e| e.header_offset = Some(0)), "local header"),
            row("header past the end", bent(1, |e| e.header_offset = Some(1 << 30)), "cut short: zip entry"),
            row("header elsewhere", bent(1, |e| e.header_offset = Some(3)), "signature"),
            row(
                "another local name",
                bent(1, |e| e.local_name = Some(b"a/data/1".to_vec())),
                "gives another name",
            ),
            row(
                "64-bit length without a field",
                bent(1, |e| e.listed_length = Some(u32::MAX)),
                "run past the end",
            ),
            row(
                "64-bit length",
                bent(1, |e| {
                    e.listed_length = Some(u32::MAX);
                    e.extra = [&[1, 0, 16, 0][..], &[0xff; 16]].concat();
                }),
                "cut short: zip entry",
            ),
            row("extra field past its end", bent(1, |e| e.extra = vec![1, 0, 99, 0]), "run past the end"),
            row("name that is no text", bent(1, |e| e.name = vec![0xff]), "entry 1"),
            row("name of nothing", bent(1, |e| e.name = Vec::new()), "entry 1"),
            row("entry twice", with(entry("a/data/0", &[1; 16])), "\"a/data/0\": listed twice"),
            row("two pickles", with(entry("b/data.pkl", b".")), "data.pkl: listed twice"),
            row("no pickle", zip(&good_entries()[1..]), "data.pkl: missing"),
            row("big-endian", with(entry("a/byteorder", b"big")), "byte order \"big\""),
            row("too many entries", zip(&many), "20001 entries"),
            row("directory offset", patched(6, 0xff), "end of the zip directory"),
            row("directory length", patched(10, 1), "end of the zip directory"),
            row("entry count", patched(12, 9), "number of entries"),
            row("comment", patched(2, 1), "length of the comment"),
            row("second disk", patched(18, 1), "number of this disk"),
            row("old format", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), "before 1.6"),
            row(
                "git-lfs pointer",
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
                "git lfs pull",
            ),
        ],
    );
}
