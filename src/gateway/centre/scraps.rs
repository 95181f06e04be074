//! What is on the disk of parts of long texts that applications have submitted, until the whole is in the ledger.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::id::ApplicationId;
use crate::smpp::codec::Command;
use crate::smpp::pdu::{Message, Pdu};
use crate::smpp::status::Status;
use crate::time::UnixTime;

/// The form of a record.
const FORM: u8 = 1;

/// Names a scrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScrapId(pub u64);

/// A part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrap {
    /// Its name.
    pub id: ScrapId,
    /// Whose.
    pub application: ApplicationId,
    /// When it came.
    pub at: UnixTime,
    /// What the application was told that it is called.
    pub called: String,
    /// It.
    pub message: Box<Message>,
}

impl Scrap {
    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = BytesMut::new();
        out.put_u8(FORM);
        out.put_u64(self.id.0);
        out.put_i64(self.at.0);
        for text in [self.application.as_str(), &self.called] {
            // Both are short: a name of a table, and 19 digits.
            out.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
            out.put_slice(text.as_bytes());
        }
        Command::new(Status::OK, 1, Pdu::Submit(self.message.clone())).write(&mut out);
        out.to_vec()
    }

    /// It from its bytes; nothing when they are not one's.
    pub fn read(bytes: &[u8]) -> Option<Scrap> {
        let mut rest = Bytes::copy_from_slice(bytes);
        if rest.try_get_u8().ok()? != FORM {
            return None;
        }
        let id = ScrapId(rest.try_get_u64().ok()?);
        let at = UnixTime(rest.try_get_i64().ok()?);
        let (application, called) = (text(&mut rest)?, text(&mut rest)?);
        match Command::read(&rest).ok()?.pdu {
            Pdu::Submit(message) => {
                let application = ApplicationId::from(application.as_str());
                Some(Scrap { id, application, at, called, message })
            }
            _ => None,
        }
    }
}

fn text(rest: &mut Bytes) -> Option<String> {
    let length = usize::from(rest.try_get_u16().ok()?);
    if rest.len() < length {
        return None;
    }
    String::from_utf8(rest.split_to(length).to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smpp::pdu::Address;

    #[test]
    fn a_scrap_is_read_as_it_was_written_and_a_torn_one_is_none() {
        let message = Message {
            to: Address::of("+12125550123"),
            esm_class: 0x40,
            registered_delivery: 1,
            short_message: Bytes::from_static(b"\x05\0\x03\x01\x02\x01hello"),
            ..Message::default()
        };
        let scrap = Scrap {
            id: ScrapId(7),
            application: "shop".into(),
            at: UnixTime(5),
            called: "1234".into(),
            message: Box::new(message),
        };
        let bytes = scrap.write();
        assert_eq!(Scrap::read(&bytes), Some(scrap));
        for length in 0..bytes.len() {
            assert_eq!(Scrap::read(&bytes[..length]), None);
        }
    }
}
