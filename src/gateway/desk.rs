//! Feature codes on one side, phones, schedules and the journal on the other: what is chosen is kept and then told.

use crate::address::Number;
use crate::admin::api::bodies::Mode;
use crate::call::Saying;
use crate::call::desk::hot_desk::Step;
use crate::call::desk::{Choice, Onward, Slot, When};
use crate::call::plan::{Destination, Feature, Order};
use crate::gateway::Gateway;
use crate::gateway::sound::Playing;
use crate::hours::{self, State};
use crate::id::{CallId, ExtensionId, LegId, ScheduleId};
use crate::ivr::{ClipName, prompts, speak};
use crate::journal::event::{Event, PhoneChoice};
use crate::media::Clip;
use crate::sip::message::{Headers, Method};
use crate::sip::registrar::Binding;
use crate::sip::transaction::ClientKey;
use crate::sip::uri::{Host, NameAddr, Uri, host_port};
use crate::time::Now;

/// Feature codes.
impl Gateway {
    /// Carries out a feature code and says how it went.
    pub(super) fn feature(
        &mut self,
        now: Now,
        call: CallId,
        feature: Feature,
        behind: Option<Number>,
        extension: &ExtensionId,
    ) {
        if let Some(mode) = part_of(feature) {
            return self.supervise_by_code(now, call, mode, behind, extension);
        }
        let forward = |when, on: bool| match (on, &behind) {
            (false, _) => Some(Choice::Forward(when, None)),
            (true, Some(number)) => {
                Some(Choice::Forward(when, Some(Onward::Number(number.clone()))))
            }
            (true, None) => None,
        };
        let choice = match feature {
            Feature::ForwardAlways => forward(When::Always, true),
            Feature::ForwardAlwaysOff => forward(When::Always, false),
            Feature::ForwardBusy => forward(When::Busy, true),
            Feature::ForwardBusyOff => forward(When::Busy, false),
            Feature::ForwardNoAnswer => forward(When::NoAnswer, true),
            Feature::ForwardNoAnswerOff => forward(When::NoAnswer, false),
            Feature::ForwardUnregistered => forward(When::Unregistered, true),
            Feature::ForwardUnregisteredOff => forward(When::Unregistered, false),
            Feature::DoNotDisturb => Some(Choice::DoNotDisturb(true)),
            Feature::DoNotDisturbOff => Some(Choice::DoNotDisturb(false)),
            Feature::CallWaiting => Some(Choice::CallWaiting(true)),
            Feature::CallWaitingOff => Some(Choice::CallWaiting(false)),
            feature if feature.is_for_agents() => {
                return self.agent_feature(now, call, feature, extension);
            }
            Feature::HotDesk => return self.ask_for_pin(now, call, behind),
            Feature::HotDeskOff => return self.sign_off(now, call),
            _ => None,
        };
        match choice.filter(|choice| self.may_choose(now, extension, choice)) {
            Some(choice) => self.choose(now, call, extension, choice),
            None => self.calls.handle_feature(call, Saying::NotPossible),
        }
    }

    /// Nobody forwards to where they may not call themselves, to help, or to their own phone.
    fn may_choose(&self, now: Now, extension: &ExtensionId, choice: &Choice) -> bool {
        let Choice::Forward(_, Some(Onward::Number(number))) = choice else { return true };
        let to = Destination::Dial { number: number.clone(), by: extension.clone() };
        match self.plan.onward(to, now.unix) {
            Destination::Nowhere(_) => false,
            Destination::Extension(other) => other != *extension,
            _ => true,
        }
    }

    fn choose(&mut self, now: Now, call: CallId, extension: &ExtensionId, choice: Choice) {
        let saying = match &choice {
            Choice::Forward(_, Some(_)) => Saying::ForwardOn,
            Choice::Forward(_, None) => Saying::ForwardOff,
            Choice::DoNotDisturb(true) => Saying::DoNotDisturb,
            Choice::DoNotDisturb(false) => Saying::DoNotDisturbOff,
            Choice::CallWaiting(true) => Saying::CallWaiting,
            Choice::CallWaiting(false) => Saying::CallWaitingOff,
        };
        let chosen = self.calls.handle_choice(extension, choice);
        let event = Event::Phone(PhoneChoice::new(extension, chosen));
        tracing::info!(%extension, ?saying, "something was chosen at a phone");
        self.say_when_kept(now, event, call, saying);
    }

    /// The phone that a call comes from, whosever it is now.
    fn phone_behind(&self, call: CallId) -> Option<ExtensionId> {
        self.calls.caller(call).and_then(|leg| self.legs.get(leg))?.account.clone()
    }

    fn ask_for_pin(&mut self, now: Now, call: CallId, behind: Option<Number>) {
        let (Some(phone), Some(person)) = (self.phone_behind(call), behind) else {
            return self.calls.handle_feature(call, Saying::NotPossible);
        };
        self.hot_desks.begin(now, call, phone, person.as_str().into());
        self.say_and_listen(call, &[prompts::ENTER_PIN]);
    }

    fn say_and_listen(&mut self, call: CallId, names: &[&str]) {
        let Some(leg) = self.calls.caller(call) else { return };
        let names: Vec<_> = names.iter().map(|name| ClipName::from(*name)).collect();
        let clips = self.prompts.clips(&names);
        self.play(leg, Playing::Background, clips, false, true);
    }

    /// A key of somebody who is asked for a PIN. Answers whether it was one.
    pub(super) fn pin_key(&mut self, now: Now, leg: LegId, key: char) -> bool {
        let Some(call) = self.calls.call_of(leg) else { return false };
        if !self.hot_desks.is_asking(call) {
            return false;
        }
        match self.hot_desks.handle_key(now, call, key) {
            None => {}
            Some(Step::Again) => {
                self.say_and_listen(call, &[prompts::WRONG_PIN, prompts::ENTER_PIN]);
            }
            Some(Step::Refused) => {
                tracing::warn!(%call, "nobody could sign in at a phone: the PIN was wrong");
                self.calls.handle_feature(call, Saying::WrongPin);
            }
            Some(Step::SignedIn { phone, person, left }) => {
                tracing::info!(%phone, %person, "somebody has signed in at a phone");
                if let Some(phone) = left {
                    self.keep(now, Event::HotDesk { phone, person: None });
                }
                let person = (phone != person).then_some(person);
                let event = Event::HotDesk { phone, person };
                self.say_when_kept(now, event, call, Saying::SignedIn);
            }
        }
        true
    }

    fn sign_off(&mut self, now: Now, call: CallId) {
        let phone = self.phone_behind(call);
        match phone.filter(|phone| self.hot_desks.handle_sign_off(phone)) {
            Some(phone) => {
                tracing::info!(%phone, "a phone is its own again");
                let event = Event::HotDesk { phone, person: None };
                self.say_when_kept(now, event, call, Saying::SignedOut);
            }
            None => self.calls.handle_feature(call, Saying::NotPossible),
        }
    }

    pub(super) fn hot_desks_time_out(&mut self, now: Now) {
        while let Some(call) = self.hot_desks.pop_timeout(now) {
            self.calls.handle_feature(call, Saying::NotPossible);
        }
    }

    /// Where an extension's phones are: its own, and those that its user has signed in at.
    pub(super) fn phones_of(&self, now: Now, extension: &ExtensionId) -> Vec<Binding> {
        [extension]
            .into_iter()
            .chain(self.hot_desks.phones_of(extension))
            .flat_map(|phone| self.registrar.contacts(now, phone.as_str()))
            .cloned()
            .collect()
    }

    /// What is set at an extension's phone, and who is signed in where.
    pub(super) fn phone_set(&self, extension: &ExtensionId) -> Vec<String> {
        let mut set = self.calls.phone_words(extension);
        let person = self.hot_desks.person_at(extension);
        if person != extension {
            set.push(format!("is the phone of {person}"));
        }
        set.extend(
            self.hot_desks.phones_of(extension).map(|phone| format!("signed in at {phone}")),
        );
        match self.tabs.at(extension).len() {
            0 => {}
            1 => set.push("rings in a page".to_owned()),
            pages => set.push(format!("rings in {pages} pages")),
        }
        set
    }

    /// Where a forward or a schedule leads at this moment.
    pub(super) fn route(&mut self, now: Now, call: CallId, destination: Destination) {
        let destination = self.plan.onward(destination, now.unix);
        self.calls.handle_routed(now, call, destination);
    }

    /// Does what the code of a schedule orders, and tells how the schedule is then.
    pub(super) fn override_schedule(
        &mut self,
        now: Now,
        call: CallId,
        schedule: ScheduleId,
        order: Order,
    ) {
        let forced = match order {
            Order::Tell => None,
            Order::Follow => Some(None),
            Order::Force(forced) => Some(Some(forced)),
        };
        if let Some(forced) = forced {
            self.plan.force(&schedule, forced);
        }
        let saying = match self.plan.state(&schedule, now.unix) {
            Some((State::Open, _)) => Saying::Open,
            Some((State::Closed, _)) => Saying::Closed,
            Some((State::Holiday, _)) => Saying::Holiday,
            None => Saying::NotPossible,
        };
        match forced {
            Some(forced) => {
                tracing::info!(%schedule, ?forced, "a schedule was told what to do");
                self.say_when_kept(now, Event::Schedule { schedule, forced }, call, saying);
            }
            None => self.calls.handle_feature(call, saying),
        }
    }

    /// What was chosen before a restart.
    pub(super) fn restore_desk(&mut self) {
        let live = self.journal.live().clone();
        for (extension, choice) in live.phones {
            let chosen = choice.chosen(|personal| self.journal.keys().read(personal));
            self.calls.restore_choice(extension, chosen);
        }
        for (phone, person) in live.hot_desks {
            self.hot_desks.restore(phone, person);
        }
        for (schedule, forced) in live.schedules {
            self.plan.force(&schedule, Some(forced));
        }
    }

    /// A phone that has parked somebody by a transfer is out of the call before it could hear the number: it gets a text.
    pub(super) fn show_parked(&mut self, now: Now, by: &ExtensionId, slot: Slot) {
        self.write_to(now, by, "parking", &format!("Parked at {slot}"));
    }

    /// A text for every phone of an extension (RFC 3428). Answers what each was sent as.
    pub(super) fn write_to(
        &mut self,
        now: Now,
        extension: &ExtensionId,
        from: &str,
        text: &str,
    ) -> Vec<ClientKey> {
        let mut sent = Vec::new();
        for binding in self.phones_of(now, extension) {
            let Some(mut request) = binding.request(Method::MESSAGE) else { continue };
            let (host, port) = host_port(binding.local);
            let to = NameAddr::new(Uri::sip(Some(&binding.user), host.clone(), Some(port)));
            let from = NameAddr::new(Uri::sip(Some(from), host, Some(port)));
            // Both are made of addresses and of an extension's digits.
            let _ = request.headers.push("From", from.to_string());
            let _ = request.headers.push("To", to.to_string());
            let Ok(request) = request.with_body("text/plain", text.as_bytes().to_vec()) else {
                continue;
            };
            sent.push(self.endpoint.request(now, binding.route(), binding.local, request, None));
        }
        sent
    }

    /// A sentence in clips.
    pub(super) fn sentence(&self, saying: Saying) -> Vec<Clip> {
        let name = match saying {
            Saying::SignedIn => prompts::SIGNED_IN,
            Saying::SignedOut => prompts::SIGNED_OUT,
            Saying::Paused => prompts::PAUSED,
            Saying::Resumed => prompts::RESUMED,
            Saying::NotPossible => prompts::NOT_POSSIBLE,
            Saying::Unavailable => prompts::UNAVAILABLE,
            Saying::CapReached => prompts::CAP_REACHED,
            // Made of numbers and places: `emergency` says it.
            Saying::WhereYouAre => return Vec::new(),
            Saying::ForwardOn => prompts::FORWARD_ON,
            Saying::ForwardOff => prompts::FORWARD_OFF,
            Saying::DoNotDisturb => prompts::DO_NOT_DISTURB_ON,
            Saying::DoNotDisturbOff => prompts::DO_NOT_DISTURB_OFF,
            Saying::CallWaiting => prompts::CALL_WAITING_ON,
            Saying::CallWaitingOff => prompts::CALL_WAITING_OFF,
            Saying::WrongPin => prompts::WRONG_PIN,
            Saying::Parked(_) => prompts::PARKED_AT,
            Saying::CalledBack => prompts::CALLBACK_PROMISED,
            Saying::CalledBackFrom(_) => prompts::CALLBACK_PROMISED_LATER,
            Saying::Open => prompts::SCHEDULE_OPEN,
            Saying::Closed => prompts::SCHEDULE_CLOSED,
            Saying::Holiday => prompts::SCHEDULE_HOLIDAY,
        };
        let mut names = vec![ClipName::from(name)];
        if let Saying::Parked(slot) = saying {
            // Twice: who has no pen at hand remembers the second time.
            let digits = speak::digits(&slot.to_string());
            names.extend(digits.iter().chain(&digits).cloned());
        }
        if let Saying::CalledBackFrom(at) = saying
            && let Some((date, time)) = hours::local(at, self.flows.zone())
        {
            names.extend(speak::date(date).into_iter().chain(speak::time(time)));
        }
        self.prompts.clips(&names)
    }
}

/// Headers that make a phone answer by itself. There is no one way: RFC 5373 has Answer-Mode, snom, Grandstream, Cisco
/// and others go by Call-Info, Polycom and Yealink by Alert-Info.
pub(super) fn answer_by_itself(headers: &mut Headers, host: &Host) {
    let lines = [
        ("Answer-Mode", "Auto".to_owned()),
        ("Call-Info", format!("<sip:{host}>;answer-after=0")),
        ("Alert-Info", format!("<http://{host}>;info=alert-autoanswer;delay=0")),
    ];
    for (name, value) in lines {
        // Made of an address of ours.
        let _ = headers.push(name, value);
    }
}

/// How somebody listens in who dials this code.
fn part_of(feature: Feature) -> Option<Mode> {
    match feature {
        Feature::Monitor => Some(Mode::Monitor),
        Feature::Whisper => Some(Mode::Whisper),
        Feature::Barge => Some(Mode::Barge),
        _ => None,
    }
}
