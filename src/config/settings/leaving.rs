//! `[uplink.policy]` and `[uplink.budget]`: what leaves the premises, and how much of the disk it takes until it does.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::uplink::policy::{Class, Treatment};

/// `[uplink.policy]`: what becomes of each sort of text: `keep`, `mask`, `hash` or `send`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What customers are called; default `mask`.
    pub name: Option<Treatment>,
    /// Their telephone numbers; default `hash`.
    pub number: Option<Treatment>,
    /// Their addresses of mail; default `hash`.
    pub email: Option<Treatment>,
    /// What they are called by services, chats and in the site's books; default `hash`.
    pub handle: Option<Treatment>,
    /// Where somebody is; default `keep`.
    pub place: Option<Treatment>,
    /// What messages say, their subjects, names of their files; default `keep`.
    pub text: Option<Treatment>,
    /// What agents have noted; default `keep`.
    pub note: Option<Treatment>,
    /// Fields of a person's record, tags; default `keep`.
    pub field: Option<Treatment>,
    /// Keys pressed and answers given to a flow; default `keep`.
    pub input: Option<Treatment>,
    /// Names of files of messages by their content; default `keep`.
    pub content: Option<Treatment>,
    /// Recordings, their sound: `keep` or `send`; default `keep`.
    pub recording: Option<Treatment>,
    /// Files of messages, their bytes: `keep` or `send`; default `keep`.
    pub file: Option<Treatment>,
    /// Which agent it was, who did something; default `send`.
    pub agent: Option<Treatment>,
    /// A file with what texts are hashed with, at least 16 octets: branches that share it know a person by the same tokens.
    /// Default a key of the box's own.
    pub key_file: Option<PathBuf>,
}

impl Policy {
    /// What the site says; nothing of what it leaves to the default.
    pub fn said(&self) -> BTreeMap<Class, Treatment> {
        let of = |class: Class| {
            let said = match class {
                Class::Name => self.name,
                Class::Number => self.number,
                Class::Email => self.email,
                Class::Handle => self.handle,
                Class::Place => self.place,
                Class::Text => self.text,
                Class::Note => self.note,
                Class::Field => self.field,
                Class::Input => self.input,
                Class::Content => self.content,
                Class::Recording => self.recording,
                Class::File => self.file,
                Class::Agent => self.agent,
            };
            said.map(|said| (class, said))
        };
        Class::ALL.into_iter().filter_map(of).collect()
    }
}

/// `[uplink.budget]`: how much of the disk it may take what head office does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Megabytes; 32 to 1000000, default 2048. Above it figures are dropped, then samples of quality, then how the box does.
    pub max_mb: u32,
    /// Percent of it from which on `status` says so; 10 to 100, default 70.
    pub alarm_percent: u8,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { max_mb: 2_048, alarm_percent: 70 }
    }
}

impl Budget {
    /// Octets at most.
    pub fn most(&self) -> u64 {
        u64::from(self.max_mb) << 20
    }

    /// Octets from which on a person is told.
    pub fn alarm(&self) -> u64 {
        self.most() / 100 * u64::from(self.alarm_percent)
    }
}
