//! Text with holes: `USER: {input} ASSISTANT:`.

use super::error::TemplateError;

/// One stretch of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text as it is.
    Text(String),
    /// The system text.
    System,
    /// The question.
    Input,
    /// The number of the question, from 1.
    Round,
    /// The name of the assistant.
    BotName,
}

/// A text with placeholders, parsed once. What fills a hole is never parsed, so braces in it are safe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern {
    segments: Vec<Segment>,
}

/// Where a pattern stands, for errors and for what it may hold.
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) field: &'static str,
    /// The placeholder that must occur exactly once.
    pub(super) required: (&'static str, Segment),
}

impl Pattern {
    /// Parses `{name}` for the four known names. Braces around anything but a lower-case word are text.
    pub(super) fn parse(text: &str, place: &Place<'_>) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            literal.push_str(before);
            let word = from.get(1..).and_then(|inside| inside.split_once('}')).map(|(word, _)| word);
            let is_word =
                |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let Some(word) = word.filter(is_word) else {
                literal.push('{');
                rest = from.get(1..).unwrap_or("");
                continue;
            };
            rest = from.get(word.len() + 2..).unwrap_or("");
            if !literal.is_empty() {
                segments.push(Segment::Text(std::mem::take(&mut literal)));
            }
            segments.push(placeholder(word, place)?);
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            segments.push(Segment::Text(literal));
        }
        let (name, required) = &place.required;
        let found = segments.iter().filter(|segment| *segment == required).count();
        if found != 1 {
            return Err(TemplateError::PlaceholderCount {
                file: place.file.to_owned(),
                field: place.field,
                placeholder: name,
                found,
            });
        }
        Ok(Self { segments })
    }

    pub(super) fn from_segments(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// The stretches in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The text with its holes filled; `fill` is asked for every segment but [`Segment::Text`].
    pub fn fill(&self, mut fill: impl FnMut(&Segment) -> String) -> String {
        let filled = self.segments.iter().map(|segment| match segment {
            Segment::Text(text) => text.clone(),
            hole => fill(hole),
        });
        filled.collect()
    }
}

fn placeholder(word: &str, place: &Place<'_>) -> Result<Segment, TemplateError> {
    let in_system = place.required.1 == Segment::System;
    match word {
        "system" if in_system => Ok(Segment::System),
        "input" if !in_system => Ok(Segment::Input),
        "round" => Ok(Segment::Round),
        "bot_name" => Ok(Segment::BotName),
        _ => Err(TemplateError::UnknownPlaceholder {
            file: place.file.to_owned(),
            field: place.field,
            placeholder: word.to_owned(),
            allowed: if in_system { "{system}, {round}, {bot_name}" } else { "{input}, {round}, {bot_name}" },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pattern, TemplateError> {
        Pattern::parse(
            text,
            &Place { file: "f", field: "instruction", required: ("{input}", Segment::Input) },
        )
    }

    #[test]
    fn only_known_words_are_holes() {
        let text = |t: &str| Segment::Text(t.into());
        assert_eq!(parse("a{input}b").unwrap().segments(), [text("a"), Segment::Input, text("b")]);
        assert_eq!(parse("{}{ x}{A}{input}").unwrap().segments(), [text("{}{ x}{A}"), Segment::Input]);
        assert_eq!(parse("{input}{").unwrap().segments(), [Segment::Input, text("{")]);
        assert!(matches!(parse("{input}{question}"), Err(TemplateError::UnknownPlaceholder { .. })));
        assert!(matches!(parse("{input}{system}"), Err(TemplateError::UnknownPlaceholder { .. })));
        assert!(matches!(parse("x"), Err(TemplateError::PlaceholderCount { found: 0, .. })));
        assert!(matches!(parse("{input}{input}"), Err(TemplateError::PlaceholderCount { found: 2, .. })));
    }

    #[test]
    fn fillings_are_not_parsed_again() {
        let pattern = parse("<{round}:{input}>").unwrap();
        let filled =
            pattern.fill(|hole| if *hole == Segment::Input { "{round} {".into() } else { "7".into() });
        assert_eq!(filled, "<7:{round} {>");
    }
}
