//! Telegram's Bot API: by long poll, which needs no address that others reach, or called with the secret that was set.
//!
//! A chat is who is talked to. In a private one that is the person; a group has a name of its own and whoever writes there
//! is named beside it. Messages are called `CHAT:NUMBER`, since their numbers begin anew in every chat.

use std::time::Duration;

use serde_json::{Value, json};

use super::proof::Secret;
use super::said;
use super::sending::{self, One, cannot};
use crate::messaging::address::Address;
use crate::messaging::contract::{
    Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Refusal, Told,
};
use crate::messaging::piece::{Attachment, Media, Piece, Place};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Polled, Request, Shown};
use crate::time::UnixTime;

/// How long the service holds a question that has no answer yet: its own examples', within what ways through the net keep.
const POLL: Duration = Duration::from_secs(50);
/// What the way there and back may take beside that.
const MARGIN: Duration = Duration::from_secs(15);
/// Updates of one answer: the most that it gives.
const UPDATES: u32 = 100;
/// Characters of a text, and of the words under a file.
const LONGEST: usize = 4_096;
const CAPTION: usize = 1_024;
/// What is told of; the service tells nothing else then.
const KINDS: &str =
    r#"["message","edited_message","callback_query","message_reaction","my_chat_member"]"#;

/// A bot.
#[derive(Debug)]
pub struct Telegram {
    /// Where the API is: `https://api.telegram.org`.
    pub api: String,
    /// The bot's token.
    pub token: Secret,
    /// What was set with `setWebhook`; nothing: it is asked, and does not call.
    pub called: Option<Secret>,
}

impl Adapter for Telegram {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: LONGEST,
            media: 50 << 20,
            templates: false,
            delivered: false,
            read: false,
            typing: true,
            window: None,
        }
    }

    fn hear(&self, _now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard> {
        let secret = self.called.as_ref().filter(|_| request.method == "POST");
        let secret = secret.ok_or(NotHeard::Unknown)?;
        let shown = request.header("x-telegram-bot-api-secret-token");
        if !shown.is_some_and(|shown| secret.is(shown)) {
            return Err(NotHeard::Unproved);
        }
        let update = said::json(request.body).ok_or(NotHeard::Form)?;
        let once = said::number(&update, "/update_id").map(|id| id.to_string());
        let told = told(&update).ok_or(NotHeard::Form)?;
        Ok(Heard { once, ..Heard::of(told) })
    }

    fn ask(
        &self,
        _now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure> {
        let nobody = Failure { fault: Fault::Address, code: "not on telegram".to_owned() };
        let chat = said::id_of("telegram", &outgoing.to).ok_or(nobody)?;
        let steps = self.steps(chat, outgoing, files)?;
        Ok(steps.into_iter().nth(answers.len()))
    }

    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome {
        if let Some(wait) = answers.last().and_then(|answer| wait_in(*answer)) {
            return if answers.len() == 1 { Outcome::Later(wait) } else { Outcome::Doubtful };
        }
        let taken = |json: &Value| match (reference(json, "/result"), json.get("result")) {
            (Some(reference), _) => One::Taken(reference),
            (None, Some(Value::Bool(true))) => One::Step,
            _ => One::Doubtful,
        };
        sending::outcome(answers, taken, |status, json| {
            let words = said::text(json, "/description").unwrap_or_default();
            failure(status, &words.to_ascii_lowercase())
        })
    }

    fn poll(&self, from: Option<&str>) -> Option<Ask> {
        if self.called.is_some() {
            return None;
        }
        let mut body = json!({"timeout": POLL.as_secs(), "limit": UPDATES});
        body["allowed_updates"] = serde_json::from_str(KINDS).unwrap_or_default();
        if let Some(from) = from.and_then(|from| from.parse::<i64>().ok()) {
            body["offset"] = json!(from);
        }
        Some(Ask { within: POLL + MARGIN, ..self.method("getUpdates", &body) })
    }

    fn polled(&self, answer: Answer<'_>) -> Result<Polled, Failure> {
        let network = || Failure { fault: Fault::Network, code: String::new() };
        let Answer::Replied { status, body, .. } = answer else { return Err(network()) };
        let json = said::json(body).unwrap_or_default();
        if status != 200 {
            let words = said::text(&json, "/description").unwrap_or_default();
            return Err(failure(status, &words.to_ascii_lowercase()));
        }
        let updates = json.get("result").and_then(Value::as_array).ok_or_else(network)?;
        let mut polled = Polled { told: Vec::new(), next: None, odd: 0 };
        for update in updates {
            match told(update) {
                Some(told) => polled.told.extend(told),
                None => polled.odd += 1,
            }
        }
        let ids = updates.iter().filter_map(|update| said::number(update, "/update_id"));
        polled.next = ids.max().and_then(|id| id.checked_add(1)).map(|id| id.to_string());
        Ok(polled)
    }

    fn show(&self, _now: UnixTime, to: &Address, shown: &Shown) -> Option<Ask> {
        let chat = said::id_of("telegram", to)?;
        let typing = matches!(shown, Shown::Typing(true));
        let body = json!({"chat_id": chat, "action": "typing"});
        typing.then(|| self.method("sendChatAction", &body))
    }

    fn locate(&self, id: &str) -> Option<Ask> {
        Some(self.method("getFile", &json!({"file_id": id})))
    }

    fn located(&self, answer: Answer<'_>) -> Option<Ask> {
        let Answer::Replied { status: 200, body, .. } = answer else { return None };
        let path = said::owned(&said::json(body)?, "/result/file_path")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
        let good = path.bytes().all(plain) && !path.contains("..");
        good.then(|| {
            sending::get(format!("{}/file/bot{}/{path}", self.api, self.token.text()), None)
        })
    }
}

impl Telegram {
    fn url(&self, method: &str) -> String {
        format!("{}/bot{}/{method}", self.api, self.token.text())
    }

    fn method(&self, method: &str, body: &Value) -> Ask {
        sending::post(self.url(method), None, body)
    }

    fn steps(
        &self,
        chat: &str,
        outgoing: &Outgoing,
        files: &dyn Files,
    ) -> Result<Vec<Ask>, Failure> {
        if let [Piece::Reaction { to, sign }] = outgoing.pieces.as_slice() {
            return Ok(vec![self.reaction(chat, to, sign.as_deref())?]);
        }
        let mut frame = json!({"chat_id": chat});
        if let Some(number) = outgoing.answers.as_deref().and_then(number_in) {
            let reply = json!({"message_id": number, "allow_sending_without_reply": true});
            frame["reply_parameters"] = reply;
        }
        if let Some((text, choices)) = sending::offered(outgoing) {
            sending::no_longer(&text, LONGEST)?;
            frame["text"] = json!(text);
            frame["reply_markup"] = keyboard(&choices)?;
            return Ok(vec![self.method("sendMessage", &frame)]);
        }
        let (text, media) = sending::words(outgoing)?;
        sending::no_longer(&text, LONGEST)?;
        // Words go under a single file where they fit, and before it otherwise.
        let under = media.len() == 1 && text.chars().count() <= CAPTION;
        let mut steps = Vec::new();
        if !text.is_empty() && !under {
            frame["text"] = json!(text);
            steps.push(self.method("sendMessage", &frame));
        }
        for media in media {
            steps.push(self.file(chat, if under { &text } else { "" }, media, files)?);
        }
        Ok(steps)
    }

    /// The bytes go along: nobody has to reach the box for them.
    fn file(
        &self,
        chat: &str,
        caption: &str,
        media: &Media<String>,
        files: &dyn Files,
    ) -> Result<Ask, Failure> {
        let (method, field) = match media.mime.as_str() {
            "image/jpeg" | "image/png" | "image/webp" => ("sendPhoto", "photo"),
            "video/mp4" => ("sendVideo", "video"),
            "audio/ogg" => ("sendVoice", "voice"),
            _ => ("sendDocument", "document"),
        };
        let bytes = sending::bytes(files, media)?;
        let mut fields = vec![("chat_id", chat)];
        if !caption.is_empty() {
            fields.push(("caption", caption));
        }
        let file = (field, media, bytes.as_slice());
        Ok(sending::multipart(self.url(method), None, &fields, file))
    }

    fn reaction(&self, chat: &str, to: &str, sign: Option<&str>) -> Result<Ask, Failure> {
        let number = number_in(to).ok_or_else(|| cannot("reaction"))?;
        let signs: Vec<Value> =
            sign.iter().map(|sign| json!({"type": "emoji", "emoji": sign})).collect();
        let body = json!({"chat_id": chat, "message_id": number, "reaction": signs});
        Ok(self.method("setMessageReaction", &body))
    }
}

/// Answers to tap, one below the other.
fn keyboard(choices: &[(&str, &str)]) -> Result<Value, Failure> {
    // What comes back with a tap has 64 bytes at most.
    if choices.len() > 100 || choices.iter().any(|(id, _)| id.len() > 64) {
        return Err(cannot("choices"));
    }
    let row = |(id, label): &(&str, &str)| json!([{"text": label, "callback_data": id}]);
    let rows: Vec<Value> = choices.iter().map(row).collect();
    Ok(json!({"inline_keyboard": rows}))
}

/// `CHAT:NUMBER` of a message.
fn reference(value: &Value, path: &str) -> Option<String> {
    let message = value.pointer(path)?;
    let (chat, number) =
        (said::number(message, "/chat/id")?, said::number(message, "/message_id")?);
    Some(format!("{chat}:{number}"))
}

fn number_in(reference: &str) -> Option<i64> {
    reference.rsplit_once(':')?.1.parse().ok()
}

fn told(update: &Value) -> Option<Vec<Told>> {
    let id = said::number(update, "/update_id")?;
    let one = |arrived| Some(vec![Told::Arrived(Box::new(arrived))]);
    if let Some(message) = update.get("message") {
        return one(written(message)?);
    }
    if let Some(message) = update.get("edited_message") {
        // What was written before stays; this comes beside it.
        let mut arrived = written(message)?;
        arrived.answers = Some(arrived.key.clone());
        arrived.key = format!("{}:edit:{id}", arrived.key);
        return one(arrived);
    }
    if let Some(tap) = update.get("callback_query") {
        return one(tapped(tap)?);
    }
    if let Some(change) = update.get("message_reaction") {
        let mut arrived = Arrived::text(format!("reaction:{id}"), chat(change)?, "");
        let to = reference(change, "")?;
        let sign = said::owned(change, "/new_reaction/0/emoji");
        arrived.at = said::seconds(change, "/date");
        arrived.pieces = vec![Piece::Reaction { to, sign }];
        return one(arrived);
    }
    if let Some(change) = update.get("my_chat_member") {
        return Some(
            stood(id, change)?.into_iter().map(|one| Told::Arrived(Box::new(one))).collect(),
        );
    }
    // Nothing that somebody wrote to us.
    Some(Vec::new())
}

/// Who is talked to.
fn chat(message: &Value) -> Option<Address> {
    said::person("telegram", &said::number(message, "/chat/id")?.to_string())
}

/// A bot was blocked, or is not any more: the service lets nothing through meanwhile.
fn stood(id: i64, change: &Value) -> Option<Option<Arrived>> {
    let refusal = match said::text(change, "/new_chat_member/status")? {
        "kicked" | "left" => Refusal::Stop,
        "member" if said::text(change, "/old_chat_member/status") == Some("kicked") => {
            Refusal::Start
        }
        _ => return Some(None),
    };
    let mut arrived = Arrived::text(format!("standing:{id}"), chat(change)?, "");
    arrived.pieces.clear();
    arrived.at = said::seconds(change, "/date");
    arrived.refusal = Some(refusal);
    Some(Some(arrived))
}

fn tapped(tap: &Value) -> Option<Arrived> {
    let key = format!("tap:{}", said::name(tap, "/id")?);
    let message = tap.get("message").unwrap_or(&Value::Null);
    let from = chat(message)
        .or_else(|| said::person("telegram", &said::number(tap, "/from/id")?.to_string()))?;
    let mut arrived = Arrived::text(key, from, "");
    arrived.name = name_of(tap.get("from")?);
    arrived.answers = reference(message, "");
    arrived.pieces = vec![match said::owned(tap, "/data") {
        Some(id) => Piece::Choice { label: label(message, &id).unwrap_or_else(|| id.clone()), id },
        None => said::unsupported("button"),
    }];
    Some(arrived)
}

/// What is to be read on the button that was tapped.
fn label(message: &Value, id: &str) -> Option<String> {
    let rows = said::list(message, "/reply_markup/inline_keyboard").iter();
    let mut buttons = rows.filter_map(Value::as_array).flatten();
    let own = buttons.find(|button| said::text(button, "/callback_data") == Some(id))?;
    said::owned(own, "/text")
}

fn name_of(user: &Value) -> Option<String> {
    let names = [said::text(user, "/first_name"), said::text(user, "/last_name")];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if name.is_empty() { said::owned(user, "/username") } else { Some(name) }
}

fn written(message: &Value) -> Option<Arrived> {
    let mut arrived = Arrived::text(reference(message, "")?, chat(message)?, "");
    arrived.at = said::seconds(message, "/date");
    arrived.name = message.get("from").and_then(name_of);
    arrived.answers = message.get("reply_to_message").and_then(|other| reference(other, ""));
    arrived.automatic = message.pointer("/from/is_bot").and_then(Value::as_bool) == Some(true);
    arrived.pieces = pieces(message);
    Some(arrived)
}

fn pieces(message: &Value) -> Vec<Piece<String, Attachment>> {
    if let Some(text) = said::owned(message, "/text") {
        return vec![Piece::text(text)];
    }
    let mut pieces = Vec::new();
    // A picture comes in several sizes; the last is the largest.
    if let Some(photo) = said::list(message, "/photo").last() {
        pieces.extend(file(photo, Some("image/jpeg")));
    }
    for kind in ["document", "video", "audio", "voice", "video_note", "sticker"] {
        // An animation comes as a document besides; it is taken as that alone.
        pieces.extend(message.get(kind).and_then(|own| file(own, None)));
    }
    if let Some(venue) = message.get("venue") {
        let place = ("/location/latitude", "/location/longitude");
        pieces.extend(said::location(venue, place, said::owned(venue, "/title")));
    } else if let Some(own) = message.get("location") {
        pieces.extend(said::location(own, ("/latitude", "/longitude"), None));
    }
    pieces.extend(said::owned(message, "/caption").map(Piece::text));
    if let Some(number) = said::text(message, "/contact/phone_number") {
        let name = said::text(message, "/contact/first_name").unwrap_or_default();
        pieces.push(Piece::text(format!("{name} {number}").trim().to_owned()));
    }
    if pieces.is_empty() {
        pieces.push(said::unsupported(kind(message)));
    }
    pieces
}

/// What a message is, where it is nothing that is known here.
fn kind(message: &Value) -> &str {
    let known = [
        "message_id",
        "from",
        "chat",
        "date",
        "edit_date",
        "reply_to_message",
        "message_thread_id",
    ];
    let mut keys = message.as_object().into_iter().flat_map(|object| object.keys());
    keys.find(|key| !known.contains(&key.as_str())).map_or("message", String::as_str)
}

fn file(own: &Value, mime: Option<&str>) -> Option<Piece<String, Attachment>> {
    let place = Place::Id(said::name(own, "/file_id")?);
    let mime = said::text(own, "/mime_type").or(mime).map(str::to_owned);
    let size = said::number(own, "/file_size").and_then(|size| u64::try_from(size).ok());
    let name = said::owned(own, "/file_name");
    Some(Piece::Media { media: Attachment { place, mime, name, size } })
}

/// How long it wants to be left alone (its own field; there is no header).
fn wait_in(answer: Answer<'_>) -> Option<Duration> {
    let Answer::Replied { status: 429, body, .. } = answer else { return None };
    let seconds = said::number(&said::json(body)?, "/parameters/retry_after")?;
    Some(Duration::from_secs(u64::try_from(seconds).ok()?.clamp(1, 3_600)))
}

/// Whose doing it is: it says so in words alone.
fn failure(status: u16, words: &str) -> Failure {
    let has = |text: &str| words.contains(text);
    let fault = match status {
        403 if has("blocked") || has("kicked") => Fault::Refused,
        403 => Fault::Address,
        400 if has("chat not found") || has("user not found") || has("deactivated") => {
            Fault::Address
        }
        // A token that is no token finds no bot.
        401 | 404 => Fault::Account,
        // Somebody else asks with the same token, or it is called.
        409 => Fault::Account,
        429 | 500..=599 => Fault::Network,
        _ => Fault::Content,
    };
    Failure { fault, code: status.to_string() }
}
