//! One subscription: who watches what, until when, and what he was told last.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::package::Event;
use super::{State, dialog_info, summary};
use crate::sip::dialog::{self, Dialog};
use crate::sip::flow::ConnectionId;
use crate::sip::message::{Malformed, Method, Request};
use crate::sip::uri::{NameAddr, Uri, host_port};
use crate::time::{Now, TimerId, UnixTime};

/// NOTIFYs of one subscription at once, and the time that each more takes: the trying, early and confirmed of one call
/// are told as they come, and on average there is one in a second (RFC 4235 section 3.10).
const MOST_AT_ONCE: f64 = 3.0;
const EACH: Duration = Duration::from_secs(1);

/// Why a subscription ends (RFC 6665 section 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its time is over, or the watcher took it back.
    Timeout,
    /// Subscribe again at once: the phone is no longer registered where it was.
    Deactivated,
    /// What was watched is gone.
    NoResource,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::Timeout => "timeout",
            Reason::Deactivated => "deactivated",
            Reason::NoResource => "noresource",
        }
    }
}

/// A subscription as it is kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who watches.
    pub watcher: String,
    /// Whom.
    pub watched: String,
    event: Event,
    dialog: dialog::Record,
    began: UnixTime,
    /// Until when.
    pub expires: UnixTime,
}

/// What stands between a change and its NOTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Flight {
    /// Nothing.
    #[default]
    Free,
    /// The state has been asked for.
    Asked,
    /// The last NOTIFY is not answered yet.
    Unanswered,
    /// Too many NOTIFYs lately; a timer runs.
    Waiting,
    /// The connection to the phone is gone; it will be there again when the phone registers.
    Lost,
}

/// What is to be told once the way is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum News {
    /// Nothing.
    #[default]
    None,
    /// The state, if it is another than the one told last.
    IfChanged,
    /// The state.
    Always,
}

#[derive(Debug)]
pub(super) struct Subscription {
    pub watcher: String,
    pub watched: String,
    pub event: Event,
    pub dialog: Dialog,
    pub began: UnixTime,
    pub expires: UnixTime,
    pub timer: Option<TimerId>,
    pub flight: Flight,
    pub news: News,
    pub ending: Option<Reason>,
    /// The end that is on the disk, if it is there at all.
    pub kept: Option<UnixTime>,
    told: Option<State>,
    version: u64,
    left: f64,
    at: Instant,
}

impl Subscription {
    pub fn new(
        now: Now,
        watcher: &str,
        watched: &str,
        event: Event,
        dialog: Dialog,
        expires: UnixTime,
    ) -> Subscription {
        Subscription {
            watcher: watcher.to_owned(),
            watched: watched.to_owned(),
            event,
            dialog,
            began: now.unix,
            expires,
            timer: None,
            flight: Flight::Free,
            news: News::Always,
            ending: None,
            kept: None,
            told: None,
            version: 0,
            left: MOST_AT_ONCE,
            at: now.instant,
        }
    }

    pub fn record(&self) -> Record {
        Record {
            watcher: self.watcher.clone(),
            watched: self.watched.clone(),
            event: self.event.clone(),
            dialog: self.dialog.record(),
            began: self.began,
            expires: self.expires,
        }
    }

    /// The subscription after a restart. Neither the number of its last NOTIFY nor that body's version was kept. There
    /// was at most one a second and a few at once, with each refresh and registration one more, so both go on above
    /// twice the seconds since it began.
    pub fn resume(now: Now, record: &Record) -> Result<Subscription, Malformed> {
        let passed = now.unix.since(record.began).as_secs().min(1 << 29) as u32;
        let above = passed.saturating_mul(2).saturating_add(1_000);
        let dialog = Dialog::resume(&record.dialog, above)?;
        let lost = dialog.flow().transport.is_reliable();
        let event = record.event.clone();
        let mut resumed =
            Subscription::new(now, &record.watcher, &record.watched, event, dialog, record.expires);
        resumed.began = record.began;
        resumed.version = above.into();
        resumed.flight = if lost { Flight::Lost } else { Flight::Waiting };
        Ok(resumed)
    }

    /// Whether it goes over this connection.
    pub fn is_over(&self, connection: ConnectionId) -> bool {
        connection != ConnectionId(0) && self.dialog.flow().connection == connection
    }

    /// Whether the phone that subscribed takes its requests at `contact`.
    pub fn is_from(&self, contact: &Uri) -> bool {
        let target = self.dialog.target();
        let port = |uri: &Uri| uri.port.or_else(|| Some(uri.transport()?.default_port()));
        target.user == contact.user
            && target.host == contact.host
            && port(target).unwrap_or(5060) == port(contact).unwrap_or(5060)
    }

    /// Takes the right to one NOTIFY, or says when there will be one.
    pub fn take_turn(&mut self, now: Now) -> Result<(), Instant> {
        let since = now.instant.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since / EACH.as_secs_f64()).min(MOST_AT_ONCE);
        self.at = now.instant;
        if self.left < 1.0 {
            return Err(now.instant + EACH.mul_f64(1.0 - self.left));
        }
        self.left -= 1.0;
        Ok(())
    }

    /// The NOTIFY that tells `state`; nothing if that is what was told last and nobody asked again.
    pub fn notify(&mut self, now: Now, state: State) -> Option<Request> {
        let news = std::mem::take(&mut self.news);
        if news != News::Always && self.told.as_ref() == Some(&state) {
            return None;
        }
        let body = match &state {
            State::Messages { counts, account } => summary::body(*counts, account),
            State::Dialogs { entity, dialogs } => {
                dialog_info::body(self.version, &entity.to_string(), dialogs)
            }
        };
        self.told = Some(state);
        self.version += 1;
        let left = self.expires.since(now.unix).as_secs();
        let told = match self.ending {
            None => format!("active;expires={left}"),
            Some(reason) => format!("terminated;reason={}", reason.as_str()),
        };
        let mut request = self.dialog.request(Method::NOTIFY, None);
        let contact = contact(self.dialog.local_address(), self.dialog.route().transport());
        for (name, value) in [
            ("Event", self.event.to_string()),
            ("Subscription-State", told),
            ("Contact", contact.to_string()),
        ] {
            // A token, digits, and an address: no line breaks.
            let _ = request.headers.push(name, value);
        }
        request.with_body(self.event.package.content_type(), body.into_bytes()).ok()
    }
}

/// Our Contact on a flow.
pub(super) fn contact(
    local: std::net::SocketAddr,
    transport: crate::sip::message::Transport,
) -> NameAddr {
    let (host, port) = host_port(local);
    let mut uri = Uri::sip(None, host, Some(port));
    if transport.is_reliable() {
        uri.params.set("transport", Some(&transport.as_str().to_ascii_lowercase()));
    }
    NameAddr::new(uri)
}
