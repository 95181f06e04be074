//! Pieces of work from the queue to the end of after-work, and the time of agents: F1 to F7 and F14.
//!
//! Everything about a contact is counted in the interval in which it began to wait, as a plan for agents needs it; only
//! the time of agents is counted when it passed. A stay in one queue is one contact of that queue: who is moved to
//! another queue flowed out of the first.

use std::collections::BTreeMap;

use crate::id::{AgentId, QueueId, WorkId};
use crate::report::counter::Counter::{self, *};
use crate::report::fact::{Channel, Fee, Place, State, What};
use crate::report::sheet::{Counted, Home, Sheet};
use crate::report::{By, Settings};
use crate::time::UnixTime;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// All work that is not over, and all agents.
#[derive(Debug, Default)]
pub(super) struct Works {
    settings: Settings,
    /// Targets as they were set by facts.
    targets: BTreeMap<QueueId, i64>,
    open: BTreeMap<WorkId, Work>,
    agents: BTreeMap<AgentId, Agent>,
    /// Facts about work that nobody knows: it began before the facts do.
    pub strays: u64,
}

#[derive(Debug)]
struct Work {
    stay: Stay,
    segments: Vec<Segment>,
    closed: bool,
}

/// One stay in one queue.
#[derive(Debug)]
struct Stay {
    home: Home,
    channel: Channel,
    entered: UnixTime,
    /// The target in force, and today's.
    targets: (i64, i64),
    at: Point,
    /// Whether an agent's contact was begun for it.
    handled: bool,
    /// What was counted when it was answered while it waited, to be taken back if it returns.
    counted: Option<(Home, Vec<(Counter, i64)>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Waiting,
    Promised(UnixTime),
    Answered,
    Gone,
}

/// What one agent had of it.
#[derive(Debug)]
struct Segment {
    agent: AgentId,
    home: Home,
    digital: bool,
    /// Whether it stands for the contact: the first of a stay does, or each one where agents are compared.
    counts: bool,
    began: UnixTime,
    held: i64,
    held_since: Option<UnixTime>,
    over: Option<UnixTime>,
    focus: i64,
}

#[derive(Debug, Default)]
struct Agent {
    ready: bool,
    holding: Vec<WorkId>,
    focus: Option<WorkId>,
    since: UnixTime,
}

impl Works {
    pub fn new(settings: Settings) -> Self {
        Works { settings, ..Works::default() }
    }

    pub fn handle(&mut self, sheet: &mut Sheet, at: UnixTime, what: &What) {
        match what {
            What::Target { queue, seconds } => {
                self.targets.insert(queue.clone(), i64::from(*seconds) * 1_000_000);
            }
            What::Queued { work, queue, channel } => self.queued(sheet, at, *work, queue, *channel),
            What::Answered { work, agent, clock_ms } => {
                self.answered(sheet, at, *work, agent, *clock_ms)
            }
            What::Abandoned { work, clock_ms } => self.gone(sheet, at, *work, Some(*clock_ms)),
            What::FlowedOut { work } => self.gone(sheet, at, *work, None),
            What::Returned { work } => self.returned(sheet, at, *work),
            What::CallbackAccepted { work } => self.promised(sheet, at, *work),
            What::CallbackLost { work } => self.lost(sheet, *work),
            What::Held { work } => self.hold(at, *work, true),
            What::Resumed { work } => self.hold(at, *work, false),
            What::Released { work, agent } => self.released(at, *work, Some(agent)),
            What::Closed { work } => self.closed(sheet, at, *work),
            What::WrappedUp { work, agent } => self.wrapped_up(sheet, at, *work, agent),
            What::Agent { agent, state } => self.agent(sheet, at, agent, *state),
            What::Focus { agent, work } => {
                self.settle(sheet, at, agent);
                self.agents.entry(agent.clone()).or_default().focus = *work;
            }
            What::Cost { work, fee, micros, place } => {
                self.cost(sheet, at, *work, (*fee, *micros), place)
            }
            _ => {}
        }
    }

    /// The facts end at `now`: what is open is told as such.
    pub fn finish(&mut self, sheet: &mut Sheet, now: UnixTime) {
        let agents: Vec<_> = self.agents.keys().cloned().collect();
        for agent in &agents {
            self.settle(sheet, now, agent);
            self.wrap_up_all(sheet, now, agent, false);
        }
        for (id, work) in &self.open {
            let (stay, of) = (&work.stay, Counted::Work(*id));
            if matches!(stay.at, Point::Waiting | Point::Promised(_)) {
                sheet.count(&stay.home, StillWaiting, of);
            }
            if stay.at == Point::Waiting && stay.channel.is_async() {
                let due = now.0 - stay.entered.0 >= self.settings.unanswered;
                sheet.count(&stay.home, if due { AnswerDue } else { AnswerYoung }, of);
                sheet.add(&stay.home, Unanswered, i64::from(due), of);
            }
        }
    }

    fn queued(
        &mut self,
        sheet: &mut Sheet,
        at: UnixTime,
        id: WorkId,
        queue: &QueueId,
        channel: Channel,
    ) {
        let of = Counted::Work(id);
        self.gone(sheet, at, id, None);
        self.released(at, id, None);
        let place = Place { queue: Some(queue.clone()), agent: None, channel: Some(channel) };
        let home = sheet.home(at, place);
        sheet.count(&home, Queued, of);
        let today = self.settings.target(queue);
        let targets = (self.targets.get(queue).copied().unwrap_or(today), today);
        let stay = Stay {
            home,
            channel,
            entered: at,
            targets,
            at: Point::Waiting,
            handled: false,
            counted: None,
        };
        match self.open.get_mut(&id) {
            Some(work) => (work.stay, work.closed) = (stay, false),
            None => {
                self.open.insert(id, Work { stay, segments: Vec::new(), closed: false });
            }
        }
    }

    fn answered(
        &mut self,
        sheet: &mut Sheet,
        at: UnixTime,
        id: WorkId,
        agent: &AgentId,
        clock_ms: Option<u64>,
    ) {
        let by_agent = sheet.by() == By::Agent;
        let unanswered = self.settings.unanswered;
        let Some(work) = self.open.get_mut(&id) else { return self.strays += 1 };
        let (stay, of) = (&mut work.stay, Counted::Work(id));
        let mut home = stay.home.clone();
        home.place.agent = Some(agent.clone());
        match stay.at {
            Point::Waiting => {
                let wait = at.0 - stay.entered.0;
                let clock = clock_ms.map_or(wait, micros);
                let mut counts = vec![
                    (Answered, 1),
                    (Wait, wait),
                    (InTarget, i64::from(clock <= stay.targets.0)),
                    (InTargetToday, i64::from(clock <= stay.targets.1)),
                ];
                if stay.channel.is_async() {
                    counts.extend([(AnswerDue, 1), (Unanswered, i64::from(wait > unanswered))]);
                }
                for (counter, amount) in &counts {
                    sheet.add(&home, *counter, *amount, of);
                }
                stay.counted = Some((home.clone(), counts));
            }
            Point::Promised(accepted) => {
                sheet.count(&home, CallbacksKept, of);
                sheet.add(&home, WaitForPromise, accepted.0 - stay.entered.0, of);
                sheet.add(&home, WaitForCallback, at.0 - accepted.0, of);
            }
            Point::Answered => {}
            Point::Gone => return self.strays += 1,
        }
        stay.at = Point::Answered;
        let counts = by_agent || !stay.handled;
        stay.handled = true;
        let digital = !stay.channel.is_spoken();
        if work.segments.iter().any(|segment| segment.agent == *agent && segment.over.is_none()) {
            return;
        }
        if !digital {
            // Who speaks with the next one has no after-work left of the one before.
            self.wrap_up_all(sheet, at, agent, true);
        }
        self.settle(sheet, at, agent);
        let agents = self.agents.entry(agent.clone()).or_default();
        agents.holding.push(id);
        let segment = Segment {
            agent: agent.clone(),
            home,
            digital,
            counts,
            began: at,
            held: 0,
            held_since: None,
            over: None,
            focus: 0,
        };
        if let Some(work) = self.open.get_mut(&id) {
            work.segments.push(segment);
        }
    }

    /// It was not answered after all: what was counted is taken back, and the agent had no contact of it.
    fn returned(&mut self, sheet: &mut Sheet, at: UnixTime, id: WorkId) {
        let Some(work) = self.open.get_mut(&id) else { return self.strays += 1 };
        let Some((home, counts)) = work.stay.counted.take() else { return };
        for (counter, amount) in counts {
            sheet.add(&home, counter, -amount, Counted::Work(id));
        }
        (work.stay.at, work.stay.handled) = (Point::Waiting, false);
        for segment in std::mem::take(&mut work.segments) {
            self.settle(sheet, at, &segment.agent);
            if let Some(agent) = self.agents.get_mut(&segment.agent) {
                agent.holding.retain(|held| *held != id);
            }
        }
    }

    /// Whoever waited waits no more: gone away, with what the clock of the target said if it is another, or elsewhere.
    fn gone(&mut self, sheet: &mut Sheet, at: UnixTime, id: WorkId, away: Option<Option<u64>>) {
        let short = self.settings.short;
        let Some(work) = self.open.get_mut(&id) else { return };
        let (stay, of) = (&mut work.stay, Counted::Work(id));
        match (stay.at, away) {
            (Point::Waiting, Some(clock_ms)) => {
                let wait = at.0 - stay.entered.0;
                sheet.count(&stay.home, Abandoned, of);
                sheet.add(&stay.home, Short, i64::from(wait < short), of);
                let clock = clock_ms.map_or(wait, micros);
                sheet.add(&stay.home, AbandonedInTarget, i64::from(clock <= stay.targets.0), of);
            }
            (Point::Waiting, None) => sheet.count(&stay.home, FlowedOut, of),
            (Point::Promised(_), _) => sheet.count(&stay.home, CallbacksLost, of),
            (Point::Answered | Point::Gone, _) => return,
        }
        stay.at = Point::Gone;
        self.forget_if_over(id);
    }

    fn promised(&mut self, sheet: &mut Sheet, at: UnixTime, id: WorkId) {
        let Some(work) = self.open.get_mut(&id) else { return self.strays += 1 };
        let (stay, of) = (&mut work.stay, Counted::Work(id));
        if stay.at != Point::Waiting {
            return;
        }
        let soon = at.0 - stay.entered.0 <= stay.targets.0;
        sheet.count(&stay.home, Callbacks, of);
        sheet.add(&stay.home, CallbacksInTarget, i64::from(soon), of);
        stay.at = Point::Promised(at);
    }

    fn lost(&mut self, sheet: &mut Sheet, id: WorkId) {
        let Some(work) = self.open.get_mut(&id) else { return self.strays += 1 };
        if matches!(work.stay.at, Point::Promised(_)) {
            sheet.count(&work.stay.home, CallbacksLost, Counted::Work(id));
            work.stay.at = Point::Gone;
        }
        self.forget_if_over(id);
    }

    fn hold(&mut self, at: UnixTime, id: WorkId, held: bool) {
        let Some(work) = self.open.get_mut(&id) else { return self.strays += 1 };
        for segment in work.segments.iter_mut().filter(|segment| segment.over.is_none()) {
            segment.hold(at, held);
        }
    }

    /// An agent, or everybody, no longer has it.
    fn released(&mut self, at: UnixTime, id: WorkId, agent: Option<&AgentId>) {
        let Some(work) = self.open.get_mut(&id) else { return };
        for segment in work.segments.iter_mut().filter(|segment| segment.over.is_none()) {
            if agent.is_none_or(|agent| segment.agent == *agent) {
                segment.hold(at, false);
                segment.over = Some(at);
            }
        }
    }

    fn closed(&mut self, sheet: &mut Sheet, at: UnixTime, id: WorkId) {
        // Work that is closed while it waits left the queue, and nobody went away.
        if self.open.get(&id).is_some_and(|work| work.stay.at == Point::Waiting) {
            self.gone(sheet, at, id, None);
        }
        self.released(at, id, None);
        if let Some(work) = self.open.get_mut(&id) {
            // A call back that was promised is still owed after the call in which it was.
            work.closed = !matches!(work.stay.at, Point::Promised(_));
        }
        self.forget_if_over(id);
    }

    fn wrapped_up(&mut self, sheet: &mut Sheet, at: UnixTime, id: WorkId, agent: &AgentId) {
        self.settle(sheet, at, agent);
        let Some(work) = self.open.get_mut(&id) else { return };
        let done = |s: &mut Segment| s.agent == *agent && s.over.is_some();
        let done: Vec<_> = work.segments.extract_if(.., done).collect();
        for segment in &done {
            segment.tell(sheet, at, id, &self.settings);
        }
        if !work.segments.iter().any(|segment| segment.agent == *agent)
            && let Some(agent) = self.agents.get_mut(agent)
        {
            agent.holding.retain(|held| *held != id);
        }
        self.forget_if_over(id);
    }

    /// Ends all after-work of an agent; only that of calls, if `spoken`.
    fn wrap_up_all(&mut self, sheet: &mut Sheet, at: UnixTime, agent: &AgentId, spoken: bool) {
        let Some(known) = self.agents.get(agent) else { return };
        for id in known.holding.clone() {
            let over =
                |s: &Segment| s.agent == *agent && s.over.is_some() && !(spoken && s.digital);
            if self.open.get(&id).is_some_and(|work| work.segments.iter().any(over)) {
                self.wrapped_up(sheet, at, id, agent);
            }
        }
    }

    fn agent(&mut self, sheet: &mut Sheet, at: UnixTime, agent: &AgentId, state: State) {
        self.settle(sheet, at, agent);
        if state != State::Engaged {
            self.wrap_up_all(sheet, at, agent, false);
        }
        self.agents.entry(agent.clone()).or_default().ready = state == State::Ready;
    }

    fn cost(
        &mut self,
        sheet: &mut Sheet,
        at: UnixTime,
        id: WorkId,
        (fee, micros): (Fee, i64),
        place: &Place,
    ) {
        let home = match self.open.get(&id) {
            Some(work) => work.segments.last().map_or(&work.stay.home, |s| &s.home).clone(),
            None => sheet.home(at, place.clone()),
        };
        let counter = if fee == Fee::Carrier { CarrierCost } else { MessageCost };
        sheet.add(&home, counter, micros, Counted::Work(id));
    }

    /// Writes down an agent's time up to `at`.
    fn settle(&mut self, sheet: &mut Sheet, at: UnixTime, id: &AgentId) {
        let agent = self.agents.entry(id.clone()).or_default();
        let since = std::mem::replace(&mut agent.since, at);
        let span = at.0 - since.0;
        if span <= 0 || (agent.holding.is_empty() && !agent.ready) {
            return;
        }
        let place = || Place { agent: Some(id.clone()), ..Place::default() };
        for (start, length) in sheet.cut(since, at) {
            let home = sheet.home(start, place());
            if agent.holding.is_empty() {
                sheet.add(&home, Idle, length, Counted::Nothing);
            }
            for (work, part) in shares(&agent.holding, None, length) {
                sheet.add(&home, Occupied, part, Counted::Work(work));
                sheet.add(&home, ContactTime, length, Counted::Work(work));
            }
        }
        for (work, part) in shares(&agent.holding, agent.focus, span) {
            let segments = self.open.get_mut(&work).into_iter().flat_map(|w| &mut w.segments);
            if let Some(segment) = segments.into_iter().rfind(|segment| segment.agent == *id) {
                segment.focus += part;
            }
        }
    }

    fn forget_if_over(&mut self, id: WorkId) {
        let over =
            |work: &Work| work.segments.is_empty() && (work.closed || work.stay.at == Point::Gone);
        if self.open.get(&id).is_some_and(over) {
            self.open.remove(&id);
        }
    }
}

impl Segment {
    fn hold(&mut self, at: UnixTime, held: bool) {
        match (held, self.held_since) {
            (true, None) => self.held_since = Some(at),
            (false, Some(since)) => {
                self.held += at.0 - since.0;
                self.held_since = None;
            }
            _ => {}
        }
    }

    /// Writes it down; after-work ended at `at`.
    fn tell(&self, sheet: &mut Sheet, at: UnixTime, id: WorkId, settings: &Settings) {
        let over = self.over.unwrap_or(at);
        let (all, after) = (over.0 - self.began.0, at.0 - over.0);
        let of = Counted::Work(id);
        let mut add = |counter: Counter, amount: i64| sheet.add(&self.home, counter, amount, of);
        add(Handled, i64::from(self.counts));
        let worked = if self.digital {
            add(HandledDigital, i64::from(self.counts));
            add(Session, all);
            add(Focus, self.focus);
            self.focus
        } else {
            add(Talk, all - self.held);
            add(Hold, self.held);
            add(AfterWork, after);
            all + after
        };
        let cost = i128::from(worked) * i128::from(settings.rate(&self.agent)) / i128::from(HOUR);
        add(AgentCost, i64::try_from(cost).unwrap_or(i64::MAX));
    }
}

fn micros(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1_000)
}

/// How a span is divided among contacts held at once: all of it to the one in focus, or in equal parts. The parts add up
/// to the span exactly, so that nothing is summed twice.
fn shares(holding: &[WorkId], focus: Option<WorkId>, span: i64) -> Vec<(WorkId, i64)> {
    if let Some(focus) = focus.filter(|focus| holding.contains(focus)) {
        return vec![(focus, span)];
    }
    let count = i64::try_from(holding.len()).unwrap_or(i64::MAX).max(1);
    let part = |(index, work): (usize, &WorkId)| {
        let first = if index == 0 { span % count } else { 0 };
        (*work, span / count + first)
    };
    holding.iter().enumerate().map(part).collect()
}
