//! The dial plan: where a dialled number goes, and why, in words an admin can read.
//!
//! It owns the order of the rules (emergency above everything, then feature codes, extensions, internal numbers and
//! outbound rules), the refusal of toll fraud, and the settings of each rule. It deliberately does not know whether a
//! destination is registered, busy or has a free line, and it places no call: it answers the same for the same question.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::{NotANumber, Number};
use crate::call::country::{Class, Country};
use crate::call::pattern::{NotAPattern, Pattern};
use crate::id::{ExtensionId, FlowId, QueueId, TrunkId};
use crate::time::UnixTime;

/// Where a configured number leads: `ivr:main`, `extension:201`, `queue:support` or `echo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// The start of an IVR flow.
    Ivr(FlowId),
    /// A desk phone.
    Extension(ExtensionId),
    /// The end of a queue.
    Queue(QueueId),
    /// Everything said is played back.
    Echo,
}

/// Text that is not a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotATarget(pub String);

/// A number that callers on trunks dial (a DID).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// The number, as the carrier sends it or in full with `+`.
    pub number: Number,
    /// Only calls that come over this trunk; any trunk when absent.
    #[serde(default)]
    pub trunk: Option<TrunkId>,
    /// Where the call goes.
    pub to: Target,
}

/// A number inside the branch that is not a desk phone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Internal {
    /// The number as extensions dial it.
    pub number: Number,
    /// Where the call goes.
    pub to: Target,
}

/// A class of number that an outbound rule opens beyond national ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allow {
    /// Numbers of other countries.
    International,
    /// Numbers charged above usual rates.
    Premium,
}

/// A way out over trunks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// What the rule is called in answers of `branchline route`.
    pub name: String,
    /// Dialled numbers it takes, in the pattern language; exactly one of `pattern` and `prefix` is given.
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// Digits that the dialled numbers begin with.
    #[serde(default)]
    pub prefix: Option<Number>,
    /// Leading characters to take off before sending; 0 to 32, fewer than the shortest number that matches.
    #[serde(default)]
    pub strip: u8,
    /// Digits put in front after that.
    #[serde(default)]
    pub prepend: Option<Number>,
    /// Trunks to try, in this order.
    pub trunks: Vec<TrunkId>,
    /// Extensions that may use the rule; all when empty.
    #[serde(default)]
    pub extensions: Vec<ExtensionId>,
    /// Trunks whose callers may use the rule. Empty, and best left so: a call from trunk to trunk is paid by the branch.
    #[serde(default)]
    pub from_trunks: Vec<TrunkId>,
    /// Classes of number beyond national ones. Empty by default.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

/// Calls for help.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Emergency {
    /// Numbers that reach help; those of the country when absent.
    pub numbers: Option<Vec<Number>>,
    /// What people dial before an outside number, so that help is reached with and without it. Default: `9`.
    pub outside_prefixes: Vec<Number>,
    /// Trunks in the order they are tried; every trunk, as configured, when empty.
    pub trunks: Vec<TrunkId>,
    /// Extensions that are told of the call while it goes out.
    pub notify: Vec<ExtensionId>,
}

impl Default for Emergency {
    fn default() -> Self {
        let outside_prefixes = Number::parse("9").into_iter().collect();
        Emergency { numbers: None, outside_prefixes, trunks: Vec::new(), notify: Vec::new() }
    }
}

/// What a feature code does for the agent at the phone that dialled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Signs the agent in.
    SignIn,
    /// Signs the agent out.
    SignOut,
    /// No calls from queues for now.
    Pause,
    /// Calls from queues again.
    Resume,
}

/// The feature codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// Default `*41`.
    pub sign_in: Number,
    /// Default `*42`.
    pub sign_out: Number,
    /// Default `*43`.
    pub pause: Number,
    /// Default `*44`.
    pub resume: Number,
}

impl Default for Features {
    fn default() -> Self {
        // These literals are numbers: a test beside reads them.
        let code = |text| Number::parse(text).expect("a literal code of a star and two digits");
        Features {
            sign_in: code("*41"),
            sign_out: code("*42"),
            pause: code("*43"),
            resume: code("*44"),
        }
    }
}

impl Features {
    /// Each feature with its code and its key in the configuration.
    pub fn each(&self) -> [(Feature, &Number, &'static str); 4] {
        [
            (Feature::SignIn, &self.sign_in, "sign_in"),
            (Feature::SignOut, &self.sign_out, "sign_out"),
            (Feature::Pause, &self.pause, "pause"),
            (Feature::Resume, &self.resume, "resume"),
        ]
    }
}

/// What a plan is made of. References are not checked here: an unknown trunk is simply never reached.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whose numbering applies.
    pub country: Country,
    /// Desk phones.
    pub extensions: Vec<ExtensionId>,
    /// Trunks in the order of the configuration.
    pub trunks: Vec<TrunkId>,
    /// Numbers dialled by callers on trunks.
    pub inbound: Vec<Inbound>,
    /// Numbers dialled inside.
    pub internal: Vec<Internal>,
    /// Ways out.
    pub outbound: Vec<Outbound>,
    /// Calls for help.
    pub emergency: Emergency,
    /// Feature codes.
    pub features: Features,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A call that came in over this trunk.
    Trunk(TrunkId),
    /// A call from this desk phone.
    Extension(ExtensionId),
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
    /// Everything said is played back.
    Echo,
    /// A feature code, for the agent at the phone that dialled it.
    Feature(Feature),
    /// Out over the first of these trunks that takes it.
    Outbound {
        /// In the order they are tried; never empty.
        trunks: Vec<TrunkId>,
        /// What to send.
        number: Number,
    },
    /// A call for help: above limits, drains and bans.
    Emergency {
        /// In the order they are tried; empty only where no trunk is configured.
        trunks: Vec<TrunkId>,
        /// What to send: the emergency number without any outside prefix.
        number: Number,
    },
    /// Refused.
    Nowhere(Why),
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
}

/// The number that stands for `urn:service:sos` (RFC 5031) where a country has several: 112 is in every table.
const SOS: &str = "112";

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
        Plan { rules, emergency, outbound }
    }

    /// Answers where a call goes.
    pub fn decide(&self, asked: &Asked<'_>) -> Decision {
        let mut because = Vec::new();
        let destination = self.walk(asked, &mut because);
        Decision { destination, because }
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
            Origin::Extension(extension) => self.for_extension(&number, extension, because),
        }
    }

    /// The number in a request's user part or URI.
    fn read(&self, dialled: &str) -> Result<Number, NotANumber> {
        let lower = dialled.trim().to_ascii_lowercase();
        if lower == "urn:service:sos" || lower.starts_with("urn:service:sos.") {
            let own = self.emergency.values().next().cloned();
            return match self.emergency.get(SOS).cloned().or(own) {
                Some(number) => Ok(number),
                None => Number::parse(SOS),
            };
        }
        let rest = lower.strip_prefix("tel:").unwrap_or(&lower);
        // RFC 3966 section 3: parameters follow the number after a semicolon.
        let digits = rest.split(';').next().unwrap_or_default();
        Number::parse(&digits.replace("%23", "#").replace("%2b", "+").replace("%2a", "*"))
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
        if let Some((feature, _, key)) =
            self.rules.features.each().into_iter().find(|(_, code, _)| *code == number)
        {
            note(because, format!("it is the feature code `{key}`"));
            return Destination::Feature(feature);
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
        note(because, "it is no feature code, extension or internal number".to_owned());
        self.out(number, &Origin::Extension(caller.clone()), because)
    }

    fn for_trunk(&self, number: &Number, trunk: &TrunkId, because: &mut Vec<Step>) -> Destination {
        let same = |own: &Number| own == number || self.same_line(own, number);
        let mine =
            self.rules.inbound.iter().find(|i| i.trunk.as_ref() == Some(trunk) && same(&i.number));
        let rule = mine
            .or_else(|| self.rules.inbound.iter().find(|i| i.trunk.is_none() && same(&i.number)));
        if let Some(rule) = rule {
            note(
                because,
                format!("it is the inbound number {}, which leads to {}", rule.number, rule.to),
            );
            return rule.to.clone().into();
        }
        note(because, format!("no inbound number of trunk {trunk} is {number}"));
        self.out(number, &Origin::Trunk(trunk.clone()), because)
    }

    /// Whether two numbers are the same line, one written in full and the other not.
    fn same_line(&self, own: &Number, dialled: &Number) -> bool {
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
        self.send(rule, number, because)
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
        }
    }

    fn send(&self, rule: &Outbound, number: &Number, because: &mut Vec<Step>) -> Destination {
        let Some(sent) = rule.rewritten(number) else {
            note(because, "`strip` and `prepend` leave nothing to send".to_owned());
            return Destination::Nowhere(Why::NothingLeft { rule: rule.name.clone() });
        };
        if self.is_emergency_number(&sent) {
            note(because, format!("what would be sent, {sent}, is a call for help"));
            return self.help(sent);
        }
        let class = self.rules.country.class(sent.as_str());
        if !rule.allows(class) {
            note(because, format!("{sent} is {class}, which the rule does not `allow`"));
            return Destination::Nowhere(Why::Class { rule: rule.name.clone(), class });
        }
        let trunks: Vec<_> = rule.trunks.iter().map(TrunkId::as_str).collect();
        note(because, format!("{sent} ({class}) is sent over {}", trunks.join(", then ")));
        Destination::Outbound { trunks: rule.trunks.clone(), number: sent }
    }

    /// Whether this exact number, without an outside prefix, reaches help.
    fn is_emergency_number(&self, number: &Number) -> bool {
        self.emergency.get(number.as_str()) == Some(number)
    }

    fn help(&self, number: Number) -> Destination {
        let own = &self.rules.emergency.trunks;
        let trunks = if own.is_empty() { self.rules.trunks.clone() } else { own.clone() };
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
    let own = || country.emergency().iter().filter_map(|n| Number::parse(n).ok()).collect();
    let numbers = settings.numbers.clone().unwrap_or_else(own);
    let prefixed = numbers.iter().flat_map(|number| {
        settings
            .outside_prefixes
            .iter()
            .map(move |prefix| (format!("{prefix}{number}"), number.clone()))
    });
    // Bare numbers are entered last, so that none is hidden by another one behind a prefix.
    prefixed.chain(numbers.iter().map(|number| (number.to_string(), number.clone()))).collect()
}

impl Outbound {
    /// The pattern, from whichever of `pattern` and `prefix` is given.
    pub fn matcher(&self) -> Result<Pattern, NotAPattern> {
        match (&self.pattern, &self.prefix) {
            (Some(pattern), _) => Ok(pattern.clone()),
            (None, Some(prefix)) => Pattern::prefix(prefix.as_str()),
            (None, None) => Err(NotAPattern::Empty),
        }
    }

    fn serves(&self, from: &Origin) -> bool {
        match from {
            Origin::Extension(extension) => {
                self.extensions.is_empty() || self.extensions.contains(extension)
            }
            Origin::Trunk(trunk) => self.from_trunks.contains(trunk),
        }
    }

    fn allows(&self, class: Class) -> bool {
        match class {
            Class::National => true,
            Class::International => self.allow.contains(&Allow::International),
            Class::Premium => self.allow.contains(&Allow::Premium),
        }
    }

    fn rewritten(&self, number: &Number) -> Option<Number> {
        let rest = number.as_str().get(usize::from(self.strip)..)?;
        if rest.is_empty() {
            return None;
        }
        let prepend = self.prepend.as_ref().map_or("", Number::as_str);
        Number::parse(&format!("{prepend}{rest}")).ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Ivr(flow) => write!(f, "ivr:{flow}"),
            Target::Extension(extension) => write!(f, "extension:{extension}"),
            Target::Queue(queue) => write!(f, "queue:{queue}"),
            Target::Echo => f.write_str("echo"),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = NotATarget;
    fn try_from(text: String) -> Result<Self, NotATarget> {
        match text.split_once(':') {
            _ if text == "echo" => Ok(Target::Echo),
            Some(("ivr", name)) if !name.is_empty() => Ok(Target::Ivr(name.into())),
            Some(("extension", name)) if !name.is_empty() => Ok(Target::Extension(name.into())),
            Some(("queue", name)) if !name.is_empty() => Ok(Target::Queue(name.into())),
            _ => Err(NotATarget(text)),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

impl fmt::Display for NotATarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = "`ivr:`, `extension:`, `queue:`, `echo`";
        write!(f, "unknown variant `{}`, expected one of {kinds}", self.0)
    }
}

impl std::error::Error for NotATarget {}

impl From<Target> for Destination {
    fn from(target: Target) -> Destination {
        match target {
            Target::Ivr(flow) => Destination::Ivr(flow),
            Target::Extension(extension) => Destination::Extension(extension),
            Target::Queue(queue) => Destination::Queue(queue),
            Target::Echo => Destination::Echo,
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
            Destination::Echo => f.write_str("echo test"),
            Destination::Feature(feature) => write!(f, "feature {feature:?}"),
            Destination::Outbound { trunks, number } => write!(f, "{number} over {}", over(trunks)),
            Destination::Emergency { trunks, number } if trunks.is_empty() => {
                write!(f, "EMERGENCY {number}, but there is no trunk")
            }
            Destination::Emergency { trunks, number } => {
                write!(f, "EMERGENCY {number} over {}", over(trunks))
            }
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
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    fn way_out(name: &str, pattern: &str, strip: u8) -> Outbound {
        Outbound {
            name: name.into(),
            pattern: Some(Pattern::parse(pattern).unwrap()),
            prefix: None,
            strip,
            prepend: None,
            trunks: vec!["carrier".into(), "spare".into()],
            extensions: vec![],
            from_trunks: vec![],
            allow: vec![],
        }
    }

    fn rules() -> Rules {
        let inbound = |n: &str, trunk: Option<&str>, to: &str| Inbound {
            number: number(n),
            trunk: trunk.map(TrunkId::from),
            to: Target::try_from(to.to_owned()).unwrap(),
        };
        let internal = |n: &str, to: &str| Internal {
            number: number(n),
            to: Target::try_from(to.to_owned()).unwrap(),
        };
        Rules {
            country: Country::from_code("US").unwrap(),
            extensions: vec!["201".into(), "202".into()],
            trunks: vec!["carrier".into(), "spare".into()],
            inbound: vec![
                inbound("+15550100", None, "ivr:main"),
                inbound("+15550101", None, "extension:201"),
                inbound("+14085551200", None, "queue:support"),
                inbound("+14085551200", Some("spare"), "echo"),
            ],
            internal: vec![
                internal("500", "ivr:main"),
                internal("600", "echo"),
                internal("700", "queue:support"),
            ],
            outbound: vec![way_out("outside", "9.", 1)],
            emergency: Emergency::default(),
            features: Features::default(),
        }
    }

    fn ask(rules: Rules, from: Origin, dialled: &str) -> Destination {
        Plan::new(rules).decide(&Asked { dialled, from, unix: UnixTime(0) }).destination
    }

    fn inside(dialled: &str) -> Destination {
        ask(rules(), Origin::Extension("201".into()), dialled)
    }

    fn outside(dialled: &str) -> Destination {
        ask(rules(), Origin::Trunk("carrier".into()), dialled)
    }

    fn help(sent: &str) -> Destination {
        Destination::Emergency {
            trunks: vec!["carrier".into(), "spare".into()],
            number: number(sent),
        }
    }

    #[test]
    fn help_is_reached_with_and_without_the_outside_prefix() {
        for dialled in
            ["911", "9911", "tel:911", "TEL:911;phone-context=x", "9-1-1", "(911)", " 911 "]
        {
            assert_eq!(inside(dialled), help("911"), "{dialled}");
        }
        for dialled in ["112", "9112", "urn:service:sos", "urn:service:sos.fire", "URN:SERVICE:SOS"]
        {
            assert_eq!(inside(dialled), help("112"), "{dialled}");
        }
    }

    #[test]
    fn numbers_that_only_look_like_help_are_not() {
        for dialled in ["1911", "99911", "9110", "+911", "94085551200", "91", "911911", "911*"] {
            assert!(!matches!(inside(dialled), Destination::Emergency { .. }), "{dialled}");
        }
        assert_eq!(inside("4085551200"), Destination::Nowhere(Why::Unknown));
        assert!(!matches!(outside("911"), Destination::Emergency { .. }));
    }

    #[test]
    fn help_stands_above_extensions_features_and_every_outbound_rule() {
        let mut shadowed = rules();
        shadowed.extensions.push("911".into());
        shadowed.features.pause = number("911");
        shadowed.internal.push(Internal { number: number("9911"), to: Target::Echo });
        shadowed
            .outbound
            .push(Outbound { extensions: vec!["202".into()], ..way_out("narrow", "9911", 4) });
        assert_eq!(ask(shadowed.clone(), Origin::Extension("201".into()), "911"), help("911"));
        assert_eq!(ask(shadowed, Origin::Extension("201".into()), "9911"), help("911"));
    }

    #[test]
    fn a_rule_that_would_send_an_emergency_number_makes_it_a_call_for_help() {
        let mut eight = rules();
        eight.outbound.push(way_out("eight", "8.", 1));
        assert_eq!(ask(eight, Origin::Extension("201".into()), "8911"), help("911"));
    }

    #[test]
    fn the_sites_own_trunks_for_help_come_before_the_rest() {
        let mut own = rules();
        own.emergency.trunks = vec!["spare".into()];
        let expected =
            Destination::Emergency { trunks: vec!["spare".into()], number: number("911") };
        assert_eq!(ask(own, Origin::Extension("201".into()), "911"), expected);
    }

    #[test]
    fn inside_numbers_lead_where_they_are_told() {
        assert_eq!(inside("202"), Destination::Extension("202".into()));
        assert_eq!(inside("500"), Destination::Ivr("main".into()));
        assert_eq!(inside("600"), Destination::Echo);
        assert_eq!(inside("700"), Destination::Queue("support".into()));
        assert_eq!(inside("*43"), Destination::Feature(Feature::Pause));
        assert_eq!(inside("%2A44"), Destination::Feature(Feature::Resume));
        assert_eq!(
            inside("nobody"),
            Destination::Nowhere(Why::NotDialable(NotANumber::Character('n')))
        );
    }

    #[test]
    fn inbound_numbers_match_however_the_carrier_writes_them() {
        for dialled in ["+15550100", "15550100"] {
            assert_eq!(outside(dialled), Destination::Ivr("main".into()), "{dialled}");
        }
        for dialled in ["+14085551200", "14085551200", "4085551200", "+1-408-555-1200"] {
            assert_eq!(outside(dialled), Destination::Queue("support".into()), "{dialled}");
        }
        assert_eq!(ask(rules(), Origin::Trunk("spare".into()), "4085551200"), Destination::Echo);
    }

    #[test]
    fn a_caller_on_a_trunk_reaches_neither_extensions_nor_other_trunks() {
        assert_eq!(outside("201"), Destination::Nowhere(Why::Unknown));
        assert_eq!(outside("*41"), Destination::Nowhere(Why::Unknown));
        assert_eq!(outside("914085559999"), Destination::Nowhere(Why::TrunkToTrunk));
        let mut open = rules();
        open.outbound[0].from_trunks = vec!["carrier".into()];
        let sent = ask(open, Origin::Trunk("carrier".into()), "914085559999");
        assert!(matches!(sent, Destination::Outbound { .. }));
    }

    #[test]
    fn dear_numbers_need_a_rule_that_allows_them() {
        let refused = |class| Destination::Nowhere(Why::Class { rule: "outside".into(), class });
        assert_eq!(inside("90114420712345"), refused(Class::International));
        assert_eq!(inside("918765551200"), refused(Class::International));
        assert_eq!(inside("919005551200"), refused(Class::Premium));
        let mut open = rules();
        open.outbound[0].allow = vec![Allow::International];
        let ask = |dialled| ask(open.clone(), Origin::Extension("201".into()), dialled);
        assert!(matches!(ask("90114420712345"), Destination::Outbound { .. }));
        assert_eq!(ask("919005551200"), refused(Class::Premium));
    }

    #[test]
    fn a_wider_rule_does_not_open_what_a_narrower_one_closed() {
        let mut tiered = rules();
        tiered.outbound.push(Outbound {
            extensions: vec!["202".into()],
            ..way_out("long", "91NXXNXXXXXX", 1)
        });
        let ask = |from: &str| ask(tiered.clone(), Origin::Extension(from.into()), "914085559999");
        assert_eq!(ask("201"), Destination::Nowhere(Why::NotThisCaller { rule: "long".into() }));
        assert!(matches!(ask("202"), Destination::Outbound { .. }));
    }

    #[test]
    fn strip_and_prepend_make_what_is_sent() {
        let mut rewritten = rules();
        rewritten.outbound[0].prepend = Some(number("+1"));
        let expected = Destination::Outbound {
            trunks: vec!["carrier".into(), "spare".into()],
            number: number("+14085559999"),
        };
        assert_eq!(ask(rewritten, Origin::Extension("201".into()), "94085559999"), expected);
        let mut empty = rules();
        empty.outbound[0].strip = 3;
        let nothing = Destination::Nowhere(Why::NothingLeft { rule: "outside".into() });
        assert_eq!(ask(empty, Origin::Extension("201".into()), "912"), nothing);
    }

    #[test]
    fn the_answer_says_what_was_looked_at() {
        let plan = Plan::new(rules());
        let asked =
            Asked { dialled: "9011", from: Origin::Extension("201".into()), unix: UnixTime(0) };
        let lines: Vec<_> = plan.decide(&asked).because.iter().map(Step::to_string).collect();
        assert_eq!(lines[0], "9011 is not an emergency number");
        assert!(lines[2].contains("outbound rule `outside` (9.)"), "{lines:?}");
        assert_eq!(asked.unix, UnixTime(0));
    }
}
