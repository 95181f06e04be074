//! Where a carrier's servers are: looked up when the box starts, again when an answer's time is over, and kept while the
//! DNS is away.

use std::time::{Duration, Instant};

use super::{Output, State, Target, Trunk, back_off};
use crate::sip::locate::{Answer, Outcome, Place, Question, Search, Wanted};
use crate::time::{Now, earliest};

/// Shortest and longest time after which a name is looked up again, whatever its records say: a carrier that moves is
/// followed within the hour, and one that says 0 does not make us ask all the time.
const SOONEST: Duration = Duration::from_secs(30);
const LATEST: Duration = Duration::from_secs(3_600);
/// How long what was found once stays good while the DNS does not answer: a line that was cut over a long weekend comes
/// back with its trunks, and an address that went to somebody else is not called for ever.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A search that has not ended by then is begun anew: its answer got lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far the look-ups of one server are.
#[derive(Debug, Default)]
pub(super) struct Finding {
    search: Option<Search>,
    /// When it is looked up again.
    due: Option<Instant>,
    /// When it was found last.
    found: Option<Instant>,
    /// Look-ups in a row that found nothing.
    misses: u32,
}

impl Trunk {
    /// Looks up whatever is due. Answers come to [`Self::handle_answer`].
    pub(super) fn look_up(&mut self, now: Now) {
        for place in 0..self.settings.servers.len() {
            if self.findings[place].due.is_none_or(|due| due <= now.instant) {
                self.begin_search(now, place);
            }
        }
        self.ask();
    }

    pub(super) fn look_up_due(&self) -> Option<Instant> {
        self.findings.iter().map(|finding| finding.due).fold(None, earliest)
    }

    fn begin_search(&mut self, now: Now, place: usize) {
        let server = &self.settings.servers[place];
        let wanted = Wanted {
            host: server.host.clone(),
            port: server.port,
            transport: self.settings.transport,
        };
        let finding = &mut self.findings[place];
        if finding.found.is_some_and(|found| now.instant.duration_since(found) > KEEP) {
            finding.found = None;
            self.targets.retain(|target| target.server != place);
            self.registrar = self.registrar.min(self.targets.len().saturating_sub(1));
        }
        finding.search = Some(Search::new(wanted, finding.found.is_some()));
        finding.due = Some(now.instant + PATIENCE);
    }

    /// The DNS answered. Questions that are not this carrier's are ignored. What was found once stays good while the DNS
    /// is away: a WAN cut must not lose the trunk.
    pub fn handle_answer(&mut self, now: Now, question: &Question, answer: &Answer) {
        let first = self.targets.is_empty();
        let mut ended = false;
        for place in 0..self.findings.len() {
            let Some(search) = &mut self.findings[place].search else { continue };
            search.handle_answer(&mut self.random, question, answer);
            if let Some(outcome) = search.outcome().cloned() {
                self.findings[place].search = None;
                self.take(now, place, outcome);
                ended = true;
            }
        }
        self.ask();
        let searching = self.findings.iter().any(|finding| finding.search.is_some());
        self.looked_up |= ended && (!searching || !self.targets.is_empty());
        if ended && self.targets.is_empty() {
            self.state = State::Unresolved;
        } else if ended && first {
            self.begin(now);
        }
    }

    fn ask(&mut self) {
        for search in self.findings.iter_mut().filter_map(|finding| finding.search.as_mut()) {
            while let Some(question) = search.poll_question() {
                self.outputs.push_back(Output::Resolve(question));
            }
        }
    }

    fn take(&mut self, now: Now, place: usize, outcome: Outcome) {
        let finding = &mut self.findings[place];
        let again = match outcome {
            Outcome::Found { places, ttl } => {
                finding.found = Some(now.instant);
                finding.misses = 0;
                self.take_places(place, &places);
                Duration::from_secs(ttl.into()).clamp(SOONEST, LATEST)
            }
            Outcome::Nowhere | Outcome::Failed => {
                finding.misses += 1;
                back_off(&mut self.random, finding.misses - 1)
            }
        };
        self.findings[place].due = Some(now.instant + again);
    }

    /// The places of one server, in the order to try them.
    fn take_places(&mut self, server: usize, places: &[Place]) {
        let before = std::mem::take(&mut self.targets);
        let registrar = before.get(self.registrar).map(|target| target.peer);
        let was = |peer| before.iter().find(|old| old.peer == peer);
        for other in 0..self.settings.servers.len() {
            if other != server {
                self.targets.extend(before.iter().filter(|old| old.server == other).cloned());
                continue;
            }
            self.targets.extend(places.iter().map(|place| Target {
                server,
                transport: place.transport,
                peer: place.peer,
                local: place.local,
                silent: was(place.peer).is_some_and(|old| old.silent),
                heard: was(place.peer).is_some_and(|old| old.heard),
            }));
        }
        let same = self.targets.iter().position(|target| Some(target.peer) == registrar);
        self.registrar = same.unwrap_or(0);
    }
}
