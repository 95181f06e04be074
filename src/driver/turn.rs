//! The loop: one thread that owns the gateway. Each turn takes one input, hands it in with one reading of the clocks,
//! carries out everything that comes of it, and waits for the next input or the next deadline.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::sync::{mpsc, oneshot};

use crate::admin::web;
use crate::admin::{Command, Figures, Lamp, Part, Reply, Spans, WebhookLine};
use crate::agent::desk::{FromPage, PageId, ToPage};
use crate::crm::{AskId, Fault};
use crate::driver::api::{Feed, Guard};
use crate::driver::backups::Backups;
use crate::driver::carrying::Keeper;
use crate::driver::clock;
use crate::driver::configuring::Configuring;
use crate::driver::crm::Crm;
use crate::driver::dns;
use crate::driver::gather::Gather;
use crate::driver::hep::Mirror;
use crate::driver::identity::Identity;
use crate::driver::journal;
use crate::driver::looking::Readers;
use crate::driver::mailbox::{Mailbox, Sender};
use crate::driver::media;
use crate::driver::ordering::Channels;
use crate::driver::recordings;
use crate::driver::sip::{MAX_DATAGRAM, Sockets};
use crate::driver::store;
use crate::driver::taping::Recorder;
use crate::driver::waking::Waking;
use crate::driver::webhook::Handle as Hooks;
use crate::gateway::branches::{FromOffice, ToOffice};
use crate::gateway::voicemail;
use crate::gateway::{By, Change, Gateway, Kept, LookFor, Output, Page, ReplyTo};
use crate::id::{ChannelId, HookId, RecordingId};
use crate::journal::{Failure, Token};
use crate::messaging::application;
use crate::messaging::channel::Input;
use crate::sip::flow::{Flow, Route};
use crate::sip::locate::{self, Records};
use crate::store::context::looking::{Answer, Question};
use crate::store::{Found, Wanted};
use crate::time::{Now, earliest};
use crate::webhook;

/// Datagrams taken from one socket before the others and the mailbox have their turn.
const DATAGRAMS_A_TURN: usize = 64;
/// Letters taken before the sockets have their turn.
const LETTERS_A_TURN: usize = 64;
/// Lateness of packets that a listener would hear: a packet's worth.
const LATE: Duration = Duration::from_millis(20);
/// Inputs a second above which they are let gather: a few hundred calls, or a thousand registrations.
const BUSY: u32 = 2_000;
/// For how long: a tenth of what setting a call up may take.
const GATHER: Duration = Duration::from_micros(300);
/// How often the media threads' lateness is looked at: once for a burst of turns, and before anybody has called who was
/// not there when they were late.
const LOOK_AT_MEDIA: Duration = Duration::from_millis(10);
/// The epoll mark of the mailbox; sockets have their index.
const BELL: u64 = u64::MAX;

/// What reaches the loop from other threads and tasks.
#[derive(Debug)]
pub enum Letter {
    /// A whole message from a stream.
    Sip {
        /// Its connection.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A line end came over a connection that we opened.
    Pong(Flow),
    /// A stream connection is gone.
    ConnectionClosed(Flow),
    /// A connection could not be opened.
    Unreachable(Route),
    /// What a media thread noticed.
    Media(Vec<crate::media::Event>),
    /// What the journal's thread did.
    Journal(journal::Done),
    /// The look-up store reflects the journal up to here.
    Projected(Token),
    /// Something about people was looked up for somebody.
    Looked(LookFor, Answer),
    /// The store was read for somebody.
    Records(ReplyTo, Found),
    /// What is known of a recording's file.
    Recording(RecordingId, voicemail::File),
    /// The DNS answered, or did not.
    Resolved(locate::Question, dns::Found),
    /// The addresses that the box has.
    Addresses(Vec<IpAddr>),
    /// An admin asks.
    Control(Command, oneshot::Sender<Reply>),
    /// Somebody asks through the API.
    Api(By, Command, oneshot::Sender<Reply>),
    /// A phone asks over HTTPS.
    Web(web::Request, oneshot::Sender<web::Response>),
    /// An agent's page is a telephone from now on; what it is told goes there.
    PageOpened(PageId, Page, mpsc::Sender<ToPage>),
    /// It says something.
    Page(PageId, FromPage),
    /// It is gone.
    PageClosed(PageId),
    /// The session of whoever is at a page is over.
    PageExpired(PageId),
    /// The site's CRM has answered, or has not, after so long.
    Crm(AskId, Duration, Result<crate::crm::Answer, Fault>),
    /// The office says something of people.
    Office(FromOffice),
    /// A channel of messages says something.
    Channel(ChannelId, Input),
    /// Whoever speaks with applications of the branch says something.
    Application(application::Input),
    /// Something is to be remembered of a program elsewhere that is told what happens.
    Webhook(webhook::Change, oneshot::Sender<Token>),
    /// The configuration has changed.
    Configuration(Box<Change>),
    /// The version on trial was confirmed.
    Confirmed(u32),
    /// Begin anew as soon as no call is up.
    Restart,
    /// Take no new calls, end when the last is over.
    Drain,
    /// End now.
    Stop,
}

/// Everything the loop drives.
pub struct Loop {
    /// The machine.
    pub gateway: Gateway,
    /// SIP sockets.
    pub sockets: Sockets,
    /// The way to a capture server, if there is one.
    pub mirror: Option<Mirror>,
    /// Where letters arrive.
    pub mailbox: Mailbox<Letter>,
    /// For look-ups that answer later.
    pub sender: Sender<Letter>,
    /// The media threads.
    pub media: Vec<media::Handle>,
    /// Which of them are to be woken.
    pub waking: Waking,
    /// The journal's thread.
    pub journal: journal::Handle,
    /// What is wrong with what earlier runs wrote.
    pub old_records: Option<Part>,
    /// What became of the last backup.
    pub backups: Backups,
    /// Whom the line carries questions about people for, and what was taken of what the office told.
    pub office: tokio::sync::mpsc::Sender<ToOffice>,
    /// The line to head office, where there is one.
    pub uplink: Option<super::uplink::Handle>,
    /// What head office does not have yet.
    pub outbox: Option<super::outbox::Outbox>,
    /// The look-up store's thread.
    pub store: store::Handle,
    /// Who looks people up.
    pub readers: Readers,
    /// Where recordings are kept.
    pub recordings: PathBuf,
    /// Who writes new ones.
    pub recorder: Recorder,
    /// Who the box is over TLS.
    pub identity: Option<Identity>,
    /// Whom look-ups ask; the system's name servers when empty.
    pub name_servers: Arc<[SocketAddr]>,
    /// Where look-ups run.
    pub runtime: tokio::runtime::Handle,
    /// Inputs taken since the last wait.
    pub taken: usize,
    /// Counts turns; the watchdog and the status page read it.
    pub turns: Arc<AtomicU64>,
    /// How long turns took, from the end of a wait to the next.
    pub spans: Spans,
    /// When the media threads' lateness was last looked at.
    pub looked: Option<Instant>,
    /// Questions that wait for the gateway's answer.
    pub asked: BTreeMap<u64, oneshot::Sender<Reply>>,
    /// Who is let in through the API.
    pub access: Guard,
    /// What is told to whoever follows the box.
    pub feed: Feed,
    /// Phones' questions over HTTPS.
    pub web: BTreeMap<u64, oneshot::Sender<web::Response>>,
    /// Agents' pages that are telephones.
    pub pages: BTreeMap<PageId, mpsc::Sender<ToPage>>,
    /// Who tells programs elsewhere what happens.
    pub hooks: Option<Hooks>,
    /// The way to the site's CRM.
    pub crm: Crm,
    /// The ways to channels of messages.
    pub channels: Channels,
    /// The way to whoever speaks with applications of the branch.
    pub applications: Option<mpsc::Sender<application::Order>>,
    /// Who keeps the configuration's files.
    pub configuring: Configuring,
    /// Who keeps calls for the program's next run, where there is a store for them.
    pub keeper: Option<Keeper>,
    /// Whether there was no journal before.
    pub first_start: bool,
}

impl Loop {
    /// Runs until told to stop, or until a drain is complete. Answers whether the program is to begin anew.
    pub fn run(mut self) -> io::Result<bool> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(self.mailbox.bell(), EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        for (index, socket) in self.sockets.datagrams().iter().enumerate() {
            epoll.add(socket.fd(), EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
        }
        let mut ready = [EpollEvent::empty(); 32];
        let mut buffer = vec![0; MAX_DATAGRAM];
        self.take_up_calls();
        let started = clock::now();
        self.gateway.handle_started(started, self.first_start);
        let (standing, fault) = self.configuring.standing();
        self.gateway.handle_standing(started, standing, fault);
        let mut going = self.carry_out(started);
        self.keeper.iter_mut().for_each(Keeper::settle);
        let mut gather = Gather::new(BUSY, GATHER);
        while going {
            let count = match epoll.wait(&mut ready, self.patience()) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            self.turns.fetch_add(1, Ordering::Relaxed);
            let began = Instant::now();
            self.look_at_media(began);
            for event in &ready[..count] {
                going &= match usize::try_from(event.data()) {
                    Ok(index) if event.data() != BELL => self.read_socket(index, &mut buffer),
                    _ => self.read_mailbox(),
                };
                self.wake_media();
            }
            going &= self.time_passes();
            self.wake_media();
            let ended = Instant::now();
            let took = ended.saturating_duration_since(began);
            self.spans.add(took);
            self.gateway.handle_turn(ended, took);
            if let Some(pause) = gather.handle_taken(ended, std::mem::take(&mut self.taken), None) {
                std::thread::sleep(pause);
            }
        }
        self.journal.finish();
        self.store.finish();
        self.keeper.into_iter().for_each(Keeper::finish);
        Ok(self.gateway.begins_anew())
    }

    /// How long `epoll` may wait: until the next deadline, rounded up so that we do not wake before it.
    fn patience(&self) -> EpollTimeout {
        let now = clock::now();
        let deadline = earliest(self.gateway.deadline(now), self.waking.deadline());
        let Some(deadline) = deadline else { return EpollTimeout::NONE };
        let left = deadline.saturating_duration_since(now.instant);
        let millis = left.as_micros().div_ceil(1000).min(60_000) as u16;
        EpollTimeout::from(millis)
    }

    fn look_at_media(&mut self, now: Instant) {
        if self.looked.is_some_and(|looked| now < looked + LOOK_AT_MEDIA) {
            return;
        }
        self.looked = Some(now);
        for (thread, media) in self.media.iter().enumerate() {
            self.gateway.handle_media_lateness(now, thread, media.late_so_far());
        }
    }

    fn read_socket(&mut self, index: usize, buffer: &mut [u8]) -> bool {
        for _ in 0..DATAGRAMS_A_TURN {
            let Some(socket) = self.sockets.datagrams().get(index) else { return true };
            let Some((count, peer)) = socket.receive(buffer) else { return true };
            self.taken += 1;
            let Some(flow) = self.sockets.datagram_flow(index, peer) else { return true };
            let now = clock::now();
            self.gateway.handle_sip(now, flow, &buffer[..count]);
            if !self.carry_out(now) {
                return false;
            }
        }
        true
    }

    fn read_mailbox(&mut self) -> bool {
        self.mailbox.quiet();
        for _ in 0..LETTERS_A_TURN {
            let Some(letter) = self.mailbox.take() else { return true };
            self.taken += 1;
            let now = clock::now();
            if !(self.open(now, letter) && self.carry_out(now)) {
                return false;
            }
        }
        // More letters wait: ring again, so that the sockets have their turn first.
        self.sender.ring();
        true
    }

    fn open(&mut self, now: Now, letter: Letter) -> bool {
        match letter {
            Letter::Sip { flow, bytes } => self.gateway.handle_sip(now, flow, &bytes),
            Letter::Pong(flow) => self.gateway.handle_pong(now, flow),
            Letter::ConnectionClosed(flow) => self.gateway.handle_connection_closed(now, flow),
            Letter::Unreachable(route) => self.gateway.handle_unreachable(now, &route),
            Letter::Media(events) => {
                events.into_iter().for_each(|event| self.gateway.handle_media(now, event));
            }
            Letter::Journal(done) => self.journal_says(now, done),
            Letter::Projected(position) => self.gateway.handle_projected(now, position),
            Letter::Looked(to, answer) => self.gateway.handle_looked(now, to, answer),
            Letter::Records(to, records) => self.gateway.handle_records(to, Some(records)),
            Letter::Resolved(question, found) => {
                let answer = self.with_own_addresses(&question, found);
                self.gateway.handle_answer(now, &question, &answer);
            }
            Letter::Recording(recording, file) => {
                self.gateway.handle_recording(now, recording, file);
            }
            Letter::Addresses(addresses) => {
                self.sockets.keep_locals(&addresses);
                self.gateway.handle_addresses(now, &addresses);
            }
            Letter::Control(command, answer) => {
                let id = self.asked.keys().next_back().map_or(0, |last| last + 1);
                self.asked.insert(id, answer);
                self.gateway.handle_control(now, ReplyTo(id), &command);
            }
            Letter::Api(by, command, answer) => {
                let id = self.asked.keys().next_back().map_or(0, |last| last + 1);
                self.asked.insert(id, answer);
                self.gateway.handle_api(now, ReplyTo(id), &by, &command);
            }
            Letter::Web(request, answer) => {
                let id = self.web.keys().next_back().map_or(0, |last| last + 1);
                self.web.insert(id, answer);
                self.gateway.handle_web(now, ReplyTo(id), &request);
            }
            Letter::PageOpened(id, page, sender) => {
                self.pages.insert(id, sender);
                self.gateway.handle_page_opened(now, id, page);
            }
            Letter::Page(id, said) => self.gateway.handle_page(now, id, said),
            Letter::PageExpired(id) => self.gateway.handle_page_expired(now, id),
            Letter::PageClosed(id) => {
                self.pages.remove(&id);
                self.gateway.handle_page_closed(now, id);
            }
            Letter::Webhook(change, kept) => {
                // Who asked may have ended with the program.
                let _ = kept.send(self.gateway.handle_webhook(now, change));
            }
            Letter::Channel(channel, input) => self.gateway.handle_channel(now, &channel, input),
            Letter::Application(input) => self.gateway.handle_application(now, input),
            Letter::Office(said) => self.gateway.handle_office(now, said),
            Letter::Crm(id, took, result) => self.gateway.handle_crm(now, id, took, result),
            Letter::Configuration(change) => self.gateway.handle_configuration(now, *change),
            Letter::Confirmed(version) => self.gateway.handle_confirmed(version),
            Letter::Restart => self.gateway.handle_restart(now),
            Letter::Drain => self.gateway.handle_drain(now),
            Letter::Stop => self.gateway.handle_stop(now),
        }
        true
    }

    fn time_passes(&mut self) -> bool {
        let now = clock::now();
        if self.gateway.deadline(now).is_some_and(|deadline| deadline <= now.instant) {
            self.gateway.handle_timeout(now);
            return self.carry_out(now);
        }
        true
    }

    /// Carries out what the gateway wants. Answers whether the loop goes on.
    fn carry_out(&mut self, now: Now) -> bool {
        while let Some(output) = self.gateway.poll_output() {
            match output {
                Output::Sip { route, bytes } => {
                    if self.sockets.send(route, bytes).is_err() {
                        self.gateway.handle_unreachable(now, &route);
                    }
                }
                Output::Trust(connection) => self.sockets.trust(connection),
                Output::Capture(packet) => {
                    if let Some(mirror) = &self.mirror {
                        mirror.send(packet);
                    }
                }
                Output::Expect(connection, silence) => self.sockets.expect(connection, silence),
                Output::Disconnect(route) => self.sockets.disconnect(&route),
                Output::Bar(change) => self.sockets.bar(change),
                Output::Media { thread, command } => self.command(now, thread, command),
                Output::Journal(output) => {
                    self.readers.keep_up(&output);
                    if self.journal.submit(output).is_err() {
                        self.gateway.handle_journal(now, Kept::Failed(Failure::Slow));
                    }
                }
                Output::Look { to, question } => self.look(now, to, question),
                Output::Project => self.store.hurry(),
                Output::Records { to, wanted } => self.read_records(to, wanted),
                Output::Feed(happening) => self.feed.push(*happening),
                Output::Accounts(accounts) => self.access.handle_accounts(*accounts),
                Output::Seal(recording, key) => {
                    if self.recorder.begin(recording, key).is_err() {
                        tracing::warn!(%recording, "the disk is too slow: nothing of a recording is written");
                    }
                }
                Output::Recording(order) => {
                    let place = (&*self.recordings, self.readers.texts());
                    recordings::carry_out(&self.runtime, place, order, &self.sender);
                }
                Output::Face(peers) => {
                    let pair = |peer| (peer, self.sockets.local_toward(peer));
                    let pairs = peers.into_iter().map(pair);
                    let pairs: Vec<_> = pairs.filter(|(_, own)| !own.is_unspecified()).collect();
                    self.gateway.handle_facing(now, &pairs);
                }
                Output::Resolve(question) => self.resolve(question),
                Output::Reply(ReplyTo(id), mut reply) => {
                    if let Reply::Status(status) = &mut reply {
                        let identity = self.identity.as_ref();
                        status.parts.extend(identity.map(|identity| identity.part(now.unix)));
                        status.counters.extend(identity.map(|identity| {
                            (
                                "TLS certificates that could not be used".to_owned(),
                                identity.refused(),
                            )
                        }));
                        status.parts.extend(self.own_parts());
                        let lines = self.hook_lines();
                        status.parts.extend(lines.iter().map(|line| line.part(now.unix)));
                        let uplink = self.uplink.as_ref();
                        status.parts.extend(uplink.map(|own| own.line().part(now.unix)));
                    }
                    if let (Reply::Webhooks(lines), Some(hooks)) = (&mut reply, &self.hooks) {
                        hooks.complete(lines);
                    }
                    if let Reply::Metrics(text) = &mut reply {
                        text.push_str(&self.own_figures(now).into_text());
                    }
                    if let Some(answer) = self.asked.remove(&id) {
                        // The asker may have gone; then nobody misses the answer.
                        let _ = answer.send(reply);
                    }
                }
                Output::Web(ReplyTo(id), response) => {
                    if let Some(answer) = self.web.remove(&id) {
                        // The asker may have gone.
                        let _ = answer.send(response);
                    }
                }
                Output::Page(id, what) => {
                    // A page that does not read is closed, and says so by that.
                    if self.pages.get(&id).is_some_and(|page| page.try_send(*what).is_err()) {
                        self.pages.remove(&id);
                    }
                }
                Output::Application(order) => {
                    let told = self.applications.as_ref().map(|way| way.try_send(*order));
                    if let Some(Err(_)) = told {
                        // It stays due, and comes again at the next start.
                        tracing::error!("nobody speaks with applications");
                    }
                }
                Output::Channel(channel, order) => {
                    if let Some(input) = self.channels.order(&channel, *order) {
                        self.gateway.handle_channel(now, &channel, input);
                    }
                }
                Output::Crm(ask) => self.crm.ask(&self.runtime, ask, &self.sender),
                // Where the line is slow nothing is asked, and what was taken is told again.
                Output::Office(to) => drop(self.office.try_send(to)),
                Output::Hook(hook, what) => self.order_hook(&hook, what),
                Output::RollBack(version, reason) => self.configuring.go_back(version, reason),
                Output::Carry(call, kept) => {
                    if let Some(keeper) = &mut self.keeper {
                        keeper.carry(call, kept.map(|kept| *kept), &self.media);
                    }
                }
                Output::Over => return false,
            }
        }
        true
    }

    fn journal_says(&mut self, now: Now, done: journal::Done) {
        let kept = match done {
            journal::Done::Stored(upto) => {
                self.store.follow(upto);
                if let Some(hooks) = &self.hooks {
                    hooks.follow(upto.0);
                }
                Kept::Stored(upto)
            }
            journal::Done::Failed(why) => Kept::Failed(why),
            journal::Done::Room(used) => Kept::Room(used),
        };
        self.gateway.handle_journal(now, kept);
    }

    fn command(&mut self, now: Now, thread: usize, command: crate::media::Command) {
        let Some(media) = self.media.get(thread) else { return };
        self.waking.handle_left(now.instant, thread, command.can_wait());
        if media.leave(command).is_err() {
            media.wake();
            // A thread that has not taken its mail for a thousand commands is stuck; its calls end by inactivity.
            tracing::error!(thread, "a media thread does not take commands");
        }
    }

    /// Calls that an earlier run has left go on, before anything else is looked at: somebody is listening.
    fn take_up_calls(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let now = clock::now();
        self.gateway.carry_calls();
        let mut places = Vec::new();
        for (call, left) in keeper.take_left() {
            match self.gateway.handle_left(now, &left) {
                Some(both) => places.extend(both),
                None => keeper.forget(call),
            }
        }
        keeper.keep_only(&places);
        self.carry_out(now);
        self.wake_media();
        if !places.is_empty() {
            tracing::info!(calls = places.len() / 2, "calls go on that were up before the start");
        }
    }

    fn wake_media(&mut self) {
        let now = Instant::now();
        while let Some(thread) = self.waking.pop_due(now) {
            self.media.get(thread).into_iter().for_each(media::Handle::wake);
        }
    }

    fn look(&mut self, now: Now, to: LookFor, question: Question) {
        let sender = self.sender.clone();
        let asked = self.readers.ask(question, move |answer| {
            let _ = sender.deliver_blocking(Letter::Looked(to, answer));
        });
        if asked.is_err() {
            self.gateway.handle_looked(now, to, Answer::NotReady);
        }
    }

    fn read_records(&mut self, to: ReplyTo, wanted: Wanted) {
        let sender = self.sender.clone();
        let asked = self.store.look(wanted, move |found| {
            let _ = sender.deliver_blocking(Letter::Records(to, found));
        });
        if asked.is_err() {
            self.gateway.handle_records(to, None);
        }
    }

    /// Figures that only the driver has.
    fn own_figures(&self, now: Now) -> Figures {
        let mut figures = Figures::default();
        let help = "How long the loop was busy before it waited again: what arrives meanwhile is late by it.";
        figures.histogram("loop_turn_seconds", help, &self.spans);
        let late = self.media.iter().map(media::Handle::take_lateness).max().unwrap_or_default();
        let help = "The latest a packet was sent since somebody last asked.";
        figures.gauge("media_lateness_seconds", help, late.as_secs_f64());
        figures.gauge("media_threads", "Media threads.", self.media.len());
        let all = self.media.iter().map(media::Handle::dropped);
        let all = all.fold([0; 4], |sum, own| std::array::from_fn(|kind| sum[kind] + own[kind]));
        let rows = crate::media::Dropped::KINDS.map(str::to_owned).into_iter().zip(all);
        let help = "Packets at the ports for sound that were dropped: a stranger's, of a kind that was not agreed on, not \
                    under the agreed key, here before.";
        figures.counters(("media_packets_dropped_total", "why"), help, rows);
        let up = u8::from(matches!(self.store.state(), store::State::Ready));
        figures.gauge("store_up", "Whether the look-up store answers.", up);
        figures.gauge(
            "store_position",
            "The journal's record that it reflects.",
            self.store.position().0,
        );
        let lost = self.mirror.as_ref().map_or(0, Mirror::lost);
        figures.counter(
            "capture_lost_total",
            "Copies of messages that the capture server did not get.",
            lost,
        );
        WebhookLine::figures(&self.hook_lines(), now.unix, &mut figures);
        figures
    }

    /// What only the driver knows of the box.
    fn own_parts(&self) -> Vec<Part> {
        let position = self.store.position().0;
        let (lamp, words) = match self.store.state() {
            store::State::Opening => {
                (Lamp::Amber, "being opened; calls do not wait for it".to_owned())
            }
            store::State::CatchingUp => (
                Lamp::Amber,
                format!("reads the journal, at record {position}; calls do not wait for it"),
            ),
            store::State::Ready if self.store.set_aside() > 0 => (
                Lamp::Amber,
                format!("made again from the journal, which is whole; at record {position}"),
            ),
            store::State::Ready => (Lamp::Green, format!("at record {position}")),
            store::State::Off(why) => (
                Lamp::Red,
                format!(
                    "{why}: call records are in the journal only; move DATA/store away and restart"
                ),
            ),
        };
        let late = self.media.iter().map(media::Handle::take_lateness).max().unwrap_or_default();
        let media = Part {
            name: "media".to_owned(),
            lamp: if late > LATE { Lamp::Amber } else { Lamp::Green },
            words: format!(
                "{} threads, at most {:.1} ms late",
                self.media.len(),
                late.as_secs_f64() * 1e3
            ),
        };
        let mut parts = vec![Part { name: "store".to_owned(), lamp, words }, media];
        parts.extend(self.old_records.clone());
        parts.extend(self.backups.part());
        parts.extend(self.backups.rehearsed());
        parts.extend(self.outbox.as_ref().map(super::outbox::Outbox::part));
        parts
    }

    fn order_hook(&self, hook: &HookId, what: webhook::What) {
        if !self.hooks.as_ref().is_some_and(|hooks| hooks.order(hook, what)) {
            // It is kept, and carried out by the next start.
            tracing::warn!(%hook, "the webhook's task takes no orders");
        }
    }

    /// Programs elsewhere that are told what happens, as they are at this moment.
    fn hook_lines(&self) -> Vec<WebhookLine> {
        let mut lines = self.gateway.webhook_lines();
        if let Some(hooks) = &self.hooks {
            hooks.complete(&mut lines);
        }
        lines
    }

    fn resolve(&self, question: locate::Question) {
        let (sender, servers) = (self.sender.clone(), self.name_servers.clone());
        self.runtime.spawn(async move {
            let found = dns::ask(&servers, &question).await;
            let _ = sender.deliver(Letter::Resolved(question, found)).await;
        });
    }

    /// What the DNS said, with our own address on the way to each of those it named. Where there is a way to some of them,
    /// the others are left out: a box without IPv6 is told of IPv6 addresses all the same.
    fn with_own_addresses(
        &mut self,
        question: &locate::Question,
        found: dns::Found,
    ) -> locate::Answer {
        let (records, ttl) = match found {
            dns::Found::Naptr(records, ttl) => (Records::Naptr(records), ttl),
            dns::Found::Srv(records, ttl) => (Records::Srv(records), ttl),
            dns::Found::Addresses(addresses, ttl) => {
                self.sockets.learn(&question.domain, &addresses);
                let pair = |peer| (peer, self.sockets.local_toward(peer));
                let mut pairs: Vec<_> = addresses.into_iter().map(pair).collect();
                if pairs.iter().any(|(_, local)| !local.is_unspecified()) {
                    pairs.retain(|(_, local)| !local.is_unspecified());
                }
                (Records::Addresses(pairs), ttl)
            }
            dns::Found::None => return locate::Answer::None,
            dns::Found::Failed => return locate::Answer::Failed,
        };
        locate::Answer::Found { records, ttl }
    }
}
