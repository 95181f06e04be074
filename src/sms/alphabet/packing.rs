//! Septets in octets (3GPP TS 23.038 clause 6.1.2.1): the first septet lies in the lowest bits.
//!
//! Behind a header of `offset` bits, the first septet begins at the next multiple of seven: the bits between are fill
//! (23.040 clause 9.2.3.24).

/// Packs septets behind `header` octets, which come along at the beginning of what is answered.
pub fn pack(header: &[u8], septets: &[u8]) -> Vec<u8> {
    let first = behind(header.len()) * 7;
    let mut octets = header.to_vec();
    octets.resize((first + septets.len() * 7).div_ceil(8), 0);
    for (at, septet) in septets.iter().enumerate() {
        let bit = first + at * 7;
        let spread = u16::from(septet & 0x7f) << (bit % 8);
        let [high, low] = spread.to_be_bytes();
        octets[bit / 8] |= low;
        if high != 0 {
            octets[bit / 8 + 1] |= high;
        }
    }
    octets
}

/// Takes `count` septets out, or as many as there are; the first `header` octets are a header.
pub fn unpack(octets: &[u8], header: usize, count: usize) -> Vec<u8> {
    let first = behind(header) * 7;
    let there = (octets.len() * 8).saturating_sub(first) / 7;
    (0..count.min(there))
        .map(|at| {
            let bit = first + at * 7;
            let low = u16::from(octets[bit / 8]);
            let high = u16::from(octets.get(bit / 8 + 1).copied().unwrap_or(0));
            ((low | high << 8) >> (bit % 8)) as u8 & 0x7f
        })
        .collect()
}

/// How many septets a header of so many octets takes the place of.
pub fn behind(header: usize) -> usize {
    (header * 8).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn hello_is_what_every_text_book_prints() {
        assert_eq!(
            pack(&[], b"hellohello"),
            [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37]
        );
        assert_eq!(unpack(&pack(&[], b"hellohello"), 0, 10), b"hellohello");
    }

    #[test]
    fn what_is_packed_behind_any_header_comes_out_again() {
        let mut random = Random::from_number(1);
        for round in 0..2_000usize {
            let header: Vec<u8> = (0..round % 20).map(|_| random.bits() as u8).collect();
            let septets: Vec<u8> =
                (0..random.below(161)).map(|_| random.bits() as u8 & 0x7f).collect();
            let octets = pack(&header, &septets);
            assert!(octets.starts_with(&header));
            assert_eq!(
                octets.len(),
                ((behind(header.len()) + septets.len()) * 7).div_ceil(8).max(header.len())
            );
            assert_eq!(unpack(&octets, header.len(), septets.len()), septets);
        }
    }

    #[test]
    fn more_than_there_is_is_not_taken() {
        assert_eq!(unpack(&[0xff], 0, 160).len(), 1);
        assert_eq!(unpack(&[], 6, 160).len(), 0);
    }
}
