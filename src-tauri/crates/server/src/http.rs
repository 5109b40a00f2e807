//! One request on one connection: its head, its body, its answer. Everything has a limit in bytes and in time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest head.
const HEAD: usize = 64 << 10;
/// A client must have sent its head by then.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A body may pause so long.
const PAUSE: Duration = Duration::from_secs(30);
/// A body must have come by then.
const BODY_WITHIN: Duration = Duration::from_secs(120);
/// A client must take its answer by then.
const WRITE_WITHIN: Duration = Duration::from_secs(60);

/// What stands before a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A value of the query, decoded.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| decoded(&value.replace('+', " ")))
    }

    /// Reads the lines of a head. `None` if they are no HTTP/1.1 request.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target, version) = (first.next()?, first.next()?, first.next()?);
        let known = version == "HTTP/1.1" || version == "HTTP/1.0";
        if first.next().is_some()
            || !known
            || !target.starts_with('/')
            || !method.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty()
                || !name.bytes().all(token)
                || value.bytes().any(|byte| byte < 32 && byte != b'\t')
            {
                return None;
            }
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Self { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), headers })
    }

    /// Bytes of the body; an error for bodies whose length is not told once and plainly.
    fn length(&self) -> Result<u64, u16> {
        if self.get("transfer-encoding").is_some() {
            return Err(411);
        }
        let mut lengths = self.all("content-length");
        let Some(length) = lengths.next() else { return Ok(0) };
        let plain = !length.is_empty()
            && length.bytes().all(|byte| byte.is_ascii_digit())
            && lengths.next().is_none();
        length.parse().ok().filter(|_| plain).ok_or(400)
    }
}

/// `%41` and its like as the letters they stand for.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A connection whose head was read.
pub(crate) struct Exchange {
    pub(crate) head: Head,
    stream: TcpStream,
    /// Bytes of the body that came with the head.
    early: Vec<u8>,
}

impl Exchange {
    /// Reads a head; answers and gives `None` if it is none or comes too slowly.
    pub(crate) fn read(mut stream: TcpStream) -> Option<Self> {
        let _ = stream.set_nodelay(true); // tokens are small and should not wait for each other
        let _ = stream.set_write_timeout(Some(WRITE_WITHIN));
        let started = Instant::now();
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            let left = HEAD_WITHIN.checked_sub(started.elapsed()).filter(|left| !left.is_zero());
            if bytes.len() > HEAD || left.is_none() {
                let status = if left.is_none() { 408 } else { 431 };
                let _ = send(&mut stream, &Response::empty(status));
                return None;
            }
            let _ = stream.set_read_timeout(left);
            let mut buffer = [0; 8192];
            match stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => bytes.extend(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(_) => return None,
            }
        };
        let early = bytes.split_off(end + 4);
        bytes.truncate(end);
        match std::str::from_utf8(&bytes).ok().and_then(Head::parse) {
            Some(head) => Some(Self { head, stream, early }),
            None => {
                let _ = send(&mut stream, &Response::empty(400));
                None
            }
        }
    }

    /// The body, if it is not longer than `limit`; else the status to answer with.
    pub(crate) fn body(&mut self, limit: u64) -> Result<Vec<u8>, u16> {
        let length = self.head.length()?;
        if length > limit {
            return Err(413); // before it is sent
        }
        if self.head.get("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| 400u16)?;
        }
        let length = usize::try_from(length).map_err(|_| 413u16)?;
        let mut body = std::mem::take(&mut self.early);
        body.truncate(length);
        let started = Instant::now();
        let _ = self.stream.set_read_timeout(Some(PAUSE));
        let mut buffer = vec![0; 64 << 10];
        while body.len() < length {
            if started.elapsed() > BODY_WITHIN {
                return Err(408);
            }
            let most = buffer.len().min(length - body.len());
            match self.stream.read(&mut buffer[..most]) {
                Ok(0) => return Err(400),
                Ok(read) => body.extend(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(408),
            }
        }
        Ok(body)
    }

    /// Answers and ends the connection.
    pub(crate) fn answer(mut self, response: &Response) {
        let _ = send(&mut self.stream, response);
        self.end();
    }

    /// What a client still sends is taken for a moment: closing on unread bytes would take the answer from it.
    fn end(mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(200)));
        let mut buffer = vec![0; 64 << 10];
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(2) {
            match self.stream.read(&mut buffer) {
                Ok(1..) => {}
                _ => return,
            }
        }
    }

    /// Begins an answer that grows.
    pub(crate) fn begin(mut self, kind: &'static str) -> io::Result<Growing> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes())?;
        Ok(Growing(self))
    }

    /// The connection itself, for another protocol on it.
    pub(crate) fn upgrade(mut self, accept: &str) -> io::Result<TcpStream> {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes())?;
        Ok(self.stream)
    }

    /// Another hold on the connection, to see whether the client is still there.
    pub(crate) fn watch(&self) -> Option<TcpStream> {
        self.stream.try_clone().ok()
    }
}

/// An answer that grows piece by piece.
pub(crate) struct Growing(Exchange);

impl Growing {
    pub(crate) fn send(&mut self, piece: &str) -> io::Result<()> {
        write!(self.0.stream, "{:x}\r\n{piece}\r\n", piece.len())
    }

    pub(crate) fn end(mut self) {
        let _ = self.0.stream.write_all(b"0\r\n\r\n");
        self.0.end();
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type", kind.to_owned())], body: body.into() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

fn send(stream: &mut TcpStream, response: &Response) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.headers {
        // Values are ours; a line break in one would still be a fault.
        let clean: String = value.chars().filter(|char| !char.is_control()).collect();
        text += &format!("{name}: {clean}\r\n");
    }
    text += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n", response.body.len());
    stream.write_all(text.as_bytes())?;
    stream.write_all(&response.body)?;
    stream.flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_strictly() {
        let head = Head::parse("POST /api/x?a=1&b=%41+c HTTP/1.1\r\nHost: h\r\nX-Y:  z ").unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/api/x"));
        assert_eq!((head.get("host"), head.get("x-y")), (Some("h"), Some("z")));
        assert_eq!(head.value("b").as_deref(), Some("A c"));
        for bad in [
            "",
            "GET",
            "GET /",
            "GET / HTTP/2",
            "GET x HTTP/1.1",
            "get / HTTP/1.1",
            "GET / HTTP/1.1 x",
            "GET / HTTP/1.1\r\nnocolon",
            "GET / HTTP/1.1\r\n folded: x",
            "GET / HTTP/1.1\r\nna me: x",
            "GET / HTTP/1.1\r\n: x",
            "GET / HTTP/1.1\r\na: b\0",
            "GET http://x/ HTTP/1.1",
        ] {
            assert_eq!(Head::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_length_is_told_once_and_plainly() {
        let length = |headers: &[(&str, &str)]| {
            let headers =
                headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Head { headers, ..Head::default() }.length()
        };
        assert_eq!(length(&[]), Ok(0));
        assert_eq!(length(&[("content-length", "12")]), Ok(12));
        for bad in ["", "-1", "+1", "1,2", "0x1", "99999999999999999999999"] {
            assert_eq!(length(&[("content-length", bad)]), Err(400), "{bad}");
        }
        assert_eq!(length(&[("content-length", "1"), ("content-length", "1")]), Err(400));
        assert_eq!(length(&[("transfer-encoding", "chunked")]), Err(411));
    }

    #[test]
    fn percent_signs_are_decoded_once() {
        for (text, plain) in [
            ("a%20b", "a b"),
            ("%2525", "%25"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%E7%8C%AB", "猫"),
            ("é%", "é%"),
        ] {
            assert_eq!(decoded(text), plain, "{text}");
        }
    }
}
