//! The way home: box and hub, the line between them, and what lies at both ends.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod down;
mod hub;
mod line;
mod out;
