//! Feature codes: what a phone dials to have something done rather than to call somebody.
//!
//! One line of the table for each; it names the key of `[features]`, the code that is usual, and whether something is
//! dialled behind it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::address::Number;

macro_rules! features {
    ($($(#[doc = $doc:literal])* $name:ident, $key:ident, $code:literal, $behind:ident;)*) => {
        /// What a feature code does for the phone that dialled it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Feature {
            $($(#[doc = $doc])* $name,)*
        }

        /// `[features]`: the codes. An empty text turns one off.
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Features {
            $(
                $(#[doc = $doc])*
                #[doc = concat!(" Default `", $code, "`.")]
                #[serde(deserialize_with = "code")]
                pub $key: Option<Number>,
            )*
            /// What is dialled in front of a number so that the called party does not see who calls. Default `*67`.
            #[serde(deserialize_with = "code")]
            pub hide_caller: Option<Number>,
        }

        impl Default for Features {
            fn default() -> Self {
                Features {
                    $($key: Number::parse($code).ok(),)*
                    hide_caller: Number::parse("*67").ok(),
                }
            }
        }

        impl Features {
            /// Each feature that has a code, with the code and its key in the configuration.
            pub fn each(&self) -> Vec<(Feature, &Number, &'static str)> {
                let all = [$((Feature::$name, self.$key.as_ref(), stringify!($key)),)*];
                let on = |(feature, code, key): (_, Option<_>, _)| Some((feature, code?, key));
                all.into_iter().filter_map(on).collect()
            }
        }

        impl Feature {
            /// Its key in the configuration.
            pub fn key(self) -> &'static str {
                match self {
                    $(Feature::$name => stringify!($key),)*
                }
            }

            /// What is dialled behind its code.
            pub fn behind(self) -> Behind {
                match self {
                    $(Feature::$name => Behind::$behind,)*
                }
            }

            /// What it does, in the words of its documentation.
            pub fn words(self) -> &'static str {
                match self {
                    $(Feature::$name => concat!($($doc),*).trim_ascii(),)*
                }
            }
        }
    };
}

/// What is dialled behind a feature code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Nothing: the code is dialled as it stands.
    Nothing,
    /// A number, without anything between.
    Number,
}

features! {
    /// Signs the agent in to the queues.
    SignIn, sign_in, "*41", Nothing;
    /// Signs the agent out.
    SignOut, sign_out, "*42", Nothing;
    /// No calls from queues for now.
    Pause, pause, "*43", Nothing;
    /// Calls from queues again.
    Resume, resume, "*44", Nothing;
    /// Hears the messages of the phone's own mailbox.
    Voicemail, voicemail, "*97", Nothing;
    /// Brings everybody together whom the phone talks with in its other calls, and the phone itself.
    Conference, conference, "*46", Nothing;
    /// Forwards every call to the number dialled behind it.
    ForwardAlways, forward_always, "*72", Number;
    /// Forwards not every call any more.
    ForwardAlwaysOff, forward_always_off, "*73", Nothing;
    /// Forwards calls while the phone is busy to the number dialled behind it.
    ForwardBusy, forward_busy, "*90", Number;
    /// Forwards no calls while the phone is busy.
    ForwardBusyOff, forward_busy_off, "*91", Nothing;
    /// Forwards calls that nobody answers to the number dialled behind it.
    ForwardNoAnswer, forward_no_answer, "*92", Number;
    /// Forwards no calls that nobody answers.
    ForwardNoAnswerOff, forward_no_answer_off, "*93", Nothing;
    /// Forwards calls while no phone is registered to the number dialled behind it.
    ForwardUnregistered, forward_unregistered, "*94", Number;
    /// Forwards no calls while no phone is registered.
    ForwardUnregisteredOff, forward_unregistered_off, "*95", Nothing;
    /// Do not disturb: callers find the phone busy.
    DoNotDisturb, do_not_disturb, "*78", Nothing;
    /// The phone rings again.
    DoNotDisturbOff, do_not_disturb_off, "*79", Nothing;
    /// Calls ring while the phone is in another call.
    CallWaiting, call_waiting, "*70", Nothing;
    /// Callers find the phone busy while it is in a call.
    CallWaitingOff, call_waiting_off, "*71", Nothing;
    /// Answers the call that rings at the extension dialled behind it.
    Pickup, pickup, "**", Number;
    /// Answers a call that rings in the phone's own pickup group.
    PickupGroup, pickup_group, "*8", Nothing;
    /// Parks the call that the phone has on hold, or that is transferred here.
    Park, park, "*68", Nothing;
    /// Speaks through the loudspeaker of the extension dialled behind it.
    Intercom, intercom, "*80", Number;
    /// Listens in, heard by nobody, to the agent at the extension dialled behind it; for supervisors.
    Monitor, monitor, "*52", Number;
    /// Listens in, heard by that agent, to the agent at the extension dialled behind it; for supervisors.
    Whisper, whisper, "*53", Number;
    /// Listens in, heard by both, to the agent at the extension dialled behind it; for supervisors.
    Barge, barge, "*54", Number;
    /// Makes this phone that of the extension dialled behind it, which keys its PIN in.
    HotDesk, hot_desk, "*11", Number;
    /// Makes this phone its own again.
    HotDeskOff, hot_desk_off, "*12", Nothing;
}

impl Feature {
    /// Whether anybody but the agent at the phone has a use for it.
    pub fn is_for_agents(self) -> bool {
        matches!(self, Feature::SignIn | Feature::SignOut | Feature::Pause | Feature::Resume)
    }
}

impl Features {
    /// The feature that `dialled` is for, with what is dialled behind its code: of several codes that fit, the longest.
    pub fn find(&self, dialled: &Number) -> Option<(Feature, Option<Number>)> {
        let fits = |(feature, code, _): (Feature, &Number, _)| {
            let rest = dialled.as_str().strip_prefix(code.as_str())?;
            let fits = rest.is_empty() || feature.behind() == Behind::Number;
            fits.then(|| (code.as_str().len(), feature, Number::parse(rest).ok()))
        };
        let longest =
            self.each().into_iter().filter_map(fits).max_by_key(|(length, ..)| *length)?;
        Some((longest.1, longest.2))
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    Number::parse(&text).map(Some).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dialled: &str) -> Option<(Feature, Option<String>)> {
        let found = Features::default().find(&Number::parse(dialled).unwrap());
        found.map(|(feature, rest)| (feature, rest.map(String::from)))
    }

    #[test]
    fn every_code_that_is_usual_can_be_dialled_and_no_two_are_one() {
        let features = Features::default();
        let codes: std::collections::BTreeSet<_> =
            features.each().iter().map(|(_, code, _)| code.as_str().to_owned()).collect();
        assert_eq!(codes.len(), features.each().len());
        assert!(codes.len() >= 20 && codes.contains("*41"), "{codes:?}");
    }

    #[test]
    fn what_is_dialled_behind_a_code_is_found_and_the_longest_code_counts() {
        assert_eq!(found("*72203"), Some((Feature::ForwardAlways, Some("203".into()))));
        assert_eq!(found("*72"), Some((Feature::ForwardAlways, None)));
        assert_eq!(found("*73"), Some((Feature::ForwardAlwaysOff, None)));
        assert_eq!(found("*731"), None, "nothing is dialled behind that one");
        assert_eq!(found("**203"), Some((Feature::Pickup, Some("203".into()))));
        assert_eq!(found("*8"), Some((Feature::PickupGroup, None)));
        assert_eq!(found("*80203"), Some((Feature::Intercom, Some("203".into()))));
        assert_eq!(found("203"), None);
    }

    #[test]
    fn an_empty_text_turns_a_code_off() {
        let features: Features = toml::from_str("park = ''\npause = '*9'").unwrap();
        assert_eq!(features.find(&Number::parse("*68").unwrap()), None);
        assert_eq!(features.find(&Number::parse("*9").unwrap()), Some((Feature::Pause, None)));
        assert!(toml::from_str::<Features>("park = 'x'").is_err());
    }
}
