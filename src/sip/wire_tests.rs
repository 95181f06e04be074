use super::*;

const OPTIONS: &str = "OPTIONS sip:201@[2001:db8::1]:5070;transport=tcp SIP/2.0\r\nv: SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK1;rport\r\n\
f: \"A \\\"B\\\"\" <sip:a@example.com>;tag=1\r\nt: <sip:201@example.com>\r\ni: x@y\r\nCSeq: 1 OPTIONS\r\nl: 2\r\n\r\nhi";

fn read(text: &str) -> Result<Message, Rejected> {
    parse(text.as_bytes(), false)
}

#[test]
fn what_was_read_prints_and_reads_the_same() {
    let message = read(OPTIONS).unwrap();
    let again = parse(&message.encode(), true).unwrap();
    assert_eq!(message, again);
    assert_eq!(message.body(), b"hi");
    assert_eq!(message.top_via().unwrap().branch(), Some("z9hG4bK1"));
    assert_eq!(message.from().unwrap().display.as_deref(), Some("A \"B\""));
}
