//! What is around the gateway: media threads that only keep time, a disk, a name server, and what parties do when they are
//! spoken to.

use super::*;

/// What the gateway wants.
impl World {
    pub(super) fn carry_out_one(&mut self, output: Output) {
        match output {
            Output::Sip { route, bytes } => {
                let to = route.peer();
                if let Route::Flow(flow) = route
                    && flow.connection != ConnectionId(0)
                    && self.flow(OURS, to).connection != flow.connection
                {
                    return self.gateway.handle_unreachable(self.now, &route);
                }
                // Some are lost, as on a real network.
                if self.random.below(1_000) >= self.loss || route.transport().is_reliable() {
                    self.later(1, 30, Due::Sip { from: OURS, to, bytes });
                }
            }
            Output::Media { command, .. } => self.media(command),
            Output::Journal(crate::journal::Output::Write { .. }) if !self.disk_works => {
                let why = crate::gateway::Kept::Failed(crate::journal::Failure::Broken);
                self.gateway.handle_journal(self.now, why);
            }
            Output::Journal(crate::journal::Output::Write { bytes, upto, outbox: _ }) => {
                self.journal.last_mut().expect("a segment has begun").extend(bytes);
                self.written = upto;
                if !self.disk_waits {
                    self.disk_goes_on();
                }
            }
            Output::Journal(crate::journal::Output::Segment { .. }) => {
                self.journal.push(Vec::new())
            }
            Output::Journal(crate::journal::Output::Hurry) => {}
            Output::Journal(crate::journal::Output::Keys(bytes)) => self.keys.extend(bytes),
            Output::Journal(crate::journal::Output::Forget(subjects)) => {
                crate::journal::personal::take_out(&mut self.keys, &subjects);
            }
            Output::Reply(ReplyTo(id), reply) => drop(self.replies.insert(id, reply)),
            Output::Over => self.over = true,
            Output::Carry(call, Some(kept)) => drop(self.kept.insert(call, *kept)),
            Output::Carry(call, None) => drop(self.kept.remove(&call)),
            Output::Trust(_) | Output::Disconnect(_) | Output::Expect(..) | Output::Bar(_) => {}
            Output::RollBack(version, reason) => self.going_back.push((version, reason)),
            Output::Capture(bytes) => self.captured.extend(bytes),
            Output::Face(peers) => {
                let pairs: Vec<_> = self
                    .faces
                    .iter()
                    .flat_map(|own| peers.iter().map(|peer| (*peer, *own)))
                    .collect();
                self.gateway.handle_facing(self.now, &pairs);
            }
            Output::Seal(recording, _) => assert!(self.sealed.insert(recording)),
            Output::Recording(order) => self.file(order),
            Output::Page(page, what) => self.paged.push((page, *what)),
            Output::Web(ReplyTo(id), response) => drop(self.answers.insert(id, response)),
            Output::Resolve(question) => {
                let literal = question.name.parse().ok().map(|ip| (ip, OURS.ip()));
                let answer = literal.map_or(Answer::None, |pair| Answer::Found {
                    records: locate::Records::Addresses(vec![pair]),
                    ttl: 300,
                });
                self.gateway.handle_answer(self.now, &question, &answer);
            }
            Output::Accounts(_) => {}
            Output::Feed(happening) => self.told.push(*happening),
            Output::Records { to, wanted } => self.read_records(to, &wanted),
            Output::Look { to, question } => self.look(to, &question),
            Output::Project => self.project(),
            // Programs elsewhere are told by the driver.
            Output::Hook(..) => {}
            Output::Application(_) => {}
            Output::Channel(_, order) => {
                if let crate::messaging::channel::Order::Call { told, .. } = *order {
                    self.voiced.push(told);
                }
            }
            Output::Crm(ask) => self.asks.push(ask),
            Output::Office(to) => self.office.push(to),
        }
    }

    /// A leg's sockets are opened, unless the port is another program's.
    pub(super) fn opened(&mut self, leg: LegId, local: SocketAddr) {
        if self.foreign.contains(&local.port()) {
            self.refused_ports += 1;
            self.closed.insert(leg);
            self.later(0, 5, Due::Media(media::Event::OpenFailed { leg }));
        }
    }

    /// A media thread that hears nothing and keeps time.
    pub(super) fn media(&mut self, command: media::Command) {
        use media::{Command, Event};
        match command {
            Command::Stock(media::stock::Wish::Hold(local)) => {
                let held = !self.foreign.contains(&local.port());
                self.due.set(self.now.instant, Due::Media(Event::Held { local, held }));
            }
            Command::Open { leg, local } => {
                // With another port only where the first could not be had.
                assert!(
                    self.open.insert(leg) || self.closed.remove(&leg),
                    "{leg} was opened twice"
                );
                self.opened(leg, local);
            }
            Command::Tap { leg, led, other, part } => {
                assert!([leg, led, other].iter().all(|leg| self.open.contains(leg)));
                self.taps.insert(leg, ([led, other], part));
            }
            Command::Untap { leg } => drop(self.taps.remove(&leg)),
            Command::Hush { leg, on: true } => drop(self.hushed.insert(leg)),
            Command::Hush { leg, on: false } => drop(self.hushed.remove(&leg)),
            Command::PauseTape { recording, paused: true } => drop(self.paused.insert(recording)),
            Command::PauseTape { recording, .. } => drop(self.paused.remove(&recording)),
            Command::StopTape { recording } => {
                self.paused.remove(&recording);
                self.tape_ends(recording);
            }
            Command::Close { leg } => {
                self.hushed.remove(&leg);
                self.taps.retain(|own, (pair, _)| *own != leg && !pair.contains(&leg));
                assert!(self.open.remove(&leg), "{leg} was closed and not open");
                self.closed.remove(&leg);
                self.part(leg);
                let taped: Vec<_> = self
                    .taping
                    .iter()
                    .filter(|(_, legs)| legs.contains(&leg))
                    .map(|(id, _)| *id)
                    .collect();
                taped.into_iter().for_each(|recording| self.tape_ends(recording));
                // What was recorded so far comes first, as it does from a media thread.
                if let Some(recording) = self.recording.get(&leg).copied() {
                    let duration = Duration::from_secs(2);
                    self.later(0, 0, Due::Media(Event::Recorded { leg, recording, duration }));
                }
                self.later(
                    0,
                    20,
                    Due::Media(Event::Closed { leg, report: media::Report::default() }),
                );
            }
            Command::Play { leg, token, repeat: false, .. } => {
                self.later(
                    200,
                    4_000,
                    Due::Media(Event::Played { leg, token, interrupted: false }),
                );
            }
            Command::Record { leg, recording, .. } => {
                assert!(self.sealed.contains(&recording), "nothing is written in clear");
                let duration = Duration::from_secs(2);
                self.recording.insert(leg, recording);
                self.later(500, 5_000, Due::Media(Event::Recorded { leg, recording, duration }));
            }
            Command::Bridge { a, b } => {
                assert!(
                    self.open.contains(&a) && self.open.contains(&b),
                    "who is joined has sound"
                );
                self.joined += 1;
                self.bridges.push((a, b));
                [a, b].into_iter().for_each(|leg| self.part(leg));
                self.bridged.extend([(a, b), (b, a)]);
            }
            Command::Unbridge { leg } | Command::Move { leg, .. } => {
                self.part(leg);
            }
            Command::Tape { left, right, recording, .. } => {
                assert!(self.sealed.contains(&recording), "nothing is written in clear");
                assert!(self.open.contains(&left) && self.open.contains(&right));
                self.taping.insert(recording, [left, right]);
            }
            Command::OpenPeer { leg, .. } => drop(self.open.insert(leg)),
            Command::Rebind { leg, local } => {
                assert!(self.open.contains(&leg));
                self.rebound.push(local);
                self.opened(leg, local);
            }
            Command::SendDigits { digits, .. } => self.pressed.push(digits),
            Command::Mix { leg, .. } => {
                assert!(self.open.contains(&leg));
                self.mixed.push(leg);
                self.part(leg);
            }
            Command::Configure { leg, .. } => assert!(self.open.contains(&leg)),
            _ => {}
        }
    }

    /// A conversation's tape is whole, and on the disk a moment later.
    pub(super) fn tape_ends(&mut self, recording: crate::id::RecordingId) {
        if self.taping.remove(&recording).is_some() {
            let duration = Duration::from_secs(2);
            self.due.set(self.now.instant, Due::Media(media::Event::Taped { recording, duration }));
        }
    }

    pub(super) fn part(&mut self, leg: LegId) {
        if let Some(other) = self.bridged.remove(&leg) {
            self.bridged.remove(&other);
        }
    }

    /// A disk on which every recording works.
    pub(super) fn file(&mut self, order: voicemail::Order) {
        use voicemail::{File, Order};
        let (recording, file) = match order {
            Order::Read(id) => {
                let clip = self.files.contains(&id).then(|| media::Clip::new(vec![1; 8]));
                (id, File::Read(clip))
            }
            Order::Recover(id) => {
                (id, File::Recovered(self.files.contains(&id).then(|| Duration::from_secs(2))))
            }
            Order::Erase(id) => {
                self.files.remove(&id);
                (id, File::Erased)
            }
            Order::Delete(id) => {
                self.files.remove(&id);
                return;
            }
        };
        self.gateway.handle_recording(self.now, recording, file);
    }
}

/// What parties hear.
impl World {
    pub(super) fn carry_out_party(&mut self, at: usize) -> bool {
        let address = self.parties[at].address;
        let Some(output) = self.parties[at].endpoint.poll_output() else { return false };
        match output {
            endpoint::Output::Send { bytes, .. } => {
                let reliable = self.flow(OURS, address).transport.is_reliable();
                if reliable || self.random.below(1_000) >= self.loss {
                    self.later(1, 30, Due::Sip { from: address, to: OURS, bytes });
                }
            }
            endpoint::Output::Event(event) => self.party_hears(at, event),
        }
        true
    }

    pub(super) fn party_hears(&mut self, at: usize, event: Event) {
        let now = self.now;
        let party = &mut self.parties[at];
        match event {
            Event::Invited { session, request, offer, .. } => {
                let parts = request
                    .headers
                    .content_type()
                    .is_some_and(|kind| kind.starts_with("multipart/"));
                if parts && party.deaf_to_parts {
                    return party.endpoint.ignore(session);
                }
                party.invites.push(request.clone());
                let refuses = party.refuses_parts.filter(|_| parts).or(party.refuses);
                if let Some(status) = refuses {
                    return party.endpoint.reject(now, session, status, party.retry_after);
                }
                party.called.push(request.uri.user.clone().unwrap_or_default());
                party.hops.extend(request.max_forwards().ok().flatten());
                let from = request.from().ok().and_then(|from| from.uri.user);
                party.callers.push(from.unwrap_or_default());
                if party.rings {
                    party.endpoint.ring(now, session, Status::RINGING, None);
                }
                party.ringing.push((session, offer));
            }
            Event::Answered { session, .. } => {
                party.up.insert(session);
                self.answered += 1;
            }
            Event::Request { key, request, .. } => {
                if request.method == Method::MESSAGE {
                    party.texts.push(String::from_utf8_lossy(&request.body).into_owned());
                }
                let mut response = Response::to(&request, Status::OK);
                if let (Some(seen), Ok(mut via)) = (party.sees, request.top_via()) {
                    via.params.set("received", Some(seen));
                    response.headers.remove("Via");
                    response.headers.push("Via", via.to_string()).unwrap();
                }
                party.endpoint.respond(now, key, response);
            }
            Event::ReofferRefused { status, .. } => party.refused.push(status.code()),
            Event::Info { body, .. } => {
                party.texts.push(String::from_utf8_lossy(&body).into_owned());
            }
            Event::Reoffered { session, sdp: Some(offer) } => {
                let own = party.address.ip();
                let local = Local {
                    origin: sdp::Origin::new(2, 2, own),
                    address: own,
                    port: 9_002,
                    codecs: party.codecs.clone(),
                    preference: party.preference,
                    direction: Direction::SendRecv,
                    events: true,
                    own: sdp::Own::CLEAR,
                };
                match sdp::answer(&offer, &local) {
                    Ok(answer) if !party.stubborn => {
                        party.endpoint.answer_reoffer(now, session, &answer.sdp)
                    }
                    _ => {
                        party.endpoint.refuse_reoffer(now, session, Status::NOT_ACCEPTABLE_HERE);
                    }
                }
            }
            Event::Reoffered { session, .. } => {
                party.endpoint.refuse_reoffer(now, session, Status::NOT_ACCEPTABLE_HERE);
            }
            Event::Ended { session, cause } => {
                party.ended.push(cause);
                party.up.remove(&session);
                party.ringing.retain(|(ringing, _)| *ringing != session);
                party.offers.remove(&session);
            }
            _ => {}
        }
    }
}
