//! SMPP, both ways: how links to carriers are, and who has bound here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::UnixTime;

/// Both ways.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct SmppLines {
    /// Carriers, as channels of messages.
    pub carriers: Vec<CarrierLine>,
    /// Applications of the branch.
    pub applications: Vec<ApplicationLine>,
    /// Whether applications can bind here at all.
    pub serves: bool,
}

/// A carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarrierLine {
    /// Its channel.
    pub channel: String,
    /// Whether it carries messages now.
    pub up: bool,
    /// How it is, for a person.
    pub words: String,
    /// Each link to it.
    pub links: Vec<CarrierLink>,
    /// Messages that may wait for its answer at a time.
    pub window: u16,
    /// Messages that are on their way to it, with rests of long ones.
    pub on_their_way: usize,
    /// Parts of long messages from it that wait for others.
    pub parts: usize,
    /// Messages that it has taken since the start.
    pub taken: u64,
    /// Messages that it has refused since the start.
    pub refused: u64,
    /// Messages and receipts of its that were taken in since the start.
    pub received: u64,
    /// How often it wanted less since the start.
    pub throttled: u64,
    /// What it refused last, or why the link ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// A link to a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarrierLink {
    /// `transmitter`, `receiver` or `transceiver`.
    pub bind: String,
    /// Whether it is bound.
    pub up: bool,
    /// Why not, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An application of the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationLine {
    /// Its name.
    pub application: String,
    /// By what it binds.
    pub system_id: String,
    /// Each link of it.
    pub links: Vec<ApplicationLink>,
    /// Messages a second that it may send on each.
    pub rate: u32,
    /// Its messages that may wait for an answer on each.
    pub window: u16,
    /// Messages and parts of it that were taken since the start.
    pub taken: u64,
    /// Messages of it that were refused for what they are, since the start.
    pub refused: u64,
    /// Receipts and texts that it has taken since the start.
    pub told: u64,
    /// Receipts and texts that wait for it.
    pub waiting: usize,
    /// Receipts and texts that it has refused for good, since the start.
    pub given_up: u64,
    /// What went wrong last, as SMPP calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// A link of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationLink {
    /// `transmitter`, `receiver` or `transceiver`.
    pub bind: String,
    /// From which address.
    pub from: String,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// When it connected.
    pub since: UnixTime,
    /// Requests that came over it.
    pub asked: u64,
    /// Requests that were refused for their rate, for their sender, or because too many waited.
    pub throttled: u64,
    /// Receipts and texts that are on their way over it.
    pub on_their_way: usize,
}
