//! Visitors who go on by voice: a page of the site is their telephone, over the connection of its chat.
//!
//! Such a call belongs to the conversation that the visitor has open: it is on its timeline before anybody answers, is
//! offered first to the agent who has it, and else waits in its channel's queue. Nobody calls here before the channel's
//! setting allows it. A visitor has one call at a time; a page that is gone has as long to come back as an agent's.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::agent::desk::{State, ToPage};
use crate::call::caller_id::NOBODY;
use crate::call::ending::Cause;
use crate::call::plan::{Destination, Origin};
use crate::call::record::Peer;
use crate::call::{self, Arrival, What};
use crate::config::settings::Calls;
use crate::gateway::conversations::Talk;
use crate::gateway::no::No;
use crate::gateway::tabs::Whose;
use crate::gateway::{Gateway, Output};
use crate::id::{CallId, ChannelId, LegId, QueueId};
use crate::messaging::channel::Order;
use crate::messaging::voice::{self, Ends, No as NoCall, Said, Told};
use crate::messaging::{Address, Conversation};
use crate::sip::endpoint::SessionId;
use crate::sip::flow::{ConnectionId, Flow};
use crate::sip::message::Transport;
use crate::sip::sdp::SessionDescription;
use crate::time::Now;

/// How long an invitation is good: time to read it, and to find the headset.
const GOOD_FOR: Duration = Duration::from_secs(10 * 60);
/// Invitations that are good at a time: more than a branch has agents and conversations.
const MOST_INVITED: usize = 1_024;
/// Calls that one visitor begins within this time: a few that broke off, and no ringing for fun.
const MOST_BEGUN: usize = 6;
const BEGUN_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Visitors whose calls are counted: those of some minutes. Where there are more, nobody new calls for a moment.
const MOST_COUNTED: usize = 4_096;

/// A visitor, by the chat and the name that they have there.
pub(super) type Visitor = (ChannelId, Address);

/// Who may call, and who has.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    invited: BTreeMap<Visitor, (Talk, Instant)>,
    begun: BTreeMap<Visitor, VecDeque<Instant>>,
}

impl Visitors {
    fn invited(&self, now: Instant, visitor: &Visitor) -> Option<Talk> {
        self.invited.get(visitor).filter(|(_, until)| now < *until).map(|(talk, _)| *talk)
    }

    /// Whether a visitor may begin another call.
    fn may_begin(&mut self, now: Instant, visitor: &Visitor) -> bool {
        let lately = |at: &Instant| now.duration_since(*at) < BEGUN_WITHIN;
        self.begun.retain(|_, all| all.back().is_some_and(lately));
        match self.begun.get_mut(visitor) {
            Some(all) => {
                all.retain(lately);
                all.len() < MOST_BEGUN
            }
            None => self.begun.len() < MOST_COUNTED,
        }
    }
}

/// Inviting.
impl Gateway {
    /// A visitor's pages show that somebody would like to speak with them.
    pub(super) fn invite_to_call(
        &mut self,
        now: Now,
        talk: &Conversation<String>,
    ) -> Result<(), No> {
        let visitor = (talk.way.channel.clone(), talk.way.address());
        let allowed = self.chat_settings(&visitor.0).is_some_and(|chat| chat.calls != Calls::Never);
        if !allowed {
            let words = format!("`calls` of channel {} allows no calls in the browser", visitor.0);
            return Err(words.into());
        }
        if self.tabs.of_visitor(&visitor).is_some() {
            return Err("they are in a call already".into());
        }
        let invited = &mut self.visitors.invited;
        invited.retain(|_, (_, until)| now.instant < *until);
        if invited.len() >= MOST_INVITED {
            return Err(format!("{MOST_INVITED} visitors are invited, which is the most").into());
        }
        invited.insert(visitor.clone(), ((talk.id, talk.contact), now.instant + GOOD_FOR));
        self.tell_visitor(visitor, Told::Invited { on: true });
        Ok(())
    }
}

/// What pages say.
impl Gateway {
    /// A visitor's page says something of a call.
    pub(super) fn visitor_speaks(&mut self, now: Now, visitor: Visitor, ends: Ends, said: &Said) {
        let up = self.tabs.of_visitor(&visitor);
        match (said, up) {
            (Said::Ask, up) => {
                // Whoever has a call up goes on with it.
                let may = up.map_or_else(|| self.may_call(now, &visitor).map(drop), |_| Ok(()));
                let told = match may {
                    Ok(()) => Told::Ready { relays: self.relays_of(now, &visitor.0) },
                    Err(why) => Told::Refused { why },
                };
                self.tell_visitor(visitor, told);
            }
            (Said::Offer { sdp }, _) => {
                if let Err(why) = self.visitor_calls(now, &visitor, ends, sdp) {
                    self.tell_visitor(visitor, Told::Refused { why });
                }
            }
            (Said::Resume { sdp }, Some(up)) => {
                self.visitor_resumes(now, (visitor, ends), up, sdp.as_deref());
            }
            (Said::Resume { .. } | Said::Hangup, None) => {
                let why = Cause::Completed.name();
                self.tell_visitor(visitor, Told::Ended { why });
            }
            (Said::Hangup, Some((session, _))) => {
                self.end_in_page(now, session, Cause::Completed);
            }
            (Said::Decline, _) => drop(self.visitors.invited.remove(&visitor)),
            (Said::Gone, Some((session, _))) => {
                let until = now.instant + self.resume_time();
                self.tabs.await_until(session, Some(until));
            }
            (Said::Gone, None) => {}
        }
    }

    /// Whether a visitor may call: with what the call goes on, and where it waits.
    fn may_call(&mut self, now: Now, visitor: &Visitor) -> Result<(Talk, QueueId), NoCall> {
        let own = self.settings.channels.get(&visitor.0).ok_or(NoCall::Off)?;
        let chat = own.chat.as_ref().ok_or(NoCall::Off)?;
        let (calls, most) = (chat.calls, usize::from(chat.calls_at_once));
        let queue = own.queue.clone().ok_or(NoCall::Off)?;
        let invited = self.visitors.invited(now.instant, visitor);
        let talk = match calls {
            Calls::Never => return Err(NoCall::Off),
            Calls::Invited => invited.ok_or(NoCall::Uninvited)?,
            Calls::Always => {
                invited.or_else(|| self.open_talk(visitor)).ok_or(NoCall::Unwritten)?
            }
        };
        let full = self.legs.count(&Peer::Chat(visitor.0.clone()), false) >= most;
        let often = !self.visitors.may_begin(now.instant, visitor);
        match full || often || self.tabs.of_visitor(visitor).is_some() {
            true => Err(NoCall::Busy),
            false => Ok((talk, queue)),
        }
    }

    /// The conversation that a visitor has open.
    fn open_talk(&self, visitor: &Visitor) -> Option<Talk> {
        let conversation = self.talks.at(visitor)?;
        let open = self.journal.live().talks.open.get(&conversation)?;
        Some((conversation, open.contact))
    }

    fn visitor_calls(
        &mut self,
        now: Now,
        visitor: &Visitor,
        ends: Ends,
        sdp: &str,
    ) -> Result<(), NoCall> {
        let (talk, queue) = self.may_call(now, visitor)?;
        let offer = offer(sdp).ok_or(NoCall::Sound)?;
        let channel = visitor.0.clone();
        let (peer, destination) = (Peer::Chat(channel.clone()), Destination::Queue(queue));
        let flow = Flow {
            transport: Transport::Wss,
            local: SocketAddr::new(ends.local, 0),
            peer: SocketAddr::new(ends.from, 0),
            connection: ConnectionId(0),
        };
        let late = !self.lateness.admit(now.instant);
        if late || self.too_many(now, &peer, &destination, (None, flow)).is_some() {
            return Err(NoCall::Busy);
        }
        self.visitors.begun.entry(visitor.clone()).or_default().push_back(now.instant);
        self.visitors.invited.remove(visitor);
        self.tell_visitor(visitor.clone(), Told::Invited { on: false });
        // The id of the leg is not known before the session's, and the other way round.
        let session = self.tabs.open_for(Whose::Visitor(visitor.clone()), None, LegId(0));
        let leg = self.caller_leg(session, &peer, Some(offer), flow, false);
        self.tabs.put_on(session, leg);
        let call = CallId(self.random.bits());
        tracing::info!(%call, from = %peer, "a call has arrived from a page of the site");
        let origin = Origin::Chat(channel.clone());
        let (from, to) = (NOBODY.to_owned(), channel.to_string());
        let (name, diverted_by) = (None, None);
        let arrival = Arrival { call, leg, peer, origin, from, name, to, diverted_by, destination };
        self.calls.handle_arrived(now, arrival);
        // Before the queue takes it: whoever answers in the conversation is asked first.
        self.joins(now, call, talk);
        Ok(())
    }

    fn visitor_resumes(
        &mut self,
        now: Now,
        (visitor, ends): (Visitor, Ends),
        (session, leg): (SessionId, LegId),
        sdp: Option<&str>,
    ) {
        let new = sdp.map(offer);
        let wrong = matches!(new, Some(None));
        self.tabs.await_until(session, None);
        let goes_on = |own: &mut Gateway| {
            own.goes_on_at(now, (leg, session), new.flatten(), (ends.from, ends.local))
        };
        if wrong || !goes_on(self) {
            tracing::info!(chat = %visitor.0, "a visitor's call cannot go on as the page wants it");
            self.end_in_page(now, session, Cause::MediaRefused);
        }
    }

    fn relays_of(&self, now: Now, chat: &ChannelId) -> Vec<voice::Relay> {
        let all = self.relays.for_page(now.unix, chat.as_str()).into_iter();
        let relay = |own: crate::agent::desk::Relay| voice::Relay {
            urls: own.urls,
            username: own.username,
            credential: own.credential,
        };
        all.map(relay).collect()
    }
}

/// What pages are told.
impl Gateway {
    fn tell_visitor(&mut self, (channel, to): Visitor, told: Told) {
        self.outputs.push_back(Output::Channel(channel, Box::new(Order::Call { to, told })));
    }

    /// What an agent's page would be told of this leg.
    pub(super) fn tell_visitor_as_page(&mut self, visitor: Visitor, leg: LegId, what: ToPage) {
        let state = |state| Told::State { state };
        let told = match what {
            ToPage::Sdp { sdp, .. } => Told::Answer { sdp },
            ToPage::Stop { why, .. } => Told::Ended { why },
            ToPage::State { state: State::Ended, why, .. } => {
                Told::Ended { why: why.unwrap_or_default() }
            }
            ToPage::State { state: State::Held, .. } => state(voice::State::Held),
            // A queue that plays music has answered, and nobody is there yet.
            ToPage::State { state: State::Talking, .. } if self.calls.partner(leg).is_some() => {
                state(voice::State::Talking)
            }
            ToPage::State { .. } => state(voice::State::Waiting),
            _ => return,
        };
        self.tell_visitor(visitor, told);
    }

    /// Somebody of the branch has answered a visitor.
    pub(super) fn tell_visitor_of_answer(&mut self, event: &call::Event) {
        let What::Answered(by) = event.what else { return };
        let Some(caller) = self.calls.caller(event.call).filter(|caller| *caller != by) else {
            return;
        };
        if let Some(Whose::Visitor(visitor)) = self.tabs.whose(caller).cloned() {
            self.tell_visitor(visitor, Told::State { state: voice::State::Talking });
        }
    }
}

/// A page's offer; nothing if it is none of a browser's.
fn offer(sdp: &str) -> Option<SessionDescription> {
    let offer = SessionDescription::parse(sdp.as_bytes()).ok();
    offer.filter(|offer| offer.secured_audio().is_some())
}
