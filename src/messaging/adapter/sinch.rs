//! Sinch's Conversation API: SMS, WhatsApp, RCS, Messenger, Viber and others behind one app.

use ring::hmac;
use serde_json::{Value, json};

use super::proof::{self, Secret, same};
use super::said;
use super::sending::{self, One};
use crate::messaging::address::{Address, Kind};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Report, Status, Told,
};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Request};
use crate::time::UnixTime;

/// Characters of one text.
const LONGEST: usize = 2_000;

/// An app of Sinch's.
#[derive(Debug)]
pub struct Sinch {
    /// Where its API is, by region: `https://eu.conversation.api.sinch.com`.
    pub api: String,
    /// The project, and the app in it.
    pub project: String,
    /// See `project`.
    pub app: String,
    /// The access key's id and its secret.
    pub key: (String, Secret),
    /// The webhook's secret: it signs what comes.
    pub signature: Secret,
    /// By what messages go, as it writes it: `SMS`, `WHATSAPP`, `RCS`, `MESSENGER`, `VIBER`, …
    pub service: String,
}

impl Adapter for Sinch {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: LONGEST,
            media: if self.service == "SMS" { 0 } else { 16 << 20 },
            templates: false,
            delivered: true,
            read: self.service != "SMS",
            typing: false,
            window: matches!(self.service.as_str(), "WHATSAPP" | "MESSENGER" | "INSTAGRAM")
                .then_some(super::DAY),
        }
    }

    fn hear(&self, now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        let once = self.proved(now, &request)?;
        let json = said::json(request.body).ok_or(NotHeard::Form)?;
        let told = if let Some(message) = json.get("message") {
            let arrived = arrived(&json, message).ok_or(NotHeard::Form)?;
            vec![Told::Arrived(Box::new(arrived))]
        } else if let Some(report) = json.get("message_delivery_report") {
            let report = reported(&json, report).ok_or(NotHeard::Form)?;
            report.map(Told::Report).into_iter().collect()
        } else {
            Vec::new()
        };
        Ok(Heard { once: Some(once), ..Heard::of(told) })
    }

    fn ask(
        &self,
        _now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure> {
        let messages = self.messages(outgoing, files)?;
        let Some(message) = messages.get(answers.len()) else { return Ok(None) };
        let nobody = || Failure { fault: Fault::Address, code: "not there".to_owned() };
        let identity = match outgoing.to.kind {
            Kind::Phone => outgoing.to.value.trim_start_matches('+'),
            _ => {
                said::id_of(&self.service.to_ascii_lowercase(), &outgoing.to).ok_or_else(nobody)?
            }
        };
        let identities = json!([{"channel": self.service, "identity": identity}]);
        let recipient = json!({"identified_by": {"channel_identities": identities}});
        let body = json!({"app_id": self.app, "recipient": recipient, "message": message,
            "message_metadata": outgoing.message.to_string()});
        let url = format!("{}/v1/projects/{}/messages:send", self.api, self.project);
        Ok(Some(sending::post(url, Some(self.key.1.basic(&self.key.0)), &body)))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        let taken =
            |json: &Value| said::name(json, "/message_id").map_or(One::Doubtful, One::Taken);
        sending::outcome(answers, taken, |status, json| Failure {
            fault: sending::fault(status),
            code: said::owned(json, "/error/status").unwrap_or_else(|| status.to_string()),
        })
    }
}

impl Sinch {
    fn proved(&self, now: UnixTime, request: &Request<'_>) -> Result<String, NotHeard> {
        let header = |name| request.header(name).ok_or(NotHeard::Unproved);
        let shown = header("x-sinch-webhook-signature")?;
        let nonce = header("x-sinch-webhook-signature-nonce")?;
        let at = header("x-sinch-webhook-signature-timestamp")?;
        let algorithm = request.header("x-sinch-webhook-signature-algorithm");
        if algorithm.is_some_and(|own| own != "HmacSHA256") || self.signature.bytes().is_empty() {
            return Err(NotHeard::Unproved);
        }
        let parts = [request.body, b".", nonce.as_bytes(), b".", at.as_bytes()];
        let own = proof::to_base64(self.signature.sign(hmac::HMAC_SHA256, &parts));
        let seconds = at.parse().ok().filter(|_| same(own.as_bytes(), shown.as_bytes()));
        proof::fresh(now, seconds.ok_or(NotHeard::Unproved)?)?;
        Some(nonce.to_owned()).filter(|nonce| said::is_name(nonce)).ok_or(NotHeard::Unproved)
    }

    fn messages(&self, outgoing: &Outgoing, files: &dyn Files) -> Result<Vec<Value>, Failure> {
        if let Some((text, choices)) = sending::offered(outgoing) {
            let choice = |(id, label): &(&str, &str)| json!({"text_message": {"text": label}, "postback_data": id});
            let choices: Vec<Value> = choices.iter().map(choice).collect();
            let own = json!({"text_message": {"text": text}, "choices": choices});
            return Ok(vec![json!({"choice_message": own})]);
        }
        let (text, media) = sending::words(outgoing)?;
        sending::no_longer(&text, LONGEST)?;
        let mut messages = Vec::new();
        if !text.is_empty() {
            messages.push(json!({"text_message": {"text": text}}));
        }
        for media in media {
            messages.push(json!({"media_message": {"url": sending::public(files, media)?}}));
        }
        Ok(messages)
    }
}

fn address(identity: &Value) -> Option<Address> {
    let id = said::name(identity, "/identity")?;
    match said::text(identity, "/channel")? {
        "SMS" | "MMS" => said::phone_or_short(&id),
        "WHATSAPP" | "RCS" => said::phone(&id),
        service => said::person(&service.to_ascii_lowercase(), &id),
    }
}

fn arrived(json: &Value, message: &Value) -> Option<Arrived> {
    let from = address(message.get("channel_identity")?)?;
    let mut arrived = Arrived::text(said::name(message, "/id")?, from, "");
    arrived.to = said::text(message, "/sender_id").and_then(said::phone_or_short);
    arrived.at =
        said::moment(message, "/accept_time").or_else(|| said::moment(json, "/event_time"));
    let own = message.get("contact_message").unwrap_or(&Value::Null);
    arrived.answers = said::name(own, "/reply_to/message_id");
    arrived.pieces = vec![piece(own)];
    Some(arrived)
}

fn piece(own: &Value) -> Piece<String, Attachment> {
    let place =
        ("/location_message/coordinates/latitude", "/location_message/coordinates/longitude");
    let file = |path| Some(said::file(Place::Url(said::owned(own, path)?), None, None));
    let choice = || {
        let id = said::owned(own, "/choice_response_message/postback_data")?;
        Some(Piece::Choice { label: id.clone(), id })
    };
    let piece = said::owned(own, "/text_message/text")
        .map(Piece::text)
        .or_else(|| file("/media_message/url"))
        .or_else(|| file("/media_card_message/url"))
        .or_else(|| said::location(own, place, said::owned(own, "/location_message/title")))
        .or_else(choice);
    piece.unwrap_or_else(|| {
        let mut keys = own.as_object().into_iter().flat_map(|object| object.keys());
        said::unsupported(keys.find(|key| key.ends_with("_message")).map_or("message", |key| key))
    })
}

fn reported(json: &Value, report: &Value) -> Option<Option<Report>> {
    let reference = said::name(report, "/message_id")?;
    let status = match said::text(report, "/status")? {
        "QUEUED_ON_CHANNEL" => Status::Sent,
        "DELIVERED" => Status::Delivered,
        "READ" => Status::Read,
        "FAILED" => {
            let code = said::owned(report, "/reason/code").unwrap_or_default();
            Status::Failed(Failure { fault: fault(&code), code })
        }
        _ => return Some(None),
    };
    Some(Some(Report { reference, status, at: said::moment(json, "/event_time") }))
}

/// Whose doing a reason of Sinch's is.
fn fault(code: &str) -> Fault {
    match code {
        "RECIPIENT_NOT_REACHABLE"
        | "RECIPIENT_INVALID_CHANNEL_IDENTITY"
        | "RECIPIENT_NOT_FOUND" => Fault::Address,
        "RECIPIENT_NOT_OPTED_IN" | "CHANNEL_REJECT" => Fault::Refused,
        "OUTSIDE_ALLOWED_SENDING_WINDOW" => Fault::Window,
        "CHANNEL_BAD_CONFIGURATION" | "CHANNEL_CONFIGURATION_MISSING" | "NO_CHANNEL_LEFT" => {
            Fault::Account
        }
        "RATE_LIMITED" | "INTERNAL_ERROR" | "CHANNEL_FAILURE" => Fault::Network,
        "BAD_REQUEST" | "MEDIA_TYPE_UNDETERMINED" | "MEDIA_NOT_FOUND" | "TEMPLATE_NON_EXISTING" => {
            Fault::Content
        }
        "EXPIRED" => Fault::Expired,
        _ => Fault::Unknown,
    }
}
