//! Letters, and what the server says that has them.

use std::time::{Duration, Instant};

use branchline::id::MessageId;
use branchline::imap::{Login, Output, Session, Settings, read as answer};
use branchline::messaging::contract::{Outgoing, Told};
use branchline::messaging::mail::{Key, MOST_TEXT, Mailbox, Raw, Unread, read, write};
use branchline::messaging::web::Files;
use branchline::messaging::{Content, Piece};
use branchline::time::{Now, UnixTime};

/// Nothing panics, the same letter says the same, what it tells is bounded, and an answer to it has the headers that we gave it
/// and no other.
pub fn mail(bytes: &[u8]) {
    let mailbox = mailbox();
    for whole in [true, false] {
        let raw = Raw { key: "1/1", bytes, whole };
        let letter = match read(&mailbox, raw) {
            Ok(letter) => letter,
            Err(Unread::NoSender | Unread::Own) => continue,
        };
        assert_eq!(read(&mailbox, raw).as_ref(), Ok(&letter), "it says the same again");
        let Told::Arrived(arrived) = letter.told else { continue };
        assert!(arrived.from.value.contains('@') && arrived.from.value.len() < 300);
        assert!(!arrived.pieces.is_empty() && arrived.pieces.len() <= 200);
        if let Some(Piece::Text { text }) = arrived.pieces.first() {
            assert!(text.len() < MOST_TEXT + 10 && !text.contains('\0'));
        }
        let answer = Outgoing {
            message: MessageId(7),
            attempt: 1,
            to: arrived.from,
            from: None,
            pieces: vec![Piece::text("thank you")],
            answers: arrived.answers,
            thread: arrived.thread,
            subject: arrived.subject,
            until: UnixTime(0),
            urgent: false,
        };
        let Ok(posted) =
            write(&mailbox, UnixTime(0), &answer, &letter.chain, &Nothing, (1 << 20, "b"))
        else {
            continue;
        };
        assert_eq!(headers(&posted.bytes), answer_headers(&posted.bytes), "a header came along");
        let again = read(&mailbox, Raw { key: "1/2", bytes: &posted.bytes, whole: true });
        assert_eq!(again, Err(Unread::Own));
    }
}

/// Nothing panics, and it makes no difference where what comes is cut.
pub fn imap(bytes: &[u8]) {
    let _ = answer(bytes);
    let now = Now { instant: Instant::now(), unix: UnixTime(0) };
    let start = || {
        let mut session = Session::new(now, settings());
        session.handle_bytes(now, GREETING);
        session
    };
    let (mut whole, mut cut) = (start(), start());
    whole.handle_bytes(now, bytes);
    bytes.iter().for_each(|byte| cut.handle_bytes(now, &[*byte]));
    for session in [&mut whole, &mut cut] {
        session.handle_kept(now, 4);
        session.handle_timeout(now.after(Duration::from_secs(3_600)));
    }
    loop {
        let (one, other) = (whole.poll_output(), cut.poll_output());
        assert_eq!(one, other);
        match one {
            None => break,
            Some(Output::Letter { bytes, .. }) => assert!(bytes.len() <= settings().most),
            Some(_) => {}
        }
    }
    assert_eq!(whole.deadline(), cut.deadline());
}

/// A server that has been signed in to, and whose folder is looked through.
const GREETING: &[u8] =
    b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE MOVE] hello\r\nB1 OK [READ-WRITE] selected\r\n";

/// The names of the headers that stand there.
fn headers(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    lines.map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
}

/// The names of those that may.
fn answer_headers(bytes: &[u8]) -> Vec<String> {
    let all = [
        "From",
        "To",
        "Date",
        "Message-ID",
        "Subject",
        "Reply-To",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    let there = headers(bytes);
    all.iter()
        .filter(|name| there.iter().any(|own| own == *name))
        .map(|name| (*name).to_owned())
        .collect()
}

fn mailbox() -> Mailbox {
    Mailbox {
        address: "support@branch.example".to_owned(),
        name: Some("Branch".to_owned()),
        signature: None,
        plus: true,
        trusted: Some("mx.branch.example".to_owned()),
        key: Key::new(&[7; 32]).expect("a key"),
    }
}

fn settings() -> Settings {
    Settings {
        login: Login { user: "a".to_owned(), password: "b".to_owned() },
        folder: "INBOX".to_owned(),
        done: Some("Kept".to_owned()),
        most: 4_096,
        poll: Duration::from_secs(60),
    }
}

struct Nothing;

impl Files for Nothing {
    fn bytes(&self, _content: Content) -> Option<Vec<u8>> {
        None
    }

    fn url(&self, _content: Content) -> Option<String> {
        None
    }
}
