//! The way home: box and hub, the line between them, and what lies at both ends.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod down;
mod hub;
mod line;
mod out;

/// How often something is killed: `BRANCHLINE_KILLS`, or twenty times.
fn kills() -> u32 {
    let said = std::env::var("BRANCHLINE_KILLS").ok();
    said.map_or(20, |text| text.parse().expect("BRANCHLINE_KILLS is a number"))
}
