//! The user data header: information elements in front of the text (3GPP TS 23.040 clause 9.2.3.24). Every element is
//! kept, whether we know it or not.

use crate::sms::alphabet::{Language, Tables};

/// Most octets of user data, header and text together (clause 9.2.3.24).
pub const MAX_USER_DATA: usize = 140;

/// One element as it lies in the message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// Its identifier.
    pub id: u8,
    /// What it holds.
    pub data: Vec<u8>,
}

/// The elements of a message, in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Header {
    /// All of them, those unknown to us too.
    pub elements: Vec<Element>,
}

/// Which part of a longer message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concatenation {
    /// What all parts have in common.
    pub reference: Reference,
    /// How many parts there are: 1 to 255.
    pub total: u8,
    /// Which one this is: 1 to `total`.
    pub sequence: u8,
}

/// The number that parts have in common. The same number in the other width is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// In an octet: an element of five octets.
    Short(u8),
    /// In two: an element of six.
    Wide(u16),
}

/// The ports of two programs that talk by messages (clauses 9.2.3.24.3 and 9.2.3.24.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    /// Of the program that gets it.
    pub destination: u16,
    /// Of the one that sent it.
    pub origin: u16,
}

/// Concatenation with a reference of one octet.
const CONCATENATION: u8 = 0x00;
/// Ports of one octet.
const PORTS: u8 = 0x04;
/// Ports of two octets.
const WIDE_PORTS: u8 = 0x05;
/// Concatenation with a reference of two octets.
const WIDE_CONCATENATION: u8 = 0x08;
/// The single shift table.
const SINGLE_SHIFT: u8 = 0x24;
/// The locking shift table.
const LOCKING_SHIFT: u8 = 0x25;

impl Reference {
    fn element(self, total: u8, sequence: u8) -> Element {
        match self {
            Reference::Short(reference) => {
                Element { id: CONCATENATION, data: vec![reference, total, sequence] }
            }
            Reference::Wide(reference) => {
                let [high, low] = reference.to_be_bytes();
                Element { id: WIDE_CONCATENATION, data: vec![high, low, total, sequence] }
            }
        }
    }

    /// Octets that the element takes in a header.
    pub fn octets(self) -> usize {
        match self {
            Reference::Short(_) => 5,
            Reference::Wide(_) => 6,
        }
    }
}

impl Header {
    /// The header of a part. Nothing in it: no header at all.
    pub fn new(part: Option<Concatenation>, tables: Tables) -> Header {
        let part = part.map(|part| part.reference.element(part.total, part.sequence));
        let shift = |id, language: Option<Language>| {
            language.map(|language| Element { id, data: vec![language.identifier()] })
        };
        let single = shift(SINGLE_SHIFT, tables.single);
        let locking = shift(LOCKING_SHIFT, tables.locking);
        Header { elements: [part, single, locking].into_iter().flatten().collect() }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Which part this is. An element of the wrong length, or part 0, or part 4 of 3, is as if it were not there
    /// (clause 9.2.3.24.1); of several, the last counts (clause 9.2.3.24).
    pub fn concatenation(&self) -> Option<Concatenation> {
        self.last(|element| {
            let (reference, total, sequence) = match (element.id, element.data.as_slice()) {
                (CONCATENATION, [reference, total, sequence]) => {
                    (Reference::Short(*reference), *total, *sequence)
                }
                (WIDE_CONCATENATION, [high, low, total, sequence]) => {
                    (Reference::Wide(u16::from_be_bytes([*high, *low])), *total, *sequence)
                }
                _ => return None,
            };
            let sound = (1..=total).contains(&sequence);
            sound.then_some(Concatenation { reference, total, sequence })
        })
    }

    /// The ports, if the message is for a program.
    pub fn ports(&self) -> Option<Ports> {
        self.last(|element| match (element.id, element.data.as_slice()) {
            (PORTS, [destination, origin]) => {
                Some(Ports { destination: (*destination).into(), origin: (*origin).into() })
            }
            (WIDE_PORTS, [a, b, c, d]) => Some(Ports {
                destination: u16::from_be_bytes([*a, *b]),
                origin: u16::from_be_bytes([*c, *d]),
            }),
            _ => None,
        })
    }

    /// The tables of the text. A language that is unknown is as if it were not named (23.038 clause 6.2.1.2.4).
    pub fn tables(&self) -> Tables {
        let named = |id| self.last(|element| language(element, id).and_then(Result::ok));
        Tables {
            locking: named(LOCKING_SHIFT).filter(|language| language.locks()),
            single: named(SINGLE_SHIFT),
        }
    }

    /// Whether it names a table that is not known: the text that is read may be the wrong one.
    pub fn names_unknown_table(&self) -> bool {
        let unknown = |element: &Element| {
            let single = language(element, SINGLE_SHIFT);
            let locking = language(element, LOCKING_SHIFT);
            let missing = matches!(locking, Some(Ok(language)) if !language.locks());
            missing || matches!(single, Some(Err(_))) || matches!(locking, Some(Err(_)))
        };
        self.elements.iter().any(unknown)
    }

    fn last<T>(&self, read: impl Fn(&Element) -> Option<T>) -> Option<T> {
        self.elements.iter().rev().find_map(read)
    }

    /// Octets with its length in front; none for an empty one.
    pub fn octets(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut octets = vec![0];
        for Element { id, data } in &self.elements {
            octets.extend([*id, data.len() as u8]);
            octets.extend(data);
        }
        octets[0] = (octets.len() - 1) as u8;
        octets
    }

    /// Reads the octets behind the length. Nothing when an element goes on behind the end: the whole header is then
    /// ignored (clause 9.2.3.24).
    pub fn read(mut octets: &[u8]) -> Option<Header> {
        let mut elements = Vec::new();
        while let [id, length, rest @ ..] = octets {
            let (data, rest) = rest.split_at_checked(usize::from(*length))?;
            elements.push(Element { id: *id, data: data.to_vec() });
            octets = rest;
        }
        octets.is_empty().then_some(Header { elements })
    }
}

/// The language that an element of `id` names: `Err` is an identifier that is not known.
fn language(element: &Element, id: u8) -> Option<Result<Language, ()>> {
    match element.data.as_slice() {
        [identifier] if element.id == id => Some(Language::of(*identifier).ok_or(())),
        _ => None,
    }
}
