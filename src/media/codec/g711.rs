//! ITU-T G.711: sixteen-bit samples from and to eight-bit codes, by table.

const ULAW_BIAS: i32 = 0x84;

const fn ulaw_of(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((((code & 0x0f) as i32) << 3) + ULAW_BIAS) << ((code & 0x70) >> 4);
    let value = magnitude - ULAW_BIAS;
    if code & 0x80 != 0 { -value as i16 } else { value as i16 }
}

const fn alaw_of(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code & 0x70) >> 4;
    let step = ((code & 0x0f) as i32) << 4;
    let value = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if code & 0x80 != 0 { value as i16 } else { -value as i16 }
}

const fn ulaw_code(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative { -(sample as i32) } else { sample as i32 };
    let biased = if magnitude > 32_635 { 32_635 + ULAW_BIAS } else { magnitude + ULAW_BIAS };
    let mut segment = 7;
    while segment > 0 && biased >> (segment + 7) == 0 {
        segment -= 1;
    }
    let code = ((segment as u8) << 4) | ((biased >> (segment + 3)) & 0x0f) as u8;
    !(code | if negative { 0x80 } else { 0 })
}

const fn alaw_code(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative { -1 - sample as i32 } else { sample as i32 };
    let mut segment = 7;
    while segment > 0 && magnitude >> (segment + 7) == 0 {
        segment -= 1;
    }
    let shift = if segment == 0 { 4 } else { segment + 3 };
    let code = ((segment as u8) << 4) | ((magnitude >> shift) & 0x0f) as u8;
    (code | if negative { 0 } else { 0x80 }) ^ 0x55
}

const fn decoding(a_law: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = if a_law { alaw_of(code as u8) } else { ulaw_of(code as u8) };
        code += 1;
    }
    table
}

const fn converting(to_a_law: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] =
            if to_a_law { alaw_code(ulaw_of(code as u8)) } else { ulaw_code(alaw_of(code as u8)) };
        code += 1;
    }
    table
}

static ULAW: [i16; 256] = decoding(false);
static ALAW: [i16; 256] = decoding(true);
static ULAW_TO_ALAW: [u8; 256] = converting(true);
static ALAW_TO_ULAW: [u8; 256] = converting(false);

/// The sample of a mu-law code.
pub fn ulaw_decode(code: u8) -> i16 {
    ULAW[usize::from(code)]
}

/// The sample of an A-law code.
pub fn alaw_decode(code: u8) -> i16 {
    ALAW[usize::from(code)]
}

/// The mu-law code of a sample.
pub fn ulaw_encode(sample: i16) -> u8 {
    ulaw_code(sample)
}

/// The A-law code of a sample.
pub fn alaw_encode(sample: i16) -> u8 {
    alaw_code(sample)
}

/// Mu-law to A-law, in place.
pub fn to_alaw(codes: &mut [u8]) {
    codes.iter_mut().for_each(|code| *code = ULAW_TO_ALAW[usize::from(*code)]);
}

/// A-law to mu-law, in place.
pub fn to_ulaw(codes: &mut [u8]) {
    codes.iter_mut().for_each(|code| *code = ALAW_TO_ULAW[usize::from(*code)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of G.711 tables 1a and 2a.
    #[test]
    fn known_codes_have_the_values_of_the_recommendation() {
        assert_eq!(ulaw_decode(0x00), -32_124);
        assert_eq!(ulaw_decode(0x80), 32_124);
        assert_eq!((ulaw_decode(0xff), ulaw_decode(0x7f)), (0, 0));
        assert_eq!(alaw_decode(0x55 ^ 0x80), 8);
        assert_eq!(alaw_decode(0x2a), -32_256);
        assert_eq!(alaw_decode(0xaa), 32_256);
    }

    #[test]
    fn what_is_decoded_encodes_to_a_code_of_the_same_value() {
        for code in 0..=255u8 {
            assert_eq!(
                ulaw_decode(ulaw_encode(ulaw_decode(code))),
                ulaw_decode(code),
                "mu {code:#x}"
            );
            assert_eq!(alaw_encode(alaw_decode(code)), code, "A {code:#x}");
        }
    }

    #[test]
    fn no_code_is_much_nearer_than_the_one_chosen() {
        // The recommendation's decision values are not half-way where the step size changes: twice is allowed.
        for sample in (i16::MIN..=i16::MAX).step_by(97) {
            let far = |value: i16| (i32::from(value) - i32::from(sample)).abs();
            let best = (0..=255u8).map(|code| far(ulaw_decode(code))).min().unwrap();
            assert!(far(ulaw_decode(ulaw_encode(sample))) <= best * 2 + 8, "{sample}");
            let best = (0..=255u8).map(|code| far(alaw_decode(code))).min().unwrap();
            assert!(far(alaw_decode(alaw_encode(sample))) <= best * 2 + 8, "{sample}");
        }
    }
}
