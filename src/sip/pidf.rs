//! Where a caller is, as emergency services read it: a PIDF-LO document (RFC 4119, RFC 5139, RFC 5491) that travels
//! beside the offer in an INVITE (RFC 6442).
//!
//! Owns the document and the header fields that point at it. Which phone is where, and who may know, is decided above.

use crate::sip::message::Headers;
use crate::sip::message::{Part, Unprintable};
use crate::time::UnixTime;

/// What a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    /// Whom it is about, such as `sip:+14085550101@192.0.2.1`.
    pub entity: &'a str,
    /// The phone's name within the document: a letter, then letters and digits.
    pub device: &'a str,
    /// The civic address.
    pub civic: &'a Civic,
    /// When it was true.
    pub at: UnixTime,
}

/// A civic address: the elements of RFC 5139 section 3 that are known, each with its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Civic(Vec<(&'static str, String)>);

/// Every element in the order of the schema (RFC 5139 section 4): a strict reader refuses another.
const ELEMENTS: [&str; 24] = [
    "country", "A1", "A2", "A3", "A4", "A5", "PRM", "PRD", "RD", "STS", "POD", "POM", "HNO", "HNS",
    "LMK", "LOC", "FLR", "NAM", "PC", "BLD", "UNIT", "ROOM", "SEAT", "PLC",
];

impl Civic {
    /// An address of these elements; those without a name of the schema or without a value are left out.
    pub fn new<'a>(elements: impl IntoIterator<Item = (&'a str, &'a str)>) -> Civic {
        let mut known: Vec<(usize, &'static str, String)> = elements
            .into_iter()
            .filter(|(_, value)| !value.trim().is_empty())
            .filter_map(|(name, value)| {
                let place = ELEMENTS.iter().position(|known| *known == name)?;
                Some((place, ELEMENTS[place], value.trim().to_owned()))
            })
            .collect();
        known.sort_by_key(|(place, ..)| *place);
        known.dedup_by_key(|(place, ..)| *place);
        Civic(known.into_iter().map(|(_, name, value)| (name, value)).collect())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Document<'_> {
    /// The document as it is sent.
    pub fn to_xml(&self) -> String {
        let address: String = self
            .civic
            .0
            .iter()
            .map(|(name, value)| format!("<ca:{name}>{}</ca:{name}>\r\n", escaped(value)))
            .collect();
        let Document { entity, device, at, .. } = self;
        // RFC 5491 section 3.1: about a device, so in a device. RFC 4119 section 2.2.3: the usage rules must be there;
        // without them a recipient may neither pass it on nor keep it.
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:gp=\"urn:ietf:params:xml:ns:pidf:geopriv10\" \
             xmlns:gbp=\"urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy\" \
             xmlns:ca=\"urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr\" entity=\"{}\">\r\n\
             <dm:device id=\"{}\">\r\n<gp:geopriv>\r\n<gp:location-info>\r\n<ca:civicAddress>\r\n{address}\
             </ca:civicAddress>\r\n</gp:location-info>\r\n<gp:usage-rules>\r\n\
             <gbp:retransmission-allowed>yes</gbp:retransmission-allowed>\r\n</gp:usage-rules>\r\n\
             <gp:method>Manual</gp:method>\r\n</gp:geopriv>\r\n<dm:timestamp>{at}</dm:timestamp>\r\n\
             </dm:device>\r\n</presence>\r\n",
            escaped(entity),
            escaped(device),
        )
    }

    /// The part of a body that holds it, named `id`.
    pub fn part(&self, id: &str) -> Part {
        Part {
            content_type: "application/pidf+xml".to_owned(),
            id: Some(id.to_owned()),
            body: self.to_xml().into_bytes(),
        }
    }
}

/// The header fields that point at the part `id` (RFC 6442 sections 4.1 and 4.2). Whoever routes the call may look.
pub fn point_at(id: &str, headers: &mut Headers) -> Result<(), Unprintable> {
    headers.push("Geolocation", format!("<cid:{id}>"))?;
    headers.push("Geolocation-Routing", "yes")?;
    headers.push("Supported", "geolocation")
}

/// Text as XML has it. Control characters, which XML 1.0 has no place for, are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_in_the_order_of_the_schema_and_text_stays_text() {
        let civic = Civic::new([
            ("FLR", "2 <b>"),
            ("country", "US"),
            ("RD", "Main & 1st"),
            ("XX", "nothing"),
            ("HNO", "12"),
            ("A3", " "),
        ]);
        let document = Document {
            entity: "sip:+14085550101@192.0.2.1",
            device: "phone",
            civic: &civic,
            at: UnixTime(1_700_000_000_000_000),
        };
        let xml = document.to_xml();
        let order =
            ["<ca:country>US<", "<ca:RD>Main &amp; 1st<", "<ca:HNO>12<", "<ca:FLR>2 &lt;b&gt;<"];
        let places: Vec<_> = order.iter().map(|text| xml.find(text).expect(text)).collect();
        assert!(places.is_sorted(), "{xml}");
        assert!(!xml.contains("XX") && !xml.contains("A3"), "{xml}");
        assert!(xml.contains("<dm:timestamp>2023-11-14T22:13:20.000Z</dm:timestamp>"), "{xml}");
        assert!(Civic::new([("A3", "")]).is_empty());
    }

    #[test]
    fn no_text_ends_an_element_or_makes_the_document_unreadable() {
        let civic = Civic::new([("NAM", "a\u{0}\u{7}b</ca:NAM>\"'\u{ffff}\r\n")]);
        let document = Document { entity: "\"><x", device: "d", civic: &civic, at: UnixTime(0) };
        let xml = document.to_xml();
        assert!(xml.contains("<ca:NAM>ab&lt;/ca:NAM&gt;&quot;'</ca:NAM>"), "{xml}");
        assert!(xml.contains("entity=\"&quot;&gt;&lt;x\""), "{xml}");
    }
}
