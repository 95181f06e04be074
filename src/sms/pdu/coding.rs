//! TP-DCS: the alphabet, the class and the waiting lamps of a message (3GPP TS 23.038 clause 4), and TP-PID.

/// A data coding scheme, as it lies in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Coding(pub u8);

/// What the user data is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alphabet {
    /// Septets of the default alphabet, or of the tables that the header names.
    Septets,
    /// Octets for a program.
    Octets,
    /// UCS-2.
    Ucs2,
}

/// Where a message goes in the phone (clause 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Shown at once, not stored ("flash").
    Flash = 0,
    /// Stored in the phone.
    Phone = 1,
    /// Stored on the SIM.
    Sim = 2,
    /// Handed on to what is connected.
    Terminal = 3,
}

/// What waits for the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lamp {
    /// Voicemail.
    Voicemail = 0,
    /// Fax.
    Fax = 1,
    /// Mail.
    Mail = 2,
    /// Something else.
    Other = 3,
}

/// A message that switches a lamp (groups C, D and E).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiting {
    /// Which.
    pub lamp: Lamp,
    /// Whether something waits, or no longer.
    pub on: bool,
    /// Whether the text is worth keeping (groups D and E), or only the lamp (group C).
    pub store: bool,
}

impl Coding {
    /// The default alphabet, no class.
    pub const SEPTETS: Coding = Coding(0x00);
    /// Octets, no class.
    pub const OCTETS: Coding = Coding(0x04);
    /// UCS-2, no class.
    pub const UCS2: Coding = Coding(0x08);

    /// An alphabet, and a class where one is wanted, in the general group.
    pub fn new(alphabet: Alphabet, class: Option<Class>) -> Coding {
        let alphabet = match alphabet {
            Alphabet::Septets => Coding::SEPTETS.0,
            Alphabet::Octets => Coding::OCTETS.0,
            Alphabet::Ucs2 => Coding::UCS2.0,
        };
        Coding(alphabet | class.map_or(0, |class| 0x10 | class as u8))
    }

    /// What the user data is made of. Reserved codings mean the default alphabet (clause 4).
    pub fn alphabet(self) -> Alphabet {
        match (self.0 >> 4, self.0 >> 2 & 3) {
            (0x0..=0x7, 1) => Alphabet::Octets,
            (0x0..=0x7, 2) => Alphabet::Ucs2,
            (0xe, _) => Alphabet::Ucs2,
            (0xf, 1 | 3) => Alphabet::Octets,
            _ => Alphabet::Septets,
        }
    }

    /// Whether the coding is kept for later: it is read as the default alphabet.
    pub fn is_reserved(self) -> bool {
        match self.0 >> 4 {
            0x0..=0x7 => self.0 >> 2 & 3 == 3,
            0x8..=0xb => true,
            0xf => self.0 & 8 != 0,
            _ => false,
        }
    }

    /// Where the message goes, if it says so.
    pub fn class(self) -> Option<Class> {
        let classed = match self.0 >> 4 {
            0x0..=0x7 => self.0 & 0x10 != 0,
            group => group == 0xf,
        };
        classed.then_some(match self.0 & 3 {
            0 => Class::Flash,
            1 => Class::Phone,
            2 => Class::Sim,
            _ => Class::Terminal,
        })
    }

    /// Whether the text is compressed (3GPP TS 23.042), which nobody does and we do not read.
    pub fn is_compressed(self) -> bool {
        matches!(self.0 >> 4, 0x0..=0x7) && self.0 & 0x20 != 0
    }

    /// Whether the phone is to delete it once it was read.
    pub fn deletes_itself(self) -> bool {
        matches!(self.0 >> 4, 0x4..=0x7)
    }

    /// The lamp that it switches.
    pub fn waiting(self) -> Option<Waiting> {
        let store = match self.0 >> 4 {
            0xc => false,
            0xd | 0xe => true,
            _ => return None,
        };
        let lamp = match self.0 & 3 {
            0 => Lamp::Voicemail,
            1 => Lamp::Fax,
            2 => Lamp::Mail,
            _ => Lamp::Other,
        };
        Some(Waiting { lamp, on: self.0 & 8 != 0, store })
    }
}

/// A protocol identifier (3GPP TS 23.040 clause 9.2.3.9), as it lies in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Protocol(pub u8);

impl Protocol {
    /// From person to person.
    pub const PLAIN: Protocol = Protocol(0);

    /// Type 0: to be acknowledged and thrown away, shown to nobody.
    pub fn is_silent(self) -> bool {
        self.0 == 0x40
    }

    /// Replaces the message of this number (1 to 7) from the same sender.
    pub fn replaces(self) -> Option<u8> {
        matches!(self.0, 0x41..=0x47).then_some(self.0 & 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_its_meaning() {
        use Alphabet::{Octets, Septets, Ucs2};
        let alphabets = [
            (0x00, Septets),
            (0x04, Octets),
            (0x08, Ucs2),
            (0x0c, Septets),
            (0x18, Ucs2),
            (0x48, Ucs2),
            (0x84, Septets),
            (0xb8, Septets),
            (0xc8, Septets),
            (0xd8, Septets),
            (0xe8, Ucs2),
            (0xf0, Septets),
            (0xf5, Octets),
        ];
        for (coding, alphabet) in alphabets {
            assert_eq!(Coding(coding).alphabet(), alphabet, "{coding:02x}");
        }
        assert_eq!(Coding(0x10).class(), Some(Class::Flash));
        assert_eq!(Coding(0xf2).class(), Some(Class::Sim));
        assert_eq!((Coding(0x03).class(), Coding(0xc3).class()), (None, None));
        assert!(Coding(0x20).is_compressed() && Coding(0x60).is_compressed());
        assert!(!Coding(0xe0).is_compressed() && !Coding(0xa0).is_compressed());
        assert!(Coding(0x40).deletes_itself() && !Coding(0x00).deletes_itself());
        let mail = Waiting { lamp: Lamp::Mail, on: false, store: true };
        assert_eq!(Coding(0xe2).waiting(), Some(mail));
        assert_eq!(
            Coding(0xc8).waiting().map(|waiting| (waiting.on, waiting.store)),
            Some((true, false))
        );
        assert_eq!(Coding(0xf8).waiting(), None);
    }

    #[test]
    fn what_is_built_says_what_was_asked_for() {
        for alphabet in [Septets, Octets, Ucs2] {
            for class in [None, Some(Class::Flash), Some(Class::Terminal)] {
                let coding = Coding::new(alphabet, class);
                assert_eq!((coding.alphabet(), coding.class()), (alphabet, class));
                assert!(!coding.is_reserved() && !coding.is_compressed());
            }
        }
    }

    use Alphabet::{Octets, Septets, Ucs2};
}
