//! People in files: what a row says, what it changes, and the row that a person makes.
//!
//! A row that was taken once changes nothing when it comes again. It never takes anything away: what it leaves out
//! stays. Files themselves are read and written elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::contact::{Contact, Source};
use super::decide::{
    Desk, MOST_FIELDS, MOST_IDENTITIES, MOST_MARKS, Refused, good_name, good_text, linked,
};
use super::identity::{How, Identity, Kind, Sharing};
use crate::id::ContactId;

/// An identity in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    #[serde(flatten)]
    pub identity: Identity<String>,
    /// Whether several people share it: then it does not say who the row is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Sharing>,
}

/// One person in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Under which contact the person went where the row was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// By what the person is known.
    #[serde(default)]
    pub identities: Vec<Held>,
    /// What is known.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeSet<String>,
}

/// What a row did.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Imported {
    /// Nobody was known by it: there is a new contact.
    Created,
    /// Something about somebody is new.
    Changed,
    /// All of it was known.
    Unchanged,
}

impl Imported {
    /// What came of a row that led to these changes.
    pub fn by(changes: &[Change<String>]) -> Imported {
        let creates = |change: &Change<String>| matches!(change, Change::Created { .. });
        match changes {
            [] => Imported::Unchanged,
            changes if changes.iter().any(creates) => Imported::Created,
            _ => Imported::Changed,
        }
    }
}

impl Row {
    /// What the person is known by in a box that knows neither the contact nor anything else that says who it is.
    pub(super) fn stand_in(&self) -> Option<Identity<String>> {
        let value = format!("branchline:{}", self.contact?);
        Some(Identity { kind: Kind::Business, value })
    }
}

/// A person with all that a file or a report may want to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Under which contact the person goes.
    pub person: ContactId,
    /// Every contact of it.
    pub contacts: Vec<Contact<String>>,
    /// Which of the identities are shared, and why.
    #[serde(default)]
    pub shared: Vec<(Identity<String>, Sharing)>,
    /// Of whom somebody has said that they are another person.
    #[serde(default)]
    pub others: BTreeSet<ContactId>,
}

impl Person {
    /// The person's own contact first, then the others.
    pub fn in_order(&self) -> impl Iterator<Item = &Contact<String>> {
        let first = self.contacts.iter().filter(|contact| contact.id == self.person);
        first.chain(self.contacts.iter().filter(|contact| contact.id != self.person))
    }

    /// The person as one row.
    pub fn row(&self) -> Row {
        let mut row = Row { contact: Some(self.person), ..Row::default() };
        for contact in self.in_order() {
            for (name, field) in &contact.fields {
                if let Some(value) = &field.now.value {
                    row.fields.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            row.tags.extend(contact.tags.iter().cloned());
            for link in &contact.identities {
                let shared = self.shared.iter().find(|(identity, _)| *identity == link.identity);
                let shared = shared.map(|(_, sharing)| *sharing);
                let held = Held { identity: link.identity.clone(), shared };
                if !row.identities.contains(&held) {
                    row.identities.push(held);
                }
            }
        }
        row.identities.sort();
        row
    }
}

impl Desk<'_> {
    /// What a row changes; nothing when all of it is known.
    pub(super) fn import(
        &self,
        row: &Row,
        source: &str,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        good_name(source)?;
        if let Some(gone) = row.contact.filter(|contact| self.view.gone.contains(contact)) {
            return Err(Refused::Erased(gone));
        }
        let (mut changes, contact) = match self.meant(row)? {
            Some(person) => (Vec::new(), person),
            None => {
                let contact = ContactId(mint());
                let mut changes = vec![Change::Created { contact }];
                // Without it the same row would make another contact each time.
                if !self.says_who(row) {
                    let stand_in = row.stand_in().ok_or(Refused::NobodyNamed)?;
                    changes.push(linked(contact, &stand_in, How::Said));
                }
                (changes, contact)
            }
        };
        let known: Vec<_> = self.person(contact).collect();
        changes.extend(new_fields(row, contact, &known)?);
        for tag in &row.tags {
            if !known.iter().any(|one| one.tags.contains(tag)) {
                changes.push(Change::Tagged { contact, tag: good_name(tag)?, on: true });
            }
        }
        for held in &row.identities {
            self.hold(held, contact, &known, &mut changes, mint)?;
        }
        let first = known.iter().find(|one| one.id == contact);
        fits(first.copied(), &changes)?;
        Ok(changes)
    }

    /// Whom a row is about: one person, or somebody new.
    fn meant(&self, row: &Row) -> Result<Option<ContactId>, Refused> {
        let own = row.contact.filter(|contact| self.view.contacts.contains_key(contact));
        let stand_in = row.stand_in().filter(|_| !self.says_who(row));
        let held = row.identities.iter().filter(|held| held.shared.is_none());
        let identities = held.map(|held| &held.identity).chain(&stand_in);
        let edges = identities.filter_map(|identity| self.view.edges.get(identity));
        let owners = edges.filter(|edge| edge.sharing.is_none()).map(|edge| edge.owner);
        let mut people = own.into_iter().chain(owners).map(|contact| self.root(contact));
        let Some(person) = people.next() else { return Ok(None) };
        match people.find(|other| *other != person) {
            Some(other) => Err(Refused::TwoPeople(person, other)),
            None => Ok(Some(person)),
        }
    }

    /// Whether something in the row is one person's alone.
    fn says_who(&self, row: &Row) -> bool {
        row.identities.iter().any(|held| {
            let edge = self.view.edges.get(&held.identity);
            held.shared.is_none() && edge.is_none_or(|edge| edge.sharing.is_none())
        })
    }

    fn hold(
        &self,
        held: &Held,
        contact: ContactId,
        known: &[&Contact<String>],
        changes: &mut Vec<Change<String>>,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<(), Refused> {
        let identity = &held.identity;
        let link = linked(contact, identity, How::Said);
        let has = |one: &&Contact<String>| one.identities.iter().any(|l| l.identity == *identity);
        if known.iter().any(has) || changes.contains(&link) {
            return Ok(());
        }
        match (self.view.edges.get(identity), held.shared) {
            // Whose it is must say itself that it is not theirs alone.
            (Some(edge), _) if edge.sharing.is_none() && self.root(edge.owner) != contact => {
                return Err(Refused::Taken(edge.owner));
            }
            (None, Some(sharing)) => {
                let (identity, line) = (identity.clone(), ContactId(mint()));
                changes.push(Change::Shared { identity, sharing, line });
            }
            _ => {}
        }
        changes.push(link);
        Ok(())
    }
}

fn new_fields(
    row: &Row,
    contact: ContactId,
    known: &[&Contact<String>],
) -> Result<Vec<Change<String>>, Refused> {
    let own = known.iter().filter(|one| one.id == contact);
    let inherited = known.iter().filter(|one| one.id != contact);
    let in_order: Vec<_> = own.chain(inherited).collect();
    let mut changes = Vec::new();
    for (name, value) in &row.fields {
        let (name, value) = (good_name(name)?, good_text(value)?);
        if in_order.iter().find_map(|one| one.field(&name)) != Some(&value) {
            let (source, channel) = (Source::Import, None);
            changes.push(Change::Field { contact, name, value: Some(value), source, channel });
        }
    }
    Ok(changes)
}

/// Whether a contact has room for it all.
fn fits(contact: Option<&Contact<String>>, changes: &[Change<String>]) -> Result<(), Refused> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let (mut identities, mut tags) = (0, 0);
    if let Some(contact) = contact {
        names.extend(contact.fields.keys().map(String::as_str));
        (identities, tags) = (contact.identities.len(), contact.tags.len());
    }
    for change in changes {
        match change {
            Change::Field { name, .. } => drop(names.insert(name)),
            Change::Linked { .. } => identities += 1,
            Change::Tagged { .. } => tags += 1,
            _ => {}
        }
    }
    let fits = names.len() <= MOST_FIELDS && identities <= MOST_IDENTITIES && tags <= MOST_MARKS;
    if fits { Ok(()) } else { Err(Refused::TooMany) }
}
