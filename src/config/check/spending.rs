//! What `[spending]`, `[[rate]]` and `[[cap]]` say together, and with the ways out.

use std::collections::BTreeMap;

use super::{Check, Step};
use crate::call::budget::{Cap, Scope, Subject};
use crate::call::plan::Allow;

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn spending(&mut self) {
        let settings = self.settings;
        let step = 1..=600;
        self.within(&[Key("spending"), Key("step")], settings.spending.step, step.clone());
        for (index, rate) in settings.rates.iter().enumerate() {
            let at = |key| [Key("rate"), At(self.place("rate", index)), Key(key)];
            let (prefix, step_at) = (at("prefix"), at("step"));
            self.within(&step_at, rate.step, step.clone());
            if !rate.prefix.as_str().starts_with('+') {
                let what = format!("numbers are priced in full, and `{}` is none", rate.prefix);
                self.tell(&prefix, what, "`+` and the beginning of the number, such as `+44`");
            }
        }
        self.caps();
        self.open_without_cap();
    }

    fn caps(&mut self) {
        let settings = self.settings;
        let mut seen = BTreeMap::new();
        for (index, cap) in settings.caps.iter().enumerate() {
            let place = self.place("cap", index);
            if cap.calls.is_none() && cap.minutes.is_none() && cap.money.is_none() {
                let what = "this cap limits nothing";
                self.tell(&[Key("cap"), At(place)], what, "`calls`, `minutes` or `money`");
            }
            if cap.money.is_some() && settings.spending.per_minute.is_none() {
                let what = "numbers without a [[rate]] would cost nothing and pass this cap";
                let allowed = "`per_minute` in `[spending]`: the highest price you pay";
                self.tell(&[Key("cap"), At(place), Key("money")], what, allowed);
            }
            self.whose(place, cap);
            let of = format!("{:?}", cap.of);
            if let Some(before) = seen.insert((of, cap.within), place) {
                let line = self.line(&[Key("cap"), At(before)]);
                let what = format!("line {line} has a cap of the same for the same time already");
                self.tell(&[Key("cap"), At(place), Key("of")], what, "one cap with all three");
            }
        }
    }

    fn whose(&mut self, place: usize, cap: &Cap) {
        let at = [Key("cap"), At(place), Key("of")];
        match &cap.of {
            Scope::One(Subject::Extension(name)) => {
                self.known(&at, "extension", name.as_str(), &self.names_of("extension"));
            }
            Scope::One(Subject::Trunk(name)) => {
                self.known(&at, "trunk", name.as_str(), &self.names_of("trunk"));
            }
            Scope::One(Subject::Site) | Scope::Extensions | Scope::Trunks => {}
        }
    }

    /// Whoever opens dear numbers should say how much may be lost before somebody looks.
    fn open_without_cap(&mut self) {
        if !self.settings.caps.is_empty() {
            return;
        }
        let opens = |allow: &[Allow]| {
            allow.iter().any(|class| matches!(class, Allow::International | Allow::Premium))
        };
        let open = self.settings.outbound.iter().position(|rule| opens(&rule.allow));
        if let Some(index) = open {
            let place = self.place("outbound", index);
            let what = "dear numbers are open and nothing caps what they may cost";
            let at = [Key("outbound"), At(place), Key("allow")];
            let problem = self.document.problem(&at, what).allowing("a `[[cap]]`");
            self.out.push(problem.warning());
        }
    }
}
