//! Sockets that systemd holds for us (`sd_listen_fds(3)`): they stay while the program is started anew, and what arrives
//! meanwhile waits in them instead of being refused.
//!
//! A socket is taken over in place of binding the very address that gateway.toml names. What it does not name stays with
//! systemd, and the log says so.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

use listenfd::ListenFd;

use crate::driver::carrying;

/// Where systemd lists the names of the sockets, one for each, with colons between (`FileDescriptorName=`).
const NAMES: &str = "LISTEN_FDNAMES";

/// What systemd holds.
#[derive(Debug, Default)]
pub struct Held {
    datagrams: Vec<Named<UdpSocket>>,
    listeners: Vec<Named<TcpListener>>,
    /// Sockets of calls, which an earlier run has put into the store.
    carried: Mutex<Vec<Named<UdpSocket>>>,
}

#[derive(Debug)]
struct Named<S> {
    name: String,
    at: SocketAddr,
    socket: S,
}

impl Held {
    /// Takes what systemd gave this process, once; nothing when it gave nothing, or to somebody else.
    pub fn take() -> Self {
        let names = std::env::var(NAMES).unwrap_or_default();
        let names: Vec<_> = names.split(':').map(str::to_owned).collect();
        let mut given = ListenFd::from_env();
        let mut held = Held::default();
        for index in 0..given.len() {
            let name = names.get(index).cloned().unwrap_or_default();
            if let Err(error) = held.enter(&mut given, index, name) {
                eprintln!("branchline: socket {index} of systemd cannot be used: {error}");
            }
        }
        held
    }

    fn enter(&mut self, given: &mut ListenFd, index: usize, name: String) -> io::Result<()> {
        if let Ok(Some(socket)) = given.take_udp_socket(index) {
            let at = socket.local_addr()?;
            if carrying::is_name(&name) {
                self.of_calls().push(Named { name, at, socket });
                return Ok(());
            }
            self.datagrams.push(Named { name, at, socket });
        } else if let Some(socket) = given.take_tcp_listener(index)? {
            let at = socket.local_addr()?;
            self.listeners.push(Named { name, at, socket });
        }
        Ok(())
    }

    /// Takes the sockets of calls that an earlier run has left, with their names and addresses. They are there once: a copy
    /// would keep the port of a call that has ended.
    pub fn take_of_calls(&self) -> Vec<(String, SocketAddr, UdpSocket)> {
        let carried = std::mem::take(&mut *self.of_calls());
        carried.into_iter().map(|held| (held.name, held.at, held.socket)).collect()
    }

    fn of_calls(&self) -> std::sync::MutexGuard<'_, Vec<Named<UdpSocket>>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether systemd holds anything.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty() && self.listeners.is_empty()
    }

    /// The UDP socket at this address, if systemd holds it. It can be asked for again, by another attempt to start.
    ///
    /// # Errors
    /// When the system gives no descriptor.
    pub fn datagrams(&self, at: SocketAddr) -> io::Result<Option<UdpSocket>> {
        let held = self.datagrams.iter().find(|held| held.at == at);
        held.map(|held| held.socket.try_clone()).transpose()
    }

    /// The same for a socket that takes connections.
    ///
    /// # Errors
    /// When the system gives no descriptor.
    pub fn listener(&self, at: SocketAddr) -> io::Result<Option<TcpListener>> {
        let held = self.listeners.iter().find(|held| held.at == at);
        held.map(|held| held.socket.try_clone()).transpose()
    }

    /// What systemd holds and `wanted` does not name, as `NAME at ADDRESS`: who comes there is not heard.
    pub fn idle(&self, udp: &[SocketAddr], streams: &[SocketAddr]) -> Vec<String> {
        let named = |name: &str, at: SocketAddr| format!("{name} at {at}");
        let mut idle = Vec::new();
        let datagrams = self.datagrams.iter().filter(|held| !udp.contains(&held.at));
        idle.extend(datagrams.map(|held| named(&held.name, held.at)));
        let listeners = self.listeners.iter().filter(|held| !streams.contains(&held.at));
        idle.extend(listeners.map(|held| named(&held.name, held.at)));
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding() -> Held {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (udp, tcp) =
            (socket.local_addr().expect("bound"), listener.local_addr().expect("bound"));
        Held {
            datagrams: vec![Named { name: "sip".to_owned(), at: udp, socket }],
            listeners: vec![Named { name: "https".to_owned(), at: tcp, socket: listener }],
            carried: Mutex::default(),
        }
    }

    #[test]
    fn a_socket_is_had_at_its_own_address_as_often_as_it_is_asked_for() {
        let held = holding();
        let at = held.datagrams[0].at;
        let first = held.datagrams(at).expect("a descriptor").expect("held");
        drop(first);
        let again = held.datagrams(at).expect("a descriptor").expect("still held");
        let peer = UdpSocket::bind("127.0.0.1:0").expect("a port");
        peer.send_to(b"hello", at).expect("sent");
        let mut buffer = [0; 16];
        assert_eq!(again.recv(&mut buffer).expect("it came"), 5);
        let elsewhere = "127.0.0.1:1".parse().expect("an address");
        assert!(held.datagrams(elsewhere).expect("no error").is_none());
        assert!(held.listener(at).expect("no error").is_none(), "UDP is not TCP");
    }

    #[test]
    fn what_nobody_asks_for_is_named() {
        let held = holding();
        let (udp, tcp) = (held.datagrams[0].at, held.listeners[0].at);
        assert!(held.idle(&[udp], &[tcp]).is_empty());
        assert_eq!(held.idle(&[udp], &[]), [format!("https at {tcp}")]);
    }
}
