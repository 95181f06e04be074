//! The body of a `message-summary` NOTIFY (RFC 3842 section 3.5).

use crate::sip::uri::Uri;

/// What waits in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that nobody has heard.
    pub new: u32,
    /// Messages that were heard and kept.
    pub old: u32,
}

/// Writes the body. `account` is what the phone dials to hear the messages.
pub fn body(counts: Counts, account: &Uri) -> String {
    let waiting = if counts.new > 0 { "yes" } else { "no" };
    let Counts { new, old } = counts;
    // Urgent messages are counted in brackets (section 5.2); there are none.
    format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\nVoice-Message: {new}/{old} (0/0)\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lamp_is_on_for_new_messages_alone() {
        let account = Uri::parse("sip:201@192.0.2.1").unwrap();
        let text = |new, old| body(Counts { new, old }, &account);
        assert_eq!(
            text(2, 5),
            "Messages-Waiting: yes\r\nMessage-Account: sip:201@192.0.2.1\r\nVoice-Message: 2/5 (0/0)\r\n"
        );
        assert!(text(0, 5).starts_with("Messages-Waiting: no\r\n"));
    }
}
