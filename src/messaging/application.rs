//! Applications of the branch: a program on the premises that has messages sent, hears what becomes of them, and gets what
//! people write where the site says so.
//!
//! Owns what each application is owed, as a restart has to know it ([`Owing`]), the rule by which a text is an
//! application's ([`TextRule`]), and how the gateway and whoever speaks with applications speak: [`Input`] and [`Order`].
//! It does not know how an application is reached.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::{Address, Kind};
use super::channel::NotStored;
use super::contract::Status;
use super::entry::{Entry, Fingerprint, Way, What};
use super::record::{State, Why};
use crate::id::{ApplicationId, ChannelId, ContactId, ConversationId, MessageId};
use crate::time::UnixTime;

/// Messages of applications that are on their way: as many as the ledger has at all. For a new one the oldest is let go, and
/// its application hears nothing of it. Each takes some 300 bytes of every checkpoint.
pub const MOST_OPEN: usize = 20_000;
/// What applications are to be told and have not taken: some days of one that is away. The oldest goes for a new one.
pub const MOST_DUE: usize = 20_000;
/// What was asked for lately: more than all windows of all links together.
const MOST_RECENT: usize = 4_000;
/// For how long an application may say something again whose answer it did not read.
pub const AGAIN: Duration = Duration::from_secs(10 * 60);
/// Characters of a rule's word and of a number: more is no keyword.
pub const LONGEST_WORD: usize = 40;

/// Of what an application wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hears {
    /// Of nothing.
    #[default]
    Nothing,
    /// Of its end, whatever that is.
    End,
    /// Only when it does not arrive.
    Failure,
    /// Only when it arrives.
    Success,
}

impl Hears {
    fn of(self, state: State) -> bool {
        let arrived = matches!(state, State::Delivered | State::Read);
        match self {
            Hears::Nothing => false,
            Hears::End => true,
            Hears::Failure => !arrived,
            Hears::Success => arrived,
        }
    }
}

/// One part in which an application gave a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it was told that the part is called.
    pub id: String,
    /// Of what it said: the same said again has the same.
    pub print: Fingerprint,
    /// Of what it wants to hear.
    pub hears: Hears,
}

/// Who has a message sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Which application.
    pub application: ApplicationId,
    /// From which address of the branch, as it wrote that; empty: it did not say.
    pub from: String,
    /// In which parts.
    pub parts: Vec<Part>,
}

/// Whom a text is given that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Which application.
    pub application: ApplicationId,
    /// To which address of the branch it was written, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Which texts an application gets. Where a list is empty it says nothing; without channels it gets none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRule {
    /// Which application.
    pub application: ApplicationId,
    /// By which channels they come.
    pub channels: Vec<ChannelId>,
    /// To which addresses of the branch.
    pub numbers: Vec<String>,
    /// With which first word, whatever its case.
    pub words: Vec<String>,
}

impl TextRule {
    /// Whether a text is the application's.
    pub fn takes(&self, channel: &ChannelId, to: Option<&Address>, text: Option<&str>) -> bool {
        let digits = |text: &str| text.trim_start_matches('+').to_owned();
        let first = || text?.split_whitespace().next().map(str::to_lowercase);
        self.channels.contains(channel)
            && (self.numbers.is_empty()
                || to.is_some_and(|to| {
                    self.numbers.iter().any(|own| digits(own) == digits(&to.value))
                }))
            && (self.words.is_empty()
                || first().is_some_and(|first| {
                    self.words.iter().any(|word| word.to_lowercase() == first)
                }))
    }
}

/// Something that an application has to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due<P> {
    /// Which application.
    pub application: ApplicationId,
    /// Of which message.
    pub message: MessageId,
    /// In which conversation that is.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// What the person is reached by.
    pub kind: Kind,
    /// It.
    pub peer: P,
    /// What.
    pub what: Owed,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "owed", rename_all = "snake_case")]
pub enum Owed {
    /// What somebody wrote; the words are with the message.
    Text {
        /// To which address of the branch, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// What became of a message of its own.
    Receipt {
        /// What it calls it.
        id: String,
        /// From which address of the branch it went, as the application wrote that.
        from: String,
        /// When it asked for it.
        asked: UnixTime,
        /// Since when it stands so.
        at: UnixTime,
        /// How it stands.
        state: State,
        /// Why it did not arrive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Why>,
    },
}

impl Owed {
    /// What the application calls the message, where it is one of its own.
    pub fn id(&self) -> Option<&str> {
        match self {
            Owed::Receipt { id, .. } => Some(id),
            Owed::Text { .. } => None,
        }
    }
}

/// Something that an application asked for lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// Which application.
    pub application: ApplicationId,
    /// The part.
    pub part: Part,
    /// When.
    pub at: UnixTime,
}

/// A message of an application that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open<P> {
    order: u64,
    conversation: ConversationId,
    contact: ContactId,
    way: Way<P>,
    asker: Asker,
    at: UnixTime,
}

/// What applications are owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "P: Deserialize<'de>"))]
pub struct Owing<P> {
    /// Messages that are on their way.
    open: BTreeMap<MessageId, Open<P>>,
    /// They, in order.
    open_order: BTreeMap<u64, MessageId>,
    /// What they have to be told, in order.
    due: BTreeMap<u64, Due<P>>,
    /// Where that is, by what it is about.
    about: BTreeMap<MessageId, Vec<u64>>,
    /// What was asked for lately, in order.
    recent: BTreeMap<u64, Recent>,
    next: u64,
}

impl<P> Default for Owing<P> {
    fn default() -> Self {
        Owing {
            open: BTreeMap::new(),
            open_order: BTreeMap::new(),
            due: BTreeMap::new(),
            about: BTreeMap::new(),
            recent: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<P: Clone> Owing<P> {
    /// Takes up one entry. One that is said a second time changes nothing.
    pub fn apply(&mut self, entry: &Entry<P>) {
        let (conversation, contact) = (entry.conversation, entry.contact);
        match &entry.what {
            What::Queued { message, way, asker: Some(asker), .. } => {
                let (way, asker, at) = (way.clone(), (**asker).clone(), entry.at);
                self.take_up(*message, Open { order: 0, conversation, contact, way, asker, at });
            }
            What::Arrived { message, way, given: Some(given), .. } => {
                let what = Owed::Text { to: given.to.clone() };
                let (kind, peer) = (way.kind, way.peer.clone());
                let application = given.application.clone();
                let message = *message;
                self.owe(Due { application, message, conversation, contact, kind, peer, what });
            }
            What::Became { status: Status::Sent, .. } => {}
            What::Became { message, status } => {
                let why = match status {
                    Status::Failed(failure) => Some(Why::Failure(failure.clone())),
                    _ => None,
                };
                self.end(entry.at, *message, State::from(status), why);
            }
            What::Unknown { message } => self.end(entry.at, *message, State::Unknown, None),
            What::Stopped { message, why } => {
                self.end(entry.at, *message, State::Stopped, Some(Why::Stop(*why)));
            }
            What::Heard { message, id } => self.heard(*message, id.as_deref()),
            _ => {}
        }
    }

    fn take_up(&mut self, message: MessageId, open: Open<P>) {
        if self.open.contains_key(&message) {
            return;
        }
        for part in &open.asker.parts {
            let (application, part) = (open.asker.application.clone(), part.clone());
            self.next += 1;
            self.recent.insert(self.next, Recent { application, part, at: open.at });
        }
        while let Some((place, oldest)) = self.recent.first_key_value() {
            if self.recent.len() <= MOST_RECENT && open.at.since(oldest.at) <= AGAIN {
                break;
            }
            let place = *place;
            self.recent.remove(&place);
        }
        if open.asker.parts.iter().all(|part| part.hears == Hears::Nothing) {
            return;
        }
        self.next += 1;
        self.open_order.insert(self.next, message);
        self.open.insert(message, Open { order: self.next, ..open });
        if self.open.len() > MOST_OPEN
            && let Some((_, oldest)) = self.open_order.pop_first()
        {
            self.open.remove(&oldest);
        }
    }

    /// Nothing more becomes of a message, as far as its application is concerned.
    fn end(&mut self, at: UnixTime, message: MessageId, state: State, why: Option<Why>) {
        let Some(open) = self.open.remove(&message) else { return };
        self.open_order.remove(&open.order);
        let Open { conversation, contact, way, asker, at: asked, .. } = open;
        for part in asker.parts.into_iter().filter(|part| part.hears.of(state)) {
            let (from, why) = (asker.from.clone(), why.clone());
            let what = Owed::Receipt { id: part.id, from, asked, at, state, why };
            let (application, kind) = (asker.application.clone(), way.kind);
            let peer = way.peer.clone();
            self.owe(Due { application, message, conversation, contact, kind, peer, what });
        }
    }
}

impl<P> Owing<P> {
    fn owe(&mut self, due: Due<P>) {
        let there = self.about(due.message).any(|(_, own)| own.what.id() == due.what.id());
        if there {
            return;
        }
        self.next += 1;
        self.about.entry(due.message).or_default().push(self.next);
        self.due.insert(self.next, due);
        if self.due.len() > MOST_DUE
            && let Some((place, oldest)) = self.due.pop_first()
        {
            self.forget_place(oldest.message, place);
        }
    }

    fn heard(&mut self, message: MessageId, id: Option<&str>) {
        let place = self.about(message).find(|(_, due)| due.what.id() == id);
        if let Some(place) = place.map(|(place, _)| place) {
            self.due.remove(&place);
            self.forget_place(message, place);
        }
    }

    fn forget_place(&mut self, message: MessageId, place: u64) {
        if let Some(places) = self.about.get_mut(&message) {
            places.retain(|own| *own != place);
            if places.is_empty() {
                self.about.remove(&message);
            }
        }
    }

    /// What is due of a message, and its place.
    pub fn about(&self, message: MessageId) -> impl Iterator<Item = (u64, &Due<P>)> {
        let places = self.about.get(&message).into_iter().flatten();
        places.filter_map(|place| Some((*place, self.due.get(place)?)))
    }

    /// Whether it is a text that is given to an application, which has not taken it.
    pub fn is_given(&self, message: MessageId) -> bool {
        self.about(message).any(|(_, due)| matches!(due.what, Owed::Text { .. }))
    }

    /// What is due at a place.
    pub fn at(&self, place: u64) -> Option<&Due<P>> {
        self.due.get(&place)
    }

    /// Everything that is due, in order.
    pub fn due(&self) -> impl Iterator<Item = (u64, &Due<P>)> {
        self.due.iter().map(|(place, due)| (*place, due))
    }

    /// What was asked for lately, in order.
    pub fn recent(&self) -> impl Iterator<Item = &Recent> {
        self.recent.values()
    }

    /// Messages that are on their way, and what is due.
    pub fn size(&self) -> (usize, usize) {
        (self.open.len(), self.due.len())
    }

    /// Somebody was erased: nothing more is told of them.
    pub fn forget(&mut self, contact: ContactId) {
        let open = self.open.extract_if(.., |_, open| open.contact == contact);
        let orders: Vec<_> = open.map(|(_, open)| open.order).collect();
        for order in orders {
            self.open_order.remove(&order);
        }
        let due = self.due.extract_if(.., |_, due| due.contact == contact);
        let due: Vec<_> = due.map(|(place, due)| (due.message, place)).collect();
        due.into_iter().for_each(|(message, place)| self.forget_place(message, place));
    }
}

impl<P> Due<P> {
    /// The same with its address turned into something else; nothing where it cannot be.
    pub fn map<Q>(self, to: impl FnOnce(P) -> Option<Q>) -> Option<Due<Q>> {
        let Due { application, message, conversation, contact, kind, peer, what } = self;
        let peer = to(peer)?;
        Some(Due { application, message, conversation, contact, kind, peer, what })
    }
}

/// A message that an application wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Who.
    pub asker: Asker,
    /// By which channels: the first that carries any.
    pub channels: Vec<ChannelId>,
    /// To whom.
    pub to: Address,
    /// What.
    pub text: String,
    /// What it is for, in the words of consents.
    pub purpose: String,
    /// After this it is of no use; nothing: as long as others wait.
    pub until: Option<UnixTime>,
    /// Before this it is not sent.
    pub not_before: Option<UnixTime>,
    /// It was given in parts, and may be given in again after a crash: it is taken once.
    pub whole: bool,
}

/// Names something that was handed in, until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What whoever speaks with applications says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An application wants a message sent.
    Submit(Ticket, Box<Submission>),
    /// An application has taken what it was told, at this place, or will never.
    Heard(u64),
    /// How it is, for a person: whether all is well, and in words.
    State(bool, String),
}

/// What whoever speaks with applications is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// What was taken shortly before the box ended. The first order, and at every start.
    Recent(Vec<Recent>),
    /// A submission is on the disk.
    Stored(Ticket),
    /// It does not count as kept.
    NotStored(Ticket, Refused),
    /// Tell an application this; the words of a text are with it.
    Tell(u64, Box<Due<String>>, Option<String>),
}

/// Why a submission is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not now.
    NotNow(NotStored),
    /// There is no such channel any more.
    NoChannel,
    /// Something else has the name of this.
    Different,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::messaging::contract::{Failure, Fault};

    fn entry(at: i64, what: What<String>) -> Entry<String> {
        let (conversation, contact) = (ConversationId(1), ContactId(2));
        Entry { at: UnixTime(at), conversation, contact, what }
    }

    fn way() -> Way<String> {
        let (kind, peer) = (Kind::Phone, "+15550123".to_owned());
        Way {
            channel: "carrier".into(),
            work: Channel::Message,
            kind,
            peer,
            thread: None,
            own: None,
        }
    }

    fn queued(message: u64, hears: &[Hears]) -> Entry<String> {
        let part = |(n, hears): (usize, &Hears)| Part {
            id: format!("{message}-{n}"),
            print: Fingerprint([n as u8; 16]),
            hears: *hears,
        };
        let parts = hears.iter().enumerate().map(part).collect();
        let asker = Asker { application: "shop".into(), from: "15550100".into(), parts };
        let what = What::Queued {
            message: MessageId(message),
            way: way(),
            pieces: Vec::new(),
            subject: None,
            answers: None,
            by: "shop".into(),
            purpose: "service".to_owned(),
            reply: false,
            until: UnixTime(1_000),
            not_before: None,
            once: None,
            instead_of: None,
            asker: Some(Box::new(asker)),
        };
        entry(5, what)
    }

    fn became(message: u64, status: Status) -> Entry<String> {
        entry(7, What::Became { message: MessageId(message), status })
    }

    fn ids(owing: &Owing<String>) -> Vec<&str> {
        owing.due().filter_map(|(_, due)| due.what.id()).collect()
    }

    #[test]
    fn each_part_that_wants_to_hear_of_the_end_is_owed_one_receipt_until_it_is_heard() {
        let mut owing = Owing::default();
        owing.apply(&queued(1, &[Hears::Nothing, Hears::End, Hears::Failure, Hears::Success]));
        owing.apply(&became(1, Status::Sent));
        assert!(ids(&owing).is_empty(), "it is on its way");
        owing.apply(&became(1, Status::Delivered));
        assert_eq!(ids(&owing), ["1-1", "1-3"]);
        owing.apply(&became(1, Status::Read));
        assert_eq!(ids(&owing), ["1-1", "1-3"], "the end comes once");
        let text = serde_json::to_string(&owing).unwrap();
        let mut owing: Owing<String> = serde_json::from_str(&text).unwrap();
        let heard = What::Heard { message: MessageId(1), id: Some("1-1".into()) };
        owing.apply(&entry(8, heard.clone()));
        owing.apply(&entry(9, heard));
        assert_eq!(ids(&owing), ["1-3"]);
        assert_eq!(owing.size(), (0, 1));
    }

    #[test]
    fn a_failure_says_why_and_whoever_is_erased_is_told_of_no_more() {
        let mut owing = Owing::default();
        owing.apply(&queued(1, &[Hears::Failure]));
        owing.apply(&queued(2, &[Hears::Success]));
        let failure = Failure { fault: Fault::Address, code: "ESME_RINVDSTADR".into() };
        owing.apply(&became(1, Status::Failed(failure.clone())));
        owing.apply(&became(2, Status::Failed(failure.clone())));
        let due: Vec<_> = owing.due().map(|(_, due)| due.what.clone()).collect();
        let [Owed::Receipt { state, why, .. }] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!((*state, why.clone()), (State::Failed, Some(Why::Failure(failure))));
        owing.apply(&queued(3, &[Hears::End]));
        owing.forget(ContactId(2));
        assert_eq!(owing.size(), (0, 0));
        assert!(owing.about(MessageId(1)).next().is_none());
    }

    #[test]
    fn what_is_owed_and_what_is_remembered_is_bounded() {
        let mut owing = Owing::default();
        let many = MOST_OPEN as u64 + 5;
        for message in 0..many {
            owing.apply(&queued(message, &[Hears::End]));
        }
        assert_eq!(owing.size(), (MOST_OPEN, 0));
        assert_eq!(owing.recent().count(), MOST_RECENT);
        for message in 0..many {
            owing.apply(&became(message, Status::Delivered));
        }
        assert_eq!(owing.size(), (0, MOST_DUE));
        assert_eq!(owing.due().next().map(|(_, due)| due.message), Some(MessageId(5)));
    }

    #[test]
    fn a_text_is_an_applications_by_its_channel_its_number_and_its_first_word() {
        let rule = TextRule {
            application: "shop".into(),
            channels: vec!["carrier".into()],
            numbers: vec!["+15550100".into()],
            words: vec!["Book".into()],
        };
        let own = Address::new(Kind::Phone, "+15550100");
        let takes = |channel: &str, to: Option<&Address>, text: &str| {
            rule.takes(&channel.into(), to, Some(text))
        };
        assert!(takes("carrier", Some(&own), " BOOK table 5"));
        assert!(!takes("carrier", Some(&own), "Booking"));
        assert!(!takes("carrier", None, "book"));
        assert!(!takes("sim", Some(&own), "book"));
        let every = TextRule { numbers: Vec::new(), words: Vec::new(), ..rule.clone() };
        assert!(every.takes(&"carrier".into(), None, None));
        assert!(!TextRule { channels: Vec::new(), ..every }.takes(&"carrier".into(), None, None));
    }
}
