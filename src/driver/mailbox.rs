//! The bounded way from every other thread and task to the loop: a channel with an eventfd that wakes `epoll`. The bell
//! is rung once for all letters that arrive before it is quieted.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::mpsc;

/// Letters that may wait. Each holds at most one SIP message (64 KB), so this bounds memory at a few tens of MB.
const CAPACITY: usize = 1024;

/// The mailbox is full, or the loop has stopped. The sender decides what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The receiving end; the loop has the only one.
#[derive(Debug)]
pub struct Mailbox<T> {
    letters: mpsc::Receiver<T>,
    bell: Arc<Bell>,
}

/// A sending end.
#[derive(Debug)]
pub struct Sender<T> {
    letters: mpsc::Sender<T>,
    bell: Arc<Bell>,
}

#[derive(Debug)]
struct Bell {
    event: EventFd,
    /// Whether it rings already.
    rings: AtomicBool,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { letters: self.letters.clone(), bell: self.bell.clone() }
    }
}

/// A mailbox and its first sender.
pub fn mailbox<T>() -> nix::Result<(Sender<T>, Mailbox<T>)> {
    let event = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
    let bell = Arc::new(Bell { event, rings: AtomicBool::new(false) });
    let (sender, receiver) = mpsc::channel(CAPACITY);
    Ok((Sender { letters: sender, bell: bell.clone() }, Mailbox { letters: receiver, bell }))
}

impl<T> Mailbox<T> {
    /// The next letter, if one is there.
    pub fn take(&mut self) -> Option<T> {
        self.letters.try_recv().ok()
    }

    /// Quiets the bell; to be called before the letters are taken, so that none is missed.
    pub fn quiet(&self) {
        // A bell that did not ring answers EAGAIN, which is just as well.
        let _ = self.bell.event.read();
        // After the read: whoever finds it ringing until now has left a letter that is about to be taken.
        self.bell.rings.swap(false, Ordering::SeqCst);
    }

    /// What `epoll` waits for.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.event.as_fd()
    }
}

impl<T> Sender<T> {
    /// Leaves a letter if there is room.
    pub fn post(&self, letter: T) -> Result<(), Full> {
        self.letters.try_send(letter).map_err(|_| Full)?;
        self.ring();
        Ok(())
    }

    /// Leaves a letter if there is room, and does not wake whoever reads it: [`Self::ring`] does.
    pub fn leave(&self, letter: T) -> Result<(), Full> {
        self.letters.try_send(letter).map_err(|_| Full)
    }

    /// Leaves a letter if there is room, and gives it back if there is none.
    pub fn try_post(&self, letter: T) -> Result<(), T> {
        self.letters.try_send(letter).map_err(|error| match error {
            mpsc::error::TrySendError::Full(letter) | mpsc::error::TrySendError::Closed(letter) => {
                letter
            }
        })?;
        self.ring();
        Ok(())
    }

    /// Waits for room, then leaves a letter.
    pub async fn deliver(&self, letter: T) -> Result<(), Full> {
        self.letters.send(letter).await.map_err(|_| Full)?;
        self.ring();
        Ok(())
    }

    /// Waits for room on a thread of its own, then leaves a letter.
    pub fn deliver_blocking(&self, letter: T) -> Result<(), Full> {
        self.letters.blocking_send(letter).map_err(|_| Full)?;
        self.ring();
        Ok(())
    }

    /// Wakes the loop.
    pub fn ring(&self) {
        if !self.bell.rings.swap(true, Ordering::SeqCst) {
            // It only fails when the count would overflow, and then the bell is ringing already.
            let _ = self.bell.event.write(1);
        }
    }
}
