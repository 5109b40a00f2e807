//! How does one ask for a caption? The requests of the first training stage, none of which asks for more.

use super::dice::Dice;
use super::words::Language;

const ENGLISH: &[&str] = &[
    "Describe the picture.",
    "Please describe this picture.",
    "Describe the image concisely.",
    "Give a short description of the picture.",
    "Write a caption for this image.",
    "Summarise the visual content of the image.",
    "What is in this picture?",
    "What do you see?",
    "What can be seen in the image?",
    "What does the picture show?",
    "What is there to see?",
    "What are the things in the picture?",
    "Which things are there, and where are they?",
    "How would you describe this image?",
    "Is there anything in the picture?",
    "Are there any objects, and which colour are they?",
    "Tell me what is there.",
];

const CHINESE: &[&str] = &[
    "描述这张图片。",
    "请描述一下这张照片。",
    "请简短地描述这张图。",
    "给这张图片写一个标题。",
    "概括一下图片的内容。",
    "这张图片里有什么？",
    "你看到了什么？",
    "图中可以看到什么？",
    "图片上画的是什么？",
    "图里都有哪些东西？",
    "图片里有几样东西？都在哪里？",
    "图里的东西是什么颜色的？",
    "你会怎么描述这张图？",
    "图里有东西吗？",
    "说说图里有什么。",
];

/// All requests of a language.
#[must_use]
pub fn caption_requests(language: Language) -> &'static [&'static str] {
    language.choose(ENGLISH, CHINESE)
}

/// One of them.
pub fn caption_request(dice: &mut Dice, language: Language) -> &'static str {
    dice.pick_or(caption_requests(language), "")
}
