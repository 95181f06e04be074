//! What a supervisor asks and orders about those who wait: why they do, and where and how they are to wait instead.

use crate::admin::queueing::{Chosen, Explanation, WaitingItem};
use crate::admin::{Command, Reply};
use crate::gateway::Gateway;
use crate::id::{ItemId, QueueId};
use crate::journal::event::{Event, QueuePlace};
use crate::journal::work::Step;
use crate::queue::{CEILING, Channel};
use crate::time::Now;

/// Those who wait that are told of at once: more than a screen holds.
const MOST_TOLD: usize = 100;

impl Gateway {
    /// Tells of those who wait, or carries out an order about one of them.
    pub(super) fn place(&mut self, now: Now, command: &Command) -> Reply {
        let done = match command {
            Command::Waiting { queue } => return self.waiting_items(now, queue),
            Command::Explain { queue, item } => {
                return self.explanation(now, queue.as_ref(), *item);
            }
            Command::MoveToQueue { queue, item, to } => self
                .waits_there(queue.as_ref(), *item)
                .and_then(|()| self.move_to_queue(now, *item, to)),
            Command::MoveToChannel { queue, item, to } => self
                .waits_there(queue.as_ref(), *item)
                .and_then(|()| self.move_to_channel(now, *item, *to)),
            Command::Prioritise { queue, item, priority } => self
                .waits_there(queue.as_ref(), *item)
                .and_then(|()| self.prioritise(now, *item, *priority)),
            _ => Err("that is no order for somebody who waits".to_owned()),
        };
        match done {
            Ok(()) => Reply::Done,
            Err(why) => Reply::Refused(why),
        }
    }

    fn waiting_items(&self, now: Now, queue: &QueueId) -> Reply {
        if !self.settings.queues.iter().any(|settings| settings.name == *queue) {
            return Reply::Refused(format!("there is no queue {queue}"));
        }
        let items = self.queues.in_order(now, queue, MOST_TOLD);
        let line = |item| Some(WaitingItem::from(&self.queues.why_waiting(now, item)?));
        Reply::Waiting(items.into_iter().filter_map(line).collect())
    }

    fn explanation(&self, now: Now, queue: Option<&QueueId>, item: ItemId) -> Reply {
        let waits = self.queues.why_waiting(now, item);
        let mine = |of: &QueueId| queue.is_none_or(|queue| queue == of);
        let choices = self.queues.choices().filter(|c| c.item == item && mine(&c.queue));
        let chosen: Vec<Chosen> = choices.map(Chosen::from).collect();
        match waits.filter(|waits| mine(&waits.queue)) {
            None if chosen.is_empty() => {
                Reply::Refused(format!("there is no item {item} that waits"))
            }
            waits => Reply::Explained(Box::new(Explanation::new(item, waits.as_ref(), chosen))),
        }
    }

    fn waits_there(&self, queue: Option<&QueueId>, item: ItemId) -> Result<(), String> {
        let waits = self.queues.item(item);
        let there = waits.filter(|waits| queue.is_none_or(|queue| *queue == waits.queue));
        there.map(|_| ()).ok_or_else(|| format!("there is no item {item} that waits"))
    }

    fn move_to_queue(&mut self, now: Now, item: ItemId, to: &QueueId) -> Result<(), String> {
        if self.queues.item(item).is_some_and(|waits| waits.queue == *to) {
            return Err(format!("it waits in {to} already"));
        }
        let moved = self.queues.handle_move_queue(now, item, to);
        moved.map_err(|_| format!("no queue is called {to}"))
    }

    /// The queues say that an item waits in another one now.
    pub(super) fn rerouted(&mut self, now: Now, item: ItemId, from: QueueId, to: QueueId) {
        self.note_rerouted(now, item, from, to.clone());
        self.conversation_waits_again(now, item, &to);
        let Some(call) = self.work.call_of(item).filter(|call| self.calls.is_queued(*call)) else {
            return;
        };
        self.work.waits_in(call, to.clone());
        self.calls.handle_rerouted(now, call, to.clone());
        if let Some(waits) = self.queues.item(item) {
            let place = QueuePlace { item, queue: to, call, arrived: waits.arrived };
            self.keep(now, Event::QueuePlace(place));
        }
        if let Some(leg) = self.calls.caller(call) {
            self.queue_music(leg, call);
        }
    }

    /// Whoever holds a line is called back instead, where that number may be called. Nothing on the box carries the rest yet.
    fn move_to_channel(&mut self, now: Now, item: ItemId, to: Channel) -> Result<(), String> {
        let from = self.queues.channel(item).unwrap_or_default();
        match (from, to) {
            (from, to) if from == to => Err(format!("it waits as a {} already", to.name())),
            (Channel::Voice, Channel::Callback) => {
                let call = self.work.call_of(item);
                match call.is_some_and(|call| self.promise_callback(now, call)) {
                    true => Ok(()),
                    false => Err("the number that calls may not be called back".to_owned()),
                }
            }
            (_, Channel::Voice) => Err("nobody is on the line".to_owned()),
            (_, to) => Err(format!("nothing carries a {} on this box", to.name())),
        }
    }

    fn prioritise(&mut self, now: Now, item: ItemId, priority: i32) -> Result<(), String> {
        if !(0..=CEILING).contains(&priority) {
            return Err(format!("a priority is 0 to {CEILING}"));
        }
        self.note_work(now, item, Step::Prioritised { priority });
        self.queues.handle_prioritise(now, item, priority);
        Ok(())
    }
}
