//! One supervised modem on one serial line: a task that waits for the line, for orders and for the clock.
//!
//! The seam to the gateway: [`Modem`] decides, this opens lines, carries octets, and hands [`Told`] to whoever owns it. Its
//! owner stores what arrived and says so with [`Order::Stored`]; while the owner has no room, nothing more is read.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::clock;
use super::serial::ports::{Port, Ports, Without};
use super::serial::{CannotOpen, Line};
use crate::sms::modem::transcript::Entry;
use crate::sms::modem::{Modem, NoLine, Order, Output, Snapshot, Told};

/// Orders that wait for the task; whoever gives more is told that there is no room.
const ORDERS: usize = 256;
/// What was told and is not taken yet, before the line is read no more.
const MOST_TOLD: usize = 256;
/// What real serial lines are set to; USB takes any.
const BAUD: u32 = 115_200;
/// How long a port of a hub stays without power: capacitors take a while.
const DARK: Duration = Duration::from_secs(3);
/// How often its power is given back, where that fails.
const TRIES: u32 = 5;

/// Which lines may be the modem's.
#[derive(Debug, Clone)]
pub enum Lines {
    /// This one alone.
    One(PathBuf),
    /// Any that has a device behind it.
    Any(Ports),
}

enum Letter {
    Order(Order),
    Look(oneshot::Sender<(Snapshot, Vec<Entry>)>),
}

/// A modem that is looked after until this and its copies are dropped.
#[derive(Debug, Clone)]
pub struct Running {
    letters: mpsc::Sender<Letter>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Letter::Order(_) => "Order",
            Letter::Look(_) => "Look",
        })
    }
}

impl Running {
    /// Gives an order. Answers false where the task has ended, or too many wait.
    pub fn order(&self, order: Order) -> bool {
        self.letters.try_send(Letter::Order(order)).is_ok()
    }

    /// The same, and waits for room. Answers false where the task has ended.
    pub async fn give(&self, order: Order) -> bool {
        self.letters.send(Letter::Order(order)).await.is_ok()
    }

    /// How it is, and what was said lately without what is nobody's business; nothing where the task has ended.
    pub async fn look(&self) -> Option<(Snapshot, Vec<Entry>)> {
        let (answer, answered) = oneshot::channel();
        self.letters.send(Letter::Look(answer)).await.ok()?;
        answered.await.ok()
    }
}

/// Looks after a modem from now on. It tells everything to `told`.
pub fn start(runtime: &Handle, modem: Modem, lines: Lines, told: mpsc::Sender<Told>) -> Running {
    let (letters, mailbox) = mpsc::channel(ORDERS);
    let task = Task {
        modem,
        lines,
        line: None,
        last: None,
        own: None,
        tried: Vec::new(),
        waiting: VecDeque::new(),
        told,
    };
    runtime.spawn(task.run(mailbox));
    Running { letters }
}

struct Task {
    modem: Modem,
    lines: Lines,
    line: Option<Line>,
    /// The path that was opened last, and where it is plugged in.
    last: Option<(PathBuf, Option<String>)>,
    /// The path at which the modem said who it is.
    own: Option<PathBuf>,
    /// Paths that are not it, in this round.
    tried: Vec<PathBuf>,
    waiting: VecDeque<Told>,
    told: mpsc::Sender<Told>,
}

impl Task {
    async fn run(mut self, mut mailbox: mpsc::Receiver<Letter>) {
        let owner = self.told.clone();
        loop {
            self.obey().await;
            let deadline = self.modem.deadline().map(Instant::from_std);
            let room = self.waiting.len() < MOST_TOLD;
            tokio::select! {
                letter = mailbox.recv() => match letter {
                    Some(Letter::Order(order)) => self.modem.handle_order(clock::now(), order),
                    // Whoever asked may have gone.
                    Some(Letter::Look(answer)) => {
                        let _ = answer.send((self.modem.snapshot(), self.modem.transcript()));
                    }
                    None => return,
                },
                octets = read(self.line.as_ref()), if room => match octets {
                    Some(octets) => self.heard(&octets),
                    None => self.gone(),
                },
                permit = owner.reserve(), if !self.waiting.is_empty() => {
                    let Ok(permit) = permit else { return };
                    if let Some(told) = self.waiting.pop_front() {
                        permit.send(told);
                    }
                }
                () = until(deadline) => self.modem.handle_timeout(clock::now()),
            }
        }
    }

    fn heard(&mut self, octets: &[u8]) {
        self.modem.handle_bytes(clock::now(), octets);
        if self.line.is_some() && self.modem.has_own_line() {
            self.own = self.last.as_ref().map(|(path, _)| path.clone());
        }
    }

    async fn obey(&mut self) {
        while let Some(output) = self.modem.poll_output() {
            match output {
                Output::Write(octets) => {
                    if let Some(line) = &self.line
                        && !line.write(&octets).await
                    {
                        self.gone();
                    }
                }
                Output::Open { other } => self.open(other),
                Output::Close => self.line = None,
                Output::Power => self.power().await,
                Output::Told(told) => self.waiting.push_back(told),
            }
        }
    }

    fn gone(&mut self) {
        if self.line.take().is_some() {
            self.modem.handle_gone(clock::now());
        }
    }

    /// The line that was good last comes first; those that were not it come again in the next round.
    fn open(&mut self, other: bool) {
        self.line = None;
        if let Some((path, _)) = self.last.take_if(|_| other) {
            self.tried.push(path);
        }
        let mut candidates = self.candidates();
        candidates.retain(|(path, _)| !self.tried.contains(path));
        let last = self.last.clone();
        candidates.sort_by_key(|candidate| Some(candidate) != last.as_ref());
        let mut taken = false;
        for (path, place) in candidates {
            match Line::open(&path, BAUD) {
                Ok(line) => {
                    let named = matches!(self.lines, Lines::One(_));
                    let own = named || self.own.as_ref() == Some(&path);
                    self.line = Some(line);
                    self.last = Some((path, place));
                    return self.modem.handle_opened(clock::now(), own);
                }
                Err(error) => {
                    taken |= matches!(error, CannotOpen::Taken(..));
                    tracing::debug!(%error, "a line cannot be opened");
                }
            }
        }
        self.tried.clear();
        self.modem.handle_no_line(clock::now(), self.why_none(taken));
    }

    fn candidates(&self) -> Vec<(PathBuf, Option<String>)> {
        match &self.lines {
            Lines::One(path) => vec![(path.clone(), None)],
            Lines::Any(ports) => {
                ports.find().into_iter().map(|port| (port.path, port.place)).collect()
            }
        }
    }

    fn why_none(&self, taken: bool) -> NoLine {
        let Lines::Any(ports) = &self.lines else {
            return if taken { NoLine::Taken } else { NoLine::Absent };
        };
        match ports.without().first() {
            _ if taken => NoLine::Taken,
            Some(Without::Network(..)) => NoLine::NetworkStick,
            Some(Without::Disk(..)) => NoLine::DiskStick,
            None => NoLine::Absent,
        }
    }

    /// Takes the power from its socket for a moment; whoever has no right to asks the unit of the modem for it.
    async fn power(&mut self) {
        self.line = None;
        let ports = match &self.lines {
            Lines::Any(ports) => ports.clone(),
            Lines::One(_) => Ports::system(),
        };
        let path = self.last.as_ref().map(|(path, _)| path);
        let Some(port) = path.and_then(|path| ports.behind(path)) else { return };
        if let Err(error) = off_and_on(&ports, &port).await {
            match ports.ask_for_power_off(&port) {
                Ok(()) => tracing::info!(line = %port.device, "asked for its power to be cut"),
                Err(_) => tracing::info!(line = %port.device, %error, "its power cannot be cut"),
            }
        }
    }
}

/// Takes the power from the socket of a line, and gives it back after a moment.
///
/// # Errors
/// When it is in no socket of a hub, the hub cannot switch it, or root alone may.
pub async fn off_and_on(ports: &Ports, port: &Port) -> io::Result<()> {
    let place = port.place.as_ref().ok_or(io::ErrorKind::NotFound)?;
    ports.power(place, false)?;
    // One that stays dark is worse than one that hangs.
    let mut tries = 0;
    loop {
        sleep(DARK).await;
        tries += 1;
        match ports.power(place, true) {
            Err(_) if tries < TRIES => {}
            on => return on,
        }
    }
}

async fn read(line: Option<&Line>) -> Option<Vec<u8>> {
    match line {
        Some(line) => line.read().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
