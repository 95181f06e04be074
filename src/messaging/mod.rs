//! Written messages, one model for all of them: SMS, chat, mail and every service with an API.
//!
//! Owns what a message is ([`Piece`]), whom it comes from and goes to ([`Address`]), and the contract that every channel
//! keeps ([`contract`]): what a channel tells of what arrived, what it is given to send, and how it says what became of
//! that; [`channel`] is how the ledger and the task of a channel speak. [`web`] is the same contract for services that
//! are reached over HTTP: pure functions from requests to what they say, and from messages to requests. [`chat`] is the
//! channel of the site's own pages. [`application`] is about programs of the branch that have messages sent. [`Entry`] is what the journal says of all of it, [`Message`] and [`Conversation`] what
//! that adds up to, and [`kept`] what of it a restart has to know. [`ledger`] is the machine between all of them. [`mail`] reads and writes letters. [`shelf`] is what is said again and again.
//!
//! It does not know how a channel works, opens nothing, and does not know people: who an address is, the record says.

pub mod adapter;
mod address;
pub mod application;
pub mod channel;
pub mod chat;
pub mod contract;
mod entry;
pub mod guesses;
pub mod kept;
pub mod kind;
pub mod ledger;
pub mod mail;
pub mod owned;
mod piece;
mod record;
pub mod shelf;
pub mod voice;
pub mod web;

pub use address::{Address, Kind};
pub use entry::{Entry, Fingerprint, Owner, Stop, Way, What};
pub use piece::{Attachment, Content, Media, Piece, Place};
pub use record::{Conversation, Message, Out, State, Turn, Why};
