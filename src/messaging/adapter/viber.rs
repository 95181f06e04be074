//! Viber's bots.

use ring::hmac;
use serde_json::{Value, json};

use super::proof::{self, Secret, same};
use super::said;
use super::sending::{self, One, cannot};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Refusal, Report, Status, Told,
};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Request};
use crate::time::UnixTime;

/// Characters of one text.
const LONGEST: usize = 7_000;

/// A bot.
#[derive(Debug)]
pub struct Viber {
    /// Where its API is: `https://chatapi.viber.com`.
    pub api: String,
    /// The bot's token: it signs what comes, and sends.
    pub token: Secret,
    /// What people see as its name.
    pub name: String,
}

impl Adapter for Viber {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: LONGEST,
            media: 50 << 20,
            templates: false,
            delivered: true,
            read: true,
            typing: false,
            window: None,
        }
    }

    fn hear(&self, _now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        if request.method != "POST" {
            return Err(NotHeard::Unknown);
        }
        let shown = request.header("x-viber-content-signature").ok_or(NotHeard::Unproved)?;
        let own = proof::hex(self.token.sign(hmac::HMAC_SHA256, &[request.body]));
        if !same(own.as_bytes(), shown.as_bytes()) || self.token.bytes().is_empty() {
            return Err(NotHeard::Unproved);
        }
        let json = said::json(request.body).ok_or(NotHeard::Form)?;
        let told = told(&json).ok_or(NotHeard::Form)?;
        Ok(Heard::of(told.into_iter().collect()))
    }

    fn ask(
        &self,
        _now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure> {
        let nobody = Failure { fault: Fault::Address, code: "not on viber".to_owned() };
        let to = said::id_of("viber", &outgoing.to).ok_or(nobody)?;
        let bodies = bodies(outgoing, files)?;
        let Some(mut body) = bodies.into_iter().nth(answers.len()) else { return Ok(None) };
        body["receiver"] = json!(to);
        body["sender"] = json!({"name": self.name});
        body["tracking_data"] = json!(outgoing.message.to_string());
        let mut ask = sending::post(format!("{}/pa/send_message", self.api), None, &body);
        ask.headers.push(("x-viber-auth-token", self.token.text().to_owned()));
        Ok(Some(ask))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        // It says 200 to everything, and in the body what it means.
        let taken = |json: &Value| match said::number(json, "/status") {
            Some(0) => said::name(json, "/message_token").map_or(One::Doubtful, One::Taken),
            Some(12) => One::Throttled(std::time::Duration::from_secs(5)),
            Some(code) => One::Refused(failure(code)),
            None => One::Doubtful,
        };
        sending::outcome(answers, taken, |status, _| Failure {
            fault: sending::fault(status),
            code: status.to_string(),
        })
    }
}

fn told(json: &Value) -> Option<Option<Told>> {
    let at = said::millis(json, "/timestamp");
    let report = |status| {
        let reference = said::name(json, "/message_token")?;
        Some(Some(Told::Report(Report { reference, status, at })))
    };
    match said::text(json, "/event")? {
        "delivered" => report(Status::Delivered),
        "seen" => report(Status::Read),
        "failed" => report(Status::Failed(Failure { fault: Fault::Unknown, code: String::new() })),
        "message" => {
            let from = said::person("viber", &said::name(json, "/sender/id")?)?;
            let mut arrived = Arrived::text(said::name(json, "/message_token")?, from, "");
            arrived.at = at;
            arrived.name = said::owned(json, "/sender/name");
            arrived.pieces = pieces(json.get("message")?);
            Some(Some(Told::Arrived(Box::new(arrived))))
        }
        "unsubscribed" => {
            let from = said::person("viber", &said::name(json, "/user_id")?)?;
            let mut arrived = Arrived::text(said::name(json, "/message_token")?, from, "");
            arrived.at = at;
            arrived.pieces.clear();
            arrived.refusal = Some(Refusal::Stop);
            Some(Some(Told::Arrived(Box::new(arrived))))
        }
        _ => Some(None),
    }
}

fn pieces(message: &Value) -> Vec<Piece<String, Attachment>> {
    let kind = said::text(message, "/type").unwrap_or_default();
    let text = said::owned(message, "/text");
    let media = said::owned(message, "/media");
    let piece = match (kind, media) {
        ("text", _) => return text.map(Piece::text).into_iter().collect(),
        ("url", Some(url)) => Some(Piece::text(url)),
        ("picture" | "video" | "file", Some(url)) => {
            Some(said::file(Place::Url(url), None, said::text(message, "/file_name")))
        }
        ("location", _) => said::location(message, ("/location/lat", "/location/lon"), None),
        ("contact", _) => said::owned(message, "/contact/phone_number").map(Piece::text),
        _ => None,
    };
    let mut pieces = vec![piece.unwrap_or_else(|| said::unsupported(kind))];
    pieces.extend(text.map(Piece::text));
    pieces
}

fn bodies(outgoing: &Outgoing, files: &dyn Files) -> Result<Vec<Value>, Failure> {
    if let Some((text, choices)) = sending::offered(outgoing) {
        let button = |(id, label): &(&str, &str)| json!({"ActionType": "reply", "ActionBody": id, "Text": label});
        let buttons: Vec<Value> = choices.iter().map(button).collect();
        let keyboard = json!({"Type": "keyboard", "Buttons": buttons});
        return Ok(vec![json!({"type": "text", "text": text, "keyboard": keyboard})]);
    }
    let (text, media) = sending::words(outgoing)?;
    sending::no_longer(&text, LONGEST)?;
    let mut bodies = Vec::new();
    if !text.is_empty() {
        bodies.push(json!({"type": "text", "text": text}));
    }
    for media in media {
        let url = sending::public(files, media)?;
        bodies.push(match media.mime.as_str() {
            "image/jpeg" | "image/png" => json!({"type": "picture", "text": "", "media": url}),
            _ => {
                let name = sending::file_name(media);
                json!({"type": "file", "media": url, "size": media.size, "file_name": name})
            }
        });
    }
    if bodies.is_empty() {
        return Err(cannot("nothing to send"));
    }
    Ok(bodies)
}

/// Whose doing a status of Viber's is.
fn failure(code: i64) -> Failure {
    let fault = match code {
        2 | 7 | 10 | 13 | 16 => Fault::Account,
        3 | 4 | 9 => Fault::Content,
        5 => Fault::Address,
        6 | 17 => Fault::Refused,
        8 => Fault::Address,
        1 | 11 => Fault::Network,
        _ => Fault::Unknown,
    };
    Failure { fault, code: code.to_string() }
}
