//! What nobody may read later is written over, byte for byte, so that every length stays true.

use super::header;

/// Bodies that are kept: descriptions, and what transfers and lamps say. All others hold texts or digits.
const KEPT: [&str; 5] = [
    "application/sdp",
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
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_kept = KEPT.contains(&kind.as_str());
    let (head, body) = bytes.split_at_mut(head);
    for header in fields(head).filter(|header| is_answer(header)) {
        overwrite_response(header);
    }
    if kind == "application/sdp" {
        body.split_mut(|byte| *byte == b'\n')
            .for_each(|line| overwrite_after(line, b"inline:", b"|;"));
    } else if !is_kept {
        let seen = body.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n'));
        seen.for_each(|byte| *byte = b'x');
    }
    bytes
}

/// Header fields with the lines that they go on in (RFC 3261 section 7.3.1).
fn fields(mut head: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    std::iter::from_fn(move || {
        let rest = std::mem::take(&mut head);
        let ends =
            |at: &usize| rest[*at] == b'\n' && !matches!(rest.get(at + 1), Some(b' ' | b'\t'));
        let length = (0..rest.len()).find(ends).map_or(rest.len(), |at| at + 1);
        let (field, after) = rest.split_at_mut(length);
        head = after;
        (!field.is_empty()).then_some(field)
    })
}

/// Authorization and Proxy-Authorization (RFC 3261 section 20.7): what they answer can be guessed at without us.
fn is_answer(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.trim_ascii().to_ascii_lowercase().ends_with(b"authorization")
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
