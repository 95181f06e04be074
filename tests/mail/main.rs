//! The site's mailbox against Postfix and Dovecot, as Debian has them: letters come by IDLE, answers go by submission, both
//! servers are killed and come back. swaks is the customer's program.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../interop/branch.rs"]
#[allow(dead_code)]
mod branch;
mod coming;
mod going;
mod servers;
mod whole;
