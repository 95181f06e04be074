//! What an admin reads of journeys, and stops of them.

use crate::admin::{JourneyLine, JourneyTold, JourneysReply, Reply, TaskLine};
use crate::gateway::{By, Gateway};
use crate::id::JourneyId;
use crate::journey::kept::{Line, Running, Told};
use crate::journey::rule::Doing;
use crate::journey::{Carrier, Key};
use crate::time::Now;

impl Gateway {
    pub(in crate::gateway) fn journeys_reply(
        &self,
        limit: usize,
        after: Option<JourneyId>,
    ) -> Reply {
        let kept = self.journeys.machine.kept();
        let begin = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let running = kept.running.range((begin, std::ops::Bound::Unbounded)).take(limit);
        let mut tasks: Vec<_> = kept.tasks.iter().collect();
        tasks.sort_by_key(|(_, task)| task.at);
        let task = |(key, task): (&Key, &crate::journey::kept::Task)| TaskLine {
            task: task_name(*key),
            queue: task.queue.clone(),
            since: task.at,
            person: task.person,
            rule: task.rule.clone(),
            text: task.text.clone(),
        };
        Reply::Journeys(JourneysReply {
            running: running.map(|(id, running)| self.journey_line(*id, running)).collect(),
            count: kept.running.len(),
            tasks: tasks.into_iter().map(task).collect(),
            last: kept.last.iter().rev().map(told).collect(),
            events_waiting: self.journal.live().journeys.heard.len(),
            events_missed: self.journeys.missed,
        })
    }

    fn journey_line(&self, journey: JourneyId, running: &Running) -> JourneyLine {
        let rule = self.settings.journeys.get(&running.rule);
        let steps = rule.map_or(0, |rule| rule.steps.len());
        let doing = rule.and_then(|rule| rule.steps.get(usize::from(running.step)));
        let does = match doing.map(|(_, doing)| doing) {
            Some(Doing::Wait(_)) => "wait",
            Some(Doing::Until { .. }) => "until",
            Some(Doing::Act(action)) => action.name(),
            Some(Doing::Stop) => "stop",
            None => "",
        };
        JourneyLine {
            journey,
            rule: running.rule.clone(),
            person: running.person,
            since: running.began,
            step: running.step.saturating_add(1),
            steps: u16::try_from(steps).unwrap_or(u16::MAX),
            does: does.to_owned(),
            until: running.until,
            words: self.words_of(Key { journey, step: running.step }, does).to_owned(),
        }
    }

    fn words_of(&self, key: Key, does: &str) -> &'static str {
        let kept = self.journeys.machine.kept();
        let until = kept.running.get(&key.journey).and_then(|running| running.until);
        match kept.handed.get(&key).map(|due| &due.carrier) {
            Some(Some(Carrier::Phone)) => "is with the phone, which has not answered",
            Some(_) => "is handed over",
            None if self.journeys.machine.is_looking(key) => "waits for the look-up store",
            None if !self.journeys_are_kept() => "waits for the disk",
            None if self.journeys.machine.is_asked(key) => "is about to be done",
            None if until.is_some() && !matches!(does, "wait" | "until") => {
                "waits for the end of quiet hours"
            }
            None => "waits",
        }
    }

    pub(in crate::gateway) fn stop_journey(&mut self, now: Now, journey: JourneyId) -> Reply {
        match self.journeys.machine.handle_stop(now, journey) {
            true => Reply::Done,
            false => Reply::Refused(format!(
                "there is no journey {journey}; `branchline journeys` lists those that run"
            )),
        }
    }

    pub(in crate::gateway) fn task_done(&mut self, now: Now, by: &By, task: &str) -> Reply {
        let open = match key_of(task) {
            Some(key) => self.errand_of_task_done(now, by, key),
            None => Ok(false),
        };
        match open {
            // One that was no work in a queue is done with all the same.
            Ok(open) if self.task_is_over(now, task) || open => Reply::Done,
            Ok(_) => Reply::Refused(format!("there is no task {task}")),
            Err(why) => why.into(),
        }
    }

    /// Nobody has to do a task any more. Answers whether it was there.
    pub(in crate::gateway) fn task_is_over(&mut self, now: Now, task: &str) -> bool {
        key_of(task).is_some_and(|key| self.journeys.machine.handle_task_done(now, key))
    }
}

fn key_of(task: &str) -> Option<Key> {
    let (journey, step) = task.rsplit_once('-')?;
    Some(Key { journey: journey.parse().ok()?, step: step.parse().ok()? })
}

pub(in crate::gateway) fn task_name(key: Key) -> String {
    format!("{}-{}", key.journey, key.step)
}

fn told(line: &Line) -> JourneyTold {
    let Line { at, journey, rule, person, what } = line.clone();
    let (step, outcome, end, words) = match what {
        Told::Step(step, outcome) => {
            (Some(step.saturating_add(1)), Some(outcome), None, outcome.to_string())
        }
        Told::End(why) => (None, None, Some(why), why.to_string()),
    };
    JourneyTold { at, journey, rule, person, step, outcome, end, words }
}
