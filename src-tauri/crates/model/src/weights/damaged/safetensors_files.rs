//! Safetensors files that are cut, bent or hostile.

use super::super::forge::safetensors;
use super::{TWO, check, row};

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row, one damaged file")]
fn safetensors_files() {
    let good = safetensors(TWO, &[0; 11]);
    let cut = |length: usize| good[..length].to_vec();
    let header_end = 8 + TWO.len();
    let with = |entry: &str, data: &[u8]| safetensors(&format!("{{\"a\":{entry}}}"), data);
    let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let many = |count: usize| {
        let entries: Vec<String> = (0..count)
            .map(|n| format!("\"{n}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"))
            .collect();
        safetensors(&format!("{{{}}}", entries.join(",")), &[])
    };
    check(
        "model.safetensors",
        vec![
            row("empty", cut(0), "header length reaches to byte 8, the file has 0"),
            row("one byte", cut(1), "the file has 1"),
            row("seven bytes", cut(7), "the file has 7"),
            row("length only", cut(8), "cut short: header"),
            row("header's first byte", cut(9), "cut short: header"),
            row("header less one", cut(header_end - 1), "cut short: header"),
            row("header only", cut(header_end), "cut short: tensor \"a\""),
            row("header and one", cut(header_end + 1), "cut short: tensor \"a\""),
            row("before a boundary", cut(header_end + 7), "cut short: tensor \"a\""),
            row("at a boundary", cut(header_end + 8), "cut short: tensor \"b\""),
            row("less one", cut(good.len() - 1), "cut short: tensor \"b\""),
            row("one more", [good.clone(), vec![0]].concat(), "1 bytes follow the last tensor"),
            row("header of 2^64 bytes", vec![0xff; 16], "the limit is 10485760"),
            row(
                "header over the limit",
                [&(10 * 1024 * 1024 + 1_u64).to_le_bytes()[..], b"{}"].concat(),
                "10485761",
            ),
            row("not JSON", safetensors("{\"a\":", &[]), "header: not a valid header"),
            row("not an object", safetensors("[]", &[]), "expected an object of tensors"),
            row("not UTF-8", [&2_u64.to_le_bytes()[..], &[0xff, 0xff]].concat(), "not a valid header"),
            row("deep JSON", with(&nested, &[]), "not a valid header"),
            row(
                "metadata that is no text",
                safetensors("{\"__metadata__\":{\"a\":1}}", &[]),
                "not a valid header",
            ),
            row(
                "unknown field",
                with(r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}"#, &[]),
                "unknown field",
            ),
            row(
                "unknown dtype",
                with(r#"{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}"#, &[0]),
                "\"F8_E4M3\"",
            ),
            row(
                "terminal escape",
                with(r#"{"dtype":"\u001b[2J","shape":[1],"data_offsets":[0,1]}"#, &[0]),
                "\\u{1b}[2J",
            ),
            row(
                "negative shape",
                with(r#"{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}"#, &[0]),
                "not a valid header",
            ),
            row(
                "shape overflow",
                with(r#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}"#, &[]),
                "tensor \"a\": shape [4294967296, 4294967296] is too large",
            ),
            row(
                "shape lies",
                with(r#"{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#, &[0; 8]),
                "takes 12 bytes, offsets 0..8",
            ),
            row(
                "offsets backwards",
                with(r#"{"dtype":"U8","shape":[1],"data_offsets":[1,0]}"#, &[0]),
                "offsets 1..0",
            ),
            row(
                "offset overflow",
                with(
                    r#"{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}"#,
                    &[0],
                ),
                "disagree",
            ),
            row(
                "hole in front",
                with(r#"{"dtype":"U8","shape":[1],"data_offsets":[1,2]}"#, &[0; 2]),
                "begins at data byte 1",
            ),
            row(
                "overlap",
                safetensors(&TWO.replace("[8,11]", "[7,10]"), &[0; 10]),
                "tensor \"b\": begins at data byte 7",
            ),
            row("listed twice", safetensors(&TWO.replace("\"b\"", "\"a\""), &[0; 11]), "listed twice"),
            row(
                "nine dimensions",
                with(r#"{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}"#, &[0]),
                "9 dimensions",
            ),
            row(
                "long name",
                safetensors(&TWO.replace("\"b\"", &format!("\"{}\"", "n".repeat(1025))), &[0; 11]),
                "name of 1025 bytes",
            ),
            row("too many tensors", many(50_001), "50001 tensors"),
            row(
                "git-lfs pointer",
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
                "git lfs pull",
            ),
        ],
    );
}
