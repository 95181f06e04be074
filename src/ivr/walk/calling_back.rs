//! A caller who would rather be called back: the number that calls is read out, or another one is keyed in and read out, and
//! one key confirms it. Whether a number may be called is not known here: it is asked for, and asked again with the promise.

use super::{Doing, Walk};
use crate::ivr::check::CallBack;
use crate::ivr::{ClipName, Output, prompts, speak};
use crate::time::Now;

/// The key that confirms a number.
const YES: char = '1';
/// The key that asks for another one.
const OTHER: char = '2';
/// The key that leads out.
const OUT: char = '*';
/// The key that ends a number.
const END: char = '#';
/// Keys of the longest number: an international prefix of four and the 15 digits of E.164.
const LONGEST: usize = 19;

/// What the caller is being asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Asking {
    /// Nothing yet: the node's own words.
    #[default]
    Nothing,
    /// Whether the number that calls may be called is being found out.
    MayOwn,
    /// To confirm it.
    Own,
    /// To key a number in.
    Key,
    /// Whether that one may be called is being found out.
    MayKeyed,
    /// To confirm it.
    Keyed,
    /// Nothing any more: the caller hears that it does not work out, and goes on.
    Sorry,
}

impl Walk {
    /// Says whether a number may be called, and how it is read out.
    pub fn handle_callable(&mut self, now: Now, readable: Option<&str>) {
        let flows = self.flows.clone();
        let Some(callback) = flows.callback(self.at) else { return };
        match (&self.asking, readable) {
            (Asking::MayOwn, Some(number)) => {
                self.asking = Asking::Own;
                let last = match callback.keyed {
                    true => prompts::CALLBACK_OR_OTHER,
                    false => prompts::CALLBACK_OR_NOT,
                };
                self.read_out(now, number, last);
            }
            (Asking::MayOwn, None) if callback.keyed => self.ask_number(now, None),
            (Asking::MayKeyed, Some(number)) => {
                self.asking = Asking::Keyed;
                self.read_out(now, number, prompts::CALLBACK_OR_AGAIN);
            }
            (Asking::MayKeyed, None) => {
                self.attempts += 1;
                match self.attempts > callback.retries {
                    true => self.callback_refused(now),
                    false => self.ask_number(now, Some(prompts::CALLBACK_REFUSED)),
                }
            }
            (Asking::MayOwn, None) => self.callback_refused(now),
            _ => {}
        }
    }

    fn read_out(&mut self, now: Now, number: &str, last: &str) {
        let mut clips = vec![ClipName::from(prompts::CALLBACK_NUMBER)];
        clips.extend(speak::digits(number));
        clips.push(ClipName::from(last));
        self.say_clips(now, clips, true);
    }

    fn ask_number(&mut self, now: Now, first: Option<&str>) {
        self.asking = Asking::Key;
        self.entry.clear();
        let clips = first.into_iter().chain([prompts::CALLBACK_KEY]).map(ClipName::from);
        self.say_clips(now, clips.collect(), true);
    }

    /// Something was said to the end.
    pub(super) fn callback_played(&mut self, now: Now, callback: &CallBack) {
        match self.asking {
            Asking::Nothing => {
                self.asking = Asking::MayOwn;
                self.ask_callable(callback, None);
            }
            Asking::Own | Asking::Key | Asking::Keyed => self.listen(now, callback.wait),
            Asking::Sorry => self.enter(now, callback.otherwise),
            Asking::MayOwn | Asking::MayKeyed => {}
        }
    }

    fn ask_callable(&mut self, callback: &CallBack, keyed: Option<String>) {
        self.doing = Doing::Listening;
        self.deadline = None;
        let (abroad, queue) = (callback.abroad, callback.place.queue.clone());
        self.outputs.push_back(Output::Callable { keyed, abroad, queue });
    }

    /// A key was pressed.
    pub(super) fn callback_key(&mut self, now: Now, callback: &CallBack, key: char) {
        match (&self.asking, key) {
            (Asking::Key, _) => {
                self.hush();
                self.number_key(now, callback, key);
            }
            (Asking::Own, YES) => self.confirm(callback, None),
            (Asking::Keyed, YES) => {
                let keyed = std::mem::take(&mut self.entry);
                self.confirm(callback, Some(keyed));
            }
            (Asking::Own, OTHER) if callback.keyed => {
                self.hush();
                self.ask_number(now, None);
            }
            (Asking::Keyed, OTHER) => {
                self.hush();
                self.ask_number(now, None);
            }
            (Asking::Own | Asking::Keyed, OUT) => {
                self.hush();
                self.enter(now, callback.otherwise);
            }
            // Any other key is a slip: the question stands, and silence asks it again.
            _ => {}
        }
    }

    fn number_key(&mut self, now: Now, callback: &CallBack, key: char) {
        match key {
            END => self.number_entered(callback),
            OUT => self.enter(now, callback.otherwise),
            digit => {
                self.entry.push(digit);
                match self.entry.len() >= LONGEST {
                    true => self.number_entered(callback),
                    false => self.listen(now, callback.wait),
                }
            }
        }
    }

    fn number_entered(&mut self, callback: &CallBack) {
        self.asking = Asking::MayKeyed;
        self.ask_callable(callback, Some(self.entry.clone()));
    }

    fn confirm(&mut self, callback: &CallBack, keyed: Option<String>) {
        self.hush();
        self.doing = Doing::Away;
        self.deadline = None;
        let (abroad, place) = (callback.abroad, callback.place.clone());
        self.outputs.push_back(Output::CallBack { keyed, abroad, place });
    }

    /// Nobody has pressed a key in time.
    pub(super) fn callback_silence(&mut self, now: Now, callback: &CallBack) {
        if self.asking == Asking::Key && !self.entry.is_empty() {
            return self.number_entered(callback);
        }
        self.attempts += 1;
        if self.attempts > callback.retries {
            return self.enter(now, callback.otherwise);
        }
        match self.asking {
            Asking::Own => {
                self.asking = Asking::MayOwn;
                self.ask_callable(callback, None);
            }
            Asking::Keyed => self.number_entered(callback),
            _ => self.ask_number(now, None),
        }
    }

    /// The caller cannot be called back: hears so, and goes on elsewhere.
    pub(super) fn callback_refused(&mut self, now: Now) {
        self.asking = Asking::Sorry;
        self.say_clips(now, vec![ClipName::from(prompts::CALLBACK_SORRY)], false);
    }
}
