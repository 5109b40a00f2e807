//! Is a precompiled character map safe to walk?
//!
//! The map is a double-array trie over UTF-8 bytes followed by replacement texts ended by NUL (sentencepiece
//! `normalizer.cc`, darts-clone). The library that applies it indexes without checks, so every state that some text
//! could reach is visited here first.

use super::error::CharsmapProblem;

/// Longest replacement; the longest of Unicode's NFKC is 33 bytes.
const REPLACEMENT_LIMIT: usize = 1024;

/// Checks all transitions and replacements. An empty map is valid (identity).
pub(super) fn check_charsmap(charsmap: &[u8]) -> Result<(), CharsmapProblem> {
    let (header, rest) = charsmap.split_first_chunk::<4>().ok_or(CharsmapProblem::Truncated)?;
    let table_bytes = u32::from_le_bytes(*header) as usize / 4 * 4;
    let (table, texts) = rest.split_at_checked(table_bytes).ok_or(CharsmapProblem::Truncated)?;
    let units: Vec<u32> = table.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
    let texts = std::str::from_utf8(texts).map_err(|_| CharsmapProblem::NotUtf8)?;

    let root = *units.first().ok_or(CharsmapProblem::Truncated)?;
    let mut seen = vec![false; units.len()];
    let mut waiting = vec![offset(root)];
    while let Some(state) = waiting.pop() {
        match seen.get_mut(state) {
            None => return Err(CharsmapProblem::Transition(state)),
            Some(true) => continue,
            Some(flag) => *flag = true,
        }
        for byte in 1..=255usize {
            let entry = state ^ byte;
            let unit = *units.get(entry).ok_or(CharsmapProblem::Transition(entry))?;
            if unit & 0x8000_00ff != byte as u32 {
                continue;
            }
            let next = entry ^ offset(unit);
            if unit >> 8 & 1 == 1 {
                let leaf = *units.get(next).ok_or(CharsmapProblem::Transition(next))?;
                check_replacement(texts, (leaf & 0x7fff_ffff) as usize)?;
            }
            waiting.push(next);
        }
    }
    Ok(())
}

/// Where a unit's children start, relative to the unit.
fn offset(unit: u32) -> usize {
    ((unit as usize) >> 10) << ((unit as usize & (1 << 9)) >> 6)
}

fn check_replacement(texts: &str, start: usize) -> Result<(), CharsmapProblem> {
    let text = texts.get(start..).ok_or(CharsmapProblem::Replacement(start))?;
    let length = text.bytes().take(REPLACEMENT_LIMIT + 1).take_while(|&byte| byte != 0).count();
    if length > REPLACEMENT_LIMIT { Err(CharsmapProblem::LongReplacement(start)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(units: &[u32], texts: &[u8]) -> Vec<u8> {
        let mut bytes = ((units.len() * 4) as u32).to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend_from_slice(texts);
        bytes
    }

    #[test]
    fn damaged_maps_name_the_problem() {
        let mut one_block = vec![0u32; 256];
        assert_eq!(check_charsmap(&map(&one_block, b"")), Ok(()));

        // The letter `a` (97) has a leaf: its children start at 97 ^ 97 = 0, and unit 0 reads as text offset 0.
        one_block[97] = 97 | 1 << 8 | 97 << 10;
        let leaf_elsewhere = map(&one_block, b"ab\0");
        assert_eq!(check_charsmap(&leaf_elsewhere), Ok(()));
        let mut outside = one_block.clone();
        outside[97] = 97 | 1 << 8 | 300 << 10;

        let rows: [(Vec<u8>, CharsmapProblem); 6] = [
            (vec![1, 2], CharsmapProblem::Truncated),
            (vec![255, 255, 255, 255, 0], CharsmapProblem::Truncated),
            (map(&[], b""), CharsmapProblem::Truncated),
            (map(&[0; 16], b""), CharsmapProblem::Transition(16)),
            (map(&outside, b"ab\0"), CharsmapProblem::Transition(97 ^ 300)),
            (map(&one_block, &[0xff]), CharsmapProblem::NotUtf8),
        ];
        for (bytes, problem) in rows {
            assert_eq!(check_charsmap(&bytes), Err(problem));
        }
        assert_eq!(check_replacement("é", 1), Err(CharsmapProblem::Replacement(1)));
        assert_eq!(check_replacement("ab", 3), Err(CharsmapProblem::Replacement(3)));
        assert_eq!(check_replacement(&"a".repeat(2000), 7), Err(CharsmapProblem::LongReplacement(7)));
    }
}
