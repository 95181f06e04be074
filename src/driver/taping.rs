//! Recordings that are under way: written by a thread of their own, so that a slow disk is not heard.
//!
//! Media threads hand sound over and never wait. Sealing a second of a conversation takes some ten microseconds, here.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use crate::driver::mailbox::Sender;
use crate::driver::tape::Writing;
use crate::driver::turn::Letter;
use crate::gateway::voicemail;
use crate::id::RecordingId;
use crate::journal::tape::Key;

/// Pieces of recordings that may wait for the disk: at half a second each, minutes of a dozen recordings.
const MAX_PIECES: usize = 1_024;

/// What the thread is told.
#[derive(Debug)]
enum Piece {
    /// By the loop: a recording begins, sealed with this.
    Begins(RecordingId, Box<Key>),
    /// By a media thread.
    Sound { recording: RecordingId, samples: Vec<i16>, last: bool },
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub struct Recorder(mpsc::SyncSender<Piece>);

/// More waits for the disk than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Recorder {
    /// Starts the thread, which writes into `folder` and tells the loop of each file that is whole.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(folder: PathBuf, letters: Sender<Letter>) -> io::Result<Recorder> {
        let (pieces, waiting) = mpsc::sync_channel(MAX_PIECES);
        let thread = thread::Builder::new().name("recordings".to_owned());
        let mut under_way = UnderWay { folder, open: BTreeMap::new(), letters };
        thread.spawn(move || under_way.run(&waiting))?;
        Ok(Recorder(pieces))
    }

    /// A recording begins. Never waits.
    ///
    /// # Errors
    /// When more waits than may: nothing of the recording is written then.
    pub fn begin(&self, recording: RecordingId, key: Box<Key>) -> Result<(), Full> {
        self.0.try_send(Piece::Begins(recording, key)).map_err(|_| Full)
    }

    /// Some sound of one that has begun. Never waits.
    ///
    /// # Errors
    /// When more waits than may: this piece is lost.
    pub fn write(&self, recording: RecordingId, samples: Vec<i16>, last: bool) -> Result<(), Full> {
        self.0.try_send(Piece::Sound { recording, samples, last }).map_err(|_| Full)
    }
}

/// Recordings under way.
struct UnderWay {
    folder: PathBuf,
    open: BTreeMap<RecordingId, State>,
    letters: Sender<Letter>,
}

#[derive(Debug)]
enum State {
    /// Nothing was heard yet.
    Sealed(Box<Key>),
    Written(Writing),
}

impl UnderWay {
    fn run(&mut self, waiting: &mpsc::Receiver<Piece>) {
        while let Ok(piece) = waiting.recv() {
            let (recording, samples, last) = match piece {
                Piece::Sound { recording, samples, last } => (recording, samples, last),
                Piece::Begins(recording, key) => {
                    self.open.insert(recording, State::Sealed(key));
                    continue;
                }
            };
            let written = self.write(recording, &samples, last);
            if let Err(error) = &written {
                tracing::error!(%recording, %error, "a recording cannot be written");
            }
            if last {
                self.open.remove(&recording);
                let file = voicemail::File::Written(written.is_ok());
                // A loop that has stopped looks for it at its next start.
                let _ = self.letters.deliver_blocking(Letter::Recording(recording, file));
            }
        }
    }

    fn write(&mut self, recording: RecordingId, samples: &[i16], last: bool) -> io::Result<()> {
        let mut writing = match self.open.remove(&recording) {
            Some(State::Written(writing)) => writing,
            Some(State::Sealed(key)) => Writing::begin(&self.folder, recording, *key)?,
            // It could not be written before, or its beginning was lost: nothing is written in clear.
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let sound: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        writing.add(&sound, last)?;
        if last {
            return writing.finish(&self.folder, recording);
        }
        self.open.insert(recording, State::Written(writing));
        Ok(())
    }
}
