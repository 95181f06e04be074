//! What somebody wants done to the record of a person, and what has to be looked up before it can be decided.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Channel;
use super::case::Ref;
use super::contact::{Learned, Source};
use super::elsewhere::Heard;
use super::identity::{Identity, Kind, NotAnIdentity, Sharing, normalise};
use super::import::Row;
use super::person::Evidence;
use super::timeline::Happening;
use super::whole::Piece;
use crate::id::{CallId, CaseId, ContactId, HoldId, PinId};
use crate::time::UnixTime;

/// Names a person: a contact's id, or something the person is known by, as `phone:+4930123456`. A number with `+` and an
/// address with `@` need no kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Who {
    /// By id.
    Contact(ContactId),
    /// By identity.
    Identity(Kind, String),
}

impl FromStr for Who {
    type Err = NotAnIdentity;
    fn from_str(text: &str) -> Result<Who, NotAnIdentity> {
        // Thirteen digits are sooner a number than an id.
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let id = text.strip_prefix("contact:").or(Some(text).filter(|_| !digits));
        if let Some(id) = id.and_then(|id| id.parse().ok()) {
            return Ok(Who::Contact(id));
        }
        let kinds =
            [Kind::Phone, Kind::Email, Kind::Handle, Kind::Sip, Kind::Account, Kind::Business];
        let named = text.split_once(':').and_then(|(name, value)| {
            let kind = kinds.into_iter().find(|kind| kind.name() == name)?;
            Some(Who::Identity(kind, value.to_owned()))
        });
        match named {
            Some(who) => Ok(who),
            None if text.contains('@') => Ok(Who::Identity(Kind::Email, text.to_owned())),
            None if text.starts_with(|c: char| c == '+' || c.is_ascii_digit()) => {
                Ok(Who::Identity(Kind::Phone, text.to_owned()))
            }
            None => Err(NotAnIdentity::Service),
        }
    }
}

impl TryFrom<String> for Who {
    type Error = NotAnIdentity;
    fn try_from(text: String) -> Result<Who, NotAnIdentity> {
        text.parse()
    }
}

impl From<Who> for String {
    fn from(who: Who) -> String {
        who.to_string()
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Contact(contact) => write!(f, "contact:{contact}"),
            Who::Identity(kind, value) => write!(f, "{kind}:{value}"),
        }
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Make a contact.
    Create {
        /// What is known.
        #[serde(default)]
        fields: BTreeMap<String, String>,
        /// By what it is known.
        #[serde(default)]
        identities: Vec<Identity<String>>,
        /// Who says so.
        #[serde(default)]
        source: Source,
        /// By which channel.
        #[serde(default)]
        channel: Option<Channel>,
    },
    /// Take up a row of a file: it makes a contact, or adds to one, and the second time it changes nothing.
    Import {
        /// What it says.
        row: Row,
        /// What the file is called, such as `crm`: it stands beside whoever imports it.
        source: String,
        /// Only say what it would do.
        #[serde(default)]
        dry_run: bool,
    },
    /// Take up a line of a file of whole records: the second time it changes nothing.
    Restore {
        /// What it says.
        piece: Box<Piece>,
        /// What the file is called.
        source: String,
        /// Only say what it would do.
        #[serde(default)]
        dry_run: bool,
    },
    /// Say under which contact a person goes. Changes nothing.
    Find {
        /// Who.
        who: Who,
    },
    /// Say fields of a contact, or take them away.
    Edit {
        /// Whose.
        who: Who,
        /// The version that was seen; not checked when nothing.
        #[serde(default)]
        expects: Option<u64>,
        /// By name.
        fields: BTreeMap<String, Option<String>>,
        /// Who says so.
        #[serde(default)]
        source: Source,
        /// By which channel.
        #[serde(default)]
        channel: Option<Channel>,
    },
    /// Give a contact an identity that nobody else has.
    Link {
        /// Whom.
        who: Who,
        /// Which.
        identity: Identity<String>,
    },
    /// Take it away again.
    Unlink {
        /// From whom.
        who: Who,
        /// Which.
        identity: Identity<String>,
    },
    /// Say that several people share an identity.
    Share {
        /// Which.
        identity: Identity<String>,
        /// Why.
        sharing: Sharing,
    },
    /// Say that it is one person's after all.
    Unshare {
        /// Which.
        identity: Identity<String>,
        /// Whose.
        who: Who,
    },
    /// Say that two contacts may be one person.
    Suggest {
        /// One.
        a: Who,
        /// The other.
        b: Who,
        /// Why.
        evidence: BTreeSet<Evidence>,
    },
    /// Say that they are two; to accept is to merge.
    Refuse {
        /// One.
        a: Who,
        /// The other.
        b: Who,
    },
    /// Make one person of two contacts.
    Merge {
        /// Under whose name it goes on.
        kept: Who,
        /// Who is the same person.
        gone: Who,
    },
    /// Take back the merge by which a contact became part of another.
    Unmerge {
        /// The contact that was merged into another.
        gone: ContactId,
    },
    /// Open a case.
    OpenCase {
        /// Whose.
        who: Who,
        /// What it is about.
        #[serde(default)]
        title: Option<String>,
        /// What belongs to it.
        #[serde(default)]
        moments: Vec<Ref>,
    },
    /// Add to a case.
    LinkCase {
        /// Which.
        case: CaseId,
        /// What.
        moments: Vec<Ref>,
    },
    /// Take out of a case.
    UnlinkCase {
        /// Which.
        case: CaseId,
        /// What.
        moments: Vec<Ref>,
    },
    /// Make a part of a case a case of its own.
    SplitCase {
        /// Which.
        case: CaseId,
        /// What the new one is about.
        #[serde(default)]
        title: Option<String>,
        /// What goes with it.
        moments: Vec<Ref>,
    },
    /// Let a case go up in another.
    MergeCases {
        /// The one that stays.
        kept: CaseId,
        /// The one that does not.
        gone: CaseId,
    },
    /// Say fields of a case, or take them away.
    EditCase {
        /// Which.
        case: CaseId,
        /// By name.
        fields: BTreeMap<String, Option<String>>,
    },
    /// Close a case, or open it again.
    CloseCase {
        /// Which.
        case: CaseId,
        /// Closed, or not.
        closed: bool,
    },
    /// Write a note.
    Note {
        /// On whom.
        who: Who,
        /// For which case.
        #[serde(default)]
        case: Option<CaseId>,
        /// What it says.
        text: String,
    },
    /// Say how something came out.
    Dispose {
        /// With whom.
        who: Who,
        /// For which case.
        #[serde(default)]
        case: Option<CaseId>,
        /// Of which call.
        #[serde(default)]
        call: Option<CallId>,
        /// The site's code.
        code: String,
        /// What the code requires, and more.
        #[serde(default)]
        fields: BTreeMap<String, String>,
    },
    /// Put a tag on, or take it off.
    Tag {
        /// On whom.
        who: Who,
        /// Which.
        tag: String,
        /// On, or off.
        on: bool,
    },
    /// Pin a fact.
    Pin {
        /// To whom.
        who: Who,
        /// What.
        fact: String,
        /// Who says so.
        #[serde(default)]
        source: Source,
        /// By which channel.
        #[serde(default)]
        channel: Option<Channel>,
        /// Until when it is shown.
        #[serde(default)]
        until: Option<UnixTime>,
    },
    /// Take it off.
    Unpin {
        /// Whose.
        who: Who,
        /// Which.
        pin: PinId,
    },
    /// Note that consent was given or refused.
    Consent {
        /// By whom.
        who: Who,
        /// To this channel.
        channel: Channel,
        /// For this.
        purpose: String,
        /// Given, or refused.
        given: bool,
        /// Who says so.
        #[serde(default)]
        source: Source,
        /// By which channel that came.
        #[serde(default)]
        through: Option<Channel>,
    },
    /// Note which channel somebody prefers.
    Prefer {
        /// Who.
        who: Who,
        /// Which; none in particular when nothing.
        channel: Option<Channel>,
    },
    /// Note that somebody was identified.
    Verify {
        /// Who.
        who: Who,
        /// In which case: the level goes with it.
        #[serde(default)]
        case: Option<CaseId>,
        /// How surely, 1 to 9; 0: not any more.
        level: u8,
        /// For so many minutes; as long as the site has it when nothing.
        #[serde(default)]
        minutes: Option<u32>,
    },
    /// Put something on a timeline that came with these identities, the surest first.
    Record {
        /// By what the person is known.
        identities: Vec<Identity<String>>,
        /// Whether they came in one authenticated interaction: then those that nobody has are the same person's.
        #[serde(default)]
        together: bool,
        /// When; now when nothing.
        #[serde(default)]
        at: Option<UnixTime>,
        /// What.
        happening: Happening<String>,
    },
    /// Take up what the site's book of customers says of whoever is known by an identity. Whom it knows and the box does not
    /// becomes a contact; whom neither knows does not.
    Learn {
        /// Known by this.
        identity: Identity<String>,
        /// The contact that it was asked about, if the person was known then.
        #[serde(default)]
        asked: Option<ContactId>,
        /// What it says.
        learned: Learned<String>,
    },
    /// Take up what other branches know of a contact, or of whoever is known by an identity: who is known there and not here
    /// becomes a contact.
    Hear {
        /// Whose.
        #[serde(default)]
        contact: Option<ContactId>,
        /// Where that is not known: by what they are known.
        #[serde(default)]
        identity: Option<Identity<String>>,
        /// What they say.
        heard: Vec<Heard<String>>,
    },
    /// Let nothing of a person be erased.
    Hold {
        /// Whose.
        who: Who,
        /// Why.
        reason: String,
    },
    /// End a hold.
    Release {
        /// Whose.
        who: Who,
        /// Which.
        hold: HoldId,
    },
    /// Erase a person: every contact, key, row and recording.
    Erase {
        /// Whom.
        who: Who,
        /// By which rule of the site; at somebody's word when nothing.
        #[serde(default)]
        rule: Option<String>,
    },
}

/// What has to be looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Contacts, each with its whole person.
    pub contacts: BTreeSet<ContactId>,
    /// Identities, each with whoever has it.
    pub identities: BTreeSet<Identity<String>>,
    /// Cases, each with its person.
    pub cases: BTreeSet<CaseId>,
    /// Moments: whether they are there.
    pub moments: BTreeSet<Ref>,
    /// Times on timelines: what stands there.
    pub spots: BTreeSet<(ContactId, UnixTime)>,
    /// Whether everything is needed that goes with a person's erasure.
    pub erasure: bool,
}

impl Order {
    /// The same with every identity in the one way it is written.
    ///
    /// # Errors
    /// When one is no identity.
    pub fn normalised(
        mut self,
        full: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Order, NotAnIdentity> {
        for who in self.people() {
            if let Who::Identity(kind, value) = who {
                *value = normalise(*kind, value, full)?;
            }
        }
        let identities: Vec<&mut Identity<String>> = match &mut self {
            Order::Create { identities, .. } | Order::Record { identities, .. } => {
                identities.iter_mut().collect()
            }
            Order::Import { row, .. } => {
                row.identities.iter_mut().map(|held| &mut held.identity).collect()
            }
            Order::Restore { piece, .. } => piece.identities_mut(),
            Order::Link { identity, .. }
            | Order::Learn { identity, .. }
            | Order::Unlink { identity, .. }
            | Order::Share { identity, .. }
            | Order::Unshare { identity, .. } => vec![identity],
            _ => Vec::new(),
        };
        for identity in identities {
            identity.value = normalise(identity.kind, &identity.value, full)?;
        }
        Ok(self)
    }

    /// What has to be looked up before it can be decided.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        let mut order = self.clone();
        for who in order.people() {
            match who {
                Who::Contact(contact) => drop(needs.contacts.insert(*contact)),
                Who::Identity(kind, value) => {
                    needs.identities.insert(Identity { kind: *kind, value: value.clone() });
                }
            }
        }
        match self {
            Order::Create { identities, .. } | Order::Record { identities, .. } => {
                needs.identities.extend(identities.iter().cloned());
            }
            Order::Link { identity, .. }
            | Order::Learn { identity, .. }
            | Order::Unlink { identity, .. }
            | Order::Share { identity, .. }
            | Order::Unshare { identity, .. } => drop(needs.identities.insert(identity.clone())),
            Order::Hear { contact, identity, .. } => {
                needs.contacts.extend(contact);
                needs.identities.extend(identity.clone());
            }
            Order::Import { row, .. } => {
                needs.contacts.extend(row.contact);
                needs.identities.extend(row.stand_in());
                needs.identities.extend(row.identities.iter().map(|held| held.identity.clone()));
            }
            Order::Restore { piece, .. } => {
                needs.contacts.extend(piece.contacts());
                needs.identities.extend(piece.identities().cloned());
                needs.spots = piece.spots();
                if let Piece::Case(case) = &**piece {
                    needs.cases.insert(case.id);
                }
            }
            Order::Unmerge { gone } => drop(needs.contacts.insert(*gone)),
            Order::OpenCase { moments, .. } => needs.moments.extend(moments),
            Order::LinkCase { case, moments }
            | Order::UnlinkCase { case, moments }
            | Order::SplitCase { case, moments, .. } => {
                needs.cases.insert(*case);
                needs.moments.extend(moments);
            }
            Order::MergeCases { kept, gone } => needs.cases.extend([*kept, *gone]),
            Order::CloseCase { case, .. } | Order::EditCase { case, .. } => {
                needs.cases.insert(*case);
            }
            Order::Note { case, .. } | Order::Dispose { case, .. } | Order::Verify { case, .. } => {
                needs.cases.extend(case);
            }
            Order::Erase { .. } => needs.erasure = true,
            _ => {}
        }
        needs
    }

    /// The person that this is about: of two the first. Nobody where a row, a case or an identity says who it is.
    pub fn person(&self) -> Option<Who> {
        match self {
            Order::Unmerge { gone } => Some(Who::Contact(*gone)),
            Order::Import { .. } | Order::Restore { .. } => None,
            order => order.clone().people().into_iter().next().cloned(),
        }
    }

    fn people(&mut self) -> Vec<&mut Who> {
        match self {
            Order::Find { who }
            | Order::Edit { who, .. }
            | Order::Link { who, .. }
            | Order::Unlink { who, .. }
            | Order::Unshare { who, .. }
            | Order::OpenCase { who, .. }
            | Order::Note { who, .. }
            | Order::Dispose { who, .. }
            | Order::Tag { who, .. }
            | Order::Pin { who, .. }
            | Order::Unpin { who, .. }
            | Order::Consent { who, .. }
            | Order::Prefer { who, .. }
            | Order::Verify { who, .. }
            | Order::Hold { who, .. }
            | Order::Release { who, .. }
            | Order::Erase { who, .. } => vec![who],
            Order::Suggest { a, b, .. } | Order::Refuse { a, b } => vec![a, b],
            Order::Merge { kept, gone } => vec![kept, gone],
            Order::Create { .. }
            | Order::Import { .. }
            | Order::Restore { .. }
            | Order::Share { .. }
            | Order::Unmerge { .. }
            | Order::LinkCase { .. }
            | Order::UnlinkCase { .. }
            | Order::SplitCase { .. }
            | Order::MergeCases { .. }
            | Order::EditCase { .. }
            | Order::CloseCase { .. }
            | Order::Learn { .. }
            | Order::Hear { .. }
            | Order::Record { .. } => Vec::new(),
        }
    }
}
