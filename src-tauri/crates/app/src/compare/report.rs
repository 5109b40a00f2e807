//! A comparison as one HTML file that needs nothing else: thumbnails are inside it, scripts there are none.

use std::path::Path;

use eyewright_data::image::{DecodeLimits, open};

use super::{Answered, Comparison, Scores};

const THUMBNAIL: u32 = 160;
const QUALITY: u8 = 80;

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid #8884;padding:.5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
img{max-width:160px;border-radius:4px;display:block;margin-bottom:.25rem}
.good{color:#1a7f37}.bad{color:#b35900}
small{opacity:.75;display:block}";

/// The report.
pub fn html(comparison: &Comparison) -> String {
    let [first, second] = &comparison.names;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <title>Before and after</title>\n<style>{STYLE}</style></head><body>\n<h1>Before and after</h1>\n"
    );
    page += "<table><tr><th></th><th>exact</th><th>contains</th><th>token F1</th></tr>\n";
    for (name, means) in comparison.names.iter().zip(comparison.means) {
        let Scores { exact, contains, f1 } = means;
        page += &format!(
            "<tr><th>{}</th><td>{:.1} %</td><td>{:.1} %</td><td>{:.1} %</td></tr>\n",
            escaped(name),
            100.0 * exact,
            100.0 * contains,
            100.0 * f1
        );
    }
    page += &format!("</table>\n<p>{} questions", comparison.rows.len());
    if !comparison.left_out.is_empty() {
        page += &format!(", {} rows left out", comparison.left_out.len());
    }
    page += &format!(
        "</p>\n<table><tr><th>picture</th><th>question and expected answer</th><th>{}</th><th>{}</th></tr>\n",
        escaped(first),
        escaped(second)
    );
    let mut last: Option<(&[std::path::PathBuf], String)> = None;
    for row in &comparison.rows {
        // Questions about the same picture share its thumbnail while it is at hand.
        let pictures = match &last {
            Some((files, known)) if *files == row.pictures.as_slice() => known.clone(),
            _ => row.pictures.iter().map(|file| thumbnail(file)).collect(),
        };
        page += &format!(
            "<tr><td>{pictures}<small>row {}</small></td><td>{}<small>{}</small></td>{}{}</tr>\n",
            row.row,
            escaped(&row.question),
            escaped(&row.expected),
            cell(&row.a),
            cell(&row.b)
        );
        last = Some((&row.pictures, pictures));
    }
    page + "</table></body></html>\n"
}

fn cell(answered: &Answered) -> String {
    let class = if answered.scores.contains > 0.0 { "good" } else { "bad" };
    format!(
        "<td class=\"{class}\">{}<small>F1 {:.0} %</small></td>",
        escaped(&answered.text),
        100.0 * answered.scores.f1
    )
}

/// A picture that can no longer be read is named instead.
fn thumbnail(file: &Path) -> String {
    let small = open(file, &DecodeLimits::default())
        .and_then(|picture| picture.thumbnail(THUMBNAIL).encode_jpeg(QUALITY));
    let name = escaped(&file.file_name().unwrap_or_default().to_string_lossy());
    match small {
        Ok(bytes) => format!("<img alt=\"{name}\" src=\"data:image/jpeg;base64,{}\">", base64(&bytes)),
        Err(_) => format!("<small>{name}</small>"),
    }
}

/// Text from a data set or a model is text, never markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index > group.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(escaped("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
        // RFC 4648, section 10.
        let rows = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (text, expected) in rows {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
