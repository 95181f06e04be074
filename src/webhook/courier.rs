//! One receiver: what it gets next, and when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::standing::{Change, Dead, Pause, Standing, What, Why};
use crate::id::HookId;
use crate::random::Random;
use crate::time::{Now, UnixTime};

/// How long records gather before the journal is read: a busy box stores some hundred times in a second.
const GATHER: Duration = Duration::from_millis(100);
/// How long after the journal could not be read it is tried again.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// The longest that a receiver may put us off: whoever is away for longer is found out by trying.
const LONGEST_PUT_OFF: Duration = Duration::from_secs(3_600);
/// Records that were not wanted, after which the place is remembered all the same: a restart reads no more than these.
const REMEMBER_EVERY: u64 = 4_096;

/// How a receiver is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events in one message, at most; at least 1.
    pub batch: usize,
    /// After so many tries a message is given up; 0: never.
    pub tries: u32,
    /// The wait after the first try that failed; it doubles from there.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

/// One event for a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The number of its record.
    pub record: u64,
    /// When it happened.
    pub at: UnixTime,
    /// A JSON object.
    pub json: String,
}

/// What of the journal is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The first record.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Only what happened at this time or later.
    pub since: UnixTime,
    /// And before this one.
    pub until: UnixTime,
    /// Wanted events, at most.
    pub most: usize,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// What this receiver wants of it, in order.
    pub items: Vec<Item>,
    /// Everything up to here was looked at.
    pub read_to: u64,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The value of `webhook-id`: the same in every try.
    pub id: String,
    /// When it is sent, in seconds since 1970: the value of `webhook-timestamp`.
    pub seconds: i64,
    /// The body.
    pub body: String,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Read; answer with [`Courier::handle_page`].
    Read(Reading),
    /// Send; answer with [`Courier::handle_answer`].
    Post(Post),
    /// Remember.
    Remember(Change),
}

/// What came of sending a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The receiver answered.
    Status {
        /// With this.
        status: u16,
        /// And wants to be left alone for so long.
        retry_after: Option<Duration>,
    },
    /// It did not.
    Not(Why),
}

/// The message that is under way: nothing but where it is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    first: u64,
    last: u64,
    /// When the first of it happened.
    at: UnixTime,
    tries: u32,
    again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is owed, as far as is known.
    Idle,
    /// More is stored since; it may gather.
    Due(Instant),
    /// The journal is being read, for a message that was tried before or for the next one.
    Reading { again: bool, before: Option<Message> },
    /// A message is with the receiver.
    Posting(Message),
    /// It did not take it; it is tried again.
    Waiting(Instant, Message),
}

/// How a receiver is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// Records that nobody has looked at for it.
    pub behind: u64,
    /// When the oldest happened that is owed to it, as far as is known; nothing where nothing is owed.
    pub oldest: Option<UnixTime>,
    /// What went wrong with the message that is under way, and how often it was tried.
    pub trouble: Option<(Why, u32)>,
    /// Messages that were sent since the start, every try counted.
    pub tries: u64,
    /// Those of them that were not taken.
    pub failed: u64,
}

/// What one receiver is owed.
#[derive(Debug)]
pub struct Courier {
    hook: HookId,
    limits: Limits,
    /// What ids of messages begin with: this box and no other.
    prefix: String,
    standing: Standing,
    /// Everything up to here was looked at, and what was wanted of it is done with.
    looked: u64,
    stored: u64,
    /// Up to here events go one by one: together the receiver refused them for good.
    alone_upto: u64,
    last: Option<Why>,
    /// Since when something is stored that was not looked at.
    owed_since: Option<UnixTime>,
    tries: u64,
    failed: u64,
    state: State,
    random: Random,
    outputs: VecDeque<Output>,
}

impl Courier {
    /// Goes on where `standing` says; a receiver that nobody knew gets what happens from now on, behind `stored`.
    pub fn new(
        hook: HookId,
        limits: Limits,
        prefix: String,
        standing: Option<Standing>,
        stored: u64,
        random: Random,
    ) -> Self {
        let known = standing.is_some();
        let standing = standing.unwrap_or(Standing { upto: stored, ..Standing::default() });
        let mut courier = Courier {
            looked: standing.upto,
            hook,
            limits,
            prefix,
            standing,
            stored: 0,
            alone_upto: 0,
            last: None,
            owed_since: None,
            tries: 0,
            failed: 0,
            state: State::Idle,
            random,
            outputs: VecDeque::new(),
        };
        if !known {
            courier.remember(What::Upto { record: stored });
        }
        courier
    }

    /// Everything up to this record is on the disk.
    pub fn handle_stored(&mut self, now: Now, upto: u64) {
        self.stored = self.stored.max(upto);
        if self.looked < self.stored {
            self.owed_since.get_or_insert(now.unix);
        }
        if self.state == State::Idle && self.owes() && self.standing.paused.is_none() {
            self.state = State::Due(now.instant + GATHER);
        }
    }

    /// Somebody has ordered something of this receiver, which is remembered already: records go again before what else is
    /// owed, and never beside it; who is paused has nothing sent until somebody lets it go on, and then at once.
    pub fn handle_order(&mut self, now: Now, what: &What) {
        self.standing.apply(what);
        if let (What::Resumed, State::Waiting(_, message)) = (what, self.state) {
            self.state = State::Waiting(now.instant, message);
        }
        self.handle_stored(now, 0);
    }

    /// The journal was read; nothing: it could not be.
    pub fn handle_page(&mut self, now: Now, page: Option<Page>) {
        let State::Reading { again, before } = self.state else { return };
        self.state = State::Idle;
        if self.standing.paused.is_some() {
            // It is read again when it goes on.
            if let Some(message) = before {
                self.state = State::Waiting(now.instant, message);
            }
            return;
        }
        let Some(page) = page else {
            self.state = match before {
                Some(message) => State::Waiting(now.instant + READ_AGAIN, message),
                None => State::Due(now.instant + READ_AGAIN),
            };
            return;
        };
        let (Some(first), Some(last)) = (page.items.first(), page.items.last()) else {
            self.passed(again, page.read_to.max(before.map_or(0, |message| message.last)));
            return self.go_on(now);
        };
        let message = Message {
            first: before.map_or(first.record, |before| before.first),
            last: before.map_or(last.record, |before| before.last),
            at: before.map_or(first.at, |before| before.at),
            tries: before.map_or(0, |before| before.tries),
            again,
        };
        self.post(now, message, &page.items);
    }

    /// The receiver answered, or did not.
    pub fn handle_answer(&mut self, now: Now, answer: Answer) {
        let State::Posting(mut message) = self.state else { return };
        self.state = State::Idle;
        message.tries = message.tries.saturating_add(1);
        self.tries += 1;
        let (why, put_off) = match answer {
            Answer::Status { status: 200..=299, .. } => {
                self.last = None;
                self.done(message);
                return self.go_on(now);
            }
            Answer::Status { status, retry_after } => (Why::Status(status), retry_after),
            Answer::Not(why) => (why, None),
        };
        self.last = Some(why);
        self.failed += 1;
        if why == Why::Status(410) {
            // It wants no more, which is no verdict on this message: all that is owed waits for an admin.
            self.remember(What::Paused { why: Pause::Gone, at: now.unix });
            self.state = State::Waiting(now.instant, message);
            return;
        }
        let never = matches!(answer, Answer::Status { status, .. } if says_never(status));
        if never && message.first < message.last {
            // One of them may be at fault; the others are not lost with it.
            self.alone_upto = message.last;
            return self.go_on(now);
        }
        if never || (self.limits.tries > 0 && message.tries >= self.limits.tries) {
            let Message { first, last, tries, .. } = message;
            self.remember(What::Dead(Dead { first, last, at: now.unix, tries, why }));
            self.done(message);
            return self.go_on(now);
        }
        let wait = self.back_off(message.tries);
        let wait = wait.max(put_off.unwrap_or_default().min(LONGEST_PUT_OFF));
        self.state = State::Waiting(now.instant + wait, message);
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        match self.state {
            _ if self.standing.paused.is_some() => {}
            State::Due(at) if at <= now.instant => {
                self.state = State::Idle;
                self.go_on(now);
            }
            State::Waiting(at, message) if at <= now.instant => self.read_again(message),
            _ => {}
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Due(at) | State::Waiting(at, _) => {
                Some(at).filter(|_| self.standing.paused.is_none())
            }
            _ => None,
        }
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    #[cfg(test)]
    pub(super) fn outputs_waiting(&self) -> usize {
        self.outputs.len()
    }

    /// How far it is, and what was given up.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Records that nobody has looked at for this receiver yet.
    pub fn behind(&self) -> u64 {
        self.stored.saturating_sub(self.looked)
    }

    /// How it is at this moment.
    pub fn condition(&self) -> Condition {
        let under_way = self.under_way();
        let fresh = under_way.filter(|message| !message.again).map(|message| message.at);
        Condition {
            behind: self.behind(),
            oldest: fresh.or(self.owed_since),
            trouble: self.trouble(),
            tries: self.tries,
            failed: self.failed,
        }
    }

    /// What went wrong with the message that is under way, and how often it was tried.
    pub fn trouble(&self) -> Option<(Why, u32)> {
        let message = self.under_way().filter(|message| message.tries > 0)?;
        Some((self.last?, message.tries))
    }

    fn under_way(&self) -> Option<Message> {
        match self.state {
            State::Waiting(_, message)
            | State::Posting(message)
            | State::Reading { before: Some(message), .. } => Some(message),
            _ => None,
        }
    }

    fn owes(&self) -> bool {
        !self.standing.again.is_empty() || self.looked < self.stored
    }

    /// Reads on if there is anything to read.
    fn go_on(&mut self, now: Now) {
        self.owed_since = (self.looked < self.stored).then_some(now.unix);
        if self.standing.paused.is_some() {
            return;
        }
        let reading = if let Some(span) = self.standing.again.front() {
            let (since, until) = (span.since, span.until);
            Some((true, span.next, span.end, since, until))
        } else if self.looked < self.stored {
            let (since, until) = (UnixTime(i64::MIN), UnixTime(i64::MAX));
            Some((false, self.looked + 1, self.stored, since, until))
        } else {
            None
        };
        let Some((again, first, last, since, until)) = reading else { return };
        let most = if first <= self.alone_upto { 1 } else { self.limits.batch.max(1) };
        self.state = State::Reading { again, before: None };
        self.outputs.push_back(Output::Read(Reading { first, last, since, until, most }));
    }

    /// Reads the same message once more: it is what it was, but for what was erased.
    fn read_again(&mut self, message: Message) {
        let (first, last) = (message.first, message.last);
        let (mut since, mut until) = (UnixTime(i64::MIN), UnixTime(i64::MAX));
        if let Some(span) = self.standing.again.front().filter(|_| message.again) {
            (since, until) = (span.since, span.until);
        }
        self.state = State::Reading { again: message.again, before: Some(message) };
        let most = self.limits.batch.max(1);
        self.outputs.push_back(Output::Read(Reading { first, last, since, until, most }));
    }

    fn post(&mut self, now: Now, message: Message, items: &[Item]) {
        let Message { first, last, .. } = message;
        let id = match first == last {
            true => format!("{}-{first}", self.prefix),
            false => format!("{}-{first}-{last}", self.prefix),
        };
        let events: Vec<_> = items.iter().map(|item| item.json.as_str()).collect();
        let body = format!("{{\"events\":[{}]}}", events.join(","));
        self.state = State::Posting(message);
        self.outputs.push_back(Output::Post(Post { id, seconds: now.unix.seconds(), body }));
    }

    fn done(&mut self, message: Message) {
        match message.again {
            true => self.remember(What::Again { record: message.last }),
            false => {
                self.looked = self.looked.max(message.last);
                self.remember(What::Upto { record: message.last });
            }
        }
    }

    /// Nothing up to `record` was wanted.
    fn passed(&mut self, again: bool, record: u64) {
        if again {
            return self.remember(What::Again { record });
        }
        self.looked = self.looked.max(record);
        if self.looked - self.standing.upto.min(self.looked) >= REMEMBER_EVERY {
            self.remember(What::Upto { record: self.looked });
        }
    }

    fn remember(&mut self, what: What) {
        self.standing.apply(&what);
        self.outputs.push_back(Output::Remember(Change { hook: self.hook.clone(), what }));
    }

    /// Doubles from the first wait to the longest; of each the upper half is left to chance, so that boxes whose common
    /// receiver comes back do not all come at once.
    fn back_off(&mut self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        let whole = self.limits.first_wait.saturating_mul(doubled).min(self.limits.longest_wait);
        let half = u64::try_from(whole.as_micros() / 2).unwrap_or(u64::MAX);
        Duration::from_micros(half) + Duration::from_micros(self.random.below(half + 1))
    }
}

/// Whether an answer says that this message will never be taken (RFC 9110 section 15.5). What an admin of the receiver
/// mends in an hour, such as a wrong password or a path that is not there yet, is tried again.
fn says_never(status: u16) -> bool {
    matches!(status, 400 | 405 | 406 | 411 | 413..=417 | 421 | 422 | 431 | 451)
}
