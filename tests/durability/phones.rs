//! Phones that register and unregister as fast as they are answered, and remember what they were promised.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use branchline::random::Random;
use branchline::sip::auth::{Credentials, Secret};
use branchline::sip::endpoint::{ClientKey, Endpoint, Event, Invite, Output, Settings};
use branchline::sip::flow::{ConnectionId, Flow, Route};
use branchline::sip::message::{Headers, Method, Request, Transport};
use branchline::sip::sdp::{Codec, Direction, Origin, audio_offer};
use branchline::sip::uri::{Host, NameAddr, Uri};
use branchline::time::{Now, UnixTime};

use crate::site::{EXTENSIONS, PASSWORD};

/// Whether the branch answers a probe within a moment.
pub fn answers(branch: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let own = socket.local_addr().unwrap();
    let probe = format!(
        "OPTIONS sip:{branch} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{}\r\nFrom: <sip:probe@{own}>;tag=p\r\n\
         To: <sip:{branch}>\r\nCall-ID: {own}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        own.port(),
    );
    let _ = socket.send_to(probe.as_bytes(), branch);
    let mut buffer = [0; 2_048];
    socket.recv(&mut buffer).is_ok_and(|count| buffer[..count].starts_with(b"SIP/2.0 200"))
}

/// What is known of one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// The branch said that it is kept.
    Kept,
    /// The branch said that it is gone.
    Gone,
    /// It was asked for and not answered: either is right.
    Open,
}

/// All phones, and a carrier that calls.
pub struct Phones {
    socket: UdpSocket,
    branch: SocketAddr,
    endpoint: Endpoint,
    random: Random,
    asked: BTreeMap<ClientKey, (String, bool)>,
    /// By extension and Contact.
    pub promises: BTreeMap<String, Promise>,
    /// Registrations and unregistrations that were answered.
    pub answered: usize,
    /// Calls that were answered.
    pub talked: usize,
}

pub fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
    Now { instant: Instant::now(), unix: UnixTime(unix) }
}

impl Phones {
    pub fn new(branch: SocketAddr, seed: u64) -> Phones {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut random = Random::from_number(seed);
        Phones {
            socket,
            branch,
            endpoint: Endpoint::new(Settings::default(), random.fork()),
            random,
            asked: BTreeMap::new(),
            promises: BTreeMap::new(),
            answered: 0,
            talked: 0,
        }
    }

    /// Talks to another branch, or to the same one after it was started again. What was not answered stays open.
    pub fn turn_to(&mut self, branch: SocketAddr) {
        self.branch = branch;
        self.endpoint = Endpoint::new(Settings::default(), self.random.fork());
        self.asked.clear();
        // Answers of the branch before it died may still be in the socket.
        self.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    }

    /// Registers, unregisters and calls for `span`.
    pub fn go(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            while self.asked.len() < 8 {
                self.ask();
            }
            if self.random.below(20) == 0 {
                self.call();
            }
            self.turn();
        }
    }

    /// Waits until all that was asked is answered.
    pub fn settle(&mut self) {
        let until = Instant::now() + Duration::from_secs(10);
        while !self.asked.is_empty() {
            assert!(Instant::now() < until, "{} requests were never answered", self.asked.len());
            self.turn();
        }
    }

    /// One registration, or the end of one.
    fn ask(&mut self) {
        let user = 300 + self.random.below(EXTENSIONS.into());
        // Fewer Contacts than an extension may have.
        let contact = format!("<sip:{user}@127.0.0.1:{}>", 40_000 + self.random.below(8));
        let name = format!("{user} {contact}");
        if self.asked.values().any(|(asked, _)| *asked == name) {
            return self.turn();
        }
        let ends = self.promises.get(&name) == Some(&Promise::Kept) && self.random.below(3) == 0;
        let aor = format!("<sip:{user}@{}>", self.branch);
        let host = Host::Ip(self.branch.ip());
        let mut request =
            Request::new(Method::REGISTER, Uri::sip(None, host, Some(self.branch.port())));
        for (header, value) in [
            ("From", aor.clone()),
            ("To", aor),
            ("Contact", contact),
            ("Expires", if ends { "0" } else { "3600" }.to_owned()),
        ] {
            request.headers.push(header, value).unwrap();
        }
        let credentials = Credentials {
            username: user.to_string(),
            secret: Secret::plain(PASSWORD),
            realm: None,
        };
        let own = self.socket.local_addr().unwrap();
        let route = Route::Address { transport: Transport::Udp, peer: self.branch };
        self.promises.insert(name.clone(), Promise::Open);
        let key = self.endpoint.request(now(), route, own, request, Some(credentials));
        self.asked.insert(key, (name, ends));
        self.flush();
    }

    /// A call from the carrier, which is left up.
    fn call(&mut self) {
        let own = self.socket.local_addr().unwrap();
        let host = |address: SocketAddr| (Host::Ip(address.ip()), Some(address.port()));
        let (to, port) = host(self.branch);
        let uri = Uri::sip(Some("+15550100"), to, port);
        let (from, port) = host(own);
        let offer = audio_offer(
            Origin::new(1, 1, own.ip()),
            own.ip(),
            9_000,
            &[Codec::pcmu()],
            None,
            Direction::SendRecv,
        );
        let invite = Invite {
            route: Route::Address { transport: Transport::Udp, peer: self.branch },
            local: own,
            to: NameAddr::new(uri.clone()),
            uri,
            from: NameAddr::new(Uri::sip(Some("+15557654321"), from, port)),
            headers: Headers::default(),
            sdp: Some(offer),
            beside: None,
            credentials: None,
            reliable: Default::default(),
        };
        self.endpoint.invite(now(), invite);
        self.flush();
    }

    /// Reads what has arrived.
    fn turn(&mut self) {
        let mut buffer = [0; 8_192];
        if let Ok((count, peer)) = self.socket.recv_from(&mut buffer) {
            let local = self.socket.local_addr().unwrap();
            let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
            self.endpoint.handle_received(now(), flow, &buffer[..count]);
        }
        self.endpoint.handle_timeout(now());
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Send { bytes, .. } => {
                    // A branch that is down refuses; the request is repeated.
                    let _ = self.socket.send_to(&bytes, self.branch);
                }
                Output::Event(Event::Response { key, response }) => {
                    let Some((name, ends)) = self.asked.remove(&key) else { continue };
                    assert_eq!(response.status.code(), 200, "{name}");
                    self.answered += 1;
                    self.promises.insert(name, if ends { Promise::Gone } else { Promise::Kept });
                }
                // Calls are ended now and then, so that there are records.
                Output::Event(Event::Answered { session, .. }) => {
                    self.talked += 1;
                    if self.random.below(2) == 0 {
                        self.endpoint.hang_up(now(), session, None);
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    /// Checks what was promised against the bindings that a branch has.
    pub fn compare(&mut self, live: &branchline::journal::live::Live, what: &str) {
        for (name, promise) in &mut self.promises {
            let (user, contact) = name.split_once(' ').unwrap();
            let contact = contact.trim_matches(['<', '>']);
            let kept = live
                .bindings
                .get(user)
                .is_some_and(|phones| phones.iter().any(|(known, _)| known.contains(contact)));
            match promise {
                Promise::Kept => assert!(kept, "{what}: {name} was acknowledged and is lost"),
                Promise::Gone => assert!(!kept, "{what}: {name} was taken back and is there again"),
                Promise::Open => *promise = if kept { Promise::Kept } else { Promise::Gone },
            }
        }
    }
}
