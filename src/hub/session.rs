//! One connection of one site.
//!
//! [`Session`] owns what came and is not known to be kept, and who may say what when. It keeps nothing: the engine does, and
//! says so. What comes a second time is acknowledged and changes nothing; what does not follow on what is there ends the
//! connection, and the site begins where the engine is.

use std::collections::VecDeque;

use crate::uplink::frame::{Event, Frame, Hello, Reason, VERSION, Welcome};

/// Octets of events that are taken in before the engine has kept them.
pub const WINDOW: u32 = 4 << 20;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Find out what the engine has of this outbox of this site; answer with [`Session::handle_position`].
    Position {
        /// Which outbox.
        epoch: String,
    },
    /// Keep these for good; answer with [`Session::handle_kept`] or [`Session::handle_not_kept`].
    Keep {
        /// The number of the first.
        first: u64,
        /// All of them.
        events: Vec<Event>,
    },
    /// Keep that these are lost: the site does not have them any more.
    KeepLost {
        /// The first.
        from: u64,
        /// The last.
        upto: u64,
    },
    /// Send this.
    Send(Frame),
    /// End the connection.
    Hangup,
}

#[derive(Debug)]
enum Stage {
    Hello,
    Asked,
    Open,
    Over,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// Who its certificate says it is.
    site: String,
    stage: Stage,
    /// All up to here came.
    came: u64,
    /// All up to here is kept for good.
    kept: u64,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A connection of the site that its certificate names.
    pub fn new(site: String) -> Session {
        Session { site, stage: Stage::Hello, came: 0, kept: 0, outputs: VecDeque::new() }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What its site said of itself, from then on.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The site says something.
    pub fn handle_frame(&mut self, frame: Frame) {
        match (frame, &self.stage) {
            (_, Stage::Over) => {}
            (Frame::Hello(hello), Stage::Hello) => self.greeted(hello),
            (Frame::Events { first, events }, Stage::Open) => self.events(first, events),
            (Frame::Lost { from, upto }, Stage::Open) => self.lost(from, upto),
            (Frame::Ping(mark), Stage::Open) => {
                self.outputs.push_back(Output::Send(Frame::Pong(mark)))
            }
            (Frame::Pong(_), Stage::Open) => {}
            (Frame::Close(_), _) => self.over(),
            _ => self.close(Reason::Protocol),
        }
    }

    /// What came is no frame.
    pub fn handle_nonsense(&mut self) {
        self.close(Reason::Protocol);
    }

    /// The engine has all up to this one of the outbox that was asked for.
    pub fn handle_position(&mut self, have: u64) {
        if let Stage::Asked = std::mem::replace(&mut self.stage, Stage::Open) {
            (self.came, self.kept) = (have, have);
            let welcome = Welcome { version: VERSION, have, window: WINDOW };
            self.outputs.push_back(Output::Send(Frame::Welcome(welcome)));
        }
    }

    /// The engine keeps all up to this one for good.
    pub fn handle_kept(&mut self, upto: u64) {
        if upto > self.kept && matches!(self.stage, Stage::Open) {
            self.kept = upto.min(self.came);
            self.outputs.push_back(Output::Send(Frame::Ack { upto: self.kept }));
        }
    }

    /// It does not, for now.
    pub fn handle_not_kept(&mut self) {
        self.close(Reason::NotKept);
    }

    fn greeted(&mut self, hello: Hello) {
        if hello.site != self.site {
            return self.close(Reason::Site);
        }
        if !(hello.least..=hello.most).contains(&VERSION) {
            return self.close(Reason::Version);
        }
        let epoch = hello.epoch;
        self.stage = Stage::Asked;
        self.outputs.push_back(Output::Position { epoch });
    }

    fn events(&mut self, first: u64, mut events: Vec<Event>) {
        if first > self.came + 1 {
            return self.close(Reason::Gap);
        }
        let known = usize::try_from(self.came + 1 - first).unwrap_or(usize::MAX);
        events.drain(..known.min(events.len()));
        if !events.is_empty() {
            let first = self.came + 1;
            self.came += events.len() as u64;
            self.outputs.push_back(Output::Keep { first, events });
        }
    }

    fn lost(&mut self, from: u64, upto: u64) {
        if from > self.came + 1 {
            return self.close(Reason::Gap);
        }
        if upto > self.came {
            let from = self.came + 1;
            self.came = upto;
            self.outputs.push_back(Output::KeepLost { from, upto });
        }
    }

    fn close(&mut self, reason: Reason) {
        if !self.is_over() {
            self.outputs.push_back(Output::Send(Frame::Close(reason)));
            self.over();
        }
    }

    fn over(&mut self) {
        self.stage = Stage::Over;
        self.outputs.push_back(Output::Hangup);
    }
}
