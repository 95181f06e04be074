//! The task that watches a mailbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::client::TlsStream;

use super::{FIRST_REST, LONGEST_REST, Post, jittered};
use crate::driver::channels::{Unkept, with_pieces, without_file};
use crate::driver::clock;
use crate::imap::{End, Output, Session};
use crate::messaging::channel::{Heard, Input, Receipt};
use crate::messaging::contract::Told;
use crate::messaging::mail::{Chain, Raw, Unread, read};
use crate::messaging::{Attachment, Media, Piece, Place, kind};
use crate::random::Random;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// How long the server may not take what is said to it.
const WRITING: Duration = Duration::from_secs(30);
/// How long nothing is waited for.
const FAR: Duration = Duration::from_secs(3_600);

/// A connection that watches.
struct Watch {
    session: Session,
    stream: TlsStream<TcpStream>,
    /// Letters that were handed in on this connection.
    given: BTreeMap<Receipt, u32>,
}

/// What came of reading a letter.
enum Taken {
    /// It tells this, and belongs to a thread with these letters.
    Told(Box<Heard>, Option<(String, Chain)>),
    /// It tells nothing.
    Nothing(Unread),
    /// Its files cannot be kept now.
    NotNow,
}

impl Post {
    /// Watches the mailbox, over one connection after the other.
    pub(super) async fn watch(
        self: Arc<Self>,
        mut kept: mpsc::Receiver<(Receipt, bool)>,
        mut random: Random,
    ) {
        let (mut rest, mut receipts) = (FIRST_REST, 0);
        loop {
            let begun = Instant::now();
            let why = self.connection(&mut kept, &mut receipts).await;
            tracing::warn!(channel = %self.channel, %why, "the mailbox is not watched");
            self.is(|health| health.inbox = Some(Some(why))).await;
            // One that has held for a while was a good one.
            rest = if begun.elapsed() > LONGEST_REST { FIRST_REST } else { rest };
            let end = Instant::now() + jittered(rest, &mut random);
            rest = (rest * 2).min(LONGEST_REST);
            loop {
                tokio::select! {
                    // Whatever was handed in comes again, and is known.
                    told = kept.recv() => if told.is_none() { return },
                    () = sleep_until(end) => break,
                }
            }
        }
    }

    /// One connection, to its end: why, for a person.
    async fn connection(
        self: &Arc<Self>,
        kept: &mut mpsc::Receiver<(Receipt, bool)>,
        receipts: &mut u64,
    ) -> String {
        let server = &self.setup.imap;
        let stream = match server.reach().await {
            Ok(stream) => server.prove(stream).await,
            Err(why) => Err(why),
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(why) => return why,
        };
        let session = Session::new(clock::now(), self.setup.watching.clone());
        let mut watch = Watch { session, stream, given: BTreeMap::new() };
        let mut bytes = vec![0; PIECE];
        loop {
            while let Some(output) = watch.session.poll_output() {
                if let Err(why) = self.carry_out(&mut watch, output, receipts).await {
                    return why;
                }
            }
            let due = watch.session.deadline().map_or(Instant::now() + FAR, Instant::from_std);
            tokio::select! {
                read = watch.stream.read(&mut bytes) => match read {
                    Ok(count) if count > 0 => {
                        let bytes = bytes.get(..count).unwrap_or_default();
                        watch.session.handle_bytes(clock::now(), bytes);
                    }
                    _ => return format!("{server:?} has closed the connection"),
                },
                told = kept.recv() => match told {
                    Some((receipt, stored)) => watch.hears(receipt, stored),
                    None => return String::new(),
                },
                () = sleep_until(due) => watch.session.handle_timeout(clock::now()),
            }
        }
    }

    async fn carry_out(
        self: &Arc<Self>,
        watch: &mut Watch,
        output: Output,
        receipts: &mut u64,
    ) -> Result<(), String> {
        match output {
            Output::Send(bytes) => {
                let writing = async {
                    watch.stream.write_all(&bytes).await?;
                    watch.stream.flush().await
                };
                match timeout(WRITING, writing).await {
                    Ok(Ok(())) => Ok(()),
                    _ => Err(format!("{:?} has closed the connection", self.setup.imap)),
                }
            }
            Output::Watching { told, moves } => {
                tracing::info!(channel = %self.channel, told, "the mailbox is watched");
                let note = (!moves)
                    .then(|| "letters stay where they are: the server cannot move them".to_owned());
                self.is(|health| (health.inbox, health.note) = (Some(None), note)).await;
                Ok(())
            }
            Output::Letter { validity, uid, size, bytes } => {
                let key = format!("{}/{validity}/{uid}", self.setup.watching.folder);
                self.take(watch, uid, (key, size, bytes), receipts).await;
                Ok(())
            }
            Output::End(end) => Err(self.words(&end)),
        }
    }

    /// Reads a letter and hands it in.
    async fn take(
        self: &Arc<Self>,
        watch: &mut Watch,
        uid: u32,
        (key, size, bytes): (String, u64, Vec<u8>),
        receipts: &mut u64,
    ) {
        let own = self.clone();
        // A large letter takes a while, and its files go to the disk.
        let reading = tokio::task::spawn_blocking(move || own.read(&key, size, &bytes));
        let now = clock::now();
        match reading.await.unwrap_or(Taken::NotNow) {
            Taken::Told(heard, thread) => {
                if let Some((thread, chain)) = thread {
                    self.learn(&thread, &chain);
                }
                *receipts += 1;
                let receipt = Receipt(*receipts);
                watch.given.insert(receipt, uid);
                let _ = self.tell.send(Input::Told { receipt, told: vec![*heard] }).await;
            }
            Taken::Nothing(Unread::Own) => watch.session.handle_kept(now, uid),
            Taken::Nothing(Unread::NoSender) => {
                tracing::warn!(channel = %self.channel, "a letter does not say who sent it, and stays in the mailbox");
                watch.session.handle_left(now, uid);
            }
            Taken::NotNow => watch.session.handle_not_kept(now, uid),
        }
    }

    /// What a letter tells, with its files kept here.
    fn read(&self, key: &str, size: u64, bytes: &[u8]) -> Taken {
        let whole = bytes.len() as u64 >= size;
        let letter = match read(&self.setup.mailbox, Raw { key, bytes, whole }) {
            Ok(letter) => letter,
            Err(why) => return Taken::Nothing(why),
        };
        match letter.told {
            Told::Arrived(arrived) => {
                let pieces: Result<Vec<_>, Unkept> =
                    arrived.pieces.iter().map(|piece| self.kept(piece)).collect();
                let Ok(pieces) = pieces else { return Taken::NotNow };
                let thread = arrived.thread.clone().map(|thread| (thread, letter.chain));
                Taken::Told(
                    Box::new(Told::Arrived(Box::new(with_pieces(*arrived, pieces)))),
                    thread,
                )
            }
            Told::Report(report) => Taken::Told(Box::new(Told::Report(report)), None),
            Told::Typing { .. } | Told::ReadUpTo { .. } => Taken::NotNow,
        }
    }

    /// A piece with its file on the shelf; where there is no room, it says that there was one.
    fn kept(
        &self,
        piece: &Piece<String, Attachment>,
    ) -> Result<Piece<String, Media<String>>, Unkept> {
        let Piece::Media { media: Attachment { place: Place::Here(bytes), mime, name, .. } } =
            piece
        else {
            return Ok(without_file(piece));
        };
        match self.shelf.keep(bytes) {
            Ok(content) => {
                let (mime, size) = (kind::agreed(bytes, mime.as_deref()), bytes.len() as u64);
                Ok(Piece::Media { media: Media { content, mime, name: name.clone(), size } })
            }
            Err(Unkept::Full) => {
                tracing::warn!(channel = %self.channel, "there is no room for a file of a letter");
                Ok(without_file(piece))
            }
            Err(Unkept::Disk) => Err(Unkept::Disk),
        }
    }

    /// Why a connection is of no more use, for a person.
    fn words(&self, end: &End) -> String {
        let server = &self.setup.imap;
        match end {
            End::Refused(text) => format!("{server:?} refuses the account ({text})"),
            End::NoLogin => format!("{server:?} takes no password"),
            End::Folder(text) => {
                format!("the folder {} cannot be watched ({text})", self.setup.watching.folder)
            }
            End::Bye(text) => format!("{server:?} ends the connection ({text})"),
            End::Silent => format!("{server:?} does not answer"),
            End::Broken => format!("{server:?} does not speak IMAP"),
        }
    }
}

impl Watch {
    /// What became of a letter that was handed in.
    fn hears(&mut self, receipt: Receipt, stored: bool) {
        let Some(uid) = self.given.remove(&receipt) else { return };
        match stored {
            true => self.session.handle_kept(clock::now(), uid),
            false => self.session.handle_not_kept(clock::now(), uid),
        }
    }
}
