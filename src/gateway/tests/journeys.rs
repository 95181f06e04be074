//! Journeys over a whole branch: what begins them, what they do, and that each thing is done once.

use super::*;
use crate::admin::api::sites::{SiteEvent, Taken};
use crate::admin::{Command, JourneysReply, Reply};
use crate::context::{Channel as By, Happening, Identity, Kind, Order, Who};
use crate::hours;
use crate::journal::journey::Journey;
use crate::journey::quiet::Quiet;
use crate::journey::{Action, Carrier, Change, Outcome, Why};

const ANN: usize = 2;
const CALLER: &str = "+15557654321";

/// A branch with these rules, by name.
fn with_rules(rules: &[(&str, &str)], messages: &str) -> String {
    let named = rules.iter().map(|(name, _)| format!("[journey.{name}]\nfile = \"{name}\"\n"));
    let files = rules.iter().map(|(name, text)| format!("\n#### {name}\n{text}"));
    let hook = "[[webhook]]\nname = \"sender\"\nurl = \"https://example.com/\"\npersonal = true\n\
                events = [\"journey.due\"]\nsecret = { file = \"x\" }\n";
    // A branch whose phones register seldom and whose carrier is not asked: days pass in a moment.
    let config =
        CONFIG.replace("servers = [\"192.0.2.100\"]", "servers = [\"192.0.2.100\"]\nprobe = 0");
    format!(
        "{config}{hook}[messages]\n{messages}\n{}{}",
        named.collect::<String>(),
        files.collect::<String>()
    )
}

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

impl World {
    /// A branch at a time of day.
    fn journeys(config: &str, begin: &str) -> World {
        let mut world = World::of(1, config, 0);
        world.now.unix = at(begin);
        // By the clock their registrations are over long since.
        (1..4).for_each(|party| world.register(party, 3_600));
        world.seconds(1);
        world
    }

    fn changes(&self) -> Vec<Journey> {
        let mut found = Vec::new();
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::Journey(journey)) = entry.event {
                    found.push(journey);
                }
            });
        }
        assert!(replay.damage.is_none(), "{:?}", replay.damage);
        found
    }

    /// What was handed over, to whom.
    fn due(&self) -> Vec<(Action, Option<String>)> {
        let keys = self.gateway.journal.keys();
        let due = |journey: Journey| match journey.change {
            Change::Due { action, .. } => {
                Some((action, journey.to.and_then(|to| keys.read(&to.value))))
            }
            _ => None,
        };
        self.changes().into_iter().filter_map(due).collect()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let did = |journey: Journey| match journey.change {
            Change::Did { outcome, .. } => Some(outcome),
            _ => None,
        };
        self.changes().into_iter().filter_map(did).collect()
    }

    fn journey_ends(&self) -> Vec<Why> {
        let end = |journey: Journey| match journey.change {
            Change::Ended { why, .. } => Some(why),
            _ => None,
        };
        self.changes().into_iter().filter_map(end).collect()
    }

    fn listed(&mut self) -> JourneysReply {
        match self.ask(&Command::Journeys { limit: 100, after: None }) {
            Some(Reply::Journeys(found)) => found,
            other => panic!("{other:?}"),
        }
    }

    /// Somebody outside calls and gives up.
    fn misses(&mut self, to: &str, seconds: u64) {
        self.call(0, to);
        self.seconds(seconds);
        self.hang_up(0);
        self.seconds(10);
    }

    fn agrees(&mut self, channel: By, purpose: &str, given: bool) {
        let order = Order::Consent {
            who: caller(),
            channel,
            purpose: purpose.to_owned(),
            given,
            source: Default::default(),
            through: None,
        };
        self.order(order).unwrap();
    }

    fn tells(&mut self, event: &SiteEvent) -> Taken {
        match self.ask(&Command::SiteEvents { events: vec![event.clone()] }) {
            Some(Reply::SiteEvents(taken)) => taken[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    /// kill -9 and a start.
    pub(super) fn is_killed(&mut self, config: &str, seed: u64) {
        let mut replay = Replay::default();
        self.journal.iter().for_each(|segment| _ = replay.read(segment, &mut |_| ()));
        let (resume, keys) = (replay.resume, self.keys.clone());
        self.gateway = branch_of(self.now, config, resume, &keys, seed);
        self.open.clear();
        self.written = crate::journal::Token::default();
        self.gateway.handle_started(self.now, false);
        self.carry_out();
    }
}

fn caller() -> Who {
    Who::Identity(Kind::Phone, CALLER.to_owned())
}

fn sms(text: &str) -> Action {
    Action::Message { channel: crate::journey::Channel::Sms, text: text.to_owned() }
}

const SORRY: &str = "on = 'call-missed'\nstop_on = ['case-opened']\n[[step]]\nwait = '30m'\n\
                     [[step]]\nmessage = 'sms'\ntext = 'We missed you.'\n";

#[test]
fn who_was_missed_is_written_to_once_where_they_have_agreed() {
    let config = with_rules(&[("sorry", SORRY)], "sms = 'webhook:sender'");
    let mut world = World::journeys(&config, "2026-11-16T12:00:00Z");
    world.misses("+15550101", 3);
    world.seconds(3_600);
    assert_eq!(world.outcomes(), [Outcome::Done, Outcome::NoConsent], "nobody has asked them");
    world.agrees(By::Sms, "service", true);
    world.misses("+15550101", 3);
    assert_eq!(world.listed().running.len(), 1);
    world.seconds(1_700);
    assert_eq!(world.due(), []);
    world.seconds(200);
    assert_eq!(world.due(), [(sms("We missed you."), Some(CALLER.to_owned()))]);
    let [first, ..] = &world.listed().last[..] else { panic!("nothing came of it") };
    assert_eq!((first.end, first.words.as_str()), (Some(Why::Finished), "finished"));
    // Whoever withdraws in between is not written to.
    world.misses("+15550101", 3);
    world.agrees(By::Sms, "service", false);
    world.seconds(3_600);
    assert_eq!(world.outcomes().last(), Some(&Outcome::NoConsent));
    assert_eq!(world.due().len(), 1);
    assert!(world.gateway.journeys.is_idle(), "nothing is left over");
}

#[test]
fn a_channel_of_the_box_carries_a_rules_message_once_and_the_record_names_it() {
    let channel = "sms = 'channel:phones'\n[channels.phones]\nkind = 'sip'";
    let config = with_rules(&[("sorry", SORRY)], channel);
    let mut world = World::journeys(&config, "2026-11-16T12:00:00Z");
    world.misses("+15550101", 3);
    world.agrees(By::Sms, "service", true);
    world.seconds(3_600);
    assert_eq!(world.outcomes(), [Outcome::Done, Outcome::Done]);
    let named = world.changes().into_iter().filter_map(|journey| journey.message);
    let named: Vec<_> = named.collect();
    let queued = |world: &World| {
        let written = world.entries().into_iter().filter_map(|entry| match entry.what {
            crate::messaging::What::Queued { message, by, purpose, reply: false, .. } => {
                Some((message, by.to_string(), purpose))
            }
            _ => None,
        });
        written.collect::<Vec<_>>()
    };
    let all = queued(&world);
    assert_eq!(all, [(named[0], "rule sorry".to_owned(), "service".to_owned())]);
    world.is_killed(&config, 9);
    world.seconds(3_600);
    assert_eq!(queued(&world).len(), 1, "it is asked for once");
}

#[test]
fn whoever_was_answered_was_not_missed_and_what_happens_ends_a_journey() {
    let config = with_rules(&[("sorry", SORRY)], "sms = 'webhook:sender'");
    let mut world = World::journeys(&config, "2026-11-16T12:00:00Z");
    world.call(0, "+15550101");
    world.seconds(2);
    world.take_call(1);
    world.seconds(5);
    world.hang_up(0);
    world.seconds(10);
    assert!(world.listed().running.is_empty());
    world.misses("+15550101", 3);
    assert_eq!(world.listed().running.len(), 1);
    world.order(Order::OpenCase { who: caller(), title: None, moments: Vec::new() }).unwrap();
    world.seconds(1);
    assert!(world.listed().running.is_empty());
    assert_eq!(world.journey_ends(), [Why::Event]);
    world.misses("+15550101", 3);
    let running = world.listed().running[0].journey;
    assert_eq!(world.ask(&Command::StopJourney { journey: running }), Some(Reply::Done));
    let again = world.ask(&Command::StopJourney { journey: running });
    assert!(matches!(again, Some(Reply::Refused(_))));
    world.misses("+15550101", 3);
    world.order(Order::Erase { who: caller(), rule: None }).unwrap();
    world.seconds(3_600);
    assert_eq!(world.journey_ends(), [Why::Event, Why::ByHand, Why::Gone]);
    assert_eq!(world.due(), []);
}

/// A queue that strangers reach, with agents who may call them back.
const QUEUE: [(&str, &str); 2] = [
    ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]"),
    (
        "max_wait = 60\noverflow = \"extension:201\"",
        "callback = { dial = \"9\", tries = 2, every = 60 }",
    ),
];

const BACK: &str = "on = 'call-abandoned'\nwhen = { queue = ['support'] }\n\
                    [[step]]\ncallback = 'support'\n[[step]]\ntask = 'support'\ntext = 'Look at them.'\n\
                    [[step]]\ntag = 'gave-up'\n[[step]]\nnote = true\ntext = 'Gave up waiting.'\n";

fn with_queue(rules: &[(&str, &str)]) -> String {
    let config = with_rules(rules, "");
    QUEUE.iter().fold(config, |config, (from, to)| {
        assert!(config.contains(from), "{from}");
        config.replace(from, to)
    })
}

#[test]
fn whoever_gave_up_waiting_is_called_back_and_it_is_on_their_record() {
    let config = with_queue(&[("back", BACK)]);
    let mut world = World::journeys(&config, "2026-11-16T12:00:00Z");
    world.misses("+15550101", 4);
    assert_eq!(world.outcomes(), [Outcome::Done; 4]);
    let promises = &world.gateway.journal.live().promises.0;
    assert_eq!(promises.len(), 1, "the call back is promised");
    let ringing = world.parties.iter().skip(ANN).any(|party| !party.ringing.is_empty());
    assert!(ringing, "and rings at the agents' by now");
    let found = world.listed();
    assert_eq!((found.running.len(), found.tasks.len()), (0, 1));
    let person = world.person(caller()).expect("known by now");
    assert!(person.contacts[0].tags.contains("gave-up"));
    let notes =
        person.timeline.iter().filter(|one| matches!(one.moment.what, Happening::Note { .. }));
    assert_eq!(notes.count(), 1);
    // The same over a restart, as the journal has it; and the task is done by whoever does it.
    world.is_killed(&config, 5);
    assert_eq!(world.listed().tasks, found.tasks);
    let task = found.tasks[0].task.clone();
    assert_eq!(world.ask(&Command::TaskDone { task: task.clone() }), Some(Reply::Done));
    assert!(matches!(world.ask(&Command::TaskDone { task }), Some(Reply::Refused(_))));
    world.is_killed(&config, 6);
    assert!(world.listed().tasks.is_empty());
    let person = world.person(caller()).expect("known");
    let notes =
        person.timeline.iter().filter(|one| matches!(one.moment.what, Happening::Note { .. }));
    assert_eq!(notes.count(), 1, "written once");
}

#[test]
fn a_number_that_nobody_here_may_call_is_not_called_back() {
    let config = with_queue(&[("back", BACK)]);
    // Nobody calls out.
    let config = config.replace(
        "[[outbound]]\nname = \"outside\"\nprefix = \"9\"\nstrip = 1\ntrunks = [\"carrier\"]\n",
        "",
    );
    let config = config.replace(", 5 = \"number:95550123\"", "");
    let mut world = World::journeys(&config, "2026-11-16T12:00:00Z");
    world.misses("+15550101", 4);
    assert_eq!(world.outcomes().first(), Some(&Outcome::Refused));
    assert!(world.gateway.journal.live().promises.0.is_empty());
    // Nor is who has refused to be called.
    let mut world = World::journeys(&with_queue(&[("back", BACK)]), "2026-11-16T12:00:00Z");
    world.misses("+15550101", 4);
    let before = world.gateway.journal.live().promises.0.len();
    world.agrees(By::Voice, "service", false);
    world.misses("+15550101", 4);
    assert_eq!(world.outcomes().get(4), Some(&Outcome::NoConsent));
    assert_eq!(world.gateway.journal.live().promises.0.len(), before);
}

const GREET: &str = "on = 'walk-in'\n[[step]]\nmessage = 'chat'\ntext = 'Welcome.'\n";

fn walk_in(id: &str) -> SiteEvent {
    SiteEvent {
        id: id.to_owned(),
        kind: "walk-in".to_owned(),
        consent: true,
        at: None,
        identities: vec![Identity { kind: Kind::Sip, value: "201@branch.example".to_owned() }],
        together: false,
        detail: Some("front door".to_owned()),
        attributes: BTreeMap::new(),
    }
}

/// Somebody who is known by the phone 201, and has agreed to be written to.
fn at_a_phone(config: &str) -> World {
    let mut world = World::journeys(config, "2026-11-16T12:00:00Z");
    let identities = vec![Identity { kind: Kind::Sip, value: "201@branch.example".to_owned() }];
    let (fields, source, channel) = (BTreeMap::new(), Default::default(), None);
    let made = world.order(Order::Create { fields, identities, source, channel }).unwrap();
    let order = Order::Consent {
        who: Who::Contact(made.contact.unwrap()),
        channel: By::Chat,
        purpose: "service".to_owned(),
        given: true,
        source: Default::default(),
        through: None,
    };
    world.order(order).unwrap();
    world
}

#[test]
fn a_registered_phone_gets_a_message_and_one_that_may_have_been_sent_is_not_sent_again() {
    let config = with_rules(&[("greet", GREET)], "chat = 'phone'");
    let mut world = at_a_phone(&config);
    assert_eq!(world.tells(&walk_in("1")), Taken::Kept);
    world.seconds(2);
    assert_eq!(
        (world.parties[1].texts.clone(), world.outcomes()),
        (vec!["Welcome.".to_owned()], vec![Outcome::Done])
    );
    // The box dies when the message is on the wire and its answer is not back.
    assert_eq!(world.tells(&walk_in("2")), Taken::Kept);
    assert_eq!(world.listed().running[0].words, "is with the phone, which has not answered");
    world.is_killed(&config, 9);
    world.seconds(120);
    assert_eq!(world.outcomes(), [Outcome::Done, Outcome::Unknown]);
    assert!(world.parties[1].texts.len() <= 2, "it is not sent again");
    assert!(world.listed().last[1].words.starts_with("unknown"), "{:?}", world.listed().last);
    // Nobody is there: it is not sent, and that is said.
    world.register(1, 0);
    world.seconds(2);
    assert_eq!(world.tells(&walk_in("3")), Taken::Kept);
    world.seconds(2);
    assert_eq!(world.outcomes().last(), Some(&Outcome::NoAddress));
}

#[test]
fn what_a_site_tells_is_kept_with_consent_counted_without_and_taken_once() {
    let config = with_rules(&[("greet", GREET)], "");
    let mut world = World::journeys(&config, "2026-11-16T12:00:00Z");
    let mut silent = walk_in("1");
    silent.consent = false;
    let records = world.gateway.journal.newest();
    assert_eq!(world.tells(&silent), Taken::Counted);
    assert_eq!(world.gateway.journal.newest(), records, "nothing of it is written down");
    assert_eq!(world.tells(&walk_in("1")), Taken::Kept);
    assert_eq!(world.tells(&walk_in("1")), Taken::Again);
    let mut bad = walk_in("2");
    bad.identities = vec![Identity { kind: Kind::Phone, value: "110".to_owned() }];
    assert!(matches!(world.tells(&bad), Taken::Refused(_)));
    world.is_killed(&config, 3);
    assert_eq!(world.tells(&walk_in("1")), Taken::Again, "over a restart too");
    let who = Who::Identity(Kind::Sip, "201@branch.example".to_owned());
    let person = world.person(who.clone()).expect("somebody by now");
    assert_eq!(person.timeline.len(), 1);
    let Happening::Seen { channel: By::Visit, name, detail } = &person.timeline[0].moment.what
    else {
        panic!("{person:?}")
    };
    assert_eq!((name.as_str(), detail.as_deref()), ("walk-in", Some("front door")));
    let written: Vec<u8> = world.journal.concat();
    for clear in ["front door", "branch.example"] {
        let found = written.windows(clear.len()).any(|part| part == clear.as_bytes());
        assert!(!found, "{clear} is in the journal in clear");
    }
    assert_eq!(world.outcomes(), [Outcome::NoConsent], "and a journey began, which may not write");
    // Erased, what it was about can be read no more.
    world.order(Order::Erase { who: who.clone(), rule: None }).unwrap();
    assert!(world.person(who).is_none());
    let mut replay = Replay::default();
    let mut details = Vec::new();
    for segment in &world.journal {
        replay.read(segment, &mut |entry| {
            if let Some(Kept::Site(site)) = entry.event {
                details.extend(site.detail);
            }
        });
    }
    let keys = world.gateway.journal.keys();
    assert_eq!(details.iter().map(|detail| keys.read(detail)).collect::<Vec<_>>(), [None]);
}

/// Each intention is on the disk before anything comes of it: a disk that takes its time holds it back.
#[test]
fn nothing_is_done_before_its_intention_is_on_the_disk() {
    let config = with_rules(&[("greet", GREET)], "chat = 'phone'");
    let mut world = at_a_phone(&config);
    assert_eq!(world.tells(&walk_in("1")), Taken::Kept);
    let texts = world.parties[1].texts.len();
    world.seconds(2);
    assert_eq!(world.parties[1].texts.len(), texts + 1);
    world.disk_waits = true;
    let events = vec![walk_in("2")];
    assert_eq!(world.ask(&Command::SiteEvents { events }), None, "not acknowledged either");
    world.seconds(5);
    assert_eq!(world.parties[1].texts.len(), texts + 1);
    world.disk_waits = false;
    world.disk_goes_on();
    world.seconds(5);
    assert_eq!(world.parties[1].texts.len(), texts + 2);
}

/// Where nobody has said where somebody lives, a number from abroad tells.
#[test]
fn a_number_from_abroad_is_left_alone_by_the_clock_over_there() {
    let rule = "on = 'cart'\n[[step]]\nmessage = 'sms'\ntext = 'Hello.'\n";
    let config = with_rules(&[("hello", rule)], "sms = 'webhook:sender'");
    // Nine in the evening in Tokyo, noon at the site.
    let mut world = World::journeys(&config, "2026-11-16T12:00:00Z");
    // One of the site's own country and of no area that has a clock of its own, and one of an area that has.
    for (number, id) in [("+81312345678", "1"), ("+16285551200", "2"), ("+14085551200", "3")] {
        let identities = vec![Identity { kind: Kind::Phone, value: number.to_owned() }];
        let (source, channel) = (Default::default(), None);
        let order = Order::Create {
            fields: BTreeMap::new(),
            identities: identities.clone(),
            source,
            channel,
        };
        let who = Who::Contact(world.order(order).unwrap().contact.unwrap());
        let order = Order::Consent {
            who,
            channel: By::Sms,
            purpose: "service".to_owned(),
            given: true,
            source: Default::default(),
            through: None,
        };
        world.order(order).unwrap();
        let event =
            SiteEvent { id: id.to_owned(), kind: "cart".to_owned(), identities, ..walk_in("") };
        assert_eq!(world.tells(&event), Taken::Kept);
    }
    world.seconds(60);
    assert_eq!(world.due(), [(sms("Hello."), Some("+16285551200".to_owned()))]);
    let mut listed = world.listed();
    listed.running.sort_by_key(|line| line.until);
    assert!(listed.running.iter().all(|line| line.words == "waits for the end of quiet hours"));
    let until: Vec<_> = listed.running.iter().filter_map(|line| line.until).collect();
    assert_eq!(
        until,
        [at("2026-11-16T16:00:00Z"), at("2026-11-16T23:00:00Z")],
        "eight in California"
    );
    world.seconds(4 * 3_600 + 60);
    assert_eq!(world.due().last(), Some(&(sms("Hello."), Some("+14085551200".to_owned()))));
    world.seconds(7 * 3_600);
    assert_eq!(world.due().last(), Some(&(sms("Hello."), Some("+81312345678".to_owned()))));
}

const OFFER: &str = "on = 'cart'\npurpose = 'marketing'\nat_most = { messages = 1, within = '7d' }\n\
                     [[step]]\nwait = '1h'\n[[step]]\nmessage = 'sms'\ntext = 'Ten percent off.'\n";

/// What happens with somebody: with the branch, their number among all, who they are, and what they are known by.
type Does<'a> = &'a dyn Fn(&mut World, usize, Who, Identity<String>);

/// What begins journeys with everybody: a rule and its words, what it is for, how much time lies between two people, and
/// what happens with each.
struct Begins<'a> {
    rule: &'a str,
    text: &'a str,
    purpose: &'a str,
    every: Duration,
    with: Does<'a>,
}

/// Two carts each, at any time of two days: the second finds the cap reached, or the first on its way.
fn leaves_carts(world: &mut World, number: usize, _: Who, identity: Identity<String>) {
    for cart in 0..2 {
        let event = SiteEvent {
            id: format!("{number}/{cart}"),
            kind: "cart".to_owned(),
            identities: vec![identity.clone()],
            detail: None,
            ..walk_in("")
        };
        assert_eq!(world.tells(&event), Taken::Kept);
    }
}

const CARTS: Begins = Begins {
    rule: OFFER,
    text: "Ten percent off.",
    purpose: "marketing",
    every: Duration::from_secs(140),
    with: &leaves_carts,
};

/// A thousand people and more, in every time zone there is, on the days around a change of clocks: each has one message and
/// none of them by night.
fn everybody(begin: &str, begins: &Begins) -> (usize, usize) {
    let config = with_rules(&[("all", begins.rule)], "sms = 'webhook:sender'");
    let mut world = World::journeys(&config, begin);
    let zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let zones: Vec<_> = zones.iter().filter(|name| hours::zone(name).is_some()).collect();
    let people = zones.iter().cycle().take(1_010.max(zones.len())).enumerate();
    let mut of: BTreeMap<String, &str> = BTreeMap::new();
    for (number, zone) in people {
        let phone = format!("+1408555{number:04}");
        of.insert(phone.clone(), zone);
        let identity = Identity { kind: Kind::Phone, value: phone };
        let fields = BTreeMap::from([("time_zone".to_owned(), (*zone).clone())]);
        let (source, channel) = (Default::default(), None);
        let identities = vec![identity.clone()];
        let made = world.order(Order::Create { fields, identities, source, channel }).unwrap();
        let who = Who::Contact(made.contact.unwrap());
        let purpose = begins.purpose.to_owned();
        let consent = Order::Consent {
            who: who.clone(),
            channel: By::Sms,
            purpose,
            given: true,
            source: Default::default(),
            through: None,
        };
        world.order(consent).unwrap();
        (begins.with)(&mut world, number, who, identity);
        world.pass(begins.every);
    }
    world.seconds(4 * 86_400);
    let night = Quiet { from: 20 * 60, to: 8 * 60 };
    let mut had: BTreeMap<String, usize> = BTreeMap::new();
    let mut held_back = 0;
    let mut replay = Replay::default();
    let keys = world.gateway.journal.keys();
    for segment in &world.journal {
        replay.read(segment, &mut |entry| {
            let Some(Kept::Journey(journey)) = &entry.event else { return };
            match &journey.change {
                Change::Due { action, carrier, .. } => {
                    assert_eq!(carrier, &Some(Carrier::Webhook("sender".into())));
                    assert_eq!(action, &sms(begins.text));
                    let to = keys.read(&journey.to.as_ref().unwrap().value).unwrap();
                    let zone = hours::zone(of[&to]).unwrap();
                    assert!(!night.covers(entry.at, &zone), "{} at {}", of[&to], entry.at);
                    *had.entry(to).or_default() += 1;
                }
                Change::Waits { until, .. } => {
                    held_back += usize::from(until.since(entry.at) != Duration::from_secs(3_600));
                }
                _ => {}
            }
        });
    }
    assert_eq!(had.len(), of.len(), "everybody has had one");
    assert!(had.values().all(|count| *count == 1));
    assert!(world.listed().running.is_empty() && world.gateway.journeys.is_idle());
    (had.len(), held_back)
}

#[test]
fn a_thousand_people_have_one_message_each_and_none_by_night_around_the_change_in_spring() {
    let (people, held_back) = everybody("2026-03-28T06:00:00Z", &CARTS);
    println!("{people} people, {held_back} waits for the end of a night");
    assert!(people > 1_000 && held_back > people / 3);
}

#[test]
fn a_thousand_people_have_one_message_each_and_none_by_night_around_the_change_in_autumn() {
    let (people, held_back) = everybody("2026-10-24T06:00:00Z", &CARTS);
    println!("{people} people, {held_back} waits for the end of a night");
    assert!(people > 1_000 && held_back > people / 3);
}

/// A case of each is due on one of three days around the change, and the rule begins at half past two: a time that a clock
/// leaves out in spring, and shows twice in autumn.
#[test]
fn whose_case_is_due_has_one_message_and_none_by_night_around_both_changes() {
    let rule = "on = 'time'\nat = '02:30'\nfield = 'due'\nof = 'case'\ndays_before = 1\n\
                [[step]]\nmessage = 'sms'\ntext = 'Due tomorrow.'\n";
    for (begin, days) in [
        ("2026-03-28T06:00:00Z", ["2026-03-30", "2026-03-31", "2026-04-01"]),
        ("2026-10-24T06:00:00Z", ["2026-10-26", "2026-10-27", "2026-10-28"]),
    ] {
        let with = move |world: &mut World, number: usize, who: Who, _: Identity<String>| {
            world.has_case(who, days[number % 3]);
        };
        let (text, purpose, every) = ("Due tomorrow.", "service", Duration::from_secs(1));
        let begins = Begins { rule, text, purpose, every, with: &with };
        let (people, held_back) = everybody(begin, &begins);
        println!("{people} people, {held_back} waits for the end of a night");
        assert!(people > 1_000 && held_back > people / 3);
    }
}

impl World {
    fn has_case(&mut self, who: Who, due: &str) -> crate::id::CaseId {
        let opened = self.order(Order::OpenCase { who, title: None, moments: Vec::new() });
        let case = opened.unwrap().case.unwrap();
        let fields = BTreeMap::from([("due".to_owned(), Some(due.to_owned()))]);
        assert_eq!(self.order(Order::EditCase { case, fields }).unwrap().case, Some(case));
        case
    }

    fn knows(&mut self, field: &str, date: &str, number: &str) -> crate::id::ContactId {
        let fields = BTreeMap::from([(field.to_owned(), date.to_owned())]);
        let identities = vec![Identity { kind: Kind::Phone, value: number.to_owned() }];
        let (source, channel) = (Default::default(), None);
        let order = Order::Create { fields, identities, source, channel };
        self.order(order).unwrap().contact.unwrap()
    }

    fn tasks(&mut self) -> Vec<String> {
        self.listed().tasks.into_iter().map(|task| task.text).collect()
    }
}

/// Every weekday at nine for nobody in particular, and for whoever's contract ends in three days.
#[test]
fn the_time_begins_rules_for_nobody_and_for_whoever_has_a_date_once_each_over_restarts() {
    let till = "on = 'time'\nat = '09:00'\ndays = 'mon-fri'\n[[step]]\nwait = '10m'\n\
                [[step]]\ntask = 'support'\ntext = 'Count the till.'\n";
    let ends = "on = 'time'\nat = '10:00'\nfield = 'contract_ends'\ndays_before = 3\n\
                [[step]]\ntask = 'support'\ntext = 'Offer a new contract.'\n";
    let config = with_rules(&[("till", till), ("ends", ends)], "");
    // A Friday.
    let mut world = World::journeys(&config, "2026-11-20T08:00:00Z");
    world.knows("contract_ends", "2026-11-23", "+14085551201");
    world.knows("contract_ends", "2026-11-24", "+14085551202");
    world.knows("birthday", "2026-11-23", "+14085551203");
    world.seconds(2 * 3_600 - 60);
    assert_eq!(world.tasks(), ["Count the till."]);
    // It is killed while the box looks for whoever has a date, and begins nothing twice.
    world.seconds(61);
    world.is_killed(&config, 5);
    world.seconds(600);
    assert_eq!(world.tasks(), ["Count the till.", "Offer a new contract."]);
    let open = world.gateway.journal.live().errands.0.values();
    let about: Vec<_> = open.map(|open| open.contact.is_some()).collect();
    assert_eq!(about.iter().filter(|about| **about).count(), 1, "the till is about nobody");
    // Saturday: no till; on Tuesday's account another contract; on Monday the till again.
    world.seconds(24 * 3_600);
    assert_eq!(world.tasks().len(), 3);
    world.seconds(2 * 24 * 3_600);
    let tasks = world.tasks();
    assert_eq!(
        tasks.iter().filter(|text| text.as_str() == "Count the till.").count(),
        2,
        "{tasks:?}"
    );
    assert_eq!(tasks.len(), 4);
    assert!(world.gateway.journeys.is_idle());
}

#[test]
fn a_date_of_a_case_begins_a_rule_once_over_a_restart_and_none_of_a_case_that_is_closed() {
    let due = "on = 'time'\nat = '10:00'\nfield = 'due'\nof = 'case'\ndays_before = 3\n\
               [[step]]\nwait = '1h'\n[[step]]\ntask = 'support'\ntext = 'It is due.'\n";
    let config = with_rules(&[("due", due)], "");
    let mut world = World::journeys(&config, "2026-11-20T08:00:00Z");
    // Somebody's own date is no case's.
    let ann = world.knows("due", "2026-11-23", "+14085551201");
    let gone = world.knows("name", "Bob", "+14085551202");
    let kept = world.knows("name", "Ann", "+14085551203");
    let merge = Order::Merge { kept: Who::Contact(kept), gone: Who::Contact(ann) };
    world.order(merge).unwrap();
    // Two matters of one person are two; one is closed before its day, one on it, one was never to be then.
    let mut case = |due| world.has_case(Who::Contact(ann), due);
    let (_first, second) = (case("2026-11-23"), case("2026-11-23T16:00:00Z"));
    let (before, meanwhile, _other) = (case("2026-11-23"), case("2026-11-23"), case("2026-11-24"));
    world.has_case(Who::Contact(gone), "2026-11-23");
    let close = |case, closed| Order::CloseCase { case, closed };
    world.order(close(before, true)).unwrap();
    // What has no date any more is not due.
    let undated = world.has_case(Who::Contact(ann), "2026-11-23");
    let fields = BTreeMap::from([("due".to_owned(), None)]);
    world.order(Order::EditCase { case: undated, fields: fields.clone() }).unwrap();
    assert!(world.order(Order::EditCase { case: before, fields }).is_err(), "it is closed");
    world.seconds(2 * 3_600 + 1);
    world.is_killed(&config, 5);
    world.seconds(600);
    assert_eq!(world.listed().running.len(), 4, "{:?}", world.listed().running);
    // Closed and erased while their journeys wait.
    world.order(close(meanwhile, true)).unwrap();
    world.order(Order::Erase { who: Who::Contact(gone), rule: None }).unwrap();
    // Closed and open again is open.
    world.order(close(second, true)).unwrap();
    world.order(close(second, false)).unwrap();
    world.seconds(3_600);
    assert_eq!(world.tasks(), ["It is due.", "It is due."]);
    let open = world.gateway.journal.live().errands.0.values();
    assert!(open.map(|open| open.contact).all(|contact| contact == Some(kept)));
    let over =
        |journey: &Journey| matches!(journey.change, Change::Ended { why: Why::CaseOver, .. });
    assert_eq!(world.changes().iter().filter(|journey| over(journey)).count(), 1);
    world.seconds(24 * 3_600);
    assert_eq!(world.tasks().len(), 3, "the other one on its own day");
    assert!(world.gateway.journeys.is_idle());
}
