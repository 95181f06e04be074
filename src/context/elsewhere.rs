//! What other branches know of a person: what is said here so that they hear of it, and what is heard of them.
//!
//! Each field is a value that several sites may change at the same time ([`Shared`]). What somebody says here is stamped
//! along with what they had before them, so that it replaces that everywhere and nothing else; what is heard is joined
//! field by field. A field shows the latest, and whatever was said without knowing of it stays beside it until somebody
//! says what is right. A number that several people share names nobody, and is not told of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::card::{Card, Known, writer};
use super::change::{Change, Whose};
use super::contact::{Contact, Field, Link, Past, Said, Source};
use super::decide::{Desk, MOST_FIELDS, View, good_name, good_text, linked};
use super::identity::{How, Identity};
use super::shared::Shared;
use crate::id::{ActorId, ContactId};
use crate::stamp::Stamp;
use crate::time::UnixTime;

/// Values that one field may have at the same time, and sites that have ever said something of it: more are no branches.
const MOST_VALUES: usize = 32;
const MOST_SITES: usize = 256;
/// Contacts of other sites that one contact is told of, and of one of them: no site leaves no room for the others.
const MOST_ELSEWHERE: usize = 32;
const MOST_OF_A_SITE: usize = 4;
/// No clock is later than this, the year 2200: what claims to be would leave no later moment for anybody.
const LATEST: i64 = 7_258_118_400_000_000;

/// What of a contact was said here, for other branches to hear as the site's policy lets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carded<P> {
    /// When.
    pub stamp: Stamp,
    /// By what the contact is known, and nobody else; all of it.
    pub identities: Vec<Identity<P>>,
    /// Fields that were said, by name, with whatever else is known of each.
    pub fields: BTreeMap<String, Shared<Option<P>>>,
}

/// What another site says of the same person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard<P> {
    /// Which site.
    pub site: String,
    /// What it calls the contact.
    pub contact: String,
    /// The number of the contact there, with which what is said of it is stamped.
    pub writer: u64,
    /// Fields.
    pub fields: BTreeMap<String, Shared<Option<P>>>,
    /// What is left of others under a mask.
    pub masked: BTreeMap<String, P>,
}

/// Where else a person is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere<P> {
    /// At which site.
    pub site: String,
    /// What the contact is called there.
    pub contact: String,
    /// Its number there.
    pub writer: u64,
    /// What the site lets others see of fields that it does not let them have.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub masked: BTreeMap<String, P>,
    /// When it was heard of last.
    pub heard: UnixTime,
}

impl<P> Carded<P> {
    pub(super) fn map<Q>(self, whose: Whose, to: &mut dyn FnMut(Whose, P) -> Q) -> Carded<Q> {
        let identities = self.identities.into_iter().map(|one| one.map(to)).collect();
        Carded { stamp: self.stamp, identities, fields: map_fields(self.fields, whose, to) }
    }
}

impl<P> Heard<P> {
    pub(super) fn map<Q>(self, whose: Whose, to: &mut dyn FnMut(Whose, P) -> Q) -> Heard<Q> {
        let Heard { site, contact, writer, fields, masked } = self;
        let fields = map_fields(fields, whose, to);
        let masked = masked.into_iter().map(|(name, text)| (name, to(whose, text))).collect();
        Heard { site, contact, writer, fields, masked }
    }

    /// The latest stamp in it.
    pub fn latest(&self) -> Option<Stamp> {
        self.fields.values().filter_map(Shared::latest).max()
    }
}

impl<P> Elsewhere<P> {
    pub(super) fn map<Q>(self, whose: Whose, to: &mut dyn FnMut(Whose, P) -> Q) -> Elsewhere<Q> {
        let Elsewhere { site, contact, writer, masked, heard } = self;
        let masked = masked.into_iter().map(|(name, text)| (name, to(whose, text))).collect();
        Elsewhere { site, contact, writer, masked, heard }
    }
}

/// Fields with their texts turned into something else.
pub(super) fn map_fields<P, Q>(
    fields: BTreeMap<String, Shared<Option<P>>>,
    whose: Whose,
    to: &mut dyn FnMut(Whose, P) -> Q,
) -> BTreeMap<String, Shared<Option<Q>>> {
    let mut map =
        |shared: Shared<Option<P>>| shared.map(|value| value.map(|value| to(whose, value)));
    fields.into_iter().map(|(name, shared)| (name, map(shared))).collect()
}

impl From<Known> for Heard<String> {
    /// What is there of a card that a contact can take up. Names and texts that no contact may have are left out.
    fn from(known: Known) -> Heard<String> {
        let Known { site, contact, card } = known;
        let Card { stamp, fields, masked, .. } = card.bounded();
        let fields = fields.into_iter().filter(|(name, field)| {
            let texts = field.values().filter_map(|(_, text)| text.as_deref());
            good_name(name).is_ok()
                && texts.into_iter().all(|text| good_text(text).is_ok())
                && field.values().count() <= MOST_VALUES
                && field.sites() <= MOST_SITES
                && field.latest().is_some_and(|stamp| stamp.wall <= LATEST)
        });
        let masked = masked.into_iter().filter_map(|(name, masked)| {
            Some((good_name(&name).ok()?, good_text(&masked.text?).ok()?))
        });
        let (fields, masked) =
            (fields.take(MOST_FIELDS).collect(), masked.take(MOST_FIELDS).collect());
        Heard { site, contact, writer: stamp.site, fields, masked }
    }
}

impl<P: Clone + PartialEq> Contact<P> {
    pub(super) fn take_card(&mut self, card: &Carded<P>) {
        for (name, field) in &card.fields {
            self.shared.entry(name.clone()).or_default().merge(field);
        }
        self.carded = Some(card.stamp);
    }

    /// What another site says is joined with what is known; a field that shows something else from then on says who said so.
    pub(super) fn hear(&mut self, at: UnixTime, heard: &Heard<P>) {
        self.elsewhere.retain(|one| one.site != heard.site || one.contact != heard.contact);
        let (site, contact) = (heard.site.clone(), heard.contact.clone());
        let (writer, masked) = (heard.writer, heard.masked.clone());
        self.elsewhere.push(Elsewhere { site, contact, writer, masked, heard: at });
        for (name, field) in &heard.fields {
            let own = self.shared.entry(name.clone()).or_default();
            let before = own.stamp();
            own.merge(field);
            let (after, value) = (own.stamp(), own.value().cloned().flatten());
            if let Some(stamp) = after.filter(|_| after != before) {
                let by = self.site_of(stamp.site).unwrap_or(&heard.site).into();
                let said = Said { source: Source::Branch, by, at, channel: None };
                self.say(name, Past { value, said });
            }
        }
        self.version += 1;
    }

    /// At which site something was said, by its stamp; nothing for this one.
    pub fn site_of(&self, said_by: u64) -> Option<&str> {
        let one = self.elsewhere.iter().find(|one| one.writer == said_by);
        one.map(|one| one.site.as_str())
    }

    /// What else is said of a field: by which site, this one where there is none, and when.
    pub fn conflicts(&self, name: &str) -> Vec<(Option<&str>, Stamp, Option<&P>)> {
        let Some(field) = self.shared.get(name) else { return Vec::new() };
        let others = field.others();
        others.map(|(stamp, text)| (self.site_of(stamp.site), *stamp, text.as_ref())).collect()
    }
}

/// What was done, along with what of it is for other branches to hear: of each contact that it is about, everything that
/// nobody else was told yet. `stamp` is of this moment, and later than all that was seen; `house` is what no other box has.
pub fn carded(
    view: &View,
    changes: Vec<Change<String>>,
    house: &str,
    stamp: Stamp,
    (by, at): (&ActorId, UnixTime),
) -> Vec<Change<String>> {
    let mut contacts = BTreeMap::new();
    let mut lines = view.lines.clone();
    for change in &changes {
        note(view, &mut contacts, &mut lines, change, (by, at));
    }
    let said = |contact: ContactId| {
        let names = changes.iter().filter_map(move |change| match change {
            Change::Field { contact: of, name, .. } if *of == contact => Some(name.as_str()),
            _ => None,
        });
        names.collect::<BTreeSet<_>>()
    };
    let cards = contacts.into_iter().filter_map(|(contact, after)| {
        let stamp = Stamp { site: writer(house, &contact.to_string()), ..stamp };
        let known = view.contacts.get(&contact);
        let card = after.card(known, &said(contact), &lines, stamp)?;
        Some(Change::Carded { contact, card })
    });
    let cards: Vec<_> = cards.collect();
    let heard = |change: &Change<String>| matches!(change, Change::Heard { .. });
    // What is heard comes behind what was said here before it.
    let (heard, mut all): (Vec<_>, Vec<_>) = changes.into_iter().partition(heard);
    all.extend(cards);
    all.extend(heard);
    all
}

/// A contact is as it is after a change; and which identities are shared.
fn note(
    view: &View,
    contacts: &mut BTreeMap<ContactId, Contact<String>>,
    lines: &mut BTreeSet<Identity<String>>,
    change: &Change<String>,
    (by, at): (&ActorId, UnixTime),
) {
    let mut of = |contact: ContactId| {
        let known = || view.contacts.get(&contact).cloned();
        let new = || Contact::new(contact, at, by.clone());
        contacts.entry(contact).or_insert_with(|| known().unwrap_or_else(new)).clone()
    };
    let after = match change {
        Change::Created { contact } | Change::Heard { contact, .. } => of(*contact),
        Change::Field { contact, .. } => {
            let mut after = of(*contact);
            after.apply(at, by, change);
            after
        }
        Change::Linked { contact, identity, how } => {
            let mut after = of(*contact);
            let known = after.identities.iter().any(|link| link.identity == *identity);
            let link = Link { identity: identity.clone(), how: *how, at, by: by.clone() };
            (!known).then(|| after.link(link));
            after
        }
        Change::Unlinked { contact, identity } => {
            let mut after = of(*contact);
            after.identities.retain(|link| link.identity != *identity);
            after
        }
        Change::Shared { identity, .. } => {
            lines.insert(identity.clone());
            let Some(edge) = view.edges.get(identity) else { return };
            of(edge.owner)
        }
        Change::Unshared { identity, contact } => {
            lines.remove(identity);
            of(*contact)
        }
        Change::Restored { contact } => Contact::clone(contact),
        _ => return,
    };
    contacts.insert(after.id, after);
}

impl Contact<String> {
    /// What others are to be told of a contact that was like `known` before; nothing when that is nothing new.
    fn card(
        &self,
        known: Option<&Contact<String>>,
        said: &BTreeSet<&str>,
        lines: &BTreeSet<Identity<String>>,
        stamp: Stamp,
    ) -> Option<Carded<String>> {
        let mut fields = BTreeMap::new();
        for (name, Field { now, .. }) in &self.fields {
            let own = known.and_then(|known| known.shared.get(name));
            let shown = own.is_some_and(|own| own.value() == Some(&now.value));
            let mut field = own.cloned().unwrap_or_default();
            match own {
                Some(_) if shown && !said.contains(name.as_str()) => continue,
                // What was said before anything was told has the time at which it was said.
                None if !said.contains(name.as_str()) => {
                    let wall = now.said.at.0.min(stamp.wall.saturating_sub(1));
                    field.set(Stamp { wall, count: 0, ..stamp }, now.value.clone());
                }
                _ => field.set(stamp, now.value.clone()),
            }
            fields.insert(name.clone(), field);
        }
        let own = |contact: &Contact<String>, lines: &BTreeSet<Identity<String>>| {
            let all = contact.identities.iter().map(|link| link.identity.clone());
            all.filter(|identity| !lines.contains(identity)).collect::<Vec<_>>()
        };
        let identities = own(self, lines);
        let told = known.filter(|known| known.carded.is_some());
        // A line that begins or ends to be shared is another card as well.
        let same = told.is_some_and(|known| known.identities.len() == self.identities.len())
            && !self.identities.iter().any(|link| lines.contains(&link.identity));
        let new = !same || !fields.is_empty();
        new.then_some(Carded { stamp, identities, fields })
    }
}

/// Taking up what is heard.
impl Desk<'_> {
    /// What was heard of a contact that is here.
    pub(super) fn hear(&self, contact: ContactId, heard: &[Heard<String>]) -> Vec<Change<String>> {
        let Some(known) = self.view.contacts.get(&contact) else { return Vec::new() };
        let mut now = known.clone();
        let mut changes = Vec::new();
        for heard in heard {
            let mut after = now.clone();
            after.hear(self.now, heard);
            let same = after.elsewhere.iter().filter(|one| one.site == heard.site).count();
            let many = after.fields.len() > MOST_FIELDS
                || after.elsewhere.len() > MOST_ELSEWHERE
                || same > MOST_OF_A_SITE;
            let full = after.shared.values().any(|field| field.values().count() > MOST_VALUES);
            if many || full || !after.has_heard_more_than(&now) {
                continue;
            }
            now = after;
            changes.push(Change::Heard { contact, heard: heard.clone() });
        }
        changes
    }

    /// The same of whoever is known by an identity. Who is not known here is from then on; a line that several people share
    /// names nobody.
    pub(super) fn hear_of(
        &self,
        identity: &Identity<String>,
        heard: &[Heard<String>],
        mint: &mut dyn FnMut() -> u64,
    ) -> Vec<Change<String>> {
        match self.view.edges.get(identity) {
            Some(edge) if edge.sharing.is_some() => Vec::new(),
            Some(edge) => self.hear(edge.owner, heard),
            None => {
                let contact = ContactId(mint());
                let first = [Change::Created { contact }, linked(contact, identity, How::First)];
                let all = heard.iter().take(MOST_ELSEWHERE);
                let heard = all.map(|heard| Change::Heard { contact, heard: heard.clone() });
                first.into_iter().chain(heard).collect()
            }
        }
    }
}

impl Contact<String> {
    fn has_heard_more_than(&self, before: &Contact<String>) -> bool {
        let known = |one: &Elsewhere<String>| {
            let same =
                |other: &&Elsewhere<String>| other.site == one.site && other.contact == one.contact;
            before.elsewhere.iter().find(same).is_some_and(|other| other.masked == one.masked)
        };
        self.shared != before.shared || !self.elsewhere.iter().all(known)
    }
}
