//! What the CRM answers, and what of that is taken.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes of the longest answer that is read: what an agent looks at while it rings is a tenth of it.
pub const MOST_BYTES: usize = 16 << 10;
/// Fields that are taken.
const MOST_FIELDS: usize = 32;
/// Characters of the longest value that is taken: more does not fit on a card.
const LONGEST: usize = 512;
/// Characters of the longest name of a field.
const LONGEST_NAME: usize = 64;

/// What the CRM says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It knows the person.
    Found(Found),
    /// It does not.
    Unknown,
}

/// What it knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Found {
    /// What the CRM calls the person.
    pub id: Option<String>,
    /// Where an agent finds more: an `https` address.
    pub link: Option<String>,
    /// What it says, by name.
    pub fields: BTreeMap<String, String>,
    /// Names of fields that were left out: no plain values, too long, or too many.
    pub left_out: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It did not come in time.
    Late,
    /// The CRM could not be reached.
    Unreachable,
    /// It has an address that it may not have.
    Barred,
    /// It answered with this status.
    Status(u16),
    /// Its answer is longer than is read.
    TooLong,
    /// Its answer is not what the contract says.
    Unreadable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Late => f.write_str("did not answer in time (`timeout_ms`)"),
            Fault::Unreachable => f.write_str("could not be reached"),
            Fault::Barred => f.write_str("has an address that it may not have (`private`)"),
            Fault::Status(status) => write!(f, "answered {status}"),
            Fault::TooLong => write!(f, "answered with more than {MOST_BYTES} bytes"),
            Fault::Unreadable => f.write_str("answered with something else than the contract says"),
        }
    }
}

/// What the contract has; other members are passed over.
#[derive(Deserialize)]
struct Body {
    found: bool,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    link: Option<Value>,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
}

/// Reads an answer. A field that cannot be taken is left out, and the others are taken.
///
/// # Errors
/// When it says nothing about the person.
pub fn read(status: u16, body: &[u8]) -> Result<Answer, Fault> {
    match status {
        200 => {}
        404 => return Ok(Answer::Unknown),
        status => return Err(Fault::Status(status)),
    }
    if body.len() > MOST_BYTES {
        return Err(Fault::TooLong);
    }
    // Nesting beyond 128 is an error of the reader's own.
    let Body { found, id, link, fields } =
        serde_json::from_slice(body).map_err(|_| Fault::Unreadable)?;
    if !found {
        return Ok(Answer::Unknown);
    }
    let mut taken = Found { id: id.as_ref().and_then(plain), ..Found::default() };
    taken.link = link.as_ref().and_then(plain).filter(|link| is_address(link));
    if link.is_some() && taken.link.is_none() {
        taken.left_out.push("link".to_owned());
    }
    for (name, value) in fields {
        match plain(&value).filter(|_| is_name(&name) && taken.fields.len() < MOST_FIELDS) {
            Some(value) => drop(taken.fields.insert(name, value)),
            None if value.is_null() => {}
            None if taken.left_out.len() < MOST_FIELDS => {
                let shown = name.chars().filter(|c| c.is_ascii_graphic()).take(LONGEST_NAME);
                taken.left_out.push(shown.collect());
            }
            None => {}
        }
    }
    Ok(Answer::Found(taken))
}

/// A plain value as text: nothing that would break a line, a terminal or a card.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => return None,
    };
    let text: String =
        text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    (1..=LONGEST).contains(&text.chars().count()).then(|| text.to_owned())
}

/// Marks that write a text in another direction than it is read (UAX #9 section 2): with them a card says what it does not.
fn turns(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{61C}')
}

fn is_name(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(good)
}

/// An address that a browser may be sent to: no program in it, and no other site than it seems.
fn is_address(link: &str) -> bool {
    let host = link.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    link.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\`".contains(&b))
        && host.is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}
