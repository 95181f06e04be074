//! What a person at the box types: one file for each subcommand.

pub mod check;
pub mod route;
