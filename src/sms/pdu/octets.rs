//! Octets taken from the front, and hexadecimal digits as modems write them.

use super::{Field, Verdict};

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Octets<'a>(pub(super) &'a [u8]);

impl<'a> Octets<'a> {
    pub(super) fn octet(&mut self, field: Field) -> Result<u8, Verdict> {
        self.take(1, field).map(|octets| octets[0])
    }

    pub(super) fn take(&mut self, count: usize, field: Field) -> Result<&'a [u8], Verdict> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Verdict::Truncated(field))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N], Verdict> {
        let taken = self.take(N, field)?;
        Ok(std::array::from_fn(|at| taken[at]))
    }

    /// As many as there are, up to `count`.
    pub(super) fn up_to(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Octets of hexadecimal digits; blanks and line ends between them are skipped.
pub(super) fn of_hex(text: &str) -> Result<Vec<u8>, Verdict> {
    let digits: Option<Vec<u8>> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.ok_or(Verdict::NotHexadecimal)?;
    match digits.len() % 2 {
        0 => Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
        _ => Err(Verdict::NotHexadecimal),
    }
}

/// Upper-case digits, as 27.005 clause 3.1 wants them.
pub(super) fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        for digit in [octet >> 4, octet & 15] {
            text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
        }
        text
    })
}
