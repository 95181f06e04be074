//! What arrived: read wherever it is, told once, removed only after it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::profile::Profile;
use super::{Modem, SWEEP, SWEEP_OFTEN, Task, Told, digest};
use crate::sms::at::{Answer, Verdict, fields, octets};
use crate::sms::pdu::{Direction, Pdu, Tpdu};
use crate::time::Now;

/// A SIM that is full takes its time to be listed: some twenty seconds were seen.
pub(super) const LIST_PATIENCE: Duration = Duration::from_secs(45);
/// And to delete.
pub(super) const DELETE_PATIENCE: Duration = Duration::from_secs(25);
/// Places that are tried one by one where a memory cannot be listed: the largest that was seen has 255.
const MOST_PLACES: u16 = 260;
/// Messages that were told and are not stored: more are read when these are.
const MOST_UNSTORED: usize = 1_024;
/// No acknowledgement was awaited (TS 27.005 section 3.2.5).
const NONE_AWAITED: u16 = 340;

/// Where a message lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) memory: String,
    pub(super) index: u16,
}

#[derive(Debug, Default)]
struct Entry {
    places: BTreeSet<Place>,
    /// It came directly: the network waits for our word.
    direct: bool,
    stored: bool,
}

/// What is known of the memories.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    memories: Vec<String>,
    chosen: Option<String>,
    known: BTreeMap<String, Entry>,
    usage: BTreeMap<String, (u16, u16)>,
    /// Which form of CNMA is used; beyond the last one, none works.
    form: usize,
    swept: bool,
    announced: BTreeSet<Place>,
    /// Something arrived and was not announced.
    mute: bool,
}

impl Inbox {
    /// The line is gone: places may mean something else on the next one.
    pub(super) fn forget(&mut self) {
        *self = Inbox { form: self.form, mute: self.mute, ..Inbox::default() };
    }

    pub(super) fn is_chosen(&self, memory: &str) -> bool {
        self.chosen.as_deref() == Some(memory)
    }

    pub(super) fn is_full(&self) -> bool {
        self.usage.values().any(|(used, total)| used >= total && *total > 0)
    }

    pub(super) fn unstored(&self) -> usize {
        self.known.values().filter(|entry| !entry.stored).count()
    }

    /// Nothing: no form of it works here.
    pub(super) fn acknowledgement(&self, profile: &Profile) -> Option<String> {
        profile.cnma.get(self.form).cloned()
    }

    /// `("SM","ME","SR"),("SM"),("SM")`, or with brackets around the whole (Wavecom).
    pub(super) fn set_memories(&mut self, profile: &Profile, tested: Option<&str>) {
        let group = tested.and_then(|text| text.trim_start_matches('(').split(')').next());
        let named = group.map(fields).unwrap_or_default();
        let mut memories: Vec<String> = match profile.memories.is_empty() {
            true => named.into_iter().map(str::to_owned).collect(),
            false => profile.memories.clone(),
        };
        // Broadcasts and what the computer keeps are nobody's messages; MT is SM and ME together.
        memories.retain(|name| matches!(name.as_str(), "SM" | "ME" | "SR" | "MT"));
        if memories.iter().any(|name| name == "SM") && memories.iter().any(|name| name == "ME") {
            memories.retain(|name| name != "MT");
        }
        if memories.is_empty() {
            memories.push("SM".to_owned());
        }
        self.memories = memories;
    }
}

impl Modem {
    pub(super) fn begin_sweep(&mut self, now: Now) {
        let hears = self.setup.announces() && !self.inbox.mute && !self.inbox.is_full();
        self.sweep = Some(now.instant + if hears { SWEEP } else { SWEEP_OFTEN });
        for memory in self.inbox.memories.clone() {
            self.look_through(memory);
        }
    }

    fn look_through(&mut self, memory: String) {
        let task = Task::List(memory);
        if !self.tasks.contains(&task) && self.running.as_ref() != Some(&task) {
            self.add(task);
        }
    }

    /// `"SM",3` behind CMTI or CDSI.
    pub(super) fn announced(&mut self, value: &str) {
        let values = fields(value);
        let (Some(memory), Some(index)) =
            (values.first(), values.get(1).and_then(|index| index.parse().ok()))
        else {
            return;
        };
        let place = Place { memory: (*memory).to_owned(), index };
        if self.inbox.announced.len() < MOST_UNSTORED {
            self.inbox.announced.insert(place.clone());
        }
        self.add(Task::Read(place));
    }

    pub(super) fn selected(&mut self, memory: &str, answer: &Answer) {
        if answer.verdict.is_ok() {
            self.inbox.chosen = Some(memory.to_owned());
            let values = answer.value("+CPMS").map(fields).unwrap_or_default();
            // The first two belong to the memory that is read.
            let numbers: Vec<u16> = values.iter().filter_map(|value| value.parse().ok()).collect();
            if let [used, total, ..] = numbers[..] {
                self.inbox.usage.insert(memory.to_owned(), (used, total));
            }
            return;
        }
        // Nothing in there can be read now; if it never can, it is not tried again.
        self.tasks.retain(|task| match task {
            Task::List(name) => name != memory,
            Task::Read(place) | Task::Verify { place, .. } | Task::Delete(place) => {
                place.memory != memory
            }
            _ => true,
        });
        if answer.verdict.is_answer() && self.inbox.memories.len() > 1 {
            self.inbox.memories.retain(|name| name != memory);
        }
    }

    /// `"SM",3,30,"ME",0,23,…` Where there is more than was left, something came that may never be announced.
    pub(super) fn note_usage(&mut self, now: Now, value: Option<&str>) {
        let values = value.map(fields).unwrap_or_default();
        for three in values.chunks_exact(3) {
            if let (Ok(used), Ok(total)) = (three[1].parse(), three[2].parse()) {
                let memory = three[0].to_owned();
                let before = self.inbox.usage.insert(memory.clone(), (used, total));
                let more = before.is_some_and(|(before, _)| used > before);
                if more && self.inbox.memories.contains(&memory) {
                    self.look_through(memory);
                }
            }
        }
        // Nothing more arrives before there is room.
        let often = now.instant + SWEEP_OFTEN;
        if self.inbox.is_full() && self.sweep.is_some_and(|at| at > often) {
            self.sweep = Some(often);
        }
    }

    pub(super) fn listed(&mut self, now: Now, memory: &str, answer: &Answer) {
        let (used, total) = self.inbox.usage.get(memory).copied().unwrap_or((1, MOST_PLACES));
        if !answer.verdict.is_ok() && answer.verdict.is_answer() && used > 0 {
            let first = self.profile.first_place;
            for index in first..=first + total.min(MOST_PLACES) {
                self.add(Task::Read(Place { memory: memory.to_owned(), index }));
            }
        }
        for line in &answer.lines {
            let Some((_, value)) = line.text.split_once(':') else { continue };
            let values = fields(value.trim());
            let Some(index) = values.first().and_then(|index| index.parse().ok()) else { continue };
            let place = Place { memory: memory.to_owned(), index };
            let status = values.get(1).copied().unwrap_or_default();
            if matches!(status, "2" | "3") {
                // What somebody wrote and left there matters only where it takes the room of what arrives.
                if self.inbox.is_full() {
                    self.add(Task::Delete(place));
                }
                continue;
            }
            let unread = status == "0" && self.inbox.swept && line.pdu.is_some();
            if unread && !self.inbox.announced.contains(&place) && !self.is_known(&place) {
                self.inbox.mute = true;
            }
            match line.pdu.as_deref().and_then(octets) {
                Some(pdu) => self.take(now, Some(place), pdu),
                None => self.add(Task::Read(place)),
            }
        }
        self.inbox.swept |= self.inbox.memories.last().is_some_and(|last| last == memory);
    }

    pub(super) fn read(&mut self, now: Now, place: Place, answer: &Answer) {
        self.inbox.announced.remove(&place);
        let line = answer.lines.first();
        let status = line.and_then(|line| line.text.split_once(':'));
        let written = status
            .is_some_and(|(_, value)| matches!(fields(value.trim()).first(), Some(&("2" | "3"))));
        if let Some(pdu) = line.and_then(|line| line.pdu.as_deref()).and_then(octets)
            && !written
        {
            self.take(now, Some(place), pdu);
        }
    }

    /// It came directly.
    pub(super) fn given(&mut self, now: Now, pdu: Vec<u8>) {
        self.take(now, None, pdu);
    }

    fn is_known(&self, place: &Place) -> bool {
        self.inbox.known.values().any(|entry| entry.places.contains(place))
    }

    fn take(&mut self, now: Now, place: Option<Place>, pdu: Vec<u8>) {
        let sim = self.identity.iccid.as_deref().unwrap_or_default();
        let key = digest(&[sim.as_bytes(), &pdu]);
        let fresh = !self.inbox.known.contains_key(&key);
        if fresh && self.inbox.known.len() >= MOST_UNSTORED {
            return;
        }
        let entry = self.inbox.known.entry(key.clone()).or_default();
        entry.direct |= place.is_none();
        entry.places.extend(place);
        if entry.stored {
            return self.stored(&key);
        }
        if !fresh {
            return;
        }
        match Pdu::parse(&pdu, Direction::ToPhone).map(|parsed| parsed.value.tpdu) {
            Ok(Tpdu::StatusReport(report)) => self.report_arrived(now, key, report),
            Ok(Tpdu::Deliver(deliver)) => {
                self.tell(Told::Arrived { key, deliver: Some(Box::new(deliver)), pdu });
            }
            _ => self.tell(Told::Arrived { key, deliver: None, pdu }),
        }
    }

    pub(super) fn stored(&mut self, key: &str) {
        let Some(entry) = self.inbox.known.get_mut(key) else { return };
        entry.stored = true;
        let acknowledge = std::mem::take(&mut entry.direct);
        let places = entry.places.clone();
        if acknowledge {
            self.add_first(Task::Acknowledge);
        }
        if places.is_empty() {
            self.inbox.known.remove(key);
        }
        for place in places {
            let task = Task::Verify { place, key: key.to_owned() };
            if !self.tasks.contains(&task) && self.running.as_ref() != Some(&task) {
                self.add(task);
            }
        }
    }

    /// The same memory may have two names, and a place may hold another message by now: what is deleted is what was stored.
    pub(super) fn verified(&mut self, place: Place, key: &str, answer: &Answer) {
        let sim = self.identity.iccid.as_deref().unwrap_or_default();
        let there = answer.lines.first().and_then(|line| line.pdu.as_deref()).and_then(octets);
        match there {
            Some(pdu) if digest(&[sim.as_bytes(), &pdu]) == key => {
                self.add_first(Task::Delete(place))
            }
            Some(_) => {
                self.gone_from(&place);
                self.add(Task::Read(place));
            }
            None => self.gone_from(&place),
        }
    }

    pub(super) fn deleted(&mut self, place: Place, answer: &Answer) {
        // Where it was refused, the next sweep finds it, tells it again, and tries again.
        self.gone_from(&place);
        let used = self.inbox.usage.get_mut(&place.memory).filter(|_| answer.verdict.is_ok());
        if let Some((used, _)) = used {
            *used = used.saturating_sub(1);
        }
    }

    fn gone_from(&mut self, place: &Place) {
        for entry in self.inbox.known.values_mut() {
            entry.places.remove(place);
        }
        self.inbox.known.retain(|_, entry| !entry.stored || !entry.places.is_empty());
    }

    pub(super) fn acknowledged(&mut self, answer: &Answer) {
        let refused = matches!(answer.verdict, Verdict::Error | Verdict::Cms(_) | Verdict::Cme(_));
        if refused && answer.verdict != Verdict::Cms(NONE_AWAITED) {
            self.inbox.form += 1;
            self.add_first(Task::Acknowledge);
        }
    }
}
