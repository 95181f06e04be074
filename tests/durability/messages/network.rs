//! The network of the modem: it brings what people write until the modem takes it, and reports what was delivered.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use branchline::sms::simulated::Make;

use super::seen::Seen;
use crate::sim::{Sim, delivers, read};

/// How often it looks.
const TURN: Duration = Duration::from_millis(5);

/// One SIM's network.
pub struct Network {
    pub sim: Arc<Sim>,
    waiting: Arc<Mutex<VecDeque<Vec<u8>>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    pub fn new(name: &str, seen: Arc<Seen>) -> Network {
        let sim = Arc::new(Sim::new(name, Make::default()));
        let (waiting, ends) = (Arc::default(), Arc::default());
        let turn = (sim.clone(), Arc::clone(&waiting), Arc::clone(&ends));
        let thread = std::thread::spawn(move || run(&turn.0, &turn.1, &turn.2, &seen));
        Network { sim, waiting, ends, thread: Some(thread) }
    }

    /// Somebody writes; the text comes in parts where it is long.
    pub fn write(&self, from: &str, text: &str, reference: u8) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(delivers(from, text, reference));
    }

    /// Parts that the box has not taken over.
    pub fn open(&self) -> usize {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.len() + self.sim.kept()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, that was said.
            let _ = thread.join();
        }
    }
}

fn run(sim: &Sim, waiting: &Mutex<VecDeque<Vec<u8>>>, ends: &AtomicBool, seen: &Seen) {
    let (mut known, mut reports) = (0, VecDeque::new());
    while !ends.load(Ordering::Relaxed) {
        let from = known;
        let sent = sim.plugged.with(move |_, modem| modem.sent()[from..].to_vec());
        for part in sent.unwrap_or_default() {
            known += 1;
            reports.push_back(part.reference);
            seen.given(&read(&[part]));
        }
        if let Some(&reference) = reports.front() {
            let told = sim.plugged.with(move |now, modem| modem.report(now, reference, 0));
            reports.pop_front().filter(|_| told == Some(true)).is_none().then(|| {
                reports.push_back(reference);
            });
        }
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).front().cloned();
        if next.is_some_and(|part| sim.receive(part)) {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            seen.answered();
        }
        std::thread::sleep(TURN);
    }
}
