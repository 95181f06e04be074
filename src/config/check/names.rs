//! What things are called in the file, read once: thousands of references ask for the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Step::{At, Key};
use crate::config::document::Document;
use crate::config::settings::Settings;

/// What is referred to by name, and the key that says the name.
const SECTIONS: [(&str, &str); 10] = [
    ("extension", "number"),
    ("trunk", "name"),
    ("queue", "name"),
    ("agent", "id"),
    ("group", "name"),
    ("schedule", "name"),
    ("conference", "name"),
    ("calendar", "name"),
    ("location", "name"),
    ("webhook", "name"),
];

/// The names of one kind of thing.
#[derive(Debug, Default)]
pub(super) struct Names<'c> {
    /// As they stand in the file, one below the other.
    pub all: Vec<&'c str>,
    sorted: BTreeSet<&'c str>,
}

impl<'c> Names<'c> {
    fn of(all: Vec<&'c str>) -> Rc<Names<'c>> {
        let sorted = all.iter().copied().collect();
        Rc::new(Names { all, sorted })
    }

    /// Whether something is called so.
    pub fn has(&self, name: &str) -> bool {
        self.sorted.contains(name)
    }
}

/// Names by the kind of thing.
pub(super) type AllNames<'c> = BTreeMap<&'static str, Rc<Names<'c>>>;

/// All of them, also those of elements that could not be read.
pub(super) fn all<'c>(document: &'c Document<'_>, settings: &'c Settings) -> AllNames<'c> {
    let named = SECTIONS.into_iter().map(|(section, key)| {
        let places = 0..document.len(&[Key(section)]).unwrap_or(0);
        let names = places.filter_map(|i| document.text(&[Key(section), At(i), Key(key)]));
        (section, Names::of(names.collect()))
    });
    let flows = document.keys(&[Key("flow")]).into_iter().map(|(name, _)| name).collect();
    let with = settings.extensions.iter().filter(|extension| extension.voicemail.is_some());
    let mailboxes = with.map(|extension| extension.number.as_str()).collect();
    named.chain([("flow", Names::of(flows)), ("mailbox", Names::of(mailboxes))]).collect()
}
