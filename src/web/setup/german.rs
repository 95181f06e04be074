//! The mistakes of a site sheet in German, by their English words as [`appliance::site`](crate::appliance::site) has them.

/// English, German. What a mistake quotes stands at the `{}`.
const TABLE: [(&str, &str); 49] = [
    ("these are too many phones for a sheet", "so viele Telefone nimmt die Seite nicht"),
    ("200 at most", "h\u{f6}chstens 200"),
    ("no number of a phone", "keine Nummer eines Telefons"),
    ("2 to 8 digits, such as `201`", "2 bis 8 Ziffern, etwa 201"),
    ("another phone has this number", "diese Nummer hat schon ein anderes Telefon"),
    ("a number of its own", "eine eigene Nummer"),
    ("no name for a display", "kein Name f\u{fc}r eine Anzeige"),
    ("one line of at most 64 characters", "eine Zeile, h\u{f6}chstens 64 Zeichen"),
    (
        "a shop writes by a SIM, and there is none",
        "ein Laden schreibt \u{fc}ber eine SIM-Karte, und es gibt keine",
    ),
    ("a `[modem]`, or another kind", "ein Modem, oder eine andere Art"),
    ("this is no device", "das ist kein Ger\u{e4}t"),
    (
        "such as `/dev/branchline/modem/pci-0000:00:14.0-usb-0:3/at`",
        "etwa /dev/branchline/modem/pci-0000:00:14.0-usb-0:3/at",
    ),
    ("no name of a branch", "kein Name einer Filiale"),
    ("one line of 1 to 64 characters", "eine Zeile, 1 bis 64 Zeichen"),
    ("`{}` is no time zone", "\u{201e}{}\u{201c} ist keine Zeitzone"),
    ("an IANA name, such as `Europe/Berlin`", "ein Name der IANA, etwa Europe/Berlin"),
    ("no part of an address", "kein Teil einer Anschrift"),
    ("one line of at most 120 characters", "eine Zeile, h\u{f6}chstens 120 Zeichen"),
    ("help does not find a place without it", "ohne das findet Hilfe den Ort nicht"),
    ("what stands at the door", "was an der T\u{fc}r steht"),
    ("no address for a card", "keine Adresse f\u{fc}r eine Karte"),
    ("no way out of this network", "kein Weg aus diesem Netz"),
    ("the router's address, in the same network", "die Adresse des Routers, im selben Netz"),
    ("more than the system asks", "mehr, als das System fragt"),
    ("3 at most", "h\u{f6}chstens 3"),
    ("there is no server to call over", "es gibt keinen Server, \u{fc}ber den telefoniert wird"),
    ("`{}` is no server", "\u{201e}{}\u{201c} ist kein Server"),
    ("`host`, `host:port`, `address` or `[v6]:port`", "Name, Name:Port, Adresse oder [v6]:Port"),
    ("half of an account", "ein halber Zugang"),
    ("`password` beside it", "das Passwort dazu"),
    ("`user` beside it", "den Namen dazu"),
    ("no account", "kein Zugang"),
    ("no password", "kein Passwort"),
    ("1 to 128 characters on one line", "1 bis 128 Zeichen in einer Zeile"),
    (
        "nobody could call in: the carrier has neither an account here nor an address",
        "niemand k\u{f6}nnte anrufen: Der Anbieter hat hier weder einen Zugang noch eine Adresse",
    ),
    ("`user` and `password`, or `accept_from`", "Zugang und Passwort, oder Adressen des Anbieters"),
    ("no address or network of a carrier", "keine Adresse und kein Netz eines Anbieters"),
    ("such as `192.0.2.0/24`", "etwa 192.0.2.0/24"),
    ("no number in full", "keine vollst\u{e4}ndige Nummer"),
    ("with + and the country, such as `+493055501000`", "mit + und Land, etwa +493055501000"),
    ("no backup is written there", "dorthin wird keine Sicherung geschrieben"),
    (
        "a folder below `/mnt`, `/media`, `/srv` or `/var/backups`",
        "ein Ordner unter /mnt, /media, /srv oder /var/backups",
    ),
    ("this passphrase is guessed too easily", "diese Passphrase ist zu leicht zu raten"),
    (
        "12 to 128 characters on one line, not one over and over, no space at an end",
        "12 bis 128 Zeichen in einer Zeile, nicht immer dasselbe, kein Leerzeichen am Rand",
    ),
    ("no name to sign in with", "kein Name zum Anmelden"),
    ("1 to 64 letters, digits, `-`, `_`, `.` and `@`", "1 bis 64 Buchstaben, Ziffern, - _ . und @"),
    ("this password is guessed too easily", "dieses Passwort ist zu leicht zu raten"),
    (
        "10 characters at least, not the name, nor one character over and over",
        "mindestens 10 Zeichen, nicht der Name, nicht immer dasselbe Zeichen",
    ),
    (
        "an address of a machine and the length of its network, such as `192.168.10.2/24`",
        "die Adresse einer Maschine mit der L\u{e4}nge ihres Netzes, etwa 192.168.10.2/24",
    ),
];

/// The German of it, where the table has it.
pub(super) fn said(english: &str) -> Option<String> {
    TABLE.iter().find_map(|(own, german)| match own.split_once("{}") {
        None => (*own == english).then(|| (*german).to_owned()),
        Some((before, after)) => {
            let quoted = english.strip_prefix(before)?.strip_suffix(after)?;
            Some(german.replacen("{}", quoted, 1))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::site::Sheet;
    use crate::appliance::site::form::{Fields, sheet};

    /// Everything on the page that can be wrong, wrong in each of its ways.
    #[test]
    fn every_mistake_that_the_page_lets_one_make_is_in_the_table() {
        let wrong: [&[(&str, &str)]; 4] = [
            &[
                ("site.time_zone", "Europe/Berln"),
                ("site.kind", "shop"),
                ("lan.how", "fixed"),
                ("lan.address", "10.0.0.2"),
                ("trunk.how", "line"),
                ("trunk.user", "u"),
                ("trunk.numbers", "030"),
                ("trunk.accept_from", "0.0.0.0/0"),
                ("phones.list", "2 a\n201\n201\n202 \u{7}"),
                ("modem.port", ""),
                ("backup.how", "folder"),
                ("backup.folder", "/root"),
                ("backup.passphrase", "short"),
                ("admin.user", "a b"),
                ("admin.password", "aaaaaaaaaaaa"),
            ],
            &[
                ("site.name", "A"),
                ("site.address.street", "X"),
                ("site.address.state", "\u{7}"),
                ("lan.how", "fixed"),
                ("lan.address", "10.0.0.2/8"),
                ("lan.gateway", "192.168.1.1"),
                ("lan.dns", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4"),
                ("trunk.how", "line"),
                ("trunk.servers", "sip.example.net/x"),
                ("trunk.password", "p"),
                ("modem.port", "COM1"),
            ],
            &[("trunk.how", "line"), ("trunk.user", "\u{7}"), ("trunk.password", "\u{7}")],
            &[("phones.list", &"201\n".repeat(201))],
        ];
        let mut told = 0;
        for fields in wrong {
            let mut all: Fields =
                [("lan.how", "dhcp"), ("site.time_zone", "UTC"), ("site.country", "DE")]
                    .iter()
                    .chain(fields)
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect();
            all.entry("admin.user".to_owned()).or_default();
            let sheet: Sheet = toml::from_str(&sheet(&all)).expect("a sheet");
            for fault in sheet.faults() {
                for words in [fault.what.as_str(), fault.allowed] {
                    assert!(said(words).is_some(), "{words}");
                    told += 1;
                }
            }
        }
        assert!(told > 40, "{told}");
        assert_eq!(
            said("`sip/x` is no server").as_deref(),
            Some("\u{201e}sip/x\u{201c} ist kein Server")
        );
        assert_eq!(said("something else"), None);
    }
}
