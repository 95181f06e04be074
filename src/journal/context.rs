//! What records say of people: the changes of [`crate::context`], sealed under the keys of those they are about.
//!
//! Texts about a contact are sealed under the contact's key, an identity under its own: a number's is the one that its
//! calls are sealed under. So a person is forgotten with a handful of keys, and a number is found again by whoever calls.

use ring::digest::{SHA256, digest};

use crate::context::{Act, Identity, Kind, Whose};
use crate::id::{CallId, ContactId, ExtensionId};
use crate::journal::personal::{Personal, Reads, Subject};

/// What stands for a text whose key was destroyed.
pub const ERASED: &str = "erased";

/// A text, to be sealed under the key of whom it belongs to.
pub fn personal(whose: Whose, text: String) -> Personal {
    match whose {
        Whose::Contact(contact) => Personal::Named { subject: contact_name(contact), text },
        Whose::Identity(Kind::Phone) => Personal::Clear(text),
        Whose::Identity(kind) => Personal::Named { subject: format!("{kind}:{text}"), text },
    }
}

/// What somebody did, to be sealed.
pub fn to_seal(act: Act<String>) -> Act<Personal> {
    act.map(&mut personal)
}

/// The contact that a call of an unknown number makes: the same one however often the journal is read.
pub fn implicit(seq: u64, subject: &Subject) -> ContactId {
    let said = [b"contact of a call", &seq.to_be_bytes()[..], subject.as_bytes()].concat();
    let hash = digest(&SHA256, &said);
    ContactId(hash.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// The subject of what is known of a contact.
pub fn contact_subject(keys: &dyn Reads, contact: ContactId) -> Subject {
    keys.by_name(&contact_name(contact))
}

/// The subject of an identity.
pub fn identity_subject(keys: &dyn Reads, identity: &Identity<String>) -> Subject {
    keys.subject(&personal(Whose::Identity(identity.kind), identity.value.clone()))
}

/// A text, read; [`ERASED`] when its key is gone.
pub fn read(keys: &dyn Reads, personal: &Personal) -> String {
    keys.read(personal).unwrap_or_else(|| ERASED.to_owned())
}

/// The name of the subject of what somebody keyed in during a call, and of its recordings. Whoever of the call is erased,
/// it goes with them.
pub fn call_name(call: CallId) -> String {
    format!("call/{call}")
}

/// A text that goes with a call, whoever's it is.
pub fn of_call(call: CallId, text: String) -> Personal {
    Personal::Named { subject: call_name(call), text }
}

/// The name of the subject of what the owner of a mailbox spoke for others to hear.
pub fn mailbox_name(mailbox: &ExtensionId) -> String {
    format!("mailbox/{mailbox}")
}

/// The name of the subject of what an event of a site was about: it is known by whom before it is known whose.
pub fn detail_name(identity: &Identity<String>) -> String {
    format!("site/{}:{}", identity.kind, identity.value)
}

/// The name of the subject of what is known of a contact.
pub fn contact_name(contact: ContactId) -> String {
    format!("contact/{contact}")
}
