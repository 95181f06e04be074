//! Self-service that was enough: F10.
//!
//! A session counts as contained once 24 hours have passed in which its person did not come again. Who is not known
//! cannot be seen to come again: such a session is in the raw figure and never in the verified one.

use std::collections::{BTreeMap, VecDeque};

use crate::id::WorkId;
use crate::report::counter::Counter;
use crate::report::fact::{Person, What};
use crate::report::sheet::{Counted, Home, Sheet};
use crate::time::UnixTime;

/// How long nobody may come again: 24 hours, in microseconds.
const QUIET: i64 = 86_400_000_000;

#[derive(Debug, Default)]
pub(super) struct Service {
    sessions: BTreeMap<WorkId, Session>,
    /// Sessions that were left, in the order of time.
    left: VecDeque<(UnixTime, WorkId)>,
    /// Sessions of each person.
    of: BTreeMap<Person, Vec<WorkId>>,
}

#[derive(Debug)]
struct Session {
    home: Home,
    person: Option<Person>,
    goal: bool,
    human: bool,
    opted_out: bool,
    again: bool,
    left: Option<UnixTime>,
}

impl Service {
    pub fn handle(&mut self, sheet: &mut Sheet, at: UnixTime, what: &What) {
        self.forget(sheet, at);
        match what {
            What::SelfService { work, person, place } => {
                self.came_again(*work, *person);
                let home = sheet.home(at, place.clone());
                self.entered(*work, *person, home);
            }
            What::Inbound { work, person, .. } => self.came_again(*work, *person),
            What::Goal { work } => self.change(*work, |session| session.goal = true),
            What::OptedOut { work } => self.change(*work, |session| session.opted_out = true),
            What::ToHuman { work } | What::Queued { work, .. } => {
                self.change(*work, |session| session.human = true);
                self.leave(*work, at);
            }
            What::Left { work } | What::Closed { work } => self.leave(*work, at),
            _ => {}
        }
    }

    pub fn finish(&mut self, sheet: &mut Sheet, now: UnixTime) {
        for (work, session) in std::mem::take(&mut self.sessions) {
            session.tell(sheet, now, work);
        }
    }

    fn entered(&mut self, work: WorkId, person: Option<Person>, home: Home) {
        // Who enters twice in one contact is still in the one session.
        self.sessions.entry(work).or_insert_with(|| {
            if let Some(person) = person {
                self.of.entry(person).or_default().push(work);
            }
            let (goal, human, opted_out, again) = (false, false, false, false);
            Session { home, person, goal, human, opted_out, again, left: None }
        });
    }

    fn came_again(&mut self, work: WorkId, person: Option<Person>) {
        let Some(theirs) = person.and_then(|person| self.of.get(&person)) else { return };
        for other in theirs.iter().filter(|other| **other != work) {
            if let Some(session) = self.sessions.get_mut(other) {
                session.again = true;
            }
        }
    }

    fn change(&mut self, work: WorkId, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(&work).filter(|s| s.left.is_none()) {
            change(session);
        }
    }

    fn leave(&mut self, work: WorkId, at: UnixTime) {
        if let Some(session) = self.sessions.get_mut(&work).filter(|s| s.left.is_none()) {
            session.left = Some(at);
            self.left.push_back((at, work));
        }
    }

    fn forget(&mut self, sheet: &mut Sheet, now: UnixTime) {
        while let Some((at, work)) = self.left.front().copied()
            && now.0 - at.0 > QUIET
        {
            self.left.pop_front();
            let Some(session) = self.sessions.remove(&work) else { continue };
            if let Some(person) = session.person
                && let Some(theirs) = self.of.get_mut(&person)
            {
                theirs.retain(|other| *other != work);
                if theirs.is_empty() {
                    self.of.remove(&person);
                }
            }
            session.tell(sheet, now, work);
        }
    }
}

impl Session {
    fn tell(&self, sheet: &mut Sheet, now: UnixTime, work: WorkId) {
        let of = Counted::Work(work);
        if self.left.is_none_or(|left| now.0 - left.0 <= QUIET) {
            return sheet.count(&self.home, Counter::SessionsYoung, of);
        }
        let verified = self.goal && !self.human && !self.again && self.person.is_some();
        sheet.count(&self.home, Counter::Sessions, of);
        sheet.add(&self.home, Counter::Contained, i64::from(verified), of);
        sheet.add(&self.home, Counter::Untransferred, i64::from(!self.human), of);
        sheet.add(&self.home, Counter::OptedOut, i64::from(self.opted_out), of);
    }
}
