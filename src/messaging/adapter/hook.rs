//! Our own form, by which a site adds any service with a program of its own: `firmware-config/channels.md` is its contract.
//!
//! Both ways the same: JSON that is posted, signed as Standard Webhooks has it (HMAC-SHA256 over `id.timestamp.body`). What
//! is said here is said there; neither is changed without the other.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::proof::{self, Secret, same};
use super::said;
use super::sending::{self, One};
use crate::messaging::address::{Address, Kind};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Refusal, Report, Status, Told,
};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Reply, Request, Shown};
use crate::time::UnixTime;

/// Events of one request: as many as Meta's largest batch, which a program may hand on.
const MOST_EVENTS: usize = 1_000;
/// Names of one message that an answer may give: the parts of the longest SMS text.
const MOST_NAMES: usize = 255;

/// A program of the site.
#[derive(Debug)]
pub struct Hook {
    /// Where it takes messages.
    pub url: String,
    /// What it calls the service: people there are `SERVICE:ID`.
    pub service: String,
    /// What the box and it share, and beside that one which is on its way out.
    pub secrets: Vec<Secret>,
    /// What the service can carry, as the site says.
    pub capabilities: Capabilities,
    /// How long it may take.
    pub within: Duration,
}

impl Adapter for Hook {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn hear(&self, now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        let once = self.proved(now, &request)?;
        let json = said::json(request.body).ok_or(NotHeard::Form)?;
        let events = json.get("events").and_then(Value::as_array);
        let events = events.filter(|events| events.len() <= MOST_EVENTS).ok_or(NotHeard::Form)?;
        let mut heard = Heard::of(Vec::new());
        for event in events {
            match self.told(event) {
                Some(told) => heard.told.push(told),
                None => heard.odd += 1,
            }
        }
        if heard.told.is_empty() && heard.odd > 0 {
            return Err(NotHeard::Form);
        }
        let body = json!({"taken": heard.told.len(), "refused": heard.odd}).to_string();
        let reply = Reply { status: 200, mime: Some("application/json"), body: body.into_bytes() };
        Ok(Heard { once: Some(once), reply, ..heard })
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
        let pieces = outgoing.pieces.iter().map(|piece| written(piece, files));
        let body = json!({
            "type": "message",
            "id": outgoing.message.to_string(),
            "attempt": outgoing.attempt,
            "to": self.person(&outgoing.to),
            "from": outgoing.from.as_ref().map(|from| &from.value),
            "content": pieces.collect::<Result<Vec<Value>, Failure>>()?,
            "answers": outgoing.answers,
            "thread": outgoing.thread,
            "subject": outgoing.subject,
            "until": outgoing.until.to_string(),
            "urgent": outgoing.urgent,
        });
        Ok(Some(self.signed(now, &format!("msg_{}", outgoing.message), &body)))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        let names = |json: &Value| -> Vec<String> {
            let one = said::name(json, "/id");
            let ids = said::list(json, "/ids").iter().filter_map(|id| said::name(id, ""));
            one.into_iter().chain(ids).take(MOST_NAMES).collect()
        };
        if let [Answer::Replied { status: 200..=299, body, .. }] = answers {
            let references = said::json(body).map(|json| names(&json)).unwrap_or_default();
            return match references.is_empty() {
                true => Outcome::Doubtful,
                false => Outcome::Accepted { references },
            };
        }
        sending::outcome(
            answers,
            |_| One::Doubtful,
            |status, json| match json.get("error") {
                Some(error) => failure(error),
                None => Failure { fault: sending::fault(status), code: status.to_string() },
            },
        )
    }

    fn show(&self, now: UnixTime, to: &Address, shown: &Shown) -> Option<Ask> {
        let person = self.person(to);
        let body = match shown {
            Shown::Typing(on) => json!({"type": "typing", "to": person, "on": on}),
            Shown::Read(message) => json!({"type": "read", "to": person, "message": message}),
        };
        // It is never another's: it says when.
        Some(self.signed(now, &format!("show_{}", now.0), &body))
    }
}

impl Hook {
    /// The request's own name, once it is proved.
    fn proved(&self, now: UnixTime, request: &Request<'_>) -> Result<String, NotHeard> {
        let header = |name| request.header(name).ok_or(NotHeard::Unproved);
        let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
        let shown = header("webhook-signature")?;
        let plain = at.bytes().all(|b| b.is_ascii_digit()) && said::is_name(id);
        let seconds = at.parse().ok().filter(|_| plain).ok_or(NotHeard::Unproved)?;
        let good = |secret: &Secret| {
            let own = signature(secret, id, at, request.body);
            // A request may carry several while a secret is being changed. What is of another version is not looked at.
            shown.split(' ').any(|one| same(own.as_bytes(), one.as_bytes()))
        };
        if !self.secrets.iter().any(good) {
            return Err(NotHeard::Unproved);
        }
        proof::fresh(now, seconds)?;
        Ok(id.to_owned())
    }

    fn signed(&self, now: UnixTime, id: &str, body: &Value) -> Ask {
        let (body, at) = (body.to_string().into_bytes(), now.seconds().to_string());
        let signatures = self.secrets.iter().map(|secret| signature(secret, id, &at, &body));
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-signature", signatures.collect::<Vec<_>>().join(" ")),
            ("webhook-timestamp", at),
        ];
        Ask { method: "POST", url: self.url.clone(), headers, body, within: self.within }
    }

    /// Somebody as the contract writes them.
    fn person(&self, address: &Address) -> Value {
        match (address.kind, said::id_of(&self.service, address)) {
            (Kind::Phone, _) => json!({"phone": address.value}),
            (_, Some(id)) => json!({"id": id}),
            _ => json!({"id": address.value}),
        }
    }

    fn address(&self, value: &Value, path: &str) -> Option<Address> {
        let value = value.pointer(path)?;
        let phone = said::text(value, "/phone").and_then(said::phone);
        phone.or_else(|| said::person(&self.service, &said::name(value, "/id")?))
    }

    fn told(&self, event: &Value) -> Option<Told> {
        match said::text(event, "/type")? {
            "status" => report(event).map(Told::Report),
            "typing" => {
                let on = event.get("on").and_then(Value::as_bool).unwrap_or(true);
                Some(Told::Typing { from: self.address(event, "/from")?, on })
            }
            "read" => {
                let (from, at) = (self.address(event, "/from")?, said::moment(event, "/at")?);
                Some(Told::ReadUpTo { from, reference: said::name(event, "/message"), at })
            }
            "message" => self.arrived(event).map(|arrived| Told::Arrived(Box::new(arrived))),
            _ => None,
        }
    }

    fn arrived(&self, event: &Value) -> Option<Arrived> {
        let key = said::name(event, "/id")?;
        let mut arrived = Arrived::text(key, self.address(event, "/from")?, "");
        arrived.to = self.address(event, "/to");
        arrived.at = said::moment(event, "/at");
        arrived.pieces = said::list(event, "/content").iter().map(piece).collect();
        if arrived.pieces.is_empty() {
            arrived.pieces.push(said::unsupported("message without content"));
        }
        arrived.answers = said::name(event, "/answers");
        arrived.thread = said::name(event, "/thread");
        arrived.subject = said::owned(event, "/subject");
        arrived.name = said::owned(event, "/from/name");
        arrived.refusal = match said::text(event, "/refusal") {
            Some("stop") => Some(Refusal::Stop),
            Some("start") => Some(Refusal::Start),
            Some("help") => Some(Refusal::Help),
            _ => None,
        };
        arrived.automatic = event.get("automatic").and_then(Value::as_bool) == Some(true);
        Some(arrived)
    }
}

fn signature(secret: &Secret, id: &str, at: &str, body: &[u8]) -> String {
    let parts = [id.as_bytes(), b".", at.as_bytes(), b".", body];
    format!("v1,{}", proof::to_base64(secret.sign(hmac::HMAC_SHA256, &parts)))
}

fn piece(value: &Value) -> Piece<String, Attachment> {
    let kind = said::text(value, "/type").unwrap_or_default();
    let piece = match kind {
        "text" => value.get("text").and_then(Value::as_str).map(Piece::text),
        "file" => file(value),
        "location" => {
            said::location(value, ("/latitude", "/longitude"), said::owned(value, "/name"))
        }
        "choice" => said::owned(value, "/id").map(|id| {
            let label = said::owned(value, "/label").unwrap_or_else(|| id.clone());
            Piece::Choice { id, label }
        }),
        "reaction" => said::name(value, "/to")
            .map(|to| Piece::Reaction { to, sign: said::owned(value, "/sign") }),
        _ => None,
    };
    piece.unwrap_or_else(|| said::unsupported(kind))
}

fn file(value: &Value) -> Option<Piece<String, Attachment>> {
    let place = match (said::text(value, "/data"), said::owned(value, "/url")) {
        (Some(data), _) => Place::Here(STANDARD.decode(data).ok()?),
        (None, Some(url)) => Place::Url(url),
        (None, None) => return None,
    };
    let size = said::number(value, "/size").and_then(|size| u64::try_from(size).ok());
    let (mime, name) = (said::owned(value, "/mime"), said::owned(value, "/name"));
    Some(Piece::Media { media: Attachment { place, mime, name, size } })
}

fn written(piece: &Piece<String>, files: &dyn Files) -> Result<Value, Failure> {
    Ok(match piece {
        Piece::Text { text } => json!({"type": "text", "text": text}),
        Piece::Location { at, name } => {
            let (latitude, longitude) = at.split_once(',').unwrap_or((at, ""));
            let degrees = |text: &str| text.parse::<f64>().unwrap_or_default();
            json!({"type": "location", "latitude": degrees(latitude),
                "longitude": degrees(longitude), "name": name})
        }
        Piece::Choice { id, label } => json!({"type": "choice", "id": id, "label": label}),
        Piece::Reaction { to, sign } => json!({"type": "reaction", "to": to, "sign": sign}),
        Piece::Template { name, language, values } => {
            json!({"type": "template", "name": name, "language": language, "values": values})
        }
        Piece::Missing { .. } => return Err(sending::cannot("the file is gone")),
        Piece::Media { media } => {
            let mut file = json!({"type": "file", "mime": media.mime, "name": media.name,
                "size": media.size, "sha256": media.content.to_string()});
            match files.url(media.content) {
                Some(url) => file["url"] = json!(url),
                None => file["data"] = json!(STANDARD.encode(sending::bytes(files, media)?)),
            }
            file
        }
    })
}

fn report(event: &Value) -> Option<Report> {
    let status = match said::text(event, "/status")? {
        "sent" => Status::Sent,
        "delivered" => Status::Delivered,
        "read" => Status::Read,
        "failed" => Status::Failed(failure(event.get("error").unwrap_or(&Value::Null))),
        _ => return None,
    };
    let reference = said::name(event, "/message")?;
    Some(Report { reference, status, at: said::moment(event, "/at") })
}

fn failure(error: &Value) -> Failure {
    let fault = error.get("fault").cloned().unwrap_or_default();
    let fault = serde_json::from_value(fault).unwrap_or(Fault::Unknown);
    Failure { fault, code: said::name(error, "/code").unwrap_or_default() }
}
