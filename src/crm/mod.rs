//! The site's own book of customers, its CRM: whom to ask it about, when, and what of its answer is taken.
//!
//! Owns the rule that no call waits for it: whoever calls rings with what is known, and an answer that comes is shown when
//! it comes. Asks each question once however many calls want to know, asks nobody that has just said that it does not know
//! somebody, rests when there is nothing but trouble, and takes of an answer what is small and plain. Opens no connection,
//! and keeps no answer: those are facts on the record of a person, which the room next door has.

mod answer;
mod lookups;

pub use answer::{Answer, Fault, Found, MOST_BYTES, read};
pub use lookups::{Ask, AskId, Asked, Counters, For, Known, Limits, Lookups, Output};

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
