//! A mailbox: one task that watches it over IMAP, one that hands letters to its SMTP server.
//!
//! Both wait and decide nothing: what a letter says is read by [`crate::messaging::mail`], what is said to the mailbox is the
//! dialogue's ([`crate::imap`]). A letter is marked as read only after the ledger has said that it is on the disk; a letter
//! that goes out is doubtful from the moment at which its last line may have left, and not one before.

mod inbox;
mod outbox;
mod server;
mod smtp;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::driver::channels::Shelf;
use crate::id::ChannelId;
use crate::imap;
use crate::messaging::channel::{Input, Order, Receipt, State};
use crate::messaging::contract::{Capabilities, Outcome, Outgoing};
use crate::messaging::mail::{Chain, MOST_TEXT, Mailbox};
use crate::random::Random;

pub use server::Server;
pub use smtp::Submission;

/// Threads of which the letters are remembered that an answer names: a busy branch has some hundred a day. Of others the
/// first letter is known, and programs put answers together by that too.
const MOST_THREADS: usize = 2_000;
/// Orders that wait for either task: more than the ledger gives at once.
const MOST_ORDERED: usize = 1_024;
/// How soon is tried again what could not be reached, at first and at most.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(120);
/// How soon one is given again that found no place here.
const FULL: Duration = Duration::from_secs(5);

/// What a mailbox is run with.
#[derive(Debug)]
pub struct Setup {
    /// What letters are read and written by.
    pub mailbox: Mailbox,
    /// Where letters are fetched, and as whom.
    pub imap: Server,
    /// What is said there.
    pub watching: imap::Settings,
    /// Where they are handed over.
    pub smtp: Submission,
    /// Bytes of the largest letter.
    pub most: usize,
}

/// One mailbox's way to its servers and to the ledger.
#[derive(Debug)]
pub struct Post {
    channel: ChannelId,
    setup: Setup,
    shelf: Arc<Shelf>,
    tell: mpsc::Sender<Input>,
    chains: Mutex<Chains>,
    health: Mutex<Health>,
}

/// What an answer in a thread names, for the threads in which something was said last.
#[derive(Debug, Default)]
struct Chains {
    of: BTreeMap<String, Chain>,
    order: VecDeque<String>,
}

/// How both halves are.
#[derive(Debug, Default)]
struct Health {
    /// Why no letters are fetched; nothing: they are, or nobody knows yet.
    inbox: Option<Option<String>>,
    outbox: Option<Option<String>>,
    /// What else somebody should know.
    note: Option<String>,
    told: Option<State>,
}

impl Post {
    /// A mailbox that keeps files on `shelf` and tells by `tell`.
    pub fn new(
        channel: ChannelId,
        setup: Setup,
        shelf: Arc<Shelf>,
        tell: mpsc::Sender<Input>,
    ) -> Arc<Post> {
        let (chains, health) = (Mutex::default(), Mutex::default());
        Arc::new(Post { channel, setup, shelf, tell, chains, health })
    }

    /// Carries out orders and watches the mailbox, until there is nobody who gives orders.
    pub async fn run(self: Arc<Self>, mut orders: mpsc::Receiver<Order>, mut random: Random) {
        let _ = self.tell.send(Input::Capable(self.capabilities())).await;
        let (acknowledge, kept) = mpsc::channel(MOST_ORDERED);
        let (post, sending) = mpsc::channel(MOST_ORDERED);
        let inbox = tokio::spawn(self.clone().watch(kept, random.fork()));
        let outbox = tokio::spawn(self.clone().send_all(sending, random));
        while let Some(order) = orders.recv().await {
            match order {
                Order::Stored(receipt) => self.acknowledge(&acknowledge, receipt, true).await,
                Order::NotStored(receipt, _) => {
                    self.acknowledge(&acknowledge, receipt, false).await
                }
                Order::Send(outgoing) => {
                    if let Err(full) = post.try_send((tokio::time::Instant::now(), outgoing)) {
                        let (_, outgoing) = full.into_inner();
                        self.came_of(&outgoing, Outcome::Throttled(FULL)).await;
                    }
                }
                Order::Typing { .. }
                | Order::Read { .. }
                | Order::Place { .. }
                | Order::Call { .. } => {}
            }
        }
        inbox.abort();
        outbox.abort();
    }

    async fn acknowledge(
        &self,
        to: &mpsc::Sender<(Receipt, bool)>,
        receipt: Receipt,
        stored: bool,
    ) {
        // The task ends only with this one.
        let _ = to.send((receipt, stored)).await;
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest: MOST_TEXT,
            // In base64 with its line ends a file grows by 37 per cent; what is left is for the words.
            media: (self.setup.most as u64 / 100) * 70,
            templates: false,
            delivered: false,
            read: false,
            typing: false,
            window: None,
        }
    }

    async fn came_of(&self, outgoing: &Outgoing, outcome: Outcome) {
        let (message, attempt) = (outgoing.message, outgoing.attempt);
        let _ = self.tell.send(Input::Outcome { message, attempt, outcome }).await;
    }

    /// What is known of a thread.
    fn chain(&self, thread: Option<&str>) -> Chain {
        thread.and_then(|thread| hold(&self.chains).of.get(thread).cloned()).unwrap_or_default()
    }

    /// These letters belong to a thread.
    fn learn(&self, thread: &str, letters: &Chain) {
        let chains = &mut *hold(&self.chains);
        if !chains.of.contains_key(thread) {
            if chains.order.len() == MOST_THREADS {
                chains.order.pop_front().map(|oldest| chains.of.remove(&oldest));
            }
            chains.order.push_back(thread.to_owned());
        }
        let own = chains.of.entry(thread.to_owned()).or_default();
        letters.ids.iter().for_each(|id| own.add(id));
        if own.subject.is_none() {
            own.subject.clone_from(&letters.subject);
        }
    }

    /// Tells how it is, where that is news.
    async fn is(&self, change: impl FnOnce(&mut Health)) {
        let news = {
            let health = &mut *hold(&self.health);
            change(health);
            health.news()
        };
        if let Some(state) = news {
            let _ = self.tell.send(Input::State(state)).await;
        }
    }
}

impl Health {
    /// How the mailbox is, where it was told otherwise; nothing while one half has not said how it is.
    fn news(&mut self) -> Option<State> {
        let (inbox, outbox) = (self.inbox.as_ref()?, self.outbox.as_ref()?);
        let state = match (inbox, outbox) {
            (None, None) => self.note.clone().map_or(State::Up, State::Degraded),
            (Some(why), None) => State::Degraded(format!("letters cannot be fetched: {why}")),
            (None, Some(why)) => State::Down(format!("letters cannot be sent: {why}")),
            (Some(inbox), Some(why)) => {
                State::Down(format!("letters cannot be sent: {why}; nor fetched: {inbox}"))
            }
        };
        let news = self.told.as_ref() != Some(&state);
        self.told = Some(state.clone());
        news.then_some(state)
    }
}

/// A wait of about `rest`: not in step with other boxes that lost the same server.
fn jittered(rest: Duration, random: &mut Random) -> Duration {
    let millis = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
    rest / 2 + Duration::from_millis(random.below(millis)) / 2
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
