//! Written messages in a whole branch: phones write and are written to, and nothing is acknowledged that is not kept.

use super::scenes::{config, scene};
use super::*;
use crate::admin::api::messages::NewMessage;
use crate::admin::{Command, Reply};
use crate::journal::errands::Held;
use crate::journal::message::read;
use crate::messaging::contract::Refusal;
use crate::messaging::{Entry, Owner, Piece, What};
use crate::queue::Channel;

/// Phones may write, and the agents of support answer.
pub(super) const PHONES: (&str, &str) = (
    "[flow.main]\n",
    "[channels.phones]\nkind = \"sip\"\nqueue = \"support\"\n[messages]\nlanguages = [\"de\"]\n[flow.main]\n",
);
const OWNER: usize = 1;
const ANN: usize = 2;

impl World {
    /// A phone writes to the branch.
    pub(super) fn writes(&mut self, at: usize, kind: &str, text: &str) {
        let route = self.route_of(at);
        let party = &mut self.parties[at];
        let user = party.user.expect("a phone");
        let to = Uri::sip(Some("700"), Host::Ip(OURS.ip()), None);
        let mut request = Request::new(Method::MESSAGE, to);
        let (from, to) = (format!("<sip:{user}@192.0.2.1>"), "<sip:700@192.0.2.1>".to_owned());
        for (name, value) in [("From", from), ("To", to)] {
            request.headers.push(name, value).unwrap();
        }
        let request = request.with_body(kind, text.as_bytes().to_vec()).unwrap();
        party.endpoint.request(self.now, route, party.address, request, credentials(user));
    }

    /// Final answers that a party got to what it wrote.
    pub(super) fn answered_texts(&self, at: usize) -> Vec<u16> {
        let texts = self.parties[at].received.iter().map(|bytes| String::from_utf8_lossy(bytes));
        let own = texts.filter(|text| text.contains(" MESSAGE\r\n") && text.starts_with("SIP/2.0"));
        let codes = own.filter_map(|text| text.get(8..11)?.parse().ok());
        codes.filter(|code| *code >= 200 && *code != 401 && *code != 407).collect()
    }

    /// Everything that the journal says of messages, in clear.
    pub(super) fn entries(&self) -> Vec<Entry<String>> {
        let (mut replay, mut all) = (Replay::default(), Vec::new());
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::Message(entry)) = entry.event {
                    all.extend(read(self.gateway.journal.keys().reading(), *entry));
                }
            });
        }
        all
    }

    pub(super) fn sends(&mut self, to: &str, text: &str, key: Option<&str>) -> Reply {
        let message = NewMessage {
            channel: "phones".to_owned(),
            to: to.to_owned(),
            text: text.to_owned(),
            template: None,
            purpose: "code".to_owned(),
            until: None,
        };
        let once = key.map(str::to_owned);
        let reply = self.ask(&Command::SendMessage { message, once });
        reply.expect("an answer")
    }
}

#[test]
fn a_phone_writes_and_an_agent_has_the_conversation_once_it_is_kept() {
    let mut world = scene(&[PHONES]);
    world.disk_waits = true;
    world.writes(OWNER, "text/plain", "The printer is out of paper.");
    world.seconds(2);
    assert!(
        world.answered_texts(OWNER).is_empty(),
        "nothing is acknowledged that is not on the disk"
    );
    world.disk_waits = false;
    world.disk_goes_on();
    world.seconds(2);
    assert_eq!(world.answered_texts(OWNER), [202]);
    let open = &world.gateway.journal.live().errands.0;
    let [(item, errand)] = open.iter().collect::<Vec<_>>()[..] else { panic!("{open:?}") };
    assert_eq!((errand.channel, errand.queue.as_str()), (Channel::Message, "support"));
    let item = *item;
    // A second text of the same person goes into the same conversation, and rings nobody twice.
    world.writes(OWNER, "text/plain;charset=utf-8", "And of ink.");
    world.seconds(2);
    assert_eq!(world.gateway.journal.live().errands.0.len(), 1);
    let all = world.entries();
    let arrived = all.iter().filter(|entry| matches!(entry.what, What::Arrived { .. }));
    let arrived: Vec<_> = arrived.map(|entry| (entry.conversation, entry.contact)).collect();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0], arrived[1], "one person, one conversation");
    let take = Command::Errand {
        item,
        agent: Some("ann".into()),
        doing: crate::admin::api::errands::Doing::Take,
    };
    assert_eq!(world.ask(&take), Some(Reply::Done));
    world.seconds(1);
    let held = world.gateway.journal.live().errands.0[&item].held.clone();
    assert!(matches!(held, Some(Held { agent, .. }) if agent.as_str() == "ann"));
    let owners = world.entries().into_iter().filter_map(|entry| match entry.what {
        What::Owner { owner, .. } => Some(owner),
        _ => None,
    });
    let owners: Vec<_> = owners.collect();
    assert!(matches!(&owners[..], [Owner::Queue { .. }, Owner::Agent { agent, .. }]
        if agent.as_str() == "ann"));
}

#[test]
fn what_is_no_text_and_what_cannot_be_kept_is_refused() {
    let mut world = scene(&[PHONES]);
    world.writes(OWNER, "application/octet-stream", "x");
    world.seconds(2);
    world.writes(OWNER, "text/plain", &"x".repeat(1_301));
    world.seconds(2);
    world.writes(OWNER, "text/plain", "");
    world.seconds(2);
    assert_eq!(world.answered_texts(OWNER), [415, 513, 400]);
    world.disk_works = false;
    world.writes(OWNER, "text/plain", "Is anybody there?");
    world.seconds(2);
    assert_eq!(world.answered_texts(OWNER)[3..], [503]);
    world.disk_works = true;
    world.seconds(30);
    world.writes(OWNER, "text/plain", "Is anybody there now?");
    world.seconds(2);
    assert_eq!(world.answered_texts(OWNER)[4..], [202]);
}

#[test]
fn nobody_writes_to_a_branch_that_has_no_channel_for_phones() {
    let mut world = scene(&[]);
    world.writes(OWNER, "text/plain", "Hello?");
    world.seconds(2);
    assert_eq!(world.answered_texts(OWNER), [405]);
}

#[test]
fn a_message_goes_to_a_phone_once_however_often_it_is_asked_for() {
    let mut world = scene(&[PHONES]);
    let first = world.sends("201@192.0.2.1", "Your code is 42.", Some("k1"));
    world.seconds(2);
    let again = world.sends("201@192.0.2.1", "Your code is 42.", Some("k1"));
    assert!(matches!(first, Reply::Queued { .. }) && again == first, "{first:?} {again:?}");
    let other = world.sends("201@192.0.2.1", "Your code is 43.", Some("k1"));
    assert!(matches!(other, Reply::Conflict(_)), "{other:?}");
    world.seconds(2);
    assert_eq!(world.parties[OWNER].texts, ["Your code is 42."]);
    // The key is remembered over a restart.
    world.is_killed(&config(&[PHONES]), 9);
    world.seconds(2);
    assert_eq!(world.sends("201@192.0.2.1", "Your code is 42.", Some("k1")), first);
    world.seconds(2);
    assert_eq!(world.parties[OWNER].texts.len(), 1);
    assert!(world.gateway.journal.live().messages.open.is_empty(), "it was delivered");
}

#[test]
fn a_message_waits_for_a_phone_that_is_not_there_and_is_unknown_after_a_crash_in_the_middle() {
    let mut world = scene(&[PHONES]);
    world.register(OWNER, 0);
    world.seconds(2);
    world.sends("201@192.0.2.1", "One.", None);
    world.seconds(3);
    assert_eq!(world.parties[OWNER].texts.len(), 0);
    world.register(OWNER, 3_600);
    world.seconds(60);
    assert_eq!(world.parties[OWNER].texts, ["One."], "it is tried again");
    // The box dies when the message is on the wire and its answer is not back.
    world.sends("201@192.0.2.1", "Two.", None);
    world.carry_out();
    let tried = world.entries();
    assert!(matches!(tried.last().unwrap().what, What::Attempt { attempt: 1, .. }));
    world.is_killed(&config(&[PHONES]), 9);
    world.seconds(600);
    let unknown = world.entries().into_iter().filter(|e| matches!(e.what, What::Unknown { .. }));
    assert_eq!(unknown.count(), 1);
    assert!(world.parties[OWNER].texts.len() <= 2, "it is never sent again by itself");
}

#[test]
fn who_writes_stop_is_told_once_and_gets_nothing_more() {
    let mut world = scene(&[PHONES]);
    world.writes(ANN, "text/plain", "  Abmelden! ");
    world.seconds(3);
    let texts = world.parties[ANN].texts.clone();
    let [text] = &texts[..] else { panic!("{texts:?}") };
    assert!(text.contains("keine Nachrichten"), "{text}");
    assert!(world.gateway.journal.live().errands.0.is_empty(), "nobody need answer it");
    world.sends("202@192.0.2.1", "Buy now.", None);
    world.seconds(3);
    world.writes(ANN, "text/plain", "stop");
    world.seconds(3);
    assert_eq!(world.parties[ANN].texts.len(), 1);
    let all = world.entries();
    let stopped = all.iter().filter(|entry| matches!(entry.what, What::Stopped { .. }));
    assert_eq!(stopped.count(), 1);
    let said = all.iter().find_map(|entry| match &entry.what {
        What::Arrived { refusal, pieces, .. } => Some((*refusal, pieces.clone())),
        _ => None,
    });
    let words = vec![Piece::text("  Abmelden! ")];
    assert_eq!(said, Some((Some(Refusal::Stop), words)));
    world.writes(ANN, "text/plain", "START");
    world.seconds(3);
    world.sends("202@192.0.2.1", "Welcome back.", None);
    world.seconds(3);
    assert_eq!(world.parties[ANN].texts.last().map(String::as_str), Some("Welcome back."));
}
