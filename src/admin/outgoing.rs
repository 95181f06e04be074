//! Records of the journal as programs elsewhere are told of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::journal::event::Event;
use crate::journal::personal::Reads;
use crate::journal::record::Record;
use crate::journey::Carrier;
use crate::webhook::{JOURNEY_DUE, Wanted};

/// The event in a record as a JSON object, if it is wanted. Personal data is in it where `texts` can read it, and left
/// out altogether without.
pub fn event(
    record: &Record<'_>,
    prefix: &str,
    wanted: &Wanted,
    texts: Option<&dyn Reads>,
) -> Option<String> {
    // Checkpoints are long, and nobody wants them: they are not read at all.
    let kind = record.payload.strip_prefix(b"{\"type\":\"")?;
    let kind = kind.split(|b| *b == b'"').next().and_then(|kind| str::from_utf8(kind).ok())?;
    let kind = if kind == "context" { PERSON } else { kind };
    if !wanted.has_kind(kind) {
        return None;
    }
    if kind == PERSON {
        return person(record, prefix, wanted, texts);
    }
    let mut data: Map<String, Value> = serde_json::from_slice(record.payload).ok()?;
    data.remove("type");
    let name = match data.remove("what") {
        Some(Value::String(what)) => format!("{kind}.{what}"),
        _ => kind.to_owned(),
    };
    if !wanted.has(&name) || (name == JOURNEY_DUE && !is_for(wanted, &data)) {
        return None;
    }
    told(record, prefix, &name, Value::Object(data), texts)
}

fn told(
    record: &Record<'_>,
    prefix: &str,
    name: &str,
    mut data: Value,
    texts: Option<&dyn Reads>,
) -> Option<String> {
    open(&mut data, &sealed(record.payload, texts)?);
    let id = format!("{prefix}-{}", record.seq);
    let told = json!({ "id": id, "type": name, "timestamp": record.at.to_string(), "data": data });
    Some(told.to_string())
}

/// What was done to the record of a person, with the changes that others are told of. What the site's book of customers
/// said itself is not told back to it; holds, suggestions and what the box takes down by itself are its own business.
fn person(
    record: &Record<'_>,
    prefix: &str,
    wanted: &Wanted,
    texts: Option<&dyn Reads>,
) -> Option<String> {
    let mut data: Map<String, Value> = serde_json::from_slice(record.payload).ok()?;
    data.remove("type");
    let changes = data.get_mut("changes")?.as_array_mut()?;
    if changes.iter().any(|change| change["change"] == "learned") {
        return None;
    }
    changes.retain(|change| told_as(change).is_some());
    let kinds: Vec<_> = changes.iter().filter_map(told_as).collect();
    // One act is of one kind; a contact that is made with fields is changed.
    let kind = ORDER.iter().find(|kind| kinds.contains(kind))?;
    wanted.has(kind).then(|| told(record, prefix, kind, Value::Object(data), texts))?
}

/// What an act is told as when its changes are of several kinds: the first of these.
const ORDER: [&str; 5] =
    ["person.erased", "person.merged", "person.disposition", "person.note", "person.changed"];
/// The kind of events about people.
const PERSON: &str = "person";

fn told_as(change: &Value) -> Option<&'static str> {
    Some(match change["change"].as_str()? {
        "erased" => "person.erased",
        "merged" | "unmerged" => "person.merged",
        "disposed" => "person.disposition",
        "noted" => "person.note",
        "created" | "field" | "linked" | "unlinked" | "shared" | "unshared" | "tagged"
        | "pinned" | "unpinned" | "consented" | "preferred" | "verified" | "case_opened"
        | "case_closed" => "person.changed",
        _ => return None,
    })
}

/// Whether a step of a journey is for this receiver: it carries it out, and nobody else does.
fn is_for(wanted: &Wanted, due: &Map<String, Value>) -> bool {
    let carrier = due.get("carrier").and_then(Value::as_str).and_then(|text| text.parse().ok());
    matches!(carrier, Some(Carrier::Webhook(name)) if wanted.is(name.as_str()))
}

/// Each sealed text in an event, as it stands there, and what it says to whoever may read it.
fn sealed(payload: &[u8], texts: Option<&dyn Reads>) -> Option<BTreeMap<String, Option<String>>> {
    let mut event: Event = serde_json::from_slice(payload).ok()?;
    let mut found = BTreeMap::new();
    event.for_each_personal(&mut |personal| {
        if let Ok(Value::String(text)) = serde_json::to_value(&*personal) {
            found.insert(text, texts.and_then(|texts| texts.read(personal)));
        }
    });
    Some(found)
}

/// Puts clear texts in place of sealed ones, and takes out those that nobody may read.
fn open(value: &mut Value, sealed: &BTreeMap<String, Option<String>>) {
    match value {
        Value::String(text) => {
            if let Some(clear) = sealed.get(text) {
                *value = clear.clone().map_or(Value::Null, Value::String);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| open(value, sealed)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| open(value, sealed));
            fields.retain(|_, value| !value.is_null());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::record::Peer;
    use crate::id::{CallId, TrunkId};
    use crate::journal::event::{CallEvent, What};
    use crate::journal::personal::Keyring;
    use crate::journal::record::{Found, decode, encode};
    use crate::random::Random;
    use crate::time::UnixTime;

    /// A call that arrived, as the journal has it, and who can read it.
    fn arrived() -> (Vec<u8>, Keyring) {
        let mut keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let peer = Peer::Trunk(TrunkId::from("carrier"));
        let what = What::Arrived {
            peer,
            from: "+14085551200".into(),
            to: "+15550100".into(),
            nobody: false,
        };
        let mut event = Event::Call(CallEvent { call: CallId(1), at: UnixTime(5), what });
        event.for_each_personal(&mut |personal| keys.seal(personal));
        let mut bytes = Vec::new();
        let payload = serde_json::to_vec(&event).expect("JSON");
        encode(&mut bytes, 17, UnixTime(1_700_000_000_000_000), &payload);
        (bytes, keys)
    }

    fn told(wanted: &str, personal: bool) -> Option<Value> {
        let (bytes, keys) = arrived();
        let Found::Record(record) = decode(&bytes) else { panic!("a record") };
        let texts = personal.then(|| keys.reading() as &dyn Reads);
        let wanted = Wanted::new([wanted]).expect("a name");
        event(&record, "box", &wanted, texts).map(|text| text.parse().expect("JSON"))
    }

    #[test]
    fn numbers_go_out_only_where_that_was_said() {
        let plain = told("call.*", false).expect("wanted");
        assert_eq!((&plain["id"], &plain["type"]), (&json!("box-17"), &json!("call.arrived")));
        assert_eq!(plain["timestamp"], "2023-11-14T22:13:20.000Z");
        let fields: Vec<_> = plain["data"].as_object().expect("fields").keys().collect();
        assert_eq!(fields, ["at", "call", "peer"]);
        let open = told("call.*", true).expect("wanted");
        assert_eq!(open["data"]["from"], "+14085551200");
        assert_eq!(told("call.held", true), None);
    }
}
