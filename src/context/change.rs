//! What can change: the words of the journal about people.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Channel;
use super::card::Asked;
use super::case::{Case, Ref};
use super::contact::{Contact, Learned, Source};
use super::elsewhere::{Carded, Heard};
use super::identity::{How, Identity, Sharing};
use super::person::Evidence;
use super::timeline::{Happening, Moment, Tape};
use super::{Kind, Merge};
use crate::id::{ActorId, CallId, CaseId, ContactId, ErasureId, HoldId, PinId};
use crate::time::UnixTime;

/// Under whose key a text belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// A contact's.
    Contact(ContactId),
    /// An identity's own, so that the same one is found again by whoever has only that.
    Identity(Kind),
}

/// What somebody did, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act<P> {
    /// Who.
    pub by: ActorId,
    /// When.
    pub at: UnixTime,
    /// What.
    pub changes: Vec<Change<P>>,
}

impl<P> Act<P> {
    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(Whose, P) -> Q) -> Act<Q> {
        let changes = self.changes.into_iter().map(|change| change.map(to)).collect();
        Act { by: self.by, at: self.at, changes }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change<P> {
    /// A contact is there.
    Created {
        /// Which.
        contact: ContactId,
    },
    /// A field was said, or taken away.
    Field {
        /// Whose.
        contact: ContactId,
        /// Which.
        name: String,
        /// What it says now.
        value: Option<P>,
        /// Who says so.
        source: Source,
        /// By which channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<Channel>,
    },
    /// The person said what a field says already, and that was said no longer ago than an identification holds: they were
    /// asked again.
    AskedAgain {
        /// Who.
        contact: ContactId,
        /// Which field.
        name: String,
    },
    /// An identity belongs to a contact.
    Linked {
        /// To which.
        contact: ContactId,
        /// Which.
        identity: Identity<P>,
        /// How that is known.
        how: How,
    },
    /// And no more.
    Unlinked {
        /// To which it did.
        contact: ContactId,
        /// Which.
        identity: Identity<P>,
    },
    /// Several people share an identity: it names nobody from here on.
    Shared {
        /// Which.
        identity: Identity<P>,
        /// Why.
        sharing: Sharing,
        /// The contact that stands for the line, made here.
        line: ContactId,
    },
    /// An identity is one person's again.
    Unshared {
        /// Which.
        identity: Identity<P>,
        /// Whose.
        contact: ContactId,
    },
    /// Two contacts may be one person.
    Suggested {
        /// One.
        a: ContactId,
        /// The other.
        b: ContactId,
        /// Why.
        evidence: BTreeSet<Evidence>,
    },
    /// They are two; it is not suggested again.
    Refused {
        /// One.
        a: ContactId,
        /// The other.
        b: ContactId,
    },
    /// Two contacts are one person.
    Merged(Merge),
    /// A merge is taken back.
    Unmerged(Merge),
    /// A case was opened.
    CaseOpened {
        /// Which.
        case: CaseId,
        /// Whose.
        contact: ContactId,
        /// What it is about.
        title: Option<P>,
        /// What belongs to it.
        moments: Vec<Ref>,
    },
    /// More belongs to a case.
    CaseLinked {
        /// Which.
        case: CaseId,
        /// What.
        moments: Vec<Ref>,
    },
    /// Something does not belong to a case.
    CaseUnlinked {
        /// Which.
        case: CaseId,
        /// What.
        moments: Vec<Ref>,
    },
    /// A part of a case is a case of its own.
    CaseSplit {
        /// The case that it was in.
        from: CaseId,
        /// The new one.
        case: CaseId,
        /// Whose.
        contact: ContactId,
        /// What it is about.
        title: Option<P>,
        /// What belongs to it.
        moments: Vec<Ref>,
    },
    /// A case goes up in another.
    CasesMerged {
        /// The one that stays.
        kept: CaseId,
        /// The one that does not.
        gone: CaseId,
    },
    /// Fields of a case were said, or taken away.
    CaseSaid {
        /// Which.
        case: CaseId,
        /// Whose.
        contact: ContactId,
        /// By name.
        fields: BTreeMap<String, Option<P>>,
    },
    /// A case is over, or not over after all.
    CaseClosed {
        /// Which.
        case: CaseId,
        /// Whether it is.
        closed: bool,
    },
    /// A note.
    Noted {
        /// On whom.
        contact: ContactId,
        /// For which case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<CaseId>,
        /// What it says.
        text: P,
    },
    /// How something came out.
    Disposed {
        /// With whom.
        contact: ContactId,
        /// For which case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<CaseId>,
        /// Of which call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// The site's code.
        code: String,
        /// What the code requires, and more.
        fields: BTreeMap<String, P>,
    },
    /// A tag was put on, or taken off.
    Tagged {
        /// On whom.
        contact: ContactId,
        /// Which.
        tag: String,
        /// Whether it is on.
        on: bool,
    },
    /// A fact was pinned.
    Pinned {
        /// To whom.
        contact: ContactId,
        /// Names it.
        pin: PinId,
        /// What.
        fact: P,
        /// Who says so.
        source: Source,
        /// By which channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<Channel>,
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixTime>,
    },
    /// It was taken off.
    Unpinned {
        /// Whose.
        contact: ContactId,
        /// Which.
        pin: PinId,
    },
    /// Consent was given or refused.
    Consented {
        /// By whom.
        contact: ContactId,
        /// To this channel.
        channel: Channel,
        /// For this.
        purpose: String,
        /// Whether it was given.
        given: bool,
        /// Who says so.
        source: Source,
        /// By which channel that came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<Channel>,
    },
    /// Which channel somebody prefers.
    Preferred {
        /// Who.
        contact: ContactId,
        /// Which.
        channel: Option<Channel>,
    },
    /// Somebody was identified.
    Verified {
        /// Who.
        contact: ContactId,
        /// In which case: the level goes with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<CaseId>,
        /// How surely, 1 to 9; 0: not any more.
        level: u8,
        /// Until when that holds.
        until: UnixTime,
    },
    /// Something happened.
    Happened {
        /// With whom.
        contact: ContactId,
        /// When.
        at: UnixTime,
        /// What.
        what: Happening<P>,
    },
    /// A contact is as a file says, with what was known here: the whole of it, with who said what and when.
    Restored {
        /// It.
        contact: Box<Contact<P>>,
    },
    /// What a file says happened with a contact, some time ago.
    Recalled {
        /// With whom.
        contact: ContactId,
        /// What: each at another time.
        moments: Vec<Moment<P>>,
    },
    /// A case is as a file says, with what was known here.
    CaseRestored {
        /// It.
        case: Box<Case<P>>,
    },
    /// The site's book of customers has answered.
    Learned {
        /// About whom.
        contact: ContactId,
        /// What.
        learned: Learned<P>,
    },
    /// What other branches hear of a contact.
    Carded {
        /// Whose.
        contact: ContactId,
        /// What.
        card: Carded<P>,
    },
    /// What was heard of a contact from another branch.
    Heard {
        /// Of whom.
        contact: ContactId,
        /// What.
        heard: Heard<P>,
    },
    /// An erasure that another branch has asked for is done, or is not.
    Confirmed {
        /// Which.
        asked: Asked,
        /// Whose it would have been.
        contact: ContactId,
        /// Whether nothing of theirs is here any more.
        done: bool,
        /// Whether a person here has to say yes or no first.
        #[serde(default)]
        waits: bool,
        /// Why not.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        why: Option<P>,
    },
    /// Nothing of a person may be erased.
    Held {
        /// Whose.
        contact: ContactId,
        /// Names it.
        hold: HoldId,
        /// Why.
        reason: P,
    },
    /// A hold is over.
    Released {
        /// Whose.
        contact: ContactId,
        /// Which.
        hold: HoldId,
    },
    /// A person was erased: keys, rows and recordings. This is the proof of it.
    Erased {
        /// Names it.
        erasure: ErasureId,
        /// Which contacts; nobody's any more.
        contacts: Vec<ContactId>,
        /// How many keys were destroyed.
        keys: u32,
        /// How many recordings were taken off the disk.
        recordings: u32,
        /// By which rule; at somebody's word when nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    /// What happened with a contact before a time is no longer shown, as the rules of the site have it.
    Pruned {
        /// Whose.
        contact: ContactId,
        /// Before this.
        before: UnixTime,
    },
    /// Recordings of calls were kept for as long as the site wants: the files are gone, and the keys of their calls, with what
    /// was keyed in.
    TapesForgotten {
        /// Which.
        tapes: Vec<Tape>,
        /// How many keys were destroyed.
        keys: u32,
        /// By which rule.
        rule: String,
    },
}

impl<P> Change<P> {
    /// The contact whose own row this is about, if it is about one.
    pub fn contact(&self) -> Option<ContactId> {
        match self {
            Change::Field { contact, .. }
            | Change::Tagged { contact, .. }
            | Change::Pinned { contact, .. }
            | Change::Unpinned { contact, .. }
            | Change::Consented { contact, .. }
            | Change::Preferred { contact, .. }
            | Change::Learned { contact, .. }
            | Change::Carded { contact, .. }
            | Change::Heard { contact, .. }
            | Change::Confirmed { contact, .. }
            | Change::Held { contact, .. }
            | Change::Released { contact, .. } => Some(*contact),
            Change::Verified { contact, case: None, .. } => Some(*contact),
            _ => None,
        }
    }

    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(Whose, P) -> Q) -> Change<Q> {
        let of = Whose::Contact;
        match self {
            Change::Created { contact } => Change::Created { contact },
            Change::Field { contact, name, value, source, channel } => {
                let value = value.map(|value| to(of(contact), value));
                Change::Field { contact, name, value, source, channel }
            }
            Change::AskedAgain { contact, name } => Change::AskedAgain { contact, name },
            Change::Linked { contact, identity, how } => {
                Change::Linked { contact, identity: identity.map(to), how }
            }
            Change::Unlinked { contact, identity } => {
                Change::Unlinked { contact, identity: identity.map(to) }
            }
            Change::Shared { identity, sharing, line } => {
                Change::Shared { identity: identity.map(to), sharing, line }
            }
            Change::Unshared { identity, contact } => {
                Change::Unshared { identity: identity.map(to), contact }
            }
            Change::Suggested { a, b, evidence } => Change::Suggested { a, b, evidence },
            Change::Refused { a, b } => Change::Refused { a, b },
            Change::Merged(merge) => Change::Merged(merge),
            Change::Unmerged(merge) => Change::Unmerged(merge),
            Change::CaseOpened { case, contact, title, moments } => {
                let title = title.map(|title| to(of(contact), title));
                Change::CaseOpened { case, contact, title, moments }
            }
            Change::CaseLinked { case, moments } => Change::CaseLinked { case, moments },
            Change::CaseUnlinked { case, moments } => Change::CaseUnlinked { case, moments },
            Change::CaseSplit { from, case, contact, title, moments } => {
                let title = title.map(|title| to(of(contact), title));
                Change::CaseSplit { from, case, contact, title, moments }
            }
            Change::CasesMerged { kept, gone } => Change::CasesMerged { kept, gone },
            Change::CaseSaid { case, contact, fields } => {
                let mut sealed = |text: Option<P>| text.map(|text| to(of(contact), text));
                let fields = fields.into_iter().map(|(name, text)| (name, sealed(text)));
                Change::CaseSaid { case, contact, fields: fields.collect() }
            }
            Change::CaseClosed { case, closed } => Change::CaseClosed { case, closed },
            Change::Noted { contact, case, text } => {
                Change::Noted { contact, case, text: to(of(contact), text) }
            }
            Change::Disposed { contact, case, call, code, fields } => {
                let fields = fields.into_iter().map(|(name, text)| (name, to(of(contact), text)));
                Change::Disposed { contact, case, call, code, fields: fields.collect() }
            }
            Change::Tagged { contact, tag, on } => Change::Tagged { contact, tag, on },
            Change::Pinned { contact, pin, fact, source, channel, until } => {
                let fact = to(of(contact), fact);
                Change::Pinned { contact, pin, fact, source, channel, until }
            }
            Change::Unpinned { contact, pin } => Change::Unpinned { contact, pin },
            Change::Consented { contact, channel, purpose, given, source, through } => {
                Change::Consented { contact, channel, purpose, given, source, through }
            }
            Change::Preferred { contact, channel } => Change::Preferred { contact, channel },
            Change::Verified { contact, case, level, until } => {
                Change::Verified { contact, case, level, until }
            }
            Change::Happened { contact, at, what } => {
                let moment = Moment { at, by: None, case: None, what };
                Change::Happened { contact, at, what: moment.map(of(contact), to).what }
            }
            Change::Restored { contact } => Change::Restored { contact: Box::new(contact.map(to)) },
            Change::Recalled { contact, moments } => {
                let moments = moments.into_iter().map(|moment| moment.map(of(contact), to));
                Change::Recalled { contact, moments: moments.collect() }
            }
            Change::CaseRestored { case } => Change::CaseRestored { case: Box::new(case.map(to)) },
            Change::Learned { contact, learned } => {
                Change::Learned { contact, learned: learned.map(of(contact), to) }
            }
            Change::Carded { contact, card } => {
                Change::Carded { contact, card: card.map(of(contact), to) }
            }
            Change::Heard { contact, heard } => {
                Change::Heard { contact, heard: heard.map(of(contact), to) }
            }
            Change::Confirmed { asked, contact, done, waits, why } => {
                let why = why.map(|why| to(of(contact), why));
                Change::Confirmed { asked, contact, done, waits, why }
            }
            Change::Held { contact, hold, reason } => {
                Change::Held { contact, hold, reason: to(of(contact), reason) }
            }
            Change::Released { contact, hold } => Change::Released { contact, hold },
            Change::Erased { erasure, contacts, keys, recordings, rule } => {
                Change::Erased { erasure, contacts, keys, recordings, rule }
            }
            Change::Pruned { contact, before } => Change::Pruned { contact, before },
            Change::TapesForgotten { tapes, keys, rule } => {
                Change::TapesForgotten { tapes, keys, rule }
            }
        }
    }
}
