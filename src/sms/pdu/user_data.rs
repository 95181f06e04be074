//! TP-UD: header, fill bits and text (3GPP TS 23.040 clause 9.2.3.24). It is kept as it lies in the message; reading it
//! says what could not be read.

use super::coding::{Alphabet, Coding};
use super::header::{Header, MAX_USER_DATA};
use super::octets::Octets;
use super::{Field, Flaw, Verdict};
use crate::sms::alphabet::{self, packing};

/// Septets that fit behind no header.
pub const MAX_SEPTETS: usize = 160;

/// User data as it lies in the message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UserData {
    /// TP-UDHI: whether it begins with a header.
    pub has_header: bool,
    /// TP-UDL: septets of the default alphabet, fill and header counted; octets of any other.
    pub length: u8,
    /// Header and text.
    pub octets: Vec<u8>,
}

/// User data that is longer than a message can be: octets of header and text together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch(pub usize);

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Text(String),
    /// Octets for a program, or what could not be read as words.
    Octets(Vec<u8>),
}

/// Header and content, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The elements; none if the header was torn.
    pub header: Header,
    /// The text or the octets behind them.
    pub content: Content,
    /// What was wrong with them.
    pub flaws: Vec<Flaw>,
}

/// The text before it is one: what parts are joined by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sms) enum Units {
    /// Of the tables that the header names.
    Septets(alphabet::Tables, Vec<u8>),
    /// UCS-2.
    Ucs2(Vec<u8>),
    /// Octets, also of what is no text.
    Octets(Vec<u8>),
}

impl UserData {
    /// Septets behind a header.
    pub fn septets(header: &Header, septets: &[u8]) -> Result<UserData, TooMuch> {
        let front = header.octets();
        let octets = packing::pack(&front, septets);
        let length = packing::behind(front.len()) + septets.len();
        UserData { has_header: !front.is_empty(), length: length as u8, octets }.bounded()
    }

    /// Octets, or UCS-2, behind a header.
    pub fn octets(header: &Header, data: &[u8]) -> Result<UserData, TooMuch> {
        let mut octets = header.octets();
        let has_header = !octets.is_empty();
        octets.extend(data);
        UserData { has_header, length: octets.len() as u8, octets }.bounded()
    }

    fn bounded(self) -> Result<UserData, TooMuch> {
        match self.octets.len() {
            0..=MAX_USER_DATA => Ok(self),
            octets => Err(TooMuch(octets)),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The elements of the header; none if there is none, or a torn one.
    pub fn header(&self) -> Header {
        self.cut().map(|(header, _)| header).unwrap_or_default()
    }

    /// Reads header and content. Compressed text stays octets.
    pub fn read(&self, coding: Coding) -> Reading {
        let mut flaws = Vec::new();
        let header = self.header();
        let content = self.units(coding, &mut flaws).content(&mut flaws);
        Reading { header, content, flaws }
    }

    /// The header, and how many octets it takes with its length. Nothing if it is torn.
    fn cut(&self) -> Option<(Header, usize)> {
        if !self.has_header {
            return Some((Header::default(), 0));
        }
        let length = 1 + usize::from(*self.octets.first()?);
        let header = Header::read(self.octets.get(1..length)?)?;
        Some((header, length))
    }

    /// The text before it is one.
    pub(in crate::sms) fn units(&self, coding: Coding, flaws: &mut Vec<Flaw>) -> Units {
        let Some((header, front)) = self.cut() else {
            return self.torn(coding, flaws);
        };
        if header.names_unknown_table() {
            flaws.push(Flaw::UnknownTable);
        }
        if coding.is_reserved() {
            flaws.push(Flaw::ReservedCoding);
        }
        let rest = || self.octets[front..].to_vec();
        match coding.alphabet() {
            _ if coding.is_compressed() => {
                flaws.push(Flaw::Compressed);
                Units::Octets(rest())
            }
            Alphabet::Septets => {
                let count = usize::from(self.length).saturating_sub(packing::behind(front));
                Units::Septets(header.tables(), packing::unpack(&self.octets, front, count))
            }
            Alphabet::Ucs2 => Units::Ucs2(rest()),
            Alphabet::Octets => Units::Octets(rest()),
        }
    }

    /// A torn header is ignored (clause 9.2.3.24). Where its length is sound, the text begins behind it; else nobody
    /// knows where, and the octets are all there is.
    fn torn(&self, coding: Coding, flaws: &mut Vec<Flaw>) -> Units {
        flaws.push(Flaw::TornHeader);
        let front = self.octets.first().map_or(0, |length| 1 + usize::from(*length));
        if front >= self.octets.len() || coding.is_compressed() {
            return Units::Octets(self.octets.clone());
        }
        match coding.alphabet() {
            Alphabet::Septets => {
                let count = usize::from(self.length).saturating_sub(packing::behind(front));
                let septets = packing::unpack(&self.octets, front, count);
                Units::Septets(alphabet::Tables::DEFAULT, septets)
            }
            Alphabet::Ucs2 => Units::Ucs2(self.octets[front..].to_vec()),
            Alphabet::Octets => Units::Octets(self.octets.clone()),
        }
    }

    /// TP-UDL and as much of what it promises as there is.
    pub(super) fn take(
        octets: &mut Octets<'_>,
        coding: Coding,
        has_header: bool,
        flaws: &mut Vec<Flaw>,
    ) -> Result<UserData, Verdict> {
        let length = octets.octet(Field::UserDataLength)?;
        let promised = match coding.alphabet() {
            Alphabet::Septets if !coding.is_compressed() => (usize::from(length) * 7).div_ceil(8),
            _ => usize::from(length),
        };
        let data = octets.up_to(promised).to_vec();
        if data.len() < promised {
            flaws.push(Flaw::Missing(promised - data.len()));
        }
        if promised > MAX_USER_DATA {
            flaws.push(Flaw::TooLong);
        }
        Ok(UserData { has_header, length, octets: data })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.push(self.length);
        into.extend(&self.octets);
    }
}

impl Units {
    /// What they say.
    pub(in crate::sms) fn content(self, flaws: &mut Vec<Flaw>) -> Content {
        let read = match self {
            Units::Octets(octets) => return Content::Octets(octets),
            Units::Septets(tables, septets) => tables.decode(&septets),
            Units::Ucs2(octets) => alphabet::from_ucs2(&octets),
        };
        if read.unreadable > 0 {
            flaws.push(Flaw::Unreadable(read.unreadable));
        }
        Content::Text(read.text)
    }

    /// Puts the next part behind, if it is of the same kind; else gives it back.
    pub(in crate::sms) fn join(&mut self, next: Units) -> Option<Units> {
        match (self, next) {
            (Units::Septets(tables, all), Units::Septets(others, next)) if *tables == others => {
                all.extend(next);
                None
            }
            (Units::Ucs2(all), Units::Ucs2(next)) if all.len() % 2 == 0 => {
                all.extend(next);
                None
            }
            (Units::Octets(all), Units::Octets(next)) => {
                all.extend(next);
                None
            }
            (_, next) => Some(next),
        }
    }
}
