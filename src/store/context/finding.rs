//! Finding people by words: what of each row can be searched, and what somebody who searches means.
//!
//! Knows no index. Whoever keeps one asks for the words of rows, and hands rows back that fit; they are read once more
//! before anybody sees them, so nothing is found that the store does not have any more.
//!
//! Forgiving: a word is found by how it begins, accents and capitals do not matter, a number by how it ends, however it
//! is written.

use serde::{Deserialize, Serialize};

use super::looking::{Eyes, Placed};
use super::{CASE, CONTACT, MOMENT, case, contact, moment, moment_ref};
use crate::context::{Happening, Identity, Kind, Whose};
use crate::id::{CaseId, ContactId};
use crate::journal::context::read;
use crate::journal::personal::{Personal, Reads};

/// What rows that can be found begin with.
pub const FOUND: [&[u8]; 3] = [&[CONTACT], &[CASE], &[MOMENT]];
/// The shortest word that is looked for: shorter ones begin too many others.
const SHORTEST: usize = 2;
/// Digits that make a number's end.
const SHORTEST_END: usize = 3;
/// Words of one search; more say nothing more.
const MOST_WORDS: usize = 12;
/// Before the digits of a number's end, from the last to the first: no word begins like this.
const END: &str = "qzq";

/// Somebody searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What the index is asked.
    pub expression: String,
    /// Behind the row with this number.
    pub after: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Under which contact the person goes.
    pub person: ContactId,
    /// The person's name, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What fits.
    #[serde(flatten)]
    pub what: What,
}

/// What fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum What {
    /// Something that is known of the person.
    Contact {
        /// Every identity.
        identities: Vec<Identity<String>>,
    },
    /// A case.
    Case {
        /// Which.
        case: CaseId,
        /// What it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// Something that happened.
    Moment {
        /// It.
        #[serde(flatten)]
        moment: Box<Placed>,
    },
}

/// What was found, and behind which row to go on; nothing at the end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hits {
    /// Them: people first, then cases, then moments, the newest first.
    pub hits: Vec<Hit>,
    /// Behind which row to go on.
    pub next: Option<i64>,
}

/// The number that a row has in the index: the highest is found first. Nothing for a row that cannot be found.
pub fn number(key: &[u8]) -> Option<i64> {
    /// Bits of a moment's number that tell those of one millisecond apart; the rest lasts until 2109.
    const SAME_TIME: u32 = 19;
    let id = || Some(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?));
    let of_class = |class: u64| Some((class << 61 | id()? >> 3).cast_signed());
    match *key.first()? {
        CONTACT => of_class(2),
        CASE => of_class(1),
        MOMENT => {
            let at = moment_ref(key)?.at.millis().clamp(0, (1 << 42) - 1);
            let own = crc32fast::hash(key) & ((1 << SAME_TIME) - 1);
            Some(at << SAME_TIME | i64::from(own))
        }
        _ => None,
    }
}

/// The words of a row; nothing if it has none, or none that can be read any more.
pub fn words(key: &[u8], row: &[u8], keys: &dyn Reads) -> Option<String> {
    let mut words = Words { text: String::new(), keys };
    match *key.first()? {
        CONTACT => {
            let contact = contact(row)?;
            let fields = contact.fields.values().filter_map(|field| field.now.value.as_ref());
            fields.for_each(|value| words.add(value));
            contact.pins.iter().for_each(|pin| words.add(&pin.fact));
            contact.tags.iter().for_each(|tag| words.say(tag));
            contact.identities.iter().for_each(|link| words.identity(&link.identity));
        }
        CASE => case(row)?.title.iter().for_each(|title| words.add(title)),
        MOMENT => words.moment(moment(row)?.what),
        _ => return None,
    }
    (!words.text.is_empty()).then_some(words.text)
}

struct Words<'a> {
    text: String,
    keys: &'a dyn Reads,
}

impl Words<'_> {
    fn say(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn add(&mut self, personal: &Personal) {
        if let Some(text) = self.keys.read(personal) {
            self.say(&text);
        }
    }

    fn identity(&mut self, identity: &Identity<Personal>) {
        let Some(text) = self.keys.read(&identity.value) else { return };
        self.say(&text);
        if identity.kind == Kind::Phone {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            self.say(&digits);
            self.say(&end_of(&digits));
        }
    }

    fn moment(&mut self, what: Happening<Personal>) {
        match what {
            // Who calls is found by the contact; what was said will be a transcript.
            Happening::Call { .. } => {}
            Happening::Message { text, reference, .. } => {
                text.iter().for_each(|text| self.add(text));
                reference.iter().for_each(|reference| self.say(reference));
            }
            Happening::Seen { name, detail, .. } => {
                self.say(&name);
                detail.iter().for_each(|detail| self.add(detail));
            }
            Happening::Note { text } => self.add(&text),
            Happening::Disposition { code, fields, .. } => {
                self.say(&code);
                fields.values().for_each(|text| self.add(text));
            }
        }
    }
}

/// A number's digits, so that how it ends is how this begins.
fn end_of(digits: &str) -> String {
    END.chars().chain(digits.chars().rev()).collect()
}

/// What the index is asked for what somebody writes, in the words of SQLite's FTS5; nothing if there is too little to
/// look for.
pub fn expression(text: &str) -> Option<String> {
    let mut parts = Vec::new();
    let mut number: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        if is_number(word) {
            number.push(word);
            continue;
        }
        parts.extend(of_number(&std::mem::take(&mut number)));
        parts.extend(of_words(word));
    }
    parts.extend(of_number(&number));
    parts.truncate(MOST_WORDS);
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit() || "+-()/.".contains(c))
}

/// Each word of a word: what the index takes for several, such as an address, is looked for as several.
fn of_words(word: &str) -> Option<String> {
    // An accent that stands behind its letter belongs to it.
    let parts = word.split(|c: char| !c.is_alphanumeric() && !('\u{300}'..='\u{36f}').contains(&c));
    let long = parts.filter(|part| part.chars().count() >= SHORTEST);
    let parts: Vec<_> = long.take(MOST_WORDS).map(begins).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// Groups of digits in a row: how a number ends, in as many groups as somebody likes; or each by itself how a word
/// begins.
fn of_number(groups: &[&str]) -> Option<String> {
    let digits: String = groups.concat().chars().filter(char::is_ascii_digit).take(20).collect();
    // In front of a number at home, or of a country's: our numbers are in full.
    let own = digits.trim_start_matches('0');
    let end = (own.len() >= SHORTEST_END).then(|| begins(&end_of(own)));
    let each: Vec<_> = groups.iter().filter_map(|group| of_words(group)).collect();
    match (end, each.is_empty()) {
        (Some(end), false) => Some(format!("({end} OR ({}))", each.join(" AND "))),
        (end, true) => end,
        (None, false) => Some(each.join(" AND ")),
    }
}

/// Nothing that somebody writes has a meaning of its own: only letters and digits come here.
fn begins(word: &str) -> String {
    format!("\"{word}\"*")
}

impl Eyes<'_> {
    /// What was found under a row's key; nothing if it is not there any more, or nobody's.
    pub fn hit(&self, key: &[u8]) -> Option<Hit> {
        let id = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
        let (contact, what) = match *key.first()? {
            CONTACT => {
                let contact = self.contact(ContactId(id))?;
                let identities = contact.identities.into_iter().map(|link| link.identity);
                (contact.id, What::Contact { identities: identities.collect() })
            }
            CASE => {
                let case = self.case(CaseId(id))?;
                (case.contact, What::Case { case: case.id, title: case.title })
            }
            MOMENT => {
                let place = moment_ref(key)?;
                let whose = Whose::Contact(place.contact);
                let found = moment(&self.rows.get(key)?)?;
                let found = found.map(whose, &mut |_, text| read(self.keys, &text));
                let moment = Box::new(Placed { place, moment: found });
                (place.contact, What::Moment { moment })
            }
            _ => return None,
        };
        let known = self.known(contact);
        let (parents, _) = self.person(contact);
        let person = crate::context::root(&parents, contact);
        Some(Hit { person, name: known.name, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Ref;
    use crate::store::context::{contact_key, moment_key};
    use crate::time::UnixTime;

    #[test]
    fn what_somebody_writes_is_words_and_ends_of_numbers_and_nothing_else() {
        for (text, expected) in [
            ("Ann", Some("\"Ann\"*")),
            ("o'brien", Some("\"brien\"*")),
            ("a@b.example", Some("\"example\"*")),
            ("x", None),
            ("\" OR * ) NEAR", Some("\"OR\"* AND \"NEAR\"*")),
            ("55", Some("\"55\"*")),
            ("555-1200", Some("(\"qzq0021555\"* OR (\"555\"* AND \"1200\"*))")),
            ("0 55", Some("\"55\"*")),
            ("ann (408) 555", Some("\"ann\"* AND (\"qzq555804\"* OR (\"408\"* AND \"555\"*))")),
            ("0171 23", Some("(\"qzq32171\"* OR (\"0171\"* AND \"23\"*))")),
            ("", None),
        ] {
            assert_eq!(expression(text).as_deref(), expected, "{text}");
        }
        assert!(expression(&"word ".repeat(1_000)).is_some_and(|long| long.len() < 200));
    }

    #[test]
    fn people_are_found_before_moments_and_the_newest_of_these_first() {
        let place = |at: i64| {
            let at = UnixTime(at);
            number(&moment_key(Ref { contact: ContactId(7), at, seq: 1 })).unwrap()
        };
        let person = number(&contact_key(ContactId(u64::MAX))).unwrap();
        assert!(place(1_700_000_000_001_000) < place(1_700_000_000_002_000) && place(-1) >= 0);
        assert!(person > place(i64::MAX) && person > 0);
        assert_eq!(number(b"m"), None);
    }
}
