//! Calls, seen from the branch: where a dialled number goes.
//!
//! This folder owns decisions about calls and knows no protocol: no requests, packets or sockets.

pub mod country;
pub mod pattern;
pub mod plan;
