//! The record of a person as the API shows it: times as everywhere in the API, identities as one text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::context::asked::Wanted;
use crate::context::{
    Caller, Case, Channel, Consent, Contact, Elsewhere, Evidence, Field, Happening, Hold, How,
    Identity, Learned, Link, Merge, Moment, Past, Pin, Ref, Said, Sharing, Source, Suggestion,
    Verified, Way,
};
use crate::id::{
    ActorId, AgentId, CallId, CaseId, ContactId, ErasureId, HoldId, MergeId, PinId, QueueId,
    RecordingId,
};
use crate::stamp::Stamp;
use crate::store::context::Proof;
use crate::store::context::finding::{Hit, What};
use crate::store::context::looking::{Dossier, Placed};
use crate::time::{UnixTime, rfc3339};

/// Who calls, as an agent is shown before the telephone is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallerCard {
    /// Under which contact the person goes; the line's own while several share it.
    pub contact: ContactId,
    /// The version of that contact.
    pub version: u64,
    /// The person's name; nobody's while the line is shared.
    pub name: Option<String>,
    /// Why several people share the line, if they do.
    pub shared: Option<Sharing>,
    /// Who uses a shared line, as far as is known.
    pub users: Vec<Named>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Pinned facts that hold.
    pub pins: Vec<String>,
    /// The channel that the person prefers.
    pub preferred: Option<Channel>,
    /// How surely the person was identified of late, 1 to 9: until that runs out nobody need ask again.
    pub verified: Option<u8>,
    /// The case that was opened last and is not closed.
    pub case: Option<CardCase>,
    /// What happened last, the newest first; five at most.
    pub last: Vec<MomentLine>,
    /// What the site's book of customers says, and how old that is. It comes later where it has to be asked first.
    #[serde(default)]
    pub crm: Option<CrmCard>,
}

/// What the site's book of customers (CRM) says of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CrmCard {
    /// Where it comes from and how old it is, in words: `from CRM, 3 h ago`.
    pub from: String,
    /// How many seconds ago it said so when the card was made.
    pub age_s: u64,
    /// What it said.
    #[serde(flatten)]
    pub learned: LearnedLine,
}

impl CrmCard {
    fn of(learned: &Learned<String>, now: UnixTime) -> CrmCard {
        let age_s = now.since(learned.at).as_secs();
        let from = format!("from CRM, {}", ago(age_s));
        CrmCard { from, age_s, learned: LearnedLine::from(learned.clone()) }
    }
}

/// How long ago, in the largest whole unit.
fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "1 day ago".to_owned(),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

impl Default for CallerCard {
    fn default() -> CallerCard {
        CallerCard {
            contact: ContactId(0),
            version: 0,
            name: None,
            shared: None,
            users: Vec::new(),
            tags: BTreeSet::new(),
            pins: Vec::new(),
            preferred: None,
            verified: None,
            case: None,
            last: Vec::new(),
            crm: None,
        }
    }
}

/// A contact and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// Which.
    pub contact: ContactId,
    /// Its name.
    pub name: Option<String>,
}

/// A case that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardCase {
    /// Which.
    pub case: CaseId,
    /// What it is about.
    pub title: Option<String>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub opened: UnixTime,
}

impl From<&Caller> for CallerCard {
    fn from(caller: &Caller) -> CallerCard {
        let named =
            |one: &crate::context::Known| Named { contact: one.contact, name: one.name.clone() };
        let open = |open: &crate::context::OpenCase| CardCase {
            case: open.case,
            title: open.title.clone(),
            opened: open.opened,
        };
        CallerCard {
            contact: caller.contact,
            version: caller.version,
            name: caller.name.clone(),
            shared: caller.shared,
            users: caller.users.iter().map(named).collect(),
            tags: caller.tags.clone(),
            pins: caller.pins.clone(),
            preferred: caller.preferred,
            verified: caller.verified,
            case: caller.case.as_ref().map(open),
            last: caller.last.iter().cloned().map(MomentLine::from).collect(),
            crm: caller.crm.as_ref().map(|crm| CrmCard::of(&crm.learned, crm.seen)),
        }
    }
}

/// Something that happened with a person. Which members there are depends on `what`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MomentLine {
    /// Where it stands, for cases; absent where nothing can be linked to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub place: Option<String>,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// `call`, `message`, `seen`, `note` or `disposition`.
    pub what: String,
    /// By whom of the branch, where somebody did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<ActorId>,
    /// For which case it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub case: Option<CaseId>,
    /// The call, or the call that a disposition is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<CallId>,
    /// Which way a call or a message went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub way: Option<Way>,
    /// The last queue that a call waited in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub queue: Option<QueueId>,
    /// Who took it from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent: Option<AgentId>,
    /// Seconds until a call was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seconds: Option<u32>,
    /// Seconds of conversation with a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub talked: Option<u32>,
    /// Why a call ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cause: Option<String>,
    /// What was recorded of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingId>,
    /// Over which channel it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<Channel>,
    /// What a message or a note says, or more of what a site saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// What a message is called where it is kept; what a site saw, in its words; the code of a disposition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The fields of a disposition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

impl MomentLine {
    fn new(what: &str, moment: &Moment<String>) -> MomentLine {
        MomentLine {
            place: None,
            at: moment.at,
            what: what.to_owned(),
            by: moment.by.clone(),
            case: moment.case,
            call: None,
            way: None,
            queue: None,
            agent: None,
            seconds: None,
            talked: None,
            cause: None,
            recordings: Vec::new(),
            channel: None,
            text: None,
            name: None,
            fields: BTreeMap::new(),
        }
    }
}

impl From<Moment<String>> for MomentLine {
    fn from(moment: Moment<String>) -> MomentLine {
        let line = |what| MomentLine::new(what, &moment);
        match moment.what.clone() {
            Happening::Call { call, way, queue, agent, seconds, talked, cause, recordings } => {
                let (call, way, cause) = (Some(call), Some(way), Some(cause));
                let (seconds, talked) = (Some(seconds), Some(talked));
                let channel = Some(Channel::Voice);
                let own = line("call");
                MomentLine {
                    call,
                    way,
                    queue,
                    agent,
                    seconds,
                    talked,
                    cause,
                    recordings,
                    channel,
                    ..own
                }
            }
            Happening::Message { channel, way, text, reference } => {
                let (channel, way) = (Some(channel), Some(way));
                MomentLine { channel, way, text, name: reference, ..line("message") }
            }
            Happening::Seen { channel, name, detail } => {
                let (channel, name) = (Some(channel), Some(name));
                MomentLine { channel, name, text: detail, ..line("seen") }
            }
            Happening::Note { text } => MomentLine { text: Some(text), ..line("note") },
            Happening::Disposition { code, call, fields } => {
                MomentLine { name: Some(code), call, fields, ..line("disposition") }
            }
        }
    }
}

impl From<Placed> for MomentLine {
    fn from(placed: Placed) -> MomentLine {
        MomentLine { place: Some(place(placed.place)), ..placed.moment.into() }
    }
}

/// A moment's place as a text, which is also where a page of a timeline goes on.
pub fn place(place: Ref) -> String {
    format!("{}-{}-{}", place.contact, place.at.0, place.seq)
}

/// Reads a place; nothing if it is none.
pub fn read_place(text: &str) -> Option<Ref> {
    let (contact, rest) = text.split_once('-')?;
    let (at, seq) = rest.split_once('-')?;
    let (contact, at) = (contact.parse().ok()?, UnixTime(at.parse().ok()?));
    Some(Ref { contact, at, seq: seq.parse().ok()? })
}

/// Something that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HitLine {
    /// Under which contact the person goes.
    pub person: ContactId,
    /// The person's name, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// What fits: `contact`, `case` or `moment`.
    pub found: String,
    /// Of a contact, what it is known by: `phone:+4930123456`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<String>,
    /// The case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub case: Option<CaseId>,
    /// What the case is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub moment: Option<MomentLine>,
}

impl From<Hit> for HitLine {
    fn from(hit: Hit) -> HitLine {
        let Hit { person, name, what } = hit;
        let line = |found: &str| HitLine {
            person,
            name,
            found: found.to_owned(),
            identities: Vec::new(),
            case: None,
            title: None,
            moment: None,
        };
        match what {
            What::Contact { identities } => {
                let text = |one: Identity<String>| format!("{}:{}", one.kind, one.value);
                let identities = identities.into_iter().map(text).collect();
                HitLine { identities, ..line("contact") }
            }
            What::Case { case, title } => HitLine { case: Some(case), title, ..line("case") },
            What::Moment { moment } => {
                HitLine { moment: Some(MomentLine::from(*moment)), ..line("moment") }
            }
        }
    }
}

/// Everything that is known of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonRecord {
    /// Under which contact the person goes.
    pub person: ContactId,
    /// Every contact of the person.
    pub contacts: Vec<ContactLine>,
    /// What makes one person of them.
    pub merges: Vec<MergeLine>,
    /// Who may be the same person.
    pub suggestions: Vec<SuggestionLine>,
    /// Cases.
    pub cases: Vec<CaseLine>,
    /// What happened last, the newest first.
    pub timeline: Vec<MomentLine>,
}

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactLine {
    /// Which.
    pub contact: ContactId,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub created: UnixTime,
    /// By whom.
    pub by: ActorId,
    /// Counts changes: who edits names the one that was seen.
    pub version: u64,
    /// Fields by name.
    pub fields: BTreeMap<String, FieldLine>,
    /// What it is known by.
    pub identities: Vec<IdentityLine>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Pinned facts.
    pub pins: Vec<PinLine>,
    /// The last word for each channel and purpose.
    pub consents: Vec<ConsentLine>,
    /// The channel that the person prefers.
    pub preferred: Option<Channel>,
    /// How surely the person was identified.
    pub verified: Option<VerifiedLine>,
    /// Legal holds.
    pub holds: Vec<HoldLine>,
    /// What the site's book of customers said when it was last asked.
    #[serde(default)]
    pub learned: Option<LearnedLine>,
    /// At which other branches the person is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<ElsewhereLine>,
    /// Branches that have erased the person and want the same done here, which it was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<WantedLine>,
}

/// Another branch wants a person erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedLine {
    /// Which branch.
    pub site: String,
    /// What the erasure is called there.
    pub erasure: String,
    /// When that was heard.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Whether somebody here has to say yes, by erasing the person, or no, by a hold; else it was refused.
    pub waits: bool,
}

/// Another branch that knows a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ElsewhereLine {
    /// Which.
    pub site: String,
    /// What it shows of fields that it does not let others have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masked: BTreeMap<String, String>,
    /// When something was heard of it last.
    #[serde(with = "rfc3339")]
    pub heard: UnixTime,
}

/// Facts that the site's book of customers gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LearnedLine {
    /// Who says so: `crm`.
    pub source: Source,
    /// Whether it knew the person.
    pub found: bool,
    /// What it calls the person.
    pub id: Option<String>,
    /// Where an agent finds more.
    pub link: Option<String>,
    /// What it said, by name.
    pub fields: BTreeMap<String, String>,
    /// When it said so.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Until when it is shown if it says nothing else.
    #[serde(with = "rfc3339")]
    pub until: UnixTime,
}

impl From<Learned<String>> for LearnedLine {
    fn from(learned: Learned<String>) -> LearnedLine {
        let Learned { found, id, link, fields, at, until } = learned;
        LearnedLine { source: Source::Crm, found, id, link, fields, at, until }
    }
}

/// What a field says, and what it said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldLine {
    /// What holds.
    pub now: SaidLine,
    /// What was said before, the newest first.
    pub before: Vec<SaidLine>,
    /// What other branches say, who did not know of what holds; also what was said here, where another branch is the later.
    /// Whoever says what is right settles it everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherLine>,
}

/// What else is said of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OtherLine {
    /// It; null where it was taken away.
    pub value: Option<String>,
    /// At which branch; absent for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub site: Option<String>,
    /// When, by the clock there.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
}

/// A value, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaidLine {
    /// It; null where it was taken away.
    pub value: Option<String>,
    /// Who said it.
    pub source: Source,
    /// Who wrote it down.
    pub by: ActorId,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// By which channel it came.
    pub channel: Option<Channel>,
}

/// What a contact is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityLine {
    /// Such as `phone:+4930123456`.
    pub identity: String,
    /// How it came here.
    pub how: How,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// By whom.
    pub by: ActorId,
}

/// A pinned fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PinLine {
    /// Which.
    pub pin: PinId,
    /// It, and where it comes from.
    pub fact: SaidLine,
    /// Until when it is shown.
    #[serde(with = "rfc3339::option")]
    pub until: Option<UnixTime>,
}

/// Consent for a channel and a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentLine {
    /// By this channel.
    pub channel: Channel,
    /// For this.
    pub purpose: String,
    /// Given, or refused.
    pub given: bool,
    /// Who said so.
    pub source: Source,
    /// Who wrote it down.
    pub by: ActorId,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// By which channel that came.
    pub through: Option<Channel>,
}

/// How surely somebody was identified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedLine {
    /// 1 to 9.
    pub level: u8,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Until when that holds.
    #[serde(with = "rfc3339")]
    pub until: UnixTime,
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldLine {
    /// Which.
    pub hold: HoldId,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: ActorId,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
}

/// Two contacts that are one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MergeLine {
    /// Which.
    pub merge: MergeId,
    /// Under whose name it goes on.
    pub kept: ContactId,
    /// Who is the same person.
    pub gone: ContactId,
    /// By whom.
    pub by: ActorId,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Why.
    pub evidence: BTreeSet<Evidence>,
}

/// Two contacts that may be one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuggestionLine {
    /// One.
    pub a: ContactId,
    /// The other.
    pub b: ContactId,
    /// Why.
    pub evidence: BTreeSet<Evidence>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Somebody has said that they are two.
    pub refused: bool,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaseLine {
    /// Which.
    pub case: CaseId,
    /// Whose.
    pub contact: ContactId,
    /// What it is about.
    pub title: Option<String>,
    /// What else is known of it, by name.
    pub fields: BTreeMap<String, String>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub opened: UnixTime,
    /// By whom.
    pub by: ActorId,
    /// Since when it is over.
    #[serde(with = "rfc3339::option")]
    pub closed: Option<UnixTime>,
    /// Places of what belongs to it.
    pub moments: Vec<String>,
    /// How surely its person was identified.
    pub verified: Option<VerifiedLine>,
    /// The case that it was split from.
    pub split_from: Option<CaseId>,
    /// The case that it went up in.
    pub merged_into: Option<CaseId>,
}

/// That somebody was erased, with nothing of whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureLine {
    /// Which.
    pub erasure: ErasureId,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// By whom.
    pub by: ActorId,
    /// By which rule; at somebody's word when null.
    pub rule: Option<String>,
    /// Which contacts; nobody's any more.
    pub contacts: Vec<ContactId>,
    /// How many identities led to them.
    pub identities: u32,
    /// How many moments were on their timelines.
    pub moments: u32,
    /// How many keys were destroyed.
    pub keys: u32,
    /// How many recordings were taken off the disk.
    pub recordings: u32,
}

impl From<Proof> for ErasureLine {
    fn from(proof: Proof) -> ErasureLine {
        let Proof { erasure, at, by, rule, contacts, identities, moments, keys, recordings } =
            proof;
        ErasureLine { erasure, at, by, rule, contacts, identities, moments, keys, recordings }
    }
}

impl From<Dossier> for PersonRecord {
    fn from(dossier: Dossier) -> PersonRecord {
        let merge = |merge: Merge| {
            let Merge { id, kept, gone, by, at, evidence } = merge;
            MergeLine { merge: id, kept, gone, by, at, evidence }
        };
        let suggestion = |one: Suggestion| {
            let Suggestion { a, b, evidence, at, refused } = one;
            SuggestionLine { a, b, evidence, at, refused }
        };
        PersonRecord {
            person: dossier.person,
            contacts: dossier.contacts.into_iter().map(ContactLine::from).collect(),
            merges: dossier.merges.into_iter().map(merge).collect(),
            suggestions: dossier.suggestions.into_iter().map(suggestion).collect(),
            cases: dossier.cases.into_iter().map(CaseLine::from).collect(),
            timeline: dossier.timeline.into_iter().map(MomentLine::from).collect(),
        }
    }
}

impl From<Contact<String>> for ContactLine {
    fn from(contact: Contact<String>) -> ContactLine {
        let said = |value, said: Said| {
            let Said { source, by, at, channel } = said;
            SaidLine { value, source, by, at, channel }
        };
        let past = |past: Past<String>| said(past.value, past.said);
        let others = |name: &str| {
            let other = |(site, stamp, value): (Option<&str>, Stamp, Option<&String>)| OtherLine {
                value: value.cloned(),
                site: site.map(str::to_owned),
                at: UnixTime(stamp.wall),
            };
            contact.conflicts(name).into_iter().map(other).collect::<Vec<_>>()
        };
        let others: BTreeMap<_, _> =
            contact.fields.keys().map(|name| (name.clone(), others(name))).collect();
        let field = |(name, field): (String, Field<String>)| {
            let others = others.get(&name).cloned().unwrap_or_default();
            let before = field.before.into_iter().map(past).collect();
            (name, FieldLine { now: past(field.now), before, others })
        };
        let elsewhere = |one: Elsewhere<String>| ElsewhereLine {
            site: one.site,
            masked: one.masked,
            heard: one.heard,
        };
        let wanted = |one: Wanted| WantedLine {
            site: one.asked.site,
            erasure: one.asked.erasure,
            at: one.at,
            waits: one.waits,
        };
        let identity = |link: Link<String>| IdentityLine {
            identity: format!("{}:{}", link.identity.kind, link.identity.value),
            how: link.how,
            at: link.at,
            by: link.by,
        };
        let pin = |pin: Pin<String>| PinLine {
            pin: pin.id,
            fact: said(Some(pin.fact), pin.said),
            until: pin.until,
        };
        let hold = |hold: Hold<String>| HoldLine {
            hold: hold.id,
            reason: hold.reason,
            by: hold.by,
            at: hold.at,
        };
        ContactLine {
            contact: contact.id,
            created: contact.created,
            by: contact.by,
            version: contact.version,
            fields: contact.fields.into_iter().map(field).collect(),
            identities: contact.identities.into_iter().map(identity).collect(),
            tags: contact.tags,
            pins: contact.pins.into_iter().map(pin).collect(),
            consents: contact.consents.into_iter().map(ConsentLine::from).collect(),
            preferred: contact.preferred,
            verified: contact.verified.map(VerifiedLine::from),
            holds: contact.holds.into_iter().map(hold).collect(),
            learned: contact.learned.map(LearnedLine::from),
            elsewhere: contact.elsewhere.into_iter().map(elsewhere).collect(),
            wanted: contact.wanted.into_iter().map(wanted).collect(),
        }
    }
}

impl From<Consent> for ConsentLine {
    fn from(consent: Consent) -> ConsentLine {
        let Consent { channel, purpose, given, said } = consent;
        let Said { source, by, at, channel: through } = said;
        ConsentLine { channel, purpose, given, source, by, at, through }
    }
}

impl From<Verified> for VerifiedLine {
    fn from(verified: Verified) -> VerifiedLine {
        VerifiedLine { level: verified.level, at: verified.at, until: verified.until }
    }
}

impl From<Case<String>> for CaseLine {
    fn from(case: Case<String>) -> CaseLine {
        CaseLine {
            case: case.id,
            contact: case.contact,
            title: case.title,
            fields: case.fields,
            opened: case.opened,
            by: case.by,
            closed: case.closed,
            moments: case.moments.into_iter().map(place).collect(),
            verified: case.verified.map(VerifiedLine::from),
            split_from: case.split_from,
            merged_into: case.merged_into,
        }
    }
}
