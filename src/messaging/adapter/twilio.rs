//! Twilio's Messages: SMS, MMS, WhatsApp, RCS and Messenger behind one account.
//!
//! Signatures are those of its own libraries: HMAC-SHA1 with the account's token, or HMAC-SHA256 with a shared key where
//! the request names one, over the address with or without its port and the sorted fields, or the body's hash in the query
//! for JSON. They carry no time: a request that comes again is known by its message.

use ring::hmac;
use serde_json::{Value, json};

use super::form::{Fields, is_mime, with_and_without_port};
use super::proof::{self, Secret, same};
use super::said;
use super::sending::{self, One, cannot};
use crate::messaging::address::{Address, Kind};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Refusal, Report, Status, Told,
};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Reply, Request};
use crate::time::UnixTime;

/// Files of one message.
const MOST_FILES: usize = 10;
/// Characters of one text.
const LONGEST: usize = 1_600;

/// An account of Twilio, or of whoever speaks as Twilio does.
#[derive(Debug)]
pub struct Twilio {
    /// Where its API is: `https://api.twilio.com`.
    pub api: String,
    /// `AC…`.
    pub account: String,
    /// The account's token: it signs what comes.
    pub token: Secret,
    /// An API key (`SK…`) and its secret, to send with; nothing: the account's token.
    pub key: Option<(String, Secret)>,
    /// Keys that new signatures name (`key=`), with their secrets.
    pub shared: Vec<(String, Secret)>,
    /// Of whom messages are, where they do not say: a number, a sender's name, `whatsapp:+…`, or a messaging service `MG…`.
    pub sender: String,
    /// Where Twilio shall tell what became of a message.
    pub callback: Option<String>,
    /// Twilio keeps neither words nor numbers, as regulated sites need it.
    pub discard: bool,
}

impl Adapter for Twilio {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: LONGEST,
            media: 5 << 20,
            templates: true,
            delivered: true,
            read: self.sender.starts_with("whatsapp:"),
            typing: false,
            window: self.sender.starts_with("whatsapp:").then_some(super::DAY),
        }
    }

    fn hear(&self, _now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        let fields = self.proved(&request).ok_or(NotHeard::Unproved)?.ok_or(NotHeard::Form)?;
        let own = fields.one("AccountSid").is_none_or(|account| account == self.account);
        let told = own.then(|| told(&fields)).flatten().ok_or(NotHeard::Form)?;
        let reply = Reply { status: 200, mime: Some("text/xml"), body: b"<Response/>".to_vec() };
        Ok(Heard { reply, ..Heard::of(told) })
    }

    fn ask(
        &self,
        now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure> {
        if !answers.is_empty() {
            return Ok(None);
        }
        let mut fields = vec![("To", self.other(&outgoing.to)?)];
        let from =
            outgoing.from.as_ref().map_or(Ok(self.sender.clone()), |from| self.other(from))?;
        fields.push((if from.starts_with("MG") { "MessagingServiceSid" } else { "From" }, from));
        content(outgoing, files, &mut fields)?;
        fields.extend(self.callback.clone().map(|url| ("StatusCallback", url)));
        let seconds = sending::seconds_left(now, outgoing, 1, 36_000);
        fields.push(("ValidityPeriod", seconds.to_string()));
        if self.discard {
            fields.push(("ContentRetention", "discard".to_owned()));
            fields.push(("AddressRetention", "obfuscate".to_owned()));
        }
        let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", self.api, self.account);
        Ok(Some(sending::form(url, self.authorization(), &fields)))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        let taken = |json: &Value| said::name(json, "/sid").map_or(One::Doubtful, One::Taken);
        sending::outcome(answers, taken, |status, json| match said::number(json, "/code") {
            Some(code) => failure(code),
            None => Failure { fault: sending::fault(status), code: status.to_string() },
        })
    }

    fn fetch(&self, url: &str) -> Ask {
        // Twilio's own files may need the account's word; nobody else's get it.
        let own = url.strip_prefix(&self.api).is_some_and(|rest| rest.starts_with('/'));
        sending::get(url.to_owned(), own.then(|| self.authorization()))
    }
}

impl Twilio {
    fn authorization(&self) -> String {
        match &self.key {
            Some((name, secret)) => secret.basic(name),
            None => self.token.basic(&self.account),
        }
    }

    /// How Twilio writes an address: as our own sender is written, for a number.
    fn other(&self, address: &Address) -> Result<String, Failure> {
        let prefix = self.sender.split_once(":+").map(|(service, _)| format!("{service}:"));
        match address.kind {
            Kind::Phone => Ok(format!("{}{}", prefix.unwrap_or_default(), address.value)),
            Kind::Short | Kind::Business => Ok(address.value.clone()),
            _ => Err(Failure { fault: Fault::Address, code: "no number".to_owned() }),
        }
    }

    /// The fields of a request that is proved; nothing inside when they cannot be read.
    fn proved(&self, request: &Request<'_>) -> Option<Option<Fields>> {
        let signature = request.header("x-twilio-signature")?;
        let (secret, algorithm) = self.signed_with(request)?;
        let (query, mime) = (Fields::of_query(request.url)?, request.header("content-type"));
        let json = is_mime(mime, "application/json");
        let fields = if json { Fields::default() } else { Fields::read(request.body)? };
        // A body that is no form is proved by its hash alone: without that it is anybody's.
        if json
            && !same(proof::sha256(request.body).as_bytes(), query.one("bodySHA256")?.as_bytes())
        {
            return None;
        }
        let mut rest = String::new();
        for (name, mut values) in fields.sorted() {
            values.dedup();
            values.iter().for_each(|value| rest.extend([name, value]));
        }
        let signed = |url: &String| {
            let tag = secret.sign(algorithm, &[url.as_bytes(), rest.as_bytes()]);
            same(proof::to_base64(tag).as_bytes(), signature.as_bytes())
        };
        let good =
            !secret.bytes().is_empty() && with_and_without_port(request.url)?.iter().any(signed);
        good.then(|| if json { flat(request.body) } else { Some(fields) })
    }

    /// With what a request says that it is signed. What is not known is not taken.
    fn signed_with(&self, request: &Request<'_>) -> Option<(&Secret, hmac::Algorithm)> {
        const SETTINGS: &str = "x-twilio-webhooks-signature-settings";
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(SETTINGS)) {
            return Some((&self.token, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY));
        }
        let settings = request.header(SETTINGS)?;
        let part = |wanted: &str| {
            let mut parts = settings.split(',').filter_map(|part| part.split_once('='));
            parts.find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim())
        };
        let (key, algorithm) = (part("key")?, part("algorithm")?);
        let secret = self.shared.iter().find(|(name, _)| name == key).map(|(_, secret)| secret)?;
        (algorithm == "HMAC_SHA256").then_some((secret, hmac::HMAC_SHA256))
    }
}

/// A JSON body's members as fields.
fn flat(body: &[u8]) -> Option<Fields> {
    let json = said::json(body)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in json.as_object()? {
        match value {
            Value::String(text) => form.append_pair(name, text),
            Value::Number(number) => form.append_pair(name, &number.to_string()),
            _ => continue,
        };
    }
    Fields::read(form.finish().as_bytes())
}

fn told(fields: &Fields) -> Option<Vec<Told>> {
    let sid = fields.one("MessageSid").or_else(|| fields.one("SmsSid"));
    let sid = sid.filter(|sid| said::is_name(sid))?;
    let status = fields.one("MessageStatus").or_else(|| fields.one("SmsStatus"));
    match status.filter(|status| !matches!(*status, "received" | "receiving")) {
        Some(status) => Some(report(sid, status, fields).into_iter().map(Told::Report).collect()),
        None => arrived(sid, fields).map(|arrived| vec![Told::Arrived(Box::new(arrived))]),
    }
}

/// What a status says; nothing for those before it is sent.
fn report(sid: &str, status: &str, fields: &Fields) -> Option<Report> {
    let status = match status {
        "sent" | "partially_delivered" => Status::Sent,
        "delivered" => Status::Delivered,
        "read" => Status::Read,
        "failed" | "undelivered" | "canceled" => {
            let code = fields.one("ErrorCode").and_then(|code| code.parse().ok());
            let unsaid = Failure { fault: Fault::Unknown, code: status.to_owned() };
            Status::Failed(code.filter(|code| *code != 0).map_or(unsaid, failure))
        }
        _ => return None,
    };
    Some(Report { reference: sid.to_owned(), status, at: None })
}

fn arrived(sid: &str, fields: &Fields) -> Option<Arrived> {
    let mut arrived = Arrived::text(sid, address(fields.one("From")?)?, "");
    arrived.to = fields.one("To").and_then(address);
    arrived.pieces = pieces(fields);
    arrived.answers = fields.owned("OriginalRepliedMessageSid");
    arrived.name = fields.owned("ProfileName");
    arrived.refusal = match fields.one("OptOutType") {
        Some("STOP") => Some(Refusal::Stop),
        Some("START") => Some(Refusal::Start),
        Some("HELP") => Some(Refusal::Help),
        _ => None,
    };
    Some(arrived)
}

fn pieces(fields: &Fields) -> Vec<Piece<String, Attachment>> {
    let mut pieces = Vec::new();
    match (fields.owned("ButtonPayload"), fields.owned("Body")) {
        (Some(id), label) => {
            let label = fields.owned("ButtonText").or(label).unwrap_or_default();
            pieces.push(Piece::Choice { id, label });
        }
        (None, Some(text)) => pieces.push(Piece::Text { text }),
        (None, None) => {}
    }
    let place = json!({"lat": fields.one("Latitude"), "long": fields.one("Longitude")});
    let name = fields.owned("Label").or_else(|| fields.owned("Address"));
    pieces.extend(said::location(&place, ("/lat", "/long"), name));
    let count = fields.one("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0);
    for number in 0..count.min(MOST_FILES) {
        let Some(url) = fields.owned(&format!("MediaUrl{number}")) else { continue };
        let mime = fields.one(&format!("MediaContentType{number}"));
        pieces.push(said::file(Place::Url(url), mime, None));
    }
    if pieces.is_empty() {
        // Somebody may well send nothing but a line's end.
        let kind = fields.one("MessageType").filter(|kind| *kind != "text");
        pieces.push(kind.map_or_else(|| Piece::text(""), said::unsupported));
    }
    pieces
}

/// `whatsapp:+1…` is the number of whoever writes; other services have names of their own.
fn address(text: &str) -> Option<Address> {
    match text.split_once(':') {
        None => said::phone_or_short(text),
        Some(("whatsapp" | "rcs", number)) if number.starts_with('+') => said::phone(number),
        Some((service, id)) => said::person(service, id),
    }
}

fn content(
    outgoing: &Outgoing,
    files: &dyn Files,
    fields: &mut Vec<(&'static str, String)>,
) -> Result<(), Failure> {
    if let [Piece::Template { name, values, .. }] = outgoing.pieces.as_slice() {
        let values = values.iter().enumerate();
        let values: serde_json::Map<String, Value> =
            values.map(|(at, value)| ((at + 1).to_string(), json!(value))).collect();
        fields.push(("ContentSid", name.clone()));
        fields.push(("ContentVariables", Value::Object(values).to_string()));
        return Ok(());
    }
    let (text, media) = sending::words(outgoing)?;
    sending::no_longer(&text, LONGEST)?;
    if media.len() > MOST_FILES {
        return Err(cannot("too many files"));
    }
    if !text.is_empty() {
        fields.push(("Body", text));
    }
    for media in media {
        fields.push(("MediaUrl", sending::public(files, media)?));
    }
    Ok(())
}

/// Whose doing an error of Twilio's is.
fn failure(code: i64) -> Failure {
    let fault = match code {
        21_610 | 30_004 | 63_032 | 63_049 => Fault::Refused,
        21_211 | 21_214 | 21_217 | 21_614 | 21_265 | 30_003 | 30_005 | 30_006 | 63_003 | 63_024 => {
            Fault::Address
        }
        63_016 => Fault::Window,
        20_001..=20_009
        | 21_408
        | 21_606
        | 21_612
        | 21_659
        | 21_660
        | 30_002
        | 30_018
        | 30_034
        | 63_007
        | 63_010 => Fault::Account,
        20_429 | 21_611 | 30_001 | 30_022 | 63_018 => Fault::Network,
        21_602 | 21_605 | 21_617 | 21_620 | 21_623 | 30_007 | 30_019 | 63_005 | 63_013 | 63_019
        | 63_021 | 63_027 | 63_028 => Fault::Content,
        30_036 => Fault::Expired,
        _ => Fault::Unknown,
    };
    Failure { fault, code: code.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_is_signed_as_published() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let fields = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
        let signature =
            ("X-Twilio-Signature".to_owned(), "RSOYDt4T1cUTdK1PDd93/VVr8B8=".to_owned());
        let twilio = super::super::tests::twilio("12345");
        let mut request =
            Request { method: "POST", url, headers: &[signature], body: fields.as_bytes() };
        assert!(twilio.proved(&request).is_some());
        request.url = "https://mycompany.com/myapp.php?foo=1&bar=3";
        assert!(twilio.proved(&request).is_none());
    }
}
