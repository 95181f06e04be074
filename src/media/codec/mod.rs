//! Codecs that are decoded and coded here. Others are relayed as they are.
//!
//! [`g711`], [`g722`] and [`opus`] know their format alone; [`Decoder`] and [`Encoder`] are what a leg has, whichever it is:
//! samples at 8 kHz, as everywhere in the plane, or at 16 kHz where both ends of a call can make use of it. [`resample`] is
//! between the two.

pub mod g711;
pub mod g722;
pub mod opus;
pub mod resample;

mod coding;

pub use coding::{Decoder, Encoder, Gap};

/// Samples a second of what is coded and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// 8 kHz, the rate of the plane.
    Narrow,
    /// 16 kHz.
    Wide,
}

impl Rate {
    /// Samples a second.
    pub fn hertz(self) -> u32 {
        match self {
            Rate::Narrow => 8_000,
            Rate::Wide => 16_000,
        }
    }

    /// Samples in place of one at 8 kHz.
    pub fn factor(self) -> usize {
        match self {
            Rate::Narrow => 1,
            Rate::Wide => 2,
        }
    }
}
