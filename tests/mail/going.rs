//! Letters that go, and what comes of them.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::servers::Servers;
use crate::whole::{Whole, text};

/// The value of a letter's header, with its folds undone.
fn header(letter: &str, name: &str) -> String {
    let head = letter.replace("\r\n", "\n").replace("\n\t", " ").replace("\n ", " ");
    let lines = head.split("\n\n").next().unwrap_or_default().lines();
    let mut found = lines.filter_map(|line| line.split_once(": "));
    found
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default()
}

#[test]
fn an_answer_with_a_broken_in_reply_to_stays_in_its_thread() {
    for more in ["", "smtp_security = \"starttls\""] {
        let servers = Servers::start();
        let whole = Whole::start(&servers, more);
        let first = whole.sends("ann@shop.test", "Your order is ready. Grüße");
        let other = whole.sends("ann@shop.test", "Your invoice is ready.");
        whole.stands(&first, "sent");
        whole.stands(&other, "sent");
        let letters = servers.until("both letters", || {
            Some(servers.letters("ann@shop.test")).filter(|letters| letters.len() == 2)
        });
        let own = letters.iter().find(|letter| letter.contains("order")).expect("the first");
        let (id, back) = (header(own, "Message-ID"), header(own, "Reply-To"));
        assert!(back.starts_with("support+") && back.ends_with("@branch.test"), "{back}");
        assert_eq!(
            (header(own, "From"), header(own, "To")),
            ("Branch <support@branch.test>".into(), "ann@shop.test".into())
        );
        assert!(own.contains("-- ") || own.contains("--=20"), "{own}");
        let conversation = |message: &str| {
            let (_, own) = whole.api("GET", &format!("/messages/{message}"), None);
            text(&own["conversation"])
        };
        // By its names, by its address alone, and by nothing but a name in the middle of others.
        for (number, (to, headers)) in [
            ("support@branch.test", format!("In-Reply-To: {id}")),
            (back.as_str(), "In-Reply-To: Your message of Monday".to_owned()),
            (back.as_str(), "In-Reply-To: <else@where.test>".to_owned()),
            (
                "support@branch.test",
                format!("References: <else@where.test> {id} <more@where.test>"),
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let words = format!("Answer {number}");
            let letter = format!(
                "From: ann@shop.test\nTo: {to}\nMessage-ID: <r{number}@shop.test>\n{headers}\n\n{words}\n"
            );
            servers.swaks("ann@shop.test", to, &letter);
            let (talk, message) = whole.says(&words);
            assert_eq!(text(&message["answers"]), first, "{headers}");
            assert_eq!(talk, conversation(&first), "{headers}");
        }
    }
}

#[test]
fn what_a_server_refuses_or_sends_back_has_failed() {
    let servers = Servers::start();
    let whole = Whole::start(&servers, "");
    let refused = whole.stands(&whole.sends("nobody@shop.test", "hello"), "failed");
    assert!(
        refused.to_string().contains("550 5.1.1") && refused.to_string().contains("address"),
        "{refused}"
    );
    let message = whole.sends("somebody@gone.test", "hello");
    // Postfix takes it, and finds out later that it would go in circles.
    let back = whole.stands(&message, "failed");
    assert_eq!(
        (text(&back["code"]), text(&back["fault"])),
        ("5.4.0".into(), "network".into()),
        "{back}"
    );
    // The report is no letter of anybody's.
    assert_eq!(whole.written().len(), 0);
    servers.until("the mark", || (servers.marks("support@branch.test", "") == ["S"]).then_some(()));
}

/// A program that Postfix asks: it says nothing until it is told to.
struct Policy(TcpListener);

impl Policy {
    fn new() -> (Policy, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        (Policy(listener), port)
    }

    /// Waits to be asked.
    fn asked(&self) -> std::net::TcpStream {
        let (mut stream, _) = self.0.accept().expect("Postfix asks");
        let (mut text, mut byte) = (Vec::new(), [0]);
        while !text.ends_with(b"\n\n") {
            stream.read_exact(&mut byte).expect("a question");
            text.push(byte[0]);
        }
        stream
    }

    /// Says yes, as often as it is asked.
    fn agree(self) {
        std::thread::spawn(move || {
            loop {
                let mut stream = self.asked();
                let _ = stream.write_all(b"action=DUNNO\n\n");
            }
        });
    }
}

#[test]
fn a_letter_whose_end_was_sent_and_not_answered_is_unknown_and_never_sent_again() {
    let (policy, port) = Policy::new();
    let servers = Servers::start_with(Some((port, "smtpd_end_of_data_restrictions")));
    let whole = Whole::start(&servers, "");
    let message = whole.sends("ann@shop.test", "Is it there?");
    let _asked = policy.asked();
    servers.kill_smtpd();
    whole.stands(&message, "unknown");
    policy.agree();
    let next = whole.sends("ann@shop.test", "The next one");
    whole.stands(&next, "sent");
    servers.until("the next", || (servers.letters("ann@shop.test").len() == 1).then_some(()));
    whole.stands(&message, "unknown");
    assert!(servers.letters("ann@shop.test")[0].contains("The next one"));
}

#[test]
fn a_letter_of_which_nothing_was_sent_goes_again_by_itself() {
    let (policy, port) = Policy::new();
    let servers = Servers::start_with(Some((port, "smtpd_recipient_restrictions")));
    let whole = Whole::start(&servers, "");
    let message = whole.sends("ann@shop.test", "Once");
    let asked = policy.asked();
    servers.kill_smtpd();
    drop(asked);
    policy.agree();
    whole.stands(&message, "sent");
    let letters = servers.until("the letter", || {
        Some(servers.letters("ann@shop.test")).filter(|all| !all.is_empty())
    });
    assert_eq!(letters.len(), 1);
}

#[test]
fn letters_wait_for_a_server_that_is_away() {
    let servers = Servers::start();
    let whole = Whole::start(&servers, "");
    servers.stop_postfix();
    let message = whole.sends("ann@shop.test", "In a while");
    let words = whole.until("the lamp", || Some(whole.lamp()).filter(|(lamp, _)| lamp == "red")).1;
    assert!(words.contains("letters cannot be sent"), "{words}");
    servers.start_postfix();
    whole.stands(&message, "sent");
    whole.until("the lamp", || (whole.lamp().0 == "green").then_some(()));
    servers.until("the letter", || (servers.letters("ann@shop.test").len() == 1).then_some(()));
}
