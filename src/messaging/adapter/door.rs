//! A door of ours that is shaped as Twilio's: a program that speaks to Twilio by its library sends through the box when it is
//! told another address, with a token of ours as the password.
//!
//! `POST /2010-04-01/Accounts/{Account}/Messages.json` makes a message, `GET …/Messages/{Sid}.json` tells how it is, and what
//! becomes of it is posted to `StatusCallback`, signed as Twilio signs. This is the translation alone: who may send, and
//! what is sent, is decided where every other order is.

use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::Fields;
use super::proof::{self, Secret};
use super::sending;
use crate::id::MessageId;
use crate::messaging::web::Ask;
use crate::time::UnixTime;

/// Characters that Twilio takes as one text.
const LONGEST: usize = 1_600;
/// Files of one message.
const MOST_FILES: usize = 10;

/// A message that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// To whom: `+…`, `whatsapp:+…`, or as the channel writes addresses.
    pub to: String,
    /// From which of ours, or by which channel: `From` or `MessagingServiceSid`.
    pub from: String,
    /// Its words.
    pub body: String,
    /// Addresses of files that go along.
    pub media: Vec<String>,
    /// A template, with its values in order.
    pub template: Option<(String, Vec<String>)>,
    /// Where it is told what became of it.
    pub callback: Option<String>,
    /// After so many seconds it is of no use any more.
    pub seconds: Option<u32>,
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wanted({} characters, {} files)", self.body.chars().count(), self.media.len())
    }
}

/// Why no message is made, as Twilio numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Nobody may send with that name and password.
    Unproved,
    /// There is no such thing.
    NotFound,
    /// No `To`.
    NoReceiver,
    /// A `To` that is no address of the channel.
    WrongReceiver,
    /// Neither `From` nor `MessagingServiceSid`, or nothing that is ours.
    WrongSender,
    /// No words, no file and no template.
    Empty,
    /// Longer than it takes.
    TooLong,
    /// More files than it takes.
    TooManyFiles,
    /// Files, which cannot be sent by this door.
    NoMedia,
    /// A template, which cannot be sent by this door.
    NoTemplate,
    /// A time to send it at, which this door does not keep.
    NoSchedule,
    /// Whoever it is for wants nothing from here.
    Unwanted,
    /// The same name of a request with another message.
    Reused,
    /// Too much waits, or the disk keeps nothing at this moment.
    Busy,
}

impl Refused {
    /// The number, the status and the words.
    fn said(self) -> (u32, u16, &'static str) {
        match self {
            Refused::Unproved => (20_003, 401, "Authenticate"),
            Refused::NotFound => (20_404, 404, "The requested resource was not found"),
            Refused::NoReceiver => (21_604, 400, "A 'To' phone number is required."),
            Refused::WrongReceiver => (21_211, 400, "Invalid 'To' Phone Number"),
            Refused::WrongSender => (21_603, 400, "A 'From' phone number is required."),
            Refused::Empty => (21_602, 400, "Message body is required."),
            Refused::TooLong => (21_617, 400, "The message body exceeds the 1600 character limit."),
            Refused::TooManyFiles => (21_623, 400, "Number of media files exceeds allowed limit"),
            Refused::NoMedia => (21_620, 400, "Media cannot be sent here"),
            Refused::NoTemplate => (21_655, 400, "ContentSid cannot be sent here"),
            Refused::NoSchedule => (35_111, 400, "SendAt cannot be used here"),
            Refused::Unwanted => (21_610, 400, "Attempt to send to unsubscribed recipient"),
            Refused::Reused => (20_409, 409, "The idempotency key was used for another message"),
            Refused::Busy => (20_503, 503, "Service unavailable"),
        }
    }

    /// The status and the body that are answered.
    pub fn answer(self) -> (u16, Value) {
        let (code, status, message) = self.said();
        let more = format!("https://www.twilio.com/docs/errors/{code}");
        (status, json!({"code": code, "message": message, "more_info": more, "status": status}))
    }
}

/// Reads what a message is made of.
///
/// # Errors
/// When it is none.
pub fn wanted(form: &[u8]) -> Result<Wanted, Refused> {
    let fields = Fields::read(form).ok_or(Refused::Empty)?;
    let to = fields.owned("To").ok_or(Refused::NoReceiver)?;
    let from = fields.owned("From").or_else(|| fields.owned("MessagingServiceSid"));
    // Sent at once it would be sent at another time than was asked for.
    if fields.one("SendAt").is_some() {
        return Err(Refused::NoSchedule);
    }
    let body = fields.owned("Body").unwrap_or_default();
    let media: Vec<String> = fields.all("MediaUrl").map(str::to_owned).collect();
    let template = fields
        .owned("ContentSid")
        .map(|name| (name, fields.one("ContentVariables").map(variables).unwrap_or_default()));
    if body.is_empty() && media.is_empty() && template.is_none() {
        return Err(Refused::Empty);
    }
    if body.chars().count() > LONGEST {
        return Err(Refused::TooLong);
    }
    if media.len() > MOST_FILES {
        return Err(Refused::TooManyFiles);
    }
    Ok(Wanted {
        to,
        from: from.ok_or(Refused::WrongSender)?,
        body,
        media,
        template,
        callback: fields.owned("StatusCallback"),
        seconds: fields.one("ValidityPeriod").and_then(|text| text.parse().ok()),
    })
}

/// The values of a template, by the numbers of their places.
fn variables(text: &str) -> Vec<String> {
    let object = serde_json::from_str::<serde_json::Map<String, Value>>(text).unwrap_or_default();
    let number = |name: &String| name.parse::<u8>().ok();
    let mut values: Vec<(u8, String)> = object
        .iter()
        .filter_map(|(name, value)| Some((number(name)?, value.as_str()?.to_owned())))
        .collect();
    values.sort_unstable();
    values.into_iter().map(|(_, value)| value).collect()
}

/// How a message is called there: `SM` and 32 hexadecimal digits, as its library wants it.
pub fn sid(message: MessageId) -> String {
    format!("SM{:032x}", message.0)
}

/// Which message is called so.
pub fn message(sid: &str) -> Option<MessageId> {
    let digits = sid.strip_prefix("SM").filter(|digits| digits.len() == 32)?;
    let plain = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    u64::try_from(number).ok().map(MessageId)
}

/// How a message is, as Twilio says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It waits.
    Queued,
    /// It is on its way to whoever carries it.
    Sending,
    /// Whoever carries it has it.
    Sent,
    /// It has arrived.
    Delivered,
    /// It was read.
    Read,
    /// It will not arrive; the number is Twilio's own, 30008 where nobody knows.
    Failed(u32),
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Sending => "sending",
            State::Sent => "sent",
            State::Delivered => "delivered",
            State::Read => "read",
            State::Failed(_) => "failed",
        }
    }

    fn code(self) -> Option<u32> {
        match self {
            State::Failed(code) => Some(code),
            _ => None,
        }
    }
}

/// What is said of a message.
pub struct Resource<'a> {
    /// As whom it was asked for.
    pub account: &'a str,
    /// Which.
    pub message: MessageId,
    /// To whom and from whom, as they were asked for.
    pub to: &'a str,
    /// See `to`.
    pub from: &'a str,
    /// Its words.
    pub body: &'a str,
    /// How many files go along.
    pub media: usize,
    /// In how many parts it goes, where that is known.
    pub parts: Option<u8>,
    /// How it is.
    pub state: State,
    /// When it was made, and when something last became of it.
    pub created: UnixTime,
    /// See `created`.
    pub updated: UnixTime,
}

impl std::fmt::Debug for Resource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resource({}, {:?})", self.message, self.state)
    }
}

impl Resource<'_> {
    /// The body that is answered: 201 when it was made, 200 when it was asked for.
    pub fn answer(&self) -> Value {
        let sid = sid(self.message);
        let uri = format!("/2010-04-01/Accounts/{}/Messages/{sid}", self.account);
        let sent = !matches!(self.state, State::Queued | State::Sending);
        let service = self.from.starts_with("MG").then_some(self.from);
        json!({
            "sid": sid,
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "to": self.to,
            "from": if service.is_some() { None } else { Some(self.from) },
            "messaging_service_sid": service,
            "body": self.body,
            "status": self.state.word(),
            "direction": "outbound-api",
            "num_segments": self.parts.unwrap_or(1).to_string(),
            "num_media": self.media.to_string(),
            "error_code": self.state.code(),
            "error_message": self.state.code().map(|_| "It was not delivered"),
            "price": null,
            "price_unit": null,
            "date_created": rfc_2822(self.created),
            "date_updated": rfc_2822(self.updated),
            "date_sent": if sent { rfc_2822(self.updated) } else { None },
            "uri": format!("{uri}.json"),
            "subresource_uris": {"media": format!("{uri}/Media.json")},
        })
    }

    /// What is posted to whoever wants to be told, signed as Twilio signs: with the token that the message was asked for
    /// with.
    pub fn callback(&self, url: &str, token: &Secret) -> Ask {
        let (sid, state) = (sid(self.message), self.state.word());
        let mut fields = vec![
            ("AccountSid", self.account.to_owned()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("From", self.from.to_owned()),
            ("MessageSid", sid.clone()),
            ("MessageStatus", state.to_owned()),
            ("SmsSid", sid),
            ("SmsStatus", state.to_owned()),
            ("To", self.to.to_owned()),
        ];
        fields.extend(self.state.code().map(|code| ("ErrorCode", code.to_string())));
        fields.sort_unstable();
        let signed = fields.iter().fold(url.to_owned(), |mut signed, (name, value)| {
            signed.extend([name, value.as_str()]);
            signed
        });
        let tag = token.sign(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[signed.as_bytes()]);
        let mut ask = sending::form(url.to_owned(), String::new(), &fields);
        ask.headers.retain(|(name, _)| *name != "authorization");
        ask.headers.push(("x-twilio-signature", proof::to_base64(tag)));
        ask
    }
}

fn rfc_2822(at: UnixTime) -> Option<String> {
    let at = jiff::Timestamp::from_microsecond(at.0).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_name_there_and_reads_back_as_itself() {
        for number in [0, 7, u64::MAX] {
            let sid = sid(MessageId(number));
            assert_eq!((sid.len(), message(&sid)), (34, Some(MessageId(number))));
        }
        for wrong in
            ["SM1", "MM00000000000000000000000000000001", "SMffffffffffffffffffffffffffffffff"]
        {
            assert_eq!(message(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_by_twilios_own_number() {
        let code =
            |form: &str| wanted(form.as_bytes()).map_err(|why| why.answer().1["code"].clone());
        assert_eq!(code("From=%2B1555&Body=x"), Err(json!(21_604)));
        assert_eq!(code("To=%2B1555&Body=x"), Err(json!(21_603)));
        assert_eq!(code("To=%2B1555&From=a"), Err(json!(21_602)));
        assert_eq!(code("To=1&From=a&Body=x&SendAt=2026-11-22"), Err(json!(35_111)));
        assert_eq!(code(&format!("To=1&From=a&Body={}", "x".repeat(1_601))), Err(json!(21_617)));
        let form = "To=%2B15551234567&From=MG1&ContentSid=HX1&ContentVariables=%7B%222%22%3A%22b%22%2C%221%22%3A%22a%22%7D";
        let good = wanted(form.as_bytes()).unwrap();
        assert_eq!(good.template, Some(("HX1".to_owned(), vec!["a".to_owned(), "b".to_owned()])));
    }
}
