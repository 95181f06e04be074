//! The site's CRM is asked who calls: nothing waits for it, and what it says is on the card and on the record.

use super::*;
use crate::admin::Reply;
use crate::admin::api::people::CallerCard;
use crate::context::{Identity, Kind, Order, Who};
use crate::crm::{Answer, Fault, read};
use crate::id::CallId;

const SECTION: &str =
    "[crm]\nurl = \"https://crm.example.com/branch\"\nsecret = { file = \"/secret\" }\n";

fn world() -> World {
    World::of(1, &format!("{CONFIG}{SECTION}"), 0)
}

fn ann() -> Answer {
    let body = br#"{"found":true,"id":"C-7","fields":{"name":"Ann Lee","plan":"gold"}}"#;
    read(200, body).expect("an answer")
}

impl World {
    /// The carrier calls the IVR; the call that this is.
    fn incoming(&mut self) -> CallId {
        self.incoming_to("+15550100")
    }

    fn incoming_to(&mut self, number: &str) -> CallId {
        self.call(0, number);
        self.seconds(1);
        let calls: Vec<_> = self.gateway.calls.views().iter().map(|call| call.call).collect();
        let [call] = calls[..] else { panic!("{calls:?}") };
        call
    }

    fn ends(&mut self) {
        self.hang_up(0);
        self.seconds(20);
    }

    /// The CRM answers the newest question.
    fn crm_says(&mut self, result: Result<Answer, Fault>) {
        let ask = self.asks.pop().expect("a question");
        self.gateway.handle_crm(self.now, ask.id, Duration::from_millis(120), result);
        self.carry_out();
        self.seconds(1);
    }

    fn card(&self, call: CallId) -> Option<CallerCard> {
        self.gateway.known_caller(call).map(CallerCard::from)
    }

    fn hours(&mut self, hours: u64) {
        self.now.unix = self.now.unix + Duration::from_secs(hours * 3_600);
    }
}

fn caller() -> Who {
    Who::Identity(Kind::Phone, "+15557654321".to_owned())
}

#[test]
fn the_ring_does_not_wait_and_the_card_is_made_anew_when_the_answer_comes() {
    let mut world = world();
    let call = world.incoming_to("+15550101");
    assert!(!world.parties[1].ringing.is_empty(), "the phone rings, and nobody has answered yet");
    assert_eq!(world.card(call), None);
    assert_eq!(world.asks.len(), 1);
    assert_eq!(world.asks[0].identity, "phone:+15557654321");
    world.crm_says(Ok(ann()));
    let card = world.card(call).expect("a card");
    assert_eq!(card.name.as_deref(), Some("Ann Lee"));
    let crm = card.crm.expect("what the CRM said");
    assert_eq!(
        (crm.learned.fields["plan"].as_str(), crm.learned.id.as_deref()),
        ("gold", Some("C-7"))
    );
    assert_eq!(crm.from, "from CRM, just now");
    assert!(world.asks.is_empty(), "the new card does not ask once more");
    world.ends();
    // The call is on the timeline of the contact that the answer made.
    let person = world.person(caller()).expect("a person");
    assert_eq!((person.contacts.len(), person.timeline.len()), (1, 1));
    let learned = person.contacts[0].learned.as_ref().expect("facts");
    assert!(learned.found && learned.until > learned.at);
    assert_eq!(person.contacts[0].version, 2, "nobody has edited the contact");
}

#[test]
fn where_nothing_is_ever_fresh_each_call_asks_once() {
    let mut world = World::of(1, &format!("{CONFIG}{SECTION}fresh_minutes = 0\n"), 0);
    for _ in 0..3 {
        world.incoming();
        world.crm_says(Ok(ann()));
        assert!(world.asks.is_empty(), "the new card does not ask once more");
        world.ends();
    }
}

#[test]
fn without_a_line_the_last_answer_is_shown_with_its_age() {
    let mut world = world();
    world.incoming();
    world.crm_says(Ok(ann()));
    world.ends();
    world.incoming();
    assert!(world.asks.is_empty(), "a minute old is new enough");
    world.ends();
    world.hours(3);
    let call = world.incoming();
    let crm = world.card(call).and_then(|card| card.crm).expect("the last answer");
    assert_eq!(
        (crm.from.as_str(), crm.learned.fields["name"].as_str()),
        ("from CRM, 3 h ago", "Ann Lee")
    );
    // It is asked for anew beside it, and the line is down.
    world.crm_says(Err(Fault::Unreachable));
    let crm = world.card(call).and_then(|card| card.crm).expect("the last answer");
    assert_eq!(crm.from, "from CRM, 3 h ago");
    world.ends();
    // The line is back, and the CRM says something else.
    world.hours(3);
    let call = world.incoming();
    let gold = br#"{"found":true,"fields":{"name":"Ann Lee","plan":"silver"}}"#;
    world.crm_says(read(200, gold));
    let crm = world.card(call).and_then(|card| card.crm).expect("a new answer");
    assert_eq!(
        (crm.from.as_str(), crm.learned.fields["plan"].as_str()),
        ("from CRM, just now", "silver")
    );
    world.ends();
    // After three months without a word nothing of it is shown any more.
    world.hours(24 * 91);
    let call = world.incoming();
    assert_eq!(world.card(call).expect("a card").crm, None);
    world.ends();
}

#[test]
fn whom_the_crm_does_not_know_gets_no_record_for_that_and_is_not_asked_about_again() {
    let mut world = world();
    let call = world.incoming();
    world.crm_says(Ok(Answer::Unknown));
    assert_eq!(world.card(call), None);
    assert!(world.person(caller()).is_none());
    world.ends();
    // The call itself has made one; the CRM is asked again when its answer is old.
    world.incoming();
    assert!(world.asks.is_empty());
    world.ends();
}

#[test]
fn what_the_crm_said_is_erased_with_the_person() {
    let mut world = world();
    world.incoming();
    world.crm_says(Ok(ann()));
    world.ends();
    world.order(Order::Erase { who: caller(), rule: None }).expect("erased");
    assert!(world.person(caller()).is_none());
    let keys = world.gateway.journal.keys().reading();
    let texts: String = world.journal.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    assert!(!texts.contains("Ann Lee") && !texts.contains("gold"), "it is sealed in the journal");
    let mut opened = 0;
    for bytes in &world.journal {
        let mut rest = &bytes[..];
        while let crate::journal::record::Found::Record(record) =
            crate::journal::record::decode(rest)
        {
            rest = &rest[record.bytes.len()..];
            let Ok(mut event) =
                serde_json::from_slice::<crate::journal::event::Event>(record.payload)
            else {
                continue;
            };
            event.for_each_personal(&mut |personal| {
                opened += usize::from(
                    crate::journal::personal::Reads::read(keys, personal)
                        .is_some_and(|text| text == "Ann Lee" || text == "gold"),
                );
            });
        }
    }
    assert_eq!(opened, 0, "and nobody has the key");
    let call = world.incoming();
    assert_eq!(world.card(call), None);
    assert_eq!(world.asks.len(), 1, "the next call is a stranger's");
    world.ends();
}

#[test]
fn a_crm_that_never_answers_costs_nothing_but_itself() {
    let mut world = world();
    for _ in 0..5 {
        let call = world.incoming();
        assert_eq!(world.card(call).and_then(|card| card.crm), None);
        world.ends();
    }
    assert_eq!(world.asks.len(), 1, "one question, however many calls want to know");
    world.crm_says(Err(Fault::Late));
    let Some(Reply::Crm(line)) = world.ask(&admin::Command::Crm) else { panic!("its line") };
    assert_eq!((line.faults, line.open), (1, 0));
    assert_eq!(line.trouble.as_deref(), Some("did not answer in time (`timeout_ms`)"));
}

#[test]
fn somebody_is_asked_about_by_address_and_account_as_well_as_by_number() {
    let mut world = world();
    let of = |kind, value: &str| Identity { kind, value: value.to_owned() };
    let mail = of(Kind::Email, "ann@example.com");
    let identities = vec![of(Kind::Phone, "+15557654321"), of(Kind::Account, "c-7"), mail.clone()];
    let (fields, source) = (Default::default(), Default::default());
    let order = Order::Create { fields, identities, source, channel: None };
    let contact = world.order(order).expect("made").contact;
    // Whoever calls is named by all that they are known by.
    world.incoming();
    let ask = world.asks.pop().expect("a question");
    assert_eq!((ask.identity.as_str(), ask.contact), ("phone:+15557654321", contact));
    assert_eq!(ask.also, ["email:ann@example.com", "account:C7"]);
    world.gateway.handle_crm(world.now, ask.id, Duration::from_millis(9), Ok(Answer::Unknown));
    world.ends();
    // A try changes nothing; who wants it on the record gets it there.
    let tell = |who: &str, keep| admin::Command::TestCrm { who: who.to_owned(), keep };
    for (who, keep, identity) in [
        ("account:C-7", false, "account:C7"),
        ("Ann@Example.com", true, "email:ann@example.com"),
        ("account:c 8", true, "account:C8"),
    ] {
        assert_eq!(world.ask(&tell(who, keep)), None, "it is asked");
        assert_eq!(world.asks.last().expect("a question").identity, identity);
        world.crm_says(Ok(ann()));
        assert!(matches!(world.replies.values().last(), Some(Reply::CrmTest(_))));
        let found = world.person(identity.parse().expect("an identity"));
        let learned = found.and_then(|found| found.contacts[0].learned.clone());
        assert_eq!(learned.is_some_and(|learned| learned.found), keep, "{who}");
    }
    for nobody in ["0000000000007", "contact:0000000000007", "what", ""] {
        let refused = world.ask(&tell(nobody, true));
        assert!(matches!(refused, Some(Reply::Refused(_))), "{nobody}: {refused:?}");
    }
}

#[test]
fn an_answer_that_was_on_its_way_brings_nobody_back_who_was_erased() {
    let mut world = world();
    world.incoming();
    world.crm_says(Ok(ann()));
    world.ends();
    world.hours(3);
    let call = world.incoming();
    assert!(world.card(call).is_some() && world.asks.len() == 1);
    world.order(Order::Erase { who: caller(), rule: None }).expect("erased");
    assert_eq!(world.card(call), None, "whoever looks at the call sees nothing of them");
    world.crm_says(Ok(ann()));
    assert!(world.person(caller()).is_none(), "the answer was about somebody who is gone");
    assert_eq!(world.card(call), None);
    world.ends();
    // The call that was up is a stranger's, of whom nothing is known.
    let stranger = world.person(caller()).expect("a new contact");
    assert!(stranger.contacts[0].learned.is_none() && stranger.contacts[0].fields.is_empty());
}
