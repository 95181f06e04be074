//! What was acknowledged is there after anything: kill -9, a power cut, a damaged store, a full disk, a broken disk.
//!
//! The program under test is the real one, on real files; phones and carrier are this test's own, over loopback. Disks
//! are ext4 images on loop devices, which needs root: without it these tests fail and say so.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod callbacks;
mod disk;
mod disks;
mod erasure;
mod files;
mod help;
mod hook;
mod journeys;
mod kills;
mod messages;
mod phones;
mod records;
#[path = "../mail/servers.rs"]
#[allow(dead_code)]
mod servers;
#[path = "../sms/sim.rs"]
#[allow(dead_code)]
mod sim;
mod site;
mod stores;
mod webhooks;
