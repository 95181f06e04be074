#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use super::*;
use crate::time::{Now, UnixTime};

/// A server that a test writes by hand.
struct World {
    session: Session,
    now: Now,
    sent: Vec<String>,
    letters: Vec<(u32, u32, u64, Vec<u8>)>,
    watching: Option<(bool, bool)>,
    end: Option<End>,
}

fn settings() -> Settings {
    Settings {
        login: Login { user: "ann".to_owned(), password: "se\"cret".to_owned() },
        folder: "INBOX".to_owned(),
        done: None,
        most: 1_000,
        poll: Duration::from_secs(60),
    }
}

impl World {
    fn new(settings: Settings) -> World {
        let now = Now { instant: Instant::now(), unix: UnixTime(0) };
        let session = Session::new(now, settings);
        World { session, now, sent: Vec::new(), letters: Vec::new(), watching: None, end: None }
    }

    /// A connection that watches, whose server can do this.
    fn watching(can: &str, settings: Settings) -> World {
        let mut world = World::new(settings);
        world.says(&format!("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR {can}] ready\r\n"));
        assert_eq!(world.last(), "B1 AUTHENTICATE PLAIN AGFubgBzZSJjcmV0");
        world.says(&format!("B1 OK [CAPABILITY IMAP4rev1 {can}] in\r\n"));
        assert_eq!(world.last(), "B2 SELECT \"INBOX\"");
        world.says("* 3 EXISTS\r\n* OK [UIDVALIDITY 77] ok\r\nB2 OK [READ-WRITE] done\r\n");
        assert_eq!(world.last(), "B3 UID SEARCH UNSEEN UNDELETED");
        world
    }

    fn says(&mut self, text: &str) {
        self.session.handle_bytes(self.now, text.as_bytes());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    self.sent.push(String::from_utf8(bytes).unwrap().trim_end().to_owned())
                }
                Output::Watching { told, moves } => self.watching = Some((told, moves)),
                Output::Letter { validity, uid, size, bytes } => {
                    self.letters.push((validity, uid, size, bytes))
                }
                Output::End(end) => self.end = Some(end),
            }
        }
    }

    fn last(&self) -> &str {
        self.sent.last().map_or("", String::as_str)
    }

    /// Waits for the next deadline.
    fn wait(&mut self) -> Duration {
        let at = self.session.deadline().expect("a deadline");
        let span = at.saturating_duration_since(self.now.instant);
        self.now = self.now.after(span);
        self.session.handle_timeout(self.now);
        self.drain();
        span
    }

    fn kept(&mut self, uid: u32) {
        self.session.handle_kept(self.now, uid);
        self.drain();
    }
}

#[test]
fn what_is_new_is_fetched_to_the_byte_and_marked_only_when_it_is_kept() {
    let mut world = World::watching("IDLE", settings());
    assert_eq!(world.watching, Some((true, true)));
    world.says("* SEARCH 9 4\r\nB3 OK done\r\n");
    world.says("* 1 FETCH (FLAGS (\\Recent (x)) UID 4 RFC822.SIZE 5000 BODY[]<0> {7}\r\na)\r\n{3}");
    world.says(")\r\nB4 OK done\r\n");
    assert_eq!(world.letters, [(77, 4, 5_000, b"a)\r\n{3}".to_vec())]);
    assert_eq!(world.last(), "B5 UID FETCH 9 (UID RFC822.SIZE BODY.PEEK[]<0.1000>)");
    world.says("* 2 FETCH (UID 9 RFC822.SIZE 2 BODY[]<0> \"\\\"q\")\r\nB5 OK done\r\n");
    assert_eq!(world.letters.last(), Some(&(77, 9, 2, b"\"q".to_vec())));
    assert!(!world.sent.iter().any(|line| line.contains("STORE") || line.contains("IDLE")));
    world.kept(4);
    assert_eq!(world.last(), "B6 UID STORE 4 +FLAGS.SILENT (\\Seen)");
    world.kept(9);
    world.says("B6 OK done\r\n");
    assert_eq!(world.last(), "B7 UID STORE 9 +FLAGS.SILENT (\\Seen)");
    world.says("B7 OK done\r\n");
    assert_eq!(world.last(), "B8 IDLE");
}

#[test]
fn it_waits_with_the_server_and_looks_when_it_is_told() {
    let mut world = World::watching("IDLE", settings());
    world.says("* SEARCH\r\nB3 OK done\r\n");
    assert_eq!(world.last(), "B4 IDLE");
    world.says("+ idling\r\n* OK Still here\r\n");
    assert!(world.wait() < Duration::from_secs(29 * 60), "RFC 2177");
    assert_eq!(world.last(), "DONE");
    world.says("B4 OK done\r\n");
    assert_eq!(world.last(), "B5 UID SEARCH UNSEEN UNDELETED");
    world.says("* SEARCH\r\nB5 OK done\r\n+ idling\r\n* 4 EXISTS\r\n");
    assert_eq!(world.last(), "DONE");
    world.says("* 5 EXISTS\r\nB6 OK done\r\n* SEARCH 12\r\nB7 OK done\r\n");
    assert_eq!(world.last(), "B8 UID FETCH 12 (UID RFC822.SIZE BODY.PEEK[]<0.1000>)");
}

#[test]
fn what_comes_between_the_search_and_the_wait_is_not_missed() {
    let mut world = World::watching("IDLE", settings());
    world.says("* SEARCH\r\n* 4 EXISTS\r\nB3 OK done\r\n");
    assert_eq!(world.last(), "B4 UID SEARCH UNSEEN UNDELETED");
    world.says("* SEARCH\r\nB4 OK done\r\n* 5 EXISTS\r\n+ idling\r\n");
    assert_eq!(world.last(), "DONE");
}

#[test]
fn a_server_that_cannot_wait_is_asked_in_turns() {
    let mut world = World::watching("", settings());
    assert_eq!(world.watching, Some((false, true)));
    world.says("* SEARCH\r\nB3 OK done\r\n");
    for turn in 4..8 {
        assert_eq!(world.wait(), Duration::from_secs(60));
        assert_eq!(world.last(), format!("B{turn} UID SEARCH UNSEEN UNDELETED"));
        world.says(&format!("* SEARCH\r\nB{turn} OK done\r\n"));
    }
    let mut world = World::watching("IDLE", settings());
    world.says("* SEARCH\r\nB3 OK done\r\nB4 BAD no such thing\r\n");
    world.says("* SEARCH\r\nB5 OK done\r\n");
    assert_eq!(world.wait(), Duration::from_secs(60));
}

#[test]
fn what_cannot_be_kept_comes_again_and_is_never_marked() {
    let mut world = World::watching("IDLE", settings());
    world.says("* SEARCH 4\r\nB3 OK done\r\n");
    world.says("* 1 FETCH (UID 4 RFC822.SIZE 1 BODY[]<0> \"x\")\r\nB4 OK done\r\n");
    world.session.handle_not_kept(world.now, 4);
    world.drain();
    world.says("+ idling\r\n");
    assert_eq!(world.wait(), Duration::from_secs(15));
    world.says("B5 OK done\r\n* SEARCH 4\r\nB6 OK done\r\n");
    assert_eq!(world.last(), "B7 UID FETCH 4 (UID RFC822.SIZE BODY.PEEK[]<0.1000>)");
    world.says("* 1 FETCH (UID 4 RFC822.SIZE 1 BODY[]<0> \"x\")\r\nB7 OK done\r\n");
    assert_eq!(world.letters.len(), 2);
    // Nobody says what became of it: the same.
    world.wait();
    world.wait();
    world.says("B8 OK done\r\n");
    assert!(!world.sent.iter().any(|line| line.contains("STORE")), "{:?}", world.sent);
    // What is said late counts.
    world.kept(4);
    world.says("* SEARCH\r\nB9 OK done\r\n");
    assert!(world.sent.iter().any(|line| line.ends_with("UID STORE 4 +FLAGS.SILENT (\\Seen)")));
}

#[test]
fn what_is_of_no_use_is_left_as_it_is() {
    let mut world = World::watching("IDLE", settings());
    world.says("* SEARCH 4\r\nB3 OK done\r\n");
    world.says("* 1 FETCH (UID 4 RFC822.SIZE 1 BODY[]<0> \"x\")\r\nB4 OK done\r\n");
    world.session.handle_left(world.now, 4);
    world.drain();
    world.says("+ idling\r\n* 4 EXISTS\r\nB5 OK done\r\n* SEARCH 4\r\nB6 OK done\r\n");
    assert_eq!(world.last(), "B7 IDLE");
}

#[test]
fn what_is_kept_is_moved_where_the_server_can() {
    let moving = || Settings { done: Some("Done".to_owned()), ..settings() };
    let fetched = "* SEARCH 4\r\nB3 OK done\r\n* 1 FETCH (UID 4 RFC822.SIZE 1 BODY[]<0> \"x\")\r\nB4 OK done\r\n";
    let mut world = World::watching("IDLE MOVE", moving());
    world.says(fetched);
    world.kept(4);
    world.says("B5 OK done\r\n");
    assert_eq!(world.last(), "B6 UID MOVE 4 \"Done\"");
    let mut world = World::watching("IDLE", moving());
    assert_eq!(world.watching, Some((true, false)));
    world.says(fetched);
    world.kept(4);
    world.says("B5 OK done\r\n");
    assert_eq!(world.last(), "B6 IDLE");
}

#[test]
fn no_more_than_eight_wait_to_be_kept() {
    let mut world = World::watching("IDLE", settings());
    let all: Vec<_> = (1..=20).map(|uid: u32| uid.to_string()).collect();
    world.says(&format!("* SEARCH {}\r\nB3 OK done\r\n", all.join(" ")));
    for uid in 1..=8 {
        world.says(&format!(
            "* 1 FETCH (UID {uid} RFC822.SIZE 1 BODY[]<0> \"x\")\r\nB{} OK done\r\n",
            uid + 3
        ));
    }
    assert_eq!((world.letters.len(), world.sent.len()), (8, 11));
    world.kept(1);
    world.says("B12 OK done\r\n");
    assert!(world.last().starts_with("B13 UID FETCH 9"));
}

#[test]
fn a_server_says_why_it_is_of_no_use() {
    let end = |greeting: &str, rest: &str| {
        let mut world = World::new(settings());
        world.says(greeting);
        world.says(rest);
        world.end
    };
    let ready = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n";
    assert_eq!(end("* BYE too many\r\n", ""), Some(End::Bye("too many".to_owned())));
    assert_eq!(end("HTTP/1.1 400 no\r\n", ""), Some(End::Broken));
    assert_eq!(end(ready, "B1 NO wrong\r\n"), Some(End::Refused("wrong".to_owned())));
    assert_eq!(end(ready, "B1 NO [UNAVAILABLE] later\r\n"), Some(End::Bye("later".to_owned())));
    let none = "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\r\n";
    assert_eq!(end(none, ""), Some(End::NoLogin));
    let folder = "B1 OK [CAPABILITY IMAP4rev1] in\r\nB2 NO no such folder\r\n";
    assert_eq!(end(ready, folder), Some(End::Folder("no such folder".to_owned())));
    let mut world = World::new(settings());
    assert_eq!(world.wait(), Duration::from_secs(60));
    assert_eq!(world.end, Some(End::Silent));
}

#[test]
fn it_signs_in_as_the_server_wants_it() {
    let mut world = World::new(settings());
    world.says("* OK hello\r\n");
    assert_eq!(world.last(), "B1 CAPABILITY");
    world.says("* CAPABILITY IMAP4rev1\r\nB1 OK done\r\n");
    assert_eq!(world.last(), "B2 LOGIN \"ann\" \"se\\\"cret\"");
    world.says("B2 OK in\r\n");
    assert_eq!(world.last(), "B3 CAPABILITY");
    let mut world = World::new(settings());
    world.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n+ \r\n");
    assert_eq!(world.sent, ["B1 AUTHENTICATE PLAIN", "AGFubgBzZSJjcmV0"]);
}

#[test]
fn nothing_is_read_that_is_longer_than_it_may_be() {
    for flood in
        ["* 1 FETCH (UID 4 BODY[] {1001}\r\n".to_owned(), format!("* OK {}", "x".repeat(2 << 20))]
    {
        let mut world = World::watching("IDLE", settings());
        world.says(&flood);
        assert_eq!(world.end, Some(End::Broken));
        assert_eq!(world.session.deadline(), None);
    }
    assert_eq!(
        read(b"* 1 FETCH (INTERNALDATE NIL UID 3)\r\n"),
        Answer::Fetched(vec![Item::Uid(3)])
    );
    let deep = format!("* 1 FETCH (X {}\r\n", "(".repeat(100_000));
    assert_eq!(read(deep.as_bytes()), Answer::Other);
}

#[test]
fn answers_cut_anywhere_are_the_same() {
    let whole = "* SEARCH 4\r\nB3 OK done\r\n* 1 FETCH (UID 4 RFC822.SIZE 9 BODY[]<0> {9}\r\na{3}\r\n\r\nb)\r\nB4 OK done\r\n";
    for cut in 0..whole.len() {
        let mut world = World::watching("IDLE", settings());
        world.says(&whole[..cut]);
        world.says(&whole[cut..]);
        assert_eq!(world.letters, [(77, 4, 9, b"a{3}\r\n\r\nb".to_vec())], "cut at {cut}");
    }
}
