//! The IVR's part of the configuration: flows and calendars read, checked together, and their mistakes told like any
//! other.

use std::collections::BTreeSet;

use crate::config::document::{Document, Step, Step::At, Step::Key};
use crate::config::settings::SCORE;
use crate::config::{Fragment, Loaded, Problem};
use crate::hours;
use crate::id::FlowId;
use crate::ivr::check::{Known, Mistake, Place, check};
use crate::ivr::{Flows, flow};

impl Loaded {
    /// The flows, checked; `clips` are all the sounds there are. Every mistake is listed.
    pub fn flows(&self, clips: BTreeSet<String>) -> Result<Flows, Vec<Problem>> {
        let mut problems = self.missing_clips(&clips);
        let mut unread = Vec::new();
        let calendars = read_all(self.calendars.iter(), &mut unread);
        let mut flows: Vec<(FlowId, flow::Settings)> = Vec::new();
        for (name, fragment) in &self.flows {
            match fragment.read() {
                Ok(settings) => flows.push((name.clone(), settings)),
                Err(mistakes) => unread.extend(mistakes),
            }
        }
        // Half of the flows would make the other half look wrong.
        if !unread.is_empty() {
            problems.extend(unread);
            return Err(problems);
        }
        match check(&flows, &calendars, &self.known(clips)) {
            Ok(flows) => {
                problems.extend(self.goals_nobody_reaches(&flows));
                problems.extend(self.surveys_without_an_answer(&flows));
                problems.extend(self.flows_without_words(&flows));
                if problems.is_empty() { Ok(flows) } else { Err(problems) }
            }
            Err(found) => {
                problems.extend(found.iter().filter_map(|problem| self.tell(problem)));
                Err(problems)
            }
        }
    }

    /// Music and greetings that are asked for and nobody has.
    fn missing_clips(&self, clips: &BTreeSet<String>) -> Vec<Problem> {
        let Ok(document) = Document::parse(&self.whole.file, self.whole.text()) else {
            return Vec::new();
        };
        let queues = document.len(&[Key("queue")]).unwrap_or(0);
        let music = (0..queues).map(|place| [Key("queue"), At(place), Key("music")]);
        let extensions = document.len(&[Key("extension")]).unwrap_or(0);
        let greetings = (0..extensions)
            .map(|place| vec![Key("extension"), At(place), Key("voicemail"), Key("greeting")]);
        music
            .map(Vec::from)
            .chain(greetings)
            .chain(self.notices())
            .filter_map(|at| {
                let name = document.text(&at).filter(|name| !clips.contains(*name))?;
                let problem = document.problem(&at, format!("there is no prompt `{name}`"));
                Some(problem.suggesting(name, clips.iter().map(String::as_str)))
            })
            .collect()
    }

    /// Where clips are named that are heard before a recording.
    fn notices(&self) -> impl Iterator<Item = Vec<Step<'_>>> {
        let queues = self.settings.queues.iter().map(|queue| &queue.record_notice);
        let trunks = self.settings.trunks.iter().map(|trunk| &trunk.record_notice);
        let all = queues.enumerate().map(|(place, notice)| ("queue", place, notice));
        let all = all.chain(trunks.enumerate().map(|(place, notice)| ("trunk", place, notice)));
        all.flat_map(|(section, place, notice)| {
            let at = move |key| vec![Key(section), At(place), Key("record_notice"), Key(key)];
            let languages = notice.iter().flat_map(|notice| notice.languages.keys());
            let languages = languages.map(move |language| {
                let mut path = at("languages");
                path.push(Key(language));
                path
            });
            std::iter::once(at("prompt")).chain(languages)
        })
    }

    /// Goals of reports that no flow comes to: they would never count. That each node of a flow is reached from its start
    /// was checked with the flow.
    fn goals_nobody_reaches(&self, flows: &Flows) -> Vec<Problem> {
        let nodes: BTreeSet<&str> = flows.nodes().collect();
        let goals = self.settings.reports.goals.iter().enumerate();
        let wrong = goals.filter(|(_, goal)| !nodes.contains(goal.as_str()));
        let tell = |(place, goal): (usize, &String)| {
            let at = [Key("reports"), Key("goals"), At(place)];
            let problem =
                self.problem(&at, format!("no flow has a node `{goal}`: it counts nobody"));
            problem.suggesting(goal, nodes.iter().copied())
        };
        wrong.map(tell).collect()
    }

    /// Surveys whose flow asks for no score, and nodes of consent that no flow has.
    fn surveys_without_an_answer(&self, flows: &Flows) -> Vec<Problem> {
        let nodes: BTreeSet<&str> = flows.nodes().collect();
        let mut problems = Vec::new();
        for (place, queue) in self.settings.queues.iter().enumerate() {
            let Some(survey) = &queue.survey else { continue };
            let at = |key| [Key("queue"), At(place), Key("survey"), Key(key)];
            if !flows.collects(&survey.flow, SCORE) {
                let what = format!("the flow `{}` asks for no score", survey.flow);
                let advice = "a `collect` node with `variable = \"score\"`";
                problems.push(self.problem(&at("flow"), what).allowing(advice));
            }
            if let Some(node) =
                survey.consent.as_ref().filter(|node| !nodes.contains(node.as_str()))
            {
                let what = format!("no flow has a node `{node}`: nobody would be asked");
                let problem = self.problem(&at("consent"), what);
                problems.push(problem.suggesting(node, nodes.iter().copied()));
            }
        }
        problems
    }

    /// Flows that are to answer what is written, and are not there or have nothing to say.
    fn flows_without_words(&self, flows: &Flows) -> Vec<Problem> {
        let names = || self.flows.iter().map(|(name, _)| name.as_str());
        let mut problems = Vec::new();
        for (name, channel) in &self.settings.channels {
            let Some(flow) = &channel.flow else { continue };
            let at = [Key("channels"), Key(name.as_str()), Key("flow")];
            if !names().any(|own| own == flow.as_str()) {
                let problem = self.problem(&at, format!("there is no flow `{flow}`"));
                problems.push(problem.suggesting(flow.as_str(), names()));
                continue;
            }
            let without = flows.without_words(flow);
            if !without.is_empty() {
                let what = format!("the flow `{flow}` has no words at {}", without.join(", "));
                problems.push(self.problem(&at, what).allowing("`text` at each of these nodes"));
            }
        }
        problems
    }

    fn known(&self, clips: BTreeSet<String>) -> Known {
        let settings = &self.settings;
        Known {
            clips,
            queues: self.names.queues.clone(),
            callbacks: settings
                .queues
                .iter()
                .filter(|queue| queue.callback.is_some())
                .map(|queue| queue.name.to_string())
                .collect(),
            extensions: self.names.extensions.clone(),
            groups: self.names.groups.clone(),
            mailboxes: self.names.mailboxes.clone(),
            // The site's zone was checked with its section.
            zone: hours::zone(&settings.site.time_zone).unwrap_or(jiff::tz::TimeZone::UTC),
        }
    }

    fn tell(&self, problem: &crate::ivr::Problem) -> Option<Problem> {
        let (fragment, key) = match &problem.place {
            Place::Flow(name) => {
                let (_, fragment) = self.flows.iter().find(|(flow, _)| flow == name)?;
                (fragment, format!("flow.{name}"))
            }
            Place::Calendar(place) => (self.calendars.get(*place)?, format!("calendar[{place}]")),
        };
        let told = fragment.problem(problem.span.clone(), &key, problem.mistake.to_string());
        let told = match problem.allowed() {
            Some(allowed) => told.allowing(allowed),
            None => told,
        };
        if problem.known.is_empty() {
            return Some(told);
        }
        // `queue:suport` is near `support`, not near all of `queue:support`.
        let written = match &problem.mistake {
            Mistake::Flow(name) => format!("flow:{name}"),
            _ => problem.written().to_owned(),
        };
        Some(told.suggesting(&written, problem.known.iter().map(String::as_str)))
    }
}

fn read_all<'a>(
    fragments: impl Iterator<Item = &'a Fragment>,
    problems: &mut Vec<Problem>,
) -> Vec<hours::Settings> {
    let mut all = Vec::new();
    for fragment in fragments {
        match fragment.read() {
            Ok(settings) => all.push(settings),
            Err(mistakes) => problems.extend(mistakes),
        }
    }
    all
}
