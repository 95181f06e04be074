//! What SMPP says: one value for each operation of 3.4 and of 5.0, with everything that its octets say.
//!
//! Reading and writing are in [`codec`](super::codec).

use std::fmt;

use bytes::Bytes;

use super::status::Status;
use super::tlv::{Tlvs, tag};

/// Octets of the longest `short_message` (SMPP 3.4 section 5.2.22); more goes into `message_payload`.
pub const SHORT: usize = 254;

/// Text of a field, without its NUL. Not every peer keeps to ASCII: each octet is a character of Latin-1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(pub Bytes);

impl Text {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    /// Characters that Latin-1 does not have become question marks; a NUL ends it.
    fn from(text: &str) -> Text {
        let octets = text.chars().take_while(|c| *c != '\0');
        Text(octets.map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{}", char::from(*octet)))
    }
}

/// Only its length: it may be a number or a password.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} octets)", self.0.len())
    }
}

/// An address with its type of number and numbering plan (SMPP 3.4 sections 5.2.5 to 5.2.9).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address {
    /// Type of number: 1 international, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan: 1 ISDN (E.164).
    pub npi: u8,
    /// Digits or letters.
    pub text: Text,
}

impl Address {
    /// As numbers and names are usually written: `+…` international, letters a name, few digits a short code, else a
    /// national number.
    pub fn of(text: &str) -> Address {
        let make = |ton, npi, text: &str| Address { ton, npi, text: Text::from(text) };
        match text.strip_prefix('+') {
            Some(digits) => make(1, 1, digits),
            None if text.chars().any(|c| !c.is_ascii_digit()) => make(5, 0, text),
            // 3GPP TS 23.040 knows no short codes; carriers take "network specific" or "unknown" for them.
            None if text.len() <= 8 => make(0, 0, text),
            None => make(2, 1, text),
        }
    }

    /// As people write it: with a plus where it is international.
    pub fn shown(&self) -> String {
        let text = self.text.to_string();
        let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        if self.ton == 1 && digits { format!("+{text}") } else { text }
    }
}

/// Which way messages go on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindKind {
    /// The application sends only.
    Transmitter,
    /// The application receives only.
    Receiver,
    /// Both.
    Transceiver,
}

impl BindKind {
    /// Whether the application may send over it.
    pub fn sends(self) -> bool {
        self != BindKind::Receiver
    }

    /// Whether the application receives over it.
    pub fn receives(self) -> bool {
        self != BindKind::Transmitter
    }
}

/// `bind_transmitter`, `bind_receiver`, `bind_transceiver` (SMPP 3.4 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Which of the three.
    pub kind: BindKind,
    /// Who.
    pub system_id: Text,
    /// The password, up to 8 characters by the standard; longer ones are taken.
    pub password: Text,
    /// `system_type`.
    pub system_type: Text,
    /// 0x34 or 0x50.
    pub version: u8,
    /// Which addresses it serves.
    pub range: Address,
}

/// `submit_sm`, `deliver_sm`, `data_sm` and what else carries a message (SMPP 3.4 sections 4.4, 4.6, 4.7).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// `service_type`.
    pub service_type: Text,
    /// From whom.
    pub from: Address,
    /// To whom. With `submit_multi` nobody: [`Multi::to`] has them.
    pub to: Address,
    /// Mode, kind and the bit that a user data header comes first.
    pub esm_class: u8,
    /// `protocol_id`.
    pub protocol: u8,
    /// `priority_flag`.
    pub priority: u8,
    /// When it is to be delivered, as it is written.
    pub schedule: Text,
    /// Until when, as it is written.
    pub validity: Text,
    /// Which receipts are asked for.
    pub registered_delivery: u8,
    /// `replace_if_present_flag`.
    pub replace: u8,
    /// In what the text is written.
    pub data_coding: u8,
    /// `sm_default_msg_id`.
    pub canned: u8,
    /// The text's octets: up to [`SHORT`]; longer ones are written as `message_payload`.
    pub short_message: Bytes,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

/// Bits of `esm_class` that say what kind of message it is (SMPP 3.4 section 5.2.12).
pub const KIND: u8 = 0x3C;
/// `esm_class`: a delivery receipt.
pub const RECEIPT: u8 = 0x04;
/// `esm_class`: the phone acknowledges it.
pub const DELIVERY_ACK: u8 = 0x08;
/// `esm_class`: its user acknowledges it.
pub const USER_ACK: u8 = 0x10;
/// `esm_class`: an intermediate notification.
pub const INTERMEDIATE: u8 = 0x20;
/// `esm_class`: the text begins with a user data header.
pub const HEADED: u8 = 0x40;

impl Message {
    /// The octets of its text: `message_payload` where there is one, for then `short_message` says nothing (5.3.2.32).
    pub fn octets(&self) -> &Bytes {
        match self.tlvs.get(tag::MESSAGE_PAYLOAD) {
            Some(payload) if self.short_message.is_empty() => payload,
            _ => &self.short_message,
        }
    }

    /// Whether the text begins with a user data header.
    pub fn headed(&self) -> bool {
        self.esm_class & HEADED != 0
    }

    /// Whether a final receipt is asked for (SMPP 3.4 section 5.2.17): on any end, or on failure, or (5.0) on success.
    pub fn wants_receipt(&self) -> bool {
        self.registered_delivery & 0x03 != 0
    }
}

/// `submit_multi` (SMPP 3.4 section 4.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Multi {
    /// The message; its own `to` is not written.
    pub message: Message,
    /// To whom: 1 to 255 of them.
    pub to: Vec<Destination>,
}

/// Somebody to whom a `submit_multi` goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A number.
    Address(Address),
    /// A list that the other side keeps.
    List(Text),
}

/// A response that names a message: `submit_sm_resp`, `deliver_sm_resp`, `data_sm_resp`, `submit_multi_resp`,
/// `broadcast_sm_resp`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// The message's name over there; empty in a `deliver_sm_resp`.
    pub id: Text,
    /// `submit_multi`: who was refused, and why.
    pub refused: Vec<(Address, Status)>,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

/// One message that something is asked of: `query_sm`, `cancel_sm`, and both for broadcasts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// `service_type`; only where something is cancelled.
    pub service_type: Text,
    /// The message's name over there.
    pub id: Text,
    /// Who sent it.
    pub from: Address,
    /// To whom; only in `cancel_sm`.
    pub to: Address,
    /// Optional parameters; only for broadcasts.
    pub tlvs: Tlvs,
}

/// `replace_sm` (SMPP 3.4 section 4.10).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replace {
    /// The message's name over there.
    pub id: Text,
    /// Who sent it.
    pub from: Address,
    /// When it is to be delivered, as it is written.
    pub schedule: Text,
    /// Until when, as it is written.
    pub validity: Text,
    /// Which receipts are asked for.
    pub registered_delivery: u8,
    /// `sm_default_msg_id`.
    pub canned: u8,
    /// The new text's octets.
    pub short_message: Bytes,
    /// Optional parameters (5.0).
    pub tlvs: Tlvs,
}

/// `query_sm_resp` (SMPP 3.4 section 4.8.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The message's name.
    pub id: Text,
    /// When it came to its end, as it is written.
    pub final_date: Text,
    /// `message_state`.
    pub state: u8,
    /// `error_code` of the network.
    pub error: u8,
}

/// One operation with its body. A response whose body was left out, as is usual with errors, has empty fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pdu {
    /// `bind_*`.
    Bind(Bind),
    /// `bind_*_resp`: who the other side is.
    BindResp(BindKind, Text, Tlvs),
    /// `outbind`: the server has something and asks to be bound; its name and password.
    Outbind(Text, Text),
    /// `submit_sm`.
    Submit(Box<Message>),
    /// `submit_sm_resp`.
    SubmitResp(Named),
    /// `deliver_sm`.
    Deliver(Box<Message>),
    /// `deliver_sm_resp`.
    DeliverResp(Named),
    /// `data_sm`: schedule, validity and other fields that it has not are not written.
    Data(Box<Message>),
    /// `data_sm_resp`.
    DataResp(Named),
    /// `submit_multi`.
    Multi(Box<Multi>),
    /// `submit_multi_resp`.
    MultiResp(Named),
    /// `query_sm`.
    Query(About),
    /// `query_sm_resp`.
    QueryResp(Found),
    /// `cancel_sm`.
    Cancel(About),
    /// `cancel_sm_resp`.
    CancelResp,
    /// `replace_sm`.
    Replace(Box<Replace>),
    /// `replace_sm_resp`.
    ReplaceResp,
    /// `broadcast_sm` of 5.0: its message has no receiver, the areas are among the optional parameters; and its own name
    /// for the message.
    Broadcast(Box<Message>, Text),
    /// `broadcast_sm_resp`.
    BroadcastResp(Named),
    /// `query_broadcast_sm`.
    QueryBroadcast(About),
    /// `query_broadcast_sm_resp`.
    QueryBroadcastResp(Named),
    /// `cancel_broadcast_sm`.
    CancelBroadcast(About),
    /// `cancel_broadcast_sm_resp`.
    CancelBroadcastResp,
    /// `alert_notification`: who can be reached again, and for whom.
    Alert(Address, Address, Tlvs),
    /// `unbind`.
    Unbind,
    /// `unbind_resp`.
    UnbindResp,
    /// `enquire_link`.
    EnquireLink,
    /// `enquire_link_resp`.
    EnquireLinkResp,
    /// `generic_nack`.
    GenericNack,
    /// Something that neither standard has, as it came.
    Other(u32, Bytes),
}

/// Bit 31 of a `command_id`: a response (SMPP 3.4 section 5.1.2.1).
pub const RESPONSE: u32 = 0x8000_0000;

impl Pdu {
    /// Its `command_id`.
    pub fn command(&self) -> u32 {
        match self {
            Pdu::Bind(bind) => bind_command(bind.kind),
            Pdu::BindResp(kind, ..) => bind_command(*kind) | RESPONSE,
            Pdu::Query(_) => 0x03,
            Pdu::QueryResp(_) => 0x03 | RESPONSE,
            Pdu::Submit(_) => 0x04,
            Pdu::SubmitResp(_) => 0x04 | RESPONSE,
            Pdu::Deliver(_) => 0x05,
            Pdu::DeliverResp(_) => 0x05 | RESPONSE,
            Pdu::Unbind => 0x06,
            Pdu::UnbindResp => 0x06 | RESPONSE,
            Pdu::Replace(_) => 0x07,
            Pdu::ReplaceResp => 0x07 | RESPONSE,
            Pdu::Cancel(_) => 0x08,
            Pdu::CancelResp => 0x08 | RESPONSE,
            Pdu::Outbind(..) => 0x0B,
            Pdu::EnquireLink => 0x15,
            Pdu::EnquireLinkResp => 0x15 | RESPONSE,
            Pdu::Multi(_) => 0x21,
            Pdu::MultiResp(_) => 0x21 | RESPONSE,
            Pdu::Alert(..) => 0x102,
            Pdu::Data(_) => 0x103,
            Pdu::DataResp(_) => 0x103 | RESPONSE,
            Pdu::Broadcast(..) => 0x111,
            Pdu::BroadcastResp(_) => 0x111 | RESPONSE,
            Pdu::QueryBroadcast(_) => 0x112,
            Pdu::QueryBroadcastResp(_) => 0x112 | RESPONSE,
            Pdu::CancelBroadcast(_) => 0x113,
            Pdu::CancelBroadcastResp => 0x113 | RESPONSE,
            Pdu::GenericNack => RESPONSE,
            Pdu::Other(command, _) => *command,
        }
    }

    /// Whether it answers something.
    pub fn is_response(&self) -> bool {
        self.command() & RESPONSE != 0
    }

    /// The response to it with nothing in it, for a refusal. Nothing where it has no response of its own.
    pub fn refusal(&self) -> Option<Pdu> {
        empty_response(self.command())
    }

    /// Who gets it, where it is somebody: what must not overtake what.
    pub fn destination(&self) -> Option<&Address> {
        match self {
            Pdu::Submit(message) | Pdu::Deliver(message) | Pdu::Data(message) => Some(&message.to),
            _ => None,
        }
    }

    /// The message that it carries.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Pdu::Submit(message) | Pdu::Deliver(message) | Pdu::Data(message) => Some(message),
            Pdu::Broadcast(message, _) => Some(message),
            Pdu::Multi(multi) => Some(&multi.message),
            _ => None,
        }
    }

    /// The other side's name for a message, in a response that has one.
    pub fn id(&self) -> Option<&Text> {
        match self {
            Pdu::SubmitResp(named) | Pdu::DataResp(named) | Pdu::MultiResp(named) => {
                Some(&named.id)
            }
            Pdu::BroadcastResp(named) => Some(&named.id),
            _ => None,
        }
        .filter(|id| !id.is_empty())
    }
}

/// The response with nothing in it to a request of that `command_id`.
pub fn empty_response(command: u32) -> Option<Pdu> {
    let named = Named::default;
    Some(match command {
        0x01 => Pdu::BindResp(BindKind::Receiver, Text::default(), Tlvs::default()),
        0x02 => Pdu::BindResp(BindKind::Transmitter, Text::default(), Tlvs::default()),
        0x09 => Pdu::BindResp(BindKind::Transceiver, Text::default(), Tlvs::default()),
        0x03 => Pdu::QueryResp(Found::default()),
        0x04 => Pdu::SubmitResp(named()),
        0x05 => Pdu::DeliverResp(named()),
        0x06 => Pdu::UnbindResp,
        0x07 => Pdu::ReplaceResp,
        0x08 => Pdu::CancelResp,
        0x15 => Pdu::EnquireLinkResp,
        0x21 => Pdu::MultiResp(named()),
        0x103 => Pdu::DataResp(named()),
        0x111 => Pdu::BroadcastResp(named()),
        0x112 => Pdu::QueryBroadcastResp(named()),
        0x113 => Pdu::CancelBroadcastResp,
        _ => return None,
    })
}

fn bind_command(kind: BindKind) -> u32 {
    match kind {
        BindKind::Receiver => 0x01,
        BindKind::Transmitter => 0x02,
        BindKind::Transceiver => 0x09,
    }
}
