//! The live feed over Server-Sent Events: a bounded ring of what happened lately, and whoever reads along.
//!
//! Each event has a number within this run of the program. Who was cut off names the last one seen and goes on behind it;
//! if that is no longer known, a `reset` says to look at everything anew. Who reads too slowly is let go.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use crate::admin::access::Principal;
use crate::admin::api::feed::{Happening, View};
use crate::admin::api::problem::{Kind, Problem};
use crate::driver::api::Guard;
use crate::driver::api::shares::{Share, Shares};
use crate::driver::clock;
use crate::driver::http::{Peer, Streaming};
use crate::journal::act::Scope;

/// Events that are remembered: some minutes of a busy branch, for who comes back.
const REMEMBERED: usize = 4_096;
/// Readers at a time: three quarters of the connections stay for everything else.
const MOST_READERS: usize = 64;
/// Of one user or token: some pages at some desks. Nobody keeps everybody else from reading along.
const MOST_OF_ONE: usize = 8;
/// How often a quiet feed says that it is there; and how often a reader's right to it is looked at again.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that wait for one reader, and how long a full line may stand still.
const WAITING: usize = 64;
const STILL: Duration = Duration::from_secs(10);

/// What happened lately.
#[derive(Debug, Clone)]
pub struct Feed {
    run: Arc<str>,
    ring: Arc<Mutex<Ring>>,
    grown: Arc<watch::Sender<u64>>,
    readers: Arc<Semaphore>,
    /// How many each has.
    of_each: Shares,
}

#[derive(Debug, Default)]
struct Ring {
    /// The number of the next event.
    next: u64,
    events: VecDeque<Arc<Happening>>,
}

impl Feed {
    /// Of a run of the program with this name: numbers of another run mean nothing here.
    pub fn new(run: &str) -> Feed {
        Feed {
            run: run.into(),
            ring: Arc::default(),
            grown: Arc::new(watch::Sender::new(0)),
            readers: Arc::new(Semaphore::new(MOST_READERS)),
            of_each: Shares::default(),
        }
    }

    /// Something happened.
    pub fn push(&self, happening: Happening) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(happening, Happening::PersonErased { .. }) {
            // Who comes back looks at everything anew: what was said of that person is in no event that is left.
            ring.events.clear();
        }
        if ring.events.len() >= REMEMBERED {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::new(happening));
        ring.next += 1;
        self.grown.send_replace(ring.next);
    }

    fn next(&self) -> u64 {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).next
    }

    /// What comes at and behind a number; nothing if some of that is forgotten.
    fn from(&self, number: u64) -> Option<Vec<(u64, Arc<Happening>)>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.next - ring.events.len() as u64;
        let skip = usize::try_from(number.checked_sub(first)?).ok()?;
        let events = ring.events.iter().enumerate().skip(skip);
        Some(events.map(|(at, event)| (first + at as u64, event.clone())).collect())
    }

    /// What somebody sees who reads from a number on: what is remembered from before it says which calls are theirs.
    fn view(&self, who: &Principal, at: u64) -> View {
        let mut view = View::new(who.role, who.agent.clone());
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.next - ring.events.len() as u64;
        let before = usize::try_from(at.saturating_sub(first)).unwrap_or(usize::MAX);
        for event in ring.events.iter().take(before) {
            view.sees(event);
        }
        view
    }

    /// The number behind the one that a reader has seen last; nothing if that was another run's.
    fn behind(&self, last: &str) -> Option<u64> {
        let (run, number) = last.split_once('-')?;
        let number = number.parse::<u64>().ok()?;
        (run == &*self.run && number < self.next()).then_some(number + 1)
    }

    /// Lets somebody read along, behind the event that they have seen last.
    pub fn read(
        &self,
        guard: &Guard,
        who: &Principal,
        peer: &Peer,
        last: Option<&str>,
    ) -> Result<Response<Body>, Problem> {
        let share = self.of_each.take(who, MOST_OF_ONE).ok_or_else(|| {
            let detail = format!("{MOST_OF_ONE} feeds are read under this name already");
            Problem::new(Kind::TooOften, detail, "close one of them").after(5)
        })?;
        let place = self.readers.clone().try_acquire_owned().map_err(|_| Problem::busy())?;
        let (lines, body) = mpsc::channel(WAITING);
        let at = match last {
            Some(last) => self.behind(last),
            None => Some(self.next()),
        };
        let reader = Reader { feed: self.clone(), guard: guard.clone(), who: who.clone(), lines };
        tokio::spawn(reader.run(at));
        let body = Lines { body, _streaming: peer.streams(), _place: place, _share: share };
        let mut response = Response::new(Body::new(body));
        let kind = HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(response)
    }
}

struct Reader {
    feed: Feed,
    guard: Guard,
    who: Principal,
    lines: mpsc::Sender<Bytes>,
}

impl Reader {
    /// Goes on until the reader is gone, too slow, or no longer allowed to read.
    async fn run(self, at: Option<u64>) {
        let mut grown = self.feed.grown.subscribe();
        let mut at = match at {
            Some(at) => at,
            None => match self.reset().await {
                Some(at) => at,
                None => return,
            },
        };
        if !self.say("retry: 2000\n\n".to_owned()).await {
            return;
        }
        let mut view = self.feed.view(&self.who, at);
        loop {
            grown.mark_unchanged();
            match self.feed.from(at) {
                Some(events) => {
                    for (number, event) in events {
                        at = number + 1;
                        let own = view.sees(&event);
                        let may = self.who.has(Scope::People);
                        let Some(event) = event.within(self.who.role, may).filter(|_| own) else {
                            continue;
                        };
                        if !self.say(self.line(number, &event)).await {
                            return;
                        }
                    }
                }
                None => match self.reset().await {
                    Some(next) => at = next,
                    None => return,
                },
            }
            let quiet = timeout(HEARTBEAT, grown.changed()).await.is_err();
            let known = self.guard.hold().is_still(clock::now(), &self.who);
            if !known || (quiet && !self.say(": still here\n\n".to_owned()).await) {
                return;
            }
        }
    }

    fn line(&self, number: u64, event: &Happening) -> String {
        // Events are plain data; there is nothing in them that JSON could not say, and it has no line breaks.
        let json = serde_json::to_string(event).unwrap_or_default();
        format!("id: {}-{number}\nevent: {}\ndata: {json}\n\n", self.feed.run, event.name())
    }

    /// Something was missed: the reader looks at everything anew, and goes on from here.
    async fn reset(&self) -> Option<u64> {
        let at = self.feed.next();
        let last = at.checked_sub(1).map(|last| format!("id: {}-{last}\n", self.feed.run));
        let text =
            format!("{}event: reset\ndata: {{\"event\":\"reset\"}}\n\n", last.unwrap_or_default());
        self.say(text).await.then_some(at)
    }

    async fn say(&self, text: String) -> bool {
        matches!(timeout(STILL, self.lines.send(Bytes::from(text))).await, Ok(Ok(())))
    }
}

/// The body of an answer that goes on.
struct Lines {
    body: mpsc::Receiver<Bytes>,
    _streaming: Streaming,
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().body.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CallId;
    use crate::journal::act::{Account, Accounts, Role, Token, Who};
    use crate::random::Random;
    use crate::time::UnixTime;

    /// Somebody with a token that lasts.
    fn reader(feed: &Feed, lines: mpsc::Sender<Bytes>) -> Reader {
        let token = Token {
            prefix: "bl_01234567".to_owned(),
            hash: String::new(),
            name: "crm".to_owned(),
            role: Role::Admin,
            scopes: Scope::ALL.to_vec(),
            made: UnixTime(0),
            expires: None,
        };
        let mut accounts = Accounts::default();
        accounts.apply(&Account::Token(token));
        let who = Principal {
            who: Who::Token("bl_01234567".to_owned()),
            role: Role::Admin,
            scopes: Some(Scope::ALL.to_vec()),
            agent: None,
            session: None,
        };
        let guard = Guard::new(accounts, Random::from_number(1));
        Reader { feed: feed.clone(), guard, who, lines }
    }

    #[test]
    fn what_was_told_before_an_erasure_is_told_to_nobody_any_more() {
        let feed = Feed::new("7");
        let (call, agent, caller) = (CallId(1), None, Box::default());
        feed.push(Happening::CallerKnown { call, agent, caller });
        assert_eq!(feed.from(0).map(|events| events.len()), Some(1));
        feed.push(Happening::PersonErased { contacts: vec![crate::id::ContactId(7)] });
        assert_eq!(feed.from(0), None, "who comes back is told to look at everything anew");
        let left = feed.from(1).expect("it goes on from there");
        assert!(matches!(*left[0].1, Happening::PersonErased { .. }) && left[0].0 == 1);
        assert_eq!(feed.behind("7-0"), Some(1));
    }

    /// A reader who takes nothing in for a while: what waits for it is bounded, and it is told that it has missed something.
    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_told_to_look_anew_and_one_that_stands_still_is_let_go() {
        let feed = Feed::new("7");
        let (lines, mut body) = mpsc::channel(WAITING);
        let running = tokio::spawn(reader(&feed, lines).run(Some(0)));
        for number in 0..(2 * REMEMBERED as u64) {
            feed.push(Happening::CallHeld { call: CallId(number), by: String::new() });
            if number % 1_000 == 0 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(body.len(), WAITING, "no more waits for it than that");
        let (mut seen, mut resets) = (0, 0);
        while let Ok(Some(line)) = timeout(STILL / 2, body.recv()).await {
            let line = String::from_utf8(line.to_vec()).unwrap();
            seen += usize::from(line.contains("call_held"));
            resets += usize::from(line.contains("event: reset"));
        }
        assert!(seen <= REMEMBERED + WAITING && resets == 1, "{seen} events, {resets} resets");
        // It has caught up; then it stands still, and does not hold its place for ever.
        for number in 0..(2 * WAITING as u64) {
            feed.push(Happening::CallHeld { call: CallId(number), by: String::new() });
        }
        tokio::time::sleep(STILL * 2).await;
        assert!(running.is_finished());
    }

    #[test]
    fn the_ring_is_bounded_and_says_when_it_has_forgotten() {
        let feed = Feed::new("7");
        for number in 0..(REMEMBERED as u64 + 10) {
            feed.push(Happening::CallHeld { call: CallId(number), by: String::new() });
        }
        assert!(feed.from(9).is_none());
        let events = feed.from(REMEMBERED as u64 + 8).expect("remembered");
        assert_eq!(events.len(), 2);
        assert_eq!(
            *events[0].1,
            Happening::CallHeld { call: CallId(events[0].0), by: String::new() }
        );
        assert_eq!(feed.behind("7-3"), Some(4));
        for foreign in ["8-3", "7-999999", "7", "", "7-x", "7--1"] {
            assert_eq!(feed.behind(foreign), None, "{foreign}");
        }
    }
}
