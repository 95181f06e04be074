//! The browser side of a running box: its pages in Chromium, as people meet them.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../interop/branch.rs"]
#[allow(dead_code)]
mod branch;
mod pages;
#[path = "../interop/peer.rs"]
#[allow(dead_code)]
mod peer;
#[path = "../interop/sound.rs"]
#[allow(dead_code)]
mod sound;
#[allow(dead_code)]
mod tab;
