//! Channels of messages against the providers' own libraries and against stand-ins that others wrote.
//!
//! `sdks.py` has the libraries sign requests and judge them, `sends.py` and `sends.mjs` have them send through our door.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../interop/branch.rs"]
#[allow(dead_code)]
mod branch;
mod contract;
mod door;
mod libraries;
mod runner;
mod signatures;
mod whole;
