//! Which part of a Rust file is code that ships, and where are its functions?
//!
//! A scan, not a parser: it knows comments, literals and braces, which is enough for rules that look for words.

use std::ops::Range;

/// A Rust text in which comments, the insides of literals and test-only items are blanked.
///
/// Lines and byte positions are those of the file.
#[derive(Debug)]
pub(crate) struct Source {
    code: Vec<u8>,
    /// Names `x` of `#[cfg(test)] mod x;`, whose files are tests although their path does not show it.
    pub(crate) test_modules: Vec<String>,
    test_lines: usize,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn scan(text: &str) -> Self {
        let mut source = Self { code: blanked(text.as_bytes()), test_modules: Vec::new(), test_lines: 0 };
        source.blank_tests();
        source
    }

    /// Lines outside test-only items.
    pub(crate) fn shipped_lines(&self) -> usize {
        let ends_open = self.code.last().is_some_and(|last| *last != b'\n');
        (newlines(&self.code) + usize::from(ends_open)).saturating_sub(self.test_lines)
    }

    /// Where `word` stands as a word of its own, as `(line, byte position)`. A word may end in punctuation.
    pub(crate) fn places_of(&self, word: &str) -> Vec<(usize, usize)> {
        let word = word.as_bytes();
        (0..self.code.len())
            .filter(|&at| {
                let starts = !word[0].is_ascii_alphanumeric() || at == 0 || !is_word(self.code[at - 1]);
                starts && self.code[at..].starts_with(word)
            })
            .map(|at| (self.line(at), at))
            .collect()
    }

    /// The code from a byte position on.
    pub(crate) fn from(&self, at: usize) -> &[u8] {
        self.code.get(at..).unwrap_or_default()
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (line, at) in self.places_of("fn ") {
            let name: Vec<u8> = self.from(at + 3).iter().copied().take_while(|byte| is_word(*byte)).collect();
            // A function pointer type has no name, a trait's declaration no body.
            if name.is_empty() {
                continue;
            }
            let item = item(&self.code, at);
            if self.code.get(item.end - 1) == Some(&b'}') {
                let lines = 1 + newlines(&self.code[item]);
                functions.push(Function { name: String::from_utf8_lossy(&name).into_owned(), line, lines });
            }
        }
        functions
    }

    fn line(&self, at: usize) -> usize {
        1 + newlines(&self.code[..at])
    }

    fn blank_tests(&mut self) {
        if !self.places_of("#![cfg(test)]").is_empty() {
            self.test_lines = newlines(&self.code);
            let all = 0..self.code.len();
            blank(&mut self.code, all);
            return;
        }
        for attribute in ["#[cfg(test)]", "#[cfg(all(test"] {
            while let Some((_, at)) = self.places_of(attribute).first().copied() {
                let item = item(&self.code, after_attributes(&self.code, at));
                self.test_modules.extend(declared_module(&self.code[item.clone()]));
                let whole = at..item.end;
                self.test_lines += 1 + newlines(&self.code[whole.clone()]);
                blank(&mut self.code, whole);
            }
        }
    }
}

/// The name `x` if an item is `mod x;`.
fn declared_module(item: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(item);
    let (_, name) = text.trim().strip_suffix(';')?.rsplit_once("mod ")?;
    name.trim().bytes().all(is_word).then(|| name.trim().to_owned())
}

/// The position after all attributes that begin at `at`.
fn after_attributes(code: &[u8], mut at: usize) -> usize {
    loop {
        while code.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        if code.get(at) != Some(&b'#') {
            return at;
        }
        at = closing(code, at, b'[', b']');
    }
}

/// An item that begins at `at`: up to its `;`, or to the brace that closes its body.
fn item(code: &[u8], at: usize) -> Range<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code[at..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => return at..at + offset + 1,
            b'{' if depth == 0 => return at..closing(code, at + offset, b'{', b'}'),
            _ => {}
        }
    }
    at..code.len()
}

/// The position after the bracket that closes the first `open` found from `at` on.
fn closing(code: &[u8], at: usize, open: u8, close: u8) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code[at..].iter().enumerate() {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + offset + 1;
            }
        }
    }
    code.len()
}

/// The text with comments and the insides of literals blanked. Quotes stay, so that a literal is still seen.
fn blanked(text: &[u8]) -> Vec<u8> {
    let mut code = text.to_vec();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let starts_word = at == 0 || !is_word(text[at - 1]);
        let (inside, next) = match rest {
            [b'/', b'/', ..] => {
                let end = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                (at..end, end)
            }
            [b'/', b'*', ..] => {
                let end = at + block_comment(rest);
                (at..end, end)
            }
            [b'"', ..] => {
                let end = at + 1 + quoted(&rest[1..], b'"');
                (at + 1..end, end + 1)
            }
            [b'\'', ..] => match char_literal(&rest[1..]) {
                Some(length) => (at + 1..at + 1 + length, at + length + 2),
                None => (at..at, at + 1),
            },
            [b'r', ..] | [b'b' | b'c', b'r', ..] if starts_word => match raw_string(rest) {
                Some((inside, end)) => (at + inside.start..at + inside.end, at + end),
                None => (at..at, at + 1),
            },
            _ => (at..at, at + 1),
        };
        blank(&mut code, inside);
        at = next;
    }
    code
}

fn block_comment(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// The length up to the closing quote.
fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

/// The length of a character literal after its opening quote, or nothing for a lifetime.
fn char_literal(text: &[u8]) -> Option<usize> {
    if text.first() == Some(&b'\\') {
        return Some(quoted(text, b'\''));
    }
    // One character of up to four bytes, then the quote.
    let length = (1..=4).find(|length| text.get(*length) == Some(&b'\''))?;
    std::str::from_utf8(&text[..length]).is_ok_and(|text| text.chars().count() == 1).then_some(length)
}

/// For `r#"…"#` and its kin: where the inside is, and the position after the whole.
fn raw_string(text: &[u8]) -> Option<(Range<usize>, usize)> {
    let prefix = if text[0] == b'r' { 1 } else { 2 };
    let hashes = text[prefix..].iter().take_while(|byte| **byte == b'#').count();
    let opening = prefix + hashes + 1;
    if text.get(opening - 1) != Some(&b'"') {
        return None;
    }
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let length = text[opening..].windows(end.len()).position(|window| window == end);
    let inside = opening..length.map_or(text.len(), |length| opening + length);
    Some((inside.clone(), inside.end + end.len()))
}

fn blank(code: &mut [u8], range: Range<usize>) {
    let end = range.end.min(code.len());
    for byte in &mut code[range.start.min(end)..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn newlines(code: &[u8]) -> usize {
    code.iter().filter(|byte| **byte == b'\n').count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_comments_and_literals_are_not_code() {
        let rows = [
            ("let a = word();", true),
            ("// word", false),
            ("/* a /* word */ word */", false),
            ("/* a */ word", true),
            ("let a = \"word\";", false),
            (r#"let a = "\" word";"#, false),
            (r##"let a = r#"" word"#;"##, false),
            (r##"let a = r#""#; word"##, true),
            (r#"let a = br"\"; word"#, true),
            ("let a = '\"'; word; '\"'", true),
            (r"let a = '\''; word", true),
            ("fn a<'a>(b: &'a str) { word }", true),
            ("let a = '\u{e9}'; word", true),
            ("let keyword = 1;", false),
            ("let her = 1; word", true),
        ];
        for (text, expected) in rows {
            let source = Source::scan(text);
            assert_eq!(!source.places_of("word").is_empty(), expected, "{text}");
            assert_eq!(source.code.len(), text.len(), "{text}");
        }
    }

    #[test]
    fn test_items_are_not_shipped() {
        let rows = [
            ("fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { word }\n}\n", false, 1),
            ("#[cfg(test)]\n#[allow(x)]\nfn b() { word }\nfn c() {}\n", false, 1),
            ("#[cfg(all(test, unix))]\nuse word;\n", false, 0),
            ("#![cfg(test)]\nfn b() { word }\n", false, 0),
            ("#[cfg(not(test))]\nfn b() { word }\n", true, 2),
            ("#[cfg(test)]\nmod tests { const A: char = '}'; }\nfn c() { word }", true, 1),
        ];
        for (text, expected, lines) in rows {
            let source = Source::scan(text);
            assert_eq!(!source.places_of("word").is_empty(), expected, "{text}");
            assert_eq!(source.shipped_lines(), lines, "{text}");
        }
        assert_eq!(Source::scan("#[cfg(test)]\nmod rows;\n").test_modules, ["rows"]);
    }

    #[test]
    fn functions_are_measured() {
        let text = "trait A {\n fn a(&self, b: [u8; 2]);\n}\nfn c(d: fn(u8) -> u8) -> [u8; 2]\nwhere\n{\n  [0; 2]\n}\n";
        let expected = Function { name: "c".into(), line: 4, lines: 5 };
        assert_eq!(Source::scan(text).functions(), [expected]);
    }
}
