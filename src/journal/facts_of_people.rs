//! Facts about people and their issues: who is the same person, what a contact was about, which issue was closed.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::{Change, Identity, Kind};
use crate::id::{CaseId, ContactId, WorkId};
use crate::journal::context::implicit;
use crate::journal::event::{CallRecord, Direction};
use crate::journal::personal::{Personal, Subject};
use crate::report::fact::{Case, Person, Place, Topic, What};

/// What an issue is about of which nobody has said it.
const SOME_TOPIC: &str = "-";

/// Who is who. Sixteen bytes or so for each number that ever called: a journal of 200,000 people fits into 20 MB.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Whose a number is, by the first bits of its subject.
    owners: BTreeMap<u64, ContactId>,
    /// What contacts are called in facts: the first number of theirs that was seen.
    names: BTreeMap<ContactId, Person>,
    cases: BTreeMap<CaseId, Issue>,
    /// Whose what is no number is, by the first bits of its subject: addresses, accounts.
    others: BTreeMap<u64, ContactId>,
    /// Contacts that stand for lines which several people share.
    lines: BTreeSet<ContactId>,
}

#[derive(Debug, Default, Clone)]
struct Issue {
    contact: Option<ContactId>,
    topic: Option<Topic>,
}

/// The subject that a number is sealed under, of which two people share the first 64 bits in a branch with a million
/// callers once in 30 million branches.
fn subject(personal: &Personal) -> Option<&Subject> {
    match personal {
        Personal::Sealed(subject, _) => Some(subject),
        Personal::Clear(_) | Personal::Named { .. } => None,
    }
}

impl People {
    /// Who has this number.
    pub fn person(&self, number: &Personal) -> Option<Person> {
        let number = subject(number)?.number();
        let known = self.owners.get(&number).and_then(|contact| self.names.get(contact));
        Some(known.copied().unwrap_or(Person(number)))
    }

    /// Who has this number, if that is one person.
    pub fn resolved(&self, number: &Personal) -> Option<Person> {
        let of = subject(number).and_then(|subject| self.owners.get(&subject.number()));
        self.person(number).filter(|_| of.is_none_or(|contact| !self.lines.contains(contact)))
    }

    /// Whoever is known by this, if that is one person.
    pub fn known_by(&self, identity: &Identity<Personal>) -> Option<Person> {
        if identity.kind == Kind::Phone {
            return self.resolved(&identity.value);
        }
        let number = subject(&identity.value)?.number();
        let contact = self.others.get(&number);
        contact.map_or(Some(Person(number)), |contact| self.one(*contact))
    }

    /// The person that a contact belongs to, with a number or without; nobody where it stands for a line that is shared.
    pub fn one(&self, contact: ContactId) -> Option<Person> {
        let known = self.names.get(&contact).copied();
        Some(known.unwrap_or(Person(contact.0))).filter(|_| !self.lines.contains(&contact))
    }

    /// A call is over: a number that nobody had is a contact's from here on.
    pub fn called(&mut self, seq: u64, record: &CallRecord) {
        if record.direction == Direction::Internal {
            return;
        }
        let Some(subject) = record.party.as_ref().and_then(subject) else { return };
        let contact = self.owners.entry(subject.number()).or_insert_with(|| implicit(seq, subject));
        let contact = *contact;
        // As it is shown, a number may be written otherwise than in full.
        let shown = Some(&record.from).filter(|_| record.direction == Direction::Inbound);
        let shown = shown.and_then(self::subject).unwrap_or(subject).number();
        self.owners.entry(shown).or_insert(contact);
        self.names.entry(contact).or_insert(Person(shown));
    }

    /// Somebody changed what is known of people.
    pub fn change(&mut self, change: &Change<Personal>, tell: &mut dyn FnMut(What)) {
        match change {
            Change::Linked { contact, identity, .. } | Change::Unshared { identity, contact } => {
                self.link(identity, *contact);
            }
            Change::Shared { identity, line, .. } => {
                self.link(identity, *line);
                self.lines.insert(*line);
            }
            Change::Restored { contact } => {
                contact.identities.iter().for_each(|link| self.link(&link.identity, contact.id));
            }
            Change::Unlinked { contact, identity } => {
                let number = subject(&identity.value).map(Subject::number);
                self.owners.retain(|own, of| Some(*own) != number || of != contact);
                self.others.retain(|own, of| Some(*own) != number || of != contact);
            }
            // What was counted before stays as it was counted.
            Change::Merged(merge) => {
                let kept = self.names.get(&merge.kept).or(self.names.get(&merge.gone)).copied();
                if let Some(kept) = kept {
                    self.names.insert(merge.kept, kept);
                    self.names.insert(merge.gone, kept);
                }
            }
            Change::Unmerged(merge) => {
                let own = self.owners.iter().find(|(_, of)| **of == merge.gone);
                let own = own.map(|(number, _)| Person(*number));
                self.names.extend(own.map(|person| (merge.gone, person)));
            }
            Change::CaseOpened { case, contact, .. } => {
                self.cases.entry(*case).or_default().contact = Some(*contact);
            }
            Change::CaseSplit { from, case, contact, .. } => {
                let topic = self.cases.get(from).and_then(|issue| issue.topic.clone());
                self.cases.insert(*case, Issue { contact: Some(*contact), topic });
            }
            Change::CasesMerged { gone, .. } => drop(self.cases.remove(gone)),
            Change::Disposed { contact, case, call, code, .. } => {
                let topic = Topic::from(code.as_str());
                if let Some(case) = case {
                    let issue = self.cases.entry(*case).or_default();
                    issue.contact.get_or_insert(*contact);
                    issue.topic = Some(topic.clone());
                }
                if let Some(call) = call {
                    tell(What::About { work: WorkId(call.0), topic });
                }
            }
            Change::CaseClosed { case, closed: true } => self.closed(*case, tell),
            _ => {}
        }
    }

    fn link(&mut self, identity: &Identity<Personal>, contact: ContactId) {
        let Some(subject) = subject(&identity.value) else { return };
        if identity.kind != Kind::Phone {
            self.others.insert(subject.number(), contact);
            return;
        }
        self.owners.insert(subject.number(), contact);
        self.names.entry(contact).or_insert(Person(subject.number()));
    }

    fn closed(&self, case: CaseId, tell: &mut dyn FnMut(What)) {
        let Some(issue) = self.cases.get(&case) else { return };
        let person = issue.contact.and_then(|contact| self.names.get(&contact));
        // Whoever has no number cannot be seen to come again.
        if let Some(person) = person.copied() {
            let topic = issue.topic.clone().unwrap_or_else(|| SOME_TOPIC.into());
            tell(What::CaseClosed { case: Case(case.0), person, topic, place: Place::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{How, Merge};
    use crate::id::{ActorId, CallId, MergeId};
    use crate::time::UnixTime;

    const ONE: ContactId = ContactId(1);
    const OTHER: ContactId = ContactId(2);

    /// A number as the journal has it, by the byte that its subject is made of.
    fn sealed(number: u8) -> Personal {
        Personal::Sealed(Subject::from([number; 16]), Vec::new())
    }

    fn linked(contact: ContactId, number: u8) -> Change<Personal> {
        let identity = Identity { kind: Kind::Phone, value: sealed(number) };
        Change::Linked { contact, identity, how: How::First }
    }

    fn merge() -> Merge {
        let (id, by) = (MergeId(1), ActorId::from("user lead"));
        Merge { id, kept: ONE, gone: OTHER, by, at: UnixTime(0), evidence: Default::default() }
    }

    fn told(people: &mut People, changes: Vec<Change<Personal>>) -> Vec<What> {
        let mut facts = Vec::new();
        changes.iter().for_each(|change| people.change(change, &mut |fact| facts.push(fact)));
        facts
    }

    #[test]
    fn whoever_is_one_person_by_their_record_is_one_in_reports() {
        let mut people = People::default();
        let alone = people.person(&sealed(7));
        assert!(alone.is_some() && alone != people.person(&sealed(8)), "a number of nobody's");
        told(&mut people, vec![linked(ONE, 7), linked(ONE, 8), linked(OTHER, 9)]);
        assert_eq!(people.person(&sealed(7)), people.person(&sealed(8)), "two numbers of one");
        assert_ne!(people.person(&sealed(7)), people.person(&sealed(9)));
        told(&mut people, vec![Change::Merged(merge())]);
        assert_eq!(people.person(&sealed(7)), people.person(&sealed(9)));
        told(&mut people, vec![Change::Unmerged(merge())]);
        assert_ne!(people.person(&sealed(7)), people.person(&sealed(9)));
        assert_eq!(people.person(&"+1555".into()), None, "what is in clear was never in a journal");
    }

    #[test]
    fn dispositions_say_what_a_contact_and_a_case_were_about() {
        let mut people = People::default();
        let (case, call) = (CaseId(5), CallId(6));
        let opened = Change::CaseOpened { case, contact: ONE, title: None, moments: Vec::new() };
        let close = || Change::CaseClosed { case, closed: true };
        let none = told(&mut people, vec![opened, close()]);
        assert!(none.is_empty(), "nobody would be seen to come again");
        let code = "billing".to_owned();
        let fields = Default::default();
        let (case_of, call_of) = (Some(case), Some(call));
        let disposed =
            Change::Disposed { contact: ONE, case: case_of, call: call_of, code, fields };
        let facts = told(&mut people, vec![linked(ONE, 7), disposed, close()]);
        let person = people.person(&sealed(7)).unwrap();
        let (topic, place) = (Topic::from("billing"), Place::default());
        let wanted = [
            What::About { work: WorkId(6), topic: topic.clone() },
            What::CaseClosed { case: Case(5), person, topic, place },
        ];
        assert_eq!(facts, wanted);
        let again = told(&mut people, vec![Change::CaseClosed { case, closed: false }]);
        assert!(again.is_empty());
    }
}
