//! Contacts, for branches that share them: the kinds `card`, `erased` and `confirmed` of [`crate::context::card::Event`].
//!
//! What a card says is what the same change says: nothing is looked up for it, so that it can be made again from the journal.
//! By an identity that is kept or masked nobody is known elsewhere; a field that is hashed or kept is nobody else's business.

use super::super::personal::Personal;
use super::{Outward, class_of, text};
use crate::context::card::{Card, Event, Masked};
use crate::context::{Act, Carded, Change};
use crate::uplink::frame::{self, Class as Sort};
use crate::uplink::policy::{Class, Treatment};

impl Outward {
    /// What an act says to branches that share contacts.
    pub(super) fn cards(&self, act: &Act<Personal>) -> Vec<frame::Event> {
        let said = act.changes.iter().filter_map(|change| self.said(change));
        let event = |said: Event| {
            // Texts and numbers always have a form.
            let body = serde_json::to_vec(&said).unwrap_or_default();
            frame::Event { class: Sort::PERSON, body }
        };
        said.map(event).collect()
    }

    fn said(&self, change: &Change<Personal>) -> Option<Event> {
        match change {
            Change::Carded { contact, card } => {
                Some(Event::Card { contact: contact.to_string(), card: self.card(card) })
            }
            Change::Erased { erasure, contacts, keys: _, recordings: _, rule } => {
                let contacts = contacts.iter().map(ToString::to_string).collect();
                // What a rule of the site erases is the site's own matter, and what another branch has asked for spreads
                // from there.
                let spreads = rule.is_none();
                Some(Event::Erased { erasure: erasure.to_string(), contacts, spreads })
            }
            Change::Confirmed { asked, contact: _, done, waits, why } => {
                let why = why.as_ref().and_then(text);
                let why = why.and_then(|why| self.policy.leaves(Class::Note, why));
                let (asked, done, waits) = (asked.clone(), *done, *waits);
                Some(Event::Confirmed { asked, done, waits, why })
            }
            _ => None,
        }
    }

    fn card(&self, said: &Carded<Personal>) -> Card {
        let Carded { stamp, identities, fields } = said;
        let mut card = Card { stamp: *stamp, ..Card::default() };
        let token = |identity: &crate::context::Identity<Personal>| {
            let class = class_of(identity.kind);
            let leaves = matches!(self.policy.of(class), Treatment::Hash | Treatment::Send);
            Some(self.policy.token(class, text(&identity.value).filter(|_| leaves)?))
        };
        card.tokens = identities.iter().filter_map(token).collect();
        for (name, field) in fields {
            let class = if name == "name" { Class::Name } else { Class::Field };
            let read =
                |value: Option<Personal>| value.and_then(|one| text(&one).map(str::to_owned));
            match self.policy.of(class) {
                Treatment::Send => {
                    card.fields.insert(name.clone(), field.clone().map(read));
                }
                Treatment::Mask => {
                    let shown = field.value().cloned().and_then(read);
                    let text = shown.and_then(|shown| self.policy.leaves(class, &shown));
                    if let Some(stamp) = field.stamp() {
                        card.masked.insert(name.clone(), Masked { stamp, text });
                    }
                }
                Treatment::Hash | Treatment::Keep => {}
            }
        }
        card.bounded()
    }
}
