//! How calls sound second by second, while somebody looks: media threads are asked, and what differs from the second
//! before is kept for a plot. Nobody's call is sampled that nobody looks at.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::admin::Reply;
use crate::admin::quality::{CallQuality, LegQuality, Sample};
use crate::gateway::Gateway;
use crate::id::{CallId, LegId};
use crate::media::{self, Report};
use crate::time::{Now, earliest};

/// How often a leg is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long after somebody has looked: a page asks every two seconds, and a slow one is not to lose the thread.
const LOOKED: Duration = Duration::from_secs(15);
/// Samples of a leg that are kept: ten minutes.
const MOST_SAMPLES: usize = 600;
/// Calls that are sampled at once: as many as supervisors who look at one each.
const MOST_CALLS: usize = 32;

/// Calls that somebody looks at.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    calls: BTreeMap<CallId, Looked>,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Looked {
    until: Instant,
    legs: BTreeMap<LegId, Line>,
}

#[derive(Debug, Default)]
struct Line {
    peer: String,
    last: Option<Report>,
    samples: VecDeque<Sample>,
}

impl Sampling {
    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }
}

impl Gateway {
    /// What was gathered of a call by now; from now on more is.
    pub(super) fn call_quality(&mut self, now: Now, call: CallId) -> Reply {
        if !self.calls.views().iter().any(|view| view.call == call) {
            return Reply::Refused(format!("there is no call {call} that is up"));
        }
        let calls = &mut self.sampling.calls;
        if !calls.contains_key(&call) && calls.len() >= MOST_CALLS {
            return Reply::NotReady(format!("{MOST_CALLS} calls are looked at already"));
        }
        let until = now.instant + LOOKED;
        let looked = calls.entry(call).or_insert_with(|| Looked { until, legs: BTreeMap::new() });
        looked.until = until;
        let line = |line: &Line| LegQuality {
            leg: line.peer.clone(),
            samples: line.samples.iter().copied().collect(),
        };
        let legs = looked.legs.values().map(line).collect();
        self.sampling.due = earliest(self.sampling.due, Some(now.instant));
        Reply::CallQuality(CallQuality { call, every_s: EVERY.as_secs_f64(), legs })
    }

    /// Asks how the legs of these calls are, if it is time.
    pub(super) fn sample_sound(&mut self, now: Now) {
        if self.sampling.due.is_none_or(|due| due > now.instant) {
            return;
        }
        self.sampling.calls.retain(|_, looked| looked.until > now.instant);
        self.sampling.due = (!self.sampling.calls.is_empty()).then_some(now.instant + EVERY);
        let mut asked = Vec::new();
        for (id, leg) in self.legs.iter().filter(|(_, leg)| leg.flowing) {
            let call = self.calls.call_of(id);
            if let Some(looked) = call.and_then(|call| self.sampling.calls.get_mut(&call)) {
                looked.legs.entry(id).or_default().peer = leg.peer.to_string();
                asked.push((leg.thread, id));
            }
        }
        for (thread, leg) in asked {
            self.command(thread, media::Command::Look { leg });
        }
    }

    /// How a leg was up to now: what differs from the last time is the second between.
    pub(super) fn sound_looked(&mut self, now: Now, leg: LegId, report: Report) {
        let all = self.sampling.calls.values_mut();
        let Some(line) = all.filter_map(|looked| looked.legs.get_mut(&leg)).next() else { return };
        if let Some(last) = &line.last {
            if line.samples.len() >= MOST_SAMPLES {
                line.samples.pop_front();
            }
            line.samples.push_back(sample(now, last, &report));
        }
        line.last = Some(report);
    }
}

fn sample(now: Now, last: &Report, report: &Report) -> Sample {
    let received = report.received.saturating_sub(last.received);
    let lost = report.lost.saturating_sub(last.lost);
    let span = Report { received, lost, ..Report::default() };
    let (loss, jitter) = (span.loss_percent(), report.jitter_ms);
    let trip = report.round_trip_ms.unwrap_or(0.0);
    // Of a second in which nothing came there is nothing to judge: it is on hold, or it is silent.
    let heard = received + lost > 0;
    Sample {
        at: now.unix,
        received,
        loss_percent: loss,
        jitter_ms: jitter,
        round_trip_ms: report.round_trip_ms,
        rating: heard.then(|| media::rating(loss, jitter, trip)),
        mos: heard.then(|| media::mos(loss, jitter, trip)),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn at(second: i64) -> Now {
        Now { instant: Instant::now(), unix: UnixTime(second * 1_000_000) }
    }

    #[test]
    fn a_second_is_judged_by_itself_and_not_by_what_was_before() {
        let before = Report { received: 1_000, lost: 500, ..Report::default() };
        let clean = Report { received: 1_050, lost: 500, ..before.clone() };
        let good = sample(at(1), &before, &clean);
        assert_eq!((good.received, good.loss_percent), (50, 0.0));
        assert!(good.mos.is_some_and(|mos| mos > 4.3), "{good:?}");
        let bad = sample(at(2), &clean, &Report { received: 1_075, lost: 525, ..before.clone() });
        assert_eq!(bad.loss_percent, 50.0);
        assert!(bad.mos.is_some_and(|mos| mos < 2.5), "{bad:?}");
        let silent = sample(at(3), &clean, &clean);
        assert_eq!((silent.received, silent.mos, silent.rating), (0, None, None));
    }
}
