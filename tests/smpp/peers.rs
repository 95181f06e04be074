//! What every test starts: a message centre of ours, a link of ours, and a program of somebody else's.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use branchline::driver::smpp::{
    FromApplication, Link, Listener, Order, Password, Server, Tls, Told, link,
};
use branchline::random::Random;
use branchline::smpp::client::{Host, Settings};
use branchline::smpp::desk::{Account, LinkId};
use branchline::smpp::pdu::{Address, Bind, BindKind, Message, Named, Pdu, Text};
use branchline::smpp::session::{Handle, Limits, Senders, Sending, Ticket};
use branchline::smpp::status::Status;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long anything may take: some of them start slowly.
pub const LONG: Duration = Duration::from_secs(60);

/// Where tests/run puts them.
pub fn tools() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/smpp");
    std::env::var_os("BRANCHLINE_SMPP").map_or_else(|| PathBuf::from(own), PathBuf::from)
}

fn beside(name: &str) -> String {
    format!("{}/tests/smpp/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("its address").port()
}

/// A program that says what happens in lines of JSON, and does what it is told in the same way. It ends with the test.
pub struct Program {
    process: Child,
    orders: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<Value>,
    seen: Vec<Value>,
}

impl Program {
    pub fn node(args: &[&str]) -> Program {
        Program::start(
            Command::new("node").arg(beside("peer.js")).args(args).env("SMPP_TOOLS", tools()),
        )
    }

    pub fn python(script: &str, args: &[&str]) -> Program {
        let python = tools().join("python/bin/python3");
        let mut command = Command::new(python);
        Program::start(command.arg(beside(script)).args(args).env("PYTHONDONTWRITEBYTECODE", "1"))
    }

    pub fn perl(args: &[&str]) -> Program {
        Program::start(Command::new("perl").arg(beside("net_smpp.pl")).args(args))
    }

    fn start(command: &mut Command) -> Program {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs; tests/run installs it");
        let output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let (says, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    let _ = says.send(value);
                }
            }
        });
        let orders = process.stdin.take();
        Program { process, orders, lines, seen: Vec::new() }
    }

    pub fn order(&mut self, order: Value) {
        let orders = self.orders.as_mut().expect("it listens");
        writeln!(orders, "{order}").expect("it listens");
    }

    /// The next thing of that kind.
    // An `async fn` would not say whose line it was.
    #[allow(clippy::manual_async_fn)]
    #[track_caller]
    pub fn event(&mut self, event: &str) -> impl Future<Output = Value> {
        async move {
            let found = timeout(LONG, async {
                loop {
                    let value = self.lines.recv().await.expect("it goes on");
                    if value["event"] == event {
                        return value;
                    }
                    self.seen.push(value);
                }
            });
            found.await.unwrap_or_else(|_| panic!("no {event}"))
        }
    }

    /// Whether something of that kind was said and nobody waited for it.
    pub fn has_seen(&self, event: &str) -> bool {
        self.seen.iter().any(|value| value["event"] == event)
    }

    /// The text of so many `submit_sm`, in their order.
    pub async fn text_in_parts(&mut self, parts: u64) -> String {
        self.text_of("submit_sm", parts).await
    }

    /// The text of so many `deliver_sm`, in their order.
    pub async fn text_delivered(&mut self, parts: u64) -> String {
        self.text_of("deliver_sm", parts).await
    }

    async fn text_of(&mut self, event: &str, parts: u64) -> String {
        let mut all = Vec::new();
        for _ in 0..parts {
            let value = self.event(event).await;
            let udh = value["udh"].as_str().expect("a header").to_owned();
            all.push((udh, value["text"].as_str().expect("text").to_owned()));
        }
        all.sort();
        all.into_iter().map(|(_, text)| text).collect()
    }

    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A message centre of ours that knows the application `shop`.
pub struct Centre {
    pub server: Server,
    told: mpsc::Receiver<FromApplication>,
    pub port: u16,
    tickets: u64,
}

impl Centre {
    pub async fn open(
        limits: Limits,
        rate: Option<u32>,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Centre {
        let tls = tls.map(|tls| Tls::new(move || tls.clone()));
        let account = Account {
            system_id: "shop".into(),
            networks: vec![branchline::address::Network::parse("127.0.0.0/8").expect("a network")],
            kinds: vec![BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver],
            most: 4,
            rate,
            window: 1_000,
            senders: Senders::Any,
        };
        let accounts = vec![(account, Password::of_file("secret"))];
        let (server, told) = Server::new("branch", limits, accounts, Random::from_number(1));
        let address = "127.0.0.1:0".parse().expect("an address");
        let (local, accept) = server.listen(Listener { address, tls }).await.expect("a port");
        tokio::spawn(accept);
        Centre { server, told, port: local.port(), tickets: 0 }
    }

    pub async fn plain() -> Centre {
        Centre::open(Limits::default(), None, None).await
    }

    pub async fn next(&mut self) -> FromApplication {
        timeout(LONG, self.told.recv()).await.expect("in time").expect("it goes on")
    }

    pub async fn bound(&mut self) -> LinkId {
        loop {
            let from = self.next().await;
            if let Told::Up(..) = from.told {
                return from.link;
            }
        }
    }

    /// The next message, unanswered.
    pub async fn message(&mut self) -> (LinkId, Handle, Message) {
        loop {
            let from = self.next().await;
            if let Told::Asked(handle, pdu) = from.told {
                return (from.link, handle, pdu.message().expect("a message").clone());
            }
        }
    }

    pub fn accept(&self, link: LinkId, handle: Handle, id: &str) {
        let named = Named { id: Text::from(id), ..Named::default() };
        self.server.answer(link, handle, Status::OK, Some(Pdu::SubmitResp(named)));
    }

    /// The next message, taken under this name.
    pub async fn take(&mut self, id: &str) -> Message {
        let (link, handle, message) = self.message().await;
        self.accept(link, handle, id);
        message
    }

    pub fn deliver(&mut self, message: Message) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let pdu = Pdu::Deliver(Box::new(message));
        self.server.send("shop", Sending { ticket, pdu, until: None }).expect("it is bound");
        ticket
    }

    pub async fn fate(&mut self) -> Told {
        loop {
            let from = self.next().await;
            if let Told::Fate(..) = from.told {
                return from.told;
            }
        }
    }
}

fn hosts(ports: &[u16], tls: bool) -> Vec<Host> {
    ports.iter().map(|port| Host { name: "127.0.0.1".into(), port: *port, tls }).collect()
}

/// A link of ours to a carrier.
pub fn to_carrier(port: u16, limits: Limits, tls: Option<Arc<rustls::ClientConfig>>) -> Link {
    let hosts = hosts(&[port], tls.is_some());
    start(hosts, limits, tls)
}

/// The same to one that has several hosts.
pub fn to_carriers(ports: &[u16], limits: Limits) -> Link {
    start(hosts(ports, false), limits, None)
}

fn start(hosts: Vec<Host>, limits: Limits, tls: Option<Arc<rustls::ClientConfig>>) -> Link {
    let bind = Bind {
        kind: BindKind::Transceiver,
        system_id: Text::from("branch"),
        password: Text::from("secret"),
        system_type: Text::default(),
        version: 0x34,
        range: Address::default(),
    };
    let (link, task) = link(Settings { hosts, bind, limits }, tls, Random::from_number(2));
    tokio::spawn(task);
    link
}

pub async fn told(link: &mut Link) -> Told {
    timeout(LONG, link.told.recv()).await.expect("in time").expect("it goes on")
}

pub async fn up(link: &mut Link) {
    while !matches!(told(link).await, Told::Up(..)) {}
}

pub async fn submit(link: &Link, ticket: u64, message: Message) {
    let pdu = Pdu::Submit(Box::new(message));
    let sending = Sending { ticket: Ticket(ticket), pdu, until: None };
    link.orders.send(Order::Send(sending)).await.expect("it runs");
}

pub fn message(from: &str, to: &str) -> Message {
    Message {
        from: Address::of(from),
        to: Address::of(to),
        registered_delivery: 1,
        ..Message::default()
    }
}
