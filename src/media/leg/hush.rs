//! A leg whose keys are nobody's business, such as a card number's: they come this far and no further.

use super::{Leg, Sound};
use crate::media::mask::Mask;

/// Whether that is so, and what of it still has to pass.
#[derive(Debug, Default)]
pub(super) struct Hush {
    on: bool,
    /// Stays over the sound until no key is held down any more.
    mask: Option<Mask>,
    /// Whether the press that goes on began while it was so: its end is not told either.
    pressing: bool,
}

impl Leg {
    /// Lets nobody know of keys that are pressed here from now on, or everybody again.
    pub fn hush(&mut self, on: bool) {
        self.hush.on = on;
        if on {
            self.hush.mask.get_or_insert_default();
            // Of a key that is held down at this moment nothing more is told.
            self.hush.pressing = true;
        }
    }

    /// Whether keys are taken out of the sound.
    pub fn is_masked(&self) -> bool {
        self.hush.mask.is_some()
    }

    /// Whether a packet of a press goes no further; the first of its press names the `key`.
    pub fn swallows(&mut self, key: Option<char>) -> bool {
        if key.is_some() {
            self.hush.pressing = self.hush.on;
        }
        self.hush.on || self.hush.pressing
    }

    /// What may be heard of sound.
    pub fn masked(&mut self, sound: Sound) -> Sound {
        let over = |mask: &mut Mask| !self.hush.on && mask.is_at_rest();
        self.hush.mask.take_if(over);
        match &mut self.hush.mask {
            Some(mask) => mask.take(sound),
            None => sound,
        }
    }
}
