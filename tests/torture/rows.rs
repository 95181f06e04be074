//! The bad-input table: which test plays which row. A row that loses its test is found here.
//!
//! A row may stand here several times. What each asks for is written beside the test.

use std::path::Path;

/// Row, file, test.
const ROWS: [(u8, &str, &str); 24] = [
    (1, "tests/torture/main.rs", "every_message_of_rfc_4475_gets_its_answer_over_udp_and_tcp"),
    (16, "src/sip/message/parts.rs", "too_deep_too_many_empty_and_unbounded_parts_are_refused"),
    (
        16,
        "src/sip/endpoint/tests/descriptions.rs",
        "row_16_parts_that_cannot_be_told_apart_are_400_and_parts_without_an_offer_415",
    ),
    (17, "src/sip/sdp/tests.rs", "row_17_too_many_lines_impossible_ports_and_odd_attributes"),
    (
        17,
        "src/sip/endpoint/tests/descriptions.rs",
        "row_17_what_cannot_be_had_is_488_and_what_cannot_be_read_400",
    ),
    (22, "src/sip/access.rs", "a_nonce_fetched_elsewhere_shuts_nobody_out"),
    (22, "src/sip/access.rs", "a_forged_datagram_shuts_nobody_out"),
    (23, "src/sip/access.rs", "known_and_unknown_users_are_answered_alike"),
    (27, "src/address.rs", "separators_go_and_everything_else_is_refused"),
    (
        29,
        "src/gateway/tests/emergency.rs",
        "help_is_reached_however_it_is_dialled_and_whatever_is_wrong",
    ),
    (29, "src/gateway/tests/emergency.rs", "what_only_looks_like_help_goes_another_way"),
    (
        30,
        "src/media/plane/tests/hostile.rs",
        "row_30_another_host_port_or_payload_type_is_neither_heard_nor_spoken_to",
    ),
    (
        30,
        "src/media/plane/tests/hostile.rs",
        "row_30_a_new_source_at_the_phones_own_address_is_the_phone",
    ),
    (
        30,
        "src/media/plane/tests/hostile.rs",
        "row_30_learning_ends_with_the_fifth_packet_or_after_200_ms_and_then_the_lock_holds",
    ),
    (30, "src/media/plane/tests/hostile.rs", "row_30_two_who_learn_at_once_do_not_help_each_other"),
    (
        30,
        "src/media/plane/tests/hostile.rs",
        "row_30_what_is_no_packet_is_dropped_and_reports_of_strangers_say_nothing",
    ),
    (30, "src/media/plane/tests.rs", "a_stranger_is_never_heard"),
    (
        30,
        "src/media/plane/tests.rs",
        "a_peer_behind_address_translation_is_found_within_five_packets",
    ),
    (30, "src/media/plane/tests.rs", "another_host_never_takes_over_a_leg_whose_phone_is_silent"),
    (30, "src/media/plane/tests.rs", "the_address_in_the_description_takes_its_leg_back"),
    (
        32,
        "src/media/plane/tests/hostile.rs",
        "row_32_a_press_is_one_digit_forged_ones_are_none_and_none_lasts_for_ever",
    ),
    (
        32,
        "src/media/dtmf.rs",
        "a_press_is_one_digit_however_long_it_is_and_whatever_its_clock_does",
    ),
    (32, "src/media/dtmf.rs", "one_press_is_heard_once_whatever_is_lost_repeated_or_late"),
    (32, "src/media/dtmf.rs", "keys_and_payloads_read_back"),
];

#[test]
fn every_row_that_has_a_test_still_has_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (row, file, test) in ROWS {
        let text = std::fs::read_to_string(root.join(file))
            .unwrap_or_else(|why| panic!("row {row}: {file}: {why}"));
        let (before, _) = text
            .split_once(&format!("fn {test}()"))
            .unwrap_or_else(|| panic!("row {row}: {file} has no test {test}"));
        let marked = before.lines().rev().take(4).any(|line| line.trim() == "#[test]");
        assert!(marked, "row {row}: {test} in {file} is no test");
    }
}
