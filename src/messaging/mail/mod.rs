//! Letters: what a mailbox receives read into messages, and messages written as mail.
//!
//! Owns what a letter says and what it belongs to: its text, its files, its thread, whether a machine wrote it, whether it
//! reports on one of ours, whether anybody proved who sent it; and how an answer is written so that it comes back to the
//! same thread. It knows nothing of how letters come and go: that is IMAP and SMTP.
//!
//! Decisions: a letter of ours carries a token, its message's id signed with the mailbox's own key, in its Message-ID, in its
//! envelope and, where the mailbox has addresses with a plus, in its Reply-To. So an answer is known though a program has
//! broken its References, and nobody can make up a report. Whatever cannot be read is still told, as the file that it is.
//! SPF, DKIM and DMARC are not worked out here: a server that the site names has done so, and its word is read (RFC 8601).

mod automatic;
mod part;
mod plain;
mod proof;
mod reading;
mod report;
mod token;
mod verdict;
mod writing;

#[cfg(test)]
mod tests;

use std::fmt;

pub use reading::{Letter, MOST_FILES, MOST_TEXT, Raw, Unread, read};
pub use token::Key;
pub use verdict::{At, LATER, Verdict, said};
pub use writing::{Posted, write};

/// Longest Message-ID that is taken for one: longer ones are no names but an attempt on whoever keeps them.
const LONGEST_ID: usize = 250;
/// Ids of one thread that are named in a letter; RFC 5322 section 3.6.4 sets no limit, and servers refuse lines of 998
/// characters.
const MOST_IDS: usize = 20;

/// A mailbox of the site.
#[derive(Clone)]
pub struct Mailbox {
    /// Its address, as `name@host`.
    pub address: String,
    /// What the branch is called in letters.
    pub name: Option<String>,
    /// What stands under each letter.
    pub signature: Option<String>,
    /// Whether what is written to `name+anything@host` comes here (RFC 5233).
    pub plus: bool,
    /// The server whose word on who sent a letter is taken: the name in its Authentication-Results.
    pub trusted: Option<String>,
    /// By what its tokens are signed.
    pub key: Key,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

impl Mailbox {
    /// The part before the `@`, and the host.
    fn parts(&self) -> (&str, &str) {
        self.address.rsplit_once('@').unwrap_or((&self.address, "localhost"))
    }

    /// Where answers to a letter with this token go, and reports on it.
    fn with_token(&self, token: &str) -> String {
        match (self.plus, self.parts()) {
            (true, (user, host)) => format!("{user}+{token}@{host}"),
            (false, _) => self.address.clone(),
        }
    }

    /// The Message-ID of a letter with this token, without its brackets.
    fn id_of(&self, token: &str) -> String {
        format!("{token}@{}", self.parts().1)
    }
}

/// What a thread is known by toward others, as far as it is known here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// Message-IDs, the oldest first.
    pub ids: Vec<String>,
    /// What it is about.
    pub subject: Option<String>,
}

impl Chain {
    /// One more letter belongs to it.
    pub fn add(&mut self, id: &str) {
        if self.ids.iter().any(|own| own == id) || !is_id(id) {
            return;
        }
        // The first stays: programs begin a thread with it.
        if self.ids.len() == MOST_IDS {
            self.ids.remove(1);
        }
        self.ids.push(id.to_owned());
    }
}

/// Whether a text may stand between the brackets of a Message-ID (RFC 5322 section 3.6.4, taken widely).
fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(plain)
}
