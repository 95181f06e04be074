//! A flow in writing: the same nodes that callers walk through, with words in place of sounds.
//!
//! Nothing runs here: each message is one turn, from where somebody stands to where they stand then, so that a restart in
//! between changes nothing. A menu is said with its choices, and understands a key, a choice's label, or a choice that was
//! tapped; what asks for digits understands them with blanks between. What makes sense on the telephone alone (an echo, a
//! recording, a phone that rings) leads to a person instead, as does who is not understood too often.

use std::collections::{BTreeMap, BTreeSet};

use crate::hours::State;
use crate::id::{FlowId, QueueId, SkillId};
use crate::ivr::Destination;
use crate::ivr::check::{Collect, Flows, Menu, Node, REPEAT, Spot, Step};
use crate::time::UnixTime;

/// Nodes that one turn may pass: a checked flow has no circle of nodes that wait for nothing.
const MOST_STEPS: usize = 256;

/// Where somebody stands between two messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// In which flow.
    pub flow: FlowId,
    /// At which node of it.
    pub node: String,
    /// How often they were not understood there.
    pub wrong: u16,
}

/// What is answered, and where that leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What is said, a paragraph for each node; nothing where nothing is.
    pub say: Vec<String>,
    /// What then.
    pub then: Then,
}

/// Where a turn leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// It waits for the next message.
    Waits(Stand),
    /// Whoever of this queue gets it answers.
    Queue {
        /// Which.
        queue: QueueId,
        /// Least levels of skills that are needed.
        skills: BTreeMap<SkillId, u8>,
        /// Higher goes first.
        priority: i32,
    },
    /// Whoever answers where no flow does.
    Person,
    /// It is over.
    Over,
}

impl Flows {
    /// Somebody writes who stands nowhere yet.
    pub fn begin_in_writing(&self, now: UnixTime, flow: &FlowId) -> Turn {
        let mut say = Vec::new();
        match self.start(flow) {
            Some(start) => self.go(now, start, &mut say),
            None => Turn { say, then: Then::Person },
        }
    }

    /// Somebody writes who stands somewhere: words, or the name of a choice that they tapped.
    /// `answer` is what the branch knows to a question.
    pub fn hear(
        &self,
        now: UnixTime,
        stand: &Stand,
        heard: &str,
        answer: &dyn Fn(&str) -> Option<String>,
    ) -> Turn {
        let Some(spot) = self.spot(stand) else {
            // The flow is another one by now.
            return self.begin_in_writing(now, &stand.flow);
        };
        let Some(node) = self.node(spot) else { return self.begin_in_writing(now, &stand.flow) };
        let mut say = Vec::new();
        match &node.step {
            Step::Menu(menu) => match chosen(node, menu, heard) {
                Some(REPEAT) => self.go(now, spot, &mut say),
                Some(next) => self.go(now, next, &mut say),
                None => self.again(now, stand, node, (menu.retries, menu.otherwise)),
            },
            Step::Knowledge { next, otherwise } => match answer(heard) {
                Some(text) => {
                    say.push(text);
                    self.go(now, *next, &mut say)
                }
                None => self.go(now, *otherwise, &mut say),
            },
            // They have the code, and would rather write.
            Step::Collect(collect) if collect.code => Turn { say, then: Then::Person },
            Step::Collect(collect) => match digits(collect, heard) {
                true => self.go(now, collect.next, &mut say),
                false => self.again(now, stand, node, (collect.retries, collect.otherwise)),
            },
            _ => self.go(now, spot, &mut say),
        }
    }

    /// Nodes of a flow, and of those it leads to, that say something to callers and have no words.
    pub fn without_words(&self, flow: &FlowId) -> Vec<String> {
        let mut left: Vec<Spot> = self.start(flow).into_iter().collect();
        let (mut seen, mut without) = (BTreeSet::new(), Vec::new());
        while let Some(spot) = left.pop() {
            let Some(node) = self.node(spot).filter(|_| seen.insert(spot)) else { continue };
            let speaks = matches!(
                node.step,
                Step::Menu(_) | Step::Collect(_) | Step::Knowledge { .. } | Step::Say { .. }
            );
            if speaks && node.words.text.is_none() {
                without.push(node.name.clone());
            }
            left.extend(next_in_writing(&node.step));
        }
        without.sort_unstable();
        without
    }

    fn spot(&self, stand: &Stand) -> Option<Spot> {
        let start = self.start(&stand.flow)?;
        self.named(start.0, &stand.node)
    }

    /// Goes on from a node through all that wait for nothing.
    fn go(&self, now: UnixTime, mut to: Spot, say: &mut Vec<String>) -> Turn {
        for _ in 0..MOST_STEPS {
            let Some(node) = self.node(to) else { break };
            say.extend(said(node));
            to = match &node.step {
                Step::Menu(_) | Step::Collect(_) | Step::Knowledge { .. } => {
                    let Some(flow) = self.flow_at(to) else { break };
                    let stand = Stand { flow, node: node.name.clone(), wrong: 0 };
                    return Turn { say: std::mem::take(say), then: Then::Waits(stand) };
                }
                Step::Say { next, .. } | Step::Goto(next) => *next,
                Step::Hours { calendar, open, closed, holiday } => {
                    match self.calendar(*calendar).map(|calendar| calendar.state(now)) {
                        Some(State::Open) => *open,
                        Some(State::Holiday) => *holiday,
                        Some(State::Closed) | None => *closed,
                    }
                }
                Step::Leave { to: Destination::Queue { queue, skills, priority }, .. } => {
                    let (queue, skills, priority) = (queue.clone(), skills.clone(), *priority);
                    let then = Then::Queue { queue, skills, priority };
                    return Turn { say: std::mem::take(say), then };
                }
                Step::HangUp { .. } => return Turn { say: std::mem::take(say), then: Then::Over },
                Step::Leave { .. }
                | Step::Record { .. }
                | Step::CallBack(_)
                | Step::Program { .. }
                | Step::Echo => break,
            };
        }
        Turn { say: std::mem::take(say), then: Then::Person }
    }

    /// Somebody was not understood: it is said once more, or somebody else tries.
    fn again(
        &self,
        now: UnixTime,
        stand: &Stand,
        node: &Node,
        (retries, otherwise): (u16, Spot),
    ) -> Turn {
        let wrong = stand.wrong.saturating_add(1);
        if wrong <= retries {
            let stand = Stand { wrong, ..stand.clone() };
            return Turn { say: said(node).into_iter().collect(), then: Then::Waits(stand) };
        }
        match self.node(otherwise) {
            // Nothing was written for it: on the telephone that is a good-bye, and here a person.
            Some(node) if node.is_made_up() && matches!(node.step, Step::HangUp { .. }) => {
                Turn { say: Vec::new(), then: Then::Person }
            }
            _ => self.go(now, otherwise, &mut Vec::new()),
        }
    }
}

/// Where a node leads in writing.
fn next_in_writing(step: &Step) -> Vec<Spot> {
    match step {
        Step::Menu(menu) => menu.choices.values().copied().chain([menu.otherwise]).collect(),
        Step::Collect(collect) if collect.code => Vec::new(),
        Step::Collect(collect) => vec![collect.next, collect.otherwise],
        Step::Say { next, .. } | Step::Goto(next) => vec![*next],
        Step::Hours { open, closed, holiday, .. } => vec![*open, *closed, *holiday],
        Step::Knowledge { next, otherwise } => vec![*next, *otherwise],
        _ => Vec::new(),
    }
}

/// What a node says: its words, and its choices a line each.
fn said(node: &Node) -> Option<String> {
    let text = node.words.text.as_ref()?;
    let labels = node.words.labels.iter().map(|(key, label)| format!("\n{key} {label}"));
    Some(text.clone() + &labels.collect::<String>())
}

/// Which way somebody wants: by its key, its label, or both as they were shown.
fn chosen(node: &Node, menu: &Menu, heard: &str) -> Option<Spot> {
    let heard = heard.trim().trim_end_matches(['.', '!', ')']);
    let mut letters = heard.chars();
    if let (Some(key), None) = (letters.next(), letters.next()) {
        return menu.choices.get(&key).copied();
    }
    let wanted = heard.to_lowercase();
    let fits = |(key, label): &(&char, &String)| {
        let label = label.to_lowercase();
        wanted == label || wanted == format!("{key} {label}")
    };
    let (key, _) = node.words.labels.iter().find(fits)?;
    menu.choices.get(key).copied()
}

/// Whether somebody wrote as many digits as are asked for.
fn digits(collect: &Collect, heard: &str) -> bool {
    let plain = |c: &char| !c.is_whitespace() && !['-', '.', '/'].contains(c);
    let kept: Vec<char> = heard.chars().filter(plain).collect();
    let count = (collect.min..=collect.max).contains(&kept.len());
    count && kept.iter().all(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ivr::check::{Known, check};
    use crate::ivr::flow::Settings;

    const FLOW: &str = r#"
start = "menu"
[menu.menu]
prompt = "welcome"
text = "How can we help?"
labels = { 1 = "Support", 2 = "Order number" }
choices = { 1 = "queue:support", 2 = "number", 3 = "bye", 4 = "echo", "*" = "repeat" }
retries = 1
[collect.number]
prompt = "welcome"
text = "Your order number?"
variable = "order"
min = 4
max = 6
retries = 0
next = "thanks"
otherwise = "bye"
[say.thanks]
prompt = "welcome"
text = "Thank you."
next = "queue:support"
[hang_up.bye]
text = "Good-bye."
"#;

    fn flows(text: &str) -> Flows {
        let settings: Settings = toml::from_str(text).unwrap();
        let set = |name: &str| BTreeSet::from([name.to_owned()]);
        let known = Known {
            clips: ["welcome", "goodbye", "invalid-choice", "invalid-entry", "unavailable"]
                .map(str::to_owned)
                .into(),
            queues: set("support"),
            callbacks: BTreeSet::new(),
            extensions: BTreeSet::new(),
            groups: BTreeSet::new(),
            mailboxes: BTreeSet::new(),
            zone: jiff::tz::TimeZone::UTC,
        };
        check(&[("main".into(), settings)], &[], &known).unwrap()
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn waits(turn: Turn) -> Stand {
        match turn.then {
            Then::Waits(stand) => stand,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_menu_understands_keys_and_labels_and_leads_on() {
        let (flows, now) = (flows(FLOW), UnixTime(0));
        let begun = flows.begin_in_writing(now, &"main".into());
        assert_eq!(begun.say, ["How can we help?\n1 Support\n2 Order number"]);
        let stand = waits(begun);
        for heard in ["1", " 1. ", "support", "SUPPORT!", "1 Support"] {
            let turn = flows.hear(now, &stand, heard, &nothing);
            assert!(matches!(&turn.then, Then::Queue { queue, .. } if queue.as_str() == "support"));
            assert!(turn.say.is_empty(), "{heard}");
        }
        let asked = flows.hear(now, &stand, "order number", &nothing);
        assert_eq!(asked.say, ["Your order number?"]);
        let number = waits(asked);
        let done = flows.hear(now, &number, "12 34-5", &nothing);
        assert_eq!(done.say, ["Thank you."]);
        assert!(matches!(done.then, Then::Queue { .. }));
        let over = flows.hear(now, &number, "12", &nothing);
        assert_eq!((over.say, over.then), (vec!["Good-bye.".to_owned()], Then::Over));
        assert_eq!(
            flows.hear(now, &stand, "4", &nothing).then,
            Then::Person,
            "an echo is for telephones"
        );
        assert_eq!(waits(flows.hear(now, &stand, "*", &nothing)), stand);
    }

    #[test]
    fn who_is_not_understood_is_asked_again_and_then_a_person_tries() {
        let (flows, now) = (flows(FLOW), UnixTime(0));
        let stand = waits(flows.begin_in_writing(now, &"main".into()));
        let again = flows.hear(now, &stand, "hello?", &nothing);
        assert_eq!(again.say.len(), 1);
        let stand = waits(again);
        assert_eq!(stand.wrong, 1);
        let turn = flows.hear(now, &stand, "7", &nothing);
        assert_eq!((turn.say, turn.then), (Vec::new(), Then::Person));
        // What is not there any more begins anew.
        let gone = Stand { node: "gone".to_owned(), ..stand };
        assert_eq!(waits(flows.hear(now, &gone, "1", &nothing)).node, "menu");
        let other = Stand { flow: "gone".into(), ..gone };
        assert_eq!(flows.hear(now, &other, "1", &nothing).then, Then::Person);
    }

    #[test]
    fn a_flow_without_words_says_where_they_are_missing() {
        assert!(flows(FLOW).without_words(&"main".into()).is_empty());
        let bare = FLOW.replace("text = \"Thank you.\"\n", "");
        assert_eq!(flows(&bare).without_words(&"main".into()), ["thanks"]);
    }

    #[test]
    fn a_question_is_answered_from_what_the_branch_knows_or_by_a_person() {
        const ASKS: &str = r#"
start = "ask"
[knowledge.ask]
text = "What would you like to know?"
next = "more"
otherwise = "queue:support"
[menu.more]
prompt = "welcome"
text = "Did that help?"
labels = { 1 = "Yes", 2 = "No" }
choices = { 1 = "hang-up", 2 = "queue:support", 3 = "ask" }
"#;
        let (flows, now) = (flows(ASKS), UnixTime(0));
        let knows =
            |question: &str| question.contains("open").then(|| "From 8 to 17 o'clock.".to_owned());
        let stand = waits(flows.begin_in_writing(now, &"main".into()));
        let turn = flows.hear(now, &stand, "When are you open?", &knows);
        assert_eq!(turn.say, ["From 8 to 17 o'clock.", "Did that help?\n1 Yes\n2 No"]);
        let more = waits(turn);
        assert_eq!(flows.hear(now, &more, "yes", &knows).then, Then::Over);
        let turn = flows.hear(now, &stand, "My boiler leaks", &knows);
        assert!(turn.say.is_empty() && matches!(turn.then, Then::Queue { .. }));
        let bare = ASKS.replace("text = \"What would you like to know?\"\n", "");
        assert_eq!(self::flows(&bare).without_words(&"main".into()), ["ask"]);
    }
}
