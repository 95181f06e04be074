//! Whose turn it is: codes first, one at a time for each person, as fast as the channel is let, and another way where one
//! does not do.

use std::time::{Duration, Instant};

use super::super::*;
use crate::messaging::channel::{Heard, Receipt, State as LineState};
use crate::messaging::contract::{Capabilities, Failure, Fault, Outcome, Outgoing, Report, Status};
use crate::messaging::{Kind, What};

struct Desk {
    now: Now,
    ledger: Ledger,
    written: u64,
    sent: Vec<Outgoing>,
    /// What was told and is answered for.
    stored: Vec<Receipt>,
    entries: Vec<Entry<String>>,
    /// Who may not be written to before a time.
    held: Option<(String, UnixTime)>,
    /// What the next answers, what that is called, and which of our addresses it goes out by.
    answers: Option<MessageId>,
    own: Option<Address>,
    /// Whether the store reads messages.
    reads: bool,
}

/// What every message that is answered is called.
const NAME: &str = "wamid.1";

fn desk(rules: Rules) -> Desk {
    let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
    desk_after(now, rules, Vec::new())
}

/// One that takes up what these entries say.
fn desk_after(now: Now, rules: Rules, entries: Vec<Entry<String>>) -> Desk {
    let mut kept = Kept::default();
    entries.iter().for_each(|entry| kept.apply(entry));
    let other = Rules::default();
    let channels = [(ChannelId::from("api"), rules), (ChannelId::from("sim"), other)];
    let settings =
        Settings { channels: channels.into(), languages: Vec::new(), applications: Vec::new() };
    let ledger = Ledger::new(now, settings, kept, Random::from_number(1));
    let (sent, stored, held, answers, own) = (Vec::new(), Vec::new(), None, None, None);
    let reads = true;
    let mut desk =
        Desk { now, ledger, written: 0, sent, stored, entries, held, answers, own, reads };
    desk.ledger.handle_ready(now);
    for channel in ["api", "sim"] {
        desk.says(channel, Input::State(LineState::Up));
    }
    desk
}

impl Desk {
    fn says(&mut self, channel: &str, input: Input) {
        let key = |_: &str| Fingerprint([0; 16]);
        self.ledger.handle_channel(self.now, &channel.into(), input, &key);
        self.settle();
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.ledger.handle_timeout(self.now);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(output) = self.ledger.poll_output() {
            match output {
                Output::Look(look, _) => {
                    self.ledger.handle_found(self.now, look, Some(Found::default()));
                }
                Output::Record(facts) => {
                    for fact in facts {
                        if let Fact::Entry(entry) = fact {
                            self.entries.push(*entry);
                        }
                    }
                    self.written += 1;
                    self.ledger.handle_recorded(self.written);
                    self.ledger.handle_stored(self.now, self.written);
                }
                Output::MayGo(going) => {
                    let held = self.held.as_ref().filter(|(peer, _)| *peer == going.way.peer);
                    let held = held.filter(|(_, at)| *at > self.now.unix && !going.reply);
                    let permission =
                        held.map_or(Permission::Go, |(_, at)| Permission::NotBefore(*at));
                    self.ledger.handle_permission(self.now, going.message, permission);
                }
                Output::Read(id) => {
                    let mut all = self.entries.iter().filter(|entry| entry.message() == Some(id));
                    let found = all.find_map(crate::messaging::Message::begun);
                    let found = found.filter(|_| self.reads);
                    self.ledger.handle_words(self.now, found, id, self.reads);
                }
                Output::Quote { message, .. } => {
                    let name = Some(NAME.to_owned());
                    self.ledger.handle_quote(self.now, message, name, true);
                }
                Output::Order(_, Order::Send(outgoing)) => self.sent.push(*outgoing),
                Output::Order(_, Order::Stored(receipt)) => self.stored.push(receipt),
                Output::Reach { message, channel, .. } => {
                    let way = way(channel.as_str(), "+15550100");
                    self.ledger.handle_reach(self.now, message, Some(way));
                }
                _ => {}
            }
        }
    }

    fn wants(&mut self, to: &str, text: &str, purpose: &str) {
        self.wants_so(to, text, purpose, false);
    }

    fn wants_so(&mut self, to: &str, text: &str, purpose: &str, reply: bool) {
        self.wants_pieces(to, vec![Piece::text(text)], purpose, reply);
    }

    fn wants_pieces(&mut self, to: &str, pieces: Vec<Piece<String>>, purpose: &str, reply: bool) {
        let wish = Wish {
            way: Way { own: self.own.clone(), ..way("api", to) },
            known: None,
            pieces,
            subject: None,
            answers: self.answers,
            quote: None,
            by: "ann".into(),
            purpose: purpose.to_owned(),
            reply,
            until: self.now.unix + Duration::from_secs(3_600),
            not_before: None,
            once: None,
            asker: None,
        };
        self.ledger.handle_wish(self.now, 1, wish);
        self.settle();
    }

    /// What was given away and is not answered is answered like this.
    fn comes_out(&mut self, outcome: &Outcome) {
        for outgoing in std::mem::take(&mut self.sent) {
            let (message, attempt) = (outgoing.message, outgoing.attempt);
            self.says("api", Input::Outcome { message, attempt, outcome: outcome.clone() });
        }
    }

    fn texts(&self) -> Vec<&str> {
        let words = self.sent.iter().flat_map(|outgoing| &outgoing.pieces);
        let texts = words.filter_map(|piece| match piece {
            Piece::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

fn way(channel: &str, to: &str) -> Way<String> {
    let (work, kind) = (Channel::Message, Kind::Phone);
    Way { channel: channel.into(), work, kind, peer: to.to_owned(), thread: None, own: None }
}

fn accepted() -> Outcome {
    Outcome::Accepted { references: Vec::new() }
}

#[test]
fn a_person_gets_one_after_the_other_and_a_code_goes_ahead() {
    let mut desk = desk(Rules { window: 1, ..Rules::default() });
    desk.wants("+1", "first", "service");
    desk.wants("+1", "second", "service");
    desk.wants("+2", "other", "service");
    desk.wants("+3", "code", CODE);
    let mut order = Vec::new();
    while !desk.sent.is_empty() {
        order.extend(desk.texts().iter().map(|text| (*text).to_owned()));
        desk.comes_out(&accepted());
    }
    assert_eq!(order, ["first", "code", "second", "other"]);
}

#[test]
fn a_day_after_somebody_has_written_a_channel_with_such_a_window_takes_templates_alone() {
    let mut desk = desk(Rules::default());
    let window = Some(Duration::from_secs(24 * 3_600));
    let capable = Capabilities {
        longest: 1_000,
        media: 0,
        templates: true,
        delivered: true,
        read: true,
        typing: true,
        window,
    };
    desk.says("api", Input::Capable(capable));
    let arrived = Box::new(Arrived::text("m-1", Address::new(Kind::Phone, "+1"), "Hi"));
    desk.says("api", Input::Told { receipt: Receipt(1), told: vec![Heard::Arrived(arrived)] });
    desk.pass(24 * 3_600 - 1);
    desk.wants("+1", "in time", "service");
    assert_eq!(desk.texts(), ["in time"]);
    desk.comes_out(&accepted());
    desk.pass(1);
    desk.wants("+1", "too late", "service");
    // Of others nobody here knows when they wrote: the service says so itself.
    desk.wants("+2", "unknown", "service");
    assert_eq!(desk.texts(), ["unknown"]);
    let late = |entry: &Entry<String>| matches!(&entry.what, What::Became { status: Status::Failed(why), .. } if why.fault == Fault::Window);
    assert_eq!(desk.entries.iter().filter(|entry| late(entry)).count(), 1);
    let (name, language) = ("hello".to_owned(), "en".to_owned());
    let template = Piece::Template { name, language, values: Vec::new() };
    desk.wants_pieces("+1", vec![template], "service", false);
    assert_eq!(desk.sent.len(), 2, "a template goes at any time");
}

#[test]
fn a_message_that_is_tried_again_keeps_its_place_before_later_ones_but_not_before_a_code() {
    let mut desk = desk(Rules::default());
    desk.wants("+1", "first", "service");
    desk.comes_out(&Outcome::Away);
    desk.wants("+1", "second", "service");
    desk.wants("+1", "code", CODE);
    desk.wants("+2", "other", "service");
    assert_eq!(desk.texts(), ["code", "other"]);
    desk.comes_out(&accepted());
    desk.pass(7);
    assert_eq!(desk.texts(), ["first"]);
    desk.comes_out(&accepted());
    assert_eq!(desk.texts(), ["second"]);
}

#[test]
fn what_waits_for_the_morning_keeps_no_answer_waiting() {
    let mut desk = desk(Rules::default());
    desk.held = Some(("+1".to_owned(), desk.now.unix + Duration::from_secs(600)));
    desk.wants("+1", "advertisement", "marketing");
    desk.wants_so("+1", "answer", "service", true);
    assert_eq!(desk.texts(), ["answer"]);
    desk.comes_out(&accepted());
    desk.pass(601);
    assert_eq!(desk.texts(), ["advertisement"]);
}

#[test]
fn a_channel_is_given_no_more_than_it_may_have_in_a_second() {
    let mut desk = desk(Rules { rate: Some(2.0), window: 100, ..Rules::default() });
    for number in 0..20 {
        desk.wants(&format!("+{number}"), "hello", "service");
    }
    let at_once = desk.sent.len();
    for _ in 0..4 {
        desk.pass(1);
        while desk.ledger.deadline().is_some_and(|at| at <= desk.now.instant) {
            desk.pass(0);
        }
    }
    let later = desk.sent.len();
    assert!(at_once <= 2 && (6..=10).contains(&later), "{at_once} at once, {later} after 4 s");
}

#[test]
fn one_who_is_to_wait_keeps_nobody_else_waiting_and_gets_everything_in_order() {
    let mut desk = desk(Rules::default());
    desk.wants("+1", "first", "service");
    desk.wants("+1", "second", "service");
    desk.comes_out(&Outcome::Later(Duration::from_secs(30)));
    desk.wants("+2", "other", "service");
    assert_eq!(desk.texts(), ["other"]);
    desk.comes_out(&accepted());
    desk.pass(29);
    assert_eq!(desk.texts(), Vec::<&str>::new());
    desk.pass(2);
    assert_eq!(desk.texts(), ["first"]);
    desk.comes_out(&accepted());
    assert_eq!(desk.texts(), ["second"]);
}

#[test]
fn an_answer_goes_out_by_the_address_that_was_written_to_and_names_what_it_answers() {
    let mut desk = desk(Rules::default());
    let own = Address::new(Kind::Phone, "+15550177");
    desk.own = Some(own.clone());
    desk.answers = Some(MessageId(7));
    desk.wants("+1", "Yes.", "service");
    assert_eq!(
        (desk.sent[0].from.as_ref(), desk.sent[0].answers.as_deref()),
        (Some(&own), Some(NAME))
    );
    // The same after a restart.
    let mut entries = desk.entries.clone();
    entries.retain(|entry| matches!(entry.what, What::Queued { .. }));
    let desk = desk_after(desk.now, Rules::default(), entries);
    assert_eq!(
        (desk.sent[0].from.as_ref(), desk.sent[0].answers.as_deref()),
        (Some(&own), Some(NAME))
    );
    assert_eq!(desk.texts(), ["Yes."]);
}

#[test]
fn what_has_not_arrived_goes_another_way_over_a_restart_and_not_twice() {
    let rules = || Rules {
        fallback: Some(("sim".into(), Some(Duration::from_secs(60)))),
        ..Rules::default()
    };
    let mut first = desk(rules());
    first.wants("+1", "hello", "service");
    first.comes_out(&Outcome::Accepted { references: vec!["a".to_owned()] });
    let instead = |desk: &Desk| {
        let of =
            |entry: &Entry<String>| matches!(entry.what, What::Queued { instead_of: Some(_), .. });
        desk.entries.iter().filter(|entry| of(entry)).count()
    };
    first.now = first.now.after(Duration::from_secs(40));
    let mut second = desk_after(first.now, rules(), first.entries.clone());
    second.pass(19);
    assert_eq!(instead(&second), 0, "its time is not over");
    // What it says cannot be read for a while.
    second.reads = false;
    second.pass(2);
    assert_eq!(instead(&second), 0);
    second.reads = true;
    second.pass(3);
    assert_eq!((instead(&second), second.texts()), (1, vec!["hello"]));
    second.comes_out(&accepted());
    let mut third = desk_after(second.now, rules(), second.entries.clone());
    third.pass(3_000);
    assert_eq!(instead(&third), 1, "it went already");
}

#[test]
fn what_is_held_until_the_morning_is_not_late_when_it_goes_out() {
    let after = Some(Duration::from_secs(60));
    let rules = || Rules { fallback: Some(("sim".into(), after)), ..Rules::default() };
    let instead = |desk: &Desk| {
        let of =
            |entry: &Entry<String>| matches!(entry.what, What::Queued { instead_of: Some(_), .. });
        desk.entries.iter().filter(|entry| of(entry)).count()
    };
    let mut first = desk(rules());
    first.held = Some(("+1".to_owned(), first.now.unix + Duration::from_secs(600)));
    first.wants("+1", "news", "marketing");
    first.pass(601);
    first.comes_out(&Outcome::Accepted { references: vec!["a".to_owned()] });
    first.pass(0);
    assert_eq!(instead(&first), 0, "it went out a moment ago");
    // What waits for a channel that is down has waited before a restart too.
    let mut second = desk(rules());
    second.says("api", Input::State(LineState::Down("no network".to_owned())));
    second.wants("+1", "news", "service");
    second.now = second.now.after(Duration::from_secs(50));
    let mut third = desk_after(second.now, rules(), second.entries.clone());
    third.comes_out(&Outcome::Away);
    third.says("api", Input::State(LineState::Down("no network".to_owned())));
    third.pass(7);
    assert_eq!(instead(&third), 0);
    third.pass(4);
    assert_eq!(instead(&third), 1);
}

#[test]
fn a_report_of_failure_sends_another_way_what_no_clock_watches() {
    let rules = Rules { fallback: Some(("sim".into(), None)), ..Rules::default() };
    let mut desk = desk(rules);
    desk.wants("+1", "hello", "service");
    desk.comes_out(&Outcome::Accepted { references: vec!["a".to_owned()] });
    desk.ledger.handle_shown(desk.written);
    desk.settle();
    let failure = Failure { fault: Fault::Address, code: String::new() };
    let report = Report { reference: "a".to_owned(), status: Status::Failed(failure), at: None };
    desk.says("api", Input::Told { receipt: Receipt(9), told: vec![Heard::Report(report)] });
    assert_eq!(desk.texts(), ["hello"]);
}

#[test]
fn what_waits_for_a_channel_that_is_gone_is_stopped() {
    let mut desk = desk(Rules::default());
    desk.says("api", Input::State(LineState::Down("no network".to_owned())));
    desk.wants("+1", "hello", "service");
    let channels = [(ChannelId::from("sim"), Rules::default())];
    let settings =
        Settings { channels: channels.into(), languages: Vec::new(), applications: Vec::new() };
    desk.ledger.handle_settings(desk.now, settings);
    desk.settle();
    let last = &desk.entries.last().unwrap().what;
    assert!(
        matches!(last, What::Stopped { why: crate::messaging::Stop::NoChannel, .. }),
        "{last:?}"
    );
}

#[test]
fn while_the_store_shows_nothing_so_much_is_remembered_and_no_more_is_taken_in() {
    let mut desk = desk(Rules::default());
    let (mut refused, mut number) = (0, 0u64);
    while refused == 0 {
        number += 1;
        let told = (0..4_000).map(|one| {
            let from = Address::new(Kind::Phone, "+1");
            Heard::Arrived(Box::new(Arrived::text(format!("{number} {one}"), from, "Hi")))
        });
        let key = |text: &str| {
            let (number, one) = text.split_once(' ').unwrap();
            let number = number.parse::<u64>().unwrap() << 32 | one.parse::<u64>().unwrap();
            Fingerprint((u128::from(number)).to_be_bytes())
        };
        let input = Input::Told { receipt: Receipt(number), told: told.collect() };
        desk.ledger.handle_channel(desk.now, &"api".into(), input, &key);
        refused = desk.ledger.counts().turned_away;
        desk.settle();
        assert!(number < 100, "it is bounded");
    }
    let most = MOST_REMEMBERED + 3 * 4_000;
    assert!((MOST_REMEMBERED..=most).contains(&desk.ledger.remembered()));
    desk.wants("+2", "hello", "service");
    assert!(desk.sent.is_empty(), "nor is anything to go out");
    // The store comes after.
    desk.ledger.handle_shown(desk.written);
    assert_eq!(desk.ledger.remembered(), 0);
    desk.wants("+2", "hello", "service");
    assert_eq!(desk.texts(), ["hello"]);
}

#[test]
fn a_channel_that_asks_for_less_gets_nothing_until_then_and_the_message_is_not_lost() {
    let mut desk = desk(Rules::default());
    desk.wants("+1", "first", "service");
    desk.comes_out(&Outcome::Throttled(Duration::from_secs(30)));
    desk.wants("+2", "second", "service");
    desk.pass(29);
    assert_eq!(desk.texts(), Vec::<&str>::new());
    desk.pass(2);
    desk.pass(1);
    let mut texts = desk.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["first", "second"]);
}

#[test]
fn tries_get_rarer_and_end_and_a_refusal_ends_at_once() {
    let mut desk = desk(Rules::default());
    desk.wants("+1", "hello", "service");
    let mut tries = 0;
    for _ in 0..10_000 {
        if !desk.sent.is_empty() {
            tries += 1;
            desk.comes_out(&Outcome::Away);
        }
        desk.pass(1);
    }
    // An hour is all that this one has.
    assert!((8..usize::from(MOST_ATTEMPTS)).contains(&tries), "{tries}");
    let last = &desk.entries.last().unwrap().what;
    assert!(matches!(last, What::Stopped { why: crate::messaging::Stop::Expired, .. }), "{last:?}");
    desk.wants("+1", "again", "service");
    let failure = Failure { fault: Fault::Address, code: "21211".to_owned() };
    desk.comes_out(&Outcome::Refused(failure));
    let last = &desk.entries.last().unwrap().what;
    assert!(matches!(last, What::Became { status: Status::Failed(_), .. }), "{last:?}");
}

#[test]
fn what_does_not_arrive_goes_another_way_once_and_a_refusal_does_not() {
    let after = Some(Duration::from_secs(60));
    let rules = Rules { fallback: Some(("sim".into(), after)), ..Rules::default() };
    let mut desk = desk(rules);
    desk.wants("+1", "hello", "service");
    let first = desk.sent[0].message;
    desk.comes_out(&Outcome::Accepted { references: vec!["a".to_owned()] });
    desk.pass(61);
    let instead: Vec<_> = desk
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Queued { way, instead_of: Some(one), .. } => Some((way.channel.as_str(), *one)),
            _ => None,
        })
        .collect();
    assert_eq!(instead, [("sim", first)]);
    assert_eq!(desk.texts(), ["hello"]);
    desk.comes_out(&accepted());
    desk.wants("+2", "hello", "service");
    let failure = Failure { fault: Fault::Refused, code: String::new() };
    desk.comes_out(&Outcome::Refused(failure));
    desk.pass(120);
    assert!(desk.sent.is_empty(), "whoever wants no messages gets none by another way");
    // A channel that is down for so long is passed by.
    desk.says("api", Input::State(LineState::Down("no network".to_owned())));
    desk.wants("+3", "urgent news", "service");
    assert!(desk.sent.is_empty());
    desk.pass(61);
    assert_eq!(desk.texts(), ["urgent news"]);
}

#[test]
fn nobody_answers_for_an_attempt_and_it_is_unknown_until_somebody_wants_it_again() {
    let mut desk = desk(Rules::default());
    desk.wants("+1", "hello", "service");
    let message = desk.sent.remove(0).message;
    desk.pass(301);
    let unknown = desk.entries.last().unwrap().clone();
    assert_eq!(unknown.what, What::Unknown { message });
    desk.pass(3_000);
    assert!(desk.sent.is_empty());
    let kept = desk.entries.iter().find_map(crate::messaging::Message::begun);
    let mut kept = kept.unwrap();
    desk.entries.iter().for_each(|entry| kept.apply(entry));
    let until = desk.now.unix + Duration::from_secs(60);
    desk.ledger.handle_replay(2, message, "ann".into(), until);
    desk.settle();
    desk.ledger.handle_words(desk.now, Some(kept), message, true);
    desk.settle();
    assert_eq!(desk.texts(), ["hello"]);
}

#[test]
fn a_report_of_nothing_we_know_waits_only_while_a_name_may_come() {
    let mut desk = desk(Rules::default());
    let report = |number, reference: &str| {
        let (reference, status) = (reference.to_owned(), Status::Delivered);
        let told = vec![Heard::Report(Report { reference, status, at: None })];
        Input::Told { receipt: Receipt(number), told }
    };
    desk.says("api", report(1, "of another program"));
    assert_eq!(desk.stored, [Receipt(1)], "no name is owed to us");
    desk.wants("+15550100", "Hello", "service");
    desk.says("api", report(2, "ours"));
    assert_eq!(desk.stored, [Receipt(1)]);
    desk.comes_out(&Outcome::Accepted { references: vec!["ours".to_owned()] });
    assert_eq!(desk.stored, [Receipt(1), Receipt(2)]);
}
