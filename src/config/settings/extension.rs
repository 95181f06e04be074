//! `[[extension]]`: desk phones.

use serde::Deserialize;

use super::media::Codec;
use super::{Encryption, Keys, KeysOver, Recording};
use crate::address::Number;
use crate::call::desk::Forwards;
use crate::config::secret::SecretRef;
use crate::config::settings::Voicemail;
use crate::id::{ExtensionId, LocationId};

/// `[[extension]]`: a desk phone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// What colleagues dial, and the user name the phone registers with; 2 to 8 digits.
    pub number: ExtensionId,
    /// Shown on the phones that it calls.
    #[serde(default)]
    pub name: String,
    /// Where the phone's password is kept.
    pub secret: SecretRef,
    /// Number shown on calls out over a trunk; the trunk's own when absent.
    #[serde(default)]
    pub caller_id: Option<Number>,
    /// Whether it shows no number on calls out over a trunk, except for help. Default false.
    #[serde(default)]
    pub hide_caller_id: bool,
    /// Seconds to ring before a call counts as not answered; 5 to 180, default 25.
    #[serde(default = "ring_time")]
    pub ring_time: u16,
    /// Where the phone is: what help is told. Unknown when absent, if no network tells.
    #[serde(default)]
    pub location: Option<LocationId>,
    /// Whether its lamps also show whom colleagues talk with, for phones that display it. Default no: a lamp, no number.
    #[serde(default)]
    pub sees_callers: bool,
    /// Whether its phones are told of messages without having asked (a NOTIFY outside of any subscription, as RFC 3842
    /// section 3.10 has it for old phones). Default no.
    #[serde(default)]
    pub unasked_message_lamp: bool,
    /// Its mailbox; none when absent.
    #[serde(default)]
    pub voicemail: Option<Voicemail>,
    /// Where its calls go on to, until something else is chosen at the phone.
    #[serde(default)]
    pub forward: Forwards,
    /// Callers find it busy, until something else is chosen at the phone. Default false.
    #[serde(default)]
    pub do_not_disturb: bool,
    /// Whether calls ring during a call, until something else is chosen at the phone. Default true.
    #[serde(default = "yes")]
    pub call_waiting: bool,
    /// Calls at a time above which callers find it busy; 1 to 100, none when absent.
    #[serde(default)]
    pub busy_at: Option<u16>,
    /// Whether colleagues may speak through its loudspeaker (intercom, pages), and hear what is said beside it. Default
    /// true.
    #[serde(default = "yes")]
    pub intercom: bool,
    /// Pickup groups: colleagues in one of them may answer its calls, and it theirs. `*` among them: it may answer
    /// everybody's.
    #[serde(default)]
    pub pickup: Vec<String>,
    /// Where the PIN is kept with which its user signs in at other phones; they cannot when absent.
    #[serde(default)]
    pub pin: Option<SecretRef>,
    /// Whether its conversations are recorded.
    #[serde(default)]
    pub record: Recording,
    /// Codecs in the order they are offered, and no others; those of `[media]` when empty.
    #[serde(default)]
    pub codecs: Vec<Codec>,
    /// How key presses are sent to the phone.
    #[serde(default)]
    pub keys: Keys,
    /// Whether sound is encrypted. Default `off`.
    #[serde(default)]
    pub media_encryption: Encryption,
    /// Over which signalling keys for that may travel. Default `tls`.
    #[serde(default)]
    pub media_keys_over: KeysOver,
}

fn yes() -> bool {
    true
}

fn ring_time() -> u16 {
    25
}
