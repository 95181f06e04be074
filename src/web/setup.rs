//! The set-up page: one form of five steps, drawn here as a whole, so that it works in any browser, without a script, and without a
//! network beyond the cable. Owns its words in English and German; what is right or wrong is decided elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

mod german;

/// How it looks.
pub const STYLE: &str = include_str!("setup/setup.css");

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}

impl Language {
    /// The one that a browser asks for first (RFC 9110 section 12.5.4).
    pub fn of(accepted: &str) -> Language {
        match accepted.trim_start().get(..2) {
            Some(first) if first.eq_ignore_ascii_case("de") => Language::German,
            _ => Language::English,
        }
    }

    fn say(self, english: &'static str, german: &'static str) -> &'static str {
        if self == Language::English { english } else { german }
    }

    /// A mistake as a sentence of this language: what is wrong, and what would be right. What no table has stays English.
    pub fn mistake(self, what: &str, allowed: Option<&str>) -> String {
        let words = |text: &str| match self {
            Language::English => text.to_owned(),
            Language::German => german::said(text).unwrap_or_else(|| text.to_owned()),
        };
        allowed
            .map_or_else(|| words(what), |allowed| format!("{} ({})", words(what), words(allowed)))
    }
}

/// What the form shows.
#[derive(Debug, Default)]
pub struct Form<'a> {
    /// What was typed.
    pub fields: BTreeMap<String, String>,
    /// What is wrong, by field; the empty one is the whole page.
    pub wrong: Vec<(String, String)>,
    /// Codes of countries.
    pub countries: &'a [&'a str],
    /// Names of time zones.
    pub zones: &'a [String],
}

/// The form.
pub fn form(form: &Form<'_>, language: Language) -> String {
    let mut page = Page { form, language, text: String::new() };
    page.whole();
    framed(language, &page.text)
}

/// What is going to be written, to be looked at once more. `plan` names it; no password goes back to the browser.
pub fn review(summary: &str, plan: &str, code: &str, language: Language) -> String {
    let say = |english, german| language.say(english, german);
    let text = format!(
        "<h1>{}</h1><p>{}</p><pre>{}</pre><form method=\"post\" action=\"/setup/apply\">\
         <input type=\"hidden\" name=\"plan\" value=\"{}\"><input type=\"hidden\" name=\"code\" value=\"{}\">\
         <button>{}</button></form><p><a href=\"/setup\">{}</a></p>",
        say("This will be written", "Das wird geschrieben"),
        say(
            "Look at it once more. Nothing has been changed yet.",
            "Bitte noch einmal ansehen. Noch ist nichts ge\u{e4}ndert."
        ),
        escaped(summary),
        escaped(plan),
        escaped(code),
        say("Set the box up", "Box einrichten"),
        say("Begin again", "Von vorn beginnen"),
    );
    framed(language, &text)
}

/// It is done: the sheet for whoever sets up the phones.
pub fn done(phones: &[(String, String, String)], server: &str, language: Language) -> String {
    let say = |english, german| language.say(english, german);
    let mut rows = String::new();
    for (number, name, password) in phones {
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(number),
            escaped(name),
            escaped(password)
        );
    }
    let text = format!(
        "<h1>{}</h1><p>{}</p><p>{} <strong>{}</strong></p><table><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead>\
         <tbody>{rows}</tbody></table><p class=\"screen\"><a href=\"/admin\">{}</a></p>",
        say("The box is set up", "Die Box ist eingerichtet"),
        say(
            "Print this page: the phones' passwords are shown this once.",
            "Bitte diese Seite drucken: Die Passw\u{f6}rter der Telefone werden nur jetzt gezeigt."
        ),
        say("Phones register with", "Telefone melden sich an bei"),
        escaped(server),
        say("Number", "Nummer"),
        say("Name", "Name"),
        say("Password", "Passwort"),
        say("Go on to the admin's pages", "Weiter zu den Seiten der Verwaltung"),
    );
    framed(language, &text)
}

fn framed(language: Language, text: &str) -> String {
    let (code, title) =
        (language.say("en", "de"), language.say("Set up this box", "Diese Box einrichten"));
    format!(
        "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><title>{title} \u{2013} Branchline</title><link rel=\"icon\" href=\"/favicon.svg\"><link rel=\"stylesheet\" \
         href=\"/setup.css\"></head><body><main>{text}</main></body></html>"
    )
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

struct Page<'a> {
    form: &'a Form<'a>,
    language: Language,
    text: String,
}

impl Page<'_> {
    fn say(&self, english: &'static str, german: &'static str) -> &'static str {
        self.language.say(english, german)
    }

    fn value(&self, name: &str) -> &str {
        self.form.fields.get(name).map_or("", String::as_str)
    }

    fn whole(&mut self) {
        let title = self.say("Set up this box", "Diese Box einrichten");
        let intro = self.say(
            "Six steps. Nothing is changed before you have seen what will be written.",
            "Sechs Schritte. Nichts wird ge\u{e4}ndert, bevor Sie gesehen haben, was geschrieben wird.",
        );
        let again = self.say(
            "This box takes another one's place? Put its backup on a stick, beside it a file passphrase.txt or recovery-key.txt with what \
             opens it, and plug the stick in: nothing else is to be done.",
            "Diese Box ersetzt eine andere? Deren Sicherung auf einen Stick legen, daneben eine Datei passphrase.txt oder recovery-key.txt \
             mit dem, was sie \u{f6}ffnet, und den Stick einstecken: Mehr ist nicht zu tun.",
        );
        let _ = write!(self.text, "<h1>{title}</h1><p>{intro}</p><p class=\"hint\">{again}</p>");
        self.faults("");
        self.text += "<form method=\"post\" action=\"/setup\" autocomplete=\"off\">";
        self.input(
            "code",
            ("Set-up code", "Einrichtungscode"),
            ("It stands on the box's own screen, beside the certificate's SHA-256: compare that before you type.", "Er steht auf dem Bildschirm der Box, daneben die SHA-256 des Zertifikats: bitte vorher vergleichen."),
            "text",
        );
        self.place();
        self.network();
        self.trunk();
        self.phones();
        self.backup();
        self.admin();
        let next = self.say("Look at it", "Ansehen");
        let _ = write!(self.text, "<button>{next}</button></form>");
    }

    fn step(&mut self, number: u8, title: (&'static str, &'static str)) {
        let title = self.say(title.0, title.1);
        let _ = write!(self.text, "<fieldset><legend>{number}. {title}</legend>");
    }

    fn end(&mut self) {
        self.text += "</fieldset>";
    }

    fn faults(&mut self, name: &str) -> bool {
        let all: Vec<_> = self
            .form
            .wrong
            .iter()
            .filter(|(field, _)| field == name)
            .map(|(_, text)| escaped(text))
            .collect();
        for (at, text) in all.iter().enumerate() {
            let id = if at == 0 {
                format!(" id=\"wrong-{}\"", name.replace('.', "-"))
            } else {
                String::new()
            };
            let _ = write!(self.text, "<span class=\"wrong\"{id}>{text}</span>");
        }
        !all.is_empty()
    }

    /// The label, what is wrong, and what an element needs to be named by both.
    fn head(
        &mut self,
        name: &str,
        label: (&'static str, &'static str),
        hint: (&'static str, &'static str),
    ) -> String {
        let (label, hint, id) =
            (self.say(label.0, label.1), self.say(hint.0, hint.1), name.replace('.', "-"));
        let _ = write!(self.text, "<label for=\"{id}\">{label}");
        if !hint.is_empty() {
            let _ = write!(self.text, " <span class=\"hint\">{hint}</span>");
        }
        self.text += "</label>";
        let wrong = self.faults(name);
        let told = if wrong {
            format!(" aria-invalid=\"true\" aria-describedby=\"wrong-{id}\"")
        } else {
            String::new()
        };
        format!("id=\"{id}\" name=\"{name}\"{told}")
    }

    fn input(
        &mut self,
        name: &str,
        label: (&'static str, &'static str),
        hint: (&'static str, &'static str),
        kind: &str,
    ) {
        let own = self.head(name, label, hint);
        let value = escaped(self.value(name));
        let list = if name == "site.time_zone" { " list=\"zones\"" } else { "" };
        let _ = write!(
            self.text,
            "<input {own} type=\"{kind}\" value=\"{value}\"{list} autocapitalize=\"off\" spellcheck=\"false\">"
        );
    }

    fn select(
        &mut self,
        name: &str,
        label: (&'static str, &'static str),
        options: &[(&str, &str)],
    ) {
        let own = self.head(name, label, ("", ""));
        let chosen = self.value(name).to_owned();
        let _ = write!(self.text, "<select {own}>");
        for (value, words) in options {
            let mark = if *value == chosen { " selected" } else { "" };
            let _ = write!(self.text, "<option value=\"{value}\"{mark}>{words}</option>");
        }
        self.text += "</select>";
    }

    fn place(&mut self) {
        self.step(1, ("Name and place", "Name und Ort"));
        self.input("site.name", ("Name of the branch", "Name der Filiale"), ("", ""), "text");
        let countries: Vec<_> = self.form.countries.iter().map(|code| (*code, *code)).collect();
        self.select("site.country", ("Country", "Land"), &countries);
        self.input(
            "site.time_zone",
            ("Time zone", "Zeitzone"),
            ("such as Europe/Berlin", "etwa Europe/Berlin"),
            "text",
        );
        self.text += "<datalist id=\"zones\">";
        for zone in self.form.zones {
            let _ = write!(self.text, "<option value=\"{}\"></option>", escaped(zone));
        }
        self.text += "</datalist>";
        let kinds = [
            (
                "office",
                self.say(
                    "every phone rings, then a message",
                    "alle Telefone klingeln, dann Anrufbeantworter",
                ),
            ),
            (
                "clinic",
                self.say(
                    "callers wait for whoever is free",
                    "Anrufer warten auf den n\u{e4}chsten freien Platz",
                ),
            ),
            (
                "call-centre",
                self.say(
                    "callers wait for agents who sign in",
                    "Anrufer warten auf angemeldete Agenten",
                ),
            ),
            (
                "shop",
                self.say(
                    "texts by a SIM; calls ring the first phone",
                    "SMS \u{fc}ber eine SIM-Karte; Anrufe klingeln am ersten Telefon",
                ),
            ),
        ];
        self.select(
            "site.kind",
            ("How callers are answered", "Wie Anrufe angenommen werden"),
            &kinds,
        );
        let help = (
            "Where help is sent to when somebody calls it.",
            "Wohin Hilfe geschickt wird, wenn jemand den Notruf w\u{e4}hlt.",
        );
        self.input("site.address.street", ("Street", "Stra\u{df}e"), help, "text");
        self.input("site.address.house_number", ("House number", "Hausnummer"), ("", ""), "text");
        self.input("site.address.postal_code", ("Postal code", "Postleitzahl"), ("", ""), "text");
        self.input("site.address.city", ("City", "Stadt"), ("", ""), "text");
        self.input("site.address.state", ("State", "Bundesland oder Kanton"), ("", ""), "text");
        self.end();
    }

    fn network(&mut self) {
        self.step(2, ("Network", "Netz"));
        let given = self.say(
            "gets its address from the network (DHCP)",
            "bekommt seine Adresse vom Netz (DHCP)",
        );
        let fixed = self.say("has the address below", "hat die Adresse unten");
        let none = self.say("is not used", "wird nicht benutzt");
        self.select(
            "lan.how",
            ("The box in the branch's network", "Die Box im Netz der Filiale"),
            &[("dhcp", given), ("fixed", fixed)],
        );
        let address = (
            "with the length of the network, such as 192.168.10.2/24",
            "mit der L\u{e4}nge des Netzes, etwa 192.168.10.2/24",
        );
        self.input("lan.address", ("Fixed address", "Feste Adresse"), address, "text");
        self.input("lan.gateway", ("Router", "Router"), ("", ""), "text");
        self.input("lan.dns", ("Name servers", "Nameserver"), ("", ""), "text");
        let cards = [("", none), ("dhcp", given), ("fixed", fixed)];
        self.select(
            "wan.how",
            (
                "A second card, with the carrier's line",
                "Eine zweite Karte mit dem Anschluss des Anbieters",
            ),
            &cards,
        );
        self.input("wan.address", ("Its fixed address", "Ihre feste Adresse"), address, "text");
        self.input("wan.gateway", ("Its router", "Ihr Router"), ("", ""), "text");
        self.end();
    }

    fn trunk(&mut self) {
        self.step(3, ("Line to the carrier", "Anschluss beim Anbieter"));
        let none = self.say(
            "none yet: nobody calls in or out, and help cannot be called",
            "noch keiner: niemand ruft hinein oder hinaus, auch kein Notruf",
        );
        let line = self.say("the line below", "der Anschluss unten");
        self.select("trunk.how", ("Line", "Anschluss"), &[("line", line), ("", none)]);
        self.input(
            "trunk.servers",
            ("Server", "Server"),
            ("such as sip.example.net", "etwa sip.example.net"),
            "text",
        );
        self.input("trunk.user", ("Account", "Zugang"), ("", ""), "text");
        self.input(
            "trunk.password",
            ("Password of the account", "Passwort des Zugangs"),
            ("", ""),
            "password",
        );
        let numbers = (
            "in full, with + and the country; commas between them",
            "vollst\u{e4}ndig, mit + und Land; Kommas dazwischen",
        );
        self.input(
            "trunk.numbers",
            ("The branch's numbers", "Nummern der Filiale"),
            numbers,
            "text",
        );
        let from = (
            "only where the carrier gives no account",
            "nur, wenn der Anbieter keinen Zugang vergibt",
        );
        self.input(
            "trunk.accept_from",
            ("Addresses the carrier calls from", "Adressen, von denen der Anbieter anruft"),
            from,
            "text",
        );
        let (no, yes) = (self.say("no", "nein"), self.say("yes", "ja"));
        self.select(
            "trunk.international",
            ("Calls abroad", "Anrufe ins Ausland"),
            &[("", no), ("yes", yes)],
        );
        self.end();
    }

    fn phones(&mut self) {
        self.step(4, ("Phones", "Telefone"));
        let hint =
            ("One on each line: number, space, name.", "Eins je Zeile: Nummer, Leerzeichen, Name.");
        let own = self.head("phones.list", ("Phones", "Telefone"), hint);
        let value = escaped(self.value("phones.list"));
        let _ =
            write!(self.text, "<textarea {own} rows=\"5\" spellcheck=\"false\">{value}</textarea>");
        let port = ("only with a modem for texts", "nur mit einem Modem f\u{fc}r SMS");
        self.input("modem.port", ("Device of the modem", "Ger\u{e4}t des Modems"), port, "text");
        self.end();
    }

    fn backup(&mut self) {
        self.step(5, ("Backup", "Sicherung"));
        let ways = [
            (
                "disk",
                self.say(
                    "every night, to a USB disk that is named BL-BACKUP",
                    "jede Nacht, auf eine USB-Platte mit dem Namen BL-BACKUP",
                ),
            ),
            (
                "folder",
                self.say("every night, to the folder below", "jede Nacht, in den Ordner unten"),
            ),
            (
                "none",
                self.say(
                    "none: what the box knows is lost with it",
                    "keine: Was die Box wei\u{df}, ist mit ihr verloren",
                ),
            ),
        ];
        self.select("backup.how", ("Backups", "Sicherungen"), &ways);
        let below = (
            "below /mnt, /media, /srv or /var/backups",
            "unter /mnt, /media, /srv oder /var/backups",
        );
        self.input("backup.folder", ("Folder", "Ordner"), below, "text");
        let locked = (
            "Locks them; without it nobody reads them, you neither. Write it down, away from the box. 12 characters at least.",
            "Verschlie\u{df}t sie; ohne sie liest sie niemand, auch Sie nicht. Bitte aufschreiben, nicht neben der Box. Mindestens 12 Zeichen.",
        );
        self.input("backup.passphrase", ("Passphrase", "Passphrase"), locked, "password");
        self.end();
    }

    fn admin(&mut self) {
        self.step(6, ("Admin", "Verwaltung"));
        self.input("admin.user", ("Name to sign in with", "Name zum Anmelden"), ("", ""), "text");
        let long = ("10 characters at least", "mindestens 10 Zeichen");
        self.input("admin.password", ("Password", "Passwort"), long, "password");
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_back_escaped_and_passwords_do_not_run_away() {
        let fields = [("site.name".to_owned(), "\"><script>alert(1)</script>".to_owned())].into();
        let own = Form {
            fields,
            wrong: vec![("site.name".to_owned(), "<b>".to_owned())],
            countries: &["DE"],
            zones: &[],
        };
        let text = form(&own, Language::of("de-CH,de;q=0.9"));
        assert!(
            !text.contains("<script") && !text.contains("<b>") && text.contains("&lt;script&gt;")
        );
        assert!(text.contains("lang=\"de\"") && text.contains("Einrichtungscode"));
        assert!(text.contains("id=\"site-name\" name=\"site.name\" aria-invalid=\"true\" aria-describedby=\"wrong-site-name\""));
    }

    #[test]
    fn nothing_on_the_page_comes_from_elsewhere_and_every_field_has_its_label() {
        for language in [Language::English, Language::German] {
            let text = form(&Form::default(), language);
            assert!(
                !text.contains("http:") && !text.contains("https:") && !text.contains("style=")
            );
            let ids = |mark: &str| {
                text.split(mark)
                    .skip(1)
                    .filter_map(|rest| rest.split('"').next())
                    .collect::<Vec<_>>()
            };
            let labels = ids("<label for=\"");
            for id in ids("<input id=\"")
                .into_iter()
                .chain(ids("<select id=\""))
                .chain(ids("<textarea id=\""))
            {
                assert!(labels.contains(&id), "{id}");
            }
            assert_eq!(text.matches("<fieldset>").count(), 6);
        }
    }
}
