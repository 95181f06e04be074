//! The names under which a cluster keeps what sites send: streams, and subjects of messages.
//!
//! `branchline.SITE.KIND.EPOCH`; what a name has that a subject may not is written `=XX`, an octet in hexadecimal.

use std::fmt::Write as _;

use crate::uplink::frame::Class;

/// The subjects of everything.
pub const ALL: &str = "branchline.>";
const LOST: &str = "lost";

const KINDS: [(Class, &str); 9] = [
    (Class::SHED, "shed"),
    (Class::AUDIT, "audit"),
    (Class::PERSON, "person"),
    (Class::CALL, "call"),
    (Class::MESSAGE, "message"),
    (Class::WORK, "work"),
    (Class::HEALTH, "health"),
    (Class::QUALITY, "quality"),
    (Class::METRICS, "metrics"),
];

/// What a subject says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The site.
    pub site: String,
    /// What kind of event; nothing for those that are lost.
    pub class: Option<Class>,
    /// The outbox.
    pub epoch: String,
}

/// The stream of a site.
pub fn stream(site: &str) -> String {
    format!("branchline-{}", token(site))
}

/// Whose stream it is.
pub fn site_of(stream: &str) -> Option<String> {
    name(stream.strip_prefix("branchline-")?)
}

/// The subjects of a site.
pub fn of_site(site: &str) -> String {
    format!("branchline.{}.>", token(site))
}

/// The subjects of one of its outboxes.
pub fn of_outbox(site: &str, epoch: &str) -> String {
    format!("branchline.{}.*.{}", token(site), token(epoch))
}

/// The subjects of a kind of event of a site, whatever the outbox.
pub fn newest(site: &str, kind: &str) -> String {
    format!("branchline.{}.{kind}.*", token(site))
}

/// The subject of an event; of events that are lost where there is no class.
pub fn of_event(site: &str, class: Option<Class>, epoch: &str) -> String {
    format!("branchline.{}.{}.{}", token(site), kind(class), token(epoch))
}

/// What a class is called.
pub fn kind(class: Option<Class>) -> String {
    let Some(class) = class else { return LOST.to_owned() };
    let known = KINDS.iter().find(|(known, _)| *known == class);
    known.map_or_else(|| format!("class-{}", class.0), |(_, name)| (*name).to_owned())
}

/// Reads a subject.
pub fn read(subject: &str) -> Option<Subject> {
    let mut parts = subject.split('.');
    let (root, site, kind, epoch) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let class = match KINDS.iter().find(|(_, name)| *name == kind) {
        Some((class, _)) => Some(*class),
        None if kind == LOST => None,
        None => Some(Class(kind.strip_prefix("class-")?.parse().ok()?)),
    };
    (root == "branchline").then_some(())?;
    Some(Subject { site: name(site)?, class, epoch: name(epoch)? })
}

fn token(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut token, octet| {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => token.push(octet.into()),
            // A text takes everything.
            _ => drop(write!(token, "={octet:02X}")),
        }
        token
    })
}

fn name(token: &str) -> Option<String> {
    let (mut octets, mut rest) = (Vec::new(), token.as_bytes());
    while let Some((octet, tail)) = rest.split_first() {
        rest = tail;
        if *octet != b'=' {
            octets.push(*octet);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        octets.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_and_none_says_more_than_itself() {
        for site in ["berne", "a.b", "*", ">", "Zürich 2", "=41", ""] {
            for class in [None, Some(Class::CALL), Some(Class(77)), Some(Class::SHED)] {
                let subject = of_event(site, class, "0f.x");
                assert_eq!(subject.split('.').count(), 4, "{subject}");
                assert!(!subject.contains(['*', '>', ' ']), "{subject}");
                let read = read(&subject);
                assert_eq!(
                    read,
                    Some(Subject { site: site.to_owned(), class, epoch: "0f.x".to_owned() })
                );
            }
            assert_eq!(site_of(&stream(site)).as_deref(), Some(site));
            assert!(!stream(site).contains(['.', '*', '>', ' ', '/']));
        }
        assert_eq!(read("other.a.call.b"), None);
        assert_eq!(read("branchline.a.b"), None);
    }
}
