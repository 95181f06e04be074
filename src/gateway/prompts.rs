//! Every sound there is, decoded: what a flow or a queue names becomes what a media thread plays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::ivr::{ClipName, prompts};
use crate::media::Clip;
use crate::media::wav::{self, BadWav};

/// Sounds by name.
#[derive(Debug, Clone, Default)]
pub struct Prompts(BTreeMap<ClipName, Sound>);

/// A built-in sound is decoded when it is first played: a site plays few of them, and all of them would cost each start
/// 15 ms and 6 MB.
#[derive(Debug, Clone)]
enum Sound {
    Builtin(&'static [u8], OnceLock<Option<Clip>>),
    Own(Clip),
}

impl Sound {
    fn clip(&self) -> Option<Clip> {
        match self {
            Sound::Builtin(file, decoded) => decoded.get_or_init(|| wav::read(file).ok()).clone(),
            Sound::Own(clip) => Some(clip.clone()),
        }
    }
}

impl Prompts {
    /// The built-in sounds.
    pub fn builtin() -> Self {
        let named = |(name, file): (&str, &'static [u8])| {
            (ClipName::from(name), Sound::Builtin(file, OnceLock::new()))
        };
        Prompts(prompts::builtin().map(named).collect())
    }

    /// Adds a site's own sound, in place of a built-in one of the same name.
    pub fn add(&mut self, name: &str, file: &[u8]) -> Result<(), BadWav> {
        self.0.insert(ClipName::from(name), Sound::Own(wav::read(file)?));
        Ok(())
    }

    /// Their names.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().map(ToString::to_string).collect()
    }

    /// The sounds of these names. One that does not exist, which the checks do not let happen, is silence.
    pub fn clips(&self, names: &[ClipName]) -> Vec<Clip> {
        names.iter().filter_map(|name| self.0.get(name)?.clip()).collect()
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
        let all = Prompts::builtin();
        for (name, _) in prompts::builtin() {
            assert_eq!(all.clip(name).len(), 1, "{name}");
        }
        let music = &all.clip(prompts::HOLD_MUSIC)[0];
        assert!(music.samples().len() > 10 * 8_000, "music of some length");
    }
}
