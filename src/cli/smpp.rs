//! `branchline smpp`: links to carriers and applications that have bound, for a terminal.

use crate::admin::{ApplicationLine, CarrierLine, SmppLines};
use crate::cli::text;

/// Both ways.
pub fn words(lines: &SmppLines) -> String {
    let head =
        &["CARRIER", "STATE", "LINKS", "WINDOW", "SENT", "REFUSED", "RECEIVED", "LAST ERROR"];
    let carriers =
        text::columns(head, lines.carriers.iter().map(carrier), "no channel is a carrier's");
    let applications = match lines.serves {
        true => {
            let head = &[
                "APPLICATION",
                "LINKS",
                "RATE",
                "TAKEN",
                "REFUSED",
                "TOLD",
                "WAITS",
                "LAST ERROR",
            ];
            let rows = lines.applications.iter().map(application);
            text::columns(head, rows, "no application may bind")
        }
        false => "applications cannot bind here: [smpp_server] says nowhere\n".to_owned(),
    };
    format!("{carriers}\n{applications}")
}

fn carrier(line: &CarrierLine) -> Vec<String> {
    let links = line.links.iter().map(|link| match link.up {
        true => link.bind.clone(),
        false => format!("({})", link.bind),
    });
    vec![
        line.channel.clone(),
        line.words.clone(),
        joined(links),
        format!("{} of {}", line.on_their_way, line.window),
        line.taken.to_string(),
        line.refused.to_string(),
        line.received.to_string(),
        line.last_error.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

fn application(line: &ApplicationLine) -> Vec<String> {
    let links = line.links.iter().map(|link| {
        let tls = if link.tls { " TLS" } else { "" };
        format!("{} from {}{tls}", link.bind, link.from)
    });
    let throttled: u64 = line.links.iter().map(|link| link.throttled).sum();
    vec![
        line.application.clone(),
        joined(links),
        format!("{}/s", line.rate),
        line.taken.to_string(),
        (line.refused + throttled).to_string(),
        line.told.to_string(),
        line.waiting.to_string(),
        line.last_error.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

fn joined(links: impl Iterator<Item = String>) -> String {
    let all = links.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "not bound".to_owned() } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{ApplicationLink, CarrierLink};
    use crate::time::UnixTime;

    #[test]
    fn a_person_sees_who_is_bound_and_what_went_wrong_last() {
        let link = |up| CarrierLink { bind: "transceiver".into(), up, why: None };
        let carrier = CarrierLine {
            channel: "texts".into(),
            up: true,
            words: "up".into(),
            links: vec![link(true)],
            window: 10,
            on_their_way: 3,
            parts: 0,
            taken: 17,
            refused: 1,
            received: 4,
            throttled: 0,
            last_error: Some("ESME_RINVDSTADR".into()),
        };
        let bound = ApplicationLink {
            bind: "transmitter".into(),
            from: "192.168.10.7".into(),
            tls: true,
            since: UnixTime(0),
            asked: 9,
            throttled: 2,
            on_their_way: 0,
        };
        let application = ApplicationLine {
            application: "booking".into(),
            system_id: "book".into(),
            links: vec![bound],
            rate: 10,
            window: 100,
            taken: 6,
            refused: 1,
            told: 5,
            waiting: 2,
            given_up: 0,
            last_error: None,
        };
        let lines =
            SmppLines { carriers: vec![carrier], applications: vec![application], serves: true };
        let said = words(&lines);
        for wanted in [
            "transceiver",
            "3 of 10",
            "ESME_RINVDSTADR",
            "transmitter from 192.168.10.7 TLS",
            "10/s",
        ] {
            assert!(said.contains(wanted), "{wanted} in {said}");
        }
        assert!(words(&SmppLines::default()).contains("applications cannot bind here"));
    }
}
