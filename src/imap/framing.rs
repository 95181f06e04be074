//! Where one answer ends and the next begins: lines, and the literals within them (RFC 3501 section 4.3).

/// Bytes of one answer besides literals: a search that finds ten thousand letters has 110 kB.
const LONGEST_LINE: usize = 1 << 20;

/// What came and was not cut into answers yet.
#[derive(Debug, Default)]
pub struct Framing {
    bytes: Vec<u8>,
    /// Up to here the bytes were looked at: the beginning of a line.
    looked: usize,
    /// Bytes of literals among them.
    literal: usize,
}

/// An answer is longer than any may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl Framing {
    /// More has come.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole answer, with its line end. `most` is the longest literal.
    ///
    /// # Errors
    /// When it is longer than it may be: nothing after it can be read.
    pub fn take(&mut self, most: usize) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let rest = self.bytes.get(self.looked..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                let open = rest.len() + self.looked - self.literal;
                return if open > LONGEST_LINE { Err(TooLong) } else { Ok(None) };
            };
            let line = rest.get(..end).unwrap_or_default();
            let behind = self.looked + end + 1;
            if behind - self.literal > LONGEST_LINE {
                return Err(TooLong);
            }
            match literal(line) {
                Some(length) if length > most => return Err(TooLong),
                Some(length) if self.bytes.len() < behind + length => return Ok(None),
                Some(length) => {
                    self.looked = behind + length;
                    self.literal += length;
                }
                None => {
                    (self.looked, self.literal) = (0, 0);
                    let rest = self.bytes.split_off(behind);
                    return Ok(Some(std::mem::replace(&mut self.bytes, rest)));
                }
            }
        }
    }
}

/// How many bytes follow a line that ends in `{N}`.
pub(super) fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let from = line.iter().rposition(|byte| *byte == b'{')?;
    let digits = std::str::from_utf8(line.get(from + 1..)?).ok()?;
    // A server may say `{N+}` nowhere, and some do.
    let digits = digits.strip_suffix('+').unwrap_or(digits);
    let good = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // What is no number is longer than anything may be.
    good.then(|| digits.parse().unwrap_or(usize::MAX / 2))
}
