//! What calls cost: those out from the calls to the journal, to the log, to an admin; those in for their records.

use std::time::Duration;

use crate::admin::{self, Lamp, Part, Reply};
use crate::call::budget::{Lift, Mark, Measure, Money, Scope, Spent, Subject};
use crate::call::record::Peer;
use crate::gateway::Gateway;
use crate::journal::event::{CallRecord, Event};
use crate::time::Now;

/// The longest that an admin may lift caps for at once, in hours: a week. What is lifted and forgotten is no cap.
const LONGEST_LIFT: u16 = 168;

impl Gateway {
    pub(super) fn keep_spent(&mut self, now: Now, spent: Spent) {
        self.keep(now, Event::Spent(spent));
    }

    pub(super) fn cap_is_near(&mut self, mark: &Mark) {
        let (percent, words) = (mark.percent(), words(mark));
        tracing::warn!(percent, "{words}: `branchline spending` shows who spends it");
    }

    /// What the carrier takes for a call that came in and was answered, where the trunk has a price for that.
    pub(super) fn fee_of(&self, record: &CallRecord) -> Option<Money> {
        let Peer::Trunk(trunk) = &record.origin else { return None };
        let price = self.trunk_settings(trunk)?.inbound_price?;
        Some(price.of(record.ended.since(record.answered?)))
    }

    /// Lifts caps, or puts them back: kept, so that an auditor sees it and a restart knows it.
    pub(super) fn lift_caps(&mut self, now: Now, of: Option<&Subject>, hours: u16) -> Reply {
        if hours > LONGEST_LIFT {
            return Reply::Refused(format!("caps are lifted for {LONGEST_LIFT} hours at most"));
        }
        if let Some(subject) = of.filter(|subject| !self.has_cap(subject)) {
            return Reply::Refused(format!(
                "there is no cap of {subject}; `branchline spending` lists them"
            ));
        }
        let until = now.unix + Duration::from_secs(u64::from(hours) * 3_600);
        let lift = Lift { subject: of.cloned(), until };
        tracing::warn!(hours, of = of.map(ToString::to_string), "an admin lifted caps on spending");
        self.calls.handle_lift(lift.clone());
        self.keep(now, Event::CapsLifted(lift));
        Reply::Done
    }

    fn has_cap(&self, subject: &Subject) -> bool {
        let known = match subject {
            Subject::Site => true,
            Subject::Extension(name) => self.extension(name.as_str()).is_some(),
            Subject::Trunk(name) => self.trunks.contains_key(name),
        };
        let on = |of: &Scope| of.subject().as_ref() == Some(subject) || of.is_every(subject);
        known && self.settings.caps.iter().any(|cap| on(&cap.of))
    }

    pub(super) fn spending(&self, now: Now) -> admin::Spending {
        let spent = |(of, within, used): (_, _, crate::call::budget::Used)| admin::Spent {
            of,
            within,
            calls: used.calls,
            minutes: used.seconds as f64 / 60.0,
            money: used.money.into(),
        };
        admin::Spending {
            currency: self.settings.spending.currency.clone(),
            spent: self.calls.spending(now).into_iter().map(spent).collect(),
            caps: self.calls.spending_marks(now).iter().map(cap).collect(),
        }
    }

    /// Told when there is something to look at: caps that are nearly or quite used up, and caps that are lifted.
    pub(super) fn spending_part(&self, now: Now) -> Option<Part> {
        let marks = self.calls.spending_marks(now);
        let full = |mark: &&Mark| mark.is_near() && mark.lifted.is_none();
        let near: Vec<_> = marks.iter().filter(full).map(words).take(3).collect();
        let lifted = marks.iter().any(|mark| mark.lifted.is_some());
        let words = match (near.is_empty(), lifted) {
            (true, false) => return None,
            (true, true) => {
                "caps are lifted: `branchline spending` says whose and until when".to_owned()
            }
            (false, _) => format!("{}; see `branchline spending`", near.join("; ")),
        };
        Some(Part { name: "spending".to_owned(), lamp: Lamp::Amber, words })
    }
}

fn cap(mark: &Mark) -> admin::Cap {
    let (of, within, measure) = (mark.subject.clone(), mark.within, mark.measure);
    let in_unit = |amount: u64| match measure {
        Measure::Calls => amount as f64,
        Measure::Minutes => amount as f64 / 60.0,
        Measure::Money => Money(amount).into(),
    };
    admin::Cap {
        of,
        within,
        measure,
        spent: in_unit(mark.spent),
        cap: in_unit(mark.cap),
        percent: mark.percent(),
        lifted_until: mark.lifted,
    }
}

fn words(mark: &Mark) -> String {
    let Mark { subject, within, measure, .. } = mark;
    format!("{} % of the {measure} that {subject} may spend in one {within}", mark.percent())
}
