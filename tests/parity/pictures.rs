//! CLIP towers in each form, and projectors of each depth and activation.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use eyewright_model::{
    clip::{ClipConfig, TowerConfig, VisionTower},
    config::ConfigFile,
    projector::{Projector, ProjectorConfig},
    weights::{Checkpoint, KeyMap, load},
};
use eyewright_tests::golden::{
    BF16_TOLERANCE, Expected, F32_TOLERANCE, close, close_as_a_whole, host, models,
};

fn tower(folder: &str, layer: i64, dtype: DType) -> VisionTower {
    let folder = models(folder);
    let clip = ClipConfig::from_config(&ConfigFile::read(&folder.join("config.json")).unwrap()).unwrap();
    let mut config = TowerConfig::llava(clip);
    config.feature_layer = layer;
    let checkpoint = Arc::new(Checkpoint::open(&folder).unwrap());
    let keys = KeyMap::of_tower(&checkpoint).unwrap();
    load(&checkpoint, &Device::flex(), dtype, &mut |_| {}, |loader| {
        for prefix in ["text_model.", "text_projection.", "visual_projection.", "logit_scale"] {
            loader.ignore_below(prefix);
        }
        config.init(loader.spelt(keys))
    })
    .unwrap()
}

fn pixels(expected: &Expected) -> Tensor<4> {
    let data = TensorData::new(expected.floats("pixel_values"), expected.shape("pixel_values"));
    Tensor::from_data(data, &Device::flex())
}

const TOWERS: &[(&str, usize)] = &[("clip", 4), ("clip_vision", 4), ("clip_vision_gelu", 3)];

#[test]
fn every_layer_of_every_tower() {
    for (folder, layers) in TOWERS {
        let expected = Expected::of(folder);
        let states = tower(folder, -1, DType::F32).hidden_states(pixels(&expected));
        assert_eq!(states.len(), layers + 1, "{folder}");
        for (layer, state) in states.into_iter().enumerate() {
            let name = format!("hidden.{layer}");
            close(&format!("{folder}, {name}"), &host(state), &expected.floats(&name), F32_TOLERANCE);
        }
    }
}

#[test]
fn the_chosen_layer_without_its_first_position() {
    for (folder, layers) in TOWERS {
        let expected = Expected::of(folder);
        let tower = tower(folder, -2, DType::F32);
        assert_eq!(
            tower.hidden_states(pixels(&expected)).len(),
            *layers,
            "{folder}: the last block is not run"
        );
        let selected = host(tower.forward(pixels(&expected)));
        close(folder, &selected, &expected.floats("selected"), F32_TOLERANCE);
    }
}

#[test]
fn towers_in_bf16() {
    for (folder, _) in TOWERS {
        let expected = Expected::of(folder);
        let pixels = pixels(&expected).cast(burn::tensor::FloatDType::BF16);
        let selected = host(tower(folder, -2, DType::BF16).forward(pixels));
        close_as_a_whole(folder, &selected, &expected.floats("selected"), BF16_TOLERANCE);
    }
}

fn projector(folder: &str) -> Projector {
    let folder = models(folder);
    let json = ConfigFile::read(&folder.join("config.json")).unwrap();
    let config = ProjectorConfig::from_config(&json).unwrap();
    let checkpoint = Checkpoint::open(&folder).unwrap();
    load(&checkpoint, &Device::flex(), DType::F32, &mut |_| {}, |loader| config.init(loader)).unwrap()
}

#[test]
fn every_projector() {
    for form in [
        "depth1_gelu",
        "depth2_gelu",
        "depth3_gelu",
        "depth2_relu",
        "depth2_silu",
        "depth2_gelu_pytorch_tanh",
        "depth2_quick_gelu_no_bias",
    ] {
        let folder = format!("projector/{form}");
        let expected = Expected::of(&folder);
        let input = TensorData::new(expected.floats("input"), expected.shape("input"));
        let output = projector(&folder).forward(Tensor::from_data(input, &Device::flex()));
        close(form, &host(output), &expected.floats("output"), F32_TOLERANCE);
    }
}
