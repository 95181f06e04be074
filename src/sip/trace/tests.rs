use super::*;

fn message(method: &str, id: &str, extra: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} sip:201@branch SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nCall-ID: {id}\r\n\
         CSeq: 7 {method}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn entry(sent: bool, bytes: &[u8]) -> Entry {
    let local = "192.0.2.1:5060".parse().unwrap();
    let peer = "192.0.2.9:5060".parse().unwrap();
    Entry { at: UnixTime(1), sent, transport: Transport::Udp, local, peer, bytes: redact(bytes) }
}

#[test]
fn a_dialog_that_is_watched_is_kept_with_what_it_began_with() {
    let mut trace = Trace::new(1 << 20);
    trace.note(entry(false, &message("INVITE", "stranger", "", "")));
    trace.note(entry(
        false,
        &message("INVITE", "one", "c: application/sdp\r\n", "v=0\r\nm=audio 1 RTP/AVP 0\r\n"),
    ));
    trace.watch("one");
    trace.note(entry(true, b"SIP/2.0 180 Ringing\r\ni: one\r\nCSeq: 7 INVITE\r\n\r\n"));
    trace.note(entry(true, &message("OPTIONS", "other", "", "")));
    let labels: Vec<_> = trace.of("one").iter().map(Entry::label).collect();
    assert_eq!(labels, ["INVITE (SDP)", "180 Ringing"]);
    assert_eq!(trace.of("one")[0].cseq(), "7 INVITE");
    assert!(trace.of("stranger").is_empty() && trace.of("other").is_empty());
}

#[test]
fn the_oldest_dialogs_give_way_and_none_takes_more_than_its_share() {
    let mut trace = Trace::new(200_000);
    let long = "v".repeat(1_000);
    for dialog in 0..100 {
        let id = format!("d{dialog}");
        trace.watch(&id);
        (0..100).for_each(|_| trace.note(entry(true, &message("INFO", &id, "", &long))));
        assert!(trace.bytes() <= 200_000);
    }
    assert!(trace.of("d0").is_empty(), "the oldest is gone");
    assert!((40..70).contains(&trace.of("d99").len()), "{}", trace.of("d99").len());
    assert!(trace.left_out > 0);
    trace.make_room();
    let counted: usize =
        trace.dialogs.iter().map(|(id, d)| d.bytes + id.len() + OVERHEAD_OF_A_DIALOG).sum();
    assert_eq!(trace.bytes(), counted);
}

#[test]
fn switched_off_it_keeps_nothing() {
    let mut trace = Trace::new(0);
    trace.note(entry(false, &message("INVITE", "one", "", "")));
    trace.watch("one");
    assert!(trace.of("one").is_empty() && trace.bytes() == 0);
}

#[test]
fn secrets_texts_and_digits_are_written_over_and_lengths_stay() {
    let text = |method: &str, extra: &str, body: &str| {
        let whole = message(method, "one", extra, body);
        let kept = redact(&whole);
        assert_eq!(kept.len(), whole.len());
        String::from_utf8(kept.into_vec()).unwrap()
    };
    let digest = "Authorization: Digest username=\"201\", response=\"6629fae4\", nonce=\"abc\"\r\n";
    let kept = text("REGISTER", digest, "");
    assert!(kept.contains("response=\"xxxxxxxx\", nonce=\"abc\""), "{kept}");
    let sdp = "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20\r\nm=audio 1 RTP/SAVP 0\r\n";
    let kept = text("INVITE", "Content-Type: application/sdp\r\n", sdp);
    assert!(kept.contains("inline:xxxxxxxx|2^20\r\nm=audio 1 RTP/SAVP 0"), "{kept}");
    for answer in [
        "Authorization: Digest realm=\"x\",\r\n response=\"6629fae4\"\r\n",
        "Proxy-Authorization : Digest response = \"6629fae4\", uri=\"x\"\r\n",
        "AUTHORIZATION: Digest Response=\r\n\t6629fae4,uri=\"x\"\r\n",
    ] {
        let kept = text("REGISTER", answer, "");
        assert!(!kept.contains("6629fae4") && kept.contains("xxxxxxxx"), "{kept}");
    }
    let sdp = "v=0\r\na=crypto:1 AES inline:Zmlyc3Q|2^20;inline:c2Vjb25k\r\na=x\r\n";
    let kept = text("INVITE", "c: application/sdp\r\n", sdp);
    assert!(!kept.contains("Vjb25k") && !kept.contains("Zmlyc3Q"), "{kept}");
    for told in [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 INLINE:SECRET|2^20",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80  SECRET",
        "A=Crypto:1 AES_CM_128_HMAC_SHA1_80 inline: SECRET",
        "a=key-mgmt:mikey SECRET",
        "a=ice-pwd:SECRET",
        "k=base64:SECRET",
        "K=SECRET",
    ] {
        for end in ["\r\n", "\n", "\r", ""] {
            let kept = text("INVITE", "c: application/sdp\r\n", &format!("v=0\r\n{told}{end}"));
            assert!(!kept.contains("SECRET") && kept.contains("v=0\r\n"), "{kept}");
        }
    }
    let kept = text("INFO", "c: application/dtmf-relay;x=y\r\n", "Signal=5\r\nDuration=160\r\n");
    assert!(kept.ends_with("\r\n\r\nxxxxxxxx\r\nxxxxxxxxxxxx\r\n"), "{kept}");
    let kept = text("MESSAGE", "Content-Type: text/plain\r\n", "my card is 4111");
    assert!(!kept.contains("4111"), "{kept}");
    assert!(text("PUBLISH", "", "no type").ends_with("xxxxxxx"), "what has no name is not kept");
}

#[test]
fn what_is_no_message_does_no_harm() {
    for bytes in
        [&b""[..], b"\r\n\r\n", b"Call-ID", b"x\n:\n\n", b"\xff\xfe\nCall-ID: \xff\r\n\r\n"]
    {
        let mut trace = Trace::new(1_000);
        trace.watch("");
        trace.note(entry(false, bytes));
        assert_eq!(redact(bytes).len(), bytes.len());
    }
}
