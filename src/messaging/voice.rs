//! What a visitor's page and the box say to each other about a call by voice, over the chat's own connection.
//!
//! The page always offers and the box always answers, as agents' pages do: the box has one address, which its answer names,
//! so no candidates travel. The page asks before it offers, so that nobody is asked for a microphone in vain.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a page says.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Said {
    /// May there be a call?
    Ask,
    /// There is a microphone.
    Offer {
        /// The page's offer.
        sdp: String,
    },
    /// Go on with the call: with a new offer after a reload or on another network, without one where the sound goes on.
    Resume {
        /// The page's new offer.
        #[serde(default)]
        sdp: Option<String>,
    },
    /// End the call.
    Hangup,
    /// The visitor does not want to be asked any more.
    Decline,
    /// The page that has the call is gone. No page says so.
    #[serde(skip)]
    Gone,
}

/// Without descriptions: those are nobody's business but the call's.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Said::Ask => "ask",
            Said::Offer { .. } => "offer",
            Said::Resume { .. } => "resume",
            Said::Hangup => "hangup",
            Said::Decline => "decline",
            Said::Gone => "gone",
        })
    }
}

/// What the box says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Told {
    /// Somebody of the branch would like to speak, or no more.
    Invited {
        /// Whether.
        on: bool,
    },
    /// There may be a call: offer.
    Ready {
        /// Relays for the sound, should the page's network need any.
        relays: Vec<Relay>,
    },
    /// The answer to the page's offer.
    Answer {
        /// The answer.
        sdp: String,
    },
    /// How the call is now.
    State {
        /// How.
        state: State,
    },
    /// The call has lost its page, and waits a while for this one.
    Waiting,
    /// It is over.
    Ended {
        /// Why, as the call record has it; `elsewhere` where another page of the visitor's goes on with it.
        why: String,
    },
    /// There is no call.
    Refused {
        /// Why.
        why: No,
    },
}

/// How a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody of the branch is there yet.
    Waiting,
    /// Both may talk.
    Talking,
    /// The visitor was put on hold; talking follows.
    Held,
}

/// Why there is no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum No {
    /// This chat has no calls.
    Off,
    /// Visitors call here who were invited, and this one was not, or too long ago.
    Uninvited,
    /// Nothing is open that the call could go on with: write first.
    Unwritten,
    /// There is no room at this moment, or too many calls were asked for.
    Busy,
    /// That is no description of a browser's sound that the box could answer.
    Sound,
}

/// A relay, as a browser takes it (`RTCIceServer`).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Relay {
    /// Ways to it.
    pub urls: Vec<String>,
    /// The name to be shown there.
    pub username: String,
    /// The password that goes with it.
    pub credential: String,
}

/// Without the password.
impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Both ends of a page's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Where the page is.
    pub from: IpAddr,
    /// Our address that it connected to.
    pub local: IpAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_say_what_they_may_and_not_that_they_are_gone() {
        let read = |text: &str| serde_json::from_str::<Said>(text).ok();
        assert_eq!(read(r#"{"what":"ask"}"#), Some(Said::Ask));
        assert_eq!(read(r#"{"what":"resume"}"#), Some(Said::Resume { sdp: None }));
        assert_eq!(read(r#"{"what":"gone"}"#), None);
        assert_eq!(read(r#"{"what":"offer"}"#), None);
        let told = serde_json::to_string(&Told::Refused { why: No::Uninvited }).unwrap();
        assert_eq!(told, r#"{"what":"refused","why":"uninvited"}"#);
    }
}
