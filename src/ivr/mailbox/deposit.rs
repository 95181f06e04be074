//! Leaving a message: a greeting, a beep, the message, a word of thanks.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{DISK, LATE, Mailboxes, Outcome, Output, Purpose, Sound, add, clips};
use crate::id::{ExtensionId, RecordingId};
use crate::ivr::{prompts, speak};
use crate::time::Now;

/// Silence that ends a message: whoever searches for a word needs less.
const SILENCE: Duration = Duration::from_secs(5);

/// What the visit is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// The recorded greeting, to be read.
    Fetching,
    /// The end of the greeting.
    Greeting,
    /// The end of the message.
    Recording,
    /// The word that the message is on the disk.
    Keeping,
    /// The end of the last sentence.
    Parting,
    /// Nothing.
    Over,
}

/// A caller who leaves a message.
#[derive(Debug)]
pub struct Deposit {
    mailbox: ExtensionId,
    doing: Doing,
    /// When what it waits for is given up.
    deadline: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Deposit {
    /// A visit that is about to begin.
    pub fn new(mailbox: ExtensionId) -> Self {
        Deposit { mailbox, doing: Doing::Over, deadline: None, outputs: VecDeque::new() }
    }

    pub(super) fn handle_started(&mut self, now: Now, boxes: &Mailboxes) {
        if !boxes.has(&self.mailbox) {
            return self.part(prompts::UNAVAILABLE);
        }
        if boxes.is_full(&self.mailbox) {
            return self.part("vm-full");
        }
        match boxes.greeting(&self.mailbox) {
            Some(recording) => {
                self.wait(Doing::Fetching, now, DISK);
                self.outputs.push_back(Output::Fetch(recording));
            }
            None => self.greet(self.standard(boxes)),
        }
    }

    /// Answers the mailbox whose owner this is, if a star was pressed during the greeting and the mailbox has a PIN. Any
    /// other key skips the greeting, as callers expect who have heard it before.
    pub(super) fn handle_digit(
        &mut self,
        now: Now,
        boxes: &Mailboxes,
        key: char,
    ) -> Option<ExtensionId> {
        if self.doing != Doing::Greeting {
            return None;
        }
        self.outputs.push_back(Output::StopPlaying);
        let has_pin = boxes.settings(&self.mailbox).is_some_and(|own| own.pin.is_some());
        if key == '*' && has_pin {
            return Some(self.mailbox.clone());
        }
        self.record(now, boxes);
        None
    }

    pub(super) fn handle_fetched(
        &mut self,
        boxes: &Mailboxes,
        recording: RecordingId,
        there: bool,
    ) {
        if self.doing != Doing::Fetching {
            return;
        }
        match there {
            true => self.greet(vec![Sound::Recording(recording)]),
            false => self.greet(self.standard(boxes)),
        }
    }

    pub(super) fn handle_played(&mut self, now: Now, boxes: &Mailboxes) {
        match self.doing {
            Doing::Greeting => self.record(now, boxes),
            Doing::Parting => {
                self.doing = Doing::Over;
                self.outputs.push_back(Output::HangUp);
            }
            _ => {}
        }
    }

    /// All of the message was heard; what is left is the disk's work.
    pub(super) fn handle_heard(&mut self, now: Now) {
        if self.doing == Doing::Recording {
            self.wait(Doing::Keeping, now, DISK);
        }
    }

    pub(super) fn handle_recorded(&mut self, outcome: Outcome) {
        if matches!(self.doing, Doing::Recording | Doing::Keeping) {
            self.part(match outcome {
                Outcome::Kept(_) => prompts::MESSAGE_SAVED,
                Outcome::TooShort => prompts::GOODBYE,
                Outcome::Failed => "vm-not-saved",
            });
        }
    }

    /// What was waited for is late. A message that is not on the disk by now will not be there later either: the caller
    /// is told that it was not saved, and that stays true.
    pub(super) fn handle_timeout(&mut self, now: Now, boxes: &Mailboxes) {
        if self.deadline.is_none_or(|at| at > now.instant) {
            return;
        }
        match self.doing {
            Doing::Fetching => self.greet(self.standard(boxes)),
            Doing::Recording | Doing::Keeping => {
                self.outputs.push_back(Output::Refuse);
                self.part("vm-not-saved");
            }
            _ => self.deadline = None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn standard(&self, boxes: &Mailboxes) -> Vec<Sound> {
        let own = boxes.settings(&self.mailbox).and_then(|settings| settings.greeting.clone());
        if let Some(greeting) = own {
            return vec![Sound::Clip(greeting)];
        }
        let mut sounds = clips(&["vm-extension"]);
        add(&mut sounds, speak::digits(self.mailbox.as_str()));
        sounds.extend(clips(&["vm-not-there", "leave-message"]));
        sounds
    }

    fn greet(&mut self, sounds: Vec<Sound>) {
        (self.doing, self.deadline) = (Doing::Greeting, None);
        self.outputs.push_back(Output::Play { sounds, interruptible: true });
    }

    fn wait(&mut self, doing: Doing, now: Now, most: Duration) {
        (self.doing, self.deadline) = (doing, Some(now.instant + most));
    }

    fn record(&mut self, now: Now, boxes: &Mailboxes) {
        let Some(settings) = boxes.settings(&self.mailbox) else { return };
        self.wait(Doing::Recording, now, settings.max_length + LATE);
        self.outputs.push_back(Output::Record {
            mailbox: self.mailbox.clone(),
            purpose: Purpose::Message,
            max: settings.max_length,
            silence: SILENCE,
        });
    }

    fn part(&mut self, word: &str) {
        (self.doing, self.deadline) = (Doing::Parting, None);
        self.outputs.push_back(Output::Play { sounds: clips(&[word]), interruptible: false });
    }
}
