//! What goes out: a text in as many requests as it takes, one after the other, and one outcome for all of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Carrier, Output, Validity};
use crate::id::MessageId;
use crate::messaging::Piece;
use crate::messaging::channel::Input;
use crate::messaging::contract::{Failure, Fault, Outcome, Outgoing};
use crate::smpp::pdu::{Message, Pdu, Text};
use crate::smpp::schedule;
use crate::smpp::session::{Fate, Sending, Ticket, Unsent};
use crate::smpp::status::{Meaning, Status};
use crate::smpp::text::{Part, parts};
use crate::time::Now;

/// How long the rest of a text is tried of which a part is taken: less than the ledger waits for an outcome.
const REST: Duration = Duration::from_secs(4 * 60);
/// Between two tries of it.
const BREATH: Duration = Duration::from_secs(5);
/// `registered_delivery`: a receipt at the end, whatever it is (SMPP 3.4 section 5.2.17).
const RECEIPT_WANTED: u8 = 1;
/// `priority_flag` of a code that somebody waits for: above normal in every network (section 5.2.14).
const URGENT: u8 = 1;

/// A message on its way.
#[derive(Debug)]
pub(super) struct Job {
    message: MessageId,
    attempt: u8,
    head: Box<Message>,
    /// The part that goes next, or that is on its way, and those behind it.
    parts: VecDeque<Part>,
    references: Vec<String>,
    /// Whether the carrier has a part of it.
    begun: bool,
    /// After this no part is sent any more.
    until: Instant,
    /// When the rest is tried again; with the link's return at the latest.
    again: Instant,
    /// When nobody knows any more what comes of it.
    over: Instant,
}

impl Job {
    pub(super) fn due(&self) -> Instant {
        self.again.min(self.over)
    }
}

impl Carrier {
    pub(super) fn send(&mut self, now: Now, outgoing: Outgoing) {
        let (message, attempt) = (outgoing.message, outgoing.attempt);
        match self.job(now, &outgoing) {
            Ok(job) => self.next_part(job),
            Err(fault) => {
                let failure = Failure { fault, code: String::new() };
                self.come_of(message, attempt, Outcome::Refused(failure));
            }
        }
    }

    fn job(&mut self, now: Now, outgoing: &Outgoing) -> Result<Job, Fault> {
        let text = words(&outgoing.pieces).ok_or(Fault::Content)?;
        self.reference = self.reference.wrapping_add(1);
        let parts = parts(&text, self.settings.wording, self.reference);
        let left = outgoing.until.since(now.unix);
        Ok(Job {
            message: outgoing.message,
            attempt: outgoing.attempt,
            head: Box::new(self.head(now, outgoing, left)),
            parts: parts.map_err(|_| Fault::Content)?.into(),
            references: Vec::new(),
            begun: false,
            until: now.instant + left,
            again: now.instant,
            over: now.instant + REST,
        })
    }

    /// Everything but the text.
    fn head(&self, now: Now, outgoing: &Outgoing, left: Duration) -> Message {
        let settings = &self.settings;
        let validity = match settings.validity {
            Validity::None => Text::default(),
            Validity::Relative => schedule::write_relative(left),
            Validity::Absolute => schedule::write(now.unix + left),
        };
        Message {
            service_type: settings.service_type.clone(),
            from: settings.numbers.sender(outgoing.from.as_ref()),
            to: settings.numbers.receiver(&outgoing.to),
            priority: if outgoing.urgent { URGENT } else { 0 },
            validity,
            registered_delivery: if settings.receipts { RECEIPT_WANTED } else { 0 },
            ..Message::default()
        }
    }

    fn next_part(&mut self, job: Job) {
        let Some(part) = job.parts.front() else { return };
        let message = part.clone().put((*job.head).clone());
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let sending = Sending {
            ticket,
            pdu: Pdu::Submit(Box::new(message)),
            until: Some(if job.begun { job.until.min(job.over) } else { job.until }),
        };
        self.jobs.insert(ticket, job);
        self.outputs.push_back(Output::Send(sending));
    }

    /// What became of a request of ours.
    pub fn handle_fate(&mut self, now: Now, ticket: Ticket, fate: Fate) {
        let Some(mut job) = self.jobs.remove(&ticket) else { return };
        match fate {
            Fate::Answered(status, pdu) if status.is_ok() => {
                let id = pdu.id().map(|id| self.settings.rules.of_answer(&id.to_string()));
                job.references.extend(id);
                job.parts.pop_front();
                job.begun = true;
                self.went(job);
            }
            Fate::Answered(status, _) => self.refused(now, job, status),
            Fate::NotSent(unsent) => self.not_sent(now, job, unsent),
            Fate::Doubtful => self.end(job, Outcome::Doubtful),
        }
    }

    /// A part is taken.
    fn went(&mut self, mut job: Job) {
        if job.parts.is_empty() {
            let references = std::mem::take(&mut job.references);
            return self.end(job, Outcome::Accepted { references });
        }
        self.next_part(job);
    }

    fn refused(&mut self, now: Now, job: Job, status: Status) {
        let passes = matches!(status.meaning(), Meaning::Passing | Meaning::Throttled);
        if passes && job.begun {
            return self.rest(now, job);
        }
        let outcome = match status.meaning() {
            Meaning::Throttled => Outcome::Throttled(BREATH),
            _ => Outcome::Refused(Failure { fault: fault(status), code: status.to_string() }),
        };
        self.end(job, outcome);
    }

    fn not_sent(&mut self, now: Now, job: Job, unsent: Unsent) {
        let outcome = match unsent {
            Unsent::Expired => {
                Outcome::Refused(Failure { fault: Fault::Expired, code: String::new() })
            }
            _ if job.begun => return self.rest(now, job),
            Unsent::Full(wait) => Outcome::Throttled(wait),
            Unsent::Away | Unsent::WrongBind => Outcome::Away,
        };
        self.end(job, outcome);
    }

    /// The carrier has a part of it: the rest is tried for a while, for the whole once more would be another text.
    fn rest(&mut self, now: Now, mut job: Job) {
        if now.instant >= job.over {
            return self.end(job, Outcome::Doubtful);
        }
        job.again = now.instant + BREATH;
        self.resting.push(job);
    }

    /// The link is back.
    pub(super) fn resume(&mut self, now: Now) {
        for job in &mut self.resting {
            job.again = now.instant;
        }
        self.resting_due(now);
    }

    pub(super) fn resting_due(&mut self, now: Now) {
        let due = |job: &mut Job| job.due() <= now.instant;
        let jobs: Vec<Job> = self.resting.extract_if(.., due).collect();
        for job in jobs {
            if job.over <= now.instant {
                self.end(job, Outcome::Doubtful);
            } else {
                self.next_part(job);
            }
        }
    }

    fn end(&mut self, job: Job, outcome: Outcome) {
        match &outcome {
            Outcome::Accepted { .. } => self.tally.taken += 1,
            Outcome::Refused(failure) => {
                self.tally.refused += 1;
                let code = Some(failure.code.clone()).filter(|code| !code.is_empty());
                self.last_error = code.or(self.last_error.take());
            }
            _ => {}
        }
        self.come_of(job.message, job.attempt, outcome);
    }

    fn come_of(&mut self, message: MessageId, attempt: u8, outcome: Outcome) {
        self.tell(Input::Outcome { message, attempt, outcome });
    }
}

/// What a text message can say of it; nothing where something is left over.
fn words(pieces: &[Piece<String>]) -> Option<String> {
    let texts: Option<Vec<&str>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("\n"))
}

fn fault(status: Status) -> Fault {
    match status.meaning() {
        Meaning::Taken | Meaning::Throttled | Meaning::Passing => Fault::Network,
        Meaning::Address => Fault::Address,
        Meaning::Content => Fault::Content,
        Meaning::Sender | Meaning::Account => Fault::Account,
        Meaning::Expired => Fault::Expired,
        Meaning::Unknown => Fault::Unknown,
    }
}
