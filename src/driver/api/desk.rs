//! The channel of an agent's page that is a telephone: a WebSocket with the session's cookie, for the box's own pages alone.
//!
//! Bounds what a page may say and for how long its session lasts; what is said goes to the gateway, and what the gateway says
//! to the page. Knows nothing of calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, interval, timeout};

use super::Api;
use super::answering::{self, refusal};
use super::shares::Share;
use crate::admin::access::Principal;
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::table::{Operation, TABLE};
use crate::agent::desk::{FromPage, PageId, ToPage};
use crate::driver::clock;
use crate::driver::closing;
use crate::driver::http::Peer;
use crate::driver::turn::Letter;
use crate::gateway::Page;

/// What this channel is called, with the version of its messages.
const PROTOCOL: &str = "branchline.desk.1";
/// Pages at a time: a hundred agents with a spare one for some.
pub const MOST_PAGES: usize = 128;
/// Of one user: some tabs at some desks. Nobody keeps everybody else's telephones from being opened.
const MOST_OF_ONE: usize = 8;
/// Bytes of a message: a description of a browser with many interfaces has 10,000.
const LONGEST: usize = 64 << 10;
/// Messages that wait for a page that does not read, and how long one may stand still.
const WAITING: usize = 64;
const STILL: Duration = Duration::from_secs(10);
/// How often it is looked whether the page is there and its session good; what a dead network takes with it rings
/// elsewhere then.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A page that has been silent for so long is gone: browsers answer each heartbeat.
const GONE: Duration = Duration::from_secs(12);
/// Messages in ten seconds, and senseless ones at all: no person is so fast, and no page of ours so wrong.
const MOST_IN_TEN_S: u32 = 100;
const MOST_SENSELESS: u32 = 20;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Answers the request that opens the channel.
pub async fn open(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response<Body> {
    match enter(&api, &peer, &headers, upgrade) {
        Ok((upgrade, page, who, place)) => upgrade
            .max_message_size(LONGEST)
            .max_frame_size(LONGEST)
            .on_upgrade(move |socket| serve(api, socket, page, who, place)),
        Err(problem) => refused(&problem),
    }
}

/// What a channel takes of what there is, as long as it is open.
struct Place {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

fn enter(
    api: &Api,
    peer: &Peer,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<(WebSocketUpgrade, Page, Principal, Place), Problem> {
    let who = let_in(api, peer, headers)?;
    let upgrade = upgrade.map_err(no_upgrade)?.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let advice = format!("name the subprotocol {PROTOCOL}");
        let detail = "the channel has no version in common";
        let problem = Problem::new(Kind::Malformed, detail, advice);
        return Err(problem.at("header/Sec-WebSocket-Protocol"));
    }
    let Some(agent) = who.agent.clone() else {
        let advice = "have an admin say which agent this user is";
        return Err(Problem::new(Kind::NotAllowed, "this user is no agent", advice));
    };
    let share = api.pages_of.take(&who, MOST_OF_ONE).ok_or_else(|| {
        let detail = format!("{MOST_OF_ONE} pages of this user are telephones already");
        Problem::new(Kind::TooOften, detail, "close one of them").after(5)
    })?;
    let place = api.pages.clone().try_acquire_owned().map_err(|_| Problem::busy())?;
    let place = Place { _place: place, _share: share };
    let page = Page { agent, from: peer.from, local: peer.local.ip() };
    Ok((upgrade, page, who, place))
}

/// Who asks: a person with a session, from a page of the box's own. The cookie comes along from wherever a page opens the
/// channel, so the page's origin is the proof that nobody else did.
fn let_in(api: &Api, peer: &Peer, headers: &HeaderMap) -> Result<Principal, Problem> {
    api.access.hold().admit(clock::now(), peer.from)?;
    if !api.origins.is_page_of_ours(headers) {
        let detail = "the channel is not opened by a page of this box";
        let problem = Problem::new(Kind::Forged, detail, "open it there; see [web] origins");
        return Err(problem.at("header/Origin"));
    }
    let own = TABLE.iter().find(|route| route.operation == Operation::Desk);
    answering::let_in(api, own.ok_or_else(Problem::busy)?, headers, peer.from)
}

/// Why a request opens no channel: it does not ask for one, or not as RFC 6455 section 4.2.1 wants.
fn no_upgrade(why: WebSocketUpgradeRejection) -> Problem {
    use WebSocketUpgradeRejection as Why;
    let wrong = |detail: &str, at: &str| {
        let advice = "ask as RFC 6455 section 4.1 says";
        Problem::new(Kind::Malformed, detail, advice).at(format!("header/{at}"))
    };
    match why {
        Why::WebSocketKeyHeaderMissing(_) => {
            wrong("the key of the channel is missing", "Sec-WebSocket-Key")
        }
        Why::InvalidWebSocketVersionHeader(_) => {
            wrong("the channel is version 13 of WebSocket", "Sec-WebSocket-Version")
        }
        _ => {
            let detail = "the request does not ask for a WebSocket";
            Problem::new(Kind::UpgradeNeeded, detail, "open a WebSocket here")
        }
    }
}

fn refused(problem: &Problem) -> Response<Body> {
    let mut response = refusal(problem);
    if problem.status == Kind::UpgradeNeeded.status() {
        // RFC 9110 section 15.5.22.
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    response
}

async fn serve(api: Api, mut socket: WebSocket, page: Page, who: Principal, _place: Place) {
    let id = PageId(NEXT.fetch_add(1, Ordering::Relaxed));
    let (sender, mut said) = mpsc::channel(WAITING);
    if api.letters.deliver(Letter::PageOpened(id, page, sender)).await.is_err() {
        return;
    }
    let mut beat = interval(HEARTBEAT);
    let mut bounds = Bounds::default();
    let mut expired = false;
    let end = loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(message)) => match take(&api, id, &mut bounds, message).await {
                    Ok(None) => {}
                    Ok(Some(problem)) => if !say(&mut socket, &problem).await { break None },
                    Err(why) => break refusing(why),
                },
                Some(Err(broken)) => break closing::frame(broken),
                None => break None,
            },
            what = said.recv() => match what {
                Some(ToPage::Over) => break refusing("the session is over"),
                Some(what) => if !say(&mut socket, &what).await { break None },
                None => break refusing("the box has no room for what it would say"),
            },
            _ = beat.tick() => {
                if bounds.heard.elapsed() > GONE {
                    break None;
                }
                if !expired && !api.access.hold().is_still(clock::now(), &who) {
                    expired = true;
                    // What is up may go on; the gateway says when nothing is any more.
                    if api.letters.deliver(Letter::PageExpired(id)).await.is_err() {
                        break refusing("the box is stopping");
                    }
                }
                let ping = Message::Ping(Vec::new().into());
                if !matches!(timeout(STILL, socket.send(ping)).await, Ok(Ok(()))) {
                    break None;
                }
            }
        }
    };
    // A loop that has stopped has no use for it.
    let _ = api.letters.deliver(Letter::PageClosed(id)).await;
    let _ = timeout(STILL, socket.send(Message::Close(end))).await;
}

/// The end of a channel that is not to go on (RFC 6455 section 7.4.1: 1008), with why; nothing where it ended by itself.
fn refusing(why: &'static str) -> Option<CloseFrame> {
    (!why.is_empty()).then(|| CloseFrame { code: 1008, reason: why.into() })
}

/// What a page has said so far.
struct Bounds {
    heard: Instant,
    since: Instant,
    count: u32,
    senseless: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        let now = Instant::now();
        Bounds { heard: now, since: now, count: 0, senseless: 0 }
    }
}

/// Takes a message. Answers what the page is told at once, or why the channel closes.
async fn take(
    api: &Api,
    id: PageId,
    bounds: &mut Bounds,
    message: Message,
) -> Result<Option<ToPage>, &'static str> {
    bounds.heard = Instant::now();
    let text = match message {
        Message::Text(text) => text,
        Message::Ping(_) | Message::Pong(_) => return Ok(None),
        Message::Binary(_) => return Err("messages are text"),
        Message::Close(_) => return Err(""),
    };
    if bounds.since.elapsed() > Duration::from_secs(10) {
        (bounds.since, bounds.count) = (Instant::now(), 0);
    }
    bounds.count += 1;
    if bounds.count > MOST_IN_TEN_S {
        return Err("too many messages");
    }
    let Ok(said) = serde_json::from_str::<FromPage>(&text) else {
        bounds.senseless += 1;
        if bounds.senseless > MOST_SENSELESS {
            return Err("these are no messages of this channel");
        }
        let detail = "that message cannot be read".to_owned();
        return Ok(Some(ToPage::Problem { leg: None, detail }));
    };
    match api.letters.deliver(Letter::Page(id, said)).await {
        Ok(()) => Ok(None),
        Err(_) => Err("the box is stopping"),
    }
}

async fn say(socket: &mut WebSocket, what: &ToPage) -> bool {
    // Names and texts: nothing that JSON could not say.
    let text = serde_json::to_string(what).unwrap_or_default();
    matches!(timeout(STILL, socket.send(Message::Text(text.into()))).await, Ok(Ok(())))
}
