//! What is owed to programs elsewhere that want to be told: which of them has what behind it, what to send next, when to
//! try again, when to give up.
//!
//! One [`Courier`] for each receiver. It sends strictly in the journal's order, one request at a time, and keeps nothing
//! of what is owed but positions: it is read from the journal again for every try, so that an hour without a receiver
//! costs no memory, and what was erased meanwhile is not sent. A message is delivered at least once: after a restart one
//! that was answered may come again, with the same id. It does not know what records say, and opens no connection.

mod courier;
pub mod delivery;
mod signature;
mod standing;
mod target;
mod wanted;

pub use courier::{Answer, Condition, Courier, Item, Limits, Output, Page, Post, Reading};
pub use signature::{Secret, WrongSecret};
pub use standing::{Change, Dead, MOST_SPANS, Pause, Span, Standing, What, Why};
pub use target::{Barred, NotATarget, Reach, Target};
pub use wanted::{EVENTS, JOURNEY_DUE, Wanted};

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
