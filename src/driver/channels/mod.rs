//! Channels that are services over HTTP: what they call us with, what we ask of them, files that messages bring.
//!
//! One [`Runner`] for each channel, over any [`Adapter`]. What a service tells is handed in under a receipt, and answered
//! when the ledger says that it is on the disk: until then the service may come again, and nothing is lost. What is to be
//! sent is asked with a time limit; whether it was sent when no answer came, nobody knows, and so it is told.

mod asking;
mod fetching;
mod inbound;
mod shelf;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::driver::clock;
use crate::id::ChannelId;
use crate::messaging::channel::{Heard, Input, NotStored, Order, Receipt, State};
use crate::messaging::contract::{Fault, Outcome, Outgoing, Told};
use crate::messaging::kind;
use crate::messaging::web::{Adapter, Answer, Ask, Shown};
use crate::messaging::{Address, Attachment, Media, Piece, Place};
use crate::random::Random;

pub use asking::{Client, Reply};
pub use fetching::{Fetching, NotFetched, with_pieces, without_file};
pub use inbound::{Calls, router};
pub use shelf::{Shelf, Unkept};

/// Messages that one channel sends at once: a service that takes a second for each lets eight a second through, which is
/// more than most accounts may; the ledger keeps to the account's own limit.
const MOST_SENDING: usize = 8;
/// Orders that wait for that. What comes beyond is told to come later: the ledger gives no more than its window anyway.
const MOST_ORDERED: usize = 256;
/// How long the ledger's disk may take before the service is told to come again.
const LONGEST_STORE: Duration = Duration::from_secs(10);
/// How long fetching the files of one message may take: the service waits for its answer, fifteen seconds as a rule.
const LONGEST_FILES: Duration = Duration::from_secs(8);
/// What somebody is shown beside messages, at once; more is left out.
const MOST_SHOWN: usize = 4;
/// How soon a service is asked again that did not answer, at first and at most.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// A service that says sooner that nothing has come does not hold the question: it is asked no more often than that.
const HELD: Duration = Duration::from_millis(500);
/// The most requests that one message takes: ten files, each with a step before it, and words.
const MOST_STEPS: usize = 32;
/// Names of requests that are remembered, so that they say nothing a second time. The ledger knows messages by their keys
/// besides: this keeps its look-ups few.
const MOST_NAMES: usize = 4_096;

/// One channel's way to its service and to the ledger.
pub struct Runner {
    channel: ChannelId,
    adapter: Box<dyn Adapter>,
    client: Client,
    fetching: Fetching,
    shelf: Arc<Shelf>,
    tell: mpsc::Sender<Input>,
    waiting: Mutex<Waiting>,
    names: Mutex<Names>,
    state: Mutex<Option<State>>,
    shown: Semaphore,
}

/// Who waits for what was handed in.
#[derive(Default)]
struct Waiting {
    next: u64,
    receipts: BTreeMap<Receipt, oneshot::Sender<Result<(), NotStored>>>,
}

/// Requests that were taken, in order.
#[derive(Default)]
struct Names(VecDeque<String>);

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runner({})", self.channel)
    }
}

impl Runner {
    /// A channel that speaks by `adapter`, tells by `tell`, and keeps files on `shelf`.
    pub fn new(
        channel: ChannelId,
        adapter: Box<dyn Adapter>,
        (client, fetching): (Client, Fetching),
        shelf: Arc<Shelf>,
        tell: mpsc::Sender<Input>,
    ) -> Arc<Runner> {
        Arc::new(Runner {
            channel,
            adapter,
            client,
            fetching,
            shelf,
            tell,
            waiting: Mutex::default(),
            names: Mutex::default(),
            state: Mutex::default(),
            shown: Semaphore::new(MOST_SHOWN),
        })
    }

    /// Carries out orders and asks for what has come, until there is nobody who gives orders.
    pub async fn run(self: Arc<Self>, orders: mpsc::Receiver<Order>, random: Random) {
        let _ = self.tell.send(Input::Capable(self.adapter.capabilities())).await;
        let polling = tokio::spawn(self.clone().poll(random));
        self.clone().obey(orders).await;
        polling.abort();
    }

    async fn obey(self: Arc<Self>, mut orders: mpsc::Receiver<Order>) {
        let (mut sending, mut ordered) = (JoinSet::new(), VecDeque::new());
        loop {
            while sending.len() < MOST_SENDING
                && let Some(outgoing) = ordered.pop_front()
            {
                sending.spawn(self.clone().send(outgoing));
            }
            let order = tokio::select! {
                order = orders.recv() => order,
                Some(_) = sending.join_next() => continue,
            };
            match order {
                None => return,
                Some(Order::Stored(receipt)) => self.answer(receipt, Ok(())),
                Some(Order::NotStored(receipt, why)) => self.answer(receipt, Err(why)),
                Some(Order::Send(outgoing)) if ordered.len() < MOST_ORDERED => {
                    ordered.push_back(outgoing);
                }
                Some(Order::Send(outgoing)) => {
                    self.came_of(&outgoing, Outcome::Throttled(FIRST_REST)).await;
                }
                Some(Order::Typing { to, on, .. }) => self.show(&to, &Shown::Typing(on)),
                Some(Order::Place { .. } | Order::Call { .. }) => {}
                Some(Order::Read { to, reference, .. }) => {
                    reference.into_iter().for_each(|name| self.show(&to, &Shown::Read(name)));
                }
            }
        }
    }

    fn answer(&self, receipt: Receipt, stored: Result<(), NotStored>) {
        if let Some(waits) = hold(&self.waiting).receipts.remove(&receipt) {
            // Whoever called may have gone meanwhile.
            let _ = waits.send(stored);
        }
    }

    /// Hands in what was told, with its files, and waits until it is on the disk.
    ///
    /// # Errors
    /// When it is not.
    async fn keep(&self, told: Vec<Told>) -> Result<(), NotStored> {
        if told.is_empty() {
            return Ok(());
        }
        let mut heard = Vec::with_capacity(told.len());
        for told in told {
            heard.push(self.with_files(told).await?);
        }
        let (waits, stored) = oneshot::channel();
        let receipt = {
            let mut waiting = hold(&self.waiting);
            waiting.next += 1;
            let receipt = Receipt(waiting.next);
            waiting.receipts.insert(receipt, waits);
            receipt
        };
        let all = async {
            let told = Input::Told { receipt, told: heard };
            self.tell.send(told).await.map_err(|_| NotStored::NotReady)?;
            stored.await.unwrap_or(Err(NotStored::NotReady))
        };
        let stored = timeout(LONGEST_STORE, all).await.unwrap_or(Err(NotStored::TooMuch));
        hold(&self.waiting).receipts.remove(&receipt);
        stored
    }

    /// The same with its files kept here.
    async fn with_files(&self, told: Told) -> Result<Heard, NotStored> {
        let arrived = match told {
            Told::Arrived(arrived) => arrived,
            Told::Report(report) => return Ok(Told::Report(report)),
            Told::Typing { from, on } => return Ok(Told::Typing { from, on }),
            Told::ReadUpTo { from, reference, at } => {
                return Ok(Told::ReadUpTo { from, reference, at });
            }
        };
        let end = Instant::now() + LONGEST_FILES;
        let mut pieces = Vec::with_capacity(arrived.pieces.len());
        for piece in &arrived.pieces {
            pieces.push(self.with_file(piece, end).await?);
        }
        Ok(Told::Arrived(Box::new(fetching::with_pieces(*arrived, pieces))))
    }

    /// A piece with its file kept; where that cannot be had, it says that there was one.
    async fn with_file(
        &self,
        piece: &Piece<String, Attachment>,
        end: Instant,
    ) -> Result<Piece<String, Media<String>>, NotStored> {
        let Piece::Media { media: attachment } = piece else {
            return Ok(fetching::without_file(piece));
        };
        let bytes = timeout_at(end, self.bytes(&attachment.place)).await;
        let bytes = bytes.unwrap_or(Err(NotFetched::Late));
        let kept = bytes.and_then(|bytes| {
            let (mime, size) =
                (kind::agreed(&bytes, attachment.mime.as_deref()), bytes.len() as u64);
            let content = self.shelf.keep(&bytes).map_err(NotFetched::Unkept)?;
            Ok(Media { content, mime, name: attachment.name.clone(), size })
        });
        match kept {
            Ok(media) => Ok(Piece::Media { media }),
            Err(NotFetched::Unkept(Unkept::Disk)) => Err(NotStored::Disk),
            Err(why) => {
                tracing::warn!(channel = %self.channel, %why, "a file of a message cannot be fetched");
                Ok(fetching::without_file(piece))
            }
        }
    }

    async fn bytes(&self, place: &Place) -> Result<Vec<u8>, NotFetched> {
        let most = usize::try_from(self.adapter.capabilities().media).unwrap_or(usize::MAX);
        let ask = match place {
            Place::Here(bytes) => return Ok(bytes.clone()),
            Place::Url(url) => self.adapter.fetch(url),
            Place::Id(id) => {
                let ask = self.adapter.locate(id).ok_or(NotFetched::Gone)?;
                let reply = self.client.ask(&ask).await;
                self.adapter.located(reply.answer()).ok_or(NotFetched::Gone)?
            }
        };
        self.fetching.fetch(ask, most).await
    }

    async fn send(self: Arc<Self>, outgoing: Box<Outgoing>) {
        let outcome = self.attempt(&outgoing).await;
        let away = matches!(outcome, Outcome::Away);
        self.is(if away { State::Degraded("it cannot be reached".to_owned()) } else { State::Up })
            .await;
        self.came_of(&outgoing, outcome).await;
    }

    async fn came_of(&self, outgoing: &Outgoing, outcome: Outcome) {
        let (message, attempt) = (outgoing.message, outgoing.attempt);
        let _ = self.tell.send(Input::Outcome { message, attempt, outcome }).await;
    }

    async fn attempt(&self, outgoing: &Outgoing) -> Outcome {
        let mut replies: Vec<Reply> = Vec::new();
        while replies.len() < MOST_STEPS {
            let ask = {
                let answers: Vec<Answer<'_>> = replies.iter().map(Reply::answer).collect();
                match self.adapter.ask(clock::now().unix, outgoing, &*self.shelf, &answers) {
                    Ok(Some(ask)) => ask,
                    Ok(None) => break,
                    Err(failure) if replies.is_empty() => return Outcome::Refused(failure),
                    Err(_) => return Outcome::Doubtful,
                }
            };
            let reply = self.client.ask(&ask).await;
            let on = matches!(reply, Reply::Replied { status: 200..=299, .. });
            replies.push(reply);
            if !on {
                break;
            }
        }
        let answers: Vec<Answer<'_>> = replies.iter().map(Reply::answer).collect();
        self.adapter.outcome(&answers)
    }

    /// Nobody waits for it, and it may be lost.
    fn show(self: &Arc<Self>, to: &Address, shown: &Shown) {
        if let Some(ask) = self.adapter.show(clock::now().unix, to, shown) {
            let own = self.clone();
            tokio::spawn(async move {
                if let Ok(_place) = own.shown.try_acquire() {
                    let _ = own.client.ask(&ask).await;
                }
            });
        }
    }

    /// Tells how it is, where that is news.
    async fn is(&self, state: State) {
        let news = hold(&self.state).replace(state.clone()).as_ref() != Some(&state);
        if news {
            let _ = self.tell.send(Input::State(state)).await;
        }
    }

    /// Asks for what has come, where the service does not call, and goes on only behind what is on the disk.
    async fn poll(self: Arc<Self>, mut random: Random) {
        let (mut from, mut rest): (Option<String>, _) = (None, FIRST_REST);
        if self.adapter.poll(None).is_none() {
            self.is(State::Up).await;
            return;
        }
        while let Some(ask) = self.adapter.poll(from.as_deref()) {
            let asked = Instant::now();
            match self.polled(&ask).await {
                Ok(next) => {
                    if next.is_none() && asked.elapsed() < HELD {
                        sleep(HELD).await;
                    }
                    from = next.or(from);
                    rest = FIRST_REST;
                    self.is(State::Up).await;
                }
                Err(state) => {
                    self.is(state).await;
                    // Not in step with other boxes that lost the same service.
                    let share = random.below(u64::try_from(rest.as_millis()).unwrap_or(u64::MAX));
                    sleep(rest / 2 + Duration::from_millis(share) / 2).await;
                    rest = (rest * 2).min(LONGEST_REST);
                }
            }
        }
    }

    async fn polled(&self, ask: &Ask) -> Result<Option<String>, State> {
        let reply = self.client.ask(ask).await;
        let polled =
            self.adapter.polled(reply.answer()).map_err(|failure| match failure.fault {
                Fault::Account => State::Down(format!("it refuses us ({})", failure.code)),
                _ => State::Degraded("it cannot be asked".to_owned()),
            })?;
        self.odd(polled.odd);
        let kept = self.keep(polled.told).await;
        kept.map_err(|_| State::Degraded("what came cannot be kept now".to_owned()))?;
        Ok(polled.next)
    }

    /// What could not be read is a change over there, most likely: somebody has to know.
    fn odd(&self, count: u32) {
        if count > 0 {
            tracing::warn!(channel = %self.channel, count, "a service tells something that cannot be read");
        }
    }

    /// Whether a request was taken before.
    fn knows(&self, name: &str) -> bool {
        hold(&self.names).0.iter().any(|own| own == name)
    }

    /// It is taken: on the disk, and answered.
    fn took(&self, name: String) {
        let names = &mut hold(&self.names).0;
        if names.len() == MOST_NAMES {
            names.pop_front();
        }
        names.push_back(name);
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
