//! LINE's Messaging API: an official account and the people who have added it.

use ring::hmac;
use serde_json::{Value, json};

use super::proof::{self, Secret, same};
use super::said;
use super::sending::{self, One, cannot};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Refusal, Told,
};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Request};
use crate::time::UnixTime;

/// Characters of one text, and messages of one request.
const LONGEST: usize = 5_000;
const MOST: usize = 5;

/// A channel of LINE's.
#[derive(Debug)]
pub struct Line {
    /// Where its API is: `https://api.line.me`.
    pub api: String,
    /// Where it has files: `https://api-data.line.me`.
    pub data: String,
    /// The channel's secret: it signs what comes.
    pub secret: Secret,
    /// The channel's access token.
    pub access: Secret,
}

impl Adapter for Line {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: LONGEST,
            media: 10 << 20,
            templates: false,
            delivered: false,
            read: false,
            typing: false,
            window: None,
        }
    }

    fn hear(&self, _now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        let shown = request.header("x-line-signature").ok_or(NotHeard::Unproved)?;
        let own = proof::to_base64(self.secret.sign(hmac::HMAC_SHA256, &[request.body]));
        if !same(own.as_bytes(), shown.as_bytes()) || self.secret.bytes().is_empty() {
            return Err(NotHeard::Unproved);
        }
        let json = said::json(request.body).ok_or(NotHeard::Form)?;
        let events = json.get("events").and_then(Value::as_array).ok_or(NotHeard::Form)?;
        let mut heard = Heard::of(Vec::new());
        for event in events {
            match self.arrived(event) {
                Some(arrived) => heard.told.extend(arrived.map(|one| Told::Arrived(Box::new(one)))),
                None => heard.odd += 1,
            }
        }
        Ok(heard)
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
        let nobody = Failure { fault: Fault::Address, code: "not on line".to_owned() };
        let to = said::id_of("line", &outgoing.to).ok_or(nobody)?;
        let body = json!({"to": to, "messages": messages(outgoing, files)?});
        let url = format!("{}/v2/bot/message/push", self.api);
        let mut ask = sending::post(url, Some(self.access.bearer()), &body);
        // By it the service itself sends nothing twice.
        ask.headers.push(("x-line-retry-key", retry_key(outgoing.message.0)));
        Ok(Some(ask))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        // Taken before, by the same key: the answer says what it was called then.
        let taken = match answers {
            [Answer::Replied { status: 409, retry_after, body }] => {
                &[Answer::Replied { status: 200, retry_after: *retry_after, body }][..]
            }
            answers => answers,
        };
        sending::outcome(
            taken,
            |json| said::name(json, "/sentMessages/0/id").map_or(One::Doubtful, One::Taken),
            |status, _| Failure { fault: sending::fault(status), code: status.to_string() },
        )
    }

    fn fetch(&self, url: &str) -> Ask {
        let own = url.strip_prefix(&self.data).is_some_and(|rest| rest.starts_with('/'));
        sending::get(url.to_owned(), own.then(|| self.access.bearer()))
    }
}

impl Line {
    /// What somebody did; nothing inside for what says nothing.
    fn arrived(&self, event: &Value) -> Option<Option<Arrived>> {
        let source = event.get("source")?;
        let group = said::name(source, "/groupId").or_else(|| said::name(source, "/roomId"));
        let id = group.or_else(|| said::name(source, "/userId"))?;
        let from = said::person("line", &id)?;
        let mut arrived = Arrived::text(said::name(event, "/webhookEventId")?, from, "");
        arrived.at = said::millis(event, "/timestamp");
        match said::text(event, "/type")? {
            "message" => {
                let message = event.get("message")?;
                arrived.key = said::name(message, "/id")?;
                arrived.answers = said::name(message, "/quotedMessageId");
                arrived.pieces = vec![self.piece(message)];
            }
            "postback" => {
                let id = said::owned(event, "/postback/data")?;
                arrived.pieces = vec![Piece::Choice { label: id.clone(), id }];
            }
            // Somebody has blocked the account, or has taken that back.
            "unfollow" => {
                arrived.pieces.clear();
                arrived.refusal = Some(Refusal::Stop);
            }
            "follow" => {
                arrived.pieces.clear();
                arrived.refusal = Some(Refusal::Start);
            }
            _ => return Some(None),
        }
        Some(Some(arrived))
    }

    fn piece(&self, message: &Value) -> Piece<String, Attachment> {
        let kind = said::text(message, "/type").unwrap_or_default();
        let piece = match kind {
            "text" => said::owned(message, "/text").map(Piece::text),
            "location" => {
                let name =
                    said::owned(message, "/title").or_else(|| said::owned(message, "/address"));
                said::location(message, ("/latitude", "/longitude"), name)
            }
            "image" | "video" | "audio" | "file" => {
                let other = said::owned(message, "/contentProvider/originalContentUrl");
                let own =
                    said::name(message, "/id").filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
                let own = own.map(|id| format!("{}/v2/bot/message/{id}/content", self.data));
                let name = said::text(message, "/fileName");
                other.or(own).map(|url| said::file(Place::Url(url), None, name))
            }
            "sticker" => said::owned(message, "/text").map(Piece::text),
            _ => None,
        };
        piece.unwrap_or_else(|| said::unsupported(kind))
    }
}

fn messages(outgoing: &Outgoing, files: &dyn Files) -> Result<Vec<Value>, Failure> {
    if let Some((text, choices)) = sending::offered(outgoing) {
        let item = |(id, label): &(&str, &str)| {
            let label: String = label.chars().take(20).collect();
            json!({"type": "action", "action":
                {"type": "postback", "label": label, "data": id, "displayText": label}})
        };
        let items: Vec<Value> = choices.iter().take(13).map(item).collect();
        return Ok(vec![json!({"type": "text", "text": text, "quickReply": {"items": items}})]);
    }
    let (text, media) = sending::words(outgoing)?;
    sending::no_longer(&text, LONGEST)?;
    let mut messages = Vec::new();
    if !text.is_empty() {
        messages.push(json!({"type": "text", "text": text}));
    }
    for media in media {
        let url = sending::public(files, media)?;
        messages.push(match media.mime.as_str() {
            "image/jpeg" | "image/png" => {
                json!({"type": "image", "originalContentUrl": url, "previewImageUrl": url})
            }
            // It takes no other files: whoever reads it follows the address.
            _ => json!({"type": "text", "text": url}),
        });
    }
    if messages.len() > MOST {
        return Err(cannot("too many files"));
    }
    Ok(messages)
}

/// A UUID that is the same for every attempt of a message.
fn retry_key(message: u64) -> String {
    let digits = format!("{message:016x}");
    let [a, b, c, d] = [&digits[..8], &digits[8..12], &digits[12..15], &digits[15..]];
    format!("{a}-{b}-4{c}-8{d}00-000000000000")
}
