//! Who calls: what a carrier's headers say of it, and what ours say to a carrier.

use crate::address::Number;
use crate::call::caller_id::{CallerIds, Line, NOBODY, Phone};
use crate::call::desk::Diversion;
use crate::call::plan::{Inbound, Target};
use crate::call::record::{DivertedBy, Peer};
use crate::config::Settings;
use crate::config::settings::{self, Forwarded, Shows};
use crate::gateway::Gateway;
use crate::id::{CallId, ExtensionId, LegId, TrunkId};
use crate::sip::diversion::{self, Diverted, Reason};
use crate::sip::identity::{self, Claimed, Shown};
use crate::sip::message::{Headers, Request};
use crate::sip::uri::{Host, NameAddr};

/// Every number that the branch may show, from its configuration.
pub(super) fn caller_ids(settings: &Settings) -> CallerIds {
    let phone = |extension: &settings::Extension| {
        let (number, hides) = (extension.caller_id.clone(), extension.hide_caller_id);
        (extension.number.to_string(), Phone { number, hides })
    };
    let line = |trunk: &settings::Trunk| {
        let any = trunk.shows == Shows::Any;
        (trunk.name.clone(), Line { number: trunk.caller_id.clone(), any })
    };
    let direct = |rule: &Inbound| match &rule.to {
        Target::Extension(extension) => Some((rule.number.clone(), extension.to_string())),
        _ => None,
    };
    CallerIds {
        country: settings.site.country,
        phones: settings.extensions.iter().map(phone).collect(),
        lines: settings.trunks.iter().map(line).collect(),
        inbound: settings.inbound.iter().map(|rule| rule.number.clone()).collect(),
        direct: settings.inbound.iter().filter_map(direct).collect(),
    }
}

impl Gateway {
    /// Who a carrier says is calling: number and name.
    pub(super) fn carriers_caller(
        &self,
        request: &Request,
        trunk: &TrunkId,
    ) -> (String, Option<String>) {
        let settings = self.trunk_settings(trunk);
        let trusted = settings.is_some_and(|trunk| trunk.trusted);
        let Claimed { user, name } = identity::claimed(&request.headers, trusted);
        let form = settings.map(|trunk| trunk.numbers.incoming).unwrap_or_default();
        let written = |user: String| match Number::parse(&user) {
            Ok(number) => form.write(self.settings.site.country, &number).to_string(),
            Err(_) => identity::fit_to_show(&user).unwrap_or_default(),
        };
        let number = user.map(written).filter(|text| !text.is_empty());
        (number.unwrap_or_else(|| NOBODY.to_owned()), name)
    }

    /// Who passed a call on before it reached us. Only a trusted carrier is believed (RFC 5806 section 6.1): the number
    /// decides whose mailbox a message goes to.
    pub(super) fn diverted_by(&mut self, leg: LegId, request: &Request) -> Option<DivertedBy> {
        let Peer::Trunk(trunk) = &self.legs.get(leg)?.peer else { return None };
        let settings = self.trunk_settings(trunk).filter(|trunk| trunk.trusted)?;
        let steps = diversion::read(&request.headers);
        let by = Number::parse(&steps.first()?.by).ok()?;
        let number = settings.numbers.incoming.write(self.settings.site.country, &by).to_string();
        let extension = self.caller_ids.whose(&by).map(ExtensionId::from);
        self.legs.get_mut(leg)?.diverted = steps;
        Some(DivertedBy { number, extension })
    }

    /// What a phone wants to be shown as on calls out: nobody, or one of its own numbers.
    pub(super) fn take_wishes(&mut self, leg: LegId, request: &Request) {
        let Some(Peer::Extension(phone)) = self.legs.get(leg).map(|leg| &leg.peer) else { return };
        let (hides, preferred) = identity::wished(&request.headers);
        let number = preferred.and_then(|text| Number::parse(&text).ok());
        let shows = number.filter(|number| self.caller_ids.whose(number) == Some(phone.as_str()));
        if let Some(leg) = self.legs.get_mut(leg) {
            (leg.hides, leg.shows) = (hides, shows);
        }
    }

    /// The number that a carrier is asked for. Nothing is changed in a call for help.
    pub(super) fn called_number(&self, number: &Number, trunk: &TrunkId, help: bool) -> String {
        let Some(numbers) =
            self.trunk_settings(trunk).map(|trunk| &trunk.numbers).filter(|_| !help)
        else {
            return number.to_string();
        };
        let written = numbers.called.write(self.settings.site.country, number);
        let prefix = numbers.prefix.as_ref().map_or("", Number::as_str);
        format!("{prefix}{written}")
    }

    /// Who calls, as a carrier is told. Calls for help hide nobody.
    pub(super) fn shown_caller(
        &self,
        call: CallId,
        trunk: &TrunkId,
        host: &Host,
        (hidden, help): (bool, bool),
    ) -> (NameAddr, Headers) {
        let (from, _) = self.calls.numbers(call).unwrap_or((NOBODY, ""));
        let settings = self.trunk_settings(trunk);
        let form = settings.map(|trunk| trunk.numbers.caller).unwrap_or_default();
        // What the phone wishes holds for its own calls, not for those that others send on from there.
        let own = Peer::Extension(ExtensionId::from(from));
        let phone = self.calls.caller(call).and_then(|leg| self.legs.get(leg));
        let phone = phone.filter(|leg| leg.peer == own && !help);
        let wished = phone.and_then(|leg| leg.shows.clone());
        let hidden = hidden || phone.is_some_and(|leg| leg.hides);
        let number = wished.or_else(|| self.caller_ids.shown(from, trunk));
        let number =
            number.map(|number| form.write(self.settings.site.country, &number).to_string());
        // A carrier that we have an account with knows us by its name at least.
        let account = || self.trunks.get(trunk)?.credentials().map(|own| own.username.clone());
        // Help is told the phone rather than nobody.
        let phone = || help.then(|| from.to_owned());
        let number = number.or_else(account).or_else(phone);
        let passes = settings.is_some_and(|trunk| trunk.shows == Shows::Any);
        let name = self.calls.name(call).filter(|_| passes);
        let (from, told) = identity::write(&Shown {
            number: number.as_deref(),
            name,
            hidden: (hidden || self.caller_ids.hides(from)) && !help,
            host,
            assertion: settings.map(|trunk| trunk.identity).unwrap_or_default(),
            trusted: settings.is_some_and(|trunk| trunk.trusted),
        });
        let mut headers = self.onward(call);
        for (name, value) in told.iter() {
            // It was a header before.
            let _ = headers.push(name, value);
        }
        (from, headers)
    }

    /// Says whose a call was that the branch passes on, where the carrier is to know.
    pub(super) fn say_forwarded(
        &self,
        call: CallId,
        (trunk, called): (&TrunkId, &str),
        host: &Host,
        headers: &mut Headers,
    ) {
        let steps = self.steps(call, trunk);
        let how = self.trunk_settings(trunk).map(|trunk| trunk.forwarded).unwrap_or_default();
        if matches!(how, Forwarded::Diversion | Forwarded::Both) {
            diversion::write_diversion(headers, &steps, host);
        }
        if matches!(how, Forwarded::HistoryInfo | Forwarded::Both) && !steps.is_empty() {
            diversion::write_history(headers, &steps, called, host);
        }
    }

    /// Who has passed a call on, in numbers that may be shown. A call that came in over a trunk and leaves over one was
    /// passed on by the number that it came in for.
    fn steps(&self, call: CallId, trunk: &TrunkId) -> Vec<Diverted> {
        use crate::call::plan::Origin;
        let shown = |by: &str| self.caller_ids.shown(by, trunk).map(String::from);
        let dialled = match (self.calls.origin(call), self.calls.numbers(call)) {
            (Some(Origin::Trunk(_)), Some((_, to))) => shown(to),
            _ => None,
        };
        let by_number = |by: String| Diverted { by, reason: Reason::Unconditional };
        let by_phone = |diversion: &Diversion| {
            let by = shown(diversion.by.as_str())?;
            Some(Diverted { by, reason: Reason::of_word(diversion.when.reason()) })
        };
        let phones: Vec<_> = self.calls.diversions(call).iter().filter_map(by_phone).collect();
        let own: Vec<_> =
            if phones.is_empty() { dialled.map(by_number).into_iter().collect() } else { phones };
        // Who passed it on before us comes first, as far as numbers that are not ours may be shown (RFC 5806 section 4).
        let caller = self.calls.caller(call).and_then(|leg| self.legs.get(leg));
        let before = caller.map(|leg| leg.diverted.as_slice()).unwrap_or_default();
        let known = |step: &Diverted| Some(Diverted { by: shown(&step.by)?, ..step.clone() });
        let foreign = |step: &Diverted| known(step).filter(|shown| shown.by == step.by);
        before.iter().filter_map(foreign).chain(own).collect()
    }
}
