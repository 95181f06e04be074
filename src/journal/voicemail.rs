//! What records say of voicemail, and what of it is live: messages, greetings, and recordings that were begun.
//!
//! A message is begun, and then left or dropped. One that was begun and neither was on its way when the box died: its
//! recording is looked for at the next start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{CallId, ExtensionId, RecordingId};
use crate::journal::personal::Personal;
use crate::time::UnixTime;

/// Something that happened at a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Voicemail {
    /// A caller began to leave a message.
    Begun(Begun),
    /// The message is on the disk.
    Left {
        /// Which.
        recording: RecordingId,
        /// How long it is, in milliseconds.
        length_ms: u64,
    },
    /// Nothing came of it: too short, or the disk did not take it.
    Dropped {
        /// Which.
        recording: RecordingId,
    },
    /// A message was heard, or is to count as new again.
    Heard {
        /// Which.
        recording: RecordingId,
        /// Whether.
        heard: bool,
    },
    /// A message is gone.
    Deleted {
        /// Which.
        recording: RecordingId,
    },
    /// Callers are greeted with this recording; with the standard words when there is none.
    Greeting {
        /// Whose mailbox.
        mailbox: ExtensionId,
        /// Which.
        recording: Option<RecordingId>,
    },
    /// The owner chose a PIN by phone.
    Pin {
        /// Of which mailbox.
        mailbox: ExtensionId,
        /// The PIN.
        #[serde(flatten)]
        pin: Pin,
    },
}

/// A PIN that was chosen by phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// What it gives under the box's key, in hexadecimal: nobody reads the PIN from it.
    pub hash: String,
    /// The same of the configured PIN that it took the place of.
    pub over: String,
}

/// A message that a caller began to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its recording.
    pub recording: RecordingId,
    /// For whom.
    pub mailbox: ExtensionId,
    /// In which call.
    pub call: CallId,
    /// The caller's number.
    pub from: Personal,
    /// When.
    pub taken: UnixTime,
}

/// What is live of voicemail.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mail {
    /// Messages on the disk.
    pub messages: BTreeMap<RecordingId, Kept>,
    /// Messages that were begun.
    pub begun: BTreeMap<RecordingId, Begun>,
    /// Recorded greetings.
    pub greetings: BTreeMap<ExtensionId, RecordingId>,
    /// Chosen PINs.
    pub pins: BTreeMap<ExtensionId, Pin>,
}

/// A message on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How it began.
    #[serde(flatten)]
    pub begun: Begun,
    /// How long it is, in milliseconds.
    pub length_ms: u64,
    /// Whether it was heard.
    #[serde(default)]
    pub heard: bool,
}

impl Mail {
    /// Takes up one event.
    pub fn apply(&mut self, event: &Voicemail) {
        match event {
            Voicemail::Begun(begun) => {
                self.begun.insert(begun.recording, begun.clone());
            }
            Voicemail::Left { recording, length_ms } => {
                if let Some(begun) = self.begun.remove(recording) {
                    let kept = Kept { begun, length_ms: *length_ms, heard: false };
                    self.messages.insert(*recording, kept);
                }
            }
            Voicemail::Dropped { recording } => {
                self.begun.remove(recording);
            }
            Voicemail::Heard { recording, heard } => {
                if let Some(message) = self.messages.get_mut(recording) {
                    message.heard = *heard;
                }
            }
            Voicemail::Deleted { recording } => {
                self.messages.remove(recording);
            }
            Voicemail::Greeting { mailbox, recording: Some(recording) } => {
                self.greetings.insert(mailbox.clone(), *recording);
            }
            Voicemail::Greeting { mailbox, recording: None } => {
                self.greetings.remove(mailbox);
            }
            Voicemail::Pin { mailbox, pin } => {
                self.pins.insert(mailbox.clone(), pin.clone());
            }
        }
    }
}
