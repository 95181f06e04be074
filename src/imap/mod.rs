//! IMAP (RFC 3501, 9051) as far as a mailbox is watched: a dialogue without a socket.
//!
//! Owns the order of the dialogue: sign in, open one folder, take what is new, mark what is kept, wait to be told of more
//! (IDLE, RFC 2177), or ask in turns where the server cannot wait. It knows nothing of what letters say.
//!
//! Decisions: a letter is named by the folder's UIDVALIDITY and its UID, which are never given twice together. It is fetched
//! without being marked (`BODY.PEEK`), and marked `\Seen`, and moved where the site says so, only after whoever it was given
//! to has said that it is kept: what was not marked is new once more on the next connection. Nothing is deleted.
//! What is read from the server is bounded before it is looked at. The libraries for this read half a gigabyte into memory
//! when a server says so, or panic at what it says (`INTERNALDATE NIL`), which here would end calls: the eight answers that
//! are understood are read in [`answer`](self), and all others are passed over.

mod answer;
mod framing;
mod session;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Item, Status, read};
pub use framing::{Framing, TooLong};
pub use session::{End, Login, Output, Session, Settings};
