//! Services that carry messages, each as its own rules have it: how a request is proved and read, how a message is sent,
//! what its answers mean.
//!
//! One file for each. All are pure: secrets, times and bytes are arguments. What somebody wrote in a form that is not known
//! here is told as `[unsupported: KIND]`, never dropped.

pub mod door;
pub mod form;
pub mod proof;
pub mod said;
mod sending;

mod hook;
mod line;
mod meta;
mod plivo;
mod sinch;
mod telegram;
mod telnyx;
mod twilio;
mod viber;
mod vonage;

use std::time::Duration;

pub use hook::Hook;
pub use line::Line;
pub use meta::{Meta, Service};
pub use plivo::Plivo;
pub use proof::Secret;
pub use sinch::Sinch;
pub use telegram::Telegram;
pub use telnyx::Telnyx;
pub use twilio::Twilio;
pub use viber::Viber;
pub use vonage::Vonage;

/// For so long after somebody has written, WhatsApp, Messenger and Instagram let anything through but templates.
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[cfg(test)]
mod tests;
