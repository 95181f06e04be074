//! What was kept for as long as the site wants: people with whom nothing happens any more, old moments, old recordings.
//!
//! Whoever is held is passed over with everything of theirs: a person by any of their contacts, a shared line by any of its
//! users. Looks at some contacts and some calls at a time.

use std::collections::BTreeSet;

use super::looking::Eyes;
use super::{
    CONTACTS, bygone_of, contact_key, get, identity_key, merge_key, moment, moment_key, moment_ref,
    moments_of,
};
use crate::context::{Contact, Edge, Happening, Identity, Ref, Tape};
use crate::id::{CallId, ContactId};
use crate::journal::event::{CallRecord, Direction};
use crate::journal::personal::Personal;
use crate::store::{CALLS, call_key};
use crate::time::UnixTime;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ages {
    /// People with whom nothing has happened since then.
    pub idle: Option<UnixTime>,
    /// What happened before then.
    pub moments: Option<UnixTime>,
    /// Recordings from before then.
    pub tapes: Option<UnixTime>,
    /// Whoever has one of these tags is passed over, like whoever is held.
    pub held: BTreeSet<String>,
}

/// How far somebody has looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// From behind this contact on.
    pub contact: Option<ContactId>,
    /// From behind this call on: calls of nobody outside are looked at on their own.
    pub call: Option<(UnixTime, CallId)>,
}

/// What was kept for long enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Old {
    /// People with whom nothing happens any more.
    pub idle: Vec<ContactId>,
    /// Contacts on whose timelines something is from before this.
    pub moments: Vec<(ContactId, UnixTime)>,
    /// Calls with recordings.
    pub tapes: Vec<Tape>,
    /// Calls with recordings that stay because somebody is held.
    pub held: u64,
    /// Where to go on; from the beginning where nothing.
    pub next: Cursor,
}

impl Eyes<'_> {
    /// What is old among so many contacts and as many calls.
    pub fn old(&self, from: Cursor, limit: usize, ages: &Ages) -> Old {
        let mut old = Old::default();
        let page = self.rows.page(CONTACTS, from.contact.map(contact_key).as_deref(), limit);
        let full = page.len() == limit;
        for (_, row) in page {
            let Some(contact) = super::contact(&row) else { continue };
            old.next.contact = Some(contact.id).filter(|_| full);
            self.look_at(&contact, ages, &mut old);
        }
        if let Some(before) = ages.tapes {
            self.look_at_calls(from.call, limit, before, &mut old);
        }
        old
    }

    fn look_at(&self, contact: &Contact<Personal>, ages: &Ages, old: &mut Old) {
        let first = self.rows.get(&merge_key(contact.id)).is_none();
        let held = self.is_held(contact, &ages.held);
        if first && !held && ages.idle.is_some_and(|idle| self.is_idle(contact.id, idle)) {
            old.idle.push(contact.id);
            return;
        }
        if let Some(before) = ages.tapes {
            let tapes = self.old_tapes(contact.id, before);
            match held {
                true => old.held += tapes.len() as u64,
                false => old.tapes.extend(tapes),
            }
        }
        if let Some(before) = ages.moments.filter(|_| !held) {
            let behind = oldest_kept(contact.id, before);
            if !self.rows.page(&moments_of(contact.id), Some(&behind), 1).is_empty() {
                old.moments.push((contact.id, before));
            }
        }
    }

    /// Recordings of a contact's calls from before a time, shown or not any more.
    fn old_tapes(&self, contact: ContactId, before: UnixTime) -> Vec<Tape> {
        let behind = oldest_kept(contact, before);
        let moments = self.rows.page(&moments_of(contact), Some(&behind), usize::MAX);
        let shown = moments.iter().filter_map(|(key, row)| {
            let at = moment_ref(key)?.at;
            let Happening::Call { call, recordings, .. } = moment(row)?.what else { return None };
            Some(Tape { call, at, contact: Some(contact), recordings })
        });
        let gone = self.bygone(contact).into_iter().filter(|tape| tape.at < before);
        shown.chain(gone).filter(|tape| !tape.recordings.is_empty()).collect()
    }

    /// Calls that are not on a contact's timeline any more.
    pub(super) fn bygone(&self, contact: ContactId) -> Vec<Tape> {
        let page = self.rows.page(&bygone_of(contact), None, usize::MAX);
        page.iter().filter_map(|(_, row)| super::read(row)).collect()
    }

    /// Calls that are on nobody's timeline: between phones of the branch, and of hidden numbers.
    fn look_at_calls(
        &self,
        from: Option<(UnixTime, CallId)>,
        limit: usize,
        before: UnixTime,
        old: &mut Old,
    ) {
        // The newest come first.
        let (at, call) = from.unwrap_or((before, CallId(u64::MAX)));
        let page = self.rows.page(CALLS, Some(&call_key(at, call)), limit);
        let full = page.len() == limit;
        for record in page.iter().filter_map(|(_, row)| super::read::<CallRecord>(row)) {
            old.next.call = Some((record.arrived, record.call)).filter(|_| full);
            let nobody = record.direction == Direction::Internal || record.party.is_none();
            if nobody && record.arrived < before && !record.recordings.is_empty() {
                let CallRecord { call, arrived: at, recordings, .. } = record;
                old.tapes.push(Tape { call, at, contact: None, recordings });
            }
        }
    }

    /// Which of these lead to somebody who is held.
    pub(super) fn held(
        &self,
        whom: &BTreeSet<Identity<String>>,
        tags: &BTreeSet<String>,
    ) -> BTreeSet<Identity<String>> {
        let is_held = |identity: &&Identity<String>| {
            let edge = self.edge(identity);
            let owner = edge.and_then(|edge| get(self.rows, &contact_key(edge.owner)));
            owner.is_some_and(|owner| self.is_held(&owner, tags))
        };
        whom.iter().filter(is_held).cloned().collect()
    }

    /// Whether somebody holds what is known of a contact: on any contact of the person, or on anybody who uses its line.
    fn is_held(&self, contact: &Contact<Personal>, tags: &BTreeSet<String>) -> bool {
        let own = |contact: &Contact<Personal>| {
            !contact.holds.is_empty() || !contact.tags.is_disjoint(tags)
        };
        let lines = contact.identities.iter().filter_map(|link| {
            let subject = self.keys.subject(&link.identity.value);
            get::<Edge>(self.rows, &identity_key(link.identity.kind, &subject))
        });
        let lines = lines.filter(|edge| edge.owner == contact.id);
        let users: BTreeSet<ContactId> = lines.flat_map(|edge| edge.users).collect();
        own(contact)
            || users.iter().chain([&contact.id]).any(|id| {
                let others = self.person(*id).1;
                others
                    .iter()
                    .filter_map(|id| get(self.rows, &contact_key(*id)))
                    .any(|row| own(&row))
            })
    }

    /// Whether nothing has happened with a person since then.
    fn is_idle(&self, contact: ContactId, since: UnixTime) -> bool {
        let (_, members) = self.person(contact);
        let quiet = |id: &ContactId| {
            let Some(row) = get::<Contact<Personal>>(self.rows, &contact_key(*id)) else {
                return true;
            };
            let newest = self.rows.page(&moments_of(*id), None, 1);
            let newest = newest.first().and_then(|(key, _)| moment_ref(key)).map(|place| place.at);
            let said = row.fields.values().map(|field| field.now.said.at);
            let linked = row.identities.iter().map(|link| link.at);
            let last = said.chain(linked).chain(newest).chain([row.created]).max();
            last.is_some_and(|last| last < since)
        };
        members.iter().all(quiet)
    }
}

/// Behind this key are the moments from before a time.
fn oldest_kept(contact: ContactId, before: UnixTime) -> Vec<u8> {
    moment_key(Ref { contact, at: before, seq: 0 })
}
