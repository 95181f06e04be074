//! Looking people up: at the ring, before something is decided, and to tell everything there is.
//!
//! Reads rows and nothing else; texts come out in clear, read with the keys that are given.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::filing::Record;
use super::finding::{Hits, Search};
use super::keeping::{Ages, Cursor, Old};
use super::{
    CASES, CONTACTS, PROOFS, Proof, case_key, cases_of, contact_key, get, identity_key, merge_key,
    merged_into, moment, moment_key, moment_ref, moments_of, proof, second_number, suggestions_of,
};
use crate::context::{
    Caller, Case, Channel, Contact, Edge, FromCrm, Happening, Identity, Kind, Known, Line, Merge,
    Moment, Needs, OpenCase, Person, RECORDING, Ref, SURVEY, Suggestion, View, Who, Whose,
};
use crate::id::{CallId, CaseId, ChannelId, ContactId, ConversationId, MessageId, RecordingId};
use crate::journal::context::{contact_subject, detail_name, identity_subject, read};
use crate::journal::event::{CallRecord, Direction};
use crate::journal::personal::{Personal, Reads, Subject};
use crate::journey::daily::{Matches, Of};
use crate::messaging::{Fingerprint, Message, Owner, State};
use crate::store::messages::looking::{After, Filter, Page, Talk, Viewer};
use crate::store::{META_KEY, Meta, Rows, call_key};
use crate::time::UnixTime;

/// Moments that are shown at the ring: what an agent reads in two seconds.
const LAST: usize = 5;
/// Contacts of one person that are looked at: merging keeps to fewer.
const MOST_CONTACTS: usize = 256;
/// Users of a shared line that are named at the ring.
const MOST_USERS: usize = 10;

/// Rows, with the keys to read them.
#[derive(Clone, Copy)]
pub struct Eyes<'a> {
    /// The rows.
    pub rows: &'a dyn Rows,
    /// The keys.
    pub keys: &'a dyn Reads,
}

impl std::fmt::Debug for Eyes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Eyes")
    }
}

/// A moment and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Where.
    pub place: Ref,
    /// It.
    #[serde(flatten)]
    pub moment: Moment<String>,
}

/// Everything that is known of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// Under which contact the person goes.
    pub person: ContactId,
    /// Every contact.
    pub contacts: Vec<Contact<String>>,
    /// What makes one person of them.
    pub merges: Vec<Merge>,
    /// Who may be the same person.
    pub suggestions: Vec<Suggestion>,
    /// Which of the identities several people share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Line>,
    /// Cases.
    pub cases: Vec<Case<String>>,
    /// What happened, the newest first.
    pub timeline: Vec<Placed>,
}

/// How a person stands, as far as rules ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    /// Under which contact the person goes; the line's own while it is shared.
    pub contact: ContactId,
    /// The zone that is said to be theirs: the field `time_zone`.
    pub zone: Option<String>,
    /// The last word on each channel and purpose.
    pub consents: BTreeMap<(Channel, String), bool>,
    /// Cases of theirs that are open.
    pub open_cases: BTreeSet<CaseId>,
    /// By what they are known.
    pub identities: Vec<Identity<String>>,
}

/// Who writes, or is written to, and what is known of what they say: all that the ledger asks before it takes something in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Writer {
    /// Which of the keys were there before.
    pub seen: Vec<Fingerprint>,
    /// Whose the address is; nothing if nobody is known by it.
    pub contact: Option<ContactId>,
    /// The conversation that goes on with them this way, also one that is over and may be opened again, and who answers in
    /// it.
    pub conversation: Option<(ConversationId, Owner)>,
    /// Which messages the references name.
    pub named: Vec<Named>,
}

/// A message that a channel has a name for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What the channel calls it, or one part of it.
    pub reference: String,
    /// Which it is.
    pub message: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// How it stands.
    pub state: State,
}

/// What an erasure destroys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doomed {
    /// Whose keys.
    pub subjects: BTreeSet<Subject>,
    /// Which recordings.
    pub recordings: BTreeSet<RecordingId>,
}

/// What somebody wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Who calls.
    Caller(Identity<String>),
    /// The same of somebody who is known by more than the number.
    Known(ContactId),
    /// What a decision needs.
    View(Needs),
    /// How somebody stands at this moment.
    Stands(Who),
    /// Who writes or is written to by a channel, and what is known of what they say.
    Writer {
        /// By which address; nothing where only messages are named.
        address: Option<Identity<String>>,
        /// By what the channel keeps it together: a mail's thread, a chat's session.
        thread: Option<String>,
        /// Which channel.
        channel: ChannelId,
        /// Of what it calls what arrived.
        keys: Vec<Fingerprint>,
        /// What it calls messages.
        references: Vec<String>,
    },
    /// A message as it stands: what was to be sent, after a restart.
    Message(MessageId),
    /// Messages that stand like this, the one that came to last first, from behind one on, so many at most.
    Messages(State, Option<(UnixTime, MessageId)>, usize),
    /// A message, a conversation, or messages that stand alike, as far as an agent may see them.
    Seen(Box<Viewer>, Box<Question>),
    /// Conversations, the one in which something was written last first, from behind one on, so many at most.
    Conversations(Filter, Option<After>, usize),
    /// A conversation and its messages, the newest first, from behind one on, so many at most.
    Conversation(ConversationId, Option<MessageId>, usize),
    /// Everything of a person, with so many moments at most.
    Dossier(Who, usize),
    /// People, of the contacts behind one, so many at most.
    People(Option<ContactId>, usize),
    /// Whole records, of the contacts behind one, so many at most.
    Records(Option<ContactId>, usize),
    /// People with a date in a field, of their own or of an open case's, of the rows behind the one with this number, so many
    /// looked at at most.
    Dated(Matches, Option<u64>, usize),
    /// What happened with a person, from behind a moment on, so many at most.
    Timeline(Who, Option<Ref>, usize),
    /// Who and what fits some words; asked of whoever keeps an index, not of rows.
    Search(Search),
    /// Erasures that were.
    Proofs(usize),
    /// Whose records are held, of whoever is known by these.
    Held {
        /// They.
        whom: BTreeSet<Identity<String>>,
        /// Whoever has one of these tags is held.
        tags: BTreeSet<String>,
    },
    /// What was kept for long enough.
    Old {
        /// How far somebody has looked.
        from: Cursor,
        /// So many contacts, and as many calls, are looked at.
        limit: usize,
        /// How old what may be.
        ages: Ages,
    },
}

/// What the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Who calls; nothing if nobody knows.
    Caller(Option<Box<Caller>>),
    /// What a decision needs; and what an erasure of those contacts destroys, if it is about one.
    View(Box<View>, Doomed),
    /// How somebody stands; nothing if nobody is known by that.
    Stands(Option<Box<Stands>>),
    /// Who writes.
    Writer(Box<Writer>),
    /// A message; nothing if there is none, or whoever it is about was erased.
    Message(Option<Box<Message<String>>>),
    /// Messages, the one that came to stand so last first.
    Messages(Vec<Message<String>>),
    /// Conversations, and behind which to go on; nothing at the end.
    Conversations(Vec<Talk>, Option<After>),
    /// A conversation; nothing if there is none.
    Conversation(Option<Box<Page>>),
    /// Everything of a person; nothing if there is none.
    Dossier(Option<Box<Dossier>>),
    /// People, and behind which contact to go on; nothing at the end.
    People(Vec<Person>, Option<ContactId>),
    /// Whole records, and behind which contact to go on; nothing at the end.
    Records(Vec<Record>, Option<ContactId>),
    /// People with that date, and the case that has it; and behind which row to go on, nothing at the end.
    Dated(Vec<(ContactId, Option<CaseId>)>, Option<u64>),
    /// What happened with a person; nothing if there is none.
    Timeline(Option<Vec<Placed>>),
    /// Who and what fits some words.
    Found(Hits),
    /// Erasures that were.
    Proofs(Vec<Proof>),
    /// Who is held.
    Held(BTreeSet<Identity<String>>),
    /// What was kept for long enough.
    Old(Old),
    /// The store cannot answer yet.
    NotReady,
}

impl Eyes<'_> {
    /// Answers a question.
    pub fn answer(&self, now: UnixTime, question: &Question) -> Answer {
        match question {
            Question::Caller(identity) => Answer::Caller(self.caller(identity, now).map(Box::new)),
            Question::Known(contact) => {
                Answer::Caller(self.card(&alone(*contact), now).map(Box::new))
            }
            Question::View(needs) => {
                let view = self.view(needs);
                let contacts = view.contacts.keys().copied().collect();
                let doomed = if needs.erasure { self.doomed(&contacts) } else { Doomed::default() };
                Answer::View(Box::new(view), doomed)
            }
            Question::Stands(who) => {
                let found = self.named(who).and_then(|contact| self.stands(contact));
                Answer::Stands(found.map(Box::new))
            }
            Question::Writer { address, thread, channel, keys, references } => {
                let by = (channel, address.as_ref(), thread.as_deref());
                Answer::Writer(Box::new(self.writer(now, by, keys, references)))
            }
            Question::Seen(viewer, question) => match self.answer(now, question) {
                Answer::Message(Some(message)) if !self.is_seen(viewer, &message) => {
                    Answer::Message(None)
                }
                Answer::Conversation(Some(page)) if !viewer.sees(&page.conversation) => {
                    Answer::Conversation(None)
                }
                Answer::Messages(mut messages) => {
                    messages.retain(|message| self.is_seen(viewer, message));
                    Answer::Messages(messages)
                }
                answer => answer,
            },
            Question::Message(message) => Answer::Message(self.message(*message).map(Box::new)),
            Question::Messages(state, after, limit) => {
                Answer::Messages(self.messages_standing(*state, *after, *limit))
            }
            Question::Conversations(filter, after, limit) => {
                let (talks, next) = self.conversations(filter, *after, *limit);
                Answer::Conversations(talks, next)
            }
            Question::Conversation(conversation, after, limit) => {
                let page = self.conversation(*conversation, *after, *limit);
                Answer::Conversation(page.map(Box::new))
            }
            Question::Dossier(who, moments) => {
                let contact = self.named(who);
                let found = contact.and_then(|contact| self.dossier(contact, *moments));
                Answer::Dossier(found.map(Box::new))
            }
            Question::People(after, limit) => {
                let (people, next) = self.people(*after, *limit);
                Answer::People(people, next)
            }
            Question::Records(after, limit) => {
                let (records, next) = self.records(*after, *limit);
                Answer::Records(records, next)
            }
            Question::Dated(matches, after, limit) => {
                let (people, next) = match matches.of {
                    Of::Contact => self.dated(matches, *after, *limit),
                    Of::Case => self.dated_cases(matches, *after, *limit),
                };
                Answer::Dated(people, next)
            }
            Question::Timeline(who, after, limit) => {
                let found = self.named(who).filter(|contact| self.contact(*contact).is_some());
                let members = found.map(|contact| self.person(contact).1);
                Answer::Timeline(members.map(|all| self.timeline(&all, *after, *limit)))
            }
            Question::Search(_) => Answer::NotReady,
            Question::Proofs(limit) => Answer::Proofs(self.proofs(*limit)),
            Question::Held { whom, tags } => Answer::Held(self.held(whom, tags)),
            Question::Old { from, limit, ages } => Answer::Old(self.old(*from, *limit, ages)),
        }
    }

    /// The contact that somebody means.
    fn named(&self, who: &Who) -> Option<ContactId> {
        match who {
            Who::Contact(contact) => Some(*contact),
            Who::Identity(kind, value) => {
                let identity = Identity { kind: *kind, value: value.clone() };
                self.edge(&identity).map(|edge| edge.owner)
            }
        }
    }

    /// The last journal record that the rows reflect.
    pub fn position(&self) -> u64 {
        let row = self.rows.get(META_KEY);
        row.and_then(|row| Meta::decode(&row)).unwrap_or_default().position
    }

    /// Who calls.
    pub fn caller(&self, identity: &Identity<String>, now: UnixTime) -> Option<Caller> {
        self.card(&self.edge(identity)?, now)
    }

    fn card(&self, edge: &Edge, now: UnixTime) -> Option<Caller> {
        let (parents, members) = self.person(edge.owner);
        let root = crate::context::root(&parents, edge.owner);
        let contacts: BTreeMap<_, _> =
            members.iter().filter_map(|id| Some((*id, self.contact(*id)?))).collect();
        let first = contacts.get(&root)?;
        let cases = self.cases(&members);
        let verified = contacts.values().filter_map(|contact| contact.verified);
        let in_cases = cases.iter().filter(|case| case.is_open()).filter_map(|case| case.verified);
        let open = cases.iter().filter(|case| case.is_open()).max_by_key(|case| case.opened);
        let holds = |until: Option<UnixTime>| until.is_none_or(|until| now < until);
        let pins = contacts.values().flat_map(|contact| &contact.pins);
        let learned = contacts.values().filter_map(|contact| contact.learned.as_ref());
        let learned = learned.max_by_key(|learned| learned.at).cloned();
        let own = name(&contacts, root);
        let named = || learned.as_ref()?.fields.get("name").cloned();
        let language = contacts.values().find_map(|contact| contact.field("language")).cloned();
        let language = language.or_else(|| learned.as_ref()?.fields.get("language").cloned());
        Some(Caller {
            contact: root,
            version: first.version,
            name: own.or_else(named).filter(|_| edge.sharing.is_none()),
            identities: match edge.sharing {
                None => self.own_identities(&contacts),
                Some(_) => Vec::new(),
            },
            shared: edge.sharing,
            users: edge.users.iter().take(MOST_USERS).map(|user| self.known(*user)).collect(),
            tags: contacts.values().flat_map(|contact| contact.tags.clone()).collect(),
            pins: pins.filter(|pin| holds(pin.until)).map(|pin| pin.fact.clone()).collect(),
            preferred: first
                .preferred
                .or_else(|| contacts.values().find_map(|contact| contact.preferred)),
            no_surveys: last_word(&contacts, SURVEY) == Some(false),
            recording: last_word(&contacts, RECORDING),
            language: language.filter(|_| edge.sharing.is_none()),
            verified: verified.chain(in_cases).filter_map(|one| one.level_at(now)).max(),
            case: open.map(|case| OpenCase {
                case: case.id,
                title: case.title.clone(),
                opened: case.opened,
            }),
            last: self.timeline(&members, None, LAST).into_iter().map(|one| one.moment).collect(),
            crm: learned
                .filter(|learned| now < learned.until)
                .map(|learned| FromCrm { learned, seen: now }),
        })
    }

    /// What leads to nobody but this person.
    fn own_identities(
        &self,
        contacts: &BTreeMap<ContactId, Contact<String>>,
    ) -> Vec<Identity<String>> {
        let links = contacts.values().flat_map(|contact| &contact.identities);
        let own = links.filter(|link| {
            let edge = self.edge(&link.identity);
            edge.is_some_and(|edge| edge.sharing.is_none())
        });
        own.map(|link| link.identity.clone()).collect()
    }

    /// How the person that a contact belongs to stands.
    fn stands(&self, contact: ContactId) -> Option<Stands> {
        let (parents, members) = self.person(contact);
        let root = crate::context::root(&parents, contact);
        let contacts: BTreeMap<_, _> =
            members.iter().filter_map(|id| Some((*id, self.contact(*id)?))).collect();
        let first = contacts.get(&root)?;
        let ordered = || std::iter::once(first).chain(contacts.values().filter(|c| c.id != root));
        let mut said: Vec<_> = ordered().flat_map(|contact| &contact.consents).collect();
        // The last word counts, whichever of the person's contacts it was said under.
        said.sort_by_key(|consent| consent.said.at);
        let links = ordered().flat_map(|contact| &contact.identities);
        let cases = self.cases(&members);
        let open = cases.iter().filter(|case| case.is_open());
        Some(Stands {
            contact: root,
            zone: ordered().find_map(|contact| contact.field("time_zone")).cloned(),
            consents: said
                .into_iter()
                .map(|one| ((one.channel, one.purpose.clone()), one.given))
                .collect(),
            open_cases: open.map(|case| case.id).collect(),
            identities: links.map(|link| link.identity.clone()).collect(),
        })
    }

    /// What happened with a person, the newest first, from behind `after` on.
    pub fn timeline(
        &self,
        contacts: &BTreeSet<ContactId>,
        after: Option<Ref>,
        limit: usize,
    ) -> Vec<Placed> {
        // Of each contact as many as are wanted in all: the newest may all be one's.
        let mut all: Vec<(Ref, Vec<u8>)> = Vec::new();
        for contact in contacts {
            // Of two at the same time and from the same record the higher contact comes first.
            let begin = after.map(|after| {
                let seq = if *contact < after.contact { after.seq + 1 } else { after.seq };
                moment_key(Ref { contact: *contact, at: after.at, seq })
            });
            let page = self.rows.page(&moments_of(*contact), begin.as_deref(), limit);
            all.extend(page.into_iter().filter_map(|(key, row)| Some((moment_ref(&key)?, row))));
        }
        all.sort_by_key(|(place, _)| std::cmp::Reverse((place.at, place.seq, place.contact)));
        let placed = |(place, row): (Ref, Vec<u8>)| {
            let moment = moment(&row)?;
            let moment = moment.map(Whose::Contact(place.contact), &mut |_, text| self.read(&text));
            Some(Placed { place, moment })
        };
        all.into_iter().take(limit).filter_map(placed).collect()
    }

    /// The merges of the person that a contact belongs to, and every contact of it; nothing when it is not there.
    pub fn person(&self, contact: ContactId) -> (BTreeMap<ContactId, Merge>, BTreeSet<ContactId>) {
        let mut parents = BTreeMap::new();
        let mut at = contact;
        while parents.len() < MOST_CONTACTS
            && let Some(merge) = get::<Merge>(self.rows, &merge_key(at))
        {
            let kept = merge.kept;
            parents.insert(at, merge);
            at = kept;
        }
        let mut members = BTreeSet::from([at]);
        let mut open = vec![at];
        while let Some(kept) = open.pop() {
            for key in self.rows.keys(&merged_into(kept)) {
                let Some(gone) = second_number(&key).map(ContactId) else { continue };
                let Some(merge) = get::<Merge>(self.rows, &merge_key(gone)) else { continue };
                if members.len() < MOST_CONTACTS && members.insert(gone) {
                    parents.insert(gone, merge);
                    open.push(gone);
                }
            }
        }
        (parents, members)
    }

    /// To whom an identity leads.
    pub fn edge(&self, identity: &Identity<String>) -> Option<Edge> {
        let subject = identity_subject(self.keys, identity);
        get(self.rows, &identity_key(identity.kind, &subject))
    }

    /// One contact.
    pub fn contact(&self, contact: ContactId) -> Option<Contact<String>> {
        let row = get::<Contact<Personal>>(self.rows, &contact_key(contact))?;
        Some(row.map(&mut |_, text| self.read(&text)))
    }

    /// One case.
    pub fn case(&self, case: CaseId) -> Option<Case<String>> {
        let row = get::<Case<Personal>>(self.rows, &case_key(case))?;
        Some(row.map(&mut |_, text| self.read(&text)))
    }

    /// People, of the contacts behind one, so many at most; and behind which to go on, nothing at the end. Contacts that
    /// stand for a line are nobody.
    pub fn people(
        &self,
        after: Option<ContactId>,
        limit: usize,
    ) -> (Vec<Person>, Option<ContactId>) {
        let page = self.rows.page(CONTACTS, after.map(contact_key).as_deref(), limit);
        let ids = page.iter().filter_map(|(_, row)| super::contact(row)).map(|contact| contact.id);
        let ids: Vec<_> = ids.collect();
        let next = ids.last().copied().filter(|_| page.len() == limit);
        let first = ids.into_iter().filter(|id| self.rows.get(&merge_key(*id)).is_none());
        (first.filter_map(|id| self.one_of_all(id)).collect(), next)
    }

    /// People with a date in a field of one of their contacts, of the contacts behind one.
    fn dated(
        &self,
        matches: &Matches,
        after: Option<u64>,
        limit: usize,
    ) -> (Vec<(ContactId, Option<CaseId>)>, Option<u64>) {
        let after = after.map(|after| contact_key(ContactId(after)));
        let page = self.rows.page(CONTACTS, after.as_deref(), limit);
        let contacts: Vec<_> = page.iter().filter_map(|(_, row)| super::contact(row)).collect();
        let next = contacts.last().map(|contact| contact.id.0).filter(|_| page.len() == limit);
        let value = |contact: &Contact<Personal>| {
            contact.fields.get(&matches.field).and_then(|field| field.now.value.clone())
        };
        let having = contacts.iter().filter(|contact| self.holds(matches, value(contact).as_ref()));
        let mut people: Vec<_> = having.map(|contact| (self.root_of(contact.id), None)).collect();
        people.sort_unstable();
        people.dedup();
        (people, next)
    }

    /// The same with a date in a field of an open case: each case counts.
    fn dated_cases(
        &self,
        matches: &Matches,
        after: Option<u64>,
        limit: usize,
    ) -> (Vec<(ContactId, Option<CaseId>)>, Option<u64>) {
        let after = after.map(|after| case_key(CaseId(after)));
        let page = self.rows.page(CASES, after.as_deref(), limit);
        let cases: Vec<_> = page.iter().filter_map(|(_, row)| super::case(row)).collect();
        let next = cases.last().map(|case| case.id.0).filter(|_| page.len() == limit);
        let open = cases.iter().filter(|case| case.is_open());
        let having = open.filter(|case| self.holds(matches, case.fields.get(&matches.field)));
        (having.map(|case| (self.root_of(case.contact), Some(case.id))).collect(), next)
    }

    fn holds(&self, matches: &Matches, value: Option<&Personal>) -> bool {
        let text = value.and_then(|value| self.keys.read(value));
        text.is_some_and(|text| matches.holds(&text))
    }

    /// A person with several contacts is one person.
    fn root_of(&self, contact: ContactId) -> ContactId {
        crate::context::root(&self.person(contact).0, contact)
    }

    fn one_of_all(&self, person: ContactId) -> Option<Person> {
        let (_, members) = self.person(person);
        let contacts: Vec<_> = members.iter().filter_map(|id| self.contact(*id)).collect();
        let mut shared = Vec::new();
        for link in contacts.iter().flat_map(|contact| &contact.identities) {
            let Some(edge) = self.edge(&link.identity) else { continue };
            let Some(sharing) = edge.sharing else { continue };
            if members.contains(&edge.owner) {
                return None;
            }
            shared.push((link.identity.clone(), sharing));
        }
        let refused = members.iter().flat_map(|id| self.suggestions(*id));
        let others = refused.filter(|one| one.refused).flat_map(|one| [one.a, one.b]);
        let others = others.filter(|id| !members.contains(id)).collect();
        (!contacts.is_empty()).then_some(Person { person, contacts, shared, others })
    }

    /// Proofs of erasures.
    pub fn proofs(&self, limit: usize) -> Vec<Proof> {
        let page = self.rows.page(PROOFS, None, limit);
        page.into_iter().filter_map(|(_, row)| proof(&row)).collect()
    }

    /// What has to be known before something is decided.
    pub fn view(&self, needs: &Needs) -> View {
        // Read first: whatever is newer may or may not be seen, and whoever decides takes it for unseen.
        let mut view = View { position: self.position(), ..View::default() };
        let mut contacts = needs.contacts.clone();
        for identity in &needs.identities {
            if let Some(edge) = self.edge(identity) {
                contacts.insert(edge.owner);
                contacts.extend(&edge.users);
                view.edges.insert(identity.clone(), edge);
            }
        }
        for case in needs.cases.iter().filter_map(|case| self.case(*case)) {
            contacts.insert(case.contact);
            view.cases.insert(case.id, case);
        }
        for place in &needs.moments {
            if self.rows.get(&moment_key(*place)).is_some() {
                view.moments.insert(*place);
                contacts.insert(place.contact);
            }
        }
        view.gone = self.erased(&needs.contacts);
        view.placed = self.placed(&needs.spots);
        for contact in contacts {
            if !view.contacts.contains_key(&contact) {
                let (parents, members) = self.person(contact);
                view.parents.extend(parents);
                view.contacts
                    .extend(members.iter().filter_map(|id| Some((*id, self.contact(*id)?))));
            }
        }
        let links = view.contacts.values().flat_map(|contact| &contact.identities);
        let shared = links
            .filter(|link| self.edge(&link.identity).is_some_and(|edge| edge.sharing.is_some()));
        view.lines = shared.map(|link| link.identity.clone()).collect();
        for suggestion in needs.contacts.iter().chain(view.edges.values().map(|edge| &edge.owner)) {
            let all = self.suggestions(*suggestion);
            view.suggestions.extend(all.into_iter().map(|one| ((one.a, one.b), one)));
        }
        view
    }

    /// Everything that is known of a person.
    pub fn dossier(&self, contact: ContactId, moments: usize) -> Option<Dossier> {
        let (parents, members) = self.person(contact);
        let contacts: Vec<_> = members.iter().filter_map(|id| self.contact(*id)).collect();
        if contacts.is_empty() {
            return None;
        }
        let suggestions = members.iter().flat_map(|member| self.suggestions(*member)).collect();
        Some(Dossier {
            person: crate::context::root(&parents, contact),
            suggestions,
            shared: self.shared(&contacts),
            contacts,
            cases: self.cases(&members),
            timeline: self.timeline(&members, None, moments),
            merges: parents.into_values().collect(),
        })
    }

    /// What goes with a person: keys that are nobody else's, and recordings.
    pub fn doomed(&self, contacts: &BTreeSet<ContactId>) -> Doomed {
        let mut doomed = Doomed::default();
        for contact in contacts {
            doomed.subjects.insert(contact_subject(self.keys, *contact));
            let Some(row) = get::<Contact<Personal>>(self.rows, &contact_key(*contact)) else {
                continue;
            };
            let identities = row.identities.iter().map(|link| &link.identity);
            for identity in identities {
                let subject = self.keys.subject(&identity.value);
                if self.is_theirs(identity.kind, &subject, contacts) {
                    doomed.subjects.insert(subject);
                }
                // What sites told of is read with a key of its own, which nobody else's texts have.
                let value = self.read(&identity.value);
                let name = detail_name(&Identity { kind: identity.kind, value });
                doomed.subjects.insert(self.keys.by_name(&name));
            }
            for (key, row) in self.rows.page(&moments_of(*contact), None, usize::MAX) {
                let (Some(place), Some(moment)) = (moment_ref(&key), moment(&row)) else {
                    continue;
                };
                if let Happening::Call { call, recordings, .. } = moment.what {
                    doomed.recordings.extend(recordings);
                    self.doom_call(place.at, call, contacts, &mut doomed);
                }
            }
            // What is not shown any more was theirs all the same.
            for tape in self.bygone(*contact) {
                doomed.recordings.extend(tape.recordings);
                self.doom_call(tape.at, tape.call, contacts, &mut doomed);
            }
        }
        doomed
    }

    /// A call's numbers may be written in other ways than in full: those have keys of their own. What else is known of a
    /// call alone goes with its key.
    fn doom_call(
        &self,
        arrived: UnixTime,
        call: CallId,
        contacts: &BTreeSet<ContactId>,
        doomed: &mut Doomed,
    ) {
        doomed.subjects.insert(self.keys.by_name(&crate::journal::context::call_name(call)));
        let Some(record) = get::<CallRecord>(self.rows, &call_key(arrived, call)) else { return };
        let outside = match record.direction {
            Direction::Inbound => Some(&record.from),
            Direction::Outbound => Some(&record.to),
            Direction::Internal => None,
        };
        // Earlier versions sealed the number that was called first under its own key.
        for personal in outside.into_iter().chain(&record.party).chain(&record.diverted_by) {
            let subject = self.keys.subject(personal);
            if self.is_theirs(Kind::Phone, &subject, contacts) {
                doomed.subjects.insert(subject);
            }
        }
    }

    /// Whether an identity leads to nobody but these.
    fn is_theirs(&self, kind: Kind, subject: &Subject, contacts: &BTreeSet<ContactId>) -> bool {
        let edge = get::<Edge>(self.rows, &identity_key(kind, subject));
        edge.is_none_or(|edge| contacts.contains(&edge.owner))
    }

    fn cases(&self, contacts: &BTreeSet<ContactId>) -> Vec<Case<String>> {
        let keys = contacts.iter().flat_map(|contact| self.rows.keys(&cases_of(*contact)));
        let cases: BTreeSet<_> = keys.filter_map(|key| second_number(&key).map(CaseId)).collect();
        cases.into_iter().filter_map(|case| self.case(case)).collect()
    }

    fn suggestions(&self, contact: ContactId) -> Vec<Suggestion> {
        let keys = self.rows.keys(&suggestions_of(contact));
        keys.iter().filter_map(|key| get(self.rows, key)).collect()
    }

    pub(in crate::store) fn known(&self, contact: ContactId) -> Known {
        let (parents, members) = self.person(contact);
        let contacts = members.iter().filter_map(|id| Some((*id, self.contact(*id)?))).collect();
        Known { contact, name: name(&contacts, crate::context::root(&parents, contact)) }
    }

    pub(in crate::store) fn read(&self, personal: &Personal) -> String {
        read(self.keys, personal)
    }
}

/// A person's name: as its first contact has it, else as any.
/// As if something led to this contact and to no other.
fn alone(owner: ContactId) -> Edge {
    Edge { owner, sharing: None, users: BTreeSet::new() }
}

fn name(contacts: &BTreeMap<ContactId, Contact<String>>, root: ContactId) -> Option<String> {
    let first = contacts.get(&root).into_iter();
    first.chain(contacts.values()).find_map(|contact| contact.field("name")).cloned()
}

/// The last word of a person by telephone on something, whichever of the contacts it was said under.
fn last_word(contacts: &BTreeMap<ContactId, Contact<String>>, purpose: &str) -> Option<bool> {
    let said = contacts.values().flat_map(|contact| &contact.consents);
    let said = said.filter(|one| one.channel == Channel::Voice && one.purpose == purpose);
    said.max_by_key(|one| one.said.at).map(|last| last.given)
}
