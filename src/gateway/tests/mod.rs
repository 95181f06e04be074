//! A whole branch in virtual time: phones and a carrier that speak real SIP over a simulated network, media threads that
//! only keep time, a disk that always works. Random parties do what parties do; afterwards nothing may be left over.

mod addresses;
mod around;
mod branches;
mod callback_flows;
mod canaries;
mod carriers;
mod carrying;
mod codecs;
mod consents;
mod crm;
mod desk_scenes;
mod dialogs;
mod diverted;
mod emergency;
mod ended;
mod errand_scenes;
mod files;
mod flows;
mod fraud;
mod journeys;
mod ladders;
mod lasting;
mod media_scenes;
mod message_scenes;
mod parties;
mod payments;
mod people;
mod phones;
mod protection;
mod random;
mod readings;
mod reconfiguring;
mod rows;
mod scenes;
mod sequences;
mod spending;
mod strangers;
mod supervising;
mod survey_scenes;
mod tabs;
mod talk_scenes;
mod unanswered;
mod visitors;
mod voicemail_scenes;
mod waits;
mod watching;
mod work_scenes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config;
use crate::journal::Resume;
use crate::journal::chain::Sealer;
use crate::journal::event::Event as Kept;
use crate::journal::personal::Keyring;
use crate::journal::replay::Replay;
use crate::sip::auth::{Credentials, Secret};
use crate::sip::endpoint::{Ended, Event, Invite, SessionId};
use crate::sip::flow::ConnectionId;
use crate::sip::locate;
use crate::sip::message::{Headers, Method, Request, Response, Status, Transport};
use crate::sip::sdp::{self, Direction, Local, Preference};
use crate::sip::uri::{Host, NameAddr, Uri};
use crate::time::Timers;

const CONFIG: &str = r#"
[[extension]]
number = "201"
secret = { file = "x" }
[[extension]]
number = "202"
secret = { file = "x" }
[[extension]]
number = "203"
secret = { file = "x" }
voicemail = { max_messages = 3 }
[[trunk]]
name = "carrier"
accept_from = ["192.0.2.100"]
servers = ["192.0.2.100"]
[[inbound]]
number = "+15550100"
to = "ivr:main"
[[inbound]]
number = "+15550101"
to = "extension:201"
[[internal]]
number = "700"
to = "queue:support"
[[internal]]
number = "701"
to = "voicemail:203"
[[internal]]
number = "600"
to = "echo"
[[outbound]]
name = "outside"
prefix = "9"
strip = 1
trunks = ["carrier"]
[[group]]
name = "all"
number = "300"
members = ["201", "202", "203"]
strategy = "round-robin"
ring_time = 5
overflow = "queue:support"
[[page]]
name = "all"
number = "390"
members = ["201", "202", "203"]
[parking]
slots = "751-752"
comeback = 10
[[queue]]
name = "support"
members = ["ann", "bob"]
strategy = "ring-all"
wrap_up = 3
max_wait = 60
overflow = "extension:201"
[[agent]]
id = "ann"
extension = "202"
signed_in = true
[[agent]]
id = "bob"
extension = "203"
signed_in = true
[flow.main]
start = "menu"
[flow.main.menu.menu]
prompt = "office-menu"
choices = { 1 = "queue:support", 0 = "extension:201", 3 = "message", 9 = "echo", 5 = "number:95550123" }
[flow.main.record.message]
"#;

fn branch(now: Now, config: &str) -> Gateway {
    branch_after(now, config, Resume::default(), &[])
}

/// A branch that takes up what its journal says, with the file of keys.
fn branch_after(now: Now, config: &str, resume: Resume, keys: &[u8]) -> Gateway {
    branch_of(now, config, resume, keys, 4)
}

/// The same, with other random numbers than before.
fn branch_of(now: Now, config: &str, resume: Resume, keys: &[u8], seed: u64) -> Gateway {
    // Other files stand behind the first, each behind its name.
    let files: Vec<&str> = config.split("\n#### ").collect();
    let file = |path: &Path| {
        let name = format!("{}\n", path.display());
        let own = files.iter().skip(1).find_map(|file| file.strip_prefix(&name));
        Ok(own.unwrap_or(files[0]).to_owned())
    };
    let loaded = config::load(Path::new("g"), &file).unwrap();
    // Decoded once: hundreds of branches are set up.
    static BUILTIN: std::sync::LazyLock<prompts::Prompts> =
        std::sync::LazyLock::new(prompts::Prompts::builtin);
    let prompts = BUILTIN.clone();
    let flows = loaded.flows(prompts.names()).unwrap();
    let phones = ["201", "202", "203"].map(|user| (user.to_owned(), Secret::plain("secret")));
    let setup = Setup {
        settings: loaded.settings,
        flows,
        prompts,
        secrets: Secrets {
            phones: phones.into(),
            trunks: BTreeMap::from([("carrier".into(), Secret::plain("secret"))]),
            desk_pins: BTreeMap::from([(
                "201".into(),
                crate::call::conference::Pin::new("4711").unwrap(),
            )]),
            relays: Some(relays::Secret::new("north")),
            ..Secrets::default()
        },
        listening: Listening { udp: vec![OURS], ..Listening::default() },
        addresses: vec![OURS.ip(), "192.0.2.2".parse().unwrap()],
        networks: Vec::new(),
        threads: 2,
        fingerprint: Some(vec![0xab; 32]),
    };
    let keys = Keyring::open(&[1; 32], keys, Random::from_number(seed - 1));
    let journal = Journal::new(now, resume, keys, Sealer::from_seed(&[2; 32]).unwrap());
    Gateway::new(setup, journal, Random::from_number(seed))
}

/// Messages that are kept so that they may come once more.
const SEEN: usize = 20;

const OURS: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5060);

/// A phone, or the carrier.
struct Party {
    address: SocketAddr,
    user: Option<&'static str>,
    endpoint: Endpoint,
    /// Calls that came in and were not answered yet, with their offers.
    ringing: Vec<(SessionId, Option<sdp::SessionDescription>)>,
    /// Calls it made or answered.
    up: BTreeSet<SessionId>,
    offers: BTreeMap<SessionId, sdp::SessionDescription>,
    /// How its calls ended.
    ended: Vec<Ended>,
    /// The numbers that it was called at.
    called: Vec<String>,
    /// The hands that those calls may go through.
    hops: Vec<u8>,
    /// The numbers that called it.
    callers: Vec<String>,
    /// What was written to it.
    texts: Vec<String>,
    /// How its offers within a call were refused.
    refused: Vec<u16>,
    /// The INVITEs that it got.
    invites: Vec<Request>,
    /// What it refuses calls with.
    refuses: Option<Status>,
    /// After how many seconds it may be called again when it refuses.
    retry_after: Option<u32>,
    /// What it refuses calls with whose bodies have several parts.
    refuses_parts: Option<Status>,
    /// Whether such calls never reach it.
    deaf_to_parts: bool,
    /// NOTIFYs that it got, all answered 200.
    notified: Vec<Request>,
    /// Everything that reached it, as it was on the wire, for scenes that look at it.
    received: Vec<Vec<u8>>,
    /// Where it says that it sees us.
    sees: Option<&'static str>,
    /// Whether its phone says that it rings.
    rings: bool,
    /// The codecs that it has, and whose order decides when it answers.
    codecs: Vec<Codec>,
    preference: Preference,
    /// Whether it takes no other codec within a call.
    stubborn: bool,
}

/// What is on its way.
enum Due {
    /// A message.
    Sip { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    /// Something that a media thread says.
    Media(media::Event),
}

struct World {
    now: Now,
    random: Random,
    /// Messages of a thousand that are lost.
    loss: u64,
    gateway: Gateway,
    parties: Vec<Party>,
    due: Timers<Due>,
    journal: Vec<Vec<u8>>,
    /// Whether the disk takes what is written.
    disk_works: bool,
    /// Media ports that other programs have.
    foreign: BTreeSet<u16>,
    /// Legs that got one of those, and how often one did.
    closed: BTreeSet<LegId>,
    refused_ports: usize,
    /// Legs whose media threads hold them.
    open: BTreeSet<LegId>,
    /// Who plays what until when.
    recording: BTreeMap<LegId, crate::id::RecordingId>,
    /// Whether the disk takes its time, and what it was given last.
    disk_waits: bool,
    written: crate::journal::Token,
    /// Answers over HTTPS, by question.
    answers: BTreeMap<u64, admin::web::Response>,
    /// Conversations that are taped, with their two legs.
    taping: BTreeMap<crate::id::RecordingId, [LegId; 2]>,
    /// Recordings on the disk.
    files: BTreeSet<crate::id::RecordingId>,
    /// Recordings whose writer was told what they are sealed with.
    sealed: BTreeSet<crate::id::RecordingId>,
    /// The last messages, which may come once more.
    seen: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Who hears whom right now.
    bridged: BTreeMap<LegId, LegId>,
    /// The party that speaks over a connection, and the number of that, which counts up when it is lost.
    connected: Option<(usize, u64)>,
    /// Who was joined with whom, the newest last.
    bridges: Vec<(LegId, LegId)>,
    /// The journal's file of keys.
    keys: Vec<u8>,
    /// The look-up store.
    shelf: people::Shelf,
    /// Whether the look-up store is behind the journal.
    store_waits: bool,
    /// Questions to the CRM that nobody has answered.
    asks: Vec<crate::crm::Ask>,
    /// What the office was told or asked.
    office: Vec<crate::gateway::branches::ToOffice>,
    /// Answers over the control socket.
    replies: BTreeMap<u64, admin::Reply>,
    /// What whoever follows the box is told.
    told: Vec<Happening>,
    /// What agents' pages are told.
    /// What visitors' pages were told of calls.
    voiced: Vec<crate::messaging::voice::Told>,
    paged: Vec<(crate::agent::desk::PageId, crate::agent::desk::ToPage)>,
    /// Keys that we pressed towards somebody.
    pressed: Vec<String>,
    /// Legs whose keys nobody is to know of, and recordings that nothing goes onto.
    hushed: BTreeSet<LegId>,
    /// Who listens in to whom, and how.
    taps: BTreeMap<LegId, ([LegId; 2], media::Part)>,
    /// Versions of the configuration that are to go back.
    going_back: Vec<(u32, crate::config::trial::Reason)>,
    paused: BTreeSet<crate::id::RecordingId>,
    /// The address of ours that faces everybody, if there is a way out.
    faces: Option<IpAddr>,
    /// Where legs went whose address was lost.
    rebound: Vec<SocketAddr>,
    /// What the parties' calls say of reliable answers.
    reliable: crate::sip::reliable::Policy,
    /// Legs that came into a room.
    mixed: Vec<LegId>,
    /// What capture servers were sent.
    captured: Vec<u8>,
    /// What the driver keeps of calls for the next run.
    kept: BTreeMap<CallId, KeptCall>,
    /// Whether the program has come to its end.
    over: bool,
    calls: u64,
    answered: u64,
    joined: u64,
    transferred: u64,
}

impl Party {
    fn new(host: u8, user: Option<&'static str>, random: Random) -> Party {
        Party {
            address: SocketAddr::from(([192, 0, 2, host], 5060)),
            user,
            endpoint: Endpoint::new(endpoint::Settings::default(), random),
            ringing: Vec::new(),
            up: BTreeSet::new(),
            offers: BTreeMap::new(),
            ended: Vec::new(),
            called: Vec::new(),
            hops: Vec::new(),
            callers: Vec::new(),
            texts: Vec::new(),
            refused: Vec::new(),
            notified: Vec::new(),
            received: Vec::new(),
            rings: true,
            codecs: vec![Codec::pcmu()],
            preference: Preference::Theirs,
            stubborn: false,
            sees: None,
            invites: Vec::new(),
            refuses: None,
            retry_after: None,
            refuses_parts: None,
            deaf_to_parts: false,
        }
    }
}

impl World {
    fn new(seed: u64) -> World {
        World::of(seed, CONFIG, 20)
    }

    /// A branch with this configuration, in whose network so many of a thousand messages are lost.
    fn of(seed: u64, config: &str, loss: u64) -> World {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_000_000_000_000) };
        let mut random = Random::from_number(seed);
        let parties = vec![
            Party::new(100, None, random.fork()),
            Party::new(21, Some("201"), random.fork()),
            Party::new(22, Some("202"), random.fork()),
            Party::new(23, Some("203"), random.fork()),
        ];
        let mut world = World {
            now,
            gateway: branch(now, config),
            random,
            loss,

            parties,
            due: Timers::default(),
            journal: Vec::new(),
            disk_works: true,
            foreign: BTreeSet::new(),
            closed: BTreeSet::new(),
            refused_ports: 0,
            open: BTreeSet::new(),
            recording: BTreeMap::new(),
            disk_waits: false,
            written: crate::journal::Token::default(),
            answers: BTreeMap::new(),
            shelf: people::Shelf::default(),
            store_waits: false,
            asks: Vec::new(),
            office: Vec::new(),
            replies: BTreeMap::new(),
            told: Vec::new(),
            taping: BTreeMap::new(),
            files: BTreeSet::new(),
            sealed: BTreeSet::new(),
            seen: VecDeque::new(),
            bridged: BTreeMap::new(),
            connected: None,
            bridges: Vec::new(),
            keys: Vec::new(),
            pressed: Vec::new(),
            hushed: BTreeSet::new(),
            taps: BTreeMap::new(),
            going_back: Vec::new(),
            paused: BTreeSet::new(),
            faces: None,
            rebound: Vec::new(),
            voiced: Vec::new(),
            paged: Vec::new(),
            reliable: crate::sip::reliable::Policy::Offer,
            mixed: Vec::new(),
            captured: Vec::new(),
            kept: BTreeMap::new(),
            over: false,
            calls: 0,
            answered: 0,
            joined: 0,
            transferred: 0,
        };
        world.gateway.handle_started(now, true);
        world.carry_out();
        (1..4).for_each(|party| world.register(party, 3_600));
        world.pass(Duration::from_secs(1));
        world
    }

    fn add_party(&mut self, host: u8, user: Option<&'static str>, random: Random) {
        self.parties.push(Party::new(host, user, random));
    }

    fn later(&mut self, least_ms: u64, most_ms: u64, due: Due) {
        let wait = least_ms + self.random.below(most_ms - least_ms + 1);
        self.due.set(self.now.instant + Duration::from_millis(wait), due);
    }

    /// Carries out what the gateway and the parties want.
    fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.gateway.poll_output() {
                self.carry_out_one(output);
            }
            if !(0..self.parties.len()).any(|party| self.carry_out_party(party)) {
                return;
            }
        }
    }

    /// The way between two addresses, seen from the first.
    fn flow(&self, local: SocketAddr, peer: SocketAddr) -> Flow {
        let over = self.connected.filter(|(at, _)| {
            let own = self.parties[*at].address;
            own == local || own == peer
        });
        match over {
            Some((_, number)) => Flow {
                transport: Transport::Tcp,
                local,
                peer,
                connection: ConnectionId(1_000 + number),
            },
            None => Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) },
        }
    }

    /// How a party reaches the branch.
    fn route_of(&self, at: usize) -> Route {
        let flow = self.flow(self.parties[at].address, OURS);
        Route::Address { transport: flow.transport, peer: OURS }
    }

    fn disk_goes_on(&mut self) {
        self.gateway.handle_journal(self.now, super::Kept::Stored(self.written));
    }

    /// Time passes, and what falls due in it happens.
    fn pass(&mut self, span: Duration) {
        let until = self.now.instant + span;
        loop {
            let parties = self.parties.iter().map(|party| party.endpoint.deadline());
            let next = parties
                .fold(earliest(self.due.deadline(), self.gateway.deadline(self.now)), earliest);
            let Some(next) = next.filter(|next| *next <= until) else { break };
            let step = next.saturating_duration_since(self.now.instant);
            self.now = self.now.after(step);
            while let Some(due) = self.due.pop_due(self.now.instant) {
                self.happen(due);
            }
            if self.gateway.deadline(self.now).is_some_and(|at| at <= self.now.instant) {
                self.gateway.handle_timeout(self.now);
            }
            for party in &mut self.parties {
                if party.endpoint.deadline().is_some_and(|at| at <= self.now.instant) {
                    party.endpoint.handle_timeout(self.now);
                }
            }
            self.carry_out();
        }
        self.now = self.now.after(until.saturating_duration_since(self.now.instant));
    }

    fn happen(&mut self, due: Due) {
        if let Due::Sip { from, to, bytes } = &due {
            self.seen.push_back((*from, *to, bytes.clone()));
            while self.seen.len() > SEEN {
                self.seen.pop_front();
            }
        }
        match due {
            Due::Sip { from, to: OURS, bytes } => {
                let flow = self.flow(OURS, from);
                self.gateway.handle_sip(self.now, flow, &bytes)
            }
            Due::Sip { from, to, bytes } => {
                if let Some(at) = self.parties.iter().position(|party| party.address == to)
                    && !self.is_notified(at, &bytes)
                {
                    let flow = self.flow(to, from);
                    let party = &mut self.parties[at];
                    if self.loss == 0 {
                        party.received.push(bytes.clone());
                    }
                    party.endpoint.handle_received(self.now, flow, &bytes);
                }
            }
            Due::Media(media::Event::Recorded { leg, .. })
                if self.recording.remove(&leg).is_none() => {}
            Due::Media(event) => {
                let recorded = match &event {
                    media::Event::Recorded { recording, .. }
                    | media::Event::Taped { recording, .. } => Some(*recording),
                    _ => None,
                };
                self.gateway.handle_media(self.now, event);
                if let Some(recording) = recorded {
                    self.files.insert(recording);
                    let written = voicemail::File::Written(true);
                    self.gateway.handle_recording(self.now, recording, written);
                }
            }
        }
        self.carry_out();
    }

    /// Everybody hangs up, for as long as anybody has anything to hang up.
    fn finish(&mut self) {
        for _ in 0..60 {
            for at in 0..self.parties.len() {
                while !self.parties[at].up.is_empty() {
                    self.hang_up(at);
                }
            }
            self.carry_out();
            self.pass(Duration::from_secs(5));
        }
    }

    fn ask_status(&mut self) -> admin::Status {
        self.gateway.handle_control(self.now, ReplyTo(1), &admin::Command::Status);
        std::iter::from_fn(|| self.gateway.poll_output())
            .find_map(|output| match output {
                Output::Reply(_, admin::Reply::Status(status)) => Some(*status),
                _ => None,
            })
            .expect("a status")
    }

    /// Arrivals and records in the journal.
    fn kept(&self) -> (u64, u64) {
        let mut replay = Replay::default();
        let (mut arrived, mut records) = (0, 0);
        for segment in &self.journal {
            replay.read(segment, &mut |entry| match entry.event {
                Some(Kept::Call(event))
                    if matches!(event.what, crate::journal::event::What::Arrived { .. }) =>
                {
                    arrived += 1;
                }
                Some(Kept::CallRecord(_)) => records += 1,
                _ => {}
            });
        }
        assert!(replay.damage.is_none());
        (arrived, records)
    }
}

fn credentials(user: &str) -> Option<Credentials> {
    Some(Credentials { username: user.to_owned(), secret: Secret::plain("secret"), realm: None })
}
