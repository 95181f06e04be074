//! The site's CRM and everything else: who calls is asked there, and what it says goes on the record and onto the card.

use std::time::Duration;

use crate::admin::{CrmLine, CrmTest, Figures, Lamp, Part, Reply, Spans};
use crate::config::settings;
use crate::context::{Caller, Identity, Learned, NotAnIdentity, Order, Who, normalise};
use crate::crm::{Answer, AskId, Fault, Found, Known, Lookups, Output as Wish};
use crate::gateway::{Gateway, LookFor, Output, ReplyTo};
use crate::id::{ActorId, CallId, ContactId};
use crate::store::context::looking::Question;
use crate::time::{Now, UnixTime};

/// Identities that a question names besides the one that it is asked by: a customer has an account and an address or two.
const MOST_ALSO: usize = 16;
/// Who has written down what the CRM said.
const CRM: &str = "the CRM";

/// What is asked of the CRM.
#[derive(Debug)]
pub(super) struct Crm {
    /// Whether there is one.
    on: bool,
    lookups: Lookups,
    /// How long answers took.
    took: Spans,
    /// When it answered last.
    answered: Option<UnixTime>,
    /// Who waits for what is known of somebody, before it is asked about them.
    wanted: Vec<(ReplyTo, Identity<String>)>,
}

impl Crm {
    pub fn new(settings: &settings::Crm) -> Crm {
        let on = settings.url.is_some();
        let lookups = Lookups::new(settings.limits());
        Crm { on, lookups, took: Spans::default(), answered: None, wanted: Vec::new() }
    }
}

/// What the CRM is told of somebody who is known.
fn known(caller: &Caller, identity: &Identity<String>) -> Known {
    let others = caller.identities.iter().filter(|other| *other != identity);
    let asked = caller.crm.as_ref().map(|crm| crm.learned.at);
    Known { contact: caller.contact, also: others.take(MOST_ALSO).map(written).collect(), asked }
}

fn written(identity: &Identity<String>) -> String {
    format!("{}:{}", identity.kind, identity.value)
}

impl Gateway {
    /// It is known what is known of a caller: if that is nothing, or old, the CRM is asked. Nothing waits for it.
    pub(super) fn ask_crm(&mut self, now: Now, call: CallId, caller: Option<&Caller>) {
        let Some(identity) = self.caller_identity(call).filter(|_| self.crm.on) else { return };
        let known = caller.map(|caller| known(caller, &identity));
        let identity = written(&identity);
        self.crm.lookups.handle_caller(now, call, &identity, known);
        self.poll_crm(now);
    }

    /// The CRM answered, or did not.
    pub fn handle_crm(
        &mut self,
        now: Now,
        id: AskId,
        took: Duration,
        result: Result<Answer, Fault>,
    ) {
        match &result {
            Ok(_) => {
                self.crm.answered = Some(now.unix);
                self.crm.took.add(took);
            }
            Err(fault) => tracing::debug!(%fault, "no answer of the CRM"),
        }
        self.crm.lookups.handle_answer(now, id, took, result);
        self.poll_crm(now);
        self.settle(now);
    }

    /// Somebody at the box tries whether it answers, or wants what it says on the record.
    pub(super) fn test_crm(&mut self, now: Now, to: ReplyTo, who: &str, keep: bool) {
        let country = self.settings.site.country;
        let named = who.parse().map_err(|why: NotAnIdentity| why.to_string());
        let read = named.and_then(|who| match who {
            Who::Contact(_) => Err("name a number, an address or an account number".to_owned()),
            Who::Identity(kind, value) => {
                let value = normalise(kind, &value, &|digits| country.full(digits));
                Ok(Identity { kind, value: value.map_err(|why| why.to_string())? })
            }
        });
        let ReplyTo(test) = to;
        let refused = match read {
            _ if !self.crm.on => "there is no [crm] in the configuration".to_owned(),
            Err(why) => why,
            Ok(identity) if keep => {
                let question = Question::Caller(identity.clone());
                self.crm.wanted.push((to, identity));
                return self.outputs.push_back(Output::Look { to: LookFor::Crm(to), question });
            }
            Ok(identity) => {
                self.crm.lookups.handle_test(now, test, &written(&identity));
                return self.poll_crm(now);
            }
        };
        self.outputs.push_back(Output::Reply(to, Reply::Refused(refused)));
    }

    /// It is known what is known of somebody about whom it is to be asked.
    pub(super) fn ask_crm_for(&mut self, now: Now, to: ReplyTo, caller: Option<&Caller>) {
        let at = self.crm.wanted.iter().position(|(reader, _)| *reader == to);
        let Some((ReplyTo(asked), identity)) = at.map(|at| self.crm.wanted.swap_remove(at)) else {
            return;
        };
        let known = caller.map(|caller| known(caller, &identity));
        self.crm.lookups.handle_asked(now, asked, &written(&identity), known);
        self.poll_crm(now);
    }

    fn poll_crm(&mut self, now: Now) {
        while let Some(wish) = self.crm.lookups.poll_output() {
            match wish {
                Wish::Ask(ask) => self.outputs.push_back(Output::Crm(ask)),
                Wish::Learned { identity, contact, answer, calls } => {
                    self.learn(now, &identity, contact, answer, calls);
                }
                Wish::Tested { test, took, result } => {
                    let (answer, fault) = match result {
                        Ok(answer) => (Some(answer), None),
                        Err(fault) => (None, Some(fault.to_string())),
                    };
                    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                    let reply = Reply::CrmTest(Box::new(CrmTest { took_ms, answer, fault }));
                    self.outputs.push_back(Output::Reply(ReplyTo(test), reply));
                }
            }
        }
    }

    /// What the CRM said goes on the record; cards are made anew when the store shows it.
    fn learn(
        &mut self,
        now: Now,
        identity: &str,
        asked: Option<ContactId>,
        answer: Answer,
        calls: Vec<CallId>,
    ) {
        let Ok(Who::Identity(kind, value)) = identity.parse() else { return };
        let (found, Found { id, link, fields, .. }) = match answer {
            Answer::Found(found) => (true, found),
            Answer::Unknown => (false, Found::default()),
        };
        let until = now.unix + self.settings.crm.keep();
        let learned = Learned { found, id, link, fields, at: now.unix, until };
        let identity = Identity { kind, value };
        let order = Order::Learn { identity, asked, learned };
        // Whom it does not know either has no card to be made anew.
        self.take_order_for(now, calls, ActorId::from(CRM), order);
    }

    /// How it is, for whoever asks.
    pub(super) fn crm_line(&self, now: Now) -> Reply {
        let Some(url) = self.settings.crm.url.clone().filter(|_| self.crm.on) else {
            return Reply::Refused("there is no [crm] in the configuration".to_owned());
        };
        let counters = self.crm.lookups.counters;
        let trouble = self.crm.lookups.trouble();
        let rests = trouble.and_then(|(_, until)| until);
        Reply::Crm(Box::new(CrmLine {
            url,
            answered: self.crm.answered,
            open: self.crm.lookups.open(),
            found: counters.found,
            unknown: counters.unknown,
            faults: counters.faults,
            dropped: counters.dropped,
            fresh: counters.fresh,
            stale: counters.stale,
            missed: counters.missed,
            unknown_again: counters.unknown_again,
            trouble: trouble.map(|(fault, _)| fault.to_string()),
            rests_s: rests.map(|until| until.saturating_duration_since(now.instant).as_secs()),
        }))
    }

    /// Its lamp, where there is one.
    pub(super) fn crm_part(&self, now: Now) -> Option<Part> {
        if !self.crm.on {
            return None;
        }
        let (lamp, words) = match self.crm.lookups.trouble() {
            Some((fault, Some(until))) if now.instant < until => {
                let left = until.saturating_duration_since(now.instant).as_secs();
                let what = "cards show the last answers and how old they are";
                let words = format!(
                    "{fault}; asked again in {left} s at the earliest, {what}: `branchline crm test NUMBER`"
                );
                (Lamp::Amber, words)
            }
            Some((fault, _)) => (Lamp::Amber, format!("{fault}; `branchline crm test NUMBER`")),
            None => match self.crm.answered {
                Some(at) => (Lamp::Green, format!("last answered at {at}")),
                None => (Lamp::Green, "not asked yet".to_owned()),
            },
        };
        Some(Part { name: "crm".to_owned(), lamp, words })
    }

    pub(super) fn crm_figures(&self, figures: &mut Figures) {
        if !self.crm.on {
            return;
        }
        let counters = self.crm.lookups.counters;
        let named = |rows: &[(&str, u64)]| {
            rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>()
        };
        let cards = [
            ("fresh", counters.fresh),
            ("stale", counters.stale),
            ("missed", counters.missed),
            ("unknown", counters.unknown_again),
        ];
        let help = "Callers, by what was known of them from the CRM when they rang.";
        figures.counters(("crm_cards_total", "known"), help, named(&cards));
        let lookups = [
            ("found", counters.found),
            ("unknown", counters.unknown),
            ("fault", counters.faults),
            ("dropped", counters.dropped),
        ];
        let help = "Questions to the CRM, by what came of them.";
        figures.counters(("crm_lookups_total", "outcome"), help, named(&lookups));
        figures.gauge("crm_lookups_open", "Questions that wait.", self.crm.lookups.open());
        figures.histogram("crm_lookup_seconds", "How long answers took.", &self.crm.took);
    }
}
