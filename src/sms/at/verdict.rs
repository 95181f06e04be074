//! How an answer ends.

/// Message service failure of which nothing more is known (TS 27.005 section 3.2.5).
const CMS_UNKNOWN: u16 = 500;
/// The same for everything else (TS 27.007 section 9.2.1).
const CME_UNKNOWN: u16 = 100;

/// The end of an answer, or why there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Ok,
    /// Refused; the modem does not say why.
    Error,
    /// Refused by the message service, with its code (TS 27.005 section 3.2.5).
    Cms(u16),
    /// Refused by the device or its SIM, with its code (TS 27.007 section 9.2).
    Cme(u16),
    /// A result of calls: `NO CARRIER` and its kin.
    NoCarrier,
    /// No answer in time.
    TimedOut,
    /// The line went away before the answer.
    Gone,
}

impl Verdict {
    /// Reads a final result code (V.250 section 5.7.1, TS 27.007 section 9.2), numeric or in words.
    pub fn read(line: &str) -> Option<Verdict> {
        let line = line.trim();
        match line.to_ascii_uppercase().as_str() {
            "OK" => return Some(Verdict::Ok),
            // Huawei answers so where others say ERROR.
            "ERROR" | "COMMAND NOT SUPPORT" | "TOO MANY PARAMETERS" | "NOT SUPPORT" => {
                return Some(Verdict::Error);
            }
            "NO CARRIER" | "NO DIALTONE" | "NO DIAL TONE" | "BUSY" | "NO ANSWER" => {
                return Some(Verdict::NoCarrier);
            }
            _ => {}
        }
        if let Some(reason) = after(line, "+CMS ERROR") {
            return Some(Verdict::Cms(code(reason, CMS_WORDS, CMS_UNKNOWN)));
        }
        after(line, "+CME ERROR").map(|reason| Verdict::Cme(code(reason, CME_WORDS, CME_UNKNOWN)))
    }

    /// Whether the modem did what it was asked.
    pub fn is_ok(self) -> bool {
        self == Verdict::Ok
    }

    /// Whether there was an answer at all.
    pub fn is_answer(self) -> bool {
        !matches!(self, Verdict::TimedOut | Verdict::Gone)
    }
}

/// What stands behind `head` and a colon; some modems leave the colon out.
fn after<'a>(line: &'a str, head: &str) -> Option<&'a str> {
    let (start, rest) = line.split_at_checked(head.len())?;
    let rest = rest.trim_start();
    start.eq_ignore_ascii_case(head).then(|| rest.strip_prefix(':').unwrap_or(rest).trim())
}

fn code(reason: &str, words: &[(&str, u16)], unknown: u16) -> u16 {
    let named = |reason: &str| words.iter().find(|(word, _)| reason.eq_ignore_ascii_case(word));
    reason.parse().ok().or_else(|| named(reason).map(|(_, code)| *code)).unwrap_or(unknown)
}

/// What modems say under CMEE=2 of the codes that lead to something here (TS 27.007 section 9.2).
const CME_WORDS: &[(&str, u16)] = &[
    ("operation not allowed", 3),
    ("operation not supported", 4),
    ("SIM not inserted", 10),
    ("SIM PIN required", 11),
    ("SIM PUK required", 12),
    ("SIM failure", 13),
    ("SIM busy", 14),
    ("SIM wrong", 15),
    ("incorrect password", 16),
    ("SIM PIN2 required", 17),
    ("memory full", 20),
    ("invalid index", 21),
    ("no network service", 30),
    ("network timeout", 31),
];

/// The same for messages (TS 27.005 section 3.2.5).
const CMS_WORDS: &[(&str, u16)] = &[
    ("ME failure", 300),
    ("SMS service of ME reserved", 301),
    ("operation not allowed", 302),
    ("operation not supported", 303),
    ("invalid PDU mode parameter", 304),
    ("SIM not inserted", 310),
    ("SIM PIN required", 311),
    ("SIM failure", 313),
    ("SIM busy", 314),
    ("SIM PUK required", 316),
    ("memory failure", 320),
    ("invalid memory index", 321),
    ("memory full", 322),
    ("SMSC address unknown", 330),
    ("no network service", 331),
    ("network timeout", 332),
    ("no +CNMA acknowledgement expected", 340),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_in_every_shape() {
        for (line, verdict) in [
            ("OK", Some(Verdict::Ok)),
            ("ok ", Some(Verdict::Ok)),
            ("ERROR", Some(Verdict::Error)),
            ("COMMAND NOT SUPPORT", Some(Verdict::Error)),
            ("+CMS ERROR: 322", Some(Verdict::Cms(322))),
            ("+CMS ERROR:38", Some(Verdict::Cms(38))),
            ("+CMS ERROR: memory full", Some(Verdict::Cms(322))),
            ("+CMS ERROR: something new", Some(Verdict::Cms(500))),
            ("+CME ERROR: SIM busy", Some(Verdict::Cme(14))),
            ("+CME ERROR 10", Some(Verdict::Cme(10))),
            ("+CME ERROR: 99999999", Some(Verdict::Cme(100))),
            ("NO CARRIER", Some(Verdict::NoCarrier)),
            ("+CSQ: 20,99", None),
            ("é", None),
            ("", None),
        ] {
            assert_eq!(Verdict::read(line), verdict, "{line}");
        }
    }
}
