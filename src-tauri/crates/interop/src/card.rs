//! What should someone who finds this folder know?

use crate::{format::Format, source::Part, source::Source};

/// What the writer of a model card knows beside the model itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Rows of a table: a name and a value. Data set, recipe, steps, scores.
    pub training: Vec<(String, String)>,
    /// What was compared, and the result.
    pub checks: Vec<(String, String)>,
}

/// The text of `README.md`. `folder` is the export's place.
pub fn text(source: &Source, format: Format, facts: &Facts, folder: &str, files: &[(String, u64)]) -> String {
    let llm = &source.files.llm.config;
    let mut card = format!("---\nlibrary_name: {}\ntags: [llava, eyewright]\n", library(format));
    card.push_str("pipeline_tag: image-text-to-text\n---\n\n# LLaVA model, written by Eyewright\n\n");
    card.push_str(&format!(
        "| part | what | from |\n|---|---|---|\n| language model | {}, {} layers, {} wide | `{}` |\n",
        llm.model_type,
        llm.layers,
        llm.hidden,
        source.base_name(Part::Llm)
    ));
    if let Some(eye) = &source.files.eye {
        let clip = &eye.tower.config.clip;
        card.push_str(&format!(
            "| vision tower | CLIP, {} layers, pictures of {} pixels | `{}` |\n",
            clip.layers,
            clip.image_side,
            source.base_name(Part::Tower)
        ));
        let projector = &eye.projector.config;
        card.push_str(&format!(
            "| projector | {} layers, {} → {} | trained |\n",
            projector.depth, projector.vision_width, projector.text_width
        ));
    }
    card.push_str(&format!("\nChat template: `{}`. ", source.template.name()));
    card.push_str(if source.pads {
        "Pictures are padded to squares.\n"
    } else {
        "A square is cut out of the middle of pictures.\n"
    });
    table(&mut card, "Training", &facts.training);
    card.push_str("\n## Load it\n\n");
    card.push_str(&snippet(source, format, folder, files));
    table(&mut card, "Checked when it was written", &facts.checks);
    card.push_str(
        "\n## Licences\n\nThe weights are derived from the parts named above; their licences apply to this model too. \
         Look them up where the parts came from before you pass it on.\n",
    );
    card
}

fn table(card: &mut String, title: &str, rows: &[(String, String)]) {
    if rows.is_empty() {
        return;
    }
    card.push_str(&format!("\n## {title}\n\n| | |\n|---|---|\n"));
    for (name, value) in rows {
        card.push_str(&format!("| {name} | {} |\n", value.replace('|', "\\|")));
    }
}

fn library(format: Format) -> &'static str {
    match format {
        Format::Xtuner => "xtuner",
        Format::Peft => "peft",
        Format::LlavaHf | Format::Llava => "transformers",
        Format::Gguf => "gguf",
        Format::Eyewright => "eyewright",
    }
}

/// What a llama.cpp does with CLIP, whatever the file says.
const CLASS_TOKEN: &str = "\n**Pictures in llama.cpp:** since its pull request 13321 (May 2025) llama.cpp puts CLIP's \
    class token behind the patches instead of in front, for every LLaVA model (its issue 25814): the first patch is lost, \
    all others get their neighbour's position, and answers about pictures are worse than this model's own. Seen with \
    llama-cpp-sys-2 0.1.161 and xllamacpp 2026.10.11549; text is not touched. The mmproj file has CLIP's own order, so it \
    is right for a llama.cpp with the order mended (pull request 25844) and need not be written again.\n";

/// Lines that load the export.
pub fn snippet(source: &Source, format: Format, folder: &str, files: &[(String, u64)]) -> String {
    let (llm, tower) = (source.base_name(Part::Llm), source.base_name(Part::Tower));
    let gguf = |mmproj: bool| {
        let name = files.iter().map(|(name, _)| name.as_str());
        name.filter(|name| name.ends_with(".gguf")).find(|name| name.starts_with("mmproj") == mmproj)
    };
    let adapters = files.iter().any(|(name, _)| name == "adapter_config.json");
    match format {
        Format::Xtuner => format!(
            "```sh\neyewright chat {llm} --visual-encoder {tower} --llava {folder} --image cat.jpg\n\
             xtuner chat {llm} --visual-encoder {tower} --llava {folder} --prompt-template {} --image cat.jpg\n```\n",
            source.template.name()
        ),
        // One adapter over the whole model; it brings the projector.
        Format::Peft if adapters => format!(
            "```sh\neyewright convert PROJECTOR --base {llm} --visual-encoder {tower} --to llava-hf --out base\n```\n\n\
             `PROJECTOR` is any projector for these two, such as a first stage's: what the adapter brings takes its \
             place.\n\n\
             ```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForImageTextToText\n\n\
             base = AutoModelForImageTextToText.from_pretrained(\"base\")\n\
             model = PeftModel.from_pretrained(base, \"{folder}\")\n```\n"
        ),
        Format::Peft => format!(
            "```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n\
             base = AutoModelForCausalLM.from_pretrained({llm:?}, trust_remote_code=True)\n\
             model = PeftModel.from_pretrained(base, \"{folder}/llm_adapter\")\n```\n"
        ),
        Format::LlavaHf => format!(
            "```python\nfrom PIL import Image\nfrom transformers import AutoModelForImageTextToText, AutoProcessor\n\n\
             processor = AutoProcessor.from_pretrained(\"{folder}\")\n\
             model = AutoModelForImageTextToText.from_pretrained(\"{folder}\")\n\
             turns = [{{\"role\": \"user\", \"content\": [{{\"type\": \"image\", \"image\": Image.open(\"cat.jpg\")}}, \
             {{\"type\": \"text\", \"text\": \"What is this?\"}}]}}]\n\
             inputs = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, \
             return_dict=True, return_tensors=\"pt\")\n\
             print(processor.decode(model.generate(**inputs, max_new_tokens=100)[0], skip_special_tokens=True))\n```\n\n\
             ```sh\neyewright chat {folder} --image cat.jpg\n```\n"
        ),
        Format::Llava if adapters => format!(
            "```sh\neyewright chat {llm} --visual-encoder {folder}/clip-vision-tower --llava {folder} --image cat.jpg\n\
             python -m llava.serve.cli --model-path {folder} --model-base {llm} --image-file cat.jpg\n```\n"
        ),
        Format::Llava => format!(
            "```sh\neyewright chat {folder} --image cat.jpg\n\
             python -m llava.serve.cli --model-path {folder} --image-file cat.jpg\n```\n"
        ),
        Format::Gguf => format!(
            "```sh\nllama-mtmd-cli -m {folder}/{} --mmproj {folder}/{} --image cat.jpg -p \"What is this?\"\n\
             ollama create my-llava -f {folder}/Modelfile\n```\n\nLM Studio and Jan find both files when the folder lies \
             in their models folder.\n{}",
            gguf(false).unwrap_or("model.gguf"),
            gguf(true).unwrap_or("mmproj.gguf"),
            if source.files.eye.is_some() { CLASS_TOKEN } else { "" }
        ),
        Format::Eyewright => format!("```sh\neyewright chat {folder} --image cat.jpg\n```\n"),
    }
}
