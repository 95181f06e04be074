//! Who may say what in whose name: a number with which a branch stamps what it says belongs to that branch.
//!
//! The first card with a number makes it its branch's. From then on nobody else's card is taken up with it, and what others
//! have heard under it is believed as far as the branch itself has said something: not a later word, and no claim to have
//! seen one, which would keep what is said next from ever being shown. Numbers stay after an erasure: what was heard under
//! them is still at branches that were not asked, or have refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Away, Book, Holder, People};
use crate::context::card::Card;
use crate::context::shared::Shared;
use crate::stamp::Stamp;

/// Words of one branch that one field of a card may have at the same time: somebody has two contacts at a branch now and
/// then. Of more the latest are taken, so that no branch leaves no room for the others'.
const MOST_OF_A_SITE: usize = 4;
/// No clock is later than this, the year 2200: what claims to be would leave no later moment for anybody.
const LATEST: i64 = 7_258_118_400_000_000;

/// Whose a number is, and how far they have come with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Writer {
    site: String,
    wall: i64,
    count: u32,
}

/// Why nothing of a card is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forged {
    /// It is stamped with another branch's number.
    Number,
    /// Its clock is past all clocks.
    Clock,
}

impl<B: Book> People<B> {
    /// Leaves of a card what its branch may say; the number that it is stamped with is the branch's from then on.
    pub(super) fn in_their_own_name(
        &self,
        holder: &Holder,
        mut card: Card,
    ) -> Result<Result<Card, Forged>, Away> {
        let stamp = card.stamp;
        if stamp.wall > LATEST {
            return Ok(Err(Forged::Clock));
        }
        let mut theirs = true;
        self.change(&writer_name(stamp.site), |known: Option<Writer>| {
            let Some(mut writer) = known else {
                let (wall, count) = (stamp.wall, stamp.count);
                return Ok(Some(Writer { site: holder.site.clone(), wall, count }));
            };
            theirs = writer.site == holder.site;
            if !theirs || (stamp.wall, stamp.count) <= (writer.wall, writer.count) {
                return Ok(None);
            }
            (writer.wall, writer.count) = (stamp.wall, stamp.count);
            Ok(Some(writer))
        })?;
        if !theirs {
            return Ok(Err(Forged::Number));
        }
        let writers = self.writers(&card)?;
        card.fields = card
            .fields
            .into_iter()
            .map(|(name, field)| (name, said(field, &writers)))
            .filter(|(_, field)| field.latest().is_some())
            .collect();
        card.masked.retain(|_, masked| has_said(&writers, &masked.stamp));
        Ok(Ok(card))
    }

    /// Whoever is named in a card and is known here.
    fn writers(&self, card: &Card) -> Result<BTreeMap<u64, Writer>, Away> {
        let named = card.fields.values().flat_map(Shared::writers);
        let named = named.chain(card.masked.values().map(|masked| masked.stamp.site));
        let mut writers = BTreeMap::new();
        for number in named {
            if !writers.contains_key(&number)
                && let Some((writer, _)) = self.row::<Writer>(&writer_name(number))?
            {
                writers.insert(number, writer);
            }
        }
        Ok(writers)
    }
}

fn has_said(writers: &BTreeMap<u64, Writer>, stamp: &Stamp) -> bool {
    let upto = writers.get(&stamp.site).map(|writer| (writer.wall, writer.count));
    upto.is_some_and(|upto| (stamp.wall, stamp.count) <= upto)
}

/// What of a field those have said who are named in it, and of one branch not more than may be.
fn said(field: Shared<Option<String>>, writers: &BTreeMap<u64, Writer>) -> Shared<Option<String>> {
    let upto = |number| writers.get(&number).map(|writer| (writer.wall, writer.count));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    field.within(upto).filter(|stamp| {
        let site = writers.get(&stamp.site).map_or("", |writer| writer.site.as_str());
        let count = counts.entry(site).or_default();
        *count += 1;
        *count <= MOST_OF_A_SITE
    })
}

fn writer_name(number: u64) -> String {
    format!("writer/{number:016x}")
}
