//! What a site may change of an event that is kept: it may have less of it, and never more.
//!
//! Whoever was erased at a branch is taken out of its events, here as well. What is left is what both the old event and the
//! new one say: so a branch that was taken over can take words out of what it said, each time of which stands in the hub's
//! log, and put none in.

use serde_json::{Map, Value};

use crate::uplink::frame::Event;
use crate::uplink::outbox::GONE;

/// Members by which it is known that it is the same event.
const SAME: [&str; 3] = ["event", "at", "contact"];

/// What is left of `old` by `new`; nothing where that is another event. `exact`: it is known by its outbox and number to be the
/// same.
pub fn less(old: &Event, new: &Event, exact: bool) -> Option<Event> {
    if exact && new.body == GONE {
        return Some(Event { class: old.class, body: GONE.to_vec() });
    }
    if old.class != new.class {
        return None;
    }
    let was: Value = serde_json::from_slice(&old.body).ok()?;
    let is: Value = serde_json::from_slice(&new.body).ok()?;
    if SAME.iter().any(|name| was.get(name) != is.get(name)) {
        return None;
    }
    let left = both(&was, &is)?;
    let body = match left == is {
        // The very octets, so that both ends have the same.
        true => new.body.clone(),
        false => serde_json::to_vec(&left).ok()?,
    };
    Some(Event { class: old.class, body })
}

/// What both say. Where the new one says nothing any more, that is less.
fn both(was: &Value, is: &Value) -> Option<Value> {
    match (was, is) {
        (_, Value::Null) => Some(Value::Null),
        (Value::Object(was), Value::Object(is)) => {
            let left = is
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), both(was.get(name)?, value)?)));
            Some(Value::Object(left.collect::<Map<_, _>>()))
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            Some(Value::Array(was.iter().zip(is).filter_map(|(was, is)| both(was, is)).collect()))
        }
        (Value::Array(was), Value::Array(is)) => {
            Some(Value::Array(is.iter().filter(|one| was.contains(one)).cloned().collect()))
        }
        (was, is) => (was == is).then(|| is.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::frame::Class;

    fn event(body: &str) -> Event {
        Event { class: Class::CALL, body: body.into() }
    }

    #[test]
    fn words_are_taken_out_and_none_are_put_in() {
        let old =
            event(r#"{"event":"call","at":1,"from":"+1","legs":[{"leg":"A"}],"tags":["a","b"]}"#);
        let left = |new: &str| {
            let left = less(&old, &event(new), false)?;
            Some(String::from_utf8(left.body).expect("text"))
        };
        let new = r#"{"event":"call","at":1,"legs":[{"leg":"A"}],"tags":["b"]}"#;
        assert_eq!(left(new).as_deref(), Some(new), "the very octets");
        let more = r#"{"event":"call","at":1,"from":"+2","to":"+3","legs":[{"leg":"A","agent":"x"}],"tags":["c"]}"#;
        let same = r#"{"at":1,"event":"call","legs":[{"leg":"A"}],"tags":[]}"#;
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(json(&left(more).expect("the same event")), json(same));
        assert_eq!(left(r#"{"event":"call","at":2}"#), None, "another event");
        assert_eq!(left(r#"{"event":"gone"}"#), None);
        let gone = less(&old, &Event { class: Class::SHED, body: GONE.to_vec() }, true);
        assert_eq!(gone, Some(event(r#"{"event":"gone"}"#)));
    }
}
