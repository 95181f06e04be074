//! Every sound there is, decoded: what a flow or a queue names becomes what a media thread plays.

use std::collections::{BTreeMap, BTreeSet};

use crate::ivr::{ClipName, prompts};
use crate::media::Clip;
use crate::media::wav::{self, BadWav};

/// Sounds by name.
#[derive(Debug, Clone, Default)]
pub struct Prompts(BTreeMap<ClipName, Clip>);

impl Prompts {
    /// The built-in sounds.
    pub fn builtin() -> Self {
        let decoded =
            |(name, file): (&str, &[u8])| Some((ClipName::from(name), wav::read(file).ok()?));
        Prompts(prompts::builtin().filter_map(decoded).collect())
    }

    /// Adds a site's own sound, in place of a built-in one of the same name.
    pub fn add(&mut self, name: &str, file: &[u8]) -> Result<(), BadWav> {
        self.0.insert(ClipName::from(name), wav::read(file)?);
        Ok(())
    }

    /// Their names.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().map(ToString::to_string).collect()
    }

    /// The sounds of these names. One that does not exist, which the checks do not let happen, is silence.
    pub fn clips(&self, names: &[ClipName]) -> Vec<Clip> {
        names.iter().filter_map(|name| self.0.get(name).cloned()).collect()
    }

    /// One sound.
    pub fn clip(&self, name: &str) -> Vec<Clip> {
        self.clips(&[ClipName::from(name)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_sound_can_be_decoded() {
        assert_eq!(Prompts::builtin().names().len(), prompts::builtin().count());
        let music = &Prompts::builtin().clip(prompts::HOLD_MUSIC)[0];
        assert!(music.samples().len() > 10 * 8_000, "music of some length");
    }
}
