//! Those who wait, and why: what the engine knows, in words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{AgentId, ItemId, OfferId, QueueId};
use crate::queue::{Choice, Full, Held, Rule, Standing, StillWaiting};
use crate::time::{UnixTime, rfc3339};

/// One that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingItem {
    /// Its id.
    pub item: ItemId,
    /// Where it waits.
    pub queue: QueueId,
    /// How it reaches an agent, such as `voice` or `callback`.
    pub channel: String,
    /// Its place in the queue, 1 being next.
    pub position: usize,
    /// Seconds since it came.
    pub waited_s: u64,
    /// Its priority by now, of 100.
    pub priority: u64,
    /// Why it still waits.
    pub why: String,
}

/// How one agent stands to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentStanding {
    /// Who.
    pub agent: AgentId,
    /// `absent`, `unskilled`, `refused-it`, `ringing`, `not-ready`, `full` or `able`.
    pub standing: String,
    /// The same in words.
    pub words: String,
}

/// Why an agent was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chosen {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// The offer.
    pub offer: OfferId,
    /// To whom it was offered.
    pub agents: Vec<AgentId>,
    /// By which rule, such as `longest-idle`.
    pub rule: String,
    /// The same in words.
    pub words: String,
    /// Seconds it had waited.
    pub waited_s: u64,
    /// How many could have had it.
    pub able: usize,
    /// Some of those who were not asked.
    pub runners_up: Vec<AgentId>,
}

/// Why an item still waits, and to whom it was offered and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Which.
    pub item: ItemId,
    /// Where it stands, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waiting: Option<WaitingItem>,
    /// How the agents of its queue stand to it.
    pub agents: Vec<AgentStanding>,
    /// More agents, who are not told of.
    pub left_off: usize,
    /// Its last offers, the oldest first.
    pub chosen: Vec<Chosen>,
}

impl Explanation {
    /// Of an item that waits, or waited a moment ago.
    pub fn new(item: ItemId, waits: Option<&StillWaiting>, chosen: Vec<Chosen>) -> Explanation {
        let standing = |(agent, standing): &(AgentId, Standing)| AgentStanding {
            agent: agent.clone(),
            standing: name(standing).to_owned(),
            words: words(standing),
        };
        Explanation {
            item,
            waiting: waits.map(WaitingItem::from),
            agents: waits.iter().flat_map(|waits| waits.agents.iter().map(standing)).collect(),
            left_off: waits.map_or(0, |waits| waits.left_off),
            chosen,
        }
    }
}

impl From<&StillWaiting> for WaitingItem {
    fn from(waits: &StillWaiting) -> WaitingItem {
        WaitingItem {
            item: waits.item,
            queue: waits.queue.clone(),
            channel: waits.channel.name().to_owned(),
            position: waits.position,
            waited_s: waits.waited_ms / 1000,
            priority: waits.points / 1000,
            why: why(waits),
        }
    }
}

impl From<&Choice> for Chosen {
    fn from(choice: &Choice) -> Chosen {
        let (rule, words) = rule(&choice.rule);
        Chosen {
            at: choice.at,
            offer: choice.offer,
            agents: choice.agents.clone(),
            rule: rule.to_owned(),
            words,
            waited_s: choice.waited_ms / 1000,
            able: choice.able,
            runners_up: choice.runners_up.clone(),
        }
    }
}

/// The one reason that matters most.
fn why(waits: &StillWaiting) -> String {
    let count = |name_of: &str| waits.agents.iter().filter(|(_, s)| name(s) == name_of).count();
    let ringing: Vec<_> = waits
        .agents
        .iter()
        .filter(|(_, s)| *s == Standing::Ringing)
        .map(|(a, _)| a.as_str())
        .collect();
    if !ringing.is_empty() {
        return format!("it rings at {}", ringing.join(", "));
    }
    match &waits.held {
        Some(held @ (Held::Until { .. } | Held::Paused)) => return held_words(held),
        Some(held) if count("able") > 0 || matches!(held, Held::LastAgent { .. }) => {
            return held_words(held);
        }
        _ => {}
    }
    let kinds = [
        ("not-ready", "not ready"),
        ("full", "with as much in hand as fits"),
        ("refused-it", "asked a moment ago"),
        ("unskilled", "without the skills"),
        ("absent", "signed out"),
    ];
    let there = kinds.iter().map(|(name, words)| (count(name), words)).filter(|(n, _)| *n > 0);
    let there: Vec<_> = there.map(|(n, words)| format!("{n} {words}")).collect();
    match there.is_empty() {
        true => "nobody works in this queue".to_owned(),
        false => format!("nobody is free for it: {}", there.join(", ")),
    }
}

fn held_words(held: &Held) -> String {
    match held {
        Held::Until { at } => format!("it is not called before {at}"),
        Held::Paused => "the person is waited for".to_owned(),
        Held::LastAgent { agent, for_ms } => {
            format!("it waits {} s yet for {agent}, who had the person last", for_ms.div_ceil(1000))
        }
        Held::Preferred { for_ms } => {
            format!(
                "for {} s yet it is only for whoever has the preferred skills",
                for_ms.div_ceil(1000)
            )
        }
    }
}

fn name(standing: &Standing) -> &'static str {
    match standing {
        Standing::Absent => "absent",
        Standing::Unskilled => "unskilled",
        Standing::RefusedIt => "refused-it",
        Standing::Ringing => "ringing",
        Standing::NotReady => "not-ready",
        Standing::Full(_) => "full",
        Standing::Able => "able",
    }
}

/// How an agent stands to an item, in words.
pub fn words(standing: &Standing) -> String {
    match standing {
        Standing::Absent => "is not signed in".to_owned(),
        Standing::Unskilled => "lacks a skill that it needs".to_owned(),
        Standing::RefusedIt => "refused or missed it a moment ago".to_owned(),
        Standing::Ringing => "it rings there".to_owned(),
        Standing::NotReady => "is on pause, in after-work or on the phone".to_owned(),
        Standing::Full(Full::Cap { cap }) => format!("has {cap} of its kind in hand, the most"),
        Standing::Full(Full::Weight { load, weight, room }) => {
            format!("has {load} of {room} in hand, and it weighs {weight}")
        }
        Standing::Full(Full::Interrupt { by }) => {
            format!("has a {} in hand, beside which it may not ring", by.name())
        }
        Standing::Able => "could have it".to_owned(),
    }
}

/// By which rule somebody was chosen: its name, and the same in words.
pub fn rule(rule: &Rule) -> (&'static str, String) {
    match rule {
        Rule::Asked => ("asked", "the item asked for this agent".to_owned()),
        Rule::Picked => ("picked", "took it without being asked".to_owned()),
        Rule::LastAgent => ("last-agent", "had the person last".to_owned()),
        Rule::RingAll => ("ring-all", "everybody who could have it rings".to_owned()),
        Rule::LongestIdle { idle_ms } => {
            ("longest-idle", format!("without a contact for longest: {} s", idle_ms / 1000))
        }
        Rule::LeastInHand { load } => {
            ("least-in-hand", format!("has least in hand, a weight of {load}"))
        }
        Rule::RoundRobin => ("round-robin", "next in the row after who was asked last".to_owned()),
        Rule::FixedOrder => {
            ("fixed-order", "first in the list of those who could have it".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Channel;

    fn waits(held: Option<Held>, agents: &[(&str, Standing)]) -> StillWaiting {
        StillWaiting {
            item: ItemId(1),
            queue: "support".into(),
            channel: Channel::Voice,
            position: 1,
            waited_ms: 65_400,
            points: 12_300,
            held,
            agents: agents.iter().map(|(agent, s)| ((*agent).into(), *s)).collect(),
            left_off: 0,
        }
    }

    #[test]
    fn the_reason_that_matters_most_is_told() {
        use Standing::{Able, Absent, NotReady, Ringing, Unskilled};
        let said = |held, agents: &[(&str, Standing)]| why(&waits(held, agents));
        assert_eq!(said(None, &[]), "nobody works in this queue");
        assert_eq!(said(None, &[("ann", Ringing), ("bob", Absent)]), "it rings at ann");
        let all = [("ann", NotReady), ("bob", Absent), ("cleo", NotReady), ("dan", Unskilled)];
        let words = "nobody is free for it: 2 not ready, 1 without the skills, 1 signed out";
        assert_eq!(said(None, &all), words);
        let preferred = Some(Held::Preferred { for_ms: 4_100 });
        assert_eq!(said(preferred.clone(), &all), words, "there is nobody to be held from");
        assert!(said(preferred, &[("ann", Able)]).starts_with("for 5 s yet it is only"));
        let last = Some(Held::LastAgent { agent: "ann".into(), for_ms: 20_000 });
        assert!(said(last, &all).contains("20 s yet for ann"));
        let line = WaitingItem::from(&waits(None, &all));
        assert_eq!((line.waited_s, line.priority, line.channel.as_str()), (65, 12, "voice"));
    }
}
