//! Interactions of all sites, as far as they were allowed to leave them, for whoever takes them elsewhere.

use serde_json::{Map, Value};

use crate::hub::kept::Kept;
use crate::hub::reporting::{Rows, Sheet};
use crate::report::interaction::Interaction;
use crate::time::UnixTime;

/// Takes in what is kept, in order, and answers rows.
#[derive(Debug, Default)]
pub struct Interactions {
    sheet: Sheet,
}

impl Interactions {
    /// Takes up something that is kept.
    pub fn take(&mut self, kept: &Kept) {
        self.sheet.take(kept);
        // What is not exported is not held: there may be millions.
        let Sheet { events, lost, outboxes, agent_states, .. } = &mut self.sheet;
        [events, lost, outboxes, agent_states].into_iter().for_each(Rows::clear);
    }

    /// All that began at or after a moment, in order of time.
    pub fn finish(self, since: UnixTime) -> Vec<Interaction> {
        let Sheet { calls, messages, contacts, .. } = self.sheet;
        let calls = calls.values().map(|row| Interaction {
            from: text(row, "from_number"),
            to: text(row, "to_number"),
            queue: text(row, "queue"),
            agent: text(row, "agent"),
            outcome: text(row, "cause"),
            answered: time(row, "answered"),
            ended: time(row, "ended"),
            fee_millionths: row.get("fee_millionths").and_then(Value::as_i64),
            ..common("call", row, "call", "arrived")
        });
        let messages = messages.values().map(|row| Interaction {
            conversation: text(row, "conversation"),
            channel: text(row, "channel"),
            outcome: text(row, "status"),
            text: text(row, "text"),
            ended: time(row, "changed"),
            ..common("message", row, "message", "begun")
        });
        let contacts = contacts.values().filter(|row| time(row, "erased").is_none());
        let contacts = contacts.map(|row| Interaction {
            name: text(row, "name"),
            contact: None,
            ended: time(row, "changed"),
            ..common("contact", row, "contact", "created")
        });
        let all = calls.chain(messages).chain(contacts);
        let mut rows: Vec<_> = all.filter(|row| row.at >= since).collect();
        rows.sort_by(|a, b| (a.at, &a.site, &a.kind, &a.id).cmp(&(b.at, &b.site, &b.kind, &b.id)));
        rows
    }
}

fn common(kind: &str, row: &Map<String, Value>, id: &str, at: &str) -> Interaction {
    Interaction {
        kind: kind.to_owned(),
        site: text(row, "site").unwrap_or_default(),
        id: text(row, id).unwrap_or_default(),
        at: time(row, at).unwrap_or_default(),
        direction: text(row, "direction"),
        contact: text(row, "contact"),
        ..Interaction::default()
    }
}

fn text(row: &Map<String, Value>, name: &str) -> Option<String> {
    row.get(name)?.as_str().map(str::to_owned)
}

fn time(row: &Map<String, Value>, name: &str) -> Option<UnixTime> {
    row.get(name)?.as_i64().map(UnixTime)
}
