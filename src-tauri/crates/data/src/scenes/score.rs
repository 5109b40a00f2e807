//! Is an answer right, and which objects does a caption name?

use serde::Serialize;

use super::scene::Scene;
use super::vocabulary::{Colour, Kind};
use super::words::Language;

/// Right ones among those that were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Right.
    pub right: usize,
    /// All.
    pub all: usize,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }

    /// Share of the right ones in percent; 0 when there are none.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.all == 0 { 0.0 } else { 100.0 * self.right as f64 / self.all as f64 }
    }
}

/// An answer without case, punctuation and surrounding space.
#[must_use]
pub fn normalise(answer: &str) -> String {
    let kept: String = answer
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_alphanumeric() { letter } else { ' ' })
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an answer is the expected one; "2" and "二" pass for "two" and "两".
#[must_use]
pub fn same_answer(answer: &str, expected: &str) -> bool {
    let digits = |text: String| match text.as_str() {
        "0" | "none" => "zero".to_owned(),
        "1" => "one".to_owned(),
        "2" => "two".to_owned(),
        "3" => "three".to_owned(),
        "4" => "four".to_owned(),
        "二" => "两".to_owned(),
        _ => text,
    };
    digits(normalise(answer)) == digits(normalise(expected))
}

/// How many of a scene's groups a caption names rightly, thing and colour together, out of the groups that
/// there are or that it names, whichever is more: inventing objects costs as much as missing them.
#[must_use]
pub fn caption_objects(caption: &str, scene: &Scene, language: Language) -> Tally {
    let named = named(caption, language);
    let right = scene
        .groups
        .iter()
        .filter(|group| {
            named.iter().any(|(kind, colour)| (*kind, *colour) == (group.kind, Some(group.colour)))
        })
        .count();
    Tally { right, all: scene.groups.len().max(named.len()) }
}

/// Things in the order of the text, each with the colour before it.
fn named(caption: &str, language: Language) -> Vec<(Kind, Option<Colour>)> {
    match language {
        Language::English => {
            let mut named = Vec::new();
            let mut colour = None;
            for word in normalise(caption).split(' ') {
                let kind = Kind::ALL.iter().find(|kind| {
                    let noun = kind.noun();
                    word == noun.one || word == noun.many
                });
                if let Some(kind) = kind {
                    named.push((*kind, colour.take()));
                } else if let Some(found) = Colour::ALL.iter().find(|found| found.name(language) == word) {
                    colour = Some(*found);
                }
            }
            named
        }
        Language::Chinese => caption.split(['，', '。', ',', '和']).filter_map(named_in_clause).collect(),
    }
}

/// The thing of one Chinese clause: its longest noun that ends the clause, so that no noun hides in another.
fn named_in_clause(clause: &str) -> Option<(Kind, Option<Colour>)> {
    let clause = clause.trim();
    let kind = Kind::ALL
        .iter()
        .filter(|kind| clause.ends_with(kind.noun().chinese))
        .max_by_key(|kind| kind.noun().chinese.len())?;
    let colour = Colour::ALL.iter().find(|colour| clause.contains(colour.name(Language::Chinese)));
    Some((*kind, colour.copied()))
}
