//! The toll-fraud matrix: every way out of the branch, with every way of writing a number that somebody would have to
//! pay for. No case may reach the carrier; beside them stand those that must, so that the matrix can fail.

use super::*;
use crate::address::Number;

const CARRIER: usize = 0;
const ANN: usize = 1;
const BOB: usize = 2;

/// Premium, international, satellite and service numbers, as they would be dialled behind the outside prefix.
const DEAR: [&str; 22] = [
    "19005551212",
    "9005551212",
    "+19005551212",
    "190055512123",
    "14089761234",
    "9761234",
    "18765551212",
    "8765551212",
    "+18765551212",
    "011442071838750",
    "00442071838750",
    "+442071838750",
    "0000442071838750",
    "0119005551212",
    "+8816123456789",
    "011870773123456",
    "00883510012345",
    "1010288011442071838750",
    "101028819005551212",
    "*6719005551212",
    "*725551212",
    "#5551212",
];

/// What costs no more than the branch allows.
const FAIR: &str = "5551212";

/// The same number written in other ways that a phone or a program may choose.
fn writings(number: &str) -> Vec<String> {
    let dialled = format!("9{number}");
    let spaced: String = dialled.chars().flat_map(|c| [c, ' ']).collect();
    vec![
        dialled.clone(),
        format!("tel:{dialled}"),
        dialled.chars().flat_map(|c| [c, '-']).collect(),
        spaced.trim_end().to_owned(),
        format!("({})", dialled.replace('+', "+(")),
        format!("{dialled};phone-context=+1;isub=1"),
        format!("*67{dialled}"),
        dialled.replace('+', "%2b"),
    ]
}

/// How somebody gets out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A phone dials.
    Dials,
    /// A phone transfers a caller there.
    Transfers,
    /// A phone answers 302.
    Redirects,
    /// A phone forwards its calls by a feature code, and somebody calls it.
    Forwards,
    /// A flow sends a caller from outside there.
    Flow,
    /// A queue gives up a caller from outside to there.
    Overflow,
    /// A carrier's caller dials it.
    Hairpin,
    /// A carrier's caller transfers a phone there.
    CarrierTransfers,
    /// Somebody without a password dials it.
    Stranger,
    /// A phone dials it under another's name.
    Impostor,
}

const WAYS: [Way; 10] = [
    Way::Dials,
    Way::Transfers,
    Way::Redirects,
    Way::Forwards,
    Way::Flow,
    Way::Overflow,
    Way::Hairpin,
    Way::CarrierTransfers,
    Way::Stranger,
    Way::Impostor,
];

fn world(changes: &[(&str, &str)]) -> World {
    let text = changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    // Bob's agent does not take the calls of the queue that are meant to overflow.
    World::of(1, &text.replace("signed_in = true", ""), 0)
}

impl World {
    fn second(&mut self) {
        self.carry_out();
        self.pass(Duration::from_secs(1));
    }

    /// A call of the carrier that Ann answers; Ann's session.
    fn ann_talks(&mut self) -> Option<SessionId> {
        self.call(CARRIER, "+15550101");
        self.second();
        self.answer(ANN);
        self.parties[ANN].up.last().copied()
    }

    /// A caller from outside within the flow; the call.
    fn in_the_flow(&mut self, press: Option<char>) -> Option<CallId> {
        self.call(CARRIER, "+15550100");
        self.second();
        if let Some((leg, digit)) = self.open.last().copied().zip(press) {
            let duration = Duration::from_millis(100);
            self.gateway.handle_media(self.now, media::Event::Digit { leg, digit, duration });
            self.second();
        }
        self.gateway.calls.views().first().map(|view| view.call)
    }

    fn invite_to(&mut self, at: usize, user: &str, name: &str, password: Option<Credentials>) {
        let party = &mut self.parties[at];
        let own = party.address;
        let uri = match user.strip_prefix("tel:") {
            Some(_) => {
                Uri::parse(user).unwrap_or_else(|_| Uri::sip(Some(user), Host::Ip(OURS.ip()), None))
            }
            None => Uri::sip(Some(user), Host::Ip(OURS.ip()), None),
        };
        let offer = sdp::audio_offer(
            sdp::Origin::new(1, 1, own.ip()),
            own.ip(),
            9_000,
            &[Codec::pcmu()],
            Some(101),
            Direction::SendRecv,
        );
        let invite = Invite {
            route: Route::Address { transport: Transport::Udp, peer: OURS },
            local: own,
            to: NameAddr::new(Uri::sip(Some("x"), Host::Ip(OURS.ip()), None)),
            uri,
            from: NameAddr::new(Uri::sip(Some(name), Host::Ip(own.ip()), None)),
            headers: Headers::default(),
            sdp: Some(offer),
            beside: None,
            credentials: password,
            reliable: crate::sip::reliable::Policy::Never,
        };
        let session = party.endpoint.invite(self.now, invite);
        party.up.insert(session);
        self.second();
    }

    /// Somebody tries to reach `dialled` that way.
    fn try_to_get_out(&mut self, way: Way, dialled: &str) {
        let now = self.now;
        let number = Number::parse(dialled).ok();
        let target = Uri::sip(Some(dialled), Host::Ip(OURS.ip()), None).to_string();
        match way {
            Way::Dials => self.invite_to(ANN, dialled, "201", credentials("201")),
            Way::Transfers => {
                let session = self.ann_talks().expect("Ann talks");
                self.parties[ANN].endpoint.refer(self.now, session, &target, None);
            }
            Way::Redirects => {
                self.call(CARRIER, "+15550101");
                self.second();
                let (session, _) = self.parties[ANN].ringing.pop().expect("it rings");
                let invite = self.parties[ANN].invites.last().expect("an INVITE").clone();
                let mut moved = Response::to(&invite, Status::MOVED_TEMPORARILY);
                moved.headers.push("Contact", format!("<{target}>")).unwrap();
                self.parties[ANN].endpoint.refuse(self.now, session, moved);
            }
            Way::Forwards => {
                self.call(ANN, &format!("*72{dialled}"));
                self.pass(Duration::from_secs(6));
                self.call(CARRIER, "+15550101");
                self.second();
                self.call(ANN, "*73");
                self.pass(Duration::from_secs(6));
            }
            Way::Flow => {
                let Some((call, number)) = self.in_the_flow(None).zip(number) else { return };
                let destination = crate::ivr::Destination::Number(number);
                self.gateway.walk_leaves(now, call, destination);
                self.gateway.settle(self.now);
            }
            Way::Overflow => {
                let Some(call) = self.in_the_flow(Some('1')) else { return };
                let destination = self.gateway.outside(now, call, dialled);
                self.gateway.calls.handle_overflow(self.now, call, destination);
                self.gateway.settle(self.now);
            }
            Way::Hairpin => self.invite_to(CARRIER, dialled, "+15557654321", None),
            Way::CarrierTransfers => {
                self.ann_talks();
                let session = *self.parties[CARRIER].up.last().expect("the carrier talks");
                self.parties[CARRIER].endpoint.refer(self.now, session, &target, None);
            }
            Way::Stranger => self.invite_to(BOB, dialled, "nobody", None),
            Way::Impostor => self.invite_to(BOB, dialled, "201", credentials("202")),
        }
        self.second();
    }

    /// Everybody hangs up. Answers what was dialled at the carrier meanwhile.
    fn reached(&mut self) -> Vec<String> {
        let reached = std::mem::take(&mut self.parties[CARRIER].called);
        for _ in 0..20 {
            for at in 0..self.parties.len() {
                while let Some((session, _)) = self.parties[at].ringing.pop() {
                    self.parties[at].endpoint.reject(self.now, session, Status::BUSY_HERE, None);
                }
                self.hang_up(at);
            }
            self.second();
            if self.gateway.calls.is_empty() {
                break;
            }
        }
        self.parties.iter_mut().for_each(|party| party.up.clear());
        reached
    }
}

/// Which ways a number that is allowed may go, in a branch as it comes.
fn is_open(way: Way) -> bool {
    matches!(way, Way::Dials | Way::Transfers | Way::Redirects | Way::Forwards)
}

#[test]
fn no_dear_number_gets_out_by_any_way_in_any_writing() {
    let mut cases = 0;
    for way in WAYS {
        let mut world = world(&[]);
        for dear in DEAR {
            // Without the outside prefix; a 9 in front would be that prefix, and the rest another number.
            let bare = (!dear.starts_with('9')).then(|| dear.to_owned());
            for dialled in writings(dear).into_iter().chain(bare) {
                cases += 1;
                world.try_to_get_out(way, &dialled);
                let reached = world.reached();
                assert!(
                    reached.is_empty(),
                    "{way:?} {dialled}: the carrier was asked for {reached:?}"
                );
            }
        }
        world.try_to_get_out(way, &format!("9{FAIR}"));
        let fair = world.reached();
        assert_eq!(fair, [FAIR][..usize::from(is_open(way))], "{way:?}");
    }
    println!("{cases} cases, none got out");
    assert!(cases >= 200, "{cases} cases");
}

/// A branch that lets callers from outside call out through it opens national numbers, and those alone.
#[test]
fn who_opens_a_trunk_for_callers_from_outside_opens_no_dear_number() {
    let open = ("trunks = [\"carrier\"]", "trunks = [\"carrier\"]\nfrom_trunks = [\"carrier\"]");
    for way in [Way::Flow, Way::Overflow, Way::Hairpin] {
        let mut world = world(&[open]);
        for dear in DEAR {
            world.try_to_get_out(way, &format!("9{dear}"));
            assert_eq!(world.reached(), [""; 0], "{way:?} {dear}");
        }
        world.try_to_get_out(way, &format!("9{FAIR}"));
        assert_eq!(world.reached(), [FAIR], "{way:?}");
    }
}

/// Where the money is gone, every way is closed, also for numbers that are allowed; help is not.
#[test]
fn a_cap_that_is_used_up_closes_every_way_but_the_one_to_help() {
    let caps = (
        "trunks = [\"carrier\"]",
        "trunks = [\"carrier\"]\nfrom_trunks = [\"carrier\"]\n[[cap]]\nof = \"site\"\nwithin = \"hour\"\ncalls = 0",
    );
    for way in WAYS {
        let mut world = world(&[caps]);
        for dialled in writings(FAIR) {
            world.try_to_get_out(way, &dialled);
            assert_eq!(world.reached(), [""; 0], "{way:?} {dialled}");
        }
    }
    let mut world = world(&[caps]);
    world.try_to_get_out(Way::Dials, "911");
    assert_eq!(world.reached(), ["911"]);
}
