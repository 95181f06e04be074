//! The table of bad input, row by row: which test shows the answer to it. Rows 1 to 14 are messages of RFC 4475 and
//! RFC 5118, whose answers stand beside them in `rfc4475.txt` and `rfc5118.txt`. A row that loses its test is found here.

use super::*;

/// A row, the messages of the RFCs in it, and the tests that show it: each a file and a function there.
type Row = (u8, &'static [&'static str], &'static [(&'static str, &'static str)]);

const PLAYED: (&str, &str) =
    ("tests/torture/main.rs", "every_message_of_rfc_4475_gets_its_answer_over_udp_and_tcp");
const SIX: (&str, &str) =
    ("tests/torture/main.rs", "every_message_of_rfc_5118_gets_its_answer_over_udp_and_tcp");

const ROWS: &[Row] = &[
    (
        1,
        &[
            "wsinv",
            "intmeth",
            "esc01",
            "escnull",
            "longreq",
            "semiuri",
            "lwsdisp",
            "transports",
            "mpart01",
        ],
        &[PLAYED],
    ),
    (2, &["esc02"], &[PLAYED]),
    (3, &["dblreq"], &[PLAYED]),
    (4, &["clerr", "ncl"], &[PLAYED]),
    (5, &["scalar02", "scalarlg", "bigcode"], &[PLAYED]),
    (
        6,
        &[
            "quotbal",
            "badinv01",
            "badaspec",
            "baddn",
            "ltgtruri",
            "lwsruri",
            "regbadct",
            "mismatch01",
        ],
        &[PLAYED],
    ),
    (7, &["lwsstart", "trws", "escruri", "baddate"], &[PLAYED]),
    (8, &["mismatch02", "badvers", "unkscm", "novelsc", "bext01", "invut", "sdp01"], &[PLAYED]),
    (9, &["insuf", "multi01", "mcl01"], &[PLAYED]),
    (10, &["regaut01"], &[PLAYED]),
    (
        11,
        &["bcast"],
        &[
            PLAYED,
            ("src/sip/endpoint/tests/rows.rs", "row_11_stray_and_forged_answers_change_nothing"),
        ],
    ),
    (12, &["zeromf"], &[PLAYED]),
    (13, &["badbranch", "inv2543"], &[PLAYED]),
    (14, &[], &[SIX]),
    (
        15,
        &[],
        &[(
            "tests/torture/rows.rs",
            "row_15_what_is_too_large_or_too_many_is_refused_in_a_millisecond",
        )],
    ),
    (
        16,
        &[],
        &[("src/sip/message/parts.rs", "too_deep_too_many_empty_and_unbounded_parts_are_refused")],
    ),
    (
        17,
        &[],
        &[("src/sip/sdp/tests.rs", "row_17_too_many_lines_impossible_ports_and_odd_attributes")],
    ),
    (
        18,
        &[],
        &[(
            "src/sip/endpoint/tests/rows.rs",
            "row_18_requests_at_the_wrong_moment_make_no_second_call",
        )],
    ),
    (
        19,
        &[],
        &[("src/sip/endpoint/tests.rs", "offers_that_cross_are_both_refused_and_the_call_goes_on")],
    ),
    (
        20,
        &[],
        &[
            (
                "src/sip/endpoint/tests/reliable.rs",
                "the_same_invite_over_another_way_is_a_loop_and_a_new_one_is_not",
            ),
            (
                "src/sip/endpoint/tests/reliable.rs",
                "ten_thousand_forks_that_ring_cost_a_dozen_dialogs",
            ),
            ("src/sip/endpoint/tests/rows.rs", "row_20_a_flood_of_to_tags_leaves_nothing"),
        ],
    ),
    (
        21,
        &[],
        &[
            ("src/sip/access.rs", "nobody_acts_under_another_name"),
            ("src/sip/registrar/tests.rs", "too_brief_too_many_and_wrong_wildcards_are_refused"),
        ],
    ),
    (
        22,
        &[],
        &[
            ("src/sip/auth.rs", "wrong_stale_forged_and_unreadable_answers_are_told_apart"),
            ("src/sip/auth.rs", "counts_may_overtake_each_other_but_not_repeat"),
        ],
    ),
    (
        23,
        &[],
        &[
            ("src/sip/access.rs", "known_and_unknown_users_are_answered_alike"),
            (
                "src/gateway/tests/strangers.rs",
                "known_and_unknown_users_are_answered_in_the_same_time",
            ),
        ],
    ),
    (
        24,
        &[],
        &[(
            "src/sip/endpoint/tests/rows.rs",
            "row_24_a_challenge_is_answered_to_whom_the_call_went_alone",
        )],
    ),
    (
        25,
        &[],
        &[(
            "src/gateway/tests/rows.rs",
            "row_25_texts_and_subscriptions_of_strangers_are_challenged",
        )],
    ),
    (
        26,
        &[],
        &[
            ("src/gateway/tests/rows.rs", "row_26_a_transfer_outside_of_a_call_is_refused"),
            ("src/gateway/tests/scenes.rs", "nobody_takes_over_the_conversation_of_another"),
            ("tests/interop/transfers.rs", "a_phone_transfers_only_to_where_it_may_call_itself"),
        ],
    ),
    (
        27,
        &[],
        &[
            ("src/address.rs", "separators_go_and_everything_else_is_refused"),
            ("src/gateway/tests/rows.rs", "row_27_strings_that_are_no_numbers_are_dialled_nowhere"),
        ],
    ),
    (28, &[], &[("src/gateway/tests/rows.rs", "row_28_a_name_with_control_bytes_goes_no_further")]),
    (
        29,
        &[],
        &[
            (
                "src/gateway/tests/rows.rs",
                "row_29_a_secure_address_over_an_open_way_is_refused_except_for_help",
            ),
            (
                "src/gateway/tests/emergency.rs",
                "help_is_reached_however_it_is_dialled_and_whatever_is_wrong",
            ),
        ],
    ),
];

/// More tests of these rows, and those of the rows about sound: row, file, test.
const MORE: &[(u8, &str, &str)] = &[
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
        31,
        "src/media/plane/tests/sealed.rs",
        "row_31_bad_tags_and_replays_are_dropped_before_learning_and_the_call_stays",
    ),
    (
        31,
        "src/media/plane/tests/sealed.rs",
        "a_phone_with_another_key_is_silent_and_counted_and_hears_nothing",
    ),
    (31, "src/media/srtp/tests.rs", "damage_truncation_and_repetition_are_told_apart"),
    (
        31,
        "src/media/srtp/tests.rs",
        "forged_sources_leave_nothing_behind_and_many_true_ones_have_an_end",
    ),
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
    (
        39,
        "tests/hooks/orders.rs",
        "row_39_and_40_bad_requests_get_clear_problems_and_nothing_is_lost",
    ),
    (
        39,
        "tests/hooks/page.rs",
        "the_program_on_the_page_takes_the_example_on_the_page_and_nothing_else",
    ),
    (39, "tests/api/doors.rs", "what_is_too_long_too_deep_or_no_json_is_refused_with_a_place"),
    (39, "tests/api/doors.rs", "a_request_under_a_key_is_done_once"),
    (
        40,
        "tests/hooks/orders.rs",
        "row_39_and_40_bad_requests_get_clear_problems_and_nothing_is_lost",
    ),
    (40, "tests/api/doors.rs", "a_session_is_a_cookie_that_no_page_reads_and_no_other_site_uses"),
    (40, "tests/api/roles.rs", "every_role_may_what_the_table_says_and_nothing_else"),
];

#[test]
fn every_row_of_the_table_has_a_test() {
    let numbers: Vec<_> = ROWS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=29).collect::<Vec<u8>>());
    let played: BTreeSet<_> =
        cases(include_str!("rfc4475.txt")).into_iter().map(|case| case.name).collect();
    for (number, messages, tests) in ROWS {
        for message in *messages {
            assert!(played.contains(*message), "row {number}: {message} is not played");
        }
        tests.iter().for_each(|(file, test)| is_there(*number, file, test));
    }
    MORE.iter().for_each(|(number, file, test)| is_there(*number, file, test));
}

fn is_there(row: u8, file: &str, test: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).expect(file);
    let (before, _) = text
        .split_once(&format!("fn {test}()"))
        .unwrap_or_else(|| panic!("row {row}: {file} has no test {test}"));
    let marked = before.lines().rev().take(4).any(|line| line.trim() == "#[test]");
    assert!(marked, "row {row}: {test} in {file} is no test");
}

/// An OPTIONS with more lines and a body, as SIP would have it.
fn options(number: usize, lines: &str, body: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:probe@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.79:5060;branch=z9hG4bKrow{number}\r\n\
         From: <sip:row@127.0.0.79>;tag=r\r\nTo: <sip:probe@127.0.0.1>\r\nCall-ID: row-{number}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn row_15_what_is_too_large_or_too_many_is_refused_in_a_millisecond() {
    let site = Site::start("127.0.0.79", 4);
    let line = |count: usize| "X: y\r\n".repeat(count);
    let vias = |count: usize| "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKv\r\n".repeat(count);
    let params: String = (0..33).map(|number| format!(";p{number}=v")).collect();
    let cases = [
        (format!("Subject: {}\r\n", "x".repeat(8_000)), String::new(), "200"),
        (format!("Subject: {}\r\n", "x".repeat(8_200)), String::new(), "513"),
        (line(110), String::new(), "200"),
        (line(129), String::new(), "513"),
        (vias(62), String::new(), "200"),
        (vias(65), String::new(), "513"),
        (format!("Contact: <sip:a@192.0.2.9{params}>\r\n"), String::new(), "400"),
        (String::new(), "b".repeat(16_384), "200"),
        (String::new(), "b".repeat(16_385), "413"),
        (String::new(), "b".repeat(64_000), "413"),
    ];
    let mut earlier = BTreeSet::new();
    for (number, (lines, body, wanted)) in cases.iter().enumerate() {
        let bytes = options(number, lines, body);
        let case = Case { name: String::new(), udp: String::new(), tcp: String::new(), bytes };
        let found = over_udp(&site, 2_000 + number, &case, &mut earlier);
        assert_eq!(
            found,
            *wanted,
            "{number}: {} lines, {} bytes",
            lines.lines().count(),
            body.len()
        );
    }
    // The cost, without the machine's own noise: the best of a few.
    for number in [1, 3, 5, 6, 9] {
        let (lines, body, _) = &cases[number];
        let bytes = options(number, lines, body);
        let cost = |_| {
            let began = Instant::now();
            let _ = branchline::sip::message::parse(&bytes, false);
            began.elapsed()
        };
        let best = (0..20).map(cost).min().expect("twenty");
        assert!(best < Duration::from_millis(1), "{number}: {best:?}");
    }
}
