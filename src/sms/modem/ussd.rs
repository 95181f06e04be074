//! Questions to the network and its own (TS 27.007 section 7.15, TS 22.090).

use std::time::{Duration, Instant};

use super::profile::UssdForm;
use super::{Modem, Phase, Task, Told};
use crate::sms::alphabet::{self, Tables};
use crate::sms::at::{Answer, Command, fields, hex, octets};
use crate::time::Now;

/// How long a network may take. Some ask a server far away.
const PATIENCE: Duration = Duration::from_secs(60);
/// The default alphabet, no language given (TS 23.038 section 5).
const DEFAULT: u8 = 15;
/// Fills the last octet up where seven bits are left over (TS 23.038 section 6.1.2.3.1).
const FILL: u8 = 0x0d;

#[derive(Debug, Default)]
pub(super) struct Ussd {
    awaited: Option<Instant>,
}

impl Ussd {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.awaited
    }
}

impl Modem {
    pub(super) fn order_ussd(&mut self, now: Now, text: String) {
        if self.phase != Phase::Up || self.ussd.awaited.is_some() {
            return self.tell(Told::Ussd { text: None, more: false });
        }
        self.ussd.awaited = Some(now.instant + PATIENCE);
        self.add(Task::Ussd(text));
    }

    pub(super) fn ussd_command(&mut self, text: &str) -> Option<Command> {
        let safe: String = text.chars().filter(|c| *c != '"' && !c.is_control()).collect();
        let written = match self.profile.ussd {
            UssdForm::Plain => safe,
            UssdForm::Packed => {
                let mut septets = Tables::default().encode(&safe).ok()?;
                if septets.len() % 8 == 7 {
                    septets.push(FILL);
                }
                hex(&alphabet::packing::pack(&[], &septets))
            }
        };
        Some(Command::new(format!("AT+CUSD=1,\"{written}\",{DEFAULT}")).patient(PATIENCE))
    }

    pub(super) fn ussd_answered(&mut self, answer: &Answer) {
        if !answer.verdict.is_ok() {
            self.lose_ussd();
        }
    }

    /// `m,"text",dcs`. 1: it waits for an answer; 2: it has ended it; 4 and 5: it cannot.
    pub(super) fn ussd_answer(&mut self, value: &str) {
        let values = fields(value);
        let more = values.first() == Some(&"1");
        let coding = values.get(2).and_then(|coding| coding.parse().ok()).unwrap_or(DEFAULT);
        let text = values.get(1).map(|text| decoded(text, coding, self.profile.ussd));
        self.ussd.awaited = None;
        self.tell(Told::Ussd { text, more });
    }

    pub(super) fn lose_ussd(&mut self) {
        if self.ussd.awaited.take().is_some() {
            self.tell(Told::Ussd { text: None, more: false });
        }
    }

    pub(super) fn expire_ussd(&mut self, now: Now) {
        if self.ussd.awaited.is_some_and(|until| until <= now.instant) {
            self.lose_ussd();
            self.add(Task::EndUssd);
        }
    }
}

/// Modems write what the network sent as they like: as it is, in UCS-2, or as the octets that came.
fn decoded(text: &str, coding: u8, form: UssdForm) -> String {
    let Some(octets) = octets(text) else { return text.to_owned() };
    if is_ucs2(coding) && octets.len().is_multiple_of(2) {
        return alphabet::from_ucs2(&octets).text;
    }
    match form {
        // A balance may be made of digits alone, and look like octets.
        UssdForm::Plain => text.to_owned(),
        UssdForm::Packed => {
            let septets = alphabet::packing::unpack(&octets, 0, octets.len() * 8 / 7);
            Tables::default().decode(&septets).text.trim_end_matches(['\r', '@']).to_owned()
        }
    }
}

/// TS 23.038 section 5: UCS-2 with a language in front, or of the general group.
fn is_ucs2(coding: u8) -> bool {
    coding == 0x11 || (coding & 0xc0 == 0x40 && coding & 0x0c == 0x08)
}
