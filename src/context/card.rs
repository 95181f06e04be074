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
            self.fields.entry(name).or_default().merge(&field);
        }
        for (name, masked) in said.masked {
            let later = self.masked.get(&name).is_none_or(|known| known.stamp < masked.stamp);
            later.then(|| self.masked.insert(name, masked));
        }
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
}
