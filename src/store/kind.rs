//! What kind of row a key leads to: the first byte of each key of the store.
//!
//! All of them stand here, whichever module reads and writes their rows: two kinds under one byte would be read as each
//! other.

/// Where the store stands.
pub(super) const META: u8 = b'm';
/// Records of calls, the newest first.
pub(super) const CALL: u8 = b'c';
/// Events of calls.
pub(super) const EVENT: u8 = b'e';
/// Registrations, which earlier versions kept here.
pub(super) const BINDING: u8 = b'b';
/// Agents and how they stand.
pub(super) const AGENT: u8 = b'a';
/// Places in queues.
pub(super) const PLACE: u8 = b'q';
/// Who did what, the newest first.
pub(super) const ACT: u8 = b'x';
/// Contacts.
pub(super) const CONTACT: u8 = b'p';
/// Identities.
pub(super) const IDENTITY: u8 = b'i';
/// Timelines: the newest moment of a contact first.
pub(super) const MOMENT: u8 = b't';
/// Merges by who is gone.
pub(super) const MERGE: u8 = b'g';
/// Merges by who is kept.
pub(super) const KEPT: u8 = b'k';
/// Suggestions by either contact.
pub(super) const SUGGESTION: u8 = b'u';
/// Cases.
pub(super) const CASE: u8 = b's';
/// Cases by contact.
pub(super) const CASE_OF: u8 = b'o';
/// Proofs of erasure.
pub(super) const PROOF: u8 = b'z';
/// Calls that are not on a contact's timeline any more.
pub(super) const BYGONE: u8 = b'y';
/// Contacts that were erased, each with its erasure.
pub(super) const ERASED: u8 = b'd';
/// Messages.
pub(super) const MESSAGE: u8 = b'M';
/// Conversations.
pub(super) const TALK: u8 = b'T';
/// Messages of a conversation, the newest first.
pub(super) const SAID: u8 = b'S';
/// Conversations by contact.
pub(super) const TALK_OF: u8 = b'O';
/// Conversations, the one in which something was written last first.
pub(super) const RECENT: u8 = b'R';
/// Those of them that are not over.
pub(super) const OPEN: u8 = b'N';
/// Keys of what arrived.
pub(super) const SEEN: u8 = b'K';
/// What channels call messages.
pub(super) const REFERENCE: u8 = b'F';
/// What channels keep together.
pub(super) const THREAD: u8 = b'H';
/// Messages by the files that they have.
pub(super) const CONTENT: u8 = b'C';
/// Messages that wait or did not arrive, by how they stand, the newest first.
pub(super) const STANDS: u8 = b'L';
/// Files that no message has any more.
pub(super) const ORPHAN: u8 = b'X';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_of_rows_share_a_byte() {
        let mut all = [
            META, CALL, EVENT, BINDING, AGENT, PLACE, ACT, CONTACT, IDENTITY, MOMENT, MERGE, KEPT,
            SUGGESTION, CASE, CASE_OF, PROOF, ERASED, BYGONE, MESSAGE, TALK, SAID, TALK_OF, RECENT,
            OPEN, SEEN, REFERENCE, THREAD, CONTENT, STANDS, ORPHAN,
        ];
        all.sort_unstable();
        assert!(all.windows(2).all(|two| two[0] != two[1]), "{all:?}");
        let here = include_str!("kind.rs");
        let said = here.lines().filter(|line| line.starts_with("pub(super) const ")).count();
        assert_eq!(said, all.len(), "each kind is compared");
    }
}
