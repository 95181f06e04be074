//! One modem, supervised: found, set up, kept registered, read out, sent through, and reset when nothing else helps.
//!
//! It owns one line's dialogue and what the modem behind it is. It reads messages and deletes one only after its owner has
//! said that it is stored; it sends parts and says of each what came of it, `doubtful` where nobody can know; it matches
//! reports with parts, and gives out what it must know of them after a restart. It does not put parts together, chooses no
//! SIM ([`pool`] does), and opens nothing: [`Output`] says what is to be done, `driver/modem.rs` does it.

pub mod condition;
pub mod pool;
pub mod profile;
pub mod transcript;

mod inbox;
mod outbox;
mod registration;
mod reset;
mod setup;
mod ussd;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use condition::{Condition, Identity, Snapshot, Strength};
pub use outbox::{Outcome, Refusal, Whose};
pub use profile::{NotAProfile, Profile, Profiles, UssdForm};

use super::at::{self, Answer, Command, Dialogue, Unsolicited, after};
use super::pdu::{Deliver, StatusReport};
use crate::time::{Now, UnixTime, earliest};
use condition::Signal;
use inbox::{Inbox, Place};
use outbox::Outbox;
use registration::{CODES, Registration};
use reset::Resets;
use transcript::Transcript;

/// How often the modem is asked how it is.
const POLL: Duration = Duration::from_secs(30);
/// How often its memories are looked through where it announces what arrives.
const SWEEP: Duration = Duration::from_secs(120);
/// The same where it has shown that it does not.
const SWEEP_OFTEN: Duration = Duration::from_secs(15);
/// How long after a line went away it is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often a SIM that is locked, missing or busy is looked at again.
const LOOK_AT_SIM: Duration = Duration::from_secs(10);
/// Between two octets, for a modem that does not hear what comes at once.
const SLOWLY: Duration = Duration::from_millis(5);
/// The same where a message came torn at that too: a part of 350 digits takes 7 s then, well within its patience.
const SLOWER: Duration = Duration::from_millis(20);
/// Tasks that wait. Each message in a memory makes a few; one sweep of full memories fits.
const MOST_TASKS: usize = 4_096;

/// What the site says of a modem.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What it calls it.
    pub label: String,
    /// Only a device with this serial number; nothing: whatever is found first, and then that one.
    pub imei: Option<String>,
    /// Only a SIM with this serial number.
    pub iccid: Option<String>,
    /// What unlocks the SIM.
    pub pin: Option<String>,
}

/// What must be known again after a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Parts that were sent and not reported.
    pub outstanding: Vec<Outstanding>,
    /// A digest of the SIM and the PIN that it refused.
    pub refused_pin: Option<String>,
}

/// A part whose report has not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outstanding {
    /// What the part is called from here on: it is never given to another.
    pub reference: String,
    /// A digest of the SIM that sent it.
    pub sim: String,
    /// TP-MR, by which the network knows it (TS 23.040 section 9.2.3.6).
    pub number: u8,
    /// Two octets by which a report on it is told from one to somebody else: of a number that was erased meanwhile nothing is
    /// left here.
    #[serde(default)]
    pub check: u16,
    /// When.
    pub at: UnixTime,
}

/// What is to be remembered, each as it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A part was sent.
    Sent(Outstanding),
    /// Nothing more is awaited for a part, by its reference.
    Over(String),
    /// A SIM refused a PIN.
    PinRefused(String),
}

impl Kept {
    /// Takes a change in, as a restart does with what was remembered.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Sent(part) => self.outstanding.push(part),
            Change::Over(reference) => self.outstanding.retain(|part| part.reference != reference),
            Change::PinRefused(digest) => self.refused_pin = Some(digest),
        }
    }
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// What the owner calls it.
    pub id: u64,
    /// The recipient, for the report. Personal data.
    pub to: String,
    /// Each part as an SMS-SUBMIT without a service centre ([`super::segment`]).
    pub parts: Vec<Vec<u8>>,
    /// After this it is of no use.
    pub until: UnixTime,
    /// Ahead of everything that is not.
    pub urgent: bool,
}

/// What somebody wants of the modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Send this. It is answered by [`Told::Sent`] exactly once.
    Send(Send),
    /// What was told under this key is on the disk: the modem may forget it.
    Stored(String),
    /// Ask the network something, or answer what it asked (`*100#`). Answered by [`Told::Ussd`].
    Ussd(String),
    /// End what the network asked.
    EndUssd,
    /// A person wants it reset, whatever the budget says.
    Reset,
}

/// Why no line could be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLine {
    /// There is none.
    Absent,
    /// There is a stick that is a network card.
    NetworkStick,
    /// There is a stick that is still a disk.
    DiskStick,
    /// Another program has it.
    Taken,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write to the line.
    Write(Vec<u8>),
    /// Open a line: the same that was open last, or the next one that may be it. Answer with [`Modem::handle_opened`] or
    /// [`Modem::handle_no_line`].
    Open {
        /// The one that was open is not it: try another.
        other: bool,
    },
    /// Close the line.
    Close,
    /// Switch its power off and on, where a hub can.
    Power,
    /// Tell the owner.
    Told(Told),
}

/// What a modem tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A message arrived, or a part of one. Answer with [`Order::Stored`].
    Arrived {
        /// The same whenever the same message is read.
        key: String,
        /// It; nothing: it cannot be read, and is kept as it came.
        deliver: Option<Box<Deliver>>,
        /// As it came, with the service centre in front.
        pdu: Vec<u8>,
    },
    /// The network says what became of a part. Answer with [`Order::Stored`].
    Report {
        /// The same whenever the same report is read.
        key: String,
        /// What the part is called; nothing: it is none of ours.
        reference: Option<String>,
        /// It.
        report: Box<StatusReport>,
    },
    /// What came of sending.
    Sent {
        /// [`Send::id`].
        id: u64,
        /// It.
        outcome: Outcome,
    },
    /// To be remembered.
    Remember(Change),
    /// What the network answered.
    Ussd {
        /// It; nothing: it did not answer.
        text: Option<String>,
        /// It waits for an answer.
        more: bool,
    },
    /// How the modem is now.
    Condition(Condition),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No line is open.
    Away,
    /// A line is open, and the way in is looked for.
    Waking,
    /// It is asked who it is and told how to behave.
    Setup,
    /// It works, as far as its network lets it.
    Up,
    /// It waits for something about its SIM.
    Locked,
    /// A reset is under way.
    Resetting,
    /// Nothing helps.
    GivenUp,
}

/// One thing to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Task {
    Setup(setup::Step),
    Standing(usize),
    Quality,
    Usage,
    Select(String),
    List(String),
    Read(Place),
    Verify { place: Place, key: String },
    Delete(Place),
    Acknowledge,
    Together,
    Part,
    Ussd(String),
    EndUssd,
    Radio(bool),
}

impl Task {
    /// Whether it may be done twice where nobody knows whether it was done: what was sent or deleted may not.
    fn is_harmless(&self) -> bool {
        matches!(self, Task::Select(_) | Task::List(_) | Task::Read(_) | Task::Verify { .. })
    }
}

/// One modem.
#[derive(Debug)]
pub struct Modem {
    settings: Settings,
    profiles: Arc<Profiles>,
    profile: Profile,
    dialogue: Dialogue,
    own_line: bool,
    phase: Phase,
    condition: Condition,
    told: Option<Condition>,
    identity: Identity,
    setup: setup::Setup,
    refused_pin: Option<String>,
    registration: Registration,
    signal: Signal,
    inbox: Inbox,
    outbox: Outbox,
    ussd: ussd::Ussd,
    resets: Resets,
    transcript: Transcript,
    tasks: VecDeque<Task>,
    running: Option<Task>,
    silences: u32,
    /// Time between two octets at which it was heard, or understood, when it was not at less; zero: whatever comes is heard.
    slow: Duration,
    retry: Option<Instant>,
    poll: Option<Instant>,
    sweep: Option<Instant>,
    unregistered_since: Option<Instant>,
    garbage: u64,
    outputs: VecDeque<Output>,
}

impl Modem {
    /// One that nobody has seen yet. It begins by wanting a line.
    pub fn new(settings: Settings, profiles: Arc<Profiles>, kept: Kept) -> Modem {
        let mut outbox = Outbox::default();
        outbox.restore(kept.outstanding);
        Modem {
            settings,
            profile: profiles.fitting("", ""),
            profiles,
            dialogue: Dialogue::default(),
            own_line: false,
            phase: Phase::Away,
            condition: Condition::Absent,
            told: None,
            identity: Identity::default(),
            setup: setup::Setup::default(),
            refused_pin: kept.refused_pin,
            registration: Registration::default(),
            signal: Signal::default(),
            inbox: Inbox::default(),
            outbox,
            ussd: ussd::Ussd::default(),
            resets: Resets::default(),
            transcript: Transcript::default(),
            tasks: VecDeque::new(),
            running: None,
            silences: 0,
            slow: Duration::ZERO,
            retry: None,
            poll: None,
            sweep: None,
            unregistered_since: None,
            garbage: 0,
            outputs: VecDeque::from([Output::Open { other: false }]),
        }
    }

    /// A line is open. `own` says whether it is known to be this modem's: named by its port, or the one at which it said who it is.
    pub fn handle_opened(&mut self, now: Now, own: bool) {
        self.begin_line(now);
        self.own_line = own;
        self.phase = Phase::Waking;
        // A line that was no good is tried again and again: that is no start.
        if !matches!(self.condition, Condition::Deaf | Condition::Foreign) {
            self.set(Condition::Starting);
        }
        self.dialogue.synchronise(now);
        self.go_on(now);
    }

    /// There is none.
    pub fn handle_no_line(&mut self, now: Now, why: NoLine) {
        self.phase = Phase::Away;
        self.retry = Some(now.instant + LOOK_AGAIN);
        // Why the lines that were tried were no good says more than that there is no other.
        if why != NoLine::Absent || !matches!(self.condition, Condition::Deaf | Condition::Foreign)
        {
            self.set(match why {
                NoLine::Absent => Condition::Absent,
                NoLine::NetworkStick => Condition::NetworkStick,
                NoLine::DiskStick => Condition::DiskStick,
                NoLine::Taken => Condition::Taken,
            });
        }
    }

    /// The line went away.
    pub fn handle_gone(&mut self, now: Now) {
        if self.phase == Phase::Away {
            return;
        }
        self.transcript.note(now.unix, "the line is gone");
        self.dialogue.handle_gone();
        self.drain(now);
        self.end_line(now);
        if self.phase != Phase::Resetting {
            self.set(Condition::Absent);
        }
        self.phase = Phase::Away;
        self.retry = Some(now.instant + LOOK_AGAIN);
    }

    /// Octets came.
    pub fn handle_bytes(&mut self, now: Now, octets: &[u8]) {
        if self.phase == Phase::Away {
            return;
        }
        self.dialogue.handle_bytes(now, octets);
        self.go_on(now);
    }

    /// Somebody wants something.
    pub fn handle_order(&mut self, now: Now, order: Order) {
        match order {
            Order::Send(send) => self.order_send(now, send),
            Order::Stored(key) => self.stored(&key),
            Order::Ussd(text) => self.order_ussd(now, text),
            Order::EndUssd => self.add(Task::EndUssd),
            Order::Reset => self.reset_by_hand(now),
        }
        self.go_on(now);
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.phase != Phase::Away {
            self.dialogue.handle_timeout(now);
        }
        if due(&mut self.retry, now) {
            self.try_again(now);
        }
        if due(&mut self.poll, now) {
            self.ask_how_it_is(now);
        }
        if due(&mut self.sweep, now) {
            self.begin_sweep(now);
        }
        self.expire(now);
        self.go_on(now);
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        let dialogue = self.dialogue.deadline().filter(|_| self.phase != Phase::Away);
        let own = [self.retry, self.poll, self.sweep, self.ussd.deadline(), self.outbox.deadline()];
        own.into_iter().fold(dialogue, earliest)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How it is.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// The whole of how it is.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            label: self.settings.label.clone(),
            condition: self.condition,
            words: self.condition.to_string(),
            identity: self.identity.clone(),
            profile: self.profile.name.clone(),
            announcing: self.setup.announcing().map(str::to_owned),
            signal: self.signal.last(),
            signal_history: self.signal.history(),
            full: self.inbox.is_full(),
            waiting: self.outbox.waiting(),
            outstanding: self.outbox.outstanding(),
            unstored: self.inbox.unstored(),
            resets: self.resets.count(),
            ladder: self.resets.ladder(),
            garbage: self.garbage + self.dialogue.garbage(),
        }
    }

    /// What was asked and answered lately, without numbers and texts.
    pub fn transcript(&self) -> Vec<transcript::Entry> {
        self.transcript.entries()
    }

    fn begin_line(&mut self, now: Now) {
        self.end_line(now);
        self.setup = setup::Setup::default();
        self.registration = Registration::default();
        self.unregistered_since = None;
        self.retry = None;
    }

    fn end_line(&mut self, now: Now) {
        self.tasks.clear();
        self.running = None;
        self.inbox.forget();
        self.poll = None;
        self.sweep = None;
        self.lose_sending(now);
        self.lose_ussd();
    }

    fn try_again(&mut self, now: Now) {
        match self.phase {
            Phase::Away => self.outputs.push_back(Output::Open { other: false }),
            Phase::Locked => self.begin_setup(now),
            Phase::Resetting => self.reset_took(now),
            Phase::GivenUp => self.reset_due(now),
            Phase::Waking | Phase::Setup | Phase::Up => {}
        }
    }

    /// Takes what the dialogue says, and asks what is next.
    fn go_on(&mut self, now: Now) {
        self.drain(now);
        self.ask_next(now);
        self.drain(now);
    }

    fn drain(&mut self, now: Now) {
        while let Some(output) = self.dialogue.poll_output() {
            match output {
                at::Output::Write(octets) => self.outputs.push_back(Output::Write(octets)),
                at::Output::Answered(answer) => self.answered(now, &answer),
                at::Output::Unsolicited(code) => self.unsolicited(now, &code),
                at::Output::Synchronised => self.synchronised(now),
                at::Output::Silent => self.silent(now),
            }
        }
    }

    fn ask_next(&mut self, now: Now) {
        while self.dialogue.is_idle() && self.running.is_none() {
            if matches!(self.phase, Phase::Away | Phase::Waking | Phase::GivenUp) {
                return;
            }
            let Some(task) = self.next_task(now) else { return };
            let Some(command) = self.command(now, &task) else { continue };
            self.running = Some(task);
            self.dialogue.ask(now, command);
        }
    }

    /// What must be read in another memory waits until that is chosen.
    fn next_task(&mut self, now: Now) -> Option<Task> {
        if let Some(task) = self.next_part(now) {
            self.tasks.push_front(task);
        }
        let task = self.tasks.pop_front()?;
        let memory = match &task {
            Task::List(memory) => Some(memory.clone()),
            Task::Read(place) | Task::Verify { place, .. } | Task::Delete(place) => {
                Some(place.memory.clone())
            }
            _ => None,
        };
        let Some(memory) = memory.filter(|memory| !self.inbox.is_chosen(memory)) else {
            return Some(task);
        };
        self.tasks.push_front(task);
        Some(Task::Select(memory))
    }

    fn command(&mut self, now: Now, task: &Task) -> Option<Command> {
        Some(match task {
            Task::Setup(step) => return self.setup_command(now, step.clone()),
            Task::Standing(which) => {
                Command::prefix(format!("AT{}?", CODES[*which]), CODES[*which])
            }
            Task::Quality => Command::prefix("AT+CSQ", "+CSQ"),
            Task::Usage => Command::prefix("AT+CPMS?", "+CPMS"),
            Task::Select(memory) => Command::prefix(format!("AT+CPMS=\"{memory}\""), "+CPMS"),
            Task::List(_) => Command::listing("AT+CMGL=4", "+CMGL").patient(inbox::LIST_PATIENCE),
            Task::Read(place) | Task::Verify { place, .. } => {
                Command::listing(format!("AT+CMGR={}", place.index), "+CMGR")
            }
            Task::Delete(place) => {
                Command::new(format!("AT+CMGD={}", place.index)).patient(inbox::DELETE_PATIENCE)
            }
            Task::Acknowledge => Command::new(self.inbox.acknowledgement(&self.profile)?),
            Task::Together => Command::new("AT+CMMS=1"),
            Task::Part => return self.part_command(),
            Task::Ussd(text) => return self.ussd_command(text),
            Task::EndUssd => Command::new("AT+CUSD=2"),
            Task::Radio(on) => {
                Command::new(format!("AT+CFUN={}", u8::from(*on))).patient(reset::RADIO_PATIENCE)
            }
        })
    }

    fn answered(&mut self, now: Now, answer: &Answer) {
        self.transcript.answer(now.unix, answer);
        let Some(task) = self.running.take() else { return };
        if answer.verdict.is_answer() {
            self.silences = 0;
        } else {
            self.silences += 1;
            if task.is_harmless() && self.silences < reset::MOST_SILENCES {
                return self.add_first(task);
            }
        }
        match task {
            Task::Setup(step) => self.setup_answered(now, step, answer),
            Task::Standing(which) => {
                if let Some(value) = answer.value(CODES[which]) {
                    self.registration.note(which, value);
                }
                self.registered(now);
            }
            Task::Quality => self.note_signal(now, answer.value("+CSQ")),
            Task::Usage => self.note_usage(now, answer.value("+CPMS")),
            Task::Select(memory) => self.selected(&memory, answer),
            Task::List(memory) => self.listed(now, &memory, answer),
            Task::Read(place) => self.read(now, place, answer),
            Task::Verify { place, key } => self.verified(place, &key, answer),
            Task::Delete(place) => self.deleted(place, answer),
            Task::Acknowledge => self.acknowledged(answer),
            Task::Together => {}
            Task::Part => self.part_answered(now, answer),
            Task::Ussd(_) => self.ussd_answered(answer),
            Task::EndUssd => self.lose_ussd(),
            Task::Radio(on) => self.radio_answered(now, on),
        }
        if self.silences >= reset::MOST_SILENCES && self.phase == Phase::Up {
            self.trouble(now, "it does not answer");
        }
    }

    fn unsolicited(&mut self, now: Now, code: &Unsolicited) {
        self.transcript.unsolicited(now.unix, code);
        let text = code.text.as_str();
        if let Some(pdu) = code.pdu.as_deref().and_then(at::octets) {
            return self.given(now, pdu);
        }
        if let Some(value) = after(text, "+CMTI").or_else(|| after(text, "+CDSI")) {
            return self.announced(value);
        }
        if let Some(value) = after(text, "+CUSD") {
            return self.ussd_answer(value);
        }
        for (which, name) in CODES.iter().enumerate() {
            if let Some(value) = after(text, name) {
                self.registration.note(which, &registration::completed(value));
                return self.registered(now);
            }
        }
        if is_restart(text) && matches!(self.phase, Phase::Up | Phase::Setup | Phase::Resetting) {
            self.transcript.note(now.unix, "it has restarted");
            self.begin_line(now);
            self.phase = Phase::Waking;
            self.set(Condition::Starting);
            self.dialogue.synchronise(now);
        }
    }

    fn synchronised(&mut self, now: Now) {
        self.silences = 0;
        match self.phase {
            Phase::Waking => self.begin_setup(now),
            Phase::Resetting => self.reset_took(now),
            _ => {}
        }
    }

    fn silent(&mut self, now: Now) {
        match self.phase {
            // It was never known to be one.
            Phase::Waking | Phase::Setup if self.may_be_slow() => self.speak_slowly(now),
            Phase::Waking if self.identity.imei.is_none() => {
                self.not_this_one(now, Condition::Deaf)
            }
            // Whoever has been plugged in where the modem was, or another of its own lines: neither is reset, or has its power cut.
            Phase::Waking | Phase::Setup if self.identity.imei.is_some() && !self.own_line => {
                self.not_this_one(now, Condition::Deaf)
            }
            Phase::Away | Phase::GivenUp => {}
            _ => self.silence(now),
        }
    }

    /// Whether the line that is open, or was open last, is known to be this modem's.
    pub fn has_own_line(&self) -> bool {
        self.own_line
    }

    fn may_be_slow(&self) -> bool {
        self.identity.imei.is_none() && self.slow.is_zero()
    }

    /// Some hear only what is said slowly.
    fn speak_slowly(&mut self, now: Now) {
        self.slow = SLOWLY;
        self.begin_line(now);
        self.phase = Phase::Waking;
        self.dialogue.set_pace(SLOWLY);
        self.dialogue.synchronise(now);
    }

    /// Time between two octets, as its profile and what was found out want it.
    fn pace(&self) -> Duration {
        Duration::from_millis(self.profile.pace_ms).max(self.slow)
    }

    fn set_pace(&mut self) {
        self.dialogue.set_pace(self.pace());
    }

    fn not_this_one(&mut self, now: Now, why: Condition) {
        self.set(why);
        self.slow = Duration::ZERO;
        self.dialogue.set_pace(Duration::ZERO);
        self.dialogue.handle_gone();
        self.end_line(now);
        self.phase = Phase::Away;
        self.retry = None;
        self.outputs.extend([Output::Close, Output::Open { other: true }]);
    }

    /// Setting up is done.
    fn up(&mut self, now: Now) {
        self.phase = Phase::Up;
        self.resets.note_up(now);
        self.unregistered_since = Some(now.instant);
        self.ask_how_it_is(now);
        self.begin_sweep(now);
    }

    fn ask_how_it_is(&mut self, now: Now) {
        self.poll = Some(now.instant + POLL);
        if self.phase != Phase::Up {
            return;
        }
        for task in (0..CODES.len()).map(Task::Standing).chain([Task::Quality, Task::Usage]) {
            if !self.tasks.contains(&task) {
                self.add(task);
            }
        }
        self.look_at_registration(now);
    }

    fn registered(&mut self, now: Now) {
        if self.phase != Phase::Up {
            return;
        }
        let condition = self.registration.condition();
        match condition.is_up() {
            true => self.unregistered_since = None,
            false => {
                self.unregistered_since.get_or_insert(now.instant);
            }
        }
        self.set(condition);
    }

    fn note_signal(&mut self, now: Now, value: Option<&str>) {
        let value = value.and_then(|value| value.split(',').next()?.trim().parse::<u8>().ok());
        if let Some(value) = value {
            // 99 is not known, or not detectable.
            self.signal.note(now.unix, if value > 31 { 0 } else { value });
        }
    }

    fn set(&mut self, condition: Condition) {
        self.condition = condition;
        if self.told != Some(condition) {
            self.told = Some(condition);
            self.tell(Told::Condition(condition));
        }
    }

    fn tell(&mut self, told: Told) {
        self.outputs.push_back(Output::Told(told));
    }

    fn add(&mut self, task: Task) {
        match self.tasks.len() < MOST_TASKS {
            true => self.tasks.push_back(task),
            // Whatever it was, the next sweep finds it again.
            false => self.garbage += 1,
        }
    }

    fn add_first(&mut self, task: Task) {
        self.tasks.push_front(task);
    }

    fn expire(&mut self, now: Now) {
        self.expire_ussd(now);
        self.expire_outbox(now);
    }
}

fn due(at: &mut Option<Instant>, now: Now) -> bool {
    let due = at.is_some_and(|at| at <= now.instant);
    if due {
        *at = None;
    }
    due
}

/// What modems say when they come up by themselves.
fn is_restart(text: &str) -> bool {
    ["RDY", "^SYSSTART", "START", "NORMAL POWER DOWN", "POWERED DOWN"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Sixteen octets that stand for something and do not say what.
fn digest(of: &[&[u8]]) -> String {
    let whole = ring::digest::digest(&ring::digest::SHA256, &of.join(&0u8));
    at::hex(&whole.as_ref()[..16]).to_lowercase()
}
