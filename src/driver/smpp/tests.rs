//! Our client against our server over loopback; other people's programs are in `tests/smpp`.

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::*;
use crate::random::Random;
use crate::smpp::client::{Host, Settings};
use crate::smpp::desk::Account;
use crate::smpp::pdu::{Address, Bind, Message, Named, Text};
use crate::smpp::session::{Limits, Senders, Unsent};

const LONG: Duration = Duration::from_secs(20);

fn account() -> Account {
    Account {
        system_id: "shop".into(),
        networks: Vec::new(),
        kinds: vec![BindKind::Transceiver],
        most: 1,
        rate: None,
        window: 100,
        senders: Senders::Any,
    }
}

fn settings(port: u16, password: &str) -> Settings {
    let bind = Bind {
        kind: BindKind::Transceiver,
        system_id: Text::from("shop"),
        password: Text::from(password),
        system_type: Text::default(),
        version: 0x34,
        range: Address::default(),
    };
    let hosts = vec![Host { name: "127.0.0.1".into(), port, tls: false }];
    Settings { hosts, bind, limits: Limits::default() }
}

fn submit(ticket: u64, to: &str) -> Order {
    let short_message = Bytes::from_static(b"hello");
    let message = Message { to: Address::of(to), short_message, ..Message::default() };
    let pdu = Pdu::Submit(Box::new(message));
    Order::Send(Sending { ticket: Ticket(ticket), pdu, until: None })
}

async fn server() -> (Server, Receiver<FromApplication>, u16) {
    let accounts = vec![(account(), Password::of_file("secret\n"))];
    let (server, told) = Server::new("box", Limits::default(), accounts, Random::from_number(1));
    let address = "127.0.0.1:0".parse().expect("an address");
    let (local, accept) =
        server.listen(Listener { address, tls: None }).await.expect("a free port");
    tokio::spawn(accept);
    (server, told, local.port())
}

async fn next<T>(told: &mut Receiver<T>) -> T {
    timeout(LONG, told.recv()).await.expect("in time").expect("it goes on")
}

#[tokio::test]
async fn a_message_goes_over_and_its_receipt_comes_back() {
    let (server, mut applications, port) = server().await;
    let (mut link, task) = link(settings(port, "secret"), None, Random::from_number(2));
    let running = tokio::spawn(task);
    assert_eq!(next(&mut link.told).await, Told::Up(BindKind::Transceiver, "box".into()));
    let up = next(&mut applications).await;
    assert_eq!((&*up.system_id, up.told), ("shop", Told::Up(BindKind::Transceiver, "shop".into())));

    link.orders.send(submit(7, "+15550101")).await.expect("it runs");
    let asked = next(&mut applications).await;
    let Told::Asked(handle, pdu) = asked.told else { panic!("{asked:?}") };
    assert_eq!(pdu.message().expect("a message").octets(), "hello");
    let named = Named { id: Text::from("m1"), ..Named::default() };
    server.answer(asked.link, handle, Status::OK, Some(Pdu::SubmitResp(named)));
    match next(&mut link.told).await {
        Told::Fate(Ticket(7), Fate::Answered(Status::OK, pdu)) => {
            assert_eq!(pdu.id(), Some(&Text::from("m1")));
        }
        other => panic!("{other:?}"),
    }

    let receipt = Pdu::Deliver(Box::default());
    let sending = Sending { ticket: Ticket(8), pdu: receipt, until: None };
    server.send("shop", sending).expect("it is bound");
    let Told::Asked(handle, _) = next(&mut link.told).await else { panic!("no receipt") };
    link.orders.send(Order::Answer(handle, Status::OK, None)).await.expect("it runs");
    let fate = next(&mut applications).await.told;
    assert!(matches!(fate, Told::Fate(Ticket(8), Fate::Answered(Status::OK, _))), "{fate:?}");

    link.orders.send(Order::Stop).await.expect("it runs");
    timeout(LONG, running).await.expect("it ends").expect("without a panic");
    assert!(matches!(next(&mut applications).await.told, Told::Down(..)));
}

#[tokio::test]
async fn a_wrong_password_and_a_second_link_are_refused() {
    let (server, _applications, port) = server().await;
    let (mut wrong, task) = link(settings(port, "guess"), None, Random::from_number(2));
    tokio::spawn(task);
    let refused = next(&mut wrong.told).await;
    assert!(
        matches!(refused, Told::Down(Down::Ended(_), Some(wait)) if wait > Duration::from_secs(60)),
        "{refused:?}"
    );
    let (mut first, task) = link(settings(port, "secret"), None, Random::from_number(3));
    tokio::spawn(task);
    assert!(matches!(next(&mut first.told).await, Told::Up(..)));
    let (mut second, task) = link(settings(port, "secret"), None, Random::from_number(4));
    tokio::spawn(task);
    assert!(matches!(next(&mut second.told).await, Told::Down(..)));
    assert_eq!(server.size().1, 1);
}

#[tokio::test]
async fn a_server_that_stops_unbinds_and_what_is_sent_then_is_away() {
    let (server, _applications, port) = server().await;
    let (mut link, task) = link(settings(port, "secret"), None, Random::from_number(2));
    tokio::spawn(task);
    assert!(matches!(next(&mut link.told).await, Told::Up(..)));
    server.stop();
    assert!(matches!(next(&mut link.told).await, Told::Down(..)));
    link.orders.send(submit(1, "+15550101")).await.expect("it runs");
    let fate = loop {
        if let Told::Fate(_, fate) = next(&mut link.told).await {
            break fate;
        }
    };
    assert_eq!(fate, Fate::NotSent(Unsent::Away));
}

#[test]
fn a_password_is_proved_as_its_file_has_it() {
    let hash = crate::admin::access::password::hash("hunter2hunter2", &[7; 16]).expect("memory");
    for file in ["hunter2hunter2\n", hash.as_str()] {
        let kept = Password::of_file(file);
        assert!(kept.matches(&Text::from("hunter2hunter2")));
        assert!(!kept.matches(&Text::from("hunter2hunter3")));
        assert!(!format!("{kept:?}").contains("hunter"));
    }
}
