//! What does the demo's language model read before anybody lends it eyes?
//!
//! Conversations about scenes that are described in words instead of shown: in sentences, in notes, and as a
//! grid of words. The words speak of every combination of kind and colour: only pictures keep some of them back.

use super::dataset::Turns;
use super::dice::Dice;
use super::grid::grid_to_read;
use super::questions::{phrases, questions};
use super::requests::caption_requests;
use super::sampler::{Split, sample};
use super::scene::Scene;
use super::vocabulary::Kind;
use super::words::{Language, caption};

const INVENT: &[&str] = &["Make up a scene.", "Think of a scene.", "Give me an example of a scene."];
const INVENT_CHINESE: &[&str] = &["编一个场景。", "想一个场景。", "举一个场景的例子。"];
const RETELL: &[&str] = &["Say it in English.", "Put this into an English sentence.", "In English, please."];
const RETELL_CHINESE: &[&str] = &["用中文说。", "请用一句中文说。", "翻译成中文。"];

/// Streams of chance that no sampler uses.
const TEXT_STREAMS: u64 = 1 << 62;

/// The conversation number `index`: turns of question and answer, no picture.
#[must_use]
pub fn text_row(seed: u64, index: u64) -> Turns {
    let mut dice = Dice::new(seed, TEXT_STREAMS | index);
    // One scene in eight of the combinations that pictures keep back, as chance would have it.
    let split = if dice.chance(12) { Split::HeldOut } else { Split::Train };
    let scene = sample(seed ^ 0x7465_7874, split, index);
    let language = dice.pick_or(Language::ALL, Language::English);
    // Every scene can be told in either language and be talked about in the other.
    let told_in = if dice.chance(75) { language } else { other(language) };
    // Nobody asks it for a caption of a picture yet: that is what the projector's training is about.
    if dice.chance(15) {
        return vec![(
            dice.pick_or(language.choose(INVENT, INVENT_CHINESE), "").to_owned(),
            caption(&scene, language),
        )];
    }
    if dice.chance(75) {
        return read_from_grid(&scene, language, &mut dice);
    }
    let told = telling(&scene, told_in, &mut dice);
    if dice.chance(30) {
        let request = dice.pick_or(language.choose(RETELL, RETELL_CHINESE), "");
        return vec![(format!("{told}\n{request}"), caption(&scene, language))];
    }
    let count = 1 + dice.below(5) as usize;
    let asked = questions(&scene, language, count, &mut dice);
    after(&told, asked.into_iter().map(|asked| (asked.question, asked.answer)))
}

/// Turns about a scene told as a grid. A grid that asks to be retold is, whatever else is asked.
fn read_from_grid(scene: &Scene, language: Language, dice: &mut Dice) -> Turns {
    let retell = dice.chance(40);
    let told = grid_to_read(scene, retell, dice);
    let count = if retell { 1 } else { 2 + dice.below(5) as usize };
    let asked = questions(scene, language, count, dice);
    let whole = caption(scene, language);
    after(
        &told,
        asked.into_iter().map(|asked| (asked.question, if retell { whole.clone() } else { asked.answer })),
    )
}

/// The turns, with what is told in front of the first question.
fn after(told: &str, turns: impl Iterator<Item = (String, String)>) -> Turns {
    let question =
        |number: usize, question: String| if number == 0 { format!("{told}\n{question}") } else { question };
    turns.enumerate().map(|(number, (asked, answer))| (question(number, asked), answer)).collect()
}

fn other(language: Language) -> Language {
    language.choose(Language::Chinese, Language::English)
}

/// The scene in words: as a sentence, or as notes in any order.
fn telling(scene: &Scene, language: Language, dice: &mut Dice) -> String {
    if dice.chance(50) {
        return caption(scene, language);
    }
    let mut notes: Vec<String> = scene
        .groups
        .iter()
        .zip(phrases(scene, language))
        .map(|(group, phrase)| {
            format!("{}{}{phrase}", group.place.phrase(language), language.choose(": ", "："))
        })
        .collect();
    notes.push(scene.background.phrase(language).to_owned());
    if dice.chance(50) {
        notes.reverse();
    }
    notes.join(language.choose("; ", "；"))
}

/// Lines that hold every word of the demo world, for a tokenizer to learn from.
#[must_use]
pub fn corpus(seed: u64, rows: u64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for index in 0..rows {
        for (question, answer) in text_row(seed, index) {
            lines.push(question);
            lines.push(answer);
        }
    }
    for language in Language::ALL {
        lines.extend(caption_requests(*language).iter().map(|line| (*line).to_owned()));
    }
    for kind in Kind::ALL {
        let noun = kind.noun();
        lines.extend([noun.one, noun.many, noun.chinese].map(str::to_owned));
    }
    lines
}
