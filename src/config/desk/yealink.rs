//! Yealink's T series: `key = value`, one a line (its auto provisioning guide, firmware 81 and later).

use std::fmt::{Display, Write};

use super::clock::{Change, Clock};
use super::{KeyKind, Sheet, Way, one_line};
use crate::config::settings::Encryption;

/// What a line key does: a line, a lamp, a speed dial, a parking place.
const LINE: u8 = 15;
const LAMP: u8 = 16;
const SPEED: u8 = 13;
const PARK: u8 = 10;

/// Codecs that the phones know, as their settings call them.
const CODECS: [(&str, &str); 4] =
    [("pcmu", "pcmu"), ("pcma", "pcma"), ("g722", "g722"), ("opus", "opus")];

struct File(String);

impl File {
    fn set(&mut self, key: impl Display, value: impl Display) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "{key} = {}", one_line(&value.to_string()));
    }
}

pub(super) fn write(sheet: &Sheet) -> String {
    let mut file = File("#!version:1.0.0.1\n".to_owned());
    for (place, account) in (1..).zip(&sheet.accounts) {
        let name = if account.name.is_empty() { &account.number } else { &account.name };
        let mut set = |key: &str, value: &dyn Display| {
            file.set(format_args!("account.{place}.{key}"), value);
        };
        set("enable", &1);
        set("label", &account.number);
        set("display_name", name);
        set("user_name", &account.number);
        set("auth_name", &account.number);
        set("password", &account.password);
        set("sip_server.1.address", &sheet.server);
        set("sip_server.1.port", &sheet.port);
        set("sip_server.1.transport_type", &transport(sheet.way));
        set("sip_server.1.expires", &sheet.expires_s);
        set("subscribe_mwi", &1);
        set("srtp_encryption", &encryption(account.encryption));
        for (ours, theirs) in CODECS {
            let order = sheet.codecs.iter().position(|codec| codec == ours);
            set(&format!("codec.{theirs}.enable"), &u8::from(order.is_some()));
            if let Some(order) = order {
                set(&format!("codec.{theirs}.priority"), &(order + 1));
            }
        }
        file.set(format_args!("voice_mail.number.{place}"), &sheet.messages);
    }
    keys(&mut file, sheet);
    clock(&mut file, &Clock::of(&sheet.zone, sheet.now));
    help(&mut file, sheet);
    file.set("static.auto_provision.server.url", &sheet.url);
    file.set("static.auto_provision.power_on", 1);
    file.set("static.auto_provision.repeat.enable", 1);
    file.set("static.auto_provision.repeat.minutes", u32::from(sheet.again_h) * 60);
    file.0
}

/// Optional is an offer that may be answered in the clear, compulsory is RTP/SAVP alone.
fn encryption(wanted: Encryption) -> u8 {
    match wanted {
        Encryption::Off => 0,
        Encryption::Offered => 1,
        Encryption::Required => 2,
    }
}

fn transport(way: Way) -> u8 {
    match way {
        Way::Udp => 0,
        Way::Tcp => 1,
        Way::Tls => 2,
    }
}

/// A line key for each line first, as phones have them when nothing is set; then the keys of the site.
fn keys(file: &mut File, sheet: &Sheet) {
    let lines = sheet.accounts.len();
    for place in 1..=lines {
        file.set(format_args!("linekey.{place}.type"), LINE);
        file.set(format_args!("linekey.{place}.line"), place);
    }
    for (place, key) in (lines + 1..).zip(&sheet.keys) {
        let kind = match key.kind {
            KeyKind::Lamp => LAMP,
            KeyKind::Speed => SPEED,
            KeyKind::Park => PARK,
        };
        file.set(format_args!("linekey.{place}.type"), kind);
        file.set(format_args!("linekey.{place}.line"), 1);
        file.set(format_args!("linekey.{place}.value"), &key.number);
        file.set(format_args!("linekey.{place}.label"), key.shown());
    }
}

fn clock(file: &mut File, clock: &Clock) {
    file.set("local_time.time_zone", offset(clock.offset_s));
    let Some((start, end, shift)) = clock.summer else {
        return file.set("local_time.summer_time", 0);
    };
    let at = |change: Change| {
        format!("{}/{}/{}/{}", change.month, change.week, change.weekday, change.hour)
    };
    file.set("local_time.summer_time", 1);
    file.set("local_time.dst_time_type", 1);
    file.set("local_time.start_time", at(start));
    file.set("local_time.end_time", at(end));
    file.set("local_time.offset_time", shift / 60);
}

/// `-6`, `+5:30`.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    match minutes % 60 {
        0 => format!("{sign}{}", minutes / 60),
        rest => format!("{sign}{}:{rest:02}", minutes / 60),
    }
}

/// Sent as soon as the last digit is dialled, and from a locked phone.
fn help(file: &mut File, sheet: &Sheet) {
    file.set("phone_setting.emergency.number", sheet.help.join(","));
    for (place, number) in (1..).zip(&sheet.help) {
        file.set(format_args!("dialplan.dialnow.rule.{place}"), number);
    }
}
