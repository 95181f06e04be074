//! A wide-area network between a box and a hub: it loses, delays, swaps and doubles datagrams, is cut, and gives the box
//! another address. Where the system has netem it does the same; this works everywhere.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use branchline::random::Random;
use tokio::net::UdpSocket;
use tokio::time::sleep;

/// How it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Nothing passes.
    pub cut: bool,
    /// Of a thousand datagrams so many are lost.
    pub lost: u64,
    /// And so many come twice.
    pub doubled: u64,
    /// One way.
    pub delay: Duration,
    /// Each takes up to so much longer: later ones overtake it.
    pub jitter: Duration,
}

/// What became of datagrams.
#[derive(Debug, Clone, Copy, Default)]
pub struct Passed {
    /// Came through, doubled ones twice.
    pub through: u64,
    /// Lost, or came while it was cut.
    pub lost: u64,
    /// Came twice.
    pub doubled: u64,
}

/// The network.
#[derive(Clone)]
pub struct Wan {
    /// Where the box finds the hub.
    pub at: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    weather: Weather,
    random: Random,
    passed: Passed,
    /// How often the box has got another address.
    moved: u64,
}

impl Wan {
    /// Before a hub.
    pub async fn before(hub: SocketAddr) -> Wan {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
        let at = near.local_addr().expect("an address");
        let shared = Shared {
            weather: Weather::default(),
            random: Random::from_number(11),
            passed: Passed::default(),
            moved: 0,
        };
        let wan = Wan { at, shared: Arc::new(Mutex::new(shared)) };
        tokio::spawn(wan.clone().carry(near, hub));
        wan
    }

    /// It is like this from now on.
    pub fn set(&self, weather: Weather) {
        self.shared.lock().expect("not poisoned").weather = weather;
    }

    /// The box has another address from now on, as the hub sees it.
    pub fn move_box(&self) {
        self.shared.lock().expect("not poisoned").moved += 1;
    }

    /// What became of datagrams so far.
    pub fn passed(&self) -> Passed {
        self.shared.lock().expect("not poisoned").passed
    }

    async fn carry(self, near: Arc<UdpSocket>, hub: SocketAddr) {
        let mut far: BTreeMap<(SocketAddr, u64), Arc<UdpSocket>> = BTreeMap::new();
        let mut buffer = vec![0; 65_536];
        while let Ok((count, from)) = near.recv_from(&mut buffer).await {
            let moved = self.shared.lock().expect("not poisoned").moved;
            let socket = match far.get(&(from, moved)) {
                Some(socket) => socket.clone(),
                None => {
                    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
                    socket.connect(hub).await.expect("a way");
                    tokio::spawn(self.clone().back(near.clone(), socket.clone(), (from, moved)));
                    far.insert((from, moved), socket.clone());
                    socket
                }
            };
            for after in self.fate() {
                let (socket, bytes) = (socket.clone(), buffer[..count].to_vec());
                tokio::spawn(async move {
                    sleep(after).await;
                    // A hub that is not there loses it.
                    let _ = socket.send(&bytes).await;
                });
            }
        }
    }

    /// What the hub sends to one of the box's addresses; to an earlier one nothing gets through.
    async fn back(self, near: Arc<UdpSocket>, far: Arc<UdpSocket>, (to, moved): (SocketAddr, u64)) {
        let mut buffer = vec![0; 65_536];
        loop {
            let Ok(count) = far.recv(&mut buffer).await else {
                // Nobody was there for an earlier one.
                continue;
            };
            if self.shared.lock().expect("not poisoned").moved != moved {
                return;
            }
            for after in self.fate() {
                let (near, bytes) = (near.clone(), buffer[..count].to_vec());
                tokio::spawn(async move {
                    sleep(after).await;
                    let _ = near.send_to(&bytes, to).await;
                });
            }
        }
    }

    /// After how long a datagram is there, once, twice or never.
    fn fate(&self) -> Vec<Duration> {
        let mut shared = self.shared.lock().expect("not poisoned");
        let weather = shared.weather;
        if weather.cut || shared.random.below(1_000) < weather.lost {
            shared.passed.lost += 1;
            return Vec::new();
        }
        let twice = shared.random.below(1_000) < weather.doubled;
        shared.passed.doubled += u64::from(twice);
        let count = 1 + usize::from(twice);
        shared.passed.through += count as u64;
        let jitter = u64::try_from(weather.jitter.as_micros()).expect("short");
        (0..count)
            .map(|_| weather.delay + Duration::from_micros(shared.random.below(jitter)))
            .collect()
    }
}
