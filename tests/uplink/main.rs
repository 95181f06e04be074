//! The way home: box and hub, the line between them, and what lies at both ends.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod down;
mod erased;
mod hub;
mod line;
mod out;

use std::fs;
use std::path::PathBuf;

/// A folder of one test alone, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("branchline-uplink-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How often something is killed: `BRANCHLINE_KILLS`, or twenty times.
fn kills() -> u32 {
    let said = std::env::var("BRANCHLINE_KILLS").ok();
    said.map_or(20, |text| text.parse().expect("BRANCHLINE_KILLS is a number"))
}
