//! A case: what a person wants, over as many interactions as it takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::change::Whose;
use super::contact::Verified;
use crate::id::{ActorId, CaseId, ContactId};
use crate::time::UnixTime;

/// Moments in one case: more are several matters, and a row that long is slow to read at the ring.
pub const MOST_LINKED: usize = 500;

/// Where a moment stands: on whose timeline, when, and the journal's number of the record that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ref {
    /// On whose timeline.
    pub contact: ContactId,
    /// When.
    pub at: UnixTime,
    /// The record's number.
    pub seq: u64,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case<P> {
    /// Names it.
    pub id: CaseId,
    /// Whose it is.
    pub contact: ContactId,
    /// What it is about.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub title: Option<P>,
    /// What else is known of it, by name: when it is due, what it is about. As it was said last.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, P>,
    /// Since when.
    pub opened: UnixTime,
    /// By whom it was opened.
    pub by: ActorId,
    /// Since when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<UnixTime>,
    /// What belongs to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moments: Vec<Ref>,
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

impl<P> Case<P> {
    /// Whether something may be added.
    pub fn is_open(&self) -> bool {
        self.closed.is_none() && self.merged_into.is_none()
    }

    /// Adds moments that are not there yet, in order of time.
    pub fn link(&mut self, moments: &[Ref]) {
        let known = &self.moments;
        let new: Vec<_> = moments.iter().filter(|one| !known.contains(one)).copied().collect();
        self.moments.extend(new);
        self.moments.sort_by_key(|one| (one.at, one.seq, one.contact));
    }

    /// Takes moments out.
    pub fn unlink(&mut self, moments: &[Ref]) {
        self.moments.retain(|one| !moments.contains(one));
    }

    /// The same with its text turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(Whose, P) -> Q) -> Case<Q> {
        let whose = Whose::Contact(self.contact);
        Case {
            id: self.id,
            contact: self.contact,
            title: self.title.map(|title| to(whose, title)),
            fields: self.fields.into_iter().map(|(name, text)| (name, to(whose, text))).collect(),
            opened: self.opened,
            by: self.by,
            closed: self.closed,
            moments: self.moments,
            verified: self.verified,
            split_from: self.split_from,
            merged_into: self.merged_into,
        }
    }
}
