//! Messages to and from phones of the branch (RFC 3428): a channel that needs no task of its own.
//!
//! What a phone sends is answered with 202 once it is on the disk, and not before; what cannot be kept with 503. A message
//! that goes out is sent to every phone of the extension; the first that takes it is enough, and taking it is delivery.

use std::collections::BTreeMap;

use crate::address::Number;
use crate::config::settings::ChannelKind;
use crate::context::{Identity, Kind};
use crate::gateway::Gateway;
use crate::gateway::messages::up;
use crate::id::{ChannelId, ExtensionId, MessageId, TrunkId};
use crate::messaging::channel::{Heard, Input, NotStored, Order, Receipt};
use crate::messaging::contract::Status as Became;
use crate::messaging::contract::{Arrived, Failure, Fault, Outcome, Outgoing, Report};
use crate::messaging::{self, Address, Piece};
use crate::sip::access::Verdict;
use crate::sip::endpoint::{ClientKey, ServerKey};
use crate::sip::message::{Request, Response, Status};
use crate::time::Now;

/// Bytes of one message (RFC 3428 section 8): what fits a datagram.
const LONGEST: usize = 1_300;
/// Seconds after which a phone may try again what could not be kept.
const RETRY_AFTER_S: &str = "30";
/// Requests that wait for the disk: a second of a flood.
const MOST_WAITING: usize = 1_000;

/// What is on its way.
#[derive(Debug, Default)]
pub(super) struct PhoneMessages {
    next: u64,
    /// Requests that are answered once they are on the disk.
    waiting: BTreeMap<Receipt, (ServerKey, Request)>,
    /// What was sent to phones, and as which attempt.
    sent: BTreeMap<ClientKey, (ChannelId, MessageId, u8)>,
}

/// From phones.
impl Gateway {
    /// The channel of phones carries from here on.
    pub(super) fn phone_channels_begin(&mut self, now: Now) {
        if let Some(channel) = self.phone_channel() {
            self.channel_says(now, &channel, up());
        }
    }

    fn phone_channel(&self) -> Option<ChannelId> {
        let mut all = self.settings.channels.iter();
        all.find(|(_, own)| own.kind == ChannelKind::Sip).map(|(name, _)| name.clone())
    }

    /// A phone or a carrier writes. Answers whether this is somebody's business here.
    pub(super) fn phone_writes(
        &mut self,
        now: Now,
        key: ServerKey,
        request: &Request,
        verdict: &Verdict,
    ) -> bool {
        let Some(channel) = self.phone_channel() else { return false };
        let from = match verdict {
            Verdict::User { username } => self.address_of_phone(username, request),
            Verdict::Trunk(trunk) => self.address_of_caller(trunk, request),
            // Who has not shown who they are is asked to, or turned away, like anybody.
            _ => return false,
        };
        let text = std::str::from_utf8(&request.body).ok().filter(|text| !text.is_empty());
        let plain = request.headers.get("Content-Type").is_some_and(is_plain);
        let status = match (from, text) {
            (None, _) => Status::FORBIDDEN,
            _ if !plain => Status::UNSUPPORTED_MEDIA_TYPE,
            (_, Some(text)) if text.len() > LONGEST => Status::MESSAGE_TOO_LARGE,
            (_, None) => Status::BAD_REQUEST,
            _ if self.phone_messages.waiting.len() >= MOST_WAITING => Status::SERVICE_UNAVAILABLE,
            (Some(from), Some(text)) => {
                self.phone_messages.next += 1;
                let receipt = Receipt(self.phone_messages.next);
                let arrived = Arrived::text(name_of(request), from, text);
                self.phone_messages.waiting.insert(receipt, (key, request.clone()));
                let told = vec![Heard::Arrived(Box::new(arrived))];
                self.channel_says(now, &channel, Input::Told { receipt, told });
                return true;
            }
        };
        self.endpoint.respond(now, key, Response::to(request, status));
        true
    }

    /// A phone of ours is known by its extension, wherever it is registered.
    fn address_of_phone(&self, username: &str, request: &Request) -> Option<Address> {
        let phone = ExtensionId::from(username);
        let person = self.hot_desks.person_at(&phone);
        let host = request.headers.from().ok()?.uri.host.to_string();
        Some(Address::new(messaging::Kind::Sip, format!("{person}@{host}")))
    }

    /// Whoever writes over a carrier is known by the number.
    fn address_of_caller(&self, trunk: &TrunkId, request: &Request) -> Option<Address> {
        let own = self.settings.channels.get(&self.phone_channel()?)?;
        if !own.trunks.contains(trunk) {
            return None;
        }
        let number = request.headers.from().ok()?.uri.user?;
        Some(Address::new(messaging::Kind::Phone, self.full_number(&number)?))
    }

    /// What phones are ordered.
    pub(super) fn order_phones(&mut self, now: Now, channel: &ChannelId, order: Order) {
        match order {
            Order::Send(outgoing) => self.write_to_phone(now, channel, *outgoing),
            Order::Stored(receipt) => {
                if let Some((key, request)) = self.phone_messages.waiting.remove(&receipt) {
                    self.endpoint.respond(now, key, Response::to(&request, Status::ACCEPTED));
                }
            }
            Order::NotStored(receipt, why) => {
                if let Some((key, request)) = self.phone_messages.waiting.remove(&receipt) {
                    let mut response = Response::to(&request, Status::SERVICE_UNAVAILABLE);
                    if why != NotStored::TooMuch {
                        // Digits hold no line break.
                        let _ = response.headers.push("Retry-After", RETRY_AFTER_S);
                    }
                    self.endpoint.respond(now, key, response);
                }
            }
            // Phones show neither.
            Order::Typing { .. }
            | Order::Read { .. }
            | Order::Place { .. }
            | Order::Call { .. } => {}
        }
    }
}

/// To phones.
impl Gateway {
    fn write_to_phone(&mut self, now: Now, channel: &ChannelId, outgoing: Outgoing) {
        let Outgoing { message, attempt, to, pieces, .. } = outgoing;
        let texts = pieces.iter().map(|piece| match piece {
            Piece::Text { text } => Some(text.as_str()),
            _ => None,
        });
        let Some(text) = texts.collect::<Option<Vec<_>>>().map(|all| all.join("\n")) else {
            return self.sent_to_phone(now, channel, (message, attempt), refused(Fault::Content));
        };
        let identity = match to.kind {
            messaging::Kind::Phone => Identity { kind: Kind::Phone, value: to.value },
            _ => Identity { kind: Kind::Sip, value: to.value },
        };
        let Some(extension) = self.extension_of(&identity) else {
            return self.sent_to_phone(now, channel, (message, attempt), refused(Fault::Address));
        };
        let sent = self.write_to(now, &extension, "message", &text);
        if sent.is_empty() {
            // It is registered nowhere: nothing was on the wire.
            return self.sent_to_phone(now, channel, (message, attempt), Outcome::Away);
        }
        let what = (channel.clone(), message, attempt);
        self.phone_messages.sent.extend(sent.into_iter().map(|key| (key, what.clone())));
    }

    /// The extension that a number or a SIP address is.
    fn extension_of(&self, to: &Identity<String>) -> Option<ExtensionId> {
        let extension = match to.kind {
            Kind::Sip => ExtensionId::from(to.value.split('@').next()?),
            _ => ExtensionId::from(self.caller_ids.whose(&Number::parse(&to.value).ok()?)?),
        };
        self.directory.contains_key(&extension).then_some(extension)
    }

    fn sent_to_phone(
        &mut self,
        now: Now,
        channel: &ChannelId,
        (message, attempt): (MessageId, u8),
        outcome: Outcome,
    ) {
        self.channel_says(now, channel, Input::Outcome { message, attempt, outcome });
    }

    /// A phone has answered; nothing: it has not, in time. Answers whether it was about a message of the ledger.
    pub(super) fn phone_answered(
        &mut self,
        now: Now,
        key: ClientKey,
        status: Option<Status>,
        unreachable: bool,
    ) -> bool {
        if status.is_some_and(Status::is_provisional) {
            return self.phone_messages.sent.contains_key(&key);
        }
        let Some((channel, message, attempt)) = self.phone_messages.sent.remove(&key) else {
            return false;
        };
        let same = |other: &(ChannelId, MessageId, u8)| other.1 == message && other.2 == attempt;
        let others = self.phone_messages.sent.values().any(same);
        let outcome = match status {
            Some(status) if status.is_success() => {
                // The first phone that has it is enough.
                self.phone_messages.sent.retain(|_, other| !same(other));
                let reference = format!("{message}-{attempt}");
                let references = vec![reference.clone()];
                let outcome = Outcome::Accepted { references };
                self.sent_to_phone(now, &channel, (message, attempt), outcome);
                return self.delivered_to_phone(now, &channel, reference);
            }
            _ if others => return true,
            Some(status) => after(status),
            None if unreachable => Outcome::Away,
            None => Outcome::Doubtful,
        };
        self.sent_to_phone(now, &channel, (message, attempt), outcome);
        true
    }

    /// What a phone has taken, it shows (RFC 3428 section 7).
    fn delivered_to_phone(&mut self, now: Now, channel: &ChannelId, reference: String) -> bool {
        self.phone_messages.next += 1;
        let receipt = Receipt(self.phone_messages.next);
        let report = Report { reference, status: Became::Delivered, at: None };
        let told = vec![Heard::Report(report)];
        self.channel_says(now, channel, Input::Told { receipt, told });
        true
    }
}

/// What a refusal means for another try.
fn after(status: Status) -> Outcome {
    match status {
        Status::NOT_FOUND | Status::GONE => refused(Fault::Address),
        Status::UNSUPPORTED_MEDIA_TYPE | Status::REQUEST_ENTITY_TOO_LARGE => {
            refused(Fault::Content)
        }
        Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED => refused(Fault::Content),
        Status::DECLINE | Status::FORBIDDEN => refused(Fault::Refused),
        _ => refused(Fault::Network),
    }
}

fn refused(fault: Fault) -> Outcome {
    Outcome::Refused(Failure { fault, code: String::new() })
}

/// What a message is called that is never another's: a call's name and number, and who names it so.
fn name_of(request: &Request) -> String {
    let header = |name: &str| request.headers.get(name).unwrap_or_default().to_owned();
    format!("{} {} {}", header("Call-ID"), header("CSeq"), header("From"))
}

/// Whether it is a text.
fn is_plain(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/plain")
}
