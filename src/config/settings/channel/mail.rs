//! `[channels.NAME.mail]`: the site's mailbox.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretRef;

/// How the server for what goes out is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Tls,
    /// TLS after a few words in clear (RFC 3207); without it nothing is sent.
    StartTls,
}

/// `[channels.NAME.mail]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The address of the mailbox, as `name@host`.
    pub address: String,
    /// What the branch is called in its letters. Nothing but the address when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// What stands under each letter. Nothing when absent.
    #[serde(default)]
    pub signature: Option<String>,
    /// The server where letters are fetched, as `host` or `host:port`; IMAP over TLS, port 993.
    pub imap: String,
    /// The server that sends them, as `host` or `host:port`; port 465, or 587 where TLS comes later.
    pub smtp: String,
    /// How that one is spoken with; default TLS from the first byte.
    #[serde(default)]
    pub smtp_security: Security,
    /// The account's name, of both.
    pub user: String,
    /// Its password.
    pub password: SecretRef,
    /// Authorities that prove both servers besides the system's: a PEM file. Default none.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// The folder that is watched; default `INBOX`.
    #[serde(default = "inbox")]
    pub folder: String,
    /// The folder where letters are moved that are kept. They stay, marked as read, when absent.
    #[serde(default)]
    pub done: Option<String>,
    /// Whether what is written to `name+anything@host` comes to this mailbox; default no.
    #[serde(default)]
    pub plus: bool,
    /// The server whose word is taken on who sent a letter: the first word of its Authentication-Results. None by default.
    #[serde(default)]
    pub trusted: Option<String>,
    /// Megabytes of the largest letter, both ways; 1 to 100, default 25. Of a larger one its beginning is taken.
    #[serde(default = "largest")]
    pub largest_mb: u16,
    /// Seconds between two questions to a server that does not tell of letters by itself; 10 to 3600, default 60.
    #[serde(default = "poll")]
    pub poll_s: u16,
}

impl Mail {
    /// Where letters are fetched.
    pub fn imap(&self) -> Option<(String, u16)> {
        server(&self.imap, 993)
    }

    /// Where letters are handed over.
    pub fn smtp(&self) -> Option<(String, u16)> {
        let usual = if self.smtp_security == Security::Tls { 465 } else { 587 };
        server(&self.smtp, usual)
    }

    /// Bytes of the largest letter.
    pub fn largest(&self) -> usize {
        usize::from(self.largest_mb) << 20
    }
}

/// A host, or an address in brackets, and perhaps a port.
fn server(text: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok()?)
        }
        _ => (text, usual),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = inner.unwrap_or(host);
    let good = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || (inner.is_some() && byte == b':')
    };
    (!host.is_empty() && host.bytes().all(good) && port > 0).then(|| (host.to_owned(), port))
}

fn inbox() -> String {
    "INBOX".to_owned()
}

fn largest() -> u16 {
    25
}

fn poll() -> u16 {
    60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_host_and_a_port() {
        let is = |text: &str| server(text, 993);
        assert_eq!(is("mail.example"), Some(("mail.example".to_owned(), 993)));
        assert_eq!(is("mail.example:1993"), Some(("mail.example".to_owned(), 1993)));
        assert_eq!(is("[2001:db8::1]:1993"), Some(("2001:db8::1".to_owned(), 1993)));
        for bad in [
            "",
            ":993",
            "a b",
            "mail.example:x",
            "mail.example:0",
            "imaps://mail.example",
            "2001:db8::1",
        ] {
            assert_eq!(is(bad), None, "{bad}");
        }
    }
}
