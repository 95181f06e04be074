//! `[update]`: where new versions of the whole box come from by themselves, and when.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::appliance::window::Window;
use crate::webhook::Target;

/// `[update]`: new versions of the whole box, for one that was started from an image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Update {
    /// The folder on a server that has what `image/update` made. Default none: updates are taken from a stick alone.
    pub from: Option<String>,
    /// PEM certificates of authorities that prove that server, besides those of the system. Default none.
    pub authorities: Option<PathBuf>,
    /// Hours in which updates are taken and the box starts anew, by the site's zone. Default `01:00-05:00`.
    pub window: Window,
}

impl Update {
    /// Whether updates may come from there: over TLS, or from this very machine. What comes is signed, but who reads along would
    /// know what the box lacks.
    pub fn is_source(url: &str) -> bool {
        let own = |host: &str| host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let target = Target::parse(url).ok();
        target.is_some_and(|target| (target.tls || own(&target.host)) && !target.path.contains('?'))
    }
}
