//! A letter as a message.

use mail_parser::{Address as Addresses, HeaderValue, Message, MessagePart, MimeHeaders, PartType};

use super::part::{self, says};
use super::{Chain, Mailbox, automatic, is_id, plain, proof, report};
use crate::id::MessageId;
use crate::messaging::address::{Address, Kind};
use crate::messaging::contract::{Arrived, Report, Told};
use crate::messaging::piece::{Attachment, Piece, Place};
use crate::time::UnixTime;

/// Bytes of text of one message: a long letter has ten thousand. What is longer comes as a file besides.
pub const MOST_TEXT: usize = 100_000;
/// Files of one letter that are taken; of more it is said that they were there.
pub const MOST_FILES: usize = 32;
/// Pieces of one letter in all.
const MOST_PIECES: usize = 100;
/// Characters of a subject, a name of a person, and a name of a file.
const LONGEST_SUBJECT: usize = 300;
const LONGEST_NAME: usize = 100;
const LONGEST_FILE_NAME: usize = 120;
/// Longest address (RFC 5321 section 4.5.3.1.3).
const LONGEST_ADDRESS: usize = 254;
/// Seconds since 1970 that a letter's date may say: until the year 2100.
const DATES: std::ops::RangeInclusive<i64> = 0..=4_102_444_800;
/// Headers in which servers write where a letter was sent to.
const SENT_TO: [&str; 5] =
    ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To"];

/// A letter as it came.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    /// What the mailbox calls it: never given to another.
    pub key: &'a str,
    /// It.
    pub bytes: &'a [u8],
    /// Whether that is all of it.
    pub whole: bool,
}

/// A letter that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it tells: something that somebody wrote, or a report.
    pub told: Told,
    /// The letters that an answer to it names.
    pub chain: Chain,
}

/// Why a letter tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It does not say who sent it: nobody could be answered.
    NoSender,
    /// We sent it.
    Own,
}

/// Reads a letter.
///
/// # Errors
/// When it tells nothing.
pub fn read(mailbox: &Mailbox, raw: Raw<'_>) -> Result<Letter, Unread> {
    let Some(letter) = part::parse(raw.bytes) else {
        let headers = part::parse_headers(raw.bytes).ok_or(Unread::NoSender)?;
        let file = file_of(raw.bytes.to_vec(), "message/rfc822", Some("message.eml".to_owned()));
        return told(mailbox, raw, &headers, vec![Piece::Media { media: file }]);
    };
    let read = told(mailbox, raw, &letter, pieces(&letter, raw.whole));
    part::put_away(letter);
    read
}

fn told(
    mailbox: &Mailbox,
    raw: Raw<'_>,
    letter: &Message<'_>,
    pieces: Vec<Piece<String, Attachment>>,
) -> Result<Letter, Unread> {
    let (from, name) = sender(letter).ok_or(Unread::NoSender)?;
    let ids = Ids::of(letter);
    let mine = ids.own.as_deref().and_then(|id| message_of(mailbox, id));
    if mine.is_some() && is_ours(mailbox, &from) {
        return Err(Unread::Own);
    }
    let at = date(letter);
    let (chain, subject) = (ids.chain(letter), subject(letter));
    if let Some((message, status)) = report::of(mailbox, letter) {
        let reference = mailbox.id_of(&mailbox.key.token(message));
        return Ok(Letter { told: Told::Report(Report { reference, status, at }), chain });
    }
    let answered =
        tokens_in(mailbox, letter).map(|message| mailbox.id_of(&mailbox.key.token(message)));
    let first = ids.first(mailbox, answered.as_deref());
    let host = from.rsplit_once('@').map_or("", |(_, host)| host);
    let single = letter.from().is_some_and(|from| from.iter().count() == 1);
    let trusted = mailbox.trusted.as_deref();
    let proved = single && trusted.is_some_and(|by| proof::is_proved(letter, by, host));
    let arrived = Arrived {
        key: raw.key.to_owned(),
        reference: ids.own.clone(),
        to: Some(Address::new(Kind::Email, mailbox.address.clone())),
        at,
        pieces,
        answers: answered.or(ids.answered),
        thread: first.and_then(|first| mailbox.key.thread(&from, &first)),
        subject,
        name,
        refusal: None,
        automatic: automatic::is_automatic(letter, &from),
        proved: trusted.map(|_| proved),
        from: Address::new(Kind::Email, from),
    };
    Ok(Letter { told: Told::Arrived(Box::new(arrived)), chain })
}

/// Who sent it, by the first address of its From, or of its Sender where that has none; and what they are called.
fn sender(letter: &Message<'_>) -> Option<(String, Option<String>)> {
    [letter.from(), letter.sender()].into_iter().flatten().find_map(|addresses| {
        addresses.iter().find_map(|one| {
            let address = one.address().and_then(clean_address)?;
            let name =
                one.name().map(|name| line(name, LONGEST_NAME)).filter(|name| !name.is_empty());
            Some((address, name))
        })
    })
}

/// An address in the one way that it is written, if it is one.
fn clean_address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (user, host) = text.rsplit_once('@')?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';');
    let good =
        !user.is_empty() && host.len() > 2 && text.len() <= LONGEST_ADDRESS && !text.contains(odd);
    good.then_some(text)
}

fn is_ours(mailbox: &Mailbox, address: &str) -> bool {
    let (user, host) = mailbox.parts();
    let (own, there) = address.rsplit_once('@').unwrap_or_default();
    let own = own.split('+').next().unwrap_or_default();
    host.eq_ignore_ascii_case(there) && user.eq_ignore_ascii_case(own)
}

fn date(letter: &Message<'_>) -> Option<UnixTime> {
    let date = letter.date().filter(|date| date.is_valid())?;
    let seconds = date.to_timestamp();
    DATES.contains(&seconds).then_some(UnixTime(seconds * 1_000_000))
}

fn subject(letter: &Message<'_>) -> Option<String> {
    letter.subject().map(|text| line(text, LONGEST_SUBJECT)).filter(|text| !text.is_empty())
}

/// Text in one line of so many characters at most, without anything that acts.
pub(super) fn line(text: &str, most: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

/// What a letter is called and names.
#[derive(Debug, Default)]
struct Ids {
    own: Option<String>,
    /// The letter that it answers, as it says.
    answered: Option<String>,
    /// All of the thread, the oldest first.
    before: Vec<String>,
}

impl Ids {
    fn of(letter: &Message<'_>) -> Ids {
        let own = letter.message_id().filter(|id| is_id(id)).map(str::to_owned);
        let answers = ids(letter.in_reply_to());
        let mut before = ids(letter.references());
        before
            .extend(answers.iter().filter(|id| !before.contains(id)).cloned().collect::<Vec<_>>());
        Ids { own, answered: answers.into_iter().next_back(), before }
    }

    /// The letter that the thread begins with. An answer to one of ours that does not name it has lost its thread on the
    /// way: it begins with ours.
    fn first(&self, mailbox: &Mailbox, answered: Option<&str>) -> Option<String> {
        let named = |id: &str| {
            self.before.iter().any(|own| message_of(mailbox, own) == message_of(mailbox, id))
        };
        match answered {
            Some(answered) if !named(answered) => Some(answered.to_owned()),
            _ => self.before.first().or(self.own.as_ref()).cloned(),
        }
    }

    fn chain(&self, letter: &Message<'_>) -> Chain {
        let mut chain = Chain { ids: Vec::new(), subject: subject(letter) };
        self.before.iter().chain(&self.own).for_each(|id| chain.add(id));
        chain
    }
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    let all: Vec<&str> = match value {
        HeaderValue::Text(one) => vec![one],
        HeaderValue::TextList(all) => all.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    all.into_iter().filter(|id| is_id(id)).map(str::to_owned).collect()
}

/// The message of ours that a Message-ID or an address is of.
pub(super) fn message_of(mailbox: &Mailbox, id: &str) -> Option<MessageId> {
    let user = id.trim().rsplit_once('@').map_or(id, |(user, _)| user);
    let token = user.rsplit_once('+').map_or(user, |(_, token)| token);
    mailbox.key.message(token)
}

/// The message of ours that a letter is, answers or was sent to: by its names first, which say which of several.
pub(super) fn tokens_in(mailbox: &Mailbox, letter: &Message<'_>) -> Option<MessageId> {
    let own = letter.message_id().map(str::to_owned).into_iter();
    let answered = ids(letter.in_reply_to()).into_iter();
    let before = ids(letter.references()).into_iter().rev();
    let listed = [letter.to(), letter.cc()].into_iter().flatten().flat_map(Addresses::iter);
    let listed = listed.filter_map(|one| one.address().map(str::to_owned));
    let sent = SENT_TO.iter().filter_map(|name| part::header(letter, name).map(str::to_owned));
    let sent = sent.map(|text| text.trim_matches(['<', '>']).to_owned());
    let mut all = own.chain(answered).chain(before).chain(listed).chain(sent);
    all.find_map(|id| message_of(mailbox, &id))
}

/// What a letter holds: its text, then its files.
fn pieces(letter: &Message<'_>, whole: bool) -> Vec<Piece<String, Attachment>> {
    let (text, long) = text(letter);
    let mut pieces = vec![Piece::text(text)];
    pieces.extend(long.map(|text| {
        let name = Some("text.txt".to_owned());
        Piece::Media { media: file_of(text.into_bytes(), "text/plain; charset=utf-8", name) }
    }));
    let mut files = 0;
    for part in letter.attachments.iter().filter_map(|at| letter.parts.get(*at as usize)) {
        // Of a letter that was not fetched to its end, the file that it ends in is not all there.
        let torn = !whole && part.offset_end as usize >= letter.raw_message.len();
        files += 1;
        if pieces.len() >= MOST_PIECES {
            break;
        }
        pieces.push(match torn || files > MOST_FILES {
            true => Piece::Missing { name: file_name(part), mime: part::mime(part) },
            false => file(letter, part),
        });
    }
    if !whole {
        pieces.push(Piece::Missing { name: None, mime: None });
    }
    pieces
}

/// The text of a letter as people read it, and all of it as it is where that is too long.
fn text(letter: &Message<'_>) -> (String, Option<String>) {
    let bodies = letter.text_body.iter().filter_map(|at| letter.parts.get(*at as usize));
    let texts = bodies.filter_map(|part| match &part.body {
        PartType::Html(_) => Some(plain::from_html(&part::text(letter, part))),
        PartType::Text(_) => {
            let (text, kind) = (part::text(letter, part), part.content_type());
            let flowed = says(kind, "format", "flowed");
            let text = if flowed { plain::flowed(&text, says(kind, "delsp", "yes")) } else { text };
            Some(plain::tidy(&text))
        }
        _ => None,
    });
    let text = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    if text.len() <= MOST_TEXT {
        return (text, None);
    }
    let end = text.floor_char_boundary(MOST_TEXT);
    (format!("{} […]", text.get(..end).unwrap_or_default()), Some(text))
}

fn file(letter: &Message<'_>, part: &MessagePart<'_>) -> Piece<String, Attachment> {
    let message = matches!(part.body, PartType::Message(_));
    let bytes = match message {
        true => part::standing(letter, part).to_vec(),
        false => part::bytes(letter, part).into_owned(),
    };
    let mime = part::mime(part).unwrap_or_else(|| "application/octet-stream".to_owned());
    let name = file_name(part).or_else(|| message.then(|| "message.eml".to_owned()));
    Piece::Media { media: file_of(bytes, &mime, name) }
}

fn file_of(bytes: Vec<u8>, mime: &str, name: Option<String>) -> Attachment {
    let size = Some(bytes.len() as u64);
    Attachment { place: Place::Here(bytes), mime: Some(mime.to_owned()), name, size }
}

/// What a file is called, without any folders.
fn file_name(part: &MessagePart<'_>) -> Option<String> {
    let said = part.content_disposition().and_then(|one| one.attribute("filename"));
    let said = said.or_else(|| part.content_type().and_then(|one| one.attribute("name")))?;
    let last = said.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = line(last, LONGEST_FILE_NAME);
    let name = name.trim_start_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}
