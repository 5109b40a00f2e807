//! Events for a browser: text frames out; of what comes in, only pings and the goodbye matter.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::time::{Duration, Instant};

use base64::Engine;
use eyewright_app::EventStream;

use crate::http::Exchange;

/// From RFC 6455: what a server adds to a client's key.
const SALT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Longest frame that is read; the interface sends none.
const LONGEST: u64 = 64 << 10;
/// A line without events says this often that it is alive.
const BEAT: Duration = Duration::from_secs(20);

/// Passes events on until the browser is gone. A request that is no handshake is given back.
pub(crate) fn serve(exchange: Exchange, events: EventStream) -> Result<(), Exchange> {
    let head = &exchange.head;
    let asks = head.get("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    let (Some(key), true, Some("13")) =
        (head.get("sec-websocket-key"), asks, head.get("sec-websocket-version"))
    else {
        return Err(exchange);
    };
    let accept = accept_key(key);
    let Ok(stream) = exchange.upgrade(&accept) else { return Ok(()) };
    let Ok(incoming) = stream.try_clone() else { return Ok(()) };
    let gone = Arc::new(AtomicBool::new(false));
    let out = Arc::new(Mutex::new(stream));
    let (seen, back) = (Arc::clone(&gone), Arc::clone(&out));
    let hears = std::thread::Builder::new().name("socket".into()).spawn(move || {
        let _ = hear(incoming, &back);
        seen.store(true, Ordering::Release);
    });
    if hears.is_ok() {
        let _ = tell(&out, &events, &gone);
    }
    let _ = lock(&out).shutdown(std::net::Shutdown::Both);
    Ok(())
}

fn lock(stream: &Mutex<TcpStream>) -> std::sync::MutexGuard<'_, TcpStream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(out: &Mutex<TcpStream>, events: &EventStream, gone: &AtomicBool) -> io::Result<()> {
    let mut last = Instant::now();
    while !gone.load(Ordering::Acquire) {
        match events.next(Duration::from_millis(250)) {
            Ok(Some(envelope)) => {
                if let Ok(text) = serde_json::to_vec(&*envelope) {
                    lock(out).write_all(&frame(0x1, &text))?;
                }
            }
            Ok(None) if last.elapsed() > BEAT => {
                last = Instant::now();
                lock(out).write_all(&frame(0x9, b""))?;
            }
            Ok(None) => {}
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Reads until the browser says goodbye or is gone.
fn hear(mut from: TcpStream, back: &Mutex<TcpStream>) -> io::Result<()> {
    from.set_read_timeout(Some(BEAT * 4))?; // an answer to a ping comes well before
    loop {
        let mut start = [0; 2];
        from.read_exact(&mut start)?;
        let mut length = u64::from(start[1] & 0x7f);
        if length == 126 {
            let mut two = [0; 2];
            from.read_exact(&mut two)?;
            length = u64::from(u16::from_be_bytes(two));
        } else if length == 127 {
            let mut eight = [0; 8];
            from.read_exact(&mut eight)?;
            length = u64::from_be_bytes(eight);
        }
        // A client must mask what it sends.
        if length > LONGEST || start[1] & 0x80 == 0 {
            return Ok(());
        }
        let mut mask = [0; 4];
        from.read_exact(&mut mask)?;
        let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
        from.read_exact(&mut content)?;
        for (byte, key) in content.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        match start[0] & 0x0f {
            0x8 => {
                content.truncate(2);
                let _ = lock(back).write_all(&frame(0x8, &content));
                return Ok(());
            }
            0x9 if content.len() <= 125 => lock(back).write_all(&frame(0xa, &content))?,
            _ => {}
        }
    }
}

/// A whole, unmasked frame.
fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | kind];
    match content.len() {
        length @ 0..=125 => bytes.push(u8::try_from(length).unwrap_or(0)),
        length @ 126..=65_535 => {
            bytes.push(126);
            bytes.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

fn accept_key(key: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(sha1(format!("{key}{SALT}").as_bytes()))
}

/// SHA-1 (FIPS 180-4), which the handshake wants and which guards nothing here.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0u32; 80];
        for (word, four) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = four.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (at, word) in words.iter().enumerate() {
            let (mix, constant) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6u32),
            };
            let next =
                a.rotate_left(5).wrapping_add(mix).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (old, new) in state.iter_mut().zip([a, b, c, d, e]) {
            *old = old.wrapping_add(new);
        }
    }
    let mut digest = [0; 20];
    for (four, word) in digest.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_of_the_standard() {
        // RFC 6455, section 1.3
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn digests_of_the_standard() {
        // FIPS 180-2, appendix A
        let hex = |message: &[u8]| sha1(message).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        assert_eq!(hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }

    #[test]
    fn frames_tell_their_length() {
        assert_eq!(frame(1, b"ab"), [0x81, 2, b'a', b'b']);
        assert_eq!(&frame(1, &[0; 126])[..4], [0x81, 126, 0, 126]);
        assert_eq!(&frame(1, &vec![0; 65_536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
