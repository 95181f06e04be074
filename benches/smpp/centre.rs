//! The other end: a message centre and an application that do nothing but answer, with blocking sockets on threads of
//! their own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use branchline::smpp::codec::Command;
use branchline::smpp::frame::{Framer, LONGEST};
use branchline::smpp::pdu::{Message, Named, Pdu, RECEIPT, Text};
use branchline::smpp::receipt::{Receipt, State};
use branchline::smpp::status::Status;
use branchline::smpp::tlv::Tlvs;
use branchline::time::UnixTime;
use bytes::{Bytes, BytesMut};

/// A message centre.
pub struct Centre {
    pub port: u16,
    counts: Arc<Counts>,
}

/// What it has seen.
#[derive(Default)]
pub struct Counts {
    /// `submit_sm` answered.
    pub submitted: AtomicU64,
    /// Answers to its `deliver_sm`.
    pub delivered: AtomicU64,
}

impl Centre {
    /// Takes one application; once it has bound, sends it so many messages, and a receipt for each of its own.
    pub fn start(window: usize, messages: u64) -> Centre {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("its address").port();
        let counts = Arc::new(Counts::default());
        let counting = counts.clone();
        thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let counts = counting.clone();
                thread::spawn(move || Serving::new(stream, window, messages, counts).run());
            }
        });
        Centre { port, counts }
    }

    /// Waits until one of the counts is at `many`.
    pub fn wait(&self, many: u64, count: fn(&Counts) -> &AtomicU64) {
        let start = Instant::now();
        while count(&self.counts).load(Ordering::Relaxed) < many {
            assert!(start.elapsed() < Duration::from_secs(120), "it comes to an end");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

struct Serving {
    stream: TcpStream,
    framer: Framer,
    out: BytesMut,
    window: usize,
    messages: u64,
    sent: u64,
    waiting: usize,
    receipts: Vec<Pdu>,
    sequence: u32,
    bound: bool,
    counts: Arc<Counts>,
}

impl Serving {
    fn new(stream: TcpStream, window: usize, messages: u64, counts: Arc<Counts>) -> Serving {
        let _ = stream.set_nodelay(true);
        Serving {
            stream,
            framer: Framer::new(LONGEST),
            out: BytesMut::new(),
            window,
            messages,
            sent: 0,
            waiting: 0,
            receipts: Vec::new(),
            sequence: 0,
            bound: false,
            counts,
        }
    }

    fn run(mut self) {
        let mut piece = vec![0; 64 << 10];
        while let Ok(taken @ 1..) = self.stream.read(&mut piece) {
            let at = Instant::now();
            self.framer.push(at, &piece[..taken]);
            while let Ok(Some(frame)) = self.framer.next(at) {
                self.handle(Command::read(&frame).expect("a PDU"));
            }
            self.fill();
            if self.stream.write_all(&self.out.split()).is_err() {
                return;
            }
        }
    }

    fn handle(&mut self, command: Command) {
        let Command { sequence, pdu, .. } = command;
        let answer = match pdu {
            Pdu::Bind(bind) => {
                self.bound = true;
                Pdu::BindResp(bind.kind, Text::from("centre"), Tlvs::default())
            }
            Pdu::EnquireLink => Pdu::EnquireLinkResp,
            Pdu::Unbind => Pdu::UnbindResp,
            Pdu::Submit(message) => {
                let id = self.counts.submitted.fetch_add(1, Ordering::Relaxed) + 1;
                if message.wants_receipt() {
                    self.receipts.push(receipt(&message, id));
                }
                Pdu::SubmitResp(Named {
                    id: Text::from(id.to_string().as_str()),
                    ..Named::default()
                })
            }
            Pdu::DeliverResp(_) => {
                self.waiting -= 1;
                self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                return;
            }
            _ => return,
        };
        Command::new(Status::OK, sequence, answer).write(&mut self.out);
    }

    /// As much as its window lets it send.
    fn fill(&mut self) {
        while self.bound && self.waiting < self.window {
            let pdu = match self.receipts.pop() {
                Some(receipt) => receipt,
                None if self.sent < self.messages => {
                    self.sent += 1;
                    Pdu::Deliver(Box::new(Message {
                        registered_delivery: 0,
                        ..crate::message(self.sent)
                    }))
                }
                None => return,
            };
            self.waiting += 1;
            self.sequence += 1;
            Command::new(Status::OK, self.sequence, pdu).write(&mut self.out);
        }
    }
}

/// What a message centre says when a message is delivered.
pub fn receipt(message: &Message, id: u64) -> Pdu {
    let done = UnixTime(1_700_000_000_000_000);
    let (id, error) = (id.to_string(), String::new());
    let receipt =
        Receipt { id, state: State::Delivered, error, done: Some(done), intermediate: false };
    let short_message = Bytes::from(receipt.text(done, "Your appointment").into_bytes());
    let (from, to) = (message.to.clone(), message.from.clone());
    let tlvs = receipt.tlvs();
    Pdu::Deliver(Box::new(Message {
        esm_class: RECEIPT,
        from,
        to,
        short_message,
        tlvs,
        ..Message::default()
    }))
}

/// An application: sends so many messages with its window full, and takes their receipts.
pub fn application(port: u16, window: usize, messages: u64) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let _ = stream.set_nodelay(true);
    let (mut framer, mut out, mut piece) =
        (Framer::new(LONGEST), BytesMut::new(), vec![0; 64 << 10]);
    Command::new(Status::OK, 1, Pdu::Bind(crate::bind("shop"))).write(&mut out);
    let (mut sequence, mut sent, mut waiting, mut receipts) = (1, 0, 0, 0);
    let mut bound = false;
    loop {
        while bound && sent < messages && waiting < window {
            (sequence, sent, waiting) = (sequence + 1, sent + 1, waiting + 1);
            let pdu = Pdu::Submit(Box::new(crate::message(sent)));
            Command::new(Status::OK, sequence, pdu).write(&mut out);
        }
        stream.write_all(&out.split()).expect("it listens");
        if receipts == messages {
            return;
        }
        let taken = stream.read(&mut piece).expect("it goes on");
        let at = Instant::now();
        framer.push(at, &piece[..taken]);
        while let Ok(Some(frame)) = framer.next(at) {
            let command = Command::read(&frame).expect("a PDU");
            match command.pdu {
                Pdu::BindResp(..) => bound = true,
                Pdu::SubmitResp(_) => waiting -= 1,
                Pdu::Deliver(_) => {
                    receipts += 1;
                    let answer = Pdu::DeliverResp(Named::default());
                    Command::new(Status::OK, command.sequence, answer).write(&mut out);
                }
                _ => {}
            }
        }
    }
}
