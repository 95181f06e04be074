//! Which number a call out shows: the phone's own, its trunk's, or a caller's whose call is passed on.
//!
//! A branch answers for what it shows: a number that is not one of its own leaves only over a trunk that allows it, and
//! the number of a phone inside never does. Knows no headers; what privacy looks like on the wire is SIP's business.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Number;
use crate::call::country::Country;
use crate::id::TrunkId;

/// What is shown of a caller who does not want to be known, or whom nobody knows.
pub const NOBODY: &str = "anonymous";

/// What one phone shows.
#[derive(Debug, Clone, Default)]
pub struct Phone {
    /// Its number outside.
    pub number: Option<Number>,
    /// Whether it never shows any.
    pub hides: bool,
}

/// What calls over one trunk show.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// The number of those who have none of their own.
    pub number: Option<Number>,
    /// Whether numbers that are not the branch's may be shown.
    pub any: bool,
}

/// Every number that the branch may show.
#[derive(Debug, Clone, Default)]
pub struct CallerIds {
    /// How numbers read in full.
    pub country: Country,
    /// By extension.
    pub phones: BTreeMap<String, Phone>,
    /// By trunk.
    pub lines: BTreeMap<TrunkId, Line>,
    /// Numbers at which the branch is called.
    pub inbound: Vec<Number>,
    /// Those of them that lead straight to one extension.
    pub direct: Vec<(Number, String)>,
}

impl CallerIds {
    /// The number that a call of `from`, an extension or a caller's number, shows over a trunk; nothing when there is
    /// none that may be shown.
    pub fn shown(&self, from: &str, trunk: &TrunkId) -> Option<Number> {
        let line = self.lines.get(trunk);
        let own = match self.phones.get(from) {
            Some(phone) => phone.number.clone(),
            None => Number::parse(from).ok().filter(|number| self.may_show(number, line)),
        };
        own.or_else(|| line?.number.clone())
    }

    /// The extension whose own number this is.
    pub fn whose(&self, number: &Number) -> Option<&str> {
        let full = self.full(number);
        let own = |phone: &Phone| phone.number.as_ref().map(|own| self.full(own));
        let mut phones = self.phones.iter();
        let mut direct = self.direct.iter();
        phones
            .find(|(_, phone)| own(phone).as_ref() == Some(&full))
            .map(|(name, _)| name.as_str())
            .or_else(|| direct.find(|(own, _)| self.full(own) == full).map(|(_, name)| &**name))
    }

    /// Whether a phone never shows its number.
    pub fn hides(&self, from: &str) -> bool {
        self.phones.get(from).is_some_and(|phone| phone.hides)
    }

    fn may_show(&self, number: &Number, line: Option<&Line>) -> bool {
        line.is_some_and(|line| line.any) || self.own().contains(&self.full(number))
    }

    fn own(&self) -> BTreeSet<String> {
        let phones = self.phones.values().filter_map(|phone| phone.number.as_ref());
        let lines = self.lines.values().filter_map(|line| line.number.as_ref());
        phones.chain(lines).chain(&self.inbound).map(|number| self.full(number)).collect()
    }

    fn full(&self, number: &Number) -> String {
        self.country.full(number.as_str()).unwrap_or_else(|| number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Number> {
        Some(Number::parse(text).unwrap())
    }

    fn ids(any: bool) -> CallerIds {
        let phone = |number, hides| Phone { number, hides };
        CallerIds {
            country: Country::default(),
            phones: [
                ("201".to_owned(), phone(number("+14085550101"), false)),
                ("202".to_owned(), phone(None, true)),
            ]
            .into(),
            lines: [("carrier".into(), Line { number: number("+14085550100"), any })].into(),
            inbound: number("4085550111").into_iter().collect(),
            direct: vec![(number("4085550111").unwrap(), "203".to_owned())],
        }
    }

    fn shown(ids: &CallerIds, from: &str) -> Option<String> {
        ids.shown(from, &"carrier".into()).map(String::from)
    }

    #[test]
    fn a_phone_shows_its_own_number_or_its_trunks_and_never_its_extension() {
        assert_eq!(shown(&ids(false), "201").as_deref(), Some("+14085550101"));
        assert_eq!(shown(&ids(false), "202").as_deref(), Some("+14085550100"));
        let mut bare = ids(false);
        bare.lines.clear();
        assert_eq!(shown(&bare, "202"), None);
        assert!(ids(false).hides("202") && !ids(false).hides("201"));
    }

    #[test]
    fn a_number_is_its_phones_or_of_whom_it_leads_to() {
        let ids = ids(false);
        let whose = |text: &str| ids.whose(&Number::parse(text).unwrap());
        assert_eq!(whose("+14085550101"), Some("201"));
        assert_eq!(whose("+14085550111"), Some("203"));
        assert_eq!(whose("+14085550100"), None, "the trunk's is nobody's own");
    }

    #[test]
    fn a_caller_from_outside_is_shown_only_where_any_number_may_be() {
        assert_eq!(shown(&ids(false), "+15557654321").as_deref(), Some("+14085550100"));
        assert_eq!(shown(&ids(true), "+15557654321").as_deref(), Some("+15557654321"));
        assert_eq!(shown(&ids(true), "anonymous").as_deref(), Some("+14085550100"));
        assert_eq!(shown(&ids(false), "+14085550111").as_deref(), Some("+14085550111"), "ours");
    }
}
