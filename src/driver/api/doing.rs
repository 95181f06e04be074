//! What is done for a request besides asking the gateway: passwords away from whatever waits, sessions, files.

use std::time::Duration;

use axum::body::Body;
use axum::http::Response;

use crate::admin::access::idempotency::Given;
use crate::admin::access::{Principal, password, sessions};
use crate::admin::api::Route;
use crate::admin::api::bodies::{
    MadeToken, Me, NewToken, NewUser, Page, SessionLine, SignIn, TokenLine, UserChange,
};
use crate::admin::api::figures::formula_lines;
use crate::admin::api::messages::{KeptFile, PieceLine};
use crate::admin::api::operations::{self, Ask, Asked};
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::sites::{Batch, NewEvents};
use crate::admin::{Command, Reply, SessionAct};
use crate::driver::api::answering::COOKIE;
use crate::driver::api::{Api, audio, elsewhere, figures, files, verifying};
use crate::driver::clock;
use crate::driver::http::Peer;
use crate::driver::tape::Recording;
use crate::gateway::By;
use crate::id::{MessageId, RecordingId};
use crate::journal::act::{Token, User, Who};
use crate::messaging::{Content, kind};

/// What came of a request.
pub enum Done {
    /// An answer.
    Given(Given),
    /// An answer with a cookie.
    Signed(Given, String),
    /// An answer that is not kept for repeats.
    Stream(Response<Body>),
}

/// Does it.
pub async fn carry_out(
    api: &Api,
    route: &Route,
    peer: &Peer,
    by: By,
    who: Option<&Principal>,
    asked: &Asked,
    ask: Ask,
) -> Result<Done, Problem> {
    let given = match ask {
        Ask::Command(command) => operations::answer(route, asked, tell(api, by, command).await?)?,
        Ask::SignIn(sign_in) => return self::sign_in(api, route, peer, by, sign_in).await,
        Ask::SignedOutThere(token) => {
            elsewhere::leave_all(api, route, by, &token.logout_token).await?
        }
        Ask::Formulas => {
            let items = formula_lines();
            operations::json(route, &Page { items, next: None })?
        }
        Ask::Report(wish) => figures::report(api, route, wish).await?,
        Ask::OpenFigure(id, wish) => figures::opened(api, route, &id, wish).await?,
        Ask::Planners(wish) => figures::planners(api, wish).await?,
        Ask::VerifyJournal(noted) => verifying::verify(api, route, by, noted).await?,
        Ask::Provider => return elsewhere::leave(api).await,
        Ask::Back(back) => return elsewhere::come_back(api, peer, by, asked, back).await,
        Ask::SignOut => return Ok(sign_out(api, by, who).await),
        Ask::Me => operations::json(route, &me(api, who.ok_or_else(Problem::busy)?))?,
        Ask::Sessions => operations::json(route, &Page { items: session_lines(api), next: None })?,
        Ask::EndSession(id) => end_session(api, by, &id).await?,
        Ask::NewUser(new) => {
            let command = Command::AddUser { user: hashed(api, new).await? };
            operations::answer(route, asked, tell(api, by, command).await?)?
        }
        Ask::ChangeUser(name, change) => {
            let command = changed(api, name, change).await?;
            operations::answer(route, asked, tell(api, by, command).await?)?
        }
        Ask::NewToken(new) => new_token(api, route, asked, by, new).await?,
        Ask::SiteEvents(new) => site_events(api, route, asked, by, new).await?,
        Ask::Audio(recording) => return audio(api, route, peer, asked, by, recording).await,
        Ask::File(message, content) => {
            return file(api, route, asked, by, (message, content)).await;
        }
        Ask::KeepFile(mime, name) => keep_file(api, route, asked, (mime, name)).await?,
        Ask::Feed(after) => {
            let who = who.ok_or_else(Problem::busy)?;
            let last = asked.last_event.as_deref().or(after.as_deref());
            return api.feed.read(&api.access, who, peer, last).map(Done::Stream);
        }
        Ask::Document => {
            let body = api.document().as_bytes().to_vec();
            Given { status: 200, content_type: "application/json", body, etag: None }
        }
    };
    Ok(Done::Given(given))
}

pub async fn tell(api: &Api, by: By, command: Command) -> Result<Reply, Problem> {
    api.ask(by, command).await.ok_or_else(Problem::busy)
}

/// Looks at a password on a thread of its own kind. Only so many at once: hashing is what a stranger can make us do.
async fn hashing<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(Duration::from_secs(5), api.hashing.clone().acquire_owned());
    let Ok(Ok(_turn)) = turn.await else { return Err(Problem::busy()) };
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::busy())
}

async fn sign_in(
    api: &Api,
    route: &Route,
    peer: &Peer,
    by: By,
    SignIn { name, password }: SignIn,
) -> Result<Done, Problem> {
    let kept = api.access.hold().begin_sign_in(clock::now(), &name, peer.from)?;
    let matched = match hashing(api, move || password::matches(&password, &kept)).await {
        Ok(matched) => matched,
        Err(busy) => {
            api.access.hold().give_up_sign_in(&name, peer.from);
            return Err(busy);
        }
    };
    let done = api.access.hold().end_sign_in(clock::now(), &name, peer.from, matched);
    tracing::info!(from = %peer.from, done = done.is_ok(), "somebody signs in");
    let (principal, session) = match done {
        Ok(done) => done,
        Err(denied) => {
            let noted = api.access.hold().note_failure(clock::now(), &name);
            if let Some(user) = noted {
                // Whoever guesses is refused whether or not that can be kept.
                let what = SessionAct::SignIn;
                let _ = tell(api, by, Command::Session { what, user, done: false }).await;
            }
            return Err(denied.into());
        }
    };
    // Nobody is in before that is written down.
    let by = By { who: principal.who.clone(), ..by };
    let (what, user) = (SessionAct::SignIn, Some(name));
    if let Err(busy) = tell(api, by, Command::Session { what, user, done: true }).await {
        api.access.hold().sign_out(&session.id);
        return Err(busy);
    }
    let me = Me { csrf: Some(session.csrf.clone()), ..self::me(api, &principal) };
    Ok(Done::Signed(operations::json(route, &me)?, cookie_of(&session)))
}

/// The line that gives a browser its session.
pub fn cookie_of(session: &sessions::Session) -> String {
    format!(
        "{COOKIE}={}; Path=/; Max-Age={}; HttpOnly; Secure; SameSite=Strict",
        session.cookie,
        sessions::LONGEST.as_secs()
    )
}

async fn sign_out(api: &Api, by: By, who: Option<&Principal>) -> Done {
    if let Some(session) = who.and_then(|who| who.session.as_ref()) {
        api.access.hold().sign_out(session);
        let user = match &by.who {
            Who::User(name) => Some(name.clone()),
            _ => None,
        };
        let what = SessionAct::SignOut;
        // The session is over, whether or not that can be kept.
        let _ = tell(api, by, Command::Session { what, user, done: true }).await;
    }
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict");
    Done::Signed(operations::nothing(), cookie)
}

async fn end_session(api: &Api, by: By, id: &str) -> Result<Given, Problem> {
    let user = api.access.hold().session(id).map(|session| session.user.clone());
    if !api.access.hold().sign_out(id) {
        return Err(Problem::nothing("session", id));
    }
    let _ = tell(api, by, Command::Session { what: SessionAct::End, user, done: true }).await;
    Ok(operations::nothing())
}

fn me(api: &Api, who: &Principal) -> Me {
    let access = api.access.hold();
    let session = who.session.as_ref().and_then(|id| access.session(id));
    Me {
        who: who.who.clone(),
        role: who.role,
        scopes: who.scopes.clone(),
        agent: who.agent.clone(),
        csrf: session.map(|session| session.csrf.clone()),
        idle_s: session.map(|_| sessions::IDLE.as_secs()),
        leave: session
            .filter(|session| session.elsewhere)
            .and_then(|_| api.provider.as_ref()?.leave()),
    }
}

fn session_lines(api: &Api) -> Vec<SessionLine> {
    let access = api.access.hold();
    let line = |session: &sessions::Session| SessionLine {
        session: session.id.clone(),
        user: session.user.clone(),
        since: session.since,
    };
    access.sessions().map(line).collect()
}

async fn hash(api: &Api, name: &str, password: String) -> Result<String, Problem> {
    if let Err(weak) = password::check(name, &password) {
        let advice = "take a longer one: a few words are good";
        return Err(Problem::new(Kind::Malformed, weak.to_string(), advice).at("body/password"));
    }
    let salt = api.access.hold().salt();
    let hash = hashing(api, move || password::hash(&password, &salt)).await?;
    hash.ok_or_else(Problem::busy)
}

async fn hashed(api: &Api, new: NewUser) -> Result<User, Problem> {
    let NewUser { name, role, password, agent } = new;
    let hash = hash(api, &name, password).await?;
    Ok(User { name, role, agent, password: Some(hash), disabled: false, subject: None })
}

async fn changed(api: &Api, name: String, change: UserChange) -> Result<Command, Problem> {
    let UserChange { role, password, agent, disabled } = change;
    let password = match password {
        Some(password) => Some(hash(api, &name, password).await?),
        None => None,
    };
    Ok(Command::ChangeUser { name, role, password, agent, disabled })
}

async fn new_token(
    api: &Api,
    route: &Route,
    asked: &Asked,
    by: By,
    new: NewToken,
) -> Result<Given, Problem> {
    let now = clock::now().unix;
    let days = |days: u16| now + Duration::from_secs(u64::from(days) * 86_400);
    let (text, prefix, hash) = api.access.hold().new_token();
    let token = Token {
        prefix,
        hash,
        name: new.name,
        role: new.role,
        scopes: new.scopes,
        made: now,
        expires: new.days.map(days),
    };
    let about = TokenLine::from(&token);
    match tell(api, by, Command::AddToken { token }).await? {
        Reply::Done => operations::json(route, &MadeToken { token: text, about }),
        reply => operations::answer(route, asked, reply),
    }
}

/// Takes events of a site: those that can be read and do not come too often.
async fn site_events(
    api: &Api,
    route: &Route,
    asked: &Asked,
    by: By,
    new: NewEvents,
) -> Result<Given, Problem> {
    let now = clock::now().instant;
    let mut batch = Batch::new(&new.events, &mut api.access.hold().events, now, &by.who)?;
    let events = std::mem::take(&mut batch.events);
    if events.is_empty() {
        return operations::json(route, &batch.answer(Vec::new()));
    }
    match tell(api, by, Command::SiteEvents { events }).await? {
        Reply::SiteEvents(taken) => operations::json(route, &batch.answer(taken)),
        reply => operations::answer(route, asked, reply),
    }
}

/// Sends a recording, once it is written down who hears it.
/// A file, for whoever may read the message that has it.
async fn file(
    api: &Api,
    route: &Route,
    asked: &Asked,
    by: By,
    (message, content): (MessageId, Content),
) -> Result<Done, Problem> {
    let line = match tell(api, by, Command::Message { message }).await? {
        Reply::Message(line) => line,
        reply => return operations::answer(route, asked, reply).map(Done::Given),
    };
    let name = content.to_string();
    let none = || Problem::nothing("file", &name);
    let own = |piece: &&PieceLine| piece.content.as_ref() == Some(&name);
    let piece = line.pieces.iter().find(own).ok_or_else(none)?;
    let shelf = api.files.clone().ok_or_else(none)?;
    let read = tokio::task::spawn_blocking(move || shelf.read(content)).await;
    let bytes = read.map_err(|_| Problem::busy())?.ok_or_else(none)?;
    Ok(Done::Stream(files::response(piece, bytes)))
}

/// Keeps a file that somebody sends along with a message.
async fn keep_file(
    api: &Api,
    route: &Route,
    asked: &Asked,
    (mime, name): (Option<String>, Option<String>),
) -> Result<Given, Problem> {
    let busy = || Problem::new(Kind::Busy, "no file is kept now", "ask again soon").after(5);
    let shelf = api.files.clone().ok_or_else(busy)?;
    let mime = kind::agreed(&asked.body, mime.as_deref());
    if asked.body.is_empty() || mime == "application/octet-stream" {
        let detail = "nobody could open that: it is of no kind that messages carry";
        let advice = "send a picture, a document, a sound or a film";
        return Err(Problem::new(Kind::WrongType, detail, advice).at("body"));
    }
    let (bytes, size) = (asked.body.clone(), asked.body.len() as u64);
    let kept = tokio::task::spawn_blocking(move || shelf.keep(&bytes)).await;
    let content = kept.map_err(|_| busy())?.map_err(|_| busy())?.to_string();
    let name = name.and_then(|name| files::called(&name));
    operations::json(route, &KeptFile { content, mime, name, size })
}

async fn audio(
    api: &Api,
    route: &Route,
    peer: &Peer,
    asked: &Asked,
    by: By,
    recording: RecordingId,
) -> Result<Done, Problem> {
    let reply = tell(api, by, Command::Listen { recording }).await?;
    if reply != Reply::Done {
        return operations::answer(route, asked, reply).map(Done::Given);
    }
    let (folder, keys) = (api.recordings.clone(), api.keys.clone());
    let opened = move || Recording::open(&folder, recording, &*keys);
    match tokio::task::spawn_blocking(opened).await {
        Ok(Ok(opened)) => Ok(Done::Stream(audio::response(peer.streams(), recording, opened))),
        Ok(Err(error)) => {
            tracing::warn!(%recording, %error, "a recording cannot be read");
            Err(Problem::nothing("recording", &recording.to_string()))
        }
        Err(_) => Err(Problem::busy()),
    }
}
