//! What records say of messages: the entries of [`crate::messaging`], sealed under the key of the contact that each is about.
//!
//! What was said, and by which address, goes with the person: a contact that is erased takes both along.

use super::context::{ERASED, contact_name};
use super::personal::{Personal, Reads, Subject};
use crate::id::ContactId;
use crate::messaging::Entry;

/// An entry, to be sealed.
pub fn to_seal(entry: Entry<String>) -> Entry<Personal> {
    let subject = contact_name(entry.contact);
    entry.map(&mut |text| Personal::Named { subject: subject.clone(), text })
}

/// An entry, read; nothing once the person was erased.
pub fn read(keys: &dyn Reads, entry: Entry<Personal>) -> Option<Entry<String>> {
    let mut whole = true;
    let entry = entry.map(&mut |text| {
        let text = keys.read(&text);
        whole &= text.is_some();
        text.unwrap_or_else(|| ERASED.to_owned())
    });
    whole.then_some(entry)
}

/// Hands every piece of personal data to `touch`.
pub(super) fn for_each_personal(entry: &mut Entry<Personal>, touch: &mut dyn FnMut(&mut Personal)) {
    let void = Entry {
        at: entry.at,
        conversation: entry.conversation,
        contact: entry.contact,
        what: crate::messaging::What::Closed { by: "box".into() },
    };
    *entry = std::mem::replace(entry, void).map(&mut |mut personal| {
        touch(&mut personal);
        personal
    });
}

/// Whose key entries about a contact are sealed with.
pub fn subject(keys: &dyn Reads, contact: ContactId) -> Subject {
    super::context::contact_subject(keys, contact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::id::{ConversationId, MessageId};
    use crate::journal::event::Event;
    use crate::journal::personal::Keyring;
    use crate::messaging::{Fingerprint, Kind, Piece, Way, What};
    use crate::random::Random;
    use crate::time::UnixTime;

    fn arrived() -> Entry<String> {
        let way = Way {
            channel: "sim".into(),
            work: Channel::Message,
            kind: Kind::Phone,
            peer: "+15550123".to_owned(),
            thread: None,
            own: None,
        };
        let what = What::Arrived {
            message: MessageId(3),
            way,
            key: Fingerprint([7; 16]),
            sent: None,
            pieces: vec![Piece::text("The sink leaks."), Piece::Missing { name: None, mime: None }],
            subject: None,
            answers: None,
            refusal: None,
            automatic: false,
            name: None,
            proved: None,
            given: None,
        };
        let (conversation, contact) = (ConversationId(2), ContactId(1));
        Entry { at: UnixTime(5), conversation, contact, what }
    }

    #[test]
    fn what_somebody_wrote_is_read_again_and_forgotten_with_them() {
        let mut keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let mut event = Event::Message(Box::new(to_seal(arrived())));
        assert!(serde_json::to_string(&event).is_err(), "nothing is written in clear");
        event.for_each_personal(&mut |personal| keys.seal(personal));
        let text = serde_json::to_string(&event).unwrap();
        assert!(!text.contains("sink") && !text.contains("5550123"), "{text}");
        let back: Event = serde_json::from_str(&text).unwrap();
        assert_eq!(back, event);
        let Event::Message(sealed) = back else { panic!("{back:?}") };
        assert_eq!(read(keys.reading(), (*sealed).clone()), Some(arrived()));
        let file = keys.file();
        let mut later = Keyring::open(&[7; 32], &file, Random::from_number(1)).reading().clone();
        later.forget(&[subject(&later, ContactId(1))]);
        assert_eq!(read(&later, *sealed), None);
    }
}
