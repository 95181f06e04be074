//! What an agent's page and the box say to each other while the page is the agent's telephone.
//!
//! The page always offers and the box always answers, so nothing but these few messages has to travel. Everything else that
//! an agent does, holding, transferring, notes, is the API's. Says nothing of how messages are carried.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallId, ExtensionId, LegId, QueueId};

/// One page, as long as its connection lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageId(pub u64);

/// What a page says.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum FromPage {
    /// Take the call that rings.
    Answer {
        /// Which.
        leg: LegId,
        /// The page's offer.
        sdp: String,
    },
    /// Do not take it.
    Decline {
        /// Which.
        leg: LegId,
    },
    /// Call somebody.
    Dial {
        /// Whom, as a phone on the desk would dial.
        number: String,
        /// The page's offer.
        sdp: String,
    },
    /// Go on with a call that is up: after a reload or on another network with a new offer, after a connection that was
    /// lost beside the sound without one.
    Resume {
        /// Which.
        leg: LegId,
        /// The page's new offer; nothing where the sound goes on as it is.
        #[serde(default)]
        sdp: Option<String>,
    },
    /// End a call.
    Hangup {
        /// Which.
        leg: LegId,
    },
    /// Is the box there still? A page asks that hears nothing, to know whether its network is gone.
    Ask,
}

/// Without numbers and descriptions: those are nobody's business but the call's.
impl fmt::Debug for FromPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, leg) = match self {
            FromPage::Answer { leg, .. } => ("Answer", Some(leg)),
            FromPage::Decline { leg } => ("Decline", Some(leg)),
            FromPage::Dial { .. } => ("Dial", None),
            FromPage::Resume { leg, .. } => ("Resume", Some(leg)),
            FromPage::Hangup { leg } => ("Hangup", Some(leg)),
            FromPage::Ask => ("Ask", None),
        };
        f.debug_struct(what).field("leg", &leg).finish_non_exhaustive()
    }
}

/// What the box says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToPage {
    /// First of all: who the page is.
    Welcome {
        /// The agent.
        agent: AgentId,
        /// What rings there.
        extension: ExtensionId,
        /// Where the agent has signed in at another's phone, if anywhere.
        position: Option<ExtensionId>,
        /// Calls of the agent's that have lost their page, to be resumed.
        calls: Vec<Up>,
        /// Relays for its sound, should it need any.
        relays: Vec<Relay>,
    },
    /// The relays once more, with a password that is good for longer.
    Relays {
        /// In place of those before.
        relays: Vec<Relay>,
    },
    /// A call wants to be answered.
    Ring {
        /// The leg that it is answered by.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The queue that it comes from, if any.
        queue: Option<QueueId>,
        /// Who calls.
        caller: Caller,
    },
    /// It rings no more.
    Stop {
        /// Which.
        leg: LegId,
        /// `elsewhere` if another page or phone was faster, or why the call ended.
        why: String,
    },
    /// The answer to the page's offer.
    Sdp {
        /// Whose.
        leg: LegId,
        /// The answer.
        sdp: String,
    },
    /// How a call of the page's is now.
    State {
        /// Which.
        leg: LegId,
        /// The call.
        call: Option<CallId>,
        /// How.
        state: State,
        /// Why it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A call of the agent's has lost its page: whichever resumes it first has it.
    Lost {
        /// Its leg.
        leg: LegId,
        /// The call.
        call: CallId,
    },
    /// The session is over: nothing rings here any more and nobody can be called, but what is up goes on, and can be ended,
    /// until somebody has signed in again and resumes it by a new channel.
    Expired,
    /// The last after that: nothing is up here any more, and the channel ends.
    Over,
    /// The box is there.
    Here,
    /// Something that the page asked for cannot be done.
    Problem {
        /// About which call.
        leg: Option<LegId>,
        /// What, in words for a person.
        detail: String,
    },
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

/// A call that waits for its page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Up {
    /// Its leg.
    pub leg: LegId,
    /// The call.
    pub call: CallId,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The number as shown.
    pub number: String,
    /// The name, where one is known.
    pub name: Option<String>,
}

/// How a call of a page's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The other side rings.
    Ringing,
    /// Both may talk.
    Talking,
    /// The other side has put this one on hold; `talking` follows.
    Held,
    /// It is over.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_pages_write_them_and_nothing_else_is() {
        let text = r#"{"type":"answer","leg":"0000000000007","sdp":"v=0"}"#;
        let read = serde_json::from_str::<FromPage>(text);
        assert!(read.is_ok_and(|said| said
            == FromPage::Answer { leg: LegId(7), sdp: "v=0".to_owned() }));
        for wrong in [
            r#"{"type":"answer","leg":"0000000000007"}"#,
            r#"{"type":"hangup","leg":7}"#,
            r#"{"type":"monitor","leg":"0000000000007"}"#,
            r#"{"type":"decline","leg":"0000000000007","more":1}"#,
            "[]",
            "",
        ] {
            assert!(serde_json::from_str::<FromPage>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn messages_are_written_as_pages_read_them() {
        let stop = ToPage::Stop { leg: LegId(7), why: "elsewhere".to_owned() };
        let text = serde_json::to_string(&stop).unwrap();
        assert_eq!(text, r#"{"type":"stop","leg":"0000000000007","why":"elsewhere"}"#);
        let (leg, state) = (LegId(7), State::Ringing);
        let rings = ToPage::State { leg, call: None, state, why: None };
        let text = serde_json::to_string(&rings).unwrap();
        assert_eq!(text, r#"{"type":"state","leg":"0000000000007","call":null,"state":"ringing"}"#);
    }
}
