//! Addresses: numbers, short codes and names (3GPP TS 23.040 clause 9.1.2.5).

use std::fmt;

use super::octets::Octets;
use super::{Field, Verdict};
use crate::sms::alphabet::{Tables, packing};

/// Most semi-octets in an address: ten octets of them (clause 9.1.2.5).
pub const MAX_DIGITS: usize = 20;

/// Most septets in a name: 20 semi-octets hold eleven (clause 9.1.2.5).
pub const MAX_NAME: usize = 11;

/// Digits by their value (clause 9.1.2.3); 15 fills the last octet of an odd number of them.
const DIGITS: [char; 15] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'a', 'b', 'c'];

/// Who sent it or gets it. Kept as it lies in the message, so that nothing of it is lost.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Type of number and numbering plan, with the highest bit.
    kind: u8,
    /// The length as written: in semi-octets.
    length: u8,
    octets: Vec<u8>,
}

/// What sort of number it is: TON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TypeOfNumber {
    /// Nobody says: what was dialled.
    Unknown = 0,
    /// With its country code.
    International = 1,
    /// Without.
    National = 2,
    /// Of the network's own services.
    NetworkSpecific = 3,
    /// Of a subscriber, without an area code.
    Subscriber = 4,
    /// A name in septets.
    Alphanumeric = 5,
    /// Short, as the network knows it.
    Abbreviated = 6,
    /// Kept for later.
    Reserved = 7,
}

/// Why something is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnAddress {
    /// Nothing there.
    Empty,
    /// More than [`MAX_DIGITS`] digits or [`MAX_NAME`] septets.
    TooLong,
    /// A character that no address can hold.
    Character(char),
}

/// The plan of E.164 (NPI 1).
const E164: u8 = 1;

impl Address {
    /// A number: with a leading `+` international, else as it is dialled. Digits, `*`, `#`, `a`, `b`, `c`.
    pub fn number(text: &str) -> Result<Address, NotAnAddress> {
        match text.strip_prefix('+') {
            Some(digits) => Address::digits(TypeOfNumber::International, E164, digits),
            None => Address::digits(TypeOfNumber::Unknown, E164, text),
        }
    }

    /// Digits of any type and plan (0 to 15).
    pub fn digits(ton: TypeOfNumber, plan: u8, text: &str) -> Result<Address, NotAnAddress> {
        let digit = |char: char| {
            let lower = char.to_ascii_lowercase();
            let value = DIGITS.iter().position(|known| *known == lower);
            value.map(|value| value as u8).ok_or(NotAnAddress::Character(char))
        };
        let digits: Vec<u8> = text.chars().map(digit).collect::<Result<_, _>>()?;
        let length = fitting(digits.len(), MAX_DIGITS)?;
        let octets = digits.chunks(2).map(|pair| pair[0] | pair.get(1).unwrap_or(&15) << 4);
        Ok(Address { kind: 0x80 | (ton as u8) << 4 | plan & 15, length, octets: octets.collect() })
    }

    /// A name in the default alphabet, such as a shop puts in the place of its number.
    pub fn name(text: &str) -> Result<Address, NotAnAddress> {
        let septets =
            Tables::DEFAULT.encode(text).map_err(|(_, char)| NotAnAddress::Character(char))?;
        fitting(septets.len(), MAX_NAME)?;
        let octets = packing::pack(&[], &septets);
        let length = (septets.len() * 7).div_ceil(4) as u8;
        Ok(Address { kind: 0x80 | (TypeOfNumber::Alphanumeric as u8) << 4, length, octets })
    }

    /// What sort of number.
    pub fn ton(&self) -> TypeOfNumber {
        match self.kind >> 4 & 7 {
            0 => TypeOfNumber::Unknown,
            1 => TypeOfNumber::International,
            2 => TypeOfNumber::National,
            3 => TypeOfNumber::NetworkSpecific,
            4 => TypeOfNumber::Subscriber,
            5 => TypeOfNumber::Alphanumeric,
            6 => TypeOfNumber::Abbreviated,
            _ => TypeOfNumber::Reserved,
        }
    }

    /// The numbering plan: 1 is E.164; 0 for names.
    pub fn plan(&self) -> u8 {
        self.kind & 15
    }

    /// Whether it is a name, which cannot be answered.
    pub fn is_name(&self) -> bool {
        self.ton() == TypeOfNumber::Alphanumeric
    }

    /// How a person writes it: `+` before an international number. A digit that means nothing is written `?`.
    pub fn text(&self) -> String {
        match self.ton() {
            TypeOfNumber::Alphanumeric => self.read_name(),
            TypeOfNumber::International => format!("+{}", self.read_digits()),
            _ => self.read_digits(),
        }
    }

    /// Whether every digit means one.
    pub fn is_sound(&self) -> bool {
        !self.text().contains(['?', char::REPLACEMENT_CHARACTER]) || self.is_name()
    }

    fn read_digits(&self) -> String {
        let halves = self.octets.iter().flat_map(|octet| [octet & 15, octet >> 4]);
        let shown = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or('?');
        halves.take(usize::from(self.length)).map(shown).collect()
    }

    fn read_name(&self) -> String {
        let septets = packing::unpack(&self.octets, 0, usize::from(self.length) * 4 / 7);
        Tables::DEFAULT.decode(&septets).text
    }

    /// An address whose length counts semi-octets: of a sender, a recipient (TP-OA, TP-DA, TP-RA).
    pub(super) fn read(octets: &mut Octets<'_>, field: Field) -> Result<Address, Verdict> {
        let length = octets.octet(field)?;
        if usize::from(length) > MAX_DIGITS {
            return Err(Verdict::AddressTooLong(length));
        }
        let kind = octets.octet(field)?;
        let octets = octets.take(usize::from(length).div_ceil(2), field)?.to_vec();
        Ok(Address { kind, length, octets })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.extend([self.length, self.kind]);
        into.extend(&self.octets);
    }

    /// An address whose length counts octets with the type: of a service centre (27.005 clause 3.1). None: the modem's.
    pub(super) fn read_centre(octets: &mut Octets<'_>) -> Result<Option<Address>, Verdict> {
        let field = Field::Centre;
        let count = octets.octet(field)?;
        if count == 0 {
            return Ok(None);
        }
        if usize::from(count) > 1 + MAX_DIGITS / 2 {
            return Err(Verdict::AddressTooLong(count));
        }
        let kind = octets.octet(field)?;
        let octets = octets.take(usize::from(count) - 1, field)?.to_vec();
        let odd = octets.last().is_some_and(|last| last >> 4 == 15);
        let length = octets.len() as u8 * 2 - u8::from(odd);
        Ok(Some(Address { kind, length, octets }))
    }

    pub(super) fn write_centre(centre: Option<&Address>, into: &mut Vec<u8>) {
        match centre {
            None => into.push(0),
            Some(address) => {
                into.extend([address.octets.len() as u8 + 1, address.kind]);
                into.extend(&address.octets);
            }
        }
    }
}

fn fitting(length: usize, most: usize) -> Result<u8, NotAnAddress> {
    match length {
        0 => Err(NotAnAddress::Empty),
        length if length > most => Err(NotAnAddress::TooLong),
        length => Ok(length as u8),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Numbers are personal data: what is printed for debugging has its type alone.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?}, {} digits)", self.ton(), self.length)
    }
}
