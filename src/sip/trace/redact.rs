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
    for line in head.split_mut(|byte| *byte == b'\n') {
        if is_answer(line) {
            overwrite_after(line, b"response=\"", b'"');
        }
    }
    if kind == "application/sdp" {
        body.split_mut(|byte| *byte == b'\n')
            .for_each(|line| overwrite_after(line, b"inline:", b'|'));
    } else if !is_kept {
        let seen = body.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n'));
        seen.for_each(|byte| *byte = b'x');
    }
    bytes
}

/// Authorization and Proxy-Authorization (RFC 3261 section 20.7): what they answer can be guessed at without us.
fn is_answer(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.trim_ascii().to_ascii_lowercase().ends_with(b"authorization")
}

/// Writes over what stands between `mark` and `end`, or the end of the line.
fn overwrite_after(line: &mut [u8], mark: &[u8], end: u8) {
    let found = line.windows(mark.len()).position(|at| at.eq_ignore_ascii_case(mark));
    let Some(secret) = found.and_then(|at| line.get_mut(at + mark.len()..)) else { return };
    let secret = secret.iter_mut().take_while(|byte| **byte != end && **byte != b'\r');
    secret.for_each(|byte| *byte = b'x');
}
