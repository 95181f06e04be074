//! Journeys: what happens on the box is told to the rules, and what they want is done by who can.
//!
//! An event is in the journal before anybody is looked up for it, a step before it is carried out. Who it is about is the
//! store's answer, what follows [`crate::journey`]'s.

mod daily;
mod doing;
mod events;
mod lines;
mod sites;

pub(super) use doing::Ruled;
pub(super) use lines::task_name;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::call::country::Class;
use crate::config::Settings;
use crate::context::{Identity, Kind, Who};
use crate::gateway::{Gateway, LookFor, Output};
use crate::hours;
use crate::id::{CallId, ContactId};
use crate::journal::event::Event;
use crate::journal::journey::Journey;
use crate::journal::personal::Personal;
use crate::journal::{State, Token};
use crate::journey::abroad::zones;
use crate::journey::areas;
use crate::journey::{Action, Carriers, Change, Journeys, Key, Passed, Standing, engine};
use crate::sip::endpoint::ClientKey;
use crate::store::context::looking::{Answer, Question, Stands};
use crate::time::{Now, UnixTime, earliest};

/// Look-ups at the store at a time: its thread takes a thousand, and calls that ring need it too.
const MOST_LOOKING: usize = 128;
/// How long after the store could not answer it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Events that wait for the store: hours of a busy branch while it is being made again.
const MOST_HEARD: usize = 10_000;

/// Journeys and what is on its way to them.
#[derive(Debug)]
pub(super) struct Walking {
    machine: Journeys,
    carriers: Carriers,
    /// Who is to be looked up, and for what.
    looks: BTreeMap<u64, Look>,
    next: u64,
    looking: usize,
    /// When the store is asked again.
    again: Option<Instant>,
    /// What the store shows.
    shown: Token,
    /// How people stand whose step is about to be done.
    known: BTreeMap<Key, Stands>,
    /// The last record of theirs.
    last: Token,
    /// Steps whose intention is on its way to the disk.
    due: VecDeque<Due>,
    /// Messages to phones whose record is on its way to the disk, and those that were sent.
    texts: Vec<(Token, doing::Texting)>,
    sent: BTreeMap<ClientKey, Key>,
    /// What is known of calls that are up, for the events at their end.
    facts: BTreeMap<CallId, events::Facts>,
    /// Events that were not taken because too many waited.
    missed: u64,
    /// Events of sites, by kind and whether they were kept.
    counted: BTreeMap<(String, bool), u64>,
    /// Ids of events of sites that were told lately.
    told: BTreeSet<String>,
    /// Rules that begin with the time, and how far whoever has such a date is looked for.
    scans: VecDeque<daily::Scan>,
    /// When that goes on, where it waits.
    scan_again: Option<Instant>,
}

#[derive(Debug)]
struct Look {
    /// When the store shows this record.
    after: Token,
    who: Who,
    what: For,
    asked: bool,
}

/// What somebody is looked up for.
#[derive(Debug, Clone)]
enum For {
    /// An event that was heard.
    Event(String),
    /// A step.
    Step(Key),
    /// Whoever follows the feed: something happened at a site.
    Feed(Box<crate::journal::site::Site>),
}

/// A step to be done.
#[derive(Debug)]
struct Due {
    token: Token,
    since: UnixTime,
    key: Key,
    rule: String,
    person: ContactId,
    action: Action,
}

impl Walking {
    pub fn new(settings: &Settings) -> Walking {
        // The site's zone was checked with its section.
        let zone = hours::zone(&settings.site.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        Walking {
            machine: Journeys::new(settings.journeys.clone(), zone),
            carriers: settings.messages.carriers(),
            looks: BTreeMap::new(),
            next: 0,
            looking: 0,
            again: None,
            shown: Token(0),
            known: BTreeMap::new(),
            last: Token(0),
            due: VecDeque::new(),
            texts: Vec::new(),
            sent: BTreeMap::new(),
            facts: BTreeMap::new(),
            missed: 0,
            counted: BTreeMap::new(),
            told: BTreeSet::new(),
            scans: VecDeque::new(),
            scan_again: None,
        }
    }

    pub fn deadline(&self, now: Now) -> Option<Instant> {
        earliest(self.machine.deadline(now), earliest(self.again, self.scan_again))
    }

    pub fn poll_output(&mut self) -> Option<engine::Output> {
        self.machine.poll_output()
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.looks.is_empty()
            && self.due.is_empty()
            && self.facts.is_empty()
            && self.scans.is_empty()
    }
}

/// What the machine says.
impl Gateway {
    /// Takes up what ran before a restart.
    pub(super) fn restore_journeys(&mut self, now: Now) {
        let live = &self.journal.live();
        self.journeys.told = live.told.ids().cloned().collect();
        let kept = live.journeys.kept.clone();
        let heard: Vec<_> = live
            .journeys
            .heard
            .iter()
            .filter_map(|(id, heard)| Some((id.clone(), self.who_of(heard.person, &heard.to)?)))
            .collect();
        // The store may not know yet what was in the journal.
        let after = self.journal.stored();
        for (id, who) in heard {
            self.look_for_journey(after, who, For::Event(id));
        }
        self.journeys.machine.restore(now, kept);
    }

    fn who_of(&self, person: Option<ContactId>, to: &Option<Identity<Personal>>) -> Option<Who> {
        let by_identity = || {
            let to = to.as_ref()?;
            Some(Who::Identity(to.kind, self.journal.keys().read(&to.value)?))
        };
        person.map(Who::Contact).or_else(by_identity)
    }

    pub(super) fn journeys_time_out(&mut self, now: Now) {
        self.journeys.machine.handle_timeout(now);
        if self.journeys.scan_again.take_if(|at| *at <= now.instant).is_some() {
            self.scan_on();
        }
        if self.journeys.again.is_some_and(|at| at <= now.instant) {
            self.journeys.again = None;
            self.look_on();
        }
    }

    pub(super) fn journeys_say(&mut self, now: Now, output: engine::Output) {
        self.journeys_say_with(now, output, None);
    }

    fn journeys_say_with(
        &mut self,
        now: Now,
        output: engine::Output,
        to: Option<&Identity<Personal>>,
    ) {
        match output {
            engine::Output::Record(change) => {
                if let Change::Ended { journey, why } = &change {
                    tracing::info!(%journey, %why, "a journey is over");
                }
                let to = to.filter(|_| matches!(change, Change::Began { .. })).cloned();
                self.journeys.last = self
                    .keep(now, Event::Journey(Journey { change, to, act: None, message: None }));
            }
            engine::Output::Begin { rule, at, dated } => self.begin_with_time(now, rule, at, dated),
            engine::Output::Look { key, person } => {
                // Whatever was written of them lately is to be seen.
                let after = self.orders.written(person);
                self.look_for_journey(after, Who::Contact(person), For::Step(key));
            }
            engine::Output::Do { key, rule, person, action } => {
                let token = self.journeys.last;
                let due = Due { token, since: now.unix, key, rule, person, action };
                self.journeys.due.push_back(due);
            }
        }
    }
}

/// Looking people up.
impl Gateway {
    fn look_for_journey(&mut self, after: Token, who: Who, what: For) {
        let walking = &mut self.journeys;
        walking.next += 1;
        walking.looks.insert(walking.next, Look { after, who, what, asked: false });
        self.look_on();
    }

    /// Asks for as many as may be asked for at a time.
    fn look_on(&mut self) {
        let walking = &mut self.journeys;
        if walking.again.is_some() {
            return;
        }
        let shown = walking.shown;
        let ready = walking.looks.iter_mut().filter(|(_, look)| !look.asked && look.after <= shown);
        for (id, look) in ready {
            if walking.looking >= MOST_LOOKING {
                return;
            }
            walking.looking += 1;
            look.asked = true;
            let question = Question::Stands(look.who.clone());
            self.outputs.push_back(Output::Look { to: LookFor::Journey(*id), question });
        }
    }

    /// The store shows the journal up to here.
    pub(super) fn journeys_are_shown(&mut self, position: Token) {
        self.journeys.shown = self.journeys.shown.max(position);
        // The store is there.
        self.journeys.again = None;
        self.look_on();
    }

    pub(super) fn journey_looked_up(&mut self, now: Now, id: u64, answer: Answer) {
        self.journeys.looking = self.journeys.looking.saturating_sub(1);
        let Answer::Stands(stands) = answer else {
            if let Some(look) = self.journeys.looks.get_mut(&id) {
                look.asked = false;
            }
            self.journeys.again.get_or_insert(now.instant + ASK_AGAIN);
            return;
        };
        if let Some(look) = self.journeys.looks.remove(&id) {
            match look.what {
                For::Event(event) => self.take_event(now, event, stands.map(|stands| *stands)),
                For::Step(key) if self.is_over(key, stands.as_deref()) => {
                    self.journeys.machine.handle_case_over(now, key);
                }
                For::Step(key) => {
                    let standing = stands.as_ref().map(|stands| self.person_stands(stands));
                    if let Some(stands) = stands {
                        self.journeys.known.insert(key, *stands);
                    }
                    self.journeys.machine.handle_standing(now, key, standing);
                    // What is not done at once is looked up again when it is.
                    if !self.journeys.machine.is_asked(key) {
                        self.journeys.known.remove(&key);
                    }
                }
                For::Feed(site) => self.tell_site_event(stands.map(|stands| stands.contact), &site),
            }
        }
        self.look_on();
    }

    /// Whether a step is about a case of theirs that is not open any more.
    fn is_over(&self, key: Key, stands: Option<&Stands>) -> bool {
        let case = self.journeys.machine.case_of(key).zip(stands);
        case.is_some_and(|(case, stands)| !stands.open_cases.contains(&case))
    }

    /// It is known whom an event is about: rules are told.
    fn take_event(&mut self, now: Now, id: String, stands: Option<Stands>) {
        let Some(heard) = self.journal.live().journeys.heard.get(&id).cloned() else { return };
        let why = match stands {
            None => Passed::Nobody,
            Some(stands) => {
                let event = crate::journey::Event {
                    id: id.clone(),
                    kind: heard.kind,
                    person: stands.contact,
                    attributes: heard.attributes,
                    standing: self.person_stands(&stands),
                };
                let passed = self.journeys.machine.handle_event(now, &event);
                // What began is in the journal before the event is crossed off.
                while let Some(output) = self.journeys.poll_output() {
                    self.journeys_say_with(now, output, heard.to.as_ref());
                }
                passed
            }
        };
        if why == Passed::Full {
            tracing::warn!("as many journeys run as may: an event begins none");
        }
        self.keep(now, Event::Journey(Change::Passed { id, why }.into()));
    }
}

/// The journal's thread has said something.
impl Gateway {
    pub(super) fn journeys_are_stored(&mut self, now: Now) {
        if self.journal.state() != State::Healthy {
            return;
        }
        // What was kept while the disk failed is in the checkpoint of the segment after.
        let stored = |journal: &crate::journal::Journal, token| {
            token == Token(u64::MAX) || journal.is_stored(token)
        };
        while self.journeys.due.front().is_some_and(|due| stored(&self.journal, due.token)) {
            if let Some(due) = self.journeys.due.pop_front() {
                self.carry_out_step(now, due);
            }
        }
        let ready = self.journeys.texts.extract_if(.., |(token, _)| stored(&self.journal, *token));
        for (_, texting) in ready.collect::<Vec<_>>() {
            self.send_text(now, texting);
        }
        let (shown, upto) = (self.journeys.shown, self.journal.stored());
        let wants = |look: &Look| {
            let soon = !matches!(look.what, For::Feed(_));
            soon && !look.asked && look.after > shown && look.after <= upto
        };
        if self.journeys.looks.values().any(wants) {
            self.outputs.push_back(Output::Project);
        }
    }
}

impl Gateway {
    /// The zones that somebody may be in: as was said, else as their numbers tell, else the site's.
    pub(super) fn zones_of(&self, stands: &Stands) -> Vec<String> {
        let Standing { zone, abroad, .. } = self.person_stands(stands);
        match (zone, abroad.is_empty()) {
            (Some(zone), _) if hours::zone(&zone).is_some() => vec![zone],
            (_, false) => abroad,
            (_, true) => vec![self.settings.site.time_zone.clone()],
        }
    }

    /// How somebody stands, as far as rules ask. Whoever has a number of the site's own country is there, if nobody has said
    /// otherwise: in its area where that has a clock of its own, else with the site.
    fn person_stands(&self, stands: &Stands) -> Standing {
        let phones = stands.identities.iter().filter(|one| one.kind == Kind::Phone);
        let phones: Vec<_> = phones.map(|one| one.value.as_str()).collect();
        let country = self.settings.site.country;
        let abroad = |number: &&str| country.class(number) == Class::International;
        let mut all = BTreeSet::new();
        for number in phones.iter().filter(|number| !abroad(number)) {
            match areas::zones(number) {
                [] => _ = all.insert(self.settings.site.time_zone.clone()),
                area => all.extend(area.iter().map(|zone| (*zone).to_owned())),
            }
        }
        if all.is_empty() {
            let first = phones.first().map(|number| zones(number)).unwrap_or_default();
            all.extend(first.iter().map(|zone| (*zone).to_owned()));
        }
        Standing { abroad: all.into_iter().collect(), ..said(stands) }
    }
}

/// What was said of somebody, as far as rules ask.
fn said(stands: &Stands) -> Standing {
    let of = |wanted: bool| {
        let said = stands.consents.iter().filter(move |(_, given)| **given == wanted);
        said.map(|((channel, purpose), _)| format!("{channel}/{purpose}")).collect()
    };
    Standing {
        zone: stands.zone.clone(),
        abroad: Vec::new(),
        consents: of(true),
        refused: of(false),
        open_case: !stands.open_cases.is_empty(),
    }
}
