//! How close is an answer to the expected one?

use std::collections::BTreeMap;

use serde::Serialize;

/// Three scores between 0 and 1; small letters, punctuation and spaces do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// The same words in the same order.
    pub exact: f64,
    /// The expected words stand in the answer, in a row.
    pub contains: f64,
    /// Harmonic mean of precision and recall over words (SQuAD's F1); Chinese counts by characters.
    pub f1: f64,
}

impl Scores {
    /// Compares.
    pub fn of(answer: &str, expected: &str) -> Self {
        let (answer, expected) = (words(answer), words(expected));
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        let within = !expected.is_empty() && answer.windows(expected.len()).any(|part| part == expected);
        Self {
            exact: flag(answer == expected),
            contains: flag(within || answer == expected),
            f1: f1(&answer, &expected),
        }
    }

    /// The mean; zeros without any.
    pub fn mean(scores: impl Iterator<Item = Self>) -> Self {
        let (mut sum, mut count) = (Self::default(), 0.0_f64);
        for score in scores {
            sum = Self {
                exact: sum.exact + score.exact,
                contains: sum.contains + score.contains,
                f1: sum.f1 + score.f1,
            };
            count += 1.0;
        }
        let count = count.max(1.0);
        Self { exact: sum.exact / count, contains: sum.contains / count, f1: sum.f1 / count }
    }
}

fn f1(answer: &[String], expected: &[String]) -> f64 {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for word in expected {
        *left.entry(word).or_default() += 1;
    }
    let mut common = 0.0;
    for word in answer {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            common += 1.0;
        }
    }
    if answer.is_empty() || expected.is_empty() {
        return if answer == expected { 1.0 } else { 0.0 };
    }
    if common == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (common / answer.len() as f64, common / expected.len() as f64);
    2.0 * precision * recall / (precision + recall)
}

/// Words of letters and digits in small letters; each Chinese, Japanese or Korean character is a word.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut open = String::new();
    for char in text.chars() {
        if is_ideograph(char) {
            words.extend((!open.is_empty()).then(|| std::mem::take(&mut open)));
            words.push(char.to_string());
        } else if char.is_alphanumeric() {
            open.extend(char.to_lowercase());
        } else if !open.is_empty() {
            words.push(std::mem::take(&mut open));
        }
    }
    words.extend((!open.is_empty()).then_some(open));
    words
}

fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_by_their_words() {
        let rows = [
            ("A red cat.", "a red cat", 1.0, 1.0, 1.0),
            ("There is a red cat here", "a red cat", 0.0, 1.0, 2.0 * 0.5 / 1.5),
            ("cat red", "red cat", 0.0, 0.0, 1.0),
            ("two", "red cat", 0.0, 0.0, 0.0),
            ("图中有一只红色的猫。", "红色的猫", 0.0, 1.0, 2.0 * (4.0 / 9.0) / (4.0 / 9.0 + 1.0)),
            ("", "", 1.0, 1.0, 1.0),
            ("yes", "", 0.0, 0.0, 0.0),
        ];
        for (answer, expected, exact, contains, f1) in rows {
            let found = Scores::of(answer, expected);
            assert_eq!((found.exact, found.contains), (exact, contains), "{answer}");
            assert!((found.f1 - f1).abs() < 1e-12, "{answer}: {}", found.f1);
        }
        let mean = Scores::mean([Scores::of("a", "a"), Scores::of("b", "a")].into_iter());
        assert_eq!(mean, Scores { exact: 0.5, contains: 0.5, f1: 0.5 });
    }
}
