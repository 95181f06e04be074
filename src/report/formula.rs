//! The formulas, each under the id that stands on every report: F1 to F14, and beside ours what other systems print.
//!
//! A formula is a sum of counts over another sum of counts, and nothing else. That is why any of its numbers can be
//! opened, and why rows can be added up: the figure of a day is made from the day's counts, never from the figures of its
//! hours.

use crate::report::By;
use crate::report::counter::Counter::{self, *};
use crate::report::counter::Counts;
use crate::report::wilson;

/// What a figure is given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share; 1 is printed as 100 %.
    Percent,
    /// Seconds.
    Seconds,
    /// A plain number.
    Number,
    /// Points from -100 to 100: a difference of two shares.
    Points,
    /// Money in the site's currency.
    Money,
}

/// A sum of counts, each with its weight.
pub type Sum = Vec<(Counter, f64)>;

/// One formula.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    /// Its id: `F1`, `F3-asterisk-1`, `F3-genesys+flow-outs`.
    pub id: String,
    /// What it says, in a few words.
    pub title: &'static str,
    /// What it is given in.
    pub unit: Unit,
    /// Above the line.
    pub numerator: Sum,
    /// Below the line.
    pub denominator: Sum,
    /// Counted beside it and in neither: too young to say, not known.
    pub beside: Option<Counter>,
    /// Groups that it can be given for; for all of these together always.
    pub by: &'static [By],
    /// The least and the greatest value, where the figure is a mean of answers and has a 95 % interval.
    pub span: Option<(f64, f64)>,
}

/// A formula's value over some counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Above the line.
    pub numerator: f64,
    /// Below the line.
    pub denominator: f64,
    /// One over the other; nothing when there is nothing below the line.
    pub value: Option<f64>,
    /// Its 95 % interval, where it has one.
    pub interval: Option<(f64, f64)>,
    /// What was left out and is counted beside it.
    pub beside: Option<i64>,
}

impl Formula {
    /// Its value.
    pub fn figure(&self, counts: &Counts) -> Figure {
        let sum = |terms: &Sum| {
            // Adding zero turns -0, the sum of nothing, into 0.
            terms.iter().map(|(counter, weight)| counts.get(*counter) as f64 * weight).sum::<f64>()
                + 0.0
        };
        let (numerator, denominator) = (sum(&self.numerator), sum(&self.denominator));
        let value = (denominator > 0.0).then(|| numerator / denominator);
        let interval = self.span.zip(value).and_then(|((low, high), value)| {
            let scale = high - low;
            let (from, to) = wilson::interval((value - low) / scale, denominator as i64)?;
            Some((low + from * scale, low + to * scale))
        });
        let beside = self.beside.map(|counter| counts.get(counter));
        Figure { numerator, denominator, value, interval, beside }
    }

    /// Whether it can be given for rows that are grouped so: what nobody answered belongs to no agent.
    pub fn fits(&self, by: By) -> bool {
        match by {
            By::Nothing => true,
            By::QueueAndChannel => self.by.contains(&By::Queue),
            by => self.by.contains(&by),
        }
    }

    /// Every kind that it counts.
    pub fn counters(&self) -> Vec<Counter> {
        self.numerator.iter().chain(&self.denominator).map(|(counter, _)| *counter).collect()
    }
}

/// The formulas of a list of ids with commas between: `F1,F3-asterisk-1`, `F8`. An id that stands for several, as F8
/// and F3 do, gives them all; `all` gives every one. On an unknown id: that id.
pub fn named(list: &str) -> Result<Vec<Formula>, String> {
    let mut found: Vec<Formula> = Vec::new();
    for id in list.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let some = some(id).ok_or_else(|| id.to_owned())?;
        for formula in some {
            if !found.iter().any(|known| known.id == formula.id) {
                found.push(formula);
            }
        }
    }
    Ok(found)
}

fn some(id: &str) -> Option<Vec<Formula>> {
    let wanted = id.to_ascii_lowercase();
    if let Some(switches) = wanted.strip_prefix("f3-genesys+") {
        return Some(vec![genesys(&Switches::named(switches)?)]);
    }
    let family = format!("{wanted}-");
    let fits = |formula: &Formula| {
        let id = formula.id.to_ascii_lowercase();
        wanted == "all" || id == wanted || id.starts_with(&family)
    };
    let some: Vec<_> = all().into_iter().filter(fits).collect();
    (!some.is_empty()).then_some(some)
}

/// What a site can switch in the Genesys form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Switches {
    /// Flow-outs count below the line.
    pub flow_outs: bool,
    /// Short abandons do not.
    pub no_short: bool,
    /// No abandons do.
    pub no_abandons: bool,
    /// Today's target judges the past too.
    pub rewrite: bool,
}

impl Switches {
    /// From names with `+` between.
    pub fn named(text: &str) -> Option<Switches> {
        let mut switches = Switches::default();
        for name in text.split('+') {
            match name {
                "flow-outs" => switches.flow_outs = true,
                "no-short" => switches.no_short = true,
                "no-abandons" => switches.no_abandons = true,
                "rewrite" => switches.rewrite = true,
                _ => return None,
            }
        }
        Some(switches)
    }

    fn id(self) -> String {
        let names = [
            (self.flow_outs, "+flow-outs"),
            (self.no_short, "+no-short"),
            (self.no_abandons, "+no-abandons"),
            (self.rewrite, "+rewrite"),
        ];
        let on = names.iter().filter(|(on, _)| *on).map(|(_, name)| *name);
        std::iter::once("F3-genesys").chain(on).collect()
    }
}

/// (answered - late) / (answered + abandoned), with switches.
pub fn genesys(switches: &Switches) -> Formula {
    let answered = if switches.rewrite { InTargetToday } else { InTarget };
    let mut below = vec![(Answered, 1.0), (Abandoned, 1.0)];
    if switches.flow_outs {
        below.push((FlowedOut, 1.0));
    }
    // All abandons left out leave no short ones to leave out.
    if switches.no_abandons {
        below.push((Abandoned, -1.0));
    } else if switches.no_short {
        below.push((Short, -1.0));
    }
    let title = "service level as Genesys gives it";
    Formula { id: switches.id(), ..percent("", title, &[answered], QUEUES).over(below) }
}

const QUEUES: &[By] = &[By::Queue, By::Channel];
const EVERYBODY: &[By] = &[By::Queue, By::Channel, By::Agent];
const AGENTS: &[By] = &[By::Agent];
const CHANNELS: &[By] = &[By::Channel];
/// Weights that turn microseconds into seconds, and millionths of money into money.
const MICRO: f64 = 1e-6;

impl Formula {
    fn over(mut self, denominator: Sum) -> Formula {
        self.denominator = denominator;
        self
    }

    fn per(self, counter: Counter) -> Formula {
        self.over(vec![(counter, 1.0)])
    }

    fn beside(mut self, counter: Counter) -> Formula {
        self.beside = Some(counter);
        self
    }

    fn spanning(mut self, low: f64, high: f64) -> Formula {
        self.span = Some((low, high));
        self
    }
}

fn formula(
    id: &str,
    title: &'static str,
    unit: Unit,
    numerator: Sum,
    by: &'static [By],
) -> Formula {
    let (denominator, beside, span) = (Vec::new(), None, None);
    Formula { id: id.to_owned(), title, unit, numerator, denominator, beside, by, span }
}

fn weighted(counters: &[Counter], weight: f64) -> Sum {
    counters.iter().map(|counter| (*counter, weight)).collect()
}

fn percent(id: &str, title: &'static str, above: &[Counter], by: &'static [By]) -> Formula {
    formula(id, title, Unit::Percent, weighted(above, 1.0), by)
}

fn seconds(id: &str, title: &'static str, above: &[Counter], by: &'static [By]) -> Formula {
    formula(id, title, Unit::Seconds, weighted(above, MICRO), by)
}

fn number(id: &str, title: &'static str, above: Sum, by: &'static [By]) -> Formula {
    formula(id, title, Unit::Number, above, by)
}

/// Every formula, in the order of their ids.
pub fn all() -> Vec<Formula> {
    [service_levels(), times(), issues(), journeys(), surveys()].concat()
}

fn service_levels() -> Vec<Formula> {
    let ours = vec![(Answered, 1.0), (Abandoned, 1.0), (Short, -1.0)];
    let both = vec![(Answered, 1.0), (Abandoned, 1.0)];
    vec![
        percent("F1", "service level, without short abandons", &[InTarget], QUEUES).over(ours),
        percent("F2", "service level, short abandons kept", &[InTarget], QUEUES).over(both.clone()),
        percent("F3-asterisk-1", "in target of those answered", &[InTarget], QUEUES).per(Answered),
        percent(
            "F3-asterisk-2",
            "answered or abandoned in target",
            &[InTarget, AbandonedInTarget],
            QUEUES,
        )
        .over(both),
        percent(
            "F3-connect-old",
            "left the queue in target, of those queued",
            &[InTarget, AbandonedInTarget, CallbacksInTarget],
            QUEUES,
        )
        .per(Queued),
        genesys(&Switches::default()),
    ]
}

fn times() -> Vec<Formula> {
    vec![
        seconds("F4", "average speed of answer", &[Wait], EVERYBODY).per(Answered),
        seconds("F4-promise", "wait until a call back was accepted", &[WaitForPromise], EVERYBODY)
            .per(CallbacksKept),
        seconds("F4-callback", "wait from there until called", &[WaitForCallback], EVERYBODY)
            .per(CallbacksKept),
        seconds("F5", "handle time of calls", &[Talk, Hold, AfterWork], EVERYBODY)
            .over(vec![(Handled, 1.0), (HandledDigital, -1.0)]),
        seconds("F5-focus", "attention for a digital contact", &[Focus], EVERYBODY)
            .per(HandledDigital),
        seconds("F5-session", "length of a digital contact", &[Session], EVERYBODY)
            .per(HandledDigital),
        percent("F6", "occupancy", &[Occupied], AGENTS).over(vec![(Occupied, 1.0), (Idle, 1.0)]),
        number("F6-concurrency", "contacts at a time", weighted(&[ContactTime], 1.0), AGENTS)
            .per(Occupied),
        percent("F6-connect", "occupancy as Connect gives it", &[ContactTime], AGENTS)
            .over(vec![(ContactTime, 1.0), (Idle, 1.0)]),
        formula(
            "F7",
            "abandoned, without short ones",
            Unit::Percent,
            vec![(Abandoned, 1.0), (Short, -1.0)],
            QUEUES,
        )
        .over(vec![(Queued, 1.0), (Short, -1.0)]),
        percent("F7-unanswered", "unanswered after the hours allowed", &[Unanswered], QUEUES)
            .per(AnswerDue)
            .beside(AnswerYoung),
    ]
}

fn issues() -> Vec<Formula> {
    let solved = |id, title, solved, closed, young| {
        percent(id, title, &[solved], EVERYBODY).per(closed).beside(young)
    };
    let repeat = |id, title, counter| {
        percent(id, title, &[counter], CHANNELS).per(Inbound).beside(InboundUnknown)
    };
    vec![
        solved("F8-1", "solved: nobody came again about it within a day", Solved1, Closed1, Young1),
        solved(
            "F8-7",
            "solved: nobody came again about it within 7 days",
            Solved7,
            Closed7,
            Young7,
        ),
        solved(
            "F8-30",
            "solved: nobody came again about it within 30 days",
            Solved30,
            Closed30,
            Young30,
        ),
        repeat("F9-1", "came again within a day", Repeat1),
        repeat("F9-7", "came again within 7 days", Repeat7),
        repeat("F9-30", "came again within 30 days", Repeat30),
        percent("F10", "contained in self-service, verified", &[Contained], QUEUES)
            .per(Sessions)
            .beside(SessionsYoung),
        percent("F10-raw", "not passed to a human", &[Untransferred], QUEUES)
            .per(Sessions)
            .beside(SessionsYoung),
    ]
}

fn journeys() -> Vec<Formula> {
    let journeys = |id, title, counter| percent(id, title, &[counter], CHANNELS).per(Journeys);
    let parts = |asked, again, reply| {
        vec![(AskedAgain, asked), (Reauthenticated, again), (ToUsefulReply, reply)]
    };
    let effort = |id, title, above| number(id, title, above, EVERYBODY).per(Handoffs);
    vec![
        journeys("F11", "begun in digital or self-service", DigitalFirst),
        journeys("F11-transition", "changed channel", Changed),
        journeys("F11-transition-chosen", "changed channel by choice", ChangedChosen),
        journeys("F11-transition-forced", "changed channel by force", ChangedForced),
        percent("F11-escalation", "came from digital to a call", &[ReachedVoice], CHANNELS)
            .per(DigitalStarted),
        effort("F12", "effort of a transition, all parts added up", parts(1.0, 1.0, MICRO)),
        effort("F12-asked", "questions asked again in a transition", parts(1.0, 0.0, 0.0)),
        effort("F12-proved", "proved again who they are", parts(0.0, 1.0, 0.0)),
        seconds("F12-reply", "until the first useful reply", &[ToUsefulReply], EVERYBODY)
            .per(Replied),
        percent("F12-retention", "context kept when handed on", &[ContextKept], EVERYBODY)
            .per(Handoffs),
    ]
}

fn surveys() -> Vec<Formula> {
    let responded = |id, answered, sent| {
        percent(id, "surveys answered", &[answered], EVERYBODY).per(sent).spanning(0.0, 1.0)
    };
    let points = vec![(Promoters, 1.0), (Detractors, -1.0)];
    vec![
        percent("F13-csat", "satisfied: 4 or 5 of 5", &[CsatGood], EVERYBODY)
            .per(CsatAnswered)
            .spanning(0.0, 1.0),
        responded("F13-csat-response", CsatAnswered, CsatSent),
        formula("F13-nps", "promoters less detractors", Unit::Points, points, EVERYBODY)
            .per(NpsAnswered)
            .spanning(-1.0, 1.0),
        responded("F13-nps-response", NpsAnswered, NpsSent),
        number("F13-ces", "effort, 1 to 7", weighted(&[CesSum], 1.0), EVERYBODY)
            .per(CesAnswered)
            .spanning(1.0, 7.0),
        responded("F13-ces-response", CesAnswered, CesSent),
        formula(
            "F14",
            "cost of a contact",
            Unit::Money,
            weighted(&[AgentCost, CarrierCost, MessageCost], MICRO),
            EVERYBODY,
        )
        .per(Handled),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the definitions: 80 answered, 60 of them in target; 20 abandoned, 10 under 5 s and 2 more in target.
    #[test]
    fn the_same_day_in_all_forms() {
        let mut counts = Counts::default();
        for (counter, amount) in [
            (Queued, 100),
            (Answered, 80),
            (InTarget, 60),
            (InTargetToday, 60),
            (Abandoned, 20),
            (Short, 10),
            (AbandonedInTarget, 12),
        ] {
            counts.add(counter, amount);
        }
        let cases = [
            ("F1", 66.7),
            ("F2", 60.0),
            ("F3-asterisk-1", 75.0),
            ("F3-asterisk-2", 72.0),
            ("F3-connect-old", 72.0),
            ("F3-genesys", 60.0),
            ("F3-genesys+no-short", 66.7),
            ("F3-genesys+no-abandons", 75.0),
            ("F3-genesys+rewrite+flow-outs", 60.0),
            ("F7", 11.1),
        ];
        for (id, percent) in cases {
            let formulas = named(id).unwrap();
            let value = formulas[0].figure(&counts).value.unwrap() * 100.0;
            assert!((value - percent).abs() < 0.05, "{id}: {value}");
        }
    }

    #[test]
    fn ids_are_found_alone_in_families_and_with_switches() {
        let ids = |list: &str| {
            named(list).map(|found| found.into_iter().map(|formula| formula.id).collect::<Vec<_>>())
        };
        assert_eq!(ids("f1, F8,F8-7").unwrap(), ["F1", "F8-1", "F8-7", "F8-30"]);
        assert_eq!(
            ids("F3-genesys+no-short+flow-outs").unwrap(),
            ["F3-genesys+flow-outs+no-short"]
        );
        assert_eq!(ids("F1,F15"), Err("F15".to_owned()));
        assert_eq!(ids("F3-genesys+often"), Err("F3-genesys+often".to_owned()));
        let all = ids("all").unwrap();
        for family in 1..=14 {
            let name = format!("F{family}");
            let known = |id: &String| *id == name || id.starts_with(&format!("{name}-"));
            assert!(all.iter().any(known), "{name}");
        }
        assert_eq!(ids("F1").unwrap(), ["F1"], "not F10 to F14");
    }
}
