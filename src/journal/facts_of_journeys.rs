//! Facts about journeys, which F11 is made of: what one person goes through for one purpose, over however many channels.
//!
//! The rule, so that an auditor can recompute it from records alone, read in their order:
//!
//! - **Touches.** A call from a trunk; something written that comes to a queue (`work`, `queued`, channel chat, message or
//!   mail); what a program tells that came in (`context`, `happened`, a message with way `in`); a form, an order or an
//!   appointment of a site (`site`). Pages, carts, devices and walk-ins are none: nobody has turned to the branch by a
//!   channel that it answers. A call out, once somebody answered, is a touch of a journey that goes on, and begins none.
//! - **When.** A call is a touch where it first goes to people: to a queue, a group, a mailbox, a phone. One that never
//!   does is a touch at its end, and one in *self-service* if it went through a flow. So a menu in front of the queue makes
//!   nobody a user of self-service.
//! - **Whose.** The contact's that the number or identity belongs to by then, merges followed; a number that nobody has
//!   stands for one person. Who hides the number, and whoever calls from a line that several share, cannot be told apart:
//!   each of their touches is a journey of its own.
//! - **Which.** While a case of the person is open, the journey that the person is on, as long as it was heard of within
//!   [`LONGEST`]; without one, that journey if its last touch is at most `[reports] journey_days` old: by default 7, so that
//!   F11 looks as far as F8 and F9 do by default. Otherwise a new one, called by the call, item or record that began it. The
//!   end of the person's last open case ends the journey.
//! - **Change of channel.** A call and the call back that was promised in it are one channel, the telephone: who is called
//!   back instead of holding the line has not been sent elsewhere. Text messages and messaging services are `message`,
//!   what comes by a site's pages is `task`.
//! - **Chosen or forced.** What somebody comes by of their own is chosen, unless the touch before turned them away: a queue
//!   sent the call elsewhere, or the branch ended it, and nobody spoke with them. What the branch does is forced: it moves
//!   what waits to another channel, or calls somebody who wrote.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::call::ending::Class;
use crate::context::{self, Change, Happening, Way};
use crate::id::{CallId, CaseId, WorkId};
use crate::journal::event::{CallRecord, Direction, What as Call};
use crate::journal::facts_of_people::People;
use crate::journal::personal::Personal;
use crate::journal::site::Site;
use crate::journal::work::{Step, Work};
use crate::report::fact::{Channel, Journey, Moved, Person, What, Words};
use crate::time::UnixTime;

/// How long a journey goes on of which nothing is heard, however open its case is: reports remember them as long. In
/// microseconds; 30 days.
const LONGEST: i64 = 30 * 86_400_000_000;
/// Events of sites by which somebody turns to the branch.
const TURNED_TO_US: [&str; 3] = ["appointment", "form", "order"];

/// Who is on which journey, as far as it may go on.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    window: Window,
    going: BTreeMap<Person, Going>,
    /// Touches in the order of time, to forget journeys by.
    touches: VecDeque<(UnixTime, Person)>,
    calls: BTreeMap<CallId, Caller>,
    cases: BTreeMap<CaseId, Person>,
    open: BTreeMap<Person, BTreeSet<CaseId>>,
}

/// For how long a journey goes on without an open case, in microseconds.
#[derive(Debug)]
struct Window(i64);

impl Default for Window {
    fn default() -> Self {
        Window::of(Words::default().journey)
    }
}

impl Window {
    fn of(span: Duration) -> Window {
        Window(i64::try_from(span.as_micros()).unwrap_or(LONGEST).min(LONGEST))
    }
}

#[derive(Debug)]
struct Going {
    journey: Journey,
    last: UnixTime,
    channel: Channel,
    /// Whether the last touch turned the person away.
    turned_away: bool,
}

/// A call from outside that is up.
#[derive(Debug, Default)]
struct Caller {
    person: Option<Person>,
    in_flow: bool,
    touched: bool,
    sent_on: bool,
}

/// One touch.
#[derive(Debug, Clone, Copy)]
struct Touch {
    at: UnixTime,
    /// What began the journey is called so, if this is the first.
    name: u64,
    channel: Channel,
    self_service: bool,
    /// Why by another channel, where the branch has decided it.
    moved: Option<Moved>,
}

impl Journeys {
    /// That go on for so long without an open case.
    pub fn new(window: Duration) -> Journeys {
        Journeys { window: Window::of(window), ..Journeys::default() }
    }

    /// A call came in over a trunk.
    pub fn arrived(&mut self, call: CallId, person: Option<Person>) {
        self.calls.insert(call, Caller { person, ..Caller::default() });
    }

    /// Something happened in a call.
    pub fn call(&mut self, at: UnixTime, call: CallId, what: &Call, tell: &mut dyn FnMut(What)) {
        match what {
            Call::Ivr { .. } => {
                if let Some(caller) = self.calls.get_mut(&call) {
                    caller.in_flow = true;
                }
            }
            Call::Queued { .. }
            | Call::Group { .. }
            | Call::Voicemail { .. }
            | Call::Forwarded { .. }
            | Call::Offered { .. }
            | Call::Answered { .. } => self.reaches_people(at, call, tell),
            _ => {}
        }
    }

    /// Something happened to an item of work.
    pub fn work(
        &mut self,
        at: UnixTime,
        (event, name): (&Work, WorkId),
        people: &People,
        tell: &mut dyn FnMut(What),
    ) {
        let person = event.contact.and_then(|contact| people.one(contact));
        match &event.what {
            Step::Queued { .. } if is_written(event.channel) => {
                self.touch(person, Touch::of(at, name.0, event.channel), tell);
            }
            Step::Queued { .. } => {
                event.call.into_iter().for_each(|call| self.reaches_people(at, call, tell));
            }
            Step::FlowedOut { .. } => {
                if let Some(caller) = event.call.and_then(|call| self.calls.get_mut(&call)) {
                    caller.sent_on = true;
                } else if let Some(going) = person.and_then(|who| self.going.get_mut(&who)) {
                    going.turned_away |= is_written(event.channel);
                }
            }
            Step::Moved { from } if heard(*from) != heard(event.channel) => {
                let caller = event.call.and_then(|call| self.calls.get(&call));
                let person = person.or(caller.and_then(|caller| caller.person));
                let moved = Some(Moved::Forced);
                self.touch(person, Touch { moved, ..Touch::of(at, name.0, event.channel) }, tell);
            }
            _ => {}
        }
    }

    /// A call is over.
    pub fn record(
        &mut self,
        at: UnixTime,
        record: &CallRecord,
        people: &People,
        tell: &mut dyn FnMut(What),
    ) {
        let spoken = record.connected.is_some();
        if record.direction == Direction::Outbound {
            let person = record.party.as_ref().and_then(|party| people.resolved(party));
            let goes_on = person.filter(|who| spoken && self.going_on(at, *who).is_some());
            if goes_on.is_some() {
                let moved = Some(Moved::Forced);
                let touch = Touch { moved, ..Touch::of(at, record.call.0, Channel::Voice) };
                self.touch(goes_on, touch, tell);
            }
        }
        let Some(caller) = self.calls.remove(&record.call) else { return };
        if !caller.touched {
            let self_service = caller.in_flow && !spoken;
            let touch = Touch::of(at, record.call.0, Channel::Voice);
            self.touch(caller.person, Touch { self_service, ..touch }, tell);
        }
        if let Some(going) = caller.person.and_then(|who| self.going.get_mut(&who)) {
            going.turned_away = !spoken && (caller.sent_on || record.class == Class::Us);
        }
    }

    /// A site tells that somebody turned to the branch.
    pub fn site(
        &mut self,
        (at, seq): (UnixTime, u64),
        site: &Site,
        people: &People,
        tell: &mut dyn FnMut(What),
    ) {
        if TURNED_TO_US.contains(&site.kind.as_str()) {
            let person = site.identities.iter().find_map(|identity| people.known_by(identity));
            self.touch(person, Touch::of(at, seq, Channel::Task), tell);
        }
    }

    /// Somebody changed what is known of people.
    pub fn change(
        &mut self,
        (at, seq): (UnixTime, u64),
        change: &Change<Personal>,
        people: &People,
        tell: &mut dyn FnMut(What),
    ) {
        match change {
            Change::Happened {
                contact,
                what: Happening::Message { channel, way: Way::In, .. },
                ..
            } => {
                if let Some(channel) = written_as(*channel) {
                    self.touch(people.one(*contact), Touch::of(at, seq, channel), tell);
                }
            }
            Change::CaseOpened { case, contact, .. } | Change::CaseSplit { case, contact, .. } => {
                let person = people.one(*contact);
                self.cases.extend(person.map(|person| (*case, person)));
                self.case_is(*case, true, tell);
            }
            Change::CaseClosed { case, closed } => self.case_is(*case, !closed, tell),
            // What stays is the other case, which is open.
            Change::CasesMerged { gone, .. } => {
                if let Some(person) = self.cases.remove(gone) {
                    self.is_last_open(person, *gone);
                }
            }
            _ => {}
        }
    }

    /// The box died: calls did not survive it, and are told of in records of their own.
    pub fn died(&mut self) {
        self.calls.clear();
    }

    fn case_is(&mut self, case: CaseId, open: bool, tell: &mut dyn FnMut(What)) {
        let Some(person) = self.cases.get(&case).copied() else { return };
        if open {
            self.open.entry(person).or_default().insert(case);
        } else if self.is_last_open(person, case) {
            let over = self.going.remove(&person);
            over.into_iter().for_each(|going| tell(What::Arrived { journey: going.journey }));
        }
    }

    /// Takes a case from those that are open. Answers whether it was the person's last.
    fn is_last_open(&mut self, person: Person, case: CaseId) -> bool {
        let Some(open) = self.open.get_mut(&person) else { return false };
        let last = open.remove(&case) && open.is_empty();
        if open.is_empty() {
            self.open.remove(&person);
        }
        last
    }

    fn reaches_people(&mut self, at: UnixTime, call: CallId, tell: &mut dyn FnMut(What)) {
        let Some(caller) = self.calls.get_mut(&call) else { return };
        if !std::mem::replace(&mut caller.touched, true) {
            let person = caller.person;
            self.touch(person, Touch::of(at, call.0, Channel::Voice), tell);
        }
    }

    fn touch(&mut self, person: Option<Person>, touch: Touch, tell: &mut dyn FnMut(What)) {
        let Touch { at, name, channel, self_service, moved } = touch;
        let channel = heard(channel);
        let Some(person) = person else {
            let journey = Journey(name);
            return tell(What::Touch { journey, channel, self_service, moved: None });
        };
        let before = self.going_on(at, person).map(|going| {
            let changed = going.channel != channel;
            let own = if going.turned_away { Moved::Forced } else { Moved::Chosen };
            (going.journey, moved.or(Some(own)).filter(|_| changed))
        });
        let (journey, moved) = before.unwrap_or((Journey(name), None));
        let going = Going { journey, last: at, channel, turned_away: false };
        self.going.insert(person, going);
        self.touches.push_back((at, person));
        self.forget(at);
        tell(What::Touch { journey, channel, self_service, moved });
    }

    /// The journey that a person is on.
    fn going_on(&self, at: UnixTime, person: Person) -> Option<&Going> {
        let limit = if self.open.contains_key(&person) { LONGEST } else { self.window.0 };
        self.going.get(&person).filter(|going| at.0 - going.last.0 <= limit)
    }

    fn forget(&mut self, now: UnixTime) {
        while let Some((at, person)) = self.touches.front().copied()
            && now.0 - at.0 > LONGEST
        {
            self.touches.pop_front();
            if self.going.get(&person).is_some_and(|going| going.last == at) {
                self.going.remove(&person);
            }
        }
    }
}

impl Touch {
    fn of(at: UnixTime, name: u64, channel: Channel) -> Touch {
        Touch { at, name, channel, self_service: false, moved: None }
    }
}

/// A call back is the telephone.
fn heard(channel: Channel) -> Channel {
    if channel.is_spoken() { Channel::Voice } else { channel }
}

fn is_written(channel: Channel) -> bool {
    matches!(channel, Channel::Chat | Channel::Message | Channel::Mail)
}

/// How reports call what came in by a channel of records; nothing for what is a call, which has a record of its own, and for
/// who came in person.
fn written_as(channel: context::Channel) -> Option<Channel> {
    match channel {
        context::Channel::Chat => Some(Channel::Chat),
        context::Channel::Mail => Some(Channel::Mail),
        context::Channel::Sms | context::Channel::Message => Some(Channel::Message),
        context::Channel::Web => Some(Channel::Task),
        context::Channel::Voice | context::Channel::Visit => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Identity, Kind, Sharing};
    use crate::id::ContactId;
    use crate::journal::personal::Subject;

    const ANN: ContactId = ContactId(1);
    const LINE: ContactId = ContactId(2);

    #[derive(Default)]
    struct Log {
        people: People,
        journeys: Journeys,
        seq: u64,
    }

    impl Log {
        /// What is told of a change: `touch J chosen`, by the number of the record that began the journey.
        fn add(&mut self, day: i64, change: &Change<Personal>) -> String {
            self.seq += 1;
            let mut told = Vec::new();
            let at = UnixTime(day * 86_400_000_000);
            self.people.change(change, &mut |_| {});
            self.journeys.change((at, self.seq), change, &self.people, &mut |what| {
                told.push(match what {
                    What::Touch { journey, moved: None, .. } => format!("touch {}", journey.0),
                    What::Touch { journey, moved: Some(moved), .. } => {
                        format!("touch {} {moved:?}", journey.0)
                    }
                    What::Arrived { journey } => format!("over {}", journey.0),
                    other => format!("{other:?}"),
                });
            });
            told.join(", ")
        }

        fn writes(&mut self, day: i64, contact: ContactId, channel: context::Channel) -> String {
            let (text, reference) = (None, None);
            let what = Happening::Message { channel, way: Way::In, text, reference };
            self.add(day, &Change::Happened { contact, at: UnixTime(0), what })
        }
    }

    #[test]
    fn a_journey_goes_on_as_long_as_its_case_and_for_a_week_without_one() {
        use context::Channel::{Chat, Mail};
        let mut log = Log::default();
        assert_eq!(log.writes(0, ANN, Chat), "touch 1");
        let case = CaseId(5);
        let opened = Change::CaseOpened { case, contact: ANN, title: None, moments: Vec::new() };
        assert_eq!(log.add(1, &opened), "");
        assert_eq!(log.writes(20, ANN, Mail), "touch 1 Chosen", "the case is open");
        let closed = Change::CaseClosed { case, closed: true };
        assert_eq!(log.add(20, &closed), "over 1");
        assert_eq!(log.add(20, &closed), "", "once");
        assert_eq!(log.writes(21, ANN, Chat), "touch 6");
        assert_eq!(log.writes(28, ANN, Chat), "touch 6", "7 days later");
        assert_eq!(log.writes(36, ANN, Mail), "touch 8", "8 days later");
        let again = Change::CaseClosed { case, closed: false };
        assert_eq!(log.add(36, &again), "");
        assert_eq!(log.writes(66, ANN, Chat), "touch 8 Chosen", "30 days later");
        assert_eq!(log.writes(97, ANN, Mail), "touch 11", "31 days later: nobody remembers");
    }

    #[test]
    fn a_line_that_several_share_is_nobodys_journey() {
        let mut log = Log::default();
        let value = Personal::Sealed(Subject::from([7; 16]), Vec::new());
        let identity = Identity { kind: Kind::Phone, value };
        log.add(0, &Change::Shared { identity, sharing: Sharing::Office, line: LINE });
        assert_eq!(log.writes(0, LINE, context::Channel::Chat), "touch 2");
        assert_eq!(log.writes(0, LINE, context::Channel::Mail), "touch 3");
    }
}
