//! How does a message cross a pipe? Four letters, its length, and JSON.
//!
//! The letters let a reader find the next message should a library have printed something in between.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

const MARK: [u8; 4] = *b"\x02EYW";
/// Longest message.
const LONGEST: usize = 64 << 20;

/// Writes one message and flushes.
pub(super) fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length as usize <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("a message of more than 64 MiB"))?;
    let mut bytes = Vec::with_capacity(body.len() + 8);
    bytes.extend(MARK);
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    to.write_all(&bytes)?;
    to.flush()
}

/// The next message; `None` at the end of the stream. Bytes before it are given to `stray`.
pub(super) fn read<T: DeserializeOwned>(
    from: &mut impl Read,
    stray: &mut dyn FnMut(u8),
) -> io::Result<Option<T>> {
    let mut window = [0u8; 4];
    let mut filled = 0;
    loop {
        let mut byte = [0u8];
        if from.read(&mut byte)? == 0 {
            window[..filled].iter().for_each(|byte| stray(*byte));
            return Ok(None);
        }
        if filled == window.len() {
            stray(window[0]);
            window.rotate_left(1);
            window[3] = byte[0];
        } else {
            window[filled] = byte[0];
            filled += 1;
        }
        if filled == 4 && window == MARK {
            break;
        }
    }
    let mut length = [0u8; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::other(format!("a message of {length} bytes")));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> (Vec<String>, Vec<u8>, bool) {
        let (mut found, mut stray) = (Vec::new(), Vec::new());
        loop {
            match read::<String>(&mut bytes, &mut |byte| stray.push(byte)) {
                Ok(Some(message)) => found.push(message),
                Ok(None) => return (found, stray, true),
                Err(_) => return (found, stray, false),
            }
        }
    }

    #[test]
    fn messages_are_found_among_what_others_print() {
        let mut bytes = b"warning: \x02EY nothing\n".to_vec();
        write(&mut bytes, &"one").unwrap();
        bytes.extend(b"noise");
        write(&mut bytes, &"two \u{2}EYW").unwrap();
        let (found, stray, whole) = all(&bytes);
        assert_eq!(found, ["one", "two \u{2}EYW"]);
        assert_eq!(stray, b"warning: \x02EY nothing\nnoise");
        assert!(whole);
    }

    #[test]
    fn a_cut_or_lying_message_is_an_error_and_no_allocation() {
        let mut bytes = Vec::new();
        write(&mut bytes, &"one").unwrap();
        assert!(!all(&bytes[..bytes.len() - 1]).2);
        let lie = [&MARK[..], &u32::MAX.to_le_bytes()].concat();
        assert!(!all(&lie).2);
        assert!(all(b"").2);
    }
}
