//! kill -9 while callers are promised to be called back, and while they are.
//!
//! One agent, so that places can be seen from outside: whoever is called is the next of those who were told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use branchline::journal::chain::unhex;
use branchline::journal::event::Event as Record;
use branchline::journal::personal::{Keyring, Personal};
use branchline::journal::work::{Step, Work};
use branchline::random::Random;
use branchline::sip::auth::{Credentials, Secret};
use branchline::sip::endpoint::{
    Ended, Endpoint, Event, Invite, Output, SessionId, Settings, Stage,
};
use branchline::sip::flow::{ConnectionId, Flow, Route};
use branchline::sip::message::{Headers, Method, Request, Status, Transport};
use branchline::sip::sdp::{self, Codec, Direction, Local, Origin, Preference};
use branchline::sip::uri::{Host, NameAddr, Uri};
use branchline::time::UnixTime;

use crate::kills::live_of;
use crate::phones::now;
use crate::site::{Folder, PASSWORD, PATIENCE, Site};

/// Kills, how often at least each moment of a promise has to be among them, and promises that have to have seen one: on a
/// slow disk there are more kills.
const KILLS: usize = 50;
const MOST_KILLS: usize = 300;
const EACH: usize = 3;
const PROMISES: usize = 50;
/// Promises that are open at once.
const OPEN: usize = 6;
/// The agent's extension.
const ANN: &str = "300";

/// What may be happening when the box is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// A caller has confirmed and was not told yet.
    Asked,
    /// Somebody who was told waits to be called.
    Told,
    /// The agent's phone rings for somebody who was told.
    AgentRings,
    /// The person's phone rings.
    PersonRings,
    /// They talk.
    Talking,
}

const MOMENTS: [Moment; 5] =
    [Moment::Asked, Moment::Told, Moment::AgentRings, Moment::PersonRings, Moment::Talking];

/// What is known of a person, from outside and, after a kill, from the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Person {
    /// Holds the line and has not confirmed.
    Holds,
    /// Has confirmed and heard nothing: promised or not, either is right.
    Asked,
    /// Was told.
    Told,
    /// Was called back and answered. A kill before that was stored is a reason to call again.
    Answered,
    /// Called back for good, or never promised anything and cut off by a kill: never called.
    Over,
}

/// What somebody does later.
#[derive(Debug, Clone)]
enum Deed {
    Press(SessionId),
    Confirm(SessionId),
    HangUp(Who, SessionId),
    Answer(Who, SessionId, sdp::SessionDescription),
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Persons outside, behind a carrier.
    Person,
    /// The agent.
    Agent,
}

/// One socket that speaks SIP.
struct Party {
    socket: UdpSocket,
    endpoint: Endpoint,
}

impl Party {
    fn new(at: &str, random: Random) -> Party {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_nonblocking(true).unwrap();
        Party { socket, endpoint: Endpoint::new(Settings::default(), random) }
    }

    fn at(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Knows nothing any more of what was with a branch that is gone.
    fn forget(&mut self, random: Random) {
        self.endpoint = Endpoint::new(Settings::default(), random);
        let mut buffer = [0; 16];
        while self.socket.recv(&mut buffer).is_ok() {}
    }

    /// Takes in what has arrived, sends what is to be sent, and answers what has happened.
    fn turn(&mut self, branch: SocketAddr) -> Vec<Event> {
        let mut buffer = [0; 8_192];
        while let Ok((count, peer)) = self.socket.recv_from(&mut buffer) {
            let (local, transport) = (self.at(), Transport::Udp);
            let flow = Flow { transport, local, peer, connection: ConnectionId(0) };
            self.endpoint.handle_received(now(), flow, &buffer[..count]);
        }
        self.endpoint.handle_timeout(now());
        let mut events = Vec::new();
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                // A branch that is down refuses.
                Output::Send { bytes, .. } => _ = self.socket.send_to(&bytes, branch),
                Output::Event(event) => events.push(event),
            }
        }
        events
    }

    fn answer(&mut self, session: SessionId, offer: &sdp::SessionDescription) {
        let own = self.at().ip();
        let local = Local {
            origin: Origin::new(2, 1, own),
            address: own,
            port: 9_002,
            codecs: vec![Codec::pcmu()],
            preference: Preference::Theirs,
            direction: Direction::SendRecv,
            events: true,
            own: sdp::Own::CLEAR,
        };
        let answer = sdp::answer(offer, &local).unwrap();
        self.endpoint.answer(now(), session, &answer.sdp);
    }
}

/// Everybody outside of the box.
struct Town {
    branch: SocketAddr,
    persons: Party,
    agent: Party,
    random: Random,
    /// By number; whoever came later has the higher one, and the later place.
    people: Vec<Person>,
    /// When each arrived, as the journal has it.
    arrived: BTreeMap<usize, UnixTime>,
    /// Whose call it is: calls in, and calls back.
    calls: BTreeMap<SessionId, usize>,
    backs: BTreeMap<SessionId, usize>,
    /// For whom the agent's phone rings.
    ringing: BTreeMap<SessionId, usize>,
    deeds: Vec<(Instant, Deed)>,
    /// Whether more callers come.
    open: bool,
    /// Calls back that reached the person.
    reached: usize,
    /// What should not have happened.
    wrong: Option<String>,
}

fn number(person: usize) -> String {
    format!("+1555765{person:04}")
}

/// Who is meant by a number, however it is written.
fn person(number: &str) -> usize {
    let at = number.len().checked_sub(4).unwrap_or_else(|| panic!("{number}"));
    number[at..].parse().unwrap_or_else(|_| panic!("{number}"))
}

impl Town {
    fn new(branch: SocketAddr, persons: Party, seed: u64) -> Town {
        let mut random = Random::from_number(seed);
        let agent = Party::new("127.0.0.1:0", random.fork());
        Town {
            branch,
            persons,
            agent,
            random,
            people: Vec::new(),
            arrived: BTreeMap::new(),
            calls: BTreeMap::new(),
            backs: BTreeMap::new(),
            ringing: BTreeMap::new(),
            deeds: Vec::new(),
            open: true,
            reached: 0,
            wrong: None,
        }
    }

    fn register(&mut self) {
        let (branch, own) = (self.branch, self.agent.at());
        let aor = format!("<sip:{ANN}@{branch}>");
        let uri = Uri::sip(None, Host::Ip(branch.ip()), Some(branch.port()));
        let mut request = Request::new(Method::REGISTER, uri);
        let contact = format!("<sip:{ANN}@{own}>");
        for (header, value) in
            [("From", &aor), ("To", &aor), ("Contact", &contact), ("Expires", &"3600".to_owned())]
        {
            request.headers.push(header, value.clone()).unwrap();
        }
        let secret = Secret::plain(PASSWORD);
        let credentials = Credentials { username: ANN.to_owned(), secret, realm: None };
        let route = Route::Address { transport: Transport::Udp, peer: branch };
        self.agent.endpoint.request(now(), route, own, request, Some(credentials));
        let limit = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < limit, "the agent's phone is not registered");
            if let Some(Event::Response { response, .. }) = self.agent.turn(branch).pop() {
                return assert_eq!(response.status, Status::OK);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The box was killed, and what it keeps is known: whoever was told is there once, at their place, and nobody who was
    /// called back for good is.
    fn settle(&mut self, promises: &Promises, what: &str) {
        for (n, person) in self.people.iter_mut().enumerate() {
            let places = promises.open.get(&n).map(Vec::as_slice).unwrap_or_default();
            assert!(places.len() <= 1, "{what}: {n} is promised a call {} times", places.len());
            if promises.kept.contains(&n) {
                assert!(places.is_empty(), "{what}: {n} was called back and is to be called");
                assert!(
                    matches!(person, Person::Answered | Person::Over),
                    "{what}: {n} {person:?}"
                );
            }
            if let Some(at) = places.first() {
                let first = *self.arrived.entry(n).or_insert(*at);
                assert_eq!(first, *at, "{what}: {n} has lost the place");
            }
            match (*person, places.is_empty()) {
                (Person::Told, true) => panic!("{what}: {n} was told of a call, and it is lost"),
                (Person::Holds | Person::Over, false) => panic!("{what}: {n} is to be called"),
                (Person::Asked | Person::Answered, false) => *person = Person::Told,
                (Person::Told, false) => {}
                (_, true) => *person = Person::Over,
            }
        }
        self.persons.forget(self.random.fork());
        self.agent.forget(self.random.fork());
        (self.calls, self.backs, self.ringing) = Default::default();
        self.deeds.clear();
    }

    /// What is happening now.
    fn moments(&self) -> BTreeSet<Moment> {
        let is = |person| self.people.contains(&person);
        let told = |n: &usize| self.people[*n] == Person::Told;
        let up = |of: &BTreeMap<SessionId, usize>, answered: bool| {
            of.values().any(|n| (self.people[*n] == Person::Answered) == answered)
        };
        let found = [
            (Moment::Asked, is(Person::Asked)),
            (Moment::Told, is(Person::Told)),
            (Moment::AgentRings, self.ringing.values().any(told)),
            (Moment::PersonRings, up(&self.backs, false)),
            (Moment::Talking, up(&self.backs, true)),
        ];
        found.into_iter().filter(|(_, now)| *now).map(|(moment, _)| moment).collect()
    }

    /// Lets things happen for a while.
    fn go(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until && self.wrong.is_none() {
            self.turn();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn turn(&mut self) {
        let waiting = self.people.iter().filter(|person| **person != Person::Over);
        if self.open && waiting.count() < OPEN && self.calls.len() < 3 {
            self.call();
        }
        let due = Instant::now();
        let (due, later) = self.deeds.drain(..).partition(|(at, _)| *at <= due);
        self.deeds = later;
        let due: Vec<(Instant, Deed)> = due;
        due.into_iter().for_each(|(_, deed)| self.act(deed));
        // The agent first: whoever rings there was chosen before whatever persons are told in the same moment.
        for event in self.agent.turn(self.branch) {
            self.agent_sees(event);
        }
        for event in self.persons.turn(self.branch) {
            self.person_sees(event);
        }
    }

    fn later(&mut self, from_ms: u64, to_ms: u64, deed: Deed) {
        let after = from_ms + self.random.below(to_ms - from_ms);
        self.deeds.push((Instant::now() + Duration::from_millis(after), deed));
    }

    /// Somebody new calls.
    fn call(&mut self) {
        let n = self.people.len();
        self.people.push(Person::Holds);
        let (own, branch) = (self.persons.at(), self.branch);
        let (ip, pcmu) = (own.ip(), [Codec::pcmu()]);
        let offer =
            sdp::audio_offer(Origin::new(1, 1, ip), ip, 9_000, &pcmu, None, Direction::SendRecv);
        let uri = Uri::sip(Some("+15550199"), Host::Ip(branch.ip()), Some(branch.port()));
        let from = Uri::sip(Some(&number(n)), Host::Ip(ip), Some(own.port()));
        let invite = Invite {
            route: Route::Address { transport: Transport::Udp, peer: branch },
            local: own,
            to: NameAddr::new(uri.clone()),
            uri,
            from: NameAddr::new(from),
            headers: Headers::default(),
            sdp: Some(offer),
            beside: None,
            credentials: None,
            reliable: Default::default(),
        };
        let session = self.persons.endpoint.invite(now(), invite);
        self.calls.insert(session, n);
    }

    fn act(&mut self, deed: Deed) {
        const KEY: (&str, &[u8]) =
            ("application/dtmf-relay", b"Signal=1\r\nDuration=100\r\n".as_slice());
        match deed {
            Deed::Press(session) => {
                self.persons.endpoint.info(now(), session, KEY.0, KEY.1);
                self.later(5, 40, Deed::Confirm(session));
            }
            Deed::Confirm(session) => {
                let Some(n) = self.calls.get(&session) else { return };
                self.people[*n] = Person::Asked;
                self.persons.endpoint.info(now(), session, KEY.0, KEY.1);
            }
            Deed::HangUp(who, session) => {
                self.party(who).endpoint.hang_up(now(), session, None);
            }
            Deed::Answer(who, session, offer) => {
                // Who called may have given up.
                if self.party(who).endpoint.stage(session) != Some(Stage::CallsUs) {
                    return;
                }
                self.party(who).answer(session, &offer);
                match who {
                    Who::Agent => _ = self.ringing.remove(&session),
                    Who::Person => {
                        self.people[self.backs[&session]] = Person::Answered;
                        self.reached += 1;
                    }
                }
            }
        }
    }

    fn party(&mut self, who: Who) -> &mut Party {
        match who {
            Who::Person => &mut self.persons,
            Who::Agent => &mut self.agent,
        }
    }

    /// The agent's phone rings with the number of whoever is next: nobody who was told and has an earlier place waits.
    fn agent_sees(&mut self, event: Event) {
        match event {
            Event::Invited { session, request, offer, .. } => {
                let from = request.from().unwrap().uri.user.unwrap_or_default();
                let n = person(&from);
                let passed = self.people[..n].iter().position(|person| *person == Person::Told);
                if let Some(passed) = passed {
                    self.wrong = Some(format!("{n} is offered to the agent before {passed}"));
                }
                self.agent.endpoint.ring(now(), session, Status::RINGING, None);
                self.ringing.insert(session, n);
                self.later(1, 120, Deed::Answer(Who::Agent, session, offer.unwrap()));
            }
            Event::Ended { session, .. } => _ = self.ringing.remove(&session),
            _ => {}
        }
    }

    fn person_sees(&mut self, event: Event) {
        match event {
            Event::Invited { session, request, offer, .. } => {
                let n = person(request.uri.user.as_deref().unwrap_or_default());
                let known = self.people[n];
                assert!(matches!(known, Person::Asked | Person::Told), "{n} is called: {known:?}");
                assert!(
                    self.backs.is_empty(),
                    "{n} is called with one agent busy: {:?}",
                    self.backs
                );
                self.persons.endpoint.ring(now(), session, Status::RINGING, None);
                self.backs.insert(session, n);
                self.later(1, 120, Deed::Answer(Who::Person, session, offer.unwrap()));
            }
            Event::Confirmed { session, .. } => {
                self.later(1, 120, Deed::HangUp(Who::Person, session));
            }
            // A caller is in the queue.
            Event::Answered { session, .. } => {
                self.later(1, 40, Deed::Press(session));
                self.later(900, 1_000, Deed::HangUp(Who::Person, session));
            }
            Event::Ended { session, cause } => self.is_over(session, &cause),
            _ => {}
        }
    }

    fn is_over(&mut self, session: SessionId, cause: &Ended) {
        self.backs.remove(&session);
        let Some(n) = self.calls.remove(&session) else { return };
        let person = &mut self.people[n];
        match (*person, cause) {
            // Nobody but a box that has told its caller hangs up here: agents and queues do not.
            (Person::Asked, Ended::ByeReceived { .. }) => *person = Person::Told,
            // Gave up before, or spoke with the agent.
            (Person::Holds, Ended::HungUp) => *person = Person::Over,
            (Person::Holds, other) => panic!("the call of {n} ended with {other:?}"),
            _ => {}
        }
    }
}

/// What the journal says of promises.
struct Promises {
    /// Who is to be called, and since when each of these waits.
    open: BTreeMap<usize, Vec<UnixTime>>,
    /// Who was called back and answered.
    kept: BTreeSet<usize>,
}

fn promises(site: &Site, what: &str) -> Promises {
    let keys = keys(&site.data);
    let mut open: BTreeMap<usize, Vec<UnixTime>> = BTreeMap::new();
    for one in live_of(site, what).promises.0.values() {
        open.entry(whose(&keys, &one.promise.number)).or_default().push(one.promise.arrived);
    }
    let (mut given, mut kept) = (BTreeMap::new(), BTreeSet::new());
    for work in work(site) {
        match work.what {
            Step::Promised(promise) => _ = given.insert(work.item, whose(&keys, &promise.number)),
            Step::Kept { .. } => _ = kept.insert(given[&work.item]),
            _ => {}
        }
    }
    Promises { open, kept }
}

/// What happened last, for whoever has to find out why.
fn story(site: &Site) -> String {
    let entries = site.journal().0;
    let line = |record: &Record| match record {
        Record::Work(work) => Some(format!("{:?} {:?}", work.item, work.what)),
        Record::Call(call) => Some(format!("{:?} {:?}", call.call, call.what)),
        _ => None,
    };
    let lines = entries
        .iter()
        .rev()
        .filter_map(|entry| Some(format!("\n{} {}", entry.at, line(entry.event.as_ref()?)?)));
    let last: Vec<_> = lines.take(80).collect();
    last.into_iter().rev().collect::<String>() + &site.log()
}

/// What happened to items of work, in its order.
fn work(site: &Site) -> Vec<Work> {
    let work = |record| match record {
        Record::Work(work) => Some(work),
        _ => None,
    };
    site.journal().0.into_iter().filter_map(|entry| work(entry.event?)).collect()
}

fn keys(data: &Path) -> Keyring {
    let master = fs::read_to_string(data.join("keys/master")).unwrap();
    let master = unhex(master.trim()).unwrap().try_into().unwrap();
    let subjects = fs::read(data.join("keys/subjects")).unwrap();
    Keyring::open(&master, &subjects, Random::from_number(1))
}

fn whose(keys: &Keyring, number: &Personal) -> usize {
    person(&keys.read(number).expect("its key is on the disk"))
}

/// A tenth of a second of silence: what callers are told needs no time here.
fn short_prompts(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let data = [0; 1_600];
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    fs::write(folder.join("callback-promised.wav"), wav).unwrap();
}

fn site(folder: &Folder, carrier: SocketAddr) -> Site {
    let prompts = folder.0.join("prompts");
    short_prompts(&prompts);
    let more = format!(
        "[limits]\nlateness_ms = 0\nnew_calls_per_second = 1000\n[prompts]\ndir = \"{}\"\n\
         [[trunk]]\nname = \"town\"\naccept_from = [\"{}\"]\nservers = [\"{carrier}\"]\nprobe = 0\n\
         [[inbound]]\nnumber = \"+15550199\"\nto = \"queue:support\"\n\
         [[outbound]]\nname = \"outside\"\nprefix = \"9\"\nstrip = 1\ntrunks = [\"town\"]\n\
         [[queue]]\nname = \"support\"\nmembers = [\"ann\"]\nring_time = 120\nwrap_up = 0\npause_on_miss = false\n\
         announce_every = 0\ncallback = {{ dial = \"9\", tries = 10, every = 60 }}\n\
         [[agent]]\nid = \"ann\"\nextension = \"{ANN}\"\nsigned_in = true\n",
        prompts.display(),
        carrier.ip(),
    );
    Site::with(&folder.0, &folder.0.join("data"), &more)
}

#[test]
fn every_promise_of_a_call_keeps_its_place_over_fifty_kills() {
    let folder = Folder::new("callbacks");
    let mut random = Random::from_number(55);
    let persons = Party::new("127.0.0.8:0", random.fork());
    let site = site(&folder, persons.at());
    let mut town = Town::new(site.sip, persons, 56);
    let (mut running, _) = site.start();
    town.register();
    let mut seen: BTreeMap<Moment, usize> = BTreeMap::new();
    let mut kills = 0;
    let enough = |seen: &BTreeMap<Moment, usize>| {
        MOMENTS.iter().all(|moment| seen.get(moment).is_some_and(|count| *count >= EACH))
    };
    while kills < KILLS || town.arrived.len() < PROMISES || !enough(&seen) {
        let promised = town.arrived.len();
        assert!(kills < MOST_KILLS, "{kills} kills, {promised} promises; of each moment: {seen:?}");
        town.go(Duration::from_millis(30 + random.below(700)));
        assert_eq!(town.wrong, None, "{}", story(&site));
        running.kill();
        kills += 1;
        town.moments().into_iter().for_each(|moment| *seen.entry(moment).or_default() += 1);
        let what = format!("kill {kills}");
        town.settle(&promises(&site, &what), &what);
        (running, _) = site.start();
    }
    // Nobody else calls: whoever was promised a call gets it.
    town.open = false;
    let limit = Instant::now() + PATIENCE;
    let waits = |person: &Person| matches!(person, Person::Holds | Person::Asked | Person::Told);
    while town.people.iter().any(waits) || !town.backs.is_empty() || !town.calls.is_empty() {
        assert!(Instant::now() < limit, "never called: {:?}; {}", town.people, site.logged_last());
        town.go(Duration::from_millis(10));
        assert_eq!(town.wrong, None, "{}", story(&site));
    }
    running.stop();
    assert!(promises(&site, "in the end").open.is_empty());
    once_each_in_order(&site, &town);
    println!(
        "{kills} kills, {} callers, {} calls back answered; at the kills: {seen:?}",
        town.people.len(),
        town.reached
    );
}

/// What the journal says of it all: each promise was given once and kept once, and places are in the order of coming.
fn once_each_in_order(site: &Site, town: &Town) {
    let keys = keys(&site.data);
    let (mut given, mut kept) = (BTreeMap::new(), Vec::new());
    for work in work(site) {
        match work.what {
            Step::Promised(promise) => {
                let n = whose(&keys, &promise.number);
                assert_eq!(given.insert(work.item, (n, promise.arrived)), None, "{n}: given twice");
            }
            Step::Kept { .. } => kept.push(work.item),
            Step::AttemptFailed { .. } => panic!("somebody was not reached"),
            _ => {}
        }
    }
    let people: BTreeSet<usize> = given.values().map(|(n, _)| *n).collect();
    assert_eq!(people.len(), given.len(), "somebody has two promises");
    let distinct: BTreeSet<_> = kept.iter().collect();
    assert_eq!(distinct.len(), kept.len(), "somebody was called back twice");
    assert_eq!(distinct, given.keys().collect(), "each promise was kept");
    assert!(people.len() >= PROMISES, "only {} promises", people.len());
    let mut places: Vec<_> = given.values().copied().collect();
    places.sort_unstable();
    assert!(places.is_sorted_by_key(|(_, arrived)| *arrived), "{places:?}");
    assert!(town.reached >= kept.len());
}
