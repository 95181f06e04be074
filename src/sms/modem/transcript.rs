//! What was asked and answered lately, without what is nobody else's business: for the doctor's bundle.

use std::collections::VecDeque;

use serde::Serialize;

use crate::sms::at::{Answer, Unsolicited, Verdict};
use crate::time::UnixTime;

/// Entries: some minutes of a busy modem, or the whole start of one that fails.
const MOST: usize = 256;
/// Characters of one entry.
const LONGEST: usize = 120;
/// Digits in a row that may be a number of somebody.
const DIGITS: usize = 5;

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    #[serde(with = "crate::time::rfc3339")]
    pub at: UnixTime,
    /// By the modem, or by us.
    pub by_modem: bool,
    /// What, without numbers and texts.
    pub text: String,
}

#[derive(Debug, Default)]
pub(super) struct Transcript(VecDeque<Entry>);

impl Transcript {
    pub(super) fn answer(&mut self, at: UnixTime, answer: &Answer) {
        let asked = match answer.command.secret {
            true => answer.command.line.split('=').next().unwrap_or_default().to_owned() + "=...",
            false => redacted(&answer.command.line),
        };
        self.add(at, false, asked);
        for line in &answer.lines {
            let pdu = if line.pdu.is_some() { " <message>" } else { "" };
            self.add(at, true, redacted(&line.text) + pdu);
        }
        let verdict = match answer.verdict {
            Verdict::Ok => "OK".to_owned(),
            verdict => format!("{verdict:?}"),
        };
        self.add(at, true, verdict);
    }

    pub(super) fn unsolicited(&mut self, at: UnixTime, code: &Unsolicited) {
        let pdu = if code.pdu.is_some() { " <message>" } else { "" };
        self.add(at, true, redacted(&code.text) + pdu);
    }

    pub(super) fn note(&mut self, at: UnixTime, text: &str) {
        self.add(at, false, format!("-- {text}"));
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.0.iter().cloned().collect()
    }

    fn add(&mut self, at: UnixTime, by_modem: bool, text: String) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Entry { at, by_modem, text });
    }
}

/// Long rows of digits keep their last two; what USSD says is left out.
fn redacted(text: &str) -> String {
    if text.contains("CUSD") {
        return text.split(',').next().unwrap_or_default().to_owned() + ",...";
    }
    let mut out = String::new();
    let mut row = String::new();
    for c in text.chars().take(LONGEST).chain([' ']) {
        match c.is_ascii_hexdigit() {
            true => row.push(c),
            false => {
                let digits = row.chars().filter(char::is_ascii_digit).count();
                match digits >= DIGITS {
                    true => out += &format!("...{}", &row[row.len() - 2..]),
                    false => out += &row,
                }
                row.clear();
                out.push(c);
            }
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_left_out() {
        assert_eq!(redacted("+CGSN: 490154203237518"), "+CGSN: ...18");
        assert_eq!(redacted("+CMGL: 1,1,,24"), "+CMGL: 1,1,,24");
        assert_eq!(redacted("+CUSD: 0,\"Balance 12\",15"), "+CUSD: 0,...");
        assert_eq!(redacted("+CSCA: \"+15550000000\",145"), "+CSCA: \"+...00\",145");
    }
}
