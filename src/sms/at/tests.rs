//! The dialogue, driven by hand.

#![allow(clippy::disallowed_methods)]

use super::*;
use crate::time::UnixTime;

fn start() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

struct Talk {
    dialogue: Dialogue,
    now: Now,
}

impl Talk {
    fn new() -> Self {
        Talk { dialogue: Dialogue::default(), now: start() }
    }

    fn ask(&mut self, command: Command) -> &mut Self {
        assert!(self.dialogue.ask(self.now, command));
        self
    }

    fn hear(&mut self, octets: &str) -> Vec<Output> {
        self.dialogue.handle_bytes(self.now, octets.as_bytes());
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.dialogue.poll_output()).collect()
    }

    fn wait(&mut self) -> Vec<Output> {
        let at = self.dialogue.deadline().expect("something is due");
        self.now = self.now.after(at.saturating_duration_since(self.now.instant));
        self.dialogue.handle_timeout(self.now);
        self.outputs()
    }
}

#[track_caller]
fn answer(outputs: &[Output]) -> &Answer {
    let found = outputs.iter().find_map(|output| match output {
        Output::Answered(answer) => Some(&**answer),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no answer in {outputs:?}"))
}

fn texts(answer: &Answer) -> Vec<&str> {
    answer.lines.iter().map(|line| line.text.as_str()).collect()
}

fn unsolicited(outputs: &[Output]) -> Vec<(&str, Option<&str>)> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Unsolicited(code) => Some((code.text.as_str(), code.pdu.as_deref())),
            _ => None,
        })
        .collect()
}

const PDU: &str = "0791448720003023240DD0E474D81C0EBB010000111011315214000BE474D81C0EBB5DE3771B";

#[test]
fn an_answer_is_the_same_with_and_without_echo_and_in_any_pieces() {
    let whole = "AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n";
    for text in [whole, "\r\n+CSQ: 20,99\r\nOK\r\n", "+CSQ:20,99\nOK\n"] {
        for cut in 0..text.len() {
            let mut line = Talk::new();
            line.ask(Command::prefix("AT+CSQ", "+CSQ"));
            let mut outputs = line.hear(&text[..cut]);
            outputs.extend(line.hear(&text[cut..]));
            let answer = answer(&outputs);
            assert_eq!(answer.value("+CSQ"), Some("20,99"), "{text:?} cut at {cut}");
            assert_eq!(answer.verdict, Verdict::Ok);
        }
    }
}

#[test]
fn what_was_not_asked_for_lands_in_the_middle_and_is_told_apart() {
    let mut line = Talk::new();
    line.ask(Command::listing("AT+CMGL=4", "+CMGL"));
    let outputs = line.hear(&format!(
        "\r\n^RSSI: 17\r\n+CMGL: 3,1,,30\r\n^BOOT:1,0,0,0,75\r\n{PDU}\r\n+CMT: ,30\r\n{PDU}\r\nRING\r\nOK\r\n"
    ));
    let answer = answer(&outputs);
    assert_eq!(texts(answer), ["+CMGL: 3,1,,30"]);
    assert_eq!(answer.lines[0].pdu.as_deref(), Some(PDU));
    assert_eq!(
        unsolicited(&outputs),
        [("^RSSI: 17", None), ("^BOOT:1,0,0,0,75", None), ("+CMT: ,30", Some(PDU)), ("RING", None)]
    );
}

#[test]
fn a_message_between_a_header_and_its_own_keeps_both_apart() {
    let mut line = Talk::new();
    line.ask(Command::listing("AT+CMGR=3", "+CMGR"));
    let other = PDU.replace("E474", "E475");
    let outputs = line.hear(&format!("+CMGR: 1,,30\r\n+CDS: 30\r\n{other}\r\n{PDU}\r\n\r\nOK\r\n"));
    assert_eq!(answer(&outputs).lines[0].pdu.as_deref(), Some(PDU));
    assert_eq!(unsolicited(&outputs), [("+CDS: 30", Some(other.as_str()))]);
}

#[test]
fn a_serial_number_is_not_a_message_that_got_lost() {
    let mut line = Talk::new();
    assert!(line.hear("+CMT: ,30\r\n").is_empty());
    line.ask(Command::bare("AT+CCID"));
    line.outputs();
    let outputs = line.hear("89490200001234567890\r\nOK\r\n");
    assert_eq!(texts(answer(&outputs)), ["89490200001234567890"]);
}

#[test]
fn a_marked_serial_number_is_one_too() {
    let mut line = Talk::new();
    line.ask(Command::bare("AT+CGSN"));
    let outputs = line.hear("+CGSN: 353000000000001\r\n+CREG: 1\r\nOK\r\n");
    assert_eq!(texts(answer(&outputs)), ["+CGSN: 353000000000001"]);
    assert_eq!(unsolicited(&outputs), [("+CREG: 1", None)]);
}

#[test]
fn a_body_goes_out_at_the_prompt_and_its_echo_is_no_answer() {
    let mut line = Talk::new();
    line.ask(Command::prefix("AT+CMGS=18", "+CMGS").with_body(PDU.to_owned()));
    line.outputs();
    assert_eq!(
        line.hear("AT+CMGS=18\r\r\n> "),
        [Output::Write(format!("{PDU}\u{1a}").into_bytes())]
    );
    let outputs = line.hear(&format!("{PDU}\u{1a}\r\n+CMGS: 17\r\n\r\nOK\r\n"));
    let answer = answer(&outputs);
    assert_eq!((answer.value("+CMGS"), answer.body_written), (Some("17"), true));
}

#[test]
fn a_refusal_at_the_prompt_means_nothing_was_sent() {
    let mut line = Talk::new();
    line.ask(Command::new("AT+CMGS=18").with_body(PDU.to_owned()));
    let outputs = line.hear("+CMS ERROR: 331\r\n");
    assert_eq!(answer(&outputs).verdict, Verdict::Cms(331));
    assert!(!answer(&outputs).body_written);
}

#[test]
fn a_line_that_dies_behind_the_body_says_so() {
    let mut line = Talk::new();
    line.ask(Command::new("AT+CMGS=18").with_body(PDU.to_owned()));
    line.hear("> ");
    line.dialogue.handle_gone();
    let outputs = line.outputs();
    assert_eq!(answer(&outputs).verdict, Verdict::Gone);
    assert!(answer(&outputs).body_written);
    assert!(line.dialogue.is_idle());
}

#[test]
fn a_text_of_several_lines_is_one() {
    let mut line = Talk::new();
    let outputs = line.hear("+CUSD: 1,\"1 Balance\r\n2 Top up\r\n\",15\r\n+CREG: 1\r\n");
    assert_eq!(
        unsolicited(&outputs),
        [("+CUSD: 1,\"1 Balance\n2 Top up\n\",15", None), ("+CREG: 1", None)]
    );
    line.ask(Command::new("AT"));
    let outputs = line.hear("+CUSD: 1,\"never closed\r\nOK\r\n");
    assert_eq!(answer(&outputs).verdict, Verdict::Ok);
}

#[test]
fn a_late_answer_is_never_taken_for_another() {
    let mut line = Talk::new();
    line.ask(Command::prefix("AT+COPS?", "+COPS"));
    line.outputs();
    let outputs = line.wait();
    assert_eq!(answer(&outputs).verdict, Verdict::TimedOut);
    assert!(!line.dialogue.is_idle());
    // What was asked before is answered now, and once more: none of it counts.
    let outputs = line.hear("+COPS: 0\r\nOK\r\nOK\r\n");
    let Some(Output::Write(mark)) = outputs.iter().find(|o| matches!(o, Output::Write(_))) else {
        panic!("no mark in {outputs:?}")
    };
    let mark = String::from_utf8(mark.clone()).expect("text");
    assert!(mark.trim_end_matches('\r').len() > 2 && mark.trim() == "AT");
    assert!(line.hear("OK\r\nERROR\r\n").is_empty());
    assert!(line.hear(&format!("{mark}\r\n")).is_empty());
    assert_eq!(line.hear("OK\r\n"), [Output::Write(b"ATE0V1\r".to_vec())]);
    assert_eq!(line.hear("ATE0V1\r\r\nOK\r\n"), [Output::Synchronised]);
    assert!(line.dialogue.is_idle());
}

#[test]
fn a_modem_without_echo_is_found_too_and_a_dead_one_is_said_to_be() {
    let mut line = Talk::new();
    line.dialogue.synchronise(line.now);
    let mut all = line.outputs();
    for _ in 0..20 {
        if all.iter().any(|output| matches!(output, Output::Synchronised)) {
            break;
        }
        let wrote = all.iter().any(|output| matches!(output, Output::Write(_)));
        all = if wrote { line.hear("\r\nOK\r\n") } else { line.wait() };
    }
    assert!(all.contains(&Output::Synchronised));

    line.dialogue.synchronise(line.now);
    line.outputs();
    let silent = (0..20).any(|_| line.wait().contains(&Output::Silent));
    assert!(silent && line.dialogue.is_idle() && line.dialogue.deadline().is_none());
}

#[test]
fn slow_writing_loses_nothing() {
    let mut line = Talk::new();
    line.dialogue.set_pace(Duration::from_millis(5));
    line.ask(Command::new("AT+CSQ"));
    let mut written = Vec::new();
    let mut outputs = line.outputs();
    while written.len() < 7 {
        for output in outputs {
            let Output::Write(octets) = output else { panic!("{output:?}") };
            assert_eq!(octets.len(), 1);
            written.extend(octets);
        }
        outputs = line.wait();
    }
    assert_eq!(written, b"AT+CSQ\r");
    assert_eq!(answer(&line.hear("OK\r\n")).verdict, Verdict::Ok);
}

#[test]
fn after_a_rest_the_first_octet_is_written_and_none_before() {
    let mut line = Talk::new();
    line.dialogue.slow_down(line.now, Duration::from_millis(5), Duration::from_millis(500));
    line.ask(Command::new("AT"));
    assert!(line.outputs().is_empty());
    let begun = line.now.instant;
    let first = line.wait();
    assert_eq!(first, [Output::Write(b"A".to_vec())]);
    assert_eq!(line.now.instant - begun, Duration::from_millis(500));
    assert_eq!(line.wait(), [Output::Write(b"T".to_vec())]);
}

#[test]
fn noise_is_counted_and_kept_nowhere() {
    let mut line = Talk::new();
    line.ask(Command::listing("AT+CMGL=4", "+CMGL"));
    line.outputs();
    for n in 0..5_000 {
        line.hear(&format!("+CMGL: {n},1,,30\r\n+CMT: ,{n}\r\nnoise\r\n"));
    }
    let State::Asking(asking) = &line.dialogue.state else { panic!("it is still asked") };
    assert_eq!(asking.answer.lines.len(), MOST_LINES);
    assert!(line.dialogue.heads.len() <= MOST_HEADS);
    assert!(line.dialogue.garbage() > 5_000);
}
