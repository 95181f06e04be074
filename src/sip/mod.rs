//! SIP: bytes in, transactions, dialogs and sessions out (RFC 3261). Knows nothing of calls, queues or agents.

pub mod access;
pub mod auth;
pub mod dialog;
pub mod diversion;
pub mod endpoint;
pub mod flow;
pub mod framing;
pub mod hep;
pub mod identity;
pub mod message;
pub mod pidf;
pub mod refer;
pub mod registrar;
pub mod reliable;
pub mod sdp;
pub mod session;
pub mod session_timer;
pub mod subscribe;
pub mod target;
pub mod topology;
pub mod trace;
pub mod transaction;
pub mod trunk;
pub mod trust;
pub mod uri;
pub mod wire;
