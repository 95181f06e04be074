//! Journeys over channels, and what a change costs the customer: F11 and F12.

use std::collections::{BTreeMap, VecDeque};

use crate::id::WorkId;
use crate::report::counter::Counter::{self, *};
use crate::report::fact::{Channel, Journey, Moved, Place, What};
use crate::report::sheet::{Counted, Home, Sheet};
use crate::time::UnixTime;

/// A journey of which nothing is heard for so long is over: 30 days, in microseconds.
const IDLE: i64 = 30 * 86_400_000_000;

#[derive(Debug, Default)]
pub(super) struct Moves {
    journeys: BTreeMap<Journey, Going>,
    /// Touches in the order of time.
    touches: VecDeque<(UnixTime, Journey)>,
    handoffs: BTreeMap<WorkId, Handoff>,
}

/// A journey that goes on.
#[derive(Debug)]
struct Going {
    home: Home,
    digital: bool,
    channel: Channel,
    changed: bool,
    spoken: bool,
    last: UnixTime,
}

#[derive(Debug)]
struct Handoff {
    home: Home,
    at: UnixTime,
    opened: bool,
    asked_stored: bool,
    replied: bool,
    /// How long the first useful reply took.
    useful: Option<i64>,
}

impl Moves {
    pub fn handle(&mut self, sheet: &mut Sheet, at: UnixTime, what: &What) {
        self.forget(at);
        match what {
            What::Touch { journey, channel, self_service, moved } => {
                self.touch(sheet, at, *journey, (*channel, *self_service), *moved)
            }
            What::Arrived { journey } => {
                self.journeys.remove(journey);
            }
            What::Handoff { work, since, place } => {
                self.end(sheet, *work);
                let home = sheet.home(at, place.clone());
                let handoff = Handoff {
                    home,
                    at: since.unwrap_or(at),
                    opened: false,
                    asked_stored: false,
                    replied: false,
                    useful: None,
                };
                self.handoffs.insert(*work, handoff);
            }
            What::Returned { work } => self.returned(sheet, *work),
            What::ContextOpened { work } => {
                if let Some(handoff) = self.handoffs.get_mut(work) {
                    handoff.opened |= !handoff.replied;
                }
            }
            What::AskedAgain { work, stored } => {
                if let Some(handoff) = self.handoffs.get_mut(work) {
                    handoff.asked_stored |= *stored;
                    sheet.count(&handoff.home, AskedAgain, Counted::Work(*work));
                }
            }
            What::Reauthenticated { work } => self.note(sheet, *work, Reauthenticated, 1),
            What::Replied { work, useful } => self.replied(sheet, at, *work, *useful),
            What::Closed { work } => self.end(sheet, *work),
            _ => {}
        }
    }

    pub fn finish(&mut self, sheet: &mut Sheet) {
        for work in self.handoffs.keys().copied().collect::<Vec<_>>() {
            self.end(sheet, work);
        }
    }

    fn touch(
        &mut self,
        sheet: &mut Sheet,
        at: UnixTime,
        journey: Journey,
        (channel, self_service): (Channel, bool),
        moved: Option<Moved>,
    ) {
        self.touches.push_back((at, journey));
        let of = Counted::Journey(journey);
        let Some(going) = self.journeys.get_mut(&journey) else {
            let place = Place { channel: Some(channel), ..Place::default() };
            let home = sheet.home(at, place);
            let digital = !channel.is_spoken();
            sheet.count(&home, Journeys, of);
            sheet.add(&home, DigitalFirst, i64::from(digital || self_service), of);
            sheet.add(&home, DigitalStarted, i64::from(digital), of);
            let going = Going { home, digital, channel, changed: false, spoken: false, last: at };
            self.journeys.insert(journey, going);
            return;
        };
        going.last = at;
        let changes = std::mem::replace(&mut going.channel, channel) != channel;
        if changes && !std::mem::replace(&mut going.changed, true) {
            sheet.count(&going.home, Changed, of);
            sheet.add(&going.home, ChangedChosen, i64::from(moved == Some(Moved::Chosen)), of);
            sheet.add(&going.home, ChangedForced, i64::from(moved == Some(Moved::Forced)), of);
        }
        if going.digital && channel.is_spoken() && !std::mem::replace(&mut going.spoken, true) {
            sheet.count(&going.home, ReachedVoice, of);
        }
    }

    fn replied(&mut self, sheet: &mut Sheet, at: UnixTime, work: WorkId, useful: bool) {
        let Some(handoff) = self.handoffs.get_mut(&work) else { return };
        handoff.replied = true;
        if useful && handoff.useful.is_none() {
            let (of, took) = (Counted::Work(work), at.0 - handoff.at.0);
            handoff.useful = Some(took);
            sheet.add(&handoff.home, ToUsefulReply, took, of);
            sheet.count(&handoff.home, Replied, of);
        }
    }

    /// It was not taken after all: nothing was handed on yet.
    fn returned(&mut self, sheet: &mut Sheet, work: WorkId) {
        let Some(handoff) = self.handoffs.remove(&work) else { return };
        if let Some(took) = handoff.useful {
            sheet.add(&handoff.home, ToUsefulReply, -took, Counted::Work(work));
            sheet.add(&handoff.home, Replied, -1, Counted::Work(work));
        }
    }

    fn note(&self, sheet: &mut Sheet, work: WorkId, counter: Counter, amount: i64) {
        if let Some(handoff) = self.handoffs.get(&work) {
            sheet.add(&handoff.home, counter, amount, Counted::Work(work));
        }
    }

    fn end(&mut self, sheet: &mut Sheet, work: WorkId) {
        let Some(handoff) = self.handoffs.remove(&work) else { return };
        let of = Counted::Work(work);
        sheet.count(&handoff.home, Handoffs, of);
        let kept = handoff.opened && !handoff.asked_stored;
        sheet.add(&handoff.home, ContextKept, i64::from(kept), of);
    }

    fn forget(&mut self, now: UnixTime) {
        while let Some((at, journey)) = self.touches.front().copied()
            && now.0 - at.0 > IDLE
        {
            self.touches.pop_front();
            if self.journeys.get(&journey).is_some_and(|going| going.last == at) {
                self.journeys.remove(&journey);
            }
        }
    }
}
