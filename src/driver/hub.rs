//! The office's end, where it waits: connections of sites, and what keeps their events.

pub mod embedded;
pub mod engine;
