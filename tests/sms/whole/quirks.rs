//! Every way in which modems misbehave, each in a modem of its own, at one box and at once; three more that are pulled out,
//! fall silent and fill up; and a call that keeps its sound.

use std::collections::BTreeSet;
use std::thread;

use branchline::sms::simulated::{Quirk, Quirks};

use super::*;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

/// How long anything may take: one answers ten seconds late, and one's SIM is busy for a minute.
const ALL: Duration = Duration::from_secs(240);
/// SIMs of one channel.
const MOST: usize = 16;
/// How long the call is up at most, in milliseconds.
const TALK: u32 = 600_000;
/// What the caller sends, and gets back.
const TONE: f64 = 440.0;
/// Packets of sound in a second.
const RATE: f64 = 50.0;

/// A modem, and somebody who writes to it and to no other.
struct Odd {
    name: &'static str,
    quirk: Option<Quirk>,
    channel: String,
    sim: Sim,
    person: String,
}

impl Odd {
    fn new(number: usize, name: &'static str, quirk: Option<Quirk>) -> Odd {
        let make = Make {
            imei: format!("4901542032{number:05}"),
            iccid: Some(format!("89012600000000{number:05}")),
            quirks: Quirks::from_iter(quirk),
            manufacturer: manufacturer(quirk).to_owned(),
            ..Make::default()
        };
        let channel = match is_often_away(quirk) {
            true => name.to_owned(),
            false => format!("sims{}", number / MOST),
        };
        let person = format!("+1555003{number:04}");
        Odd { name, quirk, channel, sim: Sim::new(name, make), person }
    }

    /// How `branchline modems` has it, once it has settled.
    fn settles(&self) -> &'static str {
        match self.quirk {
            Some(Quirk::PositionPort | Quirk::DeafPort) => "deaf",
            Some(Quirk::NoSmsByAt) => "no_messages",
            _ => "ready",
        }
    }

    fn carries_messages(&self) -> bool {
        self.settles() == "ready"
    }

    fn question(&self) -> String {
        format!("What about {}?", self.name)
    }

    /// Longer than what a line holds for a modem that is slow.
    fn answer(&self) -> String {
        format!(
            "All is well with {}: it will be there on Monday at ten, so bring the old one along.",
            self.name
        )
    }

    /// It may be starting, or be busy with another: the network comes again.
    fn is_written(&self, words: &str) -> bool {
        self.sim.receive(deliver(&self.person, words, clock()))
    }

    #[track_caller]
    fn is(&self, whole: &Whole, state: &str) {
        let seen = || (whole.modems()[self.name]["state"] == state).then_some(());
        whole.until(&format!("{} to be {state}", self.name), ALL, seen);
    }

    #[track_caller]
    fn sends(&self, whole: &Whole, message: &str, words: &str) {
        let sent = || (whole.state(message) == "sent").then_some(());
        whole.until(&format!("the answer by {}", self.name), ALL, sent);
        assert_eq!(read(&self.sim.sent()), words, "{}", self.name);
    }
}

/// How its texts of USSD are written is known of whom it is from.
fn manufacturer(quirk: Option<Quirk>) -> &'static str {
    if quirk == Some(Quirk::UssdPacked) { "huawei" } else { "Branchline" }
}

/// Another of its channel would take its turn meanwhile: it has one of its own.
fn is_often_away(quirk: Option<Quirk>) -> bool {
    matches!(
        quirk,
        None | Some(
            Quirk::Restarts
                | Quirk::LateAnswers
                | Quirk::SlowReader
                | Quirk::DetachesOnSend
                | Quirk::SimBusy
        )
    )
}

/// A call to the box's echo.
struct Call {
    _sipp: Sipp,
    party: Party,
    since: Instant,
}

impl Call {
    fn new(whole: &Whole) -> Call {
        let party = Party::new(whole.branch.free + 20, TONE);
        let keys = [
            ("from", "+15550177".to_owned()),
            ("to", "+15550100".to_owned()),
            ("rtp", party.port.to_string()),
            ("talk", TALK.to_string()),
        ];
        let (scenario, port, transport) = ("trunk_hangs_up", whole.branch.free + 21, "u1");
        let setting = Setting { scenario, port, keys: &keys, account: None, transport };
        let sipp = Sipp::start(&whole.branch, &setting);
        let ours = whole.until("an answer", PATIENCE, || sipp.audio_port());
        party.speak_to(ours);
        whole.until("its own sound", PATIENCE, || party.heard().hears(TONE).then_some(()));
        let since = Instant::now() - Duration::from_secs(1);
        Call { _sipp: sipp, party, since }
    }

    /// It is heard now, and was all the time.
    #[track_caller]
    fn is_heard(&self, whole: &Whole) {
        whole.until("sound", PATIENCE, || self.party.heard().hears(TONE).then_some(()));
        let (packets, seconds) = (self.party.heard().packets as f64, self.since.elapsed());
        let share = packets / (seconds.as_secs_f64() * RATE);
        println!("sound after {seconds:.0?}: {packets} packets, {:.1} %", share * 100.0);
        assert!(share > 0.8, "{packets} packets in {seconds:?}");
    }
}

#[test]
fn every_switch_at_once_is_shown_and_served_while_a_call_keeps_its_sound() {
    let begun = Instant::now();
    let odd = |(number, quirk): (usize, &Quirk)| Odd::new(number, quirk.name(), Some(*quirk));
    let all: Vec<Odd> = Quirk::ALL.iter().enumerate().map(odd).collect();
    let unlucky = |(number, name)| Odd::new(all.len() + number, name, None);
    let [gone, silent, full] = [(0, "gone"), (1, "silent"), (2, "full")].map(unlucky);
    let whole = box_with(all.iter().chain([&gone, &silent, &full]));
    let call = Call::new(&whole);

    thread::scope(|scope| {
        scope.spawn(|| is_pulled_out_and_plugged_in(&whole, &gone));
        scope.spawn(|| falls_silent_and_comes_back(&whole, &silent));
        scope.spawn(|| fills_up_and_is_emptied(&whole, &full));
        let asked = every_question_comes_in(&whole, &all);
        call.is_heard(&whole);
        for (odd, message) in &asked {
            answer_goes_out(&whole, odd, message);
        }
        for odd in all.iter().filter(|odd| speaks_ussd_oddly(odd)) {
            let balance = whole.branch.ask_text(&["modems", "ask", odd.name, "*100#"]);
            assert!(balance.to_lowercase().contains("balance"), "{}: {balance}", odd.name);
        }
        println!("{} modems, {} carry messages", all.len(), asked.len());
    });

    // Each text has come once, and each answer has gone once.
    let able = all.iter().filter(|odd| odd.carries_messages()).chain([&full]);
    let mut wanted: Vec<_> = able.map(|odd| (odd.person.clone(), odd.question())).collect();
    wanted.push((full.person.clone(), MORE.to_owned()));
    wanted.sort();
    assert_eq!(whole.written(), wanted);
    for odd in all.iter().chain([&gone, &silent]) {
        assert!(odd.sim.sent().len() <= 1, "{} sent twice", odd.name);
    }
    call.is_heard(&whole);
    println!("it took {:.0?}", begun.elapsed());
}

fn box_with<'a>(all: impl Iterator<Item = &'a Odd> + Clone) -> Whole {
    let tables: String = all.clone().map(|odd| odd.sim.table(&odd.channel, odd.name)).collect();
    let channels: BTreeSet<&str> = all.map(|odd| odd.channel.as_str()).collect();
    let channel = |name| format!("[channels.{name}]\nkind = \"modem\"\n");
    let channels: String = channels.into_iter().map(channel).collect();
    Whole::start(&format!(
        "{channels}{tables}[[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
         [[inbound]]\nnumber = \"+15550100\"\nto = \"echo\"\n"
    ))
}

/// Sees each as what it is, writes to each that can carry it, and answers what has come. Answers the answers.
fn every_question_comes_in<'a>(whole: &Whole, all: &'a [Odd]) -> Vec<(&'a Odd, String)> {
    let mut unseen: Vec<&Odd> = all.iter().collect();
    let mut unasked: Vec<&Odd> = all.iter().filter(|odd| odd.carries_messages()).collect();
    let mut unanswered = unasked.clone();
    let mut answers = Vec::new();
    let end = Instant::now() + ALL;
    while !unanswered.is_empty() || !unseen.is_empty() {
        let names = || {
            [&unseen, &unasked, &unanswered]
                .map(|of| of.iter().map(|odd| odd.name).collect::<Vec<_>>())
        };
        assert!(Instant::now() < end, "not seen, not asked, not heard: {:?}", names());
        let modems = whole.modems();
        unseen.retain(|odd| modems[odd.name]["state"] != odd.settles());
        unasked.retain(|odd| {
            unseen.iter().any(|other| other.name == odd.name) || !odd.is_written(&odd.question())
        });
        let people = whole.people();
        let (came, open) = unanswered.into_iter().partition(|odd| people.contains(&odd.person));
        unanswered = open;
        let came: Vec<&Odd> = came;
        for odd in came {
            println!(
                "{:>24} has carried a text after {:.0?}",
                odd.name,
                ALL - (end - Instant::now())
            );
            answers.push((odd, whole.send(&odd.channel, &odd.person, &odd.answer())));
        }
    }
    answers
}

/// By the SIM that was asked, once.
fn answer_goes_out(whole: &Whole, odd: &Odd, message: &str) {
    let state = |wanted: &str| {
        let what = format!("{wanted} by {}", odd.name);
        whole.until(&what, ALL, || (whole.state(message) == wanted).then_some(()));
    };
    match odd.quirk {
        // Nothing leaves it, and nothing is said to have left.
        Some(Quirk::RegisteredWithoutSms) => {
            state("failed");
            assert!(odd.sim.sent().is_empty());
        }
        // It left, and the line was gone before that was said.
        Some(Quirk::DetachesOnSend) => {
            state("unknown");
            assert_eq!(read(&odd.sim.sent()), odd.answer());
        }
        _ => odd.sends(whole, message, &odd.answer()),
    }
}

fn speaks_ussd_oddly(odd: &Odd) -> bool {
    use Quirk::{NoUcs2, UssdPacked, UssdUcs2, Utf8};
    matches!(odd.quirk, Some(UssdPacked | UssdUcs2 | Utf8 | NoUcs2))
}

/// What is to be sent meanwhile waits.
fn is_pulled_out_and_plugged_in(whole: &Whole, gone: &Odd) {
    gone.is(whole, "ready");
    gone.sim.plugged.with(|_, modem| modem.unplug());
    gone.is(whole, "absent");
    let table = whole.branch.ask_text(&["modems"]);
    assert!(line(&table, gone.name).contains("not there"), "{table}");
    let message = whole.send(&gone.channel, &gone.person, &gone.answer());
    assert_eq!(whole.state(&message), "queued");
    assert!(gone.sim.sent().is_empty());
    gone.sim.plugged.with(|now, modem| modem.plug(now));
    gone.is(whole, "ready");
    gone.sends(whole, &message, &gone.answer());
}

fn falls_silent_and_comes_back(whole: &Whole, silent: &Odd) {
    silent.is(whole, "ready");
    silent.sim.plugged.with(|_, modem| modem.cut(true));
    let message = whole.send(&silent.channel, &silent.person, &silent.answer());
    whole.until("silence to be noticed", ALL, || {
        let table = whole.branch.ask_text(&["modems"]);
        line(&table, silent.name).contains("being reset").then_some(())
    });
    silent.sim.plugged.with(|_, modem| modem.cut(false));
    silent.is(whole, "ready");
    silent.sends(whole, &message, &silent.answer());
}

/// What comes when there is room again.
const MORE: &str = "There is more.";

/// One place, in which nothing can be deleted for a while.
fn fills_up_and_is_emptied(whole: &Whole, full: &Odd) {
    let is_full = |wanted: bool| {
        let seen = || (whole.modems()[full.name]["full"] == wanted).then_some(());
        whole.until(&format!("full: {wanted}"), ALL, seen);
    };
    full.is(whole, "ready");
    full.sim.plugged.with(|_, modem| {
        modem.set_capacity(1);
        modem.wear_out(true);
    });
    assert!(full.is_written(&full.question()));
    is_full(true);
    let table = whole.branch.ask_text(&["modems"]);
    assert!(line(&table, full.name).contains("its memory is full"), "{table}");
    assert!(!full.is_written(MORE), "there is no room");
    full.sim.plugged.with(|_, modem| modem.wear_out(false));
    whole.until("room", ALL, || full.is_written(MORE).then_some(()));
    whole.until("an empty memory", ALL, || (full.sim.kept() == 0).then_some(()));
    is_full(false);
}

fn line<'a>(table: &'a str, name: &str) -> &'a str {
    let starts = |line: &&str| line.split_whitespace().next() == Some(name);
    table.lines().find(starts).expect("its line")
}
