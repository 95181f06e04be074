//! What becomes of an order: changes, or why not. A function of the order and of what the store knows, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Channel;
use super::case::{Case, MOST_LINKED, Ref};
use super::change::Change;
use super::contact::{Contact, Learned, Source};
use super::identity::{Edge, How, Identity, NotAnIdentity, Sharing};
use super::order::{Order, Who};
use super::person::{Evidence, Merge, Suggestion, root};
use super::timeline::Happening;
use super::whole::Standing;
use crate::id::{ActorId, CaseId, ContactId, ErasureId, HoldId, MergeId, PinId};
use crate::time::UnixTime;

/// Characters of a note or of any other text: some pages; longer things are documents.
const MOST_TEXT: usize = 16_384;
/// Fields of a contact, and of a disposition: a row is read whole at every ring.
pub(super) const MOST_FIELDS: usize = 64;
/// Identities of a contact, for the same reason.
pub(super) const MOST_IDENTITIES: usize = 64;
/// Tags, pins, holds of a contact, and entries of consent.
pub(super) const MOST_MARKS: usize = 64;
/// Characters of a name: of a field, a tag, a purpose, a code.
const MOST_NAME: usize = 64;
/// Contacts of one person: a row each to read at the ring.
pub(super) const MOST_CONTACTS: usize = 64;

/// How a contact may come out, as the site has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disposition {
    /// Fields that must be filled in.
    pub requires: Vec<String>,
}

/// The site's rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// By code; any code is taken when there are none.
    pub dispositions: BTreeMap<String, Disposition>,
    /// Tags that hold whatever is known of whoever has them, with the reason.
    pub held_tags: BTreeMap<String, String>,
    /// How long an identification holds.
    pub verified_for: Duration,
}

impl Rules {
    /// Whether a contact may come out like this.
    ///
    /// # Errors
    /// When the code is none of the site's, a field that it requires is missing, or something is too long.
    pub fn check_disposition(
        &self,
        code: &str,
        fields: &BTreeMap<String, String>,
    ) -> Result<(), Refused> {
        good_name(code)?;
        if fields.len() > MOST_FIELDS {
            return Err(Refused::TooMany);
        }
        for (name, value) in fields {
            good_name(name)?;
            good_text(value)?;
        }
        self.requires(code, fields)
    }

    fn requires(&self, code: &str, fields: &BTreeMap<String, String>) -> Result<(), Refused> {
        if self.dispositions.is_empty() {
            return Ok(());
        }
        let rule = self.dispositions.get(code).ok_or(Refused::UnknownDisposition)?;
        match rule.requires.iter().find(|name| !fields.contains_key(*name)) {
            Some(name) => Err(Refused::MissingField(name.clone())),
            None => Ok(()),
        }
    }
}

/// What the store knows of what an order is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The last journal record that it reflects.
    pub position: u64,
    /// Contacts, with all of their persons.
    pub contacts: BTreeMap<ContactId, Contact<String>>,
    /// Merges among them, by who is gone.
    pub parents: BTreeMap<ContactId, Merge>,
    /// Identities that lead somewhere.
    pub edges: BTreeMap<Identity<String>, Edge>,
    /// Cases.
    pub cases: BTreeMap<CaseId, Case<String>>,
    /// Moments that are there.
    pub moments: BTreeSet<Ref>,
    /// Those of the contacts that were erased here.
    pub gone: BTreeSet<ContactId>,
    /// What stands at times that were asked for, each in the order of its records.
    pub placed: Standing,
    /// Identities of the contacts that several people share.
    pub lines: BTreeSet<Identity<String>>,
    /// Suggestions among the contacts, the lower id first.
    pub suggestions: BTreeMap<(ContactId, ContactId), Suggestion>,
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// There is no such contact.
    UnknownContact,
    /// Nobody has this identity.
    UnknownIdentity,
    /// Several people share this identity: it does not say who.
    SharedIdentity(Sharing),
    /// Somebody else has changed it; this is its version now.
    Stale(u64),
    /// The identity is another contact's: merge the two, or take it from there first.
    Taken(ContactId),
    /// The contact does not have this identity.
    NotLinked,
    /// The two are one person already.
    SamePerson,
    /// The contact was not merged into another.
    NotMerged,
    /// There is no such case.
    UnknownCase,
    /// The case is closed.
    CaseClosed,
    /// The case is another person's.
    ForeignCase,
    /// There is no such moment, or it is another person's.
    UnknownMoment,
    /// Nothing would be left of the case, or nothing would be taken out.
    NothingToSplit,
    /// The site has no such disposition.
    UnknownDisposition,
    /// The disposition requires this field.
    MissingField(String),
    /// A name that is empty, too long, or has other characters than small letters, digits, `-`, `_` and `.`.
    BadName,
    /// A text that is empty or longer than 16,384 characters.
    BadText,
    /// More than a contact may have of these.
    TooMany,
    /// There is no such pin.
    UnknownPin,
    /// There is no such hold.
    UnknownHold,
    /// A legal hold stands against it: why.
    Held(String),
    /// Levels go from 0 to 9.
    BadLevel,
    /// Nothing in the row is one person's alone.
    NobodyNamed,
    /// The contact was erased here: what a file from before says of them is not taken.
    Erased(ContactId),
    /// The line is none that an export writes.
    NoRecord,
    /// What the row says leads to two people.
    TwoPeople(ContactId, ContactId),
    /// What should be an identity is none.
    Identity(NotAnIdentity),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Refused::UnknownContact => "there is no such contact",
            Refused::UnknownIdentity => "nobody is known by that",
            Refused::SharedIdentity(_) => "several people share that: it does not say who",
            Refused::Stale(version) => {
                return write!(f, "somebody else has changed it: it is at version {version} now");
            }
            Refused::Taken(other) => {
                return write!(
                    f,
                    "it belongs to contact {other}: merge the two, or unlink it there"
                );
            }
            Refused::NotLinked => "the contact does not have this identity",
            Refused::SamePerson => "they are one person already",
            Refused::NotMerged => "this contact was not merged into another",
            Refused::UnknownCase => "there is no such case",
            Refused::CaseClosed => "the case is closed",
            Refused::ForeignCase => "the case is another person's",
            Refused::UnknownMoment => "there is no such moment on this person's timeline",
            Refused::NothingToSplit => "a split takes a part out and leaves a part",
            Refused::UnknownDisposition => "the site has no such disposition",
            Refused::MissingField(name) => {
                return write!(f, "this disposition requires the field `{name}`");
            }
            Refused::BadName => "a name has 1 to 64 small letters, digits, `-`, `_` and `.`",
            Refused::BadText => "a text has 1 to 16384 characters",
            Refused::TooMany => "that is more than one contact or case may have",
            Refused::UnknownPin => "there is no such pin",
            Refused::UnknownHold => "there is no such hold",
            Refused::Held(reason) => return write!(f, "a legal hold stands: {reason}"),
            Refused::NobodyNamed => {
                "nothing says who it is: an id, or a number or address that is not shared"
            }
            Refused::Erased(contact) => {
                return write!(
                    f,
                    "contact {contact} was erased here, and does not come back from a file"
                );
            }
            Refused::NoRecord => "it is no line that an export writes",
            Refused::TwoPeople(one, other) => {
                return write!(f, "it leads to two people, {one} and {other}: merge them first");
            }
            Refused::BadLevel => "levels go from 0 to 9",
            Refused::Identity(why) => return write!(f, "{why}"),
        };
        f.write_str(words)
    }
}

impl std::error::Error for Refused {}

impl From<NotAnIdentity> for Refused {
    fn from(why: NotAnIdentity) -> Refused {
        Refused::Identity(why)
    }
}

/// Decides an order. `mint` gives 64 random bits each time.
///
/// # Errors
/// Why it is not done; then nothing is.
pub fn decide(
    order: &Order,
    view: &View,
    rules: &Rules,
    by: &ActorId,
    now: UnixTime,
    mint: &mut dyn FnMut() -> u64,
) -> Result<Vec<Change<String>>, Refused> {
    let desk = Desk { view, rules, by, now };
    match order {
        Order::Create { fields, identities, source, channel } => {
            desk.create(fields, identities, (*source, *channel), mint)
        }
        Order::Find { who } => desk.who(who).map(|_| Vec::new()),
        Order::Edit { who, expects, fields, source, channel } => {
            desk.edit(who, *expects, fields, (*source, *channel))
        }
        Order::Import { row, source, .. } => desk.import(row, source, mint),
        Order::Restore { piece, source, .. } => desk.restore(piece, source, mint),
        Order::Link { who, identity } => desk.link(who, identity),
        Order::Unlink { who, identity } => desk.unlink(who, identity),
        Order::Share { identity, sharing } => desk.share(identity, *sharing, mint),
        Order::Unshare { identity, who } => desk.unshare(identity, who),
        Order::Suggest { a, b, evidence } => desk.suggest(a, b, evidence),
        Order::Refuse { a, b } => {
            let (a, b) = desk.two(a, b)?;
            Ok(vec![Change::Refused { a, b }])
        }
        Order::Merge { kept, gone } => desk.merge(kept, gone, mint),
        Order::Unmerge { gone } => {
            desk.contact(*gone)?;
            let merge = view.parents.get(gone).ok_or(Refused::NotMerged)?;
            Ok(vec![Change::Unmerged(merge.clone())])
        }
        Order::Note { who, case, text } => {
            let contact = desk.who(who)?;
            desk.own_case(*case, contact)?;
            Ok(vec![Change::Noted { contact, case: *case, text: good_text(text)? }])
        }
        Order::Dispose { who, case, call, code, fields } => {
            let contact = desk.who(who)?;
            desk.own_case(*case, contact)?;
            desk.disposition(code, fields)?;
            let (code, fields) = (code.clone(), fields.clone());
            Ok(vec![Change::Disposed { contact, case: *case, call: *call, code, fields }])
        }
        Order::Tag { who, tag, on } => {
            let contact = desk.roomy(who, |contact| contact.tags.len())?;
            Ok(vec![Change::Tagged { contact, tag: good_name(tag)?, on: *on }])
        }
        Order::Pin { who, fact, source, channel, until } => {
            let contact = desk.roomy(who, |contact| contact.pins.len())?;
            let (pin, fact) = (PinId(mint()), good_text(fact)?);
            let (source, channel, until) = (*source, *channel, *until);
            Ok(vec![Change::Pinned { contact, pin, fact, source, channel, until }])
        }
        Order::Unpin { who, pin } => {
            let owner = desk.person_with(who, |c| c.pins.iter().any(|known| known.id == *pin))?;
            let contact = owner.ok_or(Refused::UnknownPin)?;
            Ok(vec![Change::Unpinned { contact, pin: *pin }])
        }
        Order::Consent { who, channel, purpose, given, source, through } => {
            let contact = desk.roomy(who, |contact| contact.consents.len())?;
            let purpose = good_name(purpose)?;
            let (channel, given, source, through) = (*channel, *given, *source, *through);
            Ok(vec![Change::Consented { contact, channel, purpose, given, source, through }])
        }
        Order::Prefer { who, channel } => {
            Ok(vec![Change::Preferred { contact: desk.who(who)?, channel: *channel }])
        }
        Order::Verify { who, case, level, minutes } => desk.verify(who, *case, *level, *minutes),
        Order::Record { identities, together, at, happening } => {
            desk.record(identities, *together, at.unwrap_or(now), happening, mint)
        }
        Order::Learn { identity, asked, learned } => {
            Ok(desk.learn(identity, *asked, learned, mint))
        }
        Order::Hear { contact, identity, heard } => Ok(match (contact, identity) {
            (Some(contact), _) => desk.hear(*contact, heard),
            (None, Some(identity)) => desk.hear_of(identity, heard, mint),
            (None, None) => Vec::new(),
        }),
        Order::Hold { who, reason } => {
            let contact = desk.roomy(who, |contact| contact.holds.len())?;
            let (hold, reason) = (HoldId(mint()), good_text(reason)?);
            Ok(vec![Change::Held { contact, hold, reason }])
        }
        Order::Release { who, hold } => {
            let owner = desk.person_with(who, |c| c.holds.iter().any(|known| known.id == *hold))?;
            let contact = owner.ok_or(Refused::UnknownHold)?;
            Ok(vec![Change::Released { contact, hold: *hold }])
        }
        Order::Erase { who, rule } => {
            let contacts = desk.erase(who)?;
            // Keys and recordings are counted by who destroys them.
            let (erasure, rule) = (ErasureId(mint()), rule.clone());
            Ok(vec![Change::Erased { erasure, contacts, keys: 0, recordings: 0, rule }])
        }
        order => desk.case_order(order, mint),
    }
}

/// Whether the contact that an order is about is as somebody saw it who ordered: at one of these versions. True of anything
/// where nobody said so, and of what is not there, which the decision says better.
///
/// # Errors
/// When it is at another version by now.
pub fn unchanged(order: &Order, view: &View, seen: Option<&[u64]>) -> Result<(), Refused> {
    let (Some(seen), Some(who)) = (seen, order.person()) else { return Ok(()) };
    let contact = match who {
        Who::Contact(contact) => Some(contact),
        Who::Identity(kind, value) => {
            view.edges.get(&Identity { kind, value }).map(|edge| edge.owner)
        }
    };
    match contact.and_then(|contact| view.contacts.get(&contact)) {
        Some(contact) if !seen.contains(&contact.version) => Err(Refused::Stale(contact.version)),
        _ => Ok(()),
    }
}

pub(super) struct Desk<'a> {
    pub(super) view: &'a View,
    rules: &'a Rules,
    pub(super) by: &'a ActorId,
    pub(super) now: UnixTime,
}

impl Desk<'_> {
    fn contact(&self, id: ContactId) -> Result<&Contact<String>, Refused> {
        self.view.contacts.get(&id).ok_or(Refused::UnknownContact)
    }

    fn who(&self, who: &Who) -> Result<ContactId, Refused> {
        match who {
            Who::Contact(id) => self.contact(*id).map(|contact| contact.id),
            Who::Identity(kind, value) => {
                let identity = Identity { kind: *kind, value: value.clone() };
                let edge = self.view.edges.get(&identity).ok_or(Refused::UnknownIdentity)?;
                match edge.sharing {
                    Some(sharing) => Err(Refused::SharedIdentity(sharing)),
                    None => Ok(edge.owner),
                }
            }
        }
    }

    pub(super) fn root(&self, contact: ContactId) -> ContactId {
        root(&self.view.parents, contact)
    }

    /// Every contact of the person that one belongs to.
    pub(super) fn person(&self, contact: ContactId) -> impl Iterator<Item = &Contact<String>> {
        let root = self.root(contact);
        self.view.contacts.values().filter(move |other| self.root(other.id) == root)
    }

    /// The contact of a person that has something.
    fn person_with(
        &self,
        who: &Who,
        has: impl Fn(&Contact<String>) -> bool,
    ) -> Result<Option<ContactId>, Refused> {
        let contact = self.who(who)?;
        Ok(self.person(contact).find(|contact| has(contact)).map(|contact| contact.id))
    }

    /// A contact that may have one more of something.
    fn roomy(
        &self,
        who: &Who,
        count: impl Fn(&Contact<String>) -> usize,
    ) -> Result<ContactId, Refused> {
        let id = self.who(who)?;
        let full = count(self.contact(id)?) >= MOST_MARKS;
        if full { Err(Refused::TooMany) } else { Ok(id) }
    }

    fn create(
        &self,
        fields: &BTreeMap<String, String>,
        identities: &[Identity<String>],
        (source, channel): (Source, Option<Channel>),
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        if let Some(edge) = identities.iter().find_map(|one| self.view.edges.get(one)) {
            return Err(Refused::Taken(edge.owner));
        }
        if fields.len() > MOST_FIELDS || identities.len() > MOST_IDENTITIES {
            return Err(Refused::TooMany);
        }
        let contact = ContactId(mint());
        let mut changes = vec![Change::Created { contact }];
        for (name, value) in fields {
            let (name, value) = (good_name(name)?, Some(good_text(value)?));
            changes.push(Change::Field { contact, name, value, source, channel });
        }
        let once: BTreeSet<_> = identities.iter().collect();
        changes.extend(once.into_iter().map(|identity| linked(contact, identity, How::Said)));
        Ok(changes)
    }

    fn edit(
        &self,
        who: &Who,
        expects: Option<u64>,
        fields: &BTreeMap<String, Option<String>>,
        (source, channel): (Source, Option<Channel>),
    ) -> Result<Vec<Change<String>>, Refused> {
        let contact = self.contact(self.who(who)?)?;
        if expects.is_some_and(|expected| expected != contact.version) {
            return Err(Refused::Stale(contact.version));
        }
        let new = fields.keys().filter(|name| !contact.fields.contains_key(*name)).count();
        if contact.fields.len() + new > MOST_FIELDS {
            return Err(Refused::TooMany);
        }
        let mut changes = Vec::new();
        for (name, value) in fields {
            let (name, value) = (good_name(name)?, value.as_deref().map(good_text).transpose()?);
            if source == Source::Customer && self.was_said(contact, &name, value.as_deref()) {
                changes.push(Change::AskedAgain { contact: contact.id, name: name.clone() });
            }
            changes.push(Change::Field { contact: contact.id, name, value, source, channel });
        }
        Ok(changes)
    }

    /// Whether a field says so already, and it was said no longer ago than an identification holds.
    fn was_said(&self, contact: &Contact<String>, name: &str, value: Option<&str>) -> bool {
        let known = contact.fields.get(name).map(|field| &field.now);
        known.is_some_and(|known| {
            let fresh = self.now.since(known.said.at) <= self.rules.verified_for;
            fresh && value.is_some() && known.value.as_deref() == value
        })
    }

    fn link(&self, who: &Who, identity: &Identity<String>) -> Result<Vec<Change<String>>, Refused> {
        let contact = self.contact(self.who(who)?)?;
        if contact.identities.len() >= MOST_IDENTITIES {
            return Err(Refused::TooMany);
        }
        match self.view.edges.get(identity) {
            Some(edge) if edge.sharing.is_none() && edge.owner == contact.id => Ok(Vec::new()),
            Some(edge) if edge.sharing.is_none() => Err(Refused::Taken(edge.owner)),
            // A line that is shared has one more user, and stays shared.
            _ => Ok(vec![linked(contact.id, identity, How::Said)]),
        }
    }

    fn unlink(
        &self,
        who: &Who,
        identity: &Identity<String>,
    ) -> Result<Vec<Change<String>>, Refused> {
        let contact = self.contact(self.who(who)?)?;
        let has = contact.identities.iter().any(|link| link.identity == *identity);
        if !has {
            return Err(Refused::NotLinked);
        }
        // A shared line is its own contact's for as long as it is shared.
        let line = self.view.edges.get(identity);
        if let Some(edge) = line.filter(|edge| edge.owner == contact.id)
            && let Some(sharing) = edge.sharing
        {
            return Err(Refused::SharedIdentity(sharing));
        }
        Ok(vec![Change::Unlinked { contact: contact.id, identity: identity.clone() }])
    }

    fn share(
        &self,
        identity: &Identity<String>,
        sharing: Sharing,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        let line = match self.view.edges.get(identity) {
            Some(edge) if edge.sharing.is_some() => edge.owner,
            _ => ContactId(mint()),
        };
        Ok(vec![Change::Shared { identity: identity.clone(), sharing, line }])
    }

    fn unshare(
        &self,
        identity: &Identity<String>,
        who: &Who,
    ) -> Result<Vec<Change<String>>, Refused> {
        let contact = self.who(who)?;
        let edge = self.view.edges.get(identity).ok_or(Refused::UnknownIdentity)?;
        if edge.sharing.is_none() {
            return Err(Refused::NotLinked);
        }
        Ok(vec![Change::Unshared { identity: identity.clone(), contact }])
    }

    /// Two contacts of different persons.
    fn two(&self, a: &Who, b: &Who) -> Result<(ContactId, ContactId), Refused> {
        let (a, b) = (self.who(a)?, self.who(b)?);
        if self.root(a) == self.root(b) { Err(Refused::SamePerson) } else { Ok((a, b)) }
    }

    fn suggest(
        &self,
        a: &Who,
        b: &Who,
        evidence: &BTreeSet<Evidence>,
    ) -> Result<Vec<Change<String>>, Refused> {
        let (a, b) = self.two(a, b)?;
        let (a, b) = (a.min(b), a.max(b));
        let known = self.view.suggestions.get(&(a, b));
        if known.is_some_and(|known| known.refused || known.evidence.is_superset(evidence)) {
            return Ok(Vec::new());
        }
        Ok(vec![Change::Suggested { a, b, evidence: evidence.clone() }])
    }

    /// The edge joins the ends of both persons, so that each contact is merged into one other at most.
    fn merge(
        &self,
        kept: &Who,
        gone: &Who,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        let (kept, gone) = self.two(kept, gone)?;
        let many = self.person(kept).count() + self.person(gone).count() > MOST_CONTACTS;
        if many {
            return Err(Refused::TooMany);
        }
        let suggested = self.view.suggestions.get(&(kept.min(gone), kept.max(gone)));
        let mut evidence = suggested.map(|known| known.evidence.clone()).unwrap_or_default();
        evidence.insert(Evidence::Said);
        let (kept, gone) = (self.root(kept), self.root(gone));
        let (id, by, at) = (MergeId(mint()), self.by.clone(), self.now);
        Ok(vec![Change::Merged(Merge { id, kept, gone, by, at, evidence })])
    }

    fn disposition(&self, code: &str, fields: &BTreeMap<String, String>) -> Result<(), Refused> {
        self.rules.check_disposition(code, fields)
    }

    fn verify(
        &self,
        who: &Who,
        case: Option<CaseId>,
        level: u8,
        minutes: Option<u32>,
    ) -> Result<Vec<Change<String>>, Refused> {
        let contact = self.who(who)?;
        self.own_case(case, contact)?;
        if level > 9 {
            return Err(Refused::BadLevel);
        }
        let given = minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
        let until = self.now + given.unwrap_or(self.rules.verified_for);
        Ok(vec![Change::Verified { contact, case, level, until }])
    }

    fn record(
        &self,
        identities: &[Identity<String>],
        together: bool,
        at: UnixTime,
        what: &Happening<String>,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        let first = identities.first().ok_or(Refused::UnknownIdentity)?;
        if identities.len() > MOST_IDENTITIES {
            return Err(Refused::TooMany);
        }
        let owner = |identity: &Identity<String>| self.view.edges.get(identity);
        let single = |identity: &Identity<String>| owner(identity).filter(|e| e.sharing.is_none());
        let mut changes = Vec::new();
        let known = identities.iter().find_map(single);
        let known = known.or_else(|| identities.iter().find_map(owner));
        let contact = known.map_or_else(|| ContactId(mint()), |edge| edge.owner);
        if known.is_none() {
            changes.push(Change::Created { contact });
            changes.push(linked(contact, first, How::First));
        }
        for identity in identities {
            match owner(identity) {
                Some(edge) if edge.sharing.is_none() && together => {
                    changes.extend(self.apart(contact, edge.owner));
                }
                None if together && (known.is_some() || identity != first) => {
                    changes.push(linked(contact, identity, How::Together));
                }
                _ => {}
            }
        }
        changes.push(Change::Happened { contact, at, what: what.clone() });
        Ok(changes)
    }

    fn learn(
        &self,
        identity: &Identity<String>,
        asked: Option<ContactId>,
        learned: &Learned<String>,
        mint: &mut dyn FnMut() -> u64,
    ) -> Vec<Change<String>> {
        let known = self.view.edges.get(identity).map(|edge| edge.owner);
        let taken = |contact| Change::Learned { contact, learned: learned.clone() };
        match known {
            Some(contact) => vec![taken(contact)],
            // Who was known and is not was erased, or parted from the number, while the question was on its way.
            None if learned.found && asked.is_none() => {
                let contact = ContactId(mint());
                let linked = linked(contact, identity, How::First);
                vec![Change::Created { contact }, linked, taken(contact)]
            }
            None => Vec::new(),
        }
    }

    /// Two contacts that came in one interaction and are not one person yet.
    fn apart(&self, a: ContactId, b: ContactId) -> Option<Change<String>> {
        let (a, b) = (a.min(b), a.max(b));
        let known = self.view.suggestions.contains_key(&(a, b));
        let evidence = BTreeSet::from([Evidence::SameInteraction]);
        (self.root(a) != self.root(b) && !known).then_some(Change::Suggested { a, b, evidence })
    }

    /// Every contact of the person.
    fn erase(&self, who: &Who) -> Result<Vec<ContactId>, Refused> {
        let contact = self.who(who)?;
        for contact in self.person(contact) {
            if let Some(hold) = contact.holds.first() {
                return Err(Refused::Held(hold.reason.clone()));
            }
            let by_tag = contact.tags.iter().find_map(|tag| self.rules.held_tags.get(tag));
            if let Some(reason) = by_tag {
                return Err(Refused::Held(reason.clone()));
            }
        }
        Ok(self.person(contact).map(|contact| contact.id).collect())
    }
}

/// Cases.
impl Desk<'_> {
    fn case_order(
        &self,
        order: &Order,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        match order {
            Order::OpenCase { who, title, moments } => {
                let contact = self.who(who)?;
                self.own_moments(moments, contact)?;
                let (case, moments) = (CaseId(mint()), moments.clone());
                let title = title.as_deref().map(good_text).transpose()?;
                Ok(vec![Change::CaseOpened { case, contact, title, moments }])
            }
            Order::LinkCase { case, moments } => {
                let open = self.open_case(*case)?;
                self.own_moments(moments, open.contact)?;
                if open.moments.len() + moments.len() > MOST_LINKED {
                    return Err(Refused::TooMany);
                }
                Ok(vec![Change::CaseLinked { case: *case, moments: moments.clone() }])
            }
            Order::UnlinkCase { case, moments } => {
                self.open_case(*case)?;
                Ok(vec![Change::CaseUnlinked { case: *case, moments: moments.clone() }])
            }
            Order::SplitCase { case: from, title, moments } => {
                let split = self.open_case(*from)?;
                if !moments.iter().all(|one| split.moments.contains(one)) {
                    return Err(Refused::UnknownMoment);
                }
                let left = split.moments.iter().filter(|one| !moments.contains(one)).count();
                if left == 0 || left == split.moments.len() {
                    return Err(Refused::NothingToSplit);
                }
                let (case, contact, from) = (CaseId(mint()), split.contact, *from);
                let title = title.as_deref().map(good_text).transpose()?;
                let moments = moments.clone();
                Ok(vec![Change::CaseSplit { from, case, contact, title, moments }])
            }
            Order::MergeCases { kept, gone } => {
                let (one, other) = (self.open_case(*kept)?, self.open_case(*gone)?);
                if one.id == other.id || self.root(one.contact) != self.root(other.contact) {
                    return Err(Refused::ForeignCase);
                }
                if one.moments.len() + other.moments.len() > MOST_LINKED {
                    return Err(Refused::TooMany);
                }
                Ok(vec![Change::CasesMerged { kept: *kept, gone: *gone }])
            }
            Order::EditCase { case, fields } => {
                let known = self.open_case(*case)?;
                let said = fields.iter().map(|(name, text)| {
                    let text = text.as_deref().map(good_text).transpose()?;
                    Ok((good_name(name)?, text))
                });
                let fields = said.collect::<Result<BTreeMap<_, _>, Refused>>()?;
                let names = known.fields.keys().chain(fields.keys()).collect::<BTreeSet<_>>();
                if names.len() > MOST_FIELDS {
                    return Err(Refused::TooMany);
                }
                let (case, contact) = (known.id, known.contact);
                Ok(vec![Change::CaseSaid { case, contact, fields }])
            }
            Order::CloseCase { case, closed } => {
                let known = self.view.cases.get(case).ok_or(Refused::UnknownCase)?;
                if known.merged_into.is_some() {
                    return Err(Refused::CaseClosed);
                }
                Ok(vec![Change::CaseClosed { case: *case, closed: *closed }])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn open_case(&self, case: CaseId) -> Result<&Case<String>, Refused> {
        let case = self.view.cases.get(&case).ok_or(Refused::UnknownCase)?;
        if case.is_open() { Ok(case) } else { Err(Refused::CaseClosed) }
    }

    /// A case may be named with what is done to its own person alone.
    fn own_case(&self, case: Option<CaseId>, contact: ContactId) -> Result<(), Refused> {
        let Some(case) = case else { return Ok(()) };
        let case = self.open_case(case)?;
        if self.root(case.contact) == self.root(contact) {
            Ok(())
        } else {
            Err(Refused::ForeignCase)
        }
    }

    fn own_moments(&self, moments: &[Ref], contact: ContactId) -> Result<(), Refused> {
        if moments.len() > MOST_LINKED {
            return Err(Refused::TooMany);
        }
        let root = self.root(contact);
        let own = |one: &Ref| {
            self.view.moments.contains(one)
                && self.view.contacts.contains_key(&one.contact)
                && self.root(one.contact) == root
        };
        if moments.iter().all(own) { Ok(()) } else { Err(Refused::UnknownMoment) }
    }
}

pub(super) fn linked(contact: ContactId, identity: &Identity<String>, how: How) -> Change<String> {
    Change::Linked { contact, identity: identity.clone(), how }
}

pub(super) fn good_name(name: &str) -> Result<String, Refused> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    let fits = (1..=MOST_NAME).contains(&name.len()) && name.bytes().all(good);
    if fits { Ok(name.to_owned()) } else { Err(Refused::BadName) }
}

pub(super) fn good_text(text: &str) -> Result<String, Refused> {
    let fits = !text.trim().is_empty() && text.chars().count() <= MOST_TEXT;
    if fits { Ok(text.to_owned()) } else { Err(Refused::BadText) }
}
