//! Turns flows as written into flows that can be walked, or says everything that is wrong with them.
//!
//! A checked flow has no loose end: every target exists, every clip and queue is known, every node can be reached, and
//! no circle goes round without the caller pressing a key.

mod mistake;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use jiff::tz::TimeZone;
use toml::Spanned;

use crate::address;
use crate::hours::{self, Calendar};
use crate::id::{ExtensionId, FlowId, GroupId, QueueId, SkillId};
use crate::ivr::flow::{Prompt, Said, Settings, Text};
use crate::ivr::{CODE_DIGITS, Destination, Promised, prompts};

pub use mistake::{Mistake, Place, Problem};

use ways::ways;

/// What flows may refer to.
#[derive(Debug, Clone)]
pub struct Known {
    /// Clips, built-in and the site's.
    pub clips: BTreeSet<String>,
    /// Queues.
    pub queues: BTreeSet<String>,
    /// Those of them that call people back.
    pub callbacks: BTreeSet<String>,
    /// Extensions.
    pub extensions: BTreeSet<String>,
    /// Ring groups.
    pub groups: BTreeSet<String>,
    /// Extensions with a mailbox.
    pub mailboxes: BTreeSet<String>,
    /// The site's time zone.
    pub zone: TimeZone,
}

/// Where a walk stands: a flow and a node of it. Both exist.
pub(super) type Spot = (usize, usize);

/// Flows that were checked. Nothing in them leads nowhere.
#[derive(Debug)]
pub struct Flows {
    names: BTreeMap<FlowId, usize>,
    flows: Vec<Flow>,
    calendars: Vec<Calendar>,
    zone: TimeZone,
}

#[derive(Debug)]
struct Flow {
    start: usize,
    nodes: Vec<Node>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub name: String,
    pub step: Step,
    /// What it says in writing.
    pub words: Words,
    /// Its name's place; nothing for what a target stands for.
    span: Option<Range<usize>>,
}

/// What a node says in writing.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pub text: Option<String>,
    /// What each key stands for.
    pub labels: BTreeMap<char, String>,
}

impl Node {
    /// Whether nobody wrote it: it is what a target stands for.
    pub fn is_made_up(&self) -> bool {
        self.span.is_none()
    }
}

/// What a node does.
#[derive(Debug)]
pub(super) enum Step {
    Menu(Menu),
    Say {
        prompt: Vec<Said>,
        interruptible: bool,
        next: Spot,
    },
    Collect(Collect),
    Record {
        prompt: Vec<Said>,
        max: Duration,
        silence: Option<Duration>,
        next: Spot,
    },
    Hours {
        calendar: usize,
        open: Spot,
        closed: Spot,
        holiday: Spot,
    },
    /// In writing alone; callers go on at once.
    Knowledge {
        next: Spot,
        otherwise: Spot,
    },
    CallBack(CallBack),
    Leave {
        to: Destination,
        busy: Spot,
        no_answer: Spot,
        otherwise: Spot,
    },
    Goto(Spot),
    Program {
        prompt: Vec<Said>,
        wait: Duration,
        otherwise: Spot,
    },
    HangUp {
        prompt: Vec<Said>,
    },
    Echo,
}

#[derive(Debug)]
pub(super) struct Menu {
    pub prompt: Vec<Said>,
    pub choices: BTreeMap<char, Spot>,
    pub wait: Duration,
    pub retries: u16,
    pub invalid: Vec<Said>,
    pub silence: Vec<Said>,
    pub otherwise: Spot,
    pub interruptible: bool,
    pub flush: bool,
}

#[derive(Debug)]
pub(super) struct Collect {
    pub prompt: Vec<Said>,
    pub variable: String,
    pub min: usize,
    pub max: usize,
    pub terminator: Option<char>,
    pub wait: Duration,
    pub key_wait: Duration,
    pub retries: u16,
    pub invalid: Vec<Said>,
    pub confirm: bool,
    /// It is a conversation's code: whether it is good is said from outside, and nobody is told the keys.
    pub code: bool,
    pub next: Spot,
    pub otherwise: Spot,
}

#[derive(Debug)]
pub(super) struct CallBack {
    pub place: Promised,
    pub prompt: Vec<Said>,
    pub keyed: bool,
    pub abroad: bool,
    pub wait: Duration,
    pub retries: u16,
    pub otherwise: Spot,
}

impl Flows {
    /// Where a flow begins; nothing if there is no such flow.
    pub(super) fn start(&self, flow: &FlowId) -> Option<Spot> {
        let flow = *self.names.get(flow)?;
        Some((flow, self.flows.get(flow)?.start))
    }

    pub(super) fn node(&self, (flow, node): Spot) -> Option<&Node> {
        self.flows.get(flow)?.nodes.get(node)
    }

    /// A node that somebody wrote, by its name.
    pub(super) fn named(&self, flow: usize, name: &str) -> Option<Spot> {
        let nodes = &self.flows.get(flow)?.nodes;
        let at = nodes.iter().position(|node| !node.is_made_up() && node.name == name)?;
        Some((flow, at))
    }

    /// The name of the flow at a place.
    pub(super) fn flow_at(&self, (flow, _): Spot) -> Option<FlowId> {
        let mut names = self.names.iter();
        names.find(|(_, at)| **at == flow).map(|(name, _)| name.clone())
    }

    /// The node at a place, if it is one that calls back.
    pub(super) fn callback(&self, spot: Spot) -> Option<&CallBack> {
        match &self.node(spot)?.step {
            Step::CallBack(callback) => Some(callback),
            _ => None,
        }
    }

    /// Whether a flow asks for keys that it calls so.
    pub fn collects(&self, flow: &FlowId, variable: &str) -> bool {
        let flow = self.names.get(flow).and_then(|flow| self.flows.get(*flow));
        let asks =
            |node: &Node| matches!(&node.step, Step::Collect(own) if own.variable == variable);
        flow.is_some_and(|flow| flow.nodes.iter().any(asks))
    }

    /// Whether somebody who begins with a flow can come to where a conversation's code is asked for.
    pub fn takes_codes(&self, flow: &FlowId) -> bool {
        let asks = |spot| matches!(self.node(spot).map(|node| &node.step), Some(Step::Collect(own)) if own.code);
        self.start(flow).is_some_and(|start| ways::reached(self, start).into_iter().any(asks))
    }

    /// Names of the nodes that somebody wrote, of all flows.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        let nodes = self.flows.iter().flat_map(|flow| &flow.nodes);
        nodes.filter(|node| node.span.is_some()).map(|node| node.name.as_str())
    }

    pub(super) fn calendar(&self, calendar: usize) -> Option<&Calendar> {
        self.calendars.get(calendar)
    }

    /// The site's time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// Checks flows and calendars together. Every mistake is listed, in the order of the flows and their texts.
pub fn check(
    flows: &[(FlowId, Settings)],
    calendars: &[hours::Settings],
    known: &Known,
) -> Result<Flows, Vec<Problem>> {
    let mut compiler = Compiler::new(flows, calendars, known);
    let checked: Vec<_> =
        calendars.iter().enumerate().filter_map(|(i, c)| compiler.calendar(i, c)).collect();
    let compiled = flows
        .iter()
        .enumerate()
        .map(|(place, (_, settings))| compiler.flow(place, settings))
        .collect();
    let names = compiler.flows.clone();
    let mut problems = compiler.problems;
    let flows_checked =
        Flows { names, flows: compiled, calendars: checked, zone: known.zone.clone() };
    // Ways can only be followed where all of them lead somewhere.
    if problems.is_empty() {
        problems = ways(&flows_checked, flows);
    }
    let order = |place: &Place| match place {
        Place::Flow(name) => flows.iter().position(|(flow, _)| flow == name).unwrap_or(0),
        Place::Calendar(place) => flows.len() + place,
    };
    problems.sort_by_key(|problem| (order(&problem.place), problem.span.start));
    if problems.is_empty() { Ok(flows_checked) } else { Err(problems) }
}

struct Compiler<'a> {
    known: &'a Known,
    flows: BTreeMap<FlowId, usize>,
    starts: Vec<usize>,
    calendars: Vec<&'a str>,
    problems: Vec<Problem>,
    place: Place,
}

/// One flow being compiled: its named nodes come first, what targets stand for follows.
struct Draft<'a> {
    flow: usize,
    names: BTreeMap<&'a str, usize>,
    variables: BTreeSet<&'a str>,
    extra: Vec<Node>,
    named: usize,
}

impl<'a> Compiler<'a> {
    fn new(
        flows: &'a [(FlowId, Settings)],
        calendars: &'a [hours::Settings],
        known: &'a Known,
    ) -> Self {
        let names =
            flows.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect();
        let start = |settings: &Settings| {
            let wanted = settings.start.get_ref();
            node_names(settings).iter().position(|name| name.get_ref() == wanted).unwrap_or(0)
        };
        Compiler {
            known,
            flows: names,
            starts: flows.iter().map(|(_, settings)| start(settings)).collect(),
            calendars: calendars.iter().map(|calendar| calendar.name.get_ref().as_str()).collect(),
            problems: Vec::new(),
            place: Place::Calendar(0),
        }
    }

    fn problem(&mut self, span: Range<usize>, mistake: Mistake, known: Vec<String>) {
        self.problems.push(Problem { place: self.place.clone(), span, mistake, known });
    }

    fn calendar(&mut self, place: usize, settings: &hours::Settings) -> Option<Calendar> {
        self.place = Place::Calendar(place);
        let name = settings.name.get_ref();
        if self.calendars.get(..place).is_some_and(|before| before.contains(&name.as_str())) {
            let twice = Mistake::TwoCalendars(name.clone());
            self.problem(settings.name.span(), twice, Vec::new());
        }
        match Calendar::new(settings, &self.known.zone) {
            Ok(calendar) => Some(calendar),
            Err(mistakes) => {
                for (mistake, span) in mistakes {
                    self.problem(span, Mistake::Hours(mistake), Vec::new());
                }
                None
            }
        }
    }

    fn flow(&mut self, place: usize, settings: &'a Settings) -> Flow {
        let id = self.flows.iter().find(|(_, at)| **at == place).map(|(id, _)| id.clone());
        self.place = Place::Flow(id.unwrap_or_else(|| FlowId::from("")));
        let names = node_names(settings);
        let mut draft = Draft {
            flow: place,
            names: BTreeMap::new(),
            variables: settings.collect.values().map(|c| c.variable.get_ref().as_str()).collect(),
            extra: Vec::new(),
            named: names.len(),
        };
        for (at, name) in names.iter().enumerate() {
            if draft.names.insert(name.get_ref(), at).is_some() {
                self.problem(name.span(), Mistake::Twice(name.get_ref().clone()), Vec::new());
            }
        }
        let start = self.start(&draft, &settings.start);
        let mut nodes = self.nodes(&mut draft, settings);
        nodes.extend(draft.extra);
        Flow { start, nodes }
    }

    /// A flow begins with a node that has a name, so that other flows can lead there.
    fn start(&mut self, draft: &Draft<'a>, start: &Text) -> usize {
        if let Some(node) = draft.names.get(start.get_ref().as_str()) {
            return *node;
        }
        let known = draft.names.keys().map(|name| (*name).to_owned()).collect();
        self.problem(start.span(), Mistake::Node(start.get_ref().clone()), known);
        0
    }

    /// The named nodes, in the order of [`node_names`].
    fn nodes(&mut self, draft: &mut Draft<'a>, settings: &'a Settings) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut add = |name: &Text, step: Step| {
            let (name, span) = (name.get_ref().clone(), Some(name.span()));
            nodes.push(Node { name, step, words: Words::default(), span });
        };
        settings.menu.iter().for_each(|(name, menu)| add(name, self.menu(draft, menu)));
        settings.say.iter().for_each(|(name, say)| {
            let prompt = self.prompt(draft, &say.prompt);
            let next = self.target(draft, &say.next);
            add(name, Step::Say { prompt, interruptible: say.interruptible, next });
        });
        settings.collect.iter().for_each(|(name, collect)| add(name, self.collect(draft, collect)));
        settings
            .conversation_code
            .iter()
            .for_each(|(name, code)| add(name, self.code(draft, code)));
        settings.knowledge.iter().for_each(|(name, node)| {
            let next = self.target(draft, &node.next);
            let otherwise = self.otherwise(draft, &node.otherwise, prompts::GOODBYE);
            add(name, Step::Knowledge { next, otherwise });
        });
        settings.record.iter().for_each(|(name, record)| add(name, self.record(draft, record)));
        settings.hours.iter().for_each(|(name, hours)| add(name, self.hours(draft, hours)));
        settings.queue.iter().for_each(|(name, queue)| add(name, self.queue(draft, queue)));
        settings.callback.iter().for_each(|(name, node)| add(name, self.callback(draft, node)));
        settings.extension.iter().for_each(|(name, node)| {
            let to = self.extension(&node.extension, node.extension.get_ref());
            let ways = [&node.busy, &node.no_answer, &node.otherwise];
            add(name, self.leave(draft, Destination::Extension(to), ways));
        });
        settings.number.iter().for_each(|(name, node)| {
            let to = self.number(&node.number, node.number.get_ref());
            let ways = [&node.busy, &node.no_answer, &node.otherwise];
            add(name, self.leave_number(draft, to, ways));
        });
        settings
            .goto
            .iter()
            .for_each(|(name, goto)| add(name, Step::Goto(self.target(draft, &goto.to))));
        settings.program.iter().for_each(|(name, node)| {
            let prompt = self.prompt(draft, &node.prompt);
            let wait = self.seconds(&node.wait, 1, 60);
            let otherwise = self.otherwise(draft, &node.otherwise, prompts::UNAVAILABLE);
            add(name, Step::Program { prompt, wait, otherwise });
        });
        settings.hang_up.iter().for_each(|(name, node)| {
            add(name, Step::HangUp { prompt: self.prompt(draft, &node.prompt) });
        });
        self.words(settings, &mut nodes);
        nodes
    }

    /// What nodes say in writing.
    fn words(&mut self, settings: &Settings, nodes: &mut [Node]) {
        let menus = settings.menu.iter().map(|(name, menu)| (name, &menu.text));
        let says = settings.say.iter().map(|(name, say)| (name, &say.text));
        let collects = settings.collect.iter().map(|(name, collect)| (name, &collect.text));
        let ends = settings.hang_up.iter().map(|(name, end)| (name, &end.text));
        let codes = settings.conversation_code.iter().map(|(name, code)| (name, &code.text));
        let asks = settings.knowledge.iter().map(|(name, node)| (name, &node.text));
        let all = menus.chain(says).chain(collects).chain(codes).chain(asks).chain(ends);
        for (name, text) in all {
            let own = nodes.iter_mut().find(|node| node.name == *name.get_ref());
            own.into_iter().for_each(|node| node.words.text.clone_from(text));
        }
        for (name, menu) in &settings.menu {
            let chosen = |key: &Text| menu.choices.keys().any(|own| own.get_ref() == key.get_ref());
            let mut labels = BTreeMap::new();
            for (key, label) in &menu.labels {
                match single_key(key.get_ref()).filter(|_| chosen(key)) {
                    Some(own) => _ = labels.insert(own, label.clone()),
                    None => self.problem(
                        key.span(),
                        Mistake::Key(key.get_ref().clone()),
                        menu.choices.keys().map(|key| key.get_ref().clone()).collect(),
                    ),
                }
            }
            let own = nodes.iter_mut().find(|node| node.name == *name.get_ref());
            own.into_iter().for_each(|node| node.words.labels.clone_from(&labels));
        }
    }

    fn menu(&mut self, draft: &mut Draft<'a>, menu: &'a super::flow::Menu) -> Step {
        let mut choices = BTreeMap::new();
        for (key, target) in &menu.choices {
            let to = match target.get_ref().as_str() {
                // The node's own place is not known here; it is filled in when the walk gets there.
                "repeat" => REPEAT,
                _ => self.target(draft, target),
            };
            match single_key(key.get_ref()) {
                Some(key) => {
                    choices.insert(key, to);
                }
                None => self.problem(key.span(), Mistake::Key(key.get_ref().clone()), Vec::new()),
            }
        }
        Step::Menu(Menu {
            prompt: self.prompt(draft, &menu.prompt),
            choices,
            wait: self.seconds(&menu.wait, 1, 60),
            retries: self.range(&menu.retries, 0, 10),
            invalid: self.prompt(draft, &menu.invalid),
            silence: self.prompt(draft, &menu.silence),
            otherwise: self.otherwise(draft, &menu.otherwise, prompts::GOODBYE),
            interruptible: menu.interruptible,
            flush: menu.flush,
        })
    }

    fn collect(&mut self, draft: &mut Draft<'a>, collect: &'a super::flow::Collect) -> Step {
        let (min, max) = (self.range(&collect.min, 1, 32), self.range(&collect.max, 1, 32));
        if min > max {
            self.problem(collect.min.span(), Mistake::MinAboveMax, Vec::new());
        }
        let terminator = collect.terminator.get_ref();
        if !terminator.is_empty() && !["#", "*"].contains(&terminator.as_str()) {
            let known = vec!["#".to_owned(), "*".to_owned()];
            self.problem(collect.terminator.span(), Mistake::Key(terminator.clone()), known);
        }
        Step::Collect(Collect {
            prompt: self.prompt(draft, &collect.prompt),
            variable: collect.variable.get_ref().clone(),
            min: min.into(),
            max: max.into(),
            terminator: single_key(terminator),
            wait: self.seconds(&collect.wait, 1, 60),
            key_wait: self.seconds(&collect.key_wait, 1, 30),
            retries: self.range(&collect.retries, 0, 10),
            invalid: self.prompt(draft, &collect.invalid),
            confirm: collect.confirm,
            code: false,
            next: self.target(draft, &collect.next),
            otherwise: self.otherwise(draft, &collect.otherwise, prompts::GOODBYE),
        })
    }

    fn code(&mut self, draft: &mut Draft<'a>, code: &'a super::flow::ConversationCode) -> Step {
        Step::Collect(Collect {
            prompt: self.prompt(draft, &code.prompt),
            variable: String::new(),
            min: CODE_DIGITS,
            max: CODE_DIGITS,
            terminator: Some('#'),
            wait: self.seconds(&code.wait, 1, 60),
            key_wait: self.seconds(&code.key_wait, 1, 30),
            retries: self.range(&code.retries, 0, 3),
            invalid: self.prompt(draft, &code.invalid),
            confirm: false,
            code: true,
            next: self.target(draft, &code.next),
            otherwise: self.otherwise(draft, &code.otherwise, prompts::GOODBYE),
        })
    }

    fn record(&mut self, draft: &mut Draft<'a>, record: &'a super::flow::Record) -> Step {
        let silence = self.seconds(&record.silence, 0, 30);
        Step::Record {
            prompt: self.prompt(draft, &record.prompt),
            max: self.seconds(&record.max, 5, 600),
            silence: (!silence.is_zero()).then_some(silence),
            next: self.otherwise(draft, &record.next, prompts::MESSAGE_SAVED),
        }
    }

    fn hours(&mut self, draft: &mut Draft<'a>, hours: &'a super::flow::Hours) -> Step {
        let wanted = hours.calendar.get_ref();
        let calendar = self.calendars.iter().position(|name| name == wanted);
        if calendar.is_none() {
            let known = self.calendars.iter().map(|name| (*name).to_owned()).collect();
            self.problem(hours.calendar.span(), Mistake::Calendar(wanted.clone()), known);
        }
        let closed = self.target(draft, &hours.closed);
        Step::Hours {
            calendar: calendar.unwrap_or(0),
            open: self.target(draft, &hours.open),
            closed,
            holiday: hours.holiday.as_ref().map_or(closed, |holiday| self.target(draft, holiday)),
        }
    }

    fn queue(&mut self, draft: &mut Draft<'a>, node: &'a super::flow::Queue) -> Step {
        let priority = i32::from(self.range(&node.priority, 0, 1_000));
        let queue = self.queue_name(&node.queue, node.queue.get_ref());
        let skills: BTreeMap<SkillId, u8> = node.skills.clone();
        let to = Destination::Queue { queue, skills, priority };
        self.leave(draft, to, [&None, &None, &node.otherwise])
    }

    fn callback(&mut self, draft: &mut Draft<'a>, node: &'a super::flow::Callback) -> Step {
        let place = Promised {
            queue: self.callback_queue(&node.queue, node.queue.get_ref()),
            skills: node.skills.clone(),
            priority: i32::from(self.range(&node.priority, 0, 1_000)),
        };
        Step::CallBack(CallBack {
            place,
            prompt: self.prompt(draft, &node.prompt),
            keyed: node.keyed,
            abroad: node.abroad,
            wait: self.seconds(&node.wait, 1, 60),
            retries: self.range(&node.retries, 0, 10),
            otherwise: self.otherwise(draft, &node.otherwise, prompts::GOODBYE),
        })
    }

    /// A queue that calls people back.
    fn callback_queue(&mut self, at: &Text, name: &str) -> QueueId {
        if self.known.queues.contains(name) && !self.known.callbacks.contains(name) {
            let known = self.known.callbacks.iter().cloned().collect();
            self.problem(at.span(), Mistake::NoCallback(name.to_owned()), known);
        }
        self.queue_name(at, name)
    }

    /// What `callback:NAME` stands for: the number that calls, and no other.
    fn callback_target(&mut self, draft: &mut Draft<'a>, at: &Text, name: &str) -> Step {
        let queue = self.callback_queue(at, name);
        Step::CallBack(CallBack {
            place: Promised { queue, skills: BTreeMap::new(), priority: 0 },
            prompt: Vec::new(),
            keyed: false,
            abroad: false,
            wait: Duration::from_secs(super::flow::WAIT.into()),
            retries: super::flow::RETRIES,
            otherwise: self.otherwise(draft, &None, prompts::GOODBYE),
        })
    }

    /// `ways`: busy, no answer, otherwise.
    fn leave(
        &mut self,
        draft: &mut Draft<'a>,
        to: Destination,
        ways: [&'a Option<Text>; 3],
    ) -> Step {
        let otherwise = self.otherwise(draft, ways[2], prompts::UNAVAILABLE);
        let mut way = |written: &'a Option<Text>| {
            written.as_ref().map_or(otherwise, |target| self.target(draft, target))
        };
        Step::Leave { to, busy: way(ways[0]), no_answer: way(ways[1]), otherwise }
    }

    fn leave_number(
        &mut self,
        draft: &mut Draft<'a>,
        to: Option<address::Number>,
        ways: [&'a Option<Text>; 3],
    ) -> Step {
        match to {
            Some(number) => self.leave(draft, Destination::Number(number), ways),
            None => Step::Echo,
        }
    }

    fn queue_name(&mut self, at: &Text, name: &str) -> QueueId {
        if !self.known.queues.contains(name) {
            let known = self.known.queues.iter().cloned().collect();
            self.problem(at.span(), Mistake::Queue(name.to_owned()), known);
        }
        QueueId::from(name)
    }

    fn extension(&mut self, at: &Text, name: &str) -> ExtensionId {
        if !self.known.extensions.contains(name) {
            let known = self.known.extensions.iter().cloned().collect();
            self.problem(at.span(), Mistake::Extension(name.to_owned()), known);
        }
        ExtensionId::from(name)
    }

    fn group(&mut self, at: &Text, name: &str) -> GroupId {
        if !self.known.groups.contains(name) {
            let known = self.known.groups.iter().cloned().collect();
            self.problem(at.span(), Mistake::Group(name.to_owned()), known);
        }
        GroupId::from(name)
    }

    fn mailbox(&mut self, at: &Text, name: &str) -> ExtensionId {
        if !self.known.mailboxes.contains(name) {
            let known = self.known.mailboxes.iter().cloned().collect();
            self.problem(at.span(), Mistake::Mailbox(name.to_owned()), known);
        }
        ExtensionId::from(name)
    }

    fn number(&mut self, at: &Text, text: &str) -> Option<address::Number> {
        let number = address::Number::parse(text).ok();
        if number.is_none() {
            self.problem(at.span(), Mistake::Number(text.to_owned()), Vec::new());
        }
        number
    }

    /// Where a target leads. One that is wrong leads to the first node, and its flow is refused.
    fn target(&mut self, draft: &mut Draft<'a>, target: &'a Text) -> Spot {
        let written = target.get_ref().as_str();
        if let Some(node) = draft.names.get(written) {
            return (draft.flow, *node);
        }
        let step = match written.split_once(':') {
            Some(("queue", name)) => {
                let queue = self.queue_name(target, name);
                let to = Destination::Queue { queue, skills: BTreeMap::new(), priority: 0 };
                self.leave(draft, to, [&None, &None, &None])
            }
            Some(("callback", name)) => self.callback_target(draft, target, name),
            Some(("extension", name)) => {
                let to = Destination::Extension(self.extension(target, name));
                self.leave(draft, to, [&None, &None, &None])
            }
            Some(("group", name)) => {
                let to = Destination::Group(self.group(target, name));
                self.leave(draft, to, [&None, &None, &None])
            }
            Some(("voicemail", name)) => {
                let to = Destination::Voicemail(self.mailbox(target, name));
                self.leave(draft, to, [&None, &None, &None])
            }
            Some(("number", text)) => {
                let to = self.number(target, text);
                self.leave_number(draft, to, [&None, &None, &None])
            }
            Some(("flow", name)) => return self.flow_start(draft, target, name),
            None if written == "echo" => Step::Echo,
            None if written == "hang-up" => Step::HangUp { prompt: Vec::new() },
            _ => {
                let mut known: Vec<_> = draft.names.keys().map(|name| (*name).to_owned()).collect();
                known.extend(
                    [
                        "echo",
                        "hang-up",
                        "queue:NAME",
                        "callback:NAME",
                        "extension:NUMBER",
                        "group:NAME",
                        "voicemail:NUMBER",
                        "number:NUMBER",
                        "flow:NAME",
                    ]
                    .map(str::to_owned),
                );
                self.problem(target.span(), Mistake::Node(written.to_owned()), known);
                return (draft.flow, 0);
            }
        };
        draft.add(written, step)
    }

    fn flow_start(&mut self, draft: &Draft<'a>, target: &Text, name: &str) -> Spot {
        let flow = self.flows.get(&FlowId::from(name)).copied();
        match flow.and_then(|flow| Some((flow, *self.starts.get(flow)?))) {
            Some(spot) => spot,
            None => {
                let known = self.flows.keys().map(|flow| format!("flow:{flow}")).collect();
                self.problem(target.span(), Mistake::Flow(name.to_owned()), known);
                (draft.flow, 0)
            }
        }
    }

    /// A target, or a clip and the end of the call where none is written.
    fn otherwise(&mut self, draft: &mut Draft<'a>, target: &'a Option<Text>, clip: &str) -> Spot {
        match target {
            Some(target) => self.target(draft, target),
            None => draft.add(clip, Step::HangUp { prompt: vec![Said::Clip(clip.to_owned())] }),
        }
    }

    fn prompt(&mut self, draft: &Draft<'a>, prompt: &Prompt) -> Vec<Said> {
        for piece in &prompt.0 {
            // A default has no place and is one of ours.
            let Some(span) = &piece.span else { continue };
            match &piece.what {
                Said::Clip(name) if !self.known.clips.contains(name) => {
                    let known = self.known.clips.iter().cloned().collect();
                    self.problem(span.clone(), Mistake::Clip(name.clone()), known);
                }
                Said::Digits(name) | Said::Number(name)
                    if !draft.variables.contains(name.as_str()) =>
                {
                    let known = draft.variables.iter().map(|name| (*name).to_owned()).collect();
                    self.problem(span.clone(), Mistake::Variable(name.clone()), known);
                }
                _ => {}
            }
        }
        prompt.0.iter().map(|piece| piece.what.clone()).collect()
    }

    fn range(&mut self, value: &Spanned<u16>, least: u16, most: u16) -> u16 {
        if !(least..=most).contains(value.get_ref()) {
            self.problem(value.span(), Mistake::Range(*value.get_ref(), least, most), Vec::new());
        }
        *value.get_ref()
    }

    fn seconds(&mut self, value: &Spanned<u16>, least: u16, most: u16) -> Duration {
        Duration::from_secs(self.range(value, least, most).into())
    }
}

impl Draft<'_> {
    /// A node for what a target stands for.
    fn add(&mut self, name: &str, step: Step) -> Spot {
        let words = Words::default();
        self.extra.push(Node { name: name.to_owned(), step, words, span: None });
        (self.flow, self.named + self.extra.len() - 1)
    }
}

/// Stands for the node that a choice is made at.
pub(super) const REPEAT: Spot = (usize::MAX, usize::MAX);

/// The nodes' names, kind by kind.
fn node_names(settings: &Settings) -> Vec<&Text> {
    let mut names: Vec<&Text> = settings.menu.keys().collect();
    names.extend(settings.say.keys());
    names.extend(settings.collect.keys());
    names.extend(settings.conversation_code.keys());
    names.extend(settings.knowledge.keys());
    names.extend(settings.record.keys());
    names.extend(settings.hours.keys());
    names.extend(settings.queue.keys());
    names.extend(settings.callback.keys());
    names.extend(settings.extension.keys());
    names.extend(settings.number.keys());
    names.extend(settings.goto.keys());
    names.extend(settings.program.keys());
    names.extend(settings.hang_up.keys());
    names
}

fn single_key(text: &str) -> Option<char> {
    let mut keys = text.chars();
    let key = keys.next().filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#'))?;
    keys.next().is_none().then_some(key)
}
