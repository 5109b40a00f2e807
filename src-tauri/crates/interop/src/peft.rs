//! How do adapters leave alone, for programs that put them on their own copy of the base?
//!
//! One folder per part; or, with the projector asked for, one adapter on the whole `LlavaForConditionalGeneration`,
//! whose `modules_to_save` holds the projector.

use eyewright_model::{llm::Layout, weights::StoredDtype};

use crate::{
    InteropError,
    adapters::{self, Base, Layer},
    format::Format,
    llama_form::{renamed, unpacked},
    planned::Planned,
    source::{Part, Rows, Source, Values},
    staging::Staging,
    words::Words,
    written::{Settings, Written},
    xtuner::write_adapters,
};

const FORMAT: &str = "PEFT";
/// Why a model cannot be written.
pub(crate) const NO_ADAPTERS: &str =
    "the model has no adapters; write the whole of it as `xtuner` or `llava-hf`";

/// Writes the folders.
///
/// # Errors
/// If there are no adapters, a source is damaged, or the disk refuses.
pub(crate) fn write<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    progress: &mut dyn FnMut(u64),
) -> Result<Written<'s>, InteropError> {
    if let Some(reason) = Format::Peft.refuses(source) {
        return Err(InteropError::Unsupported { format: FORMAT, reason: reason.to_owned() });
    }
    let mut written = Written::default();
    if settings.with_projector {
        whole(source, staging, settings, &mut written, progress)?;
    } else {
        write_adapters(source, staging, settings, &mut written, progress)?;
    }
    Ok(written)
}

/// One layer of the source beside one or three layers of the llava-hf model.
struct Piece {
    name: String,
    from: Layer,
    part: Part,
    rows: Option<Vec<Rows>>,
}

fn whole<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    written: &mut Written<'s>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    source.eye(FORMAT)?;
    let pieces = pieces(source)?;
    let mut tensors = Vec::new();
    let mut layers = Vec::new();
    // The llava-hf form has rows for `<image>` and `<pad>`, which no adapter reaches.
    let rows = Words::of(source)?.rows;
    for piece in pieces {
        layers.push(Layer { name: piece.name.clone(), ..piece.from.clone() });
        tensors.extend(matrices(source, piece, settings.dtype, rows));
    }
    for tensor in source.expected(Part::Projector) {
        let row = [("model.0.", "linear_1."), ("model.2.", "linear_2.")];
        let Some((ours, theirs)) = row.iter().find(|(ours, _)| tensor.name.starts_with(ours)) else {
            let reason = "its projector does not have two layers; use `xtuner`".to_owned();
            return Err(InteropError::Unsupported { format: FORMAT, reason });
        };
        let name = tensor.name.replacen(ours, theirs, 1);
        let name = format!("base_model.model.model.multi_modal_projector.{name}");
        let dtype = settings.dtype.unwrap_or(StoredDtype::F32);
        tensors.push(Planned::of(source, (Part::Projector, tensor.name), name, None, dtype, tensor.shape));
    }
    let base = Base {
        name: source.base_name(Part::Llm),
        task: None,
        class: Some(("LlavaForConditionalGeneration", "transformers.models.llava.modeling_llava")),
        saved: vec!["multi_modal_projector".to_owned()],
        rank_stabilised: Base::of(source, Part::Llm).rank_stabilised,
    };
    // Names are spelt out: the tower's maps are called like the language model's.
    let maps = layers.iter().map(|layer| (format!("other.{}", layer.name), [0, 0])).collect();
    adapters::write(staging, "", &base, &layers, &maps, &tensors, progress)?;
    written.push("adapter_model.safetensors", tensors);
    Ok(())
}

fn pieces(source: &Source) -> Result<Vec<Piece>, InteropError> {
    let packed = source.files.llm.config.layout == Layout::InternLm2;
    let mut pieces = Vec::new();
    for from in adapters::layers(source, Part::Llm)? {
        let place = |name: &str| match name.strip_prefix("model.") {
            Some(rest) => format!("model.language_model.{rest}"),
            None => name.to_owned(),
        };
        if !packed {
            pieces.push(Piece { name: place(&from.name), from, part: Part::Llm, rows: None });
            continue;
        }
        match from.name.strip_suffix(".attention.wqkv") {
            None => {
                let name = renamed(&format!("{}.", from.name));
                let name = place(name.trim_end_matches('.'));
                pieces.push(Piece { name, from, part: Part::Llm, rows: None });
            }
            Some(layer) => {
                for (map, rows) in ["q", "k", "v"].into_iter().zip(unpacked(source)) {
                    let name = place(&format!("{layer}.self_attn.{map}_proj"));
                    pieces.push(Piece { name, from: from.clone(), part: Part::Llm, rows: Some(rows) });
                }
            }
        }
    }
    for from in adapters::layers(source, Part::Tower)? {
        // transformers 5 calls the tower's blocks without the inner name.
        let name = from.name.trim_start_matches("vision_model.");
        let name = format!("model.vision_tower.{name}");
        pieces.push(Piece { name, from, part: Part::Tower, rows: None });
    }
    Ok(pieces)
}

/// A packed map's adapter taken apart: all share A, each has its rows of B.
fn matrices<'s>(
    source: &'s Source,
    piece: Piece,
    dtype: Option<StoredDtype>,
    vocab: usize,
) -> Vec<Planned<'s>> {
    let Some(&[out, width]) = source.maps(piece.part).get(&piece.from.name) else { return Vec::new() };
    let height = piece.rows.as_ref().map_or(out, |rows| rows.iter().map(Rows::len).sum());
    let height = if piece.name == "lm_head" { height.max(vocab) } else { height };
    let dtype = dtype.unwrap_or(StoredDtype::F32);
    let (layer, part, rank) = (piece.from.name, piece.part, piece.from.rank);
    let of_b = layer.clone();
    let a = Planned {
        name: format!("base_model.model.{}.lora_A.weight", piece.name),
        dtype,
        shape: vec![rank, width],
        make: Box::new(move || adapters::half_of(source, part, &layer, [out, width], true)),
    };
    let b = Planned {
        name: format!("base_model.model.{}.lora_B.weight", piece.name),
        dtype,
        shape: vec![height, rank],
        make: Box::new(move || {
            let mut whole = adapters::half_of(source, part, &of_b, [out, width], false)?;
            if piece.rows.is_none() {
                whole.values.resize(height * rank, 0.0);
                whole.shape = vec![height, rank];
            }
            Ok(match &piece.rows {
                None => whole,
                Some(rows) => Values { shape: vec![height, rank], values: rows_of(&whole, rows, rank) },
            })
        }),
    };
    vec![a, b]
}

fn rows_of(whole: &Values, rows: &[Rows], width: usize) -> Vec<f32> {
    let slice = |rows: &Rows| whole.values.get(rows.start * width..rows.end * width).unwrap_or_default();
    rows.iter().flat_map(slice).copied().collect()
}
