//! One modem's supervisor against a simulated modem, in virtual time: every quirk, and everything that goes wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use branchline::random::Random;
use branchline::sms::modem::{
    Condition, Kept, Modem, NoLine, Order, Outcome, Output, Profiles, Send, Settings, Told, Whose,
};
use branchline::sms::pdu::{Content, Deliver};
use branchline::sms::simulated::{self, Make, Quirk, Quirks, Registration, Simulated, deliver};
use branchline::time::{Now, UnixTime};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Lives of a modem, and what happens in each: some seconds of work.
const LIVES: u64 = 12;
const EVENTS: usize = 40;
const HOUR: Duration = Duration::from_secs(3_600);

/// A supervisor, a modem, the line between them, and an owner who stores what he is told.
struct World {
    now: Now,
    modem: Modem,
    other: Simulated,
    open: bool,
    there: bool,
    stores: bool,
    kept: Kept,
    told: Vec<Told>,
    /// Whether the line is the one at which the modem said who it is.
    own: bool,
    opened: usize,
    powered: usize,
    written: usize,
    given: Vec<u64>,
    /// What was given to a supervisor that has ended since: its owner knows it as doubtful.
    lost_with_restart: Vec<u64>,
}

impl World {
    fn new(make: Make) -> World {
        World::with(make, Settings { label: "front".to_owned(), ..Settings::default() }, "")
    }

    fn quirky(quirk: Quirk) -> World {
        World::new(Make { quirks: Quirks::from([quirk]), ..Make::default() })
    }

    fn with(make: Make, settings: Settings, profile: &str) -> World {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_764_000_000_000_000) };
        let own = format!("manufacturer = ['Branchline']\n{profile}");
        let own = if profile.is_empty() { Vec::new() } else { vec![("own".to_owned(), own)] };
        let profiles = Arc::new(Profiles::with(&own).expect("profiles"));
        World {
            now,
            modem: Modem::new(settings, profiles, Kept::default()),
            other: Simulated::new(now, make),
            open: false,
            there: true,
            stores: true,
            kept: Kept::default(),
            told: Vec::new(),
            own: true,
            opened: 0,
            powered: 0,
            written: 0,
            given: Vec::new(),
            lost_with_restart: Vec::new(),
        }
    }

    fn run(&mut self, span: Duration) -> &mut Self {
        let end = self.now.instant + span;
        let mut turns = 0u32;
        loop {
            self.settle();
            let due = [self.modem.deadline(), self.other.deadline()].into_iter().flatten().min();
            let at = due.unwrap_or(end).max(self.now.instant).min(end);
            self.now = self.now.after(at - self.now.instant);
            self.other.handle_timeout(self.now);
            self.modem.handle_timeout(self.now);
            self.settle();
            let idle = [self.modem.deadline(), self.other.deadline()].into_iter().flatten().min();
            turns += 1;
            assert!(turns < 2_000_000, "it turns and gets nowhere: {:?}", self.modem.snapshot());
            if self.now.instant >= end && idle.is_none_or(|at| at > end) {
                return self;
            }
        }
    }

    /// Until nothing more happens at this instant.
    fn settle(&mut self) {
        for turn in 0.. {
            assert!(turn < 200_000, "it never settles: {:?}", self.modem.transcript().last());
            if let Some(output) = self.modem.poll_output() {
                self.obey(output);
            } else if let Some(output) = self.other.poll_output() {
                match output {
                    simulated::Output::Write(octets) if self.open => {
                        self.modem.handle_bytes(self.now, &octets);
                    }
                    simulated::Output::Write(_) => {}
                    simulated::Output::HangUp => {
                        self.there = false;
                        if std::mem::take(&mut self.open) {
                            self.modem.handle_gone(self.now);
                        }
                    }
                    simulated::Output::Return => self.there = true,
                }
            } else {
                return;
            }
        }
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Write(octets) => {
                self.written += octets.len();
                if self.open {
                    self.other.handle_bytes(self.now, &octets);
                }
            }
            Output::Open { other } if self.there && !other => {
                self.open = true;
                self.opened += 1;
                self.modem.handle_opened(self.now, self.own);
            }
            Output::Open { .. } => self.modem.handle_no_line(self.now, NoLine::Absent),
            Output::Close => self.open = false,
            Output::Power => self.powered += 1,
            Output::Told(told) => {
                let key = match &told {
                    Told::Arrived { key, .. } | Told::Report { key, .. } => Some(key.clone()),
                    Told::Remember(change) => {
                        self.kept.apply(change.clone());
                        None
                    }
                    _ => None,
                };
                self.told.push(told);
                if let Some(key) = key.filter(|_| self.stores) {
                    self.modem.handle_order(self.now, Order::Stored(key));
                }
            }
        }
    }

    /// The gateway ends and begins: what was remembered is all it has.
    fn restart(&mut self) {
        let profiles = Arc::new(Profiles::shipped().expect("profiles"));
        let given = std::mem::take(&mut self.given);
        let open: Vec<_> = given.into_iter().filter(|id| self.outcome(*id).is_none()).collect();
        self.lost_with_restart.extend(open);
        self.open = false;
        self.modem = Modem::new(Settings::default(), profiles, self.kept.clone());
        self.settle();
    }

    fn order(&mut self, order: Order) -> &mut Self {
        if let Order::Send(send) = &order {
            self.given.push(send.id);
        }
        self.modem.handle_order(self.now, order);
        self.settle();
        self
    }

    fn receive(&mut self, text: &str) -> bool {
        let tpdu = deliver("+15550001", text, self.now.unix);
        self.other.receive(self.now, &tpdu)
    }

    fn send(&mut self, id: u64, parts: usize) -> &mut Self {
        let until = self.now.unix + HOUR;
        let parts = (0..parts).map(|n| submit("15550002", &format!("part {n}"))).collect();
        let send = Send { id, to: "+15550002".to_owned(), parts, until, urgent: false };
        self.order(Order::Send(send))
    }

    fn texts(&self) -> Vec<String> {
        let arrived = self.told.iter().filter_map(|told| match told {
            Told::Arrived { deliver: Some(deliver), .. } => Some(words(deliver)),
            _ => None,
        });
        arrived.collect()
    }

    fn outcome(&self, id: u64) -> Option<&Outcome> {
        let mut found = self.told.iter().filter_map(|told| match told {
            Told::Sent { id: of, outcome } if *of == id => Some(outcome),
            _ => None,
        });
        let first = found.next();
        assert!(found.next().is_none(), "two outcomes for {id}");
        first
    }

    fn reports(&self) -> Vec<Option<&str>> {
        let reports = self.told.iter().filter_map(|told| match told {
            Told::Report { reference, .. } => Some(reference.as_deref()),
            _ => None,
        });
        reports.collect()
    }

    #[track_caller]
    fn is(&self, condition: Condition) {
        let transcript = self.modem.transcript();
        let last: Vec<_> = transcript.iter().rev().take(12).map(|entry| &entry.text).collect();
        assert_eq!(self.modem.condition(), condition, "{last:#?}");
    }
}

/// An SMS-SUBMIT in UCS-2 that wants a report (TS 23.040 section 9.2.2.2).
fn submit(to: &str, text: &str) -> Vec<u8> {
    let digits: Vec<u8> = to.bytes().map(|c| c - b'0').collect();
    let mut tpdu = vec![0x21, 0, u8::try_from(digits.len()).expect("a number"), 0x91];
    tpdu.extend(digits.chunks(2).map(|pair| pair[0] | (pair.get(1).unwrap_or(&15) << 4)));
    tpdu.extend([0x00, 0x08]);
    let body: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    tpdu.push(u8::try_from(body.len()).expect("a short text"));
    tpdu.extend(body);
    tpdu
}

/// What a modem must do whatever it is like: come up, hand over what arrives once, send, and say what is reported.
#[track_caller]
fn works(world: &mut World) {
    world.run(3 * MINUTE).is(Condition::Ready);
    assert!(world.receive("one"));
    assert!(world.run(10 * SECOND).receive("two"));
    world.run(3 * MINUTE);
    let mut texts = world.texts();
    texts.sort();
    assert_eq!(texts, ["one", "two"], "each is told once");
    assert_eq!(world.other.kept("SM") + world.other.kept("ME"), 0, "what is stored is removed");
    world.send(7, 1).run(3 * MINUTE);
    let Some(Outcome::Accepted { references }) = world.outcome(7) else {
        panic!("{:?}", world.outcome(7))
    };
    let reference = references[0].clone();
    assert_eq!(world.other.sent().len(), 1);
    let number = world.other.sent()[0].reference;
    world.other.report(world.now, number, 0);
    world.run(3 * MINUTE);
    assert_eq!(world.reports(), [Some(reference.as_str())]);
    assert_eq!(world.modem.snapshot().outstanding, 0);
    world.is(Condition::Ready);
}

fn words(deliver: &Deliver) -> String {
    match deliver.reading().content {
        Content::Text(text) => text,
        Content::Octets(octets) => format!("{octets:?}"),
    }
}

/// A test for each switch under which everything works.
macro_rules! works_with {
    ($($name:ident: $quirk:ident,)*) => {
        mod works_with {
            use super::*;
            $(#[test]
            fn $name() {
                works(&mut World::quirky(Quirk::$quirk));
            })*
        }

        const WORKS: &[Quirk] = &[$(Quirk::$quirk,)*];
    };
}

works_with! {
    chatter: Chatter,
    codes_elsewhere: CodesElsewhere,
    mode_one_only: ModeOneOnly,
    no_direct_reports: NoDirectReports,
    always_direct: AlwaysDirect,
    hangs_on_report: HangsOnReport,
    cnma_bare_only: CnmaBareOnly,
    cnma_number_only: CnmaNumberOnly,
    no_cnma: NoCnma,
    csms_128: Csms128,
    csms_unusable: CsmsUnusable,
    cpms_one_argument: CpmsOneArgument,
    creg_long: CregLong,
    creg_quotes: CregQuotes,
    creg_bare: CregBare,
    reports_in_sr: ReportsInSr,
    no_sr: NoSr,
    from_zero: FromZero,
    from_900: From900,
    broken_cmgl: BrokenCmgl,
    no_cmgl: NoCmgl,
    shared_memory: SharedMemory,
    no_ucs2: NoUcs2,
    utf_8: Utf8,
    cpin_without_ok: CpinWithoutOk,
    long_year: LongYear,
    ussd_ucs2: UssdUcs2,
    echo_forced: EchoForced,
    no_echo: NoEcho,
    bare_return: BareReturn,
    late_answers: LateAnswers,
    sim_busy: SimBusy,
    packet_only: PacketOnly,
    wordy_errors: WordyErrors,
    reset_loses_line: ResetLosesLine,
    slow_reader: SlowReader,
    overruns: Overruns,
}

/// Those that have a test of their own below.
const OWN: &[Quirk] = &[
    Quirk::PositionPort,
    Quirk::DeafPort,
    Quirk::NoReports,
    Quirk::CnmiForgets,
    Quirk::ReportWithComma,
    Quirk::DirectWithoutName,
    Quirk::UssdPacked,
    Quirk::RegisteredWithoutSms,
    Quirk::NoSmsByAt,
    Quirk::DetachesOnSend,
    Quirk::Barred,
    Quirk::Restarts,
];

#[test]
fn every_switch_has_its_test() {
    let without: Vec<_> =
        Quirk::ALL.iter().filter(|q| !WORKS.contains(q) && !OWN.contains(q)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn a_plain_modem_works_and_is_asked_little() {
    let mut world = World::new(Make::default());
    works(&mut world);
    let snapshot = world.modem.snapshot();
    assert_eq!(snapshot.identity.imei.as_deref(), Some("490154203237518"));
    assert_eq!(snapshot.announcing.as_deref(), Some("2,1,0,2,0"));
    assert_eq!((snapshot.signal, snapshot.resets, snapshot.garbage), (Some(21), 0, 0));
    // Nothing that a person wrote, and no number, is in what goes into a bundle.
    let transcript = format!("{:?}", world.modem.transcript());
    for secret in ["490154203237518", "8901260000000000018", "15550001", "006F006E0065"] {
        assert!(!transcript.contains(secret), "{secret} in {transcript}");
    }
}

#[test]
fn a_port_that_is_none_for_commands_is_said_to_be_deaf() {
    for quirk in [Quirk::PositionPort, Quirk::DeafPort] {
        let mut world = World::quirky(quirk);
        world.run(2 * MINUTE).is(Condition::Deaf);
    }
}

#[test]
fn without_reports_everything_else_works() {
    for quirk in [Quirk::NoReports, Quirk::CnmiForgets] {
        let mut world = World::quirky(quirk);
        world.run(MINUTE).is(Condition::Ready);
        assert!(world.receive("one"));
        world.send(1, 1).run(MINUTE);
        assert_eq!(world.texts(), ["one"]);
        assert!(matches!(world.outcome(1), Some(Outcome::Accepted { .. })));
        let announcing = world.modem.snapshot().announcing.expect("it was read back");
        assert!(announcing.ends_with("0,0"), "{announcing}");
    }
}

#[test]
fn what_comes_directly_is_acknowledged_in_every_shape() {
    for quirk in [Quirk::DirectWithoutName, Quirk::ReportWithComma] {
        let quirks = Quirks::from([quirk, Quirk::AlwaysDirect, Quirk::NoSr]);
        works(&mut World::new(Make { quirks, ..Make::default() }));
    }
}

#[test]
fn a_direct_message_is_not_acknowledged_before_it_is_stored() {
    let mut world = World::quirky(Quirk::AlwaysDirect);
    world.run(MINUTE);
    world.stores = false;
    assert!(world.receive("one"));
    world.run(10 * SECOND);
    assert_eq!(world.texts(), ["one"]);
    // The modem still waits for our word: nothing else is given.
    assert!(!world.receive("two"));
    let Some(Told::Arrived { key, .. }) =
        world.told.iter().find(|t| matches!(t, Told::Arrived { .. }))
    else {
        panic!("nothing arrived")
    };
    let key = key.clone();
    world.order(Order::Stored(key)).run(SECOND);
    assert!(world.receive("two"));
}

#[test]
fn a_memory_counted_from_900_that_cannot_be_listed_is_read_by_its_profile() {
    let quirks = Quirks::from([Quirk::From900, Quirk::NoCmgl]);
    works(&mut World::with(
        Make { quirks, ..Make::default() },
        Settings::default(),
        "first_place = 900",
    ));
}

#[test]
fn ussd_is_understood_in_every_way_it_is_written() {
    let ask = |quirk: Option<Quirk>, profile: &str| {
        let quirks = quirk.into_iter().collect();
        let mut world =
            World::with(Make { quirks, ..Make::default() }, Settings::default(), profile);
        world.run(MINUTE);
        world.order(Order::Ussd("*100#".to_owned())).run(MINUTE);
        world.told.iter().find_map(|told| match told {
            Told::Ussd { text, .. } => text.clone(),
            _ => None,
        })
    };
    assert_eq!(ask(None, "").as_deref(), Some("Balance 12.50"));
    assert_eq!(ask(Some(Quirk::UssdUcs2), "").as_deref(), Some("Balance 12.50"));
    assert_eq!(ask(Some(Quirk::Utf8), "").as_deref(), Some("Balance 12.50 €"));
    assert_eq!(ask(Some(Quirk::UssdPacked), "ussd = 'packed'").as_deref(), Some("Balance 12.50"));
}

#[test]
fn a_menu_of_ussd_is_walked_through() {
    let mut world = World::new(Make::default());
    world.run(MINUTE).order(Order::Ussd("*101#".to_owned())).run(SECOND);
    world.order(Order::Ussd("1".to_owned())).run(SECOND);
    let said: Vec<_> = world
        .told
        .iter()
        .filter_map(|told| match told {
            Told::Ussd { text, more } => Some((text.as_deref(), *more)),
            _ => None,
        })
        .collect();
    assert_eq!(said, [(Some("1 Balance\n2 Top up"), true), (Some("Done"), false)]);
}

#[test]
fn registered_and_no_message_leaves() {
    let mut world = World::quirky(Quirk::RegisteredWithoutSms);
    world.run(MINUTE).send(1, 1).run(MINUTE);
    let Some(Outcome::Refused { why, .. }) = world.outcome(1) else { panic!("it was sent") };
    assert_eq!(why.code, Some(500));
}

#[test]
fn a_part_that_came_torn_is_given_once_more_slowly_and_so_is_what_follows() {
    let mut world = World::quirky(Quirk::Overruns);
    world.run(MINUTE).send(1, 3).run(MINUTE);
    let Some(Outcome::Accepted { references }) = world.outcome(1) else {
        panic!("{:?}", world.outcome(1))
    };
    let parts: Vec<_> = world.other.sent().iter().map(|sent| sent.tpdu.clone()).collect();
    let wanted = (0..3).map(|n| submit("15550002", &format!("part {n}")));
    assert_eq!((parts, references.len()), (wanted.collect(), 3));
    let torn = |world: &World| {
        world.modem.transcript().iter().filter(|entry| entry.text.contains("came torn")).count()
    };
    assert_eq!(torn(&world), 1);
    world.send(2, 1).run(MINUTE);
    assert!(matches!(world.outcome(2), Some(Outcome::Accepted { .. })));
    assert_eq!((torn(&world), world.other.sent().len()), (1, 4));
}

#[test]
fn a_part_that_is_refused_at_every_pace_is_refused_and_what_follows_is_said_at_once() {
    let mut world = World::new(Make::default());
    world.run(MINUTE);
    world.other.refuse(Some("+CMS ERROR: 304"));
    world.send(1, 2).run(10 * SECOND);
    let Some(Outcome::Refused { references, why }) = world.outcome(1) else {
        panic!("{:?}", world.outcome(1))
    };
    assert_eq!((references.len(), why.whose, why.code), (0, Whose::Content, Some(304)));
    assert_eq!(asked_to_send(&world), 3, "at once, slowly, slower");
    world.other.refuse(None);
    world.send(2, 1).run(SECOND / 100);
    assert!(matches!(world.outcome(2), Some(Outcome::Accepted { .. })), "at no pace");
    assert_eq!(world.other.sent().len(), 1);
}

#[test]
fn what_the_network_refuses_is_not_given_again() {
    let mut world = World::new(Make::default());
    world.run(MINUTE);
    world.other.refuse(Some("+CMS ERROR: 38"));
    world.send(1, 1).run(MINUTE);
    let Some(Outcome::Refused { why, .. }) = world.outcome(1) else { panic!("it was sent") };
    assert_eq!(why.code, Some(38));
    assert_eq!(asked_to_send(&world), 1);
}

#[test]
fn a_modem_that_falls_silent_is_shown_as_such_within_a_minute() {
    let mut world = World::new(Make::default());
    world.run(10 * MINUTE).is(Condition::Ready);
    world.other.cut(true);
    world.run(MINUTE);
    assert_ne!(world.modem.condition(), Condition::Ready);
    let ladder = world.modem.snapshot().ladder;
    assert!(ladder[0].ends_with("Reopen: it is silent"), "{ladder:?}");
    world.other.cut(false);
    world.run(MINUTE).is(Condition::Ready);
}

#[test]
fn what_is_plugged_in_where_the_modem_was_is_neither_reset_nor_has_its_power_cut() {
    let resets = |own| {
        let mut world = World::new(Make::default());
        world.run(10 * MINUTE).is(Condition::Ready);
        world.other.cut(true);
        (world.open, world.own) = (false, own);
        world.modem.handle_gone(world.now);
        world.run(HOUR);
        (world.modem.condition(), world.modem.snapshot().resets, world.powered)
    };
    assert_eq!(resets(false), (Condition::Deaf, 0, 0));
    let (_, resets, powered) = resets(true);
    assert!(resets > 0 && powered > 0, "its own line is: {resets} resets, {powered} cuts");
}

fn asked_to_send(world: &World) -> usize {
    world.modem.transcript().iter().filter(|entry| entry.text.starts_with("AT+CMGS")).count()
}

#[test]
fn what_is_never_announced_is_found_when_the_memories_are_counted() {
    let mut world = World::quirky(Quirk::CodesElsewhere);
    world.run(10 * SECOND);
    assert!(world.receive("one"));
    world.run(40 * SECOND);
    assert_eq!(world.texts(), ["one"]);
}

#[test]
fn a_memory_in_which_nothing_can_be_deleted_is_full_until_it_can() {
    let mut world = World::new(Make::default());
    world.run(MINUTE);
    world.other.set_capacity(1);
    world.other.wear_out(true);
    assert!(world.receive("one"));
    assert!(!world.run(MINUTE).receive("two"));
    assert!(world.modem.snapshot().full);
    world.other.wear_out(false);
    world.run(MINUTE);
    assert!(!world.modem.snapshot().full);
    assert!(world.receive("two"));
    let mut texts = world.run(MINUTE).texts();
    texts.dedup();
    assert_eq!(texts, ["one", "two"]);
}

#[test]
fn a_module_that_wants_qmi_says_so() {
    World::quirky(Quirk::NoSmsByAt).run(MINUTE).is(Condition::NoMessages);
}

#[test]
fn a_line_that_dies_behind_the_body_makes_a_doubtful_message_and_it_is_not_sent_again() {
    let mut world = World::quirky(Quirk::DetachesOnSend);
    world.run(MINUTE).send(1, 1).run(5 * SECOND);
    assert_eq!(world.outcome(1), Some(&Outcome::Doubtful { references: Vec::new() }));
    world.run(2 * MINUTE).is(Condition::Ready);
    assert_eq!(world.other.sent().len(), 1);
}

#[test]
fn a_barred_sim_is_the_accounts_fault() {
    let mut world = World::quirky(Quirk::Barred);
    world.run(MINUTE);
    for id in 1..=4 {
        world.send(id, 1).run(SECOND);
    }
    let Some(Outcome::Refused { why, .. }) = world.outcome(4) else { panic!("it was sent") };
    assert_eq!((why.whose, why.code), (Whose::Account, Some(8)));
}

#[test]
fn a_modem_that_restarts_by_itself_is_set_up_anew_each_time() {
    let mut world = World::quirky(Quirk::Restarts);
    world.run(5 * MINUTE);
    for n in 0..20 {
        world.receive(&format!("{n}"));
        world.run(17 * SECOND);
    }
    world.run(2 * MINUTE);
    let taken = world.texts().len();
    assert!(taken >= 10, "only {taken} of them were told");
    assert_eq!(world.other.kept("SM"), 0);
}

#[test]
fn parts_have_references_of_their_own_and_reports_find_them_after_a_restart() {
    let mut world = World::new(Make::default());
    world.run(MINUTE).send(1, 3).run(10 * SECOND);
    let Some(Outcome::Accepted { references }) = world.outcome(1).cloned() else {
        panic!("not sent")
    };
    assert_eq!(references.len(), 3);
    assert_eq!(world.kept.outstanding.len(), 3);
    // The gateway ends and begins; what was remembered is all it has.
    let profiles = Arc::new(Profiles::shipped().expect("profiles"));
    world.modem = Modem::new(Settings::default(), profiles, world.kept.clone());
    world.told.clear();
    world.other.report(world.now, 2, 0x30);
    world.other.report(world.now, 2, 0);
    world.other.report(world.now, 3, 0x46);
    world.run(3 * MINUTE);
    assert_eq!(
        world.reports(),
        [Some(references[1].as_str()), Some(references[1].as_str()), Some(references[2].as_str())]
    );
    assert_eq!(world.kept.outstanding.len(), 1);
}

#[test]
fn a_report_of_nobody_is_told_as_such_and_leaves_room() {
    let mut world = World::new(Make::default());
    world.run(MINUTE).send(1, 1).run(SECOND);
    world.other.report(world.now, 1, 0);
    world.run(SECOND);
    world.other.report(world.now, 1, 0x41);
    world.run(5 * MINUTE);
    assert_eq!(world.reports().len(), 2);
    assert_eq!(world.reports()[1], None);
    assert_eq!(world.other.kept("SR"), 0);
}

#[test]
fn nothing_is_removed_that_is_not_stored_and_a_restart_shows_it_again() {
    let mut world = World::new(Make::default());
    world.stores = false;
    world.run(MINUTE);
    assert!(world.receive("one"));
    world.run(HOUR);
    assert_eq!((world.texts(), world.other.kept("SM")), (vec!["one".to_owned()], 1));
    let profiles = Arc::new(Profiles::shipped().expect("profiles"));
    world.modem = Modem::new(Settings::default(), profiles, Kept::default());
    world.stores = true;
    world.run(MINUTE);
    assert_eq!((world.texts().len(), world.other.kept("SM")), (2, 0));
    let keys: std::collections::BTreeSet<_> = world
        .told
        .iter()
        .filter_map(|told| if let Told::Arrived { key, .. } = told { Some(key) } else { None })
        .collect();
    assert_eq!(keys.len(), 1, "the same message has the same key");
}

#[test]
fn a_full_memory_is_said_to_be_full_and_is_emptied() {
    let mut world = World::new(Make::default());
    world.stores = false;
    world.other.set_capacity(4);
    world.run(MINUTE);
    (0..4).for_each(|n| assert!(world.receive(&format!("{n}"))));
    assert!(!world.receive("no room"));
    world.run(2 * MINUTE);
    assert!(world.modem.snapshot().full);
    world.stores = true;
    let keys: Vec<_> = world
        .told
        .iter()
        .filter_map(
            |told| if let Told::Arrived { key, .. } = told { Some(key.clone()) } else { None },
        )
        .collect();
    for key in keys {
        world.order(Order::Stored(key));
    }
    world.run(MINUTE);
    assert!(!world.modem.snapshot().full);
    assert!(world.receive("room again"));
    world.run(MINUTE);
    assert_eq!(world.texts().len(), 5);
}

#[test]
fn what_lay_in_any_memory_before_is_read_at_the_start() {
    let mut world = World::new(Make::default());
    for (memory, text) in [("SM", "a"), ("ME", "b")] {
        let pdu = [&[0u8][..], &deliver("+15550001", text, world.now.unix)].concat();
        assert!(world.other.put(memory, pdu));
    }
    assert!(world.other.put("SM", vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    world.run(MINUTE);
    assert_eq!(world.texts(), ["a", "b"]);
    let unread = |told: &&Told| matches!(told, Told::Arrived { deliver: None, .. });
    assert_eq!(world.told.iter().filter(unread).count(), 1, "garbage is kept, not lost");
    assert_eq!(world.other.kept("SM") + world.other.kept("ME"), 0);
}

fn locked(tries: u8) -> Make {
    Make { pin: Some("1234".to_owned()), tries, ..Make::default() }
}

fn pin(pin: &str) -> Settings {
    Settings { pin: Some(pin.to_owned()), ..Settings::default() }
}

#[test]
fn the_right_pin_unlocks_and_none_is_asked_for() {
    let mut world = World::with(locked(3), pin("1234"), "");
    world.run(MINUTE).is(Condition::Ready);
    let mut world = World::with(locked(3), Settings::default(), "");
    world.run(MINUTE).is(Condition::PinMissing);
    assert_eq!(world.other.tries(), 3);
}

#[test]
fn a_wrong_pin_is_tried_once_and_not_after_a_restart_either() {
    let mut world = World::with(locked(3), pin("0000"), "");
    world.run(HOUR).is(Condition::PinWrong);
    assert_eq!(world.other.tries(), 2);
    let profiles = Arc::new(Profiles::shipped().expect("profiles"));
    world.modem = Modem::new(pin("0000"), profiles, world.kept.clone());
    world.run(HOUR).is(Condition::PinWrong);
    assert_eq!(world.other.tries(), 2);
    assert!(!format!("{:?}", world.modem.transcript()).contains("0000\\\""));
}

#[test]
fn the_last_try_for_a_pin_is_left_to_a_person() {
    let mut world = World::with(locked(1), pin("1234"), "");
    world.run(HOUR).is(Condition::PinLastTry);
    assert_eq!(world.other.tries(), 1);
    let mut world =
        World::with(locked(1), pin("1234"), "pin_counter = 'AT+UPINCNT'\npin_counter_field = 0");
    world.run(HOUR).is(Condition::PinLastTry);
    assert_eq!(world.other.tries(), 1);
}

#[test]
fn states_are_shown_as_they_come_and_go() {
    let mut world = World::new(Make { iccid: None, ..Make::default() });
    world.run(MINUTE).is(Condition::NoSim);
    world.other.set_sim(Some("8901260000000000018"));
    world.run(MINUTE).is(Condition::Ready);
    for (registration, condition) in [
        (Registration::Roaming, Condition::Roaming),
        (Registration::Searching, Condition::Searching),
        (Registration::Denied, Condition::Denied),
        (Registration::Home, Condition::Ready),
    ] {
        world.other.set_registration(registration);
        world.run(MINUTE).is(condition);
    }
    world.other.set_registration(Registration::Searching);
    world.run(MINUTE).send(1, 1);
    assert_eq!(world.outcome(1), Some(&Outcome::Away));
}

#[test]
fn a_modem_that_was_pulled_out_is_waited_for_and_another_is_not_taken_for_it() {
    let mut world = World::new(Make::default());
    world.run(MINUTE).is(Condition::Ready);
    world.other.unplug();
    world.run(MINUTE).is(Condition::Absent);
    let same = std::mem::replace(
        &mut world.other,
        Simulated::new(world.now, Make { imei: "356938035643809".to_owned(), ..Make::default() }),
    );
    world.there = true;
    world.run(MINUTE).is(Condition::Foreign);
    world.other = same;
    world.open = false;
    world.other.plug(world.now);
    world.run(2 * MINUTE).is(Condition::Ready);
    world.receive("after");
    world.run(MINUTE);
    assert_eq!(world.texts(), ["after"]);
}

#[test]
fn another_sim_in_the_same_modem_is_noticed() {
    let mut world = World::new(Make::default());
    world.run(MINUTE).is(Condition::Ready);
    world.other.unplug();
    world.run(SECOND);
    world.other.set_sim(Some("8901260000000000026"));
    world.other.plug(world.now);
    world.run(MINUTE).is(Condition::Foreign);
}

#[test]
fn a_modem_that_falls_silent_for_hours_is_reset_within_its_budget_and_comes_back() {
    let mut world = World::new(Make::default());
    world.run(MINUTE).is(Condition::Ready);
    world.other.cut(true);
    world.run(12 * HOUR);
    let resets = world.modem.snapshot().resets;
    assert!(!world.modem.condition().is_up());
    assert!(world.powered >= 1, "the hub was never asked");
    assert!(resets <= 64, "{resets} resets in twelve hours");
    assert!(world.powered <= 8, "{} times without power in a day", world.powered);
    world.other.cut(false);
    world.run(14 * HOUR).is(Condition::Ready);
    world.receive("after");
    world.run(5 * MINUTE);
    assert_eq!(world.texts(), ["after"]);
}

#[test]
fn a_quiet_week_is_a_quiet_week() {
    let mut world = World::new(Make::default());
    world.run(7 * 24 * HOUR).is(Condition::Ready);
    assert_eq!(world.modem.snapshot().resets, 0);
    assert_eq!(world.opened, 1);
    assert_eq!(world.modem.snapshot().signal_history.len(), 288);
    world.receive("still there");
    world.run(SECOND);
    assert_eq!(world.texts(), ["still there"]);
}

#[test]
fn no_network_for_long_makes_it_look_anew_and_a_refusal_does_not() {
    let mut world = World::new(Make::default());
    world.other.set_registration(Registration::Denied);
    world.run(6 * HOUR).is(Condition::Denied);
    assert_eq!(world.modem.snapshot().resets, 0);
    world.other.set_registration(Registration::Searching);
    world.run(HOUR);
    assert!((1..=8).contains(&world.modem.snapshot().resets), "{}", world.modem.snapshot().resets);
}

#[test]
fn sticks_without_a_line_are_named() {
    let mut world = World::new(Make::default());
    world.there = false;
    world.run(MINUTE).is(Condition::Absent);
    world.modem.handle_no_line(world.now, NoLine::NetworkStick);
    assert!(world.modem.snapshot().words.contains("HiLink"));
}

#[test]
fn a_message_whose_time_is_over_and_one_that_is_urgent() {
    let mut world = World::new(Make::default());
    world.run(MINUTE);
    let message = |id, urgent, until| Send {
        id,
        to: "+15550002".to_owned(),
        parts: vec![submit("15550002", &id.to_string())],
        until,
        urgent,
    };
    let later = world.now.unix + HOUR;
    world.modem.handle_order(world.now, Order::Send(message(1, false, later)));
    world.modem.handle_order(world.now, Order::Send(message(2, false, later)));
    world.modem.handle_order(world.now, Order::Send(message(3, true, later)));
    world.modem.handle_order(world.now, Order::Send(message(4, false, world.now.unix)));
    world.run(MINUTE);
    let order: Vec<_> = world
        .told
        .iter()
        .filter_map(|told| if let Told::Sent { id, .. } = told { Some(*id) } else { None })
        .collect();
    assert_eq!(order, [4, 1, 3, 2]);
    let Some(Outcome::Refused { why, .. }) = world.outcome(4) else { panic!("it was sent") };
    assert_eq!(why.whose, Whose::Expired);
}

/// Whatever a modem is like and whatever happens to it, its line and the gateway: no message is lost, none is sent twice, and
/// everything that was to be sent has one outcome.
#[test]
fn random_lives_lose_nothing_and_send_nothing_twice() {
    // What came directly, and was on the line when it died, the network sends again: that is not simulated.
    let quirks: Vec<_> =
        WORKS.iter().copied().filter(|quirk| *quirk != Quirk::AlwaysDirect).collect();
    for seed in 0..LIVES {
        let mut random = Random::from_number(seed);
        let mut one = || quirks[usize::try_from(random.below(quirks.len() as u64)).expect("small")];
        let chosen = Quirks::from([one(), one()]);
        if chosen.contains(&Quirk::NoEcho) && chosen.contains(&Quirk::LateAnswers) {
            // Without a mark that is known again, an answer that comes ten seconds late looks like any other.
            continue;
        }
        let mut world = World::new(Make { quirks: chosen.clone(), ..Make::default() });
        let (mut taken, mut asked) = (Vec::new(), 0);
        for event in 0..EVENTS {
            match random.below(12) {
                0..4 => {
                    let text = format!("in {event}");
                    if world.receive(&text) {
                        taken.push(text);
                    }
                }
                4..7 => {
                    asked += 1;
                    let until = world.now.unix + HOUR;
                    let parts = vec![submit("15550002", &format!("out {asked}"))];
                    let (to, urgent) = ("+15550002".to_owned(), false);
                    world.order(Order::Send(Send { id: asked, to, parts, until, urgent }));
                }
                7 => {
                    world.other.cut(true);
                    world.run(Duration::from_secs(random.below(90)));
                    world.other.cut(false);
                }
                8 => {
                    world.other.unplug();
                    world.run(Duration::from_secs(random.below(20)));
                    world.other.plug(world.now);
                }
                9 => world.stores = !world.stores,
                10 => {
                    world.run(SECOND * 3);
                    world.restart();
                }
                _ => {
                    world.run(MINUTE);
                }
            }
            world.run(Duration::from_millis(random.below(20_000)));
        }
        world.stores = true;
        world.restart();
        world.run(30 * HOUR);
        let texts = world.texts();
        let lost: Vec<_> = taken.iter().filter(|text| !texts.contains(text)).collect();
        assert!(lost.is_empty(), "seed {seed} {chosen:?}: lost {lost:?}");
        assert_eq!(world.other.kept("SM") + world.other.kept("ME"), 0, "seed {seed} {chosen:?}");
        let mut bodies: Vec<_> =
            world.other.sent().iter().map(|sent| sent.tpdu[2..].to_vec()).collect();
        let count = bodies.len();
        bodies.sort();
        bodies.dedup();
        assert_eq!(bodies.len(), count, "seed {seed} {chosen:?}: sent twice");
        for id in 1..=asked {
            let gone = world.lost_with_restart.contains(&id);
            assert!(
                gone || world.outcome(id).is_some(),
                "seed {seed} {chosen:?}: {id} has no outcome"
            );
        }
        world.is(Condition::Ready);
    }
}
