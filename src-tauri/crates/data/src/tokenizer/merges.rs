//! The merge rules of a SentencePiece BPE vocabulary, which the file itself does not store.
//!
//! SentencePiece joins the neighbouring pair whose result has the best score. The same rule as an ordered list:
//! every split of every piece into two pieces, best score of the whole first; among equals the longer left half,
//! then the longer right half (transformers `generate_merges`, v4.40 and later).

use std::collections::HashMap;
use std::path::Path;

use super::error::TokenizerError;
use super::sentencepiece::{Piece, PieceKind};

/// Most bytes that may be hashed while looking for splits, so that a crafted vocabulary cannot stall the program.
const WORK_LIMIT: u64 = 2_000_000_000;
/// Most rules; real vocabularies of 256,000 pieces have about 600,000.
const MERGE_LIMIT: usize = 4_000_000;
/// Most bytes of text in all rules together.
const TEXT_LIMIT: u64 = 256 << 20;

struct Rule {
    left: u32,
    right: u32,
    whole: u32,
    left_chars: u32,
    right_chars: u32,
}

/// Lists the rules as pairs of texts, most urgent first.
///
/// Only ordinary pieces are built by merging: control, byte, unknown and user-defined pieces never arise from text,
/// as in SentencePiece itself.
pub(super) fn merge_rules(file: &Path, pieces: &[Piece]) -> Result<Vec<(String, String)>, TokenizerError> {
    let too_large =
        |what, found, limit| Err(TokenizerError::TooLarge { file: file.into(), what, found, limit });
    let mergeable = |piece: &Piece| piece.kind == PieceKind::Normal;
    let work: u64 = pieces.iter().filter(|p| mergeable(p)).map(|p| (p.text.len() as u64).pow(2)).sum();
    if work > WORK_LIMIT {
        return too_large("the sum of squared piece lengths", work, WORK_LIMIT);
    }
    let ids: HashMap<&str, u32> = pieces
        .iter()
        .enumerate()
        .filter(|(_, p)| mergeable(p))
        .map(|(id, p)| (p.text.as_str(), id as u32))
        .collect();
    let mut rules = Vec::new();
    let mut bytes = 0u64;
    for (whole, piece) in pieces.iter().enumerate().filter(|(_, piece)| mergeable(piece)) {
        let from = rules.len();
        let chars = piece.text.chars().count() as u32;
        for (left_chars, (cut, _)) in piece.text.char_indices().enumerate().skip(1) {
            let (left, right) = piece.text.split_at(cut);
            if let (Some(&left), Some(&right)) = (ids.get(left), ids.get(right)) {
                let left_chars = left_chars as u32;
                rules.push(Rule {
                    left,
                    right,
                    whole: whole as u32,
                    left_chars,
                    right_chars: chars - left_chars,
                });
                bytes += piece.text.len() as u64;
            }
        }
        if rules.len() > MERGE_LIMIT {
            return too_large("the number of merge rules", rules.len() as u64, MERGE_LIMIT as u64);
        }
        if bytes > TEXT_LIMIT {
            return too_large("the text of the merge rules (bytes)", bytes, TEXT_LIMIT);
        }
        if let Some(added) = rules.get_mut(from..) {
            added.sort_by_key(|rule| (rule.left, rule.right));
        }
    }
    let text = |id: u32| pieces.get(id as usize).map_or("", |piece| piece.text.as_str());
    let score = |rule: &Rule| pieces.get(rule.whole as usize).map_or(0.0, |piece| piece.score);
    // A stable sort: rules that are equal in all three respects stay in the order of their piece's id.
    rules.sort_by(|a, b| {
        score(b)
            .total_cmp(&score(a))
            .then_with(|| b.left_chars.cmp(&a.left_chars))
            .then_with(|| b.right_chars.cmp(&a.right_chars))
    });
    Ok(rules.iter().map(|rule| (text(rule.left).to_owned(), text(rule.right).to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, score: f32, kind: PieceKind) -> Piece {
        Piece { text: text.into(), score, kind }
    }

    #[test]
    fn rules_follow_score_then_left_length() {
        use PieceKind::{Control, Normal};
        let pieces = [
            piece("<a", 0.0, Control),
            piece("abc", -3.0, Normal),
            piece("ab", -1.0, Normal),
            piece("bc", -2.0, Normal),
            piece("a", -4.0, Normal),
            piece("b", -5.0, Normal),
            piece("c", -6.0, Normal),
            piece("<", -7.0, Normal),
        ];
        let rules = merge_rules(Path::new("x"), &pieces).unwrap();
        let expected = [("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc")];
        assert_eq!(rules, expected.map(|(l, r)| (l.to_owned(), r.to_owned())));
    }

    #[test]
    fn a_vocabulary_of_long_runs_is_refused() {
        let pieces: Vec<Piece> = (0..3000)
            .map(|i| piece(&format!("{i:04}{}", "a".repeat(1000)), 0.0, PieceKind::Normal))
            .collect();
        let error = merge_rules(Path::new("x"), &pieces).unwrap_err();
        assert!(matches!(error, TokenizerError::TooLarge { limit: WORK_LIMIT, .. }), "{error}");
    }
}
