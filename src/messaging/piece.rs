//! What a message is made of.
//!
//! `P` is personal text: `String` here, sealed in journal and store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names the bytes of a file by what they are: SHA-256. The same file sent twice is kept once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Content(pub [u8; 32]);

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Text that names no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAContent;

impl FromStr for Content {
    type Err = NotAContent;

    fn from_str(text: &str) -> Result<Content, NotAContent> {
        let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 64 || !plain {
            return Err(NotAContent);
        }
        let mut content = [0; 32];
        for (byte, two) in content.iter_mut().zip(text.as_bytes().chunks(2)) {
            let two = std::str::from_utf8(two).map_err(|_| NotAContent)?;
            *byte = u8::from_str_radix(two, 16).map_err(|_| NotAContent)?;
        }
        Ok(Content(content))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A file that is kept here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media<P> {
    /// Its bytes.
    pub content: Content,
    /// Its MIME type (RFC 6838), as its bytes and its sender agree on it; `application/octet-stream` where they do not.
    pub mime: String,
    /// What its sender calls it.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub name: Option<P>,
    /// Bytes.
    pub size: u64,
}

/// Where the bytes of something that arrived are until they were fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// They came along.
    Here(Vec<u8>),
    /// At an address, which is not trusted: it is fetched under the rules of the channel.
    Url(String),
    /// With the provider, who tells the address to whoever asks by this id.
    Id(String),
}

/// A file that arrived and is not kept yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its bytes.
    pub place: Place,
    /// The MIME type that its sender says.
    pub mime: Option<String>,
    /// What its sender calls it.
    pub name: Option<String>,
    /// Bytes, as its sender says.
    pub size: Option<u64>,
}

/// One part of a message. A channel that cannot carry a part says so before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "piece", rename_all = "snake_case")]
pub enum Piece<P, M = Media<P>> {
    /// Words.
    Text {
        /// They.
        text: P,
    },
    /// A file: a picture, a voice note, a document.
    Media {
        /// It.
        #[serde(flatten)]
        media: M,
    },
    /// A file that its sender sent, and whose bytes could not be had: too large, of a kind that is not taken, or gone.
    Missing {
        /// What its sender calls it.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        name: Option<P>,
        /// The MIME type that its sender says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mime: Option<String>,
    },
    /// A place on the map.
    Location {
        /// Latitude and longitude in degrees (WGS 84), written with a point and a comma between them.
        at: P,
        /// What it is called.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        name: Option<P>,
    },
    /// An answer that was offered and tapped.
    Choice {
        /// What it is called in the flow that offered it.
        id: String,
        /// What was to be read on it.
        label: P,
    },
    /// A sign put under a message.
    Reaction {
        /// What the channel calls that message.
        to: String,
        /// The sign; nothing: it was taken away.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        sign: Option<P>,
    },
    /// Words that the provider has approved before, with values put in: what may be sent outside of a service's window.
    Template {
        /// Its name with the provider.
        name: String,
        /// Its language (RFC 5646).
        language: String,
        /// What is put into its places, in order.
        values: Vec<P>,
    },
}

impl<P, M> Piece<P, M> {
    /// Words.
    pub fn text(text: impl Into<P>) -> Self {
        Piece::Text { text: text.into() }
    }
}
