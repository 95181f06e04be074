//! A value that several sites may change while they do not hear of each other.
//!
//! [`Shared`] is a multi-value register: it keeps what was said last, and beside it whatever else was said without knowing
//! of that. Merging is the same in any order, any number of times; nothing is dropped before somebody who has seen it says
//! something else. Shown is the latest by its [`Stamp`]; the others are a conflict, which a person settles by saying what is
//! right.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::stamp::Stamp;

/// What is known of what was said: of each site, up to which stamp.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen(BTreeMap<u64, (i64, u32)>);

impl Seen {
    /// Whether something with this stamp was seen.
    pub fn has(&self, stamp: &Stamp) -> bool {
        self.0.get(&stamp.site).is_some_and(|last| (stamp.wall, stamp.count) <= *last)
    }

    /// Something with this stamp was seen, and all that its site said before.
    pub fn add(&mut self, stamp: &Stamp) {
        let last = self.0.entry(stamp.site).or_insert((stamp.wall, stamp.count));
        *last = (*last).max((stamp.wall, stamp.count));
    }

    fn join(&mut self, other: &Seen) {
        for (site, (wall, count)) in &other.0 {
            self.add(&Stamp { wall: *wall, count: *count, site: *site });
        }
    }
}

/// A value, with whatever else was said at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written<Vec<(Stamp, T)>>")]
pub struct Shared<T> {
    /// By their stamps: what nobody has said anything else after.
    values: BTreeMap<Stamp, T>,
    /// What was seen of this value.
    seen: Seen,
}

/// As it is written: lists, since keys of JSON's objects are texts.
#[derive(Serialize, Deserialize)]
struct Written<V> {
    values: V,
    seen: Vec<Stamp>,
}

impl<T> From<Written<Vec<(Stamp, T)>>> for Shared<T> {
    fn from(written: Written<Vec<(Stamp, T)>>) -> Shared<T> {
        let mut seen = Seen::default();
        // Whatever is there was seen, also where somebody else forgot to say so.
        let values = written.values.iter().map(|(stamp, _)| stamp);
        written.seen.iter().chain(values).for_each(|stamp| seen.add(stamp));
        Shared { values: written.values.into_iter().collect(), seen }
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stamp = |(site, (wall, count)): (&u64, &(i64, u32))| Stamp {
            wall: *wall,
            count: *count,
            site: *site,
        };
        let seen = self.seen.0.iter().map(stamp).collect();
        Written { values: self.values.iter().collect::<Vec<_>>(), seen }.serialize(serializer)
    }
}

/// Nothing was ever said.
impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared { values: BTreeMap::new(), seen: Seen::default() }
    }
}

impl<T> Shared<T> {
    /// The same with its values turned into something else.
    pub fn map<U>(self, mut to: impl FnMut(T) -> U) -> Shared<U> {
        let values = self.values.into_iter().map(|(stamp, value)| (stamp, to(value))).collect();
        Shared { values, seen: self.seen }
    }

    /// All that is there, the latest first.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = (&Stamp, &T)> {
        self.values.iter().rev()
    }

    /// The latest stamp that it tells of, also of what is there no more.
    pub fn latest(&self) -> Option<Stamp> {
        let seen = self.seen.0.iter();
        seen.map(|(site, (wall, count))| Stamp { wall: *wall, count: *count, site: *site }).max()
    }

    /// How many sites have ever said something.
    pub fn sites(&self) -> usize {
        self.seen.0.len()
    }

    /// The numbers of those who have.
    pub fn writers(&self) -> impl Iterator<Item = u64> {
        self.seen.0.keys().copied()
    }

    /// The same without what nobody has said: `upto` says how far each has come, and of whom it knows nothing, nothing is
    /// left.
    pub fn within(mut self, upto: impl Fn(u64) -> Option<(i64, u32)>) -> Shared<T> {
        self.values.retain(|stamp, _| {
            upto(stamp.site).is_some_and(|upto| (stamp.wall, stamp.count) <= upto)
        });
        let seen = std::mem::take(&mut self.seen.0).into_iter();
        let seen = seen.filter_map(|(site, last)| Some((site, last.min(upto(site)?))));
        Shared { values: self.values, seen: Seen(seen.collect()) }
    }

    /// The same without the values that are not wanted; asked for the latest first. They count as seen.
    pub fn filter(mut self, mut wanted: impl FnMut(&Stamp) -> bool) -> Shared<T> {
        let gone: Vec<_> =
            self.values.keys().rev().filter(|stamp| !wanted(stamp)).copied().collect();
        gone.iter().for_each(|stamp| drop(self.values.remove(stamp)));
        self
    }
}

impl<T: Clone + PartialEq> Shared<T> {
    /// What is shown: the latest.
    pub fn value(&self) -> Option<&T> {
        self.values.values().next_back()
    }

    /// When that was said, and where.
    pub fn stamp(&self) -> Option<Stamp> {
        self.values.keys().next_back().copied()
    }

    /// What else was said by those who did not know of it, the latest first.
    pub fn others(&self) -> impl Iterator<Item = (&Stamp, &T)> {
        let shown = self.value();
        self.values.iter().rev().skip(1).filter(move |(_, other)| Some(*other) != shown)
    }

    /// Somebody who sees all that is here says something else.
    pub fn set(&mut self, stamp: Stamp, value: T) {
        self.values.clear();
        self.values.insert(stamp, value);
        self.seen.add(&stamp);
    }

    /// What another site has of it.
    pub fn merge(&mut self, other: &Shared<T>) {
        // What one of both has seen and has no more, somebody has said something else after.
        let stays = |seen: &Seen, values: &BTreeMap<Stamp, T>, stamp: &Stamp| {
            values.contains_key(stamp) || !seen.has(stamp)
        };
        self.values.retain(|stamp, _| stays(&other.seen, &other.values, stamp));
        for (stamp, value) in &other.values {
            if stays(&self.seen, &self.values, stamp) {
                // What is known of a moment nobody says otherwise afterwards.
                self.values.entry(*stamp).or_insert_with(|| value.clone());
            }
        }
        self.seen.join(&other.seen);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::Random;
    use crate::stamp::StampClock;
    use crate::time::UnixTime;

    #[test]
    fn it_is_read_as_it_was_written() {
        let (mut one, mut other) = (Shared::default(), Shared::default());
        let stamp = |wall, site| Stamp { wall, count: 3, site };
        one.set(stamp(1, u64::MAX), Some("a".to_owned()));
        one.set(stamp(2, 2), None);
        other.set(stamp(-5, 3), Some("b".to_owned()));
        one.merge(&other);
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Shared<Option<String>>>(&text).unwrap(), one, "{text}");
        // Whoever leaves out what was seen has seen what is there.
        let text = r#"{"values":[[{"wall":5,"count":0,"site":1},"x"]],"seen":[]}"#;
        let read: Shared<Option<String>> = serde_json::from_str(text).unwrap();
        assert_eq!(read.latest(), Some(Stamp { wall: 5, count: 0, site: 1 }));
        assert_eq!((one.sites(), one.latest()), (3, Some(stamp(2, 2))));
    }

    const TEN_YEARS: i64 = 10 * 365 * 86_400 * 1_000_000;

    struct Site {
        clock: StampClock,
        /// How far its own clock is off, in microseconds.
        off: i64,
        held: Shared<u32>,
    }

    impl Site {
        fn new(number: u64, off: i64) -> Site {
            let clock = StampClock::new(number, Stamp::default());
            Site { clock, off, held: Shared::default() }
        }

        fn set(&mut self, now: i64, value: u32) -> Stamp {
            let stamp = self.clock.stamp(UnixTime(now + self.off));
            self.held.set(stamp, value);
            stamp
        }

        fn hear(&mut self, other: &Shared<u32>) {
            other.values.keys().for_each(|stamp| self.clock.see(*stamp));
            self.held.merge(other);
        }
    }

    #[test]
    fn both_values_are_kept_until_a_person_says_which() {
        let (mut berne, mut basel) = (Site::new(1, 0), Site::new(2, 0));
        berne.set(1, 10);
        basel.hear(&berne.held);
        berne.set(2, 11);
        basel.set(3, 12);
        berne.hear(&basel.held);
        basel.hear(&berne.held);
        assert_eq!(berne.held, basel.held);
        assert_eq!(berne.held.value(), Some(&12));
        assert_eq!(berne.held.others().map(|(_, value)| *value).collect::<Vec<_>>(), [11]);
        berne.set(4, 11);
        basel.hear(&berne.held);
        assert_eq!((basel.held.value(), basel.held.others().count()), (Some(&11), 0));
    }

    /// One schedule: three sites, one of them ten years off, change one value and hear of each other late, twice, in any
    /// order. Answers how many values were settled without a person, which is none.
    fn schedule(seed: u64) {
        let mut random = Random::from_number(seed);
        let mut sites = [Site::new(1, 0), Site::new(2, 0), Site::new(3, 0)];
        let wrong = usize::try_from(random.below(3)).unwrap();
        sites[wrong].off = if random.below(2) == 0 { TEN_YEARS } else { -TEN_YEARS };
        // Copies on their way: they arrive late, more than once, or in another order.
        let mut on_way: Vec<(usize, Shared<u32>)> = Vec::new();
        // What was said and what the one who said it had seen, as a model: what was replaced knowingly.
        let (mut said, mut replaced) = (BTreeSet::new(), BTreeSet::new());
        let mut latest: Option<u32> = None;
        for step in 0..i64::try_from(10 + random.below(60)).unwrap() {
            let site = usize::try_from(random.below(3)).unwrap();
            match random.below(4) {
                0 => {
                    let value = u32::try_from(step).unwrap();
                    replaced.extend(sites[site].held.values.values().copied());
                    sites[site].set(step, value);
                    said.insert(value);
                    latest = Some(value);
                }
                1 => {
                    let copy = sites[site].held.clone();
                    on_way.extend((0..3).filter(|to| *to != site).map(|to| (to, copy.clone())));
                }
                2 if !on_way.is_empty() => {
                    let at = usize::try_from(random.below(on_way.len() as u64)).unwrap();
                    let (to, copy) = on_way[at].clone();
                    // One in three arrives again later.
                    if random.below(3) > 0 {
                        on_way.swap_remove(at);
                    }
                    sites[to].hear(&copy);
                }
                _ => {}
            }
        }
        // The line is back.
        for _ in 0..2 {
            for from in 0..3 {
                let copy = sites[from].held.clone();
                sites.iter_mut().for_each(|site| site.hear(&copy));
            }
        }
        let [one, two, three] = &sites;
        assert_eq!(one.held, two.held, "seed {seed}");
        assert_eq!(two.held, three.held, "seed {seed}");
        let left: BTreeSet<u32> = one.held.values.values().copied().collect();
        let expected: BTreeSet<u32> = said.difference(&replaced).copied().collect();
        assert_eq!(left, expected, "seed {seed}: nothing is dropped but what somebody replaced");
        assert_eq!(latest.is_some(), one.held.value().is_some());
    }

    #[test]
    fn ten_thousand_schedules_converge_and_drop_nothing() {
        (0..10_000).for_each(schedule);
    }
}
