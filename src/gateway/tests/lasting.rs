//! Thousands of calls of every kind, and no table of the box has grown: not by those that this file knows of, nor by those
//! that are added to the box later, for what is measured is the whole box as it would be printed.

use super::*;

/// How much there is of each table of the box, by the machine it is in and its own name: each entry is a line at least.
fn sizes(gateway: &Gateway) -> BTreeMap<String, usize> {
    let mut sizes = BTreeMap::new();
    let (mut machine, mut table) = (String::new(), String::new());
    for line in format!("{gateway:#?}").lines() {
        let words = line.trim_start();
        let name = words.split(':').next().unwrap_or_default().to_owned();
        match line.len() - words.len() {
            4 => (machine, table) = (name, String::new()),
            8 => table = name,
            _ => *sizes.entry(format!("{machine}.{table}")).or_default() += 1,
        }
    }
    sizes
}

impl World {
    /// One of the ways that calls go; every end of a call that parties and the network can bring about is among them.
    fn one_call(&mut self, number: usize) {
        let outside = format!("9555{:04}", number % 50);
        match number % 10 {
            0 => self.call(0, "+15550100"),
            1 => self.call(1, "600"),
            2 => self.call(0, "+19999999"),
            3 => self.call(2, "700"),
            4 => self.call(1, "701"),
            5 => self.call(2, "300"),
            6 | 7 => self.call(3, &outside),
            _ => self.call(0, "+15550101"),
        }
        self.carry_out();
        self.pass(Duration::from_millis(400));
        // Of those that ring some are taken, some refused, and the rest given up.
        for at in 0..self.parties.len() {
            if !number.is_multiple_of(4) {
                self.pick_up(at);
            }
        }
        assert!(self.gateway.legs.is_sound(), "a session of a leg that is gone");
        self.carry_out();
        self.pass(Duration::from_millis(600));
        for at in 0..self.parties.len() {
            while !self.parties[at].up.is_empty() {
                self.hang_up(at);
            }
            self.parties[at].forget();
        }
        self.carry_out();
        self.journal = self.journal.split_off(self.journal.len().saturating_sub(1));
    }

    /// Every timer that a call may have set is over, and what is old has been forgotten.
    fn rest(&mut self) {
        self.finish();
        (1..4).for_each(|at| self.register(at, 3_600));
        self.pass(Duration::from_secs(60));
        // The store has what was kept.
        self.gateway.handle_projected(self.now, self.written);
    }
}

impl Party {
    /// What only scenes look at.
    fn forget(&mut self) {
        self.ended.clear();
        self.called.clear();
        self.hops.clear();
        self.callers.clear();
        self.invites.clear();
        self.received.clear();
    }
}

/// Calls that the box lives through before it is measured, and after.
const FIRST: usize = 300;
const MORE: usize = 3_000;
/// Lines by which a table may differ: a request that is on its way at that moment, slices of a day that calls were paid
/// for in. A table that keeps one line of every fourth call grows by more.
const LITTLE: usize = MORE / 4;

#[test]
fn thousands_of_calls_leave_every_table_as_it_was() {
    let config = format!("{CONFIG}\n[capture]\nmemory_mb = 0\n");
    let mut world = World::of(1, &config, 5);
    (0..FIRST).for_each(|number| world.one_call(number));
    world.rest();
    let before = sizes(&world.gateway);
    (0..MORE).for_each(|number| world.one_call(number));
    world.rest();
    assert!(world.answered > 500 && world.joined > 100, "{} answered", world.answered);
    for (table, size) in sizes(&world.gateway) {
        let before = before.get(&table).copied().unwrap_or_default();
        assert!(size < before + LITTLE, "{table}: {before} lines became {size}");
    }
}

#[test]
fn what_is_remembered_of_calls_keeps_to_its_limit() {
    let config = format!("{CONFIG}\n[capture]\nmemory_mb = 1\n");
    let mut world = World::of(1, &config, 5);
    let mut full = 0;
    for number in 0..600 {
        world.one_call(number);
        let bytes = world.gateway.seen.trace.bytes();
        assert!(bytes <= 1 << 20, "{bytes} bytes");
        full = full.max(bytes);
    }
    assert!(full > 1_000_000, "it never came to its limit: {full} bytes");
    let size = |gateway: &Gateway| sizes(gateway).get("seen.trace").copied().unwrap_or_default();
    let before = size(&world.gateway);
    (600..1_200).for_each(|number| world.one_call(number));
    assert!(size(&world.gateway) < before * 5 / 4, "{before} lines grew");
}
