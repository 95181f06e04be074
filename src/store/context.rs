//! Rows about people: contacts, identities, timelines, merges, cases.
//!
//! Each contact has a row of its own and a timeline under it; a merge is one row and moves none. Identities are found by
//! what the keyring calls them: no row's key says who it is about. A call of a number that nobody has makes a contact,
//! whose id comes from the record, so that a store made again from the journal has the same ones.
//!
//! The first byte of a key says which of these its row is (`super::kind`).

pub mod filing;
pub mod finding;
pub mod keeping;
pub mod looking;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::kind::{
    BYGONE, CASE, CASE_OF, CONTACT, ERASED, IDENTITY, KEPT, MERGE, MOMENT, PROOF, SUGGESTION,
};
use super::{Draft, Rows, call_key, numbered_key, read};
use crate::context::{
    Act, Case, Change, Contact, Edge, Happening, How, Identity, Kind, Link, MOST_LINKED, Merge,
    Moment, Ref, Sharing, Suggestion, Tape, Verified, Way,
};
use crate::id::{ActorId, CaseId, ContactId, ErasureId};
use crate::journal::context::implicit;
use crate::journal::event::{CallRecord, Direction};
use crate::journal::personal::{Personal, Subject};
use crate::journal::replay::Entry;
use crate::journal::site::Site;
use crate::time::UnixTime;

/// Every contact's key begins with this; they are in order of their ids.
pub const CONTACTS: &[u8] = &[CONTACT];
/// Every moment's key begins with this.
pub const MOMENTS: &[u8] = &[MOMENT];
/// Every case's key begins with this.
pub const CASES: &[u8] = &[CASE];
/// Every proof's key begins with this.
pub const PROOFS: &[u8] = &[PROOF];
/// Every suggestion's key begins with this; each is there twice, under either contact.
pub const SUGGESTIONS: &[u8] = &[SUGGESTION];

/// Whoever does something without being told.
pub const BOX: &str = "box";

/// What is left of an erasure: that it was, and how much there was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Names it.
    pub erasure: ErasureId,
    /// When.
    pub at: UnixTime,
    /// By whom.
    pub by: ActorId,
    /// By which rule; at somebody's word when nothing.
    #[serde(default)]
    pub rule: Option<String>,
    /// Which contacts; nobody's any more.
    pub contacts: Vec<ContactId>,
    /// How many identities led to them.
    pub identities: u32,
    /// How many moments were on their timelines.
    pub moments: u32,
    /// How many keys were destroyed.
    pub keys: u32,
    /// How many recordings were taken off the disk.
    pub recordings: u32,
}

/// The key of a contact's row.
pub fn contact_key(contact: ContactId) -> Vec<u8> {
    numbered_key(CONTACT, contact.0)
}

/// The key of an identity's row.
pub fn identity_key(kind: Kind, subject: &Subject) -> Vec<u8> {
    [&[IDENTITY, kind.code()], subject.as_bytes()].concat()
}

/// What the keys of a contact's moments begin with.
pub fn moments_of(contact: ContactId) -> Vec<u8> {
    numbered_key(MOMENT, contact.0)
}

/// The key of a moment: the newest of a contact first.
pub fn moment_key(at: Ref) -> Vec<u8> {
    let mut key = moments_of(at.contact);
    key.extend(newest_first(at.at));
    key.extend((u64::MAX - at.seq).to_be_bytes());
    key
}

/// What the keys of a contact's moments at a time begin with; of those the newest record comes first.
pub fn moments_at(contact: ContactId, at: UnixTime) -> Vec<u8> {
    let mut key = moments_of(contact);
    key.extend(newest_first(at));
    key
}

/// Where a moment stands, from its key.
pub fn moment_ref(key: &[u8]) -> Option<Ref> {
    let number = |at: usize| Some(u64::from_be_bytes(key.get(at..at + 8)?.try_into().ok()?));
    let at = UnixTime(((u64::MAX - number(9)?) ^ (1 << 63)).cast_signed());
    Some(Ref { contact: ContactId(number(1)?), at, seq: u64::MAX - number(17)? })
}

/// The key of the merge by which a contact is part of another.
pub fn merge_key(gone: ContactId) -> Vec<u8> {
    numbered_key(MERGE, gone.0)
}

/// What the keys of contacts that were merged into one begin with; the rest is theirs.
pub fn merged_into(kept: ContactId) -> Vec<u8> {
    numbered_key(KEPT, kept.0)
}

/// The key of a case.
pub fn case_key(case: CaseId) -> Vec<u8> {
    numbered_key(CASE, case.0)
}

/// What the keys of a contact's cases begin with; the rest is the case's id.
pub fn cases_of(contact: ContactId) -> Vec<u8> {
    numbered_key(CASE_OF, contact.0)
}

/// What the keys of suggestions about a contact begin with; the rest is the other's.
pub fn suggestions_of(contact: ContactId) -> Vec<u8> {
    numbered_key(SUGGESTION, contact.0)
}

/// The key of an erasure's proof.
pub fn proof_key(erasure: ErasureId) -> Vec<u8> {
    numbered_key(PROOF, erasure.0)
}

/// The key of the row that says that a contact was erased: it leads to the proof, and no file brings the contact back.
pub fn erased_key(contact: ContactId) -> Vec<u8> {
    numbered_key(ERASED, contact.0)
}

/// What the keys of calls begin with that are not on a contact's timeline any more; the rest is the call's id.
pub fn bygone_of(contact: ContactId) -> Vec<u8> {
    numbered_key(BYGONE, contact.0)
}

/// The number behind a prefix of nine bytes.
pub fn second_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(9..17)?.try_into().ok()?))
}

pub(super) fn pair_key(kind: u8, one: u64, other: u64) -> Vec<u8> {
    let mut key = numbered_key(kind, one);
    key.extend(other.to_be_bytes());
    key
}

pub(super) fn newest_first(at: UnixTime) -> [u8; 8] {
    (u64::MAX - (at.0.cast_unsigned() ^ (1 << 63))).to_be_bytes()
}

fn subject_of(personal: &Personal) -> Option<Subject> {
    match personal {
        Personal::Sealed(subject, _) => Some(*subject),
        // What is in the journal was sealed.
        Personal::Clear(_) | Personal::Named { .. } => None,
    }
}

fn key_of(identity: &Identity<Personal>) -> Option<Vec<u8>> {
    Some(identity_key(identity.kind, &subject_of(&identity.value)?))
}

/// Calls.
impl Draft<'_> {
    /// A call goes onto the timeline of whoever was outside.
    pub(super) fn take_call(&mut self, entry: &Entry, record: &CallRecord) {
        let way = match record.direction {
            Direction::Inbound => Way::In,
            Direction::Outbound => Way::Out,
            Direction::Internal => return,
        };
        let joined = record.contact.filter(|contact| self.contact(*contact).is_some());
        // A call that goes on with nothing may be about anything.
        let case = joined.and_then(|contact| self.case_that_goes_on(contact));
        let by_number = || self.contact_of_call(entry, record.party.as_ref()?);
        let Some(contact) = joined.or_else(by_number) else { return };
        let seconds = |since: UnixTime| {
            u32::try_from(record.ended.since(since).as_secs()).unwrap_or(u32::MAX)
        };
        let what = Happening::Call {
            call: record.call,
            way,
            queue: record.queue.clone(),
            agent: record.agent.clone(),
            seconds: seconds(record.arrived),
            talked: record.connected.map_or(0, seconds),
            cause: record.cause.name(),
            recordings: record.recordings.clone(),
        };
        let moment: Moment<Personal> = Moment { at: record.arrived, by: None, case, what };
        self.happened(entry.seq, contact, &moment);
    }

    /// Who has the number; a new contact if nobody has.
    fn contact_of_call(&mut self, entry: &Entry, party: &Personal) -> Option<ContactId> {
        let identity = Identity { kind: Kind::Phone, value: party.clone() };
        self.contact_of(entry, &[identity])
    }

    /// Whoever has the first of these that anybody has; a new contact if nobody has any.
    fn contact_of(
        &mut self,
        entry: &Entry,
        identities: &[Identity<Personal>],
    ) -> Option<ContactId> {
        let mut edges = identities.iter().filter_map(|one| self.row::<Edge>(&key_of(one)?));
        if let Some(edge) = edges.next() {
            return Some(edge.owner);
        }
        let first = identities.first()?;
        let contact = implicit(entry.seq, &subject_of(&first.value)?);
        self.put(contact_key(contact), &Contact::<Personal>::new(contact, entry.at, BOX.into()));
        self.link((&BOX.into(), entry.at), contact, first, How::First);
        Some(contact)
    }

    /// What happened at a site goes onto the timeline of whom it happened with.
    pub(super) fn take_site(&mut self, entry: &Entry, site: &Site) {
        let Some(contact) = self.contact_of(entry, &site.identities) else { return };
        for identity in site.identities.iter().filter(|_| site.together) {
            let known = key_of(identity).and_then(|key| self.row::<Edge>(&key));
            if known.is_none() {
                self.link((&BOX.into(), entry.at), contact, identity, How::Together);
            }
        }
        let (channel, name, detail) = (site.channel, site.kind.clone(), site.detail.clone());
        let what = Happening::Seen { channel, name, detail };
        self.happened(entry.seq, contact, &Moment { at: site.at, by: None, case: None, what });
    }
}

/// What people do.
impl Draft<'_> {
    /// Takes up what somebody did.
    pub(super) fn take_act(&mut self, entry: &Entry, act: &Act<Personal>) {
        for change in &act.changes {
            self.take_change(entry.seq, act, change);
        }
    }

    fn take_change(&mut self, seq: u64, act: &Act<Personal>, change: &Change<Personal>) {
        let (by, at) = (&act.by, act.at);
        match change {
            Change::Created { contact } => {
                self.put(
                    contact_key(*contact),
                    &Contact::<Personal>::new(*contact, at, by.clone()),
                );
            }
            Change::Linked { contact, identity, how } => {
                self.link((by, at), *contact, identity, *how);
            }
            Change::Unlinked { contact, identity } => self.unlink(*contact, identity),
            Change::Shared { identity, sharing, line } => {
                self.share((by, at), identity, *sharing, *line);
            }
            Change::Unshared { identity, contact } => self.unshare((by, at), identity, *contact),
            Change::Suggested { a, b, evidence } => {
                let mut all = evidence.clone();
                all.extend(self.suggestion(*a, *b).into_iter().flat_map(|known| known.evidence));
                let (a, b) = (*a.min(b), *a.max(b));
                self.put_suggestion(Suggestion { a, b, evidence: all, at, refused: false });
            }
            Change::Refused { a, b } => {
                let (a, b) = (*a.min(b), *a.max(b));
                let none = Suggestion { a, b, evidence: BTreeSet::new(), at, refused: true };
                let known = self.suggestion(a, b);
                self.put_suggestion(Suggestion { refused: true, ..known.unwrap_or(none) });
            }
            Change::Merged(merge) => {
                self.put(merge_key(merge.gone), merge);
                self.put(pair_key(KEPT, merge.kept.0, merge.gone.0), &());
            }
            Change::Unmerged(merge) => self.unmerge(merge),
            Change::Noted { contact, case, text } => {
                let what = Happening::Note { text: text.clone() };
                let moment = Moment { at, by: Some(by.clone()), case: *case, what };
                self.happened(seq, *contact, &moment);
            }
            Change::Disposed { contact, case, call, code, fields } => {
                let (code, fields) = (code.clone(), fields.clone());
                let what = Happening::Disposition { code, call: *call, fields };
                let moment = Moment { at, by: Some(by.clone()), case: *case, what };
                self.happened(seq, *contact, &moment);
            }
            Change::Happened { contact, at, what } => {
                let (by, what) = (Some(by.clone()), what.clone());
                self.happened(seq, *contact, &Moment { at: *at, by, case: None, what });
            }
            Change::Restored { contact } => self.restore(contact),
            Change::Recalled { contact, moments } => {
                moments.iter().for_each(|moment| self.happened(seq, *contact, moment));
            }
            Change::CaseRestored { case } => self.restore_case(case),
            Change::Erased { .. } => self.erase(by, at, change),
            Change::Pruned { contact, before } => self.prune(*contact, *before),
            Change::TapesForgotten { tapes, .. } => {
                tapes.iter().for_each(|tape| self.forget_tapes(tape));
            }
            change => match change.contact() {
                Some(contact) => self.change_contact(act, contact, change),
                None => self.take_case_change(act, change),
            },
        }
    }

    fn change_contact(
        &mut self,
        act: &Act<Personal>,
        contact: ContactId,
        change: &Change<Personal>,
    ) {
        // One that is not there was erased, and stays so.
        if let Some(mut row) = self.contact(contact) {
            row.apply(act.at, &act.by, change);
            self.put(contact_key(contact), &row);
        }
    }

    pub(super) fn happened(&mut self, seq: u64, contact: ContactId, moment: &Moment<Personal>) {
        if !self.is_there(&contact_key(contact)) {
            return;
        }
        let place = Ref { contact, at: moment.at, seq };
        self.put(moment_key(place), moment);
        if let Some(case) = moment.case {
            self.link_case(case, &[place]);
        }
    }

    /// The case to which belongs what a person writes or calls about: the one that is open, where it is one alone.
    pub(super) fn case_that_goes_on(&self, contact: ContactId) -> Option<CaseId> {
        let merge = self.row::<Merge>(&merge_key(contact));
        let people = [Some(contact), merge.map(|merge| merge.kept)];
        let keys = people.into_iter().flatten().flat_map(|one| self.keys(&cases_of(one)));
        let cases: BTreeSet<_> = keys.filter_map(|key| second_number(&key).map(CaseId)).collect();
        let open = |case: &CaseId| self.case(*case).is_some_and(|row| row.is_open());
        let mut open = cases.into_iter().filter(open);
        let one = open.next().filter(|_| open.next().is_none())?;
        self.case(one).is_some_and(|row| row.moments.len() < MOST_LINKED).then_some(one)
    }

    fn contact(&self, contact: ContactId) -> Option<Contact<Personal>> {
        self.row(&contact_key(contact))
    }

    fn unmerge(&mut self, merge: &Merge) {
        let stands = self.row::<Merge>(&merge_key(merge.gone));
        if stands.is_some_and(|known| known.id == merge.id) {
            self.delete(&merge_key(merge.gone));
            self.delete(&pair_key(KEPT, merge.kept.0, merge.gone.0));
        }
    }

    fn suggestion(&self, a: ContactId, b: ContactId) -> Option<Suggestion> {
        self.row(&pair_key(SUGGESTION, a.0, b.0))
    }

    fn put_suggestion(&mut self, suggestion: Suggestion) {
        let (a, b) = (suggestion.a.0, suggestion.b.0);
        self.put(pair_key(SUGGESTION, a, b), &suggestion);
        self.put(pair_key(SUGGESTION, b, a), &suggestion);
    }
}

/// Identities.
impl Draft<'_> {
    fn link(
        &mut self,
        (by, at): (&ActorId, UnixTime),
        contact: ContactId,
        identity: &Identity<Personal>,
        how: How,
    ) {
        let (Some(key), Some(mut row)) = (key_of(identity), self.contact(contact)) else { return };
        let edge = match self.row::<Edge>(&key) {
            None => Edge { owner: contact, sharing: None, users: BTreeSet::new() },
            Some(mut edge) if edge.sharing.is_some() => {
                edge.users.insert(contact);
                edge
            }
            // Somebody else's: whoever decided did not know yet.
            Some(edge) if edge.owner != contact => return,
            Some(edge) => edge,
        };
        self.put(key, &edge);
        if !row.identities.iter().any(|known| same(&known.identity, identity)) {
            let (identity, by) = (identity.clone(), by.clone());
            row.link(Link { identity, how, at, by });
            self.put(contact_key(contact), &row);
        }
    }

    fn unlink(&mut self, contact: ContactId, identity: &Identity<Personal>) {
        let Some(key) = key_of(identity) else { return };
        self.drop_link(contact, identity);
        match self.row::<Edge>(&key) {
            Some(mut edge) if edge.sharing.is_some() => {
                edge.users.remove(&contact);
                self.put(key, &edge);
            }
            Some(edge) if edge.owner == contact => self.delete(&key),
            _ => {}
        }
    }

    fn drop_link(&mut self, contact: ContactId, identity: &Identity<Personal>) {
        if let Some(mut row) = self.contact(contact) {
            row.identities.retain(|known| !same(&known.identity, identity));
            row.version += 1;
            self.put(contact_key(contact), &row);
        }
    }

    /// From here on the identity is a line's own, and whoever had it is one of its users.
    fn share(
        &mut self,
        (by, at): (&ActorId, UnixTime),
        identity: &Identity<Personal>,
        sharing: Sharing,
        line: ContactId,
    ) {
        let Some(key) = key_of(identity) else { return };
        let users = match self.row::<Edge>(&key) {
            Some(edge) if edge.sharing.is_some() => {
                return self.put(key, &Edge { sharing: Some(sharing), ..edge });
            }
            Some(edge) => BTreeSet::from([edge.owner]),
            None => BTreeSet::new(),
        };
        let mut row = Contact::<Personal>::new(line, at, by.clone());
        row.link(Link { identity: identity.clone(), how: How::Said, at, by: by.clone() });
        self.put(contact_key(line), &row);
        self.put(key, &Edge { owner: line, sharing: Some(sharing), users });
    }

    fn unshare(
        &mut self,
        said: (&ActorId, UnixTime),
        identity: &Identity<Personal>,
        contact: ContactId,
    ) {
        let Some(key) = key_of(identity) else { return };
        let Some(edge) = self.row::<Edge>(&key) else { return };
        if self.contact(contact).is_none() {
            return;
        }
        let others = edge.users.iter().chain([&edge.owner]).filter(|other| **other != contact);
        others.for_each(|other| self.drop_link(*other, identity));
        self.put(key, &Edge { owner: contact, sharing: None, users: BTreeSet::new() });
        self.link(said, contact, identity, How::Said);
    }
}

/// Files.
impl Draft<'_> {
    /// A contact's row as a file says; identities lead to it unless they lead to somebody else.
    fn restore(&mut self, filed: &Contact<Personal>) {
        let Some(own) = self.contact(filed.id) else { return };
        let mut row = Contact { identities: Vec::new(), learned: own.learned, ..filed.clone() };
        for link in &filed.identities {
            let Some(key) = key_of(&link.identity) else { continue };
            let edge = match self.row::<Edge>(&key) {
                None => Edge { owner: filed.id, sharing: None, users: BTreeSet::new() },
                Some(mut edge) if edge.sharing.is_some() => {
                    edge.users.extend(Some(filed.id).filter(|id| *id != edge.owner));
                    edge
                }
                // Somebody else's: whoever decided did not know yet.
                Some(edge) if edge.owner != filed.id => continue,
                Some(edge) => edge,
            };
            self.put(key, &edge);
            row.identities.push(link.clone());
        }
        self.put(contact_key(filed.id), &row);
    }

    fn restore_case(&mut self, filed: &Case<Personal>) {
        if self.contact(filed.contact).is_none() {
            return;
        }
        self.put(case_key(filed.id), filed);
        let others = filed.moments.iter().map(|one| one.contact);
        for contact in others.chain([filed.contact]).collect::<BTreeSet<_>>() {
            self.put(pair_key(CASE_OF, contact.0, filed.id.0), &());
        }
    }
}

fn same(a: &Identity<Personal>, b: &Identity<Personal>) -> bool {
    a.kind == b.kind && subject_of(&a.value) == subject_of(&b.value)
}

/// Cases.
impl Draft<'_> {
    fn take_case_change(&mut self, act: &Act<Personal>, change: &Change<Personal>) {
        match change {
            Change::CaseOpened { case, contact, title, moments } => {
                self.open_case(act, *case, (*contact, title.clone()), None);
                self.link_case(*case, moments);
            }
            Change::CaseLinked { case, moments } => self.link_case(*case, moments),
            Change::CaseUnlinked { case, moments } => {
                self.change_case(*case, |row| row.unlink(moments));
            }
            Change::CaseSplit { from, case, contact, title, moments } => {
                let verified = self.case(*from).and_then(|row| row.verified);
                self.change_case(*from, |row| row.unlink(moments));
                self.open_case(act, *case, (*contact, title.clone()), Some(*from));
                self.change_case(*case, |row| row.verified = verified);
                self.link_case(*case, moments);
            }
            Change::CasesMerged { kept, gone } => self.merge_cases(act.at, *kept, *gone),
            Change::CaseSaid { case, fields, .. } => self.change_case(*case, |row| {
                for (name, text) in fields {
                    match text {
                        Some(text) => drop(row.fields.insert(name.clone(), text.clone())),
                        None => drop(row.fields.remove(name)),
                    }
                }
            }),
            Change::CaseClosed { case, closed } => {
                self.change_case(*case, |row| row.closed = closed.then_some(act.at));
            }
            Change::Verified { case: Some(case), level, until, .. } => {
                let verified = Verified { level: *level, at: act.at, until: *until };
                self.change_case(*case, |row| row.verified = Some(verified));
            }
            _ => {}
        }
    }

    fn open_case(
        &mut self,
        act: &Act<Personal>,
        case: CaseId,
        (contact, title): (ContactId, Option<Personal>),
        split_from: Option<CaseId>,
    ) {
        if self.contact(contact).is_none() {
            return;
        }
        let row = Case {
            id: case,
            contact,
            title,
            fields: BTreeMap::new(),
            opened: act.at,
            by: act.by.clone(),
            closed: None,
            moments: Vec::new(),
            verified: None,
            split_from,
            merged_into: None,
        };
        self.put(case_key(case), &row);
        self.put(pair_key(CASE_OF, contact.0, case.0), &());
    }

    fn link_case(&mut self, case: CaseId, moments: &[Ref]) {
        if self.case(case).is_none() {
            return;
        }
        self.change_case(case, |row| row.link(moments));
        for contact in moments.iter().map(|one| one.contact).collect::<BTreeSet<_>>() {
            self.put(pair_key(CASE_OF, contact.0, case.0), &());
        }
    }

    /// The one that is gone keeps its row, to say where it went.
    fn merge_cases(&mut self, at: UnixTime, kept: CaseId, gone: CaseId) {
        let Some(row) = self.case(gone) else { return };
        self.link_case(kept, &row.moments);
        self.change_case(kept, |kept| {
            let surer = |one: Verified| one.level_at(at).unwrap_or(0);
            kept.verified =
                kept.verified.into_iter().chain(row.verified).max_by_key(|one| surer(*one));
        });
        self.change_case(gone, |gone| {
            gone.merged_into = Some(kept);
            gone.moments.clear();
        });
    }

    fn case(&self, case: CaseId) -> Option<Case<Personal>> {
        self.row(&case_key(case))
    }

    fn change_case(&mut self, case: CaseId, change: impl FnOnce(&mut Case<Personal>)) {
        if let Some(mut row) = self.case(case) {
            change(&mut row);
            self.put(case_key(case), &row);
        }
    }
}

/// Forgetting.
impl Draft<'_> {
    fn erase(&mut self, by: &ActorId, at: UnixTime, change: &Change<Personal>) {
        let Change::Erased { erasure, contacts, keys, recordings, rule } = change else { return };
        let (mut identities, mut moments) = (0, 0);
        for contact in contacts {
            identities += self.erase_identities(*contact);
            moments += self.delete_all(&moments_of(*contact));
            self.delete_all(&bygone_of(*contact));
            self.erase_messages(*contact);
            self.erase_cases(*contact, contacts);
            self.erase_ties(*contact);
            self.delete(&contact_key(*contact));
            self.put(erased_key(*contact), erasure);
        }
        let proof = Proof {
            erasure: *erasure,
            at,
            by: by.clone(),
            rule: rule.clone(),
            contacts: contacts.clone(),
            identities,
            moments,
            keys: *keys,
            recordings: *recordings,
        };
        self.put(proof_key(*erasure), &proof);
    }

    fn erase_identities(&mut self, contact: ContactId) -> u32 {
        let Some(row) = self.contact(contact) else { return 0 };
        let mut count = 0;
        for identity in row.identities.iter().map(|link| &link.identity) {
            let Some(key) = key_of(identity) else { continue };
            count += 1;
            match self.row::<Edge>(&key) {
                Some(edge) if edge.owner == contact => {
                    // With the line its number is gone for whoever used it: nobody could read it any more, or take it away.
                    edge.users.iter().for_each(|user| self.drop_link(*user, identity));
                    self.delete(&key);
                }
                Some(mut edge) => {
                    edge.users.remove(&contact);
                    self.put(key, &edge);
                }
                None => {}
            }
        }
        count
    }

    /// A case of somebody else goes on without the moments of whoever is gone.
    fn erase_cases(&mut self, contact: ContactId, all: &[ContactId]) {
        for key in self.keys(&cases_of(contact)) {
            let Some(case) = second_number(&key).map(CaseId) else { continue };
            self.delete(&key);
            let Some(mut row) = self.case(case) else { continue };
            row.moments.retain(|one| !all.contains(&one.contact));
            if row.contact == contact {
                row.moments
                    .iter()
                    .map(|one| one.contact)
                    .collect::<BTreeSet<_>>()
                    .iter()
                    .for_each(|other| self.delete(&pair_key(CASE_OF, other.0, case.0)));
                self.delete(&case_key(case));
            } else {
                self.put(case_key(case), &row);
            }
        }
    }

    fn erase_ties(&mut self, contact: ContactId) {
        if let Some(merge) = self.row::<Merge>(&merge_key(contact)) {
            self.unmerge(&merge);
        }
        for key in self.keys(&merged_into(contact)) {
            let gone = second_number(&key).map(|number| merge_key(ContactId(number)));
            if let Some(merge) = gone.and_then(|gone| self.row::<Merge>(&gone)) {
                self.unmerge(&merge);
            }
        }
        for key in self.keys(&suggestions_of(contact)) {
            let Some(other) = second_number(&key) else { continue };
            self.delete(&pair_key(SUGGESTION, other, contact.0));
            self.delete(&key);
        }
    }

    /// What happened before a time is gone from the timeline, and from cases.
    fn prune(&mut self, contact: ContactId, before: UnixTime) {
        self.prune_messages(contact, before);
        let old = |place: &Ref| place.at < before;
        for key in self.keys(&moments_of(contact)) {
            if let Some(place) = moment_ref(&key).filter(old) {
                self.note_bygone(place, &key);
                self.delete(&key);
            }
        }
        for key in self.keys(&cases_of(contact)) {
            if let Some(case) = second_number(&key).map(CaseId) {
                self.change_case(case, |row| {
                    row.moments.retain(|place| place.contact != contact || !old(place));
                });
            }
        }
    }

    /// A call's recordings and its key are the person's for as long as they are there.
    fn note_bygone(&mut self, place: Ref, key: &[u8]) {
        let row = self.row::<Moment<Personal>>(key);
        if let Some(Happening::Call { call, recordings, .. }) = row.map(|moment| moment.what) {
            let (at, contact) = (place.at, place.contact);
            let tape = Tape { call, at, contact: Some(contact), recordings };
            self.put(pair_key(BYGONE, contact.0, call.0), &tape);
        }
    }

    /// Recordings of a call are gone: nothing leads to them any more. Of a call that is not shown nothing else was kept.
    fn forget_tapes(&mut self, tape: &Tape) {
        let key = call_key(tape.at, tape.call);
        if let Some(mut record) = self.row::<CallRecord>(&key) {
            record.recordings.retain(|recording| !tape.recordings.contains(recording));
            self.put(key, &record);
        }
        let Some(contact) = tape.contact else { return };
        self.delete(&pair_key(BYGONE, contact.0, tape.call.0));
        for key in self.keys(&moments_at(contact, tape.at)) {
            let Some(mut moment) = self.row::<Moment<Personal>>(&key) else { continue };
            if let Happening::Call { call, recordings, .. } = &mut moment.what
                && *call == tape.call
            {
                recordings.retain(|recording| !tape.recordings.contains(recording));
                self.put(key, &moment);
            }
        }
    }

    fn delete_all(&mut self, prefix: &[u8]) -> u32 {
        let keys = self.keys(prefix);
        keys.iter().for_each(|key| self.delete(key));
        u32::try_from(keys.len()).unwrap_or(u32::MAX)
    }
}

/// A contact's row, read. Nothing if it is damaged.
pub fn contact(row: &[u8]) -> Option<Contact<Personal>> {
    read(row)
}

/// A moment's row, read. Nothing if it is damaged.
pub fn moment(row: &[u8]) -> Option<Moment<Personal>> {
    read(row)
}

/// A case's row, read. Nothing if it is damaged.
pub fn case(row: &[u8]) -> Option<Case<Personal>> {
    read(row)
}

/// A proof's row, read. Nothing if it is damaged.
pub fn proof(row: &[u8]) -> Option<Proof> {
    read(row)
}

/// A suggestion's row, read. Nothing if it is damaged.
pub fn suggestion(row: &[u8]) -> Option<Suggestion> {
    read(row)
}

/// The row at a key, read.
pub(super) fn get<T: serde::de::DeserializeOwned>(rows: &dyn Rows, key: &[u8]) -> Option<T> {
    read(&rows.get(key)?)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
