//! The phones of one extension as the journal keeps them: a list as long as it must be, for there are thousands of these
//! and nearly all hold one phone. A map of one entry takes six hundred bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::journal::text::Text;

/// Registrations by Contact, in the order of these. In JSON it is an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phones(Vec<(Box<str>, Text)>);

impl Phones {
    /// Puts a registration in, in place of the one with the same Contact.
    pub fn insert(&mut self, contact: &str, binding: Text) {
        match self.place(contact) {
            Ok(place) => self.0[place].1 = binding,
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (contact.into(), binding));
            }
        }
    }

    /// Takes the registration with this Contact out, if it is there.
    pub fn remove(&mut self, contact: &str) {
        if let Ok(place) = self.place(contact) {
            self.0.remove(place);
            self.0.shrink_to_fit();
        }
    }

    /// Whether there is one with this Contact.
    pub fn has(&self, contact: &str) -> bool {
        self.place(contact).is_ok()
    }

    /// Contact and registration of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.0.iter().map(|(contact, binding)| (&**contact, binding))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, contact: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(contact))
    }
}

impl Serialize for Phones {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Phones {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Phones, D::Error> {
        let read = BTreeMap::<Box<str>, Text>::deserialize(deserializer)?;
        Ok(Phones(read.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u8) -> Text {
        Text::of(&number).unwrap()
    }

    #[test]
    fn it_is_a_map_that_reads_and_writes_as_one() {
        let mut phones = Phones::default();
        for (contact, number) in [("b", 1), ("a", 2), ("c", 3), ("b", 4)] {
            phones.insert(contact, text(number));
        }
        assert_eq!(serde_json::to_string(&phones).unwrap(), r#"{"a":2,"b":4,"c":3}"#);
        let read: Phones = serde_json::from_str(r#"{"c":3,"a":2,"b":4}"#).unwrap();
        assert_eq!(read, phones);
        phones.remove("a");
        phones.remove("nobody");
        assert!(phones.has("b") && !phones.has("a") && !phones.is_empty());
        assert_eq!(phones.iter().collect::<Vec<_>>(), [("b", &text(4)), ("c", &text(3))]);
    }
}
