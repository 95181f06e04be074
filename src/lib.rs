//! Branchline: an edge gateway for a branch office.
//!
//! **The gateway decides, the drivers wait.** Everything outside [`driver`] is synchronous and owns no socket, file,
//! thread, task, lock, clock or random source: time, randomness and bytes are arguments. Every machine has the same
//! verbs: `handle_*(now, input)`, `poll_output() -> Option<Output>`, `deadline() -> Option<Instant>`.

pub mod address;
pub mod admin;
pub mod agent;
pub mod appliance;
pub mod call;
pub mod channel;
pub mod cli;
pub mod config;
pub mod context;
pub mod crm;
pub mod driver;
pub mod gateway;
pub mod hours;
pub mod hub;
pub mod id;
pub mod imap;
pub mod ivr;
pub mod journal;
pub mod journey;
pub mod media;
pub mod messaging;
pub mod queue;
pub mod random;
pub mod report;
pub mod sip;
pub mod smpp;
pub mod sms;
pub mod stamp;
pub mod store;
pub mod time;
pub mod uplink;
pub mod web;
pub mod webhook;
