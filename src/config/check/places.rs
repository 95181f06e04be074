//! Where phones are, as far as it is written down: places that exist, addresses that can be found, phones without one.

use std::collections::BTreeMap;

use super::{At, Check, Key, bits_of};
use crate::id::LocationId;

/// The longest part of an address: above it, it is prose. Dispatchers' screens hold about 60.
const LONGEST_PART: usize = 120;
/// Hours for which a call back is led to a phone: help calls back within minutes, a fire takes a day.
const MOST_HOURS: u8 = 72;

pub(super) fn check(check: &mut Check<'_, '_>) {
    let settings = check.settings;
    let hours = settings.emergency.callback_hours;
    check.within(&[Key("emergency"), Key("callback_hours")], hours, 0..=MOST_HOURS);
    networks_of_the_site(check);
    let names = check.names_of("location");
    if let Some(name) = &settings.emergency.location {
        check.known(&[Key("emergency"), Key("location")], "location", name.as_str(), &names);
    }
    for (index, extension) in settings.extensions.iter().enumerate() {
        if let Some(name) = &extension.location {
            let at = [Key("extension"), At(check.place("extension", index)), Key("location")];
            check.known(&at, "location", name.as_str(), &names);
        }
    }
    locations(check);
    phones_without_a_place(check);
}

fn networks_of_the_site(check: &mut Check<'_, '_>) {
    let networks = check.settings.emergency.networks.iter().flatten();
    for (i, network) in networks.enumerate() {
        let path = [Key("emergency"), Key("networks"), At(i)];
        match bits_of(network) {
            Some(0) => check.tell(
                &path,
                format!("`{network}` would let anybody call for help in the branch's name"),
                "the branch's own networks",
            ),
            Some(_) => {}
            None => check.tell(
                &path,
                format!("`{network}` is no address or network"),
                "such as `192.168.1.0/24`",
            ),
        }
    }
}

fn locations(check: &mut Check<'_, '_>) {
    let settings = check.settings;
    let mut callbacks: BTreeMap<&str, &LocationId> = BTreeMap::new();
    for (index, location) in settings.locations.iter().enumerate() {
        let place = check.place("location", index);
        for (i, network) in location.networks.iter().enumerate() {
            if bits_of(network).is_none_or(|bits| bits == 0) {
                let path = [Key("location"), At(place), Key("networks"), At(i)];
                let what = format!("`{network}` is no network of phones");
                check.tell(&path, what, "such as `192.168.1.0/24`");
            }
        }
        if let Some(country) = &location.country
            && !(country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()))
        {
            let path = [Key("location"), At(place), Key("country")];
            check.tell(&path, format!("`{country}` is no country"), "two capitals, such as `US`");
        }
        for (key, _, value) in location.elements() {
            if value.len() > LONGEST_PART || value.contains(char::is_control) {
                let path = [Key("location"), At(place), Key(key)];
                let allowed = format!("one line of at most {LONGEST_PART} characters");
                check.tell(&path, "no part of an address", &allowed);
            }
        }
        for (key, value) in [
            ("street", &location.street),
            ("house_number", &location.house_number),
            ("city", &location.city),
        ] {
            if value.is_empty() {
                let what = format!("help may not find `{}`: it has no `{key}`", location.name);
                let path = [Key("location"), At(place)];
                check.out.push(check.document.problem(&path, what).warning());
            }
        }
        if let Some(callback) = &location.callback {
            let path = [Key("location"), At(place), Key("callback")];
            if let Some(other) = callbacks.insert(callback.as_str(), &location.name) {
                let what = format!(
                    "`{other}` has this number too: who called last from either is called back"
                );
                check.out.push(check.document.problem(&path, what).warning());
            }
            if settings.inbound.iter().any(|rule| rule.number == *callback) {
                let what = format!(
                    "for {} hours after a call for help every call to {callback} rings the phone that called, \
                     whatever [[inbound]] says",
                    settings.emergency.callback_hours
                );
                check.out.push(check.document.problem(&path, what).warning());
            }
        }
    }
}

/// A phone whose call for help says nothing of where it is. One warning where no phone has a place.
fn phones_without_a_place(check: &mut Check<'_, '_>) {
    let settings = check.settings;
    let leaves = settings.trunks.iter().any(|trunk| !trunk.servers.is_empty());
    if settings.emergency.location.is_some() || settings.extensions.is_empty() || !leaves {
        return;
    }
    if check.document.len(&[Key("location")]).unwrap_or(0) == 0 {
        let what = "help is not told where a caller is: there is no [[location]]";
        let problem = check.document.problem(&[Key("extension"), At(0)], what);
        return check.out.push(problem.warning());
    }
    for (index, extension) in settings.extensions.iter().enumerate() {
        if extension.location.is_none() {
            let what = format!(
                "help is not told where {} is unless a [[location]] has its network",
                extension.number
            );
            let path = [Key("extension"), At(check.place("extension", index)), Key("number")];
            check.out.push(check.document.problem(&path, what).warning());
        }
    }
}
