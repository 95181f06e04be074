//! Parts of a letter: what their headers say, and their bytes as they were before they were encoded.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{
    ContentType, HeaderName, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};

/// Times that a letter may say `boundary` before it is taken as one file: each is looked for to the end of the letter.
const MOST_BOUNDARIES: usize = 400;
/// The same of `content-type`: a part costs some hundred bytes, and letters within letters are held all at once.
const MOST_TYPES: usize = 2_000;

/// The letter's structure, nothing decoded: so that a letter within a letter is looked into only where it stands in clear,
/// and no depth of them costs more than its length. Nothing, where it has no header, or too many parts to be a letter.
pub fn parse(raw: &[u8]) -> Option<Message<'_>> {
    let many = |word: &str, most: usize| count(raw, word.as_bytes(), most) > most;
    if many("boundary", MOST_BOUNDARIES) || many("content-type", MOST_TYPES) {
        return None;
    }
    // An encoding that is not read as text is not undone by the library.
    let parser = MessageParser::new()
        .with_minimal_headers()
        .with_message_ids()
        .header_address(HeaderName::Sender)
        .header_content_type(HeaderName::ContentTransferEncoding);
    parser.parse(raw)
}

/// The letter's headers alone.
pub fn parse_headers(raw: &[u8]) -> Option<Message<'_>> {
    MessageParser::default().parse_headers(raw)
}

/// How often a word stands there, in any case; no more than one above `most`.
fn count(raw: &[u8], word: &[u8], most: usize) -> usize {
    let first = word.first().copied().unwrap_or_default();
    let starts = raw.iter().enumerate().filter(|(_, byte)| byte.eq_ignore_ascii_case(&first));
    let found = starts.filter(|(at, _)| {
        raw.get(*at..at + word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word))
    });
    found.take(most + 1).count()
}

/// Takes a letter apart that holds others, one level after the other: a thousand levels would be a thousand calls.
pub fn put_away(letter: Message<'_>) {
    let mut left = vec![letter];
    while let Some(letter) = left.pop() {
        for part in letter.parts {
            if let PartType::Message(inner) = part.body {
                left.push(inner);
            }
        }
    }
}

/// A header as it stands there, the last of that name aside.
pub fn header<'a>(letter: &'a Message<'_>, name: &'static str) -> Option<&'a str> {
    letter
        .headers_raw()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// A part's bytes as they were before they were encoded; as they stand there, where the encoding is broken.
pub fn bytes<'a>(letter: &'a Message<'_>, part: &MessagePart<'_>) -> Cow<'a, [u8]> {
    let stood = standing(letter, part);
    let encoding =
        part.headers.iter().rev().find(|one| one.name == HeaderName::ContentTransferEncoding);
    let encoding = encoding
        .and_then(|one| one.value.as_content_type())
        .map(|one| one.ctype().to_ascii_lowercase());
    let undone = match encoding.as_deref() {
        Some("base64") => base64_decode(stood),
        Some("quoted-printable") => quoted_printable_decode(stood),
        _ => None,
    };
    undone.map_or(Cow::Borrowed(stood), Cow::Owned)
}

/// A part's bytes as they stand in the letter.
pub fn standing<'a>(letter: &'a Message<'_>, part: &MessagePart<'_>) -> &'a [u8] {
    letter.raw_message.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default()
}

/// A part's text, by its charset; what that does not have shows as a mark.
pub fn text(letter: &Message<'_>, part: &MessagePart<'_>) -> String {
    let bytes = bytes(letter, part);
    let charset = part.content_type().and_then(|kind| kind.attribute("charset"));
    match charset.and_then(|name| charset_decoder(name.as_bytes())) {
        Some(decode) => decode(&bytes),
        None => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// A part's MIME type, in lower case.
pub fn mime(part: &MessagePart<'_>) -> Option<String> {
    let kind = part.content_type()?;
    Some(format!("{}/{}", kind.ctype(), kind.subtype()?).to_ascii_lowercase())
}

/// Whether a value of the part's Content-Type is this, in any case.
pub fn says(kind: Option<&ContentType<'_>>, name: &str, value: &str) -> bool {
    kind.and_then(|kind| kind.attribute(name)).is_some_and(|own| own.eq_ignore_ascii_case(value))
}
