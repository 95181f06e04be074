//! Events that are longer than a frame carries: cut by rules, and nothing of them lost that may not be.
//!
//! Of figures and samples the number alone is left: they may go anyway. Anything else leaves as itself with its longest
//! members cut: of a text its beginning stays, of a list or an object nothing. Its member `cut` names them. Behind it follow
//! events of the kind `more`, in order, which together have each such member whole, as JSON: `of` is the kind of the event
//! that was cut, `field` the member, `part` of `parts` the place, `json` the piece.

use serde_json::{Map, Value, json};

use super::frame::{self, Class, Event};

/// Octets of the longest body that is written. A frame has a kind, a number, a class and a length besides.
pub const LONGEST: usize = frame::LONGEST - 64;
/// Octets of a member that go in one event: escaped once more they are at most twice as many.
const PIECE: usize = 256 << 10;
/// Characters of a long text that stay where it was: enough to see what it is about.
const STAYS: usize = 4_096;
/// Members that say which event it is: they are short, and stay.
const NAMES: [&str; 2] = ["event", "at"];

/// The same event where it fits in a frame, and what stands for it where it does not.
pub fn fit(event: Event) -> Vec<Event> {
    match event.body.len() {
        ..=LONGEST => vec![event],
        _ if event.class.may_be_shed() => vec![Event { class: Class::SHED, body: Vec::new() }],
        _ => cut(&event),
    }
}

fn cut(event: &Event) -> Vec<Event> {
    let class = event.class;
    let all = match serde_json::from_slice(&event.body) {
        Ok(Value::Object(members)) => cut_members(members),
        // Not of this box's making: as it is, in pieces.
        _ => pieces(&Value::Null, &Value::Null, "", &String::from_utf8_lossy(&event.body)),
    };
    let body = |said: &Value| serde_json::to_vec(said).unwrap_or_default();
    all.iter().map(|said| Event { class, body: body(said) }).collect()
}

fn cut_members(mut members: Map<String, Value>) -> Vec<Value> {
    let name = |members: &Map<String, Value>, at: usize| {
        NAMES.get(at).and_then(|name| members.get(*name)).cloned().unwrap_or_default()
    };
    let (kind, at) = (name(&members, 0), name(&members, 1));
    let mut sizes: Vec<(usize, String)> = members
        .iter()
        .filter(|(name, _)| !NAMES.contains(&name.as_str()))
        .map(|(name, value)| (value.to_string().len(), name.clone()))
        .collect();
    sizes.sort();
    let (mut gone, mut more) = (Vec::new(), Vec::new());
    let before = Value::Object(members.clone()).to_string();
    let mut whole = before.len();
    while whole > LONGEST - NAMED {
        let Some((size, longest)) = sizes.pop() else { break };
        let Some(value) = members.get_mut(&longest) else { break };
        more.extend(pieces(&kind, &at, &longest, &value.to_string()));
        *value = match value {
            Value::String(text) if text.len() > STAYS => {
                text.chars().take(STAYS).collect::<String>().into()
            }
            Value::String(_) => "".into(),
            Value::Array(_) => json!([]),
            Value::Object(_) => json!({}),
            _ => Value::Null,
        };
        whole = (whole + value.to_string().len()).saturating_sub(size);
        gone.push(longest);
    }
    if whole > LONGEST - NAMED {
        // Its members' names alone are too long.
        return pieces(&kind, &at, "", &before);
    }
    // Of what has thousands of members it is said by what follows which were cut. No name here is longer than a line.
    gone.truncate(MOST_NAMED);
    members.insert("cut".to_owned(), gone.into());
    let mut all = vec![Value::Object(members)];
    all.append(&mut more);
    all
}

/// Members that are named as cut, and octets that their names take at most.
const MOST_NAMED: usize = 16;
const NAMED: usize = 16 << 10;

fn pieces(of: &Value, at: &Value, field: &str, whole: &str) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut rest = whole;
    while !rest.is_empty() {
        let end = (0..=PIECE.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end));
        let (part, tail) = rest.split_at(end.unwrap_or(rest.len()));
        parts.push(part);
        rest = tail;
    }
    let count = parts.len();
    let piece = |(part, json)| json!({"event": "more", "at": at, "of": of, "field": field, "part": part, "parts": count, "json": json});
    (1..).zip(parts).map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(class: Class, said: &Value) -> Event {
        Event { class, body: serde_json::to_vec(said).unwrap() }
    }

    /// Puts together what was cut, as a reader would.
    fn joined(all: &[Event]) -> Value {
        let mut said: Vec<Value> =
            all.iter().map(|event| serde_json::from_slice(&event.body).unwrap()).collect();
        let mut head = said.remove(0);
        let cut = head.as_object_mut().unwrap().remove("cut").unwrap();
        for field in cut.as_array().unwrap() {
            let parts = said.iter().filter(|more| more["field"] == *field);
            let whole: String = parts.map(|more| more["json"].as_str().unwrap()).collect();
            head[field.as_str().unwrap()] = serde_json::from_str(&whole).unwrap();
        }
        head
    }

    #[test]
    fn nothing_of_a_long_message_record_or_consent_is_lost() {
        // Quotes, control characters and wide ones are longer in JSON than they are.
        let text = "\"ä\u{1}\\ 😀".repeat(150_000);
        let list: Vec<Value> = (0..60_000).map(|n| json!({"step": n, "what": "waited"})).collect();
        for class in [Class::AUDIT, Class::PERSON, Class::CALL, Class::MESSAGE, Class::WORK] {
            let said =
                json!({"event": "message", "at": 7, "id": "m1", "text": text, "steps": list});
            let long = event(class, &said);
            assert!(long.body.len() > 2 * LONGEST);
            let all = fit(long);
            assert!(all.len() > 3 && all.iter().all(|event| event.class == class));
            for event in &all {
                let mut bytes = Vec::new();
                let frame = frame::Frame::Events { first: 1, events: vec![event.clone()] };
                frame.write(&mut bytes);
                let mut reader = frame::Reader::default();
                reader.push(&bytes);
                assert_eq!(reader.next_frame(), Ok(Some(frame)), "it fits in a frame");
            }
            let head: Value = serde_json::from_slice(&all[0].body).unwrap();
            assert_eq!((&head["event"], &head["id"]), (&json!("message"), &json!("m1")));
            assert!(text.starts_with(head["text"].as_str().unwrap()));
            let more: Value = serde_json::from_slice(&all[1].body).unwrap();
            assert_eq!(
                (&more["event"], &more["of"], &more["at"]),
                (&json!("more"), &json!("message"), &json!(7))
            );
            assert!(joined(&all) == said, "{class:?}");
            assert_eq!(fit(event(class, &said)), all, "the same each time");
        }
    }

    #[test]
    fn figures_leave_their_number_and_what_fits_is_not_touched() {
        let long = json!({"event": "metrics", "at": 1, "all": "x".repeat(LONGEST)});
        for class in [Class::HEALTH, Class::QUALITY, Class::METRICS] {
            let left = fit(event(class, &long));
            assert_eq!(left, [Event { class: Class::SHED, body: Vec::new() }]);
        }
        let fits = Event { class: Class::CALL, body: vec![b' '; LONGEST] };
        assert_eq!(fit(fits.clone()), [fits]);
        // What is no object, or has a great many members, is there as well.
        let odd = Event { class: Class::CALL, body: vec![b'x'; LONGEST + 1] };
        assert!(fit(odd).len() > 1);
        let many: Map<String, Value> =
            (0..40_000).map(|n| (format!("member-{n}"), json!("a text of some length"))).collect();
        let all = fit(event(Class::CALL, &Value::Object(many)));
        assert!(all.iter().all(|event| event.body.len() <= LONGEST));
    }
}
