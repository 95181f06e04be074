//! Agents, items of work, journeys.

use super::super::errands::Errand;
use super::super::journey::Journey;
use super::super::personal::Personal;
use super::super::work::{KnownBy, Promise, Step, Wish, Work};
use super::{Outward, class_of, maybe_text, text};
use crate::agent::{Presence, Reason};
use crate::context::Identity;
use crate::id::AgentId;
use crate::journey::{Action, Carrier, Change, Key, Standing};
use crate::queue::{Rule, Target};
use crate::time::UnixTime;
use crate::uplink::frame::{self, Class as Sort};
use crate::uplink::policy::{Class, Plain, Sheet};

impl Outward {
    pub(super) fn agent(
        &self,
        at: UnixTime,
        agent: &AgentId,
        presence: &Presence,
        idle_since: UnixTime,
    ) -> Vec<frame::Event> {
        let sheet = self.sheet("agent", at).field("agent", Class::Agent, agent.as_str());
        let is = |presence: &'static str| sheet.plain("presence", presence);
        let sheet = match presence {
            Presence::SignedOut => is("signed_out"),
            Presence::Ready => is("ready"),
            Presence::Offered => is("offered"),
            Presence::Talking => is("talking"),
            Presence::WrapUp => is("wrap_up"),
            Presence::Paused(Reason::Missed) => is("paused").plain("reason", "missed"),
            Presence::Paused(Reason::Chosen(reason)) => {
                is("paused").field("reason", Class::Note, reason)
            }
        };
        vec![sheet.plain("idle_since", idle_since).done(Sort::WORK)]
    }

    pub(super) fn work(&self, work: &Work) -> Vec<frame::Event> {
        let Work { item, channel, queue, at, call, contact, what } = work;
        let sheet = self.sheet("work", *at).plain("item", item).plain("queue", queue);
        let sheet = sheet.plain("channel", Plain::word(*channel));
        let sheet = sheet.maybe("call", call.as_ref()).maybe("contact", contact.as_ref());
        vec![self.item(sheet, what).done(Sort::WORK)]
    }

    fn item<'a>(&'a self, sheet: Sheet<'a>, step: &Step) -> Sheet<'a> {
        let of = |agent: &AgentId, what: &'static str, sheet: Sheet<'a>| {
            sheet.plain("what", what).field("agent", Class::Agent, agent.as_str())
        };
        let is = |what: &'static str, sheet: Sheet<'a>| sheet.plain("what", what);
        match step {
            Step::Queued { arrived, priority, skills, errand } => {
                let sheet = is("queued", sheet).plain("arrived", *arrived);
                let sheet = sheet.plain("priority", *priority).list("skills", skills.keys());
                match errand.as_deref() {
                    Some(errand) => to_do(sheet, errand),
                    None => sheet,
                }
            }
            Step::Offered { agent, offer, rule } => {
                let sheet = of(agent, "offered", sheet).plain("offer", offer);
                sheet.maybe("rule", rule.as_ref().map(word_of_rule))
            }
            Step::Read { agent, how } => of(agent, "read", sheet).plain("how", Plain::word(*how)),
            Step::Declined { agent, offer, why } => {
                of(agent, "declined", sheet).plain("offer", offer).plain("why", Plain::word(*why))
            }
            Step::Taken { agent, waited_ms, clock_ms } => {
                let sheet = of(agent, "taken", sheet).plain("waited_ms", *waited_ms);
                sheet.plain("clock_ms", *clock_ms)
            }
            Step::Returned => is("returned", sheet),
            Step::Abandoned { waited_ms, clock_ms } => {
                let sheet = is("abandoned", sheet).plain("waited_ms", *waited_ms);
                sheet.plain("clock_ms", *clock_ms)
            }
            Step::TakenOut => is("taken_out", sheet),
            Step::FlowedOut { why, target } => {
                led(is("flowed_out", sheet).plain("why", Plain::word(*why)), target)
            }
            Step::Promised(promise) => promised(is("promised", sheet), promise),
            Step::Attempted { agent, attempt } => {
                of(agent, "attempted", sheet).plain("attempt", *attempt)
            }
            Step::Kept { agent } => of(agent, "kept", sheet),
            Step::AttemptFailed { attempts, again } => {
                is("attempt_failed", sheet).plain("attempts", *attempts).maybe("again", *again)
            }
            Step::Moved { from } => is("moved", sheet).plain("from", Plain::word(*from)),
            Step::Rerouted { from } => is("rerouted", sheet).plain("from", from),
            Step::Prioritised { priority } => is("prioritised", sheet).plain("priority", *priority),
            Step::Closed { agent, talk_ms, hold_ms, known } => {
                let sheet = of(agent, "closed", sheet).plain("talk_ms", *talk_ms);
                let sheet = sheet.plain("hold_ms", *hold_ms);
                match known.as_deref() {
                    Some(KnownBy { number }) => {
                        sheet.maybe_field("number", Class::Number, maybe_text(number))
                    }
                    None => sheet,
                }
            }
            Step::WrappedUp { agent, wrap_ms, code } => {
                let sheet = of(agent, "wrapped_up", sheet).plain("wrap_ms", *wrap_ms);
                sheet.maybe("code", code.as_deref().map(Plain::slug))
            }
        }
    }

    /// A step of a journey, and what it writes on the person's record.
    pub(super) fn journey(&self, at: UnixTime, journey: &Journey) -> Vec<frame::Event> {
        let Journey { change, to, act, message } = journey;
        let sheet = self.sheet("journey", at);
        let sheet = self.walk(sheet, change).maybe("message", message.as_ref());
        let sheet = match to {
            Some(to) => addressed(sheet, to),
            None => sheet,
        };
        let mut events = vec![sheet.done(Sort::WORK)];
        events.extend(act.iter().flat_map(|act| self.people(act)));
        events
    }

    fn walk<'a>(&'a self, sheet: Sheet<'a>, change: &Change) -> Sheet<'a> {
        let is = |what: &'static str| sheet.plain("what", what);
        let step = |sheet: Sheet<'a>, Key { journey, step }: &Key| {
            sheet.plain("journey", journey).plain("step", *step)
        };
        match change {
            Change::Heard { id, kind, person, attributes } => {
                let sheet = is("heard").field("id", Class::Handle, id);
                let sheet =
                    sheet.plain("kind", Plain::slug(kind)).maybe("contact", person.as_ref());
                let asked = attributes.iter().map(|(name, text)| (&**name, Some(&**text)));
                sheet.named("attributes", Class::Field, asked)
            }
            Change::Timed { rule, at } => {
                is("timed").plain("rule", Plain::slug(rule)).plain("moment", *at)
            }
            Change::Passed { id, why } => {
                is("passed").field("id", Class::Handle, id).plain("why", Plain::word(*why))
            }
            Change::Began { journey, rule, print, person, attributes } => {
                let sheet = is("began").plain("journey", journey);
                let sheet = sheet.plain("rule", Plain::slug(rule)).plain("print", *print);
                let sheet = sheet.plain("contact", person);
                let asked = attributes.iter().map(|(name, text)| (&**name, Some(&**text)));
                sheet.named("attributes", Class::Field, asked)
            }
            Change::Standing { person, standing } => {
                let Standing { zone, abroad, consents, refused, open_case } = standing;
                let sheet = is("standing").plain("contact", person);
                let sheet = sheet.maybe_field("zone", Class::Place, zone.as_deref());
                let sheet = sheet.fields("abroad", Class::Place, abroad.iter().map(|one| &**one));
                let slug = |text: &String| Plain::slug(text);
                let sheet = sheet.list("consents", consents.iter().map(slug));
                sheet.list("refused", refused.iter().map(slug)).plain("open_case", *open_case)
            }
            Change::Waits { journey, until } => {
                is("waits").plain("journey", journey).plain("until", *until)
            }
            Change::Intends { key, purpose } => {
                step(is("intends"), key).maybe("purpose", purpose.as_deref().map(Plain::slug))
            }
            Change::Due { key, person, action, carrier } => {
                let sheet = step(is("due"), key).plain("contact", person);
                let sheet = acted(sheet, action);
                match carrier {
                    Some(Carrier::Webhook(name)) => sheet.plain("webhook", name),
                    Some(Carrier::Channel(name)) => sheet.plain("carrier", name),
                    Some(Carrier::Phone) => sheet.plain("carrier", "phone"),
                    None => sheet,
                }
            }
            Change::TaskDone { key } => step(is("task_done"), key),
            Change::Did { key, outcome } => {
                step(is("did"), key).plain("outcome", Plain::word(*outcome))
            }
            Change::Ended { journey, why } => {
                is("ended").plain("journey", journey).plain("why", Plain::word(*why))
            }
        }
    }
}

fn acted<'a>(sheet: Sheet<'a>, action: &Action) -> Sheet<'a> {
    let sheet = sheet.plain("do", action.name());
    match action {
        Action::Message { channel, text } => {
            sheet.plain("by", channel.name()).field("text", Class::Text, text)
        }
        Action::Callback { queue } => sheet.plain("queue", queue),
        Action::Task { queue, text } => {
            sheet.plain("queue", queue).field("text", Class::Text, text)
        }
        Action::Webhook { name } => sheet.plain("name", Plain::slug(name)),
        Action::Tag { tag, on } => sheet.field("tag", Class::Field, tag).plain("on", *on),
        Action::Note { text } => sheet.field("text", Class::Note, text),
    }
}

fn to_do<'a>(sheet: Sheet<'a>, errand: &Errand) -> Sheet<'a> {
    let Errand { text: words, due, from, task, talk } = errand;
    let sheet = sheet.maybe_field("text", Class::Text, maybe_text(words)).maybe("due", *due);
    let sheet = sheet.maybe_field("from", Class::Agent, from.as_deref());
    let sheet = sheet.maybe_field("task", Class::Handle, task.as_deref());
    match talk {
        Some((conversation, channel)) => {
            sheet.plain("conversation", conversation).plain("by", channel)
        }
        None => sheet,
    }
}

fn promised<'a>(sheet: Sheet<'a>, promise: &Promise) -> Sheet<'a> {
    let Promise { number, dialled, arrived, priority, skills, wish } = promise;
    let sheet = sheet.maybe_field("number", Class::Number, text(number));
    let sheet = sheet.maybe_field("dialled", Class::Number, text(dialled));
    let sheet = sheet.plain("arrived", *arrived).plain("priority", *priority);
    let sheet = sheet.list("skills", skills.keys());
    match wish {
        None => sheet,
        Some(Wish::Own) => sheet.plain("wish", "own"),
        Some(Wish::Hidden) => sheet.plain("wish", "hidden"),
        Some(Wish::Of(number)) => {
            sheet.plain("wish", "of").maybe_field("wish_of", Class::Number, text(number))
        }
    }
}

fn word_of_rule(rule: &Rule) -> &'static str {
    match rule {
        Rule::Asked => "asked",
        Rule::Picked => "picked",
        Rule::LastAgent => "last_agent",
        Rule::RingAll => "ring_all",
        Rule::LongestIdle { idle_ms: _ } => "longest_idle",
        Rule::LeastInHand { load: _ } => "least_in_hand",
        Rule::RoundRobin => "round_robin",
        Rule::FixedOrder => "fixed_order",
    }
}

fn led<'a>(sheet: Sheet<'a>, target: &Target) -> Sheet<'a> {
    match target {
        Target::HangUp => sheet.plain("to", "hang_up"),
        Target::Flow(flow) => sheet.plain("to", "flow").plain("flow", flow),
        Target::Queue(queue) => sheet.plain("to", "queue").plain("to_queue", queue),
        Target::Extension(extension) => {
            sheet.plain("to", "extension").plain("extension", extension)
        }
        Target::Voicemail(extension) => {
            sheet.plain("to", "voicemail").plain("extension", extension)
        }
        Target::Group(group) => sheet.plain("to", "group").plain("group", group),
        Target::Schedule(schedule) => sheet.plain("to", "schedule").plain("schedule", schedule),
        Target::Number(number) => {
            sheet.plain("to", "number").field("number", Class::Number, number)
        }
    }
}

fn addressed<'a>(sheet: Sheet<'a>, to: &Identity<Personal>) -> Sheet<'a> {
    let Identity { kind, value } = to;
    let sheet = sheet.plain("to_kind", Plain::word(*kind));
    sheet.maybe_field("to", class_of(*kind), text(value))
}
