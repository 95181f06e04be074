//! IPv6: a branch that speaks nothing else.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};

#[test]
fn a_call_over_ipv6_is_answered_and_recorded() {
    let text = "[sip]\nudp = [\"[::1]:@PORT@\"]\ntcp = [\"[::1]:@PORT@\"]\ntls = []\n\
                [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
                [[trunk]]\nname = \"carrier\"\naccept_from = [\"::1\"]\n\
                [[inbound]]\nnumber = \"+15550100\"\nto = \"echo\"\n";
    let branch = Branch::run(text, "[::1]:@PORT@");
    for (count, transport) in [(1, "u1"), (2, "t1")] {
        let keys = [
            ("from", "+15557654321".to_owned()),
            ("to", "+15550100".to_owned()),
            ("rtp", (branch.free + 100).to_string()),
            ("talk", "200".to_owned()),
        ];
        let setting = Setting {
            scenario: "trunk_hangs_up",
            port: branch.free + count,
            keys: &keys,
            account: None,
            transport,
        };
        let messages = Sipp::start(&branch, &setting).succeeds();
        assert!(
            messages.contains("c=IN IP6 ::1"),
            "sound is offered over IPv6 as well: {messages}"
        );
        let record = branch.record(usize::from(count));
        assert_eq!(record["cause"], "completed", "{record}");
    }
}
