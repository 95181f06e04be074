//! One contact, and how each change alters it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Channel;
use super::asked::Wanted;
use super::change::{Change, Whose};
use super::elsewhere::{Elsewhere, map_fields};
use super::identity::{How, Identity};
use super::shared::Shared;
use crate::id::{ActorId, ContactId, HoldId, PinId};
use crate::stamp::Stamp;
use crate::time::UnixTime;

/// Earlier values of a field that are shown with it; all of them are in the journal.
pub(super) const MOST_PAST: usize = 10;
/// Other branches whose wish to have a person erased is shown: more say nothing more.
const MOST_WANTED: usize = 16;

/// Who said something about a person.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The person, of their own.
    Customer,
    /// Somebody of the branch.
    #[default]
    Agent,
    /// A file or another system.
    Import,
    /// A rule of the box.
    Rule,
    /// The site's book of customers, when it was asked.
    Crm,
    /// Another branch.
    Branch,
}

/// Where a piece of knowledge comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who said it.
    pub source: Source,
    /// Who wrote it down.
    pub by: ActorId,
    /// When.
    pub at: UnixTime,
    /// By which channel it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past<P> {
    /// The value; nothing: it was taken away.
    pub value: Option<P>,
    /// Where it comes from.
    pub said: Said,
}

/// A field: what holds, and what was said before, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field<P> {
    /// What holds.
    #[serde(flatten)]
    pub now: Past<P>,
    /// What was said before.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Past<P>>,
}

/// An identity of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link<P> {
    /// Which.
    #[serde(flatten)]
    pub identity: Identity<P>,
    /// How it came here.
    pub how: How,
    /// When.
    pub at: UnixTime,
    /// By whom.
    pub by: ActorId,
}

/// A fact that is shown before all else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin<P> {
    /// Names it.
    pub id: PinId,
    /// The fact.
    pub fact: P,
    /// Where it comes from.
    pub said: Said,
    /// Until when it is shown; for ever when nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
}

/// Whether a person may be reached by a channel for a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// By this channel.
    pub channel: Channel,
    /// For this purpose, such as `offers`.
    pub purpose: String,
    /// Given, or refused.
    pub given: bool,
    /// Where it comes from.
    pub said: Said,
}

/// How surely a person was identified, and until when that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The level, 1 to 9; what each means is the site's business.
    pub level: u8,
    /// When.
    pub at: UnixTime,
    /// Until then nobody need ask again.
    pub until: UnixTime,
}

impl Verified {
    /// The level that holds at a time.
    pub fn level_at(self, at: UnixTime) -> Option<u8> {
        (self.at <= at && at < self.until).then_some(self.level)
    }
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold<P> {
    /// Names it.
    pub id: HoldId,
    /// Why.
    pub reason: P,
    /// By whom.
    pub by: ActorId,
    /// Since when.
    pub at: UnixTime,
}

/// What the site's book of customers said of a person when it was last asked: as it said it, and as old as that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned<P> {
    /// Whether it knew the person.
    pub found: bool,
    /// What it calls the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<P>,
    /// Where an agent finds more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<P>,
    /// What it said, by name.
    pub fields: BTreeMap<String, P>,
    /// When it said so.
    pub at: UnixTime,
    /// Until when it is shown.
    pub until: UnixTime,
}

impl<P> Learned<P> {
    /// The same with its texts turned into something else.
    pub fn map<Q>(self, whose: Whose, to: &mut dyn FnMut(Whose, P) -> Q) -> Learned<Q> {
        let Learned { found, id, link, fields, at, until } = self;
        let fields = fields.into_iter().map(|(name, text)| (name, to(whose, text))).collect();
        let id = id.map(|id| to(whose, id));
        Learned { found, id, link: link.map(|link| to(whose, link)), fields, at, until }
    }
}

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact<P> {
    /// Names it.
    pub id: ContactId,
    /// Since when.
    pub created: UnixTime,
    /// By whom.
    pub by: ActorId,
    /// Counts changes: who edits says which one was seen.
    pub version: u64,
    /// By name.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Field<P>>,
    /// What it is known by.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Link<P>>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Pinned facts.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin<P>>,
    /// The last word for each channel and purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Consent>,
    /// The channel that the person prefers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Channel>,
    /// How surely the person was identified, apart from any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// Legal holds.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold<P>>,
    /// What the site's book of customers said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned<P>>,
    /// Fields as several sites share them, by name: what is shown, and what else was said at the same time.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<String, Shared<Option<P>>>,
    /// Where else the person is known.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Elsewhere<P>>,
    /// When other branches were told of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carded: Option<Stamp>,
    /// Other branches that want the person erased, who are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<Wanted>,
}

impl<P> Contact<P> {
    /// One of which nothing is known yet.
    pub fn new(id: ContactId, at: UnixTime, by: ActorId) -> Self {
        Contact {
            id,
            created: at,
            by,
            version: 1,
            fields: BTreeMap::new(),
            identities: Vec::new(),
            tags: BTreeSet::new(),
            pins: Vec::new(),
            consents: Vec::new(),
            preferred: None,
            verified: None,
            holds: Vec::new(),
            learned: None,
            shared: BTreeMap::new(),
            elsewhere: Vec::new(),
            carded: None,
            wanted: Vec::new(),
        }
    }

    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(Whose, P) -> Q) -> Contact<Q> {
        let whose = Whose::Contact(self.id);
        let past = |past: Past<P>, to: &mut dyn FnMut(Whose, P) -> Q| Past {
            value: past.value.map(|value| to(whose, value)),
            said: past.said,
        };
        let mut fields = BTreeMap::new();
        for (name, field) in self.fields {
            let now = past(field.now, to);
            let before = field.before.into_iter().map(|earlier| past(earlier, to)).collect();
            fields.insert(name, Field { now, before });
        }
        let link = |link: Link<P>, to: &mut dyn FnMut(Whose, P) -> Q| Link {
            identity: link.identity.map(to),
            how: link.how,
            at: link.at,
            by: link.by,
        };
        Contact {
            id: self.id,
            created: self.created,
            by: self.by,
            version: self.version,
            fields,
            identities: self.identities.into_iter().map(|one| link(one, to)).collect(),
            tags: self.tags,
            pins: self.pins.into_iter().map(|pin| pin.map(whose, to)).collect(),
            consents: self.consents,
            preferred: self.preferred,
            verified: self.verified,
            holds: self.holds.into_iter().map(|hold| hold.map(whose, to)).collect(),
            learned: self.learned.map(|learned| learned.map(whose, to)),
            shared: map_fields(self.shared, whose, to),
            elsewhere: self.elsewhere.into_iter().map(|one| one.map(whose, to)).collect(),
            carded: self.carded,
            wanted: self.wanted,
        }
    }
}

impl<P: Clone + PartialEq> Contact<P> {
    /// Takes up a change that is about this contact's own row; answers whether it was one.
    pub fn apply(&mut self, at: UnixTime, by: &ActorId, change: &Change<P>) -> bool {
        match change {
            // Nobody has changed anything: who edits meanwhile has seen the version that there is.
            Change::Learned { learned, .. } => {
                self.learned = Some(learned.clone());
                return true;
            }
            // What is said beside it counts the version.
            Change::Carded { card, .. } => {
                self.take_card(card);
                return true;
            }
            Change::Heard { heard, .. } => {
                self.hear(at, heard);
                return true;
            }
            Change::Confirmed { asked, done, waits, .. } => {
                self.wanted.retain(|one| one.asked != *asked);
                if !done && self.wanted.len() < MOST_WANTED {
                    self.wanted.push(Wanted { asked: asked.clone(), at, waits: *waits });
                }
                return true;
            }
            Change::Field { name, value, source, channel, .. } => {
                let said = Said { source: *source, by: by.clone(), at, channel: *channel };
                self.say(name, Past { value: value.clone(), said });
            }
            Change::Tagged { tag, on: true, .. } => drop(self.tags.insert(tag.clone())),
            Change::Tagged { tag, on: false, .. } => drop(self.tags.remove(tag)),
            Change::Pinned { pin, fact, source, channel, until, .. } => {
                let said = Said { source: *source, by: by.clone(), at, channel: *channel };
                self.pins.retain(|known| known.id != *pin);
                self.pins.push(Pin { id: *pin, fact: fact.clone(), said, until: *until });
            }
            Change::Unpinned { pin, .. } => self.pins.retain(|known| known.id != *pin),
            Change::Consented { channel, purpose, given, source, through, .. } => {
                self.consents.retain(|c| c.channel != *channel || c.purpose != *purpose);
                let said = Said { source: *source, by: by.clone(), at, channel: *through };
                let (channel, purpose, given) = (*channel, purpose.clone(), *given);
                self.consents.push(Consent { channel, purpose, given, said });
            }
            Change::Preferred { channel, .. } => self.preferred = *channel,
            Change::Verified { level, until, .. } => {
                self.verified = Some(Verified { level: *level, at, until: *until });
            }
            Change::Held { hold, reason, .. } => {
                let (reason, by) = (reason.clone(), by.clone());
                self.holds.push(Hold { id: *hold, reason, by, at });
            }
            Change::Released { hold, .. } => self.holds.retain(|known| known.id != *hold),
            _ => return false,
        }
        self.version += 1;
        true
    }

    /// Adds an identity; one that is there already changes nothing.
    pub fn link(&mut self, link: Link<P>) {
        self.identities.push(link);
        self.version += 1;
    }

    pub(super) fn say(&mut self, name: &str, now: Past<P>) {
        match self.fields.get_mut(name) {
            Some(field) => {
                let before = std::mem::replace(&mut field.now, now);
                field.before.insert(0, before);
                field.before.truncate(MOST_PAST);
            }
            None => {
                self.fields.insert(name.to_owned(), Field { now, before: Vec::new() });
            }
        }
    }
}

impl<P> Contact<P> {
    /// What a field says.
    pub fn field(&self, name: &str) -> Option<&P> {
        self.fields.get(name).and_then(|field| field.now.value.as_ref())
    }
}

impl<P> Pin<P> {
    pub(super) fn map<Q>(self, whose: Whose, to: &mut dyn FnMut(Whose, P) -> Q) -> Pin<Q> {
        let Pin { id, fact, said, until } = self;
        Pin { id, fact: to(whose, fact), said, until }
    }
}

impl<P> Hold<P> {
    pub(super) fn map<Q>(self, whose: Whose, to: &mut dyn FnMut(Whose, P) -> Q) -> Hold<Q> {
        let Hold { id, reason, by, at } = self;
        Hold { id, reason: to(whose, reason), by, at }
    }
}
