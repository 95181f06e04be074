//! What is exported is read by another's program: counts and sums are the same in JSON, in Parquet and in what was sent.

use std::path::Path;
use std::process::Command;

use branchline::driver::hub::embedded::Embedded;
use branchline::driver::hub::engine::{Batch, Engine, Outboxed};
use branchline::uplink::frame::{Class, Event};
use serde_json::{Value, json};

use super::{folder, runtime};

const READER: &str = "
import json, sys, pyarrow.parquet as parquet
table = parquet.read_table(sys.argv[1])
rows = table.to_pylist()
calls = [row for row in rows if row['kind'] == 'call']
print(json.dumps({
    'rows': table.num_rows,
    'calls': len(calls),
    'fees': sum(row['fee_millionths'] for row in calls if row['fee_millionths'] is not None),
    'seconds': sum(int((row['ended'] - row['answered']).total_seconds()) for row in calls if row['answered']),
    'texts': sum(len(row['text']) for row in rows if row['text']),
    'first': min(row['at'] for row in rows).isoformat(),
}))
";

fn branchline(arguments: &[&str]) -> String {
    let run =
        Command::new(env!("CARGO_BIN_EXE_branchline")).args(arguments).output().expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("text")
}

#[test]
fn what_is_exported_is_read_by_others_with_the_same_counts_and_sums() {
    let dir = folder("exported");
    let begins = 1_790_000_000_000_000_i64;
    let (mut fees, mut seconds, mut texts) = (0, 0, 0);
    let events: Vec<_> = (0..5_000_i64)
        .map(|n| {
            let at = begins + n * 1_000_000;
            let body = match n % 4 {
                0 => {
                    texts += 6;
                    json!({"event": "message", "at": at, "message": format!("m{n}"), "what": "arrived",
                        "conversation": "c", "contact": "p", "pieces": [{"text": "Grüezi"}]})
                }
                1 => json!({"event": "call", "at": at, "call": format!("c{n}"), "direction": "inbound",
                        "arrived": at - 9_000_000, "ended": at}),
                _ => {
                    (fees, seconds) = (fees + n, seconds + 7);
                    json!({"event": "call", "at": at, "call": format!("c{n}"), "direction": "inbound",
                        "arrived": at - 9_000_000, "answered": at - 7_000_000, "ended": at, "fee_millionths": n})
                }
            };
            Event { class: Class::CALL, body: body.to_string().into_bytes() }
        })
        .collect();
    runtime().block_on(async {
        let engine = Engine::Embedded(Embedded::open(&dir).expect("opened"));
        let of = Outboxed { site: "berne".to_owned(), epoch: "e".to_owned() };
        let kept = engine.keep(&of, Batch::Events { first: 1, events }).await;
        assert_eq!(kept, Ok(Ok(5_000)));
    });
    let (file, dir_text) = (dir.join("all.parquet"), dir.to_str().expect("a path").to_owned());
    let file_text = file.to_str().expect("a path");
    let hub = ["hub", "export", "--dir", &dir_text, "--since", "2026-01-01"];
    branchline(&[&hub[..], &["--format", "parquet", "--out", file_text]].concat());
    let lines = branchline(&hub);
    let rows: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.len(), 5_000);
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python3");
    let read = Command::new(python).args(["-c", READER, file_text]).output().expect("python");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).expect("JSON");
    let expected =
        json!({"rows": 5_000, "calls": 3_750, "fees": fees, "seconds": seconds, "texts": texts});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&read[name], value, "{name}");
    }
    let in_json: i64 = rows.iter().filter_map(|row| row["fee_millionths"].as_i64()).sum();
    assert_eq!(in_json, fees);
    let late = [&hub[..4], &["--since", "2027-01-01"]].concat();
    assert_eq!(branchline(&late), "");
    println!("pyarrow read {read}");
    std::fs::remove_dir_all(&dir).expect("cleaned up");
}
