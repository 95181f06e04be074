//! One server transaction: a request that came to us, and what we answered (RFC 3261 section 17.2, RFC 6026).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::message::{Method, Request, Response};
use crate::sip::transaction::Match;
use crate::time::TimerId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No final answer yet (Trying and Proceeding).
    Open,
    /// A final answer other than 2xx to an INVITE was sent; repeated until the ACK.
    Completed,
    /// That ACK came.
    Confirmed,
    /// A 2xx to an INVITE was sent; the session repeats it (RFC 6026).
    Accepted,
    /// A final answer to another request was sent.
    Done,
}

/// What the table has to do after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing: it was provisional, or a repeated 2xx.
    Nothing,
    /// Repeat it until the ACK: timers G and H.
    Repeat,
    /// Keep the transaction to absorb repetitions: timers J and L.
    Linger,
}

#[derive(Debug)]
pub(super) struct Step {
    pub bytes: Vec<u8>,
    pub then: Then,
}

#[derive(Debug)]
pub(super) struct Server {
    matching: Arc<Match>,
    state: State,
    source: IpAddr,
    route: Route,
    tag: String,
    answer: Option<Vec<u8>>,
    /// What a request outside of dialogs is called by.
    pub name: Option<u64>,
    pub end: Option<TimerId>,
    pub repeat: Option<(TimerId, Duration)>,
}

impl Server {
    pub fn new(matching: Arc<Match>, request: &Request, flow: Flow) -> Self {
        Server {
            matching,
            state: State::Open,
            source: flow.peer.ip(),
            route: answer_route(request, flow),
            tag: String::new(),
            answer: None,
            name: None,
            end: None,
            repeat: None,
        }
    }

    /// The answer goes out if this state allows one.
    pub fn respond(&mut self, response: &Response) -> Option<Step> {
        let again = self.state == State::Accepted && response.status.is_success();
        if self.state != State::Open && !again {
            return None;
        }
        if let Some(tag) = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)) {
            self.tag = tag;
        }
        let bytes = response.encode();
        let then = match (self.is_invite(), response.status) {
            _ if again => Then::Nothing,
            (_, status) if status.is_provisional() => Then::Nothing,
            (true, status) if status.is_success() => {
                self.state = State::Accepted;
                Then::Linger
            }
            (true, _) => {
                self.state = State::Completed;
                Then::Repeat
            }
            (false, _) => {
                self.state = State::Done;
                Then::Linger
            }
        };
        self.answer = Some(bytes.clone());
        Some(Step { bytes, then })
    }

    /// An ACK came. Answers whether it confirms a final answer for the first time.
    pub fn acknowledged(&mut self) -> bool {
        let first = self.state == State::Completed;
        if first {
            self.state = State::Confirmed;
            self.repeat = None;
        }
        first
    }

    /// The last answer once more. A 2xx to an INVITE is not: the session repeats it by itself.
    pub fn again(&self) -> Option<(Route, Vec<u8>)> {
        match self.state {
            State::Open | State::Completed | State::Done => {
                Some((self.route, self.answer.clone()?))
            }
            State::Confirmed | State::Accepted => None,
        }
    }

    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub fn is_accepted(&self) -> bool {
        self.state == State::Accepted
    }

    pub fn is_invite(&self) -> bool {
        self.matching.method == Method::INVITE
    }

    pub fn is_reliable(&self) -> bool {
        self.route.transport().is_reliable()
    }

    /// Where the request came from.
    pub fn source(&self) -> IpAddr {
        self.source
    }

    pub fn route(&self) -> Route {
        self.route
    }

    pub fn tag(&self) -> String {
        self.tag.clone()
    }

    pub fn matching(&self) -> &Match {
        &self.matching
    }
}

/// RFC 3261 section 18.2.2 and RFC 3581: over the connection it came on; for datagrams to the source address, and to
/// the source port if `rport` asks for that, else to the port in the Via.
fn answer_route(request: &Request, flow: Flow) -> Route {
    if flow.connection != ConnectionId(0) {
        return Route::Flow(flow);
    }
    let mut back = flow;
    if let Ok(via) = request.top_via()
        && !via.params.has("rport")
    {
        back.peer.set_port(via.port.unwrap_or(flow.transport.default_port()));
    }
    Route::Flow(back)
}
