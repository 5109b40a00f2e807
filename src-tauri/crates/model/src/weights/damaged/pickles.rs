//! Torch files whose pickle asks for too much, or for things that are not data.

use super::super::forge::{Claim, call, dict, entry, global, int, ints, text, torch_file, tuple, whole, zip};
use super::{check, good_pickle, row};

fn system() -> Vec<u8> {
    call(global("os", "system"), &[text("touch pwned")])
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row, one damaged file")]
fn pickles() {
    let file = |pickle: Vec<u8>| torch_file(&pickle, &[7; 16]);
    let raw = |pickle: &[u8]| zip(&[entry("a/data.pkl", pickle), entry("a/data/0", &[7; 16])]);
    let pickle = |parts: &[&[u8]]| file(parts.concat());
    let good = good_pickle();
    let whole_good = whole(&good);
    let beside = |pickle: Vec<u8>| dict(&[("state_dict", good_pickle()), ("meta", pickle)]);
    let hidden_in_metadata = [
        global("collections", "OrderedDict"),
        b")R".to_vec(),
        dict(&[("_metadata", system())]),
        b"b".to_vec(),
    ]
    .concat();
    let bomb: Vec<u8> = [b"]q\x00".to_vec(), b"]q\x01(h\x00h\x00h\x00h\x00h\x00e".repeat(70)].concat();
    let nest = [b"]".repeat(70), b"a".repeat(69)].concat();
    check(
        "model.bin",
        vec![
            row("nothing", raw(b""), "data.pkl, byte 0: needs 1 more bytes, 0 are left"),
            row("cut at one", raw(&whole_good[..1]), "needs 1 more bytes"),
            row("cut in a text", raw(&whole_good[..9]), "more bytes"),
            row(
                "cut before the end",
                raw(&whole_good[..whole_good.len() - 1]),
                "needs 1 more bytes, 0 are left",
            ),
            row("after the end", raw(&[&whole_good[..], b"N"].concat()), "1 bytes follow the end"),
            row("left over", pickle(&[b"N", &good]), "a value left over"),
            row("os.system", file(system()), "asks for `os.system`"),
            row(
                "os.system as the state dict",
                file(dict(&[("state_dict", system())])),
                "asks for `os.system`",
            ),
            row(
                "os.system in the state dict",
                file(dict(&[("state_dict", dict(&[("w", system())]))])),
                "state dict's \"w\" is made by os.system",
            ),
            row(
                "os.system among tensors",
                file(dict(&[("a", Claim::default().pickle()), ("b", system())])),
                "asks for `os.system`",
            ),
            row("os.system thrown away", pickle(&[&system(), b"0", &good]), "asks for `os.system`"),
            row(
                "os.system thrown away beside",
                pickle(&[&system(), b"0", &beside(b"N".to_vec())]),
                "asks for `os.system`",
            ),
            row(
                "os.system as an attribute",
                file(dict(&[("state_dict", hidden_in_metadata)])),
                "asks for `os.system`",
            ),
            row("builtins.eval", file(call(global("builtins", "eval"), &[text("1")])), "`builtins.eval`"),
            row(
                "by STACK_GLOBAL",
                pickle(&[&text("posix"), &text("system"), b"\x93", &text("x"), b"\x85R"]),
                "`posix.system`",
            ),
            row("by NEWOBJ", pickle(&[&global("subprocess", "Popen"), b")\x81"]), "`subprocess.Popen`"),
            row("INST", pickle(&[b"(", &text("true"), b"ios\nsystem\n"]), "instruction 0x69"),
            row("OBJ", pickle(&[b"(", &global("os", "system"), &text("true"), b"o"]), "instruction 0x6f"),
            row("EXT1", pickle(&[b"\x82\x01"]), "instruction 0x82"),
            row("PERSID", pickle(&[b"P0\n"]), "instruction 0x50"),
            row("call of a number", pickle(&[b"K\x01)R"]), "a number where something to call"),
            row("deep nesting by marks", pickle(&[&b"(".repeat(65)]), "more than 64 open marks"),
            row("deep nesting by lists", pickle(&[&nest]), "more than 64 levels of nesting"),
            row("memo bomb", pickle(&[&bomb]), "a value left over"),
            row("value bomb", pickle(&[&b"N".repeat(1_000_001)]), "more than 1000000 values"),
            row("stack bomb", pickle(&[b"N", &b"2".repeat(1_000_001)]), "values waiting"),
            row(
                "instruction bomb",
                pickle(&[b"N", &b"20".repeat(2_500_001)]),
                "more than 5000000 instructions",
            ),
            row("text of 4 GiB", pickle(&[b"X\xff\xff\xff\xff"]), "needs 4294967295 more bytes"),
            row(
                "text of 2^64 bytes",
                pickle(&[b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff"]),
                "needs 18446744073709551615",
            ),
            row("text that is not UTF-8", pickle(&[b"X\x01\x00\x00\x00\xff"]), "not UTF-8"),
            row("long Python name", file(global(&"m".repeat(300), "x")), "bytes in a Python name"),
            row("unknown reference", pickle(&[b"h\x07"]), "value 7"),
            row("empty stack", pickle(&[b"0"]), "where there is none"),
            row("below a mark", pickle(&[b"N(0(\x85"]), "where there is none"),
            row("odd items", pickle(&[b"}(", &text("a"), b"u"]), "a key alone"),
            row("items of a number", pickle(&[b"K\x01", &text("a"), b"Ns"]), "a number where a dictionary"),
            row("not a dictionary", file(ints(&[1])), "holds a tuple"),
            row(
                "no tensors",
                file(dict(&[("a", int(1))])),
                "no state dict: the file holds a dictionary of 1 entries",
            ),
            row(
                "a number among tensors",
                file(dict(&[("a", Claim::default().pickle()), ("b", int(1))])),
                "\"b\" is a number",
            ),
            row(
                "a key that is no text",
                pickle(&[b"}", &int(1), &Claim::default().pickle(), b"s"]),
                "key number 0",
            ),
            row(
                "a tensor twice",
                file(dict(&[("a", Claim::default().pickle()), ("a", Claim::default().pickle())])),
                "\"a\" is there twice",
            ),
            row(
                "two state dicts",
                file(dict(&[("state_dict", good.clone()), ("state_dict", good.clone())])),
                "\"state_dict\" is there twice",
            ),
            row("storage reference of nothing", pickle(&[b")Q"]), "a storage reference are malformed"),
            row("storage reference that is no tuple", pickle(&[b"NQ"]), "a storage reference are malformed"),
        ],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row, one damaged file")]
fn tensors() {
    let file = |claim: Claim<'_>| torch_file(&dict(&[("w", claim.pickle())]), &[7; 16]);
    let rebuild = |arguments: &[Vec<u8>]| {
        let tensor = call(global("torch._utils", "_rebuild_tensor_v2"), arguments);
        torch_file(&dict(&[("w", tensor)]), &[7; 16])
    };
    let storage = [text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), int(4)];
    let storage = [tuple(&storage), b"Q".to_vec()].concat();
    let negated = [
        storage.clone(),
        int(0),
        ints(&[1]),
        ints(&[1]),
        b"N".to_vec(),
        b"N".to_vec(),
        dict(&[("neg", int(1))]),
    ];
    let long_name = "n".repeat(1025);
    let claim = Claim::default;
    check(
        "model.bin",
        vec![
            row(
                "storage missing",
                file(Claim { key: "1", ..claim() }),
                "tensor \"w\": its bytes, entry \"a/data/1\", are missing",
            ),
            row("storage elsewhere", file(Claim { key: "../data.pkl", ..claim() }), "are missing"),
            row(
                "storage too short",
                file(Claim { elements: 5, ..claim() }),
                "storage \"0\" has 16 bytes, 5 elements of F32",
            ),
            row("storage too long", file(Claim { elements: 3, ..claim() }), "3 elements of F32"),
            row(
                "storage of another type",
                file(Claim { class: "DoubleStorage", ..claim() }),
                "4 elements of F64",
            ),
            row("storage overflow", file(Claim { elements: i64::MAX, ..claim() }), "elements of F32"),
            row("negative elements", file(Claim { elements: -1, ..claim() }), "number of elements"),
            row(
                "unknown storage class",
                file(Claim { class: "ComplexFloatStorage", ..claim() }),
                "torch.ComplexFloatStorage",
            ),
            row(
                "untyped without a dtype",
                file(Claim { class: "UntypedStorage", elements: 16, ..claim() }),
                "dtype is not supported",
            ),
            row("offset past the end", file(Claim { offset: 1, ..claim() }), "element 5 of a storage of 4"),
            row("negative offset", file(Claim { offset: -1, ..claim() }), "malformed: offset"),
            row("offset overflow", file(Claim { offset: i64::MAX, ..claim() }), "of a storage of 4"),
            row(
                "shape past the end",
                file(Claim { shape: &[3, 2], ..claim() }),
                "element 6 of a storage of 4",
            ),
            row(
                "shape overflow",
                file(Claim { shape: &[i64::MAX, i64::MAX], ..claim() }),
                "too large to exist",
            ),
            row("negative shape", file(Claim { shape: &[-2, 2], ..claim() }), "malformed: sizes"),
            row("negative stride", file(Claim { strides: &[-2, 1], ..claim() }), "malformed: strides"),
            row(
                "stride overflow",
                file(Claim { strides: &[i64::MAX, i64::MAX], ..claim() }),
                "of a storage of 4",
            ),
            row(
                "stride overflow in steps",
                file(Claim { shape: &[9, 9], strides: &[i64::MAX, 1], ..claim() }),
                "too large to exist",
            ),
            row("more sizes than strides", file(Claim { shape: &[1, 1, 1], ..claim() }), "sizes and strides"),
            row(
                "nine dimensions",
                file(Claim { shape: &[1; 9], strides: &[1; 9], ..claim() }),
                "more than 8 dimensions",
            ),
            row(
                "unfolded bomb",
                file(Claim { shape: &[1 << 40], strides: &[0], ..claim() }),
                "repeated view",
            ),
            row("no arguments", rebuild(&[]), "malformed: storage"),
            row("few arguments", rebuild(std::slice::from_ref(&storage)), "malformed: offset"),
            row("negated view", rebuild(&negated), "malformed: metadata"),
            row(
                "long name",
                torch_file(&dict(&[(&long_name, claim().pickle())]), &[7; 16]),
                "name of 1025 bytes",
            ),
        ],
    );
}
