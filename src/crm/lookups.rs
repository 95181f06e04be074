//! When to ask, and for whom.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::answer::{Answer, Fault};
use crate::id::{CallId, ContactId};
use crate::time::{Now, UnixTime};

/// Questions that are with the CRM at a time: a branch rings a handful of phones at once.
const AT_ONCE: usize = 8;
/// Questions that wait for their turn; of more the oldest are dropped, whose calls are answered by now.
const MOST_WAITING: usize = 64;
/// How long a question may wait for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// People whom the CRM does not know that are remembered.
const MOST_UNKNOWN: usize = 4_096;
/// Questions in a row without an answer after which it is left alone for a while.
const TROUBLE: u32 = 3;
/// For how long first; it doubles from there.
const FIRST_REST: Duration = Duration::from_secs(10);
/// And at most.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How old an answer may be until it is asked again.
    pub fresh: Duration,
    /// How long nobody asks again about somebody whom it did not know.
    pub unknown: Duration,
}

/// Names a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Names it.
    pub id: AskId,
    /// About whom, such as `phone:+4930123456`.
    pub identity: String,
    /// By what else the person is known here, such as `account:C-7`: the CRM may find them by any.
    pub also: Vec<String>,
    /// Under which contact the person goes here.
    pub contact: Option<ContactId>,
}

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A call.
    Call(CallId),
    /// Somebody at the box who tries whether it works.
    Test(u64),
    /// Somebody at the box who wants it on the record.
    Asked(u64),
}

/// What is known of a person from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Under which contact the person goes.
    pub contact: ContactId,
    /// By what the person is known besides.
    pub also: Vec<String>,
    /// When the CRM was last asked and answered; nothing if never.
    pub asked: Option<UnixTime>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Ask; answer with [`Lookups::handle_answer`].
    Ask(Ask),
    /// The CRM has answered: it goes on the record, and onto the cards of these calls.
    Learned {
        /// About whom.
        identity: String,
        /// Under which contact the person went when it was asked.
        contact: Option<ContactId>,
        /// What.
        answer: Answer,
        /// Who wanted to know.
        calls: Vec<CallId>,
    },
    /// What came of a try.
    Tested {
        /// Whose.
        test: u64,
        /// How long it took.
        took: Duration,
        /// What.
        result: Result<Answer, Fault>,
    },
}

/// What came of wanting to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The last answer is new enough.
    Fresh,
    /// The last answer is shown, and asked for anew beside it.
    Stale,
    /// It was never asked.
    Missed,
    /// It was asked a little while ago, and did not know.
    Unknown,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Cards with an answer that was new enough.
    pub fresh: u64,
    /// Cards with an older one.
    pub stale: u64,
    /// Cards with none.
    pub missed: u64,
    /// Cards of people whom the CRM had just not known.
    pub unknown_again: u64,
    /// Answers that it knew somebody.
    pub found: u64,
    /// Answers that it did not.
    pub unknown: u64,
    /// Questions without an answer.
    pub faults: u64,
    /// Questions that were not asked: it rests, or there are too many.
    pub dropped: u64,
}

#[derive(Debug)]
struct Open {
    ask: Ask,
    by: Vec<For>,
    since: Instant,
    /// Whether it is with the CRM.
    sent: bool,
}

/// Questions to the CRM.
#[derive(Debug)]
pub struct Lookups {
    limits: Limits,
    next: u64,
    /// By number, so that the oldest comes first.
    open: BTreeMap<AskId, Open>,
    /// Whom it did not know, until when nobody asks again; and in which order they came.
    unknown: BTreeMap<String, Instant>,
    order: VecDeque<String>,
    trouble: u32,
    last: Option<Fault>,
    rests_until: Option<Instant>,
    /// What was counted.
    pub counters: Counters,
    outputs: VecDeque<Output>,
}

impl Lookups {
    /// Nobody has asked yet.
    pub fn new(limits: Limits) -> Self {
        Lookups {
            limits,
            next: 0,
            open: BTreeMap::new(),
            unknown: BTreeMap::new(),
            order: VecDeque::new(),
            trouble: 0,
            last: None,
            rests_until: None,
            counters: Counters::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Somebody calls. What is known is shown whatever comes of this.
    pub fn handle_caller(
        &mut self,
        now: Now,
        call: CallId,
        identity: &str,
        known: Option<Known>,
    ) -> Asked {
        let asked = known.as_ref().and_then(|known| known.asked);
        if asked.is_some_and(|at| now.unix.since(at) < self.limits.fresh) {
            self.counters.fresh += 1;
            return Asked::Fresh;
        }
        if self.unknown.get(identity).is_some_and(|until| now.instant < *until) {
            self.counters.unknown_again += 1;
            return Asked::Unknown;
        }
        self.want(now, identity, known, For::Call(call));
        if asked.is_some() {
            self.counters.stale += 1;
            Asked::Stale
        } else {
            self.counters.missed += 1;
            Asked::Missed
        }
    }

    /// Somebody at the box tries whether it works: it is asked at all events.
    pub fn handle_test(&mut self, now: Now, test: u64, identity: &str) {
        self.rests_until = None;
        self.want(now, identity, None, For::Test(test));
    }

    /// Somebody at the box wants what it says on the record of a person: it is asked at all events.
    pub fn handle_asked(&mut self, now: Now, asked: u64, identity: &str, known: Option<Known>) {
        self.rests_until = None;
        self.want(now, identity, known, For::Asked(asked));
    }

    /// The CRM answered, or did not.
    pub fn handle_answer(
        &mut self,
        now: Now,
        id: AskId,
        took: Duration,
        result: Result<Answer, Fault>,
    ) {
        let Some(open) = self.open.remove(&id) else { return };
        match &result {
            Ok(_) => (self.trouble, self.last, self.rests_until) = (0, None, None),
            Err(fault) => self.note_fault(now, *fault),
        }
        let calls = open.by.iter().filter_map(|by| match by {
            For::Call(call) => Some(*call),
            For::Test(_) | For::Asked(_) => None,
        });
        let calls: Vec<_> = calls.collect();
        for by in &open.by {
            if let For::Test(test) | For::Asked(test) = by {
                self.outputs.push_back(Output::Tested {
                    test: *test,
                    took,
                    result: result.clone(),
                });
            }
        }
        if let Ok(answer) = result {
            match &answer {
                Answer::Found(_) => {
                    self.counters.found += 1;
                    self.know(&open.ask.identity);
                }
                Answer::Unknown => {
                    self.counters.unknown += 1;
                    self.note_unknown(now, &open.ask.identity);
                }
            }
            // A try alone changes nobody's record.
            let asked = open.by.iter().any(|by| matches!(by, For::Asked(_)));
            if asked || !calls.is_empty() {
                let Ask { identity, contact, .. } = open.ask;
                self.outputs.push_back(Output::Learned { identity, contact, answer, calls });
            }
        }
        self.send(now);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What went wrong last, and until when it rests for that.
    pub fn trouble(&self) -> Option<(Fault, Option<Instant>)> {
        Some((self.last?, self.rests_until))
    }

    #[cfg(test)]
    pub(super) fn unknown_len(&self) -> usize {
        self.unknown.len().max(self.order.len())
    }

    /// Questions that were not answered yet.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn want(&mut self, now: Now, identity: &str, known: Option<Known>, by: For) {
        let same = self.open.values_mut().find(|open| open.ask.identity == identity);
        if let Some(open) = same {
            return open.by.push(by);
        }
        if self.rests_until.is_some_and(|until| now.instant < until) {
            self.counters.dropped += 1;
            return;
        }
        let id = AskId(self.next);
        self.next += 1;
        let (contact, also) =
            known.map_or((None, Vec::new()), |known| (Some(known.contact), known.also));
        let ask = Ask { id, identity: identity.to_owned(), also, contact };
        self.open.insert(id, Open { ask, by: vec![by], since: now.instant, sent: false });
        self.send(now);
    }

    /// Hands out questions while there is room, and drops those that nobody waits for any more.
    fn send(&mut self, now: Now) {
        let waiting: Vec<_> =
            self.open.iter().filter(|(_, open)| !open.sent).map(|(id, _)| *id).collect();
        let too_many = waiting.len().saturating_sub(MOST_WAITING);
        let rests = self.rests_until.is_some_and(|until| now.instant < until);
        for (place, id) in waiting.into_iter().enumerate() {
            let sent = self.open.values().filter(|open| open.sent).count();
            let Some(open) = self.open.get_mut(&id) else { continue };
            let old = now.instant.saturating_duration_since(open.since) > LONGEST_WAIT;
            if place < too_many || old || rests {
                self.drop_one(id);
            } else if sent < AT_ONCE {
                open.sent = true;
                self.outputs.push_back(Output::Ask(open.ask.clone()));
            }
        }
    }

    fn drop_one(&mut self, id: AskId) {
        let Some(open) = self.open.remove(&id) else { return };
        self.counters.dropped += 1;
        for by in open.by {
            if let For::Test(test) | For::Asked(test) = by {
                let (took, result) = (Duration::ZERO, Err(self.last.unwrap_or(Fault::Late)));
                self.outputs.push_back(Output::Tested { test, took, result });
            }
        }
    }

    fn note_fault(&mut self, now: Now, fault: Fault) {
        self.counters.faults += 1;
        self.trouble = self.trouble.saturating_add(1);
        self.last = Some(fault);
        if self.trouble >= TROUBLE {
            let doubled = 1_u32.checked_shl(self.trouble - TROUBLE).unwrap_or(u32::MAX);
            let rest = FIRST_REST.saturating_mul(doubled).min(LONGEST_REST);
            self.rests_until = Some(now.instant + rest);
        }
    }

    fn know(&mut self, identity: &str) {
        if self.unknown.remove(identity).is_some() {
            self.order.retain(|other| other != identity);
        }
    }

    fn note_unknown(&mut self, now: Now, identity: &str) {
        let until = now.instant + self.limits.unknown;
        if self.unknown.insert(identity.to_owned(), until).is_none() {
            self.order.push_back(identity.to_owned());
        }
        while self.order.len() > MOST_UNKNOWN {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.unknown.remove(&oldest));
        }
    }
}
