//! Browsers among those who talk while strangers send whatever they like to every port: each a `PeerConnection` that calls a
//! desk phone over SIP on WSS, speaks, and counts what comes back to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::attack::Known;
use crate::branch::{BROWSERS, BROWSERS_AT, PLACE};
use crate::legs::{self, Leg, STRANGE, Sound};
use crate::line::{Heard, Line, register_phones};

/// Where the desk phones are that say back what they hear.
const PHONES_AT: [u8; 4] = [192, 0, 2, 9];

/// Whose calls are up.
pub struct Browsers {
    runtime: Runtime,
    legs: Arc<Vec<Leg>>,
    /// Of the phones.
    heard: Arc<Heard>,
    /// Packets that each has spoken so far.
    beats: usize,
    /// As long as their connection is open.
    _line: Line,
}

/// What became of what they said.
pub struct Count {
    pub sent: usize,
    pub heard: usize,
    /// Packets of strangers that browsers heard, and their phones.
    pub strange: usize,
}

/// A runtime for browsers.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads")
}

/// The phones, registered.
pub fn phones() -> Arc<Heard> {
    register_phones(PLACE, IpAddr::from(PHONES_AT), BROWSERS, STRANGE)
}

/// What a stranger who listens learns of a browser's call: the name and the port in the box's answer, and the browser's own
/// port in its offer.
pub fn overheard(known: &mut Known, offer: &str, answer: &str) {
    let field = |text: &str, name: &str| {
        Some(text.split_once(name)?.1.split([' ', '\r', '\n']).next()?.to_owned())
    };
    let port = field(answer, "m=audio ").and_then(|port| port.parse().ok());
    known.names.extend(field(answer, "a=ice-ufrag:"));
    let Some(port) = port else { return };
    if !known.busy.contains(&port) {
        known.busy.push(port);
    }
    let candidates = offer.lines().filter(|line| line.starts_with("a=candidate:"));
    let words = candidates.map(|line| line.split(' ').collect::<Vec<_>>());
    known.browsers.extend(words.filter_map(|words| {
        let at: IpAddr = words.get(4)?.parse().ok()?;
        Some((SocketAddr::new(at, words.get(5)?.parse().ok()?), port))
    }));
}

impl Browsers {
    /// Sets all their calls up.
    pub fn talk(known: &Mutex<Known>) -> Browsers {
        let (runtime, heard) = (runtime(), phones());
        let (line, legs) = runtime.block_on(async {
            let mut line = Line::open(PLACE, 0).await;
            let mut legs = Vec::new();
            for who in 0..BROWSERS {
                // Half of them are passed on as they are, half decoded and coded.
                let sound = if who % 2 == 0 { Sound::G711 } else { Sound::Opus };
                let (leg, offer) = Leg::offer(sound, IpAddr::from(BROWSERS_AT)).await;
                let up = line.call(who, &offer).await;
                overheard(&mut known.lock().expect("nobody fails"), &offer, &up.sdp);
                leg.accept(up.sdp).await;
                leg.is_connected().await;
                legs.push(leg);
            }
            (line, legs)
        });
        let mut own = Browsers { runtime, legs: Arc::new(legs), heard, beats: 0, _line: line };
        // What the jitter buffers take in at the beginning is not lost.
        own.speak(Duration::from_secs(1));
        own
    }

    /// Speaks for so long.
    pub fn speak(&mut self, span: Duration) -> Count {
        let all = || self.legs.iter().map(Leg::heard).sum::<usize>();
        let before = all();
        let first = self.beats;
        self.beats += (span.as_millis() / 20) as usize;
        let sent = self.runtime.block_on(legs::speak(&self.legs, first, span));
        let strange = self.legs.iter().map(Leg::strange).sum::<usize>()
            + self.heard.strange.load(Ordering::Relaxed);
        Count { sent, heard: all() - before, strange }
    }
}
