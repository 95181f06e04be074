//! The office's end of what one site says of files: one at a time, taken in from where it broke off.
//!
//! [`Intake`] owns what may come and when the site hears of it. It keeps nothing: the driver writes, looks a whole file
//! through before it has its name, and says so. What a site may not say is passed over or refused, and its events go on.

use std::collections::VecDeque;

use crate::uplink::blob::{Hash, Have, LARGEST, Offer, PIECE, Refusal, Refused, Said, Waiting};

/// Octets that are taken in before they are written: twice what a box sends ahead.
const MOST_AHEAD: u64 = 16 * PIECE as u64;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Find out what there is of it; answer with [`Intake::handle_found`].
    Look(Offer),
    /// Write these; answer with [`Intake::handle_written`].
    Write {
        /// Of which.
        hash: Hash,
        /// Where they begin.
        offset: u64,
        /// They.
        bytes: Vec<u8>,
    },
    /// All of it is written: look it through and give it its name; answer with [`Intake::handle_looked`].
    Finish(Offer),
    /// So much waits at the site.
    Waiting(Waiting),
    /// Send this.
    Send(Said),
}

/// What there is of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// All of it, looked through, and it is noted that this site speaks of it.
    Whole,
    /// So many octets, perhaps none.
    Part(u64),
    /// It is not taken.
    Refused(Refusal),
}

#[derive(Debug)]
struct Current {
    offer: Offer,
    /// What there is was found out.
    found: bool,
    came: u64,
    written: u64,
    finishing: bool,
}

/// What comes of one site.
#[derive(Debug, Default)]
pub struct Intake {
    current: Option<Current>,
    outputs: VecDeque<Output>,
}

impl Intake {
    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The site says something.
    pub fn handle_said(&mut self, said: Said) {
        match said {
            Said::Offer(offer) => self.offered(offer),
            Said::Bytes { hash, offset, bytes } => self.bytes(hash, offset, bytes),
            Said::Waiting(waiting) => self.outputs.push_back(Output::Waiting(waiting)),
            // Those are the office's words.
            Said::Have(_) | Said::Refused(_) | Said::Stored(_) => {}
        }
    }

    /// What there is of the one that was offered.
    pub fn handle_found(&mut self, hash: Hash, found: Found) {
        let Some(current) = self.of(hash).filter(|current| !current.found) else { return };
        match found {
            Found::Whole => self.stored(hash),
            Found::Refused(why) => self.refuse(hash, why),
            Found::Part(offset) => {
                let offset = offset.min(current.offer.size);
                (current.found, current.came, current.written) = (true, offset, offset);
                self.send(Said::Have(Have { hash, offset }));
                self.finish();
            }
        }
    }

    /// All up to there is written; nothing: the disk does not take it.
    pub fn handle_written(&mut self, hash: Hash, upto: Option<u64>) {
        let Some(current) = self.of(hash) else { return };
        match upto {
            Some(upto) => {
                current.written = upto.min(current.came);
                let offset = current.written;
                self.send(Said::Have(Have { hash, offset }));
                self.finish();
            }
            None => self.refuse(hash, Refusal::Full),
        }
    }

    /// Whether the file is what its name says, and has its place.
    pub fn handle_looked(&mut self, hash: Hash, looked: Result<(), Refusal>) {
        if self.of(hash).is_none() {
            return;
        }
        match looked {
            Ok(()) => self.stored(hash),
            Err(why) => self.refuse(hash, why),
        }
    }
}

impl Intake {
    fn send(&mut self, said: Said) {
        self.outputs.push_back(Output::Send(said));
    }

    fn of(&mut self, hash: Hash) -> Option<&mut Current> {
        self.current.as_mut().filter(|current| current.offer.hash == hash)
    }

    fn stored(&mut self, hash: Hash) {
        self.current = None;
        self.send(Said::Stored(hash));
    }

    fn refuse(&mut self, hash: Hash, why: Refusal) {
        self.current = None;
        self.send(Said::Refused(Refused { hash, why }));
    }

    /// What was on its way before is over: a box offers one after another.
    fn offered(&mut self, offer: Offer) {
        let hash = offer.hash;
        if offer.size == 0 || offer.size > LARGEST {
            return self.refuse(hash, Refusal::Size);
        }
        if !offer.named.is_sound() {
            return self.refuse(hash, Refusal::Unknown);
        }
        self.outputs.push_back(Output::Look(offer.clone()));
        let (found, came, written, finishing) = (false, 0, 0, false);
        self.current = Some(Current { offer, found, came, written, finishing });
    }

    fn bytes(&mut self, hash: Hash, offset: u64, bytes: Vec<u8>) {
        // What came behind a refusal was on its way already.
        let Some(current) = self.of(hash) else { return };
        let end = offset.saturating_add(bytes.len() as u64);
        let follows = current.found && offset == current.came && !bytes.is_empty();
        if !follows || end > current.offer.size || end - current.written > MOST_AHEAD {
            return self.refuse(hash, Refusal::Unknown);
        }
        current.came = end;
        self.outputs.push_back(Output::Write { hash, offset, bytes });
    }

    fn finish(&mut self) {
        let Some(current) = &mut self.current else { return };
        if current.written == current.offer.size && !current.finishing {
            current.finishing = true;
            self.outputs.push_back(Output::Finish(current.offer.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::blob::{Kind, Named};

    const HASH: Hash = Hash([7; 32]);

    fn offer(size: u64) -> Offer {
        let named = Named { kind: Kind::File, name: "abc".to_owned(), contact: None };
        Offer { hash: HASH, size, named, n: 3 }
    }

    fn bytes(offset: u64, count: usize) -> Said {
        Said::Bytes { hash: HASH, offset, bytes: vec![1; count] }
    }

    fn outputs(intake: &mut Intake) -> Vec<Output> {
        std::iter::from_fn(|| intake.poll_output()).collect()
    }

    fn refused(why: Refusal) -> Vec<Output> {
        vec![Output::Send(Said::Refused(Refused { hash: HASH, why }))]
    }

    /// One that was offered, and of which there is nothing.
    fn begun(size: u64) -> Intake {
        let mut intake = Intake::default();
        intake.handle_said(Said::Offer(offer(size)));
        assert_eq!(outputs(&mut intake), [Output::Look(offer(size))]);
        intake.handle_found(HASH, Found::Part(0));
        outputs(&mut intake);
        intake
    }

    #[test]
    fn it_is_stored_after_it_was_looked_through_and_not_before() {
        let mut intake = begun(30);
        intake.handle_said(bytes(0, 20));
        intake.handle_said(bytes(20, 10));
        let write = |offset, count| Output::Write { hash: HASH, offset, bytes: vec![1; count] };
        assert_eq!(outputs(&mut intake), [write(0, 20), write(20, 10)]);
        intake.handle_written(HASH, Some(20));
        let have = |offset| Output::Send(Said::Have(Have { hash: HASH, offset }));
        assert_eq!(outputs(&mut intake), [have(20)]);
        intake.handle_written(HASH, Some(30));
        assert_eq!(outputs(&mut intake), [have(30), Output::Finish(offer(30))]);
        intake.handle_looked(HASH, Ok(()));
        assert_eq!(outputs(&mut intake), [Output::Send(Said::Stored(HASH))]);
    }

    #[test]
    fn what_is_there_already_is_not_asked_for() {
        let mut intake = Intake::default();
        intake.handle_said(Said::Offer(offer(30)));
        outputs(&mut intake);
        intake.handle_found(HASH, Found::Whole);
        assert_eq!(outputs(&mut intake), [Output::Send(Said::Stored(HASH))]);
        intake.handle_said(Said::Offer(offer(30)));
        outputs(&mut intake);
        intake.handle_found(HASH, Found::Part(30));
        assert_eq!(outputs(&mut intake)[1], Output::Finish(offer(30)), "it was not looked through");
    }

    #[test]
    fn whoever_sends_what_was_not_offered_is_refused_and_nothing_is_written() {
        for wrong in [bytes(1, 5), bytes(0, 31), bytes(u64::MAX, 5), bytes(0, 0)] {
            let mut intake = begun(30);
            intake.handle_said(wrong.clone());
            assert_eq!(outputs(&mut intake), refused(Refusal::Unknown), "{wrong:?}");
            intake.handle_said(bytes(0, 5));
            assert_eq!(outputs(&mut intake), []);
        }
        for size in [0, LARGEST + 1, u64::MAX] {
            let mut intake = Intake::default();
            intake.handle_said(Said::Offer(offer(size)));
            assert_eq!(outputs(&mut intake), refused(Refusal::Size));
        }
        let mut intake = Intake::default();
        let mut bad = offer(30);
        bad.named.name = "../../etc/passwd".to_owned();
        intake.handle_said(Said::Offer(bad));
        assert_eq!(outputs(&mut intake), refused(Refusal::Unknown));
    }

    #[test]
    fn whoever_sends_faster_than_is_written_takes_no_more_memory() {
        let mut intake = begun(LARGEST);
        let mut held = 0;
        for piece in 0..100 {
            intake.handle_said(bytes(piece * PIECE as u64, PIECE));
            for output in outputs(&mut intake) {
                if let Output::Write { bytes, .. } = output {
                    held += bytes.len() as u64;
                }
            }
        }
        assert_eq!(held, MOST_AHEAD);
    }

    #[test]
    fn wrong_bytes_and_a_full_disk_are_told_of() {
        let mut intake = begun(5);
        intake.handle_said(bytes(0, 5));
        intake.handle_written(HASH, Some(5));
        outputs(&mut intake);
        intake.handle_looked(HASH, Err(Refusal::Hash));
        assert_eq!(outputs(&mut intake), refused(Refusal::Hash));
        let mut intake = begun(5);
        intake.handle_said(bytes(0, 5));
        outputs(&mut intake);
        intake.handle_written(HASH, None);
        assert_eq!(outputs(&mut intake), refused(Refusal::Full));
    }
}
