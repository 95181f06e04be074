//! A message as a letter (RFC 5322), as `lettre` builds it.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address as Mail;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment, Body, Mailbox as Named, MultiPart, SinglePart};

use super::reading::line;
use super::{Chain, Mailbox};
use crate::messaging::contract::{Failure, Fault, Outgoing};
use crate::messaging::piece::Piece;
use crate::messaging::web::Files;
use crate::time::UnixTime;

/// Characters of a subject: what programs show of it.
const LONGEST_SUBJECT: usize = 300;
/// How answers are marked in the languages that customers write in: nobody marks them twice.
const MARKS: [&str; 12] =
    ["re:", "aw:", "sv:", "vs:", "antw:", "odp:", "ref:", "rif:", "res:", "ynt:", "fwd:", "wg:"];

/// A letter as it is sent.
#[derive(Clone)]
pub struct Posted {
    /// To whom the servers on the way say what became of it.
    pub from: Mail,
    /// To whom it goes.
    pub to: Mail,
    /// It, in full.
    pub bytes: Vec<u8>,
    /// Its Message-ID without the brackets.
    pub id: String,
}

impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Posted({} bytes)", self.bytes.len())
    }
}

/// Writes a message as a letter. `chain` is what is known of its thread, `most` the bytes that the server takes, and
/// `boundary` a word that stands in none of its parts.
///
/// # Errors
/// When mail cannot carry it. Nothing was sent.
pub fn write(
    mailbox: &Mailbox,
    now: UnixTime,
    outgoing: &Outgoing,
    chain: &Chain,
    files: &dyn Files,
    (most, boundary): (u64, &str),
) -> Result<Posted, Failure> {
    let token = mailbox.key.token(outgoing.message);
    let (from, to) = (mail(&mailbox.with_token(&token))?, mail(&outgoing.to.value)?);
    let id = mailbox.id_of(&token);
    let mut letter = lettre::Message::builder()
        .envelope(Envelope::new(Some(from.clone()), vec![to.clone()]).map_err(|_| unfit())?)
        .from(Named::new(
            mailbox.name.as_deref().map(|name| line(name, 100)),
            mail(&mailbox.address)?,
        ))
        .to(Named::new(None, to.clone()))
        .date(UNIX_EPOCH + Duration::from_secs(now.seconds().max(0).unsigned_abs()))
        .message_id(Some(format!("<{id}>")))
        .subject(subject(mailbox, outgoing, chain));
    if mailbox.plus {
        letter = letter.reply_to(Named::new(None, from.clone()));
    }
    let ids = named(mailbox, outgoing, chain);
    if let Some(last) = ids.last() {
        let all: Vec<_> = ids.iter().map(|id| format!("<{id}>")).collect();
        letter = letter.in_reply_to(format!("<{last}>")).references(all.join(" "));
    }
    let text = SinglePart::plain(text(mailbox, outgoing)?);
    let files = attachments(outgoing, files)?;
    let letter = match files.is_empty() {
        true => letter.singlepart(text),
        false => {
            let all = MultiPart::mixed().boundary(boundary).singlepart(text);
            letter.multipart(files.into_iter().fold(all, MultiPart::singlepart))
        }
    };
    let bytes = letter.map_err(|_| unfit())?.formatted();
    if bytes.len() as u64 > most {
        return Err(unfit());
    }
    Ok(Posted { from, to, bytes, id })
}

fn mail(text: &str) -> Result<Mail, Failure> {
    text.parse().map_err(|_| Failure { fault: Fault::Address, code: String::new() })
}

fn unfit() -> Failure {
    Failure { fault: Fault::Content, code: String::new() }
}

/// The letters of its thread that it names: as many as are known, the one that it answers last.
fn named(mailbox: &Mailbox, outgoing: &Outgoing, chain: &Chain) -> Vec<String> {
    let mut all = Chain::default();
    let first = outgoing.thread.as_deref().and_then(|thread| mailbox.key.first(thread));
    first.iter().chain(&chain.ids).for_each(|id| all.add(id));
    if let Some(answers) = &outgoing.answers {
        all.ids.retain(|id| id != answers);
        all.add(answers);
    }
    all.ids
}

/// What it is about: what is said, or what the thread is about, marked as an answer where it is one.
fn subject(mailbox: &Mailbox, outgoing: &Outgoing, chain: &Chain) -> String {
    let own = outgoing.subject.as_deref().or(chain.subject.as_deref());
    let own = own.map(|text| line(text, LONGEST_SUBJECT)).filter(|text| !text.is_empty());
    let answers = outgoing.thread.is_some() || outgoing.answers.is_some();
    let marked = |text: &str| {
        let lower = text.to_lowercase();
        MARKS.iter().any(|mark| lower.starts_with(mark))
    };
    match own {
        Some(text) if answers && !marked(&text) => format!("Re: {text}"),
        Some(text) => text,
        None if answers => "Re:".to_owned(),
        None => {
            mailbox.name.as_deref().map_or_else(|| mailbox.address.clone(), |name| line(name, 100))
        }
    }
}

fn text(mailbox: &Mailbox, outgoing: &Outgoing) -> Result<String, Failure> {
    let mut parts = Vec::new();
    for piece in &outgoing.pieces {
        match piece {
            Piece::Text { text } => parts.push(text.clone()),
            Piece::Location { at, name } => {
                parts.push(name.iter().chain([at]).cloned().collect::<Vec<_>>().join(": "));
            }
            Piece::Media { .. } => {}
            Piece::Missing { .. }
            | Piece::Choice { .. }
            | Piece::Reaction { .. }
            | Piece::Template { .. } => return Err(unfit()),
        }
    }
    let mut text = parts.join("\n\n");
    // RFC 3676 section 4.3.
    if let Some(signature) = &mailbox.signature {
        text.push_str("\n\n-- \n");
        text.push_str(signature);
    }
    text.push('\n');
    Ok(text)
}

fn attachments(outgoing: &Outgoing, files: &dyn Files) -> Result<Vec<SinglePart>, Failure> {
    let media = outgoing.pieces.iter().filter_map(|piece| match piece {
        Piece::Media { media } => Some(media),
        _ => None,
    });
    media
        .map(|media| {
            let bytes = files.bytes(media.content).ok_or_else(unfit)?;
            let kind = ContentType::parse(&media.mime)
                .or_else(|_| ContentType::parse("application/octet-stream"));
            let name =
                media.name.as_deref().map(|name| line(name, 120)).filter(|name| !name.is_empty());
            // Whatever it is, it arrives byte for byte.
            let body = Body::new_with_encoding(bytes, ContentTransferEncoding::Base64)
                .map_err(|_| unfit())?;
            Ok(Attachment::new(name.unwrap_or_else(|| "file".to_owned()))
                .body(body, kind.map_err(|_| unfit())?))
        })
        .collect()
}
