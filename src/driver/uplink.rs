//! The box's end of the line: it connects to the hub, reads the outbox for it, and carries frames.

pub mod enrolling;
pub mod keys;
