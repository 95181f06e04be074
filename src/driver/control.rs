//! The control socket: a Unix socket on which a person at the box, or a script, asks the running gateway.
//!
//! The file's mode (0660) is the access check: who may open it may ask. One JSON line in, one JSON line out, as often
//! as the peer likes. Answers are made by the loop; a loop that is stuck answers nobody, which is the truth.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

use crate::admin::{Command, Reply};
use crate::driver::configuring::Configuring;
use crate::driver::joining::{Modems, SmppDesk};
use crate::driver::mailbox::Sender;
use crate::driver::turn::Letter;
use crate::driver::uplink;
use crate::gateway::By;
use crate::journal::act::Who;

/// The longest question. Commands are far below this; a whole record of a file has fields with all that was said before.
const MAX_QUESTION: u64 = 4 << 20;
/// Seconds for which the line to head office may be held down: five times what a rehearsal wants.
const LONGEST_HOLD: u16 = 300;
/// How long the loop may take before the asker is told that it is stuck.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Who answers what the loop does not know of: what the configuration is, modems, SMPP, the line to head office.
pub type Own = (Configuring, Modems, SmppDesk, Option<uplink::Handle>);

/// Listens at `path`, in place of a socket that an earlier run left there.
pub fn listen(
    runtime: &tokio::runtime::Handle,
    path: &Path,
    mailbox: Sender<Letter>,
    own: Own,
) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    make_room(path)?;
    let _guard = runtime.enter();
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    runtime.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, mailbox.clone(), own.clone()));
                }
                // Out of descriptors: try again when some have been closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    Ok(())
}

/// Takes away a socket that an earlier run left behind. Nothing else is, and none that somebody answers on.
fn make_room(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(there) => there.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::other("something else than a socket is there"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::other("another program answers there")),
        Err(_) => fs::remove_file(path),
    }
}

async fn serve(
    stream: UnixStream,
    mailbox: Sender<Letter>,
    (configuring, modems, smpp, uplink): Own,
) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        match (&mut reader).take(MAX_QUESTION).read_line(&mut line).await {
            Ok(1..) => {}
            _ => return,
        }
        let reply = match serde_json::from_str::<Command>(&line) {
            Ok(Command::Config { order }) => {
                let by = By { who: Who::Console, from: None, own: None };
                configuring.carry_out(by, order).await
            }
            Ok(Command::Smpp) => Reply::Smpp(smpp.look().await),
            Ok(Command::Uplink) => Reply::Uplink(uplink.as_ref().map(|own| Box::new(own.line()))),
            Ok(Command::HoldUplink { seconds }) => hold(uplink.as_ref(), seconds),
            Ok(Command::Modem { order }) => Reply::Modem(modems.carry_out(order).await),
            Ok(command) => ask(&mailbox, command).await,
            Err(error) => Reply::Refused(format!("not a command: {error}")),
        };
        let Ok(mut answer) = serde_json::to_vec(&reply) else { return };
        answer.push(b'\n');
        if writer.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Holds the line to head office down, and for no longer than somebody stands by.
fn hold(uplink: Option<&uplink::Handle>, seconds: u16) -> Reply {
    match uplink {
        Some(_) if !(1..=LONGEST_HOLD).contains(&seconds) => {
            Reply::Refused(format!("1 to {LONGEST_HOLD} seconds"))
        }
        Some(uplink) => {
            tracing::info!(seconds, "the line to head office is held down for a rehearsal");
            uplink.hold(Duration::from_secs(seconds.into()));
            Reply::Done
        }
        None => Reply::Refused("this box has no line to head office".to_owned()),
    }
}

/// Asks the loop.
pub async fn ask(mailbox: &Sender<Letter>, command: Command) -> Reply {
    let (answer, answered) = oneshot::channel();
    if mailbox.deliver(Letter::Control(command, answer)).await.is_err() {
        return Reply::Refused("the gateway has stopped".to_owned());
    }
    match tokio::time::timeout(ANSWER_TIME, answered).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_)) => Reply::Refused("the gateway stopped before it answered".to_owned()),
        Err(_) => Reply::Refused("the gateway's loop did not answer within 5 s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_nobody_answers_on_is_taken_away() {
        let folder = std::env::temp_dir().join(format!("branchline-socket-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("admin.sock");
        make_room(&path).expect("nothing is there");
        fs::write(&path, "precious").expect("a file");
        assert!(make_room(&path).is_err());
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
        fs::remove_file(&path).expect("removed");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
        assert!(make_room(&path).is_err(), "somebody answers");
        drop(listener);
        make_room(&path).expect("left behind");
        assert!(!path.exists());
        fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
