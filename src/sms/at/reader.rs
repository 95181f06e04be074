//! Octets of the line, made into lines.

/// Octets of the longest line that is kept. The longest that means anything is a whole message in PDU mode: 176 octets as
/// 352 digits (TS 27.005 section 4.1); answers of USSD in UCS-2 come to some 760.
const LONGEST_LINE: usize = 1_024;

/// What came to its end on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A line, without what ended it.
    Line(String),
    /// The modem asks for the body of a message (TS 27.005 section 3.5.1).
    Prompt,
}

/// Collects octets until a line or a prompt is whole. It never keeps more than [`LONGEST_LINE`].
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    overlong: bool,
    garbage: u64,
}

impl Reader {
    /// Takes one octet. A prompt has no end of line: it is only seen where one is awaited.
    pub(super) fn push(&mut self, octet: u8, awaits_prompt: bool) -> Option<Token> {
        match octet {
            b'\r' | b'\n' => self.end(),
            b'>' if awaits_prompt && self.line.iter().all(|c| *c == b' ') => {
                self.line.clear();
                Some(Token::Prompt)
            }
            // Noise of a line that was just opened, and what some modems send between answers.
            0..0x20 | 0x7f => None,
            _ => {
                self.keep(octet);
                None
            }
        }
    }

    /// Forgets the line that was begun.
    pub(super) fn clear(&mut self) {
        self.line.clear();
        self.overlong = false;
    }

    /// Lines so far that were too long to mean anything.
    pub(super) fn garbage(&self) -> u64 {
        self.garbage
    }

    fn keep(&mut self, octet: u8) {
        match self.line.len() < LONGEST_LINE {
            true => self.line.push(octet),
            false => self.overlong = true,
        }
    }

    fn end(&mut self) -> Option<Token> {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.overlong) {
            self.garbage += 1;
            return None;
        }
        (!line.is_empty()).then(|| Token::Line(String::from_utf8_lossy(&line).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8], prompt: bool) -> Vec<Token> {
        let mut reader = Reader::default();
        octets.iter().filter_map(|octet| reader.push(*octet, prompt)).collect()
    }

    #[test]
    fn every_way_to_end_a_line_ends_it_once() {
        for octets in [&b"\r\nOK\r\n"[..], b"OK\r", b"OK\n", b"\r\r\nOK\r\r\n\r\n", b"\0OK\r\n"] {
            assert_eq!(read(octets, false), [Token::Line("OK".to_owned())], "{octets:?}");
        }
    }

    #[test]
    fn a_prompt_is_seen_where_it_is_awaited() {
        assert_eq!(read(b"\r\n> ", true), [Token::Prompt]);
        assert_eq!(read(b"a > b\r", true), [Token::Line("a > b".to_owned())]);
        assert_eq!(read(b"> x\r", false), [Token::Line("> x".to_owned())]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_than_its_room() {
        let mut reader = Reader::default();
        for _ in 0..100_000 {
            assert_eq!(reader.push(b'A', false), None);
        }
        assert!(reader.line.capacity() <= 2 * LONGEST_LINE);
        assert_eq!(reader.push(b'\r', false), None);
        assert_eq!(reader.garbage(), 1);
        assert_eq!(reader.push(b'B', false), None);
        assert_eq!(reader.push(b'\r', false), Some(Token::Line("B".to_owned())));
    }
}
