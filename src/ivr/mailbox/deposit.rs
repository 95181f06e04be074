//! Leaving a message: a greeting, a beep, the message, a word of thanks.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Mailboxes, Outcome, Output, Purpose, Sound, add, clips};
use crate::id::{ExtensionId, RecordingId};
use crate::ivr::{prompts, speak};

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
    outputs: VecDeque<Output>,
}

impl Deposit {
    /// A visit that is about to begin.
    pub fn new(mailbox: ExtensionId) -> Self {
        Deposit { mailbox, doing: Doing::Over, outputs: VecDeque::new() }
    }

    pub(super) fn handle_started(&mut self, boxes: &Mailboxes) {
        if !boxes.has(&self.mailbox) {
            return self.part(prompts::UNAVAILABLE);
        }
        if boxes.is_full(&self.mailbox) {
            return self.part("vm-full");
        }
        match boxes.greeting(&self.mailbox) {
            Some(recording) => {
                self.doing = Doing::Fetching;
                self.outputs.push_back(Output::Fetch(recording));
            }
            None => self.greet(self.standard(boxes)),
        }
    }

    /// Answers the mailbox whose owner this is, if a star was pressed during the greeting and the mailbox has a PIN. Any
    /// other key skips the greeting, as callers expect who have heard it before.
    pub(super) fn handle_digit(&mut self, boxes: &Mailboxes, key: char) -> Option<ExtensionId> {
        if self.doing != Doing::Greeting {
            return None;
        }
        self.outputs.push_back(Output::StopPlaying);
        let has_pin = boxes.settings(&self.mailbox).is_some_and(|own| own.pin.is_some());
        if key == '*' && has_pin {
            return Some(self.mailbox.clone());
        }
        self.record(boxes);
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

    pub(super) fn handle_played(&mut self, boxes: &Mailboxes) {
        match self.doing {
            Doing::Greeting => self.record(boxes),
            Doing::Parting => {
                self.doing = Doing::Over;
                self.outputs.push_back(Output::HangUp);
            }
            _ => {}
        }
    }

    pub(super) fn handle_recorded(&mut self, outcome: Outcome) {
        if self.doing == Doing::Recording {
            self.part(match outcome {
                Outcome::Kept(_) => prompts::MESSAGE_SAVED,
                Outcome::TooShort => prompts::GOODBYE,
                Outcome::Failed => "vm-not-saved",
            });
        }
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
        self.doing = Doing::Greeting;
        self.outputs.push_back(Output::Play { sounds, interruptible: true });
    }

    fn record(&mut self, boxes: &Mailboxes) {
        let Some(settings) = boxes.settings(&self.mailbox) else { return };
        self.doing = Doing::Recording;
        self.outputs.push_back(Output::Record {
            mailbox: self.mailbox.clone(),
            purpose: Purpose::Message,
            max: settings.max_length,
            silence: SILENCE,
        });
    }

    fn part(&mut self, word: &str) {
        self.doing = Doing::Parting;
        self.outputs.push_back(Output::Play { sounds: clips(&[word]), interruptible: false });
    }
}
