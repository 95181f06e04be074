//! Modems: what is asked and ordered of them, and how they are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something about modems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "modem", rename_all = "snake_case", deny_unknown_fields)]
pub enum ModemOrder {
    /// All of them.
    List,
    /// Everything about one that helps to find out what it lacks.
    Doctor {
        /// Its SIM's name; with its channel's and a `/` in front where there are several of that name.
        name: String,
    },
    /// Asks the network something by USSD, such as the balance.
    Ask {
        /// By which.
        name: String,
        /// What, such as `*100#`.
        text: String,
    },
    /// Resets one, whatever its budget of resets says.
    Reset {
        /// Which.
        name: String,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "modem", content = "value", rename_all = "snake_case")]
pub enum ModemReply {
    /// To [`ModemOrder::List`].
    List(Vec<ModemLine>),
    /// To [`ModemOrder::Doctor`].
    Doctor(Box<Bundle>),
    /// To [`ModemOrder::Ask`].
    Answer {
        /// What the network answered.
        text: String,
        /// It waits for an answer.
        more: bool,
    },
    /// It was ordered.
    Done,
    /// It was not, and why.
    Refused(String),
}

/// One modem and its SIM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModemLine {
    /// Its channel.
    pub channel: String,
    /// Its SIM's name.
    pub name: String,
    /// How it is, in one word, such as `ready` or `no_sim`.
    pub state: String,
    /// The same for a person.
    pub words: String,
    /// Who made it and what they call it, as far as it has said.
    pub device: String,
    /// Serial number of the device.
    pub imei: Option<String>,
    /// Serial number of the SIM.
    pub iccid: Option<String>,
    /// Signal, 0 to 31 (TS 27.007 section 8.5); nothing: none, or not known.
    pub signal: Option<u8>,
    /// A memory for messages has no room: nothing more arrives until some were removed.
    pub full: bool,
    /// Messages that wait in it to be sent.
    pub waiting: usize,
    /// Parts that were sent and not reported yet.
    pub outstanding: usize,
    /// Messages that were read, and are not on the disk yet.
    pub unstored: usize,
    /// Parts that wait for the rest of their message.
    pub parts: usize,
    /// Messages that cannot be read, and are kept.
    pub unreadable: usize,
    /// What its SIM has sent, and may.
    pub used: Vec<ModemLimit>,
    /// Resets since the start.
    pub resets: u64,
}

/// A limit of a SIM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModemLimit {
    /// `hour`, `day`, `month`, or `recipients` of a month.
    pub span: String,
    /// What was sent: parts, or different recipients where these are limited.
    pub used: u32,
    /// What may be; nothing: as much as it can.
    pub limit: Option<u32>,
}

/// Everything about a modem that helps to find out what it lacks. No text and no number of anybody is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// How it is. Its serial numbers are cut to their last digits.
    pub modem: ModemLine,
    /// Version of the program.
    pub version: String,
    /// The profile of quirks that it is treated by.
    pub profile: serde_json::Value,
    /// What was agreed on how messages are announced (TS 27.005 section 3.4.1).
    pub announcing: Option<String>,
    /// A day of signal.
    pub signal_history: serde_json::Value,
    /// Lines that meant nothing.
    pub garbage: u64,
    /// What was tried to get it to work: resets, the eldest first.
    pub ladder: Vec<String>,
    /// What was asked and answered lately.
    pub transcript: Vec<Said>,
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: String,
    /// `modem`, or `box`.
    pub by: String,
    /// What, without numbers and texts.
    pub text: String,
}
