//! People in a whole branch: the store that looks them up, and what becomes of orders about them.

use super::*;
use crate::context::{Happening, Identity, Kind, Moment, Way};
use crate::journal::record::{Found, decode};
use crate::journal::replay::Entry;
use crate::store::context::looking::{Eyes, Question};
use crate::store::project;
use crate::store::tests::Table;

/// A look-up store that follows the journal when it is asked.
#[derive(Default)]
pub(super) struct Shelf {
    table: Table,
    /// How much of which segment it has read.
    read: (usize, usize),
}

impl World {
    /// Answers a question about people at once.
    pub(super) fn look(&mut self, to: LookFor, question: &Question) {
        self.follow();
        let keys = self.gateway.journal.keys().reading();
        let eyes = Eyes { rows: &self.shelf.table, keys };
        let answer = eyes.answer(self.now.unix, question);
        self.gateway.handle_looked(self.now, to, answer);
    }

    pub(super) fn project(&mut self) {
        self.follow();
        let position = crate::journal::Token(self.shelf.table.meta().position);
        self.gateway.handle_projected(self.now, position);
    }

    fn follow(&mut self) {
        let mut entries = Vec::new();
        let (segment, offset) = self.shelf.read;
        if self.journal.get(segment).is_none_or(|bytes| bytes.len() < offset) {
            // A restart: another journal, and a store that is made again from it.
            self.shelf = Shelf::default();
        }
        let Shelf { table, read: (segment, offset) } = &mut self.shelf;
        while let Some(bytes) = self.journal.get(*segment) {
            while let Found::Record(record) = decode(&bytes[*offset..]) {
                let event = serde_json::from_slice(record.payload).ok();
                entries.push(Entry { seq: record.seq, at: record.at, event });
                *offset += record.bytes.len();
            }
            if *segment + 1 == self.journal.len() {
                break;
            }
            (*segment, *offset) = (*segment + 1, 0);
        }
        let batch = project(table.meta(), &entries, table);
        table.write(batch);
    }
}

#[test]
fn who_has_called_before_is_known_while_it_rings() {
    let mut world = World::of(1, CONFIG, 0);
    for known in [false, true] {
        world.call(0, "+15550100");
        world.seconds(1);
        let calls: Vec<_> = world.gateway.calls.views().iter().map(|call| call.call).collect();
        let [call] = calls[..] else { panic!("{calls:?}") };
        let caller = world.gateway.known_caller(call);
        assert_eq!(caller.map(|caller| caller.last.len()), known.then_some(1));
        world.hang_up(0);
        world.seconds(20);
        assert!(world.gateway.contexts.is_empty(), "a call that is over is forgotten here");
    }
}

#[test]
fn a_call_out_is_remembered_under_the_number_in_full() {
    let mut world = World::of(1, CONFIG, 0);
    world.call(1, "914085551200");
    world.seconds(2);
    world.hang_up(1);
    world.seconds(20);
    world.follow();
    let keys = world.gateway.journal.keys().reading();
    let eyes = Eyes { rows: &world.shelf.table, keys };
    let who = Identity { kind: Kind::Phone, value: "+14085551200".to_owned() };
    let caller = eyes.caller(&who, world.now.unix).expect("whom we called is known");
    let [Moment { what: Happening::Call { way: Way::Out, .. }, .. }] = &caller.last[..] else {
        panic!("{caller:?}")
    };
}
