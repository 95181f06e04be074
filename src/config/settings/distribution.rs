//! `[distribution]`: how much work of which kind one agent has in hand at once.

/// `[distribution]`, and what an agent has of it that is their own.
pub type Distribution = crate::queue::Said;
