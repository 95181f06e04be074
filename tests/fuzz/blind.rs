//! Inputs of the corpus, turned over by chance: less than what cargo-fuzz finds, on stable Rust and without anything else.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use branchline::random::Random;

use crate::targets;

/// How long each target is tried unless `BRANCHLINE_FUZZ_S` says how many seconds.
const USUAL: Duration = Duration::from_millis(300);
/// Changes of one input at most.
const CHANGES: u64 = 8;
/// Octets of the longest input that is made.
const LONGEST: usize = 8 << 10;
/// What parsers look for.
const TOKENS: [&[u8]; 12] = [
    b"\r\n",
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"+CMGL: ",
    b"\"",
    b",",
    b"0",
    b"-1",
    b"99999999999",
    b"\x1b",
];

/// One more change of an input, perhaps with a piece of another.
fn change(random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(input.len() as u64 + 1) as usize;
    match random.below(6) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.below(256) as u8,
        2 => input.truncate(at),
        3 => {
            let token = TOKENS[random.below(TOKENS.len() as u64) as usize];
            input.splice(at..at, token.iter().copied());
        }
        4 => {
            let (from, to) =
                (random.below(other.len() as u64 + 1), random.below(other.len() as u64 + 1));
            let piece = &other[from.min(to) as usize..from.max(to) as usize];
            input.splice(at..at, piece.iter().copied());
        }
        _ => {
            let end = at + random.below((input.len() - at) as u64 + 1) as usize;
            input.drain(at..end);
        }
    }
    input.truncate(LONGEST);
}

#[test]
fn inputs_turned_over_by_chance_are_taken_without_a_panic() {
    let seconds = std::env::var("BRANCHLINE_FUZZ_S").ok().and_then(|text| text.parse().ok());
    let (time, only) =
        (seconds.map_or(USUAL, Duration::from_secs), std::env::var("BRANCHLINE_FUZZ"));
    let chosen = |name: &str| only.as_ref().is_ok_and(|only| only == name) || only.is_err();
    for (name, target) in targets::ALL.iter().filter(|(name, _)| chosen(name)) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let files =
            std::fs::read_dir(&folder).expect("a corpus").map(|file| file.expect("a file").path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        let corpus: Vec<_> =
            files.iter().map(|file| std::fs::read(file).expect("it can be read")).collect();
        let (mut random, mut count) = (Random::from_number(6), 0_u64);
        let end = Instant::now() + time;
        while Instant::now() < end {
            let mut any = || &corpus[random.below(corpus.len() as u64) as usize];
            let (mut input, other) = (any().clone(), any().clone());
            for _ in 0..=random.below(CHANGES) {
                change(&mut random, &mut input, &other);
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
                let hex: String = input.iter().map(|octet| format!("{octet:02x}")).collect();
                println!("{name} does not take {hex}");
                resume_unwind(panic);
            }
            count += 1;
        }
        println!("{name}: {count} inputs in {time:?}");
    }
}
