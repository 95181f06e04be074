//! SMPP 3.4, and the operations of 5.0: links to carriers, and links from applications on the premises.
//!
//! Octets in, PDUs out, and one machine for each link. No sockets, no clocks, and no knowledge of what messages are kept
//! or for whom: what arrives is told with a handle, and is answered only when its owner says so.

pub mod client;
pub mod codec;
pub mod desk;
pub mod frame;
pub mod join;
pub mod pdu;
pub mod receipt;
pub mod schedule;
pub mod session;
pub mod status;
pub mod text;
pub mod tlv;
