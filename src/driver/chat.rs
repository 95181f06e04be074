//! Chats of the site's pages: `/chat/NAME` and what is below it, over the box's HTTPS.
//!
//! One task a channel owns its machine ([`Chat`]) and hands it what pages, the ledger and the record say. Here are sockets,
//! files and the limits of both; what is said, and to whom, the machine knows. Whose pages may come is looked at before
//! anything else: a browser says whose page asks, and no page of anybody else's gets an answer.
//!
//! | path | what |
//! |---|---|
//! | `/chat/NAME.js` | the script that a page names |
//! | `/chat/NAME` | the WebSocket |
//! | `/chat/NAME/settings` | what the script shows |
//! | `/chat/NAME/files` | takes a file, for whoever has a token |
//! | `/chat/NAME/files/LINK` | a file |
//! | `/chat/NAME/try` | a page that has the chat |

mod files;
mod pages;
mod socket;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::sleep_until;

use super::channels::Shelf;
use super::clock;
use super::http::Peer;
use super::looking::Readers;
use super::web_origin::Origins;
use crate::config::settings;
use crate::gateway::chats;
use crate::id::ChannelId;
use crate::messaging::Message;
use crate::messaging::channel::{Input, Order, State as Stands};
use crate::messaging::chat::wire::{Refusal, ToPage};
use crate::messaging::chat::{Chat, ConnectionId, Output, Seal, Settings, Visitor};
use crate::messaging::voice::Ends;
use crate::store::context::looking::{Answer, Question};

/// What pages have said and the machine has not taken: some frames of each. Their connections wait then.
const SAID: usize = 1_024;
/// Frames that wait for a page that does not read; it is let go then, and comes again for the rest.
const UNREAD: usize = 256;
/// Messages of a conversation that are read for somebody who comes back: what a visit keeps in mind.
const PAST: usize = 200;
/// Files that one channel takes at once, each with up to its largest size in memory.
const MOST_UPLOADS: usize = 4;

/// What happens to a channel from outside.
#[derive(Debug)]
enum Event {
    Opened(ConnectionId, Ends, mpsc::Sender<ToPage>),
    Frame(ConnectionId, String),
    Closed(ConnectionId),
    Past(Visitor, Option<Vec<Message<String>>>),
}

/// One channel, for whoever comes over HTTPS.
#[derive(Debug)]
pub struct Door {
    name: ChannelId,
    events: mpsc::Sender<Event>,
    origins: Origins,
    seal: Arc<Seal>,
    shelf: Arc<Shelf>,
    settings: settings::Chat,
    connections: AtomicU64,
    uploads: Semaphore,
    taken: files::Taken,
}

/// What a channel stands on.
#[derive(Debug)]
pub struct Ground {
    /// Where its files are.
    pub shelf: Arc<Shelf>,
    /// The way to the ledger.
    pub tell: mpsc::Sender<Input>,
    /// Who reads the record.
    pub readers: Readers,
    /// What reads it waits here.
    pub runtime: Handle,
}

/// The task of one channel.
struct Task {
    name: ChannelId,
    chat: Chat,
    pages: BTreeMap<ConnectionId, mpsc::Sender<ToPage>>,
    events: mpsc::Sender<Event>,
    ground: Ground,
}

/// A channel's machine starts; its pages come through what this answers.
pub fn start(
    name: ChannelId,
    own: &settings::Chat,
    (settings, seal, chat): (Settings, Arc<Seal>, Chat),
    ground: Ground,
    orders: mpsc::Receiver<Order>,
) -> Arc<Door> {
    let (events, said) = mpsc::channel(SAID);
    let door = Door {
        name: name.clone(),
        events: events.clone(),
        origins: Origins::new(&own.origins),
        seal,
        shelf: ground.shelf.clone(),
        settings: own.clone(),
        connections: AtomicU64::new(0),
        uploads: Semaphore::new(MOST_UPLOADS),
        taken: files::Taken::default(),
    };
    let runtime = ground.runtime.clone();
    let task = Task { name, chat, pages: BTreeMap::new(), events, ground };
    runtime.spawn(task.run(settings, orders, said));
    Arc::new(door)
}

impl Task {
    async fn run(
        mut self,
        settings: Settings,
        mut orders: mpsc::Receiver<Order>,
        mut said: mpsc::Receiver<Event>,
    ) {
        let capable = Input::Capable(Chat::capabilities(&settings));
        for input in [capable, Input::State(Stands::Up)] {
            // A loop that has stopped gives no orders either.
            let _ = self.ground.tell.send(input).await;
        }
        loop {
            let deadline = self.chat.deadline();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.chat.handle_order(clock::now(), order),
                    None => return,
                },
                Some(event) = said.recv() => self.take(event),
                () = until(deadline) => self.chat.handle_timeout(clock::now()),
            }
            self.carry_out().await;
        }
    }

    fn take(&mut self, event: Event) {
        let now = clock::now();
        match event {
            Event::Opened(id, ends, page) => {
                self.pages.insert(id, page);
                self.chat.handle_opened(now, id, ends);
            }
            Event::Frame(id, text) => self.chat.handle_frame(now, id, &text),
            Event::Closed(id) => {
                self.pages.remove(&id);
                self.chat.handle_closed(now, id);
            }
            Event::Past(visitor, past) => self.chat.handle_past(now, &visitor, past.as_deref()),
        }
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.chat.poll_output() {
            match output {
                Output::Say(id, what) => {
                    let page = self.pages.get(&id);
                    if page.is_some_and(|page| page.try_send(what).is_err()) {
                        self.pages.remove(&id);
                        self.chat.handle_closed(clock::now(), id);
                    }
                }
                Output::Close(id) => drop(self.pages.remove(&id)),
                Output::Tell(input) => drop(self.ground.tell.send(input).await),
                Output::Read(visitor) => self.read(visitor),
            }
        }
    }

    fn read(&self, visitor: Visitor) {
        let (readers, events) = (self.ground.readers.clone(), self.events.clone());
        let channel = self.name.clone();
        self.ground.runtime.spawn(async move {
            let past = past(&readers, channel, &visitor).await;
            let _ = events.send(Event::Past(visitor, past)).await;
        });
    }
}

/// The last of what was said with somebody; nothing where the record cannot say.
async fn past(
    readers: &Readers,
    channel: ChannelId,
    visitor: &Visitor,
) -> Option<Vec<Message<String>>> {
    let writer = Question::Writer {
        address: chats::visitor_identity(visitor.as_str()),
        thread: None,
        channel,
        keys: Vec::new(),
        references: Vec::new(),
    };
    let Answer::Writer(writer) = ask(readers, writer).await? else { return None };
    let Some((conversation, _)) = writer.conversation else { return Some(Vec::new()) };
    match ask(readers, Question::Conversation(conversation, None, PAST)).await? {
        Answer::Conversation(page) => Some(page.map(|page| page.messages).unwrap_or_default()),
        _ => None,
    }
}

async fn ask(readers: &Readers, question: Question) -> Option<Answer> {
    let (answer, answered) = oneshot::channel();
    readers.ask(question, move |found| drop(answer.send(found))).ok()?;
    answered.await.ok()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The chats of the box, by name.
pub type Doors = Arc<BTreeMap<ChannelId, Arc<Door>>>;

/// What pages ask for.
pub fn router(doors: BTreeMap<ChannelId, Arc<Door>>) -> Router {
    let doors: Doors = Arc::new(doors);
    Router::new()
        .route("/chat/{name}", get(at_the_door))
        .route("/chat/{name}/settings", get(pages::settings))
        .route("/chat/{name}/files", post(files::take).options(files::may_send))
        .route("/chat/{name}/files/{link}", get(files::give))
        .route("/chat/{name}/try", get(pages::sample))
        .with_state(doors)
}

/// The script where the name ends as one, else the WebSocket.
async fn at_the_door(
    State(doors): State<Doors>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    if let Some(name) = name.strip_suffix(".js") {
        return pages::script(&doors, name, request.headers());
    }
    let Some(door) = door(&doors, &name) else { return nowhere() };
    let peer = request.extensions().get::<Peer>().cloned();
    let (Some(peer), Ok(())) = (peer, door.admits(request.headers())) else { return not_ours() };
    match axum::extract::ws::WebSocketUpgrade::from_request(request, &()).await {
        Ok(upgrade) => socket::open(door, peer, upgrade),
        Err(why) => why.into_response(),
    }
}

fn door(doors: &Doors, name: &str) -> Option<Arc<Door>> {
    doors.iter().find(|(own, _)| own.as_str() == name).map(|(_, door)| door.clone())
}

impl Door {
    /// Whether a page that may have this chat asks.
    fn admits(&self, headers: &HeaderMap) -> Result<(), ()> {
        if self.origins.is_page_of_ours(headers) { Ok(()) } else { Err(()) }
    }
}

fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, "there is no such chat\n").into_response()
}

fn not_ours() -> Response {
    let words = "pages of this origin may not have this chat: [channels.NAME.chat] origins\n";
    (StatusCode::FORBIDDEN, words).into_response()
}

/// Lets the page that asked read the answer (Fetch standard, section 3.3): its origin was looked at.
fn for_page(headers: &HeaderMap, mut response: Response) -> Response {
    let answer = response.headers_mut();
    if let Some(origin) = headers.get(header::ORIGIN) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    answer.insert(header::VARY, HeaderValue::from_static("origin"));
    answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// How a connection ends by what was said on it last: refused by a rule, or to come again (RFC 6455 section 7.4.1 and the
/// registry of its codes).
fn end_of(refused: Option<Refusal>) -> (u16, &'static str) {
    match refused {
        Some(Refusal::Idle) => (1000, "nothing was said"),
        Some(Refusal::Full) => (1013, "no room: try again later"),
        Some(_) => (1008, "refused"),
        None => (1013, "too slow: come again for the rest"),
    }
}

/// How often it is looked whether a page is there, and when one that is silent is gone: two of those and a slow network.
const HEARTBEAT: Duration = Duration::from_secs(20);
const GONE: Duration = Duration::from_secs(50);
/// How long a page may stand still that is being written to.
const STILL: Duration = Duration::from_secs(10);
