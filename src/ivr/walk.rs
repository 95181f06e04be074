//! One caller in a flow: plays, listens to keys, waits, goes on.
//!
//! Waiting times begin when a prompt has ended. Keys that were pressed while nobody asked for one are kept for the next
//! node that does, unless it wants them forgotten.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hours::{self, State};
use crate::id::{FlowId, RecordingId};
use crate::ivr::check::{Collect, Flows, Menu, REPEAT, Spot, Step};
use crate::ivr::flow::Said;
use crate::ivr::walk::calling_back::Asking;
use crate::ivr::{ARTICLE, ClipName, Outcome, Output, speak};
use crate::time::Now;

/// Nodes that a walk may pass without anything being played or waited for. A checked flow has no circle of such nodes,
/// so this is above the length of any sensible one.
const MOST_STEPS: usize = 256;

/// Keys that are kept for later: what an impatient caller who knows the menus types ahead.
const MOST_KEYS: usize = 32;

mod calling_back;

/// Clips that follow what was collected, to have it confirmed.
const CONFIRM: [&str; 2] = ["you-entered", "confirm-entry"];

/// What the walk is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// The end of a prompt.
    Playing,
    /// The end of what is said after a mistake; the node's own prompt follows.
    Scolding,
    /// A key.
    Listening,
    /// The end of a recording.
    Recording,
    /// Orders of a program, or the end of one.
    Orders,
    /// Word of whether a code is good.
    Checking,
    /// The end of what is said to who had no good one; they go on elsewhere.
    Parting,
    /// Word from where the caller was sent.
    Away,
    /// Nothing: the walk is over, or the caller hears himself.
    Over,
}

/// A walk.
#[derive(Debug)]
pub struct Walk {
    flows: Arc<Flows>,
    at: Spot,
    doing: Doing,
    /// Failed attempts at this node.
    attempts: u16,
    /// Keys of the entry under way.
    entry: String,
    /// The entry was said back and waits for a yes.
    confirming: bool,
    /// What a caller who would be called back is being asked.
    asking: Asking,
    ahead: VecDeque<char>,
    variables: BTreeMap<String, String>,
    deadline: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Walk {
    /// A walk that will begin at the start of `flow`. A flow that does not exist is an empty one.
    pub fn new(flows: Arc<Flows>, flow: &FlowId) -> Self {
        Walk {
            at: flows.start(flow).unwrap_or(REPEAT),
            flows,
            doing: Doing::Over,
            attempts: 0,
            entry: String::new(),
            confirming: false,
            asking: Asking::default(),
            ahead: VecDeque::new(),
            variables: BTreeMap::new(),
            deadline: None,
            outputs: VecDeque::new(),
        }
    }

    /// The caller is there.
    pub fn handle_started(&mut self, now: Now) {
        self.enter(now, self.at);
    }

    /// A key was pressed.
    pub fn handle_digit(&mut self, now: Now, key: char) {
        let key = key.to_ascii_uppercase();
        if !(key.is_ascii_digit() || matches!(key, '*' | '#')) {
            return;
        }
        let flows = self.flows.clone();
        let Some(node) = flows.node(self.at) else { return };
        match (&node.step, self.doing) {
            (
                _,
                Doing::Over | Doing::Away | Doing::Recording | Doing::Checking | Doing::Parting,
            ) => {}
            (Step::Menu(menu), Doing::Listening) => self.chosen(now, menu, key),
            (Step::Menu(menu), _) if menu.interruptible => {
                self.hush();
                self.chosen(now, menu, key);
            }
            (Step::Collect(collect), _) => {
                self.hush();
                self.keyed(now, collect, key);
            }
            (Step::CallBack(callback), _) => self.callback_key(now, callback, key),
            (Step::Say { interruptible: true, next, .. }, Doing::Playing) => {
                self.remember(key);
                self.hush();
                self.enter(now, *next);
            }
            _ => self.remember(key),
        }
    }

    /// What was played has ended.
    pub fn handle_played(&mut self, now: Now) {
        let flows = self.flows.clone();
        let Some(node) = flows.node(self.at) else { return };
        match (&node.step, self.doing) {
            (Step::Menu(menu), Doing::Scolding) => self.say(now, &menu.prompt, menu.interruptible),
            (Step::Collect(collect), Doing::Scolding) => self.say(now, &collect.prompt, true),
            (Step::Menu(menu), Doing::Playing) => self.listen(now, menu.wait),
            (Step::Collect(collect), Doing::Parting) => self.enter(now, collect.otherwise),
            (Step::Collect(collect), Doing::Playing) => self.listen(now, collect.wait),
            (Step::Say { next, .. }, Doing::Playing) => self.enter(now, *next),
            (Step::Record { max, silence, .. }, Doing::Playing) => {
                self.doing = Doing::Recording;
                self.outputs.push_back(Output::Record { max: *max, silence: *silence, beep: true });
            }
            (Step::Program { wait, .. }, Doing::Playing) => {
                self.doing = Doing::Orders;
                self.deadline = Some(now.instant + *wait);
                self.outputs.push_back(Output::Waits { node: node.name.clone() });
            }
            (Step::CallBack(callback), Doing::Playing) => self.callback_played(now, callback),
            (Step::HangUp { .. }, Doing::Playing) => self.over(Output::HangUp),
            _ => {}
        }
    }

    /// Whether a program may give orders here at this moment.
    pub fn takes_orders(&self) -> bool {
        self.doing == Doing::Orders
    }

    /// A program's order is carried out: whoever gave it is there, and is waited for.
    pub fn handle_order(&mut self) {
        if self.takes_orders() {
            self.deadline = None;
        }
    }

    /// It was: the next one has to come in time.
    pub fn handle_order_done(&mut self, now: Now) {
        let flows = self.flows.clone();
        if let (Some(Step::Program { wait, .. }), Doing::Orders) =
            (flows.node(self.at).map(|node| &node.step), self.doing)
        {
            self.deadline = Some(now.instant + *wait);
        }
    }

    /// The program sends the caller on; [`Walk::handle_refused`] follows if nobody takes them.
    pub fn handle_sent_on(&mut self) {
        if self.takes_orders() {
            self.doing = Doing::Away;
            self.deadline = None;
            self.ahead.clear();
        }
    }

    /// The message was taken.
    pub fn handle_recorded(&mut self, now: Now, _recording: RecordingId, _length: Duration) {
        self.handle_order_done(now);
        let flows = self.flows.clone();
        if let (Some(Step::Record { next, .. }), Doing::Recording) =
            (flows.node(self.at).map(|node| &node.step), self.doing)
        {
            self.enter(now, *next);
        }
    }

    /// Where the caller was sent did not take him.
    pub fn handle_refused(&mut self, now: Now, outcome: Outcome) {
        let flows = self.flows.clone();
        let step = flows.node(self.at).map(|node| &node.step);
        let next = match (step, self.doing, outcome) {
            (Some(Step::Leave { busy, .. }), Doing::Away, Outcome::Busy) => busy,
            (Some(Step::Leave { no_answer, .. }), Doing::Away, Outcome::NoAnswer) => no_answer,
            (Some(Step::Leave { otherwise, .. }), Doing::Away, Outcome::Failed)
            | (Some(Step::Program { otherwise, .. }), Doing::Away, _) => otherwise,
            (Some(Step::CallBack(_)), Doing::Away, _) => return self.callback_refused(now),
            _ => return,
        };
        self.enter(now, *next);
    }

    /// Whether the code that was keyed in is good.
    pub fn handle_code(&mut self, now: Now, good: bool) {
        let flows = self.flows.clone();
        if let (Some(Step::Collect(collect)), Doing::Checking) =
            (flows.node(self.at).map(|node| &node.step), self.doing)
        {
            match good {
                true => self.enter(now, collect.next),
                false => self.refused(now, collect),
            }
        }
    }

    /// The time for a key, or for an order, is over.
    pub fn handle_timeout(&mut self, now: Now) {
        let waits = matches!(self.doing, Doing::Listening | Doing::Orders);
        if !(waits && self.deadline.is_some_and(|at| at <= now.instant)) {
            return;
        }
        self.deadline = None;
        let flows = self.flows.clone();
        match flows.node(self.at).map(|node| &node.step) {
            Some(Step::Program { otherwise, .. }) => self.enter(now, *otherwise),
            Some(Step::CallBack(callback)) => self.callback_silence(now, callback),
            Some(Step::Menu(menu)) => {
                self.again(now, &menu.silence, &menu.prompt, menu.retries, menu.otherwise)
            }
            Some(Step::Collect(collect)) if self.entry.is_empty() || self.confirming => {
                self.confirming = false;
                self.entry.clear();
                self.again(now, &[], &collect.prompt, collect.retries, collect.otherwise);
            }
            Some(Step::Collect(collect)) => self.entered(now, collect),
            _ => {}
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

/// Moving on.
impl Walk {
    /// Goes to a node, and on through those that take no time.
    fn enter(&mut self, now: Now, mut to: Spot) {
        let flows = self.flows.clone();
        for _ in 0..MOST_STEPS {
            let Some(node) = flows.node(to) else { break };
            self.at = to;
            self.attempts = 0;
            self.entry.clear();
            self.confirming = false;
            self.asking = Asking::default();
            self.deadline = None;
            self.outputs.push_back(Output::Visited { node: node.name.clone() });
            match self.begin(now, &node.step) {
                Some(next) => to = next,
                None => return,
            }
        }
        self.over(Output::HangUp);
    }

    /// Does what a node begins with. Answers where it leads at once, if it does.
    fn begin(&mut self, now: Now, step: &Step) -> Option<Spot> {
        match step {
            Step::Menu(menu) => self.begin_menu(now, menu),
            Step::Collect(collect) => self.begin_collect(now, collect),
            Step::Say { next, interruptible: true, .. } if !self.ahead.is_empty() => {
                return Some(*next);
            }
            Step::Say { prompt, interruptible, .. } => self.say(now, prompt, *interruptible),
            Step::Record { prompt, .. } => {
                self.ahead.clear();
                self.say(now, prompt, false);
            }
            Step::HangUp { prompt } | Step::Program { prompt, .. } => self.say(now, prompt, false),
            Step::CallBack(callback) => {
                // What was typed ahead confirms nothing that was not read out.
                self.ahead.clear();
                self.say(now, &callback.prompt, false);
            }
            Step::Goto(next) | Step::Knowledge { otherwise: next, .. } => return Some(*next),
            Step::Hours { calendar, open, closed, holiday } => {
                let state = self.flows.calendar(*calendar).map(|calendar| calendar.state(now.unix));
                return Some(match state {
                    Some(State::Open) => *open,
                    Some(State::Holiday) => *holiday,
                    Some(State::Closed) | None => *closed,
                });
            }
            Step::Leave { to, .. } => {
                self.doing = Doing::Away;
                self.ahead.clear();
                self.outputs.push_back(Output::Leave(to.clone()));
            }
            Step::Echo => self.over(Output::Echo),
        }
        None
    }

    fn begin_menu(&mut self, now: Now, menu: &Menu) {
        if menu.flush {
            self.ahead.clear();
        }
        match self.ahead.pop_front() {
            Some(key) => self.chosen(now, menu, key),
            None => self.say(now, &menu.prompt, menu.interruptible),
        }
    }

    fn begin_collect(&mut self, now: Now, collect: &Collect) {
        if self.ahead.is_empty() {
            return self.say(now, &collect.prompt, true);
        }
        let here = self.at;
        while self.at == here && !self.confirming && self.doing != Doing::Checking {
            match self.ahead.pop_front() {
                Some(key) => self.keyed(now, collect, key),
                None => return,
            }
        }
    }

    fn over(&mut self, output: Output) {
        self.doing = Doing::Over;
        self.deadline = None;
        self.outputs.push_back(output);
    }
}

/// Sound and keys.
impl Walk {
    /// Plays a prompt; one with nothing in it has ended at once.
    fn say(&mut self, now: Now, prompt: &[Said], interruptible: bool) {
        let clips = self.clips(now, prompt);
        self.say_clips(now, clips, interruptible);
    }

    fn say_clips(&mut self, now: Now, clips: Vec<ClipName>, interruptible: bool) {
        self.doing = Doing::Playing;
        self.deadline = None;
        if clips.is_empty() {
            self.handle_played(now);
        } else {
            self.outputs.push_back(Output::Play { clips, interruptible });
        }
    }

    fn clips(&self, now: Now, prompt: &[Said]) -> Vec<ClipName> {
        let variable = |name: &String| self.variables.get(name).map_or("", String::as_str);
        let spoken = |said: &Said| match said {
            Said::Clip(name) => vec![ClipName::from(name.as_str())],
            Said::Digits(name) => speak::digits(variable(name)),
            Said::Number(name) => match variable(name).parse() {
                Ok(number) => speak::number(number),
                Err(_) => speak::digits(variable(name)),
            },
            // Which sound that is, whoever plays it knows.
            Said::Article(name) => vec![ClipName::from(format!("{ARTICLE}{name}").as_str())],
            Said::Time => hours::local(now.unix, self.flows.zone())
                .map_or_else(Vec::new, |(_, time)| speak::time(time)),
            Said::Date => hours::local(now.unix, self.flows.zone())
                .map_or_else(Vec::new, |(date, _)| speak::date(date)),
        };
        prompt.iter().flat_map(spoken).collect()
    }

    fn listen(&mut self, now: Now, wait: Duration) {
        self.doing = Doing::Listening;
        self.deadline = Some(now.instant + wait);
    }

    fn hush(&mut self) {
        if matches!(self.doing, Doing::Playing | Doing::Scolding) {
            self.outputs.push_back(Output::StopPlaying);
            self.doing = Doing::Listening;
        }
    }

    fn remember(&mut self, key: char) {
        if self.ahead.len() < MOST_KEYS {
            self.ahead.push_back(key);
        }
    }

    fn chosen(&mut self, now: Now, menu: &Menu, key: char) {
        match menu.choices.get(&key) {
            Some(&REPEAT) => {
                self.attempts = 0;
                self.say(now, &menu.prompt, menu.interruptible);
            }
            Some(next) => self.enter(now, *next),
            None => self.again(now, &menu.invalid, &menu.prompt, menu.retries, menu.otherwise),
        }
    }

    fn keyed(&mut self, now: Now, collect: &Collect, key: char) {
        if self.confirming {
            return self.confirmed(now, collect, key);
        }
        if collect.terminator == Some(key) {
            return self.entered(now, collect);
        }
        self.entry.push(key);
        if self.entry.len() >= collect.max {
            self.entered(now, collect);
        } else {
            self.listen(now, collect.key_wait);
        }
    }

    fn entered(&mut self, now: Now, collect: &Collect) {
        if self.entry.len() < collect.min {
            return self.refused(now, collect);
        }
        if collect.code {
            let digits = std::mem::take(&mut self.entry);
            (self.doing, self.deadline) = (Doing::Checking, None);
            return self.outputs.push_back(Output::Code { digits });
        }
        let entry = self.entry.clone();
        self.variables.insert(collect.variable.clone(), entry);
        if collect.confirm {
            self.confirming = true;
            let [before, after] = CONFIRM.map(|clip| Said::Clip(clip.to_owned()));
            self.say(now, &[before, Said::Digits(collect.variable.clone()), after], true);
        } else {
            self.collected(now, collect);
        }
    }

    fn refused(&mut self, now: Now, collect: &Collect) {
        self.entry.clear();
        if collect.code && self.attempts >= collect.retries {
            // They are told once more: what comes next would else be heard as if the code had been good.
            self.ahead.clear();
            let clips = self.clips(now, &collect.invalid);
            if clips.is_empty() {
                return self.enter(now, collect.otherwise);
            }
            (self.doing, self.deadline) = (Doing::Parting, None);
            return self.outputs.push_back(Output::Play { clips, interruptible: false });
        }
        self.again(now, &collect.invalid, &collect.prompt, collect.retries, collect.otherwise);
    }

    fn confirmed(&mut self, now: Now, collect: &Collect, key: char) {
        self.confirming = false;
        if key == '1' {
            return self.collected(now, collect);
        }
        self.entry.clear();
        self.again(now, &[], &collect.prompt, collect.retries, collect.otherwise);
    }

    fn collected(&mut self, now: Now, collect: &Collect) {
        let digits = std::mem::take(&mut self.entry);
        self.outputs.push_back(Output::Collected { name: collect.variable.clone(), digits });
        self.enter(now, collect.next);
    }

    /// Asks once more, or gives up.
    fn again(&mut self, now: Now, first: &[Said], prompt: &[Said], retries: u16, otherwise: Spot) {
        self.attempts += 1;
        self.ahead.clear();
        if self.attempts > retries {
            return self.enter(now, otherwise);
        }
        let clips = self.clips(now, first);
        if clips.is_empty() {
            return self.say(now, prompt, true);
        }
        self.doing = Doing::Scolding;
        self.deadline = None;
        self.outputs.push_back(Output::Play { clips, interruptible: true });
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
