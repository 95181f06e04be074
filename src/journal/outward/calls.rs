//! Calls: their steps, their records, voicemail.

use super::super::event::{CallEvent, CallRecord, LegRecord, Quality, What};
use super::super::voicemail::{Begun, Voicemail};
use super::{Outward, maybe_text, text};
use crate::call::consent::Consent;
use crate::call::desk::Diversion;
use crate::call::protection::Protection;
use crate::call::record::Peer;
use crate::time::UnixTime;
use crate::uplink::frame::{self, Class as Sort};
use crate::uplink::policy::{Class, Plain, Sheet};

impl Outward {
    pub(super) fn call_event(&self, event: &CallEvent) -> Vec<frame::Event> {
        let CallEvent { call, at, what } = event;
        let sheet = self.sheet("call_event", *at).plain("call", call);
        let is = |what: &'static str| sheet.plain("what", what);
        let sheet = match what {
            What::Arrived { peer, from, to, nobody } => {
                let sheet = end(is("arrived"), peer).maybe_field("from", Class::Number, text(from));
                let sheet = sheet.maybe_field("to", Class::Number, text(to));
                sheet.plain("hidden", *nobody)
            }
            What::Ivr { flow } => is("ivr").plain("flow", flow),
            What::Voicemail { mailbox } => is("voicemail").plain("mailbox", mailbox),
            What::Node { node } => is("node").plain("node", Plain::slug(node)),
            What::Collected { name, digits } => {
                let sheet = is("collected").plain("name", Plain::slug(name));
                sheet.maybe_field("digits", Class::Input, text(digits))
            }
            What::Surveyed { queue, agent, question, contact, number } => {
                let sheet = is("surveyed").plain("queue", queue);
                let sheet = sheet.field("agent", Class::Agent, agent.as_str());
                let sheet = sheet.plain("question", Plain::word(*question));
                let sheet = sheet.maybe("contact", contact.as_ref());
                sheet.maybe_field("number", Class::Number, maybe_text(number))
            }
            What::Scored { score } => is("scored").plain("score", *score),
            What::Queued { queue } => is("queued").plain("queue", queue),
            What::Group { group } => is("group").plain("group", group),
            What::Forwarded { by, when } => {
                is("forwarded").plain("by", by).plain("when", Plain::word(*when))
            }
            What::Parked { slot } => is("parked").plain("slot", slot.0),
            What::Offered { agent } => is("offered").field("agent", Class::Agent, agent.as_str()),
            What::TakenBy { agent } => is("taken_by").field("agent", Class::Agent, agent.as_str()),
            What::Dialled { trunk } => is("dialled").plain("trunk", trunk),
            What::Answered { leg } => is("answered").plain("leg", leg),
            What::Held { leg } => is("held").plain("leg", leg),
            What::Resumed { leg } => is("resumed").plain("leg", leg),
            What::Transferred { leg } => is("transferred").plain("leg", leg),
            What::Entered { leg, room, conference } => {
                let sheet = is("entered").plain("leg", leg).plain("room", room);
                sheet.maybe("conference", conference.as_ref())
            }
            What::Taped { recording, left, right } => {
                let sheet = is("taped").plain("recording", recording);
                sheet.plain("left", left).plain("right", right)
            }
            What::Untaped { recording } => is("untaped").plain("recording", recording),
            What::Consented { leg, consent } => said(is("consented").plain("leg", leg), consent),
            What::OneWay { leg, now } => is("one_way").plain("leg", leg).plain("now", *now),
            What::Machine { leg } => is("machine").plain("leg", leg),
            What::Recorded { recording } => is("recorded").plain("recording", recording),
            What::LegEnded { leg, cause } => {
                is("leg_ended").plain("leg", leg).plain("cause", Plain::word(*cause))
            }
        };
        // What somebody said to being recorded is proof.
        let proof = matches!(what, What::Consented { .. });
        vec![sheet.done(if proof { Sort::AUDIT } else { Sort::CALL })]
    }

    /// The record, and behind it how each leg sounded.
    pub(super) fn call(&self, record: &CallRecord) -> Vec<frame::Event> {
        let CallRecord {
            call,
            direction,
            origin,
            from,
            to,
            party,
            contact,
            arrived,
            answered,
            connected,
            ended,
            queue,
            agent,
            conference,
            cause,
            class,
            legs,
            recordings,
            diversions,
            diverted_by,
            fee,
            consent,
        } = record;
        let sheet = self.sheet("call", *ended).plain("call", call);
        let sheet = end(sheet.plain("direction", Plain::word(*direction)), origin);
        let sheet = sheet.maybe_field("from", Class::Number, text(from));
        let sheet = sheet.maybe_field("to", Class::Number, text(to));
        let sheet = sheet.maybe_field("party", Class::Number, maybe_text(party));
        let sheet = sheet.maybe("contact", contact.as_ref()).plain("arrived", *arrived);
        let sheet = sheet.maybe("answered", *answered).maybe("connected", *connected);
        let sheet = sheet.plain("ended", *ended).maybe("queue", queue.as_ref());
        let agent = agent.as_ref().map(|agent| agent.as_str());
        let sheet = sheet.maybe_field("agent", Class::Agent, agent);
        let sheet = sheet.maybe("conference", conference.as_ref());
        let sheet = sheet.plain("cause", Plain::word(*cause)).plain("class", Plain::word(*class));
        let sheet = sheet.parts("legs", legs.iter().map(|leg| self.leg(leg)));
        let sheet = sheet.list("recordings", recordings);
        let sheet =
            sheet.blobs(Class::Recording, recordings.iter().map(|id| (id.to_string(), None)));
        let diversion = |Diversion { by, when }: &Diversion| {
            self.part().plain("by", by).plain("when", Plain::word(*when))
        };
        let sheet = sheet.parts("diversions", diversions.iter().map(diversion));
        let sheet = sheet.maybe_field("diverted_by", Class::Number, maybe_text(diverted_by));
        let sheet = sheet.maybe("fee_millionths", fee.map(|fee| fee.0));
        let sheet = match consent {
            Some(consent) => said(sheet, consent),
            None => sheet,
        };
        let quality = |leg: &LegRecord| {
            let sheet = self.sheet("quality", *ended).plain("call", call).plain("leg", &leg.leg);
            Some(heard(end(sheet, &leg.peer), leg.quality.as_ref()?).done(Sort::QUALITY))
        };
        let mut events = vec![sheet.done(Sort::CALL)];
        events.extend(legs.iter().filter_map(quality));
        events
    }

    fn leg(&self, leg: &LegRecord) -> Sheet<'_> {
        // How it sounded is an event of its own.
        let LegRecord { leg, peer, answered, cause, quality: _ } = leg;
        let sheet = end(self.part().plain("leg", leg), peer);
        sheet.maybe("answered", *answered).plain("cause", Plain::word(*cause))
    }

    pub(super) fn voicemail(&self, at: UnixTime, voicemail: &Voicemail) -> Vec<frame::Event> {
        let is = |what: &'static str| self.sheet("voicemail", at).plain("what", what);
        let sheet = match voicemail {
            Voicemail::Begun(Begun { recording, mailbox, call, from, taken }) => {
                let sheet = is("begun").plain("recording", recording).plain("mailbox", mailbox);
                let sheet = sheet.plain("call", call).plain("taken", *taken);
                sheet.maybe_field("from", Class::Number, text(from))
            }
            Voicemail::Left { recording, length_ms } => {
                let sheet = is("left").plain("recording", recording).plain("length_ms", *length_ms);
                sheet.blobs(Class::Recording, [(recording.to_string(), None)])
            }
            Voicemail::Dropped { recording } => is("dropped").plain("recording", recording),
            Voicemail::Heard { recording, heard } => {
                is("heard").plain("recording", recording).plain("heard", *heard)
            }
            Voicemail::Deleted { recording } => is("deleted").plain("recording", recording),
            Voicemail::Greeting { mailbox, recording } => {
                let sheet = is("greeting").plain("mailbox", mailbox);
                sheet.maybe("recording", recording.as_ref())
            }
            // A secret, even as what its key makes of it.
            Voicemail::Pin { mailbox: _, pin: _ } => return Vec::new(),
        };
        vec![sheet.done(Sort::MESSAGE)]
    }
}

/// Who is at the far end.
pub(super) fn end<'a>(sheet: Sheet<'a>, peer: &Peer) -> Sheet<'a> {
    match peer {
        Peer::Extension(extension) => sheet.plain("extension", extension),
        Peer::Trunk(trunk) => sheet.plain("trunk", trunk),
        Peer::Chat(channel) => sheet.plain("chat", channel),
    }
}

fn said<'a>(sheet: Sheet<'a>, consent: &Consent) -> Sheet<'a> {
    let Consent { given, how } = consent;
    sheet.plain("recording_consent", *given).plain("said_by", Plain::word(*how))
}

fn heard<'a>(sheet: Sheet<'a>, quality: &Quality) -> Sheet<'a> {
    let Quality {
        sent,
        received,
        lost,
        jitter_ms,
        round_trip_ms,
        mos,
        mos_there,
        spoken_s,
        one_way,
        machine,
        forged,
        replayed,
        protection,
    } = quality;
    let sheet = sheet.plain("sent", *sent).plain("received", *received).plain("lost", *lost);
    let sheet = sheet.plain("jitter_ms", Plain::hundredths(*jitter_ms));
    let sheet = sheet.maybe("round_trip_ms", round_trip_ms.map(Plain::hundredths));
    let sheet = sheet.maybe("mos", mos.map(Plain::hundredths));
    let sheet = sheet.maybe("mos_there", mos_there.map(Plain::hundredths));
    let sheet = sheet.plain("spoken_s", Plain::hundredths(*spoken_s)).plain("one_way", *one_way);
    let sheet = sheet.plain("machine", *machine).plain("forged", *forged);
    let sheet = sheet.plain("replayed", *replayed);
    match protection {
        None => sheet,
        Some(Protection::Srtp { suite }) => sheet.plain("srtp", Plain::word(*suite)),
        Some(Protection::Dtls) => sheet.plain("srtp", "dtls"),
        Some(Protection::Clear { why }) => sheet.plain("clear", Plain::word(*why)),
    }
}
