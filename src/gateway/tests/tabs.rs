//! Agents' pages that are telephones, in virtual time.

use super::scenes::scene;
use super::*;
use crate::admin::api::bodies::Wanted;
use crate::agent::desk::{FromPage, PageId, State, ToPage};
use crate::agent::{Presence, Reason};
use crate::gateway::Page;
use crate::journal::work::Step;

/// Ann works at home: no phone is on 204.
const AT_HOME: [(&str, &str); 2] = [
    (
        "[[trunk]]\nname",
        "[[extension]]\nnumber = \"204\"\nsecret = { file = \"x\" }\n[[trunk]]\nname",
    ),
    ("extension = \"202\"\nsigned_in", "extension = \"204\"\nsigned_in"),
];
const NO_BOB: (&str, &str) = ("extension = \"203\"\nsigned_in = true", "extension = \"203\"");

pub(super) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 0 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=rtcp-mux\r\na=sendrecv\r\n\
    a=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\n\
    a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\n";

impl World {
    pub(super) fn opens(&mut self, page: u64) {
        self.opens_at(page, OURS.ip());
    }

    /// The same by another address of the box's.
    fn opens_at(&mut self, page: u64, local: IpAddr) {
        let from = IpAddr::from([192, 0, 2, 77]);
        let own = Page { agent: "ann".into(), from, local };
        self.gateway.handle_page_opened(self.now, PageId(page), own);
        self.seconds(1);
    }

    pub(super) fn closes(&mut self, page: u64) {
        self.gateway.handle_page_closed(self.now, PageId(page));
        self.seconds(1);
    }

    fn says(&mut self, page: u64, what: FromPage) {
        self.gateway.handle_page(self.now, PageId(page), what);
        self.seconds(1);
    }

    /// The legs that have rung in a page so far.
    fn rang(&self, page: u64) -> Vec<LegId> {
        let ring = |(to, what): &(PageId, ToPage)| match what {
            ToPage::Ring { leg, .. } if to.0 == page => Some(*leg),
            _ => None,
        };
        self.paged.iter().filter_map(ring).collect()
    }

    fn was_told(&self, page: u64, like: impl Fn(&ToPage) -> bool) -> usize {
        self.paged.iter().filter(|(to, what)| to.0 == page && like(what)).count()
    }

    fn begins_anew(&mut self, more: &[(&str, &str)]) {
        let changes: Vec<_> = AT_HOME.iter().chain(more).copied().collect();
        self.starts_with(&super::scenes::config(&changes));
    }

    /// The box goes down without a word, and comes back with what its journal says.
    fn starts_with(&mut self, config: &str) {
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |_| {});
        }
        self.gateway = branch_after(self.now, config, replay.resume, &self.keys);
        self.open.clear();
        self.gateway.handle_started(self.now, false);
        self.seconds(1);
    }

    fn begins_anew_at_desks(&mut self) {
        self.starts_with(&super::scenes::config(&[NO_BOB]));
    }

    fn puts(&mut self, agent: &str, state: Wanted, reason: Option<&str>) {
        let (agent, reason) = (agent.into(), reason.map(str::to_owned));
        let command = admin::Command::SetPresence { agent, state, reason };
        self.gateway.handle_control(self.now, ReplyTo(1), &command);
        self.seconds(1);
    }

    fn presence_of(&self, agent: &str) -> Presence {
        self.gateway.roster.presence(&agent.into()).expect("an agent").clone()
    }
}

fn at_home(more: &[(&str, &str)]) -> World {
    let changes: Vec<_> = AT_HOME.iter().chain(more).copied().collect();
    scene(&changes)
}

/// A caller talks with the agent at the first page.
fn talking_at_home() -> (World, LegId) {
    let mut world = at_home(&[NO_BOB]);
    world.opens(1);
    world.call(1, "204");
    world.seconds(3);
    let leg = world.rang(1)[0];
    world.says(1, FromPage::Answer { leg, sdp: OFFER.to_owned() });
    (world, leg)
}

#[test]
fn a_call_of_a_queue_is_answered_in_one_tab_and_recorded_as_taken() {
    let mut world = at_home(&[NO_BOB]);
    world.opens(1);
    world.opens(2);
    world.call(1, "700");
    world.seconds(5);
    let (first, second) = (world.rang(1), world.rang(2));
    assert_eq!((first.len(), &first), (1, &second), "one leg rings in both");
    let leg = first[0];
    world.says(2, FromPage::Answer { leg, sdp: OFFER.to_owned() });
    assert_eq!(
        world.was_told(1, |what| matches!(what, ToPage::Stop { why, .. } if why == "elsewhere")),
        1
    );
    assert_eq!(
        world.was_told(
            2,
            |what| matches!(what, ToPage::Sdp { sdp, .. } if sdp.contains("a=setup:passive"))
        ),
        1
    );
    assert_eq!(
        world.was_told(2, |what| matches!(what, ToPage::State { state: State::Talking, .. })),
        1
    );
    assert_eq!(world.steps()[..3], ["queued", "offered", "taken"]);
    // A tab that has nothing to do with it can do nothing to it.
    world.says(1, FromPage::Hangup { leg });
    assert_eq!(world.was_told(1, |what| matches!(what, ToPage::Problem { .. })), 1);
    world.says(2, FromPage::Hangup { leg });
    world.seconds(6);
    assert_eq!(world.steps()[3..], ["closed", "wrapped_up"]);
    assert!(world.gateway.tabs.is_empty());
}

/// The offer goes back with its place: who came later does not go before.
#[test]
fn a_page_that_is_lost_while_it_rings_gives_the_caller_back_to_the_queue() {
    let mut world = at_home(&[NO_BOB]);
    world.opens(1);
    world.call(1, "700");
    world.seconds(5);
    assert_eq!(world.rang(1).len(), 1);
    world.closes(1);
    world.call(3, "700");
    world.seconds(2);
    let waiting = world.gateway.queues.in_order(world.now, &"support".into(), 9);
    let first = world.work()[0].item;
    assert_eq!((waiting.len(), waiting.first()), (2, Some(&first)), "{:?}", world.steps());
    assert!(world.gateway.tabs.is_empty());
}

#[test]
fn a_call_that_is_up_waits_for_its_page_and_not_for_ever() {
    let (mut world, leg) = talking_at_home();
    world.closes(1);
    world.seconds(10);
    world.opens(2);
    let up = |what: &ToPage| matches!(what, ToPage::Welcome { calls, .. } if calls.len() == 1);
    assert_eq!(world.was_told(2, up), 1);
    world.says(2, FromPage::Resume { leg, sdp: Some(OFFER.replace("abcd", "efgh")) });
    assert_eq!(world.was_told(2, |what| matches!(what, ToPage::Sdp { .. })), 1);
    world.seconds(60);
    assert_eq!(world.gateway.calls.len(), 1, "it is up still");
    world.closes(2);
    world.seconds(25);
    assert_eq!(world.gateway.calls.len(), 0);
    assert!(world.gateway.tabs.is_empty());
}

#[test]
fn a_page_calls_like_a_phone_and_nonsense_calls_nobody() {
    let mut world = at_home(&[]);
    world.opens(1);
    let dial =
        |number: &str, sdp: &str| FromPage::Dial { number: number.to_owned(), sdp: sdp.to_owned() };
    for (number, sdp) in [("600", ""), ("600", "v=0\r\n"), ("", OFFER), (&"1".repeat(200), OFFER)] {
        world.says(1, dial(number, sdp));
    }
    assert_eq!(world.was_told(1, |what| matches!(what, ToPage::Problem { .. })), 4);
    world.says(1, dial("201", OFFER));
    world.seconds(2);
    assert_eq!(
        world.was_told(1, |what| matches!(what, ToPage::State { state: State::Ringing, .. })),
        1
    );
    world.take_call(1);
    world.seconds(2);
    assert_eq!(
        world.was_told(1, |what| matches!(what, ToPage::State { state: State::Talking, .. })),
        1
    );
    world.hang_up(1);
    world.seconds(2);
    assert_eq!(
        world.was_told(1, |what| matches!(what, ToPage::State { state: State::Ended, .. })),
        1
    );
    assert!(world.gateway.tabs.is_empty() && world.gateway.calls.is_empty());
}

/// What is agreed with the page's leg, and with whomever it talks with.
fn codecs(world: &World) -> Vec<String> {
    let agreed = |id: &LegId| world.gateway.legs.get(*id)?.negotiated.clone();
    let name = |id| agreed(id).map(|own| own.codec.encoding.to_ascii_lowercase());
    world.open.iter().filter_map(name).collect()
}

#[test]
fn a_page_that_lists_opus_first_has_what_its_partner_has_and_g711_in_the_echo_test() {
    let opus = Codec { fmtp: None, ..Codec::new("opus", 48_000, 2, 96) };
    let both = vec![opus.clone(), Codec::pcmu()];
    for (number, has, wanted) in [
        ("600", vec![], vec!["pcmu"]),
        ("201", vec![Codec::pcmu()], vec!["pcmu", "pcmu"]),
        ("201", both, vec!["opus", "opus"]),
        ("201", vec![opus], vec!["opus", "opus"]),
    ] {
        let mut world = at_home(&[]);
        world.parties[1].codecs = has.clone();
        world.opens(1);
        world.says(1, FromPage::Dial { number: number.to_owned(), sdp: OFFER.to_owned() });
        world.take_call(1);
        world.seconds(2);
        assert_eq!(codecs(&world), wanted, "{number} {has:?}");
    }
}

/// A page stays open for a whole shift; a password for the relay does not last that long.
#[test]
fn a_page_is_told_of_relays_and_in_time_of_a_new_password() {
    let turn = "[web.turn]\nurls = [\"turn:relay.example.com\"]\nsecret = { file = \"x\" }\nhours = 2\n\
        [[trunk]]\nname";
    let mut world = at_home(&[("[[trunk]]\nname", turn)]);
    world.opens(1);
    world.opens(2);
    let end = (world.now.unix + Duration::from_secs(7_199)).seconds();
    let told = |world: &World, page: u64| -> Vec<i64> {
        let relays = world.paged.iter().filter_map(|(to, what)| match what {
            ToPage::Welcome { relays, .. } | ToPage::Relays { relays } if to.0 == page => {
                Some(relays[0].username.split_once(':')?.0.parse().ok()?)
            }
            _ => None,
        });
        relays.collect()
    };
    assert_eq!((told(&world, 1), told(&world, 2)), (vec![end - 1], vec![end]));
    world.closes(2);
    world.seconds(3_700);
    assert_eq!(told(&world, 1), [end - 1, end - 1 + 3_600]);
    assert_eq!(told(&world, 2).len(), 1, "who is gone is told nothing");
}

/// Loaded anew while it rings: the same caller rings there again, first in line as before, and nobody is paused.
#[test]
fn a_page_that_comes_back_is_offered_the_same_caller_and_one_that_does_not_is_as_any_dead_phone() {
    let mut world = at_home(&[NO_BOB]);
    world.opens(1);
    world.call(1, "700");
    world.seconds(5);
    world.call(3, "700");
    world.seconds(1);
    let first = world.work()[0].item;
    world.closes(1);
    world.seconds(3);
    assert_eq!(world.rang(1).len(), 1);
    world.opens(2);
    world.seconds(1);
    assert_eq!(world.rang(2).len(), 1, "it rings again");
    let steps = world.steps();
    assert!(!steps.contains(&"declined".to_owned()), "nothing was missed: {steps:?}");
    let leg = world.rang(2)[0];
    world.says(2, FromPage::Answer { leg, sdp: OFFER.to_owned() });
    let taken = world.work().into_iter().find(|work| matches!(work.what, Step::Taken { .. }));
    assert_eq!(taken.map(|work| work.item), Some(first));
    world.says(2, FromPage::Hangup { leg });
    // Gone for good: after the time that a page has, the next one finds nobody there, and pauses the agent.
    world.closes(2);
    world.seconds(60);
    assert!(world.steps().contains(&"declined".to_owned()), "{:?}", world.steps());
}

#[test]
fn a_channel_that_is_lost_beside_the_sound_changes_nothing_of_it() {
    let (mut world, leg) = talking_at_home();
    world.opens(2);
    // The box may not know yet that the first is gone: it is told to stop, and the second has the call.
    world.says(2, FromPage::Resume { leg, sdp: None });
    let stopped = |what: &ToPage| matches!(what, ToPage::Stop { why, .. } if why == "elsewhere");
    assert_eq!(world.was_told(1, stopped), 1);
    assert_eq!(world.was_told(2, |what| matches!(what, ToPage::Sdp { .. })), 0, "as it is");
    world.closes(1);
    world.seconds(60);
    assert_eq!(world.gateway.calls.len(), 1);
    // Another tab is told of a call that has lost its page, and nobody else's agent may have it.
    world.opens(3);
    world.closes(2);
    assert_eq!(world.was_told(3, |what| matches!(what, ToPage::Lost { .. })), 1);
    world.says(3, FromPage::Resume { leg: LegId(1), sdp: None });
    assert_eq!(world.was_told(3, |what| matches!(what, ToPage::Problem { .. })), 1);
    world.says(3, FromPage::Resume { leg, sdp: None });
    world.seconds(60);
    assert_eq!(world.gateway.calls.len(), 1);
}

#[test]
fn a_session_that_is_over_lets_its_call_go_on_and_nothing_else() {
    let (mut world, leg) = talking_at_home();
    world.gateway.handle_page_expired(world.now, PageId(1));
    world.seconds(60);
    assert_eq!(world.was_told(1, |what| *what == ToPage::Expired), 1);
    assert_eq!(world.gateway.calls.len(), 1);
    world.says(1, FromPage::Dial { number: "600".to_owned(), sdp: OFFER.to_owned() });
    world.says(1, FromPage::Resume { leg, sdp: None });
    assert_eq!(world.was_told(1, |what| matches!(what, ToPage::Problem { .. })), 2);
    assert_eq!(world.was_told(1, |what| *what == ToPage::Over), 0);
    // Somebody signs in again: the new channel has the call, the old one is done.
    world.opens(2);
    world.says(2, FromPage::Resume { leg, sdp: None });
    assert_eq!(world.was_told(1, |what| *what == ToPage::Over), 1);
    world.says(2, FromPage::Hangup { leg });
    assert!(world.gateway.tabs.is_empty());
    // Without a call it is over at once, and nothing rings there.
    world.gateway.handle_page_expired(world.now, PageId(2));
    assert_eq!(world.gateway.tabs.at(&"204".into()).len(), 0);
    world.seconds(1);
    assert_eq!(world.was_told(2, |what| *what == ToPage::Over), 1);
}

/// The box looks at its addresses every few seconds; a page that hears nothing is faster.
#[test]
fn a_page_that_comes_by_another_address_of_the_box_is_led_there() {
    let (mut world, leg) = talking_at_home();
    let next = IpAddr::from([192, 0, 2, 78]);
    world.opens_at(2, next);
    world.says(2, FromPage::Resume { leg, sdp: Some(OFFER.replace("abcd", "efgh")) });
    let told = |what: &ToPage| match what {
        ToPage::Sdp { sdp, .. } => sdp.contains(" 192.0.2.78 ") && sdp.contains("typ host"),
        _ => false,
    };
    assert_eq!(world.was_told(2, told), 1, "{:?}", world.paged);
}

#[test]
fn whoever_asks_is_told_that_the_box_is_there_also_when_the_session_is_over() {
    let (mut world, _) = talking_at_home();
    world.says(1, FromPage::Ask);
    world.gateway.handle_page_expired(world.now, PageId(1));
    world.says(1, FromPage::Ask);
    assert_eq!(world.was_told(1, |what| *what == ToPage::Here), 2);
}

/// The box was away: its pages are not back yet, and nothing is offered where nothing rings.
#[test]
fn after_a_restart_a_page_that_comes_back_finds_its_agent_as_before_and_is_rung() {
    let mut world = at_home(&[NO_BOB]);
    world.opens(1);
    world.begins_anew(&[NO_BOB]);
    world.call(1, "700");
    world.seconds(45);
    assert_eq!(world.presence_of("ann"), Presence::Ready);
    assert!(!world.steps().contains(&"offered".to_owned()), "{:?}", world.steps());
    world.opens(2);
    world.seconds(1);
    assert_eq!(world.rang(2).len(), 1, "it rings where the page is");
    let leg = world.rang(2)[0];
    world.says(2, FromPage::Answer { leg, sdp: OFFER.to_owned() });
    assert_eq!(world.presence_of("ann"), Presence::Talking);
    assert!(!world.steps().contains(&"declined".to_owned()), "{:?}", world.steps());
}

/// Who was on pause is on pause, and who does not come back is as anybody whose phone is dead.
#[test]
fn after_a_restart_a_pause_lasts_and_nobody_waits_for_ever_for_a_page() {
    let mut world = at_home(&[NO_BOB]);
    world.opens(1);
    let tea = Reason::Chosen("tea".to_owned());
    world.puts("ann", Wanted::Paused, Some("tea"));
    world.begins_anew(&[NO_BOB]);
    world.opens(2);
    assert_eq!(world.presence_of("ann"), Presence::Paused(tea));
    world.puts("ann", Wanted::Ready, None);
    world.begins_anew(&[NO_BOB]);
    world.seconds(60);
    world.call(1, "700");
    world.seconds(45);
    assert_eq!(world.presence_of("ann"), Presence::Paused(Reason::Missed), "{:?}", world.steps());
}

/// A phone on the desk is reached after a restart as before it.
#[test]
fn after_a_restart_a_phone_on_the_desk_is_rung_at_once() {
    let mut world = scene(&[NO_BOB]);
    world.begins_anew_at_desks();
    world.call(1, "700");
    world.seconds(5);
    assert!(world.steps().contains(&"offered".to_owned()), "{:?}", world.steps());
}
