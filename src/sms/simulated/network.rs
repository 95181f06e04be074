//! The network's side of a simulated modem.

use super::memory::Status;
use super::{ACKNOWLEDGEMENT, Due, Mode, Output, Quirk, Simulated};
use crate::sms::at::hex;
use crate::time::{Now, UnixTime};

/// Address of the service centre, +1 555 000 0000, as it stands in front of every message (TS 23.040 section 9.1.2.5).
const SERVICE_CENTRE: [u8; 8] = [0x07, 0x91, 0x51, 0x55, 0x00, 0x00, 0x00, 0xf0];

/// What the network thinks of the modem (TS 27.007 section 7.2, `<stat>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Not registered, and it does not look for anything.
    Idle = 0,
    /// At home.
    Home = 1,
    /// It is looking.
    Searching = 2,
    /// Refused.
    Denied = 3,
    /// Abroad.
    Roaming = 5,
}

/// A message that was given to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its reference (TS 23.040 section 9.2.3.6).
    pub reference: u8,
    /// The SMS-SUBMIT, without the service centre.
    pub tpdu: Vec<u8>,
}

impl Sent {
    /// The octets of the address it goes to: length in digits, type, digits (TS 23.040 section 9.1.2.5).
    pub fn address(&self) -> &[u8] {
        let digits = usize::from(self.tpdu.get(2).copied().unwrap_or(0));
        self.tpdu.get(2..4 + digits.div_ceil(2)).unwrap_or_default()
    }

    /// Its number, as a person reads it.
    pub fn to(&self) -> String {
        let address = self.address();
        let plus = if address.get(1) == Some(&0x91) { "+" } else { "" };
        let digits = address.get(2..).unwrap_or_default().iter();
        let digits = digits.flat_map(|octet| [octet & 15, octet >> 4]).filter(|d| *d < 10);
        digits.fold(plus.to_owned(), |out, d| out + &d.to_string())
    }

    /// Whether a report is wanted (TS 23.040 section 9.2.3.5).
    pub fn wants_report(&self) -> bool {
        self.tpdu.first().is_some_and(|first| first & 0x20 != 0)
    }
}

impl Simulated {
    /// A message arrives: an SMS-DELIVER without the service centre. Answers whether the modem has taken it.
    pub fn receive(&mut self, now: Now, tpdu: &[u8]) -> bool {
        self.arrive(now, tpdu, false)
    }

    /// A report arrives for what was sent under this reference (TS 23.040 section 9.2.2.3). `status` is its TP-ST.
    pub fn report(&mut self, now: Now, reference: u8, status: u8) -> bool {
        let sent = self.sent.iter().rev().find(|sent| sent.reference == reference);
        let Some(address) = sent.map(|sent| sent.address().to_vec()) else { return false };
        let stamp = timestamp(now.unix);
        let tpdu = [&[0x06, reference][..], &address, &stamp, &stamp, &[status]].concat();
        self.arrive(now, &tpdu, true)
    }

    /// What was sent, in order.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// What the network thinks of it from now on.
    pub fn set_registration(&mut self, registration: Registration) {
        self.registration = registration;
        if self.told {
            let code = format!("+CREG: {}", self.registration as u8);
            self.code(&code);
        }
    }

    /// Strength of the signal, 0 to 31, 99 for none (TS 27.007 section 8.5).
    pub fn set_signal(&mut self, signal: u8) {
        self.signal = signal;
    }

    /// Places in each memory.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.memories.values_mut().for_each(|memory| memory.capacity = capacity);
    }

    /// Nothing in its memories can be deleted from now on, or it can again.
    pub fn wear_out(&mut self, worn: bool) {
        self.worn = worn;
    }

    /// Puts something into a memory, as it was there before.
    pub fn put(&mut self, memory: &str, pdu: Vec<u8>) -> bool {
        let memory = self.memories.get_mut(memory);
        memory.is_some_and(|memory| memory.put(Status::Unread, pdu).is_some())
    }

    /// Messages in a memory.
    pub fn kept(&self, memory: &str) -> usize {
        self.memories.get(memory).map_or(0, |memory| memory.slots.len())
    }

    /// Tries that are left for the PIN.
    pub fn tries(&self) -> u8 {
        self.make.tries
    }

    /// From now on it hears and says nothing, or does again.
    pub fn cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    /// The next message that is sent goes out, and the answer to it gets lost.
    pub fn lose_answer(&mut self) {
        self.loses = true;
    }

    /// Every message that is sent is answered by this from now on, and none goes out; or they go out again.
    pub fn refuse(&mut self, result: Option<&'static str>) {
        self.refusal = result;
    }

    /// It is pulled out.
    pub fn unplug(&mut self) {
        self.gone = true;
        self.outputs.push_back(Output::HangUp);
    }

    /// It is plugged in, anywhere.
    pub fn plug(&mut self, now: Now) {
        self.boot(now);
    }

    /// The SIM is taken out, or another one is put in.
    pub fn set_sim(&mut self, iccid: Option<&str>) {
        self.make.iccid = iccid.map(str::to_owned);
    }

    /// It says something that nobody asked for.
    pub fn say_code(&mut self, text: &str) {
        self.code(text);
    }

    fn arrive(&mut self, now: Now, tpdu: &[u8], report: bool) -> bool {
        if self.gone || self.mode == Mode::Booting {
            return false;
        }
        let pdu = [&SERVICE_CENTRE[..], tpdu].concat();
        let asked = if report { self.cnmi[3] } else { self.cnmi[1] };
        let direct = match report {
            true => asked == 1 && !self.has(Quirk::ReportsInSr),
            false => matches!(asked, 2 | 3) || (self.has(Quirk::AlwaysDirect) && self.told_once()),
        };
        if direct && !self.has(Quirk::CodesElsewhere) {
            return self.give(now, pdu, tpdu.len(), report);
        }
        let memory = match report {
            true if asked == 0 && !self.has(Quirk::ReportsInSr) => return true,
            true if self.memories.contains_key("SR") => "SR",
            _ => self.chosen[2],
        };
        let kept = self.memories.get_mut(memory).and_then(|m| m.put(Status::Unread, pdu));
        let Some(index) = kept else { return false };
        if asked != 0 {
            let code = if report { "+CDSI" } else { "+CMTI" };
            self.code(&format!("{code}: \"{memory}\",{index}"));
        }
        true
    }

    /// Somebody has asked for messages in any way.
    fn told_once(&self) -> bool {
        self.cnmi[1] != 0
    }

    fn give(&mut self, now: Now, pdu: Vec<u8>, length: usize, report: bool) -> bool {
        if self.awaiting.is_some() {
            // The network comes again later (TS 24.011).
            return false;
        }
        let head = match report {
            true if self.has(Quirk::ReportWithComma) => format!("+CDS: ,{length}"),
            true => format!("+CDS: {length}"),
            false if self.has(Quirk::DirectWithoutName) => format!("+CMT: {length}"),
            false => format!("+CMT: ,{length}"),
        };
        self.code(&format!("{head}\r\n{}", hex(&pdu)));
        if self.service == 1 || (report && self.has(Quirk::HangsOnReport)) {
            self.announced += 1;
            self.awaiting = Some((self.announced, pdu, report));
            self.timers.set(now.instant + ACKNOWLEDGEMENT, Due::Unacknowledged(self.announced));
        }
        true
    }

    /// Nobody acknowledged: it is kept, and nothing is given directly any more (TS 27.005 section 3.4.4).
    pub(super) fn unacknowledged(&mut self, _now: Now, key: u64) {
        if self.awaiting.as_ref().is_none_or(|(awaited, ..)| *awaited != key) {
            return;
        }
        let Some((_, pdu, report)) = self.awaiting.take() else { return };
        if report && self.has(Quirk::HangsOnReport) {
            self.mode = Mode::Hung;
        }
        let memory = if report && self.memories.contains_key("SR") { "SR" } else { self.chosen[2] };
        if let Some(memory) = self.memories.get_mut(memory) {
            memory.put(Status::Unread, pdu);
        }
        self.cnmi = [0; 5];
    }
}

/// An SMS-DELIVER in UCS-2 from a number with or without `+` (TS 23.040 section 9.2.2.1), without the service centre.
pub fn deliver(from: &str, text: &str, at: UnixTime) -> Vec<u8> {
    let digits: Vec<u8> = from.bytes().filter(u8::is_ascii_digit).map(|c| c - b'0').collect();
    let kind = if from.starts_with('+') { 0x91 } else { 0x81 };
    let length = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    let mut tpdu = vec![0x04, length(digits.len()), kind];
    tpdu.extend(digits.chunks(2).map(|pair| pair[0] | (pair.get(1).unwrap_or(&15) << 4)));
    tpdu.extend([0x00, 0x08]);
    tpdu.extend(timestamp(at));
    let body: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).take(140).collect();
    tpdu.push(length(body.len()));
    tpdu.extend(body);
    tpdu
}

/// TP-SCTS in UTC (TS 23.040 section 9.2.3.11).
fn timestamp(at: UnixTime) -> [u8; 7] {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let swapped = |n: i8| {
        let n = n.unsigned_abs() % 100;
        ((n % 10) << 4) | (n / 10)
    };
    let year = i8::try_from(at.year().rem_euclid(100)).unwrap_or(0);
    [year, at.month(), at.day(), at.hour(), at.minute(), at.second(), 0].map(swapped)
}
