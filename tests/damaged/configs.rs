//! Configurations that are broken, impossible, or belong to something else.

use super::damage::{
    Base::{InternLm2, LlavaHf, Parts},
    Harm::{Cut, Delete, Drop, Exchange, Folder, Grow, Set, Text},
    check,
};

const CONFIG: &str = "config.json";

#[test]
fn no_configurations() {
    check(&[
        (InternLm2, CONFIG, Delete, "cannot read"),
        (InternLm2, CONFIG, Folder, "config.json"),
        (InternLm2, CONFIG, Text(""), "not valid JSON"),
        (InternLm2, CONFIG, Cut(500), "not valid JSON"),
        (InternLm2, CONFIG, Text("[1, 2]"), "expected an object"),
        (InternLm2, CONFIG, Text("<!DOCTYPE html><html>404</html>"), "not valid JSON"),
        (InternLm2, CONFIG, Text("version https://git-lfs.github.com/spec/v1\n"), "not valid JSON"),
        (InternLm2, CONFIG, Grow(1 << 40), "a configuration has a few thousand"),
    ]);
}

#[test]
fn language_models_that_cannot_be() {
    check(&[
        (InternLm2, CONFIG, Set("/model_type", "\"mamba\""), "model_type"),
        (InternLm2, CONFIG, Set("/model_type", "7"), "model_type"),
        (InternLm2, CONFIG, Set("/hidden_size", "0"), "hidden_size"),
        (InternLm2, CONFIG, Set("/hidden_size", "-48"), "hidden_size"),
        (InternLm2, CONFIG, Set("/hidden_size", "48.5"), "hidden_size"),
        (InternLm2, CONFIG, Set("/hidden_size", "\"48\""), "hidden_size"),
        (InternLm2, CONFIG, Set("/hidden_size", "1e30"), "hidden_size"),
        (InternLm2, CONFIG, Set("/num_key_value_heads", "4"), "a divisor of the 6 attention heads"),
        (InternLm2, CONFIG, Set("/num_key_value_heads", "12"), "a divisor of the 6 attention heads"),
        (InternLm2, CONFIG, Set("/num_attention_heads", "0"), "num_attention_heads"),
        (InternLm2, CONFIG, Set("/num_hidden_layers", "10000000"), "num_hidden_layers"),
        (InternLm2, CONFIG, Set("/rms_norm_eps", "0"), "rms_norm_eps"),
        (InternLm2, CONFIG, Set("/rope_theta", "-1"), "rope_theta"),
        (InternLm2, CONFIG, Set("/hidden_act", "\"softsign\""), "hidden_act"),
        (InternLm2, CONFIG, Set("/rope_scaling", "{\"type\": \"yarn\", \"factor\": 2}"), "rope_scaling.type"),
        (
            InternLm2,
            CONFIG,
            Set("/rope_scaling", "{\"type\": \"dynamic\", \"factor\": 0.5}"),
            "rope_scaling.factor",
        ),
        (InternLm2, CONFIG, Set("/rope_scaling", "2"), "rope_scaling"),
        (InternLm2, CONFIG, Set("/bias", "\"no\""), "bias"),
    ]);
}

/// Configurations that could be, beside weights that say otherwise.
#[test]
fn configurations_of_another_model() {
    check(
        &[
            (InternLm2, CONFIG, Set("/num_hidden_layers", "4"), "more layers than the weights have"),
            (InternLm2, CONFIG, Set("/num_hidden_layers", "2"), "fewer layers than the weights have"),
            (InternLm2, CONFIG, Set("/vocab_size", "371"), "of another size"),
            (InternLm2, CONFIG, Set("/intermediate_size", "9000000"), "of another size"),
            (InternLm2, CONFIG, Set("/bias", "true"), "missing"),
            (InternLm2, CONFIG, Set("/model_type", "\"llama\""), "another architecture"),
            (InternLm2, CONFIG, Exchange("qwen2/config.json"), "another architecture"),
        ]
        .map(|(base, _, harm, says)| (base, "config.json", harm, says)),
    );
}

#[test]
fn eyes_that_cannot_be() {
    check(&[
        (LlavaHf, CONFIG, Drop("/vision_config"), "vision_config"),
        (LlavaHf, CONFIG, Drop("/text_config"), "text_config"),
        (LlavaHf, CONFIG, Set("/vision_feature_layer", "-9"), "vision feature layer -9"),
        (LlavaHf, CONFIG, Set("/vision_feature_layer", "[-2, -5]"), "vision_feature_layer"),
        (
            LlavaHf,
            CONFIG,
            Set("/vision_feature_select_strategy", "\"pooled\""),
            "vision_feature_select_strategy",
        ),
        (LlavaHf, CONFIG, Set("/projector_hidden_act", "\"maxout\""), "projector_hidden_act"),
        (
            LlavaHf,
            CONFIG,
            Set("/vision_config/model_type", "\"siglip_vision_model\""),
            "vision_config.model_type",
        ),
        (LlavaHf, CONFIG, Set("/vision_config/patch_size", "56"), "vision_config.patch_size"),
        (
            LlavaHf,
            CONFIG,
            Set("/vision_config/num_attention_heads", "3"),
            "vision_config.num_attention_heads",
        ),
        (
            LlavaHf,
            CONFIG,
            Set("/vision_config/num_hidden_layers", "9999999"),
            "vision_config.num_hidden_layers",
        ),
        (LlavaHf, CONFIG, Set("/vision_config/num_channels", "1"), "vision_config.num_channels"),
        (LlavaHf, CONFIG, Set("/vision_config/hidden_size", "18"), "of another size"),
        (Parts, "clip/config.json", Delete, "clip/config.json"),
        (Parts, "clip/config.json", Set("/hidden_size", "0"), "hidden_size"),
        (Parts, "llava/projector/config.json", Set("/depth", "99"), "depth"),
        (Parts, "llava/projector/config.json", Set("/visual_hidden_size", "24"), "maps 24 → 32"),
        (
            Parts,
            "llava/projector/config.json",
            Set("/llm_hidden_size", "48"),
            "the language model is 32 wide",
        ),
        (Parts, "llava/projector/config.json", Set("/hidden_act", "\"gelu_20\""), "hidden_act"),
    ]);
}

#[test]
fn preprocessors_and_adapters() {
    const PICTURES: &str = "preprocessor_config.json";
    const ADAPTER: &str = "llava/llm_adapter/adapter_config.json";
    check(&[
        (LlavaHf, PICTURES, Text("{"), "not valid JSON"),
        (LlavaHf, PICTURES, Set("/image_mean", "[0.5]"), "image_mean"),
        (LlavaHf, PICTURES, Set("/image_std", "[0, 0, 0]"), "image_std"),
        (LlavaHf, PICTURES, Set("/crop_size", "{\"height\": 56, \"width\": 56}"), "crops 56 pixels"),
        (LlavaHf, PICTURES, Set("/resample", "9"), "resample"),
        (Parts, "clip/preprocessor_config.json", Set("/size", "0"), "size"),
        (Parts, "clip/preprocessor_config.json", Set("/crop_size", "14"), "pictures of 14 pixels"),
        (Parts, ADAPTER, Delete, "adapter_config.json"),
        (Parts, ADAPTER, Set("/peft_type", "\"IA3\""), "peft_type"),
        (Parts, ADAPTER, Set("/use_dora", "true"), "use_dora"),
        (Parts, ADAPTER, Set("/bias", "\"all\""), "bias"),
        (Parts, ADAPTER, Set("/lora_alpha", "0"), "lora_alpha"),
    ]);
}
