//! The browser side of a running box in headless Chromium: its pages, as people meet them, and phones that others wrote,
//! with a tone for a microphone.
//!
//! What is asserted is what a person would notice: what the page says, who rings, who hears which tone.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod admin;
#[path = "../interop/branch.rs"]
#[allow(dead_code)]
mod branch;
#[allow(dead_code)]
mod browser;
mod chat;
mod customer;
mod desk;
mod firefox;
mod fleet;
mod journey;
mod knowledge;
mod lasting;
mod listening;
mod media;
mod moving;
mod network;
mod pages;
mod payments;
#[path = "../interop/peer.rs"]
#[allow(dead_code)]
mod peer;
mod phones;
mod remote;
mod seen;
mod shift;
#[path = "../interop/sound.rs"]
#[allow(dead_code)]
mod sound;
#[allow(dead_code)]
mod tab;
mod tapes;
mod voice;
mod whole_shift;
mod written;
