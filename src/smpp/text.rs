//! Texts and the octets that carry them: alphabets, and messages in parts.
//!
//! What `data_coding` 0 means is not for the standard to say (SMPP 3.4 section 5.2.19: "SMSC default alphabet"), so each
//! link has it as a setting. Parts come and go in three ways: with a user data header, with `sar_*` parameters, or whole in
//! `message_payload`. Tables of the GSM alphabets and the header's elements are those of [`sms`](crate::sms).

use bytes::Bytes;

use super::pdu::{HEADED, Message, SHORT};
use super::tlv::{Tlvs, tag};
use crate::sms::alphabet::{self, Tables, packing};
use crate::sms::pdu::{Concatenation, Header, Reference};

/// Most parts of a message: their number is one octet.
pub const MAX_PARTS: usize = 255;

/// In what the text of `data_coding` 0 is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plain {
    /// The GSM alphabet, a septet in each octet: what most message centres mean.
    #[default]
    Gsm,
    /// The GSM alphabet, eight septets in seven octets.
    Packed,
    /// Latin-1.
    Latin1,
    /// ASCII.
    Ascii,
    /// UTF-8.
    Utf8,
}

/// How a text that is too long for one message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cut {
    /// With a header whose reference has one octet.
    #[default]
    Header,
    /// With one whose reference has two.
    WideHeader,
    /// With `sar_*` parameters: the message centre makes the headers.
    Sar,
    /// Whole, in `message_payload`: the message centre cuts.
    Payload,
}

/// How a link writes texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wording {
    /// What `data_coding` 0 means.
    pub plain: Plain,
    /// How long texts go.
    pub cut: Cut,
}

/// What kind of octets they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Script {
    /// Septets of the GSM alphabet, one in each octet.
    Septets(Tables),
    /// Latin-1; ASCII is a part of it.
    Latin1,
    /// ISO 8859-5.
    Cyrillic,
    /// ISO 8859-8.
    Hebrew,
    /// UTF-16, big end first.
    Ucs2,
    /// UTF-8.
    Utf8,
    /// No text, or one in a script that is not read here.
    Data,
}

/// What a message carries, without its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// In what it is written.
    pub script: Script,
    /// Its octets: of packed septets, one in each.
    pub octets: Bytes,
    /// Which part of a longer one it is.
    pub part: Option<Concatenation>,
}

impl Content {
    /// What a message carries on a link that means this by `data_coding` 0.
    pub fn of(message: &Message, plain: Plain) -> Content {
        let octets = message.octets();
        let (header, length) = match message.headed() {
            true => header(octets),
            false => (Header::default(), 0),
        };
        let part = header.concatenation().or_else(|| sar(&message.tlvs));
        let (mut script, packed) = script(message.data_coding, plain, header.tables());
        if message.data_coding == IA5 && octets.iter().skip(length).any(|octet| is_gsm(*octet)) {
            script = Script::Septets(header.tables());
        }
        let octets = match packed {
            true => unpacked(octets, length),
            false => octets.slice(length..),
        };
        Content { script, octets, part }
    }

    /// The text; nothing for data.
    pub fn text(&self) -> Option<String> {
        read(self.script, &self.octets)
    }
}

/// `data_coding`: IA5, which is ASCII.
const IA5: u8 = 0x01;

/// Whether an octet can be none of ASCII's text: npm `smpp` 0.5 writes the GSM alphabet and calls it IA5, unless it is told.
fn is_gsm(octet: u8) -> bool {
    octet < b' ' && !matches!(octet, b'\t' | b'\n' | b'\r')
}

/// The text of octets. What means nothing is shown as U+FFFD; data is no text.
pub fn read(script: Script, octets: &[u8]) -> Option<String> {
    let each = |char: fn(u8) -> char| octets.iter().map(|octet| char(*octet)).collect();
    Some(match script {
        Script::Septets(tables) => tables.decode(octets).text,
        Script::Latin1 => each(char::from),
        Script::Cyrillic => each(cyrillic),
        Script::Hebrew => each(hebrew),
        Script::Ucs2 => utf16(octets),
        Script::Utf8 => String::from_utf8_lossy(octets).into_owned(),
        Script::Data => return None,
    })
}

/// The header and how many octets it takes. One that does not fit into the message is none, and its octets are text
/// (3GPP TS 23.040 clause 9.2.3.24).
fn header(octets: &[u8]) -> (Header, usize) {
    let read = octets.split_first().and_then(|(length, rest)| {
        let header = rest.get(..usize::from(*length))?;
        Some((Header::read(header)?, usize::from(*length) + 1))
    });
    read.unwrap_or_default()
}

/// SMPP 3.4 sections 5.3.2.22 to 5.3.2.24. Part 4 of 3 is no part.
fn sar(tlvs: &Tlvs) -> Option<Concatenation> {
    let octet = |tag| tlvs.number(tag).and_then(|number| u8::try_from(number).ok());
    let reference = u16::try_from(tlvs.number(tag::SAR_REFERENCE)?).ok()?;
    let (total, sequence) = (octet(tag::SAR_TOTAL)?, octet(tag::SAR_NUMBER)?);
    let fits = total > 1 && (1..=total).contains(&sequence);
    fits.then_some(Concatenation { reference: Reference::Wide(reference), total, sequence })
}

/// SMPP 3.4 section 5.2.19, and 3GPP TS 23.038 section 4 for the groups that it leaves to GSM. Whether it is packed.
fn script(data_coding: u8, plain: Plain, tables: Tables) -> (Script, bool) {
    let own = match plain {
        Plain::Gsm => (Script::Septets(tables), false),
        Plain::Packed => (Script::Septets(tables), true),
        Plain::Latin1 | Plain::Ascii => (Script::Latin1, false),
        Plain::Utf8 => (Script::Utf8, false),
    };
    match data_coding {
        0x00 | 0xC0..=0xDF => own,
        0x01 | 0x03 => (Script::Latin1, false),
        0x06 => (Script::Cyrillic, false),
        0x07 => (Script::Hebrew, false),
        0x08 | 0xE0..=0xEF => (Script::Ucs2, false),
        0x10..=0x3F => match data_coding >> 2 & 3 {
            0 => own,
            2 => (Script::Ucs2, false),
            _ => (Script::Data, false),
        },
        0xF0..=0xFF if data_coding & 0x04 == 0 => own,
        _ => (Script::Data, false),
    }
}

/// Septets behind a header. SMPP says how many octets there are, not how many septets: where seven bits are left over, a
/// carriage return fills them (3GPP TS 23.038 section 6.1.2.3.1).
fn unpacked(octets: &[u8], header: usize) -> Bytes {
    let behind = header.saturating_mul(8).div_ceil(7);
    let count = (octets.len() * 8 / 7).saturating_sub(behind);
    let mut septets = packing::unpack(octets, header, count);
    let total = behind + septets.len();
    let filled = total * 7 == octets.len() * 8;
    if filled && septets.last() == Some(&b'\r') {
        septets.pop();
    }
    septets.into()
}

/// Some write a byte order mark, and some of them little end first.
fn utf16(octets: &[u8]) -> String {
    match octets {
        [0xFF, 0xFE, rest @ ..] => {
            let turned: Vec<u8> =
                rest.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
            alphabet::from_ucs2(&turned).text
        }
        [0xFE, 0xFF, rest @ ..] => alphabet::from_ucs2(rest).text,
        octets => alphabet::from_ucs2(octets).text,
    }
}

fn cyrillic(octet: u8) -> char {
    match octet {
        0xAD => '\u{AD}',
        0xF0 => '№',
        0xFD => '§',
        0xA1.. => char::from_u32(0x400 + u32::from(octet - 0xA0)).unwrap_or(alphabet::UNREADABLE),
        _ => char::from(octet),
    }
}

fn hebrew(octet: u8) -> char {
    match octet {
        0xE0..=0xFA => {
            char::from_u32(0x5D0 + u32::from(octet - 0xE0)).unwrap_or(alphabet::UNREADABLE)
        }
        _ => char::from(octet),
    }
}

/// One message of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whether its text begins with a header.
    pub headed: bool,
    /// In what it is written.
    pub data_coding: u8,
    /// Its octets.
    pub octets: Bytes,
    /// Which part it is, where that is told by parameters.
    pub tlvs: Tlvs,
}

impl Part {
    /// Puts it into a message.
    pub fn put(self, mut message: Message) -> Message {
        message.esm_class |= if self.headed { HEADED } else { 0 };
        message.data_coding = self.data_coding;
        let mut tlvs = message.tlvs;
        self.tlvs.iter().for_each(|(tag, value)| tlvs.push(tag, value.clone()));
        if self.octets.len() > SHORT {
            tlvs.push(tag::MESSAGE_PAYLOAD, self.octets);
        } else {
            message.short_message = self.octets;
        }
        message.tlvs = tlvs;
        message
    }
}

/// More than [`MAX_PARTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// A text in as many messages as it takes. `reference` should not be one that was used with this receiver lately.
///
/// Cuts are between characters, so never between the halves of an emoji or of an escape pair.
pub fn parts(text: &str, wording: Wording, reference: u16) -> Result<Vec<Part>, TooLong> {
    let ink = Ink::of(text, wording.plain);
    let whole: usize = text.chars().map(|char| ink.units(char)).sum();
    let alone = |octets: Vec<u8>| Part {
        headed: false,
        data_coding: ink.data_coding(),
        octets: ink.packed(&[], octets).into(),
        tlvs: Tlvs::default(),
    };
    if whole <= ink.room(0) || wording.cut == Cut::Payload {
        return Ok(vec![alone(ink.write(text))]);
    }
    let pieces = cut(text, ink, ink.room(header_octets(wording.cut)));
    let total = u8::try_from(pieces.len()).map_err(|_| TooLong)?;
    let numbered = (1..=total).zip(pieces);
    let part = |(sequence, piece): (u8, &str)| {
        let part = Concatenation { reference: Reference::Wide(reference), total, sequence };
        match wording.cut {
            Cut::Sar | Cut::Payload => {
                Part { tlvs: sar_of(part, reference), ..alone(ink.write(piece)) }
            }
            Cut::Header => {
                headed(ink, piece, Concatenation { reference: short(reference), ..part })
            }
            Cut::WideHeader => headed(ink, piece, part),
        }
    };
    Ok(numbered.map(part).collect())
}

/// In how many messages a text goes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How many; more than [`MAX_PARTS`] cannot go.
    pub parts: usize,
    /// How much more fits into the last: septets, octets, or halves of UCS-2.
    pub left: usize,
    /// In what it is written; nothing: UCS-2.
    pub plain: Option<Plain>,
    /// The first character for which that is needed, and which of the text it is, from 0.
    pub forced_by: Option<(usize, char)>,
}

/// Counts a text as a link writes it. Where the message centre cuts, it is counted as with the widest header.
pub fn count(text: &str, wording: Wording) -> Count {
    let ink = Ink::of(text, wording.plain);
    let units = |text: &str| text.chars().map(|char| ink.units(char)).sum::<usize>();
    let (whole, room) = (units(text), ink.room(header_octets(wording.cut)));
    let (parts, left) = match whole <= ink.room(0) {
        true => (1, ink.room(0) - whole),
        false => {
            let pieces = cut(text, ink, room);
            (pieces.len(), room.saturating_sub(pieces.last().map_or(0, |last| units(last))))
        }
    };
    let forced_by = text.chars().enumerate().find(|(_, char)| !has(wording.plain, *char));
    match ink {
        Ink::Plain(plain) => Count { parts, left, plain: Some(plain), forced_by: None },
        Ink::Ucs2 => Count { parts, left: left / 2, plain: None, forced_by },
    }
}

fn short(reference: u16) -> Reference {
    Reference::Short(reference.to_be_bytes()[1])
}

fn headed(ink: Ink, piece: &str, part: Concatenation) -> Part {
    let header = Header::new(Some(part), Tables::DEFAULT).octets();
    let octets = ink.packed(&header, ink.write(piece)).into();
    Part { headed: true, data_coding: ink.data_coding(), octets, tlvs: Tlvs::default() }
}

fn sar_of(part: Concatenation, reference: u16) -> Tlvs {
    Tlvs::default()
        .with(tag::SAR_REFERENCE, reference.to_be_bytes().to_vec())
        .with(tag::SAR_TOTAL, vec![part.total])
        .with(tag::SAR_NUMBER, vec![part.sequence])
}

/// Octets that the header will take; with `sar_*` the message centre makes one, of either width.
fn header_octets(cut: Cut) -> usize {
    match cut {
        Cut::Header => 6,
        Cut::WideHeader | Cut::Sar | Cut::Payload => 7,
    }
}

fn cut(text: &str, ink: Ink, room: usize) -> Vec<&str> {
    let (mut pieces, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, char) in text.char_indices() {
        let units = ink.units(char);
        if used + units > room {
            pieces.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += units;
    }
    pieces.push(&text[start..]);
    pieces
}

/// Whether an alphabet has a character.
fn has(plain: Plain, char: char) -> bool {
    match plain {
        Plain::Gsm | Plain::Packed => Tables::DEFAULT.write(char).is_some(),
        Plain::Latin1 => u32::from(char) < 0x100,
        Plain::Ascii => char.is_ascii(),
        Plain::Utf8 => true,
    }
}

/// With what a whole text is written.
#[derive(Debug, Clone, Copy)]
enum Ink {
    Plain(Plain),
    Ucs2,
}

impl Ink {
    /// The plain alphabet where it has every character.
    fn of(text: &str, plain: Plain) -> Ink {
        match text.chars().all(|char| has(plain, char)) {
            true => Ink::Plain(plain),
            false => Ink::Ucs2,
        }
    }

    fn data_coding(self) -> u8 {
        match self {
            Ink::Plain(_) => 0x00,
            Ink::Ucs2 => 0x08,
        }
    }

    /// How much room a character takes: septets where the network packs them, else octets.
    fn units(self, char: char) -> usize {
        match self {
            Ink::Plain(Plain::Gsm | Plain::Packed) => {
                Tables::DEFAULT.write(char).map_or(1, alphabet::Written::len)
            }
            Ink::Plain(Plain::Latin1 | Plain::Ascii) => 1,
            Ink::Plain(Plain::Utf8) => char.len_utf8(),
            Ink::Ucs2 => char.len_utf16() * 2,
        }
    }

    /// How many of them go beside a header of so many octets into the 140 of a message on the air.
    fn room(self, header: usize) -> usize {
        match self {
            Ink::Plain(Plain::Gsm | Plain::Packed | Plain::Ascii) => 160 - (header * 8).div_ceil(7),
            Ink::Plain(Plain::Latin1 | Plain::Utf8) => 140 - header,
            Ink::Ucs2 => (140 - header) / 2 * 2,
        }
    }

    fn write(self, text: &str) -> Vec<u8> {
        match self {
            Ink::Plain(Plain::Gsm | Plain::Packed) => {
                Tables::DEFAULT.encode(text).unwrap_or_default()
            }
            Ink::Plain(Plain::Latin1 | Plain::Ascii) => {
                text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
            }
            Ink::Plain(Plain::Utf8) => text.as_bytes().to_vec(),
            Ink::Ucs2 => alphabet::ucs2(text),
        }
    }

    /// Behind the header. Packed septets that fill the last octet but for seven bits end with a carriage return.
    fn packed(self, header: &[u8], mut octets: Vec<u8>) -> Vec<u8> {
        match self {
            Ink::Plain(Plain::Packed) => {
                let behind = (header.len() * 8).div_ceil(7);
                if (behind + octets.len()) % 8 == 7 {
                    octets.push(b'\r');
                }
                packing::pack(header, &octets)
            }
            _ => [header, &octets].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [Plain; 5] = [Plain::Gsm, Plain::Packed, Plain::Latin1, Plain::Ascii, Plain::Utf8];
    const CUTS: [Cut; 4] = [Cut::Header, Cut::WideHeader, Cut::Sar, Cut::Payload];

    fn messages(text: &str, wording: Wording) -> Vec<Message> {
        let parts = parts(text, wording, 0x1234).expect("short enough");
        parts.into_iter().map(|part| part.put(Message::default())).collect()
    }

    /// Reads messages in any order and puts them together.
    fn together(mut messages: Vec<Message>, plain: Plain) -> String {
        messages.reverse();
        let mut parts: Vec<_> = messages
            .iter()
            .map(|message| Content::of(message, plain))
            .map(|content| (content.part.map_or(1, |part| part.sequence), content))
            .collect();
        parts.sort_by_key(|(sequence, _)| *sequence);
        let octets: Vec<u8> =
            parts.iter().flat_map(|(_, content)| content.octets.to_vec()).collect();
        read(parts[0].1.script, &octets).expect("text")
    }

    #[test]
    fn any_text_in_parts_is_the_same_text_again() {
        let texts = [
            String::new(),
            "hello @£$ [brackets] € {~}".to_owned(),
            "a".repeat(159) + "€",
            "[".repeat(80),
            "[".repeat(200),
            "é".repeat(500),
            "日本語".repeat(100),
            "😀".repeat(100),
            "x".repeat(1_000),
        ];
        for text in &texts {
            for plain in PLAIN {
                for cut in CUTS {
                    let messages = messages(text, Wording { plain, cut });
                    assert_eq!(&together(messages, plain), text, "{plain:?} {cut:?}");
                }
            }
        }
    }

    #[test]
    fn every_length_of_packed_text_keeps_its_last_character() {
        let wording = Wording { plain: Plain::Packed, cut: Cut::Header };
        for length in 1..400 {
            let text = "abcdefgh@".chars().cycle().take(length).collect::<String>() + "z";
            assert_eq!(together(messages(&text, wording), Plain::Packed), text);
        }
    }

    #[test]
    fn parts_are_as_many_as_phones_count() {
        for (text, plain, many) in [
            ("a".repeat(160), Plain::Gsm, 1),
            ("a".repeat(161), Plain::Gsm, 2),
            ("a".repeat(306), Plain::Packed, 2),
            ("a".repeat(307), Plain::Gsm, 3),
            ("日".repeat(70), Plain::Gsm, 1),
            ("日".repeat(71), Plain::Gsm, 2),
            ("é".repeat(140), Plain::Latin1, 1),
            ("é".repeat(141), Plain::Latin1, 2),
        ] {
            let messages = messages(&text, Wording { plain, cut: Cut::Header });
            assert_eq!(messages.len(), many);
            let on_the_air = |message: &Message| match plain {
                Plain::Gsm if message.data_coding == 0 => message.short_message.len() * 7 / 8,
                _ => message.short_message.len(),
            };
            assert!(messages.iter().all(|message| on_the_air(message) <= 140));
        }
        let long = "a".repeat(153 * 255);
        assert_eq!(messages(&long, Wording::default()).len(), 255);
        assert_eq!(parts(&(long + "a"), Wording::default(), 1), Err(TooLong));
    }

    #[test]
    fn a_text_is_counted_as_it_is_sent() {
        let texts =
            ["", "plain", "caf\u{e9} \u{20ac}", "\u{65e5}\u{672c} \u{1f600}", "\u{131}\u{15f}"];
        for plain in PLAIN {
            for cut in [Cut::Header, Cut::WideHeader, Cut::Sar] {
                let wording = Wording { plain, cut };
                for text in texts {
                    for times in [1, 20, 60] {
                        let text = text.repeat(times);
                        let sent = parts(&text, wording, 1).expect("short enough").len();
                        assert_eq!(count(&text, wording).parts, sent, "{wording:?} {text}");
                    }
                }
            }
        }
        let latin = Wording { plain: Plain::Latin1, ..Wording::default() };
        let own = count(&"\u{ea}".repeat(141), latin);
        assert_eq!((own.parts, own.left, own.plain), (2, 134 - 7, Some(Plain::Latin1)));
        let dear = count("8 \u{20ac}", latin);
        assert_eq!((dear.plain, dear.forced_by, dear.left), (None, Some((2, '\u{20ac}')), 67));
    }

    #[test]
    fn the_gsm_alphabet_that_is_called_ascii_is_known_by_what_ascii_has_not() {
        for (octets, text) in [
            (&b"8 \x1be a table"[..], "8 € a table"),
            (b"me\0here", "me@here"),
            (b"plain {text}\r\n", "plain {text}\r\n"),
        ] {
            let short_message = Bytes::from_static(octets);
            let message = Message { data_coding: IA5, short_message, ..Message::default() };
            assert_eq!(Content::of(&message, Plain::Gsm).text().as_deref(), Some(text));
        }
    }

    #[test]
    fn what_data_coding_0_means_is_the_link_s_to_say() {
        let octets = Bytes::from_static(b"\x1be\x00");
        let message = Message { short_message: octets, ..Message::default() };
        let read = |plain| Content::of(&message, plain).text();
        assert_eq!(read(Plain::Gsm).as_deref(), Some("€@"));
        assert_eq!(read(Plain::Latin1).as_deref(), Some("\u{1b}e\0"));
    }

    #[test]
    fn other_scripts_are_read_and_data_is_no_text() {
        for (data_coding, octets, text) in [
            (0x03, &b"caf\xe9"[..], Some("café")),
            (0x06, b"\xbf\xe0\xd8\xd2\xd5\xe2", Some("Привет")),
            (0x07, b"\xf9\xec\xe5\xed", Some("שלום")),
            (0x08, b"\xd8\x3d\xde\x00", Some("😀")),
            (0x08, b"\xff\xfe\x3d\xd8\x00\xde", Some("😀")),
            (0x18, b"\0a", Some("a")),
            (0xF1, b"\0", Some("@")),
            (0xF5, b"\0", None),
            (0x04, b"\0", None),
            (0x08, b"\xd8\x3d", Some("\u{fffd}")),
        ] {
            let short_message = Bytes::copy_from_slice(octets);
            let message = Message { data_coding, short_message, ..Message::default() };
            assert_eq!(
                Content::of(&message, Plain::Gsm).text().as_deref(),
                text,
                "{data_coding:#x}"
            );
        }
    }

    #[test]
    fn a_torn_header_is_none_and_nothing_is_lost() {
        for octets in [&b"\x05\0\x03"[..], b"\xff", b"", b"\x03\0\x09\x01hello"] {
            let short_message = Bytes::copy_from_slice(octets);
            let message = Message { esm_class: HEADED, short_message, ..Message::default() };
            let content = Content::of(&message, Plain::Latin1);
            assert_eq!((content.octets.as_ref(), content.part), (octets, None));
        }
    }

    #[test]
    fn sar_parameters_that_fit_nothing_are_none() {
        for (reference, total, number) in [(&b"\x01\x02"[..], 3, 4), (b"", 3, 1), (b"\x01", 1, 1)] {
            let tlvs = Tlvs::default()
                .with(tag::SAR_REFERENCE, Bytes::copy_from_slice(reference))
                .with(tag::SAR_TOTAL, vec![total])
                .with(tag::SAR_NUMBER, vec![number]);
            let message = Message { tlvs, ..Message::default() };
            assert_eq!(Content::of(&message, Plain::Gsm).part, None);
        }
    }
}
