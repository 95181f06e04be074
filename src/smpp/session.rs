//! One link as a machine, for both ends: the application (ESME) and the message centre (SMSC).
//!
//! It owns who may say what when (SMPP 3.4 section 2.2 and table 2-1), both windows, every timer of a link (section 2.9),
//! and the truth about what was sent: the driver reports how many octets the socket took, and when the link dies each
//! request is told apart by that. One that was never written whole is not sent, for its receiver cannot have read it; one
//! that was is doubtful. It does not connect, prove passwords, keep messages or know what they say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Add;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::codec::Command;
use super::frame::{Framer, LONGEST};
use super::pdu::{Address, Bind, BindKind, Pdu, Text, empty_response};
use super::status::Status;
use super::tlv::{Tlvs, tag};
use crate::random::Random;
use crate::time::Now;

mod grant;
mod inbound;
mod outbound;

pub use grant::{Grant, Rate, Senders};

/// Highest sequence number (SMPP 3.4 section 5.1.4); 1 comes after it.
const LAST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// `sc_interface_version` that we tell, as a message centre.
const VERSION: u8 = 0x34;

/// Requests without an answer that are remembered, so that a late answer still ends a doubt.
const LATE: usize = 1_000;

/// How much a link may do, and for how long it may do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Our requests that may wait for an answer at once.
    pub window: usize,
    /// Their requests that may wait for ours; one more is answered with `ESME_RMSGQFUL`.
    pub theirs: usize,
    /// Our requests that may wait to be sent.
    pub queue: usize,
    /// Octets of the longest PDU.
    pub longest: usize,
    /// For an answer (`response_timer`).
    pub response: Duration,
    /// Silence after which we ask whether the link is alive (`enquire_link_timer`).
    pub enquire: Duration,
    /// Time without a message after which the link is unbound (`inactivity_timer`); nothing: never.
    pub inactivity: Option<Duration>,
    /// From the connection to the end of binding (`session_init_timer`).
    pub bind: Duration,
    /// For a PDU that was begun to come whole, and for the socket to take something.
    pub pdu: Duration,
    /// For everything in the window to be answered before we unbind.
    pub drain: Duration,
    /// The first pause after `ESME_RTHROTTLED`; each further one is twice as long, up to [`LONGEST_PAUSE`].
    pub pause: Duration,
    /// Whether two messages to one receiver never wait for an answer at once: a refusal for a while then turns no order.
    pub ordered: bool,
}

/// Longest pause of a throttled link: a carrier that is asked once a minute has no reason to complain.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            window: 10,
            theirs: 100,
            queue: 1_000,
            longest: LONGEST,
            response: Duration::from_secs(30),
            enquire: Duration::from_secs(30),
            inactivity: None,
            bind: Duration::from_secs(10),
            pdu: Duration::from_secs(20),
            drain: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            ordered: true,
        }
    }
}

/// Names a request of ours; whoever sends it chooses the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a request of theirs, to answer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u64);

/// A request of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// By what its fate is told.
    pub ticket: Ticket,
    /// What.
    pub pdu: Pdu,
    /// After this it is not sent any more.
    pub until: Option<Instant>,
}

/// What became of a request of ours. Told exactly once for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The other side answered.
    Answered(Status, Pdu),
    /// It was not sent: the other side has not got it.
    NotSent(Unsent),
    /// It was sent and no answer came: it may have been taken or not.
    Doubtful,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// There is no link, or it ended before the request was on it.
    Away,
    /// Too many wait already; after this long there may be room.
    Full(Duration),
    /// Its time was over before its turn came.
    Expired,
    /// It does not go this way on a link bound like this.
    WrongBind,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// We unbound.
    Unbound,
    /// They unbound.
    UnboundByPeer,
    /// They refused our bind, or we refused theirs.
    Refused(Status),
    /// Nobody bound in time.
    NotBound,
    /// They did not answer whether they are there.
    Dead,
    /// No message for too long.
    Inactive,
    /// A PDU was begun and did not end in time.
    Slow,
    /// They do not read what we write.
    Stalled,
    /// A PDU said that it has this many octets.
    Length(u32),
    /// The connection ended.
    Closed,
}

/// What the machine wants or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To be written to the socket, in this order; [`Session::handle_written`] reports how far that came.
    Write(Bytes),
    /// Somebody wants to bind (message centre), or asks to be bound (`outbind`, application): whether they may is said to
    /// [`Session::handle_verdict`].
    Prove(Box<Bind>),
    /// The link is bound: how, and what the other side calls itself.
    Bound(BindKind, Text),
    /// A request of theirs, to be answered with [`Session::handle_answer`].
    Asked(Handle, Pdu),
    /// Something of theirs that has no answer: `alert_notification`.
    Told(Pdu),
    /// What became of a request of ours.
    Fate(Ticket, Fate),
    /// An answer to a request that was told as doubtful before.
    Late(Ticket, Status, Pdu),
    /// The other side asks for less: for so long nothing is sent.
    Throttled(Duration),
    /// The connection is to be closed, after what is written. Nothing else follows until [`Session::handle_closed`].
    Close(Ended),
}

/// What went wrong on a link and did not end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Answers to nothing that was asked.
    pub stray: u64,
    /// PDUs whose body could not be read.
    pub malformed: u64,
    /// Requests out of place: wrong state, wrong end, nobody knows them.
    pub misplaced: u64,
    /// Requests of theirs that were refused for their rate or because too many waited.
    pub refused: u64,
    /// Requests of ours that were throttled.
    pub throttled: u64,
}

impl Add for Counters {
    type Output = Counters;
    fn add(self, other: Counters) -> Counters {
        Counters {
            stray: self.stray + other.stray,
            malformed: self.malformed + other.malformed,
            misplaced: self.misplaced + other.misplaced,
            refused: self.refused + other.refused,
            throttled: self.throttled + other.throttled,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Esme,
    Smsc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Connected, nobody has bound. When that must have happened.
    Open(Instant),
    /// The driver finds out whether they may.
    Proving(BindKind, u32, Instant),
    /// As an application: our bind is on its way.
    Binding(BindKind, u32, Instant),
    Bound(BindKind),
    /// Nothing new; what is open is answered, until then at the latest. The sequence of their `unbind`, if it is theirs.
    Draining(BindKind, Option<u32>, Instant),
    /// Our `unbind` is on its way.
    Unbinding(u32, Instant),
    Closed,
}

/// A request of theirs that waits for our answer.
#[derive(Debug, Clone, Copy)]
struct Open {
    sequence: u32,
    command: u32,
}

/// A request of ours that waits for their answer.
#[derive(Debug)]
struct Waiting {
    order: u64,
    sending: Sending,
    /// Octets of the link at its end: once the socket has taken so many, they may have it.
    end: u64,
}

/// One link.
#[derive(Debug)]
pub struct Session {
    role: Role,
    limits: Limits,
    state: State,
    grant: Grant,
    bind: Option<Bind>,
    name: Text,
    framer: Framer,
    random: Random,
    sequence: u32,
    /// Next number of [`Handle`].
    handles: u64,
    open: BTreeMap<Handle, Open>,
    /// Requests in the order they were given to us, with their place in it.
    queue: VecDeque<(u64, Sending)>,
    orders: u64,
    window: BTreeMap<u32, Waiting>,
    /// When each of them was sent, oldest first; answered ones are still in it.
    sent: VecDeque<(Instant, u32)>,
    late: VecDeque<(u32, Ticket)>,
    /// Receivers that something is on its way to.
    busy: BTreeSet<Address>,
    /// How many may be on their way now: 1 after a pause, and one more with each answer.
    room: usize,
    pauses: u32,
    paused: Option<Instant>,
    enquiry: Option<(u32, Instant)>,
    heard: Instant,
    active: Instant,
    out: BytesMut,
    produced: u64,
    written: u64,
    progress: Instant,
    outputs: VecDeque<Output>,
    counters: Counters,
}

impl Session {
    /// A link on which we are the application: our bind goes first.
    pub fn esme(now: Now, limits: Limits, bind: Bind, random: Random) -> Session {
        let mut session = Session::new(Role::Esme, now, limits, random);
        session.bind = Some(bind.clone());
        session.send_bind(now.instant, bind);
        session
    }

    /// A link on which we are the application, and which the message centre has opened: it says `outbind` first.
    pub fn called(now: Now, limits: Limits, bind: Bind, random: Random) -> Session {
        let mut session = Session::new(Role::Esme, now, limits, random);
        session.bind = Some(bind);
        session
    }

    /// A link on which we are the message centre, called `name`: an application binds first.
    pub fn smsc(now: Now, limits: Limits, name: Text, random: Random) -> Session {
        let mut session = Session::new(Role::Smsc, now, limits, random);
        session.name = name;
        session
    }

    /// A link on which we are the message centre, and which we have opened: we ask to be bound.
    pub fn calling(
        now: Now,
        limits: Limits,
        name: Text,
        password: Text,
        random: Random,
    ) -> Session {
        let mut session = Session::smsc(now, limits, name.clone(), random);
        let sequence = session.next_sequence();
        session.write(Status::OK, sequence, Pdu::Outbind(name, password));
        session
    }

    fn new(role: Role, now: Now, limits: Limits, random: Random) -> Session {
        let at = now.instant;
        Session {
            role,
            state: State::Open(at + limits.bind),
            grant: Grant::default(),
            bind: None,
            name: Text::default(),
            framer: Framer::new(limits.longest),
            random,
            sequence: 0,
            handles: 0,
            open: BTreeMap::new(),
            queue: VecDeque::new(),
            orders: 0,
            window: BTreeMap::new(),
            sent: VecDeque::new(),
            late: VecDeque::new(),
            busy: BTreeSet::new(),
            room: limits.window.max(1),
            pauses: 0,
            paused: None,
            enquiry: None,
            heard: at,
            active: at,
            out: BytesMut::new(),
            produced: 0,
            written: 0,
            progress: at,
            outputs: VecDeque::new(),
            counters: Counters::default(),
            limits,
        }
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        if !self.out.is_empty() {
            return Some(Output::Write(self.out.split().freeze()));
        }
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Session::handle_timeout) is due.
    pub fn deadline(&self) -> Option<Instant> {
        let state = match self.state {
            State::Open(at) | State::Proving(.., at) | State::Binding(.., at) => Some(at),
            State::Draining(.., at) | State::Unbinding(_, at) => Some(at),
            State::Bound(_) => None,
            State::Closed => return None,
        };
        let bound = matches!(self.state, State::Bound(_));
        let idle = bound.then(|| match self.enquiry {
            Some((_, sent)) => sent + self.limits.response,
            None => self.heard + self.limits.enquire,
        });
        let inactive = self.limits.inactivity.filter(|_| bound).map(|span| self.active + span);
        let slow = self.framer.since().map(|since| since + self.limits.pdu);
        let stalled = (self.written < self.produced).then(|| self.progress + self.limits.pdu);
        let answer = self.sent.front().map(|(sent, _)| *sent + self.limits.response);
        let paused = self.paused.filter(|_| !self.queue.is_empty());
        [state, idle, inactive, slow, stalled, answer, paused].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let at = now.instant;
        self.forget_unanswered(at);
        match self.state {
            State::Closed => return,
            State::Open(until) | State::Proving(.., until) | State::Binding(.., until)
                if until <= at =>
            {
                return self.close(Ended::NotBound);
            }
            State::Draining(_, theirs, until) if until <= at => return self.end_drain(at, theirs),
            State::Unbinding(_, until) if until <= at => return self.close(Ended::Unbound),
            _ => {}
        }
        if self.framer.since().is_some_and(|since| since + self.limits.pdu <= at) {
            return self.close(Ended::Slow);
        }
        if self.written < self.produced && self.progress + self.limits.pdu <= at {
            return self.close(Ended::Stalled);
        }
        if matches!(self.state, State::Bound(_)) {
            self.keep_alive(at);
        }
        self.pump(at);
    }

    /// How many octets the socket has taken since the link began.
    pub fn handle_written(&mut self, now: Now, octets: u64) {
        if octets > self.written {
            self.written = octets.min(self.produced);
            self.progress = now.instant;
        }
    }

    /// Whoever asked to bind may, or may not and is told why.
    pub fn handle_verdict(&mut self, now: Now, verdict: Result<Grant, Status>) {
        let State::Proving(kind, sequence, _) = self.state else { return };
        match (self.role, verdict) {
            (Role::Smsc, Ok(grant)) => {
                self.grant = grant;
                let version = Tlvs::default().with(tag::INTERFACE_VERSION, vec![VERSION]);
                self.write(Status::OK, sequence, Pdu::BindResp(kind, self.name.clone(), version));
                self.become_bound(now.instant, kind, Text::default());
            }
            (Role::Smsc, Err(why)) => {
                let answer = Pdu::BindResp(kind, Text::default(), Tlvs::default());
                self.write(why, sequence, answer);
                self.close(Ended::Refused(why));
            }
            (Role::Esme, Ok(_)) => {
                if let Some(bind) = self.bind.clone() {
                    self.send_bind(now.instant, bind);
                }
            }
            (Role::Esme, Err(why)) => self.close(Ended::Refused(why)),
        }
    }

    /// Ends the link in good order: what is on its way is waited for, nothing new is taken.
    pub fn handle_unbind(&mut self, now: Now) {
        match self.state {
            State::Bound(kind) => {
                self.state = State::Draining(kind, None, now.instant + self.limits.drain);
                self.refuse_queue();
                self.end_drain_if_dry(now.instant);
            }
            State::Open(_) | State::Proving(..) | State::Binding(..) => self.close(Ended::Unbound),
            State::Draining(..) | State::Unbinding(..) | State::Closed => {}
        }
    }

    /// The connection is closed, and [`handle_written`](Session::handle_written) has said how far it came.
    pub fn handle_closed(&mut self) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.outputs.push_back(Output::Close(Ended::Closed));
        }
        self.out.clear();
        self.refuse_queue();
        let written = self.written;
        for waiting in std::mem::take(&mut self.window).into_values() {
            let fate =
                if waiting.end <= written { Fate::Doubtful } else { Fate::NotSent(Unsent::Away) };
            self.outputs.push_back(Output::Fate(waiting.sending.ticket, fate));
        }
        self.open.clear();
        self.busy.clear();
        self.sent.clear();
    }

    /// How it is bound, while messages go over it.
    pub fn bound(&self) -> Option<BindKind> {
        match self.state {
            State::Bound(kind) => Some(kind),
            _ => None,
        }
    }

    /// Octets that were given to be written and that the socket has not taken: while these are many, the driver does not
    /// read, so that a peer which asks and does not listen fills no memory.
    pub fn backlog(&self) -> u64 {
        self.produced - self.written
    }

    /// Requests of ours that wait for an answer, and that wait to be sent.
    pub fn load(&self) -> (usize, usize) {
        (self.window.len(), self.queue.len())
    }

    /// Numbers requests of theirs from there on: an answer that was meant for a link before this one then finds nothing.
    pub fn count_handles_from(&mut self, last: u64) {
        self.handles = last;
    }

    /// The last number of a request of theirs.
    pub fn handles(&self) -> u64 {
        self.handles
    }

    /// What went wrong.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence >= LAST_SEQUENCE { 1 } else { self.sequence + 1 };
        self.sequence
    }

    fn write(&mut self, status: Status, sequence: u32, pdu: Pdu) {
        let before = self.out.len();
        Command::new(status, sequence, pdu).write(&mut self.out);
        self.produced += (self.out.len() - before) as u64;
    }

    fn send_bind(&mut self, at: Instant, bind: Bind) {
        let sequence = self.next_sequence();
        self.state = State::Binding(bind.kind, sequence, at + self.limits.bind);
        self.write(Status::OK, sequence, Pdu::Bind(bind));
    }

    fn become_bound(&mut self, at: Instant, kind: BindKind, name: Text) {
        self.state = State::Bound(kind);
        (self.heard, self.active) = (at, at);
        self.outputs.push_back(Output::Bound(kind, name));
        self.pump(at);
    }

    /// Silence is broken by a question, and a question without an answer ends the link.
    fn keep_alive(&mut self, at: Instant) {
        if self.limits.inactivity.is_some_and(|span| self.active + span <= at) {
            self.outputs.push_back(Output::Close(Ended::Inactive));
            let sequence = self.next_sequence();
            self.write(Status::OK, sequence, Pdu::Unbind);
            self.state = State::Closed;
            return;
        }
        match self.enquiry {
            Some((_, sent)) if sent + self.limits.response <= at => self.close(Ended::Dead),
            None if self.heard + self.limits.enquire <= at => {
                let sequence = self.next_sequence();
                self.enquiry = Some((sequence, at));
                self.write(Status::OK, sequence, Pdu::EnquireLink);
            }
            _ => {}
        }
    }

    fn end_drain_if_dry(&mut self, at: Instant) {
        if let State::Draining(_, theirs, _) = self.state
            && self.open.is_empty()
            && (theirs.is_some() || self.window.is_empty())
        {
            self.end_drain(at, theirs);
        }
    }

    fn end_drain(&mut self, at: Instant, theirs: Option<u32>) {
        match theirs {
            Some(sequence) => {
                self.write(Status::OK, sequence, Pdu::UnbindResp);
                self.close(Ended::UnboundByPeer);
            }
            None => {
                let sequence = self.next_sequence();
                self.write(Status::OK, sequence, Pdu::Unbind);
                self.state = State::Unbinding(sequence, at + self.limits.response);
            }
        }
    }

    fn close(&mut self, why: Ended) {
        self.state = State::Closed;
        self.outputs.push_back(Output::Close(why));
    }
}

/// Whether a request may come from that end over a link bound so (SMPP 3.4 table 2-1).
fn allowed(from: Role, command: u32, kind: BindKind) -> bool {
    match (from, command) {
        // submit_sm, submit_multi, query_sm, cancel_sm, replace_sm and the broadcasts.
        (Role::Esme, 0x04 | 0x21 | 0x03 | 0x08 | 0x07 | 0x111..=0x113) => kind.sends(),
        (Role::Esme, 0x103) => kind.sends(),
        // deliver_sm, data_sm, alert_notification.
        (Role::Smsc, 0x05 | 0x103 | 0x102) => kind.receives(),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
