//! The package as a branch gets it: its files by the tools that read them, and the whole of it installed in a small Debian
//! that systemd-nspawn boots. The root tree is made by `tests/appliance/tree`, which wants the network once.
//!
//! It wants root, as `tests/run` does.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod backup;
mod boxed;
#[path = "../web/browser.rs"]
#[allow(dead_code)]
mod browser;
mod carried;
mod certificate;
mod files;
mod hub;
mod life;
mod nights;
mod rehearse;
mod setup;
mod sip;
mod support;
#[path = "../web/tab.rs"]
#[allow(dead_code)]
mod tab;
mod update;

/// What the browser's tabs go by.
mod branch {
    /// How long a page may take to show something.
    pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
}

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Runs it; what it printed is what is wrong when it fails.
#[track_caller]
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let said = [stdout, stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(status.success(), "{command:?} {status}:\n{said}");
    said
}
