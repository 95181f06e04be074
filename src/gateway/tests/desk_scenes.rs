//! Desk-phone life, told by which phone rings, who is joined with whom, and what survives a restart.

use super::*;

const CARRIER: usize = 0;
const ANN: usize = 1;
const BOB: usize = 2;
const CAT: usize = 3;

/// 201 and 202 are a pickup group; 201 to 203 are the group 300.
const DESK: &str = r#"
[[group]]
name = "team"
number = "301"
members = ["201", "202", "203"]
ring_time = 10
overflow = "ivr:main"
[[inbound]]
number = "+15550102"
to = "group:team"
[[inbound]]
number = "+15550103"
to = "schedule:day"
[[schedule]]
name = "day"
calendar = "office"
open = "extension:202"
closed = "extension:203"
code = "*28"
extensions = ["201"]
[[calendar]]
name = "office"
open = [{ days = "mon-fri", from = "08:00", to = "18:00" }]
"#;

fn config() -> String {
    let phone = |name: &str| format!("number = \"{name}\"\nsecret = {{ file = \"x\" }}\n");
    let colleague = |name| phone(name) + "pickup = [\"front\"]\n";
    let text = CONFIG.replacen(&phone("201"), &colleague("201"), 1).replacen(
        &phone("202"),
        &colleague("202"),
        1,
    );
    text.replacen("comeback = 10", "comeback = 120", 1) + DESK
}

fn scene() -> World {
    World::of(1, &config(), 0)
}

impl World {
    fn later_by(&mut self, seconds: u64) {
        self.carry_out();
        self.pass(Duration::from_secs(seconds));
    }

    /// A phone calls, and a second goes by.
    fn rings_up(&mut self, at: usize, to: &str) {
        self.call(at, to);
        self.later_by(1);
    }

    /// A phone dials a code, hears what is said, and is let go.
    fn code(&mut self, at: usize, code: &str) {
        self.rings_up(at, code);
        self.later_by(9);
        assert!(self.parties[at].up.is_empty(), "{code}: the sentence is over");
    }

    /// The newest call that rings at a phone is answered.
    fn takes(&mut self, at: usize) -> SessionId {
        let now = self.now;
        let party = &mut self.parties[at];
        let (session, offer) = party.ringing.pop().expect("it rings");
        let own = party.address.ip();
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
        let answer = sdp::answer(&offer.expect("we always offer"), &local).unwrap();
        party.endpoint.answer(now, session, &answer.sdp);
        party.up.insert(session);
        self.later_by(1);
        session
    }

    fn keys(&mut self, at: usize, keys: &str) {
        let name = format!("extension {}", self.parties[at].user.expect("a phone"));
        let account = self.parties[at].user.map(crate::id::ExtensionId::from);
        let own = |leg: &&LegId| {
            let leg = self.gateway.legs.get(**leg).expect("the leg is up");
            leg.account == account || leg.peer.to_string() == name
        };
        let leg = *self.open.iter().find(own).expect("the phone is in a call");
        for digit in keys.chars() {
            let duration = Duration::from_millis(100);
            self.gateway.handle_media(self.now, media::Event::Digit { leg, digit, duration });
        }
        self.later_by(9);
    }

    fn rings(&self, at: usize) -> bool {
        !self.parties[at].ringing.is_empty()
    }

    /// Who was joined last, by name.
    fn joined_last(&self) -> BTreeSet<String> {
        let (a, b) = *self.bridges.last().expect("somebody was joined");
        let name = |leg| self.gateway.legs.get(leg).map(|leg| leg.peer.to_string());
        [a, b].into_iter().filter_map(name).collect()
    }

    /// The branch goes down, and comes back with what its journal says.
    fn restart(&mut self) {
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |_| {});
        }
        self.journal.clear();
        self.gateway = branch_after(self.now, &config(), replay.resume, &self.keys);
        self.gateway.handle_started(self.now, false);
        self.later_by(1);
    }
}

fn names(list: [&str; 2]) -> BTreeSet<String> {
    list.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_group_rings_everywhere_and_who_loses_is_told_that_another_answered() {
    let mut world = scene();
    world.rings_up(CARRIER, "+15550102");
    assert!(world.rings(ANN) && world.rings(BOB) && world.rings(CAT));
    world.takes(BOB);
    assert!(!world.rings(ANN) && !world.rings(CAT));
    assert_eq!(world.joined_last(), names(["extension 202", "trunk carrier"]));
    assert_eq!(world.parties[CARRIER].up.len(), 1, "the caller has one answer");
    world.hang_up(BOB);
    world.later_by(3);
    assert!(world.gateway.calls.is_empty() && world.open.is_empty());
    // Nobody answers: the menu does, and leads back to them by a key.
    world.rings_up(CARRIER, "+15550102");
    world.later_by(10);
    assert!(!world.rings(ANN) && world.parties[CARRIER].up.len() == 1);
    assert_eq!(world.gateway.walks.len(), 1);
}

#[test]
fn a_forward_by_code_leads_on_and_never_to_help_or_to_what_the_phone_may_not_dial() {
    let mut world = scene();
    world.code(ANN, "*72203");
    world.rings_up(CARRIER, "+15550101");
    assert!(world.rings(CAT) && !world.rings(ANN));
    world.takes(CAT);
    assert_eq!(world.joined_last(), names(["extension 203", "trunk carrier"]));
    world.hang_up(CAT);
    world.later_by(3);
    for number in ["911", "9911", "*41", "900119005551212", "888", "201"] {
        world.code(ANN, &format!("*72{number}"));
        world.rings_up(CARRIER, "+15550101");
        assert!(world.rings(CAT), "{number}: the forward from before still stands");
        world.hang_up_ringing(CARRIER);
    }
    // Out over the trunk, which calls the branch's extension to account.
    world.code(ANN, "*7295550123");
    world.rings_up(BOB, "201");
    assert_eq!(world.parties[CARRIER].called, ["5550123"]);
    world.code(ANN, "*73");
    world.rings_up(CAT, "201");
    assert!(world.rings(ANN));
}

impl World {
    /// A caller who is not answered yet gives up.
    fn hang_up_ringing(&mut self, at: usize) {
        let sessions = std::mem::take(&mut self.parties[at].up);
        for session in sessions {
            let now = self.now;
            self.parties[at].endpoint.hang_up(now, session, None);
        }
        self.later_by(2);
    }
}

#[test]
fn do_not_disturb_is_busy_until_the_other_code_and_texts_of_emergencies_still_come() {
    let mut world = scene();
    world.code(ANN, "*78");
    world.rings_up(BOB, "201");
    assert!(!world.rings(ANN));
    assert!(
        matches!(world.parties[BOB].ended.last(), Some(Ended::Refused { status, .. }) if status.code() == 486)
    );
    world.rings_up(CARRIER, "+15550102");
    assert!(!world.rings(ANN) && world.rings(BOB), "a group passes the phone over");
    world.takes(BOB);
    world.hang_up(BOB);
    world.later_by(3);
    world.code(ANN, "*79");
    world.rings_up(BOB, "201");
    assert!(world.rings(ANN));
}

#[test]
fn what_was_chosen_is_kept_over_a_restart_and_nobody_reads_the_number_on_the_disk() {
    let mut world = scene();
    world.code(ANN, "*7295550123");
    world.code(BOB, "*78");
    world.code(ANN, "*282");
    assert!(!world.journal.concat().windows(8).any(|bytes| bytes == b"95550123"));
    world.restart();
    world.rings_up(CAT, "202");
    assert!(!world.rings(BOB));
    world.rings_up(CAT, "201");
    assert!(!world.rings(ANN));
    assert_eq!(world.parties[CARRIER].called, ["5550123"]);
    world.rings_up(CARRIER, "+15550103");
    assert!(world.rings(CAT), "still closed by order");
}

#[test]
fn a_schedule_leads_by_the_hour_and_as_it_is_told() {
    let mut world = scene();
    // 1970-01-12, a Monday, 13:46 UTC.
    world.rings_up(CARRIER, "+15550103");
    assert!(world.rings(BOB));
    world.takes(BOB);
    world.hang_up(BOB);
    world.later_by(3);
    world.code(BOB, "*282");
    world.rings_up(CARRIER, "+15550103");
    assert!(world.rings(BOB), "202 may not override it");
    world.takes(BOB);
    world.hang_up(BOB);
    world.later_by(3);
    world.code(ANN, "*282");
    world.rings_up(CARRIER, "+15550103");
    assert!(world.rings(CAT) && !world.rings(BOB));
    world.takes(CAT);
    world.hang_up(CAT);
    world.later_by(3);
    world.code(ANN, "*280");
    world.now.unix = world.now.unix + Duration::from_secs(12 * 3_600);
    world.register(CAT, 3_600);
    world.later_by(1);
    world.rings_up(CARRIER, "+15550103");
    assert!(world.rings(CAT), "night");
}

#[test]
fn a_colleague_picks_up_what_rings_next_door_and_a_stranger_does_not() {
    let mut world = scene();
    world.rings_up(CARRIER, "+15550101");
    world.code(CAT, "**201");
    assert!(world.rings(ANN));
    world.rings_up(BOB, "*8");
    world.later_by(1);
    assert!(!world.rings(ANN));
    assert_eq!(world.joined_last(), names(["extension 202", "trunk carrier"]));
    let (a, b) = *world.bridges.last().unwrap();
    let thread = |leg| world.gateway.legs.get(leg).map(|leg| leg.thread);
    assert_eq!(thread(a), thread(b));
}

#[test]
fn a_parked_caller_hears_music_shows_in_the_list_and_is_fetched_from_any_phone() {
    let mut world = scene();
    world.rings_up(CARRIER, "+15550101");
    let session = world.takes(ANN);
    let now = world.now;
    world.parties[ANN].endpoint.refer(now, session, "sip:*68@192.0.2.1", None);
    world.later_by(2);
    assert!(world.parties[ANN].up.is_empty(), "who parks is let go");
    assert_eq!(world.parties[ANN].texts, ["Parked at 751"]);
    world.gateway.handle_control(world.now, ReplyTo(1), &admin::Command::ActiveCalls);
    let listed =
        std::iter::from_fn(|| world.gateway.poll_output()).find_map(|output| match output {
            Output::Reply(_, admin::Reply::ActiveCalls(calls)) => Some(calls),
            _ => None,
        });
    assert_eq!(listed.unwrap()[0].doing, "parked at 751");
    // It rings back after two minutes, and again; and is fetched elsewhere in the end.
    world.later_by(117);
    assert!(!world.rings(ANN));
    world.later_by(3);
    assert!(world.rings(ANN));
    world.later_by(30);
    assert!(!world.rings(ANN) && world.parties[CARRIER].up.len() == 1);
    world.rings_up(CAT, "751");
    world.later_by(1);
    assert_eq!(world.joined_last(), names(["extension 203", "trunk carrier"]));
    world.hang_up(CAT);
    world.later_by(3);
    assert!(world.gateway.calls.is_empty() && world.open.is_empty());
}

#[test]
fn a_phone_is_that_of_whoever_signs_in_with_the_pin_and_calls_help_for_where_it_stands() {
    let mut world = scene();
    world.rings_up(CAT, "*11201");
    world.keys(CAT, "0000#");
    world.keys(CAT, "4711#");
    assert!(world.parties[CAT].up.is_empty(), "signed in, and let go");
    world.rings_up(CARRIER, "+15550101");
    assert!(world.rings(CAT) && world.rings(ANN), "the number of 201 rings at both");
    world.takes(CAT);
    assert_eq!(world.joined_last(), names(["extension 201", "trunk carrier"]));
    world.hang_up(CAT);
    world.later_by(3);
    world.rings_up(CAT, "202");
    assert_eq!(world.parties[BOB].callers.last().map(String::as_str), Some("201"));
    world.hang_up_ringing(CAT);
    // It keeps its own number for whoever calls the desk, and help is called from the desk.
    world.rings_up(BOB, "203");
    assert!(world.rings(CAT));
    world.hang_up_ringing(BOB);
    world.rings_up(CAT, "911");
    assert_eq!(world.parties[CARRIER].callers.last().map(String::as_str), Some("203"));
    world.hang_up_ringing(CAT);
    // Over a restart, until somebody signs off.
    world.restart();
    world.rings_up(CARRIER, "+15550101");
    assert!(world.rings(CAT));
    world.hang_up_ringing(CARRIER);
    world.code(CAT, "*12");
    world.rings_up(CARRIER, "+15550101");
    assert!(!world.rings(CAT) && world.rings(ANN));
    assert!(!world.journal.concat().windows(4).any(|bytes| bytes == b"4711"), "no PIN is kept");
}

#[test]
fn wrong_pins_open_nothing_and_the_caller_is_let_go() {
    let mut world = scene();
    for keys in ["4712#", "", "4711471147114711"] {
        world.rings_up(CAT, "*11201");
        for _ in 0..3 {
            world.keys(CAT, keys);
            if keys.is_empty() {
                world.later_by(60);
                break;
            }
        }
        assert!(world.parties[CAT].up.is_empty(), "{keys}");
    }
    world.rings_up(CARRIER, "+15550101");
    assert!(!world.rings(CAT));
}
