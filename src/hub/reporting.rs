//! Events as rows of tables for reporting tools: what a database is to have, whichever way events come again.
//!
//! A row is known by its key, and what is said of one key within a batch is one row; of two words about the same thing the
//! later one holds. So the same events give the same rows, however often and in whatever pieces they are taken up.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::hub::kept::{Kept, OF_HUB, What};
use crate::hub::subject;

/// Rows of one table: their columns, by their keys.
pub type Rows = BTreeMap<Vec<String>, Map<String, Value>>;

/// Rows for every table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// Events as they stand in outboxes.
    pub events: Rows,
    /// Events that are lost for good.
    pub lost: Rows,
    /// Sites, and how far each of their outboxes is.
    pub outboxes: Rows,
    /// Calls that are over.
    pub calls: Rows,
    /// Written messages, each with how it is now.
    pub messages: Rows,
    /// People, as each site knows them.
    pub contacts: Rows,
    /// What agents were, and since when.
    pub agent_states: Rows,
    /// Events that are less than they were, since somebody in them was erased.
    pub less_events: Rows,
    /// What is left of calls.
    pub less_calls: Rows,
    /// What is left of messages.
    pub less_messages: Rows,
}

impl Sheet {
    /// Takes up something that is kept.
    pub fn take(&mut self, kept: &Kept) {
        let (site, epoch) = (kept.site.to_string(), kept.epoch.to_string());
        let upto = match &kept.what {
            What::Lost { from, upto } => {
                let row = json!({ "site": site, "epoch": epoch, "first_n": from, "last_n": upto });
                put(&mut self.lost, [&site, &epoch, &from.to_string()], row);
                *upto
            }
            What::Event { n, event } => {
                // What is no JSON object, or says a NUL, which no database keeps, is there by its number alone.
                let body = serde_json::from_slice::<Value>(&event.body)
                    .ok()
                    .filter(|body| body.is_object() && !has_nul(body))
                    .unwrap_or(Value::Null);
                let row = json!({
                    "site": site, "epoch": epoch, "n": n, "class": subject::kind(Some(event.class)),
                    "kind": body["event"], "at": micros(&body["at"]), "received": kept.at.0, "body": body,
                });
                put(&mut self.events, [&site, &epoch, &format!("{n:020}")], row);
                self.read(&site, &epoch, *n, &body);
                *n
            }
        };
        if epoch != OF_HUB {
            let row = json!({ "site": site, "epoch": epoch, "upto": upto, "received": kept.at.0 });
            put(&mut self.outboxes, [&site, &epoch], row);
        }
    }

    fn read(&mut self, site: &str, epoch: &str, n: u64, body: &Value) {
        match body["event"].as_str() {
            Some("call") => self.call(site, body),
            Some("message") => self.message(site, body),
            Some("person") => self.person(site, body),
            Some("erased") => self.erased(site, body),
            Some("agent") => self.agent(site, epoch, n, body),
            Some("amended") if epoch == OF_HUB => self.amended(site, body),
            _ => {}
        }
    }

    fn call(&mut self, site: &str, body: &Value) {
        let Some(call) = body["call"].as_str() else { return };
        let mut row = json!({ "site": site, "call": call });
        copy(
            &mut row,
            body,
            &["direction", "party", "contact", "queue", "agent", "cause", "class"],
        );
        row["from_number"] = text(&body["from"]);
        row["to_number"] = text(&body["to"]);
        row["fee_millionths"] = whole(&body["fee_millionths"]);
        for time in ["arrived", "answered", "connected", "ended"] {
            row[time] = micros(&body[time]);
        }
        row["legs"] = json!(body["legs"].as_array().map_or(0, Vec::len));
        row["recordings"] = json!(body["recordings"].as_array().map_or(0, Vec::len));
        put(&mut self.calls, [site, call], row);
    }

    fn message(&mut self, site: &str, body: &Value) {
        let Some(message) = body["message"].as_str() else { return };
        let (what, at) = (body["what"].as_str().unwrap_or_default(), micros(&body["at"]));
        let mut row = json!({ "site": site, "message": message, "changed": at });
        copy(&mut row, body, &["conversation", "contact", "channel", "subject"]);
        match what {
            "arrived" | "queued" => {
                row["direction"] = json!(if what == "arrived" { "in" } else { "out" });
                row["begun"] = at;
                row["status"] = json!(what);
                row["text"] = words(body);
            }
            "became" => row["status"] = text(&body["status"]),
            "accepted" | "unknown" | "stopped" => row["status"] = json!(what),
            _ => {}
        }
        put(&mut self.messages, [site, message], row);
    }

    fn person(&mut self, site: &str, body: &Value) {
        let Some(contact) = body["contact"].as_str() else { return };
        let mut row = json!({ "site": site, "contact": contact, "changed": micros(&body["at"]) });
        row["name"] = text(&body["name"]);
        if body["what"] == "created" {
            row["created"] = micros(&body["at"]);
        }
        put(&mut self.contacts, [site, contact], row);
    }

    fn erased(&mut self, site: &str, body: &Value) {
        for contact in body["contacts"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let at = micros(&body["at"]);
            let row = json!({ "site": site, "contact": contact, "changed": at, "erased": at });
            put(&mut self.contacts, [site, contact], row);
        }
    }

    /// Rows that were made of the event before have what is left of it.
    fn amended(&mut self, site: &str, body: &Value) {
        let (with, number) = (&body["with"], body["n"].as_u64().unwrap_or(0));
        let row = json!({ "site": site, "epoch": body["epoch"], "n": number, "kind": with["event"], "at": micros(&with["at"]), "body": with });
        put(&mut self.less_events, [site, &format!("{number:020}"), &with["at"].to_string()], row);
        let mut made = Sheet::default();
        made.read(site, OF_HUB, number, with);
        self.less_calls.extend(made.calls);
        // What became of a message has no words in it.
        let words = |row: &Map<String, Value>| row.contains_key("direction");
        self.less_messages.extend(made.messages.into_iter().filter(|(_, row)| words(row)));
    }

    fn agent(&mut self, site: &str, epoch: &str, n: u64, body: &Value) {
        let mut row = json!({ "site": site, "epoch": epoch, "n": n, "at": micros(&body["at"]) });
        copy(&mut row, body, &["agent", "presence", "reason"]);
        row["idle_since"] = micros(&body["idle_since"]);
        put(&mut self.agent_states, [site, epoch, &format!("{n:020}")], row);
    }
}

/// Puts a row; what is known already of its key and not said again stays.
fn put<const N: usize>(rows: &mut Rows, key: [&str; N], row: Value) {
    let Value::Object(row) = row else { return };
    let known = rows.entry(key.map(str::to_owned).to_vec()).or_default();
    for (name, value) in row {
        match known.get(&name) {
            Some(old) if value.is_null() && !old.is_null() => {}
            _ => drop(known.insert(name, value)),
        }
    }
}

fn copy(row: &mut Value, body: &Value, names: &[&str]) {
    for name in names {
        row[*name] = text(&body[*name]);
    }
}

fn text(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, Value::from)
}

fn whole(value: &Value) -> Value {
    value.as_i64().map_or(Value::Null, Value::from)
}

/// Microseconds since 1970, within what a database takes for a time (years 1 to 9999).
fn micros(value: &Value) -> Value {
    const YEAR_1: i64 = -62_135_596_800_000_000;
    const YEAR_9999: i64 = 253_402_300_799_999_999;
    let at = value.as_i64().filter(|at| (YEAR_1..=YEAR_9999).contains(at));
    at.map_or(Value::Null, Value::from)
}

/// The text of a message's pieces, as far as it left the branch.
fn words(body: &Value) -> Value {
    let pieces = body["pieces"].as_array().into_iter().flatten();
    let texts: Vec<_> = pieces.filter_map(|piece| piece["text"].as_str()).collect();
    if texts.is_empty() { text(&body["text"]) } else { json!(texts.join("\n")) }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;
    use crate::uplink::frame::{Class, Event};

    fn kept(n: u64, body: &str) -> Kept {
        let event = Event { class: Class::CALL, body: body.as_bytes().to_vec() };
        let what = What::Event { n, event };
        Kept { number: n, at: UnixTime(9), site: "berne".into(), epoch: "e".into(), what }
    }

    #[test]
    fn what_is_said_of_one_message_is_one_row() {
        let mut sheet = Sheet::default();
        for (n, body) in [
            r#"{"event":"message","at":1,"message":"m1","conversation":"c","contact":"p","what":"queued","pieces":[{"text":"a"},{"text":"b"}]}"#,
            r#"{"event":"message","at":2,"message":"m1","conversation":"c","contact":"p","what":"accepted"}"#,
            r#"{"event":"message","at":3,"message":"m1","what":"became","status":"delivered"}"#,
        ]
        .iter()
        .enumerate()
        {
            sheet.take(&kept(n as u64 + 1, body));
        }
        assert_eq!((sheet.events.len(), sheet.messages.len()), (3, 1));
        let row = sheet.messages.values().next().unwrap();
        let said = ["direction", "begun", "changed", "status", "text", "conversation"];
        assert_eq!(
            said.map(|name| row[name].clone()),
            [json!("out"), json!(1), json!(3), json!("delivered"), json!("a\nb"), json!("c")]
        );
        assert_eq!(sheet.outboxes.values().next().unwrap()["upto"], 3);
    }

    #[test]
    fn what_no_database_takes_is_there_by_its_number() {
        let mut sheet = Sheet::default();
        for (n, body) in ["", "[1]", "{\"event\":\"call\",\"at\":\"x\\u0000\"}", "{\"at\":9e99}"]
            .iter()
            .enumerate()
        {
            sheet.take(&kept(n as u64 + 1, body));
        }
        assert_eq!(sheet.events.len(), 4);
        assert!(sheet.events.values().all(|row| row["at"].is_null()));
        assert!(sheet.calls.is_empty());
    }
}
