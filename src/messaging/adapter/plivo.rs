//! Plivo's Messages: SMS, MMS and WhatsApp, proved by its third kind of signature.

use ring::hmac;
use serde_json::{Value, json};

use super::form::Fields;
use super::proof::{self, Secret, same};
use super::said;
use super::sending::{self, One};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Report, Status, Told,
};
use crate::messaging::piece::{Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Request};
use crate::time::UnixTime;

/// Characters of one text, and files of one message.
const LONGEST: usize = 1_600;
const MOST_FILES: usize = 10;

/// An account of Plivo.
#[derive(Debug)]
pub struct Plivo {
    /// Where its API is: `https://api.plivo.com`.
    pub api: String,
    /// The account's id.
    pub account: String,
    /// The account's token: it signs what comes, and sends.
    pub token: Secret,
    /// Of whom messages are: a number or a sender's name.
    pub sender: String,
    /// Where it shall tell what became of a message.
    pub callback: Option<String>,
}

impl Adapter for Plivo {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: LONGEST,
            media: 5 << 20,
            templates: false,
            delivered: true,
            read: false,
            typing: false,
            window: None,
        }
    }

    fn hear(&self, _now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        let nonce =
            request.header("x-plivo-signature-v3-nonce").filter(|nonce| said::is_name(nonce));
        let nonce = nonce.ok_or(NotHeard::Unproved)?;
        let fields = self.proved(&request, nonce).ok_or(NotHeard::Unproved)?;
        let told = told(&fields).ok_or(NotHeard::Form)?;
        Ok(Heard { once: Some(nonce.to_owned()), ..Heard::of(told) })
    }

    fn ask(
        &self,
        _now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure> {
        if !answers.is_empty() {
            return Ok(None);
        }
        let (text, media) = sending::words(outgoing)?;
        sending::no_longer(&text, LONGEST)?;
        let from = outgoing.from.as_ref().map_or(&self.sender, |from| &from.value);
        let mut body = json!({"src": from, "dst": outgoing.to.value, "text": text});
        let urls = media.into_iter().map(|media| sending::public(files, media));
        let urls = urls.collect::<Result<Vec<String>, Failure>>()?;
        if !urls.is_empty() {
            body["type"] = json!("mms");
            body["media_urls"] = json!(urls);
        }
        if let Some(callback) = &self.callback {
            body["url"] = json!(callback);
        }
        let url = format!("{}/v1/Account/{}/Message/", self.api, self.account);
        Ok(Some(sending::post(url, Some(self.token.basic(&self.account)), &body)))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        let taken =
            |json: &Value| said::name(json, "/message_uuid/0").map_or(One::Doubtful, One::Taken);
        sending::outcome(answers, taken, |status, _| Failure {
            fault: sending::fault(status),
            code: status.to_string(),
        })
    }
}

impl Plivo {
    /// HMAC-SHA256 over the address, its sorted query, the sorted fields and the nonce. The header may list several; any
    /// that fits is enough.
    fn proved(&self, request: &Request<'_>, nonce: &str) -> Option<Fields> {
        let shown = request.header("x-plivo-signature-v3")?;
        let (query, fields) = (Fields::of_query(request.url)?, Fields::read(request.body)?);
        let base = request.url.split(['?', '#']).next().unwrap_or_default();
        let mut signed = base.to_owned();
        let pairs = query.sorted().flat_map(|(name, values)| {
            values.into_iter().map(move |value| format!("{name}={value}"))
        });
        let pairs = pairs.collect::<Vec<_>>().join("&");
        if !pairs.is_empty() || !fields.is_empty() {
            signed.push('?');
            signed.push_str(&pairs);
        }
        if !pairs.is_empty() && !fields.is_empty() {
            signed.push('.');
        }
        for (name, values) in fields.sorted() {
            values.iter().for_each(|value| signed.extend([name, value]));
        }
        let tag = self.token.sign(hmac::HMAC_SHA256, &[signed.as_bytes(), b".", nonce.as_bytes()]);
        let own = proof::to_base64(tag);
        let good = shown.split(',').any(|one| same(own.as_bytes(), one.as_bytes()));
        (good && !self.token.bytes().is_empty()).then_some(fields)
    }
}

fn told(fields: &Fields) -> Option<Vec<Told>> {
    let uuid = fields.one("MessageUUID").filter(|uuid| said::is_name(uuid))?;
    if let Some(status) = fields.one("Status") {
        let code = fields.one("ErrorCode").unwrap_or_default();
        let status = match status {
            "sent" => Status::Sent,
            "delivered" => Status::Delivered,
            "read" => Status::Read,
            "undelivered" | "failed" | "rejected" => {
                Status::Failed(Failure { fault: fault(code), code: code.to_owned() })
            }
            _ => return Some(Vec::new()),
        };
        return Some(vec![Told::Report(Report { reference: uuid.to_owned(), status, at: None })]);
    }
    let mut arrived = Arrived::text(uuid, said::phone_or_short(fields.one("From")?)?, "");
    arrived.to = fields.one("To").and_then(said::phone_or_short);
    arrived.pieces = fields
        .owned("Text")
        .or_else(|| fields.owned("Body"))
        .map(Piece::text)
        .into_iter()
        .collect();
    for number in 0..MOST_FILES {
        let Some(url) = fields.owned(&format!("Media{number}")) else { break };
        arrived.pieces.push(said::file(Place::Url(url), None, None));
    }
    if arrived.pieces.is_empty() {
        let kind = fields.one("Type").filter(|kind| !matches!(*kind, "sms" | "mms"));
        arrived.pieces.push(kind.map_or_else(|| Piece::text(""), said::unsupported));
    }
    Some(vec![Told::Arrived(Box::new(arrived))])
}

/// Whose doing an error of Plivo's is.
fn fault(code: &str) -> Fault {
    match code {
        "30" | "40" | "50" => Fault::Address,
        "20" | "70" | "80" => Fault::Network,
        "10" | "110" | "120" => Fault::Content,
        "200" => Fault::Refused,
        "300" | "450" | "900" => Fault::Account,
        "420" => Fault::Expired,
        _ => Fault::Unknown,
    }
}
