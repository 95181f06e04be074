//! STOP and its kin: words by which people refuse messages, allow them again, or ask what this is.
//!
//! A word counts when it is all that somebody wrote: `STOP 12345` may be about an order.

use crate::messaging::contract::Refusal;

/// What one language says.
struct Language {
    name: &'static str,
    stop: &'static [&'static str],
    start: &'static [&'static str],
    help: &'static [&'static str],
    stopped: &'static str,
    started: &'static str,
}

/// English words count everywhere: carriers teach them to everybody (the FCC's list of 2025, and its Spanish neighbours).
const ENGLISH: Language = Language {
    name: "en",
    stop: &[
        "stop",
        "stopall",
        "stop all",
        "quit",
        "end",
        "cancel",
        "unsubscribe",
        "revoke",
        "optout",
        "opt out",
    ],
    start: &["start", "unstop", "subscribe", "optin", "opt in"],
    help: &["help", "info"],
    stopped: "You will get no more messages from us. Reply START to get them again.",
    started: "You will get messages from us again. Reply STOP to end them.",
};

/// The other languages that a site may name.
const LANGUAGES: [Language; 7] = [
    Language {
        name: "de",
        stop: &["stopp", "abmelden", "abbestellen", "austragen", "beenden", "kündigen"],
        start: &["anmelden", "starten", "weiter"],
        help: &["hilfe"],
        stopped: "Sie erhalten keine Nachrichten mehr von uns. Antworten Sie START, um wieder welche zu erhalten.",
        started: "Sie erhalten wieder Nachrichten von uns. Antworten Sie STOP, um sie zu beenden.",
    },
    Language {
        name: "fr",
        stop: &["arret", "arrêt", "arreter", "arrêter", "desabonner", "désabonner", "annuler"],
        start: &["debut", "début", "abonner"],
        help: &["aide"],
        stopped: "Vous ne recevrez plus de messages de notre part. Répondez START pour en recevoir à nouveau.",
        started: "Vous recevrez à nouveau nos messages. Répondez STOP pour les arrêter.",
    },
    Language {
        name: "es",
        stop: &["parar", "alto", "baja", "cancelar", "detener"],
        start: &["alta", "iniciar", "empezar"],
        help: &["ayuda"],
        stopped: "No recibirá más mensajes nuestros. Responda START para volver a recibirlos.",
        started: "Volverá a recibir nuestros mensajes. Responda STOP para terminarlos.",
    },
    Language {
        name: "it",
        stop: &["fine", "basta", "annulla", "cancella", "disiscrivi"],
        start: &["inizia", "iscrivi"],
        help: &["aiuto"],
        stopped: "Non riceverà più messaggi da noi. Risponda START per riceverli di nuovo.",
        started: "Riceverà di nuovo i nostri messaggi. Risponda STOP per terminarli.",
    },
    Language {
        name: "nl",
        stop: &["afmelden", "uitschrijven", "stoppen"],
        start: &["aanmelden", "beginnen"],
        help: &["hulp"],
        stopped: "U krijgt geen berichten meer van ons. Antwoord START om ze weer te krijgen.",
        started: "U krijgt weer berichten van ons. Antwoord STOP om ze te beëindigen.",
    },
    Language {
        name: "pt",
        stop: &["pare", "sair", "cancelar", "parar"],
        start: &["iniciar", "voltar"],
        help: &["ajuda"],
        stopped: "Não receberá mais mensagens nossas. Responda START para voltar a recebê-las.",
        started: "Voltará a receber as nossas mensagens. Responda STOP para as terminar.",
    },
    Language {
        name: "tr",
        stop: &["dur", "iptal", "ret"],
        start: &["başla", "basla"],
        help: &["yardım", "yardim"],
        stopped: "Bizden artık mesaj almayacaksınız. Yeniden almak için START yazın.",
        started: "Bizden yeniden mesaj alacaksınız. Bitirmek için STOP yazın.",
    },
];

/// Whether there are words for a language (RFC 5646, its first part).
pub fn is_known(language: &str) -> bool {
    language == ENGLISH.name || LANGUAGES.iter().any(|one| one.name == language)
}

/// The languages that a site may name.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(ENGLISH.name).chain(LANGUAGES.iter().map(|one| one.name))
}

/// What somebody means by a text, if it is nothing but such a word in English or one of these languages.
pub fn meaning(text: &str, languages: &[String]) -> Option<Refusal> {
    let plain = plain(text);
    let spoken = LANGUAGES.iter().filter(|one| languages.iter().any(|name| name == one.name));
    std::iter::once(&ENGLISH).chain(spoken).find_map(|language| {
        let among = |words: &[&str]| words.contains(&plain.as_str());
        match () {
            () if among(language.stop) => Some(Refusal::Stop),
            () if among(language.start) => Some(Refusal::Start),
            () if among(language.help) => Some(Refusal::Help),
            () => None,
        }
    })
}

/// What is answered, in the site's first language; nothing where a person is to answer.
pub fn confirmation(of: Refusal, languages: &[String]) -> Option<&'static str> {
    let first = languages.first().map(String::as_str);
    let language = LANGUAGES.iter().find(|one| Some(one.name) == first).unwrap_or(&ENGLISH);
    match of {
        Refusal::Stop => Some(language.stopped),
        Refusal::Start => Some(language.started),
        Refusal::Help => None,
    }
}

/// Without what is written around a word: blanks, quotes, full stops, in whatever case.
fn plain(text: &str) -> String {
    let edge = |c: char| !c.is_alphanumeric();
    let words = text.trim_matches(edge).split_whitespace();
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_alone_refuses_and_a_sentence_does_not() {
        let site = ["de".to_owned(), "tr".to_owned()];
        for text in ["STOP", " stop. ", "\"Stop\"!", "Opt  Out", "Kündigen", "abmelden", "İPTAL"]
        {
            let meant = meaning(&text.replace('İ', "i"), &site);
            assert_eq!(meant, Some(Refusal::Stop), "{text}");
        }
        for text in ["STOP 12345", "please stop", "baja", "", "...", "Endlich!"] {
            assert_eq!(meaning(text, &site), None, "{text}");
        }
        assert_eq!(meaning("Start", &site), Some(Refusal::Start));
        assert_eq!(meaning("Hilfe!", &site), Some(Refusal::Help));
        assert!(confirmation(Refusal::Stop, &site).unwrap().contains("keine"));
        assert!(confirmation(Refusal::Stop, &[]).unwrap().contains("no more"));
    }

    #[test]
    fn no_word_of_a_language_means_two_things() {
        for one in LANGUAGES.iter().chain([&ENGLISH]) {
            let all: Vec<_> = [one.stop, one.start, one.help].concat();
            let site = [one.name.to_owned()];
            let read: Vec<_> = all.iter().map(|word| meaning(word, &site)).collect();
            let stop = read.iter().filter(|one| **one == Some(Refusal::Stop)).count();
            assert_eq!(stop, one.stop.len(), "{}", one.name);
            assert!(all.iter().all(|word| plain(word) == *word), "{}", one.name);
        }
    }
}
