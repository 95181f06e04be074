//! A branch's interactions, put together from its journal for whoever takes them elsewhere.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Change;
use crate::journal::event::{CallRecord, Event};
use crate::journal::personal::{Personal, Reads};
use crate::messaging::{Entry, Piece, What};
use crate::report::interaction::Interaction;
use crate::time::UnixTime;

/// Takes events in, in order, and answers rows.
#[derive(Debug)]
pub struct Export<'k> {
    site: String,
    since: UnixTime,
    keys: &'k dyn Reads,
    calls: Vec<Interaction>,
    messages: BTreeMap<String, Interaction>,
    contacts: BTreeMap<String, Interaction>,
}

impl<'k> Export<'k> {
    /// Of what happened at a site since then. Texts that nobody can read any more are left out.
    pub fn new(site: &str, since: UnixTime, keys: &'k dyn Reads) -> Export<'k> {
        Export {
            site: site.to_owned(),
            since,
            keys,
            calls: Vec::new(),
            messages: BTreeMap::new(),
            contacts: BTreeMap::new(),
        }
    }

    /// Takes an event.
    pub fn handle(&mut self, event: &Event) {
        match event {
            Event::CallRecord(record) if record.arrived >= self.since => self.call(record),
            Event::Message(entry) => self.message(entry),
            Event::Context(act) => {
                act.changes.iter().for_each(|change| self.change(act.at, change));
            }
            _ => {}
        }
    }

    /// All rows, in order of time.
    pub fn finish(self) -> Vec<Interaction> {
        let Export { since, calls, messages, contacts, .. } = self;
        let written = messages.into_values().chain(contacts.into_values());
        let mut rows: Vec<_> =
            calls.into_iter().chain(written).filter(|row| row.at >= since).collect();
        rows.sort_by(|a, b| (a.at, &a.kind, &a.id).cmp(&(b.at, &b.kind, &b.id)));
        rows
    }

    fn row(&self, kind: &str, id: String, at: UnixTime) -> Interaction {
        let (kind, site) = (kind.to_owned(), self.site.clone());
        Interaction { kind, site, id, at, ..Interaction::default() }
    }

    fn text(&self, personal: &Personal) -> Option<String> {
        self.keys.read(personal)
    }

    fn call(&mut self, record: &CallRecord) {
        let row = self.row("call", record.call.to_string(), record.arrived);
        let row = Interaction {
            direction: word(&record.direction),
            from: self.text(&record.from),
            to: self.text(&record.to),
            contact: record.contact.as_ref().map(ToString::to_string),
            queue: record.queue.as_ref().map(ToString::to_string),
            agent: record.agent.as_ref().map(ToString::to_string),
            outcome: word(&record.cause),
            answered: record.answered,
            ended: Some(record.ended),
            fee_millionths: record.fee.and_then(|fee| i64::try_from(fee.0).ok()),
            ..row
        };
        self.calls.push(row);
    }

    fn message(&mut self, entry: &Entry<Personal>) {
        let (message, direction, way, pieces) = match &entry.what {
            What::Arrived { message, way, pieces, .. } => (message, "in", way, pieces),
            What::Queued { message, way, pieces, .. } => (message, "out", way, pieces),
            What::Became { message, status } => {
                let status = serde_json::to_value(status).ok();
                let status = status.and_then(|status| Some(status["status"].as_str()?.to_owned()));
                return self.became(&message.to_string(), entry.at, status);
            }
            What::Accepted { message, .. } => {
                return self.became(&message.to_string(), entry.at, Some("accepted".to_owned()));
            }
            What::Unknown { message } => {
                return self.became(&message.to_string(), entry.at, Some("unknown".to_owned()));
            }
            _ => return,
        };
        let row = self.row("message", message.to_string(), entry.at);
        let texts: Vec<_> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Text { text } => self.text(text),
                _ => None,
            })
            .collect();
        let row = Interaction {
            direction: Some(direction.to_owned()),
            from: self.text(&way.peer),
            contact: Some(entry.contact.to_string()),
            conversation: Some(entry.conversation.to_string()),
            channel: Some(way.channel.to_string()),
            text: (!texts.is_empty()).then(|| texts.join("\n")),
            ..row
        };
        self.messages.insert(message.to_string(), row);
    }

    fn became(&mut self, message: &str, at: UnixTime, status: Option<String>) {
        if let Some(row) = self.messages.get_mut(message) {
            (row.outcome, row.ended) = (status, Some(at));
        }
    }

    fn change(&mut self, at: UnixTime, change: &Change<Personal>) {
        match change {
            Change::Created { contact } => {
                let row = self.row("contact", contact.to_string(), at);
                self.contacts.insert(contact.to_string(), row);
            }
            Change::Field { contact, name, value, .. } if name == "name" => {
                let text = value.as_ref().and_then(|value| self.text(value));
                if let Some(row) = self.contacts.get_mut(&contact.to_string()) {
                    (row.name, row.ended) = (text, Some(at));
                }
            }
            Change::Erased { contacts, .. } => {
                for contact in contacts {
                    self.contacts.remove(&contact.to_string());
                }
            }
            _ => {}
        }
    }
}

/// What a word of ours is in JSON.
fn word(of: &impl Serialize) -> Option<String> {
    serde_json::to_value(of).ok()?.as_str().map(str::to_owned)
}
