//! Random sequences of requests, answers, timers and crashes against the whole branch, beside a small model of who may
//! be talking with whom. A sequence is a dozen things that people, phones and networks do; then everybody hangs up, and
//! nothing may be left: no call, leg, session, port, timer, nor a bridge between two who never asked for each other.
//!
//! `cargo test` plays a slice. `BRANCHLINE_SEQUENCES=100000 cargo test --lib sequences` plays as many as it says.

use super::*;
use crate::sip::reliable::Policy;

/// Sequences that `cargo test` plays, all slices together: ten seconds of one core.
const USUAL: u64 = 1_000;
/// Slices that run side by side.
const SLICES: u64 = 4;
/// Sequences in one world, after which another begins.
const IN_ONE_WORLD: u64 = 100;

/// Who may be heard in each call, as far as anybody has asked for it.
#[derive(Default)]
struct Model {
    allowed: BTreeMap<CallId, BTreeSet<String>>,
    /// Calls that somebody wanted in a room, and those that somebody wanted parked.
    conferring: BTreeSet<CallId>,
    parked: BTreeSet<CallId>,
    /// Who dialled a parking place in this sequence, and where phones wanted their calls forwarded to in it.
    fetching: BTreeSet<String>,
    forwards: BTreeMap<String, BTreeSet<String>>,
    /// What happened, for whoever has to find out why.
    story: Vec<String>,
    /// How often what was done.
    done: BTreeMap<&'static str, u64>,
}

impl Model {
    /// What was wanted in calls that are over.
    fn forget(&mut self) {
        self.allowed.clear();
        self.conferring.clear();
        self.parked.clear();
        self.fetching.clear();
        self.forwards.clear();
    }
}

fn everybody() -> BTreeSet<String> {
    ["extension 201", "extension 202", "extension 203", "trunk carrier"].map(str::to_owned).into()
}

/// Who may be reached by dialling this.
fn reached_by(dialled: &str) -> BTreeSet<String> {
    match dialled {
        "201" | "202" | "203" => [format!("extension {dialled}")].into(),
        "+15550101" => ["extension 201".to_owned()].into(),
        "95550123" | "911" => ["trunk carrier".to_owned()].into(),
        "600" | "888" | "701" | "800" | "751" | "752" | "+19999999" => BTreeSet::new(),
        other if other.starts_with('*') => BTreeSet::new(),
        _ => everybody(),
    }
}

/// The usual branch, where everybody may pick up for everybody, with a conference.
fn config() -> String {
    let phones = ["201", "202", "203"];
    let room = "[[conference]]\nname = \"board\"\nnumber = \"800\"\n[[queue]]";
    phones.iter().fold(CONFIG.replacen("[[queue]]", room, 1), |text, name| {
        let own = format!("number = \"{name}\"\nsecret = {{ file = \"x\" }}\n");
        assert!(text.contains(&own));
        text.replacen(&own, &format!("{own}pickup = [\"*\"]\n"), 1)
    })
}

struct Play {
    world: World,
    model: Model,
    restarts: u64,
}

impl Play {
    fn new(seed: u64) -> Play {
        let mut world = World::of(seed, &config(), 20);
        // One of the phones speaks over a connection.
        world.connected = Some((3, 0));
        world.register(3, 3_600);
        world.pass(Duration::from_secs(1));
        Play { world, model: Model::default(), restarts: 0 }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.world.random.below(end)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len().max(1) as u64) as usize;
        from.get(at).copied()
    }

    /// A session of a party that is up or rings.
    fn session(&mut self, at: usize) -> Option<SessionId> {
        let party = &self.world.parties[at];
        let ringing = party.ringing.iter().map(|(session, _)| *session);
        let all: Vec<_> = party.up.iter().copied().chain(ringing).collect();
        self.pick(&all)
    }

    /// The call of ours that a party's session is in.
    fn call_of(&self, at: usize, session: SessionId) -> Option<CallId> {
        // By the Call-ID alone: what the party has said last may still be on its way to us.
        let name = self.world.parties[at].endpoint.dialogs_of(session).pop()?.call_id;
        let gateway = &self.world.gateway;
        gateway.calls.call_of(gateway.legs.of_session(gateway.endpoint.session_called(&name)?)?)
    }

    fn allowed(&mut self, call: CallId) -> &mut BTreeSet<String> {
        let gateway = &self.world.gateway;
        self.model.allowed.entry(call).or_insert_with(|| {
            let view = gateway.calls.views().into_iter().find(|view| view.call == call);
            let mut allowed = view.map_or_else(everybody, |view| reached_by(&view.to));
            allowed.extend(gateway.calls.origin(call).map(|origin| match origin {
                crate::call::plan::Origin::Extension(name) => format!("extension {name}"),
                crate::call::plan::Origin::Trunk(name) => format!("trunk {name}"),
                crate::call::plan::Origin::Chat(name) => format!("chat {name}"),
            }));
            allowed
        })
    }

    fn allow(&mut self, call: Option<CallId>, more: BTreeSet<String>) {
        if let Some(call) = call {
            self.allowed(call).extend(more);
        }
    }

    fn name(&self, at: usize) -> String {
        let user = self.world.parties[at].user;
        user.map_or_else(|| "trunk carrier".to_owned(), |user| format!("extension {user}"))
    }

    fn act(&mut self) {
        let at = self.below(4) as usize;
        let ringing = self.whoever(|party| !party.ringing.is_empty());
        let up = self.whoever(|party| !party.up.is_empty());
        let what = match self.below(34) {
            0..=6 => self.calls(at),
            7..=13 => self.answers(ringing),
            14 | 15 => {
                self.world.hang_up(up);
                "hangs up"
            }
            16 | 17 => self.presses(),
            18 => self.early_sound(ringing),
            19 | 20 => self.refers(up),
            21 | 22 => self.replaces(at),
            23 => self.forwards(ringing),
            24 | 25 => self.holds(up),
            26 => self.strays(up),
            27 => self.repeats(),
            28 if at > 0 => {
                let expires = if self.below(4) == 0 { 0 } else { 3_600 };
                self.world.register(at, expires);
                "registers"
            }
            29 => self.crashes(at),
            30 => self.waits(),
            31 => self.dials_a_code(at),
            32 => self.pays(),
            33 => self.listens_in(),
            _ => "does nothing",
        };
        *self.model.done.entry(what).or_default() += 1;
        self.model.story.push(format!("{at}/{ringing}/{up} {what}"));
        self.world.carry_out();
        let wait = self.below(1_500);
        self.world.pass(Duration::from_millis(wait));
        self.check();
    }

    /// A party of which this holds, if there is one.
    fn whoever(&mut self, holds: fn(&Party) -> bool) -> usize {
        let all: Vec<_> = (0..4).filter(|at| holds(&self.world.parties[*at])).collect();
        self.pick(&all).unwrap_or(0)
    }

    fn calls(&mut self, at: usize) -> &'static str {
        let numbers: &[&str] = match at {
            0 => &["+15550100", "+15550101", "+15550101", "+19999999"],
            _ => match self.below(4) {
                0 => &["800", "800", "*46", "751", "752"],
                _ => &["201", "202", "203", "201", "202", "95550123", "700", "600", "911"],
            },
        };
        let to = self.pick(numbers).unwrap_or("201");
        if to.starts_with("75") {
            let own = self.name(at);
            self.model.fetching.insert(own);
        }
        self.world.reliable =
            self.pick(&[Policy::Never, Policy::Offer, Policy::Require]).unwrap_or_default();
        let offers = self.below(12) > 0;
        self.world.call_with(at, to, Headers::default(), offers);
        "calls"
    }

    /// A phone wants its calls elsewhere from now on, or no more.
    fn dials_a_code(&mut self, at: usize) -> &'static str {
        let codes =
            ["*72203", "*7295550123", "*90202", "*92201", "*94202", "*73", "*91", "*93", "*95"];
        let Some(code) = self.pick(&codes).filter(|_| at > 0) else { return "has no codes" };
        if let Some(to) = code.get(3..).filter(|to| !to.is_empty()) {
            let own = self.name(at);
            self.model.forwards.entry(own).or_default().insert(to.to_owned());
        }
        self.world.call_with(at, code, Headers::default(), true);
        "dials a code"
    }

    /// Where phones' calls may go on to: as their codes stand, and as they have stood in this sequence.
    fn forwards_of(&self, peer: &str) -> BTreeSet<String> {
        let journal = &self.world.gateway.journal;
        let mut all = self.model.forwards.get(peer).cloned().unwrap_or_default();
        let phone = peer.strip_prefix("extension ").map(ExtensionId::from);
        let choice = phone.and_then(|phone| journal.live().phones.get(&phone));
        let chosen = choice.map(|choice| choice.chosen(|number| journal.keys().read(number)));
        let forwards = chosen.into_iter().flat_map(|chosen| chosen.forwards.into_values());
        all.extend(forwards.flatten().map(|onward| onward.to_string()));
        all
    }

    /// What codes, parking places and rooms add to who may be heard in a call.
    fn extend(&mut self, call: CallId) {
        let mut allowed = self.allowed(call).clone();
        if self.model.parked.contains(&call) {
            allowed.extend(self.model.fetching.iter().cloned());
        }
        loop {
            let onward = allowed.iter().flat_map(|peer| self.forwards_of(peer));
            let more: BTreeSet<_> = onward.flat_map(|to| reached_by(&to)).collect();
            if more.is_subset(&allowed) {
                break;
            }
            allowed.extend(more);
        }
        self.allow(Some(call), allowed);
    }

    fn answers(&mut self, at: usize) -> &'static str {
        self.world.pick_up(at);
        "answers or refuses"
    }

    fn presses(&mut self) -> &'static str {
        let legs: Vec<_> = self.world.open.iter().copied().collect();
        let digit = self.pick(&['1', '0', '3', '9', '5', '#']).unwrap_or('1');
        if let Some(leg) = self.pick(&legs) {
            let duration = Duration::from_millis(100);
            let now = self.world.now;
            self.world.gateway.handle_media(now, media::Event::Digit { leg, digit, duration });
        }
        "presses a key"
    }

    /// A call in which two may talk.
    fn some_call(&mut self) -> Option<CallId> {
        let calls: Vec<_> = self.world.gateway.calls.views().iter().map(|view| view.call).collect();
        self.pick(&calls)
    }

    fn order(&mut self, command: &admin::Command) {
        let now = self.world.now;
        self.world.gateway.handle_control(now, ReplyTo(78), command);
    }

    /// A payment pause begins, or ends.
    fn pays(&mut self) -> &'static str {
        let on = self.below(3) > 0;
        match self.some_call() {
            Some(call) => self.order(&admin::Command::Payment { call, on }),
            None => return "has no call to pay in",
        }
        "pays"
    }

    /// Somebody wants to listen in, in another part, or no more.
    fn listens_in(&mut self) -> &'static str {
        use crate::admin::api::bodies::Mode;
        let Some(call) = self.some_call() else { return "has no call to listen in to" };
        let phone = self.pick(&["201", "202", "203", "203", "203"]).map(ExtensionId::from);
        let mode = self.pick(&[Mode::Monitor, Mode::Whisper, Mode::Barge]);
        let phone = phone.filter(|_| self.below(3) > 0);
        match mode.filter(|_| self.below(4) > 0) {
            Some(mode) => self.order(&admin::Command::Supervise { call, phone, mode }),
            None => self.order(&admin::Command::Unsupervise { call }),
        }
        "listens in"
    }

    /// The party's own description, in answer to an offer.
    fn description(&self, at: usize, offer: &sdp::SessionDescription) -> sdp::SessionDescription {
        let own = self.world.parties[at].address.ip();
        let local = Local {
            origin: sdp::Origin::new(2, 1, own),
            address: own,
            port: 9_002,
            codecs: vec![Codec::pcmu()],
            preference: Preference::Theirs,
            direction: Direction::SendRecv,
            events: true,
            own: sdp::Own::CLEAR,
        };
        sdp::answer(offer, &local).expect("common ground").sdp
    }

    fn early_sound(&mut self, at: usize) -> &'static str {
        let Some((session, Some(offer))) = self.world.parties[at].ringing.last().cloned() else {
            return "has nothing to say early";
        };
        let own = self.description(at, &offer);
        let now = self.world.now;
        self.world.parties[at].endpoint.ring(now, session, Status::PROGRESS, Some(&own));
        "sends early sound"
    }

    fn refers(&mut self, at: usize) -> &'static str {
        let (Some(first), second) = (self.session(at), self.session(at)) else {
            return "has nobody to transfer";
        };
        let all = ["201", "203", "700", "95550123", "911", "800", "*68", "*68"];
        let to = self.pick(&all).unwrap_or("203");
        let call = self.call_of(at, first);
        let other = second.filter(|other| *other != first);
        let up = |session: &SessionId| {
            self.world.parties[at].endpoint.stage(*session) == Some(endpoint::Stage::Up)
        };
        let other = other.filter(up);
        match other.and_then(|other| self.call_of(at, other)) {
            Some(second) => {
                let all = self.allowed(second).clone();
                self.allow(call, all);
                // Whoever is brought together with a party of a room comes into it.
                let both = [call, Some(second)].into_iter().flatten();
                if both.clone().any(|call| self.is_conferring(call)) {
                    self.model.conferring.extend(both);
                }
            }
            None => {
                self.allow(call, reached_by(to));
                match to {
                    "800" => self.model.conferring.extend(call),
                    "*68" => self.model.parked.extend(call),
                    _ => {}
                }
            }
        }
        let now = self.world.now;
        let to = format!("sip:{to}@192.0.2.1");
        self.world.parties[at].endpoint.refer(now, first, &to, other);
        "transfers"
    }

    fn replaces(&mut self, at: usize) -> &'static str {
        let ringing = self.whoever(|party| !party.ringing.is_empty());
        let whose = if self.below(3) == 0 { at } else { ringing };
        let Some(session) = self.session(whose) else { return "has nothing to pick up" };
        if self.world.parties[whose].endpoint.dialogs_of(session).is_empty() {
            return "has nothing to pick up";
        }
        let dialog = self.world.parties[whose].endpoint.named(session, "");
        let stage = self.world.parties[whose].endpoint.stage(session);
        // What rings may be picked up by any phone; a conversation goes on at the same extension alone.
        let rings = stage == Some(endpoint::Stage::CallsUs) && whose > 0 && at > 0;
        if rings || whose == at {
            let (call, own) = (self.call_of(whose, session), self.name(at));
            self.allow(call, [own].into());
        }
        let mut headers = Headers::default();
        headers.push("Replaces", dialog).unwrap();
        self.world.call_with(at, "202", headers, true);
        "calls with Replaces"
    }

    fn forwards(&mut self, at: usize) -> &'static str {
        let Some((session, _)) = self.world.parties[at].ringing.pop() else {
            return "has nothing to forward";
        };
        let numbers = ["203", "201", "95550123", "911", "919005551212", "202"];
        let to = self.pick(&numbers).unwrap_or("203");
        if at > 0 && to != "911" {
            let call = self.call_of(at, session);
            self.allow(call, reached_by(to));
        }
        let now = self.world.now;
        let contact = format!("<sip:{to}@192.0.2.1>");
        self.world.parties[at].endpoint.redirect(now, session, &contact);
        "forwards"
    }

    fn holds(&mut self, at: usize) -> &'static str {
        let Some(session) = self.world.parties[at].up.first().copied() else {
            return "has nothing to hold";
        };
        let direction = self.pick(&[Direction::SendOnly, Direction::Inactive, Direction::SendRecv]);
        let own = self.world.parties[at].address.ip();
        let version = 3 + self.below(1 << 40);
        let offer = sdp::audio_offer(
            sdp::Origin::new(2, version, own),
            own,
            9_002,
            &[Codec::pcmu()],
            Some(101),
            direction.unwrap_or(Direction::SendRecv),
        );
        let now = self.world.now;
        self.world.parties[at].endpoint.reoffer(now, session, &offer);
        "offers anew"
    }

    fn strays(&mut self, at: usize) -> &'static str {
        let Some(session) = self.session(at) else { return "has no dialog" };
        let methods =
            [Method::UPDATE, Method::PRACK, Method::INFO, Method::OPTIONS, Method::NOTIFY];
        let which = self.below(methods.len() as u64) as usize;
        let method = methods[which].clone();
        let now = self.world.now;
        let header = ("RAck", "17 1 INVITE");
        self.world.parties[at].endpoint.within_session(now, session, method, header);
        "sends what nobody expects"
    }

    /// A message of a while ago comes once more.
    fn repeats(&mut self) -> &'static str {
        let at = self.below(self.world.seen.len().max(1) as u64) as usize;
        if let Some((from, to, bytes)) = self.world.seen.get(at).cloned() {
            self.world.later(1, 500, Due::Sip { from, to, bytes });
        }
        "sends again"
    }

    fn waits(&mut self) -> &'static str {
        let seconds = self.pick(&[5, 20, 40, 70, 1_000]).unwrap_or(5);
        self.world.carry_out();
        self.world.pass(Duration::from_secs(seconds));
        "waits"
    }

    fn crashes(&mut self, at: usize) -> &'static str {
        let now = self.world.now;
        match self.below(4) {
            0 => {
                self.restart();
                "finds the box started again"
            }
            1 => {
                let (_, number) = self.world.connected.expect("a phone with a connection");
                let flow = self.world.flow(OURS, self.world.parties[3].address);
                self.world.connected = Some((3, number + 1));
                self.world.gateway.handle_connection_closed(now, flow);
                let route = self.world.route_of(3);
                self.world.parties[3].endpoint.handle_unreachable(now, &route);
                if self.below(2) == 0 {
                    self.world.register(3, 3_600);
                }
                "loses its connection"
            }
            _ => {
                let flow = self.world.flow(OURS, self.world.parties[at].address);
                self.world.gateway.handle_unreachable(now, &Route::Flow(flow));
                "cannot be reached"
            }
        }
    }

    /// The box stops without warning and starts again with what its journal holds.
    fn restart(&mut self) {
        let world = &mut self.world;
        let mut replay = Replay::default();
        for segment in &world.journal {
            replay.read(segment, &mut |_| ());
        }
        assert!(replay.damage.is_none());
        self.restarts += 1;
        let (resume, keys) = (replay.resume, world.keys.clone());
        world.gateway = branch_of(world.now, &config(), resume, &keys, 1_000 + self.restarts);
        world.open.clear();
        world.recording.clear();
        world.bridged.clear();
        (world.taps, world.hushed, world.paused) = Default::default();
        world.written = crate::journal::Token::default();
        self.model.forget();
        let now = world.now;
        world.gateway.handle_started(now, false);
        world.carry_out();
    }

    /// Nobody hears anybody who was not asked for, and who talks is heard.
    fn check(&mut self) {
        for view in self.world.gateway.calls.views() {
            self.extend(view.call);
        }
        self.check_rooms();
        self.check_taps();
        let gateway = &self.world.gateway;
        for (a, b) in self.world.bridged.iter().filter(|(a, b)| a < b) {
            let calls = [a, b].map(|leg| gateway.calls.call_of(*leg));
            let [Some(call), other] = calls else { panic!("a bridge without a call\n{self}") };
            assert_eq!(Some(call), other, "a bridge between two calls\n{self}");
            let view = gateway.calls.views().into_iter().find(|view| view.call == call);
            let early = view.is_some_and(|view| view.activity == crate::call::Activity::Ringing);
            let talk = gateway.calls.partner(*a) == Some(*b);
            let ends = gateway.calls.partner(*a).is_none();
            assert!(talk || early || ends, "a bridge between two who do not talk\n{self}");
            let allowed = &self.model.allowed[&call];
            for leg in [a, b] {
                let peer = gateway.legs.get(*leg).expect("it has sound").peer.to_string();
                assert!(allowed.contains(&peer), "{peer} hears, and {allowed:?} may\n{self}");
            }
        }
    }

    /// Who listens in has a leg that is there, in a call of their own, and nobody hears them who calls for help.
    fn check_taps(&self) {
        let gateway = &self.world.gateway;
        for (leg, (pair, _)) in &self.world.taps {
            let calls = [*leg, pair[0], pair[1]].map(|leg| gateway.calls.call_of(leg));
            let [Some(own), led, Some(other)] = calls else {
                panic!("a leg that is gone is listened in to\n{self}")
            };
            assert!(own != other && led != Some(own), "nobody listens in to themselves\n{self}");
            let help = |leg: &LegId| gateway.legs.get(*leg).is_some_and(|leg| leg.help);
            assert!(!pair.iter().any(help), "help is listened in to\n{self}");
        }
        for leg in &self.world.hushed {
            assert!(gateway.payments.is_secret(*leg), "a leg is silent for nothing\n{self}");
        }
    }

    fn is_conferring(&self, call: CallId) -> bool {
        let views = self.world.gateway.calls.views();
        let dialled = views.iter().find(|view| view.call == call).map(|view| view.to.as_str());
        matches!(dialled, Some("800" | "*46")) || self.model.conferring.contains(&call)
    }

    /// In a room are those alone who asked for it, and none of them hears anybody outside; no session leads to a leg that
    /// is gone.
    fn check_rooms(&self) {
        let gateway = &self.world.gateway;
        for view in gateway.calls.views() {
            let confers = matches!(view.activity, crate::call::Activity::Conference(_));
            assert!(!confers || self.is_conferring(view.call), "nobody asked for a room\n{self}");
        }
        for (id, leg) in gateway.legs.iter().filter(|(_, leg)| leg.room.is_some()) {
            let bridged = self.world.bridged.get(&id);
            assert_eq!(bridged, None, "{} is in a room and hears one beside\n{self}", leg.peer);
        }
        assert!(gateway.legs.is_sound(), "a session of a leg that is gone\n{self}");
    }

    /// Everybody hangs up; then nothing is left.
    fn finish(&mut self) {
        for _ in 0..80 {
            for at in 0..4 {
                while !self.world.parties[at].up.is_empty() {
                    self.world.hang_up(at);
                }
                let now = self.world.now;
                while let Some((session, _)) = self.world.parties[at].ringing.pop() {
                    let party = &mut self.world.parties[at].endpoint;
                    party.reject(now, session, Status::BUSY_HERE, None);
                }
            }
            self.world.carry_out();
            self.world.pass(Duration::from_secs(5));
            if self.is_quiet() {
                break;
            }
        }
        let gateway = &self.world.gateway;
        let up: Vec<_> =
            gateway.calls.views().iter().map(|call| format!("{:?}", call.activity)).collect();
        assert!(up.is_empty(), "calls are up: {up:?}\n{self}");
        assert!(gateway.legs.is_empty(), "legs are left\n{self}");
        assert!(self.world.open.is_empty(), "media threads hold {:?}\n{self}", self.world.open);
        assert!(self.world.bridged.is_empty(), "bridges are left\n{self}");
        assert_eq!(gateway.endpoint.alive().0, 0, "sessions are left\n{self}");
        assert_eq!(gateway.endpoint.left_over(), [""; 0], "left over\n{self}");
        assert_eq!(gateway.pool.in_use(), 0, "ports are left\n{self}");
        assert!(gateway.walks.is_empty() && gateway.playing.is_empty(), "walks are left\n{self}");
        assert!(gateway.outward.is_empty(), "calls out are left\n{self}");
        assert!(gateway.patience.deadline().is_none(), "timers of calls out are left\n{self}");
        assert!(gateway.calls.deadline().is_none(), "timers of calls are left\n{self}");
        assert!(gateway.work.is_empty(), "the queue's work is left\n{self}");
        assert!(gateway.timesheet.is_empty(), "work is left on the timesheet\n{self}");
        assert!(gateway.supervisions.is_empty(), "somebody listens in\n{self}");
        assert!(self.world.taps.is_empty(), "media threads let somebody listen in\n{self}");
        assert!(gateway.payments.is_empty(), "payment pauses are left\n{self}");
        assert!(gateway.orders.is_empty(), "orders are left\n{self}");
        assert!(gateway.contexts.is_empty(), "what is known of callers is left\n{self}");
        assert!(gateway.consents.is_empty(), "what was said to recording is left\n{self}");
        assert!(gateway.keeping.is_empty(), "records are left\n{self}");
        assert_eq!(gateway.keeping.unheard_of, 0, "a record waited for nothing\n{self}");
        let live = gateway.journal.live();
        assert!(live.calls.is_empty() && live.places.is_empty(), "the journal differs\n{self}");
        self.model.forget();
        self.model.story.clear();
    }

    fn is_quiet(&self) -> bool {
        let gateway = &self.world.gateway;
        let parties = self.world.parties.iter().all(|party| party.endpoint.alive().0 == 0);
        gateway.calls.is_empty()
            && gateway.legs.is_empty()
            && gateway.endpoint.alive().0 == 0
            && gateway.keeping.is_empty()
            && gateway.driving.is_empty()
            && self.world.open.is_empty()
            && parties
    }

    fn sequence(&mut self) {
        (1..4).for_each(|at| self.world.register(at, 3_600));
        self.world.pass(Duration::from_secs(1));
        // A call may have been forwarded by what stood at first, and is gone before anybody looks again.
        for own in everybody() {
            let standing = self.forwards_of(&own);
            self.model.forwards.insert(own, standing);
        }
        let acts = 6 + self.below(9);
        for _ in 0..acts {
            self.act();
        }
        self.finish();
    }
}

impl std::fmt::Display for Play {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "after: {}", self.model.story.join(", "))
    }
}

/// How many sequences a slice plays. Cargo compiles anew when the variable changes.
fn count() -> u64 {
    let wanted = option_env!("BRANCHLINE_SEQUENCES");
    let all = wanted.map_or(USUAL, |text| text.parse().expect("BRANCHLINE_SEQUENCES is a number"));
    all.div_ceil(SLICES)
}

fn play(slice: u64) {
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut joined, mut answered, mut left) = (0, 0, count());
    for number in 0.. {
        if left == 0 {
            break;
        }
        let mut play = Play::new(slice * 1_000_000 + number);
        for sequence in 0..left.min(IN_ONE_WORLD) {
            play.model.story.push(format!("slice {slice} world {number} sequence {sequence}:"));
            play.sequence();
            left -= 1;
        }
        // Transactions end 32 s after the last word; what trunks ask remains.
        play.world.pass(Duration::from_secs(70));
        let (_, transactions) = play.world.gateway.endpoint.alive();
        assert!(transactions <= 2, "{transactions} transactions are left");
        let (arrived, records) = play.world.kept();
        assert_eq!(arrived, records, "each call has one record");
        joined += play.world.joined;
        answered += play.world.answered;
        for (what, count) in play.model.done {
            *done.entry(what).or_default() += count;
        }
    }
    println!("{} sequences: {answered} answered, {joined} joined; {done:?}", count());
    assert!(joined > count() / 4 && answered > count() / 2, "{joined} joined, {answered} answered");
}

#[test]
fn sequences_of_the_first_slice_leave_nothing_and_join_nobody_wrongly() {
    play(0);
}

#[test]
fn sequences_of_the_second_slice_leave_nothing_and_join_nobody_wrongly() {
    play(1);
}

#[test]
fn sequences_of_the_third_slice_leave_nothing_and_join_nobody_wrongly() {
    play(2);
}

#[test]
fn sequences_of_the_fourth_slice_leave_nothing_and_join_nobody_wrongly() {
    play(3);
}
