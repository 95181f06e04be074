//! The body of a `dialog` NOTIFY (RFC 4235 section 4): which calls somebody has, always all of them.

use std::fmt::{self, Write};

/// Dialogs in one body: with more, a NOTIFY no longer fits into a datagram, and the lamp is on anyway.
pub const MAX_DIALOGS: usize = 8;

/// Who began a dialog, seen from whoever is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The watched one calls.
    Initiator,
    /// The watched one is called.
    Recipient,
}

/// How far a dialog is (RFC 4235 section 3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The INVITE is on its way.
    Trying,
    /// It rings.
    Early,
    /// It was answered.
    Confirmed,
    /// It is over.
    Terminated,
}

/// A party, for those who may see who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The name to show, if there is one.
    pub display: Option<String>,
    /// Its URI.
    pub uri: String,
}

/// One dialog of whoever is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    /// Unique among the dialogs of whoever is watched.
    pub id: String,
    /// The dialog's names, seen from whoever is watched; a phone takes the call over by Replaces with them.
    pub names: Option<Names>,
    /// Who began it.
    pub direction: Direction,
    /// How far it is.
    pub state: State,
    /// The other party; nothing where the watcher may not see it.
    pub remote: Option<Party>,
}

/// Call-ID and tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Call-ID.
    pub call_id: String,
    /// The tag of whoever is watched; nothing before its first answer with one.
    pub local: Option<String>,
    /// Ours.
    pub remote: String,
}

/// Writes the body: the full state of `entity`, in version `version`.
pub fn body(version: u64, entity: &str, dialogs: &[Dialog]) -> String {
    let mut text = String::with_capacity(256 + dialogs.len() * 384);
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
         state=\"full\" entity=\"{}\">\r\n",
        Escaped(entity)
    );
    for dialog in dialogs.iter().take(MAX_DIALOGS) {
        let _ = write_dialog(&mut text, entity, dialog);
    }
    text.push_str("</dialog-info>\r\n");
    text
}

fn write_dialog(text: &mut String, entity: &str, dialog: &Dialog) -> fmt::Result {
    write!(text, "<dialog id=\"{}\"", Escaped(&dialog.id))?;
    if let Some(Names { call_id, local, remote }) = &dialog.names {
        write!(text, " call-id=\"{}\"", Escaped(call_id))?;
        if let Some(local) = local {
            write!(text, " local-tag=\"{}\"", Escaped(local))?;
        }
        write!(text, " remote-tag=\"{}\"", Escaped(remote))?;
    }
    let direction = match dialog.direction {
        Direction::Initiator => "initiator",
        Direction::Recipient => "recipient",
    };
    let state = match dialog.state {
        State::Trying => "trying",
        State::Early => "early",
        State::Confirmed => "confirmed",
        State::Terminated => "terminated",
    };
    write!(text, " direction=\"{direction}\">\r\n<state>{state}</state>\r\n")?;
    let entity = Escaped(entity);
    write!(text, "<local><identity>{entity}</identity><target uri=\"{entity}\"/></local>\r\n")?;
    if let Some(Party { display, uri }) = &dialog.remote {
        let uri = Escaped(uri);
        text.push_str("<remote><identity");
        if let Some(display) = display {
            write!(text, " display=\"{}\"", Escaped(display))?;
        }
        write!(text, ">{uri}</identity><target uri=\"{uri}\"/></remote>\r\n")?;
    }
    text.push_str("</dialog>\r\n");
    Ok(())
}

/// Text as it stands in XML 1.0, in an attribute or between tags. What no XML document may hold is left out.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&apos;")?,
                '\u{FFFE}' | '\u{FFFF}' => {}
                c if c.is_control() => {}
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ringing(remote: Option<Party>) -> Dialog {
        Dialog {
            id: "7".into(),
            names: Some(Names {
                call_id: "a&b@h".into(),
                local: Some("theirs".into()),
                remote: "ours".into(),
            }),
            direction: Direction::Recipient,
            state: State::Early,
            remote,
        }
    }

    #[test]
    fn a_ringing_phone_is_told_whole_and_nothing_breaks_out_of_a_value() {
        let caller = Party { display: Some("Eve <\"'&\u{1}".into()), uri: "sip:+1@h".into() };
        let text = body(3, "sip:201@192.0.2.1", &[ringing(Some(caller))]);
        assert!(
            text.contains("version=\"3\" state=\"full\" entity=\"sip:201@192.0.2.1\""),
            "{text}"
        );
        assert!(text.contains(
            "<dialog id=\"7\" call-id=\"a&amp;b@h\" local-tag=\"theirs\" remote-tag=\"ours\" direction=\"recipient\">"
        ));
        assert!(text.contains("<state>early</state>"));
        assert!(
            text.contains("display=\"Eve &lt;&quot;&apos;&amp;\">sip:+1@h</identity>"),
            "{text}"
        );
    }

    #[test]
    fn who_may_not_see_the_party_sees_the_state_alone() {
        let text = body(0, "sip:201@h", &[ringing(None)]);
        assert!(text.contains("<state>early</state>") && !text.contains("<remote>"), "{text}");
        let idle = body(1, "sip:201@h", &[]);
        assert!(idle.contains("state=\"full\"") && !idle.contains("<dialog "), "{idle}");
    }

    #[test]
    fn more_calls_than_fit_are_left_out() {
        let many: Vec<_> = (0..20).map(|_| ringing(None)).collect();
        assert_eq!(body(0, "sip:201@h", &many).matches("<dialog ").count(), MAX_DIALOGS);
    }
}
