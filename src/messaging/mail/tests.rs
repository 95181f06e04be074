use std::collections::BTreeMap;

use super::*;
use crate::id::MessageId;
use crate::messaging::address::{Address, Kind};
use crate::messaging::contract::{Arrived, Failure, Fault, Outgoing, Status, Told};
use crate::messaging::piece::{Content, Media, Piece, Place};
use crate::messaging::web::Files;
use crate::time::UnixTime;

fn mailbox() -> Mailbox {
    Mailbox {
        address: "support@branch.example".to_owned(),
        name: Some("Branch".to_owned()),
        signature: Some("Your branch".to_owned()),
        plus: true,
        trusted: Some("mx.branch.example".to_owned()),
        key: Key::new(&[7; 32]).expect("a key"),
    }
}

fn letter(raw: &str) -> Result<Letter, Unread> {
    let raw = raw.replace('\n', "\r\n");
    read(&mailbox(), Raw { key: "1/2", bytes: raw.as_bytes(), whole: true })
}

#[track_caller]
fn arrived(raw: &str) -> Arrived {
    match letter(raw).expect("a letter").told {
        Told::Arrived(arrived) => *arrived,
        other => panic!("{other:?}"),
    }
}

fn said(arrived: &Arrived) -> &str {
    match arrived.pieces.first() {
        Some(Piece::Text { text }) => text,
        other => panic!("{other:?}"),
    }
}

#[derive(Default)]
struct Shelf(BTreeMap<Content, Vec<u8>>);

impl Files for Shelf {
    fn bytes(&self, content: Content) -> Option<Vec<u8>> {
        self.0.get(&content).cloned()
    }

    fn url(&self, _content: Content) -> Option<String> {
        None
    }
}

fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        message: MessageId(0x1234_5678_9abc_def0),
        attempt: 1,
        to: Address::new(Kind::Email, "ann@shop.example"),
        from: None,
        pieces: vec![Piece::text(text)],
        answers: None,
        thread: None,
        subject: None,
        until: UnixTime(0),
        urgent: false,
    }
}

fn posted(outgoing: &Outgoing, chain: &Chain) -> String {
    let posted = write(&mailbox(), UnixTime(0), outgoing, chain, &Shelf::default(), (1 << 20, "b"));
    String::from_utf8(posted.expect("a letter").bytes).expect("text")
}

const PLAIN: &str = "From: =?utf-8?q?Ann_M=C3=BCller?= <Ann@Shop.example>
To: support@branch.example
Subject: =?utf-8?b?w4RyZ2Vy?= with
 my order
Date: Mon, 16 Nov 2026 09:00:00 +0100
Message-ID: <first@shop.example>
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe,=20
=
Ann
";

#[test]
fn a_letter_is_read_as_its_writer_meant_it() {
    let arrived = arrived(PLAIN);
    assert_eq!(arrived.from, Address::new(Kind::Email, "ann@shop.example"));
    assert_eq!((arrived.name.as_deref(), arrived.key.as_str()), (Some("Ann Müller"), "1/2"));
    assert_eq!(arrived.subject.as_deref(), Some("Ärger with my order"));
    assert_eq!(arrived.at, Some(UnixTime(1_794_816_000_000_000)));
    assert_eq!(said(&arrived), "Grüße,\nAnn");
    assert!(!arrived.automatic && arrived.answers.is_none() && arrived.thread.is_some());
}

#[test]
fn files_come_byte_for_byte_under_names_without_folders() {
    let raw = "From: a@b.example
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: multipart/alternative; boundary=y

--y
Content-Type: text/plain

plain
--y
Content-Type: text/html

<b>html</b>
--y--
--x
Content-Type: application/pdf; name=\"../../etc/r=E9.pdf\"
Content-Disposition: attachment; filename*=utf-8''..%2F%E2%82%AC%20bill.pdf
Content-Transfer-Encoding: base64

JVBERi0A
/w==
--x
Content-Type: text/plain; name=note.txt
Content-Disposition: attachment; filename=note.txt

a note
--x
Content-Type: message/rfc822

Subject: inner

inside
--x--
";
    let arrived = arrived(raw);
    assert_eq!(said(&arrived), "plain");
    let files: Vec<_> = arrived.pieces[1..]
        .iter()
        .map(|piece| match piece {
            Piece::Media { media } => {
                let Place::Here(bytes) = &media.place else { panic!("not here") };
                (
                    media.name.clone().unwrap_or_default(),
                    media.mime.clone().unwrap_or_default(),
                    bytes.clone(),
                )
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let wanted = [
        ("€ bill.pdf", "application/pdf", b"%PDF-\0\xff".to_vec()),
        ("note.txt", "text/plain", b"a note".to_vec()),
        ("message.eml", "message/rfc822", b"Subject: inner\r\n\r\ninside".to_vec()),
    ];
    let wanted = wanted.map(|(name, mime, bytes)| (name.to_owned(), mime.to_owned(), bytes));
    assert_eq!(files, wanted);
}

#[test]
fn a_letter_of_html_alone_is_text() {
    let raw = "From: a@b.example\nContent-Type: text/html; charset=utf-8\n\n<p>Hello <b>there</b></p><script>x()</script>\n";
    assert_eq!(said(&arrived(raw)), "Hello there");
}

#[test]
fn machines_are_known_in_every_way_that_they_say_so() {
    let with = |header: &str| arrived(&format!("From: a@b.example\n{header}\n\nhello\n")).automatic;
    for header in [
        "Auto-Submitted: auto-replied",
        "auto-submitted: auto-generated; x=y",
        "Precedence: bulk",
        "Precedence: LIST",
        "List-Id: <x.example>",
        "List-Unsubscribe: <https://x.example>",
        "Return-Path: <>",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "X-Autoreply: yes",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    ] {
        assert!(with(header), "{header}");
    }
    for header in [
        "Auto-Submitted: no",
        "Precedence: normal",
        "Return-Path: <a@b.example>",
        "X-Listening: yes",
    ] {
        assert!(!with(header), "{header}");
    }
    assert!(arrived("From: MAILER-DAEMON@b.example\n\nx\n").automatic);
    assert!(arrived("From: news-request@b.example\n\nx\n").automatic);
}

#[test]
fn an_answer_is_known_by_its_names_and_by_its_address_alone() {
    let first = arrived(PLAIN);
    let reply = Outgoing { thread: first.thread.clone(), ..outgoing("Sorry!") };
    let chain = letter(PLAIN).expect("a letter").chain;
    let sent = posted(&reply, &chain);
    let id = mailbox().id_of(&mailbox().key.token(reply.message));
    for line in [
        format!("Message-ID: <{id}>"),
        "In-Reply-To: <first@shop.example>".to_owned(),
        "References: <first@shop.example>".to_owned(),
        "Subject: Re: =?utf-8?b?".to_owned(),
        "To: ann@shop.example".to_owned(),
        "From: Branch <support@branch.example>".to_owned(),
        format!("Reply-To: support+{}@branch.example", mailbox().key.token(reply.message)),
    ] {
        assert!(sent.contains(&line), "{line}\n{sent}");
    }
    assert!(sent.contains("\r\n\r\nSorry!\r\n\r\n--"), "{sent}");
    let answer = |headers: &str| {
        arrived(&format!(
            "From: Ann <ann@shop.example>\nMessage-ID: <second@shop.example>\n{headers}\n\nok\n"
        ))
    };
    let good = answer(&format!("In-Reply-To: <{id}>\nReferences: <first@shop.example> <{id}>"));
    assert_eq!(
        (good.thread.as_ref(), good.answers.as_deref()),
        (first.thread.as_ref(), Some(id.as_str()))
    );
    let token = mailbox().key.token(reply.message).to_uppercase();
    for broken in [
        format!("To: <Support+{token}@Branch.example>\nIn-Reply-To: <someone@else.example>"),
        format!("To: support+{token}@branch.example\nIn-Reply-To: Your message of today"),
        format!("To: undisclosed-recipients:;\nDelivered-To: support+{token}@branch.example"),
        format!("In-Reply-To: <{token}@another.example>"),
    ] {
        let broken = answer(&broken);
        assert_eq!(broken.answers.as_deref(), Some(id.as_str()));
        assert!(broken.thread.is_some());
    }
    let forged = format!("To: support+{}0@branch.example", &token[..token.len() - 1]);
    assert_eq!(answer(&forged).answers, None);
}

#[test]
fn a_thread_is_one_persons_and_says_nothing() {
    let key = mailbox().key;
    let thread = key.thread("ann@shop.example", "first@shop.example").expect("a thread");
    assert_eq!(key.thread("ann@shop.example", "first@shop.example"), Some(thread.clone()));
    assert_ne!(key.thread("bob@shop.example", "first@shop.example"), Some(thread.clone()));
    assert_eq!(key.first(&thread).as_deref(), Some("first@shop.example"));
    assert!(!thread.contains("first") && key.first("x").is_none() && key.first("").is_none());
    let other = Key::new(&[8; 32]).expect("a key");
    assert_eq!(other.first(&thread), None);
    assert_eq!(other.message(&key.token(MessageId(1))), None);
    assert_eq!(key.message(&key.token(MessageId(1))), Some(MessageId(1)));
}

#[test]
fn after_a_restart_an_answer_still_names_the_letter_that_began_the_thread() {
    let thread = arrived(PLAIN).thread;
    let sent = posted(&Outgoing { thread, ..outgoing("Hello") }, &Chain::default());
    assert!(sent.contains("In-Reply-To: <first@shop.example>"), "{sent}");
    assert!(sent.contains("Subject: Re:\r\n"), "{sent}");
}

#[test]
fn nothing_that_is_written_becomes_a_header() {
    let evil = "Hello\r\nBcc: all@shop.example\r\n\r\nbody";
    let reply = Outgoing {
        subject: Some(evil.to_owned()),
        thread: Some("x".to_owned()),
        ..outgoing("x\n.\ny")
    };
    let chain = Chain { ids: vec!["a>\r\nBcc: <b".to_owned()], subject: None };
    let sent = posted(&reply, &chain);
    assert!(sent.contains("Subject: Re: Hello Bcc: all@shop.example body\r\n"), "{sent}");
    assert!(!sent.contains("\r\nBcc:"), "{sent}");
    for to in ["a@b.example>\r\nRCPT TO:<c@d.example", "a b@c.example", "", "@", "a@b.example\r\n"]
    {
        let outgoing = Outgoing { to: Address::new(Kind::Email, to), ..outgoing("x") };
        let failed = write(
            &mailbox(),
            UnixTime(0),
            &outgoing,
            &Chain::default(),
            &Shelf::default(),
            (1 << 20, "b"),
        );
        assert_eq!(
            failed.expect_err("no address"),
            Failure { fault: Fault::Address, code: String::new() }
        );
    }
}

#[test]
fn a_file_goes_out_and_comes_back_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let content = Content([3; 32]);
    let shelf = Shelf([(content, bytes.clone())].into());
    let media = Media {
        content,
        mime: "application/pdf".to_owned(),
        name: Some("Rechnung für 5 €\r\n\"x\".pdf".to_owned()),
        size: 10_000,
    };
    let mut outgoing = outgoing("here: ünd");
    outgoing.pieces.push(Piece::Media { media });
    let sent =
        write(&mailbox(), UnixTime(0), &outgoing, &Chain::default(), &shelf, (1 << 20, "bound"))
            .expect("sent");
    let raw = String::from_utf8(sent.bytes.clone())
        .expect("text")
        .replace("support@branch", "other@branch");
    let back =
        read(&mailbox(), Raw { key: "1", bytes: raw.as_bytes(), whole: true }).expect("read");
    let Told::Arrived(back) = back.told else { panic!("no message") };
    assert_eq!(said(&back), "here: ünd\n\n--\nYour branch");
    let Some(Piece::Media { media }) = back.pieces.get(1) else { panic!("no file") };
    assert_eq!(media.place, Place::Here(bytes));
    assert_eq!(media.name.as_deref(), Some("Rechnung für 5 € \"x\".pdf"));
    let own = read(&mailbox(), Raw { key: "1", bytes: &sent.bytes, whole: true });
    assert_eq!(own, Err(Unread::Own));
    let most =
        write(&mailbox(), UnixTime(0), &outgoing, &Chain::default(), &shelf, (9_000, "bound"));
    assert_eq!(most.expect_err("too large").fault, Fault::Content);
}

fn bounce(action: &str, status: &str, id: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example
To: support@branch.example
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r
Content-Type: text/plain

sorry
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ann@shop.example
Action: {action}
Status: {status}

--r
Content-Type: text/rfc822-headers

From: support@branch.example
Message-ID: <{id}>

--r--
"
    )
}

#[test]
fn a_report_is_about_a_letter_of_ours_or_is_only_a_letter() {
    let message = MessageId(77);
    let id = mailbox().id_of(&mailbox().key.token(message));
    for (action, status, wanted) in [
        (
            "failed",
            "5.1.1",
            Status::Failed(Failure { fault: Fault::Address, code: "5.1.1".to_owned() }),
        ),
        (
            "failed",
            "5.7.1",
            Status::Failed(Failure { fault: Fault::Refused, code: "5.7.1".to_owned() }),
        ),
        ("delivered", "2.0.0", Status::Delivered),
        ("relayed", "2.0.0", Status::Sent),
    ] {
        let Told::Report(report) = letter(&bounce(action, status, &id)).expect("read").told else {
            panic!("{action} is no report")
        };
        assert_eq!((report.reference.as_str(), report.status), (id.as_str(), wanted));
    }
    for (action, id) in [("delayed", id.as_str()), ("failed", "made-up@branch.example")] {
        let arrived = arrived(&bounce(action, "5.1.1", id));
        assert!(arrived.automatic);
    }
    let opened = format!(
        "From: ann@shop.example\nContent-Type: multipart/report; report-type=disposition-notification; boundary=r\n\n\
         --r\nContent-Type: message/disposition-notification\n\nOriginal-Message-ID: <{id}>\n\
         Disposition: manual-action/MDN-sent-manually; displayed\n\n--r--\n"
    );
    let Told::Report(report) = letter(&opened).expect("read").told else { panic!("no report") };
    assert_eq!((report.reference, report.status), (id, Status::Read));
}

fn proof(text: &str) -> bool {
    match letter(text).expect("read").told {
        Told::Arrived(arrived) => arrived.proved.expect("a server is named"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_sent_it_is_proved_by_the_named_server_alone() {
    let proved = |headers: &str| proof(&format!("{headers}From: ann@shop.example\n\nx\n"));
    assert!(proved(
        "Authentication-Results: mx.branch.example; dmarc=pass header.from=shop.example\n"
    ));
    assert!(!proved("Authentication-Results: evil.example; dmarc=pass header.from=shop.example\n"));
    assert!(!proved(""));
    let two = "Authentication-Results: mx.branch.example; dmarc=pass\nFrom: boss@shop.example, ann@shop.example\n\nx\n";
    assert!(!proof(two));
}

#[test]
fn who_sent_nothing_is_told_so() {
    for raw in [
        "",
        "\n",
        "no header at all",
        "Subject: x\n\nhello\n",
        "From: nobody\n\nx\n",
        "From: <>\n\nx\n",
    ] {
        assert_eq!(letter(raw), Err(Unread::NoSender), "{raw:?}");
    }
}

#[test]
fn a_letter_that_was_cut_says_so_and_gives_no_half_file() {
    let raw = "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\n\
               Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo";
    let read =
        read(&mailbox(), Raw { key: "1", bytes: raw.as_bytes(), whole: false }).expect("read");
    let Told::Arrived(arrived) = read.told else { panic!("no message") };
    assert_eq!(said(&arrived), "hello");
    let missing = |piece: &Piece<String, _>| matches!(piece, Piece::Missing { .. });
    assert!(arrived.pieces[1..].iter().all(missing), "{:?}", arrived.pieces);
    assert!(arrived.pieces.len() > 1);
}

#[test]
fn letters_within_letters_and_parts_without_an_end_cost_no_more_than_their_length() {
    let deep =
        format!("From: a@b.example\r\n{}x", "Content-Type: message/rfc822\r\n\r\n".repeat(1_900));
    let deeper =
        format!("From: a@b.example\r\n{}x", "Content-Type: message/rfc822\r\n\r\n".repeat(500_000));
    let wide = format!(
        "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{}",
        "--x\r\nContent-Type: multipart/mixed; boundary=yyy\r\n\r\n".repeat(100_000)
    );
    for raw in [deep, deeper, wide] {
        let read =
            read(&mailbox(), Raw { key: "1", bytes: raw.as_bytes(), whole: true }).expect("read");
        let Told::Arrived(arrived) = read.told else { panic!("no message") };
        assert!(arrived.pieces.iter().any(|piece| matches!(piece, Piece::Media { .. })));
    }
}

#[test]
fn a_text_that_is_too_long_comes_as_a_file_besides() {
    let long = "é".repeat(MOST_TEXT);
    let arrived =
        arrived(&format!("From: a@b.example\nContent-Type: text/plain; charset=utf-8\n\n{long}\n"));
    assert!(said(&arrived).len() < MOST_TEXT + 10 && said(&arrived).ends_with("é […]"));
    let Some(Piece::Media { media }) = arrived.pieces.get(1) else { panic!("no file") };
    assert_eq!(media.place, Place::Here(long.into_bytes()));
}
