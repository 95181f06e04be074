//! Text messages by modem: our reading and our modem against programs that others wrote, and one modem looked after.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod accepted;
#[path = "../interop/branch.rs"]
#[allow(dead_code)]
mod branch;
mod driven;
mod modem;
mod ofono;
mod oracles;
#[path = "../interop/peer.rs"]
#[allow(dead_code)]
mod peer;
mod sim;
#[path = "../interop/sound.rs"]
#[allow(dead_code)]
mod sound;
mod whole;
