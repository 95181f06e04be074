//! Meta's services: WhatsApp (Cloud API), Messenger and Instagram, which share how they are proved and asked.
//!
//! A person on WhatsApp may have no number here: then there is the name that the service gives them toward this business.
//! Free words go for a day after somebody has written; later only a template goes, or on Messenger and Instagram nothing.

use std::time::Duration;

use ring::hmac;

use serde_json::{Value, json};

use super::form::Fields;
use super::proof::{self, Secret, same};
use super::said;
use super::sending::{self, One, cannot};
use crate::messaging::address::{Address, Kind};
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Report, Status, Told,
};
use crate::messaging::piece::{Attachment, Media, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Reply, Request, Shown};
use crate::time::UnixTime;

/// Bytes of the longest challenge that is said back: Meta's have ten digits.
const LONGEST_CHALLENGE: usize = 128;
/// Answers on buttons, and in a list, that WhatsApp shows; Messenger's quick replies.
const BUTTONS: usize = 3;
const ROWS: usize = 10;
const QUICK: usize = 13;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// WhatsApp, Cloud API.
    WhatsApp,
    /// A page's Messenger.
    Messenger,
    /// A professional account's direct messages.
    Instagram,
}

/// A number, a page or an account of Meta's.
#[derive(Debug)]
pub struct Meta {
    /// Which service it is of.
    pub service: Service,
    /// Where the API is, with its version: `https://graph.facebook.com/v23.0`.
    pub api: String,
    /// The number's, the page's or the account's id there.
    pub id: String,
    /// The app's secret: it signs what comes.
    pub app_secret: Secret,
    /// What Meta says when it first calls.
    pub verify: Secret,
    /// What we show when we ask.
    pub access: Secret,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Service::WhatsApp => "whatsapp",
            Service::Messenger => "messenger",
            Service::Instagram => "instagram",
        }
    }

    fn object(self) -> &'static str {
        match self {
            Service::WhatsApp => "whatsapp_business_account",
            Service::Messenger => "page",
            Service::Instagram => "instagram",
        }
    }

    fn longest(self) -> usize {
        match self {
            Service::WhatsApp => 4_096,
            Service::Messenger => 2_000,
            Service::Instagram => 1_000,
        }
    }
}

impl Adapter for Meta {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: self.service.longest(),
            media: if self.service == Service::WhatsApp { 100 << 20 } else { 25 << 20 },
            templates: self.service == Service::WhatsApp,
            delivered: self.service != Service::Instagram,
            read: true,
            typing: true,
            window: Some(super::DAY),
        }
    }

    fn hear(&self, _now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        match request.method {
            "GET" => self.challenged(&request).map(Heard::reply),
            "POST" => self.told(&request),
            _ => Err(NotHeard::Unknown),
        }
    }

    fn ask(
        &self,
        _now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure> {
        let mut steps = self.steps(outgoing, files)?.into_iter().skip(answers.len());
        let Some(step) = steps.next() else { return Ok(None) };
        Ok(match step {
            Step::Ask(ask) => Some(ask),
            Step::Message(body) => Some(self.message(&body)),
            Step::Uploaded(kind, mut body) => {
                let last = answers.last().and_then(|answer| id_in(*answer));
                last.map(|id| {
                    body[kind]["id"] = Value::String(id);
                    self.message(&body)
                })
            }
        })
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        let taken = |json: &Value| {
            let own =
                said::name(json, "/messages/0/id").or_else(|| said::name(json, "/message_id"));
            match own {
                Some(id) => One::Taken(id),
                // A file's own name: it has gone nowhere yet.
                None if json.get("id").is_some() => One::Step,
                None => One::Doubtful,
            }
        };
        if let [Answer::Replied { body, .. }] = answers
            && said::json(body).is_some_and(|json| is_too_much(&json))
        {
            return Outcome::Throttled(TOO_MUCH);
        }
        sending::outcome(answers, taken, |status, json| match said::number(json, "/error/code") {
            Some(code) => failure(code),
            None => Failure { fault: sending::fault(status), code: status.to_string() },
        })
    }

    fn show(&self, _now: UnixTime, to: &Address, shown: &Shown) -> Option<Ask> {
        let body = match (self.service, shown) {
            (Service::WhatsApp, Shown::Read(id)) => {
                json!({"messaging_product": "whatsapp", "status": "read", "message_id": id})
            }
            // It shows that somebody writes only along with what was read.
            (Service::WhatsApp, Shown::Typing(_)) => return None,
            (_, shown) => {
                let action = match shown {
                    Shown::Typing(true) => "typing_on",
                    Shown::Typing(false) => "typing_off",
                    Shown::Read(_) => "mark_seen",
                };
                let id = said::id_of(self.service.name(), to)?;
                json!({"recipient": {"id": id}, "sender_action": action})
            }
        };
        Some(self.message(&body))
    }

    fn locate(&self, id: &str) -> Option<Ask> {
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        plain.then(|| sending::get(format!("{}/{id}", self.api), Some(self.access.bearer())))
    }

    fn located(&self, answer: Answer<'_>) -> Option<Ask> {
        let Answer::Replied { status: 200, body, .. } = answer else { return None };
        let url = said::owned(&said::json(body)?, "/url")?;
        Some(sending::get(url, Some(self.access.bearer())))
    }
}

impl Meta {
    /// The first call: whoever knows the word is told what it said.
    fn challenged(&self, request: &Request<'_>) -> Result<Reply, NotHeard> {
        let query = Fields::of_query(request.url).ok_or(NotHeard::Form)?;
        if !query.one("hub.verify_token").is_some_and(|word| self.verify.is(word)) {
            return Err(NotHeard::Unproved);
        }
        let challenge = query.one("hub.challenge").filter(|text| {
            text.len() <= LONGEST_CHALLENGE && text.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        let subscribe = query.one("hub.mode") == Some("subscribe");
        let challenge = challenge.filter(|_| subscribe).ok_or(NotHeard::Form)?;
        Ok(Reply { status: 200, mime: Some("text/plain"), body: challenge.as_bytes().to_vec() })
    }

    fn told(&self, request: &Request<'_>) -> Result<Heard, NotHeard> {
        let shown = request.header("x-hub-signature-256").ok_or(NotHeard::Unproved)?;
        let own = proof::hex(self.app_secret.sign(hmac::HMAC_SHA256, &[request.body]));
        let proved = same(format!("sha256={own}").as_bytes(), shown.as_bytes());
        if !proved || self.app_secret.bytes().is_empty() {
            return Err(NotHeard::Unproved);
        }
        let json = said::json(request.body).ok_or(NotHeard::Form)?;
        let ours = said::text(&json, "/object") == Some(self.service.object());
        let entries = json.get("entry").and_then(Value::as_array).filter(|_| ours);
        let mut heard = Heard::of(Vec::new());
        for entry in entries.ok_or(NotHeard::Form)? {
            match self.service {
                Service::WhatsApp => changes(entry, &mut heard),
                line => events(line, entry, &mut heard),
            }
        }
        Ok(heard)
    }

    fn message(&self, body: &Value) -> Ask {
        let url = format!("{}/{}/messages", self.api, self.id);
        sending::post(url, Some(self.access.bearer()), body)
    }
}

/// A number's news.
fn changes(entry: &Value, heard: &mut Heard) {
    let values = said::list(entry, "/changes").iter().filter_map(|change| change.get("value"));
    for value in values {
        for message in said::list(value, "/messages") {
            match whatsapp(value, message) {
                Some(arrived) => heard.told.push(Told::Arrived(Box::new(arrived))),
                None => heard.odd += 1,
            }
        }
        for status in said::list(value, "/statuses") {
            match whatsapp_status(status) {
                Some(report) => heard.told.extend(report.map(Told::Report)),
                None => heard.odd += 1,
            }
        }
    }
}

fn whatsapp(value: &Value, message: &Value) -> Option<Arrived> {
    let (contact, from) = writer(value, message)?;
    let mut arrived = Arrived::text(said::name(message, "/id")?, from, "");
    arrived.to = said::text(value, "/metadata/display_phone_number")
        .map(|text| text.chars().filter(char::is_ascii_digit).collect::<String>())
        .and_then(|digits| said::phone(&digits));
    arrived.at = said::seconds(message, "/timestamp");
    arrived.pieces = whatsapp_pieces(message);
    arrived.answers = said::name(message, "/context/id");
    arrived.name = contact.and_then(|contact| said::owned(contact, "/profile/name"));
    Some(arrived)
}

/// Who wrote: the contact that comes along, and the address. The number where there is one.
fn writer<'a>(value: &'a Value, message: &Value) -> Option<(Option<&'a Value>, Address)> {
    let number = said::text(message, "/from").filter(|number| said::phone(number).is_some());
    let business = said::name(message, "/from_user_id");
    let contacts = said::list(value, "/contacts");
    let contact = contacts.iter().find(|contact| {
        let is = |path, own: Option<&str>| own.is_some() && said::text(contact, path) == own;
        is("/wa_id", number) || is("/user_id", business.as_deref())
    });
    // With a single contact there is no doubt of whom it is.
    let contact = contact.or_else(|| contacts.first().filter(|_| contacts.len() == 1));
    let from = match (number, business) {
        (Some(number), _) => said::phone(number)?,
        (None, Some(id)) => said::person("whatsapp", &id)?,
        (None, None) => said::person("whatsapp", &said::name(contact?, "/user_id")?)?,
    };
    Some((contact, from))
}

fn whatsapp_pieces(message: &Value) -> Vec<Piece<String, Attachment>> {
    let kind = said::text(message, "/type").unwrap_or_default();
    let own = message.get(kind).unwrap_or(&Value::Null);
    let piece = match kind {
        "text" => said::owned(own, "/body").map(Piece::text),
        "image" | "video" | "audio" | "document" | "sticker" => return whatsapp_file(kind, own),
        "location" => said::location(own, ("/latitude", "/longitude"), said::owned(own, "/name")),
        "button" => choice(own, "/payload", "/text"),
        "interactive" => choice(own, "/button_reply/id", "/button_reply/title")
            .or_else(|| choice(own, "/list_reply/id", "/list_reply/title")),
        "reaction" => said::name(own, "/message_id")
            .map(|to| Piece::Reaction { to, sign: said::owned(own, "/emoji") }),
        // What the service says of an account: a number that has changed.
        "system" => said::owned(own, "/body").map(Piece::text),
        _ => None,
    };
    vec![piece.unwrap_or_else(|| said::unsupported(kind))]
}

fn whatsapp_file(kind: &str, own: &Value) -> Vec<Piece<String, Attachment>> {
    let Some(id) = said::name(own, "/id") else { return vec![said::unsupported(kind)] };
    let (mime, name) = (said::text(own, "/mime_type"), said::text(own, "/filename"));
    let mut pieces = vec![said::file(Place::Id(id), mime, name)];
    pieces.extend(said::owned(own, "/caption").map(Piece::text));
    pieces
}

fn choice(value: &Value, id: &str, label: &str) -> Option<Piece<String, Attachment>> {
    let id = said::owned(value, id)?;
    let label = said::owned(value, label).unwrap_or_else(|| id.clone());
    Some(Piece::Choice { id, label })
}

/// What became of a message; nothing inside for what is not a step of ours.
fn whatsapp_status(status: &Value) -> Option<Option<Report>> {
    let reference = said::name(status, "/id")?;
    let step = match said::text(status, "/status")? {
        "sent" => Status::Sent,
        "delivered" => Status::Delivered,
        // A voice note that was listened to.
        "read" | "played" => Status::Read,
        "failed" => Status::Failed(
            said::number(status, "/errors/0/code")
                .map_or(Failure { fault: Fault::Unknown, code: String::new() }, failure),
        ),
        _ => return Some(None),
    };
    Some(Some(Report { reference, status: step, at: said::seconds(status, "/timestamp") }))
}

/// A page's or an account's news.
fn events(line: Service, entry: &Value, heard: &mut Heard) {
    for event in said::list(entry, "/messaging") {
        match event_of(line, event) {
            Some(told) => heard.told.extend(told),
            None => heard.odd += 1,
        }
    }
}

fn event_of(line: Service, event: &Value) -> Option<Vec<Told>> {
    let from = said::person(line.name(), &said::name(event, "/sender/id")?)?;
    let at = said::millis(event, "/timestamp");
    // What the page itself has said, from wherever, comes back as an echo.
    if event.pointer("/message/is_echo").and_then(Value::as_bool) == Some(true) {
        return Some(Vec::new());
    }
    if let Some(delivery) = event.get("delivery") {
        let mids = said::list(delivery, "/mids").iter().filter_map(|mid| said::name(mid, ""));
        let report = |reference| Report { reference, status: Status::Delivered, at };
        return Some(mids.map(report).map(Told::Report).collect());
    }
    if let Some(read) = event.get("read") {
        let upto = said::millis(read, "/watermark").or(at)?;
        return Some(vec![Told::ReadUpTo { from, reference: said::name(read, "/mid"), at: upto }]);
    }
    let (key, pieces) = written(event, &from)?;
    let mut arrived = Arrived::text(key, from, "");
    arrived.to = said::name(event, "/recipient/id").and_then(|id| said::person(line.name(), &id));
    arrived.at = at;
    arrived.pieces = pieces;
    arrived.answers = said::name(event, "/message/reply_to/mid");
    Some(vec![Told::Arrived(Box::new(arrived))])
}

/// The key of what was written, and it.
fn written(event: &Value, from: &Address) -> Option<(String, Vec<Piece<String, Attachment>>)> {
    // What has no name of its own has a time and a writer.
    let made = |kind: &str| {
        let at = said::number(event, "/timestamp")?;
        Some(format!("{kind}:{}:{at}", from.value))
    };
    if let Some(message) = event.get("message") {
        return Some((said::name(message, "/mid")?, page_pieces(message)));
    }
    if let Some(postback) = event.get("postback") {
        let key = said::name(postback, "/mid").or_else(|| made("postback"))?;
        let piece = choice(postback, "/payload", "/title");
        return Some((key, vec![piece.unwrap_or_else(|| said::unsupported("postback"))]));
    }
    if let Some(reaction) = event.get("reaction") {
        let to = said::name(reaction, "/mid")?;
        let taken = said::text(reaction, "/action") == Some("unreact");
        let sign = said::owned(reaction, "/emoji").or_else(|| said::owned(reaction, "/reaction"));
        let sign = sign.filter(|_| !taken);
        return Some((made("reaction")?, vec![Piece::Reaction { to, sign }]));
    }
    let known = ["sender", "recipient", "timestamp"];
    let kind = event.as_object()?.keys().find(|key| !known.contains(&key.as_str()))?;
    Some((made(kind)?, vec![said::unsupported(kind)]))
}

fn page_pieces(message: &Value) -> Vec<Piece<String, Attachment>> {
    let mut pieces = Vec::new();
    let text = said::owned(message, "/text");
    match (choice(message, "/quick_reply/payload", "/text"), text) {
        (Some(choice), _) => pieces.push(choice),
        (None, Some(text)) => pieces.push(Piece::text(text)),
        (None, None) => {}
    }
    for attachment in said::list(message, "/attachments") {
        let kind = said::text(attachment, "/type").unwrap_or_default();
        let url = said::owned(attachment, "/payload/url");
        pieces.push(match (kind, url) {
            (
                "image" | "video" | "audio" | "file" | "ig_reel" | "reel" | "story_mention",
                Some(url),
            ) => said::file(Place::Url(url), None, said::text(attachment, "/payload/title")),
            // A page that was shared: its address is what was said.
            (_, Some(url)) => Piece::text(url),
            (kind, None) => said::unsupported(kind),
        });
    }
    if pieces.is_empty() {
        let deleted = message.get("is_deleted").and_then(Value::as_bool) == Some(true);
        pieces.push(said::unsupported(if deleted { "deleted" } else { "message" }));
    }
    pieces
}

/// One request of several.
enum Step {
    /// As it is.
    Ask(Ask),
    /// A message with this body.
    Message(Value),
    /// A message with this body, and the id of the file that has just been taken, at the name of its kind.
    Uploaded(&'static str, Value),
}

impl Meta {
    fn steps(&self, outgoing: &Outgoing, files: &dyn Files) -> Result<Vec<Step>, Failure> {
        match self.service {
            Service::WhatsApp => self.whatsapp_steps(outgoing, files),
            line => self.page_steps(line, outgoing, files),
        }
    }

    fn whatsapp_steps(&self, outgoing: &Outgoing, files: &dyn Files) -> Result<Vec<Step>, Failure> {
        let mut frame = json!({"messaging_product": "whatsapp", "recipient_type": "individual"});
        match outgoing.to.kind {
            Kind::Phone => frame["to"] = json!(outgoing.to.value),
            _ => {
                let nobody = Failure { fault: Fault::Address, code: "not on WhatsApp".to_owned() };
                let id = said::id_of("whatsapp", &outgoing.to).ok_or(nobody)?;
                frame["recipient"] = json!(id);
            }
        }
        if let Some(answers) = &outgoing.answers {
            frame["context"] = json!({"message_id": answers});
        }
        let with = |kind: &str, own: Value| {
            let mut body = frame.clone();
            body["type"] = json!(kind);
            body[kind] = own;
            body
        };
        if let Some((text, choices)) = sending::offered(outgoing) {
            sending::no_longer(&text, 1_024)?;
            return Ok(vec![Step::Message(with("interactive", interactive(&text, &choices)?))]);
        }
        let mut steps = Vec::new();
        for piece in &outgoing.pieces {
            match piece {
                Piece::Media { media } => match files.url(media.content) {
                    Some(link) => {
                        let kind = kind_of(&media.mime);
                        steps.push(Step::Message(with(kind, whatsapp_link(kind, media, link))));
                    }
                    None => {
                        let bytes = sending::bytes(files, media)?;
                        steps.push(Step::Ask(self.upload(media, &bytes)));
                        let kind = kind_of(&media.mime);
                        steps.push(Step::Uploaded(kind, with(kind, whatsapp_named(kind, media))));
                    }
                },
                piece => {
                    let (kind, own) = whatsapp_piece(piece)?;
                    steps.push(Step::Message(with(kind, own)));
                }
            }
        }
        Ok(steps)
    }

    fn upload(&self, media: &Media<String>, bytes: &[u8]) -> Ask {
        let url = format!("{}/{}/media", self.api, self.id);
        let fields = [("messaging_product", "whatsapp"), ("type", media.mime.as_str())];
        sending::multipart(url, Some(self.access.bearer()), &fields, ("file", media, bytes))
    }

    fn page_steps(
        &self,
        line: Service,
        outgoing: &Outgoing,
        files: &dyn Files,
    ) -> Result<Vec<Step>, Failure> {
        let nobody = Failure { fault: Fault::Address, code: format!("not on {}", line.name()) };
        let id = said::id_of(line.name(), &outgoing.to).ok_or(nobody)?;
        let with = |message: Value| json!({"recipient": {"id": id}, "messaging_type": "RESPONSE", "message": message});
        if let Some((text, choices)) = sending::offered(outgoing) {
            let quick: Vec<Value> = choices.iter().take(QUICK).map(quick).collect();
            return Ok(vec![Step::Message(with(json!({"text": text, "quick_replies": quick})))]);
        }
        let (text, media) = sending::words(outgoing)?;
        sending::no_longer(&text, line.longest())?;
        let mut steps = Vec::new();
        if !text.is_empty() {
            steps.push(Step::Message(with(json!({"text": text}))));
        }
        for media in media {
            let kind = match kind_of(&media.mime) {
                "document" => "file",
                kind => kind,
            };
            steps.push(match files.url(media.content) {
                Some(url) => {
                    let file = json!({"type": kind, "payload": {"url": url}});
                    Step::Message(with(json!({"attachment": file})))
                }
                None if line == Service::Messenger => {
                    let bytes = sending::bytes(files, media)?;
                    let message = json!({"attachment": {"type": kind, "payload": {}}}).to_string();
                    let recipient = json!({"id": id}).to_string();
                    let fields = [
                        ("recipient", recipient.as_str()),
                        ("messaging_type", "RESPONSE"),
                        ("message", message.as_str()),
                    ];
                    let url = format!("{}/{}/messages", self.api, self.id);
                    let file = ("filedata", media, bytes.as_slice());
                    Step::Ask(sending::multipart(url, Some(self.access.bearer()), &fields, file))
                }
                None => return Err(cannot("no public address for files")),
            });
        }
        Ok(steps)
    }
}

fn quick((id, label): &(&str, &str)) -> Value {
    let title: String = label.chars().take(20).collect();
    json!({"content_type": "text", "title": title, "payload": id})
}

fn interactive(text: &str, choices: &[(&str, &str)]) -> Result<Value, Failure> {
    let cut = |label: &str, most| label.chars().take(most).collect::<String>();
    let action = match choices.len() {
        few if few <= BUTTONS => {
            let button = |(id, label): &(&str, &str)| json!({"type": "reply", "reply": {"id": id, "title": cut(label, 20)}});
            return Ok(json!({"type": "button", "body": {"text": text},
                "action": {"buttons": choices.iter().map(button).collect::<Vec<_>>()}}));
        }
        some if some <= ROWS => {
            let row = |(id, label): &(&str, &str)| json!({"id": id, "title": cut(label, 24)});
            let rows: Vec<Value> = choices.iter().map(row).collect();
            json!({"button": "…", "sections": [{"title": "…", "rows": rows}]})
        }
        _ => return Err(cannot("too many choices")),
    };
    Ok(json!({"type": "list", "body": {"text": text}, "action": action}))
}

fn whatsapp_piece(piece: &Piece<String>) -> Result<(&'static str, Value), Failure> {
    Ok(match piece {
        Piece::Text { text } => {
            sending::no_longer(text, Service::WhatsApp.longest())?;
            ("text", json!({"body": text, "preview_url": false}))
        }
        Piece::Location { at, name } => {
            let (lat, long) = at.split_once(',').ok_or_else(|| cannot("location"))?;
            ("location", json!({"latitude": lat, "longitude": long, "name": name}))
        }
        Piece::Reaction { to, sign } => {
            let emoji = sign.as_deref().unwrap_or_default();
            ("reaction", json!({"message_id": to, "emoji": emoji}))
        }
        Piece::Template { name, language, values } => {
            let value = |text: &String| json!({"type": "text", "text": text});
            let mut template =
                json!({"name": name, "language": {"code": language.replace('-', "_")}});
            if !values.is_empty() {
                let values: Vec<Value> = values.iter().map(value).collect();
                template["components"] = json!([{"type": "body", "parameters": values}]);
            }
            ("template", template)
        }
        Piece::Choice { .. } => return Err(cannot("a choice among others")),
        Piece::Missing { .. } | Piece::Media { .. } => return Err(cannot("the file is gone")),
    })
}

fn whatsapp_link(kind: &str, media: &Media<String>, link: String) -> Value {
    let mut own = whatsapp_named(kind, media);
    own["link"] = json!(link);
    own
}

fn whatsapp_named(kind: &str, media: &Media<String>) -> Value {
    match kind {
        "document" => json!({"filename": sending::file_name(media)}),
        _ => json!({}),
    }
}

/// What a service calls a file of this type.
fn kind_of(mime: &str) -> &'static str {
    match mime.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "document",
    }
}

fn id_in(answer: Answer<'_>) -> Option<String> {
    match answer {
        Answer::Replied { status: 200..=299, body, .. } => said::name(&said::json(body)?, "/id"),
        _ => None,
    }
}

/// How long nothing is sent when the account or the application has sent too much: the limits count by the second and by the
/// minute.
const TOO_MUCH: Duration = Duration::from_secs(10);

/// Whether an answer asks for less of everything; `131056`, too much to one person, asks for less to that person alone.
fn is_too_much(json: &Value) -> bool {
    matches!(said::number(json, "/error/code"), Some(4 | 613 | 80_007 | 130_429 | 131_048))
}

/// Whose doing an error of Meta's is.
fn failure(code: i64) -> Failure {
    let fault = match code {
        131_047 | 470 | 2_018_278 => Fault::Window,
        131_026 | 131_021 | 131_030 | 551 => Fault::Address,
        131_049 | 131_050 => Fault::Refused,
        130_429 | 131_056 | 131_048 | 80_007 | 131_016 | 131_000 | 131_057 | 1 | 2 | 4 | 613 => {
            Fault::Network
        }
        0
        | 3
        | 10
        | 190
        | 200..=299
        | 368
        | 131_005
        | 131_031
        | 131_042
        | 131_045
        | 133_000..=133_999 => Fault::Account,
        100 | 131_008 | 131_009 | 131_051..=131_053 | 132_000..=132_999 => Fault::Content,
        _ => Fault::Unknown,
    };
    Failure { fault, code: code.to_string() }
}
