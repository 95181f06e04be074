//! The reference for the roster: what each agent should be doing.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Out,
    Ready,
    Offered,
    Talking,
    WrapUp,
    Paused,
}

use State::{Offered, Out, Paused, Ready, Talking, WrapUp};

#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub state: State,
    /// What was asked for during a contact.
    pub then: Option<State>,
    pub busy: bool,
    /// Wall clock, in microseconds.
    pub idle_since: i64,
    /// Steady clock, in milliseconds.
    pub wraps_until: i64,
}

impl Person {
    pub fn new() -> Self {
        Person { state: Out, then: None, busy: false, idle_since: 0, wraps_until: 0 }
    }

    /// Goes to `to` now, or after the contact.
    pub fn ask(&mut self, to: State) {
        if matches!(self.state, Talking | WrapUp) { self.then = Some(to) } else { self.state = to }
    }

    pub fn resume(&mut self) {
        if self.state == Paused { self.state = Ready } else { self.then = None }
    }

    pub fn rings(&mut self) {
        assert_eq!(self.state, Ready, "offered to one who is not ready");
        self.state = Offered;
    }

    pub fn release(&mut self, t: i64, wall: i64, wrap_up: i64) {
        self.idle_since = wall;
        self.wraps_until = t + wrap_up * 1000;
        self.state = WrapUp;
        self.time_out(t);
    }

    pub fn wrapped_up(&mut self) {
        self.state = self.then.take().unwrap_or(Ready);
    }

    pub fn time_out(&mut self, t: i64) {
        if self.state == WrapUp && self.wraps_until <= t {
            self.wrapped_up();
        }
    }
}
