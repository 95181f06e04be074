//! The office's end, where it waits: connections of sites, and what keeps their events.

pub mod acquaintances;
pub mod authority;
pub mod embedded;
pub mod engine;
mod enrolling;
pub mod files;
mod guests;
pub mod hooks;
pub mod jetstream;
pub mod lookup;
pub mod office;
pub mod page;
pub mod postgres;
mod questions;
pub mod rows;
pub mod running;
pub mod serving;
pub mod sites;
pub mod watching;
