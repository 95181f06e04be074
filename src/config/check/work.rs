//! What agents have in hand at once, and what queues say of skills, of hours and of calling back.

use super::{At, Check, Key};
use crate::address::Number;
use crate::config::settings::{CallbackOffer, Distribution, Queue};
use crate::queue::Channel;

/// Contacts of one channel at once: more than anybody can keep apart.
const MOST_AT_ONCE: u8 = 50;
/// Steps by which a queue asks for less: levels are ten, and each step names one skill.
const MOST_STEPS: usize = 20;

pub(super) fn check(check: &mut Check<'_, '_>) {
    let settings = check.settings;
    distribution(check, None, &settings.distribution);
    for (index, agent) in settings.agents.iter().enumerate() {
        let place = check.place("agent", index);
        distribution(check, Some(place), &agent.distribution);
    }
    for (index, queue) in settings.queues.iter().enumerate() {
        let place = check.place("queue", index);
        of_queue(check, place, queue);
        if let Some(callback) = &queue.callback {
            callbacks(check, place, callback);
        }
    }
}

fn distribution(check: &mut Check<'_, '_>, agent: Option<usize>, said: &Distribution) {
    let mut base = agent.map_or(Vec::new(), |place| vec![Key("agent"), At(place)]);
    base.push(Key("distribution"));
    let at = |table: &'static str, channel: Channel| {
        let mut path = base.clone();
        path.extend([Key(table), Key(channel.name())]);
        path
    };
    if let Some(room) = said.room {
        let mut path = base.clone();
        path.push(Key("room"));
        check.within(&path, room, 1..=1_000);
    }
    for (channel, cap) in &said.caps {
        let most = if channel.is_spoken() { 1 } else { MOST_AT_ONCE };
        check.within(&at("caps", *channel), *cap, 0..=most);
    }
    for (channel, weight) in &said.weights {
        check.within(&at("weights", *channel), *weight, 0..=1_000);
    }
    for (channel, beside) in &said.interrupts {
        if channel.is_spoken() && beside.iter().any(|other| other.is_spoken()) {
            let what = "nobody is on two calls at once";
            check.tell(&at("interrupts", *channel), what.to_owned(), "chat, message, mail, task");
        }
    }
}

fn of_queue(check: &mut Check<'_, '_>, place: usize, queue: &Queue) {
    let at = |key| [Key("queue"), At(place), Key(key)];
    check.within(&at("prefers_for"), queue.prefers_for, 0..=3_600);
    check.within(&at("last_agent_hours"), queue.last_agent_hours, 0..=720);
    check.within(&at("last_agent_for"), queue.last_agent_for, 0..=3_600);
    check.within(&at("service_level"), queue.service_level, 1..=3_600);
    check.within(&at("offer_time"), queue.offer_time, 10..=3_600);
    for (channel, seconds) in &queue.wrap_up_of {
        let path = [Key("queue"), At(place), Key("wrap_up_of"), Key(channel.name())];
        check.within(&path, *seconds, 0..=3_600);
    }
    for (skill, level) in &queue.prefers {
        let path = [Key("queue"), At(place), Key("prefers"), Key(skill.as_str())];
        check.within(&path, *level, 1..=10);
    }
    for (i, step) in queue.relax.iter().enumerate() {
        let at = |key| [Key("queue"), At(place), Key("relax"), At(i), Key(key)];
        check.within(&at("after"), step.after, 1..=86_400);
        check.within(&at("level"), step.level, 0..=9);
    }
    if queue.relax.len() > MOST_STEPS {
        let what = format!("{} steps", queue.relax.len());
        check.tell(&at("relax"), what, &format!("at most {MOST_STEPS}"));
    }
    if let Some(calendar) = &queue.calendar {
        let names = check.names_of("calendar");
        check.known(&at("calendar"), "calendar", calendar, &names);
    }
}

fn callbacks(check: &mut Check<'_, '_>, place: usize, callback: &CallbackOffer) {
    let at = |key| [Key("queue"), At(place), Key("callback"), Key(key)];
    check.within(&at("tries"), callback.tries, 1..=10);
    check.within(&at("every"), callback.every, 60..=86_400);
    if !(callback.key.is_ascii_digit() || matches!(callback.key, '*' | '#')) {
        check.tell(&at("key"), format!("`{}` is no key", callback.key), "0 to 9, `*`, `#`");
    }
    if !callback.dial.is_empty() && Number::parse(&callback.dial).is_err() {
        check.tell(&at("dial"), format!("`{}` cannot be dialled", callback.dial), "digits");
    }
}
