//! A simulated modem on a pseudo terminal, for the demo and for programs that want a serial line.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::clock;
use super::serial::pty::Pty;
use crate::sms::simulated::{Make, Output, Simulated};
use crate::time::Now;

/// Orders that wait while the modem is busy; whoever gives more waits for it.
const ORDERS: usize = 16;

/// Octets that wait in the line to a modem that takes its time. Slowly written ones come in a heap where a processor is busy:
/// after half a second, as many as this; a message that is written at once is longer.
const ROOM: u32 = 96;

type Order = Box<dyn FnOnce(Now, &mut Simulated) + Send>;

/// A simulated modem that is plugged in, until this is dropped.
#[derive(Debug)]
pub struct Plugged {
    port: PathBuf,
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Plugged {
    /// Plugs one in. Its port is a link at `port`, which points elsewhere each time that the modem comes back.
    pub fn new(port: &Path, make: Make) -> io::Result<Plugged> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (orders, taken) = mpsc::channel(ORDERS);
        let pty = {
            let _inside = runtime.enter();
            linked(port)?
        };
        let modem = Simulated::new(clock::now(), make);
        let link = port.to_owned();
        let thread = thread::Builder::new()
            .name("modem".to_owned())
            .spawn(move || runtime.block_on(run(modem, pty, link, taken)))?;
        Ok(Plugged { port: port.to_owned(), orders: Some(orders), thread: Some(thread) })
    }

    /// What it is opened by.
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// Does something on the network's side of it, and answers what came of that; nothing when it has ended.
    pub fn with<T: Send + 'static>(
        &self,
        order: impl FnOnce(Now, &mut Simulated) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let order: Order = Box::new(move |now, modem| {
            // Whoever asked may have gone.
            let _ = done.send(order(now, modem));
        });
        self.orders.as_ref()?.blocking_send(order).ok()?;
        result.blocking_recv().ok()
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It ends with its orders; if it panicked, that was said.
            let _ = thread.join();
        }
        // The folder may be gone already.
        let _ = std::fs::remove_file(&self.port);
    }
}

fn linked(port: &Path) -> io::Result<Pty> {
    let pty = Pty::open()?;
    match std::fs::remove_file(port) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(pty.name(), port)?;
    Ok(pty)
}

async fn run(mut modem: Simulated, pty: Pty, port: PathBuf, mut orders: mpsc::Receiver<Order>) {
    let mut pty = Some(pty);
    let mut taken = clock::now();
    loop {
        for output in std::iter::from_fn(|| modem.poll_output()) {
            match output {
                // What nobody reads is lost, as on a line.
                Output::Write(octets) => {
                    pty.as_ref().map(|pty| pty.write(&octets));
                }
                Output::HangUp => {
                    pty = None;
                    let _ = std::fs::remove_file(&port);
                }
                Output::Return => pty = linked(&port).ok(),
            }
        }
        let deadline = modem.deadline().map(Instant::from_std);
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => order(clock::now(), &mut modem),
                None => return,
            },
            octets = read(pty.as_ref()) => match octets {
                Some(octets) => hear(&mut modem, &mut taken, clock::now(), &octets),
                None => pty = None,
            },
            () = until(deadline) => modem.handle_timeout(clock::now()),
        }
    }
}

/// A modem that loses what comes fast takes one octet after another as long as they find room in the line, which a busy
/// machine does not fill; what finds none comes all at once.
fn hear(modem: &mut Simulated, taken: &mut Now, now: Now, octets: &[u8]) {
    let Some(pace) = modem.pace() else { return modem.handle_bytes(now, octets) };
    let full = now.instant + pace * ROOM;
    if taken.instant < now.instant {
        *taken = now;
    }
    for octet in octets {
        if taken.instant < full {
            *taken = taken.after(pace);
        }
        modem.handle_bytes(*taken, std::slice::from_ref(octet));
    }
}

async fn read(pty: Option<&Pty>) -> Option<Vec<u8>> {
    match pty {
        Some(pty) => pty.read().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
