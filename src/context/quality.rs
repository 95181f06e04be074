//! How good records of people are: who may be there twice, numbers that are none, what nobody has looked at for long.
//!
//! Goes through all people once and keeps of each what the next need to be compared with. Says ids, and no text.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::contact::Contact;
use super::identity::{Kind, normalise};
use super::import::Person;
use super::person::{Evidence, bare_mail, plain, probable};
use crate::id::ContactId;
use crate::time::UnixTime;

/// Others of the same name that each is compared with: of a name that more have, a name says little.
const MOST_SAME: usize = 100;
/// Fields with one of these words in their names should be numbers.
const NUMBERS: [&str; 6] = ["phone", "telephone", "tel", "mobile", "cell", "fax"];

/// Two who may be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Double {
    /// The lower id.
    pub a: ContactId,
    /// The higher one.
    pub b: ContactId,
    /// Why.
    pub evidence: BTreeSet<Evidence>,
}

/// A field of somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Of {
    /// Whose.
    pub contact: ContactId,
    /// Which field, or which kind of identity.
    pub field: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// How many people there are.
    pub people: u64,
    /// Who may be there twice.
    pub duplicates: Vec<Double>,
    /// Numbers that are none.
    pub malformed: Vec<Of>,
    /// What was said long ago.
    pub stale: Vec<Of>,
    /// Who can be recognised by nothing.
    pub unknown: Vec<ContactId>,
}

/// Goes through all people.
#[derive(Debug)]
pub struct Survey {
    now: UnixTime,
    stale_after: Duration,
    quality: Quality,
    /// What is compared of each.
    seen: Vec<(Contact<String>, BTreeSet<ContactId>)>,
    /// Where in `seen` those are that may be the same.
    alike: BTreeMap<String, Vec<usize>>,
}

impl Survey {
    /// What was said longer ago than `stale_after` is stale.
    pub fn new(now: UnixTime, stale_after: Duration) -> Survey {
        let (quality, seen, alike) = (Quality::default(), Vec::new(), BTreeMap::new());
        Survey { now, stale_after, quality, seen, alike }
    }

    /// Looks at one.
    pub fn take(&mut self, person: &Person) {
        self.quality.people += 1;
        if person.contacts.iter().all(|contact| contact.identities.is_empty()) {
            self.quality.unknown.push(person.person);
        }
        for contact in &person.contacts {
            self.fields(contact);
        }
        self.compare(person);
    }

    /// What was found.
    pub fn done(self) -> Quality {
        self.quality
    }

    fn fields(&mut self, contact: &Contact<String>) {
        let of = |field: &str| Of { contact: contact.id, field: field.to_owned() };
        for (name, field) in &contact.fields {
            let Some(value) = &field.now.value else { continue };
            let mut words = name.split(|c: char| !c.is_alphanumeric());
            if words.any(|word| NUMBERS.contains(&word)) && !is_number(value) {
                self.quality.malformed.push(of(name));
            }
            if self.now.since(field.now.said.at) > self.stale_after {
                self.quality.stale.push(of(name));
            }
        }
        let mut phones = contact.identities.iter().filter(|link| link.identity.kind == Kind::Phone);
        if phones.any(|link| !is_number(&link.identity.value)) {
            self.quality.malformed.push(of(Kind::Phone.name()));
        }
    }

    fn compare(&mut self, person: &Person) {
        let one = as_one(person);
        let keys = keys(&one);
        let candidates: BTreeSet<usize> = keys
            .iter()
            .filter_map(|key| self.alike.get(key))
            .flat_map(|known| known.iter().rev().take(MOST_SAME).copied())
            .collect();
        for at in candidates {
            let Some((other, others)) = self.seen.get(at) else { continue };
            let told = person.contacts.iter().any(|contact| others.contains(&contact.id))
                || person.others.contains(&other.id);
            if let Some(evidence) = probable(&one, other).filter(|_| !told) {
                let (a, b) = (one.id.min(other.id), one.id.max(other.id));
                self.quality.duplicates.push(Double { a, b, evidence });
            }
        }
        for key in keys {
            self.alike.entry(key).or_default().push(self.seen.len());
        }
        self.seen.push((one, person.others.clone()));
    }
}

/// What one can be compared by, of all contacts of a person.
fn as_one(person: &Person) -> Contact<String> {
    let mut one = Contact::new(person.person, UnixTime(0), "survey".into());
    for contact in person.in_order() {
        for name in ["name", "birthday", "address", "company"] {
            if let Some(field) = contact.fields.get(name)
                && field.now.value.is_some()
            {
                one.fields.entry(name.to_owned()).or_insert_with(|| field.clone());
            }
        }
        let mails = contact.identities.iter().filter(|link| link.identity.kind == Kind::Email);
        one.identities.extend(mails.cloned());
    }
    one
}

/// Who has none of these in common is not probable to be the same.
fn keys(one: &Contact<String>) -> BTreeSet<String> {
    let name = one.field("name").map(String::as_str).map(plain).filter(|name| !name.is_empty());
    let mails = one.identities.iter().map(|link| bare_mail(&link.identity.value));
    name.map(|name| format!("n{name}")).into_iter().chain(mails.map(|m| format!("m{m}"))).collect()
}

/// Whether a text reads as a number, in full or as it is dialled at the site: how long those are, full numbers say.
fn is_number(text: &str) -> bool {
    let country = |digits: &str| {
        let own = digits.strip_prefix("00").or(digits.strip_prefix('0')).unwrap_or(digits);
        Some(if own.starts_with('+') { own.to_owned() } else { format!("+{own}") })
    };
    normalise(Kind::Phone, text, &country).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Change, How, Identity, Link, Source};

    const DAY: Duration = Duration::from_secs(86_400);

    fn person(id: u64, mail: Option<&str>, fields: &[(&str, &str, i64)]) -> Person {
        let mut contact = Contact::new(ContactId(id), UnixTime(0), "ann".into());
        for (name, value, at) in fields {
            let change = Change::Field {
                contact: contact.id,
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
                source: Source::Import,
                channel: None,
            };
            contact.apply(UnixTime(*at), &"ann".into(), &change);
        }
        if let Some(mail) = mail {
            let identity = Identity { kind: Kind::Email, value: mail.to_owned() };
            let (how, at, by) = (How::Said, UnixTime(0), "ann".into());
            contact.link(Link { identity, how, at, by });
        }
        let (shared, others) = (Vec::new(), BTreeSet::new());
        Person { person: contact.id, contacts: vec![contact], shared, others }
    }

    fn survey(people: &[Person]) -> Quality {
        let mut survey = Survey::new(UnixTime(0) + 400 * DAY, 365 * DAY);
        people.iter().for_each(|person| survey.take(person));
        survey.done()
    }

    #[test]
    fn who_may_be_there_twice_is_told_with_why_unless_somebody_has_said_no() {
        let at = (UnixTime(0) + 399 * DAY).0;
        let mut people = [
            person(1, Some("a.lee@example.com"), &[("name", "Ann Lee", at)]),
            person(2, Some("alee+shop@example.com"), &[("name", "A. Lee", at)]),
            person(3, None, &[("name", "ann  lee", at), ("birthday", "1.2.1970", at)]),
            person(4, None, &[("name", "Ann Lee", at), ("birthday", "1/2/1970", at)]),
        ];
        let found = survey(&people);
        let pairs: Vec<_> =
            found.duplicates.iter().map(|double| (double.a.0, double.b.0)).collect();
        assert_eq!(pairs, [(1, 2), (3, 4)]);
        assert_eq!(found.duplicates[0].evidence, BTreeSet::from([Evidence::SimilarMail]));
        assert_eq!(found.unknown, [ContactId(3), ContactId(4)]);
        assert!(found.stale.is_empty() && found.malformed.is_empty());
        people[3].others.insert(ContactId(3));
        assert_eq!(survey(&people).duplicates.len(), 1);
    }

    #[test]
    fn numbers_that_are_none_and_old_words_are_told_by_field() {
        let (old, new) = ((UnixTime(0) + DAY).0, (UnixTime(0) + 399 * DAY).0);
        let fields = [
            ("mobile", "ask her", new),
            ("fax", "030 1234567", new),
            ("phone_home", "12", old),
            ("name", "Ann", old),
        ];
        let found = survey(&[person(7, Some("ann@example.com"), &fields)]);
        let names = |all: &[Of]| all.iter().map(|of| of.field.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found.malformed), ["mobile", "phone_home"]);
        assert_eq!(names(&found.stale), ["name", "phone_home"]);
        assert!(!serde_json::to_string(&found).unwrap().contains("ask her"), "ids, no text");
    }
}
