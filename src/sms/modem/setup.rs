//! From the first octet to a modem that works: who it is, its PIN, and how it announces what arrives.

use std::time::Duration;

use super::condition::Condition;
use super::{Change, LOOK_AT_SIM, Modem, Phase, Task, Told, digest};
use crate::sms::at::{Answer, Command, Verdict, after, fields, loose};
use crate::time::Now;

/// A SIM takes its time to check a PIN.
const PIN_PATIENCE: Duration = Duration::from_secs(20);
/// Of the tries for a PIN, this one is left for a person: behind it is the PUK.
const LAST_TRY: u8 = 1;

/// One step, in the order in which they are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Manufacturer,
    Model,
    Imei,
    Errors,
    Radio,
    Iccid(usize),
    Pin,
    Counter,
    EnterPin,
    Imsi,
    Own(usize),
    Charset,
    Service,
    Format,
    Codes(usize),
    Announce(usize),
    Announced(usize),
    Memories,
}

/// What was found out on the way.
#[derive(Debug, Default)]
pub(super) struct Setup {
    announcing: Option<String>,
    tries: Option<u8>,
}

impl Setup {
    pub(super) fn announcing(&self) -> Option<&str> {
        self.announcing.as_deref()
    }

    /// Whether what arrives is announced in any way (`mt` of CNMI).
    pub(super) fn announces(&self) -> bool {
        let mt = self.announcing().and_then(|cnmi| cnmi.split(',').nth(1));
        mt.is_some_and(|mt| mt.trim() != "0")
    }
}

impl Modem {
    pub(super) fn begin_setup(&mut self, now: Now) {
        self.phase = Phase::Setup;
        self.setup = Setup::default();
        self.tasks.clear();
        self.step(Step::Manufacturer);
        self.ask_next(now);
    }

    fn step(&mut self, step: Step) {
        self.add(Task::Setup(step));
    }

    /// Nothing: there is nothing to ask, and the next step was taken.
    pub(super) fn setup_command(&mut self, now: Now, step: Step) -> Option<Command> {
        let command = match &step {
            Step::Manufacturer => Command::bare("AT+CGMI"),
            Step::Model => Command::bare("AT+CGMM"),
            Step::Imei => Command::bare("AT+CGSN"),
            Step::Errors => Command::new("AT+CMEE=1"),
            Step::Radio => Command::prefix("AT+CFUN?", "+CFUN"),
            Step::Iccid(n) => match self.profile.iccid.get(*n) {
                Some(line) => Command::bare(line.clone()),
                None => return self.skip(now, step),
            },
            Step::Pin => Command::prefix("AT+CPIN?", "+CPIN"),
            Step::Counter if self.profile.pin_counter.is_empty() => return self.skip(now, step),
            Step::Counter => Command::bare(self.profile.pin_counter.clone()),
            Step::EnterPin => {
                let pin = self.settings.pin.as_deref().unwrap_or_default();
                Command::new(format!("AT+CPIN=\"{pin}\"")).patient(PIN_PATIENCE).secret()
            }
            Step::Imsi => Command::bare("AT+CIMI"),
            Step::Own(n) => match self.profile.setup.get(*n) {
                Some(line) => Command::new(line.clone()),
                None => return self.skip(now, step),
            },
            Step::Charset => Command::new("AT+CSCS=\"GSM\""),
            Step::Service => Command::prefix("AT+CSMS=1", "+CSMS"),
            Step::Format => Command::new("AT+CMGF=0"),
            Step::Codes(n) => Command::new(format!("AT{}=1", super::CODES[*n])),
            Step::Announce(n) => match self.profile.cnmi.get(*n) {
                Some(values) => Command::new(format!("AT+CNMI={values}")),
                None => {
                    self.step(Step::Announced(*n));
                    return None;
                }
            },
            Step::Announced(_) => Command::prefix("AT+CNMI?", "+CNMI"),
            Step::Memories => Command::prefix("AT+CPMS=?", "+CPMS"),
        };
        Some(command)
    }

    fn skip(&mut self, now: Now, step: Step) -> Option<Command> {
        let command = Command::new("");
        let (lines, verdict, body_written) = (Vec::new(), Verdict::Error, false);
        self.setup_answered(now, step, &Answer { command, lines, verdict, body_written });
        None
    }

    pub(super) fn setup_answered(&mut self, now: Now, step: Step, answer: &Answer) {
        if self.phase != Phase::Setup {
            return;
        }
        if !answer.verdict.is_answer() && step != Step::Pin {
            // The same again, once the way back is found; the ladder of resets ends that.
            return match self.silences > super::reset::MOST_SILENCES {
                true if self.may_be_slow() => self.speak_slowly(now),
                true => self.trouble(now, "it does not come up"),
                false => self.step(step),
            };
        }
        let ok = answer.verdict.is_ok();
        let bare = || answer.lines.first().map(|line| unmarked(&line.text));
        match step {
            Step::Manufacturer => {
                self.identity.manufacturer = bare().unwrap_or_default();
                self.step(Step::Model);
            }
            Step::Model => {
                self.identity.model = bare().unwrap_or_default();
                self.profile =
                    self.profiles.fitting(&self.identity.manufacturer, &self.identity.model);
                self.set_pace();
                self.step(Step::Imei);
            }
            Step::Imei => self.imei_known(now, bare().and_then(|line| digits(&line))),
            Step::Errors => self.step(Step::Radio),
            Step::Radio => {
                if answer.value("+CFUN").is_some_and(|value| value.trim() != "1") {
                    self.add(Task::Radio(true));
                }
                self.step(Step::Iccid(0));
            }
            Step::Iccid(n) => self.iccid_known(now, n, ok, bare().and_then(|line| digits(&line))),
            Step::Pin => self.pin_known(now, answer),
            Step::Counter => self.tries_known(now, answer),
            Step::EnterPin => self.pin_entered(now, answer),
            Step::Imsi => {
                self.identity.imsi = bare().and_then(|line| digits(&line)).filter(|_| ok);
                self.step(Step::Own(0));
            }
            Step::Own(n) if n + 1 < self.profile.setup.len() => self.step(Step::Own(n + 1)),
            Step::Own(_) => self.step(Step::Charset),
            Step::Charset => self.step(Step::Service),
            Step::Service => self.step(Step::Format),
            Step::Format if !ok => self.locked(now, Condition::NoMessages),
            Step::Format => self.step(Step::Codes(0)),
            Step::Codes(n) if n + 1 < super::CODES.len() => self.step(Step::Codes(n + 1)),
            Step::Codes(_) => self.step(Step::Announce(0)),
            Step::Announce(n) if ok => self.step(Step::Announced(n)),
            Step::Announce(n) => self.step(Step::Announce(n + 1)),
            Step::Announced(n) => self.announcing_known(n, answer),
            Step::Memories => {
                self.inbox.set_memories(&self.profile, answer.value("+CPMS"));
                self.up(now);
            }
        }
    }

    fn imei_known(&mut self, now: Now, imei: Option<String>) {
        let wanted = self.settings.imei.as_ref().or(self.identity.imei.as_ref());
        if wanted.is_some() && imei.is_some() && wanted != imei.as_ref() {
            return self.not_this_one(now, Condition::Foreign);
        }
        if imei.is_some() {
            self.identity.imei = imei;
            self.own_line = true;
        }
        self.step(Step::Errors);
    }

    fn iccid_known(&mut self, now: Now, n: usize, ok: bool, iccid: Option<String>) {
        let Some(iccid) = iccid.filter(|_| ok) else {
            return match n + 1 < self.profile.iccid.len() {
                true => self.step(Step::Iccid(n + 1)),
                false => self.step(Step::Pin),
            };
        };
        let wanted = self.settings.iccid.as_ref().or(self.identity.iccid.as_ref());
        if wanted.is_some_and(|wanted| *wanted != iccid) {
            return self.locked(now, Condition::Foreign);
        }
        self.identity.iccid = Some(iccid);
        self.step(Step::Pin);
    }

    /// TS 27.007 section 8.3. Some modems give the line and no result.
    fn pin_known(&mut self, now: Now, answer: &Answer) {
        let state = answer.value("+CPIN").map(str::to_ascii_uppercase);
        match (state.as_deref(), answer.verdict) {
            (Some("READY"), _) => self.step(Step::Imsi),
            (Some("SIM PIN"), _) => self.pin_wanted(now),
            (Some("SIM PUK" | "SIM PUK2" | "PH-SIM PUK"), _) | (_, Verdict::Cme(12)) => {
                self.locked(now, Condition::Puk);
            }
            (_, Verdict::Cme(11)) => self.pin_wanted(now),
            (_, Verdict::Cme(10)) => self.locked(now, Condition::NoSim),
            (_, Verdict::Cme(13 | 15)) => self.locked(now, Condition::SimFailure),
            (_, Verdict::Cme(14)) | (Some("NOT READY"), _) => self.locked(now, Condition::SimBusy),
            (_, Verdict::TimedOut) if self.silences > super::reset::MOST_SILENCES => {
                self.trouble(now, "it says nothing of its SIM");
            }
            (_, Verdict::TimedOut) => self.step(Step::Pin),
            // It has no such command, or a SIM that wants none.
            _ => self.step(Step::Imsi),
        }
    }

    fn pin_wanted(&mut self, now: Now) {
        if self.settings.pin.is_none() {
            return self.locked(now, Condition::PinMissing);
        }
        if self.refused_pin.is_some() && self.refused_pin == self.pin_digest() {
            return self.locked(now, Condition::PinWrong);
        }
        self.step(Step::Counter);
    }

    /// With a counter, never the last try. Without one, one try for each PIN that is configured: a SIM gives three.
    fn tries_known(&mut self, now: Now, answer: &Answer) {
        let value = answer.lines.first().and_then(|line| line.text.split_once(':'));
        let left = value.and_then(|(_, value)| {
            fields(value.trim()).get(self.profile.pin_counter_field)?.parse::<u8>().ok()
        });
        self.setup.tries = left.filter(|_| answer.verdict.is_ok());
        match self.setup.tries {
            Some(0) => self.locked(now, Condition::Puk),
            Some(LAST_TRY) => self.locked(now, Condition::PinLastTry),
            _ => self.step(Step::EnterPin),
        }
    }

    fn pin_entered(&mut self, now: Now, answer: &Answer) {
        match answer.verdict {
            Verdict::Ok => self.step(Step::Pin),
            Verdict::Cme(12) => self.locked(now, Condition::Puk),
            Verdict::Cme(14) => self.locked(now, Condition::SimBusy),
            _ => {
                self.refused_pin = self.pin_digest();
                if let Some(digest) = self.refused_pin.clone() {
                    self.tell(Told::Remember(Change::PinRefused(digest)));
                }
                self.locked(now, Condition::PinWrong);
            }
        }
    }

    fn pin_digest(&self) -> Option<String> {
        let pin = self.settings.pin.as_deref()?;
        let device = self.identity.iccid.as_ref().or(self.identity.imei.as_ref());
        let device = device.map(String::as_str).unwrap_or_default();
        Some(digest(&[device.as_bytes(), pin.as_bytes()]))
    }

    pub(super) fn locked(&mut self, now: Now, condition: Condition) {
        self.tasks.clear();
        self.phase = Phase::Locked;
        self.retry = Some(now.instant + LOOK_AT_SIM);
        self.set(condition);
    }

    /// Some say OK and keep what they had: what is read back counts.
    fn announcing_known(&mut self, n: usize, answer: &Answer) {
        let read = answer.value("+CNMI").map(|value| loose(value).join(","));
        let asked = self.profile.cnmi.get(n);
        let last = n + 1 >= self.profile.cnmi.len();
        if read.is_some() {
            self.setup.announcing = read.clone();
        }
        match read.is_some() && read.as_ref() == asked || last {
            true => self.step(Step::Memories),
            false => self.step(Step::Announce(n + 1)),
        }
    }
}

/// Some modems mark even serial numbers.
fn unmarked(line: &str) -> String {
    let value = match line.split_once(':') {
        Some((head, value)) if after(line, head).is_some() && head.starts_with(['+', '^', '!']) => {
            value
        }
        _ => line,
    };
    value.trim().trim_matches('"').to_owned()
}

/// A serial number; filled up with F on some SIMs.
fn digits(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['F', 'f']);
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    (number.len() >= 10).then_some(number)
}
