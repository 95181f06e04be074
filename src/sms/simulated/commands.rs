//! What a simulated modem answers.

use super::memory::{Memory, Status};
use super::{Mode, Output, Quirk, Registration, Sent, Simulated};
use crate::sms::at::{fields, hex, octets};
use crate::time::Now;

/// Messages in an hour after which a network bars one that [`Quirk::Barred`] says.
const BARRED_AFTER: usize = 3;
/// How strong the signal must be for anything to be sent.
const NO_SIGNAL: u8 = 99;

/// An answer: its lines, and its result; an empty result is none.
type Said = (Vec<String>, &'static str);

fn ok() -> Said {
    (Vec::new(), "OK")
}

fn lines<const N: usize>(lines: [String; N]) -> Said {
    (lines.to_vec(), "OK")
}

impl Simulated {
    /// Commands on one line run in order until one fails (V.250 section 5.2.1).
    pub(super) fn command_line(&mut self, now: Now, line: &str) {
        let Some(rest) =
            line.get(..2).filter(|at| at.eq_ignore_ascii_case("AT")).map(|_| &line[2..])
        else {
            return;
        };
        let mut all = Vec::new();
        for command in split(rest) {
            let before = self.mode;
            let Some((lines, result)) = self.command(now, &command) else { return };
            all.extend(lines);
            if result != "OK" || self.mode != before {
                return match result.is_empty() && all.is_empty() {
                    true => {}
                    false => self.result(now, &all, result),
                };
            }
        }
        self.result(now, &all, "OK");
    }

    fn result(&mut self, now: Now, lines: &[String], result: &'static str) {
        let said = match (self.errors, result.strip_prefix("+CM")) {
            (0, Some(rest)) if rest.starts_with('E') => "ERROR",
            _ if self.has(Quirk::WordyErrors) || self.errors == 2 => in_words(result),
            _ => result,
        };
        self.say(now, lines, said);
    }

    /// Nothing: it says nothing now.
    fn command(&mut self, now: Now, command: &str) -> Option<Said> {
        let (name, value) = match command.find(['=', '?']) {
            Some(at) => command.split_at(at),
            None => (command, ""),
        };
        let asked = value == "?";
        let tested = value == "=?";
        let set = value.strip_prefix('=').filter(|value| *value != "?").unwrap_or_default();
        let name = name.to_ascii_uppercase();
        Some(match name.as_str() {
            "" | "Z" | "H" | "H0" | "Q0" | "V1" | "&F" | "&F0" | "&D0" | "&D2" | "&C1"
            | "+CLIP" | "+CRC" | "+CSMP" | "+CSDH" | "+CLVL" | "+CVHU" | "^CURC" | "^PORTSEL"
            | "+QURCCFG" | "+CMMS" | "+CREG" | "+CGREG" | "+CEREG"
                if !asked && !tested =>
            {
                self.told |= name == "+CREG" && !set.starts_with('0');
                ok()
            }
            "E0" | "E" => {
                self.echo = false;
                ok()
            }
            "E1" => {
                self.echo = true;
                ok()
            }
            "I" | "I0" => lines([
                self.make.manufacturer.clone(),
                self.make.model.clone(),
                "Revision: 1.0".to_owned(),
            ]),
            "+CGMI" | "+GMI" => lines([self.make.manufacturer.clone()]),
            "+CGMM" | "+GMM" => lines([self.make.model.clone()]),
            "+CGMR" | "+GMR" => lines(["1.0".to_owned()]),
            "+CGSN" | "+GSN" => lines([self.make.imei.clone()]),
            "+CIMI" | "+CCID" | "+ICCID" | "^ICCID" | "+QCCID" => self.about_sim(now, &name),
            "+CMEE" => self.set_errors(set, asked),
            "+CFUN" => return self.function(now, set, asked),
            "+CPIN" => return self.pin(now, set, asked),
            "+CPINR" | "^CPIN" | "+QPINC" | "+SPIC" | "+ZPINPUK" | "+UPINCNT" | "+CPINC" => {
                self.counter(&name)
            }
            "+CREG" | "+CGREG" | "+CEREG" => self.registered(&name),
            "+CSQ" => lines([format!("+CSQ: {},99", self.signal)]),
            "+COPS" => lines(["+COPS: 0,2,\"00101\"".to_owned()]),
            "+CPAS" => lines(["+CPAS: 0".to_owned()]),
            "+CBC" => lines(["+CBC: 0,100".to_owned()]),
            "+CSCA" => lines(["+CSCA: \"+15550000000\",145".to_owned()]),
            "+CCLK" if asked && self.has(Quirk::LongYear) => {
                lines(["+CCLK: \"2026/11/22,04:00:00+00\"".to_owned()])
            }
            "+CCLK" => lines(["+CCLK: \"26/11/22,04:00:00+00\"".to_owned()]),
            "+GCAP" => lines(["+GCAP: +CGSM".to_owned()]),
            "+CSCS" => self.charset(set, asked, tested),
            _ if self.has(Quirk::NoSmsByAt) && name.starts_with("+C") => (Vec::new(), "ERROR"),
            "+CSMS" => self.service(set, asked, tested),
            "+CMGF" if asked => lines(["+CMGF: 0".to_owned()]),
            "+CMGF" if tested => lines(["+CMGF: (0)".to_owned()]),
            "+CMGF" if set == "0" => ok(),
            "+CNMI" => self.indications(set, asked, tested),
            "+CPMS" => self.storage(set, asked, tested),
            "+CMGL" => self.list(set, tested),
            "+CMGR" => self.read(set),
            "+CMGD" if tested => lines(["+CMGD: (1-30),(0-4)".to_owned()]),
            "+CMGD" => self.delete(set),
            "+CMGS" | "+CMGW" => return self.begin_body(set, name == "+CMGS"),
            "+CNMA" => self.acknowledged(set),
            "+CUSD" => self.ussd(set, asked),
            _ => (Vec::new(), "ERROR"),
        })
    }

    fn about_sim(&mut self, now: Now, name: &str) -> Said {
        let Some(iccid) = self.make.iccid.clone() else { return (Vec::new(), "+CME ERROR: 10") };
        if self.sim_busy(now) {
            return (Vec::new(), "+CME ERROR: 14");
        }
        match name {
            "+CIMI" if !self.unlocked => (Vec::new(), "+CME ERROR: 11"),
            "+CIMI" => lines([self.make.imsi.clone()]),
            name => lines([format!("{name}: {iccid}")]),
        }
    }

    fn set_errors(&mut self, set: &str, asked: bool) -> Said {
        if asked {
            return lines([format!("+CMEE: {}", self.errors)]);
        }
        self.errors = set.parse().unwrap_or(0);
        ok()
    }

    fn function(&mut self, now: Now, set: &str, asked: bool) -> Option<Said> {
        if asked {
            return Some(lines([format!("+CFUN: {}", u8::from(self.radio))]));
        }
        let values = fields(set);
        if values.get(1) == Some(&"1") {
            self.say(now, &[], "OK");
            self.boot(now);
            if self.has(Quirk::ResetLosesLine) {
                self.gone = true;
                self.outputs.push_back(Output::HangUp);
            }
            return None;
        }
        self.radio = values.first() != Some(&"0");
        Some(ok())
    }

    fn pin(&mut self, now: Now, set: &str, asked: bool) -> Option<Said> {
        if self.make.iccid.is_none() {
            return Some((Vec::new(), "+CME ERROR: 10"));
        }
        if self.sim_busy(now) {
            return Some((Vec::new(), "+CME ERROR: 14"));
        }
        if asked {
            let state = match (self.puk, self.unlocked) {
                (true, _) => "SIM PUK",
                (_, true) => "READY",
                (_, false) => "SIM PIN",
            };
            let line = format!("+CPIN: {state}");
            let result = if self.has(Quirk::CpinWithoutOk) { "" } else { "OK" };
            return Some((vec![line], result));
        }
        Some(self.unlock(fields(set).first().copied().unwrap_or_default()))
    }

    fn unlock(&mut self, pin: &str) -> Said {
        if self.puk {
            return (Vec::new(), "+CME ERROR: 12");
        }
        if self.make.pin.as_deref() == Some(pin) {
            self.unlocked = true;
            self.make.tries = 3;
            return ok();
        }
        self.make.tries = self.make.tries.saturating_sub(1);
        self.puk = self.make.tries == 0;
        (Vec::new(), "+CME ERROR: 16")
    }

    fn counter(&self, name: &str) -> Said {
        let tries = self.make.tries;
        match name {
            "+CPINR" => lines([format!("+CPINR: SIM PIN,{tries},3")]),
            "^CPIN" => lines([format!("^CPIN: SIM PIN,{tries},10,{tries},10,3")]),
            "+QPINC" => lines([format!("+QPINC: \"SC\",{tries},10")]),
            name => lines([format!("{name}: {tries},10,3,10")]),
        }
    }

    fn registered(&self, name: &str) -> Said {
        let registration = if self.radio { self.registration } else { Registration::Idle };
        let circuit = !self.has(Quirk::PacketOnly);
        let stat = match (name, circuit) {
            ("+CREG", false) => Registration::Denied,
            _ => registration,
        } as u8;
        lines([match () {
            () if self.has(Quirk::CregLong) => {
                format!("{name}: 2,{stat},\"00A1\",\"01B2C3D4\",7,,,\"00000000\"")
            }
            () if self.has(Quirk::CregQuotes) => format!("{name}: 2,{stat},\"00A1,01B2C3D4\",7"),
            () if self.has(Quirk::CregBare) => format!("{name}: {stat},00A1,01B2C3D4"),
            () => format!("{name}: 1,{stat}"),
        }])
    }

    fn charset(&self, set: &str, asked: bool, tested: bool) -> Said {
        if tested {
            let list = if self.has(Quirk::NoUcs2) {
                "\"GSM\",\"IRA\""
            } else {
                "\"GSM\",\"IRA\",\"UCS2\""
            };
            return lines([format!("+CSCS: ({list})")]);
        }
        if asked {
            return lines(["+CSCS: \"GSM\"".to_owned()]);
        }
        match set.contains("UCS2") && self.has(Quirk::NoUcs2) {
            true => (Vec::new(), "+CME ERROR: 4"),
            false => ok(),
        }
    }

    fn service(&mut self, set: &str, asked: bool, tested: bool) -> Said {
        let plus = if self.has(Quirk::Csms128) { 128 } else { 1 };
        if tested {
            return lines([format!("+CSMS: (0,{plus})")]);
        }
        if asked {
            let shown = match self.has(Quirk::CsmsUnusable) {
                true => 255,
                false => self.service * plus,
            };
            return lines([format!("+CSMS: {shown},1,1,1")]);
        }
        if self.has(Quirk::CsmsUnusable) {
            return (Vec::new(), "+CMS ERROR: 302");
        }
        match set.parse::<u8>() {
            Ok(0) => self.service = 0,
            Ok(value) if value == plus => self.service = 1,
            _ => return (Vec::new(), "+CMS ERROR: 303"),
        }
        lines(["+CSMS: 1,1,1".to_owned()])
    }

    fn indications(&mut self, set: &str, asked: bool, tested: bool) -> Said {
        if tested {
            return lines(["+CNMI: (0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)".to_owned()]);
        }
        if asked {
            let shown: Vec<_> = self.cnmi.iter().map(u8::to_string).collect();
            return lines([format!("+CNMI: {}", shown.join(","))]);
        }
        let mut wanted = [0u8; 5];
        for (field, value) in wanted.iter_mut().zip(fields(set)) {
            *field = value.parse().unwrap_or(0);
        }
        let refused = wanted[0] > 2
            || (self.has(Quirk::ModeOneOnly) && wanted[0] != 1)
            || (self.has(Quirk::NoDirectReports) && wanted[3] == 1)
            || (self.has(Quirk::NoReports) && wanted[3] != 0)
            || (self.has(Quirk::NoSr) && wanted[3] == 2);
        if refused {
            return (Vec::new(), "+CMS ERROR: 303");
        }
        match self.has(Quirk::CnmiForgets) {
            // It keeps what it likes: messages are announced, reports are not.
            true => self.cnmi = [1, 1, 0, 0, 0],
            false => self.cnmi = wanted,
        }
        ok()
    }

    /// `SM` and `ME` are one in some.
    fn real(&self, name: &str) -> Option<&'static str> {
        let name = match name.trim_matches('"') {
            "ME" | "MT" if self.has(Quirk::SharedMemory) => "SM",
            "MT" => "ME",
            name => name,
        };
        self.memories.keys().copied().find(|known| *known == name)
    }

    fn storage(&mut self, set: &str, asked: bool, tested: bool) -> Said {
        let one = self.has(Quirk::CpmsOneArgument);
        if tested {
            let sr = if self.memories.contains_key("SR") { ",\"SR\"" } else { "" };
            let list = match one {
                true => format!("+CPMS: ((\"SM\",\"ME\"{sr}),(\"SM\",\"ME\"))"),
                false => format!("+CPMS: (\"SM\",\"ME\"{sr}),(\"SM\",\"ME\"),(\"SM\",\"ME\")"),
            };
            return lines([list]);
        }
        if !asked {
            let wanted: Vec<_> = fields(set).into_iter().map(|name| self.real(name)).collect();
            if wanted.iter().any(Option::is_none) || wanted.len() > if one { 1 } else { 3 } {
                return (Vec::new(), "+CMS ERROR: 302");
            }
            for (place, name) in self.chosen.iter_mut().zip(wanted.into_iter().flatten()) {
                *place = name;
            }
        }
        let said = self.chosen.iter().map(|name| {
            let (used, total) =
                self.memories.get(name).map_or((0, 0), |m| (m.slots.len(), m.capacity));
            if asked { format!("\"{name}\",{used},{total}") } else { format!("{used},{total}") }
        });
        let said: Vec<_> = said.collect();
        lines([format!("+CPMS: {}", said.join(","))])
    }

    fn reading(&mut self) -> Option<&mut Memory> {
        self.memories.get_mut(self.chosen[0])
    }

    fn list(&mut self, set: &str, tested: bool) -> Said {
        if self.has(Quirk::NoCmgl) {
            return (Vec::new(), "ERROR");
        }
        if tested {
            return lines(["+CMGL: (0-4)".to_owned()]);
        }
        let broken = self.has(Quirk::BrokenCmgl);
        let wanted: u8 = set.parse().unwrap_or(0);
        let Some(memory) = self.reading() else { return ok() };
        let mut out = Vec::new();
        for (index, slot) in &mut memory.slots {
            if wanted != 4 && slot.status as u8 != wanted {
                continue;
            }
            let (status, length) = (slot.status as u8, length(&slot.pdu));
            let head = format!("+CMGL: {index},{status},,{length}");
            out.push(if broken { head } else { format!("{head}\r\n{}", hex(&slot.pdu)) });
            if slot.status == Status::Unread && !broken {
                slot.status = Status::Read;
            }
        }
        (out, "OK")
    }

    fn read(&mut self, set: &str) -> Said {
        let slot = set.parse().ok().and_then(|index: u16| self.reading()?.slots.get_mut(&index));
        let Some(slot) = slot else { return (Vec::new(), "+CMS ERROR: 321") };
        let said =
            format!("+CMGR: {},,{}\r\n{}", slot.status as u8, length(&slot.pdu), hex(&slot.pdu));
        if slot.status == Status::Unread {
            slot.status = Status::Read;
        }
        lines([said])
    }

    fn delete(&mut self, set: &str) -> Said {
        let values = fields(set);
        let all = values.get(1).is_some_and(|flag| *flag == "4");
        let index = values.first().and_then(|index| index.parse::<u16>().ok());
        if self.worn {
            return (Vec::new(), "+CMS ERROR: 320");
        }
        let Some(memory) = self.reading() else { return (Vec::new(), "+CMS ERROR: 302") };
        if all {
            memory.slots.clear();
        } else if index.and_then(|index| memory.slots.remove(&index)).is_none() {
            return (Vec::new(), "+CMS ERROR: 321");
        }
        ok()
    }

    fn begin_body(&mut self, set: &str, send: bool) -> Option<Said> {
        let Some(length) = fields(set).first().and_then(|length| length.parse().ok()) else {
            return Some((Vec::new(), "+CMS ERROR: 304"));
        };
        if !self.unlocked {
            return Some((Vec::new(), "+CMS ERROR: 311"));
        }
        self.mode = Mode::Body { length, send };
        self.write(b"\r\n> ".to_vec());
        None
    }

    pub(super) fn body(&mut self, now: Now, body: &str, expected: usize, send: bool) {
        let Some(pdu) = octets(body).filter(|pdu| length(pdu) == expected) else {
            return self.result(now, &[], "+CMS ERROR: 304");
        };
        if self.has(Quirk::DetachesOnSend) && self.sent.is_empty() {
            self.keep_sent(&pdu);
            self.boot(now);
            self.unplug();
            return;
        }
        if !send {
            let kept = self.reading().and_then(|memory| memory.put(Status::Unsent, pdu));
            return match kept {
                Some(index) => self.result(now, &[format!("+CMGW: {index}")], "OK"),
                None => self.result(now, &[], "+CMS ERROR: 322"),
            };
        }
        if let Some(refusal) = self.refuses() {
            return self.result(now, &[], refusal);
        }
        let reference = self.keep_sent(&pdu);
        if std::mem::take(&mut self.loses) {
            return;
        }
        self.result(now, &[format!("+CMGS: {reference}")], "OK");
    }

    fn refuses(&self) -> Option<&'static str> {
        if self.refusal.is_some() {
            return self.refusal;
        }
        let away = !matches!(self.registration, Registration::Home | Registration::Roaming);
        if away || !self.radio || self.signal == NO_SIGNAL {
            return Some("+CMS ERROR: 331");
        }
        if self.has(Quirk::RegisteredWithoutSms) {
            return Some("+CMS ERROR: 500");
        }
        // Operator determined barring (TS 24.011 annex E).
        (self.has(Quirk::Barred) && self.sent.len() >= BARRED_AFTER).then_some("+CMS ERROR: 8")
    }

    fn keep_sent(&mut self, pdu: &[u8]) -> u8 {
        self.reference = self.reference.wrapping_add(1);
        let start = pdu.first().map_or(0, |length| usize::from(*length) + 1);
        let tpdu = pdu.get(start..).unwrap_or_default().to_vec();
        self.sent.push(Sent { reference: self.reference, tpdu });
        self.reference
    }

    fn acknowledged(&mut self, set: &str) -> Said {
        let refused = self.has(Quirk::NoCnma)
            || (self.has(Quirk::CnmaBareOnly) && !set.is_empty())
            || (self.has(Quirk::CnmaNumberOnly) && set.is_empty());
        if refused {
            return (Vec::new(), "ERROR");
        }
        match self.awaiting.take() {
            Some(_) => ok(),
            None => (Vec::new(), "+CMS ERROR: 340"),
        }
    }

    fn ussd(&mut self, set: &str, asked: bool) -> Said {
        if asked {
            return lines(["+CUSD: 0".to_owned()]);
        }
        let values = fields(set);
        if values.first() == Some(&"2") {
            self.dialog = false;
            return ok();
        }
        let Some(text) = values.get(1) else { return ok() };
        // Packed septets in hexadecimal; `*100#` is AA180C3602.
        let packed = self.has(Quirk::UssdPacked);
        let balance = *text == if packed { "AA180C3602" } else { "*100#" };
        let (more, shown) = match (balance, self.dialog) {
            (true, _) => (0, "Balance 12.50"),
            (false, true) => (0, "Done"),
            (false, false) => (1, "1 Balance\r\n2 Top up"),
        };
        self.dialog = more == 1;
        let code = match () {
            () if packed && balance => format!("+CUSD: {more},\"C2303BEC1E97413199AB0603\",15"),
            () if packed => format!("+CUSD: {more},\"C4B7BB0C\",15"),
            () if self.has(Quirk::UssdUcs2) => {
                let text: Vec<u8> = shown.encode_utf16().flat_map(u16::to_be_bytes).collect();
                format!("+CUSD: {more},\"{}\",72", hex(&text))
            }
            () if self.has(Quirk::Utf8) => format!("+CUSD: {more},\"{shown} €\",15"),
            () => format!("+CUSD: {more},\"{shown}\",15"),
        };
        self.code(&code);
        ok()
    }
}

/// Octets of a message without its service centre.
fn length(pdu: &[u8]) -> usize {
    pdu.len().saturating_sub(1 + usize::from(pdu.first().copied().unwrap_or(0)))
}

/// Basic commands stand one after another; a semicolon ends one with a sign (V.250 section 5.2.1).
fn split(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            c if c.is_ascii_alphabetic() => {
                rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |at| at + 1)
            }
            '&' => rest.char_indices().nth(3).map_or(rest.len(), |(at, _)| at),
            _ => end_of_extended(rest),
        };
        found.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches([';', ' ']);
    }
    found
}

fn end_of_extended(text: &str) -> usize {
    let mut quoted = false;
    let end = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == ';' && !quoted
    });
    end.map_or(text.len(), |(at, _)| at)
}

fn in_words(result: &'static str) -> &'static str {
    match result {
        "+CME ERROR: 4" => "+CME ERROR: operation not supported",
        "+CME ERROR: 10" => "+CME ERROR: SIM not inserted",
        "+CME ERROR: 11" => "+CME ERROR: SIM PIN required",
        "+CME ERROR: 12" => "+CME ERROR: SIM PUK required",
        "+CME ERROR: 14" => "+CME ERROR: SIM busy",
        "+CME ERROR: 16" => "+CME ERROR: incorrect password",
        "+CMS ERROR: 303" => "+CMS ERROR: operation not supported",
        "+CMS ERROR: 321" => "+CMS ERROR: invalid memory index",
        "+CMS ERROR: 322" => "+CMS ERROR: memory full",
        "+CMS ERROR: 331" => "+CMS ERROR: no network service",
        result => result,
    }
}
