//! Telling programs elsewhere what happens: one thread with one task for each receiver, which reads the journal's files,
//! posts, and hands what is to be remembered to the loop. No call waits for any of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::admin::{WebhookLine, outgoing};
use crate::config::settings::Webhook;
use crate::driver::clock;
use crate::driver::mailbox::Sender;
use crate::driver::post::Client;
use crate::driver::segments::{self, Segment};
use crate::driver::turn::Letter;
use crate::id::HookId;
use crate::journal::Token;
use crate::journal::personal::Reads;
use crate::journal::record::{Found, decode};
use crate::random::Random;
use crate::webhook::{
    Answer, Change, Condition, Courier, Item, MOST_SPANS, Output, Page, Reading, Secret, Standing,
    Wanted, What,
};

/// Orders that may wait for one receiver's task. Those to send again are never more than the gateway keeps; beside them
/// whoever pauses a receiver may change his mind a few times before the task has had its turn.
const ORDERS: usize = 2 * MOST_SPANS;
/// How long the disk may take to keep what is to be remembered.
const LONGEST_STORE: Duration = Duration::from_secs(5);
/// How much of the journal is read at once.
const PIECE: u64 = 1 << 20;
/// Pieces after which a search is told how far it came: other receivers have their turn.
const PIECES_A_TURN: usize = 4;

/// The way to the thread.
#[derive(Debug)]
pub struct Handle {
    stored: watch::Sender<u64>,
    orders: BTreeMap<HookId, mpsc::Sender<What>>,
    conditions: Conditions,
}

type Conditions = Arc<Mutex<BTreeMap<HookId, Condition>>>;

impl Handle {
    /// Everything up to this record is on the disk.
    pub fn follow(&self, upto: u64) {
        self.stored.send_replace(upto);
    }

    /// Somebody has ordered something of a receiver. Answers whether there is room for it.
    pub fn order(&self, hook: &HookId, what: What) -> bool {
        self.orders.get(hook).is_some_and(|orders| orders.try_send(what).is_ok())
    }

    /// Puts in how each receiver is at this moment.
    pub fn complete(&self, lines: &mut [WebhookLine]) {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines {
            if let Some(condition) = conditions.get(&line.name) {
                line.take(condition);
            }
        }
    }
}

/// What all receivers have in common.
pub struct Common {
    /// The folder of segments.
    pub journal: PathBuf,
    /// The last record that is on the disk.
    pub stored: u64,
    /// What ids begin with: this box and no other.
    pub prefix: String,
    /// Who reads personal data.
    pub texts: Arc<dyn Reads + Send + Sync>,
    /// The loop.
    pub letters: Sender<Letter>,
}

/// Starts the thread, if there is anybody to tell.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    hooks: &[Webhook],
    secrets: &BTreeMap<HookId, Secret>,
    known: &BTreeMap<HookId, Standing>,
    random: &mut Random,
    common: Common,
) -> io::Result<Option<Handle>> {
    let (stored, follow) = watch::channel(common.stored);
    let mut handle = Handle { stored, orders: BTreeMap::new(), conditions: Conditions::default() };
    let mut tasks = Vec::new();
    for hook in hooks {
        let Some(client) = secrets.get(&hook.name).and_then(|secret| client(hook, secret)) else {
            continue;
        };
        let (orders, waiting) = mpsc::channel(ORDERS);
        handle.orders.insert(hook.name.clone(), orders);
        let standing = known.get(&hook.name).cloned();
        let (prefix, random) = (common.prefix.clone(), random.fork());
        let courier =
            Courier::new(hook.name.clone(), hook.limits(), prefix, standing, common.stored, random);
        let reader = Reader {
            folder: common.journal.clone(),
            tail: None,
            // The configuration's check has read each name.
            wanted: Wanted::new(hook.events.iter().map(String::as_str))
                .unwrap_or_default()
                .of(hook.name.clone()),
            texts: hook.personal.then(|| common.texts.clone()),
            prefix: common.prefix.clone(),
        };
        tasks.push(Task {
            hook: hook.name.clone(),
            courier,
            reader,
            client,
            letters: common.letters.clone(),
            stored: follow.clone(),
            orders: waiting,
            conditions: handle.conditions.clone(),
        });
    }
    if tasks.is_empty() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("webhooks".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let running: Vec<_> = tasks.into_iter().map(|task| tokio::spawn(task.run())).collect();
            for task in running {
                // A task ends with the loop.
                let _ = task.await;
            }
        });
    })?;
    Ok(Some(handle))
}

struct Task {
    hook: HookId,
    courier: Courier,
    reader: Reader,
    client: Client,
    letters: Sender<Letter>,
    stored: watch::Receiver<u64>,
    orders: mpsc::Receiver<What>,
    conditions: Conditions,
}

type Posting = Pin<Box<dyn Future<Output = Answer> + Send>>;

impl Task {
    async fn run(mut self) {
        let mut posting: Option<Posting> = None;
        let stored = *self.stored.borrow_and_update();
        self.courier.handle_stored(clock::now(), stored);
        loop {
            if !self.carry_out(&mut posting).await {
                return;
            }
            let deadline = self.courier.deadline().map(tokio::time::Instant::from_std);
            tokio::select! {
                changed = self.stored.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let stored = *self.stored.borrow_and_update();
                    self.courier.handle_stored(clock::now(), stored);
                }
                Some(what) = self.orders.recv() => {
                    self.courier.handle_order(clock::now(), &what);
                }
                answer = answered(&mut posting) => {
                    posting = None;
                    self.courier.handle_answer(clock::now(), answer);
                }
                () = due(deadline) => self.courier.handle_timeout(clock::now()),
            }
        }
    }

    /// Carries out what the courier wants. Answers whether the loop still listens.
    async fn carry_out(&mut self, posting: &mut Option<Posting>) -> bool {
        while let Some(output) = self.courier.poll_output() {
            match output {
                Output::Read(reading) => {
                    let page = self.reader.read(&reading);
                    if let Err(error) = &page {
                        tracing::warn!(hook = %self.hook, %error, "the journal cannot be read for a webhook");
                    }
                    self.courier.handle_page(clock::now(), page.ok());
                    tokio::task::yield_now().await;
                }
                Output::Post(post) => *posting = Some(Box::pin(self.client.clone().tell(post))),
                Output::Remember(change) => {
                    if !self.remember(change).await {
                        return false;
                    }
                }
            }
        }
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.insert(self.hook.clone(), self.courier.condition());
        true
    }
}

impl Task {
    /// Has a change remembered, and waits until it is on the disk: what was answered before a kill does not come again.
    /// Answers whether the loop still listens.
    async fn remember(&mut self, change: Change) -> bool {
        let (kept, token) = oneshot::channel();
        if self.letters.deliver(Letter::Webhook(change, kept)).await.is_err() {
            return false;
        }
        let Ok(Token(token)) = token.await else { return false };
        // A disk that is slow or broken keeps nobody from being told; a message may come twice then.
        if token != u64::MAX {
            let mut follow = self.stored.clone();
            let stored = follow.wait_for(|stored| *stored >= token);
            if let Ok(Err(_)) = tokio::time::timeout(LONGEST_STORE, stored).await {
                return false;
            }
        }
        let stored = *self.stored.borrow_and_update();
        self.courier.handle_stored(clock::now(), stored);
        true
    }
}

/// Nothing where the receiver's address or authorities cannot be used; the configuration's check has told of both.
fn client(hook: &Webhook, secret: &Secret) -> Option<Client> {
    let timeout = Duration::from_secs(hook.timeout_s.into());
    let authorities = hook.authorities.as_deref();
    match Client::new(&hook.url, authorities, secret, hook.reach(), timeout) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(hook = %hook.name, %error, "a webhook's authorities cannot be read");
            None
        }
    }
}

/// Never, while no message is under way.
async fn answered(posting: &mut Option<Posting>) -> Answer {
    match posting {
        Some(posting) => posting.await,
        None => std::future::pending().await,
    }
}

/// Never, while nothing is due.
async fn due(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Reads what a receiver wants from the journal's files.
struct Reader {
    folder: PathBuf,
    /// Where the record after the last one that was read stands.
    tail: Option<(Segment, u64, u64)>,
    wanted: Wanted,
    texts: Option<Arc<dyn Reads + Send + Sync>>,
    prefix: String,
}

impl Reader {
    fn read(&mut self, reading: &Reading) -> io::Result<Page> {
        let segments = segments::list(&self.folder)?;
        let begins = |next: u64| {
            let at = segments.iter().rposition(|segment| segment.first <= next).unwrap_or(0);
            segments.get(at).map(|segment| (segment.clone(), 0, segment.first))
        };
        let tail = self.tail.take().filter(|(_, _, next)| *next == reading.first);
        let Some((mut segment, mut offset, mut next)) = tail.or_else(|| begins(reading.first))
        else {
            return Ok(Page { items: Vec::new(), read_to: reading.last });
        };
        let mut page = Page { items: Vec::new(), read_to: reading.first.saturating_sub(1) };
        for _ in 0..PIECES_A_TURN {
            let mut piece = segments::read_from(&segment.path, offset, PIECE)?;
            if matches!(decode(&piece), Found::Torn) && piece.len() as u64 == PIECE {
                // A record longer than a piece: a checkpoint of a large branch.
                piece = segments::read_from(&segment.path, offset, u64::MAX)?;
            }
            let used = self.take(&piece, reading, &mut next, &mut page);
            offset += used as u64;
            if page.items.len() == reading.most || next > reading.last {
                break;
            }
            if used == 0 {
                match segments.iter().find(|other| other.first > segment.first) {
                    Some(other) => (segment, offset, next) = (other.clone(), 0, other.first),
                    // Records that a failure of the disk took are nowhere.
                    None => {
                        page.read_to = reading.last;
                        return Ok(page);
                    }
                }
            }
        }
        page.read_to = page.read_to.max(next.saturating_sub(1)).min(reading.last);
        self.tail = Some((segment, offset, next));
        Ok(page)
    }

    /// Takes records of a piece until there are enough. Answers how many bytes were used up.
    fn take(&self, piece: &[u8], reading: &Reading, next: &mut u64, page: &mut Page) -> usize {
        let texts = self.texts.as_ref().map(|texts| &**texts as &dyn Reads);
        let mut used = 0;
        while page.items.len() < reading.most && *next <= reading.last {
            match decode(piece.get(used..).unwrap_or_default()) {
                Found::Record(record) if record.seq > reading.last => break,
                Found::Record(record) => {
                    used += record.bytes.len();
                    *next = record.seq + 1;
                    let in_time = reading.since <= record.at && record.at < reading.until;
                    if record.seq < reading.first || !in_time {
                        continue;
                    }
                    if let Some(json) = outgoing::event(&record, &self.prefix, &self.wanted, texts)
                    {
                        page.items.push(Item { record: record.seq, at: record.at, json });
                    }
                }
                Found::Damage(skip) if used + skip < piece.len() => used += skip,
                _ => break,
            }
        }
        used
    }
}
