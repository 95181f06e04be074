//! Reliable provisional answers (RFC 3262): the option, the numbers that name an answer, and who asks for them.
//!
//! Owns the two headers and the state of one INVITE's answers. Sends nothing and keeps no time: the endpoint does.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sip::message::{CSeq, Headers, Malformed, Method, Request, Response, Status};
use crate::sip::sdp::SessionDescription;
use crate::time::TimerId;

/// The option tag.
pub const OPTION: &str = "100rel";

/// What our INVITEs say of reliable provisional answers, and what we demand of INVITEs to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// We do not offer it. Whoever requires it of us gets it all the same.
    Never,
    /// We offer it, and do it with who knows it.
    #[default]
    Offer,
    /// No call without it.
    Require,
}

/// The answer that a PRACK acknowledges (section 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The answer's own number.
    pub rseq: u32,
    /// The CSeq of the request that it answered.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads the RAck of a PRACK, such as `776656 1 INVITE`.
    pub fn of(headers: &Headers) -> Result<RAck, Malformed> {
        let text = headers.get("RAck").ok_or(Malformed::Missing)?.trim();
        let (rseq, cseq) = text.split_once([' ', '\t']).ok_or(Malformed::Syntax)?;
        let rseq = number(rseq).ok_or(Malformed::Range)?;
        Ok(RAck { rseq, cseq: CSeq::parse(cseq)? })
    }

    /// As it is written.
    pub fn text(rseq: u32, invite: u32) -> String {
        format!("{rseq} {invite} {}", Method::INVITE)
    }
}

/// The number of a provisional answer, if it is a reliable one (section 7.1).
pub fn rseq(response: &Response) -> Option<u32> {
    let reliable = response.status.is_provisional() && response.status != Status::TRYING;
    let asked = reliable && response.headers.lists("Require", OPTION);
    number(response.headers.get("RSeq").filter(|_| asked)?.trim())
}

/// 1 to 2^32 - 1.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// Whether the caller takes no other provisional answers than reliable ones.
pub fn is_required(request: &Request) -> bool {
    request.headers.lists("Require", OPTION)
}

/// Whether the caller knows them.
pub fn is_known(request: &Request) -> bool {
    is_required(request) || request.headers.lists("Supported", OPTION)
}

/// Our reliable answers to one INVITE: one at a time waits for its PRACK (section 3).
#[derive(Debug, Default)]
pub(super) struct Provisional {
    /// The number of the last that was sent; 0 before the first.
    pub rseq: u32,
    /// The one that waits for its PRACK.
    pub waiting: Option<Waiting>,
    /// What is to be said after it.
    pub next: VecDeque<(Status, Option<SessionDescription>)>,
    /// The 200 that waits for that PRACK too: the caller must have the description first (section 3).
    pub answer: Option<SessionDescription>,
}

/// A reliable answer that is repeated until its PRACK comes.
#[derive(Debug)]
pub(super) struct Waiting {
    pub response: Response,
    pub interval: Duration,
    pub again: TimerId,
    pub over: TimerId,
}

impl Waiting {
    pub fn has_description(&self) -> bool {
        !self.response.body.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rack(text: &str) -> Result<RAck, Malformed> {
        let mut headers = Headers::default();
        headers.push("RAck", text).unwrap();
        RAck::of(&headers)
    }

    #[test]
    fn a_rack_names_one_answer_to_one_request() {
        let found = rack("776656 1 INVITE").unwrap();
        assert_eq!((found.rseq, found.cseq.number), (776_656, 1));
        assert_eq!(found.cseq.method, Method::INVITE);
        assert_eq!(RAck::text(776_656, 1), "776656 1 INVITE");
        for broken in ["", "1", "1 2", "0 1 INVITE", "-1 1 INVITE", "4294967296 1 INVITE", "1 x I"]
        {
            assert!(rack(broken).is_err(), "{broken}");
        }
        assert!(RAck::of(&Headers::default()).is_err());
    }

    #[test]
    fn only_an_answer_that_requires_it_and_has_a_number_is_reliable() {
        for (status, require, number, reliable) in [
            (183, "100rel", "1", true),
            (180, "timer, 100rel", "4294967295", true),
            (100, "100rel", "1", false),
            (200, "100rel", "1", false),
            (183, "timer", "1", false),
            (183, "100rel", "0", false),
            (183, "100rel", "one", false),
        ] {
            let mut headers = Headers::default();
            headers.push("Require", require).unwrap();
            headers.push("RSeq", number).unwrap();
            let status = Status::new(status).unwrap();
            let response = Response { status, reason: None, headers, body: Vec::new() };
            assert_eq!(rseq(&response).is_some(), reliable, "{status} {require} {number}");
        }
    }
}
