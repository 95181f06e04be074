use super::*;

const PHONE: &str = "v=0\r\no=phone 18446744073709551616 2 IN IP6 2001:db8::5\r\ns= \r\nc=IN IP6 2001:db8::5\r\nt=0 0\r\na=x-kept:1\r\n\
m=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 18 8 0 101 97\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
a=fmtp:97 lost\r\na=ptime:30\r\na=sendonly\r\na=rtcp:4007\r\na=x-unknown\r\n";

fn local(preference: Preference) -> Local {
    let address = "2001:db8::1".parse().unwrap();
    let codecs = vec![Codec::pcmu(), Codec::pcma()];
    Local {
        origin: Origin::new(7, 1, address),
        address,
        port: 6000,
        codecs,
        preference,
        direction: Direction::SendRecv,
        events: true,
        own: Own::CLEAR,
    }
}

fn offer(text: &str) -> SessionDescription {
    SessionDescription::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_description_prints_and_reads_the_same() {
    let sdp = offer(PHONE);
    assert_eq!(offer(&sdp.to_string()), sdp);
    assert!(sdp.to_string().contains("a=x-kept:1") && sdp.to_string().contains("a=x-unknown"));
}

#[test]
fn an_answer_keeps_the_lines_and_takes_hold_and_ipv6() {
    let Answered { sdp, audio } = answer(&offer(PHONE), &local(Preference::Ours)).unwrap();
    assert_eq!(audio.codec, Codec::pcmu());
    assert_eq!(audio.alternatives, [Codec::pcma()]);
    assert_eq!((audio.dtmf, audio.ptime, audio.held), (Some(101), 30, true));
    assert_eq!(audio.direction, Direction::RecvOnly);
    assert_eq!(audio.remote.to_string(), "[2001:db8::5]:4000");
    assert_eq!(audio.remote_rtcp, Some("[2001:db8::5]:4007".parse().unwrap()));
    let text = sdp.to_string();
    assert!(text.contains("m=video 0 RTP/AVP 96\r\nm=audio 6000 RTP/AVP 0 101\r\n"), "{text}");
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n") && text.contains("a=recvonly\r\n"));
    assert_eq!(
        answer(&offer(PHONE), &local(Preference::Theirs)).unwrap().audio.codec,
        Codec::pcma()
    );
}

#[test]
fn our_offer_and_their_answer_agree() {
    let address = "192.0.2.1".parse().unwrap();
    let ours = audio_offer(
        Origin::new(1, 1, address),
        address,
        4000,
        &[Codec::pcma(), Codec::pcmu()],
        Some(96),
        Direction::SendRecv,
    );
    let reply = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\nm=audio 7000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n";
    let audio = negotiated(&ours, &offer(reply)).unwrap();
    assert_eq!((audio.codec, audio.dtmf, audio.held), (Codec::pcmu(), Some(101), false));
    assert_eq!(audio.remote_rtcp, Some("192.0.2.9:7001".parse().unwrap()));
    assert_eq!(negotiated(&ours, &offer(&reply.replace("7000", "0"))), Err(NotAcceptable::NoAudio));
    assert_eq!(
        negotiated(&ours, &offer(&reply.replace("AVP 0", "AVP 9"))),
        Err(NotAcceptable::Codec)
    );
    let held = negotiated(&ours, &offer(&reply.replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0")))
        .unwrap();
    assert!(held.held && !held.direction.sends());
}

#[test]
fn what_cannot_be_served_is_refused() {
    let refuse = |old: &str, new: &str| {
        answer(&offer(&PHONE.replace(old, new)), &local(Preference::Ours)).unwrap_err()
    };
    assert_eq!(refuse("audio 4000 RTP/AVP", "audio 4000 RTP/SAVP"), NotAcceptable::Protected);
    assert_eq!(refuse("audio 4000 RTP/AVP 18 8 0", "audio 4000 RTP/AVP 18"), NotAcceptable::Codec);
    assert_eq!(refuse("audio 4000", "audio 0"), NotAcceptable::NoAudio);
    assert_eq!(refuse("c=IN IP6 2001:db8::5", "c=IN IP4 192.0.2.5"), NotAcceptable::AddressFamily);
    assert_eq!(refuse("c=IN IP6 2001:db8::5", "c=IN IP4 phone.example"), NotAcceptable::Address);
}

#[test]
fn caps_and_broken_lines_are_errors() {
    let bad = |text: String| SessionDescription::parse(text.as_bytes()).unwrap_err();
    assert_eq!(bad(PHONE.replace("4000", "70000")), BadSdp::Port);
    assert_eq!(bad(format!("{PHONE}{}", "m=audio 1 RTP/AVP 0\r\n".repeat(7))), BadSdp::TooLarge);
    assert_eq!(bad(format!("{PHONE}{}", "a=candidate:1\r\n".repeat(65))), BadSdp::TooLarge);
    assert_eq!(bad("v=0\r\ns=-\r\n".into()), BadSdp::Origin);
    assert_eq!(bad("".into()), BadSdp::Version);
    assert_eq!(bad("v=0\r\nnonsense\r\n".into()), BadSdp::Line);
}

/// Bad-input table row 17: refused as a whole or line by line, and never taken for something else.
#[test]
fn row_17_too_many_lines_impossible_ports_and_odd_attributes() {
    let with = |more: &str| {
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{more}")
    };
    let read = |more: &str| SessionDescription::parse(with(more).as_bytes());
    let audio = "m=audio 4000 RTP/AVP 0\r\n";
    let other = "m=video 4002 RTP/AVP 31\r\n";
    assert!(read(&format!("{audio}{}", other.repeat(7))).is_ok());
    assert_eq!(read(&format!("{audio}{}", other.repeat(8))), Err(BadSdp::TooLarge));
    assert_eq!(read("m=audio 65536 RTP/AVP 0\r\n"), Err(BadSdp::Port));
    assert_eq!(read("m=audio 4294971296 RTP/AVP 0\r\n"), Err(BadSdp::Port));
    assert_eq!(read("m=audio -1 RTP/AVP 0\r\n"), Err(BadSdp::Media));
    let candidate = "a=candidate:1 1 UDP 1 192.0.2.9 4000 typ host\r\n";
    assert!(read(&format!("{audio}{}", candidate.repeat(64))).is_ok());
    assert_eq!(read(&format!("{audio}{}", candidate.repeat(65))), Err(BadSdp::TooLarge));
    let v4 = Local {
        origin: Origin::new(7, 1, "192.0.2.1".parse().unwrap()),
        address: "192.0.2.1".parse().unwrap(),
        ..local(Preference::Theirs)
    };
    // An fmtp for a format that nobody listed is passed over.
    let fmtp = read(&format!("{audio}a=fmtp:99 mode=1\r\na=fmtp:x\r\na=fmtp:\r\n")).unwrap();
    assert_eq!(answer(&fmtp, &v4).unwrap().audio.codec, Codec::pcmu());
    // T.38 beside audio, with sizes that cannot be: port 0 in its place, and the audio goes on.
    for size in ["-1", "0", "99999999999999999999", "x", ""] {
        let fax = format!("{audio}m=image 5000 udptl t38\r\na=T38FaxMaxDatagram:{size}\r\n");
        let answered = answer(&read(&fax).unwrap(), &v4).unwrap();
        assert_eq!((answered.sdp.media[0].port, answered.sdp.media[1].port), (6_000, 0), "{size}");
    }
    // T.38 alone, or encrypted sound alone, is no audio that we have.
    let fax = read("m=image 5000 udptl t38\r\na=T38FaxVersion:-7\r\n").unwrap();
    assert_eq!(answer(&fax, &v4).unwrap_err(), NotAcceptable::NoAudio);
    let sealed = read("m=audio 4000 RTP/SAVP 0\r\na=crypto:0\r\n").unwrap();
    assert_eq!(answer(&sealed, &v4).unwrap_err(), NotAcceptable::Protected);
}

/// An offer of a phone with this for its media lines.
fn phone(lines: &str) -> SessionDescription {
    offer(&format!("v=0\r\no=- 1 1 IN IP6 ::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\n{lines}"))
}

fn served(lines: &str) -> Answered {
    answer(&phone(lines), &local(Preference::Ours)).unwrap()
}

#[test]
fn a_fax_is_refused_and_the_voice_beside_it_is_not() {
    let image = "m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";
    for odd in ["", "a=T38MaxBitRate:14400\r\na=T38FaxMaxDatagram:99999999999999999999\r\n"] {
        let alone = format!("{image}{odd}");
        let refused = answer(&phone(&alone), &local(Preference::Ours)).unwrap_err();
        assert_eq!(refused, NotAcceptable::NoAudio);
        let both = served(&format!("m=audio 4000 RTP/AVP 0\r\n{alone}"));
        let text = both.sdp.to_string();
        assert!(text.contains("m=audio 6000 RTP/AVP 0\r\n"), "{text}");
        assert!(text.contains("m=image 0 udptl t38\r\n"), "{text}");
    }
}

#[test]
fn of_several_lines_the_first_that_can_be_served_is() {
    let lines = "m=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/SAVP 0\r\nm=audio 4004 RTP/AVP 8\r\nm=audio 4006 RTP/AVP 0\r\n";
    let Answered { sdp, audio } = served(lines);
    let ports: Vec<_> = sdp.media.iter().map(|media| media.port).collect();
    assert_eq!((ports.as_slice(), audio.remote.port()), ([0, 0, 6000, 0].as_slice(), 4004));
}

#[test]
fn every_way_to_hold_is_one_and_every_packet_length_is_kept_within_bounds() {
    for (direction, held, ours) in [
        ("a=sendonly", true, Direction::RecvOnly),
        ("a=inactive", true, Direction::Inactive),
        ("a=recvonly", false, Direction::SendOnly),
        ("a=sendrecv", false, Direction::SendRecv),
    ] {
        let audio = served(&format!("m=audio 4000 RTP/AVP 0\r\n{direction}\r\n")).audio;
        assert_eq!((audio.held, audio.direction), (held, ours), "{direction}");
    }
    let old = phone("m=audio 4000 RTP/AVP 0\r\nc=IN IP6 ::\r\n");
    let audio = answer(&old, &local(Preference::Ours)).unwrap().audio;
    assert!(audio.held && !audio.direction.sends() && audio.direction.receives());
    for (asked, kept) in [(10, 10), (20, 20), (30, 30), (35, 30), (60, 60), (200, 60), (0, 10)] {
        let audio = served(&format!("m=audio 4000 RTP/AVP 0\r\na=ptime:{asked}\r\n")).audio;
        assert_eq!(audio.ptime, kept, "{asked}");
    }
}

#[test]
fn reports_keep_a_port_of_their_own_though_one_for_both_is_offered() {
    let Answered { sdp, audio } = served("m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n");
    assert!(!sdp.to_string().contains("rtcp-mux"), "RFC 5761 section 5.1.1: not taken up");
    assert_eq!(audio.remote_rtcp.map(|to| to.port()), Some(4001));
}

#[test]
fn comfort_noise_is_agreed_on_where_it_is_offered_with_g_711_alone() {
    let Answered { sdp, audio } = served("m=audio 4000 RTP/AVP 0 13\r\n");
    assert_eq!(audio.comfort, Some(13));
    assert!(sdp.to_string().contains("a=rtpmap:13 CN/8000\r\n"));
    assert_eq!(served("m=audio 4000 RTP/AVP 0\r\n").audio.comfort, None);
}

#[test]
fn each_side_is_sent_the_payload_types_that_it_listed_itself() {
    let address = "192.0.2.1".parse().unwrap();
    let codecs = [Codec::new("opus", 48_000, 2, 111)];
    let origin = Origin::new(1, 1, address);
    let ours = audio_offer(origin, address, 4000, &codecs, Some(101), Direction::SendRecv);
    let reply = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\nm=audio 7000 RTP/AVP 96 97\n\
        a=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/8000\n";
    let audio = negotiated(&ours, &offer(reply)).unwrap();
    assert_eq!((audio.codec.payload_type, audio.dtmf), (96, Some(97)), "what we send");
    assert_eq!(audio.ours, (111, Some(101)), "what we hear");
}

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn keyed(profile: &str, suites: &[&str]) -> String {
    let lines = suites.iter().zip(1..).map(|(suite, tag)| match *suite {
        "AEAD_AES_128_GCM" => format!("a=crypto:{tag} {suite} inline:{}==\r\n", &KEY[..38]),
        suite => format!("a=crypto:{tag} {suite} inline:{KEY}\r\n"),
    });
    format!("m=audio 4000 {profile} 0\r\n{}", lines.collect::<String>())
}

fn wishing(wish: crypto::Wish) -> Local {
    let own = Own { wish, fresh: crypto::Key::new([9; crypto::LONGEST_KEY]), before: None };
    Local { own, ..local(Preference::Ours) }
}

const CM: &str = "AES_CM_128_HMAC_SHA1_80";
const GCM: &str = "AEAD_AES_128_GCM";

/// Offer by wish (bad-input-and-compliance, media policy): what comes of each, and that nothing falls back in silence.
#[test]
fn every_offer_under_every_wish_ends_as_it_should() {
    use NotAcceptable::{Clear, Profile, Protected, Suite};
    use crypto::Wish;
    let (plain, sealed) = (Ok(None), Ok(Some(crypto::Suite::AesCm80)));
    let usable = keyed("RTP/SAVP", &[CM]);
    let unusable = keyed("RTP/SAVP", &["F8_128_HMAC_SHA1_80"]);
    let optional = keyed("RTP/AVP", &["AES_256_CM_HMAC_SHA1_80", CM]);
    let optional_unusable = keyed("RTP/AVP", &["AES_256_CM_HMAC_SHA1_80"]);
    let both = format!("{}{usable}", keyed("RTP/AVP", &[]));
    let table = [
        (keyed("RTP/AVP", &[]), plain, plain, Err(Clear)),
        (usable.clone(), Err(Protected), sealed, sealed),
        (keyed("RTP/SAVPF", &[CM]), Err(Protected), sealed, sealed),
        (unusable, Err(Protected), Err(Suite), Err(Suite)),
        (keyed("RTP/SAVP", &[]), Err(Protected), Err(Suite), Err(Suite)),
        (optional, plain, sealed, sealed),
        (optional_unusable, plain, plain, Err(Suite)),
        (both, plain, sealed, sealed),
        (keyed("UDP/TLS/RTP/SAVPF", &[]), Err(Profile), Err(Profile), Err(Profile)),
    ];
    for (lines, clear, either, protected) in table {
        let wishes = [(Wish::Clear, clear), (Wish::Either, either), (Wish::Protected, protected)];
        for (wish, expected) in wishes {
            let got = answer(&phone(&lines), &wishing(wish));
            let suite = got.as_ref().map(|a| a.audio.protection.map(|agreed| agreed.suite));
            assert_eq!(suite.map_err(|why| *why), expected, "{wish:?} of {lines}");
            let Ok(answered) = got else { continue };
            let text = answered.sdp.to_string();
            assert_eq!(text.contains("a=crypto"), answered.audio.protection.is_some(), "{text}");
            assert!(!text.contains(KEY), "an answer has a key of its own: {text}");
        }
    }
}

#[test]
fn an_answer_takes_one_of_several_suites_under_its_tag() {
    let offer = phone(&keyed("RTP/SAVP", &["F8_128_HMAC_SHA1_80", GCM, CM]));
    let answered = answer(&offer, &wishing(crypto::Wish::Protected)).unwrap();
    let text = answered.sdp.to_string();
    assert_eq!(text.matches("a=crypto:").count(), 1, "{text}");
    assert!(text.contains("a=crypto:2 AEAD_AES_128_GCM inline:CQkJ"), "{text}");
    assert_eq!(offer.to_string().matches("a=crypto:").count(), 2, "what we lack is not repeated");
}

#[test]
fn our_key_stays_while_theirs_does_and_changes_with_it() {
    let first = answer(&phone(&keyed("RTP/SAVP", &[CM])), &wishing(crypto::Wish::Either)).unwrap();
    let before = first.audio.protection;
    let again = |lines: &str| {
        let mut local = wishing(crypto::Wish::Protected);
        local.own.fresh = crypto::Key::new([8; crypto::LONGEST_KEY]);
        local.own.before = before;
        answer(&phone(lines), &local).unwrap().audio.protection.unwrap()
    };
    let same = keyed("RTP/SAVP", &[CM]);
    assert_eq!(Some(again(&same)), before);
    let other = again(&same.replace("WVNf", "AVNf"));
    assert_eq!(other.ours, crypto::Key::new([8; crypto::LONGEST_KEY]));
    let gcm = again(&keyed("RTP/SAVP", &[GCM]));
    assert_eq!(gcm.ours, crypto::Key::new([8; crypto::LONGEST_KEY]));
}

#[test]
fn what_an_answer_to_our_keys_means() {
    use NotAcceptable::{Clear, Mismatch, Suite};
    use crypto::Wish;
    let address = "2001:db8::1".parse().unwrap();
    let ours = |wish| {
        let origin = Origin::new(1, 1, address);
        let codecs = [Codec::pcmu()];
        let mut ours = audio_offer(origin, address, 4_000, &codecs, None, Direction::SendRecv);
        let key = |suite, byte| (suite, crypto::Key::new([byte; crypto::LONGEST_KEY]));
        protect(&mut ours, wish, &[key(crypto::Suite::AesCm80, 1), key(crypto::Suite::AesGcm, 2)]);
        ours
    };
    let (plain, cm) = (Ok(None), Ok(Some(crypto::Suite::AesCm80)));
    let echo = ours(Wish::Protected).media[0].cryptos[0].to_string();
    let table = [
        (keyed("RTP/AVP", &[]), plain, plain, Err(Mismatch)),
        (keyed("RTP/AVP", &[CM]), plain, cm, Err(Mismatch)),
        (keyed("RTP/SAVP", &[CM]), Err(Suite), cm, cm),
        (keyed("RTP/SAVP", &[]), Err(Clear), Err(Clear), Err(Clear)),
        (keyed("RTP/SAVP", &[GCM]), Err(Suite), Err(Suite), Err(Suite)),
        (keyed("RTP/AVP", &[GCM]), plain, Err(Suite), Err(Mismatch)),
        (format!("m=audio 4000 RTP/SAVP 0\r\n{echo}"), Err(Suite), Err(Suite), Err(Suite)),
    ];
    for (lines, clear, either, protected) in table {
        let wishes = [(Wish::Clear, clear), (Wish::Either, either), (Wish::Protected, protected)];
        for (wish, expected) in wishes {
            let got = negotiated(&ours(wish), &phone(&lines));
            let suite = got.map(|agreed| agreed.protection.map(|agreed| agreed.suite));
            assert_eq!(suite, expected, "{wish:?} answered with {lines}");
        }
    }
}

#[test]
fn no_key_is_kept_but_where_keys_are_and_none_is_ever_printed() {
    let lines = format!(
        "a=crypto:1 {CM} inline:{KEY}\r\nk=clear:{KEY}\r\na=key-mgmt:mikey {KEY}\r\n{}k=base64:{KEY}\r\n\
         a=crypto:x {KEY}\r\na=key-mgmt:mikey {KEY}\r\na=crypto:7 OWN inline:{KEY}\r\n",
        keyed("RTP/SAVP", &[CM; 20])
    );
    let read = phone(&lines);
    assert_eq!(read.media[0].cryptos.len(), crypto::MAX_CRYPTO);
    let debug = format!("{read:?}");
    assert!(!debug.contains(KEY) && !debug.contains(&KEY[4..20]), "{debug}");
    let answered = answer(&read, &wishing(crypto::Wish::Protected)).unwrap();
    assert!(!format!("{answered:?}").contains("9, 9"), "{answered:?}");
    assert_eq!(read.to_string().matches(KEY).count(), crypto::MAX_CRYPTO);
}
