//! The door for programs that were written for Twilio: its Messages, over the box's own HTTPS, with a token of the API as the
//! password.
//!
//! What is asked for is an order like every other: the same roles and scopes, the same ledger, once under one key. What
//! becomes of it is posted to `StatusCallback`, over restarts too.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::admin::api::messages::{MessageLine, NewMessage};
use crate::admin::api::table::{Operation, TABLE};
use crate::admin::{Command, Reply};
use crate::config::Settings;
use crate::driver::api::promises::{Promise, Promises};
use crate::driver::api::{Api, answering};
use crate::driver::channels::{Client, Reply as Answered};
use crate::driver::clock;
use crate::driver::http::Peer;
use crate::gateway::By;
use crate::id::{ChannelId, MessageId};
use crate::messaging::adapter::Secret;
use crate::messaging::adapter::door::{self, Refused, Resource, Wanted};
use crate::messaging::contract::Fault;
use crate::messaging::{State as Stands, Stop};
use crate::time::UnixTime;

/// Bytes of a form: the longest text with every character escaped, and ten addresses.
const MOST_FORM: usize = 64 << 10;
/// How long one may take to come.
const FORM_TIME: Duration = Duration::from_secs(10);
/// Messages whose programs want to be told what becomes of them, at once: each is looked at now and then.
const MOST_WATCHED: usize = 2_048;
/// How soon a message is looked at again: at first, and at most.
const SOON: Duration = Duration::from_millis(250);
const LATE: Duration = Duration::from_secs(30);
/// For how long after something last became of it: receipts of a phone that is off come in a day, and are looked up then.
const WATCHED: Duration = Duration::from_secs(3_600);
/// Characters of an account's name.
const LONGEST_ACCOUNT: usize = 64;
/// The purpose of what programs send, unless `From` says another behind a slash.
const PURPOSE: &str = "service";
/// Messages that are remembered until they can be looked up: what comes in while the disk and the store catch up.
const MOST_RECENT: usize = 1_024;

/// What answers such programs.
#[derive(Debug, Clone)]
pub struct Door {
    api: Api,
    /// Channels by what `From` may say: their names, and the senders of their services.
    senders: Arc<BTreeMap<String, ChannelId>>,
    client: Client,
    promises: Arc<Promises>,
    watched: Arc<Semaphore>,
    recent: Arc<Mutex<VecDeque<Arc<Watched>>>>,
}

impl Door {
    /// Over the API, for the channels of these settings; callbacks go out by `client`, and are remembered in `promises`.
    pub fn new(api: Api, settings: &Settings, (client, promises): (Client, Promises)) -> Door {
        let sender = |(name, own): (&ChannelId, &crate::config::settings::Channel)| {
            Some((own.service.as_ref()?.sender.clone()?, name.clone()))
        };
        let mut senders: BTreeMap<_, _> = settings.channels.iter().filter_map(sender).collect();
        let names = settings.channels.keys().map(|name| (name.as_str().to_owned(), name.clone()));
        senders.extend(names);
        let watched = Arc::new(Semaphore::new(MOST_WATCHED));
        let (senders, promises) = (Arc::new(senders), Arc::new(promises));
        Door { api, senders, client, promises, watched, recent: Arc::default() }
    }
}

/// Promises.
impl Door {
    /// Goes on with what was promised before a restart.
    pub fn take_up(&self, runtime: &Handle) {
        for promise in self.promises.all() {
            let Ok(place) = self.watched.clone().try_acquire_owned() else { return };
            let told = promise.told;
            let asked = Arc::new(Watched::of(promise));
            runtime.spawn(self.clone().watch(asked, told, place));
        }
    }

    /// Writes something down, on a thread that may wait for the disk.
    async fn note(&self, note: impl FnOnce(&Promises) + Send + 'static) {
        let promises = self.promises.clone();
        // If it panicked, the program has ended.
        let _ = spawn_blocking(move || note(&promises)).await;
    }
}

/// The paths that such programs use.
pub fn router(door: Door) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(make))
        .route("/2010-04-01/Accounts/{account}/Messages/{sid}", get(tell))
        .with_state(door)
}

async fn make(
    State(door): State<Door>,
    Path(account): Path<String>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    match door.make(account, &peer, request).await {
        Ok(answer) => said((201, answer)),
        Err(why) => said(why.answer()),
    }
}

async fn tell(
    State(door): State<Door>,
    Path((account, sid)): Path<(String, String)>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    match door.tell(&account, &sid, &peer, &headers).await {
        Ok(answer) => said((200, answer)),
        Err(why) => said(why.answer()),
    }
}

fn said((status, body): (u16, Value)) -> Response {
    let status = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    let kind = (header::CONTENT_TYPE, "application/json");
    let safe =
        [kind, (header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, safe, body.to_string()).into_response()
}

impl Door {
    async fn make(
        &self,
        account: String,
        peer: &Peer,
        request: Request<Body>,
    ) -> Result<Value, Refused> {
        let (head, body) = request.into_parts();
        let (by, token) = self.let_in(Operation::SendMessage, &account, peer, &head.headers)?;
        let form = timeout(FORM_TIME, axum::body::to_bytes(body, MOST_FORM)).await;
        let form = form.ok().and_then(Result::ok).ok_or(Refused::TooLong)?;
        let wanted = door::wanted(&form)?;
        let message = self.message(&wanted)?;
        let place = match &wanted.callback {
            Some(_) => Some(self.watched.clone().try_acquire_owned().map_err(|_| Refused::Busy)?),
            None => None,
        };
        let key =
            |name| head.headers.get(name).and_then(|key| key.to_str().ok()).map(str::to_owned);
        let once = key("i-twilio-idempotency-token").or_else(|| key("idempotency-key"));
        let made = self.api.ask(by.clone(), Command::SendMessage { message, once }).await;
        let message = match made {
            Some(Reply::Queued { message, .. }) => message,
            Some(Reply::Conflict(_)) => return Err(Refused::Reused),
            Some(Reply::Refused(_)) => return Err(Refused::WrongReceiver),
            _ => return Err(Refused::Busy),
        };
        let now = clock::now().unix;
        let is_earlier = false;
        let asked = Watched { by, account, token, message, wanted, created: now, is_earlier };
        let asked = Arc::new(asked);
        let answer = asked.resource(door::State::Queued, now).answer();
        self.remember(asked.clone());
        if let Some((place, promise)) = place.zip(asked.promise()) {
            self.note(|promises| promises.make(promise)).await;
            tokio::spawn(self.clone().watch(asked, door::State::Queued, place));
        }
        Ok(answer)
    }

    /// What is to be sent.
    fn message(&self, wanted: &Wanted) -> Result<NewMessage, Refused> {
        let (sender, purpose) = wanted.from.split_once('/').unwrap_or((&wanted.from, PURPOSE));
        let channel = self.senders.get(sender).ok_or(Refused::WrongSender)?;
        // Files and templates have no form in this order yet.
        if !wanted.media.is_empty() {
            return Err(Refused::NoMedia);
        }
        if wanted.template.is_some() {
            return Err(Refused::NoTemplate);
        }
        let to = wanted.to.strip_prefix("whatsapp:").filter(|to| to.starts_with('+'));
        let seconds = |seconds: u32| clock::now().unix + Duration::from_secs(seconds.into());
        Ok(NewMessage {
            channel: channel.as_str().to_owned(),
            to: to.unwrap_or(&wanted.to).to_owned(),
            text: wanted.body.clone(),
            template: None,
            purpose: purpose.to_owned(),
            until: wanted.seconds.map(seconds),
        })
    }

    async fn tell(
        &self,
        account: &str,
        sid: &str,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<Value, Refused> {
        let (by, _) = self.let_in(Operation::Message, account, peer, headers)?;
        let sid = sid.strip_suffix(".json").unwrap_or(sid);
        let message = door::message(sid).ok_or(Refused::NotFound)?;
        let Some(line) = self.line(by.clone(), message).await else {
            let own = self.remembered(&by, message).ok_or(Refused::NotFound)?;
            return Ok(own.resource(door::State::Queued, own.created).answer());
        };
        let own = |(_, channel): &(&String, &ChannelId)| **channel == line.way.channel;
        let sender = self.senders.iter().find(own).map_or("", |(sender, _)| sender.as_str());
        let words = line.pieces.iter().find_map(|piece| piece.text.as_deref());
        let resource = Resource {
            account,
            message,
            to: &line.way.address,
            from: sender,
            body: words.unwrap_or_default(),
            media: 0,
            parts: None,
            state: state(&line).ok_or(Refused::NotFound)?,
            created: line.at,
            updated: line.since,
        };
        Ok(resource.answer())
    }

    async fn line(&self, by: By, message: MessageId) -> Option<Box<MessageLine>> {
        match self.api.ask(by, Command::Message { message }).await? {
            Reply::Message(line) => Some(line),
            _ => None,
        }
    }

    fn remember(&self, asked: Arc<Watched>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == MOST_RECENT {
            recent.pop_front();
        }
        recent.push_back(asked);
    }

    fn remembered(&self, by: &By, message: MessageId) -> Option<Arc<Watched>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |asked: &&Arc<Watched>| asked.message == message && asked.by.who == by.who;
        recent.iter().rev().find(own).cloned()
    }

    /// Who asks, with the token that they have shown: as everybody is let in who shows one.
    fn let_in(
        &self,
        operation: Operation,
        account: &str,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<(By, Secret), Refused> {
        let plain = account.bytes().all(|b| b.is_ascii_alphanumeric());
        if !plain || account.len() > LONGEST_ACCOUNT {
            return Err(Refused::NotFound);
        }
        let admitted = self.api.access.hold().admit(clock::now(), peer.from);
        admitted.map_err(|_| Refused::Busy)?;
        let route = TABLE.iter().find(|route| route.operation == operation);
        let (route, token) = route.zip(password(headers)).ok_or(Refused::Unproved)?;
        let mut bearer = HeaderMap::new();
        let shown = HeaderValue::from_str(&format!("Bearer {token}"));
        bearer.insert(header::AUTHORIZATION, shown.map_err(|_| Refused::Unproved)?);
        let who = answering::let_in(&self.api, route, &bearer, peer.from);
        let who = who.map_err(|_| Refused::Unproved)?;
        let by = By { who: who.who.clone(), from: Some(peer.from), own: who.own().cloned() };
        Ok((by, Secret::new(token)))
    }

    /// Looks at a message now and then, and tells its program what becomes of it.
    async fn watch(self, asked: Arc<Watched>, mut told: door::State, _place: OwnedSemaphorePermit) {
        let (message, mut rest, mut waited) = (asked.message, SOON, Duration::ZERO);
        while waited < WATCHED {
            sleep(rest).await;
            waited += rest;
            rest = (rest * 2).min(LATE);
            let Some(line) = self.line(asked.by.clone(), asked.message).await else { continue };
            let Some(now) = state(&line).filter(|now| *now != told) else { continue };
            if !self.called_back(&asked, now, &line).await {
                continue;
            }
            (told, rest, waited) = (now, SOON, Duration::ZERO);
            if matches!(now, door::State::Read | door::State::Failed(_)) {
                break;
            }
            self.note(move |promises| promises.told(message, now)).await;
        }
        self.note(move |promises| promises.over(message)).await;
    }

    /// Whether its program has taken it.
    async fn called_back(&self, asked: &Watched, now: door::State, line: &MessageLine) -> bool {
        let Some(url) = &asked.wanted.callback else { return true };
        let mut resource = asked.resource(now, line.since);
        let to = format!("{}{}", asked.wanted.to, line.way.address);
        if asked.is_earlier {
            resource.to = &to;
        }
        let ask = resource.callback(url, &asked.token);
        matches!(self.client.ask(&ask).await, Answered::Replied { status: 200..=299, .. })
    }
}

/// A message whose program wants to be told what becomes of it.
#[derive(Debug)]
struct Watched {
    by: By,
    account: String,
    token: Secret,
    message: MessageId,
    wanted: Wanted,
    created: UnixTime,
    /// It was asked for before a restart: what stands before the number is all that is known of `to`, and nothing of its words.
    is_earlier: bool,
}

impl Watched {
    fn of(promise: Promise) -> Watched {
        let Promise { message, who, own, account, token, from, prefix, callback, created, .. } =
            promise;
        let wanted = Wanted {
            to: prefix,
            from,
            body: String::new(),
            media: Vec::new(),
            template: None,
            callback: Some(callback),
            seconds: None,
        };
        let by = By { who, from: None, own };
        let token = Secret::new(token);
        Watched { by, account, token, message, wanted, created, is_earlier: true }
    }

    /// What is remembered of it where its program wants to be told.
    fn promise(&self) -> Option<Promise> {
        let prefix = self.wanted.to.split_once('+').map_or("", |(prefix, _)| prefix);
        Some(Promise {
            message: self.message,
            who: self.by.who.clone(),
            own: self.by.own.clone(),
            account: self.account.clone(),
            token: self.token.text().to_owned(),
            from: self.wanted.from.clone(),
            prefix: prefix.to_owned(),
            callback: self.wanted.callback.clone()?,
            created: self.created,
            told: door::State::Queued,
        })
    }

    fn resource(&self, state: door::State, updated: UnixTime) -> Resource<'_> {
        Resource {
            account: &self.account,
            message: self.message,
            to: &self.wanted.to,
            from: &self.wanted.from,
            body: &self.wanted.body,
            media: self.wanted.media.len(),
            parts: None,
            state,
            created: self.created,
            updated,
        }
    }
}

/// The password of an Authorization header (RFC 7617).
fn password(headers: &HeaderMap) -> Option<String> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (way, pair) = shown.split_once(' ')?;
    let pair = STANDARD.decode(pair.trim()).ok().filter(|_| way.eq_ignore_ascii_case("basic"))?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// How a message is, as Twilio says it; nothing for one that came in. Of what nobody knows it is not said that it failed: a
/// program would send it again.
fn state(line: &MessageLine) -> Option<door::State> {
    use door::State::*;
    Some(match line.state {
        Stands::Received => return None,
        Stands::Queued => Queued,
        Stands::Sending | Stands::Unknown => Sending,
        Stands::Sent => Sent,
        Stands::Delivered => Delivered,
        Stands::Read => Read,
        Stands::Failed => Failed(line.fault.map_or(30_008, code)),
        Stands::Stopped => Failed(match line.stopped {
            Some(Stop::Consent) => 21_610,
            Some(Stop::Expired) => 30_036,
            _ => 30_008,
        }),
    })
}

/// The number that Twilio has for whoever's doing it is.
fn code(fault: Fault) -> u32 {
    match fault {
        Fault::Address => 30_003,
        Fault::Refused => 21_610,
        Fault::Window => 63_016,
        Fault::Content => 30_007,
        Fault::Account => 30_002,
        Fault::Expired => 30_036,
        Fault::Network | Fault::Unknown => 30_008,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_stands_behind_the_first_colon() {
        let shown = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a value"));
            password(&headers)
        };
        let pair = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(shown(&pair("AC1:bl_a:b")).as_deref(), Some("bl_a:b"));
        for wrong in [&pair("AC1"), "Basic ?", "Bearer bl_a", "Basic"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
