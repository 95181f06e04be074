//! Media on one side, calls on the other: ports, descriptions (RFC 3264), and what is played to whom.

use std::net::{IpAddr, SocketAddr};

use crate::call::LegEvent;
use crate::call::ending::Cause;
use crate::gateway::keys::Way;
use crate::gateway::legs::Leg;
use crate::gateway::protection::{Unacceptable, keys_of};
use crate::gateway::{Gateway, Output, browsers, codecs};
use crate::id::{CallId, LegId};
use crate::media;
use crate::media::codec::opus::Wishes;
use crate::media::player::Clip;
use crate::media::srtp;
use crate::sip::endpoint::SessionId;
use crate::sip::message::Status;
use crate::sip::sdp::{
    self, Answered, Codec, Direction, Local, Negotiated, NotAcceptable, Origin, Preference,
    SessionDescription,
};
use crate::sip::uri::Host;
use crate::time::Now;

/// What a clip that is being played was for; decides who is told when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Playing {
    /// The IVR flow of this call waits for it.
    Walk(CallId),
    /// The mailbox that this call is at waits for it.
    Visit(CallId),
    /// The last sentence of this call.
    Farewell(CallId),
    /// An announcement to a waiting caller: music goes on afterwards.
    Announcement(CallId),
    /// A prompt that a program had played in this call.
    Ordered(CallId),
    /// That the conversation is recorded.
    Notice,
    /// Something that one of two hears beside the conversation.
    Aside,
    /// Nobody waits for it.
    Background,
}

/// Descriptions.
impl Gateway {
    /// Our offer to the far end of `id`, with a port opened for it. `like` is the leg that will hear it: what that one
    /// can do comes first, so that nothing has to be decoded.
    pub(super) fn describe_offer(
        &mut self,
        now: Now,
        id: LegId,
        like: Option<LegId>,
    ) -> Option<SessionDescription> {
        let choice = self.codecs_for(id, like);
        let codecs = if like.is_some() { choice.all() } else { choice.cheap() };
        self.offer_of(now, id, &codecs)
    }

    /// The same of these codecs.
    pub(super) fn offer_of(
        &mut self,
        now: Now,
        id: LegId,
        codecs: &[Codec],
    ) -> Option<SessionDescription> {
        let browser = self.legs.get(id)?.is_in_browser();
        let way = self.open_way(now, id, browser)?;
        let mut offer = self.plain_offer(id, codecs, way)?;
        if browser {
            self.secure_offer(id, &mut offer)?;
        }
        self.legs.get_mut(id)?.ours = Some(offer.clone());
        Some(offer)
    }

    pub(super) fn plain_offer(
        &mut self,
        id: LegId,
        codecs: &[Codec],
        (address, port): (IpAddr, u16),
    ) -> Option<SessionDescription> {
        if codecs.is_empty() {
            return None;
        }
        let origin = self.next_origin(id, address);
        let events = (!self.wants_info(id)).then(|| codecs::events_payload(codecs));
        Some(sdp::audio_offer(origin, address, port, codecs, events, Direction::SendRecv))
    }

    /// Our answer to the caller's offer, or an offer of ours if he made none. The same description serves 183 and 200
    /// (RFC 3261 section 13.2.1: a final answer repeats what an early one said).
    pub(super) fn describe_answer(
        &mut self,
        now: Now,
        id: LegId,
        with: Option<LegId>,
    ) -> Option<SessionDescription> {
        let leg = self.legs.get(id)?;
        if let (Some(ours), Some(_)) = (&leg.ours, &leg.negotiated) {
            return Some(ours.clone());
        }
        let session = leg.session();
        let Some(offer) = leg.theirs.clone() else {
            let offer = self.describe_offer(now, id, with)?;
            return self.offer_with_keys(now, id, session, &offer);
        };
        let (address, port) = self.open_for(now, id, &offer)?;
        let own = self.own_protection(id, session).map_err(|why| self.not_acceptable(now, id, why));
        let choice = self.codecs_for(id, with);
        let local = Local {
            origin: self.next_origin(id, address),
            address,
            port,
            codecs: choice.cheap(),
            preference: match with.is_some() || self.own_codecs_of(id).is_some() {
                true => Preference::Ours,
                false => Preference::Theirs,
            },
            direction: Direction::SendRecv,
            events: !self.wants_info(id),
            own: own.ok()?,
        };
        // What has to be decoded only if nothing else is left, in whatever order it is offered.
        let local = match sdp::answer(&offer, &local) {
            Err(NotAcceptable::Codec) => Local { codecs: choice.all(), ..local },
            _ => local,
        };
        let mut answered = match self.answer_to(now, id, &offer, &local) {
            None if self.spare(id) => return self.describe_answer(now, id, with),
            answered => answered?,
        };
        self.secure_answer(id, &mut answered, &offer);
        let leg = self.legs.get_mut(id)?;
        leg.ours = Some(answered.sdp.clone());
        self.configure(now, id, answered.audio);
        Some(answered.sdp)
    }

    /// An answer to an offer, if there is common ground and its packets may go there.
    fn answer_to(
        &mut self,
        now: Now,
        id: LegId,
        offer: &SessionDescription,
        local: &Local,
    ) -> Option<Answered> {
        match sdp::answer(offer, local) {
            Ok(answered) => Some(answered).filter(|a| self.is_usable(id, &a.audio)),
            Err(why) => {
                self.not_acceptable(now, id, Unacceptable::Terms(why));
                None
            }
        }
    }

    /// An offer of ours that goes out within `session`, with keys.
    pub(super) fn offer_with_keys(
        &mut self,
        now: Now,
        id: LegId,
        session: Option<SessionId>,
        offer: &SessionDescription,
    ) -> Option<SessionDescription> {
        let transport = self.transport_of(session);
        let offer = self.with_keys(now, id, transport, offer)?;
        self.legs.get_mut(id)?.ours = Some(offer.clone());
        Some(offer)
    }

    /// The far end described itself in answer to our offer. Answers whether there is common ground.
    pub(super) fn agree(
        &mut self,
        now: Now,
        id: LegId,
        session: SessionId,
        sdp: Option<SessionDescription>,
    ) -> bool {
        let (Some(theirs), Some(leg)) = (sdp, self.legs.get_mut(id)) else { return false };
        // From now on the leg is this session's: what its fork was offered is what we said.
        if let Some(offer) = leg.offers.remove(&session) {
            leg.ours = Some(offer);
        }
        let Some(ours) = &leg.ours else { return false };
        let was_protected = leg.negotiated.as_ref().is_some_and(|was| was.protection.is_some());
        let agreed = sdp::negotiated(ours, &theirs);
        match agreed {
            Ok(agreed) if was_protected && agreed.protection.is_none() => {
                self.not_acceptable(now, id, Unacceptable::Terms(NotAcceptable::Clear));
                false
            }
            Ok(negotiated) if self.is_usable(id, &negotiated) => {
                self.legs.get_mut(id).into_iter().for_each(|leg| leg.stood = None);
                self.configure(now, id, negotiated);
                true
            }
            Ok(_) => false,
            Err(NotAcceptable::Clear | NotAcceptable::Mismatch) if self.spare(id) => {
                self.lay_open(id);
                self.agree(now, id, session, Some(theirs))
            }
            Err(why) => {
                self.not_acceptable(now, id, Unacceptable::Terms(why));
                false
            }
        }
    }

    /// Whether the sound of `id` has been agreed on.
    pub(super) fn is_agreed(&self, id: LegId) -> bool {
        self.legs.get(id).is_some_and(|leg| leg.negotiated.is_some())
    }

    /// Our answer was acknowledged. Where it held our offer, the ACK must hold the answer (RFC 3261 section 13.2.2.4).
    pub(super) fn confirmed(
        &mut self,
        now: Now,
        session: SessionId,
        sdp: Option<SessionDescription>,
    ) {
        let Some(id) = self.legs.of_session(session) else { return };
        self.legs.is_heard(id);
        if sdp.is_none() && !self.is_agreed(id) {
            return self.hang_up(now, id, Cause::MediaRefused);
        }
        self.described(now, session, sdp);
        let Some(leg) = self.legs.get_mut(id) else { return };
        if std::mem::take(&mut leg.waits)
            && let Some(agreed) = leg.negotiated.clone()
        {
            self.configure(now, id, agreed);
        }
    }

    /// A late answer arrived: in the ACK, or to an offer of ours within the call.
    pub(super) fn described(
        &mut self,
        now: Now,
        session: SessionId,
        sdp: Option<SessionDescription>,
    ) {
        let Some(id) = self.legs.of_session(session) else { return };
        if sdp.is_some() && !self.agree(now, id, session, sdp) {
            self.hang_up(now, id, Cause::MediaRefused);
        }
    }

    /// The far end offers anew: hold, resume, another address or codec.
    pub(super) fn reoffered(
        &mut self,
        now: Now,
        session: SessionId,
        offer: Option<SessionDescription>,
    ) {
        let Some(id) = self.legs.of_session(session) else { return };
        match self.answer_again(now, id, session, offer) {
            Some((ours, held)) => {
                self.endpoint.answer_reoffer(now, session, &ours);
                let event = match held {
                    Some(true) => LegEvent::Held,
                    Some(false) => LegEvent::Resumed,
                    None => return,
                };
                self.calls.handle_leg(now, id, event);
            }
            None => {
                let warning = self.take_warning(id);
                let status = Status::NOT_ACCEPTABLE_HERE;
                self.endpoint.refuse_reoffer_because(now, session, status, warning.as_deref());
            }
        }
    }

    /// Our answer within the call, and whether being on hold changed.
    pub(super) fn answer_again(
        &mut self,
        now: Now,
        id: LegId,
        session: SessionId,
        offer: Option<SessionDescription>,
    ) -> Option<(SessionDescription, Option<bool>)> {
        let Some(offer) = offer else {
            // RFC 3261 section 14.2: asked for an offer, we say again what we said.
            return Some((self.legs.get(id)?.ours.clone()?, None));
        };
        let (address, port) = self.open_for(now, id, &offer)?;
        let before = self.legs.get(id)?.negotiated.clone();
        let was_secured = before.as_ref().is_some_and(|before| before.secured.is_some());
        if was_secured && offer.secured_audio().is_none() {
            self.not_acceptable(now, id, Unacceptable::Terms(NotAcceptable::Clear));
            return None;
        }
        let mut codecs = self.codecs_like_before(id, before.as_ref()).all();
        if self.legs.get(id)?.room.is_some() && codecs.iter().any(Codec::is_decoded) {
            codecs.retain(Codec::is_decoded);
        }
        let origin = self.next_origin(id, address);
        let direction = Direction::SendRecv;
        let events = !self.wants_info(id);
        let own = self.own_protection(id, Some(session));
        let own = own.map_err(|why| self.not_acceptable(now, id, why));
        let local = Local {
            origin,
            address,
            port,
            codecs,
            preference: Preference::Ours,
            direction,
            events,
            own: own.ok()?,
        };
        let mut answered = self.answer_to(now, id, &offer, &local)?;
        self.secure_answer(id, &mut answered, &offer);
        let was_held = before.is_some_and(|before| before.held);
        let is_held = answered.audio.held;
        let leg = self.legs.get_mut(id)?;
        leg.theirs = Some(offer);
        leg.ours = Some(answered.sdp.clone());
        self.configure(now, id, answered.audio);
        Some((answered.sdp, (was_held != is_held).then_some(is_held)))
    }

    fn next_origin(&mut self, id: LegId, address: IpAddr) -> Origin {
        let version = match self.legs.get(id).and_then(|leg| leg.ours.as_ref()) {
            Some(ours) => ours.origin.version + 1,
            None => 1,
        };
        // The id only has to be unique with us; a leg's is random already. 63 bits: some phones read it as signed.
        Origin::new(id.0 >> 1, version, address)
    }
}

/// Streams.
impl Gateway {
    /// The address and port of a leg's sound, opened if they are not yet.
    pub(super) fn open_media(&mut self, now: Now, id: LegId) -> Option<(IpAddr, u16)> {
        let (own, thread) = self.legs.get(id).map(|leg| (leg.address, leg.thread))?;
        let shown = self.shown_address(id, own);
        let leg = self.legs.get_mut(id)?;
        if let Some(port) = leg.port {
            return Some((shown, port));
        }
        let port = self.pool.take(now.instant, own, leg.help)?;
        leg.port = Some(port);
        let local = SocketAddr::new(own, port);
        self.command(thread, media::Command::Open { leg: id, local });
        self.stock_up(thread);
        Some((shown, port))
    }

    /// Sockets are opened before legs need them, at the addresses where they will.
    pub(super) fn prepare_media(&mut self, now: Now) {
        let bound = self.listening.udp.iter().chain(&self.listening.tcp).chain(&self.listening.tls);
        let bound: Vec<IpAddr> = bound.map(SocketAddr::ip).collect();
        let everywhere = bound.iter().any(IpAddr::is_unspecified);
        // A link-local address is none without its interface.
        let local = |own: &IpAddr| matches!(own, IpAddr::V6(own) if own.is_unicast_link_local());
        let own = self.addresses.iter().filter(|own| everywhere && !own.is_loopback());
        let own = own.filter(|own| !local(own));
        for address in bound.iter().chain(own) {
            self.pool.prepare(now.instant, *address);
        }
        self.stock_up(0);
    }

    pub(super) fn stock_up(&mut self, thread: usize) {
        while let Some(wish) = self.pool.poll_wish() {
            self.command(thread, media::Command::Stock(wish));
        }
    }

    /// Whether packets may be sent to where a peer wants them. Not to a port of ours, or two calls would send to each
    /// other for ever; not to everybody; and not to what listens on this box, from elsewhere.
    pub(super) fn is_usable(&self, id: LegId, agreed: &Negotiated) -> bool {
        let Some(leg) = self.legs.get(id) else { return false };
        if agreed.secured.is_some() {
            return true;
        }
        let targets = [Some(agreed.remote), agreed.remote_rtcp];
        targets.into_iter().flatten().all(|to| {
            let ip = to.ip().to_canonical();
            let own = ip == leg.address
                || Some(ip) == self.settings.media.address
                || self.addresses.contains(&ip)
                || self.stands_for_us(ip);
            let looped = (own || ip.is_loopback()) && self.pool.is_taken(to.port());
            let foreign = ip.is_loopback() && !leg.address.is_loopback();
            let everybody = ip.is_multicast() || ip == IpAddr::from([255; 4]);
            !(looped || foreign || everybody)
        })
    }

    pub(super) fn configure(&mut self, now: Now, id: LegId, negotiated: Negotiated) {
        self.touch(id);
        let info = self.wants_info(id);
        let Some(leg) = self.legs.get_mut(id) else { return };
        let mut stream = stream_of(&negotiated, leg);
        stream.tones &= !info;
        let far = negotiated.secured.as_ref().and_then(browsers::far);
        if let Some((known, theirs)) = leg.browser.as_mut().zip(negotiated.secured.as_ref()) {
            known.theirs = Some(theirs.ufrag.clone());
        }
        leg.negotiated = Some(negotiated);
        let line = leg.ours.as_ref().and_then(|ours| ours.media.iter().find(|m| m.port != 0));
        leg.optional_keys = line.is_some_and(|m| !m.cryptos.is_empty() && m.proto == "RTP/AVP");
        leg.flowing = true;
        let thread = leg.thread;
        if let Some(theirs) = far {
            self.command(thread, media::Command::Pair { leg: id, theirs });
        }
        self.command(thread, media::Command::Configure { leg: id, stream });
        self.note_protection(now, id);
    }

    /// Why the last description of a leg's came to nothing, for whoever sent it (RFC 3261 section 20.43).
    pub(super) fn take_warning(&mut self, id: LegId) -> Option<String> {
        let leg = self.legs.get_mut(id)?;
        let why = leg.unacceptable.take()?;
        Some(format!("{} {} \"{why}\"", why.code(), Host::Ip(leg.address)))
    }

    pub(super) fn close_media(&mut self, now: Now, id: LegId, leg: &Leg) {
        self.playing.remove(&id);
        self.forget_faults(id);
        self.payment_left(now, id);
        self.supervision_left(now, id);
        self.forget_tapes(id);
        self.consent_left(now, id);
        if leg.has_media() {
            self.expect_quality(id, leg.told);
            self.command(leg.thread, media::Command::Close { leg: id });
        }
        if let Some(port) = leg.port {
            self.pool.give_back(now.instant, port);
        }
    }

    pub(super) fn join(&mut self, a: LegId, b: LegId) {
        let Some(thread) = self.legs.get(a).map(|leg| leg.thread) else { return };
        for leg in [a, b] {
            self.command(thread, media::Command::StopPlay { leg });
        }
        self.command(thread, media::Command::Bridge { a, b });
    }

    /// Music to a leg on hold or in a queue.
    pub(super) fn music(&mut self, id: LegId, name: &str) {
        self.unbridge(id);
        let clips = self.prompts.clip(name);
        self.play(id, Playing::Background, clips, true, false);
    }

    pub(super) fn ringback(&mut self, id: LegId) {
        self.unbridge(id);
        self.tell_leg(id, |leg| media::Command::Tone { leg, tone: media::tone::Tone::Ringback });
    }

    pub(super) fn echo(&mut self, id: LegId) {
        self.tell_leg(id, |leg| media::Command::Echo { leg, on: true });
    }

    fn unbridge(&mut self, id: LegId) {
        self.tell_leg(id, |leg| media::Command::Unbridge { leg });
    }

    /// Plays clips to a leg; `what` says who is told at the end.
    pub(super) fn play(
        &mut self,
        id: LegId,
        what: Playing,
        clips: Vec<Clip>,
        repeat: bool,
        stop_on_digit: bool,
    ) {
        if self.legs.get(id).is_none() {
            return;
        }
        let token = self.random.bits();
        self.playing.insert(id, (token, what));
        self.tell_leg(id, |leg| media::Command::Play { leg, token, clips, repeat, stop_on_digit });
    }

    pub(super) fn stop_playing(&mut self, id: LegId) {
        self.playing.remove(&id);
        self.tell_leg(id, |leg| media::Command::StopPlay { leg });
    }

    pub(super) fn tell_leg(&mut self, id: LegId, command: impl FnOnce(LegId) -> media::Command) {
        if let Some(thread) = self.legs.get(id).map(|leg| leg.thread) {
            self.command(thread, command(id));
        }
    }

    pub(super) fn command(&mut self, thread: usize, command: media::Command) {
        self.outputs.push_back(Output::Media { thread, command });
    }

    /// Media threads take calls in turn: all legs of one call are on the same thread.
    pub(super) fn next_thread(&mut self) -> usize {
        self.thread = (self.thread + 1) % self.threads.max(1);
        self.thread
    }
}

/// How a media thread is told what was agreed on.
fn stream_of(agreed: &Negotiated, leg: &Leg) -> media::Stream {
    let codec = match agreed.codec.encoding.to_ascii_uppercase().as_str() {
        "PCMU" => media::Codec::Pcmu,
        "PCMA" => media::Codec::Pcma,
        "G722" => media::Codec::G722,
        "OPUS" => media::Codec::Opus,
        _ => media::Codec::Relay,
    };
    let again = |keys| srtp::Keys { resumed: leg.resumed, ..keys };
    media::Stream {
        codec,
        payload_type: agreed.codec.payload_type,
        clock_rate: agreed.codec.clock_rate,
        dtmf: agreed.dtmf,
        dtmf_clock: agreed.dtmf_clock,
        wishes: agreed.codec.fmtp.as_deref().map(Wishes::read).unwrap_or_default(),
        ours: agreed.ours,
        tones: agreed.dtmf.is_none() && codec != media::Codec::Relay,
        comfort: agreed.comfort,
        ptime_ms: agreed.ptime,
        remote: agreed.remote,
        signalled: leg.host(),
        waits: leg.waits,
        remote_rtcp: agreed.remote_rtcp,
        send: agreed.direction.sends(),
        receive: agreed.direction.receives(),
        protection: agreed.protection.as_ref().map(keys_of).map(again),
        peer: agreed.secured.is_some(),
    }
}

/// What media threads say.
impl Gateway {
    pub(super) fn media_event(&mut self, now: Now, event: media::Event) {
        match event {
            media::Event::Held { local, held } => {
                self.pool.handle_held(now.instant, local, held);
                self.stock_up(0);
            }
            media::Event::OpenFailed { leg } => self.open_failed(now, leg),
            media::Event::Astray { leg } => self.hang_up(now, leg, Cause::InternalFault),
            media::Event::Digit { leg, digit, .. } => self.key(now, leg, digit, Way::Media),
            media::Event::Played { leg, token, .. } => self.played(now, leg, token),
            media::Event::Recorded { leg, recording, duration } => {
                self.recorded(now, leg, recording, duration);
            }
            media::Event::Taped { recording, duration } => self.taped(recording, duration),
            media::Event::OneWay { leg, now: on } => self.one_way(now, leg, on),
            media::Event::Machine { leg } => self.machine(now, leg),
            media::Event::RoomFull { leg, .. } => self.hang_up(now, leg, Cause::Congestion),
            media::Event::Inactive { leg, .. } => self.hang_up(now, leg, Cause::ConnectionLost),
            media::Event::Paired { leg } => tracing::info!(%leg, "a browser is heard"),
            media::Event::Lost { leg, why } => self.browser_lost(now, leg, why),
            media::Event::Looked { leg, report } => self.sound_looked(now, leg, report),
            media::Event::Closed { leg, report } => self.keep_quality(now, leg, &report),
        }
    }

    fn played(&mut self, now: Now, leg: LegId, token: u64) {
        if self.playing.get(&leg).is_none_or(|(current, _)| *current != token) {
            return;
        }
        match self.playing.remove(&leg) {
            Some((_, Playing::Walk(call))) => self.walk_played(now, call),
            Some((_, Playing::Visit(call))) => self.visit_played(now, call),
            Some((_, Playing::Ordered(call))) => self.order_played(now, leg, call),
            Some((_, Playing::Notice)) => self.notice_played(now, leg),
            Some((_, Playing::Aside)) => self.aside_played(leg),
            Some((_, Playing::Farewell(call))) => self.calls.handle_said(call),
            Some((_, Playing::Announcement(call))) if self.calls.is_queued(call) => {
                self.queue_music(leg, call)
            }
            _ => {}
        }
    }
}
