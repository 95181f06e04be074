//! What browsers add to a description: the secrets of ICE and the certificate of DTLS (RFC 8839, RFC 8842, RFC 8122), and
//! that all of it goes over one port (RFC 8843, RFC 5761).
//!
//! Reads and writes the lines; what they are good for is the media thread's.

use std::fmt;
use std::net::SocketAddr;

use super::{Media, SessionDescription};

/// The profile of a browser's sound (RFC 5764 section 8).
pub const PROFILE: &str = "UDP/TLS/RTP/SAVPF";
/// The same without early feedback, which we do not send anyway.
const PLAIN_PROFILE: &str = "UDP/TLS/RTP/SAVP";
/// Certificates of one description that are remembered: a browser has one.
const MOST_FINGERPRINTS: usize = 4;
/// Bounds of a name and of a password (RFC 8839 section 5.4).
const NAME: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD: std::ops::RangeInclusive<usize> = 22..=256;

/// Who opens the DTLS association (RFC 4145 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The writer opens it.
    Active,
    /// The writer waits.
    Passive,
    /// Whatever the other side wants.
    Actpass,
}

impl Setup {
    fn as_str(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::Actpass => "actpass",
        }
    }

    fn parse(text: &str) -> Option<Setup> {
        use Setup::*;
        [Active, Passive, Actpass].into_iter().find(|setup| setup.as_str() == text)
    }
}

/// How the writer of a description is reached and told from strangers.
#[derive(Clone, PartialEq, Eq)]
pub struct Secured {
    /// The name in its checks.
    pub ufrag: String,
    /// The password of checks to it.
    pub password: String,
    /// Hashes of its certificate, with the names of their functions in lower case.
    pub fingerprints: Vec<(String, Vec<u8>)>,
    /// Who opens the association.
    pub setup: Setup,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// The same of ours, to be written.
#[derive(Clone, Copy)]
pub struct Ours<'a> {
    /// Our name.
    pub ufrag: &'a str,
    /// Our password.
    pub password: &'a str,
    /// The SHA-256 of our certificate.
    pub fingerprint: &'a [u8],
    /// Who opens the association.
    pub setup: Setup,
    /// Where we are, best first.
    pub candidates: &'a [SocketAddr],
}

impl Media {
    /// Whether the line wants to go as browsers have it.
    pub fn is_secured(&self) -> bool {
        [PROFILE, PLAIN_PROFILE].contains(&self.proto.as_str())
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.lines, name)
    }
}

impl SessionDescription {
    /// The sound of a browser, if there is any that is switched on.
    pub fn secured_audio(&self) -> Option<Secured> {
        let audio = self.media.iter().filter(|media| media.kind == "audio" && media.port != 0);
        audio.filter_map(|media| self.secured(media)).next()
    }

    /// How the writer is reached for a line of it; nothing if that is not all there, or makes no sense.
    pub fn secured(&self, media: &Media) -> Option<Secured> {
        if !media.is_secured() {
            return None;
        }
        let find = |name| media.attribute(name).or_else(|| attribute(&self.lines, name));
        let token =
            |text: &&str| text.bytes().all(|c| c.is_ascii_alphanumeric() || b"+/-_=".contains(&c));
        let ufrag = find("ice-ufrag").filter(token).filter(|text| NAME.contains(&text.len()))?;
        let password =
            find("ice-pwd").filter(token).filter(|text| PASSWORD.contains(&text.len()))?;
        let own = fingerprints(&media.lines);
        let fingerprints = if own.is_empty() { fingerprints(&self.lines) } else { own };
        Some(Secured {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
            fingerprints: Some(fingerprints).filter(|all| !all.is_empty())?,
            // RFC 4145 section 4: who says nothing in an offer is active.
            setup: find("setup").map_or(Some(Setup::Active), Setup::parse)?,
        })
    }

    /// Writes ours into a description of ours; `to` is the offer that it answers, if it is an answer.
    pub fn secure(&mut self, ours: &Ours<'_>, to: Option<&SessionDescription>) {
        self.lines.push(('a', "ice-lite".to_owned()));
        let mut bundled = Vec::new();
        for (place, media) in self.media.iter_mut().enumerate() {
            let theirs = to.and_then(|to| to.media.get(place)).map(|media| media.attribute("mid"));
            let mid = match theirs {
                None => Some(place.to_string()),
                Some(mid) => mid.filter(|mid| mid.len() <= 64).map(str::to_owned),
            };
            if let Some(mid) = &mid {
                media.lines.push(('a', format!("mid:{mid}")));
            }
            if media.port == 0 {
                continue;
            }
            bundled.extend(mid);
            media.write_secured(ours);
        }
        let wanted = to.is_none_or(|to| {
            attribute(&to.lines, "group").is_some_and(|g| g.starts_with("BUNDLE"))
        });
        if wanted && !bundled.is_empty() {
            self.lines.push(('a', format!("group:BUNDLE {}", bundled.join(" "))));
        }
    }
}

impl Media {
    fn write_secured(&mut self, ours: &Ours<'_>) {
        self.rtcp_mux = true;
        let hex: Vec<String> = ours.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        let mut add = |text: String| self.lines.push(('a', text));
        add(format!("ice-ufrag:{}", ours.ufrag));
        add(format!("ice-pwd:{}", ours.password));
        add(format!("fingerprint:sha-256 {}", hex.join(":")));
        add(format!("setup:{}", ours.setup.as_str()));
        // A name for the stream: some pages hang the sound on it.
        add("msid:branchline audio".to_owned());
        for (place, at) in ours.candidates.iter().enumerate() {
            // RFC 8445 section 5.1.2.1, of a host candidate: those told first are preferred.
            let priority = (126u32 << 24) | ((65_535 - place.min(65_535) as u32) << 8) | 255;
            let (ip, port, foundation) = (at.ip(), at.port(), place + 1);
            add(format!("candidate:{foundation} 1 udp {priority} {ip} {port} typ host"));
        }
        add("end-of-candidates".to_owned());
    }
}

fn attribute<'a>(lines: &'a [(char, String)], name: &str) -> Option<&'a str> {
    let attributes = lines.iter().filter(|(kind, _)| *kind == 'a');
    attributes
        .filter_map(|(_, text)| text.split_once(':'))
        .find(|(own, _)| *own == name)
        .map(|(_, value)| value.trim())
}

fn fingerprints(lines: &[(char, String)]) -> Vec<(String, Vec<u8>)> {
    let attributes = lines.iter().filter(|(kind, _)| *kind == 'a');
    let texts = attributes.filter_map(|(_, text)| text.strip_prefix("fingerprint:"));
    texts.filter_map(fingerprint).take(MOST_FINGERPRINTS).collect()
}

fn fingerprint(text: &str) -> Option<(String, Vec<u8>)> {
    let (hash, value) = text.trim().split_once(' ')?;
    // Two digits for each byte (RFC 8122 section 5), and no sign, which the library would take.
    let byte = |pair: &str| {
        let good = pair.len() == 2 && pair.bytes().all(|c| c.is_ascii_hexdigit());
        u8::from_str_radix(pair, 16).ok().filter(|_| good)
    };
    let bytes = value.trim().split(':').map(byte);
    let hash = hash.to_ascii_lowercase();
    // One that is cut short would let a call come about that has no sound, ever.
    let whole = |bytes: &Vec<u8>| length_of(&hash) == Some(bytes.len());
    let bytes = bytes.collect::<Option<Vec<u8>>>().filter(whole)?;
    Some((hash, bytes))
}

/// Bytes of a hash that RFC 8122 section 5 names, but for MD5 and MD2, which it forbids; others are passed over.
fn length_of(hash: &str) -> Option<usize> {
    match hash {
        "sha-1" => Some(20),
        "sha-224" => Some(28),
        "sha-256" => Some(32),
        "sha-384" => Some(48),
        "sha-512" => Some(64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "AB:CD:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:dd";

    /// A browser's offer, with `lines` for its sound.
    fn offer(proto: &str, session: &str, lines: &str) -> SessionDescription {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{session}m=audio 9 {proto} 111 0\r\n\
             c=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n{lines}"
        );
        SessionDescription::parse(text.as_bytes()).expect("a description")
    }

    fn lines(more: &str) -> String {
        format!(
            "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {HASH}\r\n{more}"
        )
    }

    fn told(lines: &str) -> Option<Secured> {
        offer(PROFILE, "", lines).secured_audio()
    }

    #[test]
    fn a_browser_tells_how_it_is_reached_and_told_from_strangers() {
        let told = told(&lines("a=setup:actpass\r\n")).expect("all of it");
        assert_eq!((told.ufrag.as_str(), told.password.len()), ("abcd", 22));
        assert_eq!((told.setup, told.fingerprints.len()), (Setup::Actpass, 1));
        let (name, hash) = &told.fingerprints[0];
        assert_eq!((name.as_str(), hash.len(), hash[0], hash[31]), ("sha-256", 32, 0xab, 0xdd));
        assert!(!format!("{told:?}").contains("0123"), "the password is not shown");
    }

    /// RFC 8839 section 5.4, RFC 8122 section 5: what is said once for all lines holds for each that says nothing itself.
    #[test]
    fn what_is_said_for_the_whole_session_holds_for_the_sound() {
        let session = lines("a=setup:passive\r\n");
        let all = offer(PROFILE, &session, "").secured_audio().expect("all of it");
        assert_eq!((all.ufrag.as_str(), all.setup), ("abcd", Setup::Passive));
        let own = "a=ice-ufrag:efgh\r\na=ice-pwd:9876543210987654321098\r\na=setup:active\r\n";
        let own = offer(PROFILE, &session, own).secured_audio().expect("all of it");
        assert_eq!(
            (own.ufrag.as_str(), own.setup, own.fingerprints.len()),
            ("efgh", Setup::Active, 1)
        );
    }

    #[test]
    fn who_says_not_all_or_nonsense_is_no_browser() {
        let good = lines("");
        // Who says nothing of the setup is active (RFC 4145 section 4).
        assert_eq!(told(&good).map(|told| told.setup), Some(Setup::Active));
        for (part, other) in [
            ("a=ice-ufrag:abcd\r\n", ""),
            ("a=ice-ufrag:abcd", "a=ice-ufrag:abc"),
            ("a=ice-ufrag:abcd", "a=ice-ufrag:ab:cd"),
            ("a=ice-pwd:0123456789012345678901\r\n", ""),
            ("a=ice-pwd:0123456789012345678901", "a=ice-pwd:012345678901234567890"),
            ("a=ice-pwd:0123456789012345678901", "a=ice-pwd:01234567890123456789 1"),
            ("sha-256 AB", "sha-256 +B"),
            ("sha-256 AB", "sha-256 A"),
            ("sha-256 AB", "sha-256 XY"),
            ("a=fingerprint:sha-256", "a=fingerprint"),
            ("sha-256 AB:", "sha-256 "),
            ("sha-256", "sha-512"),
            ("sha-256", "md5"),
        ] {
            assert!(good.contains(part), "{part}");
            assert_eq!(told(&good.replacen(part, other, 1)), None, "{part:?} as {other:?}");
        }
        assert_eq!(told(&lines("a=setup:holdconn\r\n")), None);
        let long = "a".repeat(257);
        assert_eq!(told(&good.replacen("abcd", &long, 1)), None);
        for proto in ["RTP/AVP", "RTP/SAVPF", "UDP/DTLS/SCTP"] {
            assert_eq!(offer(proto, "", &good).secured_audio(), None, "{proto}");
        }
        assert!(offer(PLAIN_PROFILE, "", &good).secured_audio().is_some());
        // Certificates without end are not all remembered.
        let many = lines(&format!("a=fingerprint:sha-256 {HASH}\r\n").repeat(40));
        assert_eq!(told(&many).map(|told| told.fingerprints.len()), Some(MOST_FINGERPRINTS));
    }

    #[test]
    fn ours_is_written_so_that_a_browser_reads_it_and_joins_what_it_has_joined() {
        let candidates =
            ["192.0.2.1:10000".parse().unwrap(), "[2001:db8::1]:10000".parse().unwrap()];
        let password = "p".repeat(32);
        let ours = Ours {
            ufrag: "us00",
            password: &password,
            fingerprint: &[0xab; 32],
            setup: Setup::Passive,
            candidates: &candidates,
        };
        let session = "a=group:BUNDLE sound\r\n";
        for (session, joined) in [(session, true), ("", false)] {
            let theirs = offer(PROFILE, session, &lines("a=mid:sound\r\n"));
            let mut answer = offer(PROFILE, "", "");
            answer.secure(&ours, Some(&theirs));
            let read = SessionDescription::parse(answer.to_string().as_bytes()).expect("it reads");
            let told = read.secured_audio().expect("all of it");
            assert_eq!((told.ufrag.as_str(), told.password), ("us00", password.clone()));
            assert_eq!((told.setup, told.fingerprints[0].1.len()), (Setup::Passive, 32));
            let text = answer.to_string();
            assert_eq!(text.contains("a=group:BUNDLE sound\r\n"), joined, "{text}");
            for line in
                ["a=ice-lite\r\n", "a=mid:sound\r\n", "a=rtcp-mux\r\n", "a=end-of-candidates\r\n"]
            {
                assert_eq!(text.matches(line).count(), 1, "{line} in {text}");
            }
            let first = text.find("192.0.2.1 10000 typ host").expect("a candidate");
            let second = text.find("2001:db8::1 10000 typ host").expect("a candidate");
            assert!(first < second, "best first");
        }
        let mut own = offer(PROFILE, "", "");
        own.secure(&ours, None);
        assert!(own.to_string().contains("a=group:BUNDLE 0\r\n"), "an offer of ours joins its own");
        // What is switched off has no secrets.
        let mut off = offer(PROFILE, "", "");
        off.media[0].port = 0;
        off.secure(&ours, None);
        assert!(!off.to_string().contains("ice-pwd"), "{off}");
    }
}
