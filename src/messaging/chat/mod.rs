//! The chat of a page: who is there, what was said, what each page has of it.
//!
//! [`Chat`] is one channel. Pages connect over WebSockets and speak as [`wire`] says; the driver hands in their frames and
//! carries out [`Output`]s. What a visitor says is handed to the ledger, and acknowledged once it is on the disk. What the
//! branch says goes to every page of the visitor that is open, and waits in the record for a visitor who is away: the box
//! has it, so it is accepted; it is delivered when a page says so, and read when somebody looked.
//!
//! Visitors are who their token says ([`Seal`]): nobody is asked for a password, and nobody is trusted to be who they say.
//! Nothing here lasts: a visitor of whom nothing is in mind is read from the record.

pub mod seal;
mod visit;
mod voice;
pub mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::channel::{Heard, Input, NotStored, Order, Receipt};
use super::contract::{Arrived, Capabilities, Failure, Fault, Outcome, Outgoing, Report};
use super::record::Message;
use super::voice::Ends;
use super::{Address, Fingerprint, Kind, Media, Piece, State};
use crate::random::Random;
use crate::time::{Now, UnixTime, earliest};
use visit::{Kept, Told, Visit};
use wire::{
    About, Choice, From, FromPage, Hello, LONGEST_NAME, LONGEST_TEXT, Line, MOST_PENDING, NotTaken,
    Part, Refusal, Say, ToPage, Welcome,
};

pub use seal::{NotProved, Seal, Visitor};

/// How long a page may take to say who is there.
const FIRST: Duration = Duration::from_secs(10);
/// How long the record may take to say what was said before.
const READING: Duration = Duration::from_secs(10);
/// How long the ledger's disk may take; the page says it again then.
const KEEPING: Duration = Duration::from_secs(15);
/// A page on which nothing was said for so long is let go; it comes again when somebody looks at it.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// The same of one that has a call: longer than any call.
const IDLE_CALLING: Duration = Duration::from_secs(12 * 3_600);
/// For how long somebody who went is kept in mind: a walk from page to page, and a train through a tunnel.
const IN_MIND: Duration = Duration::from_secs(10 * 60);
/// Visitors who are kept in mind at once: more than may be connected, with those who just went.
const MOST_VISITORS: usize = 4_096;
/// Pages of one visitor: some windows, and one that hangs.
const MOST_OF_ONE: usize = 8;
/// Frames of one page in ten seconds: typing, reading and a burst of lines.
const MOST_FRAMES: u32 = 120;
const FRAMES_OVER: Duration = Duration::from_secs(10);
/// Senseless frames and lines too fast of one page: no page of ours has so many.
const MOST_WRONG: u32 = 20;
/// Characters of a name, a mail address and the title of a page.
const LONGEST_ABOUT: usize = 100;

/// Names a connection of a page until it is closed; the driver gives each out once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// How a channel is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Pages that are connected at a time.
    pub connections: usize,
    /// Of one address.
    pub per_address: usize,
    /// How long a token is good after the last visit.
    pub remembered: Duration,
    /// Bytes of the largest file.
    pub largest_file: u64,
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a frame. A page that does not read is closed, and comes again for the rest.
    Say(ConnectionId, ToPage),
    /// Close a connection behind what was sent.
    Close(ConnectionId),
    /// Tell the ledger.
    Tell(Input),
    /// Read what was said with a visitor before; answer with [`Chat::handle_past`].
    Read(Visitor),
}

/// One channel.
pub struct Chat {
    settings: Settings,
    seal: Seal,
    random: Random,
    print: Box<dyn Fn(&str) -> Fingerprint + Send>,
    pages: BTreeMap<ConnectionId, Page>,
    addresses: BTreeMap<IpAddr, usize>,
    visits: BTreeMap<Visitor, Visit>,
    waiting: BTreeMap<Receipt, Waits>,
    next: u64,
    outputs: VecDeque<Output>,
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chat({} pages, {} visitors)", self.pages.len(), self.visits.len())
    }
}

/// A page that is connected.
#[derive(Debug)]
struct Page {
    ends: Ends,
    who: Who,
    /// Whether it has a call by voice, or asks for one.
    calling: bool,
    /// When something was said on it last.
    heard: Instant,
    frames: (Instant, u32),
    wrong: u32,
}

#[derive(Debug)]
enum Who {
    /// It has not said who is there.
    Nobody,
    /// It has; what was said before is being read.
    Coming(Visitor, Box<Hello>),
    /// It has been welcomed.
    There(Visitor),
}

/// What waits for the disk.
#[derive(Debug)]
struct Waits {
    until: Instant,
    visitor: Visitor,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A line, and the pages that said it.
    Line(Box<Line>, UnixTime, Vec<ConnectionId>),
    /// What became of lines of ours, and what was told of each before.
    Told(Vec<(String, Told)>),
    /// Whether the record shows what was kept before.
    Past,
    /// Nothing that anybody waits for.
    Typing,
}

impl Chat {
    /// Nobody is there yet. `print` is what the journal has for the name of a line.
    pub fn new(
        settings: Settings,
        seal: Seal,
        random: Random,
        print: Box<dyn Fn(&str) -> Fingerprint + Send>,
    ) -> Chat {
        Chat {
            settings,
            seal,
            random,
            print,
            pages: BTreeMap::new(),
            addresses: BTreeMap::new(),
            visits: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next: 0,
            outputs: VecDeque::new(),
        }
    }

    /// What such a channel carries.
    pub fn capabilities(settings: &Settings) -> Capabilities {
        Capabilities {
            longest: LONGEST_TEXT,
            media: settings.largest_file,
            templates: false,
            delivered: true,
            read: true,
            typing: true,
            window: None,
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Chat::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let pages = self.pages.values().map(Page::deadline).min();
        let waiting = self.waiting.values().map(|waits| waits.until).min();
        let away = self.visits.values().filter_map(|visit| visit.away).min();
        earliest(earliest(pages, waiting), away.map(|at| at + IN_MIND))
    }

    /// Pages that are connected, and visitors in mind.
    pub fn figures(&self) -> (usize, usize) {
        (self.pages.len(), self.visits.len())
    }
}

/// Pages.
impl Chat {
    /// A page connects. Where there is no room, it is told so and closed.
    pub fn handle_opened(&mut self, now: Now, id: ConnectionId, ends: Ends) {
        let from = ends.from;
        let of_address = self.addresses.get(&from).copied().unwrap_or(0);
        *self.addresses.entry(from).or_default() += 1;
        let (heard, frames) = (now.instant, (now.instant, 0));
        let who = Who::Nobody;
        self.pages.insert(id, Page { ends, who, calling: false, heard, frames, wrong: 0 });
        if self.pages.len() > self.settings.connections || of_address >= self.settings.per_address {
            self.refuse(now, id, Refusal::Full);
        }
    }

    /// A page is gone.
    pub fn handle_closed(&mut self, now: Now, id: ConnectionId) {
        let Some(page) = self.pages.remove(&id) else { return };
        if let Some(count) = self.addresses.get_mut(&page.ends.from) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&page.ends.from);
            }
        }
        let (Who::Coming(visitor, _) | Who::There(visitor)) = page.who else { return };
        self.page_of_call_gone(id, &visitor, page.ends);
        if let Some(visit) = self.visits.get_mut(&visitor) {
            visit.pages.remove(&id);
            if visit.pages.is_empty() {
                visit.away = Some(now.instant);
            }
        }
    }

    /// A page says something.
    pub fn handle_frame(&mut self, now: Now, id: ConnectionId, text: &str) {
        let Some(page) = self.pages.get_mut(&id) else { return };
        if !page.may_send(now.instant) {
            return self.refuse(now, id, Refusal::Flood);
        }
        let Ok(said) = serde_json::from_str::<FromPage>(text) else {
            return self.wrong(now, id, Refusal::Senseless);
        };
        match (said, &page.who) {
            (FromPage::Hello(hello), Who::Nobody) => {
                page.heard = now.instant;
                self.hello(now, id, hello);
            }
            (_, Who::Nobody) => self.refuse(now, id, Refusal::Senseless),
            // What is said before the welcome is said again after it.
            (_, Who::Coming(..)) => {}
            (said, Who::There(visitor)) => {
                let visitor = visitor.clone();
                self.said(now, id, &visitor, said);
            }
        }
    }

    fn said(&mut self, now: Now, id: ConnectionId, visitor: &Visitor, said: FromPage) {
        if !matches!(said, FromPage::Got { .. })
            && let Some(page) = self.pages.get_mut(&id)
        {
            page.heard = now.instant;
        }
        match said {
            FromPage::Hello(_) => self.wrong(now, id, Refusal::Senseless),
            FromPage::About(about) => {
                if let Some(visit) = self.visits.get_mut(visitor) {
                    visit.about = cut(about);
                }
            }
            FromPage::Say(say) => self.say(now, id, visitor, say),
            FromPage::Got { upto } => self.report(now, visitor, upto, Told::Delivered),
            FromPage::Seen { upto } => self.report(now, visitor, upto, Told::Read),
            FromPage::Typing { on } => self.types(now, visitor, on),
            FromPage::Call(said) => self.speaks(id, visitor, said),
        }
    }

    /// Something that no page of ours does. A few are forgiven.
    fn wrong(&mut self, now: Now, id: ConnectionId, why: Refusal) {
        let Some(page) = self.pages.get_mut(&id) else { return };
        page.wrong += 1;
        if page.wrong > MOST_WRONG || matches!(page.who, Who::Nobody) {
            self.refuse(now, id, why);
        }
    }

    fn refuse(&mut self, now: Now, id: ConnectionId, why: Refusal) {
        self.outputs.push_back(Output::Say(id, ToPage::Refused { why }));
        self.outputs.push_back(Output::Close(id));
        self.handle_closed(now, id);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        let over = |page: &&ConnectionId| {
            self.pages.get(*page).is_some_and(|page| page.deadline() <= now.instant)
        };
        let over: Vec<_> = self.pages.keys().filter(over).copied().collect();
        for id in over {
            let why = match self.pages.get(&id).map(|page| &page.who) {
                Some(Who::There(_)) => Refusal::Idle,
                Some(Who::Coming(..)) => Refusal::Full,
                _ => Refusal::Senseless,
            };
            self.refuse(now, id, why);
        }
        let late = self.waiting.iter().filter(|(_, waits)| waits.until <= now.instant);
        for receipt in late.map(|(receipt, _)| *receipt).collect::<Vec<_>>() {
            self.not_kept(now, receipt);
        }
        let gone = |visit: &Visit| visit.away.is_some_and(|at| at + IN_MIND <= now.instant);
        self.visits.retain(|_, visit| !gone(visit));
    }
}

impl Page {
    fn deadline(&self) -> Instant {
        self.heard
            + match self.who {
                Who::Nobody => FIRST,
                Who::Coming(..) => READING,
                Who::There(_) if self.calling => IDLE_CALLING,
                Who::There(_) => IDLE,
            }
    }

    fn may_send(&mut self, now: Instant) -> bool {
        let (since, count) = self.frames;
        self.frames = match now.duration_since(since) > FRAMES_OVER {
            true => (now, 1),
            false => (since, count + 1),
        };
        self.frames.1 <= MOST_FRAMES
    }
}

/// Who is there.
impl Chat {
    fn hello(&mut self, now: Now, id: ConnectionId, mut hello: Hello) {
        let visitor = match self.visitor(now, &hello) {
            Ok(visitor) => visitor,
            Err(why) => return self.refuse(now, id, why),
        };
        hello.pending.truncate(MOST_PENDING);
        if !self.visits.contains_key(&visitor) {
            self.remember(now, &visitor);
        }
        let Some(visit) = self.visits.get_mut(&visitor) else {
            return self.refuse(now, id, Refusal::Full);
        };
        if visit.pages.len() >= MOST_OF_ONE {
            return self.refuse(now, id, Refusal::Full);
        }
        visit.pages.insert(id);
        visit.away = None;
        if let Some(about) = hello.about.take() {
            visit.about = cut(about);
        }
        if let Some(page) = hello.page.take() {
            visit.page = Some(short(page)).filter(|page| !page.is_empty());
        }
        let (loaded, asked) = (visit.loaded, visit.loading);
        visit.loading = !loaded;
        if let Some(page) = self.pages.get_mut(&id) {
            page.who = Who::Coming(visitor.clone(), Box::new(hello));
        }
        match () {
            () if loaded => self.welcome(now, id),
            // Nothing is told: it is kept once the record shows what was kept before, and so can be read.
            () if !asked => self.tell(now, &visitor, What::Past, Vec::new()),
            () => {}
        }
    }

    fn visitor(&mut self, now: Now, hello: &Hello) -> Result<Visitor, Refusal> {
        let of = |why| match why {
            NotProved::Forged => Refusal::Token,
            NotProved::Expired => Refusal::Expired,
        };
        match (&hello.identity, &hello.token) {
            (Some(identity), _) => {
                self.seal.known(now.unix, identity).map_err(|_| Refusal::Identity)
            }
            (None, Some(token)) => self.seal.visitor(now.unix, token).map_err(of),
            (None, None) => Ok(Visitor::new(&mut self.random)),
        }
    }

    /// Keeps somebody in mind, in the place of whoever has been away for longest.
    fn remember(&mut self, now: Now, visitor: &Visitor) {
        if self.visits.len() >= MOST_VISITORS {
            let away = self.visits.iter().filter_map(|(who, visit)| Some((visit.away?, who)));
            let Some(longest) = away.min().map(|(_, who)| who.clone()) else { return };
            self.visits.remove(&longest);
        }
        let epoch = self.random.hex(4);
        self.visits.insert(visitor.clone(), Visit::new(now.instant, epoch));
    }

    /// What was said with a visitor before, in any order; nothing: it cannot be read now.
    pub fn handle_past(&mut self, now: Now, visitor: &Visitor, past: Option<&[Message<String>]>) {
        let Some(visit) = self.visits.get_mut(visitor).filter(|visit| !visit.loaded) else {
            return;
        };
        visit.loading = false;
        let coming: Vec<_> = visit.pages.iter().copied().collect();
        let Some(past) = past else {
            return coming.into_iter().for_each(|id| self.refuse(now, id, Refusal::Full));
        };
        let seal = &self.seal;
        let mine = |message: &&Message<String>| {
            message.way.kind == Kind::Visitor && message.way.peer == visitor.as_str()
        };
        let kept = past.iter().filter(mine).filter_map(|message| kept(seal, visitor, message));
        visit.load(kept.collect());
        coming.into_iter().for_each(|id| self.welcome(now, id));
    }

    fn welcome(&mut self, now: Now, id: ConnectionId) {
        let Some(page) = self.pages.get_mut(&id) else { return };
        let who = std::mem::replace(&mut page.who, Who::Nobody);
        let Who::Coming(visitor, hello) = who else {
            page.who = who;
            return;
        };
        page.who = Who::There(visitor.clone());
        let Some(visit) = self.visits.get(&visitor) else { return };
        let behind = visit.since(hello.epoch.as_deref(), hello.upto);
        let (fresh, mut lines) = (behind.is_none(), behind.unwrap_or_else(|| visit.all()));
        for client in &hello.pending {
            let id = name((self.print)(&key(&visitor, client)));
            let own = lines.iter_mut().find(|line| line.id == id);
            own.into_iter().for_each(|line| line.client = Some(client.clone()));
        }
        let welcome = Welcome {
            token: self.seal.token(&visitor, now.unix + self.settings.remembered),
            epoch: visit.epoch.clone(),
            fresh,
            lines,
            upto: visit.last,
            seen: visit.seen,
            typing: visit.typing,
            ahead: visit.ahead,
        };
        self.outputs.push_back(Output::Say(id, ToPage::Welcome(Box::new(welcome))));
        self.catch_up_on_calls(id, &visitor);
    }
}

/// What visitors say.
impl Chat {
    fn say(&mut self, now: Now, id: ConnectionId, visitor: &Visitor, say: Say) {
        let nack = |client: &str, why| {
            Output::Say(
                id,
                ToPage::Nack { client: client.chars().take(LONGEST_NAME).collect(), why },
            )
        };
        let client = say.client.clone();
        let (piece, part) = match self.piece(visitor, &say) {
            Ok(piece) => piece,
            Err(why) => {
                self.outputs.push_back(nack(&client, why));
                return self.wrong(now, id, Refusal::Senseless);
            }
        };
        let key = key(visitor, &client);
        let own = name((self.print)(&key));
        if self.said_before(id, visitor, &client, &own) {
            return;
        }
        let Some(visit) = self.visits.get_mut(visitor) else { return };
        if !visit.may_say(now.instant) {
            self.outputs.push_back(nack(&client, NotTaken::Slowly));
            return self.wrong(now, id, Refusal::Flood);
        }
        let line = Line {
            seq: 0,
            id: own,
            client: Some(client),
            from: From::Visitor,
            pieces: vec![part],
            at: now.unix.millis(),
        };
        let arrived = Arrived {
            key,
            from: address(visitor),
            to: None,
            at: Some(now.unix),
            pieces: vec![piece],
            answers: None,
            thread: None,
            subject: visit.page.take(),
            name: called(&visit.about),
            refusal: None,
            automatic: false,
            reference: None,
            proved: None,
        };
        let what = What::Line(Box::new(line), now.unix, vec![id]);
        self.tell(now, visitor, what, vec![Heard::Arrived(Box::new(arrived))]);
    }

    /// A line comes again: it is acknowledged if it is on the disk, and waits with the others if it is on its way there.
    fn said_before(
        &mut self,
        id: ConnectionId,
        visitor: &Visitor,
        client: &str,
        own: &str,
    ) -> bool {
        if let Some(line) = self.visits.get(visitor).and_then(|visit| visit.said(own)) {
            self.outputs.push_back(Output::Say(id, ack(client.to_owned(), line)));
            return true;
        }
        for waits in self.waiting.values_mut().filter(|waits| waits.visitor == *visitor) {
            if let What::Line(line, _, pages) = &mut waits.what
                && line.id == own
            {
                if !pages.contains(&id) {
                    pages.push(id);
                }
                return true;
            }
        }
        false
    }

    fn piece(
        &self,
        visitor: &Visitor,
        say: &Say,
    ) -> Result<(Piece<String, Media<String>>, Part), NotTaken> {
        let named = (1..=LONGEST_NAME).contains(&say.client.len())
            && say.client.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !named {
            return Err(NotTaken::Empty);
        }
        match (&say.text, &say.choice, &say.file) {
            (Some(text), None, None) => {
                let text: String = text.chars().filter(|c| !is_control(*c)).collect();
                match text.chars().count() {
                    _ if text.trim().is_empty() => Err(NotTaken::Empty),
                    ..=LONGEST_TEXT => Ok((Piece::text(text.clone()), Part::Text { text })),
                    _ => Err(NotTaken::TooLong),
                }
            }
            (None, Some(Choice { id, label }), None) => {
                let (id, label) = (short(id.clone()), short(label.clone()));
                let part = Part::Choice(Choice { id: id.clone(), label: label.clone() });
                Ok((Piece::Choice { id, label }, part))
            }
            (None, None, Some(link)) => {
                let linked = self.seal.linked(link).filter(|linked| linked.visitor == *visitor);
                let media = linked.ok_or(NotTaken::File)?.media;
                let part = file(link.clone(), &media);
                Ok((Piece::Media { media }, part))
            }
            _ => Err(NotTaken::Empty),
        }
    }

    fn types(&mut self, now: Now, visitor: &Visitor, on: bool) {
        let Some(visit) = self.visits.get_mut(visitor) else { return };
        if visit.may_type(now.instant, on) {
            let told = vec![Heard::Typing { from: address(visitor), on }];
            self.tell(now, visitor, What::Typing, told);
        }
    }

    fn report(&mut self, now: Now, visitor: &Visitor, upto: u64, what: Told) {
        let Some(visit) = self.visits.get_mut(visitor) else { return };
        let before = visit.tell(upto, what);
        if before.is_empty() {
            return;
        }
        let report = |(reference, _): &(String, Told)| {
            let (reference, status) = (reference.clone(), what.status());
            Heard::Report(Report { reference, status, at: Some(now.unix) })
        };
        let told = before.iter().map(report).collect();
        self.tell(now, visitor, What::Told(before), told);
    }

    fn tell(&mut self, now: Now, visitor: &Visitor, what: What, told: Vec<Heard>) {
        self.next += 1;
        let receipt = Receipt(self.next);
        let until = now.instant + KEEPING;
        self.waiting.insert(receipt, Waits { until, visitor: visitor.clone(), what });
        self.outputs.push_back(Output::Tell(Input::Told { receipt, told }));
    }
}

/// What the ledger says.
impl Chat {
    /// The ledger orders something.
    pub fn handle_order(&mut self, now: Now, order: Order) {
        match order {
            Order::Send(outgoing) => self.send(now, &outgoing),
            Order::Stored(receipt) => self.kept(receipt),
            Order::NotStored(
                receipt,
                NotStored::Disk | NotStored::NotReady | NotStored::TooMuch,
            ) => {
                self.not_kept(now, receipt);
            }
            Order::Typing { to, on, .. } => {
                if let Some(visit) = visit_of(&mut self.visits, &to) {
                    visit.typing = on;
                    say_to(&mut self.outputs, visit, &ToPage::Typing { on });
                }
            }
            Order::Place { to, ahead } => {
                if let Some(visit) = visit_of(&mut self.visits, &to) {
                    visit.ahead = ahead;
                    say_to(&mut self.outputs, visit, &ToPage::Place { ahead });
                }
            }
            Order::Call { to, told } => self.call_told(&to, told),
            Order::Read { to, .. } => {
                if let Some(visit) = visit_of(&mut self.visits, &to) {
                    visit.seen = visit.last;
                    say_to(&mut self.outputs, visit, &ToPage::Seen { upto: visit.seen });
                }
            }
        }
    }

    fn kept(&mut self, receipt: Receipt) {
        let Some(Waits { visitor, what, .. }) = self.waiting.remove(&receipt) else { return };
        let (line, when, said) = match what {
            What::Line(line, when, said) => (line, when, said),
            What::Past => return self.outputs.push_back(Output::Read(visitor)),
            What::Told(_) | What::Typing => return,
        };
        let Some(visit) = self.visits.get_mut(&visitor) else { return };
        let Some(client) = line.client.clone() else { return };
        let id = line.id.clone();
        visit.push(Kept { line: *line, when, told: Told::Sent });
        let Some(line) = visit.said(&id).cloned() else { return };
        for page in visit.pages.iter().copied() {
            let what = match said.contains(&page) {
                true => ack(client.clone(), &line),
                false => ToPage::Line(line.clone()),
            };
            self.outputs.push_back(Output::Say(page, what));
        }
    }

    fn not_kept(&mut self, now: Now, receipt: Receipt) {
        let Some(Waits { visitor, what, .. }) = self.waiting.remove(&receipt) else { return };
        match what {
            What::Line(line, _, said) => {
                let client = line.client.unwrap_or_default();
                for page in said {
                    let what = ToPage::Nack { client: client.clone(), why: NotTaken::Later };
                    self.outputs.push_back(Output::Say(page, what));
                }
            }
            What::Told(before) => {
                let visit = self.visits.get_mut(&visitor);
                visit.into_iter().for_each(|visit| visit.untell(&before));
            }
            What::Past => self.handle_past(now, &visitor, None),
            What::Typing => {}
        }
    }

    fn send(&mut self, now: Now, outgoing: &Outgoing) {
        let outcome = self.sent(now, outgoing);
        let (message, attempt) = (outgoing.message, outgoing.attempt);
        self.outputs.push_back(Output::Tell(Input::Outcome { message, attempt, outcome }));
    }

    /// What is accepted waits here and in the record until the visitor has it.
    fn sent(&mut self, now: Now, outgoing: &Outgoing) -> Outcome {
        let refused = |fault| Outcome::Refused(Failure { fault, code: String::new() });
        let visitor = match outgoing.to.kind {
            Kind::Visitor => Visitor::parse(&outgoing.to.value),
            _ => None,
        };
        let Some(visitor) = visitor else { return refused(Fault::Address) };
        let Some(pieces) = parts(&self.seal, &visitor, &outgoing.pieces) else {
            return refused(Fault::Content);
        };
        if !self.visits.contains_key(&visitor) {
            self.remember(now, &visitor);
        }
        let id = outgoing.message.to_string();
        let (from, at) = (From::Branch, now.unix.millis());
        let line = Line { seq: 0, id: id.clone(), client: None, from, pieces, at };
        if let Some(visit) = self.visits.get_mut(&visitor) {
            // One that was sent again after a crash or by a person is shown once.
            let kept = Kept { line, when: now.unix, told: Told::Sent };
            let line = visit.push(kept).map(|kept| kept.line.clone());
            if let Some(line) = line.filter(|_| visit.loaded) {
                visit.typing = false;
                say_to(&mut self.outputs, visit, &ToPage::Line(line));
            }
        }
        Outcome::Accepted { references: vec![id] }
    }
}

fn visit_of<'a>(visits: &'a mut BTreeMap<Visitor, Visit>, to: &Address) -> Option<&'a mut Visit> {
    visits.get_mut(&Visitor::parse(&to.value).filter(|_| to.kind == Kind::Visitor)?)
}

fn say_to(outputs: &mut VecDeque<Output>, visit: &Visit, what: &ToPage) {
    if visit.loaded {
        outputs.extend(visit.pages.iter().map(|page| Output::Say(*page, what.clone())));
    }
}

fn address(visitor: &Visitor) -> Address {
    Address::new(Kind::Visitor, visitor.as_str())
}

/// What a line of a visitor is called in the journal.
fn key(visitor: &Visitor, client: &str) -> String {
    format!("{} {client}", visitor.as_str())
}

/// What everybody calls it.
fn name(print: Fingerprint) -> String {
    print.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ack(client: String, line: &Line) -> ToPage {
    ToPage::Ack { client, id: line.id.clone(), seq: line.seq, at: line.at }
}

fn file(link: String, media: &Media<String>) -> Part {
    let Media { mime, name, size, .. } = media.clone();
    Part::File { link, mime, size, name }
}

/// What pages are shown of a message's pieces; nothing where one of them cannot be.
fn parts(seal: &Seal, visitor: &Visitor, pieces: &[Piece<String>]) -> Option<Vec<Part>> {
    let part = |piece: &Piece<String>| {
        Some(match piece.clone() {
            Piece::Text { text } => Part::Text { text },
            Piece::Media { media } => file(seal.link(visitor, &media), &media),
            Piece::Missing { name, .. } => Part::Missing { name },
            Piece::Location { at, name } => Part::Location { at, name },
            Piece::Choice { id, label } => Part::Choice(Choice { id, label }),
            Piece::Reaction { .. } | Piece::Template { .. } => return None,
        })
    };
    pieces.iter().map(part).collect()
}

/// A message of the record as a line; nothing for one that is not to be seen: it is still to go out, or does not.
fn kept(seal: &Seal, visitor: &Visitor, message: &Message<String>) -> Option<Kept> {
    let (from, id, told) = match (message.state, message.key) {
        (State::Received, Some(key)) => (From::Visitor, name(key), Told::Sent),
        (State::Sent, _) => (From::Branch, message.id.to_string(), Told::Sent),
        (State::Delivered, _) => (From::Branch, message.id.to_string(), Told::Delivered),
        (State::Read, _) => (From::Branch, message.id.to_string(), Told::Read),
        _ => return None,
    };
    let pieces = parts(seal, visitor, &message.pieces)?;
    let line = Line { seq: 0, id, client: None, from, pieces, at: message.at.millis() };
    Some(Kept { line, when: message.at, told })
}

/// What a visitor is called, as a mail's header has it. The address is what they say, and proves nothing.
fn called(about: &About) -> Option<String> {
    match (&about.name, &about.mail) {
        (Some(name), Some(mail)) => Some(format!("{name} <{mail}>")),
        (one, other) => one.clone().or(other.clone()),
    }
}

fn cut(about: About) -> About {
    let some = |text: Option<String>| text.map(short).filter(|text| !text.is_empty());
    About { name: some(about.name), mail: some(about.mail) }
}

fn short(text: String) -> String {
    let plain = text.trim().chars().filter(|c| !c.is_control());
    plain.take(LONGEST_ABOUT).collect()
}

/// What nobody types; a line's end and a tab are typed.
fn is_control(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

#[cfg(test)]
mod tests;
