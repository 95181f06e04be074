//! Rules as a site writes them, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::hours;
use crate::journey::daily::{CASE, Daily, Dated, Of};
use crate::journey::quiet::{Quiet, minutes};
use crate::journey::{Action, Channel, Event};
use crate::time::UnixTime;

/// What a rule can begin with, or end at.
pub const KINDS: [&str; 22] = [
    "appointment",
    "call-abandoned",
    "call-ended",
    "call-missed",
    "callback-failed",
    "callback-kept",
    "callback-promised",
    "cart",
    "case-closed",
    "case-opened",
    "consent-given",
    "consent-refused",
    "contact-changed",
    "device",
    "form",
    "order",
    "page-visit",
    "queue-overflow",
    "tag-added",
    "time",
    "voicemail-left",
    "walk-in",
];
/// Of these, what sites and shops tell of over the API; the rest is noticed by the box itself.
pub const FROM_OUTSIDE: [&str; 7] =
    ["appointment", "cart", "device", "form", "order", "page-visit", "walk-in"];
/// What messages are for; a consent is to one of these by one channel.
pub const PURPOSES: [&str; 3] = ["service", "survey", "marketing"];
/// Most steps of a rule: whoever needs more wants several rules.
const MOST_STEPS: usize = 50;
/// Longest message, in characters: seven parts of an SMS.
const LONGEST_TEXT: usize = 1_000;
/// Longest wait, and longest span of a cap: 30 days, in seconds.
const LONGEST_WAIT: u64 = 30 * 86_400;

/// One rule as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The kind of event that it begins with.
    pub on: Spanned<String>,
    /// When it begins, where it begins with the time: `09:00`, by the site's clock.
    #[serde(default)]
    pub at: Option<Spanned<String>>,
    /// On which days: `mon-fri`. Default every day.
    #[serde(default)]
    pub days: Option<Spanned<String>>,
    /// For whom: whoever has a date in this field of their record; without it for nobody in particular.
    #[serde(default)]
    pub field: Option<Spanned<String>>,
    /// Whose field that is: the `contact`'s, or a `case`'s while it is open. Default contact.
    #[serde(default)]
    pub of: Option<Spanned<String>>,
    /// So many days before that date.
    #[serde(default)]
    pub days_before: Option<Spanned<u16>>,
    /// So many days after it.
    #[serde(default)]
    pub days_after: Option<Spanned<u16>>,
    /// Whether the date comes back every year, as a birthday does. Default false.
    #[serde(default)]
    pub yearly: bool,
    /// Attributes of the event, and the values that each may have.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// What its messages are for. Default service.
    #[serde(default)]
    pub purpose: Option<Spanned<String>>,
    /// Whether it offers something: then it does not begin, and ends, while a case is open. Default: whether its purpose
    /// is marketing.
    #[serde(default)]
    pub offer: Option<bool>,
    /// Kinds of events about the same person that end it.
    #[serde(default)]
    pub stop_on: Vec<Spanned<String>>,
    /// When people are left alone. Default 20:00 to 08:00.
    #[serde(default)]
    pub quiet: Option<QuietSettings>,
    /// How many messages a person gets at most from all rules together, as far as this one adds to them, and how many calls
    /// beside. Default 3 in 7d.
    #[serde(default)]
    pub at_most: Option<AtMost>,
    /// What is done, in this order.
    #[serde(default)]
    pub step: Vec<Spanned<Step>>,
}

/// Quiet hours as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietSettings {
    /// `20:00`.
    pub from: Spanned<String>,
    /// `08:00`; on the next day where it is before `from`.
    pub to: Spanned<String>,
}

/// A cap as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtMost {
    /// So many messages.
    pub messages: Spanned<u16>,
    /// In so long: `7d`.
    pub within: Spanned<String>,
}

/// One step as written: exactly one of its kinds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Attributes of the event, and the values that each may have: otherwise the step is passed over.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// Wait so long: `90s`, `30m`, `2h`, `3d`.
    #[serde(default)]
    pub wait: Option<Spanned<String>>,
    /// Wait until the moment that this attribute of the event names (RFC 3339), or until `before` it.
    #[serde(default)]
    pub until: Option<Spanned<String>>,
    /// So long before the moment: `1d`.
    #[serde(default)]
    pub before: Option<Spanned<String>>,
    /// Send `text` by this channel.
    #[serde(default)]
    pub message: Option<Channel>,
    /// Have this queue call the person.
    #[serde(default)]
    pub callback: Option<Spanned<String>>,
    /// Put a task with `text` into this queue.
    #[serde(default)]
    pub task: Option<Spanned<String>>,
    /// Tell this receiver.
    #[serde(default)]
    pub webhook: Option<Spanned<String>>,
    /// Put this tag on the person.
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
    /// Take this tag off.
    #[serde(default)]
    pub untag: Option<Spanned<String>>,
    /// Write `text` on the person's record.
    #[serde(default)]
    pub note: bool,
    /// End here.
    #[serde(default)]
    pub stop: bool,
    /// Words of a message, a task or a note.
    #[serde(default)]
    pub text: Option<Spanned<String>>,
}

/// A rule that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it begins with.
    pub on: String,
    /// Attributes that the event must have.
    pub when: Condition,
    /// What its messages are for.
    pub purpose: String,
    /// Whether an open case forbids it.
    pub offer: bool,
    /// What ends it.
    pub stop_on: BTreeSet<String>,
    /// When people are left alone.
    pub quiet: Quiet,
    /// So many messages in so many microseconds.
    pub at_most: (usize, i64),
    /// What is done.
    pub steps: Vec<(Condition, Doing)>,
    /// When it begins, where it begins with the time.
    pub daily: Option<Daily>,
}

/// Attributes, and the values that each may have.
pub type Condition = BTreeMap<String, Vec<String>>;

/// What a checked step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// Waits so many microseconds.
    Wait(i64),
    /// Waits until so many microseconds before the moment that an attribute of the event names.
    Until {
        /// Which.
        attribute: String,
        /// Microseconds.
        before: i64,
    },
    /// Has something done.
    Act(Action),
    /// Ends the journey.
    Stop,
}

/// One thing that is wrong, and its bytes in the rule's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub mistake: Mistake,
    /// Where.
    pub span: Range<usize>,
    /// What was written there, where it should have been one of `known`.
    pub written: String,
    /// What may stand there, where that is a list of names.
    pub known: Vec<String>,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// No such kind of event.
    Kind(String),
    /// No such purpose.
    Purpose(String),
    /// No such queue.
    Queue(String),
    /// No such receiver of webhooks.
    Webhook(String),
    /// A receiver that is not told of `journey.due`.
    Deaf(String),
    /// Not the name of a tag.
    Tag,
    /// `before` without `until`.
    Before,
    /// Nobody carries messages of this channel.
    NoCarrier(Channel),
    /// A time without `on = "time"`, or that without `at`; days of a date without its field.
    Clock,
    /// Not days of the week.
    Days,
    /// More days from a date than a year has, or both before and after it.
    Offset,
    /// Dates stand on no such thing.
    Of(String),
    /// Something is done with a person by a rule that is about nobody.
    Nobody,
    /// Not a time of day, or quiet hours that end as they begin.
    Time,
    /// Not a span of time, or longer than 30 days.
    Span,
    /// A step that is none of its kinds, or several.
    Step,
    /// A message or task without words, or words with anything else.
    Text,
    /// A text that is too long.
    Long,
    /// No messages at all, or more than anybody wants.
    Messages,
    /// No steps, or more than 50.
    Steps,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::Kind(name) => write!(f, "there is no kind of event `{name}`"),
            Mistake::Purpose(name) => write!(f, "there is no purpose `{name}`"),
            Mistake::Queue(name) => write!(f, "there is no queue `{name}`"),
            Mistake::Webhook(name) => write!(f, "there is no webhook `{name}`"),
            Mistake::Deaf(name) => {
                write!(f, "webhook `{name}` is not told of `journey.due`: add it to its `events`")
            }
            Mistake::Tag => f.write_str("that is no tag"),
            Mistake::Before => f.write_str("`before` goes with `until` alone"),
            Mistake::NoCarrier(channel) => {
                let name = channel.name();
                write!(f, "nobody carries messages by {name} here: none will be sent")
            }
            Mistake::Clock => f.write_str(
                "`at` goes with `on = \"time\"`, and `days`, `field`, `of`, `days_before`, `days_after` and `yearly` with it",
            ),
            Mistake::Days => f.write_str("those are no days of the week"),
            Mistake::Offset => {
                f.write_str("one of `days_before` and `days_after`, of a date in `field`, up to 366; `of` goes with that date too")
            }
            Mistake::Of(name) => write!(f, "there are no dates of a `{name}`"),
            Mistake::Nobody => f.write_str(
                "without `field` the rule is about nobody: it can wait, make tasks, tell webhooks and stop",
            ),
            Mistake::Time => f.write_str("that is no time of day, or the end is the beginning"),
            Mistake::Span => f.write_str("that is no span of time up to 30 days"),
            Mistake::Step => f.write_str("a step does exactly one thing"),
            Mistake::Text => {
                f.write_str("a message, a task or a note has words, and nothing else has")
            }
            Mistake::Long => write!(f, "a text has at most {LONGEST_TEXT} characters"),
            Mistake::Messages => f.write_str("a cap is 1 to 100 messages"),
            Mistake::Steps => write!(f, "a rule has 1 to {MOST_STEPS} steps"),
        }
    }
}

impl Mistake {
    /// What would be right, where it is no list of names.
    pub fn allowed(&self) -> Option<&'static str> {
        match self {
            Mistake::Time => Some("`20:00`"),
            Mistake::Days => Some("such as `mon-fri` or `sat`"),
            Mistake::Span => Some("a number and `s`, `m`, `h` or `d`, such as `30m`"),
            Mistake::Step => Some(
                "`wait`, `until`, `message`, `callback`, `task`, `webhook`, `tag`, `untag`, `note` or `stop`",
            ),
            Mistake::Tag => Some("1 to 64 small letters, digits, `-`, `_` and `.`"),
            Mistake::NoCarrier(_) => Some("`[messages]` says who does"),
            _ => None,
        }
    }
}

/// What there is that rules may name.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Queues.
    pub queues: BTreeSet<String>,
    /// Receivers of webhooks, and whether each is told of `journey.due`.
    pub webhooks: BTreeMap<String, bool>,
    /// Channels that somebody carries messages of.
    pub carried: BTreeSet<Channel>,
}

/// Whether an event has what a condition asks for.
pub fn holds(condition: &Condition, attributes: &BTreeMap<String, String>) -> bool {
    condition
        .iter()
        .all(|(name, values)| attributes.get(name).is_some_and(|value| values.contains(value)))
}

impl Rule {
    /// Checks a rule. Every mistake is listed.
    ///
    /// # Errors
    /// When there is any.
    pub fn new(settings: &Settings, known: &Known) -> Result<Rule, Vec<Problem>> {
        let mut check = Check { known, problems: Vec::new() };
        check.kind(&settings.on);
        settings.stop_on.iter().for_each(|kind| check.kind(kind));
        let purpose = check.purpose(settings.purpose.as_ref());
        let daily = check.daily(settings);
        let quiet = check.quiet(settings.quiet.as_ref());
        let at_most = check.at_most(settings.at_most.as_ref());
        if settings.step.is_empty() || settings.step.len() > MOST_STEPS {
            check.tell(Mistake::Steps, settings.on.span());
        }
        let steps = settings
            .step
            .iter()
            .filter_map(|step| Some((step.get_ref().when.clone(), check.step(step)?)));
        let steps: Vec<(Condition, Doing)> = steps.collect();
        let nobody = daily.as_ref().is_some_and(|daily| daily.dated.is_none());
        let of_somebody = |(_, doing): &(Condition, Doing)| match doing {
            Doing::Act(action) => !matches!(action, Action::Task { .. } | Action::Webhook { .. }),
            _ => false,
        };
        if nobody && steps.iter().any(of_somebody) {
            check.tell(Mistake::Nobody, settings.on.span());
        }
        if !check.problems.is_empty() {
            return Err(check.problems);
        }
        Ok(Rule {
            on: settings.on.get_ref().clone(),
            when: settings.when.clone(),
            offer: settings.offer.unwrap_or(purpose == "marketing"),
            purpose,
            stop_on: settings.stop_on.iter().map(|kind| kind.get_ref().clone()).collect(),
            quiet,
            at_most,
            steps,
            daily,
        })
    }

    /// What works and sends nothing: messages by channels that nobody carries.
    pub fn unheard(settings: &Settings, known: &Known) -> Vec<Problem> {
        let steps = settings.step.iter().filter_map(|step| {
            let channel = step.get_ref().message?;
            let (written, names) = (channel.name().to_owned(), Vec::new());
            let mistake = Mistake::NoCarrier(channel);
            let problem = Problem { mistake, span: step.span(), written, known: names };
            (!known.carried.contains(&channel)).then_some(problem)
        });
        steps.collect()
    }

    /// Whether it begins with dates of cases.
    pub fn is_of_cases(&self) -> bool {
        let dated = self.daily.as_ref().and_then(|daily| daily.dated.as_ref());
        dated.is_some_and(|dated| dated.of == Of::Case)
    }

    /// Whether an event begins it.
    pub fn begins_with(&self, event: &Event) -> bool {
        self.on == event.kind
            && holds(&self.when, &event.attributes)
            && !(self.offer && event.standing.open_case)
    }

    /// What it says, in one number: a journey does not go on under another rule of the same name.
    pub fn print(&self) -> u64 {
        // As it was before rules could begin with the time, and then with dates of cases: those that do not are the ones that
        // they were.
        let text = format!("{self:?}").replace(", daily: None", "");
        fingerprint(&[&text.replace(", of: Contact", "")])
    }

    /// Attributes that its conditions ask for; no others are kept.
    pub fn asks_for(&self) -> BTreeSet<&str> {
        let conditions = self.steps.iter().map(|(condition, _)| condition).chain([&self.when]);
        let asked = conditions.flat_map(|condition| condition.keys()).map(String::as_str);
        let awaited = self.steps.iter().filter_map(|(_, doing)| match doing {
            Doing::Until { attribute, .. } => Some(attribute.as_str()),
            _ => None,
        });
        asked.chain(awaited).chain(self.is_of_cases().then_some(CASE)).collect()
    }
}

/// A moment as an attribute names it (RFC 3339).
pub fn moment(text: &str) -> Option<UnixTime> {
    Some(UnixTime(text.parse::<jiff::Timestamp>().ok()?.as_microsecond()))
}

/// FNV-1a over texts, each with its end marked. Not against anybody who wants two to be alike: they come from the site.
pub fn fingerprint(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

struct Check<'q> {
    known: &'q Known,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn tell(&mut self, mistake: Mistake, span: Range<usize>) {
        let (written, known) = (String::new(), Vec::new());
        self.problems.push(Problem { mistake, span, written, known });
    }

    fn one_of(
        &mut self,
        name: &Spanned<String>,
        known: Vec<String>,
        mistake: fn(String) -> Mistake,
    ) {
        let written = name.get_ref().clone();
        if !known.contains(&written) {
            let mistake = mistake(written.clone());
            self.problems.push(Problem { mistake, span: name.span(), written, known });
        }
    }

    /// When a rule begins that begins with the time.
    fn daily(&mut self, settings: &Settings) -> Option<Daily> {
        let timed = settings.on.get_ref() == "time";
        let offsets = (settings.days_before.as_ref(), settings.days_after.as_ref());
        let of_time = settings.at.is_some() || settings.days.is_some();
        let of_date = settings.field.is_some()
            || settings.of.is_some()
            || settings.yearly
            || offsets != (None, None);
        if timed != settings.at.is_some() || (!timed && (of_time || of_date)) {
            self.tell(Mistake::Clock, settings.on.span());
        }
        let at = settings.at.as_ref().filter(|_| timed)?;
        let minute = minutes(at.get_ref());
        if minute.is_none() {
            self.tell(Mistake::Time, at.span());
        }
        let days = settings.days.as_ref().map(|days| (days, hours::days(days.get_ref())));
        if let Some((days, None)) = &days {
            self.tell(Mistake::Days, days.span());
        }
        let days = days.and_then(|(_, days)| days).unwrap_or_default();
        let offset = match offsets {
            (None, None) => 0,
            (Some(before), None) => i32::from(*before.get_ref()),
            (None, Some(after)) => -i32::from(*after.get_ref()),
            (Some(_), Some(_)) => i32::MAX,
        };
        let of_field = settings.yearly || offset != 0 || settings.of.is_some();
        if offset.abs() > 366 || (settings.field.is_none() && of_field) {
            self.tell(Mistake::Offset, settings.on.span());
        }
        let dated = settings.field.as_ref().map(|field| Dated {
            field: field.get_ref().clone(),
            offset,
            yearly: settings.yearly,
            of: self.of(settings.of.as_ref()),
        });
        Some(Daily { minute: minute?, days, dated })
    }

    /// Whose field has the date.
    fn of(&mut self, of: Option<&Spanned<String>>) -> Of {
        let Some(of) = of else { return Of::Contact };
        self.one_of(of, Of::ALL.map(|of| of.name().to_owned()).into(), Mistake::Of);
        let named = Of::ALL.into_iter().find(|own| own.name() == of.get_ref());
        named.unwrap_or(Of::Contact)
    }

    fn kind(&mut self, kind: &Spanned<String>) {
        self.one_of(kind, KINDS.map(str::to_owned).into(), Mistake::Kind);
    }

    fn queue(&mut self, queue: &Spanned<String>) {
        self.one_of(queue, self.known.queues.iter().cloned().collect(), Mistake::Queue);
    }

    fn webhook(&mut self, name: &Spanned<String>) {
        match self.known.webhooks.get(name.get_ref()) {
            Some(true) => {}
            Some(false) => self.tell(Mistake::Deaf(name.get_ref().clone()), name.span()),
            None => {
                let known = self.known.webhooks.keys().cloned().collect();
                self.one_of(name, known, Mistake::Webhook);
            }
        }
    }

    /// A tag, as the records of people have them.
    fn tag(&mut self, tag: &Spanned<String>) -> String {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        let text = tag.get_ref();
        if !(1..=64).contains(&text.len()) || !text.bytes().all(plain) {
            self.tell(Mistake::Tag, tag.span());
        }
        text.clone()
    }

    fn purpose(&mut self, purpose: Option<&Spanned<String>>) -> String {
        let Some(purpose) = purpose else { return "service".to_owned() };
        self.one_of(purpose, PURPOSES.map(str::to_owned).into(), Mistake::Purpose);
        purpose.get_ref().clone()
    }

    fn quiet(&mut self, quiet: Option<&QuietSettings>) -> Quiet {
        let usual = Quiet { from: 20 * 60, to: 8 * 60 };
        let Some(quiet) = quiet else { return usual };
        let (from, to) = (minutes(quiet.from.get_ref()), minutes(quiet.to.get_ref()));
        for (time, text) in [(from, &quiet.from), (to, &quiet.to)] {
            if time.is_none() {
                self.tell(Mistake::Time, text.span());
            }
        }
        match from.zip(to) {
            Some((from, to)) if from == to => self.tell(Mistake::Time, quiet.to.span()),
            Some((from, to)) => return Quiet { from, to },
            None => {}
        }
        usual
    }

    fn at_most(&mut self, cap: Option<&AtMost>) -> (usize, i64) {
        let Some(cap) = cap else { return (3, 7 * 86_400_000_000) };
        if !(1..=100).contains(cap.messages.get_ref()) {
            self.tell(Mistake::Messages, cap.messages.span());
        }
        (usize::from(*cap.messages.get_ref()), self.span(&cap.within).unwrap_or(0))
    }

    /// A span of time in microseconds.
    fn span(&mut self, text: &Spanned<String>) -> Option<i64> {
        let seconds = seconds(text.get_ref());
        if seconds.is_none() {
            self.tell(Mistake::Span, text.span());
        }
        seconds.map(|seconds| seconds * 1_000_000)
    }

    fn step(&mut self, spanned: &Spanned<Step>) -> Option<Doing> {
        let step = spanned.get_ref();
        let kinds = [
            step.wait.is_some(),
            step.until.is_some(),
            step.message.is_some(),
            step.callback.is_some(),
            step.task.is_some(),
            step.webhook.is_some(),
            step.tag.is_some(),
            step.untag.is_some(),
            step.note,
            step.stop,
        ];
        if kinds.iter().filter(|is| **is).count() != 1 {
            self.tell(Mistake::Step, spanned.span());
            return None;
        }
        if let Some(before) = step.before.as_ref().filter(|_| step.until.is_none()) {
            self.tell(Mistake::Before, before.span());
        }
        let text = self.text(step, spanned.span())?;
        if let Some(wait) = &step.wait {
            return self.span(wait).map(Doing::Wait);
        }
        if let Some(until) = &step.until {
            let before = step.before.as_ref().map_or(Some(0), |before| self.span(before))?;
            return Some(Doing::Until { attribute: until.get_ref().clone(), before });
        }
        Some(self.action(step, text).map_or(Doing::Stop, Doing::Act))
    }

    /// What a step has done; nothing where it ends the journey.
    fn action(&mut self, step: &Step, text: String) -> Option<Action> {
        if let Some(channel) = step.message {
            return Some(Action::Message { channel, text });
        }
        if let Some(queue) = step.callback.as_ref().or(step.task.as_ref()) {
            self.queue(queue);
            let queue = queue.get_ref().as_str().into();
            return Some(match step.task {
                Some(_) => Action::Task { queue, text },
                None => Action::Callback { queue },
            });
        }
        if let Some(name) = &step.webhook {
            self.webhook(name);
            return Some(Action::Webhook { name: name.get_ref().clone() });
        }
        if let Some(tag) = step.tag.as_ref().or(step.untag.as_ref()) {
            return Some(Action::Tag { tag: self.tag(tag), on: step.tag.is_some() });
        }
        step.note.then_some(Action::Note { text })
    }

    fn text(&mut self, step: &Step, span: Range<usize>) -> Option<String> {
        let wanted = step.message.is_some() || step.task.is_some() || step.note;
        match (&step.text, wanted) {
            (None, false) => Some(String::new()),
            (Some(text), true) if text.get_ref().trim().is_empty() => {
                self.tell(Mistake::Text, text.span());
                None
            }
            (Some(text), true) if text.get_ref().chars().count() > LONGEST_TEXT => {
                self.tell(Mistake::Long, text.span());
                None
            }
            (Some(text), true) => Some(text.get_ref().clone()),
            (Some(text), false) => {
                self.tell(Mistake::Text, text.span());
                None
            }
            (None, true) => {
                self.tell(Mistake::Text, span);
                None
            }
        }
    }
}

fn seconds(text: &str) -> Option<i64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    let fits = (1..=LONGEST_WAIT).contains(&seconds);
    i64::try_from(seconds).ok().filter(|_| fits)
}
