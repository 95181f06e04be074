//! Peers that mean no good, by hand on a socket.

use std::time::{Duration, Instant};

use branchline::smpp::codec::Command;
use branchline::smpp::pdu::{Address, Bind, BindKind, Message, Pdu, Text};
use branchline::smpp::session::Limits;
use branchline::smpp::status::Status;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::peers::{Centre, LONG};

fn octets(sequence: u32, pdu: Pdu) -> BytesMut {
    let mut out = BytesMut::new();
    Command::new(Status::OK, sequence, pdu).write(&mut out);
    out
}

fn submit(to: u32) -> Pdu {
    let to = Address::of(&format!("+1555{to:04}"));
    Pdu::Submit(Box::new(Message {
        to,
        short_message: Bytes::from_static(b"x"),
        ..Message::default()
    }))
}

async fn answer(stream: &mut TcpStream) -> Command {
    let mut head = [0; 4];
    timeout(LONG, stream.read_exact(&mut head)).await.expect("in time").expect("an answer");
    let mut frame = head.to_vec();
    frame.resize(u32::from_be_bytes(head) as usize, 0);
    stream.read_exact(&mut frame[4..]).await.expect("all of it");
    Command::read(&frame.into()).expect("a PDU")
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.expect("it listens")
}

async fn bound(port: u16) -> TcpStream {
    let mut stream = connect(port).await;
    let bind = Bind {
        kind: BindKind::Transceiver,
        system_id: Text::from("shop"),
        password: Text::from("secret"),
        system_type: Text::default(),
        version: 0x34,
        range: Address::default(),
    };
    stream.write_all(&octets(1, Pdu::Bind(bind))).await.expect("written");
    assert_eq!(answer(&mut stream).await.status, Status::OK);
    stream
}

/// How long until the other side closes.
async fn closed(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut rest)).await.expect("it is closed");
    start.elapsed()
}

fn hasty() -> Limits {
    let soon = Duration::from_millis(400);
    Limits { bind: soon, pdu: soon, ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_drips_octets_is_let_go_and_others_are_served() {
    let mut centre = Centre::open(hasty(), None, None).await;
    let mut slow = bound(centre.port).await;
    let whole = octets(2, submit(1));
    let (mut good, dripping) = (bound(centre.port).await, async move {
        for octet in whole.iter() {
            if slow.write_all(&[*octet]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        closed(&mut slow).await
    });
    let dripping = tokio::spawn(dripping);
    good.write_all(&octets(2, submit(2))).await.expect("written");
    centre.take("g-1").await;
    assert_eq!(answer(&mut good).await.status, Status::OK);
    timeout(LONG, dripping).await.expect("it is let go").expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_never_binds_is_let_go() {
    let centre = Centre::open(hasty(), None, None).await;
    let mut silent = connect(centre.port).await;
    assert!(closed(&mut silent).await < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_refused_before_they_come() {
    let centre = Centre::plain().await;
    let mut stream = bound(centre.port).await;
    let head = [10_000_000u32.to_be_bytes(), 4u32.to_be_bytes(), [0; 4], 7u32.to_be_bytes()];
    stream.write_all(&head.concat()).await.expect("written");
    let refused = answer(&mut stream).await;
    assert_eq!(refused.status, Status::INVALID_COMMAND_LENGTH);
    assert_eq!((refused.sequence, refused.pdu), (7, Pdu::GenericNack));
    closed(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_is_answered_and_what_was_taken_stays() {
    let limits = Limits { theirs: 8, ..Limits::default() };
    let mut centre = Centre::open(limits, None, None).await;
    let mut stream = bound(centre.port).await;
    let all: Vec<u8> =
        (0..20).flat_map(|number| octets(10 + number, submit(number)).to_vec()).collect();
    stream.write_all(&all).await.expect("written");
    for _ in 0..12 {
        let refused = answer(&mut stream).await;
        assert_eq!(refused.status, Status::QUEUE_FULL);
        assert!(refused.sequence >= 18, "the first eight wait");
    }
    for number in 0..8 {
        centre.take(&format!("w-{number}")).await;
        assert_eq!(answer(&mut stream).await.status, Status::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_asks_and_never_listens_costs_little() {
    let limits = Limits { pdu: Duration::from_secs(2), ..Limits::default() };
    let centre = Centre::open(limits, None, None).await;
    let stream = bound(centre.port).await;
    let many: Vec<u8> = octets(9, Pdu::EnquireLink).repeat(4_000);
    let (mut reader, mut writer) = stream.into_split();
    let mut sent = 0usize;
    // It stops taking questions, and then ends the link.
    let flood = async {
        while writer.write_all(&many).await.is_ok() {
            sent += many.len();
        }
    };
    timeout(LONG, flood).await.expect("it ends");
    assert!(sent < 64 << 20, "{sent} octets were taken");
    let mut rest = Vec::new();
    let _ = timeout(LONG, reader.read_to_end(&mut rest)).await;
    assert!(centre.server.size().1 <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_gets_no_more_connections_than_its_share() {
    let centre = Centre::plain().await;
    let mut streams = Vec::new();
    for _ in 0..40 {
        streams.push(connect(centre.port).await);
    }
    let start = Instant::now();
    while centre.server.refused() < 20 {
        assert!(start.elapsed() < LONG, "{} refused", centre.server.refused());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(centre.server.size(), (20, 0));
}
