//! Figures of what is written, for Prometheus.

use std::collections::BTreeMap;

use crate::admin::{Figures, Spans};
use crate::gateway::Gateway;
use crate::gateway::control::name;
use crate::id::ChannelId;
use crate::messaging::channel::State;
use crate::messaging::ledger::Happened;
use crate::messaging::{Message, Owner};
use crate::time::Now;

/// What was counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counted {
    arrived: BTreeMap<ChannelId, u64>,
    wanted: BTreeMap<ChannelId, u64>,
    states: BTreeMap<String, u64>,
    /// How long it took from what a channel told to its being on the disk.
    pub acknowledged: Spans,
}

impl Counted {
    /// Something happened to a message.
    pub fn note(&mut self, happened: &Happened) {
        match happened {
            Happened::Written { message, .. } => self.written(message),
            Happened::Stands { state, .. } => {
                *self.states.entry(name(state)).or_default() += 1;
            }
            Happened::Typing { .. } => {}
        }
    }

    fn written(&mut self, message: &Message<String>) {
        let count = if message.out.is_some() { &mut self.wanted } else { &mut self.arrived };
        *count.entry(message.way.channel.clone()).or_default() += 1;
    }
}

impl Gateway {
    pub(super) fn message_figures(&self, now: Now, figures: &mut Figures) {
        let Some(ledger) = self.messages.ledger() else { return };
        let counted = &self.messages.counted;
        let each = |counts: &BTreeMap<ChannelId, u64>| {
            counts.iter().map(|(channel, count)| (channel.to_string(), *count)).collect::<Vec<_>>()
        };
        let help = "Messages that came in, by channel.";
        figures.counters(("messages_in_total", "channel"), help, each(&counted.arrived));
        let help = "Messages that were to go out, by channel.";
        figures.counters(("messages_out_total", "channel"), help, each(&counted.wanted));
        let help = "How often messages came to stand so.";
        figures.counters(("message_states_total", "state"), help, counted.states.clone());
        let lines: Vec<_> = ledger.figures().collect();
        let up = |state: &State| match state {
            State::Up => "1",
            State::Degraded(_) => "0.5",
            State::Down(_) => "0",
        };
        let ups = lines.iter().map(|(channel, line)| (channel.to_string(), up(&line.state)));
        let help = "1 as it should be, 0.5 somebody should look, 0 down.";
        figures.gauges(("channel_up", "channel"), help, ups);
        let waits = lines.iter().map(|(channel, line)| (channel.to_string(), line.waiting));
        figures.gauges(
            ("messages_waiting", "channel"),
            "Messages that wait for their turn.",
            waits,
        );
        let given = lines.iter().map(|(channel, line)| (channel.to_string(), line.given));
        let help = "Messages that were given to a channel and are not answered.";
        figures.gauges(("messages_given", "channel"), help, given);
        let oldest = ledger.oldest().into_iter();
        let oldest =
            oldest.map(|(channel, at)| (channel.to_string(), now.unix.since(at).as_secs()));
        let help = "How long the oldest message that has not gone out waits.";
        figures.gauges(("messages_oldest_seconds", "channel"), help, oldest);
        let counts = ledger.counts();
        let told = [
            ("repeated", counts.repeated),
            ("stray", counts.stray),
            ("turned_away", counts.turned_away),
            ("unknown", counts.unknown),
        ];
        let told = told.map(|(what, count)| (what.to_owned(), count));
        let help =
            "What came twice, named nothing, was turned away, or is not known to have been sent.";
        figures.counters(("messages_odd_total", "what"), help, told);
        let help = "From what a channel told to its being on the disk.";
        figures.histogram("message_acknowledgement_seconds", help, &counted.acknowledged);
        let mut owners: BTreeMap<String, u64> = BTreeMap::new();
        for talk in self.journal.live().talks.open.values() {
            let owner = match talk.owner {
                Owner::Nobody => "nobody",
                Owner::Flow { .. } => "flow",
                Owner::Queue { .. } => "queue",
                Owner::Agent { .. } => "agent",
            };
            *owners.entry(owner.to_owned()).or_default() += 1;
        }
        figures.gauges(("conversations", "owner"), "Conversations, by who answers.", owners);
    }
}
