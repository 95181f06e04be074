//! What sending has in common: words and files of a message, forms and bodies, and what answers add up to.

use std::time::Duration;

use serde_json::Value;

use super::said;
use crate::messaging::contract::{Failure, Fault, Outcome, Outgoing};
use crate::messaging::piece::{Media, Piece};
use crate::messaging::web::{Answer, Ask, Files};
use crate::time::UnixTime;

/// How long a service may take to take a message: longer than Twilio's own libraries wait, since what is given up is
/// doubtful.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long to leave a service alone that asks for less and does not say how long.
const UNSAID: Duration = Duration::from_secs(5);
/// The same where it says that it is not available.
const AWAY: Duration = Duration::from_secs(30);
/// The longest that a service is left alone at its word: it may mean another clock.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A failure of ours: this service cannot carry it.
pub fn cannot(code: &str) -> Failure {
    Failure { fault: Fault::Content, code: code.to_owned() }
}

/// The words of a message, and its files.
///
/// # Errors
/// When it has something that is neither, such as a template.
pub fn words(outgoing: &Outgoing) -> Result<(String, Vec<&Media<String>>), Failure> {
    let (mut lines, mut files, mut offered) = (Vec::new(), Vec::new(), 0);
    for piece in &outgoing.pieces {
        match piece {
            Piece::Text { text } => lines.push(text.clone()),
            Piece::Media { media } => files.push(media),
            Piece::Location { at, name } => {
                lines.extend(name.clone());
                lines.push(format!("https://maps.google.com/?q={at}"));
            }
            // Where there are no buttons, an answer is offered by its number.
            Piece::Choice { label, .. } => {
                offered += 1;
                lines.push(format!("{offered} {label}"));
            }
            Piece::Missing { .. } => return Err(cannot("the file is gone")),
            Piece::Reaction { .. } => return Err(cannot("reaction")),
            Piece::Template { .. } => return Err(cannot("template")),
        }
    }
    Ok((lines.join("\n"), files))
}

/// The words before answers that are offered, and these: id and label.
pub fn offered(outgoing: &Outgoing) -> Option<(String, Vec<(&str, &str)>)> {
    let (mut lines, mut choices) = (Vec::new(), Vec::new());
    for piece in &outgoing.pieces {
        match piece {
            Piece::Text { text } => lines.push(text.as_str()),
            Piece::Choice { id, label } => choices.push((id.as_str(), label.as_str())),
            _ => return None,
        }
    }
    (!choices.is_empty() && !lines.is_empty()).then(|| (lines.join("\n"), choices))
}

/// Where the service may fetch a file.
///
/// # Errors
/// When the site has no address that services reach.
pub fn public(files: &dyn Files, media: &Media<String>) -> Result<String, Failure> {
    files.url(media.content).ok_or_else(|| cannot("no public address for files"))
}

/// The bytes of a file.
///
/// # Errors
/// When they are not here any more.
pub fn bytes(files: &dyn Files, media: &Media<String>) -> Result<Vec<u8>, Failure> {
    files.bytes(media.content).ok_or_else(|| cannot("the file is gone"))
}

/// A refusal of what is longer than the service takes.
///
/// # Errors
/// When it is.
pub fn no_longer(text: &str, most: usize) -> Result<(), Failure> {
    let longer = text.chars().count() > most;
    (!longer).then_some(()).ok_or_else(|| cannot("too long"))
}

/// A request with a form.
pub fn form(url: String, authorization: String, fields: &[(&str, String)]) -> Ask {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    let mime = "application/x-www-form-urlencoded".to_owned();
    let headers = vec![("authorization", authorization), ("content-type", mime)];
    Ask { method: "POST", url, headers, body: body.finish().into_bytes(), within: PATIENCE }
}

/// A request with JSON.
pub fn post(url: String, authorization: Option<String>, body: &Value) -> Ask {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    headers.extend(authorization.map(|value| ("authorization", value)));
    Ask { method: "POST", url, headers, body: body.to_string().into_bytes(), within: PATIENCE }
}

/// A request for something.
pub fn get(url: String, authorization: Option<String>) -> Ask {
    let headers = authorization.map(|value| ("authorization", value)).into_iter().collect();
    Ask { method: "GET", url, headers, body: Vec::new(), within: PATIENCE }
}

/// A request with fields and a file (RFC 7578). The boundary is made of the file's own name, which its bytes cannot hold:
/// it is their hash.
pub fn multipart(
    url: String,
    authorization: Option<String>,
    fields: &[(&str, &str)],
    (field, media, bytes): (&str, &Media<String>, &[u8]),
) -> Ask {
    let boundary = format!("branchline-{}", media.content);
    let mut body = Vec::with_capacity(bytes.len() + 1_024);
    for (name, value) in fields {
        let part = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend_from_slice(part.as_bytes());
    }
    let name = file_name(media);
    let mime = if plain_mime(&media.mime) { &media.mime } else { "application/octet-stream" };
    let part = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
         content-type: {mime}\r\n\r\n"
    );
    body.extend_from_slice(part.as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let mut headers = vec![("content-type", format!("multipart/form-data; boundary={boundary}"))];
    headers.extend(authorization.map(|value| ("authorization", value)));
    Ask { method: "POST", url, headers, body, within: PATIENCE }
}

/// What a file is called; nothing in it ends the field it stands in.
pub fn file_name(media: &Media<String>) -> String {
    let name = media.name.as_deref().unwrap_or("file");
    name.chars().filter(|c| !c.is_control() && !"\"\\/".contains(*c)).take(100).collect()
}

fn plain_mime(mime: &str) -> bool {
    mime.bytes().all(|b| b.is_ascii_graphic() || b == b' ') && mime.contains('/')
}

/// Whole seconds until a message is of no use any more, within what the service takes.
pub fn seconds_left(now: UnixTime, outgoing: &Outgoing, least: u64, most: u64) -> u64 {
    outgoing.until.since(now).as_secs().clamp(least, most)
}

/// What one answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum One {
    /// Taken, by this name.
    Taken(String),
    /// A step on the way: nobody has got anything by it.
    Step,
    /// Taken, and it cannot be read by what name; or nobody knows.
    Doubtful,
    /// Refused.
    Refused(Failure),
    /// Less, please, of everything.
    Throttled(Duration),
    /// Not reached.
    Away,
}

/// What the answers add up to. `taken` reads one that says yes, `refused` one that says no.
pub fn outcome(
    answers: &[Answer<'_>],
    taken: impl Fn(&Value) -> One,
    refused: impl Fn(u16, &Value) -> Failure,
) -> Outcome {
    let mut references = Vec::new();
    for answer in answers {
        let one = match one(*answer, &taken, &refused) {
            One::Taken(reference) => {
                references.push(reference);
                continue;
            }
            One::Step => continue,
            one => one,
        };
        return ended(one, !references.is_empty());
    }
    if references.is_empty() { Outcome::Doubtful } else { Outcome::Accepted { references } }
}

/// An answer that ends it. Somebody who has got a part already must not get that again: then it is never "not sent".
fn ended(one: One, in_part: bool) -> Outcome {
    match one {
        One::Refused(Failure { fault: Fault::Network, .. }) | One::Throttled(_) | One::Away
            if in_part =>
        {
            Outcome::Doubtful
        }
        One::Refused(failure) => Outcome::Refused(failure),
        One::Throttled(wait) => Outcome::Throttled(wait),
        One::Away => Outcome::Away,
        One::Taken(_) | One::Step | One::Doubtful => Outcome::Doubtful,
    }
}

fn one(
    answer: Answer<'_>,
    taken: impl Fn(&Value) -> One,
    refused: impl Fn(u16, &Value) -> Failure,
) -> One {
    let (status, retry_after, body) = match answer {
        Answer::Away => return One::Away,
        Answer::Silent => return One::Doubtful,
        Answer::Replied { status, retry_after, body } => (status, retry_after, body),
    };
    let wait = |unsaid| {
        let said = retry_after.map(|seconds| Duration::from_secs(seconds.into()));
        said.unwrap_or(unsaid).min(LONGEST)
    };
    let json = said::json(body).unwrap_or_default();
    match status {
        200..=299 => taken(&json),
        429 => One::Throttled(wait(UNSAID)),
        503 => One::Throttled(wait(AWAY)),
        // It may have been carried out before something broke.
        500..=599 => One::Doubtful,
        // Nobody of these services answers a message so: something stands between.
        100..=399 => One::Refused(Failure { fault: Fault::Network, code: status.to_string() }),
        _ => One::Refused(refused(status, &json)),
    }
}

/// Whose fault a status is, where the service says no more.
pub fn fault(status: u16) -> Fault {
    match status {
        401..=403 => Fault::Account,
        404 | 410 => Fault::Address,
        408 => Fault::Network,
        _ => Fault::Content,
    }
}
