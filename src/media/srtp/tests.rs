use rtc_srtp::crypto::{BlockCipherAlgorithm, default_provider};

use super::*;
use crate::random::Random;

const SUITES: [Suite; 3] = [Suite::AesCm80, Suite::AesCm32, Suite::AesGcm];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn key_of(parts: &[u8]) -> MasterKey {
    let mut key = [0; LONGEST_KEY];
    key[..parts.len()].copy_from_slice(parts);
    MasterKey::new(key)
}

fn key(number: u8) -> MasterKey {
    MasterKey::new([number; LONGEST_KEY])
}

/// Two ends of one leg: what one seals the other opens.
fn pair(suite: Suite) -> (Protection, Protection) {
    let here = Keys { suite, ours: key(1), theirs: key(2), resumed: false };
    let there = Keys { suite, ours: key(2), theirs: key(1), resumed: false };
    (Protection::new(here).unwrap(), Protection::new(there).unwrap())
}

fn packet(ssrc: u32, sequence: u16, mark: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let payload = &[mark; 160];
    let header =
        rtp::Packet { marker: false, payload_type: 0, sequence, timestamp: 7, ssrc, payload };
    rtp::write(&mut bytes, &header);
    bytes
}

fn sealed(by: &mut Protection, ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = packet(ssrc, sequence, sequence as u8);
    assert!(by.seal_rtp(&mut bytes), "{ssrc} {sequence}");
    bytes
}

fn open(by: &mut Protection, bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut clear = Vec::new();
    by.open_rtp(bytes, &mut clear).map(|()| clear)
}

fn report(ssrc: u32) -> Vec<u8> {
    [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat()
}

/// Key derivation by RFC 3711 section 4.3, by nobody's code but the block cipher's.
fn derived(master: &[u8], salt: &[u8], label: u8, length: usize) -> Vec<u8> {
    let mut x = [0u8; 16];
    x[..salt.len()].copy_from_slice(salt);
    x[7] ^= label;
    let provider = default_provider().unwrap();
    let block = |counter: u16| {
        let mut block = x;
        block[14..].copy_from_slice(&counter.to_be_bytes());
        let aes = BlockCipherAlgorithm::Aes128;
        provider.crypto().block_encrypt(aes, master, &mut block).unwrap();
        block
    };
    (0..3).flat_map(block).take(length).collect()
}

const MASTER: &str = "e1f97a0d3e018be0d64fa32c06de4139";
const SALT: &str = "0ec675ad498afeebb6960b3aabe6";

/// An element that says it is longer than the extension around it: found by the fuzz target `srtp`.
#[test]
fn extensions_that_make_no_sense_are_left_out_of_what_is_sealed() {
    for suite in SUITES {
        let (mut here, mut there) = pair(suite);
        let mut odd = bytes("90001234 decafbad cafebabe bede0001 10ff0078 7878787878787878 78");
        assert!(here.seal_rtp(&mut odd));
        let clear = open(&mut there, &odd).unwrap();
        let read = rtp::read(&clear).unwrap();
        assert_eq!((read.sequence, read.ssrc), (0x1234, 0xcafe_babe));
        assert_eq!(read.payload, [0x78; 9]);
    }
}

/// RFC 3711 appendix B.3; the other known answers here build on it.
#[test]
fn keys_are_derived_as_the_standard_says() {
    let (master, salt) = (bytes(MASTER), bytes(SALT));
    assert_eq!(derived(&master, &salt, 0, 16), bytes("c61e7a93744f39ee10734afe3ff7a087"));
    assert_eq!(derived(&master, &salt, 2, 14), bytes("30cbbc08863d8c85d49db34a9ae1"));
    let auth = bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4");
    assert_eq!(derived(&master, &salt, 1, 20), auth);
}

/// The packet that libsrtp proves itself by, under the master key of RFC 3711 appendix B.3; its tag is computed here once
/// more, from the key that the appendix prints.
#[test]
fn a_packet_in_counter_mode_is_the_known_one() {
    let theirs = key_of(&[bytes(MASTER), bytes(SALT)].concat());
    let plain = bytes("800f1234decafbadcafebabe abababababababababababababababab");
    let known =
        bytes("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    let keys = Keys { suite: Suite::AesCm80, ours: theirs, theirs, resumed: false };
    let mut protection = Protection::new(keys).unwrap();
    let mut out = plain.clone();
    assert!(protection.seal_rtp(&mut out));
    assert_eq!(out, known);
    assert_eq!(open(&mut protection, &known), Ok(plain));

    let auth = bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4");
    let auth = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth);
    let (body, tag) = known.split_at(known.len() - 10);
    let computed = ring::hmac::sign(&auth, &[body, &[0; 4]].concat());
    assert_eq!(&computed.as_ref()[..10], tag);
}

/// AES-GCM as RFC 7714 section 8 has it, by hand.
fn gcm(key: &[u8], salt: &[u8], packet: &[u8]) -> Vec<u8> {
    use ring::aead;
    let (header, payload) = packet.split_at(12);
    let mut nonce = [0u8; 12];
    nonce[2..6].copy_from_slice(&header[8..12]);
    nonce[10..].copy_from_slice(&header[2..4]);
    nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, key).unwrap());
    let mut sealed = payload.to_vec();
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, aead::Aad::from(header), &mut sealed).unwrap();
    [header, &sealed].concat()
}

/// RFC 7714 section 16.1.1 begins at the session's key, which no API lets in: so the standard's packet proves the model
/// above, and the model, with keys that appendix B.3 of RFC 3711 proves the making of, proves what we send.
#[test]
fn a_packet_in_gcm_is_the_known_one() {
    let key = bytes("000102030405060708090a0b0c0d0e0f");
    let salt = bytes("517569642070726f2071756f");
    let packet = bytes(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 \
         696e2070 61727465 73207472 6573"
            .replace('\\', "")
            .as_str(),
    );
    let known = bytes(
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f \
         42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce"
            .replace('\\', "")
            .as_str(),
    );
    assert_eq!(gcm(&key, &salt, &packet), known);

    let (master, master_salt) = (bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), salt);
    let session = derived(&master, &master_salt, 0, 16);
    let session_salt = derived(&master, &master_salt, 2, 12);
    let own = key_of(&[master, master_salt].concat());
    let keys = Keys { suite: Suite::AesGcm, ours: own, theirs: own, resumed: false };
    let mut protection = Protection::new(keys).unwrap();
    let mut out = packet.clone();
    assert!(protection.seal_rtp(&mut out));
    assert_eq!(out, gcm(&session, &session_salt, &packet));
    assert_eq!(open(&mut protection, &out), Ok(packet));
}

#[test]
fn what_is_sealed_is_opened_at_the_other_end_and_there_alone() {
    for suite in SUITES {
        let (mut here, mut there) = pair(suite);
        let out = sealed(&mut here, 5, 9);
        assert_eq!(out.len(), 172 + suite.tag());
        let silent = out.windows(8).all(|at| at != [9; 8]);
        assert!(silent, "{suite:?}: sound is on the wire");
        assert_eq!(open(&mut there, &out), Ok(packet(5, 9, 9)));
        assert_eq!(open(&mut here, &out), Err(Refused::Forged), "our own key is not theirs");

        let mut out = report(5);
        assert!(here.seal_rtcp(&mut out));
        assert_eq!(out.len(), 8 + suite.rtcp_tag());
        let mut clear = Vec::new();
        assert_eq!(there.open_rtcp(&out, &mut clear), Ok(()));
        assert_eq!(clear, report(5));
        assert_eq!(there.open_rtcp(&out, &mut clear), Err(Refused::Replayed));
        let last = out.len() - 1;
        out[last] ^= 1;
        assert!(there.open_rtcp(&out, &mut clear).is_err());
        // In the clear, with or without room for what is not there.
        for more in 0..60 {
            let plain = [report(5), vec![0; more]].concat();
            assert!(there.open_rtcp(&plain, &mut clear).is_err(), "{suite:?} {more}");
            let plain = [report(6), vec![0x7f; more]].concat();
            assert!(there.open_rtcp(&plain, &mut clear).is_err(), "{suite:?} {more}");
        }
    }
}

/// Row 31 of the bad-input table, for each byte of a packet.
#[test]
fn damage_truncation_and_repetition_are_told_apart() {
    for suite in SUITES {
        let (mut here, mut there) = pair(suite);
        let out = sealed(&mut here, 5, 9);
        for at in 0..out.len() {
            for bit in 0..8 {
                let mut damaged = out.clone();
                damaged[at] ^= 1 << bit;
                assert!(open(&mut there, &damaged).is_err(), "{suite:?} byte {at} bit {bit}");
            }
            assert!(open(&mut there, &out[..at]).is_err(), "{suite:?} cut at {at}");
        }
        assert_eq!(open(&mut there, &out[..11]), Err(Refused::Short));
        assert_eq!(open(&mut there, &packet(5, 9, 9)), Err(Refused::Forged), "in the clear");
        assert_eq!(open(&mut there, &out), Ok(packet(5, 9, 9)), "none of that was believed");
        assert_eq!(open(&mut there, &out), Err(Refused::Replayed));
        let old = sealed(&mut here, 5, 10);
        for sequence in 11..300 {
            let out = sealed(&mut here, 5, sequence);
            assert!(open(&mut there, &out).is_ok());
        }
        assert_eq!(open(&mut there, &old), Err(Refused::Replayed), "too old to tell");
    }
}

/// Twice past zero, with packets lost and overtaken there.
#[test]
fn numbers_begin_anew_and_the_stream_goes_on() {
    for suite in [Suite::AesCm80, Suite::AesGcm] {
        let (mut here, mut there) = pair(suite);
        let mut first = None;
        let mut sequence = 65_000u16;
        let mut waiting = None;
        for count in 0..67_000u32 {
            let out = sealed(&mut here, 5, sequence);
            sequence = sequence.wrapping_add(1);
            first.get_or_insert(out.clone());
            match count % 7 {
                3 => continue,
                5 => waiting = Some(out),
                _ => {
                    assert!(open(&mut there, &out).is_ok(), "{suite:?} {count}");
                    if let Some(late) = waiting.take() {
                        assert!(open(&mut there, &late).is_ok(), "{suite:?} late at {count}");
                    }
                }
            }
        }
        assert!(open(&mut there, &first.unwrap()).is_err(), "an old round comes back");
    }
}

/// A peer beyond a bridge that sends a number again makes nothing of ours leave twice under it.
#[test]
fn no_number_is_used_twice_under_one_key() {
    let (mut here, _) = pair(Suite::AesGcm);
    sealed(&mut here, 5, 100);
    sealed(&mut here, 5, 104);
    assert!(!here.seal_rtp(&mut packet(5, 104, 1)));
    assert!(!here.seal_rtp(&mut packet(5, 100, 1)));
    sealed(&mut here, 5, 102);
    assert!(!here.seal_rtp(&mut packet(5, 102, 1)));
    sealed(&mut here, 5, 500);
    assert!(!here.seal_rtp(&mut packet(5, 300, 1)), "too old to know");
}

#[test]
fn forged_sources_leave_nothing_behind_and_many_true_ones_have_an_end() {
    let (mut here, mut there) = pair(Suite::AesCm80);
    for ssrc in 0..10_000 {
        assert_eq!(open(&mut there, &packet(ssrc, 1, 0)), Err(Refused::Forged));
    }
    assert!(there.open.rtp.is_empty() && there.open.tried.as_ref().is_some_and(|(_, n)| *n < 64));
    for ssrc in 0..MOST_SOURCES as u32 {
        let out = sealed(&mut here, ssrc, 1);
        assert!(open(&mut there, &out).is_ok());
        assert_eq!(open(&mut there, &out), Err(Refused::Replayed));
    }
    let out = sealed(&mut here, 1_000, 1);
    assert_eq!(open(&mut there, &out), Err(Refused::Crowded));
}

/// Who sees a phone's number on the wire, and forges packets far ahead of it before its first is heard, wins nothing.
#[test]
fn a_forged_first_packet_does_not_decide_where_the_window_begins() {
    for suite in SUITES {
        let (mut here, mut there) = pair(suite);
        let first = sealed(&mut here, 5, 10);
        for ahead in [20_000u16, 40_000, 65_000] {
            let mut forged = first.clone();
            forged[2..4].copy_from_slice(&ahead.to_be_bytes());
            assert_eq!(open(&mut there, &forged), Err(Refused::Forged));
        }
        assert!(open(&mut there, &first).is_ok(), "{suite:?}");
        let mut forged = first.clone();
        forged[2..4].copy_from_slice(&30_000u16.to_be_bytes());
        assert_eq!(open(&mut there, &forged), Err(Refused::Forged));
        let second = sealed(&mut here, 5, 11);
        assert!(open(&mut there, &second).is_ok(), "{suite:?}");
    }
}

#[test]
fn a_new_key_takes_over_without_a_gap() {
    let suite = Suite::AesCm80;
    let (mut here, mut there) = pair(suite);
    let under_old = sealed(&mut here, 5, 1);
    let late = sealed(&mut here, 5, 2);
    assert!(open(&mut there, &under_old).is_ok());
    let (ours, theirs) = (key(3), key(2));
    assert_eq!(here.rekey(Keys { suite, ours, theirs, resumed: false }), Some(false));
    assert_eq!(
        there.rekey(Keys { suite, ours: theirs, theirs: ours, resumed: false }),
        Some(false)
    );
    assert!(open(&mut there, &late).is_ok(), "it was on its way");
    let out = sealed(&mut here, 5, 3);
    assert!(open(&mut there, &out).is_ok());
    assert_eq!(open(&mut there, &under_old), Err(Refused::Forged), "the old key is gone");

    let back = sealed(&mut there, 6, 1);
    assert!(open(&mut here, &back).is_ok(), "the other way's key stayed");
    assert_eq!(here.rekey(Keys { suite, ours, theirs, resumed: false }), Some(false));
    assert_eq!(open(&mut here, &back), Err(Refused::Replayed), "and so did its counters");
}

#[test]
fn after_a_wrap_a_new_key_wants_a_new_source() {
    let suite = Suite::AesCm80;
    let (mut here, _) = pair(suite);
    sealed(&mut here, 5, 65_535);
    sealed(&mut here, 5, 0);
    assert_eq!(
        here.rekey(Keys { suite, ours: key(9), theirs: key(2), resumed: false }),
        Some(true)
    );
    assert_eq!(
        here.rekey(Keys { suite, ours: key(8), theirs: key(2), resumed: false }),
        Some(false)
    );
}

#[test]
fn after_a_restart_it_is_found_out_how_often_the_peers_numbers_have_wrapped() {
    for suite in SUITES {
        for wraps in [0, 1, 2, 20] {
            let (mut here, _) = pair(suite);
            let steps = (0..wraps * 4).map(|step: u32| (step * 0x4000 + 9) as u16);
            steps.for_each(|sequence| drop(sealed(&mut here, 5, sequence)));
            for first in [0x100, 0x7fff, 0x9000] {
                let keys = Keys { suite, ours: key(2), theirs: key(1), resumed: true };
                let mut there = Protection::new(keys).unwrap();
                let mut fresh = Protection::new(Keys { resumed: false, ..keys }).unwrap();
                for sequence in first..first + 3 {
                    let packet = sealed(&mut here, 5, sequence);
                    assert!(open(&mut there, &packet).is_ok(), "{suite:?} {wraps} {sequence}");
                    assert_eq!(open(&mut there, &packet), Err(Refused::Replayed));
                    assert_eq!(open(&mut fresh, &packet).is_ok(), wraps == 0);
                }
                let mut forged = sealed(&mut here, 5, first + 3);
                forged[20] ^= 1;
                assert_eq!(open(&mut there, &forged), Err(Refused::Forged));
            }
            // And over the next wrap.
            let mut there =
                Protection::new(Keys { suite, ours: key(2), theirs: key(1), resumed: true })
                    .unwrap();
            for sequence in [0xa000, 0xfffe, 0xffff, 0, 1, 0x5000, 0xb000, 0x2000] {
                let packet = sealed(&mut here, 5, sequence);
                assert!(open(&mut there, &packet).is_ok(), "{suite:?} {wraps} {sequence}");
            }
        }
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = Random::from_number(31);
    for suite in SUITES {
        let (mut here, mut there) = pair(suite);
        let good = sealed(&mut here, 5, 9);
        let mut clear = Vec::new();
        for _ in 0..30_000 {
            let mut bytes = good.clone();
            bytes.truncate(random.below(good.len() as u64 + 1) as usize);
            for _ in 0..random.below(6) {
                let at = random.below(bytes.len() as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.bits() as u8;
                }
            }
            clear.clear();
            let _ = there.open_rtp(&bytes, &mut clear);
            let _ = there.open_rtcp(&bytes, &mut clear);
            let _ = here.seal_rtcp(&mut bytes.clone());
            let _ = here.seal_rtp(&mut bytes);
        }
    }
}

#[test]
fn keys_are_never_printed() {
    let (here, _) = pair(Suite::AesCm80);
    let printed = format!("{here:?} {:?} {:?}", here.keys, key(7));
    assert!(!printed.contains("7, 7") && !printed.contains("1, 1"), "{printed}");
}
