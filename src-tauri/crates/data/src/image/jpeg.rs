//! Is this JPEG file complete?
//!
//! The decoder fills missing rows with grey and reports success; training on half-grey pictures is worse
//! than refusing them. So the markers are walked first and the end-of-image marker is required, which is
//! also where Pillow draws the line. Entropy-coded data is skipped, never decoded, here.

/// True when a scan is followed by an end-of-image marker (ITU T.81, B.1.1).
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut at = 2; // after the start-of-image marker
    let mut seen_scan = false;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xFF)) {
        at += found + 1;
        let Some(&marker) = bytes.get(at) else { return false };
        match marker {
            // A fill byte: the next byte may be the marker, so it is looked at again.
            0xFF => {}
            // A stuffed zero and the restart markers belong to the entropy-coded data.
            0x00 | 0x01 | 0xD0..=0xD8 => at += 1,
            0xD9 => return seen_scan,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 1..at + 3) else { return false };
                seen_scan |= marker == 0xDA;
                at += 1 + usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
    false
}
