//! Legs that change planes: all parties of a room or a bridge are on one, whichever calls they came in with.
//!
//! The leg goes with its sockets, its counters, its clock and its numbers: the far end notices nothing.

use super::Plane;
use crate::id::LegId;
use crate::media::leg::{Leg, Source};
use crate::media::{Command, Output};
use crate::time::Now;

/// Commands kept for one leg that is on its way; it takes less than a turn of two threads.
const MOST_KEPT: usize = 64;

/// A leg between two planes.
#[derive(Debug)]
pub struct Moving(Box<Leg>);

impl Plane {
    /// A leg that was expected is here; nothing if the other plane did not have it.
    pub fn handle_arrived(&mut self, now: Now, id: LegId, moving: Option<Moving>) {
        if let Some(Moving(leg)) = moving {
            let ends = leg.recorder.as_ref().map(|recorder| recorder.ends);
            self.due.extend(leg.times().into_iter().chain([ends]).flatten().map(|at| (at, id)));
            self.legs.insert(id, *leg);
        }
        for command in self.expected.remove(&id).unwrap_or_default() {
            self.handle_command(now, command);
        }
    }

    pub(super) fn hand_over(&mut self, id: LegId, to: usize) {
        self.unbridge(id);
        self.unmix(id);
        self.stop_tapes_of(id);
        self.stop_tap_of(id);
        let moving = self.legs.remove(&id).map(|mut leg| {
            for at in leg.times().into_iter().flatten() {
                self.due.remove(&(at, id));
            }
            if matches!(leg.source, Source::Partner(_)) {
                leg.hear(Source::Silence);
            }
            Moving(Box::new(leg))
        });
        self.outputs.push_back(Output::HandOver { leg: id, to, moving });
    }

    /// Keeps a command that is for a leg on its way here; answers any other.
    pub(super) fn not_for_expected(&mut self, command: Command) -> Option<Command> {
        if self.expected.is_empty() || matches!(command, Command::Expect { .. }) {
            return Some(command);
        }
        let mut legs = command.legs().into_iter().flatten();
        let awaited = legs.find(|leg| self.expected.contains_key(leg));
        let Some(kept) = awaited.and_then(|leg| self.expected.get_mut(&leg)) else {
            return Some(command);
        };
        if kept.len() < MOST_KEPT {
            kept.push(command);
        }
        None
    }
}

impl Command {
    /// The legs that it is about.
    fn legs(&self) -> [Option<LegId>; 3] {
        match self {
            Command::Bridge { a, b } => [Some(*a), Some(*b), None],
            Command::Tape { left, right, .. } => [Some(*left), Some(*right), None],
            Command::Tap { leg, led, other, .. } => [Some(*leg), Some(*led), Some(*other)],
            Command::Stock(_) | Command::PauseTape { .. } | Command::StopTape { .. } => [None; 3],
            Command::Open { leg, .. }
            | Command::OpenPeer { leg, .. }
            | Command::Pair { leg, .. }
            | Command::Rebind { leg, .. }
            | Command::Configure { leg, .. }
            | Command::Unbridge { leg }
            | Command::Mix { leg, .. }
            | Command::Unmix { leg }
            | Command::Play { leg, .. }
            | Command::Tone { leg, .. }
            | Command::StopPlay { leg }
            | Command::Echo { leg, .. }
            | Command::SendDigits { leg, .. }
            | Command::Record { leg, .. }
            | Command::StopRecord { leg }
            | Command::Expect { leg }
            | Command::Move { leg, .. }
            | Command::Hush { leg, .. }
            | Command::Untap { leg }
            | Command::Look { leg }
            | Command::Close { leg } => [Some(*leg), None, None],
        }
    }
}
