//! What branches tell each other of a contact.
//!
//! A [`Card`] is what leaves a branch: tokens by which others know the same person without a number being said, fields with
//! who has seen what of them ([`Shared`]), and what is left of a field under a mask, which is shown and never taken for the
//! field. Cards of one contact are joined in any order, any number of times. What is not understood is kept.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shared::Shared;
use crate::stamp::Stamp;

/// Octets of a card as JSON. What a branch is told at a time has room for several; a frame for sixteen.
pub const LONGEST_CARD: usize = 64 << 10;
/// Fields of a card: a contact has no more.
const MOST_FIELDS: usize = 64;
/// Tokens of a card: a contact has no more identities.
const MOST_TOKENS: usize = 64;
/// Octets of a name of anything in it, and of a token, which has 33.
pub const LONGEST_NAME: usize = 64;
/// Values that one field may have at the same time, and writers who have ever said something of it: more are no branches.
const MOST_VALUES: usize = 32;
const MOST_WRITERS: usize = 256;
/// Characters of what is left under a mask.
const LONGEST_MASK: usize = 256;
/// Octets of what a newer box says besides.
const MOST_MORE: usize = 4 << 10;

/// The number under which what is said of a contact at a box is stamped; `house` is what no other box has. Each contact has
/// one of its own: two contacts of a site may be one person elsewhere, and what was said of the one nobody has seen who
/// speaks of the other.
pub fn writer(house: &str, contact: &str) -> u64 {
    let said = [b"branchline writer: ", house.as_bytes(), b"/", contact.as_bytes()].concat();
    let hash = digest(&SHA256, &said);
    hash.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// What is left of a field under a mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Masked {
    /// When the field was said.
    pub stamp: Stamp,
    /// What is left; nothing: it was taken away.
    pub text: Option<String>,
}

/// What a branch says of a contact, as it leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// When that was said last; its number is the contact's own.
    pub stamp: Stamp,
    /// By what others know the same person; all of it.
    pub tokens: BTreeSet<String>,
    /// Fields that leave as they are, by name; those that have changed.
    pub fields: BTreeMap<String, Shared<Option<String>>>,
    /// The same of those of which a part leaves.
    pub masked: BTreeMap<String, Masked>,
    /// What a newer box says besides.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

impl Card {
    /// Takes up what was said of the same contact.
    pub fn absorb(&mut self, said: Card) {
        if said.stamp >= self.stamp {
            self.stamp = said.stamp;
            self.tokens = said.tokens;
            self.more.extend(said.more);
        }
        for (name, field) in said.fields {
            // It leaves once more: what was left of it before says nothing any more.
            let latest = field.latest();
            let before = self.masked.get(&name).is_some_and(|masked| Some(masked.stamp) <= latest);
            before.then(|| self.masked.remove(&name));
            self.fields.entry(name).or_default().merge(&field);
        }
        for (name, masked) in said.masked {
            let later = self.masked.get(&name).is_none_or(|known| known.stamp < masked.stamp);
            later.then(|| self.masked.insert(name, masked));
        }
    }

    /// So much of it as may go over a line, whoever has made it. A field that does not fit is left out, and shown as one of
    /// which nothing leaves but its length.
    pub fn bounded(mut self) -> Card {
        self.tokens.retain(|token| token.len() <= LONGEST_NAME);
        while self.tokens.len() > MOST_TOKENS {
            self.tokens.pop_last();
        }
        while !self.more.is_empty() && length(&self.more) > MOST_MORE {
            self.more.pop_last();
        }
        self.fields.retain(|name, _| name.len() <= LONGEST_NAME);
        self.masked.retain(|name, masked| name.len() <= LONGEST_NAME && masked.fits());
        let crowded = self.fields.iter().filter(|(_, field)| {
            field.values().count() > MOST_VALUES || field.sites() > MOST_WRITERS
        });
        let crowded: Vec<_> = crowded.map(|(name, _)| name.clone()).collect();
        crowded.iter().for_each(|name| self.leave_out(name));
        while self.fields.len() > MOST_FIELDS {
            self.fields.pop_last();
        }
        while self.masked.len() > MOST_FIELDS {
            self.masked.pop_last();
        }
        self.shortened()
    }

    /// Without the longest fields, until the rest fits.
    fn shortened(mut self) -> Card {
        if length(&self) <= LONGEST_CARD {
            return self;
        }
        let mut by_size: Vec<_> =
            self.fields.iter().map(|(name, field)| (length(field), name.clone())).collect();
        by_size.sort();
        while length(&self) > LONGEST_CARD {
            match by_size.pop() {
                Some((_, name)) => self.leave_out(&name),
                None if self.masked.pop_last().is_some() => {}
                None => break,
            }
        }
        self
    }

    fn leave_out(&mut self, name: &str) {
        let Some(field) = self.fields.remove(name) else { return };
        let Some((stamp, shown)) = field.values().next() else { return };
        let characters = shown.as_ref().map(|text| text.chars().count());
        let text = characters.map(|count| format!("({count} characters)"));
        self.masked.insert(name.to_owned(), Masked { stamp: *stamp, text });
    }
}

/// Octets of something as JSON.
fn length<T: Serialize>(what: &T) -> usize {
    serde_json::to_vec(what).map_or(usize::MAX, |bytes| bytes.len())
}

impl Masked {
    fn fits(&self) -> bool {
        let text = self.text.as_ref();
        text.is_none_or(|text| text.chars().count() <= LONGEST_MASK)
    }
}

/// A card, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// At which site the contact is.
    pub site: String,
    /// What it is called there.
    pub contact: String,
    /// What it says.
    pub card: Card,
}

/// What a branch is told of people whom it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Another site says something of a person.
    Card {
        /// Which contacts of the branch it is.
        to: Vec<String>,
        /// It.
        known: Known,
    },
    /// A person was erased at another site, and is to be erased here.
    Erase {
        /// Which contacts of the branch.
        to: Vec<String>,
        /// Which erasure that is.
        asked: Asked,
        /// By what the person was known where they were erased.
        #[serde(default)]
        tokens: BTreeSet<String>,
    },
}

/// An erasure at a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asked {
    /// At which.
    pub site: String,
    /// What it is called there.
    pub erasure: String,
}

/// The events of a branch that are about what it shares of people: the bodies of those of class PERSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// What is known of a contact has changed.
    Card {
        /// Which.
        contact: String,
        /// What is known.
        card: Card,
    },
    /// A person was erased.
    Erased {
        /// What the erasure is called.
        erasure: String,
        /// Which contacts.
        contacts: Vec<String>,
        /// Whether everybody who knows the person is to do the same. What a rule of the site erases is the site's own matter.
        #[serde(default)]
        spreads: bool,
    },
    /// What came of an erasure that another site has asked for.
    Confirmed {
        /// Which.
        asked: Asked,
        /// Whether nothing is known of the person any more.
        done: bool,
        /// Whether a person there has to say yes or no first.
        #[serde(default)]
        waits: bool,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(wall: i64, name: &str) -> Card {
        let stamp = Stamp { wall, count: 0, site: writer("berne", "1") };
        let mut field = Shared::default();
        field.set(stamp, Some(name.to_owned()));
        Card {
            stamp,
            tokens: BTreeSet::from([format!("#{wall:x}")]),
            fields: BTreeMap::from([("name".to_owned(), field)]),
            ..Card::default()
        }
    }

    #[test]
    fn a_card_is_read_as_it_was_written_with_what_is_not_understood() {
        let mut said = Event::Card { contact: "5".to_owned(), card: card(7, "Ann") };
        let Event::Card { card, .. } = &mut said else { panic!() };
        card.more.insert("mood".to_owned(), Value::from("good"));
        let text = serde_json::to_string(&said).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), said, "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::from_value::<Event>(value).unwrap(), said);
        let text = r#"{"event":"confirmed","at":5,"asked":{"site":"a","erasure":"b"},"done":true}"#;
        assert!(serde_json::from_str::<Event>(text).is_ok(), "{text}");
    }

    #[test]
    fn cards_are_joined_in_any_order() {
        let (mut one, mut other) = (card(1, "Ann"), card(2, "Anna"));
        let (first, second) = (one.clone(), other.clone());
        one.absorb(second);
        other.absorb(first.clone());
        other.absorb(first);
        assert_eq!(one, other);
        assert_eq!(one.fields["name"].value(), Some(&Some("Anna".to_owned())));
    }

    #[test]
    fn however_long_a_card_is_what_leaves_fits_into_a_frame_and_says_what_does_not() {
        let mut long = card(7, "Ann");
        let field = |text: String| {
            let mut field = Shared::default();
            field.set(Stamp { wall: 7, count: 0, site: 1 }, Some(text));
            field
        };
        long.fields.insert("a-story".to_owned(), field("é".repeat(70_000)));
        long.fields.insert("x".repeat(1_000), field("1".to_owned()));
        (0..1_000).for_each(|at| drop(long.fields.insert(format!("f{at:03}"), field("1".into()))));
        long.tokens.extend((0..1_000).map(|at| format!("#{at}")));
        long.tokens.insert("#".repeat(70_000));
        long.more.insert("mood".to_owned(), Value::from("good".repeat(70_000)));
        let masked = Masked { stamp: long.stamp, text: Some("*".repeat(70_000)) };
        long.masked.insert("place".to_owned(), masked);
        let mut crowd = Shared::default();
        for site in 0..200 {
            crowd.merge(&{
                let mut one = Shared::default();
                one.set(Stamp { wall: 5, count: 0, site }, Some("x".to_owned()));
                one
            });
        }
        long.fields.insert("crowd".to_owned(), crowd);
        let short = long.bounded();
        assert!(serde_json::to_vec(&short).unwrap().len() <= LONGEST_CARD);
        assert!(short.tokens.len() <= 64 && short.fields.len() <= 64 && short.more.is_empty());
        assert_eq!(short.masked["a-story"].text.as_deref(), Some("(70000 characters)"));
        assert_eq!(short.masked["crowd"].text.as_deref(), Some("(1 characters)"));
        assert!(!short.masked.contains_key("place"));
        // What fits leaves as it is, and a field that is shorter later is whole again.
        let good = card(8, "Anna");
        assert_eq!(good.clone().bounded(), good);
        let mut known = short;
        let mut later = card(9, "Anna");
        let mut field = Shared::default();
        field.set(Stamp { wall: 9, count: 0, site: 1 }, Some("short".to_owned()));
        later.fields.insert("a-story".to_owned(), field);
        known.absorb(later);
        assert!(!known.masked.contains_key("a-story") && known.fields.contains_key("a-story"));
    }

    #[test]
    fn sixty_four_long_fields_are_left_out_longest_first() {
        let mut long = card(7, "Ann");
        for at in 0..60 {
            let mut field = Shared::default();
            let text = "x".repeat(1_000 + at * 20);
            field.set(Stamp { wall: 7, count: 0, site: 1 }, Some(text));
            long.fields.insert(format!("f{at:02}"), field);
        }
        let short = long.bounded();
        assert!(serde_json::to_vec(&short).unwrap().len() <= LONGEST_CARD);
        assert!(short.fields.contains_key("f00") && short.fields.contains_key("name"));
        assert!(short.masked.contains_key("f59") && short.fields.len() > 30);
    }
}
