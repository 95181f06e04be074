//! `[channels.NAME.smpp]`: a carrier's SMPP, with us as the application.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretRef;
use crate::smpp::pdu::BindKind;
use crate::smpp::receipt::{IdForm, Rules};
use crate::smpp::text::{Cut, Plain, Wording};

/// How a carrier is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// One link for both ways.
    #[default]
    Transceiver,
    /// A link for each way, for carriers that know no other.
    Separate,
    /// One link, on which messages go out and nothing comes: no receipts either.
    Transmitter,
}

/// What `data_coding` 0 means to a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// The GSM alphabet, a character in each octet.
    #[default]
    Gsm,
    /// The GSM alphabet, eight characters in seven octets.
    Packed,
    /// Latin-1.
    Latin1,
    /// ASCII.
    Ascii,
    /// UTF-8.
    Utf8,
}

impl Alphabet {
    /// The same as the protocol knows it.
    pub fn plain(self) -> Plain {
        match self {
            Alphabet::Gsm => Plain::Gsm,
            Alphabet::Packed => Plain::Packed,
            Alphabet::Latin1 => Plain::Latin1,
            Alphabet::Ascii => Plain::Ascii,
            Alphabet::Utf8 => Plain::Utf8,
        }
    }
}

/// How a text goes that is too long for one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Long {
    /// In parts with a header that has a reference of one octet.
    #[default]
    Header,
    /// In parts with a header that has a reference of two.
    WideHeader,
    /// In parts with `sar_*` parameters.
    Sar,
    /// Whole, as `message_payload`.
    Payload,
}

impl Long {
    /// The same as the protocol knows it.
    pub fn cut(self) -> Cut {
        match self {
            Long::Header => Cut::Header,
            Long::WideHeader => Cut::WideHeader,
            Long::Sar => Cut::Sar,
            Long::Payload => Cut::Payload,
        }
    }
}

/// How a carrier writes the names of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ids {
    /// The same way everywhere.
    #[default]
    AsIs,
    /// A number in hexadecimal digits.
    Hex,
    /// A number in decimal digits.
    Decimal,
}

/// How a carrier is told until when a message is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    /// Not at all: it has its own idea.
    #[default]
    None,
    /// As a span from when it reads it.
    Relative,
    /// As a moment in UTC.
    Absolute,
}

/// `[channels.NAME.smpp]`: a carrier's SMPP.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smpp {
    /// Where it is, as `NAME:PORT`, the preferred host first; 1 to 8.
    pub hosts: Vec<String>,
    /// Whether it speaks TLS there; default no.
    #[serde(default)]
    pub tls: bool,
    /// Authorities that prove it besides the system's: a PEM file. Default none.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// Who we are to it, up to 15 characters.
    pub system_id: String,
    /// What proves that.
    pub password: SecretRef,
    /// What kind of system we are, up to 12 characters; most ask for nothing. Default empty.
    #[serde(default)]
    pub system_type: String,
    /// How it is bound; default `transceiver`.
    #[serde(default)]
    pub bind: Binding,
    /// Which addresses we say that we serve; most want nothing. Default empty.
    #[serde(default)]
    pub address_range: String,
    /// Type of number of that; default 0.
    #[serde(default)]
    pub address_ton: u8,
    /// Numbering plan of that; default 0.
    #[serde(default)]
    pub address_npi: u8,
    /// Seconds of silence after which it is asked whether it is there; 5 to 600, default 30.
    #[serde(default = "thirty")]
    pub enquire_s: u16,
    /// Seconds that it may take for an answer; 2 to 120, default 30.
    #[serde(default = "thirty")]
    pub answer_s: u16,
    /// From which address messages go: a number with its `+`, a short code, or up to 11 letters. The carrier's own when
    /// absent.
    #[serde(default)]
    pub from: Option<String>,
    /// Type of number of it; told by how it is written when absent.
    #[serde(default)]
    pub from_ton: Option<u8>,
    /// Numbering plan of it; the same.
    #[serde(default)]
    pub from_npi: Option<u8>,
    /// Type of number of receivers; told by how they are written when absent.
    #[serde(default)]
    pub to_ton: Option<u8>,
    /// Numbering plan of receivers; the same.
    #[serde(default)]
    pub to_npi: Option<u8>,
    /// Whether numbers are written with their `+`; default no.
    #[serde(default)]
    pub plus: bool,
    /// `service_type`, up to 5 characters. Default empty.
    #[serde(default)]
    pub service_type: String,
    /// What `data_coding` 0 means to it; default `gsm`.
    #[serde(default)]
    pub dcs0: Alphabet,
    /// How long texts go; default `header`.
    #[serde(default)]
    pub long: Long,
    /// Whether it is asked for receipts; default yes.
    #[serde(default = "yes")]
    pub receipts: bool,
    /// How it writes names of messages in answers; default `as-is`.
    #[serde(default)]
    pub answer_ids: Ids,
    /// How it writes them in receipts; default `as-is`.
    #[serde(default)]
    pub receipt_ids: Ids,
    /// Whether a text that reads like a receipt is one though it is not marked so; default no.
    #[serde(default)]
    pub unmarked_receipts: bool,
    /// Minutes by which the clock of its receipts is ahead of UTC; -720 to 840, default 0.
    #[serde(default)]
    pub clock_minutes: i16,
    /// How it is told until when a message is of use; default `none`.
    #[serde(default)]
    pub validity: Validity,
}

impl Smpp {
    /// The kinds of link to it: the first sends.
    pub fn binds(&self) -> &'static [BindKind] {
        match self.bind {
            Binding::Transceiver => &[BindKind::Transceiver],
            Binding::Separate => &[BindKind::Transmitter, BindKind::Receiver],
            Binding::Transmitter => &[BindKind::Transmitter],
        }
    }

    /// How texts are written.
    pub fn wording(&self) -> Wording {
        Wording { plain: self.dcs0.plain(), cut: self.long.cut() }
    }

    /// How its receipts are read.
    pub fn rules(&self) -> Rules {
        let form = |ids: Ids| match ids {
            Ids::AsIs => IdForm::AsIs,
            Ids::Hex => IdForm::Hex,
            Ids::Decimal => IdForm::Decimal,
        };
        Rules {
            answers: form(self.answer_ids),
            receipts: form(self.receipt_ids),
            unmarked: self.unmarked_receipts,
            zone: self.clock_minutes,
        }
    }

    /// Name and port of each host; those that say no port are left out.
    pub fn addresses(&self) -> Vec<(String, u16)> {
        self.hosts.iter().filter_map(|host| address(host)).collect()
    }
}

/// Name and port of `NAME:PORT`, or of `[ADDRESS]:PORT` where the address has colons.
pub fn address(text: &str) -> Option<(String, u16)> {
    let (name, port) = text.rsplit_once(':')?;
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None if name.contains([':', '/', '@']) || name.contains(char::is_whitespace) => {
            return None;
        }
        None => name.to_owned(),
    };
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    (!name.is_empty()).then_some((name, port))
}

fn thirty() -> u16 {
    30
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_a_port() {
        for (text, wanted) in [
            ("smpp.example.com:2775", Some(("smpp.example.com", 2775))),
            ("192.0.2.1:3550", Some(("192.0.2.1", 3550))),
            ("[2001:db8::1]:2775", Some(("2001:db8::1", 2775))),
            ("2001:db8::1:2775", None),
            ("smpp.example.com", None),
            ("smpp.example.com:0", None),
            ("smpp://smpp.example.com:2775", None),
            (":2775", None),
        ] {
            let wanted = wanted.map(|(name, port)| (name.to_owned(), port));
            assert_eq!(address(text), wanted, "{text}");
        }
    }
}
