//! Payment pauses: while a card number is told, nothing of it stays, and the agent does not learn it.
//!
//! Both begin in one turn: the recording falls silent (and stays one file in time), and the customer's keys go nowhere.
//! Media threads let them through to nobody, neither as telephone-events nor as tones, and this side passes no INFO on and
//! takes no notice of it. What else the customer says is heard. Whoever listens in hears what the agent hears.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::admin::api::Operation;
use crate::admin::api::feed::Happening;
use crate::gateway::no::No;
use crate::gateway::{By, Gateway};
use crate::id::{CallId, LegId};
use crate::journal::act::{Act, Who};
use crate::journal::event::Event;
use crate::media;
use crate::time::{Now, earliest};

/// Pauses that run, by the customer's leg.
#[derive(Debug, Default)]
pub(super) struct Payments(BTreeMap<LegId, Payment>);

impl Payments {
    /// Whether one of these pays, or takes a payment.
    pub fn has(&self, legs: [LegId; 2]) -> bool {
        let any = |(customer, own): (&LegId, &Payment)| {
            legs.contains(customer) || legs.contains(&own.agent)
        };
        self.0.iter().any(any)
    }
}

/// One of them.
#[derive(Debug)]
struct Payment {
    call: CallId,
    /// The leg of the agent who talks with the customer.
    agent: LegId,
    until: Instant,
}

/// Why a pause ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Somebody ended it.
    Asked,
    /// It took as long as it may.
    Limit,
    /// The two do not talk with each other any more.
    Parted,
}

impl Over {
    fn words(self) -> &'static str {
        match self {
            Over::Asked => "the payment pause is over",
            Over::Limit => "the payment pause is over: it took as long as it may",
            Over::Parted => "the payment pause is over: the two have parted",
        }
    }
}

impl Payments {
    /// When the next ends by itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.values().map(|payment| Some(payment.until)).fold(None, earliest)
    }

    #[cfg(test)]
    pub fn is_secret(&self, leg: LegId) -> bool {
        self.0.contains_key(&leg)
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Gateway {
    /// Begins or ends a pause at an order.
    pub(super) fn pay_on_order(
        &mut self,
        now: Now,
        by: &By,
        call: CallId,
        on: bool,
    ) -> Result<(), No> {
        if !on {
            self.phone_in(by, call)?;
            let own = self.payments.0.iter().find(|(_, payment)| payment.call == call);
            let customer = own.map(|(customer, _)| *customer);
            let customer = customer.ok_or("there is no payment pause")?;
            self.payment_over(now, customer, Over::Asked);
            return Ok(());
        }
        let (agent, _) = self.phone_in(by, call)?;
        let customer = self.calls.partner(agent).ok_or("nobody talks there")?;
        if [agent, customer].into_iter().any(|leg| self.legs.get(leg).is_none_or(|leg| leg.help)) {
            return Err("nothing is kept from those who help".into());
        }
        if self.is_paying(agent) || self.is_paying(customer) {
            return Err("a payment pause runs already".into());
        }
        let until = now.instant + Duration::from_secs(self.settings.payment.limit.into());
        self.payments.0.insert(customer, Payment { call, agent, until });
        self.held_keys.forget(customer);
        self.forget_collecting(customer);
        self.tell_leg(customer, |leg| media::Command::Hush { leg, on: true });
        self.settle_tape(agent, customer);
        self.tell_payment(now, call, customer, true, "a payment pause begins");
        Ok(())
    }

    /// Whether a pause runs in which this leg takes part.
    pub(super) fn is_paying(&self, leg: LegId) -> bool {
        let payments = &self.payments.0;
        payments.iter().any(|(customer, payment)| *customer == leg || payment.agent == leg)
    }

    /// Whether keys that are pressed at this leg are nobody's business.
    pub(super) fn keys_are_secret(&self, leg: LegId) -> bool {
        self.payments.0.contains_key(&leg)
    }

    /// Pauses that nobody has ended in time.
    pub(super) fn payments_time_out(&mut self, now: Now) {
        let due = self.payments.0.iter().filter(|(_, payment)| payment.until <= now.instant);
        let due: Vec<_> = due.map(|(customer, _)| *customer).collect();
        due.into_iter().for_each(|customer| self.payment_over(now, customer, Over::Limit));
    }

    /// These two talk with each other from now on: a pause of one of them with anybody else is over.
    pub(super) fn payments_joined(&mut self, now: Now, a: LegId, b: LegId) {
        let has = |leg: &LegId| *leg == a || *leg == b;
        let parted = self.payments.0.iter();
        let parted = parted.filter(|(customer, own)| has(customer) != has(&own.agent));
        let parted: Vec<_> = parted.map(|(customer, _)| *customer).collect();
        parted.into_iter().for_each(|customer| self.payment_over(now, customer, Over::Parted));
    }

    /// A leg goes into a room, or is gone.
    pub(super) fn payment_left(&mut self, now: Now, leg: LegId) {
        let own = self.payments.0.iter();
        let own = own.filter(|(customer, own)| **customer == leg || own.agent == leg);
        let own: Vec<_> = own.map(|(customer, _)| *customer).collect();
        own.into_iter().for_each(|customer| self.payment_over(now, customer, Over::Parted));
    }

    fn payment_over(&mut self, now: Now, customer: LegId, why: Over) {
        let Some(Payment { call, agent, .. }) = self.payments.0.remove(&customer) else { return };
        self.tell_leg(customer, |leg| media::Command::Hush { leg, on: false });
        self.settle_tape(agent, customer);
        self.tell_payment(now, call, customer, false, why.words());
        if why != Over::Asked {
            self.keep_payment_over(now, call);
        }
    }

    /// Whoever looks at what was done finds an end for each beginning: of those that nobody ordered, the box's own.
    fn keep_payment_over(&mut self, now: Now, call: CallId) {
        let what = Operation::EndPayment.name().to_owned();
        let on = Some(call.to_string());
        let act = Act { who: Who::Gateway, from: None, what, on, done: true, first: None };
        self.keep(now, Event::Act(act));
    }

    /// Says so to whoever follows the call, and to whoever looks at it later.
    fn tell_payment(&mut self, now: Now, call: CallId, leg: LegId, on: bool, words: &str) {
        tracing::info!(%call, "{words}");
        self.note(now.unix, call, Some(leg), words.to_owned());
        self.publish(Happening::CallPayment { call, on });
    }
}
