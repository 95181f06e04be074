//! Optional parameters: tag, length, value (SMPP 3.4 section 5.3, 5.0 section 4.8). Those that nobody knows are kept.

use bytes::{BufMut, Bytes, BytesMut};

/// Most optional parameters of one PDU. The standards know 66; a PDU of 64 KiB could hold 16,000 empty ones.
pub const MOST: usize = 256;

/// Tags of the parameters that are looked at here.
pub mod tag {
    /// `qos_time_to_live`, seconds.
    pub const TIME_TO_LIVE: u16 = 0x0017;
    /// `additional_status_info_text`.
    pub const STATUS_TEXT: u16 = 0x001D;
    /// `receipted_message_id`.
    pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    /// `user_message_reference`.
    pub const USER_MESSAGE_REFERENCE: u16 = 0x0204;
    /// `source_port`.
    pub const SOURCE_PORT: u16 = 0x020A;
    /// `destination_port`.
    pub const DESTINATION_PORT: u16 = 0x020B;
    /// `sar_msg_ref_num`.
    pub const SAR_REFERENCE: u16 = 0x020C;
    /// `sar_total_segments`.
    pub const SAR_TOTAL: u16 = 0x020E;
    /// `sar_segment_seqnum`.
    pub const SAR_NUMBER: u16 = 0x020F;
    /// `sc_interface_version`.
    pub const INTERFACE_VERSION: u16 = 0x0210;
    /// `network_error_code`.
    pub const NETWORK_ERROR: u16 = 0x0423;
    /// `message_payload`.
    pub const MESSAGE_PAYLOAD: u16 = 0x0424;
    /// `more_messages_to_send`.
    pub const MORE_MESSAGES: u16 = 0x0426;
    /// `message_state`.
    pub const MESSAGE_STATE: u16 = 0x0427;
    /// `congestion_state` of 5.0, percent.
    pub const CONGESTION: u16 = 0x0428;
}

/// The optional parameters of a PDU, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tlvs(Vec<(u16, Bytes)>);

/// A parameter says that it is longer than what is left, or there are more than [`MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn;

impl Tlvs {
    /// Reads what stands behind the mandatory part. Up to three octets too many are no parameter and are passed over: some
    /// peers end a PDU with a NUL that belongs to nothing.
    pub fn read(mut rest: Bytes) -> Result<Tlvs, Torn> {
        let mut all = Vec::new();
        while rest.len() >= 4 {
            let head = rest.split_to(4);
            let tag = u16::from_be_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            if length > rest.len() || all.len() == MOST {
                return Err(Torn);
            }
            all.push((tag, rest.split_to(length)));
        }
        Ok(Tlvs(all))
    }

    /// Writes them. A value longer than its length field can say is left out.
    pub fn write(&self, out: &mut BytesMut) {
        for (tag, value) in &self.0 {
            let Ok(length) = u16::try_from(value.len()) else { continue };
            out.put_u16(*tag);
            out.put_u16(length);
            out.put_slice(value);
        }
    }

    /// One more at the end.
    pub fn push(&mut self, tag: u16, value: impl Into<Bytes>) {
        self.0.push((tag, value.into()));
    }

    /// The same with one more.
    pub fn with(mut self, tag: u16, value: impl Into<Bytes>) -> Tlvs {
        self.push(tag, value);
        self
    }

    /// The first of a tag.
    pub fn get(&self, tag: u16) -> Option<&Bytes> {
        self.0.iter().find(|(own, _)| *own == tag).map(|(_, value)| value)
    }

    /// A number of up to four octets, however many of them the peer wrote.
    pub fn number(&self, tag: u16) -> Option<u32> {
        let value = self.get(tag).filter(|value| (1..=4).contains(&value.len()))?;
        Some(value.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)))
    }

    /// A text, with or without the NUL at its end that the standard asks for; characters are Latin-1.
    pub fn text(&self, tag: u16) -> Option<String> {
        let value = self.get(tag)?;
        Some(
            value.iter().take_while(|octet| **octet != 0).map(|octet| char::from(*octet)).collect(),
        )
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Bytes)> {
        self.0.iter().map(|(tag, value)| (*tag, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &'static [u8]) -> Result<Tlvs, Torn> {
        Tlvs::read(Bytes::from_static(octets))
    }

    #[test]
    fn a_parameter_that_nobody_knows_is_kept() {
        let octets = b"\x14\x00\x00\x02hi\x04\x27\x00\x01\x02";
        let tlvs = read(octets).expect("whole");
        let mut out = BytesMut::new();
        tlvs.write(&mut out);
        assert_eq!(&out[..], octets);
        assert_eq!(tlvs.number(tag::MESSAGE_STATE), Some(2));
    }

    #[test]
    fn a_receipted_id_is_read_with_and_without_its_nul() {
        for octets in [&b"\x00\x1e\x00\x03abc"[..], &b"\x00\x1e\x00\x04abc\0"[..]] {
            let tlvs = Tlvs::read(Bytes::copy_from_slice(octets)).expect("whole");
            assert_eq!(tlvs.text(tag::RECEIPTED_MESSAGE_ID).as_deref(), Some("abc"));
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_torn_and_stray_octets_are_not() {
        assert_eq!(read(b"\x04\x24\xff\xff\x01"), Err(Torn));
        assert_eq!(read(b"\0").expect("stray").len(), 0);
    }

    #[test]
    fn a_number_is_read_however_many_octets_it_has() {
        assert_eq!(read(b"\x04\x27\x00\x02\x00\x02").expect("whole").number(0x427), Some(2));
        assert_eq!(read(b"\x02\x0c\x00\x01\x07").expect("whole").number(0x20c), Some(7));
        assert_eq!(read(b"\x02\x0c\x00\x00").expect("whole").number(0x20c), None);
    }
}
