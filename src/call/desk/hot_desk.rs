//! Hot desks: somebody makes a phone theirs with extension and PIN, until they sign off.
//!
//! Owns who is signed in where, the dialogue in which a PIN is keyed in, and how often it may be tried. A phone that is
//! somebody else's keeps its own number too: whoever calls for help from it is called back there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::call::conference::Pin;
use crate::id::{CallId, ExtensionId};
use crate::time::{Now, TimerId, Timers};

/// PINs that one call may try.
const MOST_TRIES: u32 = 3;
/// Wrong PINs in a row after which nobody can sign in as that extension for a time.
const MOST_WRONG: u32 = 5;
/// How long that is the first time; twice as long after each further wrong PIN.
const SHUT_FOR: Duration = Duration::from_secs(5 * 60);
/// After a wrong PIN, what is keyed in sooner is not even looked at: a machine gains nothing by being quick.
const DELAY: Duration = Duration::from_secs(3);
/// How long a caller may take over all.
const PATIENCE: Duration = Duration::from_secs(60);
/// Keys of one entry: longer than any PIN.
const LONGEST_ENTRY: usize = 16;

/// How a dialogue goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// That was wrong: ask again.
    Again,
    /// That was wrong once too often, or took too long.
    Refused,
    /// Somebody is signed in now.
    SignedIn {
        /// At this phone.
        phone: ExtensionId,
        /// Who.
        person: ExtensionId,
        /// Where they were signed in until now, if they were.
        left: Option<ExtensionId>,
    },
}

#[derive(Debug)]
struct Dialogue {
    phone: ExtensionId,
    person: ExtensionId,
    keyed: String,
    tries: u32,
    not_before: Instant,
    patience: TimerId,
}

#[derive(Debug, Default)]
struct Wrong {
    times: u32,
    shut_until: Option<Instant>,
}

/// Every hot desk.
#[derive(Debug, Default)]
pub struct HotDesks {
    pins: BTreeMap<ExtensionId, Pin>,
    /// Who is signed in, by phone.
    people: BTreeMap<ExtensionId, ExtensionId>,
    wrong: BTreeMap<ExtensionId, Wrong>,
    dialogues: BTreeMap<CallId, Dialogue>,
    timers: Timers<CallId>,
    /// Wrong PINs since the start.
    pub wrong_pins: u64,
}

impl HotDesks {
    /// Nobody is signed in yet.
    pub fn new(pins: BTreeMap<ExtensionId, Pin>) -> Self {
        HotDesks { pins, ..HotDesks::default() }
    }

    /// Other PINs count from now on; who is signed in stays so.
    pub fn handle_pins(&mut self, pins: BTreeMap<ExtensionId, Pin>) {
        self.pins = pins;
    }

    /// Who was signed in before a restart.
    pub fn restore(&mut self, phone: ExtensionId, person: ExtensionId) {
        self.people.insert(phone, person);
    }

    /// Whose calls a phone makes.
    pub fn person_at<'a>(&'a self, phone: &'a ExtensionId) -> &'a ExtensionId {
        self.people.get(phone).unwrap_or(phone)
    }

    /// Phones besides their own at which somebody is signed in.
    pub fn phones_of<'a>(
        &'a self,
        person: &'a ExtensionId,
    ) -> impl Iterator<Item = &'a ExtensionId> {
        self.people.iter().filter(move |(_, at)| *at == person).map(|(phone, _)| phone)
    }

    /// A caller at `phone` wants to sign in as `person`, who need not exist: that is told to nobody without the PIN.
    pub fn begin(&mut self, now: Now, call: CallId, phone: ExtensionId, person: ExtensionId) {
        let patience = self.timers.set(now.instant + PATIENCE, call);
        let (keyed, not_before) = (String::new(), now.instant);
        let dialogue = Dialogue { phone, person, keyed, tries: 0, not_before, patience };
        self.dialogues.insert(call, dialogue);
    }

    /// Whether the caller of `call` is asked for a PIN.
    pub fn is_asking(&self, call: CallId) -> bool {
        self.dialogues.contains_key(&call)
    }

    /// A key was pressed. Answers how it goes on once a PIN is complete.
    pub fn handle_key(&mut self, now: Now, call: CallId, key: char) -> Option<Step> {
        let dialogue = self.dialogues.get_mut(&call)?;
        if key != '#' {
            dialogue.keyed.push(key);
            if dialogue.keyed.len() < LONGEST_ENTRY {
                return None;
            }
        }
        let keyed = std::mem::take(&mut dialogue.keyed);
        let (person, early) = (dialogue.person.clone(), now.instant < dialogue.not_before);
        dialogue.tries += 1;
        dialogue.not_before = now.instant + DELAY;
        let tries = dialogue.tries;
        if !early && self.is_right(now, &person, &keyed) {
            return self.sign_in(call);
        }
        self.wrong_pins += 1;
        if tries < MOST_TRIES {
            return Some(Step::Again);
        }
        self.handle_call_ended(call);
        Some(Step::Refused)
    }

    fn is_right(&mut self, now: Now, person: &ExtensionId, keyed: &str) -> bool {
        let Some(pin) = self.pins.get(person) else { return false };
        let wrong = self.wrong.entry(person.clone()).or_default();
        if wrong.shut_until.is_some_and(|until| now.instant < until) {
            return false;
        }
        if pin.is(keyed) {
            self.wrong.remove(person);
            return true;
        }
        wrong.times += 1;
        if wrong.times >= MOST_WRONG {
            // Sixteen doublings are half a year.
            let doublings = (wrong.times - MOST_WRONG).min(16);
            wrong.shut_until = Some(now.instant + SHUT_FOR * 2u32.pow(doublings));
        }
        false
    }

    fn sign_in(&mut self, call: CallId) -> Option<Step> {
        let Dialogue { phone, person, patience, .. } = self.dialogues.remove(&call)?;
        self.timers.cancel(patience);
        let left = self.phones_of(&person).find(|other| **other != phone).cloned();
        if let Some(left) = &left {
            self.people.remove(left);
        }
        // Who signs in at their own phone only makes it theirs again.
        match phone == person {
            true => self.people.remove(&phone),
            false => self.people.insert(phone.clone(), person.clone()),
        };
        Some(Step::SignedIn { phone, person, left })
    }

    /// A phone is its own again. Answers whether it was somebody else's.
    pub fn handle_sign_off(&mut self, phone: &ExtensionId) -> bool {
        self.people.remove(phone).is_some()
    }

    /// The call is over; so is its dialogue.
    pub fn handle_call_ended(&mut self, call: CallId) {
        if let Some(dialogue) = self.dialogues.remove(&call) {
            self.timers.cancel(dialogue.patience);
        }
    }

    /// A caller who took too long.
    pub fn pop_timeout(&mut self, now: Now) -> Option<CallId> {
        let call = self.timers.pop_due(now.instant)?;
        self.dialogues.remove(&call);
        Some(call)
    }

    /// When the next caller has taken too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn ext(name: &str) -> ExtensionId {
        name.into()
    }

    struct Bench {
        desks: HotDesks,
        now: Now,
    }

    impl Bench {
        fn new() -> Bench {
            let pins = BTreeMap::from([(ext("201"), Pin::new("4711").unwrap())]);
            let now = Now { instant: Instant::now(), unix: UnixTime(0) };
            Bench { desks: HotDesks::new(pins), now }
        }

        fn keys(&mut self, call: u64, keys: &str) -> Option<Step> {
            self.now = self.now.after(Duration::from_secs(4));
            let (now, call) = (self.now, CallId(call));
            keys.chars().filter_map(|key| self.desks.handle_key(now, call, key)).last()
        }

        fn begin(&mut self, call: u64, phone: &str, person: &str) {
            self.desks.begin(self.now, CallId(call), ext(phone), ext(person));
        }
    }

    fn signed_in(phone: &str, left: Option<&str>) -> Option<Step> {
        Some(Step::SignedIn { phone: ext(phone), person: ext("201"), left: left.map(ext) })
    }

    #[test]
    fn a_phone_is_somebodys_until_they_sign_off_or_go_to_another() {
        let mut bench = Bench::new();
        bench.begin(1, "202", "201");
        assert_eq!(bench.keys(1, "4711#"), signed_in("202", None));
        assert_eq!(bench.desks.person_at(&ext("202")), &ext("201"));
        bench.begin(2, "203", "201");
        assert_eq!(bench.keys(2, "4711#"), signed_in("203", Some("202")));
        assert_eq!(bench.desks.person_at(&ext("202")), &ext("202"));
        assert_eq!(bench.desks.phones_of(&ext("201")).collect::<Vec<_>>(), [&ext("203")]);
        // Back at the own desk.
        bench.begin(3, "201", "201");
        assert_eq!(bench.keys(3, "4711#"), signed_in("201", Some("203")));
        assert_eq!(bench.desks.phones_of(&ext("201")).count(), 0);
        assert!(!bench.desks.handle_sign_off(&ext("203")));
        assert!(bench.desks.deadline().is_none() && bench.desks.dialogues.is_empty());
    }

    #[test]
    fn a_call_has_three_tries_and_an_extension_five_before_it_is_shut() {
        let mut bench = Bench::new();
        bench.begin(1, "202", "201");
        assert_eq!(bench.keys(1, "0000#"), Some(Step::Again));
        assert_eq!(bench.keys(1, "0001#"), Some(Step::Again));
        assert_eq!(bench.keys(1, "0002#"), Some(Step::Refused));
        assert_eq!(bench.keys(1, "4711#"), None, "the call is over");
        bench.begin(2, "202", "201");
        bench.keys(2, "0003#");
        bench.keys(2, "0004#");
        assert_eq!(bench.keys(2, "4711#"), Some(Step::Refused), "shut, and told to nobody");
        bench.now = bench.now.after(SHUT_FOR);
        bench.begin(3, "202", "201");
        assert_eq!(bench.keys(3, "4711#"), signed_in("202", None));
    }

    #[test]
    fn who_is_quick_or_names_nobody_is_wrong_and_who_is_slow_is_let_go() {
        let mut bench = Bench::new();
        bench.begin(1, "202", "201");
        assert_eq!(bench.keys(1, "0000#4711#"), Some(Step::Again), "no time between the two");
        bench.begin(2, "202", "999");
        assert_eq!(bench.keys(2, "4711#"), Some(Step::Again));
        bench.now = bench.now.after(PATIENCE);
        assert_eq!(bench.desks.pop_timeout(bench.now), Some(CallId(1)));
        assert_eq!(bench.desks.pop_timeout(bench.now), Some(CallId(2)));
        assert!(!format!("{:?}", bench.desks).contains("4711"));
    }
}
