//! A small phone on loopback, for the demo and for rehearsals: registers, calls, answers, sends one tone and listens for others.
//!
//! Speaks SIP through the same sans-IO endpoint as the gateway, on sockets of its own; does its own RTP, so that what
//! it hears was carried by the gateway. One thread drives all phones of the demo.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use crate::cli::demo::ear::{Ear, Mouth};
use crate::driver::clock;
use crate::random::Random;
use crate::sip::auth::{Credentials, Secret};
use crate::sip::endpoint::{Endpoint, Event, Invite, Output, SessionId, Settings};
use crate::sip::flow::{ConnectionId, Flow, Route};
use crate::sip::message::{Headers, Method, Request, Status, Transport};
use crate::sip::reliable::Policy;
use crate::sip::sdp::{self, Codec, Direction, SessionDescription};
use crate::sip::uri::{Host, NameAddr, Uri};

/// The payload type our offers give to telephone-events (RFC 4733).
const DTMF: u8 = 101;

/// What a phone noticed.
#[derive(Debug, Clone, PartialEq)]
pub enum Noticed {
    /// The registrar said yes.
    Registered,
    /// The registrar or the called party said no.
    Refused(u16),
    /// It rings at the called party's.
    Ringing,
    /// It rings here.
    Rings,
    /// The call is up.
    Answered,
    /// Sound other than silence arrived for the first time in this call.
    Sound,
    /// A steady tone was heard for half a second; in hertz.
    Tone(u32),
    /// The call is over.
    Ended,
}

/// Who a phone is.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its user name: an extension, or a caller's number on the carrier's side.
    pub user: String,
    /// Its password; the carrier has none.
    pub password: Option<String>,
    /// The tone it sends while a call is up; in hertz.
    pub tone: u32,
    /// Whether it answers calls by itself.
    pub answers: bool,
    /// Whether it listens for its own tone too: an echo.
    pub hears_itself: bool,
}

/// One phone with its sockets.
pub struct Softphone {
    account: Account,
    gateway: SocketAddr,
    signalling: UdpSocket,
    audio: UdpSocket,
    endpoint: Endpoint,
    session: Option<SessionId>,
    offer: Option<SessionDescription>,
    mouth: Mouth,
    ear: Ear,
    noticed: VecDeque<(Instant, Noticed)>,
}

impl Softphone {
    /// A phone on free ports of the loopback interface.
    pub fn new(account: Account, gateway: SocketAddr, random: Random) -> io::Result<Self> {
        let bind = || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let settings =
            Settings { user_agent: "Branchline own phone".to_owned(), ..Settings::default() };
        Ok(Softphone {
            mouth: Mouth::new(account.tone),
            account,
            gateway,
            signalling: bind()?,
            audio: bind()?,
            endpoint: Endpoint::new(settings, random),
            session: None,
            offer: None,
            ear: Ear::default(),
            noticed: VecDeque::new(),
        })
    }

    /// What it noticed since it was last asked.
    pub fn noticed(&mut self) -> Option<(Instant, Noticed)> {
        self.noticed.pop_front()
    }

    /// Registers for `expires` seconds; 0 takes the registration back.
    pub fn register(&mut self, expires: u32) -> io::Result<()> {
        let local = self.signalling.local_addr()?;
        let aor = NameAddr::new(self.uri(&self.account.user, self.gateway));
        let mut request = Request::new(
            Method::REGISTER,
            Uri::sip(None, self.gateway.ip().into(), Some(self.gateway.port())),
        );
        let contact = NameAddr::new(self.uri(&self.account.user, local));
        for (name, value) in [
            ("From", aor.to_string()),
            ("To", aor.to_string()),
            ("Contact", contact.to_string()),
            ("Expires", expires.to_string()),
        ] {
            // None of these can hold a line break: they are printed from addresses and digits.
            let _ = request.headers.push(name, value);
        }
        let credentials = self.credentials();
        self.endpoint.request(clock::now(), self.route(), local, request, credentials);
        self.flush();
        Ok(())
    }

    /// Calls `number`.
    pub fn call(&mut self, number: &str) -> io::Result<()> {
        let local = self.signalling.local_addr()?;
        let offer = self.describe()?;
        let uri = self.uri(number, self.gateway);
        let invite = Invite {
            route: self.route(),
            local,
            to: NameAddr::new(uri.clone()),
            uri,
            from: NameAddr::new(self.uri(&self.account.user, local)),
            headers: Headers::default(),
            sdp: Some(offer.clone()),
            beside: None,
            credentials: self.credentials(),
            reliable: Policy::Never,
        };
        self.offer = Some(offer);
        self.start_listening();
        self.session = Some(self.endpoint.invite(clock::now(), invite));
        self.flush();
        Ok(())
    }

    /// Presses a key.
    pub fn press(&mut self, digit: char) {
        self.mouth.press(digit);
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        if let Some(session) = self.session {
            self.endpoint.hang_up(clock::now(), session, None);
            self.flush();
        }
    }

    /// Reads what arrived and sends what is due; to be called every few milliseconds.
    pub fn turn(&mut self) {
        let mut buffer = [0; 65_535];
        while let Ok((count, peer)) = self.signalling.recv_from(&mut buffer) {
            let Ok(local) = self.signalling.local_addr() else { continue };
            let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
            self.endpoint.handle_received(clock::now(), flow, &buffer[..count]);
            self.flush();
        }
        let now = clock::now();
        if self.endpoint.deadline().is_some_and(|deadline| deadline <= now.instant) {
            self.endpoint.handle_timeout(now);
            self.flush();
        }
        while let Ok((count, _)) = self.audio.recv_from(&mut buffer) {
            for heard in self.ear.hear(&buffer[..count]) {
                self.noticed.push_back((now.instant, heard));
            }
        }
        while let Some((packet, to)) = self.mouth.due(now.instant) {
            // A packet that the kernel will not take is a lost packet.
            let _ = self.audio.send_to(&packet, to);
        }
    }

    fn flush(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Send { bytes, .. } => {
                    // A datagram that the kernel will not take is sent again by the transaction's timer.
                    let _ = self.signalling.send_to(&bytes, self.gateway);
                }
                Output::Event(event) => self.handle(event),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = clock::now();
        match event {
            Event::Response { response, .. } if response.status.is_success() => {
                self.notice(Noticed::Registered);
            }
            Event::Response { response, .. } if response.status.is_final() => {
                self.notice(Noticed::Refused(response.status.code()));
            }
            Event::Failed { .. } => self.notice(Noticed::Refused(408)),
            Event::Invited { session, offer, .. } => self.invited(session, offer),
            Event::Progress { status, .. } if status != Status::TRYING => {
                self.notice(Noticed::Ringing)
            }
            Event::Answered { sdp: Some(answer), .. } => self.answered(&answer),
            Event::Ended { session, cause } if self.session == Some(session) => {
                if let crate::sip::endpoint::Ended::Refused { status, .. } = cause {
                    self.notice(Noticed::Refused(status.code()));
                }
                self.session = None;
                self.mouth.stop();
                self.notice(Noticed::Ended);
            }
            Event::Request { key, request, .. } => {
                let response = crate::sip::message::Response::to(&request, Status::OK);
                self.endpoint.respond(now, key, response);
            }
            _ => {}
        }
    }

    fn invited(&mut self, session: SessionId, offer: Option<SessionDescription>) {
        let now = clock::now();
        self.notice(Noticed::Rings);
        self.endpoint.ring(now, session, Status::RINGING, None);
        let (true, Some(offer), Ok(ours)) = (self.account.answers, offer, self.audio.local_addr())
        else {
            return;
        };
        let local = sdp::Local {
            origin: sdp::Origin::new(1, 1, ours.ip()),
            address: ours.ip(),
            port: ours.port(),
            codecs: codecs().to_vec(),
            preference: sdp::Preference::Theirs,
            direction: Direction::SendRecv,
            events: true,
            own: sdp::Own::CLEAR,
        };
        let Ok(answered) = sdp::answer(&offer, &local) else { return };
        self.session = Some(session);
        self.start_listening();
        self.mouth.start(now.instant, answered.audio.remote, answered.audio.dtmf);
        self.endpoint.answer(now, session, &answered.sdp);
        self.notice(Noticed::Answered);
    }

    fn answered(&mut self, answer: &SessionDescription) {
        let Some(offer) = &self.offer else { return };
        if let Ok(agreed) = sdp::negotiated(offer, answer) {
            self.mouth.start(clock::now().instant, agreed.remote, agreed.dtmf);
        }
        self.notice(Noticed::Answered);
    }

    fn start_listening(&mut self) {
        self.ear = Ear::new(if self.account.hears_itself { 0 } else { self.account.tone });
    }

    fn notice(&mut self, noticed: Noticed) {
        self.noticed.push_back((clock::now().instant, noticed));
    }

    fn describe(&self) -> io::Result<SessionDescription> {
        let ours = self.audio.local_addr()?;
        Ok(sdp::audio_offer(
            sdp::Origin::new(1, 1, ours.ip()),
            ours.ip(),
            ours.port(),
            &codecs(),
            Some(DTMF),
            Direction::SendRecv,
        ))
    }

    fn credentials(&self) -> Option<Credentials> {
        let password = self.account.password.as_ref()?;
        Some(Credentials {
            username: self.account.user.clone(),
            secret: Secret::plain(password),
            realm: None,
        })
    }

    fn route(&self) -> Route {
        Route::Address { transport: Transport::Udp, peer: self.gateway }
    }

    fn uri(&self, user: &str, host: SocketAddr) -> Uri {
        Uri::sip(Some(user), Host::Ip(host.ip()), Some(host.port()))
    }
}

fn codecs() -> [Codec; 2] {
    [Codec::pcmu(), Codec::pcma()]
}
