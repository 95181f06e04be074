//! Whole records in files: what a line says, and what it changes in a box that may know some of it.
//!
//! A person goes as one line with every contact and merge, then lines of what happened, then one for each case: in that
//! order, since each names what came before. Contacts, cases, pins, holds and merges keep their ids, and every word keeps who
//! said it, when and by which channel, so that an empty box that took a file in writes the same file out. Where a box knows
//! somebody already the later word counts, and nothing is taken away; a line that came once changes nothing when it comes
//! again. Whoever was erased here does not come back: their ids are refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::case::{Case, MOST_LINKED, Ref};
use super::change::Change;
use super::contact::{Contact, Field, Link, Past, Verified};
use super::decide::{
    Desk, MOST_CONTACTS, MOST_FIELDS, MOST_IDENTITIES, MOST_MARKS, Refused, good_name, good_text,
};
use super::identity::{Identity, Sharing};
use super::person::{Evidence, Merge, root};
use super::timeline::{Happening, Moment};
use crate::id::{ActorId, CaseId, ContactId, MergeId};
use crate::time::UnixTime;

/// Moments of one line: they go in one record, and a line is read whole.
pub const MOST_MOMENTS: usize = 50;

/// One line of a file of whole records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// A person: every contact, and what makes one person of them.
    Person(Whole),
    /// What happened with a contact.
    Moments(Told),
    /// A case.
    Case(Filed),
}

/// A person without what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    /// Under which contact the person goes.
    pub person: ContactId,
    /// Every contact of the person.
    pub contacts: Vec<Contact<String>>,
    /// What makes one person of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<Merge>,
    /// Which of the identities several people share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Line>,
}

/// An identity that several people share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// Which.
    #[serde(flatten)]
    pub identity: Identity<String>,
    /// Why.
    pub sharing: Sharing,
    /// The contact that stands for it.
    pub line: ContactId,
}

/// What happened with a contact: each at another time, since they become one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// With whom.
    pub contact: ContactId,
    /// What.
    pub moments: Vec<Moment<String>>,
}

/// What stands on timelines at a time, in the order of its records.
pub type Standing = BTreeMap<(ContactId, UnixTime), Vec<(Ref, Moment<String>)>>;

/// Where a moment of a file stands: the number is of those of one contact at one time, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// On whose timeline.
    pub contact: ContactId,
    /// When.
    pub at: UnixTime,
    /// Which of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub number: usize,
}

/// A case in a file; its moments are named by where they stand there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filed {
    /// Names it.
    pub id: CaseId,
    /// Whose it is.
    pub contact: ContactId,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What else is known of it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Since when.
    pub opened: UnixTime,
    /// By whom it was opened.
    pub by: ActorId,
    /// Since when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<UnixTime>,
    /// What belongs to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moments: Vec<Spot>,
    /// How surely its person was identified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// The case that it was split from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_from: Option<CaseId>,
    /// The case that it went up in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CaseId>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Piece {
    /// Contacts that it is about.
    pub fn contacts(&self) -> BTreeSet<ContactId> {
        match self {
            Piece::Person(whole) => whole.contacts.iter().map(|contact| contact.id).collect(),
            Piece::Moments(told) => BTreeSet::from([told.contact]),
            Piece::Case(case) => {
                case.moments.iter().map(|spot| spot.contact).chain([case.contact]).collect()
            }
        }
    }

    /// Identities that it names.
    pub fn identities(&self) -> impl Iterator<Item = &Identity<String>> {
        let whole = match self {
            Piece::Person(whole) => Some(whole),
            Piece::Moments(_) | Piece::Case(_) => None,
        };
        whole.into_iter().flat_map(|whole| {
            let own = whole.contacts.iter().flat_map(|contact| &contact.identities);
            let shared = whole.shared.iter().map(|line| &line.identity);
            own.map(|link| &link.identity).chain(shared)
        })
    }

    pub(super) fn identities_mut(&mut self) -> Vec<&mut Identity<String>> {
        let Piece::Person(whole) = self else { return Vec::new() };
        let own = whole.contacts.iter_mut().flat_map(|contact| &mut contact.identities);
        let shared = whole.shared.iter_mut().map(|line| &mut line.identity);
        own.map(|link| &mut link.identity).chain(shared).collect()
    }

    /// Where moments stand that it names.
    pub fn spots(&self) -> BTreeSet<(ContactId, UnixTime)> {
        match self {
            Piece::Person(_) => BTreeSet::new(),
            Piece::Moments(told) => {
                told.moments.iter().map(|moment| (told.contact, moment.at)).collect()
            }
            Piece::Case(case) => case.moments.iter().map(|spot| (spot.contact, spot.at)).collect(),
        }
    }
}

impl Moment<String> {
    /// As a file has it: recordings stay with the box that has their keys.
    pub fn filed(mut self) -> Moment<String> {
        if let Happening::Call { recordings, .. } = &mut self.what {
            recordings.clear();
        }
        self
    }
}

impl Desk<'_> {
    /// What a line changes; nothing when all of it is known.
    pub(super) fn restore(
        &self,
        piece: &Piece,
        source: &str,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        good_name(source)?;
        let about = match piece {
            // It goes on without the moments of whoever is gone.
            Piece::Case(case) => BTreeSet::from([case.contact]),
            piece => piece.contacts(),
        };
        if let Some(gone) = about.intersection(&self.view.gone).next() {
            return Err(Refused::Erased(*gone));
        }
        match piece {
            Piece::Person(whole) => self.restore_person(whole, mint),
            Piece::Moments(told) => self.restore_moments(told),
            Piece::Case(case) => self.restore_case(case),
        }
    }

    fn restore_person(
        &self,
        whole: &Whole,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<Vec<Change<String>>, Refused> {
        check(whole)?;
        let known = self.known_as(whole)?;
        let mut changes = Vec::new();
        for line in &whole.shared {
            let (identity, sharing, line) = (line.identity.clone(), line.sharing, line.line);
            match self.view.edges.get(&identity) {
                None => changes.push(Change::Shared { identity, sharing, line }),
                // Whose it is here must say itself that it is not theirs alone.
                Some(edge) if edge.sharing.is_none() && known != Some(self.root(edge.owner)) => {
                    return Err(Refused::Taken(edge.owner));
                }
                Some(_) => {}
            }
        }
        for filed in &whole.contacts {
            let filed = self.with_own_links(filed);
            let contact = match self.view.contacts.get(&filed.id) {
                // A line that was named before its own record came.
                Some(own) if own.is_less_than(&filed) => Some(filed).filter(|filed| filed != own),
                Some(own) => Some(own.joined(&filed)).filter(|joined| joined != own),
                None => {
                    changes.push(Change::Created { contact: filed.id });
                    Some(filed)
                }
            };
            changes.extend(contact.map(|contact| Change::Restored { contact: Box::new(contact) }));
        }
        self.one_person(whole, known, &mut changes, mint)?;
        Ok(changes)
    }

    /// Under which contact the person goes here; nothing when nobody here is the same.
    fn known_as(&self, whole: &Whole) -> Result<Option<ContactId>, Refused> {
        let view = self.view;
        let own = whole.contacts.iter().map(|contact| contact.id);
        let own = own.filter(|contact| view.contacts.contains_key(contact));
        let links = whole.contacts.iter().flat_map(|contact| &contact.identities);
        let owners = links.filter_map(|link| {
            let edge = view.edges.get(&link.identity)?;
            let line = whole.shared.iter().find(|line| line.identity == link.identity);
            let is_line = |line: &Line| whole.contacts.iter().any(|one| one.id == line.line);
            let names = match (line, edge.sharing) {
                (None, None) => true,
                // A shared line names nobody, but the line itself.
                (Some(line), Some(_)) => is_line(line),
                _ => false,
            };
            names.then_some(edge.owner)
        });
        let mut people = own.chain(owners).map(|contact| self.root(contact));
        let Some(person) = people.next() else { return Ok(None) };
        match people.find(|other| *other != person) {
            Some(other) => Err(Refused::TwoPeople(person, other)),
            None => Ok(Some(person)),
        }
    }

    /// Without identities that are somebody else's here.
    fn with_own_links(&self, filed: &Contact<String>) -> Contact<String> {
        let mut contact = filed.clone();
        contact.learned = None;
        contact.identities.retain(|link| {
            let edge = self.view.edges.get(&link.identity);
            edge.is_none_or(|edge| edge.sharing.is_some() || edge.owner == contact.id)
        });
        contact
    }

    /// Merges that make one person of the contacts. Those of contacts that both were here stay as they are here.
    fn one_person(
        &self,
        whole: &Whole,
        known: Option<ContactId>,
        changes: &mut Vec<Change<String>>,
        mint: &mut dyn FnMut() -> u64,
    ) -> Result<(), Refused> {
        let mut parents = self.view.parents.clone();
        let here = |contact: &ContactId| self.view.contacts.contains_key(contact);
        let filed = |contact: &ContactId| whole.contacts.iter().any(|one| one.id == *contact);
        for merge in &whole.merges {
            if !filed(&merge.kept) || !filed(&merge.gone) {
                return Err(Refused::NoRecord);
            }
            let decided = here(&merge.kept) && here(&merge.gone);
            let joined = root(&parents, merge.kept) == root(&parents, merge.gone);
            if !decided && !joined && !parents.contains_key(&merge.gone) {
                parents.insert(merge.gone, merge.clone());
                changes.push(Change::Merged(merge.clone()));
            }
        }
        let first = known.unwrap_or(whole.person);
        for contact in &whole.contacts {
            let (kept, gone) = (root(&parents, first), root(&parents, contact.id));
            if kept != gone {
                let (id, by, at) = (MergeId(mint()), self.by.clone(), self.now);
                let evidence = BTreeSet::from([Evidence::Said]);
                let merge = Merge { id, kept, gone, by, at, evidence };
                parents.insert(gone, merge.clone());
                changes.push(Change::Merged(merge));
            }
        }
        let new = whole.contacts.iter().filter(|contact| !here(&contact.id)).count();
        let own = known.map_or(0, |known| self.person(known).count());
        if own + new > MOST_CONTACTS { Err(Refused::TooMany) } else { Ok(()) }
    }

    fn restore_moments(&self, told: &Told) -> Result<Vec<Change<String>>, Refused> {
        let contact = told.contact;
        if !self.view.contacts.contains_key(&contact) {
            return Err(Refused::UnknownContact);
        }
        if told.moments.len() > MOST_MOMENTS {
            return Err(Refused::TooMany);
        }
        let times: BTreeSet<_> = told.moments.iter().map(|moment| moment.at).collect();
        if times.len() != told.moments.len() {
            return Err(Refused::NoRecord);
        }
        let mut new = Vec::new();
        for moment in &told.moments {
            good_moment(moment)?;
            let here = self.view.placed.get(&(contact, moment.at));
            let known = here.is_some_and(|here| here.iter().any(|(_, own)| own == moment));
            if !known {
                new.push(moment.clone().filed());
            }
        }
        Ok(match new.is_empty() {
            true => Vec::new(),
            false => vec![Change::Recalled { contact, moments: new }],
        })
    }

    fn restore_case(&self, filed: &Filed) -> Result<Vec<Change<String>>, Refused> {
        let owner = self.view.contacts.get(&filed.contact).ok_or(Refused::UnknownContact)?;
        let title = filed.title.as_deref().map(good_text).transpose()?;
        filed.verified.map_or(Ok(()), good_level)?;
        let said = filed.fields.iter().map(|(name, text)| Ok((good_name(name)?, good_text(text)?)));
        let said = said.collect::<Result<Vec<_>, Refused>>()?;
        let there = filed.moments.iter().filter(|spot| !self.view.gone.contains(&spot.contact));
        let mut moments = there.map(|spot| self.place(spot)).collect::<Result<Vec<_>, _>>()?;
        moments.sort_by_key(|one| (one.at, one.seq, one.contact));
        let known = self.view.cases.get(&filed.id);
        let mut case = known.cloned().unwrap_or_else(|| Case {
            id: filed.id,
            contact: owner.id,
            title: None,
            fields: BTreeMap::new(),
            opened: filed.opened,
            by: filed.by.clone(),
            closed: filed.closed,
            moments: Vec::new(),
            verified: filed.verified,
            split_from: filed.split_from,
            merged_into: filed.merged_into,
        });
        if self.root(case.contact) != self.root(filed.contact) {
            return Err(Refused::ForeignCase);
        }
        case.title = case.title.or(title);
        for (name, text) in said {
            case.fields.entry(name).or_insert(text);
        }
        case.link(&moments);
        if case.moments.len() > MOST_LINKED || case.fields.len() > MOST_FIELDS {
            return Err(Refused::TooMany);
        }
        let new = known.is_none_or(|known| *known != case);
        Ok(new.then_some(Change::CaseRestored { case: Box::new(case) }).into_iter().collect())
    }

    /// Where a moment of a file stands here.
    fn place(&self, spot: &Spot) -> Result<Ref, Refused> {
        let here = self.view.placed.get(&(spot.contact, spot.at)).ok_or(Refused::UnknownMoment)?;
        here.get(spot.number).map(|(place, _)| *place).ok_or(Refused::UnknownMoment)
    }
}

/// Whether a person of a file could be one of ours.
fn check(whole: &Whole) -> Result<(), Refused> {
    let ids: BTreeSet<_> = whole.contacts.iter().map(|contact| contact.id).collect();
    if ids.len() != whole.contacts.len() || !ids.contains(&whole.person) {
        return Err(Refused::NoRecord);
    }
    if whole.contacts.len() > MOST_CONTACTS || whole.merges.len() > MOST_CONTACTS {
        return Err(Refused::TooMany);
    }
    whole.contacts.iter().try_for_each(good_contact)
}

fn good_contact(contact: &Contact<String>) -> Result<(), Refused> {
    let marks =
        [contact.tags.len(), contact.pins.len(), contact.consents.len(), contact.holds.len()];
    let fits = contact.fields.len() <= MOST_FIELDS
        && contact.identities.len() <= MOST_IDENTITIES
        && marks.into_iter().all(|count| count <= MOST_MARKS);
    if !fits {
        return Err(Refused::TooMany);
    }
    for (name, field) in &contact.fields {
        good_name(name)?;
        let said = field.before.iter().chain([&field.now]).filter_map(|past| past.value.as_deref());
        said.into_iter().try_for_each(|text| good_text(text).map(drop))?;
    }
    contact.tags.iter().try_for_each(|tag| good_name(tag).map(drop))?;
    contact.consents.iter().try_for_each(|consent| good_name(&consent.purpose).map(drop))?;
    contact.pins.iter().try_for_each(|pin| good_text(&pin.fact).map(drop))?;
    contact.holds.iter().try_for_each(|hold| good_text(&hold.reason).map(drop))?;
    contact.verified.map_or(Ok(()), good_level)
}

fn good_level(verified: Verified) -> Result<(), Refused> {
    if verified.level <= 9 { Ok(()) } else { Err(Refused::BadLevel) }
}

fn good_moment(moment: &Moment<String>) -> Result<(), Refused> {
    match &moment.what {
        Happening::Note { text } => good_text(text).map(drop),
        Happening::Disposition { code, fields, .. } => {
            good_name(code)?;
            if fields.len() > MOST_FIELDS {
                return Err(Refused::TooMany);
            }
            fields.values().try_for_each(|text| good_text(text).map(drop))
        }
        // What others wrote is as long as it is; the line that it came in has an end.
        Happening::Call { .. } | Happening::Message { .. } | Happening::Seen { .. } => Ok(()),
    }
}

impl Contact<String> {
    /// Whether nothing is known but a number or an address that the other has as well.
    fn is_less_than(&self, filed: &Contact<String>) -> bool {
        let has =
            |link: &Link<String>| filed.identities.iter().any(|own| own.identity == link.identity);
        let marks = self.tags.len() + self.pins.len() + self.consents.len() + self.holds.len();
        let known = self.preferred.is_some() || self.verified.is_some() || self.learned.is_some();
        self.fields.is_empty() && self.identities.iter().all(has) && marks == 0 && !known
    }

    /// Together with what a file says of the same contact: the later word counts, and nothing is taken away. The version is
    /// another one if anything is.
    fn joined(&self, filed: &Contact<String>) -> Contact<String> {
        let mut all = self.clone();
        if filed.created < all.created {
            (all.created, all.by) = (filed.created, filed.by.clone());
        }
        for (name, field) in &filed.fields {
            match all.fields.get_mut(name) {
                Some(own) => own.join(field),
                None => drop(all.fields.insert(name.clone(), field.clone())),
            }
        }
        for link in &filed.identities {
            join_link(&mut all.identities, link);
        }
        all.tags.extend(filed.tags.iter().cloned());
        let pins = filed.pins.iter().filter(|pin| !self.pins.iter().any(|own| own.id == pin.id));
        all.pins.extend(pins.cloned());
        let holds =
            filed.holds.iter().filter(|hold| !self.holds.iter().any(|own| own.id == hold.id));
        all.holds.extend(holds.cloned());
        for consent in &filed.consents {
            let same = |own: &&mut super::Consent| {
                own.channel == consent.channel && own.purpose == consent.purpose
            };
            match all.consents.iter_mut().find(same) {
                Some(own) if own.said.at >= consent.said.at => {}
                Some(own) => *own = consent.clone(),
                None => all.consents.push(consent.clone()),
            }
        }
        all.preferred = all.preferred.or(filed.preferred);
        let later = filed.verified.filter(|v| all.verified.is_none_or(|own| own.at < v.at));
        all.verified = later.or(all.verified);
        if all != *self {
            all.version = filed.version.max(self.version + 1);
        }
        all
    }
}

impl Field<String> {
    /// Together with what a file says of the same field.
    fn join(&mut self, filed: &Field<String>) {
        let mut all: Vec<Past<String>> = self.before.clone();
        all.insert(0, self.now.clone());
        let before = all.clone();
        for past in filed.before.iter().chain([&filed.now]) {
            if !all.contains(past) {
                all.push(past.clone());
            }
        }
        if all == before {
            return;
        }
        all.sort_by_key(|past| std::cmp::Reverse(past.said.at));
        all.truncate(super::contact::MOST_PAST + 1);
        if all != before {
            self.now = all.remove(0);
            self.before = all;
        }
    }
}

/// Of two who linked the same identity the earlier is remembered.
fn join_link(own: &mut Vec<Link<String>>, filed: &Link<String>) {
    match own.iter_mut().find(|link| link.identity == filed.identity) {
        Some(link) if link.at > filed.at => *link = filed.clone(),
        Some(_) => {}
        None => own.push(filed.clone()),
    }
}

/// A person's timeline as a file has it: of each contact in order of time, what is there twice once; and where each moment
/// stands then.
pub fn filed(timeline: Vec<(Ref, Moment<String>)>) -> (Vec<Told>, BTreeMap<Ref, Spot>) {
    let mut ordered = timeline;
    ordered.sort_by_key(|(place, _)| (place.contact, place.at, place.seq));
    let (mut lines, mut spots): (Vec<Told>, _) = (Vec::new(), BTreeMap::new());
    let mut same: Vec<Moment<String>> = Vec::new();
    let mut last = None;
    for (place, moment) in ordered {
        let (contact, at, moment) = (place.contact, place.at, moment.filed());
        if last != Some((contact, at)) {
            same.clear();
        }
        last = Some((contact, at));
        if let Some(number) = same.iter().position(|own| *own == moment) {
            spots.insert(place, Spot { contact, at, number });
            continue;
        }
        spots.insert(place, Spot { contact, at, number: same.len() });
        same.push(moment.clone());
        let fits = |told: &&mut Told| {
            told.contact == contact
                && told.moments.len() < MOST_MOMENTS
                && told.moments.last().is_some_and(|last| last.at < at)
        };
        match lines.last_mut().filter(fits) {
            Some(told) => told.moments.push(moment),
            None => lines.push(Told { contact, moments: vec![moment] }),
        }
    }
    (lines, spots)
}

impl Filed {
    /// A case as a file has it; moments that are not on the timeline any more are left out.
    pub fn of(case: Case<String>, spots: &BTreeMap<Ref, Spot>) -> Filed {
        let moments: BTreeSet<Spot> =
            case.moments.iter().filter_map(|place| spots.get(place)).copied().collect();
        let mut moments: Vec<_> = moments.into_iter().collect();
        moments.sort_by_key(|spot| (spot.at, spot.contact, spot.number));
        Filed {
            id: case.id,
            contact: case.contact,
            title: case.title,
            fields: case.fields,
            opened: case.opened,
            by: case.by,
            closed: case.closed,
            moments,
            verified: case.verified,
            split_from: case.split_from,
            merged_into: case.merged_into,
        }
    }
}
