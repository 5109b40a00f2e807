//! Which files of a repository does Eyewright read? The rest (other frameworks, other forms of the same weights) stays
//! where it is.

use crate::listing::RemoteFile;

/// Folders that are looked into, beside the repository itself: what XTuner's exports consist of.
const FOLDERS: &[&str] = &["", "projector", "llm_adapter", "visual_encoder_adapter", "visual_encoder"];

/// What is read beside weights, and what says who may do what with them.
const SMALL: &[&str] = &[
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
    "adapter_config.json",
    "README.md",
];
const LICENCES: &[&str] = &["license", "licence", "notice", "use_policy"];

/// A model's weights, in the order in which a folder is searched for them; an index brings its shards.
const WEIGHTS: &[&str] = &[
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
/// What stands beside them or alone.
const BESIDE: &[&[&str]] = &[
    &["adapter_model.safetensors", "adapter_model.bin"],
    &["mm_projector.bin"],
    &["non_lora_trainables.bin"],
];

/// The files to fetch, small ones first; none if there are no weights among them.
pub(crate) fn choose(files: Vec<RemoteFile>) -> Vec<RemoteFile> {
    let mut weighty = false;
    let mut wanted: Vec<String> = Vec::new();
    for folder in FOLDERS {
        let inside: Vec<&str> = files.iter().filter_map(|file| inside(folder, &file.path)).collect();
        let weights = weights(&inside);
        weighty |= !weights.is_empty();
        let small = inside.iter().copied().filter(|name| is_small(name));
        let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        wanted.extend(small.chain(weights).map(path));
    }
    let mut chosen: Vec<RemoteFile> =
        files.into_iter().filter(|file| weighty && wanted.contains(&file.path)).collect();
    // An unreadable config.json should be seen before gigabytes have come.
    chosen
        .sort_by_key(|file| (!is_small(file.path.rsplit('/').next().unwrap_or_default()), file.path.clone()));
    chosen
}

/// The name of a file that lies directly in a folder.
fn inside<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    let name = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
    (!name.contains('/')).then_some(name)
}

fn is_small(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SMALL.contains(&name) || LICENCES.iter().any(|word| lower.starts_with(word))
}

fn weights<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let there = |name: &&&str| names.contains(*name);
    let named = |name: &str| names.iter().copied().find(|there| *there == name);
    let mut chosen = Vec::new();
    if let Some(first) = WEIGHTS.iter().find(there) {
        chosen.extend(named(first));
        if let Some((stem, ending)) = first.strip_suffix(".index.json").and_then(|name| name.rsplit_once('.'))
        {
            let shard = |name: &&str| {
                name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-'))
                    && name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.'))
            };
            chosen.extend(names.iter().copied().filter(shard));
        }
    }
    for group in BESIDE {
        chosen.extend(group.iter().find(there).and_then(|name| named(name)));
    }
    if chosen.is_empty() {
        let ends =
            |name: &&str| [".safetensors", ".pth", ".bin", ".pt"].iter().any(|ending| name.ends_with(ending));
        let mut others = names.iter().copied().filter(ends);
        // As in a folder on the disk: a single file needs no known name.
        if let (Some(only), None) = (others.next(), others.next()) {
            chosen.push(only);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_fetched_and_the_rest_is_left() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            (
                "a tower with the weights of four frameworks",
                &[
                    ".gitattributes",
                    "README.md",
                    "config.json",
                    "flax_model.msgpack",
                    "model.safetensors",
                    "preprocessor_config.json",
                    "pytorch_model.bin",
                    "tf_model.h5",
                ],
                &["README.md", "config.json", "preprocessor_config.json", "model.safetensors"],
            ),
            (
                "shards, and the same weights again under another name",
                &[
                    "LICENSE.txt",
                    "config.json",
                    "consolidated.safetensors",
                    "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors",
                    "model.safetensors.index.json",
                    "original/consolidated.00.pth",
                    "pytorch_model-00001-of-00002.bin",
                ],
                &[
                    "LICENSE.txt",
                    "config.json",
                    "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors",
                    "model.safetensors.index.json",
                ],
            ),
            (
                "XTuner's parts",
                &[
                    "README.md",
                    "llm_adapter/adapter_config.json",
                    "llm_adapter/adapter_model.safetensors",
                    "projector/config.json",
                    "projector/model.safetensors",
                    "projector/modeling_projector.py",
                    "xtuner_config.py",
                ],
                &[
                    "README.md",
                    "llm_adapter/adapter_config.json",
                    "projector/config.json",
                    "llm_adapter/adapter_model.safetensors",
                    "projector/model.safetensors",
                ],
            ),
            (
                "LLaVA's LoRA",
                &[
                    "adapter_config.json",
                    "adapter_model.bin",
                    "config.json",
                    "non_lora_trainables.bin",
                    "trainer_state.json",
                ],
                &["adapter_config.json", "config.json", "adapter_model.bin", "non_lora_trainables.bin"],
            ),
            ("a lone file", &["README.md", "iter_2181.pth"], &["README.md", "iter_2181.pth"]),
            ("weights for others", &["README.md", "model.Q4_K_M.gguf", "config.json"], &[]),
            ("nobody knows which", &["a.pth", "b.pth", "config.json"], &[]),
        ];
        for (what, files, expected) in rows {
            let files = files.iter().map(|path| RemoteFile::named(path)).collect();
            let chosen: Vec<String> = choose(files).into_iter().map(|file| file.path).collect();
            assert_eq!(chosen, *expected, "{what}");
        }
    }
}
