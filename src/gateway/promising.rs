//! Promises to call back that are given in flows: the caller holds no line and has no place in a queue yet, and may have
//! keyed in a number that is anybody's.

use crate::call::Saying;
use crate::call::plan::Origin;
use crate::call::promise::Whose;
use crate::gateway::Gateway;
use crate::id::{CallId, ItemId, QueueId};
use crate::ivr::{Promised, Walk};
use crate::journal::State;
use crate::journal::context::of_call;
use crate::journal::personal::Personal;
use crate::journal::work::{Promise, Wish};
use crate::queue::{Channel, Item};
use crate::time::Now;

/// A number that a caller may be promised a call at.
#[derive(Debug)]
pub(super) struct Callable {
    /// In full, or a phone inside.
    pub number: String,
    /// As the caller knows it.
    pub readable: String,
    /// Whether it is not the caller's own.
    keyed: bool,
}

/// A number that was keyed in, and whether it may be in another country.
type Keyed<'k> = (&'k str, bool);

impl Gateway {
    /// The number to call a caller back at, if somebody of the queue's agents may call it: the same rules as of any call out,
    /// and those of numbers that strangers give. Nothing while the disk fails: whoever hangs up on a promise has nothing else,
    /// and the next restart would forget it.
    pub(super) fn callable(
        &self,
        now: Now,
        call: CallId,
        queue: &QueueId,
        keyed: Option<Keyed<'_>>,
    ) -> Option<Callable> {
        if self.journal.state() != State::Healthy {
            return None;
        }
        let (from, _) = self.calls.numbers(call)?;
        let inside =
            matches!(self.calls.origin(call)?, Origin::Extension(own) if own.as_str() == from);
        let (readable, whose) = match keyed {
            Some((keyed, abroad)) => (keyed, Whose::Keyed { abroad }),
            None if inside => (from, Whose::Inside),
            None => (from, Whose::Own),
        };
        let number = match self.plan.may_promise(readable, whose) {
            Ok(number) => number,
            Err(why) => {
                tracing::debug!(%call, ?why, "a number is not called back");
                return None;
            }
        };
        let may = self.may_be_called(now, queue, &number)
            && self.queues.calls_back_from(now, queue).is_some();
        may.then(|| Callable { number, readable: readable.to_owned(), keyed: keyed.is_some() })
    }

    /// A flow wants to know whether a number may be called, before it reads it out.
    pub(super) fn walk_asks_callable(
        &mut self,
        now: Now,
        call: CallId,
        queue: &QueueId,
        keyed: Option<Keyed<'_>>,
    ) {
        let found = self.callable(now, call, queue, keyed);
        let found = found.filter(|found| self.has_room_for(now, call, queue, found));
        let readable = found.map(|found| found.readable);
        self.with_walk(now, call, |walk, now| walk.handle_callable(now, readable.as_deref()));
    }

    /// Whether a queue takes one more promise, and this number one more call at this caller's wish.
    fn has_room_for(&self, now: Now, call: CallId, queue: &QueueId, to: &Callable) -> bool {
        if self.promises.has(&to.number) {
            // It is there already: the caller hears so again.
            return true;
        }
        let most = self.settings.queues.iter().find(|settings| settings.name == *queue);
        let most = most.map_or(0, |settings| settings.max_waiting);
        let open = self.journal.live().promises.0.values().filter(|open| open.queue == *queue);
        let asks = self.who_asks(call, to);
        open.count() < usize::from(most)
            && self.promises.given.allows(now.unix, &to.number, asks.as_ref().map(Option::as_deref))
    }

    /// Who wants another number called than their own; `Some(None)` where they hide theirs.
    fn who_asks(&self, call: CallId, to: &Callable) -> Option<Option<String>> {
        let (from, _) = self.calls.numbers(call).filter(|_| to.keyed)?;
        Some(self.plan.country().full(from))
    }

    /// A caller in a flow has confirmed a number: the promise waits in the queue like anybody's, since the caller first waited.
    /// The caller is told once it is on the disk.
    pub(super) fn promise_in_flow(
        &mut self,
        now: Now,
        call: CallId,
        keyed: Option<Keyed<'_>>,
        place: Promised,
    ) {
        // Asked once more: what was allowed when the number was read out may be no more.
        let found = self.callable(now, call, &place.queue, keyed);
        let found = found.filter(|found| self.has_room_for(now, call, &place.queue, found));
        let done = found.is_some_and(|to| self.give_promise(now, call, to, place));
        if !done {
            let outcome = crate::ivr::Outcome::Failed;
            self.with_walk(now, call, |walk: &mut Walk, now| walk.handle_refused(now, outcome));
        }
    }

    fn give_promise(&mut self, now: Now, call: CallId, to: Callable, place: Promised) -> bool {
        let words = self.promised_words(now, &place.queue);
        if self.promises.has(&to.number) {
            // One call is enough, at the place of the first.
            self.calls.handle_feature(call, words);
            return true;
        }
        let asks = self.who_asks(call, &to);
        let dialled = self.calls.numbers(call).map(|(_, to)| to.to_owned()).unwrap_or_default();
        let item = Item {
            id: ItemId(self.random.bits()),
            queue: place.queue,
            arrived: self.calls.waits_since(call).unwrap_or(now.unix),
            priority: place.priority,
            skills: place.skills,
            preferred: None,
            channel: Channel::Callback,
            last_agent: None,
        };
        let number = match to.keyed {
            // Perhaps somebody else's: it goes with whoever has it.
            true => Personal::Clear(to.number.clone()),
            false => of_call(call, to.number.clone()),
        };
        let promise = Promise {
            number,
            dialled: of_call(call, dialled),
            arrived: item.arrived,
            priority: item.priority,
            skills: item.skills.clone(),
            wish: Some(match &asks {
                None => Wish::Own,
                Some(None) => Wish::Hidden,
                // Of the call as it came: it goes with whoever calls.
                Some(Some(asks)) => Wish::Of(of_call(call, asks.clone())),
            }),
        };
        let id = item.id;
        self.note_queued(now, &item, Some(call));
        self.work_calls(id, &to.number);
        let Some(event) = self.promised(now, id, promise) else { return false };
        self.promises.given.note(now.unix, &to.number, asks.as_ref().map(Option::as_deref));
        self.promises.insert(id, to.number);
        self.hear_promise(call, id);
        self.say_when_kept(now, event, call, words);
        // Its queue is there: the number was asked about in it.
        self.queues.handle_promised_before(now, item, 0, None).is_ok()
    }

    /// What somebody hears who is promised a call.
    pub(super) fn promised_words(&self, now: Now, queue: &QueueId) -> Saying {
        match self.queues.calls_back_from(now, queue) {
            Some(at) if at > now.unix => Saying::CalledBackFrom(at),
            _ => Saying::CalledBack,
        }
    }
}
