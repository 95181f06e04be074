//! Parts of long messages put together, in any order and in bounded memory.
//!
//! Each part is answered for itself once it is stored: a sender with a window of one waits for that before it sends the
//! next. So the owner stores parts, gives them here with names of its own, again after a restart, and gets the names back
//! with the whole.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::sms::pdu::Concatenation;
use crate::time::Now;

use super::text::{Content, Script, read};

/// Parts of all messages together that wait for others: 140 octets each, as a rule.
pub const MOST_PARTS: usize = 10_000;
/// How long the first part waits for the last. Carriers try for days, but whoever waits for an answer does not.
pub const PATIENCE: Duration = Duration::from_secs(24 * 3_600);
/// Stands where a part never came.
pub const GAP: &str = "[…]";

/// Whose parts belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Over which link or from which application.
    pub link: String,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
}

type Key = (Origin, crate::sms::pdu::Reference, u8);

#[derive(Debug)]
struct Set<T> {
    due: Instant,
    script: Script,
    parts: BTreeMap<u8, (T, bytes::Bytes)>,
}

/// A message that is together, or that is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined<T> {
    /// Whose it is.
    pub origin: Origin,
    /// The names of its parts, in their order.
    pub parts: Vec<T>,
    /// Its text; nothing for data.
    pub text: Option<String>,
    /// How many parts never came.
    pub missing: usize,
}

/// What waits for other parts.
#[derive(Debug)]
pub struct Joiner<T> {
    sets: BTreeMap<Key, Set<T>>,
    parts: usize,
    outputs: VecDeque<Joined<T>>,
}

impl<T> Default for Joiner<T> {
    fn default() -> Self {
        Joiner { sets: BTreeMap::new(), parts: 0, outputs: VecDeque::new() }
    }
}

impl<T> Joiner<T> {
    /// Takes what came. A message in one part is whole at once; a part that is there already comes back, for its sender
    /// has said it twice. One that is there and says something else is of another message with the same reference: the one
    /// before goes as far as it came.
    pub fn handle_part(
        &mut self,
        now: Now,
        origin: Origin,
        content: Content,
        name: T,
    ) -> Option<T> {
        let Some(part) = content.part.filter(|part| part.total > 1) else {
            let text = content.text();
            self.outputs.push_back(Joined { origin, parts: vec![name], text, missing: 0 });
            return None;
        };
        let key = (origin, part.reference, part.total);
        let there = self.sets.get(&key).and_then(|set| set.parts.get(&part.sequence));
        match there.map(|(_, octets)| *octets == content.octets) {
            Some(true) => return Some(name),
            Some(false) => self.give(&key),
            None => {}
        }
        self.make_room();
        self.insert(now, key, part, content, name);
        None
    }

    /// Gives up what waited too long.
    pub fn handle_timeout(&mut self, now: Now) {
        let due = |(key, set): (&Key, &Set<T>)| (set.due <= now.instant).then(|| key.clone());
        let over: Vec<Key> = self.sets.iter().filter_map(due).collect();
        over.iter().for_each(|key| self.give(key));
    }

    /// When that is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.sets.values().map(|set| set.due).min()
    }

    /// The next message.
    pub fn poll_output(&mut self) -> Option<Joined<T>> {
        self.outputs.pop_front()
    }

    /// Parts that wait for others.
    pub fn waiting(&self) -> usize {
        self.parts
    }

    /// The message that has waited longest goes as far as it came.
    fn make_room(&mut self) {
        if self.parts < MOST_PARTS {
            return;
        }
        let oldest = self.sets.iter().min_by_key(|(_, set)| set.due).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.give(&key);
        }
    }

    fn insert(&mut self, now: Now, key: Key, part: Concatenation, content: Content, name: T) {
        let due = now.instant + PATIENCE;
        let fresh = || Set { due, script: content.script, parts: BTreeMap::new() };
        let set = self.sets.entry(key.clone()).or_insert_with(fresh);
        set.parts.insert(part.sequence, (name, content.octets));
        self.parts += 1;
        if set.parts.len() == usize::from(part.total) {
            self.give(&key);
        }
    }

    fn give(&mut self, key: &Key) {
        let Some(set) = self.sets.remove(key) else { return };
        self.parts -= set.parts.len();
        let missing = usize::from(key.2) - set.parts.len();
        let text = text_of(&set, key.2);
        let parts = set.parts.into_values().map(|(name, _)| name).collect();
        self.outputs.push_back(Joined { origin: key.0.clone(), parts, text, missing });
    }
}

/// Octets are put together before they are read: some cut an emoji or an escape pair in two.
fn text_of<T>(set: &Set<T>, total: u8) -> Option<String> {
    let (mut text, mut run, mut gap) = (String::new(), Vec::new(), false);
    for number in 1..=total {
        match set.parts.get(&number) {
            Some((_, octets)) => {
                run.extend_from_slice(octets);
                gap = false;
            }
            None if !gap => {
                text.push_str(&read(set.script, &std::mem::take(&mut run))?);
                text.push_str(GAP);
                gap = true;
            }
            None => {}
        }
    }
    text.push_str(&read(set.script, &run)?);
    Some(text)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::smpp::pdu::Message;
    use crate::smpp::text::{Cut, Plain, Wording, parts};
    use crate::time::UnixTime;

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(0) }
    }

    fn origin(from: &str) -> Origin {
        Origin { link: "carrier".into(), from: from.into(), to: "15550100".into() }
    }

    fn contents(text: &str, cut: Cut) -> Vec<Content> {
        let parts = parts(text, Wording { cut, ..Wording::default() }, 7).expect("short enough");
        let put =
            |part: crate::smpp::text::Part| Content::of(&part.put(Message::default()), Plain::Gsm);
        parts.into_iter().map(put).collect()
    }

    #[test]
    fn parts_in_any_order_become_one_text_with_the_names_of_all() {
        let text = "naïve 😀 ".repeat(60);
        for cut in [Cut::Header, Cut::WideHeader, Cut::Sar] {
            let mut joiner = Joiner::default();
            let contents = contents(&text, cut);
            let many = contents.len();
            for (name, content) in contents.into_iter().enumerate().rev() {
                assert_eq!(joiner.poll_output(), None);
                assert_eq!(joiner.handle_part(now(), origin("1"), content, name), None);
            }
            let joined = joiner.poll_output().expect("whole");
            assert_eq!((joined.text.as_deref(), joined.missing), (Some(text.as_str()), 0));
            assert_eq!(joined.parts, (0..many).collect::<Vec<_>>());
            assert_eq!(joiner.waiting(), 0);
        }
    }

    #[test]
    fn two_people_with_one_reference_are_not_mixed() {
        let mut joiner = Joiner::default();
        let contents = contents(&"a".repeat(200), Cut::Header);
        for from in ["1", "2"] {
            joiner.handle_part(now(), origin(from), contents[0].clone(), from);
        }
        assert_eq!(joiner.poll_output(), None);
        assert_eq!(joiner.waiting(), 2);
    }

    #[test]
    fn a_part_that_is_said_twice_is_given_back() {
        let mut joiner = Joiner::default();
        let contents = contents(&"a".repeat(200), Cut::Header);
        assert_eq!(joiner.handle_part(now(), origin("1"), contents[0].clone(), "first"), None);
        let again = joiner.handle_part(now(), origin("1"), contents[0].clone(), "second");
        assert_eq!(again, Some("second"));
    }

    #[test]
    fn a_reference_that_is_used_again_too_soon_loses_nothing() {
        let mut joiner = Joiner::default();
        let (one, other) =
            (contents(&"a".repeat(200), Cut::Header), contents(&"b".repeat(200), Cut::Header));
        assert_eq!(joiner.handle_part(now(), origin("1"), one[0].clone(), 1), None);
        assert_eq!(joiner.handle_part(now(), origin("1"), other[0].clone(), 2), None);
        let first = joiner.poll_output().expect("as far as it came");
        assert_eq!((first.parts, first.missing), (vec![1], 1));
        assert_eq!(joiner.handle_part(now(), origin("1"), other[1].clone(), 3), None);
        assert_eq!(joiner.poll_output().expect("whole").text, Some("b".repeat(200)));
    }

    #[test]
    fn a_part_that_never_comes_leaves_a_gap() {
        let mut joiner = Joiner::default();
        let start = now();
        let text = "a".repeat(153) + &"b".repeat(153) + &"c".repeat(10);
        let contents = contents(&text, Cut::Header);
        for at in [0, 2] {
            joiner.handle_part(start, origin("1"), contents[at].clone(), at);
        }
        assert_eq!(joiner.deadline(), Some(start.instant + PATIENCE));
        joiner.handle_timeout(start.after(PATIENCE));
        let joined = joiner.poll_output().expect("given up");
        assert_eq!(joined.text, Some("a".repeat(153) + GAP + &"c".repeat(10)));
        assert_eq!((joined.missing, joined.parts), (1, vec![0, 2]));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut joiner = Joiner::default();
        let start = now();
        let contents = contents(&"a".repeat(200), Cut::Header);
        for name in 0..MOST_PARTS + 1 {
            let at = start.after(Duration::from_millis(name as u64));
            joiner.handle_part(at, origin(&name.to_string()), contents[0].clone(), name);
        }
        assert_eq!(joiner.waiting(), MOST_PARTS);
        assert_eq!(joiner.poll_output().expect("the oldest").parts, [0]);
    }
}
