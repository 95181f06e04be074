//! The engine in a cluster: NATS JetStream, which several hubs write to and none has anything of its own beside.
//!
//! Each site has a replicated stream, `branchline-SITE`, and each event is a message in it, `branchline.SITE.KIND.EPOCH`, as
//! it stands in the outbox. Nothing is doubled and nothing overtakes: a message is only taken behind the one that it follows
//! on (`Nats-Expected-Last-Msg-Id`; ids are SITE/EPOCH/N). So many can be under way, one that is lost stops all behind it, and
//! what a hub sends that was thought dead is refused. Servers forget the last id once it is older than their window: then
//! the first message is only taken where the stream ends as the hub believes (`Nats-Expected-Last-Sequence`). By that alone
//! they cannot all be told apart: with two hubs at once a server of 2.9 took messages at places that were not theirs. Where a site is, is read from its stream each time it connects, the stream's end first:
//! then whatever comes between makes the hub's belief wrong, and not its memory.
//!
//! A batch is kept when the majority of the cluster has acknowledged every message of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy, StorageType, Stream,
};
use async_nats::jetstream::{Context, kv, message::PublishMessage};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::engine::{NotKept, NotRead, Page};
use super::rows::Rows;
use crate::driver::clock;
use crate::hub::kept::{Batch, Kept, Outboxed, What};
use crate::hub::subject::{self, Subject};
use crate::time::UnixTime;
use crate::uplink::frame::{Event, LONGEST};

/// Batches of one site that may wait: the session's window is full long before.
const WAITING: usize = 1_024;
/// Messages of all sites that may be on their way.
const ON_WAY: usize = 65_536;
/// How long the cluster may take: an election takes some seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// For so long a message that comes twice is known by its id alone. What comes later is known by the stream's end.
const DUPLICATES: Duration = Duration::from_secs(120);
/// A message that is younger than this, in seconds, is remembered by its id: half the window, as clocks differ.
const REMEMBERED: i64 = 60;
/// Messages that are read at a time, side by side.
const AT_ONCE: u64 = 256;
/// Octets of headers and subject beside an event.
const HEADERS: usize = 4 << 10;
/// How often a cluster is asked whether there is more.
pub const ASK_EVERY: Duration = Duration::from_millis(500);
/// Rows of contacts, people and cursors.
const BUCKET: &str = "branchline";
const MESSAGE_ID: &str = "Nats-Msg-Id";

/// Where the cluster is, and how it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its servers, as NATS writes them: `nats://host:4222`, `tls://host:4222`.
    pub servers: Vec<String>,
    /// Copies of everything: 1, 3 or 5.
    pub replicas: usize,
    /// A file with `user:password`, or with a token.
    pub credentials_file: Option<PathBuf>,
    /// A file of authorities that prove the servers, beside the system's.
    pub authorities: Option<PathBuf>,
    /// For how long events are kept; for ever when absent.
    pub keep: Option<Duration>,
}

/// Why there is no cluster.
#[derive(Debug)]
pub enum CannotJoin {
    /// The file of credentials.
    Credentials(PathBuf, std::io::Error),
    /// No server answers, or lets this hub in.
    Connect(async_nats::ConnectError),
    /// A message may be so long there, in octets, and the longest event does not fit.
    MaxPayload(usize),
    /// The bucket of rows cannot be made: JetStream is not there, or has too few servers.
    Bucket(String),
}

impl fmt::Display for CannotJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotJoin::Credentials(path, error) => write!(f, "{}: {error}", path.display()),
            CannotJoin::Connect(error) => write!(f, "no server of the cluster: {error}"),
            CannotJoin::MaxPayload(octets) => write!(
                f,
                "the cluster takes messages of {octets} octets: set max_payload to {} or more",
                LONGEST + HEADERS
            ),
            CannotJoin::Bucket(error) => {
                write!(f, "JetStream is not ready (is it on, with enough servers?): {error}")
            }
        }
    }
}

impl std::error::Error for CannotJoin {}

/// The way to the cluster.
#[derive(Clone)]
pub struct JetStream {
    shared: Arc<Shared>,
}

struct Shared {
    context: Context,
    rows: kv::Store,
    hub: String,
    settings: Settings,
    runtime: Handle,
    sites: Mutex<BTreeMap<String, mpsc::Sender<Job>>>,
}

type Answer = oneshot::Sender<Result<u64, NotKept>>;

enum Job {
    Position(Outboxed, Answer),
    Keep(Outboxed, Batch, Answer),
}

impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JetStream({:?})", self.shared.settings.servers)
    }
}

impl JetStream {
    /// Connects, and makes what is missing there. Tasks run on the runtime that this is called on.
    ///
    /// # Errors
    /// When there is no cluster, or it cannot keep what sites send.
    pub async fn join(settings: Settings) -> Result<JetStream, CannotJoin> {
        let mut options = async_nats::ConnectOptions::new()
            .name("branchline hub")
            .max_reconnects(None)
            .request_timeout(Some(PATIENCE));
        if let Some(path) = &settings.credentials_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| CannotJoin::Credentials(path.clone(), error))?;
            options = match text.trim().split_once(':') {
                Some((user, password)) => {
                    options.user_and_password(user.to_owned(), password.to_owned())
                }
                None => options.token(text.trim().to_owned()),
            };
        }
        if let Some(path) = &settings.authorities {
            options = options.add_root_certificates(path.clone());
        }
        let client = options.connect(&settings.servers[..]).await;
        let client = client.map_err(CannotJoin::Connect)?;
        let most = client.server_info().max_payload;
        if most < LONGEST + HEADERS {
            return Err(CannotJoin::MaxPayload(most));
        }
        let context = ContextBuilder::new()
            .timeout(PATIENCE)
            .max_ack_inflight(ON_WAY)
            .backpressure_on_inflight(true)
            .build(client);
        let rows = bucket(&context, settings.replicas).await?;
        // The cluster gives each of its clients another one.
        let hub = context.client().new_inbox();
        let (runtime, sites) = (Handle::current(), Mutex::default());
        let shared = Shared { context, rows, hub, settings, runtime, sites };
        Ok(JetStream { shared: Arc::new(shared) })
    }

    /// See [`Engine::position`](super::engine::Engine::position).
    ///
    /// # Errors
    /// See there.
    pub async fn position(&self, of: &Outboxed) -> Result<u64, NotKept> {
        let (answer, answered) = oneshot::channel();
        self.submit(&of.site, Job::Position(of.clone(), answer))?;
        answered.await.unwrap_or(Err(NotKept::Over))
    }

    /// See [`Engine::keep`](super::engine::Engine::keep).
    pub fn keep(&self, of: &Outboxed, batch: Batch) -> oneshot::Receiver<Result<u64, NotKept>> {
        let (answer, answered) = oneshot::channel();
        // The answer goes with a job that was not taken; that says the same.
        let _ = self.submit(&of.site, Job::Keep(of.clone(), batch, answer));
        answered
    }

    fn submit(&self, site: &str, job: Job) -> Result<(), NotKept> {
        let mut sites = self.shared.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = sites.entry(site.to_owned()).or_insert_with(|| {
            let (jobs, waiting) = mpsc::channel(WAITING);
            let keeper = Keeper {
                shared: self.shared.clone(),
                site: site.to_owned(),
                place: None,
                on_way: JoinSet::new(),
            };
            self.shared.runtime.spawn(keeper.run(waiting));
            jobs
        });
        jobs.try_send(job).map_err(|_| NotKept::Busy)
    }

    /// Rows of what is looked up.
    pub fn rows_book(&self) -> Rows {
        Rows::Cluster(Box::new(self.shared.rows.clone()), self.shared.runtime.clone())
    }

    /// What this hub is called among the others: nothing of it is kept but who has which line.
    pub fn hub(&self) -> &str {
        &self.shared.hub
    }

    /// The runtime that the cluster is spoken with on.
    pub fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    /// The streams of all sites.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn streams(&self) -> Result<Vec<String>, NotRead> {
        #[derive(Deserialize)]
        struct Names {
            #[serde(default)]
            streams: Option<Vec<String>>,
            #[serde(default)]
            total: usize,
        }
        let mut all = Vec::new();
        loop {
            let asked = json!({ "subject": subject::ALL, "offset": all.len() });
            let names: Names =
                self.shared.context.request("STREAM.NAMES", &asked).await.map_err(|_| NotRead)?;
            let streams = names.streams.unwrap_or_default();
            if streams.is_empty() {
                return Ok(all);
            }
            all.extend(streams);
            if all.len() >= names.total {
                return Ok(all);
            }
        }
    }

    /// What a stream has from this number on, some of it, and where to go on.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn read(&self, stream: &str, from: u64) -> Result<Page, NotRead> {
        let stream = self.shared.context.get_stream(stream).await.map_err(|_| NotRead)?;
        let state = &stream.cached_info().state;
        let from = from.max(state.first_sequence).max(1);
        let last = state.last_sequence.min(from.saturating_add(AT_ONCE - 1));
        let stream = Arc::new(stream);
        let mut reading = JoinSet::new();
        for number in from..=last {
            let stream = stream.clone();
            reading.spawn(async move { stream.get_raw_message(number).await });
        }
        let mut kept = Vec::new();
        while let Some(read) = reading.join_next().await {
            let message = read.map_err(|_| NotRead)?.map_err(|_| NotRead)?;
            kept.extend(open(&message));
        }
        kept.sort_by_key(|kept| kept.number);
        Ok(Page { kept, next: from.max(last.saturating_add(1)) })
    }

    /// The newest message of a kind that a site sent.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn newest(&self, site: &str, kind: &str) -> Result<Option<Kept>, NotRead> {
        let stream = self.shared.context.get_stream_no_info(subject::stream(site)).await;
        let stream = stream.map_err(|_| NotRead)?;
        let found = stream.get_last_raw_message_by_subject(&subject::newest(site, kind)).await;
        match found {
            Ok(message) => Ok(open(&message)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(_) => Err(NotRead),
        }
    }
}

/// The bucket, made where there is none. It is made as the stream that it is: servers of some age answer in words that the
/// client's own way cannot read. Rows are read from its leader, so that none is older than one that was put.
async fn bucket(context: &Context, replicas: usize) -> Result<kv::Store, CannotJoin> {
    if let Ok(store) = context.get_key_value(BUCKET).await {
        return Ok(store);
    }
    let config = Config {
        name: format!("KV_{BUCKET}"),
        subjects: vec![format!("$KV.{BUCKET}.>")],
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: replicas,
        allow_rollup: true,
        deny_delete: true,
        ..Config::default()
    };
    let wrong = |error: String| CannotJoin::Bucket(error);
    context.create_stream(config).await.map_err(|error| wrong(error.to_string()))?;
    context.get_key_value(BUCKET).await.map_err(|error| wrong(error.to_string()))
}

/// What a message says; nothing for one that no hub wrote.
fn open(message: &async_nats::jetstream::message::StreamMessage) -> Option<Kept> {
    let id = message.headers.get(MESSAGE_ID)?.as_str();
    let (_, n) = id.rsplit_once('/')?;
    let n = n.parse().ok()?;
    let Subject { site, class, epoch } = subject::read(&message.subject)?;
    let what = match class {
        Some(class) => What::Event { n, event: Event { class, body: message.payload.to_vec() } },
        None => {
            let lost: Lost = serde_json::from_slice(&message.payload).ok()?;
            What::Lost { from: lost.from, upto: lost.upto }
        }
    };
    let at = i64::try_from(message.time.unix_timestamp_nanos() / 1_000).unwrap_or(0);
    Some(Kept {
        number: message.sequence,
        at: UnixTime(at),
        site: site.into(),
        epoch: epoch.into(),
        what,
    })
}

#[derive(Deserialize)]
struct Lost {
    from: u64,
    upto: u64,
}

/// Writes one site's stream.
struct Keeper {
    shared: Arc<Shared>,
    site: String,
    /// Where the stream is, as far as this hub believes; nothing before a site has asked, and after something failed.
    place: Option<Place>,
    on_way: JoinSet<()>,
}

struct Place {
    /// The stream's last message.
    last: u64,
    /// Its id, where servers remember it.
    id: Option<String>,
    /// Which outbox was asked for, and all up to where is in the stream or on its way.
    epoch: String,
    have: u64,
    /// Something on its way was not taken: nothing behind it was.
    broken: Arc<AtomicBool>,
}

impl Keeper {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            match job {
                Job::Position(of, answer) => {
                    // What is on its way is in the stream or refused, one or the other.
                    while self.on_way.join_next().await.is_some() {}
                    let found = self.find(&of).await;
                    // Who has gone needs no answer.
                    let _ = answer.send(found);
                }
                Job::Keep(of, batch, answer) => {
                    while self.on_way.try_join_next().is_some() {}
                    match self.send(&of, batch).await {
                        Err(why) => drop(answer.send(Err(why))),
                        Ok(sent) => drop(self.on_way.spawn(acknowledged(sent, answer))),
                    }
                }
            }
        }
    }

    /// Looks in the stream where an outbox is.
    async fn find(&mut self, of: &Outboxed) -> Result<u64, NotKept> {
        self.place = None;
        if !of.is_fit() {
            return Err(NotKept::Name);
        }
        let stream = self.stream().await?;
        // The end first: see the module's docs.
        let last = stream.get_info().await.map_err(|_| NotKept::Cluster)?.state.last_sequence;
        let newest = subject::of_outbox(&self.site, &of.epoch);
        let have = match stream.get_last_raw_message_by_subject(&newest).await {
            Ok(message) => open(&message).map_or(0, |kept| match kept.what {
                What::Event { n, .. } => n,
                What::Lost { upto, .. } => upto,
            }),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => 0,
            Err(_) => return Err(NotKept::Cluster),
        };
        let id = fresh_id(&stream, last).await?;
        let (epoch, broken) = (of.epoch.clone(), Arc::default());
        self.place = Some(Place { last, id, epoch, have, broken });
        Ok(have)
    }

    async fn stream(&self) -> Result<Stream, NotKept> {
        let name = subject::stream(&self.site);
        if let Ok(stream) = self.shared.context.get_stream(&name).await {
            return Ok(stream);
        }
        let config = Config {
            name,
            subjects: vec![subject::of_site(&self.site)],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            storage: StorageType::File,
            num_replicas: self.shared.settings.replicas,
            max_age: self.shared.settings.keep.unwrap_or_default(),
            duplicate_window: DUPLICATES,
            deny_delete: true,
            ..Config::default()
        };
        self.shared.context.create_stream(config).await.map_err(|error| {
            tracing::warn!(site = self.site, %error, "the cluster makes no stream");
            NotKept::Cluster
        })
    }

    /// Sends what is new of a batch. Answers what is to be waited for.
    async fn send(&mut self, of: &Outboxed, batch: Batch) -> Result<Sent, NotKept> {
        let Some(place) = &mut self.place else { return Err(NotKept::Cluster) };
        if place.broken.load(Ordering::Acquire) || place.epoch != of.epoch {
            return Err(NotKept::Cluster);
        }
        let (first, last) = batch.span();
        if first == 0 || first > place.have.saturating_add(1) {
            return Err(NotKept::Gap);
        }
        let (known, begins) = (place.have, place.last);
        let mut acks = Vec::new();
        for (n, subject, body) in messages(of, batch).into_iter().filter(|(n, ..)| *n > known) {
            let id = format!("{}/{}/{n}", of.site, of.epoch);
            let message = PublishMessage::build().payload(body.into()).message_id(&id);
            let message = match place.id.replace(id) {
                Some(before) => message.expected_last_message_id(before),
                None => message.expected_last_sequence(place.last),
            };
            let Ok(ack) = self.shared.context.send_publish(subject, message).await else {
                place.broken.store(true, Ordering::Release);
                return Err(NotKept::Cluster);
            };
            acks.push(ack);
            place.last += 1;
        }
        place.have = place.have.max(last);
        Ok(Sent { acks, begins, upto: place.have, broken: place.broken.clone() })
    }
}

/// The id of a stream's last message, if it is young enough for every server to remember it.
async fn fresh_id(stream: &Stream, last: u64) -> Result<Option<String>, NotKept> {
    if last == 0 {
        return Ok(None);
    }
    // All of it may have been deleted for its age: then nobody remembers it either.
    let Ok(message) = stream.get_raw_message(last).await else { return Ok(None) };
    let age = clock::now().unix.seconds().saturating_sub(message.time.unix_timestamp());
    let id = message.headers.get(MESSAGE_ID).map(|id| id.as_str().to_owned());
    Ok(id.filter(|_| age < REMEMBERED))
}

/// What was sent and is to be acknowledged.
struct Sent {
    acks: Vec<PublishAckFuture>,
    /// The stream's last message before them.
    begins: u64,
    /// The last event.
    upto: u64,
    broken: Arc<AtomicBool>,
}

async fn acknowledged(sent: Sent, answer: Answer) {
    let mut verdict = Ok(sent.upto);
    for (ack, number) in sent.acks.into_iter().zip(sent.begins + 1..) {
        verdict = match ack.await {
            Ok(ack) if ack.sequence == number && !ack.duplicate => continue,
            // It is there, at another place: somebody else put it there.
            Ok(_) => Err(NotKept::Elsewhere),
            Err(error) => {
                tracing::warn!(%error, "the cluster did not take an event");
                Err(NotKept::Cluster)
            }
        };
        sent.broken.store(true, Ordering::Release);
        break;
    }
    // Who has gone needs no answer.
    let _ = answer.send(verdict);
}

/// What a batch becomes: number, subject and body of each message.
fn messages(of: &Outboxed, batch: Batch) -> Vec<(u64, String, Vec<u8>)> {
    let subject = |class| subject::of_event(&of.site, class, &of.epoch);
    match batch {
        Batch::Lost { from, upto } => {
            let body = json!({ "from": from, "upto": upto }).to_string();
            vec![(upto, subject(None), body.into_bytes())]
        }
        Batch::Events { first, events } => (first..)
            .zip(events)
            .map(|(n, event)| (n, subject(Some(event.class)), event.body))
            .collect(),
    }
}
