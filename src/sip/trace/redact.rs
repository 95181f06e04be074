//! What nobody may read later is written over, byte for byte, so that every length stays true.

use super::header;

/// The body in which a key may stand.
const SDP: &str = "application/sdp";
/// Bodies that are kept: descriptions, and what transfers and lamps say. All others hold texts or digits.
const KEPT: [&str; 5] = [
    SDP,
    "message/sipfrag",
    "application/simple-message-summary",
    "application/dialog-info+xml",
    "application/pidf+xml",
];

/// A copy of a message without passwords' answers, keys and texts.
pub fn redact(message: &[u8]) -> Box<[u8]> {
    let mut bytes: Box<[u8]> = message.into();
    let head =
        message.windows(4).position(|at| at == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    let kind = header(message, "Content-Type", "c").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_kept = KEPT.iter().any(|kept| kind.eq_ignore_ascii_case(kept));
    let described = kind.eq_ignore_ascii_case(SDP);
    let (head, body) = bytes.split_at_mut(head);
    for header in fields(head).filter(|header| is_answer(header)) {
        overwrite_response(header);
    }
    if described {
        body.split_mut(|byte| matches!(byte, b'\n' | b'\r')).for_each(overwrite_key);
    } else if !is_kept {
        let seen = body.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n'));
        seen.for_each(|byte| *byte = b'x');
    }
    bytes
}

/// Writes over the key that a line of a description tells, whatever way it tells it: `a=crypto` (RFC 4568) keeps its tag
/// and suite, what stands before and behind a key in the usual form, and nothing else; MIKEY (RFC 4567), the password of
/// ICE (RFC 8839) and the old `k=` (RFC 8866 section 5.12) keep their names.
fn overwrite_key(line: &mut [u8]) {
    let is = |name: &[u8]| line.get(..name.len()).is_some_and(|at| at.eq_ignore_ascii_case(name));
    let named = [&b"a=key-mgmt:"[..], b"a=ice-pwd:", b"k="].into_iter().find(|name| is(name));
    if let Some(name) = named {
        return overwrite(line.get_mut(name.len()..).unwrap_or_default(), b"");
    }
    let has_key = place_of(line, b"inline:").is_some();
    if is(b"a=crypto:") && !has_key {
        let mut spaces = line.iter().enumerate().filter(|(_, byte)| byte.is_ascii_whitespace());
        let keys = spaces.nth(1).map_or(line.len(), |(at, _)| at);
        return overwrite(line.get_mut(keys..).unwrap_or_default(), b" ");
    }
    overwrite_after(line, b"inline:", b"|;");
}

/// Writes over all but the bytes in `kept`.
fn overwrite(text: &mut [u8], kept: &[u8]) {
    text.iter_mut().filter(|byte| !kept.contains(byte)).for_each(|byte| *byte = b'x');
}

/// Header fields with the lines that they go on in (RFC 3261 section 7.3.1).
fn fields(mut head: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    std::iter::from_fn(move || {
        let rest = std::mem::take(&mut head);
        let length = length_of_field(rest);
        let (field, after) = rest.split_at_mut(length);
        head = after;
        (!field.is_empty()).then_some(field)
    })
}

/// How long the first header field is, with the lines that it goes on in.
fn length_of_field(text: &[u8]) -> usize {
    let mut length = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if length > 0 && !matches!(line.first(), Some(b' ' | b'\t')) {
            break;
        }
        length += line.len();
    }
    length
}

/// Authorization and Proxy-Authorization (RFC 3261 section 20.7): what they answer can be guessed at without us.
fn is_answer(line: &[u8]) -> bool {
    const NAME: &[u8] = b"authorization";
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
    let end = name.len().checked_sub(NAME.len()).and_then(|at| name.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(NAME))
}

/// Writes over what follows `response` and an equals sign, with or without quotes, blanks and line ends between them.
fn overwrite_response(header: &mut [u8]) {
    const NAME: &[u8] = b"response";
    let mut rest = header;
    while let Some(at) = place_of(rest, NAME) {
        let after = &mut rest[at + NAME.len()..];
        let opens = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"');
        let secret = after.iter().position(|byte| !opens(byte)).unwrap_or(after.len());
        let (before, after) = after.split_at_mut(secret);
        if before.contains(&b'=') {
            let ends = |byte: &&mut u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b',');
            after.iter_mut().take_while(ends).for_each(|byte| *byte = b'x');
        }
        rest = after;
    }
}

/// Writes over what stands between each `mark` and one of `ends`, or the end of the line.
fn overwrite_after(line: &mut [u8], mark: &[u8], ends: &[u8]) {
    let mut rest = line;
    while let Some(at) = place_of(rest, mark) {
        let after = &mut rest[at + mark.len()..];
        let secret = after.iter_mut().take_while(|byte| !ends.contains(byte) && **byte != b'\r');
        secret.for_each(|byte| *byte = b'x');
        rest = after;
    }
}

fn place_of(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|at| at.eq_ignore_ascii_case(mark))
}
