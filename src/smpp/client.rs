//! A link to a carrier that is kept up: which host is tried when, and what is waited in between.
//!
//! It wraps a [`Session`] for as long as there is one. It does not connect: it says when and to which host.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pdu::{Bind, BindKind, Pdu, Text};
use super::session::{
    Counters, Ended, Fate, Grant, Handle, Limits, Output as Said, Sending, Session, Ticket, Unsent,
};
use super::status::{Meaning, Status};
use crate::random::Random;
use crate::time::Now;

/// Wait after the first time that no host was reached; twice as long each further time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait between two rounds: a carrier that comes back is found within a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Wait after a bind that was refused for its name or password: only a person mends that, and carriers lock accounts.
const REFUSED_WAIT: Duration = Duration::from_secs(300);
/// A link that lasted so long was a good one: the waits begin again with the shortest.
const GOOD: Duration = Duration::from_secs(60);

/// One of a carrier's hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name or address.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// A carrier.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is, the preferred host first.
    pub hosts: Vec<Host>,
    /// How we bind.
    pub bind: Bind,
    /// What the link may do.
    pub limits: Limits,
}

/// Why there is no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// No connection.
    Unreachable,
    /// There was one, and it ended.
    Ended(Ended),
}

/// What the machine wants or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect to a host, then say so.
    Connect(Host),
    /// Write this.
    Write(Bytes),
    /// Close the connection after what was written, then say so.
    Close,
    /// Bound: how, and what the other side calls itself.
    Up(BindKind, Text),
    /// Not bound any more, and when it is tried again; nothing: never.
    Down(Down, Option<Duration>),
    /// A request of theirs, to be answered.
    Asked(Handle, Pdu),
    /// Something of theirs that has no answer.
    Told(Pdu),
    /// What became of a request of ours.
    Fate(Ticket, Fate),
    /// An answer to a request that was told as doubtful before.
    Late(Ticket, Status, Pdu),
    /// The other side asks for less: for so long nothing is sent.
    Throttled(Duration),
}

#[derive(Debug)]
enum State {
    Waiting(Instant),
    Connecting,
    Linked(Box<Session>),
    Stopped,
}

/// A link that is kept up.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    random: Random,
    state: State,
    /// Which host is tried next.
    host: usize,
    /// Rounds over all hosts without a good link.
    rounds: u32,
    bound_at: Option<Instant>,
    ended: Option<Ended>,
    handles: u64,
    stopping: bool,
    counters: Counters,
    outputs: VecDeque<Output>,
}

impl Client {
    /// Begins at once with the first host. Without any host it never does anything.
    pub fn new(now: Now, settings: Settings, random: Random) -> Client {
        Client {
            state: if settings.hosts.is_empty() {
                State::Stopped
            } else {
                State::Waiting(now.instant)
            },
            settings,
            random,
            host: 0,
            rounds: 0,
            bound_at: None,
            ended: None,
            handles: 0,
            stopping: false,
            counters: Counters::default(),
            outputs: VecDeque::new(),
        }
    }

    /// The connection stands.
    pub fn handle_connected(&mut self, now: Now) {
        if !matches!(self.state, State::Connecting) {
            return;
        }
        let Settings { bind, limits, .. } = &self.settings;
        let mut session = Session::esme(now, *limits, bind.clone(), self.random.fork());
        session.count_handles_from(self.handles);
        (self.bound_at, self.ended) = (None, None);
        self.state = State::Linked(Box::new(session));
        self.take_over();
    }

    /// It could not be made, or it is closed; before that it was said how much was written.
    pub fn handle_closed(&mut self, now: Now) {
        let Some(down) = self.end_link() else { return };
        let wait = self.next_wait(now.instant, down);
        self.state = match wait {
            Some(wait) => State::Waiting(now.instant + wait),
            None => State::Stopped,
        };
        self.outputs.push_back(Output::Down(down, wait));
    }

    /// Takes what came from the socket.
    pub fn handle_octets(&mut self, now: Now, octets: &[u8]) {
        self.with_session(now, |session| session.handle_octets(now, octets));
    }

    /// How many octets the socket has taken since it was connected.
    pub fn handle_written(&mut self, now: Now, octets: u64) {
        self.with_session(now, |session| session.handle_written(now, octets));
    }

    /// Sends a request. Without a link it is away at once: nothing is kept here.
    pub fn handle_send(&mut self, now: Now, sending: Sending) {
        match &mut self.state {
            State::Linked(session) => session.handle_send(now, sending),
            _ => {
                let fate = Fate::NotSent(Unsent::Away);
                self.outputs.push_back(Output::Fate(sending.ticket, fate));
            }
        }
        self.take_over_at(now);
    }

    /// Answers a request of theirs.
    pub fn handle_answer(&mut self, now: Now, handle: Handle, status: Status, pdu: Option<Pdu>) {
        self.with_session(now, |session| session.handle_answer(now, handle, status, pdu));
    }

    /// Unbinds, and does not come back.
    pub fn handle_stop(&mut self, now: Now) {
        self.stopping = true;
        match &mut self.state {
            State::Linked(session) => session.handle_unbind(now),
            State::Waiting(_) => self.state = State::Stopped,
            State::Connecting => {
                self.state = State::Stopped;
                self.outputs.push_back(Output::Down(Down::Unreachable, None));
            }
            State::Stopped => {}
        }
        self.take_over_at(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if let State::Waiting(until) = self.state
            && until <= now.instant
        {
            self.state = State::Connecting;
            let host = self.settings.hosts[self.host % self.settings.hosts.len()].clone();
            self.outputs.push_back(Output::Connect(host));
        }
        self.with_session(now, |session| session.handle_timeout(now));
    }

    /// When that is.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(until) => Some(*until),
            State::Linked(session) => session.deadline(),
            State::Connecting | State::Stopped => None,
        }
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether it has ended for good.
    pub fn stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// Octets that the socket has not taken yet.
    pub fn backlog(&self) -> u64 {
        match &self.state {
            State::Linked(session) => session.backlog(),
            _ => 0,
        }
    }

    /// Requests of ours that wait for an answer, and that wait to be sent.
    pub fn load(&self) -> (usize, usize) {
        match &self.state {
            State::Linked(session) => session.load(),
            _ => (0, 0),
        }
    }

    /// What went wrong on the links before this one, and on it.
    pub fn counters(&self) -> Counters {
        match &self.state {
            State::Linked(session) => self.counters + session.counters(),
            _ => self.counters,
        }
    }

    fn with_session(&mut self, now: Now, act: impl FnOnce(&mut Session)) {
        if let State::Linked(session) = &mut self.state {
            act(session);
        }
        self.take_over_at(now);
    }

    fn take_over_at(&mut self, now: Now) {
        self.take_over();
        if self.outputs.iter().any(|output| matches!(output, Output::Up(..))) {
            self.bound_at.get_or_insert(now.instant);
        }
    }

    /// Hands on what the session says.
    fn take_over(&mut self) {
        let State::Linked(session) = &mut self.state else { return };
        while let Some(said) = session.poll_output() {
            let output = match said {
                Said::Write(octets) => Output::Write(octets),
                Said::Bound(kind, name) => Output::Up(kind, name),
                Said::Asked(handle, pdu) => Output::Asked(handle, pdu),
                Said::Told(pdu) => Output::Told(pdu),
                Said::Fate(ticket, fate) => Output::Fate(ticket, fate),
                Said::Late(ticket, status, pdu) => Output::Late(ticket, status, pdu),
                Said::Throttled(pause) => Output::Throttled(pause),
                Said::Close(why) => {
                    self.ended = Some(why);
                    Output::Close
                }
                // Only whoever waits for an outbind is asked to prove one.
                Said::Prove(_) => continue,
            };
            self.outputs.push_back(output);
        }
    }

    /// Tells the fate of everything that was on the link. Nothing where there was neither a link nor a try.
    fn end_link(&mut self) -> Option<Down> {
        match std::mem::replace(&mut self.state, State::Connecting) {
            State::Linked(mut session) => {
                session.handle_closed();
                self.state = State::Linked(session);
                self.take_over();
                // What is to be closed is closed.
                self.outputs.retain(|output| *output != Output::Close);
                if let State::Linked(session) = &self.state {
                    self.handles = session.handles();
                    self.counters = self.counters + session.counters();
                }
                Some(Down::Ended(self.ended.unwrap_or(Ended::Closed)))
            }
            State::Connecting => Some(Down::Unreachable),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn next_wait(&mut self, at: Instant, down: Down) -> Option<Duration> {
        if self.stopping {
            return None;
        }
        let lasted = self.bound_at.take().map(|since| at.saturating_duration_since(since));
        if lasted.is_some_and(|lasted| lasted >= GOOD) {
            // The preferred host first, at once: others wait for their turn after it.
            (self.rounds, self.host) = (0, 0);
            return Some(self.jittered(FIRST_WAIT));
        }
        self.host += 1;
        if self.host < self.settings.hosts.len() {
            return Some(Duration::ZERO);
        }
        self.host = 0;
        let doubled = FIRST_WAIT.saturating_mul(1 << self.rounds.min(16)).min(LONGEST_WAIT);
        self.rounds = self.rounds.saturating_add(1);
        Some(self.jittered(if refused(down) { REFUSED_WAIT } else { doubled }))
    }

    /// Between half and the whole of it, so that boxes do not come back as one.
    fn jittered(&mut self, span: Duration) -> Duration {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        span / 2 + Duration::from_micros(self.random.below(micros / 2))
    }
}

fn refused(down: Down) -> bool {
    match down {
        Down::Ended(Ended::Refused(status)) => status.meaning() == Meaning::Account,
        _ => false,
    }
}

/// A message centre that calls us is let in only where we know it: whoever waits for an `outbind` decides by this.
pub fn verdict(asked: &Bind, system_id: &Text, password: &Text) -> Result<Grant, Status> {
    #[allow(deprecated)] // ring offers no other name for it yet
    let same =
        |a: &Text, b: &Text| ring::constant_time::verify_slices_are_equal(&a.0, &b.0).is_ok();
    let known = same(&asked.system_id, system_id) & same(&asked.password, password);
    if known { Ok(Grant::default()) } else { Err(Status::BIND_FAILED) }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::smpp::pdu::Address;
    use crate::time::UnixTime;

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(0) }
    }

    fn host(name: &str) -> Host {
        Host { name: name.to_owned(), port: 2775, tls: false }
    }

    fn client(now: Now, hosts: &[&str]) -> Client {
        let bind = Bind {
            kind: BindKind::Transceiver,
            system_id: Text::from("branch"),
            password: Text::from("secret"),
            system_type: Text::default(),
            version: 0x34,
            range: Address::default(),
        };
        let hosts = hosts.iter().map(|name| host(name)).collect();
        let settings = Settings { hosts, bind, limits: Limits::default() };
        Client::new(now, settings, Random::from_number(7))
    }

    /// Lets time pass until it wants to connect; to where, and how long that took.
    fn connect(client: &mut Client, now: &mut Now) -> (String, Duration) {
        let start = *now;
        for _ in 0..10 {
            while let Some(output) = client.poll_output() {
                if let Output::Connect(host) = output {
                    return (host.name, now.instant - start.instant);
                }
            }
            let due = client.deadline().expect("it comes back");
            *now = now.after(due.saturating_duration_since(now.instant));
            client.handle_timeout(*now);
        }
        panic!("it never connects");
    }

    fn bind_resp(client: &mut Client, now: Now, status: Status) {
        let octets = client.outputs.iter().find_map(|output| match output {
            Output::Write(octets) => Some(octets.clone()),
            _ => None,
        });
        let sequence = octets.expect("a bind")[12..16].to_vec();
        let mut answer = vec![0, 0, 0, 17, 0x80, 0, 0, 9];
        answer.extend(status.0.to_be_bytes());
        answer.extend(sequence);
        answer.push(0);
        client.handle_octets(now, &answer);
    }

    #[test]
    fn every_host_is_tried_before_it_waits_and_waits_grow() {
        let mut now = now();
        let mut client = client(now, &["a", "b"]);
        let mut waits = Vec::new();
        for _ in 0..10 {
            let (name, wait) = connect(&mut client, &mut now);
            assert_eq!(name, "a");
            waits.push(wait);
            client.handle_closed(now);
            let (name, wait) = connect(&mut client, &mut now);
            assert_eq!((name.as_str(), wait), ("b", Duration::ZERO));
            client.handle_closed(now);
        }
        assert_eq!(waits[0], Duration::ZERO);
        assert!(waits[1] >= FIRST_WAIT / 2 && waits[1] <= FIRST_WAIT);
        assert!(waits[9] >= LONGEST_WAIT / 2 && waits[9] <= LONGEST_WAIT, "{waits:?}");
    }

    #[test]
    fn a_refused_password_is_not_tried_again_at_once() {
        let mut now = now();
        let mut client = client(now, &["a"]);
        connect(&mut client, &mut now);
        client.handle_connected(now);
        bind_resp(&mut client, now, Status::INVALID_PASSWORD);
        assert!(client.outputs.contains(&Output::Close));
        client.handle_closed(now);
        let (_, wait) = connect(&mut client, &mut now);
        assert!(wait >= REFUSED_WAIT / 2, "{wait:?}");
    }

    #[test]
    fn after_a_good_link_the_preferred_host_is_tried_soon() {
        let mut now = now();
        let mut client = client(now, &["a", "b"]);
        connect(&mut client, &mut now);
        client.handle_closed(now);
        assert_eq!(connect(&mut client, &mut now).0, "b");
        client.handle_connected(now);
        bind_resp(&mut client, now, Status::OK);
        assert!(client.outputs.iter().any(|output| matches!(output, Output::Up(..))));
        now = now.after(GOOD * 2);
        client.handle_closed(now);
        let (name, wait) = connect(&mut client, &mut now);
        assert_eq!(name, "a");
        assert!(wait <= FIRST_WAIT);
    }

    #[test]
    fn without_a_link_nothing_is_sent() {
        let now = now();
        let mut client = client(now, &["a"]);
        client.handle_send(now, Sending { ticket: Ticket(1), pdu: Pdu::EnquireLink, until: None });
        let fate = Output::Fate(Ticket(1), Fate::NotSent(Unsent::Away));
        assert_eq!(client.poll_output(), Some(fate));
    }

    #[test]
    fn once_stopped_it_does_not_come_back() {
        let mut now = now();
        let mut client = client(now, &["a"]);
        connect(&mut client, &mut now);
        client.handle_stop(now);
        client.handle_closed(now);
        assert!(client.stopped());
        assert_eq!(client.deadline(), None);
        assert_eq!(client.poll_output(), Some(Output::Down(Down::Unreachable, None)));
    }
}
