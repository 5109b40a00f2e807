//! Is this JPEG file complete?
//!
//! The decoder fills missing rows with grey and reports success; training on half-grey pictures is worse
//! than refusing them. So the markers are walked first and the end-of-image marker is required, which is
//! also where Pillow draws the line. Entropy-coded data is skipped, never decoded, here.

/// True when a scan is followed by an end-of-image marker (ITU T.81, B.1.1) and the file is long enough for
/// the sides it announces.
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
                if matches!(marker, 0xC0..=0xC2) && !can_hold(bytes.len(), bytes.get(at + 4..at + 8)) {
                    return false;
                }
                seen_scan |= marker == 0xDA;
                at += 1 + usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
    false
}

/// Every 8x8 block costs at least one bit (its DC code), so a few bytes cannot be a picture of megapixels.
/// Without this check such a file becomes a grey picture after a second and half a gigabyte. The largest
/// component has at least a quarter of the blocks that full sampling would have.
fn can_hold(file_length: usize, sides: Option<&[u8]>) -> bool {
    let Some(&[height_high, height_low, width_high, width_low]) = sides else { return false };
    let height = u64::from(u16::from_be_bytes([height_high, height_low]));
    let width = u64::from(u16::from_be_bytes([width_high, width_low]));
    width.div_ceil(8) * height.div_ceil(8) / 4 <= file_length as u64 * 8
}
