//! The ways between the nodes of flows: which lead nowhere near, and which go round.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Flows, Mistake, Place, Problem, REPEAT, Settings, Spot, Step};
use crate::id::FlowId;

/// Follows the ways between nodes: some that are never reached, some that go round without the caller's doing.
pub(super) fn ways(flows: &Flows, written: &[(FlowId, Settings)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, (name, _)) in written.iter().enumerate() {
        let Some(flow) = flows.flows.get(at) else { continue };
        let reached = reached(flows, (at, flow.start));
        for (place, node) in flow.nodes.iter().enumerate() {
            if let (Some(span), false) = (&node.span, reached.contains(&(at, place))) {
                let mistake = Mistake::Unreachable(node.name.clone());
                let place = Place::Flow(name.clone());
                problems.push(Problem { place, span: span.clone(), mistake, known: Vec::new() });
            }
        }
        problems.extend(circles(flows, at, name));
    }
    problems
}

/// Every place that somebody can come to.
pub(super) fn reached(flows: &Flows, start: Spot) -> BTreeSet<Spot> {
    let mut seen = BTreeSet::from([start]);
    let mut left = VecDeque::from([start]);
    while let Some(spot) = left.pop_front() {
        let Some(node) = flows.node(spot) else { continue };
        for next in node.step.by_itself().into_iter().chain(node.step.by_key()) {
            if seen.insert(next) {
                left.push_back(next);
            }
        }
    }
    seen
}

/// Circles that begin at a named node of `flow` and are made of ways that need no key. Each is told once, at the first
/// of its nodes in the file.
fn circles(flows: &Flows, flow: usize, name: &FlowId) -> Vec<Problem> {
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    let nodes = flows.flows.get(flow).map_or(0, |flow| flow.nodes.len());
    for start in (0..nodes).map(|node| (flow, node)) {
        let Some(circle) = circle(flows, start) else { continue };
        let smallest = circle.iter().min().copied();
        let Some(node) = flows.node(start) else { continue };
        if smallest != Some(start) || !told.insert(circle.iter().copied().collect::<BTreeSet<_>>())
        {
            continue;
        }
        let mut names: Vec<_> = circle
            .iter()
            .filter_map(|spot| flows.node(*spot))
            .map(|node| node.name.clone())
            .collect();
        names.push(node.name.clone());
        let span = node.span.clone().unwrap_or(0..0);
        problems.push(Problem {
            place: Place::Flow(name.clone()),
            span,
            mistake: Mistake::Loop(names),
            known: Vec::new(),
        });
    }
    problems
}

/// The shortest way from `start` to itself that needs no key.
fn circle(flows: &Flows, start: Spot) -> Option<Vec<Spot>> {
    let mut before: BTreeMap<Spot, Spot> = BTreeMap::new();
    let mut left = VecDeque::from([start]);
    while let Some(spot) = left.pop_front() {
        for next in flows.node(spot)?.step.by_itself() {
            if next == start {
                let mut way = vec![spot];
                while let Some(earlier) =
                    way.last().filter(|spot| **spot != start).and_then(|s| before.get(s))
                {
                    way.push(*earlier);
                }
                way.reverse();
                return Some(way);
            }
            if next != start && !before.contains_key(&next) {
                before.insert(next, spot);
                left.push_back(next);
            }
        }
    }
    None
}

impl Step {
    /// Where it can lead without a key being pressed.
    fn by_itself(&self) -> Vec<Spot> {
        match self {
            Step::Menu(menu) => vec![menu.otherwise],
            Step::Collect(collect) => vec![collect.otherwise],
            Step::Say { next, .. } | Step::Record { next, .. } | Step::Goto(next) => vec![*next],
            Step::Hours { open, closed, holiday, .. } => vec![*open, *closed, *holiday],
            Step::Leave { busy, no_answer, otherwise, .. } => vec![*busy, *no_answer, *otherwise],
            Step::CallBack(callback) => vec![callback.otherwise],
            Step::Knowledge { otherwise, .. } => vec![*otherwise],
            Step::Program { otherwise, .. } => vec![*otherwise],
            Step::HangUp { .. } | Step::Echo => Vec::new(),
        }
    }

    /// Where a key press can lead.
    fn by_key(&self) -> Vec<Spot> {
        match self {
            Step::Menu(menu) => {
                menu.choices.values().copied().filter(|spot| *spot != REPEAT).collect()
            }
            Step::Collect(collect) => vec![collect.next],
            Step::Knowledge { next, .. } => vec![*next],
            _ => Vec::new(),
        }
    }
}
