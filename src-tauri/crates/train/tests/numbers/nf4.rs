//! Are 4-bit weights those of bitsandbytes, bit for bit?

use burn::tensor::{DType, Device};
use eyewright_model::{
    quant::{Nf4Parts, Precision, scale_table},
    weights::Checkpoint,
};

use crate::tiny::{floats, golden};

#[test]
fn codes_scales_and_numbers_are_bitsandbytes() {
    let file = Checkpoint::open(&golden("nf4.safetensors")).unwrap();
    let bytes = |name: &str| file.read(name).unwrap().bytes;
    let values = |name: &str| floats(&file, name).0;
    let (weight, shape) = floats(&file, "weight");
    let single = Nf4Parts::quantise(&weight, Precision::Nf4);
    assert_eq!(single.codes, bytes("codes"));
    assert_eq!(single.absmax, values("absmax"));
    let double = Nf4Parts::quantise(&weight, Precision::Nf4Double);
    assert_eq!(double.codes, bytes("codes"));
    let (codes, absmax, offset) = double.nested.clone().unwrap();
    assert_eq!((offset, absmax), (values("nested.offset")[0], values("nested.absmax")));
    assert_eq!(codes, bytes("nested.codes"));
    let on_device = double.on([shape[0], shape[1]], &Device::flex()).dequantise(DType::F32);
    assert_eq!(on_device.into_data().iter::<f32>().collect::<Vec<_>>(), values("dequantised"));
}

#[test]
fn the_tables_are_bitsandbytes() {
    let file = Checkpoint::open(&golden("nf4.safetensors")).unwrap();
    // One row whose blocks hold every entry: it comes back as the codebook says.
    let (codebook, _) = floats(&file, "codebook");
    let row: Vec<f32> = (0..64).map(|i| codebook[i % 16]).collect();
    let back = Nf4Parts::quantise(&row, Precision::Nf4).on([1, 64], &Device::flex()).dequantise(DType::F32);
    assert_eq!(back.into_data().iter::<f32>().collect::<Vec<_>>(), row);
    let (table, _) = floats(&file, "nested.table");
    assert_eq!(scale_table().as_slice(), table);
}
