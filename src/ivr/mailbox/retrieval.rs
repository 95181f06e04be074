//! Hearing messages: who it is, how many there are, one after the other, and the owner's own greeting.
//!
//! Every prompt may be cut short by the key that answers it. What was deleted can be taken back until the caller leaves.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{
    Change, DISK, LATE, Mailboxes, Message, Outcome, Output, Purpose, Sound, Verdict, add, clips,
};
use crate::hours;
use crate::id::{ExtensionId, RecordingId};
use crate::ivr::{prompts, speak};
use crate::time::Now;

/// How long a key may take: people look at their phone's keys first.
const PATIENCE: Duration = Duration::from_secs(8);
/// Prompts that nobody answers before the caller is let go.
const MOST_SILENCES: u8 = 3;
/// PINs that one call may try.
const MOST_TRIES: u8 = 3;
/// Keys of one entry: longer than any PIN or extension.
const MOST_KEYS: usize = 16;
/// The longest greeting: nobody listens to more.
const GREETING: Duration = Duration::from_secs(60);
/// Silence that ends a greeting.
const SILENCE: Duration = Duration::from_secs(4);

const MENU: [&str; 1] = ["vm-menu"];
const MESSAGE_MENU: [&str; 1] = ["vm-message-menu"];
const GREETING_MENU: [&str; 1] = ["vm-greeting-menu"];

/// Where the caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Keys the number of a mailbox in.
    Mailbox,
    /// Keys the PIN in.
    Pin,
    /// Keys a new PIN in, and then once more.
    NewPin,
    /// The same, the second time.
    NewPinAgain,
    /// Chooses between messages, PIN and greeting.
    Menu,
    /// Waits for a message to be read.
    Fetching,
    /// Hears a message, or what may be done with it once it was heard.
    Message { heard: bool },
    /// Chooses what to do about the greeting.
    Greeting,
    /// Hears what comes before recording a greeting.
    Instruction,
    /// Records a greeting.
    Recording,
    /// Waits for the greeting to be read.
    FetchingGreeting,
    /// Hears the last sentence.
    Parting,
    /// Gone.
    Over,
}

/// A caller who hears messages.
#[derive(Debug)]
pub struct Retrieval {
    mailbox: Option<ExtensionId>,
    /// Whether the phone itself proves who calls.
    own: bool,
    at: At,
    entry: String,
    /// The new PIN as it was first keyed in.
    new_pin: String,
    tries: u8,
    silences: u8,
    /// Something is being played that a key cuts short.
    playing: bool,
    /// The messages as they were when the visit began, new ones first, and whether each was deleted.
    list: Vec<(Message, bool)>,
    index: usize,
    deadline: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Retrieval {
    /// A visit from the mailbox's own phone.
    pub fn own(mailbox: ExtensionId) -> Self {
        Retrieval::new(Some(mailbox), true)
    }

    /// A visit from elsewhere: mailbox and PIN are asked for.
    pub fn from_elsewhere() -> Self {
        Retrieval::new(None, false)
    }

    /// A visit from elsewhere to this mailbox: its PIN is asked for.
    pub fn with_pin(mailbox: ExtensionId) -> Self {
        Retrieval::new(Some(mailbox), false)
    }

    fn new(mailbox: Option<ExtensionId>, own: bool) -> Self {
        Retrieval {
            mailbox,
            own,
            at: At::Over,
            entry: String::new(),
            new_pin: String::new(),
            tries: 0,
            silences: 0,
            playing: false,
            list: Vec::new(),
            index: 0,
            deadline: None,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn handle_started(&mut self, boxes: &mut Mailboxes) {
        match self.mailbox.clone() {
            // A phone without a mailbox may be used to hear another one's messages.
            Some(mailbox) if self.own && boxes.has(&mailbox) => {
                boxes.forgive(&mailbox);
                self.enter(boxes);
            }
            Some(_) if !self.own => self.ask(At::Pin, &["vm-pin"]),
            _ => self.ask(At::Mailbox, &["vm-mailbox"]),
        }
    }

    pub(super) fn handle_digit(&mut self, now: Now, boxes: &mut Mailboxes, key: char) {
        if !(key.is_ascii_digit() || matches!(key, '*' | '#')) {
            return;
        }
        self.silences = 0;
        match self.at {
            At::Mailbox | At::Pin | At::NewPin | At::NewPinAgain => self.keyed(now, boxes, key),
            At::Menu => self.chosen(boxes, key),
            At::Message { .. } => self.chosen_for_message(boxes, key),
            At::Greeting => self.chosen_for_greeting(boxes, key),
            _ => {}
        }
        self.wait_for_disk(now);
    }

    pub(super) fn handle_played(&mut self, now: Now, boxes: &mut Mailboxes) {
        self.playing = false;
        match self.at {
            At::Parting => {
                self.at = At::Over;
                self.outputs.push_back(Output::HangUp);
            }
            At::Instruction => self.record(now),
            At::Message { heard: false } => {
                self.mark(boxes, true);
                self.at = At::Message { heard: true };
                self.say(clips(&MESSAGE_MENU));
            }
            _ => self.deadline = Some(now.instant + PATIENCE),
        }
    }

    pub(super) fn handle_fetched(
        &mut self,
        boxes: &Mailboxes,
        recording: RecordingId,
        there: bool,
    ) {
        match self.at {
            At::Fetching if self.current().is_some_and(|(message, _)| message.id == recording) => {
                self.at = At::Message { heard: !there };
                match there {
                    true => self.say(self.words_of_message(boxes)),
                    false => self.say(clips(&["vm-not-playable", MESSAGE_MENU[0]])),
                }
            }
            At::FetchingGreeting => {
                let mut sounds = Vec::new();
                if there {
                    sounds.push(Sound::Recording(recording));
                }
                sounds.extend(clips(&GREETING_MENU));
                self.go(At::Greeting, sounds);
            }
            _ => {}
        }
    }

    /// All of the greeting was heard; what is left is the disk's work.
    pub(super) fn handle_heard(&mut self, now: Now) {
        if self.at == At::Recording {
            self.deadline = Some(now.instant + DISK);
        }
    }

    pub(super) fn handle_recorded(&mut self, boxes: &mut Mailboxes, outcome: Outcome) {
        if self.at != At::Recording {
            return;
        }
        let word = match outcome {
            Outcome::Kept(recording) => {
                self.greet_with(boxes, Some(recording));
                "vm-greeting-saved"
            }
            Outcome::TooShort => "vm-too-short",
            Outcome::Failed => "vm-not-possible-now",
        };
        self.go(At::Greeting, clips(&[word, GREETING_MENU[0]]));
    }

    pub(super) fn handle_timeout(&mut self, now: Now, boxes: &mut Mailboxes) {
        if self.deadline.is_none_or(|at| at > now.instant) {
            return;
        }
        self.deadline = None;
        if self.is_late(boxes) {
            return;
        }
        self.silences += 1;
        if self.silences >= MOST_SILENCES {
            return self.part(boxes);
        }
        match self.at {
            // Whoever keyed something in and waits has forgotten the hash key.
            At::Mailbox | At::Pin | At::NewPin | At::NewPinAgain if !self.entry.is_empty() => {
                self.entered(now, boxes);
            }
            At::Mailbox => self.say(clips(&["vm-mailbox"])),
            At::Pin => self.say(clips(&["vm-pin"])),
            At::NewPin => self.say(clips(&["vm-new-pin"])),
            At::NewPinAgain => self.say(clips(&["vm-pin-again"])),
            At::Menu => self.say(clips(&MENU)),
            At::Message { .. } => self.say(clips(&MESSAGE_MENU)),
            At::Greeting => self.say(clips(&GREETING_MENU)),
            _ => {}
        }
    }

    /// The disk did not answer in time. Answers whether it was that.
    fn is_late(&mut self, boxes: &mut Mailboxes) -> bool {
        match self.at {
            At::Fetching => {
                let recording = self.current().map(|(message, _)| message.id);
                recording.into_iter().for_each(|id| self.handle_fetched(boxes, id, false));
            }
            At::FetchingGreeting => self.go(At::Greeting, clips(&GREETING_MENU)),
            At::Recording => {
                self.outputs.push_back(Output::Refuse);
                self.handle_recorded(boxes, Outcome::Failed);
            }
            _ => return false,
        }
        true
    }

    fn wait_for_disk(&mut self, now: Now) {
        if matches!(self.at, At::Fetching | At::FetchingGreeting) && self.deadline.is_none() {
            self.deadline = Some(now.instant + DISK);
        }
    }

    /// The caller is gone: what was deleted is gone for good.
    pub(super) fn handle_gone(&mut self, boxes: &mut Mailboxes) {
        self.at = At::Over;
        self.deadline = None;
        let deleted: Vec<_> = self.list.iter().filter(|(_, deleted)| *deleted).collect();
        let ids: Vec<_> = deleted.into_iter().map(|(message, _)| message.id).collect();
        self.list.clear();
        for id in ids {
            self.change(boxes, Change::Deleted(id));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

/// Who it is.
impl Retrieval {
    fn ask(&mut self, at: At, words: &[&str]) {
        self.entry.clear();
        self.go(at, clips(words));
    }

    fn keyed(&mut self, now: Now, boxes: &mut Mailboxes, key: char) {
        self.hush();
        match key {
            '#' => self.entered(now, boxes),
            '*' => self.entry.clear(),
            key if self.entry.len() < MOST_KEYS => self.entry.push(key),
            _ => {}
        }
        let keys = matches!(self.at, At::Mailbox | At::Pin | At::NewPin | At::NewPinAgain);
        if keys && !self.playing {
            self.deadline = Some(now.instant + PATIENCE);
        }
    }

    fn entered(&mut self, now: Now, boxes: &mut Mailboxes) {
        let entry = std::mem::take(&mut self.entry);
        if matches!(self.at, At::NewPin | At::NewPinAgain) {
            return self.new_pin(boxes, entry);
        }
        if self.at == At::Mailbox {
            // Whether it exists is told to nobody who does not know the PIN.
            self.mailbox = Some(ExtensionId::from(entry.as_str()));
            return self.ask(At::Pin, &["vm-pin"]);
        }
        let Some(mailbox) = self.mailbox.clone() else { return };
        if boxes.try_pin(now, &mailbox, &entry) == Verdict::Open {
            return self.enter(boxes);
        }
        self.tries += 1;
        if self.tries >= MOST_TRIES {
            return self.part(boxes);
        }
        self.mailbox = None;
        self.ask(At::Mailbox, &["vm-wrong", "vm-mailbox"]);
    }

    /// The caller may hear the messages.
    fn enter(&mut self, boxes: &Mailboxes) {
        let Some(mailbox) = self.mailbox.clone() else { return };
        let mut messages: Vec<_> = boxes.messages(&mailbox).to_vec();
        messages.sort_by_key(|message| message.heard);
        self.list = messages.into_iter().map(|message| (message, false)).collect();
        let mut sounds = words_of_counts(boxes.counts(&mailbox));
        sounds.extend(clips(&MENU));
        self.go(At::Menu, sounds);
    }
}

fn words_of_counts(counts: super::Counts) -> Vec<Sound> {
    if counts == super::Counts::default() {
        return clips(&["vm-no-messages"]);
    }
    let mut sounds = clips(&["vm-you-have"]);
    let kinds = [
        (counts.new, "vm-new-message", "vm-new-messages"),
        (counts.old, "vm-saved-message", "vm-saved-messages"),
    ];
    for (place, (count, one, many)) in
        kinds.into_iter().filter(|(count, ..)| *count > 0).enumerate()
    {
        if place > 0 {
            sounds.extend(clips(&["and"]));
        }
        add(&mut sounds, speak::number(count.into()));
        sounds.extend(clips(&[if count == 1 { one } else { many }]));
    }
    sounds
}

/// Messages.
impl Retrieval {
    fn chosen(&mut self, boxes: &mut Mailboxes, key: char) {
        match key {
            '1' => {
                self.hush();
                self.hear(0);
            }
            '2' => self.change_pin(boxes),
            '0' => self.greeting_menu(),
            '#' => self.part(boxes),
            _ => {
                self.hush();
                self.go(At::Menu, clips(&MENU));
            }
        }
    }

    fn chosen_for_message(&mut self, boxes: &mut Mailboxes, key: char) {
        self.hush();
        match key {
            '4' => self.hear(self.index.saturating_sub(1)),
            '5' => self.hear(self.index),
            '6' => self.hear(self.index + 1),
            '7' => self.delete(true, "vm-deleted"),
            '8' => self.delete(false, "vm-restored"),
            '9' => {
                self.mark(boxes, true);
                self.say_and_wait(&["vm-saved", MESSAGE_MENU[0]]);
            }
            '0' => self.greeting_menu(),
            '#' => self.part(boxes),
            _ => self.say_and_wait(&MESSAGE_MENU),
        }
    }

    fn current(&self) -> Option<&(Message, bool)> {
        self.list.get(self.index)
    }

    /// Goes to a message; past the last one there is the menu.
    fn hear(&mut self, index: usize) {
        self.deadline = None;
        match self.list.get(index) {
            Some((message, _)) => {
                self.index = index;
                self.at = At::Fetching;
                self.outputs.push_back(Output::Fetch(message.id));
            }
            None => {
                let word = if self.list.is_empty() { "vm-no-messages" } else { "vm-no-more" };
                self.go(At::Menu, clips(&[word, MENU[0]]));
            }
        }
    }

    fn delete(&mut self, deleted: bool, word: &'static str) {
        let index = self.index;
        if let Some((_, flag)) = self.list.get_mut(index) {
            *flag = deleted;
        }
        self.say_and_wait(&[word, MESSAGE_MENU[0]]);
    }

    fn mark(&mut self, boxes: &mut Mailboxes, heard: bool) {
        let index = self.index;
        let Some((message, _)) = self.list.get_mut(index) else { return };
        if message.heard != heard {
            message.heard = heard;
            let id = message.id;
            self.change(boxes, Change::Heard(id, heard));
        }
    }

    /// Which message it is, from whom and from when; then the message itself.
    fn words_of_message(&self, boxes: &Mailboxes) -> Vec<Sound> {
        let Some((message, _)) = self.current() else { return Vec::new() };
        let mut sounds = clips(&["vm-message"]);
        add(&mut sounds, speak::number(self.index as u64 + 1));
        let number = message.from.as_deref().map(speak::digits).unwrap_or_default();
        if number.is_empty() {
            sounds.extend(clips(&["vm-unknown-caller"]));
        } else {
            sounds.extend(clips(&["vm-from"]));
            add(&mut sounds, number);
        }
        if let Some((date, time)) = hours::local(message.taken, &boxes.zone) {
            add(&mut sounds, speak::date(date));
            add(&mut sounds, speak::time(time));
        }
        sounds.push(Sound::Recording(message.id));
        sounds
    }
}

/// The PIN.
impl Retrieval {
    /// Only a mailbox that the admin gave a PIN may be heard from elsewhere; its owner chooses which PIN that is.
    fn change_pin(&mut self, boxes: &Mailboxes) {
        self.hush();
        let own = self.mailbox.as_ref().and_then(|mailbox| boxes.settings(mailbox));
        match own.is_some_and(|settings| settings.pin.is_some()) {
            true => self.ask(At::NewPin, &["vm-new-pin"]),
            false => self.go(At::Menu, clips(&["vm-no-pin", MENU[0]])),
        }
    }

    fn new_pin(&mut self, boxes: &mut Mailboxes, entry: String) {
        let Some(mailbox) = self.mailbox.clone() else { return };
        if entry.is_empty() {
            return self.go(At::Menu, clips(&MENU));
        }
        let chosen = boxes.choose_pin(&mailbox, &entry);
        match (self.at, chosen) {
            (_, None) => self.ask(At::NewPin, &["vm-pin-too-easy", "vm-new-pin"]),
            (At::NewPinAgain, Some(chosen)) if entry == self.new_pin => {
                self.new_pin.clear();
                self.change(boxes, Change::Pin(chosen));
                self.go(At::Menu, clips(&["vm-pin-changed", MENU[0]]));
            }
            (At::NewPinAgain, Some(_)) => self.ask(At::NewPin, &["vm-pin-differs", "vm-new-pin"]),
            (_, Some(_)) => {
                self.new_pin = entry;
                self.ask(At::NewPinAgain, &["vm-pin-again"]);
            }
        }
    }
}

/// The greeting.
impl Retrieval {
    fn greeting_menu(&mut self) {
        self.hush();
        self.go(At::Greeting, clips(&GREETING_MENU));
    }

    fn chosen_for_greeting(&mut self, boxes: &mut Mailboxes, key: char) {
        self.hush();
        let greeting = self.mailbox.as_ref().and_then(|mailbox| boxes.greeting(mailbox));
        match (key, greeting) {
            ('1', _) => self.go(At::Instruction, clips(&["vm-greeting-record"])),
            ('2', Some(recording)) => {
                self.deadline = None;
                self.at = At::FetchingGreeting;
                self.outputs.push_back(Output::Fetch(recording));
            }
            ('2' | '3', None) => self.say_and_wait(&["vm-greeting-standard", GREETING_MENU[0]]),
            ('3', Some(_)) => {
                self.greet_with(boxes, None);
                self.say_and_wait(&["vm-greeting-standard", GREETING_MENU[0]]);
            }
            ('*', _) => self.go(At::Menu, clips(&MENU)),
            ('#', _) => self.part(boxes),
            _ => self.say_and_wait(&GREETING_MENU),
        }
    }

    fn record(&mut self, now: Now) {
        let Some(mailbox) = self.mailbox.clone() else { return };
        self.at = At::Recording;
        self.deadline = Some(now.instant + GREETING + LATE);
        self.outputs.push_back(Output::Record {
            mailbox,
            purpose: Purpose::Greeting,
            max: GREETING,
            silence: SILENCE,
        });
    }

    fn greet_with(&mut self, boxes: &mut Mailboxes, recording: Option<RecordingId>) {
        let before = self.mailbox.as_ref().and_then(|mailbox| boxes.greeting(mailbox));
        self.change(boxes, Change::Greeting { now: recording, before });
    }
}

/// Sound and changes.
impl Retrieval {
    fn go(&mut self, at: At, sounds: Vec<Sound>) {
        self.at = at;
        self.say(sounds);
    }

    fn say_and_wait(&mut self, names: &[&str]) {
        if let At::Message { .. } = self.at {
            self.at = At::Message { heard: true };
        }
        self.say(clips(names));
    }

    fn say(&mut self, sounds: Vec<Sound>) {
        self.deadline = None;
        self.playing = true;
        let interruptible = self.at != At::Parting && self.at != At::Instruction;
        self.outputs.push_back(Output::Play { sounds, interruptible });
    }

    fn hush(&mut self) {
        if std::mem::take(&mut self.playing) {
            self.outputs.push_back(Output::StopPlaying);
        }
    }

    fn change(&mut self, boxes: &mut Mailboxes, change: Change) {
        let Some(mailbox) = self.mailbox.clone() else { return };
        boxes.apply(&mailbox, &change);
        self.outputs.push_back(Output::Changed(mailbox, change));
    }

    fn part(&mut self, boxes: &mut Mailboxes) {
        self.hush();
        self.handle_gone(boxes);
        self.go(At::Parting, clips(&[prompts::GOODBYE]));
    }
}
