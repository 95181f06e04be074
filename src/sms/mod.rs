//! Text messages as GSM modems carry them (3GPP TS 23.038, 23.040, 27.005), without input or output of its own.
//!
//! [`alphabet`] is what a septet means, [`pdu`] where the fields of a message lie, [`segment`] cuts a text into parts and
//! [`assemble`] puts parts together; [`at`] is the dialogue with a modem, [`modem`] looks after one, and [`simulated`] is one
//! that is not there. It knows numbers and texts; conversations, consent and routes it does not.

pub mod alphabet;
pub mod assemble;
pub mod at;
pub mod modem;
pub mod pdu;
pub mod segment;
pub mod simulated;
