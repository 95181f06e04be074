//! Messages: a carrier's caller leaves one, the owner's phone is told, hears the caller's own tone and deletes it.

use std::time::{Duration, Instant};

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

/// Each party's tone, in hertz.
const CALLER: f64 = 550.0;
const OWNER: f64 = 900.0;
/// The hash key (RFC 4733 section 3.2).
const HASH: u8 = 11;

const CONFIG: &str = "[sip]\ndigests = [\"md5\"]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
    [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
    [[extension]]\nnumber = \"201\"\nsecret = { file = \"@DIR@/secret\" }\nunasked_message_lamp = true\n\
    voicemail = { pin = { file = \"@DIR@/pin\" } }\n\
    [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
    [[inbound]]\nnumber = \"+15550101\"\nto = \"extension:201\"\n\
    [[inbound]]\nnumber = \"+15550109\"\nto = \"messages\"\n";

pub fn branch() -> Branch {
    Branch::run_with(CONFIG, "127.0.0.1:@PORT@", &[("secret", "tulip"), ("pin", "4711")])
}

/// The carrier calls in and waits to be hung up on.
fn carrier(branch: &Branch, to: &str, ear: &Party) -> Sipp {
    let keys =
        [("from", "+15557654321".to_owned()), ("to", to.to_owned()), ("rtp", ear.port.to_string())];
    let port = branch.free + 2;
    let setting =
        Setting { scenario: "trunk_waits", port, keys: &keys, account: None, transport: "u1" };
    Sipp::start(branch, &setting)
}

/// The owner's phone does something from one of its ports.
pub fn phone(branch: &Branch, scenario: &'static str, port: u16, keys: &[(&str, String)]) -> Sipp {
    let account = matches!(scenario, "register" | "phone_dials").then_some(("201", "tulip"));
    let setting = Setting { scenario, port: branch.free + port, keys, account, transport: "u1" };
    Sipp::start(branch, &setting)
}

fn counts(branch: &Branch) -> (u64, u64) {
    let mailboxes = branch.ask(&["voicemail"]);
    let count = |key: &str| mailboxes[0][key].as_u64().expect("a count");
    (count("new"), count("old"))
}

/// Leaves a message of some seconds, from outside, and is thanked for it.
pub fn leave_message(branch: &Branch) {
    let caller = Party::new(branch.free + 100, CALLER);
    let call = carrier(branch, "+15550101", &caller);
    branch.until("the greeting", || caller.heard().loud().then_some(()));
    caller.press(1);
    // A beep, and then the box listens and says nothing more.
    let mut last = (0, Instant::now());
    branch.until("the end of the beep", || {
        let heard = caller.heard().samples.len();
        if heard != last.0 {
            last = (heard, Instant::now());
        }
        (last.1.elapsed() > Duration::from_millis(300)).then_some(())
    });
    let heard = caller.heard().samples.len();
    let sent = Instant::now();
    branch.until("two seconds of message", || (sent.elapsed().as_secs() >= 2).then_some(()));
    caller.press(HASH);
    branch.until("thanks", || {
        let heard = &caller.heard().samples[heard..];
        heard.iter().any(|sample| i32::from(*sample).abs() > 3_000).then_some(())
    });
    call.succeeds();
}

#[test]
fn a_message_is_left_told_heard_in_the_callers_own_voice_and_deleted() {
    let branch = branch();
    let registers = [("expires", "300".to_owned())];
    // The phone is not there yet: callers go to the mailbox at once.
    leave_message(&branch);
    branch.until("the message to count", || (counts(&branch) == (1, 0)).then_some(()));
    phone(&branch, "register", 1, &registers).succeeds();
    let told = |waiting: &str, counts: &str| {
        let keys = [("waiting", waiting.to_owned()), ("counts", counts.to_owned())];
        phone(&branch, "phone_told", 1, &keys)
    };
    told("yes", "1/0").succeeds();
    let owner = Party::new(branch.free + 110, OWNER);
    let keys = [("to", "*97".to_owned()), ("rtp", owner.port.to_string())];
    // A phone has its lamp and its calls on one port; here they are two, for the sake of SIPp.
    let call = phone(&branch, "phone_dials", 3, &keys);
    branch.until("the menu", || owner.heard().loud().then_some(()));
    owner.press(1);
    branch.until("the caller's voice", || owner.heard().hears(CALLER).then_some(()));
    branch.until("the message to count as old", || (counts(&branch) == (0, 1)).then_some(()));
    owner.press(7);
    // What counted as old is told once the message is gone for good.
    owner.press(HASH);
    call.succeeds();
    told("no", "0/").succeeds();
    branch.until("the message to be gone", || (counts(&branch) == (0, 0)).then_some(()));
    let left = std::fs::read_dir(branch.folder().join("data/recordings")).expect("a folder");
    assert_eq!(left.count(), 0, "the recording is gone as well");
}

#[test]
fn a_kill_loses_no_message_and_one_under_way_is_kept_as_far_as_it_came() {
    let mut branch = branch();
    leave_message(&branch);
    branch.until("the message to count", || (counts(&branch) == (1, 0)).then_some(()));
    branch.kill_and_start_again();
    assert_eq!(counts(&branch), (1, 0));
    let caller = Party::new(branch.free + 100, CALLER);
    let call = carrier(&branch, "+15550101", &caller);
    branch.until("the greeting", || caller.heard().loud().then_some(()));
    caller.press(1);
    let recordings = branch.folder().join("data/recordings");
    // A header and three seconds of sound.
    let long = |file: std::fs::DirEntry| {
        let part = file.path().extension().is_some_and(|end| end == "part");
        part && file.metadata().is_ok_and(|file| file.len() > 44 + 48_000)
    };
    branch.until("some seconds on the disk", || {
        let mut files = std::fs::read_dir(&recordings).ok()?.filter_map(Result::ok);
        files.any(long).then_some(())
    });
    branch.kill_and_start_again();
    drop(call);
    branch.until("both messages", || (counts(&branch) == (2, 0)).then_some(()));
    assert!(
        std::fs::read_dir(&recordings).expect("a folder").all(|file| file
            .expect("a file")
            .path()
            .extension()
            .is_some_and(|end| end == "tape"))
    );
}

#[test]
fn a_pin_is_asked_from_outside_and_guessing_ends_the_call() {
    let branch = branch();
    leave_message(&branch);
    let caller = Party::new(branch.free + 100, CALLER);
    let key_in = |keys: &[u8]| {
        for key in keys {
            caller.press(*key);
            branch.until("the key", || caller.is_idle().then_some(()));
        }
    };
    let call = carrier(&branch, "+15550109", &caller);
    branch.until("a question", || caller.heard().loud().then_some(()));
    for _ in 0..3 {
        key_in(&[2, 0, 1, HASH, 1, 2, 3, 4, HASH]);
    }
    call.succeeds();
    let status = branch.ask(&["status"]);
    let counters = status["counters"].as_array().expect("counters");
    let wrong = counters.iter().find(|line| line[0] == "wrong PINs of mailboxes").expect("a count");
    assert_eq!(wrong[1], 3, "{counters:?}");
    let call = carrier(&branch, "+15550109", &caller);
    branch.until("a question", || caller.heard().loud().then_some(()));
    key_in(&[2, 0, 1, HASH, 4, 7, 1, 1, HASH, 1]);
    let ear = &caller;
    branch.until("the caller's voice", || ear.heard().hears(CALLER).then_some(()));
    key_in(&[HASH]);
    call.succeeds();
}
