//! Everything that waits: sockets, files, threads, tasks, clocks.
//!
//! The only room with I/O in it. Each file owns one kind of it, and hands what arrives to the gateway with one reading of
//! the clocks; none of them decides anything about a call.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod clock;
pub mod journal;
pub mod segments;
pub mod store;
