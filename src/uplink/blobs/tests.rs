#![allow(clippy::disallowed_methods)]

use super::*;
use crate::uplink::blob::Kind;

const HASH: Hash = Hash([7; 32]);

fn wanted(n: u64) -> Wanted {
    let named = Named { kind: Kind::Recording, name: format!("R{n}"), contact: None };
    Wanted { named, n }
}

/// A box that has offered a file of so many octets.
fn offered(now: Instant, size: u64, route: Route) -> Blobs {
    let mut blobs = Blobs::default();
    blobs.handle_line(Some(route));
    blobs.handle_next(Next::Wanted(wanted(1)));
    blobs.handle_opened(now, &wanted(1), Ok((HASH, size)));
    let outputs: Vec<_> = std::iter::from_fn(|| blobs.poll_output()).collect();
    let offer = Offer { hash: HASH, size, named: wanted(1).named, n: 1 };
    assert_eq!(outputs.last(), Some(&Output::Send(Said::Offer(offer))));
    blobs
}

/// Sends for as long as there is room; answers how many octets went.
fn pour(now: Instant, blobs: &mut Blobs) -> u64 {
    let mut sent = 0;
    loop {
        blobs.go_on(now, || Some(now));
        let Some(output) = blobs.poll_output() else { return sent };
        match output {
            Output::Read { count, .. } => {
                assert!(count <= PIECE);
                blobs.handle_bytes(Some(vec![0; count]));
            }
            Output::Piece(Said::Bytes { bytes, .. }) => sent += bytes.len() as u64,
            other => panic!("{other:?}"),
        }
    }
}

fn have(offset: u64) -> Said {
    Said::Have(Have { hash: HASH, offset })
}

#[test]
fn no_more_than_a_window_is_on_its_way() {
    let now = Instant::now();
    for (route, window) in [(Route::Quic, WINDOW), (Route::Tls, WINDOW_BY_TLS)] {
        let mut blobs = offered(now, 10 * WINDOW + 1, route);
        assert_eq!(pour(now, &mut blobs), 0, "before the office has said what it has");
        blobs.handle_said(now, have(0));
        assert_eq!(pour(now, &mut blobs), window);
        blobs.handle_said(now, have(PIECE as u64));
        assert_eq!(pour(now, &mut blobs), PIECE as u64);
    }
}

#[test]
fn it_goes_on_where_the_office_is_and_is_over_when_it_says_so() {
    let now = Instant::now();
    let mut blobs = offered(now, 100_000, Route::Quic);
    blobs.handle_said(now, have(99_990));
    assert_eq!(pour(now, &mut blobs), 10);
    blobs.handle_said(now, have(100_000));
    assert_eq!(blobs.poll_output(), None, "it is not looked through yet");
    blobs.handle_said(now, Said::Stored(Hash([8; 32])));
    assert_eq!(blobs.poll_output(), None, "that is another");
    blobs.handle_said(now, Said::Stored(HASH));
    assert_eq!(blobs.poll_output(), Some(Output::Arrived(wanted(1), HASH, 100_000)));
    assert_eq!(blobs.poll_output(), Some(Output::Shut));
    assert_eq!(blobs.poll_output(), Some(Output::Next));
}

#[test]
fn a_piece_goes_only_where_no_event_waits_and_under_the_ceiling() {
    let now = Instant::now();
    let mut blobs = offered(now, 100_000, Route::Quic);
    blobs.handle_said(now, have(0));
    blobs.go_on(now, || None);
    assert_eq!(blobs.poll_output(), None, "events wait");
    let later = now + Duration::from_millis(30);
    blobs.go_on(now, || Some(later));
    assert_eq!((blobs.poll_output(), blobs.deadline()), (None, Some(later)));
    blobs.handle_timeout(later);
    assert_eq!(pour(later, &mut blobs), 100_000);
}

#[test]
fn an_office_that_claims_more_than_was_sent_is_not_believed() {
    let now = Instant::now();
    let mut blobs = offered(now, 100_000, Route::Quic);
    blobs.handle_said(now, have(100_001));
    assert_eq!(pour(now, &mut blobs), 0);
    blobs.handle_said(now, have(0));
    blobs.handle_said(now, have(50_000));
    assert_eq!(pour(now, &mut blobs), 100_000);
}

#[test]
fn a_full_office_is_left_alone_for_a_while_and_a_silent_one_too() {
    let now = Instant::now();
    let mut blobs = offered(now, 9, Route::Quic);
    blobs.handle_said(now, Said::Refused(Refused { hash: HASH, why: Refusal::Full }));
    assert!(blobs.is_full());
    assert_eq!(blobs.poll_output(), Some(Output::Shut));
    assert_eq!((blobs.poll_output(), blobs.deadline()), (None, Some(now + REST)));
    blobs.handle_timeout(now + REST);
    assert_eq!(blobs.poll_output(), Some(Output::Shut));
    assert_eq!(blobs.poll_output(), Some(Output::Next));
    let mut blobs = offered(now, 9, Route::Quic);
    blobs.handle_timeout(now + SILENCE);
    assert_eq!(blobs.deadline(), Some(now + SILENCE + REST));
}

#[test]
fn what_is_not_there_any_more_is_struck_off_and_the_next_asked_for() {
    let now = Instant::now();
    let mut blobs = offered(now, 100_000, Route::Quic);
    blobs.handle_said(now, have(0));
    blobs.go_on(now, || Some(now));
    assert!(matches!(blobs.poll_output(), Some(Output::Read { .. })));
    blobs.handle_bytes(None);
    assert_eq!(blobs.poll_output(), Some(Output::Struck(wanted(1), Why::Gone)));
    assert_eq!(blobs.poll_output(), Some(Output::Shut));
    assert_eq!(blobs.poll_output(), Some(Output::Next));
    blobs.handle_next(Next::Wanted(wanted(2)));
    assert_eq!(blobs.poll_output(), Some(Output::Open(wanted(2))));
    blobs.handle_opened(now, &wanted(1), Err(NotOpened::Gone));
    assert_eq!(blobs.poll_output(), None, "that one is over");
    blobs.handle_opened(now, &wanted(2), Err(NotOpened::NotNow));
    assert_eq!(blobs.poll_output(), Some(Output::Later(wanted(2))));
}

#[test]
fn what_the_office_had_wrong_goes_again_once_and_what_is_wrong_here_does_not() {
    let now = Instant::now();
    let wrong = Said::Refused(Refused { hash: HASH, why: Refusal::Hash });
    let mut blobs = offered(now, 10, Route::Quic);
    blobs.handle_said(now, have(5));
    blobs.handle_said(now, wrong.clone());
    assert!(matches!(blobs.poll_output(), Some(Output::Send(Said::Offer(_)))));
    blobs.handle_said(now, have(0));
    assert_eq!(pour(now, &mut blobs), 10);
    blobs.handle_said(now, wrong);
    assert_eq!(blobs.poll_output(), Some(Output::Struck(wanted(1), Why::Changed)));
}

#[test]
fn without_a_line_nothing_is_done_and_with_the_next_it_begins_again() {
    let now = Instant::now();
    let mut blobs = offered(now, 100_000, Route::Quic);
    blobs.handle_said(now, have(0));
    blobs.handle_line(None);
    assert_eq!((blobs.poll_output(), blobs.deadline()), (Some(Output::Shut), None));
    blobs.handle_listed();
    blobs.handle_said(now, have(0));
    assert_eq!(pour(now, &mut blobs), 0);
    blobs.handle_line(Some(Route::Quic));
    assert_eq!(blobs.poll_output(), Some(Output::Shut));
    assert_eq!(blobs.poll_output(), Some(Output::Next));
    blobs.handle_next(Next::Nothing);
    blobs.handle_listed();
    assert_eq!(blobs.poll_output(), Some(Output::Shut));
    assert_eq!(blobs.poll_output(), Some(Output::Next));
}
