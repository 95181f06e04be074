//! What `[people]`, `[[disposition]]`, `[[legal_hold]]` and `[retention]` say.

use super::{Check, Step};

use Step::{At, Key};

/// Characters of a name.
const NAME: std::ops::RangeInclusive<usize> = 1..=64;
/// A hundred years.
const DAYS: std::ops::RangeInclusive<u32> = 0..=36_500;

impl Check<'_, '_> {
    pub(super) fn people(&mut self) {
        let settings = self.settings;
        let minutes = 1..=10_080;
        self.within(&[Key("people"), Key("verified_for")], settings.people.verified_for, minutes);
        let retention = &settings.retention;
        self.within(&[Key("retention"), Key("people")], retention.people, DAYS);
        self.within(&[Key("retention"), Key("timeline")], retention.timeline, DAYS);
        self.within(&[Key("retention"), Key("recordings")], retention.recordings, DAYS);
        for (index, disposition) in settings.dispositions.iter().enumerate() {
            let place = self.place("disposition", index);
            self.plain_name(&[Key("disposition"), At(place), Key("code")], &disposition.code);
            for name in &disposition.requires {
                self.plain_name(&[Key("disposition"), At(place), Key("requires")], name);
            }
            let before = settings.dispositions.iter().take(index);
            if before.into_iter().any(|other| other.code == disposition.code) {
                let what = format!("there is a disposition `{}` already", disposition.code);
                self.tell(&[Key("disposition"), At(place), Key("code")], what, "");
            }
        }
        for (index, hold) in settings.legal_holds.iter().enumerate() {
            let place = self.place("legal_hold", index);
            self.plain_name(&[Key("legal_hold"), At(place), Key("tag")], &hold.tag);
            if hold.reason.trim().is_empty() {
                let at = [Key("legal_hold"), At(place), Key("reason")];
                self.tell(&at, "whoever wants to erase is told nothing", "why nothing is erased");
            }
        }
    }

    fn plain_name(&mut self, at: &[Step<'_>], name: &str) {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        if !NAME.contains(&name.len()) || !name.bytes().all(good) {
            let what = format!("`{name}` is not a plain name");
            self.tell(at, what, "1 to 64 small letters, digits, `-`, `_` and `.`");
        }
    }
}
