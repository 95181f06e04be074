//! What leaves, against a policy that keeps everything: every text that somebody may have written or said is marked, in every
//! kind of record, and no mark may be in any event.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::journal::event::What;
use crate::journal::personal::Keyring;
use crate::journal::{act, voicemail, work};
use crate::random::Random;
use crate::uplink::policy::Treatment;
use crate::{journey, messaging, webhook};

const ID: &str = "5R2T0QW8N4K1C";

fn policy(treatment: Treatment) -> Outward {
    let all = Class::ALL.map(|class| (class, treatment)).into();
    Outward::new(Policy::new(&all, b"key"))
}

/// A call's step.
fn call(what: Value) -> Value {
    with(json!({"type": "call", "call": ID, "at": 5}), what)
}

fn step(what: Value) -> Value {
    let head = json!({"type": "work", "item": ID, "channel": "callback", "queue": "q", "at": 5, "call": ID, "contact": ID});
    with(head, what)
}

fn message(what: Value) -> Value {
    with(json!({"type": "message", "at": 5, "conversation": ID, "contact": ID}), what)
}

fn change(change: Value) -> Value {
    json!({"type": "context", "by": "T", "at": 5, "changes": [change]})
}

fn walked(change: Value) -> Value {
    with(json!({"type": "journey"}), change)
}

fn with(mut head: Value, more: Value) -> Value {
    let (Value::Object(own), Value::Object(more)) = (&mut head, more) else { panic!("objects") };
    own.extend(more);
    head
}

/// `P` stands for personal text, `T` for a text that is in clear in the journal, `ID` for an id; each `P` and `T` becomes a
/// mark of its own.
fn calls() -> Vec<Value> {
    let quality = json!({"sent": 9, "received": 8, "lost": 1, "jitter_ms": 1.234_567, "round_trip_ms": 20.126, "mos": 4.1, "mos_there": 3.9,
        "spoken_s": 7.5, "one_way": true, "machine": true, "forged": 1, "replayed": 2, "protection": {"srtp": {"suite": "AES_CM_128_HMAC_SHA1_80"}}});
    let leg = json!({"leg": ID, "peer": {"trunk": "carrier"}, "answered": 3, "cause": "completed", "quality": quality});
    let record = json!({"type": "call_record", "call": ID, "direction": "inbound", "origin": {"trunk": "carrier"}, "from": "P", "to": "P",
        "party": "P", "contact": ID, "arrived": 1, "answered": 2, "connected": 3, "ended": 4, "queue": "q", "agent": "T",
        "conference": "c", "cause": "completed", "class": "success", "legs": [leg], "recordings": [ID],
        "diversions": [{"by": "201", "when": "busy"}], "diverted_by": "P", "fee": 0.05, "consent": {"given": true, "how": "heard"}});
    let steps = [
        json!({"what": "arrived", "peer": {"extension": "201"}, "from": "P", "to": "P", "nobody": true}),
        json!({"what": "ivr", "flow": "main"}),
        json!({"what": "voicemail", "mailbox": "201"}),
        json!({"what": "node", "node": "T"}),
        json!({"what": "collected", "name": "T", "digits": "P"}),
        json!({"what": "surveyed", "queue": "q", "agent": "T", "question": "csat", "contact": ID, "number": "P"}),
        json!({"what": "scored", "score": 3}),
        json!({"what": "queued", "queue": "q"}),
        json!({"what": "group", "group": "g"}),
        json!({"what": "forwarded", "by": "201", "when": "always"}),
        json!({"what": "parked", "slot": 701}),
        json!({"what": "offered", "agent": "T"}),
        json!({"what": "taken_by", "agent": "T"}),
        json!({"what": "dialled", "trunk": "carrier"}),
        json!({"what": "answered", "leg": ID}),
        json!({"what": "held", "leg": ID}),
        json!({"what": "resumed", "leg": ID}),
        json!({"what": "transferred", "leg": ID}),
        json!({"what": "entered", "leg": ID, "room": ID, "conference": "c"}),
        json!({"what": "taped", "recording": ID, "left": ID, "right": ID}),
        json!({"what": "untaped", "recording": ID}),
        json!({"what": "consented", "leg": ID, "consent": {"given": false, "how": "key"}}),
        json!({"what": "one_way", "leg": ID, "now": true}),
        json!({"what": "machine", "leg": ID}),
        json!({"what": "recorded", "recording": ID}),
        json!({"what": "leg_ended", "leg": ID, "cause": "busy"}),
    ];
    steps.map(call).into_iter().chain([record]).collect()
}

fn messages() -> Vec<Value> {
    let print = json!(vec![7; 16]);
    let way = json!({"channel": "sim", "work": "message", "kind": "phone", "peer": "P", "thread": "T", "own": {"kind": "email", "value": "T"}});
    let pieces = json!([
        {"piece": "text", "text": "P"},
        {"piece": "media", "content": vec![0xab; 32], "mime": "T", "name": "P", "size": 9},
        {"piece": "missing", "name": "P", "mime": "T"},
        {"piece": "location", "at": "P", "name": "P"},
        {"piece": "choice", "id": "T", "label": "P"},
        {"piece": "reaction", "to": "T", "sign": "P"},
        {"piece": "template", "name": "T", "language": "T", "values": ["P", "P"]},
    ]);
    let failure = json!({"fault": "address", "code": "T"});
    [
        json!({"what": "arrived", "message": ID, "way": way, "key": print, "sent": 4, "pieces": pieces, "subject": "P", "answers": ID, "refusal": "stop",
            "automatic": true, "name": "P", "proved": true, "given": {"application": "a", "to": "T"}}),
        json!({"what": "queued", "message": ID, "way": way, "pieces": pieces, "subject": "P", "answers": ID, "by": "T", "purpose": "T", "reply": true,
            "until": 9, "not_before": 8, "once": [print, print], "instead_of": ID,
            "asker": {"application": "a", "from": "T", "parts": [{"id": "T", "print": print, "hears": "end"}]}}),
        json!({"what": "attempt", "message": ID, "attempt": 1}),
        json!({"what": "accepted", "message": ID, "references": ["T"]}),
        json!({"what": "retry", "message": ID, "why": failure, "again": 9}),
        json!({"what": "became", "message": ID, "status": with(json!({"status": "failed"}), failure.clone())}),
        json!({"what": "part", "message": ID, "reference": "T", "status": {"status": "delivered"}}),
        json!({"what": "unknown", "message": ID}),
        json!({"what": "stopped", "message": ID, "why": "consent"}),
        json!({"what": "replayed", "message": ID, "by": "T"}),
        json!({"what": "heard", "message": ID, "id": "T"}),
        json!({"what": "owner", "owner": {"owner": "flow", "flow": "main", "node": "T", "wrong": 1}, "by": "T", "note": "P"}),
        json!({"what": "owner", "owner": {"owner": "agent", "agent": "T", "item": ID}}),
        json!({"what": "seen", "by": "T", "upto": ID}),
        json!({"what": "call", "call": ID}),
        json!({"what": "code", "code": print, "until": 9}),
        json!({"what": "closed", "by": "T"}),
    ]
    .map(message)
    .into()
}

fn people() -> Vec<Value> {
    let known = json!({"kind": "phone", "value": "P"});
    let stamp = json!({"wall": 7, "count": 0, "site": 3});
    let said = json!({"source": "crm", "by": "T", "at": 3, "channel": "sms"});
    let merge =
        json!({"id": ID, "kept": ID, "gone": ID, "by": "T", "at": 3, "evidence": ["same_name"]});
    let moments = json!([{"contact": ID, "at": 3, "seq": 7}]);
    let learned =
        json!({"found": true, "id": "P", "link": "P", "fields": {"T": "P"}, "at": 3, "until": 9});
    let contact = json!({"id": ID, "created": 1, "by": "T", "version": 3, "fields": {"T": {"value": "P", "source": "agent", "said": said}},
        "identities": [{"kind": "email", "value": "P", "how": "said", "at": 3, "by": "T"}], "tags": ["T"],
        "pins": [{"id": ID, "fact": "P", "said": said}], "consents": [{"channel": "sms", "purpose": "T", "given": true, "said": said}],
        "holds": [{"id": ID, "reason": "P", "by": "T", "at": 3}], "learned": learned});
    let case = json!({"id": ID, "contact": ID, "title": "P", "fields": {"T": "P"}, "opened": 3, "by": "T", "moments": moments});
    let happened =
        |what: Value| json!({"change": "happened", "contact": ID, "at": 3, "what": what});
    [
        json!({"change": "created", "contact": ID}),
        json!({"change": "field", "contact": ID, "name": "name", "value": "P", "source": "customer", "channel": "voice"}),
        json!({"change": "field", "contact": ID, "name": "T", "value": "P", "source": "customer"}),
        json!({"change": "asked_again", "contact": ID, "name": "T"}),
        json!({"change": "linked", "contact": ID, "identity": known, "how": "first"}),
        json!({"change": "unlinked", "contact": ID, "identity": known}),
        json!({"change": "shared", "identity": known, "sharing": "family", "line": ID}),
        json!({"change": "unshared", "identity": known, "contact": ID}),
        json!({"change": "suggested", "a": ID, "b": ID, "evidence": ["said"]}),
        json!({"change": "refused", "a": ID, "b": ID}),
        with(json!({"change": "merged"}), merge.clone()),
        with(json!({"change": "unmerged"}), merge),
        json!({"change": "case_opened", "case": ID, "contact": ID, "title": "P", "moments": moments}),
        json!({"change": "case_linked", "case": ID, "moments": moments}),
        json!({"change": "case_unlinked", "case": ID, "moments": moments}),
        json!({"change": "case_split", "from": ID, "case": ID, "contact": ID, "title": "P", "moments": moments}),
        json!({"change": "cases_merged", "kept": ID, "gone": ID}),
        json!({"change": "case_said", "case": ID, "contact": ID, "fields": {"T": "P"}}),
        json!({"change": "case_closed", "case": ID, "closed": true}),
        json!({"change": "noted", "contact": ID, "case": ID, "text": "P"}),
        json!({"change": "disposed", "contact": ID, "case": ID, "call": ID, "code": "T", "fields": {"T": "P"}}),
        json!({"change": "tagged", "contact": ID, "tag": "T", "on": true}),
        json!({"change": "pinned", "contact": ID, "pin": ID, "fact": "P", "source": "rule", "channel": "web", "until": 9}),
        json!({"change": "unpinned", "contact": ID, "pin": ID}),
        json!({"change": "consented", "contact": ID, "channel": "sms", "purpose": "T", "given": true, "source": "customer", "through": "voice"}),
        json!({"change": "preferred", "contact": ID, "channel": "mail"}),
        json!({"change": "verified", "contact": ID, "case": ID, "level": 3, "until": 9}),
        happened(json!({"what": "call", "call": ID, "way": "in", "queue": "q", "agent": "T", "seconds": 5, "talked": 3, "cause": "T", "recordings": [ID]})),
        happened(json!({"what": "message", "channel": "sms", "way": "out", "text": "P", "reference": "T"})),
        happened(json!({"what": "seen", "channel": "web", "name": "T", "detail": "P"})),
        happened(json!({"what": "note", "text": "P"})),
        happened(json!({"what": "disposition", "code": "T", "call": ID, "fields": {"T": "P"}})),
        json!({"change": "restored", "contact": contact}),
        json!({"change": "recalled", "contact": ID, "moments": [{"at": 3, "by": "T", "case": ID, "what": "note", "text": "P"}]}),
        json!({"change": "case_restored", "case": case}),
        json!({"change": "learned", "contact": ID, "learned": learned}),
        json!({"change": "carded", "contact": ID, "card": {"stamp": stamp, "identities": [known],
            "fields": {"T": {"values": [[stamp, "P"]], "seen": []}, "name": {"values": [[stamp, "P"]], "seen": []}}}}),
        json!({"change": "heard", "contact": ID, "heard": {"site": "T", "contact": "T", "writer": 7,
            "fields": {"T": {"values": [[stamp, "P"]], "seen": []}}, "masked": {"T": "P"}}}),
        // Sites are named by whoever runs the hub.
        json!({"change": "confirmed", "asked": {"site": "basel", "erasure": ID}, "contact": ID, "done": true, "why": "P"}),
        json!({"change": "held", "contact": ID, "hold": ID, "reason": "P"}),
        json!({"change": "released", "contact": ID, "hold": ID}),
        json!({"change": "erased", "erasure": ID, "contacts": [ID], "keys": 3, "recordings": 1, "rule": "T"}),
        json!({"change": "pruned", "contact": ID, "before": 3}),
        json!({"change": "tapes_forgotten", "tapes": [{"call": ID, "at": 3, "contact": ID, "recordings": [ID]}], "keys": 3, "rule": "T"}),
    ]
    .map(change)
    .into()
}

fn works() -> Vec<Value> {
    let errand = json!({"text": "P", "due": 9, "from": "T", "task": "T", "talk": [ID, "sim"]});
    [
        json!({"what": "queued", "arrived": 3, "priority": 1, "skills": {"german": 3}, "errand": errand}),
        json!({"what": "offered", "agent": "T", "offer": ID, "rule": {"rule": "longest-idle", "idle_ms": 7}}),
        json!({"what": "read", "agent": "T", "how": "shown"}),
        json!({"what": "declined", "agent": "T", "offer": ID, "why": "missed"}),
        json!({"what": "taken", "agent": "T", "waited_ms": 7, "clock_ms": 6}),
        json!({"what": "returned"}),
        json!({"what": "abandoned", "waited_ms": 7, "clock_ms": 6}),
        json!({"what": "taken_out"}),
        json!({"what": "flowed_out", "why": "waited", "target": {"number": "T"}}),
        json!({"what": "promised", "number": "P", "dialled": "P", "arrived": 3, "priority": 1, "skills": {"german": 3}, "wish": {"of": "P"}}),
        json!({"what": "attempted", "agent": "T", "attempt": 1}),
        json!({"what": "kept", "agent": "T"}),
        json!({"what": "attempt_failed", "attempts": 1, "again": 9}),
        json!({"what": "moved", "from": "voice"}),
        json!({"what": "rerouted", "from": "sales"}),
        json!({"what": "prioritised", "priority": 3}),
        json!({"what": "closed", "agent": "T", "talk_ms": 7, "hold_ms": 1, "known": {"number": "P"}}),
        json!({"what": "wrapped_up", "agent": "T", "wrap_ms": 7, "code": "T"}),
    ]
    .map(step)
    .into()
}

fn journeys() -> Vec<Value> {
    let key = format!("{ID}/1");
    let standing = json!({"zone": "T", "abroad": ["T"], "consents": ["T"], "refused": ["T"], "open_case": true});
    let due = |action: Value| json!({"what": "due", "step": key, "person": ID, "action": action, "carrier": "channel:sms"});
    let act =
        json!({"by": "T", "at": 5, "changes": [{"change": "noted", "contact": ID, "text": "P"}]});
    [
        json!({"what": "heard", "id": "T", "kind": "T", "person": ID, "attributes": {"T": "T"}, "to": {"kind": "phone", "value": "P"}}),
        json!({"what": "timed", "rule": "T", "at": 5}),
        json!({"what": "passed", "id": "T", "why": "taken"}),
        json!({"what": "began", "journey": ID, "rule": "T", "print": 7, "person": ID, "attributes": {"T": "T"}}),
        json!({"what": "standing", "person": ID, "standing": standing}),
        json!({"what": "waits", "journey": ID, "until": 9}),
        json!({"what": "intends", "step": key, "purpose": "T"}),
        due(json!({"do": "message", "channel": "sms", "text": "T"})),
        due(json!({"do": "callback", "queue": "q"})),
        due(json!({"do": "task", "queue": "q", "text": "T"})),
        due(json!({"do": "webhook", "name": "T"})),
        due(json!({"do": "tag", "tag": "T", "on": true})),
        due(json!({"do": "note", "text": "T"})),
        json!({"what": "task_done", "step": key}),
        json!({"what": "did", "step": key, "outcome": "done", "act": act, "message": ID}),
        json!({"what": "ended", "journey": ID, "why": "finished"}),
    ]
    .map(walked)
    .into()
}

fn house() -> Vec<Value> {
    let begun = json!({"type": "voicemail", "what": "begun", "recording": ID, "mailbox": "201", "call": ID, "from": "P", "taken": 3});
    let hook = |what: Value| with(json!({"type": "webhook", "hook": "crm"}), what);
    let mailbox = |what: Value| with(json!({"type": "voicemail"}), what);
    let article = json!({"title": "T", "text": "T", "short": "T", "language": "T", "channels": ["chat"], "tags": ["T"], "prompt": "T", "template": {"name": "T", "language": "T"}});
    vec![
        json!({"type": "checkpoint", "before": "0".repeat(64), "live": {}}),
        json!({"type": "seal", "upto": 3, "head": "0".repeat(64), "signature": "T"}),
        json!({"type": "started", "version": "0.1.0"}),
        json!({"type": "stopped"}),
        json!({"type": "health", "version": "0.1.0", "started": 3, "disk": 7, "lamps": {"T": "red", "trunk carrier": "green"}, "calls": 3}),
        json!({"type": "gap", "lost": 3}),
        json!({"type": "bound", "user": "T", "contact": "T", "binding": {"a": "T"}}),
        json!({"type": "unbound", "user": "T", "contact": "T"}),
        json!({"type": "subscribed", "name": "T", "subscription": {"a": "T"}}),
        json!({"type": "unsubscribed", "name": "T"}),
        json!({"type": "agent", "agent": "T", "presence": {"paused": {"chosen": "T"}}, "idle_since": 3}),
        json!({"type": "phone_fetched", "mac": "T", "from": "192.0.2.47"}),
        json!({"type": "phone_renewed", "mac": "T"}),
        begun,
        mailbox(json!({"what": "left", "recording": ID, "length_ms": 7})),
        mailbox(json!({"what": "dropped", "recording": ID})),
        mailbox(json!({"what": "heard", "recording": ID, "heard": true})),
        mailbox(json!({"what": "deleted", "recording": ID})),
        mailbox(json!({"what": "greeting", "mailbox": "201", "recording": ID})),
        mailbox(json!({"what": "pin", "mailbox": "201", "hash": "T", "over": "T"})),
        json!({"type": "phone", "extension": "201", "forwards": {"busy": "P"}, "do_not_disturb": true, "call_waiting": false}),
        json!({"type": "hot_desk", "phone": "201", "person": "202"}),
        json!({"type": "schedule", "schedule": "week", "forced": "closed"}),
        json!({"type": "queue_place", "item": ID, "queue": "q", "call": ID, "arrived": 3}),
        json!({"type": "called_for_help", "call": ID, "at": 3, "phone": "T", "number": "112", "place": "desk", "callback": "+15550147", "proven": true}),
        json!({"type": "spent", "payer": "201", "trunk": "carrier", "call": ID, "calls": 1, "attempts": 1, "seconds": 60, "money": 0.5}),
        json!({"type": "caps_lifted", "subject": "extension:201", "until": 9}),
        json!({"type": "account", "account": "user", "name": "T", "role": "agent", "agent": "T", "password": "T", "disabled": false, "subject": "T"}),
        json!({"type": "account", "account": "token", "prefix": "T", "hash": "T", "name": "T", "role": "admin", "scopes": ["read"], "made": 3, "expires": 9}),
        json!({"type": "account", "account": "token_revoked", "prefix": "T"}),
        json!({"type": "shelf", "name": ID, "article": article, "by": "T"}),
        json!({"type": "act", "who": {"by": "user", "name": "T"}, "from": "192.0.2.47", "what": "T", "on": "T", "done": true, "first": 7}),
        json!({"type": "queue_left", "item": ID}),
        hook(json!({"what": "upto", "record": 3})),
        hook(json!({"what": "again", "record": 3})),
        hook(
            json!({"what": "dead", "first": 1, "last": 2, "at": 3, "tries": 4, "why": {"status": 500}}),
        ),
        hook(json!({"what": "replay", "next": 1, "end": 2, "since": 3, "until": 4})),
        hook(json!({"what": "paused", "why": "admin", "at": 3})),
        hook(json!({"what": "resumed"})),
        json!({"type": "site", "kind": "T", "id": "T", "at": 3, "channel": "web",
            "identities": [{"kind": "email", "value": "P"}, {"kind": "handle", "value": "P"}], "together": true, "detail": "P"}),
    ]
}

fn all() -> Vec<Value> {
    [calls(), messages(), people(), works(), journeys(), house()].concat()
}

/// A mark in place of each `P` and `T`, also where it is the name of something; the marks are what may not be found.
fn mark(value: &mut Value, keys: &mut Keyring, marks: &mut Vec<String>) {
    let mut next = || {
        let mark =
            format!("Mark {} +1555{:07} m{}@ked.example", marks.len(), marks.len(), marks.len());
        marks.push(mark.clone());
        mark
    };
    match value {
        Value::String(text) if text == "T" => *text = next(),
        Value::String(text) if text == "P" => {
            let mut personal = Personal::Clear(next());
            keys.seal(&mut personal);
            *value = serde_json::to_value(&personal).unwrap();
        }
        Value::Array(all) => all.iter_mut().for_each(|one| mark(one, keys, marks)),
        Value::Object(all) => {
            if let Some(named) = all.remove("T") {
                all.insert(next(), named);
            }
            all.values_mut().for_each(|one| mark(one, keys, marks));
        }
        _ => {}
    }
}

/// Every kind of record as it is read back from the journal and opened, with the marks in it.
fn marked() -> Vec<(Event, Vec<String>)> {
    let mut keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
    let mut read = |mut value: Value| {
        let mut marks = Vec::new();
        mark(&mut value, &mut keys, &mut marks);
        let text = value.to_string();
        let event: Result<Event, _> = serde_json::from_value(value);
        let mut event = event.unwrap_or_else(|error| panic!("{error}: {text}"));
        open(&mut event, keys.reading());
        (event, marks)
    };
    all().into_iter().map(&mut read).collect()
}

#[test]
fn nothing_that_anybody_said_or_is_called_by_leaves_a_site_that_keeps_it() {
    let kept = policy(Treatment::Keep);
    let mut events = 0;
    for (event, marks) in marked() {
        for left in kept.events(UnixTime(9), &event) {
            let body = String::from_utf8(left.body).unwrap();
            let _: Value =
                serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
            assert!(!body.contains("\"blobs\""), "{body}");
            for (number, _) in marks.iter().enumerate() {
                let planted = [
                    format!("Mark {number}"),
                    format!("1555{number:07}"),
                    format!("m{number}@ked"),
                ];
                assert!(!planted.iter().any(|mark| body.contains(mark.as_str())), "{body}");
            }
            for secret in ["Mark", "ked.example", "192.0.2.47", "+1555", &"ab".repeat(32)] {
                assert!(!body.contains(secret), "{secret}: {body}");
            }
            events += 1;
        }
    }
    assert!(events > 140, "{events}");
}

/// The other way round: where the site sends everything, what people said does leave, so the marks are in the right places.
#[test]
fn what_a_site_sends_is_there_and_always_the_same_number_of_events_with_the_same_bytes() {
    let (kept, sent) = (policy(Treatment::Keep), policy(Treatment::Send));
    let (mut planted, mut found) = (0, 0);
    for (event, marks) in marked() {
        let left = sent.events(UnixTime(9), &event);
        assert_eq!(left.len(), kept.events(UnixTime(9), &event).len(), "{event:?}");
        assert_eq!(left, sent.events(UnixTime(9), &event));
        let text: String = left.iter().map(|event| String::from_utf8_lossy(&event.body)).collect();
        planted += marks.len();
        found += marks.iter().filter(|mark| text.contains(mark.as_str())).count();
    }
    assert!(found * 2 > planted, "{found} of {planted} marks");
}

/// Every kind of everything has a record in the list above; the program that reads them says which there are.
#[test]
fn no_kind_was_forgotten() {
    fn kinds<T: DeserializeOwned>(tag: &str) -> BTreeSet<String> {
        let none = serde_json::from_value::<T>(json!({tag: "?"})).err().expect("no such kind");
        let (_, expected) = none
            .to_string()
            .split_once("expected one of")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("a list");
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }
    fn seen(value: &Value, seen_kinds: &mut BTreeMap<String, BTreeSet<String>>) {
        match value {
            Value::Object(all) => {
                for (name, value) in all {
                    if let Value::String(text) = value {
                        seen_kinds.entry(name.clone()).or_default().insert(text.clone());
                    }
                    seen(value, seen_kinds);
                }
            }
            Value::Array(all) => all.iter().for_each(|one| seen(one, seen_kinds)),
            _ => {}
        }
    }
    let covers = |tag: &str, kinds: BTreeSet<String>, values: Vec<Value>| {
        let mut there = BTreeMap::new();
        values.iter().for_each(|value| seen(value, &mut there));
        let missing: Vec<_> = kinds.difference(&there[tag]).collect();
        assert!(missing.is_empty() && !kinds.is_empty(), "{tag}: {missing:?}");
    };
    covers("type", kinds::<Event>("type"), all());
    covers("what", kinds::<What>("what"), calls());
    covers("what", kinds::<messaging::What<Personal>>("what"), messages());
    covers("piece", kinds::<messaging::Piece<Personal>>("piece"), messages());
    covers("change", kinds::<context::Change<Personal>>("change"), people());
    covers("what", kinds::<context::Happening<Personal>>("what"), people());
    covers("what", kinds::<work::Step>("what"), works());
    covers("what", kinds::<journey::Change>("what"), journeys());
    covers("do", kinds::<journey::Action>("do"), journeys());
    covers("what", kinds::<voicemail::Voicemail>("what"), house());
    covers("account", kinds::<act::Account>("account"), house());
    covers("what", kinds::<webhook::What>("what"), house());
}
