//! Whole records, as a file takes them along: what is read for one, and the lines that it is.
//!
//! Left out: recordings, which stay with the box that has their keys; what the site's book of customers said, which is asked
//! again; who may be the same person, which is looked for again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::looking::{Dossier, Eyes};
use super::{contact_key, erased_key, merge_key, moment, moment_ref, moments_at};
use crate::context::{Filed, Line, Moment, Piece, Ref, Spot, Standing, Whole, Whose, filed};
use crate::id::ContactId;
use crate::journal::context::read;
use crate::time::UnixTime;

/// Everything that happened.
const ALL: usize = usize::MAX;

impl Eyes<'_> {
    /// Whole records of the contacts behind one, so many contacts at most; and behind which to go on, nothing at the end.
    pub fn records(
        &self,
        after: Option<ContactId>,
        limit: usize,
    ) -> (Vec<Record>, Option<ContactId>) {
        let page = self.rows.page(super::CONTACTS, after.map(contact_key).as_deref(), limit);
        let ids = page.iter().filter_map(|(_, row)| super::contact(row)).map(|contact| contact.id);
        let ids: Vec<_> = ids.collect();
        let next = ids.last().copied().filter(|_| page.len() == limit);
        let first = ids.into_iter().filter(|id| self.rows.get(&merge_key(*id)).is_none());
        let dossiers = first.filter_map(|id| self.dossier(id, ALL));
        (dossiers.map(|dossier| self.record(dossier)).collect(), next)
    }

    /// After a merge was taken back a case may have moments of somebody else: where those stand is looked up.
    fn record(&self, mut dossier: Dossier) -> Record {
        let own: BTreeSet<_> = dossier.contacts.iter().map(|contact| contact.id).collect();
        dossier.cases.retain(|case| own.contains(&case.contact));
        let named = dossier.cases.iter().flat_map(|case| &case.moments);
        let others: BTreeSet<Ref> =
            named.filter(|one| !own.contains(&one.contact)).copied().collect();
        let placed = self.placed(&others.iter().map(|one| (one.contact, one.at)).collect());
        let spot = |one: Ref| {
            let here = placed.get(&(one.contact, one.at))?;
            let number = here.iter().position(|(place, _)| *place == one)?;
            Some((one, Spot { contact: one.contact, at: one.at, number }))
        };
        Record { others: others.into_iter().filter_map(spot).collect(), dossier }
    }

    /// Which identities of these contacts several people share.
    pub(super) fn shared(&self, contacts: &[crate::context::Contact<String>]) -> Vec<Line> {
        let links = contacts.iter().flat_map(|contact| &contact.identities);
        let lines: BTreeSet<Line> = links
            .filter_map(|link| {
                let edge = self.edge(&link.identity)?;
                let identity = link.identity.clone();
                Some(Line { identity, sharing: edge.sharing?, line: edge.owner })
            })
            .collect();
        lines.into_iter().collect()
    }

    /// Those of these contacts that were erased.
    pub(super) fn erased(&self, contacts: &BTreeSet<ContactId>) -> BTreeSet<ContactId> {
        contacts.iter().filter(|id| self.rows.get(&erased_key(**id)).is_some()).copied().collect()
    }

    /// What stands on timelines at these times, as a file would have it.
    pub(super) fn placed(&self, spots: &BTreeSet<(ContactId, UnixTime)>) -> Standing {
        let mut placed = Standing::new();
        for (contact, at) in spots {
            let mut here: Vec<(Ref, Moment<String>)> = Vec::new();
            let page = self.rows.page(&moments_at(*contact, *at), None, ALL);
            // The newest record comes first.
            for (key, row) in page.into_iter().rev() {
                let (Some(place), Some(moment)) = (moment_ref(&key), moment(&row)) else {
                    continue;
                };
                let whose = Whose::Contact(*contact);
                let moment = moment.map(whose, &mut |_, text| read(self.keys, &text)).filed();
                if !here.iter().any(|(_, own)| *own == moment) {
                    here.push((place, moment));
                }
            }
            placed.insert((*contact, *at), here);
        }
        placed
    }
}

/// One person's whole record, or that of a line which several people share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// All that is known.
    pub dossier: Dossier,
    /// Where moments of others stand that belong to cases of this person.
    pub others: Vec<(Ref, Spot)>,
}

/// The lines of one record, each behind what it names.
#[derive(Debug)]
pub struct Pieces {
    /// The person.
    pub person: Piece,
    /// What happened.
    pub moments: Vec<Piece>,
    /// Cases.
    pub cases: Vec<Piece>,
    /// Cases that name moments of other people: for the end of the file.
    pub late: Vec<Piece>,
}

impl From<Record> for Pieces {
    fn from(record: Record) -> Pieces {
        let Record { dossier, others } = record;
        let Dossier { person, mut contacts, merges, shared, cases, timeline, suggestions: _ } =
            dossier;
        contacts.iter_mut().for_each(|contact| contact.learned = None);
        let timeline = timeline.into_iter().map(|one| (one.place, one.moment)).collect();
        let (told, mut spots) = filed(timeline);
        let own: BTreeSet<_> = contacts.iter().map(|contact| contact.id).collect();
        spots.extend(others);
        let cases = cases.into_iter().map(|case| Filed::of(case, &spots));
        let (cases, late): (Vec<_>, Vec<_>) =
            cases.partition(|case| case.moments.iter().all(|spot| own.contains(&spot.contact)));
        Pieces {
            person: Piece::Person(Whole { person, contacts, merges, shared }),
            moments: told.into_iter().map(Piece::Moments).collect(),
            cases: cases.into_iter().map(Piece::Case).collect(),
            late: late.into_iter().map(Piece::Case).collect(),
        }
    }
}
