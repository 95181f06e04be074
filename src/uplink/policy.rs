//! What of an event leaves the premises: decided field by field, when it is written into the outbox.
//!
//! Every text that may say something of a person has a [`Class`]; the site says for each what becomes of it
//! ([`Treatment`]). [`Sheet`] is the only way in which an event is put together, and takes no text without a class but
//! those that the box itself made up. What is kept at home is not in the event at all: nobody has to remember to leave it
//! out later. Unless the site says otherwise nothing leaves by which somebody can be found.

use std::collections::BTreeMap;

use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::frame::{self, Event};
use crate::id;
use crate::time::UnixTime;

/// What sort of thing a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// What a customer is called.
    Name,
    /// A customer's telephone number.
    Number,
    /// A customer's address of mail.
    Email,
    /// What a customer is called by a service, a chat or a SIP address.
    Handle,
    /// Where somebody is: a place, coordinates.
    Place,
    /// What a written message says, its subject, the names of its files.
    Text,
    /// What an agent has noted.
    Note,
    /// A field of a person's record that the site has made up.
    Field,
    /// Keys pressed and answers given to a flow.
    Input,
    /// Names of files of messages by their content.
    Content,
    /// Recordings, their sound: kept or sent.
    Recording,
    /// Files of messages, their bytes: kept or sent.
    File,
    /// Which agent it was.
    Agent,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 13] = [
        Class::Name,
        Class::Number,
        Class::Email,
        Class::Handle,
        Class::Place,
        Class::Text,
        Class::Note,
        Class::Field,
        Class::Input,
        Class::Content,
        Class::Recording,
        Class::File,
        Class::Agent,
    ];

    /// What becomes of it when the site says nothing.
    pub fn usual(self) -> Treatment {
        match self {
            // Two branches know by it that it is the same person, and nobody reads it out of it without the key.
            Class::Number | Class::Email | Class::Handle => Treatment::Hash,
            Class::Name => Treatment::Mask,
            Class::Agent => Treatment::Send,
            Class::Place
            | Class::Text
            | Class::Note
            | Class::Field
            | Class::Input
            | Class::Content
            | Class::Recording
            | Class::File => Treatment::Keep,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Class::Name => "name",
            Class::Number => "number",
            Class::Email => "email",
            Class::Handle => "handle",
            Class::Place => "place",
            Class::Text => "text",
            Class::Note => "note",
            Class::Field => "field",
            Class::Input => "input",
            Class::Content => "content",
            Class::Recording => "recording",
            Class::File => "file",
            Class::Agent => "agent",
        }
    }
}

/// What becomes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// It stays on the premises.
    Keep,
    /// So much of it leaves that a person sees which it may be, and cannot use it.
    Mask,
    /// A token leaves, the same for the same text, that nobody turns back without the key.
    Hash,
    /// It leaves as it is.
    Send,
}

/// What a site lets out.
#[derive(Clone)]
pub struct Policy {
    treatments: BTreeMap<Class, Treatment>,
    key: hmac::Key,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.treatments)
    }
}

impl Policy {
    /// What the site says, the usual for the rest. Sites that share the key make the same tokens of the same person.
    pub fn new(said: &BTreeMap<Class, Treatment>, key: &[u8]) -> Policy {
        let of = |class: Class| said.get(&class).copied().unwrap_or(class.usual());
        Policy {
            treatments: Class::ALL.map(|class| (class, of(class))).into(),
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// What becomes of texts of a class.
    pub fn of(&self, class: Class) -> Treatment {
        self.treatments.get(&class).copied().unwrap_or(Treatment::Keep)
    }

    /// What leaves of a text; nothing when it stays.
    pub fn leaves(&self, class: Class, text: &str) -> Option<String> {
        match self.of(class) {
            Treatment::Keep => None,
            Treatment::Mask => Some(masked(class, text)),
            Treatment::Hash => Some(self.token(class, text)),
            Treatment::Send => Some(text.to_owned()),
        }
    }

    /// The token of a text: the same wherever the key is the same.
    pub fn token(&self, class: Class, text: &str) -> String {
        let mut signing = hmac::Context::with_key(&self.key);
        signing.update(class.name().as_bytes());
        signing.update(b"\0");
        signing.update(text.as_bytes());
        let tag = signing.sign();
        let digits = |byte: &u8| format!("{byte:02x}");
        let hex: String = tag.as_ref().iter().take(TOKEN).map(digits).collect();
        format!("#{hex}")
    }
}

/// Octets of a token: nobody finds two texts with the same.
const TOKEN: usize = 16;

/// What is left of a text under a mask.
fn masked(class: Class, text: &str) -> String {
    let count = text.chars().count();
    match class {
        Class::Number => {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            let plus = if text.starts_with('+') { "+" } else { "" };
            let last: String = text.chars().skip(count.saturating_sub(2)).collect();
            // Of a short number two digits are most of it.
            if digits < 7 { format!("({digits} digits)") } else { format!("{plus}*{last}") }
        }
        Class::Email => match text.rsplit_once('@') {
            // What is no host's name may be anything that somebody typed.
            Some((_, domain)) if domain.chars().all(is_of_a_host) => format!("*@{domain}"),
            _ => "*".to_owned(),
        },
        Class::Name | Class::Agent => {
            let initials = text.split_whitespace().filter_map(|word| word.chars().next());
            initials.map(|letter| format!("{letter}.")).collect()
        }
        Class::Handle
        | Class::Place
        | Class::Text
        | Class::Note
        | Class::Field
        | Class::Input
        | Class::Content
        | Class::Recording
        | Class::File => format!("({count} characters)"),
    }
}

fn is_of_a_host(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-')
}

/// An event while it is put together: JSON, in the order in which things are said, so that the same always has the same
/// bytes.
#[derive(Debug)]
pub struct Sheet<'a> {
    policy: &'a Policy,
    said: Vec<u8>,
}

impl<'a> Sheet<'a> {
    /// An event of this kind.
    pub fn new(policy: &'a Policy, kind: &'static str) -> Sheet<'a> {
        let mut sheet = Sheet { policy, said: vec![b'{'] };
        sheet.write("event", &Value::from(kind));
        sheet
    }

    /// A part of an event, such as one leg of a call.
    pub fn part(policy: &'a Policy) -> Sheet<'a> {
        Sheet { policy, said: vec![b'{'] }
    }

    /// A number, a moment, or something that one of the box's own lists names: it says nothing of a person.
    pub fn plain(mut self, name: &'static str, value: impl Into<Plain>) -> Self {
        self.write(name, &value.into().0);
        self
    }

    /// The same, where there is one.
    pub fn maybe(self, name: &'static str, value: Option<impl Into<Plain>>) -> Self {
        match value {
            Some(value) => self.plain(name, value),
            None => self,
        }
    }

    /// The same of several; nothing where there is none.
    pub fn list<P: Into<Plain>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = P>,
    ) -> Self {
        let all: Vec<Value> = values.into_iter().map(|value| value.into().0).collect();
        if !all.is_empty() {
            self.write(name, &all);
        }
        self
    }

    /// A text that may say something of a person, as the site lets it out.
    pub fn field(mut self, name: &'static str, class: Class, text: &str) -> Self {
        if let Some(text) = self.policy.leaves(class, text) {
            self.write(name, &text);
        }
        self
    }

    /// The same, where there is one.
    pub fn maybe_field(self, name: &'static str, class: Class, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.field(name, class, text),
            None => self,
        }
    }

    /// Several texts of one class.
    pub fn fields<'t>(
        mut self,
        name: &'static str,
        class: Class,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let all: Vec<String> =
            texts.into_iter().filter_map(|text| self.policy.leaves(class, text)).collect();
        if !all.is_empty() {
            self.write(name, &all);
        }
        self
    }

    /// Texts by name, where the site makes up the names: these are texts of the same class.
    pub fn named<'t>(
        mut self,
        name: &'static str,
        class: Class,
        texts: impl IntoIterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Self {
        let leaves = |text| self.policy.leaves(class, text);
        let all: BTreeMap<String, Option<String>> = texts
            .into_iter()
            .filter_map(|(name, text)| Some((leaves(name)?, text.and_then(leaves))))
            .collect();
        if !all.is_empty() {
            self.write(name, &all);
        }
        self
    }

    /// Parts; nothing where there is none.
    pub fn parts<'p>(
        mut self,
        name: &'static str,
        parts: impl IntoIterator<Item = Sheet<'p>>,
    ) -> Self {
        let mut all = Vec::new();
        for part in parts {
            all.push(if all.is_empty() { b'[' } else { b',' });
            all.extend(part.closed());
        }
        if !all.is_empty() {
            all.push(b']');
            self.key(name);
            self.said.extend(all);
        }
        self
    }

    /// The name of a file by its content. Where the file itself leaves its name does, too.
    pub fn content(mut self, name: &'static str, content: &str) -> Self {
        if self.policy.of(Class::File) == Treatment::Send {
            self.write(name, &content);
            return self;
        }
        self.field(name, Class::Content, content)
    }

    /// Files that the event speaks of and that follow it home, where the site sends such: `blobs`, each with its kind, what
    /// it is called here, and its octets where they are known.
    pub fn blobs(
        self,
        class: Class,
        named: impl IntoIterator<Item = (String, Option<u64>)>,
    ) -> Self {
        if self.policy.of(class) != Treatment::Send {
            return self;
        }
        let policy = self.policy;
        let part = |(name, size): (String, Option<u64>)| {
            let mut part = Sheet::part(policy).plain("kind", class.name());
            part.write("name", &name);
            part.maybe("size", size)
        };
        self.parts("blobs", named.into_iter().map(part))
    }

    /// The event.
    pub fn done(self, class: frame::Class) -> Event {
        Event { class, body: self.closed() }
    }

    fn closed(mut self) -> Vec<u8> {
        self.said.push(b'}');
        self.said
    }

    fn key(&mut self, name: &'static str) {
        if self.said.len() > 1 {
            self.said.push(b',');
        }
        self.json(&name);
        self.said.push(b':');
    }

    fn write(&mut self, name: &'static str, value: &impl Serialize) {
        self.key(name);
        self.json(value);
    }

    fn json(&mut self, value: &impl Serialize) {
        let before = self.said.len();
        // Texts and numbers always have a form.
        if serde_json::to_writer(&mut self.said, value).is_err() {
            self.said.truncate(before);
            self.said.extend(b"null");
        }
    }
}

/// The longest name in lists.
const LONGEST_SLUG: usize = 64;
/// Digits from which on a text may be somebody's number (E.164 section 6).
const FEWEST_OF_A_NUMBER: usize = 7;

/// What says nothing of a person. There is no way to make one of a text that somebody may have written.
#[derive(Debug, Clone)]
pub struct Plain(Value);

impl Plain {
    /// A word of the program's own, as the journal has it: what can be copied holds no text that somebody wrote.
    pub fn word(word: impl Copy + Serialize + 'static) -> Plain {
        Plain(serde_json::to_value(word).unwrap_or_default())
    }

    /// A name out of one of the site's or the program's own lists: letters, digits and `-_.:/+`, at most 64, as such
    /// names have. Whatever else stands there, such as a sentence or a number that found its way, leaves as `?`.
    pub fn slug(text: &str) -> Plain {
        let own = |letter: &char| letter.is_ascii_alphanumeric() || "-_.:/+".contains(*letter);
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let good = text.chars().all(|letter| own(&letter)) && text.len() <= LONGEST_SLUG;
        // A telephone number is no name.
        if good && digits < FEWEST_OF_A_NUMBER { Plain(text.into()) } else { Plain("?".into()) }
    }

    /// An amount, to the hundredth: more digits of a measurement say nothing, and may differ when it is read back.
    pub fn hundredths(amount: f64) -> Plain {
        // Saturates where it is no such number.
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is small")]
        let hundredths = (amount * 100.0).round() as i64;
        Plain(Value::from(hundredths as f64 / 100.0))
    }
}

impl From<u64> for Plain {
    fn from(number: u64) -> Plain {
        Plain(number.into())
    }
}

impl From<u32> for Plain {
    fn from(number: u32) -> Plain {
        Plain(number.into())
    }
}

impl From<u16> for Plain {
    fn from(number: u16) -> Plain {
        Plain(number.into())
    }
}

impl From<u8> for Plain {
    fn from(number: u8) -> Plain {
        Plain(number.into())
    }
}

impl From<i32> for Plain {
    fn from(number: i32) -> Plain {
        Plain(number.into())
    }
}

impl From<bool> for Plain {
    fn from(yes: bool) -> Plain {
        Plain(yes.into())
    }
}

/// Microseconds since 1970.
impl From<UnixTime> for Plain {
    fn from(at: UnixTime) -> Plain {
        Plain(at.0.into())
    }
}

/// A word of the program's own.
impl From<&'static str> for Plain {
    fn from(word: &'static str) -> Plain {
        Plain(word.into())
    }
}

/// Ids that the box drew, and names that an admin gave to things, not people, in the configuration.
macro_rules! plain_ids {
    ($($id:ident)*) => {
        $(impl From<&id::$id> for Plain {
            fn from(name: &id::$id) -> Plain {
                Plain(name.to_string().into())
            }
        })*
    };
}

plain_ids! {
    ApplicationId ArticleId CallId CaseId ChannelId ConferenceId ContactId ConversationId ErasureId
    ExtensionId FlowId GroupId HoldId HookId ItemId JourneyId LegId LocationId MergeId MessageId
    OfferId PinId QueueId RecordingId RoomId ScheduleId SkillId TrunkId
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(treatment: Treatment) -> Policy {
        Policy::new(&Class::ALL.map(|class| (class, treatment)).into(), b"key")
    }

    #[test]
    fn what_is_kept_is_not_in_the_event_at_all() {
        for treatment in [Treatment::Keep, Treatment::Mask, Treatment::Hash] {
            let policy = all(treatment);
            for class in Class::ALL {
                let text = "Marked4711 +15550199 m@rked.example secret";
                let sheet = Sheet::new(&policy, "changed");
                let part = Sheet::part(&policy).field("it", class, text);
                let sheet = sheet.field("it", class, text).fields("them", class, [text]);
                let sheet = sheet.named("named", class, [(text, Some(text))]);
                let event = sheet.parts("parts", [part]).done(frame::Class::PERSON);
                serde_json::from_slice::<Value>(&event.body).expect("it is JSON");
                let body = String::from_utf8(event.body).unwrap();
                for mark in ["Marked4711", "5550199", "m@rked", "secret"] {
                    assert!(!body.contains(mark), "{class:?} {treatment:?}: {body}");
                }
                assert_eq!(body.contains("it"), treatment != Treatment::Keep, "{body}");
            }
        }
    }

    #[test]
    fn files_are_spoken_of_where_they_are_sent_and_nowhere_else() {
        let say = |treatment| {
            let policy = all(treatment);
            let sheet = Sheet::part(&policy).content("content", "abc");
            let sheet = sheet.blobs(Class::Recording, [("R1".to_owned(), None)]);
            String::from_utf8(sheet.closed()).unwrap()
        };
        let sent = r#"{"content":"abc","blobs":[{"kind":"recording","name":"R1"}]}"#;
        assert_eq!(say(Treatment::Send), sent);
        for other in [Treatment::Keep, Treatment::Mask, Treatment::Hash] {
            assert!(!say(other).contains("R1") && !say(other).contains("abc"), "{other:?}");
        }
    }

    #[test]
    fn masks_show_which_it_may_be() {
        let mask = all(Treatment::Mask);
        let of = |class, text| mask.leaves(class, text).unwrap();
        assert_eq!(of(Class::Number, "+4930123456"), "+*56");
        assert_eq!(of(Class::Number, "110"), "(3 digits)");
        assert_eq!(of(Class::Email, "ann@shop.example"), "*@shop.example");
        assert_eq!(of(Class::Email, "ann@shop.example call me"), "*");
        assert_eq!(of(Class::Name, "Ann Ångström"), "A.Å.");
        assert_eq!(of(Class::Text, "hello"), "(5 characters)");
    }

    #[test]
    fn tokens_are_the_same_for_the_same_person_and_tell_nothing() {
        let (one, other) = (all(Treatment::Hash), Policy::new(&BTreeMap::new(), b"other key"));
        let of = |policy: &Policy, class| policy.leaves(class, "+15550100").unwrap();
        assert_eq!(of(&one, Class::Number), of(&one, Class::Number));
        assert_ne!(of(&one, Class::Number), of(&one, Class::Handle));
        assert_ne!(of(&one, Class::Number), of(&other, Class::Number));
        assert_eq!(of(&one, Class::Number).len(), 1 + 2 * TOKEN);
    }

    #[test]
    fn a_site_that_says_nothing_lets_nobody_be_found() {
        let usual = Policy::new(&BTreeMap::new(), b"key");
        for class in Class::ALL.into_iter().filter(|class| *class != Class::Agent) {
            assert_ne!(usual.of(class), Treatment::Send, "{class:?}");
        }
    }
}
