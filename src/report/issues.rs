//! Issues that stay solved, and people who turn to us again: F8 and F9.
//!
//! Remembers closed issues and the last contact of each person for 30 days, the longest window, and no longer.

use std::collections::{BTreeMap, VecDeque};

use crate::id::WorkId;
use crate::report::counter::Counter::{self, *};
use crate::report::fact::{Case, Person, Place, Topic, What};
use crate::report::sheet::{Counted, Home, Sheet};
use crate::time::UnixTime;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// The windows in days, with what is counted for each: closed and old enough, solved, too young; repeated.
const WINDOWS: [(i64, Counter, Counter, Counter, Counter); 3] = [
    (DAY, Closed1, Solved1, Young1, Repeat1),
    (7 * DAY, Closed7, Solved7, Young7, Repeat7),
    (30 * DAY, Closed30, Solved30, Young30, Repeat30),
];
/// The longest window.
const LONGEST: i64 = 30 * DAY;
/// How much later than a contact it may be said what it was about: the end of the working day, with room to spare.
const GRACE: i64 = DAY;

#[derive(Debug, Default)]
pub(super) struct Issues {
    closed: BTreeMap<(Person, Topic), Vec<Issue>>,
    /// In the order of time.
    closings: VecDeque<(UnixTime, Person, Topic)>,
    last: BTreeMap<Person, UnixTime>,
    lasts: VecDeque<(UnixTime, Person)>,
    /// Contacts of which it may still be said what they were about.
    recent: BTreeMap<WorkId, (UnixTime, Person)>,
    arrivals: VecDeque<(UnixTime, WorkId)>,
}

#[derive(Debug)]
struct Issue {
    case: Case,
    home: Home,
    at: UnixTime,
    /// How much later the same person came again about the same thing.
    again: Option<i64>,
}

impl Issues {
    pub fn handle(&mut self, sheet: &mut Sheet, at: UnixTime, what: &What) {
        self.forget(sheet, at);
        match what {
            What::Inbound { work, person, channel, topic } => {
                let place = Place { channel: Some(*channel), ..Place::default() };
                let home = sheet.home(at, place);
                self.inbound(sheet, at, *work, *person, &home);
                if let (Some(person), Some(topic)) = (person, topic) {
                    self.came_again(at, *person, topic);
                }
            }
            What::About { work, topic } => {
                if let Some((arrived, person)) = self.recent.get(work).copied() {
                    self.came_again(arrived, person, topic);
                }
            }
            What::CaseClosed { case, person, topic, place } => {
                let home = sheet.home(at, place.clone());
                let issue = Issue { case: *case, home, at, again: None };
                self.closed.entry((*person, topic.clone())).or_default().push(issue);
                self.closings.push_back((at, *person, topic.clone()));
            }
            _ => {}
        }
    }

    pub fn finish(&mut self, sheet: &mut Sheet, now: UnixTime) {
        for issue in std::mem::take(&mut self.closed).into_values().flatten() {
            issue.tell(sheet, now);
        }
    }

    fn inbound(
        &mut self,
        sheet: &mut Sheet,
        at: UnixTime,
        work: WorkId,
        person: Option<Person>,
        home: &Home,
    ) {
        let of = Counted::Work(work);
        sheet.count(home, Inbound, of);
        let Some(person) = person else { return sheet.count(home, InboundUnknown, of) };
        let before = self.last.insert(person, at);
        self.lasts.push_back((at, person));
        self.recent.insert(work, (at, person));
        self.arrivals.push_back((at, work));
        for (window, .., repeat) in WINDOWS {
            let again = before.is_some_and(|before| at.0 - before.0 <= window);
            sheet.add(home, repeat, i64::from(again), of);
        }
    }

    /// The first return counts; a later one would be in a longer window only.
    fn came_again(&mut self, at: UnixTime, person: Person, topic: &Topic) {
        let issues = self.closed.get_mut(&(person, topic.clone())).into_iter().flatten();
        for issue in issues.filter(|issue| issue.at < at) {
            let later = at.0 - issue.at.0;
            issue.again = Some(issue.again.map_or(later, |before| before.min(later)));
        }
    }

    /// Lets go of what is older than any window.
    fn forget(&mut self, sheet: &mut Sheet, now: UnixTime) {
        while let Some((at, ..)) = self.closings.front()
            && now.0 - at.0 > LONGEST + GRACE
            && let Some((at, person, topic)) = self.closings.pop_front()
        {
            let key = (person, topic);
            let Some(issues) = self.closed.get_mut(&key) else { continue };
            for issue in issues.extract_if(.., |issue| issue.at <= at) {
                issue.tell(sheet, now);
            }
            if issues.is_empty() {
                self.closed.remove(&key);
            }
        }
        while let Some((at, person)) = self.lasts.front().copied()
            && now.0 - at.0 > LONGEST
        {
            self.lasts.pop_front();
            if self.last.get(&person) == Some(&at) {
                self.last.remove(&person);
            }
        }
        while let Some((at, work)) = self.arrivals.front().copied()
            && now.0 - at.0 > GRACE
        {
            self.arrivals.pop_front();
            self.recent.remove(&work);
        }
    }
}

impl Issue {
    fn tell(&self, sheet: &mut Sheet, now: UnixTime) {
        let of = Counted::Case(self.case);
        for (window, closed, solved, young, _) in WINDOWS {
            if now.0 - self.at.0 <= window {
                sheet.count(&self.home, young, of);
                continue;
            }
            sheet.count(&self.home, closed, of);
            let stayed = self.again.is_none_or(|again| again > window);
            sheet.add(&self.home, solved, i64::from(stayed), of);
        }
    }
}
