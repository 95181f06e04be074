//! What was said lately: SIP messages as they were on the wire, kept for the dialogs that somebody watches.
//!
//! Owns a bounded store of messages by Call-ID, and takes out of each what nobody may read later: answers to password
//! challenges, keys of encrypted sound, and bodies other than descriptions (texts, dialled digits). Knows nothing of
//! calls; which dialogs belong to one is the business of whoever watches them. Nothing of it is on the disk.

mod redact;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::sip::message::Transport;
use crate::time::UnixTime;

pub use redact::redact;

/// Most bytes kept of one dialog: a call of an hour with session refreshes and lamps, or a hundred messages.
const MOST_OF_A_DIALOG: usize = 64 * 1024;
/// What an entry costs besides its bytes: itself, its share of room that its dialog's list keeps to grow, and what the
/// allocator takes. Measured; without the last two a full store took a tenth more than it may.
const OVERHEAD: usize = 144;
/// What a dialog costs besides its entries and one copy of its name: the other copy, and its places in both lists.
const OVERHEAD_OF_A_DIALOG: usize = 256;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: UnixTime,
    /// Whether we sent it.
    pub sent: bool,
    /// Over what.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The other side's.
    pub peer: SocketAddr,
    /// The message, redacted.
    pub bytes: Box<[u8]>,
}

impl Entry {
    /// Its first line.
    pub fn start_line(&self) -> String {
        let line = self.bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next();
        String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
    }

    /// What a ladder writes over the arrow: the method, or the status with its reason; and whether a session
    /// description is with it.
    pub fn label(&self) -> String {
        let line = self.start_line();
        let name = match line.strip_prefix("SIP/2.0 ") {
            Some(status) => status.to_owned(),
            None => line.split(' ').next().unwrap_or_default().to_owned(),
        };
        let described = self.bytes.windows(7).any(|at| at == b"\r\nm=aud");
        if described { name + " (SDP)" } else { name }
    }

    /// The header CSeq.
    pub fn cseq(&self) -> &str {
        header(&self.bytes, "CSeq", "").unwrap_or_default()
    }

    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// The store.
#[derive(Debug, Default)]
pub struct Trace {
    most: usize,
    bytes: usize,
    dialogs: BTreeMap<String, Dialog>,
    /// Dialogs, the one that was watched first in front.
    order: VecDeque<String>,
    last: Option<Entry>,
    /// Messages that were not kept since their dialog had its share.
    pub left_out: u64,
}

#[derive(Debug, Default)]
struct Dialog {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Trace {
    /// A store of at most `most` bytes; of none when that is 0.
    pub fn new(most: usize) -> Self {
        Trace { most, ..Trace::default() }
    }

    /// Whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a message would be kept: one of a dialog that is watched, or an INVITE that arrived. Copying the others,
    /// registrations before all, would be work for nothing.
    pub fn wants(&self, sent: bool, bytes: &[u8]) -> bool {
        let begins = !sent && bytes.starts_with(b"INVITE ");
        self.is_on() && (begins || call_id(bytes).is_some_and(|id| self.dialogs.contains_key(id)))
    }

    /// A message passed. It is kept if its dialog is watched; the last one that arrived also if that is watched next:
    /// an INVITE makes the call that it is part of.
    pub fn note(&mut self, entry: Entry) {
        if !self.is_on() {
            return;
        }
        let Some(id) = call_id(&entry.bytes) else { return };
        match self.dialogs.get_mut(id) {
            Some(dialog) if dialog.bytes + entry.cost() > MOST_OF_A_DIALOG => self.left_out += 1,
            Some(dialog) => {
                dialog.bytes += entry.cost();
                self.bytes += entry.cost();
                dialog.entries.push(entry);
                self.make_room();
            }
            None if !entry.sent => self.last = Some(entry),
            None => {}
        }
    }

    /// Keeps what is said in this dialog from now on, and what it began with.
    pub fn watch(&mut self, id: &str) {
        if !self.is_on() || self.dialogs.contains_key(id) {
            return;
        }
        self.dialogs.insert(id.to_owned(), Dialog::default());
        self.order.push_back(id.to_owned());
        self.bytes += id.len() + OVERHEAD_OF_A_DIALOG;
        if let Some(first) = self.last.take_if(|last| call_id(&last.bytes) == Some(id)) {
            self.note(first);
        }
        self.make_room();
    }

    /// What was said in this dialog, oldest first.
    pub fn of(&self, id: &str) -> &[Entry] {
        self.dialogs.get(id).map_or(&[], |dialog| &dialog.entries)
    }

    fn make_room(&mut self) {
        while self.bytes > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            let gone = self.dialogs.remove(&oldest).unwrap_or_default();
            self.bytes -= gone.bytes + oldest.len() + OVERHEAD_OF_A_DIALOG;
        }
    }
}

/// A message's Call-ID, in either of its forms (RFC 3261 section 7.3.3).
pub fn call_id(bytes: &[u8]) -> Option<&str> {
    header(bytes, "Call-ID", "i")
}

/// The value of a header that stands in one line.
fn header<'b>(bytes: &'b [u8], name: &str, short: &str) -> Option<&'b str> {
    let lines = bytes.split(|byte| *byte == b'\n').skip(1);
    lines.take_while(|line| !line.is_empty() && *line != b"\r").find_map(|line| {
        // Most lines are another header's, as their first letter tells: this runs for every message.
        let first = |name: &str| name.bytes().next().map(|byte| byte.to_ascii_lowercase());
        let begins = line.trim_ascii_start().first().map(u8::to_ascii_lowercase);
        if begins != first(name) && begins != first(short) {
            return None;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (own, value) = line.split_at_checked(colon)?;
        let own = std::str::from_utf8(own).ok()?.trim();
        let is = own.eq_ignore_ascii_case(name) || (!short.is_empty() && own == short);
        is.then(|| std::str::from_utf8(value.get(1..)?).ok().map(str::trim))?
    })
}

#[cfg(test)]
mod tests;
