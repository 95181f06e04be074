//! How the box does, once a minute, for whoever looks after many of them. Written down only where head office is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// How the box does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Version of the program.
    pub version: String,
    /// Since when it runs.
    pub started: UnixTime,
    /// How much of the disk is in use, in percent.
    pub disk: u8,
    /// Whether it takes no new calls, and ends.
    pub draining: bool,
    /// Its parts by name, such as `trunk carrier`, and how each is.
    pub lamps: BTreeMap<String, Light>,
    /// Calls that are up.
    pub calls: u64,
    /// Calls that may be.
    pub most_calls: u64,
    /// Callers and messages that wait in queues.
    pub waiting: u64,
    /// Agents that take work.
    pub agents_ready: u64,
    /// Agents that are at work.
    pub agents_signed_in: u64,
    /// Phones that can be reached.
    pub phones: u64,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// As it should be.
    Green,
    /// Works, but somebody should look.
    Amber,
    /// Does not work.
    Red,
}
