//! What of a carrier's messages is on the disk beside the ledger: little, and not for long.

use bytes::{BufMut, Bytes, BytesMut};

use crate::smpp::codec::Command;
use crate::smpp::pdu::{Message, Pdu};
use crate::smpp::status::Status;
use crate::time::UnixTime;

/// Bytes of a print and of a key.
pub const PRINT: usize = 16;
/// Bytes of a scrap before its message.
const HEAD: usize = 1 + 8 + 8 + PRINT + PRINT;

/// Names a scrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScrapId(pub u64);

/// Something that a carrier has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrap {
    /// Its name.
    pub id: ScrapId,
    /// When it came.
    pub at: UnixTime,
    /// What it says, as a hash: the same said again has the same.
    pub print: [u8; PRINT],
    /// By what the ledger knows it, or would know a message in this part alone.
    pub key: [u8; PRINT],
    /// What it is.
    pub what: Kept,
}

/// What a scrap is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A message in one part was told; whether it is stored, the ledger knows by its key.
    Taken,
    /// A part, which waits for others.
    Part(Box<Message>),
    /// It was a part of something that is stored.
    Whole,
}

impl Scrap {
    /// Whether it must be on the disk before it is answered.
    pub fn is_part(&self) -> bool {
        matches!(self.what, Kept::Part(_))
    }

    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = BytesMut::with_capacity(HEAD);
        out.put_u8(match self.what {
            Kept::Taken => 0,
            Kept::Part(_) => 1,
            Kept::Whole => 2,
        });
        out.put_u64(self.id.0);
        out.put_i64(self.at.0);
        out.put_slice(&self.print);
        out.put_slice(&self.key);
        if let Kept::Part(message) = &self.what {
            Command::new(Status::OK, 1, Pdu::Deliver(message.clone())).write(&mut out);
        }
        out.to_vec()
    }

    /// It from its bytes; nothing when they are not one's.
    pub fn read(bytes: &[u8]) -> Option<Scrap> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let eight = |at: usize| head.get(at..at + 8)?.try_into().ok();
        let sixteen = |at: usize| head.get(at..at + PRINT)?.try_into().ok();
        let what = match head.first()? {
            0 => Kept::Taken,
            1 => match Command::read(&Bytes::copy_from_slice(rest)).ok()?.pdu {
                Pdu::Deliver(message) => Kept::Part(message),
                _ => return None,
            },
            2 => Kept::Whole,
            _ => return None,
        };
        Some(Scrap {
            id: ScrapId(u64::from_be_bytes(eight(1)?)),
            at: UnixTime(i64::from_be_bytes(eight(9)?)),
            print: sixteen(17)?,
            key: sixteen(17 + PRINT)?,
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smpp::pdu::Address;

    #[test]
    fn a_scrap_is_read_as_it_was_written() {
        let message = Message {
            from: Address::of("+15550100"),
            esm_class: 0x40,
            data_coding: 8,
            short_message: Bytes::from_static(b"\x05\0\x03\x01\x02\x01\0a"),
            ..Message::default()
        };
        for what in [Kept::Taken, Kept::Part(Box::new(message.clone())), Kept::Whole] {
            let scrap = Scrap {
                id: ScrapId(7),
                at: UnixTime(1_700_000_000_000_000),
                print: [1; PRINT],
                key: [2; PRINT],
                what,
            };
            let bytes = scrap.write();
            assert_eq!(Scrap::read(&bytes), Some(scrap));
            assert_eq!(Scrap::read(&bytes[..HEAD - 1]), None);
        }
        assert_eq!(Scrap::read(&[9; HEAD]), None);
    }
}
