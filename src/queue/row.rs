//! A sorted row that knows how many stand before a place, in runs that are short enough to shift and few enough to count.

/// Keys in a run before it is split: shifting so many costs less than a microsecond, and 10,000 that wait are 40 runs.
const RUN: usize = 512;

/// Keys in their order, each once.
#[derive(Debug)]
pub(super) struct Row<K> {
    /// None is empty.
    runs: Vec<Vec<K>>,
}

impl<K> Default for Row<K> {
    fn default() -> Self {
        Row { runs: Vec::new() }
    }
}

impl<K: Ord + Copy> Row<K> {
    pub fn insert(&mut self, key: K) {
        // Whoever comes goes to the end, nearly always.
        let after = self.runs.partition_point(|run| run.last().is_some_and(|last| *last < key));
        let at = after.min(self.runs.len().saturating_sub(1));
        let Some(run) = self.runs.get_mut(at) else { return self.runs.push(vec![key]) };
        let Err(place) = run.binary_search(&key) else { return };
        run.insert(place, key);
        if run.len() > RUN {
            let rest = run.split_off(RUN / 2);
            self.runs.insert(at + 1, rest);
        }
    }

    pub fn remove(&mut self, key: K) {
        let at = self.runs.partition_point(|run| run.last().is_some_and(|last| *last < key));
        let Some(run) = self.runs.get_mut(at) else { return };
        let Ok(place) = run.binary_search(&key) else { return };
        run.remove(place);
        let left = run.len();
        let next = self.runs.get(at + 1).map_or(RUN, Vec::len);
        if left == 0 {
            self.runs.remove(at);
        } else if left + next <= RUN / 2 {
            let next = self.runs.remove(at + 1);
            self.runs.get_mut(at).into_iter().for_each(|run| run.extend(&next));
        }
    }

    /// How many stand at the front for which it holds; once it does not hold for one it must hold for none behind.
    pub fn before(&self, holds: impl Fn(&K) -> bool) -> usize {
        let whole = self.runs.partition_point(|run| run.last().is_some_and(&holds));
        let sum: usize = self.runs.iter().take(whole).map(Vec::len).sum();
        sum + self.runs.get(whole).map_or(0, |run| run.partition_point(holds))
    }

    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.runs.iter().flatten()
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::Random;

    #[test]
    fn it_is_a_sorted_set_that_counts() {
        let mut random = Random::from_number(7);
        let (mut row, mut reference) = (Row::default(), BTreeSet::new());
        for turn in 0..40_000u64 {
            // Grows, then shrinks to nothing.
            let (key, grows) = (random.below(6_000), turn < 20_000);
            if (random.below(10) < 7) == grows {
                row.insert(key);
                reference.insert(key);
            } else {
                row.remove(key);
                reference.remove(&key);
            }
            if turn % 97 == 0 {
                assert_eq!(row.before(|k| *k < key), reference.range(..key).count());
                assert_eq!(
                    (row.iter().next(), row.is_empty()),
                    (reference.first(), reference.is_empty())
                );
                assert!(row.iter().eq(reference.iter()));
                assert!(row.runs.iter().all(|run| !run.is_empty() && run.len() <= RUN));
            }
        }
        for key in reference {
            row.remove(key);
        }
        assert!(row.is_empty() && row.runs.is_empty());
    }
}
