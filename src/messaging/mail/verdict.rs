//! What an SMTP server's answer means for a message: reply codes (RFC 5321 section 4.2) and enhanced status codes (RFC 3463).

use std::time::Duration;

use crate::messaging::contract::{Failure, Fault, Outcome};

/// How long a server is left alone that asks for less, where it does not say for how long.
pub const LATER: Duration = Duration::from_secs(60);

/// At what an answer was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At the greeting, the account, or the sender: about the mailbox itself.
    Session,
    /// At the recipient: about this person alone.
    Recipient,
    /// At the letter.
    Letter,
}

/// An answer that is not a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The reply code.
    pub code: u16,
    /// What stands behind it.
    pub text: &'a str,
    /// At what it was given.
    pub at: At,
}

/// What it means.
pub fn said(verdict: &Verdict<'_>) -> Outcome {
    let enhanced = enhanced(verdict.text);
    let code = match &enhanced {
        Some(enhanced) => format!("{} {enhanced}", verdict.code),
        None => verdict.code.to_string(),
    };
    match (verdict.code / 100, verdict.at) {
        // A server that makes one recipient wait, as greylisting does, asks nothing of the others.
        (4, At::Recipient) => Outcome::Refused(Failure { fault: Fault::Network, code }),
        (4, At::Letter) => Outcome::Later(LATER),
        (4, At::Session) => Outcome::Throttled(LATER),
        _ => {
            let plain = || by_reply(verdict.code, verdict.at);
            let fault = enhanced.as_deref().map_or_else(plain, |code| match fault(code) {
                Fault::Unknown => plain(),
                fault => fault,
            });
            Outcome::Refused(Failure { fault, code })
        }
    }
}

/// `class.subject.detail` at the beginning of a text, with whatever a server puts before it in further lines left out.
fn enhanced(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    let mut parts = word.split('.');
    let number = |part: Option<&str>| {
        part.is_some_and(|part| {
            (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let three = number(parts.next()) && number(parts.next()) && number(parts.next());
    (three && parts.next().is_none()).then(|| word.to_owned())
}

/// Whose doing an enhanced status code says it is (RFC 3463 section 3, RFC 5248).
pub fn fault(code: &str) -> Fault {
    let mut parts = code.split('.').skip(1).map(|part| part.parse::<u16>().unwrap_or(0));
    match (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) {
        (1, 7 | 8) => Fault::Account,
        (1, _) | (2, 0..=2) => Fault::Address,
        (2, 3) | (3, 4) | (6, _) => Fault::Content,
        (4, 7) => Fault::Expired,
        (3 | 4, _) => Fault::Network,
        (7, 8 | 9 | 11 | 13..=15) => Fault::Account,
        (7, _) => Fault::Refused,
        _ => Fault::Unknown,
    }
}

/// The same by the reply code alone.
fn by_reply(code: u16, at: At) -> Fault {
    match (code, at) {
        (530 | 534 | 535 | 538, _) | (_, At::Session) => Fault::Account,
        (552 | 523, _) => Fault::Content,
        (_, At::Recipient) => Fault::Address,
        (554, At::Letter) => Fault::Refused,
        (_, At::Letter) => Fault::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_whose_doing_it_is() {
        let fault_of = |code, text, at| match said(&Verdict { code, text, at }) {
            Outcome::Refused(failure) => Some((failure.fault, failure.code)),
            Outcome::Later(_) | Outcome::Throttled(_) => None,
            other => panic!("{other:?}"),
        };
        for (code, text, at, wanted) in [
            (550, "5.1.1 no such user", At::Recipient, Some((Fault::Address, "550 5.1.1"))),
            (550, "nobody here", At::Recipient, Some((Fault::Address, "550"))),
            (552, "5.2.3 too big", At::Letter, Some((Fault::Content, "552 5.2.3"))),
            (554, "5.7.1 spam", At::Letter, Some((Fault::Refused, "554 5.7.1"))),
            (535, "5.7.8 wrong password", At::Session, Some((Fault::Account, "535 5.7.8"))),
            (450, "4.2.0 greylisted", At::Recipient, Some((Fault::Network, "450 4.2.0"))),
            (421, "4.3.2 going down", At::Session, None),
            (451, "", At::Letter, None),
            (554, "5.0.0 no", At::Recipient, Some((Fault::Address, "554 5.0.0"))),
        ] {
            let wanted = wanted.map(|(fault, code)| (fault, code.to_owned()));
            assert_eq!(fault_of(code, text, at), wanted, "{code} {text}");
        }
        assert_eq!((enhanced("5.1 no"), enhanced("1234 x"), enhanced("")), (None, None, None));
    }
}
