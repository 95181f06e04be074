//! The alphabets of text messages (3GPP TS 23.038): the 7-bit default with its extension, every national locking and
//! single shift table, and UCS-2.
//!
//! Owns what a septet means and how a character is written; [`packing`] puts septets into octets. Which alphabet a text
//! gets is chosen in [`super::segment`]. Nothing is guessed here: a character without a septet is said to have none,
//! and a septet without a character is read as U+FFFD and counted.

pub mod packing;
#[rustfmt::skip]
mod tables;
mod transliterate;

pub use transliterate::transliterate;

use tables::Run;

/// The septet that says: the next one is of the extension, or of the single shift table.
pub const ESCAPE: u8 = 0x1b;

/// What is read where a septet or an octet means no character. It is counted besides.
pub const UNREADABLE: char = char::REPLACEMENT_CHARACTER;

/// Stands in a table where there is no character.
const NONE: u16 = 0xffff;

/// Places that are read, and never written: the specification's print and what phones do differ there.
///
/// Kannada locking shift 0x24 is printed as U+0CAA, which stands at 0x3D as well; phones write U+0CA1, which stands
/// nowhere else. The euro sign is at 0x65 of each single shift table of the region, and not printed for Telugu.
pub const DISPUTED: [(Language, Shift, u8); 2] =
    [(Language::Kannada, Shift::Locking, 0x24), (Language::Telugu, Shift::Single, 0x65)];

/// A language that has tables of its own: the national language identifier (23.038 clause 6.2.1.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Language {
    /// Both tables.
    Turkish = 1,
    /// A single shift table; no locking one.
    Spanish = 2,
    /// Both tables.
    Portuguese = 3,
    /// Both tables; for Assamese too.
    Bengali = 4,
    /// Both tables.
    Gujarati = 5,
    /// Both tables.
    Hindi = 6,
    /// Both tables.
    Kannada = 7,
    /// Both tables.
    Malayalam = 8,
    /// Both tables.
    Oriya = 9,
    /// Both tables.
    Punjabi = 10,
    /// Both tables.
    Tamil = 11,
    /// Both tables.
    Telugu = 12,
    /// Both tables.
    Urdu = 13,
}

impl Language {
    /// Every one, in the order of the identifiers.
    pub const ALL: [Language; 13] = [
        Language::Turkish,
        Language::Spanish,
        Language::Portuguese,
        Language::Bengali,
        Language::Gujarati,
        Language::Hindi,
        Language::Kannada,
        Language::Malayalam,
        Language::Oriya,
        Language::Punjabi,
        Language::Tamil,
        Language::Telugu,
        Language::Urdu,
    ];

    /// The language of an identifier; nothing for a reserved one.
    pub fn of(identifier: u8) -> Option<Language> {
        Language::ALL.into_iter().find(|language| *language as u8 == identifier)
    }

    /// Its identifier.
    pub fn identifier(self) -> u8 {
        self as u8
    }

    /// Whether it has a locking shift table.
    pub fn locks(self) -> bool {
        self != Language::Spanish
    }
}

/// How a table is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shift {
    /// It stands in for the default alphabet in the whole message.
    Locking,
    /// It stands in for the extension: one character behind an escape.
    Single,
}

/// The tables that a message is written in. Nothing: the default alphabet, or its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tables {
    /// Instead of the default alphabet.
    pub locking: Option<Language>,
    /// Instead of its extension.
    pub single: Option<Language>,
}

/// A character in septets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// One septet.
    One(u8),
    /// The escape, and this one.
    Escaped(u8),
}

impl Written {
    /// How many septets.
    pub fn len(self) -> usize {
        match self {
            Written::One(_) => 1,
            Written::Escaped(_) => 2,
        }
    }

    /// Never.
    pub fn is_empty(self) -> bool {
        false
    }
}

/// A text as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Read {
    /// It, with [`UNREADABLE`] where there was no character.
    pub text: String,
    /// How many places could not be read.
    pub unreadable: usize,
}

impl Read {
    fn push(&mut self, char: Option<char>) {
        self.unreadable += usize::from(char.is_none());
        self.text.push(char.unwrap_or(UNREADABLE));
    }
}

impl Tables {
    /// The default alphabet and its extension.
    pub const DEFAULT: Tables = Tables { locking: None, single: None };

    /// How `char` is written, if these tables have it.
    pub fn write(self, char: char) -> Option<Written> {
        let code = u16::try_from(u32::from(char)).ok().filter(|code| *code != NONE)?;
        let main =
            || find(main(self.locking), code, |at| disputed(self.locking, Shift::Locking, at));
        let other =
            || find(other(self.single), code, |at| disputed(self.single, Shift::Single, at));
        main().map(Written::One).or_else(|| other().map(Written::Escaped))
    }

    /// The septets of a text; the place in bytes and the character where one has none.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, (usize, char)> {
        let mut septets = Vec::with_capacity(text.len());
        for (at, char) in text.char_indices() {
            match self.write(char).ok_or((at, char))? {
                Written::One(septet) => septets.push(septet),
                Written::Escaped(septet) => septets.extend([ESCAPE, septet]),
            }
        }
        Ok(septets)
    }

    /// The text of septets. The highest bit of each is ignored.
    pub fn decode(self, septets: &[u8]) -> Read {
        let mut read = Read { text: String::with_capacity(septets.len()), unreadable: 0 };
        let mut septets = septets.iter().map(|septet| septet & 0x7f);
        while let Some(septet) = septets.next() {
            match septet {
                // An escape at the very end: what it was to change is not there.
                ESCAPE => match septets.next() {
                    Some(escaped) => read.push(self.escaped(escaped)),
                    None => read.push(None),
                },
                septet => read.push(char_at(main(self.locking), septet)),
            }
        }
        read
    }

    /// Behind an escape: of the single shift table; else of the table in use (23.038 clause 6.2.1.1, note); a second
    /// escape is kept for tables yet to come, and is shown as a space.
    fn escaped(self, septet: u8) -> Option<char> {
        match septet {
            ESCAPE => Some(' '),
            septet => {
                char_at(other(self.single), septet).or_else(|| char_at(main(self.locking), septet))
            }
        }
    }
}

/// UCS-2 in octets, as UTF-16: what is sent today (23.038 clause 6.2.3 says UCS-2, and phones write emoji in pairs).
pub fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// The text of UCS-2 octets. A lone surrogate, and an octet too many, are unreadable.
pub fn from_ucs2(octets: &[u8]) -> Read {
    let mut read = Read::default();
    let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).for_each(|char| read.push(char.ok()));
    if octets.len() % 2 == 1 {
        read.push(None);
    }
    read
}

type Table = [u16; 128];

const fn table(parts: &[&[Run]]) -> Table {
    let mut table = [NONE; 128];
    let mut part = 0;
    while part < parts.len() {
        let mut run = 0;
        while run < parts[part].len() {
            let (septet, code, count) = parts[part][run];
            let mut step = 0;
            while step < count {
                table[(septet + step) as usize] = code + step as u16;
                step += 1;
            }
            run += 1;
        }
        part += 1;
    }
    table
}

/// By identifier; 0 is the default alphabet, and Spanish has none of its own.
static LOCKING: [Table; 14] = [
    table(&[tables::DEFAULT]),
    table(&[tables::DEFAULT, tables::TURKISH_LOCKING]),
    table(&[tables::DEFAULT]),
    table(&[tables::DEFAULT, tables::PORTUGUESE_LOCKING]),
    table(&[tables::FRAME, tables::BENGALI_LOCKING]),
    table(&[tables::FRAME, tables::GUJARATI_LOCKING]),
    table(&[tables::FRAME, tables::HINDI_LOCKING]),
    table(&[tables::FRAME, tables::KANNADA_LOCKING]),
    table(&[tables::FRAME, tables::MALAYALAM_LOCKING]),
    table(&[tables::FRAME, tables::ORIYA_LOCKING]),
    table(&[tables::FRAME, tables::PUNJABI_LOCKING]),
    table(&[tables::FRAME, tables::TAMIL_LOCKING]),
    table(&[tables::FRAME, tables::TELUGU_LOCKING]),
    table(&[tables::FRAME, tables::URDU_LOCKING]),
];

/// By identifier; 0 is the extension of the default alphabet.
static SINGLE: [Table; 14] = [
    table(&[tables::EXTENSION]),
    table(&[tables::EXTENSION, tables::TURKISH_SINGLE]),
    table(&[tables::EXTENSION, tables::SPANISH_SINGLE]),
    table(&[tables::EXTENSION, tables::PORTUGUESE_SINGLE]),
    table(&[tables::SIGNS, tables::BENGALI_SINGLE]),
    table(&[tables::SIGNS, tables::GUJARATI_SINGLE]),
    table(&[tables::SIGNS, tables::HINDI_SINGLE]),
    table(&[tables::SIGNS, tables::KANNADA_SINGLE]),
    table(&[tables::SIGNS, tables::MALAYALAM_SINGLE]),
    table(&[tables::SIGNS, tables::ORIYA_SINGLE]),
    table(&[tables::SIGNS, tables::PUNJABI_SINGLE]),
    table(&[tables::SIGNS, tables::TAMIL_SINGLE]),
    table(&[tables::SIGNS, tables::TELUGU_SINGLE]),
    table(&[tables::SIGNS, tables::URDU_SINGLE]),
];

fn main(locking: Option<Language>) -> &'static Table {
    &LOCKING[locking.map_or(0, |language| usize::from(language.identifier()))]
}

fn other(single: Option<Language>) -> &'static Table {
    &SINGLE[single.map_or(0, |language| usize::from(language.identifier()))]
}

fn char_at(table: &Table, septet: u8) -> Option<char> {
    let code = table[usize::from(septet & 0x7f)];
    char::from_u32(u32::from(code)).filter(|_| code != NONE)
}

fn find(table: &Table, code: u16, disputed: impl Fn(u8) -> bool) -> Option<u8> {
    // Most of what people write stands in the default alphabet where ASCII has it.
    if let Some(same) = table.get(usize::from(code)).filter(|same| **same == code) {
        return u8::try_from(*same).ok().filter(|at| !disputed(*at));
    }
    let at = table.iter().position(|known| *known == code)?;
    u8::try_from(at).ok().filter(|at| !disputed(*at))
}

fn disputed(language: Option<Language>, shift: Shift, septet: u8) -> bool {
    language.is_some_and(|language| DISPUTED.contains(&(language, shift, septet)))
}

#[cfg(test)]
mod tests;
