//! One connection of one site.
//!
//! [`Session`] owns what came and is not known to be kept, and who may say what when. It keeps nothing: the engine does, and
//! says so. What comes a second time is acknowledged and changes nothing; what does not follow on what is there ends the
//! connection, and the site begins where the engine is.

use std::collections::VecDeque;

use crate::uplink::blob::Said;
use crate::uplink::frame::{
    Amend, Answer, Ask, Certificate, Event, Frame, Hello, Reason, Request, Told, Took, VERSION,
    Welcome,
};

/// Octets of events that are taken in before the engine has kept them.
pub const WINDOW: u32 = 4 << 20;
/// Tokens of one question: a person is known by a handful.
const MOST_TOKENS: usize = 64;
/// Characters of one: a keyed hash has 33.
const LONGEST_TOKEN: usize = 64;
/// No outbox counts so far: whoever does would leave no number for what comes after.
const LAST_NUMBER: u64 = 1 << 62;
/// Questions that wait for an answer at a time: as many calls ring at a branch at once.
const MOST_ASKED: usize = 64;
/// Longest name of an outbox, in letters of ASCII, digits, `-` and `_`: 256 random bits in hexadecimal.
const LONGEST_EPOCH: usize = 64;
/// What is kept of a program's version, in characters.
const LONGEST_PROGRAM: usize = 32;

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
    /// Find out who is known by any of these; answer with [`Session::handle_answer`].
    Ask(Ask),
    /// Find out what the site is to be told next of people; answer with [`Session::handle_told`].
    Tell,
    /// The site has all that it was told up to this.
    Took {
        /// Which.
        upto: u64,
    },
    /// The site says this of files.
    Blob(Said),
    /// This is left of events of the site that are kept; when that is done for good, answer with [`Session::handle_amended`].
    Amend(Amend),
    /// The site asks for another certificate; answer with [`Session::handle_certificate`].
    Certify(Request),
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

/// What the site is told of people: one thing at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Nothing more, as far as is known.
    Nothing,
    /// It is found out what; and whether there was more since.
    Finding(bool),
    /// This was said, and the site does not have it yet.
    Said(u64),
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// Who its certificate says it is.
    site: String,
    stage: Stage,
    /// The version of its program, as it says.
    program: String,
    /// The newest event that it has had when it said hello.
    newest: u64,
    /// All up to here came.
    came: u64,
    /// All up to here is kept for good.
    kept: u64,
    /// Whether the site speaks of people.
    people: bool,
    /// Whether files are taken here.
    blobs: bool,
    /// Whether kept events can be changed, and which change is under way.
    amends: bool,
    amending: Option<u64>,
    telling: Telling,
    /// Questions that have no answer yet.
    asked: Vec<u64>,
    /// It was asked to get itself another certificate, and has not yet.
    renewing: bool,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A connection of the site that its certificate names.
    pub fn new(site: String) -> Session {
        Session {
            site,
            stage: Stage::Hello,
            came: 0,
            kept: 0,
            people: false,
            blobs: false,
            amends: false,
            amending: None,
            telling: Telling::Nothing,
            asked: Vec::new(),
            program: String::new(),
            newest: 0,
            renewing: false,
            outputs: VecDeque::new(),
        }
    }

    /// The same where files are taken, too.
    pub fn with_blobs(self) -> Session {
        Session { blobs: true, ..self }
    }

    /// The same where kept events can be changed, too.
    pub fn with_amends(self) -> Session {
        Session { amends: true, ..self }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The version of its site's program, from its greeting on.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The newest event that its site had when it said hello.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether its site has been welcomed.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
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
            (Frame::Ask(ask), Stage::Open) => self.ask(ask),
            (Frame::Blob(said), Stage::Open) => self.outputs.push_back(Output::Blob(said)),
            (Frame::Took(took), Stage::Open) => self.took(took),
            // One at a time: each is a walk through all that is kept.
            (Frame::Amend(amend), Stage::Open) if self.amends && self.amending.is_none() => {
                self.amending = Some(amend.mark);
                self.outputs.push_back(Output::Amend(amend));
            }
            // Once for each time that it was asked to: a certificate costs the office a signature and two syncs.
            (Frame::Request(request), Stage::Open) if std::mem::take(&mut self.renewing) => {
                self.outputs.push_back(Output::Certify(request));
            }
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
            let (blobs, amends) = (self.blobs, self.amends);
            let (version, window, people) = (VERSION, WINDOW, true);
            let welcome = Welcome { version, have, window, people, blobs, amends };
            self.outputs.push_back(Output::Send(Frame::Welcome(welcome)));
            self.handle_news();
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

    /// It has said more than it may in a day.
    pub fn handle_too_much(&mut self) {
        self.close(Reason::TooMuch);
    }

    /// There may be something to tell the site of people.
    pub fn handle_news(&mut self) {
        self.telling = match self.telling {
            Telling::Nothing if self.people && matches!(self.stage, Stage::Open) => {
                self.outputs.push_back(Output::Tell);
                Telling::Finding(false)
            }
            Telling::Finding(_) => Telling::Finding(true),
            telling => telling,
        };
    }

    /// Some time has passed: what the site did not say that it has is told again. Called every few seconds, that is soon
    /// enough: boxes that could not keep something say nothing.
    pub fn handle_again(&mut self) {
        if let Telling::Said(_) = self.telling {
            self.telling = Telling::Nothing;
        }
        self.handle_news();
    }

    /// The site is to be told this; nothing: no more for now.
    pub fn handle_told(&mut self, told: Option<Told>) {
        let Telling::Finding(more) = self.telling else { return };
        self.telling = Telling::Nothing;
        match told {
            Some(told) => {
                self.telling = Telling::Said(told.upto);
                self.outputs.push_back(Output::Send(Frame::Told(told)));
            }
            None if more => self.handle_news(),
            None => {}
        }
    }

    /// This is who a question was about; nothing: nobody knows them, or it cannot be said.
    pub fn handle_answer(&mut self, answer: Answer) {
        let asked = self.asked.iter().position(|mark| *mark == answer.mark);
        if asked.map(|at| self.asked.swap_remove(at)).is_some() && !self.is_over() {
            self.outputs.push_back(Output::Send(Frame::Answer(answer)));
        }
    }

    fn ask(&mut self, ask: Ask) {
        let long = ask.tokens.iter().any(|token| token.len() > LONGEST_TOKEN);
        let many = self.asked.len() >= MOST_ASKED || ask.tokens.len() > MOST_TOKENS || long;
        if many || self.asked.contains(&ask.mark) {
            let answer = Answer { mark: ask.mark, known: None };
            return self.outputs.push_back(Output::Send(Frame::Answer(answer)));
        }
        self.asked.push(ask.mark);
        self.outputs.push_back(Output::Ask(ask));
    }

    /// What was not said nobody can have.
    fn took(&mut self, Took { upto }: Took) {
        if self.telling == Telling::Said(upto) {
            self.telling = Telling::Nothing;
            self.outputs.push_back(Output::Took { upto });
            self.handle_news();
        }
    }

    /// Events are changed as it said, for good.
    pub fn handle_amended(&mut self, mark: u64) {
        if self.amending.take_if(|own| *own == mark).is_some() && !self.is_over() {
            self.outputs.push_back(Output::Send(Frame::Amended(mark)));
        }
    }

    /// It has another certificate from now on.
    pub fn handle_certificate(&mut self, certificate: Certificate) {
        if matches!(self.stage, Stage::Open) {
            self.outputs.push_back(Output::Send(Frame::Certificate(certificate)));
        }
    }

    /// Its certificate ends before long.
    pub fn renew(&mut self) {
        if matches!(self.stage, Stage::Open) {
            self.renewing = true;
            self.outputs.push_back(Output::Send(Frame::Renew));
        }
    }

    /// It is not let in, or not any more.
    pub fn turn_away(&mut self) {
        self.close(Reason::Site);
    }

    /// It has said nothing for too long.
    pub fn handle_silence(&mut self) {
        self.close(Reason::Silent);
    }

    fn greeted(&mut self, hello: Hello) {
        if hello.site != self.site {
            return self.close(Reason::Site);
        }
        if !(hello.least..=hello.most).contains(&VERSION) {
            return self.close(Reason::Version);
        }
        self.people = hello.people;
        let epoch = hello.epoch;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if epoch.len() > LONGEST_EPOCH || epoch.is_empty() || !epoch.chars().all(fits) {
            return self.close(Reason::Protocol);
        }
        self.newest = hello.newest;
        self.program = hello.program.chars().take(LONGEST_PROGRAM).collect();
        self.stage = Stage::Asked;
        self.outputs.push_back(Output::Position { epoch });
    }

    fn events(&mut self, first: u64, mut events: Vec<Event>) {
        let next = self.came.saturating_add(1);
        if first > next {
            return self.close(Reason::Gap);
        }
        let known = usize::try_from(next - first).unwrap_or(usize::MAX);
        events.drain(..known.min(events.len()));
        if !events.is_empty() {
            let first = next;
            self.came = self.came.saturating_add(events.len() as u64);
            self.outputs.push_back(Output::Keep { first, events });
        }
    }

    fn lost(&mut self, from: u64, upto: u64) {
        let next = self.came.saturating_add(1);
        if from > next {
            return self.close(Reason::Gap);
        }
        if upto > LAST_NUMBER {
            return self.close(Reason::Protocol);
        }
        if upto > self.came {
            let from = next;
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
