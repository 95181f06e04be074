//! Vonage's Messages API: SMS, MMS, WhatsApp, RCS, Viber and Messenger behind one account.
//!
//! What comes shows a token that is signed with the account's signature secret and says the body's hash. Its own libraries
//! look at the token alone; here a body without its hash is nobody's.

use serde_json::{Value, json};

use super::proof::{self, Secret, claims, same};
use super::said;
use super::sending::{self, One, cannot};
use crate::messaging::address::{Address, Kind};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Report, Status, Told,
};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Request};
use crate::time::UnixTime;

/// Characters of one SMS text that it takes, and cuts itself.
const LONGEST: usize = 1_000;

/// An account of Vonage.
#[derive(Debug)]
pub struct Vonage {
    /// Where its API is: `https://api.nexmo.com`.
    pub api: String,
    /// The account's key.
    pub key: String,
    /// Its secret, to send with.
    pub secret: Secret,
    /// Its signature secret: it signs what comes.
    pub signature: Secret,
    /// By what messages go: `sms`, `mms`, `whatsapp`, `rcs`, `viber_service` or `messenger`.
    pub service: String,
    /// Of whom they are: a number, a sender's name, a page.
    pub sender: String,
}

impl Adapter for Vonage {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: if self.service == "sms" { LONGEST } else { 4_096 },
            media: if self.service == "sms" { 0 } else { 16 << 20 },
            templates: self.service == "whatsapp",
            delivered: true,
            read: self.service != "sms" && self.service != "mms",
            typing: false,
            window: matches!(self.service.as_str(), "whatsapp" | "messenger").then_some(super::DAY),
        }
    }

    fn hear(&self, now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        let once = self.proved(now, &request)?;
        let json = said::json(request.body).ok_or(NotHeard::Form)?;
        let told = match said::text(&json, "/status") {
            Some(status) => report(&json, status).map(|report| report.map(Told::Report)),
            None => arrived(&json).map(|arrived| Some(Told::Arrived(Box::new(arrived)))),
        };
        let told = told.ok_or(NotHeard::Form)?.into_iter().collect();
        Ok(Heard { once: Some(once), ..Heard::of(told) })
    }

    fn ask(
        &self,
        _now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure> {
        let bodies = self.bodies(outgoing, files)?;
        let authorization = Some(self.secret.basic(&self.key));
        let url = format!("{}/v1/messages", self.api);
        Ok(bodies.get(answers.len()).map(|body| sending::post(url, authorization, body)))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        let taken =
            |json: &Value| said::name(json, "/message_uuid").map_or(One::Doubtful, One::Taken);
        sending::outcome(answers, taken, |status, json| {
            let code = said::text(json, "/type").and_then(code_in);
            let fault = code.map_or(Fault::Unknown, fault);
            match (fault, code) {
                (Fault::Unknown, code) => {
                    let code = code.map_or_else(|| status.to_string(), |code| code.to_string());
                    Failure { fault: sending::fault(status), code }
                }
                (fault, code) => {
                    Failure { fault, code: code.map(|code| code.to_string()).unwrap_or_default() }
                }
            }
        })
    }
}

impl Vonage {
    /// The token's own name, once it and the body are proved.
    fn proved(&self, now: UnixTime, request: &Request<'_>) -> Result<String, NotHeard> {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let claims = token.and_then(|token| claims(&self.signature, token));
        let claims = claims.ok_or(NotHeard::Unproved)?;
        let hash = said::text(&claims, "/payload_hash").ok_or(NotHeard::Unproved)?;
        let own = said::text(&claims, "/api_key").is_none_or(|key| key == self.key);
        if !same(proof::sha256(request.body).as_bytes(), hash.as_bytes()) || !own {
            return Err(NotHeard::Unproved);
        }
        proof::fresh(now, said::number(&claims, "/iat").ok_or(NotHeard::Unproved)?)?;
        if said::number(&claims, "/exp").is_some_and(|end| end < now.seconds()) {
            return Err(NotHeard::Stale);
        }
        said::name(&claims, "/jti").ok_or(NotHeard::Unproved)
    }

    fn bodies(&self, outgoing: &Outgoing, files: &dyn Files) -> Result<Vec<Value>, Failure> {
        let to = match outgoing.to.kind {
            Kind::Phone => outgoing.to.value.trim_start_matches('+'),
            Kind::Short => &outgoing.to.value,
            _ => said::id_of(&self.service, &outgoing.to)
                .ok_or_else(|| Failure { fault: Fault::Address, code: "no number".to_owned() })?,
        };
        let from = outgoing.from.as_ref().map_or(self.sender.as_str(), |from| &from.value);
        let from = from.trim_start_matches('+');
        let with = |kind: &str, own: Value| {
            // By it we know our own where the answer is lost.
            let mut body = json!({"channel": self.service, "to": to, "from": from,
                "message_type": kind, "client_ref": outgoing.message.to_string()});
            body[kind] = own;
            body
        };
        if let [Piece::Template { name, language, values }] = outgoing.pieces.as_slice() {
            let mut body = with("template", json!({"name": name, "parameters": values}));
            body["whatsapp"] =
                json!({"policy": "deterministic", "locale": language.replace('-', "_")});
            return Ok(vec![body]);
        }
        let (text, media) = sending::words(outgoing)?;
        sending::no_longer(&text, self.capabilities().longest)?;
        if self.service == "sms" && !media.is_empty() {
            return Err(cannot("no files by SMS"));
        }
        let mut bodies = Vec::new();
        if !text.is_empty() {
            bodies.push(with("text", json!(text)));
        }
        for media in media {
            let kind = media.mime.split('/').next();
            let kind = kind.filter(|kind| ["image", "audio", "video"].contains(kind));
            let kind = kind.unwrap_or("file");
            bodies.push(with(kind, json!({"url": sending::public(files, media)?})));
        }
        Ok(bodies)
    }
}

/// Who somebody is by the service that the message came by.
fn address(json: &Value, path: &str) -> Option<Address> {
    let id = said::name(json, path)?;
    match said::text(json, "/channel")? {
        service @ ("messenger" | "instagram") => said::person(service, &id),
        "sms" | "mms" => said::phone_or_short(&id),
        service => said::phone(&id).or_else(|| said::person(service, &id)),
    }
}

fn arrived(json: &Value) -> Option<Arrived> {
    let mut arrived =
        Arrived::text(said::name(json, "/message_uuid")?, address(json, "/from")?, "");
    arrived.to = address(json, "/to");
    arrived.at = said::moment(json, "/timestamp");
    arrived.pieces = pieces(json);
    arrived.answers = said::name(json, "/context/message_uuid");
    arrived.name = said::owned(json, "/profile/name");
    Some(arrived)
}

fn pieces(json: &Value) -> Vec<Piece<String, Attachment>> {
    let kind = said::text(json, "/message_type").unwrap_or_default();
    let own = json.get(kind).unwrap_or(&Value::Null);
    let choice = |id: &str, label: &str| {
        let id = said::owned(own, id)?;
        Some(Piece::Choice { label: said::owned(own, label).unwrap_or_else(|| id.clone()), id })
    };
    let piece = match kind {
        "text" => own.as_str().map(Piece::text),
        "image" | "audio" | "video" | "file" | "vcard" | "sticker" => said::owned(own, "/url")
            .map(|url| said::file(Place::Url(url), None, said::text(own, "/name"))),
        "location" => said::location(own, ("/lat", "/long"), said::owned(own, "/name")),
        "reply" => choice("/id", "/title"),
        "button" => choice("/payload", "/text"),
        "reaction" => said::name(json, "/context/message_uuid").map(|to| {
            let taken = said::text(own, "/action") == Some("unreact");
            Piece::Reaction { to, sign: said::owned(own, "/emoji").filter(|_| !taken) }
        }),
        _ => None,
    };
    let mut pieces = vec![piece.unwrap_or_else(|| said::unsupported(kind))];
    pieces.extend(said::owned(own, "/caption").map(Piece::text));
    pieces
}

/// What became of a message; nothing inside for what is not a step of ours.
fn report(json: &Value, status: &str) -> Option<Option<Report>> {
    let reference = said::name(json, "/message_uuid")?;
    let status = match status {
        "submitted" => Status::Sent,
        "delivered" => Status::Delivered,
        "read" => Status::Read,
        "rejected" | "undeliverable" => {
            let code = said::number(json, "/error/title")
                .or_else(|| said::text(json, "/error/type").and_then(code_in));
            let code_text = code.map(|code| code.to_string()).unwrap_or_default();
            Status::Failed(Failure { fault: code.map_or(Fault::Unknown, fault), code: code_text })
        }
        _ => return Some(None),
    };
    Some(Some(Report { reference, status, at: said::moment(json, "/timestamp") }))
}

/// The number behind `#` in an error's type.
fn code_in(kind: &str) -> Option<i64> {
    kind.rsplit_once('#')?.1.parse().ok()
}

/// Whose doing an error of Vonage's is.
fn fault(code: i64) -> Fault {
    match code {
        1_000 | 1_100 => Fault::Network,
        1_010..=1_022 | 1_090 | 1_130 | 1_150 => Fault::Content,
        1_040 | 1_160 | 1_170 | 1_190 => Fault::Address,
        1_050 => Fault::Refused,
        1_060..=1_080 | 1_120 | 1_140 => Fault::Account,
        1_340 => Fault::Window,
        _ => Fault::Unknown,
    }
}
