//! What each desk phone is set to, and what several of them share: groups, parking places.
//!
//! Owns the settings of the site and what was chosen at the phones themselves by feature code, which stands above them.
//! Does not ring, forward or park anybody: [`Calls`](crate::call::Calls) does, and asks here.

pub mod forward;
pub mod group;
pub mod hot_desk;
pub mod parking;

use std::collections::BTreeMap;

use crate::call::plan::Destination;
use crate::id::{ExtensionId, GroupId, PageId};

pub use forward::{Chosen, Diversion, Forwards, NotAnOnward, Onward, When};
pub use group::{Group, Strategy};
pub use hot_desk::HotDesks;
pub use parking::{Parking, Slot, Slots};

/// Stands for every pickup group in an extension's list.
pub const EVERY_GROUP: &str = "*";

/// What the site says about one phone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phone {
    /// Where its calls go on to.
    pub forwards: Forwards,
    /// Callers find it busy.
    pub do_not_disturb: bool,
    /// Callers find it busy while it is in a call.
    pub no_call_waiting: bool,
    /// Calls at a time; above it callers find it busy. Nothing: no limit here.
    pub most_calls: Option<u32>,
    /// Nobody speaks through its loudspeaker, or hears what is said beside it.
    pub no_intercom: bool,
    /// Its pickup groups; [`EVERY_GROUP`] among them: it may pick up for everybody.
    pub pickup: Vec<String>,
}

/// Everything that the site says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Phones by extension; one that is missing has nothing set.
    pub phones: BTreeMap<ExtensionId, Phone>,
    /// Ring groups.
    pub groups: BTreeMap<GroupId, Group>,
    /// Groups of loudspeakers.
    pub pages: BTreeMap<PageId, Vec<ExtensionId>>,
    /// Parking.
    pub parking: Parking,
}

/// One thing that is chosen at a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Where calls go on to in a case; nothing: nowhere.
    Forward(When, Option<Onward>),
    /// Do not disturb.
    DoNotDisturb(bool),
    /// Call waiting.
    CallWaiting(bool),
}

/// The settings with what was chosen, and how many calls each phone is in.
#[derive(Debug)]
pub(super) struct Desk {
    pub settings: Settings,
    chosen: BTreeMap<ExtensionId, Chosen>,
    /// Calls that each phone is in or is rung for.
    calls: BTreeMap<ExtensionId, u32>,
    /// Where in its list a group that goes round begins next.
    pub turns: BTreeMap<GroupId, usize>,
    pub parked: parking::Lot,
}

impl Desk {
    pub fn new(settings: Settings) -> Desk {
        let parked = parking::Lot::new(settings.parking.slots.clone());
        Desk {
            settings,
            chosen: BTreeMap::new(),
            calls: BTreeMap::new(),
            turns: BTreeMap::new(),
            parked,
        }
    }

    /// Other settings count from now on; what was chosen at the phones stays.
    pub fn handle_settings(&mut self, settings: Settings) {
        self.parked.handle_slots(settings.parking.slots.clone());
        self.settings = settings;
    }

    fn phone(&self, extension: &ExtensionId) -> Option<&Phone> {
        self.settings.phones.get(extension)
    }

    /// Takes up what is chosen at a phone. Answers all that is chosen there now, to be kept.
    pub fn choose(&mut self, extension: &ExtensionId, choice: Choice) -> &Chosen {
        let chosen = self.chosen.entry(extension.clone()).or_default();
        match choice {
            Choice::Forward(when, to) => {
                chosen.forwards.insert(when, to);
            }
            Choice::DoNotDisturb(on) => chosen.do_not_disturb = Some(on),
            Choice::CallWaiting(on) => chosen.call_waiting = Some(on),
        }
        chosen
    }

    /// What was chosen before a restart.
    pub fn restore(&mut self, extension: ExtensionId, chosen: Chosen) {
        self.chosen.insert(extension, chosen);
    }

    /// Where the calls of a phone go on to in a case.
    pub fn forward(&self, extension: &ExtensionId, when: When) -> Option<Onward> {
        match self.chosen.get(extension).and_then(|chosen| chosen.forwards.get(&when)) {
            Some(chosen) => chosen.clone(),
            None => self.phone(extension)?.forwards.get(when).cloned(),
        }
    }

    pub fn is_not_to_be_disturbed(&self, extension: &ExtensionId) -> bool {
        let own = || self.phone(extension).is_some_and(|phone| phone.do_not_disturb);
        self.chosen.get(extension).and_then(|chosen| chosen.do_not_disturb).unwrap_or_else(own)
    }

    fn call_waiting(&self, extension: &ExtensionId) -> bool {
        let own = || self.phone(extension).is_none_or(|phone| !phone.no_call_waiting);
        self.chosen.get(extension).and_then(|chosen| chosen.call_waiting).unwrap_or_else(own)
    }

    /// Whether a phone takes no further call: it is in as many as it may be.
    pub fn is_full(&self, extension: &ExtensionId) -> bool {
        let calls = self.calls.get(extension).copied().unwrap_or(0);
        let most = match self.call_waiting(extension) {
            true => self.phone(extension).and_then(|phone| phone.most_calls).unwrap_or(u32::MAX),
            false => 1,
        };
        calls >= most
    }

    /// Whether a member of a group is passed over: nobody is there to answer, or somebody is and talks already.
    pub fn is_passed_over(&self, extension: &ExtensionId) -> bool {
        self.calls.contains_key(extension)
            || self.is_not_to_be_disturbed(extension)
            || self.forward(extension, When::Always).is_some()
    }

    /// Whether nobody speaks through its loudspeaker now.
    pub fn is_closed_to_speakers(&self, extension: &ExtensionId) -> bool {
        self.is_passed_over(extension)
            || self.phone(extension).is_none_or(|phone| phone.no_intercom)
    }

    /// What is set at a phone, as an admin reads it; numbers are not told.
    pub fn words(&self, extension: &ExtensionId) -> Vec<String> {
        let cases = [
            (When::Always, "forwards every call"),
            (When::Busy, "forwards when busy"),
            (When::NoAnswer, "forwards when not answered"),
            (When::Unregistered, "forwards when not registered"),
        ];
        let forwards = cases.map(|(when, words)| (self.forward(extension, when).is_some(), words));
        let others = [
            (self.is_not_to_be_disturbed(extension), "do not disturb"),
            (!self.call_waiting(extension), "no call waiting"),
        ];
        let all = forwards.into_iter().chain(others);
        all.filter(|(is, _)| *is).map(|(_, words)| words.to_owned()).collect()
    }

    /// Whether `picker` may take calls that ring at `other`.
    pub fn may_pick_up(&self, picker: &ExtensionId, other: &ExtensionId) -> bool {
        let groups = |extension| self.phone(extension).map_or(&[][..], |phone| &phone.pickup);
        let others = groups(other);
        groups(picker).iter().any(|group| group == EVERY_GROUP || others.contains(group))
    }

    /// Whether the two are colleagues in a pickup group by name.
    pub fn share_a_group(&self, picker: &ExtensionId, other: &ExtensionId) -> bool {
        let groups = |extension| self.phone(extension).map_or(&[][..], |phone| &phone.pickup);
        let others = groups(other);
        groups(picker).iter().any(|group| group != EVERY_GROUP && others.contains(group))
    }

    /// A phone has one call more.
    pub fn count_up(&mut self, extension: &ExtensionId) {
        *self.calls.entry(extension.clone()).or_default() += 1;
    }

    /// A phone has one call less.
    pub fn count_down(&mut self, extension: &ExtensionId) {
        if let Some(calls) = self.calls.get_mut(extension) {
            *calls -= 1;
            if *calls == 0 {
                self.calls.remove(extension);
            }
        }
    }
}

/// Where calls are passed on to, as the machine sends them.
pub(super) fn destination(onward: Onward, by: &ExtensionId) -> Destination {
    match onward {
        Onward::Target(target) => target.into(),
        Onward::Number(number) => Destination::Dial { number, by: by.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ext(name: &str) -> ExtensionId {
        name.into()
    }

    fn desk(phone: Phone) -> Desk {
        let phones = BTreeMap::from([(ext("201"), phone)]);
        Desk::new(Settings { phones, ..Settings::default() })
    }

    #[test]
    fn what_is_chosen_at_the_phone_stands_above_the_configuration_both_ways() {
        let onward = |text: &str| Onward::try_from(text.to_owned()).unwrap();
        let forwards = Forwards { busy: Some(onward("203")), ..Forwards::default() };
        let mut desk = desk(Phone { forwards, do_not_disturb: true, ..Phone::default() });
        assert_eq!(desk.forward(&ext("201"), When::Busy), Some(onward("203")));
        desk.choose(&ext("201"), Choice::Forward(When::Busy, None));
        desk.choose(&ext("201"), Choice::DoNotDisturb(false));
        assert_eq!(desk.forward(&ext("201"), When::Busy), None);
        assert!(!desk.is_not_to_be_disturbed(&ext("201")));
        assert!(!desk.is_not_to_be_disturbed(&ext("999")), "a phone without settings");
    }

    #[test]
    fn a_phone_is_full_by_its_own_number_of_calls_or_by_the_first_without_call_waiting() {
        let mut desk = desk(Phone { most_calls: Some(2), ..Phone::default() });
        desk.count_up(&ext("201"));
        assert!(!desk.is_full(&ext("201")));
        desk.choose(&ext("201"), Choice::CallWaiting(false));
        assert!(desk.is_full(&ext("201")));
        desk.choose(&ext("201"), Choice::CallWaiting(true));
        desk.count_up(&ext("201"));
        assert!(desk.is_full(&ext("201")));
        desk.count_down(&ext("201"));
        desk.count_down(&ext("201"));
        assert!(!desk.is_passed_over(&ext("201")));
    }
}
