//! Texts of the ledger as messages of the GSM network, and the other way round.

use super::Settings;
use crate::call::country::Country;
use crate::messaging::contract::{Arrived, Failure, Fault, Outgoing, Status};
use crate::messaging::{Address, Kind, Media, Piece};
use crate::sms::assemble::Message;
use crate::sms::modem::{Refusal, Whose};
use crate::sms::pdu::{
    self, Coding, Content, Outcome, Reference, StatusReport, Submit, TypeOfNumber, Validity,
};
use crate::sms::segment;
use crate::time::UnixTime;

/// Digits of a number that is surely no short code: subscribers have at least seven in full.
const SHORTEST_NUMBER: usize = 7;

/// A text in the parts that it is sent in: each an SMS-SUBMIT without a service centre.
#[derive(Debug)]
pub(super) struct Written {
    /// The recipient, as the network is told.
    pub(super) to: String,
    /// The parts.
    pub(super) parts: Vec<Vec<u8>>,
}

/// The parts of a message.
///
/// # Errors
/// When it cannot be sent as a text message.
pub(super) fn written(
    settings: &Settings,
    outgoing: &Outgoing,
    now: UnixTime,
    reference: u8,
) -> Result<Written, Failure> {
    let destination =
        recipient(&outgoing.to).ok_or_else(|| failure(Fault::Address, "no number"))?;
    let text = text(&outgoing.pieces).ok_or_else(|| failure(Fault::Content, "no text"))?;
    let parts = segment::segment(&text, &settings.options, Reference::Short(reference));
    let parts = parts.map_err(|_| failure(Fault::Content, "too long"))?;
    if parts.len() > usize::from(settings.most_parts) {
        return Err(failure(Fault::Content, "too many parts"));
    }
    let validity = Validity::relative(outgoing.until.since(now));
    let submit = |part: segment::Part| {
        let coding = Coding::new(part.alphabet, None);
        let mut submit = Submit::new(destination.clone(), coding, part.user_data);
        (submit.report, submit.validity) = (settings.reports, validity);
        pdu::Tpdu::Submit(submit).octets()
    };
    let to = destination.text();
    Ok(Written { to, parts: parts.into_iter().map(submit).collect() })
}

fn failure(fault: Fault, code: &str) -> Failure {
    Failure { fault, code: code.to_owned() }
}

fn recipient(to: &Address) -> Option<pdu::Address> {
    match to.kind {
        Kind::Phone => pdu::Address::number(&to.value).ok(),
        // A name of letters takes no answers.
        Kind::Short if to.value.bytes().all(|b| b.is_ascii_digit()) => {
            pdu::Address::number(&to.value).ok()
        }
        _ => None,
    }
}

/// The words of a message that is made of words alone.
fn text(pieces: &[Piece<String>]) -> Option<String> {
    let texts: Option<Vec<_>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("\n"))
}

/// What somebody wrote, for the ledger.
pub(super) fn arrived(
    country: Country,
    key: String,
    message: Message<String>,
) -> Arrived<Media<String>> {
    let mut arrived = Arrived::text(key, sender(country, &message.from), "");
    arrived.at = message.time().and_then(|time| time.unix());
    arrived.pieces = vec![match message.content {
        Content::Text(text) => Piece::text(text),
        // For a program, not for a person: a notice of a picture message, settings, a ring tone.
        Content::Octets(_) => {
            Piece::Missing { name: None, mime: Some("application/octet-stream".to_owned()) }
        }
    }];
    arrived
}

/// By what a sender is known. A number that its network gives without its country is of this one.
fn sender(country: Country, from: &pdu::Address) -> Address {
    let text = from.text();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let number = match from.ton() {
        TypeOfNumber::International => Some(text.clone()),
        TypeOfNumber::Unknown | TypeOfNumber::National if digits >= SHORTEST_NUMBER => {
            country.full(&text)
        }
        _ => None,
    };
    let number = number.filter(|number| number.len() > 1 && from.is_sound());
    match number {
        Some(number) => Address::new(Kind::Phone, number),
        None if text.is_empty() => Address::new(Kind::Short, "unknown"),
        None => Address::new(Kind::Short, text),
    }
}

/// Whose doing a refusal of the modem or the network is.
pub(super) fn refused(why: Refusal) -> Failure {
    let fault = match why.whose {
        Whose::Address => Fault::Address,
        Whose::Content => Fault::Content,
        Whose::Account => Fault::Account,
        Whose::Expired => Fault::Expired,
        Whose::Network => Fault::Network,
        Whose::Unknown => Fault::Unknown,
    };
    Failure { fault, code: why.code.map(|code| format!("CMS {code}")).unwrap_or_default() }
}

/// What a report says (TS 23.040 clause 9.2.3.15).
pub(super) fn status(report: &StatusReport) -> Status {
    let fault = match report.status.0 {
        0x41 | 0x43 | 0x49 => Fault::Address,
        0x42 => Fault::Refused,
        0x46 => Fault::Expired,
        0x60..=0x65 => Fault::Network,
        _ => Fault::Unknown,
    };
    match report.status.outcome() {
        Outcome::Delivered => Status::Delivered,
        Outcome::Trying => Status::Sent,
        Outcome::Failed | Outcome::GivenUp => {
            Status::Failed(Failure { fault, code: format!("ST {:02x}", report.status.0) })
        }
    }
}
