//! One client transaction: a request that we sent, and how far its answers have come (RFC 3261 section 17.1, RFC 6026).

use std::time::Duration;

use crate::sip::flow::Route;
use crate::sip::message::{Method, Request, Response};
use crate::time::TimerId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing came back yet (Calling, Trying).
    Sent,
    /// A provisional answer came.
    Proceeding,
    /// A final answer came; repetitions are absorbed, and for an INVITE acknowledged again.
    Completed,
    /// A 2xx to an INVITE came; more may follow from other branches (RFC 6026).
    Accepted,
}

/// What the table has to do after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// Repeat the request more slowly: it is being worked on.
    Slow,
    /// Stop repeating and wait without limit: an INVITE rings.
    Wait,
    /// Keep the transaction for a while: timers D, K, M.
    Linger,
}

#[derive(Debug)]
pub(super) struct Step {
    /// The ACK to send: for a final answer to an INVITE other than 2xx.
    pub ack: Option<Vec<u8>>,
    /// Whether the response goes up.
    pub tell: bool,
    pub then: Then,
    pub accepted: bool,
    pub invite: bool,
}

#[derive(Debug)]
pub(super) struct Client {
    state: State,
    route: Route,
    method: Method,
    branch: String,
    request: Request,
    bytes: Vec<u8>,
    ack: Option<Vec<u8>>,
    pub end: Option<TimerId>,
    pub repeat: Option<(TimerId, Duration)>,
}

impl Client {
    pub fn new(route: Route, request: &Request, bytes: Vec<u8>, branch: &str) -> Self {
        Client {
            state: State::Sent,
            route,
            method: request.method.clone(),
            branch: branch.to_owned(),
            request: request.clone(),
            bytes,
            ack: None,
            end: None,
            repeat: None,
        }
    }

    pub fn response(&mut self, response: &Response) -> Step {
        let invite = self.method == Method::INVITE;
        let (status, state) = (response.status, self.state);
        let mut step =
            Step { ack: None, tell: false, then: Then::Nothing, accepted: false, invite };
        match state {
            State::Sent | State::Proceeding if status.is_provisional() => {
                self.state = State::Proceeding;
                step.tell = true;
                step.then = match (invite, state) {
                    (true, State::Sent) => Then::Wait,
                    (false, State::Sent) => Then::Slow,
                    _ => Then::Nothing,
                };
            }
            State::Sent | State::Proceeding => {
                step.tell = true;
                step.then = Then::Linger;
                step.accepted = invite && status.is_success();
                self.state = if step.accepted { State::Accepted } else { State::Completed };
                if invite && !step.accepted {
                    self.ack = acknowledge(&self.request, response);
                    step.ack = self.ack.clone();
                }
            }
            State::Completed if invite && status.is_final() => step.ack = self.ack.clone(),
            State::Accepted if status.is_success() => step.tell = true,
            State::Completed | State::Accepted => {}
        }
        step
    }

    /// Whether somebody still waits for the final answer.
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Sent | State::Proceeding)
    }

    pub fn route(&self) -> Route {
        self.route
    }

    pub fn method(&self) -> &Method {
        &self.method
    }

    pub fn branch(&self) -> &str {
        &self.branch
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The ACK to a final answer other than 2xx: same branch, same request, the answer's To (section 17.1.1.3).
fn acknowledge(request: &Request, response: &Response) -> Option<Vec<u8>> {
    let mut ack = Request::new(Method::ACK, request.uri.clone());
    let number = request.cseq().ok()?.number;
    let pairs = [
        ("Via", request.headers.get("Via")?.to_owned()),
        ("From", request.headers.get("From")?.to_owned()),
        ("To", response.headers.get("To")?.to_owned()),
        ("Call-ID", request.headers.get("Call-ID")?.to_owned()),
        ("CSeq", format!("{number} ACK")),
        ("Max-Forwards", "70".to_owned()),
    ];
    for (name, value) in pairs {
        ack.headers.push(name, value).ok()?;
    }
    for route in request.headers.all("Route") {
        ack.headers.push("Route", route).ok()?;
    }
    Some(ack.encode())
}
