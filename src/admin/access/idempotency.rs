//! Requests that carry a key of their own: sent twice, done once, answered twice alike.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::admin::access::hash_token;
use crate::journal::act::Who;

/// How long an answer is kept: a program that repeats a request does so within minutes.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Answers that are kept; the oldest go first.
const MOST: usize = 1_000;
/// Of one who asks: nobody makes the box forget what it has done for others.
const MOST_OF_ONE: usize = 100;
/// Bytes of the longest answer that is kept. Answers to what changes something are short.
const LONGEST: usize = 64 << 10;
/// Characters of the longest key.
pub const LONGEST_KEY: usize = 255;

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its status.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// The version of what is answered, where edits may name it.
    pub etag: Option<u64>,
}

/// What is to be done with a request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is new: do it, and say so with [`Repeats::done`].
    New(String),
    /// It was done: this is the answer.
    Again(Given),
    /// Something else was asked under the same key.
    Different,
    /// It is being done at this moment.
    Running,
}

#[derive(Debug)]
struct Known {
    who: String,
    request: String,
    answer: Option<Given>,
    at: Instant,
}

/// What was asked under keys.
#[derive(Debug, Default)]
pub struct Repeats {
    known: BTreeMap<String, Known>,
    order: VecDeque<String>,
}

impl Repeats {
    /// A request under a key: `request` is everything that tells it from others.
    pub fn begin(&mut self, now: Instant, who: &Who, key: &str, request: &[u8]) -> Verdict {
        self.forget(now);
        let name = hash_token(&format!("{who}\n{key}"));
        let request = hash_token(&String::from_utf8_lossy(request));
        if let Some(known) = self.known.get(&name) {
            return match &known.answer {
                _ if known.request != request => Verdict::Different,
                Some(answer) => Verdict::Again(answer.clone()),
                None => Verdict::Running,
            };
        }
        let who = who.to_string();
        self.make_room(&who);
        self.order.push_back(name.clone());
        self.known.insert(name.clone(), Known { who, request, answer: None, at: now });
        Verdict::New(name)
    }

    /// It was done, or not: only what was done, or refused for good, is answered alike the next time.
    pub fn done(&mut self, name: &str, answer: Given) {
        let lasting = answer.status < 500 && answer.status != 429 && answer.body.len() <= LONGEST;
        if !lasting {
            return self.drop_one(name);
        }
        if let Some(known) = self.known.get_mut(name) {
            known.answer = Some(answer);
        }
    }

    /// Whoever asked has gone before there was an answer: it may be asked again.
    pub fn give_up(&mut self, name: &str) {
        if self.known.get(name).is_some_and(|known| known.answer.is_none()) {
            self.drop_one(name);
        }
    }

    fn drop_one(&mut self, name: &str) {
        self.known.remove(name);
        self.order.retain(|other| other != name);
    }

    fn make_room(&mut self, who: &str) {
        let is_own = |name: &&String| self.known.get(*name).is_some_and(|known| known.who == who);
        let own: Vec<_> = self.order.iter().filter(is_own).collect();
        if own.len() >= MOST_OF_ONE
            && let Some(oldest) = own.first().map(|name| (*name).clone())
        {
            self.drop_one(&oldest);
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.order.front() {
            let old = |known: &Known| now.saturating_duration_since(known.at) >= KEPT;
            if self.order.len() < MOST && !self.known.get(first).is_none_or(old) {
                return;
            }
            self.known.remove(first);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn given(body: &str) -> Given {
        Given {
            status: 201,
            content_type: "application/json",
            body: body.as_bytes().to_vec(),
            etag: None,
        }
    }

    #[test]
    fn what_comes_twice_is_done_once_and_answered_alike() {
        let now = Instant::now();
        let who = Who::Token("bl_1".to_owned());
        let mut repeats = Repeats::default();
        let Verdict::New(name) = repeats.begin(now, &who, "k", b"a") else { panic!("new") };
        assert_eq!(repeats.begin(now, &who, "k", b"a"), Verdict::Running);
        repeats.done(&name, given("x"));
        assert_eq!(repeats.begin(now, &who, "k", b"a"), Verdict::Again(given("x")));
        assert_eq!(repeats.begin(now, &who, "k", b"b"), Verdict::Different);
        let other = Who::User("bl_1".to_owned());
        assert!(matches!(repeats.begin(now, &other, "k", b"b"), Verdict::New(_)));
        let later = now + KEPT;
        assert!(matches!(repeats.begin(later, &who, "k", b"b"), Verdict::New(_)));
    }

    #[test]
    fn what_failed_may_be_tried_again_and_memory_is_bounded() {
        let now = Instant::now();
        let who = Who::Console;
        let mut repeats = Repeats::default();
        let Verdict::New(name) = repeats.begin(now, &who, "k", b"a") else { panic!("new") };
        repeats.done(&name, Given { status: 503, ..given("") });
        assert!(matches!(repeats.begin(now, &who, "k", b"a"), Verdict::New(_)));
        // Whoever asks without end makes the box forget nothing that it has done for others.
        let other = Who::Token("bl_1".to_owned());
        let Verdict::New(name) = repeats.begin(now, &other, "k", b"a") else { panic!("new") };
        repeats.done(&name, given("x"));
        for number in 0..5_000 {
            repeats.begin(now, &who, &number.to_string(), b"");
        }
        assert_eq!(repeats.begin(now, &other, "k", b"a"), Verdict::Again(given("x")));
        assert!(repeats.known.len() <= MOST_OF_ONE + 1);
        for number in 0..5_000 {
            let who = Who::User(format!("user{}", number % 50));
            repeats.begin(now, &who, &number.to_string(), b"");
        }
        assert!(repeats.known.len() <= MOST && repeats.order.len() <= MOST);
    }
}
