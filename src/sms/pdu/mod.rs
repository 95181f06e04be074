//! Messages between a phone and a service centre (3GPP TS 23.040 clause 9.2), in the form that modems print (27.005
//! clause 3.1): the centre's address, then the message.
//!
//! Owns where each field lies. A message that cannot be read is a [`Verdict`]; one that can be read for the most part
//! comes with [`Flaw`]s. Nothing of it is lost: what is written again is what came, but for octets behind the end, which
//! are [`Parsed::extra`], and spare bits. What a longer message is made of is put together in [`super::assemble`].

pub mod address;
pub mod coding;
pub mod header;
mod messages;
mod octets;
pub mod status;
pub mod time;
pub mod user_data;

pub use address::{Address, NotAnAddress, TypeOfNumber};
pub use coding::{Alphabet, Class, Coding, Lamp, Protocol, Waiting};
pub use header::{Concatenation, Element, Header, Ports, Reference};
pub use messages::{Command, Deliver, DeliverReport, Options, StatusReport, Submit, SubmitReport};
pub use status::{Failure, Outcome, Status};
pub use time::{ServiceTime, Validity};
pub use user_data::{Content, Reading, TooMuch, UserData};

use octets::Octets;

/// Most octets that are looked at: the longest message (a status report with all its options, and the longest user data
/// that a length octet can promise) has less than half.
pub const MAX_OCTETS: usize = 1024;

/// Who wrote the message: the same first octet means another one in each direction (clause 9.2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the service centre: what a modem receives.
    ToPhone,
    /// From the phone: what a modem sends, and keeps as sent.
    FromPhone,
}

/// A message of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tpdu {
    /// A message arrives.
    Deliver(Deliver),
    /// The phone has it, or not.
    DeliverReport(DeliverReport),
    /// A message is to be sent.
    Submit(Submit),
    /// The centre has it, or not.
    SubmitReport(SubmitReport),
    /// What became of a message.
    StatusReport(StatusReport),
    /// Something is asked about a message that was sent.
    Command(Command),
}

/// A message with the address of its service centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// The centre; none: the one the modem knows.
    pub centre: Option<Address>,
    /// The message.
    pub tpdu: Tpdu,
}

/// A message, and what was wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The best reading.
    pub value: T,
    /// What was wrong. Of its user data, only the length was looked at: [`UserData::read`] says the rest.
    pub flaws: Vec<Flaw>,
    /// Octets behind the end.
    pub extra: Vec<u8>,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Something that is no hexadecimal digit, or an odd number of them.
    NotHexadecimal,
    /// More than [`MAX_OCTETS`].
    TooLong,
    /// It ends in this field.
    Truncated(Field),
    /// An address says that it has so many digits; the most is [`address::MAX_DIGITS`].
    AddressTooLong(u8),
    /// No message from a phone has this type.
    ReservedType,
}

/// A field that a message must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The address of the service centre.
    Centre,
    /// The first octet: type and flags.
    First,
    /// TP-MR.
    Reference,
    /// TP-OA.
    Originator,
    /// TP-DA.
    Destination,
    /// TP-RA.
    Recipient,
    /// TP-PID.
    Protocol,
    /// TP-DCS.
    Coding,
    /// TP-SCTS.
    CentreTime,
    /// TP-DT.
    DischargeTime,
    /// TP-ST.
    Status,
    /// TP-VP.
    Validity,
    /// TP-UDL.
    UserDataLength,
    /// TP-PI.
    Parameters,
    /// TP-CT.
    CommandType,
    /// TP-MN.
    MessageNumber,
    /// TP-CDL or TP-CD.
    CommandData,
}

/// Something wrong that a message can be read in spite of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// The type is reserved; what comes from a centre is read as a delivery (clause 9.2.3.1).
    ReservedType,
    /// An address holds digits that are none.
    Digits,
    /// A time holds digits that are none, or is no time.
    Time,
    /// So many octets of user data are missing.
    Missing(usize),
    /// More user data than a message can carry.
    TooLong,
    /// Octets behind the end: [`Parsed::extra`].
    Extra,
    /// The modem said another length than the message has.
    Length,
    /// The coding is reserved; read as the default alphabet (23.038 clause 4).
    ReservedCoding,
    /// The text is compressed: it stays octets.
    Compressed,
    /// The header is torn: it was ignored.
    TornHeader,
    /// The header names a table that does not exist: read without it.
    UnknownTable,
    /// So many places of the text mean no character: a lone surrogate, half a pair, a septet without a meaning.
    Unreadable(usize),
}

impl Pdu {
    /// Reads what a modem printed. `length` is what it said beside: octets without the centre's address. By it, the forms
    /// of modems that leave the centre out are told apart.
    pub fn parse_hex(
        text: &str,
        direction: Direction,
        length: Option<usize>,
    ) -> Result<Parsed<Pdu>, Verdict> {
        if text.len() > MAX_OCTETS * 4 {
            return Err(Verdict::TooLong);
        }
        let octets = octets::of_hex(text)?;
        if length == Some(octets.len()) && !octets.is_empty() {
            let Parsed { value, flaws, extra } = Tpdu::parse(&octets, direction)?;
            return Ok(Parsed { value: Pdu { centre: None, tpdu: value }, flaws, extra });
        }
        let mut parsed = Pdu::parse(&octets, direction)?;
        let centre = octets.first().map_or(0, |count| 1 + usize::from(*count));
        if length.is_some_and(|length| length + centre != octets.len()) {
            parsed.flaws.push(Flaw::Length);
        }
        Ok(parsed)
    }

    /// Reads octets that begin with the centre's address.
    pub fn parse(octets: &[u8], direction: Direction) -> Result<Parsed<Pdu>, Verdict> {
        let mut octets = Octets(octets);
        let centre = Address::read_centre(&mut octets)?;
        let Parsed { value, mut flaws, extra } = Tpdu::parse(octets.0, direction)?;
        if centre.as_ref().is_some_and(|centre| !centre.is_sound()) {
            flaws.push(Flaw::Digits);
        }
        Ok(Parsed { value: Pdu { centre, tpdu: value }, flaws, extra })
    }

    /// The octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(180);
        Address::write_centre(self.centre.as_ref(), &mut octets);
        octets.extend(self.tpdu.octets());
        octets
    }

    /// In the digits that a modem takes, and the length that it wants to be told (`AT+CMGS=length`).
    pub fn hex(&self) -> (String, usize) {
        let tpdu = self.tpdu.octets();
        let mut octets = Vec::with_capacity(12 + tpdu.len());
        Address::write_centre(self.centre.as_ref(), &mut octets);
        octets.extend(&tpdu);
        (octets::to_hex(&octets), tpdu.len())
    }
}

impl Tpdu {
    /// Reads a message.
    pub fn parse(octets: &[u8], direction: Direction) -> Result<Parsed<Tpdu>, Verdict> {
        if octets.len() > MAX_OCTETS {
            return Err(Verdict::TooLong);
        }
        let mut octets = Octets(octets);
        let mut flaws = Vec::new();
        let first = octets.octet(Field::First)?;
        let rest = (&mut octets, first, &mut flaws);
        use Direction::{FromPhone, ToPhone};
        let value = match (direction, first & 3) {
            (ToPhone, 0) => Deliver::read(rest).map(Tpdu::Deliver),
            (ToPhone, 1) => SubmitReport::read(rest).map(Tpdu::SubmitReport),
            (ToPhone, 2) => StatusReport::read(rest).map(Tpdu::StatusReport),
            (FromPhone, 0) => DeliverReport::read(rest).map(Tpdu::DeliverReport),
            (FromPhone, 1) => Submit::read(rest).map(Tpdu::Submit),
            (FromPhone, 2) => Command::read(rest).map(Tpdu::Command),
            (FromPhone, _) => Err(Verdict::ReservedType),
            (ToPhone, _) => {
                rest.2.push(Flaw::ReservedType);
                Deliver::read(rest).map(Tpdu::Deliver)
            }
        }?;
        if !octets.0.is_empty() {
            flaws.push(Flaw::Extra);
        }
        Ok(Parsed { value, flaws, extra: octets.0.to_vec() })
    }

    /// The octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(170);
        match self {
            Tpdu::Deliver(message) => message.write(&mut octets),
            Tpdu::DeliverReport(message) => message.write(&mut octets),
            Tpdu::Submit(message) => message.write(&mut octets),
            Tpdu::SubmitReport(message) => message.write(&mut octets),
            Tpdu::StatusReport(message) => message.write(&mut octets),
            Tpdu::Command(message) => message.write(&mut octets),
        }
        octets
    }
}

#[cfg(test)]
mod tests;
