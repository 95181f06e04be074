//! The dialogue of one connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Answer, Item, Status, read, words};
use super::framing::Framing;
use crate::time::{Now, earliest};

/// How long a server may take to answer a command: some search a hundred thousand letters.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it is waited in one IDLE. RFC 2177 wants it renewed before 29 minutes; routers forget silent connections sooner,
/// and at each renewal is seen whether the server is still there.
const RENEWED: Duration = Duration::from_secs(9 * 60);
/// Letters that were given out and are not known to be kept: the files of each are on the disk by then.
const MOST_GIVEN: usize = 8;
/// How long whoever was given one may take. What is said later counts all the same.
const LONGEST_KEEP: Duration = Duration::from_secs(30);
/// How soon one is given out again that could not be kept, or fetched.
const AGAIN: Duration = Duration::from_secs(15);
/// New letters that are remembered of one search; the next finds the others.
const MOST_NEW: usize = 10_000;
/// Letters of no use that are left alone on this connection.
const MOST_LEFT: usize = 10_000;

/// What a mailbox is watched with.
#[derive(Clone)]
pub struct Settings {
    /// Who signs in.
    pub login: Login,
    /// Which folder.
    pub folder: String,
    /// Where letters are moved that are kept; nothing: they stay.
    pub done: Option<String>,
    /// Bytes of one letter that are fetched; of a longer one its beginning.
    pub most: usize,
    /// How often is asked where the server cannot wait.
    pub poll: Duration,
}

/// An account. Its debug form says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Send(Vec<u8>),
    /// The folder is watched from here on.
    Watching {
        /// Whether the server tells at once of what comes; else it is asked in turns.
        told: bool,
        /// Whether it can move letters, where they are to be moved.
        moves: bool,
    },
    /// A letter: say with [`Session::handle_kept`], [`Session::handle_not_kept`] or [`Session::handle_left`] what became of
    /// it.
    Letter {
        /// Of which state of the folder.
        validity: u32,
        /// Which in that.
        uid: u32,
        /// Bytes of it in all.
        size: u64,
        /// It, or as much of it as is fetched.
        bytes: Vec<u8>,
    },
    /// Nothing more is said on this connection.
    End(End),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Output::Watching { told, moves } => {
                write!(f, "Watching {{ told: {told}, moves: {moves} }}")
            }
            Output::Letter { validity, uid, size, .. } => {
                write!(f, "Letter({validity}/{uid}, {size} bytes)")
            }
            Output::End(end) => write!(f, "End({end:?})"),
        }
    }
}

/// Why a connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The server refuses the account: in its words.
    Refused(String),
    /// It offers no way to sign in with a password.
    NoLogin,
    /// The folder is not there, or nothing may be marked in it: in its words.
    Folder(String),
    /// It ends the connection: in its words.
    Bye(String),
    /// It does not answer.
    Silent,
    /// It does not speak IMAP, or says more than may be.
    Broken,
}

/// A command that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Command {
    Capability,
    Authenticate,
    Login,
    Select,
    Search,
    Fetch(u32),
    Mark(u32),
    Move(u32),
    Idle,
}

/// What is to be said next, or is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idling {
    /// It was not asked for.
    No,
    /// It is asked for.
    Asked,
    /// The server waits with us.
    Yes,
    /// It is told that we go on.
    Left,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    framing: Framing,
    outputs: VecDeque<Output>,
    greeted: bool,
    known: bool,
    signed_in: bool,
    selected: bool,
    can: BTreeSet<String>,
    validity: u32,
    tags: u32,
    waiting: Option<(String, Command)>,
    /// Until when the server may be silent.
    patience: Option<Instant>,
    idling: Idling,
    no_idle: bool,
    /// When the wait is renewed, or the next question is due.
    renewed: Option<Instant>,
    /// Something may have come.
    look: bool,
    /// There were more new ones than are remembered.
    more: bool,
    new: VecDeque<u32>,
    given: BTreeMap<u32, Instant>,
    again: BTreeMap<u32, Instant>,
    marks: VecDeque<u32>,
    moves: VecDeque<u32>,
    left: BTreeSet<u32>,
    body: Option<(u64, Vec<u8>)>,
    over: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings")
    }
}

impl Session {
    /// A connection that has just been made: the server speaks first.
    pub fn new(now: Now, settings: Settings) -> Session {
        Session {
            settings,
            framing: Framing::default(),
            outputs: VecDeque::new(),
            greeted: false,
            known: false,
            signed_in: false,
            selected: false,
            can: BTreeSet::new(),
            validity: 0,
            tags: 0,
            waiting: None,
            patience: Some(now.instant + PATIENCE),
            idling: Idling::No,
            no_idle: false,
            renewed: None,
            look: true,
            more: false,
            new: VecDeque::new(),
            given: BTreeMap::new(),
            again: BTreeMap::new(),
            marks: VecDeque::new(),
            moves: VecDeque::new(),
            left: BTreeSet::new(),
            body: None,
            over: false,
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Session::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let own = earliest(self.patience, self.renewed);
        let given = self.given.values().min().copied();
        earliest(own, earliest(given, self.again.values().min().copied()))
    }

    /// The server says something.
    pub fn handle_bytes(&mut self, now: Now, bytes: &[u8]) {
        self.framing.add(bytes);
        while !self.over {
            match self.framing.take(self.settings.most) {
                Ok(Some(answer)) => self.answered(now, read(&answer)),
                Ok(None) => return,
                Err(_) => self.end(End::Broken),
            }
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        if self.over {
            return;
        }
        if due(self.patience) {
            return self.end(End::Silent);
        }
        let late: Vec<_> =
            self.given.iter().filter(|(_, at)| due(Some(**at))).map(|(uid, _)| *uid).collect();
        for uid in late {
            self.given.remove(&uid);
            self.again.insert(uid, now.instant + AGAIN);
        }
        let again: Vec<_> =
            self.again.iter().filter(|(_, at)| due(Some(**at))).map(|(uid, _)| *uid).collect();
        for uid in again {
            self.again.remove(&uid);
            self.new.push_back(uid);
        }
        if due(self.renewed) {
            (self.renewed, self.look) = (None, true);
        }
        self.go_on(now);
    }

    /// A letter is kept: it may be marked.
    pub fn handle_kept(&mut self, now: Now, uid: u32) {
        self.forget(uid);
        if !self.marks.contains(&uid) {
            self.marks.push_back(uid);
        }
        self.go_on(now);
    }

    /// A letter could not be kept: it comes again.
    pub fn handle_not_kept(&mut self, now: Now, uid: u32) {
        if self.given.remove(&uid).is_some() {
            self.again.insert(uid, now.instant + AGAIN);
        }
        self.go_on(now);
    }

    /// A letter is of no use here: it stays as it is, for people who look into the mailbox.
    pub fn handle_left(&mut self, now: Now, uid: u32) {
        self.forget(uid);
        if self.left.len() < MOST_LEFT {
            self.left.insert(uid);
        }
        self.go_on(now);
    }

    fn forget(&mut self, uid: u32) {
        self.given.remove(&uid);
        self.again.remove(&uid);
        self.new.retain(|own| *own != uid);
    }

    fn end(&mut self, end: End) {
        if !self.over {
            self.over = true;
            self.outputs.push_back(Output::End(end));
        }
    }
}

/// What is said.
impl Session {
    /// Says whatever is next, or leaves the wait for it.
    fn go_on(&mut self, now: Now) {
        match (self.idling, self.waiting.is_some()) {
            _ if self.over || !self.greeted => {}
            (Idling::Yes, _) if self.has_work() => {
                self.idling = Idling::Left;
                self.renewed = None;
                self.patience = Some(now.instant + PATIENCE);
                self.outputs.push_back(Output::Send(b"DONE\r\n".to_vec()));
            }
            (Idling::No, false) => self.say_next(now),
            _ => {}
        }
    }

    fn has_work(&self) -> bool {
        let room = self.given.len() < MOST_GIVEN;
        self.look
            || !self.marks.is_empty()
            || !self.moves.is_empty()
            || (!self.new.is_empty() && room)
    }

    fn say_next(&mut self, now: Now) {
        if !self.known {
            return self.say(now, Command::Capability, "CAPABILITY");
        }
        if !self.signed_in {
            return self.sign_in(now);
        }
        if !self.selected {
            let line = format!("SELECT {}", folder(&self.settings.folder));
            return self.say(now, Command::Select, &line);
        }
        if let Some(uid) = self.marks.pop_front() {
            let line = format!("UID STORE {uid} +FLAGS.SILENT (\\Seen)");
            return self.say(now, Command::Mark(uid), &line);
        }
        if let Some(uid) = self.moves.pop_front() {
            let to = folder(self.settings.done.as_deref().unwrap_or_default());
            return self.say(now, Command::Move(uid), &format!("UID MOVE {uid} {to}"));
        }
        let all = self.new.is_empty() && std::mem::take(&mut self.more);
        if std::mem::take(&mut self.look) || all {
            return self.say(now, Command::Search, "UID SEARCH UNSEEN UNDELETED");
        }
        if self.given.len() < MOST_GIVEN
            && let Some(uid) = self.new.pop_front()
        {
            let most = self.settings.most;
            let line = format!("UID FETCH {uid} (UID RFC822.SIZE BODY.PEEK[]<0.{most}>)");
            return self.say(now, Command::Fetch(uid), &line);
        }
        if !self.given.is_empty() {
            return;
        }
        if self.no_idle || !self.can.contains("IDLE") {
            self.renewed = self.renewed.or(Some(now.instant + self.settings.poll));
            return;
        }
        self.idling = Idling::Asked;
        self.say(now, Command::Idle, "IDLE");
    }

    fn say(&mut self, now: Now, command: Command, line: &str) {
        self.tags += 1;
        let tag = format!("B{}", self.tags);
        self.outputs.push_back(Output::Send(format!("{tag} {line}\r\n").into_bytes()));
        self.waiting = Some((tag, command));
        self.patience = Some(now.instant + PATIENCE);
    }

    fn sign_in(&mut self, now: Now) {
        let Login { user, password } = &self.settings.login;
        let plain = self.can.contains("AUTH=PLAIN");
        // RFC 4959.
        if plain && self.can.contains("SASL-IR") {
            let line = format!("AUTHENTICATE PLAIN {}", self.proof());
            return self.say(now, Command::Login, &line);
        }
        if plain {
            return self.say(now, Command::Authenticate, "AUTHENTICATE PLAIN");
        }
        let text = |text: &str| text.bytes().all(|byte| (32..127).contains(&byte));
        if self.can.contains("LOGINDISABLED") || !text(user) || !text(password) {
            return self.end(End::NoLogin);
        }
        let line = format!("LOGIN {} {}", quoted(user), quoted(password));
        self.say(now, Command::Login, &line);
    }

    /// RFC 4616.
    fn proof(&self) -> String {
        let Login { user, password } = &self.settings.login;
        STANDARD.encode(format!("\0{user}\0{password}"))
    }
}

/// What is answered.
impl Session {
    fn answered(&mut self, now: Now, answer: Answer) {
        if !self.greeted {
            return self.greet(now, answer);
        }
        match answer {
            Answer::Capabilities(can) => self.can = can.into_iter().collect(),
            Answer::Bye(text) => self.end(End::Bye(text)),
            Answer::Exists(_) => {
                self.look = true;
                self.go_on(now);
            }
            Answer::Found(uids) => self.found(&uids),
            Answer::Fetched(items) => self.fetched(items),
            Answer::Continue => self.may_go_on(now),
            Answer::Status { tag: None, code: Some(code), .. } => self.noted(&code),
            Answer::Status { tag: Some(tag), status, code, text } => {
                self.done(now, &tag, status, code.as_deref(), text);
            }
            Answer::Status { .. } | Answer::Other => {}
        }
    }

    fn greet(&mut self, now: Now, answer: Answer) {
        match answer {
            Answer::Status {
                tag: None,
                status: status @ (Status::Ok | Status::PreAuth),
                code,
                ..
            } => {
                self.greeted = true;
                self.signed_in = status == Status::PreAuth;
                code.iter().for_each(|code| self.noted(code));
                self.patience = None;
                self.go_on(now);
            }
            Answer::Bye(text) => self.end(End::Bye(text)),
            _ => self.end(End::Broken),
        }
    }

    /// A code that stands by itself.
    fn noted(&mut self, code: &str) {
        let (name, value) = code.split_once(' ').unwrap_or((code, ""));
        match name {
            "CAPABILITY" => {
                self.can = words(value).into_iter().collect();
                self.known = true;
            }
            "UIDVALIDITY" => self.validity = value.trim().parse().unwrap_or(self.validity),
            _ => {}
        }
    }

    fn may_go_on(&mut self, now: Now) {
        match &self.waiting {
            Some((_, Command::Authenticate)) => {
                let line = format!("{}\r\n", self.proof());
                self.outputs.push_back(Output::Send(line.into_bytes()));
            }
            Some((_, Command::Idle)) if self.idling == Idling::Asked => {
                self.idling = Idling::Yes;
                self.patience = None;
                self.renewed = Some(now.instant + RENEWED);
                self.go_on(now);
            }
            _ => {}
        }
    }

    fn found(&mut self, uids: &[u32]) {
        let busy = |uid: &u32| {
            self.given.contains_key(uid)
                || self.again.contains_key(uid)
                || self.left.contains(uid)
                || self.marks.contains(uid)
                || self.moves.contains(uid)
        };
        let new: BTreeSet<u32> =
            uids.iter().copied().filter(|uid| *uid > 0 && !busy(uid)).collect();
        // What is beyond is found once these are fetched.
        self.more = new.len() > MOST_NEW;
        self.new = new.into_iter().take(MOST_NEW).collect();
    }

    fn fetched(&mut self, items: Vec<Item>) {
        let Some((_, Command::Fetch(wanted))) = &self.waiting else { return };
        if !items.contains(&Item::Uid(*wanted)) {
            return;
        }
        let size = items.iter().find_map(|item| match item {
            Item::Size(size) => Some(*size),
            _ => None,
        });
        let body = items.into_iter().find_map(|item| match item {
            Item::Body(body) => Some(body),
            _ => None,
        });
        self.body = body.map(|body| (size.unwrap_or(body.len() as u64), body)).or(self.body.take());
    }

    fn done(&mut self, now: Now, tag: &str, status: Status, code: Option<&str>, text: String) {
        let Some((_, command)) = self.waiting.take_if(|(own, _)| own.eq_ignore_ascii_case(tag))
        else {
            return;
        };
        self.patience = None;
        let good = status == Status::Ok;
        if matches!(command, Command::Login | Command::Authenticate) {
            // What it can do may be more from here on.
            self.known = false;
        }
        code.into_iter().for_each(|code| self.noted(code));
        match command {
            Command::Capability => self.known = true,
            Command::Login | Command::Authenticate if good => self.signed_in = true,
            Command::Login | Command::Authenticate if code == Some("UNAVAILABLE") => {
                return self.end(End::Bye(text));
            }
            Command::Login | Command::Authenticate => return self.end(End::Refused(text)),
            Command::Select if good && code != Some("READ-ONLY") => self.watch(),
            Command::Select => return self.end(End::Folder(text)),
            Command::Fetch(uid) => self.give(now, uid, good),
            Command::Mark(uid) if good && self.moves_letters() => self.moves.push_back(uid),
            // What could not be marked is new on the next connection, and known by its key then.
            Command::Mark(_) | Command::Move(_) | Command::Search => {}
            Command::Idle => {
                self.no_idle |= self.idling == Idling::Asked;
                (self.idling, self.renewed, self.look) = (Idling::No, None, true);
            }
        }
        self.go_on(now);
    }

    fn watch(&mut self) {
        self.selected = true;
        let told = self.can.contains("IDLE");
        let moves = self.settings.done.is_none() || self.moves_letters();
        self.outputs.push_back(Output::Watching { told, moves });
    }

    /// RFC 6851. Without it a letter could be moved only by deleting it.
    fn moves_letters(&self) -> bool {
        self.settings.done.is_some() && self.can.contains("MOVE")
    }

    fn give(&mut self, now: Now, uid: u32, good: bool) {
        match self.body.take() {
            Some((size, bytes)) if good => {
                self.given.insert(uid, now.instant + LONGEST_KEEP);
                self.outputs.push_back(Output::Letter {
                    validity: self.validity,
                    uid,
                    size,
                    bytes,
                });
            }
            // Somebody has taken it away.
            None if good => {}
            _ => {
                self.again.insert(uid, now.instant + AGAIN);
            }
        }
    }
}

/// A quoted string (RFC 3501 section 4.3). What would end its line is left out.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out + "\""
}

/// A folder's name, in the encoding of RFC 3501 section 5.1.3.
fn folder(name: &str) -> String {
    let (mut out, mut other) = (String::new(), Vec::new());
    let end = |out: &mut String, other: &mut Vec<u16>| {
        if !other.is_empty() {
            let bytes: Vec<u8> = other.drain(..).flat_map(u16::to_be_bytes).collect();
            let text = STANDARD.encode(bytes).replace('/', ",");
            out.push_str(&format!("&{}-", text.trim_end_matches('=')));
        }
    };
    for c in name.chars() {
        match c {
            ' '..='~' => {
                end(&mut out, &mut other);
                out.push(c);
                if c == '&' {
                    out.push('-');
                }
            }
            _ => other.extend(c.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    end(&mut out, &mut other);
    quoted(&out)
}

#[cfg(test)]
mod names {
    use super::*;

    #[test]
    fn folders_are_written_as_servers_want_them() {
        assert_eq!(folder("INBOX"), "\"INBOX\"");
        assert_eq!(folder("Gelöscht & weg"), "\"Gel&APY-scht &- weg\"");
        assert_eq!(folder("台北"), "\"&U,BTFw-\"");
        assert_eq!(folder("a\"b\\c\r\n"), "\"a\\\"b\\\\c&AA0ACg-\"");
    }
}
