//! A file of a message, as whoever reads the message may have it. No browser takes it for a page of this box.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

use crate::admin::api::messages::PieceLine;

/// Types that are shown as what they are: nothing of them runs. Whatever else somebody sends is bytes.
const SHOWN: &[&str] = &[
    "application/pdf",
    "audio/aac",
    "audio/amr",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/plain",
    "video/3gpp",
    "video/mp4",
    "video/webm",
];
const BYTES: &str = "application/octet-stream";
/// Characters of a name that are kept: what file systems take.
const LONGEST_NAME: usize = 150;

/// The answer.
pub fn response(piece: &PieceLine, bytes: Vec<u8>) -> Response<Body> {
    let mime = piece.mime.as_deref().unwrap_or(BYTES).split(';').next().unwrap_or(BYTES).trim();
    let shown = SHOWN.iter().find(|own| own.eq_ignore_ascii_case(mime)).unwrap_or(&BYTES);
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shown));
    let name = piece.name.as_deref().unwrap_or("file");
    // Made of plain characters alone.
    if let Ok(value) = HeaderValue::from_str(&disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// A file's name as somebody says it, percent-encoded: as it may stand in a page and in a file system.
pub fn called(encoded: &str) -> Option<String> {
    let encoded = encoded.replace('+', "%2B");
    let name = form_urlencoded::parse(encoded.as_bytes()).next()?.0;
    let plain = name.chars().filter(|c| !c.is_control() && !r#"/\:*?"<>|"#.contains(*c));
    let plain: String = plain.take(LONGEST_NAME).collect();
    Some(plain.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A file to keep, never to open here: its name in plain characters, and as it is (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c })
        .take(LONGEST_NAME)
        .collect();
    let name = if name.trim_matches(['.', ' ']).is_empty() { "file" } else { name.as_str() };
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' }).collect();
    let whole: String = name.bytes().map(encoded).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

fn encoded(byte: u8) -> String {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, mime: &str) -> (String, String) {
        let (name, mime) = (Some(name.to_owned()), Some(mime.to_owned()));
        let answer = response(&PieceLine { name, mime, ..PieceLine::default() }, Vec::new());
        let text = |name| answer.headers()[name].to_str().expect("plain").to_owned();
        (text(header::CONTENT_TYPE), text(header::CONTENT_DISPOSITION))
    }

    #[test]
    fn nothing_that_runs_is_called_what_it_is() {
        for mime in ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"] {
            assert_eq!(headers("a", mime).0, BYTES, "{mime}");
        }
        assert_eq!(headers("a", "IMAGE/PNG; x=y").0, "image/png");
    }

    #[test]
    fn a_name_ends_nothing_that_it_stands_in() {
        let (_, said) = headers("../a\"\r\nx: y caf\u{e9}.pdf", "application/pdf");
        let wanted = "attachment; filename=\".._a___x_ y caf_.pdf\"; \
                      filename*=UTF-8''.._a___x_%20y%20caf%C3%A9.pdf";
        assert_eq!(said, wanted);
        assert!(headers(" .. ", "a/b").1.contains("filename=\"file\""));
    }
}
