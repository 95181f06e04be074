//! Bodies of strangers: one JSON object, not nested without end, in which no name stands twice.
//!
//! Of a name that stands twice some readers take the first value and some the last (RFC 8259 section 4): whoever looks a
//! request over before it comes here might see another one than is carried out. So it is none (RFC 7493 section 2.3).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Deepest nesting of a body; ours have three levels (bad-input table row 39 sends 10,000).
const DEEPEST: usize = 32;

/// Reads a body.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if depth(body) > DEEPEST {
        return Err(format!("the body is nested more than {DEEPEST} deep"));
    }
    if body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte != b'{') {
        // The library would fill in what an object says from a list as well.
        return Err("the body is not a JSON object".to_owned());
    }
    serde_json::from_slice::<Unambiguous>(body).map_err(|error| error.to_string())?;
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// How deep brackets are nested, those in strings not counted; enough to refuse before anything is built.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in body {
        match (quoted, byte) {
            _ if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// JSON in which no object has a name twice; nothing of it is kept.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Unambiguous, D::Error> {
        from.deserialize_any(Looking)
    }
}

struct Looking;

impl<'de> Visitor<'de> for Looking {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unambiguous, A::Error> {
        while list.next_element::<Unambiguous>()?.is_some() {}
        Ok(Unambiguous)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unambiguous, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<Unambiguous>()?;
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format!("the name `{name}` stands there twice")));
            }
        }
        Ok(Unambiguous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::errands::NewTask;
    use crate::admin::api::orders::NewPerson;

    #[test]
    fn a_body_is_one_object_and_says_nothing_twice() {
        let task = |body: &str| read::<NewTask>(body.as_bytes()).map(|task| task.text);
        assert_eq!(task(" {\"queue\":\"a\",\"text\":\"b\"}").as_deref(), Ok("b"));
        for (body, why) in [
            ("[\"a\",\"b\"]", "not a JSON object"),
            ("\"a\"", "not a JSON object"),
            ("null", "not a JSON object"),
            ("", "EOF"),
            ("{\"queue\":\"a\",\"text\":\"b\",\"text\":\"c\"}", "`text` stands there twice"),
            ("{\"queue\":\"a\",\"text\":\"b\",\"skills\":{\"x\":1,\"\\u0078\":2}}", "`x` stands"),
            ("{\"queue\":\"a\",\"text\":\"b\"} {}", "trailing"),
            ("{\"queue\":\"a\",\"text\":1e999}", "out of range"),
        ] {
            assert!(task(body).is_err_and(|said| said.contains(why)), "{body}: {:?}", task(body));
        }
        let person = |body: &str| read::<NewPerson>(body.as_bytes()).is_ok();
        assert!(person("{\"fields\":{\"name\":\"a\",\"age\":\"b\"}}"));
        assert!(!person("{\"fields\":{\"name\":\"a\",\"name\":\"b\"}}"));
        assert_eq!(depth(br#"{"a":"[[[[\"[[","b":[1]}"#), 2);
        let deep = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(read::<NewPerson>(deep(33).as_bytes()).is_err_and(|why| why.contains("deep")));
    }
}
