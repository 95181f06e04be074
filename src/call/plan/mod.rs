//! The dial plan: where a dialled number goes, and why, in words an admin can read.
//!
//! It owns the order of the rules (emergency above everything, then feature codes, extensions, internal numbers and
//! outbound rules), the refusal of toll fraud, and the settings of each rule. It deliberately does not know whether a
//! destination is registered, busy or has a free line, and it places no call: it answers the same for the same question.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::address::{NotANumber, Number};
use crate::call::country::{Class, Country};
use crate::call::desk::Slot;
use crate::call::pattern::Pattern;
use crate::id::{
    CallId, ChannelId, ConferenceId, ExtensionId, FlowId, GroupId, PageId, QueueId, ScheduleId,
    TrunkId,
};
use crate::time::UnixTime;

mod desk;
mod features;
mod rules;

pub use desk::{DeskRules, Forced, Order, Schedule};
pub use features::{Behind, Feature, Features};
pub use rules::{Allow, Emergency, Inbound, Internal, NotATarget, Outbound, Rules, Target};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A call that came in over this trunk.
    Trunk(TrunkId),
    /// A call from this desk phone.
    Extension(ExtensionId),
    /// A call from a page that has the chat of this name. It dials nothing: where it goes is known.
    Chat(ChannelId),
}

/// One question to the plan.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The user part of the request, as it arrived: separators, `tel:` and `urn:service:sos` are understood.
    pub dialled: &'a str,
    /// Who dialled it.
    pub from: Origin,
    /// When, for rules that depend on the hour.
    pub unix: UnixTime,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A desk phone.
    Extension(ExtensionId),
    /// The start of an IVR flow.
    Ivr(FlowId),
    /// The end of a queue.
    Queue(QueueId),
    /// To leave a message for this extension.
    Voicemail(ExtensionId),
    /// To hear messages from anywhere: the mailbox and its PIN are asked for.
    Messages,
    /// A conference.
    Conference(ConferenceId),
    /// Everything said is played back.
    Echo,
    /// A feature code for the phone that dialled it, with what was dialled behind it.
    Feature(Feature, Option<Number>),
    /// The phones of a group.
    Group(GroupId),
    /// The loudspeakers of several phones.
    Page(PageId),
    /// A parking place: whoever waits there.
    Slot(Slot),
    /// Wherever a schedule leads at that moment; [`Plan::onward`] tells.
    Schedule(ScheduleId),
    /// The code that overrides a schedule.
    Override(ScheduleId, Order),
    /// What an extension would reach by this number, though somebody else calls; [`Plan::onward`] tells.
    Dial {
        /// As the extension would dial it.
        number: Number,
        /// Who forwards.
        by: ExtensionId,
    },
    /// Out over the first of these trunks that takes it.
    Outbound {
        /// In the order they are tried; never empty.
        trunks: Vec<TrunkId>,
        /// What to send.
        number: Number,
        /// Who pays for it: who asked the plan. A phone that forwards or transfers pays for where it sends the call.
        payer: Origin,
        /// Whether the caller's number is to be hidden.
        hidden: bool,
    },
    /// A call for help: above limits, drains and bans.
    Emergency {
        /// In the order they are tried; empty only where no trunk is configured.
        trunks: Vec<TrunkId>,
        /// What to send: the emergency number without any outside prefix.
        number: Number,
    },
    /// To listen in to a call.
    Supervise(CallId),
    /// Help calls back: the phone that called for it rings, above limits and drains.
    CallBack(ExtensionId),
    /// The caller hears which number and place help would see.
    TestOfHelp,
    /// Refused.
    Nowhere(Why),
}

impl Destination {
    /// Whether it stands above limits, drains and bans: a call for help, or help that calls back.
    pub fn is_help(&self) -> bool {
        matches!(self, Destination::Emergency { .. } | Destination::CallBack(_))
    }
}

/// Why a call goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// What was dialled cannot be a number.
    NotDialable(NotANumber),
    /// No rule takes it.
    Unknown,
    /// The caller came over a trunk, and the number leads out over one.
    TrunkToTrunk,
    /// The rule takes the number, and this caller may not use the rule.
    NotThisCaller {
        /// The rule's name.
        rule: String,
    },
    /// The rule takes the number, and does not allow what it costs.
    Class {
        /// The rule's name.
        rule: String,
        /// What it would be.
        class: Class,
    },
    /// After `strip` and `prepend` nothing is left that could be dialled.
    NothingLeft {
        /// The rule's name.
        rule: String,
    },
    /// Calls are not passed on to there: help, a feature code.
    NotOnward,
}

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step(pub String);

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Where the call goes.
    pub destination: Destination,
    /// What was looked at, in order.
    pub because: Vec<Step>,
}

/// A compiled dial plan.
#[derive(Debug, Clone)]
pub struct Plan {
    rules: Rules,
    /// What was dialled, with and without an outside prefix, to what is sent.
    emergency: BTreeMap<String, Number>,
    /// Narrowest first.
    outbound: Vec<(Pattern, Outbound)>,
    lines: Lines,
    overrides: desk::Overrides,
}

/// Our inbound numbers, found by however a carrier may write them: in full, or as the country does.
#[derive(Debug, Clone, Default)]
struct Lines(BTreeMap<String, BTreeSet<usize>>);

impl Lines {
    fn new(country: Country, inbound: &[Inbound]) -> Lines {
        let mut lines = Lines::default();
        for (place, rule) in inbound.iter().enumerate() {
            for form in forms(country, &rule.number) {
                lines.0.entry(form).or_default().insert(place);
            }
        }
        lines
    }

    /// The places of the inbound numbers that are the same line as `dialled`, in their order.
    fn of(&self, country: Country, dialled: &Number) -> BTreeSet<usize> {
        forms(country, dialled).filter_map(|form| self.0.get(&form)).flatten().copied().collect()
    }
}

/// The digits as they are, and the number in full.
fn forms(country: Country, number: &Number) -> impl Iterator<Item = String> {
    let bare = number.as_str().trim_start_matches('+').to_owned();
    [Some(bare), country.full(number.as_str())].into_iter().flatten()
}

impl Plan {
    /// Compiles the rules. A rule without a usable pattern takes nothing; `branchline check` names it.
    pub fn new(rules: Rules) -> Plan {
        let mut outbound: Vec<_> = rules
            .outbound
            .iter()
            .filter_map(|rule| Some((rule.matcher().ok()?, rule.clone())))
            .collect();
        outbound.sort_by(|a, b| a.0.narrower_first(&b.0));
        let emergency = emergency_forms(&rules.emergency, rules.country);
        let lines = Lines::new(rules.country, &rules.inbound);
        Plan { rules, emergency, outbound, lines, overrides: desk::Overrides::new() }
    }

    /// Answers where a call goes.
    pub fn decide(&self, asked: &Asked<'_>) -> Decision {
        let mut because = Vec::new();
        let destination = self.walk(asked, &mut because);
        let destination = self.by_the_hour(destination, asked.unix, &mut because);
        Decision { destination, because }
    }

    /// The number in what was dialled, by whatever way it is written; nothing if there is none.
    pub fn number(&self, dialled: &str) -> Option<Number> {
        self.read(dialled).ok()
    }

    /// Where a call goes that is passed on: by a forward as if the forwarding extension had dialled, by a schedule as it
    /// is at that moment. Never to help, which would look for the wrong person, and never to a feature code.
    pub fn onward(&self, destination: Destination, at: UnixTime) -> Destination {
        let because = &mut Vec::new();
        let destination = match destination {
            Destination::Dial { number, by } => {
                let asked =
                    Asked { dialled: number.as_str(), from: Origin::Extension(by), unix: at };
                self.walk(&asked, because)
            }
            other => other,
        };
        match self.by_the_hour(destination, at, because) {
            Destination::Emergency { .. }
            | Destination::Feature(..)
            | Destination::Override(..)
            | Destination::Dial { .. }
            | Destination::TestOfHelp
            | Destination::Slot(_) => Destination::Nowhere(Why::NotOnward),
            found => found,
        }
    }

    /// Whether an extension that dials this reaches help, by whatever way it is written.
    pub fn is_for_help(&self, dialled: &str) -> bool {
        let Ok(number) = self.read(dialled) else { return false };
        let behind = self.behind_hiding(&number);
        let helps = |number: &Number| self.emergency.contains_key(number.as_str());
        helps(&number) || behind.as_ref().is_some_and(helps)
    }

    fn walk(&self, asked: &Asked<'_>, because: &mut Vec<Step>) -> Destination {
        let number = match self.read(asked.dialled) {
            Ok(number) => number,
            Err(why) => {
                note(because, format!("what was dialled is not a number: {why}"));
                return Destination::Nowhere(Why::NotDialable(why));
            }
        };
        if number.as_str() != asked.dialled {
            note(because, format!("{} was read as {number}", asked.dialled.escape_debug()));
        }
        match &asked.from {
            Origin::Trunk(trunk) => self.for_trunk(&number, trunk, because),
            Origin::Extension(extension) => match self.behind_hiding(&number) {
                Some(rest) => {
                    note(because, format!("the caller hides the number and dials {rest}"));
                    self.for_extension(&rest, extension, because).hiding()
                }
                None => self.for_extension(&number, extension, because),
            },
            Origin::Chat(_) => Destination::Nowhere(Why::Unknown),
        }
    }

    /// What was dialled behind the code that hides the caller's number, if it begins with that.
    fn behind_hiding(&self, number: &Number) -> Option<Number> {
        let code = self.rules.features.hide_caller.as_ref()?;
        let rest = number.as_str().strip_prefix(code.as_str())?;
        Number::parse(rest).ok()
    }

    /// The number in a request's user part or URI.
    fn read(&self, dialled: &str) -> Result<Number, NotANumber> {
        let plain = unescaped(dialled.trim());
        let lower = plain.to_ascii_lowercase();
        // RFC 3966 section 3: parameters follow the number after a semicolon; in a user part they come along with it.
        let bare = lower.split([';', '?']).next().unwrap_or_default();
        if bare == "urn:service:sos" || bare.starts_with("urn:service:sos.") {
            return self.sos();
        }
        let rest = bare.strip_prefix("tel:").unwrap_or(bare);
        // The tab and the no-break space are separators that people paste along with a number.
        Number::parse(&rest.replace(['\t', '\u{a0}'], " "))
    }

    /// What `urn:service:sos` stands for: the country's own, where the site has not written down others.
    fn sos(&self) -> Result<Number, NotANumber> {
        let usual = self.rules.country.sos();
        let own = self.rules.emergency.numbers.iter().flatten().next();
        match (self.emergency.get(usual), own) {
            (Some(known), _) => Ok(known.clone()),
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Number::parse(usual),
        }
    }

    /// The number to dial to try how help would see a caller.
    fn test_of_help(&self) -> Option<Number> {
        let own = self.rules.emergency.test_number.clone();
        own.or_else(|| Number::parse(self.rules.country.test_of_help()?).ok())
    }

    fn for_extension(
        &self,
        number: &Number,
        caller: &ExtensionId,
        because: &mut Vec<Step>,
    ) -> Destination {
        let dialled = number.as_str();
        if let Some(sent) = self.emergency.get(dialled) {
            note(because, format!("{dialled} is a call for help; no other rule was looked at"));
            return self.help(sent.clone());
        }
        note(because, format!("{dialled} is not an emergency number"));
        if let Some((feature, behind)) = self.rules.features.find(number) {
            note(because, format!("it is the feature code `{feature}`"));
            return Destination::Feature(feature, behind);
        }
        if let Some(extension) = self.rules.extensions.iter().find(|e| e.as_str() == dialled) {
            note(because, format!("it is extension {extension}"));
            return Destination::Extension(extension.clone());
        }
        if let Some(internal) = self.rules.internal.iter().find(|i| i.number == *number) {
            note(
                because,
                format!("it is the internal number {number}, which leads to {}", internal.to),
            );
            return internal.to.clone().into();
        }
        if let Some((_, conference)) = self.rules.conferences.iter().find(|(own, _)| own == number)
        {
            note(because, format!("it is the number of conference {conference}"));
            return Destination::Conference(conference.clone());
        }
        if let Some(found) =
            self.desk_number(number, caller, because).or_else(|| self.slot(number, because))
        {
            return found;
        }
        note(because, "it is no feature code, extension or internal number".to_owned());
        if self.test_of_help().as_ref() == Some(number) {
            note(because, "it is the test of calls for help, which stays in the box".to_owned());
            return Destination::TestOfHelp;
        }
        self.out(number, &Origin::Extension(caller.clone()), because)
    }

    fn for_trunk(&self, number: &Number, trunk: &TrunkId, because: &mut Vec<Step>) -> Destination {
        let mine = |inbound: &&Inbound| inbound.trunk.as_ref() == Some(trunk);
        let anyone = |inbound: &&Inbound| inbound.trunk.is_none();
        let same = self.lines.of(self.rules.country, number);
        let same = || same.iter().filter_map(|place| self.rules.inbound.get(*place));
        if let Some(rule) = same().find(mine).or_else(|| same().find(anyone)) {
            note(
                because,
                format!("it is the inbound number {}, which leads to {}", rule.number, rule.to),
            );
            return rule.to.clone().into();
        }
        note(because, format!("no inbound number of trunk {trunk} is {number}"));
        self.out(number, &Origin::Trunk(trunk.clone()), because)
    }

    /// Whose numbering applies.
    pub fn country(&self) -> Country {
        self.rules.country
    }

    /// Whether a number is one of the branch's own that callers dial.
    pub fn is_ours(&self, number: &str) -> bool {
        let number = Number::parse(number);
        number.is_ok_and(|number| !self.lines.of(self.rules.country, &number).is_empty())
    }

    /// Whether two numbers are the same line, one written in full and the other not.
    pub fn same_line(&self, own: &Number, dialled: &Number) -> bool {
        let bare = |n: &Number| n.as_str().trim_start_matches('+').to_owned();
        let full = |n: &Number| self.rules.country.full(n.as_str());
        bare(own) == bare(dialled) || full(own).is_some_and(|own| Some(own) == full(dialled))
    }

    fn out(&self, number: &Number, from: &Origin, because: &mut Vec<Step>) -> Destination {
        let mut taking =
            self.outbound.iter().filter(|(pattern, _)| pattern.matches(number.as_str())).peekable();
        let Some((narrowest, _)) = taking.peek().copied() else {
            note(because, "no outbound rule takes it".to_owned());
            return Destination::Nowhere(Why::Unknown);
        };
        // Only rules as narrow as the narrowest count: a wider rule must not open what a narrower one closed.
        let mut equals =
            taking.take_while(|(pattern, _)| pattern.narrower_first(narrowest) == Ordering::Equal);
        let Some((pattern, rule)) =
            equals.clone().find(|(_, rule)| rule.serves(from)).or_else(|| equals.next())
        else {
            return Destination::Nowhere(Why::Unknown);
        };
        note(because, format!("outbound rule `{}` ({pattern}) takes it", rule.name));
        if !rule.serves(from) {
            return self.refuse_caller(rule, from, because);
        }
        self.send(pattern, rule, number, from, because)
    }

    fn refuse_caller(
        &self,
        rule: &Outbound,
        from: &Origin,
        because: &mut Vec<Step>,
    ) -> Destination {
        match from {
            Origin::Trunk(trunk) => {
                note(
                    because,
                    format!(
                        "callers from trunk {trunk} may not call out (`from_trunks` of the rule)"
                    ),
                );
                Destination::Nowhere(Why::TrunkToTrunk)
            }
            Origin::Extension(extension) => {
                note(
                    because,
                    format!("extension {extension} is not among the rule's `extensions`"),
                );
                Destination::Nowhere(Why::NotThisCaller { rule: rule.name.clone() })
            }
            Origin::Chat(_) => Destination::Nowhere(Why::Unknown),
        }
    }

    fn send(
        &self,
        pattern: &Pattern,
        rule: &Outbound,
        number: &Number,
        from: &Origin,
        because: &mut Vec<Step>,
    ) -> Destination {
        let Some(sent) = rule.rewritten(number) else {
            note(because, "`strip` and `prepend` leave nothing to send".to_owned());
            return Destination::Nowhere(Why::NothingLeft { rule: rule.name.clone() });
        };
        let bare = help_numbers(&self.rules.emergency, self.rules.country);
        if let Some((_, number)) = bare.into_iter().find(|(dialled, _)| *dialled == sent) {
            note(because, format!("what would be sent, {sent}, is a call for help"));
            return self.help(number);
        }
        // A code that the rule itself writes, such as the pattern `*72.`, was meant; what follows it counts.
        let written = pattern.leading();
        let free = sent.as_str().strip_prefix(written.get(usize::from(rule.strip)..).unwrap_or(""));
        let judged = match written.contains(['*', '#']) {
            true => free.unwrap_or(sent.as_str()),
            false => sent.as_str(),
        };
        let class = self.rules.country.class(judged);
        if !rule.allows(class) {
            note(because, format!("{sent} is {class}, which the rule does not `allow`"));
            return Destination::Nowhere(Why::Class { rule: rule.name.clone(), class });
        }
        let trunks: Vec<_> = rule.trunks.iter().map(TrunkId::as_str).collect();
        note(because, format!("{sent} ({class}) is sent over {}", trunks.join(", then ")));
        let (trunks, payer) = (rule.trunks.clone(), from.clone());
        Destination::Outbound { trunks, number: sent, payer, hidden: false }
    }

    fn help(&self, number: Number) -> Destination {
        let all = &self.rules.trunks;
        let own = self.rules.emergency.trunks.iter().filter(|trunk| all.contains(trunk));
        let mut trunks: Vec<TrunkId> = own.cloned().collect();
        // Any way out is better than none.
        trunks.extend(
            all.iter().filter(|trunk| !self.rules.emergency.trunks.contains(trunk)).cloned(),
        );
        Destination::Emergency { trunks, number }
    }

    /// Everything that is dialled for help, with and without an outside prefix: what no other rule may take.
    pub fn emergency_forms(&self) -> impl Iterator<Item = &str> {
        self.emergency.keys().map(String::as_str)
    }
}

fn note(because: &mut Vec<Step>, line: String) {
    because.push(Step(line));
}

fn emergency_forms(settings: &Emergency, country: Country) -> BTreeMap<String, Number> {
    let numbers = help_numbers(settings, country);
    let prefixed = numbers.iter().flat_map(|(number, sent)| {
        let prefixes = settings.outside_prefixes.iter();
        prefixes.map(move |prefix| (format!("{prefix}{number}"), sent.clone()))
    });
    // Bare numbers are entered last, so that none is hidden by another one behind a prefix.
    prefixed
        .chain(numbers.iter().map(|(number, sent)| (number.to_string(), sent.clone())))
        .collect()
}

/// The numbers that reach help, each with what is sent for it.
fn help_numbers(settings: &Emergency, country: Country) -> Vec<(Number, Number)> {
    let pair = |dialled: &&str| {
        Some((Number::parse(dialled).ok()?, Number::parse(country.sent_for_help(dialled)).ok()?))
    };
    match &settings.numbers {
        // What a site wrote down is sent as it stands.
        Some(own) => own.iter().map(|number| (number.clone(), number.clone())).collect(),
        None => country.emergency().iter().filter_map(pair).collect(),
    }
}

/// `%39%31%31` as `911`. What is no escape stays as it is, and is no number then.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Destination {
    /// The same with the caller's number hidden, where it would leave the branch. Never for help: who calls back must
    /// know whom.
    fn hiding(self) -> Destination {
        match self {
            Destination::Outbound { trunks, number, payer, .. } => {
                Destination::Outbound { trunks, number, payer, hidden: true }
            }
            other => other,
        }
    }
}

impl From<Target> for Destination {
    fn from(target: Target) -> Destination {
        match target {
            Target::Ivr(flow) => Destination::Ivr(flow),
            Target::Extension(extension) => Destination::Extension(extension),
            Target::Queue(queue) => Destination::Queue(queue),
            Target::Voicemail(extension) => Destination::Voicemail(extension),
            Target::Messages => Destination::Messages,
            Target::Conference(conference) => Destination::Conference(conference),
            Target::Echo => Destination::Echo,
            Target::Group(group) => Destination::Group(group),
            Target::Schedule(schedule) => Destination::Schedule(schedule),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = |trunks: &[TrunkId]| {
            trunks.iter().map(TrunkId::as_str).collect::<Vec<_>>().join(", then ")
        };
        match self {
            Destination::Extension(extension) => write!(f, "extension {extension}"),
            Destination::Ivr(flow) => write!(f, "IVR flow {flow}"),
            Destination::Queue(queue) => write!(f, "queue {queue}"),
            Destination::Voicemail(extension) => write!(f, "voicemail of {extension}"),
            Destination::Messages => f.write_str("hearing messages"),
            Destination::Conference(conference) => write!(f, "conference {conference}"),
            Destination::Echo => f.write_str("echo test"),
            Destination::Outbound { trunks, number, .. } => {
                write!(f, "{number} over {}", over(trunks))
            }
            Destination::Feature(feature, None) => write!(f, "feature {feature}"),
            Destination::Feature(feature, Some(number)) => {
                write!(f, "feature {feature} for {number}")
            }
            Destination::Group(group) => write!(f, "group {group}"),
            Destination::Page(page) => write!(f, "page {page}"),
            Destination::Slot(slot) => write!(f, "parking place {slot}"),
            Destination::Schedule(schedule) => write!(f, "schedule {schedule}"),
            Destination::Override(schedule, _) => write!(f, "the override of schedule {schedule}"),
            Destination::Dial { number, by } => write!(f, "{number} as {by} dials it"),
            Destination::Emergency { trunks, number } if trunks.is_empty() => {
                write!(f, "EMERGENCY {number}, but there is no trunk")
            }
            Destination::Emergency { trunks, number } => {
                write!(f, "EMERGENCY {number} over {}", over(trunks))
            }
            Destination::CallBack(extension) => {
                write!(f, "extension {extension}, which called for help")
            }
            Destination::Supervise(call) => write!(f, "listening in to {call}"),
            Destination::TestOfHelp => f.write_str("test of calls for help"),
            Destination::Nowhere(why) => write!(f, "refused: {why}"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NotDialable(why) => write!(f, "{why}"),
            Why::Unknown => f.write_str("nothing has this number"),
            Why::TrunkToTrunk => f.write_str("callers from a trunk may not call out over a trunk"),
            Why::NotThisCaller { rule } => write!(f, "rule `{rule}` is not for this caller"),
            Why::Class { rule, class } => write!(f, "rule `{rule}` does not allow {class} numbers"),
            Why::NotOnward => f.write_str("calls are not passed on to there"),
            Why::NothingLeft { rule } => write!(f, "rule `{rule}` leaves nothing to dial"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
