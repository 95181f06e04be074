//! What became of a message: TP-ST (3GPP TS 23.040 clause 9.2.3.15) and TP-FCS (clause 9.2.3.22).

/// What a service centre reports, as it lies in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u8);

/// What a [`Status`] comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The centre is done, and it was received, as far as is known.
    Delivered,
    /// The centre goes on trying; another report will come.
    Trying,
    /// It will never arrive.
    Failed,
    /// It did not arrive for now, and the centre has given up.
    GivenUp,
}

impl Status {
    /// Received by the phone.
    pub const RECEIVED: Status = Status(0x00);

    /// What it comes to. Reserved values mean "service rejected" (0x63), a failure for now.
    pub fn outcome(self) -> Outcome {
        match self.0 {
            0x00..=0x1f => Outcome::Delivered,
            0x20..=0x3f => Outcome::Trying,
            0x40..=0x5f => Outcome::Failed,
            _ => Outcome::GivenUp,
        }
    }

    /// Whether another report will come.
    pub fn is_final(self) -> bool {
        self.outcome() != Outcome::Trying
    }

    /// In words for a person; nothing for values that are reserved or the centre's own.
    pub fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00 => "received",
            0x01 => "forwarded, and the centre cannot confirm it",
            0x02 => "replaced by the centre",
            0x20 | 0x60 => "congestion",
            0x21 | 0x61 => "recipient busy",
            0x22 | 0x62 => "no answer from the recipient",
            0x23 | 0x63 => "service rejected",
            0x24 | 0x44 | 0x64 => "quality of service not available",
            0x25 | 0x65 => "fault at the recipient",
            0x40 => "remote procedure error",
            0x41 => "not compatible with the recipient",
            0x42 => "connection rejected by the recipient",
            0x43 => "not obtainable",
            0x45 => "no interworking",
            0x46 => "validity period expired",
            0x47 => "deleted by the sender",
            0x48 => "deleted by the centre",
            0x49 => "does not exist",
            _ => return None,
        })
    }
}

/// Why a message was not taken: TP-FCS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Failure(pub u8);

impl Failure {
    /// No room on the SIM.
    pub const SIM_FULL: Failure = Failure(0xd0);
    /// No room.
    pub const MEMORY_FULL: Failure = Failure(0xd3);
    /// Nothing else fits.
    pub const UNSPECIFIED: Failure = Failure(0xff);
}
