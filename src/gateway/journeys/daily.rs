//! Rules that begin with the time: for nobody in particular at once, for whoever has a date page by page, so that nobody
//! who calls meanwhile waits for the store.

use std::collections::BTreeMap;

use super::{ASK_AGAIN, MOST_HEARD};
use crate::context::Who;
use crate::gateway::{Gateway, LookFor, Output};
use crate::id::ContactId;
use crate::journey::Event;
use crate::journey::daily::{CASE, Matches, NOBODY, kind_of};
use crate::store::context::looking::{Answer, Question};
use crate::time::{Now, UnixTime};

/// Contacts that are looked at at a time: some milliseconds of the store's.
const AT_A_TIME: usize = 500;

/// A rule that is beginning.
#[derive(Debug)]
pub(super) struct Scan {
    rule: String,
    at: UnixTime,
    matches: Matches,
    after: Option<u64>,
}

impl Gateway {
    pub(super) fn begin_with_time(
        &mut self,
        now: Now,
        rule: String,
        at: UnixTime,
        matches: Option<Matches>,
    ) {
        tracing::info!(%rule, moment = %at, "a rule begins with the time");
        if let Some(matches) = matches {
            self.journeys.scans.push_back(Scan { rule, at, matches, after: None });
            if self.journeys.scans.len() == 1 {
                self.scan_on();
            }
            return;
        }
        let event = Event {
            id: name(&rule, at, NOBODY),
            kind: kind_of(&rule),
            person: NOBODY,
            attributes: BTreeMap::new(),
            standing: Default::default(),
        };
        // What began is in the journal before it is said that it has.
        self.journeys.machine.handle_event(now, &event);
        self.journeys.machine.handle_timed(now, &rule, at);
    }

    /// Looks at the next page for the first rule that is beginning.
    pub(super) fn scan_on(&mut self) {
        if let Some(scan) = self.journeys.scans.front() {
            let question = Question::Dated(scan.matches.clone(), scan.after, AT_A_TIME);
            self.outputs.push_back(Output::Look { to: LookFor::Dated, question });
        }
    }

    /// The store says who has such a date.
    pub(in crate::gateway) fn dated_found(&mut self, now: Now, answer: Answer) {
        let Answer::Dated(people, next) = answer else {
            self.journeys.scan_again = Some(now.instant + ASK_AGAIN);
            return;
        };
        let Some(scan) = self.journeys.scans.front() else { return };
        let (rule, at) = (scan.rule.clone(), scan.at);
        for (person, case) in people {
            let (mut id, mut known) = (name(&rule, at, person), BTreeMap::new());
            if let Some(case) = case {
                id = format!("{id}/{case}");
                known.insert(CASE.to_owned(), case.to_string());
            }
            self.hear(now, &kind_of(&rule), id, Who::Contact(person), &known);
        }
        match next {
            Some(next) => {
                self.journeys
                    .scans
                    .front_mut()
                    .into_iter()
                    .for_each(|scan| scan.after = Some(next));
                // Nobody is left out because too many wait to be looked up.
                match self.journal.live().journeys.heard.len() < MOST_HEARD / 2 {
                    true => self.scan_on(),
                    false => self.journeys.scan_again = Some(now.instant + ASK_AGAIN),
                }
            }
            None => {
                self.journeys.scans.pop_front();
                self.journeys.machine.handle_timed(now, &rule, at);
                self.scan_on();
            }
        }
    }
}

/// What a moment is called for one person: begun again after a crash, it begins nothing twice.
fn name(rule: &str, at: UnixTime, person: ContactId) -> String {
    format!("time/{rule}/{}/{person}", at.seconds())
}
