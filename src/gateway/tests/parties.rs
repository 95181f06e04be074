//! What phones and the carrier do: register, call, pick up, hang up, and all of it at random.

use super::*;

impl World {
    pub(super) fn register(&mut self, at: usize, expires: u32) {
        let route = self.route_of(at);
        let party = &mut self.parties[at];
        let user = party.user.expect("the carrier does not register");
        let aor = format!("<sip:{user}@192.0.2.1>");
        let mut request = Request::new(Method::REGISTER, Uri::sip(None, Host::Ip(OURS.ip()), None));
        let contact = format!("<sip:{user}@{}>", party.address);
        for (name, value) in
            [("From", &aor), ("To", &aor), ("Contact", &contact), ("Expires", &expires.to_string())]
        {
            request.headers.push(name, value.clone()).unwrap();
        }
        party.endpoint.request(self.now, route, party.address, request, credentials(user));
    }

    pub(super) fn call(&mut self, at: usize, to: &str) {
        self.call_with(at, to, Headers::default(), true);
    }

    /// A call whose INVITE says more.
    pub(super) fn call_saying(&mut self, at: usize, to: &str, more: &[(&str, &str)]) {
        let mut headers = Headers::default();
        more.iter().for_each(|(name, value)| headers.push(name, *value).unwrap());
        self.call_with(at, to, headers, true);
    }

    /// Calls with more headers, with an offer or without.
    pub(super) fn call_with(
        &mut self,
        at: usize,
        to: &str,
        headers: Headers,
        offers: bool,
    ) -> SessionId {
        let route = self.route_of(at);
        let party = &mut self.parties[at];
        let user = party.user.unwrap_or("+15557654321");
        let own = party.address;
        let origin = sdp::Origin::new(1, 1, own.ip());
        let offer = sdp::audio_offer(
            origin,
            own.ip(),
            9_000,
            &party.codecs,
            Some(101),
            Direction::SendRecv,
        );
        let uri = Uri::sip(Some(to), Host::Ip(OURS.ip()), Some(OURS.port()));
        let invite = Invite {
            route,
            local: own,
            to: NameAddr::new(uri.clone()),
            uri,
            from: NameAddr::new(Uri::sip(Some(user), Host::Ip(own.ip()), Some(own.port()))),
            headers,
            sdp: offers.then_some(offer),
            beside: None,
            credentials: party.user.and_then(credentials),
            reliable: self.reliable,
        };
        let session = party.endpoint.invite(self.now, invite);
        party.up.insert(session);
        self.calls += 1;
        session
    }

    /// A party whose phone rings sends sound before it answers.
    pub(super) fn early(&mut self, at: usize) {
        let party = &mut self.parties[at];
        let (session, offer) = party.ringing.last().expect("it rings");
        let local = Local {
            origin: sdp::Origin::new(2, 1, party.address.ip()),
            address: party.address.ip(),
            port: 9_002,
            codecs: vec![Codec::pcmu()],
            preference: Preference::Theirs,
            direction: Direction::SendRecv,
            events: true,
            own: sdp::Own::CLEAR,
        };
        let answer = sdp::answer(offer.as_ref().expect("we always offer"), &local).unwrap();
        party.endpoint.ring(self.now, *session, Status::PROGRESS, Some(&answer.sdp));
    }

    /// What a party does with a phone that rings.
    pub(super) fn pick_up(&mut self, at: usize) {
        if self.random.below(4) > 0 {
            return self.take_call(at);
        }
        let party = &mut self.parties[at];
        if let Some((session, _)) = party.ringing.pop() {
            party.endpoint.reject(self.now, session, Status::BUSY_HERE, None);
        }
    }

    pub(super) fn take_call(&mut self, at: usize) {
        let now = self.now;
        let party = &mut self.parties[at];
        let Some((session, offer)) = party.ringing.pop() else { return };
        let own = party.address;
        let local = Local {
            origin: sdp::Origin::new(2, 1, own.ip()),
            address: own.ip(),
            port: 9_002,
            codecs: party.codecs.clone(),
            preference: party.preference,
            direction: Direction::SendRecv,
            events: true,
            own: sdp::Own::CLEAR,
        };
        let Ok(answer) = sdp::answer(&offer.expect("we always offer"), &local) else {
            return party.endpoint.reject(now, session, Status::NOT_ACCEPTABLE_HERE, None);
        };
        party.endpoint.answer(now, session, &answer.sdp);
        party.up.insert(session);
    }

    pub(super) fn hang_up(&mut self, at: usize) {
        let party = &mut self.parties[at];
        if let Some(session) = party.up.pop_first() {
            party.endpoint.hang_up(self.now, session, None);
        }
    }

    /// One random thing that somebody does.
    pub(super) fn act(&mut self) {
        let at = self.random.below(4) as usize;
        match self.random.below(14) {
            0..=2 => {
                let numbers = ["+15550100", "+15550101", "+19999999", "95550123"];
                let to = numbers[self.random.below(4) as usize];
                self.call(0, to);
            }
            3 if at > 0 => {
                let numbers = [
                    "700", "600", "201", "202", "95550123", "*41", "*43", "*44", "888", "*97",
                    "701", "300", "390", "751", "*68", "*8", "**202", "*72203", "*73", "*78",
                    "*79", "*80203", "*11201", "*12", "*71",
                ];
                let to = numbers[self.random.below(numbers.len() as u64) as usize];
                self.call(at, to);
            }
            4..=6 => self.pick_up(at),
            7 | 8 => self.hang_up(at),
            9 | 10 => {
                let legs: Vec<_> = self.open.iter().copied().collect();
                if let Some(leg) = legs.get(self.random.below(legs.len() as u64) as usize) {
                    let digit = ['1', '0', '3', '9', '5', '7'][self.random.below(6) as usize];
                    let duration = Duration::from_millis(100);
                    self.gateway
                        .handle_media(self.now, media::Event::Digit { leg: *leg, digit, duration });
                }
            }
            12 | 13 => self.transfer(),
            _ if at > 0 => {
                let expires = if self.random.below(5) == 0 { 0 } else { 3_600 };
                self.register(at, expires);
            }
            _ => {}
        }
        self.carry_out();
    }

    /// Somebody transfers the other party: to a number, or to the party of another call.
    pub(super) fn transfer(&mut self) {
        let legs: Vec<_> = self.open.iter().copied().collect();
        let mut pick = || legs.get(self.random.below(legs.len() as u64 + 1) as usize).copied();
        let (Some(first), second) = (pick(), pick()) else { return };
        let now = self.now;
        let destinations = [
            crate::call::plan::Destination::Extension("203".into()),
            crate::call::plan::Destination::Queue("support".into()),
            crate::call::plan::Destination::Feature(crate::call::plan::Feature::Park, None),
            crate::call::plan::Destination::Group("all".into()),
            crate::call::plan::Destination::Ivr("main".into()),
        ];
        match second {
            Some(second) if self.random.below(2) == 0 => {
                self.transferred += u64::from(self.gateway.calls.handle_join(now, first, second));
            }
            _ => {
                let to = destinations[self.random.below(5) as usize].clone();
                self.transferred += u64::from(self.gateway.calls.handle_transfer(now, first, to));
            }
        }
        self.gateway.settle(now);
    }
}

/// The call in which somebody talks, and the legs of its caller and of the other.
pub(super) fn talk(world: &World) -> (CallId, LegId, LegId) {
    let views = world.gateway.calls.views();
    let talks = |view: &&crate::call::CallView| !view.with.is_empty();
    let call = views.iter().find(talks).expect("two talk").call;
    let caller = world.gateway.calls.caller(call).unwrap();
    (call, caller, world.gateway.calls.partner(caller).unwrap())
}
