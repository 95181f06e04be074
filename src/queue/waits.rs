//! All that waits, indexed: by place, by who could take it, and by when something is due for it. A choice, a place and
//! a deadline cost about the same however many wait.
//!
//! Of one queue and one priority, whoever came first goes first, whatever time it is; so such a row never has to be sorted
//! again, and only the heads of rows are compared. Items that the same agents can take are one [`Class`]: if nobody is
//! there for one of them nobody is for the rest, and none of them is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::id::{AgentId, ItemId, QueueId};
use crate::queue::estimate::Told;
use crate::queue::row::Row;
use crate::queue::waiting::Waiting;
use crate::queue::{Channel, Skills};

/// Since when an item waits, in nanoseconds of the steady clock from any moment; then the order in which they entered.
pub(super) type Came = (i64, u64);

/// One that waits, in the order of its row.
pub(super) type Stands = (Came, ItemId);

/// What decides who can take an item of one queue and channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    skills: Skills,
    reached: Duration,
    refused: Vec<AgentId>,
    /// Who had the person last, while that matters.
    last: Option<AgentId>,
    preferred: Option<AgentId>,
}

impl Class {
    fn of(waiting: &Waiting) -> Class {
        Class {
            skills: waiting.item.skills.clone(),
            reached: waiting.reached,
            refused: waiting.refused.keys().cloned().collect(),
            last: waiting.item.last_agent.clone().filter(|_| waiting.for_last),
            preferred: waiting.item.preferred.clone(),
        }
    }

    fn fits(&self, waiting: &Waiting) -> bool {
        let last = waiting.item.last_agent.as_ref().filter(|_| waiting.for_last);
        self.reached == waiting.reached
            && self.last.as_ref() == last
            && self.refused.iter().eq(waiting.refused.keys())
            && self.preferred == waiting.item.preferred
            && self.skills == waiting.item.skills
    }
}

/// Rows of those who may be offered, by priority.
pub(super) type Rows = BTreeMap<u8, BTreeSet<Stands>>;

/// All items of one queue, offered and held ones too.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// By priority.
    pub rows: BTreeMap<u8, Row<Stands>>,
    /// How many of each channel.
    pub counts: BTreeMap<Channel, usize>,
    /// Whose service-level clock once stood: their clock is not their wait.
    pub paused: BTreeSet<ItemId>,
}

impl Line {
    pub fn len(&self) -> usize {
        self.counts.values().sum()
    }

    /// How many somebody holds a line for, or looks at a screen.
    pub fn live(&self) -> usize {
        self.counts.iter().filter(|(channel, _)| channel.is_live()).map(|(_, n)| n).sum()
    }

    /// How many wait for a phone.
    pub fn spoken(&self) -> usize {
        self.counts.iter().filter(|(channel, _)| channel.is_spoken()).map(|(_, n)| n).sum()
    }

    pub fn items(&self) -> impl Iterator<Item = ItemId> {
        self.rows.values().flat_map(Row::iter).map(|(_, item)| *item)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Boxed: nodes of a tree are half empty, and one is half a kilobyte.
    items: BTreeMap<ItemId, Box<Waiting>>,
    index: Index,
}

#[derive(Debug, Default)]
struct Index {
    lines: BTreeMap<QueueId, Line>,
    open: BTreeMap<(Channel, QueueId), BTreeMap<Arc<Class>, Rows>>,
    due: BTreeSet<(Instant, ItemId)>,
    /// Those of which somebody else may be able to take it from then on: it is looked at before any choice.
    steps: BTreeSet<(Instant, ItemId)>,
    /// The moment that [`Came`] counts from.
    start: Option<Instant>,
}

impl Waits {
    pub fn get(&self, item: ItemId) -> Option<&Waiting> {
        self.items.get(&item).map(|waiting| &**waiting)
    }

    pub fn contains(&self, item: ItemId) -> bool {
        self.items.contains_key(&item)
    }

    pub fn line(&self, queue: &QueueId) -> Option<&Line> {
        self.index.lines.get(queue)
    }

    /// Those who may be offered to agents who take something of the channel.
    pub fn open(
        &self,
        channel: Channel,
    ) -> impl Iterator<Item = (&QueueId, &BTreeMap<Arc<Class>, Rows>)> {
        let from = (channel, QueueId::from(""));
        let here = self.index.open.range(from..).take_while(move |((of, _), _)| *of == channel);
        here.map(|((_, queue), classes)| (queue, classes))
    }

    /// The first of a row.
    pub fn head(&self, of: (Channel, &QueueId), class: &Arc<Class>, base: u8) -> Option<Stands> {
        let rows = self.index.open.get(&(of.0, of.1.clone()))?.get(class)?;
        rows.get(&base)?.first().copied()
    }

    /// When something is due first.
    pub fn deadline(&self) -> Option<Instant> {
        self.index.due.first().map(|(at, _)| *at)
    }

    /// For which items something is due, by their ids.
    pub fn due(&self, now: Instant) -> Vec<ItemId> {
        let due = self.index.due.iter().take_while(|(at, _)| *at <= now);
        let mut due: Vec<_> = due.map(|(_, item)| *item).collect();
        due.sort_unstable();
        due
    }

    /// The first that takes a step of its queue by now.
    pub fn steps(&self, now: Instant) -> Option<ItemId> {
        self.index.steps.first().filter(|(at, _)| *at <= now).map(|(_, item)| *item)
    }

    /// Since when an item that has waited so long by then waits, as [`Came`] counts.
    pub fn since(&self, now: Instant, waited: Duration) -> i64 {
        self.index.since(now, waited)
    }

    /// The span that [`Self::since`] was told of.
    pub fn waited(&self, now: Instant, came: Came) -> Duration {
        let now = self.since(now, Duration::ZERO);
        Duration::from_nanos(u64::try_from(now.saturating_sub(came.0)).unwrap_or(0))
    }

    /// It waits from now on.
    pub fn put(&mut self, mut waiting: Waiting) {
        self.index.start.get_or_insert(waiting.entered);
        waiting.came = (self.since(waiting.entered, waiting.before), waiting.number);
        self.index.line_up(&mut waiting);
        self.items.insert(waiting.item.id, Box::new(waiting));
    }

    /// It waits no longer.
    pub fn take(&mut self, item: ItemId) -> Option<Waiting> {
        let mut waiting = *self.items.remove(&item)?;
        self.index.step_out(&mut waiting);
        Some(waiting)
    }

    /// Changes one, wherever it stands then. Its id, its number and since when it waits must stay.
    pub fn change<R>(&mut self, item: ItemId, change: impl FnOnce(&mut Waiting) -> R) -> Option<R> {
        let waiting = self.items.get_mut(&item)?;
        self.index.step_out(waiting);
        let done = change(waiting);
        self.index.line_up(waiting);
        Some(done)
    }

    /// What was told to one, which moves it nowhere.
    pub fn tell(&mut self, item: ItemId, told: Option<Told>) {
        if let Some(waiting) = self.items.get_mut(&item) {
            waiting.told = told;
        }
    }
}

impl Index {
    fn since(&self, now: Instant, waited: Duration) -> i64 {
        let start = self.start.unwrap_or(now);
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let after = nanos(now.saturating_duration_since(start));
        // One of them is nothing.
        after.saturating_sub(
            nanos(start.saturating_duration_since(now)).saturating_add(nanos(waited)),
        )
    }

    fn line_up(&mut self, waiting: &mut Waiting) {
        let stands = (waiting.came, waiting.item.id);
        let line = self.lines.entry(waiting.item.queue.clone()).or_default();
        line.rows.entry(waiting.base).or_default().insert(stands);
        *line.counts.entry(waiting.item.channel).or_default() += 1;
        if waiting.clock.has_paused() {
            line.paused.insert(waiting.item.id);
        }
        waiting.due = waiting.next_due();
        self.due.extend(waiting.due.map(|at| (at, waiting.item.id)));
        waiting.step_due = waiting.step_at;
        self.steps.extend(waiting.step_at.map(|at| (at, waiting.item.id)));
        if waiting.is_open() {
            self.open_to(waiting, stands);
        }
    }

    fn open_to(&mut self, waiting: &mut Waiting, stands: Stands) {
        let key = (waiting.item.channel, waiting.item.queue.clone());
        let classes = self.open.entry(key).or_default();
        let known = waiting.class.take().filter(|class| class.fits(waiting));
        let class = known.unwrap_or_else(|| Arc::new(Class::of(waiting)));
        let class = classes.get_key_value(&class).map_or(class, |(known, _)| known.clone());
        let rows = classes.entry(class.clone()).or_default();
        rows.entry(waiting.base).or_default().insert(stands);
        waiting.class = Some(class);
    }

    fn step_out(&mut self, waiting: &mut Waiting) {
        let stands = (waiting.came, waiting.item.id);
        if let Some(at) = waiting.due.take() {
            self.due.remove(&(at, waiting.item.id));
        }
        if let Some(at) = waiting.step_due.take() {
            self.steps.remove(&(at, waiting.item.id));
        }
        self.close_to(waiting, stands);
        let Some(line) = self.lines.get_mut(&waiting.item.queue) else { return };
        if let Some(row) = line.rows.get_mut(&waiting.base) {
            row.remove(stands);
            if row.is_empty() {
                line.rows.remove(&waiting.base);
            }
        }
        line.paused.remove(&waiting.item.id);
        if let Some(count) = line.counts.get_mut(&waiting.item.channel) {
            *count -= 1;
            if *count == 0 {
                line.counts.remove(&waiting.item.channel);
            }
        }
    }

    fn close_to(&mut self, waiting: &Waiting, stands: Stands) {
        let Some(class) = waiting.class.as_ref().filter(|_| waiting.is_open()) else { return };
        let key = (waiting.item.channel, waiting.item.queue.clone());
        let Some(classes) = self.open.get_mut(&key) else { return };
        if let Some(rows) = classes.get_mut(class) {
            if let Some(row) = rows.get_mut(&waiting.base) {
                row.remove(&stands);
                if row.is_empty() {
                    rows.remove(&waiting.base);
                }
            }
            if rows.is_empty() {
                classes.remove(class);
            }
        }
        if classes.is_empty() {
            self.open.remove(&key);
        }
    }
}
