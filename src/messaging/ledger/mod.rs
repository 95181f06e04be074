//! The ledger: what arrived is taken in once, and what is to go out goes out once, or it is said that nobody knows.
//!
//! Owns which message is where on its way: what was told and waits for the look-up store, what is written down and waits
//! for the disk, who is next on each channel, what was given away and waits for an answer, what is tried again and when.
//! Decides nothing about people: whether somebody may be written to at this moment is asked ([`Output::MayGo`]), as is who
//! an address is ([`Output::Look`]). The words of a message are held while there is room, and read again when not.
//!
//! Decisions: an attempt is on the disk before its order is given, so that after a crash between the two ends of a wire the
//! message is [unknown](crate::messaging::What::Unknown), never sent twice. What the look-up store does not show yet is
//! remembered until it does and no older answer of it is on its way. Of one person's messages on one channel one is on its
//! way at a time; codes go ahead of all others. What was written and not known to be kept when the disk failed is written
//! once more, the same in every part.

mod arriving;
mod going;
mod line;
mod memory;
mod reporting;
mod retrying;
mod sending;
mod stopping;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::address::Address;
use super::application::{Asker, TextRule};
use super::channel::{Heard, Input, NotStored, Order, Receipt};
use super::contract::{Arrived, Report, Status};
use super::entry::{Entry, Fingerprint, Way};
use super::kept::{Kept, Once};
use super::piece::{Media, Piece};
use super::record::{Message, State};
use crate::channel::Channel;
use crate::id::{ActorId, ChannelId, ContactId, ConversationId, MessageId};
use crate::random::Random;
use crate::time::{Now, Timers, UnixTime};

pub use going::Permission;
pub use line::Figures;
pub use retrying::MOST_ATTEMPTS;
pub use words::{is_known as is_known_language, names as languages};

use going::Out;
use line::Line;
use memory::{Memo, Memory};
use stopping::Replay;

/// What is told and waits for the look-up store: some seconds of a flood. Beyond it channels are told to come again.
pub const MOST_LOOKS: usize = 4_096;
/// Messages that are to go out: what a busy branch sends in a day. Each takes some 400 bytes without its words.
pub const MOST_OPEN: usize = 20_000;
/// Things that are remembered until the look-up store shows them: what a flood of some seconds leaves, two or three for each
/// message. Each takes some 150 bytes. Beyond it channels are told to come again.
pub const MOST_REMEMBERED: usize = 250_000;
/// Bytes of words that are held for messages that wait: beyond it they are read again when their turn comes.
const MOST_WORDS: usize = 32 << 20;
/// Longest time that a message waits to be sent, unless it says otherwise: after three days nobody wants a reminder.
pub const LONGEST_WAIT: Duration = Duration::from_secs(72 * 3_600);
/// What a message is for that somebody waits for: it goes ahead, at any hour.
pub const CODE: &str = "code";
/// What the answer to STOP and START is for: it goes to whoever refuses messages.
pub const REFUSAL: &str = "refusal";
/// Who sends by itself.
pub const BOX: &str = "box";

/// What the site has said of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How what comes by it counts in queues.
    pub work: Channel,
    /// Messages a second, at most; nothing: as many as the channel takes.
    pub rate: Option<f64>,
    /// Messages that are on their way to the other side at a time.
    pub window: usize,
    /// Where a message goes instead that does not arrive, and after how long at the latest.
    pub fallback: Option<(ChannelId, Option<Duration>)>,
    /// For how long the branch may write after the person has written; nothing: always.
    pub only_after: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { work: Channel::Message, rate: None, window: 16, fallback: None, only_after: None }
    }
}

/// What the site has said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Of each channel.
    pub channels: BTreeMap<ChannelId, Rules>,
    /// Languages in which STOP and its kin are understood; the first is answered in.
    pub languages: Vec<String>,
    /// Which texts are an application's: the first rule that fits.
    pub applications: Vec<TextRule>,
}

/// A message that somebody wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// By which way.
    pub way: Way<String>,
    /// To whom and in which conversation, where that is known.
    pub known: Option<(ContactId, Option<ConversationId>)>,
    /// What.
    pub pieces: Vec<Piece<String>>,
    /// What it is about.
    pub subject: Option<String>,
    /// Which message it answers.
    pub answers: Option<MessageId>,
    /// What its channel calls that one, where that is known; else it is looked up.
    pub quote: Option<String>,
    /// Who wants it.
    pub by: ActorId,
    /// What it is for.
    pub purpose: String,
    /// It answers what the person wrote last.
    pub reply: bool,
    /// After this it is of no use.
    pub until: UnixTime,
    /// Before this it is not sent.
    pub not_before: Option<UnixTime>,
    /// Of the key under which it is asked for, and of what is asked.
    pub once: Option<(Fingerprint, Fingerprint)>,
    /// The application that wants it, where it is one.
    pub asker: Option<Box<Asker>>,
}

/// What came of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wished {
    /// It is on the disk, and goes out when it may. The same for whoever asks again under the same key.
    Queued(MessageId, ConversationId),
    /// Something else was asked for under that key.
    Different,
    /// There is no such channel.
    NoChannel,
    /// It cannot be taken now.
    NotNow(NotStored),
}

/// What the look-up store knows of whoever writes or is written to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Which of the keys were there before.
    pub seen: Vec<Fingerprint>,
    /// Whose the address is.
    pub contact: Option<ContactId>,
    /// The conversation that goes on with them, or may.
    pub conversation: Option<ConversationId>,
    /// Which messages the references name.
    pub named: Vec<Named>,
}

/// A message that a channel has a name for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub reference: String,
    /// Which.
    pub message: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// How it stands.
    pub state: State,
}

/// What is asked of the look-up store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who.
    pub address: Option<Address>,
    /// By what the channel keeps it together.
    pub thread: Option<String>,
    /// By which channel.
    pub channel: ChannelId,
    /// Whether these were there before.
    pub keys: Vec<Fingerprint>,
    /// Which messages these are.
    pub references: Vec<String>,
}

/// Something to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Of a conversation.
    Entry(Box<Entry<String>>),
    /// Somebody nobody knew is a contact from here on.
    Met {
        /// Which.
        contact: ContactId,
        /// By this they are known.
        address: Address,
        /// What their service calls them.
        name: Option<String>,
    },
    /// Somebody refuses messages, or allows them again.
    Consent {
        /// Who.
        contact: ContactId,
        /// By which channel they said so.
        channel: ChannelId,
        /// Whether they allow them.
        given: bool,
    },
}

/// Something that happened and is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Somebody wrote, or is to be written to.
    Written {
        /// What.
        message: Box<Message<String>>,
        /// What its channel calls it, where it came in.
        reference: Option<String>,
    },
    /// A message stands like this from now on.
    Stands {
        /// Which.
        message: MessageId,
        /// In which conversation.
        conversation: ConversationId,
        /// With whom.
        contact: ContactId,
        /// How.
        state: State,
    },
    /// Somebody is writing, or no more.
    Typing {
        /// By which channel.
        channel: ChannelId,
        /// Who.
        from: Address,
        /// Whether they are.
        on: bool,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Look this up; answer with [`Ledger::handle_found`].
    Look(u64, Ask),
    /// Write all of this down, or, where there is nothing, take the last record for it; answer at once with
    /// [`Ledger::handle_recorded`].
    Record(Vec<Fact>),
    /// Order a channel something.
    Order(ChannelId, Order),
    /// Whether it may be sent at this moment; answer with [`Ledger::handle_permission`].
    MayGo(Box<Going>),
    /// Read what a message says; answer with [`Ledger::handle_words`].
    Read(MessageId),
    /// What a channel calls the message that another one answers; answer with [`Ledger::handle_quote`].
    Quote {
        /// The one that is to go out.
        message: MessageId,
        /// The one that it answers.
        answers: MessageId,
        /// Which channel.
        channel: ChannelId,
    },
    /// How the same person is reached by another channel; answer with [`Ledger::handle_reach`].
    Reach {
        /// For which message.
        message: MessageId,
        /// Who.
        contact: ContactId,
        /// By which channel.
        channel: ChannelId,
    },
    /// A wish is answered.
    Wished(u64, Wished),
    /// Something happened.
    Happened(Happened),
}

/// A message whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Going {
    /// Which.
    pub message: MessageId,
    /// To whom.
    pub contact: ContactId,
    /// By which way.
    pub way: Way<String>,
    /// What it is for.
    pub purpose: String,
    /// It answers what the person wrote last.
    pub reply: bool,
}

/// How often something was so since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// What came a second time and changed nothing.
    pub repeated: u64,
    /// Reports about nothing that is known.
    pub stray: u64,
    /// What was turned away because too much waited, nothing could be kept, or nothing looked up.
    pub turned_away: u64,
    /// Messages of which nobody knows whether they were sent.
    pub unknown: u64,
}

/// What follows once something is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
enum After {
    /// One more of what a channel has told is done with.
    Receipt(ChannelId, Receipt),
    /// A wish is answered.
    Wish(u64, Wished),
    /// A message waits for its turn.
    Enter(MessageId),
    /// An attempt is made.
    Send(MessageId),
    /// It is told.
    Tell(Happened),
}

/// What is written down and not known to be on the disk.
#[derive(Debug, Clone)]
struct Writing {
    facts: Vec<Fact>,
    afters: Vec<After>,
    memos: Vec<Memo>,
}

/// What waits for the look-up store.
#[derive(Debug, Clone)]
enum Look {
    Arrived(ChannelId, Receipt, Box<Arrived<Media<String>>>, Fingerprint),
    Report(ChannelId, Receipt, Report),
    Wish(u64, Box<Wish>),
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    /// A message may be tried again, or for the first time.
    Again(MessageId),
    /// No outcome came.
    Silent(MessageId, u8),
    /// It has not arrived.
    Undelivered(MessageId),
    /// What it says is read once more, so that it may go another way.
    Recall(MessageId),
    /// A report names nothing that is known.
    Stray(ChannelId, String),
    /// A channel may be given more.
    Pump(ChannelId),
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    settings: Settings,
    random: Random,
    lines: BTreeMap<ChannelId, Line>,
    outs: BTreeMap<MessageId, Out>,
    /// Those of them that the other side has, and whose fate is followed, by age.
    followed: BTreeMap<u64, MessageId>,
    /// Bytes of words that are held.
    words: usize,
    order: u64,
    once: BTreeMap<Fingerprint, Once>,
    /// Its keys by age.
    once_order: VecDeque<Fingerprint>,
    /// What the other sides call messages that are followed.
    references: BTreeMap<(ChannelId, String), MessageId>,
    /// Reports that came before the answer that names their message.
    early: BTreeMap<(ChannelId, String), Vec<(Receipt, Report)>>,
    looks: BTreeMap<u64, Look>,
    /// What somebody wants sent again, while it is read.
    replays: BTreeMap<MessageId, Replay>,
    next: u64,
    memory: Memory,
    /// Of what a channel has told at once: how much is not done with.
    receipts: BTreeMap<(ChannelId, Receipt), usize>,
    /// Handed over to be written, and not numbered.
    handed: VecDeque<Writing>,
    /// Written, and not known to be on the disk.
    unstored: VecDeque<(u64, Writing)>,
    /// Whether what is written is kept.
    healthy: bool,
    /// Whether the store shows what there was before the start.
    ready: bool,
    /// When somebody was last told that STOP was understood.
    confirmed: BTreeMap<Address, UnixTime>,
    /// When somebody last wrote by a channel that lets nobody be written to long after.
    heard: BTreeMap<(ChannelId, Address), UnixTime>,
    timers: Timers<Due>,
    outputs: VecDeque<Output>,
    counts: Counts,
}

impl Ledger {
    /// One that knows what a restart has to know. It takes nothing in before [`Ledger::handle_ready`].
    pub fn new(now: Now, settings: Settings, kept: Kept<String>, random: Random) -> Ledger {
        let mut ledger = Ledger {
            lines: BTreeMap::new(),
            settings: Settings::default(),
            random,
            outs: BTreeMap::new(),
            followed: BTreeMap::new(),
            words: 0,
            order: kept.next,
            once: BTreeMap::new(),
            once_order: VecDeque::new(),
            references: BTreeMap::new(),
            early: BTreeMap::new(),
            looks: BTreeMap::new(),
            replays: BTreeMap::new(),
            next: 0,
            memory: Memory::default(),
            receipts: BTreeMap::new(),
            handed: VecDeque::new(),
            unstored: VecDeque::new(),
            healthy: true,
            ready: false,
            confirmed: BTreeMap::new(),
            heard: BTreeMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            counts: Counts::default(),
        };
        ledger.handle_settings(now, settings);
        ledger.take_up(now, kept);
        ledger
    }

    /// The site has said something else.
    pub fn handle_settings(&mut self, now: Now, settings: Settings) {
        self.settings = settings;
        self.stop_where_no_channel_is(now);
        let channels: Vec<_> =
            self.settings.channels.iter().map(|(id, rules)| (id.clone(), rules.clone())).collect();
        for (id, rules) in channels {
            self.lines.entry(id.clone()).or_default().rules = rules;
            self.pump(now, &id);
        }
    }

    /// The look-up store shows everything that there was before the start, or before the disk failed.
    pub fn handle_ready(&mut self, now: Now) {
        self.ready = true;
        self.pump_all(now);
    }

    /// A channel says something. `key` makes of what the channel calls something that arrived what stands in the journal.
    pub fn handle_channel(
        &mut self,
        now: Now,
        channel: &ChannelId,
        input: Input,
        key: &dyn Fn(&str) -> Fingerprint,
    ) {
        match input {
            Input::Told { receipt, told } => self.told(now, channel, receipt, told, key),
            Input::Outcome { message, attempt, outcome } => {
                self.outcome(now, message, attempt, outcome);
            }
            Input::State(state) => {
                let carries = state.carries();
                let line = self.lines.entry(channel.clone()).or_default();
                line.state = state;
                line.down_since = if carries { None } else { line.down_since.or(Some(now.unix)) };
                self.line_changed(now, channel);
            }
            Input::Capable(capable) => {
                self.lines.entry(channel.clone()).or_default().capable = Some(capable);
            }
            // No message: it is not the ledger's.
            Input::Call { .. } => {}
        }
    }

    /// What [`Output::Record`] gave is written, and this is the number of its last record.
    pub fn handle_recorded(&mut self, number: u64) {
        if let Some(writing) = self.handed.pop_front() {
            self.unstored.push_back((number, writing));
        }
    }

    /// Everything up to this number is on the disk.
    pub fn handle_stored(&mut self, now: Now, upto: u64) {
        if !self.healthy {
            return;
        }
        while self.unstored.front().is_some_and(|(number, _)| *number <= upto) {
            let Some((number, writing)) = self.unstored.pop_front() else { break };
            self.memory.written(number, writing.memos);
            writing.afters.into_iter().for_each(|after| self.after(now, after));
        }
    }

    /// The disk does not keep what is written.
    pub fn handle_failed(&mut self) {
        self.healthy = false;
        self.ready = false;
        let told = std::mem::take(&mut self.receipts);
        for (channel, receipt) in told.into_keys() {
            self.counts.turned_away += 1;
            self.order(&channel, Order::NotStored(receipt, NotStored::Disk));
        }
        let gone = |after: &After| matches!(after, After::Receipt(..) | After::Wish(..));
        let mut wishes = Vec::new();
        let all = self.unstored.iter_mut().map(|(_, writing)| writing).chain(&mut self.handed);
        for writing in all {
            wishes.extend(writing.afters.extract_if(.., |after| gone(after)));
        }
        for after in wishes {
            if let After::Wish(ticket, _) = after {
                let answer = Wished::NotNow(NotStored::Disk);
                self.outputs.push_back(Output::Wished(ticket, answer));
            }
        }
    }

    /// It does again: what may be missing is written once more.
    pub fn handle_mended(&mut self, now: Now) {
        if self.healthy {
            return;
        }
        self.healthy = true;
        let again = std::mem::take(&mut self.unstored);
        for (_, writing) in again {
            self.outputs.push_back(Output::Record(writing.facts.clone()));
            self.handed.push_back(writing);
        }
        self.pump_all(now);
    }

    /// The look-up store shows everything up to this number.
    pub fn handle_shown(&mut self, upto: u64) {
        self.memory.shown(upto, self.next);
        self.forget();
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                Due::Again(message) => self.again(now, message),
                Due::Silent(message, attempt) => self.silent(now, message, attempt),
                Due::Undelivered(message) => self.undelivered(now, message),
                Due::Recall(message) => self.reach(now, message),
                Due::Stray(channel, reference) => self.stray(&channel, &reference),
                Due::Pump(channel) => {
                    if let Some(line) = self.lines.get_mut(&channel) {
                        line.waking = None;
                    }
                    self.pump(now, &channel);
                }
            }
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How often something was so.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether nothing is on its way in.
    pub fn is_idle(&self) -> bool {
        self.looks.is_empty() && self.unstored.is_empty() && self.handed.is_empty()
    }

    /// How each channel does.
    pub fn figures(&self) -> impl Iterator<Item = (&ChannelId, Figures)> {
        self.lines.iter().map(|(channel, line)| (channel, line.figures()))
    }

    /// Things that are remembered until the look-up store shows them.
    pub fn remembered(&self) -> usize {
        self.memory.len()
    }

    /// Whether no more can be remembered before the store shows some of it.
    fn is_full(&self) -> bool {
        self.memory.len() >= MOST_REMEMBERED
    }

    /// Whether a channel carries messages now.
    pub fn carries(&self, channel: &ChannelId) -> bool {
        self.lines.get(channel).is_some_and(|line| line.state.carries())
    }

    /// Since when the oldest message that has not gone out is to, by channel.
    pub fn oldest(&self) -> BTreeMap<ChannelId, UnixTime> {
        let mut oldest = BTreeMap::new();
        for out in self.outs.values().filter(|out| out.state == State::Queued) {
            let since = oldest.entry(out.way.channel.clone()).or_insert(out.since);
            *since = (*since).min(out.since);
        }
        oldest
    }

    /// Messages that are to go out or are followed.
    pub fn open(&self) -> usize {
        self.outs.len()
    }
}

/// Writing down.
impl Ledger {
    fn record(&mut self, facts: Vec<Fact>, afters: Vec<After>, memos: Vec<Memo>) {
        self.memory.hold(&memos);
        self.outputs.push_back(Output::Record(facts.clone()));
        self.handed.push_back(Writing { facts, afters, memos });
    }

    fn after(&mut self, now: Now, after: After) {
        match after {
            After::Receipt(channel, receipt) => self.done_with(&channel, receipt),
            After::Wish(ticket, wished) => self.outputs.push_back(Output::Wished(ticket, wished)),
            After::Enter(message) => self.enter(now, message),
            After::Send(message) => self.send(now, message),
            After::Tell(happened) => self.outputs.push_back(Output::Happened(happened)),
        }
    }

    /// One more of what a channel has told is on the disk, or needs not be.
    fn done_with(&mut self, channel: &ChannelId, receipt: Receipt) {
        let place = (channel.clone(), receipt);
        let Some(left) = self.receipts.get_mut(&place) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.receipts.remove(&place);
            self.order(channel, Order::Stored(receipt));
        }
    }

    fn turn_away(&mut self, channel: &ChannelId, receipt: Receipt, why: NotStored) {
        if self.receipts.remove(&(channel.clone(), receipt)).is_some() {
            self.counts.turned_away += 1;
            self.order(channel, Order::NotStored(receipt, why));
        }
    }

    fn order(&mut self, channel: &ChannelId, order: Order) {
        self.outputs.push_back(Output::Order(channel.clone(), order));
    }

    fn look(&mut self, look: Look, ask: Ask) {
        self.next += 1;
        self.looks.insert(self.next, look);
        self.outputs.push_back(Output::Look(self.next, ask));
    }

    /// Forgets what the store shows and no answer that is on its way contradicts.
    fn forget(&mut self) {
        let oldest = self.looks.keys().next().copied().unwrap_or(self.next + 1);
        for memo in self.memory.forget(oldest) {
            if let Memo::Out(message) = memo {
                self.drop_out(message);
            }
        }
    }

    /// For how long after somebody has written a channel lets anything through but templates, as the site says, else as the
    /// channel itself does.
    fn window(&self, channel: &ChannelId) -> Option<Duration> {
        let said = self.settings.channels.get(channel).and_then(|rules| rules.only_after);
        let line = self.lines.get(channel);
        said.or_else(|| line?.capable?.window)
    }

    fn work(&self, channel: &ChannelId) -> Channel {
        self.settings.channels.get(channel).map_or(Channel::Message, |rules| rules.work)
    }
}

/// What a status is called where only its kind counts.
fn tells(status: &Status) -> State {
    State::from(status)
}

/// What a channel told, one by one.
type Told = Vec<Heard>;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
