//! What can be asked about a scene, and what is the answer?
//!
//! Answers are a word or two, so that right and wrong need no judgement.

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::scene::{Group, Scene};
use super::vocabulary::{Colour, Kind};
use super::words::{Language, capitalised, number, objects};

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Which things stand at a place.
    What,
    /// Which colour they have.
    Colour,
    /// How many there are.
    HowMany,
    /// Where they are.
    Where,
    /// Whether there are any, with or without a colour.
    IsThere,
    /// Which of two things are more, or bigger.
    Compare,
    /// Whether they are small or big.
    Size,
}

impl QuestionKind {
    /// Every kind, in order.
    pub const ALL: &'static [Self] =
        &[Self::What, Self::Colour, Self::HowMany, Self::Where, Self::IsThere, Self::Compare, Self::Size];
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What it is about.
    pub kind: QuestionKind,
    /// What is asked.
    pub question: String,
    /// What is right.
    pub answer: String,
}

/// `count` questions about a scene, all different as long as there are so many.
#[must_use]
pub fn questions(scene: &Scene, language: Language, count: usize, dice: &mut Dice) -> Vec<Question> {
    let mut asked: Vec<Question> = Vec::with_capacity(count);
    let mut tries = 0;
    while asked.len() < count && tries < 20 * count {
        tries += 1;
        let kind = dice.pick_or(QuestionKind::ALL, QuestionKind::What);
        let Some(group) = dice.pick(&scene.groups) else { break };
        let Some((question, answer)) = ask(kind, scene, group, language, dice) else { continue };
        if asked.iter().all(|other| other.question != question) {
            asked.push(Question { kind, question, answer });
        }
    }
    asked
}

fn ask(
    kind: QuestionKind,
    scene: &Scene,
    group: &Group,
    language: Language,
    dice: &mut Dice,
) -> Option<(String, String)> {
    match kind {
        QuestionKind::What => Some(what(group, language)),
        QuestionKind::Colour => Some(colour(group, language)),
        QuestionKind::HowMany => Some(how_many(scene, group, language, dice)),
        QuestionKind::Where => Some(place(group, language)),
        QuestionKind::IsThere => Some(is_there(scene, group, language, dice)),
        QuestionKind::Compare => compare(scene, language, dice),
        QuestionKind::Size => Some(size(group, language)),
    }
}

fn what(group: &Group, language: Language) -> (String, String) {
    let (place, name) = (group.place.phrase(language), group.kind.name(language, group.count()));
    match language {
        Language::English => (format!("What is {place}?"), name.to_owned()),
        Language::Chinese => (format!("{place}是什么？"), name.to_owned()),
    }
}

/// "is the cat", "are the cats".
fn are_the(group: &Group) -> String {
    let verb = if group.count() == 1 { "is" } else { "are" };
    format!("{verb} the {}", group.kind.name(Language::English, group.count()))
}

fn colour(group: &Group, language: Language) -> (String, String) {
    let question = match language {
        Language::English => format!("What colour {}?", are_the(group)),
        Language::Chinese => format!("{}是什么颜色的？", group.kind.name(language, 1)),
    };
    (question, group.colour.name(language).to_owned())
}

fn how_many(scene: &Scene, group: &Group, language: Language, dice: &mut Dice) -> (String, String) {
    // Now and then something that is not there.
    let (kind, count) = if dice.chance(15) { (absent(scene, dice), 0) } else { (group.kind, group.count()) };
    let name = kind.name(language, 2);
    let question = match language {
        Language::English => format!("How many {name} are there?"),
        Language::Chinese => format!("有几{}{name}？", kind.noun().measure),
    };
    (question, number(count, language).to_owned())
}

fn place(group: &Group, language: Language) -> (String, String) {
    let question = match language {
        Language::English => format!("Where {}?", are_the(group)),
        Language::Chinese => format!("{}在哪里？", group.kind.name(language, 1)),
    };
    (question, group.place.phrase(language).to_owned())
}

fn size(group: &Group, language: Language) -> (String, String) {
    let question = match language {
        Language::English => format!("{} big or small?", capitalised(&are_the(group))),
        Language::Chinese => format!("{}是大的还是小的？", group.kind.name(language, 1)),
    };
    (question, group.size.name(language).to_owned())
}

/// A kind that the scene does not show.
fn absent(scene: &Scene, dice: &mut Dice) -> Kind {
    loop {
        let kind = dice.pick_or(Kind::ALL, Kind::Cat);
        if scene.group(kind).is_none() {
            return kind;
        }
    }
}

fn is_there(scene: &Scene, group: &Group, language: Language, dice: &mut Dice) -> (String, String) {
    let yes = dice.chance(50);
    if dice.chance(50) {
        // With a colour; "no" is the right thing in a wrong colour.
        let colours: Vec<Colour> =
            Colour::ALL.iter().copied().filter(|colour| (*colour == group.colour) == yes).collect();
        let colour = dice.pick_or(&colours, group.colour);
        return answered(is_there_a(group.kind, Some(colour), language), yes, language);
    }
    let kind = if yes { group.kind } else { absent(scene, dice) };
    answered(is_there_a(kind, None, language), yes, language)
}

fn is_there_a(kind: Kind, colour: Option<Colour>, language: Language) -> String {
    let name = kind.name(language, 1);
    match (language, colour) {
        (Language::English, Some(colour)) => {
            let colour = colour.name(language);
            format!("Is there {} {colour} {name}?", article(colour))
        }
        (Language::English, None) => format!("Is there {} {name}?", article(name)),
        (Language::Chinese, Some(colour)) => format!("有{}的{name}吗？", colour.name(language)),
        (Language::Chinese, None) => format!("有{name}吗？"),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn answered(question: String, yes: bool, language: Language) -> (String, String) {
    let answer = if yes { language.choose("yes", "有") } else { language.choose("no", "没有") };
    (question, answer.to_owned())
}

/// Two groups, in either order: which are more, or which are bigger.
fn compare(scene: &Scene, language: Language, dice: &mut Dice) -> Option<(String, String)> {
    let [first, second] = scene.groups.as_slice() else { return None };
    let (first, second) = if dice.chance(50) { (first, second) } else { (second, first) };
    let by_count = dice.chance(50);
    let (one, other) =
        if by_count { (first.count(), second.count()) } else { (first.size as usize, second.size as usize) };
    // Both in the plural: the question must not give the number away.
    let (first, second) = (first.kind.name(language, 2), second.kind.name(language, 2));
    let question = match (language, by_count) {
        (Language::English, true) => format!("Are there more {first} or {second}?"),
        (Language::English, false) => format!("Which are bigger, {first} or {second}?"),
        (Language::Chinese, true) => format!("{first}多还是{second}多？"),
        (Language::Chinese, false) => format!("{first}大还是{second}大？"),
    };
    let answer = match one.cmp(&other) {
        std::cmp::Ordering::Greater => first,
        std::cmp::Ordering::Less => second,
        std::cmp::Ordering::Equal => language.choose("the same", "一样"),
    };
    Some((question, answer.to_owned()))
}

/// The objects of a scene, each group as a phrase, for lists in texts.
pub(super) fn phrases(scene: &Scene, language: Language) -> Vec<String> {
    scene.groups.iter().map(|group| objects(group, language)).collect()
}
