//! What services say, read with patience: a field of another kind than documented is one that is not there, and text that
//! is no text keeps the rest of itself.

use std::borrow::Cow;

use serde_json::Value;

use crate::messaging::address::{Address, Kind};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::time::UnixTime;

/// Values that one body may hold: each takes 32 bytes of memory while it is looked at, for one byte of the body at worst.
/// The largest batch that is documented (Meta's, 1,000 updates) has some 40,000.
const MOST_VALUES: usize = 500_000;
/// Bytes of the longest name of a message: the longest that are known have some 200.
const LONGEST_NAME: usize = 512;
/// Characters of the longest name of a service; it is one word.
const LONGEST_SERVICE: usize = 32;

/// Reads a body. Bytes that are no UTF-8, and halves of surrogate pairs, are replaced by U+FFFD: the rest of what somebody
/// wrote is kept.
pub fn json(body: &[u8]) -> Option<Value> {
    let many = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if many > MOST_VALUES {
        return None;
    }
    serde_json::from_slice(body).ok().or_else(|| {
        let text = String::from_utf8_lossy(body);
        serde_json::from_str(&without_halves(&text)).ok()
    })
}

/// The text with `\ufffd` for each escape that is half of a pair (RFC 8259 section 8.2).
fn without_halves(text: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let (mut rest, mut changed) = (text, false);
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        mended.push_str(before);
        let (taken, keep) = match (unit(from), from.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, true),
            (Some(0xd800..=0xdfff), _) => (6, false),
            (Some(_), _) => (6, true),
            // Another escape: two characters, the second of which may be a backslash.
            (None, _) => (1 + from.chars().nth(1).map_or(0, char::len_utf8), true),
        };
        let (escape, after) = from.split_at(taken);
        mended.push_str(if keep { escape } else { "\\ufffd" });
        changed |= !keep;
        rest = after;
    }
    mended.push_str(rest);
    if changed { Cow::Owned(mended) } else { Cow::Borrowed(text) }
}

/// The UTF-16 unit that an escape at the beginning of a text names.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

/// The text at a path such as `/from/id`, if there is any.
pub fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path)?.as_str().filter(|text| !text.is_empty())
}

/// The same, owned.
pub fn owned(value: &Value, path: &str) -> Option<String> {
    text(value, path).map(str::to_owned)
}

/// What is called by a text or by a whole number; nothing when it is longer than any name.
pub fn name(value: &Value, path: &str) -> Option<String> {
    let name = match value.pointer(path)? {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return None,
    };
    is_name(&name).then_some(name)
}

/// Whether a text can be what a service calls something.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME && !text.contains(char::is_control)
}

/// The members of an array at a path; none where there is something else.
pub fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A whole number, also where it is written as text.
pub fn number(value: &Value, path: &str) -> Option<i64> {
    match value.pointer(path)? {
        Value::String(text) => text.parse().ok(),
        number => number.as_i64(),
    }
}

/// A moment in seconds since 1970.
pub fn seconds(value: &Value, path: &str) -> Option<UnixTime> {
    number(value, path)?.checked_mul(1_000_000).map(UnixTime)
}

/// A moment in milliseconds since 1970.
pub fn millis(value: &Value, path: &str) -> Option<UnixTime> {
    number(value, path)?.checked_mul(1_000).map(UnixTime)
}

/// A moment as RFC 3339 has it, also without a zone, which is UTC then.
pub fn moment(value: &Value, path: &str) -> Option<UnixTime> {
    let text = text(value, path)?;
    let read = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}Z").parse());
    read.ok().map(|at| UnixTime(at.as_microsecond()))
}

/// A place on the map, as a piece.
pub fn location(
    value: &Value,
    (lat, long): (&str, &str),
    name: Option<String>,
) -> Option<Piece<String, Attachment>> {
    let degrees = |path| match value.pointer(path)? {
        Value::String(text) => text.parse::<f64>().ok(),
        number => number.as_f64(),
    };
    let (lat, long) = (degrees(lat)?, degrees(long)?);
    let on_earth = lat.abs() <= 90.0 && long.abs() <= 180.0;
    on_earth.then(|| Piece::Location { at: format!("{lat},{long}"), name })
}

/// A file as a piece.
pub fn file(place: Place, mime: Option<&str>, name: Option<&str>) -> Piece<String, Attachment> {
    let (mime, name) = (mime.map(str::to_owned), name.map(str::to_owned));
    Piece::Media { media: Attachment { place, mime, name, size: None } }
}

/// What stands for something that has no form here: whoever reads the conversation sees that there was something.
pub fn unsupported(kind: &str) -> Piece<String, Attachment> {
    let kind: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
    Piece::text(format!("[unsupported: {}]", if kind.is_empty() { "message" } else { &kind }))
}

/// A telephone number as services write it, with or without its plus.
pub fn phone(digits: &str) -> Option<Address> {
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let good = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    // No country code begins with 0 (E.164).
    (good && !digits.starts_with('0')).then(|| Address::new(Kind::Phone, format!("+{digits}")))
}

/// A telephone number, or what a network shows instead of one.
pub fn phone_or_short(text: &str) -> Option<Address> {
    phone(text).or_else(|| {
        let short =
            !text.is_empty() && text.chars().count() <= 15 && !text.contains(char::is_control);
        short.then(|| Address::new(Kind::Short, text))
    })
}

/// A person as a service calls one toward this business.
pub fn person(service: &str, id: &str) -> Option<Address> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let known =
        !service.is_empty() && service.len() <= LONGEST_SERVICE && service.bytes().all(plain);
    (known && is_name(id)).then(|| Address::new(Kind::Business, format!("{service}:{id}")))
}

/// What the service calls somebody whose address is `service:id`.
pub fn id_of<'a>(service: &str, address: &'a Address) -> Option<&'a str> {
    let id = address.value.strip_prefix(service)?.strip_prefix(':')?;
    (address.kind == Kind::Business).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_and_bytes_that_are_no_text_lose_themselves_alone() {
        let read = |body: &[u8]| json(body).map(|value| value["t"].as_str().unwrap().to_owned());
        let same = read(br#"{"t":"a\ud83d\ude00\\ud800\n"}"#).unwrap();
        assert_eq!(same, "a\u{1f600}\\ud800\n");
        for (body, wanted) in [
            (&br#"{"t":"a\ud83d"}"#[..], "a\u{fffd}"),
            (br#"{"t":"\ude00b\\\ud83d\u0041"}"#, "\u{fffd}b\\\u{fffd}A"),
            (br#"{"t":"\ud83d\ud83d\ude00"}"#, "\u{fffd}\u{1f600}"),
            (b"{\"t\":\"caf\xe9\"}", "caf\u{fffd}"),
        ] {
            assert_eq!(read(body).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn what_would_take_more_memory_than_it_is_long_is_not_read() {
        assert_eq!(json(&[b'['; 100_000]), None);
        let wide = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert_eq!(json(wide.as_bytes()), None);
    }

    #[test]
    fn a_number_is_told_from_what_is_shown_instead_of_one() {
        let kind = |text| phone_or_short(text).map(|address| (address.kind, address.value));
        assert_eq!(kind("15551234567"), Some((Kind::Phone, "+15551234567".to_owned())));
        assert_eq!(kind("+4915112345678"), Some((Kind::Phone, "+4915112345678".to_owned())));
        assert_eq!(kind("12345"), Some((Kind::Short, "12345".to_owned())));
        assert_eq!(kind("ACME"), Some((Kind::Short, "ACME".to_owned())));
        assert_eq!((kind(""), kind("a\r\nb")), (None, None));
        assert!(person("messenger", "9").is_some() && person(&"m".repeat(33), "9").is_none());
    }
}
