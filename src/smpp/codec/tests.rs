use super::*;

fn frame(command: u32, status: u32, body: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u32(u32::try_from(HEADER + body.len()).expect("short"));
    out.put_u32(command);
    out.put_u32(status);
    out.put_u32(7);
    out.put_slice(body);
    out.freeze()
}

fn written(command: &Command) -> Bytes {
    let mut out = BytesMut::new();
    command.write(&mut out);
    out.freeze()
}

/// Reads it, and demands that it is written again as it came.
#[track_caller]
fn kept(frame: &Bytes) -> Pdu {
    let command = Command::read(frame).expect("a PDU");
    assert_eq!(written(&command), frame, "{command:?}");
    command.pdu
}

/// A `submit_sm` or `deliver_sm` with these in it, and optional parameters behind.
fn short(from: &[u8], validity: &[u8], text: &[u8], behind: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    [
        &b"\0\x05\0"[..],
        from,
        b"\0\x01\x0115550101\0\x40\0\x09\0",
        validity,
        b"\0\xff\0\xf5\0",
        &[length],
        text,
        behind,
    ]
    .concat()
}

#[test]
fn what_carriers_send_beside_the_standard_is_read_and_kept() {
    let shapes: [(&[u8], &[u8], &[u8]); 8] = [
        (b"15550100", b"", b""),
        (b"Caf\xe9", b"", b""),
        (b"123456789012345678901234567890", b"", b""),
        (b"1", b"000001000000R", b""),
        (b"1", b"", b"\0\x1e\0\x03abc"),
        (b"1", b"", b"\x04\x27\0\x02\0\x02"),
        (b"1", b"", b"\x04\x23\0\x04\x03\0\x01\0"),
        (b"1", b"", b"\x14\0\0\x03\x01\x02\x03\x13\x0c\0\0"),
    ];
    for (from, validity, behind) in shapes {
        for command in [4, 5] {
            kept(&frame(command, 0, &short(from, validity, b"hi", behind)));
        }
    }
}

#[test]
fn a_response_is_understood_with_any_body_and_with_none() {
    for (body, id) in [
        (&b""[..], ""),
        (b"\0", ""),
        (b"abc\0", "abc"),
        (b"abc", "abc"),
        (&[&[b'a'; 70][..], b"\0"].concat(), &"a".repeat(70)),
    ] {
        let read = Command::read(&frame(0x8000_0004, 0, body)).expect("a response");
        let Pdu::SubmitResp(named) = read.pdu else { panic!("no submit_sm_resp") };
        assert_eq!(named.id.to_string(), id);
    }
    kept(&frame(0x8000_0004, 0x58, b""));
}

#[test]
fn a_command_that_nobody_knows_is_kept() {
    let pdu = kept(&frame(0x0001_0203, 0, b"abcdef"));
    assert_eq!(pdu, Pdu::Other(0x0001_0203, Bytes::from_static(b"abcdef")));
}

#[test]
fn operations_of_both_standards_are_read_and_kept() {
    let broadcast = b"\0\x01\x01123\0\0\0\0\0\0\0\0\x06\x01\0\x03\0\0\x01\x06\x04\0\x02\0\x01";
    let multi = b"\0\x01\x01123\0\x02\x01\x01\x01456\0\x02friends\0\0\0\0\0\0\x01\0\0\0\x02hi";
    for (command, body) in [
        (0x01, &b"id\0secret\0type\0\x34\0\0\0"[..]),
        (0x02, b"id\0secret\0type\0\x34\0\0\0"),
        (0x09, b"id\0secret\0type\0\x50\x01\x0115550*\0"),
        (0x8000_0009, b"box\0\x02\x10\0\x01\x34"),
        (0x0B, b"id\0secret\0"),
        (0x103, b"\0\x01\x01123\0\x01\x01456\0\0\x01\0\x04\x24\0\x02hi"),
        (0x21, multi),
        (0x8000_0021, b"77\0\x01\x01\x01456\0\0\0\0\x0b"),
        (0x03, b"77\0\x01\x01123\0"),
        (0x8000_0003, b"77\x00260101000000000+\0\x02\0"),
        (0x08, b"\x0077\0\x01\x01123\0\x01\x01456\0"),
        (0x07, b"77\0\x01\x01123\0\0\0\x01\0\x02hi"),
        (0x102, b"\x01\x01123\0\x01\x01456\0\x04\x22\0\x01\0"),
        (0x111, broadcast),
        (0x8000_0111, b"88\0"),
        (0x112, b"88\0\x01\x01123\0\x02\x04\0\x02\0\x01"),
        (0x8000_0112, b"88\0\x04\x27\0\x01\x02"),
        (0x113, b"\x0088\0\x01\x01123\0"),
        (0x8000_0113, b""),
        (0x15, b""),
        (0x8000_0000, b""),
    ] {
        let pdu = kept(&frame(command, 0, body));
        assert!(!matches!(pdu, Pdu::Other(..)), "{command:#x} is of the standard");
        assert_eq!(pdu.command(), command);
    }
}

#[test]
fn a_body_that_ends_too_soon_says_what_is_wrong() {
    let whole = short(b"1", b"", b"hello", b"");
    for (body, verdict) in [
        (&whole[..3], Status::INVALID_PARAMETER_LENGTH),
        (&whole[..whole.len() - 1], Status::INVALID_MESSAGE_LENGTH),
        (&[&whole[..], b"\x04\x24\xff\xff"].concat(), Status::INVALID_OPTIONAL_PART),
    ] {
        let why = Command::read(&frame(4, 0, body)).expect_err("it ends too soon");
        assert_eq!((why.command, why.sequence, why.verdict), (4, 7, verdict));
    }
}

#[test]
fn a_text_too_long_for_its_field_is_written_as_a_parameter() {
    let long = Message { short_message: Bytes::from(vec![b'a'; 900]), ..Message::default() };
    let command = Command::new(Status::OK, 1, Pdu::Submit(Box::new(long)));
    let read = Command::read(&written(&command)).expect("a PDU");
    let message = read.pdu.message().expect("a message");
    assert!(message.short_message.is_empty());
    assert_eq!(message.octets().len(), 900);
}
