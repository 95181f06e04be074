//! Snom: XML with one element a setting (its desk phone configuration files, firmware 8.9 and later).

use std::fmt::Write;

use super::clock::{Change, Clock};
use super::{KeyKind, Sheet, Way, one_line};
use crate::config::settings::Encryption;

/// Read-only at the phone: what the box says holds until the box says otherwise.
const FIXED: &str = "R";

struct File(String);

impl File {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn set(&mut self, name: &str, index: Option<usize>, value: &str) {
        let index = index.map_or_else(String::new, |index| format!(" idx=\"{index}\""));
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "    <{name}{index} perm=\"{FIXED}\">{}</{name}>", escaped(value));
    }
}

pub(super) fn write(sheet: &Sheet) -> String {
    let mut file = File(String::new());
    file.line("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    file.line("<settings>");
    file.line("  <phone-settings e=\"2\">");
    for (place, account) in (1..).zip(&sheet.accounts) {
        let name = if account.name.is_empty() { &account.number } else { &account.name };
        let mut set = |key: &str, value: &str| file.set(key, Some(place), value);
        set("user_active", "on");
        set("user_realname", name);
        set("user_name", &account.number);
        set("user_pname", &account.number);
        set("user_pass", &account.password);
        set("user_host", &sheet.server);
        set("user_outbound", &outbound(sheet));
        set("user_expiry", &sheet.expires_s.to_string());
        set("user_mailbox", &sheet.messages);
        let (srtp, profile) = encryption(account.encryption);
        set("user_srtp", srtp);
        set("user_savp", profile);
        set("codec_priority_list", &format!("{},telephone-event", sheet.codecs.join(",")));
        set("user_dp_str", &help(&sheet.help));
    }
    clock(&mut file, &Clock::of(&sheet.zone, sheet.now));
    file.set("keyboard_lock_emergency", None, &sheet.help.join(" "));
    file.set("setting_server", None, &sheet.url);
    file.set("settings_refresh_timer", None, &(u32::from(sheet.again_h) * 3_600).to_string());
    file.line("  </phone-settings>");
    keys(&mut file, sheet);
    file.line("</settings>");
    file.0
}

/// Whether there are keys, and whether the profile of sound in the clear may be kept beside them.
fn encryption(wanted: Encryption) -> (&'static str, &'static str) {
    match wanted {
        Encryption::Off => ("off", "off"),
        Encryption::Offered => ("on", "optional"),
        Encryption::Required => ("on", "mandatory"),
    }
}

fn outbound(sheet: &Sheet) -> String {
    let way = match sheet.way {
        Way::Udp => "udp",
        Way::Tcp => "tcp",
        Way::Tls => "tls",
    };
    format!("sip:{}:{};transport={way}", sheet.server, sheet.port)
}

/// A dial plan that sends a call for help as soon as its last digit is dialled.
fn help(numbers: &[String]) -> String {
    let numbers: Vec<_> = numbers.iter().map(|number| number.replace(['*', '+'], "")).collect();
    format!("!^({})$!sip:\\1@\\d!d", numbers.join("|"))
}

fn clock(file: &mut File, clock: &Clock) {
    file.set("utc_offset", None, &format!("{:+}", clock.offset_s));
    let at = |change: Change| {
        let Change { month, week, weekday, hour } = change;
        format!("{month:02}.{week:02}.{weekday:02} {hour:02}:00:00")
    };
    let summer = clock.summer.map_or_else(String::new, |(start, end, shift)| {
        format!("{shift} {} {}", at(start), at(end))
    });
    file.set("dst", None, &summer);
}

fn keys(file: &mut File, sheet: &Sheet) {
    file.line("  <functionKeys e=\"2\">");
    for (place, key) in sheet.keys.iter().enumerate() {
        let action = match key.kind {
            KeyKind::Lamp => format!("blf sip:{}@{}", key.number, sheet.server),
            KeyKind::Speed => format!("speed {}", key.number),
            KeyKind::Park => format!("orbit sip:{}@{}", key.number, sheet.server),
        };
        let (label, action) = (escaped(key.shown()), escaped(&action));
        let _ = writeln!(
            file.0,
            "    <fkey idx=\"{place}\" context=\"1\" label=\"{label}\" perm=\"{FIXED}\">{action}</fkey>"
        );
    }
    file.line("  </functionKeys>");
}

/// Text that XML reads as text, in an element and in an attribute.
fn escaped(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}
