//! Who lets themselves be recorded: asked before anything is on tape, heard in time, and remembered.

use super::parties::talk;
use super::scenes::scene;
use super::*;
use crate::admin::{ActiveCall, Command, Reply};
use crate::call::consent::{Consent, ConsentBy};
use crate::context::{Channel as By, Kind, RECORDING, Who};

const CARRIER: usize = 0;
const ANN: usize = 2;
const NUMBER: &str = "+15557654321";

/// The carrier's callers come into a queue whose conversations are recorded, and may refuse by 2.
fn asking(notice: &str) -> World {
    let queue = format!("max_wait = 60\nrecord = \"always\"\nrecord_notice = {notice}");
    scene(&[
        ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]"),
        ("max_wait = 60", &queue),
    ])
}

impl World {
    /// Somebody outside talks with ann, to the moment at which both are being told.
    fn is_told(&mut self) -> (CallId, LegId, LegId) {
        self.call(CARRIER, "+15550101");
        self.seconds(7);
        self.take_call(ANN);
        self.until_told();
        talk(self)
    }

    fn until_told(&mut self) {
        for _ in 0..300 {
            if self.telling() > 0 {
                return;
            }
            self.carry_out();
            self.pass(Duration::from_millis(10));
        }
        panic!("nobody is told");
    }

    /// ConsentBy many hear an announcement at this moment.
    fn telling(&self) -> usize {
        let notice = |(_, what): &&(u64, sound::Playing)| *what == sound::Playing::Notice;
        self.gateway.playing.values().filter(notice).count()
    }

    fn consent_key(&mut self, leg: LegId, digit: char) {
        let duration = Duration::from_millis(100);
        self.gateway.handle_media(self.now, media::Event::Digit { leg, digit, duration });
        self.carry_out();
    }

    fn on_the_list(&mut self) -> ActiveCall {
        match self.ask(&Command::ActiveCalls) {
            Some(Reply::ActiveCalls(mut calls)) => calls.pop().expect("a call"),
            other => panic!("{other:?}"),
        }
    }

    /// Why somebody who presses record is refused.
    fn refusal_to_record(&mut self, call: CallId) -> String {
        match self.ask(&Command::Tape { call, on: true }) {
            Some(Reply::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    fn rings_off(&mut self) -> crate::journal::event::CallRecord {
        self.hang_up(CARRIER);
        self.seconds(5);
        assert!(self.gateway.calls.is_empty() && self.gateway.consents.is_empty());
        let mut records = Vec::new();
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::CallRecord(record)) = entry.event {
                    records.push(*record);
                }
            });
        }
        records.pop().expect("a record")
    }

    /// What stands on the caller's record of recordings, the last word last.
    fn on_record(&mut self) -> Vec<bool> {
        let person = self.person(Who::Identity(Kind::Phone, NUMBER.to_owned()));
        let contacts = person.map(|person| person.contacts).unwrap_or_default();
        let said = contacts.into_iter().flat_map(|contact| contact.consents);
        let own = said.filter(|one| one.channel == By::Voice && one.purpose == RECORDING);
        own.map(|one| one.given).collect()
    }

    fn told_consents(&self) -> Vec<(bool, ConsentBy)> {
        let own = |told: &Happening| match told {
            Happening::CallConsent { given, how, .. } => Some((*given, *how)),
            _ => None,
        };
        self.told.iter().filter_map(own).collect()
    }
}

#[test]
fn who_refuses_while_being_told_is_not_recorded_by_anybody_and_the_call_goes_on() {
    let mut world = asking("{ refuse_digit = \"2\" }");
    let (call, customer, agent) = world.is_told();
    assert_eq!((world.telling(), world.taping.len()), (2, 0));
    world.consent_key(agent, '2');
    world.consent_key(customer, '1');
    assert_eq!((world.telling(), world.on_the_list().consent), (2, None), "neither says anything");
    world.consent_key(customer, '2');
    assert_eq!(world.telling(), 0, "and neither hears more of it");
    world.seconds(10);
    assert_eq!(world.bridged.get(&customer), Some(&agent), "they talk");
    assert!(world.taping.is_empty() && world.files.is_empty());
    assert_eq!(world.on_the_list().consent, Some(Consent::REFUSED));
    assert!(world.refusal_to_record(call).contains("has refused to be recorded in this call"));
    let to = Some("201".to_owned());
    assert_eq!(world.ask(&Command::Transfer { call, to, with: None }), Some(Reply::Done));
    world.seconds(1);
    world.take_call(1);
    world.seconds(10);
    assert_eq!(world.on_the_list().consent, Some(Consent::REFUSED));
    assert!(world.refusal_to_record(talk(&world).0).contains("in this call"), "nor by the next");
    assert!(world.taping.is_empty() && world.telling() == 0);
    let record = world.rings_off();
    assert_eq!((record.consent, record.recordings.len()), (Some(Consent::REFUSED), 0));
    assert_eq!(world.on_record(), [false]);
    assert_eq!(world.told_consents(), [(false, ConsentBy::Key)]);
}

#[test]
fn who_does_not_refuse_is_recorded_from_the_end_of_the_announcement_on() {
    let mut world = asking("{ refuse_digit = \"2\", refuse_for = 4 }");
    let (_, customer, _) = world.is_told();
    while world.telling() > 0 {
        assert!(world.taping.is_empty(), "nothing is on tape while one of them hears it");
        world.carry_out();
        world.pass(Duration::from_millis(10));
    }
    assert_eq!(world.taping.len(), 1);
    assert_eq!(world.on_the_list().consent, Some(Consent::GIVEN));
    assert!(world.on_record().is_empty(), "there is time to refuse");
    world.seconds(5);
    world.consent_key(customer, '2');
    assert_eq!((world.taping.len(), world.on_record()), (1, vec![true]), "and now there is none");
    let record = world.rings_off();
    assert_eq!((record.consent, record.recordings.len()), (Some(Consent::GIVEN), 1));
    assert_eq!(world.told_consents(), [(true, ConsentBy::Heard)]);
}

#[test]
fn who_refuses_a_moment_later_leaves_nothing_on_the_disk() {
    let mut world = asking("{ refuse_digit = \"2\" }");
    let (call, customer, agent) = world.is_told();
    while world.taping.is_empty() {
        world.carry_out();
        world.pass(Duration::from_millis(10));
    }
    world.seconds(3);
    world.consent_key(customer, '2');
    world.seconds(1);
    assert!(world.taping.is_empty() && world.files.is_empty(), "the file is gone");
    assert_eq!(world.bridged.get(&customer), Some(&agent));
    assert!(world.refusal_to_record(call).contains("in this call"));
    let record = world.rings_off();
    assert_eq!((record.consent, record.recordings.len()), (Some(Consent::REFUSED), 0));
    assert_eq!(world.on_record(), [false]);
    assert_eq!(world.told_consents(), [(true, ConsentBy::Heard), (false, ConsentBy::Key)]);
}

#[test]
fn who_refused_the_last_time_is_asked_again_or_not_as_the_queue_says() {
    let mut world = asking("{ refuse_digit = \"2\" }");
    let (_, customer, _) = world.is_told();
    world.consent_key(customer, '2');
    world.rings_off();
    world.seconds(10);
    let (_, _, _) = world.is_told();
    world.seconds(15);
    assert_eq!(world.on_the_list().consent, Some(Consent::GIVEN), "asked again");
    world.rings_off();
    assert_eq!(world.on_record(), [true], "the last word");

    let mut world = asking("{ refuse_digit = \"2\", ask_again = false }");
    let (_, customer, _) = world.is_told();
    world.consent_key(customer, '2');
    world.rings_off();
    world.seconds(10);
    world.call(CARRIER, "+15550101");
    world.seconds(7);
    world.take_call(ANN);
    for _ in 0..100 {
        world.carry_out();
        world.pass(Duration::from_millis(100));
        assert_eq!((world.telling(), world.taping.len()), (0, 0), "neither asked nor recorded");
    }
    let (call, ..) = talk(&world);
    assert_eq!(world.on_the_list().consent, Some(Consent::REFUSED_EARLIER));
    assert!(world.refusal_to_record(call).contains("in an earlier call"));
    assert_eq!(world.rings_off().consent, Some(Consent::REFUSED_EARLIER));
}

#[test]
fn who_has_agreed_is_not_told_again_after_a_transfer_and_the_next_agent_is() {
    let mut world = asking("{ refuse_digit = \"2\" }");
    let (call, customer, _) = world.is_told();
    world.seconds(15);
    assert_eq!(world.taping.len(), 1);
    let to = Some("201".to_owned());
    assert_eq!(world.ask(&Command::Transfer { call, to, with: None }), Some(Reply::Done));
    world.seconds(1);
    world.take_call(1);
    world.until_told();
    assert_eq!(
        (world.telling(), world.taping.len()),
        (1, 0),
        "one hears it, and nothing is on tape"
    );
    assert!(!world.gateway.playing.contains_key(&customer));
    world.seconds(6);
    assert_eq!((world.telling(), world.taping.len()), (0, 1));
    assert_eq!(world.rings_off().recordings.len(), 2);
}

#[test]
fn who_is_called_outside_is_asked_after_the_answer_and_remembered() {
    let trunk = "servers = [\"192.0.2.100\"]\nrecord = \"always\"\n\
                 record_notice = { refuse_digit = \"*\", ask_again = false }";
    let mut world = scene(&[("servers = [\"192.0.2.100\"]", trunk)]);
    world.call(1, "92025550123");
    world.seconds(2);
    assert_eq!(world.telling(), 0, "it rings");
    world.take_call(CARRIER);
    world.until_told();
    let (_, caller, called) = talk(&world);
    assert!(world.taping.is_empty());
    world.consent_key(caller, '*');
    assert_eq!(world.telling(), 2, "the own side is not asked");
    world.consent_key(called, '*');
    world.seconds(5);
    assert_eq!((world.telling(), world.taping.len()), (0, 0));
    assert_eq!(world.on_the_list().consent, Some(Consent::REFUSED));
    assert_eq!(world.rings_off().consent, Some(Consent::REFUSED));
    world.seconds(5);
    world.call(1, "92025550123");
    world.seconds(2);
    world.take_call(CARRIER);
    world.seconds(10);
    assert_eq!(world.on_the_list().consent, Some(Consent::REFUSED_EARLIER));
    assert!(world.taping.is_empty());
}

#[test]
fn a_phone_that_may_record_does_not_where_it_was_refused() {
    let phone = "number = \"202\"\nrecord = \"on-demand\"";
    let queue = "max_wait = 60\nrecord_notice = { refuse_digit = \"2\" }";
    let mut world = scene(&[
        ("to = \"extension:201\"\n[[internal]]", "to = \"queue:support\"\n[[internal]]"),
        ("number = \"202\"", phone),
        ("max_wait = 60", queue),
    ]);
    world.call(CARRIER, "+15550101");
    world.seconds(7);
    world.take_call(ANN);
    world.seconds(2);
    let (_, customer, agent) = talk(&world);
    assert_eq!(world.telling(), 0, "nobody wants a recording yet");
    "*1".chars().for_each(|key| world.consent_key(agent, key));
    assert_eq!(world.telling(), 2);
    world.consent_key(customer, '2');
    assert_eq!((world.telling(), world.taping.len()), (0, 0));
    "*1".chars().for_each(|key| world.consent_key(agent, key));
    let aside = |(_, what): &(u64, sound::Playing)| *what == sound::Playing::Aside;
    assert!(world.gateway.playing.get(&agent).is_some_and(aside), "the phone hears that it is not");
    world.seconds(5);
    assert_eq!((world.telling(), world.taping.len()), (0, 0));
    assert_eq!(world.bridged.get(&customer), Some(&agent), "and they talk on");
}
