//! Calls: legs, what a caller is doing, who is joined to whom, and why it ended.
//!
//! Owns the life of each call from the first INVITE to its record. Decides whom to ring, when to answer, what to try
//! next and what to tell the caller. Does not know SIP, RTP, IVR flows or queues: the gateway carries its wishes there
//! and brings back what happened.
//!
//! [`Calls`] is the machine; `current` holds one call's state; [`plan`] says where a dialled number leads ([`pattern`], [`country`]);
//! [`budget`] says what calls out may cost; [`conference`] holds who is in a room; [`desk`] what phones are set to;
//! [`promise`] says whom the box may promise to call; [`help`] knows where callers are and whom help calls back; [`ending`] names the causes; [`consent`] is what is said to being recorded; [`record`] is what remains.

pub mod budget;
pub mod caller_id;
pub mod carried;
pub mod conference;
pub mod consent;
pub mod country;
mod current;
pub mod desk;
pub mod ending;
pub mod help;
pub mod numbers;
pub mod pattern;
pub mod plan;
pub mod promise;
pub mod protection;
pub mod record;
mod switch;

pub use current::{Activity, CallView};
pub use switch::{
    Arrival, CallBack, Calls, Errand, Event, Leaving, LegEvent, OfferOutcome, Origination, Output,
    Saying, Settings, What,
};
