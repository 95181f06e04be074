//! Text messages by modem: programs that others wrote, and what they say of ours.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod ofono;
mod oracles;
