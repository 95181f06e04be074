//! Finds where messages begin and end in a byte stream (RFC 3261 18.3, RFC 5626 3.5.1).
//!
//! Owns the bytes that have come and make no whole message yet. It judges only what is needed to cut: the rest is up
//! to [`super::wire`]. A stream that cannot be cut any more stays broken; the driver closes it.

use super::wire::{MAX_MESSAGE, Raw, Why};

/// What a stream brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One message, whole; or the head of one whose length cannot be used, to be answered before [`Frame::Broken`].
    Message(Vec<u8>),
    /// CR LF CR LF: answer with CR LF (RFC 5626 4.4.1).
    KeepAlive,
    /// Nothing after this can be read: close the connection. Comes once.
    Broken(Why),
}

/// Cuts one stream. Holds at most one unfinished message and what was pushed since [`StreamFramer::next`] was last
/// drained, so drain it after each push.
#[derive(Debug, Default)]
pub struct StreamFramer {
    bytes: Vec<u8>,
    /// What is before it was given out already.
    start: usize,
    /// No blank line begins before it.
    searched: usize,
    /// Lengths of the head and the body of the message that has begun, once its head is whole.
    measured: Option<(usize, usize)>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Breaking(Why),
    Broken,
}

impl StreamFramer {
    /// Takes bytes from the stream. Bytes behind a break are ignored.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Open) {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The next frame; nothing until more bytes come.
    #[allow(clippy::should_implement_trait)] // More bytes may come after a None.
    pub fn next(&mut self) -> Option<Frame> {
        match self.state {
            State::Open => self.cut(),
            State::Broken => None,
            State::Breaking(why) => {
                self.state = State::Broken;
                self.bytes = Vec::new();
                self.start = 0;
                self.searched = 0;
                Some(Frame::Broken(why))
            }
        }
    }

    fn cut(&mut self) -> Option<Frame> {
        if self.skip_line_ends() {
            return Some(Frame::KeepAlive);
        }
        if let Some((head, length)) = self.measured {
            let whole = self.waiting().len() >= head + length;
            return whole.then(|| Frame::Message(self.take(head + length)));
        }
        let Some(head) = self.head_end() else {
            return if self.waiting().len() > MAX_MESSAGE {
                self.break_off(Why::TooLarge)
            } else {
                None
            };
        };
        match body_length(&self.waiting()[..head]) {
            Err(why) => self.give_head(head, why),
            Ok(length) if length > MAX_MESSAGE - head.min(MAX_MESSAGE) => {
                self.give_head(head, Why::TooLarge)
            }
            Ok(length) => {
                self.measured = Some((head, length));
                self.cut()
            }
        }
    }

    /// Passes over line ends between messages; true when a keep-alive was among them.
    fn skip_line_ends(&mut self) -> bool {
        loop {
            let passed = match self.waiting() {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.take(4);
                    return true;
                }
                // More may come that makes a keep-alive of it.
                [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return false,
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                _ => return false,
            };
            self.start += passed;
            self.searched = self.searched.max(self.start);
        }
    }

    /// Where the body begins, counted from the start of the message.
    fn head_end(&mut self) -> Option<usize> {
        let from = self.searched.max(self.start);
        let tail = self.bytes.get(from..)?;
        for (at, _) in tail.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            let blank = match &tail[at + 1..] {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => continue,
            };
            self.searched = from + at;
            return Some(from + at + 1 + blank - self.start);
        }
        // A blank line may begin with the last two bytes.
        self.searched = from.max(self.bytes.len().saturating_sub(2));
        None
    }

    /// Whether nothing of a message has come that was not given out.
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.waiting().get(..length).unwrap_or(&[]).to_vec();
        self.start += taken.len();
        self.searched = self.start;
        self.measured = None;
        taken
    }

    fn give_head(&mut self, head: usize, why: Why) -> Option<Frame> {
        let message = self.take(head);
        self.state = State::Breaking(why);
        Some(Frame::Message(message))
    }

    fn break_off(&mut self, why: Why) -> Option<Frame> {
        self.state = State::Breaking(why);
        self.next()
    }
}

/// A stream without a usable Content-Length cannot be cut (RFC 3261 18.3).
fn body_length(head: &[u8]) -> Result<usize, Why> {
    Raw::index(head)?.content_length()?.ok_or(Why::ContentLength)
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
