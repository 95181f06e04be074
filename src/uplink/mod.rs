//! Getting home what happened: every event of the outbox once and in order, when the line is up.
//!
//! [`Uplink`] owns how far the office has it, what is on its way, and when the line is tried again and by which route. It
//! reads no file and opens no connection: the outbox is read for it, and frames are carried for it. It decides nothing about
//! what may leave: what stays on the premises never enters the outbox.
//!
//! Decisions: an event counts as arrived when the office says that it has all up to it for good, and only then is the
//! outbox let go of it. What was sent and not acknowledged when the line broke is sent again; the office knows it by its
//! number. An office that claims more than was sent is not believed: nothing is let go of, a person is told, and nothing is
//! sent until it is another outbox. So a box that was restored from a copy loses nothing to its own earlier numbers. QUIC is
//! tried first; where UDP does not pass, TLS over TCP carries the same frames, and QUIC is tried again now and then.

pub mod blob;
pub mod blobs;
pub mod frame;
pub mod long;
pub mod outbox;
pub mod pace;
pub mod policy;
pub mod token;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use self::frame::{
    Amend, Answer, Ask, Certificate, Event, Frame, Hello, LONGEST, Reason, Request, Told, Took,
    VERSION,
};
use self::pace::Pace;
use crate::random::Random;
use crate::time::earliest;

/// Rest before the line is tried again, at first and at most. Five minutes after the line is back, the office knows.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(300);
/// How long a connection may take to be there and to be welcomed: three losses of a handshake at 200 ms.
const GREETING: Duration = Duration::from_secs(15);
/// How long the office may say nothing while something is on its way to it, or when it is asked.
const SILENCE: Duration = Duration::from_secs(30);
/// How often it is asked whether it is there when there is nothing to send.
const ASK_EVERY: Duration = Duration::from_secs(20);
/// Tries by QUIC that fail before TLS is tried.
const TRIES_BY_QUIC: u32 = 2;
/// For so long TLS is used before QUIC is tried again, when the connection ends anyway.
const STAY_WITH_TLS: Duration = Duration::from_secs(600);
/// Octets of events in one frame, and in one reading of the outbox.
const BATCH: usize = 128 << 10;
/// Octets that may be on their way at most, whatever the office allows: what a second of a fast line carries.
const LARGEST_WINDOW: u32 = 16 << 20;

/// How often the office may ask whether somebody is there: it has no reason to at all, since it is asked itself.
const MOST_PINGS: u32 = 32;
const PINGS_IN: Duration = Duration::from_secs(10);
/// How soon after one request for another certificate the office may have the next: each is a signature.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// What is told while something else that was told is not on the disk comes again; after so long it may be the same.
const TAKES_AT_MOST: Duration = Duration::from_secs(10);
/// Questions that may still be answered: the oldest makes room.
const MOST_ASKED: usize = 256;

/// By which route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// QUIC (RFC 9000).
    Quic,
    /// TLS over TCP (RFC 8446).
    Tls,
}

/// What an admin has said, and what the outbox is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The site's name, as it is in its certificate.
    pub site: String,
    /// Which outbox it is.
    pub epoch: String,
    /// The program's version.
    pub program: String,
    /// Octets a second at most; as many as the line carries when absent.
    pub ceiling: Option<u64>,
    /// Whether TLS is tried where UDP does not pass.
    pub tls: bool,
}

/// How the line is, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// A connection is being made.
    Trying(Route),
    /// The office is there.
    Up(Route),
    /// It is not: why it ended last, and when it is tried again.
    Down(Down, Instant),
}

/// Why there is no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// The office was not reached.
    Away,
    /// It, or we, do not prove who we are: certificates.
    Unproved,
    /// It said nothing for too long.
    Silent,
    /// It ended the connection, for this reason.
    Closed(Reason),
    /// It sent what is no frame, or what it may not send at that point.
    Protocol,
    /// It claims to have what was never sent: another box has this site's name, or the office is another.
    Ahead,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Make a connection; answer with [`Uplink::handle_connected`] or [`Uplink::handle_gone`].
    Connect(Route),
    /// End it.
    Hangup,
    /// Send this, in order.
    Send(Frame),
    /// Read events from this one on, no more octets than so many but at least one event; answer with
    /// [`Uplink::handle_read`].
    Read {
        /// The number of the first.
        from: u64,
        /// Octets.
        most: usize,
    },
    /// The office has all up to this one: the outbox may let go of it.
    Arrived(u64),
    /// The office has more of this outbox than there is. Make it another one; tell with [`Uplink::handle_epoch`].
    Ahead,
    /// The certificate ends before long: make a request for another and answer with [`Uplink::handle_request`].
    Renew,
    /// That is the other: keep it.
    Renewed(Certificate),
    /// The line is like this from now on.
    State(State),
    /// The office says this of people; when it is on the disk, answer with [`Uplink::handle_took`]. It comes again where
    /// that was not said before the line broke.
    Told(Told),
    /// The office answers a question, or there is nobody who could.
    Answer(Answer),
    /// The office says this of files.
    Blob(blob::Said),
    /// The office has done as an [`Amend`] of that mark says, for good.
    Amended(u64),
}

/// The connection.
#[derive(Debug)]
enum Line {
    /// None, and when it is tried.
    Down(Instant),
    /// It is being made.
    Connecting(Instant),
    /// The office has not said what it has.
    Greeting(Instant),
    /// Events go.
    Up,
}

/// The box's end of the line.
#[derive(Debug)]
pub struct Uplink {
    settings: Settings,
    random: Random,
    line: Line,
    route: Route,
    /// Tries by QUIC that failed, one after another.
    failed: u32,
    rest: Duration,
    by_tls_since: Option<Instant>,
    /// The oldest event that the outbox still has.
    first: u64,
    /// The newest that is on the disk.
    newest: u64,
    /// The office has all up to here.
    arrived: u64,
    /// All up to here were sent in this connection.
    sent: u64,
    /// What is on its way, by the number of the last event in it.
    on_way: VecDeque<(u64, usize)>,
    octets: usize,
    window: usize,
    reading: bool,
    pace: Pace,
    /// When it may go on, where it goes too fast.
    paced: Option<Instant>,
    /// When something was heard last.
    heard: Option<Instant>,
    asked: Option<Instant>,
    mark: u64,
    /// Whether the office speaks of people.
    people: bool,
    office: Office,
    /// The office was ahead of this outbox: nothing is sent under its name.
    refused: bool,
    /// Whether it takes files.
    blobs: bool,
    /// Whether it may be told what is left of events that it has, and which of that is on its way.
    amends: bool,
    amending: Option<u64>,
    outputs: VecDeque<Output>,
}

/// What the office may say in this connection, and when: whatever it does, little waits at the box.
#[derive(Debug, Default)]
struct Office {
    /// Since when its questions whether somebody is there are counted, and how many there were.
    pings: Option<(Instant, u32)>,
    /// When it had the box ask for another certificate.
    renewed: Option<Instant>,
    /// Whether it was asked for one.
    requested: bool,
    /// When it was heard what it tells, which is not on the disk.
    told: Option<Instant>,
    /// What it was asked.
    asked: BTreeSet<u64>,
}

impl Uplink {
    /// The outbox holds `first` to `newest` (0: nothing yet), and the office had all up to `arrived` as far as is known.
    pub fn new(
        now: Instant,
        settings: Settings,
        (first, newest): (u64, u64),
        arrived: u64,
        random: Random,
    ) -> Uplink {
        Uplink {
            pace: Pace::new(settings.ceiling),
            settings,
            random,
            line: Line::Down(now),
            route: Route::Quic,
            failed: 0,
            rest: FIRST_REST,
            by_tls_since: None,
            first: first.max(1),
            newest,
            arrived,
            sent: arrived,
            on_way: VecDeque::new(),
            octets: 0,
            window: 0,
            reading: false,
            paced: None,
            heard: None,
            asked: None,
            mark: 0,
            people: false,
            office: Office::default(),
            refused: false,
            blobs: false,
            amends: false,
            amending: None,
            outputs: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When time does something.
    pub fn deadline(&self) -> Option<Instant> {
        match self.line {
            Line::Down(at) | Line::Connecting(at) | Line::Greeting(at) => Some(at),
            Line::Up => earliest(self.paced, self.silent_at()),
        }
    }

    /// Which outbox is spoken of.
    pub fn epoch(&self) -> &str {
        &self.settings.epoch
    }

    /// Events that the office does not have.
    pub fn backlog(&self) -> u64 {
        self.newest.saturating_sub(self.arrived)
    }

    /// The outbox holds these from now on.
    pub fn handle_outbox(&mut self, now: Instant, first: u64, newest: u64) {
        self.first = first.max(1);
        self.newest = newest.max(self.newest);
        self.go_on(now);
    }

    /// Which outbox it is from now on, and whether an office was ahead of it. Heeded where there is no connection.
    pub fn handle_epoch(&mut self, epoch: String, refused: bool) {
        if !matches!(self.line, Line::Down(_) | Line::Connecting(_)) {
            return;
        }
        self.refused = refused || (self.refused && self.settings.epoch == epoch);
        self.settings.epoch = epoch;
    }

    /// A connection is there, by the route that was asked for.
    pub fn handle_connected(&mut self, now: Instant) {
        if !matches!(self.line, Line::Connecting(_)) {
            return;
        }
        self.line = Line::Greeting(now + GREETING);
        let Settings { site, epoch, program, .. } = self.settings.clone();
        let (first, newest) = (self.first, self.newest);
        let (least, most, people, blobs) = (VERSION, VERSION, true, true);
        let hello = Hello { site, epoch, least, most, program, first, newest, people, blobs };
        self.outputs.push_back(Output::Send(Frame::Hello(hello)));
    }

    /// There is none, or none any more.
    pub fn handle_gone(&mut self, now: Instant, why: Down) {
        if !matches!(self.line, Line::Down(_)) {
            self.down(now, why);
        }
    }

    /// The office says something.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame) {
        self.heard = Some(now);
        self.asked = None;
        match (frame, &self.line) {
            (_, Line::Down(_) | Line::Connecting(_)) => {}
            (Frame::Close(reason), _) => self.hang_up(now, Down::Closed(reason)),
            (Frame::Welcome(welcome), Line::Greeting(_)) if welcome.version == VERSION => {
                // Once it was ahead, it is so still when the numbers here have come as far.
                if welcome.have > self.newest || self.refused {
                    self.refused = true;
                    self.outputs.push_back(Output::Ahead);
                    return self.hang_up_saying(now, Reason::Ahead, Down::Ahead);
                }
                self.window = welcome.window.min(LARGEST_WINDOW) as usize;
                (self.people, self.blobs) = (welcome.people, welcome.blobs);
                (self.amends, self.amending) = (welcome.amends, None);
                self.welcomed(now, welcome.have);
            }
            (Frame::Ack { upto }, Line::Up) if upto > self.sent => {
                self.hang_up_saying(now, Reason::Ahead, Down::Ahead);
            }
            (Frame::Ack { upto }, Line::Up) => self.acknowledged(now, upto),
            (Frame::Ping(mark), _) if self.office.may_ping(now) => {
                self.outputs.push_back(Output::Send(Frame::Pong(mark)));
            }
            (Frame::Pong(_), _) => {}
            (Frame::Blob(said), Line::Up) => {
                // The office works: the next time the line breaks it is tried again soon.
                self.rest = FIRST_REST;
                self.outputs.push_back(Output::Blob(said));
            }
            (Frame::Amended(mark), Line::Up) => {
                if self.amending.take_if(|own| *own == mark).is_some() {
                    self.outputs.push_back(Output::Amended(mark));
                }
            }
            (Frame::Told(told), Line::Up) => {
                if self.office.may_tell(now) {
                    self.outputs.push_back(Output::Told(told));
                }
            }
            (Frame::Answer(answer), Line::Up) => {
                if self.office.asked.remove(&answer.mark) {
                    self.outputs.push_back(Output::Answer(answer));
                }
            }
            (Frame::Renew, Line::Up) => {
                if self.office.may_renew(now) {
                    self.outputs.push_back(Output::Renew);
                }
            }
            (Frame::Certificate(certificate), Line::Up)
                if std::mem::take(&mut self.office.requested) =>
            {
                self.outputs.push_back(Output::Renewed(certificate));
            }
            _ => self.hang_up_saying(now, Reason::Protocol, Down::Protocol),
        }
    }

    /// These were read from the outbox, `first` being the number of the first; none: nothing from there on can be read.
    pub fn handle_read(&mut self, now: Instant, first: u64, events: Vec<Event>) {
        let wanted = std::mem::take(&mut self.reading);
        if !wanted || !matches!(self.line, Line::Up) || first != self.sent + 1 {
            return self.go_on(now);
        }
        if events.is_empty() {
            return;
        }
        let mut left: VecDeque<Event> = events.into();
        while !left.is_empty() {
            let mut size = 0;
            let fits = |event: &&Event| {
                size += event.len();
                size <= BATCH
            };
            let count = left.iter().take_while(fits).count().max(1);
            let events: Vec<Event> = left.drain(..count).collect();
            self.send(events);
        }
        self.go_on(now);
    }

    /// Whether the office may be told now what is left of events that it has.
    pub fn may_amend(&self) -> bool {
        matches!(self.line, Line::Up) && self.amends && self.amending.is_none()
    }

    /// The office is to be told this.
    pub fn handle_amend(&mut self, amend: Amend) {
        if self.may_amend() {
            self.amending = Some(amend.mark);
            self.outputs.push_back(Output::Send(Frame::Amend(amend)));
        }
    }

    /// A request for another certificate was made.
    pub fn handle_request(&mut self, request: Request) {
        if matches!(self.line, Line::Up) {
            self.office.requested = true;
            self.outputs.push_back(Output::Send(Frame::Request(request)));
        }
    }

    /// The box has another way out: an office that was not reached may be now.
    pub fn handle_way(&mut self, now: Instant) {
        if let Line::Down(at) = &mut self.line {
            *at = now.min(*at);
            self.rest = FIRST_REST;
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.line {
            Line::Down(at) if at <= now => self.connect(now),
            Line::Connecting(at) | Line::Greeting(at) if at <= now => {
                self.hang_up(now, Down::Silent);
            }
            Line::Up => {
                if self.paced.take_if(|at| *at <= now).is_some() {
                    self.go_on(now);
                }
                self.silence(now);
            }
            _ => {}
        }
    }
}

/// The connection.
impl Uplink {
    fn connect(&mut self, now: Instant) {
        self.line = Line::Connecting(now + GREETING);
        let stay = self.by_tls_since.is_some_and(|since| now < since + STAY_WITH_TLS);
        let by_tls = self.settings.tls && (stay || self.failed >= TRIES_BY_QUIC);
        self.route = if by_tls { Route::Tls } else { Route::Quic };
        self.outputs.push_back(Output::State(State::Trying(self.route)));
        self.outputs.push_back(Output::Connect(self.route));
    }

    fn hang_up_saying(&mut self, now: Instant, reason: Reason, why: Down) {
        self.outputs.push_back(Output::Send(Frame::Close(reason)));
        self.hang_up(now, why);
    }

    fn hang_up(&mut self, now: Instant, why: Down) {
        self.outputs.push_back(Output::Hangup);
        self.down(now, why);
    }

    fn down(&mut self, now: Instant, why: Down) {
        match (&self.line, self.route) {
            (Line::Up, _) => self.failed = 0,
            (_, Route::Quic) => self.failed += 1,
            // TLS does not pass either: neither is better.
            (_, Route::Tls) => (self.failed, self.by_tls_since) = (0, None),
        }
        // Boxes that lost the same office do not come back in step.
        let half = self.rest / 2;
        let share = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        let again = now + half + Duration::from_micros(self.random.below(share));
        self.rest = (self.rest * 2).min(LONGEST_REST);
        self.line = Line::Down(again);
        self.sent = self.arrived;
        self.on_way.clear();
        (self.octets, self.reading, self.paced) = (0, false, None);
        (self.heard, self.asked) = (None, None);
        (self.people, self.blobs) = (false, false);
        self.office = Office::default();
        self.outputs.push_back(Output::State(State::Down(why, again)));
    }

    fn welcomed(&mut self, now: Instant, have: u64) {
        self.line = Line::Up;
        if self.route == Route::Tls {
            self.by_tls_since.get_or_insert(now);
        } else {
            (self.failed, self.by_tls_since) = (0, None);
        }
        self.outputs.push_back(Output::State(State::Up(self.route)));
        self.sent = have;
        if have > self.arrived {
            self.arrived = have;
            self.outputs.push_back(Output::Arrived(have));
        }
        // It may have lost what it had, and come back with an older copy of it: it is told again what is still here.
        if have + 1 < self.first {
            let upto = self.first - 1;
            self.outputs.push_back(Output::Send(Frame::Lost { from: have + 1, upto }));
            self.sent = upto;
            self.on_way.push_back((upto, 0));
        }
        self.go_on(now);
    }
}

/// People.
impl Uplink {
    /// Whether somebody is there who may know who somebody is.
    pub fn knows_people(&self) -> bool {
        self.people && matches!(self.line, Line::Up)
    }

    /// Somebody is to be asked for. Where the line breaks before the answer there is none: whoever asks waits for so long
    /// as they want to.
    pub fn handle_ask(&mut self, ask: Ask) {
        self.outputs.push_back(match self.knows_people() {
            true => {
                self.office.asks(ask.mark);
                Output::Send(Frame::Ask(ask))
            }
            false => Output::Answer(Answer { mark: ask.mark, known: None }),
        });
    }

    /// All that was told up to this is on the disk.
    pub fn handle_took(&mut self, upto: u64) {
        self.office.told = None;
        if self.knows_people() {
            self.outputs.push_back(Output::Send(Frame::Took(Took { upto })));
        }
    }
}

/// Files.
impl Uplink {
    /// By which route files may go; by none where there is no line, or the office takes none.
    pub fn takes_blobs(&self) -> Option<Route> {
        (self.blobs && matches!(self.line, Line::Up)).then_some(self.route)
    }

    /// From when on there is room for a piece of a file under the ceiling; none while events wait: files give way.
    pub fn spare(&mut self, now: Instant) -> Option<Instant> {
        let events = self.reading || self.sent < self.newest;
        (self.takes_blobs().is_some() && !events).then(|| self.pace.ready(now))
    }

    /// So many octets of files went.
    pub fn handle_spent(&mut self, octets: usize) {
        self.pace.spend(octets);
    }
}

/// Events.
impl Uplink {
    /// Reads on where there is something to send and room for it.
    fn go_on(&mut self, now: Instant) {
        if !matches!(self.line, Line::Up) || self.reading || self.sent >= self.newest {
            return;
        }
        // One event may be larger than the window: it goes alone.
        if self.octets >= self.window.max(1) {
            return;
        }
        let ready = self.pace.ready(now);
        if ready > now {
            self.paced = Some(ready);
            return;
        }
        self.reading = true;
        let batch = self.pace.mouthful().map_or(BATCH, |octets| octets.min(BATCH));
        let most = (self.window - self.octets.min(self.window)).clamp(1, batch);
        self.outputs.push_back(Output::Read { from: self.sent + 1, most });
    }

    fn send(&mut self, events: Vec<Event>) {
        let first = self.sent + 1;
        let size = events.iter().map(Event::len).sum::<usize>();
        debug_assert!(size <= LONGEST || events.len() == 1);
        self.sent += events.len() as u64;
        self.on_way.push_back((self.sent, size));
        self.octets += size;
        self.pace.spend(size);
        self.outputs.push_back(Output::Send(Frame::Events { first, events }));
    }

    fn acknowledged(&mut self, now: Instant, upto: u64) {
        while let Some((_, size)) = self.on_way.pop_front_if(|(last, _)| *last <= upto) {
            self.octets -= size;
        }
        if upto > self.arrived {
            self.arrived = upto;
            // The office works: the next time the line breaks it is tried again soon.
            self.rest = FIRST_REST;
            self.outputs.push_back(Output::Arrived(upto));
        }
        self.go_on(now);
    }
}

impl Office {
    fn may_ping(&mut self, now: Instant) -> bool {
        let same = self.pings.filter(|(since, _)| now < *since + PINGS_IN);
        let (since, count) = same.unwrap_or((now, 0));
        self.pings = Some((since, count.saturating_add(1)));
        count < MOST_PINGS
    }

    fn may_tell(&mut self, now: Instant) -> bool {
        let free = self.told.is_none_or(|since| now >= since + TAKES_AT_MOST);
        free.then(|| self.told = Some(now)).is_some()
    }

    fn may_renew(&mut self, now: Instant) -> bool {
        let free = self.renewed.is_none_or(|last| now >= last + RENEW_EVERY);
        free.then(|| self.renewed = Some(now)).is_some()
    }

    fn asks(&mut self, mark: u64) {
        if self.asked.len() >= MOST_ASKED {
            self.asked.pop_first();
        }
        self.asked.insert(mark);
    }
}

/// Whether anybody is there.
impl Uplink {
    fn silent_at(&self) -> Option<Instant> {
        let heard = self.heard?;
        Some(self.asked.map_or(heard + ASK_EVERY, |asked| asked + SILENCE))
    }

    fn silence(&mut self, now: Instant) {
        if self.silent_at().is_none_or(|at| now < at) {
            return;
        }
        match self.asked {
            Some(_) => self.hang_up(now, Down::Silent),
            None => {
                self.asked = Some(now);
                self.mark += 1;
                self.outputs.push_back(Output::Send(Frame::Ping(self.mark)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
