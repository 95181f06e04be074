//! Joins protocol to domain: matches what arrived, calls the machine it concerns, pushes on what that machine wants.
//!
//! Owns every machine of the box and the tables between their ids. Takes no decision of its own: who may call is
//! [`crate::sip::access`]'s answer, where a number leads [`crate::call::plan`]'s, whom to ring [`crate::call`]'s, who
//! gets a caller [`crate::queue`]'s. Files here follow the machine they join: `signalling` SIP, `switching` calls,
//! `sound` media, `addresses` the network, `emergency` calls for help, `watching` lamps, `work` queues and agents,
//! `errands` work without a line, `telling` what of it is told, `timesheet` what records say of them, `callbacks` promises, `walks` IVR, `voicemail` mailboxes, `phones` their
//! configuration, `keeping` the journal, `control` the admin, `accounts` who else may ask, `driving` what programs do to
//! calls, `payment` what nobody is to hear, `supervising` who listens in, `feed` what they are told, `journeys` rules, `messages` the ledger,
//! `phone_messages` texts of phones, `phone_codes` calls that go on with a conversation, `visitors` calls from the site's pages, `shelf` what is said again and again, `modems` SIMs, `parts` what texts cost, `carrier` a carrier's SMPP, `conversations` who answers them,
//! `setup` the configuration, `reconfiguring` a changed one.

mod accounts;
mod addresses;
pub mod applications;
mod bans;
pub mod branches;
mod browsers;
mod callbacks;
mod callers;
pub mod carrier;
mod carrying;
mod causes;
pub mod centre;
mod chat_places;
pub mod chats;
mod codecs;
mod conferences;
mod consent;
mod contexts;
mod control;
mod conversations;
mod crm;
mod desk;
mod driving;
mod emergency;
mod ended;
mod errands;
mod faults;
mod feed;
mod figures;
mod health;
mod hiding;
mod journeys;
mod keeping;
mod keys;
mod lateness;
mod legs;
mod message_figures;
mod messages;
pub mod modems;
mod no;
mod orders;
mod parts;
mod payment;
mod phone_codes;
mod phone_messages;
mod phones;
mod placing;
mod promising;
pub mod prompts;
mod protection;
mod readings;
mod reconfiguring;
mod recording;
mod redirects;
pub mod relays;
mod reopening;
mod replacing;
mod retention;
mod sampling;
mod seen;
mod setup;
mod shelf;
mod signalling;
mod sound;
mod spending;
mod supervising;
mod surveys;
mod switching;
mod tabs;
mod talking;
mod telling;
mod timesheet;
mod transfers;
mod trunks;
mod unanswered;
mod visitors;
pub mod voicemail;
mod walks;
mod watching;
mod webhooks;
mod work;
mod writing;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admin;
use crate::admin::api::feed::Happening;
use crate::agent::Roster;
use crate::agent::desk::{PageId, ToPage};
use crate::call::Calls;
use crate::call::caller_id::CallerIds;
use crate::call::desk::HotDesks;
use crate::call::plan::Plan;
use crate::config::Settings;
use crate::id::{AgentId, CallId, ChannelId, ExtensionId, HookId, LegId, RecordingId, TrunkId};
use crate::ivr::{Flows, Walk};
use crate::journal::act::{Accounts, Who};
use crate::journal::{Journal, tape};
use crate::media;
use crate::media::stock::Stock;
use crate::queue::Queues;
use crate::random::Random;
use crate::sip::access::Gate;
use crate::sip::endpoint::{self, Endpoint};
use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::locate::{Answer, Question};
use crate::sip::message::Transport;
use crate::sip::registrar::Registrar;
use crate::sip::sdp::Codec;
use crate::sip::stun;
use crate::sip::trunk::Trunk;
use crate::sip::trust::{Level, Proof, Sin};
use crate::store::context::looking;
use crate::store::{Found, Wanted};
use crate::time::{Now, Timers, UnixTime, earliest};
use crate::webhook::What;

pub use carrying::Kept as KeptCall;
pub use contexts::LookFor;
pub use keeping::Kept;
pub use reconfiguring::{Change, Fault, Standing};
pub use setup::{Listening, Secrets, Setup, queues as empty_queues};
pub use tabs::Page;

/// How long calls may take to end when the program is told to stop.
const LAST_WORDS: Duration = Duration::from_millis(1_500);
/// How often what is old is forgotten.
const SWEEP: Duration = Duration::from_secs(30);

/// What the driver has to carry out.
#[derive(Debug)]
pub enum Output {
    /// Send a SIP message.
    Sip {
        /// Where to.
        route: Route,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Who speaks on this connection has shown a password, or is a carrier.
    Trust(ConnectionId),
    /// Close the connection that we opened there.
    Disconnect(Route),
    /// A connection is dead once nothing has come over it for this long.
    Expect(ConnectionId, std::time::Duration),
    /// A program elsewhere is to be told again.
    Hook(HookId, What),
    /// Ask the site's CRM; answer with [`Gateway::handle_crm`].
    Crm(crate::crm::Ask),
    /// Tell the office, or ask it; it answers with [`Gateway::handle_office`].
    Office(branches::ToOffice),
    /// Order a channel of messages something; it answers with [`Gateway::handle_channel`].
    Channel(ChannelId, Box<crate::messaging::channel::Order>),
    /// Tell whoever speaks with applications of the branch; they answer with [`Gateway::handle_application`].
    Application(Box<crate::messaging::application::Order>),
    /// Send a copy of a message to the capture server; it may be lost.
    Capture(Vec<u8>),
    /// Close connections of a source, or do so no longer.
    Bar(crate::sip::trust::Change),
    /// Tell a media thread something.
    Media {
        /// Which thread.
        thread: usize,
        /// What.
        command: media::Command,
    },
    /// Hand something to the journal's thread; answer with [`Gateway::handle_journal`].
    Journal(crate::journal::Output),
    /// A recording is about to begin: its file is sealed with this.
    Seal(RecordingId, Box<tape::Key>),
    /// Do something about a recording's file; answer with [`Gateway::handle_recording`].
    Recording(voicemail::Order),
    /// Look up which address of ours faces each of these now; answer with [`Gateway::handle_facing`].
    Face(Vec<IpAddr>),
    /// Ask the DNS; answer with [`Gateway::handle_answer`].
    Resolve(Question),
    /// Look something up about people; answer with [`Gateway::handle_looked`].
    Look {
        /// For whom.
        to: LookFor,
        /// What.
        question: looking::Question,
    },
    /// Somebody waits for the look-up store to reflect what the journal has: it should not let it gather.
    Project,
    /// Read the store; answer with [`Gateway::handle_records`].
    Records {
        /// For whom.
        to: ReplyTo,
        /// What.
        wanted: Wanted,
    },
    /// Something happened that whoever follows the box is told.
    Feed(Box<Happening>),
    /// Who may use the box's API is this from now on.
    Accounts(Box<Accounts>),
    /// Answer an admin's question.
    Reply(ReplyTo, admin::Reply),
    /// Answer a question over HTTPS.
    Web(ReplyTo, admin::web::Response),
    /// The version of the configuration that is on trial goes back, and why; carried out by
    /// [`Gateway::handle_configuration`].
    RollBack(u32, crate::config::trial::Reason),
    /// Say something to an agent's page.
    Page(PageId, Box<ToPage>),
    /// Keep what a call is and its sockets for the program's next run, in the place of what was kept of it before; or let
    /// them go.
    Carry(CallId, Option<Box<KeptCall>>),
    /// Everything is over: the last call ended after a drain, or the program was told to stop.
    Over,
}

/// Who asks the gateway for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub who: Who,
    /// From where; nothing at the console.
    pub from: Option<IpAddr>,
    /// The agent whose own calls and phone alone it may be about; nothing where it may be about any.
    pub own: Option<AgentId>,
}

/// Names an admin's question until it is answered; the driver gives it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTo(pub u64);

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Not in sight.
    No,
    /// Over, to begin anew, as soon as no call is up; new ones are taken until then.
    Anew,
    /// No new calls; over when the last has ended.
    Draining,
    /// Calls are being ended; over by then.
    Stopping(Instant),
    /// The journal has the last record; over when that is on the disk, or by then.
    Closing(crate::journal::Token, Instant),
    /// Over.
    Over,
}

/// The whole box, without anything that waits.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
    running: reconfiguring::Running,
    listening: Listening,
    random: Random,
    endpoint: Endpoint,
    seen: seen::Seen,
    gate: Gate,
    registrar: Registrar,
    trunks: BTreeMap<TrunkId, Trunk>,
    /// Legs to carriers that nobody has answered yet.
    outward: BTreeMap<LegId, trunks::Outward>,
    /// How long their servers may be silent.
    patience: Timers<LegId>,
    /// What the site looks like from outside.
    outside: hiding::Outside,
    /// Every address of this box.
    addresses: Vec<IpAddr>,
    /// What trunks have asked.
    asked: trunks::Asked,
    /// Where each extension stands among the settings.
    directory: BTreeMap<ExtensionId, usize>,
    plan: Plan,
    help: emergency::Help,
    caller_ids: CallerIds,
    /// New calls a second of each trunk: in, and out.
    trunk_rates: BTreeMap<TrunkId, (signalling::Rate, signalling::Rate)>,
    calls: Calls,
    contexts: contexts::Contexts,
    orders: orders::Orders,
    search: retention::Search,
    crm: crm::Crm,
    branches: branches::Branches,
    /// What the site has decided about people.
    rules: crate::context::Rules,
    journeys: journeys::Walking,
    messages: messages::Messages,
    applications: applications::Applications,
    talks: conversations::Talks,
    unanswered: unanswered::Unanswered,
    talking: talking::Talking,
    phone_messages: phone_messages::PhoneMessages,
    codes: phone_codes::PhoneCodes,
    visitors: visitors::Visitors,
    chat_places: chat_places::ChatPlaces,
    hot_desks: HotDesks,
    queues: Queues,
    roster: Roster,
    flows: Arc<Flows>,
    voicemail: voicemail::Voicemail,
    phones: phones::Phones,
    /// Passwords of phones in clear: each is told its own.
    phone_secrets: BTreeMap<String, crate::sip::auth::Secret>,
    walks: BTreeMap<CallId, Walk>,
    surveys: surveys::Surveys,
    watching: watching::Watching,
    stun: stun::Answers,
    prompts: prompts::Prompts,
    journal: Journal,
    keeping: keeping::Keeping,
    legs: legs::Legs,
    work: work::Work,
    timesheet: timesheet::Timesheet,
    promises: callbacks::Promises,
    playing: BTreeMap<LegId, (u64, sound::Playing)>,
    held_keys: keys::HeldKeys,
    sights: addresses::Sights,
    faults: faults::Faults,
    sampling: sampling::Sampling,
    lateness: lateness::Lateness,
    tapes: recording::Tapes,
    consents: consent::Consents,
    driving: driving::Driving,
    payments: payment::Payments,
    carrying: carrying::Carrying,
    supervisions: supervising::Supervisions,
    feed: feed::Feed,
    pool: Stock,
    codecs: Vec<Codec>,
    thread: usize,
    threads: usize,
    /// Agents' pages that are telephones.
    tabs: tabs::Tabs,
    /// What passes their sound on where nothing else does.
    relays: relays::Relays,
    /// The SHA-256 of the certificate that browsers are told.
    fingerprint: Option<Vec<u8>>,
    rate: signalling::Rate,
    /// Of them those that come in a carrier's name in datagrams.
    forgeable_rate: signalling::Rate,
    /// Calls back of help, before they are counted as ordinary calls.
    callback_rate: signalling::Rate,
    started: UnixTime,
    ending: Ending,
    /// Whether the program begins anew after its end.
    anew: bool,
    swept: Option<Instant>,
    /// When it is written down next how the box does.
    health_at: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// What arrives.
impl Gateway {
    /// The sockets are open.
    pub fn handle_started(&mut self, now: Now, first_start: bool) {
        self.started = now.unix;
        self.swept = Some(now.instant + SWEEP);
        self.prepare_media(now);
        self.restore(now, first_start);
        self.begin_health(now);
        self.trunks.values_mut().for_each(|trunk| trunk.handle_started(now));
        self.settle(now);
    }

    /// A datagram, or a whole message from a stream.
    pub fn handle_sip(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        if !self.gate.trust.admits(now, &flow) {
            return;
        }
        if flow.transport == Transport::Udp && stun::is_stun(bytes) {
            let known = self.gate.trust.level(now.instant, flow.peer) > Level::Stranger;
            let answer = self.stun.answer(now, bytes, flow.peer, known);
            let answer = answer.map(|bytes| Output::Sip { route: Route::Flow(flow), bytes });
            return self.outputs.extend(answer);
        }
        if flow.transport.is_reliable() {
            self.trunks.values_mut().for_each(|trunk| trunk.handle_spoken(flow.peer));
        }
        self.note_message(now, false, flow, bytes);
        let readable = self.endpoint.handle_received(now, flow, bytes);
        if !readable && !is_keep_alive(bytes) {
            self.gate.trust.sinned(now, &flow, Sin::Malformed, Proof::Claimed);
        }
        self.settle(now);
    }

    /// A line end came over a connection that we opened: the answer to a keep-alive of ours (RFC 5626 section 4.4.1).
    pub fn handle_pong(&mut self, now: Now, flow: Flow) {
        self.trunks.values_mut().for_each(|trunk| trunk.handle_pong(flow.peer));
        self.settle(now);
    }

    /// A stream connection is gone.
    pub fn handle_connection_closed(&mut self, now: Now, flow: Flow) {
        self.watching.notifier.handle_closed(flow.connection);
        self.registrar.handle_closed(flow.connection);
        self.carrier_hung_up(flow.peer);
        self.settle(now);
    }

    /// Nothing can be sent there.
    pub fn handle_unreachable(&mut self, now: Now, route: &Route) {
        self.endpoint.handle_unreachable(now, route);
        self.settle(now);
    }

    /// A media thread noticed something.
    pub fn handle_media(&mut self, now: Now, event: media::Event) {
        self.media_event(now, event);
        self.settle(now);
    }

    /// The DNS answered.
    pub fn handle_answer(&mut self, now: Now, question: &Question, answer: &Answer) {
        for trunk in self.trunks.values_mut() {
            trunk.handle_answer(now, question, answer);
        }
        self.try_waiting(now);
        self.settle(now);
    }

    /// An admin asks at the control socket.
    pub fn handle_control(&mut self, now: Now, to: ReplyTo, command: &admin::Command) {
        self.control(now, to, &By { who: Who::Console, from: None, own: None }, command);
        self.settle(now);
    }

    /// Somebody asks through the API.
    pub fn handle_api(&mut self, now: Now, to: ReplyTo, by: &By, command: &admin::Command) {
        self.control(now, to, by, command);
        self.settle(now);
    }

    /// The store was read; nothing when it has nothing to give yet.
    pub fn handle_records(&mut self, to: ReplyTo, found: Option<Found>) {
        let reply = self.records(found);
        self.outputs.push_back(Output::Reply(to, reply));
    }

    /// Take no new calls, and end when the last is over.
    pub fn handle_drain(&mut self, now: Now) {
        self.calls.handle_drain();
        self.anew = false;
        if matches!(self.ending, Ending::No | Ending::Anew) {
            self.ending = Ending::Draining;
        }
        self.settle(now);
    }

    /// End as soon as no call is up, to begin anew: new calls are taken until then.
    pub fn handle_restart(&mut self, now: Now) {
        if self.ending == Ending::No {
            self.ending = Ending::Anew;
            self.anew = true;
        }
        self.settle(now);
    }

    /// Whether the end is one to begin anew after.
    pub fn begins_anew(&self) -> bool {
        self.anew
    }

    /// End every call, and then the program.
    pub fn handle_stop(&mut self, now: Now) {
        self.calls.handle_drain();
        self.end_or_leave(now);
        self.anew = false;
        if matches!(self.ending, Ending::No | Ending::Draining | Ending::Anew) {
            self.ending = Ending::Stopping(now.instant + LAST_WORDS);
        }
        self.settle(now);
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.endpoint.handle_timeout(now);
        self.registrar.handle_timeout(now);
        self.watching.notifier.handle_timeout(now);
        self.calls.handle_timeout(now);
        self.hot_desks_time_out(now);
        self.queues.handle_timeout(now);
        self.roster.handle_timeout(now);
        self.journeys_time_out(now);
        self.messages_time_out(now);
        self.unanswered_times_out(now);
        self.trunks.values_mut().for_each(|trunk| trunk.handle_timeout(now));
        self.patience_is_over(now);
        self.keys_time_out(now);
        self.collecting_times_out(now);
        self.payments_time_out(now);
        self.consents_time_out(now);
        self.pages_time_out(now);
        self.tell_figures(now);
        self.journal.handle_timeout(now);
        self.walks_time_out(now);
        self.visits_time_out(now);
        self.keep_records(now);
        self.sample_sound(now);
        self.health_times_out(now);
        if self.swept.is_some_and(|at| at <= now.instant) {
            self.gate.forget_old(now);
            self.forget_old_mail(now);
            self.look_for_old(now);
            self.touch_all();
            self.swept = Some(now.instant + SWEEP);
        }
        self.settle(now);
    }

    /// When something is due.
    pub fn deadline(&self, now: Now) -> Option<Instant> {
        let end = match self.ending {
            Ending::Stopping(at) | Ending::Closing(_, at) => Some(at),
            _ => None,
        };
        let machines = [
            self.endpoint.deadline(),
            self.registrar.deadline(now),
            self.watching.notifier.deadline(),
            self.calls.deadline(),
            self.hot_desks.deadline(),
            self.queues.deadline(),
            self.roster.deadline(),
            self.journal.deadline(),
            self.keeping.deadline(),
            self.voicemail.deadline(),
            self.patience.deadline(),
            self.held_keys.deadline(),
            self.driving.deadline(),
            self.payments.deadline(),
            self.consents.deadline(),
            self.tabs.deadline(),
            self.journeys.deadline(now),
            self.messages.deadline(),
            self.unanswered.deadline(),
            self.feed.deadline(),
            self.sampling.deadline(),
            self.running.deadline(),
            self.swept,
            self.health_at,
            end,
        ];
        let trunks = self.trunks.values().map(Trunk::deadline);
        let walks = self.walks.values().map(Walk::deadline);
        machines.into_iter().chain(trunks).chain(walks).fold(None, earliest)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

/// The pump.
impl Gateway {
    /// Lets every machine say what it wants, until none wants anything.
    fn settle(&mut self, now: Now) {
        while self.step(now) {}
        self.leave_calls(now);
        while let Some(output) = self.journal.poll_output() {
            self.outputs.push_back(Output::Journal(output));
        }
        while let Some(change) = self.gate.trust.poll_change() {
            self.outputs.push_back(Output::Bar(change));
        }
        self.watch_trial(now);
        self.end(now);
    }

    /// One word of one machine. Answers whether there was one.
    fn step(&mut self, now: Now) -> bool {
        if let Some(output) = self.endpoint.poll_output() {
            match output {
                endpoint::Output::Send { route, bytes } => {
                    if let Route::Address { peer, .. } = route {
                        // Whom we write to first may answer, flood or not.
                        self.gate.trust.vouch(now.instant, peer);
                    }
                    let bytes = self.hide(route.peer().ip(), bytes);
                    self.note_sent(now, &route, &bytes);
                    self.outputs.push_back(Output::Sip { route, bytes })
                }
                endpoint::Output::Event(event) => self.handle_endpoint(now, event),
            }
        } else if let Some(output) = self.calls.poll_output() {
            self.calls_say(now, output);
        } else if let Some(output) = self.roster.poll_output() {
            self.roster_says(now, output);
        } else if let Some(output) = self.queues.poll_output() {
            self.queues_say(now, output);
        } else if let Some(change) = self.registrar.poll_output() {
            self.keep_change(now, change);
        } else if let Some(output) = self.watching.notifier.poll_output() {
            self.notifier_says(now, output)
        } else if let Some(output) = self.journeys.poll_output() {
            self.journeys_say(now, output);
        } else if let Some(output) = self.messages.poll_output() {
            self.ledger_says(now, output);
        } else {
            return self.tell_watchers(now) || self.step_trunks(now);
        }
        true
    }

    fn step_trunks(&mut self, now: Now) -> bool {
        let said = self.trunks.iter_mut().find_map(|(id, trunk)| {
            let output = trunk.poll_output()?;
            Some((id.clone(), output))
        });
        let Some((id, output)) = said else { return false };
        self.trunk_says(now, &id, output);
        true
    }

    /// Comes to an end, if it is time.
    fn end(&mut self, now: Now) {
        let due = |at: Instant| at <= now.instant;
        match self.ending {
            Ending::Draining | Ending::Anew if self.calls.is_empty() => self.close(now),
            Ending::Stopping(at) if self.only_left() || due(at) => self.close(now),
            Ending::Closing(token, at) if self.journal.is_stored(token) || due(at) => {
                self.ending = Ending::Over;
                self.outputs.push_back(Output::Over);
            }
            _ => {}
        }
    }

    fn close(&mut self, now: Now) {
        let last = self.keep_last_records(now);
        self.ending = Ending::Closing(last, now.instant + LAST_WORDS);
        while let Some(output) = self.journal.poll_output() {
            self.outputs.push_back(Output::Journal(output));
        }
    }

    /// Keeps what is still on its way, and says which record is the last.
    fn keep_last_records(&mut self, now: Now) -> crate::journal::Token {
        self.keep_records(Now { instant: now.instant + LAST_WORDS * 2, ..now });
        self.journal.handle_stop(now)
    }
}

/// Whether a datagram only holds a way through a router open: line ends, zeros, or nothing (RFC 5626 section 3.5.1).
fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
