//! How a modem is, for whoever looks.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::time::UnixTime;

/// Signal is remembered in steps of this: a night's dip can still be seen in the morning.
const STEP: Duration = Duration::from_secs(300);
/// Steps: one day.
const STEPS: usize = 288;

/// What a modem is doing, or lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Condition {
    /// It is nowhere to be found.
    Absent,
    /// A stick is there that is a network card with pages of its own, and has no line for commands.
    NetworkStick,
    /// A stick is there that is still a disk.
    DiskStick,
    /// Another program has its line.
    Taken,
    /// It is being set up.
    Starting,
    /// Nothing at its ports answers commands.
    Deaf,
    /// Another modem, or another SIM, is there.
    Foreign,
    /// There is no SIM in it.
    NoSim,
    /// The SIM does not work.
    SimFailure,
    /// The SIM is not ready yet.
    SimBusy,
    /// The SIM wants a PIN, and none is configured.
    PinMissing,
    /// The configured PIN was refused once; it is not tried again.
    PinWrong,
    /// One try is left for the PIN: it is left for a person.
    PinLastTry,
    /// The SIM wants its PUK: a person must give it, in a phone.
    Puk,
    /// It takes no commands for messages: it wants QMI or MBIM.
    NoMessages,
    /// It looks for a network.
    Searching,
    /// The network refuses the SIM.
    Denied,
    /// It works.
    Ready,
    /// It works, in a foreign network.
    Roaming,
    /// It is being reset.
    Resetting,
    /// Resets did not help and would harm it: a person must look.
    GivenUp,
}

impl Condition {
    /// Whether messages can be sent.
    pub fn is_up(self) -> bool {
        matches!(self, Condition::Ready | Condition::Roaming)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Condition::Absent => "not there",
            Condition::NetworkStick => "a HiLink stick: a network card without a line for commands",
            Condition::DiskStick => "a stick that is still a disk: usb_modeswitch must change it",
            Condition::Taken => "another program has its line",
            Condition::Starting => "starting",
            Condition::Deaf => "answers no commands",
            Condition::Foreign => "another modem or SIM is there",
            Condition::NoSim => "no SIM",
            Condition::SimFailure => "the SIM does not work",
            Condition::SimBusy => "the SIM is not ready yet",
            Condition::PinMissing => "the SIM wants a PIN, and none is configured",
            Condition::PinWrong => "the PIN was refused; it is not tried again",
            Condition::PinLastTry => "one try is left for the PIN: put it in by hand",
            Condition::Puk => "the SIM wants its PUK: unlock it in a phone",
            Condition::NoMessages => "takes no messages by AT commands",
            Condition::Searching => "looking for a network",
            Condition::Denied => "the network refuses the SIM",
            Condition::Ready => "ready",
            Condition::Roaming => "ready, roaming",
            Condition::Resetting => "being reset",
            Condition::GivenUp => "given up: resets did not help",
        })
    }
}

/// Which modem and which SIM.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Identity {
    /// Who made it.
    pub manufacturer: String,
    /// What they call it.
    pub model: String,
    /// Serial number of the device.
    pub imei: Option<String>,
    /// Serial number of the SIM.
    pub iccid: Option<String>,
    /// Subscriber.
    pub imsi: Option<String>,
}

/// How strong the signal was in one step of time, 0 to 31 (TS 27.007 section 8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Strength {
    /// When the step began.
    #[serde(with = "crate::time::rfc3339")]
    pub from: UnixTime,
    /// The weakest.
    pub low: u8,
    /// The strongest.
    pub high: u8,
    /// The last.
    pub last: u8,
}

/// A day of signal.
#[derive(Debug, Clone, Default)]
pub(super) struct Signal(VecDeque<Strength>);

impl Signal {
    pub(super) fn note(&mut self, at: UnixTime, value: u8) {
        match self.0.back_mut().filter(|step| at.since(step.from) < STEP) {
            Some(step) => {
                (step.low, step.high) = (step.low.min(value), step.high.max(value));
                step.last = value;
            }
            None => {
                if self.0.len() >= STEPS {
                    self.0.pop_front();
                }
                self.0.push_back(Strength { from: at, low: value, high: value, last: value });
            }
        }
    }

    pub(super) fn last(&self) -> Option<u8> {
        self.0.back().map(|step| step.last)
    }

    pub(super) fn history(&self) -> Vec<Strength> {
        self.0.iter().copied().collect()
    }
}

/// A modem at this moment, for a person or a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// What the site calls it.
    pub label: String,
    /// How it is.
    #[serde(flatten)]
    pub condition: Condition,
    /// The same in words.
    pub words: String,
    /// Who it is, as far as it has said.
    pub identity: Identity,
    /// The profile of quirks that fits it.
    pub profile: String,
    /// What was agreed on how messages are announced (TS 27.005 section 3.4.1); nothing: not yet.
    pub announcing: Option<String>,
    /// Signal, 0 to 31; nothing: none, or not known.
    pub signal: Option<u8>,
    /// The last day of it.
    pub signal_history: Vec<Strength>,
    /// A memory for messages has no room: nothing more arrives until some were read and removed.
    pub full: bool,
    /// Messages that wait to be sent.
    pub waiting: usize,
    /// Parts that were sent and not reported yet.
    pub outstanding: usize,
    /// Messages that were read and not said to be stored.
    pub unstored: usize,
    /// Resets since the start.
    pub resets: u64,
    /// What was tried, the eldest first, with when and why.
    pub ladder: Vec<String>,
    /// Lines that meant nothing.
    pub garbage: u64,
}
