//! `[smpp_server]`: SMPP for applications of the branch, with us as the message centre.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;

use super::channel::smpp::{Alphabet, Long};
use crate::address::Network;
use crate::config::SecretRef;
use crate::id::{ApplicationId, ChannelId};
use crate::smpp::pdu::BindKind;
use crate::smpp::text::Wording;

/// `[smpp_server]`: where applications of the branch bind that have messages sent. Nowhere by default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmppServer {
    /// Addresses. Default none.
    pub listen: Vec<SocketAddr>,
    /// Addresses where it speaks TLS, as who the box is. Default none.
    pub listen_tls: Vec<SocketAddr>,
    /// What it calls itself, up to 15 characters; default `branchline`.
    pub system_id: String,
    /// Seconds of silence after which an application is asked whether it is there; 5 to 600, default 30.
    pub enquire_s: u16,
    /// Seconds that an application may take for an answer; 2 to 120, default 30.
    pub answer_s: u16,
    /// Who may bind, each under a name of its own.
    pub applications: BTreeMap<ApplicationId, Application>,
}

impl Default for SmppServer {
    fn default() -> Self {
        SmppServer {
            listen: Vec::new(),
            listen_tls: Vec::new(),
            system_id: "branchline".to_owned(),
            enquire_s: 30,
            answer_s: 30,
            applications: BTreeMap::new(),
        }
    }
}

/// Which way messages go over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binds {
    /// The application sends.
    Transmitter,
    /// It receives.
    Receiver,
    /// Both.
    Transceiver,
}

/// `[smpp_server.applications.NAME]`: who may bind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// By what it binds, up to 15 characters.
    pub system_id: String,
    /// What proves that: up to 8 characters by the standard; longer ones are taken. A hash of Argon2id is taken for one.
    pub password: SecretRef,
    /// From which networks. Default: loopback, private addresses (RFC 1918, RFC 4193) and link-local ones.
    #[serde(default = "near")]
    pub networks: Vec<String>,
    /// How it may bind; default all three.
    #[serde(default = "all_binds")]
    pub binds: Vec<Binds>,
    /// Links that it may have at once; 1 to 20, default 4.
    #[serde(default = "four")]
    pub links: u16,
    /// By which channels its messages go: the first that carries any at that moment. At least one where it may send.
    #[serde(default)]
    pub channels: Vec<ChannelId>,
    /// From which addresses it may send: `*` at the end stands for anything. None by default: then the channel's own.
    #[serde(default)]
    pub sources: Vec<String>,
    /// To which numbers it may send, in full with their `+`; `*` at the end stands for anything. None by default.
    #[serde(default)]
    pub destinations: Vec<String>,
    /// Messages a second on each of its links; 1 to 10,000, default 10.
    #[serde(default = "ten")]
    pub rate: u32,
    /// Its messages that may wait for their answer on a link; 1 to 1,000, default 100.
    #[serde(default = "hundred")]
    pub window: u16,
    /// What its messages are for: `service`, `marketing`, or `code`, which goes at any hour. Default `service`.
    #[serde(default = "service")]
    pub purpose: String,
    /// What `data_coding` 0 means to it; default `gsm`.
    #[serde(default)]
    pub dcs0: Alphabet,
    /// How long texts go to it; default `header`.
    #[serde(default)]
    pub long: Long,
    /// Channels whose texts it gets, instead of a flow or a queue. None by default.
    #[serde(default)]
    pub texts_by: Vec<ChannelId>,
    /// Only those to these addresses of the branch. Any by default.
    #[serde(default)]
    pub texts_to: Vec<String>,
    /// Only those with one of these first words, whatever its case. Any by default.
    #[serde(default)]
    pub texts_words: Vec<String>,
}

impl SmppServer {
    /// Whether it is there at all.
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty() || !self.listen_tls.is_empty()
    }
}

impl Application {
    /// The networks; those that are none are left out.
    pub fn networks(&self) -> Vec<Network> {
        self.networks.iter().filter_map(|text| Network::parse(text).ok()).collect()
    }

    /// The kinds of link.
    pub fn kinds(&self) -> Vec<BindKind> {
        let kind = |binds: &Binds| match binds {
            Binds::Transmitter => BindKind::Transmitter,
            Binds::Receiver => BindKind::Receiver,
            Binds::Transceiver => BindKind::Transceiver,
        };
        self.binds.iter().map(kind).collect()
    }

    /// How texts are written.
    pub fn wording(&self) -> Wording {
        Wording { plain: self.dcs0.plain(), cut: self.long.cut() }
    }
}

fn near() -> Vec<String> {
    super::Http::default().networks
}

fn all_binds() -> Vec<Binds> {
    vec![Binds::Transmitter, Binds::Receiver, Binds::Transceiver]
}

fn four() -> u16 {
    4
}

fn ten() -> u32 {
    10
}

fn hundred() -> u16 {
    100
}

fn service() -> String {
    "service".to_owned()
}
