//! What a desk phone is told when it asks for its configuration: one sheet, written down as each make reads it.
//!
//! Owns the forms and their escaping. Knows no secret of its own, no URL and no phone: the gateway fills the sheet, and
//! decides who may have it.

mod clock;
mod snom;
mod yealink;

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::config::settings::Encryption;
use crate::time::UnixTime;

/// Who made a phone, and so how its configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Make {
    /// T series: lines of `key = value`.
    Yealink,
    /// XML.
    Snom,
}

impl fmt::Display for Make {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Make::Yealink => "yealink",
            Make::Snom => "snom",
        })
    }
}

/// How a phone speaks SIP with the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Datagrams.
    #[default]
    Udp,
    /// A stream.
    Tcp,
    /// A stream that is proven and sealed.
    Tls,
}

/// What a key of a phone does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Shows a colleague's calls, and calls or picks up.
    Lamp,
    /// Calls a number.
    Speed,
    /// Parks a call at a place, and takes it back from there.
    Park,
}

/// A key beside the display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What it does.
    pub kind: KeyKind,
    /// With which number.
    pub number: String,
    /// What stands beside it; the number when empty.
    #[serde(default)]
    pub label: String,
}

/// One line of a phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The extension.
    pub number: String,
    /// Whose it is.
    pub name: String,
    /// The password in clear.
    pub password: String,
    /// Whether sound is encrypted.
    pub encryption: Encryption,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.number)
    }
}

/// Everything that a phone is told.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Its lines, at least one.
    pub accounts: Vec<Account>,
    /// Its keys.
    pub keys: Vec<Key>,
    /// Where the box is reached.
    pub server: String,
    /// At which port.
    pub port: u16,
    /// How.
    pub way: Way,
    /// Seconds of a registration.
    pub expires_s: u32,
    /// Codecs in the order they are offered, such as `pcmu`.
    pub codecs: Vec<String>,
    /// What is dialled to hear messages.
    pub messages: String,
    /// Everything that is dialled for help: sent at once, and from a locked phone as well.
    pub help: Vec<String>,
    /// Where the configuration is fetched from again.
    pub url: String,
    /// Every so many hours.
    pub again_h: u16,
    /// The site's time zone.
    pub zone: TimeZone,
    /// Now: when clocks are changed differs from year to year.
    pub now: UnixTime,
}

/// Why a sheet cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotWritable {
    /// A password with a line end or another control character in it.
    Password,
    /// No line.
    NoLine,
}

impl fmt::Display for NotWritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotWritable::Password => "a password has a control character in it",
            NotWritable::NoLine => "the phone has no line",
        })
    }
}

impl Make {
    /// The name of the file with a phone's own configuration, `mac` in lower case without colons.
    pub fn file(self, mac: &str) -> String {
        match self {
            Make::Yealink => format!("{mac}.cfg"),
            Make::Snom => format!("{mac}.xml"),
        }
    }

    /// What the file is to HTTP.
    pub fn content_type(self) -> &'static str {
        match self {
            Make::Yealink => "text/plain; charset=utf-8",
            Make::Snom => "application/xml; charset=utf-8",
        }
    }

    /// What has to be entered at a phone, below `base`, which ends in a slash.
    pub fn url(self, base: &str, mac: &str) -> String {
        match self {
            // The phone adds the file's name itself.
            Make::Yealink => base.to_owned(),
            Make::Snom => format!("{base}{}", self.file(mac)),
        }
    }

    /// Writes a sheet down.
    pub fn write(self, sheet: &Sheet) -> Result<String, NotWritable> {
        if sheet.accounts.is_empty() {
            return Err(NotWritable::NoLine);
        }
        // Everything else may lose a character that nobody sees; a password would be another one.
        if sheet.accounts.iter().any(|account| account.password.contains(char::is_control)) {
            return Err(NotWritable::Password);
        }
        Ok(match self {
            Make::Yealink => yealink::write(sheet),
            Make::Snom => snom::write(sheet),
        })
    }
}

impl Key {
    fn shown(&self) -> &str {
        if self.label.is_empty() { &self.number } else { &self.label }
    }
}

/// Text without line ends and other control characters: none may begin a setting of its own.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
