//! What `firmware-config/webhooks.md` tells a receiver's programmer is true.

use crate::receiver::python;

const PAGE: &str = include_str!("../../firmware-config/webhooks.md");

#[test]
fn the_program_on_the_page_takes_the_example_on_the_page_and_nothing_else() {
    let program = PAGE.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = program.expect("a program");
    for part in [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        "{\"test\": 2432232314}",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ] {
        assert!(PAGE.contains(part), "{part} is the example that is tried here");
    }
    let tried = format!(
        "{program}
headers = {{'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='}}
secret, body, now = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', b'{{\"test\": 2432232314}}', 1614265331
assert is_from_the_box(secret, headers, body, now)
assert not is_from_the_box(secret, headers, body + b' ', now)
assert not is_from_the_box(secret, headers, body, now + 301)
assert not is_from_the_box(secret, headers | {{'webhook-id': 'msg'}}, body, now)
assert not is_from_the_box('whsec_' + 'A' * 32, headers, body, now)
"
    );
    let output = python().args(["-c", &tried]).output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
