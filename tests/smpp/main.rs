//! SMPP with programs that others wrote: Kannel, npm `smpp` as both ends, smpplib, aiosmpplib and Net::SMPP; and with peers
//! that mean no good. They are installed by tests/run.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod applications;
mod branch;
mod carriers;
mod channel;
mod kannel;
mod oracle;
mod peers;
mod served;
mod strangers;
