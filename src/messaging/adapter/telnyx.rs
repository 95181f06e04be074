//! Telnyx Messaging: SMS and MMS, proved by Ed25519 over the time and the body.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use super::proof::{self, Secret};
use super::said;
use super::sending::{self, One};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Report, Status, Told,
};
use crate::messaging::piece::{Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Request};
use crate::time::UnixTime;

/// Characters of one text that it takes, and cuts itself.
const LONGEST: usize = 1_600;

/// An account of Telnyx.
#[derive(Debug)]
pub struct Telnyx {
    /// Where its API is: `https://api.telnyx.com`.
    pub api: String,
    /// The account's public key in base64, by which what comes is proved.
    pub public_key: String,
    /// The API key.
    pub access: Secret,
    /// Of whom messages are: a number or a sender's name.
    pub sender: String,
    /// Where it shall tell what became of a message.
    pub callback: Option<String>,
}

impl Adapter for Telnyx {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: LONGEST,
            media: 1 << 20,
            templates: false,
            delivered: true,
            read: false,
            typing: false,
            window: None,
        }
    }

    fn hear(&self, now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        self.proved(now, &request)?;
        let json = said::json(request.body).ok_or(NotHeard::Form)?;
        let once = said::name(&json, "/data/id");
        let payload = json.pointer("/data/payload").ok_or(NotHeard::Form)?;
        let told = match said::text(&json, "/data/event_type").ok_or(NotHeard::Form)? {
            "message.received" => {
                vec![Told::Arrived(Box::new(arrived(payload).ok_or(NotHeard::Form)?))]
            }
            "message.sent" | "message.finalized" => reports(payload).ok_or(NotHeard::Form)?,
            _ => Vec::new(),
        };
        Ok(Heard { once, ..Heard::of(told) })
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
        let mut body = json!({"from": from, "to": outgoing.to.value, "text": text});
        let urls = media.into_iter().map(|media| sending::public(files, media));
        let urls = urls.collect::<Result<Vec<String>, Failure>>()?;
        if !urls.is_empty() {
            body["media_urls"] = json!(urls);
        }
        if let Some(callback) = &self.callback {
            body["webhook_url"] = json!(callback);
        }
        let url = format!("{}/v2/messages", self.api);
        Ok(Some(sending::post(url, Some(self.access.bearer()), &body)))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        let taken = |json: &Value| said::name(json, "/data/id").map_or(One::Doubtful, One::Taken);
        sending::outcome(answers, taken, |status, json| {
            match said::number(json, "/errors/0/code") {
                Some(code) => failure(code),
                None => Failure { fault: sending::fault(status), code: status.to_string() },
            }
        })
    }
}

impl Telnyx {
    fn proved(&self, now: UnixTime, request: &Request<'_>) -> Result<(), NotHeard> {
        let header = |name| request.header(name).ok_or(NotHeard::Unproved);
        let (shown, at) = (header("telnyx-signature-ed25519")?, header("telnyx-timestamp")?);
        let seconds = at.parse().ok().filter(|_| at.bytes().all(|b| b.is_ascii_digit()));
        let (Some(seconds), Some(key), Some(signature)) =
            (seconds, proof::from_base64(&self.public_key), proof::from_base64(shown))
        else {
            return Err(NotHeard::Unproved);
        };
        let signed = [at.as_bytes(), b"|", request.body].concat();
        let proved = UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature);
        proved.map_err(|_| NotHeard::Unproved)?;
        proof::fresh(now, seconds)
    }
}

fn arrived(payload: &Value) -> Option<Arrived> {
    let from = said::phone_or_short(said::text(payload, "/from/phone_number")?)?;
    let mut arrived = Arrived::text(said::name(payload, "/id")?, from, "");
    arrived.to = said::text(payload, "/to/0/phone_number").and_then(said::phone_or_short);
    arrived.at = said::moment(payload, "/received_at");
    arrived.pieces = said::owned(payload, "/text").map(Piece::text).into_iter().collect();
    for media in said::list(payload, "/media") {
        let Some(url) = said::owned(media, "/url") else { continue };
        let mime = said::text(media, "/content_type");
        arrived.pieces.push(said::file(Place::Url(url), mime, None));
    }
    if arrived.pieces.is_empty() {
        let kind = said::text(payload, "/type").filter(|kind| !matches!(*kind, "SMS" | "MMS"));
        arrived.pieces.push(kind.map_or_else(|| Piece::text(""), said::unsupported));
    }
    Some(arrived)
}

/// One for the message; with several receivers it would be one for each, and there is one here.
fn reports(payload: &Value) -> Option<Vec<Told>> {
    let reference = said::name(payload, "/id")?;
    let failed = said::number(payload, "/errors/0/code")
        .map_or(Failure { fault: Fault::Unknown, code: String::new() }, failure);
    let status = match said::text(payload, "/to/0/status")? {
        "sent" => Status::Sent,
        "delivered" => Status::Delivered,
        "sending_failed" | "delivery_failed" => Status::Failed(failed),
        _ => return Some(Vec::new()),
    };
    let at = said::moment(payload, "/completed_at").or_else(|| said::moment(payload, "/sent_at"));
    Some(vec![Told::Report(Report { reference, status, at })])
}

/// Whose doing an error of Telnyx's is.
fn failure(code: i64) -> Failure {
    let fault = match code {
        40_001 | 40_008 | 40_310 | 40_312 => Fault::Address,
        40_002 | 40_003 | 40_300 => Fault::Refused,
        40_005 => Fault::Expired,
        40_004 | 40_302 | 40_306 | 40_309 | 40_314 => Fault::Content,
        10_009 | 10_010 | 40_305 | 40_311 | 40_013 => Fault::Account,
        10_011 | 40_006 | 40_007 | 40_011 | 40_014 => Fault::Network,
        _ => Fault::Unknown,
    };
    Failure { fault, code: code.to_string() }
}
