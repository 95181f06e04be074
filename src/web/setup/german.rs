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

    #[test]
    fn what_is_quoted_stays_as_it_was_typed() {
        assert_eq!(
            said("`sip/x` is no server").as_deref(),
            Some("\u{201e}sip/x\u{201c} ist kein Server")
        );
        assert_eq!(said("something else"), None);
    }
}
