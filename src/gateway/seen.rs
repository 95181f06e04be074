//! What was said in which call: SIP's trace on one side, calls on the other, an admin and a capture server to look.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::admin::{Ladder, LadderEnd, LadderStep, Reply, Told};
use crate::call::{Event, What};
use crate::gateway::{Gateway, Output, control};
use crate::id::{CallId, LegId};
use crate::journal::event::CallRecord;
use crate::media;
use crate::sip::endpoint::SessionId;
use crate::sip::flow::{Flow, Route};
use crate::sip::hep;
use crate::sip::message::Transport;
use crate::sip::trace::{Entry, Trace, redact};
use crate::time::{Now, UnixTime};

/// Calls whose story is kept; their messages have a limit in bytes besides.
const MOST_CALLS: usize = 5_000;
/// Notes of one call: a caller in an IVR for hours makes many.
const MOST_NOTES: usize = 200;

/// What is remembered of calls.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub trace: Trace,
    hep: Option<hep::Agent>,
    calls: BTreeMap<CallId, Story>,
    order: VecDeque<CallId>,
    /// Legs whose sound has not been told of.
    by_leg: BTreeMap<LegId, CallId>,
    /// Calls that ended, by class and cause.
    pub ended: BTreeMap<(String, String), u64>,
}

#[derive(Debug, Default)]
struct Story {
    legs: Vec<LegStory>,
    notes: Vec<(UnixTime, Option<LegId>, String)>,
    ended: Option<LadderEnd>,
}

#[derive(Debug)]
struct LegStory {
    leg: LegId,
    peer: String,
    call_id: String,
}

impl Seen {
    pub fn new(most: usize, hep: Option<hep::Agent>) -> Self {
        Seen { trace: Trace::new(most), hep, ..Seen::default() }
    }

    fn story(&mut self, call: CallId) -> &mut Story {
        if !self.calls.contains_key(&call) {
            self.order.push_back(call);
        }
        if self.order.len() > MOST_CALLS
            && let Some(oldest) = self.order.pop_front()
        {
            let gone = self.calls.remove(&oldest).unwrap_or_default();
            for leg in gone.legs {
                self.by_leg.remove(&leg.leg);
            }
        }
        self.calls.entry(call).or_default()
    }
}

/// What is remembered.
impl Gateway {
    /// A message came or goes.
    pub(super) fn note_message(&mut self, now: Now, sent: bool, flow: Flow, bytes: &[u8]) {
        if !self.seen.trace.wants(sent, bytes) && self.seen.hep.is_none() {
            return;
        }
        let Flow { transport, local, peer, .. } = flow;
        let entry = Entry { at: now.unix, sent, transport, local, peer, bytes: redact(bytes) };
        if let Some(agent) = &self.seen.hep {
            self.outputs.push_back(Output::Capture(hep::encode(&entry, agent)));
        }
        self.seen.trace.note(entry);
    }

    /// A message goes; where we write first, our address is the one that the message names.
    pub(super) fn note_sent(&mut self, now: Now, route: &Route, bytes: &[u8]) {
        let flow = match route {
            Route::Flow(flow) => *flow,
            Route::Address { transport, peer } => {
                let local = self.own_address(bytes, *transport);
                let connection = crate::sip::flow::ConnectionId(0);
                Flow { transport: *transport, local, peer: *peer, connection }
            }
        };
        self.note_message(now, true, flow, bytes);
    }

    fn own_address(&self, bytes: &[u8], transport: Transport) -> SocketAddr {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let via = text.lines().find_map(|line| line.strip_prefix("Via: "));
        let sent_by = via.and_then(|via| via.split([' ', ';']).nth(1));
        let listening = match transport {
            Transport::Udp => &self.listening.udp,
            Transport::Tcp => &self.listening.tcp,
            _ => &self.listening.tls,
        };
        let bound = listening.first().copied();
        let named = sent_by.and_then(|address| address.parse().ok());
        named.or(bound).unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// A session belongs to a leg of a call.
    pub(super) fn watch(&mut self, call: CallId, leg: LegId, session: SessionId) {
        if !self.seen.trace.is_on() {
            return;
        }
        let Some(call_id) = self.endpoint.call_id(session).map(str::to_owned) else { return };
        let peer = self.legs.get(leg).map(|leg| leg.peer.to_string()).unwrap_or_default();
        self.seen.trace.watch(&call_id);
        self.seen.by_leg.insert(leg, call);
        self.seen.story(call).legs.push(LegStory { leg, peer, call_id });
    }

    /// Something happened in a call, told without anybody's number.
    pub(super) fn note_event(&mut self, event: &Event) {
        let (leg, words) = match &event.what {
            What::Arrived { .. } | What::LegEnded(..) => return,
            What::Answered(leg) => (Some(*leg), "answered".to_owned()),
            What::TakenBy(agent) => (None, format!("taken by agent {agent}")),
            What::Dialled(trunk) => (None, format!("dialled over trunk {trunk}")),
            What::Held(leg) => (Some(*leg), "holds the other".to_owned()),
            What::Resumed(leg) => (Some(*leg), "resumes".to_owned()),
            What::Transferred(leg) => (Some(*leg), "transferred the other".to_owned()),
            What::Ivr(flow) => (None, format!("goes to the IVR flow {flow}")),
            What::Queued(queue) => (None, format!("waits in queue {queue}")),
            What::Offered(agent) => (None, format!("offered to agent {agent}")),
            other => {
                let words = format!("{other:?}");
                let name = words.split(['(', ' ', '{']).next().unwrap_or_default();
                (None, name.to_lowercase())
            }
        };
        self.note(event.at, event.call, leg, words);
    }

    /// How a leg sounded.
    pub(super) fn note_sound(&mut self, now: Now, leg: LegId, report: &media::Report) {
        let Some(call) = self.seen.by_leg.remove(&leg) else { return };
        let mos = report.mos.map(|mos| format!(", MOS {mos:.1}")).unwrap_or_default();
        let dropped = match (report.forged, report.replayed) {
            (0, 0) => String::new(),
            (forged, replayed) => format!(
                ", dropped: {forged} not under the key that was agreed on, {replayed} replayed"
            ),
        };
        let words = format!(
            "sound: {} packets heard, {} lost, jitter {:.1} ms, {} said{mos}{dropped}",
            report.received, report.lost, report.jitter_ms, report.sent
        );
        self.note(now.unix, call, Some(leg), words);
    }

    pub(super) fn note(&mut self, at: UnixTime, call: CallId, leg: Option<LegId>, words: String) {
        if !self.seen.trace.is_on() {
            return;
        }
        let story = self.seen.story(call);
        if story.notes.len() < MOST_NOTES {
            story.notes.push((at, leg, words));
        }
    }

    /// Something about one leg.
    pub(super) fn note_leg(&mut self, now: Now, leg: LegId, words: String) {
        if let Some(call) = self.calls.call_of(leg) {
            self.note(now.unix, call, Some(leg), words);
        }
    }

    /// A call is over.
    pub(super) fn note_end(&mut self, record: &CallRecord) {
        let end = LadderEnd { cause: record.cause.name(), class: control::name(&record.class) };
        let names = (end.class.clone(), end.cause.clone());
        *self.seen.ended.entry(names).or_default() += 1;
        if self.seen.trace.is_on() {
            self.seen.story(record.call).ended = Some(end);
        }
    }
}

/// What is shown.
impl Gateway {
    /// A call's ladder, with whole messages where asked for.
    pub(super) fn ladder(&self, call: CallId, whole: bool) -> Reply {
        let Some(story) = self.seen.calls.get(&call) else {
            return Reply::Refused(if self.seen.trace.is_on() {
                format!("nothing is remembered of call {call}: it is long ago, or there was none")
            } else {
                "nothing is remembered of calls: capture.memory_mb is 0".to_owned()
            });
        };
        let mut legs = Vec::new();
        let mut steps = Vec::new();
        for leg in &story.legs {
            legs.push(leg.peer.clone());
            let place = legs.len() - 1;
            let said = self.seen.trace.of(&leg.call_id).iter();
            steps.extend(said.map(|entry| sip_step(entry, place, whole)));
        }
        steps.extend(story.notes.iter().map(|(at, leg, words)| LadderStep {
            at: *at,
            us: at.0,
            leg: leg.and_then(|leg| story.legs.iter().position(|own| own.leg == leg)),
            what: Told::Note { words: words.clone() },
        }));
        // Stable: what happened in one moment stays in the order it was noted.
        steps.sort_by_key(|step| step.us);
        let ended = story.ended.clone();
        Reply::Ladder(Ladder { call: Some(call), legs, steps, ended })
    }
}

fn sip_step(entry: &Entry, leg: usize, whole: bool) -> LadderStep {
    let message = || entry.bytes.iter().map(|byte| char::from(*byte)).collect();
    LadderStep {
        at: entry.at,
        us: entry.at.0,
        leg: Some(leg),
        what: Told::Sip {
            sent: entry.sent,
            label: entry.label(),
            cseq: entry.cseq().to_owned(),
            transport: entry.transport.as_str().to_owned(),
            local: entry.local,
            peer: entry.peer,
            message: whole.then(message),
        },
    }
}
