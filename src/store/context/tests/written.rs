//! What was written, in rows: found by whoever looks for it, once, and gone with whom it was written with.

use super::*;
use crate::channel::Channel as Work;
use crate::id::{ChannelId, ContactId, ConversationId, MessageId};
use crate::journal::message;
use crate::messaging::contract::Status;
use crate::messaging::{Content, Entry, Fingerprint, Kind as AddressKind, Media, Owner, Piece};
use crate::messaging::{State, Way, What};
use crate::store::context::looking::{Answer, Question};
use crate::store::messages;
use crate::store::messages::looking::{After, Filter, Talk};

const NUMBER: &str = "+15550123";

impl Site {
    fn says(&mut self, (conversation, contact): (u64, ContactId), what: What<String>) {
        let (conversation, at) = (ConversationId(conversation), self.now.unix);
        let entry = message::to_seal(Entry { at, conversation, contact, what });
        self.journal.append(self.now, Event::Message(Box::new(entry)));
        self.follow();
    }

    fn caller(&mut self) -> ContactId {
        let made = self.order(Order::Create {
            fields: BTreeMap::new(),
            identities: vec![phone(NUMBER)],
            source: Source::default(),
            channel: None,
        });
        created(&made.unwrap())
    }

    fn talks(
        &self,
        filter: Filter,
        after: Option<After>,
        limit: usize,
    ) -> (Vec<Talk>, Option<After>) {
        match self.eyes().answer(self.now.unix, &Question::Conversations(filter, after, limit)) {
            Answer::Conversations(talks, next) => (talks, next),
            other => panic!("{other:?}"),
        }
    }

    fn open(&self) -> Vec<u64> {
        let (talks, next) = self.talks(Filter::default(), None, 100);
        assert_eq!(next, None);
        talks.iter().map(|talk| talk.conversation.id.0).collect()
    }

    fn writer(
        &self,
        thread: Option<&str>,
        key: u8,
        reference: &str,
    ) -> super::super::looking::Writer {
        let channel = ChannelId::from("sim");
        let identity = phone(NUMBER);
        let (keys, references) = (vec![Fingerprint([key; 16])], vec![reference.to_owned()]);
        let thread = thread.map(str::to_owned);
        let address = Some(identity);
        let question = Question::Writer { address, thread, channel, keys, references };
        match self.eyes().answer(self.now.unix, &question) {
            Answer::Writer(writer) => *writer,
            other => panic!("{other:?}"),
        }
    }
}

fn way() -> Way<String> {
    let peer = NUMBER.to_owned();
    Way {
        channel: "sim".into(),
        work: Work::Message,
        kind: AddressKind::Phone,
        peer,
        thread: None,
        own: None,
    }
}

fn arrived(message: u64, key: u8, text: &str) -> What<String> {
    What::Arrived {
        message: MessageId(message),
        way: way(),
        key: Fingerprint([key; 16]),
        sent: None,
        pieces: vec![Piece::text(text)],
        subject: None,
        answers: None,
        refusal: None,
        automatic: false,
        name: None,
        proved: None,
        given: None,
    }
}

fn queued(message: u64, text: &str) -> What<String> {
    What::Queued {
        message: MessageId(message),
        way: way(),
        pieces: vec![Piece::text(text)],
        subject: None,
        answers: None,
        by: "ann".into(),
        purpose: "service".to_owned(),
        reply: true,
        until: UnixTime(i64::MAX),
        not_before: None,
        once: None,
        instead_of: None,
        asker: None,
    }
}

#[test]
fn what_arrived_is_found_by_its_key_its_writer_and_its_conversation() {
    let mut site = Site::new(1);
    let contact = site.caller();
    let before = site.writer(None, 7, "none");
    assert_eq!((before.contact, before.conversation, before.seen.len()), (Some(contact), None, 0));
    site.says((1, contact), arrived(11, 7, "Where is my parcel?"));
    site.says((1, contact), queued(12, "It comes today."));
    let references = vec!["SM1".to_owned(), "SM2".to_owned()];
    site.says((1, contact), What::Accepted { message: MessageId(12), references });
    let writer = site.writer(None, 7, "SM2");
    assert_eq!(writer.seen, [Fingerprint([7; 16])]);
    assert_eq!(writer.conversation, Some((ConversationId(1), Owner::Nobody)));
    let named = &writer.named[0];
    assert_eq!((named.message, named.contact, named.state), (MessageId(12), contact, State::Sent));
    let status = Status::Delivered;
    site.says((1, contact), What::Became { message: MessageId(12), status });
    let page = site.eyes().conversation(ConversationId(1), None, 10).unwrap();
    let said: Vec<_> = page.messages.iter().map(|one| (one.id.0, one.state)).collect();
    assert_eq!(said, [(12, State::Delivered), (11, State::Received)]);
    let older = site.eyes().conversation(ConversationId(1), Some(MessageId(12)), 10).unwrap();
    assert_eq!(older.messages.iter().map(|one| one.id.0).collect::<Vec<_>>(), [11]);
    // And it is on the timeline of whoever wrote, for the card at the next ring.
    let caller = site
        .eyes()
        .caller(&Identity { kind: Kind::Phone, value: NUMBER.to_owned() }, site.now.unix);
    let texts: Vec<_> = caller.unwrap().last.into_iter().map(|moment| moment.what).collect();
    assert!(
        matches!(&texts[1], Happening::Message { text: Some(text), .. } if text.contains("parcel")),
        "{texts:?}"
    );
}

#[test]
fn a_conversation_that_is_over_goes_on_for_some_days_and_then_another_begins() {
    let mut site = Site::new(2);
    let contact = site.caller();
    site.says((1, contact), arrived(11, 1, "hello"));
    site.says((1, contact), What::Closed { by: "ann".into() });
    assert_eq!(site.open(), [0u64; 0]);
    let soon = site.writer(None, 9, "none").conversation;
    assert_eq!(soon.map(|(id, _)| id), Some(ConversationId(1)));
    site.now = site.now.after(Duration::from_secs(4 * 24 * 3_600));
    assert_eq!(site.writer(None, 9, "none").conversation, None);
    site.says((2, contact), arrived(21, 2, "me again"));
    assert_eq!(site.open(), [2]);
    let all = site.talks(Filter { closed: true, ..Filter::default() }, None, 100).0;
    assert_eq!(all.iter().map(|talk| talk.conversation.id.0).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(all[0].preview.as_deref(), Some("me again"));
}

#[test]
fn a_list_goes_on_where_its_page_ended_and_shows_each_once() {
    let mut site = Site::new(3);
    let contact = site.caller();
    for id in 1..=30 {
        site.says((id, contact), arrived(100 + id, id as u8, "hello"));
        if id % 3 == 0 {
            let agent = "ann".into();
            let owner = Owner::Agent { agent, item: None };
            site.says((id, contact), What::Owner { owner, by: None, note: None });
        }
    }
    // One is written in again: it comes first from here on.
    site.says((5, contact), arrived(205, 99, "still there?"));
    for filter in [Filter::default(), Filter { agent: Some("ann".into()), ..Filter::default() }] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = site.talks(filter.clone(), after, 4);
            found.extend(page.iter().map(|talk| talk.conversation.id.0));
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let mut wanted: Vec<u64> = (1..=30).rev().filter(|id| *id != 5).collect();
        wanted.insert(0, 5);
        wanted.retain(|id| filter.agent.is_none() || id % 3 == 0);
        assert_eq!(found, wanted);
    }
}

#[test]
fn what_was_written_goes_with_the_person_and_does_not_come_again() {
    let mut site = Site::new(4);
    let contact = site.caller();
    site.says((1, contact), arrived(11, 1, "secret"));
    site.says((1, contact), queued(12, "secret too"));
    site.order(Order::Erase { who: Who::Contact(contact), rule: None }).unwrap();
    let eyes = site.eyes();
    assert_eq!(eyes.message(MessageId(11)), None);
    assert_eq!(eyes.conversation(ConversationId(1), None, 10), None);
    assert_eq!(site.open(), [0u64; 0]);
    assert_eq!(site.writer(None, 1, "none").seen.len(), 1, "the provider may send it again");
    // A status that comes late belongs to nobody, and what was on its way is not kept.
    site.says((1, contact), What::Became { message: MessageId(12), status: Status::Read });
    site.says((1, contact), arrived(13, 2, "late"));
    assert_eq!(site.eyes().message(MessageId(13)), None);
}

fn with_file(message: u64, key: u8, content: u8) -> What<String> {
    let content = Content([content; 32]);
    let media = Media { content, mime: "image/png".to_owned(), name: None, size: 1 };
    match arrived(message, key, "look") {
        What::Arrived { message, way, key, sent, subject, answers, refusal, automatic, .. } => {
            let pieces = vec![Piece::Media { media }];
            What::Arrived {
                message,
                way,
                key,
                sent,
                pieces,
                subject,
                answers,
                refusal,
                automatic,
                name: None,
                proved: None,
                given: None,
            }
        }
        other => other,
    }
}

#[test]
fn a_file_that_nobody_has_any_more_is_known_as_such() {
    let mut site = Site::new(5);
    let (first, second) = (site.caller(), ContactId(77));
    let orphans = |site: &Site| -> Vec<u8> {
        let rows = site.eyes().rows.page(messages::ORPHANS, None, 100);
        rows.iter().filter_map(|(key, _)| Some(messages::orphan_of(key)?.0[0])).collect()
    };
    for (message, content) in [(11, 1), (12, 2), (13, 2)] {
        site.says((1, first), with_file(message, message as u8, content));
    }
    assert_eq!(orphans(&site), [0u8; 0]);
    site.order(Order::Erase { who: Who::Contact(first), rule: None }).unwrap();
    assert_eq!(orphans(&site), [1, 2]);
    // What comes too late for whoever was erased is nobody's either.
    site.says((1, first), with_file(14, 14, 3));
    site.says((1, second), with_file(15, 15, 4));
    assert_eq!(orphans(&site), [1, 2, 3, 4]);
    let again = site.caller();
    site.says((2, again), with_file(16, 16, 2));
    assert_eq!(orphans(&site), [1, 3, 4], "it is somebody's again");
}

#[test]
fn however_entries_are_cut_into_batches_the_rows_add_up() {
    let mut site = Site::new(5);
    let contact = site.caller();
    for step in 0..200u64 {
        let (talk, message) = (1 + site.random.below(5), 1_000 + step);
        let earlier = MessageId(1_000 + site.random.below(step.max(1)));
        let what = match site.random.below(8) {
            0..3 => arrived(message, step as u8, "in"),
            3 => queued(message, "out"),
            4 => What::Became { message: earlier, status: Status::Read },
            5 => What::Closed { by: "ann".into() },
            6 => What::Unknown { message: earlier },
            _ => What::Seen { by: "ann".into(), upto: earlier },
        };
        site.says((talk, contact), what);
        assert_eq!(site.table.counted(), site.table.meta());
    }
    let mut whole = Table::default();
    whole.write(project(Meta::default(), &site.entries, &whole));
    assert_eq!(whole, site.table);
}
