//! Desk phones on one side; their configuration, its secret URLs and who may fetch it on the other.
//!
//! Each phone has a URL with a token that is derived from the box's own key: nobody guesses it, and the hardware address,
//! which is printed on the box and seen on the network, yields nothing. For the first contact there is a code that fits
//! one phone, once, for a quarter of an hour: short enough to be keyed in. Every fetch is in the journal before the
//! answer leaves.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::admin::web::{self, Method, Request, Response};
use crate::admin::{PhoneSheet, Reply};
use crate::config::desk::{Account, Sheet, Way};
use crate::config::settings::{Codec, DeskPhone, Encryption, KeysOver, Mac};
use crate::gateway::{Gateway, Output, ReplyTo};
use crate::id::RecordingId;
use crate::journal::event::Event;
use crate::journal::{State, Token};
use crate::time::{Now, UnixTime};

/// Bytes of a token: nobody tries 2 to the power of 128.
const TOKEN: usize = 16;
/// How long a code for the first contact fits.
const CODE_TIME: Duration = Duration::from_secs(15 * 60);
/// Codes at a time: an admin sets up a roomful of phones.
const MOST_CODES: usize = 64;
/// Wrong URLs of one source after which it is not answered for a while. A phone that was set up wrongly asks for four
/// or five files at each start.
const MOST_WRONG: u32 = 20;
/// The while.
const WRONG_TIME: Duration = Duration::from_secs(10 * 60);
/// Sources that are remembered; the oldest are forgotten first. Connections are few, so this is more than enough.
const MOST_SOURCES: usize = 1_024;
/// Fetches of one phone within an hour; one that starts over and over must not fill the journal.
const MOST_FETCHES: u32 = 60;
const FETCH_TIME: Duration = Duration::from_secs(3_600);

/// What is known of desk phones and of those who ask for them.
#[derive(Debug, Default)]
pub(super) struct Phones {
    /// Tokens, and whose they are.
    tokens: BTreeMap<String, Mac>,
    /// Codes for a first contact: whose, and until when.
    codes: BTreeMap<String, (Mac, Instant)>,
    /// Wrong URLs by source, since when.
    wrong: BTreeMap<IpAddr, (Instant, u32)>,
    fetches: BTreeMap<Mac, (Instant, u32)>,
    /// Answers that wait until the fetch is in the journal.
    waiting: Vec<(Token, ReplyTo, Response)>,
    /// Wrong URLs since the start.
    pub mistakes: u64,
}

impl Gateway {
    /// Somebody asks over HTTPS.
    pub fn handle_web(&mut self, now: Now, to: ReplyTo, request: &Request) {
        let answer = self.web(now, request);
        match answer {
            (response, Some(token)) if self.journal.state() == State::Healthy => {
                self.phones.waiting.push((token, to, response));
            }
            (response, _) => self.outputs.push_back(Output::Web(to, response)),
        }
        self.settle(now);
    }

    /// The answer, and the record that has to be on the disk first.
    fn web(&mut self, now: Now, request: &Request) -> (Response, Option<Token>) {
        if request.method == Method::Other {
            return (Response::refusal(405, "GET and HEAD only"), None);
        }
        if let Some(wait) = self.phones.is_shut_out(now, request.from) {
            let response = Response::refusal(429, "too many wrong addresses; ask again later");
            return (Response { retry_after_s: Some(wait.as_secs().max(1)), ..response }, None);
        }
        if !web::is_plain(&request.path) {
            self.phones.note_wrong(now, request.from);
            return (Response::refusal(400, "this is no path"), None);
        }
        let parts: Vec<&str> = request.path.split('/').skip(1).collect();
        match parts[..] {
            ["p", token, file] => match self.phones.tokens.get(token).cloned() {
                Some(mac) => self.phone_file(now, request, &mac, file, None),
                None => (self.nothing_here(now, request), None),
            },
            ["first", code, file] => match self.phones.phone_of_code(now, code) {
                Some(mac) => self.phone_file(now, request, &mac, file, Some(code)),
                None => (self.nothing_here(now, request), None),
            },
            _ => (self.nothing_here(now, request), None),
        }
    }

    fn nothing_here(&mut self, now: Now, request: &Request) -> Response {
        self.phones.note_wrong(now, request.from);
        Response::refusal(404, "there is nothing here")
    }

    /// A file of a phone that has shown its token or code. Files that we do not have are not held against it: phones ask
    /// for several.
    fn phone_file(
        &mut self,
        now: Now,
        request: &Request,
        mac: &Mac,
        file: &str,
        code: Option<&str>,
    ) -> (Response, Option<Token>) {
        let own = self.settings.phones.iter().find(|phone| phone.mac == *mac).cloned();
        let Some(phone) = own.filter(|own| file.eq_ignore_ascii_case(&own.make.file(mac.as_str())))
        else {
            return (Response::refusal(404, "there is nothing here"), None);
        };
        if request.method == Method::Get && self.phones.fetches_too_often(now, mac) {
            let response = Response::refusal(429, "this phone asks too often");
            return (Response { retry_after_s: Some(FETCH_TIME.as_secs()), ..response }, None);
        }
        let body = match phone.make.write(&self.sheet(now, &phone)) {
            Ok(body) => body.into_bytes(),
            Err(error) => {
                tracing::error!(phone = mac.as_str(), %error, "a phone's configuration cannot be written");
                return (Response::refusal(500, "the configuration cannot be written"), None);
            }
        };
        let content_type = phone.make.content_type();
        let response = Response { status: 200, content_type, body, retry_after_s: None };
        if request.method == Method::Head {
            return (response, None);
        }
        if let Some(code) = code {
            self.phones.codes.remove(code);
        }
        tracing::info!(phone = mac.as_str(), from = %request.from, first = code.is_some(), "a phone has fetched its configuration");
        let event = Event::PhoneFetched { mac: mac.as_str().to_owned(), from: request.from };
        (response, Some(self.keep(now, event)))
    }

    /// Sends what was waiting for the disk; while that fails, phones are served all the same.
    pub(super) fn send_web_answers(&mut self) {
        let failed = self.journal.state() != State::Healthy;
        let waiting = std::mem::take(&mut self.phones.waiting);
        for (token, to, response) in waiting {
            if failed || self.journal.is_stored(token) {
                self.outputs.push_back(Output::Web(to, response));
            } else {
                self.phones.waiting.push((token, to, response));
            }
        }
    }

    /// Derives every phone's token: at the start, and when one was renewed.
    pub(super) fn derive_tokens(&mut self) {
        let phones = self.settings.phones.iter().map(|phone| phone.mac.clone());
        let pairs: Vec<_> = phones.map(|mac| (self.token_of(&mac), mac)).collect();
        self.phones.tokens = pairs.into_iter().collect();
    }

    fn token_of(&self, mac: &Mac) -> String {
        let renewed =
            self.journal.live().desk_phones.get(mac.as_str()).map_or(0, |own| own.renewed);
        self.journal.keys().token(&format!("desk phone {} {renewed}", mac.as_str()), TOKEN)
    }

    fn sheet(&self, now: Now, phone: &DeskPhone) -> Sheet {
        let settings = &self.settings;
        let own = &settings.provisioning;
        let account = |number: &crate::id::ExtensionId| {
            let extension = settings.extensions.iter().find(|e| e.number == *number)?;
            let keys_may = own.transport == Way::Tls || extension.media_keys_over == KeysOver::Any;
            Some(Account {
                number: number.to_string(),
                name: extension.name.clone(),
                password: self.phone_secrets.get(number.as_str())?.clear().to_owned(),
                encryption: if keys_may { extension.media_encryption } else { Encryption::Off },
            })
        };
        let addresses = match own.transport {
            Way::Udp => &settings.sip.udp,
            Way::Tcp => &settings.sip.tcp,
            Way::Tls => &settings.sip.tls,
        };
        let usual = if own.transport == Way::Tls { 5_061 } else { 5_060 };
        Sheet {
            accounts: phone.lines.iter().filter_map(account).collect(),
            keys: phone.keys.clone(),
            server: own.server().to_owned(),
            port: addresses.first().map_or(usual, std::net::SocketAddr::port),
            way: own.transport,
            expires_s: settings.sip.timers.register_default_s,
            codecs: settings.media.codecs.iter().map(|codec| codec_name(*codec)).collect(),
            messages: settings
                .features
                .voicemail
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            help: self.plan.emergency_forms().map(str::to_owned).collect(),
            url: self.phone_url(phone),
            again_h: own.repeat_hours,
            zone: self.flows.zone().clone(),
            now: now.unix,
        }
    }

    /// What is entered at a phone, with the token that is its own.
    fn phone_url(&self, phone: &DeskPhone) -> String {
        let base =
            format!("{}/p/{}/", self.settings.provisioning.base(), self.token_of(&phone.mac));
        phone.make.url(&base, phone.mac.as_str())
    }

    /// What an admin asks for: a phone's URL, a code for its first contact, or another URL in place of the one it has.
    pub(super) fn give_phone_url(&mut self, now: Now, mac: &str, once: bool, renew: bool) -> Reply {
        let wanted = Mac::parse(mac);
        let phone = self.settings.phones.iter().find(|phone| Some(&phone.mac) == wanted.as_ref());
        let Some(phone) = phone.cloned() else {
            return Reply::Refused(format!("no [[phone]] has the hardware address {mac}"));
        };
        let mac = phone.mac.as_str().to_owned();
        if renew {
            tracing::info!(phone = mac, "an admin renewed a phone's address");
            self.keep(now, Event::PhoneRenewed { mac: mac.clone() });
            self.derive_tokens();
        }
        if !once {
            return Reply::PhoneUrl { url: self.phone_url(&phone), minutes: None };
        }
        let code = RecordingId(self.random.bits()).to_string();
        let codes = &mut self.phones.codes;
        codes.retain(|_, (whose, until)| *whose != phone.mac && *until > now.instant);
        if codes.len() >= MOST_CODES {
            let words =
                format!("{MOST_CODES} phones have codes already; wait until some were used");
            return Reply::Refused(words);
        }
        codes.insert(code.clone(), (phone.mac.clone(), now.instant + CODE_TIME));
        tracing::info!(phone = mac, "an admin has asked for a code for a phone's first contact");
        let base = format!("{}/first/{code}/", self.settings.provisioning.base());
        let minutes = Some(CODE_TIME.as_secs() / 60);
        Reply::PhoneUrl { url: phone.make.url(&base, &mac), minutes }
    }

    /// The desk phones that an extension is on, for an admin.
    pub(super) fn sheets_of(&self, extension: &crate::id::ExtensionId) -> Vec<PhoneSheet> {
        let phones = self.settings.phones.iter().filter(|phone| phone.lines.contains(extension));
        let line = |phone: &DeskPhone| PhoneSheet {
            mac: phone.mac.as_str().to_owned(),
            make: phone.make.to_string(),
            model: phone.model.clone(),
            fetched: self.fetched(&phone.mac),
            url_command: format!("branchline phone-url {}", phone.mac.as_str()),
        };
        phones.map(line).collect()
    }

    fn fetched(&self, mac: &Mac) -> Option<UnixTime> {
        self.journal.live().desk_phones.get(mac.as_str())?.fetched
    }
}

impl Phones {
    /// How long a source that asked for too many wrong things is not answered.
    fn is_shut_out(&self, now: Now, from: IpAddr) -> Option<Duration> {
        let (since, count) = self.wrong.get(&source(from))?;
        let left = WRONG_TIME.checked_sub(now.instant.saturating_duration_since(*since))?;
        (*count >= MOST_WRONG && !left.is_zero()).then_some(left)
    }

    fn note_wrong(&mut self, now: Now, from: IpAddr) {
        self.mistakes += 1;
        let fresh = |since: &Instant| now.instant.saturating_duration_since(*since) < WRONG_TIME;
        if self.wrong.len() >= MOST_SOURCES {
            self.wrong.retain(|_, (since, _)| fresh(since));
        }
        if self.wrong.len() >= MOST_SOURCES {
            let oldest = self.wrong.iter().min_by_key(|(_, (since, _))| *since).map(|(ip, _)| *ip);
            oldest.map(|ip| self.wrong.remove(&ip));
        }
        let entry = self.wrong.entry(source(from)).or_insert((now.instant, 0));
        if !fresh(&entry.0) {
            *entry = (now.instant, 0);
        }
        entry.1 += 1;
    }

    fn phone_of_code(&self, now: Now, code: &str) -> Option<Mac> {
        let (mac, until) = self.codes.get(&code.to_ascii_uppercase())?;
        (*until > now.instant).then(|| mac.clone())
    }

    fn fetches_too_often(&mut self, now: Now, mac: &Mac) -> bool {
        let entry = self.fetches.entry(mac.clone()).or_insert((now.instant, 0));
        if now.instant.saturating_duration_since(entry.0) >= FETCH_TIME {
            *entry = (now.instant, 0);
        }
        entry.1 += 1;
        entry.1 > MOST_FETCHES
    }
}

/// Who is counted: an address, of IPv6 the network of 64 bits, in which anybody has as many addresses as he likes.
fn source(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(own) => Ipv6Addr::from_bits(own.to_bits() >> 64 << 64).into(),
        own => own,
    }
}

fn codec_name(codec: Codec) -> String {
    match codec {
        Codec::Pcmu => "pcmu",
        Codec::Pcma => "pcma",
        Codec::G722 => "g722",
        Codec::Opus => "opus",
    }
    .to_owned()
}
