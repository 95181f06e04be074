//! People, as an admin orders something about them and is told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::context::{Change, Imported, Person};
use crate::id::{CaseId, ContactId, ErasureId, HoldId, MergeId, PinId};
use crate::store::context::filing::Record;

/// What came of an order: the ids of what it made or was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Ordered {
    /// The contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// The merge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<MergeId>,
    /// The pinned fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinId>,
    /// The legal hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldId>,
    /// The erasure; its proof goes by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasure: Option<ErasureId>,
    /// What a row of a file did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// Some of all whole records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsPage {
    /// They, in the order of their ids.
    pub records: Vec<Record>,
    /// Behind whom to go on; nothing at the end.
    pub next: Option<ContactId>,
}

/// Some of all people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeoplePage {
    /// They, in the order of their ids.
    pub people: Vec<Person>,
    /// Behind whom to go on; nothing at the end.
    pub next: Option<ContactId>,
}

impl Ordered {
    /// Takes up what a change made.
    pub fn take(&mut self, change: &Change<String>) {
        match change {
            Change::Created { contact }
            | Change::Linked { contact, .. }
            | Change::Unlinked { contact, .. }
            | Change::Unshared { contact, .. }
            | Change::Noted { contact, .. }
            | Change::Disposed { contact, .. }
            | Change::Happened { contact, .. }
            | Change::Learned { contact, .. }
            | Change::Heard { contact, .. }
            | Change::Shared { line: contact, .. } => self.contact = Some(*contact),
            // Of a person in a file that is the first contact; merges come behind.
            Change::Restored { contact } => self.contact = Some(contact.id),
            Change::Recalled { contact, .. } => self.contact = Some(*contact),
            Change::CaseRestored { case } => self.case = Some(case.id),
            Change::Merged(merge) | Change::Unmerged(merge) => {
                (self.contact, self.merge) = (Some(merge.kept), Some(merge.id));
            }
            Change::CaseOpened { case, .. }
            | Change::CaseLinked { case, .. }
            | Change::CaseUnlinked { case, .. }
            | Change::CaseSplit { case, .. }
            | Change::CasesMerged { kept: case, .. }
            | Change::CaseSaid { case, .. }
            | Change::CaseClosed { case, .. } => self.case = Some(*case),
            Change::Pinned { contact, pin, .. } => {
                (self.contact, self.pin) = (Some(*contact), Some(*pin));
            }
            Change::Held { contact, hold, .. } => {
                (self.contact, self.hold) = (Some(*contact), Some(*hold));
            }
            Change::Erased { erasure, .. } => self.erasure = Some(*erasure),
            change => self.contact = change.contact().or(self.contact),
        }
    }
}
