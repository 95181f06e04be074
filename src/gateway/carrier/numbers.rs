//! How a carrier writes numbers, and how they are known here.

use crate::call::country::Country;
use crate::messaging::{Address, Kind};
use crate::smpp::pdu::{self, Text};

/// Digits of the longest short code; a number that rings somewhere has more.
const SHORT: usize = 8;

/// How numbers are written.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// From which address messages go, as people write it.
    pub from: Option<String>,
    /// Type of number and numbering plan of it, where they are not told by how it is written.
    pub from_kind: (Option<u8>, Option<u8>),
    /// The same of receivers.
    pub to_kind: (Option<u8>, Option<u8>),
    /// Whether numbers are written with their `+`.
    pub plus: bool,
    /// By whose rules a number without its country is one in full.
    pub country: Country,
}

impl Numbers {
    /// From whom a message goes.
    pub fn sender(&self, own: Option<&Address>) -> pdu::Address {
        let text = own.map(|own| own.value.as_str()).or(self.from.as_deref());
        text.map_or_else(pdu::Address::default, |text| self.written(text, self.from_kind))
    }

    /// To whom it goes.
    pub fn receiver(&self, to: &Address) -> pdu::Address {
        self.written(&to.value, self.to_kind)
    }

    fn written(&self, text: &str, (ton, npi): (Option<u8>, Option<u8>)) -> pdu::Address {
        let mut address = pdu::Address::of(text);
        address.ton = ton.unwrap_or(address.ton);
        address.npi = npi.unwrap_or(address.npi);
        if self.plus && text.starts_with('+') {
            address.text = Text::from(text);
        }
        address
    }

    /// Who somebody is whom the carrier names. Not every carrier says what type of number it writes: with more digits than a
    /// short code has, one without a country is read by the country's own rules, and else has its country in it.
    pub fn read(&self, address: &pdu::Address) -> Address {
        let text = address.text.to_string();
        let digits = text.strip_prefix('+').unwrap_or(&text);
        let plain = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
        let international = text.starts_with('+') || address.ton == 1;
        if !plain || (!international && digits.len() <= SHORT) {
            return Address::new(Kind::Short, text);
        }
        let full = match () {
            () if international => Some(format!("+{digits}")),
            // A national number is without any prefix (SMPP 3.4 section 5.2.5), and some write it with one.
            () if address.ton == 2 => Some(self.country.of_national(digits)),
            () => self.country.of_bare(digits),
        };
        full.map_or_else(
            || Address::new(Kind::Short, text.clone()),
            |full| Address::new(Kind::Phone, full),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(country: &str) -> Numbers {
        Numbers {
            from: Some("+15550100".into()),
            from_kind: (None, None),
            to_kind: (None, None),
            plus: false,
            country: Country::from_code(country).expect("a country"),
        }
    }

    #[test]
    fn whoever_writes_is_known_by_a_number_in_full() {
        for (country, ton, text, kind, wanted) in [
            ("DE", 1, "491701234567", Kind::Phone, "+491701234567"),
            ("DE", 0, "491701234567", Kind::Phone, "+491701234567"),
            ("DE", 0, "+491701234567", Kind::Phone, "+491701234567"),
            ("DE", 0, "00491701234567", Kind::Phone, "+491701234567"),
            ("DE", 2, "1701234567", Kind::Phone, "+491701234567"),
            ("DE", 2, "01701234567", Kind::Phone, "+491701234567"),
            ("US", 2, "2125550123", Kind::Phone, "+12125550123"),
            ("US", 0, "12125550123", Kind::Phone, "+12125550123"),
            ("US", 0, "2125550123", Kind::Phone, "+12125550123"),
            ("US", 0, "0123456789012", Kind::Short, "0123456789012"),
            ("DE", 0, "72345", Kind::Short, "72345"),
            ("DE", 3, "72345", Kind::Short, "72345"),
            ("DE", 5, "Bakery", Kind::Short, "Bakery"),
            ("DE", 1, "", Kind::Short, ""),
        ] {
            let address = pdu::Address { ton, npi: 1, text: Text::from(text) };
            let read = numbers(country).read(&address);
            assert_eq!((read.kind, read.value.as_str()), (kind, wanted), "{country} {ton} {text}");
        }
    }

    #[test]
    fn a_number_is_written_as_its_carrier_wants_it() {
        let to = Address::new(Kind::Phone, "+491701234567");
        let plain = numbers("DE").receiver(&to);
        assert_eq!((plain.ton, plain.npi, plain.text.to_string()), (1, 1, "491701234567".into()));
        let own = Numbers { plus: true, to_kind: (Some(0), Some(0)), ..numbers("DE") };
        let own = own.receiver(&to);
        assert_eq!((own.ton, own.npi, own.text.to_string()), (0, 0, "+491701234567".into()));
        assert_eq!(numbers("DE").sender(None).text.to_string(), "15550100");
    }
}
