use super::*;

const ONE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody";

fn drain(framer: &mut StreamFramer) -> Vec<Frame> {
    std::iter::from_fn(|| framer.next()).collect()
}

#[test]
fn messages_come_whole_however_the_stream_is_cut() {
    let stream = [b"\r\n", ONE, b"\r\n\r\n", ONE, ONE].concat();
    let whole = Frame::Message(ONE.to_vec());
    let expected = vec![whole.clone(), Frame::KeepAlive, whole.clone(), whole];
    for size in 1..stream.len() {
        let mut framer = StreamFramer::default();
        let mut frames = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            frames.extend(drain(&mut framer));
        }
        assert_eq!(frames, expected, "pieces of {size}");
    }
}

#[test]
fn a_length_that_cannot_be_used_breaks_the_stream_once() {
    for length in ["", "Content-Length: -1\r\n", "l: 1\r\nl: 1\r\n", "l: 65536\r\n"] {
        let mut framer = StreamFramer::default();
        framer.push(format!("OPTIONS sip:a SIP/2.0\r\n{length}\r\nrest").as_bytes());
        assert!(matches!(framer.next(), Some(Frame::Message(_))));
        assert!(matches!(framer.next(), Some(Frame::Broken(_))));
        framer.push(ONE);
        assert_eq!(framer.next(), None);
    }
}

#[test]
fn a_head_without_end_breaks_the_stream_at_the_cap() {
    let mut framer = StreamFramer::default();
    framer.push(&vec![b'x'; MAX_MESSAGE]);
    assert_eq!(framer.next(), None);
    framer.push(b"x");
    assert_eq!(framer.next(), Some(Frame::Broken(Why::TooLarge)));
    assert_eq!(framer.next(), None);
}
