//! Bodies of several parts (RFC 2046 section 5.1, RFC 5621): an offer, and what travels beside it.

use crate::sip::message::Request;
use crate::sip::sdp::SessionDescription;
use crate::sip::uri::Params;

/// One part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its media type.
    pub content_type: String,
    /// Its Content-ID without brackets, if something points at it.
    pub id: Option<String>,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Request {
    /// The same with `sdp` and `beside` as its body. `boundary` is a token that no part holds: random text.
    pub fn with_sdp_and(self, sdp: &SessionDescription, beside: &Part, boundary: &str) -> Self {
        let mut plain = self.with_sdp(sdp);
        let mut body = Vec::with_capacity(plain.body.len() + beside.body.len() + 300);
        let begin = |body: &mut Vec<u8>, content_type: &str, id: Option<&str>| {
            body.extend(format!("--{boundary}\r\nContent-Type: {content_type}\r\n").bytes());
            if let Some(id) = id {
                body.extend(format!("Content-ID: <{id}>\r\n").bytes());
            }
            body.extend(b"\r\n");
        };
        // The offer comes first: some readers look no further.
        begin(&mut body, "application/sdp", None);
        body.extend(&plain.body);
        body.extend(b"\r\n");
        begin(&mut body, &beside.content_type, beside.id.as_deref());
        body.extend(&beside.body);
        body.extend(format!("\r\n--{boundary}--\r\n").bytes());
        let kind = format!("multipart/mixed;boundary=\"{boundary}\"");
        // A boundary with a line break would leave the offer alone.
        if plain.headers.set("Content-Type", kind).is_ok() {
            plain.body = body;
            let _ = plain.headers.set("MIME-Version", "1.0");
        }
        plain
    }
}

/// Why a body of several parts cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadParts;

/// Parts in a body, all levels together: an offer, a place and a signature are three.
const MOST_PARTS: usize = 10;
/// Levels of parts within parts.
const DEEPEST: u8 = 3;

/// Cuts a body of `content_type` at its boundaries; parts within parts are laid flat.
pub fn read(content_type: &str, body: &[u8]) -> Result<Vec<Part>, BadParts> {
    let mut parts = Vec::new();
    cut(content_type, body, DEEPEST, &mut parts)?;
    if parts.is_empty() { Err(BadParts) } else { Ok(parts) }
}

fn cut(content_type: &str, body: &[u8], depth: u8, out: &mut Vec<Part>) -> Result<(), BadParts> {
    let boundary = boundary_of(content_type).ok_or(BadParts)?;
    let depth = depth.checked_sub(1).ok_or(BadParts)?;
    let mut rest = after_line(body, &boundary)?.ok_or(BadParts)?;
    loop {
        let (piece, after) = up_to_line(rest, &boundary).ok_or(BadParts)?;
        let part = part_of(piece)?;
        if is_multipart(&part.content_type) {
            cut(&part.content_type, &part.body, depth, out)?;
        } else if out.len() >= MOST_PARTS {
            return Err(BadParts);
        } else {
            out.push(part);
        }
        match after {
            Some(after) => rest = after,
            None => return Ok(()),
        }
    }
}

/// Whether a body of this type has parts.
pub fn is_multipart(content_type: &str) -> bool {
    content_type.trim_start().get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
}

/// The `boundary` parameter: 1 to 70 characters (RFC 2046 section 5.1.1).
fn boundary_of(content_type: &str) -> Option<Vec<u8>> {
    let at = content_type.find(';')?;
    let params = Params::parse(&content_type[at..]).ok()?;
    let boundary = params.unquoted("boundary").filter(|text| (1..=70).contains(&text.len()))?;
    Some(format!("--{boundary}").into_bytes())
}

/// What follows the first line that is the boundary; nothing if that is the last one already.
fn after_line<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Option<&'a [u8]>, BadParts> {
    if let Some(rest) = body.strip_prefix(boundary) {
        return behind(rest).ok_or(BadParts);
    }
    up_to_line(body, boundary).map(|(_, after)| after).ok_or(BadParts)
}

/// The bytes up to the next line that is the boundary, and what follows it; nothing behind the last.
fn up_to_line<'a>(bytes: &'a [u8], boundary: &[u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let mut from = 0;
    loop {
        let found = bytes.get(from..)?.windows(boundary.len()).position(|w| w == boundary)?;
        let at = from + found;
        let piece = &bytes[..at];
        let begins_line = piece.ends_with(b"\n") || piece.is_empty();
        if let (true, Some(after)) = (begins_line, behind(&bytes[at + boundary.len()..])) {
            let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
            return Some((piece.strip_suffix(b"\r").unwrap_or(piece), after));
        }
        from = at + boundary.len();
    }
}

/// What follows the rest of a boundary's line; `None` inside when it closes the body, `None` outside when the line goes
/// on and is none.
fn behind(rest: &[u8]) -> Option<Option<&[u8]>> {
    if rest.starts_with(b"--") {
        return Some(None);
    }
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = rest.get(blank..)?;
    line.strip_prefix(b"\r\n").or_else(|| line.strip_prefix(b"\n")).map(Some)
}

/// A part's head and body. A part without a body says nothing.
fn part_of(piece: &[u8]) -> Result<Part, BadParts> {
    let mut part = Part { content_type: "text/plain".to_owned(), id: None, body: Vec::new() };
    let mut rest = piece;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(BadParts)?;
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let line = std::str::from_utf8(line).map_err(|_| BadParts)?;
        let (name, value) = line.split_once(':').ok_or(BadParts)?;
        let value = value.trim();
        if name.trim().eq_ignore_ascii_case("Content-Type") {
            part.content_type = value.to_owned();
        } else if name.trim().eq_ignore_ascii_case("Content-ID") {
            part.id = Some(value.trim_start_matches('<').trim_end_matches('>').to_owned());
        }
    }
    if rest.is_empty() {
        return Err(BadParts);
    }
    part.body = rest.to_vec();
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Method;
    use crate::sip::sdp::{Codec, Direction, Origin, audio_offer};
    use crate::sip::uri::Uri;

    #[test]
    fn each_part_stands_between_boundaries_and_the_offer_comes_first() {
        let address = "192.0.2.1".parse().unwrap();
        let origin = Origin::new(1, 1, address);
        let sdp = audio_offer(origin, address, 9_000, &[Codec::pcmu()], None, Direction::SendRecv);
        let beside = Part {
            content_type: "application/pidf+xml".into(),
            id: Some("here@192.0.2.1".into()),
            body: b"<x/>".to_vec(),
        };
        let uri = Uri::parse("sip:911@192.0.2.9").unwrap();
        let request = Request::new(Method::INVITE, uri).with_sdp_and(&sdp, &beside, "b1");
        let kind = request.headers.get("Content-Type");
        assert_eq!(kind, Some("multipart/mixed;boundary=\"b1\""));
        let body = String::from_utf8(request.body).unwrap();
        assert!(body.starts_with("--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), "{body}");
        let part = "\r\n--b1\r\nContent-Type: application/pidf+xml\r\nContent-ID: <here@192.0.2.1>\r\n\r\n<x/>";
        assert!(body.ends_with(&format!("{part}\r\n--b1--\r\n")), "{body}");
        let parts = read("multipart/mixed; boundary=\"b1\"", body.as_bytes()).unwrap();
        assert_eq!(parts[1], beside);
        assert_eq!(parts[0].body, sdp.to_string().into_bytes());
    }

    /// Bad-input table row 16.
    #[test]
    fn too_deep_too_many_empty_and_unbounded_parts_are_refused() {
        let part = "--b\r\nContent-Type: text/x\r\n\r\nx\r\n";
        let body = |count: usize| format!("{}--b--\r\n", part.repeat(count));
        let kind = "multipart/mixed;boundary=b";
        assert_eq!(read(kind, body(10).as_bytes()).unwrap().len(), 10);
        assert_eq!(read(kind, body(11).as_bytes()), Err(BadParts));
        assert_eq!(read(kind, body(0).as_bytes()), Err(BadParts));
        assert_eq!(read("multipart/mixed", body(1).as_bytes()), Err(BadParts));
        assert_eq!(read(kind, part.as_bytes()), Err(BadParts), "it never ends");
        assert_eq!(read(kind, b"--b\r\nContent-Type: text/x\r\n\r\n\r\n--b--"), Err(BadParts));
        let nested = |depth: usize| {
            (0..depth).fold("x".to_owned(), |inner, level| {
                let kind = match level {
                    0 => "text/x".to_owned(),
                    level => format!("multipart/mixed;boundary=b{}", level - 1),
                };
                format!("--b{level}\r\nContent-Type: {kind}\r\n\r\n{inner}\r\n--b{level}--\r\n")
            })
        };
        assert!(read("multipart/mixed;boundary=b2", nested(3).as_bytes()).is_ok());
        assert_eq!(read("multipart/mixed;boundary=b3", nested(4).as_bytes()), Err(BadParts));
    }
}
