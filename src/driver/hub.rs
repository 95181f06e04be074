//! The office's end, where it waits: connections of sites, and what keeps their events.

mod acquaintances;
pub mod authority;
pub mod embedded;
pub mod engine;
mod enrolling;
mod guests;
pub mod office;
pub mod running;
pub mod sites;
